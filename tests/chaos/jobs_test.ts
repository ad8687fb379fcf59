/** The kill harness of jobs, small: `deno task chaos:jobs` is the same at full size. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { runJobCampaign } from "../../scripts/chaos_jobs/campaign.ts";
import { databaseIn } from "../../scripts/chaos_jobs/ledger.ts";
import { JOB_PHASES } from "../../scripts/chaos_jobs/phases.ts";
import { seedOf } from "../actor/seed.ts";

const SEED = seedOf("jobs_test");
const ITEMS = 1_500;
const KILLS = JOB_PHASES.length + 1;
// In turn over the seeds.
const overHttp = SEED % 2 === 0;

Deno.test(`a job that is killed in every phase leaves what one leaves that never was`, async () => {
  const result = await runJobCampaign({ kills: KILLS, seed: SEED, items: ITEMS, overHttp });
  assertEquals(result.differences, []);
  assertEquals([result.askedAgain, result.limited, result.jobs], [0, 0, 1]);
  for (const phase of JOB_PHASES) assertGreater(result.killedIn[phase], 0, phase);
  // It was killed in the middle of work.
  assertGreater(result.calls, ITEMS / 2);
});

Deno.test("the kill harness of jobs finds a job that forgets its checkpoints", async () => {
  const { differences } = await runJobCampaign({
    kills: KILLS,
    seed: SEED,
    items: ITEMS,
    overHttp: false,
    betweenLives: (data) => {
      using db = new DatabaseSync(databaseIn(data));
      db.exec("DELETE FROM records WHERE kind = 'checkpoint'");
    },
  });
  assert(differences.some((text) => text.includes("was asked for although")), differences.join());
});
