/**
 * One shard of the cache: a bounded table, and everything that reading through it takes. Pure: the
 * clock, chance, the loader and the second tier are handed in, and whoever owns it calls
 * {@linkcode CacheShard.expire} now and then.
 *
 * ## Reading
 * - {@linkcode CacheShard.peek} is a hit: synchronous, fresh or stale. A stale value never makes its
 *   reader wait: it is renewed behind. A read late in the soft TTL renews ahead.
 * - {@linkcode CacheShard.load} is a miss: one load for each key however many ask, the second tier
 *   first. When it fails, a value past its hard TTL is served for a while; failures and "there is no
 *   such thing" are remembered for a short time.
 *
 * ## Changing
 * `set`, `invalidate` and `touched` change the shard at once: who asks afterwards never gets what was
 * there before, and loads that began before are not kept (`shard_loads.ts`). They do not invalidate
 * the second tier, which all shards share: whoever calls does that once (`tierSelection`), in the same
 * turn.
 *
 * ## Dependencies
 * What depends on what goes is ended with it, as far as it is in this shard. The keys that went are
 * returned, so that those in other shards can be followed.
 *
 * @module
 */

import { type AccessLog, Answer } from "./access_log.ts";
import type { Protected, TimeSource } from "./cache.ts";
import { Counter, ShardCounts } from "./counts.ts";
import { type Flight, Flights } from "./flights.ts";
import type { KeyIndex } from "./key_index.ts";
import type { KeyPattern } from "./key_pattern.ts";
import { Negatives } from "./negative.ts";
import { SlotFlag } from "./shard_columns.ts";
import { explainKey } from "./shard_explain.ts";
import { Generations } from "./shard_generations.ts";
import { type Coming, Keeper } from "./shard_keeper.ts";
import { closed } from "./shard_failures.ts";
import { ShardLoads } from "./shard_loads.ts";
import type { ShardParts } from "./shard_parts.ts";
import { selectedFrom } from "./shard_selection.ts";
import {
  type SetEntry,
  type ShardBounds,
  type ShardOptions,
  type ShardSettings,
  shardSettings,
} from "./shard_options.ts";
import { ENTRY_BYTES, ShardTable } from "./shard_table.ts";
import type { ShardStatus } from "./status.ts";
import type { Dependency, Explanation, Found, LoadAsk, Selection, TouchedRange } from "./types.ts";

export type { EntryTtl, SetEntry, ShardBounds, ShardOptions, ValueCodec } from "./shard_options.ts";
export { guardedTier, tierSelection } from "./shard_tier.ts";

/** What becomes of entries that are invalidated: they go, or are served once more while renewed. */
export type Ending = "remove" | "stale";

/** What is left of an entry's time, ms: until it is stale, negative from then on, and until it is gone. */
export interface TimeLeft {
  /** Until it is stale. */
  readonly softLeftMs: number;
  /** Until it is gone. */
  readonly hardLeftMs: number;
}

/** How an entry is. */
type State = "fresh" | "stale" | "past";

const NONE: readonly never[] = [];

/**
 * See the head of this file.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { seededRandom, VirtualClock } from "../actor/clock.ts";
 * import { CacheShard } from "./shard.ts";
 *
 * const shard = new CacheShard<number>({
 *   index: 0,
 *   entriesMax: 1_000,
 *   weightMaxBytes: 1_000_000,
 *   clock: new VirtualClock(),
 *   random: seededRandom(1),
 *   ttl: () => ({ softTtlMs: 60_000, hardTtlMs: 120_000, staleIfErrorMs: 0 }),
 *   load: () => Promise.resolve({ state: "ok", value: 187.2 }),
 * });
 * assertEquals(shard.peek("price:AAPL"), undefined);
 * await shard.load("price:AAPL", { priority: 5, origin: "demand", timeoutMs: 1_000 });
 * assertEquals(shard.peek("price:AAPL"), 187.2);
 * shard.close();
 * ```
 */
export class CacheShard<V> {
  readonly #settings: ShardSettings<V>;
  readonly #time: TimeSource;
  readonly #parts: ShardParts<V>;
  readonly #loads: ShardLoads<V>;
  readonly #table: ShardTable<V>;
  readonly #counts = new ShardCounts();
  readonly #accesses: AccessLog | null;
  #weightMaxBytes: number;
  #isClosed = false;

  /**
   * An empty one.
   *
   * @throws {RangeError} for an option beyond its bounds.
   */
  constructor(options: ShardOptions<V>) {
    const settings = shardSettings(options);
    const negatives = new Negatives(settings.negative);
    const table = new ShardTable<V>(settings, this.#counts, (keys) => {
      // Nor would anybody end what is known of their absence.
      for (const key of keys) negatives.forget(key);
      settings.onForgotten?.(keys);
    });
    this.#settings = settings;
    this.#time = settings.time;
    this.#accesses = settings.accesses ?? null;
    this.#table = table;
    this.#weightMaxBytes = settings.weightMaxBytes;
    this.#parts = {
      settings,
      counts: this.#counts,
      table,
      keeper: new Keeper(settings, this.#counts, table),
      negatives,
      generations: new Generations(settings.isTouched),
      flights: new Flights<V>(settings.flightsMax),
      ended: (key, mayBeInTier) => this.#ended(key, mayBeInTier),
    };
    this.#loads = new ShardLoads(this.#parts);
  }

  /** Where its keys are, if not in an index of its own. */
  get keys(): KeyIndex | null {
    return this.#settings.keys ?? null;
  }

  // ---- reading ------------------------------------------------------------------------------------

  /**
   * The value of a key if it is there, fresh or stale; undefined sends the caller to `load`, which
   * counts the request. O(1); allocates nothing unless a renewal begins or the value has columns.
   */
  peek(key: string, user: string | null = null): V | undefined {
    const slot = this.#table.cache.find(key);
    return slot < 0 ? undefined : this.#peeked(key, slot, user);
  }

  /** As {@linkcode CacheShard.peek}, where the index has just said the slot of the key. */
  peekAt(key: string, slot: number, user: string | null = null): V | undefined {
    return this.#table.cache.findAt(slot) < 0 ? undefined : this.#peeked(key, slot, user);
  }

  #peeked(key: string, slot: number, user: string | null): V | undefined {
    const { cache, columns } = this.#table;
    columns.addRead(slot);
    let counter: number = Counter.fresh;
    if (this.#time.now() >= (columns.attendAtMs[slot] as number)) {
      const state = this.#attend(key, slot);
      if (state === "past") return undefined;
      if (state === "stale") counter = Counter.stale;
    }
    this.#counts.add(cache.typeAt(slot), counter);
    if (this.#accesses !== null) {
      this.#accesses.read(key, counter === Counter.stale ? Answer.stale : Answer.fresh, user);
    }
    const value = cache.valueAt(slot);
    if (((columns.flags[slot] as number) & SlotFlag.copied) === 0) return value;
    return this.#parts.keeper.handedOut(value, true);
  }

  /** As `peek`, with state and age, and what is remembered instead of a value; null for nothing. */
  find(key: string, user: string | null = null): Found<V> | null {
    const slot = this.#table.cache.find(key);
    if (slot >= 0) {
      const found = this.#foundAt(key, slot, true, user);
      if (found !== null) return found;
    }
    const known = this.#loads.known(key);
    if (known !== null) {
      const counter = known.state === "stale" ? Counter.stale : Counter.negative;
      this.#counts.add(this.#counts.typeOf(key), counter);
    }
    return known;
  }

  /** The value of a key, loaded where it is not there. Never rejects. */
  get(key: string, ask: LoadAsk): Promise<Found<V>> {
    const found = this.find(key, ask.user ?? null);
    return found === null ? this.load(key, ask) : Promise.resolve(found);
  }

  /**
   * The value of a key that was not there a moment ago. Never rejects. Who asks ahead of need (an
   * origin of `warm:`) waits for a renewal that is due; only `demand` counts as a request.
   */
  async load(key: string, ask: LoadAsk): Promise<Found<V>> {
    const begun: Flight<V>[] = [];
    const answer = this.#request(key, ask, begun);
    this.#loads.start(begun);
    return await answer;
  }

  /** Values in the order of the keys: as `get`, with one read of the second tier for all. */
  getMany(keys: readonly string[], ask: LoadAsk): Promise<Found<V>[]> {
    const begun: Flight<V>[] = [];
    const answers = keys.map((key) =>
      this.find(key, ask.user ?? null) ?? this.#request(key, ask, begun)
    );
    this.#loads.start(begun);
    return Promise.all(answers);
  }

  /** The same for keys that were not there a moment ago. */
  loadMany(keys: readonly string[], ask: LoadAsk): Promise<Found<V>[]> {
    const begun: Flight<V>[] = [];
    const answers = keys.map((key) => this.#request(key, ask, begun));
    this.#loads.start(begun);
    return Promise.all(answers);
  }

  #request(key: string, ask: LoadAsk, begun: Flight<V>[]): Promise<Found<V>> {
    if (this.#isClosed) return Promise.resolve(closed(key));
    const { cache, columns } = this.#table;
    const slot = cache.locate(key);
    const isAhead = ask.origin !== "demand";
    const isDue = slot < 0 || this.#time.now() >= (columns.attendAtMs[slot] as number);
    if (slot >= 0 && !(isAhead && isDue)) {
      // Somebody has put it in since the caller looked.
      const found = this.#foundAt(key, slot, !isAhead, ask.user ?? null);
      if (found !== null) return Promise.resolve(found);
    }
    if (!isAhead) this.#accesses?.read(key, Answer.waited, ask.user ?? null);
    return this.#loads.request(key, ask, begun);
  }

  #foundAt(key: string, slot: number, isCounted: boolean, user: string | null): Found<V> | null {
    const { cache, columns } = this.#table;
    const nowMs = this.#time.now();
    if (isCounted) columns.addRead(slot);
    const isDue = nowMs >= (columns.attendAtMs[slot] as number);
    const state = isDue ? this.#attend(key, slot) : "fresh";
    if (state === "past") return null;
    if (isCounted) {
      this.#counts.add(cache.typeAt(slot), state === "fresh" ? Counter.fresh : Counter.stale);
      this.#accesses?.read(key, state === "fresh" ? Answer.fresh : Answer.stale, user);
    }
    const isCopied = ((columns.flags[slot] as number) & SlotFlag.copied) !== 0;
    return {
      state,
      value: this.#parts.keeper.handedOut(cache.valueAt(slot), isCopied),
      tier: "l1",
      ageMs: nowMs - (columns.loadedAtMs[slot] as number),
    };
  }

  /** What is left of the time of the entry in a slot; null past it. */
  timeLeftAt(slot: number): TimeLeft | null {
    const { columns } = this.#table;
    const nowMs = this.#time.now();
    const hardLeftMs = (columns.hardAtMs[slot] as number) - nowMs;
    if (!(hardLeftMs > 0)) return null;
    return { softLeftMs: (columns.staleAtMs[slot] as number) - nowMs, hardLeftMs };
  }

  /** How an entry is that is late in its time or past it; begins what has to be done about it. */
  #attend(key: string, slot: number): State {
    const { cache, columns } = this.#table;
    const settings = this.#settings;
    const nowMs = this.#time.now();
    const type = cache.typeAt(slot);
    if (nowMs < (columns.staleAtMs[slot] as number)) {
      const { refreshAheadReadsMin, refreshAheadPriority } = settings;
      if (columns.readsAt(slot) >= refreshAheadReadsMin) {
        this.#loads.renew(key, type, refreshAheadPriority);
      }
      return "fresh";
    }
    if (nowMs >= (columns.hardAtMs[slot] as number) || !settings.staleWhileRevalidate) {
      return "past";
    }
    this.#loads.renew(key, type, settings.renewalPriority);
    return "stale";
  }

  // ---- putting in ---------------------------------------------------------------------------------

  /**
   * Puts a value in, and ends what depends on the one before; false when it is not kept.
   *
   * @throws {TypeError} when it is not fit to be kept, see `shield.ts`.
   */
  set(key: string, value: V, options: Omit<SetEntry<V>, "key" | "value"> = {}): boolean {
    return this.setMany([{ ...options, key, value }]) === 1;
  }

  /**
   * Puts entries in, all or none, and says how many were kept. None are when one is too heavy, all
   * together are, or a commit has touched what one was made of since the seq that it is as of. What
   * depends on these is ended, but for what is itself put in.
   *
   * @throws {TypeError} when a value is not fit to be kept; then nothing is changed.
   */
  setMany(entries: readonly SetEntry<V>[]): number {
    if (this.#isClosed || entries.length === 0) return 0;
    const { keeper, generations, negatives } = this.#parts;
    const coming = entries.map((entry) => this.#coming(entry));
    const bytes = coming.reduce(
      (sum, { key, shielded }) => sum + shielded.weightBytes + ENTRY_BYTES + key.length,
      0,
    );
    const isTooMuch = bytes > this.#weightMaxBytes ||
      coming.length > this.#table.cache.entriesMax;
    if (isTooMuch || coming.some(({ made }) => generations.isBehind(made))) return 0;
    this.#endDependents(coming.map(({ key }) => key));
    let kept = 0;
    for (const one of coming) {
      negatives.forget(one.key);
      this.#loads.overtake(one.key, one.shielded);
      if (keeper.put(one)) kept++;
    }
    const keys = coming.map(({ key }) => key);
    if (kept < coming.length) {
      for (const key of keys) this.#table.remove(key);
      this.#forgetInTier(keys);
      return 0;
    }
    const written = new Set(keeper.toTier(coming, null));
    this.#forgetInTier(keys.filter((key) => !written.has(key)));
    return kept;
  }

  /** What the tier may have of these is older than what was put in. */
  #forgetInTier(keys: readonly string[]): void {
    if (keys.length > 0) void this.#settings.secondTier?.invalidate({ keys });
  }

  #coming({ key, value, ttl, origin, dependsOn, tags, seq }: SetEntry<V>): Coming<V> {
    const { keeper } = this.#parts;
    return {
      key,
      shielded: keeper.shield(value, tags),
      made: { dependsOn: dependsOn ?? NONE, tags: tags ?? NONE, seq: seq ?? null },
      ttl: ttl ?? keeper.ttl(key),
      origin: origin ?? "set",
      wasUsed: false,
    };
  }

  /** The keys have other values now: what was made of the old ones goes, and loads of it. */
  #endDependents(keys: readonly string[]): void {
    const changes = keys.map((key): Dependency => ({ kind: "key", key }));
    const ended = this.#table.dependentsOf(changes);
    // Those that are put in now are new.
    for (const key of keys) ended.delete(key);
    this.#change(changes, NONE, NONE);
    this.#end(ended, NONE, "remove");
  }

  // ---- ending -------------------------------------------------------------------------------------

  /**
   * Ends what is selected and what depends on it, and says which keys went (or are stale now); those
   * of which only the dependencies were remembered are among them.
   *
   * O(selected + dependents), with patterns O(entries · patterns).
   *
   * @throws {CacheError} code `key_pattern` for a pattern that is none.
   */
  invalidate(selection: Selection, ending: Ending = "remove"): string[] {
    const { ended, changes, globs, tags } = selectedFrom(this.#table, selection);
    this.#change(changes, globs, tags);
    return this.#end(ended, globs, ending);
  }

  /**
   * A commit touched candles: as `invalidate`, but values that are as of this commit or later stand.
   * Commits are told of in the order of their seqs, before anybody else is told.
   */
  touched(seq: number, ranges: readonly TouchedRange[], ending: Ending = "remove"): string[] {
    const { generations, flights } = this.#parts;
    generations.next();
    generations.addCommit(seq, ranges, flights.size > 0);
    const ended = this.#table.dependentsOf(ranges);
    if (ended.size === 0) return [];
    for (const key of ended) if (this.#isAsOf(key, seq)) ended.delete(key);
    return this.#end(ended, NONE, ending);
  }

  /** Whether an entry was made after a commit, of candles alone. */
  #isAsOf(key: string, seq: number): boolean {
    const slot = this.#table.cache.locate(key);
    return slot >= 0 && this.#table.cache.seqAt(slot) >= seq &&
      this.#table.dependenciesOf(key).every(({ kind }) => kind !== "key");
  }

  /**
   * Ends all that was made of candles: nobody knows any more what commits up to `seq` touched. What was
   * made of that in other shards is `onForgotten`'s to end. A seq below that of the last commit says
   * that seqs begin again there.
   */
  dropCandleEntries(seq: number): number {
    const { generations } = this.#parts;
    generations.next();
    generations.addAllCandles(seq);
    const gone = this.#end(this.#table.dependentsOfCandles(), NONE, "remove");
    if (gone.length > 0) this.#settings.onForgotten?.(gone);
    return gone.length;
  }

  /** Ends everything; how many entries there were. */
  flush(): number {
    const { generations, negatives, flights } = this.#parts;
    generations.next();
    negatives.clear();
    // Whatever they turn out to be made of, none of them is kept.
    for (const flight of [...flights.joinable()]) flights.detach(flight);
    return this.#table.flush();
  }

  /** A new generation, in which these changed. */
  #change(
    changes: readonly Dependency[],
    patterns: readonly KeyPattern[],
    tags: readonly string[],
  ): void {
    const { generations, flights } = this.#parts;
    generations.next();
    if (flights.size === 0) return;
    for (const change of changes) generations.addDependency(change);
    for (const pattern of patterns) generations.addPattern(pattern);
    for (const tag of tags) generations.addTag(tag);
  }

  /** Ends entries, what is remembered of their keys, and loads of them, in the present generation. */
  #end(ended: ReadonlySet<string>, patterns: readonly KeyPattern[], ending: Ending): string[] {
    const { generations, flights, negatives } = this.#parts;
    if (flights.size > 0) {
      for (const key of ended) generations.addKey(key);
      for (const flight of [...flights.joinable()]) {
        const { key } = flight;
        const isEnded = ended.has(key) || patterns.some((pattern) => pattern.matches(key));
        if (isEnded) flights.detach(flight);
      }
    }
    negatives.forgetMatching(patterns);
    const gone: string[] = [];
    for (const key of ended) {
      negatives.forget(key);
      const isThere = ending === "stale" && this.#table.markStale(key);
      if (isThere || this.#table.remove(key)) gone.push(key);
    }
    return gone;
  }

  /** The source says that there is no such thing. */
  #ended(key: string, mayBeInTier: boolean): void {
    if (this.invalidate({ keys: [key] }).length > 0 || mayBeInTier) this.#forgetInTier([key]);
  }

  // ---- the rest -----------------------------------------------------------------------------------

  /** What is known of a key; counts as no access. */
  explain(key: string): Explanation {
    return explainKey(this.#parts, key);
  }

  /** Protects keys of a pattern from eviction; see `Cache.protect`. */
  protect(pattern: string): Protected {
    return this.#table.cache.protect(pattern);
  }

  /** Ends a protection. */
  unprotect(pattern: string): { readonly entries: number } {
    return this.#table.cache.unprotect(pattern);
  }

  /**
   * Other bounds: larger ones at once, smaller ones by the policy, at most `evictionsMax` entries now.
   * True when they hold; otherwise the same call goes on.
   *
   * @throws {RangeError} for bounds that cannot be.
   */
  resize(bounds: ShardBounds, evictionsMax?: number): boolean {
    const holds = this.#table.resize(bounds, evictionsMax);
    this.#weightMaxBytes = bounds.weightMaxBytes;
    return holds;
  }

  /** Removes what is past its time; how many. Cheap when nothing is. */
  expire(): number {
    return this.#table.expire();
  }

  /** Sums and sizes. O(types · origins + buckets), and a bounded sample of its entries. */
  status(): ShardStatus {
    const { flights, negatives, keeper } = this.#parts;
    const { cache } = this.#table;
    const protection = cache.protection();
    return {
      shard: this.#settings.index,
      policy: this.#settings.policy,
      choice: cache.choice,
      entries: cache.size,
      entriesMax: cache.entriesMax,
      weightBytes: cache.weightBytes,
      weightMaxBytes: this.#weightMaxBytes,
      flights: flights.size,
      flightsMax: flights.max,
      negatives: negatives.size,
      waitsEnded: this.#loads.waitsEnded,
      secondTierFailures: this.#loads.tierTimeouts + keeper.failures,
      secondTierOutdated: this.#loads.tierOutdated,
      protectedEntries: protection.entries,
      protectedMax: protection.entriesMax,
      protectedPatterns: protection.patterns,
      protectionRefused: protection.refused,
      types: this.#counts.read(),
      ttlLeft: this.#table.ttlLeft(),
      curve: cache.curve(),
    };
  }

  /**
   * Checks what must hold at any time. O(entries).
   *
   * @throws {Error} saying what does not.
   */
  invariant(): void {
    this.#table.invariant();
    this.#parts.flights.invariant();
  }

  /**
   * Ends loads and empties the table; who waits is told. What its entries were made of is forgotten,
   * and `onForgotten` told of it. Idempotent.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#loads.close();
    const linked = this.#table.linkedKeys();
    this.#table.flush();
    if (linked.length > 0) this.#settings.onForgotten?.(linked);
  }
}
