/**
 * What outlives the process of a stream of correlations: its pairs without gaps, and their check.
 *
 * @module
 */

import { isEdgeId } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";
import { pairsOf } from "./correlation.ts";
import type { ClosedBar, CorrelationStreamSettings } from "./correlation_stream.ts";

/** Numbers of a pair: weight, means of both, variances of both, covariance. */
export const PAIR_NUMBERS = 6;

/** All that a stream of correlations knows: plain data. */
export interface CorrelationStreamSnapshot {
  /** Of this layout. */
  readonly version: 1;
  /** λ that it was made with, which its weights go by: 1 for an endless memory. */
  readonly decay: number;
  /** Edges by handle. */
  readonly edges: readonly string[];
  /** By edge: time of the last bar, epoch ms; NaN without any. */
  readonly lastTs: Float64Array;
  /** By edge: logarithm of its close. */
  readonly lastLog: Float64Array;
  /** By pair of the strict lower triangle: weight, two means, two variances, covariance. */
  readonly pairs: Float64Array;
  /** Bars that wait; those without a price are missing all the same. */
  readonly open: readonly ClosedBar[];
  /** Time up to which bars were taken in, epoch ms; null before the first. */
  readonly foldedTs: number | null;
  /** Bar times that were taken in. */
  readonly bars: number;
  /** Bars that came too late. */
  readonly late: number;
}

/**
 * The numbers of all pairs of `from`, which are handles of `pairs`, as a triangle without gaps. Of a
 * pair whose order turns round, what belongs to one edge changes places with what belongs to the
 * other. O(pairs).
 */
export function packPairs(pairs: Float64Array, from: Int32Array): Float64Array<ArrayBuffer> {
  const packed = new Float64Array(pairsOf(from.length) * PAIR_NUMBERS);
  for (let i = 1, to = 0; i < from.length; i++) {
    for (let j = 0; j < i; j++, to += PAIR_NUMBERS) {
      const a = from[i] as number, b = from[j] as number;
      const high = Math.max(a, b), low = Math.min(a, b);
      const at = (high * (high - 1) / 2 + low) * PAIR_NUMBERS;
      packed.set(pairs.subarray(at, at + PAIR_NUMBERS), to);
      if (a > b) continue;
      packed[to + 1] = pairs[at + 2] as number;
      packed[to + 2] = pairs[at + 1] as number;
      packed[to + 3] = pairs[at + 4] as number;
      packed[to + 4] = pairs[at + 3] as number;
    }
  }
  return packed;
}

/**
 * A snapshot that was checked: every size, and every number that could do harm.
 *
 * @throws {RefreshError} code `snapshot`.
 */
export function unpackPairs(
  value: unknown,
  settings: CorrelationStreamSettings,
): CorrelationStreamSnapshot {
  if (typeof value !== "object" || value === null) throw wrong("expected an object", value);
  const given = value as Partial<Record<keyof CorrelationStreamSnapshot, unknown>>;
  if (given.version !== 1) throw wrong("expected version 1", given.version);
  const decay = 1 - 1 / settings.memoryBars;
  if (given.decay !== decay) {
    throw wrong(`expected a memory of ${settings.memoryBars} bars: decay ${decay}`, given.decay);
  }
  const { edges, open } = given;
  const isIds = Array.isArray(edges) && edges.length <= settings.edgesMax &&
    edges.every(isEdgeId) && new Set(edges).size === edges.length;
  if (!isIds) throw wrong(`expected at most ${settings.edgesMax} edges, each once`, edges);
  if (!Array.isArray(open)) throw wrong("expected bars that wait", open);
  const known = new Set(edges);
  const bars = open.map((bar) => barOf(bar, known));
  return {
    version: 1,
    decay,
    edges,
    lastTs: numbersOf("lastTs", given.lastTs, edges.length, true),
    lastLog: numbersOf("lastLog", given.lastLog, edges.length, false),
    pairs: numbersOf("pairs", given.pairs, pairsOf(edges.length) * PAIR_NUMBERS, false),
    open: bars,
    foldedTs: given.foldedTs === null ? null : numberOf("foldedTs", given.foldedTs),
    bars: numberOf("bars", given.bars),
    late: numberOf("late", given.late),
  };
}

function barOf(value: unknown, edges: ReadonlySet<string>): ClosedBar {
  const { edgeId, ts, close } = (value ?? {}) as Partial<Record<keyof ClosedBar, unknown>>;
  if (typeof edgeId !== "string" || !edges.has(edgeId) || typeof close !== "number") {
    throw wrong("expected bars of its edges", value);
  }
  return { edgeId, ts: numberOf("ts", ts), close };
}

function numbersOf(what: string, value: unknown, length: number, hasNaN: boolean): Float64Array {
  if (!(value instanceof Float64Array) || value.length !== length) {
    throw wrong(`expected ${length} numbers of ${what}`, (value as { length?: unknown })?.length);
  }
  const isWrong = (one: number) => !(Number.isFinite(one) || (hasNaN && Number.isNaN(one)));
  const found = value.find(isWrong);
  if (found !== undefined) throw wrong(`expected finite numbers of ${what}`, found);
  return value;
}

function numberOf(what: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw wrong(`expected a number for ${what}`, value);
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "snapshot",
    `Cannot restore correlations: ${expected}: current value is ${shown(value)}`,
  );
