/**
 * What happens in the shards of an isolate, for whoever learns from it: reads by users, and entries
 * that were stored, in their order. It is emptied now and then; what finds no room is lost and
 * counted, so that a reader never waits for whoever listens.
 *
 * @module
 */

import type { Origin } from "./types.ts";

/** How a read was answered, in the order of their numbers; `elsewhere` not by this cache. */
export const READ_ANSWERS = ["fresh", "stale", "waited", "elsewhere"] as const;

/** See {@linkcode READ_ANSWERS}. */
export type ReadAnswer = (typeof READ_ANSWERS)[number];

/** An entry that was stored; times are left from now, ms. */
export interface StoredNote {
  /** Its key. */
  readonly key: string;
  /** Who put it in. */
  readonly origin: Origin;
  /** Until it is stale. */
  readonly softLeftMs: number;
  /** Until it is gone. */
  readonly hardLeftMs: number;
  /** As the cache accounts it. */
  readonly weightBytes: number;
}

/** Told of what happened, in order. */
export interface AccessReader {
  /** Somebody has read a key. */
  accessed(key: string, answer: ReadAnswer, user: string | null, sector: string | null): void;
  /** An entry was stored. */
  stored(note: StoredNote): void;
}

/**
 * Reads kept between two drains. Emptied every 100 ms these are 40,000 a second: all of what a day's
 * peak brings, and a sample of a flood, whose recording then costs no more than that either.
 */
export const READS_KEPT_MAX = 4_096;

/** Entries kept between two drains: more than a provider can answer in that time. */
export const STORED_KEPT_MAX = 4_096;

/** Numbers of the answers, for callers in a hurry. */
export const Answer = { fresh: 0, stale: 1, waited: 2, elsewhere: 3 } as const;

/** Stands for a stored entry among the answers. */
const STORED = 255;
const NOTES_MAX = READS_KEPT_MAX + STORED_KEPT_MAX;

/** See the head of this file. Notes nothing until somebody listens. */
export class AccessLog {
  readonly #keys = new Array<string>(NOTES_MAX).fill("");
  readonly #users = new Array<string | null>(NOTES_MAX).fill(null);
  readonly #sectors = new Array<string | null>(NOTES_MAX).fill(null);
  readonly #answers = new Uint8Array(NOTES_MAX);
  readonly #stored: StoredNote[] = [];
  #notes = 0;
  #isOn = false;
  /** Reads that found no room. */
  readsLost = 0;
  /** Stored entries that found no room. */
  storedLost = 0;

  /** Begins to note; what is returned ends it and forgets what was noted. */
  listen(): () => void {
    this.#isOn = true;
    return () => {
      this.#isOn = false;
      this.drain(NOBODY);
    };
  }

  /** A user has read a key; the sector of its symbol where the reader said it. O(1), nanoseconds. */
  read(key: string, answer: number, user: string | null, sector: string | null = null): void {
    if (!this.#isOn) return;
    const at = this.#notes;
    if (at - this.#stored.length >= READS_KEPT_MAX) {
      this.readsLost++;
      return;
    }
    this.#keys[at] = key;
    this.#users[at] = user;
    this.#sectors[at] = sector;
    this.#answers[at] = answer;
    this.#notes = at + 1;
  }

  /** An entry was stored. O(1). */
  store(note: StoredNote): void {
    if (!this.#isOn) return;
    if (this.#stored.length === STORED_KEPT_MAX) {
      this.storedLost++;
      return;
    }
    this.#stored.push(note);
    this.#answers[this.#notes++] = STORED;
  }

  /** Tells of everything since the last drain, in order. O(noted). */
  drain(reader: AccessReader): void {
    const stored = this.#stored.splice(0);
    const notes = this.#notes;
    this.#notes = 0;
    let nextStored = 0;
    for (let at = 0; at < notes; at++) {
      const answer = this.#answers[at] as number;
      if (answer === STORED) reader.stored(stored[nextStored++] as StoredNote);
      else {
        const user = this.#users[at] ?? null, sector = this.#sectors[at] ?? null;
        const how = READ_ANSWERS[answer] as ReadAnswer;
        reader.accessed(this.#keys[at] as string, how, user, sector);
      }
    }
  }
}

const NOBODY: AccessReader = { accessed: () => {}, stored: () => {} };
