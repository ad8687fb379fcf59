/**
 * Who saved which call.
 *
 * A plain run makes one call for each kind and symbol. The ledger has one cell for each of them,
 * which says its one fate: still to be made, or saved by one filter. A filter can only take a call
 * that is open, so no call is ever saved twice and the counts add up by construction.
 *
 * @module
 */

/** Cells of a ledger: 100,000 symbols of six kinds, a byte each. */
export const LEDGER_CALLS_MAX = 600_000;

/** Filters of a ledger: fates are bytes, and 0 is an open call. */
const FILTERS_MAX = 255;

/** One fate for each call. */
export class CallLedger {
  readonly #fates: Uint8Array;
  readonly #filters: readonly string[];
  readonly #counts: number[];

  /**
   * All calls open.
   *
   * @throws {RangeError} for more calls or filters than there is room for, or filters that repeat.
   */
  constructor(calls: number, filters: readonly string[]) {
    const areNames = new Set(filters).size === filters.length && filters.length <= FILTERS_MAX;
    if (!Number.isInteger(calls) || calls < 0 || calls > LEDGER_CALLS_MAX || !areNames) {
      throw new RangeError(
        `Cannot make a ledger: expected 0 to ${LEDGER_CALLS_MAX} calls and at most ` +
          `${FILTERS_MAX} filters that differ: current value is ${calls} calls, ` +
          `filters ${filters.join(", ")}`,
      );
    }
    this.#fates = new Uint8Array(calls);
    this.#filters = filters;
    this.#counts = [calls, ...filters.map(() => 0)];
  }

  /** Calls still to be made. */
  get open(): number {
    return this.#counts[0] ?? 0;
  }

  /** Whether a call is still to be made. */
  isOpen(call: number): boolean {
    return this.#fates[call] === 0;
  }

  /** The filter that saved a call; null while it is open. */
  savedBy(call: number): string | null {
    return this.#filters[(this.#fates[call] ?? 0) - 1] ?? null;
  }

  /**
   * Takes an open call for a filter; false when it is not open any more. O(filters).
   *
   * @throws {RangeError} for a filter that the ledger does not know.
   */
  save(call: number, filter: string): boolean {
    const fate = this.#filters.indexOf(filter) + 1;
    if (fate === 0) {
      throw new RangeError(
        `Cannot save a call: expected a filter of ${this.#filters.join(", ")}: ` +
          `current value is ${filter}`,
      );
    }
    if (this.#fates[call] !== 0) return false;
    this.#fates[call] = fate;
    this.#counts[0] = this.open - 1;
    this.#counts[fate] = (this.#counts[fate] ?? 0) + 1;
    return true;
  }

  /** Calls that a filter saved. */
  savedCount(filter: string): number {
    return this.#counts[this.#filters.indexOf(filter) + 1] ?? 0;
  }
}
