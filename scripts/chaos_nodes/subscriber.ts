/**
 * A client of the label stream that goes from node to node: it resumes after the last row that it has
 * seen, wherever, since a seq means the same on all of them.
 *
 * @module
 */

import { pause, type Random, systemClock } from "../../src/actor/clock.ts";
import { eachLine } from "../chaos_kill/lines.ts";
import { RowList } from "./rows.ts";

const RETRY_MS = 20;
/** Longest time with one node, ms. */
const STAY_MS = 5_000;
/** A node that says nothing for so long is left, ms. */
const SILENT_MS = 2_500;

/** See the module's text. `rows` has the seq of each row as its time, and its place in the commit. */
export class NodeSubscriber {
  readonly rows = new RowList();
  /** Series of each row. */
  readonly series: string[] = [];
  /** Nodes that it was sent rows by, one after the other. */
  changes = 0;
  /** Rows that did not come after those before. */
  disorder = 0;
  #seq = 0;
  #row = Infinity;
  readonly #target: () => string | null;
  readonly #random: Random;
  readonly #life = new AbortController();

  constructor(target: () => string | null, random: Random) {
    this.#target = target;
    this.#random = random;
  }

  /** Reads until `stop`. */
  async run(): Promise<void> {
    while (!this.#life.signal.aborted) {
      const target = this.#target();
      if (target !== null) await this.#stay(target);
      await pause(systemClock, RETRY_MS);
    }
  }

  /** Ends it. */
  stop(): void {
    this.#life.abort();
  }

  async #stay(target: string): Promise<void> {
    const visit = new AbortController();
    const end = () => visit.abort();
    const limit = setTimeout(end, STAY_MS * (0.2 + this.#random.next()));
    let silence = setTimeout(end, SILENT_MS);
    this.#life.signal.addEventListener("abort", end);
    const before = this.rows.length;
    try {
      const after = this.#row === Infinity ? String(this.#seq) : `${this.#seq}-${this.#row}`;
      const response = await fetch(`${target}/api/labels/stream?after=${after}`, {
        headers: { accept: "application/x-ndjson" },
        signal: visit.signal,
      });
      if (response.ok && response.body !== null) {
        const take = (line: string) => {
          clearTimeout(silence);
          silence = setTimeout(end, SILENT_MS);
          this.#take(line);
        };
        await eachLine(response.body, take, visit.signal);
      } else await response.body?.cancel();
    } catch {
      // The node died, or sleeps, or we go on.
    } finally {
      clearTimeout(limit);
      clearTimeout(silence);
      this.#life.signal.removeEventListener("abort", end);
    }
    if (this.rows.length > before) this.changes++;
  }

  #take(line: string): void {
    const { type, seq, row, series } = JSON.parse(line);
    if (type === "heartbeat" && seq > this.#seq) {
      this.#seq = seq;
      this.#row = Infinity;
    }
    if (type !== "label") return;
    if (seq < this.#seq || seq === this.#seq && row <= this.#row) this.disorder++;
    this.#seq = seq;
    this.#row = row;
    this.rows.push(seq, row);
    this.series.push(series);
  }
}
