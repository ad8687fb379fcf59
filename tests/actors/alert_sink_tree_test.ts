/** Alerts through the whole tree: sinks beside the core, a test of them, targets and own metrics. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import type { AlertSinkSpec } from "../../src/http/webhook/alert_sink.ts";
import { alertSinksReply, alertTestReply } from "../../src/http/webhook/alert_sink_status.ts";
import { alertsReply } from "../../src/http/alert_schemas.ts";
import { healthReply } from "../../src/http/schemas.ts";
import type { OwnMetric } from "../../src/monitor/own_metrics.ts";
import { pause, systemClock } from "../../src/actor/clock.ts";
import { keyOf, parseExposition } from "../http/exposition.ts";
import { hangUp, Receiver, SECRET, status } from "../http/webhook/receiver.ts";
import { fastClock } from "../support/fast_clock.ts";

const ABOUT = { name: "wick", version: "test" };
const ACT = "acting-token-0123456789";
const LOOK_MS = 50;
const METRIC: OwnMetric = {
  name: "desk_open_orders",
  kind: "gauge",
  help: "Orders that are open",
  labels: ["venue"],
  target: { better: "lower", unit: "count", good: 1, warning: 5, critical: 10 },
  alert: { severity: "page", forMs: 0 },
};

class Served implements AsyncDisposable {
  private constructor(readonly wick: Wick, readonly url: string) {}

  static async start(options: WickOptions): Promise<Served> {
    const wick = await startWick({
      workers: 1,
      admin: { about: ABOUT, options: { port: 0, tokens: { act: ACT, read: null } } },
      system: { log: null },
      ...options,
      monitor: { intervalMs: LOOK_MS, ...options.monitor },
    });
    return new Served(wick, (await wick.admin.ask("status", {})).url);
  }

  async ask(path: string, body?: unknown, method = body === undefined ? "GET" : "POST") {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ACT}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assertEquals(answer.ok, true, `${path}: ${answer.status}`);
    return await answer.text();
  }

  /** The part of the health, once there is a score. */
  async score() {
    while (true) {
      const { score } = healthReply.parse(JSON.parse(await this.ask("/api/health")));
      if (score !== null) return score;
      await pause(systemClock, LOOK_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.wick.system.stop();
  }
}

const sinkOf = (name: string, receiver: Receiver, more: Partial<AlertSinkSpec> = {}) => ({
  name,
  kind: "webhook" as const,
  url: receiver.url,
  secret: SECRET,
  ...more,
});

Deno.test("POST /api/alerts/test sends to everyone and says what each answered", async () => {
  await using good = await Receiver.start();
  await using bad = await Receiver.start();
  await using manager = await Receiver.start();
  await using closes = await Receiver.start();
  bad.answer = status(500);
  closes.answer = hangUp;
  await using served = await Served.start({
    alertSinks: [
      sinkOf("good", good, { severities: ["page"] }),
      sinkOf("bad", bad),
      sinkOf("manager", manager, { kind: "alertmanager" }),
      sinkOf("closes", closes),
    ],
  });
  const { sinks } = alertTestReply.parse(
    JSON.parse(await served.ask("/api/alerts/test", undefined, "POST")),
  );
  assertEquals(sinks.map(({ name, state, code }) => `${name} ${state} ${code}`), [
    "log taken null",
    "events taken null",
    "good taken null",
    "bad failed status",
    "manager taken null",
    "closes failed unreachable",
  ]);
  const [toGood] = good.deliveries;
  assertEquals([toGood?.isSigned, JSON.parse(toGood?.body ?? "").status], [true, "firing"]);
  const [toManager] = manager.deliveries;
  assertEquals([toManager?.path, toManager?.authorization], [
    "/labels/api/v2/alerts",
    `Bearer ${SECRET}`,
  ]);
  const shown = alertSinksReply.parse(JSON.parse(await served.ask("/api/alerts/sinks")));
  assertEquals(
    shown.sinks.map(({ name, kind, status }) => [name, kind, status?.taken, status?.failed]),
    [
      ["good", "webhook", 1, 0],
      ["bad", "webhook", 0, 1],
      ["manager", "alertmanager", 1, 0],
      ["closes", "webhook", 0, 1],
    ],
  );
  await pause(systemClock, 4 * LOOK_MS);
  const { values } = parseExposition(await served.ask("/metrics"));
  const deliveries = (sink: string, outcome: string) =>
    values.get(keyOf("wick_alert_deliveries_total", { sink, outcome }));
  assertEquals([deliveries("good", "taken"), deliveries("bad", "failed")], [1, 1]);
});

Deno.test("POST /api/alerts/test is for whoever may act", async () => {
  await using served = await Served.start({});
  const answer = await fetch(`${served.url}/api/alerts/test`, { method: "POST" });
  await answer.body?.cancel();
  assertEquals(answer.status, 401);
});

Deno.test("an own metric is shown, judged, alerted and told; measured inside or over HTTP", async () => {
  await using receiver = await Receiver.start();
  await using served = await Served.start({
    alertSinks: [sinkOf("desk", receiver)],
    monitor: { metrics: [METRIC] },
    // What fires is told some seconds later, with what fires meanwhile.
    system: { log: null, clock: fastClock(5) },
  });
  served.wick.measure([{ name: METRIC.name, labels: { venue: "ny" }, value: 2 }]);
  const measured = await served.ask("/api/actors/monitor/messages", {
    type: "measure",
    payload: {
      samples: [
        { name: METRIC.name, labels: { venue: "ldn" }, value: 12 },
        { name: "wick_health_score", value: 100 },
        { name: METRIC.name, labels: {}, value: 1 },
      ],
    },
  });
  const { reply } = JSON.parse(measured);
  assertEquals([reply.taken, reply.refused.length], [1, 2]);
  await receiver.until(() => receiver.deliveries.length > 0);
  const [delivery] = receiver.deliveries;
  const { alerts: [told] } = JSON.parse(delivery?.body ?? "");
  assertEquals([delivery?.isSigned, told.labels.alertname, told.labels.venue], [
    true,
    "own_desk_open_orders",
    "ldn",
  ]);
  const { active } = alertsReply.parse(JSON.parse(await served.ask("/api/alerts")));
  const mine = active.filter(({ rule }) => rule === "own_desk_open_orders");
  assertEquals(mine.map(({ state, severity, summary }) => [state, severity, summary]), [
    ["firing", "page", "Orders that are open (venue ldn): 12"],
  ]);
  const { values } = parseExposition(await served.ask("/metrics"));
  const shown = ["ny", "ldn"].map((venue) => values.get(keyOf(METRIC.name, { venue })));
  assertEquals(shown, [2, 12]);
  const score = await served.score();
  assert(score.critical.includes(METRIC.name), score.critical.join());
});

Deno.test("targets of the monitor are those that the health is held against", async () => {
  await using served = await Served.start({
    monitor: { targets: { memory: { good: 1, warning: 2, critical: 3 } } },
  });
  let score = await served.score();
  while (score.measures.find(({ measure }) => measure === "memory")?.level === null) {
    score = await served.score();
  }
  const memory = score.measures.find(({ measure }) => measure === "memory");
  assertEquals([memory?.target.critical, memory?.level], [3, "critical"]);
  assertEquals(score.limiting?.name, "memory");
});

Deno.test("sinks are reached while the core is down", async () => {
  await using receiver = await Receiver.start();
  await using served = await Served.start({ alertSinks: [sinkOf("desk", receiver)] });
  const { system } = served.wick;
  await system.stopAt(`${system.root.path}/core`);
  const { sinks } = alertTestReply.parse(
    JSON.parse(await served.ask("/api/alerts/test", undefined, "POST")),
  );
  assertEquals(sinks.map(({ state }) => state), ["taken", "taken", "taken"]);
  assertEquals(receiver.deliveries.length, 1);
});

Deno.test("a tree without a monitor tells nobody of alerts", async () => {
  const sink = { name: "a", kind: "webhook", url: "http://127.0.0.1:9/", secret: SECRET } as const;
  await assertRejects(
    () => startWick({ alertSinks: [sink], system: { log: null } }),
    TypeError,
    "expected a monitor",
  );
});
