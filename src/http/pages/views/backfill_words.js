// Words about jobs that their parts share.

import { DASH, duration } from "../lib/format.js";

/** Time left with its range: "2 min 10 s (2 min to 2 min 30 s)". */
export function etaText(eta) {
  if (eta === null || eta === undefined) return DASH;
  const range = eta.highMs === null
    ? `at least ${duration(eta.lowMs)}`
    : `${duration(eta.lowMs)} to ${duration(eta.highMs)}`;
  return `${duration(eta.ms)} (${range})`;
}
