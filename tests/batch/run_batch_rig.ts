/**
 * What the tests of `runBatch` share: time that moves by itself, a store that may fail, a policy
 * without chance.
 *
 * @module
 */

import { nextTurn, VirtualClock } from "../../src/actor/clock.ts";
import { RetryPolicy } from "../../src/batch/retry.ts";
import type {
  BatchCheckpoint,
  BatchRetry,
  BatchSave,
  BatchState,
} from "../../src/batch/run_batch_types.ts";

/**
 * Moves `clock` from timer to timer until `work` is over; fails when nothing can happen any more.
 */
export async function play<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  for (let idle = 0; !isOver;) {
    await new Promise<void>((resolve) => nextTurn(resolve));
    if (isOver) break;
    idle = clock.fireNext() ? 0 : idle + 1;
    if (idle > 100) throw new Error("Cannot go on: nothing is due and the work is not over");
  }
  return await work;
}

/** A store in memory, whose saves are one transaction each. */
export class MemoryCheckpoint<T, R> implements BatchCheckpoint<T, R> {
  state: BatchState | null = null;
  /** How often each item's result was kept. */
  readonly kept = new Map<number, number>();
  readonly dead: number[] = [];
  saves = 0;
  /** Called before a save; what it throws fails it. */
  before: () => void | Promise<void> = () => {};

  load(): Promise<BatchState | null> {
    return Promise.resolve(this.state);
  }

  async save(save: BatchSave<T, R>): Promise<void> {
    await this.before();
    // As through a disk.
    this.state = JSON.parse(JSON.stringify({ done: save.done, report: save.report }));
    for (const { index } of save.results) this.kept.set(index, (this.kept.get(index) ?? 0) + 1);
    for (const { index } of save.dead) this.dead.push(index);
    this.saves++;
  }
}

/**
 * Tries `attempts` times, with a pause of 100 ms and no budget. Errors called `permanent` or `limited`
 * are that.
 */
export function plainRetry(attempts = 3, refusals = 100): BatchRetry {
  return {
    policy: new RetryPolicy({
      attemptsMax: attempts,
      refusalsMax: refusals,
      minMs: 100,
      maxMs: 100,
    }),
    budget: null,
    classify: (error) => {
      const name = error instanceof Error ? error.message : "";
      return { failure: name === "permanent" || name === "limited" ? name : "transient" };
    },
  };
}

/** The numbers 0 to n - 1. */
export const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
