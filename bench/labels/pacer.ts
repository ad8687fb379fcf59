/**
 * A thread that knocks whenever something is due: `workerData` holds the times, ms since the epoch
 * and ascending, and a cell that is 1 while a knock has not been heard.
 *
 * @module
 */

import { parentPort, workerData } from "node:worker_threads";

const { dueMs, cell } = workerData as { dueMs: Float64Array; cell: Int32Array };
const never = new Int32Array(new SharedArrayBuffer(4));
/** Shortest sleep: shorter ones would take a core from what is measured. */
const SLEEP_MIN_MS = 0.05;
/** Wait for an unheard knock before the time is looked at again. */
const UNHEARD_MS = 1;
const epochMs = () => performance.timeOrigin + performance.now();

for (let next = 0; next < dueMs.length;) {
  const leftMs = (dueMs[next] as number) - epochMs();
  if (leftMs > 0) Atomics.wait(never, 0, 0, Math.max(SLEEP_MIN_MS, leftMs));
  // Whoever has not heard the last knock will find what is due now too.
  if (Atomics.wait(cell, 0, 1, UNHEARD_MS) === "timed-out") continue;
  const nowMs = epochMs();
  while (next < dueMs.length && (dueMs[next] as number) <= nowMs) next++;
  Atomics.store(cell, 0, 1);
  parentPort?.postMessage(null);
}
