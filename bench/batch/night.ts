/**
 * The sync night in virtual time (spec: batch, "Must show" 4): through the filters, three phases at
 * the same time that share 60 workers, one limiter and one report, against a provider that enforces
 * 750 calls a minute, counts for itself and fails 2 % of the calls.
 *
 * Prices go out in batches; each symbol then takes its `service_ms` of work, which holds up the
 * worker of its batch and no slot. Time counts from the first call to the end of the last work; the
 * limiter begins free, as on a night on which nobody else used the key.
 *
 * @module
 */

import { nextTurn, pause, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { BATCH_SYMBOLS_MAX, type CallPlan, planCalls } from "../../src/batch/filter.ts";
import type { DataKind } from "../../src/batch/filter_kinds.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { LimiterGate } from "../../src/batch/limiter_gate.ts";
import { Progress } from "../../src/batch/progress.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import type { RunReport } from "../../src/batch/report_schema.ts";
import { reportText } from "../../src/batch/report_text.ts";
import { runBatch } from "../../src/batch/run_batch.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { BenchProvider, type Served } from "./provider.ts";
import { readSync1, type SyncNight } from "./sync1.ts";

const LIMIT = { requests: 750, windowMs: 60_000 };
const FAILURES = 0.02;
/** Longest call, and how long one without an answer may be on its way. */
const DEADLINE_MS = 30_000;
const START_MS = Date.UTC(2026, 2, 3, 8);

/** Calls of the night by hand: batches, payers of dividends, unknown profiles. */
const PLANNED = 30 + 9_026 + 2_304;
const PLAIN = 57_615;

/** Sixty workers in all. */
const WORKERS: Readonly<Record<"prices" | "dividends" | "profiles", number>> = {
  prices: 10,
  dividends: 35,
  profiles: 15,
};

/** How much to measure. */
export interface NightOptions {
  /** Nights, each with a seed of its own. */
  readonly rounds: number;
  /** Whether to print the report of the last night. */
  readonly showsReport?: boolean;
}

interface Night {
  readonly plan: CallPlan;
  readonly served: Served;
  readonly report: RunReport;
  readonly tookMs: number;
}

/** Must show 4. Needs `../shared`; without it there is a note and no figure. */
export async function nightFigures(figures: Figures, options: NightOptions): Promise<void> {
  const sync = readSync1(START_MS);
  if (sync === null) return figures.note("night: not measured, ../shared is not there");
  const nights: Night[] = [];
  for (let seed = 1; seed <= options.rounds; seed++) nights.push(await night(sync, seed));
  for (const one of nights) verifyNight(one);
  const spread = (of: (one: Night) => number) => spreadOf(nights.map(of));
  figures.add(
    "sync night: calls that filters save",
    spread(({ plan }) => (1 - plan.savings.plannedCalls / plan.savings.plainCalls) * 100),
    { better: "higher", unit: " %", must: 80.2 },
  );
  figures.add(
    "sync night: time over calls/limit",
    spread(({ tookMs, served }) => tookMs / (served.calls / LIMIT.requests * LIMIT.windowMs)),
    { better: "lower", unit: "×", must: 1.02 },
  );
  figures.add(
    "sync night: items that succeed, 2 % of calls fail",
    spread(({ report }) => (report.run_summary.success_rate ?? 0) * 100),
    { better: "higher", unit: " %", must: 99.9 },
  );
  figures.add(
    "sync night: calls by which report and provider differ",
    spread(({ report, served }) => Math.abs(report.api_metrics.total_calls - served.calls)),
    { better: "lower", unit: "", must: 0 },
  );
  const [first] = nights;
  if (first === undefined) return;
  const { savings } = first.plan;
  figures.note(
    `${PLAIN} calls without filters, ${first.plan.calls.length} planned; saved ` +
      [...savings.saved, ...savings.apart].map((one) => `${one.callsSaved} ${one.name}`).join(", "),
  );
  figures.note(
    `calls made ${nights.map(({ served }) => served.calls).join(", ")} in ` +
      `${nights.map(({ tookMs }) => (tookMs / 60_000).toFixed(2)).join(", ")} min (virtual); ` +
      `failed at the provider ${nights.map(({ served }) => served.failed).join(", ")}, refused 0`,
  );
  figures.note(
    `below 1 because the first ${LIMIT.requests} calls go at once; over the ${PLANNED} planned calls ` +
      `alone it is ${
        nights.map(({ tookMs }) =>
          (tookMs / (PLANNED * LIMIT.windowMs / LIMIT.requests)).toFixed(3)
        )
          .join(", ")
      }`,
  );
  if (options.showsReport) { for (const line of reportText(first.report)) figures.note(line); }
}

/** One night. */
async function night(sync: SyncNight, seed: number): Promise<Night> {
  const clock = new VirtualClock(0, START_MS);
  const random = seededRandom(seed);
  const provider = new BenchProvider({ clock, random, ...LIMIT, failures: FAILURES });
  const limits = [{ name: "minute", rate: LIMIT, begin: "free" as const }];
  await using gate = new LimiterGate(new Limiter({ limits, strayMs: DEADLINE_MS }, 0), clock);
  const report = new RunRecorder({ clock, runId: `night-${seed}`, job: "sync1", limit: LIMIT });
  const progress = new Progress(0);
  const plan = planCalls(sync.symbols, sync.known, {
    kinds: ["prices", "dividends", "profiles"],
    msPerCall: LIMIT.windowMs / LIMIT.requests,
  }, START_MS);
  report.plan(plan.savings);
  const phase = (kind: keyof typeof WORKERS, chunk: number) => {
    const calls = plan.calls.filter((call) => call.kind === kind);
    const endpoint = calls[0]?.endpoint ?? kind;
    return runBatch({
      items: calls.flatMap(({ symbols }) => symbols),
      chunk,
      concurrency: WORKERS[kind],
      deadlineMs: DEADLINE_MS,
      limiter: gate,
      clock,
      random,
      phase: kind,
      endpoint,
      report,
      progress,
      process: async (symbols, call) => {
        await provider.fetch(endpoint, symbols);
        call.responded();
        if (kind === "prices") await pause(clock, workMs(sync, symbols));
      },
    });
  };
  await played(
    clock,
    Promise.all([phase("prices", BATCH_SYMBOLS_MAX), phase("dividends", 1), phase("profiles", 1)]),
  );
  const { share } = progress.snapshot(clock.now());
  verify("share done at the end", share, 1);
  return { plan, served: provider.served, report: report.report("done"), tookMs: clock.now() };
}

const workMs = ({ serviceMs }: SyncNight, symbols: readonly string[]): number =>
  symbols.reduce((sum, symbol) => sum + (serviceMs.get(symbol) ?? 0), 0);

/** Moves time on whenever nothing can happen without it. */
async function played<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) {
    await new Promise<void>((resolve) => nextTurn(resolve));
    if (!isOver) clock.fireNext();
  }
  return await work;
}

/**
 * The plan is the one of the table, each symbol of it was answered once, and nothing was refused.
 */
function verifyNight({ plan, served, report }: Night): void {
  verify("calls planned", plan.calls.length, PLANNED);
  verify("calls without filters", plan.savings.plainCalls, PLAIN);
  verify("calls saved in the report", report.optimizations.total_api_calls_saved, PLAIN - PLANNED);
  verify("calls refused", served.refused, 0);
  verify("failed calls in the report", report.api_metrics.failed_calls, served.failed);
  const wanted = plan.calls.flatMap(({ endpoint, symbols }) =>
    symbols.map((symbol) => `${endpoint} ${symbol}`)
  );
  const once = wanted.filter((key) => served.symbols.get(key) === 1).length;
  verify("symbols answered once", once + report.run_summary.items_failed, wanted.length);
  verify("symbols answered", served.symbols.size, once);
  const made = (kind: DataKind) => report.phases[kind]?.processed ?? 0;
  verify("items", made("prices") + made("dividends") + made("profiles"), wanted.length);
}
