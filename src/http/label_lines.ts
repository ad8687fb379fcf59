/**
 * The rows of the label log as lines: what the stream sends, webhooks deliver and the library's
 * iterator gives.
 *
 * ## Place
 * A row has the `seq` of its commit and its place `row` within it. The place `SEQ` is behind every
 * row of commit SEQ, `SEQ-ROW` behind that row of it, so that whoever was cut off in the middle of a
 * commit misses and repeats nothing.
 *
 * @module
 */

import { blankCells, fillCells, type LabelCells } from "../label/row_cells.ts";
import type { LoggedCommit } from "../store/port.ts";
import type { LabelLogPort } from "./port.ts";

/** Where a reader stands: it has seen the rows of `seq` up to `row`, Infinity for all of them. */
export interface LabelPlace {
  /** Number of a commit. */
  readonly seq: number;
  /** Place within it. */
  readonly row: number;
}

/** One row of the label log; columns as in `wick label --format ndjson`. */
export interface LabelLine extends LabelCells {
  /** What the line is. */
  readonly type: "label";
  /** Number of the commit. */
  readonly seq: number;
  /** Place within it. */
  row: number;
  /** Epoch ms of the commit. */
  at: number;
  /** Whose label. */
  series: string;
  /** Under which parameters. */
  paramHash: string;
  /** 0 = first. */
  revision: number;
  /** The row has ceased to be. */
  removed: boolean;
}

/** A place as text: `SEQ` or `SEQ-ROW`. */
export function parsePlace(text: string): LabelPlace {
  const [seq = "0", row] = text.split("-");
  return { seq: Number(seq), row: row === undefined ? Infinity : Number(row) };
}

/** The text of a place. */
export function placeText({ seq, row }: LabelPlace): string {
  return row === Infinity ? String(seq) : `${seq}-${row}`;
}

/** The seq to read the log after: it is read whole commits at a time, one that was cut again. */
export function readFrom({ seq, row }: LabelPlace): number {
  return row === Infinity ? seq : seq - 1;
}

/**
 * The rows of a commit after a place, those of other series left out. It is the same object every
 * time, filled anew.
 */
export function* labelLines(
  commit: LoggedCommit,
  place: LabelPlace,
  series: ReadonlySet<string> | null,
): Generator<LabelLine, void> {
  const { seq, atMs, labels, revisions, removed } = commit;
  const first = seq === place.seq ? place.row + 1 : seq < place.seq ? Infinity : 0;
  const line = blankLine(seq);
  line.at = atMs;
  for (const run of commit.runs) {
    if (series !== null && !series.has(run.series)) continue;
    line.series = run.series;
    line.paramHash = run.paramHash;
    for (let row = Math.max(run.from, first); row < run.to; row++) {
      line.row = row;
      line.revision = revisions[row] as number;
      line.removed = removed[row] === 1;
      fillCells(line, labels, row);
      yield line;
    }
  }
}

function blankLine(seq: number): LabelLine {
  const about = { row: 0, at: 0, series: "", paramHash: "", revision: 0, removed: false };
  return { type: "label", seq, ...about, ...blankCells() };
}

/** Wakes one waiter when a commit comes. */
export class LabelNews {
  readonly #log: LabelLogPort;
  readonly #end: () => void;
  #wake: (() => void) | null = null;

  /** Listens from now on, until {@linkcode LabelNews.close}. */
  constructor(log: LabelLogPort) {
    this.#log = log;
    this.#end = log.onCommit(() => this.#wake?.());
  }

  /** Resolves once there is a commit after `seq`; a call ends the wait of the one before. */
  after(seq: number): Promise<void> {
    if (this.#log.seq() > seq) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Listens no more; a wait does not end. */
  close(): void {
    this.#end();
    this.#wake = null;
  }
}
