/**
 * Scores, ids, durations and reasons, as `wick refresh` says them.
 *
 * @module
 */

import type { BestSet, PublishedSet } from "../refresh/published.ts";
import type { StaleReason } from "../refresh/staleness.ts";
import { escaped } from "./cache_text.ts";
import type { CliIo } from "./io.ts";
import { textTable } from "./table.ts";
import { countOf, countText, spanText, timeText } from "./text.ts";

/** Digits of a number that are shown; JSON has all. */
const DIGITS = 6;
/** Least room of an id on a terminal, characters: two pairs of currencies. */
const ID_CHARS_MIN = 16;

/** A row of a list of facts; null leaves it out. */
export type Fact = readonly [name: string, text: string | null];

/** Facts below each other, whole on any terminal. */
export function factsText([head, ...facts]: readonly [Fact, ...Fact[]], io: CliIo): string {
  const rows = facts.filter(([, text]) => text !== null).map(([name, text]) => [name, text ?? ""]);
  const { columns, hasColour } = io;
  return textTable([head[0], head[1] ?? ""], rows, {
    columns,
    hasColour,
    isTerminal: { stdout: false, stderr: false },
  });
}

/** A number with six digits that count. */
export function numberText(value: number | null): string {
  return value === null ? "–" : String(Number(value.toPrecision(DIGITS)));
}

/** Numbers of one column: all with as many decimals, six digits of the largest. */
export function numberTexts(values: readonly (number | null)[]): string[] {
  const largest = values.reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  const power = largest === 0 ? 0 : Math.floor(Math.log10(largest));
  const isPlain = power >= -3 && power <= 12;
  const decimals = Math.max(0, DIGITS - 1 - Math.max(0, power));
  return values.map((value) =>
    value === null ? "–" : isPlain ? value.toFixed(decimals) : value.toExponential(DIGITS - 1)
  );
}

/** An id, cut on a terminal at so many hundredths of its width. */
export function idText(id: string, io: CliIo, share = 25): string {
  const text = escaped(id);
  if (!io.isTerminal.stdout) return text;
  const most = Math.max(ID_CHARS_MIN, Math.floor(io.columns() * share / 100));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** `0 ms`, `< 0.001 ms`, `0.041 ms`, `1.24 ms`, `85.1 ms`, `412 ms`, `1.3 s`. */
export function durationText(ms: number): string {
  if (ms >= 999.5 || ms === 0) return spanText(ms);
  if (ms < 0.000_5) return "< 0.001 ms";
  if (ms >= 99.95) return `${ms.toFixed(0)} ms`;
  return `${ms.toFixed(ms < 0.0995 ? 3 : ms < 9.995 ? 2 : 1)} ms`;
}

/** A time for people, UTC, to the second, all as long as each other. */
export function secondText(ts: number | null): string {
  if (ts === null) return "never";
  const text = timeText(ts - ts % 1_000);
  return /:\d\d:\d\d$/.test(text) ? text : `${text}:00`;
}

/** A share as `12.3 %`. */
export function percentText(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}

/** A set and its score. */
export function bestText({ setId, score }: Pick<BestSet, "setId" | "score">): string {
  return `${escaped(setId)} ${numberText(score)}`;
}

/** Why a run is stale, as a clause. */
export function staleText(one: StaleReason): string {
  switch (one.reason) {
    case "never_refreshed":
      return "no refresh has succeeded yet";
    case "revision_gap":
      return `${countOf(one.changes, "change")} since the last refresh`;
    case "unapplied_change":
      return `the oldest change waits for ${spanText(one.ageMs)}`;
    case "age":
      return `the last refresh was ${spanText(one.ageMs)} ago`;
    case "failures":
      return `${countOf(one.failures, "refresh", "refreshes")} in a row failed`;
    case "structure_changed":
      return `${countOf(one.changes, "change")} of edges, sets or what the scorer keeps`;
    case "sets_failed":
      return `${countOf(one.sets, "set")} without a score: the scorer throws on them`;
  }
}

/** What has become of what is published; null when nothing is known. */
export function markText({ mark, currentScore, score }: PublishedSet): string | null {
  const now = currentScore === null ? "has no score now" : `scores ${numberText(currentScore)} now`;
  switch (mark) {
    case "none":
      return currentScore === null || currentScore === score ? null : `it ${now}`;
    case "own_edges_moved":
      return `its edges moved: it ${now}`;
    case "rescored":
      return `scored anew: it ${now}`;
    case "removed":
      return "it was removed";
    case "unscored":
      return "the scorer throws on it";
  }
}

/** Counts that are not zero: `2 timeout, 1 scorer`; empty when all are. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).filter(([, count]) => count > 0)
    .map(([name, count]) => `${countText(count)} ${name.replaceAll("_", " ")}`).join(", ");
}
