/**
 * `wick tree` and `wick top`: the supervision tree, once or again and again.
 *
 * @module
 */

import { healthReply, treeNode } from "../http/schemas.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { Screen } from "./screen.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import type { ServiceClient } from "./service_client.ts";
import { healthLine } from "./status.ts";
import { pause } from "./pause.ts";
import { failureLines, treeText } from "./tree_text.ts";

/** Fewest and most seconds between two looks. */
const SECONDS_MIN = 0.1;
const SECONDS_MAX = 3_600;

/** `wick tree`. */
export const TREE: Command = {
  name: "tree",
  about: "print the supervision tree",
  details: ["Every actor with its queue, rate, times and restarts; then what failed last."],
  operand: null,
  options: { json: { about: "the tree as JSON" }, ...SERVICE_OPTIONS },
  examples: [
    { line: "wick tree", about: "" },
    { line: "wick tree --json | jq '.. | .path? // empty'", about: "all paths" },
  ],
  run: (call, io) =>
    withService(call, io, async (client) => {
      const root = await client.ask("/api/actors", treeNode);
      if (call.values.flag("json")) {
        io.out(`${JSON.stringify(root)}\n`);
        return Exit.ok;
      }
      io.out(treeText(root, io));
      const failures = failureLines(root);
      if (failures.length > 0) io.out(`\n${failures.map((line) => `${line}\n`).join("")}`);
      return Exit.ok;
    }),
};

/** `wick top`. */
export const TOP: Command = {
  name: "top",
  about: "watch the supervision tree live",
  details: [
    "Draws the tree again and again in place until Ctrl-C. Where standard output is no terminal it " +
    "prints one snapshot after the other.",
  ],
  operand: null,
  options: {
    seconds: {
      value: "number",
      called: "N",
      about: "time between two looks",
      byDefault: "1",
    },
    count: { value: "number", called: "N", about: "end after N looks", byDefault: "none" },
    json: { about: "one JSON object a look, one a line" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick top", about: "" },
    { line: "wick top --count 10 --seconds 5 --json > looks.ndjson", about: "" },
  ],
  run: (call, io) => withService(call, io, (client) => runTop(call, io, client)),
};

async function runTop(
  { values }: CommandCall,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const seconds = values.number("seconds") ?? 1;
  if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) {
    throw new UsageError(
      `Cannot use --seconds: expected ${SECONDS_MIN} to ${SECONDS_MAX}: current value is ${seconds}`,
    );
  }
  const countMax = values.number("count") ?? Infinity;
  const isJson = values.flag("json");
  using screen = new Screen(io, !isJson && io.isTerminal.stdout);
  for (let count = 1;; count++) {
    const [root, health] = await Promise.all([
      client.ask("/api/actors", treeNode),
      client.ask("/api/health", healthReply),
    ]);
    const text = isJson
      ? `${JSON.stringify({ at: io.clock.wallNow(), health, tree: root })}\n`
      : `${healthLine(health, io)}\n${treeText(root, io)}`;
    if (!screen.draw(text) || count >= countMax) return Exit.ok;
    // Ctrl-C is how one leaves it.
    if (!await pause(1_000 * seconds, io)) return Exit.ok;
  }
}
