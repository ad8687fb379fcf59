/**
 * Routes about the cache: read through it, put in, invalidate, protect, and what it says of itself.
 *
 * @module
 */

import type { z } from "zod";
import { cacheReport } from "../../cache/report.ts";
import { type Dependency, EVERY_ENTRY, type Explanation, type Found } from "../../cache/types.ts";
import type { cacheDependency, cacheExplanation, cacheInvalidate } from "../cache_schemas.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { CACHE_ANSWER_CHARS_MAX } from "../limits.ts";
import type { CacheEntry, CachePort } from "../port.ts";
import { HttpProblem, retryAfter } from "../problem.ts";
import { respond } from "../respond.ts";

type Base = "/api/cache";
type Paths =
  | `${Base}/stats`
  | `${Base}/report`
  | `${Base}/keys/:key`
  | `${Base}/get`
  | `${Base}/set`
  | `${Base}/prices`
  | `${Base}/invalidate`
  | `${Base}/protect`
  | `${Base}/unprotect`;

type PlainDependency = z.output<typeof cacheDependency>;
type PlainExplanation = z.input<typeof cacheExplanation>;
type Selected = z.output<typeof cacheInvalidate>;

/** See the module's text. */
export function cacheRoutes({ port }: Surroundings): Pick<Handlers, Paths> {
  const cache = (): CachePort => {
    if (port.cache !== null) return port.cache;
    throw new HttpProblem(404, "no_cache", "Cannot ask the cache: this service has none");
  };
  return {
    "/api/cache/stats": {
      get: async () => {
        const { shards, tier, total, upstream, protection } = cacheReport(await cache().stats());
        return { shards, tier, total: { ...total }, upstream, protection };
      },
    },
    "/api/cache/report": { get: async () => cacheReport(await cache().stats()) },
    "/api/cache/keys/:key": {
      get: async ({ param: { key } }) => {
        const found = await cache().explain(key);
        if (found !== null) return plainExplanation(found);
        const detail = "Cannot explain the key: its shard restarts";
        throw new HttpProblem(503, "restarting", detail, {}, retryAfter(1_000));
      },
    },
    "/api/cache/get": { post: ({ json }) => foundKeys(cache(), json) },
    "/api/cache/set": {
      post: async ({ json: { entries } }) => {
        const kept = await cache().set(entries.map((entry) => ({
          key: entry.key,
          value: entry.value,
          ttlMs: entry.ttlMs ?? null,
          tags: entry.tags,
          dependsOn: entry.dependsOn.map(dependencyOf),
        })));
        return { kept, of: entries.length };
      },
    },
    "/api/cache/prices": priceRoutes(cache),
    "/api/cache/invalidate": {
      post: async ({ json }) => {
        const { removed } = await cache().invalidate(selectionOf(json));
        return { removed };
      },
    },
    "/api/cache/protect": {
      post: async ({ json }) => {
        await cache().protect(json.pattern);
        return await protection(cache());
      },
    },
    "/api/cache/unprotect": {
      post: async ({ json: { pattern } }) => {
        if (await cache().unprotect(pattern)) return await protection(cache());
        const detail = "Cannot take the pattern back: it does not protect anything";
        throw new HttpProblem(404, "no_pattern", detail, { found: pattern.slice(0, 200) });
      },
    },
  };
}

function priceRoutes(cache: () => CachePort): Handlers["/api/cache/prices"] {
  return {
    post: async ({ json: { symbols, ...ask } }) => {
      const keys = symbols.map(priceKey);
      const found = await cache().get(keys, ask);
      return answerOf(
        "prices",
        found.map((one, at) => ({ symbol: symbols[at], ...plainFound(one) })),
      );
    },
    put: async ({ json: { prices } }) => {
      const kept = await cache().set(prices.map(({ symbol, value, ttlMs }): CacheEntry => ({
        key: priceKey(symbol),
        value,
        ttlMs: ttlMs ?? null,
        tags: [],
        dependsOn: [],
      })));
      return { kept, of: prices.length };
    },
  };
}

function priceKey(symbol: string): string {
  return `price:${symbol}`;
}

async function foundKeys(
  cache: CachePort,
  { keys, explain, ...ask }: {
    readonly keys: readonly string[];
    readonly explain: boolean;
    readonly priority: number;
    readonly timeoutMs: number;
    readonly user: string | null;
  },
): Promise<Response> {
  const before = explain ? await Promise.all(keys.map((key) => cache.explain(key))) : null;
  const found = await cache.get(keys, ask);
  return answerOf(
    "found",
    found.map((one, at) => {
      const known = before?.[at] ?? null;
      return {
        key: keys[at],
        ...plainFound(one),
        ...(before === null ? {} : { before: known && plainExplanation(known) }),
      };
    }),
  );
}

function plainFound(found: Found<unknown>) {
  switch (found.state) {
    case "missing":
      return { state: found.state, tier: null, ageMs: null, failure: null };
    case "failed": {
      const { code, message, retryAfterMs } = found.failure;
      const failure = { code, message, retryAfterMs };
      return { state: found.state, tier: null, ageMs: null, failure };
    }
    default: {
      const { state, tier, ageMs, value } = found;
      return { state, tier, ageMs: wholeMs(ageMs), failure: null, value };
    }
  }
}

/** A list as JSON, item by item, so that no more is written than an answer may be long. */
function answerOf(name: string, items: readonly unknown[]): Response {
  const texts: string[] = [];
  let chars = 0;
  for (const item of items) {
    const text = JSON.stringify(item, columnsAsLists);
    chars += text.length;
    if (chars > CACHE_ANSWER_CHARS_MAX) {
      throw new HttpProblem(
        422,
        "answer_too_large",
        `Cannot answer for ${items.length} keys: expected at most ${CACHE_ANSWER_CHARS_MAX} ` +
          `characters of JSON: ask for at most ${texts.length}`,
      );
    }
    texts.push(text);
  }
  return respond(`{"${name}":[${texts.join(",")}]}`, "application/json");
}

/** JSON has no columns of numbers; as objects of their indices nobody could use them. */
function columnsAsLists(_name: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && "length" in value
    ? Array.from(value as unknown as ArrayLike<number>)
    : value;
}

async function protection(cache: CachePort) {
  return { ...cacheReport(await cache.stats()).protection };
}

/** Everything is what the pattern of one star matches: so it reaches every tier. */
function selectionOf({ keys, patterns, tags, dependencies, all }: Selected) {
  if (all === true) return EVERY_ENTRY;
  return { keys, patterns, tags, dependencies: dependencies.map(dependencyOf) };
}

function dependencyOf(plain: PlainDependency): Dependency {
  if (plain.kind !== "candles") return plain;
  const { kind, series, from, to } = plain;
  return { kind, series, fromTs: from ?? -Infinity, toTs: to ?? Infinity };
}

function plainDependency(one: Dependency): PlainDependency {
  if (one.kind !== "candles") return one;
  const { kind, series, fromTs, toTs } = one;
  return { kind, series, from: finite(fromTs), to: finite(toTs) };
}

function plainExplanation(one: Explanation): PlainExplanation {
  return {
    ...one,
    ageMs: wholeMs(one.ageMs),
    softLeftMs: wholeMs(finite(one.softLeftMs)),
    hardLeftMs: wholeMs(finite(one.hardLeftMs)),
    tags: [...one.tags],
    dependsOn: one.dependsOn.map(plainDependency),
    dependents: [...one.dependents],
    lastRemoval: one.lastRemoval &&
      { cause: one.lastRemoval.cause, agoMs: Math.round(one.lastRemoval.agoMs) },
  };
}

/** Ages and times left are for people and screens: the clock's fractions say nothing to them. */
function wholeMs<T extends number | null>(ms: T): T | number {
  return ms === null ? ms : Math.round(ms);
}

/** JSON has no infinity. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
