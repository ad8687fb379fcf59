/**
 * Which value of a setting wins: option > environment > file > profile > default; of names in the
 * environment, Wick's own > an older one.
 *
 * @module
 */

import { basename } from "node:path";
import type { z } from "zod";
import type { OptionValues } from "./command.ts";
import { readConfigFile, readSecretFile } from "./config_file.ts";
import { CONFIG_SHAPE, configSchema, type SettingName, type WickConfig } from "./config_schema.ts";
import { FeedError } from "../feed/port.ts";
import { firestorePlan } from "../feed/firestore_options.ts";
import { klinePlan } from "../feed/kline_options.ts";
import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { booleanOf, combined, numberOf, OLDER_ENVIRONMENT } from "./older_names.ts";
import { PROFILE_VALUES, type ProfileName } from "./profiles.ts";
import { firestoreOptionsOf } from "./serve_firestore.ts";
import { klineOptionsOf, redisStreamOptionsOf } from "./serve_streams.ts";
import { CONFIG_DEFAULTS, environmentName, SETTING_NAMES, SETTINGS } from "./settings.ts";

/** Where a value comes from, in words: `default`, `environment WICK_PORT`, `file wick.json`. */
export type Origin = string;

/** All settings, and where each comes from. */
export interface Resolved {
  readonly config: WickConfig;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  /** The file that was read; null for none. */
  readonly path: string | null;
}

interface Given {
  readonly value: unknown;
  readonly origin: Origin;
}
type Layer = Map<SettingName, Given>;

/**
 * Reads every source and checks what wins.
 *
 * @throws {UsageError} naming the setting, where its value comes from and what is expected. The
 * value of a secret is never part of it.
 */
export async function resolveConfig(values: OptionValues, io: CliIo): Promise<Resolved> {
  const named = textOption(values, "config") ?? io.env("WICK_CONFIG") ?? null;
  const file = await readConfigFile(named === "" ? null : named, io);
  const layers: Layer[] = [
    fileLayer(file),
    olderLayer(io),
    environmentLayer(io),
    optionLayer(values),
  ];
  const profile = layers.findLast((layer) => layer.has("profile"))?.get("profile");
  layers.unshift(profileLayer(profile));
  const given: Layer = new Map();
  for (const layer of layers) for (const [name, one] of layer) given.set(name, one);
  await readSecrets(given, io);
  const config: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of SETTING_NAMES) {
    const one = given.get(name);
    origins[name] = one?.origin ?? "default";
    config[name] = one === undefined ? CONFIG_DEFAULTS[name] : checked(name, one);
  }
  const checkedConfig = configSchema.parse(config);
  checkTogether(checkedConfig);
  return {
    config: checkedConfig,
    origins: origins as Record<SettingName, Origin>,
    path: file?.path ?? null,
  };
}

/** Commands declare only the options they take; the others have no value. */
function textOption(values: OptionValues, flag: string): string | undefined {
  return values.has(flag) ? values.text(flag) : undefined;
}

function fileLayer(file: Awaited<ReturnType<typeof readConfigFile>>): Layer {
  const layer: Layer = new Map();
  if (file === null) return layer;
  for (const [name, value] of file.values) layer.set(name, { value, origin: `file ${file.path}` });
  return layer;
}

function olderLayer(io: CliIo): Layer {
  const layer: Layer = new Map();
  for (const [variable, older] of Object.entries(OLDER_ENVIRONMENT)) {
    const text = io.env(variable);
    if (text === undefined || text === "") continue;
    for (const [index, value] of older.read(text).entries()) {
      const name = older.sets[index];
      if (name === undefined || value === undefined) continue;
      const both = combined(name, layer.get(name)?.value, value);
      if (both === value) layer.set(name, { value, origin: `environment ${variable}` });
    }
  }
  return layer;
}

function environmentLayer(io: CliIo): Layer {
  const layer: Layer = new Map();
  for (const name of SETTING_NAMES) {
    const variable = environmentName(name);
    const text = io.env(variable);
    if (text === undefined || text === "") continue;
    layer.set(name, { value: valueOf(name, text, variable), origin: `environment ${variable}` });
  }
  return layer;
}

function valueOf(name: SettingName, text: string, variable: string): unknown {
  switch (SETTINGS[name].text) {
    case "text":
      return text;
    case "number":
      return numberOf(text);
    case "boolean":
      return booleanOf(text);
    case "list":
      return text.split(",").map((word) => word.trim()).filter((word) => word !== "");
    case "json":
      try {
        return JSON.parse(text);
      } catch {
        throw new UsageError(`Cannot use ${variable}: expected JSON`);
      }
  }
}

function optionLayer(values: OptionValues): Layer {
  const layer: Layer = new Map();
  for (const name of SETTING_NAMES) {
    const { flag, text, isRepeated = false } = SETTINGS[name];
    if (flag === null || !values.has(flag)) continue;
    const value = isRepeated
      ? values.texts(flag)
      : text === "number"
      ? values.number(flag)
      : values.text(flag);
    const origin = `option --${flag}`;
    layer.set(name, { value: name === "feeds" ? [feedOption(String(value))] : value, origin });
  }
  return layer;
}

/**
 * `--feed synthetic`, `firestore:PATH`, `redis:KEY`, `klines:SYMBOL,SYMBOL`, or a file; its actor is
 * named after it.
 */
function feedOption(word: string): unknown {
  if (word === "synthetic") return { kind: "synthetic", name: "synthetic" };
  if (word.startsWith("firestore:")) {
    return { kind: "firestore", name: "firestore", collection: word.slice("firestore:".length) };
  }
  if (word.startsWith("redis:")) {
    return { kind: "redis", name: "redis", key: word.slice("redis:".length) };
  }
  if (word.startsWith("klines:")) {
    return { kind: "klines", name: "klines", symbols: word.slice("klines:".length).split(",") };
  }
  const name = basename(word).toLowerCase().replace(/\.gz$/, "").replace(/\.\w+$/, "")
    .replace(/[^a-z0-9_-]/g, "-").replace(/^[-_]+/, "").slice(0, 64);
  return { kind: "file", name: name === "" ? "file" : name, path: word };
}

function profileLayer(given: Given | undefined): Layer {
  const layer: Layer = new Map();
  if (given === undefined || given.value === null) return layer;
  const name = checked("profile", given) as ProfileName;
  for (const [key, value] of Object.entries(PROFILE_VALUES[name].values)) {
    layer.set(key as SettingName, { value, origin: `profile ${name}` });
  }
  return layer;
}

/** A secret in the environment wins over one in a file. */
async function readSecrets(given: Layer, io: CliIo): Promise<void> {
  const secrets = [
    ["token", "tokenFile"],
    ["readToken", "readTokenFile"],
    ["redisUrl", "redisUrlFile"],
  ] as const;
  for (const [name, fileName] of secrets) {
    const path = given.get(fileName);
    if (given.has(name) || path === undefined || path.value === null) continue;
    const value = await readSecretFile(String(checked(fileName, path)), io);
    given.set(name, { value, origin: `${path.origin}, through ${fileName}` });
  }
}

function checked(name: SettingName, { value, origin }: Given): unknown {
  const schema: z.ZodType = CONFIG_SHAPE[name];
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const place = issue?.path.length ? ` at ${issue.path.join(".")}` : "";
  const expected = (issue?.message ?? "another value").replace(/^[A-Z][^:]*: (?=expected)/, "")
    .replace(/, received .*$/, "");
  const shown = SETTINGS[name].secret ? "hidden" : JSON.stringify(value)?.slice(0, 100);
  throw new UsageError(
    `Cannot use ${name}${place}: ${expected}: current value is ${shown} (${origin})`,
  );
}

function checkFirestoreFeeds(config: WickConfig): void {
  for (const feed of config.feeds) {
    if (feed.kind !== "firestore") continue;
    try {
      firestorePlan(firestoreOptionsOf(feed, config));
    } catch (error) {
      if (error instanceof FeedError) throw new UsageError(error.message);
      throw error;
    }
  }
}

function checkStreamFeeds(config: WickConfig): void {
  for (const feed of config.feeds) {
    try {
      if (feed.kind === "klines") klinePlan(klineOptionsOf(feed));
      if (feed.kind === "redis") redisStreamOptionsOf(feed, config);
    } catch (error) {
      if (error instanceof FeedError) throw new UsageError(error.message);
      throw error;
    }
  }
}

function checkTogether(config: WickConfig): void {
  checkFirestoreFeeds(config);
  checkStreamFeeds(config);
  const { admissionOffMs, admissionOnMs, admissionHardMs } = config;
  if (admissionOffMs < admissionOnMs && admissionOnMs <= admissionHardMs) return;
  throw new UsageError(
    "Cannot use admissionOffMs, admissionOnMs, admissionHardMs: expected them to ascend: current " +
      `value is ${admissionOffMs}, ${admissionOnMs}, ${admissionHardMs}`,
  );
}
