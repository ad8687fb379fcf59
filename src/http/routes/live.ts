/**
 * Routes for a page that is watched: the live stream, the figures that charts draw, the log's lines,
 * and what the visitor may do.
 *
 * @module
 */

import type { z } from "zod";
import { ROUTES, type Routes, type RouteSpec } from "../api.ts";
import { factsOf } from "../facts.ts";
import type { AnyHandler, Handlers, Surroundings } from "../handler.ts";
import { LiveHub, type LiveSource, liveStream } from "../live_hub.ts";
import { LIVE_TOPICS, type LiveTopic, type TopicRoute, type TopicSource } from "../live_topics.ts";
import type { logQuery } from "../live_schemas.ts";
import type { LogPage } from "../log_ring.ts";
import type { ServicePort } from "../port.ts";
import { problemOf } from "../problem.ts";
import { readQuery } from "../query.ts";
import { respond } from "../respond.ts";
import { waitFor } from "../wait.ts";
import type { Clock } from "../../actor/clock.ts";

/** Paths of these routes. */
export type LivePaths = "/api/live" | "/api/figures" | "/api/log" | "/api/access";
type Topics = typeof LIVE_TOPICS;
type RouteOf<S> = S extends { readonly route: infer R } ? R
  : S extends { readonly routes: infer R } ? R[keyof R]
  : never;
/** Paths that topics ask: a name that is no route's is a compile error where they are used. */
type TopicPath = RouteOf<Topics[LiveTopic]> extends { readonly path: infer P extends keyof Routes }
  ? P
  : never;

/** Lines that the first frame of the log begins with: what a page shows at once. */
const FIRST_LINES = 200;
/** Lines of a further frame; what is beyond comes with the next. */
const FURTHER_LINES = 500;
/** A part that does not say its figure within so long is left out of `counts`, ms. */
const COUNT_MS = 800;

/** See the module's text; `handlers` are those of all other routes. */
export function liveRoutes(
  around: Surroundings,
  handlers: Omit<Handlers, LivePaths>,
): Pick<Handlers, LivePaths> {
  const { port, streams, clock, mayAct, onError } = around;
  const own: Pick<Handlers, "/api/figures" | "/api/log" | "/api/access"> = {
    "/api/figures": {
      get: async ({ query: { sinceMs, limit, watch } }) => {
        if (watch) port.figures.watched();
        return await port.figures.list(sinceMs, limit);
      },
    },
    "/api/log": { get: ({ query }) => logPage(port, query) },
    "/api/access": {
      get: (_given, { request, bindings }) => ({
        read: true,
        act: mayAct(factsOf(request, bindings)),
      }),
    },
  };
  const hub = new LiveHub<LiveTopic>({
    sources: sourcesOf({ ...handlers, ...own }, port, clock),
    clock,
    explain: (error, topic) => {
      const problem = problemOf(error);
      if (problem.status === 500) onError?.(error, "GET", `/api/live?topics=${topic}`);
      return problem.message;
    },
  });
  return {
    ...own,
    "/api/live": {
      get: ({ query }) => {
        const body = streams.open((signal) => liveStream(hub.watch(query.topics), signal));
        return respond(body, "text/event-stream", 200, { "x-accel-buffering": "no" });
      },
    },
  };
}

function logPage(
  port: ServicePort,
  { afterId, ...query }: z.output<typeof logQuery>,
): LogPage {
  return port.lines.list({ afterId: afterId ?? null, ...query });
}

function sourcesOf(
  handlers: Omit<Handlers, "/api/live">,
  port: ServicePort,
  clock: Clock,
): Record<LiveTopic, LiveSource> {
  const asked: Readonly<Record<TopicPath, { readonly get: unknown }>> = handlers;
  const state = (ask: () => Promise<string>): LiveSource => ({ kind: "state", ask });
  const ofRoutes = Object.fromEntries(
    Object.entries<TopicSource>(LIVE_TOPICS).flatMap(([topic, source]) => {
      if ("own" in source) return [];
      if ("route" in source) return [[topic, state(askOf(source.route, asked))]];
      const asks = Object.entries(source.routes).map(([name, route]) =>
        [name, askOf(route, asked)] as const
      );
      return [[topic, state(() => together(asks))]];
    }),
  ) as Record<LiveTopic, LiveSource>;
  return {
    ...ofRoutes,
    counts: state(() => counts(port, clock)),
    log: {
      kind: "lines",
      lastId: () => port.lines.lastId,
      after: (afterId) => {
        const limit = afterId === null ? FIRST_LINES : FURTHER_LINES;
        const page = port.lines.list({ afterId, limit, level: "debug", path: "", text: "" });
        return { text: JSON.stringify(page), lastId: page.lastId };
      },
    },
  };
}

/** What asks a route as a request would, and gives the answer's text. */
function askOf(
  { path, query = {} }: TopicRoute,
  handlers: Readonly<Record<string, { readonly get: unknown }>>,
): () => Promise<string> {
  // The types of both tables say that the path is there; that of one handler is not known here.
  const spec = (ROUTES[path as keyof Routes] as { readonly get: RouteSpec }).get;
  const handler = handlers[path]?.get as AnyHandler;
  const texts = Object.entries(query).map(([name, text]) => [name, [text]] as const);
  const given = {
    param: {},
    query: spec.query === undefined ? {} : readQuery(Object.fromEntries(texts), spec.query),
    json: undefined,
  };
  const url = `http://localhost${path}`;
  return async () => {
    const answer = await handler(given, { request: new Request(url), bindings: undefined });
    return answer instanceof Response ? await answer.text() : JSON.stringify(answer);
  };
}

async function together(
  asks: readonly (readonly [name: string, ask: () => Promise<string>])[],
): Promise<string> {
  const texts = await Promise.all(
    asks.map(async ([name, ask]) => `${JSON.stringify(name)}:${await ask()}`),
  );
  return `{${texts.join()}}`;
}

/** What a page's head shows; null where the part that knows does not say. */
async function counts(port: ServicePort, clock: Clock): Promise<string> {
  const never = new AbortController().signal;
  const known = async <T>(ask: () => T | Promise<T>): Promise<T | null> => {
    const asked = Promise.try(ask).catch(() => null);
    const waited = await waitFor(asked, COUNT_MS, never, clock);
    return waited.state === "done" ? waited.value : null;
  };
  const ready = port.waitingFor().length === 0;
  const [alerts, letters, seq] = await Promise.all([
    known(() => port.alerts.list(0)),
    known(() => port.letters.counts()),
    ready ? known(() => port.data.seq()) : null,
  ]);
  const firing = alerts?.active.filter(({ state }) => state === "firing");
  return JSON.stringify({
    ready,
    version: port.about.version,
    seq,
    alertsFiring: firing?.length ?? null,
    alertsPaging: firing?.filter(({ severity, mutedBy, acknowledged }) =>
      severity === "page" && mutedBy === null && acknowledged === null
    ).length ?? null,
    deadLettersKept: letters?.kept ?? null,
  });
}
