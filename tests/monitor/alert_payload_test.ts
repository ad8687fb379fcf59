import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Alert } from "../../src/monitor/alert.ts";
import {
  alertmanagerPayload,
  eventText,
  PAYLOAD_ALERTS_MAX,
} from "../../src/monitor/alert_payload.ts";

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

const ALERT: Alert = {
  id: "queue_time-0123456789abcdef",
  rule: "queue_time",
  type: "performance",
  severity: "ticket",
  actor: "core/store",
  labels: { actor: "core/store", severity: "forged" },
  state: "firing",
  summary: "A message to core/store waits 120 ms",
  runbook: "Look at what its handlers take.",
  value: 0.12,
  startedAt: AT - 60_000,
  firedAt: AT,
  resolvedAt: null,
  acknowledged: null,
  mutedBy: null,
  notified: true,
};
const OPTIONS = { baseUrl: "http://127.0.0.1:8003", at: AT + 1_000 };

Deno.test("alertmanagerPayload() is what POST /api/v2/alerts takes", () => {
  assertEquals(alertmanagerPayload([ALERT], { ...OPTIONS, labels: { node: "n1" } }), [{
    labels: {
      node: "n1",
      actor: "core/store",
      alertname: "queue_time",
      severity: "ticket",
      type: "performance",
      component: "core/store",
      alert_id: "queue_time-0123456789abcdef",
    },
    annotations: {
      summary: "A message to core/store waits 120 ms",
      runbook: "Look at what its handlers take.",
      value: "0.12",
    },
    startsAt: "2026-01-02T03:04:05.000Z",
    endsAt: "2026-01-02T03:09:06.000Z",
    generatorURL: "http://127.0.0.1:8003/#/alerts?id=queue_time-0123456789abcdef",
  }]);
});

Deno.test("alertmanagerPayload(): a resolved alert ends when it ended; a pending one is none", () => {
  const resolved: Alert = { ...ALERT, state: "resolved", resolvedAt: AT + 500 };
  const pending: Alert = { ...ALERT, state: "pending" };
  const [only, ...more] = alertmanagerPayload([pending, resolved], OPTIONS);
  assertEquals(only?.endsAt, "2026-01-02T03:04:05.500Z");
  assertEquals(more, []);
});

Deno.test("alertmanagerPayload(): names of labels are as its API wants them, no value is empty", () => {
  const service: Alert = { ...ALERT, actor: "", labels: {}, value: null };
  const [alert] = alertmanagerPayload([service], { ...OPTIONS, baseUrl: "" });
  for (const [name, value] of Object.entries(alert?.labels ?? {})) {
    assert(/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && value !== "", name);
  }
  assertEquals(alert?.generatorURL, "");
});

Deno.test("alertmanagerPayload() writes a time that no Date can hold as the last one", () => {
  const [alert] = alertmanagerPayload([{ ...ALERT, firedAt: 1e300 }], OPTIONS);
  assertEquals(alert?.startsAt, "+275760-09-13T00:00:00.000Z");
});

Deno.test("alertmanagerPayload() is bounded", () => {
  const many = Array.from({ length: PAYLOAD_ALERTS_MAX + 1 }, () => ALERT);
  assertThrows(() => alertmanagerPayload(many, OPTIONS), RangeError, "expected at most 256");
});

Deno.test("eventText() is one line, whatever names hold", () => {
  const evil: Alert = { ...ALERT, actor: "core/x\n2026 forged", summary: "a\r\nb\u2028c" };
  const base = { at: AT, rule: "queue_time", severity: "ticket" } as const;
  assertEquals(
    eventText({ ...base, type: "fired", alerts: [ALERT, evil], count: 4 }),
    "fired ticket queue_time core/store: A message to core/store waits 120 ms (and 3 more)",
  );
  const texts = [
    eventText({ ...base, type: "resolved", alerts: [evil], count: 1 }),
    eventText({ type: "suppressed", at: AT, alert: evil, reason: "cause" }),
    eventText({
      type: "acknowledged",
      at: AT,
      alert: { ...evil, acknowledged: { by: "a\nb", at: AT, note: "" } },
    }),
  ];
  assertEquals(texts, [
    "resolved ticket queue_time core/x 2026 forged: a b c",
    "held back (cause) ticket queue_time core/x 2026 forged: a b c",
    "acknowledged by a b ticket queue_time core/x 2026 forged: a b c",
  ]);
});
