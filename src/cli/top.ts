/**
 * `wick top`: the service at work, again and again.
 *
 * @module
 */

import { alertsReply } from "../http/alert_schemas.ts";
import { figuresReply } from "../http/live_schemas.ts";
import { healthReply, treeNode } from "../http/schemas.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { pause } from "./pause.ts";
import { Screen } from "./screen.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { type ServiceClient, ServiceError } from "./service_client.ts";
import { alertsText, healthCode, healthLine, scoreText } from "./status.ts";
import { cut } from "./table.ts";
import { timeText } from "./text.ts";
import { actorsText, figuresText, TOP_SORTS, type TopSort } from "./top_text.ts";

/** Fewest and most seconds between two looks. */
const SECONDS_MIN = 0.1;
const SECONDS_MAX = 3_600;
/** Actors that are shown: a screen of them. */
const ROWS_DEFAULT = 20;

/** The command. */
export const TOP: Command = {
  name: "top",
  about: "watch the service at work",
  details: [
    "Score and what limits it, latency by stage, rates, hits, alerts, and the actors that have most " +
    "of what they are sorted by; those that do not run come first. Draws in place until Ctrl-C, and " +
    "waits for a service that went away. Where standard output is no terminal it prints one snapshot " +
    "after the other.",
    "After --once or --count it exits like wick status: 0 when all is well, 1 when a part is not, 69 " +
    "when nobody answers.",
  ],
  operand: null,
  options: {
    sort: { value: TOP_SORTS, about: "what the actors are sorted by", byDefault: "depth" },
    rows: { value: "number", called: "N", about: "actors shown", byDefault: String(ROWS_DEFAULT) },
    seconds: {
      value: "number",
      called: "N",
      about: "time between two looks",
      byDefault: "1",
    },
    count: { value: "number", called: "N", about: "end after N looks", byDefault: "none" },
    once: { about: "end after the first" },
    json: { about: "one JSON object a look, one a line" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick top", about: "" },
    { line: "wick top --sort p99 --rows 5 --once", about: "the five slowest actors now" },
    { line: "wick top --count 10 --seconds 5 --json > looks.ndjson", about: "" },
  ],
  run: (call, io) => withService(call, io, (client) => runTop(call, io, client)),
};

interface Look {
  readonly text: string;
  /** What `wick status` would exit with. */
  readonly code: ExitCode;
}

async function runTop(call: CommandCall, io: CliIo, client: ServiceClient): Promise<ExitCode> {
  const { values } = call;
  const seconds = values.number("seconds") ?? 1;
  if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) {
    throw new UsageError(
      `Cannot use --seconds: expected ${SECONDS_MIN} to ${SECONDS_MAX}: current value is ${seconds}`,
    );
  }
  const countMax = values.flag("once") ? 1 : values.number("count") ?? Infinity;
  const isDrawn = !values.flag("json") && io.isTerminal.stdout;
  using screen = new Screen(io, isDrawn && countMax > 1);
  let last: Look | null = null;
  for (let count = 1;; count++) {
    let look: Look;
    try {
      look = await lookAt(call, io, client);
    } catch (error) {
      if (last === null || !isDrawn || countMax < Infinity || !isAway(error)) throw error;
      look = { ...last, text: awayText(error, io) + withoutFirst(last.text) };
    }
    last = look;
    if (!screen.draw(isDrawn ? cutLines(look.text, io.columns()) : look.text)) return Exit.ok;
    if (count >= countMax) return look.code;
    // Ctrl-C is how one leaves it.
    if (!await pause(1_000 * seconds, io)) return Exit.ok;
  }
}

async function lookAt({ values }: CommandCall, io: CliIo, client: ServiceClient): Promise<Look> {
  const [tree, health, figures, { active }] = await Promise.all([
    client.ask("/api/actors", treeNode),
    client.ask("/api/health", healthReply),
    client.ask("/api/figures", figuresReply, { query: { limit: 1, watch: true } }),
    client.ask("/api/alerts", alertsReply, { query: { past: 0 } }),
  ]);
  const code = healthCode(health);
  if (values.flag("json")) {
    const { targets: _, ...point } = figures;
    const json = { at: io.clock.wallNow(), health, figures: point, alerts: active, tree };
    return { text: `${JSON.stringify(json)}\n`, code };
  }
  const sort = (values.text("sort") ?? "depth") as TopSort;
  const rows = values.number("rows") ?? ROWS_DEFAULT;
  const text = [
    `${healthLine(health, io)}\n`,
    scoreText(health.score),
    figuresText(figures, io),
    alertsText(active, io),
    actorsText(tree, sort, rows, io),
  ].join("");
  return { text, code };
}

/** Whether the service may come back. */
function isAway(error: unknown): error is ServiceError {
  return error instanceof ServiceError &&
    (error.exitCode === Exit.unavailable || error.exitCode === Exit.tryAgain);
}

function awayText({ message }: ServiceError, io: CliIo): string {
  return `${timeText(io.clock.wallNow())}: ${message}\n`;
}

/** A line that wraps would move all below it. */
const cutLines = (text: string, width: number) =>
  text.split("\n").map((line) => cut(line, width)).join("\n");

/** What is below the line that says how the service is, or was away. */
const withoutFirst = (text: string) => text.slice(text.indexOf("\n") + 1);
