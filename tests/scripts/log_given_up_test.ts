/**
 * Nodes that are stopped until the log was given up past their copies: while they run, and while they
 * start. The store of one is lost then, and begins again at the snapshot; nothing may wait for it.
 */

import { assert, assertLess } from "@std/assert";
import { Inputs } from "../../scripts/chaos_nodes/inputs.ts";
import { NodeProcess } from "../../scripts/chaos_nodes/node_process.ts";
import { Servers } from "../../scripts/chaos_nodes/servers.ts";
import { actorReply } from "../../src/http/schemas.ts";
import { pause, systemClock, systemRandom } from "../../src/actor/clock.ts";
import { RedisLog } from "../../src/store/log/redis_log.ts";
import { until } from "../actors/nodes_rig.ts";
import { serviceOrSkip } from "../support/services.ts";

// The client's parser shrinks its pool by an interval of its own, seconds after the last large answer.
const REDIS = { ...serviceOrSkip("redis"), sanitizeOps: false, sanitizeResources: false };

const PREFIX = "given_up";
const LEASE_MS = 1_000;
/** So little that a few pushes make a snapshot. */
const SNAPSHOT_BYTES = 100_000;
/** Longest wait for what comes within a second on a machine with nothing else to do, ms. */
const LIMIT_MS = 20_000;
/** A stop within its 5 s, and what it waits for then, is what must not be seen. */
const BACK_MS = 4_000;

/** Two nodes: `a` is stopped, `b` makes the snapshots. */
class Rig implements AsyncDisposable {
  a: NodeProcess;
  readonly b: NodeProcess;
  readonly #folder: string;
  readonly #servers: Servers;
  readonly #log: RedisLog;
  readonly #inputs = new Inputs(100_000, 1);
  #bar = 0;

  private constructor(folder: string, servers: Servers) {
    this.#folder = folder;
    this.#servers = servers;
    this.#log = new RedisLog({
      ...{ redis: servers.url, prefix: PREFIX, isMaking: false },
      ...{ clock: systemClock, random: systemRandom },
    });
    this.b = this.#process("b");
    this.a = this.#process("a");
  }

  static async start(): Promise<Rig> {
    const folder = await Deno.makeTempDir({ prefix: "wick_given_up_" });
    const rig = new Rig(folder, await Servers.start(false));
    await Promise.all([rig.a.url, rig.b.url]);
    await rig.push(3);
    return rig;
  }

  #process(name: "a" | "b"): NodeProcess {
    const data = `${this.#folder}/${name}`;
    Deno.mkdirSync(data, { recursive: true });
    const hooks = name === "a"
      ? null
      : { fence: "checked" as const, snapshotBytes: SNAPSHOT_BYTES };
    const redis = this.#servers.url;
    return new NodeProcess({ name, data, redis, prefix: PREFIX, leaseMs: LEASE_MS, hooks });
  }

  /** Kills `a`, and begins its next life. */
  async again(): Promise<void> {
    this.a.signal("SIGKILL");
    await this.a.over;
    this.a = this.#process("a");
  }

  /** Pushes to `b` until entries were given up that `a` has not read, who is stopped meanwhile. */
  async giveUp(): Promise<void> {
    this.a.signal("SIGSTOP");
    const { position } = await this.#log.view();
    await this.#until("the log is not given up", async () => {
      if ((await this.#log.view()).firstPosition > position + 1) return true;
      await this.push(1);
      await pause(systemClock, 100);
      return false;
    });
    this.a.signal("SIGCONT");
  }

  /** Pushes candles of `bars` requests a series. */
  async push(bars: number): Promise<void> {
    const url = await this.b.url;
    for (let i = 0; i < bars; i++) {
      let toBar = this.#bar;
      for (let group = 0; group < this.#inputs.groups; group++) {
        const request = this.#inputs.request(group, this.#bar);
        assert(request !== null);
        toBar = request.toBar;
        const headers = { "content-type": "application/x-ndjson" };
        const init = { method: "POST", headers, body: request.body };
        await (await fetch(`${url}/api/candles`, init)).body?.cancel();
      }
      this.#bar = toBar;
    }
  }

  /** Until the store of `a` has been lost, and lives again. */
  async lost(): Promise<void> {
    const url = `${await this.a.url}/api/actors/core/store`;
    await this.#until("the store was not lost", async () => {
      const { node } = actorReply.parse(await (await fetch(url)).json());
      return node.incarnation === 2 && node.state === "running";
    });
  }

  /** Until `a` has half of the partitions. */
  async back(): Promise<void> {
    await this.#until("a is not back", async () => {
      const { owners, nodes } = await this.#log.view();
      const session = nodes.find(({ node }) => node === "a")?.session;
      return owners.filter((owner) => owner.session === session).length === 128;
    });
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    try {
      await until(isSo, LIMIT_MS);
    } catch (error) {
      throw new Error(`${what}:\n${this.a.said}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of [this.a, this.b]) each.signal("SIGKILL");
    await Promise.all([this.a.over, this.b.over]);
    await this.#log.close();
    await this.#servers[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test(
  "a node that was stopped until the log was given up past its copy is back at once",
  REDIS,
  async () => {
    await using rig = await Rig.start();
    await rig.back();
    await rig.giveUp();
    const fromMs = systemClock.now();
    await rig.lost();
    await rig.back();
    const tookMs = systemClock.now() - fromMs;
    console.log(`back in ${tookMs.toFixed(0)} ms`);
    assertLess(tookMs, BACK_MS);
  },
);

Deno.test(
  "a node whose store is lost while it starts begins again, and serves",
  REDIS,
  async () => {
    await using rig = await Rig.start();
    let lost = 0;
    // In this range of ms its copy is open, and not all that depends on it has started.
    for (const afterMs of [550, 750]) {
      await rig.again();
      await pause(systemClock, afterMs);
      await rig.giveUp();
      const fromMs = systemClock.now();
      await rig.a.url;
      const tookMs = systemClock.now() - fromMs;
      console.log(`stopped after ${afterMs} ms, serves ${tookMs.toFixed(0)} ms after it was woken`);
      assertLess(tookMs, BACK_MS);
      await rig.back();
      if (rig.a.said.includes("starts again")) lost++;
    }
    console.log(`lost while it started: ${lost} of 2`);
  },
);
