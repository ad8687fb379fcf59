import { assertEquals } from "@std/assert";
import { VirtualClock } from "../../../src/actor/clock.ts";
import type { AppliedEntry } from "../../../src/store/log/replicated_store.ts";
import { APPLIED_NEWS_BOUNDS, AppliedNewsLog } from "../../../src/store/nodes/applied_news.ts";

const BESIDE = { feed: null, after: null, cursor: null, series: [] } as const;

function commit(seq: number, labels: number, records: readonly string[] = []): AppliedEntry {
  const kept = records.map((key) => ({ kind: "levels", key, json: "[]" }));
  const outcome = { candles: 1, corrected: 0, labels, revised: 0 };
  return {
    ...{ position: seq, atMs: 1_000 + seq, seq, isOwn: false },
    change: { kind: "commit", batches: [{ ...BESIDE, records: kept }] },
    outcome: {
      ...{ state: "committed", seq, atMs: 1_000 + seq, batches: [outcome] },
      logged: undefined as never,
    },
  };
}

function put(seq: number, key: string): AppliedEntry {
  return {
    ...{ position: seq, atMs: 1_000, seq, isOwn: true },
    change: { kind: "put", record: ["instrument", key, "{}"] },
    outcome: { state: "written" },
  };
}

Deno.test("AppliedNewsLog.after() answers at once with what came after a seq", async () => {
  const news = new AppliedNewsLog(new VirtualClock(), 5);
  news.applied(commit(6, 2));
  news.applied(commit(7, 3, ["EUR"]));
  news.applied(put(7, "USD"));
  assertEquals(await news.after(5, 0), {
    ...{ seq: 7, atMs: 1_007, rows: 5, changes: 2 },
    records: [{ kind: "levels", key: "EUR" }, { kind: "instrument", key: "USD" }],
  });
  assertEquals((await news.after(6, 1)).rows, 3);
  assertEquals((await news.after(6, 1)).records, [{ kind: "instrument", key: "USD" }]);
});

Deno.test("AppliedNewsLog.after() waits for something new, and not for ever", async () => {
  const clock = new VirtualClock();
  const news = new AppliedNewsLog(clock, 5);
  let answers = 0;
  const waiting = news.after(5, 0).then((found) => (answers++, found));
  await Promise.resolve();
  assertEquals(answers, 0);
  news.applied(commit(6, 1));
  assertEquals((await waiting).seq, 6);
  const late = news.after(6, 0);
  clock.advance(APPLIED_NEWS_BOUNDS.waitMs);
  assertEquals(await late, { seq: 6, atMs: 1_006, rows: 0, changes: 0, records: [] });
});

Deno.test("AppliedNewsLog says when nobody knows which records changed", async () => {
  const news = new AppliedNewsLog(new VirtualClock(), 0);
  for (let i = 0; i <= 2 * APPLIED_NEWS_BOUNDS.records; i++) news.applied(put(0, `K${i}`));
  assertEquals((await news.after(0, 0)).records, null);
  const { changes } = await news.after(0, 0);
  assertEquals((await news.after(0, changes - 1)).records?.length, 1);
  // A count that it never reached is of another life.
  assertEquals((await news.after(0, changes + 5)).records, null);
});
