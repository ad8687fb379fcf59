/**
 * How the API of a provider is called and what its answers mean: a mapping. It is data and pure
 * functions; `http.ts` does the calling. A mapping of one's own is a value of
 * {@linkcode HttpMapping}; `eodhd.ts` is one to start from.
 *
 * @module
 */

import type { z } from "zod";
import type { Granularity } from "../market/granularity.ts";
import { failure, ProviderError, type ProviderFailure } from "./error.ts";
import { CALL_URL_CHARS_MAX } from "./limits.ts";
import type { EndpointInfo, ProviderLimit, ProviderRequest, SymbolResult } from "./port.ts";
import type { ProviderKind } from "./values.ts";

/** The part of a request that a mapping sees. */
export type MappedRequest<K extends ProviderKind = ProviderKind> = Pick<
  ProviderRequest<K>,
  "symbols" | "fromMs" | "toMs" | "granularity"
>;

/** What an answer came to: results in the order of the symbols, or why it cannot be read. */
export type Reading<K extends ProviderKind> = readonly SymbolResult<K>[] | ProviderFailure;

/** One endpoint of an API. */
export interface HttpEndpoint<K extends ProviderKind> extends EndpointInfo {
  /** Kind of data that it answers with. */
  readonly kind: K;
  /**
   * Template below the base URL, as `/eod/{symbol}?from={from}`. Variables, each escaped:
   * - `{symbol}` the first symbol, `{rest}` the others, `{symbols}` all, joined by commas; a
   *   parameter whose value comes out empty is left out
   * - `{group}` what {@linkcode HttpEndpoint.groupOf} says
   * - `{from}` and `{to}` the first and last day as YYYY-MM-DD, `{fromS}` and `{toS}` the first and
   *   last second of the epoch
   * - `{bar}` the granularity by {@linkcode HttpEndpoint.bars}
   */
  readonly path: string;
  /** How the API calls bar lengths. */
  readonly bars?: Readonly<Partial<Record<Granularity, string>>>;
  /** How a symbol stands in the URL. */
  readonly symbolText: (symbol: string) => string;
  /** What symbols of one call have in common; empty for nothing. */
  readonly groupOf: (symbol: string) => string;
  /** Reads an answer; throws nothing, whatever it holds. */
  readonly read: (json: unknown, request: MappedRequest<K>) => Reading<K>;
}

/** An endpoint of whatever kind. */
export type AnyHttpEndpoint = { [K in ProviderKind]: HttpEndpoint<K> }[ProviderKind];

/** An API. */
export interface HttpMapping {
  /** Name by which the configuration calls it. */
  readonly name: string;
  /** Base URLs that it is known to have; the first is the default. */
  readonly baseUrls: readonly [string, ...string[]];
  /** Where the key goes. */
  readonly auth: {
    /** In a parameter of the URL or in a header. */
    readonly in: "query" | "header";
    /** Its name. */
    readonly name: string;
    /** What stands before the key, as `Bearer `. */
    readonly prefix: string;
  };
  /** Its limits, as documented. */
  readonly limits: readonly ProviderLimit[];
  /** Its endpoints. */
  readonly endpoints: readonly AnyHttpEndpoint[];
}

const VARIABLES = [
  "symbol",
  "rest",
  "symbols",
  "group",
  "from",
  "to",
  "fromS",
  "toS",
  "bar",
] as const;

type Variable = (typeof VARIABLES)[number];

const VARIABLE = /\{(\w*)\}/g;

/**
 * Checks the paths of a mapping.
 *
 * @throws {ProviderError} code `options` for a template with a variable that there is not.
 */
export function assertMapping({ name, endpoints }: HttpMapping): void {
  for (const { path, name: endpoint } of endpoints) {
    const strange = [...path.matchAll(VARIABLE)].map(([, variable]) => variable ?? "")
      .find((variable) => !VARIABLES.includes(variable as Variable));
    if (path.startsWith("/") && strange === undefined) continue;
    throw new ProviderError(
      "options",
      `Cannot use mapping ${name}: expected a path of / and {${VARIABLES.join("} {")}} in ` +
        `${endpoint}: current value is ${path}`,
    );
  }
}

/**
 * The URL of a call, without the key.
 *
 * @throws {ProviderError} code `request` for one beyond `CALL_URL_CHARS_MAX`.
 */
export function callUrl(baseUrl: string, endpoint: AnyHttpEndpoint, request: MappedRequest): URL {
  const { symbols, fromMs, toMs, granularity } = request;
  const texts = symbols.map(endpoint.symbolText);
  const values: Readonly<Record<Variable, string>> = {
    symbol: texts[0] ?? "",
    rest: texts.slice(1).join(","),
    symbols: texts.join(","),
    group: endpoint.groupOf(symbols[0] ?? ""),
    from: dayText(fromMs),
    to: dayText(toMs - 1),
    fromS: String(Math.floor(fromMs / 1_000)),
    toS: String(Math.floor((toMs - 1) / 1_000)),
    bar: endpoint.bars?.[granularity] ?? "",
  };
  // Commas part symbols and stand in none; APIs document them as they are.
  const escape = (text: string) => encodeURIComponent(text).replaceAll("%2C", ",");
  const fill = (template: string) =>
    template.replace(VARIABLE, (_, name: Variable) => escape(values[name]));
  const [path = "", query = ""] = endpoint.path.split("?", 2);
  const parameters = query.split("&").map(fill).filter((text) => /=./.test(text)).join("&");
  const url = `${baseUrl}${fill(path)}${parameters === "" ? "" : `?${parameters}`}`;
  if (url.length > CALL_URL_CHARS_MAX) {
    throw new ProviderError(
      "request",
      `Cannot call ${endpoint.name}: expected a URL of at most ${CALL_URL_CHARS_MAX} characters: ` +
        `current value is ${url.length}`,
    );
  }
  return new URL(url);
}

function dayText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** A failure to read an answer; says where it is wrong, never what stands there. */
export function shapeFailure(what: string, issues: readonly z.core.$ZodIssue[]): ProviderFailure {
  const [first] = issues;
  const path = first?.path.map((part) => typeof part === "number" ? part : String(part)).join(".");
  return failure(
    "shape",
    `Cannot read ${what}: expected the documented shape: current value differs at ` +
      `${(path || "the top").slice(0, 100)} (${first?.code ?? "unknown"})`,
  );
}

/** A value by its schema, or why it is none. */
export function readAs<T>(what: string, schema: z.ZodType<T>, json: unknown): Read<T> {
  const { success, data, error } = schema.safeParse(json);
  return success
    ? { state: "read", value: data }
    : { state: "failed", failure: shapeFailure(what, error.issues) };
}

/** What {@linkcode readAs} answers. */
export type Read<T> =
  | { readonly state: "read"; readonly value: T }
  | { readonly state: "failed"; readonly failure: ProviderFailure };
