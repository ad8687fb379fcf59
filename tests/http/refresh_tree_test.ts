/** Routes of refreshing over the whole tree: candles that move edges, runs that follow. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type { z } from "zod";
import { startWick } from "../../actors/tree.ts";
import * as shape from "../../src/http/refresh_schemas.ts";
import { problem } from "../../src/http/schemas.ts";
import type { RefreshSpec } from "../../src/refresh/refresh_spec.ts";
import { candleLines } from "./support.ts";

const SYMBOLS = ["EUR_USD", "GBP_USD", "USD_JPY", "AUD_USD"];

async function rig(refresh: RefreshSpec | null = {}) {
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    refresh,
    monitor: { intervalMs: 20 },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  const { url } = await wick.admin.ask("status", {});
  const ask = (method: string, path: string, body?: unknown) => {
    const headers = { "content-type": "application/json" };
    const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    return fetch(`${url}/api/${path}`, init);
  };
  return {
    ask,
    read: async <S extends z.ZodType>(
      schema: S,
      method: string,
      path: string,
      body?: unknown,
    ): Promise<z.output<S>> => {
      const answer = await ask(method, path, body);
      const text = await answer.text();
      assertEquals(answer.status, 200, `${path} ${text}`);
      return schema.parse(JSON.parse(text));
    },
    refused: async (status: number, code: string, ...asked: Parameters<typeof ask>) => {
      const answer = await ask(...asked);
      const text = await answer.text();
      assertEquals([answer.status, problem.strict().parse(JSON.parse(text)).code], [status, code]);
    },
    push: async (lines: readonly string[]) => {
      const headers = { "content-type": "application/x-ndjson" };
      const init = { method: "POST", headers, body: lines.join("\n") };
      const answer = await fetch(`${url}/api/candles`, init);
      assertEquals(answer.status, 200, await answer.text());
    },
    [Symbol.asyncDispose]: () => wick.system.stop(),
  };
}

/** Waits until there is something; the test's own bound ends a wait for ever. */
async function until<T>(look: () => Promise<T | null>): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((go) => setTimeout(go, 10));
  }
  throw new Error("it did not come within 5 s");
}

const RUN = {
  runId: "r1",
  edges: [
    { edgeId: "A", value: 0.5 },
    { edgeId: "B", value: 0.8 },
    { edgeId: "C", value: 0.9 },
  ],
  sets: [{ setId: "AB", members: ["A", "B"] }, { setId: "BC", members: ["B", "C"] }],
};

Deno.test("candles that are pushed move edges, and the run over baskets follows", async () => {
  await using one = await rig();
  const lines = SYMBOLS.flatMap((symbol, i) =>
    candleLines(60, { series: `${symbol}:H1`, seed: i + 1 })
  );
  await one.push(lines);
  const run = await until(async () => {
    const { runs } = await one.read(shape.runsReply, "GET", "runs");
    const found = runs.find(({ runId }) => runId === "baskets");
    return found !== undefined && found.edges === SYMBOLS.length && found.liveBest !== null
      ? found
      : null;
  });
  // Three of four instruments.
  assertEquals(run.sets, 4);
  const { published } = await one.read(shape.runExplanation, "GET", "runs/baskets/explain");
  assert(published.every(({ value }) => value !== null && value > 0 && value < 1));
  const { aggregator } = await one.read(shape.refreshStats, "GET", "refresh/stats");
  assertEquals([aggregator?.edges, aggregator?.instruments], [4, 4]);
  const edge = await one.read(shape.edgeExplanation, "GET", "edges/EUR_USD");
  assertEquals(edge.edgeId, "EUR_USD");
});

Deno.test("a run of one's own lives over HTTP, and its changes refresh it", async () => {
  await using one = await rig({ baskets: null });
  const made = await one.read(shape.run, "POST", "runs", RUN);
  assertEquals([made.edges, made.runId], [3, "r1"]);
  await one.refused(409, "run_exists", "POST", "runs", RUN);
  await one.refused(422, "scorer", "POST", "runs", { ...RUN, runId: "x", scorer: { name: "no" } });
  const first = await one.read(shape.refreshReport, "POST", "runs/r1/refresh");
  assertEquals([first.state, first.best?.setId], ["succeeded", "BC"]);
  const taken = await one.read(shape.changesTaken, "POST", "edges/changes", {
    edgeId: "A",
    magnitude: 2,
    value: 3,
  });
  assertEquals(taken.impacted[0]?.members, ["A"]);
  await until(async () => {
    const run = await one.read(shape.run, "GET", "runs/r1");
    return run.publishedBest?.setId === "AB" ? run : null;
  });
  const change = { values: [{ edgeId: "C", value: 5 }] };
  await one.read(shape.runChanged, "POST", "runs/r1/change", change);
  await one.refused(422, "edge", "POST", "runs/r1/change", { values: [{ edgeId: "Z", value: 5 }] });
  const rebuilt = await one.read(shape.refreshReport, "POST", "runs/r1/rebuild");
  assertEquals([rebuilt.kind, rebuilt.best?.setId], ["full", "BC"]);
  const why = await one.read(shape.runExplanation, "GET", "runs/r1/explain?set=AB");
  assertEquals(why.set?.members.map(({ value }) => value), [3, 0.8]);
  assertGreater(why.events.length, 0);
  await one.refused(404, "unknown_set", "GET", "runs/r1/explain?set=none");
  const all = await one.read(shape.optimizationChangeTaken, "POST", "optimization/edge-changes", {
    edgeId: "A",
    magnitude: 1,
    value: 9,
  });
  assertEquals(all.runs, ["r1"]);
  const done = await one.read(shape.optimizedRefreshDone, "POST", "optimization/refresh", {
    runId: "r1",
  });
  assertEquals([done.report.state, done.run.liveBest?.setId], ["succeeded", "AB"]);
  await one.read(shape.refreshStats, "GET", "refresh/stats");
  await one.read(shape.runRemoved, "DELETE", "runs/r1");
  await one.refused(404, "unknown_run", "POST", "runs/r1/refresh");
});

Deno.test("correlations over HTTP make clusters, and wrong ones are refused with a reason", async () => {
  await using one = await rig({ baskets: null });
  const edges = ["A", "B", "C", "D", "E"];
  const rows = edges.map((a) => edges.map((b) => a === b ? 1 : 0.6));
  const matrix = { kind: "matrix", edges, rows };
  const made = await one.read(shape.correlationsTaken, "PUT", "correlations", matrix);
  assertEquals(made, { edges: 5, clusters: 1 });
  const { clusters } = await one.read(shape.clustersReply, "GET", "clusters?sizeMin=2");
  assertEquals(clusters.map(({ members }) => members), [edges]);
  const { block } = await one.read(shape.servedBlock, "GET", "clusters/A/correlations");
  assertEquals(block.rows, rows);
  const crooked = { ...matrix, rows: rows.map((row, i) => row.map((rho) => i === 0 ? 0.1 : rho)) };
  await one.refused(422, "correlation", "PUT", "correlations", crooked);
  const message = { type: "correlations", payload: { correlations: crooked }, mode: "ask" };
  const path = "actors/wick/core/work/refresh/aggregator/messages";
  await one.refused(422, "correlation", "POST", path, message);
  const back = await one.read(shape.correlationsTaken, "DELETE", "correlations");
  assertEquals(back, { edges: 5, clusters: 5 });
});

Deno.test("a tree without refreshing answers 404", async () => {
  await using one = await rig(null);
  await one.refused(404, "no_refresh", "GET", "runs");
});
