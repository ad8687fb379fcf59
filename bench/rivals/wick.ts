/**
 * Wick behind the face of the benches. All features are on as they are by default: bounded
 * mailboxes (8,192 messages, 64 MiB), byte accounting, causation ids, service times, dead letters.
 *
 * @module
 */

import { z } from "zod";
import { actor, createSystem, protocol, type Ref, type System } from "../../src/actor/mod.ts";
import type { Contender } from "../support/rounds.ts";
import { askInFlight, askInTurn, hops, Tally, tellBursts, verify } from "../support/workload.ts";
import { answerer } from "../threads/answer_actor.ts";

/** Throws unless everything sent in `system` was handled, `expected` messages in all. */
export function verifyAccount(system: System, expected: number): void {
  const { sent, handled, queued } = system.counts();
  verify("dead letters", system.deadLetters.total, 0);
  verify("messages queued", queued, 0);
  verify("messages sent", sent, expected);
  verify("messages handled", handled, expected);
}

/** A side over one system, which checks the account of the whole system after each round. */
function over(
  name: string,
  system: System,
  run: (units: number) => Promise<number>,
  sentBefore = 0,
): Contender {
  let total = sentBefore;
  return {
    name,
    async run(units) {
      const count = await run(units);
      total += count;
      verifyAccount(system, total);
      return count;
    },
    close: () => system.stop(),
  };
}

const Counter = protocol("counter", {
  add: { payload: z.strictObject({ by: z.number() }) },
});

const counter = actor(Counter, (_ctx, { tally }: { tally: Tally }) => ({
  add: ({ by }) => tally.take(by),
}));

/** Tells to one actor in bursts. */
export function wickTell(): Contender {
  const system = createSystem({ name: "bench" });
  const tally = new Tally();
  const ref = system.spawn(counter, { name: "counter", args: { tally } });
  return over("wick", system, (units) => tellBursts(units, tally, (by) => ref.tell("add", { by })));
}

/** One ask after the other. */
export function wickAsk(): Contender {
  const system = createSystem({ name: "bench" });
  const ref = system.spawn(answerer, { name: "answerer", args: {} });
  return over("wick", system, (units) => askInTurn(units, (n) => ref.ask("next", { n })));
}

const Player = protocol("player", {
  hop: { payload: z.strictObject({ left: z.number() }) },
});

interface PlayerArgs {
  readonly tally: Tally;
  readonly peer: Ref<typeof Player.definition>;
}

const player = actor(Player, (_ctx, { tally, peer }: PlayerArgs) => ({
  hop: ({ left }) => {
    tally.take(left);
    if (left > 0) peer.tell("hop", { left: left - 1 });
  },
}));

/** One message that goes back and forth between two actors. */
export function wickPingPong(): Contender {
  const system = createSystem({ name: "bench" });
  const tally = new Tally();
  const pong = system.ref(Player, "pong");
  const ping = system.spawn(player, { name: "ping", args: { tally, peer: pong } });
  system.spawn(player, { name: "pong", args: { tally, peer: ping } });
  return over("wick", system, (units) => {
    return hops(units, tally, (left) => void ping.tell("hop", { left }));
  });
}

/** Asks to an actor in one thread. */
export async function wickThread(inFlight: number): Promise<Contender> {
  const system = createSystem({ name: "bench" });
  const ref = system.spawn(answerer, {
    name: "answerer",
    args: {},
    thread: { entry: new URL("../threads/answer.ts", import.meta.url) },
  });
  const ask = (n: number) => ref.ask("next", { n });
  verify("reply of the thread", await ask(1), 2);
  return over("wick, 1 thread", system, (units) => askInFlight(units, inFlight, ask), 1);
}
