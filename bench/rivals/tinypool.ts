/**
 * tinypool 2 behind the face of the benches.
 *
 * @module
 */

import { Tinypool } from "tinypool";
import type { Contender } from "../support/rounds.ts";
import { askInFlight } from "../support/workload.ts";

/** What is swept; the rest is what favours throughput. */
export interface TinypoolSetting {
  readonly threads: number;
  readonly concurrentTasksPerWorker: number;
  readonly useAtomics: boolean;
}

/** Everything that could make a difference on two cores. */
export function tinypoolSettings(inFlight: number): TinypoolSetting[] {
  return [1, 2].flatMap((threads) =>
    [1, 16, inFlight].flatMap((concurrentTasksPerWorker) =>
      [true, false].map((useAtomics) => ({ threads, concurrentTasksPerWorker, useAtomics }))
    )
  );
}

/** Asks to a pool with this setting. */
export function tinypoolThread(setting: TinypoolSetting, inFlight: number): Contender {
  const { threads, concurrentTasksPerWorker, useAtomics } = setting;
  const pool = new Tinypool({
    filename: new URL("../threads/task.ts", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker,
    useAtomics,
    idleTimeout: 3_600_000,
    maxQueue: Infinity,
  });
  return {
    name: `tinypool 2.2.0, ${threads} thread${threads > 1 ? "s" : ""}, ` +
      `${concurrentTasksPerWorker} per worker, atomics ${useAtomics ? "on" : "off"}`,
    run: (units) => askInFlight(units, inFlight, (n) => pool.run({ n })),
    close: () => pool.destroy(),
  };
}
