/**
 * A level: a value that is wrong beyond a threshold for some time, and right again only on the other
 * side of a second one.
 *
 * ```
 *            value beyond `raise`          … for `forMs`
 *   clear ────────────────────► pending ────────────────► firing
 *     ▲                            │                        │
 *     └── value back at `raise` ───┘                        │
 *     └────────────── value back at `clear` for `clearForMs`┘
 * ```
 * Between the two levels nothing changes, so that a value at the edge does not ring all day.
 *
 * A missing value is no evidence either way: what is clear stays clear, what is pending is clear
 * again after `missingMs`, what fires goes on firing. Whether the lack itself is an alarm is asked
 * with `missing: "raise"`.
 *
 * @module
 */

/** How a level is watched. */
export interface LevelOptions {
  /** `above`: too much is wrong; `below`: too little is. */
  readonly side: "above" | "below";
  /** Beyond this it is wrong. */
  readonly raise: number;
  /** At this or on its other side it is right again; default: `raise`. */
  readonly clear?: number;
  /** How long it has to be wrong, ms; default 0. */
  readonly forMs?: number;
  /** How long it has to be right, ms; default 0. */
  readonly clearForMs?: number;
  /** How long a value may be missing before that counts, ms; default 30 s: six looks. */
  readonly missingMs?: number;
  /** What a value missing for longer than that is; default `hold`: no evidence. */
  readonly missing?: "hold" | "raise" | "clear";
}

/** Where an alarm is in its life. */
export type AlertPhase = "clear" | "pending" | "firing";

/** What is remembered of one value; plain data, times monotonic ms. */
export interface LevelState {
  /** See {@linkcode AlertPhase}. */
  readonly phase: AlertPhase;
  /** Since when it has been wrong, or, while it fires, right; null = it is not. */
  readonly sinceMs: number | null;
  /** When there was a value last, or when watching began. */
  readonly seenMs: number;
}

const MISSING_DEFAULT_MS = 30_000;

/**
 * Checks a level.
 *
 * @throws {RangeError} when `clear` lies beyond `raise`, or a number is none.
 */
export function assertLevel(options: LevelOptions): void {
  const { side, raise, clear = raise } = options;
  const times = [options.forMs, options.clearForMs, options.missingMs];
  const isOrdered = side === "above" ? clear <= raise : clear >= raise;
  if (isOrdered && times.every((ms) => ms === undefined || ms >= 0)) return;
  throw new RangeError(
    `Cannot watch a level: expected clear on the good side of raise, and times from 0: ` +
      `current values are clear ${clear}, raise ${raise}, ${side}`,
  );
}

/** Nothing is wrong, as far as is known at `nowMs`. */
export function levelStart(nowMs: number): LevelState {
  return { phase: "clear", sinceMs: null, seenMs: nowMs };
}

/**
 * What becomes of a level when its value at monotonic time `nowMs` is `value`; null = missing. Time
 * that stands still or goes backwards lets nothing pass. O(1).
 */
export function levelNext(
  options: LevelOptions,
  state: LevelState,
  value: number | null,
  nowMs: number,
): LevelState {
  const { side, raise, clear = raise, missing = "hold" } = options;
  if (value !== null && !Number.isNaN(value)) {
    const isWrong = side === "above" ? value > raise : value < raise;
    const isRight = side === "above" ? value <= clear : value >= clear;
    return { ...move(options, state, isWrong, isRight, nowMs), seenMs: nowMs };
  }
  const missingMs = options.missingMs ?? MISSING_DEFAULT_MS;
  if (!(nowMs - state.seenMs > missingMs)) return state;
  if (missing !== "hold") {
    return {
      ...move(options, state, missing === "raise", missing === "clear", nowMs),
      seenMs: state.seenMs,
    };
  }
  return state.phase === "pending" ? { ...state, phase: "clear", sinceMs: null } : state;
}

function move(
  options: LevelOptions,
  { phase, sinceMs }: LevelState,
  isWrong: boolean,
  isRight: boolean,
  nowMs: number,
): Pick<LevelState, "phase" | "sinceMs"> {
  const { forMs = 0, clearForMs = 0 } = options;
  const startMs = sinceMs ?? nowMs;
  if (phase === "firing") {
    if (!isRight) return { phase, sinceMs: null };
    return nowMs - startMs >= clearForMs
      ? { phase: "clear", sinceMs: null }
      : { phase, sinceMs: startMs };
  }
  if (!isWrong) return { phase: "clear", sinceMs: null };
  return nowMs - startMs >= forMs
    ? { phase: "firing", sinceMs: null }
    : { phase: "pending", sinceMs: startMs };
}
