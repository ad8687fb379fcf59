import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { ChanceMix, MIX_NUMBERS } from "../../src/warm/chance_mix.ts";
import { seedOf } from "../actor/seed.ts";

/** Accesses of 200 symbols to two kinds; `partOf` is a symbol's share of the first. */
function play(mix: ChanceMix, seed: number, partOf: (symbol: number) => number): void {
  const random = seededRandom(seed);
  const counts = new Float64Array(400);
  for (let access = 0; access < 40_000; access++) {
    const symbol = Math.floor(random.next() * 200);
    const kind = random.next() < partOf(symbol) ? 0 : 1;
    const all = (counts[2 * symbol] as number) + (counts[2 * symbol + 1] as number);
    mix.accessed(counts[2 * symbol + kind] as number, all, 0.5);
    counts[2 * symbol + kind] = (counts[2 * symbol + kind] as number) + 1;
  }
}

Deno.test("ChanceMix believes the mix of all where symbols are alike", () => {
  const seed = seedOf("chance_mix_test");
  const mix = new ChanceMix();
  play(mix, seed, () => 0.5);
  assert(mix.weight >= 120, `seed ${seed}, ${mix.weight}`);
  assertAlmostEquals(mix.share(0, 20, 0.5), 0.5, 0.1);
});

Deno.test("ChanceMix believes a symbol's own mix where symbols differ", () => {
  const seed = seedOf("chance_mix_test");
  const mix = new ChanceMix();
  play(mix, seed, (symbol) => symbol % 2 === 0 ? 0.02 : 0.98);
  assertEquals(mix.weight, 2, `seed ${seed}`);
  assert(mix.share(0, 20, 0.5) < 0.06);
});

Deno.test("ChanceMix goes on from a snapshot", () => {
  const mix = new ChanceMix();
  play(mix, 1, () => 0.5);
  const again = new ChanceMix();
  assertEquals(mix.snapshot().length, MIX_NUMBERS);
  again.restore(mix.snapshot());
  assertEquals(again.snapshot(), mix.snapshot());
});
