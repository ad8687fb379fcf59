// sent = handled + queued + deadLettered + superseded, per path and over all, after every step of
// random schedules.
import { z } from "zod";
import {
  actor,
  child,
  type Deferred,
  protocol,
  type Random,
  seededRandom,
  type Strategy,
} from "../../src/actor/mod.ts";
import { MailboxNode } from "../../src/actor/mailbox_node.ts";
import type { MailboxOptions } from "../../src/actor/mailbox.ts";
import { assertEquals } from "@std/assert";
import { seedOf } from "./seed.ts";
import { assertBalanced, Harness, turn } from "./support.ts";

const Chaos = protocol("chaos", {
  plain: { payload: z.number(), reply: z.number() },
  wait: { payload: z.number(), reply: z.number() },
  defer: { payload: z.number(), reply: z.number() },
  release: { payload: z.number(), priority: "urgent" },
  stash: { payload: z.number(), reply: z.number() },
  unstash: { payload: z.number() },
  crash: { payload: z.number(), reply: z.number() },
  reject: { payload: z.number(), reply: z.number() },
  leave: { payload: z.number() },
  timer: { payload: z.number() },
  forward: { payload: z.number() },
});
type Type = keyof typeof Chaos.definition & string;
const TYPES = Object.keys(Chaos.definition) as Type[];

/** An actor that does everything an actor can do, when it is told to. */
function chaos(harness: () => Harness, gates: PromiseWithResolvers<void>[]) {
  return actor(Chaos, (ctx) => {
    const deferred: Deferred<number>[] = [];
    const gate = () => {
      const made = Promise.withResolvers<void>();
      gates.push(made);
      return made.promise;
    };
    return {
      plain: (n) => n,
      wait: (n) => gate().then(() => n),
      defer: () => {
        const reply = ctx.defer<number>();
        deferred.push(reply);
        return reply;
      },
      release: (n) => deferred.splice(0).forEach((reply) => reply.resolve(n)),
      stash: () => ctx.stash(),
      unstash: () => ctx.unstash(),
      crash: (n) => {
        throw new Error(`crash ${n}`);
      },
      reject: (n) => gate().then(() => Promise.reject(new Error(`reject ${n}`))),
      leave: (n) => ctx.stop(n % 2 === 0 ? "normal" : "shutdown"),
      timer: (n) => {
        if (n % 3 === 0) ctx.cancelTimer(`t${n % 5}`);
        else ctx.timer(`t${n % 5}`, { delayMs: n % 7, everyMs: 5 }, "plain", n);
      },
      forward: (n) => void harness().system.ref(Chaos, PATHS[n % 4] as string).tell("plain", n),
    };
  });
}

const PATHS = ["s/a", "s/b", "s/c", "d"] as const;

const conflated: MailboxOptions = {
  bound: 6,
  overflow: { conflate: (type, payload) => `${type}${(payload as number) % 2}` },
};

async function run(seed: number, strategy: Strategy, steps: number): Promise<void> {
  const random = seededRandom(seed);
  const gates: PromiseWithResolvers<void>[] = [];
  const made: { harness?: Harness } = {};
  const wild = chaos(() => made.harness as Harness, gates);
  await using harness = new Harness({
    intensity: 1_000,
    children: [{
      name: "s",
      strategy,
      intensity: 3,
      periodMs: 20,
      children: [
        child(wild, { name: "a", args: {}, mailbox: { bound: 6, overflow: "dropOldest" } }),
        child(wild, { name: "b", args: {}, mailbox: conflated, restart: "transient" }),
        child(wild, { name: "c", args: {}, mailbox: { bound: 6, overflow: "suspend" } }),
      ],
    }],
  });
  made.harness = harness;
  const asks: Promise<unknown>[] = [];
  for (let step = 0; step < steps; step++) {
    stepOf(harness, random, step, gates, asks, wild);
    if (random.next() < 0.7) await turn();
    check(harness, `seed ${seed}, ${strategy}, step ${step}`);
  }
  for (const gate of gates) gate.resolve();
  const stopped = harness.system.stop({ drain: random.next() < 0.5, deadlineMs: 50 });
  await harness.advance(50);
  await stopped;
  check(harness, `seed ${seed}, ${strategy}, at the end`);
  assertEquals(harness.system.counts().queued, 0);
  // Every ask has settled: nothing is left to wait for.
  await Promise.all(asks);
}

function stepOf(
  harness: Harness,
  random: Random,
  step: number,
  gates: PromiseWithResolvers<void>[],
  asks: Promise<unknown>[],
  wild: ReturnType<typeof chaos>,
): void {
  const below = (n: number) => Math.floor(random.next() * n);
  const ref = harness.system.ref(Chaos, PATHS[below(4)] as string);
  const type = TYPES[below(TYPES.length)] as Type;
  const there = harness.system.nodeAt(ref.path) === null || below(4) === 0 ? "/wick/s" : ref.path;
  const pick = random.next();
  if (pick < 0.5) ref.tell(type, step);
  else if (pick < 0.7) {
    asks.push(ref.ask(type, step, { timeoutMs: 1 + below(30) }).catch(() => null));
  } else if (pick < 0.78) void ref.offer(type, step);
  else if (pick < 0.84) gates.splice(0, 2).forEach((gate) => gate.resolve());
  else if (pick < 0.9) harness.clock.advance(below(10));
  else if (pick < 0.93) harness.system.restart(there);
  else if (pick < 0.95) void harness.system.stopAt(there === "/wick/s" ? "/wick/s/a" : there);
  else if (pick < 0.97) harness.system.replayDeadLetters({}, 5);
  else if (harness.system.nodeAt("/wick/d") === null) {
    const restart = below(2) === 0 ? "temporary" as const : "permanent" as const;
    harness.system.spawn(wild, { name: "d", args: {}, restart });
  }
}

function check(harness: Harness, why: string): void {
  try {
    assertBalanced(harness.system);
    for (const path of PATHS) {
      const node = harness.system.nodeAt(`/wick/${path}`);
      if (!(node instanceof MailboxNode)) continue;
      const { sent, handled, queued, deadLettered, superseded } = node.counts();
      assertEquals(sent, handled + queued + deadLettered + superseded, path);
    }
  } catch (error) {
    throw new Error(why, { cause: error });
  }
}

for (const strategy of ["one_for_one", "one_for_all", "rest_for_one"] as const) {
  Deno.test(`${strategy}: every message is accounted for after every step`, async () => {
    const seed = seedOf(strategy);
    for (let n = 0; n < 40; n++) await run((seed + n) >>> 0, strategy, 150);
  });
}
