/** Jobs that several nodes share: each item's effect once, whoever runs them and whoever is asked. */

import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import {
  actor,
  child,
  createSystem,
  protocol,
  type Ref,
  type System,
} from "../../src/actor/mod.ts";
import type { JobReply, JobStatus } from "../../src/batch/job_status.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import type { DataProvider } from "../../src/provider/port.ts";
import type { CommitBatch } from "../../src/store/port.ts";
import { backfill } from "../../actors/backfill.ts";
import { type Ingest, LabelPool, Store } from "../../actors/protocols.ts";
import { Backfill, Provider } from "../../actors/protocols_batch.ts";
import { provider } from "../../actors/provider.ts";
import { store } from "../../actors/store.ts";
import { seedOf } from "../actor/seed.ts";
import { CALM, jobOf, okOf } from "./backfill_rig.ts";
import { CopyStore, MovingDuties, SharedEntries, SharedTime } from "./duty_rig.ts";

/** The pool of jobs without candles: commits what it is given. */
const Pool = protocol("pool", { ingest: LabelPool.definition.ingest });
const pool = actor(Pool, (ctx, { target }: { target: Ref<typeof Store.definition> }) => ({
  ingest: ({ feed, after = null, cursor = null, records, letters }: Ingest) => {
    const reply = ctx.defer<never>();
    const batch: CommitBatch = {
      ...{ feed, after, cursor, series: [] },
      ...(records === undefined ? {} : { records }),
      ...(letters === undefined ? {} : { letters }),
    };
    target.ask("commit", { batches: [batch] }).then((result) =>
      reply.resolve(
        (result.state === "committed"
          ? { state: "committed", seq: result.seq, candles: 0, corrected: 0, labels: 0, revised: 0 }
          : { state: "failed", message: result.message }) as never,
      )
    );
    return reply;
  },
}));

const KINDS = ["dividends", "profiles"] as const;
const PLAIN = { symbolsMax: { dividends: 20, profiles: 20 } };
const jobCalled = (name: string, symbols: number) =>
  jobOf(name, symbols, { kinds: [...KINDS], workers: 4 });

class Node {
  readonly copy: CopyStore;
  readonly system: System;
  readonly events: JobStatus[] = [];

  constructor(readonly name: string, readonly nodes: Nodes) {
    const { time, log, duties, random } = nodes;
    this.copy = new CopyStore(log);
    const shared = { node: name, duties: duties.of(name), news: this.copy.news };
    this.system = createSystem({
      name: "wick",
      clock: time.clock,
      random,
      inlineThreads: true,
      log: (level, path, message, fields) => {
        nodes.logged.push(`${level} ${name} ${path} ${message} ${JSON.stringify(fields ?? {})}`);
      },
      children: [
        child(store, { name: "store", args: { kind: "open", backend: this.copy.store } }),
        child(provider, {
          name: "simulated",
          args: ({ ask }) => ({
            store: ask(Store, "store"),
            begin: "free" as const,
            open: nodes.open,
          }),
        }),
        child(pool, { name: "pool", args: ({ ask }) => ({ target: ask(Store, "store") }) }),
        child(backfill, {
          name: "backfill",
          args: ({ ask }) => ({
            store: ask(Store, "store"),
            pool: ask(Pool, "pool") as unknown as Ref<typeof LabelPool.definition>,
            providers: new Map([["simulated", ask(Provider, "simulated")]]),
            shared,
            onEvent: (_type, status) => void this.events.push(status),
          }),
        }),
      ],
    });
  }

  get backfill() {
    return this.system.ref(Backfill, "backfill");
  }

  ask(type: "pause" | "resume" | "cancel" | "job", name: string): Promise<JobReply> {
    return this.nodes.time.play(this.backfill.ask(type, { name }, { timeoutMs: 60_000 }));
  }

  async job(name: string): Promise<JobStatus> {
    return okOf(await this.ask("job", name));
  }
}

class Nodes implements AsyncDisposable {
  readonly time = new SharedTime();
  readonly log: SharedEntries;
  readonly duties: MovingDuties;
  readonly upstream;
  readonly logged: string[] = [];
  readonly open: () => DataProvider;
  nodes: Node[] = [];

  private constructor(readonly random: Random, lagMs: number) {
    const { clock } = this.time;
    this.log = new SharedEntries(clock, random, lagMs);
    this.duties = new MovingDuties(clock, "a");
    this.upstream = simulatedProvider(clock, { seed: 1, ...CALM, ...PLAIN });
    const { upstream } = this;
    this.open = () => ({
      name: upstream.name,
      capabilities: upstream.capabilities,
      groupOf: (endpoint, symbol) => upstream.groupOf(endpoint, symbol),
      detail: () => upstream.detail(),
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
      fetch: (request) => upstream.fetch(request),
    });
  }

  static async start(random: Random, names = ["a", "b", "c"], lagMs = 10): Promise<Nodes> {
    const nodes = new Nodes(random, lagMs);
    for (const name of names) await nodes.add(name);
    return nodes;
  }

  async add(name: string): Promise<Node> {
    const node = new Node(name, this);
    this.nodes = [...this.nodes.filter((one) => one.name !== name), node];
    await this.time.play(node.system.started);
    return node;
  }

  of(name: string): Node {
    const node = this.nodes.find((one) => one.name === name);
    assert(node !== undefined);
    return node;
  }

  /** As `kill -9`: nothing of it gets into the log any more. */
  async kill(name: string): Promise<void> {
    const node = this.of(name);
    node.copy.isGone = true;
    await this.time.play(node.system.stop());
  }

  /** How often the items of all jobs were committed: each is to be 1. */
  times(): Record<string, number> {
    const times: Record<string, number> = {};
    for (const [, count] of this.#committed()) times[count] = (times[count] ?? 0) + 1;
    return times;
  }

  #committed(): Map<string, number> {
    const counts = new Map<string, number>();
    const memory = new CopyStore(new SharedEntries(this.time.clock, this.random, 0)).memory;
    const commit = memory.commit.bind(memory);
    memory.commit = (batches) => {
      const result = commit(batches);
      const records = result.state === "committed"
        ? batches.flatMap((one) => one.records ?? [])
        : [];
      for (const { kind, key, json } of records) {
        if (!kind.startsWith("fetched:") || json === null) continue;
        counts.set(`${kind} ${key}`, (counts.get(`${kind} ${key}`) ?? 0) + 1);
      }
      return result;
    };
    for (let at = 0; at < this.log.length; at++) this.log.at(at)?.run(memory);
    return counts;
  }

  async start(on: string, name: string, symbols: number): Promise<JobStatus> {
    const job = jobCalled(name, symbols);
    const asked = this.of(on).backfill.ask("start", { job, mode: "resume" }, { timeoutMs: 60_000 });
    return okOf(await this.time.play(asked));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { system } of this.nodes) await this.time.play(system.stop());
    await this.upstream.close();
  }
}

Deno.test("backfill: a job that is started on any node runs on the one with its duty", async () => {
  await using nodes = await Nodes.start(seededRandom(seedOf("nodes start")));
  const begun = await nodes.start("b", "night", 200);
  assertEquals([begun.state, begun.items, begun.node], ["running", 400, "a"]);
  for (const name of ["a", "b", "c"]) {
    const ended = nodes.of(name).backfill.ask("ended", { name: "night" }, {
      timeoutMs: 86_400_000,
    });
    const done = okOf(await nodes.time.play(ended));
    assertEquals([done.state, done.settled, done.failed, done.node], ["done", 400, 0, "a"]);
    const reports = await nodes.time.play(nodes.of(name).backfill.ask("reports", { limit: 5 }));
    assertEquals(reports.map(({ run_summary }) => run_summary.items_ok), [400]);
  }
  assertEquals(nodes.times(), { 1: 400 });
  await nodes.time.pass(1_000);
  const { memory } = nodes.of("c").copy;
  for (const kind of ["job_call", "job_call_answer", "job_plan", "checkpoint", "job_progress"]) {
    assertEquals(memory.records(kind), [], kind);
  }
});

Deno.test("backfill: pause, resume, report and cancel work on any node", async () => {
  await using nodes = await Nodes.start(seededRandom(seedOf("nodes orders")));
  const [a, b, c] = ["a", "b", "c"].map((name) => nodes.of(name)) as [Node, Node, Node];
  await nodes.start("a", "night", 2_000);
  await nodes.time.until(() => b.events.some(({ progress }) => progress !== null));
  assertEquals((await b.ask("pause", "night")).state, "ok");
  await nodes.time.until(() => c.events.at(-1)?.state === "paused");
  const { settled } = await c.job("night");
  assert(settled > 0 && settled < 4_000);
  await nodes.time.pass(60_000);
  assertEquals((await a.job("night")).settled, settled);
  const twice = await b.ask("pause", "night");
  assert(twice.state === "refused");
  assertMatch(twice.reason, /expected one that is running: current value is paused/);
  assertEquals(okOf(await c.ask("resume", "night")).state, "running");
  await nodes.time.pass(500);
  const report = await nodes.time.play(b.backfill.ask("report", { name: "night" }));
  assertEquals(report?.run_summary.state, "running");
  assertEquals((await b.ask("cancel", "night")).state, "ok");
  await nodes.time.until(() => b.events.at(-1)?.state === "cancelled");
  assertEquals(Object.keys(nodes.times()), ["1"]);
});

Deno.test("backfill: a job goes on on another node when its own is killed", async () => {
  await using nodes = await Nodes.start(seededRandom(seedOf("nodes kill")));
  await nodes.start("c", "night", 2_000);
  await nodes.time.until(() => nodes.of("b").events.some(({ settled }) => settled > 500));
  await nodes.kill("a");
  const { calls } = nodes.upstream.stats();
  const { settled } = await nodes.of("b").job("night");
  await nodes.time.pass(2_000);
  nodes.duties.move("job/night", "b");
  await nodes.time.until(() => nodes.of("c").events.at(-1)?.state === "done");
  const done = await nodes.of("c").job("night");
  assertEquals([done.settled, done.node], [4_000, "b"]);
  assertEquals(nodes.times(), { 1: 4_000 });
  // What was under way or not saved yet is fetched again, and nothing else: 100 items and 4 calls.
  assertLessOrEqual(nodes.upstream.stats().calls - calls, Math.ceil((4_000 - settled) / 20) + 12);
});

Deno.test("backfill: items are committed once while duties move and nodes hear of it late", async () => {
  const seed = seedOf("nodes moves");
  for (let round = 0; round < 4; round++) {
    const random = seededRandom(seed + round);
    await using nodes = await Nodes.start(random, ["a", "b", "c"], 40);
    const names = ["one", "two", "three"];
    const sizes = [400, 700, 1_000];
    for (const [i, name] of names.entries()) await nodes.start("b", `${name}`, sizes[i] as number);
    let moves = 0;
    const isOver = () =>
      names.every((name) => {
        const json = nodes.of("a").copy.memory.record("job", name);
        return json !== null && JSON.parse(json).state === "done";
      });
    while (!isOver() && moves < 300) {
      await nodes.time.pass(random.next() * 1_500);
      const name = names[Math.floor(random.next() * 3)] as string;
      const to = ["a", "b", "c"][Math.floor(random.next() * 3)] as string;
      nodes.duties.move(`job/${name}`, to, random.next() < 0.5 ? 0 : random.next() * 3_000);
      moves++;
    }
    await nodes.time.pass(10_000);
    assert(
      isOver(),
      `after ${moves} moves: ${
        nodes.of("a").copy.memory.records("job").map(({ json }) => json.slice(-300))
      }`,
    );
    // Jobs of the same symbols: the largest holds those of the others.
    const failed = nodes.logged.filter((line) => line.includes("a job failed"));
    assertEquals(failed, []);
    for (const node of nodes.nodes) {
      for (const [i, name] of names.entries()) {
        const { state, settled } = await node.job(name);
        assertEquals([state, settled], ["done", 2 * (sizes[i] as number)], `${node.name} ${name}`);
      }
    }
    assertEquals(nodes.times(), { 1: 600, 2: 600, 3: 800 }, `round ${round}`);
  }
});

Deno.test("backfill: what is asked while nobody has the job is done once somebody has", async () => {
  await using nodes = await Nodes.start(seededRandom(seedOf("nodes nobody")));
  await nodes.start("a", "night", 9_000);
  await nodes.time.pass(500);
  nodes.duties.move("job/night", null);
  await nodes.time.pass(1_000);
  const asked = nodes.of("b").backfill.ask("pause", { name: "night" }, { timeoutMs: 60_000 });
  await nodes.time.pass(3_000);
  nodes.duties.move("job/night", "c");
  assertEquals((await nodes.time.play(asked)).state, "ok");
  await nodes.time.pass(5_000);
  assertEquals((await nodes.of("b").job("night")).state, "paused");
  nodes.duties.move("job/night", null);
  const reply = await nodes.of("b").ask("resume", "night");
  assert(reply.state === "refused");
  assertMatch(reply.reason, /the node that runs it: current value is none; the last was c/);
  // Withdrawn: it is not resumed later.
  nodes.duties.move("job/night", "a");
  await nodes.time.pass(30_000);
  assertEquals((await nodes.of("c").job("night")).state, "paused");
});

Deno.test("backfill: a job whose record was dropped can be started again, anywhere", async () => {
  await using nodes = await Nodes.start(seededRandom(seedOf("nodes again")));
  for (const on of ["a", "b", "c"]) {
    assertEquals((await nodes.start(on, "night", 20)).state, "running");
    await nodes.time.until(() => nodes.of("c").events.at(-1)?.state === "done");
    await nodes.time.pass(1_000);
    nodes.log.append((memory) => memory.dropRecord("job", "night"), [{
      kind: "job",
      key: "night",
    }]);
    nodes.duties.move("job/night", "b");
    await nodes.time.pass(1_000);
    assertEquals((await nodes.of("c").ask("job", "night")).state, "unknown");
  }
});
