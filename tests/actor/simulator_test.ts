/**
 * The simulator over the production runtime: schedules against the oracle, chaos against
 * invariants, and planted bugs that must not pass. `WICK_SEED` sets the first seed; `deno task
 * simulate` runs more.
 */

import {
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { Aviary } from "../../scripts/simulate/aviary.ts";
import {
  type CampaignTally,
  historyOf,
  runCampaign,
  scopeOf,
} from "../../scripts/simulate/campaign.ts";
import { CANARIES, type Canary } from "../../scripts/simulate/canaries.ts";
import { runChaos } from "../../scripts/simulate/chaos.ts";
import { runInThreads } from "../../scripts/simulate/threads.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);

function assertClean(tally: CampaignTally, schedules: number): void {
  assertEquals(tally.first?.trace, undefined);
  assertEquals(tally.violations, 0);
  assertEquals(tally.schedules, schedules);
}

for (const scope of ["child", "supervisor"] as const) {
  Deno.test(`the runtime does what the oracle says, restarts counted per ${scope}`, async () => {
    console.log(`WICK_SEED=${SEED}`);
    const tally = await runCampaign({ seed: SEED, schedules: 4_000, scope });
    assertClean(tally, 4_000);
    assertGreaterOrEqual(tally.restarts / tally.schedules, 4);
    assertGreaterOrEqual(tally.escalations / tally.schedules, 0.3);
    assertGreater(tally.messages, 4_000 * 40);
  });
}

Deno.test("runInThreads() comes to the same as one thread", async () => {
  const campaign = { seed: SEED, schedules: 6_000 };
  const tally = await runInThreads(campaign, 2);
  assertClean(tally, 6_000);
  assertEquals(tally, await runCampaign(campaign));
});

Deno.test("historyOf() is the same each time, message by message", () => {
  const hashes = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const seed = (SEED + i) >>> 0;
    const first = historyOf(seed);
    const second = historyOf(seed);
    assertEquals(second.lines, first.lines, `seed ${seed}`);
    assertEquals(second.hash, first.hash);
    assertEquals(first.trace, null);
    hashes.add(first.hash);
  }
  assertEquals(hashes.size, 100);
});

Deno.test("historyOf() tells of messages, restarts and dead letters", () => {
  const words = ["handles message", "buries message", "told n", "started", "exited", "the system"];
  const lines: string[] = [];
  for (let seed = 0; seed < 20; seed++) lines.push(...historyOf(seed).lines);
  for (const word of words) assertGreater(lines.filter((line) => line.includes(word)).length, 0);
});

Deno.test("scopeOf() takes turns, so that a seed alone names a run", () => {
  assertEquals([0, 1, 2, 3].map((seed) => scopeOf(seed)), [
    ...["child", "supervisor", "child", "supervisor"] as const,
  ]);
  assertEquals(scopeOf(1, "child"), "child");
});

Deno.test("runChaos() breaks no invariant", async () => {
  console.log(`WICK_SEED=${SEED}`);
  let messages = 0;
  let restarts = 0;
  for (let i = 0; i < 3_000; i++) {
    const seed = (SEED + i) >>> 0;
    const result = await runChaos(seed);
    assertEquals(result.violation, null, `deno task simulate --chaos 1 --replay ${seed}`);
    messages += result.messages;
    restarts += result.restarts;
  }
  assertGreater(messages / 3_000, 80);
  assertGreater(restarts / 3_000, 10);
});

Deno.test("runChaos() does the same each time", async () => {
  for (let i = 0; i < 50; i++) {
    const lines: string[] = [];
    const again: string[] = [];
    const seed = (SEED + i) >>> 0;
    const first = await runChaos(seed, (line) => lines.push(line));
    const second = await runChaos(seed, (line) => again.push(line));
    assertEquals(again, lines, `seed ${seed}`);
    assertEquals(second, first);
    assertNotEquals(first.hash, (await runChaos(seed ^ 1)).hash);
  }
});

Deno.test("every planted bug makes the simulator fail", async () => {
  console.log(`WICK_SEED=${SEED}`);
  await using aviary = await Aviary.create();
  const [healthy, ...watched] = await Promise.all(
    [null, ...CANARIES].map((canary) => aviary.release(canary, SEED)),
  );
  assertEquals(healthy?.by, "nothing");
  const missed = CANARIES.filter((_, i) => !watched[i]?.caught).map(({ bug }) => bug);
  assertEquals(missed, []);
});

Deno.test("Aviary.release() rejects when a canary is outdated", async () => {
  const outdated: Canary = { bug: "none", file: "lane.ts", find: "no such text", replace: "" };
  await using aviary = await Aviary.create();
  await assertRejects(
    () => aviary.release(outdated, 1),
    Error,
    "it is outdated: expected its text once: current value is 0 times",
  );
});
