/** Routes about refreshing under attack: hostile bodies, paths, sizes, and who may call what. */

import { assert, assertEquals } from "@std/assert";
import { type AdminApp, ROUTES, type RouteSpec } from "../../src/http/api.ts";
import { createApp } from "../../src/http/app.ts";
import {
  BLOCK_MEMBERS_MAX,
  CORRELATIONS_BYTES_MAX,
  EDGE_CHANGES_BYTES_MAX,
  EDGES_BYTES_MAX,
  RUN_BYTES_MAX,
} from "../../src/http/limits.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import { REFRESH_ROUTES } from "../../src/http/refresh_api.ts";
import * as input from "../../src/http/refresh_input.ts";
import { problem } from "../../src/http/schemas.ts";
import type { MemoryRefresh } from "./refresh_service.ts";
import { MemoryService } from "./service.ts";
import { ACT, raw, READ, served } from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };
const NDJSON_TYPE = { "content-type": "application/x-ndjson" };

function test(
  name: string,
  run: (app: AdminApp, refresh: MemoryRefresh) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(`refresh attacks: ${name}`, async () => {
    await using service = new MemoryService();
    await run(createApp(service, options), service.refresh as MemoryRefresh);
  });
}

type Sent = readonly [method: string, path: string, body: unknown];

function send(
  app: AdminApp,
  [method, path, body]: Sent,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return app.request(`/api/${path}`, { method, headers, ...(body === null ? {} : { body: text }) });
}

async function refused(answer: Response | Promise<Response>, status: number, code: string) {
  const { status: found } = await answer;
  const text = await (await answer).text();
  assertEquals(found, status, text.slice(0, 500));
  const document = problem.strict().parse(JSON.parse(text));
  assertEquals(document.code, code, text);
  return document;
}

/** The paths of what is wrong with a body, each once. */
async function wrongIn(answer: Response | Promise<Response>): Promise<string[]> {
  const { issues = [] } = await refused(answer, 422, "shape");
  return [...new Set(issues.map(({ path }) => path))];
}

const EDGE = { edgeId: "A", value: 1 };
const SET = { setId: "s", members: ["A"] };
const RUN = { runId: "r", edges: [EDGE], sets: [SET] };
const CHANGE = { edgeId: "A", magnitude: 1 };
const PAIRS = { kind: "pairs", pairs: [{ a: "A", b: "B", correlation: 0.5 }] };

const CHANGES = (body: unknown): Sent => ["POST", "edges/changes", body];
const CORRELATIONS = (body: unknown): Sent => ["PUT", "correlations", body];
const RUNS = (body: unknown): Sent => ["POST", "runs", body];

/** Everything that acts, with a body that is right. */
const ACTING: readonly Sent[] = [
  CHANGES(CHANGE),
  ["POST", "edges", { edges: ["A"] }],
  ["POST", "edges/remove", { edges: ["A"] }],
  CORRELATIONS(PAIRS),
  ["DELETE", "correlations", null],
  RUNS(RUN),
  ["POST", "runs/r/change", { values: [EDGE] }],
  ["POST", "runs/r/refresh", null],
  ["POST", "runs/r/rebuild", null],
  ["POST", "optimization/edge-changes", CHANGE],
  ["POST", "optimization/refresh", { runId: "r" }],
  ["DELETE", "runs/r", null],
];

/** Everything that looks. */
const LOOKING: readonly Sent[] = [
  ["GET", "clusters", null],
  ["GET", "runs", null],
  ["GET", "scorers", null],
  ["GET", "refresh/stats", null],
  ["GET", "edges/A", null],
  ["GET", "clusters/A/correlations", null],
  ["GET", "runs/r", null],
  ["GET", "runs/r/explain", null],
];

// ---- who may ------------------------------------------------------------------------------------

test("the token to read sees everything and changes nothing", async (app, refresh) => {
  const ask = async (sent: Sent, token: string | null) => {
    const headers: Record<string, string> = token === null
      ? JSON_TYPE
      : { authorization: `Bearer ${token}`, ...JSON_TYPE };
    const answer = await send(app, sent, headers);
    await answer.body?.cancel();
    return answer.status;
  };
  for (const sent of ACTING) {
    assertEquals(await ask(sent, null), 401, sent.join(" "));
    assertEquals(await ask(sent, READ), 403, sent.join(" "));
  }
  assertEquals(refresh.told, []);
  for (const sent of ACTING.slice(0, -1)) {
    assertEquals(await ask(sent, ACT), 200, sent.join(" "));
  }
  await ask(["POST", "edges", { edges: ["A"] }], ACT);
  for (const sent of LOOKING) {
    assertEquals(await ask(sent, null), 401, sent.join(" "));
    assertEquals(await ask(sent, READ), 200, sent.join(" "));
  }
}, { tokens: { read: READ, act: ACT } });

Deno.test("refresh attacks: the lists here name every route of refreshing", () => {
  const named = [...ACTING, ...LOOKING].map(([method, path]) =>
    `${method.toLowerCase()} /api/${path.replace(/\b(r|A)(?=\/|$)/, ":id")}`
  );
  const known = Object.entries(REFRESH_ROUTES).flatMap(([path, methods]) =>
    Object.entries<RouteSpec>(methods).map(([method, { access }]) => {
      assertEquals(access, method === "get" ? "read" : "act", path);
      assert(Object.hasOwn(ROUTES, path));
      return `${method} ${path}`;
    })
  );
  assertEquals(named.sort(), known.sort());
});

test("another site can do nothing, whatever type its form says", async (app, refresh) => {
  for (const sent of ACTING) {
    for (const type of ["application/json", "text/plain"]) {
      const from = { "content-type": type, origin: "https://evil.example" };
      await refused(send(app, sent, from), 403, "origin");
      const fetched = { "content-type": type, "sec-fetch-site": "cross-site" };
      await refused(send(app, sent, fetched), 403, "origin");
    }
  }
  assertEquals(refresh.told, []);
});

// ---- types and shapes ---------------------------------------------------------------------------

test("bodies come as JSON, changes as NDJSON too, and as nothing else", async (app, refresh) => {
  for (const sent of ACTING) {
    if (sent[2] === null) continue;
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "text/csv"]) {
      await refused(send(app, sent, { "content-type": type }), 415, "content_type");
    }
    const gzip = { ...JSON_TYPE, "content-encoding": "gzip" };
    await refused(send(app, sent, gzip), 415, "content_encoding");
    if (sent[1] !== "edges/changes") {
      await refused(send(app, sent, NDJSON_TYPE), 415, "content_type");
    }
    const [method, path] = sent;
    const deep = `{"a":${"[".repeat(40)}${"]".repeat(40)}}`;
    await refused(send(app, [method, path, deep]), 400, "json_depth");
    await refused(send(app, [method, path, "[".repeat(100_000)]), 400, "json_depth");
    for (const text of ["", "{", "nan", "[1,]", "{'a':1}", '"\\x"']) {
      await refused(send(app, [method, path, text]), 400, "json");
    }
  }
  const cut = `${JSON.stringify(CHANGE)}\n{"edgeId":`;
  const { detail } = await refused(send(app, CHANGES(cut), NDJSON_TYPE), 400, "json");
  assertEquals(detail, "Cannot read line 2: expected JSON");
  assertEquals(refresh.told, []);
});

test("a change that is wrong names its field, alone or in a list", async (app, refresh) => {
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, i]));
  const wrong: [unknown, string][] = [
    [{ magnitude: 1 }, "edgeId"],
    [{ ...CHANGE, edgeId: "" }, "edgeId"],
    [{ ...CHANGE, edgeId: 7 }, "edgeId"],
    [{ ...CHANGE, edgeId: "x".repeat(257) }, "edgeId"],
    [{ ...CHANGE, edgeId: "a\u0000b" }, "edgeId"],
    [{ ...CHANGE, edgeId: "\ud800" }, "edgeId"],
    [{ ...CHANGE, edgeId: "\u001b[2J" }, "edgeId"],
    [{ ...CHANGE, edgeId: ["A"] }, "edgeId"],
    [{ edgeId: "A" }, "magnitude"],
    [{ ...CHANGE, magnitude: -1e-9 }, "magnitude"],
    [{ ...CHANGE, magnitude: 1_001 }, "magnitude"],
    [{ ...CHANGE, magnitude: "1" }, "magnitude"],
    [{ ...CHANGE, magnitude: null }, "magnitude"],
    [{ ...CHANGE, value: "1" }, "value"],
    [{ ...CHANGE, value: null }, "value"],
    [{ ...CHANGE, type: "price" }, "type"],
    [{ ...CHANGE, type: "__proto__" }, "type"],
    [{ ...CHANGE, at: "yesterday" }, "at"],
    [{ ...CHANGE, at: "2026-02-30" }, "at"],
    [{ ...CHANGE, at: 1.5 }, "at"],
    [{ ...CHANGE, at: 1e300 }, "at"],
    [{ ...CHANGE, metadata: [] }, "metadata"],
    [{ ...CHANGE, metadata: null }, "metadata"],
    [{ ...CHANGE, metadata: many }, "metadata"],
    [{ ...CHANGE, metadata: { a: {} } }, "metadata.a"],
    [{ ...CHANGE, metadata: { a: "x".repeat(257) } }, "metadata.a"],
    [{ ...CHANGE, metadata: { ["x".repeat(257)]: 1 } }, `metadata.${"x".repeat(64)}`],
    [{ ...CHANGE, metadata: { "a\nb": 1 } }, "metadata.a\nb"],
  ];
  for (const [body, path] of wrong) {
    const shown = JSON.stringify(body).slice(0, 200);
    assertEquals(await wrongIn(send(app, CHANGES(body))), [`json.${path}`], shown);
    assertEquals(await wrongIn(send(app, CHANGES([CHANGE, body]))), [`json.1.${path}`], shown);
    const one = send(app, ["POST", "optimization/edge-changes", body]);
    assertEquals(await wrongIn(one), [`json.${path}`], shown);
    const within = send(app, ["POST", "optimization/refresh", { runId: "r", changes: [body] }]);
    assertEquals(await wrongIn(within), [`json.changes.0.${path}`], shown);
  }
  for (const body of [{ ...CHANGE, extra: 1 }, "7", "null", '"A"', "[]", "[7]", "[[]]"]) {
    const [path = ""] = await wrongIn(send(app, CHANGES(body)));
    assert(["json", "json.0"].includes(path), path);
  }
  assertEquals(refresh.told, []);
});

test("numbers that are none, or too large for one, are refused by name", async (app, refresh) => {
  const texts: [Sent, string][] = [
    [CHANGES('{"edgeId":"A","magnitude":1e999}'), "json.magnitude"],
    [CHANGES('{"edgeId":"A","magnitude":1,"value":-1e999}'), "json.value"],
    [CHANGES('{"edgeId":"A","magnitude":1,"metadata":{"m":1e999}}'), "json.metadata.m"],
    [RUNS('{"runId":"r","edges":[{"edgeId":"A","value":1e999}],"sets":[]}'), "json.edges.0.value"],
    [
      CORRELATIONS('{"kind":"pairs","pairs":[{"a":"A","b":"B","correlation":1e999}]}'),
      "json.pairs.0.correlation",
    ],
    [
      CORRELATIONS('{"kind":"matrix","edges":["A","B"],"rows":[[1,0],[-1e999,1]]}'),
      "json.rows.1.0",
    ],
    [
      RUNS(
        '{"runId":"r","edges":[{"edgeId":"A","value":1}],"sets":[],"options":{"epsilon":1e999}}',
      ),
      "json.options.epsilon",
    ],
  ];
  for (const [sent, path] of texts) {
    assertEquals(await wrongIn(send(app, sent)), [path]);
    const [method, at, text] = sent;
    const nan = String(text).replaceAll(/-?1e999/g, "NaN");
    await refused(send(app, [method, at, nan]), 400, "json");
  }
  assertEquals(refresh.told, []);
});

test("names that an object has itself are like others, or refused", async (app, refresh) => {
  const poisoned = [
    CHANGES('{"edgeId":"A","magnitude":1,"__proto__":{"value":1}}'),
    CHANGES('{"edgeId":"A","magnitude":1,"metadata":{"__proto__":{"x":1}}}'),
    CHANGES('{"edgeId":"A","magnitude":1,"metadata":{"__proto__":1}}'),
    RUNS('{"runId":"r","edges":[{"edgeId":"A","value":1,"__proto__":{}}],"sets":[]}'),
    RUNS('{"runId":"__proto__","edges":[{"edgeId":"A","value":1}],"sets":[]}'),
    CORRELATIONS('{"kind":"pairs","pairs":[],"__proto__":{}}'),
    CORRELATIONS('{"kind":"__proto__","pairs":[]}'),
  ];
  for (const sent of poisoned) await refused(send(app, sent), 422, "shape");
  assertEquals(refresh.told, []);
  for (const runId of ["constructor", "toString", "hasOwnProperty"]) {
    const edgeId = "__proto__", sets = [{ setId: "constructor", members: [edgeId] }];
    const run = { runId, edges: [{ edgeId, value: 0.5 }], sets };
    assertEquals((await send(app, RUNS(run))).status, 200);
    const { published } = await (await app.request(`/api/runs/${runId}/explain`)).json();
    assertEquals(published, [{ edgeId, value: 0.5 }]);
  }
  assertEquals((await app.request("/api/runs/valueOf")).status, 404);
  assertEquals(Object.keys(Object.prototype), []);
});

test("correlations that are wrong or contradict themselves are refused", async (app, refresh) => {
  const matrix = (edges: unknown, rows: unknown) => CORRELATIONS({ kind: "matrix", edges, rows });
  const pairs = (...list: unknown[]) => CORRELATIONS({ kind: "pairs", pairs: list });
  const good = { a: "A", b: "B", correlation: 0.5 };
  const shapes: [Sent, string][] = [
    [CORRELATIONS("null"), "json"],
    [CORRELATIONS("[]"), "json"],
    [CORRELATIONS({}), "json.kind"],
    [CORRELATIONS({ kind: "triangle", edges: [], values: [] }), "json.kind"],
    [CORRELATIONS({ kind: "pairs" }), "json.pairs"],
    [CORRELATIONS({ kind: "pairs", pairs: [], edges: [] }), "json"],
    [pairs(good, 7), "json.pairs.1"],
    [pairs({ ...good, a: "" }), "json.pairs.0.a"],
    [pairs({ ...good, correlation: 1.01 }), "json.pairs.0.correlation"],
    [pairs({ ...good, correlation: "0.5" }), "json.pairs.0.correlation"],
    [pairs({ a: "A", b: "B" }), "json.pairs.0.correlation"],
    [matrix("A", []), "json.edges"],
    [matrix(["A", 7], [[1]]), "json.edges.1"],
    [matrix(["A"], [7]), "json.rows.0"],
    [matrix(["A"], [["1"]]), "json.rows.0.0"],
    [matrix(["A", "B"], [[1, 0], [0, true]]), "json.rows.1.1"],
    [matrix(["A"], [Array(2_001).fill(0)]), "json.rows.0"],
    [matrix(Array(2_001).fill("A"), []), "json.edges"],
    [matrix(["A"], Array(2_001).fill([])), "json.rows"],
  ];
  for (const [sent, path] of shapes) assertEquals(await wrongIn(send(app, sent)), [path]);
  const contradictions = [
    matrix(["A", "B"], [[1, 0]]),
    matrix(["A", "B"], [[1, 0], [0]]),
    matrix(["A", "B"], [[1, 0.5], [0.4, 1]]),
    matrix(["A", "B"], [[1, 0.5], [null, 1]]),
    matrix(["A", "B"], [[0.9, 0.5], [0.5, 1]]),
    matrix(["A", "A"], [[1, 0.5], [0.5, 1]]),
    pairs(good, { a: "B", b: "A", correlation: 0.4 }),
    pairs({ a: "A", b: "A", correlation: 0.5 }),
  ];
  for (const sent of contradictions) {
    const { detail } = await refused(send(app, sent), 422, "correlation");
    assert(detail.startsWith("Cannot take correlations: expected"), detail);
  }
  assertEquals(refresh.told, []);
});

test("a run that is wrong names its field", async (app, refresh) => {
  const set = (more: object) => ({ ...RUN, sets: [SET, { ...SET, ...more }] });
  const made = (generator: unknown) => ({ runId: "r", edges: [EDGE], generator });
  const wrong: [unknown, string][] = [
    [[], "json"],
    [{ edges: [EDGE], sets: [] }, "json.runId"],
    ...["", "a/b", ".", "..", "-r", "a b", "é", "x".repeat(65), "r\n", 7, null].map((
      runId,
    ): [unknown, string] => [{ ...RUN, runId }, "json.runId"]),
    [{ ...RUN, edges: [] }, "json.edges"],
    [{ ...RUN, edges: "A" }, "json.edges"],
    [{ ...RUN, edges: [{ edgeId: "A" }] }, "json.edges.0.value"],
    [{ ...RUN, edges: [EDGE, { edgeId: "B", value: "1" }] }, "json.edges.1.value"],
    [{ ...RUN, edges: [{ ...EDGE, weight: 1 }] }, "json.edges.0"],
    [{ runId: "r", edges: [EDGE] }, "json"],
    [{ ...RUN, generator: { kind: "random", size: 1, sets: 1 } }, "json"],
    [{ ...RUN, sets: null }, "json.sets"],
    [set({ setId: "" }), "json.sets.1.setId"],
    [set({ members: [] }), "json.sets.1.members"],
    [set({ members: Array(65).fill("A") }), "json.sets.1.members"],
    [set({ members: ["A", null] }), "json.sets.1.members.1"],
    [set({ members: "A" }), "json.sets.1.members"],
    [made({ kind: "all" }), "json.generator.kind"],
    [made({ kind: "combinations", size: 0 }), "json.generator.size"],
    [made({ kind: "combinations", size: 65 }), "json.generator.size"],
    [made({ kind: "combinations", size: 2, setsMax: 1_000_001 }), "json.generator.setsMax"],
    [made({ kind: "random", size: 2, sets: 1.5 }), "json.generator.sets"],
    [made({ kind: "random", size: 2, sets: 1, seed: -1 }), "json.generator.seed"],
    [{ ...RUN, scorer: { name: "" } }, "json.scorer.name"],
    [{ ...RUN, scorer: { name: "x".repeat(65) } }, "json.scorer.name"],
    [{ ...RUN, scorer: "product" }, "json.scorer"],
    [{ ...RUN, options: { mode: "fast" } }, "json.options.mode"],
    [{ ...RUN, options: { isLive: "yes" } }, "json.options.isLive"],
    [{ ...RUN, options: { minChangedEdges: 0 } }, "json.options.minChangedEdges"],
    [{ ...RUN, options: { epsilon: -0.1 } }, "json.options.epsilon"],
    [{ ...RUN, options: { partialTimeoutMs: 0 } }, "json.options.partialTimeoutMs"],
    [{ ...RUN, options: { fullTimeoutMs: 3_600_001 } }, "json.options.fullTimeoutMs"],
    [{ ...RUN, options: { auditEvery: -1 } }, "json.options.auditEvery"],
    [{ ...RUN, options: { mood: 1 } }, "json.options"],
    [{ ...RUN, more: 1 }, "json"],
  ];
  for (const [body, path] of wrong) {
    const shown = JSON.stringify(body).slice(0, 200);
    assertEquals(await wrongIn(send(app, RUNS(body))), [path], shown);
  }
  const changes: [unknown, string][] = [
    [[], "json"],
    [{ removeSets: [7] }, "json.removeSets.0"],
    [{ removeEdges: "A" }, "json.removeEdges"],
    [{ addEdges: [{ edgeId: "A" }] }, "json.addEdges.0.value"],
    [{ addSets: [SET, { setId: "t" }] }, "json.addSets.1.members"],
    [{ values: [EDGE, {}] }, "json.values.1.edgeId"],
    [{ setValues: [] }, "json"],
  ];
  for (const [body, path] of changes) {
    const [first] = await wrongIn(send(app, ["POST", "runs/r/change", body]));
    assertEquals(first, path, JSON.stringify(body));
  }
  assertEquals(refresh.told, []);
});

test("a refresh takes no more than it says", async (app, refresh) => {
  const wrong: [Sent, string][] = [
    [["POST", "optimization/refresh", {}], "json.runId"],
    [["POST", "optimization/refresh", { runId: "../r" }], "json.runId"],
    [["POST", "optimization/refresh", { runId: "r", kind: "partial" }], "json.kind"],
    [["POST", "optimization/refresh", { runId: "r", changes: [] }], "json.changes"],
    [["POST", "optimization/refresh", { runId: "r", changes: CHANGE }], "json.changes"],
    [["POST", "optimization/refresh", { runId: "r", force: true }], "json"],
    [["POST", "runs/r/refresh?fallback=1", null], "query.fallback"],
    [["POST", "runs/r/refresh?fallback=True", null], "query.fallback"],
    [["POST", "runs/r/refresh?fallback=true&fallback=false", null], "query.fallback"],
    [["POST", "runs/r/refresh?force=true", null], "query"],
    [["POST", "runs/r/rebuild?x=1", null], "query"],
    [["GET", "clusters?limit=0", null], "query.limit"],
    [["GET", "clusters?limit=10001", null], "query.limit"],
    [["GET", "clusters?sizeMin=1e9", null], "query.sizeMin"],
    [["GET", "clusters?sizeMin=x", null], "query.sizeMin"],
    [["GET", "runs/r/explain?set=", null], "query.set"],
    [["GET", `runs/r/explain?set=${"x".repeat(257)}`, null], "query.set"],
    [["GET", `runs/${"x".repeat(65)}`, null], "path.id"],
    [["GET", "runs/-r", null], "path.id"],
    [["GET", "edges/%00", null], "path.id"],
    [["GET", `edges/${"x".repeat(257)}`, null], "path.id"],
    [["GET", `clusters/${"x".repeat(257)}/correlations`, null], "path.id"],
  ];
  for (const [sent, path] of wrong) {
    assertEquals(await wrongIn(send(app, sent)), [path], sent.slice(0, 2).join(" "));
  }
  assertEquals(refresh.told, []);
});

// ---- sizes --------------------------------------------------------------------------------------

/** Bodies that are as large as they may be and as wrong as they can: none takes seconds. */
test("a body full of what is wrong is refused after a few of them", async (app, refresh) => {
  const fill = (head: string, item: string, bytesMax: number, tail: string) => {
    const count = Math.floor((bytesMax - head.length - tail.length) / (item.length + 1));
    return `${head}${`${item},`.repeat(count - 1)}${item}${tail}`;
  };
  const within = (head: string, count: number, item: string, tail: string) =>
    `${head}${`${item},`.repeat(count - 1)}${item}${tail}`;
  const row = within("[", 2_000, '""', "]");
  const names = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`${i}`, []]));
  const bodies: Sent[] = [
    CHANGES(fill("[", "1", EDGE_CHANGES_BYTES_MAX, "]")),
    CHANGES(within("[", input.EDGE_CHANGES_MAX, "{}", "]")),
    CHANGES({ ...CHANGE, metadata: names }),
    CHANGES([CHANGE, { ...CHANGE, metadata: names }]),
    ["POST", "edges", fill('{"edges":[', "1", EDGES_BYTES_MAX, "]}")],
    ["POST", "edges", within('{"edges":[', input.RUN_EDGES_MAX, '""', "]}")],
    CORRELATIONS(within('{"kind":"matrix","edges":[],"rows":[', 2_000, row, "]}")),
    CORRELATIONS(within('{"kind":"pairs","pairs":[', 1_000_000, "{}", "]}")),
    CORRELATIONS(fill('{"kind":"pairs","pairs":[', "1", CORRELATIONS_BYTES_MAX, "]}")),
    RUNS(within('{"runId":"r","edges":[', input.RUN_EDGES_MAX, "{}", '],"sets":[]}')),
    RUNS(within(
      '{"runId":"r","edges":[{"edgeId":"A","value":1}],"sets":[',
      input.RUN_SETS_MAX,
      "{}",
      "]}",
    )),
    RUNS(fill(
      '{"runId":"r","edges":[{"edgeId":"A","value":1}],"sets":[{"setId":"s","members":[',
      "0",
      RUN_BYTES_MAX,
      "]}]}",
    )),
    ["POST", "runs/r/change", within('{"addSets":[', input.RUN_SETS_MAX, "{}", "]}")],
    ["POST", "runs/r/change", within('{"removeSets":[', input.RUN_SETS_MAX, "0", "]}")],
  ];
  for (const sent of bodies) {
    const fromMs = performance.now();
    const answer = await send(app, sent);
    const tookMs = performance.now() - fromMs;
    const text = await answer.text();
    assertEquals(answer.status, 422, text.slice(0, 300));
    assert(text.length < 10_000, `${text.length} characters`);
    assert(tookMs < 3_000, `${sent[1]}: ${tookMs} ms`);
  }
  assertEquals(refresh.told, []);
});

test("bodies beyond their bytes are refused before they are read", async (app, refresh) => {
  const bounds: [Sent, number][] = [
    [CHANGES(CHANGE), EDGE_CHANGES_BYTES_MAX],
    [["POST", "edges", {}], EDGES_BYTES_MAX],
    [CORRELATIONS(PAIRS), CORRELATIONS_BYTES_MAX],
    [RUNS(RUN), RUN_BYTES_MAX],
    [["POST", "runs/r/change", {}], RUN_BYTES_MAX],
    [["POST", "optimization/refresh", {}], EDGE_CHANGES_BYTES_MAX],
    [["POST", "optimization/edge-changes", CHANGE], 1024 * 1024],
  ];
  for (const [[method, path], bytesMax] of bounds) {
    const over = `"${"x".repeat(bytesMax - 1)}"`;
    await refused(send(app, [method, path, over]), 413, "too_large");
    const said = { ...JSON_TYPE, "content-length": String(bytesMax + 1) };
    await refused(send(app, [method, path, "{}"], said), 413, "too_large");
  }
  assertEquals(refresh.told, []);
});

test("as much as may be is taken", async (app, refresh) => {
  const changes = Array.from({ length: input.EDGE_CHANGES_MAX }, (_, i) => ({
    edgeId: `edge ${i}`,
    magnitude: 0.1,
  }));
  const lines = changes.map((one) => JSON.stringify(one)).join("\n");
  const answer = await send(app, CHANGES(lines), NDJSON_TYPE);
  assertEquals((await answer.json()).recorded, input.EDGE_CHANGES_MAX);
  const more = send(app, CHANGES([...changes, CHANGE]));
  await refused(more, 422, "shape");
  // A matrix of 1,000 edges with all the digits that doubles have.
  const edges = Array.from({ length: 1_000 }, (_, i) => `edge ${i}`);
  const rows = edges.map((_, i) =>
    edges.map((_, j) => i === j ? 1 : 1 / (3 + Math.min(i, j)) - 0.5 / (7 + Math.max(i, j)))
  );
  const text = JSON.stringify({ kind: "matrix", edges, rows });
  assert(text.length > 18_000_000, `${text.length}`);
  const taken = await send(app, CORRELATIONS(text));
  assertEquals((await taken.json()).edges, input.EDGE_CHANGES_MAX);
  assertEquals(refresh.told.map(([name]) => name), ["recordEdgeChanges", "setCorrelations"]);
});

test("a cluster that is too large to be shown is not worked out", async (app, refresh) => {
  // A star: every edge moves with the first one.
  const star = (edges: number) => ({
    kind: "pairs",
    pairs: Array.from({ length: edges - 1 }, (_, i) => ({ a: "A", b: `b${i}`, correlation: 0.5 })),
  });
  const path = "/api/clusters/A/correlations";
  assertEquals((await send(app, CORRELATIONS(star(BLOCK_MEMBERS_MAX)))).status, 200);
  const { block } = await (await app.request(path)).json();
  assertEquals(block.rows.length, BLOCK_MEMBERS_MAX);
  assertEquals((await send(app, CORRELATIONS(star(BLOCK_MEMBERS_MAX + 1)))).status, 200);
  Object.assign(refresh, { block: () => assert(false, "it was asked for") });
  const { found } = await refused(app.request(path), 422, "answer_too_large");
  assertEquals(found, String(BLOCK_MEMBERS_MAX + 1));
});

// ---- paths --------------------------------------------------------------------------------------

Deno.test("refresh attacks: over a socket no path leads elsewhere", async () => {
  await using to = await served();
  (to.service.refresh as MemoryRefresh).addEdges(["a/b", "A"]);
  const cases: [string, number][] = [
    ["/api/edges/a%2Fb", 200],
    ["/api/edges/a%2fb", 200],
    ["/api/edges/a/b", 404],
    ["/api/edges/%2e%2e%2fruns", 404],
    ["/api/edges/..", 400],
    ["/api/edges/%2e%2E", 400],
    ["/api/edges/../runs", 400],
    ["/api/edges/", 400],
    ["/api/edges/%", 400],
    ["/api/edges/%ff", 400],
    ["/api/edges/a%2Fb/correlations", 400],
    ["/api/clusters/a%2Fb/correlations", 200],
    ["/api/clusters/%2e%2e/correlations", 400],
    ["/api/clusters/../correlations", 400],
    ["/api/clusters/a%2Fb", 400],
    ["/api/clusters/a%2Fb/correlations/x", 400],
    ["/api/clusters//correlations", 400],
    ["/api/runs/a%2Fb", 400],
    ["/api/runs/%2e%2e", 400],
    ["/api/runs/r%00", 400],
    ["/api/runs/r/", 400],
  ];
  for (const [path, expected] of cases) {
    const lines = `GET ${path} HTTP/1.1\r\nHost: localhost:8003\r\n\r\n`;
    const { status, text } = await raw(to.port, [lines]);
    assertEquals(status, expected, `${path} ${text}`);
  }
});

Deno.test("refresh attacks: a refresh may take longer than a request may take to arrive", async () => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 200, connectionCheckMs: 50 };
  await using to = await served({ limits });
  const refresh = to.service.refresh as MemoryRefresh;
  refresh.createRun(input.runSpec.parse(RUN));
  const asked = refresh.refresh.bind(refresh);
  Object.assign(refresh, {
    refresh: async (...given: Parameters<typeof asked>) => {
      await new Promise((go) => setTimeout(go, 600));
      return asked(...given);
    },
  });
  const head = "POST /api/runs/r/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
  const { status, text, tookMs } = await raw(to.port, [head]);
  assertEquals(status, 200, text);
  assert(tookMs >= 590, `${tookMs} ms`);
});

test("other methods are refused with those there are", async (app, refresh) => {
  const cases: [string, string, string][] = [
    ["GET", "edges", "POST"],
    ["PUT", "edges/changes", "GET, HEAD, POST"],
    ["DELETE", "edges/A", "GET, HEAD"],
    ["POST", "correlations", "PUT, DELETE"],
    ["PUT", "runs", "GET, HEAD, POST"],
    ["PUT", "runs/r", "GET, HEAD, DELETE"],
    ["GET", "runs/r/refresh", "POST"],
    ["POST", "runs/r/explain", "GET, HEAD"],
    ["GET", "optimization/refresh", "POST"],
  ];
  for (const [method, path, allowed] of cases) {
    const { expected } = await refused(send(app, [method, path, null]), 405, "method");
    assertEquals(expected, allowed, path);
  }
  for (const path of ["optimization", "refresh", "runs/r/audit", "edges/changes/A", "scorers/x"]) {
    await refused(send(app, ["GET", path, null]), 404, "no_route");
  }
  assertEquals(refresh.told, []);
});
