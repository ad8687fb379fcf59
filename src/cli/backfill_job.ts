/**
 * The job that `wick backfill` is to run: from a file, from options, or from the configuration.
 *
 * @module
 */

import { basename } from "node:path";
import { z } from "zod";
import { parseKinds } from "../batch/filter_kinds.ts";
import { JOB_NAME_LENGTH_MAX, type JobSpec } from "../batch/job_spec.ts";
import { JOB_SHAPE, jobSpec } from "../http/job_schemas.ts";
import { JOB_BYTES_MAX } from "../http/limits.ts";
import type { OptionValues } from "./command.ts";
import { reasonOf } from "./config_file.ts";
import type { JobConfig, WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { symbolsOf } from "./serve_jobs.ts";
import { timeOption } from "./time_option.ts";

/** A job file: what it leaves out comes from options. */
const jobFile = z.strictObject({
  ...JOB_SHAPE,
  name: JOB_SHAPE.name.exactOptional(),
  symbols: JOB_SHAPE.symbols.exactOptional(),
  symbolsFile: z.string().min(1).exactOptional(),
  kinds: JOB_SHAPE.kinds.exactOptional(),
  provider: JOB_SHAPE.provider.exactOptional(),
});

type JobFile = z.output<typeof jobFile> | JobConfig;

/** Whether the options say what to fetch, or only name a job that is known. */
export function saysWhat(values: OptionValues): boolean {
  return ["job", "symbols", "kinds", "provider"].some((name) => values.has(name));
}

/**
 * The job of the options: those of `--job`, a file or the name of a configured job, with what other
 * options say instead.
 *
 * @throws {UsageError} naming the field that is missing or wrong.
 */
export async function jobOfOptions(
  values: OptionValues,
  config: WickConfig,
  io: CliIo,
): Promise<JobSpec> {
  const source = values.text("job");
  const file = source === undefined ? {} : await jobOfFile(source, config, io);
  const { symbolsFile, symbols: listed, ...rest } = file;
  const symbolsPath = values.text("symbols") ?? symbolsFile;
  const symbols = symbolsPath === undefined ? listed : await symbolsOf(symbolsPath, io);
  const name = values.text("name") ?? file.name ?? nameOf(source ?? symbolsPath);
  const given = definedOf({ ...rest, ...optionsOf(values), symbols, name });
  for (const [field, option] of [["symbols", "symbols FILE"], ["provider", "provider NAME"]]) {
    if (given[field as string] !== undefined) continue;
    throw new UsageError(`Cannot run a job without ${field}: expected --${option}, or --job FILE`);
  }
  const result = jobSpec.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UsageError(`Cannot run the job: ${issue?.path.join(".")}: ${issue?.message}`);
}

async function jobOfFile(source: string, config: WickConfig, io: CliIo): Promise<JobFile> {
  const configured = config.jobs.find(({ name }) => name === source);
  if (configured !== undefined) return configured;
  let found: unknown;
  try {
    found = JSON.parse(await io.readText(source, JOB_BYTES_MAX));
  } catch (error) {
    throw new UsageError(
      `Cannot read job ${source}: expected a file of JSON, or the name of a configured job: ` +
        reasonOf(error),
    );
  }
  const result = jobFile.safeParse(found);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UsageError(`Cannot read job ${source}: ${issue?.path.join(".")}: ${issue?.message}`);
}

function optionsOf(values: OptionValues): Record<string, unknown> {
  const kinds = values.text("kinds");
  return definedOf({
    kinds: kinds === undefined ? undefined : kindsOf(kinds),
    provider: values.text("provider"),
    granularity: values.text("granularity"),
    profile: values.text("profile"),
    rate: values.text("rate"),
    workers: values.number("workers"),
    chunk: chunkOf(values.text("chunk")),
    from: timeOption("from", values),
    to: timeOption("to", values),
  });
}

function kindsOf(text: string): string[] {
  try {
    return parseKinds(text);
  } catch (error) {
    throw new UsageError(`Cannot use --kinds: ${reasonOf(error)}`);
  }
}

function chunkOf(text: string | undefined): "auto" | number | undefined {
  if (text === undefined || text === "auto") return text;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(
    `Cannot use --chunk: expected auto or a number of items: current value is ${
      JSON.stringify(text)
    }`,
  );
}

/** A file's name as a job's: `lists/NYSE all.csv` is `NYSE-all`. */
function nameOf(path: string | undefined): string | undefined {
  const name = basename(path ?? "").replace(/\.\w+$/, "").replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "").slice(0, JOB_NAME_LENGTH_MAX);
  return name === "" ? undefined : name;
}

function definedOf(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
