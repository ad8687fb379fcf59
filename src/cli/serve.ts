/**
 * `wick serve`: the shell around the running service: configuration, log, start line, signals.
 *
 * @module
 */

import { CONFIG_OPTION, settingOptions } from "./settings.ts";
import { guardBind } from "../http/guards/bind_guard.ts";
import { TokenGuard } from "../http/guards/token_guard.ts";
import type { Command, CommandCall } from "./command.ts";
import { resolveConfig } from "./config.ts";
import type { WickConfig } from "./config_schema.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { type Log, logOf } from "./log.ts";
import { type CliParts, ServeError, type ServeHandle } from "./parts.ts";
import { countOf, spanText } from "./text.ts";

/** Time between two lines that say how far the draining is. */
const DRAIN_LINE_MS = 1_000;

/** The command. */
export const SERVE: Command = {
  name: "serve",
  about: "run the service",
  details: [
    "Opens the feeds of its configuration, takes candles over HTTP, labels them, and keeps all of " +
    "it in wick.db under --data. Whatever ends the process, nothing acknowledged is lost.",
    "Ctrl-C or SIGTERM stops taking, commits what was taken, and exits with 0; the second one stops " +
    "at once with 130. When the supervision tree gives up the exit code is 70.",
    "--scorer names a module, found from the working folder, whose default export is a kind of " +
    "scorer or a list of them: { name, description, create }, as ScorerKind of the library. It " +
    "runs with all that this process may do, and must be readable to it.",
    "--redis makes it a node: those on one Redis share the work, and take over from each other. Its " +
    "URL may name several servers of a Cluster, with commas; a password belongs in " +
    "WICK_REDIS_URL_FILE.",
    "Every setting can also stand in wick.json or the environment: see wick config. Tokens come " +
    "from WICK_TOKEN and WICK_READ_TOKEN, or from files that WICK_TOKEN_FILE and " +
    "WICK_READ_TOKEN_FILE name.",
  ],
  operand: null,
  options: {
    config: CONFIG_OPTION,
    ...settingOptions([
      ...["data", "durability", "host", "port", "workers", "feeds", "profile"] as const,
      ...["cacheProvider", "fillHolesFrom", "metricsDir", "refreshScorers"] as const,
      ...["logLevel", "logFormat", "logFile"] as const,
      ...["redisUrl", "nodeName", "nodeRegion"] as const,
    ]),
    "no-nodes": { about: "with Redis, share its cache only, and do all work here" },
    "no-tune": { about: "change no number of workers, size or budget by itself" },
    json: { about: "say on standard output, as JSON, when it is ready and how it ended" },
  },
  examples: [
    { line: "wick serve", about: "data in ./data, on 127.0.0.1:8003" },
    { line: "wick serve --feed synthetic --data :memory:", about: "to look around" },
    { line: "wick serve --feed candles.csv.gz --log-level warn,core/store=debug", about: "" },
    { line: "wick serve --scorer scorers/kelly.ts", about: "runs may name its scorers" },
    { line: "wick serve --redis redis://10.0.0.5:6379", about: "one node of several" },
    { line: "WICK_TOKEN_FILE=token wick serve --host 0.0.0.0", about: "for other machines" },
  ],
  run: runServe,
};

async function runServe({ values }: CommandCall, io: CliIo, parts: CliParts): Promise<ExitCode> {
  const { config: configured, path } = await resolveConfig(values, io);
  const config = {
    ...configured,
    ...(values.flag("no-tune") ? { tuningEnabled: false } : {}),
    ...(values.flag("no-nodes") ? { redisNodes: false } : {}),
  };
  const problem = bindProblem(config);
  if (problem !== null) throw new UsageError(problem);
  const start = parts.runServe ?? null;
  if (start === null) {
    io.err("wick serve: Cannot run the service: this build has none\n");
    return Exit.failed;
  }
  using log = logOf(config, io);
  let handle: ServeHandle;
  try {
    handle = await start(config, log.sink, io);
  } catch (error) {
    if (!(error instanceof ServeError)) throw error;
    io.err(`wick serve: ${error.message}\n`);
    return error.exitCode;
  }
  io.onSecondInterrupt(() => {
    io.err("wick serve: stopped at once; what is not committed was not acknowledged either\n");
    handle.abort();
  });
  const isJson = values.flag("json");
  sayReady(handle, config, path, isJson, io);
  const code = await untilOver(handle, config, isJson, io);
  sayLost(log, io);
  return code;
}

/** Why the service may not listen where it is told to, or with these tokens; null when it may. */
export function bindProblem({ host, token, readToken }: WickConfig): string | null {
  const tokens = { act: token, read: readToken };
  try {
    new TokenGuard(tokens);
    guardBind(host, tokens);
    return null;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function sayReady(
  handle: ServeHandle,
  config: WickConfig,
  path: string | null,
  isJson: boolean,
  io: CliIo,
): void {
  const where = handle.data === ":memory:" ? "data in memory only" : `data in ${handle.data}`;
  const from = path === null ? "" : `, settings from ${path}`;
  io.err(
    `wick serve: ready at ${handle.url}, ${where}, ${
      countOf(config.feeds.length, "feed")
    }${from}\n`,
  );
  if (config.durability === "normal" && handle.data !== ":memory:") {
    io.err("wick serve: durability normal: a power cut may take the last commits\n");
  }
  if (!isJson) return;
  io.out(`${JSON.stringify({ state: "ready", url: handle.url, data: handle.data })}\n`);
}

async function untilOver(
  handle: ServeHandle,
  config: WickConfig,
  isJson: boolean,
  io: CliIo,
): Promise<ExitCode> {
  const interrupted = Promise.withResolvers<"interrupted">();
  const onAbort = () => interrupted.resolve("interrupted");
  io.interrupted.addEventListener("abort", onAbort, { once: true });
  if (io.interrupted.aborted) onAbort();
  const first = await Promise.race([interrupted.promise, handle.done]);
  io.interrupted.removeEventListener("abort", onAbort);
  const end = (state: string, detail: string, code: ExitCode): ExitCode => {
    io.err(`wick serve: ${state}${detail === "" ? "" : `: ${detail}`}\n`);
    if (isJson) io.out(`${JSON.stringify({ state, detail, exitCode: code })}\n`);
    return code;
  };
  if (first instanceof Error) return end("gave up", first.message, Exit.gaveUp);
  if (first === null) return end("stopped", "on request", Exit.ok);
  const progress = await handle.progress();
  io.err(
    `wick serve: stopping: no new work, committing what was taken (${progress}), at most ` +
      `${spanText(config.drainMs)}; Ctrl-C again stops at once\n`,
  );
  const { state, detail } = await drained(handle, io);
  return end(
    state === "drained" ? "stopped" : "cut off",
    detail,
    state === "drained" ? Exit.ok : Exit.failed,
  );
}

/** Drains, saying every second how far it is. */
async function drained(handle: ServeHandle, io: CliIo): ReturnType<ServeHandle["drain"]> {
  let cancel = () => {}, isOver = false;
  const say = async () => {
    const progress = await handle.progress();
    if (isOver) return;
    io.err(`wick serve: still stopping: ${progress}\n`);
    arm();
  };
  const arm = () => {
    cancel = io.clock.setTimer(DRAIN_LINE_MS, () => void say());
  };
  arm();
  try {
    return await handle.drain();
  } finally {
    isOver = true;
    cancel();
  }
}

function sayLost(log: Log, io: CliIo): void {
  const { lost } = log.counts();
  if (lost > 0) io.err(`wick serve: ${countOf(lost, "log line")} could not be written\n`);
}
