// Nodes and their partitions in words: what the tables, the map and the notes say alike.

import { count } from "../lib/format.js";
import { countOf } from "./facts.js";

/** Age of what waits in a partition from which on it is marked: what comes in at all waits some ms. */
export const BEHIND_MS = 2_000;
/** Tints that owners have in turn; their letters tell them apart where there are more of them. */
const TINTS = 6;
/** Moves within so much of each other are told as one. */
const MERGED_MS = 2_000;
/** Moves that tell of nodes that are no more, for so long. */
const GONE_SHOWN_MS = 60 * 60 * 1_000;

/** Numbers in ascending order as people write them: "0–3, 7, 9–11". */
export function ranges(numbers) {
  const parts = [];
  for (let at = 0; at < numbers.length;) {
    let last = at;
    while (numbers[last + 1] === numbers[last] + 1) last += 1;
    const [from, to] = [numbers[at], numbers[last]];
    // Two in a row are no range.
    if (last - at === 1) parts.push(from, to);
    else parts.push(from === to ? from : `${from}–${to}`);
    at = last + 1;
  }
  return parts.join(", ");
}

/** Letters and tints of nodes, which stay what they were when others come and go. */
export class Marks {
  #numbers = new Map();

  /** Gives those that have none a mark, in the order of their names. */
  know(names) {
    for (const name of [...names].sort()) {
      if (!this.#numbers.has(name)) this.#numbers.set(name, this.#numbers.size);
    }
  }

  /** The mark of a node: `{ letter, tint }`, as "A", "B", …, "Z", "AA". */
  of(name) {
    const number = this.#numbers.get(name) ?? 0;
    const letter = (n) => String.fromCharCode(65 + n % 26);
    const first = number < 26 ? "" : letter(Math.floor(number / 26) - 1);
    return { letter: first + letter(number), tint: number % TINTS };
  }
}

/** How a living node is, as a badge says it: word and tone. `leaseMs`: what a lease has at most. */
export function nodeState({ isSelf, isLeaving, leftMs }, self, leaseMs) {
  if (isSelf && self.awayMs !== null) return { word: "out of reach", tone: "bad" };
  if (isSelf && self.phase === "joining") return { word: "joining", tone: "busy" };
  if (isLeaving || (isSelf && self.phase === "leaving")) return { word: "leaving", tone: "busy" };
  if (leftMs !== null && leftMs < leaseMs / 2) return { word: "silent", tone: "warn" };
  return { word: "live", tone: "good" };
}

/** Nodes that are no more, as the moves tell: `{ node, atMs, isLost }`, the latest first. */
export function goneNodes({ nodes, moves, atMs }) {
  const known = new Set(nodes.map(({ node }) => node));
  const gone = [];
  for (const move of moves) {
    // Who was given something lived then, and may have had it taken since.
    const names = [move.from, move.to].filter((name) => name !== null && !known.has(name));
    for (const node of names) {
      known.add(node);
      if (atMs - move.atMs > GONE_SHOWN_MS) continue;
      gone.push({ node, atMs: move.atMs, isLost: node === move.from && move.why === "expired" });
    }
  }
  return gone;
}

/** Who has how many partitions, in a sentence. */
export function ownersText({ nodes, partitions }) {
  const all = count(partitions.length);
  if (nodes.length === 0) return `Nobody is known to have any of the ${all} partitions.`;
  const idle = partitions.filter(({ node }) => node === null).length;
  const have = nodes.map(({ node, partitions: n }, at) =>
    `${node}${at === 0 ? " has" : ""} ${count(n)}`
  );
  const rest = idle === 0 ? "each has an owner" : `${count(idle)} have no owner`;
  return `${have.join(", ")} of ${all} partitions; ${rest}.`;
}

/** Moves of the same kind at the same time as one: nodes take and give in several steps. */
export function mergedMoves(moves) {
  const merged = [];
  for (const move of moves) {
    const last = merged.at(-1);
    const isSame = last !== undefined && last.why === move.why && last.from === move.from &&
      last.to === move.to && last.atMs - move.atMs < MERGED_MS;
    if (isSame) last.partitions = sortedOf([...last.partitions, ...move.partitions]);
    else merged.push({ ...move, partitions: sortedOf(move.partitions) });
  }
  return merged;
}

function sortedOf(numbers) {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** What is wrong, and what it means: `{ tone, text }`, the worst first. */
export function troublesOf({ self, partitions, nodes, log }, durationOf) {
  const found = [];
  const add = (tone, text) => found.push({ tone, text });
  if (self.awayMs !== null) {
    const why = self.lastError === null ? "" : `: ${self.lastError}`;
    add(
      "bad",
      `This node has not reached the group for ${
        durationOf(self.awayMs)
      }${why}. What is shown is ` +
        "of before. Others take its partitions over when its lease runs out; nothing that it " +
        "writes after that counts.",
    );
  } else if (log?.state === "away") {
    add("bad", "The log cannot be reached: nothing is committed until it can.");
  }
  const idle = partitions.filter(({ node }) => node === null).map(({ partition }) => partition);
  if (idle.length > 0 && self.awayMs === null) {
    add(
      "bad",
      `${countOf(idle.length, "partition")} without an owner (${shortened(ranges(idle))}): their ` +
        "candles are kept, and labelled as soon as a node takes them.",
    );
  }
  for (const pin of self.unheldPins) {
    add("warn", `No node of its region lives for the pin ${pin}: other nodes have its partitions.`);
  }
  const versions = [...new Set(nodes.map(({ version }) => version))].sort();
  if (versions.length > 1) add("warn", `Nodes run different versions: ${versions.join(", ")}.`);
  return found;
}

/** Why partitions moved, as a badge says it. */
export const MOVE_WHY = {
  handed: { word: "handed over", tone: "good" },
  expired: { word: "lease ran out", tone: "bad" },
  free: { word: "had no owner", tone: "off" },
  released: { word: "let go", tone: "off" },
};

/** Characters of a list of partitions in a line. */
const LIST_CHARS_MAX = 48;

/** The beginning of a list of numbers. */
export function shortened(list) {
  if (list.length <= LIST_CHARS_MAX) return list;
  return `${list.slice(0, list.lastIndexOf(",", LIST_CHARS_MAX))}, …`;
}
