import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  decodeTtl,
  encodeTtl,
  roundTtlMs,
  TTL_EXACT,
  TTL_MAX_MS,
  TTL_NEVER,
} from "../../src/cache/ttl_code.ts";
import { seedOf } from "../actor/seed.ts";

const MINUTE_MS = 60_000;

Deno.test("encodeTtl() codes the TTLs that people write down", () => {
  const minutes = [1, 5, 10, 15, 20, 60, 24 * 60, 48 * 60, 7 * 24 * 60];
  for (const ttlMs of [0, 1, 999, 5_000, 16_381, ...minutes.map((count) => count * MINUTE_MS)]) {
    const code = encodeTtl(ttlMs);
    assert(code < TTL_EXACT, `${ttlMs}`);
    assertEquals(decodeTtl(code), ttlMs);
  }
  assertEquals(encodeTtl(Infinity), TTL_NEVER);
  assertEquals(decodeTtl(TTL_NEVER), Infinity);
});

Deno.test("encodeTtl() has no code for what lies on no grid", () => {
  for (const ttlMs of [300_001, 819_151, 4 * 60 * MINUTE_MS + 50, TTL_MAX_MS]) {
    assertEquals(encodeTtl(ttlMs), TTL_EXACT);
  }
});

Deno.test("encodeTtl() is inverted by decodeTtl() for random TTLs", () => {
  const random = seededRandom(seedOf("ttl_code_test"));
  for (let i = 0; i < 100_000; i++) {
    const ttlMs = Math.floor(2 ** (random.next() * 30));
    const code = encodeTtl(ttlMs);
    if (code !== TTL_EXACT) assertEquals(decodeTtl(code), ttlMs);
  }
});

Deno.test("roundTtlMs() gives a TTL with a code, at most 0.4 % shorter", () => {
  const random = seededRandom(seedOf("ttl_code_test"));
  for (let i = 0; i < 100_000; i++) {
    const ttlMs = 1 + random.next() * 980_000_000 ** random.next();
    const rounded = roundTtlMs(ttlMs);
    assert(encodeTtl(rounded) < TTL_EXACT, `${ttlMs}`);
    assert(rounded <= ttlMs && rounded > Math.floor(ttlMs) * 0.996 - 1, `${ttlMs}`);
  }
  assertEquals(roundTtlMs(Infinity), Infinity);
  assert(encodeTtl(roundTtlMs(1e12)) < TTL_EXACT);
});
