/** Routes about alerts and the score: shapes, who may act, and both over a whole tree. */

import { LogRing } from "../../src/http/log_ring.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Service } from "../../actors/service.ts";
import { PATHS, startWick } from "../../actors/tree.ts";
import { alertAcked, alertsReply } from "../../src/http/alert_schemas.ts";
import { createApp } from "../../src/http/app.ts";
import { healthReply, problem } from "../../src/http/schemas.ts";
import { Door } from "../../src/label/admission.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { alertId, type AlertReading } from "../../src/monitor/alert.ts";
import { AlertBook } from "../../src/monitor/alerts.ts";
import type { ProcessFigures } from "../../src/monitor/collect_process.ts";
import { parseExposition } from "./exposition.ts";
import { MemoryService } from "./service.ts";
import { ACT, READ } from "./support.ts";

const AT = 1_700_000_000_000;
const JSON_TYPE = { "content-type": "application/json" };
const ID = alertId("actor_down", "core/store", { actor: "core/store" });

const DOWN: AlertReading = {
  rule: "actor_down",
  type: "system_health",
  severity: "page",
  actor: "core/store",
  labels: { actor: "core/store" },
  phase: "firing",
  value: 0,
  summary: "core/store is not running",
  runbook: "Look at its last error.",
};

const IDLE: ProcessFigures = {
  rssBytes: 1e6,
  heapUsedBytes: 1e6,
  heapTotalBytes: 1e6,
  externalBytes: 0,
  cpuUserSeconds: 0,
  cpuSystemSeconds: 0,
};

/** A service in which the store is down, and whose feed was. */
function alerted(): MemoryService {
  const service = new MemoryService();
  const feed = { ...DOWN, actor: "feed", labels: { actor: "feed" } };
  service.book.take([feed], 0, AT);
  service.book.take([{ ...feed, phase: "clear" }, DOWN], 1, AT + 1);
  return service;
}

function ack(app: ReturnType<typeof createApp>, id: string, body: unknown, headers = {}) {
  return app.request(`/api/alerts/${id}/ack`, {
    method: "POST",
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });
}

Deno.test("GET /api/alerts shows what is wrong, and as many past ones as are asked for", async () => {
  await using service = alerted();
  const app = createApp(service);
  const read = async (query: string) => {
    const answer = await app.request(`/api/alerts${query}`);
    assertEquals(answer.status, 200);
    const { active, past } = alertsReply.parse(await answer.json());
    return [active.map(({ id }) => id), past.map(({ actor }) => actor)];
  };
  assertEquals(await read(""), [[ID], ["feed"]]);
  assertEquals(await read("?past=1"), [[ID], ["feed"]]);
  assertEquals(await read("?past=0"), [[ID], []]);
  for (const query of ["?past=-1", "?past=513", "?past=x", "?past=1.5", "?post=1"]) {
    const answer = await app.request(`/api/alerts${query}`);
    assertEquals([answer.status, problem.parse(await answer.json()).code], [422, "shape"], query);
  }
});

Deno.test("POST /api/alerts/:id/ack acknowledges, once", async () => {
  await using service = alerted();
  const app = createApp(service);
  const first = alertAcked.parse(await (await ack(app, ID, { by: "ann", note: "on it" })).json());
  assertEquals(first.state, "acknowledged");
  assertEquals(first.alert.acknowledged, { by: "ann", at: AT, note: "on it" });
  const second = alertAcked.parse(await (await ack(app, ID, { by: "bob" })).json());
  assertEquals([second.state, second.alert.acknowledged?.by], ["known", "ann"]);
});

Deno.test("POST /api/alerts/:id/ack refuses what is no alert, and wrong bodies", async () => {
  await using service = alerted();
  const app = createApp(service);
  const over = alertId("actor_down", "feed", { actor: "feed" });
  for (const id of [over, "other-0123456789abcdef"]) {
    const answer = await ack(app, id, { by: "ann" });
    assertEquals([answer.status, problem.parse(await answer.json()).code], [404, "no_alert"]);
  }
  const bodies = [{}, { by: "" }, { by: "x".repeat(501) }, { by: "ann", note: 1 }, {
    by: "a",
    x: 1,
  }];
  for (const body of bodies) {
    const answer = await ack(app, ID, body);
    assertEquals([answer.status, problem.parse(await answer.json()).code], [422, "shape"]);
  }
  for (const id of ["x", "actor_down-0123", "Actor-0123456789abcdef", `${ID}0`]) {
    assertEquals((await ack(app, id, { by: "ann" })).status, 422, id);
  }
  assertEquals(service.book.active()[0]?.acknowledged, null);
});

Deno.test("alerts can be read with one token and acknowledged with the other", async () => {
  await using service = alerted();
  const app = createApp(service, { tokens: { read: READ, act: ACT } });
  const withToken = (token: string) => ({ authorization: `Bearer ${token}` });
  assertEquals((await app.request("/api/alerts")).status, 401);
  const read = await app.request("/api/alerts", { headers: withToken(READ) });
  assertEquals(read.status, 200);
  assertEquals((await ack(app, ID, { by: "ann" }, withToken(READ))).status, 403);
  assertEquals((await ack(app, ID, { by: "ann" }, withToken(ACT))).status, 200);
});

Deno.test("an alert is an event of type alert, however many there are at once", async () => {
  const service = new Service({
    lines: new LogRing({ wallNow: () => 0 }),
    about: { name: "wick", version: "1" },
    params: DEFAULT_PARAMS,
    door: new Door(),
    packed: false,
    startedAt: AT,
    paths: PATHS,
  });
  const watcher = service.events.subscribe(null);
  const readings = Array.from({ length: 30 }, (_, i): AlertReading => {
    const actor = `core/work/ingest/feeds/feed-${i}`;
    const long = { runbook: "x".repeat(500), summary: "y".repeat(300) };
    return { ...DOWN, ...long, actor, labels: { actor } };
  });
  new AlertBook().take(readings, 0, AT).forEach((event) => service.alertEvent(event));
  const event = await watcher.next();
  watcher.close();
  assertEquals([event?.type, event?.at], ["alert", AT]);
  const { change, rule, count, alerts } = event?.data as Record<string, unknown>;
  assertEquals([change, rule, count], ["fired", "actor_down", 30]);
  assertEquals((alerts as readonly unknown[]).length, 20);
});

Deno.test("GET /api/health of a whole tree has the score, /metrics and /api/alerts those of alerts", async () => {
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    // That this machine is busy for a moment is an alert as well, and not of the tree.
    monitor: { intervalMs: 20, lagEveryMs: null, process: () => IDLE },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  try {
    const { url } = await wick.admin.ask("status", {});
    for (let look = 0;; look++) {
      assert(look < 500, "no score, or alerts do not begin");
      const text = await (await fetch(`${url}/metrics`)).text();
      if (/^wick_alerts_fired_total /m.test(text)) {
        assertEquals(parseExposition(text).types.get("wick_health_component_up"), "gauge");
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { score } = healthReply.parse(await (await fetch(`${url}/api/health`)).json());
    assertEquals(score?.components.find(({ name }) => name === "store")?.state, "ok");
    assertEquals(score?.parts.map(({ name }) => name), [
      "latency",
      "success",
      "cache",
      "throughput",
    ]);
    const alerts = alertsReply.parse(await (await fetch(`${url}/api/alerts`)).json());
    assertEquals(alerts, { active: [], past: [] });
    const answer = await fetch(`${url}/api/alerts/${ID}/ack`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ by: "ann" }),
    });
    assertEquals(answer.status, 404);
    assertMatch(problem.parse(await answer.json()).detail, /expected one that fires/);
  } finally {
    await wick.system.stop();
  }
});
