/**
 * `wick export`: labels or candles of the running service into a file.
 *
 * @module
 */

import { type ByteSink, FileError, fileSink } from "../feed/file_bytes.ts";
import type { Command, CommandCall, OptionSpec, OptionValues } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { ExportKind } from "./export_columns.ts";
import type { ExportQuery } from "./export_pages.ts";
import { type Exported, runExport } from "./export_run.ts";
import { EXPORT_FORMATS, type ExportFormat, holdsMetadata } from "./export_writer.ts";
import type { CliIo } from "./io.ts";
import { LABEL } from "./label.ts";
import { kindsOf } from "./label_options.ts";
import { outputOf } from "./label_plan.ts";
import { ProgressLine } from "./progress_line.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { type Query, type ServiceClient, ServiceError } from "./service_client.ts";
import { seriesList } from "./series_list.ts";
import { bytesText, countOf, countText } from "./text.ts";
import { timeOption } from "./time_option.ts";

/** Most series of one file. */
const SERIES_MAX = 10_000;

/** Options of `wick label` that decide what a label is, and how the route calls them. */
const PARAM_NAMES: Readonly<Record<string, string>> = {
  horizon: "horizon",
  up: "up",
  down: "down",
  tie: "tie",
  vertical: "vertical",
  volatility: "volatility",
  "max-gap-ms": "maxGapMs",
  kinds: "kinds",
};

const PARAM_OPTIONS: Record<string, OptionSpec> = Object.fromEntries(
  Object.keys(PARAM_NAMES).map((name) => {
    // The service has defaults of its own.
    const { byDefault: _, ...spec } = LABEL.options[name] as OptionSpec;
    return [name, spec];
  }),
);

/** The command. */
export const EXPORT: Command = {
  name: "export",
  about: "write labels or candles of the service to a file",
  details: [
    "parquet and arrow open as they are in pandas, polars and DuckDB: times as timestamps in UTC, " +
    "statuses as strings by dictionary, what is empty as null, with the series and, for stored " +
    "labels, revision and seq of each row. csv and ndjson of one series equal what wick label " +
    "writes for the same candles; several have the series in front.",
    "All rows are read as of one commit: the newest, or that of --as-of. Rows of other parameters " +
    "than the service's own, and rows with kinds, are computed for the export and have no commit.",
    "Every file carries a fingerprint of what was asked for and of its rows, the same in every " +
    "format: in its metadata, or in FILE.meta.json beside csv and ndjson. A file appears when it " +
    "is complete, or not at all.",
  ],
  operand: null,
  options: {
    series: { value: "text", called: "A,B", about: "which series, as EUR_USD:H1" },
    kind: { value: ["labels", "candles"], about: "what is exported", byDefault: "labels" },
    format: { value: EXPORT_FORMATS, about: "format of the file", byDefault: "that of its name" },
    out: {
      value: "file",
      called: "FILE",
      about: "where it goes",
      byDefault: "standard output, for csv and ndjson",
      short: "o",
    },
    from: { value: "text", called: "TIME", about: "first time: ISO, or epoch ms" },
    to: { value: "text", called: "TIME", about: "end, not included" },
    "as-of": { value: "number", called: "SEQ", about: "as it was known after this commit" },
    revisions: { about: "csv and ndjson too have revision and seq at the end of each row" },
    ...PARAM_OPTIONS,
    json: { about: "report as JSON: on standard output with --out, else on standard error" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick export --series EUR_USD:H1,EUR_USD:H4 --out labels.parquet", about: "" },
    {
      line: "wick export --series EUR_USD:H1 --from 2024-01-01 --to 2025-01-01 > 2024.csv",
      about: "",
    },
    {
      line: "wick export --series EUR_USD:H1 --as-of 1200 --out then.arrow",
      about: "as it was known after commit 1200",
    },
    { line: "wick export --series EUR_USD:H1 --kinds drawdown,flip > kinds.csv", about: "" },
    { line: "wick export --kind candles --series EUR_USD:H1 --format ndjson", about: "" },
  ],
  run: (call, io) => withService(call, io, (client) => runOne(call, io, client)),
};

async function runOne(
  { values }: CommandCall,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const query = queryOf(values);
  const out = values.text("out");
  const format = formatOf(values.text("format"), out);
  if (out === undefined && holdsMetadata(format)) {
    throw new UsageError(`Cannot write ${format} to standard output: expected --out FILE`);
  }
  const withVersions = holdsMetadata(format) || values.flag("revisions");
  let sink: ByteSink | null = null;
  let rows = 0;
  const line = io.isTerminal.stderr
    ? new ProgressLine(io, () => Promise.resolve(`${countText(rows)} rows`))
    : null;
  try {
    sink = await sinkOf(out, io);
    const onRows = (count: number) => void (rows = count);
    const made = await runExport(client, { query, format, withVersions, sink, onRows });
    if (out !== undefined && !holdsMetadata(format)) await writeSidecar(out, made);
    await line?.[Symbol.asyncDispose]();
    report(made, out, values.flag("json"), io);
    return Exit.ok;
  } catch (error) {
    await line?.[Symbol.asyncDispose]();
    await sink?.discard();
    return exitOf(error, io);
  }
}

/** Says what an error of the file means; others go on to whoever knows them. */
function exitOf(error: unknown, io: CliIo): ExitCode {
  const isKnown = error instanceof FileError ||
    (error instanceof Error && error.name === "ArrowTooLong");
  if (io.interrupted.aborted || error instanceof ServiceError || !isKnown) throw error;
  // Who read the output closed it: nothing more to do.
  if (error instanceof FileError && error.code === "closed") return Exit.ok;
  io.err(`wick export: ${error.message}\n`);
  return Exit.failed;
}

function queryOf(values: OptionValues): ExportQuery {
  const series = seriesList(values.text("series"))?.split(",") ?? [];
  if (series.length === 0 || series.length > SERIES_MAX) {
    throw new UsageError(
      `Cannot export: expected --series with 1 to ${SERIES_MAX}: current value is ${series.length}`,
    );
  }
  const twice = series.find((key, index) => series.indexOf(key) !== index);
  if (twice !== undefined) throw new UsageError(`Cannot export: ${twice} is given twice`);
  const kind: ExportKind = values.text("kind") === "candles" ? "candles" : "labels";
  const params = paramsOf(values);
  const asOf = values.number("as-of");
  if (asOf !== undefined && !(Number.isSafeInteger(asOf) && asOf >= 0)) {
    throw new UsageError(`Cannot use --as-of: expected a commit: current value is ${asOf}`);
  }
  const [name] = Object.keys(params);
  if (kind === "candles" && name !== undefined) {
    throw new UsageError(`Cannot use --${name}: candles have no parameters`);
  }
  return {
    kind,
    series,
    from: timeOption("from", values),
    to: timeOption("to", values),
    asOf,
    params,
  };
}

function paramsOf(values: OptionValues): Query {
  const params: Record<string, string | number> = {};
  for (const [option, name] of Object.entries(PARAM_NAMES)) {
    if (!values.has(option)) continue;
    const isNumber = PARAM_OPTIONS[option]?.value === "number";
    params[name] = (isNumber ? values.number(option) : values.text(option)) as string | number;
  }
  // Said the shortest way, so that files of the same request say the same.
  return { ...params, ...kindsOf(values) };
}

function formatOf(given: string | undefined, out: string | undefined): ExportFormat {
  const format = EXPORT_FORMATS.find((one) => one === given);
  if (format !== undefined) return format;
  if (out === undefined) return "csv";
  const end = /\.(\w+)$/.exec(out)?.[1]?.toLowerCase();
  const known = { feather: "arrow", jsonl: "ndjson" }[end ?? ""] ?? end;
  const named = EXPORT_FORMATS.find((one) => one === known);
  if (named !== undefined) return named;
  throw new UsageError(
    `Cannot tell the format of ${out}: expected --format or a name that ends with ` +
      EXPORT_FORMATS.map((one) => `.${one}`).join(", "),
  );
}

/** Text on standard output. */
function outSink(io: CliIo): ByteSink {
  const decoder = new TextDecoder();
  return {
    // deno-lint-ignore require-await -- a reader that is gone rejects the promise
    async write(bytes) {
      if (io.out(decoder.decode(bytes, { stream: true }))) return;
      throw new FileError("closed", "Cannot write standard output: nobody reads it");
    },
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

async function sinkOf(out: string | undefined, io: CliIo): Promise<ByteSink> {
  if (out === undefined) return outSink(io);
  const { path, temporaryPath } = await outputOf(out, new Map(), `.${Deno.pid}.tmp`);
  return await fileSink(path, temporaryPath);
}

/** The metadata of formats that have no place for it. */
async function writeSidecar(out: string, { metadata }: Exported): Promise<void> {
  const { path, temporaryPath } = await outputOf(`${out}.meta.json`, new Map(), `.${Deno.pid}.tmp`);
  const sink = await fileSink(path, temporaryPath);
  try {
    await sink.write(new TextEncoder().encode(`${JSON.stringify(metadata, null, 2)}\n`));
    await sink.finish();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

function report(
  { rows, bytes, metadata }: Exported,
  out: string | undefined,
  isJson: boolean,
  io: CliIo,
): void {
  if (isJson) {
    const text = `${JSON.stringify({ file: out ?? null, rows, bytes, ...metadata })}\n`;
    if (out === undefined) io.err(text);
    else io.out(text);
    return;
  }
  const asOf = metadata["wick.as_of"];
  io.err(
    `wick export: ${countOf(rows, "row")}, ${bytesText(bytes)}` +
      `${asOf === undefined ? "" : `, as of commit ${asOf}`}${
        out === undefined ? "" : ` in ${out}`
      }\n` +
      `wick export: fingerprint ${metadata["wick.fingerprint"]}\n`,
  );
}
