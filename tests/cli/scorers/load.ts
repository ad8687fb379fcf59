/**
 * Loads modules of scorers, as `wick serve` does, and prints the names that each brings, or why it
 * brings none: to be run under its permissions.
 *
 * @module
 */

import { systemClock } from "../../../src/actor/clock.ts";
import { textOf } from "../../../src/actor/errors.ts";
import { scorersOf } from "../../../src/cli/scorer_module.ts";

for (const path of Deno.args) {
  try {
    const names = (await scorersOf([path], systemClock)).list().map(({ name }) => name);
    console.log(names.slice(2).join(" "));
  } catch (error) {
    console.log(textOf(error));
  }
}
