/**
 * What goes into the service, from a seed: lines of a file, and requests of pushers. Both may be
 * asked for as much as is wanted, and are the same every time.
 *
 * How often a label was revised depends on which rows were committed together, and a kill changes
 * that for a file, which is read on from the committed cursor. So in the file no series has another
 * row within a batch of one that corrects: then a correction is alone however batches are cut. A
 * request is never cut.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";

/** Most lines of a batch of the file feed. */
export const FILE_BATCH_ROWS = 150;

const FILE_SERIES = 8;
const SERIES_PER_PUSHER = 3;
const START_MS = 1_700_000_040_000;
const MINUTE_MS = 60_000;

/** Shares of rows: a hole before it, no candle at all, a correction or a late row follows. */
const SHARES = { hole: 0.01, bad: 0.01, change: 0.004 } as const;

/** Lines in which a series rests before and after a change, so that it is alone in its batch. */
const REST_LINES = FILE_BATCH_ROWS + 1;

/** A candle as it is sent. */
export interface Row {
  readonly ts: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

/** A series that walks on, and what it has sent lately. */
class Walk {
  readonly #random: Random;
  #ts = START_MS;
  #close = 100;
  readonly #sent: number[] = [];
  /** Times that were left out, for rows that come late. */
  readonly #skipped: number[] = [];

  constructor(readonly series: string, random: Random) {
    this.#random = random;
  }

  next(): Row {
    this.#ts += MINUTE_MS;
    if (this.#random.next() < SHARES.hole) {
      this.#skipped.push(this.#ts);
      this.#ts += MINUTE_MS * (1 + Math.floor(this.#random.next() * 20));
    }
    this.#sent.push(this.#ts);
    if (this.#sent.length > 60) this.#sent.shift();
    return this.#rowAt(this.#ts);
  }

  /** A row for a time that was sent, or left out, before. */
  change(): Row | null {
    if (this.#sent.length < 20) return null;
    const late = this.#random.next() < 0.3 ? this.#skipped.pop() : undefined;
    const at = Math.floor(this.#random.next() * this.#sent.length);
    return this.#rowAt(late ?? this.#sent[at] as number);
  }

  #rowAt(ts: number): Row {
    const step = () => (this.#random.next() - 0.5) * 0.8;
    const open = round(this.#close);
    const close = round(Math.max(20, open + step()));
    const high = round(Math.max(open, close) + this.#random.next() * 0.3);
    const low = round(Math.min(open, close) - this.#random.next() * 0.3);
    this.#close = close;
    return { ts, open, high, low, close, volume: Math.floor(this.#random.next() * 900) };
  }
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** The file: a header, then lines without end. */
export class FileLines {
  /** First line. */
  static readonly HEADER = "ts,open,high,low,close,volume,series\n";
  readonly #random: Random;
  readonly #walks: Walk[];
  /** Line from which a series goes on, and whether with a change. */
  readonly #rests: { untilLine: number; changes: boolean }[];
  #line = 0;
  #turn = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#walks = Array.from(
      { length: FILE_SERIES },
      (_, i) => new Walk(`FILE${i}:M1`, this.#random),
    );
    this.#rests = this.#walks.map(() => ({ untilLine: 0, changes: false }));
  }

  /** The next line, with its end. */
  next(): string {
    this.#line++;
    if (this.#random.next() < SHARES.bad) return `${this.#line},no candle\n`;
    for (;;) {
      const turn = this.#turn++ % this.#walks.length;
      const walk = this.#walks[turn] as Walk;
      const rest = this.#rests[turn] as { untilLine: number; changes: boolean };
      // One always goes on: at most half of them rest at a time.
      if (this.#line < rest.untilLine) continue;
      const row = this.#rowOf(walk, rest);
      const { ts, open, high, low, close, volume } = row;
      return `${ts},${open},${high},${low},${close},${volume},${walk.series}\n`;
    }
  }

  #rowOf(walk: Walk, rest: { untilLine: number; changes: boolean }): Row {
    if (rest.changes) {
      rest.changes = false;
      rest.untilLine = this.#line + REST_LINES;
      const changed = walk.change();
      if (changed !== null) return changed;
    } else if (this.#resting() < FILE_SERIES / 2 && this.#random.next() < SHARES.change * 8) {
      rest.changes = true;
      rest.untilLine = this.#line + REST_LINES;
    }
    return walk.next();
  }

  #resting(): number {
    return this.#rests.filter(({ untilLine }) => untilLine > this.#line).length;
  }
}

/** The requests of one pusher, without end. */
export class PushBodies {
  readonly #random: Random;
  readonly #walks: Walk[];

  constructor(seed: number, pusher: number) {
    this.#random = seededRandom(seed * 31 + pusher + 1);
    this.#walks = Array.from(
      { length: SERIES_PER_PUSHER },
      (_, i) => new Walk(`PUSH${pusher}S${i}:M1`, this.#random),
    );
  }

  /** The next body: NDJSON of 1 to 20 candles, some of them changes. */
  next(): string {
    let body = "";
    const rows = 1 + Math.floor(this.#random.next() ** 2 * 20);
    for (let i = 0; i < rows; i++) {
      const at = Math.floor(this.#random.next() * this.#walks.length);
      const walk = this.#walks[at] as Walk;
      const changed = this.#random.next() < 0.03 ? walk.change() : null;
      body += JSON.stringify({ ...(changed ?? walk.next()), series: walk.series }) + "\n";
    }
    return body;
  }
}
