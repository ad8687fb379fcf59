/**
 * The route about tuning. What may be tuned is set by the configuration, so there is nothing to act on.
 *
 * @module
 */

import type { Handlers, Surroundings } from "../handler.ts";

/** See the module's text. */
export function tuningRoutes({ port }: Surroundings): Pick<Handlers, "/api/tuning"> {
  return { "/api/tuning": { get: () => port.tuning() } };
}
