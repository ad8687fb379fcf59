/** More and fewer label workers while the pool runs: nothing is lost, nothing doubled. */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import {
  type FaultHooks,
  InvalidMessage,
  type Random,
  seededRandom,
  Simulator,
} from "../../src/actor/mod.ts";
import { ThreadNode } from "../../src/actor/thread_node.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { partitionOf } from "../../src/market/partition.ts";
import { partitionOwners } from "../../src/market/spread.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/port.ts";
import {
  type Ingest,
  type IngestReply,
  Monitor,
  type WorkersReply,
} from "../../actors/protocols.ts";
import { PATHS, startWick, type WickOptions, wickRefs, wickTree } from "../../actors/tree.ts";
import { contentsOf, sortedLog } from "../store/support.ts";
import { FlakyStore } from "./flaky_store.ts";
import { ingestOf, settledIn } from "./pool_rig.ts";
import { SpyStore } from "./spy_store.ts";
import { ArraySource, assertStoreHolds, randomStream, rowsOf, walkOf } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`label pool resize tests: WICK_SEED=${SEED}`);

/** How many nights are simulated: 4 with the tests, more with a number of one's own. */
const SOAK_SEEDS = Number(Deno.env.get("WICK_SOAK_SEEDS") ?? 4);

const HASH = paramHash(DEFAULT_PARAMS);
const MAX = 4;
/** Who is down, or is told late, is looked at again. */
const LOOK = { timeoutMs: 150 } as const;

/** Rows of a batch that goes to a thread. */
const BULK_ROWS = 200;

interface RigOptions {
  readonly workers?: number;
  readonly store?: Store;
  readonly feed?: ArraySource;
  readonly faults?: ConstructorParameters<typeof Simulator>[0]["faults"];
  readonly seed?: number;
  readonly monitor?: WickOptions["monitor"];
}

/** The whole tree in virtual time, its threads hosted inline. */
class Rig {
  readonly simulator: Simulator;
  readonly wick;
  readonly store: Store;
  constructor(options: RigOptions = {}) {
    const { workers = MAX, store, feed, faults, seed = SEED, monitor = null } = options;
    this.store = store ?? new SpyStore();
    this.simulator = new Simulator({
      seed,
      system: wickTree({
        workers,
        monitor,
        store: { kind: "open", backend: this.store },
        ...(feed === undefined ? {} : { feeds: [{ name: feed.name, source: () => feed }] }),
        system: { log: null, intensity: 1_000 },
      }),
      ...(faults === undefined ? {} : { faults }),
    });
    this.wick = wickRefs(this.simulator.system);
  }

  setWorkers(count: number): Promise<WorkersReply> {
    const reply = this.wick.pool.ask("setWorkers", { count }, { timeoutMs: 600_000 });
    reply.catch(() => {});
    return reply;
  }

  ingest(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}): Promise<IngestReply> {
    return ingestOf(this.wick.pool, blocks, how);
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return settledIn(this.simulator, promise);
  }

  async set(count: number): Promise<WorkersReply> {
    const reply = await this.run(this.setWorkers(count));
    await this.simulator.run();
    return reply;
  }

  async commit(blocks: readonly CandleBlock[]): Promise<void> {
    const reply = await this.run(this.ingest(blocks));
    assert(reply.state === "committed", JSON.stringify(reply));
  }

  status() {
    return this.run(this.wick.pool.ask("status", {}));
  }

  /** State of each worker: `running running stopped stopped`. */
  states(workers = MAX): string {
    return Array.from({ length: workers }, (_, i) => this.node(i).state).join(" ");
  }

  node(index: number) {
    const node = this.simulator.system.nodeAt(workerPath(index));
    assert(node !== null);
    return node;
  }

  async [Symbol.asyncDispose]() {
    if (this.store instanceof SpyStore) this.store.release();
    const stopped = this.simulator.system.stop();
    await this.simulator.advance(60_000);
    await stopped;
    const { sent, handled, queued, deadLettered, superseded } = this.simulator.system.counts();
    assertEquals(sent, handled + queued + deadLettered + superseded);
  }
}

function workerPath(index: number): string {
  return `/wick/${PATHS.workers}/worker-${index}`;
}

function isRefused(reply: WorkersReply): string {
  assert(reply.state === "refused", JSON.stringify(reply));
  return reply.reason;
}

/** A series each of whose batches goes to the worker of that index, of so many. */
function seriesOf(worker: number, of = MAX): string {
  for (let i = 0;; i++) {
    if (partitionOwners(of)[partitionOf(`S${i}:M1`)] === worker) return `S${i}:M1`;
  }
}

/** No row was logged twice: a label of a revision is told of once. */
async function assertLoggedOnce(store: Store): Promise<void> {
  const { log } = await contentsOf(store, [], [], []);
  const keys = sortedLog(log).map(({ series, ts, revision, removed, values }) =>
    JSON.stringify([series, ts, revision, removed, values])
  );
  assertEquals(new Set(keys).size, keys.length, "a row was logged twice");
}

/** Batches most of which go to threads, with late, corrected and deleted candles. */
function streamOf(seed: number, changes = 0.05, bars = 1_200): CandleBlock[][] {
  return randomStream(seed, { series: 12, bars, blockRowsMax: 60, changes });
}

// ---- the message --------------------------------------------------------------------------------

Deno.test("setWorkers ends the threads beyond the number, and starts them again", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  assertEquals(await rig.set(2), { state: "set", active: 2, max: 4 });
  assertEquals(rig.states(), "running running stopped stopped");
  const { workers, workersMax } = await rig.status();
  assertEquals({ workers, workersMax }, { workers: 2, workersMax: 4 });
  assertEquals(await rig.set(3), { state: "set", active: 3, max: 4 });
  assertEquals(rig.states(), "running running running stopped");
  assertEquals(await rig.set(3), { state: "set", active: 3, max: 4 });
  assertEquals(rig.simulator.system.deadLetters.total, 0);
});

Deno.test("setWorkers refuses what is outside 1 to the threads there can be", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  for (const count of [0, 5, -1, 1.5]) {
    const reply = await rig.set(count);
    assertEquals(reply, {
      state: "refused",
      reason: `Cannot change workers: expected 1 to 4: current value is ${count}`,
      active: 4,
      max: 4,
    });
  }
  await assertRejects(
    () => rig.simulator.system.askFromOutside(`/wick/${PATHS.pool}`, "setWorkers", { count: 1.5 }),
    InvalidMessage,
  );
});

Deno.test("setWorkers answers the one before it when it is asked again before that is done", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  await rig.set(1);
  const first = rig.setWorkers(4), second = rig.setWorkers(2);
  assertEquals(isRefused(await rig.run(first)), "another number was asked for meanwhile");
  assertEquals(await rig.run(second), { state: "set", active: 2, max: 4 });
  await rig.simulator.run();
  assertEquals(rig.states(), "running running stopped stopped");
});

Deno.test("a worker that cannot be started leaves the pool with fewer, and is tried when asked", async () => {
  let isBroken = false;
  const faults: FaultHooks = {
    beforeInit: (path) => {
      if (isBroken && path === workerPath(2)) throw new Error("no memory for a thread");
    },
    beforeHandle() {},
    onTheWay: () => 0,
  };
  await using rig = new Rig({ faults });
  await rig.simulator.run();
  await rig.set(1);
  isBroken = true;
  const reply = await rig.set(4);
  assertEquals(isRefused(reply), "worker 2 cannot be started");
  assertEquals(rig.states(), "running running stopped stopped");
  assertEquals((await rig.status()).workers, 2);
  const { restarts } = rig.simulator.system.root;
  assertEquals(restarts, 0, "it endangered what runs");
  isBroken = false;
  assertEquals(await rig.set(4), { state: "set", active: 4, max: 4 });
  assertEquals(rig.states(), "running running running running");
});

Deno.test("the health of a tree with fewer workers is ok, and says how many there are", async () => {
  await using rig = new Rig({ monitor: {} });
  await rig.simulator.run();
  await rig.set(1);
  await rig.simulator.advance(20_000);
  const monitor = rig.simulator.system.ref(Monitor, "monitor");
  const { state, parts } = await rig.run(monitor.ask("health", {}));
  assertEquals(state, "ok", JSON.stringify(parts.filter(({ state }) => state !== "ok")));
  const detailOf = (path: string) =>
    parts.filter(({ name }) => name === path).map(({ detail }) => detail);
  const worker = detailOf(`${PATHS.workers}/worker-3`)[0];
  assertEquals({ state: worker?.["state"], inUse: worker?.["inUse"] }, {
    state: "stopped",
    inUse: false,
  });
  const pool = detailOf(PATHS.pool).find((detail) => "workers" in detail);
  assertEquals([pool?.["workers"], pool?.["workersMax"]], [1, 4]);
});

// ---- moves ------------------------------------------------------------------------------------------

Deno.test("one worker more or fewer moves that worker's series and no others", async () => {
  const names = Array.from({ length: 200 }, (_, i) => `M${i}:M1`);
  const ownerIn = (count: number) => (name: string) => partitionOwners(count)[partitionOf(name)];
  const movedBy = (from: number, to: number) =>
    names.filter((name) => ownerIn(from)(name) !== ownerIn(to)(name)).length;
  await using rig = new Rig();
  await rig.simulator.run();
  await rig.commit(names.map((name, i) => walkOf(SEED + i, name, 3)));
  let moves = 0;
  for (const [from, to] of [[4, 3], [3, 2], [2, 3], [3, 4]] as const) {
    await rig.set(to);
    moves += movedBy(from, to);
    assertEquals((await rig.status()).moves, moves, `${from} to ${to}`);
  }
  assert(movedBy(4, 3) < 200 * 0.35 && movedBy(4, 3) > 200 * 0.15, "a quarter moves");
});

Deno.test("a moved series is read from the store once and goes on as if nothing was", async () => {
  const backend = new SpyStore();
  await using rig = new Rig({ store: backend });
  await rig.simulator.run();
  const series = seriesOf(3);
  const block = walkOf(SEED, series, 5 * BULK_ROWS);
  let at = 0;
  const commit = () => rig.commit([rowsOf(block, at, at += BULK_ROWS)]);
  await commit();
  await commit();
  const tails = () => backend.calls.filter(({ type }) => type === "tails").length;
  assertEquals(tails(), 1);
  await rig.set(3);
  await commit();
  await commit();
  assertEquals(tails(), 2);
  await rig.set(4);
  await commit();
  assertEquals(tails(), 3);
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

Deno.test("a series with batches under way moves when they are committed, its worker ends then", async () => {
  const backend = new SpyStore();
  await using rig = new Rig({ store: backend });
  await rig.simulator.run();
  const block = walkOf(SEED, seriesOf(3), 4 * BULK_ROWS);
  await rig.commit([rowsOf(block, 0, BULK_ROWS)]);
  backend.hold();
  const under = rig.ingest([rowsOf(block, BULK_ROWS, 2 * BULK_ROWS)]);
  await rig.simulator.run();
  assertEquals(await rig.set(1), { state: "set", active: 1, max: 4 });
  const after = [2, 3].map((i) => rig.ingest([rowsOf(block, i * BULK_ROWS, (i + 1) * BULK_ROWS)]));
  await rig.simulator.run();
  // Idle ones have ended; the one whose batch waits for its commit has not.
  assertEquals(rig.states(), "running stopped stopped running");
  backend.release();
  for (const reply of [under, ...after]) assertEquals((await rig.run(reply)).state, "committed");
  assertEquals(rig.states(), "running stopped stopped stopped");
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
  assertEquals(rig.simulator.system.deadLetters.total, 0);
});

Deno.test("a series that is being rewritten moves after that", async () => {
  const backend = new SpyStore();
  await using rig = new Rig({ store: backend });
  await rig.simulator.run();
  const block = walkOf(SEED, seriesOf(3), 3 * BULK_ROWS);
  const correction = rowsOf(block, 150, 151);
  correction.volume[0] = 1 + (correction.volume[0] as number);
  await rig.commit([rowsOf(block, 0, BULK_ROWS)]);
  backend.hold();
  const replies = [
    rig.ingest([rowsOf(block, BULK_ROWS, 2 * BULK_ROWS)]),
    rig.ingest([correction]),
    rig.ingest([rowsOf(block, 2 * BULK_ROWS)]),
  ];
  await rig.simulator.run();
  await rig.set(1);
  assertEquals(rig.states(), "running stopped stopped running");
  backend.release();
  for (const reply of replies) assertEquals((await rig.run(reply)).state, "committed");
  await rig.simulator.run();
  assertEquals(rig.states(), "running stopped stopped stopped");
  await assertStoreHolds(backend, [[block], [correction]], DEFAULT_PARAMS);
});

Deno.test("requests for labels go to workers in use, and are answered while their worker ends", async () => {
  let isSlow = false;
  const faults: FaultHooks = {
    beforeInit() {},
    beforeHandle() {},
    onTheWay: (_, type) => isSlow && type === "label" ? 1_000 : 0,
  };
  await using rig = new Rig({ faults });
  await rig.simulator.run();
  const block = walkOf(SEED, "A:M1", 300);
  await rig.commit([block]);
  const range = { fromTs: -8.64e15, toTs: 8.64e15, limit: 10_000 };
  const ask = () =>
    rig.wick.pool.ask("compute", { series: "A:M1", params: {}, priority: 5, ...range });
  const before = ask();
  await rig.set(1);
  const first = await rig.run(before);
  // The one in use has work that waits, those that have ended have none.
  isSlow = true;
  const under: Promise<IngestReply>[] = [];
  for (let i = 0; i < 4; i++) {
    under.push(rig.ingest([walkOf(SEED + i, `B${i}:M1`, BULK_ROWS)]));
    await rig.simulator.run();
  }
  const second = await rig.run(ask());
  assert(first.state === "ok" && second.state === "ok");
  assertEquals(first.rows.length, second.rows.length);
  assertEquals(rig.simulator.system.deadLetters.total, 0);
  await rig.simulator.advance(5_000);
  for (const reply of under) assertEquals((await rig.run(reply)).state, "committed");
});

/** Sends batches a few at a time while the number of workers changes all the time. */
async function resizeWhile(rig: Rig, batches: readonly CandleBlock[][], random: Random) {
  const replies: Promise<IngestReply>[] = [];
  const changes: Promise<WorkersReply>[] = [];
  for (const batch of batches) {
    replies.push(rig.ingest(batch));
    if (random.next() < 0.3) changes.push(rig.setWorkers(1 + Math.floor(random.next() * MAX)));
    const steps = Math.floor(random.next() * 30);
    for (let i = 0; i < steps; i++) rig.simulator.scheduler.step();
    if (random.next() < 0.2) await rig.run(replies.at(-1) as Promise<IngestReply>);
  }
  const states = (await rig.run(Promise.all(replies))).map(({ state }) => state);
  assertEquals(states, batches.map(() => "committed"));
  const set = (await rig.run(Promise.all(changes))).filter(({ state }) => state === "set");
  return set.length;
}

Deno.test("changes in the middle of work come to the labels of a batch run, each told of once", async () => {
  for (let seed = SEED; seed < SEED + SOAK_SEEDS; seed++) {
    const batches = streamOf(seed);
    await using rig = new Rig({ seed });
    await rig.simulator.run();
    const set = await resizeWhile(rig, batches, seededRandom(seed));
    assertGreater(set, 2, "nothing was changed: nothing was shown");
    await rig.simulator.run();
    const { workers, failures } = await rig.status();
    const expected = Array.from({ length: MAX }, (_, i) => i < workers ? "running" : "stopped");
    assertEquals(rig.states(), expected.join(" "));
    assertEquals(failures, 0);
    assertEquals(rig.simulator.system.deadLetters.total, 0);
    await assertStoreHolds(rig.store, batches, DEFAULT_PARAMS);
    await assertLoggedOnce(rig.store);
  }
});

Deno.test("one worker after the other gives the same rows and revisions as any changes", async () => {
  const batches = streamOf(SEED, 0.1, 400);
  const series = [...new Set(batches.flat().map(({ series }) => series))].toSorted();
  const rowsIn = async (store: Store) => {
    const { labels, candles } = await contentsOf(store, series, [HASH], []);
    const timeless = Object.entries(labels).map(([key, rows]) => [
      key,
      rows.map(({ revision, values }) => ({ revision, values })),
    ]);
    return { candles, timeless };
  };
  await using still = new Rig({ workers: 1 });
  await using moving = new Rig();
  await still.simulator.run();
  await moving.simulator.run();
  for (const [i, batch] of batches.entries()) {
    await still.commit(batch);
    await moving.set(1 + i % MAX);
    await moving.commit(batch);
  }
  assertEquals(await rowsIn(moving.store), await rowsIn(still.store));
});

// ---- failures ---------------------------------------------------------------------------------------

Deno.test("a crash of a worker that is to end gives its batches back once, then it ends", async () => {
  const backend = new SpyStore();
  await using rig = new Rig({ store: backend });
  await rig.simulator.run();
  const block = walkOf(SEED, seriesOf(3), 2 * BULK_ROWS);
  await rig.commit([rowsOf(block, 0, BULK_ROWS)]);
  const under = rig.ingest([rowsOf(block, BULK_ROWS)]);
  const set = rig.setWorkers(2);
  rig.simulator.kill(workerPath(3));
  assertEquals(await rig.run(set), { state: "set", active: 2, max: 4 });
  const reply = await rig.run(under);
  if (reply.state === "failed") await rig.commit([rowsOf(block, BULK_ROWS)]);
  await rig.simulator.run();
  assertEquals(rig.states(), "running running stopped stopped");
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

Deno.test("a commit that fails during a move ends the move: the batch comes again to the new worker", async () => {
  const backend = new SpyStore();
  await using rig = new Rig({ store: backend });
  await rig.simulator.run();
  const block = walkOf(SEED, seriesOf(3), 3 * BULK_ROWS);
  const parts = [0, 1, 2].map((i) => rowsOf(block, i * BULK_ROWS, (i + 1) * BULK_ROWS));
  await rig.commit([parts[0] as CandleBlock]);
  backend.hold();
  const under = parts.slice(1).map((part) => rig.ingest([part]));
  await rig.simulator.run();
  await rig.set(1);
  const message = "Cannot commit: the disk is full";
  let isFull = true;
  backend.refuse = () => isFull ? { state: "refused", code: "full", message } : null;
  backend.release();
  for (const reply of under) assertEquals((await rig.run(reply)).state, "failed");
  await rig.simulator.run();
  assertEquals(rig.states(), "running stopped stopped stopped");
  isFull = false;
  for (const part of parts.slice(1)) await rig.commit([part]);
  await assertStoreHolds(backend, [[block]], DEFAULT_PARAMS);
});

Deno.test("the number outlives the pool, whatever was under way when it crashed", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  await rig.set(2);
  rig.simulator.kill(`/wick/${PATHS.pool}`);
  await rig.simulator.run();
  assertEquals((await rig.status()).workers, 2);
  assertEquals(rig.states(), "running running stopped stopped");
  for (const count of [4, 1, 3]) {
    void rig.setWorkers(count);
    // Somewhere in the middle of the change.
    for (let i = 0; i < 4; i++) rig.simulator.scheduler.step();
    rig.simulator.kill(`/wick/${PATHS.pool}`);
    await rig.simulator.run();
    const { workers } = await rig.status();
    const expected = Array.from({ length: MAX }, (_, i) => i < workers ? "running" : "stopped");
    assertEquals(rig.states(), expected.join(" "));
  }
});

Deno.test("a restart of all workers ends those that are not wanted again", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  await rig.set(2);
  for (let i = 0; i < 6; i++) {
    rig.simulator.kill(workerPath(0));
    await rig.simulator.run();
  }
  const supervisor = rig.simulator.system.nodeAt(`/wick/${PATHS.workers}`);
  assertEquals(supervisor?.incarnation, 2);
  assertEquals((await rig.status()).workers, 2);
  assertEquals(rig.states(), "running running stopped stopped");
});

Deno.test("a stop in the middle of a change ends in order, and what was acknowledged is stored", async () => {
  for (let steps = 0; steps < 60; steps += 3) {
    const backend = new SpyStore();
    const rig = new Rig({ store: backend });
    await rig.simulator.run();
    const names = [0, 1, 2, 3].map((worker) => seriesOf(worker));
    const blocks = names.map((name, i) => walkOf(SEED + i, name, 2 * BULK_ROWS));
    await rig.commit(blocks.map((block) => rowsOf(block, 0, BULK_ROWS)));
    if (steps % 2 === 0) await rig.set(1);
    const under = rig.ingest(blocks.map((block) => rowsOf(block, BULK_ROWS)));
    const set = rig.setWorkers(steps % 2 === 0 ? 4 : 1);
    for (let i = 0; i < steps; i++) rig.simulator.scheduler.step();
    await rig[Symbol.asyncDispose]();
    const settled = await Promise.allSettled([under, set]);
    const [reply] = settled;
    const isStored = reply.status === "fulfilled" && reply.value.state === "committed";
    const rows = (await contentsOf(backend, names, [HASH], [])).candles;
    const stored = Object.values(rows as Record<string, unknown[]>).flat().length;
    if (isStored) assertEquals(stored > 0, true);
    for (const [i, name] of names.entries()) {
      const { length } = backend.candles(name, -Infinity, Infinity, Infinity);
      // All of a batch or nothing of it.
      if (isStored) assertEquals(length, blocks[i]?.length);
      else assert(length === BULK_ROWS || length === blocks[i]?.length);
    }
  }
});

/** A feed through a tree in which everybody crashes, commits fail, and workers come and go. */
async function night(seed: number) {
  const batches = streamOf(seed, 0.05, 1_500);
  const backend = new FlakyStore(seededRandom(seed).next, { refused: 0.05, lost: 0.03 });
  const random = seededRandom(seed + 1);
  await using rig = new Rig({
    seed,
    store: backend,
    feed: new ArraySource("feed", batches),
    faults: { crash: 0.003, delay: 0.05, delayMaxMs: 40 },
  });
  await rig.simulator.run();
  let set = 0, isOver = false;
  for (let steps = 0; steps < 60_000 && !isOver; steps++) {
    if (random.next() < 0.5) {
      rig.setWorkers(1 + Math.floor(random.next() * MAX))
        .then(({ state }) => set += state === "set" ? 1 : 0, () => {});
    }
    const status = rig.wick.feed("feed").ask("status", {}, LOOK).catch(() => null);
    await rig.simulator.advance(160);
    isOver = (await status)?.state === "ended";
  }
  assert(isOver, "the feed did not come to its end");
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
  await assertLoggedOnce(backend);
  const crashes = rig.simulator.system.deadLetters.counts.crashed;
  return { set, crashes, refusals: backend.refusals, lost: backend.lostAnswers };
}

Deno.test("crashes, failed commits and lost answers while workers come and go lose and double nothing", async () => {
  const sum = { set: 0, crashes: 0, refusals: 0, lost: 0 };
  for (let seed = SEED; seed < SEED + SOAK_SEEDS; seed++) {
    try {
      const found = await night(seed);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += found[name];
    } catch (error) {
      console.log(`WICK_SEED=${seed} WICK_SOAK_SEEDS=1 repeats what follows`);
      throw error;
    }
  }
  assert(
    Object.values(sum).every((count) => count > 0),
    `nothing was shown: ${JSON.stringify(sum)}`,
  );
});

// ---- real threads -----------------------------------------------------------------------------------

async function started(options: WickOptions) {
  const wick = await startWick({ system: { log: () => {} }, ...options });
  return { ...wick, [Symbol.asyncDispose]: () => wick.system.stop() };
}

Deno.test("threads end and start, and die, while a feed runs: the labels are those of a batch run", async () => {
  const batches = randomStream(SEED, { series: 40, bars: 1_500, blockRowsMax: 20, changes: 0.01 });
  const backend = new MemoryStore();
  await using wick = await started({
    workers: 3,
    store: { kind: "open", backend },
    feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
  });
  let isOver = false, set = 0, kills = 0;
  const ended = wick.feed("feed").ask("ended", {}, { timeoutMs: 60_000 })
    .finally(() => isOver = true);
  for (const count of [1, 3, 2, 1, 3, 1, 2, 3]) {
    if (isOver) break;
    const change = wick.pool.ask("setWorkers", { count });
    if (set === 1 || set === 4) {
      const node = wick.system.nodeAt(workerPath(set % 2));
      if (node instanceof ThreadNode && node.state === "running") {
        node.kill();
        kills++;
      }
    }
    if ((await change).state === "set") set++;
  }
  await ended;
  assert(set > 2 && kills > 0, `nothing was shown: ${set} changes, ${kills} kills`);
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
  await assertLoggedOnce(backend);
  assertEquals((await wick.pool.ask("setWorkers", { count: 1 })).state, "set");
  while (wick.system.nodeAt(workerPath(2))?.state !== "stopped") await turn();
  const threads = [0, 1, 2].map((index) => wick.system.nodeAt(workerPath(index))?.state);
  assertEquals(threads, ["running", "stopped", "stopped"]);
});

/** Threads end in real time. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
