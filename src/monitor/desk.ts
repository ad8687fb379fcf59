/**
 * What the monitor lends to the parts of it that keep something: of alerts, of tuning.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";

/** See the module. */
export interface DeskSurroundings {
  /** Its time. */
  readonly clock: Clock;
  /** Its log. */
  readonly log: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ) => void;
}
