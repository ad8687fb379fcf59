/** The rehearsal of a node, beside a copy of a log and streams that others are at work on. */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { REHEARSAL, rehearse } from "../../actors/tree_rehearsal.ts";
import { Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import {
  child,
  createSystem,
  systemClock,
  systemRandom,
  VirtualClock,
  wrappedRef,
} from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { partitionOf } from "../../src/market/partition.ts";
import { memoryHome } from "../../src/store/log/copy.ts";
import { MemoryLog, MemoryLogServer } from "../../src/store/log/memory_log.ts";
import { LogError } from "../../src/store/log/port.ts";
import type { ReplicatedStore } from "../../src/store/log/replicated_store.ts";
import type { MemoryStreams } from "../../src/store/partitions/memory_streams.ts";
import { StreamsMemory } from "../../src/store/partitions/memory_streams.ts";
import { ownedStore, replicated } from "../store/log/support.ts";
import { all, batch, candle, candles, part } from "../store/support.ts";

const SERIES = ["EUR_USD:M1", "GBP_USD:M1", "USD_JPY:M1"];
const MINUTE_MS = 60_000;
const NEVER = new AbortController().signal;

/** A node that has all partitions, with candles in log and streams; and one that is about to start. */
class Stage {
  readonly memory = new StreamsMemory(systemClock);
  readonly streams: MemoryStreams = this.memory.connect();
  /** What the rehearsal asked the store for. */
  readonly asked: string[] = [];

  private constructor(
    readonly log: MemoryLogServer,
    readonly owner: ReplicatedStore,
    readonly copy: ReplicatedStore,
  ) {}

  static async set(fence: "checked" | "off" = "checked"): Promise<Stage> {
    const log = new MemoryLogServer({ clock: systemClock, fence });
    const owner = await ownedStore(new MemoryLog(log), memoryHome(), { session: "owner" });
    for (const series of SERIES) {
      const rows = Array.from({ length: 200 }, (_, i) => candle(i * MINUTE_MS, 100 + Math.sin(i)));
      const made = batch(part(series, 0, { append: all(candles(series, rows)) }));
      assertEquals((await owner.commit([made])).state, "committed");
    }
    const copy = await replicated(new MemoryLog(log), memoryHome(), { session: "starting" });
    await copy.caughtUp(log.position);
    const stage = new Stage(log, owner, copy);
    await stage.streams.append(
      SERIES.map((series) => candles(series, [candle(200 * MINUTE_MS, 101)])),
    );
    return stage;
  }

  /** All that others would see of it. */
  async picture() {
    const { owners, nodes, bytes } = this.log.view();
    const partitions = SERIES.map(partitionOf);
    return {
      log: [this.log.position, bytes],
      group: [owners, nodes.map(({ session }) => session)],
      waiting: await this.streams.backlog(partitions),
      copy: [this.copy.seq, this.copy.applied, this.copy.series(), this.copy.cursors()],
    };
  }

  /** Runs it with the store as an actor. */
  async perform(signal = NEVER, clock = systemClock): Promise<void> {
    await using system = createSystem({
      log: null,
      children: [child(store, { name: "store", args: { kind: "open", backend: this.copy } })],
    });
    await system.started;
    const ref = system.ref(Store, "store");
    const noted = wrappedRef(ref, (through, type, payload, options) => {
      this.asked.push(type);
      return through.ask(type, payload as never, options);
    });
    const { streams } = this;
    const params = DEFAULT_PARAMS;
    await rehearse({ store: noted, streams, params, clock, random: systemRandom }, signal);
  }

  count(type: string): number {
    return this.asked.filter((one) => one === type).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.streams.close();
    await this.owner.close();
    await this.copy.close();
  }
}

Deno.test("rehearse() goes the whole way of candles and leaves everything as it was", async () => {
  await using stage = await Stage.set();
  const before = await stage.picture();
  const read = new Set<number>();
  const { streams } = stage;
  const real = streams.read.bind(streams);
  streams.read = async (...how) => {
    const pages = await real(...how);
    for (const { partition } of pages) read.add(partition);
    return pages;
  };
  await stage.perform();
  assertEquals(await stage.picture(), before);
  assertGreater(stage.count("rehearse"), REHEARSAL.reads / 4);
  assertGreater(stage.count("tailsPacked"), 0);
  assertEquals([stage.count("commit"), stage.count("commitPacked")], [0, 0]);
  assertEquals(read, new Set(SERIES.map(partitionOf)), "what waits is read for practice");
  // What it writes next is not taken for something that it wrote before.
  assertEquals((await stage.copy.putRecord("kind", "key", "{}")).state, "written");
});

Deno.test("rehearse() asks nothing of a log that checks no tokens", async () => {
  await using stage = await Stage.set("off");
  const before = await stage.picture();
  await stage.perform();
  assertEquals(await stage.picture(), before);
  assertGreater(stage.count("rehearse"), 0);
});

Deno.test("rehearse() ends when it is told to, and when it takes too long", async () => {
  await using stage = await Stage.set();
  const ending = new AbortController();
  const clock = new VirtualClock();
  let reads = 0;
  // Streams that never answer.
  stage.streams.read = (_places, _waitMs, signal) => {
    reads++;
    return new Promise((resolve) => signal?.addEventListener("abort", () => resolve([])));
  };
  const first = stage.perform(ending.signal);
  while (reads === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  ending.abort();
  await first;
  await stage.perform(ending.signal);
  const late = stage.perform(NEVER, clock);
  while (reads < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  clock.advance(REHEARSAL.limitMs);
  await late;
});

Deno.test("rehearse() fails with what streams or store say", async () => {
  await using stage = await Stage.set();
  stage.memory.isAway = true;
  const error = await assertRejects(() => stage.perform(), LogError);
  assertEquals(error.code, "away");
  stage.memory.isAway = false;
  stage.log.isAway = true;
  const started = systemClock.now();
  await stage.perform();
  assert(systemClock.now() - started < 2 * REHEARSAL.limitMs, "a log that is away holds up none");
  stage.log.isAway = false;
});
