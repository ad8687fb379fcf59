/** How many commits of the label pool are under way at a time. */

import { assertEquals } from "@std/assert";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { PoolRig, type RigOptions, SEED } from "./pool_rig.ts";
import { SpyStore } from "./spy_store.ts";
import { assertStoreHolds, walkOf } from "./support.ts";

const SERIES = ["EUR_USD:M1", "USD_JPY:M1", "AAPL:M1", "MSFT:M1"];

/** Commits that a pool asks for while none is answered, of batches of so many rows; then all are. */
async function commitsAtOnce(rows: number, options: RigOptions): Promise<number> {
  let commits = 0;
  const store = new SpyStore();
  await using rig = new PoolRig(store, {
    ...options,
    holdUp: (path, type) => {
      if (path === "/wick/store" || path.endsWith("/store")) commits += type === "commit" ? 1 : 0;
      return 0;
    },
  });
  const batches = SERIES.map((series, i) => [walkOf(SEED + i, series, rows)]);
  store.hold();
  const replies = batches.map((blocks) => rig.ingest(blocks));
  await rig.simulator.advance(1_000);
  const atOnce = commits;
  store.release();
  for (const reply of replies) assertEquals((await rig.run(reply)).state, "committed");
  await assertStoreHolds(store.memory, batches, DEFAULT_PARAMS);
  return atOnce;
}

Deno.test("LabelPool has one commit under way", async () => {
  assertEquals(await commitsAtOnce(9_000, {}), 1);
});

Deno.test("LabelPool that is followed has two commits under way when there is enough for both", async () => {
  assertEquals(await commitsAtOnce(9_000, { isFollowed: true }), 2);
});

Deno.test("LabelPool that is followed keeps few rows for the next commit", async () => {
  assertEquals(await commitsAtOnce(40, { isFollowed: true }), 1);
});

Deno.test("LabelPool that is followed gives back both commits when the first is refused", async () => {
  const store = new SpyStore();
  await using rig = new PoolRig(store, { isFollowed: true });
  const batches = SERIES.slice(0, 2).map((series, i) => [walkOf(SEED + i, series, 9_000)]);
  store.hold();
  const replies = batches.map((blocks) => rig.ingest(blocks));
  await rig.simulator.advance(1_000);
  let refusals = 1;
  store.refuse = () =>
    refusals-- > 0 ? { state: "refused", code: "busy", message: "not now" } : null;
  store.release();
  for (const reply of replies) assertEquals((await rig.run(reply)).state, "failed");
  // The second commit was made all the same: its candles come again, and change nothing.
  for (const blocks of batches) await rig.commit(blocks);
  await assertStoreHolds(store.memory, batches, DEFAULT_PARAMS);
});
