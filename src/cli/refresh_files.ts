/**
 * What `wick refresh` sends that stands in files: a run, correlations, changes of edges.
 *
 * @module
 */

import { CORRELATIONS_BYTES_MAX, EDGE_CHANGES_BYTES_MAX, RUN_BYTES_MAX } from "../http/limits.ts";
import { type CheckedEdgeChange, EDGE_CHANGES_MAX, edgeChange } from "../http/refresh_input.ts";
import { shapeIssues } from "../http/shape_issues.ts";
import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";

/** Largest file of changes, bytes: it is held in memory twice while it is checked. */
export const CHANGES_FILE_BYTES_MAX = 64 * 1024 * 1024;

/** What stands for standard input where a file is named. */
const STDIN = "-";

/** The JSON of a run. @throws {UsageError} */
export function readRun(path: string, io: CliIo): Promise<unknown> {
  return readJson(path, RUN_BYTES_MAX, io);
}

/** The JSON of correlations. @throws {UsageError} */
export function readCorrelations(path: string, io: CliIo): Promise<unknown> {
  return readJson(path, CORRELATIONS_BYTES_MAX, io);
}

async function readJson(path: string, bytesMax: number, io: CliIo): Promise<unknown> {
  const text = await readAll(path, bytesMax, io);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw cannot(path, `expected JSON: ${firstLine(error)}`);
  }
}

/**
 * Changes of edges: one as JSON a line, or one JSON array. All are checked before any is sent.
 *
 * @throws {UsageError} naming the line, or the place in the array.
 */
export async function readChanges(path: string, io: CliIo): Promise<readonly CheckedEdgeChange[]> {
  const text = await readAll(path, CHANGES_FILE_BYTES_MAX, io);
  const found = text.trimStart().startsWith("[") ? arrayOf(path, text) : linesOf(path, text);
  if (found.length === 0) throw cannot(path, "expected at least one change: current value is none");
  return found.map(([place, json]) => {
    const checked = edgeChange.safeParse(json);
    if (checked.success) return checked.data;
    const [issue] = shapeIssues("", checked.error, json);
    const at = issue?.path ? ` at ${issue.path.slice(1)}` : "";
    throw cannot(path, `${place}${at}: ${(issue?.message ?? "").replace(/^Invalid input: /, "")}`);
  });
}

type Placed = readonly [place: string, json: unknown];

function linesOf(path: string, text: string): Placed[] {
  return text.split("\n").flatMap((line, i): Placed[] => {
    if (line.trim() === "") return [];
    const place = `line ${i + 1}`;
    try {
      return [[place, JSON.parse(line)]];
    } catch (error) {
      throw cannot(path, `${place}: expected JSON: ${firstLine(error)}`);
    }
  });
}

function arrayOf(path: string, text: string): Placed[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list.map((json, i) => [`change ${i + 1}`, json]);
  } catch (error) {
    throw cannot(path, `expected JSON: ${firstLine(error)}`);
  }
  throw cannot(path, "expected a JSON array, or NDJSON");
}

/** Changes as the service takes them, several requests where they are many, with their places. */
export function batchesOf(
  changes: readonly CheckedEdgeChange[],
): { readonly from: number; readonly ndjson: string }[] {
  const batches: { from: number; ndjson: string }[] = [];
  let lines: string[] = [], from = 0, bytes = 0;
  const end = (next: number) => {
    if (lines.length > 0) batches.push({ from, ndjson: lines.join("") });
    [lines, from, bytes] = [[], next, 0];
  };
  for (const [i, change] of changes.entries()) {
    const line = `${JSON.stringify(change)}\n`;
    // A character takes at most three bytes.
    const lineBytes = 3 * line.length;
    if (lines.length >= EDGE_CHANGES_MAX || bytes + lineBytes > EDGE_CHANGES_BYTES_MAX) end(i);
    lines.push(line);
    bytes += lineBytes;
  }
  end(changes.length);
  return batches;
}

async function readAll(path: string, bytesMax: number, io: CliIo): Promise<string> {
  try {
    return path === STDIN ? await io.readInput(bytesMax) : await io.readText(path, bytesMax);
  } catch (error) {
    if (io.interrupted.aborted) throw error;
    throw cannot(
      path,
      error instanceof Deno.errors.NotFound ? "there is no such file" : firstLine(error),
    );
  }
}

function cannot(path: string, why: string): UsageError {
  const name = path === STDIN ? "standard input" : path;
  return new UsageError(`Cannot read ${name}: ${why}`);
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? "";
}
