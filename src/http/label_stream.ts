/**
 * The label stream: every row of the label log once, in order, from a place a client names, and on
 * as commits come.
 *
 * ## Place
 * A row has the `seq` of its commit and its place `row` within it. `after=SEQ` means every row of
 * commits after SEQ; `after=SEQ-ROW` also the rest of that commit, so that a client that was cut off
 * in the middle of one misses and repeats nothing.
 *
 * ## Pace
 * A commit is read when the one before has been taken by the connection: a slow client holds one
 * page of the log, not a queue. One that falls behind what the log keeps gets an `end` line with
 * code `gone`.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { blankCells, fillCells, type LabelCells } from "../label/row_cells.ts";
import { STREAM_READ_ROWS, TEXT_ROWS } from "./limits.ts";
import type { LoggedCommit } from "../store/port.ts";
import type { LabelLogPort } from "./port.ts";
import { goneProblem, HttpProblem } from "./problem.ts";
import { waitFor } from "./wait.ts";

/** Where a client stands: it has seen the rows of `seq` up to `row`, Infinity for all of them. */
export interface StreamPlace {
  readonly seq: number;
  readonly row: number;
}

/** How a stream is written. */
export interface LabelStreamOptions {
  readonly after: StreamPlace;
  /** Only these series; null = all. */
  readonly series: ReadonlySet<string> | null;
  /** Server-sent events instead of NDJSON. */
  readonly isEvents: boolean;
  readonly heartbeatMs: number;
  readonly clock: Clock;
}

/** A place as text: `SEQ` or `SEQ-ROW`. */
export function parsePlace(text: string): StreamPlace {
  const [seq = "0", row] = text.split("-");
  return { seq: Number(seq), row: row === undefined ? Infinity : Number(row) };
}

/**
 * Whether a stream can begin there.
 *
 * @throws {HttpProblem} 410 `gone` when the log no longer reaches back, 409 `seq_ahead` for a place
 * that is yet to come: it is one of another store.
 */
export async function assertPlace(log: LabelLogPort, place: StreamPlace): Promise<void> {
  const last = log.seq();
  if (place.seq > last) {
    throw new HttpProblem(409, "seq_ahead", "Cannot stream from there: no commit has come so far", {
      expected: `at most ${last}`,
      found: String(place.seq),
    });
  }
  const found = await log.after(readFrom(place), 1);
  if (found.state === "gone") throw goneProblem(found.oldestSeq);
}

/** The log is read whole commits at a time: one that was cut is read again. */
function readFrom({ seq, row }: StreamPlace): number {
  return row === Infinity ? seq : seq - 1;
}

/** The chunks of a stream; ends when `signal` says so, with an `end` line. */
export async function* labelStream(
  log: LabelLogPort,
  options: LabelStreamOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { heartbeatMs, clock } = options;
  const write = options.isEvents ? writeEvent : writeLine;
  const encoder = new TextEncoder();
  const news = new News(log);
  let place = options.after;
  const beat = () => encoder.encode(write(null, `{"type":"heartbeat","seq":${readFrom(place)}}`));
  const end = (code: string, more = "") =>
    encoder.encode(write(null, `{"type":"end","seq":${readFrom(place)},"code":"${code}"${more}}`));
  try {
    yield beat();
    while (!signal.aborted) {
      if (readFrom(place) >= log.seq()) {
        const { state } = await waitFor(news.after(place.seq), heartbeatMs, signal, clock);
        if (state === "timeout") yield beat();
        continue;
      }
      const found = await log.after(readFrom(place), STREAM_READ_ROWS);
      if (found.state === "gone") return yield end("gone", `,"oldestSeq":${found.oldestSeq}`);
      for (const commit of found.commits) {
        for (const text of commitTexts(commit, place, options.series, write)) {
          yield encoder.encode(text);
          if (signal.aborted) return;
        }
      }
      place = { seq: found.throughSeq, row: Infinity };
    }
    yield end("shutdown");
  } finally {
    news.close();
  }
}

type Write = (id: string | null, json: string) => string;

const writeLine: Write = (_id, json) => `${json}\n`;
const writeEvent: Write = (id, json) =>
  id === null ? `event: note\ndata: ${json}\n\n` : `id: ${id}\ndata: ${json}\n\n`;

/** A line of the stream, to be filled. */
interface LabelLine extends LabelCells {
  readonly type: "label";
  readonly seq: number;
  row: number;
  at: number;
  series: string;
  paramHash: string;
  revision: number;
  removed: boolean;
}

function blankLine(seq: number): LabelLine {
  const about = { row: 0, at: 0, series: "", paramHash: "", revision: 0, removed: false };
  return { type: "label", seq, ...about, ...blankCells() };
}

/** The rows of a commit after a place, in pieces of some hundred rows. */
function* commitTexts(
  commit: LoggedCommit,
  place: StreamPlace,
  series: ReadonlySet<string> | null,
  write: Write,
): Generator<string, void> {
  const { seq, atMs, labels, revisions, removed } = commit;
  const first = seq === place.seq ? place.row + 1 : seq < place.seq ? Infinity : 0;
  const line = blankLine(seq);
  let text = "", rows = 0;
  for (const run of commit.runs) {
    if (series !== null && !series.has(run.series)) continue;
    line.at = atMs;
    line.series = run.series;
    line.paramHash = run.paramHash;
    for (let row = Math.max(run.from, first); row < run.to; row++) {
      line.row = row;
      line.revision = revisions[row] as number;
      line.removed = removed[row] === 1;
      fillCells(line, labels, row);
      text += write(`${seq}-${row}`, JSON.stringify(line));
      if (++rows % TEXT_ROWS === 0) {
        yield text;
        text = "";
      }
    }
  }
  if (text !== "") yield text;
}

/** Wakes one waiter when a commit comes. */
class News {
  readonly #log: LabelLogPort;
  readonly #end: () => void;
  #wake: (() => void) | null = null;

  constructor(log: LabelLogPort) {
    this.#log = log;
    this.#end = log.onCommit(() => this.#wake?.());
  }

  /** Resolves once there is a commit after `seq`; a call ends the wait of the one before. */
  after(seq: number): Promise<void> {
    if (this.#log.seq() > seq) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }

  close(): void {
    this.#end();
    this.#wake = null;
  }
}
