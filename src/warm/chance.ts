/**
 * The calibrated chance that a key is asked for within a window ahead: what renewal at expiry
 * decides by and every strategy ranks by.
 *
 * ## What is expected A key that gets μ accesses in a window on average is asked for with chance 1
 * − exp(−μ). μ is a product:
 *
 *     μ =  accesses of the symbol's group in the window      chance_activity.ts
 *        × the symbol's share of them                        rates.ts
 *        × the key's share of its symbol                     below
 *
 * - The **group** is a calendar. What it gets follows the clock: the half hour of the day ahead,
 *   and the level of the last minutes. All its keys share that knowledge, so that none has to learn
 *   by itself that the market has opened.
 * - The **share of the symbol** does not follow the clock. It is measured over all kinds of data,
 *   at four speeds, each shrunk towards the slower one by its count (empirical Bayes), so that a
 *   symbol asked for twice a day has a steady share and a trend shows after a few accesses. The
 *   sector stands between.
 * - The **share of the key**: what of a symbol's accesses goes to its price, news, …, shrunk
 *   towards what is usual in its group as far as symbols are alike (chance_mix.ts). So a key that
 *   was never asked for has a chance, if its symbol was: {@linkcode ChanceOfUse.chanceOfKey}. Where
 *   values hold for a day it is close to 1.
 *
 * A ratio that was measured over τ is taken to fade with {@linkcode PERSISTENCE} × τ: the longer
 * the window, the less a trend counts.
 *
 * ## What is learned The logarithms of the factors are features of a generalised linear model
 * (chance_model.ts) whose weights begin at 1 and learn online from a sample of predictions
 * (chance_learner.ts): whether trends are to be believed more, kinds less. What the model says is
 * then corrected by how its chances came true (reliability.ts). Without a single window ended, both
 * change nothing.
 *
 * ## How good it can be On the fixed workloads the ranking is close to what can be known. A rate
 * over the window itself and an hour around it, which is cheating, gains 0.3 to 0.8 points of fresh
 * hits more at equal keys: accesses are nearly a Poisson process there, of which no more than the
 * rate can be foreseen.
 *
 * Two floors of renewal are worth knowing. At the soft end of a value chance(now, TTL) is what
 * fresh hits gain; at the hard end chance(now, 2 × TTL) is what waiting saves, for half the keys or
 * less.
 *
 * Memory: 12 bytes a slot and 31 a symbol (14 and 35 above 65,535 slots), with room for as many
 * symbols as slots; 0.1 MB beside. No look-ahead, no chance: the same calls give the same answers.
 *
 * @module
 */

import { hashKey } from "../cache/hash.ts";
import type { CalendarName } from "../market/instrument.ts";
import { ACTIVITY_NUMBERS, GroupActivity } from "./chance_activity.ts";
import { ChanceLearner } from "./chance_learner.ts";
import { ChanceMix, MIX_NUMBERS } from "./chance_mix.ts";
import { FEATURE_COUNT } from "./chance_model.ts";
import { ChanceShapes, shapeOf, SHAPES_MAX } from "./chance_shapes.ts";
import { type ChanceSnapshot, checkedChance } from "./chance_snapshot.ts";
import { GROUPS, type RateParts, SECTORS_MAX, SymbolRates } from "./rates.ts";
import { msOf, SPEEDS, TAUS_MS, ticksOf } from "./rates_decay.ts";
import { RELIABILITY_NUMBERS } from "./reliability.ts";
import { type SlotArray, slotArray } from "./slot_array.ts";
import type { KeyMarket } from "./types.ts";
import type { ReliabilityBucket } from "./warming_types.ts";

/** The groups. */
const CALENDARS: readonly CalendarName[] = ["nyse", "fx", "always"];

/**
 * A ratio fades with so many times the τ it was measured over. From 3 to 30 no figure of the
 * workloads moves by more than 0.05 points.
 */
const PERSISTENCE = 8;

/**
 * Evenness of silence: what would have come since the last access is taken as 1 plus and minus
 * this, so that its logarithm is bounded below and 0 at 1.
 */
const SILENCE_OFFSET = 0.2;

/**
 * Keys of a symbol: its price, news, fundamentals and profile. Where there are fewer, some symbols
 * share their rate.
 */
const KEYS_PER_SYMBOL = 4;
/** Symbols that have a rate of their own however few keys are tracked: 2 KB. */
const ROWS_MIN = 64;

/** What {@linkcode ChanceOfUse} is made of. */
export interface ChanceOptions {
  /** Slots. */
  readonly keysMax: number;
  /** Market of a key; null: nothing is known, it is taken to be asked for at any time. */
  marketOf(key: string): KeyMarket | null;
}

/** See the head of this file. */
export class ChanceOfUse {
  readonly #marketOf: (key: string) => KeyMarket | null;
  /** By slot: the row of its symbol + 1, 0 for no key. */
  readonly #rows: SlotArray;
  readonly #shapeOf: Uint8Array<ArrayBuffer>;
  readonly #generations: Uint8Array<ArrayBuffer>;
  /** When it was asked for last, in ticks; 0 for never. */
  readonly #lastTicks: Uint32Array<ArrayBuffer>;
  /** Accesses of all time, as of the last one. */
  readonly #counts: Float32Array<ArrayBuffer>;
  readonly #rates: SymbolRates;
  readonly #shapes = new ChanceShapes(GROUPS);
  readonly #activities = CALENDARS.map((calendar) => new GroupActivity(calendar));
  readonly #sectors = new Map<string, number>();
  readonly #mix = new ChanceMix();
  readonly #learner: ChanceLearner;
  readonly #features = new Float32Array(FEATURE_COUNT);
  readonly #parts: RateParts = { usual: 0, sector: 0, day: 0, hour: 0, minutes: 0 };
  #secondMs = 0;

  /** Nothing is known. */
  constructor({ keysMax, marketOf }: ChanceOptions) {
    this.#marketOf = marketOf;
    this.#rows = slotArray(keysMax, keysMax);
    this.#shapeOf = new Uint8Array(keysMax);
    this.#generations = new Uint8Array(keysMax);
    this.#lastTicks = new Uint32Array(keysMax);
    this.#counts = new Float32Array(keysMax);
    const rowsMax = Math.max(ROWS_MIN, Math.ceil(keysMax / KEYS_PER_SYMBOL));
    this.#rates = new SymbolRates(rowsMax, keysMax);
    this.#learner = new ChanceLearner(this.#lastTicks, this.#generations);
  }

  /** Bytes of its columns. */
  get bytes(): number {
    return this.#rows.byteLength + this.#shapeOf.byteLength + this.#generations.byteLength +
      this.#lastTicks.byteLength + this.#counts.byteLength + this.#rates.bytes +
      this.#learner.bytes;
  }

  /** Weights of the model, in the order of `FEATURES`; for reports. */
  get weights(): readonly number[] {
    return [...this.#learner.model.weights];
  }

  /** How chances came true that were told, before correction. */
  get reliability(): readonly ReliabilityBucket[] {
    return this.#learner.reliability.buckets();
  }

  /** A slot has got a key; the one before is forgotten. O(1). */
  tracked(slot: number, key: string, _atMs: number): void {
    this.forget(slot);
    const { symbol, shape } = shapeOf(key);
    const market = this.#marketOf(key);
    const group = CALENDARS.indexOf(market?.calendar ?? "always");
    this.#rows[slot] = 1 + this.#rates.hold(symbolHash(symbol), group, this.#sectorOf(market));
    this.#shapeOf[slot] = this.#shapes.add(shape);
    this.#lastTicks[slot] = 0;
    this.#counts[slot] = 0;
  }

  /** A slot has no key any more. O(1). */
  forget(slot: number): void {
    const row = this.#rowOf(slot);
    if (row < 0) return;
    this.#rates.release(row);
    this.#rows[slot] = 0;
    this.#generations[slot] = (this.#generations[slot] as number) + 1;
  }

  /** Its key was asked for. The hot path: about 0.1 µs. Nothing for a slot without a key. */
  accessed(slot: number, atMs: number): void {
    const row = this.#rowOf(slot);
    if (row < 0) return;
    if (atMs - this.#secondMs >= 1_000) this.#advance(atMs);
    this.#learner.resolve(atMs);
    const group = this.#rates.groupOf(row);
    const shape = this.#shapeOf[slot] as number;
    const count = this.#countAt(slot, atMs);
    this.#mix.accessed(count, this.#rates.countOf(row), this.#shapes.share(group, shape));
    this.#rates.accessed(row, atMs);
    this.#shapes.accessed(group, shape, atMs);
    (this.#activities[group] as GroupActivity).add();
    this.#counts[slot] = count + 1;
    this.#lastTicks[slot] = ticksOf(atMs);
  }

  /**
   * Calibrated chance that a slot's key is asked for within (atMs, atMs + windowMs]; 0 for a slot
   * without one. About 0.3 µs.
   */
  chance(slot: number, atMs: number, windowMs: number): number {
    const row = this.#rowOf(slot);
    if (row < 0) return 0;
    const shape = this.#shapeOf[slot] as number;
    const ticks = this.#lastTicks[slot] as number;
    this.#fill(row, shape, this.#countAt(slot, atMs), ticks, atMs, windowMs);
    return this.#learner.predict(this.#features, slot, atMs, windowMs);
  }

  /** The same for a key that has no slot: by its symbol, 0 when no key of that has a slot. */
  chanceOfKey(key: string, atMs: number, windowMs: number): number {
    const { symbol, shape } = shapeOf(key);
    const row = this.#rates.find(symbolHash(symbol));
    if (row < 0) return 0;
    this.#fill(row, this.#shapes.numberOf(shape), 0, 0, atMs, windowMs);
    return this.#learner.chance(this.#features);
  }

  /**
   * Keys of a key's symbol, itself included, in the kinds that are usual in its group, likeliest
   * first: what is worth a look when one of them is asked for. Kinds with parameters are left out.
   * O(kinds).
   */
  companions(key: string): readonly string[] {
    const { symbol } = shapeOf(key);
    const row = this.#rates.find(symbolHash(symbol));
    return row < 0 ? [] : this.#shapes.companions(this.#rates.groupOf(row), symbol);
  }

  /** What outlives the process; predictions whose windows are open do not. */
  snapshot(nowMs: number): ChanceSnapshot {
    if (nowMs - this.#secondMs >= 1_000) this.#advance(nowMs);
    return {
      rows: this.#rows.slice(),
      counts: this.#counts.slice(),
      lastTicks: this.#lastTicks.slice(),
      rates: this.#rates.snapshot(),
      sectors: [...this.#sectors.keys()],
      shapes: this.#shapes.names,
      shapeCounts: this.#shapes.snapshot(),
      activities: this.#activities.map((activity) => activity.snapshot()),
      mix: this.#mix.snapshot(),
      model: this.#learner.model.snapshot(),
      reliability: this.#learner.reliability.snapshot(),
    };
  }

  /**
   * Goes on from a snapshot: slot i, of whose key it has been told, is slot `from[i]` there, −1 for
   * none. O(slots).
   *
   * @throws {WarmError} code `snapshot`, when it is none; nothing has changed then.
   */
  restore(value: unknown, from: Int32Array, _nowMs: number): void {
    const saved = checkedChance(value, LENGTHS);
    const names = saved.sectors.slice(0, SECTORS_MAX - 1);
    for (const name of names) this.#sectorNumber(name);
    const sectorFrom: number[] = Array.from({ length: SECTORS_MAX }, () => -1);
    sectorFrom[0] = 0;
    names.forEach((name, at) => sectorFrom[this.#sectorNumber(name)] = at + 1);
    this.#rates.restore(saved.rates, sectorFrom);
    this.#shapes.restore(saved.shapes, saved.shapeCounts, saved.rates.atMs);
    this.#activities.forEach((activity, group) => {
      const of = saved.activities[group];
      if (of !== undefined) activity.restore(of);
    });
    this.#mix.restore(saved.mix);
    this.#learner.model.restore(saved.model);
    this.#learner.reliability.restore(saved.reliability);
    const slots = Math.min(from.length, this.#rows.length);
    for (let slot = 0; slot < slots; slot++) {
      const old = from[slot] as number;
      const row = this.#rowOf(slot);
      const oldRow = (saved.rows[old] ?? 0) - 1;
      if (row < 0 || oldRow < 0) continue;
      this.#counts[slot] = saved.counts[old] as number;
      this.#lastTicks[slot] = saved.lastTicks[old] as number;
      this.#rates.restoreRow(row, saved.rates, oldRow);
    }
  }

  #rowOf(slot: number): number {
    return (this.#rows[slot] ?? 0) - 1;
  }

  #countAt(slot: number, atMs: number): number {
    const elapsed = (atMs - msOf(this.#lastTicks[slot] as number)) / TAUS_MS[0];
    const kept = elapsed < 1e-3 ? 1 - elapsed : Math.exp(-elapsed);
    return (this.#counts[slot] as number) * kept;
  }

  #fill(
    row: number,
    shape: number,
    count: number,
    lastTicks: number,
    atMs: number,
    windowMs: number,
  ): void {
    if (atMs - this.#secondMs >= 1_000) this.#advance(atMs);
    const { sector, day, hour, minutes, usual } = this.#readParts(row, atMs);
    const group = this.#rates.groupOf(row);
    const share = this.#shapes.share(group, shape);
    const all = this.#rates.countOf(row);
    const own = this.#mix.share(count, all, share);
    const expected = (this.#activities[group] as GroupActivity).expected(atMs, windowMs);
    const features = this.#features;
    features[0] = 1;
    features[1] = usual + Math.log(share * expected);
    features[2] = Math.log(own / share);
    features[3] = sector * lasting(windowMs, TAUS_MS[2] * PERSISTENCE);
    features[4] = day * lasting(windowMs, TAUS_MS[1] * PERSISTENCE);
    features[5] = hour * lasting(windowMs, TAUS_MS[2] * PERSISTENCE);
    features[6] = minutes * lasting(windowMs, TAUS_MS[3] * PERSISTENCE);
    let eta = 0;
    for (let at = 1; at <= 6; at++) eta += features[at] as number;
    // Whether an access is due, where accesses come evenly, or is not, where they come in bursts.
    const silentMs = atMs - msOf(lastTicks);
    const missed = lastTicks === 0 ? 1 : Math.exp(eta) * silentMs / windowMs;
    features[7] = Math.log((missed + SILENCE_OFFSET) / (1 + SILENCE_OFFSET));
  }

  #readParts(row: number, atMs: number): RateParts {
    this.#rates.read(row, atMs, this.#parts);
    return this.#parts;
  }

  #advance(atMs: number): void {
    this.#secondMs = atMs;
    this.#rates.advance(atMs);
    for (const activity of this.#activities) activity.advance(atMs);
  }

  #sectorOf(market: KeyMarket | null): number {
    return market === null || market.sector === null ? 0 : this.#sectorNumber(market.sector);
  }

  #sectorNumber(name: string): number {
    const known = this.#sectors.get(name);
    if (known !== undefined) return known;
    if (this.#sectors.size >= SECTORS_MAX - 1) return 0;
    this.#sectors.set(name, this.#sectors.size + 1);
    return this.#sectors.size;
  }
}

const LENGTHS = {
  groups: GROUPS,
  shapeCounts: GROUPS * SHAPES_MAX,
  sectorCounts: GROUPS * SECTORS_MAX * SPEEDS,
  mix: MIX_NUMBERS,
  model: 2 * FEATURE_COUNT,
  reliability: RELIABILITY_NUMBERS,
  activity: ACTIVITY_NUMBERS,
  speeds: SPEEDS,
};

const symbolHash = (symbol: string) => hashKey(symbol, 0) >>> 0;

/** Mean of exp(−t / τ) over a window: what is left of a ratio that fades. */
function lasting(windowMs: number, tauMs: number): number {
  const part = windowMs / tauMs;
  return part < 1e-3 ? 1 : -Math.expm1(-part) / part;
}
