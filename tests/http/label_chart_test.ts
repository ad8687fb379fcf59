import { createApp } from "../../src/http/app.ts";
import type { AdminApp } from "../../src/http/api.ts";
import * as shape from "../../src/http/label_schemas.ts";
import { openEvents } from "../../src/label/open_events.ts";
import { labelCandles } from "../../src/label/label_candles.ts";
import { DEFAULT_PARAMS, labelParams, paramHash } from "../../src/label/params.ts";
import { LABEL_HIT_NAMES, LabelStatus } from "../../src/market/block.ts";
import { ndjsonReader } from "../../src/market/ndjson.ts";
import { EVENT_CHARS_MAX } from "../../src/monitor/event_hub.ts";
import { MemoryService } from "./service.ts";
import { candleLines } from "./support.ts";
import { assert, assertEquals } from "@std/assert";

const LINES = candleLines(900, { seed: 12 });
const CHART = "/api/series/EUR_USD:H1/chart";

async function push(app: AdminApp, lines: readonly string[]): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const body = lines.join("\n");
  const answer = await app.request("/api/candles", { method: "POST", headers, body });
  assertEquals(answer.status, 200, await answer.text());
}

function blockOf(lines: readonly string[]) {
  const reader = ndjsonReader({ series: null });
  reader.push(new TextEncoder().encode(lines.join("\n")));
  reader.finish();
  const block = reader.take()[0];
  assert(block !== undefined);
  return block;
}

function test(name: string, run: (app: AdminApp, service: MemoryService) => Promise<void>) {
  Deno.test(name, async () => {
    await using service = new MemoryService();
    await run(createApp(service), service);
  });
}

async function chart(app: AdminApp, query = "") {
  const answer = await app.request(`${CHART}${query}`);
  return shape.chartReply.parse(await answer.json());
}

test("a chart holds the last candles, their decided labels and the open events", async (app) => {
  await push(app, LINES);
  const found = await chart(app, "?bars=120");
  assert(found.state === "ok");
  const block = blockOf(LINES), first = block.length - 120;
  assertEquals(found.count, 900);
  assertEquals(found.candles.close, [...block.close.subarray(first)]);
  assertEquals(found.candles.ts, [...block.ts.subarray(first)]);
  const rows = labelCandles(block, DEFAULT_PARAMS, paramHash(DEFAULT_PARAMS));
  const decided = Array.from({ length: 120 }, (_, i) => first + i)
    .filter((row) => rows.tbStatus[row] === LabelStatus.final);
  assertEquals(
    found.labels.ts.map((ts, i) => [
      ts,
      found.labels.up[i],
      found.labels.hit[i],
      found.labels.bars[i],
      found.labels.exit[i],
      found.labels.horizon[i],
    ]),
    decided.map((row) => [
      rows.ts[row],
      rows.up[row],
      LABEL_HIT_NAMES[rows.hit[row] as number],
      rows.bars[row],
      rows.exit[row],
      rows.fhStatus[row] === LabelStatus.final,
    ]),
  );
  assertEquals(found.open, openEvents(block, DEFAULT_PARAMS));
});

test("a chart says that nothing came until a commit is about its series", async (app) => {
  await push(app, LINES.slice(0, 100));
  const { seq } = await chart(app);
  assertEquals(await chart(app, `?after=${seq}`), { state: "same", series: "EUR_USD:H1", seq });
  const other = LINES.slice(0, 40).map((line) => line.replace("EUR_USD", "GBP_USD"));
  await push(app, other);
  assertEquals((await chart(app, `?after=${seq}`)).state, "same");
  await push(app, LINES.slice(100, 110));
  const news = await chart(app, `?after=${seq}`);
  assert(news.state === "ok");
  assertEquals(news.count, 110);
  // That of another store, which had more commits.
  assertEquals((await chart(app, "?after=999")).state, "ok");
});

test("a chart of a series that is not there is empty; one of a wrong name is a problem", async (app) => {
  const found = await chart(app);
  assert(found.state === "ok");
  assertEquals([found.count, found.candles.ts, found.labels.ts, found.open], [0, [], [], []]);
  assertEquals((await app.request("/api/series/nothing/chart")).status, 422);
  assertEquals((await app.request(`${CHART}?bars=501`)).status, 422);
});

test("open events are those of the last candle", async (app) => {
  await push(app, LINES);
  const answer = await app.request("/api/series/EUR_USD:H1/open-events");
  const { open, lastTs } = shape.openEventsReply.parse(await answer.json());
  const block = blockOf(LINES);
  assertEquals(open, openEvents(block, DEFAULT_PARAMS));
  assertEquals(lastTs, block.ts[899]);
});

test(
  "open events are not known of a long series with ewma, which forgets nothing",
  async (app, service) => {
    await push(app, LINES);
    const params = labelParams({ volatility: "ewma" });
    Object.assign(service.data, { params });
    const whole = await chart(app);
    assert(whole.state === "ok");
    assertEquals(whole.open, openEvents(blockOf(LINES), params));
    const { tail } = service.data;
    service.data.tail = async (series, bars) => ({ ...await tail(series, bars), count: 20_000 });
    const long = await chart(app);
    assert(long.state === "ok");
    assertEquals(long.open, null);
  },
);

test("the overview of labels is short enough to be an event", async (app) => {
  const long = "A".repeat(32);
  await push(app, LINES.map((line) => line.replace("EUR_USD", long)));
  const text = await (await app.request("/api/labels/overview")).text();
  const { latest, kinds, params } = shape.labelsOverview.parse(JSON.parse(text));
  assertEquals(latest.length, 50);
  assert(
    kinds.every(({ total, outcomes }) =>
      total === outcomes.reduce((sum, one) => sum + one.total, 0)
    ),
  );
  assertEquals(params, { ...DEFAULT_PARAMS });
  assert(text.length < EVENT_CHARS_MAX, `${text.length} characters`);
});
