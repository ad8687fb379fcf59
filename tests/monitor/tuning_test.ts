import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  type Knob,
  Tuner,
  type TunerOptions,
  TUNING_LOG_MAX,
  type TuningAction,
  type TuningTimes,
} from "../../src/monitor/tuning.ts";
import type { TuningReading } from "../../src/monitor/tuning_inputs.ts";
import {
  type Proposal,
  type TuningRules,
  WickTuningRules,
} from "../../src/monitor/tuning_rules.ts";

const NOTHING: TuningReading = {
  load: null,
  workersBusy: null,
  delayMs: null,
  memoryBytes: null,
  cacheHits: null,
  cacheEvictions: null,
  cacheBytes: null,
  cacheWaitMs: null,
  limitUsed: null,
  limitWaiting: null,
  limitedCalls: null,
  warmCalls: null,
  warmPrecision: null,
  callKeys: null,
  callKeysMax: 50,
};

const TIMES: TuningTimes = {
  trialMs: {
    label_workers: 100,
    cache_capacity: 100,
    warming_budget: 100,
    batch_linger: 100,
  },
  pauseMs: 10,
  restMs: 1_000,
  restMaxMs: 3_000,
};

const BOUNDS: TunerOptions["bounds"] = {
  label_workers: { min: 1, max: 8 },
  cache_capacity: { min: 100, max: 1_000 },
};

/** Proposes what the test says, always. */
function rig(wishes: Partial<Record<Knob, Proposal | null>>) {
  const rules: TuningRules & { wishes: typeof wishes } = {
    wishes,
    propose: (knob) => rules.wishes[knob] ?? null,
    changed: () => {},
  };
  return { rules, tuner: new Tuner({ rules, bounds: BOUNDS, times: TIMES }) };
}

const wish = (to: number, atMost = 50, measure: keyof TuningReading = "delayMs"): Proposal => ({
  to,
  reason: "it waits",
  evidence: { delayMs: 80 },
  expected: [{ measure, atMost }],
});

const reading = (given: Partial<TuningReading>): TuningReading => ({ ...NOTHING, ...given });
const shown = (actions: readonly TuningAction[]) =>
  actions.map(({ kind, knob, from, to }) => [kind, knob, from, to]);

Deno.test("Tuner keeps a change that brought what was expected", () => {
  const { tuner } = rig({ label_workers: wish(4) });
  const begun = tuner.step(0, 7, reading({ delayMs: 80 }), { label_workers: 2 });
  assertEquals(shown(begun), [["change", "label_workers", 2, 4]]);
  assertEquals(tuner.onTrial, ["label_workers"]);
  const { id, at, reason, evidence, outcome } = tuner.log[0] ?? {};
  assertEquals([id, at, reason, evidence, outcome], [
    ...[1, 7, "it waits", { delayMs: 80 }, "trial"],
  ]);
  // The first half does not count: the change is still taking effect.
  for (const [ms, delayMs] of [[40, 500], [60, 30], [80, 40], [100, 50]] as const) {
    assertEquals(tuner.step(ms, 0, reading({ delayMs }), { label_workers: 4 }), []);
  }
  assertEquals(tuner.log[0]?.outcome, "kept");
  assertEquals(tuner.log[0]?.judged, "delayMs is 40, expected at most 50");
  assertEquals(tuner.onTrial, []);
});

Deno.test("Tuner undoes a change that did not help, and rests longer each time", () => {
  const { tuner } = rig({ label_workers: wish(4) });
  let value = 2;
  const changes: number[] = [];
  for (let ms = 0; ms <= 8_000; ms += 10) {
    for (const action of tuner.step(ms, 0, reading({ delayMs: 80 }), { label_workers: value })) {
      value = action.to;
      if (action.kind === "change") changes.push(ms);
    }
  }
  // A trial of 100 ms, then rests of 1, 2, 3 (the most) seconds.
  assertEquals(changes, [0, 1_100, 3_200, 6_300]);
  assertEquals(value, 2);
  assertEquals(tuner.log.map(({ outcome }) => outcome), Array(4).fill("undone"));
  assertEquals(tuner.ended, [{ knob: "label_workers", outcome: "undone", count: 4 }]);
});

Deno.test("Tuner lets the other direction of a knob be tried while one rests", () => {
  const { rules, tuner } = rig({ label_workers: wish(4) });
  tuner.step(0, 0, reading({ delayMs: 80 }), { label_workers: 2 });
  const undo = tuner.step(100, 0, reading({ delayMs: 80 }), { label_workers: 4 });
  assertEquals(shown(undo), [["undo", "label_workers", 4, 2]]);
  rules.wishes = { label_workers: wish(1) };
  assertEquals(shown(tuner.step(105, 0, NOTHING, { label_workers: 2 })), []);
  assertEquals(shown(tuner.step(110, 0, NOTHING, { label_workers: 2 })), [
    ["change", "label_workers", 2, 1],
  ]);
});

Deno.test("Tuner does not judge without data, under another load, or after another hand", () => {
  const outcome = (later: TuningReading, value: number, load: number | null = 100) => {
    const { tuner } = rig({ label_workers: wish(4) });
    tuner.step(0, 0, reading({ delayMs: 80, load }), { label_workers: 2 });
    const actions = tuner.step(100, 0, later, { label_workers: value });
    return [tuner.log[0]?.outcome, actions.length];
  };
  assertEquals(outcome(reading({}), 4), ["unjudged", 0]);
  assertEquals(outcome(reading({ delayMs: 80, load: 131 }), 4), ["unjudged", 0]);
  assertEquals(outcome(reading({ delayMs: 80, load: 69 }), 4), ["unjudged", 0]);
  assertEquals(outcome(reading({ delayMs: 80, load: 129 }), 4), ["undone", 1]);
  assertEquals(outcome(reading({ delayMs: 80, load: 9 }), 4, null), ["undone", 1]);
  assertEquals(outcome(reading({ delayMs: 80, load: 100 }), 5), ["unjudged", 0]);
  // What was expected came: whatever the load, the change may stay.
  assertEquals(outcome(reading({ delayMs: 20, load: 900 }), 4), ["kept", 0]);
});

Deno.test("Tuner keeps a change that brought what does as well", () => {
  const proposal: Proposal = {
    ...wish(4),
    expected: [{ measure: "delayMs", atMost: 50, or: { measure: "load", atLeast: 110 } }],
  };
  const judged = (later: TuningReading) => {
    const { tuner } = rig({ label_workers: proposal });
    tuner.step(0, 0, reading({ delayMs: 80, load: 90 }), { label_workers: 2 });
    tuner.step(100, 0, later, { label_workers: 4 });
    return [tuner.log[0]?.outcome, tuner.log[0]?.judged];
  };
  assertEquals(judged(reading({ delayMs: 80, load: 112 })), [
    "kept",
    "delayMs is 80, expected at most 50, or load is 112, expected at least 110",
  ]);
  assertEquals(judged(reading({ delayMs: 40, load: 90 }))[0], "kept");
  assertEquals(judged(reading({ delayMs: 80, load: 109 }))[0], "undone");
  assertEquals(judged(reading({ delayMs: null, load: 112 }))[0], "kept");
  assertEquals(judged(reading({ delayMs: null, load: 109 }))[0], "unjudged");
});

Deno.test("WickTuningRules: more workers where all are busy have to do more, or end the wait", () => {
  const propose = (load: number | null) => {
    const rules = new WickTuningRules({ cores: 8 });
    const full = reading({ load, workersBusy: 1, delayMs: 100 });
    rules.propose("label_workers", 0, 2, full);
    return rules.propose("label_workers", 60_000, 2, full);
  };
  // From two to four: twice as much could be done, and half of that more has to be.
  assertEquals(propose(1_000)?.expected, [
    { measure: "delayMs", atMost: 80, or: { measure: "load", atLeast: 1_500 } },
  ]);
  assertEquals(propose(1_000)?.to, 4);
  assertEquals(propose(null)?.expected, [{ measure: "delayMs", atMost: 80 }]);
});

Deno.test("Tuner holds values within their bounds, and leaves a knob without bounds alone", () => {
  const { rules, tuner } = rig({ label_workers: wish(99), batch_linger: wish(5) });
  const values = { label_workers: 7, batch_linger: 1 };
  assertEquals(shown(tuner.step(0, 0, NOTHING, values)), [["change", "label_workers", 7, 8]]);
  rules.wishes = { label_workers: wish(99) };
  const other = rig({ label_workers: wish(99) }).tuner;
  assertEquals(other.step(0, 0, NOTHING, { label_workers: 8 }), []);
  // Set beyond its bounds by hand: a wish for more must not turn it down.
  assertEquals(other.step(0, 0, NOTHING, { label_workers: 20 }), []);
  assertEquals(other.step(0, 0, NOTHING, {}), []);
});

Deno.test("Tuner refuses bounds that are out of order", () => {
  const { rules } = rig({});
  const bounds = { batch_linger: { min: 5, max: 4 } };
  assertThrows(() => new Tuner({ rules, bounds }), RangeError, "Cannot tune batch_linger");
});

Deno.test("Tuner has one trial at a time look at a measure", () => {
  const { rules, tuner } = rig({
    label_workers: wish(4),
    cache_capacity: wish(500, 50, "delayMs"),
  });
  const values = { label_workers: 2, cache_capacity: 400 };
  assertEquals(shown(tuner.step(0, 0, NOTHING, values)), [["change", "label_workers", 2, 4]]);
  rules.wishes = { cache_capacity: wish(500, 50, "memoryBytes") };
  assertEquals(shown(tuner.step(1, 0, NOTHING, values)), [["change", "cache_capacity", 400, 500]]);
});

Deno.test("Tuner.failed() ends a trial and lets its direction rest", () => {
  const { tuner } = rig({ label_workers: wish(4) });
  tuner.step(0, 0, NOTHING, { label_workers: 2 });
  tuner.failed(1, "label_workers", "no answer");
  assertEquals([tuner.log[0]?.outcome, tuner.log[0]?.judged], ["undone", "no answer"]);
  assertEquals(tuner.step(900, 0, NOTHING, { label_workers: 2 }), []);
  assertEquals(tuner.step(1_001, 0, NOTHING, { label_workers: 2 }).length, 1);
});

Deno.test("Tuner.restore() goes on with log and rests, and judges no old trial", () => {
  const { tuner } = rig({ label_workers: wish(4), cache_capacity: wish(500, 9, "cacheHits") });
  const values = { label_workers: 2, cache_capacity: 400 };
  tuner.step(0, 0, reading({ delayMs: 80 }), values);
  tuner.step(100, 0, reading({ delayMs: 80 }), { ...values, label_workers: 4 });
  const saved = JSON.parse(JSON.stringify(tuner.snapshot(600)));
  const next = rig({ label_workers: wish(4) }).tuner;
  next.restore(50_000, saved);
  assertEquals(next.log.map(({ outcome }) => outcome), ["undone", "unjudged"]);
  assertEquals(next.snapshot(50_000).rests, [
    { knob: "label_workers", direction: 1, leftMs: 500, failures: 1 },
  ]);
  assertEquals(next.step(50_499, 0, NOTHING, { label_workers: 2 }), []);
  const [action] = next.step(50_500, 0, NOTHING, { label_workers: 2 });
  assertEquals(action?.entry.id, 3);
  // Once something was changed in this life the other one is not wanted.
  next.restore(0, { log: [], lastId: 99, rests: [] });
  assertEquals(next.log.length, 3);
});

Deno.test("Tuner keeps a bounded log", () => {
  const { rules, tuner } = rig({});
  let value = 2;
  for (let ms = 0; ms < 60_000; ms += 10) {
    rules.wishes = { label_workers: wish(value === 2 ? 3 : 2) };
    for (const { to } of tuner.step(ms, 0, reading({ delayMs: 1 }), { label_workers: value })) {
      value = to;
    }
  }
  assertEquals(tuner.log.length, TUNING_LOG_MAX);
  assert((tuner.log.at(-1)?.id ?? 0) > 2 * TUNING_LOG_MAX);
});

Deno.test("WickTuningRules propose nothing while data is missing, field by field", () => {
  const full = reading({
    ...{ load: 1, workersBusy: 1, delayMs: 90, memoryBytes: 1.7e9, cacheHits: 0.5 },
    ...{ cacheEvictions: 9, cacheBytes: 1e8, cacheWaitMs: 90, limitUsed: 0.95, limitWaiting: 3 },
    ...{ limitedCalls: 2, warmCalls: 50, warmPrecision: 0.9, callKeys: 2 },
  });
  const needs: Record<Knob, (keyof TuningReading)[]> = {
    label_workers: ["workersBusy", "delayMs"],
    cache_capacity: ["memoryBytes"],
    warming_budget: ["limitUsed", "limitedCalls", "warmCalls"],
    batch_linger: ["limitUsed", "limitWaiting", "callKeys"],
  };
  for (const [knob, fields] of Object.entries(needs) as [Knob, (keyof TuningReading)[]][]) {
    const propose = (given: TuningReading) => {
      const rules = new WickTuningRules({ cores: 8 });
      const value = knob === "label_workers" ? 2 : 10;
      rules.propose(knob, 0, value, given);
      return rules.propose(knob, 60_000, value, given);
    };
    assert(propose(full) !== null, knob);
    for (const field of fields) assertEquals(propose({ ...full, [field]: null }), null, field);
    assertEquals(propose(NOTHING), null);
  }
});

Deno.test("WickTuningRules give up cache under memory pressure and ask for it back after", () => {
  const rules = new WickTuningRules({ cores: 2 });
  const to = (given: Partial<TuningReading>, bytes = 500e6) =>
    rules.propose("cache_capacity", 0, bytes, reading(given))?.to ?? null;
  assertEquals(to({ memoryBytes: 1.599e9 }), null);
  // Half of the 0.4 GB above good is 200 MB, but no more than a fifth of the cache.
  assertEquals(to({ memoryBytes: 1.6e9 }), 400e6);
  assertEquals(to({ memoryBytes: 1.6e9 }, 2e9), 1.8e9);
  const missed = { cacheHits: 0.8, cacheEvictions: 5, cacheBytes: 500e6 };
  assertEquals(to({ ...missed, memoryBytes: 1e9 }), 625e6);
  assertEquals(to({ ...missed, memoryBytes: 1.1e9 }), null);
  assertEquals(to({ ...missed, memoryBytes: 1e9, cacheEvictions: 0 }), null);
  assertEquals(to({ ...missed, memoryBytes: 1e9, cacheHits: 0.95 }), null);
});

Deno.test("WickTuningRules turn the warming budget by what providers have left", () => {
  const rules = new WickTuningRules({ cores: 2 });
  const to = (given: Partial<TuningReading>) =>
    rules.propose("warming_budget", 0, 100, reading(given))?.to ?? null;
  const used = { warmCalls: 95, warmPrecision: 0.6, cacheHits: 0.8, limitedCalls: 0 };
  assertEquals(to({ ...used, limitUsed: 0.5 }), 125);
  assertEquals(to({ ...used, limitUsed: 0.7 }), null);
  assertEquals(to({ ...used, limitUsed: 0.5, warmPrecision: 0.4 }), null);
  assertEquals(to({ ...used, limitUsed: 0.5, warmCalls: 94 }), null);
  assertAlmostEquals(to({ ...used, limitUsed: 0.95 }) ?? NaN, 66.5, 1e-9);
  assertAlmostEquals(to({ ...used, limitUsed: 0.2, limitedCalls: 1 }) ?? NaN, 66.5, 1e-9);
  assertEquals(to({ ...used, limitUsed: 1, warmCalls: 0 }), null);
});

Deno.test("WickTuningRules let keys linger longer for fuller calls, shorter for quicker ones", () => {
  const rules = new WickTuningRules({ cores: 2 });
  const to = (lingerMs: number, given: Partial<TuningReading>) =>
    rules.propose("batch_linger", 0, lingerMs, reading(given))?.to ?? null;
  const short = { limitUsed: 0.95, limitWaiting: 4, cacheWaitMs: 100 };
  assertEquals([to(20, { ...short, callKeys: 10 }), to(0, { ...short, callKeys: 10 })], [30, 5]);
  assertEquals(to(20, { ...short, callKeys: 40 }), null);
  const free = { limitUsed: 0.1, limitWaiting: 0, callKeys: 10 };
  assertEquals([to(20, { ...free, cacheWaitMs: 40 }), to(20, { ...free, cacheWaitMs: 39 })], [
    ...[12, null],
  ]);
  assertEquals(to(0, { ...free, cacheWaitMs: 90 }), null);
  assertEquals(to(20, { ...short, callKeys: 1, callKeysMax: null }), null);
});

/**
 * Batches pass the workers and then a store that takes `storePerSecond` seconds of work a second:
 * where that is the narrow place, more workers change nothing.
 */
function pool(loadAt: (ms: number) => number, storePerSecond: number, minutes: number) {
  const rules = new WickTuningRules({ cores: 16 });
  const tuner = new Tuner({ rules, bounds: { label_workers: { min: 1, max: 16 } } });
  const random = seededRandom(3);
  let workers = 2, waiting = 0, changes = 0, peak = workers;
  for (let ms = 5_000; ms <= minutes * 60_000; ms += 5_000) {
    const load = loadAt(ms) * (0.9 + 0.2 * random.next());
    const rate = Math.min(workers, storePerSecond);
    const done = Math.min(waiting + load * 5, rate * 5);
    // The source is held back once a minute of work waits.
    waiting = Math.min(60 * rate, waiting + load * 5 - done);
    const delayMs = 1_000 * waiting / rate;
    const busy = done / (5 * workers);
    const found = reading({ load: load * 1_000, workersBusy: busy, delayMs });
    for (const { to } of tuner.step(ms, ms, found, { label_workers: workers })) {
      workers = to;
      peak = Math.max(peak, to);
      changes++;
    }
  }
  return { tuner, workers, changes, peak, waiting };
}

Deno.test("Tuner keeps workers that a doubled load needs, seed 3", () => {
  const { tuner, workers, waiting } = pool((ms) => ms < 300_000 ? 1 : 4, 100, 30);
  // 4 + √4.
  assert(workers >= 6 && workers <= 8, `${workers}`);
  assertEquals(waiting, 0);
  assert(tuner.log.every(({ outcome }) => outcome !== "undone"));
});

Deno.test("Tuner takes back workers that do not help a slow store, seed 3", () => {
  const { tuner, workers, changes } = pool(() => 4, 2, 120);
  assert(tuner.log.some(({ outcome }) => outcome === "undone"));
  assert(workers <= 2 || tuner.onTrial.length > 0, `${workers}`);
  // Rests double: tries at most 0, 10, 30, 70 minutes in, and each is a change and its undoing.
  assert(changes <= 10, `${changes}`);
});
