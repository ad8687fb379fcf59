/**
 * piscina 5 behind the face of the benches.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import type { Contender } from "../support/rounds.ts";
import { askInFlight } from "../support/workload.ts";

/** What is swept; the rest is what favours throughput. */
export interface PiscinaSetting {
  readonly threads: number;
  readonly concurrentTasksPerWorker: number;
  readonly atomics: "sync" | "async" | "disabled";
}

/** Everything that could make a difference on two cores. */
export function piscinaSettings(inFlight: number): PiscinaSetting[] {
  return [1, 2].flatMap((threads) =>
    [1, 16, inFlight].flatMap((concurrentTasksPerWorker) =>
      (["sync", "async", "disabled"] as const).map((atomics) => (
        { threads, concurrentTasksPerWorker, atomics }
      ))
    )
  );
}

/** Asks to a pool with this setting. */
export function piscinaThread(setting: PiscinaSetting, inFlight: number): Contender {
  const { threads, concurrentTasksPerWorker, atomics } = setting;
  const pool = new Piscina({
    filename: fileURLToPath(new URL("../threads/task.ts", import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker,
    atomics,
    // Workers stay: ending and starting them is not what is measured.
    idleTimeout: Infinity,
    maxQueue: Infinity,
    recordTiming: false,
  });
  return {
    name: `piscina 5.3.2, ${threads} thread${threads > 1 ? "s" : ""}, ` +
      `${concurrentTasksPerWorker} per worker, atomics ${atomics}`,
    run: (units) => askInFlight(units, inFlight, (n) => pool.run({ n })),
    close: () => pool.destroy(),
  };
}
