/**
 * Range queries of pages.
 *
 * @module
 */

import type { z } from "zod";
import type { RangeQuery } from "../port.ts";
import type { candlesQuery } from "../schemas.ts";

/** The range that a page's query means; `more` rows beyond its limit tell whether there is a next. */
export function rangeOf(query: z.output<typeof candlesQuery>, more: number): RangeQuery {
  const { series, from, to, limit, cursor, asOf } = query;
  return {
    series,
    fromTs: cursor === undefined ? from ?? -Infinity : Number(cursor),
    toTs: to ?? Infinity,
    limit: limit + more,
    asOf: asOf ?? null,
  };
}
