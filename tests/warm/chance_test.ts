import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { ChanceOfUse } from "../../src/warm/chance.ts";
import { WarmError } from "../../src/warm/error.ts";
import type { KeyMarket } from "../../src/warm/types.ts";
import { seedOf } from "../actor/seed.ts";

const START_MS = Date.UTC(2026, 5, 3, 14);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function marketOf(key: string): KeyMarket | null {
  if (key.includes(":C")) return { calendar: "always", sector: null };
  return { calendar: "nyse", sector: key.endsWith("1") ? "one" : "other" };
}

/** Poisson accesses to keys, slot i at `ratesPerMinute[i]`; calls `each` after every access. */
function play(
  chances: ChanceOfUse,
  ratesPerMinute: readonly number[],
  { seed, fromMs, minutes }: { seed: number; fromMs: number; minutes: number },
  each: (atMs: number, slot: number) => void = () => {},
): number {
  const random = seededRandom(seed);
  const sum = ratesPerMinute.reduce((all, rate) => all + rate, 0);
  let atMs = fromMs;
  for (;;) {
    atMs += -Math.log(1 - random.next()) * MINUTE_MS / sum;
    if (atMs >= fromMs + minutes * MINUTE_MS) return fromMs + minutes * MINUTE_MS;
    let draw = random.next() * sum, slot = 0;
    while (slot < ratesPerMinute.length - 1 && (draw -= ratesPerMinute[slot] as number) > 0) slot++;
    chances.accessed(slot, atMs);
    each(atMs, slot);
  }
}

const RATES = Array.from({ length: 60 }, (_, at) => 3 / (at + 1));

function known(keys: readonly string[]): ChanceOfUse {
  const chances = new ChanceOfUse({ keysMax: 100, marketOf });
  keys.forEach((key, slot) => chances.tracked(slot, key, START_MS));
  return chances;
}

const SYMBOLS = RATES.map((_, at) => `price:S${at}`);

Deno.test("ChanceOfUse.chance() is that of a Poisson process after an hour of it", () => {
  const seed = seedOf("chance_test");
  const chances = known(SYMBOLS);
  const nowMs = play(chances, RATES, { seed, fromMs: START_MS, minutes: 60 });
  const truth = RATES.map((rate) => 1 - Math.exp(-rate * 5));
  const found = RATES.map((_, slot) => chances.chance(slot, nowMs, 5 * MINUTE_MS));
  for (const slot of [0, 1, 2, 3]) {
    assertAlmostEquals(found[slot] as number, truth[slot] as number, 0.15, `seed ${seed}, ${slot}`);
  }
  // A key that came three times in the hour is known badly, forty of them well.
  const mean = (values: readonly number[]) => values.slice(20).reduce((sum, x) => sum + x) / 40;
  assertAlmostEquals(mean(found), mean(truth), 0.1, `seed ${seed}`);
});

Deno.test("ChanceOfUse.chance() comes true as often as it says, in every tenth", () => {
  const seed = seedOf("chance_test");
  const chances = known(SYMBOLS);
  const lastMs = new Float64Array(RATES.length);
  const open: { slot: number; atMs: number; chance: number }[] = [];
  const buckets = Array.from({ length: 10 }, () => ({ count: 0, predicted: 0, used: 0 }));
  let next = 0, asked = 0;
  // So long that the share of a tenth is known to 0.006 or so (one sigma over seeds).
  play(chances, RATES, { seed, fromMs: START_MS, minutes: 3_000 }, (atMs, accessed) => {
    for (; next < open.length; next++) {
      const { slot, atMs: thenMs, chance } = open[next] as (typeof open)[number];
      if (thenMs + 7 * MINUTE_MS >= atMs) break;
      const bucket = buckets[Math.min(9, Math.floor(chance * 10))];
      assert(bucket !== undefined);
      bucket.count++;
      bucket.predicted += chance;
      // The access at hand is later than the window, and not noted yet.
      if ((lastMs[slot] as number) > thenMs) bucket.used++;
    }
    lastMs[accessed] = atMs;
    const slot = ++asked % RATES.length;
    open.push({ slot, atMs, chance: chances.chance(slot, atMs, 7 * MINUTE_MS) });
  });
  for (const { count, predicted, used } of buckets.filter((bucket) => bucket.count > 2_000)) {
    assertAlmostEquals(used / count, predicted / count, 0.04, `seed ${seed}`);
  }
});

Deno.test("ChanceOfUse.chance() is 0 for a slot without a key, and forgets a key that left", () => {
  const chances = known(["price:S0", "price:S1"]);
  play(chances, [2, 2], { seed: 1, fromMs: START_MS, minutes: 30 });
  const nowMs = START_MS + 30 * MINUTE_MS;
  assertEquals(chances.chance(7, nowMs, MINUTE_MS), 0);
  assertEquals(chances.chance(-1, nowMs, MINUTE_MS), 0);
  assert(chances.chance(0, nowMs, 5 * MINUTE_MS) > 0.9);
  chances.tracked(0, "price:S9", nowMs);
  assert(chances.chance(0, nowMs, 5 * MINUTE_MS) < 0.6);
  chances.forget(1);
  assertEquals(chances.chance(1, nowMs, 5 * MINUTE_MS), 0);
  chances.accessed(1, nowMs);
  assertEquals(chances.chance(1, nowMs, 5 * MINUTE_MS), 0);
});

Deno.test("ChanceOfUse.chanceOfKey() has a chance for what was never asked of a symbol", () => {
  // Twenty symbols alike, two of which nobody has asked for news of.
  const keys = Array.from({ length: 20 }, (_, at) => [`price:S${at}`, `news:S${at}`]).flat();
  const rates = keys.map((key, slot) =>
    key.startsWith("news") && slot < 4 ? 0 : slot < 2 ? 1 : 0.1
  );
  const chances = new ChanceOfUse({ keysMax: 100, marketOf });
  keys.forEach((key, slot) => {
    if (rates[slot] !== 0) chances.tracked(slot, key, START_MS);
  });
  const nowMs = play(chances, rates, { seed: 2, fromMs: START_MS, minutes: 10 });
  const [hot, cold] = ["news:S0", "news:S1"].map((key) =>
    chances.chanceOfKey(key, nowMs, 10 * MINUTE_MS)
  );
  assert(hot as number > (cold as number) && (cold as number) > 0, `${hot} ${cold}`);
  assert(chances.chanceOfKey("news:S0", nowMs, DAY_MS) > 0.95);
  assertEquals(chances.chanceOfKey("news:NOBODY", nowMs, DAY_MS), 0);
});

Deno.test("ChanceOfUse.companions() are the kinds of its group", () => {
  const chances = known(["price:S0", "news:S0", "price:CX", "label:S0:H1"]);
  play(chances, [2, 1, 2, 1], { seed: 3, fromMs: START_MS, minutes: 60 });
  assertEquals(chances.companions("news:S0"), ["price:S0", "news:S0"]);
  assertEquals(chances.companions("price:CX"), ["price:CX"]);
  assertEquals(chances.companions("price:NOBODY"), []);
});

Deno.test("ChanceOfUse.restore() goes on as if nothing had been, with slots moved", () => {
  const seed = seedOf("chance_test");
  const chances = known(["price:S0", "news:S1", "price:C2", "label:S1:H1"]);
  const nowMs = play(chances, [1, 0.5, 0.2, 0.1], { seed, fromMs: START_MS, minutes: 200 });
  const saved = structuredClone(chances.snapshot(nowMs));
  const again = new ChanceOfUse({ keysMax: 8, marketOf });
  const moved = ["price:C2", null, "label:S1:H1", "price:S0", "news:S1"];
  moved.forEach((key, slot) => key !== null && again.tracked(slot, key, nowMs));
  again.restore(saved, Int32Array.of(2, -1, 3, 0, 1, -1, -1, -1), nowMs);
  for (const [slot, old] of [[0, 2], [2, 3], [3, 0], [4, 1]] as const) {
    for (const windowMs of [MINUTE_MS, 10 * MINUTE_MS, DAY_MS]) {
      const before = chances.chance(old, nowMs + 5_000, windowMs);
      assertAlmostEquals(again.chance(slot, nowMs + 5_000, windowMs), before, 0.01, `seed ${seed}`);
    }
  }
});

Deno.test("ChanceOfUse.restore() refuses what is no snapshot and stays as it was", () => {
  const chances = known(["price:S0"]);
  const nowMs = play(chances, [1], { seed: 5, fromMs: START_MS, minutes: 60 });
  const chance = chances.chance(0, nowMs, MINUTE_MS);
  const saved = chances.snapshot(nowMs);
  const from = new Int32Array(100).fill(-1);
  const wrong: unknown[] = [
    null,
    7,
    {},
    { ...saved, counts: new Float32Array(3) },
    { ...saved, counts: saved.counts.map(() => NaN) },
    { ...saved, rows: saved.rows.map(() => 1_000_000) },
    { ...saved, model: saved.model.slice(1) },
    { ...saved, reliability: [-1] },
    { ...saved, shapes: [5] },
    { ...saved, activities: [] },
    { ...saved, rates: { ...saved.rates, atMs: NaN } },
  ];
  for (const value of wrong) {
    const error = assertThrows(() => chances.restore(value, from, nowMs), WarmError);
    assertEquals((error as WarmError).code, "snapshot");
  }
  assertEquals(chances.chance(0, nowMs, MINUTE_MS), chance);
});

Deno.test("ChanceOfUse takes at most 44 bytes a slot, with a symbol each, and 0.1 MB", () => {
  const chances = new ChanceOfUse({ keysMax: 20_000, marketOf });
  assert(chances.bytes <= 44 * 20_000 + 100_000, String(chances.bytes));
});

Deno.test("ChanceOfUse.chance() gives the same answers for the same calls", () => {
  const runs = [1, 2].map(() => {
    const chances = known(SYMBOLS);
    const found: number[] = [];
    play(chances, RATES, { seed: 9, fromMs: START_MS, minutes: 120 }, (atMs, slot) => {
      found.push(chances.chance(slot, atMs, 5 * MINUTE_MS));
    });
    return found;
  });
  assertEquals(runs[0], runs[1]);
});
