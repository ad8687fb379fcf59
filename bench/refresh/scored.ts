/**
 * What scorers know of edges beside their values, drawn by chance: correlations, returns. Kept
 * twice: in a scorer of the project, and here as plain arrays, with the part of a score that does
 * not move with values worked out anew from the formula, for brute force to look at.
 *
 * @module
 */

import type { Random } from "../../src/actor/clock.ts";
import type { Scorer } from "../../src/refresh/scorer.ts";
import { MeanVarianceScorer } from "../../src/refresh/scorer_mean_variance.ts";
import { PairTable } from "../../src/refresh/scorer_pairs.ts";
import { ProductScorer } from "../../src/refresh/scorer_product.ts";
import { ReturnsTable } from "../../src/refresh/scorer_returns.ts";

/** Kinds of scorers that are measured. */
export type ScorerName = "product" | "mean_variance";

/** See the head of this file. */
export interface Scored {
  /** The project's scorer. */
  readonly scorer: Scorer;
  /** How values make a score of the rest: Π v · rest, or Σ v / n − rest. */
  readonly form: "product" | "mean";
  /** The rest of the score of a set of edges, by number. */
  restOf(edges: ArrayLike<number>): number;
  /** Another edge has this number now: it is drawn anew. */
  renew(edge: number): void;
}

/** Edges whose correlations among each other are known. */
const CLUSTER = 20;
const PENALTY_RATIO = 0.5;
const RISK_AVERSION = 10;
/** Returns are whole multiples: sums of them and of their squares are exact in any order. */
const RETURN_STEP = 2 ** -12;

/** Of all edges; `bars` returns of each for the mean-variance score. */
export const makeScored = (
  name: ScorerName,
  edges: number,
  random: Random,
  bars: number,
): Scored => name === "product" ? new Correlated(edges, random) : new Returned(edges, random, bars);

class Correlated implements Scored {
  readonly form = "product";
  readonly scorer: Scorer;
  readonly #random: Random;
  readonly #edges: number;
  readonly #table = new PairTable();
  /** A row of each edge: correlation with each of its cluster. */
  readonly #rhos: Float64Array;

  constructor(edges: number, random: Random) {
    this.#edges = edges;
    this.#random = random;
    this.#rhos = new Float64Array(edges * CLUSTER);
    for (let edge = 0; edge < edges; edge++) this.#draw(edge, edge + 1);
    this.scorer = new ProductScorer(this.#table, { penaltyRatio: PENALTY_RATIO });
  }

  restOf(edges: ArrayLike<number>): number {
    let rest = 1;
    for (let i = 0; i < edges.length; i++) {
      for (let j = 0; j < i; j++) {
        const a = edges[i] as number, b = edges[j] as number;
        if (clusterOf(a) !== clusterOf(b)) continue;
        const rho = this.#rhos[a * CLUSTER + b % CLUSTER] as number;
        rest *= 1 - PENALTY_RATIO * rho * rho;
      }
    }
    return rest;
  }

  renew(edge: number): void {
    this.#draw(edge, clusterOf(edge) * CLUSTER);
  }

  /** Correlations of an edge with those of its cluster from a number on. */
  #draw(edge: number, from: number): void {
    const end = Math.min(this.#edges, (clusterOf(edge) + 1) * CLUSTER);
    for (let other = from; other < end; other++) {
      if (other === edge) continue;
      const rho = 0.9 * this.#random.next();
      this.#rhos[edge * CLUSTER + other % CLUSTER] = rho;
      this.#rhos[other * CLUSTER + edge % CLUSTER] = rho;
      this.#table.set(edge, other, rho);
    }
  }
}

const clusterOf = (edge: number) => Math.floor(edge / CLUSTER);

class Returned implements Scored {
  readonly form = "mean";
  readonly scorer: Scorer;
  readonly #random: Random;
  readonly #table: ReturnsTable;
  readonly #rows: Float64Array[] = [];

  constructor(edges: number, random: Random, bars: number) {
    this.#random = random;
    this.#table = new ReturnsTable(bars);
    for (let edge = 0; edge < edges; edge++) this.renew(edge);
    this.scorer = new MeanVarianceScorer(this.#table, { riskAversion: RISK_AVERSION });
  }

  restOf(edges: ArrayLike<number>): number {
    const n = this.#table.length, size = edges.length;
    const basket = Array.from({ length: n }, (_, bar) => {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += this.#rows[edges[i] as number]?.[bar] as number;
      return sum;
    });
    const mean = basket.reduce((sum, one) => sum + one, 0) / n;
    const squares = basket.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    return RISK_AVERSION / 2 * (squares / (n - 1)) / (size * size);
  }

  renew(edge: number): void {
    const row = Float64Array.from(
      { length: this.#table.length },
      () => Math.round(0.2 * (this.#random.next() - 0.5) / RETURN_STEP) * RETURN_STEP,
    );
    this.#rows[edge] = row;
    this.#table.set(edge, row);
  }
}
