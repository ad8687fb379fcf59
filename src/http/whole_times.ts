/**
 * Times for people and screens.
 *
 * @module
 */

/** Names of times, epoch ms; durations end in `Ms` alone and keep their fractions. */
const TIME = /^(?:at|atMs|sinceMs|startedAt|\w+AtMs)$/;

/**
 * A copy of plain data in which times are whole milliseconds: the clock's fractions say nothing
 * outside. What is called `metadata` is the sender's and stays as it came. O(size); data of a
 * known, shallow shape only, since it recurses.
 */
export function wholeTimes<T>(value: T): T {
  return walk(value) as T;
}

function walk(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(walk);
  if (typeof value !== "object" || value === null) return value;
  const made: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    made[name] = typeof part === "number"
      ? TIME.test(name) ? Math.round(part) : part
      : name === "metadata"
      ? part
      : walk(part);
  }
  return made;
}
