/**
 * `wick warm`: what a running service loads before it is asked for.
 *
 * @module
 */

import type { z } from "zod";
import { WARM_RUN_ALL, warmingStrategyOf } from "../http/warming_input.ts";
import * as shape from "../http/warming_schemas.ts";
import { nearest } from "../std/suggest.ts";
import { STRATEGY_NAMES } from "../warm/types.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import type { ServiceClient } from "./service_client.ts";
import { patternsText, ranText, statsText, statusText } from "./warm_text.ts";

const VERBS = ["run", "status", "stats", "patterns"] as const;

type Verb = (typeof VERBS)[number];

/** Strategies as people write them. */
const STRATEGIES = [WARM_RUN_ALL, ...STRATEGY_NAMES.map((name) => name.replaceAll("_", "-"))];

/** The command. */
export const WARM: Command = {
  name: "warm",
  about: "see what is loaded before it is asked for, and load now",
  details: [
    "status says when each strategy runs next and what its last run came to, stats what was warmed, " +
    "how much of it was used, and what that cost upstream, patterns what is asked for most and when. " +
    `run runs a STRATEGY now, within the budget: ${STRATEGIES.join(", ")}.`,
    "run exits with 1 when nothing could be run, with 75 while the provider fails or is limiting.",
  ],
  operand: {
    called: "ACTION [STRATEGY]",
    value: "text",
    countMin: 1,
    countMax: 2,
    verbs: VERBS,
  },
  options: { json: { about: "as JSON" }, ...SERVICE_OPTIONS },
  examples: [
    { line: "wick warm status", about: "" },
    { line: "wick warm stats", about: "" },
    { line: "wick warm patterns --json | jq .top10", about: "" },
    { line: "wick warm run popular", about: "" },
    { line: "wick warm run all", about: "every strategy that is enabled" },
  ],
  run: (call, io) => {
    const strategy = strategyOf(call);
    return withService(call, io, (client) => runWarm(call, strategy, io, client));
  },
};

/** The strategy to run; undefined with other actions. @throws {UsageError} */
function strategyOf({ operands: [verb, word] }: CommandCall): string | undefined {
  if (verb !== "run") {
    if (word === undefined) return undefined;
    throw new UsageError(`expected nothing after ${verb}: current value is ${shown(word)}`);
  }
  if (word === undefined) throw new UsageError("no STRATEGY given; see wick warm --help");
  const strategy = warmingStrategyOf(word);
  if (strategy !== null) return strategy;
  const near = nearest(word, STRATEGIES);
  throw new UsageError(
    `expected ${STRATEGIES.join(", ")}: current value is ${shown(word)}` +
      (near === null ? "" : `; did you mean ${near}?`),
  );
}

function shown(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 64)}…` : word);
}

async function runWarm(
  { operands: [verb], values }: CommandCall,
  strategy: string | undefined,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const tell = <T>(found: T, text: (found: T, io: CliIo) => string) =>
    io.out(values.flag("json") ? `${JSON.stringify(found)}\n` : text(found, io));
  switch (verb as Verb) {
    case "stats":
      tell(await client.ask("/api/warming/stats", shape.warmingStats), statsText);
      return Exit.ok;
    case "status":
      tell(await client.ask("/api/warming/status", shape.warmingStatus), statusText);
      return Exit.ok;
    case "patterns":
      tell(await client.ask("/api/warming/patterns", shape.warmingPatterns), patternsText);
      return Exit.ok;
    case "run": {
      const asked = { method: "POST", json: { strategy } } as const;
      const { results } = await client.ask("/api/warming/run", shape.warmingRan, asked);
      tell(results, ranText);
      return ranExit(results);
    }
  }
}

/** Of all strategies: as of one of them when none could be started. */
function ranExit(results: z.output<typeof shape.warmingRan>["results"]): ExitCode {
  if (results.some(({ state }) => state === "started")) return Exit.ok;
  const mayLater = results.some((one) => one.state === "refused" && one.reason !== "running");
  return mayLater ? Exit.tryAgain : Exit.failed;
}
