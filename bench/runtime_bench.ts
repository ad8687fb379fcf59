/**
 * `deno bench -A bench/runtime_bench.ts`: how long one unit of work takes, rivals beside Wick.
 * Each iteration verifies its counts and checksums. The figures with a must are in `runtime.ts`,
 * which also tries the settings of the pools; those used here came out best there.
 *
 * @module
 */

import { nactAsk, nactPingPong, nactTell } from "./rivals/nact.ts";
import { piscinaThread } from "./rivals/piscina.ts";
import { tinypoolThread } from "./rivals/tinypool.ts";
import { wickAsk, wickPingPong, wickTell, wickThread } from "./rivals/wick.ts";
import { xstateCallback, xstateSender } from "./rivals/xstate.ts";
import { type Contender, warm } from "./support/rounds.ts";
import { BURST } from "./support/workload.ts";

const IN_FLIGHT = 512;
const ASKS = 256;
const HOPS = 1_024;
const WARM_MS = 300;

/** The first side is the baseline: the others show how many times slower they are. */
async function group(name: string, units: number, sides: readonly Contender[]): Promise<void> {
  for (const side of sides) await warm(side, WARM_MS);
  for (const [i, side] of sides.entries()) {
    Deno.bench({
      name: side.name,
      group: name,
      baseline: i === 0,
      fn: async () => void await side.run(units),
    });
  }
}

await group(`tell and handle ${BURST} messages`, BURST, [wickTell(), nactTell()]);
await group(`${ASKS} ask round trips`, ASKS, [
  wickAsk(),
  xstateCallback(),
  xstateSender(),
  nactAsk(),
]);
await group(`ping-pong of ${HOPS} hops`, HOPS, [wickPingPong(), nactPingPong()]);
await group(`${IN_FLIGHT} asks to a thread at once`, IN_FLIGHT, [
  await wickThread(IN_FLIGHT),
  piscinaThread({ threads: 1, concurrentTasksPerWorker: IN_FLIGHT, atomics: "async" }, IN_FLIGHT),
  tinypoolThread({ threads: 2, concurrentTasksPerWorker: 16, useAtomics: true }, IN_FLIGHT),
]);
