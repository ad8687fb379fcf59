/**
 * What the refresh coordinator says of itself and of its runs, for people.
 *
 * @module
 */

import type {
  DurationFigures,
  RefreshReport,
  RefreshWhy,
  RunEvent,
  RunMetadata,
} from "../refresh/run_types.ts";
import type { MemberValue, RunExplanation } from "../refresh/service_types.ts";
import { escaped } from "./cache_text.ts";
import type { CliIo } from "./io.ts";
import {
  bestText,
  countsText,
  durationText,
  type Fact,
  factsText,
  idText,
  markText,
  numberText,
  numberTexts,
  secondText,
  staleText,
} from "./refresh_words.ts";
import { textTable } from "./table.ts";
import { countOf, countText } from "./text.ts";

/** Best scores of the past that a run shows, of those that JSON has. */
const HISTORY_SHOWN = 5;
/** Things that a run had to say that its explanation shows. */
const EVENTS_SHOWN = 12;

// ---- runs ---------------------------------------------------------------------------------------

/** A line for each run. */
export function runsText(runs: readonly RunMetadata[], io: CliIo): string {
  if (runs.length === 0) return "No runs\n";
  const scores = numberTexts(runs.map(({ publishedBest }) => publishedBest?.score ?? null));
  const rows = runs.map((run, i) => [
    idText(run.runId, io, 20),
    stateOf(run),
    countText(run.edges),
    countText(run.sets),
    countText(run.counters.refreshes),
    secondText(run.lastRefreshAtMs),
    scores[i] ?? "",
    run.publishedBest === null ? "" : escaped(run.publishedBest.setId),
  ]);
  const header = ["run", "state", "edges", "sets", "refreshes", "refreshed", "score", "published"];
  return textTable(header, rows, io, [2, 3, 4, 6]);
}

function stateOf({ isRefreshing, isStale }: RunMetadata): string {
  return isRefreshing ? "refreshing" : isStale ? "stale" : "fresh";
}

/** All there is to know of a run. */
export function runText(run: RunMetadata, io: CliIo): string {
  return factsText([["run", run.runId], ...runFacts(run), ...counterFacts(run)], io) +
    durationsText(run, io) +
    historyText(run, io);
}

function runFacts(run: RunMetadata): Fact[] {
  const { liveBest, publishedBest, bestEver } = run;
  const [first, ...reasons] = run.staleReasons.map(staleText);
  const state = stateOf(run);
  return [
    ["state", first === undefined ? state : `${state}: ${first}`],
    ...reasons.map((reason): Fact => ["", reason]),
    ["published", publishedBest === null ? "nothing" : bestText(publishedBest)],
    ["", publishedBest === null ? null : `since ${secondText(publishedBest.atMs)}`],
    ["", publishedBest === null ? null : markText(publishedBest)],
    ["best now", liveBest === null ? "not known" : bestText(liveBest)],
    ["best ever", bestEver === null ? null : bestText(bestEver)],
    ["", bestEver === null ? null : `at ${secondText(bestEver.atMs)}`],
    ["over", `${countOf(run.edges, "edge")} in ${countOf(run.sets, "set")}`],
    ["", run.failedSets === 0 ? null : `${countOf(run.failedSets, "set")} without a score`],
    ["made", secondText(run.createdAtMs)],
    [
      "refreshed",
      `${secondText(run.lastRefreshAtMs)}; ${countOf(run.edgesChangedSince, "edge")} changed since`,
    ],
  ];
}

function counterFacts(run: RunMetadata) {
  const { counters, fallbacksBy, audits, setsAffected, fallsHeld, epsilon } = run;
  const { refreshes, evaluated, skipped, changed, unchanged, held, rescored } = counters;
  const fell = countsText(fallbacksBy);
  const facts: Fact[] = [
    [
      "refreshes",
      `${countText(refreshes)}: ${countText(counters.partial)} partial of ` +
      `${countText(counters.partialWanted)} wanted, ${countText(counters.full)} full`,
    ],
    [
      "",
      `${countText(counters.failed)} failed, ${countText(counters.incomplete)} incomplete, ` +
      `${countOf(counters.fallbacks, "fallback")}${fell === "" ? "" : ` (${fell})`}`,
    ],
    ["", held === 0 ? null : `${countText(held)} held back: too few edges had changed`],
    [
      "sets",
      `${countText(evaluated)} scored: ${countText(changed)} changed, ` +
      `${countText(unchanged)} did not`,
    ],
    ["", `${countText(skipped)} skipped by their bound, ${countText(rescored)} scored to check`],
    ["", `the last refresh looked at ${countText(setsAffected)}`],
    [
      "moves",
      `${countText(counters.publications)} of what is published; least difference ` +
      numberText(epsilon),
    ],
    ["", fallsHeld === 0 ? null : `${countOf(fallsHeld, "fall")} held back`],
    [
      "audits",
      audits.every === 0
        ? "none"
        : `${countText(audits.audits)}, one in ${countText(audits.every)} refreshes; ${
          countText(audits.mismatches)
        } did not match, ${countText(audits.cutOff)} cut off`,
    ],
  ];
  return facts;
}

function durationsText({ partialMs, fullMs, partialCost, fullMsPerSet }: RunMetadata, io: CliIo) {
  const row = (name: string, figures: DurationFigures, cost: string) => [
    name,
    countText(figures.count),
    ...[figures.meanMs, figures.p50Ms, figures.p99Ms, figures.maxMs].map((ms) =>
      figures.count === 0 ? "–" : durationText(ms)
    ),
    cost,
  ];
  const perSet = (ms: number) => `${numberText(Number((1_000 * ms).toPrecision(3)))} µs a set`;
  const rows = [
    row(
      "partial",
      partialMs,
      partialCost === null
        ? ""
        : `${durationText(partialCost.baseMs)} + ${perSet(partialCost.msPerSet)}`,
    ),
    row("full", fullMs, fullMsPerSet === null ? "" : perSet(fullMsPerSet)),
  ];
  const header = ["took", "times", "mean", "p50", "p99", "max", "expected"];
  return `\n${textTable(header, rows, io, [1, 2, 3, 4, 5])}`;
}

function historyText({ history }: RunMetadata, io: CliIo): string {
  const shown = history.slice(-HISTORY_SHOWN);
  if (shown.length < 2) return "";
  const scores = numberTexts(shown.map(({ score }) => score));
  const rows = shown.map(({ atMs, revision, setId }, i) => [
    secondText(atMs),
    countText(revision),
    scores[i] ?? "",
    escaped(setId),
  ]);
  return `\n${textTable(["best at", "revision", "score", "set"], rows, io, [1, 2])}`;
}

// ---- a refresh ----------------------------------------------------------------------------------

/** Why a refresh was as it was. */
const WHY: Readonly<Record<RefreshWhy, string>> = {
  partial_cheaper: "that is expected to be cheaper",
  full_cheaper: "that is expected to be cheaper",
  trial: "to learn what a rebuild costs",
  first: "nothing was evaluated before",
  asked: "as it was asked for",
  untrusted: "the one before failed",
  audit: "an audit did not match",
};

/** What came of a refresh. */
export function reportText(runId: string, report: RefreshReport, io: CliIo): string {
  const { fault, fallback, best, publication, failedSets } = report;
  const before = publication?.before ?? null;
  const moved = publication === null
    ? "as before"
    : `${bestText(publication.best)} (${publication.cause.replaceAll("_", " ")})`;
  return factsText([
    ["run", escaped(runId)],
    ["refresh", `${report.state}: ${report.kind}, ${WHY[report.why]}`],
    ["fault", fault === null ? null : `${fault.reason}: ${escaped(fault.detail)}`],
    ["fallback", fallback === null ? null : `rebuilt after: ${fallback}`],
    ["best", best === null ? "not known" : bestText(best)],
    ["published", moved],
    ["before", before === null ? null : bestText(before)],
    [
      "sets",
      `${countText(report.setsAffected)} affected, ${countText(report.evaluated)} scored, ` +
      `${countText(report.skipped)} skipped, ${countText(report.changed)} changed`,
    ],
    ["", failedSets === 0 ? null : `${countOf(failedSets, "set")} without a score`],
    ["took", durationText(report.busyMs)],
  ], io);
}

// ---- an explanation -----------------------------------------------------------------------------

/** Why a run is where it is, what a refresh would do, and how one set stands. */
export function explanationText(found: RunExplanation, io: CliIo): string {
  const { run, scorer, next, waitingEdges, dirtySets, set } = found;
  const ms = (predicted: number | null) =>
    predicted === null ? "not known" : durationText(predicted);
  const facts = factsText([
    ["run", found.runId],
    ["scorer", `${escaped(scorer.name)}: ${escaped(scorer.description)}`],
    ...runFacts(run),
    [
      "waiting",
      `${countOf(waitingEdges, "changed edge")}, ${countOf(dirtySets, "set")} to be looked at`,
    ],
    ["next", next.mustRebuild === null ? next.kind : `full: ${escaped(next.mustRebuild)}`],
    ["", `partial would take ${ms(next.partialMs)}, a rebuild ${ms(next.fullMs)}`],
  ], io);
  const published = run.publishedBest === null
    ? ""
    : `\n${membersText("published", found.published, io)}`;
  return `${facts}${published}${set === null ? "" : setText(set, io)}${eventsText(found, io)}`;
}

function membersText(what: string, members: readonly MemberValue[], io: CliIo): string {
  const values = numberTexts(members.map(({ value }) => value));
  const rows = members.map(({ edgeId }, i) => [escaped(edgeId), values[i] ?? ""]);
  return textTable([what, "value"], rows, io, [1]);
}

const SET_STATES: Readonly<Record<NonNullable<RunExplanation["set"]>["state"], string>> = {
  clean: "up to date",
  failed: "without a score: the scorer throws on it",
  dirty: "to be scored by the next refresh",
  stale: "not scored since its edges moved: it cannot be the best",
};

function setText(set: NonNullable<RunExplanation["set"]>, io: CliIo): string {
  const facts = factsText([
    ["set", escaped(set.setId)],
    ["state", SET_STATES[set.state]],
    ["last score", numberText(set.lastScore)],
    ["at most", set.upper === null ? null : numberText(set.upper)],
    ["score now", set.error === null ? numberText(set.scoreNow) : "none"],
    ["error", set.error === null ? null : escaped(set.error)],
  ], io);
  return `\n${facts}\n${membersText("member", set.members, io)}`;
}

function eventsText({ events }: RunExplanation, io: CliIo): string {
  if (events.length === 0) return "";
  const rows = events.slice(-EVENTS_SHOWN).map(({ atMs, event }) => [
    secondText(atMs),
    event.type.replaceAll("_", " "),
    eventText(event),
  ]);
  return `\n${textTable(["at", "event", "what"], rows, io)}`;
}

function eventText(event: RunEvent): string {
  switch (event.type) {
    case "published": {
      const { best, cause, isFall } = event.publication;
      return `${bestText(best)}, ${cause.replaceAll("_", " ")}${isFall ? ", lower" : ""}`;
    }
    case "withdrawn":
      return `${bestText(event.before)}: there is no set any more`;
    case "marked":
      return `${escaped(event.setId)}: ${event.mark.replaceAll("_", " ")}, scores ` +
        numberText(event.currentScore);
    case "best_ever":
      return bestText(event.best);
    case "set_failed":
      return `${escaped(event.setId)}: ${escaped(event.error)}`;
    case "fallback":
      return `${event.fault.reason}: ${escaped(event.fault.detail)}`;
    case "failed":
      return `${countText(event.failuresInRow)} in a row: ${event.fault.reason}: ` +
        escaped(event.fault.detail);
    case "rejected":
      return `${escaped(event.change)}: ${escaped(event.detail)}`;
    case "audit_failed":
      return `at revision ${countText(event.revision)}: ${escaped(event.detail)}`;
    case "audit_overdue":
      return `${countOf(event.cutOff, "audit")} in a row cut off`;
    case "stale":
      return event.reasons.map(staleText).join("; ");
    case "fresh":
      return "";
  }
}

/** A line for each scorer. */
export function scorersText(
  scorers: readonly { readonly name: string; readonly description: string }[],
  io: CliIo,
): string {
  const rows = scorers.map(({ name, description }) => [escaped(name), escaped(description)]);
  return textTable(["scorer", "what"], rows, io);
}
