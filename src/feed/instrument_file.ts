/**
 * Instruments from a file, for the registry: JSON or CSV.
 *
 * JSON is an array of objects, or an object with the one key `instruments` that holds it:
 * `[{"symbol":"EUR_USD","priceDigits":5,"granularities":["H1","H4"]}]`. CSV has a header with any of
 * the columns `symbol,asset_class,calendar,sector,granularities,bar_offset_ms,price_digits`, of
 * which only the first must be there; granularities are parted by blanks, an empty cell is left out.
 * What is left out is the default of the asset class.
 *
 * @module
 */

import { z } from "zod";
import { MarketError } from "../market/error.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import {
  ASSET_CLASSES,
  CALENDAR_NAMES,
  InstrumentRegistry,
  INSTRUMENTS_MAX,
  type InstrumentSpec,
} from "../market/instrument.ts";
import { FileError, readableSize } from "./file_bytes.ts";
import { parseCsvCells } from "./csv_cells.ts";

/** Largest file of instruments, bytes: {@linkcode INSTRUMENTS_MAX} of them at 300 bytes. */
export const INSTRUMENT_FILE_BYTES_MAX: number = INSTRUMENTS_MAX * 300;

/** Longest name of a sector, characters. */
const SECTOR_CHARS_MAX = 128;

/** Largest shift of a bar grid: a week. */
const BAR_OFFSET_MS_MAX = 604_800_000;

/** One instrument as it stands in a file. */
const specSchema = z.strictObject({
  symbol: z.string(),
  assetClass: z.enum(ASSET_CLASSES).optional(),
  calendar: z.enum(CALENDAR_NAMES).optional(),
  sector: z.string().min(1).max(SECTOR_CHARS_MAX).nullable().optional(),
  granularities: z.array(z.enum(GRANULARITIES)).min(1).max(GRANULARITIES.length).optional(),
  barOffsetMs: z.int().min(-BAR_OFFSET_MS_MAX).max(BAR_OFFSET_MS_MAX).optional(),
  priceDigits: z.int().min(0).max(15).optional(),
});

const jsonSchema = z.union([
  z.array(z.unknown()),
  z.strictObject({ instruments: z.array(z.unknown()) }),
]);

/** Key of each CSV column, and how its cell is read. */
const COLUMNS: Readonly<Record<string, readonly [string, (cell: string) => unknown]>> = {
  symbol: ["symbol", (cell) => cell],
  asset_class: ["assetClass", (cell) => cell],
  calendar: ["calendar", (cell) => cell],
  sector: ["sector", (cell) => cell],
  granularities: ["granularities", (cell) => cell.trim().split(/\s+/)],
  bar_offset_ms: ["barOffsetMs", Number],
  price_digits: ["priceDigits", Number],
};

/**
 * The registry of the instruments in the file at `path`. O(bytes), read whole.
 *
 * @throws {FileError} when it cannot be read; {@linkcode MarketError} code `instrument`, saying which
 * entry is wrong and how.
 */
export async function readInstruments(path: string): Promise<InstrumentRegistry> {
  const size = await readableSize(path);
  if (size !== null && size > INSTRUMENT_FILE_BYTES_MAX) {
    throw instrumentError(path, `expected at most ${INSTRUMENT_FILE_BYTES_MAX} bytes`, size);
  }
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError("read", `Cannot read ${path}: ${reason}`, { cause: error });
  }
  return new InstrumentRegistry(parseInstruments(text, path));
}

/**
 * The instruments in a text: JSON when it begins with a bracket or brace, CSV otherwise. `name` is
 * how messages call it.
 *
 * @throws {MarketError} code `instrument`.
 */
export function parseInstruments(text: string, name = "instruments"): readonly InstrumentSpec[] {
  const body = text.replace(/^\ufeff/, "");
  const isJson = /^\s*[[{]/.test(body);
  const entries = isJson ? jsonEntries(body, name) : csvEntries(body, name);
  if (entries.length > INSTRUMENTS_MAX) {
    throw instrumentError(name, `expected at most ${INSTRUMENTS_MAX} of them`, entries.length);
  }
  const lines = new Map<string, string>();
  return entries.map(({ where, value }) => {
    const spec = specOf(value, `${name}, ${where}`);
    const before = lines.get(spec.symbol);
    if (before !== undefined) {
      const expected = `expected every symbol once, it is in ${before} too`;
      throw instrumentError(`${name}, ${where}`, expected, spec.symbol);
    }
    lines.set(spec.symbol, where);
    return spec;
  });
}

interface Entry {
  /** `entry 3` or `line 4`. */
  readonly where: string;
  readonly value: unknown;
}

function jsonEntries(text: string, name: string): Entry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw instrumentError(name, `expected JSON (${(error as Error).message})`, text.slice(0, 40));
  }
  const parsed = jsonSchema.safeParse(value);
  if (!parsed.success) {
    const expected = 'expected an array, or an object with the one key "instruments"';
    throw instrumentError(name, expected, value);
  }
  const list = Array.isArray(parsed.data) ? parsed.data : parsed.data.instruments;
  return list.map((value, i) => ({ where: `entry ${i + 1}`, value }));
}

function csvEntries(text: string, name: string): Entry[] {
  const [header, ...rows] = parseCsvCells(text);
  const columns = (header?.cells ?? []).map((cell) => {
    const column = COLUMNS[cell.trim().toLowerCase()];
    if (column !== undefined) return column;
    const known = Object.keys(COLUMNS).join(",");
    throw instrumentError(`${name}, header`, `expected columns of ${known}`, cell);
  });
  if (!columns.some(([key]) => key === "symbol")) {
    throw instrumentError(`${name}, header`, "expected a column symbol", header?.cells.join(","));
  }
  return rows.filter(({ cells }) => cells.some((cell) => cell.trim() !== ""))
    .map(({ line, cells }) => {
      const where = `line ${line}`;
      if (cells.length !== columns.length) {
        const expected = `expected ${columns.length} cells`;
        throw instrumentError(`${name}, ${where}`, expected, cells.length);
      }
      const parts = columns.flatMap(([key, read], i) => {
        const cell = (cells[i] as string).trim();
        return cell === "" ? [] : [[key, read(cell)]];
      });
      return { where, value: Object.fromEntries(parts) };
    });
}

function specOf(value: unknown, where: string): InstrumentSpec {
  const parsed = specSchema.safeParse(value);
  if (parsed.success) {
    const given = Object.entries(parsed.data).filter(([, part]) => part !== undefined);
    return Object.fromEntries(given) as unknown as InstrumentSpec;
  }
  const [issue] = parsed.error.issues;
  const at = issue?.path.length ? issue.path.join(".") : "the entry";
  throw instrumentError(where, `${at}: ${issue?.message ?? "expected an instrument"}`, value);
}

function instrumentError(where: string, expected: string, found: unknown): MarketError {
  const shown = JSON.stringify(found)?.slice(0, 120);
  return new MarketError(
    "instrument",
    `Cannot read ${where}: ${expected}: current value is ${shown}`,
  );
}
