/**
 * What `wick top` shows, as text: the figures of the newest point, and the actors that have most of
 * what they are sorted by.
 *
 * @module
 */

import type { z } from "zod";
import type { figuresReply } from "../http/live_schemas.ts";
import { FIGURE_NAMES, type FigureName } from "../monitor/figures.ts";
import type { CliIo } from "./io.ts";
import { textTable } from "./table.ts";
import { bytesText, countText, palette, shortText } from "./text.ts";
import { isNotInUse, msText, stateText, type TreeNode } from "./tree_text.ts";

/** By what actors can be sorted. */
export const TOP_SORTS = [
  "depth",
  "used",
  "rate",
  "p99",
  "wait",
  "restarts",
  "dead",
  "name",
] as const;

/** One of them. */
export type TopSort = (typeof TOP_SORTS)[number];

type Figures = z.output<typeof figuresReply>;
type Mailbox = NonNullable<TreeNode["mailbox"]>;

/** The newest point: latency by stage against its target, rates, hits, the process. */
export function figuresText(figures: Figures, io: Pick<CliIo, "hasColour">): string {
  const last = (name: FigureName) => figures[name].at(-1) ?? null;
  if (figures.at.length === 0 || FIGURE_NAMES.every((name) => last(name) === null)) return "";
  const paint = palette(io.hasColour.stdout);
  /** As its target wants it: plain, yellow from warning on, red from critical on. */
  const marked = (name: FigureName, text: string) => {
    const target = figures.targets[name];
    const value = last(name);
    if (target === undefined || value === null) return text;
    const isBad = (edge: number) => target.better === "lower" ? value >= edge : value <= edge;
    return isBad(target.critical)
      ? paint.red(text)
      : isBad(target.warning)
      ? paint.yellow(text)
      : text;
  };
  const shown = (name: FigureName, write: (value: number) => string) => {
    const value = last(name);
    return value === null ? "–" : marked(name, write(value));
  };
  const stage = (title: string, p50: FigureName, p99: FigureName) =>
    `${title} ${shown(p50, msText)}/${shown(p99, msText)}`;
  const target = figures.targets.totalP99Ms;
  const latency = [
    stage("total", "totalP50Ms", "totalP99Ms"),
    stage("queue", "queueP50Ms", "queueP99Ms"),
    stage("compute", "computeP50Ms", "computeP99Ms"),
    stage("store", "storeP50Ms", "storeP99Ms"),
    ...target === undefined ? [] : [`target ${msText(target.good)}`],
  ];
  // Too little demand is no fault: rates have no colour.
  const rate = (name: FigureName) => {
    const value = last(name);
    return value === null ? "–" : shortText(value);
  };
  const hits = [
    `hit rate ${shown("cacheHitRatio", percentText)}`,
    `l1 ${shown("l1HitRatio", percentText)}`,
    ...last("l2HitRatio") === null ? [] : [`l2 ${shown("l2HitRatio", percentText)}`],
  ];
  const machine = [
    `cpu ${shown("cpuRatio", percentText)}`,
    `memory ${shown("memoryBytes", bytesText)}`,
    `loop lag p99 ${shown("loopLagP99Ms", msText)} ms`,
    `dead letters ${shown("deadLetters", countText)}`,
  ];
  return [
    `latency ms p50/p99: ${latency.join(", ")}`,
    `candles ${rate("candlesPerSecond")}/s, labels ${rate("labelsPerSecond")}/s, ${
      hits.join(", ")
    }`,
    machine.join(", "),
  ].map((line) => `${line}\n`).join("");
}

const percentText = (ratio: number) => `${(100 * ratio).toFixed(ratio >= 0.1 ? 1 : 2)} %`;

const HEADER = ["actor", "state", "queue", "of", "done/s", "p50 ms", "p99 ms", "wait ms"];
const MORE = ["restarts", "dead", "last error"];
const RIGHT = [2, 3, 4, 5, 6, 7, 8, 9];
const ERROR_CHARS_MAX = 60;

/** The first `rowsMax` actors by what they are sorted by, the most first; those that are down first. */
export function actorsText(
  root: TreeNode,
  sort: TopSort,
  rowsMax: number,
  io: Pick<CliIo, "columns" | "isTerminal" | "hasColour">,
): string {
  const paint = palette(io.hasColour.stdout);
  const sorted = sortedActors(root, sort);
  const rows = sorted.slice(0, rowsMax).map((node) => {
    const { mailbox } = node;
    const { depth, bound, ratePerSecond, serviceMs, expectedWaitMs, deadLettered } = mailbox;
    const restarts = Math.max(0, node.incarnation - 1);
    return [
      below(node.path),
      stateText(node, paint),
      countText(depth),
      usedText(depth, bound),
      shortText(ratePerSecond),
      msText(serviceMs.p50),
      msText(serviceMs.p99),
      msText(expectedWaitMs),
      restarts === 0 ? "" : paint.yellow(countText(restarts)),
      deadLettered === 0 ? "" : countText(deadLettered),
      (node.lastError ?? "").replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").slice(0, ERROR_CHARS_MAX),
    ];
  });
  const left = sorted.length - rows.length;
  const rest = left > 0 ? `and ${countText(left)} more\n` : "";
  return textTable([...HEADER, ...MORE], rows, io, RIGHT) + rest;
}

const usedText = (depth: number, bound: number) =>
  bound === 0 || depth === 0 ? "" : `${Math.ceil((100 * depth) / bound)} %`;

/** A path without the root. */
const below = (path: string) => path.replace(/^\/[^/]+\//, "");

/** An actor, which has a mailbox. */
export interface TopActor extends Omit<TreeNode, "mailbox"> {
  readonly mailbox: Mailbox;
}

const VALUE: Readonly<Record<Exclude<TopSort, "name">, (actor: TopActor) => number>> = {
  depth: ({ mailbox }) => mailbox.depth,
  used: ({ mailbox: { depth, bound } }) => bound === 0 ? 0 : depth / bound,
  rate: ({ mailbox }) => mailbox.ratePerSecond,
  p99: ({ mailbox }) => mailbox.serviceMs.p99,
  wait: ({ mailbox }) => mailbox.expectedWaitMs,
  restarts: ({ incarnation }) => incarnation,
  dead: ({ mailbox }) => mailbox.deadLettered,
};

/** All actors; those that are down come first whatever they are sorted by. Of equals the busier. */
export function sortedActors(root: TreeNode, sort: TopSort): TopActor[] {
  const value = sort === "name" ? () => 0 : VALUE[sort];
  const busy = sort === "name" ? value : VALUE.rate;
  const isDown = (actor: TopActor) => actor.state === "running" || isNotInUse(actor) ? 0 : 1;
  return actorsOf(root).sort((a, b) =>
    isDown(b) - isDown(a) || value(b) - value(a) || busy(b) - busy(a) ||
    (a.path < b.path ? -1 : 1)
  );
}

function actorsOf(node: TreeNode): TopActor[] {
  const { mailbox } = node;
  const own = mailbox === null ? [] : [{ ...node, mailbox }];
  return [...own, ...node.children.flatMap(actorsOf)];
}
