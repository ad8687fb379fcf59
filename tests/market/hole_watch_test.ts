import { assertEquals } from "@std/assert";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { HoleWatch } from "../../src/market/hole_watch.ts";

const S = "BTC_USD:M1";
const MINUTE_MS = 60_000;
const T0 = 1_700_000_040_000;

/** Candles of these minutes; a negative one is deleted. */
function block(minutes: readonly number[], series = S): CandleBlock {
  const rows = new CandleBuilder(series, 8);
  for (const minute of minutes) {
    if (minute < 0) rows.pushDeleted(T0 - minute * MINUTE_MS);
    else rows.push(T0 + minute * MINUTE_MS, 1, 1, 1, 1, 0);
  }
  return rows.finish();
}

const watch = () => new HoleWatch(() => "always");
const range = (from: number, to: number) => ({
  series: S,
  fromTs: T0 + from * MINUTE_MS,
  toTs: T0 + to * MINUTE_MS,
  missingBars: to - from,
});

Deno.test("HoleWatch counts holes inside and between batches, once committed", () => {
  const holes = watch();
  const first = holes.read([block([0, 1, 5])]);
  const second = holes.read([block([6, 9])]);
  assertEquals(holes.counts(), { count: 0, missingBars: 0, filledBars: 0 });
  assertEquals(holes.committed(first), [range(2, 5)]);
  assertEquals(holes.committed(second), [range(7, 9)]);
  assertEquals(holes.counts(), { count: 2, missingBars: 5, filledBars: 0 });
  assertEquals(holes.latest(5), [range(7, 9), range(2, 5)]);
  assertEquals(holes.latest(1), [range(7, 9)]);
});

Deno.test("HoleWatch notices a hole between what is committed already and the first candle", () => {
  const holes = watch();
  holes.known(S, T0);
  assertEquals(holes.committed(holes.read([block([3])])), [range(1, 3)]);
});

Deno.test("HoleWatch does not count a series' beginning, nor other series", () => {
  const holes = watch();
  const other = "ETH_USD:M1";
  holes.committed(holes.read([block([0]), block([7], other)]));
  holes.committed(holes.read([block([1]), block([8], other)]));
  assertEquals(holes.counts().count, 0);
});

Deno.test("HoleWatch counts nothing twice when batches come again", () => {
  const holes = watch();
  holes.committed(holes.read([block([0, 1])]));
  holes.read([block([5])]);
  holes.goBack();
  assertEquals(holes.committed(holes.read([block([5, 6])])), [range(2, 5)]);
  assertEquals(holes.counts().count, 1);
});

Deno.test("HoleWatch lets late candles fill holes, and forgets what is filled", () => {
  const holes = watch();
  holes.committed(holes.read([block([0, 4])]));
  holes.committed(holes.read([block([2, 5])]));
  assertEquals(holes.counts(), { count: 1, missingBars: 3, filledBars: 1 });
  assertEquals(holes.latest(1)[0]?.missingBars, 2);
  holes.committed(holes.read([block([1, 3, 3, 6])]));
  assertEquals(holes.counts(), { count: 1, missingBars: 3, filledBars: 3 });
  assertEquals(holes.latest(1), []);
});

Deno.test("HoleWatch takes duplicates, corrections and deletions for neither holes nor fillings", () => {
  const holes = watch();
  holes.committed(holes.read([block([0, 1, 1, 4])]));
  holes.committed(holes.read([block([0, 4, -2, -9, 5])]));
  assertEquals(holes.counts(), { count: 1, missingBars: 2, filledBars: 0 });
});

Deno.test("HoleWatch notices no hole on holidays, weekends and after early closes", () => {
  const holes = new HoleWatch(() => "nyse");
  const rows = new CandleBuilder("SPY:H1", 8);
  const times = ["07-03T15:00", "07-03T16:00", "07-05T13:00", "07-05T19:00", "07-08T13:00"];
  for (const text of times) rows.push(Date.parse(`2024-${text}Z`), 1, 1, 1, 1, 0);
  const found = holes.committed(holes.read([rows.finish()]));
  // Friday's hours from 10:00 to 15:00 are missing, and nothing else.
  assertEquals(found, [{
    series: "SPY:H1",
    fromTs: Date.parse("2024-07-05T14:00Z"),
    toTs: Date.parse("2024-07-05T19:00Z"),
    missingBars: 5,
  }]);
});
