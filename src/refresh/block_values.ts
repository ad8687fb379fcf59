/**
 * Blocks of correlations: all pairs of a cluster's members, as they are worked out for the cache and
 * read from it.
 *
 * ## Where values come from
 * What the aggregator knows comes first, whether it was handed in or streamed. Pairs of instruments of
 * which it knows nothing are read from the cache, under the keys of its pairs, which computes them from
 * stored candles. What nobody knows is null.
 *
 * ## What ends a block
 * Its time in the cache; other members, as it says itself whose it is; and other correlations that are
 * handed in, by {@linkcode BLOCK_TAG}. It does not depend on the candles it was made of: each new one
 * would end it, and it is made anew every few minutes while its cluster is impacted.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { byCodeUnits } from "./aggregator_checks.ts";
import type { Cluster } from "./clusters.ts";
import type { Correlations } from "./correlation.ts";
import type { CorrelationBlock } from "./service_types.ts";
import { formatCacheKey } from "../cache/key.ts";
import type { Found } from "../cache/types.ts";
import type { Granularity } from "../market/granularity.ts";
import { isSymbol } from "../market/series.ts";

/** Tag of all blocks in the cache. */
export const BLOCK_TAG = "correlation_block";

/** What follows the symbol in the key of a block. */
export const BLOCK_PARAMS = "block";

/** Returns of a pair that is computed from stored candles, as many as the stream remembers. */
export const PAIR_BARS = 250;

/** Most members of a block: its rows take 8 MB then. */
export const BLOCK_MEMBERS_MAX = 1_000;

/**
 * Most pairs of one block that are read from the cache: each that is not there costs the store two
 * tails of 250 candles. The others stay unknown.
 */
export const PAIRS_READ_MAX = 20_000;

/** Pairs that are read at once: a load is a message to each shard. */
const PAIRS_AT_ONCE = 64;

/** Cells that are worked out in one turn: less than a millisecond. */
const CELLS_PER_TURN = 50_000;

/**
 * Key of a cluster's block in the cache: `correlation:EUR_USD:block`. An id that is no symbol of a key
 * is one by its hash, 64 bits of SHA-256: as blocks say whose they are, two of one key would only be in
 * each other's way.
 */
export function blockKey(clusterId: string): string {
  const symbol = isSymbol(clusterId)
    ? clusterId
    : `^id-${createHash("sha256").update(clusterId).digest("hex").slice(0, 16)}`;
  return formatCacheKey("correlation", symbol, BLOCK_PARAMS);
}

/** Whether a key is one of those that {@linkcode blockKey} gives. */
export function isBlockKey(key: string): boolean {
  return key.startsWith("correlation:") && key.endsWith(`:${BLOCK_PARAMS}`);
}

/** Key of a pair of instruments in the cache, the same whichever of them comes first. */
export function pairKey(one: string, other: string, granularity: Granularity): string {
  const [a, b] = byCodeUnits(one, other) < 0 ? [one, other] : [other, one];
  return `correlation:${a}:${granularity}?with=${b}&bars=${PAIR_BARS}`;
}

/** The block that was read from the cache; null when it is none of that cluster as it is now. */
export function blockOf(value: unknown, { id, members }: Cluster): CorrelationBlock | null {
  if (typeof value !== "object" || value === null) return null;
  const block = value as Partial<CorrelationBlock>;
  const isRight = block.clusterId === id && Array.isArray(block.rows) &&
    block.rows.length === members.length && typeof block.atMs === "number" &&
    Array.isArray(block.members) && sameMembers(block.members, members);
  return isRight ? block as CorrelationBlock : null;
}

/** Whether two clusters are of the same edges. O(members). */
export function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member, at) => member === b[at]);
}

/** What a block is made with. */
export interface BlockPorts {
  /** What is known already. */
  readonly known: Correlations | null;
  /** On which granularity a pair can be compared; null where it cannot. */
  readonly granularityOf: (a: string, b: string) => Granularity | null;
  /** Reads pairs from the cache; null where there is none. May reject. */
  readonly read:
    | ((keys: readonly string[], timeoutMs: number) => Promise<readonly Found<unknown>[]>)
    | null;
  /** Lets others go first. */
  readonly turn: () => Promise<void>;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
  /** Epoch ms, for the block. */
  readonly wallMs: number;
  /** Longest time of all of it. */
  readonly timeoutMs: number;
}

/** A block that was worked out. */
export interface WorkedBlock {
  /** The block. */
  readonly block: CorrelationBlock;
  /**
   * Whether all of it that can be known is in it: neither did time run out, nor a read fail. Only then
   * it is worth keeping.
   */
  readonly isComplete: boolean;
}

interface Gap {
  readonly i: number;
  readonly j: number;
  readonly key: string;
}

/**
 * Works out a cluster's block. O(members²), in turns; and a read of the cache for 64 unknown pairs each,
 * one after the other. Rejects when a read does, as when a shard of the cache is lost.
 *
 * @throws {RangeError} by rejecting, for more than {@linkcode BLOCK_MEMBERS_MAX} members.
 */
export async function workOutBlock(cluster: Cluster, ports: BlockPorts): Promise<WorkedBlock> {
  const { id: clusterId, members } = cluster;
  if (members.length > BLOCK_MEMBERS_MAX) {
    throw new RangeError(
      `Cannot work out a block: expected at most ${BLOCK_MEMBERS_MAX} members: ` +
        `current value is ${members.length}`,
    );
  }
  const endMs = ports.nowMs() + ports.timeoutMs;
  const rows: (number | null)[][] = [];
  const gaps = await knownCells(members, rows, ports);
  const isComplete = await readGaps(gaps, rows, ports, endMs);
  return { block: { clusterId, members, rows, atMs: ports.wallMs }, isComplete };
}

/** Fills all cells with what is known; the pairs that can be read. */
async function knownCells(
  members: readonly string[],
  rows: (number | null)[][],
  { known, granularityOf, read, turn }: BlockPorts,
): Promise<readonly Gap[]> {
  const handles = members.map((member) => known?.handleOf(member) ?? -1);
  const gaps: Gap[] = [];
  for (let i = 0, cells = 0; i < members.length; i++) {
    const row = new Array<number | null>(members.length).fill(null);
    rows.push(row);
    row[i] = 1;
    for (let j = 0; j < i; j++, cells++) {
      const a = handles[i] as number, b = handles[j] as number;
      const value = known === null || a < 0 || b < 0 ? NaN : known.at(a, b);
      if (!Number.isNaN(value)) {
        row[j] = value;
        (rows[j] as (number | null)[])[i] = value;
      } else if (read !== null && gaps.length < PAIRS_READ_MAX) {
        const one = members[i] as string, other = members[j] as string;
        const granularity = granularityOf(one, other);
        if (granularity !== null) gaps.push({ i, j, key: pairKey(one, other, granularity) });
      }
    }
    if (cells < CELLS_PER_TURN) continue;
    cells = 0;
    await turn();
  }
  return gaps;
}

/** Fills what the cache has; false when some of it could not be read. */
async function readGaps(
  gaps: readonly Gap[],
  rows: (number | null)[][],
  { read, nowMs }: BlockPorts,
  endMs: number,
): Promise<boolean> {
  if (read === null) return true;
  let isComplete = true;
  for (let at = 0; at < gaps.length; at += PAIRS_AT_ONCE) {
    const leftMs = endMs - nowMs();
    if (!(leftMs > 0)) return false;
    const some = gaps.slice(at, at + PAIRS_AT_ONCE);
    const found = await read(some.map(({ key }) => key), leftMs);
    some.forEach(({ i, j }, n) => {
      const one = found[n];
      if (one === undefined || one.state === "failed") isComplete = false;
      else if (one.state !== "missing") {
        const value = coefficientOf(one.value);
        (rows[i] as (number | null)[])[j] = value;
        (rows[j] as (number | null)[])[i] = value;
      }
    });
  }
  return isComplete;
}

/** The coefficient of what the cache has under the key of a pair. */
function coefficientOf(value: unknown): number | null {
  const { correlation = null } = (value ?? {}) as { readonly correlation?: unknown };
  return typeof correlation === "number" && Math.abs(correlation) <= 1 ? correlation : null;
}
