/**
 * Counts and times of calls by endpoint.
 *
 * @module
 */

import { Histogram } from "../monitor/histogram.ts";
import type { EndpointReport } from "./report_schema.ts";

/** Endpoints told apart: a provider has some ten; later ones share {@linkcode OTHER_ENDPOINT}. */
export const ENDPOINTS_MAX = 64;

/** Stands for all endpoints after the first {@linkcode ENDPOINTS_MAX}. */
export const OTHER_ENDPOINT = "other";

/** Times of calls in ms: a tenth of one to a quarter of an hour, 12 kB an endpoint. */
const RANGE = { lowest: 0.1, highest: 1e6 };
const P95 = 0.95;

/** One endpoint as it is kept between two parts of a run. */
export interface EndpointSnapshot {
  /** Its name. */
  readonly endpoint: string;
  /** Calls that failed. */
  readonly failed: number;
  /** Numbers of an encoded histogram of the times of all calls, ms. */
  readonly times: readonly number[];
}

interface Endpoint {
  failed: number;
  readonly times: Histogram;
}

/** Counts calls by endpoint. O(1) a call; memory is bounded by {@linkcode ENDPOINTS_MAX}. */
export class CallStats {
  readonly #endpoints = new Map<string, Endpoint>();
  #total = 0;
  #failed = 0;

  /**
   * Empty, or as a snapshot says.
   *
   * @throws {RangeError} when the numbers of a snapshot are no histogram.
   */
  constructor(snapshot: readonly EndpointSnapshot[] = []) {
    for (const { endpoint, failed, times } of snapshot) {
      const histogram = Histogram.decode(Float64Array.from(times));
      this.#endpoints.set(endpoint, { failed, times: histogram });
      this.#total += histogram.count;
      this.#failed += failed;
    }
  }

  /** All calls. */
  get total(): number {
    return this.#total;
  }

  /** Calls that failed. */
  get failed(): number {
    return this.#failed;
  }

  /** Counts a call. A time that is not a number ≥ 0 counts as 0, so that no call is lost. */
  add(endpoint: string, isOk: boolean, tookMs: number): void {
    const stats = this.#endpointOf(endpoint);
    stats.times.record(tookMs >= 0 && tookMs < Infinity ? tookMs : 0);
    this.#total++;
    if (isOk) return;
    stats.failed++;
    this.#failed++;
  }

  /** By endpoint, in the order of the first call. O(endpoints × buckets). */
  report(): Record<string, EndpointReport> {
    const reports: [string, EndpointReport][] = [];
    for (const [endpoint, { failed, times }] of this.#endpoints) {
      const { count, mean } = times;
      reports.push([endpoint, {
        count,
        failed,
        success_rate: shareOf(count - failed, count),
        mean_ms: count === 0 ? null : mean,
        p95_ms: count === 0 ? null : times.percentile(P95),
      }]);
    }
    return Object.fromEntries(reports);
  }

  /** What the constructor takes, as plain data. O(endpoints × buckets). */
  snapshot(): EndpointSnapshot[] {
    const snapshots: EndpointSnapshot[] = [];
    for (const [endpoint, { failed, times }] of this.#endpoints) {
      snapshots.push({ endpoint, failed, times: Array.from(times.encode()) });
    }
    return snapshots;
  }

  #endpointOf(name: string): Endpoint {
    const found = this.#endpoints.get(name);
    if (found !== undefined) return found;
    if (this.#endpoints.size >= ENDPOINTS_MAX && name !== OTHER_ENDPOINT) {
      return this.#endpointOf(OTHER_ENDPOINT);
    }
    const made = { failed: 0, times: new Histogram(RANGE) };
    this.#endpoints.set(name, made);
    return made;
  }
}

/** Part of a whole; null of nothing. */
export function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
