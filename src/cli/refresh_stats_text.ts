/**
 * Figures of all runs, of the aggregator and of providers, for people.
 *
 * @module
 */

import type { RefreshStats, ServedAggregator } from "../refresh/service_types.ts";
import { escaped } from "./cache_text.ts";
import type { CliIo } from "./io.ts";
import { durationText, type Fact, factsText, percentText, secondText } from "./refresh_words.ts";
import { textTable } from "./table.ts";
import { countOf, countText, shortText } from "./text.ts";

/** Runs, refreshes, changes and clusters in figures, and the providers. */
export function statsText(stats: RefreshStats, io: CliIo): string {
  const { runs, staleRuns, partial, full, fallbacks, failed, gate, aggregator } = stats;
  const facts: Fact[] = [
    ["refreshes", `${countText(partial)} partial, ${countText(full)} full`],
    ["", `${countOf(fallbacks, "fallback")}, ${countText(failed)} failed`],
    ["partial", partialText(stats)],
    ["audits", auditText(stats.auditMismatches)],
    ["busy", `${percentText(stats.busyRatio)} of the last seconds`],
    ["changes", `${shortText(gate.changesPerS)} a second of ${countText(gate.offered)} in all`],
    ["mode", `${gate.mode} since ${secondText(gate.sinceMs)}`],
    [
      "",
      `${countText(gate.kept)} kept back now, ${countText(gate.released)} of ` +
      `${countText(gate.deferred)} let through later`,
    ],
    ...(aggregator === null
      ? [["clusters", "not known: the aggregator does not answer"] as const]
      : aggregatorFacts(aggregator)),
  ];
  const stale = staleRuns === 0 ? "none stale" : `${countText(staleRuns)} stale`;
  return factsText([["runs", `${countText(runs)}, ${stale}`], ...facts], io) +
    providersText(stats, io);
}

function partialText({ partialRatio }: RefreshStats): string | null {
  return partialRatio === null ? null : `${percentText(partialRatio)} of those that were to be`;
}

function auditText(mismatches: number): string {
  return `${countText(mismatches)} did not match a rebuild`;
}

function aggregatorFacts(found: ServedAggregator): Fact[] {
  const { edges, clusters, largest, totals, knownPairs, stream, blocks } = found;
  const fired = found.firedRatio === null
    ? ""
    : `, in ${percentText(found.firedRatio)} of the ticks`;
  const source = stream === null ? "" : `, of ${countOf(stream.bars, "bar time")}`;
  const { warmMs } = blocks;
  const took = warmMs === null
    ? ""
    : `, in ${durationText(warmMs.p50)}, 99 % in ${durationText(warmMs.p99)}`;
  const { running, waiting } = blocks;
  return [
    [
      "clusters",
      `${countText(clusters)} of ${countOf(edges, "edge")}, the largest of ${countText(largest)}`,
    ],
    ["", `set off ${countOf(totals.fired, "time")}${fired}`],
    ["correlations", `${countOf(knownPairs, "pair")} known${source}`],
    ["blocks", `${countText(blocks.totals.warmed)} warmed${took}`],
    [
      "",
      `${countText(running.length)} under way, ${countText(waiting.length)} waiting; ` +
      (blocks.hitRatio === null
        ? "none was read yet"
        : `${percentText(blocks.hitRatio)} of the reads found theirs`),
    ],
    ["instruments", instrumentsText(found)],
  ];
}

function instrumentsText({ seq, instruments, isCaughtUp }: ServedAggregator): string {
  if (seq === null) return "not followed";
  const behind = isCaughtUp ? "" : ", with more to come";
  return `${countText(instruments)} followed up to commit ${countText(seq)}${behind}`;
}

function providersText({ providers }: RefreshStats, io: CliIo): string {
  if (providers.length === 0) return "";
  const rows = providers.map(({ name, breaker, calls, failed }) => [
    escaped(name),
    breaker?.replace("_", " ") ?? "no answer",
    countText(calls),
    countText(failed),
  ]);
  return `\n${textTable(["provider", "breaker", "calls", "failed"], rows, io, [2, 3])}`;
}
