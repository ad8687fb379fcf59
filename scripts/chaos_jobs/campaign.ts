/**
 * Jobs whose process is killed again and again, and one that is not: what they leave must be the same,
 * each item's effect must be there once, and no item may be asked for that was committed.
 *
 * @module
 */

import { type Random, seededRandom, systemClock } from "../../src/actor/clock.ts";
import { SimulatedServer } from "../../src/provider/simulated_server.ts";
import { differencesOf } from "../chaos_kill/campaign.ts";
import { SERVER_LIMIT, upstreamOf } from "./inputs.ts";
import { callsIn, outcomeOf, prepare, type Settled, settledIn } from "./ledger.ts";
import { type LifeEnd, type LifeSetup, live } from "./life.ts";
import { JOB_PHASES, type JobKill, type JobPhase } from "./phases.ts";

/** How a campaign is set up. */
export interface JobCampaignOptions {
  readonly kills: number;
  readonly seed: number;
  /** Items of a job. */
  readonly items: number;
  /** Whether the provider is a server that outlives the process, reached over HTTP. */
  readonly overHttp: boolean;
  /** Called with the folder of a job between two of its lives: a flaw to be found. */
  readonly betweenLives?: (data: string) => void;
  /** Told of every kill; for progress. */
  readonly onKill?: (done: number, where: JobPhase | "anywhere") => void;
}

/** What came of it. */
export interface JobCampaignResult {
  /** Kills by the phase in which the process ended, `anywhere` = from outside at a random moment. */
  readonly killedIn: Readonly<Record<JobPhase | "anywhere", number>>;
  /** What differs from the job that was not killed, or happened twice; none = all is well. */
  readonly differences: readonly string[];
  /** Jobs that came to their end. */
  readonly jobs: number;
  /** Lines compared for each. */
  readonly lines: number;
  /** Calls of all lives. */
  readonly calls: number;
  /** Items asked for although they were committed when the process began; must be none. */
  readonly askedAgain: number;
  /** Calls that the server refused for its limit; must be none. */
  readonly limited: number;
}

/** Kills of one job, those while it reports apart: with more it would get nowhere. */
const KILLS_PER_JOB = 36;
/** Part of these while it reports: its last life again and again. */
const REPORTING_SHARE = 1 / 6;
/** Every so many kills one comes at a random moment. */
const RANDOM_EVERY = 8;
const RANDOM_KILL_MS = 1_200;
/** Most times that a phase is entered before a kill in it. */
const NTH_MAX: Readonly<Record<JobPhase, number>> = {
  planning: 8,
  waiting: 160,
  calling: 160,
  before_commit: 3,
  during_commit: 4,
  after_commit: 3,
  reporting: 4,
};
/** Phases that last: some kills come a while after they began. */
const LONG: ReadonlySet<JobPhase> = new Set(["planning", "waiting", "calling"]);

/** Runs a campaign. */
export async function runJobCampaign(options: JobCampaignOptions): Promise<JobCampaignResult> {
  const folder = await Deno.makeTempDir({ prefix: "wick_chaos_jobs_" });
  const { seed, overHttp } = options;
  const server = overHttp
    ? await SimulatedServer.listen(systemClock, { ...upstreamOf(seed), limits: [SERVER_LIMIT] })
    : null;
  try {
    return await new JobCampaign(options, folder, server).run();
  } finally {
    await server?.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A new folder with a database in it. */
async function newData(folder: string, name: string): Promise<string> {
  const data = `${folder}/${name}`;
  await Deno.mkdir(data);
  await prepare(data);
  return data;
}

class JobCampaign {
  readonly #options: JobCampaignOptions;
  readonly #folder: string;
  readonly #server: SimulatedServer | null;
  readonly #random: Random;
  readonly #killedIn = Object.fromEntries(
    [...JOB_PHASES, "anywhere"].map((phase) => [phase, 0]),
  ) as Record<JobPhase | "anywhere", number>;
  readonly #differences: string[] = [];
  #kills = 0;
  #calls = 0;
  #askedAgain = 0;

  constructor(options: JobCampaignOptions, folder: string, server: SimulatedServer | null) {
    this.#options = options;
    this.#folder = folder;
    this.#server = server;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<JobCampaignResult> {
    const expected = await this.#unkilled();
    let jobs = 0;
    for (; this.#kills < this.#options.kills && this.#differences.length === 0; jobs++) {
      const job = await newData(this.#folder, `job${jobs}`);
      await this.#job(job);
      this.#compare(expected, await outcomeOf(job), settledIn(job));
      await Deno.remove(job, { recursive: true });
    }
    return {
      killedIn: this.#killedIn,
      differences: this.#differences,
      jobs,
      lines: expected.length,
      calls: this.#calls,
      askedAgain: this.#askedAgain,
      limited: this.#server?.stats().limited ?? 0,
    };
  }

  #setup(data: string): LifeSetup {
    const { seed, items } = this.#options;
    return { data, seed, items, server: this.#server?.baseUrl ?? null };
  }

  /** What a job leaves that was not killed. */
  async #unkilled(): Promise<string[]> {
    const data = await newData(this.#folder, "unkilled");
    const end = await live(this.#setup(data), null);
    if (end.said === null) throw new Error(`Cannot run the job without kills\n${end.errors}`);
    const outcome = await outcomeOf(data);
    this.#compare(outcome, outcome, settledIn(data));
    return outcome;
  }

  /** One job from its start to its end, killed on the way. */
  async #job(data: string): Promise<void> {
    const { kills } = this.#options;
    const most = Math.min(KILLS_PER_JOB, Math.max(JOB_PHASES.length, kills - this.#kills));
    const reporting = Math.max(1, Math.round(most * REPORTING_SHARE));
    for (let kill = 0; kill < most - reporting; kill++) {
      const isRandom = kill % RANDOM_EVERY === RANDOM_EVERY - 1;
      const phase = isRandom ? null : this.#rarest(JOB_PHASES.slice(0, -1));
      if (await this.#life(data, phase)) return;
    }
    for (let kill = 0; kill < reporting; kill++) {
      if (await this.#life(data, "reporting")) return;
    }
    const end = await live(this.#setup(data), null);
    if (end.said === null) throw new Error(`Cannot end the job\n${end.errors}`);
  }

  /** The phase with the fewest kills so far, the first of several. */
  #rarest(phases: readonly JobPhase[]): JobPhase {
    return phases.reduce((best, one) => this.#killedIn[one] < this.#killedIn[best] ? one : best);
  }

  /** One life; whether the job is over, as it is once something is wrong. Its calls are held against what was settled. */
  async #life(data: string, phase: JobPhase | null): Promise<boolean> {
    const before = settledIn(data);
    const { bytes } = callsIn(data, 0);
    const death = phase === null
      ? { afterMs: 200 + this.#random.next() * RANDOM_KILL_MS }
      : { kill: this.#plan(phase) };
    const end = await live(this.#setup(data), death);
    this.#lookAtCalls(callsIn(data, bytes).calls, before);
    if (end.said !== null || this.#differences.length > 0) return true;
    this.#count(phase, end);
    this.#options.betweenLives?.(data);
    return false;
  }

  #plan(phase: JobPhase): JobKill {
    const nth = 1 + Math.floor(this.#random.next() * NTH_MAX[phase]);
    const delayMs = LONG.has(phase) && this.#random.next() < 0.5 ? this.#random.next() * 4 : 0;
    return { phase, nth, delayMs };
  }

  #count(phase: JobPhase | null, { isKilled, killedIn, errors }: LifeEnd): void {
    if (!isKilled || killedIn !== phase) {
      throw new Error(
        `Cannot kill in ${phase ?? "a random moment"}: the process ended in ${killedIn}\n${errors}`,
      );
    }
    const where = phase ?? "anywhere";
    this.#killedIn[where]++;
    this.#kills++;
    this.#options.onKill?.(this.#kills, where);
  }

  /** No item may be asked for that was settled when the process began. */
  #lookAtCalls(calls: readonly string[][], { committed, buried }: Settled): void {
    this.#calls += calls.length;
    for (const item of calls.flat()) {
      if (!committed.has(item) && !buried.has(item)) continue;
      this.#askedAgain++;
      this.#differences.push(`${item} was asked for although it was settled`);
    }
  }

  #compare(expected: readonly string[], actual: readonly string[], settled: Settled): void {
    this.#differences.push(...differencesOf("what the job left", expected, actual));
    for (const [what, items] of Object.entries(settled)) {
      for (const [item, times] of items as ReadonlyMap<string, number>) {
        if (times !== 1) this.#differences.push(`${item} was ${what} ${times} times`);
      }
    }
    const count = settled.committed.size + settled.buried.size;
    const { items } = this.#options;
    const wanted = Math.ceil(items / 3) * 3;
    if (count !== wanted) this.#differences.push(`${count} of ${wanted} items are settled`);
  }
}
