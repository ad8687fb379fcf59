/**
 * Checks of this machine: permissions, configuration, clock, data directory, disk, database.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { statfs } from "node:fs/promises";
import { pause } from "../actor/clock.ts";
import { TOKEN_CHARS_MIN } from "../http/limits.ts";
import { reasonOf } from "./config_file.ts";
import { unknownVariables } from "./config_command.ts";
import type { Check, Finding } from "./doctor_check.ts";
import { bytesText, spanText } from "./text.ts";

/** Free space below which the service will soon stop, and below which it is a matter of hours. */
const FREE_MIN_BYTES = 100e6;
const FREE_LOW_BYTES = 1e9;

/** A commit waits for this: 20 ms are 50 commits a second. */
const SYNC_SLOW_MS = 50;

/** Bytes of the probe: a large commit. */
const PROBE_BYTES = 1_000_000;

/** A clock before this was never set: 2025-01-01. */
const CLOCK_MIN_MS = 1_735_689_600_000;

/** A timer that comes so late says that the machine is busy, ms. */
const TIMER_LATE_MS = 50;
const TIMER_MS = 20;

/** Name of the database in the data directory. */
const DATABASE = "wick.db";

/** Files that others may read: `---rwxrwx` of the mode. */
const OTHERS = 0o077;

/** What the process may and may not do. */
export const checkPermissions: Check = async ({ config }) => {
  const data = config.data === ":memory:" ? undefined : config.data;
  const needed: Deno.PermissionDescriptor[] = [
    { name: "env" },
    { name: "net", host: `${config.host}:${config.port}` },
    ...(data === undefined
      ? []
      : [{ name: "read", path: data } as const, { name: "write", path: data } as const]),
  ];
  const missing: string[] = [];
  for (const descriptor of needed) {
    const { state } = await Deno.permissions.query(descriptor);
    if (state !== "granted") missing.push(descriptor.name);
  }
  const spare: string[] = [];
  for (const name of ["run", "ffi"] as const) {
    if ((await Deno.permissions.query({ name })).state === "granted") spare.push(name);
  }
  const finding: Finding = missing.length > 0
    ? {
      name: "permissions",
      state: "fail",
      detail: `not granted: ${missing.join(", ")}`,
      remedy: "run it with deno task wick, or with -P=wick",
    }
    : spare.length > 0
    ? {
      name: "permissions",
      state: "warn",
      detail: `granted and not needed: ${spare.join(", ")}`,
      remedy: "run it with -P=wick instead of -A",
    }
    : { name: "permissions", state: "ok", detail: "what is needed and no more" };
  return [finding];
};

/** What was read, and what is set and means nothing. */
export const checkConfiguration: Check = (resolved, io) => {
  const unknown = unknownVariables(io);
  const set = Object.values(resolved.origins).filter((origin) => origin !== "default").length;
  const from = resolved.path === null ? "no configuration file" : resolved.path;
  return Promise.resolve([
    unknown.length === 0
      ? { name: "configuration", state: "ok", detail: `${from}, ${set} settings not by default` }
      : {
        name: "configuration",
        state: "warn",
        detail: unknown.join("; "),
        remedy: "wick config --names shows every name there is",
      },
  ]);
};

/** Whether secrets are strong, and their files closed to others. */
export const checkTokens: Check = async ({ config }) => {
  const { token, readToken, tokenFile, readTokenFile } = config;
  const tokens = [token, readToken].filter((one) => one !== null);
  if (tokens.length === 0) {
    return [{ name: "tokens", state: "skipped", detail: "none: open to this machine only" }];
  }
  if (tokens.some((one) => one.length < TOKEN_CHARS_MIN)) {
    return [{
      name: "tokens",
      state: "fail",
      detail: `one is shorter than ${TOKEN_CHARS_MIN} characters`,
      remedy: "openssl rand -hex 32 > token",
    }];
  }
  for (const path of [tokenFile, readTokenFile]) {
    const mode = path === null ? null : (await Deno.stat(path)).mode;
    if (mode === null || (mode & OTHERS) === 0) continue;
    return [{
      name: "tokens",
      state: "warn",
      detail: `others may read ${path}`,
      remedy: `chmod 600 ${path}`,
    }];
  }
  return [{ name: "tokens", state: "ok", detail: `${tokens.length} set` }];
};

/** Whether the time is plausible and timers come when they should. */
export const checkClock: Check = async (_, { clock }) => {
  const wallMs = clock.wallNow();
  if (wallMs < CLOCK_MIN_MS) {
    return [{
      name: "clock",
      state: "fail",
      detail: `it is ${new Date(wallMs).toISOString()} here`,
      remedy: "set the clock, by NTP for example: timedatectl set-ntp true",
    }];
  }
  const startMs = clock.now();
  await pause(clock, TIMER_MS);
  const lateMs = clock.now() - startMs - TIMER_MS;
  return [
    lateMs > TIMER_LATE_MS
      ? {
        name: "clock",
        state: "warn",
        detail: `a timer came ${spanText(lateMs)} late: the machine is busy`,
        remedy: "see what else runs: top",
      }
      : { name: "clock", state: "ok", detail: new Date(wallMs).toISOString() },
  ];
};

/** The data directory: there or can be made, writable, fast enough, with room. */
export const checkData: Check = async ({ config }, { clock }) => {
  const { data } = config;
  if (data === ":memory:") {
    return [{ name: "data", state: "skipped", detail: "kept in memory only" }];
  }
  const made: Finding[] = [];
  const there = await infoOf(data);
  if (there !== null && !there.isDirectory) {
    return [{
      name: "data",
      state: "fail",
      detail: `${data} is no folder`,
      remedy: "name another one with --data",
    }];
  }
  const folder = there === null ? dirname(data) : data;
  try {
    const tookMs = await probe(folder, clock);
    const what = there === null ? `${data} can be made` : `${data} is writable`;
    made.push(
      tookMs > SYNC_SLOW_MS
        ? {
          name: "data",
          state: "warn",
          detail: `${what}, but 1 MB takes ${spanText(tookMs)} to be on disk`,
          remedy: "every commit waits for that: use a faster disk, or durability normal",
        }
        : { name: "data", state: "ok", detail: `${what}, 1 MB on disk in ${spanText(tookMs)}` },
    );
  } catch (error) {
    return [{
      name: "data",
      state: "fail",
      detail: `Cannot write in ${folder}: ${reasonOf(error)}`,
      remedy: "give this user the folder, or name another one with --data",
    }];
  }
  made.push(await diskFinding(folder));
  if (there !== null) made.push(await databaseFinding(join(data, DATABASE)));
  return made;
};

async function infoOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch {
    return null;
  }
}

/** Writes a file, has it on disk, removes it: the time the middle took, ms. */
async function probe(
  folder: string,
  clock: { now(): number },
): Promise<number> {
  const path = await Deno.makeTempFile({ dir: folder, prefix: ".wick-doctor-" });
  try {
    using file = await Deno.open(path, { write: true });
    const bytes = new Uint8Array(PROBE_BYTES);
    const startMs = clock.now();
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
    return clock.now() - startMs;
  } finally {
    await Deno.remove(path);
  }
}

async function diskFinding(folder: string): Promise<Finding> {
  let free: number;
  try {
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch {
    // The service needs no such permission, so it is usually not granted.
    return {
      name: "disk",
      state: "skipped",
      detail: "how much is free cannot be seen without --allow-sys=statfs",
      remedy: `df -h ${folder}`,
    };
  }
  const detail = `${bytesText(free)} free`;
  if (free >= FREE_LOW_BYTES) return { name: "disk", state: "ok", detail };
  const remedy = "make room: with none left the service takes no more candles until there is";
  return { name: "disk", state: free < FREE_MIN_BYTES ? "fail" : "warn", detail, remedy };
}

/** By the file's header alone (sqlite.org/fileformat.html, 1.3), which disturbs nobody. */
async function databaseFinding(path: string): Promise<Finding> {
  const header = new Uint8Array(100);
  let length = 0;
  try {
    using file = await Deno.open(path);
    length = await file.read(header) ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { name: "database", state: "ok", detail: "none yet: it will be made" };
    }
    return {
      name: "database",
      state: "fail",
      detail: `Cannot read ${path}: ${reasonOf(error)}`,
      remedy: `see who owns it: ls -l ${path}`,
    };
  }
  const isSqlite = new TextDecoder().decode(header.subarray(0, 16)) === "SQLite format 3\0";
  if (length === 0 || isSqlite) {
    const size = (await Deno.stat(path)).size;
    const version = new DataView(header.buffer).getUint32(60);
    return { name: "database", state: "ok", detail: `${bytesText(size)}, version ${version}` };
  }
  return {
    name: "database",
    state: "fail",
    detail: `${path} is no SQLite database`,
    remedy: "move it away, or restore a backup in its place; wick overwrites nothing",
  };
}
