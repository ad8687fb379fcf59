/** The protocols: what can be reached from outside is described and strict, the rest cannot be. */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { z } from "zod";
import {
  child,
  describeProtocol,
  InvalidMessage,
  type Protocol,
  Simulator,
} from "../../src/actor/mod.ts";
import { admin } from "../../actors/admin.ts";
import { letters, lettersArgs } from "../../actors/letters.ts";
import { LabelLog } from "../../src/http/label_log.ts";
import { jobStatus, providerStatus, runReport } from "../../src/http/job_schemas.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import * as common from "../../actors/protocols.ts";
import * as batch from "../../actors/protocols_batch.ts";
import * as cache from "../../actors/protocols_cache.ts";
import { Aggregator, RefreshCoordinator } from "../../actors/protocols_refresh.ts";
import { Warmer } from "../../actors/protocols_warm.ts";
import { PATHS, wickTree } from "../../actors/tree.ts";
import { CACHE_PATHS, shardName, treeCacheOf } from "../../actors/tree_cache.ts";
import { InstrumentRegistry } from "../../src/market/instrument.ts";
import { cacheExplanation } from "../../src/http/cache_schemas.ts";
import { warmingPatterns, warmingStats } from "../../src/http/warming_schemas.ts";
import { MemoryService } from "../http/service.ts";
import { ArraySource, walkOf } from "./support.ts";

const { Admin, CommitSink, Feed, LabelPool, LabelSink, LabelWorker } = common;
const { AlertSink, Letters, Monitor, Store, Webhook } = common;
const { Backfill, Provider } = batch;
const { CacheShard, CacheTier } = cache;
const ALL = [
  ...[Admin, Backfill, CommitSink, Feed, LabelPool, LabelSink, LabelWorker],
  ...[Letters, Monitor, Provider, Store, Webhook, CacheShard, CacheTier, Warmer],
  ...[Aggregator, RefreshCoordinator, AlertSink],
] as unknown as Protocol[];

/** A job of twenty calls, one after the other. */
const JOB = {
  name: "night",
  symbols: Array.from({ length: 200 }, (_, i) => `S${i}`),
  kinds: ["prices"],
  provider: "simulated",
  granularity: "D",
  profile: "conservative",
  rate: "750/min",
  workers: 1,
  chunk: 10,
  from: "2026-02-02T00:00:00Z",
  to: "2026-02-03T00:00:00Z",
  filters: { staleness: false },
  schedule: { cron: "0 3 * * *", timeZone: "America/New_York" },
};

const OWN = { runId: "own" };
const CHANGE = {
  edgeId: "x",
  type: "custom",
  magnitude: 2,
  value: 6,
  at: 0,
  metadata: { source: "desk", size: 3, isFirm: true, note: null },
};

/** A payload that each message takes, with every field that it may have. */
const PAYLOADS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "store.cursor": { feed: "feed" },
  "store.touched": { seq: 0, limit: 10 },
  "store.putRecord": { kind: "test", key: "a", json: "1" },
  "store.dropRecord": { kind: "test", key: "a" },
  "store.record": { kind: "test", key: "a" },
  "store.records": { kind: "test" },
  "store.letters": {
    filter: { id: 1, ids: [1], afterId: 0, path: "/wick/x", type: "x", reason: "crashed" },
    limit: 10,
  },
  "store.dropLetters": { filter: { id: 1 } },
  "store.backup": { path: "/nowhere/wick.db" },
  "monitor.alerts": { past: 5 },
  "monitor.acknowledge": { id: "actor_down-0123456789abcdef", by: "ann", note: "on it" },
  "webhook.seek": { after: "17-3" },
  "monitor.measure": {
    samples: [{ name: "a_b", value: 1 }, { name: "a_b_total", labels: { c: "d" }, add: 2 }, {
      name: "a_b_seconds",
      observe: [0.5],
    }],
  },
  "label_pool.setWorkers": { count: 1 },
  "label_pool.compute": {
    series: "EUR_USD:H1",
    fromTs: 0,
    toTs: 1,
    params: { horizon: 6, up: 2, down: 2, tie: "lower", vertical: "zero", volatility: "atr" },
    priority: 10,
    limit: 5,
  },
  "provider.get": {
    kind: "prices",
    symbols: ["AAPL"],
    fromMs: Date.UTC(2026, 1, 2),
    toMs: Date.UTC(2026, 1, 3),
    granularity: "D",
    priority: 5,
  },
  "cache_shard.explain": { key: "price:AAPL" },
  "cache_shard.drop": { keys: ["price:AAPL"] },
  "cache_shard.protect": { pattern: "price:A*" },
  "cache_shard.unprotect": { pattern: "price:A*" },
  "cache_shard.resize": { entriesMax: 1_000, weightMaxBytes: 1_000_000 },
  "provider.setLinger": { lingerMs: 7 },
  "warmer.setBudget": { callsPerMinute: 50 },
  "warmer.run": { strategy: "popular" },
  "warmer.accesses": { accesses: [{ key: "price:AAPL", at: 0, user: "ann" }] },
  "warmer.sectors": { sectors: { AAPL: "technology" } },
  "warmer.calendar": {
    events: [{ symbol: "AAPL", kind: "earnings", date: "2026-03-03", when: "after_close" }],
  },
  "aggregator.recordEdgeChanges": { changes: [CHANGE] },
  "aggregator.recordEdgeChange": CHANGE,
  "aggregator.correlations": {
    correlations: { kind: "pairs", pairs: [{ a: "x", b: "y", correlation: 0.5 }] },
  },
  "aggregator.clusters": { sizeMin: 2, limit: 10 },
  "aggregator.edge": { edgeId: "x" },
  "aggregator.addEdges": { edges: ["z"] },
  "aggregator.removeEdges": { edges: ["z"] },
  "aggregator.block": { clusterId: "x" },
  "refresh_coordinator.createRun": {
    runId: "own",
    edges: [{ edgeId: "x", value: 1 }, { edgeId: "y", value: 2 }],
    generator: { kind: "combinations", size: 2, setsMax: 10 },
    scorer: { name: "product", params: { penaltyRatio: 0.5 } },
    options: { mode: "lazy", isLive: true, epsilon: 0.01, minChangedEdges: 1, auditEvery: 10 },
  },
  "refresh_coordinator.changeRun": {
    runId: "own",
    change: {
      removeSets: ["x+y"],
      removeEdges: [],
      addEdges: [{ edgeId: "z", value: 3 }],
      addSets: [{ setId: "all", members: ["x", "y", "z"] }],
      values: [{ edgeId: "x", value: 4 }],
    },
  },
  "refresh_coordinator.recordEdgeChanges": { runId: "own", values: [{ edgeId: "x", value: 5 }] },
  "refresh_coordinator.refresh": OWN,
  "refresh_coordinator.refreshWithFallback": OWN,
  "refresh_coordinator.rebuild": OWN,
  "refresh_coordinator.get": OWN,
  "refresh_coordinator.explain": { ...OWN, setId: "all" },
  "refresh_coordinator.recordOptimizationEdgeChange": { ...OWN, ...CHANGE },
  "refresh_coordinator.executeOptimizedRefresh": { ...OWN, kind: "cheapest", changes: [CHANGE] },
  "refresh_coordinator.removeRun": OWN,
  "backfill.start": { job: JOB, mode: "restart" },
  "backfill.job": { name: JOB.name },
  "backfill.pause": { name: JOB.name },
  "backfill.resume": { name: JOB.name },
  "backfill.cancel": { name: JOB.name },
  "backfill.ended": { name: JOB.name },
  "backfill.report": { name: JOB.name },
  "backfill.reports": { job: JOB.name, limit: 5 },
};

const jobReply = z.strictObject({ state: z.literal("ok"), job: jobStatus });

const DONE = z.looseObject({
  state: z.literal("done"),
  report: z.looseObject({ state: z.literal("succeeded") }),
});

/** What replies look like whose protocol says no more than their type. */
const REPLIES: Readonly<Record<string, z.ZodType>> = {
  "warmer.run": z.tuple([z.looseObject({ state: z.enum(["started", "refused"]) })]),
  "warmer.stats": warmingStats,
  "warmer.status": z.looseObject({ cycleCount: z.int(), paused: z.null() }),
  "warmer.patterns": warmingPatterns,
  "warmer.accesses": z.strictObject({ taken: z.literal(1) }),
  "aggregator.recordEdgeChanges": z.looseObject({ recorded: z.literal(1) }),
  "aggregator.recordEdgeChange": z.looseObject({ recorded: z.literal(1) }),
  "aggregator.correlations": z.looseObject({ clusters: z.int() }),
  "aggregator.clusters": z.tuple([
    z.looseObject({ members: z.tuple([z.literal("x"), z.literal("y")]) }),
  ]),
  "aggregator.edge": z.looseObject({ edgeId: z.literal("x"), source: z.literal("given") }),
  "aggregator.addEdges": z.looseObject({ edges: z.int() }),
  "aggregator.removeEdges": z.looseObject({ edges: z.int() }),
  "aggregator.block": z.looseObject({ cacheHit: z.literal(false) }),
  "aggregator.status": z.looseObject({ isCaughtUp: z.literal(true) }),
  "refresh_coordinator.createRun": z.looseObject({ state: z.literal("created") }),
  "refresh_coordinator.changeRun": z.looseObject({ state: z.literal("recorded") }),
  "refresh_coordinator.recordEdgeChanges": z.looseObject({ state: z.literal("recorded") }),
  "refresh_coordinator.refresh": DONE,
  "refresh_coordinator.refreshWithFallback": DONE,
  "refresh_coordinator.rebuild": DONE,
  "refresh_coordinator.get": z.looseObject({ sets: z.literal(1) }),
  "refresh_coordinator.list": z.array(z.looseObject({ runId: z.string() })).min(1),
  "refresh_coordinator.explain": z.looseObject({ set: z.looseObject({ setId: z.literal("all") }) }),
  "refresh_coordinator.scorers": z.array(z.looseObject({ name: z.string() })).length(2),
  "refresh_coordinator.stats": z.looseObject({ failed: z.literal(0) }),
  "refresh_coordinator.recordOptimizationEdgeChange": z.looseObject({ class: z.literal("major") }),
  "refresh_coordinator.executeOptimizedRefresh": DONE,
  "refresh_coordinator.removeRun": z.literal(true),
  "provider.status": providerStatus,
  "cache_shard.explain": cacheExplanation,
  "cache_shard.status": z.looseObject({ shard: z.literal(0), policy: z.literal("adaptive") }),
  "cache_tier.status": z.looseObject({ kind: z.literal("memory"), state: z.literal("up") }),
  "backfill.start": jobReply,
  "backfill.jobs": z.array(jobStatus).length(1),
  "backfill.job": jobReply,
  "backfill.pause": jobReply,
  "backfill.resume": jobReply,
  "backfill.cancel": jobReply,
  "backfill.ended": jobReply,
  "backfill.report": runReport,
  "backfill.reports": z.array(runReport).min(1),
};

/** A provider so slow that a job can be paused, resumed and cancelled amid it. */
const SLOW = { transientRatio: 0, medianMs: 5_000, p99Ms: 6_000 } as const;
/** A reply, and a call of a job that is paused, is there by then. */
const REPLY_MS = 8_000;

/** Messages that may come from outside. */
function open(messages: Protocol) {
  return messages.byIndex.filter(({ internal }) => !internal);
}

function payloadOf({ protocol, type }: { protocol: string; type: string }) {
  return PAYLOADS[`${protocol}.${type}`] ?? {};
}

/** What a JSON schema says, or the definition that it points to. */
function shapeOf(schema: unknown): { readonly type?: string } {
  const { $ref, $defs, ...shape } = schema as JsonSchema;
  return $ref === undefined ? shape : $defs?.[$ref.slice("#/$defs/".length)] ?? {};
}

interface JsonSchema {
  readonly type?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

Deno.test("the test knows every protocol", () => {
  const exported = Object.values({
    ...common,
    ...batch,
    ...cache,
    Warmer,
    Aggregator,
    RefreshCoordinator,
  })
    .filter((one): one is typeof Store => typeof one === "object" && "definition" in one);
  assertEquals(new Set(exported.map(({ name }) => name)), new Set(ALL.map(({ name }) => name)));
});

Deno.test("every message from outside is described, with a line for people", () => {
  for (const messages of ALL) {
    const described = describeProtocol(messages);
    assertEquals(described.messages.map(({ type }) => type), open(messages).map((e) => e.type));
    for (const { type, about, payload, reply } of described.messages) {
      assertGreater(about.length, 8, `${messages.name}.${type}`);
      assertEquals(shapeOf(payload).type, "object");
      const hasReply = messages.entries[type]?.reply !== null;
      assertEquals(reply !== null, hasReply, `${messages.name}.${type}`);
      // OpenAPI is JSON.
      assertEquals(JSON.parse(JSON.stringify({ payload, reply })), { payload, reply });
    }
  }
});

Deno.test("every message from outside takes what it names and refuses unknown fields", () => {
  for (const messages of ALL) {
    for (const entry of open(messages)) {
      const payload = payloadOf(entry);
      const at = `${messages.name}.${entry.type}`;
      assert(entry.payload.safeParse(payload).success, at);
      assert(!entry.payload.safeParse({ ...payload, unknown: 1 }).success, at);
      for (const other of [null, [], "text", 1, undefined]) {
        assert(!entry.payload.safeParse(other).success, `${at} of ${other}`);
      }
    }
  }
});

Deno.test("nested parameters refuse unknown fields and values out of range too", () => {
  const compute = LabelPool.entries.compute.payload;
  const request = PAYLOADS["label_pool.compute"];
  const wrong = [
    { params: { horizon: 6, hroizon: 7 } },
    { params: { horizon: 0 } },
    { params: { horizon: 10_001 } },
    { params: { horizon: 1.5 } },
    { params: { up: 0 } },
    { params: { down: -1 } },
    { params: { up: Infinity } },
    { params: { tie: "middle" } },
    { params: { maxGapMs: 0.5 } },
    { priority: 11 },
    { priority: -1 },
    { priority: 1.5 },
    { limit: 0 },
    { limit: 10_001 },
    { series: "" },
    { series: "x".repeat(65) },
    { fromTs: NaN },
    { toTs: 1e17 },
    { fromTs: "0" },
  ];
  for (const part of wrong) {
    assert(!compute.safeParse({ ...request, ...part }).success, JSON.stringify(part));
  }
});

Deno.test("compute fills in priority, limit and parameters", () => {
  const { series, fromTs, toTs } = PAYLOADS["label_pool.compute"] as Record<string, unknown>;
  const parsed = LabelPool.entries.compute.payload.parse({ series, fromTs, toTs });
  assertEquals(parsed, { series, fromTs, toTs, params: {}, priority: 5, limit: 1_000 });
});

Deno.test("every entry is named and numbered once in its protocol", () => {
  for (const { byIndex } of ALL) {
    assertEquals(byIndex.map(({ index }) => index), byIndex.map((_, i) => i));
  }
  assertEquals(new Set(ALL.map(({ name }) => name)).size, ALL.length);
});

/** The running tree, with one actor of each protocol. */
async function running() {
  const service = new MemoryService();
  const cacheSpec = { provider: JOB.provider, shards: 1, tier: { kind: "memory" } } as const;
  const tree = wickTree({
    treeCache: treeCacheOf(cacheSpec, () => simulator.system, new InstrumentRegistry()),
    warming: {},
    refresh: {},
    workers: 1,
    feeds: [{ name: "feed", source: () => new ArraySource("feed", [[walkOf(1, "A:M1", 9)]]) }],
    onLabels: () => {},
    providers: [{
      name: JOB.provider,
      begin: "free",
      // Opened while the simulator is being made, which has the clock.
      open: () => Promise.resolve().then(() => simulatedProvider(simulator.clock, SLOW)),
    }],
    webhooks: [{ name: "desk", url: "http://127.0.0.1:8099/", secret: "0123456789abcdef" }],
    alertSinks: [
      { name: "duty", kind: "webhook", url: "http://127.0.0.1:8099/", secret: "0123456789abcdef" },
    ],
    log: new LabelLog(() => Promise.resolve({ state: "ok", commits: [] }), 0),
    monitor: {},
    system: { log: null },
  });
  const simulator: Simulator = new Simulator({
    seed: 1,
    system: {
      ...tree,
      children: [
        ...tree.children ?? [],
        child(letters, {
          name: "letters",
          args: ({ ask, system }) => lettersArgs(ask(Store, PATHS.store), system),
        }),
        child(admin, { name: "admin", args: { port: () => service, options: { port: 0 } } }),
      ],
    },
  });
  await simulator.advance(1_000);
  // The admin's socket opens in the machine's time.
  while (simulator.system.nodeAt("/wick/admin")?.state !== "running") await simulator.run();
  const paths: Record<string, string> = {
    [Admin.name]: "admin",
    [Letters.name]: "letters",
    [Monitor.name]: "monitor",
    [Store.name]: PATHS.store,
    [LabelWorker.name]: `${PATHS.workers}/worker-0`,
    [LabelPool.name]: PATHS.pool,
    [LabelSink.name]: `${PATHS.sinks}/on_labels`,
    [CommitSink.name]: `${PATHS.sinks}/log`,
    [Feed.name]: `${PATHS.feeds}/feed`,
    [Webhook.name]: `${PATHS.webhooks}/desk`,
    [AlertSink.name]: `${PATHS.alertSinks}/duty`,
    [Provider.name]: `${PATHS.providers}/${JOB.provider}`,
    [Backfill.name]: PATHS.backfill,
    [CacheShard.name]: `${CACHE_PATHS.cache}/${shardName(0)}`,
    [CacheTier.name]: CACHE_PATHS.tier,
    [Warmer.name]: PATHS.warmer,
    [Aggregator.name]: PATHS.aggregator,
    [RefreshCoordinator.name]: PATHS.coordinator,
  };
  return {
    simulator,
    pathOf: (name: string) => `/wick/${paths[name]}`,
    async [Symbol.asyncDispose]() {
      let isStopped = false;
      const stopped = simulator.system.stop().finally(() => isStopped = true);
      while (!isStopped) await simulator.advance(1_000);
      await stopped;
      await service[Symbol.asyncDispose]();
    },
  };
}

Deno.test("internal messages cannot be sent or asked from outside", async () => {
  await using tree = await running();
  const { system } = tree.simulator;
  let internal = 0;
  for (const messages of ALL) {
    const path = tree.pathOf(messages.name);
    for (const { type } of messages.byIndex.filter((entry) => entry.internal)) {
      internal++;
      const sent = system.nodeAt(path);
      assert(sent !== null);
      assertThrows(() => system.tellFromOutside(path, type, {}), InvalidMessage, type);
      const error = await system.askFromOutside(path, type, {}).catch((caught) => caught);
      assert(error instanceof InvalidMessage, `${path} ${type}`);
    }
    for (const type of ["constructor", "__proto__", "toString", ""]) {
      assertThrows(() => system.tellFromOutside(path, type, {}), InvalidMessage);
    }
  }
  assertGreater(internal, 15);
  const before = system.deadLetters.total;
  await tree.simulator.advance(1_000);
  assertEquals(system.deadLetters.total, before);
});

Deno.test("every message with a reply answers from outside as it says", async () => {
  await using tree = await running();
  const { system } = tree.simulator;
  for (const messages of ALL) {
    for (const entry of open(messages)) {
      if (entry.reply === null) continue;
      const path = tree.pathOf(messages.name);
      const at = `${messages.name}.${entry.type}`;
      const asked = system.askFromOutside(path, entry.type, payloadOf(entry))
        .catch((error) => error as Error);
      await tree.simulator.advance(REPLY_MS);
      const reply = await asked;
      if (entry.type === "backup") {
        // Of the memory store only: it has no disk to copy.
        assert(reply instanceof Error && reply.message.includes("Cannot back up"), `${reply}`);
        continue;
      }
      assert(!(reply instanceof Error), `${at}: ${reply}`);
      const { error } = (REPLIES[at] ?? entry.reply).safeParse(reply);
      assertEquals(
        error === undefined ? "" : z.prettifyError(error),
        "",
        `${at}: ${JSON.stringify(reply)}`,
      );
    }
  }
});
