/** Thread entry of the cache's second tier. */

import { serveThread } from "../../src/actor/thread_entry.ts";
import { cacheTier } from "../cache_tier.ts";

serveThread(cacheTier);
