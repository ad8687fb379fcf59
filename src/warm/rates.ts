/**
 * How often symbols are asked for, as shares of what their group gets.
 *
 * A share does not follow the clock: it stays when ten times as much comes at the open. It is
 * estimated at four speeds, each from what the slower one lets expect:
 *
 *     share = (count + 1) / (group's count + symbols)            all time
 *     ratio of a speed = (count + m) / (share so far × group's count + m)
 *
 * which is the mean of a Poisson rate with a gamma prior of weight m (empirical Bayes: C. Morris,
 * "Parametric Empirical Bayes Inference", JASA 78, 1983). A symbol that is rarely asked for keeps
 * to what is usual; one that is asked for a lot more than usual is believed soon. Between all time
 * and the day stands the sector: when it moves, all of it does.
 *
 * Rows are found by a hash of 32 bits of the symbol alone: two symbols of one hash share a row,
 * which happens to 1 of 200,000 symbols when 20,000 are known.
 *
 * @module
 */

import { mix } from "../cache/hash.ts";
import {
  FadingCounts,
  type Kept,
  keptOf,
  newKept,
  SPEEDS,
  TICK_MS,
  ticksOf,
} from "./rates_decay.ts";
import { type SlotArray, slotArray } from "./slot_array.ts";

/** Groups: calendars. */
export const GROUPS = 3;

/** Sectors that are told apart, number 0 being none; further ones count as none. */
export const SECTORS_MAX = 64;
const SECTOR_BITS = 6;

/** Weight of what a slower speed, or the usual share of a sector, says, in accesses. */
const SHRINK_COUNTS = [1, 8, 6, 4] as const;
const SHRINK_SECTOR_COUNT = 30;

/** Logarithms of the factors of a share; filled by {@linkcode SymbolRates.read}. */
export interface RateParts {
  /** Usual share of the group, log. */
  usual: number;
  /** Ratios: sector, 4 h, 30 min, 5 min, log. */
  sector: number;
  day: number;
  hour: number;
  minutes: number;
}

/** What outlives the process of {@linkcode SymbolRates}. */
export interface RatesSnapshot {
  /** As of when groups and sectors are counted, epoch ms. */
  readonly atMs: number;
  /** By row. */
  readonly lastTicks: Uint32Array<ArrayBuffer>;
  /** By row and speed. */
  readonly counts: Float32Array<ArrayBuffer>;
  /** By group and speed. */
  readonly groups: Float64Array<ArrayBuffer>;
  /** By group, sector and speed. */
  readonly sectors: Float64Array<ArrayBuffer>;
}

/** See the head of this file. */
export class SymbolRates {
  /** Of the symbol, by row. */
  readonly #hashes: Uint32Array<ArrayBuffer>;
  readonly #heads: SlotArray;
  readonly #links: SlotArray;
  /** Keys that a row has. */
  readonly #users: SlotArray;
  /** Group × SECTORS_MAX + sector, by row: a place of the sector's counts. */
  readonly #places: Uint8Array<ArrayBuffer>;
  readonly #lastTicks: Uint32Array<ArrayBuffer>;
  readonly #counts: Float32Array<ArrayBuffer>;
  readonly #groupCounts = new FadingCounts(GROUPS);
  /** By group and sector: symbols of a sector keep one calendar, or are counted apart. */
  readonly #sectorCounts = new FadingCounts(GROUPS * SECTORS_MAX);
  readonly #rowsOfGroup = new Float64Array(GROUPS);
  readonly #kept: Kept = newKept();
  /** First free row + 1; 0 for none. */
  #free = 1;
  #secondMs = 0;

  /** Rows for so many symbols of so many keys; symbols beyond them share those that there are. */
  constructor(rowsMax: number, keysMax = rowsMax) {
    let buckets = 1;
    while (buckets * 2 < rowsMax) buckets *= 2;
    this.#heads = slotArray(buckets, rowsMax);
    // A free row's link is the next free one.
    this.#links = slotArray(rowsMax, rowsMax);
    for (let row = 0; row < rowsMax - 1; row++) this.#links[row] = row + 2;
    this.#hashes = new Uint32Array(rowsMax);
    this.#users = slotArray(rowsMax, keysMax);
    this.#places = new Uint8Array(rowsMax);
    this.#lastTicks = new Uint32Array(rowsMax);
    this.#counts = new Float32Array(rowsMax * SPEEDS);
  }

  /** Bytes that it takes. */
  get bytes(): number {
    const { byteLength: counts } = this.#counts;
    return counts + this.#hashes.byteLength + this.#heads.byteLength + this.#links.byteLength +
      this.#users.byteLength + this.#places.byteLength + this.#lastTicks.byteLength;
  }

  /** The row of a symbol by its hash; -1 when it has none. O(1). */
  find(hash: number): number {
    let at = this.#heads[this.#bucket(hash)] as number;
    while (at !== 0 && this.#hashes[at - 1] !== hash) at = this.#links[at - 1] as number;
    return at - 1;
  }

  /**
   * A key of a symbol begins: its row, made when it has none. When there is no free row it is given
   * that of another symbol, always the same while there is none.
   */
  hold(hash: number, group: number, sector: number): number {
    let row = this.find(hash);
    if (row < 0) {
      row = this.#free - 1;
      if (row < 0) return this.#share(hash);
      this.#free = this.#links[row] as number;
      const bucket = this.#bucket(hash);
      this.#links[row] = this.#heads[bucket] as number;
      this.#heads[bucket] = row + 1;
      this.#hashes[row] = hash;
      this.#places[row] = group * SECTORS_MAX + sector;
      this.#lastTicks[row] = 0;
      this.#counts.fill(0, row * SPEEDS, (row + 1) * SPEEDS);
      this.#rowsOfGroup[group] = (this.#rowsOfGroup[group] as number) + 1;
    }
    this.#users[row] = (this.#users[row] as number) + 1;
    return row;
  }

  #share(hash: number): number {
    const row = (hash >>> 0) % this.#hashes.length;
    this.#users[row] = (this.#users[row] as number) + 1;
    return row;
  }

  /** A key of a row ends; the last one frees it. O(1). */
  release(row: number): void {
    const users = (this.#users[row] as number) - 1;
    this.#users[row] = users;
    if (users > 0) return;
    const group = this.groupOf(row);
    this.#rowsOfGroup[group] = (this.#rowsOfGroup[group] as number) - 1;
    const bucket = this.#bucket(this.#hashes[row] as number);
    let before = -1;
    for (let at = (this.#heads[bucket] as number) - 1; at !== row;) {
      before = at;
      at = (this.#links[at] as number) - 1;
    }
    const after = this.#links[row] as number;
    if (before < 0) this.#heads[bucket] = after;
    else this.#links[before] = after;
    this.#links[row] = this.#free;
    this.#free = row + 1;
  }

  /** The group of a row. */
  groupOf(row: number): number {
    return (this.#places[row] as number) >> SECTOR_BITS;
  }

  /** Accesses of all time of a row, as of its last one. */
  countOf(row: number): number {
    return this.#counts[row * SPEEDS] as number;
  }

  /** A key of a row is asked for. O(1), one exponential. */
  accessed(row: number, atMs: number): void {
    const first = row * SPEEDS;
    const kept = this.#kept;
    const ticks = ticksOf(atMs);
    const lastTicks = this.#lastTicks[row] as number;
    keptOf((ticks - lastTicks) * TICK_MS, kept);
    this.#lastTicks[row] = ticks;
    for (let speed = 0; speed < SPEEDS; speed++) {
      const at = first + speed;
      this.#counts[at] = (this.#counts[at] as number) * (kept[speed] as number) + 1;
    }
    const place = this.#places[row] as number;
    this.#groupCounts.add(place >> SECTOR_BITS);
    this.#sectorCounts.add(place);
  }

  /** Time goes on; see {@linkcode FadingCounts.advance}. */
  advance(atMs: number): void {
    this.#secondMs = atMs;
    this.#groupCounts.advance(atMs);
    this.#sectorCounts.advance(atMs);
  }

  /** What outlives the process: counts by row. */
  snapshot(): RatesSnapshot {
    return {
      atMs: this.#secondMs,
      lastTicks: this.#lastTicks.slice(),
      counts: this.#counts.slice(),
      groups: this.#groupCounts.snapshot(),
      sectors: this.#sectorCounts.snapshot(),
    };
  }

  /** Goes on from a snapshot, but for rows; sector s is `sectorFrom[s]` there, −1 for none. */
  restore(saved: RatesSnapshot, sectorFrom: readonly number[]): void {
    const groups = Array.from({ length: GROUPS }, (_, group) => group);
    this.#secondMs = saved.atMs;
    this.#groupCounts.restore(saved.groups, groups, saved.atMs);
    const from = groups.flatMap((group) =>
      sectorFrom.map((old) => old < 0 ? -1 : group * SECTORS_MAX + old)
    );
    this.#sectorCounts.restore(saved.sectors, from, saved.atMs);
  }

  /** A row's counts are those of row `old` of a snapshot. O(1). */
  restoreRow(row: number, saved: RatesSnapshot, old: number): void {
    this.#lastTicks[row] = saved.lastTicks[old] as number;
    this.#counts.set(saved.counts.subarray(old * SPEEDS, (old + 1) * SPEEDS), row * SPEEDS);
  }

  /** Fills `parts` for a row. O(1): one exponential and five logarithms. */
  read(row: number, atMs: number, parts: RateParts): void {
    const place = this.#places[row] as number;
    const group = place >> SECTOR_BITS;
    const first = row * SPEEDS;
    const kept = this.#kept;
    keptOf((ticksOf(atMs) - (this.#lastTicks[row] as number)) * TICK_MS, kept);
    const all = this.#groupCounts.count(group, 0);
    let share = ((this.#counts[first] as number) * (kept[0] as number) + SHRINK_COUNTS[0]) /
      (all + (this.#rowsOfGroup[group] as number) * SHRINK_COUNTS[0]);
    parts.usual = Math.log(share);
    const sectorRatio = place % SECTORS_MAX === 0 ? 1 : this.#sectorRatio(place, all);
    parts.sector = Math.log(sectorRatio);
    share *= sectorRatio;
    for (let speed = 1; speed < SPEEDS; speed++) {
      const shrink = SHRINK_COUNTS[speed] as number;
      const count = (this.#counts[first + speed] as number) * (kept[speed] as number);
      const expected = share * this.#groupCounts.count(group, speed);
      const ratio = (count + shrink) / (expected + shrink);
      share *= ratio;
      const log = Math.log(ratio);
      if (speed === 1) parts.day = log;
      else if (speed === 2) parts.hour = log;
      else parts.minutes = log;
    }
  }

  /** How much more of its group's accesses a sector gets in these 30 min than it usually does. */
  #sectorRatio(place: number, all: number): number {
    const usual = (this.#sectorCounts.count(place, 0) + 1) / (all + 1);
    const count = this.#sectorCounts.count(place, 2);
    const expected = usual * this.#groupCounts.count(place >> SECTOR_BITS, 2);
    return (count + SHRINK_SECTOR_COUNT) / (expected + SHRINK_SECTOR_COUNT);
  }

  #bucket(hash: number): number {
    return mix(hash) & (this.#heads.length - 1);
  }
}
