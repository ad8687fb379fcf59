/**
 * One bounded table in memory: keys to values, each with a soft and a hard TTL, and a policy that
 * decides who leaves when it is full. Everything is synchronous; nothing is timed or read from disk
 * in here, and a call never sees a table in between.
 *
 * What it is made of, each a file of its own: the arena (where entries lie), a policy (what leaves),
 * the timer wheel (what has expired), protection (what may not be evicted), and the index (in which
 * slot a key is), which several tables may share.
 *
 * A hit writes to the entry's own cache line. The hits of those entries that the policy wants to
 * hear of are noted in a ring and told in batches, before anything is inserted or removed: exactly,
 * in order, only later. An entry that is evicted is gone at once; only its key stays in the index,
 * with a slot that holds nothing, until some of them are taken out together.
 *
 * @module
 */

import {
  Arena,
  BURIED_MAX,
  ENDS,
  HASH,
  HOT_SHIFT,
  LIST_PINNED,
  LISTS,
  LIVE,
  MARK,
  META,
  NEVER,
  NOTED,
  ORIGIN_SHIFT,
  READ,
  READS_MASK,
  STALE,
  TYPE_SHIFT,
} from "./arena.ts";
import {
  assertEntriesMax,
  assertTtls,
  assertWeightMax,
  type CacheCounts,
  type CacheOptions,
  checkedWeight,
  type Protected,
  PROTECTED_RATIO_DEFAULT,
  type ProtectionStatus,
  type SetOptions,
  type TimeSource,
  wholeTtl,
  wrong,
} from "./cache_options.ts";
import { hashKey } from "./hash.ts";
import { KeyIndex, placeAt, slotOf, tableOf, TABLES_MAX } from "./key_index.ts";
import { compileKeyPattern } from "./key_pattern.ts";
import { createPolicy, type Policy } from "./policy.ts";
import { Protection } from "./protection.ts";
import type { CurvePoint } from "./status.ts";
import { TimerWheel } from "./timer_wheel.ts";
import { REMOVAL_CAUSES, type RemovalCause } from "./types.ts";

export type {
  CacheCounts,
  CacheOptions,
  EntryTimes,
  Protected,
  ProtectionStatus,
  SetOptions,
  TimeSource,
} from "./cache_options.ts";
export { PROTECTED_RATIO_DEFAULT } from "./cache_options.ts";

/** Noted hits that wait to be told, a power of two: few enough for the first-level cache. */
const RING_SLOTS = 128;
/** The zero of the clock moves when it is so far away: half of what 31 bits hold (12.4 days). */
const REBASE_MS = 2 ** 30;
const EVICTED = REMOVAL_CAUSES.indexOf("evicted");
const NO_SEQ = -1;
const BYTE_MAX = 255;

/**
 * See the top of the file.
 *
 * - Slots are small integers, stable from `set` until the entry leaves, and reused afterwards.
 * - Neither bound is ever exceeded, not even for a moment.
 * - Keys are any strings, also `__proto__`, empty, or a megabyte long.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Cache } from "./cache.ts";
 *
 * let nowMs = 0;
 * const cache = new Cache<number>({ entriesMax: 1_000, time: { now: () => nowMs } });
 * cache.set("price:AAPL", 187.2, { softTtlMs: 60_000, hardTtlMs: 300_000 });
 * assertEquals(cache.get("price:AAPL"), 187.2);
 *
 * nowMs = 60_000;
 * assertEquals(cache.isStaleAt(cache.find("price:AAPL")), true);
 *
 * nowMs = 300_000;
 * assertEquals(cache.get("price:AAPL"), undefined);
 * ```
 */
export class Cache<V> {
  readonly #arena: Arena<V>;
  readonly #index: KeyIndex;
  readonly #table: number;
  readonly #wheel: TimerWheel;
  readonly #policy: Policy;
  readonly #protection = new Protection();
  readonly #time: TimeSource;
  readonly #weigh: ((value: V, key: string) => number) | null;
  readonly #onRemoved: ((slot: number, cause: RemovalCause) => void) | null;
  readonly #protectedRatioMax: number;
  readonly #hashSeed: number;
  #expiredAtMs = 0;
  /** Slots of evicted entries whose keys are still in the index. */
  readonly #buried: Int32Array;
  #buriedCount = 0;
  #entriesMax: number;
  #weightMaxBytes: number;
  #weightBytes = 0;
  #pinnedBytes = 0;
  #protectionRefused = 0;
  readonly #ring = new Int32Array(RING_SLOTS);
  #noted = 0;
  readonly #isExact: boolean;
  #added = 0;
  #replaced = 0;
  #refused = 0;
  /** By the place of the cause in `REMOVAL_CAUSES`. */
  readonly #removed = new Float64Array(REMOVAL_CAUSES.length);

  /**
   * An empty one.
   *
   * @throws {RangeError} when a bound or a share is not what it must be.
   */
  constructor(options: CacheOptions<V>) {
    assertEntriesMax(options.entriesMax);
    const { weightMaxBytes = Infinity, protectedRatioMax = PROTECTED_RATIO_DEFAULT } = options;
    assertWeightMax(weightMaxBytes, options.weigh !== undefined);
    if (!(protectedRatioMax >= 0 && protectedRatioMax < 1)) {
      throw wrong("protectedRatioMax", "a share from 0 to below 1", protectedRatioMax);
    }
    this.#entriesMax = options.entriesMax;
    this.#weightMaxBytes = weightMaxBytes;
    this.#protectedRatioMax = protectedRatioMax;
    const { index = new KeyIndex(), table = 0 } = options;
    if (!(Number.isInteger(table) && table >= 0 && table < TABLES_MAX)) {
      throw wrong("table", `an integer of 0 to ${TABLES_MAX - 1}`, table);
    }
    this.#index = index;
    this.#table = table;
    this.#time = options.time;
    this.#weigh = options.weigh ?? null;
    this.#onRemoved = options.onRemoved ?? null;
    this.#hashSeed = options.random === undefined ? 0 : (options.random.next() * 2 ** 32) | 0;
    this.#buried = new Int32Array(buriedMaxOf(options.entriesMax));
    this.#arena = new Arena<V>(
      options.entriesMax + this.#buried.length,
      options.weigh !== undefined,
      Math.floor(options.time.now()),
    );
    this.#wheel = new TimerWheel(this.#arena);
    this.#policy = createPolicy(options.policy ?? "adaptive", this.#arena, options.entriesMax);
    this.#isExact = this.#policy.isExact;
  }

  /** Entries, also those whose end has come and was not noticed. */
  get size(): number {
    return this.#arena.size;
  }

  /** Most entries. */
  get entriesMax(): number {
    return this.#entriesMax;
  }

  /** Bytes of all entries; 0 where nobody weighs. */
  get weightBytes(): number {
    return this.#weightBytes;
  }

  /** Most bytes; Infinity for no such bound. */
  get weightMaxBytes(): number {
    return this.#weightMaxBytes;
  }

  /** What an adaptive policy has chosen now, as `window 10 %`; null for the others. */
  get choice(): string | null {
    return this.#policy.choice;
  }

  /** Sums since it was made. */
  get counts(): CacheCounts {
    return {
      added: this.#added,
      replaced: this.#replaced,
      refused: this.#refused,
      removed: Object.fromEntries(
        REMOVAL_CAUSES.map((cause, place) => [cause, this.#removed[place] as number]),
      ) as Record<RemovalCause, number>,
    };
  }

  /** What the hit ratio would be with other sizes; empty for policies that do not know. */
  curve(): CurvePoint[] {
    this.#settle();
    return this.#policy.curve();
  }

  /** The slot of a key, counted as an access; −1 when it is absent or past its hard TTL. O(1). */
  find(key: string): number {
    const slot = this.#slotOf(key);
    if (slot >= 0) return this.findAt(slot);
    return -1;
  }

  /** As {@linkcode Cache.find}, where the index has just said the slot of the key. O(1). */
  findAt(slot: number): number {
    const arena = this.#arena;
    const hot = arena.hot;
    const at = slot << HOT_SHIFT;
    if (this.#time.now() - arena.zeroMs >= (hot[at + ENDS] as number) && this.#isGone(slot)) {
      return this.#lose(slot);
    }
    const meta = hot[at + META] as number;
    const noted = ((meta & READS_MASK) === READS_MASK ? meta : meta + 1) | (READ | MARK);
    // What is read often says all this already, and a line that is not written need not be kept.
    if (noted !== meta) hot[at + META] = noted;
    if ((meta & NOTED) !== 0) this.#note(slot);
    return slot;
  }

  #lose(slot: number): number {
    if (this.#isLive(slot)) this.#remove(slot, "expired");
    return -1;
  }

  /** A ring that is full loses the oldest, since a call from here would make every hit dearer. */
  #note(slot: number): void {
    const noted = this.#noted;
    this.#ring[noted & (RING_SLOTS - 1)] = slot;
    this.#noted = noted + 1;
    if (this.#isExact && noted + 1 === RING_SLOTS) this.#settle();
  }

  /** The slot of a key, also past its end; −1 when this table has none. */
  #slotOf(key: string): number {
    const place = this.#index.placeOf(key);
    return place >= 0 && tableOf(place) === this.#table ? slotOf(place) : -1;
  }

  /** The slot of a key, not counted as an access; −1 as for {@linkcode Cache.find}. O(1). */
  locate(key: string): number {
    const slot = this.#slotOf(key);
    return slot < 0 || this.#isGone(slot) ? -1 : slot;
  }

  #isGone(slot: number): boolean {
    return !this.#isLive(slot) || this.#clockMs() >= this.#arena.hardEndMsOf(slot);
  }

  /** The value of a slot that the index has just said for its key, counted as an access. O(1). */
  getAt(slot: number): V | undefined {
    return this.findAt(slot) < 0 ? undefined : this.#arena.values[slot];
  }

  /** The value of a key, counted as an access. O(1). */
  get(key: string): V | undefined {
    const slot = this.find(key);
    return slot < 0 ? undefined : this.#arena.values[slot];
  }

  /** Whether a key is there, not counted as an access. O(1). */
  has(key: string): boolean {
    return this.locate(key) >= 0;
  }

  /** Ms since the zero of the clock of the cache. */
  #clockMs(): number {
    return this.#time.now() - this.#arena.zeroMs;
  }

  /**
   * Puts a value in, in place of the one that the key has.
   *
   * A new key counts as an access; evicts until it fits. A value heavier than the whole cache (or
   * than what protection leaves of it) is refused, and the old one goes, since it is outdated. O(1)
   * for each entry that leaves, and the patterns of protection.
   *
   * @throws {RangeError} when a TTL is negative or NaN, or a weight is not finite and ≥ 0.
   */
  set(key: string, value: V, options: SetOptions): "added" | "replaced" | "refused" {
    assertTtls(options);
    const weightBytes = this.#weigh === null ? 0 : checkedWeight(this.#weigh(value, key));
    const nowMs = this.#advance();
    const place = this.#index.placeAgain(key);
    let old = place >= 0 && tableOf(place) === this.#table ? slotOf(place) : -1;
    if (old >= 0 && !this.#isLive(old)) {
      this.#letGo();
      old = -1;
    }
    const isReplacing = old >= 0 && !this.#isGone(old);
    if (isReplacing && this.#fitsInPlaceOf(old, weightBytes)) {
      this.#replace(old, value, weightBytes);
      this.#describe(old, nowMs, options);
      this.#wheel.add(old);
      return "replaced";
    }
    if (old >= 0) this.#remove(old, isReplacing ? "replaced" : "expired");
    if (!this.#makeRoom(1, weightBytes)) {
      this.#refused++;
      return "refused";
    }
    this.#add(key, value, weightBytes, nowMs, options);
    if (isReplacing) this.#replaced++;
    else this.#added++;
    return isReplacing ? "replaced" : "added";
  }

  #fitsInPlaceOf(slot: number, weightBytes: number): boolean {
    if (this.#weigh === null) return true;
    return this.#weightBytes - this.weightAt(slot) + weightBytes <= this.#weightMaxBytes;
  }

  #replace(slot: number, value: V, weightBytes: number): void {
    this.#settle();
    this.#replaced++;
    this.#countRemoved("replaced");
    this.#onRemoved?.(slot, "replaced");
    this.#wheel.remove(slot);
    this.#arena.values[slot] = value;
    this.#addWeight(slot, -this.weightAt(slot));
    if (this.#arena.weights !== null) this.#arena.weights[slot] = weightBytes;
    this.#addWeight(slot, weightBytes);
    if (!this.isProtectedAt(slot)) this.#policy.replaced(slot);
    else if (this.#pinnedBytes > this.#pinnedBytesMax) {
      this.#protectionRefused++;
      this.#unpin(slot);
    }
  }

  #addWeight(slot: number, bytes: number): void {
    this.#weightBytes += bytes;
    if (this.isProtectedAt(slot)) this.#pinnedBytes += bytes;
  }

  #add(key: string, value: V, weightBytes: number, nowMs: number, options: SetOptions): void {
    // Hits that came before it are older than it.
    this.#settle();
    const arena = this.#arena;
    const slot = arena.take();
    const at = slot << HOT_SHIFT;
    arena.keys[slot] = key;
    arena.values[slot] = value;
    arena.cold[at + HASH] = hashKey(key, this.#hashSeed);
    arena.hot[at + META] = LIVE;
    if (arena.weights !== null) arena.weights[slot] = weightBytes;
    this.#weightBytes += weightBytes;
    this.#index.set(key, slot, this.#table);
    this.#describe(slot, nowMs, options);
    this.#wheel.add(slot);
    if (this.#protection.isEmpty || !this.#protection.matches(key) || !this.#pin(slot, false)) {
      this.#policy.inserted(slot);
    }
  }

  /** Writes what belongs to a value rather than to its key. */
  #describe(slot: number, nowMs: number, options: SetOptions): void {
    const { type = 0, origin = 0, seq = NO_SEQ } = options;
    const at = (slot << HOT_SHIFT) + META;
    const kept = (this.#arena.hot[at] as number) & ((1 << TYPE_SHIFT) - 1) & ~(STALE | READ);
    this.#arena.hot[at] = kept | ((type & BYTE_MAX) << TYPE_SHIFT) |
      ((origin & BYTE_MAX) << ORIGIN_SHIFT);
    const hardTtlMs = wholeTtl(options.hardTtlMs);
    this.#arena.setTimes(slot, nowMs, Math.min(wholeTtl(options.softTtlMs), hardTtlMs), hardTtlMs);
    this.#arena.setSeq(slot, seq);
  }

  /** Evicts until so much more fits; false when it cannot. */
  #makeRoom(entries: number, weightBytes: number): boolean {
    if (weightBytes > this.#weightMaxBytes - this.#pinnedBytes) return false;
    while (
      this.#arena.size + entries > this.#entriesMax ||
      this.#weightBytes + weightBytes > this.#weightMaxBytes
    ) {
      this.#settle();
      const victim = this.#policy.victim();
      if (victim < 0) return false;
      this.#remove(victim, "evicted");
    }
    return true;
  }

  /** Tells the policy of the noted hits that it has not heard of. */
  #settle(): void {
    if (this.#noted > 0) this.#tell();
  }

  #tell(): void {
    const noted = this.#noted;
    this.#noted = 0;
    this.#policy.hits(this.#ring, Math.min(noted, RING_SLOTS), noted);
  }

  #countRemoved(cause: RemovalCause): void {
    // Nearly all of them are; the others are looked up.
    const place = cause === "evicted" ? EVICTED : REMOVAL_CAUSES.indexOf(cause);
    this.#removed[place] = (this.#removed[place] as number) + 1;
  }

  #remove(slot: number, cause: RemovalCause): void {
    this.#settle();
    this.#countRemoved(cause);
    this.#onRemoved?.(slot, cause);
    if (this.#weigh !== null) this.#addWeight(slot, -this.weightAt(slot));
    if (this.isProtectedAt(slot)) this.#arena.unlink(slot);
    else this.#policy.removed(slot, cause === "evicted");
    if (cause === "evicted") this.#bury(slot);
    else {
      this.#wheel.remove(slot);
      this.#index.delete(this.keyAt(slot));
      this.#arena.give(slot);
    }
  }

  /**
   * Ends an entry whose slot, key and place in the wheel are let go of later, together with others:
   * what must be fetched from memory for each of them is then under way for several at once.
   */
  #bury(slot: number): void {
    this.#arena.bury(slot);
    this.#buried[this.#buriedCount++] = slot;
    if (this.#buriedCount === this.#buried.length) this.#letGo();
  }

  /** Lets go of what is buried. O(buried). */
  #letGo(): void {
    const { keys } = this.#arena;
    this.#policy.reused();
    for (let i = 0; i < this.#buriedCount; i++) this.#wheel.remove(this.#buried[i] as number);
    // Reads them all before the first is looked up.
    if (this.#buriedChars() < 0) throw broken("a key has no length");
    for (let i = 0; i < this.#buriedCount; i++) {
      const slot = this.#buried[i] as number;
      this.#index.delete(keys[slot] as string);
      this.#arena.give(slot);
    }
    this.#buriedCount = 0;
  }

  #buriedChars(): number {
    const { keys } = this.#arena;
    let chars = 0;
    for (let i = 0; i < this.#buriedCount; i++) {
      chars += (keys[this.#buried[i] as number] as string).length;
    }
    return chars;
  }

  /** Removes a key; false when it was not there. O(1). */
  delete(key: string, cause: RemovalCause = "invalidated"): boolean {
    const slot = this.#slotOf(key);
    if (slot < 0 || !this.#isLive(slot)) return false;
    const isGone = this.#isGone(slot);
    this.#remove(slot, isGone ? "expired" : cause);
    return !isGone;
  }

  /** Makes a key stale before its time; false when it is not there. O(1). */
  markStale(key: string): boolean {
    const slot = this.locate(key);
    if (slot < 0) return false;
    const at = (slot << HOT_SHIFT) + META;
    this.#arena.hot[at] = (this.#arena.hot[at] as number) | STALE;
    return true;
  }

  /** Removes everything, as flushed. O(entries). */
  clear(): void {
    this.#letGo();
    for (const slot of this.#slots()) this.#remove(slot, "flushed");
  }

  #isLive(slot: number): boolean {
    return ((this.#arena.hot[(slot << HOT_SHIFT) + META] as number) & LIVE) !== 0;
  }

  /** Removes what is past its hard TTL and says how many. O(expired). */
  expire(): number {
    const nowMs = Math.floor(this.#clockMs());
    return nowMs === this.#expiredAtMs ? 0 : this.#expireAt(nowMs);
  }

  /** Brings the wheel to the present, in whole ms, and says when that is. */
  #advance(): number {
    const nowMs = Math.floor(this.#clockMs());
    if (nowMs !== this.#expiredAtMs) this.#expireAt(nowMs);
    return this.#expiredAtMs;
  }

  #expireAt(nowMs: number): number {
    let expired = 0;
    this.#wheel.advance(nowMs, (slot) => {
      // One that is buried has left for another reason.
      if (!this.#isLive(slot)) return;
      this.#remove(slot, "expired");
      expired++;
    });
    this.#expiredAtMs = nowMs;
    if (nowMs >= REBASE_MS) {
      this.#letGo();
      this.#arena.rebase(nowMs);
      this.#wheel.rebase(nowMs);
      this.#expiredAtMs = 0;
    }
    return expired;
  }

  /** The key of a slot in use. */
  keyAt(slot: number): string {
    return this.#arena.keys[slot] as string;
  }

  /** Its value. */
  valueAt(slot: number): V {
    return this.#arena.values[slot] as V;
  }

  /** Whether it is past its soft TTL, or was marked stale. */
  isStaleAt(slot: number): boolean {
    const at = slot << HOT_SHIFT;
    const hot = this.#arena.hot;
    const meta = hot[at + META] as number;
    if ((meta & (STALE | NEVER)) !== 0) return (meta & STALE) !== 0;
    return this.#time.now() - this.#arena.zeroMs >= (hot[at + ENDS] as number);
  }

  /** Since it was set, ms; ages beyond 12.4 days are that. */
  ageMsAt(slot: number): number {
    return this.#clockMs() - this.#arena.setMsOf(slot);
  }

  /** Until it is stale, ms; 0 when it is, Infinity for never. */
  softLeftMsAt(slot: number): number {
    if (((this.#arena.hot[(slot << HOT_SHIFT) + META] as number) & STALE) !== 0) return 0;
    const endMs = this.#arena.setMsOf(slot) + this.#arena.softTtlMsOf(slot);
    return Math.max(0, endMs - this.#clockMs());
  }

  /** Until it is gone, ms; Infinity for never. */
  hardLeftMsAt(slot: number): number {
    return Math.max(0, this.#arena.hardEndMsOf(slot) - this.#clockMs());
  }

  /** Its bytes; 0 where nobody weighs. */
  weightAt(slot: number): number {
    return this.#arena.weights === null ? 0 : this.#arena.weights[slot] as number;
  }

  /** Its type of data, 0 to 255. */
  typeAt(slot: number): number {
    return ((this.#arena.hot[(slot << HOT_SHIFT) + META] as number) >>> TYPE_SHIFT) & BYTE_MAX;
  }

  /** Who put it in, 0 to 255. */
  originAt(slot: number): number {
    return (this.#arena.hot[(slot << HOT_SHIFT) + META] as number) >>> ORIGIN_SHIFT;
  }

  /** The commit that it is as of; −1 for none. */
  seqAt(slot: number): number {
    return this.#arena.seqOf(slot);
  }

  /** Whether this value was read by `find`. */
  wasReadAt(slot: number): boolean {
    return ((this.#arena.hot[(slot << HOT_SHIFT) + META] as number) & READ) !== 0;
  }

  /** Reads as the policy counts them: at most 15, and aged. */
  readsAt(slot: number): number {
    this.#settle();
    return (this.#arena.hot[(slot << HOT_SHIFT) + META] as number) & READS_MASK;
  }

  /** The part of the policy that it is in, or `pinned` when it is protected from eviction. */
  segmentAt(slot: number): string {
    this.#settle();
    return this.isProtectedAt(slot) ? "pinned" : this.#policy.segmentOf(slot);
  }

  /** Whether it is protected from eviction. */
  isProtectedAt(slot: number): boolean {
    return this.#arena.listOf(slot) === LIST_PINNED;
  }

  /** Keys, in no order to rely on; some may be past their end. */
  *keys(): IterableIterator<string> {
    for (const slot of this.#slots()) yield this.keyAt(slot);
  }

  *#slots(): IterableIterator<number> {
    for (let slot = LISTS; slot < this.#arena.slotsEnd; slot++) {
      if (this.#isLive(slot)) yield slot;
    }
  }

  /**
   * Live slots among at most `looksMax` that are looked at, evenly spread; each stands for `step`.
   * O(looksMax).
   */
  sample(looksMax: number): { readonly slots: readonly number[]; readonly step: number } {
    const step = Math.max(1, Math.ceil((this.#arena.slotsEnd - LISTS) / looksMax));
    const slots: number[] = [];
    for (let slot = LISTS; slot < this.#arena.slotsEnd; slot += step) {
      if (this.#isLive(slot)) slots.push(slot);
    }
    return { slots, step };
  }

  get #pinnedMax(): number {
    return Math.floor(this.#entriesMax * this.#protectedRatioMax);
  }

  get #pinnedBytesMax(): number {
    return this.#weightMaxBytes * this.#protectedRatioMax;
  }

  /** Protects an entry that is in no list, or in one of the policy; false for want of room. */
  #pin(slot: number, isInPolicy: boolean): boolean {
    const weightBytes = this.weightAt(slot);
    if (
      (this.#arena.counts[LIST_PINNED] as number) >= this.#pinnedMax ||
      this.#pinnedBytes + weightBytes > this.#pinnedBytesMax
    ) {
      this.#protectionRefused++;
      return false;
    }
    if (isInPolicy) this.#policy.removed(slot, false);
    this.#arena.link(slot, LIST_PINNED);
    this.#arena.lowerFlag(slot, NOTED);
    this.#pinnedBytes += weightBytes;
    return true;
  }

  #unpin(slot: number): void {
    this.#arena.unlink(slot);
    this.#pinnedBytes -= this.weightAt(slot);
    this.#policy.inserted(slot);
  }

  /**
   * Protects the keys that match a pattern from eviction, those that are there and those to come, as
   * far as there is room; they still expire. O(entries).
   *
   * @throws {CacheError} code `key_pattern` when the pattern is none.
   */
  protect(pattern: string): Protected {
    this.#settle();
    if (!this.#protection.add(pattern)) return { isAccepted: false, entries: 0, refused: 0 };
    const { matches } = compileKeyPattern(pattern);
    let entries = 0, refused = 0;
    for (const slot of this.#slots()) {
      if (!matches(this.keyAt(slot))) continue;
      if (this.isProtectedAt(slot) || this.#pin(slot, true)) entries++;
      else refused++;
    }
    return { isAccepted: true, entries, refused };
  }

  /** Ends a protection; says how many entries are no longer protected. O(entries). */
  unprotect(pattern: string): { readonly entries: number } {
    this.#settle();
    if (!this.#protection.remove(pattern)) return { entries: 0 };
    let entries = 0;
    for (const slot of this.#slots()) {
      if (!this.isProtectedAt(slot) || this.#protection.matches(this.keyAt(slot))) continue;
      this.#unpin(slot);
      entries++;
    }
    return { entries };
  }

  /** How protection is. */
  protection(): ProtectionStatus {
    return {
      entries: this.#arena.counts[LIST_PINNED] as number,
      entriesMax: this.#pinnedMax,
      patterns: this.#protection.patterns,
      refused: this.#protectionRefused,
    };
  }

  /**
   * Changes the bounds, and evicts what no longer fits, at most `evictionsMax` entries now. True when
   * they hold; otherwise those that hold are as near as that came, and the same call goes on. Growing
   * is at once. O(evicted), and once, when they hold, O(entries) for some policies.
   *
   * @throws {RangeError} as the constructor.
   */
  resize(
    bounds: { readonly entriesMax?: number; readonly weightMaxBytes?: number },
    evictionsMax = Infinity,
  ): boolean {
    const { entriesMax = this.#entriesMax, weightMaxBytes = this.#weightMaxBytes } = bounds;
    assertEntriesMax(entriesMax);
    assertWeightMax(weightMaxBytes, this.#weigh !== null);
    this.#settle();
    this.#entriesMax = entriesMax;
    this.#weightMaxBytes = weightMaxBytes;
    for (;;) {
      const pinned = this.#arena.lastOf(LIST_PINNED);
      const isTooMany = (this.#arena.counts[LIST_PINNED] as number) > this.#pinnedMax ||
        this.#pinnedBytes > this.#pinnedBytesMax;
      if (pinned < 0 || !isTooMany) break;
      this.#unpin(pinned);
      this.#protectionRefused++;
    }
    for (let evictions = 0; evictions < evictionsMax && this.#isOver(); evictions++) {
      const victim = this.#policy.victim();
      if (victim < 0) break;
      this.#remove(victim, "evicted");
    }
    if (this.#isOver()) {
      this.#entriesMax = Math.max(entriesMax, this.#arena.size);
      this.#weightMaxBytes = Math.max(weightMaxBytes, this.#weightBytes);
      return false;
    }
    this.#arena.resize(entriesMax + this.#buried.length);
    this.#policy.resize(entriesMax);
    return true;
  }

  #isOver(): boolean {
    return this.#arena.size > this.#entriesMax || this.#weightBytes > this.#weightMaxBytes;
  }

  /** Throws unless everything in it agrees with everything else. O(entries). */
  invariant(): void {
    this.#settle();
    this.#letGo();
    const arena = this.#arena;
    let weightBytes = 0, pinnedBytes = 0;
    for (const slot of this.#slots()) {
      weightBytes += this.weightAt(slot);
      if (this.isProtectedAt(slot)) pinnedBytes += this.weightAt(slot);
      const key = this.keyAt(slot);
      const place = placeAt(slot, this.#table);
      if (this.#index.placeOf(key) !== place) throw broken(`slot ${slot} is not found`);
      if (arena.hashOf(slot) !== hashKey(key, this.#hashSeed)) throw broken(`hash of ${slot}`);
    }
    if (arena.size > this.#entriesMax) throw broken(`${arena.size} entries of ${this.#entriesMax}`);
    if (weightBytes !== this.#weightBytes) throw broken(`it weighs ${weightBytes}`);
    if (pinnedBytes !== this.#pinnedBytes) throw broken(`what is pinned weighs ${pinnedBytes}`);
    if (weightBytes > this.#weightMaxBytes) throw broken(`${weightBytes} bytes`);
    const pinned = arena.counts[LIST_PINNED] as number;
    if (pinned > this.#pinnedMax) throw broken(`${pinned} entries are pinned`);
    arena.invariant();
    this.#wheel.invariant();
    this.#policy.invariant();
  }
}

/** A small table is in the processor's caches, where there is nothing to wait for. */
const buriedMaxOf = (entriesMax: number) => Math.max(1, Math.min(BURIED_MAX, entriesMax >> 6));
const broken = (what: string) => new Error(`The cache is broken: ${what}`);
