/**
 * Must show 2: a hundred callers at once of a key that is cold, stale, or failing make one load, in
 * virtual time, through router and shards.
 *
 * @module
 */

import { VirtualClock } from "../../src/actor/clock.ts";
import type { Found, Loaded } from "../../src/cache/types.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { DEMAND, Rig } from "./rig.ts";

const CALLERS = 100;
/** How long the provider takes. */
const LOAD_MS = 250;
const TTL = { softTtlMs: 60_000, hardTtlMs: 120_000, staleIfErrorMs: 0 };
const KEY = "price:AAPL";

/** A source that counts, behind a cache, in virtual time. */
class Source {
  readonly clock = new VirtualClock();
  readonly rig = new Rig<number>({
    entriesMax: 1_000,
    clock: this.clock,
    ttl: TTL,
    load: () => this.#load(),
  });
  loads = 0;
  fails = false;

  #load(): Promise<Loaded<number>> {
    const value = ++this.loads;
    const answer: Loaded<number> = this.fails
      ? { state: "failed", failure: { code: "upstream", message: "down", retryAfterMs: null } }
      : { state: "ok", value };
    return new Promise((resolve) => this.clock.setTimer(LOAD_MS, () => resolve(answer)));
  }

  /** All callers at once; half of them ask for several keys, this one among them twice. */
  async ask(state: Found<number>["state"]): Promise<void> {
    const { router } = this.rig;
    const answers = Array.from({ length: CALLERS }, async (_, caller) => {
      if (caller % 2 === 0) return [await router.get(KEY, DEMAND)];
      return await router.getMany([KEY, KEY], DEMAND);
    });
    let isDone = false;
    const all = Promise.all(answers).finally(() => isDone = true);
    for (let turn = 0; !isDone && turn < 100; turn++) {
      await settled();
      this.clock.advance(LOAD_MS / 10);
    }
    const states = (await all).flat().map((found) => found.state);
    verify(`answers that are ${state}`, states.filter((one) => one === state).length, 150);
  }

  /** What goes on behind comes to its end. */
  async end(): Promise<void> {
    await settled();
    this.clock.advance(2 * LOAD_MS);
    await settled();
  }
}

/** Lets promises that are due have their turns. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Loads that the callers made, by how the key was. */
const CASES: Readonly<Record<string, (source: Source) => Promise<number>>> = {
  "cold": async (source) => {
    await source.ask("loaded");
    return source.loads;
  },
  "stale": async (source) => {
    await source.ask("loaded");
    source.clock.advance(TTL.softTtlMs + 1);
    const before = source.loads;
    await source.ask("stale");
    await source.end();
    // Who asks afterwards has the new value.
    verify("renewed value", source.rig.router.peek(KEY) ?? NaN, source.loads);
    return source.loads - before;
  },
  "failing": async (source) => {
    source.fails = true;
    await source.ask("failed");
    // Who comes in the same moment is told what is remembered.
    await source.ask("failed");
    return source.loads;
  },
};

/** Throws, through `verify`, when an answer is not as it must be. */
export async function flightFigures(figures: Figures): Promise<void> {
  for (const [name, loads] of Object.entries(CASES)) {
    const source = new Source();
    const count = await loads(source);
    source.rig[Symbol.dispose]();
    if (count < 1) verify("loads", count, 1);
    figures.add(`loads for ${CALLERS} at once of a ${name} key`, spreadOf([count]), {
      unit: "",
      must: 1,
      better: "lower",
    });
  }
}
