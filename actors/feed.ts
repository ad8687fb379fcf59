/**
 * A feed: reads one source, hands its batches to the label pool, acknowledges what is committed.
 *
 * A few batches are under way at a time. One that is refused is sent again, and those after it; one
 * that failed makes the feed go back to the cursor that the store has committed, with a growing
 * pause: what a feed believes about the past is only what the store says.
 *
 * @module
 */

import { actor, type Deferred, type Ref, textOf } from "../src/actor/mod.ts";
import { type FeedBatch, feedBatchRows, type FeedSource } from "../src/feed/port.ts";
import { Feed, type IngestReply, type LabelPool, type Store } from "./protocols.ts";

/** How a feed is set up. */
export interface FeedArgs {
  readonly store: Ref<typeof Store.definition>;
  readonly pool: Ref<typeof LabelPool.definition>;
  /** Makes the source; called once per incarnation. */
  readonly source: () => FeedSource;
  /** 0 to 10; default 5. */
  readonly priority?: number;
  /** The source can wait, as a file can: default true. */
  readonly bulk?: boolean;
}

/** Batches under way: one labelled, one committed, one read, and one for the gap in between. */
const BATCHES_UNDER_WAY_MAX = 4;
/** The pool answers within its own limits; beyond this it is taken for lost. */
const ANSWER_TIMEOUT_MS = 180_000;
const EPOCHS_PER_INCARNATION = 2 ** 32;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 60_000;

interface Sent {
  readonly id: number;
  readonly batch: FeedBatch;
  readonly after: string | null;
  state: "under way" | "committed" | "refused";
}

/** See {@linkcode Feed}. */
export const feed = actor(Feed, async (ctx, args: FeedArgs) => {
  const source = args.source();
  const abort = new AbortController();
  ctx.onStop(async () => {
    abort.abort(new Error("the feed stops"));
    await source.close();
  });
  let cursor = await args.store.ask("cursor", { feed: source.name });
  let lastRead = cursor;
  await source.open(cursor);

  // The mailbox outlives an incarnation, and so do answers on their way: none may pass for a new one.
  let epoch = ctx.incarnation * EPOCHS_PER_INCARNATION, ids = 0;
  let reading = false, paused = false, sourceDone = false, goingBack = false;
  let retries = 0, retriesInRow = 0, retryAfterMs = 0;
  let lastError: string | null = null;
  let sent: Sent[] = [];
  const counts = { batches: 0, rows: 0, rejected: 0 };
  const waiters: Deferred<null>[] = [];
  const pausing: Deferred<null>[] = [];

  const settledAll = () => sent.length === 0 && !reading && !goingBack;
  const ended = () => sourceDone && sent.length === 0 && !goingBack;

  const stateOf = (): "ended" | "paused" | "waiting" | "running" => {
    if (ended()) return "ended";
    if (paused) return "paused";
    return goingBack ? "waiting" : "running";
  };

  const readNext = () => {
    const refused = sent.some((one) => one.state === "refused");
    const done = ended() ? waiters : [];
    const quiet = paused && settledAll() ? pausing : [];
    for (const waiter of [...done.splice(0), ...quiet.splice(0)]) waiter.resolve(null);
    if (reading || paused || sourceDone || goingBack || refused) return;
    if (sent.length >= BATCHES_UNDER_WAY_MAX) return;
    reading = true;
    const at = epoch;
    source.read(abort.signal).then(
      (batch) => ctx.self.tell("read", { epoch: at, batch }),
      (error) => ctx.self.tell("broke", { epoch: at, message: textOf(error) }),
    );
  };

  const send = (one: Sent) => {
    one.state = "under way";
    const { batch, after } = one;
    const at = epoch;
    args.pool.ask("ingest", {
      feed: source.name,
      after,
      cursor: batch.cursor,
      blocks: batch.blocks,
      priority: args.priority ?? 5,
      bulk: args.bulk ?? true,
    }, { timeoutMs: ANSWER_TIMEOUT_MS }).then(
      (reply) => ctx.self.tell("settled", { epoch: at, id: one.id, reply }),
      (error) => ctx.self.tell("broke", { epoch: at, message: textOf(error) }),
    );
  };

  /** Everything since the committed cursor is read again, after a pause. */
  const goBack = (message: string) => {
    if (goingBack) return;
    goingBack = true;
    epoch++;
    retries++;
    lastError = message;
    const grown = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** retriesInRow++);
    const pauseMs = grown * (0.5 + 0.5 * ctx.random.next());
    ctx.log("warn", "goes back to the committed cursor", { message, pauseMs });
    ctx.timer("go", { delayMs: pauseMs }, "go", {});
  };

  const committed = async (one: Sent, reply: IngestReply & { state: "committed" }) => {
    one.state = "committed";
    retriesInRow = 0;
    counts.batches++;
    counts.rows += reply.candles + reply.corrected;
    while (sent[0]?.state === "committed") {
      cursor = (sent.shift() as Sent).batch.cursor;
      await source.ack(cursor);
    }
  };

  /** Once all answers are there, what was refused is sent again in its order. */
  const sendAgain = () => {
    if (sent.some((one) => one.state === "under way")) return;
    ctx.timer("go", { delayMs: retryAfterMs }, "go", {});
  };

  readNext();
  return {
    read: ({ epoch: at, batch }) => {
      if (at !== epoch) return;
      reading = false;
      if (batch !== null) {
        counts.rejected += batch.rejections.length;
        for (const refused of batch.rejections) {
          ctx.bury("candle", refused, new Error(refused.message));
        }
        const moved = batch.cursor !== lastRead;
        const one: Sent = { id: ++ids, batch, after: lastRead, state: "under way" };
        lastRead = batch.cursor;
        sourceDone = batch.done;
        if (moved || feedBatchRows(batch) > 0) {
          sent.push(one);
          send(one);
        }
      }
      readNext();
    },

    settled: async ({ epoch: at, id, reply }) => {
      if (at !== epoch) return;
      const one = sent.find((candidate) => candidate.id === id);
      if (one === undefined) return;
      if (reply.state === "failed") return goBack(reply.message);
      // The first one under way follows on nothing that the pool knows: the store knows better.
      if (reply.state === "refused" && reply.code === "order" && sent[0] === one) {
        return goBack(reply.reason);
      }
      if (reply.state === "committed") await committed(one, reply);
      else {
        one.state = "refused";
        retryAfterMs = reply.retryAfterMs;
        lastError = reply.reason;
      }
      if (sent.some((candidate) => candidate.state === "refused")) sendAgain();
      readNext();
    },

    broke: ({ epoch: at, message }) => {
      if (at !== epoch) return;
      reading = false;
      goBack(message);
    },

    go: async () => {
      if (!goingBack) {
        // One that was read meanwhile is under way already.
        for (const one of sent) if (one.state === "refused") send(one);
        return;
      }
      // A failure here crashes the feed: its supervisor starts it again from the store's cursor.
      cursor = lastRead = await args.store.ask("cursor", { feed: source.name });
      await source.open(cursor);
      sent = [];
      sourceDone = false;
      reading = false;
      goingBack = false;
      readNext();
    },

    pause: () => {
      paused = true;
      if (settledAll()) return null;
      const reply = ctx.defer<null>();
      pausing.push(reply);
      return reply;
    },
    resume: () => {
      paused = false;
      // It may never be quiet now; who asked for the pause must not wait for ever.
      for (const waiter of pausing.splice(0)) waiter.resolve(null);
      readNext();
    },
    ended: () => {
      if (ended()) return null;
      const reply = ctx.defer<null>();
      waiters.push(reply);
      return reply;
    },
    status: () => ({
      state: stateOf(),
      cursor,
      ...counts,
      retries,
      lastError,
    }),
  };
});
