/**
 * What the command's exit code means.
 *
 * @module
 */

/** Exit codes, after sysexits.h where that has a word for it. */
export const Exit = {
  /** All was done. */
  ok: 0,
  /** Something could not be done: a damaged file, a full disk, a crashed thread. */
  failed: 1,
  /** The command was not used as it should: an unknown option, a file that is not there. */
  usage: 2,
  /** The service cannot be reached (EX_UNAVAILABLE). */
  unavailable: 69,
  /** The supervision tree gave up (EX_SOFTWARE). */
  gaveUp: 70,
  /** Not now, but later (EX_TEMPFAIL). */
  tryAgain: 75,
  /** Ended by Ctrl-C or SIGTERM (128 + SIGINT). */
  interrupted: 130,
} as const;

/** A value of {@linkcode Exit}. */
export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** What each code means, for help. */
export const EXIT_MEANINGS: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [Exit.ok, "ok"],
  [Exit.failed, "failed"],
  [Exit.usage, "wrong use: an unknown option, a file that cannot be used"],
  [Exit.unavailable, "the service cannot be reached"],
  [Exit.gaveUp, "the service gave up"],
  [Exit.tryAgain, "not now: try again"],
  [Exit.interrupted, "interrupted"],
];

/** The command was not used as it should; `message` is the one line that says so. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
