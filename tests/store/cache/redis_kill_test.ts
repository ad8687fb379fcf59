/** Redis killed under load and brought back; the long run is `deno task chaos:cache`. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { runCacheCampaign, TROUBLES } from "../../../scripts/chaos_cache/campaign.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { SEED } from "./support.ts";

Deno.test("a Redis that is killed, emptied or held up costs no get and brings nothing stale", {
  ...serviceOrSkip("redis"),
}, async () => {
  const result = await runCacheCampaign({ seed: SEED, keys: 300, troubles: TROUBLES, partMs: 500 });
  assertEquals(result.faults, [], `WICK_SEED=${SEED}`);
  assertGreater(result.gets, 500);
  assertGreater(result.changes, 5);
  for (const { trouble, before, recoveredMs } of result.rounds) {
    assertGreater(before.tierHitRatio, 0, trouble);
    assert(recoveredMs !== null, `Redis is of no use after ${trouble}`);
  }
});
