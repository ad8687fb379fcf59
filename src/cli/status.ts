/**
 * `wick status`: how the service is.
 *
 * @module
 */

import type { z } from "zod";
import { alertsReply } from "../http/alert_schemas.ts";
import { tuningReply } from "../http/tuning_schemas.ts";
import { healthReply } from "../http/schemas.ts";
import type { Alert } from "../monitor/alert.ts";
import type { HealthScore } from "../monitor/health_score.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import type { ServiceClient } from "./service_client.ts";
import { tuningLine } from "./tuning_text.ts";
import { textTable } from "./table.ts";
import { countText, palette } from "./text.ts";

type Health = z.output<typeof healthReply>;

/** The command. */
export const STATUS: Command = {
  name: "status",
  about: "say how the service is",
  details: ["Exits with 0 when all is well, 1 when a part is not, 69 when nobody answers."],
  operand: null,
  options: { json: { about: "as JSON" }, ...SERVICE_OPTIONS },
  examples: [
    { line: "wick status", about: "" },
    { line: "wick status --json | jq .seq", about: "the last commit" },
  ],
  run: (call, io) => withService(call, io, (client) => runStatus(call, io, client)),
};

async function runStatus(
  { values }: CommandCall,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const health = await client.ask("/api/health", healthReply);
  const { active } = await client.ask("/api/alerts?past=0", alertsReply);
  const tuning = await client.ask("/api/tuning", tuningReply);
  if (values.flag("json")) io.out(`${JSON.stringify({ ...health, alerts: active, tuning })}\n`);
  else {
    const rows = health.parts.map(({ name, state, detail }) => [
      name,
      stateText(state, io),
      detailText(detail),
    ]);
    io.out(
      `${healthLine(health, io)}\n${scoreText(health.score)}${tuningLine(tuning)}${
        alertsText(active, io)
      }${rows.length > 0 ? textTable(["part", "state", ""], rows, io) : ""}`,
    );
  }
  return healthCode(health);
}

/** What a command that says how the service is exits with. */
export function healthCode({ state, ready }: Health): ExitCode {
  return state === "ok" && ready ? Exit.ok : Exit.failed;
}

/** One line: name, version, state, last commit. */
export function healthLine({ name, version, state, ready, seq }: Health, io: CliIo): string {
  const how = ready ? stateText(state, io) : palette(io.hasColour.stdout).yellow("starting");
  return `${name} ${version}  ${how}  ${
    seq === null ? "no commit known" : `commit ${countText(seq)}`
  }`;
}

/** The score with its parts, and what limits it; nothing before it is known. */
export function scoreText(score: HealthScore | null): string {
  if (score === null) return "";
  const { score: of100, state, parts, limiting, unknown } = score;
  const of = parts.map(({ name, state, points, weight }) =>
    points === null
      ? `${name} ${state}`
      : `${name} ${Math.round(points)} (${Math.round(weight * 100)} %)`
  );
  const lines = [
    `health ${of100 === null ? "unknown" : `${of100} of 100, ${state}`}: ${of.join(", ")}`,
    ...limiting === null ? [] : [`limited by ${limiting.name}: ${limiting.reason}`],
    ...unknown.length === 0 ? [] : [`unknown: ${unknown.join(", ")}`],
  ];
  return `${lines.map(oneLine).join("\n")}\n`;
}

/** Names come from data: a line stays a line. */
const oneLine = (text: string) => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");

/** A table of what is wrong; nothing when all is well. */
export function alertsText(active: readonly Alert[], io: CliIo): string {
  const paint = palette(io.hasColour.stdout);
  const rows = active.map(({ severity, state, mutedBy, acknowledged, summary, id }) => [
    severity === "page" && state === "firing" ? paint.red(severity) : severity,
    mutedBy !== null ? "muted" : acknowledged !== null ? "acknowledged" : state,
    oneLine(summary),
    id,
  ]);
  return rows.length === 0 ? "" : textTable(["alert", "state", "", "id"], rows, io);
}

function stateText(state: Health["state"], io: CliIo): string {
  const paint = palette(io.hasColour.stdout);
  return state === "ok" ? state : state === "degraded" ? paint.yellow(state) : paint.red(state);
}

/** What is known of a part, short enough for a line of a table. */
function detailText(detail: unknown): string {
  if (detail === null || detail === undefined) return "";
  if (typeof detail !== "object" || Array.isArray(detail)) {
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  }
  return Object.entries(detail).map(([name, value]) =>
    `${name} ${
      typeof value === "number"
        ? numberText(value)
        : typeof value === "string"
        ? value
        : JSON.stringify(value)
    }`
  ).join(", ");
}

function numberText(value: number): string {
  return Number.isInteger(value) ? countText(value) : value.toPrecision(3);
}
