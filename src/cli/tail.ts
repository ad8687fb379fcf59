/**
 * `wick tail`: the stream of labels, each row and revision once, over however many connections.
 *
 * @module
 */

import type { z } from "zod";
import { healthReply, streamCursor, streamLine } from "../http/schemas.ts";
import { COLUMNS } from "../label/format.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { pause } from "./pause.ts";
import { seriesList } from "./series_list.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { type ServiceClient, ServiceError } from "./service_client.ts";
import { spanText, timeText } from "./text.ts";

/** Without a line for so long, heartbeats included, the connection counts as lost. */
const IDLE_MS = 60_000;

/** Pauses before a new connection: doubled from the first to the last. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;

const FORMATS = ["text", "ndjson", "csv"] as const;
type Format = (typeof FORMATS)[number];

type StreamLine = z.output<typeof streamLine>;
type LabelLine = Extract<StreamLine, { type: "label" }>;

/** The command. */
export const TAIL: Command = {
  name: "tail",
  about: "print labels as they are committed",
  details: [
    "Every label and every revision once, in the order of commits. After a lost connection it goes " +
    "on where it was. --after SEQ or SEQ-ROW begins after what was seen last: a row of the NDJSON " +
    "output has both.",
  ],
  operand: null,
  options: {
    after: {
      value: "text",
      called: "SEQ",
      about: "begin after this commit, 0 being all that is kept",
      byDefault: "what comes from now on",
    },
    series: { value: "text", called: "A,B", about: "only these series" },
    count: { value: "number", called: "N", about: "end with 0 after N rows" },
    format: { value: FORMATS, about: "text on a terminal and ndjson elsewhere unless given" },
    json: { about: "the same as --format ndjson" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick tail", about: "" },
    { line: "wick tail --after 0 --series EUR_USD:H1,EUR_USD:H4 --format csv", about: "" },
    { line: "wick tail --json | jq -c '[.series, .ts, .label]'", about: "" },
  ],
  run: (call, io) => withService(call, io, (client) => new Tail(call, io, client).run()),
};

class Tail {
  readonly #io: CliIo;
  readonly #client: ServiceClient;
  readonly #series: string | undefined;
  readonly #countMax: number;
  readonly #format: Format;
  /** What was seen last, as the stream takes it. */
  #after: string | null;
  #rows = 0;
  #hasHeader = false;

  constructor({ values }: CommandCall, io: CliIo, client: ServiceClient) {
    this.#io = io;
    this.#client = client;
    this.#series = seriesList(values.text("series"));
    this.#after = cursorOf(values.text("after"));
    this.#countMax = values.number("count") ?? Infinity;
    const given = values.flag("json") ? "ndjson" : values.text("format");
    this.#format = FORMATS.find((one) => one === given) ??
      (io.isTerminal.stdout ? "text" : "ndjson");
  }

  async run(): Promise<ExitCode> {
    // Where to begin is decided once: what is committed between two connections comes too.
    if (this.#after === null) {
      const { seq } = await this.#client.ask("/api/health", healthReply);
      this.#after = String(seq ?? 0);
    }
    let failures = 0;
    while (true) {
      const before = this.#after;
      let why: string;
      try {
        const code = await this.#connection();
        if (code !== null) return code;
        why = "the service ended the stream";
      } catch (error) {
        if (!this.#goesOn(error)) throw error;
        why = (error as ServiceError).message;
      }
      if (this.#io.interrupted.aborted) return Exit.interrupted;
      failures = this.#after === before ? failures + 1 : 1;
      const pauseMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
      this.#io.err(
        `wick tail: ${why}\nwick tail: trying again in ${
          spanText(pauseMs)
        }, after ${this.#after}\n`,
      );
      if (!await pause(pauseMs, this.#io)) return Exit.interrupted;
    }
  }

  /** Whether it was running and a new connection may help. */
  #goesOn(error: unknown): boolean {
    if (!(error instanceof ServiceError)) return false;
    const isLost = error.exitCode === Exit.unavailable || error.exitCode === Exit.tryAgain;
    return isLost && this.#hasConnected;
  }
  #hasConnected = false;

  /** Until the stream ends; the exit code when the command does too. */
  async #connection(): Promise<ExitCode | null> {
    const query = { after: this.#after ?? undefined, series: this.#series };
    for await (const text of this.#client.lines("/api/labels/stream", query, IDLE_MS)) {
      this.#hasConnected = true;
      const line = parsed(text);
      if (line.type === "end") {
        if (line.code === "shutdown") return null;
        throw endError(line);
      }
      if (line.type === "heartbeat") {
        this.#after = String(line.seq);
        continue;
      }
      this.#after = `${line.seq}-${line.row}`;
      // Nobody reads on: nothing more to do.
      if (!this.#print(line, text)) return Exit.ok;
      if (++this.#rows >= this.#countMax) return Exit.ok;
    }
    return null;
  }

  #print(line: LabelLine, text: string): boolean {
    switch (this.#format) {
      case "ndjson":
        return this.#io.out(`${text}\n`);
      case "text":
        return this.#io.out(rowText(line));
      case "csv": {
        const header = this.#hasHeader ? "" : `${CSV_COLUMNS.join(",")}\n`;
        this.#hasHeader = true;
        const cells = CSV_COLUMNS.map((name) => line[name] ?? "");
        return this.#io.out(`${header}${cells.join(",")}\n`);
      }
    }
  }
}

const CSV_COLUMNS = ["series", "seq", "revision", "removed", ...COLUMNS] as const;

function rowText(line: LabelLine): string {
  const what = line.removed
    ? "removed"
    : line.tb_status === "final"
    ? `${signed(line.label)} ${line.hit} after ${line.bars}`
    : line.tb_status;
  const horizon = line.fwd_ret === null ? "" : `  ${(100 * line.fwd_ret).toFixed(3)} %`;
  const revision = line.revision === 0 ? "" : `  revision ${line.revision}`;
  return `${line.series.padEnd(12)} ${timeText(line.ts)}  ${what}${horizon}${revision}\n`;
}

function signed(label: number | null): string {
  return label === null ? "" : label > 0 ? `+${label}` : String(label);
}

function parsed(text: string): StreamLine {
  let result: ReturnType<typeof streamLine.safeParse> | null = null;
  try {
    result = streamLine.safeParse(JSON.parse(text));
  } catch {
    // No JSON: said below.
  }
  if (result?.success) return result.data;
  throw new ServiceError(
    `Cannot read the stream of labels: expected a row: current value is ${text.slice(0, 100)}`,
    Exit.failed,
    { code: "reply" },
  );
}

function endError(line: Extract<StreamLine, { type: "end" }>): ServiceError {
  const { code, oldestSeq } = line;
  return code === "gone"
    ? new ServiceError(
      `what comes next is no longer kept; the oldest commit there is: ${oldestSeq ?? "unknown"}`,
      Exit.failed,
      { code, oldestSeq },
    )
    : new ServiceError("the stream of labels failed", Exit.tryAgain, { code });
}

function cursorOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (streamCursor.safeParse(text).success) return text;
  throw new UsageError(
    `Cannot use --after: expected SEQ or SEQ-ROW: current value is ${JSON.stringify(text)}`,
  );
}
