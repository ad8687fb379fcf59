/**
 * What an ask can end with besides a reply, and what the runtime itself refuses.
 *
 * @module
 */

/** Base of every error of the runtime; `code` is stable, the message is for people. */
export class ActorError extends Error {
  /** Stable name of the kind of error. */
  readonly code: string;
  /** `code` is the stable name, `options.cause` what led to it. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ActorError";
    this.code = code;
  }
}

/** No reply within the time given. The message may still be handled later, or expire unread. */
export class AskTimeout extends ActorError {
  /** Code `ask_timeout`: `type` was asked of `path`, `timeoutMs` ago. */
  constructor(path: string, type: string, timeoutMs: number) {
    super(
      "ask_timeout",
      `Cannot get a reply of "${type}" from ${path}: none within ${timeoutMs} ms`,
    );
    this.name = "AskTimeout";
  }
}

/** The actor has stopped for good, or does not exist. */
export class ActorStopped extends ActorError {
  /** Code `actor_stopped`: `type` was meant for `path`. */
  constructor(path: string, type: string) {
    super("actor_stopped", `Cannot deliver "${type}" to ${path}: the actor is stopped`);
    this.name = "ActorStopped";
  }
}

/**
 * The actor is down, and its supervisor starts it only after whoever asks has ended, or has started: to
 * wait for the reply would be to wait for ever. The message stays in the mailbox and is handled then.
 */
export class ActorDown extends ActorError {
  /** Code `actor_down`: `type` waits at `path`. */
  constructor(path: string, type: string) {
    super(
      "actor_down",
      `Cannot wait for a reply of "${type}" from ${path}: it is down, and its supervisor waits for ` +
        "whoever asks; the message is queued",
    );
    this.name = "ActorDown";
  }
}

/** The mailbox was full, or a newer message with the same key took the place. */
export class Overflow extends ActorError {
  /** Code `overflow`: `type` was meant for `path`; `why` ends the message. */
  constructor(path: string, type: string, why: string) {
    super("overflow", `Cannot deliver "${type}" to ${path}: ${why}`);
    this.name = "Overflow";
  }
}

/** The actor crashed on this message; `cause` is what it threw. */
export class ActorFailed extends ActorError {
  /** Code `actor_failed`: the handler of `type` at `path` threw `cause`. */
  constructor(path: string, type: string, cause: unknown) {
    super("actor_failed", `Cannot get a reply of "${type}" from ${path}: ${textOf(cause)}`, {
      cause,
    });
    this.name = "ActorFailed";
  }
}

/** A first init failed, so the start of everything above it failed. */
export class StartFailed extends ActorError {
  /** Code `start_failed`: the init at `path` threw `cause`. */
  constructor(path: string, cause: unknown) {
    super("start_failed", `Cannot start ${path}: ${textOf(cause)}`, { cause });
    this.name = "StartFailed";
  }
}

/** A supervisor saw more restarts than its intensity allows. */
export class IntensityReached extends ActorError {
  /**
   * Code `intensity_reached`: the supervisor at `path` restarted `child` more than `intensity`
   * times in `periodMs`; `cause` is the last error.
   */
  constructor(path: string, child: string, intensity: number, periodMs: number, cause: unknown) {
    super(
      "intensity_reached",
      `Cannot restart ${child} again: ${path} allows ${intensity} restarts in ${periodMs} ms: ` +
        `last error is ${textOf(cause)}`,
      { cause },
    );
    this.name = "IntensityReached";
  }
}

/** A message from outside that its protocol refuses. */
export class InvalidMessage extends ActorError {
  /** What is wrong where: `path` is dotted. */
  readonly issues: ReadonlyArray<{ path: string; message: string }>;
  /** Code `invalid_message`; no `issues` when the message itself is unknown. */
  constructor(message: string, issues: ReadonlyArray<{ path: string; message: string }> = []) {
    super("invalid_message", message);
    this.name = "InvalidMessage";
    this.issues = issues;
  }
}

/**
 * An error that is made when somebody looks: making one costs more than the restart it tells of,
 * and most are only ever counted.
 */
export class LateError {
  readonly #make: () => Error;
  /** Keeps `make`, which each look calls. */
  constructor(make: () => Error) {
    this.#make = make;
  }

  /** The error itself, made now. */
  make(): Error {
    return this.#make();
  }
}

/** A short text of anything thrown. */
export function textOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message || cause.name;
  try {
    return String(cause);
  } catch {
    return "an error that has no text";
  }
}

/** Causes that are looked through: parts of a tree lie some four deep. A bound against cycles. */
const CAUSES_MAX = 8;

/** An error and what caused it, outermost first; none for what is no error. */
export function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let found = error; found instanceof Error && causes.length < CAUSES_MAX;) {
    causes.push(found);
    found = found.cause;
  }
  return causes;
}
