/**
 * Names of computed labels in a cache: everything that decides them stands in the key, so that one
 * horizon is never answered with another.
 *
 * `label:EUR_USD:H1?from=0&horizon=12&…`: after the series the options in the order of their names,
 * each with its value, defaults filled in. Two requests for the same labels have the same key.
 *
 * @module
 */

import { isSeries } from "../market/series.ts";
import type { TsRange } from "./correction.ts";
import { parseKinds } from "./kinds/registry.ts";
import { DEFAULT_PARAMS, type GivenLabelParams, type LabelParams, labelParams } from "./params.ts";

/** First part of the keys. */
export const LABEL_KIND = "label";

/** Most rows of one entry: a page, and one more that says whether there is a next one. */
export const LABEL_KEY_ROWS_MAX = 10_001;

/** Labels of stored candles. */
export interface LabelsWanted extends TsRange {
  readonly series: string;
  readonly params: GivenLabelParams;
  /** Further kinds, as `parseKinds` reads them. */
  readonly kinds?: string | undefined;
  /** Most rows. */
  readonly limit: number;
}

/**
 * The key of the labels.
 *
 * @throws {RangeError} for parameters or kinds that there are not.
 */
export function labelKeyOf({ series, fromTs, toTs, limit, params, kinds }: LabelsWanted): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  const options: Record<string, string | number> = {
    ...labelParams(Object.fromEntries(given)),
    from: fromTs,
    limit,
    to: toTs,
  };
  // In their own shortest form, so that what means the same reads the same.
  if (kinds !== undefined) options.kinds = parseKinds(kinds).map(({ text }) => text).join(",");
  const text = new URLSearchParams(
    Object.keys(options).sort().map((name) => [name, String(options[name])]),
  );
  return `${LABEL_KIND}:${series}?${text}`;
}

/**
 * What a key stands for.
 *
 * @throws {RangeError} when it is none that {@linkcode labelKeyOf} makes.
 */
export function labelsOfKey(key: string): LabelsWanted & { readonly params: LabelParams } {
  const [head = "", text = ""] = splitAt(key, key.indexOf("?"));
  const series = head.slice(LABEL_KIND.length + 1);
  if (!head.startsWith(`${LABEL_KIND}:`) || !isSeries(series)) {
    throw wrong("label:INSTRUMENT:GRANULARITY?options", key);
  }
  const options = new Map(new URLSearchParams(text));
  const numberOf = (name: string, least: number, most: number, byDefault?: number) => {
    const found = options.get(name);
    if (found === undefined && byDefault !== undefined) return byDefault;
    const number = found === undefined || found.trim() === "" ? NaN : Number(found);
    if (!(number >= least && number <= most)) throw wrong(`${name} from ${least} to ${most}`, key);
    return number;
  };
  const params: Record<string, string | number> = {};
  for (const [name, byDefault] of Object.entries(DEFAULT_PARAMS)) {
    params[name] = typeof byDefault === "number"
      ? numberOf(name, 0, Infinity, byDefault)
      : options.get(name) ?? byDefault;
  }
  const kinds = options.get("kinds");
  const wanted: LabelsWanted & { readonly params: LabelParams } = {
    series,
    fromTs: numberOf("from", -Infinity, Infinity, -Infinity),
    toTs: numberOf("to", -Infinity, Infinity, Infinity),
    limit: numberOf("limit", 1, LABEL_KEY_ROWS_MAX, LABEL_KEY_ROWS_MAX),
    params: labelParams(params as GivenLabelParams),
    ...(kinds === undefined ? {} : { kinds }),
  };
  // Another spelling would be another entry, which nobody would find to be the same.
  if (labelKeyOf(wanted) !== key) throw wrong(`the spelling ${labelKeyOf(wanted)}`, key);
  return wanted;
}

function splitAt(text: string, at: number): string[] {
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function wrong(expected: string, key: string): RangeError {
  return new RangeError(
    `Cannot read a key of labels: expected ${expected}: current value is ${key.slice(0, 200)}`,
  );
}
