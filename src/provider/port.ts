/**
 * The port behind which every upstream data provider stands. One `fetch` is one call upstream, for
 * one symbol or for as many as its endpoint takes at once; what came of it is told symbol by
 * symbol, so that one bad symbol does not cost the others their answer. Retries, limits and the
 * grouping of keys into calls are decided by whoever calls (`src/batch`, `grouping.ts`).
 *
 * Every implementation passes one suite: `tests/provider/conformance.ts`.
 *
 * @module
 */

import type { Granularity } from "../market/granularity.ts";
import { isSymbol } from "../market/series.ts";
import { ProviderError, type ProviderFailure } from "./error.ts";
import { CALL_TIMEOUT_MS_MAX } from "./limits.ts";
import { PROVIDER_KINDS, type ProviderKind, type ProviderValues } from "./values.ts";

/** One call. */
export interface ProviderRequest<K extends ProviderKind = ProviderKind> {
  /** Kind of data. */
  readonly kind: K;
  /** Name of an endpoint of that kind; the first that takes the request unless said otherwise. */
  readonly endpoint?: string;
  /** Symbols, each once, all of one {@linkcode DataProvider.groupOf} where there are several. */
  readonly symbols: readonly string[];
  /** Begin of the time asked for, epoch ms, included; kinds without a past ignore it. */
  readonly fromMs: number;
  /** End of it, not included; the state at that time where a kind has one. */
  readonly toMs: number;
  /** Bar length of prices; other kinds ignore it. */
  readonly granularity: Granularity;
  /** Longest time of the call, ms; the provider's own unless said otherwise. */
  readonly timeoutMs?: number;
  /** Ends the call: `fetch` rejects with its reason. Upstream the call may count all the same. */
  readonly signal: AbortSignal;
}

/** What came of one symbol. */
export type SymbolResult<K extends ProviderKind = ProviderKind> =
  | { readonly state: "ok"; readonly value: ProviderValues[K] }
  /** The provider knows no such symbol, or has no candle, no trade, no figures of it. */
  | { readonly state: "missing" }
  | { readonly state: "error"; readonly failure: ProviderFailure };

/** What a call was, whatever came of it. */
export interface CallFacts {
  /** Endpoint that was called. */
  readonly endpoint: string;
  /** Symbols that it was called for. */
  readonly keys: number;
  /** What it takes from the quota, in the provider's units. */
  readonly cost: number;
  /** From the call to its result, ms. */
  readonly tookMs: number;
  /** Status of the answer; null where none came. */
  readonly status: number | null;
  /**
   * Retry-After and the X-RateLimit family, raw, by name in lower case: for the limiter. At most
   * `LIMIT_HEADERS_MAX`.
   */
  readonly limitHeaders: Readonly<Record<string, string>>;
}

/** What came of a call: results in the order of the symbols, or why there are none. */
export type ProviderAnswer<K extends ProviderKind = ProviderKind> =
  | {
    readonly state: "answered";
    readonly results: readonly SymbolResult<K>[];
    readonly facts: CallFacts;
  }
  | { readonly state: "failed"; readonly failure: ProviderFailure; readonly facts: CallFacts };

/** A limit that the provider sets. */
export interface ProviderLimit {
  /** What is counted: calls, or their cost. */
  readonly counts: "calls" | "cost";
  /** Most of it within any window. */
  readonly max: number;
  /** Length of the window, ms. */
  readonly windowMs: number;
}

/** One way to ask for a kind of data. */
export interface EndpointInfo {
  /** Name in reports and metrics. */
  readonly name: string;
  /** Kind of data that it answers with. */
  readonly kind: ProviderKind;
  /** Most symbols of a call. */
  readonly symbolsMax: number;
  /** Cost of a call is `costPerCall + costPerKey · symbols`. */
  readonly costPerCall: number;
  /** See `costPerCall`. */
  readonly costPerKey: number;
  /** Longest time that can be asked for at once, ms; null for any. */
  readonly spanMsMax: number | null;
  /** Bar lengths of prices; empty for other kinds. */
  readonly granularities: readonly Granularity[];
}

/** What a provider can do. */
export interface ProviderCapabilities {
  /** Its endpoints; of those that take a request, the first is used. */
  readonly endpoints: readonly EndpointInfo[];
  /** The limits that it sets; what it says in headers comes on top. */
  readonly limits: readonly ProviderLimit[];
}

/** What a provider says about itself, by names that carry their unit last; never holds a secret. */
export type ProviderDetail = Readonly<Record<string, string | number | boolean | null>>;

/**
 * An upstream data provider.
 *
 * - `fetch` is one call upstream, never more: there is no hidden retry and no hidden paging
 * - what the provider does is a result; only a broken promise and an abort are thrown
 * - no text of a result, an error or `detail` holds a key
 * - values are new with each call and belong to the receiver
 */
export interface DataProvider extends AsyncDisposable {
  /** Name in keys, logs and metrics. */
  readonly name: string;
  /** What it can do; constant. */
  readonly capabilities: ProviderCapabilities;
  /**
   * Calls once.
   *
   * @throws The signal's reason when it aborts; {@linkcode ProviderError} code `request` for one
   * that no endpoint takes.
   */
  fetch<K extends ProviderKind>(request: ProviderRequest<K>): Promise<ProviderAnswer<K>>;
  /** Symbols of one group may share a call of that endpoint. O(1). */
  groupOf(endpoint: EndpointInfo, symbol: string): string;
  /** Where it stands, for a person who looks; O(1). */
  detail(): ProviderDetail;
  /** Ends calls under way as if aborted; idempotent. */
  close(): Promise<void>;
}

/** What decides which endpoint takes a request. */
export type CallShape = Pick<ProviderRequest, "kind" | "fromMs" | "toMs" | "granularity"> & {
  /** Name of the endpoint, if one is wanted. */
  readonly endpoint?: string;
  /** How many symbols. */
  readonly symbolCount: number;
};

/** The first endpoint that takes the call, or why there is none. O(endpoints). */
export function endpointFor<E extends EndpointInfo>(
  endpoints: readonly E[],
  shape: CallShape,
): E | string {
  const { kind, endpoint: wanted, symbolCount, fromMs, toMs, granularity } = shape;
  const named = endpoints.filter((endpoint) =>
    endpoint.kind === kind && (wanted === undefined || endpoint.name === wanted)
  );
  if (named.length === 0) return `expected a kind of data it has${wanted ? " there" : ""}`;
  const barred = named.filter(({ granularities }) =>
    kind !== "prices" || granularities.includes(granularity)
  );
  if (barred.length === 0) {
    return `expected a granularity of ${named.flatMap((e) => e.granularities).join(" ")}`;
  }
  const spanning = barred.filter(({ spanMsMax }) => toMs - fromMs <= (spanMsMax ?? Infinity));
  if (spanning.length === 0) {
    return `expected at most ${Math.max(...barred.map((e) => e.spanMsMax ?? 0))} ms at once`;
  }
  return spanning.find(({ symbolsMax }) => symbolCount <= symbolsMax) ??
    `expected at most ${Math.max(...spanning.map((e) => e.symbolsMax))} symbols`;
}

/**
 * The endpoint that takes one symbol of the shape and the most beside it, or why there is none. A
 * named one is taken as it is. O(endpoints).
 */
export function widestEndpoint<E extends EndpointInfo>(
  endpoints: readonly E[],
  wanted: Omit<CallShape, "symbolCount">,
): E | string {
  const shape = { ...wanted, symbolCount: 1 };
  const first = endpointFor(endpoints, shape);
  if (typeof first === "string" || wanted.endpoint !== undefined) return first;
  return endpoints.reduce((best, one) => {
    const fits = typeof endpointFor([one], shape) !== "string";
    return fits && one.symbolsMax > best.symbolsMax ? one : best;
  }, first);
}

/** What a call to an endpoint takes from the quota. */
export function costOf(endpoint: EndpointInfo, keys: number): number {
  return endpoint.costPerCall + endpoint.costPerKey * keys;
}

/**
 * The endpoint that takes a request, after everything about the request has been checked.
 *
 * @throws {ProviderError} code `request`.
 */
export function checkedEndpoint<E extends EndpointInfo>(
  provider: Pick<DataProvider, "name" | "groupOf">,
  endpoints: readonly E[],
  request: ProviderRequest,
): E {
  const { kind, symbols, fromMs, toMs, timeoutMs } = request;
  const refuse = (expected: string, found: unknown): never => {
    throw new ProviderError(
      "request",
      `Cannot fetch from ${provider.name}: ${expected}: current value is ${
        JSON.stringify(found)?.slice(0, 80)
      }`,
    );
  };
  if (!PROVIDER_KINDS.includes(kind)) refuse(`expected ${PROVIDER_KINDS.join(" ")}`, kind);
  if (symbols.length === 0) refuse("expected at least one symbol", 0);
  const strange = symbols.find((symbol) => !isSymbol(symbol));
  if (strange !== undefined) refuse("expected symbols", strange);
  if (new Set(symbols).size !== symbols.length) refuse("expected each symbol once", symbols);
  if (!Number.isSafeInteger(fromMs) || !Number.isSafeInteger(toMs) || fromMs >= toMs) {
    refuse("expected fromMs < toMs in whole milliseconds", [fromMs, toMs]);
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= CALL_TIMEOUT_MS_MAX)) {
    refuse(`expected a timeout above 0 and up to ${CALL_TIMEOUT_MS_MAX} ms`, timeoutMs);
  }
  const found = endpointFor(endpoints, { ...request, symbolCount: symbols.length });
  if (typeof found === "string") {
    return refuse(found, { kind, endpoint: request.endpoint, symbols: symbols.length });
  }
  const groups = new Set(symbols.map((symbol) => provider.groupOf(found, symbol)));
  if (groups.size > 1) refuse("expected symbols of one group", [...groups]);
  return found;
}
