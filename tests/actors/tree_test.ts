/** The supervision tree: its shape, who may ask whom, what a crash restarts, how it stops. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  child,
  createSystem,
  type Ref,
  Simulator,
  type System,
  systemClock,
  type TreeNode,
} from "../../src/actor/mod.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { labelPool } from "../../actors/label_pool.ts";
import { feed } from "../../actors/feed.ts";
import { LabelPool, type PublishedLabels, Store } from "../../actors/protocols.ts";
import { RefreshCoordinator } from "../../actors/protocols_refresh.ts";
import { store } from "../../actors/store.ts";
import { PATHS, startWick, type WickOptions, wickRefs, wickTree } from "../../actors/tree.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { SpyStore } from "./spy_store.ts";
import { ArraySource, assertStoreHolds, randomStream, walkOf } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`tree_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const STREAM = randomStream(SEED, { series: 6, bars: 100, blockRowsMax: 10, changes: 0.05 });

function simulate(options: WickOptions = {}): Simulator {
  return new Simulator({
    seed: SEED,
    system: wickTree({ workers: 2, ...options, system: { log: null, ...options.system } }),
  });
}

function feeds(...names: string[]) {
  return names.map((name) => ({ name, source: () => new ArraySource(name, STREAM) }));
}

/** Paths below the root with strategy, or the protocol of an actor. */
function shape({ path, supervisor, mailbox, children }: TreeNode): string[] {
  const own = `${path} ${supervisor?.strategy ?? mailbox?.protocol}`;
  return [own, ...children.flatMap(shape)];
}

/** Incarnation by path. */
function incarnations({ path, incarnation, children }: TreeNode): Record<string, number> {
  return Object.assign({ [path]: incarnation }, ...children.map(incarnations));
}

async function stop(simulator: Simulator): Promise<void> {
  const stopped = simulator.system.stop();
  await simulator.advance(60_000);
  await stopped;
}

Deno.test("wickTree() has the paths and strategies of the architecture", async () => {
  const upstream = { name: "upstream", open: () => simulatedProvider(systemClock) };
  const simulator = simulate({
    feeds: feeds("a", "b"),
    providers: [upstream],
    onLabels: () => {},
  });
  await simulator.run();
  assertEquals(shape(simulator.system.tree()), [
    "/wick one_for_one",
    "/wick/core rest_for_one",
    "/wick/core/store store",
    "/wick/core/providers one_for_one",
    "/wick/core/providers/upstream provider",
    "/wick/core/sinks one_for_one",
    "/wick/core/sinks/on_labels label_sink",
    "/wick/core/work one_for_one",
    "/wick/core/work/ingest rest_for_one",
    "/wick/core/work/ingest/workers one_for_one",
    "/wick/core/work/ingest/workers/live label_worker",
    "/wick/core/work/ingest/workers/worker-0 label_worker",
    "/wick/core/work/ingest/workers/worker-1 label_worker",
    "/wick/core/work/ingest/label_pool label_pool",
    "/wick/core/work/ingest/feeds one_for_one",
    "/wick/core/work/ingest/feeds/a feed",
    "/wick/core/work/ingest/feeds/b feed",
    "/wick/core/work/backfill backfill",
  ]);
  await stop(simulator);
});

Deno.test("wickRefs() finds every part where it lies", async () => {
  const simulator = simulate({ feeds: feeds("a") });
  const wick = wickRefs(simulator.system);
  const refs: Ref[] = [wick.store, wick.pool, wick.feed("a")] as unknown as Ref[];
  for (const ref of refs) {
    const node = simulator.system.nodeAt(ref.path);
    assert(node !== null && node.state !== "stopped", ref.path);
  }
  await stop(simulator);
});

Deno.test("an actor can only be made to ask those that start before it", () => {
  const pool = child(labelPool, {
    name: "pool",
    args: (refs) => ({
      store: refs.ask(Store, "store"),
      workers: [],
      params: DEFAULT_PARAMS,
    }),
  });
  const memory = child(store, { name: "store", args: { kind: "memory" } });
  assertThrows(
    () => createSystem({ name: "t", log: null, children: [pool, memory] }),
    TypeError,
    "expected an actor declared before it",
  );
  const itself = child(feed, {
    name: "feed",
    args: (refs) => ({
      store: refs.ask(Store, "store"),
      pool: refs.ask(LabelPool, "feed"),
      source: () => new ArraySource("feed", []),
    }),
  });
  assertThrows(
    () => createSystem({ name: "t", log: null, children: [memory, itself] }),
    TypeError,
    "expected an actor declared before it",
  );
  const supervisor = child(labelPool, {
    name: "pool",
    args: (refs) => ({ store: refs.ask(Store, "core"), workers: [], params: DEFAULT_PARAMS }),
  });
  assertThrows(
    () =>
      createSystem({
        name: "t",
        log: null,
        children: [{ name: "core", children: [memory, supervisor] }],
      }),
    TypeError,
  );
});

/** Asserts that every part of a tree runs. */
function assertRunning(system: System): void {
  const paths = Object.keys(incarnations(system.tree()));
  assertEquals(paths.filter((path) => system.nodeAt(path)?.state !== "running"), []);
}

/** Kills an actor of the running tree; which others were started again. */
async function restartedBy(path: string): Promise<string[]> {
  const backend = new MemoryStore();
  const simulator = simulate({
    store: { kind: "open", backend },
    feeds: feeds("a", "b"),
    onLabels: () => {},
  });
  await simulator.advance(1_000);
  const before = incarnations(simulator.system.tree());
  simulator.kill(`/wick/${path}`);
  await simulator.advance(60_000);
  const after = incarnations(simulator.system.tree());
  assertRunning(simulator.system);
  await stop(simulator);
  return Object.keys(after).filter((at) => after[at] !== before[at])
    .map((at) => at.replace("/wick/core/", "").replace("work/ingest/", ""));
}

Deno.test("the store's crash restarts what depends on it and nothing else", async () => {
  assertEquals(await restartedBy(PATHS.store), [
    "store",
    "providers",
    "sinks",
    "sinks/on_labels",
    "work",
    "work/ingest",
    "workers",
    "workers/live",
    "workers/worker-0",
    "workers/worker-1",
    "label_pool",
    "feeds",
    "feeds/a",
    "feeds/b",
    "work/backfill",
  ]);
});

Deno.test("nobody waits for a store that crashed and is started only after all have ended", async () => {
  const simulator = simulate({
    store: { kind: "open", backend: new MemoryStore() },
    feeds: feeds("a"),
    refresh: {},
  });
  await simulator.advance(1_000);
  const { system } = simulator;
  const run = system.ref(RefreshCoordinator, PATHS.coordinator).ask("createRun", {
    runId: "own",
    edges: [{ edgeId: "x", value: 1 }, { edgeId: "y", value: 2 }],
    generator: { kind: "combinations", size: 2, setsMax: 10 },
    scorer: { name: "product", params: { penaltyRatio: 0.5 } },
    options: {
      ...{ mode: "lazy", isLive: true, followsCorrelations: false },
      ...{ epsilon: 0.01, minChangedEdges: 1, auditEvery: 10 },
    },
  });
  await simulator.advance(10);
  assertEquals((await run).state, "created");
  // The run is to be saved, and the coordinator saves what it has when it ends.
  simulator.kill(`/wick/${PATHS.store}`);
  await simulator.advance(100);
  assertRunning(system);
  assertEquals(system.nodeAt(`/wick/${PATHS.store}`)?.incarnation, 2);
  await stop(simulator);
});

Deno.test("the pool's crash restarts the pool and the feeds, not the workers", async () => {
  assertEquals(await restartedBy(PATHS.pool), ["label_pool", "feeds", "feeds/a", "feeds/b"]);
});

Deno.test("a worker's, a feed's or a sink's crash restarts only itself", async () => {
  for (
    const [path, name] of [
      [`${PATHS.workers}/worker-1`, "workers/worker-1"],
      [`${PATHS.workers}/live`, "workers/live"],
      [`${PATHS.feeds}/b`, "feeds/b"],
      [`${PATHS.sinks}/on_labels`, "sinks/on_labels"],
    ] as const
  ) assertEquals(await restartedBy(path), [name]);
});

Deno.test("a sink that throws loses its message to the dead letters and stops nothing", async () => {
  const backend = new MemoryStore();
  let calls = 0;
  const simulator = simulate({
    store: { kind: "open", backend },
    feeds: feeds("a"),
    onLabels: () => {
      if (++calls === 1) throw new Error("the host's own fault");
    },
  });
  await simulator.advance(60_000);
  const letters = simulator.system.deadLetters.list({ reason: "crashed" });
  assertEquals(letters.map(({ path }) => path), ["/wick/core/sinks/on_labels"]);
  assert(calls > 1);
  await assertStoreHolds(backend, STREAM, DEFAULT_PARAMS);
  await stop(simulator);
});

Deno.test("onLabels is called in the order of commits", async () => {
  const seqs: number[] = [];
  const simulator = simulate({
    feeds: feeds("a"),
    onLabels: ({ seq }: PublishedLabels) => void seqs.push(seq),
  });
  await simulator.advance(60_000);
  assert(seqs.length > 10);
  assertEquals(seqs, [...new Set(seqs)].toSorted((a, b) => a - b));
  await stop(simulator);
});

Deno.test("a log that no longer reaches back fails its asker, not the store", async () => {
  const backend = new MemoryStore({ logRowsMax: 16 });
  const simulator = simulate({ store: { kind: "open", backend }, feeds: feeds("a") });
  await simulator.advance(60_000);
  const asked = wickRefs(simulator.system).store.ask("labelsAfter", { seq: 0, limit: 1 });
  const failed = asked.then(() => "", (error) => error.message as string);
  await simulator.advance(1_000);
  assert((await failed).includes("Cannot read labels after seq 0"));
  assertEquals(simulator.system.nodeAt(`/wick/${PATHS.store}`)?.incarnation, 1);
  await stop(simulator);
});

/** Stops the tree after so many steps; what was acknowledged, and what the store holds. */
async function stopAfter(steps: number): Promise<{ acked: number; cursor: number }> {
  const backend = new SpyStore();
  const source = new ArraySource("a", STREAM);
  const simulator = simulate({
    store: { kind: "open", backend },
    feeds: [{ name: "a", source: () => source }],
  });
  for (let step = 0; step < steps; step++) {
    simulator.scheduler.step();
    // Handlers' promises come back in between, as in a process.
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
  const stopped = simulator.system.stop();
  await simulator.advance(60_000);
  await stopped;
  const cursor = Number(backend.cursor("a") ?? 0);
  await assertStoreHolds(backend, STREAM.slice(0, cursor), DEFAULT_PARAMS);
  return { acked: Number(source.acked.at(-1) ?? 0), cursor };
}

Deno.test("whenever it is stopped, what was acknowledged is in the store", async () => {
  const seen = new Set<number>();
  for (let steps = 0; steps < 400; steps += 13) {
    const { acked, cursor } = await stopAfter(steps);
    assert(acked <= cursor, `acknowledged ${acked}, committed ${cursor}`);
    seen.add(cursor);
  }
  assert(seen.size > 3, "it was always stopped at the same place: nothing was shown");
});

Deno.test("stop answers or fails every ask that is under way", async () => {
  const backend = new SpyStore();
  backend.hold();
  const simulator = simulate({ store: { kind: "open", backend } });
  const { pool } = wickRefs(simulator.system);
  await simulator.run();
  const block = walkOf(SEED, "A:M1", 30);
  const asked = pool.ask("ingest", {
    feed: null,
    after: null,
    cursor: null,
    blocks: [block],
    priority: 5,
    bulk: true,
  }, { timeoutMs: 3_600_000 });
  const settled = asked.then(({ state }) => state, (error) => error.code);
  await simulator.run();
  const stopped = simulator.system.stop();
  await simulator.run();
  backend.release();
  await simulator.advance(60_000);
  await stopped;
  const how = await settled;
  assert(["committed", "failed", "actor_stopped", "actor_failed"].includes(how), how);
  if (how === "committed") assertEquals(backend.series()[0]?.count, 30);
});

Deno.test("startWick() runs the tree in threads and stops without leaving any behind", async () => {
  const backend = new MemoryStore();
  const wick = await startWick({
    workers: 1,
    store: { kind: "open", backend },
    feeds: feeds("a"),
    system: { log: null },
  });
  const { system }: { system: System } = wick;
  await wick.feed("a").ask("ended", {}, { timeoutMs: 30_000 });
  const kinds = (node: TreeNode): string[] => [node.kind, ...node.children.flatMap(kinds)];
  assertEquals(kinds(system.tree()).filter((kind) => kind === "thread").length, 1);
  await system.stop();
  await assertStoreHolds(backend, STREAM, DEFAULT_PARAMS);
  assertEquals(await system.done, null);
});
