/**
 * Checks of the Redis that nodes share their work through: whether it answers, and which of its
 * settings would lose what it acknowledged. Nothing is changed there.
 *
 * @module
 */

import { logKeys } from "../store/log/keys.ts";
import { keySlot } from "../store/nodes/key_slot.ts";
import {
  type RedisHost,
  type RedisPlace,
  redisPlace,
  shownPlace,
} from "../store/nodes/redis_place.ts";
import { reasonOf } from "./config_file.ts";
import type { WickConfig } from "./config_schema.ts";
import type { Resolved } from "./config.ts";
import type { Check, Finding } from "./doctor_check.ts";
import type { CliIo } from "./io.ts";
import { missingRights, type RightsOf } from "./redis_rights.ts";
import {
  clockFinding,
  evictionFinding,
  finding,
  memoryFinding,
  prefixFinding,
  replicaFinding,
  rightsFinding,
  storageFindings,
  versionFinding,
} from "./redis_findings.ts";
import { clusterInfo, mastersOf, prefixFacts, surveyOf } from "./redis_survey.ts";
import { RespConnection } from "./resp.ts";
import { countOf, countText } from "./text.ts";

/** Longest wait for each answer of Redis, ms. */
const REDIS_WAIT_MS = 2_000;

/** Redis, where one is set. */
export const checkRedis: Check = async (resolved, io) => {
  const { redisUrl } = resolved.config;
  if (redisUrl === null) return [finding("", "skipped", "none is set")];
  const place = redisPlace(redisUrl);
  const { findings, open } = await connected(place, resolved, io);
  if (open === null) return findings;
  try {
    findings.push(...accessFindings(place));
    findings.push(...await clusterFindings(place, open));
    if (findings.some(({ state }) => state === "fail")) return findings;
    const servers = await serversOf(place, open, io);
    findings.push(...servers.findings);
    try {
      findings.push(...await serverFindings(resolved.config, place, servers.all, io));
    } finally {
      for (const { connection } of servers.all) connection[Symbol.dispose]();
    }
    return findings;
  } catch (error) {
    return [...findings, finding("", "fail", `Cannot ask Redis: ${reasonOf(error)}`)];
  } finally {
    open.connection[Symbol.dispose]();
  }
};

/** A server that answers. */
interface OpenServer {
  readonly host: RedisHost;
  readonly connection: RespConnection;
}

function opened(place: RedisPlace, host: RedisHost, { clock }: CliIo): Promise<RespConnection> {
  return RespConnection.open(place, host, { clock, limitMs: REDIS_WAIT_MS });
}

/** The first of the servers that answers; of a Cluster any one is enough, but each should. */
async function connected(
  place: RedisPlace,
  { origins }: Resolved,
  io: CliIo,
): Promise<{ readonly findings: Finding[]; readonly open: OpenServer | null }> {
  const failures: string[] = [];
  for (const host of place.hosts) {
    try {
      const connection = await opened(place, host, io);
      const away = failures.length === 0 ? "" : `, but ${failures.join("; ")}`;
      const state = failures.length === 0 ? "ok" : "warn";
      const text = `answers at ${host.host}:${host.port}${away}`;
      return { findings: [finding("", state, text)], open: { host, connection } };
    } catch (error) {
      failures.push(`not ${host.host}:${host.port}: ${reasonOf(error)}`);
    }
  }
  const detail = `Cannot reach Redis at ${shownPlace(place)}: ${failures.join("; ")}`;
  const remedy = `start it, or correct what ${origins.redisUrl} says`;
  return { findings: [finding("", "fail", detail, remedy)], open: null };
}

// --- On the way there

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

function accessFindings({ isTls, password, hosts }: RedisPlace): Finding[] {
  const isLocal = hosts.every(({ host }) => LOOPBACK.test(host));
  const tls = isTls
    ? finding("TLS", "ok", "the way there is encrypted")
    : isLocal
    ? finding("TLS", "ok", "none, and none is needed: it is on this machine")
    : finding(
      "TLS",
      "warn",
      "none: whoever is on the way reads the password and all candles, and can change them",
      "tls-port in redis.conf, and rediss:// in redisUrl",
    );
  if (password !== "") return [tls, finding("password", "ok", "it asks for one")];
  const open = isLocal
    ? finding("password", "ok", "none: every program of this machine can write to it")
    : finding(
      "password",
      "warn",
      "none: whoever reaches it can change or remove everything",
      "ACL SETUSER in Redis, then user and password in redisUrl or redisUrlFile",
    );
  return [tls, open];
}

async function clusterFindings(place: RedisPlace, { connection }: OpenServer): Promise<Finding[]> {
  const info = await connection.ask("INFO", "cluster");
  const isCluster = typeof info === "string" && info.includes("cluster_enabled:1");
  if (typeof info === "string" && isCluster !== place.isCluster) {
    const [detail, remedy] = isCluster
      ? ["it is a Cluster, and redisUrl names one server", "redis+cluster://HOST:PORT,HOST:PORT"]
      : ["it is no Cluster, and redisUrl says that it is one", "redis://HOST:PORT"];
    return [finding("cluster", "fail", `${detail}: most keys cannot be reached`, remedy)];
  }
  if (!place.isCluster) return [];
  const state = await clusterInfo(connection);
  if (state === null) return [finding("cluster", "skipped", "the user may not ask: CLUSTER INFO")];
  const nodes = `${state("cluster_size")} masters, ${state("cluster_known_nodes")} servers`;
  const slots = Number(state("cluster_slots_ok"));
  if (state("cluster_state") === "ok" && slots === 16_384) {
    return [finding("cluster", "ok", `all slots are served: ${nodes}`)];
  }
  const detail =
    `${countText(slots)} of 16,384 slots are served (${nodes}): candles of the others ` +
    "wait, and without the slot of the log nothing is committed";
  return [finding("cluster", "fail", detail, "redis-cli --cluster check HOST:PORT; then fix")];
}

// --- The servers

async function serversOf(
  place: RedisPlace,
  first: OpenServer,
  io: CliIo,
): Promise<{ readonly all: OpenServer[]; readonly findings: Finding[] }> {
  const all: OpenServer[] = [];
  const findings: Finding[] = [];
  const hosts = place.isCluster ? await mastersOf(first.connection, first.host.host) : [first.host];
  for (const host of hosts) {
    try {
      all.push({ host, connection: await opened(place, host, io) });
    } catch (error) {
      const detail = `Cannot reach the master at ${host.host}:${host.port}: ${reasonOf(error)}`;
      findings.push(finding("", "fail", detail, "start it; this machine must reach every master"));
    }
  }
  return { all, findings };
}

async function serverFindings(
  config: WickConfig,
  place: RedisPlace,
  servers: readonly OpenServer[],
  io: CliIo,
): Promise<Finding[]> {
  const { redisNodes, redisPrefix, cacheTier } = config;
  const rights: RightsOf = {
    nodes: redisNodes ? redisPrefix : null,
    hasCache: cacheTier === "auto" || cacheTier === "redis",
    isCluster: place.isCluster,
  };
  const perServer: Finding[][] = [];
  for (const { host, connection } of servers) {
    const facts = await surveyOf(connection, host, () => io.clock.wallNow());
    const own = [versionFinding(facts), clockFinding(facts)];
    if (redisNodes) {
      const hasLog = !place.isCluster || await servesLog(connection, redisPrefix);
      const log = hasLog ? await prefixFacts(connection, redisPrefix) : null;
      own.push(
        ...storageFindings(facts),
        evictionFinding(facts),
        memoryFinding(facts, log, servers.length),
        replicaFinding(facts),
        ...(log === null ? [] : prefixFinding(log, redisPrefix)),
      );
    }
    own.push(rightsFinding(await missingRights(connection, rights), rights));
    const at = servers.length === 1 ? "" : `${facts.at}: `;
    perServer.push(own.map((one) => ({ ...one, detail: `${at}${one.detail}` })));
  }
  return merged(perServer);
}

/** Whether the slot of the log is this server's. */
async function servesLog(connection: RespConnection, prefix: string): Promise<boolean> {
  const { meta } = logKeys(prefix);
  const reply = await connection.ask("CLUSTER", "SLOTS");
  const own = await connection.ask("CLUSTER", "MYID");
  if (!Array.isArray(reply) || typeof own !== "string") return true;
  const slot = keySlot(meta);
  return reply.some((range) =>
    Array.isArray(range) && Number(range[0]) <= slot && slot <= Number(range[1]) &&
    Array.isArray(range[2]) && range[2][2] === own
  );
}

/** By subject; what is well on all servers is said once. */
function merged(perServer: readonly (readonly Finding[])[]): Finding[] {
  if (perServer.length <= 1) return [...perServer.flat()];
  const byName = new Map<string, Finding[]>();
  for (const one of perServer.flat()) {
    byName.set(one.name, [...byName.get(one.name) ?? [], one]);
  }
  return [...byName.values()].flatMap((all) => {
    const bad = all.filter(({ state }) => state !== "ok");
    const [first] = all;
    if (first === undefined || bad.length > 0) return bad;
    if (all.length === 1) return [first];
    const detail = `${first.detail}; as well on ${countOf(all.length - 1, "other master")}`;
    return [{ ...first, detail }];
  });
}
