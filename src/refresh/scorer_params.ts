/**
 * Reading of parameters of the built-in scorers: plain data from outside.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import type { EdgeNames } from "./edges.ts";

/** Throws that a scorer cannot be made of this. */
export function refuse(scorer: string, expected: string, current: unknown): never {
  throw new RefreshError(
    "scorer",
    `Cannot make scorer ${scorer}: expected ${expected}: current value is ${shown(current)}`,
  );
}

/**
 * Parameters by name; nothing for undefined.
 *
 * @throws {RefreshError} code `scorer`, when they are no object or one has an unknown name.
 */
export function paramsOf(
  scorer: string,
  params: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  if (params === undefined || params === null) return {};
  if (typeof params !== "object" || Array.isArray(params)) refuse(scorer, "an object", params);
  const unknown = Object.keys(params).find((name) => !names.includes(name));
  if (unknown !== undefined) refuse(scorer, `only ${names.join(", ")}`, unknown);
  return { ...params };
}

/**
 * A number between `min` and `max`, or what is used without one.
 *
 * @throws {RefreshError} code `scorer`.
 */
export function numberIn(
  scorer: string,
  name: string,
  value: unknown,
  range: { readonly min: number; readonly max: number; readonly usual: number },
): number {
  if (value === undefined) return range.usual;
  if (typeof value === "number" && value >= range.min && value <= range.max) return value;
  return refuse(scorer, `${name} from ${range.min} to ${range.max}`, value);
}

/**
 * Handle of an edge that a parameter names.
 *
 * @throws {RefreshError} code `scorer`, when there is none.
 */
export function edgeOf(scorer: string, edges: EdgeNames, id: unknown): number {
  const handle = typeof id === "string" ? edges.handleOf(id) : undefined;
  return handle ?? refuse(scorer, "the id of an edge", id);
}
