/**
 * Redis under the harness: one server, or a Cluster, that keeps every write on the disk before it
 * answers, and is killed and started again.
 *
 * Replicas of the Cluster do not take over: what Redis replicates after it has answered would be lost
 * with a master, which is Redis' own promise and not what is looked at here.
 *
 * @module
 */

import { type Random, systemClock } from "../../src/actor/clock.ts";
import { pause } from "../../src/actor/clock.ts";
import { RedisServer } from "../../tests/support/redis.ts";
import { RedisCluster } from "../../tests/support/redis_cluster.ts";

const DURABLE = [["appendonly", "yes"], ["appendfsync", "always"]] as const;
/** A server that has a long file to read answers within this, ms. */
const READY_LIMIT_MS = 60_000;

/** See the module's text. */
export class Servers implements AsyncDisposable {
  readonly url: string;
  readonly #all: readonly RedisServer[];
  readonly #whole: AsyncDisposable;

  private constructor(url: string, all: readonly RedisServer[], whole: AsyncDisposable) {
    this.url = url;
    this.#all = all;
    this.#whole = whole;
  }

  /** Starts them. */
  static async start(isCluster: boolean): Promise<Servers> {
    if (!isCluster) {
      const server = await RedisServer.start({ config: DURABLE });
      return new Servers(server.url, [server], server);
    }
    const cluster = await RedisCluster.start(6, {
      config: [...DURABLE, ["cluster-replica-no-failover", "yes"]],
    });
    return new Servers(cluster.url, cluster.servers.slice(0, 3), cluster);
  }

  /** Kills one that holds data, and starts it again after a while. */
  async restart(downMs: number, random: Random): Promise<void> {
    const server = this.#all[Math.floor(random.next() * this.#all.length)] as RedisServer;
    await server.kill();
    await pause(systemClock, downMs);
    // It may have a long file to read, and says so until it has.
    await server.start().catch(() => {});
    const untilMs = systemClock.now() + READY_LIMIT_MS;
    while (await server.command("PING").catch(() => "") !== "+PONG") {
      if (systemClock.now() > untilMs) throw new Error("Redis does not come back");
      await pause(systemClock, 20);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#whole[Symbol.asyncDispose]());
  }
}
