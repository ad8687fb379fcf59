/**
 * What the label tests share: files of `../shared`, the Python reference, blocks from rows, seeds.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import { LabelBuilder } from "../../src/label/rows.ts";
import { FinerCandles } from "../../src/label/finer.ts";
import { LevelSet, parseLevels } from "../../src/label/levels.ts";
import { Labeler, type LabelerOptions } from "../../src/label/labeler.ts";
import { type LabelParams, labelParams } from "../../src/label/params.ts";
import {
  type CandleBlock,
  LABEL_HIT_NAMES,
  LABEL_STATUS_NAMES,
  type LabelBlock,
  LabelStatus,
} from "../../src/market/block.ts";

/** A candle as a row: ts, open, high, low, close, volume. */
export type CandleRow = readonly [number, number, number, number, number, number];

/** Folder of data and reference, beside the project; absent on a user's machine. */
export const SHARED = new URL("../../../shared/", import.meta.url);

/** Seed of everything random in a test run; `WICK_SEED=n` repeats a run. */
export const SEED = Number(Deno.env.get("WICK_SEED") ?? Date.now() % 1_000_000);
console.log(`label tests: WICK_SEED=${SEED}`);

/** Whether `../shared` is there; says so, once per caller, when it is not. */
export function hasShared(what: string): boolean {
  try {
    Deno.statSync(new URL("reference/label_reference.py", SHARED));
    return true;
  } catch {
    console.log(`skipped: ${what} (../shared is absent)`);
    return false;
  }
}

/** Whether python3 runs. */
export function hasPython(what: string): boolean {
  try {
    if (new Deno.Command("python3", { args: ["--version"] }).outputSync().success) return true;
  } catch {
    // Said below.
  }
  console.log(`skipped: ${what} (python3 is absent)`);
  return false;
}

/** Standard output of the Python reference. */
export async function reference(args: readonly string[]): Promise<string> {
  const script = new URL("reference/label_reference.py", SHARED).pathname;
  const { code, stdout, stderr } = await new Deno.Command("python3", { args: [script, ...args] })
    .output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Text of a file under `../shared`, unpacked where its name ends in .gz. */
export function readShared(path: string): string {
  const bytes = Deno.readFileSync(new URL(path, SHARED));
  return new TextDecoder().decode(path.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

/** Names of the files in a folder under `../shared`, sorted. */
export function listShared(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, SHARED))].map((entry) => entry.name).sort();
}

/** Candles of a CSV, canonical (R1) and valid (R2), by the slow and simple way. */
export function parseCandles(text: string): CandleBlock {
  const byTs = new Map<number, CandleRow>();
  for (const line of text.split("\n").slice(1)) {
    const cells = line.split(",");
    if (cells.length < 6) continue;
    const row = cells.slice(0, 6).map(Number);
    const [ts = NaN, o = NaN, h = NaN, l = NaN, c = NaN, v = NaN] = row;
    const valid = row.every(Number.isFinite) && Math.min(o, h, l, c) > 0 && v >= 0 &&
      h >= Math.max(o, c, l) && l <= Math.min(o, c, h);
    if (valid) byTs.set(ts, [ts, o, h, l, c, v]);
  }
  return blockOf([...byTs.values()].sort((a, b) => a[0] - b[0]));
}

/** Candles of a file in `../shared/data/candles`. */
export function sharedCandles(name: string): CandleBlock {
  return parseCandles(readShared(`data/candles/${name}.csv.gz`));
}

/** A block of these rows. */
export function blockOf(rows: readonly CandleRow[]): CandleBlock {
  const column = (index: number) => Float64Array.from(rows, (row) => row[index] as number);
  return {
    series: "TEST:M1",
    length: rows.length,
    ts: column(0),
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(5),
    deleted: null,
  };
}

/** The rows of a block. */
export function rowsOf(block: CandleBlock): CandleRow[] {
  return Array.from(block.ts, (ts, i) => [
    ts,
    block.open[i] as number,
    block.high[i] as number,
    block.low[i] as number,
    block.close[i] as number,
    block.volume[i] as number,
  ]);
}

/** Rows from ≤ row < to of a block. */
export function slice(block: CandleBlock, from: number, to: number): CandleBlock {
  return {
    series: block.series,
    length: Math.max(0, Math.min(to, block.length) - from),
    ts: block.ts.slice(from, to),
    open: block.open.slice(from, to),
    high: block.high.slice(from, to),
    low: block.low.slice(from, to),
    close: block.close.slice(from, to),
    volume: block.volume.slice(from, to),
    deleted: null,
  };
}

/** All rows of a series, labelled in one push. */
export function labelAll(
  candles: CandleBlock,
  params: LabelParams,
  options: Omit<LabelerOptions, "emit"> = {},
): LabelBlock {
  const labeler = new Labeler(params, { ...options, emit: "rows" });
  const out = new LabelBuilder();
  labeler.push(candles, 0, candles.length, out);
  labeler.invariant();
  labeler.finish(out);
  return out.take(candles.series, "");
}

/** One parameter set of `expected/params.json`, as this library says it. */
export interface ReferenceSet {
  readonly params: LabelParams;
  readonly finer: string | null;
  readonly barMs: number;
}

/** The parameter sets of the expected files, by name. */
export function referenceSets(): Map<string, ReferenceSet> {
  const data: Record<string, Partial<LabelParams> & { finer?: string; bar_ms?: number }> = JSON
    .parse(readShared("reference/expected/params.json"));
  return new Map(
    Object.entries(data).map(([name, { horizon, up, down, tie, vertical, finer, bar_ms }]) => [
      name,
      {
        params: labelParams({
          ...(horizon !== undefined && { horizon }),
          ...(up !== undefined && { up }),
          ...(down !== undefined && { down }),
          ...(tie !== undefined && { tie }),
          ...(vertical !== undefined && { vertical }),
        }),
        finer: finer ?? null,
        barMs: bar_ms ?? 0,
      },
    ]),
  );
}

/** Candles and labels of one series under one set, as `expected/` was made. */
export function labelShared(name: string, set: string): LabelBlock {
  const chosen = referenceSets().get(set);
  if (chosen === undefined) throw new Error(`no parameter set ${set}`);
  let candles = sharedCandles(name);
  if (chosen.finer !== null) {
    const finer = sharedCandles(chosen.finer);
    const rows = rowsOf(candles);
    const [first = NaN, last = NaN] = [finer.ts[0], finer.ts[finer.length - 1]];
    candles = blockOf(rows.filter((row) => row[0] >= first && row[0] <= last));
    return labelAll(candles, chosen.params, { finer: new FinerCandles(finer, chosen.barMs) });
  }
  if (set !== "levels") return labelAll(candles, chosen.params);
  const file = `reference/expected/${name}.levels.json.gz`;
  const levels = new LevelSet(parseLevels(JSON.parse(readShared(file))));
  return labelAll(candles, chosen.params, { levels });
}

/** A label row as text cells under the reference's column names; "" is null. */
export function cells(block: LabelBlock, row: number): Record<string, string> {
  const number = (column: ArrayLike<number>) => {
    const value = column[row] as number;
    return Number.isNaN(value) ? "" : String(value);
  };
  const isTouched = block.tbStatus[row] === LabelStatus.final;
  const isFull = block.fhStatus[row] === LabelStatus.final;
  return {
    ts: number(block.ts),
    close: number(block.close),
    atr: number(block.atr),
    rv: number(block.rv),
    up: number(block.up),
    dn: number(block.dn),
    adj: number(block.adj),
    tb_status: LABEL_STATUS_NAMES[block.tbStatus[row] as 0],
    label: isTouched ? number(block.label) : "",
    hit: isTouched ? LABEL_HIT_NAMES[block.hit[row] as 0] : "",
    bars: isTouched ? number(block.bars) : "",
    gap: number(block.gap),
    amb: number(block.amb),
    exit: number(block.exit),
    tb_ret: number(block.tbRet),
    fh_status: LABEL_STATUS_NAMES[block.fhStatus[row] as 0],
    fwd_ret: number(block.fwdRet),
    vsr: number(block.vsr),
    zret: number(block.zret),
    mfe: number(block.mfe),
    t_mfe: isFull ? number(block.tMfe) : "",
    mae: number(block.mae),
    t_mae: isFull ? number(block.tMae) : "",
    pf: number(block.pf),
  };
}

/** Columns whose text must equal the reference's. */
export const EXACT_COLUMNS = "ts tb_status label hit bars gap amb adj fh_status t_mfe t_mae".split(
  " ",
);

/** Columns compared within a relative error. */
export const FLOAT_COLUMNS = "close atr rv up dn exit tb_ret fwd_ret vsr zret mfe mae pf".split(
  " ",
);

/** Relative error allowed in a float column: logarithms differ in the last bits between libms. */
export function toleranceOf(column: string): number {
  return column === "rv" || column === "zret" ? 1e-9 : 1e-12;
}

/**
 * The first difference between rows and the reference's CSV, or null when they agree. `returns`
 * are differences of nearly equal prices, so their error is relative to 1.
 */
export function differenceFromCsv(block: LabelBlock, csv: string): string | null {
  const lines = csv.trimEnd().split("\n");
  const header = (lines[0] ?? "").split(",");
  if (lines.length - 1 !== block.length) return `${block.length} rows for ${lines.length - 1}`;
  for (let row = 0; row < block.length; row++) {
    const expected = (lines[row + 1] ?? "").trimEnd().split(",");
    const actual = cells(block, row);
    for (const [index, column] of header.entries()) {
      const want = expected[index] ?? "";
      const got = actual[column] ?? "";
      if (want === got) continue;
      const close = FLOAT_COLUMNS.includes(column) && want !== "" && got !== "" &&
        Math.abs(Number(got) - Number(want)) <= toleranceOf(column) * Math.abs(Number(want));
      if (!close) return `row ${row} (ts ${actual.ts}) ${column}: ${got} for ${want}`;
    }
  }
  return null;
}

/** A seeded source of chance: mulberry32. */
export class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  /** A whole number from ≤ x < to. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from));
  }
  /** One of these. */
  pick<T>(choices: readonly T[]): T {
    // The index is inside the list.
    return choices[this.int(0, choices.length)] as T;
  }
}

/** A random walk with gaps, ties, flats and breaks, canonical and valid. */
export function walk(chance: Chance, count: number, breakChance = 0.003): CandleRow[] {
  const rows: CandleRow[] = [];
  const round = (price: number) => Math.round(price * 1e4) / 1e4;
  let ts = 1_700_000_000_000;
  let close = 100;
  let flatLeft = 0;
  for (let i = 0; i < count; i++) {
    const kind = chance.next();
    ts += kind < breakChance
      ? 11 * 86_400_000
      : kind < 0.02
      ? 60_000 * chance.int(2, 4000)
      : 60_000;
    if (chance.next() < 0.004) flatLeft = chance.int(1, 40);
    const flat = flatLeft-- > 0;
    const step = () => (chance.next() + chance.next() + chance.next() - 1.5) * 0.004;
    const open = flat || chance.next() > 0.1 ? close : round(close * (1 + step() * 2));
    const next = flat ? open : round(open * (1 + step()));
    const high = flat ? open : round(Math.max(open, next) * (1 + Math.abs(step())));
    const low = flat ? open : round(Math.min(open, next) * (1 - Math.abs(step())));
    rows.push([ts, open, high, low, next, chance.int(0, 900)]);
    close = next;
  }
  return rows;
}
