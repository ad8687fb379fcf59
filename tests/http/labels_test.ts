import { createApp } from "../../src/http/app.ts";
import type { AdminApp } from "../../src/http/api.ts";
import { blankCells, fillCells } from "../../src/label/row_cells.ts";
import * as shape from "../../src/http/schemas.ts";
import { COLUMNS, LabelFormatter } from "../../src/label/format.ts";
import { labelKinds } from "../../src/label/kinds/label_kinds.ts";
import { parseKinds } from "../../src/label/kinds/registry.ts";
import { LevelSet, parseLevels } from "../../src/label/levels.ts";
import { labelCandles } from "../../src/label/label_candles.ts";
import { DEFAULT_PARAMS, labelParams, paramHash } from "../../src/label/params.ts";
import { ndjsonReader } from "../../src/market/ndjson.ts";
import { MemoryService } from "./service.ts";
import { candleLines } from "./support.ts";
import { assert, assertEquals } from "@std/assert";

const LINES = candleLines(900, { seed: 11 });

function blockOf(lines: readonly string[]) {
  const reader = ndjsonReader({ series: null });
  reader.push(new TextEncoder().encode(lines.join("\n")));
  reader.finish();
  const block = reader.take()[0];
  assert(block !== undefined);
  return block;
}

/** The rows as `wick label --format ndjson` writes them: another writer altogether. */
function expectedRows(params = DEFAULT_PARAMS): Record<string, unknown>[] {
  const labels = labelCandles(blockOf(LINES), params, paramHash(params));
  const text = new TextDecoder().decode(new LabelFormatter("ndjson").rows(labels));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

const isFinal = (row: Record<string, unknown>) =>
  row.tb_status === "final" || row.fh_status === "final";

function test(name: string, run: (app: AdminApp, service: MemoryService) => Promise<void>) {
  Deno.test(name, async () => {
    await using service = new MemoryService();
    const app = createApp(service);
    const headers = { "content-type": "application/x-ndjson" };
    await app.request("/api/candles", { method: "POST", headers, body: LINES.join("\n") });
    await run(app, service);
  });
}

Deno.test("fillCells() gives the same JSON as the label formatter, byte for byte", () => {
  const labels = labelCandles(blockOf(LINES), DEFAULT_PARAMS, paramHash(DEFAULT_PARAMS));
  const cells = blankCells();
  let text = "";
  for (let row = 0; row < labels.length; row++) {
    fillCells(cells, labels, row);
    text += `${JSON.stringify(cells)}\n`;
  }
  assertEquals(text, new TextDecoder().decode(new LabelFormatter("ndjson").rows(labels)));
});

test("stored labels equal a batch run over the same candles", async (app) => {
  const answer = await app.request("/api/labels?series=EUR_USD:H1&limit=10000");
  const page = shape.labelsReply.parse(await answer.json());
  assertEquals([page.source, page.next, page.seq], ["stored", null, 1]);
  const rows = page.rows.map(({ seq, revision, ...row }) => {
    assertEquals([seq, revision], [1, 0]);
    return row;
  });
  assertEquals(rows, expectedRows().filter(isFinal) as typeof rows);
});

test("NDJSON by Accept holds the same rows, and the next page in a header", async (app) => {
  const url = "/api/labels?series=EUR_USD:H1&limit=600";
  const json = shape.labelsReply.parse(await (await app.request(url)).json());
  for (const accept of ["application/x-ndjson", "text/html, application/ndjson;q=0.5"]) {
    const answer = await app.request(url, { headers: { accept } });
    assertEquals(answer.headers.get("content-type"), "application/x-ndjson");
    assertEquals(answer.headers.get("wick-next"), json.next);
    assertEquals(answer.headers.get("wick-seq"), "1");
    const text = await answer.text();
    assertEquals(text.trimEnd().split("\n").map((line) => JSON.parse(line)), json.rows);
  }
  assertEquals(json.rows.length, 600);
});

test("pages of any size hold every row once", async (app) => {
  const expected = expectedRows().filter(isFinal).map(({ ts }) => ts);
  for (const limit of [1, 255, 256, 257, 512, 10_000]) {
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? "" : `&cursor=${cursor}`;
      const url: string = `/api/labels?series=EUR_USD:H1&from=2023-12-10&limit=${limit}${at}`;
      const page = shape.labelsReply.parse(await (await app.request(url)).json());
      assert(page.rows.length <= limit);
      seen.push(...page.rows.map(({ ts }) => ts));
      cursor = page.next;
    } while (cursor !== null && limit > 1);
    const from = Date.UTC(2023, 11, 10);
    const rest = expected.filter((ts) => Number(ts) >= from);
    assertEquals(seen, limit === 1 ? rest.slice(0, 1) as number[] : rest as number[]);
  }
});

test("other parameters are computed from the stored candles", async (app) => {
  const answer = await app.request(
    "/api/labels?series=EUR_USD:H1&limit=10000&horizon=3&up=1.5&tie=upper&vertical=sign",
  );
  const page = shape.labelsReply.parse(await answer.json());
  const params = labelParams({ horizon: 3, up: 1.5, tie: "upper", vertical: "sign" });
  assertEquals([page.source, page.seq, page.paramHash], ["computed", null, paramHash(params)]);
  assertEquals(page.rows, expectedRows(params) as typeof page.rows);
});

const LEVELS = [
  { kind: "resistance", price: 1.08, from_ts: 0, to_ts: 4e12 },
  { kind: "support", price: 1.07, from_ts: 0, to_ts: 4e12 },
];

/** The rows with kinds as `wick label --kinds --format ndjson` writes them. */
function rowsWith(kinds: string, levels: unknown = []): Record<string, unknown>[] {
  const asked = parseKinds(kinds);
  const options = { kindLevels: new LevelSet(parseLevels(levels)) };
  const found = labelKinds(blockOf(LINES), DEFAULT_PARAMS, "", asked, options);
  const formatter = new LabelFormatter("ndjson", asked.map(({ name }) => name));
  const bytes = formatter.rows(found.rows, 0, found.rows.length, null, found.kinds);
  return new TextDecoder().decode(bytes).trimEnd().split("\n").map((line) => JSON.parse(line));
}

test("kinds stand after the fixed columns, which are those of the stored labels", async (app) => {
  const url = "/api/labels?series=EUR_USD:H1&limit=10000";
  const kinds = "drawdown,ret_quantile:window=20,under_water,meta:side=-1";
  const answer = await app.request(`${url}&kinds=${kinds}`);
  const page = shape.labelsReply.parse(await answer.json());
  assertEquals([page.source, page.paramHash], ["computed", paramHash(DEFAULT_PARAMS)]);
  assertEquals(page.kinds, kinds.split(","));
  assertEquals(page.rows, rowsWith(kinds) as typeof page.rows);
  const headers = { accept: "application/x-ndjson" };
  const [line = ""] = (await (await app.request(`${url}&kinds=${kinds}`, { headers })).text())
    .split("\n");
  const names = ["drawdown", "ret_quantile", "under_water", "meta"];
  assertEquals(Object.keys(JSON.parse(line)), [...COLUMNS, ...names]);
  assert(page.rows.filter(({ ret_quantile: rank }) => typeof rank === "number").length > 800);
  const stored = shape.labelsReply.parse(await (await app.request(url)).json());
  const fixed = page.rows.filter(isFinal)
    .map(({ drawdown: _a, ret_quantile: _b, under_water: _c, meta: _d, ...row }) => row);
  assertEquals(fixed, stored.rows.map(({ seq: _a, revision: _b, ...row }) => row));
});

test("kinds about levels are about those of the instrument, and null without", async (app) => {
  const url = "/api/labels?series=EUR_USD:H1&limit=10000&kinds=level_dist,next_touch,flip";
  const rows = async () => shape.labelsReply.parse(await (await app.request(url)).json()).rows;
  assertEquals(new Set((await rows()).map((row) => row.level_dist)), new Set([null]));
  const headers = { "content-type": "application/json" };
  const put = { method: "PUT", headers, body: JSON.stringify(LEVELS) };
  assertEquals((await app.request("/api/levels?symbol=EUR_USD", put)).status, 200);
  const kinds = "level_dist,next_touch,flip";
  assertEquals(await rows(), rowsWith(kinds, LEVELS) as Awaited<ReturnType<typeof rows>>);
});

test("kinds that there are not are refused with the nearest there is", async (app) => {
  const answer = await app.request("/api/labels?series=EUR_USD:H1&kinds=drawdwn");
  const problem = shape.problem.parse(await answer.json());
  assertEquals([answer.status, problem.issues?.[0]?.path], [422, "query.kinds"]);
  assert(problem.issues?.[0]?.message.endsWith("did you mean drawdown?"), JSON.stringify(problem));
});

test("the stored parameters said in full are no others", async (app) => {
  const answer = await app.request("/api/labels?series=EUR_USD:H1&limit=1&horizon=6&up=2&down=2");
  assertEquals(shape.labelsReply.parse(await answer.json()).source, "stored");
});

test("a computation without room is 429 with the time to come again", async (app) => {
  const answer = await app.request("/api/labels?series=EUR_USD:H1&horizon=3&priority=0");
  const problem = shape.problem.parse(await answer.json());
  assertEquals([answer.status, problem.code, problem.retryAfterMs], [429, "overload", 1_500]);
  assertEquals(answer.headers.get("retry-after"), "2");
});

test("asOf beside other parameters is refused: only stored labels have a history", async (app) => {
  const answer = await app.request("/api/labels?series=EUR_USD:H1&horizon=3&asOf=1");
  assertEquals(answer.status, 422);
});

test("a series nobody knows has no rows", async (app) => {
  const answer = await app.request("/api/labels?series=GBP_USD:H1");
  assertEquals(shape.labelsReply.parse(await answer.json()).rows, []);
  const lines = await app.request("/api/labels?series=GBP_USD:H1", {
    headers: { accept: "application/x-ndjson" },
  });
  assertEquals(await lines.text(), "");
});
