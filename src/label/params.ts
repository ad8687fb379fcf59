/**
 * What a label means: horizon, barriers, rules for ties and the vertical barrier, and the hash that
 * keys every label by them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { MAX_GAP_MS_DEFAULT } from "../market/segment.ts";

/** Estimators that can take the place of ATR in R5, R6 and R9. See `volatility.ts`. */
export const VOLATILITIES = ["atr", "parkinson", "garman-klass", "yang-zhang", "ewma"] as const;

/** One of {@linkcode VOLATILITIES}. */
export type VolatilityName = typeof VOLATILITIES[number];

/** Parameters of one label set. Labels of other parameters never answer for it. */
export interface LabelParams {
  /** Bars on the path after the event's candle, 1 to {@linkcode HORIZON_MAX}. */
  readonly horizon: number;
  /** Upper barrier, in units of volatility above the close. */
  readonly up: number;
  /** Lower barrier, in units of volatility below the close. */
  readonly down: number;
  /** Who wins when one candle touches both barriers and nothing finer decides (R7). */
  readonly tie: "lower" | "upper";
  /** Label when neither barrier was touched: 0, or the sign of the move (R7). */
  readonly vertical: "zero" | "sign";
  /** A hole longer than this starts a new segment, milliseconds (R3). */
  readonly maxGapMs: number;
  /** Estimator behind the `atr` column. */
  readonly volatility: VolatilityName;
}

/** The first row of a segment that can be an event: it has 14 true ranges behind it (R4, R5). */
export const WARMUP_BARS = 14;

/** The first row of a segment with a realised volatility: it has 20 returns behind it (R4). */
export const RV_BARS = 20;

/**
 * Largest horizon, bars. It bounds the rings of a labeler (about 3 MB at this value) and keeps
 * `bars`, `tMfe` and `tMae` inside their 16-bit columns.
 */
export const HORIZON_MAX = 10_000;

/** The default label set: six bars, two ATR either way. */
export const DEFAULT_PARAMS: LabelParams = Object.freeze({
  horizon: 6,
  up: 2,
  down: 2,
  tie: "lower",
  vertical: "zero",
  maxGapMs: MAX_GAP_MS_DEFAULT,
  volatility: "atr",
});

/** Parameters as somebody gives them: whatever is left out has its default. */
export type GivenLabelParams = {
  readonly [Name in keyof LabelParams]?: LabelParams[Name] | undefined;
};

/**
 * Fills in what is left out, from `defaults`, and checks every range.
 *
 * @throws {RangeError} when a value is out of range or not one of the words allowed.
 */
export function labelParams(
  given: GivenLabelParams = {},
  defaults: LabelParams = DEFAULT_PARAMS,
): LabelParams {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(DEFAULT_PARAMS, name)) {
      throw new RangeError(
        `Cannot read label parameters: expected ${Object.keys(DEFAULT_PARAMS).join(", ")}: ` +
          `current value is ${name}`,
      );
    }
  }
  const params: LabelParams = {
    horizon: given.horizon ?? defaults.horizon,
    up: given.up ?? defaults.up,
    down: given.down ?? defaults.down,
    tie: given.tie ?? defaults.tie,
    vertical: given.vertical ?? defaults.vertical,
    maxGapMs: given.maxGapMs ?? defaults.maxGapMs,
    volatility: given.volatility ?? defaults.volatility,
  };
  checkInteger("horizon", params.horizon, HORIZON_MAX);
  checkInteger("maxGapMs", params.maxGapMs, Number.MAX_SAFE_INTEGER);
  checkMultiple("up", params.up);
  checkMultiple("down", params.down);
  checkWord("tie", params.tie, ["lower", "upper"]);
  checkWord("vertical", params.vertical, ["zero", "sign"]);
  checkWord("volatility", params.volatility, VOLATILITIES);
  return params;
}

/**
 * First 16 hex digits of SHA-256 over the parameters as JSON with sorted keys.
 *
 * Parameters are completed first, so a set given in full and one that leaves defaults out hash
 * alike. Whatever else decides a label (a levels file, finer candles) goes into `inputs`, by name;
 * without any the hash is that of the parameters alone.
 *
 * @throws {RangeError} as {@linkcode labelParams}.
 */
export function paramHash(
  params: Partial<LabelParams>,
  inputs: Readonly<Record<string, string | number>> = {},
): string {
  const all: Record<string, string | number> = { ...inputs, ...labelParams(params) };
  const sorted = Object.fromEntries(Object.keys(all).sort().map((name) => [name, all[name]]));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

/**
 * How many of the last candles of a series rebuild a labeler bit for bit: H + 21, or Infinity for
 * `ewma`, which remembers its segment from the first candle on.
 */
export function historyBars(params: LabelParams): number {
  return params.volatility === "ewma" ? Infinity : params.horizon + RV_BARS + 1;
}

function checkInteger(name: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new RangeError(
      `Cannot use ${name}: expected a whole number from 1 to ${max}: current value is ${value}`,
    );
  }
}

function checkMultiple(name: string, value: number): void {
  if (!Number.isFinite(value) || value <= 0) {
    throw new RangeError(
      `Cannot use ${name}: expected a number above 0, in units of volatility: ` +
        `current value is ${value}`,
    );
  }
}

function checkWord(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    throw new RangeError(
      `Cannot use ${name}: expected ${allowed.join(", ")}: current value is ${value}`,
    );
  }
}
