/**
 * What a service holds, as text that can be compared bit for bit.
 *
 * @module
 */

import type { Store } from "../../src/store/port.ts";
import { CANDLE_COLUMNS, LABEL_COLUMNS } from "../../src/market/block.ts";

/** What a dump is made of; {@linkcode Store} has it, and so has its actor. */
export type DumpStore = Pick<Store, "series" | "candles" | "labels" | "cursors">;

/** Lines of one dump, in an order that depends on what is held only. */
export async function* dumpLines(store: DumpStore, paramHash: string): AsyncGenerator<string> {
  for (const { feed, cursor } of await store.cursors()) yield `cursor ${feed} ${cursor}\n`;
  for (const { series } of await store.series()) {
    const candles = await store.candles(series, -Infinity, Infinity, Infinity);
    for (let row = 0; row < candles.length; row++) {
      const cells = CANDLE_COLUMNS.map((name) => exact(candles[name][row] as number));
      yield `candle ${series} ${cells.join(" ")}\n`;
    }
    const { labels, revisions } = await store.labels(
      series,
      paramHash,
      -Infinity,
      Infinity,
      Infinity,
    );
    for (let row = 0; row < labels.length; row++) {
      const cells = LABEL_COLUMNS.map(([name]) => exact(labels[name][row] as number));
      yield `label ${series} r${revisions[row]} ${cells.join(" ")}\n`;
    }
  }
}

/** A number as the text that reads back to the same bits, but for the payload of a NaN. */
function exact(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
