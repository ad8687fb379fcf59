/**
 * What a node says about itself and the group.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";
import type { Sample } from "./samples.ts";

/** Answer of the node to `nodes`, as far as it is looked at; `NodesView` is one. */
export interface NodeFigures {
  readonly self: {
    readonly node: string;
    readonly phase: string;
    /** For how long the group cannot be reached, ms; null while it can. */
    readonly awayMs: number | null;
    readonly lastError: string | null;
    readonly owned: number;
    readonly moving: number;
    readonly unheldPins: readonly string[];
  };
  readonly nodes: readonly unknown[];
  readonly partitions: readonly {
    readonly node: string | null;
  }[];
  readonly log: {
    readonly position: number;
    readonly bytes: number;
    readonly lagEntries: number;
  } | null;
}

const gauge = (name: string, help: string) => ({ name, kind: "gauge", help }) as const;
/** Metrics of a node. */
export const NODE_METRICS: readonly MetricSpec[] = [
  gauge("wick_node_in_reach", "1 while the group of nodes can be reached, else 0"),
  gauge("wick_node_members", "Nodes that live, as this one last saw it"),
  gauge("wick_node_partitions", "Partitions that this node labels"),
  gauge("wick_node_partitions_moving", "Partitions that it is about to have, or to give away"),
  gauge("wick_node_partitions_unowned", "Partitions of all that no living node has"),
  gauge("wick_node_log_position", "Last entry of the log that the nodes share"),
  gauge("wick_node_log_bytes", "Size of that log since its last snapshot"),
  gauge("wick_node_log_lag_entries", "Entries of it that this node has yet to apply"),
];

/** Measurements of the node; `part` is its path below the root. */
export function nodeFinding(part: string, figures: NodeFigures): Finding {
  const { self, nodes, partitions, log } = figures;
  const unowned = partitions.filter(({ node }) => node === null).length;
  const value = (name: string, value: number): Sample => ({ name, value });
  const isAway = self.awayMs !== null;
  return {
    samples: [
      value("wick_node_in_reach", isAway ? 0 : 1),
      value("wick_node_members", nodes.length),
      value("wick_node_partitions", self.owned),
      value("wick_node_partitions_moving", self.moving),
      value("wick_node_partitions_unowned", unowned),
      value("wick_node_log_position", log?.position ?? 0),
      value("wick_node_log_bytes", log?.bytes ?? 0),
      value("wick_node_log_lag_entries", log?.lagEntries ?? 0),
    ],
    parts: [{
      name: part,
      state: isAway ? "down" : unowned > 0 || self.unheldPins.length > 0 ? "degraded" : "ok",
      detail: {
        phase: self.phase,
        owned: self.owned,
        moving: self.moving,
        members: nodes.length,
        ...(unowned === 0 ? {} : { unowned }),
        ...(self.unheldPins.length === 0 ? {} : { unheldPins: self.unheldPins.join(", ") }),
        ...(self.lastError === null ? {} : { lastError: self.lastError }),
      },
    }],
  };
}
