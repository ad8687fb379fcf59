/**
 * Lists of series on the command line.
 *
 * @module
 */

import { isSeries } from "../market/series.ts";
import { UsageError } from "./exit_code.ts";

/** A list of series keys as given to `--series`, checked. @throws {UsageError} */
export function seriesList(text: string | undefined): string | undefined {
  for (const key of text?.split(",") ?? []) {
    if (isSeries(key)) continue;
    throw new UsageError(
      `Cannot use --series: expected INSTRUMENT:GRANULARITY, as EUR_USD:H1, several by commas: ` +
        `current value is ${JSON.stringify(key)}`,
    );
  }
  return text;
}
