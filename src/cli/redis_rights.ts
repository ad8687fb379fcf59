/**
 * The commands of Redis that this program needs, and which of them a user may not call.
 *
 * A command is asked for within MULTI, where Redis says at once what the user may not do, and
 * DISCARD: nothing is carried out.
 *
 * @module
 */

import { REDIS_PREFIX_DEFAULT } from "../store/cache/redis_tier.ts";
import { RespError } from "./resp.ts";
import type { RespConnection } from "./resp.ts";

/** A command as it is asked for. */
interface Probe {
  /** Its name as ACL rules have it. */
  readonly name: string;
  readonly words: readonly string[];
}

/** What the user may not. */
export interface MissingRights {
  /** Names of commands, as ACL rules have them; sorted. */
  readonly commands: readonly string[];
  /** Patterns of keys and of channels, as ACL rules have them. */
  readonly patterns: readonly string[];
}

/** Commands without keys that every connection needs. */
const PLAIN: readonly Probe[] = [
  { name: "info", words: ["INFO", "server"] },
  { name: "time", words: ["TIME"] },
  { name: "script|load", words: ["SCRIPT", "LOAD", "return 1"] },
  { name: "wait", words: ["WAIT", "0", "1"] },
];

/** Commands on keys: what nodes call, or have their scripts call. */
const OF_NODES: Readonly<Record<string, readonly string[]>> = {
  eval: ["EVAL", "return 1", "1", "KEY"],
  evalsha: ["EVALSHA", "0".repeat(40), "1", "KEY"],
  exists: ["EXISTS", "KEY"],
  del: ["DEL", "KEY"],
  expire: ["EXPIRE", "KEY", "1"],
  persist: ["PERSIST", "KEY"],
  type: ["TYPE", "KEY"],
  get: ["GET", "KEY"],
  set: ["SET", "KEY", "1"],
  hget: ["HGET", "KEY", "f"],
  hmget: ["HMGET", "KEY", "f"],
  hset: ["HSET", "KEY", "f", "1"],
  hdel: ["HDEL", "KEY", "f"],
  hlen: ["HLEN", "KEY"],
  hexists: ["HEXISTS", "KEY", "f"],
  hincrby: ["HINCRBY", "KEY", "f", "1"],
  hgetall: ["HGETALL", "KEY"],
  lpush: ["LPUSH", "KEY", "1"],
  ltrim: ["LTRIM", "KEY", "0", "1"],
  lrange: ["LRANGE", "KEY", "0", "1"],
  xadd: ["XADD", "KEY", "*", "f", "1"],
  xlen: ["XLEN", "KEY"],
  xread: ["XREAD", "STREAMS", "KEY", "0"],
  xrange: ["XRANGE", "KEY", "-", "+"],
  "xinfo|stream": ["XINFO", "STREAM", "KEY"],
  xtrim: ["XTRIM", "KEY", "MINID", "0"],
  zadd: ["ZADD", "KEY", "1", "m"],
  zrem: ["ZREM", "KEY", "m"],
  zrange: ["ZRANGE", "KEY", "0", "1"],
  zrangebyscore: ["ZRANGEBYSCORE", "KEY", "0", "1"],
};

/** What the cache's second tier calls. */
const OF_CACHE: Readonly<Record<string, readonly string[]>> = {
  mget: ["MGET", "KEY"],
  set: ["SET", "KEY", "1"],
  unlink: ["UNLINK", "KEY"],
  zadd: ["ZADD", "KEY", "1", "m"],
  zrange: ["ZRANGE", "KEY", "0", "1"],
  xadd: ["XADD", "KEY", "*", "f", "1"],
  xread: ["XREAD", "STREAMS", "KEY", "0"],
  xrange: ["XRANGE", "KEY", "-", "+"],
  xrevrange: ["XREVRANGE", "KEY", "+", "-"],
};

const OF_CACHE_PLAIN: readonly Probe[] = [
  { name: "info", words: ["INFO", "server"] },
  { name: "scan", words: ["SCAN", "0", "COUNT", "1"] },
  { name: "dbsize", words: ["DBSIZE"] },
];

const OF_CLUSTER: readonly Probe[] = [{ name: "cluster|slots", words: ["CLUSTER", "SLOTS"] }];

/** Who calls. */
export interface RightsOf {
  /** Prefix of what the nodes share; null: no node. */
  readonly nodes: string | null;
  readonly hasCache: boolean;
  readonly isCluster: boolean;
}

/**
 * What the connection's user may not; null when MULTI is among it, so that nothing can be asked.
 * Some 50 questions.
 */
export async function missingRights(
  connection: RespConnection,
  of: RightsOf,
): Promise<MissingRights | null> {
  const commands = new Set<string>();
  const patterns = new Set<string>();
  const refused = async (words: readonly string[]) => {
    const reply = await connection.ask(...words);
    const isRefused = reply instanceof RespError && reply.message.startsWith("NOPERM");
    return isRefused ? reply.message : null;
  };
  // What would follow would be carried out.
  if (!await isBegun(connection)) return null;
  try {
    for (const { name, words, pattern } of probesOf(of)) {
      const why = await refused(words);
      if (why === null) continue;
      // Redis looks at the command first.
      if (/\bthe '|\bcommand/.test(why)) commands.add(name);
      else if (pattern !== undefined) patterns.add(pattern);
    }
  } finally {
    await connection.ask("DISCARD");
  }
  return { commands: [...commands].sort(), patterns: [...patterns].sort() };
}

async function isBegun(connection: RespConnection): Promise<boolean> {
  const begun = await connection.ask("MULTI");
  return !(begun instanceof RespError);
}

function probesOf(
  { nodes, hasCache, isCluster }: RightsOf,
): (Probe & { readonly pattern?: string })[] {
  const keyed = (commands: Readonly<Record<string, readonly string[]>>, key: string, all: string) =>
    Object.entries(commands).map(([name, words]) => ({
      name,
      words: words.map((word) => word === "KEY" ? key : word),
      pattern: `~${all}`,
    }));
  const channel = `${nodes}:doctor`;
  const ofNodes = nodes === null ? [] : [
    ...PLAIN,
    ...keyed(OF_NODES, `${nodes}:{log}:doctor`, `${nodes}:*`),
    { name: "publish", words: ["PUBLISH", channel, "1"], pattern: `&${nodes}:*` },
    { name: "subscribe", words: ["SUBSCRIBE", channel], pattern: `&${nodes}:*` },
  ];
  const ofCache = !hasCache ? [] : [
    ...OF_CACHE_PLAIN,
    ...keyed(OF_CACHE, `${REDIS_PREFIX_DEFAULT}doctor`, `${REDIS_PREFIX_DEFAULT}*`),
  ];
  return [...ofNodes, ...ofCache, ...(isCluster ? OF_CLUSTER : [])];
}

/** Commands that only `wick doctor` calls. */
const OF_DOCTOR = ["config|get", "discard", "multi", "ping", "scan"];
/** The same, of a Cluster. */
const OF_DOCTOR_CLUSTER = ["cluster|info", "cluster|myid"];

/** The rules of an ACL user that may what is needed and nothing else, for `ACL SETUSER`. */
export function aclRules(of: RightsOf): string {
  const probes = probesOf(of);
  const patterns = [...new Set(probes.flatMap(({ pattern = [] }) => pattern))].sort();
  const wide = patterns.filter((one) =>
    !patterns.some((other) => other !== one && one.startsWith(other.slice(0, -1)))
  );
  const names = new Set([
    ...OF_DOCTOR,
    ...(of.isCluster ? OF_DOCTOR_CLUSTER : []),
    ...probes.map(({ name }) => name),
  ]);
  return [...wide, "-@all", ...[...names].sort().map((name) => `+${name}`)].join(" ");
}
