/**
 * Routes that this node answers for another, or for itself by its name.
 *
 * @module
 */

import type { Handlers, Surroundings } from "../handler.ts";
import { type GateAnswer, type GateCall, gateOf } from "../node_gate.ts";
import type { NODE_ACTOR_ROUTES } from "../node_actor_api.ts";
import { HttpProblem, retryAfter } from "../problem.ts";
import { respond } from "../respond.ts";

/** Longest wait for another node's answer, ms: its health waits for parts of its own. */
const ANSWER_LIMIT_MS = 10_000;
/** What the way there and back may take, beyond what the actor is given, ms. */
const WAY_MS = 1_000;
/** A stop drains: the longest that a single stop may take by default, ms. */
const STOP_LIMIT_MS = 35_000;

type Paths = keyof typeof NODE_ACTOR_ROUTES;

/** See the module's text. */
export function nodeActorRoutes({ port, onError }: Surroundings): Pick<Handlers, Paths> {
  const own = gateOf(port, (error, { route }) => onError?.(error, "node", route));
  const ask = async (
    node: string,
    route: GateCall["route"],
    path = "",
    json: unknown = null,
    timeoutMs = ANSWER_LIMIT_MS,
  ): Promise<Response> => {
    const { others } = port;
    const call = { route, path, json };
    if (others === undefined || !others.knows(node)) throw noNode(node);
    if (node === others.self()) return responseOf(await own(call));
    return responseOf(await others.call(node, call, timeoutMs + WAY_MS));
  };
  return {
    "/api/nodes/:node/health": { get: ({ param }) => ask(param.node, "health") },
    "/api/nodes/:node/status": { get: ({ param }) => ask(param.node, "status") },
    "/api/nodes/:node/actors": { get: ({ param }) => ask(param.node, "tree") },
    "/api/nodes/:node/actors/:path{.+}": {
      get: ({ param: { node, path } }) => ask(node, "actor", path),
    },
    "/api/nodes/:node/actors/:path{.+}/messages": {
      post: ({ param: { node, path }, json }) => ask(node, "messages", path, json, json.timeoutMs),
    },
    "/api/nodes/:node/actors/:path{.+}/restart": {
      post: ({ param: { node, path } }) => ask(node, "restart", path),
    },
    "/api/nodes/:node/actors/:path{.+}/stop": {
      post: ({ param: { node, path } }) => ask(node, "stop", path, null, STOP_LIMIT_MS),
    },
  };
}

function noNode(node: string): HttpProblem {
  return new HttpProblem(404, "no_node", "Cannot find the node: none of that name lives", {
    expected: "a node of GET /api/nodes",
    found: node.slice(0, 200),
  });
}

function responseOf({ status, body, retryAfterSeconds }: GateAnswer): Response {
  const type = status >= 400 ? "application/problem+json" : "application/json";
  const headers = retryAfterSeconds === null ? {} : retryAfter(1_000 * retryAfterSeconds);
  return respond(body, type, status, headers);
}
