/**
 * The store as an actor: the sole writer of what must survive. The backend decides; this shell only
 * passes messages on.
 *
 * @module
 */

import { actor } from "../src/actor/mod.ts";
import { MemoryStore, type MemoryStoreOptions } from "../src/store/memory.ts";
import type { LoggedLabels, Store as StorePort } from "../src/store/port.ts";
import { Store } from "./protocols.ts";

/** Which backend, or one that is open already (it survives restarts of the actor). */
export type StoreArgs =
  | { readonly kind: "memory"; readonly options?: MemoryStoreOptions }
  | { readonly kind: "open"; readonly backend: StorePort };

/** See {@linkcode Store}. */
export const store = actor(Store, (ctx, args: StoreArgs) => {
  const backend = args.kind === "open" ? args.backend : new MemoryStore(args.options);
  if (args.kind === "memory") ctx.onStop(() => backend.close());
  return {
    commit: ({ batches }) => backend.commit(batches),
    tails: ({ series, bars }) => backend.tails(series, bars),
    window: ({ series, fromTs, toTs, around }) => backend.window(series, fromTs, toTs, around),
    candleBlock: ({ series, fromTs, toTs, limit }) => backend.candles(series, fromTs, toTs, limit),
    labelBlock: ({ series, paramHash, fromTs, toTs, limit }) =>
      backend.labels(series, paramHash, fromTs, toTs, limit),
    labelsAfter: ({ seq, limit }) => {
      // A log that no longer reaches back fails its asker, not the store and all it holds.
      const reply = ctx.defer<LoggedLabels[]>();
      Promise.try(() => backend.labelsAfter(seq, limit)).then(
        (found) => reply.resolve(found),
        (error) => reply.reject(error),
      );
      return reply;
    },
    cursor: ({ feed }) => backend.cursor(feed),
    series: () => backend.series(),
    seq: () => backend.seq,
  };
});
