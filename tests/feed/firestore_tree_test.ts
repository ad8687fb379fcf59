import { assert } from "@std/assert";
import { startWick } from "../../actors/tree.ts";
import { systemClock } from "../../src/actor/clock.ts";
import { firestoreSource } from "../../src/feed/firestore_source.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { assertStoreHolds, randomStream } from "../actors/support.ts";
import { serviceOrSkip } from "../support/services.ts";
import { type Document, Emulator, PROJECT } from "./firestore_emulator.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`firestore_tree_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

/** A row as the document of its candle, by path. */
function documentsOf(block: CandleBlock): [string, Document][] {
  const [instrument, granularity] = block.series.split(":") as [string, string];
  return Array.from(block.ts, (ts, i) => {
    const isDeleted = block.deleted?.[i] === 1;
    const prices = { open: block.open[i], high: block.high[i], low: block.low[i] };
    const rest = { close: block.close[i], volume: block.volume[i] };
    const base = { instrument, granularity, ts, complete: true, deleted: isDeleted };
    const path = `candles/${instrument}-${granularity}-${ts}`;
    return [path, isDeleted ? base : { ...base, ...prices, ...rest }];
  });
}

Deno.test(
  "a tree on a Firestore holds what a batch run computes, through restarts of the server",
  // A server that went away leaves tries of the client library that end by themselves within 8 s.
  { ...serviceOrSkip("node"), sanitizeOps: false, sanitizeResources: false },
  async () => {
    await using emulator = await Emulator.start();
    await using writer = emulator.writer();
    const batches = randomStream(SEED, { series: 4, bars: 90, blockRowsMax: 20, changes: 0.2 });
    const backend = new MemoryStore();
    const wick = await startWick({
      store: { kind: "open", backend },
      workers: 1,
      feeds: [{
        name: "feed",
        source: () =>
          firestoreSource(systemClock, {
            projectId: PROJECT,
            emulatorHost: emulator.host,
            collection: "candles",
            symbols: [],
            granularities: [],
            rowsMax: 64,
            pageDocuments: 100,
            viewDocuments: 64,
            lookMs: 500,
            answerMs: 1_000,
          }),
      }],
      system: { log: () => {} },
    });
    const feed = wick.feed("feed");
    try {
      const third = Math.ceil(batches.length / 3);
      for (const [i, blocks] of batches.entries()) {
        if (i % third === third - 1) {
          await emulator.halt();
          await emulator.resume();
        }
        for (const block of blocks) await writer.put(Object.fromEntries(documentsOf(block)));
      }
      const written = new Date(Date.now()).toISOString();
      const untilMs = performance.now() + 60_000;
      for (;;) {
        const { detail, underWay, state } = await feed.ask("status", {});
        const isPast = String(detail.deliveredTo) > written && underWay === 0;
        if (isPast && detail.phase === "listening") break;
        assert(performance.now() < untilMs, `${state} at ${detail.deliveredTo}, not ${written}`);
        if (state === "waiting") await feed.ask("resume", {});
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await assertStoreHolds(backend, batches, DEFAULT_PARAMS);
    } finally {
      await wick.system.stop();
    }
  },
);
