/**
 * The router: which shard has a key, and how an isolate reaches it. One cell a shard holds the shard's
 * own table while its actor lives, so that a hit is a look into memory and no message; the cell is
 * empty while the actor restarts, and then keys are misses that wait in its mailbox.
 *
 * ## Commits
 * {@linkcode CacheRouter.touched} is called with every commit before anyone is told of it, and ends
 * what was made of the candles that it touched. Seqs have no gaps: where one is missing (a pool that
 * died between the commit and this call) nobody knows what was touched, and everything made of candles
 * goes.
 *
 * @module
 */

import { CacheError, shown } from "./error.ts";
import { KeyIndex, slotOf, tableOf } from "./key_index.ts";
import { compileKeyPattern } from "./key_pattern.ts";
import { PROTECTED_PATTERNS_MAX } from "./protection.ts";
import { Rendezvous } from "./rendezvous.ts";
import { EXPLAINED_DEPENDENTS_MAX } from "./shard_explain.ts";
import { tierSelection } from "./shard_tier.ts";
import type { CacheShard, SetEntry, TimeLeft } from "./shard.ts";
import type { ShardStatus } from "./status.ts";
import type { TouchedIndex } from "./touched.ts";
import {
  type Dependency,
  EVERY_ENTRY,
  type Explanation,
  type Found,
  type LoadAsk,
  type SecondTier,
  type Selection,
  type TouchedRange,
} from "./types.ts";

/** How a shard's actor is reached when its table cannot answer. */
export interface ShardActor<V> {
  /** Loads a key that is not there. */
  load(key: string, ask: LoadAsk): Promise<Found<V>>;
  /** Loads several; results in their order. */
  loadMany(keys: readonly string[], ask: LoadAsk): Promise<readonly Found<V>[]>;
}

/** What a router is made of. */
export interface RouterOptions<V> {
  /** Shards there are; constant, since it decides where keys are. */
  readonly shards: number;
  /** Where the keys of all its shards are; one of its own unless given, see `keysOf`. */
  readonly keys?: KeyIndex;
  /** The actor of a shard. */
  readonly actor: (shard: number) => ShardActor<V>;
  /** What commits touched, for entries of the second tier. */
  readonly touched: TouchedIndex;
  /** The tier behind the shards. */
  readonly secondTier?: Pick<SecondTier, "invalidate"> | null;
  /** Told of what this process invalidated, for other processes. */
  readonly onInvalidated?: (selection: Selection) => void;
}

/** How a load is asked for unless told otherwise: by somebody who waits, and no longer than 10 s. */
export const LOAD_ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 10_000 };

/** What one commit touched. */
export interface TouchedCommit {
  /** Its seq. */
  readonly seq: number;
  /** What it touched. */
  readonly ranges: readonly TouchedRange[];
}

/** What an invalidation did. */
export interface Invalidated {
  /** Entries that went, in all shards. */
  readonly removed: number;
}

/** Rounds of following dependencies from shard to shard; chains that are longer end with a flush. */
const ROUNDS_MAX = 32;

/** See the head of this file. */
export class CacheRouter<V> {
  readonly #cells: (CacheShard<V> | null)[];
  readonly #options: RouterOptions<V>;
  readonly #rendezvous: Rendezvous;
  readonly #keys: KeyIndex;
  readonly #patterns = new Set<string>();
  #seq: number | null = null;

  /** All cells empty. */
  constructor(options: RouterOptions<V>) {
    this.#options = options;
    this.#keys = options.keys ?? new KeyIndex();
    this.#rendezvous = new Rendezvous(options.shards);
    this.#cells = Array.from({ length: options.shards }, () => null);
  }

  /** Shards there are. */
  get shards(): number {
    return this.#cells.length;
  }

  /** Index of the shard that has a key. */
  shardOf(key: string): number {
    return this.#rendezvous.shardOf(key);
  }

  /**
   * Where the keys of a shard go that is about to be made: one index serves all shards, so that a hit
   * finds its shard without hashing the key. What a former one left is dropped. O(keys).
   */
  keysOf(shard: number): KeyIndex {
    this.#cells[shard] = null;
    this.#keys.drop(shard);
    return this.#keys;
  }

  /**
   * A shard's actor has started; what is returned empties the cell again.
   *
   * @throws {TypeError} when its keys are not in the index that {@linkcode keysOf} gives.
   */
  attach(shard: number, table: CacheShard<V>): () => void {
    if (table.keys !== this.#keys) {
      throw new TypeError("Cannot attach a shard: expected one whose keys are those of `keysOf`");
    }
    this.#cells[shard] = table;
    for (const pattern of this.#patterns) table.protect(pattern);
    return () => {
      if (this.#cells[shard] === table) this.#cells[shard] = null;
    };
  }

  /** The value of a key if it is there, fresh or stale; a stale one is renewed behind it. */
  peek(key: string, user: string | null = null): V | undefined {
    const place = this.#keys.placeOf(key);
    return place < 0 ? undefined : this.#cells[tableOf(place)]?.peekAt(key, slotOf(place), user);
  }

  /** What is left of a key's time, ms; null when it is not there. No access: nobody has read it. */
  timeLeft(key: string): TimeLeft | null {
    const place = this.#keys.placeOf(key);
    return place < 0 ? null : this.#cells[tableOf(place)]?.timeLeftAt(slotOf(place)) ?? null;
  }

  /**
   * The value of a key, loaded where it is not there; what `ask` leaves out is as in
   * {@linkcode LOAD_ASK}. Rejects only when the shard's actor is lost.
   */
  async get(key: string, ask: Partial<LoadAsk> = LOAD_ASK): Promise<Found<V>> {
    const shard = this.#rendezvous.shardOf(key);
    return this.#cells[shard]?.find(key, ask.user) ??
      await this.#options.actor(shard).load(key, { ...LOAD_ASK, ...ask });
  }

  /** Values in the order of the keys; one message a shard for those that are not there. */
  async getMany(
    keys: readonly string[],
    ask: Partial<LoadAsk> = LOAD_ASK,
  ): Promise<Found<V>[]> {
    const found = new Array<Found<V>>(keys.length);
    const missing = new Map<number, number[]>();
    keys.forEach((key, at) => {
      const shard = this.#rendezvous.shardOf(key);
      const here = this.#cells[shard]?.find(key, ask.user) ?? null;
      if (here !== null) {
        found[at] = here;
        return;
      }
      const places = missing.get(shard) ?? [];
      missing.set(shard, places);
      places.push(at);
    });
    await this.#loadInto(found, keys, missing, { ...LOAD_ASK, ...ask });
    return found;
  }

  /** Loads the keys at some places, by shard, into the same places of `found`. */
  async #loadInto(
    found: Found<V>[],
    keys: readonly string[],
    places: ReadonlyMap<number, readonly number[]>,
    ask: LoadAsk,
  ): Promise<void> {
    await Promise.all([...places].map(async ([shard, group]) => {
      const wanted = group.map((at) => keys[at] as string);
      const loaded = await this.#options.actor(shard).loadMany(wanted, ask);
      group.forEach((at, i) => found[at] = loaded[i] as Found<V>);
    }));
  }

  /**
   * Loads keys ahead of need, those that are not fresh; nobody has read them. One message a shard;
   * results in the order of the keys. Rejects only when a shard's actor is lost.
   */
  async loadAhead(keys: readonly string[], ask: LoadAsk): Promise<Found<V>[]> {
    const found = new Array<Found<V>>(keys.length);
    const places = Map.groupBy(keys.keys(), (at) => this.#rendezvous.shardOf(keys[at] as string));
    await this.#loadInto(found, keys, places, ask);
    return found;
  }

  /**
   * Puts entries in, those of one shard at once. Says how many were kept: a shard that restarts keeps
   * none, and neither does one for which an entry is too heavy.
   */
  setMany(entries: readonly SetEntry<V>[]): number {
    // What was made of their former values may be in any shard.
    this.#follow(entries.map(({ key }) => key));
    const groups = Map.groupBy(entries, ({ key }) => this.#rendezvous.shardOf(key));
    let kept = 0;
    for (const [shard, group] of groups) kept += this.#cells[shard]?.setMany(group) ?? 0;
    return kept;
  }

  /** Prices by symbol, in the order of the symbols; as {@linkcode getMany}. */
  async getPrices(
    symbols: readonly string[],
    ask: Partial<LoadAsk> = LOAD_ASK,
  ): Promise<Map<string, Found<V>>> {
    const found = await this.getMany(symbols.map(priceKey), ask);
    return new Map(symbols.map((symbol, at) => [symbol, found[at] as Found<V>]));
  }

  /** Puts prices in by symbol; as {@linkcode setMany}. */
  setPrices(prices: Iterable<readonly [symbol: string, value: V]>): number {
    return this.setMany(
      Array.from(prices, ([symbol, value]) => ({ key: priceKey(symbol), value })),
    );
  }

  /**
   * Ends what is selected, in every tier, and what was made of it. The shards are done when this
   * returns; the promise resolves when the second tier is done too.
   */
  async invalidate(selection: Selection): Promise<Invalidated> {
    const removed = this.invalidateHere(selection);
    this.#options.onInvalidated?.(selection);
    await this.#options.secondTier?.invalidate(tierSelection(selection, removed));
    return { removed: removed.length };
  }

  /** As {@linkcode invalidate} for the shards of this process alone; the keys that went. */
  invalidateHere(selection: Selection): string[] {
    const first = this.#invalidateOnce(selection);
    return [...first, ...this.#follow([...selection.keys ?? [], ...first])];
  }

  /** Ends what was made of these keys, and so on, in all shards; the keys that went. */
  #follow(keys: readonly string[]): string[] {
    const all: string[] = [];
    let round = keys;
    for (let rounds = 0; round.length > 0; rounds++) {
      if (rounds === ROUNDS_MAX) {
        this.flush();
        return all;
      }
      round = this.#invalidateOnce({ dependencies: round.map(keyDependency) });
      for (const key of round) all.push(key);
    }
    return all;
  }

  #invalidateOnce(selection: Selection): string[] {
    const gone: string[] = [];
    for (const cell of this.#cells) {
      if (cell === null) continue;
      for (const key of cell.invalidate(selection)) gone.push(key);
    }
    return gone;
  }

  /** The last commit that it was told of; null before the first. */
  get seq(): number | null {
    return this.#seq;
  }

  /** A commit touched candles; how many entries went. O(ranges · (log entries + dependents)). */
  touched(seq: number, ranges: readonly TouchedRange[]): number {
    const before = this.#seq;
    if (before !== null && seq <= before) return 0;
    if (before === null || seq > before + 1) return this.missed(seq);
    return this.#apply(seq, ranges);
  }

  /**
   * What commits up to `throughSeq` touched that it may not have been told of, oldest first, all after
   * `fromSeq`; by whoever tells of commits, when it starts. A store that is behind what it was told of
   * lost its commits, and counts them from there again: then everything made of candles goes.
   */
  caughtUp(fromSeq: number, throughSeq: number, commits: readonly TouchedCommit[]): number {
    let gone = 0;
    const before = this.#seq;
    if (before !== null && throughSeq < before) return this.#wentBack(throughSeq);
    if (before === null || before < fromSeq) gone += this.missed(fromSeq);
    for (const { seq, ranges } of commits) {
      if (seq > (this.#seq ?? 0)) gone += this.#apply(seq, ranges);
    }
    this.#seq = Math.max(throughSeq, this.#seq ?? 0);
    return gone;
  }

  /** Nobody knows what commits up to `seq` touched: what was made of candles goes. */
  missed(seq: number): number {
    this.#seq = Math.max(seq, this.#seq ?? 0);
    this.#options.touched.forget(seq);
    return this.#dropCandleEntries(this.#seq);
  }

  /** The seqs begin again after `seq`: those of before say nothing any more, in any tier. */
  #wentBack(seq: number): number {
    this.#seq = seq;
    this.#options.touched.restart(seq);
    // Which of the tier's entries have a seq it cannot say.
    void this.#options.secondTier?.invalidate(EVERY_ENTRY);
    return this.#dropCandleEntries(seq);
  }

  #dropCandleEntries(seq: number): number {
    return this.#cells.reduce((sum, cell) => sum + (cell?.dropCandleEntries(seq) ?? 0), 0);
  }

  #apply(seq: number, ranges: readonly TouchedRange[]): number {
    this.#seq = seq;
    this.#options.touched.add(seq, ranges);
    let gone = 0;
    for (const cell of this.#cells) {
      if (cell === null) continue;
      const keys = cell.touched(seq, ranges);
      gone += keys.length;
      // What was made of those may be in other shards.
      if (keys.length > 0) gone += this.#follow(keys).length;
    }
    return gone;
  }

  /** What is known of a key, with dependents in all shards; null while its shard restarts. */
  explain(key: string): Explanation | null {
    const own = this.#cells[this.#rendezvous.shardOf(key)]?.explain(key) ?? null;
    if (own === null) return null;
    const dependents = new Set(own.dependents);
    for (const cell of this.#cells) {
      for (const one of cell?.explain(key).dependents ?? []) dependents.add(one);
    }
    return { ...own, dependents: [...dependents].slice(0, EXPLAINED_DEPENDENTS_MAX) };
  }

  /** Protects keys of a pattern in every shard, also in those that restart later. */
  protect(pattern: string): void {
    compileKeyPattern(pattern);
    if (!this.#patterns.has(pattern) && this.#patterns.size >= PROTECTED_PATTERNS_MAX) {
      throw new CacheError(
        "protection",
        `Cannot protect another pattern: expected at most ${PROTECTED_PATTERNS_MAX}: ` +
          `current value is ${shown(pattern)}`,
      );
    }
    this.#patterns.add(pattern);
    for (const cell of this.#cells) cell?.protect(pattern);
  }

  /** Takes a pattern back; false when there was none. */
  unprotect(pattern: string): boolean {
    const had = this.#patterns.delete(pattern);
    for (const cell of this.#cells) cell?.unprotect(pattern);
    return had;
  }

  /** Empties the shards of this process. */
  flush(): number {
    return this.#cells.reduce((sum, cell) => sum + (cell?.flush() ?? 0), 0);
  }

  /** Of the shards that are up. */
  status(): ShardStatus[] {
    return this.#cells.flatMap((cell) => cell === null ? [] : [cell.status()]);
  }
}

function priceKey(symbol: string): string {
  return `price:${symbol}`;
}

function keyDependency(key: string): Dependency {
  return { kind: "key", key };
}
