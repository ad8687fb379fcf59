/**
 * Schedules and outcomes as text that people read and write. A schedule is its tree, indented, and
 * then one step per line:
 *
 * ```
 * root one_for_one 3 in 5000 ms
 *   a permanent
 *   pair rest_for_one 1 in 5000 ms transient
 *     b permanent
 *     c temporary
 * failInit b 2
 * exit a crash
 * burst c normal, b crash
 * advance 5001
 * ```
 *
 * @module
 */

import { EVENT_NAMES, type Outcome } from "./outcome.ts";
import {
  BURST_MAX,
  emptySchedule,
  NodeKind,
  NODES_MAX,
  REASON_NAMES,
  Restart,
  RESTART_NAMES,
  type Schedule,
  StepKind,
  STRATEGY_NAMES,
} from "./schedule.ts";

/** Names of nodes, indexed by their numbers. */
export type NodeNames = readonly string[];

/** The names of generated schedules: n0, n1 and so on. */
export const NODE_NUMBERS: NodeNames = Array.from({ length: NODES_MAX }, (_, node) => `n${node}`);

interface ParsedNode {
  readonly name: string;
  readonly indent: number;
  readonly words: readonly string[];
  readonly children: ParsedNode[];
  parent: number;
}

/**
 * Reads a schedule written as text; empty lines and what follows `#` are skipped.
 *
 * @throws {SyntaxError} naming the line that it cannot read.
 */
export function parseSchedule(text: string): { schedule: Schedule; names: NodeNames } {
  const lines = text.split("\n").map((line) => line.replace(/\s*#.*$/, ""))
    .filter((line) => line.trim() !== "");
  const firstStep = lines.findIndex((line) => /^\s*(exit|failInit|advance|burst)\b/.test(line));
  const treeLines = firstStep < 0 ? lines : lines.slice(0, firstStep);
  const stepLines = firstStep < 0 ? [] : lines.slice(firstStep);
  const schedule = emptySchedule(stepLines.length);
  const names = parseTree(schedule, treeLines);
  schedule.stepCount = stepLines.length;
  stepLines.forEach((line, step) => parseStep(schedule, step, line, names));
  return { schedule, names };
}

function parseTree(schedule: Schedule, lines: readonly string[]): NodeNames {
  const path: ParsedNode[] = [];
  let root: ParsedNode | null = null;
  for (const line of lines) {
    const [name = "", ...words] = line.trim().split(/\s+/);
    const indent = line.length - line.trimStart().length;
    const node: ParsedNode = { name, indent, words, children: [], parent: -1 };
    while ((path.at(-1)?.indent ?? -1) >= indent) path.pop();
    const above = path.at(-1);
    if (above !== undefined) above.children.push(node);
    else if (root === null) root = node;
    else throw unreadable(line, "one root");
    path.push(node);
  }
  if (root === null) throw unreadable("", "a root");
  return numberNodes(schedule, root);
}

function numberNodes(schedule: Schedule, root: ParsedNode): NodeNames {
  const nodes = [root];
  for (let node = 0; node < nodes.length; node++) {
    const parsed = nodes[node] as ParsedNode; // In bounds: the loop's condition.
    schedule.childFrom[node] = nodes.length;
    for (const child of parsed.children) {
      child.parent = node;
      nodes.push(child);
    }
    schedule.childTo[node] = nodes.length;
    parseNode(schedule, node, parsed);
  }
  if (nodes.length > NODES_MAX) throw unreadable(root.name, `at most ${NODES_MAX} nodes`);
  schedule.nodeCount = nodes.length;
  return nodes.map((node) => node.name);
}

function parseNode(schedule: Schedule, node: number, { name, words, parent }: ParsedNode): void {
  const [strategy = "", intensity, inWord, periodMs, unit, restart = "permanent"] = words;
  schedule.parent[node] = parent;
  if (RESTART_NAMES.some((restart) => restart === strategy)) {
    schedule.kind[node] = NodeKind.worker;
    schedule.restart[node] = numberOf(RESTART_NAMES, strategy);
    return;
  }
  if (inWord !== "in" || unit !== "ms") throw unreadable(name, "strategy, intensity in period ms");
  schedule.kind[node] = NodeKind.supervisor;
  schedule.strategy[node] = numberOf(STRATEGY_NAMES, strategy);
  schedule.intensity[node] = Number(intensity);
  schedule.periodMs[node] = Number(periodMs);
  schedule.restart[node] = numberOf(RESTART_NAMES, restart);
}

function parseStep(schedule: Schedule, step: number, line: string, names: NodeNames): void {
  const [kind = "", first = "", second = ""] = line.trim().split(/\s+/);
  schedule.stepKind[step] = numberOf(Object.keys(StepKind), kind);
  switch (schedule.stepKind[step]) {
    case StepKind.exit:
      schedule.stepNode[step] = numberOf(names, first);
      schedule.stepArg[step] = numberOf(REASON_NAMES, second);
      break;
    case StepKind.failInit:
      schedule.stepNode[step] = numberOf(names, first);
      schedule.stepArg[step] = Number(second);
      break;
    case StepKind.advance:
      schedule.stepArg[step] = Number(first);
      break;
    case StepKind.burst:
      parseBurst(schedule, step, line.trim().slice(kind.length), names);
      break;
  }
}

function parseBurst(schedule: Schedule, step: number, list: string, names: NodeNames): void {
  const exits = list.split(",").map((exit) => exit.trim().split(/\s+/));
  if (exits.length > BURST_MAX) throw unreadable(list, `at most ${BURST_MAX} exits`);
  const at = step * BURST_MAX;
  exits.forEach(([worker = "", reason = ""], i) => {
    schedule.burstNode[at + i] = numberOf(names, worker);
    schedule.burstReason[at + i] = numberOf(REASON_NAMES, reason);
  });
  schedule.stepNode[step] = schedule.parent[schedule.burstNode[at] as number] as number;
  schedule.stepArg[step] = at;
  schedule.burstCount[step] = exits.length;
}

function numberOf(names: readonly string[], name: string): number {
  const number = names.indexOf(name);
  if (number < 0) throw unreadable(name, `one of ${names.join(", ")}`);
  return number;
}

function unreadable(text: string, expected: string): SyntaxError {
  return new SyntaxError(
    `Cannot read a schedule: expected ${expected}: current value is ${JSON.stringify(text)}`,
  );
}

/** The tree of a schedule as text, a line per node. */
export function formatTree(schedule: Schedule, names: NodeNames = NODE_NUMBERS): string {
  const lines: string[] = [];
  const visit = (node: number, indent: string) => {
    lines.push(indent + formatNode(schedule, node, names));
    const to = schedule.childTo[node] as number;
    for (let child = schedule.childFrom[node] as number; child < to; child++) {
      visit(child, indent + "  ");
    }
  };
  visit(0, "");
  return lines.join("\n");
}

function formatNode(schedule: Schedule, node: number, names: NodeNames): string {
  const restart = schedule.restart[node] as number;
  const words = [names[node]];
  if (schedule.kind[node] === NodeKind.worker) {
    words.push(RESTART_NAMES[restart]);
    return words.join(" ");
  }
  words.push(STRATEGY_NAMES[schedule.strategy[node] as number]);
  words.push(`${schedule.intensity[node]} in ${schedule.periodMs[node]} ms`);
  if (node > 0 && restart !== Restart.permanent) words.push(RESTART_NAMES[restart]);
  return words.join(" ");
}

/** One step of a schedule as text. */
export function formatStep(
  schedule: Schedule,
  step: number,
  names: NodeNames = NODE_NUMBERS,
): string {
  const arg = schedule.stepArg[step] as number;
  const name = names[schedule.stepNode[step] as number];
  switch (schedule.stepKind[step]) {
    case StepKind.exit:
      return `exit ${name} ${REASON_NAMES[arg]}`;
    case StepKind.failInit:
      return `failInit ${name} ${arg}`;
    case StepKind.advance:
      return `advance ${arg}`;
    default: {
      const exits: string[] = [];
      for (let i = arg; i < arg + (schedule.burstCount[step] as number); i++) {
        const worker = names[schedule.burstNode[i] as number];
        exits.push(`${worker} ${REASON_NAMES[schedule.burstReason[i] as number]}`);
      }
      return `burst ${exits.join(", ")}`;
    }
  }
}

/** The first steps of a schedule, all unless told otherwise, with its tree, as text. */
export function formatSchedule(schedule: Schedule, steps: number = schedule.stepCount): string {
  const lines = [formatTree(schedule)];
  for (let step = 0; step < steps; step++) lines.push(formatStep(schedule, step));
  return lines.join("\n");
}

/** What happened in one row of an outcome: `stopped b, started a, gave up pair`. */
export function formatChanges(
  outcome: Outcome,
  row: number,
  names: NodeNames = NODE_NUMBERS,
): string {
  const parts: string[] = [];
  const to = outcome.eventsTo[row] as number;
  for (let i = row === 0 ? 0 : outcome.eventsTo[row - 1] as number; i < to; i++) {
    const event = outcome.events[i] as number;
    parts.push(`${EVENT_NAMES[event & 3]} ${names[event >> 2]}`);
  }
  for (let node = 0; node < outcome.nodeCount; node++) {
    const before = row === 0 ? 0 : outcome.giveUps[(row - 1) * NODES_MAX + node] as number;
    const times = (outcome.giveUps[row * NODES_MAX + node] as number) - before;
    for (let i = 0; i < times; i++) parts.push(`gave up ${names[node]}`);
  }
  return parts.join(", ");
}

/** Names of the nodes that are alive at the end of one row. */
export function formatAlive(
  outcome: Outcome,
  row: number,
  names: NodeNames = NODE_NUMBERS,
): string {
  const alive = outcome.alive[row] as number;
  return names.slice(0, outcome.nodeCount).filter((_, node) => alive & (1 << node)).join(" ");
}

/** State of every node at the end of one row: alive or not, starts, give-ups. */
export function formatRow(outcome: Outcome, row: number, names: NodeNames = NODE_NUMBERS): string {
  const parts: string[] = [];
  for (let node = 0; node < outcome.nodeCount; node++) {
    const at = row * NODES_MAX + node;
    const state = (outcome.alive[row] as number) & (1 << node) ? "alive" : "dead";
    const giveUps = outcome.giveUps[at] as number;
    const suffix = giveUps > 0 ? `, gave up ${giveUps}` : "";
    parts.push(`${names[node]} ${state} (started ${outcome.starts[at]}${suffix})`);
  }
  return parts.join("; ");
}
