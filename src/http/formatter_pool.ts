/**
 * Label formatters that pages share one after the other, each with the buffer that it has grown.
 *
 * @module
 */

import { type LabelFormat, LabelFormatter } from "../label/format.ts";
import { PAGE_BUFFERS_MAX } from "./limits.ts";

/** Formatters of one format that nobody uses now. */
export class FormatterPool {
  readonly #format: LabelFormat;
  readonly #free: LabelFormatter[] = [];

  /** Empty: formatters are made as they are wanted. */
  constructor(format: LabelFormat) {
    this.#format = format;
  }

  /** Formatters to be taken. */
  get size(): number {
    return this.#free.length;
  }

  /** One that nobody else writes with until it is given back. */
  take(): LabelFormatter {
    return this.#free.pop() ?? new LabelFormatter(this.#format);
  }

  /** Gives one back; beyond {@linkcode PAGE_BUFFERS_MAX} it is forgotten. */
  give(formatter: LabelFormatter): void {
    if (this.#free.length < PAGE_BUFFERS_MAX) this.#free.push(formatter);
  }
}
