/**
 * Recommendations from the counts of one type of data: how long it lives, who puts it in unread,
 * what its loads come to.
 *
 * @module
 */

import type { Advice, OriginReport, TypeReport } from "./report_types.ts";
import { countOf, countText, percentText, pointsText } from "./report_units.ts";

/** Misses of a type from which they say something. */
export const TTL_MISSES_MIN = 100;

/** Share of the misses that must be expiries of entries that were read. */
export const TTL_EXPIRED_RATIO_MIN = 0.5;

/** Of the expiries, those that twice the TTL would have spared: half, if reads come evenly. */
const TTL_SPARED_RATIO = 0.5;

/** Entries that an origin must have put in before it is judged. */
export const ORIGIN_INSERTED_MIN = 200;

/** Share of these that left unread, evicted or expired, from which they are not worth their keys. */
export const ORIGIN_UNREAD_RATIO_MIN = 0.5;

/** Loads from which their failures say something. */
export const LOADS_MIN = 20;

/** Share of the loads that may fail: the retries of a provider with a few transient errors. */
export const LOAD_FAILURE_RATIO_MAX = 0.05;

/** Share of the loads whose value may come to nothing since an invalidation was faster. */
export const LOADS_OUTDATED_RATIO_MAX = 0.1;

/** Share of the requests of a type for which no load could begin, from which the bound is too low. */
export const REFUSED_RATIO_MIN = 0.001;

/** All that apply to one type; `requests` are those of all types. O(origins). */
export function adviceOnCounts(counts: TypeReport, requests: number): Advice[] {
  return [
    ...failures(counts, requests),
    ...refusals(counts, requests),
    ...lifetime(counts, requests),
    ...counts.origins.flatMap((origin) => unread(counts.type, origin, requests)),
    ...outdated(counts),
  ];
}

function pointsOf(part: number, requests: number): number | null {
  return requests === 0 ? null : 100 * part / requests;
}

function failures(counts: TypeReport, requests: number): Advice[] {
  const { type, loads, loadFailures, loadsAbandoned } = counts;
  if (loads.all < LOADS_MIN || loadFailures <= LOAD_FAILURE_RATIO_MAX * loads.all) return [];
  return [{
    code: "load_failures",
    type,
    origin: null,
    action: `Look at the provider of ${type}`,
    evidence: `${countText(loadFailures)} of ${countOf(loads.all, "load")} failed ` +
      `(${percentText(loadFailures / loads.all)}), ${countText(loadsAbandoned)} of them at their ` +
      `deadline`,
    gain: "answers instead of failures, and no calls made twice",
    gainPoints: pointsOf(loadFailures, requests),
  }];
}

function refusals({ type, requests: own, refused }: TypeReport, requests: number): Advice[] {
  if (refused === 0 || refused < REFUSED_RATIO_MIN * own) return [];
  return [{
    code: "flights_full",
    type,
    origin: null,
    action: "Allow more loads at a time, or find out why they take so long",
    evidence: `for ${countText(refused)} of ${countOf(own, "request")} of ${type} no load could ` +
      `begin (${percentText(refused / own)}): as many as may be were under way`,
    gain: "answers instead of refusals",
    gainPoints: pointsOf(refused, requests),
  }];
}

/** Entries that were in use and had to be fetched again only since their time was over. */
function lifetime({ type, misses, removed, origins }: TypeReport, requests: number): Advice[] {
  const unread = origins.reduce((all, one) => all + one.expiredUnread, 0);
  const expired = Math.max(0, removed.expired - unread);
  if (misses < TTL_MISSES_MIN || expired < TTL_EXPIRED_RATIO_MIN * misses) return [];
  // More may have expired than were asked for again.
  const gainPoints = pointsOf(TTL_SPARED_RATIO * Math.min(expired, misses), requests);
  return [{
    code: "longer_ttl",
    type,
    origin: null,
    action: `Let ${type} live longer, twice as long to begin with`,
    evidence: `${countOf(expired, "entry", "entries")} that had been read expired, beside ` +
      `${countOf(misses, "miss", "misses")}; ${countText(removed.evicted)} were evicted`,
    gain: gainPoints === null
      ? "fewer misses"
      : `up to ${pointsText(gainPoints)} of hits, with values twice as old`,
    gainPoints,
  }];
}

/** What is put in for somebody who never comes; those who waited for theirs have had it. */
function unread(type: string, one: OriginReport, requests: number): Advice[] {
  const { origin, inserted, evictedUnread, expiredUnread } = one;
  const count = evictedUnread + expiredUnread;
  const isJudged = origin !== "demand" && inserted >= ORIGIN_INSERTED_MIN;
  if (!isJudged || count < ORIGIN_UNREAD_RATIO_MIN * inserted) return [];
  const per100 = pointsOf(count, requests);
  const isFetched = origin === "refresh" || origin.startsWith("warm:");
  return [{
    code: "origin_unread",
    type,
    origin,
    action: actionOn(origin, type),
    evidence: `of ${countOf(inserted, "entry", "entries")} put in by ${origin}, ` +
      `${countText(evictedUnread)} were evicted and ${countText(expiredUnread)} expired unread ` +
      `(${percentText(count / inserted)})`,
    gain: isFetched && per100 !== null
      ? `${countOf(count, "key")} fetched for nothing: ${per100.toFixed(1)} for 100 requests`
      : `room for ${countOf(count, "entry", "entries")} that are read`,
    gainPoints: null,
  }];
}

function actionOn(origin: string, type: string): string {
  if (origin.startsWith("warm:")) return `Switch ${origin} off for ${type}`;
  if (origin === "refresh") return `Renew ${type} only when it is asked for`;
  if (origin === "promoted") return `Keep ${type} in the second tier alone`;
  return `Put ${type} in only when it is going to be read`;
}

function outdated({ type, loads, loadsOutdated }: TypeReport): Advice[] {
  if (loads.all < LOADS_MIN || loadsOutdated <= LOADS_OUTDATED_RATIO_MAX * loads.all) return [];
  return [{
    code: "loads_outdated",
    type,
    origin: null,
    action: `Invalidate ${type} less often, or more exactly`,
    evidence: `of ${countOf(loads.all, "load")}, ${countText(loadsOutdated)} came to nothing: ` +
      `what they brought was invalidated while it was on its way`,
    gain: `up to ${countOf(loadsOutdated, "load")} less`,
    gainPoints: null,
  }];
}
