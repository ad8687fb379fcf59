/** The store's thread under the harness: the same actor, killed in its commits. */

import { store } from "../../actors/store.ts";
import { serveThread } from "../../src/actor/thread_entry.ts";
import { killInTransactions } from "../chaos_kill/sqlite_probe.ts";
import { killOfProcess } from "./phases.ts";

let isCommit = false;
// Other writes, as those of the limits, are transactions too, and not what is meant.
killInTransactions(killOfProcess(), () => isCommit);

type Create = typeof store.create;
const create: Create = async (ctx, args) => {
  const handlers = await store.create(ctx, args);
  const { commitPacked } = handlers;
  return {
    ...handlers,
    commitPacked: (bytes) => {
      isCommit = true;
      try {
        // The transaction is over when the handler first waits.
        return commitPacked(bytes);
      } finally {
        isCommit = false;
      }
    },
  };
};

serveThread({ ...store, create });
