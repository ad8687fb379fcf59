/**
 * Times on the command line.
 *
 * @module
 */

import { time } from "../http/schemas.ts";
import type { OptionValues } from "./command.ts";
import { UsageError } from "./exit_code.ts";

/** Epoch ms of an option; undefined when it was not given. @throws {UsageError} */
export function timeOption(option: string, values: OptionValues): number | undefined {
  const text = values.text(option);
  if (text === undefined) return undefined;
  const result = time.safeParse(/^-?\d+$/.test(text) ? Number(text) : text);
  if (result.success) return result.data;
  throw new UsageError(
    `Cannot use --${option}: expected an ISO date or time in UTC, as 2024-01-31 or ` +
      `2024-01-31T12:00:00Z, or epoch ms: current value is ${JSON.stringify(text)}`,
  );
}
