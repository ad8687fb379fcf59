/**
 * The demo itself: the whole tree on the synthetic feed, a line of live progress, a worker killed on
 * purpose, and at the end a summary with a check of every label against a batch run.
 *
 * @module
 */

import { pause, type Random } from "../actor/clock.ts";
import type { LogSink } from "../actor/mod.ts";
import type { RunReport } from "../batch/report_schema.ts";
import { type SyntheticFeed, syntheticFeed } from "../feed/synthetic.ts";
import { sameBarrierHalf, sameRow } from "../label/correction.ts";
import { labelCandles } from "../label/label_candles.ts";
import { DEFAULT_PARAMS, paramHash } from "../label/params.ts";
import { hasFinalHalf, selectRows } from "../label/rows.ts";
import {
  type CandleBlock,
  LABEL_HIT_NAMES,
  type LabelBlock,
  LabelStatus,
} from "../market/block.ts";
import type { FeedSource } from "../feed/port.ts";
import type { BasketFigures } from "./demo_baskets.ts";
import type { ReadFigures } from "./demo_readers.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import type { DemoOptions } from "./parts.ts";
import { ProgressLine } from "./progress_line.ts";
import { countOf, countText } from "./text.ts";

/** What the demo asks of a running tree. */
export interface DemoTree {
  /** Where the admin HTTP answers. */
  readonly url: string;
  pool(): Promise<{
    readonly candles: number;
    readonly labels: number;
    readonly revised: number;
    readonly failures: number;
    readonly delayMs: number;
    readonly committedSeq: number;
    readonly workers: number;
  }>;
  feed(): Promise<{ readonly cursor: string | null; readonly rejected: number }>;
  /** Report of the job so far; null before it began. */
  job(): Promise<RunReport | null>;
  /** Users ask the cache for a few keys; nobody waits for them. */
  read(): void;
  /** What came of that. */
  reads(): Promise<ReadFigures>;
  /** The run over baskets of the pairs; null when there is none. */
  baskets(): Promise<BasketFigures | null>;
  /** Stops reading and fetching; resolves when everything read is committed. */
  settle(): Promise<void>;
  /** Label rows of a series as committed. */
  labels(series: string, paramHash: string): Promise<LabelBlock>;
  /** Ends the thread of one label worker; its name. */
  killWorker(): string;
  /** Why the tree gave up; null while it runs. */
  gaveUp(): Error | null;
  /** Restarts of anything so far. */
  restarts(): number;
  stop(): Promise<void>;
}

/** Starts the tree on one source. */
export type StartDemoTree = (source: () => FeedSource, log: LogSink) => Promise<DemoTree>;

/** Candles a second: brisk enough to see, slow enough to read. */
const RATE_PER_SECOND = 4_000;
/** Where standard error is no terminal a line of progress comes this often. */
const PLAIN_PROGRESS_MS = 10_000;
/** When the worker is killed, as a share of the run. */
const KILL_AT_SHARE = 0.4;
const STEP_MS = 100;

interface Checked {
  readonly rows: number;
  readonly different: number;
  readonly hits: Readonly<Record<string, number>>;
}

/** Runs the demo; exit 1 when a label differs from the batch run, or a best basket from a rebuild. */
export async function runDemoTree(
  start: StartDemoTree,
  random: Random,
  options: DemoOptions,
  io: CliIo,
): Promise<ExitCode> {
  const seed = options.seed ?? Math.floor(random.next() * 2 ** 32);
  const sourceOf = (): SyntheticFeed =>
    syntheticFeed(io.clock, { seed, speed: { ratePerSecond: RATE_PER_SECOND } });
  io.err(
    `wick demo: candles of 4 currency pairs at H1 and H4 from seed ${seed}, with holes, ` +
      `corrections and bad rows\n` +
      (options.seconds === 0 ? "until Ctrl-C\n" : `for ${options.seconds} s; Ctrl-C ends it\n`),
  );
  const lines: Lines = { above: (text) => io.err(text) };
  const tree = await start(sourceOf, logTo(lines));
  // From here on: how long the start takes is the machine's business.
  const startMs = io.clock.now();
  io.err(`look at it: ${tree.url}\n`);
  try {
    const killed = await watch(tree, options, io, startMs, lines);
    const failure = tree.gaveUp();
    if (failure !== null) {
      io.err(`wick demo: the tree gave up: ${failure.message}\n`);
      return Exit.gaveUp;
    }
    await tree.settle();
    const summary = await summaryOf(tree, sourceOf(), { seed, killed, startMs }, io);
    io.out(options.json ? `${JSON.stringify(summary)}\n` : textOf(summary));
    const isRight = summary.checked.different === 0 && summary.baskets?.isExact !== false;
    return isRight ? Exit.ok : Exit.failed;
  } finally {
    await tree.stop();
  }
}

/** Shows progress until the time is over; the name of the worker it killed meanwhile. */
async function watch(
  tree: DemoTree,
  options: DemoOptions,
  io: CliIo,
  startMs: number,
  lines: Lines,
): Promise<string | null> {
  const endMs = options.seconds === 0 ? Infinity : startMs + options.seconds * 1_000;
  const killAtMs = startMs + (options.seconds || 60) * 1_000 * KILL_AT_SHARE;
  const line = io.isTerminal.stderr
    ? new ProgressLine(io, () => progress(tree, io, startMs))
    : null;
  if (line !== null) lines.above = (text) => line.above(text);
  let killed: string | null = null;
  let plainMs = startMs + PLAIN_PROGRESS_MS;
  try {
    while (io.clock.now() < endMs && !io.interrupted.aborted && tree.gaveUp() === null) {
      await pause(io.clock, STEP_MS);
      tree.read();
      const nowMs = io.clock.now();
      if (killed === null && nowMs >= killAtMs) {
        killed = tree.killWorker();
        lines.above(`${seconds(nowMs - startMs)}  ${killed} is killed, on purpose\n`);
      }
      if (line === null && nowMs >= plainMs) {
        plainMs += PLAIN_PROGRESS_MS;
        io.err(`${await progress(tree, io, startMs)}\n`);
      }
    }
  } finally {
    await line?.[Symbol.asyncDispose]();
    lines.above = (text) => io.err(text);
  }
  return killed;
}

async function progress(tree: DemoTree, io: CliIo, startMs: number): Promise<string> {
  const pool = await tree.pool();
  const feed = await tree.feed();
  const tookMs = io.clock.now() - startMs;
  return [
    seconds(tookMs),
    `${countText(pool.candles)} candles`,
    `${countText(pool.candles / (tookMs / 1_000))}/s`,
    `${countText(pool.labels)} labels`,
    `${countText(pool.revised)} revised`,
    `${countText(feed.rejected)} refused`,
    countOf(tree.restarts(), "restart"),
  ].join("  ");
}

async function summaryOf(
  tree: DemoTree,
  source: SyntheticFeed,
  run: { readonly seed: number; readonly killed: string | null; readonly startMs: number },
  io: CliIo,
) {
  const pool = await tree.pool();
  const feed = await tree.feed();
  const job = await tree.job();
  const tookSeconds = (io.clock.now() - run.startMs) / 1_000;
  const checked = await check(tree, source, feed.cursor);
  return {
    seed: run.seed,
    seconds: Math.round(tookSeconds * 10) / 10,
    series: source.series.length,
    candles: pool.candles,
    refusedRows: feed.rejected,
    labels: pool.labels,
    revised: pool.revised,
    commits: pool.committedSeq,
    workers: pool.workers,
    killed: run.killed,
    restarts: tree.restarts(),
    wentBack: pool.failures,
    job: job === null ? null : jobOf(job),
    cache: await tree.reads(),
    baskets: await tree.baskets(),
    checked,
  };
}

function jobOf({ run_summary, api_metrics }: RunReport) {
  const { job, state, items_ok, items_failed } = run_summary;
  const calls = api_metrics.total_calls;
  return { name: job, provider: "simulated", state, ok: items_ok, failed: items_failed, calls };
}

/** Compares what is committed with a batch run over everything the source has sent. */
async function check(
  tree: DemoTree,
  source: SyntheticFeed,
  cursor: string | null,
): Promise<Checked> {
  const hits: Record<string, number> = {};
  let rows = 0, different = 0;
  if (cursor === null) return { rows, different, hits };
  for (const [series, candles] of source.truth(cursor)) {
    const expected = batchLabels(candles);
    const actual = await tree.labels(series, expected.paramHash);
    different += Math.abs(actual.length - expected.length);
    const shared = Math.min(actual.length, expected.length);
    for (let row = 0; row < shared; row++) {
      // Before a break the horizon stays open in what was emitted: neither side has a value.
      const closed = expected.fhStatus[row] === LabelStatus.final;
      const same = closed
        ? sameRow(actual, row, expected, row)
        : sameBarrierHalf(actual, row, expected, row);
      if (!same) different++;
      const hit = LABEL_HIT_NAMES[expected.hit[row] as number] || "none";
      hits[hit] = (hits[hit] ?? 0) + 1;
    }
    rows += shared;
  }
  return { rows, different, hits };
}

function batchLabels(candles: CandleBlock): LabelBlock {
  const rows = labelCandles(candles, DEFAULT_PARAMS, paramHash(DEFAULT_PARAMS));
  return selectRows(rows, (row) => hasFinalHalf(rows, row));
}

type Summary = Awaited<ReturnType<typeof summaryOf>>;

function textOf(summary: Summary): string {
  const { checked } = summary;
  const shares = Object.entries(checked.hits)
    .map(([hit, rows]) => `${hit} ${Math.round((100 * rows) / Math.max(1, checked.rows))} %`)
    .join(", ");
  const verdict = checked.different === 0
    ? `${countText(checked.rows)} labels equal a batch run over the same candles, bit for bit`
    : `${countText(checked.different)} of ${
      countText(checked.rows)
    } labels differ from a batch run`;
  const rate = countText(summary.candles / summary.seconds);
  const killed = summary.killed === null
    ? "nothing was killed"
    : `${summary.killed} was killed: ${countOf(summary.restarts, "restart")}, ` +
      `batches went back ${countOf(summary.wentBack, "time")}, nothing lost`;
  return [
    `Wick ran ${summary.seconds} s on seed ${summary.seed}`,
    `  candles   ${countText(summary.candles)} committed, ${rate}/s, ` +
    `${summary.series} series, ${summary.workers} threads`,
    `  refused   ${
      countText(summary.refusedRows)
    } bad rows, in the dead letters with their reasons`,
    `  labels    ${countText(summary.labels)} written, ${
      countText(summary.revised)
    } revised (${shares})`,
    `  failure   ${killed}`,
    ...(summary.job === null ? [] : [`  backfill  ${jobText(summary.job)}`]),
    `  cache     ${cacheText(summary.cache)}`,
    `  warming   ${warmingText(summary.cache)}`,
    ...(summary.baskets === null ? [] : [`  refresh   ${basketsText(summary.baskets)}`]),
    `  check     ${verdict}`,
    "",
  ].join("\n");
}

function jobText({ name, provider, state, ok, failed, calls }: NonNullable<Summary["job"]>) {
  const lost = failed === 0 ? "" : `, ${countText(failed)} given up`;
  return `job ${name} is ${state}: ${countOf(ok, "item")} from provider ${provider} in ` +
    `${countOf(calls, "call")}${lost}`;
}

function cacheText({ requests, servedPercent, loads, calls, failed }: ReadFigures): string {
  const served = servedPercent === null ? "" : `, ${servedPercent} % answered at once`;
  const lost = failed === 0 ? "" : `, ${countText(failed)} without an answer`;
  return `${countOf(requests, "request")} of users${served}; ${countOf(loads, "key")} loaded in ` +
    `${countOf(calls, "call")}${lost}`;
}

function warmingText({ warmed, used, wasted }: ReadFigures): string {
  if (warmed === 0) return "nothing was likely enough to be asked for again";
  return `${countOf(warmed, "entry", "entries")} loaded before anyone asked: ` +
    `${countText(used)} used since, ${countText(wasted)} not`;
}

function basketsText({ baskets, partial, full, fallbacks, best, isExact }: BasketFigures): string {
  const kept = best === null
    ? "none has a score"
    : `best ${best.setId} at ${best.score.toFixed(3)}, ${
      isExact === null
        ? "not compared with a rebuild"
        : isExact
        ? "the same as by a rebuild"
        : "another one than by a rebuild"
    }`;
  return `${countOf(partial + full, "refresh", "refreshes")} of ${countOf(baskets, "basket")} as ` +
    `prices moved, ${countText(partial)} of them partial, ${
      countOf(fallbacks, "fallback")
    }; ${kept}`;
}

/** Where lines for people go: above the progress line while there is one. */
interface Lines {
  above: (text: string) => void;
}

function logTo(lines: Lines): LogSink {
  return (level, path, message, fields) => {
    if (level === "debug" || level === "info") return;
    const why = fields?.error ?? fields?.message;
    lines.above(`       ${path} ${message}${why === undefined ? "" : `: ${why}`}\n`);
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0).padStart(3)} s`;
}
