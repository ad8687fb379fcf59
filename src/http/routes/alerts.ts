/**
 * Routes about alerts: what is wrong, what was, and that somebody cares.
 *
 * @module
 */

import type { Handlers, Surroundings } from "../handler.ts";
import { HttpProblem } from "../problem.ts";

type Paths =
  | "/api/alerts"
  | "/api/alerts/sinks"
  | "/api/alerts/test"
  | "/api/alerts/:id/ack";

/** See the module's text. */
export function alertRoutes({ port }: Surroundings): Pick<Handlers, Paths> {
  return {
    "/api/alerts": {
      get: async ({ query }) => {
        const { active, past } = await port.alerts.list(query.past);
        return { active: [...active], past: [...past] };
      },
    },
    "/api/alerts/sinks": {
      get: async () => ({ sinks: [...await port.alerts.sinks()] }),
    },
    "/api/alerts/test": {
      post: async () => ({ sinks: [...await port.alerts.test()] }),
    },
    "/api/alerts/:id/ack": {
      post: async ({ param, json }) => {
        const done = await port.alerts.acknowledge(param.id, json.by, json.note);
        if (done.state !== "unknown") return done;
        throw new HttpProblem(
          404,
          "no_alert",
          `Cannot acknowledge alert ${param.id}: expected one that fires`,
        );
      },
    },
  };
}
