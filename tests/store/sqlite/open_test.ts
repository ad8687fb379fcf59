/** Opening: whose file it is, and that a refused one stays as it is. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { StoreError, storeErrorCode } from "../../../src/store/error.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "../../../src/store/sqlite/schema.ts";
import { SqliteStore } from "../../../src/store/sqlite_store.ts";
import { all, batch, candle, candles, inFolder, part } from "../support.ts";

const S = "EUR_USD:M1";

/** A file with a few commits. */
function filled(path: string): void {
  const store = new SqliteStore({ path });
  for (let i = 0; i < 5; i++) {
    const append = all(candles(S, [candle(10 * i)]));
    assertEquals(store.commit([batch(part(S, i, { append }))]).state, "committed");
  }
  store.close();
}

/** Asserts that opening is refused with this code and changes no byte. */
function assertRefused(path: string, code: string): string {
  const before = Deno.readFileSync(path);
  const error = assertThrows(() => new SqliteStore({ path }), StoreError);
  assertEquals(error.code, code);
  assertEquals(storeErrorCode(error), code);
  assertEquals(Deno.readFileSync(path), before);
  return error.message;
}

function folderOf(path: string): string[] {
  return [...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map(({ name }) => name).sort();
}

Deno.test("SqliteStore makes folders, the file, and notes its migrations", () =>
  inFolder((path) => {
    filled(path);
    assertEquals(folderOf(path), ["wick.db"]);
    const db = new DatabaseSync(path);
    assertEquals(db.prepare("PRAGMA user_version").get()?.user_version, SCHEMA_VERSION);
    assertEquals(db.prepare("PRAGMA application_id").get()?.application_id, APPLICATION_ID);
    const versions = db.prepare("SELECT version FROM migrations ORDER BY version").all();
    assertEquals(versions.map(({ version }) => version), [
      ...Array.from({ length: SCHEMA_VERSION }, (_, i) => i + 1),
    ]);
    db.close();
  }));

Deno.test("SqliteStore refuses a file that is no database", () =>
  inFolder((path) => {
    Deno.mkdirSync(path.replace("/wick.db", ""));
    for (const text of ["x", "not a database\n".repeat(500), "SQLite format 3\0"]) {
      Deno.writeTextFileSync(path, text);
      const message = assertRefused(path, "foreign");
      assert(message.includes(path) && message.includes("another data directory"), message);
      assertEquals(folderOf(path), ["wick.db"]);
    }
  }));

Deno.test("SqliteStore refuses the database of another program", () =>
  inFolder((path) => {
    Deno.mkdirSync(path.replace("/wick.db", ""));
    for (const id of [0, 42]) {
      const db = new DatabaseSync(path);
      db.exec(`CREATE TABLE IF NOT EXISTS series(id); PRAGMA application_id = ${id}`);
      db.close();
      assertRefused(path, "foreign");
      assertEquals(folderOf(path), ["wick.db"]);
    }
  }));

Deno.test("SqliteStore refuses a file of a newer version", () =>
  inFolder((path) => {
    filled(path);
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    assertRefused(path, "newer");
    assertEquals(folderOf(path), ["wick.db"]);
  }));

Deno.test("SqliteStore refuses a damaged file", () =>
  inFolder((path) => {
    filled(path);
    const bytes = Deno.readFileSync(path);
    // All pages but the first, whose header says what the file is.
    bytes.fill(0xa5, 16_384);
    Deno.writeFileSync(path, bytes);
    assertRefused(path, "damaged");
    assertEquals(folderOf(path), ["wick.db"]);
    Deno.writeFileSync(path, bytes.slice(0, 20_000));
    assertRefused(path, "damaged");
  }));

Deno.test("SqliteStore refuses a second opening of a file, and a first goes on", () =>
  inFolder((path) => {
    const store = new SqliteStore({ path });
    const error = assertThrows(() => new SqliteStore({ path }), StoreError);
    assertEquals(error.code, "locked");
    const append = all(candles(S, [candle(1)]));
    assertEquals(store.commit([batch(part(S, 0, { append }))]).state, "committed");
    store.close();
    const again = new SqliteStore({ path });
    assertEquals(again.seq, 1);
    again.close();
  }));

Deno.test("SqliteStore refuses a file that another process has open", () =>
  inFolder(async (path) => {
    const script = new URL("../killed_writer.ts", import.meta.url).pathname;
    const args = ["run", "-q", "-A", script, path, "1"];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "null" })
      .spawn();
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    for (let said = ""; !/^\d+$/m.test(said);) {
      said += decoder.decode((await reader.read()).value, { stream: true });
    }
    const error = assertThrows(() => new SqliteStore({ path }), StoreError);
    assertEquals(error.code, "locked");
    child.kill("SIGKILL");
    await reader.cancel();
    await child.status;
    new SqliteStore({ path }).close();
  }));

Deno.test("SqliteStore refuses a place where there can be no file", () =>
  inFolder((path) => {
    Deno.writeTextFileSync(path.replace("/data/wick.db", "/data"), "in the way");
    const error = assertThrows(() => new SqliteStore({ path }), StoreError);
    assertEquals(error.code, "unreachable");
  }));

Deno.test("SqliteStore takes no half-made file for its own", () =>
  inFolder((path) => {
    Deno.mkdirSync(path.replace("/wick.db", ""));
    Deno.writeTextFileSync(`${path}.123.new`, "left by a process that was killed");
    Deno.writeTextFileSync(path, "");
    filled(path);
    assertEquals(folderOf(path), ["wick.db"]);
  }));
