import { createAdmin } from "../../src/http/app.ts";
import { serveAdmin } from "../../src/http/serve.ts";
import { wickClient } from "../../src/http/client.ts";
import { MemoryService } from "./service.ts";
import { ACT, candleLines, READ, served } from "./support.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";

Deno.test("serveAdmin() says why it cannot listen", async () => {
  await using first = await served();
  const { service, port } = first;
  const again = () => serveAdmin(createAdmin(service, { port }));
  await assertRejects(again, Error, `Cannot listen on 127.0.0.1:${port}: another program`);
  const foreign = () =>
    serveAdmin(createAdmin(service, { port: 0, hostname: "203.0.113.1", tokens: { act: ACT } }));
  await assertRejects(foreign, Error, "no address of this machine");
});

Deno.test("serveAdmin() refuses an address for others without a token, before it listens", async () => {
  await using service = new MemoryService();
  const open = () => serveAdmin(createAdmin(service, { port: 0, hostname: "0.0.0.0" }));
  await assertRejects(open, RangeError, "WICK_TOKEN");
});

Deno.test("AdminServer.close() ends streams first and lets open requests end", async () => {
  await using to = await served();
  const gate = Promise.withResolvers<void>();
  to.service.gate = gate.promise;
  const stream = await fetch(`${to.url}/api/labels/stream`);
  const events = await fetch(`${to.url}/api/events`);
  const push = fetch(`${to.url}/api/candles`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: candleLines(1)[0] ?? "",
  });
  while (to.service.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const closed = to.server.close();
  const text = await stream.text();
  assertEquals(JSON.parse(text.trim().split("\n").at(-1) ?? "").code, "shutdown");
  assertEquals(await events.text(), "retry: 2000\n\n");
  gate.resolve();
  assertEquals((await (await push).json()).accepted, 1);
  await closed;
  await to.server.close();
  await assertRejects(() => fetch(`${to.url}/healthz`), TypeError);
});

Deno.test("AdminServer.close() does not wait for a client that never reads", async () => {
  await using to = await served({ limits: { closeGraceMs: 100 } });
  const lines = candleLines(2_000);
  const headers = { "content-type": "application/x-ndjson" };
  const init = { method: "POST", headers, body: lines.join("\n") };
  await (await fetch(`${to.url}/api/candles`, init)).body?.cancel();
  const stuck = await fetch(`${to.url}/api/labels/stream?after=0`);
  const startMs = performance.now();
  await to.server.close();
  assert(performance.now() - startMs < 2_000);
  await stuck.text().catch(() => "");
});

Deno.test("wickClient() calls the routes by their types, with its token", async () => {
  await using to = await served({ tokens: { read: READ, act: ACT } });
  const client = wickClient(to.url, { token: ACT });
  const push = await fetch(`${to.url}/api/candles`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", authorization: `Bearer ${ACT}` },
    body: candleLines(60).join("\n"),
  });
  assertEquals((await push.json()).accepted, 60);

  const labels = await client.api.labels.$get({ query: { series: "EUR_USD:H1", limit: 5 } });
  const page = await labels.json();
  const first: number | undefined = page.rows[0]?.ts;
  assertEquals([page.rows.length, typeof first], [5, "number"]);

  const path = "wick/counter";
  const sent = await client.api.actors[":path{.+}"].messages.$post({
    param: { path },
    json: { type: "add", payload: { by: 4 } },
  });
  assertEquals(await sent.json(), { state: "accepted" });
  const node = await (await client.api.actors[":path{.+}"].$get({ param: { path } })).json();
  assertEquals(node.node.path, "/wick/counter");

  const levels = [{ kind: "support" as const, price: 1, from_ts: 0, to_ts: 1 }];
  const put = await client.api.levels.$put({ query: { symbol: "EUR_USD" }, json: levels });
  assertEquals((await put.json()).levels, levels);

  const reader = wickClient(to.url, { token: READ });
  const tree = await reader.api.actors.$get();
  assertEquals((await tree.json()).path, "/wick");
  const refused = await reader.api.actors[":path{.+}"].restart.$post({ param: { path } });
  assertEquals(refused.status as number, 403);
  await refused.text();
});
