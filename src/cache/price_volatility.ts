/**
 * How much prices move now against how much they usually do, from the prices that the cache loads
 * anyway: for TTLs that follow volatility (`ttl_volatility.ts`).
 *
 * The variance of a price per unit of time is estimated from each two prices in a row, r² / Δt with r
 * the logarithm of their ratio, and smoothed twice over time (exponentially weighted, as RiskMetrics
 * does, J.P. Morgan, 1996): with a half-life of a quarter of an hour it is the present one, with one of
 * a week the usual one. The ratio is that of their roots.
 *
 * @module
 */

/** Half-lives of the two variances, ms of time between prices. */
const FAST_HALF_LIFE_MS = 15 * 60_000;
const SLOW_HALF_LIFE_MS = 7 * 86_400_000;

/** Symbols that are followed; beyond, the one seen longest ago is forgotten. Some 100 bytes each. */
export const VOLATILITY_SYMBOLS_MAX = 50_000;

/** Prices of a symbol from which on its ratio says anything. */
export const VOLATILITY_PRICES_MIN = 30;

/** Prices further apart say nothing of now: a night or a weekend lies between them. */
const STEP_MS_MAX = 2 * 3_600_000;

interface Moves {
  price: number;
  atMs: number;
  prices: number;
  /** Variances per ms. */
  fast: number;
  slow: number;
}

/** See the head of this file. */
export class PriceVolatility {
  readonly #symbols = new Map<string, Moves>();

  /**
   * A price of a symbol at a time, epoch ms. One that is no later than the last is left out; one from
   * after `nowMs` is of now, or none would be later for long. O(1).
   */
  observe(symbol: string, price: number, saidMs: number, nowMs = Infinity): void {
    const atMs = Math.min(saidMs, nowMs);
    if (!(price > 0) || !Number.isFinite(price) || !Number.isFinite(atMs)) return;
    const known = this.#symbols.get(symbol);
    if (known === undefined) {
      if (this.#symbols.size >= VOLATILITY_SYMBOLS_MAX) {
        const [oldest] = this.#symbols.keys();
        this.#symbols.delete(oldest as string);
      }
      this.#symbols.set(symbol, { price, atMs, prices: 1, fast: NaN, slow: NaN });
      return;
    }
    const stepMs = atMs - known.atMs;
    if (!(stepMs > 0)) return;
    // Seen last: the order of the map is that of being forgotten.
    this.#symbols.delete(symbol);
    this.#symbols.set(symbol, known);
    if (stepMs <= STEP_MS_MAX) {
      const variance = Math.log(price / known.price) ** 2 / stepMs;
      known.fast = smoothed(known.fast, variance, stepMs, FAST_HALF_LIFE_MS);
      known.slow = smoothed(known.slow, variance, stepMs, SLOW_HALF_LIFE_MS);
      known.prices++;
    }
    known.price = price;
    known.atMs = atMs;
  }

  /** Present by usual volatility; 1 while nothing is known. O(1). */
  ratio(symbol: string): number {
    const known = this.#symbols.get(symbol);
    if (known === undefined || known.prices < VOLATILITY_PRICES_MIN || !(known.slow > 0)) return 1;
    return Math.sqrt(known.fast / known.slow);
  }
}

/** What came first counts in full until there is more. */
function smoothed(before: number, now: number, stepMs: number, halfLifeMs: number): number {
  if (Number.isNaN(before)) return now;
  const kept = 0.5 ** (stepMs / halfLifeMs);
  return kept * before + (1 - kept) * now;
}
