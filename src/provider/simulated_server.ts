/**
 * The simulated provider as an HTTP server on this machine that answers in the shapes of EODHD: for
 * tests and trials of the `http` provider without an account.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Clock } from "../actor/clock.ts";
import { sleep } from "../feed/sleep.ts";
import type { Granularity } from "../market/granularity.ts";
import { isSymbol } from "../market/series.ts";
import { bulkAnswer, quoteAnswer, singleAnswer } from "./eodhd_answers.ts";
import { eodhdMapping } from "./eodhd.ts";
import { CALL_SYMBOLS_MAX, CALL_URL_CHARS_MAX } from "./limits.ts";
import { misbehave, type Misbehaviour } from "./misbehaviour.ts";
import type { EndpointInfo, SymbolResult } from "./port.ts";
import { type SimulatedOptions, type SimulatedPlan, simulatedPlan } from "./simulated_options.ts";
import { SimulatedUpstream, type UpstreamStats } from "./simulated_upstream.ts";
import { SimulatedValues } from "./simulated_values.ts";
import type { ProviderKind } from "./values.ts";

const DAY_MS = 86_400_000;

/** How the server is set up. */
export interface SimulatedServerOptions extends SimulatedOptions {
  /** Key that every call must carry; none unless said otherwise. */
  readonly key?: string;
}

/** A request as the server understood it. */
interface Asked {
  readonly endpoint: EndpointInfo;
  /** As in the URL, with their exchange. */
  readonly symbols: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly granularity: Granularity;
}

/** Names of EODHD's intraday intervals. */
const INTERVALS: Readonly<Record<string, Granularity>> = { "1m": "M1", "5m": "M5", "1h": "H1" };

/**
 * A server on 127.0.0.1.
 *
 * - latencies, failures and limits are those of the simulated provider, by the clock given
 * - `AAPL.US` has the values that the simulated provider has for `AAPL`, other exchanges those of
 *   the whole name
 * - a poison symbol answers 422 or 503; in a call for several, a row that cannot be read or 503
 */
export class SimulatedServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #plan: SimulatedPlan;
  readonly #key: string | null;
  readonly #upstream: SimulatedUpstream;
  readonly #values: SimulatedValues;
  readonly #endpoints = new Map(eodhdMapping().endpoints.map((one) => [one.name, one]));
  /** Ends the waits of calls under way. */
  readonly #closing = new AbortController();
  /** How the next calls are answered; null for as they should be. */
  misbehaviour: Misbehaviour | null = null;
  /** Targets of the requests so far, keys included, for tests; the last 1,000. */
  readonly targets: string[] = [];

  private constructor(clock: Clock, options: SimulatedServerOptions) {
    const { key, ...rest } = options;
    this.#clock = clock;
    this.#plan = simulatedPlan(rest);
    this.#key = key ?? null;
    this.#upstream = new SimulatedUpstream(this.#plan, clock.now());
    this.#values = new SimulatedValues(this.#plan);
    this.#server = createServer((request, response) => {
      // Whoever went away needs no answer, and a test server no other way to fail.
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  /** A server that listens on a port of the machine's choice. */
  static async listen(
    clock: Clock,
    options: SimulatedServerOptions = {},
  ): Promise<SimulatedServer> {
    const server = new SimulatedServer(clock, options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.#server.once("error", reject);
    server.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return server;
  }

  /** Host with port, as an allow-list wants it. */
  get host(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  /** Base URL of the API. */
  get baseUrl(): string {
    return `http://${this.host}/api`;
  }

  /** What reached it so far; calls that misbehaved are not among it. */
  stats(): UpstreamStats {
    return this.#upstream.stats();
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#closing.abort(new Error("The server was closed"));
    this.#server.closeAllConnections();
    await closed;
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? "";
    this.targets.push(target);
    if (this.targets.length > 1_000) this.targets.shift();
    const url = new URL(target, "http://127.0.0.1");
    const way = this.misbehaviour;
    const asked = target.length > CALL_URL_CHARS_MAX ? null : this.#asked(url);
    if (way !== null) {
      const { text } = asked === null ? { text: "[]" } : this.#body(asked);
      await misbehave(way, request, response, text, (ms) => this.#wait(ms));
    } else if (this.#key !== null && url.searchParams.get("api_token") !== this.#key) {
      answer(response, 401, { message: "Unauthenticated" });
    } else if (asked === null) answer(response, 400, { message: "Bad request" });
    else await this.#serve(asked, response);
  }

  /** Rejects when the server closes, so that no timer outlives it. */
  #wait(ms: number): Promise<void> {
    return sleep(this.#clock, ms, this.#closing.signal);
  }

  async #serve(asked: Asked, response: ServerResponse): Promise<void> {
    const { endpoint, symbols } = asked;
    const number = this.#upstream.next();
    await this.#wait(this.#upstream.transitMs(number));
    const isPoisoned = symbols.some((symbol) =>
      this.#plan.poison.get(ownSymbol(symbol)) === "transient"
    );
    const nowMs = this.#clock.now();
    const arrival = this.#upstream.arrive(number, endpoint, symbols.length, nowMs, isPoisoned);
    if (arrival.state === "hangs") return;
    await this.#wait(arrival.afterMs);
    const headers = this.#limitHeaders();
    if (arrival.state === "limited") {
      const seconds = String(Math.ceil(arrival.retryAfterMs / 1_000));
      answer(response, 429, { message: "Too many" }, { ...headers, "retry-after": seconds });
    } else if (arrival.state === "failed") answer(response, 503, { message: "Later" }, headers);
    else {
      const { status, text } = this.#body(asked);
      answer(response, status, text, headers);
    }
  }

  /** What a URL asks for; null for what is no call of the API. */
  #asked(url: URL): Asked | null {
    const [, route = "", last = ""] = /^\/api\/([\w-]+)(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    const query = url.searchParams;
    const found = this.#endpointOf(route, query);
    if (found === undefined) return null;
    const [name, granularity] = found;
    const endpoint = this.#endpoints.get(name);
    const symbols = symbolsOf(name, decodeURIComponent(last), query);
    if (endpoint === undefined || symbols.length === 0) return null;
    if (symbols.length > CALL_SYMBOLS_MAX || !symbols.every(isSymbol)) return null;
    const times = timesOf(query, this.#clock.wallNow());
    return times === null ? null : { endpoint, symbols, granularity, ...times };
  }

  #endpointOf(route: string, query: URLSearchParams): [name: string, bar: Granularity] | undefined {
    switch (route) {
      case "eod":
        return ["eod", query.get("period") === "w" ? "W" : "D"];
      case "eod-bulk-last-day":
        return ["eod_bulk", "D"];
      case "intraday": {
        const interval = query.get("interval") ?? "";
        const bar = INTERVALS[interval];
        return bar === undefined ? undefined : [`intraday_${interval}`, bar];
      }
      case "real-time":
        return ["real_time", "D"];
      case "div":
        return ["div", "D"];
      case "fundamentals":
        return query.get("filter") === "General"
          ? ["fundamentals_general", "D"]
          : ["fundamentals", "D"];
      case "news":
        return ["news", "D"];
      default:
        return undefined;
    }
  }

  #body(asked: Asked): { readonly status: number; readonly text: string } {
    const { endpoint, symbols, fromMs, toMs, granularity } = asked;
    const { kind, name } = endpoint;
    const resultOf = (symbol: string) =>
      this.#values.result(ownSymbol(symbol), { kind, fromMs, toMs, granularity });
    if (name === "eod_bulk" || symbols.length > 1) {
      const rows = symbols.flatMap((symbol) => rowOf(name, symbol, resultOf(symbol)));
      return { status: 200, text: JSON.stringify(rows) };
    }
    const symbol = symbols[0] ?? "";
    const result = resultOf(symbol);
    if (result.state === "error") return { status: 422, text: "{}" };
    // A symbol that is known and has no bars answers an empty list.
    const isKnown = !this.#plan.unknown.has(ownSymbol(symbol));
    if (result.state === "missing") {
      return isKnown && kind === "prices" ? { status: 200, text: "[]" } : { status: 404, text: "" };
    }
    const body = singleAnswer<ProviderKind>(kind, symbol, result.value, name.startsWith("intra"));
    return { status: 200, text: JSON.stringify(body) };
  }

  #limitHeaders(): Readonly<Record<string, string>> {
    const [limit] = this.#plan.limits;
    if (limit === undefined) return {};
    return {
      "x-ratelimit-limit": String(limit.max),
      "x-ratelimit-remaining": String(this.#upstream.left(this.#clock.now())),
    };
  }
}

/** The name by which the simulated provider knows a symbol of the API. */
function ownSymbol(symbol: string): string {
  return symbol.endsWith(".US") ? symbol.slice(0, -3) : symbol;
}

function symbolsOf(name: string, last: string, query: URLSearchParams): readonly string[] {
  const list = (parameter: string) => query.get(parameter)?.split(",").filter(Boolean) ?? [];
  if (name === "eod_bulk") return list("symbols").map((code) => `${code}.${last}`);
  if (name === "news") return list("s");
  return [last, ...(name === "real_time" ? list("s") : [])];
}

/** The time asked for: by days, both included, by seconds, or one date; a year by default. */
function timesOf(query: URLSearchParams, wallNowMs: number) {
  const parse = (text: string) => /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
  const date = query.get("date");
  const from = date ?? query.get("from");
  const to = date ?? query.get("to");
  const fromMs = from === null ? wallNowMs - 365 * DAY_MS : parse(from);
  const lastMs = to === null ? wallNowMs : parse(to);
  const toMs = lastMs + (to === null || /^\d+$/.test(to) ? 1_000 : DAY_MS);
  return Number.isNaN(fromMs) || Number.isNaN(toMs) ? null : { fromMs, toMs };
}

/** The row of one symbol in an answer for several; none for one without data. */
function rowOf(name: string, symbol: string, result: SymbolResult): readonly unknown[] {
  const dot = symbol.lastIndexOf(".");
  const [code, exchange] = [symbol.slice(0, dot), symbol.slice(dot + 1)];
  const isBulk = name === "eod_bulk";
  if (result.state === "missing") return isBulk ? [] : [{ code: symbol, close: "NA" }];
  if (result.state === "error") return [{ code: isBulk ? code : symbol, date: 0, close: [] }];
  const { value } = result;
  if (isBulk && "candles" in value) return [bulkAnswer(code, exchange, value)];
  return "price" in value ? [quoteAnswer(symbol, value)] : [];
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}
