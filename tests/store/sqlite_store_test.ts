/** The SQLite twin: the conformance suite, in memory, on disk, and with bounds so low that few rows
 * go all ways; reopened and killed at random points. */

import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Store } from "../../src/store/port.ts";
import { SqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite_store.ts";
import { Chance, SEED } from "../label/support.ts";
import { Operator, storeConformance } from "./conformance.ts";
import { contentsOf, inFolder, rowsOf, SlowStore, TINY_BOUNDS } from "./support.ts";

const SERIES = ["A:M1", "B:M5", "C:D"];
const HASHES = ["0123456789abcdef", "fedcba9876543210"];
const FEEDS = ["feed", "other"];

storeConformance("SqliteStore", () => new SqliteStore({ path: ":memory:" }));

storeConformance(
  "SqliteStore with tiny bounds",
  () => new SqliteStore({ path: ":memory:", bounds: TINY_BOUNDS }),
);

async function assertSame(store: Store, twin: SlowStore, at: string): Promise<void> {
  const contents = await contentsOf(store, SERIES, HASHES, FEEDS);
  assertEquals(contents, twin.contents(SERIES, HASHES, FEEDS), at);
}

/** Rows of the file's tables. */
function countsOf(path: string): Record<string, number> {
  const db = new DatabaseSync(path);
  const count = (from: string) => Number(db.prepare(`SELECT count(*) AS n FROM ${from}`).get()?.n);
  const counts = {
    commits: count("commits"),
    chunks: count("chunks"),
    withSeqs: count("chunks WHERE min_seq < max_seq"),
    flushed: count("meta WHERE key = 'flushed_seq' AND value > 0"),
  };
  db.close();
  return counts;
}

for (const [name, bounds] of [["", {}], [" with tiny bounds", TINY_BOUNDS]] as const) {
  Deno.test(`SqliteStore${name}: random commits survive reopening at any point`, () =>
    inFolder(async (path) => {
      const options: SqliteStoreOptions = { path, bounds, durability: "normal" };
      const twin = new SlowStore();
      const operator = new Operator(new Chance(SEED), twin);
      let store = new SqliteStore(options);
      for (let step = 0; step < 120; step++) {
        const at = `step ${step}, WICK_SEED=${SEED}`;
        if (operator.chance.next() < 0.2) {
          store.close();
          store = new SqliteStore(options);
          await assertSame(store, twin, at);
        }
        const group = operator.group();
        assertEquals(store.commit(group).state, twin.commit(group).state, at);
        const asOf = operator.chance.int(0, store.seq + 1);
        const rows = await rowsOf(store, SERIES, HASHES, asOf);
        assertEquals(rows, twin.rowsOf(SERIES, HASHES, asOf), at);
      }
      await assertSame(store, twin, `at the end, WICK_SEED=${SEED}`);
      store.close();
      const counts = countsOf(path);
      assertEquals(counts.commits, twin.seq);
      // Otherwise the tiny bounds have shown nothing about chunks.
      const isTiny = bounds === TINY_BOUNDS;
      for (const kind of ["chunks", "withSeqs", "flushed"]) {
        assertEquals((counts[kind] ?? 0) > 0, isTiny, kind);
      }
    }));
}

/** Runs the writer until it has committed some more, and kills it; gives the last seq it said. */
async function killed(path: string, seed: number, commits: number): Promise<number> {
  const script = new URL("killed_writer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", script, path, String(seed)],
    stdout: "piped",
  }).spawn();
  let said = "", at = 0;
  const decoder = new TextDecoder();
  for await (const part of child.stdout) {
    said += decoder.decode(part, { stream: true });
    at = seqsOf(said).length;
    if (at < commits) continue;
    try {
      child.kill("SIGKILL");
    } catch {
      // Killed already; what it said before is still read.
    }
  }
  assertEquals((await child.status).signal, "SIGKILL");
  return seqsOf(said).at(-1) ?? 0;
}

/** The whole lines that are seqs. */
function seqsOf(said: string): number[] {
  return said.split("\n").slice(0, -1).filter((line) => /^\d+$/.test(line)).map(Number);
}

Deno.test("SqliteStore: kill -9 at any moment loses nothing that was said and repeats nothing", () =>
  inFolder(async (path) => {
    const seed = SEED + 1;
    const chance = new Chance(seed);
    for (let kill = 0; kill < 6; kill++) {
      const said = await killed(path, seed, chance.int(1, 60));
      const store = new SqliteStore({ path, bounds: TINY_BOUNDS });
      const at = `kill ${kill} after seq ${said}, WICK_SEED=${SEED}`;
      assert(store.seq === said || store.seq === said + 1, `${at}: ${store.seq} is there`);
      const twin = new SlowStore();
      const operator = new Operator(new Chance(seed), twin);
      while (twin.seq < store.seq) twin.commit(operator.group());
      await assertSame(store, twin, at);
      store.close();
    }
  }));
