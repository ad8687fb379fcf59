/**
 * The figures of the limiter (spec: batch, "Must show" 1), for `bench/batch.ts`.
 *
 * @module
 */

import { reserveFor } from "../../src/batch/limit_options.ts";
import { formatRate, parseRate } from "../../src/batch/limit_rate.ts";
import { type BenchOptions, digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { ClairvoyantClient, LimiterClient, type Mistake } from "./limiter_clients.ts";
import { LIVE_RATE, type LiveResult, runLive } from "./limiter_live.ts";
import { WindowOracle } from "./limiter_oracle.ts";
import { CALM_WORLD, World, type WorldOptions, type WorldResult } from "./limiter_world.ts";

const RATE = parseRate("750/min");
const LIMITS = [{ name: "minute", rate: RATE, begin: "free" as const }];

/** A stall of the process every 5 minutes, a kill every 30, a request in 5,000 held up for 5 s. */
const ROUGH_WORLD: WorldOptions = {
  ...CALM_WORLD,
  stallShare: 1 / 5_000,
  processStallEveryMs: 300_000,
  killEveryMs: 1_800_000,
};
/** Slow calls: 0.5 s on average. */
const SLOW_WORLD: WorldOptions = { ...CALM_WORLD, serviceMedianMs: 342, serviceP99Ms: 1_824 };

interface Run {
  readonly ours: WorldResult;
  readonly violations: number;
  readonly worstMs: number;
  /** Requests of {@linkcode ClairvoyantClient} in the same time. */
  readonly best: number;
}

/** Adds the figures of the limiter; throws when the measure itself is wrong. */
export async function limiterFigures(
  figures: Figures,
  { quick }: Pick<BenchOptions, "quick">,
): Promise<void> {
  rough(figures, quick);
  slow(figures, quick);
  await live(figures, quick);
}

function rough(figures: Figures, quick: boolean): void {
  const requests = quick ? 100_000 : 1_000_000;
  const seeds = quick ? [1] : [1, 2, 3];
  const runs = seeds.map((seed) => run({ ...ROUGH_WORLD, seed }, requests));
  figures.add(
    `limiter: violations in ${requests} requests, virtual time`,
    spreadOf(runs.map(({ violations }) => violations)),
    { unit: "", must: 0, better: "lower" },
  );
  figures.add(
    "limiter: of what foresight reaches",
    spreadOf(runs.map(({ ours, best }) => 100 * ours.requests / best)),
    { unit: " %", must: 99.5, better: "higher" },
  );
  const first = runs[0] as Run;
  figures.note(
    `${formatRate(RATE)}, 3 users, jitter 0–${ROUGH_WORLD.jitterMs} ms each way, calls of ` +
      `${digits(first.ours.latencyMeanMs)} ms; ${first.ours.stalls} stalls of 5 s, ` +
      `${first.ours.kills} kills, ${first.ours.saves} snapshots a run`,
  );
  const shortfall = runs.map(({ ours, best }) => (100 * (1 - ours.requests / best)).toFixed(2));
  figures.note(`short of foresight by ${shortfall.join(", ")} %`);
  figures.note(
    "foresight knows when each request will be counted and forgets nothing in a kill",
  );
  const shares = [...first.ours.byUser.values()].map((count) => 100 * count / first.ours.requests);
  figures.note(`shares of the users: ${shares.map(digits).join(", ")} %`);
  const often = run({ ...ROUGH_WORLD, killEveryMs: 600_000 }, quick ? 50_000 : 500_000);
  figures.note(
    `with three times the kills: ${often.violations} violations, ` +
      `${(100 * often.ours.requests / often.best).toFixed(2)} %; a kill loses about the reserve`,
  );
  const wrong = run(ROUGH_WORLD, quick ? 50_000 : 200_000, "send");
  figures.note(
    `the same freeing slots from the time of sending: ${wrong.violations} violations in ` +
      `${wrong.ours.requests}, ${digits(wrong.worstMs)} ms too early at worst`,
  );
  verify("the judge sees a limiter that counts from sending", Math.sign(wrong.violations), 1);
}

function slow(figures: Figures, quick: boolean): void {
  const runs = [1, 2, 3].map((seed) => run({ ...SLOW_WORLD, seed }, quick ? 50_000 : 300_000));
  const mean = spreadOf(runs.map(({ ours }) => ours.latencyMeanMs));
  figures.add("limiter: violations without restarts", spreadOf(runs.map((it) => it.violations)), {
    unit: "",
    must: 0,
    better: "lower",
  });
  figures.add(
    "limiter: of the rate at a mean latency of 0.5 s",
    spreadOf(runs.map(({ ours }) => 100 * rateShare(ours))),
    { unit: " %", must: 98.5, better: "higher" },
  );
  figures.note(
    `mean latency ${digits(mean.median)} ms; a slot goes round in window + latency, so that ` +
      `${(100 * RATE.windowMs / (RATE.windowMs + mean.median)).toFixed(2)} % is the most`,
  );
}

/** Of the rate; the burst with which an unused window begins is not counted. */
function rateShare({ requests, endMs }: WorldResult): number {
  return (requests - RATE.requests) * RATE.windowMs / (RATE.requests * endMs);
}

async function live(figures: Figures, quick: boolean): Promise<void> {
  const seconds = quick ? 3 : 30;
  const [ours, ...rivals] = await runLive(seconds * 1_000, 1);
  if (ours === undefined) throw new Error("Cannot measure in real time: nobody ran");
  figures.add(`limiter: violations in ${seconds} s of real time`, spreadOf([ours.violations]), {
    unit: "",
    must: 0,
    better: "lower",
  });
  figures.note(
    `${formatRate(LIVE_RATE)}, 3 users, jitter 0–50 ms each way, all in the same seconds`,
  );
  for (const result of [ours, ...rivals]) figures.note(lineOf(result, seconds));
}

function lineOf({ name, requests, violations, worstMs, byUser }: LiveResult, seconds: number) {
  const share = 100 * requests * LIVE_RATE.windowMs / (LIVE_RATE.requests * seconds * 1_000);
  const worst = violations === 0 ? "" : `, ${digits(worstMs)} ms too early at worst`;
  return `${name}: ${violations} violations (${digits(100 * violations / requests)} %) in ` +
    `${requests} requests, ${digits(share)} % of the rate${worst}; users ${byUser.join(", ")}`;
}

function run(options: WorldOptions, requests: number, mistake: Mistake | null = null): Run {
  // The longest way there is jitter and a stall; a killed process's requests may travel as long.
  const strayMs = options.jitterMs + options.stallMs;
  const persists = options.killEveryMs < Infinity;
  const client = new LimiterClient({
    limits: LIMITS,
    strayMs,
    reserve: persists ? reserveFor(LIMITS) : 0,
  }, mistake);
  const judge = new WindowOracle(RATE.requests, RATE.windowMs);
  const ours = new World(options, client, () => [judge]).run({ requests });
  const bestJudge = new WindowOracle(RATE.requests, RATE.windowMs);
  const best = new World(options, new ClairvoyantClient(RATE.requests, RATE.windowMs), () => [
    bestJudge,
  ]).run({ ms: ours.endMs });
  client.limiter.invariant();
  verify("requests counted by the provider", judge.arrivals, ours.requests);
  verify("violations of the client with foresight", bestJudge.violations, 0);
  const { violations, worstMs } = judge;
  return { ours, violations, worstMs, best: best.requests };
}
