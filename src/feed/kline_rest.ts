/**
 * The REST interface of the exchange: its time, and klines of the past, within what it allows.
 *
 * Every call costs *weight*, which the exchange counts by address and minute. The client stays within
 * a budget of its own, looks at what the answers say was used (`X-MBX-USED-WEIGHT-1M`), and makes no
 * call at all while it was told to wait (429, and 418 for who goes on nevertheless) or after failures.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import { parseRetryAfter } from "../provider/retry_after.ts";
import { SlidingWindow } from "../provider/sliding_window.ts";
import { backoffMs, SOURCE_BACKOFF } from "./backoff.ts";
import type { KlineSeries } from "./kline_series.ts";

/** Most klines of an answer. */
export const KLINE_ANSWER_ROWS_MAX = 1_000;

/** Weight of a call for klines; that for the time costs less and is counted as much. */
const CALL_WEIGHT = 2;
/** Weight that the exchange allows an address in a minute; others may call from it as well. */
const EXCHANGE_WEIGHT = 6_000;
/** Share of it at which calls wait for the next minute, whoever used it. */
const USED_SHARE_MAX = 0.8;
const MINUTE_MS = 60_000;
/** Most bytes of an answer: 1,000 klines are 200 kB. */
const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** Pauses where the answer does not say how long, ms; bans begin with two minutes. */
const PAUSE_MS = { 429: MINUTE_MS, 418: 2 * MINUTE_MS } as const;
/** Doublings after which the pause grows no more. */
const BACKOFF_COUNT_MAX = 6;
/** Code of an error that says that there is no such symbol. */
const UNKNOWN_SYMBOL = -1121;

/** How to make a request; `globalThis.fetch` is one. */
export type KlineFetch = (url: URL, init: RequestInit) => Promise<Response>;

/** Why there is no answer. Its text holds nothing that the other side wrote. */
export class KlineRestError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "KlineRestError";
  /** `unknown_symbol`, `limited` when told to wait, `failed`. */
  readonly code: "unknown_symbol" | "limited" | "failed";

  /** What the call expected, and what came. */
  constructor(code: KlineRestError["code"], expected: string, found: string) {
    super(`expected ${expected}: current value is ${found}`);
    this.code = code;
  }
}

/** How the client is set up. */
export interface KlineRestOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Base URL: `https://api.binance.com`. */
  readonly baseUrl: string;
  readonly klinesPath: string;
  readonly timePath: string;
  readonly weightPerMinute: number;
  readonly timeoutMs: number;
  readonly fetch: KlineFetch;
}

/** See the module's text. */
export class KlineRest {
  readonly #options: KlineRestOptions;
  readonly #window: SlidingWindow;
  #pausedUntilMs = -Infinity;
  /** Failures in a row; calls that were answered. */
  failures = 0;
  calls = 0;
  lastError: string | null = null;
  /** Weight that the exchange last said was used in the minute; null before. */
  usedWeight: number | null = null;

  /** Nothing is called yet. */
  constructor(options: KlineRestOptions) {
    this.#options = options;
    const calls = Math.max(1, Math.floor(options.weightPerMinute / CALL_WEIGHT));
    this.#window = new SlidingWindow(calls, MINUTE_MS);
  }

  /** Time until a call may be made, ms. */
  waitMs(): number {
    const nowMs = this.#options.clock.now();
    return Math.max(this.#pausedUntilMs - nowMs, this.#window.waitMs(nowMs), 0);
  }

  /** The exchange's time, epoch ms. @throws {KlineRestError} */
  async time(signal: AbortSignal): Promise<number> {
    const value = await this.#get(new URL(this.#options.timePath, this.#options.baseUrl), signal);
    const time = (value as { serverTime?: unknown } | null)?.serverTime;
    if (typeof time !== "number" || !Number.isSafeInteger(time) || time <= 0) {
      throw this.#failed("a serverTime", "another answer");
    }
    this.#answered();
    return time;
  }

  /**
   * Klines that open at `fromMs` or later, oldest first, the one that still goes on included.
   *
   * @throws {KlineRestError}
   */
  async klines(
    { symbol, interval }: KlineSeries,
    fromMs: number,
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const url = new URL(this.#options.klinesPath, this.#options.baseUrl);
    const limit = String(KLINE_ANSWER_ROWS_MAX);
    url.search = String(new URLSearchParams({ symbol, interval, startTime: `${fromMs}`, limit }));
    const value = await this.#get(url, signal);
    if (!Array.isArray(value)) throw this.#failed("a list of klines", "another answer");
    this.#answered();
    return value.slice(0, KLINE_ANSWER_ROWS_MAX);
  }

  async #get(url: URL, outer: AbortSignal): Promise<unknown> {
    const { clock, timeoutMs, fetch } = this.#options;
    this.#window.accept(clock.now());
    const timeout = new AbortController();
    const cancel = clock.setTimer(timeoutMs, () => timeout.abort());
    const signal = AbortSignal.any([outer, timeout.signal]);
    try {
      const headers = { accept: "application/json" };
      const response = await fetch(url, { redirect: "manual", headers, signal });
      try {
        return await this.#answer(response);
      } finally {
        if (!response.bodyUsed) await response.body?.cancel().catch(() => {});
      }
    } catch (error) {
      if (outer.aborted) throw outer.reason;
      if (error instanceof KlineRestError) throw error;
      // Messages of failed requests name URLs; what is known is enough.
      const late = timeout.signal.aborted;
      throw this.#failed(
        late ? `an answer within ${timeoutMs} ms` : `an answer of ${url.host}`,
        late ? "none" : "no connection or a broken one",
      );
    } finally {
      cancel();
    }
  }

  #answered(): void {
    this.calls++;
    this.failures = 0;
    this.lastError = null;
  }

  async #answer(response: Response): Promise<unknown> {
    const { status, headers } = response;
    this.#noteWeight(headers.get("x-mbx-used-weight-1m"));
    if (status === 429 || status === 418) throw this.#limited(status, headers.get("retry-after"));
    // Errors have a JSON body too; nothing but the code is of use.
    if (status !== 200 && status !== 400) throw this.#failed("status 200", `status ${status}`);
    let value: unknown;
    try {
      value = JSON.parse(await boundedText(response));
    } catch (error) {
      if (error instanceof SyntaxError) throw this.#failed("JSON", "other text");
      if (error instanceof RangeError) throw this.#failed(`up to ${BODY_BYTES_MAX} bytes`, "more");
      throw error;
    }
    if (status === 200) return value;
    const code = (value as { code?: unknown } | null)?.code;
    if (code !== UNKNOWN_SYMBOL) throw this.#failed("status 200", "status 400");
    this.#answered();
    throw new KlineRestError("unknown_symbol", "a symbol of the exchange", `error ${code}`);
  }

  #noteWeight(text: string | null): void {
    if (text === null || !/^\d{1,9}$/.test(text)) return;
    this.usedWeight = Number(text);
    if (this.usedWeight < EXCHANGE_WEIGHT * USED_SHARE_MAX) return;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#options.clock.now() + MINUTE_MS);
  }

  #limited(status: 429 | 418, retryAfter: string | null): KlineRestError {
    const { clock } = this.#options;
    const toldMs = parseRetryAfter(retryAfter, clock.wallNow());
    const doublings = Math.min(this.failures, BACKOFF_COUNT_MAX);
    const pauseMs = Math.max(toldMs ?? PAUSE_MS[status] * 2 ** doublings, 1_000);
    return this.#fail("limited", "status 200", `status ${status}`, pauseMs);
  }

  #failed(expected: string, found: string): KlineRestError {
    const count = Math.min(this.failures, BACKOFF_COUNT_MAX);
    const pauseMs = backoffMs(count, SOURCE_BACKOFF, this.#options.random);
    return this.#fail("failed", expected, found, pauseMs);
  }

  #fail(
    code: KlineRestError["code"],
    expected: string,
    found: string,
    pauseMs: number,
  ): KlineRestError {
    this.failures++;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#options.clock.now() + pauseMs);
    const error = new KlineRestError(code, expected, found);
    this.lastError = error.message;
    return error;
  }
}

/** The body as text. @throws {RangeError} beyond {@linkcode BODY_BYTES_MAX}. */
async function boundedText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new RangeError("Cannot read answer: it is too large");
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}
