/**
 * xstate 5 behind the face of the benches. It has no ask; these are the ways in which its users
 * write a request with a reply. The bench tries them and takes the fastest.
 *
 * @module
 */

import { type ActorRef, createActor, fromTransition, sendTo, setup, type Snapshot } from "xstate";
import type { Contender } from "../support/rounds.ts";
import { askInTurn } from "../support/workload.ts";

interface Question {
  readonly type: "next";
  readonly n: number;
  readonly reply: (value: number) => void;
}

/** A machine whose action calls the function that came with the event. Synchronous throughout. */
export function xstateCallback(): Contender {
  const machine = setup({ types: { events: {} as Question } }).createMachine({
    on: { next: { actions: ({ event }) => event.reply(event.n + 1) } },
  });
  const actor = createActor(machine).start();
  const ask = (n: number) => new Promise<number>((reply) => actor.send({ type: "next", n, reply }));
  return {
    name: "xstate 5.33.3 machine, reply function in the event",
    run: (units) => askInTurn(units, ask),
    close: () => Promise.resolve(void actor.stop()),
  };
}

interface Answer {
  readonly type: "answer";
  readonly value: number;
}
type Asker = ActorRef<Snapshot<unknown>, Answer>;

interface SentQuestion {
  readonly type: "next";
  readonly n: number;
  readonly sender: Asker;
}

/** A machine that answers with `sendTo` to the actor named in the event, as xstate's guide has it. */
export function xstateSender(): Contender {
  const machine = setup({ types: { events: {} as SentQuestion } }).createMachine({
    on: {
      next: {
        actions: sendTo(
          ({ event }) => event.sender,
          ({ event }) => ({ type: "answer", value: event.n + 1 }),
        ),
      },
    },
  });
  let settle: (value: number) => void = () => {};
  const asker = createActor(fromTransition((state: number, event: Answer) => {
    settle(event.value);
    return state;
  }, 0)).start();
  const actor = createActor(machine).start();
  const ask = (n: number) =>
    new Promise<number>((resolve) => {
      settle = resolve;
      actor.send({ type: "next", n, sender: asker });
    });
  return {
    name: "xstate 5.33.3 machine, sendTo the sender",
    run: (units) => askInTurn(units, ask),
    close() {
      actor.stop();
      asker.stop();
      return Promise.resolve();
    },
  };
}

/** Not a machine: a reducer as an actor, the leanest thing that xstate runs. For information. */
export function xstateTransition(): Contender {
  const actor = createActor(fromTransition((state: number, event: Question) => {
    // xstate's own events (its stop) come here too.
    if (event.type === "next") event.reply(event.n + 1);
    return state;
  }, 0)).start();
  const ask = (n: number) => new Promise<number>((reply) => actor.send({ type: "next", n, reply }));
  return {
    name: "xstate 5.33.3 fromTransition (no machine)",
    run: (units) => askInTurn(units, ask),
    close: () => Promise.resolve(void actor.stop()),
  };
}
