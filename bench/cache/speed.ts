/**
 * Must show 2: the tables as deployed (default policy and number of shards, TTL, statistics) against
 * lru-cache with a TTL, in one process and in turns. Keys are made beforehand, and those that are read
 * are other objects than those that were put in: callers build their keys, so that two strings are
 * compared by what they say. Their hashes, which the engine keeps in the string, are known after the
 * first round; beside it stands what it costs where each key is built at its call.
 *
 * @module
 */

import { LruCacheSide } from "../rivals/lru_cache.ts";
import { digits, type Figures, type Spread, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { OurSide } from "./our_side.ts";
import {
  flatKeys,
  type Quote,
  quotes,
  type SpeedSide,
  uniformOrder,
  ZipfOrders,
} from "./speed_side.ts";

/** The default of the service, and a larger one that no cache of the processor holds. */
const SIZES = [50_000, 200_000];
/** Of the bound, where every read must be a hit: keys do not fall into shards evenly. */
const FILLED_RATIO = 0.8;
/** Distinct keys of the mix by the bound. */
const FOOTPRINT = 10;
const SKEW = 0.9;
const SEED = 5;

/** How much is measured. */
interface Effort {
  /** Pairs that are not counted, while code is compiled. */
  readonly warmPairs: number;
  /** More where a round is short and two of them differ the more. */
  readonly hitPairs: number;
  readonly mixPairs: number;
  readonly setPairs: number;
  /** Operations of a round. */
  readonly reads: number;
  readonly writes: number;
}

const FULL: Effort = {
  warmPairs: 6,
  hitPairs: 61,
  mixPairs: 41,
  setPairs: 21,
  reads: 400_000,
  writes: 100_000,
};
const QUICK: Effort = {
  warmPairs: 2,
  hitPairs: 5,
  mixPairs: 5,
  setPairs: 5,
  reads: 200_000,
  writes: 50_000,
};

/** Throws, through `verify`, when a side did not do what it was asked. */
export function speedFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const effort = quick ? QUICK : FULL;
  for (const size of quick ? SIZES.slice(0, 1) : SIZES) {
    const name = `${size / 1_000}k entries`;
    hitFigures(figures, new Workload(name, size, FILLED_RATIO), effort);
    const wide = new Workload(name, size, FOOTPRINT);
    mixFigures(figures, wide, effort);
    setFigures(figures, wide, effort);
  }
}

/** Keys and values for one size, `footprint` times as many as the bound. */
class Workload {
  readonly getKeys: readonly string[];
  readonly setKeys: readonly string[];
  readonly values: readonly Quote[];

  constructor(readonly name: string, readonly size: number, footprint: number) {
    const count = Math.floor(footprint * size);
    this.getKeys = flatKeys(count);
    this.setKeys = flatKeys(count);
    this.values = quotes(count);
  }
}

interface Sides extends Disposable {
  readonly ours: SpeedSide;
  readonly rival: SpeedSide;
}

function sidesOf(size: number): Sides {
  const ours = new OurSide(size);
  return { ours, rival: new LruCacheSide(size), [Symbol.dispose]: () => ours.close() };
}

function hitFigures(figures: Figures, all: Workload, effort: Effort): void {
  using sides = sidesOf(all.size);
  fillBoth(sides, all);
  const order = uniformOrder(effort.reads, all.getKeys.length, SEED);
  const hits = hitTurns(sides, effort, order, (side) => side.hits(all.getKeys, order));
  add(figures, `get hit, ${all.name}`, hits, { must: 1, aim: 1.3 });
  const symbols = all.getKeys.map((key) => key.slice(key.indexOf(":") + 1));
  const built = hitTurns(sides, effort, order, (side) => side.builtHits(symbols, order));
  figures.note(`each key built at its call: ${digits(built.ratio.median)}×, ${nanosOf(built)}`);
}

/** Puts all keys in, so few that none is evicted. */
function fillBoth({ ours, rival }: Sides, { setKeys, values }: Workload): void {
  for (const side of [ours, rival]) {
    side.fill(setKeys, values);
    verify(`${side.name}: entries`, side.size, setKeys.length);
  }
}

/** Rounds in which every read must be a hit, and of the right value. */
function hitTurns(
  sides: Sides,
  effort: Effort,
  order: Uint32Array,
  read: (side: SpeedSide) => number,
): Turns {
  const sum = order.reduce((total, id) => total + id, 0);
  const turns = { ...effort, pairs: effort.hitPairs, operations: order.length };
  return inTurns(sides, turns, () => (side) => {
    const startMs = performance.now();
    const found = read(side);
    const tookMs = performance.now() - startMs;
    verify(`${side.name}: sum of hits`, found, sum);
    return tookMs;
  });
}

function mixFigures(figures: Figures, all: Workload, effort: Effort): void {
  using sides = sidesOf(all.size);
  const { getKeys, setKeys, values, size } = all;
  // New requests in each pair of rounds: a policy must not learn a sequence that comes again.
  const zipf = new ZipfOrders(FOOTPRINT * size, SKEW, SEED);
  for (const side of [sides.ours, sides.rival]) side.mix(getKeys, setKeys, values, zipf.next(size));
  const hits = new Map([[sides.ours, 0], [sides.rival, 0]]);
  const turns = { ...effort, pairs: effort.mixPairs, operations: effort.reads };
  const mix = inTurns(sides, turns, () => {
    const order = zipf.next(effort.reads);
    return (side) => {
      const startMs = performance.now();
      const found = side.mix(getKeys, setKeys, values, order);
      const tookMs = performance.now() - startMs;
      // NaN when a key had a value that is not its own.
      if (!(found > 0 && found < order.length)) verify(`${side.name}: hits`, found, order.length);
      hits.set(side, (hits.get(side) as number) + found);
      return tookMs;
    };
  });
  for (const side of hits.keys()) verifyFull(side, size);
  add(figures, `zipf ${SKEW} mix, ${all.name}`, mix, { must: 1 });
  const requests = (turns.pairs + turns.warmPairs) * effort.reads;
  const ratios = [...hits].map(([{ name }, count]) =>
    `${name} ${digits(100 * count / requests)} %`
  );
  figures.note(`hits: ${ratios.join(", ")}; footprint ${FOOTPRINT}× the bound`);
}

function setFigures(figures: Figures, all: Workload, effort: Effort): void {
  using sides = sidesOf(all.size);
  const values = all.values;
  let from = FOOTPRINT * all.size;
  for (const side of [sides.ours, sides.rival]) {
    side.fill(all.setKeys, values);
    verifyFull(side, all.size);
  }
  const turns = { ...effort, pairs: effort.setPairs, operations: effort.writes };
  const sets = inTurns(sides, turns, () => (side) => {
    // Never seen before, by either side: new strings, made outside of what is timed.
    const keys = flatKeys(effort.writes, from);
    from += effort.writes;
    const startMs = performance.now();
    side.fill(keys, values);
    const tookMs = performance.now() - startMs;
    verifyFull(side, all.size);
    return tookMs;
  });
  add(figures, `set with eviction, ${all.name}`, sets, { must: 0.7 });
}

/** A bound that is split among shards is met by all of them only when each had enough keys. */
function verifyFull(side: SpeedSide, size: number): void {
  if (side.size > size || side.size < 0.99 * size) verify(`${side.name}: entries`, side.size, size);
}

/** How often two sides take turns, and what a round does. */
interface Rounds {
  /** Pairs that are not counted, while code is compiled. */
  readonly warmPairs: number;
  readonly pairs: number;
  readonly operations: number;
}

/** What two sides took. */
interface Turns {
  /** Time of the rival over ours, of neighbouring rounds. */
  readonly ratio: Spread;
  /** Of one operation. */
  readonly oursNs: number;
  readonly rivalNs: number;
}

/**
 * Rounds in turns; ours goes first in every other pair. `prepare` makes a pair's work, and what it
 * returns does it on one side and gives the time it took, ms.
 */
function inTurns(
  { ours, rival }: Sides,
  { warmPairs, pairs, operations }: Rounds,
  prepare: () => (side: SpeedSide) => number,
): Turns {
  const oursMs: number[] = [], rivalMs: number[] = [];
  for (let pair = -warmPairs; pair < pairs; pair++) {
    const oursFirst = pair % 2 === 0;
    const run = prepare();
    const first = run(oursFirst ? ours : rival);
    const second = run(oursFirst ? rival : ours);
    if (pair < 0) continue;
    oursMs.push(oursFirst ? first : second);
    rivalMs.push(oursFirst ? second : first);
  }
  const nanos = (times: number[]) => spreadOf(times).median * 1e6 / operations;
  return {
    ratio: spreadOf(rivalMs.map((ms, i) => ms / (oursMs[i] as number))),
    oursNs: nanos(oursMs),
    rivalNs: nanos(rivalMs),
  };
}

function nanosOf({ oursNs, rivalNs }: Turns): string {
  return `${digits(oursNs)} ns against ${digits(rivalNs)} ns`;
}

function add(
  figures: Figures,
  name: string,
  turns: Turns,
  bar: { readonly must: number; readonly aim?: number },
): void {
  figures.add(`${name}, of lru-cache`, turns.ratio, { unit: "×", better: "higher", ...bar });
  figures.note(nanosOf(turns));
}
