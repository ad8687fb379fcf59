/** Labels as an async iterator: every row once, in order, live, from any place, until it ends. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createSystem, type System } from "../../src/actor/mod.ts";
import { LabelLog } from "../../src/http/label_log.ts";
import { labels } from "../../src/http/label_rows.ts";
import { STREAM_READ_ROWS } from "../../src/http/limits.ts";
import { allocateLabels } from "../../src/label/rows.ts";
import type { LoggedCommit } from "../../src/store/port.ts";
import { storeErrorCode } from "../../src/store/error.ts";
import { startWick } from "../../actors/tree.ts";
import { calmWalkOf, rowsOf } from "../actors/support.ts";

function commit(seq: number, rows: number, ...names: string[]): LoggedCommit {
  const series = names.length === 0 ? ["A:M1"] : names;
  const each = rows / series.length;
  return {
    seq,
    atMs: seq,
    labels: allocateLabels("", "", rows),
    runs: series.map((series, i) => ({
      series,
      paramHash: "h",
      from: each * i,
      to: each * (i + 1),
    })),
    revisions: new Uint32Array(rows),
    removed: new Uint8Array(rows),
  };
}

/** A log that grows, and the system it is of. */
class Source implements AsyncDisposable {
  readonly commits: LoggedCommit[] = [];
  readonly system: System = createSystem({ name: "wick", log: null });
  reads = 0;
  oldestSeq = 0;
  readonly log = new LabelLog((seq, limit) => {
    this.reads++;
    if (seq < this.oldestSeq) return Promise.resolve({ state: "gone", oldestSeq: this.oldestSeq });
    const found: LoggedCommit[] = [];
    let rows = 0;
    for (const one of this.commits) {
      if (one.seq <= seq || rows >= limit) continue;
      found.push(one);
      rows += one.labels.length;
    }
    return Promise.resolve({ state: "ok", commits: found });
  }, 0);

  add(one: LoggedCommit): void {
    this.commits.push(one);
    this.log.committed(one.seq);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

/** The next `count` rows, as `SEQ-ROW`. */
async function take(rows: AsyncIterator<{ seq: number; row: number }>, count: number) {
  const found: string[] = [];
  while (found.length < count) {
    const { value, done } = await rows.next();
    if (done === true) break;
    found.push(`${value.seq}-${value.row}`);
  }
  return found;
}

Deno.test("labels() gives every row once, in order, and goes on as commits come", async () => {
  await using source = new Source();
  source.add(commit(1, 2));
  source.add(commit(3, 1));
  const rows = labels(source, { after: 0 });
  assertEquals(await take(rows, 3), ["1-0", "1-1", "3-0"]);
  const next = take(rows, 3);
  source.add(commit(4, 1));
  await Promise.resolve();
  source.add(commit(6, 2));
  assertEquals(await next, ["4-0", "6-0", "6-1"]);
  await rows.return();
});

Deno.test("labels() without a place gives only what comes", async () => {
  await using source = new Source();
  source.add(commit(1, 2));
  const rows = labels(source);
  const next = take(rows, 1);
  source.add(commit(2, 1));
  assertEquals(await next, ["2-0"]);
  await rows.return();
});

Deno.test("labels() goes on behind any row", async () => {
  await using source = new Source();
  source.add(commit(1, 3));
  source.add(commit(2, 2));
  const all = ["1-0", "1-1", "1-2", "2-0", "2-1"];
  for (const [i, after] of all.entries()) {
    const rows = labels(source, { after });
    assertEquals(await take(rows, all.length - 1 - i), all.slice(i + 1));
    await rows.return();
  }
  const whole = labels(source, { after: 1 });
  assertEquals(await take(whole, 2), ["2-0", "2-1"]);
  await whole.return();
  await assertRejects(() => labels(source, { after: "x" }).next(), RangeError, "value is x");
  await assertRejects(() => labels(source, { after: -1 }).next(), RangeError);
});

Deno.test("labels() gives rows of their own, of the series asked for", async () => {
  await using source = new Source();
  source.add(commit(1, 4, "A:M1", "B:M1"));
  const rows = labels(source, { after: 0, series: ["B:M1"] });
  const first = (await rows.next()).value;
  const second = (await rows.next()).value;
  assert(typeof first === "object" && typeof second === "object");
  assertEquals([first.series, first.row, second.row], ["B:M1", 2, 3]);
  await rows.return();
});

Deno.test("labels() reads one page ahead and no further, however slow the loop is", async () => {
  await using source = new Source();
  const pages = 5;
  for (let i = 1; i <= pages; i++) source.add(commit(i, STREAM_READ_ROWS));
  const rows = labels(source, { after: 0 });
  await rows.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(source.reads, 1);
  await take(rows, STREAM_READ_ROWS);
  assertEquals(source.reads, 2);
  await rows.return();
});

Deno.test("labels() ends at its signal, while it waits and between rows", async () => {
  await using source = new Source();
  source.add(commit(1, 3));
  const abort = new AbortController();
  const rows = labels(source, { after: 0, signal: abort.signal });
  assertEquals(await take(rows, 3), ["1-0", "1-1", "1-2"]);
  const waiting = rows.next();
  abort.abort();
  assertEquals(await waiting, { done: true, value: undefined });
  const between = new AbortController();
  const seen: number[] = [];
  for await (const { row } of labels(source, { after: 0, signal: between.signal })) {
    seen.push(row);
    between.abort();
  }
  assertEquals(seen, [0]);
  const before = labels(source, { after: 0, signal: AbortSignal.abort() });
  assertEquals((await before.next()).done, true);
});

Deno.test("labels() rejects when the log was given up or cannot be read", async () => {
  await using source = new Source();
  source.add(commit(5, 1));
  source.oldestSeq = 4;
  const error = await assertRejects(() => labels(source, { after: 2 }).next());
  assertEquals(storeErrorCode(error), "gone");
  source.log.after = () => Promise.reject(new Error("no answer"));
  await assertRejects(() => labels(source, { after: 4 }).next(), Error, "no answer");
  const { system } = source;
  await assertRejects(() => labels({ log: null, system }).next(), TypeError, "startWick()");
});

Deno.test("labels() of a running tree ends when the tree stops", async () => {
  const wick = await startWick({ workers: 1, system: { log: null } });
  const walk = calmWalkOf(7, "EUR_USD:M1", 200);
  const pushed = (from: number, to: number) =>
    wick.pool.ask("ingest", {
      feed: null,
      after: null,
      cursor: null,
      blocks: [rowsOf(walk, from, to)],
      priority: 5,
      bulk: true,
    });
  await pushed(0, 100);
  const times: number[] = [];
  const reading = (async () => {
    for await (const { ts, revision } of labels(wick, { after: 0 })) {
      if (revision === 0) times.push(ts);
    }
  })();
  await pushed(100, 200);
  const stored = await wick.store.ask("labelsAfter", { seq: 0, limit: 1e9 });
  const expected = stored.flatMap(({ labels }) => [...labels.ts]);
  while (times.length < expected.length) await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(times, expected);
  await wick.system.stop();
  await reading;
});
