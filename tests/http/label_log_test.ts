import { LabelLog } from "../../src/http/label_log.ts";
import { allocateLabels } from "../../src/label/rows.ts";
import type { LoggedCommit } from "../../src/store/port.ts";
import { seededRandom } from "../../src/actor/mod.ts";
import { assert, assertEquals } from "@std/assert";

function commit(seq: number, rows: number): LoggedCommit {
  const run = { series: "A:H1", paramHash: "h", from: 0, to: rows };
  return {
    seq,
    atMs: seq,
    labels: allocateLabels("", "", rows),
    runs: [run],
    revisions: new Uint32Array(rows),
    removed: new Uint8Array(rows),
  };
}

/** Whole commits after a seq until the limit is passed, as a store reads them. */
function readOf(commits: readonly LoggedCommit[]) {
  return (seq: number, limit: number) => {
    const found: LoggedCommit[] = [];
    let rows = 0;
    for (const one of commits) {
      if (one.seq <= seq) continue;
      if (rows >= limit) break;
      found.push(one);
      rows += one.labels.length;
    }
    return Promise.resolve({ state: "ok" as const, commits: found });
  };
}

Deno.test("LabelLog.after() passes commits without labels and never what is not published", async () => {
  const log = new LabelLog(readOf([commit(2, 3), commit(5, 1), commit(9, 1)]), 7);
  const found = await log.after(0, 100);
  assert(found.state === "ok");
  assertEquals(found.commits.map(({ seq }) => seq), [2, 5]);
  assertEquals(found.throughSeq, 7);
  const part = await log.after(0, 3);
  assert(part.state === "ok");
  assertEquals([part.commits.length, part.throughSeq], [1, 2]);
});

Deno.test("LabelLog read in steps of any size gives every published commit once", async () => {
  const random = seededRandom(5);
  for (let round = 0; round < 50; round++) {
    const commits: LoggedCommit[] = [];
    let seq = 0;
    for (let i = 0; i < 30; i++) {
      seq += 1 + Math.floor(random.next() * 3);
      commits.push(commit(seq, 1 + Math.floor(random.next() * 5)));
    }
    const last = Math.floor(random.next() * (seq + 2));
    const log = new LabelLog(readOf(commits), last);
    const seen: number[] = [];
    for (let at = 0; at < last;) {
      const found = await log.after(at, 1 + Math.floor(random.next() * 8));
      assert(found.state === "ok" && found.throughSeq > at && found.throughSeq <= last);
      seen.push(...found.commits.map((one) => one.seq));
      at = found.throughSeq;
    }
    assertEquals(seen, commits.map((one) => one.seq).filter((one) => one <= last));
  }
});

Deno.test("LabelLog.committed() wakes who waits, in order, until they leave", () => {
  const log = new LabelLog(readOf([]), 1);
  const woken: number[] = [];
  const leave = log.onCommit((seq) => woken.push(seq));
  for (const seq of [2, 2, 1, 5]) log.committed(seq);
  leave();
  log.committed(6);
  assertEquals([woken, log.seq()], [[2, 5], 6]);
});
