/**
 * What a Redis says of itself: one server, or every master of a Cluster.
 *
 * @module
 */

import { infoField } from "../store/cache/redis_gauges.ts";
import { logKeys } from "../store/log/keys.ts";
import type { RedisHost } from "../store/nodes/redis_place.ts";
import { type Reply, RespConnection, RespError } from "./resp.ts";

/** Settings that INFO does not tell of. */
const SETTINGS = [
  "appendfsync",
  "save",
  "stop-writes-on-bgsave-error",
  "min-replicas-to-write",
  "min-replicas-max-lag",
] as const;

/** Name of a setting that is asked for. */
export type RedisSetting = typeof SETTINGS[number];

/** Rounds of SCAN: a big database is looked at in part. */
const SCAN_ROUNDS = 50;
/** Keys that Redis looks at in each. */
const SCAN_COUNT = 1_000;
/** Foreign keys that are named. */
const FOREIGN_SHOWN = 3;

/** A server as it was met. */
export interface ServerFacts {
  /** HOST:PORT. */
  readonly at: string;
  /** A field of INFO. */
  info(name: string): string | null;
  /** A setting; null when it may not be read, or this server has none. */
  setting(name: RedisSetting): string | null;
  /** By how much its clock is ahead of this machine's, ms; null when it does not tell. */
  readonly aheadMs: number | null;
}

/** Asks a server; `wallNow` is this machine's clock. */
export async function surveyOf(
  connection: RespConnection,
  { host, port }: RedisHost,
  wallNow: () => number,
): Promise<ServerFacts> {
  const info = textOf(await connection.ask("INFO")) ?? "";
  const settings = new Map<string, string>();
  for (const name of SETTINGS) {
    const reply = await connection.ask("CONFIG", "GET", name);
    if (isList(reply) && typeof reply[1] === "string") settings.set(name, reply[1]);
  }
  return {
    at: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
    info: (name) => infoField(info, name),
    setting: (name) => settings.get(name) ?? null,
    aheadMs: await aheadOf(connection, wallNow),
  };
}

/** Its clock against this one, as it stood half way between question and answer. */
async function aheadOf(
  connection: RespConnection,
  wallNow: () => number,
): Promise<number | null> {
  const fromMs = wallNow();
  const reply = await connection.ask("TIME");
  const midMs = (fromMs + wallNow()) / 2;
  if (!isList(reply)) return null;
  const [seconds, micros] = reply.map(Number);
  if (seconds === undefined || micros === undefined) return null;
  return Math.round(1_000 * seconds + micros / 1_000 - midMs);
}

/** The masters of the Cluster, by the first of their slots; a host that is not said is `asked`. */
export async function mastersOf(connection: RespConnection, asked: string): Promise<RedisHost[]> {
  const reply = await connection.ask("CLUSTER", "SLOTS");
  if (!isList(reply)) return [];
  const found = new Map<string, RedisHost>();
  for (const range of reply) {
    const master = isList(range) ? range[2] : null;
    if (!isList(master ?? null)) continue;
    const [said, port] = master as readonly Reply[];
    const host = typeof said === "string" && said !== "" && said !== "?" ? said : asked;
    found.set(`${host}:${port}`, { host, port: Number(port) });
  }
  return [...found.values()];
}

/** State of a Cluster: fields of CLUSTER INFO; null when it may not be asked for. */
export async function clusterInfo(
  connection: RespConnection,
): Promise<((name: string) => string | null) | null> {
  const text = textOf(await connection.ask("CLUSTER", "INFO"));
  return text === null ? null : (name) => infoField(text, name);
}

/** What lies under the prefix. */
export interface PrefixFacts {
  /** `none`: no log yet; `foreign`: what lies there is not a log. */
  readonly log: "ours" | "none" | "foreign" | "unknown";
  readonly entries: number;
  readonly nodes: number;
  /** Bytes of the snapshot of all data, which Redis holds; 0 when there is none yet. */
  readonly snapshotBytes: number;
  /** Some keys under the prefix that this program does not write. */
  readonly foreign: readonly string[];
  /** Whether all keys were looked at. */
  readonly isComplete: boolean;
}

/** Looks at what lies under the prefix; of a Cluster at the server that has the log. */
export async function prefixFacts(
  connection: RespConnection,
  prefix: string,
): Promise<PrefixFacts> {
  const keys = logKeys(prefix);
  const type = await connection.ask("TYPE", keys.meta);
  const format = type === "hash" ? await connection.ask("HGET", keys.meta, "format") : null;
  const isOurs = typeof format === "string" && /^\d+$/.test(format);
  const log = type instanceof RespError
    ? "unknown"
    : isOurs
    ? "ours"
    : type !== "none" || await connection.ask("EXISTS", keys.entries) === 1
    ? "foreign"
    : "none";
  const position = isOurs ? await connection.ask("HGET", keys.meta, "position") : null;
  const nodes = isOurs ? await connection.ask("HLEN", keys.nodes) : null;
  const snapshot = isOurs ? await connection.ask("HGET", keys.meta, "snapshot") : null;
  return {
    log,
    entries: typeof position === "string" ? Number(position) : 0,
    nodes: typeof nodes === "number" ? nodes : 0,
    snapshotBytes: Number(/"bytes":(\d+)/.exec(String(snapshot))?.[1] ?? 0),
    ...await foreignKeys(connection, prefix),
  };
}

async function foreignKeys(
  connection: RespConnection,
  prefix: string,
): Promise<Pick<PrefixFacts, "foreign" | "isComplete">> {
  const foreign: string[] = [];
  const words = ["MATCH", `${prefix}:*`, "COUNT", String(SCAN_COUNT)];
  let cursor = "0";
  for (let round = 0; round < SCAN_ROUNDS; round++) {
    const reply = await connection.ask("SCAN", cursor, ...words);
    if (!isList(reply) || !isList(reply[1] ?? null)) break;
    for (const key of reply[1] as readonly Reply[]) {
      if (typeof key === "string" && !isOwnKey(key.slice(prefix.length + 1))) foreign.push(key);
    }
    cursor = String(reply[0]);
    if (cursor === "0") return { foreign: foreign.slice(0, FOREIGN_SHOWN), isComplete: true };
  }
  return { foreign: foreign.slice(0, FOREIGN_SHOWN), isComplete: false };
}

/** Whether this program writes a key, as it is after the prefix and its colon. */
function isOwnKey(name: string): boolean {
  return /^(\{log\}|\{p\d{1,3}\}|\{limit:[^}]*\}|cache)(:|$)/.test(name);
}

function textOf(reply: Reply): string | null {
  return typeof reply === "string" ? reply : null;
}

function isList(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}
