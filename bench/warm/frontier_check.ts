/**
 * The full rig against the README's frontiers at a few floors: an unbounded cache, fresh hits without
 * stale answers, and what is served with them. The fast count of `frontier.ts` has every point; this
 * shows that it holds with latencies, limits and failures.
 *
 * @module
 */

import { type Figures, spreadOf } from "../support/figures.ts";
import { aboveFrontier, FRESH_FRONTIERS, SERVED_FRONTIERS } from "./readme_lines.ts";
import type { RigOptions } from "./rig.ts";
import { playWarming, renewalAt } from "./warming_side.ts";
import { readWorkload, type Workload, type WorkloadName } from "./workloads.ts";

/** Low, middle and high on the README's frontiers. */
const FLOORS = [0.9, 0.5, 0.15];
/** Nothing is evicted, and no read renews ahead: what the README's frontiers assume. */
const UNBOUNDED: RigOptions = { entriesMax: Infinity, seed: 1, aheadRatio: null };

/**
 * Must show 2, its frontiers, on one workload. Needs `../shared`; without it there is a note and no
 * figure.
 */
export async function frontierChecks(
  figures: Figures,
  name: WorkloadName,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const workload = readWorkload(name);
  if (workload === null) return figures.note(`${name}: not measured, ../shared is not there`);
  if (quick) return figures.note(`${name}: a part of it is not comparable with the README's lines`);
  for (const isStaleServed of [false, true]) {
    for (const floor of FLOORS) await check(figures, workload, name, { isStaleServed, floor });
  }
}

async function check(
  figures: Figures,
  workload: Workload,
  name: WorkloadName,
  { isStaleServed, floor }: { readonly isStaleServed: boolean; readonly floor: number },
): Promise<void> {
  const what = isStaleServed ? "served" : "fresh";
  const frontier = (isStaleServed ? SERVED_FRONTIERS : FRESH_FRONTIERS)[name];
  const rig = { ...UNBOUNDED, isStaleServed };
  const { seen, upstream } = await playWarming(workload, rig, { settings: renewalAt(floor) });
  const percent = 100 * (isStaleServed ? seen.served : seen.fresh) / seen.requests;
  figures.note(`${what} ${percent.toFixed(2)} % at ${upstream.keys} keys`);
  figures.add(
    `${name}, renewal at ${floor}: ${what} above the README's line`,
    spreadOf([aboveFrontier(frontier, [upstream.keys, percent])]),
    { better: "higher", unit: " points", must: 0, aim: 3 },
  );
}
