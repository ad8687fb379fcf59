/**
 * Requests as spans: which of them begin a trace. Those that act do, pushes of candles when they are
 * drawn, reads only when their caller records a span of its own (W3C Trace Context).
 *
 * @module
 */

import type { Tracing } from "../actor/mod.ts";
import type { RouteSpec } from "./api.ts";
import { problemOf } from "./problem.ts";

/** Answers a request, in a span where it is traced. */
export type Traced = (request: Request, answer: () => Promise<Response>) => Promise<Response>;

/** Longest `traceparent` that is read; version 00 has 55 characters. */
const TRACEPARENT_CHARS_MAX = 64;

/** How requests of one route are traced: as `POST /api/actors/:path/restart`, with no real path. */
export function tracedRoute(
  tracing: Tracing | null,
  verb: string,
  path: string,
  spec: RouteSpec,
): Traced {
  if (tracing === null) return (_request, answer) => answer();
  // Without the patterns of parameters, as `{.+}`.
  const name = `${verb} ${path.replaceAll(/\{[^}]*\}/g, "")}`;
  const when = spec.push === true ? "drawn" : spec.access === "act" ? "always" : "never";
  return (request, answer) => {
    const header = request.headers.get("traceparent");
    const traceparent = header !== null && header.length <= TRACEPARENT_CHARS_MAX ? header : null;
    const statusOf = (error: unknown) => problemOf(error).status;
    return tracing.request({ name, when, traceparent, statusOf }, answer);
  };
}
