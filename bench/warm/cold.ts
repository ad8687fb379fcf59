/**
 * The opening with an empty cache (spec: warming, "Must show" 3): a process that stopped before the
 * bell and starts at 9:30 New York, with the statistics of before or without warming at all.
 *
 * @module
 */

import { nextOpen } from "../../src/market/calendar.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { playRig, type RigResult } from "./rig.ts";
import { stretchOf } from "./stretch.ts";
import { playWarming } from "./warming_side.ts";
import { readWorkload, type Workload, type WorkloadName } from "./workloads.ts";

const ENTRIES = 8_000;
const SERVED_SHARE = 0.85;
const MINUTE_MS = 60_000;
/** What lies behind a moment, by which it is judged, ms: 500 requests at the opening of day1. */
const BEHIND_MS = 10_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Longest that is played from the opening on, ms: until the close. */
const PLAYED_MS = 6.5 * HOUR_MS;
const QUICKER_MUST = 12;
const SEEDS = 3;

/** When the cache begins empty, and since when accesses were learned from. */
interface Opening {
  readonly name: WorkloadName;
  readonly learnedMs: number;
  /** Its opening is the first one after so long from the workload's begin. */
  readonly afterMs: number;
}

const OPENINGS: readonly Opening[] = [
  { name: "day1", learnedMs: 9.5 * HOUR_MS, afterMs: 0 },
  { name: "week1", learnedMs: 2 * DAY_MS, afterMs: 2 * DAY_MS },
];

/** Must show 3. Needs `../shared`; without it there is a note and no figure. */
export async function coldFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  for (const { name, learnedMs, afterMs } of quick ? OPENINGS.slice(0, 1) : OPENINGS) {
    const workload = readWorkload(name);
    if (workload === null) return figures.note(`${name}: not measured, ../shared is not there`);
    const openMs = nextOpen("nyse", (workload.atMs[0] ?? 0) + afterMs);
    const learned = stretchOf(workload, openMs - learnedMs, openMs);
    const played = stretchOf(workload, openMs, openMs + (quick ? HOUR_MS / 2 : PLAYED_MS));
    await opening(figures, name, { learned, played, openMs, seeds: quick ? 1 : SEEDS });
  }
}

async function opening(
  figures: Figures,
  name: string,
  { learned, played, openMs, seeds }: {
    readonly learned: Workload;
    readonly played: Workload;
    readonly openMs: number;
    readonly seeds: number;
  },
): Promise<void> {
  const quicker: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const rig = { entriesMax: ENTRIES, seed };
    const { snapshot } = await playWarming(learned, rig);
    const cold = { ...rig, startMs: openMs };
    const without = await playRig(played, cold);
    const warmed = await playWarming(played, cold, { snapshot });
    const [withoutMs, warmedMs] = [without, warmed].map((one) => servedFromMs(played, one, openMs));
    if (withoutMs === undefined || warmedMs === undefined) continue;
    quicker.push(withoutMs / warmedMs);
    if (seed > 1) continue;
    for (const behindMs of [BEHIND_MS, 2 * BEHIND_MS, MINUTE_MS]) {
      const [slow = NaN, quick = NaN] = [without, warmed].map((one) =>
        servedFromMs(played, one, openMs, behindMs) / 1_000
      );
      figures.note(
        `${name}, empty at 9:30: ${100 * SERVED_SHARE} % of the last ${behindMs / 1_000} s are ` +
          `served at second ${quick.toFixed(1)}, without warming ${slow.toFixed(1)}: ` +
          `${(slow / quick).toFixed(1)}× shorter`,
      );
    }
    for (const minutes of [1, 2, 5, 15]) {
      figures.note(
        `  minute ${minutes}: served ${shareOfMinute(played, warmed, openMs, minutes)} %, ` +
          `without warming ${shareOfMinute(played, without, openMs, minutes)} %`,
      );
    }
  }
  figures.add(
    `${name}, cold start at the opening: time until 85 % of the last 10 s are served`,
    spreadOf(quicker),
    {
      better: "higher",
      unit: "× shorter",
      must: QUICKER_MUST,
    },
  );
}

/**
 * From when on the requests of the time that lies behind a moment are served to a share, ms after the
 * begin; at the earliest when so much time has passed. Infinity when there is no such moment.
 * O(requests).
 */
export function servedFromMs(
  workload: Workload,
  { answers }: Pick<RigResult, "answers">,
  beginMs: number,
  behindMs = BEHIND_MS,
): number {
  let first = 0, served = 0;
  for (let last = 0; last < answers.length; last++) {
    const atMs = workload.atMs[last] as number;
    if (answers[last] !== 0) served++;
    for (; (workload.atMs[first] as number) <= atMs - behindMs; first++) {
      if (answers[first] !== 0) served--;
    }
    const isFull = atMs - beginMs >= behindMs;
    if (isFull && served >= SERVED_SHARE * (last - first + 1)) return atMs - beginMs;
  }
  return Infinity;
}

function shareOfMinute(
  workload: Workload,
  { answers }: RigResult,
  beginMs: number,
  minute: number,
): string {
  let served = 0, requests = 0;
  for (let i = 0; i < answers.length; i++) {
    const atMs = (workload.atMs[i] as number) - beginMs;
    if (atMs < (minute - 1) * MINUTE_MS || atMs >= minute * MINUTE_MS) continue;
    requests++;
    if (answers[i] !== 0) served++;
  }
  return (100 * served / Math.max(1, requests)).toFixed(1);
}
