/**
 * What was invalidated in a tier that several processes share, as far as this process knows: its own
 * invalidations and those that came by the stream.
 *
 * Deleting from the shared tier is not enough. A value that another process began to load before an
 * invalidation may be written after it; a server that comes back may have lost the deletion; and a
 * deletion by pattern takes a while. So each entry carries a mark, the position in the stream when its
 * load began, and an entry that a later invalidation covers is not used, wherever it came from. And
 * whatever a server may have forgotten is deleted again from here.
 *
 * @module
 */

import type { Clock } from "../../actor/clock.ts";
import { EVERY_ENTRY, type TierSelection } from "../../cache/types.ts";
import { TIER_TTL_MAX_MS } from "../../cache/shard_tier.ts";
import { type SelectionMatcher, selectionMatcher } from "./tier_rules.ts";

/** Invalidations that are known one by one; older ones become "everything before". */
export const LOG_ITEMS_MAX = 4_096;
/** Keys, patterns and tags of all of them. */
export const LOG_NAMES_MAX = 65_536;
/** Patterns of all of them: each read is compared with those after its mark. */
export const LOG_PATTERNS_MAX = 512;

/** One invalidation. */
export interface LogItem {
  readonly matcher: SelectionMatcher;
  /** Position in the stream; 0 while there is none. */
  order: number;
  /** The tier has still to delete what it covers. */
  needsDeletion: boolean;
  /** It has still to be published. */
  needsOrder: boolean;
  readonly atMs: number;
}

/** What a new item needs. */
export interface LogNeeds {
  readonly order?: number;
  readonly deletion?: boolean;
  readonly publication?: boolean;
}

/** See the module's text. Every method is O(names of the item) unless it says otherwise. */
export class InvalidationLog {
  readonly #clock: Pick<Clock, "now">;
  #items: LogItem[] = [];
  #names = 0;
  /** Latest order by name. */
  readonly #keys = new Map<string, number>();
  readonly #tags = new Map<string, number>();
  /** Items with patterns, by age. */
  #patterned: LogItem[] = [];
  #patterns = 0;
  /** Items whose work is not done: they cover everything, whatever its mark. */
  readonly #open = new Set<LogItem>();
  /** Everything with a smaller mark is covered. */
  #floor = 0;
  /** No order of an item, nor the floor, is larger: an entry with this mark needs no comparison. */
  #latest = 0;
  #mark = 0;

  /** An empty one. */
  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** The last position of the stream that is known. */
  get mark(): number {
    return this.#mark;
  }

  /** A position of the stream came to be known. */
  reached(order: number): void {
    this.#mark = Math.max(this.#mark, order);
  }

  /**
   * An invalidation.
   *
   * @throws {CacheError} code `key_pattern` for a pattern that is none.
   */
  add(selection: TierSelection, needs: LogNeeds): LogItem {
    const item: LogItem = {
      matcher: selectionMatcher(selection),
      order: needs.order ?? 0,
      needsDeletion: needs.deletion ?? false,
      needsOrder: needs.publication ?? false,
      atMs: this.#clock.now(),
    };
    this.#forgetOld();
    this.#take(item);
    if (this.#isFull()) this.#condense();
    return item;
  }

  /** An own item was published. */
  published(item: LogItem, order: number): void {
    item.order = order;
    item.needsOrder = false;
    this.#index(item);
    this.reached(order);
  }

  /** An own item that was published is lost, and has to be again. */
  unpublished(item: LogItem): void {
    item.needsOrder = true;
    this.#index(item);
  }

  /** What these items cover is deleted. */
  deleted(items: readonly LogItem[]): void {
    for (const item of items) {
      item.needsDeletion = false;
      this.#index(item);
    }
  }

  /** Items whose deletion is due. O(open items). */
  undeleted(): LogItem[] {
    return [...this.#open].filter(({ needsDeletion }) => needsDeletion);
  }

  /** The tier may have forgotten any deletion. O(items). */
  mayBeUndone(): void {
    for (const item of this.#items) {
      item.needsDeletion = true;
      this.#open.add(item);
    }
  }

  /**
   * The stream that was to publish is gone: nothing waits for it any more. Whether something did.
   * O(items).
   */
  giveUpPublishing(): boolean {
    const waiting = this.#items.filter(({ needsOrder }) => needsOrder);
    for (const item of waiting) {
      item.needsOrder = false;
      this.#index(item);
    }
    return waiting.length > 0;
  }

  /**
   * Whether an entry from the tier must not be used: an invalidation after its mark covers it, or one
   * whose work is not done. O(open items + patterns + tags).
   */
  covers(key: string, tags: readonly string[], mark: number): boolean {
    if (this.#open.size > 0) {
      for (const item of this.#open) if (item.matcher.matches(key, tags)) return true;
    }
    return this.isOutdated(key, tags, mark);
  }

  /**
   * Whether an invalidation after its mark covers an entry. O(patterns + tags), or O(1) when there
   * was none after it, as for most entries.
   */
  isOutdated(key: string, tags: readonly string[], mark: number): boolean {
    if (mark >= this.#latest) return false;
    if (mark < this.#floor || (this.#keys.get(key) ?? 0) > mark) return true;
    for (const tag of tags) if ((this.#tags.get(tag) ?? 0) > mark) return true;
    for (let at = this.#patterned.length - 1; at >= 0; at--) {
      const { matcher, order } = this.#patterned[at] as LogItem;
      if (order > mark && matcher.patterns.some((one) => one.matches(key))) return true;
    }
    return false;
  }

  /** Items in memory, for tests and status. */
  get size(): number {
    return this.#items.length;
  }

  #take(item: LogItem): void {
    this.#items.push(item);
    this.#names += namesOf(item);
    if (item.matcher.patterns.length > 0) this.#patterned.push(item);
    this.#patterns += item.matcher.patterns.length;
    this.#index(item);
    this.reached(item.order);
  }

  #index(item: LogItem): void {
    if (item.needsDeletion || item.needsOrder) this.#open.add(item);
    else this.#open.delete(item);
    this.#latest = Math.max(this.#latest, item.order);
    raise(this.#keys, item.matcher.keys, item.order);
    raise(this.#tags, item.matcher.tags, item.order);
  }

  #isFull(): boolean {
    return this.#items.length > LOG_ITEMS_MAX || this.#names > LOG_NAMES_MAX ||
      this.#patterns > LOG_PATTERNS_MAX;
  }

  /** No entry lives longer than a day, so neither need what ended them. */
  #forgetOld(): void {
    const fromMs = this.#clock.now() - TIER_TTL_MAX_MS;
    const first = this.#items.findIndex((item) => item.atMs >= fromMs || this.#open.has(item));
    if (first > 0) this.#rebuild(this.#items.slice(first));
    else if (first < 0 && this.#items.length > 0) this.#rebuild([]);
  }

  /** The older half becomes one item that covers everything. O(items). */
  #condense(): void {
    const half = this.#items.length >> 1;
    const older = this.#items.slice(0, half + 1);
    const last = older.at(-1) as LogItem;
    const everything: LogItem = {
      matcher: selectionMatcher(EVERY_ENTRY),
      order: 0,
      needsDeletion: older.some((item) => item.needsDeletion),
      needsOrder: false,
      atMs: last.atMs,
    };
    // Those that wait for their publication stay what they are: the stream holds them.
    const unpublished = older.filter((item) => item.needsOrder);
    this.#floor = older.reduce((floor, { order }) => Math.max(floor, order), this.#floor);
    this.#rebuild([everything, ...unpublished.slice(-half), ...this.#items.slice(half + 1)]);
  }

  #rebuild(items: readonly LogItem[]): void {
    this.#items = [];
    this.#names = this.#patterns = 0;
    this.#patterned = [];
    for (const names of [this.#keys, this.#tags, this.#open]) names.clear();
    for (const item of items) this.#take(item);
  }
}

function namesOf({ matcher: { keys, patterns, tags } }: LogItem): number {
  return keys.size + patterns.length + tags.size;
}

function raise(orders: Map<string, number>, names: Iterable<string>, order: number): void {
  if (order === 0) return;
  for (const name of names) {
    if ((orders.get(name) ?? 0) < order) orders.set(name, order);
  }
}
