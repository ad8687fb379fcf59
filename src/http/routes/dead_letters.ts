/**
 * Routes about dead letters: look, replay, drop; one by one, by number or by filter.
 *
 * @module
 */

import type { z } from "zod";
import type { Handlers, Surroundings } from "../handler.ts";
import { LETTER_CHARS_MAX, LETTER_PREVIEW_CHARS } from "../limits.ts";
import { plainOf } from "../plain.ts";
import type { KeptLetter, LetterQuery, PlannedReplay, Replayed } from "../port.ts";
import { HttpProblem, problemOf } from "../problem.ts";
import {
  type deadLetter,
  LETTER_PLACES_MAX,
  LETTER_PROBLEMS_MAX,
  type lettersAction,
  type lettersDone,
  type lettersQuery,
} from "../schemas.ts";

type Base = "/api/dead-letters";
type Paths = Base | `${Base}/replay` | `${Base}/:id` | `${Base}/:id/replay`;
type Action = z.output<typeof lettersAction>;
type Done = z.input<typeof lettersDone>;

/** See the module's text. */
export function deadLetterRoutes({ port }: Surroundings): Pick<Handlers, Paths> {
  const { letters } = port;
  const meant = async (action: Action) =>
    action.ids !== undefined
      ? [...new Set(action.ids.split(",").map(Number))].slice(0, action.limit)
      : (await letters.list(queryOf(action, 0, action.limit))).map(({ id }) => id);
  return {
    "/api/dead-letters": {
      get: async ({ query }) => {
        const found = await letters.list(pageQuery(query));
        const page = found.slice(0, query.limit);
        const next = found.length > query.limit ? String(page.at(-1)?.id) : null;
        const { counts, kept, evicted } = await letters.counts();
        const shown = page.map((letter) => shownLetter(letter, LETTER_PREVIEW_CHARS));
        return { letters: shown, next, counts: { ...counts }, kept, evicted };
      },
      delete: async ({ query }) => {
        const ids = await meant(query);
        if (query.dryRun) {
          const planned = await letters.plan(ids);
          return plannedDone(planned.map((one) => ({ ...one, problem: null })));
        }
        const dropped = ids.length === 0 ? 0 : await letters.drop(ids);
        return { ...NONE, matched: ids.length, accepted: dropped };
      },
    },
    "/api/dead-letters/replay": {
      post: async ({ query }) => {
        const ids = await meant(query);
        if (query.dryRun) return plannedDone(await letters.plan(ids));
        return ids.length === 0 ? NONE : doneOf(await letters.replay(ids));
      },
    },
    "/api/dead-letters/:id": {
      get: async ({ param }) => {
        const letter = await letters.get(Number(param.id));
        if (letter === null) throw notKept(param.id);
        return shownLetter(letter, LETTER_CHARS_MAX);
      },
      delete: async ({ param }) => {
        const dropped = await letters.drop([Number(param.id)]);
        if (dropped === 0) throw notKept(param.id);
        return { ...NONE, matched: 1, accepted: 1 };
      },
    },
    "/api/dead-letters/:id/replay": {
      post: async ({ param }) => {
        const replayed = await letters.replay([Number(param.id)]);
        const [one] = replayed;
        if (one === undefined || one.state === "unknown") throw notKept(param.id);
        if (one.state === "failed") throw problemOf(one.error);
        return doneOf(replayed);
      },
    },
  };
}

const NONE: Done = {
  matched: 0,
  accepted: 0,
  refused: 0,
  problems: [],
  places: [],
  dryRun: false,
};

function doneOf(replayed: readonly Replayed[]): Done {
  const failed = replayed.filter((one) => one.state === "failed");
  const accepted = replayed.filter(({ state }) => state === "accepted").length;
  const problems = problemsOf(failed);
  // One that somebody else took meanwhile is not this replay's.
  const matched = replayed.filter(({ state }) => state !== "unknown").length;
  return { ...NONE, matched, accepted, refused: matched - accepted, problems };
}

/** What a dry run found out. */
function plannedDone(planned: readonly PlannedReplay[]): Done {
  const places = new Map<string, Done["places"][number]>();
  for (const { path, type, problem } of planned) {
    const key = JSON.stringify([path, type]);
    const place = places.get(key) ?? { path, type, letters: 0, accepted: 0 };
    place.letters++;
    if (problem === null) place.accepted++;
    places.set(key, place);
  }
  const blocked = planned.filter(({ problem }) => problem !== null);
  const matched = planned.length;
  return {
    matched,
    accepted: matched - blocked.length,
    refused: blocked.length,
    problems: problemsOf(blocked.map(({ id, problem }) => ({ id, error: problem }))),
    places: [...places.values()].sort((a, b) => b.letters - a.letters).slice(0, LETTER_PLACES_MAX),
    dryRun: true,
  };
}

function problemsOf(
  failed: readonly { readonly id: number; readonly error: unknown }[],
): Done["problems"] {
  return failed.slice(0, LETTER_PROBLEMS_MAX).map(({ id, error }) => {
    const { code, message } = problemOf(error);
    return { id, code, detail: message };
  });
}

/** One more than the page, to see whether there are more. */
function pageQuery(query: z.output<typeof lettersQuery>): LetterQuery {
  const { cursor, latestFirst, limit } = query;
  if (!latestFirst) return queryOf(query, Number(cursor ?? 0), limit + 1);
  const before = cursor === undefined ? {} : { beforeId: Number(cursor) };
  return { ...queryOf(query, 0, limit + 1), ...before, isLatestFirst: true };
}

function queryOf(
  { path, type, reason }: Pick<Action, "path" | "type" | "reason">,
  afterId: number,
  limit: number,
): LetterQuery {
  return {
    ...(path === undefined ? {} : { path }),
    ...(type === undefined ? {} : { type }),
    ...(reason === undefined ? {} : { reason }),
    afterId,
    limit,
  };
}

function notKept(id: string): HttpProblem {
  return new HttpProblem(404, "no_letter", `Cannot find dead letter ${id}: it is not kept`);
}

function shownLetter(letter: KeptLetter, charsMax: number): z.input<typeof deadLetter> {
  return { ...letter, payload: plainOf(letter.payload, charsMax) };
}
