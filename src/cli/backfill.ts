/**
 * `wick backfill`: runs a job that fetches from a provider, in this process or in the service.
 *
 * @module
 */

import { JOB_PROFILES } from "../batch/job_spec.ts";
import type { JobReply, JobStatus } from "../batch/job_status.ts";
import { formatRate } from "../batch/limit_rate.ts";
import { reportText } from "../batch/report_text.ts";
import type { RunReport } from "../batch/report_schema.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import { followJob, isMoving, type Lines } from "./backfill_follow.ts";
import { jobOfOptions, saysWhat } from "./backfill_job.ts";
import type { Command, CommandCall, OptionValues } from "./command.ts";
import { resolveConfig, type Resolved } from "./config.ts";
import type { WickConfig } from "./config_schema.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { remoteJobs } from "./jobs_remote.ts";
import { logOf } from "./log.ts";
import { metricsFolder } from "./metrics_files.ts";
import { type CliParts, type JobsHandle, ServeError } from "./parts.ts";
import { serviceUrl } from "./service_call.ts";
import { ServiceClient, ServiceError } from "./service_client.ts";
import { CONFIG_OPTION, settingOptions, SETTINGS } from "./settings.ts";
import { countOf, countText, timeText } from "./text.ts";

/** Options that are settings; `--workers` and `--profile` are the job's here. */
const SETTING_OPTIONS = settingOptions(["data", "metricsDir", "logFile"]);
const SETTING_FLAGS = [...Object.keys(SETTING_OPTIONS), "log-level", "url", "config"];

/** Notes of how a tree starts and ends are for services. */
const LOG_LEVEL = "warn";

/** Time between two looks at a job: in this process, and over HTTP. */
const LOOK_LOCAL_MS = 100;
const LOOK_REMOTE_MS = 500;

const { throughput, conservative } = JOB_PROFILES;

/** The command. */
export const BACKFILL: Command = {
  name: "backfill",
  about: "fetch from a provider what feeds do not bring",
  details: [
    "A job fetches kinds of data of many symbols within the provider's limits. What it fetched and " +
    "where it stands are committed together: one that was stopped or killed anywhere goes on with " +
    "exactly what is left. Candles are stored and labelled like those of feeds.",
    "Runs in this process on --data, or with --url in the service that runs there. Providers come " +
    "from the configuration; the name simulated always is one.",
    "--job names a file (JSON with name, symbols or symbolsFile, kinds, provider and any of the " +
    "options below) or a job of the configuration; options win over it. --name alone goes on with a " +
    "job that is known.",
    "The report goes to standard output, and to metrics_RUN.json and metrics_LATEST.json beside the " +
    "data. Exits with 0 when the job is done, though items were given up: they are dead letters. " +
    "Exits with 1 when it failed or all items did, 75 when another process has the data, 130 when " +
    "Ctrl-C paused it.",
  ],
  operand: null,
  options: {
    job: { value: "file", called: "FILE|NAME", about: "the job" },
    symbols: {
      value: "file",
      called: "FILE",
      about: "symbols, one a line or the first column of a CSV",
    },
    kinds: {
      value: "text",
      called: "A,B",
      about: "prices, quotes, dividends, profiles (companies), fundamentals, news",
    },
    provider: { value: "text", called: "NAME", about: "where to fetch from" },
    name: {
      value: "text",
      called: "NAME",
      about: "name of the job, for good",
      byDefault: "that of its file",
    },
    resume: { about: "go on where it was; this is the default" },
    restart: { about: "begin anew, whatever was done" },
    profile: {
      value: ["throughput", "conservative"],
      about: `throughput: ${formatRate(throughput.rate)}, ${throughput.workers} workers, chunks ` +
        `found; conservative: ${formatRate(conservative.rate)}, ${conservative.workers}, 50`,
      byDefault: "throughput",
    },
    rate: { value: "text", called: "N/TIME", about: "calls in a time, as 750/min" },
    workers: { value: "number", called: "N", about: "calls under way at a time" },
    chunk: { value: "text", called: "auto|N", about: "items of a call" },
    from: { value: "text", called: "TIME", about: "prices from then on: ISO, or epoch ms" },
    to: { value: "text", called: "TIME", about: "end, not included" },
    granularity: { value: GRANULARITIES, about: "length of a bar of prices", byDefault: "D" },
    json: { about: "the report as JSON" },
    ...SETTING_OPTIONS,
    "log-level": {
      value: "text",
      called: "LEVELS",
      about: SETTINGS.logLevel.about,
      byDefault: LOG_LEVEL,
    },
    url: {
      value: "text",
      called: "URL",
      about: "run it in the service there",
      byDefault: "in this process",
    },
    config: CONFIG_OPTION,
  },
  examples: [
    {
      line: "wick backfill --symbols nyse.csv --kinds prices,dividends --provider eodhd",
      about: "",
    },
    { line: "wick backfill --name nyse --resume", about: "after Ctrl-C" },
    { line: "wick backfill --job night.json --restart --rate 500/min", about: "" },
    { line: "wick backfill --job night.json --url http://127.0.0.1:8003 --json", about: "" },
  ],
  run: runBackfill,
};

/** Where jobs run, and how that is written as options. */
interface Place {
  readonly jobs: JobsHandle;
  readonly isLocal: boolean;
  readonly lookEveryMs: number;
}

async function runBackfill(call: CommandCall, io: CliIo, parts: CliParts): Promise<ExitCode> {
  const { values } = call;
  if (values.flag("resume") && values.flag("restart")) {
    throw new UsageError("Cannot use --resume with --restart: expected one of them");
  }
  const resolved = await resolveConfig(values.only(SETTING_FLAGS), io);
  const lines: Lines = { above: (text) => io.err(text) };
  using log = logOf(logConfig(resolved), { ...io, err: (text) => lines.above(text) });
  try {
    const begin = await beginningOf(values, resolved.config, io);
    const place = values.has("url")
      ? remotePlace(resolved, io)
      : await localPlace(resolved.config, log.sink, io, parts);
    io.onSecondInterrupt(() => {
      io.err("wick backfill: stopped at once; what is saved stays, the rest is done by --resume\n");
      place.jobs.abort();
    });
    try {
      return await runJob(begin, place, resolved, values, lines, io);
    } finally {
      await place.jobs.close();
    }
  } catch (error) {
    return exitOf(error, io);
  }
}

function exitOf(error: unknown, io: CliIo): ExitCode {
  if (!(error instanceof ServeError || error instanceof ServiceError)) throw error;
  io.err(`wick backfill: ${error.message}\n`);
  return error.exitCode;
}

function logConfig({ config, origins }: Resolved): WickConfig {
  return origins.logLevel === "default" ? { ...config, logLevel: LOG_LEVEL } : config;
}

/** The name of the job, and how to begin it. */
interface Beginning {
  readonly name: string;
  begin(jobs: JobsHandle, isLocal: boolean): Promise<JobReply>;
  /** Why a job that is under way is not this one; null when it is. */
  differs(job: JobStatus): string | null;
  readonly isRestart: boolean;
}

async function beginningOf(
  values: OptionValues,
  config: WickConfig,
  io: CliIo,
): Promise<Beginning> {
  const isRestart = values.flag("restart");
  const named = values.text("name");
  if (named !== undefined && !saysWhat(values)) {
    if (isRestart) {
      throw new UsageError("Cannot restart by --name alone: expected --job or --symbols");
    }
    return {
      name: named,
      begin: (jobs) => jobs.resume(named),
      differs: () => null,
      isRestart,
    };
  }
  if (!saysWhat(values)) {
    throw new UsageError(
      "no job given: expected --job, --symbols or --name; see wick backfill --help",
    );
  }
  const job = await jobOfOptions(values, config, io);
  const { schedule, ...once } = job;
  return {
    name: job.name,
    isRestart,
    // Nothing waits in this process for a time to come.
    begin: (jobs, isLocal) =>
      jobs.start(isLocal && schedule !== undefined ? once : job, isRestart ? "restart" : "resume"),
    differs({ symbols, kinds, provider }) {
      const isSame = symbols === job.symbols.length && provider === job.provider &&
        [...kinds].sort().join() === [...job.kinds].sort().join();
      return isSame ? null : "it is under way with other symbols, kinds or provider";
    },
  };
}

function remotePlace(resolved: Resolved, io: CliIo): Place {
  const { token, readToken, timeoutMs } = resolved.config;
  const client = new ServiceClient({
    url: serviceUrl(resolved),
    token: token ?? readToken,
    timeoutMs,
    clock: io.clock,
    // An interrupt is told to the service, so it must not end the requests.
    signal: new AbortController().signal,
  });
  return { jobs: remoteJobs(client), isLocal: false, lookEveryMs: LOOK_REMOTE_MS };
}

async function localPlace(
  config: WickConfig,
  log: ReturnType<typeof logOf>["sink"],
  io: CliIo,
  parts: CliParts,
): Promise<Place> {
  const open = parts.openJobs ?? null;
  if (open === null) {
    throw new ServeError(
      "Cannot run jobs in this process: this build cannot; --url names a service",
    );
  }
  try {
    const jobs = await open(config, log, io);
    return { jobs, isLocal: true, lookEveryMs: LOOK_LOCAL_MS };
  } catch (error) {
    if (!(error instanceof ServeError) || error.exitCode !== Exit.tryAgain) throw error;
    const hint = "; if a service runs there, --url http://127.0.0.1:8003 runs the job in it";
    throw new ServeError(`${error.message}${hint}`, error.exitCode, { cause: error });
  }
}

async function runJob(
  beginning: Beginning,
  place: Place,
  resolved: Resolved,
  values: OptionValues,
  lines: Lines,
  io: CliIo,
): Promise<ExitCode> {
  const { jobs, lookEveryMs } = place;
  const say = (text: string) => io.err(`wick backfill: ${text}\n`);
  const reply = await begun(beginning, place, io);
  if (reply.state !== "ok") {
    say(reply.reason);
    return Exit.failed;
  }
  if (!isMoving(reply.job) && reply.job.state === "pending" && reply.job.nextMs !== null) {
    say(`job ${beginning.name} waits for ${timeText(reply.job.nextMs)} UTC`);
    return Exit.ok;
  }
  let job: JobStatus;
  try {
    job = await followJob({ jobs, job: reply.job, lookEveryMs, lines }, io);
  } catch (error) {
    if (jobs.gaveUp() === null || error !== jobs.gaveUp()) throw error;
    say(`gave up: ${(error as Error).message}`);
    return Exit.gaveUp;
  }
  const report = await jobs.report(job.name);
  if (report !== null) sayReport(report, values.flag("json"), io);
  // By then the report is in its file.
  await jobs.close();
  const folder = place.isLocal ? metricsFolder(resolved.config) : null;
  if (folder !== null && report !== null) say(`report in ${folder}/metrics_LATEST.json`);
  return endOf(job, report, resumeLine(job.name, values), say, io);
}

/** Begins the job; one that is under way is followed, or for a restart paused first. */
async function begun(
  { name, begin, differs, isRestart }: Beginning,
  { jobs, isLocal, lookEveryMs }: Place,
  io: CliIo,
): Promise<JobReply> {
  const known = await jobs.job(name);
  if (known.state !== "ok" || !isMoving(known.job)) return await begin(jobs, isLocal);
  if (isRestart) {
    await jobs.pause(name);
    const quiet: CliIo = { ...io, isTerminal: { ...io.isTerminal, stderr: false } };
    const lines = { above: () => {} };
    await followJob({ jobs, job: known.job, lookEveryMs, lines }, quiet);
    return await begin(jobs, isLocal);
  }
  const reason = differs(known.job);
  if (reason !== null) {
    return {
      state: "refused",
      reason: `Cannot go on with job ${name}: ${reason}; --restart begins anew`,
    };
  }
  io.err(`wick backfill: job ${name} goes on\n`);
  return known;
}

function sayReport(report: RunReport, isJson: boolean, io: CliIo): void {
  io.out(isJson ? `${JSON.stringify(report)}\n` : `${reportText(report).join("\n")}\n`);
}

function endOf(
  job: JobStatus,
  report: RunReport | null,
  resume: string,
  say: (text: string) => void,
  io: CliIo,
): ExitCode {
  const { name, state, items, settled, failed, lastError } = job;
  const standing = `${countText(settled)} of ${countOf(items, "item")} saved`;
  if (state === "done") {
    const letters = failed === 0 ? "" : `, ${countText(failed)} given up: wick dlq list`;
    say(`job ${name} is done: ${countOf(items, "item")}${letters}`);
    return report !== null && failed > 0 &&
        report.run_summary.items_ok + report.run_summary.items_skipped === 0
      ? Exit.failed
      : Exit.ok;
  }
  if (state === "failed") {
    say(
      `job ${name} failed: ${lastError ?? "no reason is known"}; ${standing}; go on with ${resume}`,
    );
    return Exit.failed;
  }
  if (state === "cancelled") {
    say(`job ${name} was cancelled; ${standing}`);
    return Exit.failed;
  }
  say(`job ${name} is paused; ${standing}; go on with ${resume}`);
  return io.interrupted.aborted ? Exit.interrupted : Exit.tryAgain;
}

function resumeLine(name: string, values: OptionValues): string {
  const words = ["data", "url", "config", "metrics-dir"].flatMap((option) => {
    const value = values.text(option);
    return value === undefined ? [] : [`--${option}`, value];
  });
  return ["wick backfill --resume --name", name, ...words].join(" ");
}
