/**
 * A job whose process is killed at 94 % (spec: batch, "Must show" 5): what the next process asks the
 * provider for is the rest, and nothing else.
 *
 * @module
 */

import { callsIn, prepare, settledIn } from "../../scripts/chaos_jobs/ledger.ts";
import { live } from "../../scripts/chaos_jobs/life.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";

const SHARE = 0.94;

/** How much to measure. */
export interface KilledEffort {
  readonly rounds: number;
  /** Items of the job. */
  readonly items: number;
}

interface Killed {
  readonly items: number;
  /** Items settled when the process was killed. */
  readonly settled: number;
  /** Items that were asked for afterwards, each once, and those of them that were settled. */
  readonly asked: number;
  readonly askedAgain: number;
  readonly calls: number;
}

/** Adds the figures; each round runs the job in two processes. */
export async function killedFigures(figures: Figures, effort: KilledEffort): Promise<void> {
  const rounds: Killed[] = [];
  for (let seed = 1; seed <= effort.rounds; seed++) rounds.push(await killed(seed, effort.items));
  const spread = (of: (one: Killed) => number) => spreadOf(rounds.map(of));
  figures.add(
    "killed at 94 %: items asked for again",
    spread(({ askedAgain }) => askedAgain),
    { better: "lower", unit: "", must: 0 },
  );
  figures.add(
    "killed at 94 %: items asked for over items left",
    spread(({ asked, items, settled }) => asked / (items - settled)),
    { better: "lower", unit: "×", must: 1 },
  );
  const shares = rounds.map(({ settled, items }) => (100 * settled / items).toFixed(1));
  figures.note(
    `kill -9 at ${shares.join(", ")} % of ${rounds[0]?.items} items; left ` +
      `${rounds.map(({ items, settled }) => items - settled).join(", ")}, done in ` +
      `${rounds.map(({ calls }) => calls).join(", ")} calls`,
  );
}

async function killed(seed: number, items: number): Promise<Killed> {
  const data = await Deno.makeTempDir({ prefix: "wick_killed_" });
  try {
    await prepare(data);
    const setup = { data, seed, items, server: null };
    const first = await live(setup, { share: SHARE });
    verify("the process was killed", Number(first.killedIn === "share"), 1);
    const before = settledIn(data);
    const { bytes } = callsIn(data, 0);
    const second = await live(setup, null);
    const job = JSON.parse(second.said ?? "{}");
    verify("items settled in the end", job.settled, job.items);
    const { calls } = callsIn(data, bytes);
    const asked = new Set(calls.flat());
    const isSettled = (item: string) => before.committed.has(item) || before.buried.has(item);
    return {
      items: job.items,
      settled: before.committed.size + before.buried.size,
      asked: asked.size,
      askedAgain: [...asked].filter(isSettled).length,
      calls: calls.length,
    };
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}
