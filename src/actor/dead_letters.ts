/**
 * Dead letters: every message that ended without being handled, with the reason.
 *
 * - Counts are exact, by reason, for as long as the system lives.
 * - Bodies are kept up to a bound in number and bytes; the oldest give way, and that is counted.
 * - A letter can be replayed: it is sent to its path again as a new message, and leaves the list.
 *
 * @module
 */

import { textOf } from "./errors.ts";

/** Why a message was not handled. */
export type DeadReason = "overflow" | "stopped" | "crashed" | "unhandled" | "expired";

/** All reasons. */
export const DEAD_REASONS: readonly DeadReason[] = [
  "overflow",
  "stopped",
  "crashed",
  "unhandled",
  "expired",
];

/** One message that was not handled. */
export interface DeadLetter {
  /** Number of the letter in its system; a later one has a higher number. */
  readonly id: number;
  /** Epoch ms UTC. */
  readonly at: number;
  /** Absolute path that the message was sent to. */
  readonly path: string;
  /** Name of the message in the protocol of its receiver. */
  readonly type: string;
  /** The payload as sent; columns that had moved to a thread are gone. */
  readonly payload: unknown;
  /** Why it was not handled. */
  readonly reason: DeadReason;
  /** What was thrown, for `crashed`. */
  readonly error: string | null;
  /** Causation id of the message. */
  readonly cause: number;
  /** Size as accounted by the mailbox, an estimate. */
  readonly bytes: number;
}

/** Which letters; every given part must match. */
export interface DeadLetterFilter {
  /** Exactly this absolute path. */
  readonly path?: string;
  /** Messages of this name. */
  readonly type?: string;
  /** Letters with this reason. */
  readonly reason?: DeadReason;
}

/** Bounds of the kept bodies. */
export interface DeadLetterOptions {
  /** Letters kept; default 10,000: what a person or a replay can look through. */
  readonly keepMax?: number;
  /** Accounted bytes kept; default 16 MiB. */
  readonly keepBytesMax?: number;
}

/** Told of every dead letter, kept or not; must not throw. */
export type DeadLetterListener = (letter: DeadLetter) => void;

/** The dead letters of one system. */
export class DeadLetters {
  /** Letters ever, by reason, kept or not. */
  readonly counts: Record<DeadReason, number> = {
    overflow: 0,
    stopped: 0,
    crashed: 0,
    unhandled: 0,
    expired: 0,
  };
  /** Bodies given up because of the bounds. */
  evicted = 0;
  readonly #keepMax: number;
  readonly #keepBytesMax: number;
  /** Insertion order is age. */
  readonly #kept = new Map<number, DeadLetter>();
  #bytes = 0;
  #nextId = 1;
  readonly #listeners = new Set<DeadLetterListener>();

  /** Empty; with the defaults at most 10,000 letters and 16 MiB are kept. */
  constructor(options: DeadLetterOptions = {}) {
    this.#keepMax = options.keepMax ?? 10_000;
    this.#keepBytesMax = options.keepBytesMax ?? 16 * 1024 * 1024;
  }

  /** All dead letters ever, kept or not. */
  get total(): number {
    const c = this.counts;
    return c.overflow + c.stopped + c.crashed + c.unhandled + c.expired;
  }

  /** Letters whose body is kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** Accounted bytes of the kept letters. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Records a letter. O(1) amortised. */
  add(letter: Omit<DeadLetter, "id" | "error">, error: unknown = null): void {
    this.counts[letter.reason]++;
    const keeps = letter.bytes <= this.#keepBytesMax && this.#keepMax >= 1;
    if (!keeps) this.evicted++;
    if (!keeps && this.#listeners.size === 0) return;
    const added = { ...letter, id: this.#nextId++, error: error === null ? null : textOf(error) };
    if (keeps) {
      this.#kept.set(added.id, added);
      this.#bytes += added.bytes;
      this.#evict();
    }
    for (const listener of this.#listeners) listener(added);
  }

  #evict(): void {
    for (const [id, letter] of this.#kept) {
      if (this.#kept.size <= this.#keepMax && this.#bytes <= this.#keepBytesMax) return;
      this.#kept.delete(id);
      this.#bytes -= letter.bytes;
      this.evicted++;
    }
  }

  /** Kept letters, oldest first, at most `limit`. O(kept). */
  list(filter: DeadLetterFilter = {}, limit = 1_000): DeadLetter[] {
    const found: DeadLetter[] = [];
    for (const letter of this.#kept.values()) {
      if (found.length >= limit) break;
      if (matches(letter, filter)) found.push(letter);
    }
    return found;
  }

  /** One kept letter, or null. */
  get(id: number): DeadLetter | null {
    return this.#kept.get(id) ?? null;
  }

  /** Takes kept letters out; returns them. */
  take(filter: DeadLetterFilter = {}, limit = Infinity): DeadLetter[] {
    const taken = this.list(filter, limit);
    for (const letter of taken) this.drop(letter.id);
    return taken;
  }

  /** Forgets one body; its count stays. False when it is not kept. */
  drop(id: number): boolean {
    const letter = this.#kept.get(id);
    if (letter === undefined) return false;
    this.#kept.delete(id);
    this.#bytes -= letter.bytes;
    return true;
  }

  /** Calls `listener` for each letter from now on; returns what ends it. */
  subscribe(listener: DeadLetterListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  return (filter.path === undefined || filter.path === letter.path) &&
    (filter.type === undefined || filter.type === letter.type) &&
    (filter.reason === undefined || filter.reason === letter.reason);
}
