/**
 * From the options of `wick label` to what a job needs.
 *
 * @module
 */

import { fileBytes, STDIN_PATH } from "../feed/file_bytes.ts";
import type { LabelJob } from "../feed/label_job.ts";
import type { LabelFormat } from "../label/format.ts";
import { parseKinds } from "../label/kinds/registry.ts";
import { parseSides, type SideColumns } from "../label/kinds/sides.ts";
import { type Level, LevelSet, parseLevels } from "../label/levels.ts";
import { type LabelParams, labelParams, VOLATILITIES } from "../label/params.ts";
import type { OptionValues } from "./command.ts";
import { UsageError } from "./exit_code.ts";

/** Largest file of levels or sides, bytes unpacked: ten times what a {@linkcode LevelSet} takes. */
export const LEVELS_BYTES_MAX = 100_000_000;

/** What all jobs of one command share. */
export type SharedOptions = Pick<LabelJob, "format" | "params" | "finer" | "kinds"> & {
  /** Path of the levels, not yet read. */
  readonly levelsPath: string | null;
  /** Path of the sides, not yet read. */
  readonly sidesPath: string | null;
};

/** @throws {UsageError} naming the option. */
export function sharedOptions(values: OptionValues): SharedOptions {
  return {
    format: word(values, "format", ["csv", "ndjson"]) ?? "csv" satisfies LabelFormat,
    params: paramsOf(values),
    finer: finerOf(values),
    levelsPath: filePath(values, "levels"),
    sidesPath: filePath(values, "sides"),
    ...kindsOf(values),
  };
}

/**
 * The kinds asked for, as they are to be passed on.
 *
 * @throws {UsageError} for one that there is not.
 */
export function kindsOf(values: OptionValues): { readonly kinds?: string } {
  const text = values.text("kinds");
  if (text === undefined) return {};
  try {
    return { kinds: parseKinds(text).map((kind) => kind.text).join(",") };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message.replace(/^Cannot use kinds/, "Cannot use --kinds"));
  }
}

function paramsOf(values: OptionValues): LabelParams {
  // What is undefined takes its default, and labelParams checks the rest.
  const given: Record<string, unknown> = {
    horizon: values.number("horizon"),
    up: values.number("up"),
    down: values.number("down"),
    tie: word(values, "tie", ["lower", "upper"]),
    vertical: word(values, "vertical", ["zero", "sign"]),
    maxGapMs: values.number("max-gap-ms"),
    volatility: word(values, "volatility", VOLATILITIES),
  };
  try {
    return labelParams(given);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message.replace(/(?<=^Cannot use )\w+/, optionName));
  }
}

/** `maxGapMs` is given as `--max-gap-ms`. */
function optionName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function word<T extends string>(
  values: OptionValues,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const text = values.text(name);
  return allowed.find((one) => one === text);
}

function filePath(values: OptionValues, name: string): string | null {
  const path = values.text(name) ?? null;
  if (path !== STDIN_PATH) return path;
  throw new UsageError(`Cannot use --${name}: expected a file: standard input is for candles`);
}

function finerOf(values: OptionValues): LabelJob["finer"] {
  const path = filePath(values, "finer");
  const barMs = values.number("bar-ms");
  if (path === null) {
    if (barMs !== undefined) throw new UsageError("--bar-ms needs --finer FILE");
    return null;
  }
  if (barMs === undefined) {
    throw new UsageError("--finer needs --bar-ms N, the length of a coarse candle in milliseconds");
  }
  if (Number.isSafeInteger(barMs) && barMs > 0) return { path, barMs };
  throw new UsageError(
    `Cannot use --bar-ms: expected a whole number of milliseconds above 0: ` +
      `current value is ${barMs}`,
  );
}

/**
 * The levels in a file, gzip or plain.
 *
 * @throws {UsageError} when they are no levels. @throws {FileError} when it cannot be read.
 */
export async function readLevels(path: string, signal: AbortSignal): Promise<readonly Level[]> {
  const text = await readWhole(path, "levels", signal);
  try {
    const levels = parseLevels(JSON.parse(text));
    // Checks their count, too.
    new LevelSet(levels);
    return levels;
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new UsageError(`${path}: Cannot read levels: expected JSON: ${firstLine(error)}`);
    }
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new UsageError(`${path}: ${error.message}`);
  }
}

/**
 * The sides in a file, gzip or plain.
 *
 * @throws {UsageError} when they are no sides. @throws {FileError} when it cannot be read.
 */
export async function readSides(path: string, signal: AbortSignal): Promise<SideColumns> {
  const text = await readWhole(path, "sides", signal);
  try {
    return parseSides(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${path}: ${error.message}`);
  }
}

async function readWhole(path: string, what: string, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of fileBytes(path, { signal })) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length <= LEVELS_BYTES_MAX) continue;
    const most = `expected at most ${LEVELS_BYTES_MAX} bytes`;
    throw new UsageError(`${path}: Cannot read ${what}: ${most}`);
  }
  return text + decoder.decode();
}

function firstLine(error: Error): string {
  return error.message.split("\n")[0] ?? "";
}
