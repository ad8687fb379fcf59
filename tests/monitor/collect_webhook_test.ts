/** What the monitor makes of a webhook's status. */

import { assertEquals } from "@std/assert";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import { type WebhookFigures, webhookFinding } from "../../src/monitor/collect_webhook.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { valueIn } from "../../src/monitor/snapshot.ts";

const FIGURES: WebhookFigures = {
  state: "delivering",
  waiting: null,
  after: "17-3",
  logSeq: 20,
  batches: 5,
  rows: 50,
  failures: 2,
  gaps: 1,
  breaker: { state: "closed" },
  lastError: "once",
};

Deno.test("webhookFinding() measures a webhook under the last step of its path", () => {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  const { samples } = webhookFinding("core/work/webhooks/desk", FIGURES);
  assertEquals(applySamples(registry, samples, 0), []);
  const snapshot = registry.snapshot(0, 0);
  const figures = {
    breaker_closed: 1,
    behind_commits: 3,
    batches_total: 5,
    rows_total: 50,
    failures_total: 2,
    gaps_total: 1,
  };
  for (const [name, value] of Object.entries(figures)) {
    assertEquals(valueIn(snapshot, `wick_webhook_${name}`, { webhook: "desk" }), value, name);
  }
});

Deno.test("webhookFinding() tells a receiver that fails from one that is slow", () => {
  const partOf = (more: Partial<WebhookFigures>) =>
    webhookFinding("webhooks/desk", { ...FIGURES, ...more }).parts?.[0];
  const waiting = { for: "receiver", code: "status" };
  assertEquals(partOf({})?.state, "ok");
  assertEquals(partOf({ state: "paused" })?.state, "ok");
  assertEquals(partOf({ waiting })?.state, "degraded");
  assertEquals(partOf({ waiting, breaker: { state: "open" } })?.state, "down");
  // An error that is over is no detail of a part that is well.
  assertEquals([partOf({})?.detail.lastError, partOf({ waiting })?.detail.lastError], [
    undefined,
    "once",
  ]);
  assertEquals(partOf({ after: "25" })?.detail.behind, 0);
});
