/** What `wick doctor` finds of a Redis, on real servers that are set up well, badly, or not at all. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../src/actor/clock.ts";
import type { Finding } from "../../src/cli/doctor_check.ts";
import type { CliIo } from "../../src/cli/io.ts";
import { memoryFinding, storageFindings, versionFinding } from "../../src/cli/redis_findings.ts";
import { aclRules } from "../../src/cli/redis_rights.ts";
import type { PrefixFacts, RedisSetting, ServerFacts } from "../../src/cli/redis_survey.ts";
import { RedisServer } from "../support/redis.ts";
import { RedisCluster } from "../support/redis_cluster.ts";
import { serviceOrSkip } from "../support/services.ts";
import { envOf, inFolder, run } from "./support.ts";

const redis = serviceOrSkip("redis");

/** The findings about Redis, by the word after `redis`, and all that was written. */
async function examined(
  url: string,
  variables: Readonly<Record<string, string>> = {},
  given: Partial<CliIo> = {},
) {
  let written = "";
  let checks: readonly Finding[] = [];
  await inFolder(async (folder) => {
    const words = ["doctor", "--json", "--data", folder, "--port", "0"];
    const env = envOf({ REDIS_URL: url, ...variables });
    const { out, err } = await run(words, {}, { ...env, ...given });
    written = out + err;
    checks = JSON.parse(out).checks;
  });
  const named = checks.filter(({ name }) => name.startsWith("redis"));
  return {
    written,
    all: named,
    of: (part: string) => named.find(({ name }) => name === `redis ${part}`.trim()),
    states: Object.fromEntries(named.map(({ name, state }) => [name, state])),
  };
}

/** Settings under which nothing is lost that was acknowledged. */
const SAFE = [
  ["appendonly", "yes"],
  ["appendfsync", "always"],
  ["maxmemory", "16gb"],
  ["maxmemory-policy", "noeviction"],
] as const;

Deno.test("a Redis that is set up well is well in every line", redis, async () => {
  const password = "hunter22 %:/@";
  await using server = await RedisServer.start({ config: SAFE });
  await server.command("CONFIG", "SET", "requirepass", password);
  const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
  const { all, written, of } = await examined(url);
  assertEquals(all.filter(({ state }) => state !== "ok"), []);
  assertEquals(all.map(({ name }) => name), [
    ...["redis", "redis TLS", "redis password", "redis version", "redis clock", "redis storage"],
    ...["redis eviction", "redis memory", "redis replicas", "redis prefix", "redis rights"],
  ]);
  assertEquals(of("prefix")?.detail, "wick: free");
  assert(!written.includes("hunter22"));
});

Deno.test("a password that is wrong or missing is said, and not shown", redis, async () => {
  await using server = await RedisServer.start();
  await server.command("CONFIG", "SET", "requirepass", "hunter22");
  const wrong = await examined(`redis://:hunter23@127.0.0.1:${server.port}`);
  assertEquals(wrong.states, { redis: "fail" });
  assertMatch(wrong.of("")?.detail ?? "", /it answers -WRONGPASS/);
  assertMatch(wrong.of("")?.remedy ?? "", /environment REDIS_URL/);
  assert(!wrong.written.includes("hunter2"));
  const missing = await examined(server.url);
  assertMatch(missing.of("")?.detail ?? "", /it answers -NOAUTH/);
});

Deno.test("nobody who answers, and one who speaks no TLS, fail", redis, async () => {
  await using server = await RedisServer.start();
  const { url } = server;
  const plain = await examined(url.replace("redis:", "rediss:"));
  assertEquals(plain.states, { redis: "fail" });
  await server.kill();
  const gone = await examined(url);
  assertEquals(gone.states, { redis: "fail" });
  assertMatch(gone.of("")?.detail ?? "", /^Cannot reach Redis at redis:\/\/127\.0\.0\.1:\d+: not /);
});

Deno.test(
  "what a restart would lose is said with the setting that prevents it",
  redis,
  async () => {
    await using server = await RedisServer.start();
    const storage = async () => (await examined(server.url)).of("storage");
    const none = await storage();
    assertEquals(none?.state, "fail");
    assertMatch(none?.detail ?? "", /^appendonly no: nothing is kept: a restart loses all candles/);
    assertMatch(none?.remedy ?? "", /appendonly yes; CONFIG SET appendfsync always/);
    await server.command("CONFIG", "SET", "save", "3600 1");
    assertMatch((await storage())?.detail ?? "", /only snapshots are kept \(save 3600 1\)/);
    await server.command("CONFIG", "SET", "appendonly", "yes");
    const second = await storage();
    assertEquals(second?.state, "warn");
    assertMatch(
      second?.detail ?? "",
      /^appendfsync everysec: .* loses up to 2 s of candles and labels/,
    );
    await server.command("CONFIG", "SET", "appendfsync", "no");
    assertMatch((await storage())?.detail ?? "", /loses up to 30 s/);
    await server.command("CONFIG", "SET", "appendfsync", "always");
    assertEquals((await storage())?.state, "ok");
  },
);

Deno.test(
  "eviction and too little memory are found; of a cache only they do not matter",
  redis,
  async () => {
    await using server = await RedisServer.start({
      config: [["maxmemory", "100mb"], ["maxmemory-policy", "allkeys-lru"]],
    });
    const bad = await examined(server.url);
    assertEquals([bad.of("eviction")?.state, bad.of("memory")?.state], ["fail", "warn"]);
    assertMatch(bad.of("eviction")?.detail ?? "", /removes parts of the log and candles that wait/);
    assertMatch(bad.of("eviction")?.remedy ?? "", /^CONFIG SET maxmemory-policy noeviction/);
    // 256 partitions of 8 MiB and a log of 1 GiB: 3.22 GB.
    assertMatch(bad.of("memory")?.detail ?? "", /may take 3\.22 GB/);
    assertMatch(bad.of("memory")?.remedy ?? "", /^CONFIG SET maxmemory 4gb/);
    await server.command("CONFIG", "SET", "maxmemory", "0");
    assertEquals((await examined(server.url)).of("eviction")?.state, "warn");
    await server.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl");
    assertEquals((await examined(server.url)).of("eviction")?.state, "ok");
    const cache = await examined(server.url, { WICK_REDIS_NODES: "false" });
    assertEquals(Object.keys(cache.states), [
      ...["redis", "redis TLS", "redis password", "redis version", "redis clock", "redis rights"],
    ]);
  },
);

Deno.test(
  "replicas that a failover would not wait for are found, and a replica itself",
  redis,
  async () => {
    await using master = await RedisServer.start({ config: [["repl-diskless-sync-delay", "0"]] });
    assertEquals((await examined(master.url)).of("replicas")?.state, "ok");
    const replicaof = ["replicaof", `127.0.0.1 ${master.port}`] as const;
    await using replica = await RedisServer.start({ config: [replicaof] });
    await until(async () =>
      (await master.lines("INFO", "replication")).includes("connected_slaves:1")
    );
    const loose = await examined(master.url);
    assertEquals(loose.of("replicas")?.state, "warn");
    assertMatch(loose.of("replicas")?.detail ?? "", /^1 replica, but min-replicas-to-write is 0: /);
    await master.command("CONFIG", "SET", "min-replicas-to-write", "1");
    assertEquals((await examined(master.url)).of("replicas")?.state, "ok");
    await master.command("CONFIG", "SET", "min-replicas-to-write", "2");
    assertEquals((await examined(master.url)).of("replicas")?.state, "fail");
    const second = await examined(replica.url);
    assertEquals(second.of("replicas")?.state, "fail");
    assertEquals(
      second.of("replicas")?.remedy,
      `name the master in redisUrl: 127.0.0.1:${master.port}`,
    );
  },
);

Deno.test("a foreign program under the prefix is found", redis, async () => {
  await using server = await RedisServer.start();
  await server.command("HSET", "wick:{log}:owners", "1", "x");
  await server.command("SET", "wick:{p7}:in", "x");
  assertEquals((await examined(server.url)).of("prefix")?.detail, "wick: free");
  await server.command("SADD", "wick:jobs:waiting", "x");
  const shared = await examined(server.url);
  assertEquals(shared.of("prefix")?.state, "warn");
  assertMatch(shared.of("prefix")?.detail ?? "", /^another program uses wick: wick:jobs:waiting: /);
  await server.command("SET", "wick:{log}:meta", "x");
  const taken = await examined(server.url);
  assertEquals(taken.of("prefix")?.state, "fail");
  const other = await examined(server.url, { WICK_REDIS_PREFIX: "desk" });
  assertEquals(other.of("prefix")?.detail, "desk: free");
});

Deno.test(
  "the rules of the README are enough; what is missing is named; nothing is carried out",
  redis,
  async () => {
    await using server = await RedisServer.start({ config: SAFE });
    const rules = aclRules({ nodes: "wick", hasCache: true, isCluster: false }).split(" ");
    const user = (...more: string[]) =>
      server.command("ACL", "SETUSER", "wick", "reset", "on", ">hunter22", ...rules, ...more);
    assertEquals(await user(), "+OK");
    const url = `redis://wick:hunter22@127.0.0.1:${server.port}`;
    const good = await examined(url);
    assertEquals(good.all.filter(({ state }) => state !== "ok"), []);
    await user("-xadd", "-hset", "resetchannels");
    const bad = await examined(url);
    assertEquals(bad.of("rights")?.state, "fail");
    assertEquals(bad.of("rights")?.remedy, "ACL SETUSER USER &wick:* +hset +xadd");
    await user("resetkeys", "~wick:cache:*");
    assertEquals((await examined(url)).of("rights")?.remedy, "ACL SETUSER USER ~wick:*");
    await user("-multi", "-config|get");
    const blind = await examined(url);
    assertEquals([blind.of("rights")?.state, blind.of("storage")?.state], ["skipped", "warn"]);
    assertMatch(blind.of("storage")?.detail ?? "", /appendfsync cannot be read/);
    assertEquals(await server.command("DBSIZE"), ":0");
  },
);

Deno.test("a way without TLS and password to another machine is warned of", redis, async () => {
  await using server = await RedisServer.start();
  // Not a name of this machine as such.
  const { states } = await examined(`redis://0.0.0.0:${server.port}`);
  assertEquals([states["redis TLS"], states["redis password"]], ["warn", "warn"]);
});

Deno.test("a clock that differs is warned of, with what follows from it", redis, async () => {
  await using server = await RedisServer.start();
  const clock = { ...systemClock, wallNow: () => systemClock.wallNow() + 5_000 };
  const { of } = await examined(server.url, {}, { clock });
  assertEquals(of("clock")?.state, "warn");
  assertMatch(of("clock")?.detail ?? "", /^5\.0 s behind this machine's: nothing is lost by it/);
});

Deno.test(
  "every master of a Cluster is looked at; one server is not taken for a Cluster",
  redis,
  async () => {
    await using cluster = await RedisCluster.start(6, { config: SAFE });
    const [first, second] = cluster.servers;
    assert(first !== undefined && second !== undefined);
    await first.command("CONFIG", "SET", "min-replicas-to-write", "1");
    await second.command("CONFIG", "SET", "appendfsync", "everysec");
    const { of, all } = await examined(cluster.url);
    assertMatch(of("cluster")?.detail ?? "", /^all slots are served: 3 masters, 6 servers$/);
    assertMatch(of("eviction")?.detail ?? "", /as well on 2 other masters$/);
    // Said of the one that it is about.
    const storage = all.filter(({ name }) => name === "redis storage");
    assertEquals(storage.map(({ state }) => state), ["warn"]);
    assertMatch(storage[0]?.detail ?? "", new RegExp(`^127\\.0\\.0\\.1:${second.port}: `));
    assertEquals(all.filter(({ name }) => name === "redis replicas").length, 2);
    assertEquals([of("prefix")?.state, of("rights")?.state], ["ok", "ok"]);
    const single = await examined(first.url);
    assertMatch(
      single.of("cluster")?.detail ?? "",
      /it is a Cluster, and redisUrl names one server/,
    );
    await second.command("CLUSTER", "DELSLOTSRANGE", "6000", "6010");
    const holes = await examined(`redis+cluster://127.0.0.1:${second.port}`);
    assertEquals(holes.of("cluster")?.state, "fail");
    assertMatch(holes.of("cluster")?.detail ?? "", /^16,373 of 16,384 slots are served/);
  },
);

Deno.test(
  "of several servers that are named one is enough, but the others are said",
  redis,
  async () => {
    await using server = await RedisServer.start();
    const { states } = await examined(`redis+cluster://127.0.0.1:1,127.0.0.1:${server.port}`);
    assertEquals(states.redis, "warn");
    assertEquals(states["redis cluster"], "fail");
  },
);

/** A server that says this of itself. */
function serverOf(
  info: Readonly<Record<string, string>>,
  settings: Partial<Record<RedisSetting, string>> = {},
): ServerFacts {
  return {
    at: "127.0.0.1:6379",
    info: (name) => info[name] ?? null,
    setting: (name) => settings[name] ?? null,
    aheadMs: 0,
  };
}

Deno.test("an old version, a full disk and full memory are found", () => {
  assertEquals(versionFinding(serverOf({ redis_version: "6.2.14" })).state, "fail");
  assertEquals(versionFinding(serverOf({ redis_version: "10.0.0" })).state, "ok");
  const full = serverOf({ aof_enabled: "1", aof_last_write_status: "err" }, {
    appendfsync: "always",
  });
  assertEquals(storageFindings(full).map(({ name, state }) => [name, state]), [
    ["redis storage", "ok"],
    ["redis disk", "fail"],
  ]);
  const used = { used_memory: "9500000000", maxmemory: "10000000000" };
  assertMatch(
    memoryFinding(serverOf(used), null, 1).detail,
    /nearly full; then what is new is refused/,
  );
  const rest = { entries: 1, nodes: 1, foreign: [], isComplete: true };
  const log: PrefixFacts = { log: "ours", snapshotBytes: 5e9, ...rest };
  const half = serverOf({ ...used, used_memory: "1000000000" });
  // The two snapshots alone are as large as its memory.
  assertMatch(memoryFinding(half, log, 1).detail, /may take 13\.2 GB/);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!await isSo()) {
    assert(performance.now() < endMs, "it does not come");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
