/**
 * File to labels: one CSV file of 1,000 series in the order of time, read by the file feed, through
 * label pool, label workers in threads and store, until the last cursor is committed.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { Labeler } from "../../src/label/labeler.ts";
import config from "../../deno.json" with { type: "json" };
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { verify } from "../support/workload.ts";
import { Checksums } from "./checksum.ts";
import { type Market, SERIES_COUNT } from "./market.ts";
import type { PassReport } from "./pass.ts";

/**
 * As in the task `wick` of deno.json: a young generation that fits the processor's cache, and a
 * collection whenever the heap has grown by half, since V8 would let it double, and with it the dead
 * columns outside it.
 */
const V8_FLAGS = config.tasks.wick.command.split(" ")
  .find((word) => word.startsWith("--v8-flags=")) ?? "-q";

/** One pass over the file. */
export interface Pass {
  readonly candlesPerSecond: number;
  /** Highest resident memory of the process, MB. */
  readonly rssMb: number;
}

/** A file of candles that passes can be measured on; removed when disposed of. */
export class LabelFile implements Disposable {
  readonly #market: Market;
  readonly #directory = Deno.makeTempDirSync({ prefix: "wick-bench-" });
  readonly #path = `${this.#directory}/candles.csv`;
  readonly #bars: number;
  /** All rows that come out. */
  readonly #expected: Checksums;
  readonly bytes: number;

  constructor(market: Market, bars: number) {
    this.#market = market;
    this.#bars = bars;
    this.bytes = market.writeCsv(this.#path, bars);
    this.#expected = this.#labels(() => 0);
  }

  get candles(): number {
    return this.#bars * SERIES_COUNT;
  }

  /** Label rows per candle: an event comes out once, or twice when a barrier is touched first. */
  get labelsPerCandle(): number {
    return this.#expected.rows / this.candles;
  }

  /**
   * Runs the file through a fresh tree in a fresh process. `every-label` has each published row
   * hashed and compared, which takes time; `counts` compares the number of all rows, and every bit
   * of those that the store holds in the end.
   *
   * @throws {Error} when a label is missing or differs from the pure labeler's.
   */
  async pass(check: "every-label" | "counts"): Promise<Pass> {
    const child = new Deno.Command(Deno.execPath(), {
      // With the flags of the tasks that users run.
      args: [
        "run",
        "-A",
        V8_FLAGS,
        fileURLToPath(new URL("pass.ts", import.meta.url)),
        this.#path,
        check,
      ],
      stdout: "piped",
      stderr: "inherit",
    });
    const { success, stdout } = await child.output();
    if (!success) throw new Error("Cannot measure throughput: the pass failed, see above");
    const report = JSON.parse(new TextDecoder().decode(stdout)) as PassReport;
    verify("candles committed", report.candles, this.candles);
    verify("labels committed", report.labels, this.#expected.rows);
    if (report.published !== null) checksumsOf(report.published).verify(this.#expected);
    const { counts } = report.stored;
    checksumsOf(report.stored).verify(this.#labels((series) => counts[series] as number));
    return { candlesPerSecond: this.candles / report.tookMs * 1_000, rssMb: report.rssMb };
  }

  /**
   * What the pure labeler says: all rows of each series in the order in which they come out, or
   * the last `lastOf` events as they are in the end.
   */
  #labels(lastOf: (series: number) => number): Checksums {
    const expected = new Checksums();
    const out = new LabelBuilder(this.#bars);
    const labeler = new Labeler(DEFAULT_PARAMS, { emit: "final" });
    for (let series = 0; series < SERIES_COUNT; series++) {
      out.clear();
      labeler.reset();
      labeler.push(this.#market.block(series, 0, this.#bars), 0, this.#bars, out);
      const last = lastOf(series);
      if (last === 0) expected.add(series, out.columns, 0, out.length);
      else for (const row of lastRows(out, last)) expected.add(series, out.columns, row, row + 1);
    }
    return expected;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

/** Last row of each of the last `count` events. */
function lastRows(out: LabelBuilder, count: number): number[] {
  const rowAt = new Map<number, number>();
  for (let row = 0; row < out.length; row++) rowAt.set(out.columns.ts[row] as number, row);
  return [...rowAt].sort(([a], [b]) => a - b).slice(-count).map(([, row]) => row);
}

function checksumsOf({ counts, sums }: PassReport["stored"]): Checksums {
  const checksums = new Checksums();
  checksums.counts.set(counts);
  checksums.sums.set(sums);
  return checksums;
}
