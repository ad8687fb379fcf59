/**
 * A day of a service as its monitor sees it, by seed: looks of 5 s at events that come by the hours
 * of the currency markets, few of them bad, with short spikes that harm nobody and, when asked
 * for, an incident.
 *
 * ## The day
 * - **Rate**: 200 events per second at night, 700 while London is open (07–16 UTC), 300 more while
 *   New York is (13–21 UTC), with ramps of an hour; slow noise of 10 %; Poisson in each second.
 * - **Bad**: 0.02 % of events take more than 250 ms, 0.1 % more than 100 ms. The objective is that
 *   99.9 % take less than 250 ms, so an ordinary day uses a fifth of its budget.
 * - **Harmless spikes**: 40 a day at any time, 1 to 8 s long, in which 5 to 30 % of events take
 *   more than 250 ms: a pause of the collector, a checkpoint of the disk, a burst of a source. They
 *   use another 15 to 40 % of the budget: the day as a whole meets its objective.
 * - **Incident**: from a second on, so many of the events are bad, for ten minutes.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";
import type { AlertEvent } from "../../src/monitor/alert.ts";
import { AlertBook } from "../../src/monitor/alerts.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import { RuleEngine } from "../../src/monitor/rules_engine.ts";
import type { MetricsSnapshot } from "../../src/monitor/snapshot.ts";
import { normal } from "./support.ts";

/** Time between two looks, s. */
export const LOOK_SECONDS = 5;
/** Looks of a day. */
export const DAY_LOOKS = 86_400 / LOOK_SECONDS;

/** Something that has to be found. */
export interface Incident {
  /** Second of the day at which it begins. */
  readonly start: number;
  /** How long it lasts, s. */
  readonly seconds: number;
  /** Share of bad events while it lasts. */
  readonly ratio: number;
}

/** What a day is made of. */
export interface DayOptions {
  readonly seed: number;
  readonly spikes?: number;
  readonly incident?: Incident;
  /** Second at which to begin; default 0. */
  readonly from?: number;
  /** Second at which to end; default that of midnight. */
  readonly to?: number;
}

/** One look: the events of the five seconds before it. */
export interface Look {
  /** Second of the day at which it is taken: the end of its five seconds. */
  readonly second: number;
  readonly events: number;
  /** Slower than 250 ms. */
  readonly bad: number;
  /** Slower than 100 ms, the bad ones among them. */
  readonly slow: number;
  /** Sum of all times, s. */
  readonly sum: number;
}

/** Epoch of the first second of a day. */
const EPOCH = Date.UTC(2026, 0, 7);
const BAD_RATIO = 0.0002;
const SLOW_RATIO = 0.001;
const USUAL_SECONDS = 0.008;
const SLOW_SECONDS = 0.15;
const BAD_SECONDS = 0.4;

/** Events per second that are expected at a second of the day. */
export function rateAt(second: number): number {
  const hour = second / 3_600;
  const open = (from: number, to: number) => Math.max(0, Math.min(1, hour - from, to - hour));
  return 200 + 500 * open(7, 16) + 300 * open(13, 21);
}

/** A Poisson number: by products of uniforms (D. Knuth), large means in parts or as a normal. */
export function poisson(random: Random, mean: number): number {
  if (mean > 200) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let count = 0;
  for (let left = mean; left > 0; left -= 30) {
    const end = Math.exp(-Math.min(30, left));
    for (let product = random.next(); product > end; product *= random.next()) count++;
  }
  return count;
}

/** Share of bad events in each second of the day. */
function badRatios(random: Random, { spikes = 40, incident }: DayOptions): Float64Array {
  const ratios = new Float64Array(86_400).fill(BAD_RATIO);
  const raise = (from: number, seconds: number, ratio: number) => {
    // A spike may begin and end within a second: that second has a part of it.
    for (let at = Math.floor(from); at < from + seconds && at < 86_400; at++) {
      const part = Math.min(at + 1, from + seconds) - Math.max(at, from);
      ratios[at] = Math.max(ratios[at] ?? 0, part * ratio);
    }
  };
  for (let i = 0; i < spikes; i++) {
    raise(random.next() * 86_400, 1 + 7 * random.next(), 0.05 + 0.25 * random.next());
  }
  if (incident !== undefined) raise(incident.start, incident.seconds, incident.ratio);
  return ratios;
}

/** The looks of a day. */
export function* dayOf(options: DayOptions): Generator<Look> {
  const random = seededRandom(options.seed);
  const ratios = badRatios(random, options);
  const { from = 0, to = 86_400 } = options;
  let drift = 0;
  for (let second = from; second + LOOK_SECONDS <= to; second += LOOK_SECONDS) {
    drift = 0.99 * drift + 0.1 * Math.sqrt(1 - 0.99 ** 2) * normal(random);
    let events = 0, bad = 0, slow = 0;
    for (let at = second; at < second + LOOK_SECONDS; at++) {
      const count = poisson(random, rateAt(at) * Math.exp(drift));
      const badNow = Math.min(count, poisson(random, count * (ratios[at] ?? 0)));
      events += count;
      bad += badNow;
      slow += badNow + Math.min(count - badNow, poisson(random, count * (SLOW_RATIO - BAD_RATIO)));
    }
    const usual = USUAL_SECONDS * Math.exp(0.1 * normal(random) + 0.2 * drift);
    const sum = usual * (events - slow) + SLOW_SECONDS * (slow - bad) + BAD_SECONDS * bad;
    yield { second: second + LOOK_SECONDS, events, bad, slow, sum };
  }
}

/** Adds looks up to what the registry would show. Its clocks begin at 0. */
export class DayMetrics {
  #events = 0;
  #bad = 0;
  #slow = 0;
  #sum = 0;

  /** The metrics at a look; days after the first go on where it ended. */
  at({ second, events, bad, slow, sum }: Look, day = 0): MetricsSnapshot {
    this.#events += events;
    this.#bad += bad;
    this.#slow += slow;
    this.#sum += sum;
    const nowMs = (day * 86_400 + second) * 1_000;
    const series = {
      labels: {},
      count: this.#events,
      sum: this.#sum,
      min: null,
      max: null,
      p50: null,
      p95: null,
      p99: null,
      buckets: [
        { le: 0.1, count: this.#events - this.#slow },
        { le: 0.25, count: this.#events - this.#bad },
      ],
    };
    return {
      at: nowMs,
      nowMs,
      families: [
        { name: "wick_ingest_commit_seconds", help: "", kind: "histogram", series: [series] },
        {
          name: "wick_pool_candles_total",
          help: "",
          kind: "counter",
          series: [{ labels: {}, value: this.#events }],
        },
      ],
      series: 2,
      overflowed: [],
    };
  }
}

/** An event with the second of the look at which it was told. */
export interface ToldEvent {
  readonly second: number;
  readonly event: AlertEvent;
}

/**
 * What the built-in rules tell of some looks, each taken through the whole of engine and book.
 *
 * @param jumpMs How far the wall clock is off at a second, ms.
 */
export function firedOf(looks: Iterable<Look>, jumpMs = (_second: number) => 0): ToldEvent[] {
  const engine = new RuleEngine(wickRules());
  const book = new AlertBook();
  const metrics = new DayMetrics();
  const told: ToldEvent[] = [];
  for (const look of looks) {
    const { second } = look;
    const snapshot = { ...metrics.at(look), at: EPOCH + second * 1_000 + jumpMs(second) };
    for (const event of book.take(engine.look(snapshot), snapshot.nowMs, snapshot.at)) {
      told.push({ second, event });
    }
  }
  return told;
}

/**
 * The older thresholds: an alert when a look's 99th percentile is above 100 ms or less than 95 % of
 * its events succeed, and not again for five minutes. Gives how many there are.
 */
export function olderAlerts(looks: Iterable<Look>): number {
  const COOLDOWN_SECONDS = 300;
  let last = -Infinity;
  let alerts = 0;
  for (const { second, events, bad, slow } of looks) {
    const isWrong = slow > 0.01 * events || bad > 0.05 * events;
    if (!isWrong || second - last < COOLDOWN_SECONDS) continue;
    last = second;
    alerts++;
  }
  return alerts;
}
