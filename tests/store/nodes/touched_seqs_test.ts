import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { seededRandom } from "../../../src/actor/clock.ts";
import { TouchedSeqs } from "../../../src/store/nodes/touched_seqs.ts";

Deno.test("TouchedSeqs.after() is the last commit of a series", () => {
  const touched = new TouchedSeqs();
  touched.touch("a", 1);
  touched.touch("b", 2);
  touched.touch("a", 3);
  assertEquals([touched.after("a"), touched.after("b"), touched.after("c")], [3, 2, 0]);
});

Deno.test("TouchedSeqs.forget() counts every series as touched by then", () => {
  const touched = new TouchedSeqs();
  touched.touch("a", 1);
  touched.forget(7);
  touched.touch("b", 9);
  assertEquals([touched.after("a"), touched.after("b"), touched.after("c")], [7, 9, 7]);
});

Deno.test("TouchedSeqs with a bound never says too early a seq", () => {
  const seed = Math.floor(Math.random() * 2 ** 32), random = seededRandom(seed);
  const touched = new TouchedSeqs(8), all = new Map<string, number>();
  for (let seq = 1; seq <= 2_000; seq++) {
    const series = `s${Math.floor(random.next() * 20)}`;
    touched.touch(series, seq);
    all.set(series, seq);
    for (const [one, last] of all) assertGreaterOrEqual(touched.after(one), last, `seed ${seed}`);
  }
  // What was touched last is known exactly.
  const [last] = [...all].sort(([, a], [, b]) => b - a);
  assert(last !== undefined);
  assertEquals(touched.after(last[0]), last[1]);
});
