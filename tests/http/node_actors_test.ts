// Two services as nodes in one process: each answers for the other.
import { nodeGate } from "../../actors/node_gate.ts";
import { Fabric } from "../../src/actor/remote.ts";
import { systemClock, systemRandom } from "../../src/actor/mod.ts";
import type { AdminApp } from "../../src/http/api.ts";
import { createApp } from "../../src/http/app.ts";
import { statusReply } from "../../src/http/node_actor_api.ts";
import { GATE_ALLOWED, GATE_PATH, systemOthers } from "../../src/http/node_gate.ts";
import * as shape from "../../src/http/schemas.ts";
import { MemoryNet } from "../../src/store/nodes/memory_wire.ts";
import { PeerList } from "../../src/store/nodes/peers.ts";
import { assert, assertEquals } from "@std/assert";
import { INSIDE, MemoryService } from "./service.ts";
import { ACT, READ } from "./support.ts";

class Pair implements AsyncDisposable {
  readonly net = new MemoryNet(systemClock, systemRandom);
  readonly services = new Map<string, MemoryService>();
  readonly fabrics = new Map<string, Fabric>();
  readonly peers: PeerList[] = [];

  constructor() {
    for (const node of ["a", "b"]) {
      const service = new MemoryService();
      const { system } = service;
      const peers = new PeerList();
      const self = { node, session: `${node}-1` };
      const wire = this.net.wire(self.session);
      this.fabrics.set(
        node,
        new Fabric({ system, self, wire, peers, allow: [GATE_ALLOWED] }),
      );
      system.spawn(nodeGate, { name: GATE_PATH, args: { port: () => service } });
      Object.assign(service, { others: systemOthers(() => system) });
      this.services.set(node, service);
      this.peers.push(peers);
    }
    this.tell(["a", "b"]);
  }

  tell(nodes: readonly string[]): void {
    const lives = nodes.map((node) => ({ node, session: `${node}-1` }));
    for (const peers of this.peers) peers.set(lives);
  }

  service(node: string): MemoryService {
    return this.services.get(node) as MemoryService;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fabric of this.fabrics.values()) await fabric.close();
    for (const service of this.services.values()) await service[Symbol.asyncDispose]();
  }
}

function test(name: string, run: (app: AdminApp, pair: Pair) => Promise<void>, options = {}) {
  Deno.test(name, async () => {
    await using pair = new Pair();
    await run(createApp(pair.service("a"), options), pair);
  });
}

async function send(app: AdminApp, path: string, body: unknown, headers = {}) {
  return await app.request(`/api/nodes/${path}/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function problem(answer: Response, status: number, code: string) {
  const text = await answer.text();
  const found = shape.problem.strict().parse(JSON.parse(text));
  assertEquals([answer.status, found.code], [status, code], text);
  assertEquals(answer.headers.get("content-type"), "application/problem+json");
  assert(!text.includes(INSIDE));
  return found;
}

test("the tree, an actor, the health and the status of another node", async (app, pair) => {
  pair.service("b").healthState = "degraded";
  const tree = shape.treeNode.parse(await (await app.request("/api/nodes/b/actors")).json());
  assertEquals(tree.children.map(({ name }) => name), ["counter", "node_gate"]);
  const one = await app.request("/api/nodes/b/actors/counter");
  const { node, messages } = shape.actorReply.parse(await one.json());
  assertEquals(node.path, "/wick/counter");
  assert(messages.some(({ type }) => type === "add"));
  const health = shape.healthReply.parse(await (await app.request("/api/nodes/b/health")).json());
  assertEquals(health.state, "degraded");
  const own = shape.healthReply.parse(await (await app.request("/api/nodes/a/health")).json());
  assertEquals(own.state, "ok");
  const status = await (await app.request("/api/nodes/b/status")).json();
  assertEquals(statusReply.parse(status).alerts, []);
});

test("messages to an actor of another node are told and asked", async (app, pair) => {
  const told = await send(app, "b/actors/counter", { type: "add", payload: { by: 4 } });
  assertEquals([told.status, await told.json()], [202, { state: "accepted" }]);
  const asked = await send(app, "b/actors/wick/counter", { type: "total" });
  assertEquals(await asked.json(), { state: "replied", reply: 4 });
  const here = await send(app, "a/actors/counter", { type: "total" });
  assertEquals(await here.json(), { state: "replied", reply: 0 });
  assertEquals(pair.fabrics.get("a")?.counts().sent, 2);
});

test("problems of another node are those of its own HTTP", async (app) => {
  await problem(await app.request("/api/nodes/b/actors/nobody"), 404, "no_actor");
  await problem(await send(app, "b/actors/counter", { type: "gone" }), 422, "invalid_message");
  await problem(await send(app, "b/actors/counter", { type: "secret" }), 422, "invalid_message");
  const wrong = await send(app, "b/actors/counter", { type: "add", payload: { by: "x" } });
  await problem(wrong, 422, "invalid_message");
  await problem(await send(app, "b/actors/counter", { typ: "add" }), 422, "shape");
  await problem(await send(app, "b/actors/counter", { type: "fail" }), 502, "actor_failed");
  const never = await send(app, "b/actors/counter", { type: "never", timeoutMs: 5 });
  await problem(never, 504, "ask_timeout");
  const root = await app.request("/api/nodes/b/actors/wick/stop", { method: "POST" });
  await problem(root, 409, "no_child");
});

test("a slow ask of one request does not hold up the others", async (app) => {
  const slow = send(app, "b/actors/counter", { type: "never", timeoutMs: 200 });
  const beganMs = performance.now();
  assertEquals((await app.request("/api/nodes/b/health")).status, 200);
  assert(performance.now() - beganMs < 150);
  assertEquals((await slow).status, 504);
});

test("restart and stop reach the actor of the other node only", async (app, pair) => {
  const restart = await app.request("/api/nodes/b/actors/counter/restart", { method: "POST" });
  assertEquals(await restart.json(), { path: "/wick/counter", done: "restarted" });
  const stop = await app.request("/api/nodes/b/actors/counter/stop", { method: "POST" });
  assertEquals(await stop.json(), { path: "/wick/counter", done: "stopped" });
  assertEquals(pair.service("b").system.nodeAt("/wick/counter"), null);
  assertEquals(pair.service("a").system.nodeAt("/wick/counter")?.state, "running");
  await problem(await send(app, "b/actors/counter", { type: "total" }), 404, "no_actor");
});

test("a node that nobody knows, or that died, is not found at once", async (app, pair) => {
  await problem(await app.request("/api/nodes/nobody/health"), 404, "no_node");
  await problem(await app.request(`/api/nodes/${"x".repeat(129)}/health`), 422, "shape");
  const under = send(app, "b/actors/counter", { type: "never", timeoutMs: 60_000 });
  await app.request("/api/nodes/b/health");
  pair.tell(["a"]);
  await problem(await under, 503, "actor_stopped");
  await problem(await app.request("/api/nodes/b/actors"), 404, "no_node");
});

Deno.test("a process that is no node has no other nodes", async () => {
  await using service = new MemoryService();
  delete (service as { others?: unknown }).others;
  await problem(await createApp(service).request("/api/nodes/here/health"), 404, "no_node");
});

const TOKENS = { tokens: { read: READ, act: ACT } };

test("guards of the node that is asked decide: reading may not act", async (app, pair) => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  assertEquals((await app.request("/api/nodes/b/actors")).status, 401);
  const seen = await app.request("/api/nodes/b/actors", { headers: bearer(READ) });
  assertEquals(seen.status, 200);
  const body = { type: "add", payload: { by: 1 } };
  assertEquals((await send(app, "b/actors/counter", body, bearer(READ))).status, 403);
  for (const verb of ["restart", "stop"]) {
    const path = `/api/nodes/b/actors/counter/${verb}`;
    const answer = await app.request(path, { method: "POST", headers: bearer(READ) });
    assertEquals(answer.status, 403);
  }
  assertEquals((await send(app, "b/actors/counter", body, bearer(ACT))).status, 202);
  assertEquals(pair.service("b").system.nodeAt("/wick/counter")?.incarnation, 1);
}, TOKENS);

test("the gate itself cannot be sent to over HTTP", async (app) => {
  const call = { route: "stop", path: "counter", json: null };
  const answer = await send(app, "b/actors/node_gate", { type: "call", payload: call });
  await problem(answer, 422, "invalid_message");
});
