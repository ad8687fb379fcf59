/** `wick top`: figures, the actors that have most, and what it exits with. */

import { runCommand } from "../../src/cli/main.ts";
import { actorsText, figuresText, sortedActors, TOP_SORTS } from "../../src/cli/top_text.ts";
import type { TreeNode } from "../../src/cli/tree_text.ts";
import { FIGURE_NAMES, type FigurePoint, figureTargets } from "../../src/monitor/figures.ts";
import { FigureHistory } from "../../src/monitor/figures_history.ts";
import { served } from "../http/support.ts";
import { fakeIo, linesOf, PARTS, run } from "./support.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";

const PLAIN = { stdout: false, stderr: false } as const;
const IO = { columns: () => 200, isTerminal: PLAIN, hasColour: PLAIN } as const;
const COLOUR = { ...IO, hasColour: { stdout: true, stderr: true } } as const;

function figures(known: Partial<FigurePoint>) {
  const history = new FigureHistory();
  const unknown = Object.fromEntries(FIGURE_NAMES.map((name) => [name, null]));
  history.add({ ...unknown, at: 1_000, ...known } as FigurePoint);
  return { ...history.columns(0, 1), targets: figureTargets() };
}

const BUSY = figures({
  totalP50Ms: 1.234,
  totalP99Ms: 85,
  queueP50Ms: 0.001,
  queueP99Ms: 0,
  candlesPerSecond: 12_345,
  labelsPerSecond: 998,
  cacheHitRatio: 0.9551,
  l1HitRatio: 0.79,
  memoryBytes: 3.2e8,
  cpuRatio: 0.034,
  loopLagP99Ms: 3,
  deadLetters: 1_234,
});

Deno.test("figuresText() says latency by stage, rates, hits and the process, and what is unknown", () => {
  assertEquals(linesOf(figuresText(BUSY, IO)), [
    "latency ms p50/p99: total 1.23/85, queue <0.01/0, compute –/–, store –/–, target 50",
    "candles 12.3 k/s, labels 998/s, hit rate 95.5 %, l1 79.0 %",
    "cpu 3.40 %, memory 320 MB, loop lag p99 3.00 ms, dead letters 1,234",
  ]);
  assertEquals(figuresText(figures({}), IO), "");
});

Deno.test("figuresText() marks what is beyond its target, but no lack of demand", () => {
  const text = figuresText({ ...BUSY, candlesPerSecond: [0] }, COLOUR);
  assert(text.includes("\x1b[33m85\x1b[39m"), text);
  assert(text.includes("l1 \x1b[31m79.0 %\x1b[39m"), text);
  assert(text.includes("candles 0/s"), text);
});

/** An actor of a tree. */
function actorAt(
  path: string,
  more: { depth?: number; rate?: number; state?: "down" | "stopped" } = {},
) {
  const { depth = 0, rate = 0, state = "running" } = more;
  return {
    name: path,
    path: `/wick/${path}`,
    kind: "actor",
    state,
    incarnation: 1,
    lastError: null,
    supervisor: null,
    mailbox: {
      depth,
      bound: 100,
      deadLettered: 0,
      ratePerSecond: rate,
      serviceMs: { p50: 0.5, p95: 0, p99: rate / 10 },
      expectedWaitMs: 0,
    },
    children: [],
  } as unknown as TreeNode;
}

function treeOf(...children: readonly TreeNode[]): TreeNode {
  return { ...actorAt(""), mailbox: null, children } as unknown as TreeNode;
}

Deno.test("sortedActors() has the most first, of equals the busier, and what is down before all", () => {
  const root = treeOf(
    actorAt("b", { depth: 5 }),
    treeOf(actorAt("core/a", { depth: 5, rate: 1 }), actorAt("core/z", { rate: 99 })),
    actorAt("down", { state: "down" }),
    actorAt("not-in-use", { state: "stopped" }),
  );
  const by = (sort: (typeof TOP_SORTS)[number]) => sortedActors(root, sort).map(({ name }) => name);
  assertEquals(by("depth"), ["down", "core/a", "b", "core/z", "not-in-use"]);
  assertEquals(by("rate"), ["down", "core/z", "core/a", "b", "not-in-use"]);
  assertEquals(by("p99"), ["down", "core/z", "core/a", "b", "not-in-use"]);
  assertEquals(by("name"), ["down", "b", "core/a", "core/z", "not-in-use"]);
  for (const sort of TOP_SORTS) assertEquals(by(sort).length, 5);
});

Deno.test("actorsText() shows so many actors and says how many are left", () => {
  const busy = { ...actorAt("core/b", { depth: 3, rate: 1_500 }), lastError: "two\nlines" };
  const root = treeOf(actorAt("a"), busy, actorAt("c"));
  const lines = linesOf(actorsText(root, "depth", 2, IO));
  assertMatch(lines[0] ?? "", /^actor +state +queue +of +done\/s +p50 ms +p99 ms/);
  assertMatch(lines[1] ?? "", /^core\/b +running +3 +3 % +1\.50 k +0\.50 +150 +0 +two lines$/);
  assertMatch(lines[2] ?? "", /^a +running +0 +0 +0\.50 +0 +0$/);
  assertEquals(lines.slice(3), ["and 1 more"]);
});

Deno.test("top --once prints one plain look and exits like status", async () => {
  await using one = await served();
  const at = (...words: string[]) => run(["top", "--once", ...words, "--url", one.url]);
  one.service.history.add({ ...figuresPoint(), totalP99Ms: 7 });
  const well = await at();
  assertEquals([well.code, well.err], [0, ""]);
  assertMatch(well.out, /^wick 9\.9\.9 {2}ok {2}commit 0\nlatency ms p50\/p99: total –\/7\.00,/);
  assertMatch(well.out, /^counter +running +0 /m);
  assert(!well.out.includes("\x1b"));
  // For whoever watches the monitor looks each second.
  assertEquals(one.service.watches, 1);
  one.service.healthState = "degraded";
  const bad = await at("--json");
  assertEquals(bad.code, 1);
  const json = JSON.parse(bad.out);
  assertEquals([json.health.state, json.figures.totalP99Ms, json.tree.name], [
    "degraded",
    [7],
    "wick",
  ]);
  assertEquals((await run(["status", "--url", one.url])).code, bad.code);
  assertEquals((await run(["top", "--once", "--url", "http://127.0.0.1:9"])).code, 69);
  assertEquals((await at("--sort", "size")).code, 2);
});

function figuresPoint(): FigurePoint {
  const unknown = Object.fromEntries(FIGURE_NAMES.map((name) => [name, null]));
  return { ...unknown, at: 1_000 } as FigurePoint;
}

Deno.test("top on a terminal waits for a service that went away, and says since when", async () => {
  await using one = await served();
  const interrupt = new AbortController();
  const io = fakeIo({
    interrupted: interrupt.signal,
    isTerminal: { stdout: true, stderr: true },
    columns: () => 120,
    rows: () => 40,
  });
  let draws = 0;
  const shown = io.out;
  const watching = {
    ...io,
    out: (text: string) => {
      draws++;
      if (draws === 1) void one.server.close();
      if (text.includes("Cannot reach")) interrupt.abort();
      return shown(text);
    },
  };
  const words = ["top", "--seconds", "0.1", "--url", one.url];
  assertEquals(await runCommand(words, PARTS, watching), 0);
  const last = io.text.out.split("\x1b[H").at(-1) ?? "";
  assertMatch(last, /^\d{4}-\d\d-\d\d .*: Cannot reach the service/);
  // What was known last stays.
  assertMatch(last, /counter +running/);
});
