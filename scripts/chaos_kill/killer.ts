/** A thread that waits for a COMMIT to begin and ends the process before it returns. */

import { workerData } from "node:worker_threads";

const { word, lastWord, states } = workerData as {
  readonly word: Int32Array;
  readonly lastWord: string;
  readonly states: { readonly COMMITTING: number; readonly KILL: number };
};
const { COMMITTING, KILL } = states;
/** Longest wait within a COMMIT, ms: some of them take less. */
const WAIT_MS = 0.3;

for (;;) {
  for (let seen = Atomics.load(word, 0); seen !== COMMITTING; seen = Atomics.load(word, 0)) {
    Atomics.wait(word, 0, seen);
  }
  const untilMs = performance.now() + Math.random() * WAIT_MS;
  while (performance.now() < untilMs);
  // Only if the COMMIT has not returned.
  if (Atomics.compareExchange(word, 0, COMMITTING, KILL) !== COMMITTING) continue;
  Deno.stderr.writeSync(new TextEncoder().encode(lastWord));
  Deno.kill(Deno.pid, "SIGKILL");
}
