/**
 * Which partitions are worth a look: those of which something was heard, those that had more than fits
 * a page, and now and then all, since what is heard may be lost. In turn, so that a busy one does not
 * keep others waiting.
 *
 * @module
 */

import { PARTITIONS } from "../../market/partition.ts";
import { PARTITION_BOUNDS, type StreamPlace } from "./port.ts";

/** Places by partition. */
export type Places = ReadonlyMap<number, StreamPlace | null>;

/** See the module's text. */
export class Due {
  /** In the order in which they are looked at. */
  readonly #due = new Set<number>();
  /** Where reading of each goes on unless somebody goes back. */
  readonly #expected = new Map<number, StreamPlace | null>();
  readonly #everyMs: number;
  #nextFullMs = -Infinity;

  /** All are looked at every `everyMs`. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** When all are to be looked at, ms of the clock. */
  get nextFullMs(): number {
    return this.#nextFullMs;
  }

  /** Something may lie in a partition; a number that is none is left out. */
  hint(partition: number): void {
    const isOne = Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS;
    if (isOne) this.#due.add(partition);
  }

  /** Hints may have been lost. */
  hintAll(): void {
    this.#nextFullMs = -Infinity;
  }

  /** The partitions to look at now, at most {@linkcode PARTITION_BOUNDS}`.roundPartitions`. */
  take(places: Places, nowMs: number): number[] {
    const isFull = nowMs >= this.#nextFullMs;
    if (isFull) this.#nextFullMs = nowMs + this.#everyMs;
    for (const [partition, place] of places) {
      if (isFull || this.#expected.get(partition) !== place) this.#due.add(partition);
    }
    const taken: number[] = [];
    for (const partition of this.#due) {
      const place = places.get(partition);
      if (place === undefined) continue;
      this.#due.delete(partition);
      this.#expected.set(partition, place);
      taken.push(partition);
      if (taken.length >= PARTITION_BOUNDS.roundPartitions) break;
    }
    return taken;
  }

  /** A page of a partition was read, up to `place`. */
  read(partition: number, place: StreamPlace, hasMore: boolean): void {
    this.#expected.set(partition, place);
    if (hasMore) this.#due.add(partition);
  }
}
