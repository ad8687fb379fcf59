/**
 * The table of a shard against its slow twin, in small: `deno task model:cache` runs as many
 * operations as wanted. And that the twin would see what it is there to see.
 */

import { assert, assertThrows } from "@std/assert";
import type { MakeTable } from "../../scripts/model_cache/episode.ts";
import { runModel } from "../../scripts/model_cache/run.ts";
import type { ModelTally } from "../../scripts/model_cache/tally.ts";
import type { ModelValue } from "../../scripts/model_cache/twin.ts";
import { Cache, type SetOptions } from "../../src/cache/cache.ts";
import { POLICY_NAMES, REMOVAL_CAUSES } from "../../src/cache/types.ts";
import { seedOf } from "../actor/seed.ts";

const OPERATIONS = 50_000;

Deno.test("Cache is as its twin over random operations", async (t) => {
  const seed = seedOf("model_test");
  const tallies: ModelTally[] = [];
  for (const [i, policy] of POLICY_NAMES.entries()) {
    await t.step(policy, () => {
      // Other episodes for each, so that together they see more.
      tallies.push(runModel({ policy, operations: OPERATIONS, seed: seed + 1_000 * i }));
    });
  }
  const sum = (of: (tally: ModelTally) => number) => tallies.reduce((all, one) => all + of(one), 0);
  for (const cause of REMOVAL_CAUSES) {
    assert(sum(({ removed }) => removed[cause]) > 0, `nothing left as ${cause}`);
  }
  for (const what of ["hits", "misses", "refused", "protectedMost"] as const) {
    assert(sum((tally) => tally[what]) > 0, `no ${what}`);
  }
});

class Undead extends Cache<ModelValue> {
  override delete(key: string): boolean {
    return this.has(key);
  }
}

class Fresh extends Cache<ModelValue> {
  override markStale(key: string): boolean {
    return this.has(key);
  }
}

class Lingering extends Cache<ModelValue> {
  override expire(): number {
    return 0;
  }
}

class Shortened extends Cache<ModelValue> {
  override set(key: string, value: ModelValue, options: SetOptions) {
    return super.set(key.slice(0, 1_000), value, options);
  }
}

class Distracted extends Cache<ModelValue> {
  #reads = 0;
  /** Forgets that one read in ten was one, which only the order of use shows. */
  override find(key: string): number {
    return ++this.#reads % 10 === 0 ? this.locate(key) : super.find(key);
  }
}

const CANARIES: Readonly<Record<string, MakeTable>> = {
  "deletes nothing": (options) => new Undead(options),
  "marks nothing as stale": (options) => new Fresh(options),
  "does not expire": (options) => new Lingering(options),
  "takes long keys for the same": (options) => new Shortened(options),
  "overlooks reads": (options) => new Distracted(options),
  "is one too large": (options) => new Cache({ ...options, entriesMax: options.entriesMax + 1 }),
  "protects too much": (options) => new Cache({ ...options, protectedRatioMax: 0.9 }),
  "has other weights": (options) =>
    new Cache({
      ...options,
      ...(options.weigh && { weigh: ({ weightBytes }) => weightBytes + 1 }),
    }),
  "does not tell what leaves": ({ onRemoved: _, ...options }) => new Cache(options),
};

for (const [fault, make] of Object.entries(CANARIES)) {
  Deno.test(`runModel() catches a table that ${fault}`, () => {
    assertThrows(() => runModel({ policy: "lru", operations: 400_000, seed: 1, make }), Error);
  });
}
