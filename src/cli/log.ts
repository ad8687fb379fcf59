/**
 * The log of the service: a {@linkcode LogSink} that writes one structured line per entry.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import type { LogSink } from "../actor/mod.ts";
import { redactor } from "../http/redact.ts";
import type { WickConfig } from "./config_schema.ts";
import type { CliIo } from "./io.ts";
import { type LineSink, RotatingFile } from "./log_file.ts";
import { LogLevels } from "./log_levels.ts";
import { jsonLine, type LogEntry, textLine } from "./log_line.ts";
import { secretsOf } from "./secrets.ts";
import { palette } from "./text.ts";

/** What a log has done so far. */
export interface LogCounts {
  /** Lines written. */
  readonly written: number;
  /** Lines that could not be written; the next that can says how many. */
  readonly lost: number;
}

/** A log, its counts, and how to end it. */
export interface Log extends Disposable {
  /** Takes entries; never throws. */
  readonly sink: LogSink;
  /** What it has done so far. */
  counts(): LogCounts;
}

/** What a log is made of. */
export interface LogOptions {
  readonly clock: Clock;
  readonly levels: LogLevels;
  /** One entry as a line, without its end. */
  readonly line: (entry: LogEntry) => string;
  readonly to: LineSink;
}

/** A log over any {@linkcode LineSink}, which it closes with itself. */
export function createLog({ clock, levels, line, to }: LogOptions): Log {
  let written = 0, lost = 0, unsaid = 0;
  const write = (entry: LogEntry): boolean => {
    try {
      return to.write(`${line(entry)}\n`);
    } catch {
      return false;
    }
  };
  return {
    sink(level, path, message, fields) {
      if (!levels.admits(level, path)) return;
      const atMs = clock.wallNow();
      if (unsaid > 0) {
        const message = "log lines were lost";
        const fields = { lines: unsaid };
        if (write({ atMs, level: "warn", path: "log", message, fields })) unsaid = 0;
      }
      if (write({ atMs, level, path, message, fields })) written++;
      else {
        lost++;
        unsaid++;
      }
    },
    counts: () => ({ written, lost }),
    [Symbol.dispose]: () => to.close(),
  };
}

/**
 * The log that the configuration asks for: levels, format, and standard error or a file.
 *
 * @throws {UsageError} for levels that cannot be read and a file that cannot be written.
 */
export function logOf(config: WickConfig, io: CliIo): Log {
  const levels = new LogLevels(config.logLevel);
  const toTerminal = config.logFile === null && io.isTerminal.stderr;
  const isText = config.logFormat === "text" || (config.logFormat === "auto" && toTerminal);
  const redact = redactor(secretsOf(config));
  const paint = palette(config.logFile === null && io.hasColour.stderr);
  const to: LineSink = config.logFile === null
    ? { write: errLine(io), close() {} }
    : new RotatingFile({
      path: config.logFile,
      bytesMax: config.logFileBytesMax,
      countMax: config.logFileCount,
    });
  return createLog({
    clock: io.clock,
    levels,
    line: (entry) => isText ? textLine(entry, redact, paint) : jsonLine(entry, redact),
    to,
  });
}

function errLine(io: CliIo): (line: string) => boolean {
  return (line) => {
    io.err(line);
    return true;
  };
}
