/**
 * What labels came to: counts of those that became final, by outcome, and the last of them.
 *
 * A label has two halves that become final on their own, so there are two kinds of outcome:
 * `barrier` (which barrier was touched first, or none) and `horizon` (where the price stood after H
 * bars). Each is counted once, when it becomes final for the first time; a label that a correction
 * changes later is counted as a correction and as nothing else.
 *
 * @module
 */

import { type LabelBlock, LabelHit, LabelStatus } from "../market/block.ts";

/** Kinds of outcomes. */
export const OUTCOME_KINDS = ["barrier", "horizon"] as const;

/** One of {@linkcode OUTCOME_KINDS}. */
export type OutcomeKind = typeof OUTCOME_KINDS[number];

/** Outcomes in the order in which they are counted; of barriers in that of `LabelHit`. */
export const OUTCOMES: readonly { readonly kind: OutcomeKind; readonly outcome: string }[] = [
  { kind: "barrier", outcome: "upper" },
  { kind: "barrier", outcome: "lower" },
  { kind: "barrier", outcome: "vertical" },
  { kind: "horizon", outcome: "up" },
  { kind: "horizon", outcome: "down" },
  { kind: "horizon", outcome: "flat" },
];

/** Labels that are kept to be looked at: a table of them is one screen. */
export const LATEST_LABELS_MAX = 50;

/** Rows at the end of a commit among which the last labels are looked for. */
const NOTED_ROWS = 2 * LATEST_LABELS_MAX;
/** Corrections come after the outcomes. */
const CORRECTIONS = OUTCOMES.length;
const COUNTS = CORRECTIONS + 1;
const HORIZON_AT = 3;
/** Seconds that rates are over. */
const RATE_SECONDS = 60;

/** Rows from ≤ row < to of a block. */
export interface TalliedRows {
  /** Labels; it may hold other rows. */
  readonly block: LabelBlock;
  /** First row that is meant. */
  readonly from: number;
  /** Row after the last one that is meant. */
  readonly to: number;
}

/** What a committed batch did to one series. */
export interface TalliedPart {
  /** Which series. */
  readonly series: { readonly key: string };
  /** What the labeler emitted; null when the series was rewritten. */
  readonly labels: TalliedRows | null;
  /** Set when candles were late, corrected or deleted; with the range that was replaced. */
  readonly rewrite: { readonly replace: { readonly fromTs: number } | null } | null;
}

/** What a commit wrote to the label log. */
export interface TalliedLog {
  /** All rows in one block; the runs say whose they are. */
  readonly labels: LabelBlock;
  /** Consecutive rows of one series each. */
  readonly runs: readonly { readonly series: string; readonly from: number; readonly to: number }[];
  /** Revision of each row; 0 = first. */
  readonly revisions: ArrayLike<number>;
  /** 1 = the row has ceased to be. */
  readonly removed: ArrayLike<number>;
}

/** A commit. */
export interface TalliedCommit {
  /** Its number. */
  readonly seq: number;
  /** Epoch ms. */
  readonly atMs: number;
  /** What each batch of it came to: label rows that changed. */
  readonly batches: readonly { readonly revised: number }[];
  /** Looked at only when a series was rewritten. */
  readonly logged: TalliedLog;
}

/** A label that became final, or was corrected. */
export interface LatestLabel {
  /** Commit that wrote it. */
  readonly seq: number;
  /** Time of that commit, epoch ms. */
  readonly atMs: number;
  /** Whose label. */
  readonly series: string;
  /** Open time of the event's candle, epoch ms UTC. */
  readonly ts: number;
  /** Outcome of the barrier half. */
  readonly outcome: string;
  /** −1, 0 or +1. */
  readonly label: number;
  /** Price at which the event opened. */
  readonly close: number;
  /** Upper barrier, price. */
  readonly up: number;
  /** Lower barrier, price. */
  readonly dn: number;
  /** Price of the exit. */
  readonly exit: number;
  /** exit / close − 1. */
  readonly ret: number;
  /** Bars from the event to its exit. */
  readonly bars: number;
  /** 0 = never corrected. */
  readonly revision: number;
  /** The label has ceased to be. */
  readonly removed: boolean;
}

/** Counts of one outcome. */
export interface OutcomeCount {
  /** See {@linkcode OUTCOMES}. */
  readonly outcome: string;
  /** Since counting began. */
  readonly total: number;
  /** Within the last minute. */
  readonly lastMinute: number;
}

/** What has been counted. */
export interface TallyView {
  /** Time that it counts for, ms. */
  readonly forMs: number;
  /** Time that `lastMinute` is over, ms: a minute, or less shortly after the start. */
  readonly minuteMs: number;
  /** Counts by kind; `perSecond` is over `minuteMs`. */
  readonly kinds: readonly {
    readonly kind: OutcomeKind;
    readonly total: number;
    readonly perSecond: number;
    readonly outcomes: readonly OutcomeCount[];
  }[];
  /** Label rows that changed: revision + 1. */
  readonly corrections: { readonly total: number; readonly lastMinute: number };
  /** The last labels, the latest first; at most {@linkcode LATEST_LABELS_MAX}. */
  readonly latest: readonly LatestLabel[];
}

/**
 * Counts labels of one parameter set as they are committed.
 *
 * - A commit costs O(rows) of a few comparisons each, and at most {@linkcode NOTED_ROWS} copies.
 * - Memory is bounded: counts, 61 seconds of them, and the last labels.
 */
export class LabelTally {
  readonly #horizon: number;
  readonly #startMs: number;
  readonly #totals = new Float64Array(COUNTS);
  readonly #taken = new Float64Array(COUNTS);
  /** Rows of a commit by hit, and whether the half was final first. */
  readonly #barriers = new Uint32Array(8);
  /** The same by whether the horizon has ended, and the sign of its return. */
  readonly #horizons = new Uint32Array(8);
  /** Totals at the beginning of each second, by second mod (RATE_SECONDS + 1). */
  readonly #seconds = new Float64Array(COUNTS * (RATE_SECONDS + 1));
  #second: number;
  readonly #latest: LatestLabel[] = [];
  /** Place of the next one in `#latest` once that is full. */
  #next = 0;

  /**
   * Nothing counted.
   *
   * @param horizon H of the parameters, bars.
   * @param nowMs Monotonic.
   */
  constructor(horizon: number, nowMs: number) {
    this.#horizon = horizon;
    this.#startMs = nowMs;
    this.#second = Math.floor(nowMs / 1_000);
  }

  /** Counts a commit; `batches` are what it was made of, in its order. `nowMs` is monotonic. */
  committed(
    commit: TalliedCommit,
    batches: readonly { readonly parts: readonly TalliedPart[] }[],
    nowMs: number,
  ): void {
    this.#roll(nowMs);
    let rows = 0;
    for (const { parts } of batches) {
      for (const part of parts) rows += rowsIn(part.labels);
    }
    for (const { parts } of batches) {
      for (const part of parts) {
        rows -= rowsIn(part.labels);
        if (part.rewrite !== null) this.#rewritten(part, commit);
        else if (part.labels !== null) {
          this.#appended(part.labels);
          if (rows < NOTED_ROWS) this.#noteLast(part.series.key, part.labels, commit, rows);
        }
      }
    }
    this.#fold();
    for (const { revised } of commit.batches) this.#add(CORRECTIONS, revised);
  }

  /** What was counted since the last call, in the order of {@linkcode OUTCOMES}. */
  takeAdded(): number[] {
    return OUTCOMES.map((_, at) => {
      const total = this.#total(at), added = total - (this.#taken[at] as number);
      this.#taken[at] = total;
      return added;
    });
  }

  /** What has been counted. `nowMs` is monotonic. */
  view(nowMs: number): TallyView {
    this.#roll(nowMs);
    const forMs = Math.max(0, nowMs - this.#startMs);
    // The second that has begun counts, so the minute is up to one second longer than 60.
    const minuteMs = Math.min(forMs, nowMs - (this.#second - RATE_SECONDS) * 1_000);
    const kinds = OUTCOME_KINDS.map((kind) => {
      const outcomes = OUTCOMES.flatMap((one, at) =>
        one.kind === kind ? [{ outcome: one.outcome, ...this.#counted(at) }] : []
      );
      const lastMinute = outcomes.reduce((sum, one) => sum + one.lastMinute, 0);
      return {
        kind,
        total: outcomes.reduce((sum, { total }) => sum + total, 0),
        perSecond: minuteMs > 0 ? lastMinute / (minuteMs / 1_000) : 0,
        outcomes,
      };
    });
    const latest = [...this.#latest.slice(this.#next), ...this.#latest.slice(0, this.#next)];
    return {
      forMs,
      minuteMs,
      kinds,
      corrections: this.#counted(CORRECTIONS),
      latest: latest.reverse(),
    };
  }

  #total(at: number): number {
    return this.#totals[at] as number;
  }

  #add(at: number, count: number): void {
    this.#totals[at] = this.#total(at) + count;
  }

  #counted(at: number): { readonly total: number; readonly lastMinute: number } {
    const total = this.#total(at);
    const slot = (this.#second - RATE_SECONDS) % (RATE_SECONDS + 1);
    const before = slot < 0 ? 0 : this.#seconds[slot * COUNTS + at] as number;
    return { total, lastMinute: total - before };
  }

  /** Notes the totals at the beginning of every second that has begun. */
  #roll(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const first = Math.max(this.#second + 1, second - RATE_SECONDS);
    for (let at = first; at <= second; at++) {
      this.#seconds.set(this.#totals, (at % (RATE_SECONDS + 1)) * COUNTS);
    }
    this.#second = Math.max(this.#second, second);
  }

  /**
   * Rows of a labeler: first the barrier half, then both, or both at once. Which it is, and what came
   * of it, cannot be foreseen, so that branches would be most of the cost: there are none.
   */
  #appended({ block, from, to }: TalliedRows): void {
    const { fhStatus, fwdRet, bars, hit } = block;
    const horizon = this.#horizon;
    const barriers = this.#barriers, horizons = this.#horizons;
    for (let row = from; row < to; row++) {
      const ret = fwdRet[row] as number;
      const isFull = Number(fhStatus[row] === LabelStatus.final);
      // Else the barrier half was there before.
      const isFirst = 1 - isFull * Number((bars[row] as number) < horizon);
      const barrier = 2 * (hit[row] as number) + isFirst;
      barriers[barrier] = (barriers[barrier] as number) + 1;
      const end = 4 * isFull + Number(ret <= 0) + Number(ret === 0);
      horizons[end] = (horizons[end] as number) + 1;
    }
  }

  /** Adds what the rows of a commit came to. */
  #fold(): void {
    for (let at = 0; at < HORIZON_AT; at++) {
      this.#add(at, this.#barriers[2 * (at + LabelHit.upper) + 1] as number);
      this.#add(HORIZON_AT + at, this.#horizons[4 + at] as number);
    }
    this.#barriers.fill(0);
    this.#horizons.fill(0);
  }

  /** Notes those of a labeler's rows that have at most {@linkcode NOTED_ROWS} behind them. */
  #noteLast(series: string, rows: TalliedRows, commit: TalliedCommit, rowsBehind: number): void {
    const { block, from, to } = rows;
    for (let row = Math.max(from, to - NOTED_ROWS + rowsBehind); row < to; row++) {
      const isFull = block.fhStatus[row] === LabelStatus.final;
      if (isFull && (block.bars[row] as number) < this.#horizon) continue;
      this.#note(series, block, row, commit, 0, false);
    }
  }

  /**
   * What the log says of a series whose candles were late, corrected or deleted. Rows of the candles
   * that came are new; older ones that were completed had their barrier half before.
   */
  #rewritten({ series: { key }, rewrite }: TalliedPart, commit: TalliedCommit): void {
    const { labels, runs, revisions, removed } = commit.logged;
    const newFromTs = rewrite?.replace?.fromTs ?? Infinity;
    for (const { series, from, to } of runs) {
      if (series !== key) continue;
      for (let row = from; row < to; row++) {
        const revision = revisions[row] as number;
        const isRemoved = removed[row] === 1;
        if (revision > 0 || isRemoved) {
          this.#note(key, labels, row, commit, revision, isRemoved);
          continue;
        }
        const status = labels.fhStatus[row];
        if (status === LabelStatus.final) {
          this.#add(horizonOutcome(labels.fwdRet[row] as number), 1);
        }
        const isFirst = status === LabelStatus.pending ||
          (labels.bars[row] as number) >= this.#horizon ||
          (labels.ts[row] as number) >= newFromTs;
        if (!isFirst) continue;
        this.#add((labels.hit[row] as number) - LabelHit.upper, 1);
        this.#note(key, labels, row, commit, 0, false);
      }
    }
  }

  #note(
    series: string,
    block: LabelBlock,
    row: number,
    { seq, atMs }: TalliedCommit,
    revision: number,
    removed: boolean,
  ): void {
    if (block.tbStatus[row] !== LabelStatus.final) return;
    const label: LatestLabel = {
      seq,
      atMs,
      series,
      ts: block.ts[row] as number,
      outcome: OUTCOMES[(block.hit[row] as number) - LabelHit.upper]?.outcome ?? "",
      label: block.label[row] as number,
      close: block.close[row] as number,
      up: block.up[row] as number,
      dn: block.dn[row] as number,
      exit: block.exit[row] as number,
      ret: block.tbRet[row] as number,
      bars: block.bars[row] as number,
      revision,
      removed,
    };
    if (this.#latest.length < LATEST_LABELS_MAX) {
      this.#latest.push(label);
      return;
    }
    this.#latest[this.#next] = label;
    this.#next = (this.#next + 1) % LATEST_LABELS_MAX;
  }
}

function rowsIn(rows: TalliedRows | null): number {
  return rows === null ? 0 : rows.to - rows.from;
}

/** Place of the outcome of a horizon half. */
function horizonOutcome(fwdRet: number): number {
  return HORIZON_AT + (fwdRet > 0 ? 0 : fwdRet < 0 ? 1 : 2);
}
