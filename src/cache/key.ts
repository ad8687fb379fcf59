/**
 * Keys of entries: `kind:SYMBOL` or `kind:SYMBOL:params`, as `price:AAPL` or `label:EUR_USD:H1:…`.
 *
 * The kind says what sort of data it is and so how long it holds (`ttl_rules.ts`); a symbol names
 * an instrument; what follows the second colon is the kind's own. A table takes any text for a key;
 * these rules are for keys from outside, whose form is checked once, where they come in.
 *
 * @module
 */

import { isSymbol, SYMBOL_LENGTH_MAX } from "../market/series.ts";
import { CacheError, shown } from "./error.ts";

/**
 * Longest key from outside, in characters: it is a primary key, part of a URL, and stored per
 * entry.
 */
export const CACHE_KEY_CHARS_MAX = 1_024;

/** Most parameters of a key: it is not a document. */
export const KEY_PARAMS_MAX = 32;

/** Kinds of data that Wick knows. Others are allowed and hold as long as `other` does. */
export const KEY_KINDS = [
  "price",
  "fundamentals",
  "news",
  "profile",
  "dividends",
  "prices",
  "label",
  "path",
  "levels",
  "correlation",
] as const;

/** See {@linkcode KEY_KINDS}. */
export type KeyKind = (typeof KEY_KINDS)[number];

/** A word of at most 32 characters: a kind names metrics and settings. */
const KIND = /^[a-z][a-z0-9_]{0,31}$/;

const PARAM_NAME = /^[A-Za-z][A-Za-z0-9_]{0,31}$/;

/** Control characters: keys are shown on terminals and in logs, line by line. */
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** The parts of a key. */
export interface CacheKeyParts {
  /** One of {@linkcode KEY_KINDS}, or another word. */
  readonly kind: string;
  /** Of the instrument. */
  readonly symbol: string;
  /** What follows the symbol; null where nothing does. */
  readonly params: string | null;
}

/** Values of parameters; those that are undefined are left out. */
export type KeyParams = Readonly<Record<string, string | number | boolean | undefined>>;

/** Whether the kind is one of {@linkcode KEY_KINDS}. */
export function isKeyKind(kind: string): kind is KeyKind {
  return (KEY_KINDS as readonly string[]).includes(kind);
}

/** The kind of any key: what stands before the first colon; the whole key where there is none. */
export function kindOfKey(key: string): string {
  const colon = key.indexOf(":");
  return colon < 0 ? key : key.slice(0, colon);
}

/** The symbol of any key: what stands between the first two colons; empty where there is none. */
export function symbolOfKey(key: string): string {
  const colon = key.indexOf(":");
  if (colon < 0) return "";
  const end = key.indexOf(":", colon + 1);
  return end < 0 ? key.slice(colon + 1) : key.slice(colon + 1, end);
}

/**
 * What is wrong with a key from outside, as `expected …`; null when nothing is. O(characters), and
 * O(1) for one that is too long.
 */
export function cacheKeyProblem(key: string): string | null {
  if (key.length > CACHE_KEY_CHARS_MAX) return `expected at most ${CACHE_KEY_CHARS_MAX} characters`;
  const colon = key.indexOf(":");
  if (colon < 0) return "expected kind:SYMBOL or kind:SYMBOL:params, as price:AAPL";
  if (!KIND.test(key.slice(0, colon))) {
    return "expected a kind of 1 to 32 small letters, digits or _, as price";
  }
  if (!isSymbol(symbolOfKey(key))) {
    return `expected a symbol of 1 to ${SYMBOL_LENGTH_MAX} letters, digits or . _ - ^ = +`;
  }
  // Halves of a surrogate pair all become the same bytes in a store, and two keys one.
  if (!key.isWellFormed()) return "expected text without halves of surrogate pairs";
  if (CONTROL.test(key)) return "expected text without control characters";
  return null;
}

/**
 * The parts of a key from outside.
 *
 * @throws {CacheError} code `key`, saying what is wrong.
 */
export function parseCacheKey(key: string): CacheKeyParts {
  assertCacheKey("parse", key);
  const kind = kindOfKey(key);
  const symbol = symbolOfKey(key);
  const rest = kind.length + 1 + symbol.length;
  return { kind, symbol, params: rest < key.length ? key.slice(rest + 1) : null };
}

/**
 * The key of these parts. Parameters given as an object are put into their canonical form, see
 * {@linkcode canonicalParams}; none at all are left out.
 *
 * @throws {CacheError} code `key` for parts that cannot be in a key.
 */
export function formatCacheKey(
  kind: string,
  symbol: string,
  params: string | KeyParams | null = null,
): string {
  const text = params === null || typeof params === "string" ? params : canonicalParams(params);
  const key = text === null || text === "" ? `${kind}:${symbol}` : `${kind}:${symbol}:${text}`;
  assertCacheKey("format", key);
  // A colon in the kind or the symbol would move the parts.
  if (kindOfKey(key) !== kind || symbolOfKey(key) !== symbol) {
    throw keyError("format", "expected no colon in kind or symbol", key);
  }
  return key;
}

/**
 * Parameters as one text, the same for the same parameters whatever order they were given in:
 * `horizon=12,tie=first`, sorted by name. Values are percent-encoded, numbers as JavaScript prints
 * them, -0 as 0.
 *
 * @throws {CacheError} code `key` for too many, a name that is no word of at most 32 characters, a
 * number that is not finite, or a text with half a surrogate pair.
 */
export function canonicalParams(params: KeyParams): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  if (given.length > KEY_PARAMS_MAX) {
    throw keyError("format", `expected at most ${KEY_PARAMS_MAX} parameters`, `${given.length}`);
  }
  return given.sort(([a], [b]) => a < b ? -1 : 1).map(([name, value]) => {
    if (!PARAM_NAME.test(name)) throw keyError("format", "expected a parameter's name", name);
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw keyError("format", `expected a finite number for ${name}`, String(value));
    }
    const text = String(value);
    if (!text.isWellFormed()) {
      throw keyError("format", `expected whole surrogate pairs for ${name}`, text);
    }
    return `${name}=${encodeURIComponent(text)}`;
  }).join(",");
}

/** @throws {CacheError} code `key` unless it is one. */
export function assertCacheKey(verb: string, key: string): void {
  const problem = cacheKeyProblem(key);
  if (problem === null) return;
  const found = key.length > CACHE_KEY_CHARS_MAX ? `${key.length} characters` : key;
  throw keyError(verb, problem, found);
}

function keyError(verb: string, expected: string, found: string): CacheError {
  return new CacheError(
    "key",
    `Cannot ${verb} cache key: ${expected}: current value is ${shown(found)}`,
  );
}
