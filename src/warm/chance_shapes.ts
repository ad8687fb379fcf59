/**
 * What is asked of a symbol: the shapes of keys, and their shares.
 *
 * The shape of `price:AAPL` is `price`, that of `label:EUR_USD:H1` is `label:…:H1`. Shares are
 * counted by group of symbols with forward decay (G. Cormode et al., "Forward Decay", ICDE 2009):
 * newer accesses weigh exponentially more, so that nothing old must be touched.
 *
 * @module
 */

import { TAUS_MS } from "./rates_decay.ts";

/** Shapes told apart; further ones are one, number 0. A byte a key. */
export const SHAPES_MAX = 128;

const WEIGHT_MAX = 1e60;
const MINUTE_MS = 60_000;

/** Shapes with a smaller share of a group are not proposed for a symbol that lacks them. */
const COMPANION_SHARE_MIN = 0.02;

/** A key taken apart; see the head of this file. */
export interface KeyShape {
  readonly symbol: string;
  readonly shape: string;
}

/** The shape of a key. A key without a kind is its own symbol. */
export function shapeOf(key: string): KeyShape {
  const kindEnd = key.indexOf(":");
  if (kindEnd < 0) return { symbol: key, shape: "" };
  const symbolEnd = key.indexOf(":", kindEnd + 1);
  if (symbolEnd < 0) return { symbol: key.slice(kindEnd + 1), shape: key.slice(0, kindEnd) };
  return {
    symbol: key.slice(kindEnd + 1, symbolEnd),
    shape: `${key.slice(0, kindEnd)}:…${key.slice(symbolEnd)}`,
  };
}

/** See the head of this file. */
export class ChanceShapes {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = ["other"];
  readonly #groups: number;
  readonly #counts: Float64Array<ArrayBuffer>;
  readonly #sums: Float64Array<ArrayBuffer>;
  /** By group: shapes proposed for its symbols; empty when they are to be looked at again. */
  readonly #usual: (readonly string[] | undefined)[] = [];
  #startMs = NaN;
  #weightAtMs = NaN;
  #weight = 1;

  /** For so many groups. */
  constructor(groups: number) {
    this.#groups = groups;
    this.#counts = new Float64Array(groups * SHAPES_MAX);
    this.#sums = new Float64Array(groups);
  }

  /** The number of a shape; 0 for those that have none. */
  numberOf(shape: string): number {
    return this.#numbers.get(shape) ?? 0;
  }

  /** The number of a shape, which it gets if there is one left. */
  add(shape: string): number {
    const known = this.#numbers.get(shape);
    if (known !== undefined) return known;
    if (this.#names.length >= SHAPES_MAX) return 0;
    this.#numbers.set(shape, this.#names.length);
    this.#usual.length = 0;
    return this.#names.push(shape) - 1;
  }

  /** Counts an access. O(1). */
  accessed(group: number, shape: number, atMs: number): void {
    if (!(atMs - this.#weightAtMs < MINUTE_MS)) this.#reweigh(atMs);
    const at = group * SHAPES_MAX + shape;
    this.#counts[at] = (this.#counts[at] as number) + this.#weight;
    this.#sums[group] = (this.#sums[group] as number) + this.#weight;
  }

  /** Share of a group's accesses that a shape has, 0 to 1: as if each shape had one more. */
  share(group: number, shape: number): number {
    const sum = (this.#sums[group] as number) / this.#weight;
    const count = (this.#counts[group * SHAPES_MAX + shape] as number) / this.#weight;
    const shapes = Math.max(this.#names.length - 1, 1);
    return (count + 1 / shapes) / (sum + 1);
  }

  /**
   * Keys of a symbol in the usual shapes of its group but for those with parameters, likeliest
   * first. O(shapes proposed); which they are is looked at once a minute.
   */
  companions(group: number, symbol: string): string[] {
    const names = this.#usual[group] ??= this.#usualNames(group);
    return names.map((name) => name === "" ? symbol : `${name}:${symbol}`);
  }

  #usualNames(group: number): readonly string[] {
    return this.#names.map((name, shape) => ({ name, shape, share: this.share(group, shape) }))
      .filter(({ name, shape, share }) =>
        shape > 0 && share >= COMPANION_SHARE_MIN && !name.includes(":")
      )
      .sort((a, b) => b.share - a.share)
      .map(({ name }) => name);
  }

  #reweigh(atMs: number): void {
    if (Number.isNaN(this.#startMs)) this.#startMs = atMs;
    this.#weightAtMs = atMs;
    this.#usual.length = 0;
    this.#weight = Math.exp((atMs - this.#startMs) / TAUS_MS[0]);
    if (this.#weight < WEIGHT_MAX) return;
    for (const column of [this.#counts, this.#sums]) {
      for (let at = 0; at < column.length; at++) column[at] = (column[at] as number) / this.#weight;
    }
    this.#startMs = atMs;
    this.#weight = 1;
  }

  /** Names in the order of their numbers, from 1 on. */
  get names(): readonly string[] {
    return this.#names.slice(1);
  }

  /** Accesses by group and shape: what outlives the process, with the names. */
  snapshot(): Float64Array<ArrayBuffer> {
    return this.#counts.map((count) => count / this.#weight);
  }

  /** Goes on from a snapshot taken at a time, whatever numbers its names have here. */
  restore(names: readonly string[], counts: Float64Array, atMs: number): void {
    this.#counts.fill(0);
    this.#sums.fill(0);
    for (let old = 0; old < SHAPES_MAX; old++) {
      const name = names[old - 1];
      const shape = name === undefined ? 0 : this.add(name);
      for (let group = 0; group < this.#groups; group++) {
        const at = group * SHAPES_MAX + shape;
        const count = counts[group * SHAPES_MAX + old] as number;
        this.#counts[at] = (this.#counts[at] as number) + count;
        this.#sums[group] = (this.#sums[group] as number) + count;
      }
    }
    this.#startMs = this.#weightAtMs = atMs;
    this.#weight = 1;
  }
}
