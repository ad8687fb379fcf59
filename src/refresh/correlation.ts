/**
 * Correlations of pairs of edges: checked, symmetric, and unknown where nobody said anything.
 *
 * ## Layout
 * Two layouts, of which the smaller one for what was named is taken. A *triangle* has a cell of 8 bytes for every pair:
 * row i of the strict lower triangle begins at i(i−1)/2. A *list* has 16 bytes for every known pair,
 * sorted, found by bisection. 1,000 edges have 499,500 pairs: 4.0 MB as a triangle.
 *
 * Cells are 64-bit floats although correlations are not that exact: rounded to 32 bits, 0.4 becomes
 * 0.4000000060, which is above a threshold of 0.4. An unknown pair is NaN, which is above nothing and
 * below nothing; 0 means that two edges are known to have nothing in common.
 *
 * @module
 */

import { isEdgeId } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";

/** Most edges of a whole matrix: its triangle takes 16 MB. */
export const MATRIX_EDGES_MAX = 2_000;

/** Most edges that pairs may name. */
export const PAIR_EDGES_MAX = 10_000;

/** Most pairs handed in as a list: they take 16 MB. */
export const PAIRS_MAX = 1_000_000;

/**
 * How far a matrix may be from symmetric, from 1 on its diagonal, and beyond ±1: what rounding makes
 * of a matrix that is worked out in two ways.
 */
export const CORRELATION_SLACK = 1e-9;

/** Correlations as one hands them in. */
export type CorrelationInput =
  /** The pairs one knows of, each once, or twice and equal; null = unknown. */
  | {
    readonly kind: "pairs";
    readonly pairs: readonly {
      readonly a: string;
      readonly b: string;
      readonly correlation: number | null;
    }[];
  }
  /** A whole matrix, one row per edge; null = unknown. */
  | {
    readonly kind: "matrix";
    readonly edges: readonly string[];
    readonly rows: readonly (readonly (number | null)[])[];
  }
  /**
   * A strict lower triangle by rows: pair (i, j < i) stands at i(i−1)/2 + j. NaN = unknown. What is
   * given is copied.
   */
  | {
    readonly kind: "triangle";
    readonly edges: readonly string[];
    readonly values: Float64Array;
  };

/** Pairs of so many edges. */
export function pairsOf(edges: number): number {
  return edges * (edges - 1) / 2;
}

/** See the top of the file. Never changes. */
export class Correlations {
  /** Edges by handle, in the order they were named. */
  readonly edges: readonly string[];
  /** Known pairs. */
  readonly known: number;
  readonly #handles: ReadonlyMap<string, number>;
  /** By pair; or, when there are keys, by key. */
  readonly #values: Float64Array;
  /** i · edges + j of every known pair with j < i, ascending; null for a triangle. */
  readonly #keys: Float64Array | null;

  /** Takes values that were checked; see {@linkcode correlationsOf}. */
  constructor(
    handles: ReadonlyMap<string, number>,
    values: Float64Array,
    keys: Float64Array | null,
    known: number,
  ) {
    this.edges = [...handles.keys()];
    this.#handles = handles;
    this.#values = values;
    this.#keys = keys;
    this.known = known;
  }

  /** Bytes of the columns. */
  get bytes(): number {
    return this.#values.byteLength + (this.#keys?.byteLength ?? 0);
  }

  /**
   * The strict lower triangle by rows, to be read only: pair (i, j < i) stands at i(i−1)/2 + j, NaN
   * where it is unknown. Null where pairs are listed.
   */
  get triangle(): Float64Array | null {
    return this.#keys === null ? this.#values : null;
  }

  /** Handle of an edge, or undefined. O(1). */
  handleOf(edgeId: string): number | undefined {
    return this.#handles.get(edgeId);
  }

  /** Correlation of two edges, 1 of one with itself, NaN when unknown. O(1), or O(log known). */
  at(a: number, b: number): number {
    if (a === b) return 1;
    const [i, j] = a > b ? [a, b] : [b, a];
    if (this.#keys === null) return this.#values[i * (i - 1) / 2 + j] ?? NaN;
    const key = i * this.edges.length + j;
    const at = lowerBound(this.#keys, key);
    return this.#keys[at] === key ? this.#values[at] as number : NaN;
  }

  /** As {@linkcode at}, by id; NaN also for an edge that was not named. */
  of(a: string, b: string): number {
    const i = this.#handles.get(a), j = this.#handles.get(b);
    return i === undefined || j === undefined ? NaN : this.at(i, j);
  }

  /** Calls `visit` with the pairs whose |correlation| is above `threshold`. O(cells). */
  eachAbove(threshold: number, visit: (i: number, j: number) => void): void {
    const values = this.#values;
    if (this.#keys !== null) {
      for (let at = 0; at < values.length; at++) {
        if (!(Math.abs(values[at] as number) > threshold)) continue;
        const key = this.#keys[at] as number;
        visit(Math.floor(key / this.edges.length), key % this.edges.length);
      }
      return;
    }
    let at = 0;
    for (let i = 1; i < this.edges.length; i++) {
      for (let j = 0; j < i; j++, at++) {
        if (Math.abs(values[at] as number) > threshold) visit(i, j);
      }
    }
  }

  /** The same without some edges. O(cells). */
  without(gone: ReadonlySet<string>): Correlations {
    const kept = this.edges.filter((edge) => !gone.has(edge));
    if (kept.length === this.edges.length) return this;
    const from = Int32Array.from(kept, (edge) => this.#handles.get(edge) as number);
    const handles = new Map(kept.map((edge, at) => [edge, at]));
    if (this.#keys !== null) return this.#listWithout(handles, from);
    const values = new Float64Array(pairsOf(kept.length));
    let known = 0;
    for (let i = 1, at = 0; i < from.length; i++) {
      for (let j = 0; j < i; j++, at++) {
        const value = this.at(from[i] as number, from[j] as number);
        values[at] = value;
        if (value === value) known++;
      }
    }
    return new Correlations(handles, values, null, known);
  }

  #listWithout(handles: ReadonlyMap<string, number>, from: Int32Array): Correlations {
    const to = new Int32Array(this.edges.length).fill(-1);
    from.forEach((old, now) => to[old] = now);
    const keys: number[] = [], values: number[] = [];
    // Handles keep their order, so the keys stay sorted.
    this.#keys?.forEach((key, at) => {
      const i = to[Math.floor(key / this.edges.length)] as number;
      const j = to[key % this.edges.length] as number;
      if (i < 0 || j < 0) return;
      keys.push(i * handles.size + j);
      values.push(this.#values[at] as number);
    });
    return new Correlations(
      handles,
      Float64Array.from(values),
      Float64Array.from(keys),
      keys.length,
    );
  }

  /** As one would hand them in again: a triangle, or pairs. O(cells). */
  toInput(): Exclude<CorrelationInput, { readonly kind: "matrix" }> {
    if (this.#keys === null) {
      return { kind: "triangle", edges: this.edges, values: this.#values.slice() };
    }
    const name = (handle: number) => this.edges[handle] as string;
    const pairs = Array.from(this.#keys, (key, at) => ({
      a: name(Math.floor(key / this.edges.length)),
      b: name(key % this.edges.length),
      correlation: this.#values[at] as number,
    }));
    return { kind: "pairs", pairs };
  }
}

function lowerBound(keys: Float64Array, key: number): number {
  let low = 0, high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Correlations from what was handed in. O(edges² or pairs · log pairs).
 *
 * @throws {RefreshError} code `correlation` when a number is not a correlation, a matrix is not
 * symmetric, an edge is named twice, or there are too many.
 */
export function correlationsOf(input: CorrelationInput): Correlations {
  switch (input.kind) {
    case "pairs":
      return fromPairs(input.pairs);
    case "matrix":
      return fromMatrix(input.edges, input.rows);
    case "triangle":
      return fromTriangle(input.edges, input.values);
    default:
      throw wrong("expected pairs, a matrix or a triangle", (input as { kind: unknown }).kind);
  }
}

function fromTriangle(edges: readonly string[], given: Float64Array): Correlations {
  const handles = handlesOf(edges);
  if (!(given instanceof Float64Array) || given.length !== pairsOf(edges.length)) {
    throw wrong(`expected ${pairsOf(edges.length)} pairs of ${edges.length} edges`, given?.length);
  }
  const values = given.slice();
  let known = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    // NaN, which is unknown, differs from itself.
    if (value !== value) continue;
    known++;
    if (!(value >= -1 && value <= 1)) values[at] = checked(value);
  }
  return new Correlations(handles, values, null, known);
}

function fromMatrix(
  edges: readonly string[],
  rows: readonly (readonly (number | null)[])[],
): Correlations {
  const handles = handlesOf(edges);
  if (rows.length !== edges.length) throw wrong(`expected ${edges.length} rows`, rows.length);
  rows.forEach((row, i) => {
    if (row.length !== edges.length) {
      throw wrong(`expected ${edges.length} numbers in the row of ${edges[i]}`, row.length);
    }
    const own = row[i] ?? 1;
    if (!(Math.abs(own - 1) <= CORRELATION_SLACK)) {
      throw wrong(`expected 1 for ${edges[i]} with itself`, own);
    }
  });
  const values = new Float64Array(pairsOf(edges.length));
  let known = 0;
  for (let i = 1, at = 0; i < edges.length; i++) {
    const row = rows[i] ?? [];
    for (let j = 0; j < i; j++, at++) {
      const one = row[j] ?? null, other = rows[j]?.[i] ?? null;
      const isUnknown = one === null && other === null;
      const value = isUnknown ? NaN : meanOf(one, other, edges[i] as string, edges[j] as string);
      values[at] = value;
      if (!isUnknown) known++;
    }
  }
  return new Correlations(handles, values, null, known);
}

/** The mean of what two halves say: the same whichever of the two edges comes first. */
function meanOf(one: number | null, other: number | null, a: string, b: string): number {
  if (one === other && one !== null && one >= -1 && one <= 1) return one;
  if (one === null || other === null) {
    throw wrong(`expected both halves to know of ${a} and ${b}`, one ?? other);
  }
  const difference = Math.abs(checked(one) - checked(other));
  if (difference > CORRELATION_SLACK) {
    throw wrong(`expected the same both ways for ${a} and ${b}`, [one, other]);
  }
  return one === other ? checked(one) : checked((one + other) / 2);
}

function fromPairs(
  pairs: readonly { readonly a: string; readonly b: string; readonly correlation: number | null }[],
): Correlations {
  if (pairs.length > PAIRS_MAX) throw wrong(`expected at most ${PAIRS_MAX} pairs`, pairs.length);
  const handles = new Map<string, number>();
  const handle = (edge: string): number => {
    const found = handles.get(edge);
    if (found !== undefined) return found;
    if (!isEdgeId(edge)) throw wrong("expected ids of edges", edge);
    if (handles.size === PAIR_EDGES_MAX) {
      throw wrong(`expected at most ${PAIR_EDGES_MAX} edges`, edge);
    }
    handles.set(edge, handles.size);
    return handles.size - 1;
  };
  const ends = Int32Array.from(
    { length: 2 * pairs.length },
    (_, at) => handle(at % 2 === 0 ? pairs[at >> 1]?.a as string : pairs[at >> 1]?.b as string),
  );
  const edges = handles.size;
  const isList = edges > MATRIX_EDGES_MAX || pairsOf(edges) > 2 * pairs.length;
  const said = isList ? new SaidList(edges) : new SaidTriangle(edges);
  pairs.forEach(({ a, b, correlation }, at) => {
    const value = correlation === null ? NaN : checked(correlation);
    const one = ends[2 * at] as number, other = ends[2 * at + 1] as number;
    if (one === other) {
      if (Math.abs(value - 1) > CORRELATION_SLACK) throw wrong(`expected 1 for ${a}`, correlation);
      return;
    }
    const before = said.say(Math.max(one, other), Math.min(one, other), value);
    if (before !== undefined && !Object.is(before + 0, value + 0)) {
      throw wrong(`expected one correlation for ${a} and ${b}`, [before, correlation]);
    }
  });
  return said.done(handles);
}

/** What pairs have said so far, of a few of all pairs there could be. */
class SaidList {
  readonly #edges: number;
  readonly #byKey = new Map<number, number>();

  constructor(edges: number) {
    this.#edges = edges;
  }

  /** Returns what was said of the pair before. */
  say(i: number, j: number, value: number): number | undefined {
    const key = i * this.#edges + j;
    const before = this.#byKey.get(key);
    this.#byKey.set(key, value);
    return before;
  }

  done(handles: ReadonlyMap<string, number>): Correlations {
    const of = (key: number) => this.#byKey.get(key) as number;
    const keys = Float64Array.from(this.#byKey.keys()).filter((key) => !Number.isNaN(of(key)));
    keys.sort();
    return new Correlations(handles, keys.map(of), keys, keys.length);
  }
}

/** What pairs have said so far, of most of all pairs there could be. */
class SaidTriangle {
  readonly #values: Float64Array;
  readonly #isSaid: Uint8Array;

  constructor(edges: number) {
    this.#values = new Float64Array(pairsOf(edges)).fill(NaN);
    this.#isSaid = new Uint8Array(pairsOf(edges));
  }

  /** Returns what was said of the pair before. */
  say(i: number, j: number, value: number): number | undefined {
    const at = i * (i - 1) / 2 + j;
    const before = this.#isSaid[at] === 1 ? this.#values[at] : undefined;
    this.#isSaid[at] = 1;
    this.#values[at] = value;
    return before;
  }

  done(handles: ReadonlyMap<string, number>): Correlations {
    const known = this.#values.reduce((count, value) => Number.isNaN(value) ? count : count + 1, 0);
    return new Correlations(handles, this.#values, null, known);
  }
}

function handlesOf(edges: readonly string[]): ReadonlyMap<string, number> {
  if (edges.length > MATRIX_EDGES_MAX) {
    throw wrong(`expected at most ${MATRIX_EDGES_MAX} edges`, edges.length);
  }
  const handles = new Map<string, number>();
  for (const edge of edges) {
    if (!isEdgeId(edge)) throw wrong("expected ids of edges", edge);
    if (handles.has(edge)) throw wrong("expected every edge once", edge);
    handles.set(edge, handles.size);
  }
  return handles;
}

function checked(value: number): number {
  if (typeof value === "number" && Math.abs(value) <= 1 + CORRELATION_SLACK) {
    return Math.max(-1, Math.min(1, value));
  }
  throw wrong("expected numbers from -1 to 1", value);
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "correlation",
    `Cannot take correlations: ${expected}: current value is ${shown(value)}`,
  );
