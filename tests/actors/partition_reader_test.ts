/** The partition reader: order, bounds, hand-over, and that whatever fails is read again. */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { partitionFeed } from "../../src/store/partitions/port.ts";
import { type Ingest, type IngestReply, rowsOf } from "../../actors/protocols.ts";
import { candles, seriesOf, textOf } from "../store/partitions/support.ts";
import { PartitionRig, SEED } from "./partition_rig.ts";
import { assertStoreHolds, randomStream } from "./support.ts";
import type { SpyStore } from "./spy_store.ts";

const [S] = seriesOf(3, 1) as [string];
const [U] = seriesOf(17, 1) as [string];

/** Sends up to four batches from where the feed's cursor stands. */
function sendSome(rig: PartitionRig, batches: readonly (readonly CandleBlock[])[]) {
  const from = Number(rig.backend.cursor("f") ?? 0);
  return Promise.allSettled(
    batches.slice(from, from + 4).map((blocks, i) =>
      rig.ingest(blocks, {
        feed: "f",
        after: from + i === 0 ? null : String(from + i),
        cursor: String(from + i + 1),
      })
    ),
  );
}

/** Sends all batches as a feed that believes only the store. */
async function send(rig: PartitionRig, batches: readonly (readonly CandleBlock[])[]) {
  while (Number(rig.backend.cursor("f") ?? 0) < batches.length) {
    await rig.answer(sendSome(rig, batches), 200_000);
    await rig.simulator.advance(20);
  }
}

function stored(rig: PartitionRig, series: string): string[] {
  return textOf([rig.backend.candles(series, -Infinity, Infinity, 100_000)]);
}

/** A pool that remembers what it was asked to take, and answers when it is told to. */
class SlowPool {
  readonly asked: { readonly batch: Ingest; answer(reply?: IngestReply): void }[] = [];
  constructor(readonly backend: SpyStore) {}

  ask(_: "ingest", batch: Ingest): Promise<IngestReply> {
    const { promise, resolve } = Promise.withResolvers<IngestReply>();
    const answer = (reply?: IngestReply) => {
      this.asked.splice(this.asked.findIndex((one) => one.batch === batch), 1);
      resolve(reply ?? this.#taken(batch));
    };
    this.asked.push({ batch, answer });
    return promise;
  }

  #taken({ feed, after, cursor, letters = [] }: Ingest): IngestReply {
    const batch = { feed, after, cursor, series: [], records: [], letters };
    const result = this.backend.memory.commit([batch]);
    if (result.state === "refused") {
      return { state: "failed", code: result.code, message: result.message };
    }
    return { state: "committed", seq: result.seq, candles: 0, corrected: 0, labels: 0, revised: 0 };
  }
}

/** A rig whose pool answers when it is told to. */
function slowRig(): { rig: PartitionRig; pool: SlowPool } {
  let pool: SlowPool | null = null;
  const rig = new PartitionRig({ pool: (backend) => pool = new SlowPool(backend) });
  return { rig, pool: pool as unknown as SlowPool };
}

Deno.test("a random night through writer, streams and reader ends as it would in one process", async () => {
  await using rig = new PartitionRig();
  const batches = randomStream(SEED, { series: 12, bars: 300, blockRowsMax: 12, changes: 0.05 });
  rig.own();
  await send(rig, batches);
  await rig.simulator.advance(5_000);
  await assertStoreHolds(rig.backend, batches, DEFAULT_PARAMS);
  const status = await rig.status();
  assertEquals([status.partitions, status.underWayRows, status.waitingEntries], [256, 0, 0]);
  const left = await rig.streams.backlog(Array.from({ length: 256 }, (_, i) => i));
  assertEquals(left.filter(({ entries }) => entries > 0), []);
});

Deno.test("the same night with crashes of writer, reader, pool and worker, and streams that are away", async () => {
  await using rig = new PartitionRig({ waitingBytes: 40_000 });
  const batches = randomStream(SEED, { series: 12, bars: 300, blockRowsMax: 12, changes: 0.05 });
  rig.own();
  const random = seededRandom(SEED);
  const parts = ["writer", "reader", "pool", "worker"];
  for (let i = 0; i < 60; i++) {
    const sent = sendSome(rig, batches);
    for (let steps = Math.floor(200 * random.next()); steps > 0; steps--) {
      rig.simulator.scheduler.step();
      // What was awaited may come back at any time.
      if (random.next() < 0.1) await Promise.resolve();
    }
    if (random.next() < 0.2) rig.memory.isAway = !rig.memory.isAway;
    else rig.simulator.kill(`/wick/${parts[Math.floor(parts.length * random.next())]}`);
    await rig.answer(sent, 200_000);
    await rig.simulator.advance(500 * random.next());
  }
  rig.memory.isAway = false;
  await send(rig, batches);
  await rig.simulator.advance(120_000);
  await assertStoreHolds(rig.backend, batches, DEFAULT_PARAMS);
});

Deno.test("a partition goes to another node in the middle, and nothing is lost or out of order", async () => {
  await using first = new PartitionRig();
  await using second = new PartitionRig({ shared: first });
  first.own([3, 17]);
  const batches = Array.from({ length: 60 }, (_, i) => [candles(S, 5 * i, 5), candles(U, i, 1)]);
  await send(first, batches.slice(0, 30));
  const drained = await first.drain(3);
  assertEquals([drained.partition, drained.isClean], [3, true]);
  assertEquals(drained.cursor, first.backend.cursor(partitionFeed(3)));
  second.own([3]);
  await send(first, batches);
  for (let i = 0; i < 20; i++) {
    await first.simulator.advance(100);
    await second.simulator.advance(100);
  }
  assertEquals(stored(first, S), textOf([candles(S, 0, 300)]));
  assertEquals(stored(first, U), textOf([candles(U, 0, 60)]));
  const [own, other] = [await first.status(), await second.status()];
  assertEquals([own.partitions, other.partitions], [1, 1]);
  assertGreater(other.rows, 0);
});

Deno.test("a partition's batches go to the pool in order, at most two, each after the one before", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  rig.own([3]);
  for (let i = 0; i < 6; i++) {
    await rig.commit([candles(S, i, 1)]);
    await rig.simulator.advance(10);
  }
  assertEquals(pool.asked.length, 2);
  const [first, second] = pool.asked.map(({ batch }) => batch);
  assert(first !== undefined && second !== undefined);
  assertEquals([first.feed, first.after, second.after], ["partition/3", null, first.cursor]);
  pool.asked[0]?.answer();
  await rig.simulator.advance(10);
  // The entries that came meanwhile are one batch.
  const third = pool.asked[1]?.batch;
  assertEquals(third?.after, second.cursor);
  assertEquals(textOf(third?.blocks ?? []), textOf([candles(S, 2, 4)]));
  while (pool.asked.length > 0) {
    pool.asked[0]?.answer();
    await rig.simulator.advance(10);
  }
  assertEquals(rig.backend.cursor("partition/3"), third?.cursor);
});

Deno.test("rows with the pool are bounded over all partitions", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  const all = Array.from({ length: 20 }, (_, partition) => seriesOf(partition, 1)[0] as string);
  for (const series of all) await rig.commit([candles(series, 0, 8_000)]);
  rig.own();
  await rig.simulator.advance(1_000);
  const rows = () => pool.asked.reduce((sum, { batch }) => sum + rowsOf(batch.blocks), 0);
  assertLessOrEqual(rows(), 49_152);
  assertGreater(rows(), 40_000);
  let most = 0;
  for (let i = 0; i < 100 && pool.asked.length > 0; i++) {
    pool.asked[0]?.answer();
    await rig.simulator.advance(20);
    most = Math.max(most, rows());
  }
  assertLessOrEqual(most, 49_152);
  const committed = rig.backend.cursors().filter(({ feed }) => feed.startsWith("partition/"));
  assertEquals(committed.length, 20);
});

Deno.test("what is refused or fails is read again from the committed cursor", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  rig.own([3]);
  await rig.commit([candles(S, 0, 1)]);
  await rig.simulator.advance(10);
  await rig.commit([candles(S, 1, 1)]);
  await rig.simulator.advance(10);
  const [first] = pool.asked;
  first?.answer({ state: "refused", code: "room", reason: "no room", retryAfterMs: 500 });
  await rig.simulator.advance(400);
  // The other one is still with the pool, and may yet be committed.
  assertEquals(pool.asked.length, 1);
  pool.asked[0]?.answer({ state: "failed", code: "stale", message: "it follows on another" });
  await rig.simulator.advance(1_000);
  assertEquals(pool.asked.length, 1);
  assertEquals(textOf(pool.asked[0]?.batch.blocks ?? []), textOf([candles(S, 0, 2)]));
  assertEquals(pool.asked[0]?.batch.after, null);
  const [lag] = await rig.answer(rig.reader.ask("lags", {}));
  assertEquals([lag?.failures, lag?.lastError], [1, "room: no room"]);
  pool.asked[0]?.answer();
  await rig.simulator.advance(10);
  const [after] = await rig.answer(rig.reader.ask("lags", {}));
  assertEquals([after?.failures, after?.lastError, after?.underWay], [0, null, 0]);
});

Deno.test("drain waits for what is with the pool, reads nothing more, and says whether all was committed", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  rig.own([3, 17]);
  await rig.commit([candles(S, 0, 1), candles(U, 0, 1)]);
  await rig.simulator.advance(10);
  let drained: unknown = null;
  void rig.reader.ask("drain", { partition: 3 }).then((reply) => drained = reply);
  await rig.commit([candles(S, 1, 1)]);
  await rig.simulator.advance(100);
  assertEquals([drained, pool.asked.length], [null, 2]);
  const own = pool.asked.find(({ batch }) => batch.feed === "partition/3");
  own?.answer();
  await rig.simulator.run();
  assertEquals(drained, { partition: 3, isClean: true, cursor: own?.batch.cursor });
  const failing = rig.reader.ask("drain", { partition: 17 });
  await rig.simulator.run();
  pool.asked[0]?.answer({ state: "failed", code: "worker", message: "it died" });
  assertEquals((await rig.answer(failing)).isClean, false);
  assertEquals((await rig.status()).partitions, 0);
  assertEquals(await rig.drain(200), { partition: 200, isClean: true, cursor: null });
});

Deno.test("drain is answered when the pool does not", async () => {
  const { rig } = slowRig();
  await using _ = rig;
  rig.own([3]);
  await rig.commit([candles(S, 0, 1)]);
  await rig.simulator.advance(10);
  assertEquals(await rig.drain(3), { partition: 3, isClean: false, cursor: null });
});

Deno.test("a partition that is taken away is dropped at once, and begins at the cursor when it comes back", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  rig.own([3]);
  await rig.commit([candles(S, 0, 1)]);
  await rig.simulator.advance(10);
  rig.reader.tell("disown", { partition: 3 });
  await rig.simulator.advance(1_000);
  assertEquals((await rig.status()).partitions, 0);
  pool.asked[0]?.answer({ state: "failed", code: "stale", message: "fenced" });
  await rig.simulator.advance(1_000);
  assertEquals(pool.asked.length, 0);
  rig.own([3]);
  await rig.simulator.advance(10);
  assertEquals(pool.asked[0]?.batch.after, null);
});

Deno.test("a reader that is told where partitions stand does not ask, and asks once for many", async () => {
  await using rig = new PartitionRig();
  const asked: string[] = [];
  const { backend } = rig;
  const cursor = backend.cursor.bind(backend), cursors = backend.cursors.bind(backend);
  backend.cursor = (feed) => {
    asked.push("cursor");
    return cursor(feed);
  };
  backend.cursors = () => {
    asked.push("cursors");
    return cursors();
  };
  rig.reader.tell("own", { partitions: [1, 2], cursors: [null, null] });
  assertEquals([(await rig.status()).partitions, asked], [2, []]);
  rig.own();
  assertEquals([(await rig.status()).partitions, asked], [256, ["cursors"]]);
});

Deno.test("a reader that crashed goes on with its partitions", async () => {
  await using rig = new PartitionRig();
  rig.own([3]);
  await rig.commit([candles(S, 0, 2)]);
  await rig.simulator.advance(1_000);
  rig.simulator.kill("/wick/reader");
  await rig.simulator.advance(5_000);
  await rig.commit([candles(S, 2, 2)]);
  await rig.simulator.advance(1_000);
  assertEquals(stored(rig, S), textOf([candles(S, 0, 4)]));
});

Deno.test("a damaged entry becomes a letter with its head, once, and reading goes on", async () => {
  await using rig = new PartitionRig();
  await rig.commit([candles(S, 0, 1)]);
  rig.memory.append(3, [Uint8Array.from({ length: 100 }, (_, i) => i)]);
  await rig.commit([candles(S, 1, 1)]);
  rig.own([3]);
  await rig.simulator.advance(5_000);
  assertEquals(stored(rig, S), textOf([candles(S, 0, 2)]));
  const letters = rig.backend.letters({}, 10);
  assertEquals(letters.length, 1);
  const [letter] = letters;
  assertEquals([letter?.path, letter?.type, letter?.reason], ["/wick/reader", "entry", "damaged"]);
  assertEquals(letter?.error?.includes("expected the magic WKPE"), true);
  const { partition, bytes, head } = JSON.parse(letter?.payload ?? "{}");
  assertEquals([partition, bytes, head.slice(0, 8)], [3, 100, "00010203"]);
  assertEquals((await rig.status()).damaged, 1);
  // A page of nothing else.
  rig.memory.append(3, [new Uint8Array(0)]);
  await rig.simulator.advance(1_000);
  assertEquals(rig.backend.letters({}, 10).length, 2);
  assertEquals((await rig.streams.backlog([3]))[0]?.entries, 0);
});

Deno.test("what is committed is given up in the streams, and nothing else", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  rig.own([3]);
  for (let i = 0; i < 3; i++) {
    await rig.commit([candles(S, i, 1)]);
    await rig.simulator.advance(10);
  }
  const entries = async () => (await rig.streams.backlog([3]))[0]?.entries;
  pool.asked[0]?.answer();
  await rig.simulator.advance(200);
  assertEquals(await entries(), 2);
  while (pool.asked.length > 0) {
    pool.asked[0]?.answer();
    await rig.simulator.advance(10);
  }
  await rig.simulator.advance(200);
  assertEquals(await entries(), 0);
});

Deno.test("lag: what is not committed is said, with the age of the oldest", async () => {
  const { rig, pool } = slowRig();
  await using _ = rig;
  rig.own([3, 17]);
  await rig.commit([candles(S, 0, 1)]);
  await rig.simulator.advance(10_000);
  const status = await rig.status();
  assertEquals([status.waitingEntries, status.underWayBatches], [1, 1]);
  assertGreater(status.oldestMs ?? 0, 9_000);
  pool.asked[0]?.answer();
  await rig.simulator.advance(3_000);
  const after = await rig.status();
  assertEquals([after.waitingEntries, after.oldestMs], [0, null]);
});

Deno.test("streams that are away are tried again, and read on when they are back", async () => {
  await using rig = new PartitionRig();
  rig.own([3]);
  rig.memory.isAway = true;
  await rig.simulator.advance(20_000);
  assertEquals((await rig.status()).state, "away");
  rig.memory.isAway = false;
  await rig.commit([candles(S, 0, 1)]);
  await rig.simulator.advance(6_000);
  assertEquals(stored(rig, S), textOf([candles(S, 0, 1)]));
  assertEquals((await rig.status()).state, "ok");
});

Deno.test("streams that lost everything are read from their new beginning", async () => {
  await using rig = new PartitionRig();
  rig.own([3]);
  for (let i = 0; i < 5; i++) await rig.commit([candles(S, 100 * i, 100)]);
  await rig.simulator.advance(1_000);
  rig.memory.empty();
  await rig.commit([candles(S, 500, 1)]);
  await rig.simulator.advance(1_000);
  assertEquals(stored(rig, S), textOf([candles(S, 0, 501)]));
});
