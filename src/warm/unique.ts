/**
 * How many different keys there were: HyperLogLog (P. Flajolet, É. Fusy, O. Gandouet, F. Meunier,
 * 2007) with the estimator of O. Ertl ("New cardinality estimation algorithms for HyperLogLog
 * sketches", 2017, algorithm 6), which needs no corrections for few or many keys.
 *
 * @module
 */

import { mix } from "../cache/hash.ts";

const INDEX_BITS = 12;
/** Bytes of it, one a register. The standard error is 1.04 / √4,096 = 1.6 %. */
export const REGISTERS = 2 ** INDEX_BITS;
const VALUE_BITS = 32 - INDEX_BITS;
/** Of infinitely many registers, 1 / (2 ln 2). */
const ALPHA = 0.5 / Math.LN2;

/** See the top of the file. */
export class UniqueKeys {
  readonly #registers: Uint8Array<ArrayBuffer>;

  /** Of no keys, or with the registers of another one. */
  constructor(registers: Uint8Array<ArrayBuffer> = new Uint8Array(REGISTERS)) {
    this.#registers = registers;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#registers.byteLength;
  }

  /** Notes the hash of a key. O(1). */
  add(hash: number): void {
    const mixed = mix(hash);
    const index = mixed >>> VALUE_BITS;
    // The bits that are not the index, with a stop behind them.
    const rank = Math.clz32(mixed << INDEX_BITS | 1 << INDEX_BITS - 1) + 1;
    if (rank > (this.#registers[index] as number)) this.#registers[index] = rank;
  }

  /** How many different keys there were, about. O(registers). */
  estimate(): number {
    const counts = new Uint32Array(VALUE_BITS + 2);
    for (const rank of this.#registers) counts[rank] = (counts[rank] ?? 0) + 1;
    const share = (rank: number) => (counts[rank] as number) / REGISTERS;
    let sum = REGISTERS * tau(1 - share(VALUE_BITS + 1));
    for (let rank = VALUE_BITS; rank >= 1; rank--) sum = 0.5 * (sum + (counts[rank] as number));
    sum += REGISTERS * sigma(share(0));
    return ALPHA * REGISTERS * REGISTERS / sum;
  }

  /** A copy of the registers. */
  snapshot(): Uint8Array<ArrayBuffer> {
    return this.#registers.slice();
  }

  /** Whether these can be registers. */
  static areRegisters(given: unknown): given is Uint8Array<ArrayBuffer> {
    return given instanceof Uint8Array && given.length === REGISTERS &&
      given.every((rank) => rank <= VALUE_BITS + 1);
  }
}

/** Σ x^(2^k) 2^(k-1) over k ≥ 1, and x. */
function sigma(x: number): number {
  if (x === 1) return Infinity;
  let sum = x, last = NaN;
  for (let power = x, factor = 1; sum !== last; factor += factor) {
    power *= power;
    last = sum;
    sum += power * factor;
  }
  return sum;
}

/** (1 - x - Σ (1 - x^(2^-k))² 2^-k over k ≥ 1) / 3. */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let sum = 1 - x, last = NaN;
  for (let root = x, factor = 1; sum !== last;) {
    root = Math.sqrt(root);
    last = sum;
    factor *= 0.5;
    sum -= (1 - root) ** 2 * factor;
  }
  return sum / 3;
}
