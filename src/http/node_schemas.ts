/**
 * Shapes of the nodes that share the work: for the route and the messages of the node's actor.
 *
 * @module
 */

import { z } from "zod";

const epochMs = z.number().meta({ description: "Epoch ms of the log's clock" });
const count = z.int().min(0);

/** A node of the group. */
export const nodeView = z.strictObject({
  node: z.string(),
  region: z.string().meta({ description: "Empty when nobody said" }),
  url: z.string().nullable(),
  version: z.string(),
  startedMs: z.number(),
  isSelf: z.boolean().meta({ description: "Whether it is the one that answers" }),
  isLeaving: z.boolean(),
  leftMs: z.number().nullable()
    .meta({ description: "What its lease has left, ms; null for one that is alone" }),
  lagEntries: count.meta({ description: "Entries of the log that its copy has yet to apply" }),
  partitions: count.meta({ description: "Partitions that it owns" }),
}).meta({ id: "Node" });

/** A partition, as far as there is something to say. */
export const partitionView = z.strictObject({
  partition: z.int().min(0).max(255),
  node: z.string().nullable().meta({ description: "Its owner; null when nobody alive has it" }),
  sinceMs: epochMs.nullable(),
  state: z.enum(["loading", "owned", "draining", "drained"]).nullable()
    .meta({ description: "What it does there; known only of the node that answers" }),
  waitingEntries: count.nullable()
    .meta({ description: "Entries that wait to be labelled; null when it is not known" }),
  waitingBytes: count.nullable(),
  waitingMs: z.number().nullable().meta({ description: "Age of the oldest of them" }),
});

/** A move of partitions. */
export const moveView = z.strictObject({
  atMs: epochMs,
  partitions: z.array(z.int()),
  from: z.string().nullable(),
  to: z.string().nullable(),
  why: z.enum(["free", "handed", "expired", "released"]),
});

/**
 * All nodes, as one of them sees them.
 *
 * @internal
 */
export const nodesReply = z.strictObject({
  mode: z.enum(["alone", "group"])
    .meta({ description: "alone: this process does everything by itself" }),
  atMs: epochMs,
  self: z.strictObject({
    node: z.string(),
    region: z.string(),
    phase: z.enum(["joining", "member", "leaving", "left", "stopped"]),
    awayMs: z.number().nullable()
      .meta({ description: "For how long the group cannot be reached; null while it can" }),
    lastError: z.string().nullable(),
    owned: count,
    moving: count.meta({ description: "Partitions that it is about to have, or to give away" }),
    unheldPins: z.array(z.string())
      .meta({ description: "Pins that no living node can hold, as 0-63=eu" }),
  }),
  nodes: z.array(nodeView),
  partitions: z.array(partitionView).meta({ description: "All 256; none for one that is alone" }),
  moves: z.array(moveView).meta({ description: "The latest first" }),
  log: z.strictObject({
    backend: z.enum(["memory", "redis", "redis_cluster"]),
    state: z.enum(["ok", "away"]),
    position: count.meta({ description: "Its last entry" }),
    firstPosition: count,
    bytes: count,
    lagEntries: count.meta({ description: "Entries that this node has yet to apply" }),
    snapshot: z.strictObject({ position: count, atMs: epochMs, bytes: count }).nullable(),
  }).nullable().meta({ description: "The log that the nodes share; null for one that is alone" }),
}).meta({ id: "Nodes" });

/**
 * All nodes, as one of them sees them: what `GET /api/nodes` answers.
 *
 * @internal
 */
export type NodesView = z.output<typeof nodesReply>;

/** What a process says that is alone. */
export function aloneView(
  node: string,
  version: string,
  startedMs: number,
  atMs: number,
): NodesView {
  return {
    mode: "alone",
    atMs,
    self: {
      node,
      region: "",
      phase: "member",
      awayMs: null,
      lastError: null,
      owned: 256,
      moving: 0,
      unheldPins: [],
    },
    nodes: [{
      ...{ node, region: "", url: null, version, startedMs, isSelf: true, isLeaving: false },
      ...{ leftMs: null, lagEntries: 0, partitions: 256 },
    }],
    partitions: [],
    moves: [],
    log: null,
  };
}
