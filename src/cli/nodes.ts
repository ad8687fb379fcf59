/**
 * `wick nodes`: the nodes that share the work, what each has, and how far behind it is.
 *
 * @module
 */

import { nodesReply, type NodesView } from "../http/node_schemas.ts";
import type { Command } from "./command.ts";
import { Exit } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { textTable } from "./table.ts";
import { bytesText, countOf, countText, palette, spanText, timeText } from "./text.ts";

/** Partitions that are listed: those that are furthest behind. */
const BEHIND_SHOWN = 10;
/** Moves that are listed: the latest. */
const MOVES_SHOWN = 10;

/** The command. */
export const NODES: Command = {
  name: "nodes",
  about: "list the nodes that share the work",
  details: [
    "Every node with its region, lease and partitions, the partitions that are behind, and what " +
    "moved last. A service without Redis is one node that does everything.",
    "Any node can be asked. Exits with 1 when a partition has no owner, or the group is out of reach.",
  ],
  operand: null,
  options: { json: { about: "all of it as JSON" }, ...SERVICE_OPTIONS },
  examples: [
    { line: "wick nodes", about: "" },
    { line: "wick nodes --json | jq '.nodes[].node'", about: "names" },
  ],
  run: (call, io) =>
    withService(call, io, async (client) => {
      const view = await client.ask("/api/nodes", nodesReply);
      io.out(call.values.flag("json") ? `${JSON.stringify(view)}\n` : nodesText(view, io));
      return isWell(view) ? Exit.ok : Exit.failed;
    }),
};

function isWell({ self, partitions }: NodesView): boolean {
  return self.awayMs === null && partitions.every(({ node }) => node !== null);
}

/** All of it for people. */
export function nodesText(view: NodesView, io: CliIo): string {
  if (view.mode === "alone") {
    return `one node, ${view.self.node}: this service does everything by itself\n`;
  }
  return [headText(view, io), nodeTable(view, io), behindTable(view, io), movesTable(view, io)]
    .filter((text) => text !== "").join("\n");
}

function headText({ self, log, partitions, nodes }: NodesView, io: CliIo): string {
  const paint = palette(io.hasColour.stdout);
  const idle = partitions.filter(({ node }) => node === null).length;
  const lines = [
    `${countOf(nodes.length, "node")}, asked ${self.node}: ${self.phase}, ` +
    `${countOf(self.owned, "partition")}${self.moving === 0 ? "" : `, ${self.moving} moving`}`,
  ];
  if (self.awayMs !== null) {
    lines.push(paint.red(`out of reach for ${spanText(self.awayMs)}: ${self.lastError ?? ""}`));
  }
  if (idle > 0) lines.push(paint.red(`${countOf(idle, "partition")} without an owner`));
  for (const pin of self.unheldPins) lines.push(paint.yellow(`no node for the pin ${pin}`));
  if (log !== null) {
    const snapshot = log.snapshot === null
      ? "no snapshot"
      : `snapshot at ${countText(log.snapshot.position)}`;
    lines.push(
      `log at ${countText(log.position)}, ${bytesText(log.bytes)}, ${snapshot}` +
        (log.lagEntries === 0 ? "" : `, ${countText(log.lagEntries)} behind here`),
    );
  }
  return `${lines.join("\n")}\n`;
}

function nodeTable({ nodes }: NodesView, io: CliIo): string {
  const rows = nodes.map((node) => [
    node.isSelf ? `${node.node} *` : node.node,
    node.region,
    countText(node.partitions),
    node.isLeaving ? "leaving" : node.leftMs === null ? "" : spanText(node.leftMs),
    countText(node.lagEntries),
    node.version,
    node.url ?? "",
  ]);
  const header = ["node", "region", "partitions", "lease", "behind", "version", "url"];
  return textTable(header, rows, io, [2, 3, 4]);
}

function behindTable({ partitions }: NodesView, io: CliIo): string {
  const behind = partitions.filter(({ waitingEntries }) => (waitingEntries ?? 0) > 0)
    .toSorted((a, b) => (b.waitingMs ?? 0) - (a.waitingMs ?? 0))
    .slice(0, BEHIND_SHOWN);
  if (behind.length === 0) return "";
  const rows = behind.map(({ partition, node, waitingEntries, waitingBytes, waitingMs }) => [
    String(partition),
    countText(waitingEntries ?? 0),
    bytesText(waitingBytes ?? 0),
    spanText(waitingMs ?? 0),
    node ?? "nobody",
  ]);
  return textTable(["partition", "waiting", "bytes", "oldest", "owner"], rows, io, [0, 1, 2, 3]);
}

function movesTable({ moves }: NodesView, io: CliIo): string {
  if (moves.length === 0) return "";
  const rows = moves.slice(0, MOVES_SHOWN).map(({ atMs, partitions, from, to, why }) => [
    timeText(atMs),
    countText(partitions.length),
    why,
    `${from ?? "nobody"} to ${to ?? "nobody"}`,
  ]);
  return textTable(["moved", "partitions", "why", ""], rows, io, [1]);
}
