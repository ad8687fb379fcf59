/**
 * A Redis Cluster of a test's own: masters with a replica each, on free ports, whose servers can be
 * killed and started again.
 *
 * @module
 */

import { createServer } from "node:net";
import { keySlot, SLOTS } from "../../src/store/nodes/key_slot.ts";
import { RedisServer, type RedisServerOptions } from "./redis.ts";

/** Longest wait for the servers to agree, ms. */
const AGREE_LIMIT_MS = 20_000;

/** See the module's text. Ends with its folders when disposed of. */
export class RedisCluster implements AsyncDisposable {
  /** As `redisPlace` reads it: two of the servers. */
  readonly url: string;
  /** All servers; at first the masters come before the replicas. */
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
    const [first, second] = servers;
    this.url = `redis+cluster://127.0.0.1:${first?.port},127.0.0.1:${second?.port}`;
  }

  /** Starts `count` servers, half of them replicas of the other half. */
  static async start(count = 6, { config = [] }: RedisServerOptions = {}): Promise<RedisCluster> {
    const own = [
      ["cluster-enabled", "yes"],
      ["cluster-node-timeout", "1000"],
      ["cluster-replica-validity-factor", "0"],
      ["repl-diskless-sync-delay", "0"],
    ] as const;
    const servers: RedisServer[] = [];
    const cluster = new RedisCluster(servers);
    try {
      for (let i = 0; i < count; i++) {
        const bus = ["cluster-port", String(await freePort())] as const;
        servers.push(await RedisServer.start({ config: [...own, bus, ...config] }));
      }
      const made = new RedisCluster([...servers]);
      await made.#join();
      return made;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #join(): Promise<void> {
    const masters = this.servers.slice(0, this.servers.length / 2);
    const replicas = this.servers.slice(masters.length);
    const [first] = masters as [RedisServer];
    for (const [i, master] of masters.entries()) {
      const from = Math.floor(SLOTS * i / masters.length);
      const to = Math.floor(SLOTS * (i + 1) / masters.length) - 1;
      await master.command("CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
      await master.command("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
    }
    for (const server of this.servers.slice(1)) {
      const bus = await first.lines("CONFIG", "GET", "cluster-port");
      const port = String(bus[4]);
      await server.command("CLUSTER", "MEET", "127.0.0.1", String(first.port), port);
    }
    await until("all servers know each other", async () => {
      for (const server of this.servers) {
        const info = await server.lines("CLUSTER", "INFO");
        if (!info.includes(`cluster_known_nodes:${this.servers.length}`)) return false;
      }
      return true;
    });
    for (const [i, replica] of replicas.entries()) {
      const id = (await (masters[i] as RedisServer).lines("CLUSTER", "MYID"))[1] as string;
      await until(
        "a replica knows its master",
        async () => await replica.command("CLUSTER", "REPLICATE", id) === "+OK",
      );
    }
    await until("the replicas follow and every slot is served", async () => {
      for (const replica of replicas) {
        const info = await replica.lines("INFO", "replication");
        if (!info.includes("master_link_status:up")) return false;
      }
      for (const server of this.servers) {
        const info = await server.lines("CLUSTER", "INFO");
        if (!info.includes("cluster_state:ok")) return false;
      }
      return true;
    });
  }

  /** The master that has the slot of a key, by what the first server that answers says. */
  async masterOf(key: string): Promise<RedisServer> {
    const slot = keySlot(key);
    for (const server of this.servers) {
      try {
        const lines = await server.lines("CLUSTER", "NODES");
        for (const line of lines) {
          const [, address = "", flags = "", , , , , state, ...ranges] = line.split(" ");
          const port = Number(/:(\d+)@/.exec(address)?.[1]);
          const isMaster = flags.includes("master") && !flags.includes("fail") &&
            state === "connected";
          const has = ranges.some((range) => {
            const [from = NaN, to = from] = range.split("-").map(Number);
            return from <= slot && slot <= to;
          });
          const found = this.servers.find((each) => each.port === port);
          if (isMaster && has && found !== undefined) return found;
        }
      } catch {
        // This one is down; another knows.
      }
    }
    throw new Error(`no master has the slot of ${key}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + AGREE_LIMIT_MS;
  while (!await isSo().catch(() => false)) {
    if (performance.now() > untilMs) throw new Error(`Redis Cluster: ${what}: not in time`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port ?? 0 : 0));
    });
  });
}
