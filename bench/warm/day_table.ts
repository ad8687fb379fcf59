/**
 * One table of plays: what users had, what it cost, and what warming was worth.
 *
 * @module
 */

import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import type { DaySeen } from "../cache/day_run.ts";
import type { Figures } from "../support/figures.ts";
import { type CreditCount, precisionOf } from "./warm_credit.ts";

/** A row. */
export interface Played {
  readonly name: string;
  readonly seen: DaySeen;
  readonly upstream: UpstreamStats;
  readonly meanWaitMs: number;
  /** Null where nobody warmed. */
  readonly credit: CreditCount | null;
}

/** A row out of a play. */
export function playedOf(
  name: string,
  { seen, upstream, meanWaitMs, credit = null }: Omit<Played, "name" | "credit"> & {
    readonly credit?: CreditCount | null;
  },
): Played {
  return { name, seen, upstream, meanWaitMs, credit };
}

const COLUMNS = [
  "fresh %",
  "served %",
  "+fresh",
  "+served",
  "wait ms",
  "calls",
  "keys",
  "+keys",
  "warmed",
  "used %",
];
const NAME_CHARS = 26;
const CELL_CHARS = 10;

/** Notes the rows, each with its lift above one of them, in points, and the keys that it cost. */
export function showTable(
  figures: Figures,
  title: string,
  rows: readonly Played[],
  none: Played,
): void {
  const line = (name: string, cells: readonly string[]) =>
    figures.note(
      name.padEnd(NAME_CHARS) + cells.map((cell) => cell.padStart(CELL_CHARS)).join(""),
    );
  line(title, COLUMNS);
  for (const row of rows) {
    const { credit } = row;
    const isWarmed = credit !== null && credit.warmed > 0;
    line(row.name, [
      fresh(row).toFixed(2),
      served(row).toFixed(2),
      signed(fresh(row) - fresh(none)),
      signed(served(row) - served(none)),
      row.meanWaitMs.toFixed(1),
      String(row.upstream.calls),
      String(row.upstream.keys),
      String(row.upstream.keys - none.upstream.keys),
      isWarmed ? String(credit.warmed) : "–",
      isWarmed ? (100 * precisionOf(credit)).toFixed(1) : "–",
    ]);
  }
}

const fresh = ({ seen }: Played): number => 100 * seen.fresh / seen.requests;
const served = ({ seen }: Played): number => 100 * seen.served / seen.requests;
const signed = (points: number): string => `${points < 0 ? "" : "+"}${points.toFixed(2)}`;
