/**
 * What the file says when it is opened: where every series stands, and the rows that wait for chunks,
 * from the commits that are not in chunks altogether.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import {
  type CommitTable,
  type StoredCommit,
  waitingCandles,
  waitingLabels,
} from "./commit_table.ts";
import type { LabelSets } from "./label_sets.ts";
import { SeriesState } from "./series_state.ts";

/** What was found. */
export interface Restored {
  /** Seq of the last commit. */
  readonly seq: number;
  /** Seq of the last commit that retention gave up. */
  readonly oldestSeq: number;
  /** Commits up to this one are in chunks altogether. */
  readonly flushedSeq: number;
  /** Label rows ever logged. */
  readonly rowsLogged: number;
  /** Where every series stands. */
  readonly series: Map<string, SeriesState>;
  /** Number for the next new series. */
  readonly nextSeriesId: number;
  /** Cursors by feed. */
  readonly cursors: Map<string, string>;
}

/**
 * Reads an open database. O(series + rows that wait).
 *
 * @throws {StoreError} code `damaged`.
 */
export function restore(db: DatabaseSync, commits: CommitTable, sets: LabelSets): Restored {
  const series = new Map<string, SeriesState>();
  for (const row of db.prepare("SELECT * FROM series ORDER BY id").all()) {
    const state = new SeriesState(Number(row.id), String(row.key));
    state.count = Number(row.count);
    state.dropped = Number(row.dropped);
    state.lastTs = row.last_ts === null ? -Infinity : Number(row.last_ts);
    state.floorTs = row.floor_ts === null ? -Infinity : Number(row.floor_ts);
    state.flushedSeq = Number(row.flushed_seq);
    series.set(state.key, state);
  }
  for (const row of db.prepare("SELECT * FROM label_sets ORDER BY id").all()) {
    sets.restore(Number(row.id), String(row.param_hash));
  }
  const cursors = new Map<string, string>();
  for (const { feed, cursor } of db.prepare("SELECT * FROM cursors").all()) {
    cursors.set(String(feed), String(cursor));
  }
  // Numbers of series that never came into the file were given before too, and may be given again.
  let nextSeriesId = Math.max(0, ...Array.from(series.values(), ({ id }) => id)) + 1;
  const meta = db.prepare("SELECT value FROM meta WHERE key = 'flushed_seq'").get();
  const flushedSeq = Number(meta?.value ?? 0);
  for (let next = commits.after(flushedSeq); next !== null; next = commits.after(next.seq)) {
    nextSeriesId = replay(next, series, cursors, sets, nextSeriesId);
  }
  const last = db.prepare(
    "SELECT seq, rows_before + label_rows AS rows FROM commits ORDER BY seq DESC LIMIT 1",
  ).get();
  const first = db.prepare("SELECT seq FROM commits ORDER BY seq LIMIT 1").get();
  return {
    seq: Number(last?.seq ?? 0),
    oldestSeq: Number(first?.seq ?? 1) - 1,
    flushedSeq,
    rowsLogged: Number(last?.rows ?? 0),
    series,
    nextSeriesId,
    cursors,
  };
}

/** Does to memory what the commit did; says which number the next new series gets. */
function replay(
  { seq, head, candles, labels }: StoredCommit,
  series: Map<string, SeriesState>,
  cursors: Map<string, string>,
  sets: LabelSets,
  firstSeriesId: number,
): number {
  let nextSeriesId = firstSeriesId;
  head.s.forEach((key, i) => {
    let state = series.get(key);
    if (state === undefined) series.set(key, state = new SeriesState(nextSeriesId++, key));
    state.count = head.n[2 * i] ?? 0;
    state.lastTs = head.n[2 * i + 1] ?? -Infinity;
  });
  const stateOf = (key: string) => series.get(key) as SeriesState;
  for (const { series: key, from, to, late } of waitingCandles(head)) {
    const state = stateOf(key);
    if (seq > state.flushedSeq) state.addCandles({ columns: candles, from, to, seq, late });
  }
  for (const { series: key, paramHash, from, to, late } of waitingLabels(head)) {
    const state = stateOf(key);
    if (seq <= state.flushedSeq) continue;
    state.addLabels(sets.id(paramHash), { columns: labels, from, to, seq, late });
  }
  for (const [feed, cursor] of Object.entries(head.f)) cursors.set(feed, cursor);
  return nextSeriesId;
}
