/**
 * Routes about optimisation runs: making, changing, refreshing and explaining them.
 *
 * @module
 */

import type { RefreshAnswer } from "../../refresh/service_types.ts";
import type { Handlers } from "../handler.ts";
import type { RefreshPort } from "../port.ts";
import { HttpProblem, retryAfter } from "../problem.ts";
import { wholeTimes } from "../whole_times.ts";

type Run = "/api/runs/:id";
type Paths =
  | "/api/runs"
  | Run
  | `${Run}/change`
  | `${Run}/refresh`
  | `${Run}/rebuild`
  | `${Run}/explain`;

/** After which time a refresh for which there was no room is worth another try, ms. */
const AGAIN_MS = 1_000;

/** See the module's text. */
export function runRoutes(refresh: () => RefreshPort): Pick<Handlers, Paths> {
  return {
    "/api/runs": {
      get: async () => ({ runs: (await refresh().runs()).map(wholeTimes) }),
      post: async ({ json }) => {
        const made = await refresh().createRun(json);
        if (made.state === "created") return wholeTimes(made.run);
        if (made.state === "refused") throw new HttpProblem(422, made.code, made.message);
        const detail = `Cannot make run ${json.runId}: there is one of that id`;
        throw new HttpProblem(409, "run_exists", detail, { found: json.runId });
      },
    },
    "/api/runs/:id": {
      get: async ({ param: { id } }) => wholeTimes(await refresh().run(id) ?? thrown(id)),
      delete: async ({ param: { id } }) => {
        if (await refresh().removeRun(id)) return { runId: id, removed: true };
        throw unknownRun(id);
      },
    },
    "/api/runs/:id/change": {
      post: async ({ param: { id }, json }) => {
        const answer = await refresh().changeRun(id, json);
        if (answer.state === "recorded") return { changes: answer.changes };
        if (answer.state === "unknown_run") throw unknownRun(id);
        throw new HttpProblem(422, answer.code, answer.message);
      },
    },
    "/api/runs/:id/refresh": {
      post: async ({ param: { id }, query: { fallback } }) => {
        const how = fallback ? "with_fallback" : "refresh";
        return wholeTimes(doneOf(id, await refresh().refresh(id, how)).report);
      },
    },
    "/api/runs/:id/rebuild": {
      post: async ({ param: { id } }) =>
        wholeTimes(doneOf(id, await refresh().refresh(id, "rebuild")).report),
    },
    "/api/runs/:id/explain": {
      get: async ({ param: { id }, query }) => {
        const found = await refresh().explain(id, query.set ?? null) ?? thrown(id);
        if (query.set === undefined || found.set !== null) return wholeTimes(found);
        const detail = `Cannot find set ${query.set}: run ${id} has none of that id`;
        throw new HttpProblem(404, "unknown_set", detail, { found: query.set });
      },
    },
  };
}

/** A run that there is not. */
export function unknownRun(runId: string): HttpProblem {
  return new HttpProblem(404, "unknown_run", `Cannot find run ${runId}: there is none`, {
    found: runId,
  });
}

function thrown(runId: string): never {
  throw unknownRun(runId);
}

/**
 * What a refresh came to; one that failed is an answer, too: its report says so.
 *
 * @throws {HttpProblem} 404 `unknown_run`, 409 `cancelled`, 503 `busy`.
 */
export function doneOf<A extends { readonly state: RefreshAnswer["state"] }>(
  runId: string,
  answer: A,
): Extract<A, { readonly state: "done" }> {
  switch (answer.state) {
    case "done":
      // What the compiler cannot see of a type that is not known yet.
      return answer as Extract<A, { readonly state: "done" }>;
    case "unknown_run":
      throw unknownRun(runId);
    case "cancelled": {
      const detail = `Cannot refresh run ${runId}: it was removed, or stopped, meanwhile`;
      throw new HttpProblem(409, "cancelled", detail);
    }
    case "busy": {
      const detail = `Cannot refresh run ${runId} now: as many refreshes wait as may`;
      throw new HttpProblem(503, "busy", detail, { retryAfterMs: AGAIN_MS }, retryAfter(AGAIN_MS));
    }
  }
}
