/**
 * `wick demo`: its options. What runs is handed in.
 *
 * @module
 */

import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import type { CliParts } from "./parts.ts";

/** How long the demo runs unless said otherwise. */
const SECONDS_DEFAULT = 60;

/** Longest run: a week; 0 has no end. */
const SECONDS_MAX = 7 * 86_400;

/** The command. */
export const DEMO: Command = {
  name: "demo",
  about: "run the whole tree on live synthetic candles",
  details: [
    "Nothing is read, and nothing is left behind. Shows live progress and ends with a summary.",
  ],
  operand: null,
  options: {
    seconds: {
      value: "number",
      called: "N",
      about: "how long, 0 being until Ctrl-C",
      byDefault: String(SECONDS_DEFAULT),
    },
    seed: {
      value: "number",
      called: "N",
      about: "seed of the candles: the same seed, the same candles",
      byDefault: "a new one each time",
    },
    json: { about: "the summary as JSON on standard output" },
  },
  examples: [
    { line: "wick demo", about: "one minute" },
    { line: "wick demo --seconds 10 --seed 7 --json", about: "for a script" },
  ],
  run: runDemo,
};

function runDemo({ values }: CommandCall, io: CliIo, parts: CliParts): Promise<ExitCode> {
  const seconds = whole("--seconds", values.number("seconds") ?? SECONDS_DEFAULT, SECONDS_MAX);
  const seed = values.number("seed");
  if (parts.runDemo === null) {
    io.err("wick demo: Cannot run the demo: this build has none\n");
    return Promise.resolve(Exit.failed);
  }
  return parts.runDemo({
    seconds,
    seed: seed === undefined ? null : whole("--seed", seed, 2 ** 32 - 1),
    json: values.flag("json"),
  }, io);
}

function whole(name: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw new UsageError(
    `Cannot use ${name}: expected a whole number from 0 to ${max}: current value is ${value}`,
  );
}
