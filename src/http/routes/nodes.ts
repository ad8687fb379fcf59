/**
 * The route about the nodes that share the work.
 *
 * @module
 */

import type { Handlers, Surroundings } from "../handler.ts";

/** See the module's text. */
export function nodeRoutes({ port }: Surroundings): Pick<Handlers, "/api/nodes"> {
  return { "/api/nodes": { get: () => port.nodes() } };
}
