/**
 * Warming on a week of work with a change to daylight saving, on which nothing was tuned: as `day.ts`,
 * with fewer rows.
 *
 * @module
 */

import type { Figures } from "../support/figures.ts";
import { addCalibration } from "./calibration_figures.ts";
import { addSure } from "./day.ts";
import { playedOf, showTable } from "./day_table.ts";
import { playRig } from "./rig.ts";
import { withSimplePredictor } from "./simple_predictor.ts";
import { firstHours } from "./stretch.ts";
import { atFloor, playWarming } from "./warming_side.ts";
import { readWorkload } from "./workloads.ts";

const ENTRIES = 8_000;
const SURE_FLOOR = 0.92;
const QUICK_HOURS = 2;
const RIVAL_FLOOR = 0.5;

/** Must show 2 on week1. Needs `../shared`; without it there is a note and no figure. */
export async function weekFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const whole = readWorkload("week1");
  if (whole === null) return figures.note("week1: not measured, ../shared is not there");
  const workload = quick ? firstHours(whole, QUICK_HOURS) : whole;
  const rig = { entriesMax: ENTRIES, seed: 1 };
  const none = playedOf("no warming", await playRig(workload, rig));
  const simple = await playRig(workload, withSimplePredictor(rig, RIVAL_FLOOR));
  const defaults = await playWarming(workload, rig);
  const sure = await playWarming(workload, rig, { settings: atFloor(SURE_FLOOR) });
  showTable(figures, `week1, ${ENTRIES} entries`, [
    none,
    playedOf(`simple predictor ${RIVAL_FLOOR}`, simple),
    playedOf("all, as by default", defaults),
    playedOf(`all, floor ${SURE_FLOOR}`, sure),
  ], none);
  if (quick) return;
  addSure(figures, "week1", sure);
  addCalibration(figures, "week1, as by default", defaults.reliability);
}
