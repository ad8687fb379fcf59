/** Thread entry of the store. */

import { serveThread } from "../../src/actor/thread_entry.ts";
import { store } from "../store.ts";

serveThread(store);
