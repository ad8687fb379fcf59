/** The feed: what it sends, when it goes back, and that it believes only what the store says. */

import { assert, assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import {
  actor,
  child,
  Simulator,
  type SimulatorOptions,
  StartFailed,
  type SystemOptions,
} from "../../src/actor/mod.ts";
import type { FeedBatch, FeedSource } from "../../src/feed/port.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import type { Rejection } from "../../src/market/reject.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { feed } from "../../actors/feed.ts";
import { Feed, type Ingest, type IngestReply, LabelPool, Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import { wickRefs, wickTree } from "../../actors/tree.ts";
import { ArraySource, assertStoreHolds, randomStream, rowsOf, walkOf } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`feed_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const S = "EUR_USD:M1";
const HOUR_MS = 3_600_000;

/** Ten batches of ten candles. */
function streamOf(count = 10) {
  const block = walkOf(SEED, S, 10 * count);
  return Array.from({ length: count }, (_, i) => [rowsOf(block, 10 * i, 10 * i + 10)]);
}

type Answer = (ingest: Ingest, backend: MemoryStore) => IngestReply | Promise<IngestReply>;

/** Takes a batch as the real pool does, without labels. */
function taken({ feed, after, cursor, blocks }: Ingest, backend: MemoryStore): IngestReply {
  const result = backend.commit([{
    feed,
    after,
    cursor,
    series: blocks.map((block) => ({
      series: block.series,
      baseSeq: backend.tails([block.series], 0)[0]?.count ?? 0,
      append: { block, from: 0, to: block.length },
      replace: null,
      labels: [],
      relabelled: null,
    })),
  }]);
  if (result.state === "refused") {
    return { state: "failed", code: result.code, message: result.message };
  }
  return { state: "committed", seq: result.seq, candles: 10, corrected: 0, labels: 0, revised: 0 };
}

const overload: IngestReply = {
  state: "refused",
  code: "overload",
  reason: "too much",
  retryAfterMs: 40,
};
const order: IngestReply = { state: "refused", code: "order", reason: "not yet", retryAfterMs: 1 };

/** A feed with a pool that answers as it is told to. */
class Rig {
  readonly backend = new MemoryStore();
  readonly asked: Ingest[] = [];
  readonly simulator: Simulator;
  readonly feed;
  answer: Answer = taken;

  constructor(
    source: () => FeedSource,
    options: { readonly bulk?: boolean; readonly priority?: number } = {},
    faults?: SimulatorOptions["faults"],
  ) {
    const pool = actor(LabelPool, (ctx, _args: Record<string, never>) => ({
      ingest: (ingest) => {
        this.asked.push(ingest);
        const answer = this.answer(ingest, this.backend);
        if (!(answer instanceof Promise)) return answer;
        const reply = ctx.defer<IngestReply>();
        answer.then((made) => reply.resolve(made), (error) => reply.reject(error));
        return reply;
      },
      compute: () => {
        throw new Error("not asked here");
      },
      status: () => {
        throw new Error("not asked here");
      },
      flush: () => {},
      labelled: () => {},
      warmed: () => {},
      rewritten: () => {},
      committed: () => {},
      failed: () => {},
    }));
    const system: SystemOptions = {
      log: null,
      children: [
        child(store, { name: "store", args: { kind: "open", backend: this.backend } }),
        child(pool, { name: "pool", args: {} }),
        {
          name: "feeds",
          intensity: 5,
          backoff: { minMs: 1_000, maxMs: 60_000 },
          children: [
            child(feed, {
              name: "feed",
              args: (refs) => ({
                store: refs.ask(Store, "store"),
                pool: refs.ask(LabelPool, "pool"),
                source,
                ...options,
              }),
            }),
          ],
        },
      ],
    };
    this.simulator = new Simulator({
      seed: SEED,
      system,
      ...(faults === undefined ? {} : { faults }),
    });
    this.feed = this.simulator.system.ref(Feed, "feeds/feed");
  }

  get cursors(): (string | null)[] {
    return this.asked.map(({ cursor }) => cursor);
  }

  async status() {
    const asked = this.feed.ask("status", {});
    await this.simulator.run();
    return await asked;
  }

  async [Symbol.asyncDispose]() {
    const stopped = this.simulator.system.stop();
    await this.simulator.advance(60_000);
    await stopped;
  }
}

const upTo = (count: number, from = 1) =>
  Array.from({ length: count - from + 1 }, (_, i) => String(from + i));

// ---- the way forward ----------------------------------------------------------------------------------

Deno.test("a feed sends its batches in order, each after the one before, and acknowledges", async () => {
  const source = new ArraySource("feed", streamOf());
  await using rig = new Rig(() => source, { bulk: false, priority: 7 });
  const ended = rig.feed.ask("ended", {});
  await rig.simulator.run();
  await ended;
  assertEquals(rig.cursors, upTo(10));
  assertEquals(rig.asked.map(({ after }) => after), [null, ...upTo(9)]);
  assertEquals(source.acked, upTo(10));
  for (const { feed, bulk, priority } of rig.asked) {
    assertEquals([feed, bulk, priority], ["feed", false, 7]);
  }
  assertEquals(await rig.status(), {
    state: "ended",
    cursor: "10",
    batches: 10,
    rows: 100,
    rejected: 0,
    retries: 0,
    lastError: null,
  });
});

Deno.test("a feed has at most four batches under way, and acknowledges none before its commit", async () => {
  const source = new ArraySource("feed", streamOf());
  await using rig = new Rig(() => source);
  const answers: (() => void)[] = [];
  rig.answer = (ingest, backend) =>
    new Promise((resolve) => answers.push(() => resolve(taken(ingest, backend))));
  await rig.simulator.advance(1_000);
  assertEquals([rig.cursors, source.acked], [upTo(4), []]);
  answers.shift()?.();
  await rig.simulator.advance(1_000);
  assertEquals([rig.cursors, source.acked], [upTo(5), ["1"]]);
});

Deno.test("a feed begins, and begins again, at the committed cursor", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  rig.backend.commit([{ feed: "feed", after: null, cursor: "6", series: [] }]);
  let answer: Answer = taken;
  rig.answer = (ingest, backend) =>
    ingest.cursor === "9" ? new Promise(() => {}) : answer(ingest, backend);
  await rig.simulator.run();
  assertEquals(rig.cursors, upTo(10, 7));
  rig.asked.length = 0;
  rig.answer = answer = taken;
  rig.simulator.kill("/wick/feeds/feed");
  await rig.simulator.advance(5_000);
  assertEquals([rig.cursors[0], rig.asked[0]?.after], ["9", "8"]);
  assertEquals(rig.backend.cursor("feed"), "10");
});

Deno.test("ended is answered once all is committed, and at once after that", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf(2)));
  let release: () => void = () => {};
  rig.answer = (ingest, backend) =>
    ingest.cursor === "1" ? taken(ingest, backend) : new Promise((resolve) => {
      release = () => resolve(taken(ingest, backend));
    });
  let isEnded = false;
  const ended = rig.feed.ask("ended", {}, { timeoutMs: HOUR_MS }).then(() => isEnded = true);
  await rig.simulator.advance(10_000);
  assertEquals([isEnded, (await rig.status()).state], [false, "running"]);
  release();
  await rig.simulator.run();
  await ended;
  assertEquals((await rig.status()).state, "ended");
  const again = rig.feed.ask("ended", {});
  await rig.simulator.run();
  assertEquals(await again, null);
});

Deno.test("a source that is at its end already is ended without a batch", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  rig.backend.commit([{ feed: "feed", after: null, cursor: "10", series: [] }]);
  const ended = rig.feed.ask("ended", {});
  await rig.simulator.run();
  await ended;
  assertEquals([rig.asked.length, rig.backend.seq], [0, 1]);
});

// ---- pause ----------------------------------------------------------------------------------------------

Deno.test("pause stops reading and is answered when what was read is committed", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  const answers: (() => void)[] = [];
  rig.answer = (ingest, backend) =>
    new Promise((resolve) => answers.push(() => resolve(taken(ingest, backend))));
  await rig.simulator.run();
  let isQuiet = false;
  const pause = rig.feed.ask("pause", {}, { timeoutMs: HOUR_MS }).then(() => isQuiet = true);
  await rig.simulator.advance(1_000);
  assertEquals([isQuiet, rig.asked.length], [false, 4]);
  for (const answer of answers.splice(0)) answer();
  await rig.simulator.advance(1_000);
  await pause;
  assertEquals([rig.asked.length, rig.backend.cursor("feed")], [4, "4"]);
  assertEquals((await rig.status()).state, "paused");
  rig.answer = taken;
  rig.feed.tell("resume", {});
  await rig.simulator.advance(1_000);
  assertEquals(rig.cursors, upTo(10));
  assertEquals((await rig.status()).state, "ended");
});

Deno.test("pause is answered when resume comes first", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  rig.answer = () => new Promise(() => {});
  await rig.simulator.run();
  const pause = rig.feed.ask("pause", {}, { timeoutMs: HOUR_MS });
  rig.feed.tell("resume", {});
  await rig.simulator.run();
  assertEquals(await pause, null);
});

Deno.test("a paused feed still goes back after a failure, and reads nothing", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  const answers: (() => void)[] = [];
  rig.answer = () =>
    new Promise((resolve) =>
      answers.push(() => resolve({ state: "failed", code: "full", message: "full" }))
    );
  await rig.simulator.run();
  const pause = rig.feed.ask("pause", {}, { timeoutMs: HOUR_MS });
  await rig.simulator.run();
  for (const answer of answers) answer();
  await rig.simulator.advance(1_000);
  await pause;
  assertEquals([rig.asked.length, rig.backend.cursor("feed")], [4, null]);
  rig.answer = taken;
  rig.feed.tell("resume", {});
  await rig.simulator.run();
  assertEquals(rig.cursors.slice(4), upTo(10));
});

// ---- refusals and failures ------------------------------------------------------------------------------

Deno.test("what was refused is sent again in its order, after the pause that was asked for", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  let isBusy = true;
  rig.answer = (ingest, backend) => {
    if (!isBusy) return taken(ingest, backend);
    if (ingest.cursor === "1") return taken(ingest, backend);
    return ingest.cursor === "2" ? overload : order;
  };
  await rig.simulator.run();
  const first = rig.asked.length;
  assertEquals(rig.cursors, upTo(first));
  assertGreaterOrEqual(first, 2);
  const sentAt = rig.simulator.clock.now();
  isBusy = false;
  // The last refusal of the row decides how long: at most the 40 ms of the first.
  await rig.simulator.advance(40);
  assertEquals(rig.cursors.slice(first), upTo(10, 2));
  assertEquals(rig.simulator.clock.now() - sentAt, 40);
  assertEquals((await rig.status()).retries, 0);
  assertEquals(rig.backend.cursor("feed"), "10");
});

Deno.test("a batch that is read while others wait to be sent again is sent once", async () => {
  const gate = Promise.withResolvers<void>();
  class SlowSource extends ArraySource {
    override async read(signal: AbortSignal): Promise<FeedBatch | null> {
      const batch = await super.read(signal);
      if (batch?.cursor === "2") await gate.promise;
      return batch;
    }
  }
  await using rig = new Rig(() => new SlowSource("feed", streamOf(2)));
  const held = Promise.withResolvers<IngestReply>();
  let isBusy = true;
  rig.answer = (ingest, backend) => {
    if (ingest.cursor === "2" && isBusy) return held.promise;
    return isBusy ? overload : taken(ingest, backend);
  };
  await rig.simulator.advance(30);
  gate.resolve();
  await rig.simulator.run();
  assertEquals(rig.cursors, ["1", "2"]);
  await rig.simulator.advance(30);
  assertEquals(rig.cursors, ["1", "2", "1"]);
  isBusy = false;
  held.resolve(order);
  await rig.simulator.advance(1_000);
  assertEquals([rig.backend.cursor("feed"), rig.backend.series()[0]?.count], ["2", 20]);
});

Deno.test("a feed that is refused for long neither gives up nor reads on", async () => {
  const source = new ArraySource("feed", streamOf());
  await using rig = new Rig(() => source);
  rig.answer = ({ after }) => after === null ? overload : order;
  await rig.simulator.advance(10_000);
  assertEquals([...new Set(rig.cursors)].length <= 4, true);
  assertEquals((await rig.status()).retries, 0);
  rig.answer = taken;
  await rig.simulator.advance(1_000);
  assertEquals([rig.backend.cursor("feed"), source.acked], ["10", upTo(10)]);
});

Deno.test("after a failure a feed goes back to the committed cursor, with a growing pause", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  const failedAt: number[] = [];
  let isFull = true;
  rig.answer = (ingest, backend) => {
    if (!isFull || ingest.cursor === "1" || ingest.cursor === "2") return taken(ingest, backend);
    if (ingest.cursor === "3") failedAt.push(rig.simulator.clock.now());
    return { state: "failed", code: "full", message: "the disk is full" };
  };
  await rig.simulator.advance(20_000);
  const pauses = failedAt.slice(1).map((at, i) => at - (failedAt[i] as number));
  assertGreater(pauses.length, 4);
  pauses.forEach((pauseMs, i) => {
    const grown = 50 * 2 ** i;
    assert(pauseMs >= grown / 2 && pauseMs <= grown, `pause ${i} is ${pauseMs} ms`);
  });
  // Nothing committed is sent again, and it always begins with what comes after it.
  assertEquals(rig.cursors.filter((cursor) => cursor === "1" || cursor === "2"), ["1", "2"]);
  const { state, retries, lastError, cursor } = await rig.status();
  assertEquals([state, retries, lastError, cursor], [
    "waiting",
    failedAt.length,
    "the disk is full",
    "2",
  ]);
  isFull = false;
  await rig.simulator.advance(60_000);
  assertEquals(rig.backend.cursor("feed"), "10");
});

Deno.test("a feed whose first batch is out of order asks the store where it stands", async () => {
  await using rig = new Rig(() => new ArraySource("feed", streamOf()));
  let isFirst = true;
  rig.answer = (ingest, backend) => {
    if (!isFirst) return taken(ingest, backend);
    isFirst = false;
    // Committed by an incarnation that is gone.
    taken(ingest, backend);
    return order;
  };
  await rig.simulator.advance(1_000);
  assertEquals(rig.backend.cursor("feed"), "10");
  assertEquals(rig.asked.find(({ after }) => after === "1")?.cursor, "2");
});

Deno.test("an answer that is lost makes the feed go back, and nothing comes twice", async () => {
  const batches = streamOf();
  await using rig = new Rig(() => new ArraySource("feed", batches));
  rig.answer = (ingest, backend) => {
    const reply = taken(ingest, backend);
    return ingest.cursor === "3" ? new Promise(() => {}) : reply;
  };
  await rig.simulator.advance(400_000);
  assertEquals(rig.backend.cursor("feed"), "10");
  assertEquals(rig.backend.series()[0]?.count, 100);
});

Deno.test("answers that outlive an incarnation do not pass for new ones", async () => {
  // The crash comes while answers to the first incarnation are in the mailbox: a cursor that they
  // moved would pass over the batches that were given up.
  for (let seed = SEED; seed < SEED + 20; seed++) {
    let isCrashed = false;
    const batches = streamOf();
    await using rig = new Rig(() => new ArraySource("feed", batches), {}, {
      beforeInit() {},
      beforeHandle(path, type) {
        if (path !== "/wick/feeds/feed" || type !== "settled" || isCrashed) return;
        isCrashed = true;
        throw new Error("crashed on its first answer");
      },
      onTheWay: () => 0,
    });
    let given = 0;
    rig.answer = (ingest, backend) =>
      // The second answer says committed and is a lie: nothing is in the store.
      ++given === 2
        ? { state: "committed", seq: 1, candles: 10, corrected: 0, labels: 0, revised: 0 }
        : given < 5
        ? { state: "failed", code: "broken", message: "lost" }
        : taken(ingest, backend);
    await rig.simulator.advance(HOUR_MS);
    assert(isCrashed);
    assertEquals(rig.backend.cursor("feed"), "10");
    assertEquals(rig.backend.series()[0]?.count, 100);
  }
});

// ---- rejections ---------------------------------------------------------------------------------------

/** An {@linkcode ArraySource} whose second batch has refused lines. */
class RejectingSource extends ArraySource {
  readonly rejections: Rejection[] = [2, 17].map((line) => ({
    line,
    reason: 5,
    message: `line ${line}: high 1.2 is below max(open, close, low) 1.3`,
    excerpt: "1,1.3,1.2,1,1.1,0",
  }));
  override async read(signal: AbortSignal): Promise<FeedBatch | null> {
    const batch = await super.read(signal);
    return batch?.cursor === "2" ? { ...batch, rejections: this.rejections } : batch;
  }
}

Deno.test("refused lines become dead letters with their line and reason", async () => {
  const source = new RejectingSource("feed", streamOf(3));
  await using rig = new Rig(() => source);
  await rig.simulator.run();
  const letters = rig.simulator.system.deadLetters.list({ type: "candle" });
  assertEquals(letters.map(({ payload }) => payload), source.rejections);
  for (const [i, { path, reason, error }] of letters.entries()) {
    assertEquals([path, reason], ["/wick/feeds/feed", "unhandled"]);
    assert(error?.includes(source.rejections[i]?.message ?? "?"));
  }
  assertEquals((await rig.status()).rejected, 2);
  const { sent, handled, queued, deadLettered, superseded } = rig.simulator.system.counts();
  assertEquals(sent, handled + queued + deadLettered + superseded);
});

// ---- sources that throw ---------------------------------------------------------------------------------

/** Throws where it is told to. */
class BreakingSource extends ArraySource {
  readonly opens: number[] = [];
  closes = 0;
  constructor(
    batches: ConstructorParameters<typeof ArraySource>[1],
    readonly now: () => number,
    readonly breaks: { open?: (count: number) => boolean; read?: () => boolean },
  ) {
    super("feed", batches);
  }
  override open(cursor: string | null): Promise<void> {
    this.opens.push(this.now());
    if (this.breaks.open?.(this.opens.length)) return Promise.reject(new Error("no such file"));
    return super.open(cursor);
  }
  override read(signal: AbortSignal): Promise<FeedBatch | null> {
    if (this.breaks.read?.()) return Promise.reject(new Error("the line is cut"));
    return super.read(signal);
  }
  override close(): Promise<void> {
    this.closes++;
    return super.close();
  }
}

Deno.test("a source that throws in read is opened again where the store stands", async () => {
  let reads = 0;
  const source = new BreakingSource(streamOf(), () => 0, { read: () => ++reads % 4 === 0 });
  await using rig = new Rig(() => source);
  await rig.simulator.advance(60_000);
  assertEquals([rig.backend.cursor("feed"), rig.backend.series()[0]?.count], ["10", 100]);
  const { state, retries, lastError } = await rig.status();
  assertEquals([state, lastError], ["ended", "the line is cut"]);
  assertEquals([retries, source.opens.length], [retries, retries + 1]);
  assertGreater(retries, 1);
});

Deno.test("a source that cannot be opened again is restarted with backoff until it can", async () => {
  let isBroken = true, reads = 0;
  let now = () => 0;
  const batches = streamOf();
  const source = new BreakingSource(batches, () => now(), {
    open: (count) => count > 1 && isBroken,
    read: () => ++reads === 3,
  });
  const backend = new MemoryStore();
  const simulator = new Simulator({
    seed: SEED,
    system: wickTree({
      workers: 1,
      store: { kind: "open", backend },
      feeds: [{ name: "feed", source: () => source }],
      system: { log: null },
    }),
  });
  now = () => simulator.clock.now();
  await simulator.advance(2 * HOUR_MS);
  const waits = source.opens.slice(3).map((at, i) => at - (source.opens[i + 2] as number));
  // The supervisor's own pauses, 1 s to 60 s, less their jitter: it never gives up.
  assertGreater(waits.length, 100);
  assert(waits.every((waitMs) => waitMs >= 800 && waitMs <= 60_000), String(waits));
  assertGreater(Math.max(...waits), 30_000);
  assertEquals(simulator.system.root.state, "running");
  assertEquals(simulator.system.nodeAt("/wick/core/store")?.incarnation, 1);
  isBroken = false;
  await simulator.advance(2 * 60_000);
  await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
  // Each incarnation closes what it opened.
  assertGreaterOrEqual(source.closes, waits.length);
  const stopped = simulator.system.stop();
  await simulator.advance(60_000);
  await stopped;
});

Deno.test("a source that cannot be opened at first keeps the tree from starting", async () => {
  const source = new BreakingSource(streamOf(), () => 0, { open: () => true });
  const rig = new Rig(() => source);
  await rig.simulator.run();
  const failure = await rig.simulator.system.started.catch((error) => error);
  assert(failure instanceof StartFailed && failure.message.includes("no such file"));
  assertEquals(source.closes, 1);
});

// ---- the whole path --------------------------------------------------------------------------------------

Deno.test("no cursor passes rows that are not there, whoever crashes", async () => {
  for (let seed = SEED; seed < SEED + 3; seed++) {
    const batches = randomStream(seed, { series: 3, bars: 80, blockRowsMax: 10, changes: 0.1 });
    /** What must be there once a cursor is committed. */
    let checked = 0;
    class CheckedStore extends MemoryStore {
      override cursor(name: string): string | null {
        const cursor = super.cursor(name);
        const rows = new Set(
          batches.slice(0, Number(cursor ?? 0)).flat()
            .filter(({ deleted }) => deleted === null)
            .flatMap((block) => [...block.ts].map((ts) => `${block.series} ${ts}`)),
        );
        const gone = new Set(
          batches.flat().flatMap(({ series, ts, deleted }) =>
            [...ts].filter((_, i) => deleted?.[i] === 1).map((at) => `${series} ${at}`)
          ),
        );
        for (const { series } of super.series()) {
          for (const ts of super.candles(series, -Infinity, Infinity, Infinity).ts) {
            rows.delete(`${series} ${ts}`);
          }
        }
        assertEquals([...rows].filter((row) => !gone.has(row)), [], `at cursor ${cursor}`);
        checked++;
        return cursor;
      }
    }
    const backend = new CheckedStore();
    const simulator = new Simulator({
      seed,
      system: wickTree({
        workers: 2,
        store: { kind: "open", backend },
        feeds: [{ name: "feed", source: () => new ArraySource("feed", batches) }],
        system: { log: null, intensity: 1_000 },
      }),
      faults: { crash: 0.02, delay: 0.1, delayMaxMs: 60 },
    });
    const wick = wickRefs(simulator.system);
    for (let round = 0; round < 600; round++) {
      const status = wick.feed("feed").ask("status", {}).catch(() => null);
      await simulator.advance(10_000);
      if ((await status)?.state === "ended") break;
    }
    assertGreater(checked, 10);
    await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    const stopped = simulator.system.stop();
    await simulator.advance(60_000);
    await stopped;
  }
});
