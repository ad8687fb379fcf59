import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { gzipSync } from "node:zlib";
import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { fileSource, type FileSourceOptions } from "../../src/feed/file_source.ts";
import { FEED_IDLE_MS, type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { csvReader } from "../../src/market/csv.ts";
import type { Rejection } from "../../src/market/reject.ts";
import { CALM, readAll, receivedIn } from "./support.ts";

const HEADER = "ts,open,high,low,close,volume\n";
const SERIES = "EUR_USD:H1";

/** A candle line; its bytes do not repeat, so that gzip keeps some of each. */
function line(i: number): string {
  const noise = (i * 2_654_435_761 % 100_000) / 100_000;
  return `${i * 3_600_000},${1 + noise},${2.5 + noise / 7},0.5,${1 + noise / 3},${i}\n`;
}

function csvOf(rows: number, badEvery = 0): string {
  return HEADER +
    Array.from(
      { length: rows },
      (_, i) => badEvery > 0 && i % badEvery === 0 ? `bad ${i}\n` : line(i),
    ).join("");
}

function testFile(
  name: string,
  content: string | Uint8Array,
  run: (path: string) => Promise<void>,
): void {
  Deno.test(`fileSource() ${name}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "wick_file_source_" });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/candles`, bytes);
    try {
      await run(`${folder}/candles`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function sourceOf(path: string, options: Partial<FileSourceOptions> = {}): FeedSource {
  return fileSource(systemClock, { path, series: SERIES, ...options });
}

async function readError(source: FeedSource): Promise<FeedError> {
  return await assertRejects(() => source.read(CALM), FeedError);
}

/** A source over bytes that come when the test says so. */
function fedSource(clock: VirtualClock) {
  const chunks: Uint8Array[] = [];
  let wake = () => {};
  let isOver = false;
  async function* bytes() {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (isOver) return;
      else await new Promise<void>((resolve) => wake = resolve);
    }
  }
  return {
    source: fileSource(clock, { path: "fed", series: SERIES, bytes }),
    feed(text: string) {
      chunks.push(new TextEncoder().encode(text));
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
  };
}

/** Lets everything happen that waits for no timer. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

testFile("reads what csvReader reads", csvOf(3_000, 41), async (path) => {
  const rejections: Rejection[] = [];
  const reader = csvReader({ series: SERIES, onReject: (rejection) => rejections.push(rejection) });
  reader.push(await Deno.readFile(path));
  reader.finish();
  const expected = { blocks: reader.take(), rejections, cursor: "", done: true };
  await using source = sourceOf(path, { rowsMax: 100 });
  await source.open(null);
  const batches = await readAll(source);
  assertEquals(receivedIn(batches), receivedIn([expected]));
});

testFile("fills every batch but the last", csvOf(1_000), async (path) => {
  await using source = sourceOf(path, { rowsMax: 300 });
  await source.open(null);
  const lengths = (await readAll(source)).map(({ blocks }) => blocks[0]?.length ?? 0);
  // The header is a line of the first batch.
  assertEquals(lengths, [299, 300, 300, 101]);
});

testFile("gives the lines of refused rows from any cursor", csvOf(500, 50), async (path) => {
  const expected = Array.from({ length: 10 }, (_, i) => 50 * i + 2);
  await using source = sourceOf(path, { rowsMax: 30 });
  await source.open(null);
  const batches = await readAll(source);
  for (const [i, { cursor }] of batches.entries()) {
    await source.open(cursor);
    const all = [...batches.slice(0, i + 1), ...await readAll(source)];
    assertEquals(all.flatMap(({ rejections }) => rejections.map((r) => r.line)), expected);
  }
});

testFile("ends a batch at the bound of refused rows", csvOf(3_000, 1), async (path) => {
  await using source = sourceOf(path, { rowsMax: 65_536 });
  await source.open(null);
  const lines = (await readAll(source)).map(({ rejections }) => rejections.map((r) => r.line));
  assert(lines.every(({ length }) => length <= 1_024));
  assertEquals(lines.flat(), Array.from({ length: 3_000 }, (_, i) => i + 2));
});

testFile("does not depend on how bytes are cut", csvOf(300, 17), async (path) => {
  const whole = await Deno.readFile(path);
  await using direct = sourceOf(path, { rowsMax: 40 });
  await direct.open(null);
  const expected = await readAll(direct);
  async function* bytes() {
    for (let at = 0, size = 1; at < whole.length; at += size, size = size % 97 + 1) {
      yield await Promise.resolve(whole.subarray(at, at + size));
    }
  }
  await using cut = sourceOf(path, { rowsMax: 40, bytes });
  await cut.open(null);
  assertEquals(await readAll(cut), expected);
});

testFile(
  "delivers the whole lines before a gzip file is cut short, then says damaged",
  gzipSync(csvOf(40_000)).subarray(0, 300_000),
  async (path) => {
    await using source = sourceOf(path);
    await source.open(null);
    const batches: FeedBatch[] = [];
    let failure: unknown = null;
    while (failure === null) {
      const batch = await source.read(CALM).catch((error) => failure = error);
      if (failure === null) batches.push(batch as FeedBatch);
    }
    const rows = receivedIn(batches).rows.get(SERIES) ?? [];
    assert(rows.length > 1_000 && rows.length < 40_000, `${rows.length} rows`);
    const expected = Array.from({ length: rows.length }, (_, i) => `${i * 3_600_000}`);
    assertEquals(rows.map((row) => row.split(" ")[0]), expected);
    assert(failure instanceof FeedError);
    assertEquals(failure.code, "damaged");
    assertStringIncludes(failure.message, path);
    assertEquals(await readError(source), failure);

    await source.open((batches.at(-1) as FeedBatch).cursor);
    assertEquals((await readError(source)).code, "damaged");
  },
);

testFile("refuses a cursor of another file", csvOf(100), async (path) => {
  await using source = sourceOf(path, { rowsMax: 20 });
  await source.open(null);
  const { cursor } = (await readAll(source, 2)).at(-1) as FeedBatch;
  await Deno.writeTextFile(path, csvOf(100).replace("\n0,", "\n1,"));
  const error = await assertRejects(
    () => source.open(cursor),
    FeedError,
    "the file of that cursor",
  );
  assertEquals(error.code, "cursor");
});

testFile("refuses a cursor beyond the end of the file", csvOf(100), async (path) => {
  await using source = sourceOf(path);
  await source.open(null);
  const { cursor } = (await readAll(source)).at(-1) as FeedBatch;
  await Deno.writeTextFile(path, csvOf(90));
  await assertRejects(() => source.open(cursor), FeedError, "expected a file of at least");
});

testFile("refuses a cursor in the middle of a line that grew", csvOf(9).trim(), async (path) => {
  await using source = sourceOf(path);
  await source.open(null);
  const { cursor } = (await readAll(source)).at(-1) as FeedBatch;
  await Deno.writeTextFile(path, csvOf(10));
  await assertRejects(
    () => source.open(cursor),
    FeedError,
    "the last line of the file not to grow",
  );
});

testFile("reads what was appended since the cursor of its end", csvOf(9), async (path) => {
  await using source = sourceOf(path);
  await source.open(null);
  const { cursor } = (await readAll(source)).at(-1) as FeedBatch;
  await Deno.writeTextFile(path, csvOf(11));
  await source.open(cursor);
  const rows = receivedIn(await readAll(source)).rows.get(SERIES) ?? [];
  assertEquals(rows.map((row) => row.split(" ")[0]), ["32400000", "36000000"]);
});

testFile(
  "refuses a line that is no JSON after a cursor as it does without one",
  `{"ts":0,"open":1,"high":1,"low":1,"close":1,"volume":0}\nnot json\n`,
  async (path) => {
    await using source = sourceOf(path, { rowsMax: 1 });
    await source.open(null);
    const { cursor } = (await readAll(source, 1))[0] as FeedBatch;
    await source.open(cursor);
    const { rejections } = (await readAll(source, 1))[0] as FeedBatch;
    assertEquals(rejections.map(({ line, message }) => [line, message]), [
      [2, "the line is not JSON"],
    ]);
  },
);

testFile("says damaged for what is no candle file", "a,b,c\n1,2,3\n", async (path) => {
  await using source = sourceOf(path);
  await source.open(null);
  const error = await readError(source);
  assertEquals(error.code, "damaged");
  assertStringIncludes(error.message, "Cannot read CSV header");
});

testFile("says damaged for an empty file read as CSV", "", async (path) => {
  await using source = sourceOf(path);
  await source.open(null);
  assertEquals((await readError(source)).code, "damaged");
});

Deno.test("fileSource() says unreadable where no file is", async () => {
  await using source = sourceOf("/no/such/candles.csv");
  await source.open(null);
  assertEquals((await readError(source)).code, "unreadable");
});

Deno.test("fileSource() refuses standard input and batches beyond the bounds", () => {
  assertThrows(() => sourceOf("-"), FeedError, "standard input");
  for (const rowsMax of [0, 1.5, 65_537]) {
    assertThrows(() => sourceOf("x", { rowsMax }), FeedError, "batches of 1 to 65536 rows");
  }
});

Deno.test("fileSource() answers null when no bytes come", async () => {
  const clock = new VirtualClock();
  const fed = fedSource(clock);
  await fed.source.open(null);
  const reading = fed.source.read(CALM);
  await settle();
  clock.advance(FEED_IDLE_MS);
  assertEquals(await reading, null);
  fed.end();
  await fed.source.close();
});

Deno.test("fileSource() does not hold rows back when bytes stop coming", async () => {
  const clock = new VirtualClock();
  const fed = fedSource(clock);
  await fed.source.open(null);
  fed.feed(csvOf(3));
  const reading = fed.source.read(CALM);
  await settle();
  clock.advance(50);
  assertEquals((await reading)?.blocks[0]?.length, 3);
  fed.end();
  await fed.source.close();
});

Deno.test("fileSource() loses no bytes that come to an aborted read", async () => {
  const clock = new VirtualClock();
  const fed = fedSource(clock);
  await fed.source.open(null);
  const controller = new AbortController();
  const reading = fed.source.read(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => reading, Error, "enough");
  fed.feed(csvOf(5));
  fed.end();
  const batches = await readAll(fed.source);
  assertEquals(batches[0]?.blocks[0]?.length, 5);
  await fed.source.close();
});

Deno.test("fileSource() closes although its bytes never come", async () => {
  const clock = new VirtualClock();
  const fed = fedSource(clock);
  await fed.source.open(null);
  const reading = fed.source.read(CALM);
  await settle();
  const closing = fed.source.close();
  await assertRejects(() => reading, FeedError, "to stay open");
  await settle();
  clock.advance(1_000);
  await closing;
  assertEquals(clock.nextTimerAt(), Infinity);
});
