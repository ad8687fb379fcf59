/**
 * Wick keeps market data fresh, warm and labelled.
 *
 * As a library: the actor runtime, market data and labels. Run as the main module: the `wick`
 * command.
 *
 * @example
 * ```ts
 * import { csvReader, Labeler, LabelBuilder, labelParams } from "./mod.ts";
 *
 * const reader = csvReader({ series: "EUR_USD:H1" });
 * reader.push(new TextEncoder().encode("ts,open,high,low,close,volume\n0,1,2,1,2,10\n"));
 * reader.finish();
 * const labels = new LabelBuilder();
 * const labeler = new Labeler(labelParams({ horizon: 24 }), { emit: "rows" });
 * for (const block of reader.take()) labeler.push(block, 0, block.length, labels);
 * labeler.finish(labels);
 * console.log(labels.length); // 1
 * ```
 *
 * @module
 */

import { labelFile } from "./actors/label_file.ts";
import config from "./deno.json" with { type: "json" };
import { processIo } from "./src/cli/io.ts";
import { runCommand } from "./src/cli/main.ts";
import type { CliParts } from "./src/cli/parts.ts";

export * from "./src/actor/mod.ts";

export * from "./src/market/block.ts";
export * from "./src/market/candle.ts";
export * from "./src/market/canonical.ts";
export * from "./src/market/csv.ts";
export * from "./src/market/error.ts";
export * from "./src/market/granularity.ts";
export * from "./src/market/instrument.ts";
export * from "./src/market/ndjson.ts";
export * from "./src/market/quality.ts";
export type { CandleReader, ReaderOptions } from "./src/market/reader.ts";
export * from "./src/market/reject.ts";
export * from "./src/market/segment.ts";
export * from "./src/market/series.ts";
export * from "./src/market/split.ts";

export * from "./src/label/correction.ts";
export * from "./src/label/finer.ts";
export * from "./src/label/format.ts";
export * from "./src/label/labeler.ts";
export * from "./src/label/levels.ts";
export * from "./src/label/params.ts";
export * from "./src/label/rows.ts";

/** The entry of a thread: TypeScript in the source tree, JavaScript beside a bundle. */
function entryOf(source: URL): URL {
  const isBundle = !import.meta.url.endsWith(".ts");
  return isBundle ? new URL(source.href.replace(/\.ts$/, ".js")) : source;
}

if (import.meta.main) {
  const parts: CliParts = {
    version: config.version,
    labelFile: {
      actor: labelFile,
      entry: entryOf(new URL("./actors/threads/label_file.ts", import.meta.url)),
    },
    runDemo: null,
  };
  Deno.exit(await runCommand(Deno.args, parts, processIo()));
}
