/** Actors and their restarts in words, as the dashboard says them. */

import { assertEquals } from "@std/assert";
import {
  allowanceOf,
  causeWords,
  eventWords,
  flattened,
  isRecent,
  periodText,
  shortPath,
  spanOf,
  urlOf,
} from "../../../src/http/pages/views/actors_words.js";

const actor = { state: "running", restartsInPeriod: 2, restartedAt: null, children: [] };
const supervisor = (intensityScope: string, children: readonly unknown[] = []) => ({
  ...actor,
  children,
  supervisor: { intensity: 5, periodMs: 60_000, intensityScope },
});

Deno.test("flattened() gives every node with its supervisor, parents first", () => {
  const leaf = { ...actor, path: "/w/s/a" };
  const s = { ...supervisor("child", [leaf]), path: "/w/s" };
  const root = { ...supervisor("child", [s]), path: "/w" };
  const found = flattened(root) as { node: unknown; parent: unknown; level: number }[];
  assertEquals(found.map(({ level }) => level), [0, 1, 2]);
  assertEquals(found.map(({ parent }) => parent), [null, root, s]);
});

Deno.test("allowanceOf() counts a child alone, or all children together", () => {
  assertEquals(allowanceOf(actor, null), "");
  assertEquals(allowanceOf(actor, supervisor("child", [actor, actor])), "2 of 5 in 1\u00a0min");
  assertEquals(
    allowanceOf(actor, supervisor("supervisor", [actor, actor])),
    "4 of 5 in 1\u00a0min",
  );
});

Deno.test("isRecent() is true for 10 s after a restart, and not for what is stopped", () => {
  const node = { ...actor, restartedAt: 1_000 };
  assertEquals([isRecent(node, 10_999), isRecent(node, 11_000)], [true, false]);
  assertEquals(isRecent({ ...node, state: "stopped" }, 2_000), false);
  assertEquals(isRecent(actor, 2_000), false);
});

Deno.test("paths are shown below the root, and each part is encoded for a URL", () => {
  assertEquals([shortPath("/wick"), shortPath("/wick/core/store")], ["/wick", "core/store"]);
  assertEquals(urlOf("/wick/a:b/c.d"), "wick/a%3Ab/c.d");
});

Deno.test("spans and periods say no more than is known", () => {
  assertEquals([spanOf(0), spanOf(0.001), spanOf(12)], ["–", "<0.01\u00a0ms", "12\u00a0ms"]);
  assertEquals([periodText(5_000), periodText(300_000)], ["5\u00a0s", "5\u00a0min"]);
});

Deno.test("each event has a word of its own, and each cause its sentence", () => {
  const record = { event: "restarted", cause: "failure", by: null, outcome: "up" };
  const words = [
    record,
    { ...record, outcome: "under_way" },
    { ...record, outcome: "failed" },
    { ...record, event: "ended", outcome: null },
    { ...record, event: "gave_up", outcome: null },
  ].map((one) => eventWords(one).word);
  assertEquals(words, ["restarted", "restarting", "restart failed", "ended", "gave up"]);
  const causes = ["failure", "exit", "sibling", "parent", "request"];
  assertEquals(new Set(causes.map((cause) => causeWords({ ...record, cause }))).size, 5);
});
