/**
 * What people are shown of the nodes, made of what a node knows of the group.
 *
 * @module
 */

import type { NodesView } from "../../http/node_schemas.ts";
import { PARTITIONS } from "../../market/partition.ts";
import type { GroupView, LogStatus } from "../log/port.ts";
import type { PartitionBacklog } from "../partitions/port.ts";
import type { HeldPartition } from "./ownership.ts";

/** What is known. */
export interface KnownNodes {
  readonly self: NodesView["self"];
  /** The group as it was last seen; null before the first time. */
  readonly view: GroupView | null;
  /** Partitions of this node. */
  readonly held: readonly HeldPartition[];
  /** What waits in the partitions; null when nobody could say. */
  readonly backlog: readonly PartitionBacklog[] | null;
  readonly status: LogStatus;
  /** Where this node's copy stands. */
  readonly applied: number;
}

/** See the module's text. */
export function nodesView(known: KnownNodes): NodesView {
  const { self, view, status, applied } = known;
  const position = view?.position ?? 0;
  const firstPosition = view?.firstPosition ?? 0;
  const { bytes = 0, snapshot = null, atMs = 0, moves = [] } = view ?? {};
  const lagEntries = Math.max(0, position - applied);
  return {
    mode: "group",
    atMs,
    self,
    nodes: nodesOf(known),
    partitions: partitionsOf(known),
    moves: moves.map((move) => ({ ...move, partitions: [...move.partitions] })),
    log: {
      ...{ backend: status.backend, state: status.state, position, firstPosition, bytes },
      lagEntries,
      snapshot: snapshot === null
        ? null
        : { position: snapshot.position, atMs: snapshot.atMs, bytes: snapshot.bytes },
    },
  };
}

function nodesOf({ self, view, applied }: KnownNodes): NodesView["nodes"] {
  if (view === null) return [];
  const counts = new Map<string, number>();
  for (const { session } of view.owners) counts.set(session, (counts.get(session) ?? 0) + 1);
  return view.nodes.map((one) => {
    const { node, region, url, version, startedMs, isLeaving, leftMs, session } = one;
    const isSelf = node === self.node;
    return {
      ...{ node, region, url, version, startedMs, isSelf, isLeaving, leftMs },
      lagEntries: Math.max(0, view.position - (isSelf ? applied : one.applied)),
      partitions: counts.get(session) ?? 0,
    };
  });
}

function partitionsOf({ view, held, backlog }: KnownNodes): NodesView["partitions"] {
  const alive = new Set(view?.nodes.map(({ session }) => session));
  const owners = new Map(
    view?.owners.filter(({ session }) => alive.has(session)).map((one) => [one.partition, one]),
  );
  const states = new Map(held.map(({ partition, state }) => [partition, state]));
  const waiting = new Map(backlog?.map((one) => [one.partition, one]));
  return Array.from({ length: PARTITIONS }, (_, partition) => {
    const owner = owners.get(partition);
    const found = waiting.get(partition);
    const oldest = found?.oldestAtMs ?? null;
    const isKnown = backlog !== null;
    return {
      partition,
      node: owner?.node ?? null,
      sinceMs: owner?.sinceMs ?? null,
      state: states.get(partition) ?? null,
      waitingEntries: isKnown ? found?.entries ?? 0 : null,
      waitingBytes: isKnown ? found?.bytes ?? 0 : null,
      waitingMs: oldest === null ? null : Math.max(0, (view?.atMs ?? oldest) - oldest),
    };
  });
}
