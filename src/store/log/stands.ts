/**
 * Whether copies agree: entries say where their writer's copy stood, and each copy remembers where it
 * stood itself.
 *
 * @module
 */

import type { CopyStand, LogPosition } from "./port.ts";

/** Positions that are remembered: entries under way are fewer. */
const REMEMBERED = 8_192;

/** The seqs after the last positions. */
export class Stands {
  readonly #positions = new Float64Array(REMEMBERED).fill(-1);
  readonly #seqs = new Float64Array(REMEMBERED);

  /** This copy stood so. */
  saw(position: LogPosition, seq: number): void {
    this.#positions[position % REMEMBERED] = position;
    this.#seqs[position % REMEMBERED] = seq;
  }

  /** What to say when a writer's copy stood otherwise; null when not, or when it is not remembered. */
  difference({ position, seq }: CopyStand): string | null {
    const at = position % REMEMBERED;
    if (this.#positions[at] !== position || this.#seqs[at] === seq) return null;
    return `Cannot follow the log: expected seq ${seq} after the entry at position ${position}, as ` +
      `its writer says: current value is ${this.#seqs[at]}: the copies are not alike; make this ` +
      "one anew in another data directory, and give all nodes the same settings";
  }
}
