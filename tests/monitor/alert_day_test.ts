/**
 * Simulated days against the built-in rules: spikes that harm nobody page nobody, incidents are
 * found within seconds.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { AlertEvent } from "../../src/monitor/alert.ts";
import {
  DAY_LOOKS,
  dayOf,
  firedOf,
  type Incident,
  olderAlerts,
  poisson,
  rateAt,
} from "./alert_day.ts";
import { seededRandom } from "../../src/actor/clock.ts";

const pages = (events: readonly { event: AlertEvent; second: number }[]) =>
  events.filter(({ event }) => event.type === "fired" && event.severity === "page");

/** Seconds from the beginning of an incident to the first page. */
function delayOf(seed: number, incident: Incident): number {
  const from = 5 * Math.floor((incident.start - 1_800) / 5);
  const day = { seed, incident, from, to: incident.start + incident.seconds, spikes: 0 };
  const found = pages(firedOf(dayOf(day))).find(({ second }) => second > incident.start);
  return (found?.second ?? Infinity) - incident.start;
}

Deno.test("a day with 40 harmless spikes: no page, where older thresholds alert dozens of times", () => {
  for (const seed of [1, 2]) {
    console.log(`seed ${seed}`);
    const looks = [...dayOf({ seed })];
    assertEquals(looks.length, DAY_LOOKS);
    assertEquals(pages(firedOf(looks)), []);
    const older = olderAlerts(looks);
    assert(older >= 25 && older <= 40, `${older}`);
  }
});

for (const [ratio, withinSeconds] of [[0.14, 30], [0.02, 30], [0.004, 60]] as const) {
  Deno.test(`${Number((ratio * 100).toPrecision(3))} % bad for ten minutes page within ${withinSeconds} s, day and night`, () => {
    for (const hour of [2.3, 7.77, 13.01, 20.5]) {
      const seed = Math.round(hour * 100);
      const start = hour * 3_600 + 1.3;
      const delay = delayOf(seed, { start, seconds: 600, ratio });
      assert(delay <= withinSeconds, `seed ${seed}, hour ${hour}: ${delay}`);
    }
  });
}

Deno.test("an incident is told to begin once and to end once, within two minutes of its end", () => {
  const seed = 99;
  console.log(`seed ${seed}`);
  const incident = { start: 40_000, seconds: 600, ratio: 0.14 };
  const events = firedOf(dayOf({ seed, incident, from: 36_000, to: 46_000, spikes: 0 }))
    .filter(({ event }) =>
      event.type !== "suppressed" && "rule" in event &&
      event.rule === "ingest_success_fast"
    );
  assertEquals(events.map(({ event }) => event.type), ["fired", "resolved"]);
  const end = incident.start + incident.seconds;
  const resolved = events[1]?.second ?? NaN;
  assert(resolved > end && resolved <= end + 120, `${resolved - end}`);
});

Deno.test("a day whose wall clock jumps back and forth by hours pages nobody", () => {
  const seed = 3;
  console.log(`seed ${seed}`);
  const jumps = (second: number) =>
    second % 7_200 < 3_600 ? 0 : second % 14_400 < 7_200 ? -9e6 : 9e9;
  assertEquals(pages(firedOf(dayOf({ seed }), jumps)), []);
});

Deno.test("dayOf() is what it says: its rate, its share of bad events, the same by seed", () => {
  const looks = [...dayOf({ seed: 5, spikes: 0 })];
  const sum = (of: (look: (typeof looks)[number]) => number) =>
    looks.reduce((total, look) => total + of(look), 0);
  let expected = 0;
  for (let second = 0; second < 86_400; second++) expected += rateAt(second);
  assertAlmostEquals(sum(({ events }) => events) / expected, 1, 0.03);
  assertAlmostEquals(sum(({ bad }) => bad) / sum(({ events }) => events), 0.0002, 1e-5);
  assertEquals([...dayOf({ seed: 5, spikes: 0 })], looks);
  // A day as a whole meets its objective, spikes and all.
  const spiky = [...dayOf({ seed: 5 })];
  const ratio = spiky.reduce((total, { bad }) => total + bad, 0) /
    spiky.reduce((total, { events }) => total + events, 0);
  assert(ratio > 0.0003 && ratio < 0.001, `${ratio}`);
});

Deno.test("poisson() has mean and variance of its mean", () => {
  for (const mean of [0.5, 45, 150, 900]) {
    const random = seededRandom(11);
    const numbers = Array.from({ length: 20_000 }, () => poisson(random, mean));
    const average = numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
    const variance = numbers.reduce((sum, each) => sum + (each - average) ** 2, 0) /
      numbers.length;
    assertAlmostEquals(average / mean, 1, 0.03);
    assertAlmostEquals(variance / mean, 1, 0.06);
  }
});
