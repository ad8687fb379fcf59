/** Refreshing in the running tree: prices move edges, runs follow, and both survive what fails. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { PATHS, startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import { pause, systemClock } from "../../src/actor/mod.ts";
import { fastClock } from "../support/fast_clock.ts";
import { syntheticFeed } from "../../src/feed/synthetic.ts";
import type { RunMetadata } from "../../src/refresh/run_types.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`refresh_tree_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const BASKETS = { runId: "baskets", size: 2 };
const RUN = { runId: BASKETS.runId };
const ADMIN = { about: { name: "wick", version: "0.0.0" }, options: { port: 0 } };

interface Rig {
  readonly wick: Wick;
  readonly refresh: NonNullable<Wick["refresh"]>;
  readonly aggregator: NonNullable<Wick["aggregator"]>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

async function rigOf(options: WickOptions = {}): Promise<Rig> {
  const wick = await startWick({
    workers: 1,
    feeds: [{
      name: "synthetic",
      source: () => syntheticFeed(systemClock, { seed: SEED, speed: { ratePerSecond: 4_000 } }),
    }],
    cache: { provider: null },
    refresh: { baskets: BASKETS },
    system: { log: null },
    ...options,
  });
  const { refresh, aggregator } = wick;
  assert(refresh !== null && aggregator !== null);
  return { wick, refresh, aggregator, [Symbol.asyncDispose]: () => wick.system.stop() };
}

/** Waits for what comes by messages and timers of other actors, 20 s at most. */
async function until<T>(look: () => Promise<T | null | false>): Promise<T> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    assert(performance.now() < endMs, "it did not come about within 20 s");
    await pause(systemClock, 20);
  }
}

/** The run over baskets, once it has been refreshed so often. */
function refreshed({ refresh }: Rig, times: number): Promise<RunMetadata> {
  return until(async () => {
    const run = await refresh.ask("get", RUN).catch(() => null);
    return run !== null && run.counters.refreshes >= times ? run : null;
  });
}

/** No candle comes any more, and all that came have moved their edges. */
async function quiet({ wick, aggregator }: Rig): Promise<void> {
  await wick.feed("synthetic").ask("pause", {}, { timeoutMs: 30_000 });
  const last = await wick.store.ask("seq", {});
  await until(async () => {
    const { seq, isCaughtUp, pending } = await aggregator.ask("status", {});
    return isCaughtUp && seq === last && pending === 0;
  });
}

Deno.test("baskets of all instruments are kept as candles arrive, exactly as by a rebuild", async () => {
  await using rig = await rigOf();
  const run = await refreshed(rig, 8);
  // Four pairs: six baskets of two.
  assertEquals([run.edges, run.sets], [4, 6]);
  await quiet(rig);
  const kept = await rig.refresh.ask("refreshWithFallback", RUN, { timeoutMs: 10_000 });
  const anew = await rig.refresh.ask("rebuild", RUN, { timeoutMs: 10_000 });
  assert(kept.state === "done" && anew.state === "done");
  assertEquals([kept.report.state, anew.report.state], ["succeeded", "succeeded"]);
  assertEquals(kept.report.revision, anew.report.revision);
  assertEquals(kept.report.best?.setId, anew.report.best?.setId);
  assert(Object.is(kept.report.best?.score, anew.report.best?.score));
  const { fallbacks, failed } = await rig.refresh.ask("stats", {});
  assertEquals([fallbacks, failed], [0, 0]);
});

Deno.test("a crash of either part restarts both, and the run goes on with what it published", async () => {
  // After each restart it waits some seconds for correlations.
  await using rig = await rigOf({ system: { log: null, clock: fastClock(4) } });
  const { system } = rig.wick;
  await refreshed(rig, 3);
  await quiet(rig);
  await rig.refresh.ask("refreshWithFallback", RUN, { timeoutMs: 10_000 });
  await rig.refresh.ask("save", {});
  // One that follows no correlations: nothing moves what it publishes.
  const own = { runId: "own" };
  await rig.wick.createRun({
    ...own,
    edges: [{ edgeId: "a", value: 0.5 }, { edgeId: "b", value: 0.25 }, { edgeId: "c", value: 2 }],
    generator: { kind: "combinations", size: 2 },
  });
  await rig.refresh.ask("refreshWithFallback", own, { timeoutMs: 10_000 });
  const published = (await rig.refresh.ask("get", own))?.publishedBest;
  // 0.5 · 2, by hand.
  assertEquals([published?.setId, published?.score], ["a+c", 1]);
  for (const path of [PATHS.aggregator, PATHS.coordinator]) {
    const before = await rig.refresh.ask("get", RUN);
    system.restart(`${system.root.path}/${path}`);
    // Its first refresh is a rebuild.
    const after = await refreshed(rig, (before?.counters.refreshes ?? 0) + 1);
    assertEquals(after.sets, before?.sets);
    // What is published may move: correlations are learned anew when it has become quiet.
    assertEquals(after.createdAtMs, before?.createdAtMs);
    assert((after.bestEver?.score ?? 0) >= (before?.bestEver?.score ?? 1));
    assert(after.counters.publications >= (before?.counters.publications ?? Infinity));
    const kept = (await rig.refresh.ask("get", own))?.publishedBest;
    assertEquals([kept?.setId, kept?.score], [published?.setId, published?.score]);
  }
  // Four pairs, and the edges of the other run, each as soon as its run has asked for it again.
  await until(async () => {
    const clusters = await rig.aggregator.ask("clusters", { sizeMin: 1, limit: 10 });
    return clusters.flatMap(({ members }) => members).length === 4 + 3;
  });
});

Deno.test("runs outlive the process with what they published", async () => {
  const folder = await Deno.makeTempDir({ prefix: "wick_refresh_" });
  const store = { kind: "sqlite", options: { path: `${folder}/wick.db` } } as const;
  const own = {
    runId: "own",
    edges: [{ edgeId: "a", value: 0.5 }, { edgeId: "b", value: 0.25 }, { edgeId: "c", value: 2 }],
    generator: { kind: "combinations", size: 2 },
  } as const;
  try {
    {
      await using rig = await rigOf({ store, feeds: [] });
      const made = await rig.wick.createRun({ ...own, edges: [...own.edges] });
      assertEquals(made.state, "created");
      await rig.refresh.ask("refreshWithFallback", { runId: "own" }, { timeoutMs: 10_000 });
    }
    await using rig = await rigOf({ store, feeds: [] });
    const run = await until(() => rig.refresh.ask("get", { runId: "own" }));
    // 0.5 · 2, by hand.
    assertEquals(run.publishedBest?.setId, "a+c");
    assertEquals(run.publishedBest?.score, 1);
    assertEquals([run.edges, run.sets], [3, 3]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("one call records a change, and one refreshes, in a program and over HTTP", async () => {
  await using rig = await rigOf({ feeds: [], admin: ADMIN });
  const { wick } = rig;
  const edges = ["a", "b", "c"].map((edgeId) => ({ edgeId, value: 0.5 }));
  await wick.createRun({
    runId: "own",
    edges,
    generator: { kind: "combinations", size: 2 },
  });
  const taken = await wick.recordOptimizationEdgeChange({
    ...{ runId: "own", edgeId: "c", magnitude: 1, value: 4 },
  });
  assertEquals([taken?.class, taken?.isDeferred, taken?.mode], ["major", false, "normal"]);
  assertEquals(taken?.runs, ["own"]);
  // A change of magnitude 1 fires by itself.
  assertEquals(taken?.impacted.map(({ members }) => members), [["c"]]);
  const answer = await wick.executeOptimizedRefresh({ runId: "own" });
  assert(answer.state === "done");
  // 0.5 · 4, by hand; of a+c and b+c the lower id.
  assertEquals([answer.report.best?.setId, answer.report.best?.score], ["a+c", 2]);
  const { url } = await wick.admin.ask("status", {});
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()] as const;
  };
  const change = { edgeId: "a", type: "custom", magnitude: 2, value: 3 };
  const [status, changed] = await post("/api/optimization/edge-changes", change);
  assertEquals([status, changed.class, changed.runs], [200, "major", ["own"]]);
  const [, done] = await post("/api/optimization/refresh", { runId: "own" });
  assertEquals([done.report.best.setId, done.report.best.score], ["a+c", 12]);
  const stats = await (await fetch(`${url}/api/refresh/stats`)).json();
  assertEquals([stats.runs, stats.fallbacks], [1, 0]);
});

Deno.test("events of refreshes have times as whole as those of the routes", async () => {
  await using rig = await rigOf({ feeds: [], admin: ADMIN });
  const { url } = await rig.wick.admin.ask("status", {});
  const events = await fetch(`${url}/api/events`);
  assert(events.body !== null);
  const lines = events.body.pipeThrough(new TextDecoderStream());
  await rig.wick.createRun({
    runId: "own",
    edges: [{ edgeId: "a", value: 0.5 }],
    generator: { kind: "combinations", size: 1 },
  });
  let text = "";
  for await (const part of lines) {
    text += part;
    if (/^data: .*"runId":"own".*\n/m.test(text)) break;
  }
  const times = [...text.matchAll(/"atMs":([\d.]+)/g)].map(([, ms]) => Number(ms));
  assert(times.length > 0, text);
  assert(times.every(Number.isInteger), text);
});

Deno.test("what is no change, refresh or run is refused before it is a message", async () => {
  await using rig = await rigOf({ feeds: [] });
  const { wick } = rig;
  await assertRejects(
    () => wick.recordOptimizationEdgeChange({ edgeId: "a", magnitude: -1 }),
    TypeError,
    "Cannot record a change: change.magnitude: Too small: expected number to be >=0: " +
      "current value is -1",
  );
  await assertRejects(
    () => wick.executeOptimizedRefresh({ runId: "a b" }),
    TypeError,
    "Cannot refresh a run: refresh.runId: expected 1 to 64 letters",
  );
  await assertRejects(
    () => wick.createRun({ runId: "r", edges: [{ edgeId: "a", value: 1 }] }),
    TypeError,
    "Cannot create a run: run: expected sets or a generator, and not both",
  );
});

Deno.test("a tree without refreshing says so", async () => {
  const wick = await startWick({ workers: 1, system: { log: null } });
  try {
    assertEquals([wick.refresh, wick.aggregator], [null, null]);
    await assertRejects(
      () => wick.executeOptimizedRefresh({ runId: "own", kind: "cheapest" }),
      TypeError,
      "Cannot refresh",
    );
  } finally {
    await wick.system.stop();
  }
});
