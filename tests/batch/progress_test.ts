import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Progress } from "../../src/batch/progress.ts";
import { ProgressRate } from "../../src/batch/progress_rate.ts";
import { progressLine, progressLogLine } from "../../src/batch/progress_text.ts";
import { seedOf } from "../actor/seed.ts";

// ---- rate ---------------------------------------------------------------------------------------

Deno.test("ProgressRate says nothing before there are three blocks", () => {
  const rate = new ProgressRate(0);
  rate.add(100, 1);
  assertStrictEquals(rate.range(900), null);
  assert(rate.range(940) !== null);
});

Deno.test("ProgressRate of an even flow is that flow, with hardly any range", () => {
  const rate = new ProgressRate(0);
  for (let ms = 0; ms < 300_000; ms += 10) rate.add(ms, 1);
  const range = rate.range(300_000);
  assert(range !== null && Math.abs(range.perSecond - 100) < 0.5, `${range?.perSecond}`);
  assert(range.high - range.low < 1);
});

Deno.test("ProgressRate forgets what is over a minute old", () => {
  const rate = new ProgressRate(0);
  for (let second = 0; second < 100; second++) rate.add(second * 1_000, 50);
  for (let second = 100; second < 170; second++) rate.add(second * 1_000, 5);
  const range = rate.range(170_000);
  assert(range !== null && Math.abs(range.perSecond - 5) < 0.5, `${range?.perSecond}`);
});

Deno.test("ProgressRate falls to 0 in a silence, however long", () => {
  for (const silenceMs of [66_000, 121_000, 1e12]) {
    const rate = new ProgressRate(0);
    for (let second = 0; second < 100; second++) rate.add(second * 1_000, 50);
    assertEquals(rate.range(100_000 + silenceMs), { perSecond: 0, low: 0, high: 0 });
  }
});

/** Arrivals by chance, `perSecond` of them on average (exponential times between). */
function* arrivals(random: Random, perSecond: number): Generator<number> {
  for (let ms = 0;; ms += -Math.log(1 - random.next()) / perSecond * 1_000) yield ms;
}

Deno.test("ProgressRate's range holds the true rate of Poisson arrivals in about 95 of 100", () => {
  const random = seededRandom(seedOf("ProgressRate range"));
  let inside = 0;
  const RUNS = 400;
  for (let run = 0; run < RUNS; run++) {
    const rate = new ProgressRate(0);
    for (const ms of arrivals(random, 12.5)) {
      if (ms > 90_000) break;
      rate.add(ms, 1);
    }
    const range = rate.range(90_000);
    if (range !== null && range.low <= 12.5 && 12.5 <= range.high) inside++;
  }
  // Binomial: 95 % of 400 within five standard deviations (4.4 runs each).
  assert(inside >= 0.95 * RUNS - 22 && inside <= 0.95 * RUNS + 20, `${inside} of ${RUNS}`);
});

/**
 * Which stretch the full blocks cover at a time, by hand. Blocks of 312.5 ms begin at 0; the
 * thirteenth makes the oldest go and the others merge in pairs, at 4,062.5, 8,437.5, 17,187.5 and
 * 34,687.5 ms, until they are of 5 s.
 */
const COVERED: readonly (readonly [atMs: number, fromMs: number, toMs: number])[] = [
  [3_000, 0, 2_812.5],
  [4_062, 0, 3_750],
  [4_063, 312.5, 4_062.5],
  [10_000, 937.5, 9_687.5],
  [20_000, 2_187.5, 19_687.5],
  [57_499, 4_687.5, 54_687.5],
  [64_688, 4_687.5, 64_687.5],
  [90_000, 29_687.5, 89_687.5],
];

Deno.test("ProgressRate counts each item of its window once, while its blocks merge and after", () => {
  const random = seededRandom(seedOf("ProgressRate merge"));
  for (const [atMs, fromMs, toMs] of COVERED) {
    const rate = new ProgressRate(0);
    let inside = 0;
    for (let ms = 0; ms < atMs; ms += random.next() * 50) {
      rate.add(ms, 3);
      if (ms >= fromMs && ms < toMs) inside += 3;
    }
    const expected = inside / (toMs - fromMs) * 1_000;
    const found = rate.range(atMs)?.perSecond ?? NaN;
    assert(Math.abs(found - expected) < 1e-9, `${atMs} ms: ${found}, expected ${expected}`);
  }
});

// ---- progress -----------------------------------------------------------------------------------

/** Two phases, 10/s and 50/s for 30 s. */
function thirtySeconds(): Progress {
  const progress = new Progress(0);
  progress.phase("dividends", 1_000, 0);
  progress.phase("prices", 2_000, 0);
  for (let ms = 0; ms < 30_000; ms += 100) {
    progress.done("dividends", { ok: 1 }, ms);
    progress.done("prices", ms % 1_000 === 0 ? { ok: 4, failed: 1 } : { ok: 5 }, ms);
  }
  return progress;
}

Deno.test("Progress.snapshot() counts items by phase and in all", () => {
  const found = thirtySeconds().snapshot(30_000);
  assertEquals(
    [found.total, found.done, found.ok, found.failed, found.share],
    [3_000, 1_800, 1_770, 30, 0.6],
  );
  assertEquals(found.phases.map(({ name, done }) => [name, done]), [
    ["dividends", 300],
    ["prices", 1_500],
  ]);
});

Deno.test("Progress.snapshot() ends when the slowest of the parallel phases does", () => {
  const { eta, phases } = thirtySeconds().snapshot(30_000);
  // 700 left at 10/s; 500 left at 50/s.
  const [dividends, prices] = phases;
  assert(Math.abs((dividends?.eta?.ms ?? 0) - 70_000) < 1_500, `${dividends?.eta?.ms}`);
  assert(Math.abs((prices?.eta?.ms ?? 0) - 10_000) < 500, `${prices?.eta?.ms}`);
  assertEquals(eta, dividends?.eta);
  assert(eta !== null && eta !== undefined && eta.highMs !== null);
  assert(eta.lowMs <= eta.ms && eta.ms <= eta.highMs);
});

Deno.test("Progress.snapshot() names no end while a phase stands still", () => {
  const progress = thirtySeconds();
  for (let ms = 30_000; ms < 130_000; ms += 100) progress.done("prices", { ok: 0 }, ms);
  assertStrictEquals(progress.snapshot(130_000).eta, null);
});

Deno.test("Progress does not take items of an earlier part for speed", () => {
  const progress = new Progress(0);
  progress.phase("prices", 1_000, 0, { ok: 900, failed: 40 });
  for (let ms = 0; ms < 10_000; ms += 1_000) progress.done("prices", { ok: 1 }, ms);
  const { done, failed, eta } = progress.snapshot(10_000);
  assertEquals([done, failed], [950, 40]);
  // 50 left at one a second.
  assert(Math.abs((eta?.ms ?? 0) - 50_000) < 10_000, `${eta?.ms}`);
});

Deno.test("Progress of nothing, and of all, is done", () => {
  const progress = new Progress(0);
  assertEquals(progress.snapshot(0).share, 1);
  progress.phase("prices", 1, 0);
  progress.done("prices", { failed: 1 }, 1);
  const { share, eta } = progress.snapshot(1);
  assertEquals([share, eta], [1, { ms: 0, lowMs: 0, highMs: 0 }]);
});

Deno.test("Progress.phase() refuses a name twice and more done than there is", () => {
  const progress = new Progress(0);
  progress.phase("prices", 1, 0);
  assertThrows(() => progress.phase("prices", 1, 0), RangeError);
  assertThrows(() => progress.phase("news", 1, 0, { ok: 1, failed: 1 }), RangeError);
  progress.done("nobody", { ok: 1 }, 0);
  assertStrictEquals(progress.snapshot(0).done, 0);
});

// ---- text ---------------------------------------------------------------------------------------

const SNAPSHOT = {
  total: 11_360,
  done: 4_984,
  ok: 4_980,
  failed: 4,
  share: 4_984 / 11_360,
  perSecond: 12.5,
  eta: { ms: 510_080, lowMs: 500_000, highMs: 520_000 },
  phases: [
    { name: "prices", total: 30, done: 30, ok: 30, failed: 0, share: 1, perSecond: 0, eta: null },
    {
      name: "dividends",
      total: 11_330,
      done: 4_954,
      ok: 4_950,
      failed: 4,
      share: 4_954 / 11_330,
      perSecond: 12.5,
      eta: null,
    },
  ],
};

Deno.test("progressLine() shows bar, counts, rate, ETA, failures and open phases", () => {
  assertStrictEquals(
    progressLine(SNAPSHOT, 200),
    "[####......] 43 %  4,984 of 11,360  12.5/s  ETA 8 min 30 s (8 min 20 s to 8 min 40 s)  " +
      "4 failed  dividends 43 %",
  );
});

Deno.test("progressLine() leaves out what does not fit on the screen", () => {
  assertStrictEquals(progressLine(SNAPSHOT, 40), "[####......] 43 %  4,984 of 11,360");
  for (let width = 0; width < 120; width++) {
    assert(progressLine(SNAPSHOT, width).length <= width);
  }
});

Deno.test("progressLine() fills the bar only when all is done", () => {
  const at = (done: number) => progressLine({ ...SNAPSHOT, done, share: done / 11_360 }, 20);
  assertStrictEquals(at(0), "[..........] 0 %");
  assertStrictEquals(at(11_359), "[#########.] 99 %");
  assertStrictEquals(at(11_360), "[##########] 100 %");
});

Deno.test("progressLine() names only the least time when no longest can be said", () => {
  const line = progressLine(
    { ...SNAPSHOT, eta: { ms: 510_000, lowMs: 61_000, highMs: null } },
    200,
  );
  assert(line.includes("ETA 8 min 30 s (at least 1 min 01 s)"), line);
});

Deno.test("progressLogLine() has one word a figure and quotes the name", () => {
  assertStrictEquals(
    progressLogLine("my job", SNAPSHOT),
    'progress job="my job" done=4984 total=11360 share=0.4387 ok=4980 failed=4 per_second=12.50 ' +
      "eta_s=510 eta_low_s=500 eta_high_s=520 prices=30/30 dividends=4954/11330",
  );
});
