/**
 * The synthetic feed: candles of any number of instruments from a seed, with sessions, holes,
 * corrections, duplicates and bad rows. It feeds the demo and the benches, and tests compare what
 * a store holds in the end with {@linkcode SyntheticFeed.truth}.
 *
 * Every bar and every fault is a function of the seed and the bar's number (`synthetic_path.ts`,
 * `synthetic_faults.ts`), so the feed can begin anywhere: a cursor is a step and a row number. A
 * step is one instrument moving on by `barsPerStep` bars; instruments take turns.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { type CandleBlock, concatCandles, emptyCandles, type SeriesKey } from "../market/block.ts";
import { canonicalOf } from "../market/canonical.ts";
import type { Granularity } from "../market/granularity.ts";
import type { CalendarName } from "../market/instrument.ts";
import {
  FEED_BATCH_REJECTIONS_MAX,
  FEED_IDLE_MS,
  type FeedBatch,
  FeedError,
  type FeedSource,
} from "./port.ts";
import { FeedGate } from "./gate.ts";
import { BatchBuilder } from "./synthetic_batch.ts";
import { type SyntheticOptions, type SyntheticPlan, syntheticPlan } from "./synthetic_options.ts";
import { Pace } from "./synthetic_pace.ts";
import { type Session, sessionOf } from "../market/session.ts";
import { InstrumentStream, type RowSink } from "./synthetic_stream.ts";

export {
  SYNTHETIC_FAULTS_DEFAULT,
  SYNTHETIC_FAULTS_NONE,
  type SyntheticFaults,
} from "./synthetic_faults.ts";
export {
  SYNTHETIC_INSTRUMENTS_DEFAULT,
  SYNTHETIC_RATE_MAX,
  SYNTHETIC_SERIES_MAX,
  type SyntheticInstrument,
  syntheticInstruments,
  type SyntheticOptions,
} from "./synthetic_options.ts";

/** Most steps of one read: a weekend of many instruments has many that send nothing. */
const STEPS_PER_READ_MAX = 65_536;

/** Where the feed stands: the next step, and the rows sent before it. */
interface Position {
  readonly step: number;
  readonly rows: number;
}

const START: Position = { step: 0, rows: 0 };

/**
 * A seeded source of candles.
 *
 * - same seed and options, same rows in the same order, on every machine and from every cursor
 * - endless unless `endMs` is given; memory does not grow with time
 * - the line of a rejection is the number of the row since the beginning
 * - a cursor of other options is refused, except that name, end, batch size and speed may change
 *
 * `read` at full speed never waits, so a caller that loops must give way to timers itself.
 *
 * ```ts
 * import { systemClock } from "../actor/clock.ts";
 * import { syntheticFeed } from "./synthetic.ts";
 *
 * await using feed = syntheticFeed(systemClock, { seed: 7 });
 * await feed.open(null);
 * const batch = await feed.read(new AbortController().signal);
 * console.log(batch?.blocks[0]?.series); // EUR_USD:H1
 * ```
 *
 * @throws {FeedError} code `options`.
 */
export function syntheticFeed(clock: Clock, options: SyntheticOptions = {}): SyntheticFeed {
  return new SyntheticFeed(clock, syntheticPlan(options));
}

/** See {@linkcode syntheticFeed}. */
export class SyntheticFeed implements FeedSource {
  readonly name: string;
  /** All series of the feed, shortest granularity first within an instrument. */
  readonly series: readonly SeriesKey[];
  readonly #plan: SyntheticPlan;
  readonly #gate: FeedGate;
  readonly #pace: Pace | null;
  #market: Market;
  #batch: BatchBuilder;
  #step = 0;

  /** Use {@linkcode syntheticFeed}, which makes the plan. */
  constructor(clock: Clock, plan: SyntheticPlan) {
    this.name = plan.name;
    this.series = plan.instruments.flatMap((instrument) => instrument.series);
    this.#plan = plan;
    this.#gate = new FeedGate(plan.name);
    this.#pace = plan.ratePerSecond === Infinity ? null : new Pace(clock, plan.ratePerSecond);
    this.#market = new Market(plan);
    this.#batch = new BatchBuilder(this.series, plan.rowsMax, 0);
  }

  // deno-lint-ignore require-await -- what is wrong with the cursor rejects the promise
  async open(cursor: string | null): Promise<void> {
    const { step, rows } = cursor === null ? START : this.#positionOf(cursor);
    this.#gate.opened();
    this.#step = step;
    this.#batch = new BatchBuilder(this.series, this.#plan.rowsMax, rows);
    this.#pace?.restart();
  }

  read(signal: AbortSignal): Promise<FeedBatch | null> {
    return this.#gate.read(signal, async (signal) => {
      if (this.#pace === null || this.#isOver()) return this.#take(this.#plan.rowsMax);
      const rows = await this.#pace.wait(FEED_IDLE_MS, signal);
      return rows === 0 ? null : this.#take(rows);
    });
  }

  // deno-lint-ignore require-await -- what is wrong with the cursor rejects the promise
  async ack(cursor: string): Promise<void> {
    this.#gate.assertOpen("acknowledge");
    this.#positionOf(cursor);
  }

  // deno-lint-ignore require-await -- the port's close is asynchronous
  async close(): Promise<void> {
    this.#gate.closed();
    this.#market = new Market(this.#plan);
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * The canonical series (rule R1) after all rows up to `cursor`: what a store must hold once it
   * has committed that batch. Found by sending everything again from the beginning, whatever this
   * feed did; every series of the feed is there, if empty. O(rows) time and memory.
   *
   * @throws {FeedError} code `cursor`.
   */
  truth(cursor: string): ReadonlyMap<SeriesKey, CandleBlock> {
    const { step: end } = this.#positionOf(cursor);
    const { rowsMax, stepRowsMax } = this.#plan;
    const market = new Market(this.#plan);
    const batch = new BatchBuilder(this.series, rowsMax, 0);
    const found = new Map(this.series.map((key): [SeriesKey, CandleBlock[]] => [key, []]));
    const collect = () => {
      for (const block of batch.finish().blocks) found.get(block.series)?.push(block);
    };
    for (let step = 0; step < end; step++) {
      market.send(step, batch);
      if (batch.rows + stepRowsMax > rowsMax) collect();
    }
    collect();
    const seriesOf = ([key, blocks]: [SeriesKey, CandleBlock[]]): [SeriesKey, CandleBlock] => [
      key,
      canonicalOf(concatCandles([emptyCandles(key), ...blocks])).block,
    ];
    return new Map([...found].map(seriesOf));
  }

  #isOver(): boolean {
    return this.#step >= this.#plan.rounds * this.#plan.instruments.length;
  }

  #take(rows: number): FeedBatch {
    const { rowsMax, stepRowsMax, stepBarsMax } = this.#plan;
    const batch = this.#batch;
    const lastFit = Math.min(rows - 1, rowsMax - stepRowsMax);
    const rejectionsFit = FEED_BATCH_REJECTIONS_MAX - stepBarsMax;
    for (let steps = 0; steps < STEPS_PER_READ_MAX && !this.#isOver(); steps++) {
      if (batch.rows > lastFit || batch.rejected > rejectionsFit) break;
      this.#market.send(this.#step++, batch);
    }
    this.#pace?.spend(batch.rows);
    const { blocks, rejections } = batch.finish();
    const cursor = `${this.#plan.fingerprint}.${this.#step}.${batch.line}`;
    return { blocks, rejections, cursor, done: this.#isOver() };
  }

  #positionOf(cursor: string): Position {
    const [fingerprint, step, rows, ...rest] = cursor.split(".");
    const position = { step: Number(step), rows: Number(rows) };
    const isNumber = Object.values(position).every((n) => Number.isSafeInteger(n) && n >= 0);
    if (fingerprint === this.#plan.fingerprint && isNumber && rest.length === 0) return position;
    throw new FeedError(
      "cursor",
      `Cannot open feed ${this.name}: expected a cursor of the same seed and options, ` +
        `${this.#plan.fingerprint}.STEP.ROWS: current value is ${JSON.stringify(cursor)}`,
    );
  }
}

/** All instruments of a plan; a stream is made when its instrument is first asked for. */
class Market {
  readonly #plan: SyntheticPlan;
  readonly #streams: (InstrumentStream | undefined)[];
  readonly #sessions = new Map<CalendarName, Session>();
  /** Turns the series of an instrument into those of the feed. */
  readonly #sink: RowSink;
  #target: RowSink | null = null;
  #firstSeries = 0;

  constructor(plan: SyntheticPlan) {
    this.#plan = plan;
    this.#streams = Array.from({ length: plan.instruments.length });
    this.#sink = {
      row: (series, row) => this.#target?.row(this.#firstSeries + series, row),
      deletion: (series, ts) => this.#target?.deletion(this.#firstSeries + series, ts),
    };
  }

  /** Sends the rows of one step. */
  send(step: number, target: RowSink): void {
    const { instruments, granularities, startMs, stepMs } = this.#plan;
    const round = Math.floor(step / instruments.length);
    const index = step - round * instruments.length;
    this.#target = target;
    this.#firstSeries = index * granularities.length;
    const fromMs = startMs + round * stepMs;
    this.#stream(index).advance(fromMs, fromMs + stepMs, this.#sink);
  }

  #stream(index: number): InstrumentStream {
    const known = this.#streams[index];
    if (known !== undefined) return known;
    const instrument = this.#plan.instruments[index];
    if (instrument === undefined) throw new RangeError(`Cannot find instrument ${index}`);
    const [shortest] = this.#plan.granularities as [Granularity];
    let session = this.#sessions.get(instrument.calendar);
    if (session === undefined) {
      session = sessionOf(instrument.calendar, shortest);
      this.#sessions.set(instrument.calendar, session);
    }
    return this.#streams[index] = new InstrumentStream(this.#plan, instrument, session);
  }
}
