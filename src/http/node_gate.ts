/**
 * How one node answers HTTP for another: the request goes as a message to the other node's gate,
 * which answers it by the same handlers and with the same problems as its own HTTP would. Whether
 * the caller may do it was decided by the guards of the node that was asked.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../actor/protocol.ts";
import type { System } from "../actor/system.ts";
import type { AnyHandler } from "./handler.ts";
import type { ServicePort } from "./port.ts";
import { HttpProblem, problemOf, shapeProblem } from "./problem.ts";
import { actorRoutes } from "./routes/actors.ts";
import { healthOf } from "./routes/service.ts";
import { sendBody } from "./schemas.ts";

/** What a gate answers. */
export const GATE_ROUTES = [
  "health",
  "status",
  "tree",
  "actor",
  "messages",
  "restart",
  "stop",
] as const;

/** @internal */
export const gateCall = z.strictObject({
  route: z.enum(GATE_ROUTES),
  /** Of the actor, as it stands in a URL; empty where the route is about none. */
  path: z.string().max(1_024),
  /** Body of the request. */
  json: z.unknown(),
});

/** @internal */
export const gateAnswer = z.strictObject({
  status: z.int().min(200).max(599),
  /** JSON. */
  body: z.string(),
  /** Seconds after which the caller may come again; null = nothing is said. */
  retryAfterSeconds: z.number().nullable(),
});

/**
 * A request of another node.
 *
 * @internal
 */
export type GateCall = z.output<typeof gateCall>;

/**
 * What it is answered with.
 *
 * @internal
 */
export type GateAnswer = z.output<typeof gateAnswer>;

/** The gate of a node. Internal, since whoever may send messages may not all that it can do. */
export const NodeGate = protocol("node_gate", {
  call: { payload: gateCall, reply: gateAnswer, internal: true },
});

/** What a fabric has to let in, so that gates can be asked. */
export const GATE_ALLOWED = "node_gate.call";

/** Where the gate lives, below the root: it outlives the core and shows it recovering. */
export const GATE_PATH = "node_gate";

/** Other nodes, as the routes about them need it. */
export interface OtherNodes {
  /** Name of this node; null when this process is none. */
  self(): string | null;
  /** Whether a node of that name lives, as far as is known. */
  knows(node: string): boolean;
  /**
   * Has another node answer a request.
   *
   * @throws {ActorStopped | AskTimeout | Overflow | ActorFailed} by rejecting.
   */
  call(node: string, call: GateCall, timeoutMs: number): Promise<GateAnswer>;
}

/** The other nodes of a system, which is asked for at every call as in `systemTree`. */
export function systemOthers(system: () => System): OtherNodes {
  return {
    self: () => system().carrier?.node ?? null,
    knows: (node) => system().carrier?.knows(node) ?? false,
    call: (node, call, timeoutMs) =>
      system().remote(NodeGate, node, GATE_PATH).ask("call", call, { timeoutMs }),
  };
}

/** Answers the requests of other nodes over a service; `onError` is told of what no answer tells. */
export function gateOf(
  port: ServicePort,
  onError: (error: unknown, call: GateCall) => void,
): (call: GateCall) => Promise<GateAnswer> {
  const handlers = actorRoutes({ port });
  return async (call) => {
    try {
      return await answered(port, handlers as unknown as Handled, call);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status === 500) onError(error, call);
      const seconds = Number(problem.headers["retry-after"] ?? NaN);
      return {
        status: problem.status,
        body: JSON.stringify(problem),
        retryAfterSeconds: Number.isFinite(seconds) ? seconds : null,
      };
    }
  };
}

type Handled = Readonly<Record<string, Readonly<Record<string, AnyHandler>>>>;

const BASE = "/api/actors/:path{.+}";
const ROUTE_OF = {
  tree: ["/api/actors", "get"],
  actor: [BASE, "get"],
  messages: [`${BASE}/messages`, "post"],
  restart: [`${BASE}/restart`, "post"],
  stop: [`${BASE}/stop`, "post"],
} as const;

async function answered(
  port: ServicePort,
  handlers: Handled,
  { route, path, json }: GateCall,
): Promise<GateAnswer> {
  if (route === "health") return ok(await healthOf(port));
  if (route === "status") return ok(await statusOf(port));
  const [name, method] = ROUTE_OF[route];
  const handler = handlers[name]?.[method];
  if (handler === undefined) throw new HttpProblem(404, "no_route", "Cannot find that route");
  const given = { param: { path }, query: {}, json: route === "messages" ? bodyOf(json) : {} };
  const made = await handler(given, { request: NO_REQUEST, bindings: undefined });
  return made instanceof Response ? { ...ok(null), ...await textOf(made) } : ok(made);
}

/** None of these handlers looks at it. */
const NO_REQUEST = new Request("http://node.invalid/");

function bodyOf(json: unknown): z.output<typeof sendBody> {
  const parsed = sendBody.safeParse(json);
  if (!parsed.success) throw shapeProblem("json", parsed.error, json);
  return parsed.data;
}

async function statusOf(port: ServicePort): Promise<unknown> {
  const [health, { active }, tuning] = await Promise.all([
    healthOf(port),
    port.alerts.list(0),
    port.tuning(),
  ]);
  return { ...health, alerts: active, tuning };
}

function ok(value: unknown): GateAnswer {
  return { status: 200, body: JSON.stringify(value), retryAfterSeconds: null };
}

async function textOf(response: Response): Promise<Pick<GateAnswer, "status" | "body">> {
  return { status: response.status, body: await response.text() };
}
