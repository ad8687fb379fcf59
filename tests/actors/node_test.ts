/** The node's actor on a group in memory, under a virtual clock; its neighbours only take notes. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { node, type NodeArgs } from "../../actors/node.ts";
import { LabelPool } from "../../actors/protocols.ts";
import { NodeMember, PartitionReader } from "../../actors/protocols_nodes.ts";
import { actor, createSystem, nextTurn, VirtualClock } from "../../src/actor/mod.ts";
import { nodesReply } from "../../src/http/node_schemas.ts";
import { MemoryLog, MemoryLogServer } from "../../src/store/log/memory_log.ts";
import { NodeDuties } from "../../src/store/nodes/duties.ts";
import { PeerList } from "../../src/store/nodes/peers.ts";

const LEASE_MS = 2_000;

class Group {
  readonly clock = new VirtualClock();
  readonly log = new MemoryLogServer({ clock: this.clock });
  readonly nodes: TestNode[] = [];

  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5) {
      this.clock.advance(5);
      for (let turn = 0; turn < 4; turn++) await new Promise<void>((done) => nextTurn(done));
    }
  }

  /** Until it is so; says how long that took. */
  async until(isSo: () => boolean, limitMs = 10_000): Promise<number> {
    const fromMs = this.clock.now();
    while (!isSo()) {
      assertLessOrEqual(this.clock.now() - fromMs, limitMs, "it does not come");
      await this.run(5);
    }
    return this.clock.now() - fromMs;
  }

  join(name: string, more: Partial<NodeArgs> = {}): TestNode {
    const one = new TestNode(this, name, `${name}:${this.nodes.length}`, more);
    this.nodes.push(one);
    return one;
  }

  ownersOf(name: string): number[] {
    const { owners } = this.log.view();
    return owners.filter((owner) => owner.node === name).map(({ partition }) => partition);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { system } of this.nodes) {
      const stopping = system.stop({ deadlineMs: 10_000 });
      await this.run(6_000);
      await stopping;
    }
  }
}

class TestNode {
  /** Of its last incarnation. */
  log: MemoryLog;
  readonly duties = new NodeDuties();
  readonly peers = new PeerList();
  /** What was told, in order. */
  readonly notes: string[] = [];
  readonly reading = new Set<number>();
  /** When a partition was told to be read, and to be drained, last. */
  readonly began = new Map<number, number>();
  readonly drained = new Map<number, number>();
  tokens: ReadonlyMap<number, number> = new Map();
  drainMs = 0;
  stopped: Error | null = null;
  readonly system;

  constructor(group: Group, name: string, session: string, more: Partial<NodeArgs>) {
    const { clock } = group;
    this.log = new MemoryLog(group.log);
    const system = createSystem({ name, clock, log: null });
    this.system = system;
    const unused = () => {
      throw new Error("not asked");
    };
    const pool = system.spawn(
      actor(LabelPool, () => ({
        ...Object.fromEntries(Object.keys(LabelPool.definition).map((type) => [type, unused])),
        forget: ({ partitions }: { partitions: readonly number[] }) => {
          this.notes.push(`forget ${partitions.length}`);
        },
      } as never)),
      { name: "pool", args: undefined },
    );
    const reader = system.spawn(this.#reader(), { name: "reader", args: undefined });
    system.spawn(node, {
      name: "node",
      args: {
        info: { node: name, session, region: "", version: "1", startedMs: 0 },
        url: () => `http://${name}`,
        leaseMs: LEASE_MS,
        group: () => this.log = new MemoryLog(group.log),
        store: {
          setFences: (tokens) => {
            this.tokens = tokens;
            return Promise.resolve();
          },
          caughtUp: (_, partitions) => Promise.resolve(partitions.map(() => null)),
          applied: () => Promise.resolve(group.log.position),
        },
        reader,
        pool,
        streams: { backlog: () => Promise.resolve([]) },
        duties: this.duties,
        peers: this.peers,
        started: Promise.resolve(),
        isStopping: () => system.isStopping,
        onStopped: (error) => this.stopped = error,
        ...more,
      },
    });
  }

  #reader() {
    return actor(PartitionReader, (ctx) =>
      ({
        own: ({ partitions }: { partitions: readonly number[] }) => {
          for (const partition of partitions) {
            assert(this.tokens.has(partition), "told to read before the store had the token");
            this.reading.add(partition);
            this.began.set(partition, ctx.clock.now());
          }
        },
        drain: ({ partition }: { partition: number }) => {
          const reply = ctx.defer();
          this.drained.set(partition, ctx.clock.now());
          ctx.clock.setTimer(this.drainMs, () => {
            this.reading.delete(partition);
            reply.resolve({ partition, isClean: true, cursor: null });
          });
          return reply;
        },
        disown: ({ partition }: { partition: number }) => void this.reading.delete(partition),
      }) as never);
  }

  get member() {
    return this.system.ref(NodeMember, "node");
  }
}

Deno.test("node alone takes all partitions and their duties", async () => {
  await using group = new Group();
  const a = group.join("a");
  await group.until(() => a.reading.size === 256);
  assert(a.duties.owns("anything"));
  assertEquals(a.peers.nodes().map(({ node }) => node), ["a"]);
  assertEquals(a.notes, ["forget 256"]);
});

Deno.test("node hands over what another should have, each partition within 50 ms", async () => {
  await using group = new Group();
  const a = group.join("a");
  await group.until(() => a.reading.size === 256);
  a.drainMs = 10;
  const b = group.join("b");
  await group.until(() => b.reading.size === 128);
  assertEquals(b.began.size, 128);
  for (const [partition, beganMs] of b.began) {
    const askedMs = a.drained.get(partition);
    assert(askedMs !== undefined, `${partition} was not drained`);
    assertLessOrEqual(beganMs - askedMs, 50);
  }
  // Eight times sixteen of them, each some ms longer than they drain.
  const beganMs = [...b.began.values()], askedMs = [...a.drained.values()];
  assertLessOrEqual(Math.max(...beganMs) - Math.min(...askedMs), 8 * 25);
  assertEquals(a.reading.size, 128);
  assertEquals([a, b].map(({ duties }) => duties.owns("job/x")).sort(), [false, true]);
});

Deno.test("node rehearses before it is given anything, and ends that when it stops", async () => {
  await using group = new Group();
  let practising: AbortSignal | null = null;
  const a = group.join("a", {
    rehearse: (signal) => {
      practising = signal;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  await group.until(() => a.reading.size === 256);
  assertEquals((practising as AbortSignal | null)?.aborted, true, "there is work already");
  const started = Promise.withResolvers<void>(), rehearsed = Promise.withResolvers<void>();
  let rehearsals = 0;
  const rehearse = () => {
    rehearsals++;
    return rehearsed.promise;
  };
  const b = group.join("b", { started: started.promise, rehearse });
  await group.run(500);
  assertEquals([rehearsals, b.reading.size], [0, 0]);
  started.resolve();
  await group.run(500);
  assertEquals([rehearsals, b.reading.size], [1, 0]);
  rehearsed.reject(new Error("it did not go well"));
  await group.until(() => b.reading.size === 128);
  let isEnded = false;
  const c = group.join("c", {
    rehearse: (signal) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          isEnded = true;
          resolve();
        })
      ),
  });
  await group.run(500);
  assertEquals(c.reading.size, 0);
  const stopping = c.system.stop({ deadlineMs: 5_000 });
  await group.run(500);
  await stopping;
  assert(isEnded);
});

Deno.test("node that crashed is taken over within lease + 250 ms", async () => {
  await using group = new Group();
  const [a, b] = [group.join("a"), group.join("b")];
  await group.until(() => a.reading.size === 128 && b.reading.size === 128);
  // A process that is gone says nothing: its calls end nowhere.
  for (const call of ["beat", "take", "handOver", "release", "leave"] as const) {
    Object.assign(a.log, { [call]: () => new Promise(() => {}) });
  }
  const tookMs = await group.until(() => b.reading.size === 256);
  assertLessOrEqual(tookMs, LEASE_MS + 250);
  group.nodes.shift();
  a.system.stop({ drain: false, deadlineMs: 1 }).catch(() => {});
});

Deno.test("node that stops hands everything over and leaves", async () => {
  await using group = new Group();
  const [a, b] = [group.join("a"), group.join("b")];
  await group.until(() => a.reading.size === 128 && b.reading.size === 128);
  const stopping = a.system.stop({ deadlineMs: 5_000 });
  const tookMs = await group.until(() => b.reading.size === 256);
  assertLessOrEqual(tookMs, 250);
  await group.run(100);
  await stopping;
  assertEquals(group.log.view().nodes.map(({ node }) => node), ["b"]);
  assert(group.log.view().moves.slice(0, 1).every(({ why }) => why === "handed"));
});

Deno.test("node that is out of reach keeps what it has and says so", async () => {
  await using group = new Group();
  const a = group.join("a");
  await group.until(() => a.reading.size === 256);
  group.log.isAway = true;
  await group.run(500);
  const status = await a.member.ask("status", {});
  assertEquals([status.owned, a.reading.size], [256, 256]);
  assert((status.awayMs ?? 0) > 300 && status.lastError !== null);
  group.log.isAway = false;
  await group.run(300);
  assertEquals((await a.member.ask("status", {})).awayMs, null);
});

Deno.test("node whose session was replaced lets go and says why it must not go on", async () => {
  await using group = new Group();
  const a = group.join("a");
  await group.until(() => a.reading.size === 256);
  group.log.isAway = true;
  await group.run(LEASE_MS + 100);
  group.log.isAway = false;
  const info = { region: "", url: null, version: "1", startedMs: 0, isLeaving: false, applied: 0 };
  await new MemoryLog(group.log).beat({ ...info, node: "a", session: "other" }, LEASE_MS);
  await group.until(() => a.stopped !== null);
  assert(a.stopped?.message.startsWith("Cannot go on as node a: expected a nodeName"));
  assertEquals(a.reading.size, 0);
  assert(!a.duties.owns("anything"));
});

Deno.test("node with the name of one that lives does not start", async () => {
  await using group = new Group();
  const first = group.join("a");
  await group.run(50);
  const second = group.join("a");
  const tookMs = await group.until(() => second.stopped !== null);
  // A former life would have run out by then.
  assert(tookMs >= LEASE_MS && tookMs <= LEASE_MS + 500);
  assertEquals([first.reading.size, second.reading.size], [256, 0]);
});

Deno.test("node restarted takes up what is still its own", async () => {
  await using group = new Group();
  const a = group.join("a");
  await group.until(() => a.reading.size === 256);
  const before = group.log.view().owners.map(({ token }) => token);
  a.reading.clear();
  a.member.tell("broke", { message: "on purpose" });
  await group.until(() => a.reading.size === 256);
  assertEquals(group.log.view().owners.map(({ token }) => token), before);
});

Deno.test("node shows all nodes, partitions and moves as the schema has them", async () => {
  await using group = new Group();
  const [a, b] = [group.join("a"), group.join("b")];
  await group.until(() => a.reading.size === 128 && b.reading.size === 128);
  await group.run(200);
  const asked = a.member.ask("nodes", {});
  await group.run(20);
  const view = nodesReply.parse(await asked);
  assertEquals(view.nodes.map(({ node, partitions, isSelf }) => [node, partitions, isSelf]), [
    ["a", 128, true],
    ["b", 128, false],
  ]);
  assertEquals(view.partitions.length, 256);
  assertEquals(view.partitions.filter(({ node }) => node === null).length, 0);
  assertEquals(view.moves.reduce((sum, { partitions }) => sum + partitions.length, 0), 256);
});
