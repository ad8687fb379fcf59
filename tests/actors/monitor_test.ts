/** The monitor: what it measures, and that nothing it looks at can stop it. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  type ActorDefinition,
  child,
  createSystem,
  type SystemOptions,
  VirtualClock,
} from "../../src/actor/mod.ts";
import { metricsText } from "../../src/http/metrics.ts";
import { poolFinding } from "../../src/monitor/collect_ingest.ts";
import { letterFinding, processFinding } from "../../src/monitor/collect_process.ts";
import { treeFinding } from "../../src/monitor/collect_tree.ts";
import type { Finding } from "../../src/monitor/finding.ts";
import { Reporter } from "../../src/monitor/reporter.ts";
import { histogramIn, type LabelValues, valueIn } from "../../src/monitor/snapshot.ts";
import {
  monitor,
  type MonitorArgs,
  type MonitorCollector,
  processFigures,
} from "../../actors/monitor.ts";
import { Monitor } from "../../actors/protocols.ts";
import { Harness, Journal, settle, Work } from "../actor/support.ts";

const INTERVAL_MS = 1_000, TIMEOUT_MS = 200;

/** A monitor beside a worker, under a virtual clock; the event loop is watched only on request. */
class Rig extends Harness {
  constructor(args: Partial<MonitorArgs> = {}, more: SystemOptions = {}) {
    super({
      children: [
        child(monitor, {
          name: "monitor",
          args: {
            collectors: [],
            intervalMs: INTERVAL_MS,
            timeoutMs: TIMEOUT_MS,
            lagEveryMs: null,
            ...args,
          },
        }),
      ],
      ...more,
    });
  }

  get monitor() {
    return this.system.ref(Monitor, "monitor");
  }

  async snapshot() {
    const asked = this.monitor.ask("snapshot", {});
    await settle();
    return await asked;
  }

  async health() {
    const asked = this.monitor.ask("health", {});
    await settle();
    return await asked;
  }

  async value(name: string, labels?: LabelValues) {
    return valueIn(await this.snapshot(), name, labels);
  }
}

const depth = (value: number, name = "pool"): Finding => ({
  samples: [{ name: "wick_pool_queued_rows", value }],
  parts: [{ name, state: "ok", detail: { value } }],
});

const collector = (collect: MonitorCollector["collect"], name = "pool") => ({ name, collect });

Deno.test("monitor looks at once when it starts, and then at every tick", async () => {
  let looks = 0;
  await using rig = new Rig({ collectors: [collector(() => depth(++looks))] });
  await rig.advance(0);
  assertEquals([looks, await rig.value("wick_pool_queued_rows")], [1, 1]);
  await rig.advance(3 * INTERVAL_MS);
  assertEquals([looks, await rig.value("wick_pool_queued_rows")], [4, 4]);
  assertEquals(await rig.health(), {
    state: "ok",
    parts: [{ name: "pool", state: "ok", detail: { value: 4 } }],
  });
});

Deno.test("monitor says that it has not looked yet", async () => {
  await using rig = new Rig({ collectors: [collector(() => new Promise(() => {}))] });
  assertEquals(await rig.health(), {
    state: "degraded",
    parts: [{ name: "pool", state: "degraded", detail: { look: "not yet" } }],
  });
});

Deno.test("monitor shows a collector that throws or rejects, and goes on", async () => {
  let failure: "throw" | "reject" | null = null;
  const flaky = collector(() => {
    if (failure === "throw") throw new Error("it is broken");
    return failure === "reject" ? Promise.reject(new Error("it is gone")) : depth(1);
  });
  await using rig = new Rig({ collectors: [flaky, collector(() => depth(7, "other"), "other")] });
  await rig.advance(0);
  const labels = { collector: "pool" };
  for (const [way, error] of [["throw", "it is broken"], ["reject", "it is gone"]] as const) {
    failure = way;
    await rig.advance(INTERVAL_MS);
    assertEquals((await rig.health()).parts[0], {
      name: "pool",
      state: "degraded",
      detail: { look: "failed", error },
    });
    assertEquals(await rig.value("wick_monitor_collector_up", labels), 0);
    assertEquals(await rig.value("wick_monitor_collector_up", { collector: "other" }), 1);
  }
  failure = null;
  await rig.advance(INTERVAL_MS);
  assertEquals((await rig.health()).state, "ok");
  assertEquals(await rig.value("wick_monitor_collector_up", labels), 1);
  assertEquals(await rig.value("wick_monitor_collector_failures_total", labels), 2);
  assertEquals(rig.node("monitor").incarnation, 1);
  // Once each time it changes, not at every look.
  assertEquals(rig.lines.map(({ level, message }) => `${level} ${message}`), [
    "warn cannot look at a part",
    "info can look at a part again",
  ]);
});

Deno.test("monitor gives a look up after its time, and begins no second one meanwhile", async () => {
  const answers: ((finding: Finding) => void)[] = [];
  const slow = collector(() => new Promise<Finding>((resolve) => answers.push(resolve)));
  await using rig = new Rig({ collectors: [slow] });
  await rig.advance(TIMEOUT_MS);
  assertEquals((await rig.health()).parts[0]?.detail, {
    look: "failed",
    error: "no answer within 200 ms",
  });
  // It may not be up yet: no reason for a warning.
  assertEquals(rig.lines.map(({ level }) => level), ["info"]);
  await rig.advance(5 * INTERVAL_MS - TIMEOUT_MS);
  assertEquals(answers.length, 1);
  // Too late: it only makes room for the next look.
  answers[0]?.(depth(1));
  await rig.advance(0);
  assertEquals([(await rig.health()).state, await rig.value("wick_pool_queued_rows")], [
    "degraded",
    null,
  ]);
  await rig.advance(INTERVAL_MS);
  assertEquals(answers.length, 2);
  answers[1]?.(depth(2));
  await rig.advance(0);
  assertEquals([(await rig.health()).state, await rig.value("wick_pool_queued_rows")], ["ok", 2]);
});

Deno.test("monitor measures how long a look takes", async () => {
  const slow = collector(() =>
    new Promise((resolve) => rig.clock.setTimer(150, () => resolve(depth(1))))
  );
  await using rig: Rig = new Rig({ collectors: [slow] });
  await rig.advance(INTERVAL_MS - 1);
  const labels = { collector: "pool" };
  assertEquals(await rig.value("wick_monitor_collector_seconds", labels), 0.15);
});

Deno.test("monitor takes out gauges of what is no longer there, and keeps counters", async () => {
  let isGone = false;
  const going = collector(() => ({
    samples: isGone ? [] : [
      { name: "wick_pool_queued_rows", value: 5 },
      { name: "wick_pool_candles_total", total: 9 },
    ],
  }));
  await using rig = new Rig({ collectors: [going] });
  await rig.advance(INTERVAL_MS);
  isGone = true;
  await rig.advance(2 * INTERVAL_MS);
  assertEquals(await rig.value("wick_pool_queued_rows"), 5);
  await rig.advance(3 * INTERVAL_MS);
  assertEquals(await rig.value("wick_pool_queued_rows"), null);
  assertEquals(await rig.value("wick_pool_candles_total"), 9);
});

Deno.test("monitor sums up what actors report, from histograms too", async () => {
  await using rig = new Rig();
  const reporters = [new Reporter(), new Reporter()];
  for (const [i, reporter] of reporters.entries()) {
    reporter.counter("wick_pool_candles_total").add(10 + i);
    const seconds = reporter.histogram("wick_ingest_commit_seconds");
    for (let n = 1; n <= 100; n++) seconds.record(n / 1_000);
    rig.monitor.tell("report", reporter.take() ?? []);
  }
  await settle();
  const snapshot = await rig.snapshot();
  assertEquals(valueIn(snapshot, "wick_pool_candles_total"), 21);
  const found = histogramIn(snapshot, "wick_ingest_commit_seconds");
  assertEquals([found?.count, found?.min, found?.max], [200, 0.001, 0.1]);
  assert(Math.abs((found?.p50 ?? 0) - 0.05) <= 0.0079 * 0.05);
});

Deno.test("monitor counts samples that it refuses, and names each metric once in the log", async () => {
  await using rig = new Rig();
  for (let i = 0; i < 3; i++) {
    rig.monitor.tell("report", [
      { name: "wick_unknown", value: 1 },
      { name: "wick_pool_queued_rows", value: NaN },
      { name: "wick_pool_candles_total", add: 1 },
    ]);
  }
  await settle();
  assertEquals(await rig.value("wick_monitor_refused_samples_total"), 6);
  assertEquals(await rig.value("wick_pool_candles_total"), 3);
  assertEquals(rig.lines.map(({ fields }) => fields.metric), [
    "wick_unknown",
    "wick_pool_queued_rows",
  ]);
});

Deno.test("monitor has metrics of its host program, and refuses to start with wrong ones", async () => {
  const own = { name: "wick_own_rows", kind: "gauge", help: "Own" } as const;
  await using rig = new Rig({
    metrics: [own],
    collectors: [collector(() => ({ samples: [{ name: own.name, value: 3 }] }))],
  });
  await rig.advance(0);
  assertEquals(await rig.value(own.name), 3);
  const wrong = () => new Rig({ metrics: [{ ...own, name: "rows" }] });
  let failure: unknown = null;
  try {
    wrong();
  } catch (error) {
    failure = error;
  }
  assert(failure instanceof Error && failure.message.includes("expected a name wick_…"));
});

/** A clock whose loop can be blocked: time passes, and timers fire late. */
class LateClock extends VirtualClock {
  behindMs = 0;
  override now(): number {
    return super.now() + this.behindMs;
  }
  async run(ms: number): Promise<void> {
    const untilMs = this.now() + ms;
    await settle();
    while (this.nextTimerAt() + this.behindMs <= untilMs) {
      this.fireNext();
      await settle();
    }
  }
}

Deno.test("monitor measures the lag of the loop by the clock it is given", async () => {
  const clock = new LateClock();
  await using rig = new Rig({ lagEveryMs: 20 }, { clock });
  await clock.run(5 * INTERVAL_MS);
  const free = await rig.snapshot();
  assertEquals(histogramIn(free, "wick_event_loop_lag_seconds")?.count, 250);
  assertEquals(valueIn(free, "wick_event_loop_lag_p99_seconds"), 0);
  clock.behindMs = 310;
  await clock.run(INTERVAL_MS);
  const found = histogramIn(await rig.snapshot(), "wick_event_loop_lag_seconds");
  assertEquals(found?.max, 0.31);
  assertGreater(await rig.value("wick_event_loop_lag_p99_seconds") ?? 0, 0.1);
  // The last minute has forgotten it.
  await clock.run(61_000);
  assertEquals(await rig.value("wick_event_loop_lag_p99_seconds"), 0);
});

Deno.test("monitor begins anew after a restart, counters from what the parts count", async () => {
  let total = 100;
  const collectors = [
    collector(() => ({ samples: [{ name: "wick_pool_candles_total", total }] })),
  ];
  await using rig = new Rig({ collectors, lagEveryMs: 20 });
  await rig.advance(INTERVAL_MS);
  total = 200;
  rig.system.restart("/wick/monitor");
  await rig.advance(INTERVAL_MS);
  assertEquals([rig.node("monitor").incarnation, await rig.value("wick_pool_candles_total")], [
    2,
    200,
  ]);
});

Deno.test("monitor of a real tree: every actor is measured and says how it is", async () => {
  const journal = new Journal();
  const worker: ActorDefinition<typeof Work.definition, { readonly init?: string }> = journal.actor;
  await using rig: Rig = new Rig({
    collectors: [
      collector(() => treeFinding(rig.system.tree()), "tree"),
      collector(() => letterFinding(rig.system.deadLetters), "dead_letters"),
    ],
  });
  rig.system.spawn(worker, { name: "worker", args: {} });
  const ref = rig.system.ref(Work, "worker");
  for (let i = 0; i < 5; i++) ref.tell("do", "x");
  await rig.advance(INTERVAL_MS);
  const labels = { actor: "worker" };
  assertEquals(await rig.value("wick_actor_messages_handled_total", labels), 5);
  assertEquals((await rig.health()).state, "ok");
  ref.tell("crash", "boom");
  await rig.advance(INTERVAL_MS);
  const health = await rig.health();
  assertEquals([health.state, health.parts.map(({ name, state }) => `${name} ${state}`)], [
    "degraded",
    ["monitor ok", "worker degraded"],
  ]);
  assertEquals(health.parts[1]?.detail.lastError, "boom");
  assertEquals(await rig.value("wick_actor_starts_total", labels), 2);
  assertEquals(await rig.value("wick_dead_letters_total", { reason: "crashed" }), 1);
  // The period of 5 s is over.
  await rig.advance(6_000);
  assertEquals((await rig.health()).state, "ok");
  const text = await metricsText(await rig.snapshot());
  assert(text.includes('wick_actor_messages_handled_total{actor="worker"} 5\n'), text);
  assert(text.includes('wick_actor_up{actor="monitor"} 1\n'), text);
});

Deno.test("monitor on the machine's clock leaves nothing behind when it stops", async () => {
  await using system = createSystem({
    log: null,
    children: [
      child(monitor, {
        name: "monitor",
        args: {
          intervalMs: 5,
          timeoutMs: 1_000,
          collectors: [
            collector(() => new Promise(() => {}), "hanging"),
            collector(() => processFinding(processFigures()), "process"),
            collector(() =>
              poolFinding("pool", {
                workers: 1,
                workersMax: 1,
                moves: 0,
                busyMs: 0,
                series: 0,
                queuedBatches: 0,
                queuedRows: 0,
                delayMs: 0,
                accepted: 0,
                refused: 0,
                committedSeq: 0,
                candles: 0,
                labels: 0,
                revised: 0,
                failures: 0,
              })
            ),
          ],
        },
      }),
    ],
  });
  await system.started;
  const ref = system.ref(Monitor, "monitor");
  for (let look = 0;; look++) {
    const snapshot = await ref.ask("snapshot", {});
    const rss = valueIn(snapshot, "wick_process_memory_bytes", { kind: "resident" });
    if (rss !== null) {
      // The resident memory of this very process, by the runtime's own word.
      assert(Math.abs(rss / Deno.memoryUsage().rss - 1) < 0.5, `${rss}`);
      break;
    }
    assert(look < 1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
