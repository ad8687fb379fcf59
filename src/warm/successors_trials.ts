/**
 * Guesses whose outcome is awaited: a sample, in bounded memory.
 *
 * A guess comes true when its key is asked for before its time is up, and is wrong when the time
 * passes. A key has one place that it shares with others; where an open guess about another key
 * lies, one is not followed. Which ones are left out has nothing to do with how they come out, so
 * the share is that of all.
 *
 * @module
 */

import type { Gate } from "./gate.ts";

/** Most places: 15 bytes each. */
const PLACES_MAX = 1_024;
const PLACES_MIN = 256;
/** Places that are looked at with each access for guesses whose time is up. */
const SWEEP_PLACES = 2;
/** An odd number whose product with a slot has upper bits that depend on all of it. */
const SPREAD = 0x9e3779b1;
const NONE = 0xffffffff;

/** See the top of the file. */
export class Trials {
  readonly #identities: Uint32Array;
  readonly #buckets: Uint16Array;
  readonly #fetched: Uint8Array;
  readonly #endsAtMs: Float64Array;
  readonly #shift: number;
  readonly #gate: Gate;
  #sweep = 0;

  /**
   * For guesses about `slotsMax` keys. The gate is told of each that is followed, and of its end.
   */
  constructor(slotsMax: number, gate: Gate) {
    let places = PLACES_MIN;
    while (places < PLACES_MAX && places < slotsMax) places *= 2;
    this.#identities = new Uint32Array(places).fill(NONE);
    this.#buckets = new Uint16Array(places);
    this.#fetched = new Uint8Array(places);
    this.#endsAtMs = new Float64Array(places);
    this.#shift = Math.clz32(places) + 1;
    this.#gate = gate;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#identities.byteLength + this.#buckets.byteLength + this.#fetched.byteLength +
      this.#endsAtMs.byteLength;
  }

  /**
   * Follows a guess about a key until `endsAtMs`, unless its place is taken. A guess with a better
   * chance takes the place of an open one about the same key: one outcome tells more of it. O(1).
   */
  guess(identity: number, bucket: number, atMs: number, endsAtMs: number): void {
    const gate = this.#gate;
    const place = this.#placeOf(identity);
    const taken = this.#identities[place];
    if (taken !== NONE) {
      const other = this.#buckets[place] as number;
      if ((this.#endsAtMs[place] as number) <= atMs) this.#end(place, false);
      else if (taken === identity && gate.chance(bucket) > gate.chance(other)) {
        gate.withdrawn(other);
      } else return;
    }
    gate.opened(bucket);
    this.#identities[place] = identity;
    this.#buckets[place] = bucket;
    this.#fetched[place] = 0;
    this.#endsAtMs[place] = endsAtMs;
  }

  /** The key of an open guess was fetched because of it. O(1). */
  fetched(identity: number): void {
    const place = this.#placeOf(identity);
    if (this.#identities[place] === identity) this.#fetched[place] = 1;
  }

  /**
   * The key was asked for. `isAbsent`: it was not in the cache, so that if it was fetched, it had
   * left before it was of use. O(1).
   */
  accessed(identity: number, atMs: number, isAbsent: boolean): void {
    const place = this.#placeOf(identity);
    if (this.#identities[place] === identity) {
      const isInTime = (this.#endsAtMs[place] as number) >= atMs;
      this.#end(place, isInTime && !(isAbsent && this.#fetched[place] === 1));
    }
    for (let step = 0; step < SWEEP_PLACES; step++) this.#swept(atMs);
  }

  #swept(atMs: number): void {
    this.#sweep = (this.#sweep + 1) % this.#identities.length;
    const place = this.#sweep;
    if (this.#identities[place] !== NONE && (this.#endsAtMs[place] as number) < atMs) {
      this.#end(place, false);
    }
  }

  #end(place: number, isTrue: boolean): void {
    this.#identities[place] = NONE;
    this.#gate.decided(this.#buckets[place] as number, isTrue);
  }

  #placeOf(identity: number): number {
    return Math.imul(identity, SPREAD) >>> this.#shift;
  }
}
