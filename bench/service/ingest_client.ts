/**
 * The thread of {@linkcode prepareLoad}: an HTTP client that pushes NDJSON over keep-alive
 * connections. It says when its bodies are made, waits for the word, and answers with its report.
 *
 * @module
 */

import { Agent, type IncomingMessage, request } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { Histogram } from "../../src/monitor/histogram.ts";
import { Market } from "../labels/market.ts";
import type { IngestPlan, IngestReport } from "./ingest_load.ts";

/** A service that refuses for longer than this has no room at all. */
const TRIES_MAX = 1_000;
const REFUSED_PAUSE_MS = 50;

interface Body {
  readonly bytes: Uint8Array;
  readonly candles: number;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number;
}

/** Bodies of one connection, in their order: its series bar by bar, as a live feed has them. */
function bodiesOf(market: Market, plan: IngestPlan, connection: number): Body[] {
  const encoder = new TextEncoder();
  const own: number[] = [];
  for (let series = connection; series < plan.series; series += plan.connections) own.push(series);
  const bodies: Body[] = [];
  const endBar = plan.firstBar + plan.bars;
  for (let from = plan.firstBar; from < endBar; from += plan.barsPerRequest) {
    const to = Math.min(endBar, from + plan.barsPerRequest);
    const blocks = own.map((series) => market.block(series, from, to));
    const lines: string[] = [];
    for (let row = 0; row < to - from; row++) {
      for (const { series, ts, open, high, low, close, volume } of blocks) {
        lines.push(
          `{"ts":${ts[row]},"open":${open[row]},"high":${high[row]},"low":${low[row]},` +
            `"close":${close[row]},"volume":${volume[row]},"series":"${series}"}\n`,
        );
      }
    }
    bodies.push({ bytes: encoder.encode(lines.join("")), candles: lines.length });
  }
  return bodies;
}

function post(target: URL, agent: Agent, token: string | null, body: Body): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/x-ndjson",
      "content-length": body.bytes.length,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const sent = request(target, { method: "POST", agent, headers }, (reply) => {
      textOf(reply).then((text) => {
        const seconds = Number(reply.headers["retry-after"]);
        const retryAfterMs = seconds > 0 ? seconds * 1_000 : REFUSED_PAUSE_MS;
        resolve({ status: reply.statusCode ?? 0, text, retryAfterMs });
      }, reject);
    });
    sent.on("error", reject);
    sent.end(body.bytes);
  });
}

async function textOf(reply: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply) chunks.push(chunk);
  return new TextDecoder().decode(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).bytes());
}

/** All that the connections count together. */
class Account {
  candles = 0;
  requests = 0;
  bytes = 0;
  refused = 0;
  readonly errors: Record<string, number> = {};
  readonly latencyMs = new Histogram({ lowest: 1e-2, highest: 1e7 });

  error(text: string): void {
    this.errors[text] = (this.errors[text] ?? 0) + 1;
  }

  /** What an answer says is committed has to be what was sent. */
  committed(body: Body, text: string, tookMs: number): void {
    const { accepted, refused } = JSON.parse(text) as { accepted: number; refused: number };
    if (accepted !== body.candles || refused !== 0) {
      this.error(`accepted ${accepted} and refused ${refused} of ${body.candles}`);
    }
    this.candles += accepted;
    this.requests++;
    this.bytes += body.bytes.length;
    this.latencyMs.record(tookMs);
  }
}

async function until(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
}

/** Sends bodies one after the other, each when it is due; ends at the first that gets neither success nor refusal. */
async function connection(
  target: URL,
  token: string | null,
  bodies: readonly Body[],
  account: Account,
  dueMs: (candlesBefore: number) => number,
) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    let candles = 0;
    for (const body of bodies) {
      const atMs = dueMs(candles);
      await until(atMs);
      if (!await deliver(body, atMs === -Infinity ? performance.now() : atMs)) return;
      candles += body.candles;
    }
  } catch (error) {
    account.error(error instanceof Error ? error.message : String(error));
  } finally {
    agent.destroy();
  }

  async function deliver(body: Body, startMs: number): Promise<boolean> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { status, text, retryAfterMs } = await post(target, agent, token, body);
      if (status === 200) {
        account.committed(body, text, performance.now() - startMs);
        return true;
      }
      if (status !== 429 && status !== 503) {
        account.error(`${status} ${text.slice(0, 300)}`);
        return false;
      }
      account.refused++;
      await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
    }
    account.error(`refused ${TRIES_MAX} times`);
    return false;
  }
}

async function run(plan: IngestPlan, bodies: readonly Body[][]): Promise<IngestReport> {
  const account = new Account();
  const target = new URL(`/api/candles?bulk=${plan.bulk}`, plan.url);
  const startMs = performance.now();
  const { candlesPerSecond, connections } = plan;
  const share = candlesPerSecond === null ? null : candlesPerSecond / connections / 1_000;
  await Promise.all(bodies.map((own, at) => {
    // One after the other, as independent senders are most of the time.
    const first = share === null ? 0 : at / connections * (own[0]?.candles ?? 0) / share;
    const dueMs = (before: number) => share === null ? -Infinity : startMs + first + before / share;
    return connection(target, plan.token, own, account, dueMs);
  }));
  const tookMs = performance.now() - startMs;
  const { candles, requests, bytes, refused, errors, latencyMs } = account;
  const [p50 = 0, p99 = 0] = latencyMs.percentiles([0.5, 0.99]);
  return {
    candles,
    requests,
    tookMs,
    candlesPerSecond: candles / tookMs * 1_000,
    bytes,
    latencyMs: { p50, p99, max: Math.max(0, latencyMs.max) },
    refused,
    errors,
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const plan = workerData as IngestPlan;
  const market = new Market();
  const bodies = Array.from(
    { length: plan.connections },
    (_, at) => bodiesOf(market, plan, at),
  );
  port.postMessage("ready");
  port.once("message", () => {
    void run(plan, bodies).then((report) => port.postMessage(report));
  });
}
