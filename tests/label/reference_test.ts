/** The labeler against the brute-force reference: vectors, every series and set, fresh series. */

import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import type { LabelBlock } from "../../src/market/block.ts";
import { FinerCandles } from "../../src/label/finer.ts";
import { LevelSet, parseLevels } from "../../src/label/levels.ts";
import { type LabelParams, labelParams } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import {
  blockOf,
  type CandleRow,
  cells,
  Chance,
  differenceFromCsv,
  EXACT_COLUMNS,
  hasPython,
  hasShared,
  labelAll,
  labelShared,
  listShared,
  parseCandles,
  readShared,
  reference,
  rowsOf,
  SEED,
  walk,
} from "./support.ts";

interface Vector {
  readonly name: string;
  readonly params: {
    H: number;
    k_up: number;
    k_dn: number;
    tie: "lower" | "upper";
    vertical: "zero" | "sign";
    max_gap_ms?: number;
    bar_ms?: number;
  };
  readonly candles: CandleRow[];
  readonly levels?: unknown;
  readonly finer?: CandleRow[];
  readonly index: number;
  readonly expect: Record<string, number | string | null>;
}

Deno.test("Labeler agrees with the hand-made vectors", () => {
  if (!hasShared("hand-made vectors")) return;
  const vectors: Vector[] = JSON.parse(readShared("reference/expected/edge_cases.json"));
  assertEquals(vectors.length, 19);
  for (const { name, params, candles, levels, finer, index, expect } of vectors) {
    const block = labelAll(
      blockOf(candles),
      labelParams({
        horizon: params.H,
        up: params.k_up,
        down: params.k_dn,
        tie: params.tie,
        vertical: params.vertical,
        ...(params.max_gap_ms !== undefined && { maxGapMs: params.max_gap_ms }),
      }),
      {
        ...(levels !== undefined && { levels: new LevelSet(parseLevels(levels)) }),
        ...(finer !== undefined && {
          finer: new FinerCandles(blockOf(finer), params.bar_ms ?? 60_000),
        }),
      },
    );
    const actual = cells(block, index);
    for (const [column, value] of Object.entries(expect)) {
      assertEquals(actual[column], value === null ? "" : String(value), `${name} ${column}`);
    }
  }
});

Deno.test("Labeler has the published sha256 and sums for every series and set", () => {
  if (!hasShared("published sha256")) return;
  const summary: Record<string, Summary> = JSON.parse(
    readShared("reference/expected/summary.json"),
  );
  const wrong: string[] = [];
  for (const [key, expected] of Object.entries(summary)) {
    const [name = "", set = ""] = key.split("/");
    const block = labelShared(name, set);
    if (exactSha(block) !== expected.sha256) wrong.push(`${key} sha256`);
    if (block.length !== expected.n) wrong.push(`${key} rows`);
    for (const [column, sum] of floatSums(block)) {
      const want = expected[`sum_${column}`] as number;
      if (!(Math.abs(sum - want) <= 1e-9 * Math.max(1, Math.abs(want)))) {
        wrong.push(`${key} ${column} ${sum} for ${want}`);
      }
    }
  }
  assertEquals(wrong, []);
  assertEquals(Object.keys(summary).length, 220);
});

type Summary = { readonly sha256: string; readonly n: number } & Record<string, unknown>;

function exactSha(block: LabelBlock): string {
  const hash = createHash("sha256");
  let text = "";
  for (let row = 0; row < block.length; row++) {
    const row_ = cells(block, row);
    text += EXACT_COLUMNS.map((column) => row_[column]).join(",") + "\n";
  }
  return hash.update(text).digest("hex");
}

function floatSums(block: LabelBlock): [string, number][] {
  const sum = (column: Float64Array) => column.reduce((a, x) => Number.isNaN(x) ? a : a + x, 0);
  return [
    ["atr", sum(block.atr)],
    ["rv", sum(block.rv)],
    ["up", sum(block.up)],
    ["dn", sum(block.dn)],
    ["exit", sum(block.exit)],
    ["tb_ret", sum(block.tbRet)],
    ["fwd_ret", sum(block.fwdRet)],
    ["vsr", sum(block.vsr)],
    ["zret", sum(block.zret)],
    ["mfe", sum(block.mfe)],
    ["mae", sum(block.mae)],
    ["pf", sum(block.pf)],
  ];
}

Deno.test("Labeler agrees with every published row", () => {
  if (!hasShared("published rows")) return;
  const files = listShared("reference/expected").filter((file) => file.endsWith(".csv.gz"));
  for (const file of files) {
    const [name = "", set = ""] = file.split(".");
    const csv = readShared(`reference/expected/${file}`);
    // A sample of each series' rows is published; the sha256 covers them all.
    const sampled = new Set(csv.split("\n").slice(1).map((line) => Number(line.split(",")[0])));
    const block = rowsAt(labelShared(name, set), sampled);
    assertEquals(differenceFromCsv(block, csv), null, file);
  }
  console.log(`${files.length} files of published rows`);
});

function rowsAt(block: LabelBlock, times: ReadonlySet<number>): LabelBlock {
  const out = new LabelBuilder();
  for (let row = 0; row < block.length; row++) {
    if (times.has(block.ts[row] as number)) out.append(block, row);
  }
  return out.take(block.series, block.paramHash);
}

Deno.test("Labeler agrees with the reference on fresh random series", async () => {
  if (!hasShared("fresh series") || !hasPython("fresh series")) return;
  const chance = new Chance(SEED);
  const rounds = Array.from({ length: 6 }, () => ({
    seed: chance.int(0, 1 << 30),
    params: labelParams({
      horizon: chance.pick([1, 2, 6, 7, 24, 60]),
      up: chance.pick([0.2, 1, 2, 3.5]),
      down: chance.pick([0.3, 1, 2]),
      tie: chance.pick(["lower", "upper"]),
      vertical: chance.pick(["zero", "sign"]),
      maxGapMs: chance.pick([864_000_000, 3_600_000 * 12]),
    }),
  }));
  // Side by side: the reference is slow, and a process of its own.
  await Promise.all(rounds.map(({ seed, params }) => assertAsReference(seed, params)));
});

async function assertAsReference(seed: number, params: LabelParams): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".csv" });
  try {
    const csv = await reference(["synth", String(seed), "2500"]);
    await Deno.writeTextFile(path, csv);
    const expected = await reference([
      ...["rows", path, "--horizon", String(params.horizon)],
      ...["--up", String(params.up), "--down", String(params.down), "--tie", params.tie],
      ...["--vertical", params.vertical, "--max-gap-ms", String(params.maxGapMs)],
    ]);
    const block = labelAll(parseCandles(csv), params);
    assertEquals(differenceFromCsv(block, expected), null, `synth ${seed} ${params.horizon}`);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("Labeler agrees with the reference on random levels and finer candles", async () => {
  if (!hasShared("random levels") || !hasPython("random levels")) return;
  const chance = new Chance(SEED + 1);
  const folder = await Deno.makeTempDir();
  try {
    const fine = walk(chance, 9000, 0);
    const barMs = 600_000;
    const coarse = coarsen(fine, barMs);
    const levels = Array.from({ length: 3000 }, () => {
      const from = coarse[chance.int(0, coarse.length)]?.[0] ?? 0;
      return {
        kind: chance.pick(["support", "resistance"]),
        price: Math.round((100 + (chance.next() - 0.5) * 60) * 100) / 100,
        from_ts: from,
        to_ts: from + chance.int(0, 2000) * 60_000,
      };
    });
    await Deno.writeTextFile(`${folder}/coarse.csv`, csvOf(coarse));
    await Deno.writeTextFile(`${folder}/fine.csv`, csvOf(fine));
    await Deno.writeTextFile(`${folder}/levels.json`, JSON.stringify(levels));
    const expected = await reference([
      ...["rows", `${folder}/coarse.csv`, "--up", "0.3", "--down", "0.3"],
      ...["--levels", `${folder}/levels.json`],
      ...["--finer", `${folder}/fine.csv`, "--bar-ms", String(barMs)],
    ]);
    const block = labelAll(blockOf(coarse), labelParams({ up: 0.3, down: 0.3 }), {
      levels: new LevelSet(parseLevels(levels)),
      finer: new FinerCandles(blockOf(fine), barMs),
    });
    assertEquals(differenceFromCsv(block, expected), null);
    assertEquals(block.adj.includes(1) && block.amb.includes(1), true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function csvOf(rows: readonly CandleRow[]): string {
  return "ts,open,high,low,close,volume\n" + rows.map((row) => row.join(",") + "\n").join("");
}

function coarsen(fine: readonly CandleRow[], barMs: number): CandleRow[] {
  const bars = new Map<number, [number, number, number, number, number, number]>();
  for (const [ts, open, high, low, close, volume] of fine) {
    const start = Math.floor(ts / barMs) * barMs;
    const bar = bars.get(start);
    if (bar === undefined) {
      bars.set(start, [start, open, high, low, close, volume]);
    } else {
      bar[2] = Math.max(bar[2], high);
      bar[3] = Math.min(bar[3], low);
      bar[4] = close;
      bar[5] += volume;
    }
  }
  return rowsOf(blockOf([...bars.values()]));
}
