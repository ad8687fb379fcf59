import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { BURN_WINDOWS, BurnRate } from "../../src/monitor/burn_rate.ts";
import {
  COARSE_SLOT_MS,
  EventWindows,
  FINE_SLOT_MS,
  FINE_SLOTS,
} from "../../src/monitor/burn_rate_events.ts";

const MINUTE_MS = 60_000, HOUR_MS = 60 * MINUTE_MS;

Deno.test("BURN_WINDOWS use the budgets of the workbook: 2 %, 5 % and 10 % of 30 days", () => {
  const budgets = BURN_WINDOWS.map(({ burn, longMs }) => burn * longMs / (30 * 24 * HOUR_MS));
  for (const [i, expected] of [0.02, 0.05, 0.1].entries()) {
    assertAlmostEquals(budgets[i] ?? NaN, expected, 1e-12);
  }
  for (const { longMs, shortMs } of BURN_WINDOWS) assertEquals(longMs / shortMs, 12);
});

/** Feeds looks of 5 s, 1,000 events each, of which a share is bad; calls `each` after every look. */
function feed(
  slo: BurnRate,
  fromMs: number,
  toMs: number,
  ratio: number,
  each: (nowMs: number) => void = () => {},
) {
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 5_000) {
    slo.record({ events: 1_000, bad: 1_000 * ratio }, nowMs);
    each(nowMs);
  }
}

Deno.test("BurnRate pages when 2 % of the budget is gone within an hour: after 6 min of 14.4 %", () => {
  const slo = new BurnRate({ objective: 0.999 });
  feed(slo, 0, 2 * HOUR_MS, 0);
  let pagedMs: number | null = null;
  const startMs = 2 * HOUR_MS;
  feed(slo, startMs, startMs + 20 * MINUTE_MS, 0.144, (nowMs) => {
    if (slo.at(nowMs)[0]?.firing === true) pagedMs ??= nowMs;
  });
  // 14.4 times 0.1 % of an hour = 14.4 % of 6 min.
  assertAlmostEquals(pagedMs ?? NaN, startMs + 6 * MINUTE_MS, 5_000);
});

Deno.test("BurnRate stops firing within the short window after the end", () => {
  const slo = new BurnRate({ objective: 0.999 });
  feed(slo, 0, 2 * HOUR_MS, 0);
  feed(slo, 2 * HOUR_MS, 3 * HOUR_MS, 0.1);
  assertEquals(slo.at(3 * HOUR_MS - 5_000)[0]?.firing, true);
  let lastMs = 0;
  feed(slo, 3 * HOUR_MS, 4 * HOUR_MS, 0, (nowMs) => {
    if (slo.at(nowMs)[0]?.firing === true) lastMs = nowMs;
  });
  // The short window's share falls below 1.44 % when all but 14.4 % of it is good.
  assertAlmostEquals(lastMs, 3 * HOUR_MS + 0.856 * 5 * MINUTE_MS, 10_000);
});

Deno.test("BurnRate makes a ticket of a slow burn that never pages", () => {
  const slo = new BurnRate({ objective: 0.999 });
  feed(slo, 0, 80 * HOUR_MS, 0.0015);
  const [hour, sixHours, days] = slo.at(80 * HOUR_MS - 5_000);
  assertEquals([hour?.firing, sixHours?.firing, days?.firing], [false, false, true]);
  assertAlmostEquals(days?.longBurn ?? NaN, 1.5, 1e-9);
});

Deno.test("BurnRate counts time that nobody watched as good: no page minutes after a start", () => {
  const slo = new BurnRate({ objective: 0.999 });
  feed(slo, 0, 5 * MINUTE_MS, 0.02);
  // 20 times the budget, for a twelfth of the hour.
  assertAlmostEquals(slo.burnOf(HOUR_MS, 5 * MINUTE_MS - 5_000), 20 * (295 / 3_600), 1e-9);
  assertEquals(slo.at(5 * MINUTE_MS - 5_000).map(({ firing }) => firing), [false, false, false]);
});

Deno.test("BurnRate does not page in quiet hours: one bad event of four", () => {
  const slo = new BurnRate({ objective: 0.999 });
  const loud = new BurnRate({ objective: 0.999, eventsMin: 1, badMin: 1 });
  for (let nowMs = 0; nowMs < 2 * HOUR_MS; nowMs += MINUTE_MS) {
    for (const each of [slo, loud]) each.record({ events: 1, bad: nowMs % 4 === 0 ? 1 : 0 }, nowMs);
  }
  assertEquals(loud.at(2 * HOUR_MS)[0]?.firing, true);
  assertEquals(slo.at(2 * HOUR_MS)[0]?.firing, false);
});

Deno.test("BurnRate refuses objectives that leave no budget, or no service", () => {
  for (const objective of [0, 1, 1.5, NaN]) {
    assertThrows(() => new BurnRate({ objective }), RangeError, "above 0 and below 1");
  }
});

Deno.test("EventWindows agrees with a list of all events, over random looks", () => {
  const seed = 20_261;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const windows = new EventWindows();
  const all: { atMs: number; events: number; bad: number }[] = [];
  let nowMs = 12_345;
  for (let i = 0; i < 3_000; i++) {
    nowMs += random.next() < 0.01 ? random.next() * 2 * HOUR_MS : random.next() * 20_000;
    const events = Math.floor(random.next() * 100), bad = Math.floor(random.next() * (events + 1));
    windows.record({ events, bad }, nowMs);
    all.push({ atMs: nowMs, events, bad });
    for (const windowMs of [5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 72 * HOUR_MS]) {
      const slotMs = windowMs <= FINE_SLOT_MS * FINE_SLOTS ? FINE_SLOT_MS : COARSE_SLOT_MS;
      const fromMs = Math.floor(nowMs / slotMs) * slotMs - windowMs + slotMs;
      const within = all.filter(({ atMs }) => atMs >= fromMs);
      if (i % 100 !== 0) continue;
      const read = windows.read(windowMs, nowMs);
      assertEquals(read.events, within.reduce((sum, each) => sum + each.events, 0));
      assertEquals(read.bad, within.reduce((sum, each) => sum + each.bad, 0));
    }
  }
});

Deno.test("EventWindows: a clock that stands or jumps back forgets nothing and invents nothing", () => {
  const windows = new EventWindows();
  for (let i = 0; i < 10; i++) windows.record({ events: 10, bad: 1 }, HOUR_MS);
  windows.record({ events: 10, bad: 1 }, 0);
  assertEquals(windows.read(5 * MINUTE_MS, 0), { events: 110, bad: 11, watchedMs: 0 });
  // A leap forwards empties.
  assertEquals(windows.read(5 * MINUTE_MS, 30 * 24 * HOUR_MS).events, 0);
  assertEquals(windows.read(72 * HOUR_MS, 30 * 24 * HOUR_MS).events, 0);
});

Deno.test("EventWindows refuses more bad events than there are", () => {
  const windows = new EventWindows();
  for (const counts of [{ events: 1, bad: 2 }, { events: 1, bad: -1 }, { events: NaN, bad: 0 }]) {
    assertThrows(() => windows.record(counts, 0), RangeError, "expected 0 ≤ bad ≤ events");
  }
});

Deno.test("BurnRate.restore() keeps the long windows over a restart with another clock", () => {
  const before = new BurnRate({ objective: 0.999 });
  feed(before, 0, 80 * HOUR_MS, 0.0015);
  const state = JSON.parse(JSON.stringify(before.snapshot()));
  const after = new BurnRate({ objective: 0.999 });
  after.restore(state, 1_000, HOUR_MS);
  // An hour of the three days was away.
  assertAlmostEquals(after.burnOf(72 * HOUR_MS, 1_000), 1.5, 0.03);
  assertEquals(after.burnOf(5 * MINUTE_MS, 1_000), 0);
  assertThrows(() => after.restore(state, 1_000), RangeError, "none that were used");
});
