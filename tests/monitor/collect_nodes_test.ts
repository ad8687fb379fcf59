import { assertEquals } from "@std/assert";
import { NODE_METRICS, type NodeFigures, nodeFinding } from "../../src/monitor/collect_nodes.ts";

const FIGURES: NodeFigures = {
  self: {
    ...{ node: "a", phase: "member", awayMs: null, lastError: null, owned: 2, moving: 1 },
    unheldPins: [],
  },
  nodes: [{}, {}],
  partitions: [{ node: "a" }, { node: "b" }, { node: "a" }],
  log: { position: 9, bytes: 100, lagEntries: 3 },
};

function values(figures: NodeFigures): Record<string, number> {
  const { samples } = nodeFinding("core/work/ingest/node", figures);
  return Object.fromEntries(samples.map((one) => [one.name, "value" in one ? one.value : NaN]));
}

Deno.test("nodeFinding() measures the group as the node sees it", () => {
  assertEquals(values(FIGURES), {
    wick_node_in_reach: 1,
    wick_node_members: 2,
    wick_node_partitions: 2,
    wick_node_partitions_moving: 1,
    wick_node_partitions_unowned: 0,
    wick_node_log_position: 9,
    wick_node_log_bytes: 100,
    wick_node_log_lag_entries: 3,
  });
  assertEquals(Object.keys(values(FIGURES)), NODE_METRICS.map(({ name }) => name));
});

Deno.test("nodeFinding() is down out of reach, and degraded with partitions that nobody has", () => {
  const stateOf = (more: Partial<NodeFigures>) =>
    nodeFinding("node", { ...FIGURES, ...more }).parts?.[0]?.state;
  assertEquals(stateOf({}), "ok");
  const away = { ...FIGURES.self, awayMs: 1_000, lastError: "gone" };
  assertEquals(stateOf({ self: away }), "down");
  assertEquals(stateOf({ partitions: [{ node: null }] }), "degraded");
  assertEquals(stateOf({ self: { ...FIGURES.self, unheldPins: ["0-63=eu"] } }), "degraded");
});
