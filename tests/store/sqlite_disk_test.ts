/** The SQLite twin and its disk: no room, damage, backups. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../src/store/error.ts";
import type { SqliteBounds } from "../../src/store/sqlite/bounds.ts";
import { openDatabase } from "../../src/store/sqlite/open.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { Chance, SEED } from "../label/support.ts";
import { Operator } from "./conformance.ts";
import { contentsOf, inFolder, SlowStore, TINY_BOUNDS } from "./support.ts";

const SERIES = ["A:M1", "B:M5", "C:D"];
const HASHES = ["0123456789abcdef", "fedcba9876543210"];
const FEEDS = ["feed", "other"];

function setup(path: string, bounds: Partial<SqliteBounds> = TINY_BOUNDS) {
  const db = openDatabase(path, "normal", 0);
  const store = new SqliteStore({ path, bounds }, db);
  const twin = new SlowStore();
  const operator = new Operator(new Chance(SEED), twin);
  const same = async (at: string) =>
    assertEquals(
      await contentsOf(store, SERIES, HASHES, FEEDS),
      twin.contents(SERIES, HASHES, FEEDS),
      at,
    );
  const step = () => {
    const group = operator.group();
    const { state } = twin.commit(group);
    return { expected: state, result: store.commit(group) };
  };
  return { db, store, twin, operator, same, step };
}

Deno.test("SqliteStore: a full disk refuses commits, changes nothing, and goes on with room", () =>
  inFolder(async (path) => {
    const { db, store, twin, operator, same } = setup(path);
    let refusals = 0;
    for (let fill = 0; fill < 4; fill++) {
      const pages = Number(db.prepare("PRAGMA page_count").get()?.page_count);
      db.exec(`PRAGMA max_page_count = ${pages + 1}`);
      let group = operator.group();
      for (let step = 0; step < 400; step++) {
        const result = store.commit(group);
        if (result.state === "refused" && result.code === "disk_full") break;
        assertEquals(result.state, twin.commit(group).state, `step ${step}, WICK_SEED=${SEED}`);
        group = operator.group();
      }
      const info = store.info();
      assertEquals([info.state, info.lastError?.includes("disk is full")], ["full", true]);
      refusals++;
      const letter = { atMs: 1, path: "/a", type: "x", reason: "crashed", error: null };
      const buried = store.buryLetters([{ ...letter, payload: "1".repeat(60_000) }]);
      assertEquals(buried.state === "refused" && buried.code, "disk_full");
      await same(`full for the ${refusals}. time, WICK_SEED=${SEED}`);
      db.exec("PRAGMA max_page_count = 1000000");
      assertEquals(store.commit(group).state, twin.commit(group).state);
      const after = store.info();
      assertEquals([after.state, after.lastError], ["ok", null]);
    }
    await same(`at the end, WICK_SEED=${SEED}`);
    store.close();
    const again = new SqliteStore({ path, bounds: TINY_BOUNDS });
    assertEquals(
      await contentsOf(again, SERIES, HASHES, FEEDS),
      twin.contents(SERIES, HASHES, FEEDS),
    );
    again.close();
  }));

/** Changes one byte of a blob. */
function flip(path: string, table: string, column: string, where: string): void {
  const db = new DatabaseSync(path);
  const row = db.prepare(`SELECT rowid AS id, ${column} AS body FROM ${table} ${where}`).get();
  const body = row?.body as Uint8Array;
  body[body.length - 9] = (body[body.length - 9] as number) ^ 1;
  db.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(body, Number(row?.id));
  db.close();
}

Deno.test("SqliteStore: a changed byte in a chunk is found when it is read", () =>
  inFolder((path) => {
    const { store, step } = setup(path);
    for (let i = 0; i < 60; i++) step();
    store.close();
    flip(path, "chunks", "body", "WHERE set_id = 0 ORDER BY id DESC LIMIT 1");
    const again = new SqliteStore({ path, bounds: TINY_BOUNDS });
    const errors = SERIES.map((series) => {
      try {
        again.candles(series, -Infinity, Infinity, Infinity);
        return null;
      } catch (error) {
        return error instanceof StoreError ? error.code : String(error);
      }
    });
    assertEquals(errors.filter((code) => code !== null), ["damaged"]);
    again.close();
  }));

Deno.test("SqliteStore: a changed byte in a commit that is needed is found at opening", () =>
  inFolder((path) => {
    // Bounds of a service: with tiny ones the last commits may be in chunks already, and not needed.
    const { store, step } = setup(path, {});
    for (let i = 0; i < 20; i++) step();
    store.close();
    for (const column of ["head", "candles", "labels"]) {
      const copy = `${path}.${column}`;
      Deno.copyFileSync(path, copy);
      flip(copy, "commits", column, `WHERE length(${column}) > 9 ORDER BY seq DESC LIMIT 1`);
      const before = Deno.readFileSync(copy);
      const error = assertThrows(() => new SqliteStore({ path: copy }), StoreError);
      assertEquals(error.code, "damaged");
      assertEquals(Deno.readFileSync(copy), before);
    }
  }));

Deno.test("SqliteStore.backup() makes a whole store while commits go on", () =>
  inFolder(async (path) => {
    const { store, twin, step } = setup(path);
    for (let i = 0; i < 60; i++) step();
    const target = `${path}.backup`;
    const making = store.backup(target);
    let isMade = false;
    making.finally(() => isMade = true);
    const firstSeq = store.seq;
    while (!isMade) {
      step();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const bytes = await making;
    assertEquals(bytes, Deno.statSync(target).size);
    const copy = new SqliteStore({ path: target, bounds: TINY_BOUNDS });
    assert(copy.seq >= firstSeq && copy.seq <= twin.seq, `${copy.seq} is in the copy`);
    const then = twin.contents(SERIES, HASHES, FEEDS, copy.seq);
    assertEquals(await contentsOf(copy, SERIES, HASHES, FEEDS), then);
    copy.close();
    store.close();
  }));

Deno.test("SqliteStore.backup() refuses a file that is there", () =>
  inFolder(async (path) => {
    const { store } = setup(path);
    const target = `${path}.backup`;
    Deno.writeTextFileSync(target, "mine");
    const error = await assertRejects(() => store.backup(target), StoreError);
    assertEquals([error.code, Deno.readTextFileSync(target)], ["exists", "mine"]);
    const nowhere = await assertRejects(() => store.backup("/no/such/folder/x"), StoreError);
    assertEquals(nowhere.code, "unreachable");
    store.close();
  }));
