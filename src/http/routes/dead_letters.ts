/**
 * Routes about dead letters: look, replay, drop; one by one or by filter.
 *
 * @module
 */

import type { z } from "zod";
import type { DeadLetter } from "../../actor/dead_letters.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { LETTER_CHARS_MAX, LETTER_PREVIEW_CHARS } from "../limits.ts";
import { plainOf } from "../plain.ts";
import type { LetterQuery, LettersPort } from "../port.ts";
import { HttpProblem } from "../problem.ts";
import type { deadLetter, lettersAction } from "../schemas.ts";

type Base = "/api/dead-letters";
type Paths = Base | `${Base}/replay` | `${Base}/:id` | `${Base}/:id/replay`;
type Action = z.output<typeof lettersAction>;

/** See the module's text. */
export function deadLetterRoutes({ port }: Surroundings): Pick<Handlers, Paths> {
  const { letters } = port;
  return {
    "/api/dead-letters": {
      get: async ({ query: { cursor, limit, ...filter } }) => {
        const afterId = Number(cursor ?? 0);
        const found = await letters.list(queryOf(filter, afterId, limit + 1));
        const page = found.slice(0, limit);
        const next = found.length > limit ? String(page.at(-1)?.id) : null;
        const { counts, kept, evicted } = await letters.counts();
        const shown = page.map((letter) => shownLetter(letter, LETTER_PREVIEW_CHARS));
        return { letters: shown, next, counts: { ...counts }, kept, evicted };
      },
      delete: async ({ query }) =>
        await each(letters, query, async (id) => await letters.drop(id) ? "accepted" : null),
    },
    "/api/dead-letters/replay": {
      post: async ({ query }) => await each(letters, query, (id) => letters.replay(id)),
    },
    "/api/dead-letters/:id": {
      get: async ({ param }) => shownLetter(await letterOf(letters, param.id), LETTER_CHARS_MAX),
      delete: async ({ param }) => {
        const { id } = await letterOf(letters, param.id);
        const dropped = await letters.drop(id);
        return { matched: 1, accepted: dropped ? 1 : 0, refused: 0, dryRun: false };
      },
    },
    "/api/dead-letters/:id/replay": {
      post: async ({ param }) => {
        const { id } = await letterOf(letters, param.id);
        const result = await letters.replay(id);
        const accepted = result === "accepted" ? 1 : 0;
        return { matched: 1, accepted, refused: result === "refused" ? 1 : 0, dryRun: false };
      },
    },
  };
}

/** Does something with every letter that is meant, those that are dead when it begins. */
async function each(
  letters: LettersPort,
  { dryRun, limit, ...filter }: Action,
  act: (id: number) => unknown,
) {
  const found = await letters.list(queryOf(filter, 0, limit));
  let accepted = 0, refused = 0;
  for (const { id } of dryRun ? [] : found) {
    const result = await act(id);
    if (result === "accepted") accepted++;
    else if (result === "refused") refused++;
  }
  return { matched: found.length, accepted, refused, dryRun };
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

async function letterOf(letters: LettersPort, id: string): Promise<DeadLetter> {
  const letter = await letters.get(Number(id));
  if (letter !== null) return letter;
  throw new HttpProblem(404, "no_letter", `Cannot find dead letter ${id}: it is not kept`);
}

function shownLetter(letter: DeadLetter, charsMax: number): z.input<typeof deadLetter> {
  return { ...letter, payload: plainOf(letter.payload, charsMax) };
}
