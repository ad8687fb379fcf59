/**
 * Users of the demo: they ask the cache for prices and news, a few symbols far more often than others.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { type CacheFigures, cacheReport } from "../cache/report.ts";
import type { Found, LoadAsk } from "../cache/types.ts";
import type { WarmingStats } from "../warm/warming_types.ts";

/** What they ask. */
export interface ReadCache {
  get(key: string, ask: LoadAsk): Promise<Found<unknown>>;
}

/** What came of it. */
export interface ReadFigures {
  readonly requests: number;
  /** Answered without waiting, percent; null before the first request. */
  readonly servedPercent: number | null;
  /** Keys that were loaded, and the calls in which they travelled. */
  readonly loads: number;
  readonly calls: number;
  /** Requests that nobody could answer. */
  readonly failed: number;
  /** What was loaded before it was asked for, and of that: used since, and ended without. */
  readonly warmed: number;
  /** See `warmed`. */
  readonly used: number;
  /** See `warmed`. */
  readonly wasted: number;
}

/** Symbols there are; the k-th most popular is asked for 1/k as often as the first (G. K. Zipf). */
const SYMBOLS = 400;
/** Requests of a step. */
const STEP_REQUESTS = 40;
/** Users who ask in turn. */
const USERS = 20;
const ASK: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 10_000 };

/** See the module's text. */
export class DemoReaders {
  readonly #cache: ReadCache;
  readonly #random: Random;
  readonly #weights: number[] = [];
  #failed = 0;

  /** Readers of a cache. */
  constructor(cache: ReadCache, random: Random) {
    this.#cache = cache;
    this.#random = random;
    let sum = 0;
    for (let rank = 1; rank <= SYMBOLS; rank++) this.#weights.push(sum += 1 / rank);
  }

  /** Asks for a few keys and waits for nothing. */
  step(): void {
    for (let i = 0; i < STEP_REQUESTS; i++) {
      const kind = this.#random.next() < 0.8 ? "price" : "news";
      const user = `user-${i % USERS}`;
      this.#cache.get(`${kind}:DEMO${this.#symbol()}`, { ...ASK, user }).then(
        ({ state }) => void (state === "failed" && this.#failed++),
        () => this.#failed++,
      );
    }
  }

  /** What came of all requests so far. */
  figures(
    figures: CacheFigures,
    warming: Pick<WarmingStats, "totalWarmed" | "totalUsed" | "totalWasted">,
  ): ReadFigures {
    const { total } = cacheReport(figures);
    return {
      requests: total.requests,
      servedPercent: total.servedRatio === null ? null : Math.round(1_000 * total.servedRatio) / 10,
      loads: total.loads.all,
      calls: figures.upstream.filter(({ endpoint }) => READ_ENDPOINTS.includes(endpoint))
        .reduce((sum, { calls }) => sum + calls, 0),
      failed: this.#failed,
      warmed: warming.totalWarmed,
      used: warming.totalUsed,
      wasted: warming.totalWasted,
    };
  }

  #symbol(): number {
    const drawn = this.#random.next() * (this.#weights.at(-1) as number);
    return this.#weights.findIndex((weight) => drawn < weight);
  }
}

/** Endpoints that the demo's job does not call. */
const READ_ENDPOINTS: readonly string[] = ["quotes", "news"];
