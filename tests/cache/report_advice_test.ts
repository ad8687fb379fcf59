/** Recommendations of the report on the cache, each on both sides of its thresholds. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Advice, type AdviceCode, cacheReport } from "../../src/cache/report.ts";
import {
  FULL_RATIO_MIN,
  GROW_POINTS_MIN,
  SHRINK_POINTS_MAX,
  TIER_MISSES_MIN,
  TIER_SHARE_MIN,
} from "../../src/cache/report_advice.ts";
import {
  LOAD_FAILURE_RATIO_MAX,
  LOADS_MIN,
  LOADS_OUTDATED_RATIO_MAX,
  ORIGIN_INSERTED_MIN,
  ORIGIN_UNREAD_RATIO_MIN,
  REFUSED_RATIO_MIN,
  TTL_EXPIRED_RATIO_MIN,
  TTL_MISSES_MIN,
} from "../../src/cache/report_advice_counts.ts";
import { CURVE_SAMPLED_MIN } from "../../src/cache/report_curve.ts";
import type { CurvePoint, ShardStatus, TypeCounts } from "../../src/cache/status.ts";
import type { TierStatus } from "../../src/cache/types.ts";
import { countsOf, figuresOf, shardOf, tierOf } from "./report_support.ts";

const REMOVED = { evicted: 0, expired: 0, invalidated: 0, replaced: 0, flushed: 0 };

/** What is recommended for one shard, of the kinds that are looked at. */
function adviceOn(shard: Partial<ShardStatus>, tier: TierStatus | null = null): readonly Advice[] {
  return cacheReport(figuresOf([shardOf(shard)], tier)).advice;
}

function codes(shard: Partial<ShardStatus>, tier: TierStatus | null = null): AdviceCode[] {
  return adviceOn(shard, tier).map(({ code }) => code);
}

function codesOf(counts: Partial<TypeCounts>): AdviceCode[] {
  return codes({ types: [countsOf("price", counts)] });
}

/** The only one there is. */
function only(advice: readonly Advice[], code: AdviceCode): Advice {
  assertEquals(advice.map((one) => one.code), [code]);
  return advice[0] as Advice;
}

// ---- size ---------------------------------------------------------------------------------------

/** A curve of hit ratios by size. */
function curve(bySize: Readonly<Record<string, number>>, sampled = 50_000): CurvePoint[] {
  return Object.entries(bySize).map(([size, hitRatio]) => ({
    sizeRatio: Number(size),
    hitRatio,
    sampled,
  }));
}

const FULL = { entries: 1_000, entriesMax: 1_000, weightBytes: 600_000 };

Deno.test("more entries are recommended when twice the size gains a point, and not when less", () => {
  const gain = GROW_POINTS_MIN / 100;
  const advice = only(
    adviceOn({ ...FULL, curve: curve({ 1: 0.5, 2: 0.5 + gain + 1e-9 }) }),
    "more_entries",
  );
  assertMatch(advice.action, /2× the memory: 2,000 entries instead of 1,000$/);
  assertMatch(advice.evidence, /answers 51\.0 % .* answers 50\.0 %, of 50,000 sampled requests/);
  // A point of the half that is missed: a fiftieth.
  assertEquals(advice.gain, "+1.0 points of hits, 2.0 % fewer misses");
  assertEquals(advice.gainPoints?.toFixed(3), "1.000");
  assertEquals(codes({ ...FULL, curve: curve({ 1: 0.5, 2: 0.5 + gain - 1e-6 }) }), []);
});

Deno.test("more entries go as far as each step gains enough", () => {
  const steps = curve({ 1: 0.5, 2: 0.55, 4: 0.58, 8: 0.585 });
  assertMatch(only(adviceOn({ ...FULL, curve: steps }), "more_entries").action, /4× the memory/);
  // A step that gains nothing ends it, whatever comes after.
  const late = curve({ 1: 0.5, 2: 0.501, 4: 0.9 });
  assertEquals(codes({ ...FULL, curve: late }), []);
});

Deno.test("more entries are for a cache that is full, by entries or by weight", () => {
  const gaining = curve({ 1: 0.5, 2: 0.6 });
  const share = (ratio: number) => ({ ...FULL, entries: 1_000 * ratio, curve: gaining });
  assertEquals(codes(share(FULL_RATIO_MIN)), ["more_entries"]);
  assertEquals(codes(share(FULL_RATIO_MIN - 0.01)), []);
  const heavy = { ...share(0.1), weightBytes: 1_000_000 * FULL_RATIO_MIN };
  assertEquals(codes(heavy), ["more_entries"]);
});

Deno.test("fewer entries are recommended when half the size loses next to nothing", () => {
  const loss = SHRINK_POINTS_MAX / 100;
  const advice = only(
    adviceOn({ ...FULL, curve: curve({ 0.5: 0.5 - loss + 1e-6, 1: 0.5 }) }),
    "fewer_entries",
  );
  assertMatch(advice.action, /500 entries instead of 1,000$/);
  assertEquals(advice.gain, "about 300 kB free for −0.3 points of hits");
  assertEquals(codes({ ...FULL, curve: curve({ 0.5: 0.5 - loss - 1e-9, 1: 0.5 }) }), []);
});

Deno.test("fewer entries are no news for a cache that is half empty", () => {
  const flat = curve({ 0.5: 0.5, 1: 0.5 });
  assertEquals(codes({ ...FULL, entries: 501, curve: flat }), ["fewer_entries"]);
  assertEquals(codes({ ...FULL, entries: 500, curve: flat }), []);
});

Deno.test("a size is not judged by few samples", () => {
  const gaining = (sampled: number) => ({ ...FULL, curve: curve({ 1: 0.5, 2: 0.6 }, sampled) });
  assertEquals(codes(gaining(CURVE_SAMPLED_MIN)), ["more_entries"]);
  assertEquals(codes(gaining(CURVE_SAMPLED_MIN - 1)), []);
  const flat = (sampled: number) => ({ ...FULL, curve: curve({ 0.5: 0.5, 1: 0.5 }, sampled) });
  assertEquals(codes(flat(CURVE_SAMPLED_MIN)), ["fewer_entries"]);
  assertEquals(codes(flat(CURVE_SAMPLED_MIN - 1)), []);
});

Deno.test("a cache that would gain is not told to shrink", () => {
  assertEquals(codes({ ...FULL, curve: curve({ 0.5: 0.5, 1: 0.5, 2: 0.7 }) }), ["more_entries"]);
});

// ---- life ---------------------------------------------------------------------------------------

Deno.test("a longer TTL is recommended when most misses are expiries of entries that were read", () => {
  const counts = (expired: number): Partial<TypeCounts> => ({
    requests: 10_000,
    freshHits: 9_000,
    misses: 1_000,
    removed: { ...REMOVED, expired },
    byOrigin: [{ origin: "demand", inserted: 1_000, evictedUnread: 0, expiredUnread: 200 }],
  });
  const enough = TTL_EXPIRED_RATIO_MIN * 1_000 + 200;
  const advice = only(adviceOn({ types: [countsOf("price", counts(enough))] }), "longer_ttl");
  assertEquals([advice.type, advice.origin], ["price", null]);
  assertMatch(advice.evidence, /^500 entries that had been read expired, beside 1,000 misses/);
  // Half of 500 in 10,000 requests.
  assertEquals(advice.gainPoints, 2.5);
  assertEquals(codesOf(counts(enough - 1)), []);
});

Deno.test("a longer TTL is not recommended after few misses", () => {
  const counts = (misses: number) => ({
    requests: 1_000,
    misses,
    removed: { ...REMOVED, expired: 10 * misses },
  });
  assertEquals(codesOf(counts(TTL_MISSES_MIN)), ["longer_ttl"]);
  assertEquals(codesOf(counts(TTL_MISSES_MIN - 1)), []);
});

// ---- origins ------------------------------------------------------------------------------------

function put(origin: string, inserted: number, evicted: number, expired = 0): Partial<TypeCounts> {
  const one = { origin, inserted, evictedUnread: evicted, expiredUnread: expired };
  return { requests: 10_000, byOrigin: [one] };
}

Deno.test("an origin is to be switched off when most of what it puts in leaves unread", () => {
  const half = 1_000 * ORIGIN_UNREAD_RATIO_MIN;
  const types = [countsOf("news", put("warm:popular", 1_000, half - 100, 100))];
  const advice = only(adviceOn({ types }), "origin_unread");
  assertEquals([advice.type, advice.origin], ["news", "warm:popular"]);
  assertEquals(advice.action, "Switch warm:popular off for news");
  assertMatch(
    advice.evidence,
    /^of 1,000 entries put in by warm:popular, 400 were evicted and 100 /,
  );
  assertEquals(advice.gain, "500 keys fetched for nothing: 5.0 for 100 requests");
  assertEquals(codesOf(put("warm:popular", 1_000, half - 101, 100)), []);
});

Deno.test("an origin is not judged by few entries", () => {
  assertEquals(codesOf(put("refresh", ORIGIN_INSERTED_MIN, ORIGIN_INSERTED_MIN)), [
    "origin_unread",
  ]);
  const few = ORIGIN_INSERTED_MIN - 1;
  assertEquals(codesOf(put("refresh", few, few)), []);
});

Deno.test("what somebody waited for is not pollution that could be switched off", () => {
  assertEquals(codesOf(put("demand", 10_000, 10_000)), []);
  for (const origin of ["refresh", "set", "promoted", "warm:next"]) {
    assertEquals(codesOf(put(origin, 1_000, 1_000)), ["origin_unread"], origin);
  }
});

// ---- loads --------------------------------------------------------------------------------------

const loads = (all: number) => ({ demand: all, refresh: 0, warm: 0 });

Deno.test("failures of loads are told when there are more than retries explain", () => {
  const most = LOAD_FAILURE_RATIO_MAX * 1_000;
  const counts = { requests: 2_000, loads: loads(1_000), loadsAbandoned: 3 };
  const types = [countsOf("price", { ...counts, loadFailures: most + 1 })];
  const advice = only(adviceOn({ types }), "load_failures");
  assertMatch(
    advice.evidence,
    /^51 of 1,000 loads failed \(5\.1 %\), 3 of them at their deadline$/,
  );
  assertEquals(codesOf({ ...counts, loadFailures: most }), []);
});

Deno.test("failures of few loads say nothing", () => {
  assertEquals(codesOf({ loads: loads(LOADS_MIN), loadFailures: LOADS_MIN }), ["load_failures"]);
  assertEquals(codesOf({ loads: loads(LOADS_MIN - 1), loadFailures: LOADS_MIN - 1 }), []);
});

Deno.test("loads that come to nothing are told when invalidations are faster than a tenth", () => {
  const most = LOADS_OUTDATED_RATIO_MAX * 1_000;
  assertEquals(codesOf({ loads: loads(1_000), loadsOutdated: most + 1 }), ["loads_outdated"]);
  assertEquals(codesOf({ loads: loads(1_000), loadsOutdated: most }), []);
  assertEquals(codesOf({ loads: loads(LOADS_MIN - 1), loadsOutdated: LOADS_MIN - 1 }), []);
});

Deno.test("loads at their bound are told when a thousandth of the requests is refused", () => {
  const least = REFUSED_RATIO_MIN * 10_000;
  const advice = only(
    adviceOn({ types: [countsOf("price", { requests: 10_000, refused: least })] }),
    "flights_full",
  );
  assertMatch(advice.evidence, /^for 10 of 10,000 requests of price no load could begin/);
  assertEquals(codesOf({ requests: 10_000, refused: least - 1 }), []);
  assertEquals(codesOf({ requests: 0, refused: 0 }), []);
});

// ---- tier and protection ------------------------------------------------------------------------

Deno.test("a second tier that is down is told with what it was worth", () => {
  const types = [countsOf("price", { requests: 1_000, misses: 100, secondTierHits: 40 })];
  const down = tierOf({
    kind: "redis",
    state: "down",
    failures: 7,
    dropped: 9,
    lastError: "no one",
  });
  const advice = only(adviceOn({ types }, down), "tier_down");
  assertEquals(advice.action, "Bring the second tier (redis) back");
  assertEquals(
    advice.evidence,
    "it is down after 7 failures, the last one: no one; 9 entries were not written to it",
  );
  assertEquals(advice.gain, "it has answered 4.0 of 100 requests so far");
  assertEquals(codes({ types }, tierOf()), []);
  assertEquals(codes({ types }), []);
  assertEquals(only(adviceOn({}, down), "tier_down").gainPoints, null);
});

Deno.test("a second tier that answers no miss is told after many misses", () => {
  const types = (misses: number, secondTierHits: number) => [
    countsOf("price", { requests: 10_000, misses, secondTierHits }),
  ];
  const enough = TIER_SHARE_MIN * TIER_MISSES_MIN;
  assertEquals(codes({ types: types(TIER_MISSES_MIN, enough - 1) }, tierOf()), ["tier_idle"]);
  assertEquals(codes({ types: types(TIER_MISSES_MIN, enough) }, tierOf()), []);
  assertEquals(codes({ types: types(TIER_MISSES_MIN - 1, 0) }, tierOf()), []);
});

Deno.test("protection that refuses is told, protection that is full is not", () => {
  const full = { protectedEntries: 200, protectedMax: 200, protectedPatterns: ["price:*"] };
  const advice = only(adviceOn({ ...full, protectionRefused: 1 }), "protection_full");
  assertEquals(
    advice.evidence,
    "1 insert matched 1 pattern and found no room: 200 of 200 places are taken",
  );
  assertEquals(codes({ ...full, protectionRefused: 0 }), []);
  const takenBack = { protectedEntries: 0, protectedPatterns: [], protectionRefused: 1 };
  assertEquals(codes({ ...full, ...takenBack }), []);
});

// ---- order --------------------------------------------------------------------------------------

Deno.test("what is broken comes first, then what gains most", () => {
  const types = [
    countsOf("price", {
      requests: 10_000,
      misses: 2_000,
      removed: { ...REMOVED, expired: 2_000 },
      loads: loads(2_000),
      loadFailures: 200,
      loadsOutdated: 500,
    }),
  ];
  const found = adviceOn(
    {
      ...FULL,
      types,
      curve: curve({ 1: 0.5, 2: 0.52 }),
      protectedPatterns: ["price:*"],
      protectionRefused: 4,
    },
    tierOf({ state: "down" }),
  );
  assertEquals(found.map(({ code }) => code), [
    // 2 points of failures, none known of the tier.
    ...["load_failures", "tier_down"],
    // 10 points, then 2.
    ...["longer_ttl", "more_entries"],
    ...["protection_full", "loads_outdated"],
  ]);
  for (const { action, evidence, gain } of found) {
    assert(
      [action, evidence, gain].every((text) => text !== "" && !/NaN|undefined|Infinity/.test(text)),
    );
  }
});
