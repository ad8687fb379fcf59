/**
 * What can be observed while a schedule runs: after the start of the tree (row 0) and after every
 * step, which nodes are alive, how often each was started, how often each supervisor gave up; and
 * in which order nodes were started and stopped in between.
 *
 * @module
 */

import { NODES_MAX, type Schedule } from "./schedule.ts";

/** What the order of events records; see {@linkcode Outcome.events}. */
export const Event = { started: 0, failed: 1, stopped: 2 } as const;

/** Texts of {@linkcode Event}, indexed by its number. */
export const EVENT_NAMES = ["started", "failed", "stopped"] as const;

/**
 * Events that one outcome has room for: 40 steps came to less than 800 in 10^6 generated schedules,
 * and longer schedules seldom outlive their root.
 */
export const EVENTS_MAX = 16_384;

/**
 * The observations of one run. Whoever runs a schedule reports to it what happens and ends each
 * row; nothing allocates after the constructor.
 *
 * - row 0 is the state after the start of the tree, row i + 1 the state after step i
 * - a row is valid once `endRow` was called for it
 * - `begin` makes the same memory ready for the next schedule
 */
export class Outcome {
  /** Rows that were ended. */
  rows = 0;
  nodeCount = 0;
  /** Whether the order of starts and stops was reported; it is compared only then. */
  ordered = true;
  /** Per row, a bit for every node that is alive. */
  readonly alive: Int32Array;
  /** Per row and node (`row * NODES_MAX + node`), successful starts so far. */
  readonly starts: Uint16Array;
  /** Per row and supervisor, how often it gave up so far. */
  readonly giveUps: Uint16Array;
  /**
   * `node << 2 | Event` in the order in which it happened. A supervisor counts as started after
   * its children, a failed start is recorded for the worker and for each supervisor that could not
   * start because of it, and `stopped` means a worker that its supervisor stopped.
   */
  readonly events: Uint8Array = new Uint8Array(EVENTS_MAX);
  /** Per row, how many events there were until its end. */
  readonly eventsTo: Uint16Array;
  #eventCount = 0;

  constructor(stepsMax: number) {
    this.alive = new Int32Array(stepsMax + 2);
    this.starts = new Uint16Array((stepsMax + 2) * NODES_MAX);
    this.giveUps = new Uint16Array((stepsMax + 2) * NODES_MAX);
    this.eventsTo = new Uint16Array(stepsMax + 2);
  }

  /** Forgets everything and expects reports about a tree of so many nodes. */
  begin(nodeCount: number): void {
    this.rows = 0;
    this.nodeCount = nodeCount;
    this.alive[0] = 0;
    this.starts.fill(0, 0, nodeCount);
    this.giveUps.fill(0, 0, nodeCount);
    this.#eventCount = 0;
  }

  /** A node was started; a supervisor, after its children. */
  started(node: number): void {
    const at = this.rows * NODES_MAX + node;
    this.starts[at] = (this.starts[at] as number) + 1;
    this.alive[this.rows] = (this.alive[this.rows] as number) | (1 << node);
    this.events[this.#eventCount++] = node << 2 | Event.started;
  }

  /** A node could not be started. */
  failed(node: number): void {
    this.events[this.#eventCount++] = node << 2 | Event.failed;
  }

  /** A worker was stopped by its supervisor. */
  stopped(node: number): void {
    this.ended(node);
    this.events[this.#eventCount++] = node << 2 | Event.stopped;
  }

  /** A worker exited by itself, or a supervisor ended for whatever reason. */
  ended(node: number): void {
    this.alive[this.rows] = (this.alive[this.rows] as number) & ~(1 << node);
  }

  /** A supervisor gave up. */
  gaveUp(node: number): void {
    const at = this.rows * NODES_MAX + node;
    this.giveUps[at] = (this.giveUps[at] as number) + 1;
  }

  /** Whether a node is alive now. */
  isAlive(node: number): boolean {
    return ((this.alive[this.rows] as number) & (1 << node)) !== 0;
  }

  /** How often a node was started so far; it identifies the node's incarnation. */
  startsOf(node: number): number {
    return this.starts[this.rows * NODES_MAX + node] as number;
  }

  /**
   * The start or the step is over. O(nodes).
   *
   * @throws {RangeError} beyond {@linkcode EVENTS_MAX} events.
   */
  endRow(): void {
    if (this.#eventCount > EVENTS_MAX) {
      throw new RangeError(
        `Cannot record a schedule: expected at most ${EVENTS_MAX} events: ` +
          `current value is ${this.#eventCount}`,
      );
    }
    const row = this.rows++;
    this.eventsTo[row] = this.#eventCount;
    this.alive[row + 1] = this.alive[row] as number;
    const from = row * NODES_MAX;
    for (let i = from; i < from + this.nodeCount; i++) {
      this.starts[i + NODES_MAX] = this.starts[i] as number;
      this.giveUps[i + NODES_MAX] = this.giveUps[i] as number;
    }
  }
}

/** Where two outcomes of one schedule differ first. */
export interface Divergence {
  /** 0 for the start of the tree, i + 1 for step i. */
  readonly row: number;
  readonly what: "rows" | "alive" | "starts" | "giveUps" | "order";
  /** The first node that differs; -1 where `what` is of no single node. */
  readonly node: number;
}

/** The first difference between two outcomes of one schedule, or null. O(rows × nodes). */
export function firstDivergence(a: Outcome, b: Outcome): Divergence | null {
  const rows = Math.min(a.rows, b.rows);
  const ordered = a.ordered && b.ordered;
  for (let row = 0; row < rows; row++) {
    const differing = (a.alive[row] as number) ^ (b.alive[row] as number);
    if (differing !== 0) {
      return { row, what: "alive", node: 31 - Math.clz32(differing & -differing) };
    }
    const from = row * NODES_MAX;
    for (let node = 0; node < a.nodeCount; node++) {
      if (a.starts[from + node] !== b.starts[from + node]) return { row, what: "starts", node };
      if (a.giveUps[from + node] !== b.giveUps[from + node]) return { row, what: "giveUps", node };
    }
    if (ordered && !sameEvents(a, b, row)) return { row, what: "order", node: -1 };
  }
  return a.rows === b.rows ? null : { row: rows, what: "rows", node: -1 };
}

function sameEvents(a: Outcome, b: Outcome, row: number): boolean {
  const to = a.eventsTo[row] as number;
  if (to !== b.eventsTo[row]) return false;
  for (let i = row === 0 ? 0 : a.eventsTo[row - 1] as number; i < to; i++) {
    if (a.events[i] !== b.events[i]) return false;
  }
  return true;
}

/** Processes that were started after the tree first stood. */
export function restartsOf(outcome: Outcome): number {
  const last = (outcome.rows - 1) * NODES_MAX;
  let sum = 0;
  for (let node = 0; node < outcome.nodeCount; node++) {
    sum += (outcome.starts[last + node] as number) - (outcome.starts[node] as number);
  }
  return sum;
}

/** How often a supervisor gave up. */
export function escalationsOf(outcome: Outcome): number {
  const last = (outcome.rows - 1) * NODES_MAX;
  let sum = 0;
  for (let node = 0; node < outcome.nodeCount; node++) {
    sum += outcome.giveUps[last + node] as number;
  }
  return sum;
}

/** A new outcome with room for every step of the schedule. */
export function outcomeFor(schedule: Schedule): Outcome {
  return new Outcome(schedule.stepCount);
}
