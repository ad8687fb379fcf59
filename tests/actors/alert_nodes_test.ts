/** Alerts of several nodes: a receiver hears a firing once and its end once, whoever tells it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { child, createSystem, type System } from "../../src/actor/mod.ts";
import { alertSink } from "../../actors/alert_sink.ts";
import { monitor } from "../../actors/monitor.ts";
import { AlertSink, Monitor, Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import type { AlertSinkSpec } from "../../src/http/webhook/alert_sink.ts";
import type { WebhookRequest } from "../../src/http/webhook/call.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import { seedOf } from "../actor/seed.ts";
import { CopyStore, MovingDuties, SharedEntries, SharedTime } from "./duty_rig.ts";

const SECOND_MS = 1_000, MINUTE_MS = 60_000;
const SPEC: AlertSinkSpec = {
  name: "desk",
  kind: "webhook",
  url: "http://hooks.example/alerts",
  secret: "webhook-secret-0123456789",
};

class Node {
  readonly copy: CopyStore;
  readonly system: System;
  /** The store is writable, as far as this node sees. */
  isWritable = true;
  /** An actor of this node is up. */
  isUp = true;

  constructor(readonly name: string, nodes: Nodes) {
    this.copy = new CopyStore(nodes.log);
    const duties = nodes.duties.of(name);
    const samples = () => [
      { name: "wick_store_writable", value: this.isWritable ? 1 : 0 },
      { name: "wick_actor_up", labels: { actor: "core/a" }, value: this.isUp ? 1 : 0 },
    ];
    this.system = createSystem({
      clock: nodes.time.clock,
      random: nodes.random,
      inlineThreads: true,
      children: [
        child(monitor, {
          name: "monitor",
          args: ({ system }) => ({
            collectors: [{ name: "all", collect: () => ({ samples: samples(), parts: [] }) }],
            intervalMs: SECOND_MS,
            lagEveryMs: null,
            alerts: {
              rules: wickRules(),
              store: system.ref(Store, "store"),
              shared: { node: name, news: this.copy.news },
              onAlert: () => void system.ref(AlertSink, "sink").tell("news", {}),
            },
          }),
        }),
        child(alertSink, {
          name: "sink",
          args: ({ ask, system }) => ({
            spec: SPEC,
            monitor: ask(Monitor, "monitor"),
            baseUrl: "",
            call: (request) => nodes.take(name, request),
            shared: { node: name, duties, store: system.ref(Store, "store") },
          }),
        }),
        child(store, { name: "store", args: { kind: "open", backend: this.copy.store } }),
      ],
    });
  }

  get monitor() {
    return this.system.ref(Monitor, "monitor");
  }
}

class Nodes implements AsyncDisposable {
  readonly time = new SharedTime();
  readonly log: SharedEntries;
  readonly duties: MovingDuties;
  readonly heard: { readonly node: string; readonly text: string }[] = [];
  readonly nodes: Node[];

  constructor(readonly random: Random) {
    this.log = new SharedEntries(this.time.clock, random, 30);
    this.duties = new MovingDuties(this.time.clock, "a");
    this.nodes = ["a", "b", "c"].map((name) => new Node(name, this));
  }

  async take(node: string, { body }: WebhookRequest) {
    await new Promise<void>((done) => void this.time.clock.setTimer(50, done));
    const { alerts } = JSON.parse(body) as {
      alerts: { status: string; labels: Record<string, string> }[];
    };
    for (const { status, labels } of alerts) {
      const of = labels["node"] === undefined ? "" : ` of ${labels["node"]}`;
      this.heard.push({ node, text: `${status} ${labels["alertname"]}${of}` });
    }
    return { status: 200, retryAfter: null };
  }

  /** What the receiver heard, without repetitions of what still fires. */
  texts(): string[] {
    return this.heard.map(({ text }) => text);
  }

  of(name: string): Node {
    return this.nodes.find((node) => node.name === name) as Node;
  }

  async stop(name: string): Promise<void> {
    const node = this.of(name);
    node.copy.isGone = true;
    await this.time.play(node.system.stop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { system } of this.nodes) await this.time.play(system.stop());
  }
}

Deno.test("alert sinks: what all nodes see is told once, and its end once, though the duty moves", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("alert nodes")));
  await nodes.time.pass(2 * MINUTE_MS);
  for (const node of nodes.nodes) node.isWritable = false;
  await nodes.time.pass(3 * MINUTE_MS);
  assertEquals(nodes.heard, [{ node: "a", text: "firing store_not_writable" }]);
  nodes.duties.moveAll("b");
  await nodes.time.pass(3 * MINUTE_MS);
  assertEquals(nodes.heard.length, 1);
  for (const node of nodes.nodes) {
    node.isWritable = true;
    // They do not look at the same time.
    await nodes.time.pass(SECOND_MS);
  }
  await nodes.time.pass(3 * MINUTE_MS);
  assertEquals(nodes.heard.slice(1), [{ node: "b", text: "resolved store_not_writable" }]);
  nodes.duties.moveAll("c");
  await nodes.time.pass(5 * MINUTE_MS);
  assertEquals(nodes.heard.length, 2);
});

Deno.test("alert sinks: each node's own is told with its name, and shown on every node", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("alert own")));
  await nodes.time.pass(2 * MINUTE_MS);
  nodes.of("b").isUp = nodes.of("c").isUp = false;
  await nodes.time.pass(3 * MINUTE_MS);
  assertEquals(new Set(nodes.heard.map(({ node }) => node)), new Set(["a"]));
  assertEquals(nodes.texts().sort(), ["firing actor_down of b", "firing actor_down of c"]);
  const { active } = await nodes.time.play(nodes.of("a").monitor.ask("alerts", { past: 10 }));
  assertEquals(active.map(({ labels }) => labels["node"]).sort(), ["b", "c"]);
  // Acknowledged on a node that does not have it.
  const id = active.find(({ labels }) => labels["node"] === "c")?.id ?? "";
  const done = await nodes.time.play(
    nodes.of("a").monitor.ask("acknowledge", { id, by: "kim", note: "" }),
  );
  assertEquals(done.state, "acknowledged");
  await nodes.time.pass(2 * SECOND_MS);
  const { active: own } = await nodes.time.play(nodes.of("c").monitor.ask("alerts", { past: 0 }));
  assertEquals(own.find((alert) => alert.id === id)?.acknowledged?.by, "kim");
});

Deno.test("alert sinks: what fired on a node that is gone ends, told by another", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("alert gone")));
  await nodes.time.pass(2 * MINUTE_MS);
  nodes.of("a").isUp = false;
  await nodes.time.pass(3 * MINUTE_MS);
  assertEquals(nodes.heard, [{ node: "a", text: "firing actor_down of a" }]);
  await nodes.stop("a");
  nodes.duties.moveAll("c");
  await nodes.time.pass(10 * MINUTE_MS);
  assertEquals(nodes.heard.slice(1), [{ node: "c", text: "resolved actor_down of a" }]);
});

Deno.test("alert sinks: nodes that are cut off tell by themselves, and agree when they are not", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("alert cut")));
  await nodes.time.pass(2 * MINUTE_MS);
  // The log is away, and with it every duty.
  for (const node of nodes.nodes) {
    node.copy.isAway = true;
    node.isWritable = false;
  }
  nodes.duties.moveAll(null);
  await nodes.time.pass(5 * MINUTE_MS);
  assertEquals(nodes.texts(), Array(3).fill("firing store_not_writable"));
  for (const node of nodes.nodes) {
    node.copy.isAway = false;
    node.isWritable = true;
  }
  nodes.duties.moveAll("b");
  await nodes.time.pass(10 * MINUTE_MS);
  assertEquals(nodes.texts().slice(3), ["resolved store_not_writable"]);
});

Deno.test("alert sinks: each episode is told once over random moves of all duties", async () => {
  const seed = seedOf("alert moves");
  for (let round = 0; round < 2; round++) {
    const random = seededRandom(seed + round);
    await using nodes = new Nodes(random);
    await nodes.time.pass(2 * MINUTE_MS);
    for (let episode = 0; episode < 3; episode++) {
      for (const isWritable of [false, true]) {
        for (const node of nodes.nodes) {
          node.isWritable = isWritable;
          await nodes.time.pass(random.next() * 2_000);
        }
        for (let move = 0; move < 5; move++) {
          await nodes.time.pass(random.next() * 100 * SECOND_MS);
          nodes.duties.moveAll(["a", "b", "c"][Math.floor(random.next() * 3)] as string);
        }
        await nodes.time.pass(5 * MINUTE_MS);
      }
    }
    const expected = Array(3).fill(["firing store_not_writable", "resolved store_not_writable"]);
    assertEquals(nodes.texts(), expected.flat(), `round ${round}`);
    assert(new Set(nodes.heard.map(({ node }) => node)).size > 1);
    assertMatch(nodes.heard[0]?.text ?? "", /firing/);
  }
});
