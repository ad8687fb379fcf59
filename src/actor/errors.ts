/**
 * What an ask can end with besides a reply, and what the runtime itself refuses.
 *
 * @module
 */

/** Base of every error of the runtime; `code` is stable, the message is for people. */
export class ActorError extends Error {
  /** Stable name of the kind of error. */
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ActorError";
    this.code = code;
  }
}

/** No reply within the time given. The message may still be handled later, or expire unread. */
export class AskTimeout extends ActorError {
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
  constructor(path: string, type: string) {
    super("actor_stopped", `Cannot deliver "${type}" to ${path}: the actor is stopped`);
    this.name = "ActorStopped";
  }
}

/** The mailbox was full, or a newer message with the same key took the place. */
export class Overflow extends ActorError {
  constructor(path: string, type: string, why: string) {
    super("overflow", `Cannot deliver "${type}" to ${path}: ${why}`);
    this.name = "Overflow";
  }
}

/** The actor crashed on this message; `cause` is what it threw. */
export class ActorFailed extends ActorError {
  constructor(path: string, type: string, cause: unknown) {
    super("actor_failed", `Cannot get a reply of "${type}" from ${path}: ${textOf(cause)}`, {
      cause,
    });
    this.name = "ActorFailed";
  }
}

/** A first init failed, so the start of everything above it failed. */
export class StartFailed extends ActorError {
  constructor(path: string, cause: unknown) {
    super("start_failed", `Cannot start ${path}: ${textOf(cause)}`, { cause });
    this.name = "StartFailed";
  }
}

/** A supervisor saw more restarts than its intensity allows. */
export class IntensityReached extends ActorError {
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
