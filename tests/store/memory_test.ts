/** The memory twin: the conformance suite, and what only it does: forget. */

import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch } from "../../src/store/port.ts";
import { storeConformance } from "./conformance.ts";
import { all, batch, candle, candles, labels, logRows, part } from "./support.ts";

storeConformance("MemoryStore", () => new MemoryStore());
