/** The kill harness, small: `deno task chaos:kill` is the same at full size. */

import { assert, assertEquals } from "@std/assert";
import { FILE_BATCH_ROWS, FileLines, PushBodies } from "../../scripts/chaos_kill/inputs.ts";
import { runCampaign } from "../../scripts/chaos_kill/campaign.ts";
import { type Flaw, FLAWS } from "../../scripts/chaos_kill/journal.ts";
import { PHASES } from "../../scripts/chaos_kill/phases.ts";
import { allOf } from "../support/all_of.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`kill_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

// Each in turn over the seeds; all of them: `deno task chaos:kill --canary`.
const FLAW = FLAWS[SEED % FLAWS.length] as Flaw;

Deno.test(
  "a service that is killed in every phase holds what one holds that never was, " +
    `and the harness finds a store whose flaw is ${FLAW}`,
  async () => {
    // Side by side: most of it is waiting. Each ends what it has started, whatever comes of the other.
    await allOf([holdsAll(), isFound(FLAW)]);
  },
);

async function holdsAll(): Promise<void> {
  const kills = PHASES.length + 1;
  const result = await runCampaign({ kills, seed: SEED, storeArgs: ["--store", "sqlite"] });
  assertEquals(result.differences, []);
  for (const [phase, count] of Object.entries(result.killedIn)) {
    assertEquals([phase, count], [phase, 1]);
  }
  // It was killed in the middle of work: both clients had to go on where they were.
  assert(result.fileLines > 500 && result.pushes > 10, JSON.stringify(result));
  // A kill may come before the subscriber is connected again: then there is nothing to resume.
  assert(result.streamResumed > kills / 2 && result.streamRows > 500, JSON.stringify(result));
}

async function isFound(flaw: Flaw): Promise<void> {
  const storeArgs = ["--store", "journal", "--flaw", flaw];
  const found = await runCampaign({ kills: 2 * PHASES.length, seed: SEED, storeArgs }).then(
    ({ differences }) => differences.length,
    // A store that cannot be opened again, or does not get to the end, is found too.
    () => 1,
  );
  assert(found > 0, flaw);
}

/** Series of each line; null for one that is no candle. */
function seriesOf(lines: readonly string[]): (string | null)[] {
  return lines.map((line) => line.trim().split(",")[6] ?? null);
}

Deno.test("FileLines has no two rows of a series within a batch of one that changes it", () => {
  const source = new FileLines(SEED);
  const lines = Array.from({ length: 20_000 }, () => source.next());
  const series = seriesOf(lines);
  const last = new Map<string, { ts: number; at: number }>();
  let changes = 0;
  const quietUntil = new Map<string, number>();
  lines.forEach((line, at) => {
    const key = series[at];
    if (key === null || key === undefined) return;
    const ts = Number(line.split(",")[0]);
    const before = last.get(key);
    assert(at >= (quietUntil.get(key) ?? 0), `line ${at} is in a batch with a change of ${key}`);
    if (before !== undefined && ts <= before.ts) {
      changes++;
      assert(at - before.at >= FILE_BATCH_ROWS, `the change in line ${at} follows ${before.at}`);
      quietUntil.set(key, at + FILE_BATCH_ROWS);
    }
    last.set(key, { ts: Math.max(ts, before?.ts ?? ts), at });
  });
  assert(changes > 20, `${changes} changes`);
});

Deno.test("FileLines and PushBodies are the same for the same seed, and pushers share no series", () => {
  const linesOf = (seed: number) => {
    const lines = new FileLines(seed);
    return Array.from({ length: 500 }, () => lines.next());
  };
  assertEquals(linesOf(SEED), linesOf(SEED));
  assert(linesOf(SEED).join() !== linesOf(SEED + 1).join());
  const seriesIn = (pusher: number) => {
    const bodies = new PushBodies(SEED, pusher);
    const text = Array.from({ length: 50 }, () => bodies.next()).join("");
    return new Set(text.trim().split("\n").map((line) => JSON.parse(line).series as string));
  };
  assertEquals(seriesIn(0).intersection(seriesIn(1)), new Set());
});
