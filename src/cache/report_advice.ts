/**
 * Recommendations: what to change about the cache, each with the figures that it rests on and what
 * it is expected to bring. A rule speaks only when there is enough to go by, and each threshold has a
 * name.
 *
 * @module
 */

import { adviceOnCounts } from "./report_advice_counts.ts";
import { CURVE_SAMPLED_MIN, sizeText } from "./report_curve.ts";
import {
  type Advice,
  ADVICE_CODES,
  type AdviceCode,
  type CacheFigures,
  type CurveReport,
  type TypeReport,
} from "./report_types.ts";
import {
  countOf,
  countText,
  percentText,
  pointsText,
  sizeText as bytesText,
} from "./report_units.ts";

/** Gain at twice the size, percentage points of requests, from which more entries are worth it. */
export const GROW_POINTS_MIN = 1;

/** Loss at half the size, percentage points, below which the other half does nothing. */
export const SHRINK_POINTS_MAX = 0.3;

/** Share of its bound from which a cache counts as full: one that is not would not use more. */
export const FULL_RATIO_MIN = 0.9;

/** Misses from which it says something that the second tier answers none of them. */
export const TIER_MISSES_MIN = 1_000;

/** Share of the misses that the second tier must answer to be worth its look-ups. */
export const TIER_SHARE_MIN = 0.01;

/** What recommendations are made from. */
export interface AdviceInput extends Pick<CacheFigures, "shards" | "tier"> {
  readonly total: TypeReport;
  readonly types: readonly TypeReport[];
  readonly curve: readonly CurveReport[];
}

/** What goes wrong comes before what could go better. */
const URGENT: ReadonlySet<AdviceCode> = new Set(["tier_down", "load_failures", "flights_full"]);

/** All that apply, the most urgent first, then by expected gain. O(types · origins). */
export function adviceOf(input: AdviceInput): Advice[] {
  const { total, types } = input;
  const all = [
    ...adviceOnTier(input),
    ...adviceOnSize(input),
    ...adviceOnProtection(input),
    ...types.flatMap((type) => adviceOnCounts(type, total.requests)),
  ];
  const rank = ({ code }: Advice) => ADVICE_CODES.indexOf(code);
  return all.sort((a, b) => {
    const urgent = Number(URGENT.has(b.code)) - Number(URGENT.has(a.code));
    return urgent || (b.gainPoints ?? 0) - (a.gainPoints ?? 0) || rank(a) - rank(b);
  });
}

const whole = { type: null, origin: null };

/** Percentage points of requests; null without any. */
function pointsOf(part: number, requests: number): number | null {
  return requests === 0 ? null : 100 * part / requests;
}

// ---- second tier --------------------------------------------------------------------------------

function adviceOnTier({ tier, total }: AdviceInput): Advice[] {
  if (tier === null) return [];
  const { secondTierHits, misses, requests } = total;
  if (tier.state === "down") {
    const gainPoints = pointsOf(secondTierHits, requests);
    const error = tier.lastError === null ? "" : `, the last one: ${tier.lastError}`;
    return [{
      ...whole,
      code: "tier_down",
      action: `Bring the second tier (${tier.kind}) back`,
      evidence: `it is down after ${countOf(tier.failures, "failure")}${error}; ` +
        `${countOf(tier.dropped, "entry", "entries")} were not written to it`,
      gain: gainPoints === null
        ? "misses that need no call upstream"
        : `it has answered ${gainPoints.toFixed(1)} of 100 requests so far`,
      gainPoints,
    }];
  }
  if (misses < TIER_MISSES_MIN || secondTierHits >= TIER_SHARE_MIN * misses) return [];
  return [{
    ...whole,
    code: "tier_idle",
    action: `Do without the second tier (${tier.kind}), or let entries live longer in it`,
    evidence: `it answered ${countText(secondTierHits)} of ${countOf(misses, "miss", "misses")} ` +
      `(${percentText(secondTierHits / misses)}) and holds ` +
      countOf(tier.entries, "entry", "entries"),
    gain: "one look-up less for every miss",
    gainPoints: null,
  }];
}

// ---- size ---------------------------------------------------------------------------------------

function adviceOnSize({ shards, curve }: AdviceInput): Advice[] {
  const now = curve.find(({ sizeRatio }) => sizeRatio === 1);
  if (now === undefined) return [];
  const sum = (of: (one: AdviceInput["shards"][number]) => number) =>
    shards.reduce((all, one) => all + of(one), 0);
  const size: Size = {
    entries: sum((one) => one.entries),
    entriesMax: sum((one) => one.entriesMax),
    weightBytes: sum((one) => one.weightBytes),
    weightMaxBytes: sum((one) => one.weightMaxBytes),
  };
  const larger = largerWorthIt(curve);
  if (larger !== undefined) return isFull(size) ? [growth(size, now, larger)] : [];
  const half = curve.find(({ sizeRatio }) => sizeRatio === 0.5);
  const isIdle = half !== undefined && half.sampled >= CURVE_SAMPLED_MIN &&
    -half.gainPoints < SHRINK_POINTS_MAX;
  // A cache that half its bound would hold gives nothing back.
  return isIdle && size.entries > size.entriesMax / 2 ? [shrinking(size, half)] : [];
}

interface Size {
  readonly entries: number;
  readonly entriesMax: number;
  readonly weightBytes: number;
  readonly weightMaxBytes: number;
}

function isFull({ entries, entriesMax, weightBytes, weightMaxBytes }: Size): boolean {
  return entries >= FULL_RATIO_MIN * entriesMax ||
    (weightMaxBytes > 0 && weightBytes >= FULL_RATIO_MIN * weightMaxBytes);
}

/** The largest size of which each step up to it gains enough. */
function largerWorthIt(curve: readonly CurveReport[]): CurveReport | undefined {
  let found: CurveReport | undefined;
  let before = 0;
  for (const point of curve) {
    if (point.sizeRatio <= 1) continue;
    const isWorthIt = point.sampled >= CURVE_SAMPLED_MIN &&
      point.gainPoints - before >= GROW_POINTS_MIN;
    if (!isWorthIt) break;
    found = point;
    before = point.gainPoints;
  }
  return found;
}

function growth(size: Size, now: CurveReport, { sizeRatio, ...point }: CurveReport): Advice {
  const { entries, entriesMax } = size;
  const missRatio = 1 - now.hitRatio;
  const fewer = missRatio > 0 ? point.gainPoints / (100 * missRatio) : 0;
  return {
    ...whole,
    code: "more_entries",
    action: `Give the cache ${sizeText(sizeRatio)} the memory: ` +
      `${countText(sizeRatio * entriesMax)} entries instead of ${countText(entriesMax)}`,
    evidence: `a shadow of that size answers ${percentText(point.hitRatio)} where one of the ` +
      `present size answers ${percentText(now.hitRatio)}, of ` +
      `${countOf(point.sampled, "sampled request")}; ${countText(entries)} entries are taken`,
    gain: `${pointsText(point.gainPoints)} of hits, ${percentText(fewer)} fewer misses`,
    gainPoints: point.gainPoints,
  };
}

function shrinking({ entriesMax, weightBytes }: Size, half: CurveReport): Advice {
  return {
    ...whole,
    code: "fewer_entries",
    action: `Give the cache half the memory: ${countText(entriesMax / 2)} entries instead of ` +
      countText(entriesMax),
    evidence: `a shadow of half the size answers ${percentText(half.hitRatio)}, ` +
      `${pointsText(half.gainPoints)}, of ${countOf(half.sampled, "sampled request")}`,
    gain: `about ${bytesText(weightBytes / 2)} free for ${pointsText(half.gainPoints)} of hits`,
    gainPoints: half.gainPoints,
  };
}

// ---- protection ---------------------------------------------------------------------------------

function adviceOnProtection({ shards }: AdviceInput): Advice[] {
  const refused = shards.reduce((all, one) => all + one.protectionRefused, 0);
  const patterns = [...new Set(shards.flatMap((one) => one.protectedPatterns))];
  // What was refused for patterns that were taken back asks for nothing any more.
  if (refused === 0 || patterns.length === 0) return [];
  const entries = shards.reduce((all, one) => all + one.protectedEntries, 0);
  const entriesMax = shards.reduce((all, one) => all + one.protectedMax, 0);
  return [{
    ...whole,
    code: "protection_full",
    action: "Protect fewer keys, or a larger share of the cache",
    evidence: `${countOf(refused, "insert")} matched ${countOf(patterns.length, "pattern")} and ` +
      `found no room: ${countText(entries)} of ${countText(entriesMax)} places are taken`,
    gain: "keys that are said to be protected are",
    gainPoints: null,
  }];
}
