/**
 * An oracle of OTP supervision: what `supervisor` of Erlang/OTP 25 does to a tree, in integers.
 *
 * A supervisor remembers, for each child of its specification, a *slot*: the incarnation that it
 * believes to be alive, or that the child is not running, or that a failed start will be tried
 * again, or that the child was removed for good. It handles its inbox first in, first out. The
 * inbox holds exits of children and its own requests to try a failed start again.
 *
 * An exit whose incarnation is no longer in the slot is absorbed: the supervisor stopped that
 * incarnation itself. Otherwise:
 *
 * - permanent: restart; transient: restart after a crash; else the slot is emptied, and a temporary
 *   child is removed
 * - every restart is counted first, also one that tries a failed start again. More than `intensity`
 *   at times ≥ now − period and the supervisor gives up: it stops its children in reverse start
 *   order and exits with reason `shutdown`, which its own supervisor handles like any exit
 * - one_for_one starts the child. one_for_all stops all children, and rest_for_one those started
 *   after the child, in reverse order, removing temporary ones; then it starts those that are left,
 *   in order, *also transient ones that had ended normally*
 * - a start that fails at a restart leaves running what was started, marks the child, and queues a
 *   request at the end of the inbox; the request is void unless the child is still marked when its
 *   turn comes
 * - a supervisor starts all children of its specification with an empty window; when one fails, it
 *   stops those it started, and its own start has failed
 *
 * Only one inbox holds anything at a time, because a step touches children of one supervisor, what
 * it does to its subtree is synchronous, and giving up empties its inbox before its supervisor
 * hears of it. So one inbox serves the whole tree.
 *
 * @module
 */

import { Outcome } from "./outcome.ts";
import {
  BURST_MAX,
  INTENSITY_MAX,
  NodeKind,
  NODES_MAX,
  Reason,
  Restart,
  type Schedule,
  StepKind,
  Strategy,
} from "./schedule.ts";

/**
 * What restarts are counted over: the whole supervisor, as in OTP, or each child by itself. A
 * child's window then counts the restarts that this child was the cause of, not those it shared
 * as a sibling, and lasts as long as the supervisor's incarnation.
 */
export type IntensityScope = "supervisor" | "child";

/** Slots that hold no incarnation; incarnations count from 1. */
const Slot = { idle: 0, restarting: -1, removed: -2 } as const;

/** Places of a restart window; a power of two, at least one more than the largest intensity. */
const WINDOW_PLACES = 64;
const WINDOW_MASK = WINDOW_PLACES - 1;

/**
 * Places of the inbox; a power of two. It starts with one burst, and every event handled adds at
 * most one request.
 */
const INBOX_PLACES = 8;
const INBOX_MASK = INBOX_PLACES - 1;

/** Inbox events: incarnation << 8 | node << 4 | what, where what is a Reason or this. */
const TRY_AGAIN = 3;

if (INTENSITY_MAX >= WINDOW_PLACES || BURST_MAX > INBOX_PLACES) {
  throw new RangeError("Cannot build the oracle: expected the bounds of schedule.ts to fit");
}

/**
 * Runs schedules against the model. Reusable; nothing allocates after the constructor.
 *
 * - a root that gave up stays dead: later steps change nothing
 * - the same schedule gives the same outcome
 */
export class Oracle {
  /** Restarts granted in the last schedule: exits and failed starts that were answered by one. */
  granted = 0;
  readonly #perChild: boolean;
  #schedule!: Schedule; // Set by `run` before anything reads it.
  #outcome!: Outcome; // As above.
  #nowMs = 0;
  readonly #slot = new Int32Array(NODES_MAX);
  readonly #failuresLeft = new Int32Array(NODES_MAX);
  readonly #windowMs = new Int32Array(NODES_MAX * WINDOW_PLACES);
  readonly #windowHead = new Int32Array(NODES_MAX);
  readonly #windowCount = new Int32Array(NODES_MAX);
  readonly #inbox = new Int32Array(INBOX_PLACES);
  #inboxHead = 0;
  #inboxTail = 0;

  constructor(scope: IntensityScope) {
    this.#perChild = scope === "child";
  }

  /** Runs a schedule and records what happens. O(steps × nodes) at worst. */
  run(schedule: Schedule, outcome: Outcome): Outcome {
    this.#schedule = schedule;
    this.#outcome = outcome;
    this.#nowMs = 0;
    this.granted = 0;
    this.#failuresLeft.fill(0);
    outcome.begin(schedule.nodeCount);
    this.#start(0);
    outcome.endRow();
    for (let step = 0; step < schedule.stepCount; step++) {
      if (outcome.isAlive(0)) this.#step(step);
      outcome.endRow();
    }
    return outcome;
  }

  #step(step: number): void {
    const schedule = this.#schedule;
    const node = schedule.stepNode[step] as number;
    const arg = schedule.stepArg[step] as number;
    switch (schedule.stepKind[step]) {
      case StepKind.exit:
        this.#exit(node, arg);
        this.#handle(schedule.parent[node] as number);
        break;
      case StepKind.failInit:
        this.#failuresLeft[node] = arg;
        break;
      case StepKind.advance:
        this.#nowMs += arg;
        break;
      case StepKind.burst: {
        const to = arg + (schedule.burstCount[step] as number);
        for (let i = arg; i < to; i++) {
          this.#exit(schedule.burstNode[i] as number, schedule.burstReason[i] as number);
        }
        this.#handle(node);
        break;
      }
    }
  }

  /** A worker exits by itself; its supervisor has not handled it yet. */
  #exit(worker: number, reason: number): void {
    if (!this.#outcome.isAlive(worker)) return;
    this.#outcome.ended(worker);
    this.#post(this.#outcome.startsOf(worker) << 8 | worker << 4 | reason);
  }

  #post(event: number): void {
    this.#inbox[this.#inboxTail++ & INBOX_MASK] = event;
  }

  /** The supervisor handles its inbox, and as often as one gives up, its supervisor its exit. */
  #handle(supervisor: number): void {
    while (!this.#drain(supervisor)) {
      this.#inboxHead = this.#inboxTail = 0;
      this.#outcome.gaveUp(supervisor);
      this.#stopChildren(supervisor, this.#schedule.childFrom[supervisor] as number);
      this.#outcome.ended(supervisor);
      const incarnation = this.#outcome.startsOf(supervisor);
      const above = this.#schedule.parent[supervisor] as number;
      if (above < 0) return;
      this.#post(incarnation << 8 | supervisor << 4 | Reason.shutdown);
      supervisor = above;
    }
  }

  /** Handles the inbox until it is empty; false when the supervisor gives up. */
  #drain(supervisor: number): boolean {
    while (this.#inboxHead !== this.#inboxTail) {
      const event = this.#inbox[this.#inboxHead++ & INBOX_MASK] as number;
      const child = event >> 4 & 15;
      const what = event & 15;
      if (what === TRY_AGAIN) {
        if (this.#slot[child] !== Slot.restarting) continue;
      } else {
        if (this.#slot[child] !== event >> 8) continue;
        if (!this.#isRestarted(child, what)) {
          this.#empty(child);
          continue;
        }
      }
      if (!this.#count(supervisor, child)) return false;
      this.granted++;
      this.#restart(supervisor, child);
    }
    return true;
  }

  #isRestarted(child: number, reason: number): boolean {
    const type = this.#schedule.restart[child];
    return type === Restart.permanent || (type === Restart.transient && reason === Reason.crash);
  }

  /** The child does not run any more; a temporary one never will. */
  #empty(child: number): void {
    const gone = this.#schedule.restart[child] === Restart.temporary;
    this.#slot[child] = gone ? Slot.removed : Slot.idle;
  }

  /** Counts a restart caused by a child now; false when there are too many within the period. */
  #count(supervisor: number, child: number): boolean {
    const owner = this.#perChild ? child : supervisor;
    const base = owner * WINDOW_PLACES;
    const oldestMs = this.#nowMs - (this.#schedule.periodMs[supervisor] as number);
    let head = this.#windowHead[owner] as number;
    let count = this.#windowCount[owner] as number;
    while (count > 0 && (this.#windowMs[base + (head & WINDOW_MASK)] as number) < oldestMs) {
      head++;
      count--;
    }
    this.#windowMs[base + (head + count & WINDOW_MASK)] = this.#nowMs;
    this.#windowHead[owner] = head;
    this.#windowCount[owner] = ++count;
    return count <= (this.#schedule.intensity[supervisor] as number);
  }

  #restart(supervisor: number, child: number): void {
    const strategy = this.#schedule.strategy[supervisor];
    if (strategy === Strategy.oneForOne) {
      this.#startOrRetry(child);
      return;
    }
    const from = strategy === Strategy.oneForAll
      ? this.#schedule.childFrom[supervisor] as number
      : child;
    this.#stopChildren(supervisor, from);
    const to = this.#schedule.childTo[supervisor] as number;
    for (let sibling = from; sibling < to; sibling++) {
      if (this.#slot[sibling] !== Slot.removed && !this.#startOrRetry(sibling)) return;
    }
  }

  /** Starts a child in a running supervisor; a failure is tried again after what is queued. */
  #startOrRetry(child: number): boolean {
    if (this.#start(child)) {
      this.#slot[child] = this.#outcome.startsOf(child);
      return true;
    }
    this.#slot[child] = Slot.restarting;
    this.#post(child << 4 | TRY_AGAIN);
    return false;
  }

  /** Stops the children from one on, in reverse start order. */
  #stopChildren(supervisor: number, from: number): void {
    for (let child = (this.#schedule.childTo[supervisor] as number) - 1; child >= from; child--) {
      if (this.#outcome.isAlive(child)) this.#stop(child);
      if (this.#slot[child] !== Slot.removed) this.#empty(child);
    }
  }

  #stop(node: number): void {
    if (this.#schedule.kind[node] === NodeKind.worker) {
      this.#outcome.stopped(node);
      return;
    }
    this.#stopChildren(node, this.#schedule.childFrom[node] as number);
    this.#outcome.ended(node);
  }

  /** Starts a node and what is below it; false when that failed. */
  #start(node: number): boolean {
    const done = this.#schedule.kind[node] === NodeKind.worker
      ? this.#initWorker(node)
      : this.#initSupervisor(node);
    if (done) this.#outcome.started(node);
    else this.#outcome.failed(node);
    return done;
  }

  #initWorker(worker: number): boolean {
    const failuresLeft = this.#failuresLeft[worker] as number;
    if (failuresLeft === 0) return true;
    this.#failuresLeft[worker] = failuresLeft - 1;
    return false;
  }

  #initSupervisor(supervisor: number): boolean {
    const from = this.#schedule.childFrom[supervisor] as number;
    const to = this.#schedule.childTo[supervisor] as number;
    if (!this.#perChild) this.#windowCount[supervisor] = 0;
    for (let child = from; child < to; child++) {
      this.#slot[child] = Slot.idle;
      if (this.#perChild) this.#windowCount[child] = 0;
    }
    for (let child = from; child < to; child++) {
      if (!this.#start(child)) {
        this.#stopChildren(supervisor, from);
        return false;
      }
      this.#slot[child] = this.#outcome.startsOf(child);
    }
    return true;
  }
}
