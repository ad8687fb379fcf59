import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { type FeedBatch, feedBatchRows, FeedError } from "../../src/feed/port.ts";
import {
  SYNTHETIC_FAULTS_DEFAULT,
  SYNTHETIC_FAULTS_NONE,
  type SyntheticFeed,
  syntheticFeed,
  syntheticInstruments,
  type SyntheticOptions,
} from "../../src/feed/synthetic.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { canonicalOf } from "../../src/market/canonical.ts";
import { concatCandles } from "../../src/market/block.ts";
import { segmentsOf } from "../../src/market/segment.ts";
import { CALM, readAll, receivedIn, rowTexts } from "./support.ts";

const HOUR_MS = 3_600_000;
const YEAR_END = Date.UTC(2021, 0, 4);
const MANY_FAULTS = {
  missing: 0.1,
  late: 0.1,
  duplicate: 0.1,
  corrected: 0.1,
  deleted: 0.1,
  bad: 0.1,
  silent: 1,
};

function feedOf(options: SyntheticOptions = {}): SyntheticFeed {
  return syntheticFeed(new VirtualClock(), { barsPerStep: 64, ...options });
}

async function batchesOf(options: SyntheticOptions): Promise<FeedBatch[]> {
  await using feed = feedOf(options);
  await feed.open(null);
  return await readAll(feed);
}

/** The rows of one series as received. */
function seriesIn(batches: readonly FeedBatch[], series: string): CandleBlock {
  return concatCandles(batches.flatMap(({ blocks }) => blocks.filter((b) => b.series === series)));
}

async function cleanSeries(series: string, options: SyntheticOptions = {}): Promise<CandleBlock> {
  const faults = SYNTHETIC_FAULTS_NONE;
  return seriesIn(await batchesOf({ endMs: YEAR_END, faults, ...options }), series);
}

/** Logarithmic returns of neighbouring closes. */
function returnsOf({ close }: CandleBlock): number[] {
  return Array.from(close.subarray(1), (c, i) => Math.log(c / (close[i] as number)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const cov = mean(a.map((x, i) => (x - meanA) * ((b[i] as number) - meanB)));
  const deviation = (values: readonly number[], m: number) =>
    Math.sqrt(mean(values.map((x) => (x - m) ** 2)));
  return cov / (deviation(a, meanA) * deviation(b, meanB));
}

/** Weekday (1 is Monday) and hour in New York, by the time zone database. */
function newYork(ts: number): { day: number; hour: number } {
  const time = Temporal.Instant.fromEpochMilliseconds(ts).toZonedDateTimeISO("America/New_York");
  return { day: time.dayOfWeek, hour: time.hour + time.minute / 60 };
}

Deno.test("syntheticFeed() sends the same rows for the same seed, others for another", async () => {
  const endMs = Date.UTC(2020, 2, 1);
  const first = receivedIn(await batchesOf({ seed: 5, endMs }));
  assertEquals(receivedIn(await batchesOf({ seed: 5, endMs })), first);
  assertNotEquals(receivedIn(await batchesOf({ seed: 6, endMs })), first);
});

Deno.test("syntheticFeed() sends a series whatever series are beside it", async () => {
  const options = { endMs: Date.UTC(2020, 2, 1), granularities: ["H1"] } as const;
  const [, alone] = syntheticInstruments(2);
  const few = receivedIn(await batchesOf({ ...options, instruments: alone ? [alone] : [] }));
  const many = receivedIn(await batchesOf(options));
  assertEquals(few.rows.get("GBP_USD:H1"), many.rows.get("GBP_USD:H1"));
});

Deno.test("syntheticFeed() sends a series the same whatever the length of a step", async () => {
  const options = { endMs: Date.UTC(2020, 3, 6), faults: MANY_FAULTS };
  const rows = async (barsPerStep: number) =>
    receivedIn(await batchesOf({ ...options, barsPerStep })).rows;
  assertEquals(await rows(24), await rows(1));
});

for (
  const [name, options] of Object.entries(
    {
      "hours and days": { granularities: ["H1", "D"], barsPerStep: 1 },
      "hours and weeks": { granularities: ["H1", "H4", "W"], barsPerStep: 7 },
      "stock hours": {
        granularities: ["M30", "H1"],
        barsPerStep: 5,
        instruments: [{ symbol: "AAPL" }, { symbol: "BTC_USD" }],
      },
      "stock days": {
        granularities: ["H4", "D"],
        instruments: [{ symbol: "AAPL" }],
        barsPerStep: 3,
      },
    } satisfies Record<string, SyntheticOptions>,
  )
) {
  Deno.test(`syntheticFeed() goes on bit for bit from any step: ${name}`, async () => {
    const all = { ...options, faults: MANY_FAULTS, endMs: Date.UTC(2020, 9, 1), rowsMax: 300 };
    const batches = await batchesOf(all);
    const whole = receivedIn(batches);
    for (let i = 0; i < batches.length; i += Math.ceil(batches.length / 7)) {
      await using feed = feedOf(all);
      await feed.open((batches[i] as FeedBatch).cursor);
      const rest = await readAll(feed);
      assertEquals(receivedIn([...batches.slice(0, i + 1), ...rest]), whole);
    }
  });
}

Deno.test("syntheticFeed() keeps the hours of foreign exchange, summer and winter", async () => {
  const { ts } = await cleanSeries("EUR_USD:H1");
  const expected: number[] = [];
  for (let t = Date.UTC(2020, 0, 6); t < YEAR_END; t += HOUR_MS) {
    const { day, hour } = newYork(t);
    const isClosed = day === 6 || (day === 5 && hour >= 17) || (day === 7 && hour < 17);
    if (!isClosed) expected.push(t);
  }
  // The feed ends with a step, a little after the year.
  assertEquals(Array.from(ts).filter((t) => t < YEAR_END), expected);
});

Deno.test("syntheticFeed() keeps the hours of the NYSE, which has no holidays here", async () => {
  const { ts } = await cleanSeries("AAPL:M30", {
    instruments: [{ symbol: "AAPL" }],
    granularities: ["M30"],
  });
  const expected: number[] = [];
  for (let t = Date.UTC(2020, 0, 6); t < YEAR_END; t += HOUR_MS / 2) {
    const { day, hour } = newYork(t);
    if (day <= 5 && hour >= 9.5 && hour < 16) expected.push(t);
  }
  assertEquals(Array.from(ts).filter((t) => t < YEAR_END), expected);
});

Deno.test("syntheticFeed() makes longer bars of the shorter ones", async () => {
  const [short, long] = [await cleanSeries("USD_JPY:H1"), await cleanSeries("USD_JPY:H4")];
  const folded = new Map<number, number[]>();
  for (let i = 0; i < short.length; i++) {
    const ts = Math.floor((short.ts[i] as number) / (4 * HOUR_MS)) * 4 * HOUR_MS;
    const [open, high, low, close, volume] = [
      short.open,
      short.high,
      short.low,
      short.close,
      short.volume,
    ]
      .map((column) => column[i] as number) as [number, number, number, number, number];
    const bar = folded.get(ts);
    if (bar === undefined) folded.set(ts, [open, high, low, close, volume]);
    else {
      bar[1] = Math.max(bar[1] as number, high);
      bar[2] = Math.min(bar[2] as number, low);
      bar[3] = close;
      bar[4] = (bar[4] as number) + volume;
    }
  }
  const expected = [...folded].map(([ts, bar]) => [ts, ...bar].join(" "));
  assertGreater(long.length, 1_500);
  assertEquals(rowTexts(long), expected.slice(0, long.length));
});

Deno.test("syntheticFeed() sends prices with the digits of the instrument", async () => {
  for (const [series, ticks] of [["EUR_USD:H1", 1e5], ["USD_JPY:H1", 1e3]] as const) {
    const { open, high, low, close } = await cleanSeries(series, { endMs: Date.UTC(2020, 1, 1) });
    for (const price of [...open, ...high, ...low, ...close]) {
      assertEquals(Math.round(price * ticks) / ticks, price);
    }
  }
});

Deno.test("syntheticFeed() moves as far in an hour as it is told, and not away for good", async () => {
  const hours = await cleanSeries("EUR_USD:H1", { endMs: Date.UTC(2030, 0, 1) });
  const deviation = Math.sqrt(mean(returnsOf(hours).map((r) => r * r)));
  assertAlmostEquals(deviation, 0.001, 0.00005);
  assertGreater(Math.min(...hours.low), 1.085 / 3);
  assertLess(Math.max(...hours.high), 1.085 * 3);
});

Deno.test("syntheticFeed() moves as a random walk: returns do not tell the next one", async () => {
  const returns = returnsOf(await cleanSeries("GBP_USD:H1", { endMs: Date.UTC(2030, 0, 1) }));
  assertAlmostEquals(correlation(returns.slice(1), returns.slice(0, -1)), 0, 0.03);
  // Over 64 bars the variance is 64 times that of one.
  const sums = Array.from(
    { length: Math.floor(returns.length / 64) },
    (_, i) => returns.slice(64 * i, 64 * i + 64).reduce((sum, value) => sum + value, 0),
  );
  const ratio = mean(sums.map((s) => s * s)) / mean(returns.map((r) => r * r));
  assertAlmostEquals(ratio / 64, 1, 0.2);
});

Deno.test("syntheticFeed() moves currencies together, against the dollar", async () => {
  const [eur, gbp, chf] = (await Promise.all(
    ["EUR_USD:H1", "GBP_USD:H1", "USD_CHF:H1"].map((key) => cleanSeries(key)),
  )).map(returnsOf) as [number[], number[], number[]];
  assertAlmostEquals(correlation(eur, gbp), 0.4, 0.1);
  assertAlmostEquals(correlation(eur, chf), -0.4, 0.1);
});

Deno.test("syntheticFeed() spoils the shares of bars that it is told", async () => {
  const options = { granularities: ["M15"], endMs: YEAR_END } as const;
  const faults = { ...SYNTHETIC_FAULTS_DEFAULT, silent: 0 };
  const batches = await batchesOf({ ...options, faults });
  const key = "EUR_USD:M15";
  const received = seriesIn(batches, key);
  const { counts, block } = canonicalOf(received);
  const bars = (await cleanSeries(key, options)).length;
  const bad = batches.flatMap(({ rejections }) => rejections)
    .filter(({ excerpt }) => excerpt.endsWith(key)).length;
  const repeated = counts.duplicates - counts.identicalDuplicates;
  const about = (count: number, share: number) =>
    assertAlmostEquals(count / bars, share, 4 * Math.sqrt(share / bars));
  about(bad, faults.bad);
  about(counts.deleted, faults.deleted);
  about(counts.identicalDuplicates, faults.duplicate);
  about(repeated, faults.corrected + faults.deleted);
  // Half of the bad bars never come right.
  about(bars - block.length, faults.missing + faults.deleted + faults.bad / 2);
});

Deno.test("syntheticFeed() sends late rows after later ones, and not long after", async () => {
  const faults = { ...SYNTHETIC_FAULTS_NONE, late: 0.05 };
  const { ts } = seriesIn(await batchesOf({ faults, endMs: YEAR_END }), "EUR_USD:H1");
  const order = Float64Array.from(ts).sort();
  const lags = Array.from(ts, (t, i) => i - order.indexOf(t)).filter((lag) => lag > 0);
  assertGreater(lags.length, 200);
  assertLess(Math.max(...lags), 17);
});

Deno.test("syntheticFeed() falls silent for more than 10 days when told to", async () => {
  const options = { faults: { ...SYNTHETIC_FAULTS_NONE, silent: 1 }, endMs: Date.UTC(2030, 0, 1) };
  const { ts } = seriesIn(await batchesOf(options), "EUR_USD:H1");
  // Once in 180 days for ten years.
  assertAlmostEquals(segmentsOf(ts).length - 1, 20, 1);
  const gapsMs = Array.from(ts.subarray(1), (t, i) => t - (ts[i] as number));
  assertLess(Math.max(...gapsMs), 24 * 24 * HOUR_MS);
});

Deno.test("syntheticFeed() says why a row is refused, and its number", async () => {
  const batches = await batchesOf({ endMs: YEAR_END });
  const rejections = batches.flatMap((batch) => batch.rejections);
  const whys = new Set(rejections.map(({ message }) => message.replaceAll(/[\d.-]+/g, "#")));
  assertEquals([...whys].sort(), [
    "close NaN is not finite",
    "high # is below max(open, close, low) #",
    "volume # is below #",
  ]);
  const rows = batches.reduce((sum, batch) => sum + feedBatchRows(batch), rejections.length);
  assert(rejections.every(({ line }, i) => line > (rejections[i - 1]?.line ?? 0) && line <= rows));
});

Deno.test("SyntheticFeed.truth() is what is left when the last row at a time wins", async () => {
  const feed = feedOf({ endMs: Date.UTC(2020, 6, 1), faults: MANY_FAULTS, rowsMax: 1_000 });
  await feed.open(null);
  const stores = new Map<string, Map<number, string>>(feed.series.map((key) => [key, new Map()]));
  for (const [i, batch] of (await readAll(feed)).entries()) {
    for (const block of batch.blocks) {
      const store = stores.get(block.series);
      rowTexts(block).forEach((text, row) => {
        const ts = block.ts[row] as number;
        if (text.endsWith("deleted")) store?.delete(ts);
        else store?.set(ts, text);
      });
    }
    if (i % 4 !== 0 && !batch.done) continue;
    for (const [key, block] of feed.truth(batch.cursor)) {
      const expected = [...stores.get(key) ?? []].sort(([a], [b]) => a - b);
      assertEquals(rowTexts(block), expected.map(([, text]) => text));
    }
  }
});

Deno.test("SyntheticFeed.truth() differs from a feed without faults only where they were", async () => {
  const endMs = Date.UTC(2020, 6, 1);
  const feed = feedOf({
    endMs,
    faults: { ...SYNTHETIC_FAULTS_NONE, corrected: 0.1, deleted: 0.1 },
  });
  await feed.open(null);
  const last = (await readAll(feed)).at(-1) as FeedBatch;
  const truth = feed.truth(last.cursor).get("EUR_USD:H1") as CandleBlock;
  const clean = await cleanSeries("EUR_USD:H1", { endMs });
  const before = new Set(rowTexts(clean));
  const changed = rowTexts(truth).filter((text) => !before.has(text)).length;
  assertAlmostEquals(changed / clean.length, 0.1, 0.02);
  assertAlmostEquals(1 - truth.length / clean.length, 0.1, 0.02);
});

Deno.test("syntheticFeed() keeps its rate by the clock", async () => {
  const clock = new VirtualClock();
  await using feed = syntheticFeed(clock, { speed: { ratePerSecond: 100 } });
  await feed.open(null);
  let rows = 0;
  while (clock.now() < 20_000) {
    const reading = feed.read(CALM);
    clock.fireNext();
    const batch = await reading;
    if (batch !== null) rows += feedBatchRows(batch) + batch.rejections.length;
  }
  assertAlmostEquals(rows, 2_000, 40);
});

Deno.test("syntheticFeed() answers null while no row is due", async () => {
  const clock = new VirtualClock();
  await using feed = syntheticFeed(clock, { speed: { ratePerSecond: 0.4 } });
  await feed.open(null);
  const answers: (number | null)[] = [];
  for (let i = 0; i < 3; i++) {
    const reading = feed.read(CALM);
    clock.fireNext();
    const batch = await reading;
    answers.push(batch === null ? null : clock.now());
  }
  assertEquals(answers, [null, null, 2_500]);
});

Deno.test("syntheticFeed() makes up for a pause by a second's rows at most", async () => {
  const clock = new VirtualClock();
  await using feed = syntheticFeed(clock, { speed: { ratePerSecond: 100 } });
  await feed.open(null);
  clock.advance(3_600_000);
  const batch = await feed.read(CALM) as FeedBatch;
  assertAlmostEquals(feedBatchRows(batch), 100, 10);
});

Deno.test("syntheticFeed() leaves no timer behind when a wait is aborted or closed", async () => {
  const clock = new VirtualClock();
  const feed = syntheticFeed(clock, { speed: { ratePerSecond: 0.01 } });
  await feed.open(null);
  const controller = new AbortController();
  const aborted = feed.read(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  assertEquals(clock.nextTimerAt(), Infinity);
  const closed = feed.read(CALM);
  await feed.close();
  await assertRejects(() => closed, FeedError, "to stay open");
  assertEquals(clock.nextTimerAt(), Infinity);
});

Deno.test("syntheticFeed() refuses a cursor of other rows, not of another pace or end", async () => {
  const feed = feedOf();
  await feed.open(null);
  const { cursor } = (await readAll(feed, 1))[0] as FeedBatch;
  for (const options of [{ seed: 2 }, { barsPerStep: 2 }, { faults: { late: 0 } }]) {
    const error = await assertRejects(() => feedOf(options).open(cursor), FeedError);
    assertEquals(error.code, "cursor");
  }
  await feedOf({ endMs: YEAR_END, rowsMax: 500, speed: { ratePerSecond: 1 }, name: "x" })
    .open(cursor);
});

Deno.test("syntheticFeed() takes 10,000 series and sends them in turn", async () => {
  const feed = feedOf({
    instruments: syntheticInstruments(10_000),
    granularities: ["H1"],
    faults: SYNTHETIC_FAULTS_NONE,
    barsPerStep: 1,
    rowsMax: 10_002 * 2,
  });
  await feed.open(null);
  const { blocks } = await feed.read(CALM) as FeedBatch;
  assertEquals(new Set(blocks.map(({ series }) => series)).size, 10_000);
  assertEquals([...new Set(blocks.map(({ length }) => length))].sort(), [1, 2]);
});

for (
  const [expected, options] of [
    ["a seed of 0 to", { seed: -1 }],
    ["a seed of 0 to", { seed: 1.5 }],
    ["different granularities", { granularities: [] }],
    ["different granularities", { granularities: ["H1", "H1"] }],
    ["1 to 10000 series", { instruments: [] }],
    ["1 to 10000 series", { instruments: syntheticInstruments(5_001) }],
    ["every symbol once", { instruments: [{ symbol: "A" }, { symbol: "A" }] }],
    ["at least 1 bar a step", { barsPerStep: 0 }],
    ["at least 1 bar a step", { barsPerStep: 512 }],
    ["batches of at least", { rowsMax: 10 }],
    ["batches of 1 to", { rowsMax: 65_537 }],
    ["shares of 0 to 1", { faults: { late: NaN } }],
    ["at most 1 together", { faults: { late: 0.6, bad: 0.6 } }],
    ["a start from 1970", { startMs: -1 }],
    ["a rate above 0", { speed: { ratePerSecond: 0 } }],
    ["a base price above 0", { instruments: [{ symbol: "A", basePrice: 0 }] }],
  ] satisfies [string, SyntheticOptions][]
) {
  Deno.test(`syntheticFeed() wants ${expected}: ${JSON.stringify(options).slice(0, 60)}`, () => {
    const error = assertThrows(() => feedOf(options), FeedError, expected);
    assertEquals(error.code, "options");
  });
}
