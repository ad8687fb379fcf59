/**
 * A provider behind an HTTP API, by a mapping of its endpoints. Each call has a deadline and goes
 * through a circuit breaker (both of cockatiel); trying again is left to whoever calls.
 *
 * @module
 */

import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleWhenResult,
  timeout,
  TimeoutStrategy,
} from "cockatiel";
import type { Clock } from "../actor/clock.ts";
import { failure, type ProviderFailure } from "./error.ts";
import { assertBaseUrl } from "./http_base.ts";
import { type Fetch, getJson, type HttpOutcome } from "./http_call.ts";
import { keyMask } from "./http_key.ts";
import { type AnyHttpEndpoint, assertMapping, callUrl, type HttpMapping } from "./http_mapping.ts";
import {
  BODY_BYTES_DEFAULT,
  CALL_TIMEOUT_MS_DEFAULT,
  CIRCUIT_FAILURES_DEFAULT,
  CIRCUIT_PAUSE_MS_DEFAULT,
} from "./limits.ts";
import {
  type CallFacts,
  checkedEndpoint,
  costOf,
  type DataProvider,
  type EndpointInfo,
  type ProviderAnswer,
  type ProviderCapabilities,
  type ProviderDetail,
  type ProviderLimit,
  type ProviderRequest,
  type SymbolResult,
} from "./port.ts";
import type { ProviderKind } from "./values.ts";

/** How an HTTP provider is set up. */
export interface HttpProviderOptions {
  /** Name of the provider. */
  readonly name: string;
  /** Its API. */
  readonly mapping: HttpMapping;
  /** Base URL; the mapping's first unless said otherwise. */
  readonly baseUrl?: string;
  /** Hosts, with the port where it is not the scheme's, that it may be at beside the mapping's. */
  readonly hosts?: readonly string[];
  /** The key itself, see `readKey`; null for none. */
  readonly key: string | null;
  /** Limits, where a plan has others than the mapping says. */
  readonly limits?: readonly ProviderLimit[];
  /** Longest time of a call, ms. */
  readonly timeoutMs?: number;
  /** Most bytes of an answer, unpacked. */
  readonly bodyBytesMax?: number;
  /** Transient failures in a row that open the circuit. */
  readonly circuitFailures?: number;
  /** How long an open circuit lets no call through, ms. */
  readonly circuitPauseMs?: number;
  /** Makes the requests; `globalThis.fetch` unless said otherwise. */
  readonly fetch?: Fetch;
}

/** An outcome, or that the caller gave up. */
type Ended = HttpOutcome | "aborted";

/**
 * A provider behind an HTTP API.
 *
 * - it calls hosts of the allow-list only, also when an answer redirects
 * - the key stands in the request alone: no error, fact or detail holds it
 * - while the circuit is open, calls fail at once with code `open` and a wait; afterwards one call
 *   at a time is let through until one succeeds
 *
 * @throws {ProviderError} code `options`.
 */
export function httpProvider(clock: Clock, options: HttpProviderOptions): DataProvider {
  return new HttpProvider(clock, options);
}

class HttpProvider implements DataProvider {
  readonly name: string;
  readonly capabilities: ProviderCapabilities;
  readonly #clock: Clock;
  readonly #options: HttpProviderOptions;
  readonly #baseUrl: string;
  readonly #bodyBytesMax: number;
  readonly #timeoutMs: number;
  readonly #circuit: CircuitBreakerPolicy;
  readonly #circuitPauseMs: number;
  readonly #fetch: Fetch;
  readonly #mask: (text: string) => string;
  #closing = new AbortController();
  #openedAtMs = 0;
  #calls = 0;
  #underWay = 0;

  constructor(clock: Clock, options: HttpProviderOptions) {
    const { mapping, hosts = [] } = options;
    assertMapping(mapping);
    this.name = options.name;
    this.#clock = clock;
    this.#options = options;
    this.#baseUrl = assertBaseUrl(options.baseUrl ?? mapping.baseUrls[0], [
      ...mapping.baseUrls.map((url) => new URL(url).host),
      ...hosts,
    ]);
    this.#bodyBytesMax = options.bodyBytesMax ?? BODY_BYTES_DEFAULT;
    this.#timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT;
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#mask = keyMask(options.key);
    this.#circuitPauseMs = options.circuitPauseMs ?? CIRCUIT_PAUSE_MS_DEFAULT;
    const isBad = (ended: unknown) =>
      // An abort says nothing about the provider, so it must not close the circuit either.
      ended === "aborted" ? this.#circuit.state === CircuitState.HalfOpen : isTransient(ended);
    this.#circuit = circuitBreaker(handleWhenResult(isBad), {
      halfOpenAfter: this.#circuitPauseMs,
      breaker: new ConsecutiveBreaker(options.circuitFailures ?? CIRCUIT_FAILURES_DEFAULT),
    });
    this.#circuit.onBreak(() => this.#openedAtMs = clock.now());
    this.capabilities = {
      endpoints: mapping.endpoints.map(infoOf),
      limits: options.limits ?? mapping.limits,
    };
  }

  async fetch<K extends ProviderKind>(request: ProviderRequest<K>): Promise<ProviderAnswer<K>> {
    const endpoint = checkedEndpoint(this, this.#options.mapping.endpoints, request);
    const url = callUrl(this.#baseUrl, endpoint, request);
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    signal.throwIfAborted();
    const startMs = this.#clock.now();
    this.#underWay++;
    try {
      const ended = await this.#call(endpoint, url, request, signal);
      if (ended === "aborted") throw signal.reason;
      const { symbols } = request;
      return this.#answer(request, endpoint, ended, {
        endpoint: endpoint.name,
        keys: symbols.length,
        cost: costOf(endpoint, symbols.length),
        tookMs: this.#clock.now() - startMs,
        status: ended.status,
        limitHeaders: this.#masked(ended.limitHeaders),
      });
    } finally {
      this.#underWay--;
    }
  }

  groupOf(endpoint: EndpointInfo, symbol: string): string {
    const mapped = this.#options.mapping.endpoints.find(({ name }) => name === endpoint.name);
    return mapped?.groupOf(symbol) ?? "";
  }

  detail(): ProviderDetail {
    return {
      mapping: this.#options.mapping.name,
      baseUrl: this.#baseUrl,
      circuit: CircuitState[this.#circuit.state]?.toLowerCase() ?? "",
      calls: this.#calls,
      underWay: this.#underWay,
    };
  }

  close(): Promise<void> {
    this.#closing.abort(new DOMException("The provider was closed", "AbortError"));
    this.#closing = new AbortController();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Through the circuit, within the time of the call. */
  async #call(
    endpoint: AnyHttpEndpoint,
    url: URL,
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Ended> {
    const what = `${endpoint.name} of ${request.symbols.length} symbols from ${this.name}`;
    const pauseMs = this.#openedAtMs + this.#circuitPauseMs - this.#clock.now();
    // Beside the one call that tries a half-open circuit, cockatiel would let others wait unseen.
    const { state } = this.#circuit;
    if (state === CircuitState.HalfOpen || (state === CircuitState.Open && pauseMs > 0)) {
      return unanswered("open", what, "expected a closed circuit", "open", Math.max(0, pauseMs));
    }
    try {
      return await this.#circuit.execute(() => this.#within(what, url, request, signal));
    } catch (error) {
      // What is thrown past `#within` is cockatiel's own refusal.
      if (this.#circuit.state !== CircuitState.Open) throw error;
      return unanswered("open", what, "expected a closed circuit", "open", Math.max(0, pauseMs));
    }
  }

  async #within(
    what: string,
    url: URL,
    request: ProviderRequest,
    outer: AbortSignal,
  ): Promise<Ended> {
    const timeoutMs = request.timeoutMs ?? this.#timeoutMs;
    const { auth } = this.#options.mapping;
    const { key } = this.#options;
    const headers: Record<string, string> = {};
    let authed = url;
    if (key !== null && auth.in === "query") {
      // Appended as text: `searchParams` would write the whole query anew.
      const start = url.search === "" ? "?" : "&";
      authed = new URL(`${url}${start}${auth.name}=${encodeURIComponent(auth.prefix + key)}`);
    } else if (key !== null) headers[auth.name] = auth.prefix + key;
    this.#calls++;
    const deadline = timeout(timeoutMs, TimeoutStrategy.Cooperative);
    const isLate = { value: false };
    deadline.onTimeout(() => isLate.value = !outer.aborted);
    // Cooperative: the body is read with the signal too, so nothing is left open behind.
    const outcome = await deadline.execute(({ signal }) =>
      getJson({
        url: authed,
        headers,
        bodyBytesMax: this.#bodyBytesMax,
        what,
        wallNowMs: this.#clock.wallNow(),
        signal,
        fetch: this.#fetch,
      }), outer);
    if (outer.aborted) return "aborted";
    // An answer that made it in spite of the signal is an answer.
    if (!isLate.value || outcome.result.state !== "failed") return outcome;
    return unanswered("timeout", what, `expected an answer within ${timeoutMs} ms`, "none");
  }

  #answer<K extends ProviderKind>(
    request: ProviderRequest<K>,
    endpoint: AnyHttpEndpoint,
    { result }: HttpOutcome,
    facts: CallFacts,
  ): ProviderAnswer<K> {
    if (result.state === "failed") {
      return { state: "failed", failure: this.#maskedFailure(result.failure), facts };
    }
    if (result.state === "not_found") {
      return {
        state: "answered",
        results: request.symbols.map(() => ({ state: "missing" })),
        facts,
      };
    }
    // `checkedEndpoint` answers with an endpoint of the kind that was asked for.
    const reading = endpoint.read(result.value, request as never);
    if (!Array.isArray(reading)) {
      const failed = reading as ProviderFailure;
      return { state: "failed", failure: this.#maskedFailure(failed), facts };
    }
    const results = (reading as readonly SymbolResult<K>[]).map((one) =>
      one.state === "error" ? { ...one, failure: this.#maskedFailure(one.failure) } : one
    );
    return { state: "answered", results, facts };
  }

  #maskedFailure(given: ProviderFailure): ProviderFailure {
    return { ...given, message: this.#mask(given.message) };
  }

  #masked(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [this.#mask(name), this.#mask(value)]),
    );
  }
}

function isTransient(ended: unknown): boolean {
  const { result } = ended as HttpOutcome;
  return result.state === "failed" && result.failure.class === "transient";
}

/** An outcome without an answer. */
function unanswered(
  code: "open" | "timeout",
  what: string,
  expected: string,
  found: string,
  retryAfterMs: number | null = null,
): HttpOutcome {
  const message = `Cannot fetch ${what}: ${expected}: current value is ${found}`;
  const failed = failure(code, message, retryAfterMs);
  return { status: null, limitHeaders: {}, result: { state: "failed", failure: failed } };
}

/** What a caller sees of an endpoint. */
function infoOf(endpoint: AnyHttpEndpoint): EndpointInfo {
  const { name, kind, symbolsMax, costPerCall, costPerKey, spanMsMax, granularities } = endpoint;
  return { name, kind, symbolsMax, costPerCall, costPerKey, spanMsMax, granularities };
}
