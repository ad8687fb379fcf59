/**
 * The scripts that Redis runs, and calling them by their hash.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import append from "./lua/append.lua" with { type: "text" };
import group from "./lua/group.lua" with { type: "text" };
import upkeep from "./lua/upkeep.lua" with { type: "text" };

/** A script with its hash. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** Appends an entry. */
export const APPEND: Script = script(append);
/** Everything about the group, and meeting the log. */
export const GROUP: Script = script(group);
/** Snapshots and trimming. */
export const UPKEEP: Script = script(upkeep);

/** Has the server know all scripts. */
export async function loadScripts(redis: Redis): Promise<void> {
  const loads = [APPEND, GROUP, UPKEEP].map(({ text }) => redis.script("LOAD", text));
  await Promise.all(loads);
}

/** Whether a server has forgotten the scripts. */
export function isScriptGone(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

/** An argument of a script. */
export type ScriptArgument = string | number | Buffer;

/** Runs a script; a server that does not know it gets its text. */
export async function runScript(
  redis: Redis,
  { sha, text }: Script,
  keys: readonly string[],
  ...args: readonly ScriptArgument[]
): Promise<unknown[]> {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args) as unknown[];
  } catch (error) {
    if (!isScriptGone(error)) throw error;
    return await redis.eval(text, keys.length, ...keys, ...args) as unknown[];
  }
}

/** A view of bytes as ioredis takes them; nothing is copied. */
export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
