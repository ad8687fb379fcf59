/**
 * The simulator: a whole tree under a virtual clock and a scheduler that picks who runs next by
 * seed. One seed = one interleaving = one history; run it again and the same happens.
 *
 * The supervisors, mailboxes and actors are the production classes. Threads run inline. Faults can
 * be planned by hand (`kill`) or by chance (`faults`).
 *
 * @module
 */

import { ActorNode } from "./actor_node.ts";
import { nextTurn, type Random, seededRandom, VirtualClock } from "./clock.ts";
import type { FaultHooks } from "./node.ts";
import type { Runnable, Scheduler } from "./scheduler.ts";
import { createSystem, type System, type SystemOptions } from "./system.ts";

/** Runs one message of one actor at a time, picked at random by seed. */
export class SeededScheduler implements Scheduler {
  readonly #random: Random;
  readonly #clock: VirtualClock;
  readonly #units: Runnable[] = [];
  /** Steps taken. */
  steps = 0;

  /** `random` picks who runs next; `clock` says when it is. */
  constructor(random: Random, clock: VirtualClock) {
    this.#random = random;
    this.#clock = clock;
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  wake(): void {}
  sawTime(_nowMs: number): void {}

  schedule(unit: Runnable): void {
    if (unit.scheduled) return;
    unit.scheduled = true;
    this.#units.push(unit);
  }

  dispose(): void {
    for (const unit of this.#units.splice(0)) unit.scheduled = false;
  }

  /** Whether anything could run. */
  get idle(): boolean {
    return this.#units.length === 0;
  }

  /** Runs one message of a random unit; false when there is none. */
  step(): boolean {
    const units = this.#units;
    if (units.length === 0) return false;
    const at = units.length === 1 ? 0 : Math.floor(this.#random.next() * units.length);
    const unit = units[at] as Runnable;
    const last = units.pop() as Runnable;
    if (at < units.length) units[at] = last;
    unit.scheduled = false;
    unit.runSlice(1, Infinity);
    if (unit.ready) this.schedule(unit);
    this.steps++;
    return true;
  }
}

/** Between the arrivals of two messages that were held up. */
const ARRIVALS_APART_MS = 0.001;

/** Chances of faults, each per occasion, 0 to 1. They may be changed while the tree runs. */
export interface FaultChances {
  /** An actor crashes on a message. */
  readonly crash?: number;
  /** An init fails. */
  readonly failInit?: number;
  /** A message is lost on its way. */
  readonly drop?: number;
  /** A message is held up. */
  readonly delay?: number;
  /** For at most so many ms; default 100. */
  readonly delayMaxMs?: number;
}

/** Options of a simulation. */
export interface SimulatorOptions {
  /** Decides the interleaving, the faults, and everything the tree asks chance for. */
  readonly seed: number;
  /** The tree; its clock, random, scheduler and faults are the simulator's. */
  readonly system: Omit<
    SystemOptions,
    "clock" | "random" | "scheduler" | "faults" | "inlineThreads"
  >;
  /** Chances of faults, once the tree is up, or hooks of your own; default: no faults. */
  readonly faults?: FaultChances | FaultHooks;
}

/** Steps without an end in sight: a tree whose actors keep each other busy never gets idle. */
export const STEPS_MAX = 10_000_000;

/** A tree in virtual time. */
export class Simulator {
  /** Time of the tree; moves only when the simulator moves it. */
  readonly clock: VirtualClock;
  /** Who runs next; `steps` counts the messages so far. */
  readonly scheduler: SeededScheduler;
  /** The tree under test. */
  readonly system: System;

  /**
   * Makes the tree and begins its start, which asynchronous inits finish later.
   *
   * @throws {StartFailed} when a first init fails synchronously.
   */
  constructor(options: SimulatorOptions) {
    const random = seededRandom(options.seed);
    this.clock = new VirtualClock();
    this.scheduler = new SeededScheduler(random, this.clock);
    this.system = createSystem({
      ...options.system,
      clock: this.clock,
      random,
      scheduler: this.scheduler,
      inlineThreads: true,
      ...(options.faults === undefined
        ? {}
        : { faults: hooksOf(options.faults, random, this.clock, () => this.#isUp) }),
    });
  }

  /** Faults by chance begin once the tree is up: one that cannot even start shows nothing. */
  get #isUp(): boolean {
    // Asked during the construction of the system, too.
    const system = this.system as System | undefined;
    return system !== undefined && system.root.state !== "starting";
  }

  /**
   * Runs until nothing can run without time passing. For trees whose handlers are synchronous.
   *
   * @throws {RangeError} after {@linkcode STEPS_MAX} steps.
   */
  runSync(): void {
    for (let left = STEPS_MAX; this.scheduler.step(); left--) {
      if (left === 0) throw new RangeError(`Cannot get idle: expected at most ${STEPS_MAX} steps`);
    }
  }

  /** As `runSync`, for trees whose handlers return promises: lets them come back in between. */
  async run(): Promise<void> {
    do {
      this.runSync();
      // However long a chain of promises is, it is over by the next turn of the event loop.
      await new Promise<void>((resolve) => nextTurn(resolve));
    } while (!this.scheduler.idle);
  }

  /** Lets `ms` pass, running everything that falls due, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await this.run();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      await this.run();
    }
    this.clock.advance(untilMs - this.clock.now());
  }

  /** As `advance`, for trees whose handlers are synchronous. */
  advanceSync(ms: number): void {
    const untilMs = this.clock.now() + ms;
    this.runSync();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      this.runSync();
    }
    this.clock.advance(untilMs - this.clock.now());
  }

  /** Ends a running actor as if it had crashed, or stopped by itself, just now. */
  kill(
    path: string,
    reason: "normal" | "shutdown" | "crash" = "crash",
    error: unknown = new Error("killed by the simulator"),
  ): void {
    const node = this.system.nodeAt(path);
    if (!(node instanceof ActorNode)) {
      throw new TypeError(`Cannot kill ${path}: expected the path of an actor`);
    }
    node.inject(reason, reason === "crash" ? error : null);
  }
}

function hooksOf(
  faults: FaultChances | FaultHooks,
  random: Random,
  clock: VirtualClock,
  isUp: () => boolean,
): FaultHooks {
  if ("beforeInit" in faults) return faults;
  const arrivals = new Map<string, number>();
  const happens = (chance: number | undefined) => chance !== undefined && random.next() < chance;
  return {
    beforeInit(path, incarnation) {
      if (incarnation > 1 && isUp() && happens(faults.failInit)) {
        throw new Error(`init of ${path} failed by chance`);
      }
    },
    beforeHandle(path, type) {
      if (isUp() && happens(faults.crash)) throw new Error(`${path} crashed by chance on ${type}`);
    },
    onTheWay(path) {
      if (!isUp()) return 0;
      if (happens(faults.drop)) return -1;
      // What is held up holds up what comes after it: order between two actors is guaranteed.
      const nowMs = clock.now();
      const delayMaxMs = faults.delayMaxMs ?? 100;
      const held = happens(faults.delay) ? nowMs + 1 + random.next() * (delayMaxMs - 1) : nowMs;
      const lastMs = arrivals.get(path) ?? -Infinity;
      // Apart, so that neither rounding nor a send at the very moment of an arrival turns them round.
      const arrivesMs = lastMs < nowMs ? held : Math.max(held, lastMs + ARRIVALS_APART_MS);
      if (arrivesMs > nowMs) arrivals.set(path, arrivesMs);
      return arrivesMs - nowMs;
    },
  };
}
