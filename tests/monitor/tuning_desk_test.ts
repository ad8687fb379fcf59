/** What a monitor does about tuning: decides on snapshots, sets, tells, keeps, and undoes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { tuningState } from "../../src/http/tuning_schemas.ts";
import { RESTORE_MAX_MS, SAVE_EVERY_MS } from "../../src/monitor/alert_desk.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import { TARGETS_DEFAULT } from "../../src/monitor/targets.ts";
import type { Knob } from "../../src/monitor/tuning.ts";
import type { KnobBounds } from "../../src/monitor/tuning_bounds.ts";
import {
  type KnobPort,
  TuningDesk,
  type TuningNews,
  type TuningSettings,
} from "../../src/monitor/tuning_desk.ts";
import type { KnobAnswer, TuningEvent } from "../../src/monitor/tuning_view.ts";
import { turns } from "../cache/shard_support.ts";

const MB = 1e6;
const START_AT = Date.UTC(2026, 2, 3, 12);
const BOUNDS: Record<Knob, KnobBounds> = {
  label_workers: { min: 1, max: 4 },
  cache_capacity: { min: 64 * MB, max: 256 * MB },
  warming_budget: { min: 25, max: 100 },
  batch_linger: { min: 0, max: 20 },
};

interface RigOptions extends Partial<Omit<TuningSettings, "knobs" | "store">> {
  readonly clock?: VirtualClock;
  readonly on?: readonly Knob[];
  /** What the store holds; null = it does not answer. Left out: there is no store. */
  readonly kept?: { json: string | null } | null;
  /** Called when the log is written. */
  readonly onPut?: () => void;
  readonly bounds?: Partial<Record<Knob, KnobBounds>>;
}

/** A desk over knobs that are plain numbers, and the metrics that the test says. */
class Rig {
  readonly clock: VirtualClock;
  readonly desk: TuningDesk;
  readonly events: TuningEvent[] = [];
  readonly lines: { level: string; message: string; fields: unknown }[] = [];
  readonly sets: [Knob, number][] = [];
  readonly values: Record<Knob, number> = {
    label_workers: 2,
    cache_capacity: 256 * MB,
    warming_budget: 100,
    batch_linger: 5,
  };
  /** Metrics of the next looks, beside the values. */
  samples: Sample[] = [];
  /** What becomes of a wish. */
  answer: (knob: Knob, value: number) => Promise<KnobAnswer>;
  readonly #registry = new Registry();
  readonly #news: TuningNews[] = [];

  constructor({ clock, on, kept, bounds, onPut = () => {}, ...settings }: RigOptions = {}) {
    this.clock = clock ?? new VirtualClock(0, START_AT);
    this.answer = (knob, value) => {
      this.values[knob] = value;
      return Promise.resolve({ state: "set" });
    };
    for (const spec of WICK_METRICS) this.#registry.register(spec);
    const knobs = (Object.keys(BOUNDS) as Knob[]).map((knob): KnobPort => ({
      knob,
      isOn: on?.includes(knob) ?? true,
      bounds: bounds?.[knob] ?? BOUNDS[knob],
      set: (value) => {
        this.sets.push([knob, value]);
        return this.answer(knob, value);
      },
    }));
    const store = kept === undefined ? null : {
      get: () => kept === null ? Promise.reject(new Error("down")) : Promise.resolve(kept.json),
      put: (json: string) => {
        onPut();
        if (kept === null) return Promise.reject(new Error("down"));
        kept.json = json;
        return Promise.resolve();
      },
      read: (json: unknown) => tuningState.parse(json),
    };
    this.desk = new TuningDesk({
      isOn: true,
      rules: { cores: 4 },
      focus: { provider: "eod" },
      onTuning: (event) => void this.events.push(event),
      ...settings,
      knobs,
      store,
    }, {
      clock: this.clock,
      log: (level, message, fields) => void this.lines.push({ level, message, fields }),
      answer: (news) => void this.#news.push(news),
    });
  }

  /** One look, and what comes of it. */
  async look(): Promise<Sample[]> {
    const nowMs = this.clock.now();
    const provider = { provider: "eod" };
    const { label_workers, cache_capacity, warming_budget, batch_linger } = this.values;
    const refused = applySamples(this.#registry, [
      { name: "wick_pool_workers", value: label_workers },
      { name: "wick_cache_capacity_bytes", value: cache_capacity },
      { name: "wick_warming_minute_calls_max", value: warming_budget },
      { name: "wick_provider_linger_seconds", labels: provider, value: batch_linger / 1_000 },
      ...this.samples,
    ], nowMs);
    assertEquals(refused, []);
    const samples = this.desk.look(this.#registry.snapshot(this.clock.wallNow(), nowMs));
    await this.hear();
    return samples;
  }

  async hear(): Promise<void> {
    await turns();
    for (const news of this.#news.splice(0)) this.desk.heard(news);
    await turns();
  }

  /** Looks for so long, every 5 s unless told otherwise; `before` each. */
  async pass(ms: number, everyMs = 5_000, before: () => void = () => {}): Promise<void> {
    for (let left = ms; left > 0; left -= everyMs) {
      this.clock.advance(everyMs);
      before();
      await this.look();
    }
  }

  memory(bytes: number): void {
    const labels = { kind: "resident" };
    this.samples = [{ name: "wick_process_memory_bytes", labels, value: bytes }];
  }

  get told(): string[] {
    return this.events.map(({ entry }) =>
      `${entry.knob} ${entry.from} ${entry.to} ${entry.outcome}`
    );
  }
}

const PRESSURE = 1.7e9, PLENTY = 0.6e9;

Deno.test("TuningDesk takes cache back under memory pressure, and gives it again after", async () => {
  const rig = new Rig();
  rig.memory(PLENTY);
  await rig.pass(120_000);
  assertEquals(rig.sets, []);
  rig.memory(PRESSURE);
  // Each step is a trial of two minutes and a pause; a fifth at a time, down to the bound.
  await rig.pass(30 * 60_000);
  assertEquals(rig.values.cache_capacity, 64 * MB);
  assertEquals(rig.told.slice(0, 2), [
    "cache_capacity 256000000 204800000 trial",
    "cache_capacity 256000000 204800000 kept",
  ]);
  assert(rig.events.every(({ entry }) => entry.evidence["memoryBytes"] === PRESSURE));
  // Now entries are missed that were evicted; with more room more are found.
  let [hits, misses, evicted] = [0, 0, 0];
  const l1 = { type: "price", tier: "l1" };
  const serve = () => {
    const share = 0.5 + 0.4 * rig.values.cache_capacity / (256 * MB);
    hits += 1_000 * share;
    misses += 1_000 * (1 - share);
    evicted += 100;
    rig.samples = [
      { name: "wick_process_memory_bytes", labels: { kind: "resident" }, value: PLENTY },
      { name: "wick_cache_hits_total", labels: l1, total: hits },
      { name: "wick_cache_misses_total", labels: l1, total: misses },
      { name: "wick_cache_evictions_total", labels: l1, total: evicted },
      { name: "wick_cache_size_bytes", labels: l1, value: rig.values.cache_capacity },
    ];
  };
  rig.events.length = 0;
  await rig.pass(40 * 60_000, 5_000, serve);
  assertEquals(rig.values.cache_capacity, 256 * MB);
  assertEquals(new Set(rig.events.map(({ entry }) => entry.outcome)), new Set(["trial", "kept"]));
});

Deno.test("TuningDesk undoes what did not help, tells of it with its evidence, and rests", async () => {
  const rig = new Rig();
  let bytes = PRESSURE;
  // It goes on growing: the cache is not the cause.
  await rig.pass(140_000, 5_000, () => rig.memory(bytes += 5 * MB));
  assertEquals(rig.told, [
    "cache_capacity 256000000 204800000 trial",
    "cache_capacity 256000000 204800000 undone",
  ]);
  assertEquals(rig.sets, [["cache_capacity", 204.8 * MB], ["cache_capacity", 256 * MB]]);
  const [begun, ended] = rig.lines.filter(({ level }) => level === "info");
  assertMatch(
    begun?.message ?? "",
    /^tuning: cache_capacity 256000000 → 204800000 \(trial\): memory is short$/,
  );
  assertMatch(
    ended?.message ?? "",
    /\(undone\): memory is short; memoryBytes is 1795000000, expected at most 1705000000$/,
  );
  assertEquals(Object.keys(begun?.fields as object), ["id", "evidence", "expected"]);
  const view = rig.desk.view();
  const knob = view.knobs.find(({ knob }) => knob === "cache_capacity");
  assertEquals([knob?.trial, knob?.resting.map(({ direction }) => direction)], [null, ["down"]]);
  // Ten minutes from the end of the trial.
  const [rest] = knob?.resting ?? [];
  assertEquals(rest?.until, START_AT + 125_000 + 600_000);
  await rig.pass(10 * 60_000 - 20_000, 5_000, () => rig.memory(bytes += 5 * MB));
  assertEquals(rig.told.length, 2);
  await rig.pass(20_000, 5_000, () => rig.memory(bytes += 5 * MB));
  assertEquals(rig.told.length, 3);
});

Deno.test("TuningDesk changes nothing when it is off, nor a knob that is, and shows them", async () => {
  for (const options of [{ isOn: false }, { on: ["label_workers"] }] satisfies RigOptions[]) {
    const rig = new Rig(options);
    rig.memory(PRESSURE);
    await rig.pass(600_000);
    assertEquals([rig.sets, rig.events, rig.desk.view().log], [[], [], []]);
    const knob = rig.desk.view().knobs.find(({ knob }) => knob === "cache_capacity");
    assertEquals([knob?.isOn, knob?.value, knob?.max], [false, 256 * MB, 256 * MB]);
  }
});

Deno.test("TuningDesk decides every 5 s also when the monitor looks each second", async () => {
  const decided = async (everyMs: number) => {
    const rig = new Rig();
    let bytes = PRESSURE;
    await rig.pass(1_800_000, everyMs, () => rig.memory(bytes += everyMs * 1_000));
    return rig.events.map(({ at, entry }) => [Math.round((at - START_AT) / 60_000), entry.outcome]);
  };
  const often = await decided(1_000);
  assertEquals(often, await decided(5_000));
  assertEquals(often.length, 4);
});

Deno.test("TuningDesk ends a change that could not be made, and sets the value before", async () => {
  const rig = new Rig();
  rig.memory(PRESSURE);
  rig.answer = () => Promise.resolve({ state: "refused", reason: "no" });
  await rig.pass(10_000);
  assertEquals(rig.told, [
    "cache_capacity 256000000 204800000 trial",
    "cache_capacity 256000000 204800000 undone",
  ]);
  assertEquals(rig.desk.view().log[0]?.judged, "it could not be set: no");
  // Some of several may have taken it, so the value before is set, until it is known to hold.
  assertEquals(rig.sets.map(([, value]) => value / MB), [204.8, 256]);
  await rig.pass(300_000);
  assertEquals(rig.sets.length, 2);
});

Deno.test("TuningDesk undoes again while whoever has the knob is down, a minute at most", async () => {
  const rig = new Rig();
  let bytes = PRESSURE;
  const grow = () => rig.memory(bytes += 5 * MB);
  await rig.pass(120_000, 5_000, grow);
  const isUp = rig.answer;
  rig.answer = () => Promise.reject(new Error("it restarts"));
  await rig.pass(20_000, 5_000, grow);
  assertEquals(rig.values.cache_capacity, 204.8 * MB);
  rig.answer = isUp;
  await rig.pass(10_000, 5_000, grow);
  assertEquals(rig.values.cache_capacity, 256 * MB);
  const tries = rig.sets.length;
  await rig.pass(60_000, 5_000, grow);
  assertEquals(rig.sets.length, tries);

  const other = new Rig();
  await other.pass(120_000, 5_000, () => other.memory(bytes += 5 * MB));
  other.answer = () => Promise.reject(new Error("it is gone"));
  await other.pass(300_000, 5_000, () => other.memory(bytes += 5 * MB));
  assertEquals(other.sets.length, 13);
});

Deno.test("TuningDesk leaves a knob alone while it is being set", async () => {
  const rig = new Rig();
  const { promise, resolve } = Promise.withResolvers<KnobAnswer>();
  rig.answer = () => promise;
  rig.memory(PRESSURE);
  await rig.pass(600_000);
  assertEquals(rig.sets.length, 1);
  resolve({ state: "set" });
  await rig.hear();
});

Deno.test("TuningDesk goes on from what was kept: log, rests, and how the load was", async () => {
  const kept = { json: null as string | null };
  const rig = new Rig({ kept });
  let bytes = PRESSURE;
  await rig.pass(140_000, 5_000, () => rig.memory(bytes += 5 * MB));
  assert(kept.json !== null);
  const json = kept.json;
  // An hour later another process has the same record: the rest of ten minutes is over.
  const later = new Rig({ kept: { json }, clock: new VirtualClock(0, START_AT + 3_600_000) });
  later.memory(PLENTY);
  await later.pass(10_000);
  assertEquals(later.desk.view().log, rig.desk.view().log);
  assertEquals(later.desk.view().knobs.map(({ resting }) => resting.length), [0, 0, 0, 0]);
  // At once it is not.
  const soon = new Rig({ kept: { json }, clock: new VirtualClock(0, START_AT + 140_000) });
  soon.memory(PRESSURE);
  await soon.pass(300_000);
  assertEquals([soon.sets, soon.desk.view().log.length], [[], 1]);
  const [, capacity] = soon.desk.view().knobs;
  assertEquals(capacity?.resting[0]?.until, START_AT + 130_000 + 600_000);
});

Deno.test("TuningDesk: a change on trial is kept unjudged when the monitor starts anew", async () => {
  const kept = { json: null as string | null };
  const rig = new Rig({ kept });
  rig.memory(PRESSURE);
  await rig.pass(20_000);
  assertEquals(rig.desk.view().log[0]?.outcome, "trial");
  const later = new Rig({ kept });
  later.memory(PLENTY);
  await later.pass(20_000);
  const [entry] = later.desk.view().log;
  assertEquals([entry?.outcome, entry?.judged], ["unjudged", "the monitor was started anew"]);
});

Deno.test("TuningDesk waits for the store half a minute, and begins without what cannot be read", async () => {
  const rig = new Rig({ kept: null });
  rig.memory(PRESSURE);
  await rig.pass(RESTORE_MAX_MS - 5_000);
  assertEquals(rig.sets, []);
  await rig.pass(10_000);
  assertEquals(rig.sets.length, 1);
  const spoilt = new Rig({ kept: { json: '{"version":2}' } });
  spoilt.memory(PRESSURE);
  await spoilt.pass(10_000);
  assertEquals(spoilt.sets.length, 1);
  assertEquals(spoilt.lines.filter(({ level }) => level === "warn").length, 1);
});

Deno.test("TuningDesk tries to keep its log again each minute, and says once that it is not", async () => {
  let puts = 0;
  const rig = new Rig({ kept: null, onPut: () => puts++ });
  rig.memory(PRESSURE);
  await rig.pass(RESTORE_MAX_MS + 10_000);
  const failed = () => rig.lines.filter(({ message }) => message.includes("could not be kept"));
  assertEquals(failed().length, 1);
  await rig.pass(3 * SAVE_EVERY_MS);
  assertEquals([failed().length, puts], [1, 4]);
});

Deno.test("TuningDesk measures what the knobs are set to, and how changes came out", async () => {
  const rig = new Rig();
  let bytes = PRESSURE;
  await rig.pass(140_000, 5_000, () => rig.memory(bytes += 5 * MB));
  const samples = await rig.look();
  assertEquals(samples.find(({ name }) => name === "wick_tuning_changes_total"), {
    name: "wick_tuning_changes_total",
    labels: { knob: "cache_capacity", outcome: "undone" },
    total: 1,
  });
  const values = samples.filter(({ name }) => name === "wick_tuning_value");
  assertEquals(values.map((sample) => "value" in sample ? sample.value : null), [
    ...[2, 256 * MB, 100, 5],
  ]);
});

Deno.test("TuningDesk scales label workers by utilisation and delay, and back when they idle", async () => {
  const rig = new Rig();
  rig.memory(PLENTY);
  let busySeconds = 0, candles = 0, load = 0.1, isLoaded = false;
  const work = () => {
    // An offered load of three workers: two are always busy, and what waits grows.
    const done = Math.min(load, rig.values.label_workers);
    busySeconds += 5 * done;
    candles += 5_000 * done;
    rig.samples = [
      { name: "wick_process_memory_bytes", labels: { kind: "resident" }, value: PLENTY },
      { name: "wick_pool_busy_seconds_total", total: busySeconds },
      { name: "wick_pool_candles_total", total: candles },
      { name: "wick_pool_delay_seconds", value: isLoaded && done < load ? 0.2 : 0.001 },
    ];
  };
  await rig.pass(300_000, 5_000, work);
  assertEquals(rig.values.label_workers, 1);
  [load, isLoaded] = [2.2, true];
  await rig.pass(300_000, 5_000, work);
  assertEquals(rig.values.label_workers, 4);
  [load, isLoaded] = [0.1, false];
  await rig.pass(1_200_000, 5_000, work);
  assertEquals(rig.values.label_workers, 1);
  assert(rig.events.every(({ entry }) => entry.outcome !== "undone"));
});

Deno.test("TuningDesk takes its targets from what is set", async () => {
  const memory = { ...TARGETS_DEFAULT.memory, good: 100, warning: 200, critical: 300 };
  const rig = new Rig({ rules: { cores: 4, targets: { ...TARGETS_DEFAULT, memory } } });
  rig.memory(PLENTY);
  await rig.pass(10_000);
  assertEquals(rig.sets.map(([knob]) => knob), ["cache_capacity"]);
});
