/** Who labels: the live worker, the threads, and series that move between them. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { type Random, seededRandom, Simulator } from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { type CandleBlock, concatCandles } from "../../src/market/block.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { IngestReply } from "../../actors/protocols.ts";
import { LabelWorker } from "../../actors/protocols.ts";
import { PATHS, wickRefs, wickTree } from "../../actors/tree.ts";
import { contentsOf, sortedLog } from "../store/support.ts";
import { PoolRig, type RigOptions, SEED } from "./pool_rig.ts";
import { SpyStore } from "./spy_store.ts";
import { ArraySource, assertStoreHolds, randomStream, rowsOf, walkOf } from "./support.ts";

const HASH = paramHash(DEFAULT_PARAMS);
const S = "EUR_USD:M1";

/** Rows of a batch up to which the live worker has it. */
const LIVE_ROWS = 128;
/** Parts in a row of the other kind after which a series moves. */
const MOVES_AFTER = 8;

function rowsIn(batch: readonly CandleBlock[]): number {
  return batch.reduce((sum, { length }) => sum + length, 0);
}

/** Small batches in stretches, and stretches of as many made into large ones, in turn. */
function inStretches(batches: readonly CandleBlock[][], random: Random): CandleBlock[][] {
  const found: CandleBlock[][] = [];
  for (let at = 0, isSmall = true; at < batches.length; isSmall = !isSmall) {
    const count = MOVES_AFTER + 4 + Math.floor(random.next() * 12);
    if (isSmall) {
      found.push(...batches.slice(at, at += count));
      continue;
    }
    for (let i = 0; i < count && at < batches.length; i++) {
      const large: CandleBlock[] = [];
      while (at < batches.length && rowsIn(large) <= LIVE_ROWS) {
        large.push(...batches[at++] as CandleBlock[]);
      }
      found.push(mergedBySeries(large));
    }
  }
  return found;
}

function mergedBySeries(blocks: readonly CandleBlock[]): CandleBlock[] {
  return [...Map.groupBy(blocks, ({ series }) => series).values()].map(concatCandles);
}

/** Sends one batch after the other. */
async function commitAll(rig: PoolRig, batches: readonly CandleBlock[][]): Promise<void> {
  for (const batch of batches) await rig.commit(batch);
}

/** Sends batches without waiting, so many at a time; all must be committed. */
async function stream(rig: PoolRig, batches: readonly CandleBlock[][], atOnce: number) {
  const replies: Promise<IngestReply>[] = [];
  for (let at = 0; at < batches.length; at += atOnce) {
    const some = batches.slice(at, at + atOnce).map((batch) => rig.ingest(batch));
    replies.push(...some);
    // Of several the last one is still under way when the next ones come.
    await rig.run((some.at(-2) ?? some[0]) as Promise<IngestReply>);
  }
  const states = (await rig.run(Promise.all(replies))).map(({ state }) => state);
  assertEquals(states, batches.map(() => "committed"));
}

function seriesIn(batches: readonly CandleBlock[][]): string[] {
  return [...new Set(batches.flat().map(({ series }) => series))].toSorted();
}

// ---- the same labels ------------------------------------------------------------------------------

/** Everything a store holds after these batches, and how much each kind of worker labelled. */
async function labelledBy(batches: readonly CandleBlock[][], options: RigOptions) {
  const backend = new SpyStore();
  await using rig = new PoolRig(backend, options);
  await commitAll(rig, batches);
  return {
    backend,
    contents: await contentsOf(backend, seriesIn(batches), [HASH], []),
    labelled: await rig.labelled(),
  };
}

Deno.test("series come to the same rows, revisions and log, live or in threads", async () => {
  for (const blockRowsMax of [1, 5, 70, 700]) {
    const bars = blockRowsMax === 1 ? 60 : 50 + 2 * blockRowsMax;
    const batches = randomStream(SEED, { series: 4, bars, blockRowsMax, changes: 0.1 });
    const threads = await labelledBy(batches, { workers: 2 });
    await assertStoreHolds(threads.backend, batches, DEFAULT_PARAMS);
    assertEquals(threads.labelled.live, 0);
    const live = await labelledBy(batches, { live: true, workers: 0 });
    assertEquals(live.labelled, { live: threads.labelled.threads, threads: 0 });
    const both = await labelledBy(batches, { live: true, workers: 2 });
    assertEquals(both.labelled.live + both.labelled.threads, threads.labelled.threads);
    assertEquals(live.contents, threads.contents);
    assertEquals(both.contents, threads.contents);
    if (blockRowsMax <= 5) assertEquals(both.labelled.threads, 0);
  }
});

Deno.test("a block cut anywhere comes to the labels of the whole", async () => {
  const block = walkOf(SEED, S, 1_200);
  const random = seededRandom(SEED);
  const whole = await labelledBy([[block]], { live: true });
  assertEquals(whole.labelled, { live: 0, threads: 1_200 });
  for (const sizes of [[1, 2, 3], [LIVE_ROWS, LIVE_ROWS + 1], [1, 300], [31]]) {
    const batches: CandleBlock[][] = [];
    for (let at = 0; at < block.length;) {
      const size = sizes[Math.floor(random.next() * sizes.length)] as number;
      batches.push([rowsOf(block, at, Math.min(block.length, at += size))]);
    }
    const { contents, labelled } = await labelledBy(batches, { live: true });
    assertEquals(labelled.live + labelled.threads, 1_200);
    assertEquals(contents.candles, whole.contents.candles);
    const rowsOfAll = ({ labels }: typeof contents) =>
      labels[`${S} ${HASH}`]?.map(({ values }) => values);
    assertEquals(rowsOfAll(contents), rowsOfAll(whole.contents), `sizes ${sizes}`);
  }
});

// ---- who labels -----------------------------------------------------------------------------------

Deno.test("a batch of at most 128 rows goes to the live worker, a larger one to a thread", async () => {
  await using rig = new PoolRig(new SpyStore(), { live: true });
  await rig.commit([walkOf(SEED, "A:M1", LIVE_ROWS)]);
  assertEquals(await rig.labelled(), { live: LIVE_ROWS, threads: 0 });
  await rig.commit([walkOf(SEED, "B:M1", LIVE_ROWS + 1)]);
  assertEquals(await rig.labelled(), { live: LIVE_ROWS, threads: LIVE_ROWS + 1 });
  // All of a batch counts, not its parts.
  await rig.commit([walkOf(SEED, "C:M1", 100), walkOf(SEED, "D:M1", 100)]);
  assertEquals(await rig.labelled(), { live: LIVE_ROWS, threads: LIVE_ROWS + 201 });
});

Deno.test("a series moves after eight parts in a row of the other kind, not before", async () => {
  const backend = new SpyStore();
  await using rig = new PoolRig(backend, { live: true });
  const block = walkOf(SEED, S, 2_000);
  let at = 0;
  const commit = (rows: number) => rig.commit([rowsOf(block, at, at += rows)]);
  await commit(200);
  // A large one in between begins the count anew.
  for (let i = 0; i < MOVES_AFTER - 1; i++) await commit(2);
  await commit(200);
  for (let i = 0; i < MOVES_AFTER - 1; i++) await commit(2);
  const before = await rig.labelled();
  assertEquals(before, { live: 0, threads: at });
  backend.calls.length = 0;
  await commit(2);
  assertEquals(await rig.labelled(), { live: 2, threads: at - 2 });
  // It is a read of the tail that a move costs.
  assertEquals(backend.calls.map(({ type }) => type), ["tails", "commit"]);
  for (let i = 0; i < MOVES_AFTER - 1; i++) await commit(150);
  const threads = (await rig.labelled()).threads;
  await commit(150);
  assertEquals((await rig.labelled()).threads, threads + 150);
  await assertStoreHolds(backend, [[rowsOf(block, 0, at)]], DEFAULT_PARAMS);
});

Deno.test("a series that is to move waits until nothing of it is under way", async () => {
  const backend = new SpyStore();
  await using rig = new PoolRig(backend, { live: true });
  const block = walkOf(SEED, S, 400);
  await rig.commit([rowsOf(block, 0, 200)]);
  backend.calls.length = 0;
  backend.hold();
  const replies = Array.from(
    { length: 20 },
    (_, i) => rig.ingest([rowsOf(block, 200 + 10 * i, 210 + 10 * i)]),
  );
  await rig.simulator.advance(1_000);
  // Seven went to the thread; the eighth made the series wait for their commit.
  const thread = await rig.labelled();
  assertEquals(thread, { live: 0, threads: 200 + 10 * (MOVES_AFTER - 1) });
  assertEquals(backend.calls.map(({ type }) => type), ["commit"]);
  backend.release();
  const states = (await rig.run(Promise.all(replies))).map(({ state }) => state);
  assertEquals(states, replies.map(() => "committed"));
  assertEquals(await rig.labelled(), { live: 130, threads: 270 });
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

Deno.test("labels that wait for their commit stay as they are while more are made", async () => {
  const backend = new SpyStore();
  await using rig = new PoolRig(backend, { live: true });
  const blocks = Array.from({ length: 40 }, (_, i) => walkOf(SEED + i, `S${i}:M1`, 150));
  for (const block of blocks) await rig.commit([rowsOf(block, 0, 50)]);
  backend.hold();
  const replies: Promise<IngestReply>[] = [];
  for (const from of [50, 100]) {
    for (const block of blocks) {
      replies.push(rig.ingest([rowsOf(block, from, from + 50)]));
      await rig.simulator.run();
    }
  }
  // All labelled, and far more rows than a block of the worker's has.
  assertEquals(await rig.labelled(), { live: 6_000, threads: 0 });
  backend.release();
  const states = (await rig.run(Promise.all(replies))).map(({ state }) => state);
  assertEquals(states, replies.map(() => "committed"));
  await assertStoreHolds(backend, [blocks], DEFAULT_PARAMS);
});

// ---- moves in the middle of work ------------------------------------------------------------------

Deno.test("series move while batches and corrections come, and nothing is lost or doubled", async () => {
  for (const atOnce of [1, 3, 30]) {
    const small = randomStream(SEED + atOnce, {
      series: 5,
      bars: 2_500,
      blockRowsMax: 8,
      changes: 0.03,
    });
    const batches = inStretches(small, seededRandom(SEED));
    const backend = new SpyStore();
    await using rig = new PoolRig(backend, { live: true });
    await stream(rig, batches, atOnce);
    const { live, threads } = await rig.labelled();
    assert(live > 500 && threads > 500, `live ${live}, threads ${threads}`);
    await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    // One batch after the other through one worker comes to the same, revisions included.
    const slow = await labelledBy(batches, { workers: 1 });
    const { labels, candles } = await contentsOf(backend, seriesIn(batches), [HASH], []);
    assertEquals(candles, slow.contents.candles);
    const timeless = (all: typeof labels) =>
      Object.entries(all).map(([key, rows]) => [
        key,
        rows.map(({ revision, values }) => ({ revision, values })),
      ]);
    assertEquals(timeless(labels), timeless(slow.contents.labels), `${atOnce} at once`);
    const logged = await contentsOf(backend, [], [], []);
    const keys = sortedLog(logged.log).map(({ series, ts, revision, values, removed }) =>
      JSON.stringify([series, ts, revision, removed, values])
    );
    assertEquals(new Set(keys).size, keys.length, "a row was logged twice");
  }
});

// ---- crashes --------------------------------------------------------------------------------------

/** Sends a batch until it is committed; how often it came back. */
async function commitInTheEnd(rig: PoolRig, batch: readonly CandleBlock[]): Promise<number> {
  for (let failed = 0;; failed++) {
    assert(failed < 5, "it comes back again and again");
    const reply = await rig.run(rig.ingest(batch));
    if (reply.state === "committed") return failed;
    assert(reply.state === "failed" && reply.code === "worker", JSON.stringify(reply));
  }
}

Deno.test("after a crash of the live worker its batches go back once and are labelled anew", async () => {
  const backend = new SpyStore();
  await using rig = new PoolRig(backend, { live: true });
  const block = walkOf(SEED, S, 300);
  const other = walkOf(SEED, "B:M1", 900);
  await rig.commit([other]);
  for (let i = 0; i < 10; i++) {
    assertEquals(await commitInTheEnd(rig, [rowsOf(block, 30 * i, 30 * i + 15)]), 0);
    rig.simulator.kill("/wick/live");
    await rig.simulator.run();
    assertEquals(await commitInTheEnd(rig, [rowsOf(block, 30 * i + 15, 30 * i + 30)]), 1);
  }
  await assertStoreHolds(backend, [[block], [other]], DEFAULT_PARAMS);
});

Deno.test("a crash of the live worker in the middle of moves loses and doubles nothing", async () => {
  const small = randomStream(SEED, { series: 4, bars: 2_000, blockRowsMax: 8, changes: 0.03 });
  const random = seededRandom(SEED);
  const batches = inStretches(small, random);
  const backend = new SpyStore();
  await using rig = new PoolRig(backend, { live: true });
  let back = 0;
  for (const batch of batches) {
    const under = rig.ingest(batch);
    for (let i = Math.floor(random.next() * 12); i > 0; i--) rig.simulator.scheduler.step();
    if (random.next() < 0.2) rig.simulator.kill("/wick/live");
    const reply = await rig.run(under);
    if (reply.state === "committed") continue;
    back += 1 + await commitInTheEnd(rig, batch);
  }
  assertGreater(back, 3);
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
});

/** How many nights of crashes are simulated: 4 with the tests, more with a number of one's own. */
const SOAK_SEEDS = Number(Deno.env.get("WICK_SOAK_SEEDS") ?? 4);

/** Who is down, or is told late, is looked at again. */
const LOOK = { timeoutMs: 150 } as const;

/** A feed of small and large batches through a tree in which everybody crashes now and then. */
async function nightOfCrashes(seed: number) {
  const small = randomStream(seed, { series: 5, bars: 1_500, blockRowsMax: 8, changes: 0.05 });
  const batches = inStretches(small, seededRandom(seed));
  const backend = new MemoryStore();
  const simulator = new Simulator({
    seed,
    system: wickTree({
      workers: 2,
      store: { kind: "open", backend },
      feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
      system: { log: null, intensity: 1_000 },
    }),
    faults: { crash: 0.004, delay: 0.05, delayMaxMs: 40 },
  });
  const wick = wickRefs(simulator.system);
  await simulator.run();
  const seen = { live: 0, threads: 0 };
  for (let tenths = 0; tenths < 60_000; tenths++) {
    const asked = Promise.all([
      wick.feed("feed").ask("status", {}, LOOK).catch(() => null),
      ...["live", "worker-0", "worker-1"].map((name) =>
        simulator.system.ref(LabelWorker, `${PATHS.workers}/${name}`)
          .ask("status", {}, LOOK).then(({ candles }) => candles, () => 0)
      ),
    ]);
    await simulator.advance(200);
    const [status, live, ...threads] = await asked;
    seen.live = Math.max(seen.live, live as number);
    seen.threads = Math.max(seen.threads, ...threads as number[]);
    if (status !== null && (status as { state: string }).state === "ended") break;
  }
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
  const { sent, handled, queued, deadLettered, superseded } = simulator.system.counts();
  assertEquals(sent, handled + queued + deadLettered + superseded);
  const stopped = simulator.system.stop();
  await simulator.advance(60_000);
  await stopped;
  return { ...seen, crashes: simulator.system.deadLetters.counts.crashed };
}

Deno.test("crashes of any actor while series move lose and double nothing", async () => {
  let crashes = 0, live = 0, threads = 0;
  for (let seed = SEED; seed < SEED + SOAK_SEEDS; seed++) {
    try {
      const night = await nightOfCrashes(seed);
      crashes += night.crashes;
      live += night.live;
      threads += night.threads;
    } catch (error) {
      console.log(`WICK_SEED=${seed} WICK_SOAK_SEEDS=1 repeats what follows`);
      throw error;
    }
  }
  const night = `${crashes} crashes, live ${live}, threads ${threads}`;
  assert(crashes > 0 && live > 0 && threads > 0, `nothing was shown: ${night}`);
});
