/**
 * The routes of the admin HTTP as data: what each takes, gives, and who may call it. The checks at
 * the edge, OpenAPI and the typed client are made from this one table.
 *
 * Pages answer JSON, or NDJSON (one row a line, `next` in the header `Wick-Next`) when `Accept` says
 * `application/x-ndjson`. Times are epoch milliseconds UTC; queries take ISO dates too.
 *
 * @module
 */

import type { Hono } from "hono";
import { z } from "zod";
import type { JsonForm } from "./body.ts";
import * as alerts from "./alert_schemas.ts";
import * as sinks from "./webhook/alert_sink_status.ts";
import * as cache from "./cache_schemas.ts";
import * as jobs from "./job_schemas.ts";
import * as labels from "./label_schemas.ts";
import { CACHE_BYTES_MAX, JOB_BYTES_MAX, LEVELS_BYTES_MAX } from "./limits.ts";
import { LIVE_ROUTES } from "./live_api.ts";
import { REFRESH_ROUTES } from "./refresh_api.ts";
import { NODE_ACTOR_ROUTES } from "./node_actor_api.ts";
import * as nodes from "./node_schemas.ts";
import * as shape from "./schemas.ts";
import * as tuning from "./tuning_schemas.ts";
import { WARMING_ROUTES } from "./warming_api.ts";

export * from "./schemas.ts";

/** Who may call a route: anybody, whoever may read, or whoever may act. */
export type Access = "open" | "read" | "act";

/** What a route answers with. */
export type Answers = "json" | "page" | "stream" | "events" | "text" | "html";

/** One route. */
export interface RouteSpec {
  /** One line for people. */
  readonly about: string;
  /** Who may call it. */
  readonly access: Access;
  /** Parts of the path. */
  readonly param?: z.ZodObject;
  /** Query; texts are read as numbers and booleans where the schema has those. */
  readonly query?: z.ZodObject;
  /** JSON body. */
  readonly json?: z.ZodType;
  /** Most bytes of it; default `JSON_BYTES_MAX`. */
  readonly jsonBytesMax?: number;
  /** How it may come; default as `application/json` only. */
  readonly jsonForm?: JsonForm;
  /** Takes candles as NDJSON, JSON, plain or gzip. */
  readonly push?: true;
  /** What it answers with; default `json`. */
  readonly answers?: Answers;
  /** Shape of the answer, of one line of it for streams. */
  readonly reply?: z.ZodType;
}

const actorPath = z.strictObject({
  path: z.string().min(1).max(1_024)
    .meta({ description: "Path in the tree, as wick/core/store or core/store" }),
});
const letterId = z.strictObject({ id: z.string().regex(/^\d{1,16}$/) });
const oneSymbol = z.strictObject({ symbol: shape.symbol });
const oneSeries = z.strictObject({ series: shape.series });
const jobId = z.strictObject({
  id: z.string().min(1).max(64).meta({ description: "Name of the job" }),
});

/**
 * The routes, by path and method; `{.+}` takes slashes too.
 *
 * @internal
 */
export const ROUTES = {
  "/healthz": {
    get: { about: "The process lives", access: "open", reply: shape.aliveReply },
  },
  "/readyz": {
    get: {
      about: "It can serve; 503 while parts are not up",
      access: "open",
      reply: shape.readyReply,
    },
  },
  "/metrics": {
    get: { about: "Metrics in the text format of Prometheus", access: "read", answers: "text" },
  },
  "/openapi.json": {
    get: { about: "This description", access: "read", reply: z.record(z.string(), z.unknown()) },
  },
  "/docs": {
    get: { about: "This description as a page", access: "open", answers: "html" },
  },
  "/": {
    get: { about: "The service at a glance", access: "open", answers: "html" },
  },
  "/api/health": {
    get: { about: "How every part is, and the score", access: "read", reply: shape.healthReply },
  },
  "/api/alerts": {
    get: {
      about: "What is wrong, the most severe first, and what was, the latest first",
      access: "read",
      query: alerts.alertsQuery,
      reply: alerts.alertsReply,
    },
  },
  "/api/alerts/sinks": {
    get: {
      about: "Who is told of alerts beside the log and the events, and how each is doing",
      access: "read",
      reply: sinks.alertSinksReply,
    },
  },
  "/api/alerts/test": {
    post: {
      about: "Sends a test alert to the log, the events and all sinks; says what each answered",
      access: "act",
      reply: sinks.alertTestReply,
    },
  },
  "/api/alerts/:id/ack": {
    post: {
      about: "Says that somebody cares about an alert that fires; idempotent",
      access: "act",
      param: z.strictObject({ id: alerts.alertId }),
      json: alerts.alertAck,
      reply: alerts.alertAcked,
    },
  },
  "/api/events": {
    get: {
      about: "Events as they happen, as server-sent events; resumes after Last-Event-ID",
      access: "read",
      query: shape.eventsQuery,
      answers: "events",
    },
  },
  "/api/actors": {
    get: { about: "The supervision tree", access: "read", reply: shape.treeNode },
  },
  "/api/actors/:path{.+}": {
    get: {
      about: "One node and what it can be sent",
      access: "read",
      param: actorPath,
      reply: shape.actorReply,
    },
  },
  "/api/actors/:path{.+}/messages": {
    post: {
      about: "Sends a message, checked against the protocol of the actor",
      access: "act",
      param: actorPath,
      json: shape.sendBody,
      reply: shape.sendReply,
    },
  },
  "/api/actors/:path{.+}/restart": {
    post: {
      about: "Restarts an actor or supervisor",
      access: "act",
      param: actorPath,
      reply: shape.nodeDone,
    },
  },
  "/api/actors/:path{.+}/stop": {
    post: {
      about: "Drains and stops an actor or supervisor for good",
      access: "act",
      param: actorPath,
      reply: shape.nodeDone,
    },
  },
  "/api/restarts": {
    get: {
      about: "What was restarted, ended for good or gave up, and why; the latest first",
      access: "read",
      query: shape.restartsQuery,
      reply: shape.restartsReply,
    },
  },
  "/api/dead-letters": {
    get: {
      about: "Messages that were not handled, by ascending id, or the latest first",
      access: "read",
      query: shape.lettersQuery,
      reply: shape.lettersReply,
    },
    delete: {
      about: "Forgets dead letters; without a filter all, up to the limit",
      access: "act",
      query: shape.lettersAction,
      reply: shape.lettersDone,
    },
  },
  "/api/dead-letters/replay": {
    post: {
      about: "Sends dead letters again, oldest first",
      access: "act",
      query: shape.lettersAction,
      reply: shape.lettersDone,
    },
  },
  "/api/dead-letters/:id": {
    get: {
      about: "One dead letter, with its payload",
      access: "read",
      param: letterId,
      reply: shape.deadLetter,
    },
    delete: {
      about: "Forgets one dead letter",
      access: "act",
      param: letterId,
      reply: shape.lettersDone,
    },
  },
  "/api/dead-letters/:id/replay": {
    post: {
      about: "Sends one dead letter again",
      access: "act",
      param: letterId,
      reply: shape.lettersDone,
    },
  },
  "/api/labels": {
    get: {
      about: "Labels of a range: stored ones, or computed ones for other parameters or kinds",
      access: "read",
      query: shape.labelsQuery,
      answers: "page",
      reply: shape.labelsReply,
    },
  },
  "/api/labels/overview": {
    get: {
      about: "What labels came to since the label pool started: counts by outcome, and the last",
      access: "read",
      reply: labels.labelsOverview,
    },
  },
  "/api/labels/stream": {
    get: {
      about:
        "Every label and revision once, in order, live; NDJSON, or server-sent events by Accept",
      access: "read",
      query: shape.streamQuery,
      answers: "stream",
      reply: shape.streamLine,
    },
  },
  "/api/webhooks": {
    get: {
      about: "URLs that labels are delivered to, and how each is doing",
      access: "read",
      reply: shape.webhooksReply,
    },
  },
  "/api/candles": {
    get: {
      about: "Candles of a range",
      access: "read",
      query: shape.candlesQuery,
      answers: "page",
      reply: shape.candlesReply,
    },
    post: {
      about: "Takes candles: NDJSON, or a JSON array or object, plain or gzip",
      access: "act",
      query: shape.pushQuery,
      push: true,
      reply: shape.pushReply,
    },
  },
  "/api/series": {
    get: { about: "Series that hold candles", access: "read", reply: shape.seriesReply },
  },
  "/api/series/:series/chart": {
    get: {
      about: "The last candles of a series, their labels and its open events, as columns",
      access: "read",
      param: oneSeries,
      query: labels.chartQuery,
      reply: labels.chartReply,
    },
  },
  "/api/series/:series/open-events": {
    get: {
      about: "Events of a series that no candle has decided yet, the oldest first",
      access: "read",
      param: oneSeries,
      reply: labels.openEventsReply,
    },
  },
  "/api/instruments": {
    get: {
      about: "The registered instruments",
      access: "read",
      reply: z.strictObject({ instruments: z.array(shape.instrument) }),
    },
  },
  "/api/instruments/:symbol": {
    get: {
      about: "One instrument, registered or by default",
      access: "read",
      param: oneSymbol,
      reply: shape.instrument,
    },
    put: {
      about: "Registers or replaces an instrument",
      access: "act",
      param: oneSymbol,
      json: shape.instrumentSpec,
      reply: shape.instrument,
    },
  },
  "/api/levels": {
    get: {
      about: "Support and resistance levels of an instrument",
      access: "read",
      query: oneSymbol,
      reply: shape.levelsReply,
    },
    put: {
      about: "Replaces the levels of an instrument",
      access: "act",
      query: oneSymbol,
      json: shape.levels,
      jsonBytesMax: LEVELS_BYTES_MAX,
      reply: shape.levelsReply,
    },
  },
  "/api/jobs": {
    get: { about: "Jobs that fetch from providers", access: "read", reply: jobs.jobsReply },
    post: {
      about: "Starts a job, or goes on with it",
      access: "act",
      json: jobs.jobStart,
      jsonBytesMax: JOB_BYTES_MAX,
      reply: jobs.jobStatus,
    },
  },
  "/api/jobs/:id": {
    get: { about: "One job", access: "read", param: jobId, reply: jobs.jobStatus },
  },
  "/api/jobs/:id/pause": {
    post: {
      about: "Lets calls under way end, saves, and stops until resumed",
      access: "act",
      param: jobId,
      reply: jobs.jobStatus,
    },
  },
  "/api/jobs/:id/resume": {
    post: {
      about: "Goes on with a job that is paused or failed",
      access: "act",
      param: jobId,
      reply: jobs.jobStatus,
    },
  },
  "/api/jobs/:id/cancel": {
    post: {
      about: "Ends a job for good, and its schedule",
      access: "act",
      param: jobId,
      reply: jobs.jobStatus,
    },
  },
  "/api/jobs/:id/report": {
    get: {
      about: "Report of a job's run so far, or of its last one",
      access: "read",
      param: jobId,
      reply: jobs.runReport,
    },
  },
  "/api/reports": {
    get: {
      about: "Reports of ended runs, oldest first",
      access: "read",
      query: jobs.reportsQuery,
      reply: jobs.reportsReply,
    },
  },
  "/api/providers": {
    get: {
      about: "Upstream providers: limits, breaker, counts by endpoint",
      access: "read",
      reply: jobs.providersReply,
    },
  },
  "/api/cache/stats": {
    get: { about: "How full the cache is, and its sums", access: "read", reply: cache.cacheStats },
  },
  "/api/cache/report": {
    get: {
      about: "What the cache did by type, what it cost upstream, and what to change",
      access: "read",
      reply: cache.cacheReport,
    },
  },
  "/api/cache/keys/:key": {
    get: {
      about: "What is known of a key: state, tier, age, time left, why it went, who depends on it",
      access: "read",
      param: z.strictObject({ key: cache.cacheKey }),
      reply: cache.cacheExplanation,
    },
  },
  "/api/cache/get": {
    post: {
      about: "Values of keys, loaded where they are not there",
      access: "read",
      json: cache.cacheGet,
      jsonBytesMax: CACHE_BYTES_MAX,
      reply: cache.cacheFound,
    },
  },
  "/api/cache/set": {
    post: {
      about: "Puts entries in",
      access: "act",
      json: cache.cacheSet,
      jsonBytesMax: CACHE_BYTES_MAX,
      reply: cache.cacheKept,
    },
  },
  "/api/cache/prices": {
    post: {
      about: "Prices of symbols, loaded where they are not there",
      access: "read",
      json: cache.pricesGet,
      reply: cache.pricesFound,
    },
    put: {
      about: "Puts prices in",
      access: "act",
      json: cache.pricesSet,
      reply: cache.cacheKept,
    },
  },
  "/api/cache/invalidate": {
    post: {
      about: "Ends entries by key, pattern, tag or dependency, and what was made of them",
      access: "act",
      json: cache.cacheInvalidate,
      jsonBytesMax: CACHE_BYTES_MAX,
      reply: cache.cacheEnded,
    },
  },
  "/api/cache/protect": {
    post: {
      about: "Keeps keys of a pattern from being evicted",
      access: "act",
      json: cache.cachePattern,
      reply: cache.cacheProtection,
    },
  },
  "/api/cache/unprotect": {
    post: {
      about: "Takes such a pattern back",
      access: "act",
      json: cache.cachePattern,
      reply: cache.cacheProtection,
    },
  },
  "/api/nodes": {
    get: {
      about: "The nodes that share the work: who has which partition, how far behind, and moves",
      access: "read",
      reply: nodes.nodesReply,
    },
  },
  "/api/tuning": {
    get: {
      about: "What the monitor changes by itself: knobs, their bounds, and every change with why",
      access: "read",
      reply: tuning.tuningReply,
    },
  },
  ...WARMING_ROUTES,
  ...REFRESH_ROUTES,
  ...LIVE_ROUTES,
  ...NODE_ACTOR_ROUTES,
  "/api/backup": {
    post: {
      about: "Makes a consistent copy of the store in a new file on the service's machine",
      access: "act",
      json: shape.backupBody,
      reply: shape.backupReply,
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, RouteSpec>>>>;

/**
 * The table's type.
 *
 * @internal
 */
export type Routes = typeof ROUTES;

/** No parameters. */
type Nothing = Record<never, never>;

/** @internal */
type InputOf<S, K extends "param" | "query" | "json"> = S extends
  { readonly [P in K]: infer T extends z.ZodType } ? { [P in K]: z.input<T> } : Nothing;

/** @internal */
type ReplyOf<S> = S extends { readonly reply: infer T extends z.ZodType } ? z.output<T> : string;

/** @internal */
type FormatOf<S> = S extends { readonly answers: infer A }
  ? A extends "json" | "page" ? "json" : "text"
  : "json";

/** The table as hono's client reads it. */
export type AdminSchema = {
  [P in keyof Routes]: {
    [M in keyof Routes[P] & string as `$${M}`]: {
      input:
        & InputOf<Routes[P][M], "param">
        & InputOf<Routes[P][M], "query">
        & InputOf<Routes[P][M], "json">;
      output: ReplyOf<Routes[P][M]>;
      outputFormat: FormatOf<Routes[P][M]>;
      status: 200;
    };
  };
};

/** The app's type. */
export type AdminApp = Hono<Record<never, never>, AdminSchema, "/">;
