/** Requests to receivers of alerts: their form, their secrets, and what is refused. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ALERT_SINKS_MAX,
  alertmanagerUrl,
  type AlertSinkSpec,
  assertAlertSinks,
  isSecretSafe,
  sinkRequest,
  testAlert,
} from "../../../src/http/webhook/alert_sink.ts";
import { fetchWebhook } from "../../../src/http/webhook/call.ts";
import { post } from "../../../src/http/webhook/post.ts";
import { systemClock } from "../../../src/actor/mod.ts";
import { verifyWebhook } from "../../../src/http/webhook/signature.ts";
import { hangUp, Receiver, SECRET, status } from "./receiver.ts";

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const URL = "http://127.0.0.1:9/alerts";
const HOOK: AlertSinkSpec = { name: "desk", kind: "webhook", url: URL, secret: SECRET };
const MANAGER: AlertSinkSpec = {
  name: "am",
  kind: "alertmanager",
  url: "http://127.0.0.1:9093/",
  secret: null,
};
const OPTIONS = { baseUrl: "http://127.0.0.1:8003", at: AT };
const GROUP = { rule: "wick_test", alerts: [testAlert(AT)], truncated: 0 };

Deno.test("sinkRequest() to a webhook is Alertmanager's message, signed", () => {
  const request = sinkRequest({ ...HOOK, labels: { site: "ny" } }, GROUP, OPTIONS);
  const { headers, body } = request;
  assertEquals(request.url, URL);
  assert(verifyWebhook(SECRET, headers["wick-signature"] ?? null, body, AT));
  assert(!JSON.stringify(request).includes(SECRET));
  const labels = {
    site: "ny",
    alertname: "wick_test",
    severity: "info",
    type: "system_health",
    component: "monitor",
    alert_id: "wick_test-0000000000000000",
  };
  const annotations = {
    summary: "A test alert of Wick: nothing is wrong",
    runbook: "None: somebody asked for it.",
  };
  // prometheus.io/docs/alerting/latest/configuration, "webhook_config".
  assertEquals(JSON.parse(body), {
    version: "4",
    groupKey: '{}:{alertname="wick_test"}',
    truncatedAlerts: 0,
    status: "firing",
    receiver: "desk",
    groupLabels: { alertname: "wick_test" },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: "http://127.0.0.1:8003",
    alerts: [{
      status: "firing",
      labels,
      annotations,
      startsAt: "2026-01-02T03:04:05.000Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://127.0.0.1:8003/#/alerts?id=wick_test-0000000000000000",
      fingerprint: "0000000000000000",
    }],
  });
});

Deno.test("sinkRequest() to a webhook: what has ended, and what is common", () => {
  const ended = {
    ...testAlert(AT),
    id: "wick_test-00000000000000ff",
    actor: "core/store",
    state: "resolved",
    resolvedAt: AT + 1_000,
  } as const;
  const group = { ...GROUP, truncated: 3 };
  const both = JSON.parse(
    sinkRequest(HOOK, { ...group, alerts: [testAlert(AT), ended] }, OPTIONS).body,
  );
  assertEquals([both.status, both.truncatedAlerts], ["firing", 3]);
  assertEquals(both.commonLabels, {
    alertname: "wick_test",
    severity: "info",
    type: "system_health",
  });
  assertEquals(both.alerts[1].endsAt, "2026-01-02T03:04:06.000Z");
  const one = JSON.parse(sinkRequest(HOOK, { ...group, alerts: [ended] }, OPTIONS).body);
  assertEquals([one.status, one.alerts[0].status], ["resolved", "resolved"]);
});

Deno.test("sinkRequest() to an Alertmanager posts alerts, with its token if it has one", () => {
  const open = sinkRequest(MANAGER, GROUP, { ...OPTIONS, holdMs: 60_000 });
  assertEquals(open.url, "http://127.0.0.1:9093/api/v2/alerts");
  assertEquals(Object.keys(open.headers).sort(), ["content-type", "user-agent"]);
  const [alert, ...others] = JSON.parse(open.body);
  assertEquals([alert.startsAt, alert.endsAt, others], [
    "2026-01-02T03:04:05.000Z",
    "2026-01-02T03:05:05.000Z",
    [],
  ]);
  const kept = sinkRequest({ ...MANAGER, secret: SECRET }, GROUP, OPTIONS);
  assertEquals(kept.headers["authorization"], `Bearer ${SECRET}`);
});

Deno.test("alertmanagerUrl() keeps the prefix, and adds the path once", () => {
  const cases = {
    "http://am:9093": "http://am:9093/api/v2/alerts",
    "https://am/prefix/": "https://am/prefix/api/v2/alerts",
    "http://am:9093/api/v2/alerts": "http://am:9093/api/v2/alerts",
  };
  for (const [address, url] of Object.entries(cases)) assertEquals(alertmanagerUrl(address), url);
});

Deno.test("isSecretSafe() is for https and this machine", () => {
  const cases: [string, boolean][] = [
    ["https://am.example/", true],
    ["http://am.example/", false],
    ["http://127.0.0.1:9093/", true],
    ["http://[::1]:9093/", true],
    ["http://localhost/", true],
    ["http://127.0.0.1.example/", false],
  ];
  for (const [url, isSafe] of cases) assertEquals(isSecretSafe(url), isSafe, url);
});

Deno.test("assertAlertSinks() refuses what cannot be, and shows no secret", () => {
  const cases: [AlertSinkSpec[], RegExp][] = [
    [[HOOK, HOOK], /alert sink desk: expected different names/],
    [[{ ...HOOK, url: "ftp://a/" }], /a URL of http or https/],
    [[{ ...HOOK, url: "http://user:word@a/" }], /without a password/],
    [[{ ...HOOK, secret: "short-one" }], /the secret of alert sink desk: expected 16 .* is 9/],
    [[{ ...HOOK, secret: null }], /expected 16 characters: current value is 0/],
    [[{ ...MANAGER, secret: "short-one" }], /expected 16 characters/],
    // Runtimes quote a header that they refuse.
    [[{ ...MANAGER, secret: "short-one\nshort-one" }], /printable characters without blanks/],
    [[{ ...MANAGER, url: "http://am.example/", secret: SECRET }], /https, or this machine/],
    [
      [{
        ...HOOK,
        labels: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, "x"])),
      }],
      /at most 8 labels/,
    ],
    [
      Array.from({ length: ALERT_SINKS_MAX + 1 }, (_, i) => ({ ...HOOK, name: `n${i}` })),
      /at most 16: current value is 17/,
    ],
  ];
  for (const [specs, message] of cases) {
    const error = assertThrows(() => assertAlertSinks(specs), RangeError);
    assert(message.test(error.message), error.message);
    assert(!/short-one|webhook-secret/.test(error.message), error.message);
  }
  assertAlertSinks([HOOK, MANAGER, {
    ...MANAGER,
    name: "safe",
    url: "https://am/",
    secret: SECRET,
  }]);
});

const posted = (url: string, timeoutMs = 5_000) => {
  const request = sinkRequest({ ...HOOK, url }, GROUP, { ...OPTIONS, at: Date.now() });
  const stopping = new AbortController().signal;
  return post(request, { clock: systemClock, call: fetchWebhook, timeoutMs, stopping });
};

Deno.test("post(): whatever a receiver does is an outcome", async () => {
  await using receiver = await Receiver.start();
  assertEquals(await posted(receiver.url), { state: "taken" });
  assertEquals(receiver.deliveries[0]?.isSigned, true);
  const codeOf = async (timeoutMs?: number) => {
    const outcome = await posted(receiver.url, timeoutMs);
    assert(outcome.state === "failed");
    return outcome.code;
  };
  receiver.answer = status(500);
  assertEquals(await codeOf(), "status");
  receiver.answer = status(413);
  assertEquals(await codeOf(), "too_large");
  receiver.answer = status(307, { location: `http://127.0.0.1:${receiver.port}/elsewhere` });
  assertEquals(await codeOf(), "redirect");
  receiver.answer = hangUp;
  assertEquals(await codeOf(), "unreachable");
  receiver.answer = () => {};
  assertEquals(await codeOf(50), "timeout");
  // An answer without an end is not read.
  receiver.answer = (response) => void response.writeHead(200).write("x".repeat(100_000));
  assertEquals(await posted(receiver.url), { state: "taken" });
  assertEquals(new Set(receiver.deliveries.map(({ path }) => path)), new Set(["/labels"]));
});
