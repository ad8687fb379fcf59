/** Routes about edges, clusters and runs: what reaches refreshing, and what comes back. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { z } from "zod";
import { ActorFailed, ActorStopped, AskTimeout } from "../../src/actor/errors.ts";
import type { AdminApp } from "../../src/http/api.ts";
import { createApp } from "../../src/http/app.ts";
import { wickClient } from "../../src/http/client.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import * as shape from "../../src/http/refresh_schemas.ts";
import { problem } from "../../src/http/schemas.ts";
import { wholeTimes } from "../../src/http/whole_times.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { type MemoryRefresh, NOW_MS } from "./refresh_service.ts";
import { INSIDE, MemoryService } from "./service.ts";
import { ACT, served } from "./support.ts";

const NOW = Math.round(NOW_MS);
const JSON_TYPE = { "content-type": "application/json" };
const NDJSON_TYPE = { "content-type": "application/x-ndjson" };

function test(
  name: string,
  run: (app: AdminApp, refresh: MemoryRefresh, service: MemoryService) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(`refresh routes: ${name}`, async () => {
    await using service = new MemoryService();
    await run(createApp(service, options), service.refresh as MemoryRefresh, service);
  });
}

function send(
  app: AdminApp,
  path: string,
  body: unknown,
  { method = "POST", headers = JSON_TYPE as Record<string, string> } = {},
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return app.request(`/api/${path}`, { method, headers, ...(body === null ? {} : { body: text }) });
}

async function read<S extends z.ZodType>(
  answer: Response | Promise<Response>,
  schema: S,
): Promise<z.output<S>> {
  const { status, headers, text } = await gone(answer);
  assertEquals(status, 200, text);
  assertEquals(headers.get("content-type"), "application/json");
  return schema.parse(JSON.parse(text));
}

async function gone(answer: Response | Promise<Response>) {
  const { status, headers } = await answer;
  return { status, headers, text: await (await answer).text() };
}

async function refused(answer: Response | Promise<Response>, status: number, code: string) {
  const { status: found, headers, text } = await gone(answer);
  assertEquals(found, status, text);
  const document = problem.strict().parse(JSON.parse(text));
  assertEquals(document.code, code, text);
  return { ...document, headers };
}

/** Three sets over four edges: by the product of their values BC is the best. */
const RUN = {
  runId: "r1",
  edges: [
    { edgeId: "A", value: 0.5 },
    { edgeId: "B", value: 0.8 },
    { edgeId: "C", value: 0.9 },
    { edgeId: "D", value: 0.1 },
  ],
  sets: [
    { setId: "AB", members: ["A", "B"] },
    { setId: "BC", members: ["B", "C"] },
    { setId: "CD", members: ["C", "D"] },
  ],
};

// ---- changes ------------------------------------------------------------------------------------

test("changes come as one object, as an array, and as NDJSON", async (app, refresh) => {
  const one = { edgeId: "A", magnitude: 1 };
  const lines = `${JSON.stringify(one)}\r\n\n${JSON.stringify({ ...one, edgeId: "B" })}`;
  const posts = [
    send(app, "edges/changes", one),
    send(app, "edges/changes", [one, { ...one, edgeId: "B" }]),
    send(app, "edges/changes", lines, { headers: NDJSON_TYPE }),
  ];
  const recorded: number[] = [];
  for (const post of posts) recorded.push((await read(post, shape.changesTaken)).recorded);
  assertEquals(recorded, [1, 2, 2]);
  const type = "custom";
  assertEquals(refresh.told, [
    ["recordEdgeChanges", [{ edgeId: "A", type, magnitude: 1 }]],
    ["recordEdgeChanges", [
      { edgeId: "A", type, magnitude: 1 },
      { edgeId: "B", type, magnitude: 1 },
    ]],
    ["recordEdgeChanges", [
      { edgeId: "A", type, magnitude: 1 },
      { edgeId: "B", type, magnitude: 1 },
    ]],
  ]);
});

test("changes are passed on with all that they say", async (app, refresh) => {
  const metadata = { desk: "fx", lot: 1.5, live: true, note: null, constructor: "x" };
  const change = { edgeId: "a/b c", type: "odds_change", magnitude: 0.25, value: -3, metadata };
  await read(
    send(app, "edges/changes", { ...change, at: "2026-03-03T15:00:00Z" }),
    shape.changesTaken,
  );
  assertEquals(refresh.told, [["recordEdgeChanges", [{
    ...change,
    at: Date.UTC(2026, 2, 3, 15),
  }]]]);
});

test("changes say which clusters they set off", async (app) => {
  const pairs = [{ a: "A", b: "B", correlation: -0.9 }, { a: "B", b: "C", correlation: 0.4 }];
  const made = await read(
    send(app, "correlations", { kind: "pairs", pairs }, { method: "PUT" }),
    shape.correlationsTaken,
  );
  // |correlation| must be above 0.4: A and B are connected, C is alone.
  assertEquals(made, { edges: 3, clusters: 2 });
  const minor = await read(
    send(app, "edges/changes", { edgeId: "B", magnitude: 0.1 }),
    shape.changesTaken,
  );
  assertEquals(minor, { recorded: 1, refused: [], impacted: [] });
  const major = await read(
    send(app, "edges/changes", { edgeId: "B", magnitude: 1 }),
    shape.changesTaken,
  );
  assertEquals(major.impacted.map(({ id, members }) => [id, members]), [["A", ["A", "B"]]]);
  // The impact is an EMA: 0.3 · 1 + 0.7 · (0.3 · 0.1).
  assertAlmostEquals(major.impacted[0]?.impact ?? NaN, 0.321, 1e-12);
});

test("a change that is refused is named by its place, with the reason", async (app, refresh) => {
  // What has correlations does not make room for others.
  const pairs = Array.from(
    { length: 5_000 },
    (_, i) => ({ a: `e${2 * i}`, b: `e${2 * i + 1}`, correlation: 0 }),
  );
  await read(
    send(app, "correlations", { kind: "pairs", pairs }, { method: "PUT" }),
    shape.correlationsTaken,
  );
  refresh.told.length = 0;
  const list = ["e0", "one too many", "e1"].map((edgeId) => ({ edgeId, magnitude: 0.1 }));
  const taken = await read(send(app, "edges/changes", list), shape.changesTaken);
  assertEquals(taken, { recorded: 2, refused: [{ index: 1, reason: "edges" }], impacted: [] });
});

// ---- edges and clusters -------------------------------------------------------------------------

test("edges are added and removed; the answer says how many there are", async (app) => {
  assertEquals(await read(send(app, "edges", { edges: ["B", "A"] }), shape.edgesKept), {
    edges: 2,
  });
  assertEquals(await read(send(app, "edges", { edges: ["A", "C"] }), shape.edgesKept), {
    edges: 3,
  });
  const left = await read(send(app, "edges/remove", { edges: ["A", "Z"] }), shape.edgesKept);
  assertEquals(left, { edges: 2 });
  await refused(app.request("/api/edges/A"), 404, "unknown_edge");
});

test("an edge is explained by the correlations that put it into its cluster", async (app) => {
  const pairs = [{ a: "A", b: "B", correlation: 0.9 }, { a: "A", b: "C", correlation: 0.1 }];
  await read(
    send(app, "correlations", { kind: "pairs", pairs }, { method: "PUT" }),
    shape.correlationsTaken,
  );
  const found = await read(app.request("/api/edges/A"), shape.edgeExplanation);
  assertEquals([found.source, found.threshold, found.known, found.unknown], ["given", 0.4, 2, 0]);
  assertEquals(found.cluster.members, ["A", "B"]);
  assertEquals(found.links, [
    { edgeId: "B", correlation: 0.9, connects: true },
    { edgeId: "C", correlation: 0.1, connects: false },
  ]);
});

test("edges and clusters of any name are found by it, encoded", async (app) => {
  const names = [
    ...["a/b", "../..", "100%", "a%2Fb", "é€😀", "a?b#c", "a\\b", "a b", "changes", "remove"],
    ...["constructor", "__proto__", "a:b", "a+b", ";x", "x".repeat(256)],
  ];
  await read(send(app, "edges", { edges: names }), shape.edgesKept);
  for (const name of names) {
    const path = encodeURIComponent(name);
    const edge = await read(app.request(`/api/edges/${path}`), shape.edgeExplanation);
    assertEquals(edge.edgeId, name);
    const found = await read(app.request(`/api/clusters/${path}/correlations`), shape.servedBlock);
    assertEquals(found.block, { clusterId: name, members: [name], rows: [[1]], atMs: NOW });
  }
});

test("clusters come the largest first, by size and number", async (app) => {
  const pairs = [["B", "C"], ["C", "D"], ["E", "F"]].map(([a, b]) => ({ a, b, correlation: 0.5 }));
  await read(
    send(app, "correlations", { kind: "pairs", pairs }, { method: "PUT" }),
    shape.correlationsTaken,
  );
  await read(send(app, "edges", { edges: ["A"] }), shape.edgesKept);
  const idsOf = async (query: string) =>
    (await read(app.request(`/api/clusters${query}`), shape.clustersReply)).clusters
      .map(({ id }) => id);
  assertEquals(await idsOf(""), ["B", "E", "A"]);
  assertEquals(await idsOf("?sizeMin=2"), ["B", "E"]);
  assertEquals(await idsOf("?limit=1"), ["B"]);
  assertEquals(await idsOf("?sizeMin=4"), []);
});

test("correlations of a cluster are a row and a column for each member", async (app) => {
  const edges = ["B", "A", "C"];
  const rows = [[1, 0.8, null], [0.8, 1, 0.5], [null, 0.5, 1]];
  await read(
    send(app, "correlations", { kind: "matrix", edges, rows }, { method: "PUT" }),
    shape.correlationsTaken,
  );
  const { block, cacheHit } = await read(
    app.request("/api/clusters/A/correlations"),
    shape.servedBlock,
  );
  assertEquals(cacheHit, false);
  assertEquals(block.members, ["A", "B", "C"]);
  assertEquals(block.rows, [[1, 0.8, 0.5], [0.8, 1, null], [0.5, null, 1]]);
  const member = await refused(app.request("/api/clusters/B/correlations"), 404, "unknown_cluster");
  assertEquals(
    member.detail,
    "Cannot show correlations of cluster B: expected the id of its lowest member, A: " +
      "current value is B",
  );
  const none = await refused(app.request("/api/clusters/Z/correlations"), 404, "unknown_cluster");
  assertMatch(none.detail, /of cluster Z: there is none of that id$/);
});

test("correlations are taken back by DELETE", async (app, refresh) => {
  const pairs = [{ a: "A", b: "B", correlation: 0.9 }];
  await read(
    send(app, "correlations", { kind: "pairs", pairs }, { method: "PUT" }),
    shape.correlationsTaken,
  );
  const left = await read(
    send(app, "correlations", null, { method: "DELETE" }),
    shape.correlationsTaken,
  );
  assertEquals(left, { edges: 2, clusters: 2 });
  assertEquals(refresh.told.at(-1), ["setCorrelations", null]);
});

// ---- runs ---------------------------------------------------------------------------------------

test("a run is made, listed, shown and removed", async (app, refresh) => {
  const made = await read(send(app, "runs", RUN), shape.run);
  assertEquals([made.runId, made.edges, made.sets, made.createdAtMs], ["r1", 4, 3, NOW]);
  assertEquals(made.publishedBest?.members, ["B", "C"]);
  assertEquals(refresh.told, [["createRun", {
    ...RUN,
    scorer: { name: "product" },
    options: { mode: "auto", isLive: true, followsCorrelations: false },
  }]]);
  assertEquals(await read(app.request("/api/runs/r1"), shape.run), made);
  assertEquals((await read(app.request("/api/runs"), shape.runsReply)).runs, [made]);
  await refused(send(app, "runs", RUN), 409, "run_exists");
  const removed = await read(send(app, "runs/r1", null, { method: "DELETE" }), shape.runRemoved);
  assertEquals(removed, { runId: "r1", removed: true });
  await refused(send(app, "runs/r1", null, { method: "DELETE" }), 404, "unknown_run");
  assertEquals((await read(app.request("/api/runs"), shape.runsReply)).runs, []);
});

test("runs are told apart by their whole names", async (app) => {
  for (const runId of ["run_1", "run_10", "RUN_1", "run_1.x"]) {
    await read(send(app, "runs", { ...RUN, runId }), shape.run);
  }
  await read(send(app, "runs/run_1", null, { method: "DELETE" }), shape.runRemoved);
  const { runs } = await read(app.request("/api/runs"), shape.runsReply);
  assertEquals(runs.map(({ runId }) => runId), ["run_10", "RUN_1", "run_1.x"]);
  await refused(app.request("/api/runs/run_1"), 404, "unknown_run");
});

test("what a run refuses is told with its code and text", async (app) => {
  const cases: [object, string, RegExp][] = [
    [{ scorer: { name: "none_such" } }, "scorer", /Cannot make a scorer: expected one of product/],
    [{ scorer: { name: "product", params: { penalty: "much" } } }, "scorer", /Cannot/],
    [{ edges: [...RUN.edges, { edgeId: "A", value: 1 }] }, "edge", /Cannot/],
    [{ sets: [...RUN.sets, { setId: "AB", members: ["C"] }] }, "set", /Cannot/],
    [{ sets: [{ setId: "AA", members: ["A", "A"] }] }, "set", /Cannot/],
    [{ sets: [{ setId: "AZ", members: ["A", "Z"] }] }, "edge", /Cannot/],
  ];
  for (const [more, code, text] of cases) {
    const { detail } = await refused(send(app, "runs", { ...RUN, ...more }), 422, code);
    assertMatch(detail, text);
  }
  assertEquals((await read(app.request("/api/runs"), shape.runsReply)).runs, []);
});

test("changes of a run wait for its refresh, which reports what it did", async (app, refresh) => {
  await read(send(app, "runs", RUN), shape.run);
  const change = { values: [{ edgeId: "A", value: 2 }] };
  assertEquals(await read(send(app, "runs/r1/change", change), shape.runChanged), { changes: 1 });
  const waiting = await read(app.request("/api/runs/r1"), shape.run);
  assertEquals([waiting.publishedBest?.setId, waiting.edgesChangedSince], ["BC", 1]);
  const report = await read(send(app, "runs/r1/refresh", null), shape.refreshReport);
  assertEquals([report.state, report.best?.setId, report.best?.atMs], ["succeeded", "AB", NOW]);
  assertEquals(report.publication?.before?.setId, "BC");
  assertEquals(refresh.told.slice(1), [
    ["changeRun", ["r1", {
      removeSets: [],
      removeEdges: [],
      addEdges: [],
      addSets: [],
      ...change,
    }]],
    ["refresh", ["r1", "with_fallback"]],
  ]);
  const wrong = { values: [{ edgeId: "Z", value: 2 }] };
  await refused(send(app, "runs/r1/change", wrong), 422, "edge");
  await refused(send(app, "runs/r2/change", change), 404, "unknown_run");
});

test("refresh and rebuild ask for what they say", async (app, refresh) => {
  await read(send(app, "runs", RUN), shape.run);
  refresh.told.length = 0;
  for (const path of ["refresh", "refresh?fallback=true", "refresh?fallback=false", "rebuild"]) {
    await read(send(app, `runs/r1/${path}`, null), shape.refreshReport);
  }
  assertEquals(refresh.told.map(([, what]) => (what as string[])[1]), [
    "with_fallback",
    "with_fallback",
    "refresh",
    "rebuild",
  ]);
});

test("a refresh that does not end says why, and when to try again", async (app, refresh) => {
  await read(send(app, "runs", RUN), shape.run);
  const cases = [
    ["unknown_run", 404, "unknown_run", null],
    ["cancelled", 409, "cancelled", null],
    ["busy", 503, "busy", "1"],
  ] as const;
  for (const [state, status, code, again] of cases) {
    refresh.answer = { state };
    for (const path of ["runs/r1/refresh", "runs/r1/rebuild", "optimization/refresh"]) {
      const body = path === "optimization/refresh" ? { runId: "r1" } : null;
      const { headers } = await refused(send(app, path, body), status, code);
      assertEquals(headers.get("retry-after"), again);
    }
  }
});

test("a run is explained: what is next, the published members, and one set", async (app) => {
  await read(send(app, "runs", RUN), shape.run);
  const plain = await read(app.request("/api/runs/r1/explain"), shape.runExplanation);
  assertEquals(plain.set, null);
  assertEquals(plain.published, [{ edgeId: "B", value: 0.8 }, { edgeId: "C", value: 0.9 }]);
  assertEquals(plain.scorer.name, "product");
  assertEquals(plain.events.map(({ atMs, event }) => [atMs, event.type]), [
    [NOW, "best_ever"],
    [NOW, "published"],
  ]);
  const { set } = await read(app.request("/api/runs/r1/explain?set=CD"), shape.runExplanation);
  assertEquals([set?.setId, set?.state, set?.error], ["CD", "clean", null]);
  assertAlmostEquals(set?.scoreNow ?? NaN, 0.09, 1e-12);
  assertEquals(set?.lastScore, set?.scoreNow);
  const none = await refused(app.request("/api/runs/r1/explain?set=none"), 404, "unknown_set");
  assertEquals(none.detail, "Cannot find set none: run r1 has none of that id");
  await refused(app.request("/api/runs/r2/explain"), 404, "unknown_run");
});

// ---- scorers, figures, the calls that do all ----------------------------------------------------

test("scorers are listed with what they do", async (app) => {
  const { scorers } = await read(app.request("/api/scorers"), shape.scorersReply);
  assertEquals(scorers.map(({ name }) => name), ["product", "mean_variance"]);
  assert(scorers.every(({ description }) => description.length > 20));
});

test("stats are those of refreshing, with whole times", async (app, refresh) => {
  await read(send(app, "runs", RUN), shape.run);
  await read(send(app, "edges/changes", { edgeId: "A", magnitude: 1 }), shape.changesTaken);
  const found = await read(app.request("/api/refresh/stats"), shape.refreshStats);
  const expected = refresh.stats();
  assertEquals([found.atMs, found.gate.sinceMs], [NOW, NOW]);
  assertEquals(found, {
    ...expected,
    atMs: NOW,
    gate: { ...expected.gate, sinceMs: NOW },
  });
  assertEquals([found.runs, found.full, found.aggregator?.totals.major], [1, 1, 1]);
});

test("one call records a change for clusters and runs", async (app) => {
  await read(send(app, "runs", RUN), shape.run);
  await read(send(app, "runs", { ...RUN, runId: "r2" }), shape.run);
  const post = (body: unknown) =>
    read(send(app, "optimization/edge-changes", body), shape.optimizationChangeTaken);
  const all = await post({ edgeId: "A", magnitude: 1, value: 0.7 });
  assertEquals([all.class, all.mode, all.isDeferred, all.runs], [
    "major",
    "normal",
    false,
    ["r1", "r2"],
  ]);
  assertEquals(all.impacted.map(({ id }) => id), ["A"]);
  const one = await post({ edgeId: "A", magnitude: 0.5, runId: "r2" });
  assertEquals([one.class, one.runs], ["moderate", ["r2"]]);
  const none = { edgeId: "A", magnitude: 1, runId: "r3" };
  await refused(send(app, "optimization/edge-changes", none), 404, "unknown_run");
});

test("one call refreshes a run and says how all of it stands", async (app) => {
  await read(send(app, "runs", RUN), shape.run);
  const done = await read(
    send(app, "optimization/refresh", { runId: "r1", kind: "full" }),
    shape.optimizedRefreshDone,
  );
  assertEquals([done.report.kind, done.report.why, done.mode], ["full", "asked", "normal"]);
  assertEquals([done.run.lastRefreshAtMs, done.run.counters.refreshes], [NOW, 2]);
  assertEquals(done.providers.map(({ breaker }) => breaker), ["closed", null]);
  await refused(send(app, "optimization/refresh", { runId: "r9" }), 404, "unknown_run");
});

test("without refreshing every route says so", async (app, _refresh, service) => {
  service.refresh = null;
  const asked: [string, string, unknown][] = [
    ["POST", "edges/changes", { edgeId: "A", magnitude: 1 }],
    ["POST", "edges", { edges: ["A"] }],
    ["POST", "edges/remove", { edges: ["A"] }],
    ["GET", "edges/A", null],
    ["PUT", "correlations", { kind: "pairs", pairs: [] }],
    ["DELETE", "correlations", null],
    ["GET", "clusters", null],
    ["GET", "clusters/A/correlations", null],
    ["GET", "runs", null],
    ["POST", "runs", RUN],
    ["GET", "runs/r1", null],
    ["DELETE", "runs/r1", null],
    ["POST", "runs/r1/change", {}],
    ["POST", "runs/r1/refresh", null],
    ["POST", "runs/r1/rebuild", null],
    ["GET", "runs/r1/explain", null],
    ["GET", "scorers", null],
    ["GET", "refresh/stats", null],
    ["POST", "optimization/edge-changes", { edgeId: "A", magnitude: 1 }],
    ["POST", "optimization/refresh", { runId: "r1" }],
  ];
  for (const [method, path, body] of asked) {
    await refused(send(app, path, body, { method }), 404, "no_refresh");
  }
});

test("what refreshing throws is answered by its kind", async (app, refresh) => {
  const bound = new RefreshError("bound", "Cannot add edges: expected at most 3");
  const broken = new RefreshError("invariant", `Cannot trust edges: ${INSIDE}`);
  const cases: [Error, number, string][] = [
    [bound, 422, "bound"],
    [new ActorFailed("/wick/aggregator", "addEdges", bound), 422, "bound"],
    [broken, 500, "internal"],
    [new ActorFailed("/wick/aggregator", "addEdges", broken), 502, "actor_failed"],
    [new AskTimeout("/wick/aggregator", "addEdges", 60_000), 504, "ask_timeout"],
    [new ActorStopped("/wick/aggregator", "addEdges"), 503, "actor_stopped"],
  ];
  for (const [error, status, code] of cases) {
    Object.assign(refresh, { addEdges: () => Promise.reject(error) });
    const { detail } = await refused(send(app, "edges", { edges: ["A"] }), status, code);
    assert(!detail.includes(INSIDE), detail);
    if (code === "bound") assertEquals(detail, bound.message);
  }
});

Deno.test("wholeTimes() rounds times, and leaves durations and metadata as they are", () => {
  const at = 1_700_000_000_000.4;
  const given = {
    atMs: at,
    pending: { at, metadata: { at: 1.5, atMs: 2.5 } },
    list: [{ createdAtMs: at, startedAt: at, busyMs: 0.25, at: null }],
    gate: { sinceMs: at, sinceMsMax: 0.5 },
  };
  const whole = 1_700_000_000_000;
  assertEquals(wholeTimes(given), {
    atMs: whole,
    pending: { at: whole, metadata: { at: 1.5, atMs: 2.5 } },
    list: [{ createdAtMs: whole, startedAt: whole, busyMs: 0.25, at: null }],
    gate: { sinceMs: whole, sinceMsMax: 0.5 },
  });
});

Deno.test("the typed client knows the routes of refreshing", async () => {
  await using to = await served({ tokens: { act: ACT } });
  const { api } = wickClient(to.url, { token: ACT });
  const made = await (await api.runs.$post({ json: RUN })).json();
  assertEquals(made.publishedBest?.setId, "BC");
  const one = { edgeId: "A", magnitude: 1, value: 0.5 };
  const taken = await (await api.edges.changes.$post({ json: [one] })).json();
  assertEquals(taken.impacted[0]?.members, ["A"]);
  const param = { id: "r1" };
  const report = await api.runs[":id"].refresh.$post({ param, query: { fallback: false } });
  assertEquals((await report.json()).state, "succeeded");
  const why = await api.runs[":id"].explain.$get({ param, query: { set: "AB" } });
  assertEquals((await why.json()).set?.members.length, 2);
  const added = await api.edges.$post({ json: { edges: ["a/b é"] } });
  assertEquals(await added.json(), { edges: 2 });
  const edge = await api.edges[":id"].$get({ param: { id: encodeURIComponent("a/b é") } });
  assertEquals((await edge.json()).edgeId, "a/b é");
  const { clusters } = await (await api.clusters.$get({ query: { sizeMin: 1 } })).json();
  assertEquals(clusters.map(({ id }) => id), ["A", "a/b é"]);
  assertEquals((await (await api.refresh.stats.$get()).json()).runs, 1);
});
