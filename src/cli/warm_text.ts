/**
 * What warming says of itself, for people.
 *
 * @module
 */

import type { z } from "zod";
import type {
  warmingPatterns,
  warmingRan,
  warmingStats,
  warmingStatus,
} from "../http/warming_schemas.ts";
import { STRATEGY_NAMES, type StrategyName } from "../warm/types.ts";
import { escaped } from "./cache_text.ts";
import type { CliIo } from "./io.ts";
import { textTable } from "./table.ts";
import { bytesText, countOf, countText, spanText, timeText } from "./text.ts";

type Stats = z.output<typeof warmingStats>;
type Status = z.output<typeof warmingStatus>;
type Patterns = z.output<typeof warmingPatterns>;
type Results = z.output<typeof warmingRan>["results"];
type Report = Extract<Results[number], { state: "started" }>["report"];

/** Keys that `patterns` lists of those that trend. */
const TRENDING_SHOWN = 10;
/** Longest bar of an hour, characters. */
const BAR_CHARS = 40;

const MINUTE_MS = 60_000;
const AGO_UNITS: readonly (readonly [string, number])[] = [
  ["d", 1_440 * MINUTE_MS],
  ["h", 60 * MINUTE_MS],
  ["min", MINUTE_MS],
];

/** Why nothing is loaded, as a sentence goes on. */
const PAUSES: Readonly<Record<NonNullable<Status["paused"]>, string>> = {
  disabled: "it is switched off",
  stopped: "the service stops",
  down: "the provider fails or is limiting",
  failing: "loads failed",
  calls: "the calls of this minute are used",
  memory: "its memory is full",
};

// ---- stats --------------------------------------------------------------------------------------

/** What was warmed, used and spent; a line for each strategy. */
export function statsText(stats: Stats, io: CliIo): string {
  const { totalWarmed, totalUsed, totalWasted, totalKeys, totalCalls } = stats;
  const rows = STRATEGY_NAMES.map((name) => {
    const one = stats.byStrategy[name];
    return [
      wordOf(name),
      countText(one.warmed),
      countText(one.used),
      countText(one.wasted),
      percentText(one.precision),
      countText(one.keys),
      countText(one.calls),
      percentText(one.lift),
      one.isThrottled ? "throttled" : one.isEnabled ? "" : "off",
    ];
  });
  const header = ["strategy", "warmed", "used", "wasted", "precision", "keys", "calls", "lift", ""];
  return [
    `${countOf(totalWarmed, "entry", "entries")} warmed since ${minuteText(stats.sinceMs)}: ` +
    `${countText(totalUsed)} used, ${countText(totalWasted)} not\n`,
    `${countOf(totalKeys, "key")} fetched for them in ${countOf(totalCalls, "call")}\n`,
    accessesText(stats),
    budgetText(stats.budget),
    textTable(header, rows, io, [1, 2, 3, 4, 5, 6, 7]),
    reliabilityText(stats, io),
    experimentText(stats, io),
  ].join("");
}

function accessesText({ accesses, hits, fresh, accessesLost, saveError }: Stats): string {
  const share = (part: number) => percentText(accesses === 0 ? null : part / accesses);
  const answered = accesses === 0
    ? ""
    : `: ${share(hits)} answered without a wait, ${share(fresh)} fresh`;
  const lost = accessesLost === 0
    ? ""
    : `${countOf(accessesLost, "access", "accesses")} more came too fast to be noted\n`;
  const unsaved = saveError === null ? "" : `Statistics are not saved: ${escaped(saveError)}\n`;
  return `${countOf(accesses, "access", "accesses")}${answered}\n${lost}${unsaved}`;
}

function budgetText(budget: Stats["budget"]): string {
  const { callsUsed, callsPerMinute, callsRunning, callsAtOnce } = budget;
  return `Budget: ${countText(callsUsed)} of ${countOf(callsPerMinute, "call")} in the last ` +
    `minute, ${countText(callsRunning)} of ${countText(callsAtOnce)} under way,\n` +
    `        ${bytesText(budget.memoryBytes)} of ${bytesText(budget.memoryMaxBytes)} in ` +
    `${countOf(budget.entries, "entry", "entries")}\n`;
}

/** Of what was warmed at a chance, how much was used. */
function reliabilityText({ reliability }: Stats, io: CliIo): string {
  const seen = reliability.filter(({ count }) => count > 0);
  if (seen.length === 0) return "";
  const rows = seen.map(({ from, to, count, predicted, used }) => [
    `${Math.round(from * 100)}–${Math.round(to * 100)} %`,
    countText(count),
    percentText(predicted),
    percentText(used),
  ]);
  return `\n${textTable(["chance", "entries", "expected", "used"], rows, io, [1, 2, 3])}`;
}

function experimentText({ experiment }: Stats, io: CliIo): string {
  if (experiment === null) return "";
  const rows = experiment.variants.map((one) => [
    escaped(one.name),
    countText(one.warmed),
    percentText(one.precision),
    testText(one.precisionTest),
    percentText(one.hitRatio),
    testText(one.hitTest),
    countText(one.keys),
  ]);
  const header = ["variant", "warmed", "precision", "", "hits", "", "keys"];
  const table = textTable(header, rows, io, [1, 2, 3, 4, 5, 6]);
  return `\nExperiment ${escaped(experiment.name)}\n${table}`;
}

/** `+2.1 points, p 0.003 *`; the star says that it is significant. */
function testText(test: Test | null): string {
  if (test === null) return "";
  const points = 100 * test.difference;
  const sign = points > 0 ? "+" : "";
  const mark = test.isSignificant ? " *" : "";
  return `${sign}${points.toFixed(1)} points, p ${test.pValue.toFixed(3)}${mark}`;
}

type Test = NonNullable<NonNullable<Stats["experiment"]>["variants"][number]["hitTest"]>;

// ---- status -------------------------------------------------------------------------------------

/** What is going on; for each strategy when it runs next and what its last run came to. */
export function statusText(status: Status, io: CliIo): string {
  const { paused, cycleCount, waitingKeys, loadingKeys, trackedKeys, keysMax } = status;
  const how = paused === null ? "" : `Nothing is loaded now: ${PAUSES[paused]}\n`;
  const rows = STRATEGY_NAMES.map((name) => {
    const last = status.lastResults[name];
    return [
      wordOf(name),
      stateOf(status, name),
      nextText(status, name),
      last === undefined ? "" : agoText(status.atMs - last.atMs),
      // What was proposed is their sum: without it the table fits into 80 columns.
      ...reportCells(last).slice(1),
    ];
  });
  const header = ["strategy", "state", "next", "last", ...REPORT_HEADER.slice(1)];
  return `${countOf(cycleCount, "run")}; ${countOf(waitingKeys, "key")} waiting, ` +
    `${countText(loadingKeys)} being loaded\n` +
    `Accesses are counted of ${countText(trackedKeys)} of at most ${countOf(keysMax, "key")}\n` +
    how +
    textTable(header, rows, io, [4, 5, 6]) +
    status.throttled.map((one) =>
      `${wordOf(one.strategy)} is throttled since ${minuteText(one.sinceMs)}: ` +
      `${percentText(one.precision)} used, expected ${percentText(one.floor)}; ` +
      `tried again ${dueText(one.probeAtMs, status.atMs)}\n`
    ).join("");
}

function stateOf({ strategies, running, throttled }: Status, name: StrategyName): string {
  if (running.includes(name)) return "running";
  if (!strategies[name].isEnabled) return "off";
  return throttled.some(({ strategy }) => strategy === name) ? "throttled" : "on";
}

function nextText({ strategies, nextRuns, atMs }: Status, name: StrategyName): string {
  const { isEnabled, schedule } = strategies[name];
  if (!isEnabled) return "";
  if (schedule.kind === "access") return "with each read";
  if (schedule.kind === "expiry") return "as entries end";
  const nextMs = nextRuns[name] ?? null;
  if (nextMs !== null) return dueText(nextMs, atMs);
  return schedule.kind === "event" ? "no date known" : "never";
}

function dueText(dueMs: number, nowMs: number): string {
  return dueMs <= nowMs ? "now" : `in ${spanText(dueMs - nowMs)}`;
}

// ---- runs ---------------------------------------------------------------------------------------

const REPORT_HEADER = ["proposed", "to load", "there", "unlikely"] as const;

function reportCells(report: Report | undefined): string[] {
  if (report === undefined) return ["", "", "", ""];
  const { proposed, wanted, present, belowFloor } = report;
  return [proposed, wanted, present, belowFloor].map(countText);
}

const REASONS: Readonly<Record<string, string>> = {
  running: "refused: still running",
  stopped: "refused: service stops",
  down: "provider fails or limits",
};

/** What came of runs by hand. */
export function ranText(results: Results, io: CliIo): string {
  const rows = results.map((one) => [
    wordOf(one.strategy),
    ...reportCells(one.state === "started" ? one.report : undefined),
    one.state === "started" ? "started" : REASONS[one.reason] ?? one.reason,
  ]);
  return textTable(["strategy", ...REPORT_HEADER, "state"], rows, io, [1, 2, 3, 4]);
}

// ---- patterns -----------------------------------------------------------------------------------

/** What is asked for most, what more than before, and when. */
export function patternsText(patterns: Patterns, io: CliIo): string {
  const { totalAccesses, uniqueKeys, top10, trending, byHour } = patterns;
  const keyRow = ({ key, accesses, chance }: Patterns["top10"][number]) => [
    escaped(key),
    accesses.toFixed(1),
    percentText(chance),
  ];
  const top = textTable(["most asked for", "a day", "chance"], top10.map(keyRow), io, [1, 2]);
  const trends = trending.slice(0, TRENDING_SHOWN).map((one) => [
    ...keyRow(one),
    `${one.ratio.toFixed(1)}×`,
  ]);
  const trendTable = textTable(["trending", "a day", "chance", "usual"], trends, io, [1, 2, 3]);
  const most = Math.max(...byHour, Number.MIN_VALUE);
  const hours = byHour.map((share, hour) => {
    const bar = "█".repeat(Math.round(BAR_CHARS * share / most));
    return `  ${String(hour).padStart(2, "0")}  ${percentText(share).padStart(6)}  ${bar}`
      .trimEnd();
  });
  return [
    `${countOf(totalAccesses, "access", "accesses")} to about ${countOf(uniqueKeys, "key")}\n`,
    top10.length === 0 ? "" : `\n${top}`,
    trends.length === 0 ? "" : `\n${trendTable}`,
    totalAccesses === 0 ? "" : `\nBy hour in New York\n${hours.join("\n")}\n`,
  ].join("");
}

// ---- words --------------------------------------------------------------------------------------

/** A strategy as people write it. */
function wordOf(name: StrategyName): string {
  return name.replaceAll("_", "-");
}

/** A time for people, UTC, to the minute. */
function minuteText(ts: number): string {
  return timeText(ts - ts % MINUTE_MS);
}

/** `40 s ago`, `12 min ago`, `3 h ago`, `2 d ago`. */
function agoText(ms: number): string {
  const [unit, unitMs] = AGO_UNITS.find(([, unitMs]) => ms >= unitMs) ?? ["s", 1_000];
  return `${Math.max(0, Math.floor(ms / unitMs))} ${unit} ago`;
}

function percentText(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}
