/**
 * What the aggregator says of edges and clusters, for people.
 *
 * @module
 */

import type { ClusterStatus, EdgeExplanation } from "../refresh/aggregator_types.ts";
import type { ChangesTaken, ServedBlock } from "../refresh/service_types.ts";
import { escaped } from "./cache_text.ts";
import type { CliIo } from "./io.ts";
import { type Fact, factsText, idText, numberText, secondText } from "./refresh_words.ts";
import { textTable } from "./table.ts";
import { countOf, countText } from "./text.ts";

/** Widest matrix, characters. */
const MATRIX_CHARS_MAX = 96;
/** What a correlation takes in a matrix, with the gap before it, characters: `  -0.87`. */
const CELL_CHARS = 7;
/** Room for the members of a cluster in its line, characters. */
const WITH_CHARS_MAX = 36;
/** Refused changes that are listed. */
const REFUSED_SHOWN = 20;

/** A line for each cluster: how many edges it has, its impact, and whether it has fired. */
export function clustersText(clusters: readonly ClusterStatus[], io: CliIo): string {
  if (clusters.length === 0) return "No clusters\n";
  const rows = clusters.map(({ id, members, impact, isFired, at }) => [
    idText(id, io),
    countText(members.length),
    impact.toFixed(3),
    isFired ? "fired" : at === null ? "at rest" : "armed",
    at === null ? "" : secondText(at),
    withText(members.filter((member) => member !== id).map(escaped)),
  ]);
  const header = ["cluster", "edges", "impact", "state", "last change", "with"];
  return textTable(header, rows, io, [1, 2]);
}

/** As many as fit, and how many more there are. */
function withText(others: readonly string[]): string {
  let shown = 0, chars = 0;
  for (const other of others) {
    chars += other.length + 1;
    if (chars > WITH_CHARS_MAX && shown > 0) break;
    shown++;
  }
  const rest = others.length - shown;
  return others.slice(0, shown).join(" ") + (rest === 0 ? "" : ` and ${countText(rest)} more`);
}

/**
 * Correlations of a cluster's members as a small table: as many rows and columns as fit into a
 * line, columns by the number of their row.
 */
export function blockText({ block, cacheHit }: ServedBlock, io: CliIo): string {
  const { members, rows } = block;
  const from = cacheHit ? "from the cache" : "worked out now";
  const head = factsText([
    ["cluster", escaped(block.clusterId)],
    ["edges", countText(members.length)],
    ["as of", `${secondText(block.atMs)}, ${from}`],
  ], io);
  const ids = members.map((member) => idText(member, io));
  const digits = String(members.length).length;
  const room =
    (io.isTerminal.stdout ? Math.min(MATRIX_CHARS_MAX, io.columns()) : MATRIX_CHARS_MAX) -
    digits - 2;
  const shown = fitting(ids, room);
  const header = ["", "edge", ...ids.slice(0, shown).map((_, i) => String(i + 1))];
  const lines = ids.slice(0, shown).map((id, i) => [
    String(i + 1),
    id,
    ...Array.from({ length: shown }, (_, j) => rhoText(rows[i]?.[j] ?? null)),
  ]);
  const right = [0, ...Array.from({ length: shown }, (_, j) => j + 2)];
  const rest = members.length - shown;
  const more = rest === 0 ? "" : `${countOf(rest, "more edge")}: --json has all\n`;
  return `${head}\n${textTable(header, lines, io, right)}${more}`;
}

/** How many of the ids, the first ones, have room for as many columns beside them; at least 1. */
function fitting(ids: readonly string[], room: number): number {
  let widest = "edge".length;
  for (const [i, id] of ids.entries()) {
    widest = Math.max(widest, id.length);
    if (widest + CELL_CHARS * (i + 1) > room) return Math.max(1, i);
  }
  return ids.length;
}

function rhoText(rho: number | null): string {
  return rho === null ? "–" : rho.toFixed(2);
}

/** Why an edge is in its cluster. */
export function edgeText(found: EdgeExplanation, io: CliIo): string {
  const { cluster, pending, links } = found;
  const others = cluster.members.length - 1;
  const state = cluster.isFired ? "fired" : "armed";
  const changed = cluster.at === null ? "" : `, last changed ${secondText(cluster.at)}`;
  const sources = {
    given: "handed in",
    streamed: "worked out of candles",
    none: "not known",
  } as const;
  const facts: Fact[] = [
    ["cluster", `${escaped(cluster.id)}, with ${countOf(others, "other edge")}`],
    ["impact", `${cluster.impact.toFixed(3)}, ${state}${changed}`],
    [
      "correlations",
      `${sources[found.source]}: of ${countText(found.known)} edges known, of ` +
      `${countText(found.unknown)} not`,
    ],
    ["connected", `above ${numberText(found.threshold)}, of either sign`],
    [
      "waiting",
      pending === null
        ? null
        : `${countOf(pending.count, "change")}, ${pending.class}: ${pending.type} of ` +
          `${numberText(pending.magnitude)}`,
    ],
  ];
  const rows = links.map(({ edgeId, correlation, connects }) => [
    idText(edgeId, io, 50),
    correlation.toFixed(4),
    connects ? "connects" : "",
  ]);
  const table = rows.length === 0
    ? ""
    : `\n${textTable(["other edge", "correlation", ""], rows, io, [1])}`;
  return factsText([["edge", escaped(found.edgeId)], ...facts], io) + table;
}

/** What became of changes: how many wait, and which clusters they set off. */
export function takenText(taken: ChangesTaken, io: CliIo): string {
  const { recorded, refused, impacted } = taken;
  const lines = refused.slice(0, REFUSED_SHOWN).map(({ index, reason }) =>
    `change ${countText(index + 1)} refused: ${reason}\n`
  );
  const rest = refused.length - lines.length;
  const fired = impacted.length === 0 ? "no cluster was set off\n" : textTable(
    ["set off", "edges", "impact"],
    impacted.map(({ id, members, impact }) => [
      idText(id, io),
      countText(members.length),
      impact.toFixed(3),
    ]),
    io,
    [1, 2],
  );
  return `${countOf(recorded, "change")} taken, ${countText(refused.length)} refused\n` +
    lines.join("") + (rest === 0 ? "" : `and ${countText(rest)} more\n`) + fired;
}
