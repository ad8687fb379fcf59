/**
 * The sync night through the real actors, in virtual time (spec: batch, "Must show" 4): a job over the
 * tree with a memory store, whose records say what is known of the symbols, and a simulated provider
 * that enforces 750 calls a minute, counts for itself and fails 2 % of the calls.
 *
 * The limits begin free, as on a night on which nobody else used the key. What a symbol's prices cost
 * to process is what they cost: they are labelled and committed.
 *
 * @module
 */

import { wickRefs, wickTree } from "../../actors/tree.ts";
import { nextTurn, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { createSystem } from "../../src/actor/mod.ts";
import type { JobStatus } from "../../src/batch/job_status.ts";
import type { RunReport } from "../../src/batch/report_schema.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { readSync1, type SyncNight } from "./sync1.ts";

const START_MS = Date.UTC(2026, 2, 3, 8);
const HOUR_MS = 3_600_000;
const LIMIT = { max: 750, windowMs: 60_000 };
/** Calls of the night by hand: batches of prices, payers of dividends, unknown profiles. */
const PLANNED = { prices_day: 30, dividends: 9_026, profiles: 2_304 } as const;
const ITEMS = 19_205 + 9_026 + 2_304;
const SAVED = { batch_end_of_day: 19_175, dividend_filter: 10_179, company_cache: 16_901 } as const;
/** Turns of the event loop in which messages come to rest before time goes on. */
const TURNS = 2;

interface Night {
  readonly stats: UpstreamStats;
  readonly report: RunReport;
  readonly tookMs: number;
}

/** Must show 4, through the actors. Needs `../shared`; without it there is a note and no figure. */
export async function treeNightFigures(figures: Figures, rounds: number): Promise<void> {
  const sync = readSync1(START_MS);
  if (sync === null) return figures.note("tree night: not measured, ../shared is not there");
  const nights: Night[] = [];
  for (let seed = 1; seed <= rounds; seed++) nights.push(await night(sync, seed));
  const spread = (of: (one: Night) => number) => spreadOf(nights.map(of));
  const planned = Object.values(PLANNED).reduce((sum, calls) => sum + calls, 0);
  figures.add(
    `night through the actors: calls answered beyond the ${planned} planned`,
    spread(({ stats }) => Math.abs(stats.answered - planned)),
    { better: "lower", unit: "", must: 0 },
  );
  figures.add(
    "night through the actors: time over calls/limit",
    spread(({ stats, tookMs }) => tookMs / (stats.calls / LIMIT.max * LIMIT.windowMs)),
    { better: "lower", unit: "×", must: 1.02 },
  );
  figures.add(
    "night through the actors: items that succeed",
    spread(({ report }) => (report.run_summary.success_rate ?? 0) * 100),
    { better: "higher", unit: " %", must: 99.9 },
  );
  figures.add(
    "night through the actors: calls by which report and provider differ",
    spread(({ report, stats }) => Math.abs(report.api_metrics.total_calls - stats.calls)),
    { better: "lower", unit: "", must: 0 },
  );
  figures.note(
    `calls ${nights.map(({ stats }) => stats.calls).join(", ")}, of these failed ` +
      `${nights.map(({ stats }) => stats.failed).join(", ")}, refused 0; ` +
      `${nights.map(({ tookMs }) => (tookMs / 60_000).toFixed(2)).join(", ")} min (virtual)`,
  );
}

async function night(sync: SyncNight, seed: number): Promise<Night> {
  const clock = new VirtualClock(0, START_MS);
  const upstream = simulatedProvider(clock, {
    seed,
    transientRatio: 0.02,
    limits: [LIMIT],
    symbolsMax: { dividends: 1, profiles: 1 },
    payers: [...sync.known].flatMap(([symbol, { dividends }]) =>
      dividends?.everPaid === true ? [symbol] : []
    ),
  });
  const memory = new MemoryStore({ clock });
  remember(memory, sync);
  const system = createSystem(wickTree({
    store: { kind: "open", backend: memory },
    workers: 1,
    providers: [{ name: "simulated", begin: "free", open: () => upstream }],
    system: { clock, random: seededRandom(seed), inlineThreads: true, log: null },
  }));
  await played(clock, system.started);
  const { backfill } = wickRefs(system);
  const job = {
    name: "sync1",
    symbols: [...sync.symbols],
    kinds: ["prices" as const, "dividends" as const, "profiles" as const],
    provider: "simulated",
    chunk: 650,
  };
  const begun = await played(clock, backfill.ask("start", { job, mode: "resume" }));
  verify("items", begun.state === "ok" ? begun.job.items : -1, ITEMS);
  const ended = backfill.ask("ended", { name: "sync1" }, { timeoutMs: 86_400_000 });
  const done = await played(clock, ended);
  if (done.state !== "ok") throw new Error(`Cannot run the night: ${done.reason}`);
  const report = await played(clock, backfill.ask("report", { name: "sync1" }));
  await played(clock, system.stop());
  if (report === null) throw new Error("Cannot run the night: there is no report");
  const stats = upstream.stats();
  verifyNight(done.job, report, stats, memory);
  return { stats, report, tookMs: (done.job.endedMs ?? 0) - (done.job.startedMs ?? 0) };
}

/** What the store knows: when each kind was fetched, and who paid. */
function remember(store: MemoryStore, { symbols, known }: SyncNight): void {
  for (const symbol of symbols) {
    const { fetchedMs, dividends, profileMs } = known.get(symbol) ?? {};
    const atMs = fetchedMs?.prices ?? 0;
    const isFresh = START_MS - atMs < 12 * HOUR_MS;
    const everPaid = dividends?.everPaid === true;
    store.putRecord("fetched:prices", symbol, JSON.stringify({ atMs }));
    store.putRecord("fetched:dividends", symbol, JSON.stringify({ atMs, everPaid }));
    if (!isFresh && profileMs === undefined) continue;
    store.putRecord("fetched:profiles", symbol, JSON.stringify({ atMs }));
  }
}

/** Every planned item is done, each planned call was answered once, and the savings are the plan's. */
function verifyNight(
  { settled, failed }: JobStatus,
  { optimizations, api_metrics }: RunReport,
  { byEndpoint, limited, windowPeak, failed: failedCalls }: UpstreamStats,
  store: MemoryStore,
): void {
  verify("items settled", settled, ITEMS);
  verify("calls refused for the limit", limited, 0);
  verify("most calls in a window", Math.max(windowPeak, LIMIT.max), LIMIT.max);
  verify("failed calls in the report", api_metrics.failed_calls, failedCalls);
  verify("calls without filters", optimizations.plain_calls ?? 0, 57_615);
  for (const [name, calls] of Object.entries(SAVED)) {
    verify(`saved by ${name}`, optimizations.by_optimization[name]?.calls_saved ?? 0, calls);
  }
  if (failed > 0) return;
  for (const [name, calls] of Object.entries(PLANNED)) {
    verify(`calls of ${name} answered`, byEndpoint[name]?.answered ?? 0, calls);
  }
  verify("records of dividends", store.records("data:dividends").length, PLANNED.dividends);
  verify("records of profiles", store.records("data:profiles").length, PLANNED.profiles);
}

/** Moves time on whenever nothing can happen without it. */
async function played<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) {
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise<void>((resolve) => nextTurn(resolve));
    }
    if (!isOver) clock.fireNext();
  }
  return await work;
}
