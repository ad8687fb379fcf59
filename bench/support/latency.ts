/**
 * How long one message waits while another actor, or its own queue, keeps the isolate busy.
 *
 * Probes leave at times fixed beforehand, not when the one before came back: a runtime that keeps
 * timers from firing would otherwise be probed only when it is free (coordinated omission). Both
 * waits are reported: from the moment of sending, and from the moment at which it was due.
 *
 * @module
 */

import { z } from "zod";
import { actor, createSystem, protocol, type Ref } from "../../src/actor/mod.ts";
import { verifyAccount } from "../rivals/wick.ts";
import { answerer } from "../threads/answer_actor.ts";
import { percentileOf } from "./figures.ts";
import { verify } from "./workload.ts";

/** Time that each message of the saturated actor takes. */
export const HANDLER_MS = 0.02;
const PROBE_EVERY_MS = 5;
/** Probes are moved by up to this much, so that they do not fall in step with the scheduler. */
const PROBE_JITTER_MS = 3;

/** Waits of one round of probes, p99 in ms. */
export interface Waits {
  readonly sentP99Ms: number;
  readonly dueP99Ms: number;
  /** Messages that the saturated actor handled, and what they took of the round: 1 = all of it. */
  readonly handled: number;
  readonly busyShare: number;
}

const Busy = protocol("busy", {
  work: { payload: z.strictObject({}) },
  control: {
    payload: z.strictObject({ dueMs: z.number(), sentMs: z.number() }),
    priority: "urgent",
  },
});

interface BusyArgs {
  /** Shared with the bench: what goes on and what came out. */
  readonly load: { on: boolean; works: number; sentMs: number[]; dueMs: number[] };
}

/** Works for {@linkcode HANDLER_MS} a message and puts a new one behind the others for each. */
const busy = actor(Busy, (ctx, { load }: BusyArgs) => ({
  work: () => {
    const untilMs = performance.now() + HANDLER_MS;
    while (performance.now() < untilMs);
    load.works++;
    if (load.on) ctx.self.tell("work", {});
  },
  control: ({ dueMs, sentMs }) => {
    const nowMs = performance.now();
    load.sentMs.push(nowMs - sentMs);
    load.dueMs.push(nowMs - dueMs);
  },
}));

/** Calls `probe` `count` times at times of its own; resolves after the last. */
function atDueTimes(count: number, probe: (dueMs: number, i: number) => void): Promise<void> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    let i = 0;
    const next = () => {
      const dueMs = startMs + (i + 1) * PROBE_EVERY_MS + Math.random() * PROBE_JITTER_MS;
      setTimeout(() => {
        probe(dueMs, i);
        if (++i === count) resolve();
        else next();
      }, Math.max(0, dueMs - performance.now()));
    };
    next();
  });
}

const waitsOf = (sentMs: number[], dueMs: number[], works: number, tookMs: number): Waits => ({
  sentP99Ms: percentileOf(sentMs, 0.99),
  dueP99Ms: percentileOf(dueMs, 0.99),
  handled: works,
  busyShare: works * HANDLER_MS / tookMs,
});

/** Asks an idle actor while its neighbour always has work; `queued` = 0 leaves the neighbour idle. */
export async function probeBesideBusy(probes: number, queued: number): Promise<Waits> {
  await using system = createSystem({ name: "bench" });
  const load = { on: true, works: 0, sentMs: [] as number[], dueMs: [] as number[] };
  const busyRef = system.spawn(busy, { name: "busy", args: { load } });
  const idle = system.spawn(answerer, { name: "idle", args: {} });
  const startMs = performance.now();
  for (let i = 0; i < queued; i++) busyRef.tell("work", {});
  const replies: Promise<void>[] = [];
  await atDueTimes(probes, (dueMs, i) => {
    const sentMs = performance.now();
    replies.push(
      idle.ask("next", { n: i }).then((reply) => {
        const nowMs = performance.now();
        verify("reply", reply, i + 1);
        load.sentMs.push(nowMs - sentMs);
        load.dueMs.push(nowMs - dueMs);
      }),
    );
  });
  await Promise.all(replies);
  const tookMs = performance.now() - startMs;
  const works = load.works;
  load.on = false;
  await drained(() => load.works, queued);
  verify("probes answered", load.sentMs.length, probes);
  verifyAccount(system, load.works + probes);
  return waitsOf(load.sentMs, load.dueMs, works, tookMs);
}

const Controller = protocol("controller", {
  send: { payload: z.strictObject({ dueMs: z.number() }) },
});

interface ControllerArgs {
  readonly busy: Ref<typeof Busy.definition>;
}

const controller = actor(Controller, (_ctx, args: ControllerArgs) => ({
  send: ({ dueMs }) => {
    args.busy.tell("control", { dueMs, sentMs: performance.now() });
  },
}));

/**
 * Sends urgent messages to an actor that never has fewer than `queued` messages waiting, half of
 * them from a timer and half from another actor, in the midst of its turn.
 */
export async function controlBehind(probes: number, queued: number): Promise<Waits> {
  await using system = createSystem({ name: "bench" });
  const load = { on: true, works: 0, sentMs: [] as number[], dueMs: [] as number[] };
  const ref = system.spawn(busy, {
    name: "busy",
    args: { load },
    // The one bound that is raised for a bench: the default of 8,192 could not hold the queue.
    mailbox: { bound: 32_768 },
  });
  const other = system.spawn(controller, { name: "controller", args: { busy: ref } });
  const startMs = performance.now();
  // One more is under way at any time.
  for (let i = 0; i <= queued; i++) {
    verify("taken in", Number(ref.tell("work", {}) === "accepted"), 1);
  }
  let fewest = Infinity, fromOther = 0;
  await atDueTimes(probes, (dueMs, i) => {
    const depth = system.tree().children.find((node) => node.name === "busy")?.mailbox?.depth ?? 0;
    fewest = Math.min(fewest, depth);
    if (i % 2 === 0) return void ref.tell("control", { dueMs, sentMs: performance.now() });
    fromOther++;
    other.tell("send", { dueMs });
  });
  while (load.sentMs.length < probes) await new Promise((resolve) => setTimeout(resolve));
  const tookMs = performance.now() - startMs;
  const works = load.works;
  load.on = false;
  await drained(() => load.works, queued + 1);
  verify("fewest messages queued at a probe", Math.min(fewest, queued), queued);
  verifyAccount(system, load.works + probes + fromOther);
  return waitsOf(load.sentMs, load.dueMs, works, tookMs);
}

/** Waits until the last `queued` messages are handled, which put nothing behind them any more. */
async function drained(works: () => number, queued: number): Promise<void> {
  const target = works() + queued;
  while (works() < target) await new Promise((resolve) => setTimeout(resolve, 1));
}
