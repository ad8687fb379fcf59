/**
 * The label stream: every row of the label log once, in order, from a place a client names, and on
 * as commits come. What a place is stands in `label_lines.ts`.
 *
 * ## Pace
 * A commit is read when the one before has been taken by the connection: a slow client holds one
 * page of the log, not a queue. One that falls behind what the log keeps gets an `end` line with
 * code `gone`.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { labelLines, LabelNews, type LabelPlace, placeText, readFrom } from "./label_lines.ts";
import { STREAM_READ_ROWS, TEXT_ROWS } from "./limits.ts";
import type { LoggedCommit } from "../store/port.ts";
import type { LabelLogPort } from "./port.ts";
import { goneProblem, HttpProblem } from "./problem.ts";
import { waitFor } from "./wait.ts";

/** How a stream is written. */
export interface LabelStreamOptions {
  readonly after: LabelPlace;
  /** Only these series; null = all. */
  readonly series: ReadonlySet<string> | null;
  /** Server-sent events instead of NDJSON. */
  readonly isEvents: boolean;
  readonly heartbeatMs: number;
  readonly clock: Clock;
}

/**
 * Whether a stream can begin there.
 *
 * @throws {HttpProblem} 410 `gone` when the log no longer reaches back, 409 `seq_ahead` for a place
 * that is yet to come: it is one of another store.
 */
export async function assertPlace(log: LabelLogPort, place: LabelPlace): Promise<void> {
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

/** The chunks of a stream; ends when `signal` says so, with an `end` line. */
export async function* labelStream(
  log: LabelLogPort,
  options: LabelStreamOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { heartbeatMs, clock } = options;
  const write = options.isEvents ? writeEvent : writeLine;
  const encoder = new TextEncoder();
  const news = new LabelNews(log);
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

/** The rows of a commit after a place, in pieces of some hundred rows. */
function* commitTexts(
  commit: LoggedCommit,
  place: LabelPlace,
  series: ReadonlySet<string> | null,
  write: Write,
): Generator<string, void> {
  let text = "", rows = 0;
  for (const line of labelLines(commit, place, series)) {
    text += write(placeText(line), JSON.stringify(line));
    if (++rows % TEXT_ROWS === 0) {
      yield text;
      text = "";
    }
  }
  if (text !== "") yield text;
}
