/** `wick serve --redis` as processes on one Redis: shared work, a kill, a name that is taken. */

import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { nodesReply, type NodesView } from "../../src/http/node_schemas.ts";
import { rowObject } from "../../src/label/row_object.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { type CandleBlock, LabelStatus } from "../../src/market/block.ts";
import { partitionOf } from "../../src/market/partition.ts";
import { calmWalkOf, labelledRows, rowsOf } from "../actors/support.ts";
import { RedisServer } from "../support/redis.ts";
import { serviceOrSkip } from "../support/services.ts";
import { inFolder } from "./support.ts";
import { serve, type ServeOptions, type Serving } from "./serving.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`serve_nodes_process_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const LEASE_MS = 1_000;
const NAMES = ["EUR_USD:M1", "USD_JPY:M1", "AAPL:M1", "MSFT:M1", "BTC_USD:M1", "XAU_USD:M1"];
const WALKS = NAMES.map((series, i) => calmWalkOf(SEED + i, series, 300));

function lines(walk: CandleBlock, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => {
    const at = (column: "ts" | "open" | "high" | "low" | "close" | "volume") =>
      walk[column][from + i] as number;
    const [ts, open, high, low] = [at("ts"), at("open"), at("high"), at("low")];
    return JSON.stringify({
      ...{ series: walk.series, ts, open, high, low, close: at("close"), volume: at("volume") },
    });
  });
}

/** Sends rows of every walk until they are taken. */
async function push(service: Serving, from: number, to: number): Promise<void> {
  for (const walk of WALKS) {
    const answer = await service.post("/api/candles", lines(walk, from, to));
    assertEquals(answer.status, 200, await answer.text());
  }
}

/** The rows with a final half that the pure labeler gives for the first candles of a walk. */
function expectedRows(walk: CandleBlock, count: number): Record<string, unknown>[] {
  const rows = labelledRows(rowsOf(walk, 0, count), DEFAULT_PARAMS);
  return Array.from(rows.ts.keys())
    .filter((row) =>
      rows.tbStatus[row] === LabelStatus.final || rows.fhStatus[row] === LabelStatus.final
    )
    .map((row) => ({ ...rowObject(rows, row) }));
}

async function labelsOf(service: Serving, series: string): Promise<Record<string, unknown>[]> {
  const page = await service.json<{ rows: Record<string, unknown>[] }>(
    `/api/labels?series=${series}&limit=10000`,
  );
  return page.rows.map(({ seq: _seq, revision: _revision, ...row }) => row);
}

/** Until the service has the labels of the first candles of every walk, exactly. */
async function hasLabels(service: Serving, count: number): Promise<void> {
  for (const walk of WALKS) {
    const expected = expectedRows(walk, count);
    await until(async () => (await labelsOf(service, walk.series)).length >= expected.length);
    assertEquals(await labelsOf(service, walk.series), expected, walk.series);
  }
}

async function until(isSo: () => Promise<boolean>, limitMs = 20_000): Promise<number> {
  const fromMs = performance.now();
  while (!await isSo()) {
    assertLessOrEqual(performance.now() - fromMs, limitMs, "it does not come");
    await new Promise((done) => setTimeout(done, 10));
  }
  return performance.now() - fromMs;
}

async function nodesOf(service: Serving): Promise<NodesView> {
  return nodesReply.parse(await service.json("/api/nodes"));
}

function partitionsOf({ nodes }: NodesView, name: string): number {
  return nodes.find(({ node }) => node === name)?.partitions ?? 0;
}

function nodeAt(
  folder: string,
  redis: RedisServer,
  name: string,
  more: Partial<ServeOptions> = {},
) {
  return serve({
    folder: `${folder}/${name}`,
    words: ["--redis", redis.url, "--node-name", name],
    net: [`127.0.0.1:${redis.port}`],
    ...more,
    env: { WICK_NODE_LEASE_MS: String(LEASE_MS), ...more.env },
  });
}

async function started(folder: string, redis: RedisServer, name: string): Promise<Serving> {
  await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  const service = nodeAt(folder, redis, name);
  await service.until("err", "wick serve: ready at");
  return service;
}

Deno.test(
  "serve on one Redis shares the work, takes over after a kill, and every node has all labels",
  serviceOrSkip("redis"),
  () =>
    inFolder(async (folder) => {
      await using redis = await RedisServer.start();
      await using a = await started(folder, redis, "a");
      await push(a, 0, 100);
      await hasLabels(a, 100);
      await using b = await started(folder, redis, "b");
      await until(async () => partitionsOf(await nodesOf(a), "b") === 128);
      await push(b, 100, 150);
      await push(a, 150, 200);
      await hasLabels(a, 200);
      await hasLabels(b, 200);
      const owners = new Set(
        (await nodesOf(b)).partitions
          .filter(({ partition }) => NAMES.some((name) => partitionOf(name) === partition))
          .map(({ node }) => node),
      );
      assertEquals(owners, new Set(["a", "b"]), "both have some of the series");
      a.child.kill("SIGKILL");
      await push(b, 200, 250);
      const tookMs = await until(async () => partitionsOf(await nodesOf(b), "b") === 256);
      console.log(`shown as taken over ${tookMs.toFixed(0)} ms after the push behind the kill`);
      await hasLabels(b, 250);
      await using again = await started(folder, redis, "a");
      await hasLabels(again, 250);
      await until(async () => partitionsOf(await nodesOf(b), "a") === 128);
      await push(again, 250, 300);
      await hasLabels(b, 300);
      assertEquals(await again.end("SIGTERM"), 0);
      await until(async () => partitionsOf(await nodesOf(b), "b") === 256, 1_000);
      assertEquals((await nodesOf(b)).moves[0]?.why, "handed");
      assertEquals(await b.end("SIGTERM"), 0);
    }),
);

Deno.test(
  "serve that was stopped for longer than its lease lets go when it wakes, and doubles nothing",
  serviceOrSkip("redis"),
  () =>
    inFolder(async (folder) => {
      await using redis = await RedisServer.start();
      await using a = await started(folder, redis, "a");
      await using b = await started(folder, redis, "b");
      await until(async () => partitionsOf(await nodesOf(b), "a") === 128);
      await push(b, 0, 100);
      a.child.kill("SIGSTOP");
      // What it had read and not committed is with it while it sleeps.
      await push(b, 100, 150);
      await until(async () => partitionsOf(await nodesOf(b), "b") === 256);
      await push(b, 150, 200);
      await hasLabels(b, 200);
      a.child.kill("SIGCONT");
      await until(async () => partitionsOf(await nodesOf(b), "a") === 128);
      await push(a, 200, 250);
      await hasLabels(a, 250);
      await hasLabels(b, 250);
    }),
);

Deno.test(
  "serve under the name of a node that lives says so and exits with 75",
  serviceOrSkip("redis"),
  () =>
    inFolder(async (folder) => {
      await using redis = await RedisServer.start();
      await using _a = await started(folder, redis, "a");
      await Deno.mkdir(`${folder}/other`);
      await using second = nodeAt(folder, redis, "a", { folder: `${folder}/other` });
      assertEquals(await second.code(), 75);
      assertMatch(second.text.err, /Cannot go on as node a: expected a nodeName that no other/);
    }),
);

Deno.test("serve without Redis is one node", () =>
  inFolder(async (folder) => {
    await using service = serve({ folder });
    await service.until("err", "wick serve: ready at");
    const view = await nodesOf(service);
    assertEquals([view.mode, view.nodes.length, view.nodes[0]?.partitions], ["alone", 1, 256]);
    assert(view.log === null);
    assertEquals(await service.end("SIGTERM"), 0);
  }));
