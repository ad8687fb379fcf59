/** Collectors: every figure arrives under a declared metric, in base units. */

import { assert, assertEquals } from "@std/assert";
import type { TreeNode } from "../../src/actor/mod.ts";
import type { FeedStatus } from "../../src/feed/status.ts";
import type { StoreInfo } from "../../src/store/port.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  feedFinding,
  type PoolFigures,
  poolFinding,
  storeFinding,
} from "../../src/monitor/collect_ingest.ts";
import { letterFinding, processFinding } from "../../src/monitor/collect_process.ts";
import { treeFinding } from "../../src/monitor/collect_tree.ts";
import type { Finding } from "../../src/monitor/finding.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { type MetricsSnapshot, valueIn } from "../../src/monitor/snapshot.ts";

function snapshotOf(...findings: readonly Finding[]): MetricsSnapshot {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  assertEquals(findings.flatMap(({ samples }) => applySamples(registry, samples, 0)), []);
  return registry.snapshot(0, 0);
}

const node = (path: string, more: Partial<TreeNode> = {}): TreeNode => ({
  name: path.slice(path.lastIndexOf("/") + 1),
  path,
  kind: "actor",
  state: "running",
  incarnation: 1,
  restart: "permanent",
  restartsInPeriod: 0,
  restartedAt: null,
  lastError: null,
  supervisor: null,
  mailbox: null,
  children: [],
  ...more,
});
const mailbox = (more: Partial<NonNullable<TreeNode["mailbox"]>> = {}) => ({
  protocol: "store",
  depth: 0,
  bound: 100,
  bytes: 0,
  sent: 0,
  handled: 0,
  deadLettered: 0,
  superseded: 0,
  ratePerSecond: 0,
  serviceMs: { p50: 0, p95: 0, p99: 0 },
  oldestMs: 0,
  expectedWaitMs: 0,
  ...more,
});
const supervisor = {
  strategy: "one_for_one",
  intensity: 1,
  periodMs: 5_000,
  intensityScope: "supervisor" as const,
  restarts: 3,
  gaveUp: 1,
};

const STORE = node("/wick/core/store", {
  incarnation: 4,
  mailbox: mailbox({
    depth: 7,
    bytes: 900,
    sent: 50,
    handled: 40,
    deadLettered: 2,
    superseded: 1,
    serviceMs: { p50: 0.5, p95: 1, p99: 20 },
    oldestMs: 1_500,
    expectedWaitMs: 3.5,
  }),
});
const TREE = node("/wick", {
  supervisor,
  children: [node("/wick/core", { supervisor, children: [STORE] })],
});

Deno.test("treeFinding() measures actors by their path below the root, in base units", () => {
  const snapshot = snapshotOf(treeFinding(TREE));
  const of = (name: string) => valueIn(snapshot, `wick_actor_${name}`, { actor: "core/store" });
  const figures = {
    up: 1,
    starts_total: 4,
    messages_sent_total: 50,
    messages_handled_total: 40,
    messages_dead_lettered_total: 2,
    mailbox_messages: 7,
    mailbox_bound_messages: 100,
    mailbox_bytes: 900,
    oldest_message_seconds: 1.5,
    expected_wait_seconds: 0.0035,
    service_p50_seconds: 0.0005,
    service_p99_seconds: 0.02,
  };
  for (const [name, value] of Object.entries(figures)) assertEquals(of(name), value, name);
  for (const name of ["/wick", "core"]) {
    const labels = { supervisor: name };
    assertEquals(valueIn(snapshot, "wick_supervisor_restarts_total", labels), 3);
    assertEquals(valueIn(snapshot, "wick_supervisor_gave_up_total", labels), 1);
  }
});

Deno.test("treeFinding() finds nothing wrong with an actor that is stopped and not needed", () => {
  const one = (name: string, more: Partial<TreeNode>) =>
    node(`/wick/${name}`, { mailbox: mailbox(), ...more });
  const children = [one("a", { state: "stopped" }), one("b", { state: "stopped" }), one("c", {})];
  const isSpare = (name: string) => name !== "a";
  const finding = treeFinding(node("/wick", { supervisor, children }), isSpare);
  assertEquals(finding.parts.map(({ state }) => state), ["down", "ok", "ok"]);
  const snapshot = snapshotOf(finding);
  const up = (actor: string) => valueIn(snapshot, "wick_actor_up", { actor });
  // Neither up nor down: a rule that wants it to be up has nothing to say.
  assertEquals(["a", "b", "c"].map(up), [0, null, 1]);
});

Deno.test("treeFinding() says how each actor is, and of a supervisor only that it does not run", () => {
  const one = (name: string, more: Partial<TreeNode>) =>
    node(`/wick/${name}`, { mailbox: mailbox(), ...more });
  const children = [
    one("fine", {}),
    one("down", { state: "down", lastError: "no such file" }),
    one("stopped", { state: "stopped" }),
    one("starting", { state: "starting" }),
    one("restarted", { restartsInPeriod: 1, incarnation: 2 }),
    one("full", { mailbox: mailbox({ depth: 90 }) }),
    one("busy", { mailbox: mailbox({ depth: 89 }) }),
    node("/wick/sup", { supervisor }),
    node("/wick/gone", { supervisor, state: "stopped" }),
  ];
  const { parts } = treeFinding(node("/wick", { supervisor, children }));
  assertEquals(Object.fromEntries(parts.map(({ name, state }) => [name, state])), {
    fine: "ok",
    down: "down",
    stopped: "down",
    starting: "degraded",
    restarted: "degraded",
    full: "degraded",
    busy: "ok",
    gone: "down",
  });
  assertEquals(parts[1]?.detail, {
    state: "down",
    incarnation: 1,
    restartsInPeriod: 0,
    depth: 0,
    bound: 100,
    lastError: "no such file",
  });
});

Deno.test("processFinding() and letterFinding() measure what they are given", () => {
  const snapshot = snapshotOf(
    processFinding({
      rssBytes: 1,
      heapUsedBytes: 2,
      heapTotalBytes: 3,
      externalBytes: 4,
      cpuUserSeconds: 5.5,
      cpuSystemSeconds: 6.5,
    }),
    letterFinding({ counts: { overflow: 3, crashed: 4 }, size: 5, bytes: 600, evicted: 2 }),
  );
  const kinds = { resident: 1, heap_used: 2, heap_total: 3, external: 4 };
  for (const [kind, bytes] of Object.entries(kinds)) {
    assertEquals(valueIn(snapshot, "wick_process_memory_bytes", { kind }), bytes);
  }
  assertEquals(valueIn(snapshot, "wick_process_cpu_seconds_total", { mode: "user" }), 5.5);
  assertEquals(valueIn(snapshot, "wick_process_cpu_seconds_total", { mode: "system" }), 6.5);
  assertEquals(valueIn(snapshot, "wick_dead_letters_total", { reason: "overflow" }), 3);
  assertEquals(valueIn(snapshot, "wick_dead_letters_total", { reason: "crashed" }), 4);
  assertEquals(valueIn(snapshot, "wick_dead_letters_kept"), 5);
  assertEquals(valueIn(snapshot, "wick_dead_letters_kept_bytes"), 600);
  assertEquals(valueIn(snapshot, "wick_dead_letters_evicted_total"), 2);
});

const POOL: PoolFigures = {
  workers: 2,
  series: 8,
  queuedBatches: 3,
  queuedRows: 300,
  delayMs: 12,
  accepted: 40,
  refused: 5,
  committedSeq: 17,
  candles: 1_000,
  labels: 1_350,
  revised: 6,
  failures: 1,
  workersMax: 4,
  moves: 9,
  busyMs: 2_500,
};

Deno.test("poolFinding() measures what the pool says", () => {
  const finding = poolFinding("core/pool", POOL);
  const snapshot = snapshotOf(finding);
  const figures = {
    workers: 2,
    workers_max: 4,
    series: 8,
    queued_batches: 3,
    queued_rows: 300,
    delay_seconds: 0.012,
    committed_seq: 17,
    accepted_total: 40,
    refused_total: 5,
    candles_total: 1_000,
    labels_total: 1_350,
    revised_total: 6,
    failures_total: 1,
    moves_total: 9,
    busy_seconds_total: 2.5,
  };
  for (const [name, value] of Object.entries(figures)) {
    assertEquals(valueIn(snapshot, `wick_pool_${name}`), value, name);
  }
  assertEquals(finding.parts?.map(({ name, state }) => [name, state]), [["core/pool", "ok"]]);
});

const FEED: FeedStatus = {
  source: "demo",
  state: "running",
  waiting: null,
  cursor: "7",
  batches: 3,
  rows: 30,
  rowsPerSecond: 1,
  rejected: 4,
  underWay: 2,
  retries: 5,
  breaker: { state: "closed", failures: 0, nextTryTs: null },
  holes: { count: 6, missingBars: 9, filledBars: 0, latest: [] },
  lastError: "once",
  lastErrorTs: 0,
  lastCommitTs: 0,
  detail: {},
};

Deno.test("feedFinding() measures a feed under the last step of its path", () => {
  const snapshot = snapshotOf(feedFinding("core/work/feeds/demo", FEED));
  const figures = {
    running: 1,
    breaker_closed: 1,
    batches_under_way: 2,
    holes: 6,
    missing_bars: 9,
    batches_total: 3,
    rows_total: 30,
    rejected_total: 4,
    retries_total: 5,
  };
  for (const [name, value] of Object.entries(figures)) {
    assertEquals(valueIn(snapshot, `wick_feed_${name}`, { feed: "demo" }), value, name);
  }
});

Deno.test("feedFinding() tells a feed that cannot go on from one that need not", () => {
  const waiting = (what: "store" | "pool") => ({
    for: what,
    code: "disk_full",
    reason: "no room",
    sinceTs: 0,
    nextTryTs: 0,
  });
  const open = { state: "open", failures: 3, nextTryTs: 0 } as const;
  const stateOf = (more: Partial<FeedStatus>) =>
    feedFinding("feeds/demo", { ...FEED, ...more }).parts?.[0];
  assertEquals(stateOf({})?.state, "ok");
  assertEquals(stateOf({ state: "ended" })?.state, "ok");
  assertEquals(stateOf({ state: "paused" })?.state, "ok");
  assertEquals(stateOf({ state: "waiting", waiting: waiting("pool") })?.state, "ok");
  assertEquals(stateOf({ state: "waiting", waiting: waiting("store") })?.state, "degraded");
  assertEquals(stateOf({ state: "waiting", breaker: open })?.state, "down");
  // An error that is over is no detail of a part that is well.
  assertEquals([stateOf({})?.detail.lastError, stateOf({ breaker: open })?.detail.lastError], [
    undefined,
    "once",
  ]);
});

const INFO: StoreInfo = {
  backend: "sqlite",
  path: "data/wick.db",
  durability: "full",
  bytesOnDisk: 4_096,
  seq: 17,
  oldestSeq: 3,
  oldestAsOf: 4,
  series: 8,
  candles: 1_000,
  letters: 2,
  state: "ok",
  lastError: null,
};

Deno.test("storeFinding() measures the store; one that cannot write is down", () => {
  const snapshot = snapshotOf(storeFinding("core/store", INFO));
  const figures = {
    writable: 1,
    seq: 17,
    oldest_seq: 3,
    series: 8,
    candles: 1_000,
    letters: 2,
    disk_bytes: 4_096,
  };
  for (const [name, value] of Object.entries(figures)) {
    assertEquals(valueIn(snapshot, `wick_store_${name}`), value, name);
  }
  const full = storeFinding("core/store", { ...INFO, state: "full", lastError: "disk is full" });
  assertEquals(valueIn(snapshotOf(full), "wick_store_writable"), 0);
  assertEquals(full.parts?.[0], {
    name: "core/store",
    state: "down",
    detail: { store: "full", seq: 17, bytesOnDisk: 4_096, lastError: "disk is full" },
  });
});

Deno.test("every declared metric has a name of its own", () => {
  const names = WICK_METRICS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  assert(names.length > 40);
});
