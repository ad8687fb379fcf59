/**
 * Topics of the live stream, each with the route whose answer it sends: what a page is shown live is
 * what it would be answered when it asked.
 *
 * @module
 */

/** A route of the table that is asked for a topic. */
export interface TopicRoute {
  /** As `api.ts` has it, without parameters; that it is there is checked where it is asked. */
  readonly path: string;
  /** As it would stand in the request. */
  readonly query?: Readonly<Record<string, string>>;
}

/**
 * Where a topic comes from: the answer of a route; of several, each under its name; or
 * `own`, which `routes/live.ts` makes by itself.
 */
export type TopicSource =
  | { readonly route: TopicRoute }
  | { readonly routes: Readonly<Record<string, TopicRoute>> }
  | { readonly own: true };

/** See the module's text. */
export const LIVE_TOPICS = {
  health: { route: { path: "/api/health" } },
  /** A handful of figures for a page's head. */
  counts: { own: true },
  /** Only the newest point. */
  figures: { route: { path: "/api/figures", query: { limit: "1", watch: "true" } } },
  alerts: { route: { path: "/api/alerts", query: { past: "50" } } },
  actors: { route: { path: "/api/actors" } },
  letters: { route: { path: "/api/dead-letters", query: { limit: "200", latestFirst: "true" } } },
  labels: { route: { path: "/api/labels/overview" } },
  cache: { route: { path: "/api/cache/stats" } },
  warming: {
    routes: { stats: { path: "/api/warming/stats" }, status: { path: "/api/warming/status" } },
  },
  refresh: { route: { path: "/api/refresh/stats" } },
  runs: { route: { path: "/api/runs" } },
  jobs: { route: { path: "/api/jobs" } },
  providers: { route: { path: "/api/providers" } },
  nodes: { route: { path: "/api/nodes" } },
  tuning: { route: { path: "/api/tuning" } },
  /** Lines as they come. */
  log: { own: true },
} as const satisfies Readonly<Record<string, TopicSource>>;

/** Name of a topic. */
export type LiveTopic = keyof typeof LIVE_TOPICS;

/** All of them. */
export const LIVE_TOPIC_NAMES: readonly LiveTopic[] = Object.keys(LIVE_TOPICS) as LiveTopic[];
