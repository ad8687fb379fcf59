/**
 * Must show 1: hits in percent of what Belady's optimum has, on every trace at five sizes. Beside the
 * default instance as deployed run the same without shards, our other policies, lru-cache, and a
 * plain W-TinyLFU.
 *
 * @module
 */

import type { PolicyName } from "../../src/cache/types.ts";
import { SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import { lruCacheRequest } from "../rivals/lru_cache.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { beladyHits } from "./belady.ts";
import { Deployed } from "./deployed.ts";
import { readTrace, type Trace, traceNames } from "./trace_files.ts";
import { WTinyLfu } from "./w_tiny_lfu.ts";

/** Percent of the distinct keys of a trace. */
const SIZES_PERCENT = [0.5, 2, 5, 10, 25];
/** Requests between two looks for what has expired. */
const EXPIRE_EVERY = 1_024;
/** Traces of `--quick` have no more requests. */
const QUICK_REQUESTS_MAX = 200_000;

/** Whether a request was a hit. */
type Request = (id: number) => boolean;
type Contestant = (trace: Trace, entriesMax: number) => Request;

const SHARDED = `default, ${SHARDS_DEFAULT} shards`;
const UNSHARDED = "unsharded";
/** The best of these is what the default must not be far under. */
const BEST_OF = ["lru", "s3fifo", "W-TinyLFU 1 %"];

const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  [SHARDED]: ours("adaptive", SHARDS_DEFAULT),
  [UNSHARDED]: ours("adaptive", 1),
  "lru": ours("lru", 1),
  "s3fifo": ours("s3fifo", 1),
  "W-TinyLFU 1 %": (_, entriesMax) => {
    const cache = new WTinyLfu(entriesMax);
    return (id) => cache.request(id);
  },
  "lfu": ours("lfu", 1),
  "hybrid": ours("hybrid", 1),
};
const NAMES = Object.keys(CONTESTANTS);

/** One cell of the table. */
interface Cell {
  readonly entriesMax: number;
  /** Of all requests. */
  readonly beladyPercent: number;
  /** Of Belady's hits, by contestant. */
  readonly percent: Readonly<Record<string, number>>;
  /** Requests at which `lru` and lru-cache differ. */
  readonly differing: number;
}

/** Needs `../shared`; without it there is a note and no figure. */
export function traceFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const names = traceNames();
  if (names.length === 0) return figures.note("traces: not measured, ../shared is not there");
  figures.note(`hits in % of Belady's: ${NAMES.join(" | ")}`);
  const traces = new Map<string, readonly Cell[]>();
  for (const name of names) {
    const trace = readTrace(name);
    if (quick && trace.ids.length > QUICK_REQUESTS_MAX) continue;
    const cells = SIZES_PERCENT.map((sizePercent) => {
      const cell = measure(trace, sizePercent);
      figures.note(lineOf(`${name} ${sizePercent} %`, cell));
      return cell;
    });
    traces.set(name, cells);
  }
  if (quick) {
    figures.note(`--quick: only the ${traces.size} traces of ≤ ${QUICK_REQUESTS_MAX} requests`);
  }
  summarise(figures, traces);
}

function ours(policy: PolicyName, shards: number): Contestant {
  return ({ keys }, entriesMax) => {
    let nowMs = 0;
    const time = { now: () => nowMs };
    // More shards than entries would make the bound larger than asked for.
    const table = new Deployed<number>({ entriesMax, time, policy }, Math.min(shards, entriesMax));
    return (id) => {
      if (++nowMs % EXPIRE_EVERY === 0) {
        table.expire();
        if (table.size > entriesMax) verify("entries", table.size, entriesMax);
      }
      const key = keys[id] as string;
      const found = table.get(key);
      if (found === undefined) {
        table.set(key, id);
        return false;
      }
      if (found !== id) verify("value of a hit", found, id);
      return true;
    };
  };
}

function measure(trace: Trace, sizePercent: number): Cell {
  const { ids, keys } = trace;
  const entriesMax = Math.max(1, Math.round(keys.length * sizePercent / 100));
  const best = beladyHits(ids, keys.length, entriesMax);
  const percent: Record<string, number> = {};
  let lru: Uint8Array | null = null;
  for (const [name, contestant] of Object.entries(CONTESTANTS)) {
    const hits = hitsOf(ids, contestant(trace, entriesMax));
    const count = countOf(hits);
    if (count > best) throw new Error(`Cannot trust ${name}: ${count} hits of ${best} possible`);
    percent[name] = 100 * count / best;
    if (name === "lru") lru = hits;
  }
  const rival = hitsOf(ids, lruCacheRequest(keys, entriesMax));
  const differing = rival.reduce((sum, hit, at) => sum + (hit === lru?.[at] ? 0 : 1), 0);
  return { entriesMax, beladyPercent: 100 * best / ids.length, percent, differing };
}

/** One byte a request: 1 for a hit. */
function hitsOf(ids: Uint32Array, request: Request): Uint8Array {
  const hits = new Uint8Array(ids.length);
  for (let at = 0; at < ids.length; at++) if (request(ids[at] as number)) hits[at] = 1;
  return hits;
}

function countOf(hits: Uint8Array): number {
  let count = 0;
  for (const hit of hits) count += hit;
  return count;
}

function lineOf(name: string, { entriesMax, beladyPercent, percent }: Cell): string {
  const cells = NAMES.map((contestant) => (percent[contestant] as number).toFixed(1).padStart(5));
  return `${name.padEnd(24)} ${String(entriesMax).padStart(6)} entries, Belady ` +
    `${beladyPercent.toFixed(1).padStart(4)} % | ${cells.join(" ")}`;
}

/** Mean of the cells for one contestant. */
function meanOf(cells: readonly Cell[], contestant: string): number {
  return cells.reduce((sum, { percent }) => sum + (percent[contestant] as number), 0) /
    cells.length;
}

function gapOf(cells: readonly Cell[]): number {
  const best = Math.max(...BEST_OF.map((name) => meanOf(cells, name)));
  return best - meanOf(cells, SHARDED);
}

function summarise(figures: Figures, traces: ReadonlyMap<string, readonly Cell[]>): void {
  const cells = [...traces.values()].flat();
  for (const [name, ofTrace] of traces) {
    const means = NAMES.map((contestant) => meanOf(ofTrace, contestant).toFixed(1).padStart(5));
    figures.note(`${name.padEnd(46)} mean | ${means.join(" ")}`);
  }
  const means = NAMES.map((contestant) => `${contestant} ${digits(meanOf(cells, contestant))}`);
  figures.note(`mean of ${cells.length} cells: ${means.join(", ")}`);
  figures.add(`hits of Belady's, ${SHARDED}, mean`, spreadOf([meanOf(cells, SHARDED)]), {
    unit: " %",
    must: 78.5,
    aim: 81,
    better: "higher",
  });
  const gaps = [...traces].map(([name, ofTrace]) => ({ name, points: gapOf(ofTrace) }))
    .sort((a, b) => b.points - a.points);
  const [worst] = gaps;
  if (worst === undefined) return;
  figures.add(
    `worst trace under the best of three (${worst.name})`,
    spreadOf([worst.points]),
    { unit: " points", must: 10, aim: 3, better: "lower" },
  );
  figures.note(`the best of ${BEST_OF.join(", ")}, each without shards; mean of five sizes`);
  const worstCell = Math.max(...cells.map((cell) => gapOf([cell])));
  figures.note(`worst single cell: ${digits(worstCell)} points under`);
  figures.add(
    "requests at which lru and lru-cache differ",
    spreadOf([cells.reduce((sum, { differing }) => sum + differing, 0)]),
    { unit: "", must: 0, better: "lower" },
  );
}
