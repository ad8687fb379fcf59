/**
 * The gate of this node: answers for the HTTP of other nodes. Requests do not wait for each other.
 *
 * @module
 */

import { actor, ActorFailed, textOf } from "../src/actor/mod.ts";
import { type GateAnswer, gateOf, NodeGate } from "../src/http/node_gate.ts";
import type { ServicePort } from "../src/http/port.ts";

/** What a gate shows. */
export interface NodeGateArgs {
  /** Makes the view of the service; called once per incarnation. */
  readonly port: () => ServicePort;
}

/** See {@linkcode NodeGate}. */
export const nodeGate = actor(NodeGate, (ctx, { port }: NodeGateArgs) => {
  const answer = gateOf(port(), (error, { route, path }) => {
    const shown = error instanceof ActorFailed ? error.cause : error;
    ctx.log("error", "a request of another node failed", { route, path, error: textOf(shown) });
  });
  return {
    call(asked) {
      const reply = ctx.defer<GateAnswer>();
      answer(asked).then((made) => reply.resolve(made), (error) => reply.reject(error));
      return reply;
    },
  };
});
