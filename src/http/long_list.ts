/**
 * Lists of many thousand items as a schema. A list that is too long is refused before any item is
 * looked at, and a list of wrong items after a few of them: millions of complaints take seconds and
 * gigabytes.
 *
 * @module
 */

import { z } from "zod";

/** Wrong items of a list that are named: as many as an answer shows. */
const WRONG_MAX = 20;

/** Bounds of a list. */
export interface LongListBounds {
  /** Fewest items; default 0. */
  readonly min?: number;
  /** Most items. */
  readonly max: number;
  /** Whether an item is right as it is: saves the schema's look at it. */
  readonly isRight?: (item: unknown) => boolean;
}

/**
 * A list whose items have that schema, which must have no name of its own: the JSON Schema of the
 * list holds it in place. O(items).
 *
 * @example
 * ```ts
 * import { z } from "zod";
 * import { longList } from "./long_list.ts";
 *
 * const prices = longList(z.number().min(0), { max: 100_000 });
 * const { error } = prices.safeParse([1, -1]);
 * console.assert(error?.issues[0]?.path[0] === 1);
 * ```
 */
export function longList<T extends z.ZodType>(
  item: T,
  bounds: LongListBounds,
): z.ZodType<z.output<T>[], z.input<T>[]> {
  const { min = 0, max } = bounds;
  const checked = z.custom<z.output<T>[]>().meta({
    type: "array",
    items: inlined(item),
    ...(min === 0 ? {} : { minItems: min }),
    maxItems: max,
  });
  const list = z.preprocess((value, ctx) => itemsOf(value, item, bounds, ctx), checked);
  // What goes in is said by the item's schema; the type of a preprocessing is unknown.
  return list as unknown as z.ZodType<z.output<T>[], z.input<T>[]>;
}

function itemsOf<T extends z.ZodType>(
  list: unknown,
  item: T,
  { min = 0, max, isRight = () => false }: LongListBounds,
  ctx: z.RefinementCtx,
): unknown[] {
  const complain = (message: string, path: PropertyKey[] = []) => {
    ctx.addIssue({ code: "custom", path, message });
    return [];
  };
  if (!Array.isArray(list)) return complain("expected an array");
  if (list.length < min) return complain(`expected at least ${min} of them`);
  if (list.length > max) return complain(`expected at most ${max} of them`);
  const made: unknown[] = [];
  let wrong = 0;
  for (let at = 0; at < list.length && wrong < WRONG_MAX; at++) {
    if (isRight(list[at])) {
      made.push(list[at]);
      continue;
    }
    const parsed = item.safeParse(list[at]);
    if (parsed.success) made.push(parsed.data);
    else {
      wrong++;
      for (const { path, message } of parsed.error.issues) complain(message, [at, ...path]);
    }
  }
  return made;
}

/** The JSON Schema of an item, in place. */
function inlined(item: z.ZodType): Record<string, unknown> {
  const { $schema: _schema, id: _id, ...json } = z.toJSONSchema(item, {
    io: "input",
    unrepresentable: "any",
  });
  return json;
}
