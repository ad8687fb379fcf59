/**
 * The report of a schedule on which two implementations differ.
 *
 * @module
 */

import type { Divergence, Outcome } from "./outcome.ts";
import type { Schedule } from "./schedule.ts";
import { formatChanges, formatRow, formatStep, formatTree } from "./text.ts";

/** An outcome and what to call it. */
export interface NamedOutcome {
  readonly name: string;
  readonly outcome: Outcome;
}

/**
 * Text with the tree, the steps up to the difference with what each caused, and both sides of the
 * first row that differs. All but the schedule is behind `#`, so `parseSchedule` reads it.
 */
export function formatDivergence(
  schedule: Schedule,
  where: Divergence,
  ours: NamedOutcome,
  theirs: NamedOutcome,
): string {
  const lines = [formatTree(schedule)];
  for (let step = 0; step < where.row; step++) {
    const agreed = step + 1 < where.row;
    const changes = agreed ? formatChanges(theirs.outcome, step + 1) : "the first difference";
    lines.push(`${formatStep(schedule, step)}${changes === "" ? "" : `  # ${changes}`}`);
  }
  lines.push(`# difference: ${formatWhat(where)}`);
  for (const { name, outcome } of [theirs, ours]) {
    if (where.row >= outcome.rows) {
      lines.push(`# ${name}: ended after ${outcome.rows} rows`);
      continue;
    }
    const changes = outcome.ordered ? formatChanges(outcome, where.row) || "nothing" : "not told";
    lines.push(`# ${name}: ${changes}`, `#   => ${formatRow(outcome, where.row)}`);
  }
  return lines.join("\n");
}

function formatWhat({ what, node }: Divergence): string {
  switch (what) {
    case "alive":
      return `whether n${node} is alive`;
    case "starts":
      return `how often n${node} was started`;
    case "giveUps":
      return `how often n${node} gave up`;
    case "order":
      return "the order of starts and stops";
    case "rows":
      return "the number of rows";
  }
}
