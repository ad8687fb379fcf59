/**
 * `wick config`: every setting with its value and where it comes from.
 *
 * @module
 */

import type { Command, CommandCall } from "./command.ts";
import { resolveConfig, type Resolved } from "./config.ts";
import type { SettingName } from "./config_schema.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { shownUrl } from "../http/webhook/options.ts";
import { OLDER_ENVIRONMENT, OLDER_FILE_KEYS } from "./older_names.ts";
import { PROFILE_VALUES } from "./profiles.ts";
import { HIDDEN } from "../http/redact.ts";
import {
  CONFIG_OPTION,
  environmentName,
  SETTING_NAMES,
  settingOptions,
  SETTINGS,
} from "./settings.ts";
import { nearest } from "../std/suggest.ts";
import { textTable } from "./table.ts";
import { palette } from "./text.ts";

/** Variables of the environment that begin like a setting and are something else. */
const OTHER_VARIABLES = new Set(["WICK_CONFIG", "WICK_SEED", "WICK_TEST_SERVICES"]);

/** The command. */
export const CONFIG: Command = {
  name: "config",
  about: "show every setting and where it comes from",
  details: [
    "An option wins over the environment, that over the configuration file, that over the profile, " +
    "and that over the default. Takes the options of wick serve and shows what they would do; " +
    "secrets are hidden.",
    "--names shows how settings are named in the environment, the names of older systems that are " +
    "understood with what they mean here, and what each profile sets.",
  ],
  operand: null,
  options: {
    config: CONFIG_OPTION,
    names: { about: "show names and profiles instead of values" },
    ...settingOptions(SETTING_NAMES),
    json: { about: "one JSON object" },
  },
  examples: [
    { line: "wick config", about: "" },
    { line: "wick config --profile latency --json | jq .admissionOnMs", about: "" },
    { line: "wick config --names", about: "every name there is" },
  ],
  run: runConfig,
};

async function runConfig({ values }: CommandCall, io: CliIo): Promise<ExitCode> {
  if (values.flag("names")) {
    const names = namesJson();
    io.out(values.flag("json") ? `${JSON.stringify(names)}\n` : namesText(io));
    return Exit.ok;
  }
  const resolved = await resolveConfig(values, io);
  io.out(
    values.flag("json") ? `${JSON.stringify(valuesJson(resolved))}\n` : valuesText(resolved, io),
  );
  for (const warning of unknownVariables(io)) io.err(`wick config: ${warning}\n`);
  return Exit.ok;
}

function shown({ config }: Resolved, name: SettingName): unknown {
  const value = config[name];
  // What receivers call a key often stands in the query.
  if (name === "webhooks") {
    return config.webhooks.map((one) => ({ ...one, url: shownUrl(one.url) }));
  }
  if (name === "alertSinks") {
    return config.alertSinks.map((one) => ({ ...one, url: shownUrl(one.url) }));
  }
  return SETTINGS[name].secret === true && value !== null ? HIDDEN : value;
}

function valuesJson(resolved: Resolved): Record<string, unknown> {
  return Object.fromEntries(SETTING_NAMES.map((name) => [name, {
    value: shown(resolved, name),
    origin: resolved.origins[name],
  }]));
}

function valuesText(resolved: Resolved, io: CliIo): string {
  const paint = palette(io.hasColour.stdout);
  const rows = SETTING_NAMES.map((name) => {
    const origin = resolved.origins[name];
    const isDefault = origin === "default";
    return [
      isDefault ? name : paint.bold(name),
      valueText(shown(resolved, name)),
      paint.dim(origin),
    ];
  });
  return textTable(["setting", "value", "from"], rows, io);
}

function valueText(value: unknown): string {
  if (value === null) return "-";
  if (Array.isArray(value)) return value.length === 0 ? "none" : JSON.stringify(value);
  if (typeof value === "object") {
    return Object.keys(value).length === 0 ? "none" : JSON.stringify(value);
  }
  return String(value);
}

/** What is set and means nothing: likely a slip. */
export function unknownVariables(io: CliIo): string[] {
  const known = SETTING_NAMES.map(environmentName);
  const all = [...known, ...OTHER_VARIABLES];
  return io.envNames().filter((name) => name.startsWith("WICK_") && !all.includes(name)).sort()
    .map((name) => {
      const near = nearest(name, known);
      const guess = near === null ? "see wick config --names" : `did you mean ${near}?`;
      return `environment ${name} is no setting; ${guess}`;
    });
}

function namesJson() {
  return {
    settings: Object.fromEntries(SETTING_NAMES.map((name) => [name, {
      environment: environmentName(name),
      option: SETTINGS[name].flag === null ? null : `--${SETTINGS[name].flag}`,
      about: SETTINGS[name].about,
    }])),
    older: Object.fromEntries(
      Object.entries(OLDER_ENVIRONMENT).map(([name, { byDefault, meaning, sets }]) => [
        name,
        { byDefault, meaning, sets },
      ]),
    ),
    olderFileKeys: OLDER_FILE_KEYS,
    profiles: PROFILE_VALUES,
  };
}

function namesText(io: CliIo): string {
  const paint = palette(io.hasColour.stdout);
  return [
    paint.bold("Settings"),
    textTable(
      ["wick.json", "environment", "what"],
      SETTING_NAMES.map((
        name,
      ) => [name, environmentName(name), SETTINGS[name].about]),
      io,
    ),
    paint.bold("Names of older systems, weaker than the above"),
    textTable(
      ["environment", "default", "sets", "what"],
      Object.entries(OLDER_ENVIRONMENT).map(([name, { byDefault, meaning, sets }]) => [
        name,
        byDefault,
        sets.join(", "),
        meaning,
      ]),
      io,
    ),
    textTable(
      ["wick.json", "sets", "what"],
      Object.entries(OLDER_FILE_KEYS).map(([key, name]) => [
        key,
        name,
        SETTINGS[name].about,
      ]),
      io,
    ),
    paint.bold("Profiles"),
    textTable(
      ["profile", "what", "sets"],
      Object.entries(PROFILE_VALUES).map(([name, { about, values }]) => [
        name,
        about,
        Object.entries(values).map(([key, value]) => `${key} ${value}`).join(", "),
      ]),
      io,
    ),
  ].join("\n");
}
