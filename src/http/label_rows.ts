/**
 * Labels as an async iterator, for programs that use Wick as a library.
 *
 * @module
 */

import { goneError } from "../store/error.ts";
import {
  type LabelLine,
  labelLines,
  LabelNews,
  type LabelPlace,
  parsePlace,
  readFrom,
} from "./label_lines.ts";
import { STREAM_READ_ROWS } from "./limits.ts";
import type { LabelLogPort } from "./port.ts";
import type { System } from "../actor/system.ts";

/** One row of the label log: a label, a revision of one, or that one has ceased to be. */
export type LoggedLabel = Readonly<LabelLine>;

/** What has labels: the tree that `startWick()` gives. */
export interface LabelSource {
  /** Null in a tree that was made without one. */
  readonly log: LabelLogPort | null;
  /** The running system; its end ends the iteration. */
  readonly system: Pick<System, "done" | "tree">;
}

/** Which labels. */
export interface LabelsOptions {
  /**
   * Seq of a commit, or a place `SEQ-ROW` of a row that was seen; 0 for everything that the log has.
   * Default: only what comes after the first step.
   */
  readonly after?: number | string;
  /** Only these series; default all. */
  readonly series?: readonly string[];
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/**
 * Every row of the label log once, in order, and on as commits come: the label stream of the HTTP,
 * without HTTP.
 *
 * - It reads ahead one page of the log (2,048 rows, or one larger commit) and no further: however
 *   slow the loop is, nothing queues up behind it, and nobody waits for it.
 * - Ends when `signal` aborts, when the loop is left, and when the system has stopped.
 * - `seq` and `row` of a row are its place: `after: \`${seq}-${row}\`` goes on behind it.
 *
 * @throws {TypeError} for a tree without a log, at the first step.
 * @throws {StoreError} code `gone`, when the log no longer reaches back. Other errors are those of a
 * store that does not answer now: begin again behind the last row.
 *
 * @example
 * ```ts
 * import { labels, startWick, syntheticFeed, systemClock } from "../../mod.ts";
 *
 * const endMs = Date.UTC(2020, 1, 1);
 * const wick = await startWick({
 *   workers: 1,
 *   feeds: [{ name: "synthetic", source: () => syntheticFeed(systemClock, { seed: 7, endMs }) }],
 * });
 * let rows = 0;
 * for await (const { seq, row, series, ts, label } of labels(wick, { after: 0 })) {
 *   console.log(`${seq}-${row}`, series, ts, label);
 *   if (++rows === 100) break;
 * }
 * await wick.system.stop();
 * ```
 */
export async function* labels(
  { log, system }: LabelSource,
  options: LabelsOptions = {},
): AsyncGenerator<LoggedLabel, void> {
  if (log === null) throw new TypeError("Cannot read labels: expected a tree of startWick()");
  const { signal } = options;
  const only = options.series === undefined ? null : new Set(options.series);
  let place = placeOf(options.after, log);
  const over = Promise.withResolvers<void>();
  let isOver = signal?.aborted ?? false;
  const end = () => {
    isOver = true;
    over.resolve();
  };
  signal?.addEventListener("abort", end);
  void system.done.then(end, end);
  const news = new LabelNews(log);
  try {
    while (!isOver) {
      if (readFrom(place) >= log.seq()) {
        await Promise.race([news.after(readFrom(place)), over.promise]);
        continue;
      }
      const found = await Promise.resolve(log.after(readFrom(place), STREAM_READ_ROWS)).catch(
        (error) => {
          // A tree that stops loses its store before it is over.
          if (isOver || system.tree().state !== "running") return null;
          throw error;
        },
      );
      if (found === null) return;
      if (found.state === "gone") {
        throw goneError("the label log after", readFrom(place), found.oldestSeq);
      }
      for (const commit of found.commits) {
        for (const line of labelLines(commit, place, only)) {
          yield { ...line };
          if (isOver) return;
        }
      }
      place = { seq: found.throughSeq, row: Infinity };
    }
  } finally {
    news.close();
    signal?.removeEventListener("abort", end);
  }
}

function placeOf(after: number | string | undefined, log: LabelLogPort): LabelPlace {
  if (after === undefined) return { seq: log.seq(), row: Infinity };
  const text = String(after);
  if (/^\d{1,16}(-\d{1,10})?$/.test(text)) return parsePlace(text);
  throw new RangeError(
    `Cannot read labels: expected a place, SEQ or SEQ-ROW: current value is ${text.slice(0, 40)}`,
  );
}
