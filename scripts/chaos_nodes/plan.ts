/**
 * What happens to the nodes, from a seed: the same number of each kind, in random order, such that
 * there are always some nodes and never too many.
 *
 * @module
 */

import type { Random } from "../../src/actor/clock.ts";

/** What happens. */
export const EVENTS = ["kill", "pause", "join", "leave", "redis"] as const;

/** See {@linkcode EVENTS}. */
export type ChaosEvent = (typeof EVENTS)[number];

/** Nodes at first. */
export const NODES = 3;
/** Nodes at least and at most. */
export const NODES_MIN = 2;
export const NODES_MAX = 4;

/** Events in their order. */
export function planOf(count: number, random: Random): ChaosEvent[] {
  const left = new Map<ChaosEvent, number>();
  EVENTS.forEach((event, i) => left.set(event, Math.ceil((count - i) / EVENTS.length)));
  const plan: ChaosEvent[] = [];
  let nodes = NODES;
  while (plan.length < count) {
    const open = EVENTS.filter((event) => (left.get(event) ?? 0) > 0);
    const fits = open.filter((event) =>
      event === "join" ? nodes < NODES_MAX : event !== "leave" || nodes > NODES_MIN
    );
    // Where only joins are left to a full group, one of its nodes is killed instead.
    const event = fits.length > 0 ? drawn(fits, left, random) : "kill";
    left.set(event, (left.get(event) ?? 0) - 1);
    if (event === "join") nodes++;
    if (event === "leave") nodes--;
    plan.push(event);
  }
  return plan;
}

/** By how many of each are left, so that they end together. */
function drawn(
  events: readonly ChaosEvent[],
  left: ReadonlyMap<ChaosEvent, number>,
  random: Random,
): ChaosEvent {
  const sum = events.reduce((total, event) => total + (left.get(event) ?? 0), 0);
  let at = random.next() * sum;
  for (const event of events) {
    at -= left.get(event) ?? 0;
    if (at < 0) return event;
  }
  return events.at(-1) as ChaosEvent;
}

/** One of some. */
export function oneOf<T>(all: readonly T[], random: Random): T | null {
  return all[Math.floor(random.next() * all.length)] ?? null;
}
