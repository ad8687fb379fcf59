/**
 * The configuration file: `wick.json`, or the one that is named.
 *
 * @module
 */

import { UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { OLDER_FILE_KEYS } from "./older_names.ts";
import { isSettingName, SETTING_NAMES, SETTINGS } from "./settings.ts";
import { nearest } from "../std/suggest.ts";
import type { SettingName } from "./config_schema.ts";

/** The file that is read where none is named, if it is there. */
export const CONFIG_FILE_DEFAULT = "wick.json";

/** Largest configuration file, bytes: sixty-four feeds take some 20 kB. */
export const CONFIG_BYTES_MAX = 1_000_000;

/** Longest secret in a file, bytes. */
const SECRET_BYTES_MAX = 4_096;

/** A configuration file as read: values unchecked, keys known. */
export interface ConfigFile {
  readonly path: string;
  readonly values: ReadonlyMap<SettingName, unknown>;
}

/**
 * Reads the file named; with null, {@linkcode CONFIG_FILE_DEFAULT} if it is there, else null.
 *
 * @throws {UsageError} for a file that is not there, is no JSON object, or has unknown keys.
 */
export async function readConfigFile(named: string | null, io: CliIo): Promise<ConfigFile | null> {
  const path = named ?? CONFIG_FILE_DEFAULT;
  const text = await io.readText(path, CONFIG_BYTES_MAX).catch((error: unknown) => {
    if (named === null && error instanceof Deno.errors.NotFound) return null;
    throw new UsageError(`Cannot read ${path}: ${reasonOf(error)}`);
  });
  if (text === null) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: expected JSON: ${reasonOf(error)}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`Cannot read ${path}: expected a JSON object`);
  }
  const values = new Map<SettingName, unknown>();
  for (const [key, value] of Object.entries(parsed)) {
    // For editors: it names a schema.
    if (key === "$schema") continue;
    values.set(settingOf(key, path), value);
  }
  return { path, values };
}

function settingOf(key: string, path: string): SettingName {
  if (Object.hasOwn(OLDER_FILE_KEYS, key)) return OLDER_FILE_KEYS[key] as SettingName;
  if (isSettingName(key)) {
    // Files of settings are copied, committed and shown; REDIS_URL may hold a password too.
    if (SETTINGS[key].secret !== true) return key;
    const instead = isSettingName(`${key}File`) ? `${key}File, or ` : "";
    throw new UsageError(
      `Cannot use ${key} in ${path}: expected ${instead}the environment: a secret stands in no ` +
        `configuration file`,
    );
  }
  const known = [...SETTING_NAMES, ...Object.keys(OLDER_FILE_KEYS)];
  const near = nearest(key, known);
  const hint = near === null ? "see wick config" : `did you mean ${near}?`;
  throw new UsageError(`${path}: unknown key ${JSON.stringify(key.slice(0, 64))}; ${hint}`);
}

/**
 * The secret in a file: its text without the line end.
 *
 * @throws {UsageError} when it cannot be read or is empty; never shows what is in it.
 */
export async function readSecretFile(path: string, io: CliIo): Promise<string> {
  let text: string;
  try {
    text = (await io.readText(path, SECRET_BYTES_MAX)).trim();
  } catch (error) {
    throw new UsageError(`Cannot read the secret in ${path}: ${reasonOf(error)}`);
  }
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new UsageError(
    `Cannot read the secret in ${path}: expected one line of printable characters without blanks`,
  );
}

/** Why something failed, in one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotCapable) return "this process has no permission to";
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? "";
}
