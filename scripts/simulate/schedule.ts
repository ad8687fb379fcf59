/**
 * A schedule: a tree of supervisors and workers, and the steps that happen to it. Everything is a
 * column of integers, so that a simulator can fill and run a million of them without allocating.
 *
 * Nodes are numbered breadth first from the root (0), so the children of one supervisor are the
 * consecutive numbers from `childFrom` to before `childTo`, in start order, and every child has a
 * larger number than its supervisor.
 *
 * @module
 */

/** What a node is. */
export const NodeKind = { worker: 0, supervisor: 1 } as const;

/** When a child is started again after it exited, as in OTP. */
export const Restart = { permanent: 0, transient: 1, temporary: 2 } as const;

/** Which siblings share the restart of a child, as in OTP. */
export const Strategy = { oneForOne: 0, oneForAll: 1, restForOne: 2 } as const;

/** Why a worker exits. Only `crash` is abnormal. */
export const Reason = { normal: 0, shutdown: 1, crash: 2 } as const;

/**
 * What a step does; `stepNode` and `stepArg` mean:
 *
 * - `exit`: worker `node` exits with {@linkcode Reason} `arg`; nothing happens when it is not alive
 * - `failInit`: the next `arg` starts of worker `node` fail; replaces an earlier number
 * - `advance`: `arg` milliseconds pass
 * - `burst`: workers of supervisor `node` exit one after the other before the supervisor handles
 *   the first exit; `arg` is the index of the first of them in `burstNode`, `burstCount` of them
 */
export const StepKind = { exit: 0, failInit: 1, advance: 2, burst: 3 } as const;

/** Texts of {@linkcode Restart}, indexed by its number. */
export const RESTART_NAMES = ["permanent", "transient", "temporary"] as const;
/** Texts of {@linkcode Strategy}, indexed by its number. */
export const STRATEGY_NAMES = ["one_for_one", "one_for_all", "rest_for_one"] as const;
/** Texts of {@linkcode Reason}, indexed by its number. */
export const REASON_NAMES = ["normal", "shutdown", "crash"] as const;

/** Nodes of one tree: a set of nodes fits the bits of a small integer. */
export const NODES_MAX = 16;
/** Exits of one burst: so an inbox is never longer (`oracle.ts`). */
export const BURST_MAX = 4;
/** Restarts that a supervisor may allow within its period: bounds the window's memory. */
export const INTENSITY_MAX = 60;
/** Steps of one schedule. */
export const STEPS_MAX = 1_000;

/** A tree and what happens to it. Columns are longer than the counts when memory is reused. */
export interface Schedule {
  /** The seed it was generated from; 0 when it was written by hand. */
  seed: number;
  nodeCount: number;
  /** Number of the supervisor; -1 for the root. */
  readonly parent: Int8Array;
  /** {@linkcode NodeKind} */
  readonly kind: Uint8Array;
  /** {@linkcode Restart} of the node as a child; the root's means nothing. */
  readonly restart: Uint8Array;
  /** {@linkcode Strategy}; of supervisors only, like the four columns that follow. */
  readonly strategy: Uint8Array;
  /** Restarts allowed within the period; one more and the supervisor gives up. */
  readonly intensity: Uint8Array;
  readonly periodMs: Int32Array;
  readonly childFrom: Uint8Array;
  readonly childTo: Uint8Array;

  stepCount: number;
  /** {@linkcode StepKind} */
  readonly stepKind: Uint8Array;
  readonly stepNode: Uint8Array;
  readonly stepArg: Int32Array;
  readonly burstCount: Uint8Array;
  readonly burstNode: Uint8Array;
  /** {@linkcode Reason} */
  readonly burstReason: Uint8Array;
}

/** A schedule without nodes and steps, with memory for `stepsMax` steps. */
export function emptySchedule(stepsMax: number): Schedule {
  if (!(stepsMax >= 0 && stepsMax <= STEPS_MAX)) {
    throw new RangeError(
      `Cannot create a schedule: expected 0 to ${STEPS_MAX} steps: current value is ${stepsMax}`,
    );
  }
  return {
    seed: 0,
    nodeCount: 0,
    parent: new Int8Array(NODES_MAX),
    kind: new Uint8Array(NODES_MAX),
    restart: new Uint8Array(NODES_MAX),
    strategy: new Uint8Array(NODES_MAX),
    intensity: new Uint8Array(NODES_MAX),
    periodMs: new Int32Array(NODES_MAX),
    childFrom: new Uint8Array(NODES_MAX),
    childTo: new Uint8Array(NODES_MAX),
    stepCount: 0,
    stepKind: new Uint8Array(stepsMax),
    stepNode: new Uint8Array(stepsMax),
    stepArg: new Int32Array(stepsMax),
    burstCount: new Uint8Array(stepsMax),
    burstNode: new Uint8Array(stepsMax * BURST_MAX),
    burstReason: new Uint8Array(stepsMax * BURST_MAX),
  };
}
