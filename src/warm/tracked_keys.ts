/**
 * The keys that are asked for most, in bounded memory: Space-Saving (A. Metwally, D. Agrawal, A. El
 * Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005).
 *
 * There are `keysMax` slots. A key that has one is counted there. A key that has none takes the slot
 * of the key counted least, and its count as its own possible error. So
 *
 * - a count is never too small, and too large by at most its error;
 * - no error is larger than the least count, which is at most N / keysMax after N accesses;
 * - every key that was asked for more often than that has a slot.
 *
 * ## Finding the least without a list
 * The paper keeps slots in lists by count. Here nothing is kept but the least count and a cursor that
 * sweeps over the slots: the next slot with that count is the one to take. Counts only grow, so the
 * slots before the cursor are done; at the end of a sweep the least count is found anew and is larger.
 * Each sweep costs O(keysMax) and raises the least by 1 or more. As keysMax times the least is at
 * most N, all sweeps together cost O(N): O(1) an access, amortised, and no byte a slot. One sweep of
 * 20,000 slots takes 10 to 20 µs.
 *
 * ## Halving
 * `halve`, once a day, halves counts and what is sure of them, so that what was popular gives way.
 * The guarantees hold for counts that are halved alike. The least falls as well, and what sweeps
 * cost in all is still at most twice the accesses (a day begins with half of what the last left).
 *
 * ## Finding a slot
 * Chains by hash: a head per bucket and one link per slot, of 2 bytes each up to 65,535 slots. The
 * hash is secret (`key_reader.ts`), so that nobody can make keys that share a chain.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { KeyArena, type KeyTexts, textsOf } from "./key_arena.ts";
import { HASH_BITS_SURE, KeyReader } from "./key_reader.ts";
import { type SlotArray, slotArray } from "./slot_array.ts";

/** Most slots: one sweep stays below a millisecond, the whole below 100 MB. */
export const TRACKED_KEYS_MAX = 1_000_000;

const COUNT_LIMIT = 0xffff_ffff;
/** Accesses to a key since it has its slot: more than that is as sure. */
const SEEN_LIMIT = 0xffff;
const WORDS = 2 ** 32;

/** Of what the secret of the hash is made: two words. */
export type KeySeeds = readonly [number, number];

/** What {@linkcode TrackedKeys} is made of. */
export interface TrackedKeysOptions {
  /** Slots, 1 to {@linkcode TRACKED_KEYS_MAX}. */
  readonly keysMax: number;
  /** Makes the secret of the hash. */
  readonly random: Random;
  /** A slot loses its key; `keyAt` still has it. Must neither touch nor forget. */
  onReplaced?(slot: number): void;
  /** A slot has got a key. Must neither touch nor forget. */
  onTracked?(slot: number, key: string): void;
}

/** What a snapshot has of {@linkcode TrackedKeys}. */
export interface TrackedKeysSnapshot {
  readonly seeds: KeySeeds;
  /** By slot; 0 without a key. */
  readonly counts: Uint32Array<ArrayBuffer>;
  readonly errors: Uint32Array<ArrayBuffer>;
  readonly untrackedMax: number;
  readonly keys: KeyTexts;
}

/** From 0.67 to 1.33 keys a bucket, as far as the hash goes. */
function bucketBits(keysMax: number): number {
  const bits = Math.ceil(Math.log2(keysMax * 3 / 4));
  return Math.min(HASH_BITS_SURE, Math.max(1, bits));
}

/** See the top of the file. */
export class TrackedKeys {
  /** Slots. */
  readonly keysMax: number;
  /** Of what is touched; looking up has its own, so that whoever is told of a key may do so. */
  #reader: KeyReader;
  #lookup: KeyReader;
  #seeds: KeySeeds;
  readonly #arena: KeyArena;
  readonly #onReplaced: (slot: number) => void;
  readonly #onTracked: (slot: number, key: string) => void;
  /** Count by slot; 0 without a key. */
  readonly #counts: Uint32Array<ArrayBuffer>;
  /** By how much it may be too large. */
  /** Of the count, what is sure; more than {@linkcode SEEN_LIMIT} are not told apart. */
  readonly #seen: Uint16Array<ArrayBuffer>;
  /** Slot + 1 of the first key of a bucket, and of the key after one in its chain. */
  readonly #heads: SlotArray;
  readonly #links: SlotArray;
  /** Right shift of a hash that leaves the number of its bucket. */
  readonly #bucketShift: number;
  /** No slot has a smaller count, and none before the cursor has this one. */
  #least = 0;
  #cursor = 0;
  /** No key without a slot was counted more often. */
  #untrackedMax = 0;
  #size = 0;

  /**
   * No slot has a key.
   *
   * @throws {RangeError} for a number of slots out of range.
   */
  constructor({ keysMax, random, onReplaced, onTracked }: TrackedKeysOptions) {
    if (!(Number.isInteger(keysMax) && keysMax >= 1 && keysMax <= TRACKED_KEYS_MAX)) {
      throw new RangeError(
        `Cannot track keys: expected 1 to ${TRACKED_KEYS_MAX} slots: current value is ${keysMax}`,
      );
    }
    this.keysMax = keysMax;
    this.#seeds = [Math.floor(random.next() * WORDS), Math.floor(random.next() * WORDS)];
    this.#reader = new KeyReader(...this.#seeds);
    this.#lookup = new KeyReader(...this.#seeds);
    this.#arena = new KeyArena(keysMax);
    this.#onReplaced = onReplaced ?? (() => {});
    this.#onTracked = onTracked ?? (() => {});
    this.#counts = new Uint32Array(keysMax);
    this.#seen = new Uint16Array(keysMax);
    const bits = bucketBits(keysMax);
    this.#bucketShift = 32 - bits;
    this.#heads = slotArray(2 ** bits, keysMax);
    this.#links = slotArray(keysMax, keysMax);
  }

  /** Keys that have a slot. */
  get size(): number {
    return this.#size;
  }

  /** Most accesses, halved as counts are, of any key that has no slot. */
  get untrackedMax(): number {
    return this.#untrackedMax;
  }

  /** Hash of the key that was touched last; see `KeyReader`. */
  get lastHash(): number {
    return this.#reader.hash;
  }

  /** Of what its hash is made: not for anyone who may ask for keys. */
  get seeds(): KeySeeds {
    return this.#seeds;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#arena.bytes + this.#counts.byteLength + this.#seen.byteLength +
      this.#heads.byteLength + this.#links.byteLength;
  }

  /** Slot of a key; -1 when it has none. O(1). */
  slotOf(key: string): number {
    return this.#lookup.read(key) ? this.#find(this.#lookup) : -1;
  }

  /**
   * Counts an access to a key, which has a slot afterwards; -1 for a key that cannot be kept, see
   * `KeyReader.read`. O(1), amortised.
   */
  touch(key: string): number {
    if (!this.#reader.read(key)) return -1;
    const slot = this.#find(this.#reader);
    if (slot < 0) return this.#track(key);
    const count = this.#counts[slot] as number;
    if (count < COUNT_LIMIT) this.#counts[slot] = count + 1;
    const seen = this.#seen[slot] as number;
    if (seen < SEEN_LIMIT) this.#seen[slot] = seen + 1;
    return slot;
  }

  /** Whether a slot has a key. */
  has(slot: number): boolean {
    return this.#arena.has(slot);
  }

  /** Key of a slot; empty when it has none. Allocates it. */
  keyAt(slot: number): string {
    return this.#arena.has(slot) ? this.#arena.text(slot) : "";
  }

  /** Accesses to the key of a slot, or more; 0 without a key. */
  countAt(slot: number): number {
    return this.#counts[slot] ?? 0;
  }

  /** By how much `countAt` may be too large. */
  errorAt(slot: number): number {
    return this.countAt(slot) - (this.#seen[slot] ?? 0);
  }

  /** Takes its slot from a key; `onReplaced` is told. Nothing for a slot without one. O(1). */
  forget(slot: number): void {
    if (!this.has(slot)) return;
    this.#evict(slot);
    this.#counts[slot] = 0;
    this.#seen[slot] = 0;
    this.#cursor = this.#least === 0 ? Math.min(this.#cursor, slot) : slot;
    this.#least = 0;
  }

  /** Halves all counts, and what is sure of them; see the top of the file. O(keysMax). */
  halve(): void {
    for (let slot = 0; slot < this.keysMax; slot++) {
      this.#counts[slot] = Math.ceil((this.#counts[slot] as number) / 2);
      this.#seen[slot] = (this.#seen[slot] as number) >> 1;
    }
    this.#untrackedMax = Math.ceil(this.#untrackedMax / 2);
    this.#least = this.#cursor = 0;
  }

  /** A copy of what it is made of. O(keysMax). */
  snapshot(): TrackedKeysSnapshot {
    return {
      seeds: this.#seeds,
      counts: this.#counts.slice(),
      errors: this.#counts.map((count, slot) => count - (this.#seen[slot] as number)),
      untrackedMax: this.#untrackedMax,
      keys: this.#arena.snapshot(),
    };
  }

  /**
   * Takes a snapshot's keys into slots that are all free: slot i the one of its slot `from[i]`.
   * Those left out count as not tracked. Tells `onTracked` of each. O(keysMax).
   *
   * @throws {Error} when a key comes twice.
   */
  restore(given: TrackedKeysSnapshot, from: Int32Array): void {
    this.#seeds = given.seeds;
    this.#reader = new KeyReader(...given.seeds);
    this.#lookup = new KeyReader(...given.seeds);
    const keys = textsOf(given.keys);
    const left = new Set(keys.keys());
    for (let slot = 0; slot < from.length; slot++) {
      const old = from[slot] as number;
      const key = old < 0 ? null : keys[old] ?? null;
      if (key === null || !this.#reader.read(key)) continue;
      if (this.#find(this.#reader) >= 0) throw new Error(`key twice: ${key}`);
      left.delete(old);
      this.#put(slot, key, given.counts[old] as number, given.errors[old] as number);
    }
    const counts = Array.from(left, (old) => given.counts[old] ?? 0);
    this.#untrackedMax = counts.reduce((most, count) => Math.max(most, count), given.untrackedMax);
    this.#least = this.#cursor = 0;
  }

  /**
   * Checks that the parts fit together; for tests. O(keysMax).
   *
   * @throws {Error} when they do not.
   */
  invariant(): void {
    let size = 0;
    for (let slot = 0; slot < this.keysMax; slot++) {
      const count = this.countAt(slot);
      if (count < this.#least || (count === this.#least && slot < this.#cursor)) {
        throw new Error(`slot ${slot} has count ${count}, the sweep is past ${this.#least}`);
      }
      if (this.has(slot) !== count > 0) throw new Error(`slot ${slot}: key and count disagree`);
      if (!this.has(slot)) continue;
      size++;
      if (this.errorAt(slot) > count) throw new Error(`slot ${slot}: error above count`);
      if (this.slotOf(this.keyAt(slot)) !== slot) throw new Error(`slot ${slot} is not found`);
    }
    if (size !== this.#size) throw new Error(`${size} keys, ${this.#size} counted`);
  }

  #find(reader: KeyReader): number {
    const bucket = reader.hash >>> this.#bucketShift;
    for (let at = this.#heads[bucket] as number; at !== 0; at = this.#links[at - 1] as number) {
      if (this.#arena.matches(at - 1, reader)) return at - 1;
    }
    return -1;
  }

  /** Gives the key that was read last, which has none, a slot. */
  #track(key: string): number {
    const slot = this.#leastSlot();
    if ((this.#counts[slot] as number) > 0) this.#evict(slot);
    this.#put(slot, key, this.#untrackedMax + 1, this.#untrackedMax);
    return slot;
  }

  #put(slot: number, key: string, count: number, error: number): void {
    const bucket = this.#reader.hash >>> this.#bucketShift;
    this.#arena.put(slot, this.#reader);
    this.#links[slot] = this.#heads[bucket] as number;
    this.#heads[bucket] = slot + 1;
    this.#counts[slot] = Math.min(count, COUNT_LIMIT);
    this.#seen[slot] = Math.min(count - error, SEEN_LIMIT);
    this.#size++;
    this.#onTracked(slot, key);
  }

  #evict(slot: number): void {
    this.#onReplaced(slot);
    this.#untrackedMax = Math.max(this.#untrackedMax, this.#counts[slot] as number);
    this.#unlink(slot);
    this.#arena.drop(slot);
    this.#size--;
  }

  #unlink(slot: number): void {
    const bucket = this.#arena.hash(slot, this.#reader) >>> this.#bucketShift;
    const next = this.#links[slot] as number;
    let at = this.#heads[bucket] as number;
    if (at === slot + 1) this.#heads[bucket] = next;
    else {
      while ((this.#links[at - 1] as number) !== slot + 1) at = this.#links[at - 1] as number;
      this.#links[at - 1] = next;
    }
  }

  /** A slot with the least count, 0 as long as one is free. The caller raises its count. */
  #leastSlot(): number {
    const counts = this.#counts;
    while (true) {
      const least = this.#least;
      for (let slot = this.#cursor; slot < counts.length; slot++) {
        if (counts[slot] !== least) continue;
        this.#cursor = slot + 1;
        return slot;
      }
      this.#restartSweep();
    }
  }

  #restartSweep(): void {
    let least = COUNT_LIMIT;
    for (const count of this.#counts) if (count < least) least = count;
    this.#least = least;
    this.#cursor = 0;
  }
}
