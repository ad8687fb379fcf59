import { gzipSync } from "node:zlib";
import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { fileSource } from "../../src/feed/file_source.ts";
import { syntheticFeed } from "../../src/feed/synthetic.ts";
import { testFeed } from "./conformance.ts";

const ROWS_MAX = 64;

/** 600 lines of two series, every 37th of them no candle. */
function lines(format: (ts: number, values: number[], series: string) => string): string[] {
  return Array.from({ length: 600 }, (_, i) => {
    const open = 1 + (i * 7919 % 1_000) / 1_000;
    const close = 1 + (i * 104_729 % 1_000) / 1_000;
    const high = Math.max(open, close) + (i % 37 === 0 ? -1 : 0.5);
    const values = [open, high, Math.min(open, close) - 0.5, close, i];
    return format(i * 3_600_000, values, i % 3 === 0 ? "EUR_USD:H1" : "USD_JPY:H4");
  });
}

const csv = `ts,open,high,low,close,volume,series\r\n${
  lines((ts, values, series) => `${ts},${values.join(",")},${series}\r\n`).join("")
}`;

// Without a line feed at the end.
const ndjson = lines((ts, [open, high, low, close, volume], series) =>
  JSON.stringify({ ts, open, high, low, close, volume, series })
).join("\n");

const folder = Deno.makeTempDirSync({ prefix: "wick_feed_" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

for (
  const [name, bytes] of [
    ["candles.csv", new TextEncoder().encode(csv)],
    ["candles.csv.gz", gzipSync(csv)],
    ["candles.ndjson", new TextEncoder().encode(ndjson)],
    ["candles.ndjson.gz", gzipSync(ndjson)],
  ] as const
) {
  const path = `${folder}/${name}`;
  Deno.writeFileSync(path, bytes);
  testFeed({
    name: `fileSource() of ${name}`,
    create: () => fileSource(systemClock, { path, rowsMax: ROWS_MAX }),
    rowsMax: ROWS_MAX,
  });
}

const faults = {
  missing: 0.05,
  late: 0.05,
  duplicate: 0.05,
  corrected: 0.05,
  deleted: 0.05,
  bad: 0.05,
};

testFeed({
  name: "syntheticFeed()",
  create: () =>
    syntheticFeed(new VirtualClock(), { rowsMax: ROWS_MAX, endMs: Date.UTC(2020, 0, 20), faults }),
  rowsMax: ROWS_MAX,
});

testFeed({
  name: "syntheticFeed() of long steps and bars",
  create: () =>
    syntheticFeed(new VirtualClock(), {
      rowsMax: 256,
      granularities: ["H4", "W", "M30"],
      barsPerStep: 16,
      startMs: Date.UTC(2021, 2, 3),
      endMs: Date.UTC(2021, 3, 1),
      faults: { ...faults, silent: 1 },
    }),
  rowsMax: 256,
});

testFeed({
  name: "syntheticFeed() at a rate",
  create: () =>
    syntheticFeed(systemClock, {
      rowsMax: ROWS_MAX,
      endMs: Date.UTC(2020, 0, 13),
      faults,
      speed: { ratePerSecond: 200_000 },
    }),
  rowsMax: ROWS_MAX,
});
