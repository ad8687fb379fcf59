/** Cutting the log into batches: every row once, in order, within the bounds. */

import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../src/actor/mod.ts";
import { LabelLog } from "../../../src/http/label_log.ts";
import { parsePlace, placeText } from "../../../src/http/label_lines.ts";
import { WebhookBatches } from "../../../src/http/webhook/batches.ts";
import type { LoggedCommit, LoggedRun } from "../../../src/store/port.ts";
import { labels } from "../../store/support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`batch_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const WHOLE = { webhook: "desk", series: null, rowsMax: 1_000, bytesMax: 1e6, readRowsMax: 2_048 };
const BEGIN = { seq: 0, row: Infinity };

/** A commit whose rows are told apart by their times; runs of some rows take turns. */
function commit(seq: number, rows: number, names: readonly string[]): LoggedCommit {
  const all = Array.from({ length: rows }, (_, i) => ({ ts: seq * 1e6 + i, exit: 101, fwd: null }));
  const runs: LoggedRun[] = [];
  for (let from = 0, i = 0; from < rows; from += 3, i++) {
    const series = names[i % names.length] as string;
    runs.push({ series, paramHash: "h", from, to: Math.min(rows, from + 3) });
  }
  return {
    seq,
    atMs: 1_000 + seq,
    labels: labels("", "", all),
    runs,
    revisions: new Uint32Array(rows).fill(seq),
    removed: new Uint8Array(rows),
  };
}

/** A log of these commits; `oldestSeq` says what it has given up. */
function logOf(commits: readonly LoggedCommit[], lastSeq: number, oldestSeq = 0): LabelLog {
  return new LabelLog((seq, limit) => {
    if (seq < oldestSeq) return Promise.resolve({ state: "gone", oldestSeq });
    const found: LoggedCommit[] = [];
    let rows = 0;
    for (const one of commits) {
      if (one.seq <= seq || rows >= limit) continue;
      found.push(one);
      rows += one.labels.length;
    }
    return Promise.resolve({ state: "ok", commits: found });
  }, lastSeq);
}

interface Document {
  readonly webhook: string;
  readonly after: string;
  readonly through: string;
  readonly gap: { after: string; through: string } | null;
  readonly labels: readonly {
    readonly seq: number;
    readonly row: number;
    readonly series: string;
    readonly ts: number;
  }[];
}

/** Everything that a log has, taken batch by batch. */
async function drained(batches: WebhookBatches): Promise<Document[]> {
  const documents: Document[] = [];
  for (let batch = await batches.next(); batch !== null; batch = await batches.next()) {
    documents.push(JSON.parse(batch.body));
    assertEquals(batch.rows, documents.at(-1)?.labels.length);
    batches.taken();
  }
  return documents;
}

const namesOf = (documents: readonly Document[]) =>
  documents.flatMap(({ labels }) => labels.map(({ seq, row }) => `${seq}-${row}`));

Deno.test("batches of any size hold every row once, in order, and follow on each other", async () => {
  const random = seededRandom(SEED);
  const pick = (most: number) => 1 + Math.floor(random.next() * most);
  for (let round = 0; round < 60; round++) {
    const commits: LoggedCommit[] = [];
    let seq = 0;
    for (let i = pick(12); i > 0; i--) {
      commits.push(commit(seq += pick(3), pick(40), ["A:M1", "B:M1"]));
    }
    const lastSeq = seq + pick(3) - 1;
    const only = random.next() < 0.4 ? new Set(["B:M1"]) : null;
    const rowsMax = pick(30), bytesMax = pick(6_000);
    const options = { ...WHOLE, series: only, rowsMax, bytesMax, readRowsMax: pick(60) };
    const batches = new WebhookBatches(logOf(commits, lastSeq), options, BEGIN);
    const documents = await drained(batches);
    const expected = commits.flatMap(({ seq, runs }) =>
      runs.flatMap(({ series, from, to }) =>
        only === null || only.has(series)
          ? Array.from({ length: to - from }, (_, i) => `${seq}-${from + i}`)
          : []
      )
    );
    assertEquals(namesOf(documents), expected);
    for (const { labels } of documents) {
      assert(labels.length <= rowsMax);
      const bytes = labels.reduce((sum, line) => sum + JSON.stringify(line).length, 0);
      assert(labels.length === 1 || bytes <= bytesMax, `${bytes} bytes of ${bytesMax}`);
    }
    assertEquals(batches.place, { seq: lastSeq, row: Infinity });
    assert(!batches.hasMore);
    if (only === null) {
      for (const [i, { after }] of documents.entries()) {
        assertEquals(after, documents[i - 1]?.through ?? "0");
      }
    }
    // From wherever a batch ended, the rest comes.
    const cut = Math.floor(random.next() * documents.length);
    const place = parsePlace(documents[cut]?.through ?? "0");
    const rest = await drained(new WebhookBatches(logOf(commits, lastSeq), options, place));
    assertEquals(namesOf(rest), namesOf(documents.slice(cut + 1)));
  }
});

Deno.test("a batch is a document with its places and the lines of the stream", async () => {
  const log = logOf([commit(2, 4, ["A:M1"])], 5);
  const batches = new WebhookBatches(log, { ...WHOLE, rowsMax: 3 }, BEGIN);
  const [first, second] = await drained(batches);
  assertEquals([first?.webhook, first?.after, first?.through, first?.gap], [
    "desk",
    "0",
    "2-2",
    null,
  ]);
  assertEquals([second?.after, second?.through], ["2-2", "5"]);
  const { type, at, series, revision, removed, ts, tb_status } = second?.labels[0] as unknown as
    & Record<"type" | "series" | "tb_status", string>
    & Record<"at" | "revision" | "ts", number>
    & { removed: boolean };
  assertEquals({ type, at, series, revision, removed, ts, tb_status }, {
    type: "label",
    at: 1_002,
    series: "A:M1",
    revision: 2,
    removed: false,
    ts: 2e6 + 3,
    tb_status: "final",
  });
});

Deno.test("WebhookBatches.next() gives the same batch until it is taken", async () => {
  const log = logOf([commit(1, 10, ["A:M1"])], 1);
  const batches = new WebhookBatches(log, { ...WHOLE, rowsMax: 4 }, BEGIN);
  const first = await batches.next();
  assert(await batches.next() === first);
  assertEquals(placeText(batches.place), "0");
  batches.taken();
  assertEquals(placeText(batches.place), "1-3");
});

Deno.test("WebhookBatches.shrink() halves batches down to one row, and no row is missed", async () => {
  const log = logOf([commit(1, 8, ["A:M1"])], 1);
  const batches = new WebhookBatches(log, WHOLE, BEGIN);
  const sizes: number[] = [];
  do sizes.push((await batches.next())?.rows ?? 0); while (batches.shrink());
  assertEquals(sizes, [8, 4, 2, 1]);
  assertEquals(namesOf(await drained(batches)), Array.from({ length: 8 }, (_, row) => `1-${row}`));
});

Deno.test("rows that the log gave up are a gap that the next batch tells of", async () => {
  const commits = [commit(7, 2, ["A:M1"]), commit(9, 2, ["A:M1"])];
  const batches = new WebhookBatches(logOf(commits, 9, 6), { ...WHOLE, rowsMax: 2 }, {
    seq: 3,
    row: 1,
  });
  const documents = await drained(batches);
  assertEquals(documents.map(({ after, gap }) => [after, gap]), [
    ["6", { after: "3-1", through: "6" }],
    ["7-1", null],
  ]);
  assertEquals(batches.gaps, 1);
});

Deno.test("rows of other series are passed without a batch", async () => {
  const log = logOf([commit(1, 3, ["A:M1"]), commit(2, 3, ["A:M1"])], 4);
  const batches = new WebhookBatches(log, { ...WHOLE, series: new Set(["Z:M1"]) }, BEGIN);
  assertEquals(await batches.next(), null);
  assertEquals(placeText(batches.place), "4");
});
