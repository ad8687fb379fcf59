import { createApp } from "../../src/http/app.ts";
import { ROUTES, type RouteSpec } from "../../src/http/api.ts";
import { type Json, OpenApi } from "../../src/http/openapi.ts";
import { Feed, LabelPool, LabelWorker, Store } from "../../actors/protocols.ts";
import { Aggregator, RefreshCoordinator } from "../../actors/protocols_refresh.ts";
import { describeProtocol } from "../../src/actor/protocol.ts";
import { MemoryService } from "./service.ts";
import { complaints } from "./openapi_rules.ts";
import { assert, assertEquals } from "@std/assert";

async function documentOf(): Promise<Json> {
  await using service = new MemoryService();
  return await (await createApp(service).request("/openapi.json")).json();
}

Deno.test("the document follows the rules of OpenAPI 3.1, and every reference leads somewhere", async () => {
  assertEquals(complaints(await documentOf()), []);
});

Deno.test("complaints() finds what the rules forbid", async () => {
  const spoil: [(api: Record<string, Record<string, Json>>) => void, RegExp][] = [
    [(api) => delete api.info?.version, /info.version/],
    [(api) => delete api.components?.schemas?.Problem, /Problem.*nowhere/],
    [(api) => delete (api.paths?.["/healthz"]?.get as Json).responses, /healthz.*responses/],
    [(api) => (api.paths ?? {}).healthz = {}, /slash/],
    [(api) => (api.paths?.["/api/series"]?.get as Json).operationId = "get_healthz", /twice/],
    [(api) => (api.paths?.["/api/actors/{path}"]?.get as Json).parameters = [], /\{path\}/],
    [(api) => (api.paths?.["/api/candles"]?.get as Json).parameters = [{ name: "x" }], /parameter/],
    [(api) => (api.components?.schemas ?? {})["a b"] = {}, /component name/],
    [(api) => (api.components?.schemas ?? {}).Bad = { type: "text" }, /type/],
    [(api) => (api.components?.schemas ?? {}).Bad = { $ref: "#/$defs/x" }, /nowhere/],
    [
      (api) => (api.components?.schemas ?? {}).Bad = { $ref: "#/components/schemas/Bad" },
      /only itself/,
    ],
    [(api) => (api.components?.schemas ?? {}).Bad = { properties: { a: 1 } }, /schema/],
    [(api) => (api.components?.schemas ?? {}).Bad = { required: "a" }, /required/],
  ];
  for (const [damage, found] of spoil) {
    const api = await documentOf();
    damage(api as Record<string, Record<string, Json>>);
    assert(complaints(api).some((text) => found.test(text)), `${found}: ${complaints(api)}`);
  }
});

Deno.test("every route of the table is in the document", async () => {
  const { paths } = await documentOf() as { paths: Record<string, Json> };
  for (const [path, methods] of Object.entries(ROUTES)) {
    const template = path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}");
    for (const [method, spec] of Object.entries<RouteSpec>(methods)) {
      const operation = paths[template]?.[method] as Json | undefined;
      assertEquals(operation?.summary, spec.about, `${method} ${path}`);
    }
  }
});

Deno.test("every non-internal message of every protocol is in the document, and no other", () => {
  const protocols = [Store, LabelPool, LabelWorker, Feed, Aggregator, RefreshCoordinator];
  const tree = { children: [], mailbox: null } as never;
  const about = { name: "wick", version: "1" };
  const api = new OpenApi(about, protocols.map(describeProtocol)).document(tree);
  assertEquals(complaints(api), []);
  const { schemas } = api.components as { schemas: Record<string, Json> };
  const found = Object.keys(schemas).filter((name) => /^message\.\w+\.\w+$/.test(name)).sort();
  const expected = protocols.flatMap(({ name, byIndex }) =>
    byIndex.filter(({ internal }) => !internal).map(({ type }) => `message.${name}.${type}`)
  ).sort();
  assertEquals(found, expected);
});

Deno.test("a living actor has a path of its own with exactly its messages", async () => {
  const api = await documentOf() as { paths: Record<string, Json>; components: Json };
  const post = api.paths["/api/actors/wick/counter/messages"]?.post as Json;
  assertEquals(post.requestBody, {
    required: true,
    content: { "application/json": { schema: { $ref: "#/components/schemas/message.counter" } } },
  });
  const { schemas } = api.components as { schemas: Record<string, Json> };
  const choices = schemas["message.counter"]?.oneOf as Json[];
  assertEquals(
    choices.map(({ $ref }) => $ref),
    ["add", "total", "echo", "fail", "never"].map((type) =>
      `#/components/schemas/message.counter.${type}`
    ),
  );
});
