/** `wick serve` with `OTEL_DENO=true`: the spans of a candle's way, as a collector gets them. */

import { assert, assertEquals } from "@std/assert";
import { calmWalkOf } from "../actors/support.ts";
import { type CollectedSpan, OtlpCollector } from "./otlp_collector.ts";
import { served, type Serving } from "./serving.ts";
import { inFolder } from "./support.ts";

const S = "EUR_USD:M1";
/** So many that a thread labels them and not the live worker. */
const ROWS = 200;
const WALK = calmWalkOf(1, S, ROWS);
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` };
/** Clocks of the threads are compared to within this. */
const CLOCK_ERROR_NS = 500_000n;
const TOKEN = "a-token-that-no-span-may-hold-0123456789";

function lines(): string {
  const columns = ["ts", "open", "high", "low", "close", "volume"] as const;
  return Array.from({ length: ROWS }, (_, row) => {
    const cells = columns.map((name) => [name, WALK[name][row]]);
    return JSON.stringify({ series: S, ...Object.fromEntries(cells) });
  }).join("\n");
}

/** A service that has just started may be too busy for a moment, and says so. */
async function post(service: Serving, path: string, body: string, headers: HeadersInit) {
  while (true) {
    const answer = await fetch(`${service.url}${path}`, { method: "POST", headers, body });
    const text = await answer.text();
    if (answer.status !== 429) return { status: answer.status, text };
    const { retryAfterMs } = JSON.parse(text);
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
  }
}

const push = (service: Serving, headers: HeadersInit = {}) =>
  post(service, "/api/candles", lines(), {
    "content-type": "application/x-ndjson",
    authorization: `Bearer ${TOKEN}`,
    ...headers,
  });

function wayOf(span: CollectedSpan, spans: readonly CollectedSpan[]): string {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? span.name : `${wayOf(parent, spans)} > ${span.name}`;
}

function ofTrace(collector: OtlpCollector): CollectedSpan[] {
  return collector.spans.filter(({ scope, traceId }) => scope === "wick" && traceId === TRACE_ID);
}

const INGEST = "POST /api/candles > label_pool ingest";
/** The way of a candle that is pushed to a series nobody knows yet. */
const WAY = [
  "POST /api/candles",
  INGEST,
  `${INGEST} > label_pool flush`,
  `${INGEST} > label_pool flush > store tailsPacked`,
  `${INGEST} > label_pool flush > label_pool warmed`,
  `${INGEST} > label_worker label`,
  `${INGEST} > label_pool labelled`,
  `${INGEST} > store commitPacked`,
  `${INGEST} > label_pool committed`,
  `${INGEST} > label_pool committed > commit_sink committed`,
];

Deno.test("serve exports the spans of a candle's way, each within its parent", () =>
  inFolder(async (folder) => {
    await using collector = new OtlpCollector();
    const env = { ...collector.environment, WICK_TRACE_RATIO: "0", WICK_TOKEN: TOKEN };
    await using service = await served({ folder, env });
    // Its caller records it, so it is traced, whatever the ratio.
    assertEquals((await push(service, CALLER)).status, 200);
    const accepted = () =>
      ofTrace(collector).find((span) =>
        span.name === "POST /api/candles" && span.attributes["http.response.status_code"] !== "429"
      );
    const last = () => ofTrace(collector).some(({ name }) => name === "commit_sink committed");
    await collector.until(() => accepted() !== undefined && last());
    const all = ofTrace(collector);
    const root = accepted();
    assert(root !== undefined);
    const isBelow = (span: CollectedSpan): boolean =>
      span === root || all.some((one) => one.spanId === span.parentSpanId && isBelow(one));
    const spans = all.filter(isBelow);
    const ways = new Set(spans.map((span) => wayOf(span, spans)));
    assertEquals(WAY.filter((way) => !ways.has(way)), [], [...ways].join("\n"));
    assertEquals(root.parentSpanId, "b7ad6b7169203331");
    for (const span of spans) {
      assert(!span.isError, span.name);
      const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
      if (parent === undefined) continue;
      assert(span.startNs + CLOCK_ERROR_NS >= parent.startNs, `${span.name} began too early`);
      // What is only told may go on after its teller; what was asked for is over before it.
      const isAsked = /label_pool ingest|label_worker|store /.test(span.name) &&
        !parent.name.endsWith("flush");
      if (isAsked) {
        assert(span.endNs <= parent.endNs + CLOCK_ERROR_NS, `${span.name} ended too late`);
      }
    }
    const named = (name: string) => spans.find((span) => span.name === name)?.attributes ?? {};
    assertEquals(named("label_pool ingest")["wick.candles"], ROWS);
    assertEquals(
      named("label_worker label")["wick.path"],
      "/wick/core/work/ingest/workers/worker-0",
    );
    assertEquals(named("label_worker label")["wick.candles"], ROWS);
    assertEquals(named("label_pool committed")["wick.candles"], ROWS);
    assertEquals(await service.end("SIGTERM"), 0);
    const exported = collector.bodies.join("\n");
    assert(!exported.includes(TOKEN), "a token was exported");
    assert(!exported.includes(String(WALK.close[7])), "a price was exported");
  }));

Deno.test("serve draws pushes by traceRatio, and traces what operators do always", () =>
  inFolder(async (folder) => {
    await using collector = new OtlpCollector();
    const env = { ...collector.environment, WICK_TRACE_RATIO: "0" };
    await using service = await served({ folder, env });
    assertEquals((await push(service)).status, 200);
    const send = (path: string, message: object) =>
      post(service, `/api/actors/wick/${path}`, JSON.stringify(message), {
        "content-type": "application/json",
      });
    await send("core/work/backfill/messages", { type: "jobs", payload: {} });
    await send("core/work/warmer/restart", {});
    // All that was made is exported before the process ends.
    assertEquals(await service.end("SIGTERM"), 0);
    const names = collector.spans.filter(({ scope }) => scope === "wick").map(({ name }) => name);
    assert(names.includes("POST /api/actors/:path/messages"), names.join("\n"));
    assert(names.includes("POST /api/actors/:path/restart"), names.join("\n"));
    assert(names.includes("backfill jobs"), names.join("\n"));
    assertEquals(names.filter((name) => /candles|label_pool/.test(name)), []);
  }));

Deno.test("serve exports nothing without OTEL_DENO", () =>
  inFolder(async (folder) => {
    await using collector = new OtlpCollector();
    const env = { ...collector.environment, OTEL_DENO: "false", WICK_TRACE_RATIO: "1" };
    await using service = await served({ folder, env });
    assertEquals((await push(service, CALLER)).status, 200);
    assertEquals(await service.end("SIGTERM"), 0);
    assertEquals(collector.bodies, []);
  }));
