/**
 * A thread that knocks whenever something is due: `workerData` holds the times, ms since the epoch
 * and ascending, and a cell that is 1 while a knock has not been heard.
 *
 * @module
 */

import { parentPort, workerData } from "node:worker_threads";

const { dueMs, cell } = workerData as { dueMs: Float64Array; cell: Int32Array };
const never = new Int32Array(new SharedArrayBuffer(4));
const epochMs = () => performance.timeOrigin + performance.now();

for (let next = 0; next < dueMs.length;) {
  const leftMs = (dueMs[next] as number) - epochMs();
  if (leftMs > 0) Atomics.wait(never, 0, 0, leftMs);
  const nowMs = epochMs();
  while (next < dueMs.length && (dueMs[next] as number) <= nowMs) next++;
  if (Atomics.exchange(cell, 0, 1) === 0) parentPort?.postMessage(null);
}
