/**
 * Random operations on tables and their twins, in episodes.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { Cache } from "../../src/cache/cache.ts";
import type { PolicyName } from "../../src/cache/types.ts";
import { Episode, type MakeTable } from "./episode.ts";
import { type ModelTally, newTally } from "./tally.ts";

/** What to run. */
export interface ModelOptions {
  readonly policy: PolicyName;
  readonly operations: number;
  /** Of the first episode; each next one has one more. */
  readonly seed: number;
  /** Makes the table; a broken one, to see that it is caught. */
  readonly make?: MakeTable;
}

/**
 * Runs all operations.
 *
 * @throws {Error} at the first disagreement; says the seed that begins with it.
 */
export function runModel(options: ModelOptions): ModelTally {
  const { policy, operations, seed, make = (of) => new Cache(of) } = options;
  const tally = newTally();
  while (tally.operations < operations) {
    const episodeSeed = seed + tally.episodes++;
    const episode = new Episode(policy, seededRandom(episodeSeed), tally, make);
    try {
      episode.run(operations - tally.operations);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const what = `${policy}, seed ${episodeSeed}, ${episode.about}`;
      throw new Error(`${what}: ${why}\n${episode.history}`, { cause: error });
    }
  }
  return tally;
}
