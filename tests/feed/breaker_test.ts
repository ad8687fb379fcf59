import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { backoffMs, SOURCE_BACKOFF } from "../../src/feed/backoff.ts";
import { Breaker } from "../../src/feed/breaker.ts";
import { Rate } from "../../src/feed/rate.ts";

const most = { next: () => 1 - Number.EPSILON };
const least = { next: () => 0 };

Deno.test("backoffMs() doubles from 1 s to 60 s, and takes off at most half", () => {
  const pauses = (random: typeof most) =>
    Array.from({ length: 8 }, (_, n) => Math.round(backoffMs(n, SOURCE_BACKOFF, random)));
  assertEquals(pauses(most), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  assertEquals(pauses(least), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

Deno.test("backoffMs() stays within its bounds after a thousand tries", () => {
  const random = seededRandom(7);
  for (const count of [100, 1_000, 10_000]) {
    const pauseMs = backoffMs(count, SOURCE_BACKOFF, random);
    assert(pauseMs >= 30_000 && pauseMs <= 60_000, String(pauseMs));
  }
});

Deno.test("backoffMs() is not the same for two who began together", () => {
  const a = seededRandom(1), b = seededRandom(2);
  const pauses = (random: typeof a) =>
    Array.from({ length: 5 }, (_, n) => backoffMs(n, SOURCE_BACKOFF, random));
  assert(pauses(a).every((pauseMs, n) => pauseMs !== pauses(b)[n]));
});

Deno.test("Breaker opens at its count of failures, tries, and closes with a success", () => {
  const breaker = new Breaker({ failuresMax: 3 });
  const states: string[] = [];
  for (let i = 0; i < 3; i++) {
    breaker.trying();
    states.push(breaker.state);
    breaker.failed(0, most);
  }
  assertEquals([states, breaker.state, breaker.failures], [Array(3).fill("closed"), "open", 3]);
  breaker.trying();
  assertEquals([breaker.state, breaker.nextTryMs], ["half_open", null]);
  breaker.failed(0, most);
  assertEquals([breaker.state, breaker.failures], ["open", 4]);
  breaker.trying();
  breaker.succeeded();
  assertEquals([breaker.state, breaker.failures, breaker.nextTryMs], ["closed", 0, null]);
});

Deno.test("Breaker lets another try through at once when one was given up", () => {
  const breaker = new Breaker({ failuresMax: 1 });
  breaker.failed(0, most);
  breaker.trying();
  breaker.abandoned(700);
  assertEquals([breaker.state, breaker.nextTryMs, breaker.failures], ["open", 700, 1]);
  // Without a try nothing changes.
  breaker.succeeded();
  breaker.abandoned(800);
  assertEquals([breaker.state, breaker.nextTryMs], ["closed", null]);
});

Deno.test("Breaker says when the next try is due, by the pause it gave", () => {
  const breaker = new Breaker();
  const pauseMs = breaker.failed(5_000, least);
  assertEquals([pauseMs, breaker.nextTryMs], [500, 5_500]);
  assertEquals(breaker.failed(9_000, least), 1_000);
  assertEquals(breaker.nextTryMs, 10_000);
});

Deno.test("Rate comes to a steady rate and falls to 0 when nothing comes", () => {
  const rate = new Rate(0);
  for (let ms = 10; ms <= 100_000; ms += 10) rate.add(ms, 5);
  assert(Math.abs(rate.perSecond(100_000) - 500) < 1, String(rate.perSecond(100_000)));
  assert(rate.perSecond(200_000) < 0.1);
});

Deno.test("Rate is no more than 1/e of what it was after 10 s without an event", () => {
  const rate = new Rate(0);
  rate.add(0, 1_000);
  assertEquals(rate.perSecond(0), 100);
  assert(Math.abs(rate.perSecond(10_000) - 100 / Math.E) < 1e-9);
});
