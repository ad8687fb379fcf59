/**
 * `wick doctor`: what could keep the service from working, and what to do about it.
 *
 * @module
 */

import type { Command, CommandCall } from "./command.ts";
import { resolveConfig } from "./config.ts";
import type { Check, CheckState, Finding } from "./doctor_check.ts";
import {
  checkClock,
  checkConfiguration,
  checkData,
  checkPermissions,
  checkTokens,
} from "./doctor_local.ts";
import { checkAlertSinks } from "./doctor_alerts.ts";
import { checkFirestore } from "./doctor_firestore.ts";
import { checkClocks, checkService } from "./doctor_network.ts";
import { checkRedis } from "./doctor_redis.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { CONFIG_OPTION, settingOptions } from "./settings.ts";
import { type Palette, palette } from "./text.ts";

const CHECKS: readonly Check[] = [
  checkPermissions,
  checkConfiguration,
  checkTokens,
  checkClock,
  checkData,
  checkService,
  checkClocks,
  checkRedis,
  checkFirestore,
  checkAlertSinks,
];

/** The command. */
export const DOCTOR: Command = {
  name: "doctor",
  about: "find what keeps the service from working",
  details: [
    "Checks permissions, configuration, tokens, clock, data directory, disk, database, the running " +
    "service, its port, Redis, Firestore and whoever is told of alerts, where they are set. Changes nothing but for a file that it writes " +
    "into the data directory and removes. Exits with 1 when a check fails.",
  ],
  operand: null,
  options: {
    config: CONFIG_OPTION,
    ...settingOptions(["data", "host", "port", "url"]),
    json: { about: "one JSON object with all checks" },
  },
  examples: [
    { line: "wick doctor", about: "" },
    { line: "wick doctor --json | jq '.checks[] | select(.state == \"fail\")'", about: "" },
  ],
  run: runDoctor,
};

async function runDoctor({ values }: CommandCall, io: CliIo): Promise<ExitCode> {
  const resolved = await resolveConfig(values, io);
  const isJson = values.flag("json");
  const paint = palette(io.hasColour.stdout);
  const findings: Finding[] = [];
  for (const check of CHECKS) {
    const found = await check(resolved, io);
    if (io.interrupted.aborted) return Exit.interrupted;
    findings.push(...found);
    if (!isJson) io.out(found.map((finding) => findingText(finding, paint)).join(""));
  }
  const ok = findings.every(({ state }) => state !== "fail");
  if (isJson) io.out(`${JSON.stringify({ ok, checks: findings })}\n`);
  return ok ? Exit.ok : Exit.failed;
}

function findingText({ name, state, detail, remedy }: Finding, paint: Palette): string {
  const first = `${stateText(state, paint)} ${name.padEnd(14)} ${detail}\n`;
  return remedy === undefined ? first : `${first}${" ".repeat(8)}${" ".repeat(15)}→ ${remedy}\n`;
}

function stateText(state: CheckState, paint: Palette): string {
  const text = (state === "skipped" ? "-" : state).padEnd(7);
  if (state === "fail") return paint.red(text);
  return state === "warn" ? paint.yellow(text) : state === "skipped" ? paint.dim(text) : text;
}
