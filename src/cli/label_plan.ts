/**
 * Which file `wick label` reads and writes where, decided before anything is read.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { FileError, pathText, readableSize, STDIN_PATH } from "../feed/file_bytes.ts";
import type { LabelJob } from "../feed/label_job.ts";
import type { LabelFormat } from "../label/format.ts";
import { UsageError } from "./exit_code.ts";

/** One input and its output. */
export interface PlannedFile {
  readonly input: string;
  /** Size of the input in bytes; null for standard input and pipes. */
  readonly sizeBytes: number | null;
  /** Null is standard output. */
  readonly output: LabelJob["output"];
}

/** What a plan is made from. */
export interface PlanOptions {
  readonly inputs: readonly string[];
  /** Value of `--out`. */
  readonly out: string | undefined;
  readonly format: LabelFormat;
  /** Other files that are read: none of them may be written either. */
  readonly alsoRead: readonly string[];
  /** Makes temporary names that no other process makes. */
  readonly processId: number;
}

/** Most inputs of one command: each may leave a hundred refused rows in memory. */
export const LABEL_FILES_MAX = 10_000;

/** The file name under which labels of an input go into a folder. */
export function outputName(input: string, format: LabelFormat): string {
  const name = input === STDIN_PATH ? "stdin" : basename(input);
  return `${name.replace(/\.gz$/, "").replace(/\.(csv|ndjson|jsonl)$/, "")}.labels.${format}`;
}

/**
 * The plan, in the order of the inputs. Makes the folder of `--out` when it is needed.
 *
 * @throws {UsageError | FileError} when a file cannot be what it is asked to be.
 */
export async function planLabels(options: PlanOptions): Promise<readonly PlannedFile[]> {
  const { inputs, out, format } = options;
  if (inputs.length > LABEL_FILES_MAX) {
    throw new UsageError(`expected at most ${LABEL_FILES_MAX} files: got ${inputs.length}`);
  }
  const read = await identities(inputs, options.alsoRead);
  const sizes = await Promise.all(
    inputs.map((input) => input === STDIN_PATH ? null : readableSize(input)),
  );
  const paths = await outputPaths(inputs, out, format);
  const files: PlannedFile[] = [];
  for (const [index, input] of inputs.entries()) {
    const path = paths[index];
    const temporarySuffix = `.${options.processId}-${index}.tmp`;
    files.push({
      input,
      sizeBytes: sizes[index] ?? null,
      output: path === undefined ? null : await outputOf(path, read, temporarySuffix),
    });
  }
  return files;
}

/** Every file that is read, by the path that it really has. */
async function identities(
  inputs: readonly string[],
  alsoRead: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const read = new Map<string, string>();
  for (const input of inputs) {
    const path = await realPath(input);
    const twin = read.get(path);
    if (twin !== undefined) {
      const as = twin === input ? "" : `, as ${pathText(twin)}`;
      throw new UsageError(`${pathText(input)} is given twice${as}`);
    }
    read.set(path, input);
  }
  for (const path of alsoRead) {
    await readableSize(path);
    read.set(await realPath(path), path);
  }
  return read;
}

async function realPath(path: string): Promise<string> {
  if (path === STDIN_PATH) return path;
  try {
    return await Deno.realPath(path);
  } catch {
    // Not there, which opening it says better; or a pipe like /dev/fd/63, which has no real path.
    return path;
  }
}

/** Where the labels of each input go; empty for standard output. */
async function outputPaths(
  inputs: readonly string[],
  out: string | undefined,
  format: LabelFormat,
): Promise<readonly string[]> {
  if (out === undefined) {
    if (inputs.length > 1) throw new UsageError("several files need --out DIR");
    return [];
  }
  const isFolder = (await infoOf(out, Deno.stat))?.isDirectory ?? false;
  if (inputs.length === 1 && !isFolder && !/[/\\]$/.test(out)) return [out];
  if (!isFolder) await makeFolder(out);
  const byName = new Map<string, string>();
  return inputs.map((input) => {
    const name = outputName(input, format);
    const twin = byName.get(name);
    if (twin !== undefined) {
      throw new UsageError(`${pathText(twin)} and ${pathText(input)} would both become ${name}`);
    }
    byName.set(name, input);
    return join(out, name);
  });
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    const isTaken = error instanceof Deno.errors.AlreadyExists ||
      error instanceof Deno.errors.NotADirectory;
    const why = isTaken ? "it is no folder" : error instanceof Error ? error.message : error;
    throw new UsageError(`Cannot write into ${path}: ${why}`);
  }
}

/**
 * Where to write: what is at the path already decides. A file is replaced when all is written, a
 * device or a pipe is written to. `read` are files, by their real paths, that must stay.
 *
 * @throws {FileError} when the path is a folder. @throws {UsageError} when the file is read too.
 */
export async function outputOf(
  path: string,
  read: ReadonlyMap<string, string>,
  temporarySuffix: string,
): Promise<NonNullable<LabelJob["output"]>> {
  const info = await infoOf(path, Deno.stat);
  if (info === null) {
    // Where the folder is a link, the file would still be beside an input.
    refuseInput(path, join(await realPath(dirname(path)), basename(path)), read);
    return { path, temporaryPath: path + temporarySuffix };
  }
  if (info.isDirectory) {
    throw new FileError("directory", `Cannot write ${path}: it is a folder`);
  }
  if (!info.isFile) return { path, temporaryPath: null };
  const target = await realPath(path);
  refuseInput(path, target, read);
  // Renaming onto a link would replace the link and not what it means.
  const isLink = (await infoOf(path, Deno.lstat))?.isSymlink ?? false;
  const renamed = isLink ? target : path;
  return { path: renamed, temporaryPath: renamed + temporarySuffix };
}

async function infoOf(path: string, stat: typeof Deno.stat): Promise<Deno.FileInfo | null> {
  try {
    return await stat(path);
  } catch {
    return null;
  }
}

function refuseInput(path: string, target: string, read: ReadonlyMap<string, string>): void {
  const input = read.get(target);
  if (input !== undefined) {
    const as = input === path ? "" : `, as ${pathText(input)}`;
    throw new UsageError(`Cannot write ${path}: it is read too${as}`);
  }
}
