/**
 * The rows of one instrument in the order in which the synthetic feed sends them.
 *
 * @module
 */

import { CANDLE_WIDTH } from "../market/columns.ts";
import { barOpenMs, type Granularity, granularityMs } from "../market/granularity.ts";
import {
  Fate,
  type FateCode,
  FateDealer,
  LATER_BARS_MAX,
  SILENCE_MS_MAX,
  Silences,
} from "./synthetic_faults.ts";
import { bitsAt, keyOf, mix, unit } from "./synthetic_noise.ts";
import type { InstrumentPlan, SyntheticPlan } from "./synthetic_options.ts";
import { PricePath } from "./synthetic_path.ts";
import type { Session } from "../market/session.ts";

/** Takes rows as they are sent; `series` is the index of the granularity in the plan. */
export interface RowSink {
  /** A row in the order of `CANDLE_COLUMNS`, only lent; it may be no candle. */
  row(series: number, row: Float64Array): void;
  /** The candle at `ts` is deleted. */
  deletion(series: number, ts: number): void;
}

const NO_SINK: RowSink = { row() {}, deletion() {} };

const HOUR_MS = 3_600_000;

/** No session is closed for longer, weekends included; silences come on top. */
const CLOSED_MS_MAX = 4 * 24 * HOUR_MS;

/** A bar's wick reaches up to this many deviations of a bar beyond open and close. */
const WICK_SPREADS = 1.2;

/** Volume of a bar that does not move, on average. */
const VOLUME_MEAN = 1_000;

/** A row that comes later: at the first bar that opens at or after `dueMs`. */
interface LaterRow {
  readonly dueMs: number;
  readonly row: Float64Array;
  readonly isDeletion: boolean;
}

interface SeriesState {
  readonly index: number;
  readonly granularity: Granularity;
  readonly barMs: number;
  readonly fates: FateDealer;
  /** The bar being put together; of the shortest granularity, the bar itself. */
  readonly row: Float64Array;
  /** The time from ≤ t < to of that bar; NaN while there is none. */
  fromMs: number;
  toMs: number;
  later: LaterRow[];
  /** The earliest `dueMs`; Infinity when nothing is to come. */
  nextDueMs: number;
}

/**
 * The bars of one instrument, all granularities together, time by time.
 *
 * - a longer bar is made of the shorter ones, those that are never sent included, and is sent once
 *   it is over
 * - what is sent for a stretch of time depends on the plan and the stretch alone, not on where the
 *   stream was before: the little state (bars in the making, rows to come) is rebuilt by replaying
 *   a stretch that is long enough for all of it
 */
export class InstrumentStream {
  readonly #plan: SyntheticPlan;
  readonly #session: Session;
  readonly #path: PricePath;
  readonly #silences: Silences;
  readonly #barKey: number;
  readonly #barSpread: number;
  readonly #ticksPerUnit: number;
  readonly #shortest: SeriesState;
  readonly #longer: readonly SeriesState[];
  #atMs = NaN;
  #sink: RowSink = NO_SINK;

  constructor(plan: SyntheticPlan, instrument: InstrumentPlan, session: Session) {
    const { seed, granularities, faults } = plan;
    const { symbol, basePrice, hourSpread, market, marketSign } = instrument;
    const states = granularities.map((granularity, index): SeriesState => ({
      index,
      granularity,
      barMs: granularityMs(granularity),
      fates: new FateDealer(seed, instrument.series[index] as string, faults),
      row: new Float64Array(CANDLE_WIDTH),
      fromMs: NaN,
      toMs: NaN,
      later: [],
      nextDueMs: Infinity,
    }));
    [this.#shortest, ...this.#longer] = states as [SeriesState, ...SeriesState[]];
    this.#plan = plan;
    this.#session = session;
    this.#barSpread = hourSpread * Math.sqrt(this.#shortest.barMs / HOUR_MS);
    const barSpread = this.#barSpread;
    this.#path = new PricePath({ seed, name: symbol, market, marketSign, basePrice, barSpread });
    this.#silences = new Silences(seed, symbol, faults.silent);
    this.#barKey = keyOf(seed, `bars ${symbol}`);
    // Read as text, because 10 ** n need not be the nearest double.
    this.#ticksPerUnit = Number(`1e${instrument.priceDigits}`);
  }

  /**
   * Sends what falls into the time from ≤ t < to, both on the grid of the shortest bar. O(bars)
   * where it continues the call before; otherwise O(bars of some weeks and 18 of the longest).
   */
  advance(fromMs: number, toMs: number, sink: RowSink): void {
    if (fromMs !== this.#atMs) this.#rebuild(fromMs);
    this.#sink = sink;
    this.#run(fromMs, toMs);
    this.#atMs = toMs;
  }

  #rebuild(atMs: number): void {
    const states = [this.#shortest, ...this.#longer];
    for (const state of states) {
      state.fromMs = state.toMs = NaN;
      state.later = [];
      state.nextDueMs = Infinity;
    }
    const { granularity, barMs } = states.at(-1) as SeriesState;
    // The last bar sent is at most a pause ago, a row that still waits at most
    // `LATER_BARS_MAX` bars older, and the bar in the making opened at most one bar ago.
    const backMs = (LATER_BARS_MAX + 2) * barMs + SILENCE_MS_MAX + 2 * CLOSED_MS_MAX;
    const startMs = Math.max(this.#plan.startMs, barOpenMs(atMs - backMs, granularity));
    this.#sink = NO_SINK;
    this.#run(startMs, atMs);
  }

  #run(fromMs: number, toMs: number): void {
    const session = this.#session;
    for (let bar = session.barFrom(fromMs);; bar++) {
      const ts = session.openMs(bar);
      if (ts >= toMs) return;
      // A number without a bar is NaN.
      if (!(ts >= fromMs) || this.#silences.has(ts)) continue;
      for (const state of this.#longer) if (ts >= state.toMs) this.#finish(state);
      this.#drawBar(bar, ts);
      this.#send(this.#shortest, bar, ts);
      for (const state of this.#longer) {
        this.#extend(state, ts);
        if (ts + this.#shortest.barMs >= state.toMs) this.#finish(state);
      }
    }
  }

  /** Draws the shortest bar: open and close from the path, the rest from a hash of its number. */
  #drawBar(bar: number, ts: number): void {
    const from = this.#path.priceAt(bar);
    const to = this.#path.priceAt(bar + 1);
    const spread = this.#barSpread;
    const a = bitsAt(this.#barKey, bar);
    const b = mix(a + 1);
    const ticks = this.#ticksPerUnit;
    // Most opens differ a little from the close before, as quotes do.
    const openJitter = ((b & 0xff) - 127.5) / 127.5 * 0.05 * spread;
    const open = Math.max(1, Math.round(from * (1 + openJitter) * ticks));
    const close = Math.max(1, Math.round(to * ticks));
    const wick = WICK_SPREADS * spread * from * ticks;
    const up = (a & 0xffff) / 65_536;
    const down = (a >>> 16) / 65_536;
    const high = Math.max(open, close) + Math.round(wick * up * up);
    const low = Math.max(1, Math.min(open, close) - Math.round(wick * down * down));
    const activity = (0.2 + 1.6 * ((b >>> 8) / 16_777_216)) *
      (1 + Math.abs(to - from) / (from * spread));
    const row = this.#shortest.row;
    row[0] = ts;
    row[1] = open / ticks;
    row[2] = high / ticks;
    row[3] = low / ticks;
    row[4] = close / ticks;
    row[5] = Math.round(VOLUME_MEAN * activity);
  }

  /** Adds the shortest bar to the longer one that holds `ts`. */
  #extend(state: SeriesState, ts: number): void {
    const from = this.#shortest.row;
    const into = state.row;
    if (Number.isNaN(state.fromMs)) {
      state.fromMs = barOpenMs(ts, state.granularity);
      state.toMs = state.fromMs + state.barMs;
      into.set(from);
      into[0] = state.fromMs;
      return;
    }
    into[2] = Math.max(into[2] as number, from[2] as number);
    into[3] = Math.min(into[3] as number, from[3] as number);
    into[4] = from[4] as number;
    into[5] = (into[5] as number) + (from[5] as number);
  }

  #finish(state: SeriesState): void {
    const fromMs = state.fromMs;
    state.fromMs = state.toMs = NaN;
    this.#send(state, Math.floor(fromMs / state.barMs), fromMs);
  }

  #send(state: SeriesState, bar: number, ts: number): void {
    const fate = state.fates.fateOf(bar);
    if (fate === Fate.clean) this.#sink.row(state.index, state.row);
    else this.#sendFated(state, bar, ts, fate);
    if (state.nextDueMs <= ts) this.#sendLater(state, ts);
  }

  #sendFated(state: SeriesState, bar: number, ts: number, fate: FateCode): void {
    const { row, fates, index } = state;
    if (fate === Fate.missing) return;
    const bits = fates.bitsOf(bar, 1);
    if (fate === Fate.bad) this.#sink.row(index, spoiled(row, bits >>> 1));
    else if (fate !== Fate.late) this.#sink.row(index, row);
    if (fate === Fate.bad && (bits & 1) === 0) return;
    const dueMs = ts + fates.laterBars(bar) * state.barMs;
    state.later.push({
      dueMs,
      row: fate === Fate.corrected ? this.#corrected(row, bits) : row.slice(),
      isDeletion: fate === Fate.deleted,
    });
    state.nextDueMs = Math.min(state.nextDueMs, dueMs);
  }

  #sendLater(state: SeriesState, ts: number): void {
    state.nextDueMs = Infinity;
    state.later = state.later.filter(({ dueMs, row, isDeletion }) => {
      if (dueMs > ts) {
        state.nextDueMs = Math.min(state.nextDueMs, dueMs);
        return true;
      }
      if (isDeletion) this.#sink.deletion(state.index, row[0] as number);
      else this.#sink.row(state.index, row);
      return false;
    });
  }

  /** The row with another close, and high, low and volume to match. */
  #corrected(row: Float64Array, bits: number): Float64Array {
    const ticks = this.#ticksPerUnit;
    const before = Math.round((row[4] as number) * ticks);
    const shift = 1 + Math.floor(unit(mix(bits)) * this.#barSpread * before);
    const close = ((bits & 1) === 0 && before > shift ? before - shift : before + shift) / ticks;
    return Float64Array.of(
      row[0] as number,
      row[1] as number,
      Math.max(row[2] as number, close),
      Math.min(row[3] as number, close),
      close,
      (row[5] as number) + 1,
    );
  }
}

/** The row as no candle: high and low swapped, a close that is NaN, or a volume below 0. */
function spoiled(row: Float64Array, bits: number): Float64Array {
  const bad = row.slice();
  const kind = bits % 3;
  if (kind === 0 && row[2] !== row[3]) {
    bad[2] = row[3] as number;
    bad[3] = row[2] as number;
  } else if (kind === 1) bad[5] = -1 - (row[5] as number);
  else bad[4] = NaN;
  return bad;
}
