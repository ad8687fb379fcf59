/**
 * The routes for a page that is watched, as `api.ts` has all others.
 *
 * @module
 */

import type { RouteSpec } from "./api.ts";
import * as shape from "./live_schemas.ts";

/**
 * See the module's text.
 *
 * @internal
 */
export const LIVE_ROUTES = {
  "/api/live": {
    get: {
      about: "How things stand, each second, as server-sent events: one kind of event a topic",
      access: "read",
      query: shape.liveQuery,
      answers: "events",
    },
  },
  "/api/figures": {
    get: {
      about: "The last hour of the figures that charts draw, as columns",
      access: "read",
      query: shape.figuresQuery,
      reply: shape.figuresReply,
    },
  },
  "/api/log": {
    get: {
      about: "The last lines of the log",
      access: "read",
      query: shape.logQuery,
      reply: shape.logReply,
    },
  },
  "/api/access": {
    get: { about: "What whoever asks may do", access: "read", reply: shape.accessReply },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, RouteSpec>>>>;
