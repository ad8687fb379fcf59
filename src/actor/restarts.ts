/**
 * The history of restarts of a system: what was restarted, ended for good or gave up, when, on whose
 * account, and with what error.
 *
 * - The last {@linkcode RESTARTS_KEPT} records over the whole tree are kept, and the last
 *   {@linkcode RESTARTS_KEPT_PER_PATH} of each path, so that a node that restarts all the time does
 *   not take the past of the others away.
 * - A restart is noted when it is decided; it is under way until its node runs again, or fails to.
 * - Noting is O(1) and makes no text of an error that is made late: most are only ever counted.
 *
 * @module
 */

import { LateError, textOf } from "./errors.ts";

/**
 * What happened: a node was restarted; it ended and is not started again; a supervisor saw more
 * restarts than it allows and gave up.
 */
export type RestartEvent = "restarted" | "ended" | "gave_up";

/**
 * On whose account: it failed; it ended by itself; a sibling failed and the strategy took it along;
 * its supervisor was restarted, stopped or gave up; somebody asked for it.
 */
export type RestartCause = "failure" | "exit" | "sibling" | "parent" | "request";

/** What became of a restart. */
export type RestartOutcome = "under_way" | "up" | "failed";

/** All events. */
export const RESTART_EVENTS = ["restarted", "ended", "gave_up"] as const;
/** All causes. */
export const RESTART_CAUSES = ["failure", "exit", "sibling", "parent", "request"] as const;
/** All outcomes. */
export const RESTART_OUTCOMES = ["under_way", "up", "failed"] as const;

/** One line of the history. */
export interface RestartRecord {
  /** Ascending, without gaps, for the life of the system. */
  readonly id: number;
  /** Epoch ms UTC. */
  readonly at: number;
  /** Absolute path. */
  readonly path: string;
  /** What happened. */
  readonly event: RestartEvent;
  /** Incarnation that ended. */
  readonly incarnation: number;
  /** On whose account. */
  readonly cause: RestartCause;
  /**
   * Whose: the sibling, the supervisor, or the child that made a supervisor give up; null when it
   * is the node itself, or whoever asked.
   */
  readonly by: string | null;
  /** What was thrown, at most {@linkcode RESTART_ERROR_CHARS_MAX} characters; null = nothing. */
  readonly error: string | null;
  /** Null for what is no restart. */
  readonly outcome: RestartOutcome | null;
  /** From the decision until it ran again, or failed to; null before. */
  readonly tookMs: number | null;
}

/** Which records; every given part must match. */
export interface RestartQuery {
  /** This absolute path. */
  readonly path?: string;
  /** With what is below the path, as far as the history of the whole tree reaches. */
  readonly below?: boolean;
  /** Most of them, the latest first; default all. */
  readonly limit?: number;
}

/** Records kept over the whole tree: hours of a bad day, and some 100 kB. */
export const RESTARTS_KEPT = 512;
/** Records kept of each path: more than an intensity allows in many periods. */
export const RESTARTS_KEPT_PER_PATH = 32;
/** Paths whose own past is kept, those with the latest records: several times a usual tree. */
export const RESTART_PATHS_MAX = 256;
/** Characters of an error: its first lines; the log has all of it. */
export const RESTART_ERROR_CHARS_MAX = 512;

/** Told of each record when it is noted; must not throw and must not touch the tree. */
export type RestartListener = (record: RestartRecord) => void;

/** A record while its restart is under way. */
export class NotedRestart {
  /** Null for what is no restart. */
  outcome: RestartOutcome | null;
  /** Null before it ran again, or failed to. */
  tookMs: number | null = null;

  /** @internal */
  constructor(
    readonly id: number,
    readonly at: number,
    readonly path: string,
    readonly event: RestartEvent,
    readonly incarnation: number,
    readonly cause: RestartCause,
    readonly by: string | null,
    readonly failure: unknown,
  ) {
    this.outcome = event === "restarted" ? "under_way" : null;
  }

  /** It runs again, or could not be started; later calls change nothing. */
  settle(outcome: "up" | "failed", at: number): void {
    if (this.outcome !== "under_way") return;
    this.outcome = outcome;
    this.tookMs = Math.max(0, at - this.at);
  }

  /** As plain data. */
  get record(): RestartRecord {
    const { id, at, path, event, incarnation, cause, by, outcome, tookMs } = this;
    const error = errorText(this.failure);
    return { id, at, path, event, incarnation, cause, by, error, outcome, tookMs };
  }
}

/** See the module's text. */
export class RestartHistory {
  /** Record of id i lies at i mod {@linkcode RESTARTS_KEPT}. */
  readonly #ring: NotedRestart[] = [];
  /** Oldest first, in the order of their latest record. */
  readonly #byPath = new Map<string, NotedRestart[]>();
  readonly #listeners = new Set<RestartListener>();
  #lastId = 0;

  /** Records ever, kept or not. */
  get total(): number {
    return this.#lastId;
  }

  /** Records of the whole tree that are kept. */
  get kept(): number {
    return Math.min(this.#lastId, RESTARTS_KEPT);
  }

  /** Notes what happened; a restart is to be settled by the caller. */
  note(what: {
    readonly at: number;
    readonly path: string;
    readonly event: RestartEvent;
    readonly incarnation: number;
    readonly cause: RestartCause;
    readonly by?: string | null;
    /** What was thrown, or the `LateError` of it; null = nothing. */
    readonly failure?: unknown;
  }): NotedRestart {
    const { at, path, event, incarnation, cause, by = null, failure = null } = what;
    const kept = failure instanceof LateError ? failure : errorText(failure);
    const noted = new NotedRestart(++this.#lastId, at, path, event, incarnation, cause, by, kept);
    this.#ring[noted.id % RESTARTS_KEPT] = noted;
    this.#noteAt(path, noted);
    if (this.#listeners.size > 0) {
      const { record } = noted;
      for (const listener of this.#listeners) listener(record);
    }
    return noted;
  }

  #noteAt(path: string, noted: NotedRestart): void {
    const own = this.#byPath.get(path) ?? [];
    own.push(noted);
    if (own.length > RESTARTS_KEPT_PER_PATH) own.shift();
    // The latest path lies last.
    this.#byPath.delete(path);
    this.#byPath.set(path, own);
    if (this.#byPath.size <= RESTART_PATHS_MAX) return;
    this.#byPath.delete(this.#byPath.keys().next().value as string);
  }

  /** Kept records, the latest first. O(kept). */
  list({ path, below = false, limit = Infinity }: RestartQuery = {}): RestartRecord[] {
    const found: RestartRecord[] = [];
    for (const noted of this.#latestFirst(path, below)) {
      if (found.length >= limit) break;
      found.push(noted.record);
    }
    return found;
  }

  #latestFirst(path: string | undefined, below: boolean): Iterable<NotedRestart> {
    if (path === undefined) return this.#whole();
    const own = (this.#byPath.get(path) ?? []).toReversed();
    if (!below) return own;
    const under = [...this.#whole()].filter((noted) => noted.path.startsWith(`${path}/`));
    return [...own, ...under].sort((a, b) => b.id - a.id);
  }

  *#whole(): Generator<NotedRestart> {
    const first = this.#lastId - this.kept + 1;
    for (let id = this.#lastId; id >= first; id--) {
      yield this.#ring[id % RESTARTS_KEPT] as NotedRestart;
    }
  }

  /** Calls `listener` for each record from now on; returns what ends it. */
  subscribe(listener: RestartListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function errorText(failure: unknown): string | null {
  if (failure === null || failure === undefined) return null;
  const text = textOf(failure instanceof LateError ? failure.make() : failure);
  return text.slice(0, RESTART_ERROR_CHARS_MAX);
}
