/**
 * Makes runs again that were saved. What cannot be read costs the run it is of, and stays where it is.
 *
 * @module
 */

import { CoordinatedRun } from "./coordinated_run.ts";
import { RefreshError } from "./error.ts";
import type { EdgeValue } from "./run_engine.ts";
import { type MadeRun, makeRun, type RunMaking } from "./run_make.ts";
import { partKey, RUN_RECORDS, type RunRecords } from "./run_records.ts";
import {
  readPart,
  readState,
  replayChange,
  type RunHead,
  type RunPart,
  type SavedRunState,
} from "./run_store.ts";

/** Longest that the first refresh of a run waits for correlations if it had some before, ms. */
export const CORRELATIONS_WAIT_MS = 10_000;

/**
 * A run out of its records, read one after another. Its first refresh is due at once; but where its
 * scorer had correlations, when they are there again, or after ten seconds: without them it would
 * publish a best that is none.
 *
 * @throws {RefreshError | SyntaxError | Error} for what cannot be read or made.
 */
export async function loadRun(
  runId: string,
  head: RunHead,
  records: Pick<RunRecords, "get">,
  making: RunMaking,
  nowMs: () => number,
): Promise<CoordinatedRun> {
  const json = await records.get(RUN_RECORDS.state, runId);
  const saved = json === null ? null : readState(json);
  // That of a former run of this id is none of it.
  const state = saved?.snapshot.createdAtMs === head.createdAtMs ? saved : null;
  const loading = new Loading(head, state, making, nowMs());
  for (let part = 0; part < head.parts; part++) {
    const text = await records.get(RUN_RECORDS.part, partKey(runId, head.writing, part));
    if (text === null) {
      throw new RefreshError(
        "snapshot",
        `Cannot read run ${runId}: expected ${head.parts} parts: part ${part} is not there`,
      );
    }
    loading.add(text);
  }
  return loading.finish();
}

class Loading {
  readonly #head: RunHead;
  readonly #state: SavedRunState | null;
  readonly #making: RunMaking;
  readonly #nowMs: number;
  readonly #order: string[] = [];
  readonly #edges: EdgeValue[] = [];
  #made: MadeRun | null = null;

  constructor(head: RunHead, state: SavedRunState | null, making: RunMaking, nowMs: number) {
    this.#head = head;
    this.#state = state;
    this.#making = making;
    this.#nowMs = nowMs;
  }

  add(text: string): void {
    const part = readPart(text, this.#order);
    if (part.kind === "edges") this.#addEdges(part);
    else if (part.kind === "sets") {
      for (const { setId, members } of part.sets) this.#run.engine.addSet(setId, members);
    } else {
      const { changes } = this.#run.run;
      for (const row of part.changes) replayChange(row, changes, this.#nowMs);
    }
  }

  finish(): CoordinatedRun {
    const made = this.#run, { createdAtMs, basketSize, writing, parts } = this.#head;
    const { runId, scorer, options } = this.#head;
    if (this.#state !== null) made.run.restore(this.#state.snapshot, this.#nowMs);
    const waitMs = this.#state?.hadCorrelations === true && options.followsCorrelations
      ? CORRELATIONS_WAIT_MS
      : 0;
    const times = { createdAtMs, firstAtMs: this.#nowMs + waitMs };
    const run = new CoordinatedRun(made, { runId, scorer, options }, times, basketSize);
    run.hasCorrelations = waitMs > 0;
    run.written = { writing, parts, order: this.#order };
    run.isWritten = true;
    return run;
  }

  get #values(): readonly (number | null)[] | null {
    const state = this.#state;
    return state?.writing === this.#head.writing ? state.values : null;
  }

  #addEdges({ edges }: Extract<RunPart, { kind: "edges" }>): void {
    for (const { edgeId, value } of edges) {
      const newer = this.#values?.[this.#order.length] ?? null;
      this.#order.push(edgeId);
      this.#edges.push({ edgeId, value: newer ?? value });
    }
  }

  /** Edges come before sets and changes, so they are all there when it is asked for. */
  get #run(): MadeRun {
    const { runId, scorer, options, createdAtMs } = this.#head;
    return this.#made ??= makeRun(
      { runId, edges: this.#edges, scorer, options },
      this.#making,
      createdAtMs,
    );
  }
}
