/**
 * The monitor: looks at every part of the service now and then, takes what actors report, and gives
 * both as metrics and as the health of the parts.
 *
 * It starts first and outlives what it looks at, so it waits for nobody: a look is begun, its
 * answer comes as a message, and one that fails or takes too long is a finding like any other.
 *
 * @module
 */

import process from "node:process";
import { actor, type Context, type Ref, textOf } from "../src/actor/mod.ts";
import { bookState, engineState } from "../src/http/alert_schemas.ts";
import { tuningState } from "../src/http/tuning_schemas.ts";
import { AlertDesk, type AlertSettings, type AlertStore } from "../src/monitor/alert_desk.ts";
import {
  AlertGroupDesk,
  GROUP_EVERY_MS,
  type GroupStore,
} from "../src/monitor/alert_group_desk.ts";
import { WICK_METRICS } from "../src/monitor/catalogue.ts";
import type { ProcessFigures } from "../src/monitor/collect_process.ts";
import { FigureDesk, WATCHED_EVERY_MS } from "../src/monitor/figures_desk.ts";
import { type Finding, healthOf, type PartHealth } from "../src/monitor/finding.ts";
import { healthInputs } from "../src/monitor/health_inputs.ts";
import { healthSamples } from "../src/monitor/health_metrics.ts";
import { type HealthScore, healthScore } from "../src/monitor/health_score.ts";
import { watchLoopLag } from "../src/monitor/loop_lag.ts";
import type { MetricKind, MetricSpec } from "../src/monitor/metric_spec.ts";
import {
  assertOwnMetrics,
  OWN_KEEP_MS,
  type OwnMetric,
  ownTargets,
} from "../src/monitor/own_metrics.ts";
import { Registry } from "../src/monitor/registry.ts";
import { applySamples, type Sample } from "../src/monitor/samples.ts";
import type { MetricsSnapshot } from "../src/monitor/snapshot.ts";
import { TuningDesk, type TuningSettings, type TuningStore } from "../src/monitor/tuning_desk.ts";
import { metricsWith } from "../src/monitor/target_metrics.ts";
import { type Targets, TARGETS_DEFAULT } from "../src/monitor/targets.ts";
import { WindowedHistogram } from "../src/monitor/windowed_histogram.ts";
import type { RecordNews } from "../src/store/nodes/record_news.ts";
import { recordStored } from "../src/store/record_stored.ts";
import { Monitor, type Store } from "./protocols.ts";

/** Looks at one part of the service. */
export interface MonitorCollector {
  /** Label of its metrics; for one part, the part's path below the root. */
  readonly name: string;
  /** Called at every tick, unless the call before is still under way. */
  readonly collect: () => Finding | Promise<Finding>;
}

/** What a monitor makes alerts of. */
export interface MonitorAlerts extends Omit<AlertSettings, "store" | "node"> {
  /** Where they are kept. */
  readonly store: Ref<typeof Store.definition>;
  /** Where several nodes are judged together: see `src/monitor/alert_group.ts`. */
  readonly shared?: {
    /** Name of this node. */
    readonly node: string;
    readonly news: RecordNews;
  };
}

/** What a monitor changes by itself. */
export interface MonitorTuning extends Omit<TuningSettings, "store"> {
  /** Where the log is kept. */
  readonly store: Ref<typeof Store.definition>;
}

/** How a monitor is set up. */
export interface MonitorArgs {
  /** What it looks at, in the order in which the parts are shown. */
  readonly collectors: readonly MonitorCollector[];
  /** Metrics besides {@linkcode WICK_METRICS}. */
  readonly metrics?: readonly MetricSpec[];
  /** Metrics of one's own; their targets count for the health. Their alerts are among the rules. */
  readonly own?: readonly OwnMetric[];
  /** What each measure should be; default {@linkcode TARGETS_DEFAULT}. */
  readonly targets?: Targets;
  /** Time between two looks; default 5 s. */
  readonly intervalMs?: number;
  /** Time that a look may take; default 2 s. */
  readonly timeoutMs?: number;
  /** Time between two probes of the event loop; default 20 ms, null = none. */
  readonly lagEveryMs?: number | null;
  /** Cores of the machine; without them the use of the processor is unknown. */
  readonly cores?: number;
  /** What alerts are made of; default: there are none. */
  readonly alerts?: MonitorAlerts | null;
  /** What it changes by itself; default: nothing. */
  readonly tuning?: MonitorTuning | null;
}

const INTERVAL_DEFAULT_MS = 5_000;
const TIMEOUT_DEFAULT_MS = 2_000;
/** A gauge that was not measured in so many looks is taken out: what it measured is gone. */
const LOOKS_KEPT = 3;
const LAG_WINDOW_MS = 60_000;
/** The score judges what happened within so long. */
const SCORE_WINDOW_MS = 60_000;
/** Between two snapshots that are kept to compare with: a handful are enough. */
const KEEP_EVERY_MS = 10_000;
/** Metrics named in the log when their samples are refused; the counter goes on. */
const REFUSED_NAMES_MAX = 64;

/** Kind of the monitor's records in the store. */
export const KEPT_KIND = "monitor";
/** Stopping does not wait longer for the store. */
const KEEP = { timeoutMs: 2_000 } as const;
const NOTHING_FIRES = { state: "unknown" } as const;

/** The last look at a part. */
interface Look {
  /** A call is under way, perhaps beyond its time. */
  isBusy: boolean;
  startMs: number;
  /** The tick that began it waits for it. */
  isAwaited: boolean;
  /** It succeeded before: while the tree starts, parts that do not answer yet are no news. */
  isKnown: boolean;
  /** Null before the first. */
  state: "ok" | "failed" | null;
  error: string;
  parts: readonly PartHealth[];
}

/** See {@linkcode Monitor}. */
export const monitor = actor(Monitor, (ctx, args: MonitorArgs) => {
  const { clock } = ctx;
  const { intervalMs = INTERVAL_DEFAULT_MS, timeoutMs = TIMEOUT_DEFAULT_MS } = args;
  const registry = new Registry();
  const { own = [], targets = TARGETS_DEFAULT } = args;
  assertOwnMetrics(own);
  const specs = metricsWith([...WICK_METRICS, ...args.metrics ?? []], targets);
  for (const spec of specs) registry.register(spec);
  for (const spec of own) registry.register({ keepMs: OWN_KEEP_MS, ...spec }, "own");
  const ownNames = new Set(own.map(({ name }) => name));
  const judged = { targets, own: ownTargets(own) };
  const looks = new Map(args.collectors.map(({ name }): [string, Look] => [
    name,
    {
      isBusy: false,
      startMs: 0,
      isAwaited: false,
      isKnown: false,
      state: null,
      error: "",
      parts: [],
    },
  ]));
  const refusedNames = new Set<string>();
  const lag = new LagWindow(registry);
  if (args.lagEveryMs !== null) {
    ctx.onStop(watchLoopLag(clock, (lagMs) => lag.record(lagMs, clock.now()), args.lagEveryMs));
  }

  const take = (samples: readonly Sample[]) => {
    const refused = applySamples(registry, samples, clock.now());
    if (refused.length === 0) return;
    seriesOf(registry, "wick_monitor_refused_samples_total", "counter").add(refused.length);
    for (const { name, reason } of refused) {
      if (refusedNames.has(name) || refusedNames.size >= REFUSED_NAMES_MAX) continue;
      refusedNames.add(name);
      ctx.log("warn", "refused a sample", { metric: name, reason });
    }
  };

  const begin = ({ name, collect }: MonitorCollector, look: Look) => {
    if (look.isBusy) return;
    look.isBusy = true;
    look.isAwaited = true;
    look.startMs = clock.now();
    ctx.timer(`late ${name}`, { delayMs: timeoutMs }, "late", { name });
    Promise.try(collect).then(
      (finding) => ctx.self.tell("collected", { name, finding, error: null }),
      (error) => ctx.self.tell("collected", { name, finding: null, error: textOf(error) }),
    );
  };

  const settle = (name: string, look: Look, finding: Finding | null, error: string) => {
    const labels = { collector: name };
    const failed = finding === null;
    if (failed && look.state !== "failed") {
      ctx.log(look.isKnown ? "warn" : "info", "cannot look at a part", { part: name, error });
    } else if (!failed && look.state === "failed") {
      ctx.log("info", "can look at a part again", { part: name });
    }
    look.isKnown ||= !failed;
    look.state = failed ? "failed" : "ok";
    look.error = error;
    look.parts = finding?.parts ?? [];
    const seconds = (clock.now() - look.startMs) / 1_000;
    take([
      ...finding?.samples ?? [],
      { name: "wick_monitor_collector_up", labels, value: failed ? 0 : 1 },
      { name: "wick_monitor_collector_seconds", labels, value: seconds },
      { name: "wick_monitor_collector_failures_total", labels, add: failed ? 1 : 0 },
    ]);
  };

  const past = new PastSnapshots();
  const figures = new FigureDesk({ registry, cores: args.cores ?? null });
  let score: HealthScore | null = null;
  let isJudged = true;
  /** The look under way is one of the interval, and not only for whoever watches figures. */
  let isRegular = true;
  const desk = args.alerts === undefined || args.alerts === null
    ? null
    : new AlertDesk(deskSettings(args.alerts), {
      clock,
      log: (level, message, fields) => ctx.log(level, message, fields),
      answer: (kept) => void ctx.self.tell("restored", kept),
    });
  if (desk !== null) ctx.onStop(() => desk.save());
  const group = groupOf(ctx, args.alerts, desk);
  const tuning = args.tuning === undefined || args.tuning === null ? null : new TuningDesk({
    ...args.tuning,
    store: tuningIn(args.tuning.store, suffixOf(args.alerts?.shared)),
  }, {
    clock,
    log: (level, message, fields) => ctx.log(level, message, fields),
    answer: (news) => void ctx.self.tell("tuned", news),
  });
  if (tuning !== null) ctx.onStop(() => tuning.save());

  const found = () => healthOf([...looks].flatMap(([name, look]) => partsOf(name, look)));

  /** What all looks of a tick found together. */
  const judge = (isWhole: boolean) => {
    isJudged = true;
    const snapshot = registry.snapshot(clock.wallNow(), clock.now());
    const cores = args.cores === undefined ? {} : { cores: args.cores };
    const inputs = healthInputs(snapshot, past.before(snapshot), { ...cores, own: judged.own });
    score = healthScore(inputs, found().parts, judged);
    take(healthSamples(score));
    // Rates of what was not looked at again would be 0, and twice too much at the next look.
    if (isWhole) figures.look(snapshot, score);
    // What counts looks is not to notice that somebody watches.
    if (isRegular) take([...desk?.look(snapshot) ?? [], ...tuning?.look(snapshot) ?? []]);
  };
  const judgeWhenAll = () => {
    if (!isJudged && ![...looks.values()].some(({ isAwaited }) => isAwaited)) judge(true);
  };

  const lookAtAll = () => {
    isJudged = false;
    for (const collector of args.collectors) {
      const look = looks.get(collector.name);
      if (look !== undefined) begin(collector, look);
    }
    const nowMs = clock.now();
    registry.expire(nowMs - LOOKS_KEPT * intervalMs - timeoutMs);
    take([
      ...lag.samples(nowMs),
      { name: "wick_monitor_series", value: registry.series },
      { name: "wick_monitor_series_overflow_total", total: registry.overflowed },
    ]);
    judgeWhenAll();
  };

  ctx.timer("tick", { delayMs: 0, everyMs: intervalMs }, "tick", {});
  return {
    report: (samples) => take(samples),
    measure: ({ samples }) => {
      const foreign = samples.filter(({ name }) => !ownNames.has(name))
        .map(({ name }) => ({ name, reason: `Cannot record ${name}: expected an own metric` }));
      const taken = samples.filter(({ name }) => ownNames.has(name));
      const refused = [...foreign, ...applySamples(registry, taken, clock.now())];
      return { taken: samples.length - refused.length, refused };
    },

    tick: () => {
      // Looks may take longer than there is between two ticks.
      if (!isJudged) judge(false);
      isRegular = true;
      lookAtAll();
    },

    watched: () => {
      const nowMs = clock.now();
      const wasWatched = figures.isWatched(nowMs);
      figures.watched(nowMs);
      if (wasWatched || intervalMs <= WATCHED_EVERY_MS) return;
      ctx.timer("watched", { delayMs: 0, everyMs: WATCHED_EVERY_MS }, "extraTick", {});
    },

    extraTick: () => {
      const nowMs = clock.now();
      if (!figures.isWatched(nowMs)) return void ctx.cancelTimer("watched");
      // One that takes long is not to be judged before its time.
      if (!isJudged || figures.isFresh(nowMs)) return;
      isRegular = false;
      lookAtAll();
    },

    figures: ({ sinceMs, limit }) => figures.list(sinceMs, limit),

    late: ({ name }) => {
      const look = looks.get(name);
      if (look?.isBusy !== true) return;
      settle(name, look, null, `no answer within ${timeoutMs} ms`);
      look.isAwaited = false;
      judgeWhenAll();
    },

    collected: ({ name, finding, error }) => {
      const look = looks.get(name);
      if (look === undefined || !look.isBusy) return;
      look.isBusy = false;
      ctx.cancelTimer(`late ${name}`);
      // What comes too late was given up already; the next look is begun at the next tick.
      if (clock.now() - look.startMs < timeoutMs) settle(name, look, finding, error ?? "");
      look.isAwaited = false;
      judgeWhenAll();
    },

    snapshot: () => registry.snapshot(clock.wallNow(), clock.now()),

    health: found,
    score: () => score,
    alerts: ({ past }) => (group ?? desk)?.list(past) ?? { active: [], past: [] },
    test: () => {
      ctx.log("info", "a test alert: nothing is wrong");
      return null;
    },
    told: ({ endedSince }) => (group ?? desk)?.told(endedSince) ?? null,
    acknowledge: ({ id, by, note }) => {
      const done = (group ?? desk)?.acknowledge(id, by, note) ?? NOTHING_FIRES;
      if (done.state !== "acknowledged") return done;
      const { event } = done;
      return event.type === "acknowledged"
        ? { state: done.state, alert: event.alert }
        : NOTHING_FIRES;
    },
    restored: (kept) => desk?.restored(kept),
    groupLook: () => group?.look(null),
    group: (news) => group?.heard(news),
    tuning: () => tuning?.view() ?? { isOn: false, knobs: [], log: [] },
    tuned: (news) => tuning?.heard(news),
  };
});

/** What a look says of its part: that it could not be looked at is no good sign. */
function partsOf(name: string, look: Look): readonly PartHealth[] {
  if (look.state === "ok") return look.parts;
  const detail = look.state === null ? { look: "not yet" } : { look: "failed", error: look.error };
  return [{ name, state: "degraded", detail }];
}

function deskSettings({ store, shared, ...settings }: MonitorAlerts): AlertSettings {
  return {
    ...settings,
    ...(shared === undefined ? {} : { node: shared.node }),
    store: recordsIn(store, suffixOf(shared)),
  };
}

/** What this monitor has to do with those of other nodes; null where there are none. */
function groupOf(
  ctx: Context<typeof Monitor.definition>,
  alerts: MonitorAlerts | null | undefined,
  desk: AlertDesk | null,
): AlertGroupDesk | null {
  if (desk === null || alerts?.shared === undefined) return null;
  const { store, shared: { node, news } } = alerts;
  const records: GroupStore = {
    kind: KEPT_KIND,
    list: (kind) => store.ask("records", { kind }, KEEP),
    get: (kind, key) => store.ask("record", { kind, key }, KEEP),
    put: (kind, key, json) => recordStored(store.ask("putRecord", { kind, key, json }, KEEP)),
    drop: async (kind, key) => void await store.ask("dropRecord", { kind, key }, KEEP),
    readBook: (json) => bookState.safeParse(json).data ?? null,
  };
  const group = new AlertGroupDesk(node, desk, records, {
    clock: ctx.clock,
    log: (level, message, fields) => ctx.log(level, message, fields),
    answer: (found) => void ctx.self.tell("group", found),
  });
  ctx.onStop(news.watch((changed) => group.look(changed)));
  ctx.timer("group", { delayMs: 0, everyMs: GROUP_EVERY_MS }, "groupLook", {});
  return group;
}

/** Behind the names of what each node keeps by itself. */
function suffixOf(shared: MonitorAlerts["shared"]): string {
  return shared === undefined ? "" : `@${shared.node}`;
}

/** The monitor's records in the store, each node's by itself. */
function recordsIn(store: Ref<typeof Store.definition>, suffix: string): AlertStore {
  const kind = KEPT_KIND;
  return {
    get: (record) => store.ask("record", { kind, key: record + suffix }, KEEP),
    put: (record, json) =>
      recordStored(store.ask("putRecord", { kind, key: record + suffix, json }, KEEP)),
    readBook: (json) => bookState.parse(json),
    readRules: (json) => engineState.parse(json),
  };
}

/** The monitor's record of tuning in the store. */
function tuningIn(store: Ref<typeof Store.definition>, suffix: string): TuningStore {
  const [kind, key] = [KEPT_KIND, `tuning${suffix}`];
  return {
    get: () => store.ask("record", { kind, key }, KEEP),
    put: (json) => recordStored(store.ask("putRecord", { kind, key, json }, KEEP)),
    read: (json) => tuningState.parse(json),
  };
}

/** Snapshots to compare with, the oldest some minute old. */
class PastSnapshots {
  #kept: MetricsSnapshot[] = [];

  /** The one of a minute before, or the oldest; null = there is none. Keeps the new one. */
  before(snapshot: MetricsSnapshot): MetricsSnapshot | null {
    const { nowMs } = snapshot;
    const isOld = (one: MetricsSnapshot | undefined) =>
      one !== undefined && nowMs - one.nowMs >= SCORE_WINDOW_MS;
    while (isOld(this.#kept[1])) this.#kept.shift();
    const [before = null] = this.#kept;
    const last = this.#kept.at(-1);
    if (last === undefined || nowMs - last.nowMs >= KEEP_EVERY_MS) this.#kept.push(snapshot);
    return before;
  }
}

/** The lag of the event loop, all of it and the last minute. */
class LagWindow {
  readonly #all;
  readonly #recent = new WindowedHistogram({ windowMs: LAG_WINDOW_MS });

  constructor(registry: Registry) {
    this.#all = seriesOf(registry, "wick_event_loop_lag_seconds", "histogram");
  }

  record(lagMs: number, nowMs: number): void {
    this.#all.record(lagMs / 1_000);
    this.#recent.record(lagMs / 1_000, nowMs);
  }

  /** None before the first probe. */
  samples(nowMs: number): Sample[] {
    const recent = this.#recent.at(nowMs);
    if (recent.count === 0) return [];
    return [{ name: "wick_event_loop_lag_p99_seconds", value: recent.percentile(0.99) }];
  }
}

/** The series of a metric of ours that has no labels. */
function seriesOf<K extends MetricKind>(registry: Registry, name: string, kind: K) {
  const family = registry.familyOf(name, kind);
  if (family === null) {
    throw new TypeError(`Cannot measure ${name}: expected a registered ${kind}`);
  }
  return family.with({});
}

/** Memory and processor time of this process. Needs no permission. */
export function processFigures(): ProcessFigures {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    rssBytes: rss,
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
    cpuUserSeconds: user / 1e6,
    cpuSystemSeconds: system / 1e6,
  };
}
