/**
 * Growable columns of the kinds: what a labeler of kinds writes beside its rows.
 *
 * @module
 */

/**
 * Columns of kinds, in the order asked for; NaN is null. Row i belongs to row i of a label block.
 */
export type KindColumns = readonly Float64Array[];

/**
 * A pile of rows of numbers that grows by doubling and is meant to be reused, as `LabelBuilder`.
 */
export class KindBuilder {
  /** Rows written so far. */
  length = 0;
  /** One column a kind; rows from `length` on are leftovers. Replaced when the builder grows. */
  columns: readonly Float64Array[];

  /** Empty, with `width` columns and room for `capacity` rows of 8 bytes each. */
  constructor(width: number, capacity = 16) {
    this.columns = Array.from({ length: width }, () => new Float64Array(capacity));
  }

  /** Index of a new row, whose columns the caller must all write. O(1) amortised. */
  next(): number {
    const row = this.length;
    if (this.columns.length > 0 && row === this.columns[0]?.length) this.#grow();
    this.length = row + 1;
    return row;
  }

  /** Forgets the rows and keeps the memory. O(1). */
  clear(): void {
    this.length = 0;
  }

  /** The rows as columns of their own that lie in one buffer, one after the other. O(rows). */
  take(): KindColumns {
    const packed = new Float64Array(this.columns.length * this.length);
    this.columns.forEach((column, at) =>
      packed.set(column.subarray(0, this.length), at * this.length)
    );
    const columns = unpackKinds(packed, this.columns.length);
    this.clear();
    return columns;
  }

  #grow(): void {
    this.columns = this.columns.map((column) => {
      const grown = new Float64Array(2 * column.length);
      grown.set(column);
      return grown;
    });
  }
}

/** Rows from ≤ row < to, in one buffer, column after column: for the way to a thread. O(rows). */
export function packKinds(
  columns: KindColumns,
  from: number,
  to: number,
): Float64Array<ArrayBuffer> {
  const packed = new Float64Array(columns.length * (to - from));
  columns.forEach((column, at) => packed.set(column.subarray(from, to), at * (to - from)));
  return packed;
}

/**
 * The `width` columns that lie in a buffer of {@linkcode packKinds}. O(columns), nothing is copied.
 */
export function unpackKinds(packed: Float64Array, width: number): KindColumns {
  const rows = width === 0 ? 0 : packed.length / width;
  return Array.from({ length: width }, (_, at) => packed.subarray(at * rows, (at + 1) * rows));
}

/** One row of the columns under their names, as `rowObject` gives the fixed ones; NaN is null. */
export function kindCells(
  names: readonly string[],
  columns: KindColumns,
  row: number,
): Record<string, number | null> {
  const cells: Record<string, number | null> = {};
  for (const [at, name] of names.entries()) {
    const value = columns[at]?.[row] ?? NaN;
    cells[name] = Number.isNaN(value) ? null : value;
  }
  return cells;
}
