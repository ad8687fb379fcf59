/**
 * Runs schedules on Wick itself: the production supervisors, mailboxes and actors under a virtual
 * clock and a scheduler that picks by seed. Beside the supervision, messages are told to the workers
 * all along, and what became of them is checked.
 *
 * @module
 */

import { z } from "zod";
import { ActorNode } from "../../src/actor/actor_node.ts";
import {
  actor,
  child,
  type ChildSpec,
  type LifeEvent,
  protocol,
  Simulator,
  type SupervisorSpec,
} from "../../src/actor/mod.ts";
import type { Node } from "../../src/actor/node.ts";
import type { IntensityScope } from "./oracle.ts";
import { Outcome } from "./outcome.ts";
import { Prng } from "./prng.ts";
import {
  BURST_MAX,
  NodeKind,
  NODES_MAX,
  REASON_NAMES,
  RESTART_NAMES,
  type Schedule,
  StepKind,
  STRATEGY_NAMES,
} from "./schedule.ts";
import { formatStep } from "./text.ts";

const Work = protocol("work", {
  work: { payload: z.strictObject({ order: z.number() }) },
});

/** Messages told to a random worker in each step. */
const TELLS_PER_STEP = 2;
/** Small, so that workers that are down overflow now and then. */
const MAILBOX_BOUND = 16;
const NAMES = Array.from({ length: NODES_MAX }, (_, i) => `n${i}`);
const NUMBER_OF = new Map(NAMES.map((name, i) => [name, i]));

/** What the messages of one schedule came to. */
export interface MessageTally {
  told: number;
  handled: number;
  deadLettered: number;
}

/**
 * Runs one schedule after the other.
 *
 * - everything a run does follows from the schedule, its seed included
 */
export class Runner {
  /** Messages of the last schedule. */
  readonly tally: MessageTally = { told: 0, handled: 0, deadLettered: 0 };
  /** What was wrong with the messages of the last schedule; null = nothing. */
  violation: string | null = null;
  /** Told in words of everything that happens, in its order; null = nobody wants to know. */
  record: ((line: string) => void) | null = null;
  readonly #scope: IntensityScope;
  readonly #failInits = new Int32Array(NODES_MAX);
  readonly #lastOrder = new Int32Array(NODES_MAX);
  readonly #nodes: Node[] = [];
  readonly #prng = new Prng(0);
  #outcome: Outcome;
  readonly #worker = actor(Work, (_ctx, node: number) => {
    const left = this.#failInits[node] as number;
    if (left > 0) {
      this.#failInits[node] = left - 1;
      throw INIT_FAILS;
    }
    return { work: ({ order }) => this.#work(node, order) };
  });

  constructor(scope: IntensityScope) {
    this.#scope = scope;
    this.#outcome = new Outcome(0);
  }

  /** Runs `schedule` and reports to `outcome`, which it returns. */
  run(schedule: Schedule, outcome: Outcome): Outcome {
    this.#outcome = outcome;
    this.#failInits.fill(0);
    this.#lastOrder.fill(0);
    this.#nodes.length = 0;
    this.violation = null;
    this.tally.told = this.tally.handled = this.tally.deadLettered = 0;
    this.#prng.reseed(schedule.seed ^ 0x5eed);
    outcome.begin(schedule.nodeCount);
    const simulator = new Simulator({
      seed: schedule.seed,
      system: {
        ...this.#supervisor(schedule, 0),
        deadLetters: { keepMax: 0 },
        log: null,
        lifecycle: (node, event) => this.#lived(node, event),
      },
    });
    simulator.runSync();
    outcome.endRow();
    this.#findNodes(schedule, simulator);
    if (this.record !== null) this.#recordDeaths(simulator);
    for (let step = 0; step < schedule.stepCount; step++) {
      this.#tell(schedule);
      this.record?.(`step ${step + 1}: ${formatStep(schedule, step)}`);
      this.#step(schedule, step, simulator);
      outcome.endRow();
    }
    this.record?.("the system stops");
    void simulator.system.stop();
    this.#checkMessages(simulator);
    return outcome;
  }

  #supervisor(schedule: Schedule, node: number): SupervisorSpec {
    const children: ChildSpec[] = [];
    const to = schedule.childTo[node] as number;
    for (let part = schedule.childFrom[node] as number; part < to; part++) {
      const restart = RESTART_NAMES[schedule.restart[part] as 0];
      const name = NAMES[part] as string;
      children.push(
        schedule.kind[part] === NodeKind.worker
          ? child(this.#worker, { name, restart, args: part, mailbox: MAILBOX })
          : { ...this.#supervisor(schedule, part), restart },
      );
    }
    return {
      name: NAMES[node] as string,
      strategy: STRATEGY_NAMES[schedule.strategy[node] as 0],
      intensity: schedule.intensity[node] as number,
      periodMs: schedule.periodMs[node] as number,
      intensityScope: this.#scope,
      children,
    };
  }

  #findNodes(schedule: Schedule, { system }: Simulator): void {
    const paths: string[] = [];
    for (let node = 0; node < schedule.nodeCount; node++) {
      const parent = schedule.parent[node] as number;
      paths[node] = `${parent < 0 ? "" : paths[parent]}/${NAMES[node]}`;
      this.#nodes[node] = system.nodeAt(paths[node] as string) as Node;
    }
  }

  #lived(node: Node, event: LifeEvent): void {
    const number = NUMBER_OF.get(node.name) as number;
    const outcome = this.#outcome;
    this.record?.(`  ${node.name} ${event}`);
    switch (event) {
      case "started":
        return outcome.started(number);
      case "failed":
        return outcome.failed(number);
      case "gaveUp":
        return outcome.gaveUp(number);
      case "stopped":
        return node instanceof ActorNode ? outcome.stopped(number) : outcome.ended(number);
      case "exited":
        return outcome.ended(number);
    }
  }

  #step(schedule: Schedule, step: number, simulator: Simulator): void {
    const node = schedule.stepNode[step] as number;
    const arg = schedule.stepArg[step] as number;
    switch (schedule.stepKind[step]) {
      case StepKind.exit:
        this.#exit(node, arg);
        break;
      case StepKind.failInit:
        this.#failInits[node] = arg;
        break;
      case StepKind.advance:
        simulator.clock.advance(arg);
        break;
      case StepKind.burst:
        for (let i = 0; i < (schedule.burstCount[step] as number); i++) {
          const at = step * BURST_MAX + i;
          this.#exit(schedule.burstNode[at] as number, schedule.burstReason[at] as number);
        }
    }
    simulator.runSync();
  }

  #exit(node: number, reason: number): void {
    const name = REASON_NAMES[reason] as "normal" | "shutdown" | "crash";
    (this.#nodes[node] as ActorNode).inject(name, name === "crash" ? CRASH : null);
  }

  // ---- messages -----------------------------------------------------------------------------------

  #tell(schedule: Schedule): void {
    for (let i = 0; i < TELLS_PER_STEP; i++) {
      const node = this.#nodes[this.#prng.below(schedule.nodeCount)];
      if (!(node instanceof ActorNode)) continue;
      const entry = Work.entries.work;
      const order = ++this.tally.told;
      const result = node.deliver(entry, { order }, entry.lane, null, 0);
      this.record?.(`told ${node.name} message ${order}: ${result}`);
    }
  }

  #work(node: number, order: number): void {
    this.tally.handled++;
    this.record?.(`  n${node} handles message ${order}`);
    if (order <= (this.#lastOrder[node] as number)) {
      this.violation ??= `n${node} handled message ${order} after ${this.#lastOrder[node]}`;
    }
    this.#lastOrder[node] = order;
  }

  #recordDeaths({ system }: Simulator): void {
    system.deadLetters.subscribe(({ path, payload, reason }) => {
      const { order } = payload as { order: number };
      this.record?.(
        `  ${path.slice(path.lastIndexOf("/") + 1)} buries message ${order}: ${reason}`,
      );
    });
  }

  /** After the stop nothing may be queued, and every message told must be accounted for once. */
  #checkMessages({ system }: Simulator): void {
    const counts = system.counts();
    this.tally.deadLettered = system.deadLetters.total;
    const { told, handled, deadLettered } = this.tally;
    if (
      counts.sent === told && counts.handled === handled && counts.queued === 0 &&
      counts.deadLettered === deadLettered && told === handled + deadLettered
    ) return;
    this.violation ??= `told ${told}, handled ${handled}, dead letters ${deadLettered}; ` +
      `the system says ${JSON.stringify(counts)}`;
  }
}

const MAILBOX = { bound: MAILBOX_BOUND } as const;
const CRASH = new Error("crash");
const INIT_FAILS = new Error("init fails");
