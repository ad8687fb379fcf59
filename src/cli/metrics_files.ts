/**
 * Reports of runs as files: `metrics_RUN.json` for each, and `metrics_LATEST.json`, which is the last
 * one that was written. A file is there whole or not at all.
 *
 * @module
 */

import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LogSink } from "../actor/mod.ts";
import type { RunReport } from "../batch/report_schema.ts";
import { runReport } from "../http/job_schemas.ts";
import { reasonOf } from "./config_file.ts";
import type { WickConfig } from "./config_schema.ts";
import type { CliIo } from "./io.ts";

/** Files kept in a folder, as many as the store keeps reports: three years of nights. */
export const METRICS_FILES_MAX = 1_000;

/** Largest report that is read, bytes: 64 endpoints and phases take some 40 kB. */
export const METRICS_BYTES_MAX = 1_000_000;

const LATEST = "metrics_LATEST.json";
/** Names of runs begin with a letter or digit and hold nothing that means a folder. */
const NAME = /^metrics_[A-Za-z0-9][\w.-]*\.json$/;

/** Where reports go; null for nowhere: data in memory only, and no folder named. */
export function metricsFolder({ metricsDir, data }: WickConfig): string | null {
  return metricsDir ?? (data === ":memory:" ? null : data);
}

/**
 * Writes a report; the path of its file. Replaces the one of an earlier part of its run. O(files of
 * the folder).
 *
 * @throws what the disk answers.
 */
export async function writeMetrics(folder: string, report: RunReport): Promise<string> {
  const name = `metrics_${report.run_summary.run_id}.json`;
  if (!NAME.test(name) || name === LATEST) {
    throw new RangeError(
      `Cannot write a report: expected the name of a run: current value is ${name}`,
    );
  }
  await mkdir(folder, { recursive: true });
  const text = `${JSON.stringify(report, null, 2)}\n`;
  for (const target of [name, LATEST]) {
    const path = join(folder, target);
    const beside = `${path}.tmp`;
    await writeFile(beside, text);
    await rename(beside, path);
  }
  await removeOldest(folder);
  return join(folder, name);
}

async function removeOldest(folder: string): Promise<void> {
  const names = await metricsFiles(folder);
  const tooMany = names.length - METRICS_FILES_MAX;
  if (tooMany <= 0) return;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, atMs: (await stat(join(folder, name))).mtimeMs })),
  );
  aged.sort((a, b) => a.atMs - b.atMs);
  for (const { name } of aged.slice(0, tooMany)) await rm(join(folder, name), { force: true });
}

async function metricsFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => NAME.test(name) && name !== LATEST).sort();
}

/** Takes reports as they come; what cannot be written is said in the log. Undefined for nowhere. */
export function metricsWriter(
  config: WickConfig,
  log: LogSink,
): ((report: RunReport) => Promise<void>) | undefined {
  const folder = metricsFolder(config);
  if (folder === null) return undefined;
  return async (report) => {
    try {
      const path = await writeMetrics(folder, report);
      log("info", "metrics", "a report was written", { path });
    } catch (error) {
      log("warn", "metrics", "a report could not be written", { folder, reason: reasonOf(error) });
    }
  };
}

/** Paths of the reports in a folder; none when there is no such folder. */
export async function metricsPaths(folder: string): Promise<string[]> {
  try {
    return (await metricsFiles(folder)).map((name) => join(folder, name));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/**
 * A report from a file.
 *
 * @throws {RangeError} naming the file, and what is expected in it.
 */
export async function readMetrics(path: string, io: Pick<CliIo, "readText">): Promise<RunReport> {
  let found: unknown;
  try {
    found = JSON.parse(await io.readText(path, METRICS_BYTES_MAX));
  } catch (error) {
    throw new RangeError(`Cannot read ${path}: expected a report as JSON: ${reasonOf(error)}`);
  }
  const result = runReport.safeParse(found);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new RangeError(
    `Cannot read ${path}: expected the report of a run: ${
      issue?.path.join(".")
    }: ${issue?.message}`,
  );
}
