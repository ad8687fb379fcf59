/** What the label pool says of the labels it commits, in the simulator. */

import { assertEquals } from "@std/assert";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { type CandleBlock, LABEL_HIT_NAMES, LabelStatus } from "../../src/market/block.ts";
import { PoolRig, SEED } from "./pool_rig.ts";
import { SpyStore } from "./spy_store.ts";
import { calmWalkOf, labelledRows, rowsOf, walkOf } from "./support.ts";

const A = "EUR_USD:M1", B = "GBP_USD:M1";

const tallyOf = (rig: PoolRig) => rig.run(rig.pool.ask("tally", {}));
const touchedSeq = (rig: PoolRig, series: string) =>
  rig.run(rig.pool.ask("touchedSeq", { series }));

/** Final halves of a batch run by outcome, each once. */
function expected(blocks: readonly CandleBlock[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (name: string) => counts[name] = (counts[name] ?? 0) + 1;
  for (const block of blocks) {
    const rows = labelledRows(block, DEFAULT_PARAMS);
    for (let row = 0; row < rows.length; row++) {
      const fwdRet = rows.fwdRet[row] as number;
      if (rows.tbStatus[row] === LabelStatus.final) {
        add(LABEL_HIT_NAMES[rows.hit[row] as number] as string);
      }
      if (rows.fhStatus[row] === LabelStatus.final) {
        add(fwdRet > 0 ? "up" : fwdRet < 0 ? "down" : "flat");
      }
    }
  }
  return counts;
}

async function counted(rig: PoolRig): Promise<Record<string, number>> {
  const { kinds } = await tallyOf(rig);
  return Object.fromEntries(
    kinds.flatMap(({ outcomes }) =>
      outcomes.filter(({ total }) => total > 0).map(({ outcome, total }) => [outcome, total])
    ),
  );
}

for (const live of [false, true]) {
  const where = live ? "the live worker" : "threads";
  Deno.test(`the pool counts every final half once, labelled by ${where}`, async () => {
    await using rig = new PoolRig(new SpyStore(), { live });
    const a = walkOf(SEED, A, 300), b = walkOf(SEED + 1, B, 300);
    for (let from = 0; from < 300; from += 50) {
      await rig.commit([rowsOf(a, from, from + 50), rowsOf(b, from, from + 50)]);
    }
    assertEquals(await counted(rig), expected([a, b]));
    const { latest, corrections, seq } = await tallyOf(rig);
    assertEquals([latest.length, latest[0]?.seq, seq], [50, rig.store.seq, rig.store.seq]);
    assertEquals(corrections.total, 0);
  });
}

Deno.test("the pool counts candles that come again with new ones behind them once", async () => {
  await using rig = new PoolRig(new SpyStore());
  const a = walkOf(SEED, A, 300);
  await rig.commit([rowsOf(a, 0, 100)]);
  for (let to = 101; to <= 300; to++) await rig.commit([rowsOf(a, to - 20, to)]);
  assertEquals(await counted(rig), expected([a]));
});

Deno.test("the pool counts changed labels as corrections, as many as the store did", async () => {
  await using rig = new PoolRig(new SpyStore());
  // Without breaks, before which a correction may decide what nothing had decided.
  const a = calmWalkOf(SEED, A, 200);
  await rig.commit([a]);
  const before = await counted(rig);
  const wrong = rowsOf(a, 100, 101);
  for (const column of [wrong.open, wrong.high, wrong.low, wrong.close]) {
    column[0] = (column[0] as number) * 1.5;
  }
  const { revised } = await rig.commit([wrong]);
  const { corrections, latest } = await tallyOf(rig);
  assertEquals(corrections.total, revised);
  assertEquals(await counted(rig), before, `seed ${SEED}`);
  assertEquals(latest[0]?.revision, 1);
});

Deno.test("the pool tells a seq after which no commit was about a series", async () => {
  await using rig = new PoolRig(new SpyStore());
  const a = walkOf(SEED, A, 60), b = walkOf(SEED + 1, B, 60);
  const { seq: first } = await rig.commit([rowsOf(a, 0, 30)]);
  const { seq: second } = await rig.commit([rowsOf(b, 0, 30)]);
  assertEquals(await touchedSeq(rig, A), first);
  assertEquals(await touchedSeq(rig, B), second);
  rig.simulator.kill("/wick/pool");
  await rig.simulator.run();
  // A new one knows only that it was not later than the last commit.
  assertEquals(await touchedSeq(rig, A), second);
  const { seq: third } = await rig.commit([rowsOf(a, 30, 60)]);
  assertEquals(await touchedSeq(rig, A), third);
  assertEquals(await touchedSeq(rig, B), second);
});
