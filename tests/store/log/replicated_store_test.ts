/** Stores that are copies of one log: what they promise beside the port of stores. */

import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { VirtualClock } from "../../../src/actor/clock.ts";
import { packCommit, unpackCommit } from "../../../src/store/commit_codec.ts";
import { type CopyHome, markIn, memoryHome, sqliteHome } from "../../../src/store/log/copy.ts";
import { EntryClock } from "../../../src/store/log/entry_clock.ts";
import { unpackChange } from "../../../src/store/log/entry_codec.ts";
import { MemoryLog, MemoryLogServer } from "../../../src/store/log/memory_log.ts";
import { LogError, type SharedLog } from "../../../src/store/log/port.ts";
import type { ReplicatedStore } from "../../../src/store/log/replicated_store.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import type { CommitBatch, Refused, Store } from "../../../src/store/port.ts";
import { SqliteStore } from "../../../src/store/sqlite_store.ts";
import { StoreError } from "../../../src/store/error.ts";
import { partitionOf } from "../../../src/market/partition.ts";
import { systemClock } from "../../../src/actor/clock.ts";
import { Chance, SEED } from "../../label/support.ts";
import { FEEDS, Operator, SERIES } from "../conformance.ts";
import { all, batch, candle, candles, contentsOf, inFolder, part, SlowStore } from "../support.ts";
import { entry, node, own, ownedStore, replicated, text, toNode } from "./support.ts";

const S = "EUR_USD:M1";
const HASHES = ["0123456789abcdef", "fedcba9876543210"];

function server(): MemoryLogServer {
  return new MemoryLogServer({ clock: systemClock });
}

function append(series: string, baseSeq: number, count = 2): CommitBatch {
  const rows = Array.from({ length: count }, (_, i) => candle((baseSeq + i) * 10, 100 + i));
  return batch(part(series, baseSeq, { append: all(candles(series, rows)) }));
}

function contents(store: Store) {
  return contentsOf(store, SERIES, HASHES, FEEDS);
}

async function code(result: unknown): Promise<string> {
  const { state, code } = await result as Partial<Refused>;
  return code ?? state ?? "";
}

/** Two nodes, of which the first owns all partitions. */
async function pair(log = server()) {
  const first = await ownedStore(new MemoryLog(log), memoryHome(), { session: "s1" });
  const second = await replicated(new MemoryLog(log), memoryHome(), { session: "s2" });
  return { log, first, second, close: () => Promise.all([first.close(), second.close()]) };
}

Deno.test("ReplicatedStore: copies hold the same as a twin that was given the log's order", async () => {
  const log = server();
  const chance = new Chance(SEED);
  const operator = new Operator(chance, new SlowStore());
  const { first, second, close } = await pair(log);
  // Both write: the tokens are those of the first, which is not how nodes behave, and no matter here.
  const tokens = log.view().owners.map(({ partition, token }) => [partition, token] as const);
  second.setFences(new Map(tokens));
  const twin = new MemoryStore({ clock: new EntryClock(0) });
  const seqs: number[][] = [[], []];
  [first, second].forEach((store, i) => store.onApplied(({ seq }) => seqs[i]?.push(seq)));
  const asked: Promise<unknown>[] = [];
  const plan = operator.twin;
  for (let step = 0; step < 400; step++) {
    const store = chance.int(0, 2) === 0 ? first : second;
    const kind = chance.int(0, 8);
    if (kind === 0) asked.push(store.putRecord("k", `${step % 7}`, `${step}`));
    else if (kind === 1) asked.push(store.dropRecord("k", `${step % 7}`));
    else if (kind === 2) asked.push(store.buryLetters([letter(step)]));
    else if (kind === 3) asked.push(store.dropLetters({ id: chance.int(0, 20) }));
    else {
      const group = operator.group();
      plan.commit(group);
      asked.push(store.commit(unpackCommit(packCommit(group))));
    }
    if (chance.int(0, 4) === 0) await Promise.all(asked);
  }
  await Promise.all(asked);
  const { position } = log.view();
  await Promise.all([first.caughtUp(position), second.caughtUp(position)]);
  for (let at = 0; at < position;) {
    for (const { kind, bytes } of log.between(at, Infinity)) {
      at++;
      const change = unpackChange(kind, bytes);
      if (change.kind === "commit") twin.commit(change.batches);
      else if (change.kind === "put") twin.putRecord(...change.record);
      else if (change.kind === "drop") twin.dropRecord(...change.record);
      else if (change.kind === "bury") twin.buryLetters(change.letters);
      else twin.dropLetters(change.filter);
    }
  }
  assertEquals(position, 400, `WICK_SEED=${SEED}`);
  assertGreater(twin.seq, 100);
  const expected = await contents(twin);
  assertEquals(await contents(first), expected, `WICK_SEED=${SEED}`);
  assertEquals(await contents(second), expected, `WICK_SEED=${SEED}`);
  assertEquals(first.letters({}, 1e6), twin.letters({}, 1e6));
  assertEquals(second.records("k"), twin.records("k"));
  assertEquals(seqs[0], seqs[1]);
  const [logOf] = [first.labelsAfter(0, 1e6), second.labelsAfter(0, 1e6)].map((commits) =>
    commits.map(({ seq, atMs }) => [seq, atMs])
  );
  assertEquals(second.labelsAfter(0, 1e6).map(({ seq, atMs }) => [seq, atMs]), logOf);
  await close();
});

function letter(atMs: number) {
  return { atMs, path: "/a", type: "t", reason: "r", error: null, payload: null };
}

Deno.test("ReplicatedStore.commit() refuses a partition that is not its own, and says which", async () => {
  const { log, first, second, close } = await pair();
  const result = await second.commit([append(S, 0)]);
  assert(result.state === "refused" && result.code === "stale");
  assert(result.message.includes(`partition ${partitionOf(S)} `));
  assertEquals(log.position, 0);
  assertEquals((await first.commit([append(S, 0)])).state, "committed");
  await close();
});

Deno.test("ReplicatedStore.commit() of a stale owner is refused wherever it is looked at", async () => {
  const { log, first, second, close } = await pair();
  await first.commit([append(S, 0)]);
  const way = new MemoryLog(log);
  await way.beat(node("n2", "s2"), 600_000);
  const { fences, position } = await way.handOver(toNode(log.view().owners, "n2"));
  second.setFences(new Map(fences.map(({ partition, token }) => [partition, token])));
  await second.caughtUp(position);
  assertEquals(await code(first.commit([append(S, 2)])), "stale");
  assertEquals((await second.commit([append(S, 2)])).state, "committed");
  assertEquals(first.seq <= 2, true);
  await first.caughtUp(log.position);
  assertEquals([first.seq, second.seq], [2, 2]);
  await close();
});

Deno.test("ReplicatedStore answers busy when the log is away, and nothing was appended", async () => {
  const { log, first, close } = await pair();
  await first.commit([append(S, 0)]);
  log.isAway = true;
  assertEquals(await code(first.commit([append(S, 2)])), "busy");
  assertEquals(await code(first.putRecord("k", "1", "1")), "busy");
  assertEquals(first.series()[0]?.count, 2);
  assertEquals(first.info().log?.state, "away");
  log.isAway = false;
  assertEquals(log.position, 1);
  assertEquals((await first.commit([append(S, 2)])).state, "committed");
  await close();
});

Deno.test("ReplicatedStore waits for what it does not know, and others have it before", async () => {
  const { log, first, second, close } = await pair();
  log.isSilent = true;
  let isDone = false;
  const asked = Promise.resolve(first.commit([append(S, 0)])).finally(() => isDone = true);
  await second.caughtUp(1);
  assertEquals([second.seq, isDone], [1, false]);
  log.isSilent = false;
  assertEquals((await asked).state, "committed");
  await close();
});

Deno.test("ReplicatedStore keeps what a full copy cannot take, and goes on", async () => {
  const log = server();
  let refused: Refused | null = null;
  const home: CopyHome = {
    ...memoryHome(),
    open: (clock) => {
      const copy = memoryHome().open(clock);
      const commit = copy.store.commit.bind(copy.store);
      copy.store.commit = (batches) => refused ?? commit(batches);
      return copy;
    },
  };
  const first = await ownedStore(new MemoryLog(log), memoryHome(), { session: "s1" });
  const second = await replicated(new MemoryLog(log), home, { session: "s2" });
  refused = { state: "refused", code: "disk_full", message: "no room" };
  for (let i = 0; i < 5; i++) await first.commit([append(S, 2 * i)]);
  while (second.info().state !== "full") await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals([second.seq, second.info().lastError], [0, "no room"]);
  assertEquals(await code(second.putRecord("k", "1", "1")), "disk_full");
  refused = null;
  await second.caughtUp(5);
  assertEquals([second.seq, second.info().state, second.info().log?.lagEntries], [5, "ok", 0]);
  await Promise.all([first.close(), second.close()]);
});

Deno.test("ReplicatedStore stops at what is no entry, and says so", async () => {
  const good = packCommit([append(S, 0)]);
  const chance = new Chance(SEED);
  const hostile: [string, Uint8Array][] = [
    ["empty", new Uint8Array(0)],
    ["short", good.slice(0, 40)],
    ["zeros", new Uint8Array(4_096)],
    ["huge counts", huge()],
    ["noise", Uint8Array.from({ length: 999 }, () => chance.int(0, 256))],
  ];
  for (let i = 0; i < 200; i++) {
    const bytes = good.slice();
    const at = chance.int(0, Math.floor(bytes.length / 8));
    new DataView(bytes.buffer).setFloat64(
      8 * at,
      [NaN, -1, 1e15, Infinity, 3][i % 5] as number,
      true,
    );
    hostile.push([`number ${at}`, bytes]);
  }
  let stopped = 0;
  for (const [name, bytes] of hostile) {
    const { log, first, second, close } = await pair();
    log.append(entry("somebody", 1, { kind: "commit", bytes }));
    const outcome = await second.caughtUp(1).catch((error) => error);
    if (outcome !== undefined) {
      stopped++;
      assert(outcome instanceof LogError && outcome.code === "foreign", name);
      assertEquals([second.seq, second.info().log?.state], [0, "stopped"], name);
      assertEquals(await code(second.putRecord("k", "1", "1")), "broken", name);
    }
    void first;
    await close();
  }
  assertGreater(stopped, 20);
});

function huge(): Uint8Array {
  const bytes = new Uint8Array(8 * 6 + 5);
  const numbers = new Float64Array(bytes.buffer, 0, 6);
  numbers.set([2, 0, 0, 5, 4e9, 4e9]);
  bytes.set(text("[[],0"), 48);
  return bytes;
}

Deno.test("ReplicatedStore stops when its copy is not like that of a writer", async () => {
  const { log, first, second, close } = await pair();
  await first.commit([append(S, 0)]);
  await second.caughtUp(1);
  const bytes = packCommit([append(S, 2)]);
  const stand = { position: 1, seq: 7 };
  log.append({ ...entry("s9/x", 1, { kind: "commit", bytes }), stand });
  assertEquals((await second.stopped).code, "foreign");
  assertEquals(second.seq, 1);
  await close();
});

Deno.test("ReplicatedStore.caughtUp() resolves when it is there, and rejects when it never will", async () => {
  const { first, close } = await pair();
  const later = first.caughtUp(2);
  await first.commit([append(S, 0)]);
  await first.commit([append(S, 2)]);
  await later;
  await first.caughtUp(1);
  const never = first.caughtUp(99);
  const rejected = assertRejects(() => never, LogError);
  await close();
  await rejected;
});

Deno.test("ReplicatedStore.appliedAfter() waits for a later seq, or its time", async () => {
  const { first, second, close } = await pair();
  const news = second.appliedAfter(0, 60_000);
  await first.commit([append(S, 0)]);
  assertEquals(await news, 1);
  assertEquals(await second.appliedAfter(0, 60_000), 1);
  assertEquals(await second.appliedAfter(1, 5), 1);
  await close();
});

Deno.test("ReplicatedStore keeps the log's record to itself", async () => {
  const { first, close } = await pair();
  assertEquals(await code(first.putRecord("log", "applied", "{}")), "full");
  assertEquals(await code(first.dropRecord("log", "applied")), "full");
  const records = [{ kind: "log", key: "applied", json: null }];
  assertEquals(await code(first.commit([{ ...batch(), records }])), "full");
  await close();
});

// ---- files ------------------------------------------------------------------------------------------

/** A store in a file, the sole owner of all partitions. */
async function filed(log: SharedLog, path: string, session = "s1"): Promise<ReplicatedStore> {
  return await ownedStore(log, sqliteHome({ path: `${path}/wick.db` }), { session });
}

Deno.test("ReplicatedStore in a file goes on where it was, whatever the entries were", async () => {
  await inFolder(async (path) => {
    const log = server();
    const store = await filed(new MemoryLog(log), path);
    await store.commit([append(S, 0)]);
    await store.buryLetters([letter(1), letter(2)]);
    await store.commit([append(S, 9)]);
    await store.close();
    assertEquals(markIn(`${path}/wick.db`)?.position, 3);
    const other = await ownedStore(new MemoryLog(log), memoryHome(), { session: "s1" });
    await other.buryLetters([letter(3)]);
    await other.commit([append(S, 2)]);
    const again = await filed(new MemoryLog(log), path);
    assertEquals([again.seq, again.applied], [2, 5]);
    assertEquals(again.letters({}, 9), other.letters({}, 9));
    await Promise.all([again.close(), other.close()]);
  });
});

Deno.test("ReplicatedStore.snapshot() makes room, and a new node begins there", async () => {
  await inFolder(async (path) => {
    const log = server();
    const store = await filed(new MemoryLog(log), `${path}/a`);
    for (let i = 0; i < 50; i++) await store.commit([append(S, 2 * i)]);
    assertEquals(await store.snapshot(1e9), null);
    await log.group.beat(node("s1", "s1", { applied: 20 }), 600_000);
    const kept = await store.snapshot(100);
    assertEquals([kept?.position, log.view().firstPosition], [50, 20]);
    await log.group.beat(node("s1", "s1", { applied: 50 }), 600_000);
    const made = await store.snapshot(100);
    assertEquals(made?.position, 50);
    assertEquals(log.view().firstPosition, 50);
    await store.commit([append(S, 100)]);
    const other = await replicated(
      new MemoryLog(log),
      sqliteHome({ path: `${path}/b/wick.db` }),
    );
    assertEquals([other.seq, other.applied], [51, 51]);
    assertEquals(await contents(other), await contents(store));
    await assertRejects(() => replicated(new MemoryLog(log), memoryHome()), LogError, "memory");
    await Promise.all([store.close(), other.close()]);
  });
});

Deno.test("ReplicatedStore that was away for longer than the log holds begins at the snapshot", async () => {
  await inFolder(async (path) => {
    const log = server();
    const slow = await filed(new MemoryLog(log), `${path}/a`);
    await slow.commit([append(S, 0)]);
    await slow.close();
    const store = await filed(new MemoryLog(log), `${path}/b`);
    for (let i = 1; i < 30; i++) await store.commit([append(S, 2 * i)]);
    await log.group.beat(node("s1", "s1", { applied: 30 }), 600_000);
    await store.snapshot(100);
    const again = await filed(new MemoryLog(log), `${path}/a`);
    assertEquals([again.seq, again.applied], [30, 30]);
    assertEquals(await contents(again), await contents(store));
    await Promise.all([again.close(), store.close()]);
  });
});

Deno.test("ReplicatedStore says why no snapshot could be loaded, and tries again what was away", async () => {
  await inFolder(async (path) => {
    const log = server();
    const store = await filed(new MemoryLog(log), `${path}/b`);
    for (let i = 0; i < 30; i++) await store.commit([append(S, 2 * i)]);
    await log.group.beat(node("s1", "s1", { applied: 30 }), 600_000);
    await store.snapshot(100);
    const failing = (code: "foreign" | "away") => {
      const failed = new MemoryLog(log);
      const snapshot = failed.snapshot.bind(failed);
      let tries = 0;
      failed.snapshot = async () => {
        if (tries++ === 0) throw new LogError(code, `the snapshot is ${code}`);
        return await snapshot();
      };
      return failed;
    };
    await assertRejects(
      () => filed(failing("foreign"), `${path}/a`),
      LogError,
      "the snapshot is foreign",
    );
    const again = await filed(failing("away"), `${path}/a`);
    assertEquals(await contents(again), await contents(store));
    await Promise.all([again.close(), store.close()]);
  });
});

Deno.test("ReplicatedStore begins at a snapshot that is made while it opens", async () => {
  await inFolder(async (path) => {
    const log = server();
    const slow = await filed(new MemoryLog(log), `${path}/a`);
    await slow.commit([append(S, 0)]);
    await slow.close();
    const store = await filed(new MemoryLog(log), `${path}/b`);
    for (let i = 1; i < 30; i++) await store.commit([append(S, 2 * i)]);
    await log.group.beat(node("s1", "s1", { applied: 30 }), 600_000);
    const trimmed = new MemoryLog(log);
    const read = trimmed.read.bind(trimmed);
    trimmed.read = async (...args) => {
      await store.snapshot(100);
      return await read(...args);
    };
    const again = await filed(trimmed, `${path}/a`);
    assertEquals([again.seq, again.applied], [30, 30]);
    assertEquals(await contents(again), await contents(store));
    await Promise.all([again.close(), store.close()]);
  });
});

Deno.test("ReplicatedStore refuses a copy of another log, and one that is ahead of the log", async () => {
  await inFolder(async (path) => {
    const log = server();
    const store = await filed(new MemoryLog(log), path);
    for (let i = 0; i < 3; i++) await store.commit([append(S, 2 * i)]);
    await store.close();
    const another = new MemoryLogServer({ clock: systemClock, id: "another" });
    await assertRejects(() => filed(new MemoryLog(another), path), LogError, "another");
    const shorter = server();
    await assertRejects(() => filed(new MemoryLog(shorter), path), LogError, "lost its end");
    assertEquals([another.position, shorter.position], [0, 0]);
    const again = await filed(new MemoryLog(log), path);
    assertEquals(again.seq, 3);
    await again.close();
  });
});

Deno.test("ReplicatedStore sets a damaged copy aside and makes it anew", async () => {
  await inFolder(async (path) => {
    const log = server();
    const store = await filed(new MemoryLog(log), path);
    for (let i = 0; i < 3; i++) await store.commit([append(S, 2 * i)]);
    const before = await contents(store);
    await store.close();
    const file = await Deno.open(`${path}/wick.db`, { write: true });
    await file.seek(16_384, Deno.SeekMode.Start);
    await file.write(new Uint8Array(400_000).fill(7));
    file.close();
    const again = await filed(new MemoryLog(log), path);
    assertEquals(await contents(again), before);
    assertEquals((await Deno.stat(`${path}/wick.db.damaged`)).isFile, true);
    await again.close();
  });
});

Deno.test("ReplicatedStore: data of before become what an empty log begins with", async () => {
  await inFolder(async (path) => {
    const alone = new SqliteStore({ path: `${path}/a/wick.db` });
    alone.commit([append(S, 0)]);
    alone.close();
    const log = server();
    const store = await filed(new MemoryLog(log), `${path}/a`);
    await store.commit([append(S, 2)]);
    const other = await replicated(new MemoryLog(log), sqliteHome({ path: `${path}/b/wick.db` }));
    assertEquals([other.seq, other.series()[0]?.count], [2, 4]);
    await Promise.all([store.close(), other.close()]);
    const late = new SqliteStore({ path: `${path}/c/wick.db` });
    late.commit([append(S, 0)]);
    late.close();
    await assertRejects(() => filed(new MemoryLog(log), `${path}/c`), StoreError, "no log");
  });
});

Deno.test("ReplicatedStore opens a copy that it knows while the log is away", async () => {
  await inFolder(async (path) => {
    const log = server();
    const store = await filed(new MemoryLog(log), path);
    await store.commit([append(S, 0)]);
    await store.close();
    log.isAway = true;
    const home = sqliteHome({ path: `${path}/wick.db` });
    const more = { openLimitMs: 0 };
    const away = await replicated(new MemoryLog(log), home, { session: "s1", more });
    assertEquals([away.seq, away.info().log?.state], [1, "away"]);
    log.isAway = false;
    const way = new MemoryLog(log);
    await own(way, away, "s1");
    assertEquals((await away.commit([append(S, 2)])).state, "committed");
    await away.close();
    log.isAway = true;
    const fresh = sqliteHome({ path: `${path}/fresh.db` });
    await assertRejects(() => replicated(new MemoryLog(log), fresh, { more }), LogError, "reached");
  });
});

Deno.test("ReplicatedStore gives each commit the time of the log", async () => {
  const clock = new VirtualClock(0, 1_800_000_000_000);
  const log = new MemoryLogServer({ clock });
  const store = await ownedStore(new MemoryLog(log), memoryHome(), { session: "s1" });
  const result = await store.commit([append(S, 0)]);
  assertEquals(result.state === "committed" && result.atMs, 1_800_000_000_000);
  await store.close();
});

Deno.test("sqliteHome() refuses to give up candles, which copies would do at different times", () => {
  const path = ":memory:";
  assertThrows(() => sqliteHome({ path, retention: { candles: 1_000 } }), TypeError, "candles");
  sqliteHome({ path, retention: { logRows: 1_000, letters: 10 } });
});
