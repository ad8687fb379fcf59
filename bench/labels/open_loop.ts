/**
 * Single candles that arrive at times fixed beforehand, whatever becomes of those before them.
 *
 * A thread knows the schedule and knocks when something is due, as a network card would; the main
 * isolate then sends everything that is due, as an HTTP server or a stream reader would. That work is
 * part of what is measured. When the isolate is busy it hears the knock late, and that counts: all
 * times run from the scheduled arrival. So nothing can be left out by measuring less when things go
 * badly (coordinated omission).
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { Overflow, seededRandom } from "../../src/actor/mod.ts";
import type { IngestReply } from "../../actors/protocols.ts";
import type { Wick } from "../../actors/tree.ts";
import { type Market, SERIES_COUNT, type SingleCandle, singleCandle } from "./market.ts";

/** A stretch of time with one rate. */
export interface Phase {
  readonly perSecond: number;
  readonly ms: number;
}

/** Every arrival of a run, fixed before it starts. */
export interface Arrivals {
  readonly count: number;
  /** Since the start, ascending. */
  readonly dueMs: Float64Array;
  readonly series: Uint16Array;
  /** Which candle of its series. */
  readonly index: Uint32Array;
  readonly priority: Uint8Array;
}

const PRIORITY_NORMAL = 5;
/** A stall shall show as a wait, not end the run. */
const ANSWER = { timeoutMs: 60_000 };
/** Candles under way of which no more are sent in bulk: under the 10,000 batches that the pool takes. */
const BULK_UNDER_WAY_MAX = 8_192;
/** The thread gets ready; arrivals begin afterwards. */
const LEAD_MS = 300;

/**
 * Poisson arrivals over all series. `next` holds the next candle of each series and moves on;
 * `urgentShare` of the arrivals have priority 10.
 */
export function poissonArrivals(
  seed: number,
  phases: readonly Phase[],
  next: Uint32Array,
  urgentShare = 0,
): Arrivals {
  const random = seededRandom(seed);
  const expected = phases.reduce((sum, { perSecond, ms }) => sum + perSecond * ms / 1_000, 0);
  // Six standard deviations above the mean.
  const room = Math.ceil(expected + 6 * Math.sqrt(expected) + 16);
  const arrivals = {
    dueMs: new Float64Array(room),
    series: new Uint16Array(room),
    index: new Uint32Array(room),
    priority: new Uint8Array(room),
  };
  let count = 0, fromMs = 0;
  for (const { perSecond, ms } of phases) {
    const meanMs = 1_000 / perSecond;
    // Gaps of a Poisson process are exponential.
    const gapMs = () => -Math.log(1 - random.next()) * meanMs;
    for (let atMs = fromMs + gapMs(); atMs < fromMs + ms; atMs += gapMs()) {
      const series = Math.floor(random.next() * SERIES_COUNT);
      arrivals.dueMs[count] = atMs;
      arrivals.series[count] = series;
      arrivals.index[count] = next[series] as number;
      next[series] = (next[series] as number) + 1;
      arrivals.priority[count] = random.next() < urgentShare ? 10 : PRIORITY_NORMAL;
      count++;
    }
    fromMs += ms;
  }
  return { count, ...arrivals };
}

/** Told of each answer: to which arrival, and when, ms since the start. */
export type Answered = (arrival: number, reply: IngestReply, atMs: number) => void;

/** A full mailbox refuses as the pool does. */
function asRefusal(error: unknown): IngestReply {
  if (!(error instanceof Overflow)) throw error;
  return { state: "refused", code: "room", reason: error.message, retryAfterMs: 1 };
}

/**
 * Sends single candles to the pool. A block is used again once it was answered, as a client with a
 * buffer of its own would: a committed candle has been copied, a refused one is not looked at.
 */
class Sender {
  readonly #free: SingleCandle[] = [];
  constructor(readonly wick: Wick, readonly market: Market) {}

  /** Sends it whatever the door says; `bulk` is never refused for the wait. */
  ask(series: number, index: number, priority: number, bulk: boolean): Promise<IngestReply> {
    const block = this.#free.pop() ?? singleCandle();
    this.market.put(block, series, index);
    const nobody = { feed: null, after: null, cursor: null };
    const candle = { ...nobody, blocks: [block], priority, bulk };
    return this.wick.pool.ask("ingest", candle, ANSWER).then((reply) => {
      this.#free.push(block);
      return reply;
    }, asRefusal);
  }
}

/** Candles from 0 ≤ index < to of all series, as one batch that can wait. */
export async function preload(wick: Wick, market: Market, to: number): Promise<void> {
  const blocks = Array.from({ length: SERIES_COUNT }, (_, series) => market.block(series, 0, to));
  const nobody = { feed: null, after: null, cursor: null };
  const reply = await wick.pool.ask("ingest", { ...nobody, blocks, priority: 5, bulk: true });
  if (reply.state !== "committed") throw new Error(`Cannot load the history: ${reply.state}`);
}

/** When a run started, ms of `performance.now()`, and its end. */
export interface Run {
  readonly startMs: number;
  /** Resolves when every arrival was answered. */
  readonly done: Promise<void>;
}

/** The thread that knocks at these times, ms of `performance.now()`; `heard` sends what is due. */
function knocking(dueMs: Float64Array, startMs: number, heard: () => void): Worker {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const epochMs = performance.timeOrigin + startMs;
  const pacer = new Worker(new URL("pacer.ts", import.meta.url), {
    workerData: { dueMs: dueMs.map((ms) => epochMs + ms), cell },
  });
  return pacer.on("message", () => {
    Atomics.store(cell, 0, 0);
    Atomics.notify(cell, 0);
    heard();
  });
}

/**
 * Sends all arrivals at their times; with `isBulk` the door lets everything in, and what finds
 * {@linkcode BULK_UNDER_WAY_MAX} under way goes when there is room, in order: the pool would refuse it
 * after a pause of the machine, and leave a hole in its series.
 */
export function offer(
  wick: Wick,
  market: Market,
  arrivals: Arrivals,
  answered: Answered,
  isBulk = false,
): Run {
  const { count, dueMs, series, index, priority } = arrivals;
  const startMs = performance.now() + LEAD_MS;
  const sender = new Sender(wick, market);
  let heard = () => {};
  const pacer = knocking(dueMs.subarray(0, count), startMs, () => heard());
  const done = new Promise<void>((resolve, reject) => {
    let sent = 0, left = count;
    const over = () => {
      if (--left === 0) resolve();
      else if (isBulk) heard();
    };
    const hasRoom = () => !isBulk || sent - (count - left) < BULK_UNDER_WAY_MAX;
    const send = (at: number, nowMs: number) => {
      const refusal = isBulk ? null : wick.refusal(priority[at] as number);
      if (refusal !== null) {
        answered(at, refusal, nowMs);
        return over();
      }
      sender.ask(series[at] as number, index[at] as number, priority[at] as number, isBulk)
        .then((reply) => {
          answered(at, reply, performance.now() - startMs);
          over();
        }, reject);
    };
    pacer.on("error", reject);
    heard = () => {
      const nowMs = performance.now() - startMs;
      while (sent < count && hasRoom() && (dueMs[sent] as number) <= nowMs) send(sent++, nowMs);
    };
  });
  return { startMs, done: done.finally(() => pacer.terminate()) };
}

/**
 * Keeps `inFlight` candles under way for `ms`, none of which is refused for the wait; candles
 * committed per second.
 */
export async function saturate(
  wick: Wick,
  market: Market,
  next: Uint32Array,
  inFlight: number,
  ms: number,
): Promise<number> {
  const random = seededRandom(inFlight);
  const sender = new Sender(wick, market);
  const startMs = performance.now();
  let committed = 0, endMs = startMs;
  const client = async () => {
    while (endMs - startMs < ms) {
      const series = Math.floor(random.next() * SERIES_COUNT);
      const index = next[series] as number;
      next[series] = index + 1;
      const reply = await sender.ask(series, index, PRIORITY_NORMAL, true);
      if (reply.state !== "committed") throw new Error(`Cannot find the capacity: ${reply.state}`);
      committed++;
      endMs = performance.now();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  return committed / (endMs - startMs) * 1_000;
}
