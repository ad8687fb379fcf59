/**
 * Two processes' caches under load over one Redis that is killed, emptied, set back to an older state
 * and held up, again and again.
 *
 * Each round: load while all is well, a trouble, load while the server is away, its return, load again.
 * Then everything comes to rest, and every key is compared with the truth in both processes.
 *
 * @module
 */

import { pause, seededRandom, systemClock } from "../../src/actor/clock.ts";
import { RedisServer } from "../../tests/support/redis.ts";
import { CacheProcess, type Fault } from "./process.ts";
import { Truth } from "./truth.ts";

/** What happens to the server. */
export const TROUBLES = ["old_data", "empty", "hang"] as const;

/** See {@linkcode TROUBLES}. */
export type Trouble = (typeof TROUBLES)[number];

/** How much. */
export interface ChaosEffort {
  readonly seed: number;
  readonly keys: number;
  /** Troubles in turn, each as often as it is in the list. */
  readonly troubles: readonly Trouble[];
  /** Length of each part of a round, ms. */
  readonly partMs: number;
  readonly onRound?: (round: ChaosRound) => void;
}

/** Shares of a part: of the gets, how many loads were upstream; of the reads of Redis, how many hit. */
export interface Shares {
  readonly gets: number;
  readonly upstreamRatio: number;
  readonly tierHitRatio: number;
}

/** What came of one round. */
export interface ChaosRound {
  readonly trouble: Trouble;
  readonly before: Shares;
  readonly away: Shares;
  /** The last half of a part. */
  readonly after: Shares;
  /** From the return until Redis hit as before, or nearly; null when it did not. */
  readonly recoveredMs: number | null;
}

/** What came of all. */
export interface ChaosResult {
  readonly gets: number;
  readonly changes: number;
  readonly loads: number;
  readonly gaps: number;
  readonly repeated: number;
  readonly rounds: readonly ChaosRound[];
  readonly faults: readonly Fault[];
}

/** Callers of each process at a time. */
const CALLERS = 6;
/** Share of calls that change something. */
const CHANGES_RATIO = 0.02;
/** Share of the keys that a process holds itself. */
const HELD_RATIO = 0.1;
/** Redis is of use again when it hits at least this share of what it did before. */
const RECOVERED_RATIO = 0.8;
/** Half parts after which it counts as not recovered. */
const RECOVERY_PARTS_MAX = 24;
/** Longest wait for both processes to be up and at rest, ms. */
const REST_LIMIT_MS = 15_000;

/** Runs the rounds; faults are in the result, and the server is gone when it resolves. */
export async function runCacheCampaign(effort: ChaosEffort): Promise<ChaosResult> {
  const random = seededRandom(effort.seed);
  const truth = new Truth(effort.keys, systemClock, random);
  const faults: Fault[] = [];
  await using server = await RedisServer.start();
  const given = { truth, random, entriesMax: effort.keys * HELD_RATIO, faults };
  await using a = new CacheProcess("a", server.url, given);
  await using b = new CacheProcess("b", server.url, given);
  const processes = [a, b];
  const load = new Load(processes, truth, random);
  await rest(processes, faults);
  const rounds: ChaosRound[] = [];
  for (const trouble of effort.troubles) {
    const round = await runRound(trouble, effort.partMs, server, load, processes, faults);
    rounds.push(round);
    effort.onRound?.(round);
    await rest(processes, faults);
    for (const process of processes) await process.checkAll();
  }
  return {
    gets: a.gets + b.gets,
    changes: load.changes,
    loads: truth.loads,
    gaps: a.stream.gaps + b.stream.gaps,
    repeated: a.stream.repeated + b.stream.repeated,
    rounds,
    faults,
  };
}

async function runRound(
  trouble: Trouble,
  partMs: number,
  server: RedisServer,
  load: Load,
  processes: readonly CacheProcess[],
  faults: Fault[],
): Promise<ChaosRound> {
  await load.during(partMs);
  // An old state: what is invalidated after it comes back with it.
  if (trouble === "old_data") await server.command("SAVE");
  const before = await load.during(partMs / 2);
  if (trouble === "hang") server.signal("SIGSTOP");
  else await server.kill();
  const away = await load.during(partMs);
  if (processes.some(({ tier }) => tier.state === "up")) {
    faults.push({ process: "tier", what: `says it is up ${partMs} ms after trouble: ${trouble}` });
  }
  if (trouble === "hang") server.signal("SIGCONT");
  else {
    if (trouble === "empty") await server.empty();
    await server.start();
  }
  return { trouble, before, away, ...await recovery(load, before, partMs) };
}

/** Goes on until Redis hits as before, or nearly: an empty one has to be filled first. */
async function recovery(
  load: Load,
  before: Shares,
  partMs: number,
): Promise<Pick<ChaosRound, "after" | "recoveredMs">> {
  const startMs = performance.now();
  let after = await load.during(partMs / 2);
  for (let parts = 0; parts < RECOVERY_PARTS_MAX; parts++) {
    if (after.tierHitRatio >= before.tierHitRatio * RECOVERED_RATIO) {
      return { after, recoveredMs: performance.now() - startMs };
    }
    after = await load.during(partMs / 2);
  }
  return { after, recoveredMs: null };
}

/** Waits until both processes are connected and nothing is under way. */
async function rest(processes: readonly CacheProcess[], faults: Fault[]): Promise<void> {
  const untilMs = performance.now() + REST_LIMIT_MS;
  const isAtRest = () =>
    processes.every(({ tier, stream }) =>
      tier.state === "up" && tier.waiting === 0 && stream.state === "up" && stream.waiting === 0
    );
  while (!isAtRest()) {
    if (performance.now() > untilMs) {
      const states = processes.map(({ tier, stream }) => JSON.stringify({ tier, stream }));
      faults.push({ process: "all", what: `not at rest after a trouble: ${states.join("\n")}` });
      return;
    }
    await pause(systemClock, 5);
  }
  // Messages that are published are on their way to the other process.
  await pause(systemClock, 100);
}

/** Callers who get and change. */
class Load {
  readonly #processes: readonly CacheProcess[];
  readonly #truth: Truth;
  readonly #random: { next(): number };
  changes = 0;

  constructor(processes: readonly CacheProcess[], truth: Truth, random: { next(): number }) {
    this.#processes = processes;
    this.#truth = truth;
    this.#random = random;
  }

  /** Runs all callers for so long. */
  async during(ms: number): Promise<Shares> {
    const before = this.#sums();
    const untilMs = performance.now() + ms;
    const callers = this.#processes.flatMap((process) =>
      Array.from({ length: CALLERS }, () => this.#call(process, untilMs))
    );
    await Promise.all(callers);
    const after = this.#sums();
    const gets = after.gets - before.gets;
    const hits = after.hits - before.hits;
    return {
      gets,
      upstreamRatio: (after.loads - before.loads) / Math.max(1, gets),
      tierHitRatio: hits / Math.max(1, hits + after.misses - before.misses),
    };
  }

  #sums() {
    const sum = (of: (process: CacheProcess) => number) =>
      this.#processes.reduce((total, process) => total + of(process), 0);
    return {
      gets: sum(({ gets }) => gets),
      hits: sum(({ tier }) => tier.hits),
      misses: sum(({ tier }) => tier.misses),
      loads: this.#truth.loads,
    };
  }

  async #call(process: CacheProcess, untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      if (this.#random.next() < CHANGES_RATIO) await this.#change(process);
      else if (this.#random.next() < 0.1) {
        await process.get(Array.from({ length: 10 }, () => this.#truth.draw()));
      } else await process.get([this.#truth.draw()]);
      await pause(systemClock, this.#random.next() * 2);
    }
  }

  async #change(process: CacheProcess): Promise<void> {
    this.changes++;
    const key = this.#truth.draw();
    const group = this.#truth.groupOf(key);
    const kind = this.#random.next();
    if (kind < 0.9) await process.change({ keys: [key] }, [key]);
    else if (kind < 0.95) {
      await process.change({ patterns: [`${group}:*`] }, this.#truth.membersOf(group));
    } else await process.change({ tags: [group] }, this.#truth.membersOf(group));
  }
}
