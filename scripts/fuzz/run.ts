/**
 * Sends fuzzed requests over real sockets, in lanes of one connection each, and judges the answers.
 *
 * @module
 */

import { Agent, request } from "node:http";
import { seededRandom } from "../../src/actor/mod.ts";
import type { Json } from "../../src/http/openapi.ts";
import type { Schema } from "./grammar.ts";
import { Model } from "./model.ts";
import { type FuzzRequest, RequestMaker } from "./requests.ts";

/** A service to be fuzzed; it must be empty. */
export interface FuzzTarget extends AsyncDisposable {
  /** Base URL. */
  readonly url: string;
  /** Messages that must not be sent, as `protocol.type`: those that are meant to fail. */
  readonly skip: readonly string[];
}

/** What a run came to. */
export interface FuzzReport {
  readonly requests: number;
  /** Bodies that were valid by grammar. */
  readonly valid: number;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Longest wait for an answer, ms. */
  readonly slowestMs: number;
  /** Candles that the store and the model hold. */
  readonly candles: number;
  /** What went wrong; nothing on success. */
  readonly failures: readonly string[];
}

const LANES = 4;
/** An answer that takes longer is a hang. */
const HANG_MS = 10_000;
const FAILURES_MAX = 20;

/** Sends `count` requests. */
export async function fuzz(target: FuzzTarget, count: number, seed: number): Promise<FuzzReport> {
  const run = new Run(target);
  const api = await run.json("/openapi.json");
  const lanes = Array.from(
    { length: LANES },
    (_, lane) => run.lane(api, lane, count / LANES, seed),
  );
  await Promise.all(lanes);
  await run.compare();
  const { status } = await run.send("GET", "/healthz");
  if (status !== 200) run.fail(`healthz says ${status} afterwards`);
  run.close();
  return run.report();
}

class Run {
  readonly #target: FuzzTarget;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: LANES });
  readonly #model = new Model();
  readonly #statuses = new Map<number, number>();
  readonly #failures: string[] = [];
  #requests = 0;
  #valid = 0;
  #slowestMs = 0;
  #candles = 0;

  constructor(target: FuzzTarget) {
    this.#target = target;
  }

  async lane(api: Json, lane: number, count: number, seed: number): Promise<void> {
    const components = api.components as { schemas: Record<string, Schema> };
    const random = seededRandom(seed * LANES + lane);
    const maker = new RequestMaker({
      random,
      lane,
      schemas: components.schemas,
      actors: actorsOf(api),
      skip: new Set(this.#target.skip),
      model: this.#model,
    });
    for (let i = 0; i < count && this.#failures.length < FAILURES_MAX; i++) {
      await this.#one(maker.next(), `seed ${seed} lane ${lane} request ${i}`);
    }
  }

  async #one(fuzzed: FuzzRequest, where: string): Promise<void> {
    const { method, path, headers, body, isValid, judge } = fuzzed;
    const startMs = performance.now();
    const answer = await this.send(method, path, headers, body);
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
    this.#requests++;
    if (isValid) this.#valid++;
    this.#statuses.set(answer.status, (this.#statuses.get(answer.status) ?? 0) + 1);
    const wrong = answer.status === 0
      ? `no answer: ${answer.body}`
      : answer.status >= 500
      ? "a status of 5xx"
      : judge(answer.status, answer.body) ?? problemComplaint(answer);
    if (wrong === null) return;
    const shown = headers["content-encoding"] === undefined
      ? new TextDecoder().decode(body).slice(0, 400)
      : "gzip";
    this.fail(
      `${where}: ${method} ${path}: ${wrong}: got ${answer.status} ${
        answer.body.slice(0, 300)
      } for ${shown}`,
    );
  }

  /** The store must hold what the model does, read over HTTP. */
  async compare(): Promise<void> {
    const { candles, levels, instruments } = this.#model;
    const list = await this.json("/api/series") as { series: { series: string; count: number }[] };
    const known = [...candles.keys()].sort();
    const found = list.series.map(({ series }) => series).sort();
    if (known.join() !== found.join()) this.fail(`series: expected ${known}: got ${found}`);
    for (const [series, rows] of candles) {
      const page = await this.json(
        `/api/candles?limit=10000&series=${encodeURIComponent(series)}`,
      ) as { rows: Json[] };
      const expected = [...rows.values()].sort((a, b) => Number(a[0]) - Number(b[0]));
      const got = page.rows.map((row) => Object.values(row));
      // Damage may take a name's lane away: then it is open which lane came last, but not at what times.
      const columns = this.#model.isShared(series) ? 1 : expected[0]?.length;
      const cut = (rows: readonly (readonly unknown[])[]) =>
        rows.map((row) => row.slice(0, columns));
      if (!isSame(cut(expected), cut(got))) this.fail(`${series}: candles differ`);
      this.#candles += expected.length;
    }
    for (const [symbol, expected] of levels) {
      const { levels } = await this.json(`/api/levels?symbol=${symbol}`) as Json;
      if (!isSame(expected, levels)) this.fail(`levels of ${symbol} differ`);
    }
    for (const [symbol, expected] of instruments) {
      const got = await this.json(`/api/instruments/${symbol}`) as Json;
      for (const [name, value] of Object.entries(expected)) {
        if (!isSame(value, got[name])) this.fail(`instrument ${symbol}: ${name} differs`);
      }
    }
  }

  async json(path: string): Promise<Json> {
    const { status, body } = await this.send("GET", path);
    if (status !== 200) throw new Error(`Cannot read ${path}: expected 200: got ${status} ${body}`);
    return JSON.parse(body);
  }

  /** Status 0 = no answer. */
  send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body: Uint8Array = new Uint8Array(),
  ): Promise<{ status: number; type: string; body: string }> {
    return new Promise((resolve) => {
      const none = (why: string) => resolve({ status: 0, type: "", body: why });
      const options = {
        method,
        agent: this.#agent,
        headers: { ...headers, "content-length": String(body.length) },
        timeout: HANG_MS,
      };
      const sent = request(new URL(path, this.#target.url), options, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => text += part);
        answer.on("end", () => {
          const type = answer.headers["content-type"] ?? "";
          resolve({ status: answer.statusCode ?? 0, type, body: text });
        });
        answer.on("error", (error) => none(error.message));
      });
      sent.on("timeout", () => sent.destroy(new Error("it hangs")));
      sent.on("error", (error) => none(error.message));
      sent.end(body);
    });
  }

  fail(what: string): void {
    this.#failures.push(what);
  }

  close(): void {
    this.#agent.destroy();
  }

  report(): FuzzReport {
    return {
      requests: this.#requests,
      valid: this.#valid,
      statuses: this.#statuses,
      slowestMs: this.#slowestMs,
      candles: this.#candles,
      failures: this.#failures,
    };
  }
}

/** Every error must be a problem document with a code. */
function problemComplaint({ status, type, body }: { status: number; type: string; body: string }) {
  if (status < 400) return null;
  if (type !== "application/problem+json") return `an error of type ${type}`;
  const { code, status: said } = JSON.parse(body);
  return typeof code === "string" && said === status ? null : "a problem without a code";
}

function actorsOf(api: Json): { path: string; protocol: string }[] {
  return Object.entries(api.paths as Record<string, Json>).flatMap(([path, item]) => {
    const found = /^\/api\/actors\/([^{]+)\/messages$/.exec(path)?.[1];
    const body = JSON.stringify((item.post as Json | undefined)?.requestBody);
    const protocol = /schemas\/message\.(\w+)"/.exec(body ?? "")?.[1];
    return found === undefined || protocol === undefined ? [] : [{ path: found, protocol }];
  });
}

/** The same JSON, whatever the order of names. */
function isSame(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
        Object.entries(value).sort(([x], [y]) => x < y ? -1 : 1).map(([k, v]) => [k, sorted(v)]),
      )
      : Array.isArray(value)
      ? value.map(sorted)
      : value;
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}
