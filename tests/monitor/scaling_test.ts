import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import {
  SCALING_DEFAULTS,
  type ScalingOptions,
  staffing,
  WorkerScaler,
} from "../../src/monitor/scaling.ts";

const SECOND = 1_000;

/** One reading of the simulated pool. */
interface Moment {
  readonly atMs: number;
  readonly workers: number;
  readonly delayMs: number;
}

/**
 * Work arrives as a fluid, `loadAt(ms)` erlangs, and waits in one queue before workers that each do a
 * second of it in a second. Read every 5 s, as the monitor looks.
 */
function simulate(
  loadAt: (ms: number) => number,
  minutes: number,
  options: Partial<ScalingOptions> = {},
  workers = 2,
  cores = 16,
) {
  const scaler = new WorkerScaler(options);
  const moments: Moment[] = [];
  let waiting = 0, changes = 0, worst = 0;
  const stepMs = 100, everyMs = 5 * SECOND;
  let done = 0;
  for (let ms = 0; ms < minutes * 60 * SECOND; ms += stepMs) {
    waiting += loadAt(ms) * stepMs;
    const work = Math.min(waiting, workers * stepMs);
    waiting -= work;
    done += work;
    const delayMs = waiting / workers;
    worst = Math.max(worst, delayMs);
    if (ms % everyMs !== everyMs - stepMs) continue;
    const busyRatio = done / (workers * everyMs);
    done = 0;
    const { workers: wished } = scaler.advise(ms, { workers, busyRatio, delayMs, cores });
    if (wished !== workers) {
      changes++;
      workers = wished;
      scaler.changed(ms);
    }
    moments.push({ atMs: ms, workers, delayMs });
  }
  return { moments, changes, worst, workers };
}

const at = (moments: readonly Moment[], minute: number) =>
  moments.findLast(({ atMs }) => atMs < minute * 60 * SECOND);

const noisy = (random: Random, load: number, share: number) => () =>
  load * (1 + share * (2 * random.next() - 1));

Deno.test("staffing() is the square-root rule", () => {
  // By hand: 1 + 1, 4 + 2, 9 + 3, 2 + 1.41; and 100 + 1.5 · 10.
  assertEquals([1, 4, 9, 2, 0, 0.01].map((load) => staffing(load, 1)), [2, 6, 12, 4, 1, 1]);
  assertEquals(staffing(100, 1.5), 115);
  assertEquals(staffing(3, 0), 3);
});

Deno.test("staffing() keeps waits rare at any load, as Erlang's C formula says", () => {
  // P(wait) of M/M/n by Erlang's recursion (1917), the independent source.
  const erlangC = (load: number, n: number) => {
    let b = 1;
    for (let k = 1; k <= n; k++) b = load * b / (k + load * b);
    return n * b / (n - load * (1 - b));
  };
  for (const load of [1, 4, 9, 16, 25, 64, 100]) {
    const waits = erlangC(load, staffing(load, 1));
    assert(waits > 0.15 && waits < 0.35, `${waits} at ${load}`);
  }
});

Deno.test("WorkerScaler follows a load that doubles and falls again", () => {
  const minute = 60 * SECOND;
  const loadAt = (ms: number) => ms >= 10 * minute && ms < 30 * minute ? 4 : 2;
  const { moments, changes, worst } = simulate(loadAt, 60, {}, 4);
  // 2 + √2 is 4 workers, 4 + √4 is 6.
  assertEquals(at(moments, 10)?.workers, 4);
  assertEquals([at(moments, 12)?.workers, at(moments, 30)?.workers], [6, 6]);
  // With the margin 2.4 + √2.4 needs 4.
  assertEquals(at(moments, 60)?.workers, 4);
  assertEquals(at(moments, 12)?.delayMs, 0);
  // One or two changes up, as the smoothed load rises, and two down, one by one.
  assert(changes >= 3 && changes <= 4, `${changes}`);
  assertEquals(worst, 0);
});

Deno.test("WorkerScaler sees a load that is higher than all workers by what waits", () => {
  const minute = 60 * SECOND;
  const { moments, changes } = simulate((ms) => ms < minute ? 0.5 : 7, 20, {}, 2);
  assert((at(moments, 4)?.workers ?? 0) >= 8, `${at(moments, 4)?.workers}`);
  assertEquals(at(moments, 6)?.delayMs, 0);
  // 7 + √7 is 10; with margin 8.4 + √8.4 is 12.
  assertEquals(at(moments, 20)?.workers, 12);
  assert(changes <= 6, `${changes}`);
});

for (const seed of [1, 2, 3, 4, 5]) {
  Deno.test(`WorkerScaler does not flap under noise, seed ${seed}`, () => {
    // Loads at the very edge of the rule too: 4 + √4 is just 6.
    for (const load of [1, 2, 3.3, 4, 4.1, 6]) {
      const random = seededRandom(seed);
      const first = simulate(noisy(random, load, 0.5), 5, {}, staffing(load, 1));
      const { changes } = simulate(noisy(random, load, 0.5), 240, {}, first.workers);
      assert(changes <= 2, `${changes} changes in four hours at ${load}`);
    }
  });
}

Deno.test("a scaler without margin, pause and patience flaps under the same noise", () => {
  const random = seededRandom(1);
  const options = { marginRatio: 0, pauseMs: 0, upAfterMs: 0, downAfterMs: 0, smoothMs: 1 };
  const { changes } = simulate(noisy(random, 4, 0.5), 240, options, 6);
  assert(changes > 100, `${changes}`);
});

Deno.test("WorkerScaler stays within its bounds and the cores", () => {
  const high = (options: Partial<ScalingOptions>, cores: number) =>
    simulate(() => 50, 10, options, 2, cores).workers;
  assertEquals([high({}, 8), high({ workersMax: 5 }, 8), high({ workersMin: 3 }, 1)], [8, 5, 3]);
  assertEquals(simulate(() => 0, 60, { workersMin: 2 }, 9).workers, 2);
});

Deno.test("WorkerScaler changes nothing while something is not known", () => {
  const scaler = new WorkerScaler();
  const reading = { workers: 2, busyRatio: 1, delayMs: 500, cores: 16 };
  assertEquals(scaler.advise(0, reading).workers, 2);
  assertEquals(scaler.advise(9_000, { ...reading, busyRatio: null }).workers, 2);
  // Due anew from here on.
  assertEquals(scaler.advise(10_000, reading).workers, 2);
  assertEquals(scaler.advise(15_000, { ...reading, delayMs: null }).workers, 2);
  assertEquals(scaler.advise(16_000, reading).workers, 2);
  assertEquals(scaler.advise(25_999, reading).workers, 2);
  assert(scaler.advise(26_000, reading).workers > 2);
});

Deno.test("WorkerScaler pauses after a change", () => {
  const scaler = new WorkerScaler();
  const reading = { workers: 2, busyRatio: 1, delayMs: 500, cores: 16 };
  scaler.advise(0, reading);
  scaler.changed(5_000);
  assertEquals(scaler.advise(34_999, reading).workers, 2);
  assert(scaler.advise(45_000, reading).workers > 2);
});

Deno.test("WorkerScaler smooths by time, whatever the steps", () => {
  const load = (steps: readonly number[]) => {
    const scaler = new WorkerScaler();
    const reading = { workers: 10, busyRatio: 0, delayMs: 0, cores: 16 };
    scaler.advise(0, reading);
    let found: number | null = null;
    for (const step of steps) found = scaler.advise(step, { ...reading, busyRatio: 1 }).load;
    return found ?? NaN;
  };
  // After one time constant of 20 s 1 − 1/e of the way is done.
  assertAlmostEquals(load([20_000]), 10 * (1 - 1 / Math.E), 1e-9);
  assertAlmostEquals(load([1, 5_000, 12_000, 20_000]), 10 * (1 - 1 / Math.E), 1e-9);
});

Deno.test("WorkerScaler.restore() goes on with the load of another life", () => {
  const scaler = new WorkerScaler();
  scaler.advise(0, { workers: 8, busyRatio: 0.5, delayMs: 0, cores: 16 });
  const next = new WorkerScaler();
  next.restore(JSON.parse(JSON.stringify(scaler.snapshot())));
  assertEquals(next.snapshot(), { load: 4 });
  const { load } = next.advise(7, { workers: 8, busyRatio: 0, delayMs: 0, cores: 16 });
  assertAlmostEquals(load ?? NaN, 4 / Math.E, 1e-9);
  next.restore({ load: 100 });
  assertAlmostEquals(next.snapshot().load ?? NaN, 4 / Math.E, 1e-9);
});

Deno.test("WorkerScaler refuses options out of order", () => {
  assertThrows(() => new WorkerScaler({ workersMin: 0 }), RangeError, "1 <= workersMin");
  assertThrows(() => new WorkerScaler({ workersMin: 9, workersMax: 8 }), RangeError, "9 and 8");
  assertThrows(() => new WorkerScaler({ drainMs: 0 }), RangeError);
  assertThrows(() => new WorkerScaler({ safety: NaN }), RangeError);
  assertEquals(new WorkerScaler(SCALING_DEFAULTS).snapshot(), { load: null });
});
