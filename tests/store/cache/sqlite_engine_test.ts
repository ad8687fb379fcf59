/** The second tier in a file: the conformance suite, the bound, and everything that files do. */

import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { seededRandom, systemClock, VirtualClock } from "../../../src/actor/clock.ts";
import { SqliteEngine } from "../../../src/store/cache/sqlite_engine.ts";
import { openCacheFile } from "../../../src/store/cache/sqlite_file.ts";
import { EngineTier } from "../../../src/store/cache/tier_engine.ts";
import { inFolder as inStoreFolder } from "../support.ts";
import { tierConformance } from "./conformance.ts";
import { entry, texts } from "./support.ts";

const random = seededRandom(1);

tierConformance({
  name: "sqlite",
  open: async () => {
    const folder = await Deno.makeTempDir({ prefix: "wick-cache-" });
    const engine = new SqliteEngine({ path: `${folder}/a/cache.db`, clock: systemClock, random });
    const tier = new EngineTier(engine, systemClock);
    return {
      tier,
      settled: () => Promise.resolve(engine.flush()),
      [Symbol.asyncDispose]: async () => {
        tier.close();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },
});

/** Runs with a path in a folder that goes afterwards. */
const inFolder = (run: (path: string) => void) =>
  inStoreFolder((path) => run(path.replace("wick.db", "cache.db")));

function open(path: string, clock = new VirtualClock(0, Date.now()), bytesMax = 10_000_000) {
  return { clock, engine: new SqliteEngine({ path, clock, random, bytesMax }) };
}

const FOREVER = { hardAtMs: Infinity };

const found = (engine: SqliteEngine, ...keys: string[]) => texts(engine.getMany(keys));

Deno.test("SqliteEngine gives up the oldest ends first and stays within its bound", () =>
  inFolder((path) => {
    const { clock, engine } = open(path, undefined, 1_000_000);
    const keys: string[] = [];
    for (let round = 0; round < 40; round++) {
      // Later rounds end later, so what is left must be the end of the list.
      const hardAtMs = clock.wallNow() + 1_000_000 + round * 1_000;
      const entries = Array.from({ length: 50 }, (_, i) => (
        entry(`${round}:${i}`, "x".repeat(900), { hardAtMs: hardAtMs + i })
      ));
      for (const { key } of entries) keys.push(key);
      engine.setMany(entries);
      engine.flush();
      assert(engine.info().bytes <= 1_000_000, `${engine.info().bytes} bytes`);
    }
    const left = found(engine, ...keys).map((text) => text !== null);
    const first = left.indexOf(true);
    assertEquals(left.indexOf(false, first), -1, "what is left ends last");
    assertGreater(keys.length - first, 900);
    const { entries, evicted } = engine.info();
    assertEquals([entries, evicted], [keys.length - first, first]);
    const { bytes } = engine.info();
    engine.close();
    const size = Deno.statSync(path).size;
    assertLess(size, 1_500_000);
    const again = open(path, clock, 1_000_000).engine;
    assertEquals([again.info().entries, again.info().bytes], [entries, bytes]);
    again.close();
  }));

Deno.test("SqliteEngine gives up what is past its end", () =>
  inFolder((path) => {
    const { clock, engine } = open(path);
    const hardAtMs = clock.wallNow() + 1_000;
    engine.setMany([entry("a", "1", { hardAtMs }), entry("b", "2")]);
    engine.flush();
    clock.advance(1_000);
    assertEquals(found(engine, "a", "b"), [null, "2"]);
    engine.setMany([entry("c", "3")]);
    engine.flush();
    assertEquals(engine.info().entries, 2);
    engine.close();
  }));

Deno.test("SqliteEngine keeps what was written, and what was closed with it", () =>
  inFolder((path) => {
    const { clock, engine } = open(path);
    engine.setMany([entry("a", "1", { tags: ["t"] })]);
    engine.flush();
    engine.setMany([entry("b", "2", { tags: ["t"] })]);
    engine.close();
    engine.close();
    assertEquals(found(engine, "a"), [null]);
    const again = open(path, clock).engine;
    assertEquals(found(again, "a", "b"), ["1", "2"]);
    again.invalidate({ tags: ["t"] });
    assertEquals(found(again, "a", "b"), [null, null]);
    again.close();
  }));

Deno.test("SqliteEngine: a second process with the file is down, spoils nothing, and gets it later", () =>
  inFolder((path) => {
    const first = open(path);
    first.engine.setMany([entry("a", "1"), entry("b", "2")]);
    first.engine.flush();
    const second = open(path);
    assertEquals(second.engine.info().state, "down");
    assertMatch(second.engine.info().lastError ?? "", /locked/);
    second.engine.setMany([entry("c", "3")]);
    assertEquals(found(second.engine, "a", "c"), [null, "3"]);
    second.engine.invalidate({ keys: ["a"] });
    assertEquals(found(first.engine, "a", "b"), ["1", "2"]);
    first.engine.close();
    second.clock.advance(60_000);
    // It could not tell the file what it had to forget, so all of it is gone.
    assertEquals(found(second.engine, "a", "b"), [null, null]);
    assertEquals(second.engine.info().state, "up");
    second.engine.close();
  }));

Deno.test("SqliteEngine sets a damaged file aside and begins anew", () =>
  inFolder((path) => {
    const { engine } = open(path);
    engine.setMany([entry("a", "1")]);
    engine.close();
    Deno.writeTextFileSync(
      path,
      "not a database at all, but long enough to be taken for one".repeat(99),
    );
    const again = open(path).engine;
    assertEquals([again.info().state, again.info().failures], ["up", 1]);
    assertEquals(found(again, "a"), [null]);
    again.setMany([entry("a", "2")]);
    again.flush();
    assertEquals(found(again, "a"), ["2"]);
    assert(Deno.readTextFileSync(`${path}.damaged`).startsWith("not a database"));
    again.close();
  }));

Deno.test("SqliteEngine survives pages that are damaged while it runs", () =>
  inFolder((path) => {
    const { clock, engine } = open(path);
    const keys = Array.from({ length: 2_000 }, (_, i) => `key:${i}`);
    engine.setMany(keys.map((key) => entry(key, "x".repeat(900))));
    engine.close();
    const bytes = Deno.readFileSync(path);
    bytes.fill(0xa5, 4096, bytes.length - 4096);
    Deno.writeFileSync(path, bytes);
    const again = open(path, clock).engine;
    for (const key of keys) assertEquals(found(again, key), [null]);
    again.setMany([entry("a", "1")]);
    again.flush();
    clock.advance(60_000);
    again.flush();
    assertEquals([found(again, "a"), again.info().state], [["1"], "up"]);
    assertGreater(again.info().failures, 0);
    again.close();
  }));

Deno.test("SqliteEngine does not use a frame that was changed", () =>
  inFolder((path) => {
    const { clock, engine } = open(path);
    engine.setMany([entry("a", "1111"), entry("b", "2")]);
    engine.close();
    const db = new DatabaseSync(path);
    const frame = db.prepare("SELECT frame FROM entries WHERE key = 'a'").get()
      ?.frame as Uint8Array;
    frame[frame.length - 1] = 0;
    db.prepare("UPDATE entries SET frame = ? WHERE key = 'a'").run(frame);
    db.close();
    const again = open(path, clock).engine;
    assertEquals(found(again, "a", "b"), [null, "2"]);
    assertMatch(again.info().lastError ?? "", /"a": its bytes are damaged/);
    again.flush();
    assertEquals(again.info().entries, 1);
    again.close();
  }));

Deno.test("SqliteEngine leaves another program's database alone", () =>
  inFolder((path) => {
    Deno.mkdirSync(path.replace("/cache.db", ""), { recursive: true });
    const db = new DatabaseSync(path);
    db.exec("CREATE TABLE mine(x); INSERT INTO mine VALUES (1)");
    db.close();
    const before = Deno.readFileSync(path);
    const { clock, engine } = open(path);
    engine.setMany([entry("a", "1")]);
    engine.invalidate({ patterns: ["*"] });
    clock.advance(60_000);
    engine.flush();
    assertEquals([engine.info().state, found(engine, "a")], ["down", [null]]);
    assertMatch(engine.info().lastError ?? "", /move it away/);
    engine.close();
    assertEquals(Deno.readFileSync(path), before);
  }));

Deno.test("SqliteEngine: an unreachable folder is a tier that is down", () =>
  inFolder((path) => {
    Deno.mkdirSync(path.replace("/cache.db", ""), { recursive: true });
    Deno.writeTextFileSync(path.replace("/cache.db", "/file"), "");
    const { clock, engine } = open(path.replace("/cache.db", "/file/cache.db"));
    for (let i = 0; i < 20; i++) {
      engine.setMany([entry("a", "1")]);
      engine.invalidate({ keys: ["b"] });
      engine.flush();
      assertEquals(found(engine, "none"), [null]);
      clock.advance(10_000);
    }
    const { state, lastError } = engine.info();
    assertEquals([state, typeof lastError], ["down", "string"]);
    engine.close();
  }));

/** Text that does not compress. */
function noise(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(33 + random.next() * 90)).join("");
}

/** An engine on a disk that can be full: then no file on it grows. */
function openOnDisk(path: string) {
  const clock = new VirtualClock(0, Date.now());
  let db: DatabaseSync | null = null;
  let isFull = false;
  const limit = () => db?.exec(`PRAGMA max_page_count = ${isFull ? 1 : 1_000_000_000}`);
  const engine = new SqliteEngine({
    path,
    clock,
    random,
    bytesMax: 1_000_000_000,
    open: (at) => {
      db = openCacheFile(at);
      limit();
      return db;
    },
  });
  const setFull = (to: boolean) => {
    isFull = to;
    limit();
  };
  return { clock, engine, setFull };
}

Deno.test("SqliteEngine: on a full disk it reads, loses nothing older that is newer, and comes back", () =>
  inFolder((path) => {
    const { clock, engine, setFull } = openOnDisk(path);
    engine.setMany([entry("old", "1", FOREVER), entry("both", "1", FOREVER)]);
    engine.flush();
    setFull(true);
    for (let i = 0; i < 30; i++) {
      engine.setMany([entry("both", "2", FOREVER), entry(`n:${i}`, noise(50_000))]);
      engine.flush();
      clock.advance(1_000);
    }
    assertEquals(found(engine, "old", "both", "n:3")[1], "2");
    assertEquals(engine.info().state, "down");
    assertMatch(engine.info().lastError ?? "", /full/);
    setFull(false);
    clock.advance(60_000);
    engine.flush();
    assertEquals([engine.info().state, engine.info().waiting], ["up", 0]);
    assertEquals(found(engine, "old", "both"), ["1", "2"]);
    engine.close();
  }));

Deno.test("SqliteEngine: what could not wait any longer hides the row that is older", () =>
  inFolder((path) => {
    const { clock, engine, setFull } = openOnDisk(path);
    engine.setMany([entry("both", "1")]);
    engine.flush();
    setFull(true);
    const big = noise(1_500);
    engine.setMany([entry("both", "2")]);
    for (let i = 0; i < 20; i++) {
      engine.setMany(Array.from({ length: 500 }, (_, j) => entry(`n:${i}:${j}`, big)));
    }
    assertEquals(found(engine, "both"), [null]);
    assertGreater(engine.info().dropped, 8_000);
    setFull(false);
    clock.advance(60_000);
    engine.flush();
    assertEquals([found(engine, "both"), engine.info().state], [[null], "up"]);
    engine.close();
  }));

Deno.test("SqliteEngine: an invalidation that cannot be written costs the file, not the truth", () =>
  inFolder((path) => {
    const clock = new VirtualClock(0, Date.now());
    let db: DatabaseSync | null = null;
    let canOpen = true;
    const engine = new SqliteEngine({
      path,
      clock,
      random,
      open: (at) => {
        if (!canOpen) throw new Error("unable to open database file");
        return db = openCacheFile(at);
      },
    });
    engine.setMany([entry("a", "1", { tags: ["t"] }), entry("b", "1")]);
    engine.flush();
    (db as unknown as DatabaseSync).exec("PRAGMA query_only = ON");
    canOpen = false;
    engine.invalidate({ tags: ["t"] });
    assertEquals([found(engine, "a", "b"), engine.info().state], [[null, null], "down"]);
    engine.setMany([entry("c", "1", FOREVER)]);
    assertEquals(found(engine, "c"), ["1"]);
    canOpen = true;
    clock.advance(60_000);
    assertEquals(found(engine, "a", "b", "c"), [null, null, "1"]);
    engine.flush();
    assertEquals([engine.info().state, engine.info().entries], ["up", 1]);
    engine.close();
  }));
