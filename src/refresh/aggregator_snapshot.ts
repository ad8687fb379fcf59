/**
 * Checks what an aggregator saved. What its parts saved is checked by them.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import type { FoldedChange } from "./aggregator_pending.ts";
import type { AggregatorSnapshot, AggregatorTotals } from "./aggregator_types.ts";
import { MAGNITUDE_CLASSES, refusalOf } from "./magnitude.ts";

const TOTALS: readonly (keyof AggregatorTotals)[] = [
  "recorded",
  "folded",
  "refused",
  "minor",
  "moderate",
  "major",
  "ticks",
  "fired",
  "regrouped",
];

/**
 * A snapshot whose own part was checked.
 *
 * @throws {RefreshError} code `snapshot`.
 */
export function checkedAggregator(value: unknown): AggregatorSnapshot {
  if (typeof value !== "object" || value === null) throw wrong("expected an object", value);
  const given = value as Readonly<Partial<Record<keyof AggregatorSnapshot, unknown>>>;
  const { version, edges, pending, correlations } = given;
  if (version !== 1) throw wrong("expected version 1", version);
  if (!Array.isArray(edges)) throw wrong("expected a list of edges", edges);
  if (!Array.isArray(pending)) throw wrong("expected a list of changes", pending);
  if (typeof correlations !== "object") throw wrong("expected correlations or null", correlations);
  pending.forEach(checkChange);
  const totals = (given.totals ?? {}) as Readonly<Record<string, unknown>>;
  for (const name of TOTALS) {
    const total = totals[name];
    if (!(typeof total === "number" && total >= 0 && Number.isFinite(total))) {
      throw wrong(`expected a number from 0 for ${name}`, total);
    }
  }
  return {
    ...value as AggregatorSnapshot,
    totals: totals as Record<keyof AggregatorTotals, number>,
  };
}

function checkChange(value: unknown): void {
  if (typeof value !== "object" || value === null) throw wrong("expected changes", value);
  const change = value as FoldedChange;
  const isRight = refusalOf(change) === null && MAGNITUDE_CLASSES.includes(change.class) &&
    Number.isInteger(change.count) && change.count >= 1;
  if (!isRight) throw wrong("expected changes that can be taken", value);
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "snapshot",
    `Cannot restore an aggregator: ${expected}: current value is ${shown(value)}`,
  );
