/**
 * From the configuration to the providers of the tree and the jobs that the service keeps.
 *
 * @module
 */

import { jobProblems, type JobSpec } from "../batch/job_spec.ts";
import { JOB_SYMBOLS_MAX } from "../batch/job_spec.ts";
import { parseSymbols } from "../batch/job_symbols.ts";
import { BATCH_DEFAULTS, type BatchSettings } from "../provider/batch_status.ts";
import { openProvider, type ProviderConfig, providerSchema } from "../provider/config.ts";
import { KEY_CHARS_MAX } from "../provider/limits.ts";
import type { DataProvider } from "../provider/port.ts";
import { parseLowLoadHours } from "../warm/batch_hours.ts";
import { reasonOf } from "./config_file.ts";
import type { JobConfig, WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";

/** The provider that is always there. */
export const SIMULATED = "simulated";

/** Bytes of a file of symbols: each with a line of 100 characters. */
const SYMBOLS_BYTES_MAX = JOB_SYMBOLS_MAX * 100;

/** A provider as the tree takes it. */
export interface ServedProvider {
  readonly name: string;
  readonly begin: "full" | "free";
  readonly open: () => Promise<DataProvider>;
  readonly batch: BatchSettings;
}

/**
 * The providers of a configuration, and {@linkcode SIMULATED} unless one is called that. Nobody but
 * this process can have used the limits of a simulated one.
 *
 * @throws {UsageError} for hours of low load that are none.
 */
export function providersOf(config: WickConfig, io: CliIo): ServedProvider[] {
  const all: ProviderConfig[] = [...config.providers];
  const batch = batchOf(config);
  if (!all.some(({ name }) => name === SIMULATED)) {
    all.push(providerSchema.parse({ kind: "simulated", name: SIMULATED }));
  }
  const keys = {
    env: (name: string) => io.env(name),
    file: (path: string) => io.readText(path, KEY_CHARS_MAX),
  };
  return all.map((provider) => ({
    name: provider.name,
    begin: provider.kind === "simulated" ? "free" : "full",
    open: () => openProvider(provider, { clock: io.clock, keys }),
    batch,
  }));
}

/** How keys are grouped into calls of every provider. @throws {UsageError} */
export function batchOf(config: WickConfig): BatchSettings {
  const lowLoadHours = parseLowLoadHours(config.lowLoadHours);
  if (typeof lowLoadHours === "string") {
    throw new UsageError(
      `Cannot use lowLoadHours: ${lowLoadHours}: current value is ${config.lowLoadHours}`,
    );
  }
  return {
    isEnabled: config.cacheBatchEnabled,
    keysMax: config.cacheBatchSize,
    bulkLingerMaxMs: config.cacheBatchIntervalMs,
    lingerMs: BATCH_DEFAULTS.lingerMs,
    lowLoadHours,
  };
}

/**
 * The provider that fills holes, as the tree takes it; nothing for none.
 *
 * @throws {UsageError} when there is none of that name.
 */
export function holeFillerOf(
  { fillHolesFrom }: Pick<WickConfig, "fillHolesFrom">,
  providers: readonly Pick<ServedProvider, "name">[],
): { readonly fillHolesFrom?: string } {
  if (fillHolesFrom === null) return {};
  const names = providers.map(({ name }) => name);
  if (names.includes(fillHolesFrom)) return { fillHolesFrom };
  throw new UsageError(
    `Cannot fill holes: expected fillHolesFrom as one of ${names.join(", ")}: ` +
      `current value is ${fillHolesFrom}`,
  );
}

/**
 * The symbols of a file.
 *
 * @throws {UsageError} when it cannot be read, or holds others.
 */
export async function symbolsOf(path: string, io: CliIo): Promise<readonly string[]> {
  const text = await io.readText(path, SYMBOLS_BYTES_MAX).catch((error: unknown) => {
    throw new UsageError(`Cannot read ${path}: ${reasonOf(error)}`);
  });
  try {
    return parseSymbols(text).symbols;
  } catch (error) {
    throw new UsageError(`${path}: ${reasonOf(error)}`);
  }
}

/** A configured job with its symbols read. @throws {UsageError} */
export async function jobOf(
  { symbolsFile, symbols, ...rest }: JobConfig,
  io: CliIo,
): Promise<JobSpec> {
  const read = symbolsFile === undefined ? symbols ?? [] : await symbolsOf(symbolsFile, io);
  const spec = { ...rest, symbols: read };
  const problems = jobProblems(spec);
  if (problems.length === 0) return spec;
  throw new UsageError(`Cannot use job ${spec.name}: ${problems.join("; ")}`);
}

/** The jobs of a configuration that run by themselves. @throws {UsageError} */
export function scheduledJobs({ jobs }: WickConfig, io: CliIo): Promise<JobSpec[]> {
  const scheduled = jobs.filter(({ schedule }) => schedule !== undefined);
  return Promise.all(scheduled.map((job) => jobOf(job, io)));
}
