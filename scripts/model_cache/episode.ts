/**
 * An episode: a few thousand random operations on one table and on its twin, with bounds of its own,
 * beside a neighbour in the same index. Whatever the table holds must be what was set last under that
 * key, neither ended nor deleted; what leaves must have had a reason; bounds, counts and protection
 * must be as the twin's; and `invariant()` holds after every thousand operations. Under `lru` the
 * twin knows who must go.
 *
 * @module
 */

import type { Random } from "../../src/actor/clock.ts";
import { Cache, type CacheOptions, type SetOptions } from "../../src/cache/cache.ts";
import { hashKey } from "../../src/cache/hash.ts";
import { KeyIndex } from "../../src/cache/key_index.ts";
import { TTL_MAX_MS } from "../../src/cache/ttl_code.ts";
import { type PolicyName, REMOVAL_CAUSES, type RemovalCause } from "../../src/cache/types.ts";
import { agree, compareEntry, shown, wholeTtl } from "./check.ts";
import { collidingKeys, copyOf, keyUniverse } from "./keys.ts";
import { type ModelTally, zeros } from "./tally.ts";
import { type ModelValue, Twin, type TwinEntry } from "./twin.ts";

/** Makes a table. */
export type MakeTable = (options: CacheOptions<ModelValue>) => Cache<ModelValue>;

const INVARIANT_EVERY = 1_000;
const EPISODE_MIN = 1_000;
const EPISODE_MAX = 20_000;
/** Bounds of episodes: small ones evict all the time, larger ones fill segments and sketches. */
const ENTRIES_MAX = [1, 2, 3, 4, 7, 16, 50, 200, 1_000];
const PROTECTED_RATIOS = [0, 0.1, 0.2, 0.5];
const TTLS_MS = [0, 7.5, 999, 1_000, 60_000, 61_234, 3_600_000, 86_400_001, 2 ** 31, Infinity];
const STEPS_MS = [0, 0.25, 1, 3, 1_000, 61_000];
const LONG_STEPS_MS = [3_600_000, 86_400_000, TTL_MAX_MS + 1, 3 * TTL_MAX_MS];
const PATTERNS = ["price:*", "news:SYM1*", "*", "price:SYM3", "*:SYM2*", "{*}", "label:*4"];
const HISTORY = 12;
const NEIGHBOURS = [1, 2, 3];
const FOREVER = { softTtlMs: Infinity, hardTtlMs: Infinity };

const COLLIDING = collidingKeys((key) => hashKey(key, 0));

/** Operations by how often they come. */
const WEIGHTED = {
  find: 34,
  get: 8,
  look: 6,
  set: 32,
  delete: 4,
  markStale: 3,
  step: 6,
  expire: 3,
  protect: 0.6,
  unprotect: 0.5,
  resize: 0.4,
  clear: 0.02,
} as const;
type Operation = keyof typeof WEIGHTED;
const OPERATIONS = Object.entries(WEIGHTED) as [Operation, number][];
const WEIGHT_SUM = OPERATIONS.reduce((sum, [, weight]) => sum + weight, 0);

/** See the top of the file. */
export class Episode {
  readonly #policy: PolicyName;
  readonly #random: Random;
  readonly #tally: ModelTally;
  readonly #twin: Twin;
  readonly #cache: Cache<ModelValue>;
  readonly #keys: readonly string[];
  readonly #isWeighed: boolean;
  /** One index for the table and a neighbour that nothing may happen to. */
  readonly #index = new KeyIndex();
  readonly #neighbour: Cache<number>;
  readonly #history: string[] = [];
  readonly #counts = { added: 0, replaced: 0, refused: 0, removed: zeros() };
  readonly about: string;
  #nowMs: number;
  #ids = 0;
  /** What is being done, and what a removal may therefore be. */
  #doing: Operation | null = null;
  #isInPlace = false;
  /** The entry that a set has not put in yet. */
  #setting: { readonly key: string; readonly value: ModelValue } | null = null;

  constructor(policy: PolicyName, random: Random, tally: ModelTally, make: MakeTable) {
    this.#policy = policy;
    this.#random = random;
    this.#tally = tally;
    this.#nowMs = this.#upTo(1_000_000) / 4;
    const entriesMax = this.#one(ENTRIES_MAX);
    this.#isWeighed = random.next() < 0.5;
    const weightMaxBytes = this.#isWeighed ? this.#someWeight(entriesMax) : Infinity;
    const protectedRatioMax = this.#one(PROTECTED_RATIOS);
    this.#neighbour = new Cache({
      entriesMax: 4,
      time: { now: () => 0 },
      index: this.#index,
      table: 2,
    });
    for (const id of NEIGHBOURS) this.#neighbour.set(`price:N${id}`, id, FOREVER);
    this.#keys = keyUniverse(3 * entriesMax + 5, random, COLLIDING);
    this.#twin = new Twin({ entriesMax, weightMaxBytes }, protectedRatioMax);
    this.#cache = make({
      entriesMax,
      ...(this.#isWeighed ? { weightMaxBytes, weigh: (value) => value.weightBytes } : {}),
      policy,
      time: { now: () => this.#nowMs },
      // Half of them with a hash that is seeded, as against keys made to collide.
      ...(random.next() < 0.5 ? { random } : {}),
      protectedRatioMax,
      index: this.#index,
      table: 1,
      onRemoved: (slot, cause) => this.#removed(slot, cause),
    });
    this.about = `${entriesMax} entries, ${weightMaxBytes} bytes, protected ${protectedRatioMax}`;
  }

  /** The last operations. */
  get history(): string {
    return this.#history.join("\n");
  }

  run(operationsMax: number): void {
    const operations = Math.min(operationsMax, EPISODE_MIN + this.#upTo(EPISODE_MAX - EPISODE_MIN));
    for (let n = 1; n <= operations; n++) {
      this.#operate();
      this.#compareSums();
      this.#tally.operations++;
      if (n % INVARIANT_EVERY === 0) this.#compareAll();
    }
    this.#compareAll();
  }

  #operate(): void {
    const operation = this.#pick();
    this.#doing = operation;
    switch (operation) {
      case "find":
        return this.#find();
      case "get":
        return this.#get();
      case "look":
        return this.#look();
      case "set":
        return this.#set();
      case "delete":
        return this.#delete();
      case "markStale":
        return this.#markStale();
      case "step":
        return this.#step();
      case "expire":
        return this.#expire();
      case "protect":
        return this.#protect();
      case "unprotect":
        return this.#unprotect();
      case "resize":
        return this.#resize();
      case "clear":
        return this.#clear();
    }
  }

  #pick(): Operation {
    let at = this.#random.next() * WEIGHT_SUM;
    for (const [operation, weight] of OPERATIONS) {
      at -= weight;
      if (at < 0) return operation;
    }
    return "find";
  }

  // ---- operations ---------------------------------------------------------------------------------

  #find(): void {
    const key = this.#key();
    this.#note(`find ${shown(key)}`);
    const entry = this.#liveOf(key);
    const slot = this.#cache.find(copyOf(key));
    this.#counted(entry !== undefined);
    if (entry === undefined) {
      agree("found", slot, -1);
      agree("still there", this.#twin.of(key), undefined);
      return;
    }
    this.#read(key, entry);
    if (slot < 0) throw new Error(`lost ${shown(key)}`);
    compareEntry(this.#cache, slot, key, entry, this.#nowMs);
  }

  #get(): void {
    const key = this.#key();
    this.#note(`get ${shown(key)}`);
    const entry = this.#liveOf(key);
    agree("value", this.#cache.get(copyOf(key)), entry?.value);
    this.#counted(entry !== undefined);
    if (entry !== undefined) this.#read(key, entry);
  }

  /** Looks that must not change anything. */
  #look(): void {
    const key = this.#key();
    this.#note(`look at ${shown(key)}`);
    const entry = this.#liveOf(key);
    agree("has", this.#cache.has(copyOf(key)), entry !== undefined);
    const slot = this.#cache.locate(copyOf(key));
    agree("located", slot >= 0, entry !== undefined);
    if (entry !== undefined) compareEntry(this.#cache, slot, key, entry, this.#nowMs);
  }

  #set(): void {
    const key = this.#key();
    const value = { id: this.#ids++, weightBytes: this.#isWeighed ? this.#upTo(100) : 0 };
    const times = { softTtlMs: this.#one(TTLS_MS), hardTtlMs: this.#one(TTLS_MS) };
    const [type, origin] = [this.#upTo(255), this.#upTo(255)];
    const seq = this.#random.next() < 0.3 ? this.#upTo(2 ** 40) : -1;
    const options: SetOptions = { ...times, type, origin, ...(seq < 0 ? {} : { seq }) };
    this.#note(`set ${shown(key)} ${value.weightBytes} B ${JSON.stringify(options)}`);
    const setMs = Math.floor(this.#nowMs);
    const hardEndMs = setMs + wholeTtl(times.hardTtlMs);
    const softEndMs = Math.min(hardEndMs, setMs + wholeTtl(times.softTtlMs));
    const old = this.#liveOf(key);
    this.#tally.sets++;

    this.#setting = { key, value };
    this.#isInPlace = false;
    const outcome = this.#cache.set(copyOf(key), value, options);
    this.#setting = null;
    this.#compareExpired();
    agree("the old one is gone", this.#twin.of(key), undefined);
    if (outcome === "refused") {
      this.#counts.refused++;
      this.#tally.refused++;
      // Heavier than what is not protected: nothing that may go would make room.
      const room = this.#twin.bounds.weightMaxBytes - this.#twin.pinned().weightBytes;
      if (value.weightBytes <= room) throw new Error(`refused, though ${room} B are not protected`);
      return;
    }
    agree("outcome", outcome, old === undefined ? "added" : "replaced");
    this.#counts[outcome]++;
    const entry: TwinEntry = {
      ...{ value, setMs, softEndMs, hardEndMs, type, origin, seq },
      ...{ isMarked: false, wasRead: false, pinned: this.#isInPlace ? old?.pinned ?? null : null },
    };
    this.#twin.put(key, entry);
    if (this.#isInPlace) this.#twin.trimReplaced(key, entry);
    else if (this.#twin.matches(key)) this.#twin.pin(entry);
    const slot = this.#cache.locate(key);
    if (hardEndMs > this.#nowMs) compareEntry(this.#cache, slot, key, entry, this.#nowMs);
    else agree("located, though it ended at once", slot, -1);
  }

  #delete(): void {
    const key = this.#key();
    this.#note(`delete ${shown(key)}`);
    const isThere = this.#liveOf(key) !== undefined;
    agree("deleted", this.#cache.delete(copyOf(key)), isThere);
    agree("still there", this.#twin.of(key), undefined);
    agree("has", this.#cache.has(key), false);
  }

  #markStale(): void {
    const key = this.#key();
    this.#note(`mark ${shown(key)}`);
    const entry = this.#liveOf(key);
    agree("marked", this.#cache.markStale(copyOf(key)), entry !== undefined);
    if (entry === undefined) return;
    entry.isMarked = true;
    compareEntry(this.#cache, this.#cache.locate(key), key, entry, this.#nowMs);
  }

  #step(): void {
    const ms = this.#one(this.#random.next() < 0.01 ? LONG_STEPS_MS : STEPS_MS);
    this.#note(`${ms} ms pass`);
    this.#nowMs += ms;
  }

  #expire(): void {
    this.#note("expire");
    const before = this.#twin.size;
    const expired = this.#cache.expire();
    agree("expired", expired, before - this.#twin.size);
    this.#compareExpired();
  }

  #protect(): void {
    const pattern = this.#one(PATTERNS);
    this.#note(`protect ${pattern}`);
    const keys = [...this.#cache.keys()];
    const { isAccepted, entries, refused } = this.#cache.protect(pattern);
    const expected = this.#twin.protect(pattern, keys);
    agree("accepted", isAccepted, true);
    agree("protected", entries, expected.entries);
    agree("refused protection", refused, expected.refused);
  }

  #unprotect(): void {
    const pattern = this.#one(PATTERNS);
    this.#note(`unprotect ${pattern}`);
    const keys = [...this.#cache.keys()];
    const { entries } = this.#cache.unprotect(pattern);
    agree("no longer protected", entries, this.#twin.unprotect(pattern, keys));
  }

  #resize(): void {
    const entriesMax = this.#one(ENTRIES_MAX);
    const weightMaxBytes = this.#isWeighed ? this.#someWeight(entriesMax) : Infinity;
    this.#note(`resize to ${entriesMax}, ${weightMaxBytes} B`);
    this.#twin.bounds = { entriesMax, weightMaxBytes };
    this.#twin.trimPinned();
    this.#cache.resize(this.#isWeighed ? { entriesMax, weightMaxBytes } : { entriesMax });
  }

  #clear(): void {
    this.#note("clear");
    this.#cache.clear();
    agree("size", this.#twin.size, 0);
  }

  // ---- what leaves --------------------------------------------------------------------------------

  #removed(slot: number, cause: RemovalCause): void {
    const key = this.#cache.keyAt(slot);
    const entry = this.#twin.of(key);
    this.#note(`  ${shown(key)} left: ${cause}`);
    this.#counts.removed[cause]++;
    this.#tally.removed[cause]++;
    if (entry === undefined) throw new Error(`${shown(key)} left, which was not there`);
    agree("value of what left", this.#cache.valueAt(slot), entry.value);
    const isOver = this.#nowMs >= entry.hardEndMs;
    switch (cause) {
      case "expired":
        if (!isOver) throw new Error(`${shown(key)} expired before its end`);
        break;
      case "evicted":
        this.#evicted(key, entry);
        break;
      case "replaced":
        agree("replaced while setting", this.#setting?.key, key);
        this.#isInPlace = this.#fitsInPlaceOf(entry);
        break;
      case "invalidated":
        agree("invalidated while", this.#doing, "delete");
        break;
      case "flushed":
        agree("flushed while", this.#doing, "clear");
    }
    if (cause !== "expired" && cause !== "flushed" && cause !== "evicted") {
      agree(`${cause} after its end`, isOver, false);
    }
    this.#twin.remove(key);
  }

  /** Whether what is being set takes the place of an entry, which keeps its protection then. */
  #fitsInPlaceOf({ value: { weightBytes } }: TwinEntry): boolean {
    const added = this.#setting?.value.weightBytes ?? 0;
    return this.#twin.weightBytes - weightBytes + added <= this.#twin.bounds.weightMaxBytes;
  }

  #evicted(key: string, entry: TwinEntry): void {
    if (this.#doing !== "set" && this.#doing !== "resize") {
      throw new Error(`evicted while ${this.#doing}`);
    }
    if (entry.pinned !== null) throw new Error(`${shown(key)} was evicted, though protected`);
    const { entriesMax, weightMaxBytes } = this.#twin.bounds;
    const isAdded = this.#setting === null ? 0 : 1;
    const added = this.#setting?.value.weightBytes ?? 0;
    const isFull = this.#twin.size + isAdded > entriesMax ||
      this.#twin.weightBytes + added > weightMaxBytes;
    if (!isFull) throw new Error(`${shown(key)} was evicted, though there was room`);
    if (this.#policy === "lru") agree("evicted", key, this.#twin.leastUsed());
  }

  // ---- comparing ----------------------------------------------------------------------------------

  #compareSums(): void {
    const { entriesMax, weightMaxBytes } = this.#twin.bounds;
    agree("size", this.#cache.size, this.#twin.size);
    agree("weight", this.#cache.weightBytes, this.#twin.weightBytes);
    if (this.#twin.size > entriesMax) throw new Error(`${this.#twin.size} entries`);
    if (this.#twin.weightBytes > weightMaxBytes) throw new Error(`${this.#twin.weightBytes} B`);
  }

  #compareAll(): void {
    this.#cache.invariant();
    this.#tally.invariants++;
    const keys = [...this.#cache.keys()];
    agree("keys", keys.length, this.#twin.size);
    for (const [key, entry] of this.#twin.entries()) {
      const slot = this.#cache.locate(key);
      agree(`${shown(key)} is there`, slot >= 0, this.#nowMs < entry.hardEndMs);
      if (slot < 0) continue;
      compareEntry(this.#cache, slot, key, entry, this.#nowMs);
      if (this.#cache.segmentAt(slot) === "") throw new Error("a segment without a name");
    }
    for (const id of NEIGHBOURS) agree("neighbour", this.#neighbour.get(`price:N${id}`), id);
    agree("neighbour of the table", this.#cache.has("price:N1"), false);
    agree("keys in the index", this.#index.size, this.#twin.size + NEIGHBOURS.length);
    const { added, replaced, refused, removed } = this.#cache.counts;
    for (const [name, count] of Object.entries({ added, replaced, refused })) {
      agree(name, count, this.#counts[name as "added" | "replaced" | "refused"]);
    }
    for (const cause of REMOVAL_CAUSES) agree(cause, removed[cause], this.#counts.removed[cause]);
    const protection = this.#cache.protection();
    const pinned = this.#twin.pinned().entries;
    this.#tally.protectedMost = Math.max(this.#tally.protectedMost, pinned);
    agree("protected entries", protection.entries, pinned);
    agree("most protected entries", protection.entriesMax, this.#twin.pinnedMax);
    agree("refused protections", protection.refused, this.#twin.protectionRefused);
    agree("patterns", protection.patterns.join("\n"), this.#twin.patterns.join("\n"));
    for (const { hitRatio, sizeRatio } of this.#cache.curve()) {
      if (!(hitRatio >= 0 && hitRatio <= 1 && sizeRatio > 0)) throw new Error("curve");
    }
  }

  /** What had ended in an earlier millisecond must be gone. */
  #compareExpired(): void {
    const nowMs = Math.floor(this.#nowMs);
    for (const [key, { setMs, hardEndMs }] of this.#twin.entries()) {
      if (hardEndMs <= nowMs && setMs < nowMs) throw new Error(`${shown(key)} has not expired`);
    }
  }

  // ---- helpers ------------------------------------------------------------------------------------

  /** The entry of a key if it has not ended. */
  #liveOf(key: string): TwinEntry | undefined {
    const entry = this.#twin.of(key);
    return entry === undefined || this.#nowMs >= entry.hardEndMs ? undefined : entry;
  }

  #read(key: string, entry: TwinEntry): void {
    entry.wasRead = true;
    this.#twin.use(key, entry);
  }

  #counted(isHit: boolean): void {
    this.#tally[isHit ? "hits" : "misses"]++;
  }

  /** A key; the first ones more often. */
  #key(): string {
    return this.#keys[Math.floor(this.#random.next() ** 3 * this.#keys.length)] as string;
  }

  /** So that weight binds in one episode and the number of entries in another. */
  #someWeight(entriesMax: number): number {
    return 20 + this.#upTo(entriesMax * 80);
  }

  /** A whole number of 0 to `most`. */
  #upTo(most: number): number {
    return Math.floor(this.#random.next() * (most + 1));
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#upTo(choices.length - 1)] as T;
  }

  #note(what: string): void {
    this.#history.push(`${this.#nowMs}: ${what}`);
    if (this.#history.length > HISTORY) this.#history.shift();
  }
}
