/** Settings of the monitor: who is told of alerts, targets, own metrics; and what doctor says. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { targetChanges } from "../../src/cli/monitor_config.ts";
import { alertSinksOf } from "../../src/cli/serve_alerts.ts";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import { targetsWith } from "../../src/monitor/targets.ts";
import { Receiver } from "../http/webhook/receiver.ts";
import { envOf, fakeIo, run } from "./support.ts";

const SECRET = "alerts-secret-0123456789";
const HOOK = { kind: "webhook", url: "http://127.0.0.1:9/a?key=hidden-key", secretEnv: "KEY" };
const MANAGER = { kind: "alertmanager", url: "https://am.example" };

const parsed = (values: Record<string, unknown>) =>
  configSchema.safeParse({ ...CONFIG_DEFAULTS, ...values });

Deno.test("alertSinks: names by kind, secrets by file or environment", async () => {
  const result = parsed({
    alertSinks: [HOOK, MANAGER, { ...MANAGER, name: "b", labels: { site: "ny" } }],
  });
  assert(result.success, String(result.error));
  const io = fakeIo(envOf({ KEY: `${SECRET}\n` }));
  const common = { severities: null, labels: {} };
  assertEquals(await alertSinksOf(result.data, io), [
    { name: "webhook", kind: "webhook", url: HOOK.url, secret: SECRET, ...common },
    { name: "alertmanager", kind: "alertmanager", url: MANAGER.url, secret: null, ...common },
    {
      ...common,
      name: "b",
      ...MANAGER,
      kind: "alertmanager",
      secret: null,
      labels: { site: "ny" },
    },
  ]);
  const short = fakeIo(envOf({ KEY: "short-one" }));
  const error = await assertRejects(() => alertSinksOf(result.data, short), UsageError);
  assertMatch(error.message, /alert sink webhook: .* in environment KEY: current value has 9/);
  assert(!error.message.includes("short-one"));
  const lines = fakeIo(envOf({ KEY: "the-first-of-two\nthe-second" }));
  const two = await assertRejects(() => alertSinksOf(result.data, lines), UsageError);
  assertMatch(two.message, /printable characters without blanks in environment KEY/);
  assert(!two.message.includes("the-first"));
});

Deno.test("alertSinks: what cannot be is refused", () => {
  const cases: [unknown[], RegExp][] = [
    [[{ ...HOOK, secretEnv: undefined }], /either secretFile or secretEnv/],
    [[{ ...HOOK, secretFile: "a" }], /either secretFile or secretEnv/],
    [[HOOK, HOOK], /different names: webhook comes twice/],
    [[{ ...HOOK, url: "file:///etc/passwd" }], /a URL of http or https/],
    [[{ ...HOOK, url: "http://u:p@a/" }], /without a password/],
    [[{ ...HOOK, kind: "mail" }], /./],
    [[{ ...HOOK, severities: ["urgent"] }], /./],
    [[{ ...MANAGER, url: "http://am.example", secretEnv: "KEY" }], /https, or this machine/],
  ];
  for (const [alertSinks, message] of cases) {
    const { success, error } = parsed({ alertSinks });
    assert(!success && message.test(error?.message ?? ""), String(error));
  }
});

Deno.test("targets: any of the values, in the units of their names", () => {
  const result = parsed({
    targets: { latencyP99Ms: { warning: 85, critical: 120 }, cacheHitRatio: { good: 0.99 } },
  });
  assert(result.success, String(result.error));
  const targets = targetsWith(targetChanges(result.data.targets));
  const { good, warning, critical } = targets.latencyP99;
  assertEquals([good, warning, critical], [0.05, 0.085, 0.12]);
  assertEquals(targets.cacheHits.good, 0.99);
  assertEquals(targets.cpu.good, 0.5);
  const cases: [unknown, RegExp][] = [
    [{ latencyP99Ms: { good: 90 } }, /good < warning < critical/],
    [{ cacheHitRatio: { critical: 0.99 } }, /good > warning > critical/],
    [{ cpuRatio: { critical: 1.5 } }, /within 0 to 1/],
    [{ latency: { good: 1 } }, /latency/],
    [{ latencyP99Ms: { best: 1 } }, /best/],
  ];
  for (const [targets, message] of cases) {
    const { success, error } = parsed({ targets });
    assert(!success && message.test(error?.message ?? ""), String(error));
  }
});

Deno.test("metrics: declared with target and alert, refused by the rules of own ones", () => {
  const metric = {
    name: "desk_open_orders",
    kind: "gauge",
    help: "Orders that are open",
    target: { better: "lower", unit: "count", good: 1, warning: 5, critical: 10 },
    alert: { severity: "page", forMs: 1_000 },
  };
  assertEquals(parsed({ metrics: [metric] }).success, true);
  const wrong = parsed({ metrics: [{ ...metric, name: "wick_open_orders" }] });
  assertMatch(wrong.error?.message ?? "", /does not begin with wick_/);
});

Deno.test("config shows sinks without what their URLs hide", async () => {
  const targets = { cpuRatio: { critical: 0.9 } };
  const variables = {
    WICK_ALERT_SINKS: JSON.stringify([HOOK]),
    WICK_TARGETS: JSON.stringify(targets),
  };
  const { code, out } = await run(["config", "--json"], {}, envOf(variables));
  assertEquals(code, 0);
  assert(!out.includes("hidden-key"));
  const shown = JSON.parse(out);
  assertEquals(shown.alertSinks.value[0].url, "http://127.0.0.1:9/a?…");
  assertEquals(shown.targets, { value: targets, origin: "environment WICK_TARGETS" });
});

Deno.test("doctor says whether somebody listens where alerts go, and sends nothing", async () => {
  await using receiver = await Receiver.start();
  const gone = await Receiver.start();
  const { port } = gone;
  await gone[Symbol.asyncDispose]();
  const alertSinks = [
    { ...HOOK, name: "here", url: receiver.url },
    { ...HOOK, name: "gone", url: `http://127.0.0.1:${port}/x?key=hidden-key` },
    { ...HOOK, name: "open", secretEnv: "NONE" },
  ];
  const variables = {
    WICK_DATA: ":memory:",
    WICK_ALERT_SINKS: JSON.stringify(alertSinks),
    KEY: SECRET,
  };
  const { out } = await run(["doctor", "--json"], {}, envOf(variables));
  const { checks }: { checks: { name: string; state: string; detail: string }[] } = JSON.parse(out);
  const found = checks.filter(({ name }) => name === "alerts");
  assertEquals(found.map(({ state }) => state), ["ok", "warn", "fail"]);
  assertMatch(found[0]?.detail ?? "", /^webhook here: somebody listens at /);
  assertMatch(found[2]?.detail ?? "", /alert sink open: expected a secret .* NONE/);
  assert(!out.includes("hidden-key") && !out.includes(SECRET));
  assertEquals(receiver.deliveries, []);
});
