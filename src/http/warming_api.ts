/**
 * The routes of warming, as `api.ts` has all others: under `/api/warming`, and under `/warming`, where
 * older programs ask.
 *
 * @module
 */

import type { RouteSpec } from "./api.ts";
import {
  WARM_ACCESSES_BYTES_MAX,
  WARM_CALENDAR_BYTES_MAX,
  WARM_SECTORS_BYTES_MAX,
} from "./limits.ts";
import * as input from "./warming_input.ts";
import * as shape from "./warming_schemas.ts";

const SPECS = {
  stats: {
    get: {
      about: "What warming did by strategy, what that cost, and what is left of its budget",
      access: "read",
      reply: shape.warmingStats,
    },
  },
  status: {
    get: {
      about: "Whether strategies run, when they run next, what their last runs came to",
      access: "read",
      reply: shape.warmingStatus,
    },
  },
  patterns: {
    get: {
      about: "What is asked for: most, more than before, and by hour",
      access: "read",
      reply: shape.warmingPatterns,
    },
  },
  run: {
    post: {
      about: "Runs a strategy, or all of them, within the budget",
      access: "act",
      json: input.warmingRun,
      jsonForm: "any_type",
      reply: shape.warmingRan,
    },
  },
  accesses: {
    post: {
      about: "Takes accesses made elsewhere: a JSON array, or NDJSON",
      access: "act",
      json: input.warmingAccesses,
      jsonBytesMax: WARM_ACCESSES_BYTES_MAX,
      jsonForm: "lines",
      reply: shape.warmingTaken,
    },
  },
  sectors: {
    put: {
      about: "Replaces the sectors that symbols are in, beside those of their instruments",
      access: "act",
      json: input.warmingSectors,
      jsonBytesMax: WARM_SECTORS_BYTES_MAX,
      reply: shape.warmingSectorsKept,
    },
  },
  calendar: {
    put: {
      about: "Replaces the dates of earnings and other events",
      access: "act",
      json: input.warmingCalendar,
      jsonBytesMax: WARM_CALENDAR_BYTES_MAX,
      reply: shape.warmingCalendarKept,
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, RouteSpec>>>>;

/** Where they are. */
const BASES = ["/api/warming", "/warming"] as const;

type Base = (typeof BASES)[number];

/** Something for each route by its last segment, under both bases. */
export type UnderBases<T> = {
  readonly [K in keyof T & string as `${Base}/${K}`]: T[K];
};

/** As {@linkcode UnderBases}. */
export function underBases<T extends Readonly<Record<string, unknown>>>(each: T): UnderBases<T> {
  const made = BASES.flatMap((base) =>
    Object.entries(each).map(([name, one]) => [`${base}/${name}`, one])
  );
  return Object.fromEntries(made);
}

/** See the module's text. */
export const WARMING_ROUTES: UnderBases<typeof SPECS> = underBases(SPECS);
