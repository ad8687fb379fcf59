/** Nodes and partitions in words, as the dashboard says them. */

import { assertEquals } from "@std/assert";
import {
  goneNodes,
  Marks,
  mergedMoves,
  nodeState,
  ownersText,
  ranges,
  shortened,
  troublesOf,
} from "../../../src/http/pages/views/nodes_words.js";

Deno.test("ranges() joins three in a row and more", () => {
  assertEquals(ranges([]), "");
  assertEquals(ranges([7]), "7");
  assertEquals(ranges([0, 1, 2, 3, 7, 9, 10]), "0–3, 7, 9, 10");
  assertEquals(ranges(Array.from({ length: 256 }, (_, i) => i)), "0–255");
});

Deno.test("shortened() ends at a whole number", () => {
  const list = ranges(Array.from({ length: 40 }, (_, i) => 2 * i));
  const short = shortened(list);
  assertEquals(list.startsWith(short.replace(/, …$/, ",")), true);
  assertEquals(shortened("1, 2"), "1, 2");
});

Deno.test("Marks.of() stays what it was when others come", () => {
  const marks = new Marks();
  marks.know(["b", "c"]);
  assertEquals(marks.of("b"), { letter: "A", tint: 0 });
  marks.know(["a", "b", "c"]);
  assertEquals([marks.of("b").letter, marks.of("c").letter, marks.of("a").letter], ["A", "B", "C"]);
  marks.know(Array.from({ length: 61 }, (_, i) => `n${String(i).padStart(2, "0")}`));
  assertEquals(marks.of("n22").letter, "Z");
  assertEquals(marks.of("n23"), { letter: "AA", tint: 2 });
  // All 64 nodes of a group have marks of their own.
  const letters = [
    "a",
    "b",
    "c",
    ...Array.from({ length: 61 }, (_, i) => `n${String(i).padStart(2, "0")}`),
  ].map((name) => marks.of(name).letter);
  assertEquals(new Set(letters).size, 64);
});

const move = (atMs: number, from: string | null, to: string | null, why: string) => ({
  ...{ atMs, from, to, why, partitions: [atMs % 256] },
});

Deno.test("goneNodes() tells lost ones from those that left, and none that lives", () => {
  const moves = [
    move(9_000, "c", "a", "expired"),
    move(8_000, "b", "a", "handed"),
    move(7_000, "c", "b", "handed"),
    move(6_000, null, "a", "free"),
  ];
  const view = { nodes: [{ node: "a" }], moves, atMs: 10_000 };
  assertEquals(goneNodes(view), [
    { node: "c", atMs: 9_000, isLost: true },
    { node: "b", atMs: 8_000, isLost: false },
  ]);
  assertEquals(goneNodes({ ...view, nodes: [{ node: "a" }, { node: "b" }, { node: "c" }] }), []);
  assertEquals(goneNodes({ ...view, atMs: 4_000_000 }), []);
});

Deno.test("mergedMoves() makes one of what moved in several steps", () => {
  const steps = [
    { ...move(3_000, "a", "b", "handed"), partitions: [5] },
    { ...move(2_900, "a", "b", "handed"), partitions: [9, 1] },
    { ...move(2_800, null, "a", "free"), partitions: [1, 5, 9] },
  ];
  assertEquals(mergedMoves(steps).map(({ partitions }) => partitions), [[1, 5, 9], [1, 5, 9]]);
  const apart = [steps[0], { ...steps[0], atMs: 500 }];
  assertEquals(mergedMoves(apart).length, 2);
});

const self = { awayMs: null, lastError: null, phase: "member", unheldPins: [] as string[] };

Deno.test("nodeState() says what is to be known of a node", () => {
  const live = { isSelf: false, isLeaving: false, leftMs: 1_900 };
  const word = (node: Partial<typeof live>, own = {}) =>
    nodeState({ ...live, ...node }, { ...self, ...own }, 2_000).word;
  assertEquals(word({}), "live");
  assertEquals(word({ leftMs: 900 }), "silent");
  assertEquals(word({ isLeaving: true }), "leaving");
  assertEquals(word({ isSelf: true }, { awayMs: 1 }), "out of reach");
  assertEquals(word({ isSelf: true }, { phase: "joining" }), "joining");
});

Deno.test("troublesOf() and ownersText() name what has no owner", () => {
  const partitions = [
    ...[{ partition: 0, node: "a" }, { partition: 1, node: null }, { partition: 2, node: null }],
  ];
  const nodes = [{ node: "a", partitions: 1, version: "1" }, {
    ...{ node: "b", partitions: 0, version: "2" },
  }];
  const view = { self: { ...self, unheldPins: ["0-9=eu"] }, partitions, nodes, log: null };
  const found = troublesOf(view, String).map(({ tone, text }) => `${tone} ${text.slice(0, 40)}`);
  assertEquals(found, [
    "bad 2 partitions without an owner (1, 2): th",
    "warn No node of its region lives for the pin ",
    "warn Nodes run different versions: 1, 2.",
  ]);
  assertEquals(ownersText(view), "a has 1, b 0 of 3 partitions; 2 have no owner.");
  const away = troublesOf({ ...view, self: { ...self, awayMs: 5 } }, String);
  // What is known of the others is of before.
  assertEquals(away.length, 2);
});
