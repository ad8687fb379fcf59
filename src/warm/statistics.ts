/**
 * Who asks for what, when and how often, in bounded memory whatever the number of keys.
 *
 * | part | tells | of |
 * |---|---|---|
 * | `TrackedKeys` | which keys have a slot, and their counts | `keysMax` keys |
 * | `DecayedCounts`, slow | what is popular: half-life a day | each slot |
 * | `DecayedCounts`, fast | what is trending: half-life an hour, against slow | each slot |
 * | `SlotFigures` | recency, hits and waits | each slot |
 * | `HourRows` | what is asked for at which hour of the week | one slot in 40 |
 * | `Sectors` | which sector is hot | each slot |
 * | `UserPatterns` | what a user asks for, where opted in | bounded users |
 * | `UniqueKeys`, `HourTotals` | how many keys; which hours are busy | all accesses |
 *
 * ## Half-lives
 * Slow: a day, so that the night does not wipe out what was wanted by day, and yesterday's keys are
 * known at the opening. Fast: an hour, since that is how often what trends is looked at; with a
 * shorter one a key that is asked for ten times an hour would come and go by chance.
 *
 * ## Cost
 * `record` is O(1), amortised, and allocates nothing; an hour's first one is O(keysMax log keysMax).
 * Rankings are O(keysMax) and allocate their result. Memory: some 60 bytes a slot, keys included.
 *
 * @module
 */

import type { CalendarName } from "../market/instrument.ts";
import { DecayedCounts } from "./decayed.ts";
import { HourRows, SEEN_MIN } from "./hour_rows.ts";
import { HourTotals } from "./hour_totals.ts";
import { Sectors } from "./sectors.ts";
import { SlotFigures } from "./slot_figures.ts";
import {
  checkedSnapshot,
  slotsKept,
  SNAPSHOT_VERSION,
  type StatisticsSnapshot,
} from "./statistics_snapshot.ts";
import type {
  AccessTotals,
  RankedKey,
  SectorFigures,
  StatisticsOptions,
} from "./statistics_types.ts";
import { TopSlots } from "./top_slots.ts";
import { TrackedKeys } from "./tracked_keys.ts";
import { trendRatio } from "./trend.ts";
import type { Access } from "./types.ts";
import { UniqueKeys } from "./unique.ts";
import { UserPatterns, USERS_DEFAULT } from "./users.ts";

/**
 * Slots unless said otherwise: five kinds of data of 4,000 instruments; with all parts of warming
 * 2 MB.
 */
export const KEYS_DEFAULT = 20_000;
/** See the top of the file. */
export const FAST_HALF_LIFE_MS = 3_600_000;
/** See the top of the file. */
export const SLOW_HALF_LIFE_MS = 24 * FAST_HALF_LIFE_MS;
/**
 * A key fades when its slow count is below that: five days after a single access, ten days after
 * the last of a daily thirty.
 */
export const FADED_COUNT = 1 / 32;

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
/** Latest time that a date can be. */
const TIME_MAX_MS = 8.64e15;
/** After so many halvings nothing is left of any count. */
const HALVINGS_MAX = 32;

/** See the top of the file. */
export class AccessStatistics {
  readonly #options: StatisticsOptions;
  readonly #keys: TrackedKeys;
  readonly #fast: DecayedCounts;
  readonly #slow: DecayedCounts;
  readonly #figures: SlotFigures;
  readonly #hours: HourRows;
  readonly #hourTotals: HourTotals;
  readonly #sectors: Sectors;
  readonly #users: UserPatterns | null;
  #unique = new UniqueKeys();
  #nowMs: number;
  /** Counts are advanced to the second that began before it. */
  #nextSecondMs: number;
  #sinceMs: number;
  #halvedAtMs: number;
  #accesses = 0;
  #lost = 0;
  #untracked = 0;

  /**
   * Nothing was asked for yet.
   *
   * @throws {RangeError} for a number of slots or users out of range.
   */
  constructor(options: StatisticsOptions) {
    const { keysMax = KEYS_DEFAULT, random, nowMs, users = null } = options;
    this.#options = options;
    this.#keys = new TrackedKeys({
      keysMax,
      random,
      onTracked: (slot, key) => this.#tracked(slot, key),
      onReplaced: (slot) => this.#replaced(slot),
    });
    this.#fast = new DecayedCounts(keysMax, FAST_HALF_LIFE_MS, nowMs);
    this.#slow = new DecayedCounts(keysMax, SLOW_HALF_LIFE_MS, nowMs);
    this.#figures = new SlotFigures(keysMax);
    this.#hours = new HourRows(keysMax, (slot) => this.calendarAt(slot), nowMs);
    this.#hourTotals = new HourTotals(nowMs);
    this.#sectors = new Sectors(keysMax);
    this.#users = users === null
      ? null
      : new UserPatterns(keysMax, users.usersMax ?? USERS_DEFAULT);
    this.#nowMs =
      this.#sinceMs =
      this.#halvedAtMs =
      this.#nextSecondMs =
        nowMs;
  }

  /** Slots. */
  get keysMax(): number {
    return this.#keys.keysMax;
  }

  /** Keys that have a slot. */
  get size(): number {
    return this.#keys.size;
  }

  /** Bytes of what it is made of, beside the names of users and sectors. */
  get bytes(): number {
    return this.#keys.bytes + this.#fast.values.byteLength + this.#slow.values.byteLength +
      this.#figures.bytes + this.#hours.bytes + this.#sectors.bytes +
      this.#unique.bytes + (this.#users?.bytes ?? 0);
  }

  /** Notes an access; the slot of its key, -1 for one that cannot be kept. O(1), amortised. */
  record({ key, atMs, answer, user, sector = null }: Access): number {
    if (atMs > this.#nowMs) this.#advance(atMs);
    const slot = this.#keys.touch(key);
    this.#accesses++;
    this.#hourTotals.record();
    this.#figures.record(slot, answer, this.#nowMs);
    if (slot < 0) {
      this.#untracked++;
      this.#fast.addElsewhere();
      this.#slow.addElsewhere();
      return slot;
    }
    this.#fast.add(slot);
    this.#slow.add(slot);
    const seen = this.seenAt(slot);
    if (seen >= SEEN_MIN) {
      // Most keys that get a slot lose it soon, and to look an instrument up costs more than this.
      if (!this.#figures.hasCalendar(slot)) this.#assignMarket(slot, key);
      this.#hours.record(slot);
    }
    if (this.#users !== null && user !== null) this.#users.record(user, slot);
    if (sector !== null) this.#hear(slot, key, sector);
    return slot;
  }

  /** Whoever asks knows the sector: it counts where nobody else has said one. */
  #hear(slot: number, key: string, sector: string): void {
    this.#knowMarket(slot);
    if (this.#sectors.numberAt(slot) === 0) this.#sectors.assign(slot, key, sector);
  }

  /** The cache has a new entry of a slot's key, put there ahead of need or not. */
  stored(slot: number, isWarmed: boolean): void {
    if (this.#keys.has(slot)) this.#figures.stored(slot, isWarmed);
  }

  /** So many accesses were not noted, since they came too fast. */
  lose(count: number): void {
    this.#lost += count;
  }

  /** Slot of a key; -1 when it has none. O(1). */
  slotOf(key: string): number {
    return this.#keys.slotOf(key);
  }

  /** Key of a slot, empty when it has none. Allocates it: 0.1 µs. */
  keyAt(slot: number): string {
    return this.#keys.keyAt(slot);
  }

  /** Whether a slot has a key. */
  has(slot: number): boolean {
    return this.#keys.has(slot);
  }

  /** Accesses to the key of a slot since it has it, halved each day. */
  seenAt(slot: number): number {
    return this.#keys.countAt(slot) - this.#keys.errorAt(slot);
  }

  /** Calendar of a slot's key. */
  calendarAt(slot: number): CalendarName {
    this.#knowMarket(slot);
    return this.#figures.calendarAt(slot) ?? "always";
  }

  /** Sector of a slot's key; null for none. */
  sectorAt(slot: number): string | null {
    this.#knowMarket(slot);
    return this.#sectors.nameAt(slot);
  }

  /** When the key of a slot was asked for last, epoch ms, to the second; 0 for never. */
  lastAtMs(slot: number): number {
    return this.#figures.lastAtMs(slot, this.#nowMs);
  }

  /** Sums over all accesses. */
  get totals(): AccessTotals {
    return {
      sinceMs: this.#sinceMs,
      accesses: this.#accesses,
      lost: this.#lost,
      untracked: this.#untracked,
      ...this.#figures.answers,
    };
  }

  /** Different keys since the statistics began, an estimate: standard error 1.6 %. */
  get uniqueKeys(): number {
    return Math.round(this.#unique.estimate());
  }

  /** Share of accesses in each hour of the day, New York's time: 24, summing to 1. */
  byHour(nowMs: number): number[] {
    this.#advance(nowMs);
    return this.#hourTotals.byHour();
  }

  /** Mean accesses in each hour of the week, New York's time from Sunday on: 168. */
  byHourOfWeek(nowMs: number): number[] {
    this.#advance(nowMs);
    return this.#hourTotals.byHourOfWeek();
  }

  /** Keys by accesses, decayed with a half-life of a day. O(keysMax). */
  popular(limit: number, nowMs: number): RankedKey[] {
    this.#advance(nowMs);
    const top = new TopSlots(limit);
    const { values, weight } = this.#slow;
    for (let slot = 0; slot < values.length; slot++) top.offer(slot, values[slot] as number);
    return this.#ranked(top, 1 / weight);
  }

  /**
   * Keys that are surely asked for more than usual, by how much, see `trendRatio`; usual is the
   * key's share of the accesses of the last day, so that nothing trends because a market opens.
   * O(keysMax).
   */
  trending(limit: number, nowMs: number): RankedKey[] {
    this.#advance(nowMs);
    const top = new TopSlots(limit);
    for (let slot = 0; slot < this.keysMax; slot++) {
      const ratio = this.trendAt(slot);
      if (ratio > 1) top.offer(slot, ratio);
    }
    return this.#ranked(top);
  }

  /** How much more than usual the key of a slot is asked for; above 1 it surely is. O(1). */
  trendAt(slot: number): number {
    return trendRatio(this.#fast.at(slot), this.#slow.at(slot) * this.#usualShare());
  }

  /**
   * Keys by the accesses to expect in the hour that holds `atMs`, by their own market's clock; see
   * `HourRows.expected`. O(keysMax / 80).
   */
  inHour(atMs: number, limit: number, nowMs: number): RankedKey[] {
    this.#advance(nowMs);
    const top = new TopSlots(limit);
    this.#hours.forEach((slot) => top.offer(slot, this.#hours.expected(slot, atMs)));
    return this.#ranked(top);
  }

  /** Accesses to expect of a slot's key in the hour that holds `atMs`; 0 when not known. O(1). */
  expectedInHour(slot: number, atMs: number): number {
    return this.#hours.expected(slot, atMs);
  }

  /**
   * Sectors by how much more than usual they are asked for, over keys that were asked for
   * {@linkcode SEEN_MIN} times. O(keysMax).
   */
  sectors(nowMs: number): SectorFigures[] {
    this.#advance(nowMs);
    const { names } = this.#sectors;
    const keys = new Uint32Array(names.length);
    const fast = new Float64Array(names.length), slow = new Float64Array(names.length);
    for (let slot = 0; slot < this.keysMax; slot++) {
      const of = this.#sectors.numberAt(slot);
      if (of === 0 || !this.#keys.has(slot)) continue;
      keys[of] = (keys[of] as number) + 1;
      fast[of] = (fast[of] as number) + this.#fast.at(slot);
      slow[of] = (slow[of] as number) + this.#slow.at(slot);
    }
    const share = this.#usualShare();
    return names.map((sector, of) => {
      const recent = fast[of] as number, accesses = slow[of] as number;
      const ratio = trendRatio(recent, accesses * share);
      return { sector, keys: keys[of] as number, accesses, recent, ratio };
    }).filter((figures) => figures.keys > 0).sort((a, b) => b.ratio - a.ratio);
  }

  /**
   * Keys of a sector by accesses, decayed with a half-life of a day; those that were asked for
   * {@linkcode SEEN_MIN} times. O(keysMax).
   */
  keysOf(sector: string, limit: number, nowMs: number): RankedKey[] {
    this.#advance(nowMs);
    const top = new TopSlots(limit);
    const of = this.#sectors.numberOfName(sector);
    const { values, weight } = this.#slow;
    for (let slot = 0; of > 0 && slot < values.length; slot++) {
      if (this.#sectors.numberAt(slot) === of) top.offer(slot, values[slot] as number);
    }
    return this.#ranked(top, 1 / weight);
  }

  /** What a user asks for most; empty where patterns of users are not kept. */
  favourites(user: string, limit: number, nowMs: number): RankedKey[] {
    this.#advance(nowMs);
    const found = this.#users?.favourites(user, limit) ?? [];
    return found.map(({ slot, count }) => this.#figuresOf(slot, count));
  }

  /** Users of whom patterns are kept. */
  get users(): number {
    return this.#users?.size ?? 0;
  }

  /** Sectors that somebody has said, by symbol. */
  get sectorsSaid(): ReadonlyMap<string, string> {
    return this.#sectors.said;
  }

  /**
   * Replaces what was said of sectors; keys of other symbols have the sector of `marketOf`. O(keysMax).
   *
   * @throws {WarmError} code `sector`, see `Sectors.say`.
   */
  setSectors(sectors: Iterable<readonly [symbol: string, sector: string]>): void {
    this.#sectors.say(sectors);
    this.refreshMarkets();
  }

  /** Asks for the market of each tracked key again: when instruments were registered. O(keysMax). */
  refreshMarkets(): void {
    for (let slot = 0; slot < this.keysMax; slot++) {
      if (this.#figures.hasCalendar(slot)) this.#assignMarket(slot, this.#keys.keyAt(slot));
    }
  }

  /**
   * The daily clean-up: counts are halved, for each day that has passed since the last time, and
   * keys whose slow count is below {@linkcode FADED_COUNT} lose their slots; how many. O(keysMax).
   */
  daily(nowMs: number): number {
    this.#advance(nowMs);
    const days = Math.max(1, Math.round((nowMs - this.#halvedAtMs) / DAY_MS));
    this.#halve(days);
    this.#halvedAtMs = nowMs;
    let dropped = 0;
    for (let slot = 0; slot < this.keysMax; slot++) {
      if (!this.#keys.has(slot) || this.#slow.at(slot) >= FADED_COUNT) continue;
      this.#keys.forget(slot);
      dropped++;
    }
    return dropped;
  }

  /** What outlives the process: plain data, a copy. O(keysMax). */
  snapshot(nowMs: number): StatisticsSnapshot {
    this.#advance(nowMs);
    return {
      version: SNAPSHOT_VERSION,
      keysMax: this.keysMax,
      atMs: this.#nowMs,
      sinceMs: this.#sinceMs,
      halvedAtMs: this.#halvedAtMs,
      accesses: this.#accesses,
      lost: this.#lost,
      untracked: this.#untracked,
      keys: this.#keys.snapshot(),
      fast: this.#fast.snapshot(),
      slow: this.#slow.snapshot(),
      figures: this.#figures.snapshot(),
      hours: this.#hours.snapshot(),
      hourTotals: this.#hourTotals.snapshot(),
      unique: this.#unique.snapshot(),
      sectors: [...this.#sectors.said],
      users: this.#users?.snapshot() ?? null,
    };
  }

  /**
   * Takes a snapshot into statistics that nothing was recorded in; counts decay by the time since.
   * `onTracked` is told of each key. Slots are as they were; where there are fewer now, the keys
   * counted most are kept.
   *
   * @returns By slot, its slot in the snapshot; -1 for none: for what others keep by slot.
   * @throws {WarmError} code `snapshot` when it is not one; nothing has changed then.
   */
  restore(given: unknown, nowMs: number): Int32Array {
    const snapshot = checkedSnapshot(given);
    if (this.#accesses > 0) {
      throw new TypeError("Cannot restore statistics: expected none yet: some were recorded");
    }
    // Where the machine's clock was put back since, time stands still until it is there again.
    this.#advance(Math.max(nowMs, snapshot.atMs));
    const from = slotsKept(snapshot, this.keysMax);
    this.#sectors.say(snapshot.sectors);
    this.#keys.restore(snapshot.keys, from);
    this.#fast.restore(snapshot.fast, from, this.#nowMs);
    this.#slow.restore(snapshot.slow, from, this.#nowMs);
    this.#figures.restore(snapshot.figures, from);
    this.refreshMarkets();
    this.#hours.restore(snapshot.hours, from, this.#nowMs);
    this.#hourTotals.restore(snapshot.hourTotals, this.#nowMs);
    this.#unique = new UniqueKeys(snapshot.unique.slice());
    if (snapshot.users !== null) this.#users?.restore(snapshot.users, from);
    this.#sinceMs = snapshot.sinceMs;
    this.#accesses = snapshot.accesses;
    this.#lost = snapshot.lost;
    this.#untracked = snapshot.untracked;
    const days = Math.floor((this.#nowMs - snapshot.halvedAtMs) / DAY_MS);
    this.#halve(days);
    this.#halvedAtMs = snapshot.halvedAtMs + days * DAY_MS;
    return from;
  }

  /**
   * Checks that the parts fit together; for tests. O(keysMax).
   *
   * @throws {Error} when they do not.
   */
  invariant(): void {
    this.#keys.invariant();
    for (let slot = 0; slot < this.keysMax; slot++) {
      const isFree = !this.#keys.has(slot);
      if (isFree && this.#slow.at(slot) !== 0) throw new Error(`slot ${slot}: count without key`);
    }
  }

  #halve(times: number): void {
    for (let left = Math.min(times, HALVINGS_MAX); left > 0; left--) {
      this.#keys.halve();
      this.#users?.halve();
    }
  }

  #advance(nowMs: number): void {
    // Written so that NaN and what is no date do nothing.
    if (!(nowMs > this.#nowMs && nowMs <= TIME_MAX_MS)) return;
    this.#nowMs = nowMs;
    if (nowMs < this.#nextSecondMs) return;
    this.#nextSecondMs = (Math.floor(nowMs / SECOND_MS) + 1) * SECOND_MS;
    this.#fast.advance(nowMs);
    this.#slow.advance(nowMs);
    this.#hourTotals.advance(nowMs);
    if (this.#hours.advance(nowMs)) this.#hours.rebalance(this.#slow.values);
  }

  /** What is usual of late, as a share of what was in a day, over all keys. */
  #usualShare(): number {
    return this.#slow.total === 0 ? 0 : this.#fast.total / this.#slow.total;
  }

  #tracked(slot: number, key: string): void {
    // A key that has a slot was noted when it got it.
    this.#unique.add(this.#keys.lastHash);
    this.#options.onTracked?.(slot, key, this.#nowMs);
  }

  #replaced(slot: number): void {
    this.#options.onReplaced?.(slot);
    this.#fast.clear(slot);
    this.#slow.clear(slot);
    this.#figures.clear(slot);
    this.#hours.clear(slot);
    this.#sectors.clear(slot);
    this.#users?.forget(slot);
  }

  #knowMarket(slot: number): void {
    if (this.#figures.hasCalendar(slot) || !this.#keys.has(slot)) return;
    this.#assignMarket(slot, this.#keys.keyAt(slot));
  }

  #assignMarket(slot: number, key: string): void {
    const market = this.#options.marketOf(key);
    this.#figures.setCalendar(slot, market?.calendar ?? "always");
    this.#sectors.assign(slot, key, market?.sector ?? null);
  }

  #ranked(top: TopSlots, factor = 1): RankedKey[] {
    return top.take((slot, score) => this.#figuresOf(slot, score * factor));
  }

  #figuresOf(slot: number, score: number): RankedKey {
    return {
      key: this.#keys.keyAt(slot),
      slot,
      score,
      accesses: this.#slow.at(slot),
      recent: this.#fast.at(slot),
      lastAtMs: this.#figures.lastAtMs(slot, this.#nowMs),
      hitRatio: this.#figures.hitRatio(slot),
    };
  }
}
