/**
 * The store as an actor: the sole writer of what must survive. The backend decides; this shell only
 * passes messages on. On SQLite it runs in a thread, so that no commit holds up the main isolate.
 *
 * In a node the store is a copy that follows the log of all nodes, over connections of its own. What
 * is about the group (beats, taking and handing over partitions) does not go through it: the node
 * actor has another way to the same log in the main isolate, and only says here which partitions may
 * be written to, and what has to be applied before. Writes to the log are several at once, in the
 * order in which they were asked for. The node that owns `SNAPSHOT_PARTITION` (`snapshotter.ts`) makes
 * snapshots of the log. A copy that fell behind what the log still holds crashes the actor: opened
 * anew, it begins at the snapshot.
 *
 * @module
 */

import { actor, type Clock, type Context, type Random } from "../src/actor/mod.ts";
import { packLogged, packResult, packTails, unpackCommit } from "../src/store/commit_codec.ts";
import { LabelTexts } from "../src/store/label_text.ts";
import { MemoryStore, type MemoryStoreOptions } from "../src/store/memory.ts";
import { type FollowedStore, followedStore } from "../src/store/nodes/followed_store.ts";
import type { Store as StorePort, WriteResult } from "../src/store/port.ts";
import { touchedSeries } from "../src/store/touched_series.ts";
import type { SqliteStoreOptions } from "../src/store/sqlite_store.ts";
import { Store } from "./protocols.ts";

/** Which backend, or one that is open already (it survives restarts of the actor). */
export type StoreArgs =
  | { readonly kind: "memory"; readonly options?: MemoryStoreOptions }
  | { readonly kind: "sqlite"; readonly options: Omit<SqliteStoreOptions, "clock"> }
  | { readonly kind: "open"; readonly backend: StorePort }
  | SharedStoreArgs;

/** Bytes of the log from which on a snapshot is made: minutes of full load, a tenth of a second to read. */
export const SNAPSHOT_BYTES = 256 * 1024 * 1024;

/** A copy of the log that several nodes share. */
export interface SharedStoreArgs {
  /** Tells it from a store of this process alone. */
  readonly kind: "shared";
  /** As `redisPlace` reads it. */
  readonly redis: string;
  /** What all names begin with; default `wick`. */
  readonly prefix?: string;
  /** This life of the node. */
  readonly session: string;
  /** Where the copy is. */
  readonly copy:
    | { readonly kind: "memory"; readonly options?: Omit<MemoryStoreOptions, "clock"> }
    | { readonly kind: "sqlite"; readonly options: Omit<SqliteStoreOptions, "clock"> };
  /** Bytes of the log from which on a snapshot is made; default {@linkcode SNAPSHOT_BYTES}. */
  readonly snapshotBytes?: number;
  /** Bytes of the log above which nothing is appended; as in `RedisLogOptions`. */
  readonly bytesMax?: number;
  /** Replicas that must have an entry before it counts as appended; default 0. */
  readonly waitReplicas?: number;
  /** `off` only to show what the tokens prevent. */
  readonly fence?: "checked" | "off";
}

async function backendOf(
  args: StoreArgs,
  clock: Clock,
  random: Random,
  instance: string,
): Promise<StorePort> {
  if (args.kind === "open") return args.backend;
  if (args.kind === "shared") return await sharedStore(args, clock, random, instance);
  if (args.kind === "memory") return new MemoryStore({ clock, ...args.options });
  // In a thread of its own as a rule: the isolate of the tree is spared 10 MB of it.
  const { SqliteStore } = await import("../src/store/sqlite_store.ts");
  return new SqliteStore({ clock, ...args.options });
}

/** What nodes need is loaded by nodes only. */
async function sharedStore(
  { kind: _, session, copy, snapshotBytes, ...way }: SharedStoreArgs,
  clock: Clock,
  random: Random,
  instance: string,
): Promise<StorePort> {
  const { RedisLog } = await import("../src/store/log/redis_log.ts");
  const { ReplicatedStore } = await import("../src/store/log/replicated_store.ts");
  const { memoryHome, sqliteHome } = await import("../src/store/log/copy.ts");
  const { SnapshotWatch } = await import("../src/store/log/snapshotter.ts");
  const log = new RedisLog({ ...given(way), redis: way.redis, clock, random });
  const home = copy.kind === "memory" ? memoryHome(copy.options) : sqliteHome(copy.options);
  try {
    const store = await ReplicatedStore.open({ log, clock, session, instance, copy: home });
    const watch = new SnapshotWatch({ store, clock, bytesMax: snapshotBytes ?? SNAPSHOT_BYTES });
    const close = store.close.bind(store);
    return Object.assign(store, {
      close: async () => {
        await watch.close();
        await close();
        await log.close();
      },
    });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** See {@linkcode Store}. */
export const store = actor(Store, async (ctx, args: StoreArgs) => {
  // Never the same twice, in whatever life of the process.
  const instance = `${ctx.incarnation}.${Math.floor(ctx.random.next() * 2 ** 48).toString(36)}`;
  const backend = await backendOf(args, ctx.clock, ctx.random, instance);
  const texts = new LabelTexts(backend);
  const follows = followedStore(backend, ctx.clock);
  follows?.store.stopped.then(({ code, message }) => {
    if (code !== "closed") ctx.log("error", "the copy follows the log no more", { error: message });
    if (code === "gone") ctx.self.tell("reopen", { reason: message });
  });
  if (args.kind !== "open") ctx.onStop(() => backend.close());
  ctx.onStop(() => follows?.end());
  const written = <T>(write: () => T | Promise<T>) =>
    follows === null ? write() : failing(ctx, write);
  // Whoever asks for records after a write has it, however long its trip takes: an actor that begins
  // again reads what its former life has left in the mailbox.
  const recordWrites = new Set<Promise<unknown>>();
  const writtenRecord = (write: () => WriteResult | Promise<WriteResult>) => {
    if (follows === null) return write();
    const writing = Promise.try(write);
    recordWrites.add(writing);
    const over = () => void recordWrites.delete(writing);
    writing.then(over, over);
    return failing(ctx, () => writing);
  };
  const readRecord = <T>(read: () => T | Promise<T>) =>
    failing(ctx, async () => {
      if (recordWrites.size > 0) await Promise.allSettled(recordWrites);
      return await read();
    });
  return {
    // A write to a log takes a trip; others may follow it meanwhile.
    commit: follows === null
      ? ({ batches }) => backend.commit(batches)
      : ({ batches }) => failing(ctx, () => follows.store.commit(batches)),
    commitPacked: follows === null
      ? async (bytes) => packResult(await backend.commit(unpackCommit(bytes)))
      : (bytes) => failing(ctx, async () => packResult(await follows.store.commitPacked(bytes))),
    tails: ({ series, bars }) => failing(ctx, () => backend.tails(series, bars)),
    tailsPacked: ({ series, bars }) =>
      failing(ctx, async () => packTails(await backend.tails(series, bars))),
    window: ({ series, fromTs, toTs, around }) =>
      failing(ctx, () => backend.window(series, fromTs, toTs, around)),
    candleBlock: ({ series, fromTs, toTs, limit, asOf }) =>
      failing(ctx, () => backend.candles(series, fromTs, toTs, limit, asOf)),
    labelBlock: ({ series, paramHash, fromTs, toTs, limit, asOf }) =>
      failing(ctx, () => backend.labels(series, paramHash, fromTs, toTs, limit, asOf)),
    labelPage: (query) => failing(ctx, () => texts.page(query)),
    labelPiece: (query) => failing(ctx, () => texts.piece(query)),
    labelsAfter: ({ seq, limit }) => failing(ctx, () => backend.labelsAfter(seq, limit)),
    labelsAfterPacked: ({ seq, limit }) =>
      failing(ctx, async () => packLogged(await backend.labelsAfter(seq, limit))),
    touched: ({ seq, limit }) => failing(ctx, () => backend.touched(seq, limit)),
    touchedSeries: ({ seq, limit }) =>
      failing(ctx, async () => touchedSeries(await backend.touched(seq, limit))),
    putRecord: ({ kind, key, json }) => writtenRecord(() => backend.putRecord(kind, key, json)),
    dropRecord: ({ kind, key }) => writtenRecord(() => backend.dropRecord(kind, key)),
    record: ({ kind, key }) => readRecord(() => backend.record(kind, key)),
    records: ({ kind }) => readRecord(() => backend.records(kind)),
    buryLetters: ({ letters }) => written(() => backend.buryLetters(letters)),
    letters: ({ filter, limit }) => failing(ctx, () => backend.letters(given(filter), limit)),
    dropLetters: ({ filter }) => written(() => backend.dropLetters(given(filter))),
    cursor: ({ feed }) => backend.cursor(feed),
    cursors: () => backend.cursors(),
    series: () => backend.series(),
    seq: () => backend.seq,
    setFences: ({ fences }) => {
      const tokens = fences.map(({ partition, token }) => [partition, token] as const);
      shared(follows).store.setFences(new Map(tokens));
      return null;
    },
    caughtUp: ({ position, feeds }) =>
      failing(ctx, async () => {
        const { store } = shared(follows);
        await store.caughtUp(position);
        return feeds.map((feed) => store.cursor(feed));
      }),
    rehearse: (bytes) =>
      failing(ctx, async () => packResult(await shared(follows).store.rehearse(bytes))),
    appliedPosition: () => shared(follows).store.applied,
    appliedAfter: ({ seq, changes, ranges }) =>
      failing(ctx, () => shared(follows).appliedAfter(seq, changes, ranges)),
    reopen: ({ reason }) => {
      throw new Error(reason);
    },
    info: () => failing(ctx, () => backend.info()),
    backup: ({ path }) => failing(ctx, () => backend.backup(path)),
  };
});

/** What only a store of a node is asked for. */
function shared(follows: FollowedStore | null): FollowedStore {
  if (follows !== null) return follows;
  throw new TypeError(
    "Cannot follow the log: expected a store of a node: current value is another",
  );
}

/** A read that cannot be answered fails its asker, not the store and all it holds. */
function failing<T>(ctx: Context<typeof Store.definition>, read: () => T | Promise<T>) {
  const reply = ctx.defer<T>();
  Promise.try(read).then((found) => reply.resolve(found), (error) => reply.reject(error));
  return reply;
}

/** Without what is undefined, as exact optional properties want it. */
function given<T extends object>(filter: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], undefined> };
}
