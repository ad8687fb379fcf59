/**
 * A provider that is down or limiting (spec: warming, "Must show" 4): warming stops first, reads of
 * users last.
 *
 * @module
 */

import { nextOpen } from "../../src/market/calendar.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { playRig, type RigOptions, type RigResult } from "./rig.ts";
import { stretchOf } from "./stretch.ts";
import { playWarming, WarmingSide } from "./warming_side.ts";
import { readWorkload, type Workload } from "./workloads.ts";

const ENTRIES = 8_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Before the outage, so that there is something to lose. */
const BEFORE_MS = 2 * HOUR_MS;
const OUTAGE_MS = 15 * MINUTE_MS;
/** Its breaker opens after five failures in a row; what is under way then is given up. */
const GRACE_MS = MINUTE_MS;
/** Fewer than users alone need at the opening. */
const FEW_CALLS = 60;

/** Must show 4, its last part. Needs `../shared`; without it there is a note and no figure. */
export async function downFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const workload = readWorkload("day1");
  if (workload === null) return figures.note("down: not measured, ../shared is not there");
  const openMs = nextOpen("nyse", workload.atMs[0] ?? 0);
  const hours = quick ? 1 : 2;
  await outage(figures, stretchOf(workload, openMs - BEFORE_MS, openMs + hours * HOUR_MS), openMs);
  await limiting(figures, stretchOf(workload, openMs, openMs + hours * HOUR_MS));
}

/** The provider refuses for a while from the opening on. */
async function outage(figures: Figures, workload: Workload, openMs: number): Promise<void> {
  const beginMs = workload.atMs[0] ?? 0;
  const fromMs = openMs - beginMs, toMs = fromMs + OUTAGE_MS;
  const base = { entriesMax: ENTRIES, seed: 1 };
  const rig = { ...base, outages: [{ fromMs, toMs, kind: "refuse" as const }] };
  const without = await playRig(workload, rig);
  let during = 0, before = 0, after = 0;
  const warmed = await playRig(workload, {
    ...rig,
    warmer: (ports) =>
      new WarmingSide(
        {
          ...ports,
          load: (keys, ask) => {
            const atMs = ports.nowMs() - beginMs;
            if (atMs < fromMs) before += keys.length;
            else if (atMs >= fromMs + GRACE_MS && atMs < toMs) during += keys.length;
            else if (atMs >= toMs) after += keys.length;
            return ports.load(keys, ask);
          },
        },
        1,
        {},
      ),
  });
  verify("keys warmed before and after the outage are some", Number(before > 0 && after > 0), 1);
  const in15 = (one: RigResult) => servedBetween(workload, one, openMs, openMs + OUTAGE_MS);
  figures.note(
    `provider down for 15 min from the opening: keys warmed ${before} before, ${during} during, ` +
      `${after} after; served meanwhile ${in15(warmed).toFixed(1)} %, without warming ` +
      `${in15(without).toFixed(1)} %`,
  );
  figures.add(
    "provider down: keys warmed from a minute later on, of those before",
    spreadOf([100 * during / before]),
    { better: "lower", unit: " %", must: 1 },
  );
  figures.add(
    "provider down: served beside without warming",
    spreadOf([in15(warmed) - in15(without)]),
    { better: "higher", unit: " points", must: 0 },
  );
}

/** The provider allows fewer calls than users need. */
async function limiting(figures: Figures, workload: Workload): Promise<void> {
  const rig: RigOptions = { entriesMax: ENTRIES, seed: 1, callsPerMinute: FEW_CALLS };
  const without = await playRig(workload, rig);
  const warmed = await playWarming(workload, rig);
  const show = ({ meanWaitMs, seen, asked, upstream }: RigResult) =>
    `mean wait ${meanWaitMs.toFixed(0)} ms, ${seen.failed} failed, ` +
    `${asked.warmCalls} of ${upstream.calls} calls for warming alone`;
  figures.note(`${FEW_CALLS} calls a minute from the opening on: ${show(warmed)}`);
  figures.note(`the same without warming: ${show(without)}`);
  figures.add(
    "provider limiting: mean wait of users, of that without warming",
    spreadOf([100 * warmed.meanWaitMs / without.meanWaitMs]),
    { better: "lower", unit: " %", must: 100 },
  );
}

function servedBetween(
  workload: Workload,
  { answers }: RigResult,
  fromMs: number,
  toMs: number,
): number {
  let served = 0, requests = 0;
  for (let i = 0; i < answers.length; i++) {
    const atMs = workload.atMs[i] as number;
    if (atMs < fromMs || atMs >= toMs) continue;
    requests++;
    if (answers[i] !== 0) served++;
  }
  return 100 * served / Math.max(1, requests);
}
