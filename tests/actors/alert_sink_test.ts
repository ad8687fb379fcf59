/** Telling a receiver of alerts: what it hears, when it fails, after restarts. */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { child } from "../../src/actor/mod.ts";
import { alertSink, type AlertSinkBounds } from "../../actors/alert_sink.ts";
import { monitor } from "../../actors/monitor.ts";
import { AlertSink, Monitor, Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import type { AlertSinkSpec } from "../../src/http/webhook/alert_sink.ts";
import type { WebhookAnswer, WebhookRequest } from "../../src/http/webhook/call.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import type { Sample } from "../../src/monitor/samples.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { Harness, settle } from "../actor/support.ts";

const SECOND_MS = 1_000, MINUTE_MS = 60_000;
const SECRET = "webhook-secret-0123456789";
const HOOK: AlertSinkSpec = {
  name: "desk",
  kind: "webhook",
  url: "http://hooks.example/alerts?key=hidden-key",
  secret: SECRET,
};
const MANAGER: AlertSinkSpec = {
  name: "desk",
  kind: "alertmanager",
  url: "http://127.0.0.1:9093",
  secret: null,
};
const OK: WebhookAnswer = { status: 200, retryAfter: null };

interface PostedAlert {
  readonly status?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly endsAt: string;
}

/** A monitor of actors that are up or down, its store, and a sink whose calls are seen. */
class Rig extends Harness {
  readonly calls: WebhookRequest[] = [];
  readonly callsAt: number[] = [];
  readonly #heard: string[] = [];
  answer: (signal: AbortSignal) => Promise<WebhookAnswer> = () => Promise.resolve(OK);
  #samples: readonly Sample[] = [];

  constructor(
    spec: AlertSinkSpec = HOOK,
    bounds: Partial<AlertSinkBounds> = {},
    backend: MemoryStore = new MemoryStore(),
  ) {
    super({
      children: [
        child(monitor, {
          name: "monitor",
          args: ({ system }) => ({
            collectors: [{ name: "all", collect: () => ({ samples: this.#samples, parts: [] }) }],
            intervalMs: SECOND_MS,
            lagEveryMs: null,
            alerts: {
              rules: wickRules(),
              store: system.ref(Store, "kept"),
              onAlert: () => void system.ref(AlertSink, "alerts/desk").tell("news", {}),
            },
          }),
        }),
        {
          name: "alerts",
          intensity: 100,
          children: [
            child(alertSink, {
              name: "desk",
              args: ({ ask }) => ({
                spec,
                monitor: ask(Monitor, "monitor"),
                baseUrl: "",
                bounds,
                call: (request, signal) => {
                  this.calls.push(request);
                  this.callsAt.push(this.clock.now());
                  this.#heard.push(this.#textOf(request));
                  return this.answer(signal);
                },
              }),
            }),
          ],
        },
        child(store, { name: "kept", args: { kind: "open", backend } }),
      ],
    });
  }

  /** Actors that are up, and those that are down. */
  set actors(up: Readonly<Record<string, boolean>>) {
    this.#samples = Object.entries(up).map(([actor, isUp]) => ({
      name: "wick_actor_up",
      labels: { actor },
      value: isUp ? 1 : 0,
    }));
  }

  /** Alerts of each call since the last look, as `firing core/a`. */
  heard(): string[] {
    this.calls.length = 0;
    return this.#heard.splice(0);
  }

  #textOf({ body }: WebhookRequest): string {
    const parsed = JSON.parse(body) as { alerts: PostedAlert[] } | PostedAlert[];
    const alerts = "alerts" in parsed ? parsed.alerts : parsed;
    return alerts.map(({ status, labels, endsAt }) => {
      const isOver = Date.parse(endsAt) <= this.clock.wallNow();
      return `${status ?? (isOver ? "resolved" : "firing")} ${labels["actor"]}`;
    }).join(", ");
  }

  get sink() {
    return this.system.ref(AlertSink, "alerts/desk");
  }

  async status() {
    const asked = this.sink.ask("status", {});
    await settle();
    return await asked;
  }

  async restart(path: string): Promise<void> {
    void this.system.restart(`${this.system.root.path}/${path}`);
    await settle();
  }
}

/** An actor has to be down for 15 s. */
const FIRES_MS = 20 * SECOND_MS;
const WAIT_MS = 5 * SECOND_MS;

Deno.test("alert sink: what fires is told together, and its end once", async () => {
  await using rig = new Rig();
  rig.actors = { "core/a": true, "core/b": true };
  await rig.advance(10 * SECOND_MS);
  rig.actors = { "core/a": false, "core/b": false };
  await rig.advance(FIRES_MS + WAIT_MS);
  assertEquals(rig.heard(), ["firing core/a, firing core/b"]);
  await rig.advance(10 * MINUTE_MS);
  assertEquals(rig.heard(), []);
  rig.actors = { "core/a": true, "core/b": false };
  await rig.advance(MINUTE_MS);
  assertEquals(rig.heard(), ["firing core/b, resolved core/a"]);
  const { state, taken, failed, alerts, url } = await rig.status();
  assertEquals([state, taken, failed, alerts], ["idle", 2, 0, 0]);
  assertEquals(url, "http://hooks.example/alerts?…");
});

Deno.test("alert sink: a flapping alert is told once within its cooldown", async () => {
  await using rig = new Rig();
  for (let round = 0; round < 6; round++) {
    rig.actors = { "core/a": false };
    await rig.advance(FIRES_MS);
    rig.actors = { "core/a": true };
    await rig.advance(FIRES_MS);
  }
  // Four minutes: it fired six times.
  assertEquals(rig.heard(), ["firing core/a", "resolved core/a"]);
});

Deno.test("alert sink tells a failing receiver again, slower and slower, then how things are", async () => {
  await using rig = new Rig();
  rig.answer = () => Promise.resolve({ status: 500, retryAfter: null });
  rig.actors = { "core/a": false };
  await rig.advance(3 * MINUTE_MS);
  const gaps = rig.callsAt.slice(1).map((at, i) => at - (rig.callsAt[i] ?? 0));
  assertGreaterOrEqual(gaps.length, 5);
  // "Equal jitter": from a half to the whole of 1 s · 2^n.
  for (const [i, gap] of gaps.entries()) {
    const most = Math.min(60_000, 1_000 * 2 ** i);
    assert(gap >= most / 2 && gap <= most + SECOND_MS, `gap ${i}: ${gap} ms`);
  }
  assertEquals(rig.children("alerts"), "desk1");
  const during = await rig.status();
  assertEquals([during.state, during.waiting?.code, during.alerts], ["waiting", "status", 1]);
  assertEquals(during.breaker.state, "open");
  assert(!JSON.stringify(rig.lines).includes("hidden-key"));
  rig.heard();
  rig.answer = () => Promise.resolve(OK);
  rig.actors = { "core/a": true };
  await rig.advance(2 * MINUTE_MS);
  assertEquals(rig.heard(), ["resolved core/a"]);
  const after = await rig.status();
  assertEquals([after.state, after.breaker.state, after.alerts], ["idle", "closed", 0]);
});

Deno.test("alert sink waits as long as its receiver asks for, within bounds", async () => {
  await using rig = new Rig();
  rig.answer = () => Promise.resolve({ status: 429, retryAfter: "120" });
  rig.actors = { "core/a": false };
  await rig.advance(FIRES_MS + WAIT_MS);
  assertEquals(rig.calls.length, 1);
  await rig.advance(119 * SECOND_MS - WAIT_MS);
  assertEquals(rig.calls.length, 1);
  await rig.advance(10 * SECOND_MS);
  assertEquals(rig.calls.length, 2);
});

Deno.test("alert sink gives up a receiver that does not answer", async () => {
  await using rig = new Rig();
  rig.answer = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  rig.actors = { "core/a": false };
  await rig.advance(FIRES_MS + WAIT_MS);
  assertEquals((await rig.status()).state, "delivering");
  await rig.advance(10 * SECOND_MS);
  assertEquals((await rig.status()).waiting?.code, "timeout");
});

Deno.test("alert sink sends less at a time to a receiver that finds it too large", async () => {
  await using rig = new Rig();
  const sizes: number[] = [];
  rig.answer = () => {
    const size = JSON.parse(rig.calls.at(-1)?.body ?? "").alerts.length;
    sizes.push(size);
    return Promise.resolve({ status: size > 3 ? 413 : 200, retryAfter: null });
  };
  rig.actors = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`core/${i}`, false]));
  await rig.advance(2 * MINUTE_MS);
  assertEquals(sizes.slice(0, 3), [10, 5, 3]);
  assertEquals((await rig.status()).alerts, 0);
});

Deno.test("alert sink: after a restart of it or of the monitor the present state is told again", async () => {
  await using rig = new Rig();
  rig.actors = { "core/a": false };
  await rig.advance(FIRES_MS + WAIT_MS);
  assertEquals(rig.heard(), ["firing core/a"]);
  await rig.restart("alerts/desk");
  await rig.advance(MINUTE_MS);
  assertEquals(rig.heard(), ["firing core/a"]);
  // What the monitor does not know until the store answers has not ended.
  await rig.restart("monitor");
  await rig.advance(MINUTE_MS);
  assertEquals(rig.heard(), []);
  rig.actors = { "core/a": true };
  await rig.advance(MINUTE_MS);
  assertEquals(rig.heard(), ["resolved core/a"]);
});

Deno.test("alert sink: the next process tells what still fires, and what its receiver missed", async () => {
  const backend = new MemoryStore();
  {
    await using rig = new Rig(HOOK, {}, backend);
    rig.answer = () => Promise.reject(new Error("nobody is there"));
    rig.actors = { "core/a": false };
    await rig.advance(2 * MINUTE_MS);
    assertGreaterOrEqual(rig.heard().length, 1);
    const stopped = rig.system.stop();
    await rig.advance(5 * SECOND_MS);
    await stopped;
  }
  await using rig = new Rig(HOOK, {}, backend);
  rig.actors = { "core/a": false };
  await rig.advance(30 * SECOND_MS);
  assertEquals(rig.heard(), ["firing core/a"]);
});

Deno.test("alert sink: an Alertmanager hears again of what fires, and of an end once", async () => {
  await using rig = new Rig(MANAGER);
  rig.actors = { "core/a": false };
  await rig.advance(FIRES_MS + WAIT_MS);
  assertEquals(rig.calls[0]?.url, "http://127.0.0.1:9093/api/v2/alerts");
  assertEquals(rig.heard(), ["firing core/a"]);
  await rig.advance(10 * MINUTE_MS);
  const told = rig.callsAt.splice(0);
  assertEquals(new Set(rig.heard()), new Set(["firing core/a"]));
  // It counts as over 5 min after the last time that it was told of.
  for (const [i, at] of told.slice(1).entries()) {
    assertLess(at - (told[i] ?? 0), 5 * MINUTE_MS / 2);
  }
  assertGreaterOrEqual(told.length, 9);
  rig.actors = { "core/a": true };
  await rig.advance(10 * MINUTE_MS);
  assertEquals(rig.heard().filter((text) => text.startsWith("resolved")), ["resolved core/a"]);
});

Deno.test("alert sink: an acknowledgement is told", async () => {
  await using rig = new Rig();
  rig.actors = { "core/a": false };
  await rig.advance(FIRES_MS + WAIT_MS);
  rig.heard();
  const asked = rig.system.ref(Monitor, "monitor").ask("alerts", { past: 0 });
  await settle();
  const { active: [alert] } = await asked;
  assert(alert !== undefined);
  void rig.system.ref(Monitor, "monitor").ask("acknowledge", { id: alert.id, by: "ann", note: "" });
  await rig.advance(WAIT_MS + SECOND_MS);
  const [call] = rig.calls;
  assertEquals(JSON.parse(call?.body ?? "").alerts[0].annotations.acknowledged_by, "ann");
});

Deno.test("alert sink: a test is one call, whatever else is waited for", async () => {
  await using rig = new Rig({ ...HOOK, severities: ["page"] });
  const test = async () => {
    const asked = rig.sink.ask("test", {}, { timeoutMs: 20_000 });
    await settle();
    await rig.advance(11 * SECOND_MS);
    return await asked;
  };
  const { state, code, name, url } = await test();
  assertEquals([state, code, name, url], ["taken", null, "desk", "http://hooks.example/alerts?…"]);
  assertEquals(JSON.parse(rig.calls[0]?.body ?? "").groupLabels, { alertname: "wick_test" });
  rig.answer = () => Promise.resolve({ status: 302, retryAfter: null });
  const refused = await test();
  assertEquals([refused.state, refused.code], ["failed", "redirect"]);
  rig.answer = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const late = await test();
  assertEquals([late.state, late.code, late.tookMs], ["failed", "timeout", 10_000]);
  assertEquals((await rig.status()).state, "idle");
});
