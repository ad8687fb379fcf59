/**
 * The figures of the service (spec: service, "Must show" 2 and 6; labels, "Must show" 5, durable):
 * candles over HTTP to labels on the disk, single candles after a group commit, pages of labels,
 * labels of other parameters, messages, and the start.
 *
 * The service of all but the second runs as users run it: `wick serve` in a process of its own, with
 * a database on the disk and full durability.
 *
 * @module
 */

import { type Latencies, latency } from "./labels/latency.ts";
import { Market, SERIES_COUNT } from "./labels/market.ts";
import { alone } from "./service/alone.ts";
import { fsyncTimes } from "./service/disk.ts";
import { HeldService } from "./service/held.ts";
import { BARS_PER_REQUEST, CONNECTIONS, ingest, type IngestRun } from "./service/ingest.ts";
import { messageTimes } from "./service/messages.ts";
import { PAGE_ROWS, pageTimes } from "./service/pages.ts";
import { DataFolder } from "./service/process.ts";
import { type Start, start } from "./service/start.ts";
import { benchOptions, digits, Figures, percentileOf, spreadOf } from "./support/figures.ts";

const ARRIVALS_PER_SECOND = 20_000;
/** Candles a second at which the lag is measured: a tenth above what the service must take. */
const PACED_PER_SECOND = 110_000;
/** Share of it that has to get through, or it is no measurement at that rate. */
const PACED_SHARE = 0.98;

const measurements = {
  ingest: ingests,
  latency: latencies,
  pages,
  computed,
  messages,
  start: starts,
};
const { only, quick } = benchOptions(
  "Figures of the service: deno task bench:service [--only NAME] [--quick]",
  Object.keys(measurements),
);
const figures = new Figures();
if (quick) figures.note("--quick: shows that the bench works; not figures to quote");
disk();
const market = new Market();
for (const [name, measure] of Object.entries(measurements)) {
  if (only.length === 0 || only.includes(name)) await measure();
}
Deno.exit(figures.finish());

/** What no commit can be faster than. */
function disk(): void {
  using folder = new DataFolder();
  const times = fsyncTimes(folder.path);
  figures.note(
    `disk: 4 KB written and synced p50 ${digits(percentileOf(times, 0.5))} ms, ` +
      `p99 ${digits(percentileOf(times, 0.99))} ms`,
  );
}

/** NDJSON over HTTP to committed labels. */
async function ingests(): Promise<void> {
  const runs: IngestRun[] = [];
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    runs.push(await ingest(market, quick ? 600 : 1_800));
  }
  const spread = (of: (run: IngestRun) => number) => spreadOf(runs.map(of));
  figures.add(
    "HTTP to durable labels, 1,000 series, candles a second",
    spread(({ load }) => load.candlesPerSecond / 1_000),
    { unit: " k", must: 100, aim: 300, better: "higher" },
  );
  const middle = (of: (run: IngestRun) => number) => digits(spread(of).median);
  figures.note(
    `${runs[0]?.load.candles} candles of NDJSON a run, ${CONNECTIONS} connections, requests of ` +
      `${SERIES_COUNT / CONNECTIONS * BARS_PER_REQUEST} rows, answered in p50 ` +
      `${middle(({ load }) => load.latencyMs.p50)} ms, p99 ` +
      `${middle(({ load }) => load.latencyMs.p99)} ms; client on the same two cores`,
  );
  figures.note(`every candle and ${runs[0]?.labels} label rows of the database compared each run`);
  figures.note(
    `main-loop lag meanwhile, both cores busy: p50 ${
      middle(({ inside }) => inside.lag.p50Ms)
    } ms, ` +
      `p99 ${middle(({ inside }) => inside.lag.p99Ms)} ms, ` +
      `max ${middle(({ inside }) => inside.lag.maxMs)} ms; ` +
      `resident memory at most ${middle(({ inside }) => inside.rssPeakMb)} MB, ` +
      `${middle(({ load, inside }) => 1e6 * inside.cpuSeconds / load.candles)} s of processor ` +
      "time a million candles",
  );
  await pacedIngests();
}

/** The lag at a rate that the service must take, and does: saturated, any loop waits for a core. */
async function pacedIngests(): Promise<void> {
  const runs: IngestRun[] = [];
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    const run = await ingest(market, quick ? 600 : 1_200, PACED_PER_SECOND);
    const got = run.load.candlesPerSecond;
    if (got < PACED_SHARE * PACED_PER_SECOND) {
      figures.note(`a run of ${digits(got / 1_000)} k candles a second is left out: too slow`);
    } else runs.push(run);
  }
  if (runs.length === 0) throw new Error("Cannot measure the lag: no run got through at the rate");
  const spread = (of: (run: IngestRun) => number) => spreadOf(runs.map(of));
  const middle = (of: (run: IngestRun) => number) => digits(spread(of).median);
  figures.add(
    `main-loop lag at ${PACED_PER_SECOND / 1_000} k candles a second, p99`,
    spread(({ inside }) => inside.lag.p99Ms),
    { unit: " ms", must: 5, better: "lower" },
  );
  figures.note(
    `p50 ${middle(({ inside }) => inside.lag.p50Ms)} ms, ` +
      `max ${
        middle(({ inside }) => inside.lag.maxMs)
      } ms; the same requests, each due at its time, ` +
      `answered in p50 ${middle(({ load }) => load.latencyMs.p50)} ms, ` +
      `p99 ${middle(({ load }) => load.latencyMs.p99)} ms from then`,
  );
}

/** Scheduled arrival of the finalising candle to the label delivered after its commit. */
async function latencies(): Promise<void> {
  const runs: Latencies[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    using folder = new DataFolder();
    const store = { kind: "sqlite", options: { path: folder.database } } as const;
    const [warmMs, ms] = quick ? [2_000, 3_000] : [4_000, 10_000];
    runs.push(await latency(market, ARRIVALS_PER_SECOND, warmMs, ms, store));
  }
  const spread = (of: (run: Latencies) => number) => spreadOf(runs.map(of));
  figures.add(
    "p99 of arrival to durable, delivered label",
    spread(({ p99Ms }) => p99Ms),
    { unit: " ms", must: 50, aim: 10, better: "lower" },
  );
  const middle = (of: (run: Latencies) => number) => digits(spread(of).median);
  figures.note(
    `${ARRIVALS_PER_SECOND} single candles a second, Poisson, over ${SERIES_COUNT} series: ` +
      `p50 ${middle((run) => run.p50Ms)} ms, p99.9 ${middle((run) => run.p999Ms)} ms, ` +
      `max ${middle((run) => run.maxMs)} ms; ${runs[0]?.labels} labels a run, each compared`,
  );
}

/** Stored labels by range. */
async function pages(): Promise<void> {
  await using held = await HeldService.start(market);
  for (const format of ["json", "ndjson"] as const) {
    const p99s: number[] = [], p50s: number[] = [];
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      const times = await pageTimes(held, format, quick ? 100 : 300);
      p99s.push(percentileOf(times, 0.99));
      p50s.push(percentileOf(times, 0.5));
    }
    figures.add(
      `${PAGE_ROWS} labels by range as ${format.toUpperCase()}, p99`,
      spreadOf(p99s),
      { unit: " ms", must: 20, better: "lower" },
    );
    figures.note(`p50 ${digits(spreadOf(p50s).median)} ms; every row of 20 pages compared`);
  }
}

/** Labels that are not stored. */
async function computed(): Promise<void> {
  const run = await alone(market, quick ? 5 : 20);
  const ratio = (theirs: readonly number[], ours: readonly number[]) =>
    spreadOf(theirs.map((ms, round) => ms / (ours[round] as number)));
  const bar = { unit: "×", must: 10, better: "higher" } as const;
  const middle = (times: readonly number[]) => `${digits(spreadOf(times).median)} ms`;
  figures.add(
    "labels computed over HTTP, a request each / one",
    ratio(run.requestsMs, run.pageMs),
    bar,
  );
  figures.note(
    `${PAGE_ROWS} labels of another horizon: one request ${middle(run.pageMs)}, as NDJSON; each ` +
      `alone ${middle(run.requestsMs)}; every row compared`,
  );
  figures.add("labels through the pool against each alone", ratio(run.storeMs, run.poolMs), bar);
  figures.note(
    `one ask of the pool ${middle(run.poolMs)}; alone, each from its candles in the same ` +
      `database, no messages ${middle(run.storeMs)}`,
  );
  figures.note(`arithmetic of each alone, its candles in memory ${middle(run.memoryMs)}`);
}

/** Asks over HTTP. No spec names a bar: it is there to tell of a step back. */
async function messages(): Promise<void> {
  const { isolate, thread } = await messageTimes(quick ? 500 : 5_000);
  for (const [where, times] of [["main isolate", isolate], ["thread", thread]] as const) {
    figures.add(
      `ask over HTTP to an actor in ${where === "thread" ? "a" : "the"} ${where}, p50`,
      spreadOf([percentileOf(times, 0.5)]),
      { unit: " ms", must: 2, better: "lower" },
    );
    figures.note(`p99 ${digits(percentileOf(times, 0.99))} ms, one after the other`);
  }
}

/** From nothing to ready. Likewise. */
async function starts(): Promise<void> {
  const found: Start[] = [];
  for (let round = 0; round < (quick ? 2 : 5); round++) found.push(await start());
  figures.add(
    "serve: from the start of the process to ready",
    spreadOf(found.map(({ readyMs }) => readyMs)),
    { unit: " ms", must: 2_000, better: "lower" },
  );
  figures.add(
    "serve: resident memory when idle",
    spreadOf(found.map(({ idleMb }) => idleMb)),
    { unit: " MB", must: 300, better: "lower" },
  );
}
