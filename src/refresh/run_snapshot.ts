/**
 * Checks what is read back of a run: a type says nothing about bytes.
 *
 * @module
 */

import { MEMBERS_MAX } from "./candidate_sets.ts";
import { RefreshError } from "./error.ts";
import type { BestSet, PublishedMark, PublishedSet } from "./published.ts";
import { COUNTER_NAMES, FALLBACK_REASONS, HISTORY_MAX } from "./run_book.ts";
import type { RunSnapshot } from "./run_types.ts";

const MARKS: readonly PublishedMark[] = [
  "none",
  "own_edges_moved",
  "rescored",
  "removed",
  "unscored",
];

/**
 * The snapshot, if it is one of that run. The cost model checks its own part.
 *
 * @throws {RefreshError} code `snapshot`.
 */
export function checkedRunSnapshot(snapshot: RunSnapshot, runId: string): RunSnapshot {
  const given: unknown = snapshot;
  if (!isObject(given) || given.version !== 1) throw wrong("version 1", given);
  if (given.runId !== runId) throw wrong(`run ${runId}`, given.runId);
  expect(isTime(given.createdAtMs), "a time createdAtMs", given.createdAtMs);
  const { lastRefreshAtMs } = given;
  expect(lastRefreshAtMs === null || isTime(lastRefreshAtMs), "a time", lastRefreshAtMs);
  expect(isCount(given.revision), "a whole revision", given.revision);
  expect(isCount(given.failuresInRow), "a whole failuresInRow", given.failuresInRow);
  expect(given.published === null || isPublished(given.published), "a set", given.published);
  expect(given.bestEver === null || isBest(given.bestEver), "a set", given.bestEver);
  const { history } = given;
  const isHistory = Array.isArray(history) && history.length <= HISTORY_MAX &&
    history.every(isPoint);
  expect(isHistory, `at most ${HISTORY_MAX} scores`, history);
  expect(hasCounts(given.counters, COUNTER_NAMES), "whole counters", given.counters);
  expect(hasCounts(given.fallbacksBy, FALLBACK_REASONS), "whole fallbacks", given.fallbacksBy);
  const auditNames = ["audits", "mismatches", "cutOff", "every", "since"];
  expect(hasCounts(given.audits, auditNames), "whole audits", given.audits);
  return snapshot;
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown) => typeof value === "number" && Math.abs(value) <= 8.64e15;

const isPoint = (value: unknown) =>
  isObject(value) && typeof value.setId === "string" && Number.isFinite(value.score) &&
  isCount(value.revision) && isTime(value.atMs);

function isBest(value: unknown): value is BestSet {
  if (!isPoint(value)) return false;
  const { members } = value as Fields;
  return Array.isArray(members) && members.length <= MEMBERS_MAX &&
    members.every((member) => typeof member === "string");
}

function isPublished(value: unknown): value is PublishedSet {
  if (!isBest(value)) return false;
  const { mark, currentScore } = value as unknown as Fields;
  return MARKS.some((known) => known === mark) &&
    (currentScore === null || Number.isFinite(currentScore));
}

const hasCounts = (value: unknown, names: readonly string[]) =>
  isObject(value) && names.every((name) => isCount(value[name]));

function expect(isRight: boolean, expected: string, value: unknown): void {
  if (!isRight) throw wrong(expected, value);
}

function wrong(expected: string, value: unknown): RefreshError {
  const text = (JSON.stringify(value) ?? String(value)).slice(0, 80);
  return new RefreshError(
    "snapshot",
    `Cannot restore a run: expected ${expected}: current value is ${text}`,
  );
}
