/** The monitor's score and alerts: what fires, what is muted, what the store keeps. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { child } from "../../src/actor/mod.ts";
import { KEPT_KIND, monitor } from "../../actors/monitor.ts";
import { Monitor, Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import { bookState } from "../../src/http/alert_schemas.ts";
import { type AlertEvent, alertId } from "../../src/monitor/alert.ts";
import { RESTORE_MAX_MS } from "../../src/monitor/alert_desk.ts";
import type { PartState } from "../../src/monitor/finding.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import type { Sample } from "../../src/monitor/samples.ts";
import { type LabelValues, valueIn } from "../../src/monitor/snapshot.ts";
import { Harness, settle } from "../actor/support.ts";

const SECOND_MS = 1_000, MINUTE_MS = 60_000;

/** A monitor that is told what to find, with a store of its own to keep alerts in. */
class Rig extends Harness {
  /** What the next looks find. */
  samples: readonly Sample[];
  state: PartState;
  readonly events: AlertEvent[];

  constructor({ storePath = "kept", hasAlerts = true } = {}) {
    const events: AlertEvent[] = [];
    super({
      children: [
        child(monitor, {
          name: "monitor",
          args: ({ system }) => ({
            collectors: [{ name: "all", collect: () => this.find() }],
            intervalMs: SECOND_MS,
            lagEveryMs: null,
            alerts: !hasAlerts ? null : {
              rules: wickRules({ cores: 1 }),
              store: system.ref(Store, storePath),
              onAlert: (event) => void events.push(event),
            },
          }),
        }),
        child(store, { name: "kept", args: { kind: "memory" } }),
      ],
    });
    this.events = events;
    this.samples = [];
    this.state = "ok";
  }

  find() {
    const parts = [{ name: "core/store", state: this.state, detail: {} }];
    return { samples: this.samples, parts };
  }

  /** Whether the store runs, and the breaker of a feed is closed. */
  up(storeUp: number, breakerClosed: number): void {
    this.samples = [
      { name: "wick_actor_up", labels: { actor: "core/store" }, value: storeUp },
      { name: "wick_feed_breaker_closed", labels: { feed: "a" }, value: breakerClosed },
    ];
  }

  get ref() {
    return this.system.ref(Monitor, "monitor");
  }

  async alerts(past = 10) {
    const asked = this.ref.ask("alerts", { past });
    await settle();
    return await asked;
  }

  async acknowledge(id: string) {
    const asked = this.ref.ask("acknowledge", { id, by: "ann", note: "on it" });
    await settle();
    return await asked;
  }

  async score() {
    const asked = this.ref.ask("score", {});
    await settle();
    return await asked;
  }

  async value(name: string, labels?: LabelValues) {
    const asked = this.ref.ask("snapshot", {});
    await settle();
    return valueIn(await asked, name, labels);
  }

  async record(key: string): Promise<string | null> {
    const asked = this.system.ref(Store, "kept").ask("record", { kind: KEPT_KIND, key });
    await settle();
    return await asked;
  }

  /** Events as `type rule`. */
  get told(): string[] {
    return this.events.map((event) =>
      `${event.type} ${"alerts" in event ? event.rule : event.alert.rule}`
    );
  }
}

const DOWN = alertId("actor_down", "core/store", { actor: "core/store" });
const BREAKER = alertId("feed_breaker", "core/work/ingest/feeds/a", { feed: "a" });

Deno.test("monitor: a store that dies fires one alert, mutes what needs it, and is resolved", async () => {
  await using rig = new Rig();
  rig.up(1, 1);
  await rig.advance(20 * SECOND_MS);
  assertEquals([rig.told, (await rig.alerts()).active], [[], []]);
  rig.up(0, 0);
  // It has to last 15 s.
  await rig.advance(14 * SECOND_MS);
  assertEquals(rig.told, []);
  await rig.advance(3 * SECOND_MS);
  assertEquals(rig.told, ["fired actor_down"]);
  // The breaker has to be open for a minute.
  await rig.advance(MINUTE_MS);
  const { active } = await rig.alerts();
  assertEquals(active.map(({ id, state, mutedBy }) => ({ id, state, mutedBy })), [
    { id: DOWN, state: "firing", mutedBy: null },
    { id: BREAKER, state: "firing", mutedBy: DOWN },
  ]);
  assertEquals(rig.told, ["fired actor_down", "suppressed feed_breaker"]);
  // What the looks after it found.
  await rig.advance(2 * SECOND_MS);
  assertEquals(await rig.value("wick_alerts", { state: "firing" }), 2);
  assertEquals(await rig.value("wick_alerts_suppressed_total"), 1);
  rig.up(1, 1);
  await rig.advance(MINUTE_MS);
  assertEquals(rig.told.slice(2), ["resolved actor_down"]);
  const after = await rig.alerts();
  assertEquals([after.active, after.past.map(({ id }) => id).sort()], [[], [DOWN, BREAKER].sort()]);
  assertEquals((await rig.alerts(0)).past, []);
  const lines = rig.lines.filter(({ message }) => /^(fired|resolved|held back)/.test(message));
  assertEquals(lines.map(({ level, message }) => `${level} ${message.split(":")[0]}`), [
    "error fired page actor_down core/store",
    "debug held back (cause) ticket feed_breaker core/work/ingest/feeds/a",
    "info resolved page actor_down core/store",
  ]);
});

Deno.test("monitor: an alert that fires can be acknowledged, once", async () => {
  await using rig = new Rig();
  assertEquals(await rig.acknowledge(DOWN), { state: "unknown" });
  rig.up(0, 1);
  await rig.advance(MINUTE_MS);
  const at = rig.clock.wallNow();
  const done = await rig.acknowledge(DOWN);
  assert(done.state === "acknowledged");
  assertEquals(done.alert.acknowledged, { by: "ann", at, note: "on it" });
  assertEquals((await rig.acknowledge(DOWN)).state, "known");
  assertEquals(rig.told, ["fired actor_down", "acknowledged actor_down"]);
});

Deno.test("monitor: a restart keeps alerts, and tells none of them again", async () => {
  await using rig = new Rig();
  rig.up(0, 1);
  await rig.advance(2 * MINUTE_MS);
  await rig.acknowledge(DOWN);
  await rig.advance(SECOND_MS);
  const [before] = (await rig.alerts()).active;
  const kept = bookState.parse(JSON.parse(await rig.record("alerts") ?? "null"));
  assertEquals(kept.held.map(({ alert }) => alert.acknowledged?.by), ["ann"]);
  assertEquals(JSON.parse(await rig.record("rules") ?? "null").version, 1);
  rig.system.restart("/wick/monitor");
  await rig.advance(MINUTE_MS);
  const [after] = (await rig.alerts()).active;
  assertEquals(rig.node("monitor").incarnation, 2);
  assertEquals(after, before);
  assertEquals(rig.told, ["fired actor_down", "acknowledged actor_down"]);
  rig.up(1, 1);
  await rig.advance(MINUTE_MS);
  assertEquals(rig.told.at(-1), "resolved actor_down");
});

Deno.test("monitor: what was kept and cannot be read costs what was known, not the alerts", async () => {
  await using rig = new Rig();
  rig.up(0, 1);
  for (const [key, json] of [["alerts", "nonsense"], ["rules", '{"version":2}']] as const) {
    const put = rig.system.ref(Store, "kept").ask("putRecord", { kind: KEPT_KIND, key, json });
    await settle();
    assertEquals(await put, { state: "written" });
  }
  rig.system.restart("/wick/monitor");
  await rig.advance(MINUTE_MS);
  const warned = rig.lines.filter(({ level }) => level === "warn");
  assertEquals(warned.map(({ fields }) => fields.key), ["rules", "alerts"]);
  assertEquals(rig.told, ["fired actor_down"]);
});

Deno.test("monitor: a store that never comes up is waited for, then told of", async () => {
  await using rig = new Rig({ storePath: "nowhere" });
  rig.up(0, 1);
  await rig.advance(RESTORE_MAX_MS - SECOND_MS);
  assertEquals([rig.told, await rig.value("wick_alerts_fired_total")], [[], null]);
  await rig.advance(20 * SECOND_MS);
  assertEquals(rig.told, ["fired actor_down"]);
  const warned = rig.lines.filter(({ level }) => level === "warn");
  assertEquals(warned.length, 1);
  // It tries again once a minute, and says so once.
  await rig.advance(10 * MINUTE_MS);
  const refused = rig.lines.filter(({ message }) => message === "alerts could not be kept");
  assertEquals(refused.length, 1);
});

Deno.test("monitor without rules says how well it does, and has no alerts", async () => {
  await using rig = new Rig({ hasAlerts: false });
  assertEquals(await rig.score(), null);
  rig.up(0, 0);
  await rig.advance(5 * MINUTE_MS);
  assertEquals(await rig.alerts(), { active: [], past: [] });
  assertEquals(await rig.acknowledge(DOWN), { state: "unknown" });
  assertEquals(await rig.value("wick_alerts_fired_total"), null);
  const score = await rig.score();
  assertEquals([score?.score, score?.state, score?.knownWeight], [null, "unknown", 0]);
});

Deno.test("monitor: the score is of the last minute, and capped while a component is down", async () => {
  await using rig = new Rig({ hasAlerts: false });
  let hits = 0, misses = 0;
  // Every look sees 100 requests more, so many of them hits.
  const asked = (rate: number): Sample[] => {
    hits += rate;
    misses += 100 - rate;
    const labels = { type: "price", tier: "l1" };
    return [
      { name: "wick_cache_hits_total", labels, total: hits },
      { name: "wick_cache_misses_total", labels: { ...labels, reason: "absent" }, total: misses },
    ];
  };
  let rate = 80;
  rig.find = () => ({
    samples: asked(rate),
    parts: [{ name: "core/store", state: rig.state, detail: { lastError: "disk" } }],
  });
  await rig.advance(2 * MINUTE_MS);
  // 80 % of hits is the critical target: 50 points for the cache, 100 for success, which weighs
  // 30 against 20: (50·20 + 100·30) / 50 = 80, capped at 59.
  const poor = await rig.score();
  const cache = poor?.parts.find(({ name }) => name === "cache");
  assertEquals([cache?.points, cache?.level], [50, "critical"]);
  assertEquals([poor?.uncapped, poor?.score], [80, 59]);
  rate = 97;
  await rig.advance(75 * SECOND_MS);
  const well = await rig.score();
  assertEquals([well?.score, well?.state, well?.critical], [100, "good", []]);
  assertEquals(await rig.value("wick_health_score"), 100);
  rig.state = "down";
  await rig.advance(2 * SECOND_MS);
  const down = await rig.score();
  assertEquals([down?.score, down?.uncapped], [59, 100]);
  assertEquals([down?.limiting?.kind, down?.limiting?.name], ["component", "store"]);
  assertGreater(down?.knownWeight ?? 0, 0.49);
  assertLess(down?.knownWeight ?? 1, 0.51);
});
