/**
 * Random schedules from seeds. The weights are chosen so that 40 steps cause many restarts and some
 * escalations, and so that the root seldom gives up before the steps are over.
 *
 * The order in which numbers are drawn is part of the contract: a seed in a bug report must give
 * the same schedule for ever. `tests/actor/otp_oracle_test.ts` holds a checksum of it.
 *
 * @module
 */

import { Prng } from "./prng.ts";
import {
  BURST_MAX,
  emptySchedule,
  NodeKind,
  NODES_MAX,
  Reason,
  Restart,
  type Schedule,
  StepKind,
  STRATEGY_NAMES,
} from "./schedule.ts";

/**
 * How time passes in the schedules:
 *
 * - `virtual`: periods of 0.1 to 10 s, and steps that let 0 to 20 s pass, often exactly a period
 *   or a millisecond more or less
 * - `endless`: periods of an hour and no step that lets time pass, for a real OTP that is not to
 *   wait; otherwise alike
 * - `seconds`: periods of 1 or 2 s, and whole seconds pass, 8 s at most, for a real OTP that does
 *   wait; OTP 25 counts time in whole seconds
 */
export type TimeProfile = "virtual" | "endless" | "seconds";

/** Steps of a schedule unless told otherwise. */
export const STEPS_DEFAULT = 40;

const NODES_WANTED_MAX = 12;
const DEPTH_MAX = 3;
const CHILDREN_MAX = 5;
const ENDLESS_PERIOD_MS = 3_600_000;
const SECONDS_TOTAL_MAX = 8;

/**
 * Fills schedules. Reusable; nothing allocates after the constructor.
 *
 * - the same seed, number of steps and profile give the same schedule
 */
export class ScheduleGenerator {
  readonly #prng = new Prng(0);
  readonly #profile: TimeProfile;
  readonly #steps: number;
  readonly #depth = new Uint8Array(NODES_MAX);
  readonly #workers = new Uint8Array(NODES_MAX);
  #workerCount = 0;
  readonly #pick = new Uint8Array(NODES_MAX);
  #secondsLeft = 0;

  constructor(profile: TimeProfile, steps: number = STEPS_DEFAULT) {
    this.#profile = profile;
    this.#steps = steps;
  }

  /** Overwrites a schedule with the one of a seed (0 ≤ seed < 2^32). */
  fill(schedule: Schedule, seed: number): Schedule {
    this.#prng.reseed(seed);
    this.#secondsLeft = SECONDS_TOTAL_MAX;
    schedule.seed = seed;
    this.#fillTree(schedule);
    schedule.stepCount = this.#steps;
    for (let step = 0; step < this.#steps; step++) this.#fillStep(schedule, step);
    return schedule;
  }

  #fillTree(schedule: Schedule): void {
    const prng = this.#prng;
    const nodesWanted = prng.between(4, NODES_WANTED_MAX);
    const depthDice = prng.below(100);
    const depthWanted = depthDice < 15 ? 1 : depthDice < 50 ? 2 : DEPTH_MAX;
    this.#workerCount = 0;
    this.#fillNode(schedule, 0, -1, NodeKind.supervisor);
    let count = 1;
    let childless = 1;
    for (let node = 0; node < count; node++) {
      schedule.childFrom[node] = schedule.childTo[node] = count;
      if (schedule.kind[node] === NodeKind.worker) continue;
      childless--;
      const room = Math.min(CHILDREN_MAX, nodesWanted - count - childless);
      const children = Math.max(1, prng.between(node === 0 ? Math.min(2, room) : 1, room));
      for (let left = children; left > 0; left--) {
        const deep = this.#depth[node] as number + 1 >= depthWanted;
        // Another supervisor needs a child, as do those that have none yet.
        const full = count + left + childless + 1 > nodesWanted;
        const nests = !deep && !full && prng.percent(45);
        this.#fillNode(schedule, count++, node, nests ? NodeKind.supervisor : NodeKind.worker);
        if (nests) childless++;
      }
      schedule.childTo[node] = count;
    }
    schedule.nodeCount = count;
  }

  #fillNode(schedule: Schedule, node: number, parent: number, kind: number): void {
    const prng = this.#prng;
    schedule.parent[node] = parent;
    schedule.kind[node] = kind;
    this.#depth[node] = parent < 0 ? 0 : (this.#depth[parent] as number) + 1;
    const type = prng.below(100);
    if (kind === NodeKind.worker) {
      this.#workers[this.#workerCount++] = node;
      schedule.restart[node] = restartType(type, 40, 75);
      schedule.strategy[node] = schedule.intensity[node] = schedule.periodMs[node] = 0;
      return;
    }
    schedule.restart[node] = restartType(type, 60, 82);
    schedule.strategy[node] = prng.below(STRATEGY_NAMES.length);
    const rootSeldomGivesUp = parent < 0 && prng.percent(90);
    schedule.intensity[node] = rootSeldomGivesUp ? prng.between(20, 40) : prng.between(0, 3);
    schedule.periodMs[node] = this.#period();
  }

  #period(): number {
    switch (this.#profile) {
      case "virtual":
        return 100 * this.#prng.between(1, 100);
      case "endless":
        return ENDLESS_PERIOD_MS;
      case "seconds":
        return 1_000 * this.#prng.between(1, 2);
    }
  }

  #fillStep(schedule: Schedule, step: number): void {
    const dice = this.#prng.below(100);
    schedule.burstCount[step] = 0;
    if (dice < 24 && this.#fillAdvance(schedule, step)) return;
    if (dice >= 24 && dice < 36) return this.#fillFailInit(schedule, step);
    if (dice >= 36 && dice < 48 && this.#fillBurst(schedule, step)) return;
    schedule.stepKind[step] = StepKind.exit;
    schedule.stepNode[step] = this.#anyWorker();
    schedule.stepArg[step] = this.#reason();
  }

  #fillFailInit(schedule: Schedule, step: number): void {
    schedule.stepKind[step] = StepKind.failInit;
    schedule.stepNode[step] = this.#anyWorker();
    schedule.stepArg[step] = this.#prng.between(1, 3);
  }

  /** False when no time may pass. */
  #fillAdvance(schedule: Schedule, step: number): boolean {
    const prng = this.#prng;
    let ms = 0;
    if (this.#profile === "seconds") {
      ms = 1_000 * Math.min(this.#secondsLeft, prng.between(1, 3));
      this.#secondsLeft -= ms / 1_000;
    } else if (this.#profile === "virtual") {
      const node = schedule.parent[this.#anyWorker()] as number;
      const periodMs = schedule.periodMs[node] as number;
      ms = prng.percent(50) ? periodMs + prng.between(-1, 1) : prng.below(2 * periodMs);
    }
    schedule.stepKind[step] = StepKind.advance;
    schedule.stepNode[step] = 0;
    schedule.stepArg[step] = ms;
    return ms > 0;
  }

  /** Different workers of the supervisor of some worker; false when it has fewer than two. */
  #fillBurst(schedule: Schedule, step: number): boolean {
    const prng = this.#prng;
    const supervisor = schedule.parent[this.#anyWorker()] as number;
    let found = 0;
    for (let i = 0; i < this.#workerCount; i++) {
      const worker = this.#workers[i] as number;
      if (schedule.parent[worker] === supervisor) this.#pick[found++] = worker;
    }
    if (found < 2) return false;
    const count = prng.between(2, Math.min(found, BURST_MAX));
    const at = step * BURST_MAX;
    for (let i = 0; i < count; i++) {
      const j = prng.between(i, found - 1);
      schedule.burstNode[at + i] = this.#pick[j] as number;
      this.#pick[j] = this.#pick[i] as number;
      schedule.burstReason[at + i] = this.#reason();
    }
    schedule.stepKind[step] = StepKind.burst;
    schedule.stepNode[step] = supervisor;
    schedule.stepArg[step] = at;
    schedule.burstCount[step] = count;
    return true;
  }

  #anyWorker(): number {
    return this.#workers[this.#prng.below(this.#workerCount)] as number;
  }

  #reason(): number {
    const dice = this.#prng.below(100);
    return dice < 50 ? Reason.crash : dice < 80 ? Reason.normal : Reason.shutdown;
  }
}

function restartType(dice: number, permanentTo: number, transientTo: number): number {
  if (dice < permanentTo) return Restart.permanent;
  return dice < transientTo ? Restart.transient : Restart.temporary;
}

/** The schedule of one seed in fresh memory. */
export function generateSchedule(
  seed: number,
  profile: TimeProfile,
  steps: number = STEPS_DEFAULT,
): Schedule {
  return new ScheduleGenerator(profile, steps).fill(emptySchedule(steps), seed);
}
