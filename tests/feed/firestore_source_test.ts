import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { seededRandom, systemClock } from "../../src/actor/clock.ts";
import type { FirestoreOptions } from "../../src/feed/firestore_options.ts";
import { firestoreSource } from "../../src/feed/firestore_source.ts";
import { type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { serviceOrSkip } from "../support/services.ts";
import {
  candleDocument,
  type Document,
  Emulator,
  PROJECT,
  type Writer,
} from "./firestore_emulator.ts";
import { CALM, readAll, receivedIn } from "./support.ts";

const EMULATED = serviceOrSkip("node");
/** A server that went away leaves tries of the client library that end by themselves within 8 s. */
const HALTED = { ...EMULATED, sanitizeOps: false, sanitizeResources: false };
const EUR = "EUR_USD:H1";
const JPY = "USD_JPY:H4";
const START_MS = Date.UTC(2024, 0, 1);

function sourceAt(emulator: Emulator, options: Partial<FirestoreOptions> = {}): FeedSource {
  return firestoreSource(systemClock, {
    projectId: PROJECT,
    emulatorHost: emulator.host,
    collection: "candles",
    follow: false,
    answerMs: 2_000,
    ...options,
  });
}

/** Everything after a cursor, by a source of its own, and where that ends. */
async function after(
  emulator: Emulator,
  cursor: string | null,
  options: Partial<FirestoreOptions> = {},
): Promise<{ batches: FeedBatch[]; texts: Record<string, string[]>; cursor: string }> {
  await using source = sourceAt(emulator, options);
  await source.open(cursor);
  const batches = await readAll(source);
  const texts = Object.fromEntries(receivedIn(batches).rows);
  return { batches, texts, cursor: (batches.at(-1) as FeedBatch).cursor };
}

/** Reads until rows came. */
async function rowsOf(source: FeedSource): Promise<Record<string, string[]>> {
  for (;;) {
    const batch = await source.read(CALM);
    if (batch !== null && batch.blocks.length > 0) {
      return Object.fromEntries(receivedIn([batch]).rows);
    }
  }
}

async function fill(writer: Writer, count: number): Promise<void> {
  await writer.put(Object.fromEntries(Array.from({ length: count }, (_, i) => [
    `candles/c${i}`,
    candleDocument(i % 2 === 0 ? EUR : JPY, i),
  ])));
}

/** What a document becomes. */
function rowText(i: number, step: number, { open, high, low, close, volume }: Document): string {
  return `${START_MS + i * step} ${open} ${high} ${low} ${close} ${volume}`;
}

const HOUR = 3_600_000;

Deno.test(
  "firestoreSource() brings changes made while it was away, and only those",
  EMULATED,
  async () => {
    await using emulator = await Emulator.start();
    await using writer = emulator.writer();
    await fill(writer, 20);
    await writer.put({ "candles/open": candleDocument(EUR, 40, { complete: false }) });
    const first = await after(emulator, null);
    assertEquals(first.texts[EUR]?.length, 10);
    assertEquals(first.texts[JPY]?.length, 10);

    const late = candleDocument(EUR, 40, { volume: 7 });
    const corrected = candleDocument(EUR, 2, { volume: 99 });
    await writer.put({ "candles/open": late });
    await writer.put({ "candles/c2": corrected });
    await writer.put({ "candles/c3": candleDocument(JPY, 3, { deleted: true }) });
    const second = await after(emulator, first.cursor);
    assertEquals(second.texts, {
      [EUR]: [rowText(40, HOUR, late), rowText(2, HOUR, corrected)],
      [JPY]: [`${START_MS + 3 * 4 * HOUR} deleted`],
    });
    assertEquals((await after(emulator, second.cursor)).texts, {});
    // What is read anew from the start says the same in the end.
    const anew = await after(emulator, null);
    assertEquals(anew.texts[EUR]?.slice(-2), second.texts[EUR]);
  },
);

Deno.test(
  "firestoreSource() brings candles of one commit in the order of their bars",
  EMULATED,
  async () => {
    await using emulator = await Emulator.start();
    await using writer = emulator.writer();
    const order = [5, 1, 9, 3, 7, 0, 8, 2, 6, 4];
    await writer.put(
      Object.fromEntries(order.map((i) => [`candles/x${9 - i}`, candleDocument(EUR, i)])),
    );
    const { texts } = await after(emulator, null, { pageDocuments: 3, rowsMax: 4 });
    assertEquals(texts[EUR]?.map((text) => Number(text.split(" ")[0])), [
      ...Array.from(order, (_, i) => START_MS + i * HOUR),
    ]);
  },
);

Deno.test("firestoreSource() goes on with what is written later", EMULATED, async () => {
  await using emulator = await Emulator.start();
  await using writer = emulator.writer();
  await fill(writer, 6);
  await using source = sourceAt(emulator, { follow: true });
  await source.open(null);
  const first = await rowsOf(source);
  assertEquals(first[EUR]?.length, 3);
  const next = candleDocument(EUR, 100);
  await writer.put({ "candles/n1": next });
  assertEquals(await rowsOf(source), { [EUR]: [rowText(100, HOUR, next)] });
  await writer.put({ "candles/n2": candleDocument(EUR, 101, { complete: false }) });
  await writer.put({ "candles/n2": candleDocument(EUR, 101) });
  assertEquals(Object.keys(await rowsOf(source)), [EUR]);
  assertEquals(source.detail?.().phase, "listening");
});

Deno.test("firestoreSource() deletes what is removed while it listens", EMULATED, async () => {
  await using emulator = await Emulator.start();
  await using writer = emulator.writer();
  await fill(writer, 6);
  await using source = sourceAt(emulator, { follow: true });
  await source.open(null);
  const { cursor } = await source.read(CALM) as FeedBatch;
  await source.ack(cursor);
  // The view is there with the first look of the listener.
  assertEquals(await source.read(CALM), null);
  await writer.remove("candles/c0");
  assertEquals(await rowsOf(source), { [EUR]: [`${START_MS} deleted`] });
  await writer.put({ "candles/c2": candleDocument(EUR, 2, { complete: false }) });
  assertEquals(await rowsOf(source), { [EUR]: [`${START_MS + 2 * HOUR} deleted`] });
  // Neither was committed: both come again.
  await source.open(cursor);
  const again = await rowsOf(source);
  assertEquals(again[EUR], [`${START_MS} deleted`, `${START_MS + 2 * HOUR} deleted`]);
});

Deno.test(
  "firestoreSource() refuses documents that are no candle with their path",
  EMULATED,
  async () => {
    await using emulator = await Emulator.start();
    await using writer = emulator.writer();
    const { volume: _, ...incomplete } = candleDocument(EUR, 3);
    await writer.put({
      "candles/a": candleDocument(EUR, 1, { high: 0.1 }),
      "candles/b": candleDocument(EUR, 2, { open: "abc" }),
      "candles/c": incomplete,
      "candles/d": candleDocument(EUR, 4, { instrument: "EUR USD" }),
      "candles/e": candleDocument(EUR, 5, { ts: "yesterday" }),
      "candles/f": candleDocument(EUR, 6, { close: "1.25", low: "0.1", high: "9", open: "1.5" }),
      "candles/g": candleDocument(EUR, 7, { ts: "2024-01-01T07:00:00.000000000Z" }),
      "candles/h": candleDocument(EUR, 8, { ts: START_MS + 8 * HOUR }),
    });
    const { batches, texts } = await after(emulator, null, { symbols: [], granularities: [] });
    const { rejections } = batches[0] as FeedBatch;
    const said = new Map(rejections.map(({ message }) => {
      const [, path, reason] = /^document (\S+): (.*)$/.exec(message) as string[];
      return [path, reason];
    }));
    assertEquals([...said.keys()].sort(), ["a", "b", "c", "d", "e"].map((id) => `candles/${id}`));
    assertMatch(said.get("candles/a") ?? "", /high/);
    assertEquals(said.get("candles/b"), "field open is no number");
    assertEquals(said.get("candles/c"), "field volume is missing");
    assertMatch(said.get("candles/d") ?? "", /INSTRUMENT:GRANULARITY/);
    assertEquals(said.get("candles/e"), "field ts is no time");
    assertEquals(texts[EUR]?.map((text) => (Number(text.split(" ")[0]) - START_MS) / HOUR), [
      6,
      7,
      8,
    ]);
  },
);

Deno.test("firestoreSource() says which documents it cannot see", EMULATED, async () => {
  await using emulator = await Emulator.start();
  await using writer = emulator.writer();
  await writer.put({
    "candles/a": candleDocument(EUR, 1, { updatedAt: 5 }),
    "candles/b": candleDocument(EUR, 2, { updatedAt: null }),
  });
  const error = await assertRejects(() => after(emulator, null), FeedError);
  assertEquals(error.code, "options");
  assertMatch(error.message, /a timestamp in field updatedAt .* 2 documents without it/);
  await writer.put({ "candles/c": candleDocument(EUR, 3) });
  const { batches, texts } = await after(emulator, null);
  assertEquals(texts[EUR]?.length, 1);
  assertMatch(batches.flatMap(({ notes = [] }) => notes).join(), /^2 documents of candles have no/);
});

Deno.test(
  "firestoreSource() reads in the order of milliseconds or of the bars too",
  EMULATED,
  async () => {
    await using emulator = await Emulator.start();
    await using writer = emulator.writer();
    await writer.put({
      "candles/a": candleDocument(EUR, 1, { writtenMs: 1_000 }),
      "candles/b": candleDocument(EUR, 0, { writtenMs: 2_000 }),
    });
    const millis = { fields: { updated: "writtenMs" }, orderAs: "millis", skewMs: 8e9 } as const;
    const first = await after(emulator, null, millis);
    assertEquals(first.texts[EUR]?.map((text) => Number(text.split(" ")[0])), [
      START_MS + HOUR,
      START_MS,
    ]);
    const bars = { fields: { updated: "ts" }, skewMs: 8e9 } as const;
    const { cursor, texts } = await after(emulator, null, bars);
    assertEquals(texts[EUR]?.length, 2);
    const again = candleDocument(EUR, 0, { volume: 5 });
    const recent = candleDocument(EUR, 0, { ...again, ts: new Date(Date.now() - 86_400_000) });
    await writer.put({ "candles/b": again, "candles/r": recent });
    // The old bar is beyond the skew; the recent one is not.
    assertEquals((await after(emulator, cursor, bars)).texts[EUR]?.length, 1);
  },
);

Deno.test("firestoreSource() refuses the cursor of other options", EMULATED, async () => {
  await using emulator = await Emulator.start();
  await using writer = emulator.writer();
  await fill(writer, 2);
  const { cursor } = await after(emulator, null);
  for (const other of [{ collection: "bars" }, { symbols: ["EUR_USD"] }, { projectId: "p2" }]) {
    const error = await assertRejects(() => after(emulator, cursor, other), FeedError);
    assertEquals(error.code, "cursor");
  }
  assertEquals((await after(emulator, cursor, { rowsMax: 2, skewMs: 5 })).texts, {});
});

Deno.test(
  "firestoreSource() reads again what was written when the server's clock went back",
  EMULATED,
  async () => {
    await using emulator = await Emulator.start();
    await using writer = emulator.writer();
    await fill(writer, 2);
    await using source = sourceAt(emulator, { follow: true, lookMs: 200 });
    await source.open(null);
    await rowsOf(source);
    await emulator.shift(-600_000);
    const next = candleDocument(EUR, 100);
    await writer.put({ "candles/n": next });
    assertEquals(await rowsOf(source), { [EUR]: [rowText(100, HOUR, next)] });
  },
);

Deno.test("firestoreSource() fails in time when nobody answers", HALTED, async () => {
  await using emulator = await Emulator.start();
  await using source = sourceAt(emulator, { answerMs: 300, follow: true });
  await emulator.halt();
  await source.open(null);
  const error = await assertRejects(async () => {
    for (;;) await source.read(CALM);
  }, FeedError);
  assertEquals(error.code, "unreadable");
  await emulator.resume();
  await using writer = emulator.writer();
  await fill(writer, 2);
  await source.open(null);
  assertEquals(Object.keys(await rowsOf(source)), [EUR, JPY]);
});

Deno.test(
  "firestoreSource() loses and doubles nothing over restarts",
  HALTED,
  async () => {
    // Side by side: most of it is waiting.
    await Promise.all([1, 2].map(losesNothing));
  },
);

async function losesNothing(seed: number): Promise<void> {
  await using emulator = await Emulator.start();
  await using writer = emulator.writer();
  const random = seededRandom(seed);
  const pick = (below: number) => Math.floor(random.next() * below);
  const written = new Map<string, string>();
  let volume = 0;
  let isOver = false;

  async function write(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      const documents: Record<string, Document> = {};
      for (let k = pick(6); k >= 0; k--) {
        const i = pick(80);
        const series = i % 2 === 0 ? EUR : JPY;
        // Said both ways: the emulator keeps the fields that a new document does not have.
        const deleted = random.next() < 0.15;
        const document = candleDocument(series, i, { volume: ++volume, deleted });
        documents[`candles/c${i}`] = document;
        const step = series === EUR ? HOUR : 4 * HOUR;
        const text = deleted ? `${START_MS + i * step} deleted` : rowText(i, step, document);
        written.set(`${series} ${START_MS + i * step}`, text);
      }
      await writer.put(documents);
      if (round % 20 === 10) {
        await emulator.halt();
        await new Promise((resolve) => setTimeout(resolve, pick(300)));
        await emulator.resume();
      }
      await new Promise((resolve) => setTimeout(resolve, pick(20)));
    }
    isOver = true;
  }

  // As the actor does it: after a failure, or a commit that failed, from the committed cursor.
  const received = new Map<string, string>();
  const seen = new Set<string>();
  async function read(): Promise<void> {
    await using source = sourceAt(emulator, {
      follow: true,
      lookMs: 300,
      answerMs: 500,
      rowsMax: 5,
      pageDocuments: 8,
      viewDocuments: 16,
    });
    let cursor: string | null = null;
    let quietSince = Infinity;
    await source.open(cursor);
    for (;;) {
      let batch: FeedBatch | null;
      try {
        batch = await source.read(CALM);
      } catch (error) {
        assertEquals((error as FeedError).code, "unreadable");
        await source.open(cursor);
        continue;
      }
      if (batch !== null && batch.blocks.length > 0 && random.next() < 0.1) {
        await source.open(cursor);
        continue;
      }
      for (const [series, texts] of receivedIn(batch === null ? [] : [batch]).rows) {
        for (const text of texts) {
          const key = `${series} ${text.split(" ")[0]}`;
          if (!text.endsWith("deleted")) {
            assert(!seen.has(`${series} ${text}`), `twice, seed ${seed}: ${text}`);
          }
          seen.add(`${series} ${text}`);
          received.set(key, text);
        }
      }
      if (batch !== null) {
        cursor = batch.cursor;
        await source.ack(cursor);
      }
      const isQuiet = isOver && batch === null;
      quietSince = isQuiet ? Math.min(quietSince, performance.now()) : Infinity;
      if (isQuiet && performance.now() - quietSince > 1_000) {
        return;
      }
    }
  }

  await Promise.all([write(), read()]);
  const sorted = (map: Map<string, string>) => [...map].sort(([a], [b]) => a < b ? -1 : 1);
  assertEquals(sorted(received), sorted(written), `seed ${seed}`);
}
