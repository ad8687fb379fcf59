/**
 * nact 7.6 behind the face of the benches.
 *
 * @module
 */

import { dispatch, query, type Ref, spawn, start, stop } from "nact";
import type { Contender } from "../support/rounds.ts";
import { askInTurn, hops, Tally, tellBursts } from "../support/workload.ts";

const NAME = "nact 7.6.2";

/** Tells to one actor in bursts. */
export function nactTell(): Contender {
  const system = start();
  const tally = new Tally();
  const ref = spawn(system, (state: null, { by }: { by: number }) => {
    tally.take(by);
    return state;
  }, "counter");
  return {
    name: NAME,
    run: (units) => tellBursts(units, tally, (by) => dispatch(ref, { by })),
    close: () => Promise.resolve(stop(system)),
  };
}

interface Question {
  readonly n: number;
  readonly sender: Ref<number>;
}

/** The timeout that Wick's asks have by default: nact sets a timer for each, as its users do. */
const ASK_TIMEOUT_MS = 5_000;

/** One query after the other, with the sender in the message as nact's guide has it. */
export function nactAsk(): Contender {
  const system = start();
  const ref = spawn(system, (state: null, { n, sender }: Question) => {
    dispatch(sender, n + 1);
    return state;
  }, "answerer");
  const ask = (n: number) => query(ref, (sender: Ref<number>) => ({ n, sender }), ASK_TIMEOUT_MS);
  return {
    name: NAME,
    run: (units) => askInTurn(units, ask),
    close: () => Promise.resolve(stop(system)),
  };
}

interface Hop {
  readonly left: number;
}

/** One message that goes back and forth between two actors. */
export function nactPingPong(): Contender {
  const system = start();
  const tally = new Tally();
  const player = (name: string, peer: () => Ref<Hop>) =>
    spawn(system, (state: null, { left }: Hop) => {
      tally.take(left);
      if (left > 0) dispatch(peer(), { left: left - 1 });
      return state;
    }, name);
  const ping: Ref<Hop> = player("ping", () => pong);
  const pong: Ref<Hop> = player("pong", () => ping);
  return {
    name: NAME,
    run: (units) => hops(units, tally, (left) => dispatch(ping, { left })),
    close: () => Promise.resolve(stop(system)),
  };
}
