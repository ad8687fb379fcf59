/** The store as an actor: in the main isolate, and SQLite in a thread of its own. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { store, type StoreArgs } from "../../actors/store.ts";
import { createSystem, VirtualClock } from "../../src/actor/mod.ts";
import { ThreadNode } from "../../src/actor/thread_node.ts";
import {
  packCommit,
  unpackLogged,
  unpackResult,
  unpackTails,
} from "../../src/store/commit_codec.ts";
import { storeErrorCode } from "../../src/store/error.ts";
import type { CommitBatch } from "../../src/store/port.ts";
import { all, candle, candleRows, candles, inFolder, labels, part } from "../store/support.ts";

const S = "EUR_USD:M1", HASH = "0123456789abcdef";
const ENTRY = new URL("../../actors/threads/store.ts", import.meta.url);
const COMMITS = 40;
/** Starting a thread includes checking its types where the tests are checked. */
const STARTED = { timeoutMs: 120_000 };

/** Two candles and a label. */
function append(baseSeq: number): CommitBatch {
  const rows = [candle(10 * baseSeq), candle(10 * baseSeq + 10)];
  const found = labels(S, HASH, [{ ts: 10 * baseSeq, exit: 102, fwd: 0.5 }]);
  const after = baseSeq === 0 ? null : String(baseSeq);
  const series = [part(S, baseSeq, { append: all(candles(S, rows)), labels: [all(found)] })];
  return { feed: "feed", after, cursor: String(baseSeq + 2), series };
}

function spawn(args: StoreArgs, isThread: boolean) {
  const system = createSystem({ name: "test", intensity: 10 });
  const ref = system.spawn(store, {
    name: "store",
    args,
    ...(isThread ? { thread: { entry: ENTRY } } : {}),
  });
  return { system, ref };
}

Deno.test("a store in a thread commits, reads and fails as one beside it", () =>
  inFolder(async (path) => {
    const retention = { logRows: 10 };
    const bounds = { roundBytes: 1_000, directRows: 1_000 };
    const args: StoreArgs = { kind: "sqlite", options: { path, retention, bounds } };
    const { system, ref } = spawn(args, true);
    assertEquals(await ref.ask("seq", {}, STARTED), 0);
    for (let i = 0; i < COMMITS; i++) {
      const result = unpackResult(await ref.ask("commitPacked", packCommit([append(2 * i)])));
      assert(result.state === "committed");
      assertEquals([result.seq, result.batches[0]?.candles], [i + 1, 2]);
      assertEquals([...result.logged.labels.ts], [20 * i]);
    }
    const stale = unpackResult(await ref.ask("commitPacked", packCommit([append(0)])));
    assertEquals(stale.state === "refused" && stale.code, "stale");
    const [tail] = unpackTails(await ref.ask("tailsPacked", { series: [S], bars: 3 }));
    assertEquals([tail?.count, [...tail?.candles.ts ?? []]], [80, [770, 780, 790]]);
    const info = await ref.ask("info", {});
    const { oldestSeq } = info;
    const log = unpackLogged(await ref.ask("labelsAfterPacked", { seq: oldestSeq, limit: 99 }));
    assertEquals(log.map(({ seq }) => seq).at(-1), COMMITS);
    assertEquals(log.length, COMMITS - oldestSeq);
    // Its code comes through, though a thread's border keeps texts of errors only.
    const gone = await assertRejects(() => ref.ask("labelsAfterPacked", { seq: 0, limit: 1 }));
    assertEquals(storeErrorCode(gone), "gone");
    const range = { series: S, fromTs: 100, toTs: 130, limit: 9 };
    assertEquals(candleRows(await ref.ask("candleBlock", range)), [
      candle(100),
      candle(110),
      candle(120),
    ]);
    assertEquals([...(await ref.ask("labelBlock", { ...range, paramHash: HASH })).labels.ts], [
      100,
      120,
    ]);
    assertEquals(
      await ref.ask("backup", { path: `${path}.backup` }),
      info.bytesOnDisk > 0 ? Deno.statSync(`${path}.backup`).size : 0,
    );
    const exists = await assertRejects(() => ref.ask("backup", { path: `${path}.backup` }));
    assertEquals(storeErrorCode(exists), "exists");
    assertEquals(await ref.ask("seq", {}), COMMITS);
    await system.stop();
  }));

Deno.test("a store whose thread is killed comes back with all that it said", () =>
  inFolder(async (path) => {
    const { system, ref } = spawn({ kind: "sqlite", options: { path } }, true);
    let said = await ref.ask("seq", {}, STARTED);
    for (let kill = 0; kill < 3; kill++) {
      for (let i = 0; i < 5; i++) {
        const reply = await ref.ask("commitPacked", packCommit([append(2 * said)]));
        assertEquals(unpackResult(reply).state, "committed");
        said++;
      }
      const node = system.nodeAt("/test/store");
      assert(node instanceof ThreadNode);
      node.kill();
      assertEquals(await ref.ask("seq", {}, STARTED), said);
      assertEquals(await ref.ask("cursor", { feed: "feed" }), String(2 * said));
    }
    await system.stop();
  }));

Deno.test("a file that is refused fails the store's start and says why", () =>
  inFolder(async (path) => {
    Deno.mkdirSync(path.replace("/wick.db", ""));
    Deno.writeTextFileSync(path, "not a database");
    for (const isThread of [false, true]) {
      const lines: string[] = [];
      const log = (_level: string, _path: string, text: string, fields?: unknown) =>
        lines.push(`${text} ${JSON.stringify(fields)}`);
      const system = createSystem({ name: "test", log });
      const thread = isThread ? { thread: { entry: ENTRY } } : {};
      const args: StoreArgs = { kind: "sqlite", options: { path } };
      await assertRejects(async () => {
        const ref = system.spawn(store, { name: "store", args, ...thread });
        await ref.ask("seq", {}, STARTED);
      });
      await system.stop();
      assert(lines.some((line) => line.includes("(foreign)")), lines.join("\n"));
    }
    assertEquals(Deno.readTextFileSync(path), "not a database");
  }));

Deno.test("a store beside its users takes its time from the system", async () => {
  const clock = new VirtualClock(0, 1_234_000);
  const system = createSystem({ name: "test", clock });
  const ref = system.spawn(store, { name: "store", args: { kind: "memory" } });
  const result = await ref.ask("commit", { batches: [append(0)] });
  assertEquals(result.state === "committed" && result.atMs, 1_234_000);
  await system.stop();
});
