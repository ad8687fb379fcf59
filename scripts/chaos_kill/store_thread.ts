/** The store's thread under the harness: the same actor, killed in its transactions. */

import { store } from "../../actors/store.ts";
import { serveThread } from "../../src/actor/thread_entry.ts";
import { planOfProcess } from "./probe.ts";
import { killInTransactions } from "./sqlite_probe.ts";

killInTransactions(planOfProcess());
serveThread(store);
