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
import { type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { type FeedStatus, feedStatus } from "../../src/feed/status.ts";
import { CandleBuilder } from "../../src/market/block.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
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
  /** Levels and messages of the feed's log. */
  readonly logged: [string, string][] = [];
  readonly firstWallMs: number;

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
      computeBlock: () => {
        throw new Error("not asked here");
      },
      computeFor: () => {},
      status: () => {
        throw new Error("not asked here");
      },
      setWorkers: () => {
        throw new Error("not asked here");
      },
      tally: () => {
        throw new Error("not asked here");
      },
      workerStarted: () => {},
      workerStopped: () => {},
      touchedSeq: () => 0,
      report: () => {},
      flush: () => {},
      labelled: () => {},
      labelledParts: () => {},
      warmed: () => {},
      rewritten: () => {},
      committed: () => {},
      failed: () => {},
      applied: () => {},
      forget: () => {},
    }));
    const system: SystemOptions = {
      log: (level, path, message) => {
        if (path === "/wick/feeds/feed") this.logged.push([level, message]);
      },
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
    this.firstWallMs = this.simulator.clock.wallNow();
  }

  get cursors(): (string | null)[] {
    return this.asked.map(({ cursor }) => cursor);
  }

  async status(): Promise<FeedStatus> {
    const asked = this.feed.ask("status", {});
    await this.simulator.run();
    // The reply is one by its schema, whatever the protocol of the moment calls it.
    return feedStatus.parse(await asked);
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
  const { holes: _, rowsPerSecond, ...status } = await rig.status();
  // A hundred rows at once, in a memory of 10 s.
  assertEquals(Math.round(rowsPerSecond), 10);
  assertEquals(status, {
    source: "feed",
    state: "ended",
    waiting: null,
    cursor: "10",
    batches: 10,
    rows: 100,
    rejected: 0,
    underWay: 0,
    retries: 0,
    breaker: { state: "closed", failures: 0, nextTryTs: null },
    lastError: null,
    lastErrorTs: null,
    lastCommitTs: rig.simulator.clock.wallNow(),
    detail: {},
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
      answers.push(() => resolve({ state: "failed", code: "worker", message: "a thread died" }))
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
  let isDead = true;
  rig.answer = (ingest, backend) => {
    if (!isDead || ingest.cursor === "1" || ingest.cursor === "2") return taken(ingest, backend);
    if (ingest.cursor === "3") failedAt.push(rig.simulator.clock.now());
    return { state: "failed", code: "worker", message: "a thread died" };
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
  const { state, retries, lastError, cursor, waiting } = await rig.status();
  assertEquals([state, retries, lastError, cursor], [
    "waiting",
    failedAt.length,
    "a thread died",
    "2",
  ]);
  assertEquals([waiting?.for, waiting?.code], ["labels", "worker"]);
  isDead = false;
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
  const { state, retries, lastError, waiting, breaker } = await rig.status();
  assertEquals([state, lastError, waiting, breaker.state], [
    "ended",
    "the line is cut",
    null,
    "closed",
  ]);
  assertEquals([retries, source.opens.length], [retries, retries + 1]);
  assertGreater(retries, 1);
});

Deno.test("a source that cannot be opened is tried again with 1 s·2^n up to 60 s", async () => {
  let isBroken = true;
  let now = () => 0;
  const source = new BreakingSource(streamOf(), () => now(), { open: () => isBroken });
  await using rig = new Rig(() => source);
  now = () => rig.simulator.clock.now();
  await rig.simulator.advance(2 * HOUR_MS);
  const waits = source.opens.slice(1).map((at, i) => at - (source.opens[i] as number));
  waits.forEach((waitMs, i) => {
    const grown = Math.min(60_000, 1_000 * 2 ** i);
    assert(waitMs >= grown / 2 && waitMs <= grown, `pause ${i} is ${waitMs} ms`);
  });
  assertGreater(waits.length, 100);
  // Nothing crashed for it, and nobody was restarted.
  assertEquals(rig.simulator.system.nodeAt("/wick/feeds/feed")?.incarnation, 1);
  isBroken = false;
  await rig.simulator.advance(60_000);
  assertEquals(rig.backend.cursor("feed"), "10");
});

Deno.test("the breaker of a source opens after five failures, says when it tries, and closes", async () => {
  let isBroken = true;
  const source = new BreakingSource(streamOf(), () => 0, { read: () => isBroken });
  await using rig = new Rig(() => source);
  const seen: string[] = [];
  await rig.simulator.run();
  for (let failure = 1; failure <= 6; failure++) {
    const { breaker, waiting, state, lastErrorTs } = await rig.status();
    assertEquals([state, waiting?.for, waiting?.code], ["waiting", "source", "source"]);
    assertEquals([waiting?.reason, breaker.failures], ["the line is cut", failure]);
    assertEquals(waiting?.nextTryTs, breaker.nextTryTs);
    assertEquals(waiting?.sinceTs, rig.firstWallMs);
    const nowTs = rig.simulator.clock.wallNow();
    assert(lastErrorTs !== null && nowTs - lastErrorTs <= 2);
    seen.push(breaker.state);
    // The time is rounded to the millisecond.
    await rig.simulator.advance((breaker.nextTryTs ?? 0) - nowTs + 1);
  }
  assertEquals(seen, ["closed", "closed", "closed", "closed", "open", "open"]);
  isBroken = false;
  await rig.simulator.advance(60_000);
  const { breaker, state, waiting } = await rig.status();
  assertEquals([state, waiting], ["ended", null]);
  assertEquals(breaker, { state: "closed", failures: 0, nextTryTs: null });
});

Deno.test("an open breaker is half open while its one try is under way", async () => {
  const gate = Promise.withResolvers<void>();
  let opens = 0;
  class HangingSource extends ArraySource {
    override open(cursor: string | null): Promise<void> {
      if (++opens <= 5) return Promise.reject(new Error("nobody there"));
      return gate.promise.then(() => super.open(cursor));
    }
  }
  await using rig = new Rig(() => new HangingSource("feed", streamOf()));
  await rig.simulator.advance(10 * 60_000);
  assertEquals(opens, 6);
  assertEquals((await rig.status()).breaker, { state: "half_open", failures: 5, nextTryTs: null });
  gate.resolve();
  await rig.simulator.run();
  assertEquals((await rig.status()).breaker.state, "closed");
});

Deno.test("resume makes a feed that waits try at once", async () => {
  let isBroken = true;
  const source = new BreakingSource(streamOf(), () => 0, { open: () => isBroken });
  await using rig = new Rig(() => source);
  await rig.simulator.advance(10 * 60_000);
  isBroken = false;
  rig.feed.tell("resume", {});
  await rig.simulator.run();
  assertEquals(rig.backend.cursor("feed"), "10");
});

Deno.test("a source whose acknowledgement fails is opened again, and nothing comes twice", async () => {
  let failures = 0;
  class ForgetfulSource extends ArraySource {
    override ack(cursor: string): Promise<void> {
      if (cursor === "4" && failures++ === 0) return Promise.reject(new Error("cannot say so"));
      return super.ack(cursor);
    }
  }
  const source = new ForgetfulSource("feed", streamOf());
  await using rig = new Rig(() => source);
  await rig.simulator.advance(60_000);
  const { lastError, retries, state } = await rig.status();
  assertEquals([lastError, retries, state], ["cannot say so", 1, "ended"]);
  assertEquals([rig.backend.cursor("feed"), rig.backend.series()[0]?.count], ["10", 100]);
  assertEquals(source.acked.at(-1), "10");
});

Deno.test("a source that was set up wrongly keeps the tree from starting", async () => {
  const rig = new Rig(() => {
    throw new FeedError("options", "Cannot set up feed: expected a path");
  });
  await rig.simulator.run();
  const failure = await rig.simulator.system.started.catch((error) => error);
  assert(failure instanceof StartFailed && failure.message.includes("expected a path"));
});

Deno.test("a source that cannot be opened at first keeps nobody from starting", async () => {
  const source = new BreakingSource(streamOf(), () => 0, { open: (count) => count === 1 });
  await using rig = new Rig(() => source);
  await rig.simulator.run();
  await rig.simulator.system.started;
  await rig.simulator.advance(10_000);
  assertEquals(rig.backend.cursor("feed"), "10");
});

// ---- a store that cannot write --------------------------------------------------------------------------

for (const code of ["disk_full", "busy", "broken"]) {
  Deno.test(`a store that refuses with ${code} pauses the feed, which goes on with room`, async () => {
    const source = new BreakingSource(streamOf(), () => 0, {});
    await using rig = new Rig(() => source);
    let isFull = false;
    rig.answer = (ingest, backend) => {
      isFull ||= ingest.cursor === "3" && backend.cursor("feed") === "2";
      return isFull ? { state: "failed", code, message: "no room" } : taken(ingest, backend);
    };
    await rig.simulator.advance(10 * 60_000);
    const tries = rig.asked.length;
    const { state, waiting, cursor, underWay, breaker } = await rig.status();
    assertEquals([state, waiting?.for, waiting?.code, cursor], ["waiting", "store", code, "2"]);
    // The wait began at the first refusal, however many tries there were.
    assertEquals(waiting?.sinceTs, rig.firstWallMs);
    assert(underWay <= 4);
    // The source is not to blame, nobody was restarted, and it is no storm: a batch every 7.5 to 15 s.
    assertEquals(breaker.state, "closed");
    assertEquals(rig.simulator.system.nodeAt("/wick/feeds/feed")?.incarnation, 1);
    assert(tries > 40 && tries < 95, `${tries} batches in 10 minutes`);
    // A trial is one batch.
    assertEquals(new Set(rig.cursors.slice(6)), new Set(["3"]));
    rig.answer = taken;
    await rig.simulator.advance(15_000);
    assertEquals([rig.backend.cursor("feed"), rig.backend.series()[0]?.count], ["10", 100]);
    assertEquals((await rig.status()).waiting, null);
  });
}

Deno.test("a feed that the pool has no room for says so, and reads nothing meanwhile", async () => {
  const source = new ArraySource("feed", streamOf());
  await using rig = new Rig(() => source);
  rig.answer = ({ after }) => after === null ? overload : order;
  await rig.simulator.advance(1_000);
  const { state, waiting, underWay } = await rig.status();
  assertEquals([state, waiting?.for, underWay], ["waiting", "pool", underWay]);
  assert(underWay <= 4);
  rig.answer = taken;
  await rig.simulator.advance(1_000);
  assertEquals((await rig.status()).waiting, null);
});

// ---- holes, duplicates, notes ---------------------------------------------------------------------------

Deno.test("holes are counted by the calendar, once, also over a restart", async () => {
  const minute = (count: number) => 1_700_000_040_000 + 60_000 * count;
  const minutes = [[0, 1], [2, 5], [6, 9], [10, 11]];
  const batches = minutes.map((list) => {
    const rows = new CandleBuilder("BTC_USD:M1", 4);
    for (const count of list) rows.push(minute(count), 1, 2, 1, 2, 0);
    return [rows.finish()];
  });
  await using rig = new Rig(() => new ArraySource("feed", batches));
  let failures = 0;
  rig.answer = (ingest, backend) =>
    ingest.cursor === "3" && failures++ < 3
      ? { state: "failed", code: "worker", message: "lost" }
      : taken(ingest, backend);
  await rig.simulator.advance(60_000);
  assertEquals((await rig.status()).holes, {
    count: 2,
    missingBars: 4,
    filledBars: 0,
    latest: [
      { series: "BTC_USD:M1", fromTs: minute(7), toTs: minute(9), missingBars: 2 },
      { series: "BTC_USD:M1", fromTs: minute(3), toTs: minute(5), missingBars: 2 },
    ],
  });
});

Deno.test("a feed that goes on knows the candles before it, and the hole after them", async () => {
  const block = (ts: number) => {
    const rows = new CandleBuilder("BTC_USD:M1", 1);
    rows.push(ts, 1, 2, 1, 2, 0);
    return [rows.finish()];
  };
  const source = new ArraySource("feed", [block(0), block(240_000)]);
  await using rig = new Rig(() => source);
  let isHeld = true;
  rig.answer = (ingest, backend) =>
    ingest.cursor === "2" && isHeld ? new Promise(() => {}) : taken(ingest, backend);
  await rig.simulator.run();
  isHeld = false;
  rig.simulator.kill("/wick/feeds/feed");
  await rig.simulator.advance(10_000);
  const { holes } = await rig.status();
  assertEquals([holes.count, holes.missingBars], [1, 3]);
});

Deno.test("what a source notes is logged, and its detail is in the status", async () => {
  class NotingSource extends ArraySource {
    override async read(signal: AbortSignal): Promise<FeedBatch | null> {
      const batch = await super.read(signal);
      return batch?.cursor === "2" ? { ...batch, notes: ["the file was replaced"] } : batch;
    }
    detail() {
      return { readBytes: 17 };
    }
  }
  await using rig = new Rig(() => new NotingSource("feed", streamOf(3)));
  await rig.simulator.run();
  assertEquals(rig.logged.filter(([level]) => level === "warn"), [
    ["warn", "the file was replaced"],
  ]);
  assertEquals((await rig.status()).detail, { readBytes: 17 });
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

Deno.test("rows that come again change nothing, and revise nothing", async () => {
  const batches = randomStream(SEED, { series: 3, bars: 80, blockRowsMax: 10, changes: 0 });
  // Every batch twice: a source that was not told of its last commit.
  const doubled = batches.flatMap((batch) => [batch, batch]);
  const holdings: unknown[] = [];
  for (const stream of [batches, doubled]) {
    const backend = new MemoryStore();
    const simulator = new Simulator({
      seed: SEED,
      system: wickTree({
        workers: 2,
        store: { kind: "open", backend },
        feeds: [{ name: "feed", source: () => new ArraySource("feed", stream) }],
        system: { log: null },
      }),
    });
    const ended = wickRefs(simulator.system).feed("feed").ask("ended", {}, { timeoutMs: HOUR_MS });
    await simulator.advance(60_000);
    await ended;
    await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    const hash = paramHash(DEFAULT_PARAMS);
    holdings.push(
      backend.series().map(({ series }) => {
        const { labels, revisions } = backend.labels(series, hash, -Infinity, Infinity, Infinity);
        return [series, labels.length, [...revisions]];
      }),
    );
    const stopped = simulator.system.stop();
    await simulator.advance(60_000);
    await stopped;
  }
  assertEquals(holdings[1], holdings[0]);
});
