/** The label pool, its workers and the store, in the simulator. */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { Simulator, type TellRef } from "../../src/actor/mod.ts";
import { rowObject } from "../../src/label/row_object.ts";
import { DEFAULT_PARAMS, type LabelParams, paramHash } from "../../src/label/params.ts";
import { type CandleBlock, CandleBuilder, LabelStatus } from "../../src/market/block.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { LabelPool, LabelSink, type PublishedLabels } from "../../actors/protocols.ts";
import { PATHS, wickRefs, wickTree } from "../../actors/tree.ts";
import { labelRow } from "../store/support.ts";
import { PoolRig as Rig, SEED } from "./pool_rig.ts";
import { SpyStore } from "./spy_store.ts";
import {
  ArraySource,
  assertStoreHolds,
  calmWalkOf,
  labelledRows,
  randomStream,
  rowsOf,
  walkOf,
} from "./support.ts";

const S = "EUR_USD:M1";
const HASH = paramHash(DEFAULT_PARAMS);
/** Columns of a label row before those that the fixed horizon decides. */
const BARRIER_COLUMNS = 15;

/** A sink that hands what it is told to a function, at once. */
function sinkOf(onLabels: (published: PublishedLabels) => void) {
  const tell = (_type: string, payload: unknown) => {
    onLabels(payload as PublishedLabels);
    return "accepted" as const;
  };
  const offer = () => Promise.resolve("accepted" as const);
  return { path: "/sink", protocol: LabelSink, tell, offer } as TellRef<
    typeof LabelSink.definition
  >;
}

interface Row {
  readonly seq: number;
  readonly series: string;
  readonly ts: number;
  readonly revision: number;
  readonly isRemoved: boolean;
  readonly values: readonly number[];
}

function publishedRows({ seq, labels, runs, revisions, removed }: PublishedLabels): Row[] {
  return runs.flatMap(({ series, from, to }) =>
    Array.from({ length: to - from }, (_, i) => ({
      seq,
      series,
      ts: labels.ts[from + i] as number,
      revision: revisions[from + i] as number,
      isRemoved: removed[from + i] === 1,
      values: labelRow(labels, from + i),
    }))
  );
}

function corrected(block: CandleBlock, row: number, factor: number): CandleBlock {
  const one = rowsOf(block, row, row + 1);
  for (const column of [one.open, one.high, one.low, one.close]) {
    column[0] = (column[0] as number) * factor;
  }
  return one;
}

// ---- order ----------------------------------------------------------------------------------------

Deno.test("the pool commits, then acknowledges, then publishes, in the order of commits", async () => {
  const events: string[] = [];
  const backend = new SpyStore();
  backend.onCommit = (seq) => events.push(`commit ${seq}`);
  // A microtask later, as the acknowledgement arrives one microtask after it was given.
  const sink = sinkOf(({ seq }) => queueMicrotask(() => events.push(`labels ${seq}`)));
  await using rig = new Rig(backend, { sink });
  const block = walkOf(SEED, S, 200);
  for (let i = 0; i < 4; i++) {
    const reply = rig.ingest([rowsOf(block, 50 * i, 50 * i + 50)]);
    const noted = reply.then((made) => {
      events.push(`reply ${made.state === "committed" ? made.seq : made.state}`);
    });
    await rig.run(noted);
  }
  await rig.simulator.run();
  const seqs = [1, 2, 3, 4];
  assertEquals(events, seqs.flatMap((seq) => [`commit ${seq}`, `reply ${seq}`, `labels ${seq}`]));
});

Deno.test("the pool neither acknowledges nor publishes while a commit is under way", async () => {
  const published: PublishedLabels[] = [];
  const backend = new SpyStore();
  await using rig = new Rig(backend, { sink: sinkOf((one) => published.push(one)) });
  backend.hold();
  let isAnswered = false;
  const reply = rig.ingest([walkOf(SEED, S, 100)]);
  reply.then(() => isAnswered = true);
  await rig.simulator.advance(1_000);
  assertEquals([isAnswered, published.length, backend.calls.at(-1)?.type], [false, 0, "commit"]);
  backend.release();
  assertEquals((await rig.run(reply)).state, "committed");
  await rig.simulator.run();
  assertEquals(published.length, 1);
});

Deno.test("the pool publishes nothing of a commit that was refused", async () => {
  const published: PublishedLabels[] = [];
  const backend = new SpyStore();
  await using rig = new Rig(backend, { sink: sinkOf((one) => published.push(one)) });
  backend.refuse = () => ({ state: "refused", code: "full", message: "the disk is full" });
  const block = walkOf(SEED, S, 100);
  const reply = await rig.run(rig.ingest([block]));
  assertEquals(reply, { state: "failed", code: "full", message: "the disk is full" });
  assertEquals(published.length, 0);
  backend.refuse = () => null;
  await rig.commit([block]);
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

Deno.test("the pool publishes each row of the log once, in order", async () => {
  const published: PublishedLabels[] = [];
  const backend = new SpyStore();
  await using rig = new Rig(backend, { sink: sinkOf((one) => published.push(one)) });
  const batches = randomStream(SEED, { series: 5, bars: 150, blockRowsMax: 20, changes: 0.2 });
  for (const batch of batches) await rig.commit(batch);
  await rig.simulator.run();
  const seqs = published.map(({ seq }) => seq);
  assertEquals(seqs, [...new Set(seqs)].toSorted((a, b) => a - b));
  assertEquals(
    published.flatMap(publishedRows),
    backend.labelsAfter(0, Infinity).flatMap(publishedRows),
  );
});

Deno.test("labels published do not change when later candles do", async () => {
  const block = calmWalkOf(SEED, S, 160);
  const futures = [rowsOf(block, 100), corrected(rowsOf(block, 100), 0, 1.5)];
  const histories: string[] = [];
  for (const future of futures) {
    const published: Row[] = [];
    const sink = sinkOf((one) => published.push(...publishedRows(one)));
    await using rig = new Rig(new SpyStore(), { sink });
    for (let i = 0; i < 100; i++) await rig.commit([rowsOf(block, i, i + 1)]);
    await rig.simulator.run();
    histories.push(JSON.stringify(published));
    const before = new Map(published.map((row) => [row.ts, row.values]));
    published.length = 0;
    await rig.commit([future]);
    await rig.simulator.run();
    // The second half of a row may come; the first stays as it was.
    for (const { ts, values } of published) {
      const was = before.get(ts);
      if (was !== undefined) {
        assertEquals(values.slice(0, BARRIER_COLUMNS), was.slice(0, BARRIER_COLUMNS));
      }
    }
    assertGreater(published.length, 0);
  }
  assertEquals(histories[0], histories[1]);
});

Deno.test("a correction publishes only labels in its reach that changed (R11)", async () => {
  const published: Row[] = [];
  const backend = new SpyStore();
  const sink = sinkOf((one) => published.push(...publishedRows(one)));
  await using rig = new Rig(backend, { sink });
  const block = calmWalkOf(SEED, S, 400);
  await rig.commit([block]);
  await rig.simulator.run();
  published.length = 0;
  const k = 200;
  const reply = await rig.commit([corrected(block, k, 1.0005)]);
  await rig.simulator.run();
  assertEquals(published.length, reply.revised + reply.labels);
  assert(published.length > 0 && published.length <= DEFAULT_PARAMS.horizon + 21);
  for (const { ts } of published) {
    assert(ts >= (block.ts[k - DEFAULT_PARAMS.horizon] as number));
    assert(ts <= (block.ts[k + 20] as number));
  }
  // The same candle again is no change at all.
  published.length = 0;
  await rig.commit([corrected(block, k, 1.0005)]);
  await rig.simulator.run();
  assertEquals(published, []);
});

// ---- refusals ---------------------------------------------------------------------------------------

Deno.test("the pool refuses what it has no room for, and takes it later", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  const many = new CandleBuilder(S, 131_072);
  for (let i = 0; i < 131_072; i++) many.push(i * 60_000, 1, 1, 1, 1, 1);
  backend.hold();
  const first = rig.ingest([many.finish()]);
  await rig.simulator.run();
  const one = [walkOf(SEED, "A:M1", 1)];
  const refused = await rig.run(rig.ingest(one, { priority: 10 }));
  assert(refused.state === "refused" && refused.code === "room" && refused.retryAfterMs > 0);
  assertGreater(refused.reason.length, 0);
  backend.release();
  assertEquals((await rig.run(first)).state, "committed");
  assertEquals(await rig.code(one), "committed");
});

Deno.test("the pool refuses by expected delay and priority, what can wait never", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  backend.hold();
  const held = [rig.ingest([walkOf(SEED, S, 5)])];
  await rig.simulator.advance(59);
  const live = { bulk: false } as const;
  held.push(rig.ingest([walkOf(SEED, "A:M1", 5)], { ...live, priority: 0 }));
  await rig.simulator.advance(11);
  const refused = await rig.run(rig.ingest([walkOf(SEED, "B:M1", 5)], live));
  assert(refused.state === "refused");
  // 70 ms by now: 50 above where refusing ends.
  assertEquals([refused.code, refused.retryAfterMs], ["overload", 50]);
  held.push(rig.ingest([walkOf(SEED, "C:M1", 5)], { ...live, priority: 10 }));
  held.push(rig.ingest([walkOf(SEED, "D:M1", 5)], { priority: 0, bulk: true }));
  const compute = await rig.compute({ priority: 5 });
  assert(compute.state === "refused");
  assertEquals([compute.code, compute.retryAfterMs], ["overload", 50]);
  const status = await rig.run(rig.pool.ask("status", {}));
  assertEquals([status.queuedBatches, status.queuedRows, status.delayMs], [4, 20, 70]);
  assertEquals([status.accepted, status.refused], [2, 2]);
  backend.release();
  const states = await rig.run(Promise.all(held));
  assertEquals(states.map(({ state }) => state), Array(4).fill("committed"));
  assertEquals(await rig.code([walkOf(SEED, "B:M1", 5)], { ...live, priority: 0 }), "committed");
});

Deno.test("the pool takes the batches of a feed only in their order", async () => {
  await using rig = new Rig(new SpyStore());
  const block = walkOf(SEED, S, 40);
  const send = (feed: string | null, after: string | null, cursor: string, row: number) =>
    rig.code([rowsOf(block, row, row + 10)], { feed, after, cursor });
  assertEquals(await send("feed", null, "1", 0), "committed");
  assertEquals(await send("feed", "2", "3", 20), "order");
  assertEquals(await send("feed", null, "1", 0), "order");
  assertEquals(await send("other", null, "x", 30), "committed");
  assertEquals(await send("feed", "1", "2", 10), "committed");
  assertEquals(await send("feed", "2", "3", 20), "committed");
});

Deno.test("an empty batch moves its feed's cursor, in its turn", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  backend.hold();
  const block = walkOf(SEED, S, 10);
  const replies = [
    rig.ingest([block], { feed: "feed", after: null, cursor: "1" }),
    rig.ingest([], { feed: "feed", after: "1", cursor: "2" }),
    rig.ingest([rowsOf(block, 0, 0)], { feed: "feed", after: "2", cursor: "3" }),
  ];
  await rig.simulator.run();
  assertEquals(backend.cursor("feed"), null);
  backend.release();
  const states = (await rig.run(Promise.all(replies))).map(({ state }) => state);
  assertEquals(states, ["committed", "committed", "committed"]);
  assertEquals(backend.cursor("feed"), "3");
  assertEquals(backend.series(), [{ series: S, count: 10, lastTs: block.ts[9] ?? NaN }]);
});

// ---- state ------------------------------------------------------------------------------------------

Deno.test("a cold series is rehydrated from its last H + 21 candles and nothing else", async () => {
  for (const horizon of [1, 6, 24, 288]) {
    const params = { ...DEFAULT_PARAMS, horizon };
    const memory = new MemoryStore();
    const block = walkOf(SEED, S, 900);
    {
      await using rig = new Rig(new SpyStore(memory), { params });
      await rig.commit([rowsOf(block, 0, 700)]);
    }
    const backend = new SpyStore(memory);
    await using rig = new Rig(backend, { params });
    for (let i = 700; i < 900; i += 50) await rig.commit([rowsOf(block, i, i + 50)]);
    const [first, ...others] = backend.calls;
    assertEquals(first, { type: "tails", series: [S], bars: horizon + 21 });
    assertEquals(others.map(({ type }) => type), Array(4).fill("commit"));
    await assertStoreHolds(backend, [[block]], params);
  }
});

Deno.test("cold series of one turn are asked for together", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  const names = Array.from({ length: 30 }, (_, i) => `S${i}:M1`);
  await rig.commit(names.map((name) => walkOf(SEED, name, 5)));
  assertEquals(backend.calls.map(({ type }) => type), ["tails", "commit"]);
});

Deno.test("a rewrite waits for what is before it, and what is after it waits for the rewrite", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  const block = walkOf(SEED, S, 300);
  await rig.commit([rowsOf(block, 0, 200)]);
  backend.calls.length = 0;
  backend.hold();
  const change = corrected(block, 150, 1.01);
  const replies = [
    rig.ingest([rowsOf(block, 200, 250)]),
    rig.ingest([change]),
    rig.ingest([rowsOf(block, 250, 300)]),
  ];
  await rig.simulator.advance(100);
  assertEquals(backend.calls.map(({ type }) => type), ["commit"]);
  backend.release();
  const states = (await rig.run(Promise.all(replies))).map(({ state }) => state);
  assertEquals(states, ["committed", "committed", "committed"]);
  const calls = backend.calls.map(({ type }) => type);
  assertEquals(calls, ["commit", "window", "commit", "tails", "commit"]);
  await assertStoreHolds(backend, [[block], [change]], DEFAULT_PARAMS);
});

Deno.test("candles from before what the store keeps are dead letters, not retried", async () => {
  const backend = new SpyStore(new MemoryStore({ barsMax: 100 }));
  await using rig = new Rig(backend);
  const block = walkOf(SEED, S, 600);
  for (let i = 0; i < 500; i += 20) await rig.commit([rowsOf(block, i, i + 20)]);
  const held = backend.candles(S, -Infinity, Infinity, Infinity);
  const reply = await rig.commit([corrected(block, 5, 1.1)], {
    feed: "feed",
    after: null,
    cursor: "1",
  });
  assertEquals([reply.corrected, reply.candles], [0, 0]);
  assertEquals(backend.cursor("feed"), "1");
  assertEquals(backend.candles(S, -Infinity, Infinity, Infinity), held);
  const [letter, ...more] = rig.simulator.system.deadLetters.list({ path: "/wick/pool" });
  assertEquals(more, []);
  assertEquals([letter?.type, letter?.reason], ["candles", "unhandled"]);
  assert(letter?.error?.includes(S));
  assertEquals((await rig.run(rig.pool.ask("status", {}))).failures, 0);
  await rig.commit([rowsOf(block, 500, 600)]);
});

Deno.test("good candles beside one that is too old are kept", async () => {
  const backend = new SpyStore(new MemoryStore({ barsMax: 100 }));
  await using rig = new Rig(backend);
  const block = walkOf(SEED, S, 520);
  for (let i = 0; i < 500; i += 20) await rig.commit([rowsOf(block, i, i + 20)]);
  const mixed = new CandleBuilder(S, 4);
  mixed.pushBlock(corrected(block, 5, 1.1));
  mixed.pushBlock(corrected(block, 490, 1.1));
  mixed.pushDeleted(block.ts[3] as number);
  mixed.pushBlock(rowsOf(block, 500, 510));
  const reply = await rig.commit([mixed.finish()]);
  assertEquals([reply.candles, reply.corrected], [10, 1]);
  const [letter] = rig.simulator.system.deadLetters.list({ path: "/wick/pool" });
  const buried = (letter?.payload as { candles: CandleBlock }).candles;
  assertEquals([...buried.ts], [block.ts[5], block.ts[3]]);
  await rig.commit([rowsOf(block, 510, 520)]);
  // What is kept is labelled as the whole series is.
  const all = [[rowsOf(block, 0, 500)], [corrected(block, 490, 1.1)], [rowsOf(block, 500)]];
  const whole = new SpyStore();
  await using other = new Rig(whole);
  for (const blocks of all) await other.commit(blocks);
  const from = block.ts[470] as number;
  const kept = (of: SpyStore) => of.labels(S, HASH, from, Infinity, Infinity).labels;
  assertEquals(kept(backend), kept(whole));
});

Deno.test("a worker that holds few series gives the same labels", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend, { workers: 1, seriesMax: 2 });
  const batches = randomStream(SEED, { series: 6, bars: 60, blockRowsMax: 8, changes: 0.05 });
  for (const batch of batches) {
    for (let tries = 0;; tries++) {
      assertLessOrEqual(tries, 3);
      const reply = await rig.run(rig.ingest(batch));
      if (reply.state === "committed") break;
      assert(reply.state === "failed" && reply.code === "worker");
    }
  }
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
});

Deno.test("large batches, whose memory is used again, give the same labels", async () => {
  const backend = new SpyStore();
  const published: PublishedLabels[] = [];
  const atOnce: Row[][] = [];
  const sink = sinkOf((one) => {
    published.push(one);
    atOnce.push(publishedRows(one));
  });
  await using rig = new Rig(backend, { sink, workers: 2 });
  const blocks = [S, "GBP_USD:M1", "USD_JPY:M1"].map((series) => walkOf(SEED, series, 24_000));
  const sizes = [0, 6_000, 12_000, 12_050, 18_000, 24_000];
  for (const [i, to] of sizes.entries()) {
    if (i > 0) await rig.commit(blocks.map((block) => rowsOf(block, sizes[i - 1] as number, to)));
  }
  await assertStoreHolds(backend, [blocks], DEFAULT_PARAMS);
  assertEquals(published.map(publishedRows), atOnce);
});

Deno.test("after a worker's crash batches go back once and are then labelled anew", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend, { workers: 1 });
  const block = walkOf(SEED, S, 200);
  await rig.commit([rowsOf(block, 0, 100)]);
  rig.simulator.kill("/wick/worker-0");
  await rig.simulator.run();
  const lost = await rig.run(rig.ingest([rowsOf(block, 100)]));
  assert(lost.state === "failed" && lost.code === "worker");
  assertEquals(backend.series()[0]?.count, 100);
  await rig.commit([rowsOf(block, 100)]);
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

Deno.test("an answer on its way over the pool's restart does not pass for a new one", async () => {
  let isHeldUp = true;
  const holdUp = (_path: string, type: string) => {
    if (type !== "committed" || !isHeldUp) return 0;
    isHeldUp = false;
    return 300;
  };
  const backend = new SpyStore();
  await using rig = new Rig(backend, { holdUp });
  const first = rig.ingest([walkOf(SEED, S, 30)]).catch((error) => error.code);
  await rig.simulator.run();
  assertEquals(backend.seq, 1);
  rig.simulator.kill("/wick/pool");
  await rig.simulator.run();
  assertEquals(await first, "actor_failed");
  backend.hold();
  let isAnswered = false;
  const second = rig.ingest([walkOf(SEED, "A:M1", 30)]);
  second.then(() => isAnswered = true);
  await rig.simulator.advance(1_000);
  assertEquals([isHeldUp, isAnswered, backend.seq], [false, false, 1]);
  backend.release();
  const reply = await rig.run(second);
  assert(reply.state === "committed" && reply.seq === 2);
});

Deno.test("after a failure a feed's batches are taken from its committed cursor on", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  const block = walkOf(SEED, S, 30);
  const send = (after: string | null, cursor: string, row: number) =>
    rig.code([rowsOf(block, row, row + 10)], { feed: "feed", after, cursor });
  assertEquals(await send(null, "1", 0), "committed");
  backend.refuse = () => ({ state: "refused", code: "busy", message: "locked" });
  assertEquals(await send("1", "2", 10), "busy");
  backend.refuse = () => null;
  assertEquals(await send("1", "2", 10), "committed");
  assertEquals(await send("2", "3", 20), "committed");
});

Deno.test("a batch rewrites several series together, cold ones too", async () => {
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  const names = ["A:M1", "B:M1", "C:M1"];
  const blocks = names.map((name) => walkOf(SEED, name, 120));
  await rig.commit(blocks.map((block) => rowsOf(block, 0, 100)));
  rig.simulator.kill("/wick/pool");
  // The first is warm again, the others are cold.
  await rig.commit([rowsOf(blocks[0] as CandleBlock, 100)]);
  backend.calls.length = 0;
  const changes = blocks.map((block) => corrected(block, 60, 1.01));
  const reply = await rig.commit(changes);
  assertEquals(reply.corrected, 3);
  const windows = backend.calls.filter(({ type }) => type === "window");
  assertEquals(windows.length, 3);
  const all = [blocks.map((block, i) => i === 0 ? block : rowsOf(block, 0, 100)), changes];
  await assertStoreHolds(backend, all, DEFAULT_PARAMS);
});

// ---- several feeds ------------------------------------------------------------------------------------

/** Runs feeds to their ends in the simulator. */
async function runFeeds(backend: SpyStore, streams: readonly CandleBlock[][][]): Promise<void> {
  const names = streams.map((_, i) => `feed-${i}`);
  const feeds = names.map((name, i) => ({
    name,
    source: () => new ArraySource(name, streams[i] as CandleBlock[][]),
  }));
  const options = { workers: 2, store: { kind: "open", backend } as const, feeds };
  const simulator = new Simulator({
    seed: SEED,
    system: wickTree({ ...options, system: { log: null, intensity: 1_000 } }),
  });
  const wick = wickRefs(simulator.system);
  const ended = Promise.all(
    names.map((name) => wick.feed(name).ask("ended", {}, { timeoutMs: 3_600_000 })),
  );
  await simulator.advance(3_000_000);
  await ended;
  const stopped = simulator.system.stop();
  await simulator.run();
  await stopped;
}

Deno.test("two feeds of different series are committed side by side", async () => {
  const streams = [0, 1].map((i) =>
    randomStream(SEED + i, { series: 4, bars: 120, blockRowsMax: 20, changes: 0.1 })
      .map((batch) => batch.map((block) => ({ ...block, series: `F${i}${block.series}` })))
  );
  const backend = new SpyStore();
  await runFeeds(backend, streams);
  for (const stream of streams) await assertStoreHolds(backend, stream, DEFAULT_PARAMS);
  streams.forEach((stream, i) => assertEquals(backend.cursor(`feed-${i}`), `${stream.length}`));
});

Deno.test("several feeds of one series come to the labels of all their candles", async () => {
  const block = walkOf(SEED, S, 240);
  const streams = [0, 1, 2].map((feed) =>
    Array.from({ length: 20 }, (_, batch) => {
      const part = new CandleBuilder(S, 8);
      for (let i = 12 * batch + feed; i < 12 * (batch + 1); i += 3) {
        part.pushBlock(rowsOf(block, i, i + 1));
      }
      return [part.finish()];
    })
  );
  const backend = new SpyStore();
  await runFeeds(backend, streams);
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

// ---- requests ---------------------------------------------------------------------------------------

/** Rows that the pure labeler gives for a range. */
function pureRows(block: CandleBlock, params: LabelParams, fromTs: number, toTs: number) {
  const rows = labelledRows(block, params);
  return [...rows.ts.keys()]
    .filter((row) => (rows.ts[row] as number) >= fromTs && (rows.ts[row] as number) < toTs)
    .map((row) => rowObject(rows, row));
}

Deno.test("compute gives the rows of the pure labeler for any parameters and range", async () => {
  const block = walkOf(SEED, S, 700);
  await using rig = new Rig(new SpyStore());
  await rig.commit([block]);
  const at = (row: number) => block.ts[row] as number;
  const ranges = [[-8.64e15, 8.64e15], [at(0), at(40)], [at(333), at(334)], [at(650), at(699) + 1]];
  const given: Partial<LabelParams>[] = [
    {},
    { horizon: 24, up: 0.5, down: 0.7, tie: "upper", vertical: "sign" },
    { horizon: 288 },
    { horizon: 12, volatility: "yang-zhang", maxGapMs: 200_000 },
    { volatility: "ewma" },
  ];
  for (const params of given) {
    for (const [fromTs = NaN, toTs = NaN] of ranges) {
      const reply = await rig.compute({ params, fromTs, toTs });
      assert(reply.state === "ok");
      const expected = pureRows(block, { ...DEFAULT_PARAMS, ...params }, fromTs, toTs);
      assertEquals(reply.rows, expected);
    }
  }
});

Deno.test("compute gives at most limit rows, none for what is not there, and says its cost", async () => {
  const block = walkOf(SEED, S, 300);
  const backend = new SpyStore();
  await using rig = new Rig(backend);
  await rig.commit([block]);
  const fromTs = block.ts[100] as number;
  backend.calls.length = 0;
  const some = await rig.compute({ fromTs, limit: 7 });
  assert(some.state === "ok");
  assertEquals(some.rows, pureRows(block, DEFAULT_PARAMS, fromTs, block.ts[107] as number));
  // H + 21 candles on either side, not all that lie in the range.
  assertEquals(backend.calls, [{ type: "window", series: S, candles: 7 + 2 * 27 }]);
  assertEquals(LabelPool.definition.compute.reply.parse(some), some);
  assert(some.tookMs >= 0 && some.cacheHit === false);
  const { state: none, ...rest } = await rig.compute({ series: "NOT:M1" });
  assertEquals([none, rest], ["ok", { rows: [], tookMs: 0, cacheHit: false }]);
  const empty = await rig.compute({ fromTs, toTs: fromTs });
  assertEquals(empty, { state: "ok", rows: [], tookMs: 0, cacheHit: false });
});

Deno.test("compute fails its asker, not the pool, when a worker fails", async () => {
  await using rig = new Rig(new SpyStore());
  await rig.commit([walkOf(SEED, S, 50)]);
  const asked = rig.compute({ params: { horizon: 20_000 } });
  assertEquals(await asked.then(() => "ok", (error) => error.code), "actor_failed");
  assertEquals((await rig.compute({})).state, "ok");
});

Deno.test("labels of other parameters never answer", async () => {
  const memory = new MemoryStore();
  const block = calmWalkOf(SEED, S, 400);
  const other = { ...DEFAULT_PARAMS, horizon: 12 };
  {
    await using rig = new Rig(new SpyStore(memory), { params: other });
    await rig.commit([rowsOf(block, 0, 300)]);
  }
  const before = memory.labels(S, paramHash(other), -Infinity, Infinity, Infinity);
  await using rig = new Rig(new SpyStore(memory));
  await rig.commit([rowsOf(block, 300)]);
  assertEquals(memory.labels(S, paramHash(other), -Infinity, Infinity, Infinity), before);
  const fresh = memory.labels(S, HASH, -Infinity, Infinity, Infinity).labels;
  const expected = labelledRows(block, DEFAULT_PARAMS);
  const rowAt = new Map([...expected.ts].map((ts, row) => [ts, row]));
  assert(fresh.length > 0 && (fresh.ts[0] as number) >= (block.ts[293] as number));
  for (let i = 0; i < fresh.length; i++) {
    const row = rowAt.get(fresh.ts[i] as number) as number;
    assertEquals(fresh.tbStatus[i], LabelStatus.final);
    // A half that a break cut off is pending when it is told live and broken in the end.
    const columns = fresh.fhStatus[i] === LabelStatus.final ? Infinity : BARRIER_COLUMNS;
    assertEquals(labelRow(fresh, i).slice(0, columns), labelRow(expected, row).slice(0, columns));
  }
  const asked = await rig.compute({ params: { horizon: 48 } });
  assert(asked.state === "ok" && asked.rows.length === 400);
  const stored = memory.labels(S, paramHash({ horizon: 48 }), -Infinity, Infinity, Infinity);
  assertEquals(stored.labels.length, 0);
});

Deno.test("the pool lies where the tree says", () => {
  assertEquals(PATHS.pool, "core/work/ingest/label_pool");
});
