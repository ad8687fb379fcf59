/**
 * Limiters in real time: each with a provider of its own, all in the same seconds, under the same
 * jitter, counted by the same judge.
 *
 * @module
 */

import { pause, type Random, seededRandom, systemClock } from "../../src/actor/clock.ts";
import { reserveFor } from "../../src/batch/limit_options.ts";
import type { LimitRate } from "../../src/batch/limit_rate.ts";
import { LimiterGate, LimitRefused } from "../../src/batch/limiter_gate.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { bottleneckThrottles, type Throttle } from "../rivals/bottleneck.ts";
import { pQueueThrottle } from "../rivals/p_queue.ts";
import { WindowOracle } from "./limiter_oracle.ts";

/** Short windows: 30 s hold 30 of them. */
export const LIVE_RATE: LimitRate = { requests: 50, windowMs: 1_000 };
/** Each way takes 0 to this, ms; the provider itself takes {@linkcode SERVICE_MS}. */
const JITTER_MS = 50;
const SERVICE_MS = 20;
const USERS = ["backfill", "warmer", "reader"];
const WORKERS_PER_USER = 20;
/** Writing a snapshot takes up to this, ms. */
const SAVE_MS = 5;

/** One contender's count. */
export interface LiveResult {
  readonly name: string;
  readonly requests: number;
  readonly violations: number;
  readonly worstMs: number;
  /** Requests of each user. */
  readonly byUser: readonly number[];
}

/** Runs all at once for so long. Results in the order ours, then rivals. */
export async function runLive(durationMs: number, seed: number): Promise<LiveResult[]> {
  const random = seededRandom(seed);
  const untilMs = performance.now() + durationMs;
  const rivals: Record<string, Throttle> = {
    ...bottleneckThrottles(LIVE_RATE),
    "p-queue, strict": pQueueThrottle(LIVE_RATE),
  };
  return await Promise.all([
    runOurs(untilMs, random),
    ...Object.entries(rivals).map(([name, throttle]) => runRival(name, throttle, untilMs, random)),
  ]);
}

async function runOurs(untilMs: number, random: Random): Promise<LiveResult> {
  const limits = [{ name: "live", rate: LIVE_RATE, begin: "free" as const }];
  const reserve = reserveFor(limits);
  const limiter = new Limiter({ limits, reserve }, systemClock.now());
  const gate = new LimiterGate(limiter, systemClock, {
    save: () => pause(systemClock, SAVE_MS * random.next()),
  });
  const stop = setTimeout(() => void gate.close(), untilMs - performance.now());
  try {
    return await contend("wick", untilMs, random, async (user, call) => {
      try {
        const lease = await gate.acquire({ user });
        await call();
        lease.release();
      } catch (error) {
        if (!(error instanceof LimitRefused)) throw error;
      }
    });
  } finally {
    clearTimeout(stop);
    await gate.close();
  }
}

function runRival(
  name: string,
  throttle: Throttle,
  untilMs: number,
  random: Random,
): Promise<LiveResult> {
  return contend(name, untilMs, random, (_user, call) => throttle(call));
}

/** All workers of all users, until the time is over. */
async function contend(
  name: string,
  untilMs: number,
  random: Random,
  send: (user: string, call: () => Promise<void>) => Promise<void>,
): Promise<LiveResult> {
  const oracle = new WindowOracle(LIVE_RATE.requests, LIVE_RATE.windowMs);
  const byUser = USERS.map(() => 0);
  const worker = async (user: string, index: number) => {
    while (performance.now() < untilMs) {
      await send(user, async () => {
        await pause(systemClock, JITTER_MS * random.next());
        const nowMs = performance.now();
        // What rivals still have queued when the time is over drains later and is not counted.
        if (nowMs < untilMs) {
          oracle.arrive(nowMs);
          byUser[index] = (byUser[index] ?? 0) + 1;
        }
        await pause(systemClock, SERVICE_MS + JITTER_MS * random.next());
      });
    }
  };
  await Promise.all(
    USERS.flatMap((user, index) =>
      Array.from({ length: WORKERS_PER_USER }, () => worker(user, index))
    ),
  );
  const { arrivals: requests, violations, worstMs } = oracle;
  return { name, requests, violations, worstMs, byUser };
}
