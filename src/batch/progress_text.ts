/**
 * Progress as one line: with a bar for a terminal, or as words for a log.
 *
 * @module
 */

import type { Eta, PhaseProgress, ProgressSnapshot } from "./progress.ts";
import { countText, rateText, shareText, spanText } from "./report_units.ts";

/** Cells of the bar: each a tenth, as far as one can count at a glance. */
const BAR_CELLS = 10;

/** Phases named in the line, of those that are not done. */
const PHASES_SHOWN_MAX = 4;

/**
 * One line for a terminal, at most `width` characters:
 * `[####......] 43 %  4,884 of 11,360  12.5/s  ETA 8 min 38 s (8 min 30 s to 8 min 46 s)`.
 * Parts that do not fit are left out, the last ones first.
 */
export function progressLine(progress: ProgressSnapshot, width: number): string {
  const { share, done, total, failed, perSecond, eta, phases } = progress;
  const parts = [
    `${barOf(share)} ${shareText(share, 0)}`,
    `${countText(done)} of ${countText(total)}`,
    ...(perSecond === null ? [] : [rateText(perSecond)]),
    ...(eta === null || done === total ? [] : [`ETA ${etaText(eta)}`]),
    ...(failed === 0 ? [] : [`${countText(failed)} failed`]),
    ...phasesText(phases),
  ];
  let line = "";
  for (const part of parts) {
    const longer = line === "" ? part : `${line}  ${part}`;
    if (longer.length > width) break;
    line = longer;
  }
  return line;
}

/** One line for a log, in `key=value` words; times in whole seconds. */
export function progressLogLine(job: string, progress: ProgressSnapshot): string {
  const { done, total, share, ok, failed, perSecond, eta, phases } = progress;
  const words = [
    `job=${JSON.stringify(job)}`,
    `done=${done}`,
    `total=${total}`,
    `share=${share.toFixed(4)}`,
    `ok=${ok}`,
    `failed=${failed}`,
    ...(perSecond === null ? [] : [`per_second=${perSecond.toFixed(2)}`]),
    ...(eta === null
      ? []
      : [`eta_s=${secondsText(eta.ms)}`, `eta_low_s=${secondsText(eta.lowMs)}`]),
    ...(eta === null || eta.highMs === null ? [] : [`eta_high_s=${secondsText(eta.highMs)}`]),
    ...phases.map((phase) => `${phase.name}=${phase.done}/${phase.total}`),
  ];
  return `progress ${words.join(" ")}`;
}

/** A bar that is full only when all is done. */
function barOf(share: number): string {
  const full = Math.max(0, Math.min(BAR_CELLS, Math.floor(share * BAR_CELLS + 1e-9)));
  return `[${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}]`;
}

function etaText({ ms, lowMs, highMs }: Eta): string {
  const range = highMs === null
    ? `at least ${spanText(lowMs)}`
    : `${spanText(lowMs)} to ${spanText(highMs)}`;
  return `${spanText(ms)} (${range})`;
}

function phasesText(phases: readonly PhaseProgress[]): string[] {
  const open = phases.filter(({ done, total }) => done < total);
  if (phases.length < 2) return [];
  return open.slice(0, PHASES_SHOWN_MAX).map(({ name, share }) => `${name} ${shareText(share, 0)}`);
}

function secondsText(ms: number): string {
  return String(Math.round(ms / 1_000));
}
