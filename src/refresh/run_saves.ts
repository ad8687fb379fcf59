/**
 * Saves runs as they change. Records are written one after another; what cannot be written is tried
 * again, and costs nothing but that.
 *
 * @module
 */

import { type CoordinatedRun, SAVE_PAUSE_MS } from "./coordinated_run.ts";
import { errorText } from "./fallback.ts";
import { partTexts, recordText, type SavedRunState } from "./run_store.ts";
import {
  dropParts,
  noteWritings,
  partKey,
  RUN_RECORDS,
  type RunRecords,
  strikeWritings,
} from "./run_records.ts";

/** Until what could not be written is tried again, ms. */
const RETRY_MS = 10_000;
/** Writings that changes of structure may break off in a row; the next is made in one go. */
const BROKEN_OFF_MAX = 3;
/** Writings of a run that are noted at most: each is one whose parts could not be dropped. */
const NOTED_MAX = 64;
/** The pause between two writings of the same inputs is so many times what one takes. */
const PAUSE_RATIO = 20;

/** See the head of this file. */
export class RunSaves {
  readonly #runs: ReadonlyMap<string, CoordinatedRun>;
  readonly #records: RunRecords;
  readonly #nowMs: () => number;
  readonly #warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  #gone: CoordinatedRun[] = [];
  /** Writings by run whose parts may be there although no head names them. */
  readonly #noted = new Map<string, readonly number[]>();
  #goneDueMs = Infinity;
  #failures = 0;
  #isFlushing = false;
  #waiters: (() => void)[] = [];

  /** Of these runs, which come and go. */
  constructor(
    runs: ReadonlyMap<string, CoordinatedRun>,
    records: RunRecords,
    nowMs: () => number,
    warn: (message: string, fields: Readonly<Record<string, unknown>>) => void,
  ) {
    this.#runs = runs;
    this.#records = records;
    this.#nowMs = nowMs;
    this.#warn = warn;
  }

  /**
   * When the next record is due, epoch ms; Infinity: none, or nobody can tell before the writing under
   * way has ended, which looks at all runs.
   */
  get dueAtMs(): number {
    if (this.#isFlushing) return Infinity;
    let atMs = this.#goneDueMs;
    for (const { inputsDueMs, stateDueMs } of this.#runs.values()) {
      // A state is written after the inputs that it is about.
      atMs = Math.min(atMs, inputsDueMs < Infinity ? inputsDueMs : stateDueMs);
    }
    return atMs;
  }

  /** A run was removed: so are its records. */
  removed(run: CoordinatedRun): void {
    this.#gone.push(run);
    this.#goneDueMs = Math.min(this.#goneDueMs, this.#nowMs());
  }

  /** Writes what is due. Never rejects. */
  async flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      if (this.#goneDueMs <= this.#nowMs()) {
        this.#goneDueMs = Infinity;
        for (const run of this.#gone.splice(0)) await this.#drop(run);
      }
      for (const run of [...this.#runs.values()]) await this.#save(run);
    } finally {
      this.#isFlushing = false;
      for (const resolve of this.#waiters.splice(0)) resolve();
    }
  }

  /** Writes all that changed, due or not. @throws {Error} when something could not be written. */
  async flushAll(): Promise<void> {
    while (this.#isFlushing) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    const failures = this.#failures;
    if (this.#gone.length > 0) this.#goneDueMs = -Infinity;
    for (const run of this.#runs.values()) {
      if (run.inputsDueMs < Infinity) run.inputsDueMs = -Infinity;
      if (run.stateDueMs < Infinity) run.stateDueMs = -Infinity;
    }
    await this.flush();
    if (this.#failures === failures) return;
    throw new Error("Cannot save all runs: expected each record to be written: see the log");
  }

  async #save(run: CoordinatedRun): Promise<void> {
    try {
      if (run.inputsDueMs <= this.#nowMs()) await this.#saveInputs(run);
      const isDue = run.stateDueMs <= this.#nowMs() && !(run.inputsDueMs < Infinity);
      if (isDue && this.#isThere(run)) await this.#saveState(run);
    } catch (error) {
      this.#failed("a run is not saved", run.runId, error);
      const laterMs = this.#nowMs() + RETRY_MS;
      if (run.inputsDueMs < Infinity || !run.isWritten) run.inputsDueMs = laterMs;
      run.stateDueMs = laterMs;
    }
  }

  #isThere(run: CoordinatedRun): boolean {
    return this.#runs.get(run.runId) === run;
  }

  async #saveInputs(run: CoordinatedRun): Promise<void> {
    const fromMs = this.#nowMs(), before = run.written;
    const writing = Math.max(Math.floor(fromMs), (before?.writing ?? 0) + 1);
    run.inputsDueMs = Infinity;
    run.isWritten = false;
    const { runId, input, createdAtMs, basketSize } = run;
    const records = this.#records;
    await this.#note(runId, before === null ? [writing] : [before.writing, writing]);
    const { parts, order, most } = await this.#writeParts(run, writing);
    if (!this.#isThere(run)) return dropParts(records, runId, writing, { from: 0, to: most });
    const own = { version: 1, writing, createdAtMs, parts, basketSize } as const;
    await this.#records.put(RUN_RECORDS.head, runId, recordText({ ...input, ...own }));
    run.written = { writing, parts, order };
    run.isWritten = true;
    // Its values are in another order now.
    run.stateDueMs = this.#nowMs();
    await dropParts(records, runId, writing, { from: parts, to: most });
    if (before !== null) {
      await dropParts(records, runId, before.writing, { from: 0, to: before.parts });
    }
    await this.#strike(runId);
    if (!(run.inputsDueMs < Infinity)) return;
    const pauseMs = Math.max(SAVE_PAUSE_MS, PAUSE_RATIO * (this.#nowMs() - fromMs));
    run.inputsDueMs = Math.max(run.inputsDueMs, this.#nowMs() + pauseMs);
  }

  /** Writes parts until their run stayed as it is meanwhile; `most`: what any try wrote. */
  async #writeParts(run: CoordinatedRun, writing: number) {
    let most = 0;
    for (let tries = 0;; tries++) {
      const { structureVersion } = run, isAtOnce = tries >= BROKEN_OFF_MAX;
      const order: string[] = [], texts = textsOf(run, order);
      let parts = 0;
      for (const text of isAtOnce ? [...texts] : texts) {
        if (!this.#isThere(run)) break;
        await this.#records.put(RUN_RECORDS.part, partKey(run.runId, writing, parts++), text);
        if (!isAtOnce && run.structureVersion !== structureVersion) break;
      }
      most = Math.max(most, parts);
      const isSame = isAtOnce || run.structureVersion === structureVersion;
      if (isSame || !this.#isThere(run)) return { parts, order, most };
    }
  }

  async #saveState(run: CoordinatedRun): Promise<void> {
    const { written } = run;
    if (written === null) return;
    run.stateDueMs = Infinity;
    run.stateSavedMs = this.#nowMs();
    const state: SavedRunState = {
      version: 1,
      writing: written.writing,
      values: written.order.map((edgeId) => run.valueThen(edgeId)),
      hadCorrelations: run.hasCorrelations,
      snapshot: run.run.snapshot(),
    };
    await this.#records.put(RUN_RECORDS.state, run.runId, recordText(state));
  }

  /** The head first: what is left of a half-done removal belongs to no run. */
  async #drop(run: CoordinatedRun): Promise<void> {
    const { runId, written } = run, records = this.#records;
    try {
      // One of that id that was made meanwhile writes its own head, state and note.
      const isOver = !this.#runs.has(runId);
      if (isOver) {
        if (written !== null) await this.#note(runId, [written.writing]);
        await records.drop(RUN_RECORDS.head, runId);
        await records.drop(RUN_RECORDS.state, runId);
      }
      if (written !== null) {
        await dropParts(records, runId, written.writing, { from: 0, to: written.parts });
      }
      if (isOver) await this.#strike(runId);
    } catch (error) {
      this.#failed("records of a run that was removed are not dropped", runId, error);
      this.#gone.push(run);
      this.#goneDueMs = this.#nowMs() + RETRY_MS;
    }
  }

  /** Beside those whose note was not struck out. */
  async #note(runId: string, writings: readonly number[]): Promise<void> {
    const noted = [...new Set([...this.#noted.get(runId) ?? [], ...writings])].slice(-NOTED_MAX);
    this.#noted.set(runId, noted);
    await noteWritings(this.#records, runId, noted);
  }

  async #strike(runId: string): Promise<void> {
    // What an earlier one has left is dropped at the next start.
    const noted = this.#noted.get(runId) ?? [];
    if (noted.length <= 2) {
      await strikeWritings(this.#records, runId);
      this.#noted.delete(runId);
    }
  }

  #failed(message: string, runId: string, error: unknown): void {
    this.#failures++;
    this.#warn(message, { run: runId, reason: errorText(error) });
  }
}

function textsOf({ engine, run }: CoordinatedRun, order: string[]) {
  // An edge that is to come has the value that waits of it.
  const changes = () =>
    run.changes.structure.map((one) =>
      one.type === "add_edge"
        ? { ...one, value: run.changes.waitingValueOf(one.id) ?? one.value }
        : one
    );
  return partTexts({ edges: engine.eachEdge(), sets: engine.eachSet(), changes }, order);
}
