import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Experiment } from "../../src/warm/experiment.ts";
import { type ExperimentSettings, WARMING_DEFAULTS } from "../../src/warm/settings.ts";
import { seedOf } from "../actor/seed.ts";

const SETTINGS: ExperimentSettings = {
  name: "floors",
  variants: [
    { name: "as it is", strategies: {} },
    { name: "bold", strategies: { renewal: { floor: 0.2 }, event: { isEnabled: false } } },
  ],
};
const KEYS = 2_000;
const keyOf = (slot: number) => `price:K${slot}`;

function experimentOf(settings = SETTINGS): Experiment {
  const experiment = new Experiment(settings, KEYS);
  for (let slot = 0; slot < KEYS; slot++) experiment.tracked(slot, keyOf(slot));
  return experiment;
}

Deno.test("Experiment gives each variant its share of the keys, by the key alone", () => {
  const experiment = experimentOf();
  const ofBold = Array.from({ length: KEYS }, (_, slot) => experiment.variantOf(keyOf(slot)));
  const share = ofBold.reduce((sum, variant) => sum + variant, 0) / KEYS;
  assert(Math.abs(share - 0.5) < 0.05, String(share));
  const again = experimentOf();
  assert(ofBold.every((variant, slot) => again.variantOf(keyOf(slot)) === variant));
  const other = experimentOf({ ...SETTINGS, name: "other" });
  const moved = ofBold.filter((variant, slot) => other.variantOf(keyOf(slot)) !== variant).length;
  assert(moved > 0.4 * KEYS && moved < 0.6 * KEYS);
});

Deno.test("Experiment.settingsFor() changes what the variant says and leaves the rest", () => {
  const experiment = experimentOf();
  const { renewal, event } = WARMING_DEFAULTS.strategies;
  for (let slot = 0; slot < 20; slot++) {
    const key = keyOf(slot);
    const isBold = experiment.variantOf(key) === 1;
    assertEquals(experiment.settingsFor(key, "renewal", renewal).floor, isBold ? 0.2 : 0.5);
    assertEquals(experiment.settingsFor(key, "event", event).isEnabled, !isBold);
    assertEquals(experiment.settingsFor(key, "event", event).floor, event.floor);
  }
});

Deno.test("Experiment finds a variant that hits more often, and none where there is none", () => {
  const seed = seedOf("experiment_test");
  const random = seededRandom(seed);
  const play = (lift: number) => {
    const experiment = experimentOf();
    for (let access = 0; access < 200_000; access++) {
      const slot = Math.floor(KEYS * random.next() ** 2);
      const isBold = experiment.variantOf(keyOf(slot)) === 1;
      experiment.accessed(slot, random.next() < 0.7 + (isBold ? lift : 0) ? 1 : 0);
    }
    return experiment.stats().variants[1]?.hitTest;
  };
  const lifted = play(0.05);
  assert(lifted?.isSignificant && lifted.difference > 0.04, `seed ${seed}`);
  const same = play(0);
  assert(same !== null && same !== undefined && same.pValue > 1e-4, `seed ${seed}`);
});

Deno.test("Experiment.accessed() sums over keys as a table of keys does", () => {
  const seed = seedOf("experiment_test");
  const random = seededRandom(seed);
  const experiment = experimentOf();
  const table = new Map<number, { n: number; x: number }>();
  for (let access = 0; access < 20_000; access++) {
    const slot = Math.floor(200 * random.next());
    const hit = random.next() < slot / 200 ? 1 : 0;
    const { n, x } = table.get(slot) ?? { n: 0, x: 0 };
    table.set(slot, { n: n + 1, x: x + hit });
    experiment.accessed(slot, hit);
  }
  const { variants } = experiment.stats();
  for (const [at, { accesses, hits, hitRatio }] of variants.entries()) {
    const mine = [...table].filter(([slot]) => experiment.variantOf(keyOf(slot)) === at);
    const n = mine.reduce((sum, [, one]) => sum + one.n, 0);
    const x = mine.reduce((sum, [, one]) => sum + one.x, 0);
    assertEquals([accesses, hits, hitRatio], [n, x, x / n]);
  }
  // The difference in standard errors, from residuals key by key.
  const [first, second] = [0, 1].map((at) => {
    const mine = [...table].filter(([slot]) => experiment.variantOf(keyOf(slot)) === at);
    const n = mine.reduce((sum, [, one]) => sum + one.n, 0);
    const ratio = mine.reduce((sum, [, one]) => sum + one.x, 0) / n;
    const squares = mine.reduce((sum, [, one]) => sum + (one.x - ratio * one.n) ** 2, 0);
    const k = mine.length;
    return { ratio, variance: k / (k - 1) * squares / (n * n) };
  });
  assert(first !== undefined && second !== undefined);
  const z = (second.ratio - first.ratio) / Math.sqrt(first.variance + second.variance);
  assert(Math.abs((variants[1]?.hitTest?.z ?? 0) - z) < 1e-6, `seed ${seed}`);
});

Deno.test("Experiment compares used shares by variant", () => {
  const experiment = experimentOf();
  for (let slot = 0; slot < KEYS; slot++) {
    const key = keyOf(slot);
    experiment.counted(key, "warmed", 1);
    experiment.counted(key, "keys", 1);
    const isBold = experiment.variantOf(key) === 1;
    experiment.counted(key, slot % 10 < (isBold ? 6 : 8) ? "used" : "wasted", 1);
  }
  const [first, bold] = experiment.stats().variants;
  assertEquals(first?.precisionTest, null);
  assert(bold?.precisionTest?.isSignificant && bold.precisionTest.difference < -0.15);
  assertEquals((first?.keys ?? 0) + (bold?.keys ?? 0), KEYS);
});

Deno.test("Experiment is stricter with each variant (Bonferroni)", () => {
  // The same two variants with the same outcomes, alone and beside others that have none.
  const tested = (more: readonly string[]) => {
    const variants = ["a", "b", ...more].map((name) => ({ name, strategies: {} }));
    const experiment = experimentOf({ name: "strict", variants });
    const counts = [0, 0];
    for (let slot = 0; slot < KEYS; slot++) {
      const variant = experiment.variantOf(keyOf(slot));
      const count = counts[variant];
      if (count === undefined || count >= 400) continue;
      counts[variant] = count + 1;
      experiment.counted(keyOf(slot), count < (variant === 0 ? 200 : 229) ? "used" : "wasted", 1);
    }
    return experiment.stats().variants[1]?.precisionTest;
  };
  // 200 and 229 of 400: z² = 58² · 800 / (429 · 371 · 4) = 4.227, p = 0.0398.
  const [two, three] = [tested([]), tested(["c"])];
  for (const found of [two, three]) assertAlmostEquals(found?.pValue ?? 0, 0.0398, 5e-4);
  assertEquals([two?.isSignificant, three?.isSignificant], [true, false]);
});
