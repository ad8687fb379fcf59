/**
 * Workloads by other rules than those of `data/workloads`, on which nothing was tuned: whether
 * chances stay calibrated where users, clock and kinds are not like there.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { parseWorkload, type Workload } from "./workloads.ts";

/** Tuesday 2026-06-02, 00:00 in New York. */
const START_MS = Date.UTC(2026, 5, 2, 4);
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SYMBOLS = 600;
const KINDS = ["price", "news", "fundamentals", "profile"] as const;

/** Names of these workloads, and what they are. */
export const SYNTHETIC = {
  /**
   * Poisson at one rate by day and night, symbols by zipf 1.1, each with a mix of kinds of its own.
   */
  flat: flatRequests,
  /** Symbols are awake for minutes and asleep for hours; awake, they are asked for a lot. */
  bursts: burstRequests,
  /** Half of it programs that ask for their keys every so many minutes, half of it flat. */
  pollers: pollerRequests,
} as const;

/** See {@linkcode SYNTHETIC}. */
export type SyntheticName = keyof typeof SYNTHETIC;

interface Request {
  readonly atMs: number;
  readonly key: string;
}

/** Makes a workload of some hours. */
export function syntheticWorkload(name: SyntheticName, seed: number, hours = 24): Workload {
  const requests = SYNTHETIC[name](seededRandom(seed), hours).sort((a, b) => a.atMs - b.atMs);
  const universe = Array.from({ length: SYMBOLS }, (_, at) => {
    const isCrypto = at % 5 === 4;
    return `S${at},${isCrypto ? "crypto" : "equity"},${isCrypto ? "crypto" : `sector${at % 7}`},`;
  });
  const lines = requests.map(({ atMs, key }) => `${Math.round(atMs)},0,${key}`);
  return parseWorkload(name, lines, universe);
}

function flatRequests(random: Random, hours: number): Request[] {
  const symbols = zipf(1.1);
  const mixes = Array.from(
    { length: SYMBOLS },
    () => cumulated(KINDS.map(() => random.next() ** 2)),
  );
  const requests: Request[] = [];
  for (const atMs of poisson(random, 2.5 / 1_000, hours)) {
    const symbol = drawn(symbols, random);
    requests.push({ atMs, key: `${KINDS[drawn(mixes[symbol] ?? [1], random)]}:S${symbol}` });
  }
  return requests;
}

function burstRequests(random: Random, hours: number): Request[] {
  const requests: Request[] = [];
  for (let symbol = 0; symbol < SYMBOLS; symbol++) {
    let atMs = START_MS;
    const endMs = START_MS + hours * HOUR_MS;
    while (atMs < endMs) {
      atMs += exponential(random, 5 * HOUR_MS);
      const sleepsMs = atMs + exponential(random, 25 * MINUTE_MS);
      const pauseMs = exponential(random, 1.5 * MINUTE_MS);
      while ((atMs += exponential(random, pauseMs)) < Math.min(sleepsMs, endMs)) {
        requests.push({ atMs, key: `${random.next() < 0.8 ? "price" : "news"}:S${symbol}` });
      }
    }
  }
  return requests;
}

function pollerRequests(random: Random, hours: number): Request[] {
  const requests = flatRequests(random, hours).filter(() => random.next() < 0.5);
  for (let poller = 0; poller < 400; poller++) {
    const key = `${random.next() < 0.7 ? "price" : "news"}:S${Math.floor(random.next() * SYMBOLS)}`;
    const everyMs = (3 + 27 * random.next()) * MINUTE_MS;
    let atMs = START_MS + random.next() * everyMs;
    for (; atMs < START_MS + hours * HOUR_MS; atMs += everyMs) {
      requests.push({ atMs: atMs + 5_000 * random.next(), key });
    }
  }
  return requests;
}

function* poisson(random: Random, ratePerMs: number, hours: number): Generator<number> {
  const endMs = START_MS + hours * HOUR_MS;
  for (let atMs = START_MS; (atMs += exponential(random, 1 / ratePerMs)) < endMs;) yield atMs;
}

const exponential = (random: Random, meanMs: number) => -Math.log(1 - random.next()) * meanMs;

const zipf = (exponent: number) =>
  cumulated(Array.from({ length: SYMBOLS }, (_, at) => (at + 1) ** -exponent));

function cumulated(weights: readonly number[]): readonly number[] {
  let sum = 0;
  return weights.map((weight) => sum += weight);
}

/** A place, as likely as its weight. */
function drawn(sums: readonly number[], random: Random): number {
  const draw = random.next() * (sums.at(-1) ?? 1);
  let low = 0, high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > draw) high = middle;
    else low = middle + 1;
  }
  return low;
}
