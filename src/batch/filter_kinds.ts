/**
 * Kinds of data that a job fetches.
 *
 * @module
 */

/** Kinds of data, in the order in which a job fetches them. */
export const DATA_KINDS = [
  "prices",
  "quotes",
  "dividends",
  "profiles",
  "fundamentals",
  "news",
] as const;

/** See {@linkcode DATA_KINDS}. */
export type DataKind = (typeof DATA_KINDS)[number];

/** Other names of kinds, as people and older jobs write them. */
const ALIASES: Readonly<Record<string, DataKind>> = {
  price: "prices",
  eod: "prices",
  quote: "quotes",
  dividend: "dividends",
  profile: "profiles",
  company: "profiles",
  companies: "profiles",
  fundamental: "fundamentals",
};

/** The kind of that name or alias; null for another text. */
export function dataKindOf(name: string): DataKind | null {
  const lower = name.trim().toLowerCase();
  if (Object.hasOwn(ALIASES, lower)) return ALIASES[lower] ?? null;
  return DATA_KINDS.find((kind) => kind === lower) ?? null;
}

/**
 * Reads `prices,dividends,companies`: each kind once, in the order of {@linkcode DATA_KINDS}.
 *
 * @throws {RangeError} for another name, or none.
 */
export function parseKinds(text: string): DataKind[] {
  const names = text.split(",").filter((name) => name.trim() !== "");
  const unknown = names.filter((name) => dataKindOf(name) === null);
  if (names.length === 0 || unknown.length > 0) {
    throw new RangeError(
      `Cannot read kinds: expected some of ${DATA_KINDS.join(", ")}: ` +
        `current value is ${unknown.join(", ") || text}`,
    );
  }
  const wanted = new Set(names.map(dataKindOf));
  return DATA_KINDS.filter((kind) => wanted.has(kind));
}
