import { assertEquals, assertStrictEquals } from "@std/assert";
import { CandleBuilder } from "../../src/market/block.ts";
import { csvReader } from "../../src/market/csv.ts";
import { checkQuality } from "../../src/market/quality.ts";
import { nearestSplit } from "../../src/market/split.ts";
import { gunzipped, sharedPath } from "./support.ts";

const CLEAN = { rejected: 0, rejectedBy: {} };

function block(rows: readonly (readonly [ts: number, open: number, close: number])[]) {
  const builder = new CandleBuilder("A:D");
  for (const [ts, open, close] of rows) {
    builder.push(ts, open, Math.max(open, close), Math.min(open, close), close, ts % 20);
  }
  return builder.finish();
}

Deno.test("checkQuality() of nothing is a report of zeros", () => {
  const report = checkQuality(block([]), CLEAN);
  assertEquals([report.rows, report.candles, report.gaps, report.largestGapSteps], [0, 0, 0, 0]);
  assertEquals([report.stepMs, report.firstTs, report.gridOffsetMs], [null, null, null]);
  assertEquals(report.segments, []);
});

Deno.test("checkQuality() counts steps, gaps and candles off the grid", () => {
  const times = [13, 23, 33, 53, 58, 68, 118];
  const report = checkQuality(block(times.map((ts) => [ts, 1, 2] as const)), CLEAN);
  assertStrictEquals(report.stepMs, 10);
  assertEquals([report.gaps, report.missingSteps], [2, 1 + 4]);
  assertEquals([report.largestGapSteps, report.largestGapTs], [5, 68]);
  assertEquals([report.offGrid, report.gridOffsetMs, report.offMainGrid], [7, 3, 3]);
  assertEquals(checkQuality(block(times.map((t) => [t, 1, 2])), CLEAN, { maxGapMs: 20 }).segments, [
    { candles: 6, firstTs: 13, lastTs: 68 },
    { candles: 1, firstTs: 118, lastTs: 118 },
  ]);
});

Deno.test("checkQuality() takes the smaller step on a tie, whichever comes first", () => {
  assertStrictEquals(checkQuality(block([[0, 1, 1], [10, 1, 1], [15, 1, 1]]), CLEAN).stepMs, 5);
  assertStrictEquals(checkQuality(block([[0, 1, 1], [5, 1, 1], [15, 1, 1]]), CLEAN).stepMs, 5);
});

Deno.test("checkQuality() finds flat runs, zero volume and stitched opens", () => {
  const received = block([[10, 1, 1], [20, 1, 1], [30, 1, 2], [40, 2, 2], [50, 3, 3], [60, 3, 3], [
    70,
    4,
    3,
  ], [80, 3, 3]]);
  const report = checkQuality(received, CLEAN);
  assertStrictEquals(report.flat, 6);
  assertEquals(report.flatRuns, { runs: 2, longest: 3, longestTs: 40 });
  assertStrictEquals(report.zeroVolume, 4);
  assertEquals([report.stitchedOpens, report.stitchedShare], [5, 5 / 7]);
});

Deno.test("checkQuality() lists jumps with the split they look like", () => {
  const report = checkQuality(
    block([[1, 100, 100], [2, 51, 50], [3, 50, 62.5], [4, 62.5, 78.2], [5, 7.8, 8]]),
    CLEAN,
  );
  const found = report.jumps.map((j) => [j.ts, j.split.newShares, j.split.isLikely]);
  assertEquals(found, [[2, 2, true], [4, 4, false], [5, 10, true]]);
  assertStrictEquals(report.jumps[0]?.openChangeRatio, 0.51 - 1);
});

Deno.test("checkQuality() takes duplicates and order from the rows as received", () => {
  const report = checkQuality(block([[30, 1, 1], [10, 1, 1], [20, 1, 1], [20, 1, 1]]), {
    rejected: 2,
    rejectedBy: { lineEmpty: 2 },
  });
  assertEquals([report.rows, report.accepted, report.invalid, report.candles], [6, 4, 2, 3]);
  assertEquals([report.duplicates, report.identicalDuplicates, report.unordered], [1, 1, 1]);
  assertStrictEquals(report.gaps, 0);
});

Deno.test("checkQuality() tells holes from days off by a calendar", () => {
  // Good Friday 2024 is the 29th; the 2nd of April is missing, and the 6th was a Saturday.
  const dates = ["03-27", "03-28", "04-01", "04-03", "04-04", "04-05", "04-06", "04-08"];
  const received = block(dates.map((date) => [Date.parse(`2024-${date}T00:00Z`), 1, 1] as const));
  const { expected, gaps, missingSteps } = checkQuality(received, CLEAN, { calendar: "nyse" });
  assertEquals([gaps, missingSteps], [3, 3 + 1 + 1]);
  assertEquals(expected, {
    calendar: "nyse",
    granularity: "D",
    holes: 1,
    missingBars: 1,
    largestHole: {
      fromTs: Date.parse("2024-04-02T00:00Z"),
      toTs: Date.parse("2024-04-03T00:00Z"),
      missingBars: 1,
    },
    closedCandles: 1,
  });
  assertStrictEquals(checkQuality(received, CLEAN).expected, null);
});

Deno.test("checkQuality() asks no calendar about steps that are no bar length", () => {
  const received = block([[0, 1, 1], [7, 1, 1], [14, 1, 1]]);
  assertStrictEquals(checkQuality(received, CLEAN, { calendar: "always" }).expected, null);
  assertStrictEquals(checkQuality(block([]), CLEAN, { calendar: "nyse" }).expected, null);
});

Deno.test("nearestSplit() finds the ratio in both directions", () => {
  for (const [newShares, oldShares] of [[2, 1], [7, 1], [3, 2], [1, 10], [20, 1]] as const) {
    const found = nearestSplit(newShares / oldShares * 1.01);
    assertEquals([found.newShares, found.oldShares, found.isLikely], [newShares, oldShares, true]);
  }
  assertStrictEquals(nearestSplit(1.9).isLikely, false);
});

/** One entry of `quality.json`; its definitions were found by recounting, see the test below. */
interface Published {
  readonly rows: number;
  readonly first: number;
  readonly last: number;
  readonly dup_ts: number;
  readonly out_of_order: number;
  readonly invalid_ohlc: number;
  readonly flat: number;
  readonly zero_volume: number;
  readonly step_ms: number;
  readonly gaps: number;
  readonly largest_gap_steps: number;
  readonly off_grid: number;
  readonly jumps_over_25pct: [number, number][];
  readonly n_jumps: number;
}

/**
 * `quality.json` is over all lines, invalid ones included, in file order; the report is over the
 * canonical candles. So `last` and `gaps` can differ where a line is invalid, and only there.
 */
Deno.test("checkQuality() agrees with the published counts of every real file", async () => {
  const path = sharedPath("data/candles/quality.json");
  if (path === null) return;
  const published: Record<string, Published> = JSON.parse(await Deno.readTextFile(path));
  let withInvalid = 0;
  for (const [name, expected] of Object.entries(published)) {
    const reader = csvReader({ series: `${name.slice(0, 20)}:D` });
    reader.push(await gunzipped(path.replace("quality.json", `${name}.csv.gz`)));
    reader.finish();
    const [received] = reader.take();
    if (received === undefined) throw new Error(`no candles in ${name}`);
    const report = checkQuality(received, reader.counts());
    const jumps = report.jumps.map((j) => [j.ts, Number(j.closeChangeRatio.toFixed(3))]);
    const counted = {
      rows: report.rows,
      dup_ts: report.duplicates,
      out_of_order: report.unordered,
      invalid_ohlc: report.invalid,
      flat: report.flat,
      zero_volume: report.zeroVolume,
      step_ms: report.stepMs,
      off_grid: report.offGrid,
      jumps_over_25pct: jumps,
      n_jumps: report.jumpCount,
      first: report.firstTs,
      largest_gap_steps: report.largestGapSteps,
    };
    const whole = { ...counted, last: report.lastTs, gaps: report.gaps };
    const compared = expected.invalid_ohlc === 0 ? whole : counted;
    if (expected.invalid_ohlc > 0) withInvalid++;
    const wanted = Object.keys(compared).map((key) => [key, expected[key as keyof Published]]);
    assertEquals(compared as unknown, Object.fromEntries(wanted), name);
  }
  assertStrictEquals(Object.keys(published).length, 71);
  assertStrictEquals(withInvalid < 10, true);
});
