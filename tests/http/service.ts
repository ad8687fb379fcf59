/**
 * A service in memory for the tests of the admin HTTP: a real actor system with a counter in it,
 * real candles, real labels. It is slow and plain: every push labels its series anew from the first
 * candle, and the log is what differs from before.
 *
 * @module
 */

import { z } from "zod";
import { actor, createSystem, protocol, type System } from "../../src/actor/mod.ts";
import { VirtualClock } from "../../src/actor/clock.ts";
import type { JobReply, JobStatus } from "../../src/batch/job_status.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import type {
  DataPort,
  Health,
  JobsPort,
  LabelLogPort,
  ProviderView,
  PushedBatch,
  PushOutcome,
  RangeQuery,
  ServicePort,
  WebhookView,
} from "../../src/http/port.ts";
import { systemLetters, systemTree } from "../../src/http/system_port.ts";
import { labelCandles } from "../../src/label/label_candles.ts";
import { LabelTally } from "../../src/label/label_tally.ts";
import { type Level, LevelSet } from "../../src/label/levels.ts";
import { DEFAULT_PARAMS, type LabelParams, paramHash } from "../../src/label/params.ts";
import { labelKinds } from "../../src/label/kinds/label_kinds.ts";
import { parseKinds } from "../../src/label/kinds/registry.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  CandleBuilder,
  LABEL_COLUMNS,
  type LabelBlock,
  LabelStatus,
  sliceCandles,
} from "../../src/market/block.ts";
import { InstrumentRegistry } from "../../src/market/instrument.ts";
import type { AlertTestResult } from "../../src/http/webhook/alert_sink_status.ts";
import { AlertBook } from "../../src/monitor/alerts.ts";
import { aloneView, type NodesView } from "../../src/http/node_schemas.ts";
import type { TuningView } from "../../src/monitor/tuning_view.ts";
import { EventHub } from "../../src/monitor/event_hub.ts";
import { figureTargets } from "../../src/monitor/figures.ts";
import { FigureHistory } from "../../src/monitor/figures_history.ts";
import { LogRing } from "../../src/http/log_ring.ts";
import type { LoggedCommit } from "../../src/store/port.ts";
import { MemoryCache } from "./cache_service.ts";
import { MemoryRefresh } from "./refresh_service.ts";
import { MemoryWarming } from "./warming_service.ts";

/** An actor to send messages to. */
export const Counter = protocol("counter", {
  add: { about: "Adds to the count", payload: z.strictObject({ by: z.int().max(1_000) }) },
  total: { about: "The count", payload: z.strictObject({}), reply: z.number() },
  echo: {
    about: "Its own payload",
    payload: z.strictObject({
      text: z.string().max(100),
      deep: z.array(z.strictObject({ n: z.number(), tag: z.enum(["a", "b"]).optional() })).max(9)
        .default([]),
    }),
    reply: z.unknown(),
  },
  fail: { about: "Crashes it", payload: z.strictObject({}), reply: z.null() },
  never: { about: "Has no reply", payload: z.strictObject({}), reply: z.null() },
  secret: { payload: z.custom<unknown>(), reply: z.null(), internal: true },
});

/** What the fail message throws: it must not reach a client. */
export const INSIDE = "internal text of a crash";

const counter = actor(Counter, (ctx) => {
  let total = 0;
  return {
    add: ({ by }) => void (total += by),
    total: () => total,
    echo: (payload) => payload,
    fail: () => {
      throw new Error(INSIDE);
    },
    never: () => ctx.defer<null>(),
    secret: () => null,
  };
});

/** A job at rest. */
const NIGHT: JobStatus = {
  name: "night",
  state: "paused",
  runId: "night-1",
  symbols: 2,
  kinds: ["prices"],
  provider: "simulated",
  items: 2,
  settled: 1,
  failed: 0,
  startedMs: 1_700_000_000_000,
  endedMs: 1_700_000_001_000,
  progress: null,
  nextMs: null,
  missed: 0,
  lastError: null,
};

/** One job that does nothing; a report of nothing. */
function oneJob(): JobsPort {
  const report = new RunRecorder({ clock: new VirtualClock(), runId: "night-1", job: "night" })
    .report("paused");
  const reply = (id: string): JobReply =>
    id === "night"
      ? { state: "ok", job: NIGHT }
      : { state: "unknown", reason: `Cannot find job ${id}: there is none` };
  return {
    start: ({ name }) => ({
      state: "refused",
      reason: `Cannot start job ${name}: it is a picture`,
    }),
    list: () => [NIGHT],
    get: reply,
    pause: reply,
    resume: reply,
    cancel: reply,
    report: () => report,
    reports: () => [report],
  };
}

/** A candle as a row of numbers in the order of `CANDLE_COLUMNS`. */
export type Row = readonly number[];

interface Logged {
  readonly columns: readonly number[];
  readonly seq: number;
  readonly revision: number;
}

/** See the module's text. */
export class MemoryService implements ServicePort, AsyncDisposable {
  readonly about = { name: "wick", version: "9.9.9" };
  readonly system: System;
  readonly actors: ServicePort["actors"];
  readonly letters: ServicePort["letters"];
  readonly events = new EventHub();
  readonly data: DataPort;
  readonly log: LabelLogPort;
  readonly jobs: JobsPort = oneJob();
  cache: MemoryCache | null = new MemoryCache();
  warming: MemoryWarming | null = new MemoryWarming();
  refresh: MemoryRefresh | null = new MemoryRefresh();
  /** Candles by series and time. */
  readonly candles = new Map<string, Map<number, Row>>();
  /** What a push is answered with instead of being taken, in order. */
  readonly refusals: PushOutcome[] = [];
  /** Pushes wait for it before they are taken. */
  gate: Promise<void> = Promise.resolve();
  /** Every batch that came in. */
  readonly batches: { rows: number; priority: number; bulk: boolean }[] = [];
  /** Rows under `oldestSeq` are given up. */
  oldestSeq = 0;
  waiting: string[] = [];
  healthState: Health["state"] = "ok";
  score: Health["score"] = null;
  readonly lines = new LogRing({ wallNow: () => 1_700_000_000_000, secrets: ["a-known-secret"] });
  /** Times that somebody said to watch figures. */
  watches = 0;
  readonly history = new FigureHistory();
  readonly figures: ServicePort["figures"] = {
    list: (sinceMs, limit) => ({
      ...this.history.columns(sinceMs, limit),
      targets: figureTargets(),
    }),
    watched: () => void this.watches++,
  };
  readonly book = new AlertBook();
  /** What a test of the sinks comes to. */
  tested: AlertTestResult[] = [];
  readonly alerts: ServicePort["alerts"] = {
    list: (past) => ({ active: this.book.active(), past: past > 0 ? this.book.past(past) : [] }),
    acknowledge: (id, by, note) => {
      const done = this.book.acknowledge(id, by, 1_700_000_000_000, note);
      if (done.state !== "acknowledged") return done;
      const alert = this.book.active().find((one) => one.id === id);
      return alert === undefined ? { state: "unknown" } : { state: "acknowledged", alert };
    },
    sinks: () => [],
    test: () => this.tested,
  };
  /** What `/api/tuning` shows. */
  tuned: TuningView = { isOn: true, knobs: [], log: [] };
  readonly #commits: LoggedCommit[] = [];
  readonly #labels = new Map<string, Map<number, Logged>>();
  readonly #levels = new Map<string, readonly Level[]>();
  readonly #instruments = new InstrumentRegistry();
  readonly #wakers = new Set<(seq: number) => void>();
  #seq = 0;

  constructor() {
    this.system = createSystem({ name: "wick", log: null });
    this.system.spawn(counter, { name: "counter", args: {} });
    this.actors = systemTree(() => this.system, [Counter]);
    this.letters = systemLetters(() => this.system);
    this.data = this.#data();
    this.log = {
      seq: () => this.#seq,
      after: (seq, limit) => this.#after(seq, limit),
      onCommit: (wake) => {
        this.#wakers.add(wake);
        return () => this.#wakers.delete(wake);
      },
    };
  }

  /** Watchers of commits: none may be left behind. */
  get wakers(): number {
    return this.#wakers.size;
  }

  webhooks(): readonly WebhookView[] {
    return [{ name: "desk", url: "http://127.0.0.1:9/labels", status: null }];
  }

  providers(): readonly ProviderView[] {
    return [{ name: "simulated", status: null }];
  }

  waitingFor(): readonly string[] {
    return this.waiting;
  }

  health(): Health {
    const state = this.healthState;
    const parts = [{ name: "store", state, detail: { seq: this.#seq } }];
    return { state, parts, score: this.score };
  }

  nodes(): NodesView {
    return aloneView("here", "0.0.0", 1_700_000_000_000, 1_700_000_000_000);
  }

  /** It is the only node, and knows itself. */
  readonly others: NonNullable<ServicePort["others"]> = {
    self: () => "here",
    knows: (node) => node === "here",
    call: () => Promise.reject(new Error("there is no other node")),
  };

  tuning(): TuningView {
    return this.tuned;
  }

  metrics(): string {
    return `# TYPE wick_seq gauge\nwick_seq ${this.#seq}\n`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cache?.close();
    await this.system.stop();
  }

  /** Stored candles of a series, ascending. */
  rowsOf(series: string): Row[] {
    return [...this.candles.get(series)?.values() ?? []].sort((a, b) =>
      Number(a[0]) - Number(b[0])
    );
  }

  #data(): DataPort {
    return {
      params: DEFAULT_PARAMS,
      seq: () => this.#seq,
      series: () =>
        [...this.candles.keys()].sort().map((series) => {
          const rows = this.rowsOf(series);
          return { series, count: rows.length, lastTs: rows.at(-1)?.[0] as number };
        }),
      candles: (query) => {
        if ((query.asOf ?? Infinity) < this.oldestSeq) return this.#gone();
        return { state: "ok", seq: this.#seq, block: this.#blockOf(query) };
      },
      labels: (query) => {
        if ((query.asOf ?? Infinity) < this.oldestSeq) return this.#gone();
        return this.#stored(query);
      },
      tail: (series, bars) => {
        const all = { series, fromTs: -Infinity, toTs: Infinity, limit: Infinity, asOf: null };
        const candles = this.#blockOf(all);
        const { length } = candles;
        const from = Math.max(0, length - bars);
        return { count: length, candles: sliceCandles(candles, from, length) };
      },
      touchedSeq: (series) =>
        this.#commits.findLast(({ runs }) => runs.some((run) => run.series === series))?.seq ?? 0,
      labelsCounted: () => {
        const tally = new LabelTally(DEFAULT_PARAMS.horizon, 0);
        for (const { seq, atMs, ...logged } of this.#commits) {
          const parts = logged.runs.map(({ series, from, to }) => ({
            series: { key: series },
            labels: { block: logged.labels, from, to },
            rewrite: null,
          }));
          tally.committed({ seq, atMs, batches: [], logged }, [{ parts }], 1_000);
        }
        return { atMs: 1_700_000_000_000, seq: this.#seq, ...tally.view(1_000) };
      },
      compute: ({ params, priority, kinds, ...range }) => {
        if (priority === 0) {
          const reason = "overload: it would wait 99 ms";
          return { state: "refused", code: "overload", reason, retryAfterMs: 1_500 };
        }
        const all = { ...range, fromTs: -Infinity, toTs: Infinity, limit: Infinity, asOf: null };
        const block = this.#labelsOf(this.#blockOf(all), params);
        const rows = new LabelBuilder(16);
        for (let i = 0; i < block.length; i++) {
          const ts = block.ts[i] as number;
          if (ts >= range.fromTs && ts < range.toTs && rows.length < range.limit) {
            rows.append(block, i);
          }
        }
        const taken = rows.take(block.series, block.paramHash);
        const answer = { state: "ok", block: taken, tookMs: 1, cacheHit: false } as const;
        if (kinds === undefined) return answer;
        const levels = this.#levels.get(range.series.split(":")[0] as string) ?? [];
        const found = labelKinds(this.#blockOf(all), params, "", parseKinds(kinds), {
          kindLevels: new LevelSet(levels),
        });
        const from = block.ts.findIndex((ts) => ts === taken.ts[0]);
        const columns = found.kinds.map((column) => column.slice(from, from + taken.length));
        return { ...answer, kinds: columns };
      },
      ingest: (batch) => this.#ingest(batch),
      instruments: () => this.#instruments.list(),
      instrument: (symbol) => this.#instruments.get(symbol),
      putInstrument: (spec) => this.#instruments.register(spec),
      levels: (symbol) => this.#levels.get(symbol) ?? [],
      putLevels: (symbol, levels) => void this.#levels.set(symbol, levels),
      backup: (file) =>
        file.includes("taken")
          ? { state: "failed", code: "exists", message: "Cannot back up: the file is there" }
          : { state: "ok", file, bytes: 4_096 },
    };
  }

  #gone() {
    return { state: "gone", oldestSeq: this.oldestSeq } as const;
  }

  #blockOf({ series, fromTs, toTs, limit }: RangeQuery): CandleBlock {
    const builder = new CandleBuilder(series, 16);
    for (const row of this.rowsOf(series)) {
      const ts = row[0] as number;
      if (ts >= fromTs && ts < toTs && builder.length < limit) {
        builder.pushRow(Float64Array.from(row));
      }
    }
    return builder.finish();
  }

  #labelsOf(candles: CandleBlock, params: LabelParams): LabelBlock {
    return labelCandles(candles, params, paramHash(params));
  }

  #stored({ series, fromTs, toTs, limit }: RangeQuery) {
    const rows = new LabelBuilder(16);
    const revisions: number[] = [], seqs: number[] = [];
    const held = [...this.#labels.get(series) ?? []].sort(([a], [b]) => a - b);
    for (const [ts, { columns, seq, revision }] of held) {
      if (ts < fromTs || ts >= toTs || rows.length >= limit) continue;
      put(rows, columns);
      revisions.push(revision);
      seqs.push(seq);
    }
    return {
      state: "ok" as const,
      seq: this.#seq,
      block: rows.take(series, paramHash(DEFAULT_PARAMS)),
      revisions: Uint32Array.from(revisions),
      seqs: Float64Array.from(seqs),
    };
  }

  async #ingest(batch: PushedBatch): Promise<PushOutcome> {
    const rows = batch.blocks.reduce((sum, block) => sum + block.length, 0);
    this.batches.push({ rows, priority: batch.priority, bulk: batch.bulk });
    await this.gate;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refusal;
    let candles = 0, corrected = 0;
    for (const block of batch.blocks) {
      let known = this.candles.get(block.series);
      if (known === undefined) this.candles.set(block.series, known = new Map());
      for (let i = 0; i < block.length; i++) {
        const row = CANDLE_COLUMNS.map((name) => block[name][i] as number);
        const before = known.get(row[0] as number);
        if (before === undefined) candles++;
        else if (before.some((value, column) => value !== row[column])) corrected++;
        known.set(row[0] as number, row);
      }
    }
    return { state: "committed", candles, corrected, ...this.#relabel(batch) };
  }

  #relabel({ blocks }: PushedBatch): { seq: number; labels: number; revised: number } {
    const seq = this.#seq + 1;
    const rows = new LabelBuilder(16);
    const runs: { series: string; paramHash: string; from: number; to: number }[] = [];
    const revisions: number[] = [], removed: number[] = [];
    let added = 0, revised = 0;
    for (const series of new Set(blocks.map((block) => block.series))) {
      const all = { series, fromTs: -Infinity, toTs: Infinity, limit: Infinity, asOf: null };
      const block = this.#labelsOf(this.#blockOf(all), DEFAULT_PARAMS);
      const held = this.#labels.get(series) ?? new Map<number, Logged>();
      this.#labels.set(series, held);
      const from = rows.length;
      for (let i = 0; i < block.length; i++) {
        if (block.tbStatus[i] !== LabelStatus.final && block.fhStatus[i] !== LabelStatus.final) {
          continue;
        }
        const columns = LABEL_COLUMNS.map(([name]) => block[name][i] as number);
        const ts = columns[0] as number;
        const before = held.get(ts);
        if (before?.columns.every((value, column) => Object.is(value, columns[column]))) continue;
        const revision = before === undefined ? 0 : before.revision + 1;
        held.set(ts, { columns, seq, revision });
        rows.append(block, i);
        revisions.push(revision);
        removed.push(0);
        if (before === undefined) added++;
        else revised++;
      }
      if (rows.length > from) {
        runs.push({ series, paramHash: block.paramHash, from, to: rows.length });
      }
    }
    this.#seq = seq;
    this.#commits.push({
      seq,
      atMs: 1_700_000_000_000 + seq,
      labels: rows.take("", ""),
      runs,
      revisions: Uint32Array.from(revisions),
      removed: Uint8Array.from(removed),
    });
    this.events.publish("labels", { seq, rows: added + revised }, 1_700_000_000_000 + seq);
    for (const wake of this.#wakers) wake(seq);
    return { seq, labels: added, revised };
  }

  #after(seq: number, limit: number): ReturnType<LabelLogPort["after"]> {
    if (seq < this.oldestSeq) return this.#gone();
    const commits: LoggedCommit[] = [];
    let rows = 0, throughSeq = seq;
    for (const commit of this.#commits) {
      if (commit.seq <= seq) continue;
      if (rows >= limit) break;
      commits.push(commit);
      rows += commit.labels.length;
      throughSeq = commit.seq;
    }
    return { state: "ok", commits, throughSeq };
  }
}

function put(rows: LabelBuilder, columns: readonly number[]): void {
  const at = rows.next();
  LABEL_COLUMNS.forEach(([name], column) => {
    (rows.columns[name] as Float64Array)[at] = columns[column] as number;
  });
}
