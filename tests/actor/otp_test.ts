/**
 * The production supervisors against those of a real Erlang/OTP: the same random schedules, the same
 * restarts, give-ups and order. `WICK_SEED` sets the first seed; `deno task otp` runs more.
 */

import { assertEquals, assertGreater } from "@std/assert";
import { compareWithOtp, runOurs } from "../../scripts/otp.ts";
import { serviceOrSkip } from "../support/services.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const ERLANG = serviceOrSkip("erlang");

Deno.test("the runtime restarts and gives up as OTP does in 10^4 schedules", ERLANG, async () => {
  console.log(`WICK_SEED=${SEED}`);
  const comparison = await compareWithOtp(
    runOurs("runtime", 40),
    { schedules: 10_000, seed: SEED, name: "runtime" },
  );
  assertEquals(comparison.first?.trace, undefined);
  assertEquals(comparison.compared, 10_000);
  assertGreater(comparison.restartsMean, 4);
  assertGreater(comparison.escalationsMean, 0.3);
});
