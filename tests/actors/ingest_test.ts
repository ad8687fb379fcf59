import { seededRandom, Simulator } from "../../src/actor/mod.ts";
import { ThreadNode } from "../../src/actor/thread_node.ts";
import { DEFAULT_PARAMS, type LabelParams } from "../../src/label/params.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { startWick, type WickOptions, wickRefs, wickTree } from "../../actors/tree.ts";
import { assert, assertEquals } from "@std/assert";
import { FlakyStore } from "./flaky_store.ts";
import { ArraySource, assertStoreHolds, randomStream } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`ingest_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

/** How many nights of crashes are simulated: 4 with the tests, thousands as a task of its own. */
const SOAK_SEEDS = Number(Deno.env.get("WICK_SOAK_SEEDS") ?? 4);

const SILENT = () => {};

/** The tree in virtual time, run until the feed has ended. */
async function simulate(
  seed: number,
  options: Omit<WickOptions, "system">,
  faults?: ConstructorParameters<typeof Simulator>[0]["faults"],
) {
  const simulator = new Simulator({
    seed,
    system: { ...wickTree({ ...options, system: { log: SILENT, intensity: 1_000 } }) },
    ...(faults === undefined ? {} : { faults }),
  });
  const wick = wickRefs(simulator.system);
  await simulator.run();
  for (let minutes = 0; minutes < 600; minutes++) {
    const status = wick.feed("feed").ask("status", {}).catch(() => null);
    await simulator.advance(10_000);
    const seen = await status;
    if (seen?.state === "ended") break;
  }
  return { simulator, wick };
}

function streamOf(seed: number, changes: number) {
  return randomStream(seed, { series: 7, bars: 300, blockRowsMax: 25, changes });
}

Deno.test("label pool commits what a batch run computes, whatever the number of workers", async () => {
  const batches = streamOf(SEED, 0);
  for (const workers of [1, 2, 3]) {
    const backend = new MemoryStore();
    const source = new ArraySource("feed", batches);
    const { simulator } = await simulate(SEED, {
      workers,
      store: { kind: "open", backend },
      feeds: [{ name: "feed", source: () => source }],
    });
    await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    assertEquals(source.acked.at(-1), String(batches.length));
    await simulator.system.stop();
  }
});

Deno.test("label pool commits late, corrected and deleted candles exactly (R11)", async () => {
  for (const params of [DEFAULT_PARAMS, { ...DEFAULT_PARAMS, horizon: 24, up: 0.5, down: 0.7 }]) {
    const batches = streamOf(SEED + 1, 0.4);
    const backend = new MemoryStore();
    const { simulator } = await simulate(SEED, {
      workers: 2,
      params: params as LabelParams,
      store: { kind: "open", backend },
      feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
    });
    await assertStoreHolds(backend, batches, params as LabelParams);
    await simulator.system.stop();
  }
});

Deno.test("a failed commit, or one whose answer is lost, loses and doubles nothing", async () => {
  let refusals = 0, lostAnswers = 0;
  for (let seed = SEED; seed < SEED + 3; seed++) {
    const batches = streamOf(seed, 0.2);
    const backend = new FlakyStore(seededRandom(seed).next, { refused: 0.1, lost: 0.05 });
    const { simulator } = await simulate(seed, {
      workers: 2,
      store: { kind: "open", backend },
      feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
    });
    refusals += backend.refusals;
    lostAnswers += backend.lostAnswers;
    await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    await simulator.system.stop();
  }
  assert(refusals > 0 && lostAnswers > 0, "no commit failed: nothing was shown");
});

/** A night of crashes; how many there were. */
async function nightOfCrashes(seed: number): Promise<number> {
  const batches = streamOf(seed, 0.1);
  const backend = new MemoryStore();
  const { simulator } = await simulate(
    seed,
    {
      workers: 2,
      store: { kind: "open", backend },
      feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
    },
    { crash: 0.01, delay: 0.05, delayMaxMs: 40 },
  );
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
  const { sent, handled, queued, deadLettered, superseded } = simulator.system.counts();
  assertEquals(sent, handled + queued + deadLettered + superseded);
  await simulator.system.stop();
  return simulator.system.deadLetters.counts.crashed;
}

Deno.test("crashes of any actor, lost and late messages lose and double nothing", async () => {
  let crashes = 0;
  for (let seed = SEED; seed < SEED + SOAK_SEEDS; seed++) {
    try {
      crashes += await nightOfCrashes(seed);
    } catch (error) {
      console.log(`WICK_SEED=${seed} WICK_SOAK_SEEDS=1 repeats what follows`);
      throw error;
    }
  }
  assert(crashes > 0, "nothing crashed: nothing was shown");
});

Deno.test("the death of a worker thread loses and doubles nothing", async () => {
  const batches = randomStream(SEED, { series: 40, bars: 1_000, blockRowsMax: 10, changes: 0.02 });
  const backend = new MemoryStore();
  await using wick = await disposable({
    workers: 2,
    store: { kind: "open", backend },
    feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
    system: { log: SILENT },
  });
  const ended = wick.feed("feed").ask("ended", {}, { timeoutMs: 60_000 });
  let kills = 0;
  const killer = setInterval(() => {
    const node = wick.system.nodeAt("/wick/core/work/ingest/workers/worker-0");
    if (node instanceof ThreadNode && node.state === "running" && kills < 4) {
      kills++;
      node.kill();
    }
  }, 60);
  await ended;
  clearInterval(killer);
  assert(kills > 0, "no thread was killed: nothing was shown");
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
});

async function disposable(options: WickOptions) {
  const wick = await startWick(options);
  return { ...wick, [Symbol.asyncDispose]: () => wick.system.stop() };
}
