/**
 * `wick bench`: load on the running service at a fixed rate, whatever it answers.
 *
 * @module
 */

import { Histogram } from "../monitor/histogram.ts";
import { type BenchCounts, OpenLoop } from "./bench_loop.ts";
import { BENCH_WORKS, type BenchWork, benchWork } from "./bench_work.ts";
import type { Command, CommandCall, OptionValues } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { ProgressLine } from "./progress_line.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import type { ServiceClient } from "./service_client.ts";
import { countText, shortText } from "./text.ts";

/** Longest run, seconds. */
const SECONDS_MAX = 3_600;
/** Highest rate, requests a second: beyond it this program measures itself. */
const RATE_MAX = 100_000;
/** Most requests under way, and most rows of one. */
const UNDER_WAY_MAX = 1_024;
const BATCH_MAX = 10_000;
const SERIES_MAX = 10_000;

/** The range of latencies, ms. */
const LATENCIES = { lowest: 1e-3, highest: 1e7 };

const PERCENTILES = [0.5, 0.9, 0.99, 0.999] as const;

/** The command. */
export const BENCH: Command = {
  name: "bench",
  about: "load the running service and measure it",
  details: [
    "An open loop: requests start when they are due, however slow the answers are, and latency " +
    "counts from that moment, so a stall of the service shows in every request it delayed. Requests " +
    "beyond --under-way wait here, and that counts too.",
    "push sends candles of made-up series BENCH…, which stay in the service: use one with a data " +
    "folder of its own, or :memory:. labels reads ranges of the series there are. health only asks " +
    "how it is.",
  ],
  operand: null,
  options: {
    work: { value: BENCH_WORKS, about: "what is asked for", byDefault: "push" },
    rate: { value: "number", called: "N", about: "requests a second", byDefault: "100" },
    seconds: { value: "number", called: "N", about: "how long", byDefault: "10" },
    batch: {
      value: "number",
      called: "N",
      about: "candles of a push, or rows of a range",
      byDefault: "100",
    },
    series: { value: "number", called: "N", about: "push: series", byDefault: "100" },
    "under-way": {
      value: "number",
      called: "N",
      about: "most requests under way",
      byDefault: "64",
    },
    json: { about: "the result as JSON on standard output" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick bench", about: "10,000 candles a second for 10 s" },
    { line: "wick bench --rate 1000 --batch 200 --seconds 60", about: "" },
    { line: "wick bench --work labels --batch 10000 --rate 20 --json", about: "" },
  ],
  run: (call, io) => withService(call, io, (client) => runBench(call, io, client)),
};

async function runBench(
  { values }: CommandCall,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const rate = within("rate", values, 100, 0.01, RATE_MAX);
  const seconds = within("seconds", values, 10, 0.1, SECONDS_MAX);
  const underWayMax = whole("under-way", values, 64, UNDER_WAY_MAX);
  const work = await benchWork(values.text("work") ?? "push", client, {
    batch: whole("batch", values, 100, BATCH_MAX),
    series: whole("series", values, 100, SERIES_MAX),
    lanes: underWayMax,
    wallMs: io.clock.wallNow(),
  });
  const latencies = new Histogram(LATENCIES);
  const loop = new OpenLoop(io, { rate, seconds, underWayMax, run: work.run, latencies });
  const line = io.isTerminal.stderr
    ? new ProgressLine(io, () => Promise.resolve(progressText(loop.counts(), seconds)))
    : null;
  try {
    await loop.run();
  } finally {
    await line?.[Symbol.asyncDispose]();
  }
  const result = resultOf(loop.counts(), latencies, work, { rate, seconds });
  io.out(values.flag("json") ? `${JSON.stringify(result)}\n` : resultText(result));
  if (io.interrupted.aborted) return Exit.interrupted;
  return result.failed > 0 || result.ok === 0 ? Exit.failed : Exit.ok;
}

function resultOf(
  counts: BenchCounts,
  latencies: Histogram,
  work: BenchWork,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
) {
  const tookSeconds = counts.tookMs / 1_000;
  return {
    work: work.name,
    rate,
    seconds,
    tookSeconds,
    ...counts,
    rows: work.rows(),
    unit: work.unit,
    okPerSecond: counts.ok / tookSeconds,
    rowsPerSecond: work.rows() / tookSeconds,
    latencyMs: counts.ok === 0 ? null : {
      p50: latencies.percentile(PERCENTILES[0]),
      p90: latencies.percentile(PERCENTILES[1]),
      p99: latencies.percentile(PERCENTILES[2]),
      p999: latencies.percentile(PERCENTILES[3]),
      max: latencies.max,
    },
  };
}

type Result = ReturnType<typeof resultOf>;

function resultText(result: Result): string {
  const { latencyMs: ms } = result;
  const rest = [
    result.refused > 0 ? `${countText(result.refused)} refused` : "",
    result.failed > 0 ? `${countText(result.failed)} failed (${result.firstFailure})` : "",
    result.unsent > 0 ? `${countText(result.unsent)} not sent` : "",
  ].filter((text) => text !== "");
  return [
    `${result.work}: ${countText(result.due)} requests due in ${result.seconds} s, ` +
    `${countText(result.ok)} answered${rest.length === 0 ? "" : `, ${rest.join(", ")}`}`,
    `  ${shortText(result.okPerSecond)} requests/s, ${
      shortText(result.rowsPerSecond)
    } ${result.unit}/s`,
    ms === null
      ? "  no latency: nothing was answered"
      : `  latency from the due time: p50 ${msText(ms.p50)}, p90 ${msText(ms.p90)}, ` +
        `p99 ${msText(ms.p99)}, p99.9 ${msText(ms.p999)}, max ${msText(ms.max)}`,
    "",
  ].join("\n");
}

function msText(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${countText(ms)} ms`;
}

function progressText(counts: BenchCounts, seconds: number): string {
  return `${(counts.tookMs / 1_000).toFixed(0)} of ${seconds} s  ${
    countText(counts.ok)
  } answered  ` +
    `${countText(counts.refused)} refused  ${countText(counts.failed)} failed`;
}

function within(
  name: string,
  values: OptionValues,
  byDefault: number,
  min: number,
  max: number,
): number {
  const value = values.number(name) ?? byDefault;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `Cannot use --${name}: expected ${min} to ${max}: current value is ${value}`,
  );
}

function whole(name: string, values: OptionValues, byDefault: number, max: number): number {
  const value = within(name, values, byDefault, 1, max);
  if (Number.isInteger(value)) return value;
  throw new UsageError(
    `Cannot use --${name}: expected a whole number: current value is ${value}`,
  );
}
