/**
 * What a Redis server's settings mean for what was acknowledged: each finding says what would be
 * lost, and which setting prevents it.
 *
 * @module
 */

import { PARTITIONS } from "../market/partition.ts";
import { logKeys } from "../store/log/keys.ts";
import { LOG_BOUNDS } from "../store/log/port.ts";
import { PARTITION_BOUNDS } from "../store/partitions/port.ts";
import type { CheckState, Finding } from "./doctor_check.ts";
import type { MissingRights, RightsOf } from "./redis_rights.ts";
import type { PrefixFacts, ServerFacts } from "./redis_survey.ts";
import { bytesText, countOf } from "./text.ts";

/** First version with the functions that the scripts and ACL rules need. */
const VERSION_MIN = 7;
/** A clock that differs more makes ages that are shown wrong, ms. */
const CLOCKS_DIFFER_MS = 1_000;
/** Below it memory is nearly used up. */
const MEMORY_LEFT_MIN = 0.1;

/** A finding about Redis, or a part of it. */
export function finding(part: string, state: CheckState, detail: string, remedy?: string): Finding {
  const name = part === "" ? "redis" : `redis ${part}`;
  return { name, state, detail, ...(remedy === undefined ? {} : { remedy }) };
}

/** Whether it is new enough. */
export function versionFinding(facts: ServerFacts): Finding {
  const version = facts.info("redis_version");
  if (version === null) return finding("version", "skipped", "the user may not ask: INFO");
  if (Number(version.split(".")[0]) >= VERSION_MIN) return finding("version", "ok", version);
  return finding(
    "version",
    "fail",
    `expected ${VERSION_MIN} or later: current value is ${version}`,
    "update Redis",
  );
}

/** Whether its clock and this machine's agree. */
export function clockFinding({ aheadMs }: ServerFacts): Finding {
  if (aheadMs === null) return finding("clock", "skipped", "the user may not ask: TIME");
  if (Math.abs(aheadMs) <= CLOCKS_DIFFER_MS) {
    return finding("clock", "ok", `within ${CLOCKS_DIFFER_MS / 1_000} s of this machine's`);
  }
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  const detail = `${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} this machine's: nothing is ` +
    "lost by it, leases go by the clock of Redis; ages that are shown are wrong by as much";
  return finding("clock", "warn", detail, "set both by NTP");
}

const ALWAYS = "CONFIG SET appendfsync always, then CONFIG REWRITE";

/** What a crash of its machine loses. */
export function storageFindings(facts: ServerFacts): Finding[] {
  const found = [storageFinding(facts)];
  if (facts.info("aof_enabled") === "1" && facts.info("aof_last_write_status") === "err") {
    const detail = "its last write to disk failed: it refuses what is new";
    found.push(finding("disk", "fail", detail, "make room on its disk; its log says more"));
  }
  const stops = facts.setting("stop-writes-on-bgsave-error") !== "no";
  const saves = (facts.setting("save") ?? "") !== "";
  if (facts.info("rdb_last_bgsave_status") === "err" && stops && saves) {
    const detail = "its last snapshot failed: it refuses what is new";
    found.push(finding("disk", "fail", detail, "make room on its disk; its log says more"));
  }
  return found;
}

function storageFinding(facts: ServerFacts): Finding {
  const enabled = facts.info("aof_enabled");
  if (enabled === null) return finding("storage", "skipped", "the user may not ask: INFO");
  if (enabled !== "1") return withoutAppends(facts);
  const fsync = facts.setting("appendfsync");
  if (fsync === null) {
    const detail =
      "appendonly yes; appendfsync cannot be read: unless it is always, a crash of its " +
      "machine loses the last seconds of what was acknowledged";
    return finding(
      "storage",
      "warn",
      detail,
      "let the user read it with +config|get, or see redis.conf",
    );
  }
  if (fsync === "always") {
    return finding(
      "storage",
      "ok",
      "appendonly yes, appendfsync always: on disk once acknowledged",
    );
  }
  const span = fsync === "no" ? "up to 30 s" : "up to 2 s";
  const detail =
    `appendfsync ${fsync}: a crash of its machine loses ${span} of candles and labels ` +
    "that were acknowledged";
  return finding("storage", "warn", detail, ALWAYS);
}

function withoutAppends(facts: ServerFacts): Finding {
  const saves = facts.setting("save");
  const kept = saves === null || saves !== ""
    ? `only snapshots are kept (save ${saves ?? "cannot be read"}): a restart loses what was ` +
      "acknowledged since the last one"
    : "nothing is kept: a restart loses all candles that wait, and the log";
  const detail = `appendonly no: ${kept}, and nodes that are ahead of the log refuse to go on`;
  return finding("storage", "fail", detail, `CONFIG SET appendonly yes; ${ALWAYS}`);
}

/** What it removes when memory is full. */
export function evictionFinding(facts: ServerFacts): Finding {
  const policy = facts.info("maxmemory_policy");
  if (policy === null) return finding("eviction", "skipped", "the user may not ask: INFO");
  if (policy === "noeviction") {
    return finding("eviction", "ok", "noeviction: when memory is full, what is new is refused");
  }
  if (policy.startsWith("volatile-")) {
    const detail =
      `${policy}: only what has a lifetime is removed, as entries of the cache: nothing ` +
      "of the log";
    return finding("eviction", "ok", detail);
  }
  const detail =
    `${policy}: when memory is full Redis removes parts of the log and candles that wait`;
  const remedy =
    "CONFIG SET maxmemory-policy noeviction; a cache that should be evicted takes a Redis " +
    "of its own, or volatile-ttl";
  // It comes to nothing as long as there is no bound.
  const isOff = facts.info("maxmemory") === "0";
  return finding(
    "eviction",
    isOff ? "warn" : "fail",
    isOff ? `${detail} (maxmemory is 0 now)` : detail,
    remedy,
  );
}

/**
 * What memory is left, against what log and streams may take; `log` is what is known of the log,
 * null on a server that has none of it.
 */
export function memoryFinding(
  facts: ServerFacts,
  log: PrefixFacts | null,
  servers: number,
): Finding {
  const used = Number(facts.info("used_memory"));
  const bound = Number(facts.info("maxmemory"));
  const total = bound > 0 ? bound : Number(facts.info("total_system_memory"));
  if (!(total > 0)) return finding("memory", "skipped", "the user may not ask: INFO");
  const waiting = PARTITIONS * PARTITION_BOUNDS.waitingBytes / servers;
  // The old snapshot is there until the new one is.
  const most = waiting + (log === null ? 0 : LOG_BOUNDS.bytes + 2 * log.snapshotBytes);
  const what = log === null ? "waiting candles" : "log, its snapshots and waiting candles";
  const name = bound > 0 ? "maxmemory" : "no maxmemory; the machine's";
  const text = `${bytesText(used)} of ${bytesText(total)} used (${name})`;
  const remedy =
    `CONFIG SET maxmemory ${Math.ceil(most / 1e9)}gb or more, and leave the machine as ` +
    "much again for what it writes to disk";
  if (total - used < MEMORY_LEFT_MIN * total) {
    const end = bound > 0
      ? "what is new is refused, and nothing lost that was acknowledged"
      : "the kernel ends Redis when there is none left";
    return finding("memory", "warn", `${text}: nearly full; then ${end}`, remedy);
  }
  if (total < most) {
    const detail =
      `${text}: ${what} may take ${bytesText(most)}; Redis refuses what is new before ` +
      "that, and nothing is lost that was acknowledged";
    return finding("memory", "warn", detail, remedy);
  }
  return finding("memory", "ok", `${text}; ${what} take up to ${bytesText(most)}`);
}

/** What a failover loses. */
export function replicaFinding(facts: ServerFacts): Finding {
  const role = facts.info("role");
  if (role === null) return finding("replicas", "skipped", "the user may not ask: INFO");
  if (role !== "master") {
    const master = `${facts.info("master_host")}:${facts.info("master_port")}`;
    const detail = `it is a replica of ${master}: nothing can be written to it`;
    return finding("replicas", "fail", detail, `name the master in redisUrl: ${master}`);
  }
  const replicas = Number(facts.info("connected_slaves"));
  const least = facts.setting("min-replicas-to-write");
  const text = countOf(replicas, "replica");
  if (Number(least) > 0) {
    if (replicas < Number(least)) {
      const detail = `${text}, and min-replicas-to-write ${least}: it refuses what is new`;
      return finding("replicas", "fail", detail, "bring the replicas back");
    }
    const lag = facts.setting("min-replicas-max-lag");
    return finding(
      "replicas",
      "ok",
      `${text}, min-replicas-to-write ${least}, at most ${lag} s behind`,
    );
  }
  if (replicas === 0) {
    const detail =
      "none: when its disk is lost, so are the candles that wait; the nodes' copies have " +
      "the rest";
    return finding("replicas", "ok", detail);
  }
  const detail =
    `${text}, but min-replicas-to-write is ${least ?? "not known"}: a failover loses what ` +
    "was acknowledged and had not reached a replica";
  const remedy = "CONFIG SET min-replicas-to-write 1, and min-replicas-max-lag 2";
  return finding("replicas", "warn", detail, remedy);
}

/** What lies under the prefix. */
export function prefixFinding(facts: PrefixFacts, prefix: string): Finding[] {
  const { log, entries, nodes, foreign, isComplete } = facts;
  const other = "set redisPrefix to a name that nobody uses, on all nodes";
  if (log === "unknown") return [finding("prefix", "skipped", "the user may not ask: TYPE")];
  if (log === "foreign") {
    const detail = `what lies at ${
      logKeys(prefix).meta
    } is no log of this program: nodes do not start`;
    return [finding("prefix", "fail", detail, other)];
  }
  if (foreign.length > 0) {
    const detail = `another program uses ${prefix}: ${
      foreign.join(", ")
    }: it may remove what is ours`;
    return [finding("prefix", "warn", detail, other)];
  }
  const alone = isComplete ? "" : "; not all keys were looked at";
  const text = log === "none"
    ? `${prefix}: free`
    : `${prefix}: a log of ${countOf(entries, "entry", "entries")}, ${countOf(nodes, "node")}`;
  return [finding("prefix", "ok", `${text}${alone}`)];
}

/** What the user may not. */
export function rightsFinding(
  missing: MissingRights | null,
  { nodes, hasCache }: RightsOf,
): Finding {
  if (missing === null) {
    const detail = "cannot be looked at: the user may not MULTI";
    return finding("rights", "skipped", detail, "ACL SETUSER USER +multi +discard");
  }
  const { commands, patterns } = missing;
  if (commands.length + patterns.length === 0) {
    return finding("rights", "ok", "the user may all that is needed");
  }
  const what = nodes !== null
    ? "nodes do not work"
    : hasCache
    ? "the second tier does not work"
    : "";
  const lacks = [...commands, ...patterns].join(" ");
  const rules = [...patterns, ...commands.map((name) => `+${name}`)].join(" ");
  const detail = `the user may not ${lacks}: ${what} without`;
  return finding("rights", "fail", detail, `ACL SETUSER USER ${rules}`);
}
