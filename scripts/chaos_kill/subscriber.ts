/**
 * A client of the label stream that resumes after the last row it has seen.
 *
 * @module
 */

import { orAborted } from "../../src/feed/gate.ts";
import type { Endpoint } from "./endpoint.ts";
import { eachLine } from "./lines.ts";
import { pause } from "./pusher.ts";

const RETRY_MS = 5;

/** A row as a subscriber remembers it: where in the log, and what. */
export interface SeenRow {
  readonly seq: number;
  readonly row: number;
  /** The rest of the line, its keys in order, without the time of the commit. */
  readonly text: string;
}

/** A subscriber; `rows` is all it was sent, in order, repetitions too. */
export class Subscriber {
  readonly rows: SeenRow[] = [];
  /** Times the stream broke off. */
  resumed = 0;
  /** Everything up to this commit has been sent, as the service says. */
  throughSeq = 0;
  readonly #endpoint: Endpoint;
  readonly #life = new AbortController();

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Reads until `stop`. */
  async run(): Promise<void> {
    while (!this.#life.signal.aborted) {
      const base = await orAborted(this.#endpoint.base, this.#life.signal).catch(() => null);
      if (base === null) return;
      try {
        await this.#read(base);
      } catch {
        // The service died, or we stop.
      }
      this.resumed++;
      await pause(RETRY_MS);
    }
  }

  /** Ends it. */
  stop(): void {
    this.#life.abort();
  }

  /** Where the stream is to go on: after the last row, or after the last commit without any. */
  get #after(): string {
    const last = this.rows.at(-1);
    if (last === undefined || last.seq <= this.throughSeq) return String(this.throughSeq);
    return `${last.seq}-${last.row}`;
  }

  async #read(base: string): Promise<void> {
    const response = await fetch(`${base}/api/labels/stream?after=${this.#after}`, {
      headers: { accept: "application/x-ndjson" },
      signal: this.#life.signal,
    });
    if (!response.ok || response.body === null) throw new Error(await response.text());
    await eachLine(response.body, (line) => this.#take(line), this.#life.signal);
  }

  #take(line: string): void {
    const { type, seq, row, at: _, ...rest } = JSON.parse(line);
    if (type === "label") this.rows.push({ seq, row, text: JSON.stringify(rest) });
    else if (type === "heartbeat") this.throughSeq = seq;
  }
}
