/**
 * The key of a provider: read from where the configuration says, and kept out of every text.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { ProviderError } from "./error.ts";
import { KEY_CHARS_MAX } from "./limits.ts";

/** Where a key is. */
export type KeySource =
  /** Name of an environment variable. */
  | { readonly env: string }
  /** Path of a file whose first line it is. */
  | { readonly file: string };

/** How keys are looked up; the process's environment and files unless said otherwise. */
export interface KeyReader {
  /** Value of an environment variable. */
  env(name: string): string | undefined;
  /** Text of a file. */
  file(path: string): Promise<string>;
}

const PROCESS: KeyReader = {
  env: (name) => process.env[name],
  file: (path) => readFile(path, "utf8"),
};

/** What stands in the place of a key. */
export const MASK = "[hidden]";

/** Printable ASCII without blanks: what can stand in a header and in a URL. */
const KEY = /^[\x21-\x7e]+$/;

/**
 * The key at a source.
 *
 * @throws {ProviderError} code `key`; it names the source, never what it holds.
 */
export async function readKey(source: KeySource, reader: KeyReader = PROCESS): Promise<string> {
  const where = "env" in source ? `environment variable ${source.env}` : `file ${source.file}`;
  const refuse = (found: string) =>
    new ProviderError(
      "key",
      `Cannot read the provider's key: expected 1 to ${KEY_CHARS_MAX} printable characters in ` +
        `${where}: current value is ${found}`,
    );
  let text: string | undefined;
  try {
    text = "env" in source ? reader.env(source.env) : await reader.file(source.file);
  } catch {
    throw refuse("not readable");
  }
  const key = text?.split("\n", 1)[0]?.trim() ?? "";
  if (key === "") throw refuse(text === undefined ? "not set" : "empty");
  if (key.length > KEY_CHARS_MAX) throw refuse(`${key.length} characters`);
  if (!KEY.test(key)) throw refuse("hidden, and holds other characters");
  return key;
}

/**
 * Takes a key out of texts, as it is and as it stands in URLs. The second line of defence: no text
 * is made of a URL or of what a provider wrote in the first place.
 */
export function keyMask(key: string | null): (text: string) => string {
  if (key === null) return (text) => text;
  const forms = [
    key,
    encodeURIComponent(key),
    new URLSearchParams([["", key]]).toString().slice(1),
  ];
  // The longer first: one may be part of another.
  const known = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => known.reduce((masked, form) => masked.replaceAll(form, MASK), text);
}
