/**
 * Dead letters as one list: those of the running system, each written to the store under the number
 * that it keeps over restarts, and those that the store has from before.
 *
 * ## Numbers
 * Before anything is listed, what waits is written, so that every letter has its number in the store
 * by then. A letter that could not be written (a full disk, a flood) has a number of its own above
 * {@linkcode UNWRITTEN_IDS}, for as long as the process remembers it. No letter has both.
 *
 * ## Sending again
 * While the payload is in memory it is sent as it was. One that was read back from the store is sent
 * as if it came from outside: its message must be no internal one, and its payload must be of the
 * protocol's shape. Then it leaves the store: a crash in between sends it twice rather than never.
 *
 * Writes and changes happen one after another.
 *
 * @module
 */

import type { TellResult } from "../actor/actor.ts";
import type { DeadLetter, DeadLetters } from "../actor/dead_letters.ts";
import { ActorDown } from "../actor/errors.ts";
import {
  type BuryResult,
  type Letter,
  LETTER_BOUNDS,
  type LetterFilter,
  type NewLetter,
  type Refused,
} from "../store/port.ts";
import type {
  KeptLetter,
  LetterCounts,
  LetterQuery,
  LettersPort,
  PlannedReplay,
  Replayed,
} from "./port.ts";
import { HttpProblem } from "./problem.ts";

/** What it asks of the store; each rejects when the store does not answer. */
export interface LetterStore {
  buryLetters(letters: readonly NewLetter[]): Promise<BuryResult>;
  letters(filter: LetterFilter, limit: number): Promise<readonly Letter[]>;
  dropLetters(filter: LetterFilter): Promise<{ readonly state: "dropped" } | Refused>;
  /** Letters held. */
  count(): Promise<number>;
}

/** What it asks of the running system. */
export interface LetterSystem {
  readonly deadLetters: DeadLetters;
  /** Sends a payload as it is; false when it was refused, and is a dead letter anew. */
  replayDeadLetter(path: string, type: string, payload: unknown): boolean;
  /** Sends what came from outside; throws for a wrong message. */
  tellFromOutside(path: string, type: string, payload: unknown): TellResult;
  /** What would keep either from being handled now; null = nothing. */
  replayProblem(
    path: string,
    type: string,
    payload: unknown,
    how: "as_sent" | "checked",
  ): Error | null;
}

/** Above every number that the store gives; with the numbers of a run still exact as doubles. */
export const UNWRITTEN_IDS = 1e12;

/** Letters that wait for a write; a flood beyond them is not written. */
const WAITING_MAX = 1_000;
/** Letters of the running system that it knows by their numbers in the store: as many as it keeps. */
const KNOWN_MAX = 10_000;
/** Accounted bytes above which JSON is certainly above its bound, whatever it holds. */
const PAYLOAD_BYTES_MAX = 4 * LETTER_BOUNDS.payloadChars;

/** Counts of what became of letters. */
export interface KeptCounts {
  readonly written: number;
  /** Not written: refused, or beyond what may wait. */
  readonly left: number;
  readonly waiting: number;
}

/** See the module's text. */
export class KeptLetters implements LettersPort {
  readonly #store: LetterStore;
  readonly #system: LetterSystem;
  #waiting: { readonly liveId: number; readonly letter: NewLetter }[] = [];
  /** Number in the store → number in the running system. */
  readonly #live = new Map<number, number>();
  /** Numbers in the running system of those that were not written. */
  readonly #unwritten = new Set<number>();
  #lastLiveId = 0;
  #written = 0;
  #left = 0;
  #givenUp = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** Knows nothing yet; see {@linkcode KeptLetters.catchUp}. */
  constructor(store: LetterStore, system: LetterSystem) {
    this.#store = store;
    this.#system = system;
  }

  /** Takes what the system has and this one has not seen, those to `except` left out. */
  catchUp(except: string): void {
    for (const letter of this.#system.deadLetters.list({}, Infinity)) {
      if (letter.id > this.#lastLiveId) this.take(letter, letter.path !== except);
    }
  }

  /** A message died; `writes` says whether it is to be written. O(payload). */
  take(letter: DeadLetter, writes: boolean): void {
    this.#lastLiveId = letter.id;
    if (writes && this.#waiting.length < WAITING_MAX) {
      this.#waiting.push({ liveId: letter.id, letter: newLetter(letter) });
    } else {
      this.#left += writes ? 1 : 0;
      this.#leave(letter.id);
    }
  }

  /** Writes what waits. Null when it went well, else why not. */
  write(): Promise<string | null> {
    return this.#inTurn(() => this.#write());
  }

  /** See {@linkcode KeptCounts}. */
  get status(): KeptCounts {
    return { written: this.#written, left: this.#left, waiting: this.#waiting.length };
  }

  list(query: LetterQuery): Promise<KeptLetter[]> {
    return this.#inTurn(async () => {
      await this.#write();
      return query.isLatestFirst === true ? await this.#latest(query) : await this.#oldest(query);
    });
  }

  async #oldest(query: LetterQuery): Promise<KeptLetter[]> {
    const { afterId, limit } = query;
    const stored = afterId >= UNWRITTEN_IDS
      ? []
      : await this.#store.letters({ ...filterOf(query), afterId }, limit);
    const found = stored.map((letter) => this.#shown(letter));
    for (const letter of this.#unwrittenOnes()) {
      if (found.length >= limit) break;
      if (matches(letter, query)) found.push(letter);
    }
    return found;
  }

  /** Numbers of letters that were not written are above all others. */
  async #latest(query: LetterQuery): Promise<KeptLetter[]> {
    const { afterId, limit } = query;
    const found = this.#unwrittenOnes().filter((letter) => matches(letter, query))
      .reverse().slice(0, limit);
    const left = limit - found.length;
    if (left === 0 || afterId >= UNWRITTEN_IDS) return found;
    const filter = { ...filterOf(query), afterId, isLatestFirst: true };
    const stored = await this.#store.letters(filter, left);
    return [...found, ...stored.map((letter) => this.#shown(letter))];
  }

  get(id: number): Promise<KeptLetter | null> {
    return this.#inTurn(async () => (await this.#found([id])).get(id) ?? null);
  }

  replay(ids: readonly number[]): Promise<Replayed[]> {
    return this.#inTurn(async () => {
      const found = await this.#found(ids);
      const replayed = ids.map((id): Replayed => this.#replayed(id, found.get(id)));
      const gone = replayed.filter(({ state }) => state === "accepted" || state === "refused");
      const refused = await this.#forget(gone.map(({ id }) => id));
      if (refused === null) return replayed;
      const problem = new HttpProblem(
        503,
        refused.code,
        `Sent again, but cannot leave the store: ${refused.message}`,
      );
      return replayed.map((one) =>
        one.state === "accepted" && one.id < UNWRITTEN_IDS
          ? { id: one.id, state: "failed", error: problem }
          : one
      );
    });
  }

  plan(ids: readonly number[]): Promise<PlannedReplay[]> {
    return this.#inTurn(async () => {
      const found = await this.#found(ids);
      return ids.flatMap((id): PlannedReplay[] => {
        const letter = found.get(id);
        if (letter === undefined) return [];
        const { path, type, payload, replay } = letter;
        const problem = replay === "never"
          ? payloadProblem(id)
          : this.#system.replayProblem(path, type, payload, replay);
        return [{ id, path, type, problem }];
      });
    });
  }

  drop(ids: readonly number[]): Promise<number> {
    return this.#inTurn(async () => {
      const found = [...(await this.#found(ids)).keys()];
      const refused = await this.#forget(found);
      if (refused === null) return found.length;
      throw new HttpProblem(503, refused.code, `Cannot drop letters: ${refused.message}`);
    });
  }

  async counts(): Promise<LetterCounts> {
    const stored = await this.#store.count();
    const kept = stored + this.#waiting.length + this.#unwrittenOnes().length;
    return { counts: { ...this.#system.deadLetters.counts }, kept, evicted: this.#givenUp };
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #write(): Promise<string | null> {
    const batch = this.#waiting;
    if (batch.length === 0) return null;
    this.#waiting = [];
    let result: BuryResult;
    try {
      result = await this.#store.buryLetters(batch.map(({ letter }) => letter));
    } catch (error) {
      // The store is being restarted: they wait in its mailbox.
      if (error instanceof ActorDown) {
        this.#written += batch.length;
        return null;
      }
      // It may be written all the same: shown from here too, it would stand there twice.
      this.#left += batch.length;
      this.#givenUp += batch.length;
      return error instanceof Error ? error.message : String(error);
    }
    if (result.state === "refused") {
      this.#left += batch.length;
      for (const { liveId } of batch) this.#leave(liveId);
      return result.message;
    }
    this.#written += batch.length;
    const before = result.lastId - batch.length;
    for (const [i, { liveId }] of batch.entries()) {
      if (this.#live.size >= KNOWN_MAX) this.#live.delete(this.#live.keys().next().value as number);
      this.#live.set(before + i + 1, liveId);
    }
    return null;
  }

  #leave(liveId: number): void {
    if (this.#unwritten.size >= KNOWN_MAX) {
      this.#unwritten.delete(this.#unwritten.keys().next().value as number);
      this.#givenUp++;
    }
    this.#unwritten.add(liveId);
  }

  /** Those of the running system that the store does not have, by their numbers. */
  #unwrittenOnes(): KeptLetter[] {
    const found: KeptLetter[] = [];
    for (const liveId of this.#unwritten) {
      const letter = this.#system.deadLetters.get(liveId);
      if (letter === null) {
        this.#unwritten.delete(liveId);
        this.#givenUp++;
      } else found.push({ ...letter, id: UNWRITTEN_IDS + liveId, replay: "as_sent" });
    }
    return found.sort((a, b) => a.id - b.id);
  }

  #liveOf(id: number): DeadLetter | null {
    const liveId = id > UNWRITTEN_IDS ? id - UNWRITTEN_IDS : this.#live.get(id);
    if (liveId === undefined) return null;
    if (id > UNWRITTEN_IDS && !this.#unwritten.has(liveId)) return null;
    const letter = this.#system.deadLetters.get(liveId);
    if (letter === null) this.#live.delete(id);
    return letter;
  }

  #shown(stored: Letter): KeptLetter {
    const { id, atMs: at, path, type, reason, error } = stored;
    const live = this.#liveOf(id);
    if (live !== null) return { ...live, id, replay: "as_sent" };
    const isKept = stored.payload !== null;
    const payload: unknown = stored.payload === null ? null : JSON.parse(stored.payload);
    const about = { id, at, path, type, reason, error, payload };
    return { ...about, cause: null, bytes: null, replay: isKept ? "checked" : "never" };
  }

  async #found(ids: readonly number[]): Promise<Map<number, KeptLetter>> {
    const found = new Map<number, KeptLetter>();
    const stored = ids.filter((id) => id <= UNWRITTEN_IDS);
    if (stored.length > 0) {
      for (const letter of await this.#store.letters({ ids: stored }, stored.length)) {
        found.set(letter.id, this.#shown(letter));
      }
    }
    for (const id of ids) {
      const live = id > UNWRITTEN_IDS ? this.#liveOf(id) : null;
      if (live !== null) found.set(id, { ...live, id, replay: "as_sent" });
    }
    return found;
  }

  #replayed(id: number, letter: KeptLetter | undefined): Replayed {
    if (letter === undefined) return { id, state: "unknown" };
    const { path, type, payload } = letter;
    if (letter.replay === "as_sent") {
      const isTaken = this.#system.replayDeadLetter(path, type, payload);
      return { id, state: isTaken ? "accepted" : "refused" };
    }
    if (letter.replay === "never") {
      return { id, state: "failed", error: payloadProblem(id) };
    }
    try {
      const result = this.#system.tellFromOutside(path, type, payload);
      return { id, state: result === "accepted" ? "accepted" : "refused" };
    } catch (error) {
      return { id, state: "failed", error };
    }
  }

  /** Takes letters off the list, wherever they are. */
  async #forget(ids: readonly number[]): Promise<Refused | null> {
    const stored = ids.filter((id) => id <= UNWRITTEN_IDS);
    if (stored.length > 0) {
      const result = await this.#store.dropLetters({ ids: stored });
      if (result.state === "refused") return result;
    }
    for (const id of ids) {
      const live = this.#liveOf(id);
      if (live === null) continue;
      this.#system.deadLetters.drop(live.id);
      this.#live.delete(id);
      this.#unwritten.delete(live.id);
    }
    return null;
  }
}

function payloadProblem(id: number): HttpProblem {
  const detail = `Cannot send letter ${id} again: its payload could not be kept as JSON`;
  return new HttpProblem(409, "no_payload", detail);
}

function filterOf({ path, type, reason, beforeId }: LetterQuery): LetterFilter {
  return {
    ...(beforeId === undefined ? {} : { beforeId }),
    ...(path === undefined ? {} : { path }),
    ...(type === undefined ? {} : { type }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function matches(
  letter: KeptLetter,
  { path, type, reason, afterId, beforeId }: LetterQuery,
): boolean {
  return letter.id > afterId && (beforeId === undefined || letter.id < beforeId) &&
    (path === undefined || path === letter.path) &&
    (type === undefined || type === letter.type) &&
    (reason === undefined || reason === letter.reason);
}

function newLetter(letter: DeadLetter): NewLetter {
  return {
    atMs: letter.at,
    path: letter.path,
    type: letter.type,
    reason: letter.reason,
    error: letter.error,
    payload: letter.bytes > PAYLOAD_BYTES_MAX ? null : jsonOf(letter.payload),
  };
}

/** Null for what JSON cannot hold or what is above the bound. */
function jsonOf(payload: unknown): string | null {
  try {
    const json = JSON.stringify(
      payload,
      (_key, value) => ArrayBuffer.isView(value) ? [...value as Float64Array] : value,
    );
    return json === undefined || json.length > LETTER_BOUNDS.payloadChars ? null : json;
  } catch {
    return null;
  }
}
