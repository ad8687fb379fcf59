/** The memory that the live worker labels into. */

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { child, seededRandom, Simulator } from "../../src/actor/mod.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import type { LabelBlock } from "../../src/market/block.ts";
import { labelWorker } from "../../actors/label_worker.ts";
import { type LabelPartsReply, LabelWorker } from "../../actors/protocols.ts";
import { SEED } from "./pool_rig.ts";
import { rowsOf, walkOf } from "./support.ts";

const HASH = paramHash(DEFAULT_PARAMS);
const SERIES = 40;
const BARS = 200;
/** Rows of a block unless one request needs more; see `actors/label_worker.ts`. */
const BLOCK_ROWS = 512;
/** Times of the events whose rows lie at from ≤ row < to. */
const timesOf = ({ ts }: LabelBlock, from: number, to: number) => [...ts.subarray(from, to)];

Deno.test("labelParts() labels into blocks that stay small, however many requests come", async () => {
  const simulator = new Simulator({
    seed: SEED,
    system: {
      name: "wick",
      children: [child(labelWorker, { name: "live", args: { params: DEFAULT_PARAMS } })],
    },
  });
  const worker = simulator.system.ref(LabelWorker, "live");
  const random = seededRandom(SEED);
  const walks = Array.from({ length: SERIES }, (_, i) => walkOf(SEED + i, `S${i}:M1`, BARS));
  const found = walks.map((): number[] => []);
  const blocks = new Set<LabelBlock>();
  const at = walks.map(() => 0);
  let rows = 0;
  while (at.some((index) => index < BARS)) {
    // As many series as happen to have a candle, a few candles each: requests of all sizes.
    const parts = walks.keys()
      .filter((series) => (at[series] as number) < BARS && random.next() < 0.7)
      .map((series) => {
        const from = at[series] as number;
        const to = Math.min(BARS, from + 1 + Math.floor(random.next() * 6));
        at[series] = to;
        return {
          series,
          base: from,
          block: rowsOf(walks[series] as typeof walks[number], from, to),
        };
      }).toArray();
    const asked = worker.ask("labelParts", {
      blocks: parts.map(({ block }) => block),
      bases: parts.map(({ base }) => base),
      tails: parts.map(() => null),
    }, { timeoutMs: 600_000 });
    await simulator.run();
    const { block, from, ends, cold } = await asked as LabelPartsReply;
    assertEquals(cold, []);
    // What was told of before stays as it was: later requests only write behind it.
    parts.forEach(({ series }, i) => {
      found[series]?.push(...timesOf(block, ends[i - 1] ?? from, ends[i] as number));
    });
    rows += (ends.at(-1) ?? from) - from;
    blocks.add(block);
    assertLessOrEqual(block.length, 2 * BLOCK_ROWS);
  }
  const out = new LabelBuilder(1, HASH);
  walks.forEach((walk, series) => {
    out.clear();
    new Labeler(DEFAULT_PARAMS, { emit: "final" }).push(walk, 0, BARS, out);
    assertEquals(found[series], timesOf(out.columns, 0, out.length));
  });
  // Not one block a request either.
  assertLessOrEqual(blocks.size, Math.ceil(4 * rows / BLOCK_ROWS));
  await simulator.system.stop();
});
