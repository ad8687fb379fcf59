/**
 * Sizes at which rows move from one place to the next. The defaults were measured; tests set them low
 * so that few rows go all ways.
 *
 * @module
 */

/** See the module's text. */
export interface SqliteBounds {
  /**
   * Candles of one series in one commit that are worth a chunk of their own; default 256: below that
   * a chunk's row in the table and its index cost more than writing the rows twice.
   */
  readonly directRows: number;
  /**
   * Bytes of rows that wait for chunks when they begin to be moved; default 32 MiB: opening the file
   * reads up to twice as many, about half a second.
   */
  readonly roundBytes: number;
  /** Bytes of them moved with one commit at least; default 128 KiB, a fraction of a millisecond. */
  readonly stepBytes: number;
  /** Rows of a chunk at most; default 4,096: 0.6 MB of labels, read in about a millisecond. */
  readonly chunkRows: number;
  /**
   * Candles at the end of each series whose labels are known without a look into the log, at first;
   * default 64. It grows with the horizon of the labels that come.
   */
  readonly windowBars: number;
}

/** See {@linkcode SqliteBounds}. */
export const SQLITE_BOUNDS: SqliteBounds = {
  directRows: 256,
  roundBytes: 32 * 1024 * 1024,
  stepBytes: 128 * 1024,
  chunkRows: 4_096,
  windowBars: 64,
};
