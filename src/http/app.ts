/**
 * The admin app: the table of routes, each with its guards, its checks and its handler in one
 * function, so that a request runs through what its own route needs and nothing else.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { systemClock } from "../actor/clock.ts";
import { type AdminApp, ROUTES, type RouteSpec } from "./api.ts";
import { jsonBody } from "./body.ts";
import { type AdminEnv, factsOf } from "./facts.ts";
import { createGuard, type Guard } from "./guard.ts";
import type { AnyHandler, Handlers, Surroundings } from "./handler.ts";
import * as limit from "./limits.ts";
import { OpenStreams } from "./open_streams.ts";
import type { AdminLimits, AdminOptions } from "./options.ts";
import type { ServicePort } from "./port.ts";
import { HttpProblem, problemOf, shapeProblem } from "./problem.ts";
import { readQuery } from "./query.ts";
import { respondJson, respondProblem } from "./respond.ts";
import { actorRoutes } from "./routes/actors.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { cacheRoutes } from "./routes/cache.ts";
import { dataRoutes } from "./routes/data.ts";
import { deadLetterRoutes } from "./routes/dead_letters.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { labelRoutes } from "./routes/labels.ts";
import { type LivePaths, liveRoutes } from "./routes/live.ts";
import { pageRoutes, registerAssets } from "./routes/pages.ts";
import { refreshRoutes } from "./routes/refresh.ts";
import { serviceRoutes } from "./routes/service.ts";
import { nodeActorRoutes } from "./routes/node_actors.ts";
import { nodeRoutes } from "./routes/nodes.ts";
import { tuningRoutes } from "./routes/tuning.ts";
import { warmingRoutes } from "./routes/warming.ts";
import { type Traced, tracedRoute } from "./traced.ts";

/** An app with what a server has to know of it. */
export interface Admin {
  /** Answers requests; `app.request()` needs no socket. */
  readonly app: AdminApp;
  /** Its open streams, to be ended before the server closes. */
  readonly streams: OpenStreams;
  /** How it was set up. */
  readonly options: AdminOptions;
  /** The bounds that hold for it. */
  readonly limits: AdminLimits;
}

/**
 * The app over a service.
 *
 * @throws {RangeError} for options that cannot hold: a short token, a host that is none.
 */
export function createApp(port: ServicePort, options: AdminOptions = {}): AdminApp {
  return createAdmin(port, options).app;
}

/** As {@linkcode createApp}, with what `serveAdmin` needs. */
export function createAdmin(port: ServicePort, options: AdminOptions = {}): Admin {
  const limits = limitsOf(options);
  const clock = options.clock ?? systemClock;
  const { streamsMax, streamStallMs: stallMs } = limits;
  const streams = new OpenStreams({ clock, streamsMax, stallMs });
  const guard = createGuard(options);
  const { mayAct } = guard;
  const { onError } = options;
  const around: Surroundings = { port, limits, streams, clock, mayAct, onError };
  const others: Omit<Handlers, LivePaths> = {
    ...serviceRoutes(around),
    ...pageRoutes(around),
    ...alertRoutes(around),
    ...actorRoutes(around),
    ...deadLetterRoutes(around),
    ...labelRoutes(around),
    ...dataRoutes(around),
    ...jobRoutes(around),
    ...cacheRoutes(around),
    ...nodeRoutes(around),
    ...nodeActorRoutes(around),
    ...tuningRoutes(around),
    ...warmingRoutes(around),
    ...refreshRoutes(around),
  };
  // Its stream sends what the others answer.
  const handlers: Handlers = { ...others, ...liveRoutes(around, others) };
  const app = new Hono<AdminEnv>({ strict: true });
  for (const [path, methods] of Object.entries(ROUTES)) {
    for (const [method, spec] of Object.entries<RouteSpec>(methods)) {
      const own = handlers[path as keyof Handlers] as Readonly<Record<string, AnyHandler>>;
      const handler = own[method] as AnyHandler;
      const verb = method.toUpperCase();
      const traced = tracedRoute(options.tracing ?? null, verb, path, spec);
      app.on(verb, path, composed(spec, handler, guard, around, traced));
    }
  }
  registerAssets(app, guard);
  app.notFound((c) => unknownRoute(app, guard, c));
  app.onError((error, c) => {
    const problem = problemOf(error);
    if (problem.status === 500) options.onError?.(error, c.req.method, c.req.path);
    return respondProblem(problem);
  });
  // The table's type is the app's type: the routes above are exactly the table's.
  return { app: app as unknown as AdminApp, streams, options, limits };
}

/** Everything that happens to a request of one route. */
function composed(
  spec: RouteSpec,
  handler: AnyHandler,
  guard: Guard,
  { clock }: Surroundings,
  traced: Traced,
) {
  const bytesMax = spec.jsonBytesMax ?? limit.JSON_BYTES_MAX;
  const isEndless = spec.answers === "stream" || spec.answers === "events";
  const answered = async (c: Context<AdminEnv>, request: Request): Promise<Response> => {
    const given = { param: {}, query: {}, json: undefined as unknown };
    if (spec.param !== undefined) given.param = parsed("path", spec.param, c.req.param());
    if (spec.query !== undefined) given.query = readQuery(c.req.queries(), spec.query);
    else if (Object.keys(c.req.queries()).length > 0) throw unknownQuery();
    if (spec.json !== undefined) {
      const json = await jsonBody(request, c.env, bytesMax, clock, spec.jsonForm);
      given.json = parsed("json", spec.json, json);
    }
    const answer = await handler(given, { request, bindings: c.env });
    return answer instanceof Response ? answer : respondJson(answer);
  };
  return async (c: Context<AdminEnv>): Promise<Response> => {
    const request = c.req.raw;
    const facts = factsOf(request, c.env);
    guard.request(facts);
    guard.access(spec.access, facts);
    if (isEndless && facts.method === "HEAD") throw methodProblem("GET");
    return await traced(request, () => answered(c, request));
  };
}

function parsed<S extends NonNullable<RouteSpec["json"]>>(
  where: string,
  schema: S,
  value: unknown,
) {
  const result = schema.safeParse(value);
  if (!result.success) throw shapeProblem(where, result.error, value);
  return result.data as Record<string, unknown>;
}

function unknownQuery(): HttpProblem {
  return new HttpProblem(422, "shape", "Cannot read the query: this route takes none", {
    issues: [{ path: "query", message: "expected none" }],
  });
}

function methodProblem(allow: string): HttpProblem {
  const detail = "Cannot use this method here";
  return new HttpProblem(405, "method", detail, { expected: allow }, { allow });
}

/** No route: the guards count all the same, and a path that has other methods says which. */
function unknownRoute(app: Hono<AdminEnv>, guard: Guard, c: Context<AdminEnv>): Response {
  const facts = factsOf(c.req.raw, c.env);
  guard.request(facts);
  const methods = ["GET", "POST", "PUT", "DELETE"].filter((method) =>
    app.router.match(method, c.req.path)[0].length > 0
  );
  if (methods.length > 0) {
    const allow = methods.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]);
    throw methodProblem(allow.join(", "));
  }
  throw new HttpProblem(404, "no_route", "Cannot find that route: see /openapi.json or /docs");
}

function limitsOf({ limits }: AdminOptions): AdminLimits {
  return {
    headersTimeoutMs: limit.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: limit.REQUEST_TIMEOUT_MS,
    connectionCheckMs: limit.CONNECTION_CHECK_MS,
    keepAliveMs: limit.KEEP_ALIVE_MS,
    connectionsMax: limit.CONNECTIONS_MAX,
    pushIdleMs: limit.PUSH_IDLE_MS,
    pushBytesMax: limit.PUSH_BYTES_MAX,
    pushUnpackedBytesMax: limit.PUSH_UNPACKED_BYTES_MAX,
    pushBatchRows: limit.PUSH_BATCH_ROWS,
    streamsMax: limit.STREAMS_MAX,
    heartbeatMs: limit.HEARTBEAT_MS,
    streamStallMs: limit.STREAM_STALL_MS,
    closeGraceMs: limit.CLOSE_GRACE_MS,
    ...limits,
  };
}
