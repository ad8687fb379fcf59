/**
 * The supervision tree for people.
 *
 * @module
 */

import type { z } from "zod";
import type { treeNode } from "../http/schemas.ts";
import type { CliIo } from "./io.ts";
import { textTable } from "./table.ts";
import { countText, type Palette, palette, shortText } from "./text.ts";

/** A node as the service describes it. */
export type TreeNode = z.output<typeof treeNode>;

const HEADER = ["actor", "state", "queue", "done/s", "p99 ms", "wait ms", "restarts", "dead"];
const RIGHT = [2, 3, 4, 5, 6, 7];

/** The tree as a table, one node a line, with its lines drawn. */
export function treeText(root: TreeNode, io: CliIo): string {
  const rows: string[][] = [];
  addRows(root, "", "", io, rows);
  return textTable(HEADER, rows, io, RIGHT);
}

function addRows(node: TreeNode, stem: string, below: string, io: CliIo, rows: string[][]): void {
  const paint = palette(io.hasColour.stdout);
  const { mailbox, supervisor } = node;
  const restarts = supervisor === null ? Math.max(0, node.incarnation - 1) : supervisor.restarts;
  rows.push([
    stem + (supervisor === null ? node.name : paint.bold(node.name)) + kindText(node),
    stateText(node, paint),
    mailbox === null ? "" : countText(mailbox.depth),
    mailbox === null ? "" : shortText(mailbox.ratePerSecond),
    mailbox === null ? "" : msText(mailbox.serviceMs.p99),
    mailbox === null ? "" : msText(mailbox.expectedWaitMs),
    restarts === 0 ? "" : paint.yellow(countText(restarts)),
    mailbox === null || mailbox.deadLettered === 0 ? "" : countText(mailbox.deadLettered),
  ]);
  for (const [index, child] of node.children.entries()) {
    const isLast = index === node.children.length - 1;
    addRows(
      child,
      below + (isLast ? "└─ " : "├─ "),
      below + (isLast ? "   " : "│  "),
      io,
      rows,
    );
  }
}

/** Whether a node was stopped without an error, as label workers beyond their number are. */
export function isNotInUse({ state, lastError }: Pick<TreeNode, "state" | "lastError">): boolean {
  return state === "stopped" && lastError === null;
}

/** The state of a node; red where something is wrong with it. */
export function stateText(
  node: Pick<TreeNode, "state" | "lastError">,
  paint: Pick<Palette, "dim" | "red">,
): string {
  const { state } = node;
  if (state === "running") return state;
  return isNotInUse(node) ? paint.dim(state) : paint.red(state);
}

function kindText({ kind, supervisor }: TreeNode): string {
  if (supervisor !== null) return ` (${supervisor.strategy})`;
  return kind === "thread" ? " (thread)" : "";
}

/** A time of at least 0, ms, in three digits or so. */
export function msText(ms: number): string {
  return ms === 0 ? "0" : ms < 0.01 ? "<0.01" : ms < 10 ? ms.toFixed(2) : countText(ms);
}

/** Lines on the nodes that failed: path and error. */
export function failureLines(node: TreeNode): string[] {
  const own = node.lastError === null
    ? []
    : [`${node.path}: ${node.lastError.split("\n")[0]?.slice(0, 200) ?? ""}`];
  return [...own, ...node.children.flatMap(failureLines)];
}
