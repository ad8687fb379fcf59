/**
 * What a check of `wick doctor` is, and what it needs.
 *
 * @module
 */

import type { Resolved } from "./config.ts";
import type { CliIo } from "./io.ts";

/** How a check came out; `skipped` = it could not be made, or does not apply. */
export type CheckState = "ok" | "warn" | "fail" | "skipped";

/** One check. */
export interface Finding {
  readonly name: string;
  readonly state: CheckState;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly remedy?: string;
}

/** Makes the findings of one subject. */
export type Check = (resolved: Resolved, io: CliIo) => Promise<readonly Finding[]>;
