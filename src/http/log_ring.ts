/**
 * The last lines of the log in memory, to be looked at from elsewhere: bounded in number and size,
 * each with an id that ascends, so that whoever looks again is given what is new.
 *
 * What is kept holds no secrets: messages are redacted and fields are plain when they come in.
 *
 * @module
 */

import type { LogLevel, LogSink } from "../actor/node.ts";
import { plain } from "./log_plain.ts";
import { type Redact, redactor } from "./redact.ts";

/** Lines kept: what a page shows, and hours of a service that is well. */
export const LOG_LINES_MAX = 2_000;
/** Characters of them all, as JSON: some 500 characters a line. */
export const LOG_CHARS_MAX = 1024 * 1024;
/** Characters of one line as JSON; fields that are longer are left out. */
export const LOG_LINE_CHARS_MAX = 8_192;

const MESSAGE_CHARS_MAX = 2_000;
const PATH_CHARS_MAX = 256;

/** Levels from the least to the worst. */
export const LOG_LEVEL_NAMES = ["debug", "info", "warn", "error"] as const satisfies LogLevel[];

/** One line. */
export interface LogLine {
  /** Ascending, without gaps, for the life of the process. */
  readonly id: number;
  /** Epoch ms. */
  readonly at: number;
  /** How bad it is. */
  readonly level: LogLevel;
  /** Absolute path of the actor. */
  readonly path: string;
  /** Short, for people. */
  readonly message: string;
  /** What was logged beside it; null = nothing. */
  readonly fields: unknown;
}

/** Which lines. */
export interface LogQuery {
  /** Those after this id, the oldest first; null = the newest ones. */
  readonly afterId: number | null;
  /** Most of them. */
  readonly limit: number;
  /** Of this level or worse. */
  readonly level: LogLevel;
  /** Of this actor or supervisor and all below it, with or without the root; empty = all. */
  readonly path: string;
  /** With this in message or fields, whatever the case; empty = all. */
  readonly text: string;
}

/** Lines, and how to go on. */
export interface LogPage {
  /** By ascending id. */
  readonly lines: LogLine[];
  /** Ask on with this as `afterId`: everything up to it was looked at. */
  readonly lastId: number;
  /** Lines after `afterId` that are no longer kept. */
  readonly missed: number;
}

/** What a ring is made of. */
export interface LogRingOptions {
  /** Epoch ms. */
  readonly wallNow: () => number;
  /** Texts that must not be shown. */
  readonly secrets?: readonly string[];
  /** Whether a line is kept; default: info and worse. */
  readonly admits?: (level: LogLevel, path: string) => boolean;
  /** Id of the first line; default 1. Made of the start's time, ids ascend over restarts. */
  readonly firstId?: number;
}

interface Kept {
  readonly id: number;
  readonly at: number;
  readonly level: number;
  readonly path: string;
  readonly message: string;
  /** JSON; null = nothing. */
  readonly fields: string | null;
  readonly chars: number;
}

const INFO = LOG_LEVEL_NAMES.indexOf("info");

/** See the module's text. */
export class LogRing {
  readonly #wallNow: () => number;
  readonly #redact: Redact;
  readonly #admits: (level: LogLevel, path: string) => boolean;
  /** The line of id i lies at i mod LOG_LINES_MAX. */
  readonly #ring: (Kept | undefined)[] = [];
  #firstId: number;
  #lastId: number;
  #chars = 0;

  /** An empty one. */
  constructor({ wallNow, secrets = [], admits, firstId = 1 }: LogRingOptions) {
    this.#wallNow = wallNow;
    this.#redact = redactor(secrets);
    this.#admits = admits ?? ((level) => LOG_LEVEL_NAMES.indexOf(level) >= INFO);
    this.#firstId = firstId;
    this.#lastId = firstId - 1;
  }

  /** Id of the last line; one less than the first id before there is any. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Lines kept. */
  get size(): number {
    return this.#lastId - this.#firstId + 1;
  }

  /** Characters of them, as JSON. */
  get chars(): number {
    return this.#chars;
  }

  /** Takes a line; never throws. O(line). */
  readonly sink: LogSink = (level, path, message, fields) => {
    if (!this.#admits(level, path)) return;
    const shown = this.#redact(message).slice(0, MESSAGE_CHARS_MAX);
    const json = fields === undefined ? null : this.#fieldsText(fields);
    const shownPath = path.slice(0, PATH_CHARS_MAX);
    // Quotes, names and numbers of the line as JSON.
    const chars = shown.length + shownPath.length + (json?.length ?? 4) + 100;
    const id = ++this.#lastId;
    this.#drop(this.#firstId <= id - LOG_LINES_MAX);
    this.#ring[id % LOG_LINES_MAX] = {
      id,
      at: this.#wallNow(),
      level: LOG_LEVEL_NAMES.indexOf(level),
      path: shownPath,
      message: shown,
      fields: json,
      chars,
    };
    this.#chars += chars;
    while (this.#chars > LOG_CHARS_MAX) this.#drop(true);
  };

  /** Both this ring and `other` get every line. */
  tee(other: LogSink | null): LogSink {
    if (other === null) return this.sink;
    return (level, path, message, fields) => {
      this.sink(level, path, message, fields);
      other(level, path, message, fields);
    };
  }

  /** See {@linkcode LogQuery}. O(lines kept). */
  list({ afterId, limit, level, path, text }: LogQuery): LogPage {
    const least = LOG_LEVEL_NAMES.indexOf(level);
    const wanted = text.toLowerCase();
    const isWanted = (line: Kept) =>
      line.level >= least && isBelow(line.path, path) && holds(line, wanted);
    // One of another process, whose clock was ahead, perhaps: everything kept is news.
    const isKnown = afterId !== null && afterId <= this.#lastId;
    const fromId = isKnown ? Math.max(this.#firstId, afterId + 1) : this.#firstId;
    const found: Kept[] = [];
    const stop = afterId === null ? Infinity : limit;
    let id = fromId;
    for (; id <= this.#lastId && found.length < stop; id++) {
      const line = this.#ring[id % LOG_LINES_MAX];
      if (line !== undefined && isWanted(line)) found.push(line);
    }
    const lines = afterId === null && found.length > limit
      ? found.slice(found.length - limit)
      : found;
    const missed = isKnown ? Math.max(0, this.#firstId - afterId - 1) : 0;
    return { lines: lines.map(lineOf), lastId: id - 1, missed };
  }

  #fieldsText(fields: unknown): string | null {
    const text = JSON.stringify(plain(fields, this.#redact, 0)) ?? null;
    if (text === null || text.length <= LOG_LINE_CHARS_MAX) return text;
    return JSON.stringify({ leftOut: `${text.length} characters` });
  }

  #drop(isTooMuch: boolean): void {
    if (!isTooMuch) return;
    const at = this.#firstId++ % LOG_LINES_MAX;
    this.#chars -= this.#ring[at]?.chars ?? 0;
    this.#ring[at] = undefined;
  }
}

function isBelow(of: string, path: string): boolean {
  if (path === "") return true;
  const wanted = trimmed(path), full = trimmed(of);
  const covers = (one: string) => one === wanted || one.startsWith(`${wanted}/`);
  return covers(full) || covers(full.slice(full.indexOf("/") + 1));
}

const trimmed = (path: string) => path.replace(/^\/+|\/+$/g, "");

function holds({ message, fields }: Kept, text: string): boolean {
  if (text === "") return true;
  return message.toLowerCase().includes(text) || (fields?.toLowerCase().includes(text) ?? false);
}

function lineOf({ id, at, level, path, message, fields }: Kept): LogLine {
  const name = LOG_LEVEL_NAMES[level] ?? "info";
  return {
    id,
    at,
    level: name,
    path,
    message,
    fields: fields === null ? null : JSON.parse(fields),
  };
}
