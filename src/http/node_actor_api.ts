/**
 * The routes that one node answers for another, as `api.ts` has all others: the tree of that node,
 * messages to its actors, and how it is.
 *
 * @module
 */

import { z } from "zod";
import { alertsReply } from "./alert_schemas.ts";
import type { RouteSpec } from "./api.ts";
import * as shape from "./schemas.ts";
import { tuningReply } from "./tuning_schemas.ts";

const node = z.string().min(1).max(128).meta({ description: "Name of a node of GET /api/nodes" });
const oneNode = z.strictObject({ node });
const nodeActor = z.strictObject({
  node,
  path: z.string().min(1).max(1_024)
    .meta({ description: "Path in its tree, as wick/core/store or core/store" }),
});

/** How a node is, with what is wrong there and what its monitor changes by itself. */
export const statusReply = z.strictObject({
  ...shape.healthReply.shape,
  alerts: alertsReply.shape.active,
  tuning: tuningReply,
}).meta({ id: "NodeStatus" });

/**
 * See the module's text.
 *
 * @internal
 */
export const NODE_ACTOR_ROUTES = {
  "/api/nodes/:node/health": {
    get: {
      about: "How every part of a node is, and its score",
      access: "read",
      param: oneNode,
      reply: shape.healthReply,
    },
  },
  "/api/nodes/:node/status": {
    get: {
      about: "How a node is, its active alerts, and what its monitor changes by itself",
      access: "read",
      param: oneNode,
      reply: statusReply,
    },
  },
  "/api/nodes/:node/actors": {
    get: {
      about: "The supervision tree of a node",
      access: "read",
      param: oneNode,
      reply: shape.treeNode,
    },
  },
  "/api/nodes/:node/actors/:path{.+}": {
    get: {
      about: "One actor or supervisor of a node, and what it can be sent",
      access: "read",
      param: nodeActor,
      reply: shape.actorReply,
    },
  },
  "/api/nodes/:node/actors/:path{.+}/messages": {
    post: {
      about: "Sends a message to an actor of a node, checked there against its protocol",
      access: "act",
      param: nodeActor,
      json: shape.sendBody,
      reply: shape.sendReply,
    },
  },
  "/api/nodes/:node/actors/:path{.+}/restart": {
    post: {
      about: "Restarts an actor or supervisor of a node",
      access: "act",
      param: nodeActor,
      reply: shape.nodeDone,
    },
  },
  "/api/nodes/:node/actors/:path{.+}/stop": {
    post: {
      about: "Drains and stops an actor or supervisor of a node for good",
      access: "act",
      param: nodeActor,
      reply: shape.nodeDone,
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, RouteSpec>>>>;
