/** Keys that are known not to be there, or to fail. */

import { assert, assertEquals } from "@std/assert";
import { compileKeyPattern } from "../../src/cache/key_pattern.ts";
import { Negatives } from "../../src/cache/negative.ts";

const failure = (retryAfterMs: number | null = null) => ({
  code: "upstream",
  message: "it failed",
  retryAfterMs,
});

/** How long a failure that comes now is remembered. */
function rememberedMs(negatives: Negatives, nowMs: number): number {
  const known = negatives.get("k", nowMs);
  assert(known?.state === "failed");
  return known.failure.retryAfterMs ?? NaN;
}

Deno.test("Negatives remember that a key is missing for a minute", () => {
  const negatives = new Negatives();
  negatives.addMissing("k", 0);
  assertEquals(negatives.get("k", 59_999), { state: "missing" });
  assertEquals(negatives.get("k", 60_000), null);
  assertEquals(negatives.size, 0);
});

Deno.test("Negatives remember failures in a row twice as long each, up to half a minute", () => {
  const negatives = new Negatives();
  let nowMs = 0;
  const times: number[] = [];
  for (let i = 0; i < 8; i++) {
    negatives.addFailed("k", failure(), nowMs);
    times.push(rememberedMs(negatives, nowMs));
    nowMs += rememberedMs(negatives, nowMs);
    assertEquals(negatives.get("k", nowMs), null);
  }
  assertEquals(times, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

Deno.test("Negatives begin anew after a success and after a pause", () => {
  const negatives = new Negatives();
  negatives.addFailed("k", failure(), 0);
  negatives.addFailed("k", failure(), 1_000);
  negatives.forget("k");
  negatives.addFailed("k", failure(), 2_000);
  assertEquals(rememberedMs(negatives, 2_000), 1_000);
  negatives.addFailed("k", failure(), 3_000 + 30_001);
  assertEquals(rememberedMs(negatives, 33_001), 1_000);
});

Deno.test("Negatives remember a failure as long as the provider asks for, up to the most", () => {
  const negatives = new Negatives();
  negatives.addFailed("k", failure(5_000), 0);
  assertEquals(rememberedMs(negatives, 0), 5_000);
  assertEquals(rememberedMs(negatives, 4_000), 1_000);
  negatives.addFailed("k", failure(3_600_000), 5_000);
  assertEquals(rememberedMs(negatives, 5_000), 30_000);
});

Deno.test("Negatives hold no more keys than they may, the oldest go", () => {
  const negatives = new Negatives({}, 3);
  for (const key of ["a", "b", "c", "d"]) negatives.addMissing(key, 0);
  negatives.addMissing("b", 0);
  negatives.addMissing("e", 0);
  assertEquals(negatives.size, 3);
  assertEquals(["a", "b", "c", "d", "e"].filter((key) => negatives.get(key, 0) !== null), [
    "b",
    "d",
    "e",
  ]);
});

Deno.test("Negatives forget keys by pattern", () => {
  const negatives = new Negatives();
  for (const key of ["price:A", "price:B", "news:A"]) negatives.addMissing(key, 0);
  negatives.forgetMatching([compileKeyPattern("price:*")]);
  assertEquals(negatives.size, 1);
  assertEquals(negatives.get("news:A", 0), { state: "missing" });
});
