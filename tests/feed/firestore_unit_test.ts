import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import {
  comparePositions,
  FIRESTORE_FIRST,
  firestoreCursor,
  parseFirestoreCursor,
} from "../../src/feed/firestore_cursor.ts";
import { assertCredentials, firestoreError } from "../../src/feed/firestore_error.ts";
import type { StoredDocument } from "../../src/feed/firestore_item.ts";
import type { FirestoreLink, FirestoreView } from "../../src/feed/firestore_link.ts";
import { type FirestoreOptions, firestorePlan } from "../../src/feed/firestore_options.ts";
import { firestoreSource } from "../../src/feed/firestore_source.ts";
import { FEED_CURSOR_CHARS_MAX, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { CALM, receivedIn } from "./support.ts";

/** A server of a few lines: documents by path, a clock in µs, one listener. */
class FakeLink implements FirestoreLink {
  readonly documents = new Map<string, StoredDocument>();
  nowUs = 1_700_000_000_000_000;
  failure: FeedError | null = null;
  pages: number[] = [];
  listening: { fromUs: number; limit: number; view: (view: FirestoreView) => void } | null = null;
  listens = 0;

  put(path: string, data: Record<string, unknown>, lateUs = 0): void {
    const updateUs = this.nowUs += 10;
    const us = updateUs - lateUs;
    const seconds = Math.floor(us / 1_000_000);
    const updatedAt = { seconds, nanoseconds: (us - seconds * 1_000_000) * 1_000 };
    this.documents.set(path, { path, updateUs, data: { updatedAt, complete: true, ...data } });
  }

  found(fromUs: number, limit: number): StoredDocument[] {
    const orderOf = ({ data }: StoredDocument) => {
      const { seconds, nanoseconds } = data.updatedAt as { seconds: number; nanoseconds: number };
      return seconds * 1_000_000 + nanoseconds / 1_000;
    };
    return [...this.documents.values()]
      .filter((one) => one.data.complete === true && orderOf(one) >= fromUs)
      .sort((a, b) => orderOf(a) - orderOf(b)).slice(0, limit);
  }

  // deno-lint-ignore require-await -- the port answers with promises
  async page(fromUs: number, limit: number) {
    if (this.failure !== null) throw this.failure;
    this.pages.push(limit);
    return { documents: this.found(fromUs, limit), readUs: ++this.nowUs };
  }

  listen(fromUs: number, limit: number, view: (view: FirestoreView) => void) {
    this.listens++;
    this.listening = { fromUs, limit, view };
    return () => this.listening = null;
  }

  /** The listener sees what there is. */
  show(removed: StoredDocument[] = []): void {
    const { fromUs, limit, view } = this.listening as NonNullable<FakeLink["listening"]>;
    const documents = this.found(fromUs, limit);
    const after = (us: number) => documents.filter(({ updateUs }) => updateUs > us);
    view({ size: documents.length, readUs: ++this.nowUs, removed, after });
  }

  present(paths: readonly string[]) {
    return Promise.resolve(paths.flatMap((path) => this.documents.get(path) ?? []));
  }

  count(_hasOrder: boolean, max: number) {
    return Promise.resolve(Math.min(max, this.documents.size));
  }

  close() {
    return Promise.resolve();
  }
}

const candle = (i: number) => ({
  instrument: "EUR_USD",
  granularity: "H1",
  ts: i * 3_600_000,
  ...{ open: 1, high: 2, low: 1, close: 2, volume: i },
});

function rig(options: Partial<FirestoreOptions> = {}) {
  const link = new FakeLink();
  const clock = new VirtualClock();
  const source = firestoreSource(
    clock,
    { projectId: "p", collection: "candles", ...options },
    () => Promise.resolve(link),
  );
  return { link, clock, source };
}

async function volumes(source: FeedSource): Promise<number[]> {
  const batch = await source.read(CALM);
  return (batch?.blocks ?? []).flatMap(({ volume }) => [...volume]);
}

Deno.test("firestoreSource() takes what a listener brings without asking again", async () => {
  const { link, source } = rig();
  link.put("a", candle(1));
  await source.open(null);
  assertEquals(await volumes(source), [1]);
  link.put("b", candle(2));
  link.show();
  const asked = link.pages.length;
  assertEquals(await volumes(source), [2]);
  assertEquals(link.pages.length, asked);
  await source.close();
});

Deno.test("firestoreSource() finds by a look what no listener told, and says that it was luck", async () => {
  const { link, clock, source } = rig({ skewMs: 1_000, lookMs: 30_000 });
  link.put("a", candle(1));
  await source.open(null);
  assertEquals(await volumes(source), [1]);
  link.nowUs += 500_000;
  link.put("b", candle(2), 1_200_000);
  const reading = source.read(CALM);
  for (let i = 0; i < 40; i++) await clock.advance(1_000);
  assertEquals(await reading, null);
  const batch = await source.read(CALM);
  assertEquals(batch?.blocks[0]?.volume[0], 2);
  assertMatch(batch?.notes?.[0] ?? "", /committed 1200 ms after .* skewMs 1000/);
  await source.close();
});

Deno.test("firestoreSource() asks for more when a whole page has one time", async () => {
  const { link, source } = rig({ pageDocuments: 4, follow: false });
  for (let i = 0; i < 11; i++) {
    link.put(`d${i}`, { ...candle(20 - i), updatedAt: { seconds: 1_700_000_000, nanoseconds: 0 } });
  }
  await source.open(null);
  assertEquals(await volumes(source), Array.from({ length: 11 }, (_, i) => 10 + i));
  assertEquals(link.pages, [4, 16]);
  await source.close();
});

Deno.test("firestoreSource() begins a crowded view anew and pauses over a full one", async () => {
  const { link, clock, source } = rig({ viewDocuments: 4 });
  link.put("a", candle(1));
  await source.open(null);
  await volumes(source);
  assertEquals([link.listens, link.listening?.limit], [1, 4]);
  for (let i = 2; i < 8; i++) link.put(`d${i}`, candle(i));
  link.show();
  assertEquals(await volumes(source), [2, 3, 4, 5, 6, 7]);
  assertEquals(link.listening, null);
  for (let i = 0; i < 2; i++) {
    const reading = source.read(CALM);
    await clock.advance(1_000);
    assertEquals(await reading, null);
  }
  assertEquals(link.listens, 2);
  await source.close();
});

Deno.test("firestoreSource() leaves what is committed during a pass to the next one", async () => {
  const { link, clock, source } = rig({ pageDocuments: 2, rowsMax: 1, follow: false });
  for (let i = 1; i < 6; i++) link.put(`d${i}`, candle(i));
  await source.open(null);
  const seen = await volumes(source);
  link.put("d1", candle(11));
  link.put("d5", candle(15));
  for (;;) {
    const reading = source.read(CALM);
    let isOver = false;
    void reading.then(() => isOver = true);
    while (!isOver) await clock.advance(1);
    const batch = await reading;
    seen.push(...(batch?.blocks ?? []).flatMap(({ volume }) => [...volume]));
    if (batch?.done) break;
  }
  assertEquals(seen, [1, 2, 3, 4, 11, 15]);
  await source.close();
});

Deno.test("firestoreSource() deletes only what is still absent when it is asked for", async () => {
  const { link, source } = rig();
  link.put("a", candle(1));
  link.put("b", candle(2));
  await source.open(null);
  await source.read(CALM);
  const [a, b] = [...link.documents.values()] as [StoredDocument, StoredDocument];
  link.documents.delete("a");
  link.show([a, b]);
  const batch = await source.read(CALM);
  assertEquals(receivedIn(batch === null ? [] : [batch]).rows.get("EUR_USD:H1"), [
    "3600000 deleted",
  ]);
  await source.close();
});

Deno.test("firestoreSource() throws a failure until it is opened again", async () => {
  const { link, source } = rig();
  link.put("a", candle(1));
  link.failure = firestoreError("f", { code: 8, message: "Quota exceeded." });
  await source.open(null);
  for (let i = 0; i < 2; i++) {
    const error = await assertRejects(() => source.read(CALM), FeedError, "quota left");
    assertEquals(error.code, "unreadable");
  }
  link.failure = null;
  await source.open(null);
  assertEquals(await volumes(source), [1]);
  await source.close();
});

Deno.test("firestoreError() says what is wrong and holds no secrets", () => {
  const said = (code: number, message: string) => firestoreError("f", { code, message }).message;
  assertMatch(said(9, "The query requires an index. https://x/y"), /an index over.*https:\/\/x\/y/);
  assertMatch(said(7, "Missing or insufficient permissions."), /permission to read/);
  const secrets = [
    "-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----",
    "Bearer abc.def",
    "ya29.a0AfH6SMB",
    "eyJhbGciOi.eyJpc3Mi.c2ln",
    '"private_key": "MIIabc"',
  ];
  const { message, cause } = firestoreError("f", new Error(secrets.join(" and ")));
  for (const secret of ["MIIabc", "abc.def", "a0AfH6SMB", "eyJpc3Mi"]) {
    assert(!message.includes(secret), secret);
  }
  assertEquals(cause, undefined);
  assert(said(14, "x".repeat(5_000)).length < 1_000);
});

Deno.test("assertCredentials() says nothing of what is in the file", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (const text of ['{"private_key": "MIIabc', '{"private_key":"MIIabc"}', "MIIabc"]) {
      await Deno.writeTextFile(path, text);
      const error = await assertRejects(() => assertCredentials("f", path), FeedError);
      assertEquals(error.code, "options");
      assert(!error.message.includes("MIIabc"));
    }
    await Deno.writeTextFile(path, '{"type":"service_account"}');
    await assertCredentials("f", path);
  } finally {
    await Deno.remove(path);
  }
  await assertRejects(() => assertCredentials("f", path), FeedError, "NotFound");
});

Deno.test("firestorePlan() refuses what cannot work", () => {
  const of = (options: Partial<FirestoreOptions>) => () =>
    firestorePlan({ projectId: "p", collection: "candles", ...options });
  for (
    const options of [
      { projectId: "" },
      { collection: "a/b" },
      { collection: "a//c" },
      { collection: "a/b/c", isGroup: true },
      { symbols: ["EUR USD"] },
      { granularities: ["H2"] },
      { skewMs: -1 },
      { fields: { ts: "a..b" } },
    ]
  ) {
    const error = assertThrows(of(options), FeedError);
    assertEquals(error.code, "options");
  }
  const { symbols, granularities, serverFilter } = of({})();
  assertEquals([symbols.length, [...granularities]], [4, ["H1", "H4"]]);
  assertEquals(serverFilter, { symbols, granularities });
  const many = Array.from({ length: 40 }, (_, i) => `S${i}`);
  assertEquals(of({ symbols: many })().serverFilter, { symbols: [], granularities: ["H1", "H4"] });
});

Deno.test("a Firestore cursor says what it was made of and keeps its bound", () => {
  const key = "0123abcd";
  const stands = [
    { baseUs: 0, pass: null },
    { baseUs: 1_795_754_364_813_001, pass: { upToUs: 9e15, position: FIRESTORE_FIRST } },
    {
      baseUs: 9e15,
      pass: {
        upToUs: 9e15,
        position: { orderUs: -9e15, ts: -8.64e15, hash: "0123456789abcdef" },
      },
    },
  ];
  for (const stand of stands) {
    const text = firestoreCursor(key, stand);
    assertEquals(parseFirestoreCursor(key, text), stand);
    assert(text.length <= FEED_CURSOR_CHARS_MAX / 2);
    assertEquals(typeof parseFirestoreCursor("00000000", text), "string");
  }
  assert(comparePositions(FIRESTORE_FIRST, { orderUs: 0, ts: -Infinity, hash: "0" }) < 0);
});
