/**
 * The batches of one webhook, in order: reads the log from a place on and gives one batch at a time,
 * the same until it is taken. Holds one page of the log and one batch.
 *
 * @module
 */

import { type LabelPlace, placeText, readFrom } from "../label_lines.ts";
import type { LabelLogPort } from "../port.ts";
import { type BatchOptions, cutBatch, type LabelGap, type LabelPage } from "./batch.ts";
import type { WebhookBatch } from "./batch.ts";

/** See the module's text. */
export class WebhookBatches {
  readonly #log: LabelLogPort;
  readonly #options: Omit<BatchOptions, "rowsMax">;
  readonly #readRowsMax: number;
  #rowsMax: number;
  #place: LabelPlace;
  #page: LabelPage | null = null;
  #gap: LabelGap | null = null;
  #hand: WebhookBatch | null = null;
  #gaps = 0;

  /** Begins behind `place`. */
  constructor(
    log: LabelLogPort,
    options: BatchOptions & { readonly readRowsMax: number },
    place: LabelPlace,
  ) {
    this.#log = log;
    this.#options = options;
    this.#rowsMax = options.rowsMax;
    this.#readRowsMax = options.readRowsMax;
    this.#place = place;
  }

  /** Everything up to here was taken, or is of no concern. */
  get place(): LabelPlace {
    return this.#place;
  }

  /** The batch that waits to be taken. */
  get hand(): WebhookBatch | null {
    return this.#hand;
  }

  /** Times that the log was given up before it was read. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Whether the log may have more behind it. */
  get hasMore(): boolean {
    return this.#hand !== null || this.#page !== null || readFrom(this.#place) < this.#log.seq();
  }

  /** The next batch; null when the log has no more now. Rejects when it cannot be read. */
  async next(): Promise<WebhookBatch | null> {
    while (this.#hand === null) {
      const page = this.#page ?? await this.#read();
      if (page === null) return null;
      if (page === "gone") continue;
      const options = { ...this.#options, rowsMax: this.#rowsMax };
      const batch = cutBatch(page, this.#place, this.#gap, options);
      this.#page = batch.endsPage ? null : page;
      if (batch.rows === 0) this.#place = batch.through;
      else this.#hand = batch;
    }
    return this.#hand;
  }

  /** What `next` gave was taken. */
  taken(): void {
    if (this.#hand === null) return;
    this.#place = this.#hand.through;
    this.#hand = null;
    this.#gap = null;
  }

  /** What `next` gave is too large: it comes again as smaller ones. False when it is one row. */
  shrink(): boolean {
    const rows = this.#hand?.rows ?? 0;
    if (rows <= 1) return false;
    this.#rowsMax = Math.ceil(rows / 2);
    this.#hand = null;
    this.#page = null;
    return true;
  }

  async #read(): Promise<LabelPage | "gone" | null> {
    const from = readFrom(this.#place);
    if (from >= this.#log.seq()) return null;
    const found = await this.#log.after(from, this.#readRowsMax);
    if (found.state === "ok") return found;
    const next = { seq: found.oldestSeq, row: Infinity };
    this.#gap = { after: this.#gap?.after ?? placeText(this.#place), through: placeText(next) };
    this.#place = next;
    this.#gaps++;
    return "gone";
  }
}
