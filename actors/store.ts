/**
 * The store as an actor: the sole writer of what must survive. The backend decides; this shell only
 * passes messages on. On SQLite it runs in a thread, so that no commit holds up the main isolate.
 *
 * @module
 */

import { actor, type Clock, type Context } from "../src/actor/mod.ts";
import { packLogged, packResult, packTails, unpackCommit } from "../src/store/commit_codec.ts";
import { LabelTexts } from "../src/store/label_text.ts";
import { MemoryStore, type MemoryStoreOptions } from "../src/store/memory.ts";
import type { Store as StorePort } from "../src/store/port.ts";
import { touchedSeries } from "../src/store/touched_series.ts";
import type { SqliteStoreOptions } from "../src/store/sqlite_store.ts";
import { Store } from "./protocols.ts";

/** Which backend, or one that is open already (it survives restarts of the actor). */
export type StoreArgs =
  | { readonly kind: "memory"; readonly options?: MemoryStoreOptions }
  | { readonly kind: "sqlite"; readonly options: Omit<SqliteStoreOptions, "clock"> }
  | { readonly kind: "open"; readonly backend: StorePort };

async function backendOf(args: StoreArgs, clock: Clock): Promise<StorePort> {
  if (args.kind === "open") return args.backend;
  if (args.kind === "memory") return new MemoryStore({ clock, ...args.options });
  // In a thread of its own as a rule: the isolate of the tree is spared 10 MB of it.
  const { SqliteStore } = await import("../src/store/sqlite_store.ts");
  return new SqliteStore({ clock, ...args.options });
}

/** See {@linkcode Store}. */
export const store = actor(Store, async (ctx, args: StoreArgs) => {
  const backend = await backendOf(args, ctx.clock);
  const texts = new LabelTexts(backend);
  if (args.kind !== "open") ctx.onStop(() => backend.close());
  return {
    commit: ({ batches }) => backend.commit(batches),
    commitPacked: async (bytes) => packResult(await backend.commit(unpackCommit(bytes))),
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
    putRecord: ({ kind, key, json }) => backend.putRecord(kind, key, json),
    dropRecord: ({ kind, key }) => backend.dropRecord(kind, key),
    record: ({ kind, key }) => failing(ctx, () => backend.record(kind, key)),
    records: ({ kind }) => failing(ctx, () => backend.records(kind)),
    buryLetters: ({ letters }) => backend.buryLetters(letters),
    letters: ({ filter, limit }) => failing(ctx, () => backend.letters(given(filter), limit)),
    dropLetters: ({ filter }) => backend.dropLetters(given(filter)),
    cursor: ({ feed }) => backend.cursor(feed),
    cursors: () => backend.cursors(),
    series: () => backend.series(),
    seq: () => backend.seq,
    info: () => failing(ctx, () => backend.info()),
    backup: ({ path }) => failing(ctx, () => backend.backup(path)),
  };
});

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
