/**
 * The further kinds of labels by their names, and how they are asked for.
 *
 * A request is a list by commas; a kind's parameters follow it by colons, those that are left out
 * have their defaults: `drawdown,ret_quantile:window=250,meta:side=-1:ret=horizon`.
 *
 * @module
 */

import { nearest } from "../../std/suggest.ts";
import { breakout } from "./breakout.ts";
import { drawdown } from "./drawdown.ts";
import { flip } from "./flip.ts";
import { nearestLevel } from "./level.ts";
import { levelDistance } from "./level_dist.ts";
import { metaLabel } from "./meta.ts";
import { nextTouch } from "./next_touch.ts";
import { closeAfter, type KindFunction, pathReturn } from "./path.ts";
import { pathSkewness } from "./path_skew.ts";
import { penetration } from "./penetration.ts";
import { returnQuantile } from "./ret_quantile.ts";
import { returnSign } from "./ret_sign.ts";
import { retouches } from "./retouches.ts";
import { underWater } from "./under_water.ts";

/** Names of the kinds, which are also those of their columns, in the order of the documentation. */
export const KIND_NAMES = [
  "ret_sign",
  "ret_quantile",
  "retouches",
  "breakout",
  "flip",
  "level_dist",
  "penetration",
  "next_touch",
  "drawdown",
  "under_water",
  "path_skew",
  "meta",
] as const;

/** One of {@linkcode KIND_NAMES}. */
export type KindName = (typeof KIND_NAMES)[number];

/** Longest text of a request, characters: all kinds with all their parameters take under 300. */
export const KINDS_CHARS_MAX = 1_024;

/** Largest window of `ret_quantile`, bars: 160 KB in a labeler, and 10 µs a candle. */
export const WINDOW_MAX = 10_000;

/** A parameter of a kind. */
export interface KindParam {
  /** As it is given: `name=value`. */
  readonly name: string;
  /** Its value when it is left out. */
  readonly byDefault: string;
  /** What it may be, in words. */
  readonly expected: string;
  /** What it does. */
  readonly about: string;
}

/** What a kind is, for documentation. */
export interface KindSpec {
  /** As it is asked for; the name of its column, too. */
  readonly name: KindName;
  /** Meaning, a few words. */
  readonly about: string;
  /** Unit of its values; "" for those without. */
  readonly unit: string;
  /** Its values are whole numbers. */
  readonly isInteger: boolean;
  /** Null without a level (R6). */
  readonly needsLevels: boolean;
  /** What can be given with it, by name. */
  readonly params: readonly KindParam[];
}

/** A kind as it was asked for, ready to be computed. */
export interface AskedKind {
  /** Which it is; the name of its column, too. */
  readonly name: KindName;
  /** The kind with those of its parameters that are not the default, as it can be asked for. */
  readonly text: string;
  /** Its values are whole numbers. */
  readonly isInteger: boolean;
  /** Null without levels: whoever has them should hand them in. */
  readonly needsLevels: boolean;
  /** Bars before the event that it looks at (through their returns); 0 for most. */
  readonly pastBars: number;
  /** Its value for one event. */
  readonly value: KindFunction;
}

/** Text of each parameter, read; the request is refused where `read` gives null. */
interface ParamDefinition extends KindParam {
  readonly read: (text: string) => number | string | null;
}

type Values = Readonly<Record<string, number | string>>;

interface Definition extends Omit<KindSpec, "name" | "params"> {
  readonly params: readonly ParamDefinition[];
  readonly pastBars?: (values: Values) => number;
  readonly usesLevels?: (values: Values) => boolean;
  readonly make: (values: Values) => KindFunction;
}

const WINDOW: ParamDefinition = {
  name: "window",
  byDefault: "100",
  expected: `a whole number of bars from 1 to ${WINDOW_MAX}`,
  about: "bars before the event whose returns it is compared with",
  read: (text) => {
    const bars = /^\d{1,6}$/.test(text) ? Number(text) : 0;
    return bars >= 1 && bars <= WINDOW_MAX ? bars : null;
  },
};

const OF = words("of", ["nearest", "close"], "the nearest level, or the close of the event");

const MARGIN: ParamDefinition = {
  name: "margin",
  byDefault: "0",
  expected: "a number of ATR from 0 to 1000",
  about: "how far beyond the level a close must be, in ATR",
  read: (text) => {
    const margin = /^\d{1,4}(\.\d{1,15})?$/.test(text) ? Number(text) : NaN;
    return margin <= 1_000 ? margin : null;
  },
};

/** Columns that can be the side of a bet: their sign counts. */
const SIDE_COLUMNS = ["label", "ret_sign", "breakout", "level_dist"] as const;

const SIDE: ParamDefinition = {
  name: "side",
  byDefault: "1",
  expected: `1, -1, given or one of the columns ${SIDE_COLUMNS.join(", ")}`,
  about: "of the bet: 1 long, -1 short, that of --sides, or the sign of a column",
  read: (text) => {
    if (/^\+?1$/.test(text)) return 1;
    if (text === "given") return text;
    return text === "-1" ? -1 : SIDE_COLUMNS.find((name) => name === text) ?? null;
  },
};

const RET = words("ret", ["barrier", "horizon"], "the return at the barrier (tb_ret) or fwd_ret");

function words(name: string, allowed: readonly string[], about: string): ParamDefinition {
  return {
    name,
    byDefault: allowed[0] as string,
    expected: allowed.join(" or "),
    about,
    read: (text) => allowed.includes(text) ? text : null,
  };
}

/** A kind without parameters. */
function plain(
  about: string,
  unit: string,
  isInteger: boolean,
  needsLevels: boolean,
  value: KindFunction,
): Definition {
  return { about, unit, isInteger, needsLevels, params: [], make: () => value };
}

const DEFINITIONS: Readonly<Record<KindName, Definition>> = {
  ret_sign: plain("sign of the move to the end of the horizon", "", true, false, returnSign),
  ret_quantile: {
    about: "rank of fwd_ret among the returns of the bars before, 0 lowest to 1 highest",
    unit: "fraction",
    isInteger: false,
    needsLevels: false,
    params: [WINDOW],
    pastBars: ({ window }) => window as number,
    make: ({ window }) => (path) => returnQuantile(path, window as number),
  },
  retouches: {
    about: "how often the path comes back to the nearest level, or to the close",
    unit: "touches",
    isInteger: true,
    needsLevels: true,
    params: [OF],
    usesLevels: ({ of }) => of === "nearest",
    make: ({ of }) =>
      of === "close"
        ? (path) => retouches(path, closeAfter(path, 0))
        : (path) => retouches(path, nearestLevel(path)),
  },
  breakout: {
    about: "+1 when a close is beyond the resistance first, -1 the support, 0 neither",
    unit: "",
    isInteger: true,
    needsLevels: true,
    params: [MARGIN],
    make: ({ margin }) => (path) => breakout(path, margin as number),
  },
  flip: plain(
    "1 when the nearest level is broken and then holds on a retest",
    "",
    true,
    true,
    flip,
  ),
  level_dist: plain(
    "from the close to the nearest level, signed",
    "ATR",
    false,
    true,
    levelDistance,
  ),
  penetration: plain(
    "furthest beyond the nearest level, wicks too",
    "ATR",
    false,
    true,
    penetration,
  ),
  next_touch: plain(
    "first bar that touches the nearest level, 0 none",
    "bars",
    true,
    true,
    nextTouch,
  ),
  drawdown: plain("deepest fall from the highest close so far", "fraction", false, false, drawdown),
  under_water: plain("longest run below the highest close so far", "bars", true, false, underWater),
  path_skew: plain("skewness of the log returns on the path", "", false, false, pathSkewness),
  meta: {
    about: "1 when a bet on the side given pays, 0 when it does not",
    unit: "",
    isInteger: true,
    needsLevels: false,
    params: [SIDE, RET],
    usesLevels: ({ side }) => side === "breakout" || side === "level_dist",
    make: ({ side, ret }) => {
      const sideOf = sideFunction(side as number | string);
      return ret === "barrier"
        ? (path) => metaLabel(sideOf(path), path.tbRet)
        : (path) => metaLabel(sideOf(path), pathReturn(path));
    },
  },
};

function sideFunction(side: number | string): KindFunction {
  switch (side) {
    case "given":
      return (path) => path.side;
    case "label":
      return (path) => path.label;
    case "ret_sign":
      return returnSign;
    case "breakout":
      return (path) => breakout(path, 0);
    case "level_dist":
      return levelDistance;
    default:
      return () => side as number;
  }
}

/** What there is to ask for, in the order of {@linkcode KIND_NAMES}. */
export const KINDS: readonly KindSpec[] = KIND_NAMES.map((name) => ({
  name,
  ...DEFINITIONS[name],
}));

/**
 * Reads a request for kinds. None twice: a column has the name of its kind, whatever its
 * parameters.
 *
 * @throws {RangeError} naming what is unknown, wrong or there twice, with the nearest name there
 *   is.
 */
export function parseKinds(text: string): readonly AskedKind[] {
  if (text.length > KINDS_CHARS_MAX) {
    throw new RangeError(
      `Cannot use kinds: expected at most ${KINDS_CHARS_MAX} characters: ` +
        `current value is ${text.length}`,
    );
  }
  const asked = text.split(",").map((one) => parseKind(one.trim()));
  const twice = asked.find(({ name }, at) => asked.findIndex((one) => one.name === name) !== at);
  if (twice === undefined) return asked;
  throw new RangeError(
    `Cannot use kinds: expected each once: current value is ${twice.name} twice`,
  );
}

function parseKind(text: string): AskedKind {
  const [word = "", ...given] = text.split(":").map((part) => part.trim());
  const name = KIND_NAMES.find((one) => one === word);
  if (name === undefined) throw unknownWord("kinds", KIND_NAMES, word);
  const { params, isInteger, needsLevels, pastBars, usesLevels, make } = DEFINITIONS[name];
  const values = paramsOf(name, params, given);
  const told = params.filter((param) => values[param.name] !== param.read(param.byDefault));
  return {
    name,
    text: [name, ...told.map((param) => `${param.name}=${values[param.name]}`)].join(":"),
    isInteger,
    needsLevels: usesLevels?.(values) ?? needsLevels,
    pastBars: pastBars?.(values) ?? 0,
    value: make(values),
  };
}

function paramsOf(
  kind: string,
  params: readonly ParamDefinition[],
  given: readonly string[],
): Values {
  const values: Record<string, number | string> = {};
  for (const param of params) values[param.name] = param.read(param.byDefault) ?? param.byDefault;
  const seen = new Set<string>();
  for (const pair of given) {
    const [word = "", ...rest] = pair.split("=");
    const param = params.find(({ name }) => name === word.trim());
    if (param === undefined) throw unknownWord(kind, params.map(({ name }) => name), pair);
    if (seen.has(param.name)) {
      throw new RangeError(
        `Cannot use ${kind}: expected ${param.name} once: current value is ${pair}`,
      );
    }
    seen.add(param.name);
    const text = rest.join("=").trim();
    const value = param.read(text);
    if (value === null) {
      throw new RangeError(
        `Cannot use ${param.name} of ${kind}: expected ${param.expected}: ` +
          `current value is ${shown(text)}`,
      );
    }
    values[param.name] = value;
  }
  return values;
}

function unknownWord(what: string, known: readonly string[], word: string): RangeError {
  const near = nearest(word.split("=")[0] ?? "", known);
  const expected = known.length === 0 ? "no parameters" : known.join(", ");
  return new RangeError(
    `Cannot use ${what}: expected ${expected}: current value is ${shown(word)}` +
      (near === null ? "" : `; did you mean ${near}?`),
  );
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text === "" ? "empty" : text;
}
