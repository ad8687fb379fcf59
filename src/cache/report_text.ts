/**
 * A report on the cache as lines for the console.
 *
 * @module
 */

import type { Advice, CacheReport, TypeReport } from "./report_types.ts";
import {
  countOf,
  countText,
  millisText,
  NONE,
  percentText,
  perHundredText,
  sizeText,
} from "./report_units.ts";

const EDGE_UNITS: readonly (readonly [unit: string, sizeMs: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** Lines of the report, without line ends: a summary, then a table for each part. */
export function cacheReportText(report: CacheReport): string[] {
  return [
    ...summary(report),
    ...section("By type", typeRows(report)),
    ...section("Out of the cache", removalRows(report)),
    ...section("Fresh for less than", ttlLeftRows(report)),
    ...section("Put in, and never read", originRows(report)),
    ...section("Shards", shardRows(report)),
    ...list("Another size", report.curve.filter((one) => one.sizeRatio !== 1).map(curveText)),
    ...list("Recommendations", report.advice.flatMap(adviceText)),
  ];
}

function summary({ total, shards, tier, upstream, protection }: CacheReport): string[] {
  const sum = (of: (shard: CacheReport["shards"][number]) => number) =>
    shards.reduce((all, shard) => all + of(shard), 0);
  const { entries, weightBytes, secondTierShare } = total;
  const max = sum((shard) => shard.entriesMax);
  const lines = [
    `${countOf(total.requests, "request")}: ${percentText(total.servedRatio)} served at once ` +
    `(${percentText(total.freshRatio)} fresh), ${countOf(total.misses, "miss", "misses")}, ` +
    `${perHundredText(total.keysPer100)} keys loaded for 100 requests`,
    `${countText(entries)} of ${countOf(max, "entry", "entries")}, ${sizeText(weightBytes)}, in ` +
    `${countOf(shards.length, "shard")}; ${
      countOf(sum((shard) => shard.flights), "load")
    } under way`,
  ];
  if (upstream.endpoints.length > 0) {
    lines.push(
      // Whoever else asks the provider is in its counts, and it may have started earlier.
      `Provider, for all who ask it: ${countOf(upstream.calls, "call")} (${
        countText(upstream.failed)
      } failed) for ${countOf(upstream.keys, "key")}: ${
        perHundredText(upstream.callsPer100)
      } calls and ${perHundredText(upstream.keysPer100)} keys for 100 requests here`,
    );
  }
  if (tier !== null) {
    lines.push(
      `Second tier: ${tier.kind}, ${tier.state}, ${countOf(tier.entries, "entry", "entries")}, ` +
        `${sizeText(tier.bytes)}${
          tier.bytesMax === null ? "" : ` of ${sizeText(tier.bytesMax)}`
        }; ` +
        `${percentText(secondTierShare)} of the hits` +
        (tier.state === "up" || tier.lastError === null ? "" : `; ${tier.lastError}`),
    );
  }
  if (protection.patterns.length > 0) {
    const { entries, entriesMax, patterns, refused } = protection;
    lines.push(
      `Protected: ${countText(entries)} of at most ${countText(entriesMax)} by ` +
        `${countOf(patterns.length, "pattern")}${
          refused === 0 ? "" : `, ${countText(refused)} refused`
        }`,
    );
  }
  return lines;
}

function typeRows({ total, types }: CacheReport): string[][] {
  if (types.length === 0) return [];
  const header = [
    ...["type", "requests", "served", "fresh", "stale", "missed"],
    ...["loads", "failed", "keys/100", "wait p50", "p95", "p99"],
  ];
  const row = (one: TypeReport) => [
    one.type,
    countText(one.requests),
    percentText(one.servedRatio),
    percentText(one.freshRatio),
    countText(one.staleHits),
    countText(one.misses),
    countText(one.loads.all),
    countText(one.loadFailures),
    perHundredText(one.keysPer100),
    millisText(one.wait.p50Seconds),
    millisText(one.wait.p95Seconds),
    millisText(one.wait.p99Seconds),
  ];
  return [header, ...types.map(row), row(total)];
}

function removalRows({ total, types }: CacheReport): string[][] {
  if (types.length === 0) return [];
  const row = ({ type, removed, inserted, pollutionRatio }: TypeReport) => [
    type,
    countText(inserted),
    ...(["evicted", "expired", "invalidated", "replaced", "flushed"] as const).map((cause) =>
      countText(removed[cause])
    ),
    percentText(pollutionRatio),
  ];
  const header = ["type", "put in", "evicted", "expired", "invalidated", "replaced", "flushed"];
  return [[...header, "pollution"], ...types.map(row), row(total)];
}

function ttlLeftRows({ total, types }: CacheReport): string[][] {
  if (total.entries === 0) return [];
  const row = ({ type, ttlLeft: { stale, spans, never } }: TypeReport) => [
    type,
    countText(stale),
    ...spans.map(({ entries }) => countText(entries)),
    countText(never),
  ];
  const edges = total.ttlLeft.spans.map(({ belowMs }) =>
    belowMs === null ? "longer" : edgeText(belowMs)
  );
  return [["type", "stale", ...edges, "no end"], ...types.map(row), row(total)];
}

/** `1 s`, `10 min`, `1 d`: the edges of spans are whole ones. */
function edgeText(ms: number): string {
  const [unit, sizeMs] = EDGE_UNITS.find(([, sizeMs]) => ms >= sizeMs) ?? ["ms", 1];
  return `${ms / sizeMs} ${unit}`;
}

function originRows({ types }: CacheReport): string[][] {
  const rows = types.flatMap(({ type, origins }) =>
    origins.map((one) => [
      type,
      one.origin,
      countText(one.inserted),
      countText(one.evictedUnread),
      countText(one.expiredUnread),
      percentText(one.pollutionRatio),
    ])
  );
  const header = ["type", "by", "put in", "evicted", "expired", "pollution"];
  return rows.length === 0 ? [] : [header, ...rows];
}

function shardRows({ shards }: CacheReport): string[][] {
  if (shards.length === 0) return [];
  const header = ["shard", "policy", "chosen", "requests", "served", "entries", "of", "size"];
  return [
    header,
    ...shards.map((one) => [
      String(one.shard),
      one.policy,
      one.choice ?? NONE,
      countText(one.requests),
      percentText(one.servedRatio),
      countText(one.entries),
      countText(one.entriesMax),
      sizeText(one.weightBytes),
    ]),
  ];
}

function curveText({ text, hitRatio }: CacheReport["curve"][number]): string {
  return `${text} (${percentText(hitRatio)})`;
}

function adviceText({ action, evidence, gain }: Advice, at: number): string[] {
  return [`${at + 1}. ${action}`, `   since ${evidence}`, `   gain: ${gain}`];
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return list(title, rows.length === 0 ? [] : columns(rows));
}

/** Columns of which one holds a number stand to the right, all others to the left. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const [header = []] = rows;
  const widths = header.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  const isNumber = header.map((_, at) =>
    at > 0 && rows.slice(1).every((row) => /^([\d,.]+( \S+)?|–)$/.test(row[at] ?? ""))
  );
  return rows.map((row) =>
    row.map((cell, at) =>
      isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
    ).join("  ").trimEnd()
  );
}
