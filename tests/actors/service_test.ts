/** The view that the admin HTTP has of the running tree, on memory and on SQLite. */

import { LogRing } from "../../src/http/log_ring.ts";
import { assert, assertEquals, assertGreater, assertNotEquals, assertRejects } from "@std/assert";
import type { LabelPlace } from "../../src/http/label_lines.ts";
import { labelStream } from "../../src/http/label_stream.ts";
import type { PushOutcome, ServicePort } from "../../src/http/port.ts";
import { Door, PRIORITY_MAX } from "../../src/label/admission.ts";
import { labelKinds } from "../../src/label/kinds/label_kinds.ts";
import { parseKinds } from "../../src/label/kinds/registry.ts";
import { type Level, LevelSet } from "../../src/label/levels.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { hasFinalHalf, selectRows } from "../../src/label/rows.ts";
import type { CandleBlock, LabelBlock } from "../../src/market/block.ts";
import type { Instrument } from "../../src/market/instrument.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Store as StorePort } from "../../src/store/port.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { Service } from "../../actors/service.ts";
import type { StoreArgs } from "../../actors/store.ts";
import { PATHS, type Wick, type WickOptions, wickRefs, wickTree } from "../../actors/tree.ts";
import { parseExposition } from "../http/exposition.ts";
import { inFolder, labelRow } from "../store/support.ts";
import { createSystem, systemClock } from "../../src/actor/mod.ts";
import { LabelPool } from "../../actors/protocols.ts";
import {
  assertStoreHolds,
  calmWalkOf,
  labelledRows,
  randomStream,
  rowsOf,
  walkOf,
} from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`service_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const S = "EUR_USD:M1";
const ALL = { series: S, fromTs: -Infinity, toTs: Infinity, limit: Infinity, asOf: null };

interface Running extends AsyncDisposable {
  readonly wick: Wick;
  readonly port: ServicePort;
}

async function running(store: StoreArgs, options: WickOptions = {}): Promise<Running> {
  const door = new Door();
  const about = { name: "wick", version: "0.0.0" };
  const service = new Service({
    lines: new LogRing({ wallNow: () => 0 }),
    about,
    params: DEFAULT_PARAMS,
    door,
    packed: store.kind === "sqlite",
    startedAt: systemClock.wallNow(),
    paths: PATHS,
  });
  const system = createSystem(wickTree({
    ...options,
    store,
    door,
    service,
    instruments: service.instruments,
    workers: 1,
    monitor: { intervalMs: 50, ...options.monitor },
    admin: { about, options: { port: 0 } },
    system: { log: null },
  }));
  await system.started;
  await service.begin();
  const wick = wickRefs(system, door);
  return { wick, port: service.port(), [Symbol.asyncDispose]: () => system.stop() };
}

/** What is to be kept, and how it is opened again. */
interface Kept {
  readonly args: StoreArgs;
  /** The store itself, once nothing else has it. */
  readonly open: () => StorePort;
}

/** A test on each backend. */
function onEach(name: string, run: (kept: Kept, path: string) => Promise<void>): void {
  Deno.test(`${name}, on memory`, () => {
    const backend = new MemoryStore();
    return run({ args: { kind: "open", backend }, open: () => backend }, "");
  });
  Deno.test(`${name}, on SQLite in a thread`, () =>
    inFolder((path) =>
      run({
        args: { kind: "sqlite", options: { path } },
        open: () => new SqliteStore({ path }),
      }, path)
    ));
}

/** Pushes what may wait: on a machine that is slow for a moment the door would refuse others. */
async function push(port: ServicePort, blocks: readonly CandleBlock[]) {
  const outcome: PushOutcome = await port.data.ingest({
    blocks: blocks.map((block) => rowsOf(block, 0)),
    priority: 5,
    bulk: true,
  });
  assert(outcome.state === "committed", JSON.stringify(outcome));
  return outcome;
}

function rowsIn(block: LabelBlock): number[][] {
  return Array.from({ length: block.length }, (_, row) => labelRow(block, row));
}

/** Rows with a final half. */
function finalRows(candles: CandleBlock): number[][] {
  const rows = labelledRows(candles, DEFAULT_PARAMS);
  return rowsIn(selectRows(rows, (row) => hasFinalHalf(rows, row)));
}

async function storedRows(port: ServicePort, asOf: number | null = null): Promise<number[][]> {
  const found = await port.data.labels({ ...ALL, asOf });
  assert(found.state === "ok", JSON.stringify(found));
  return rowsIn(found.block);
}

// ---- candles in, labels out -----------------------------------------------------------------------

onEach("candles that are pushed are labelled, now and as of every commit", async (kept) => {
  const block = calmWalkOf(SEED, S, 260);
  {
    await using tree = await running(kept.args);
    const seqs: number[] = [];
    for (let at = 0; at < 260; at += 65) {
      seqs.push((await push(tree.port, [rowsOf(block, at, at + 65)])).seq);
    }
    assertEquals(await storedRows(tree.port), finalRows(block));
    for (const [i, asOf] of seqs.entries()) {
      const then = rowsOf(block, 0, 65 * (i + 1));
      assertEquals(await storedRows(tree.port, asOf), finalRows(then), `as of ${asOf}`);
      const candles = await tree.port.data.candles({ ...ALL, asOf });
      assert(candles.state === "ok");
      assertEquals([candles.seq, [...candles.block.close]], [asOf, [...then.close]]);
    }
    const found = await tree.port.data.labels(ALL);
    assert(found.state === "ok");
    assertEquals([found.seq, found.seqs.at(-1)], [seqs.at(-1), seqs.at(-1)]);
    assertEquals(await tree.port.data.seq(), seqs.at(-1));
    assertEquals(await tree.port.data.series(), [
      { series: S, count: 260, lastTs: block.ts[259] as number },
    ]);
  }
  const store = kept.open();
  await assertStoreHolds(store, [[block]], DEFAULT_PARAMS);
  await store.close();
});

onEach("a range has the rows from its first to before its last, at most as many", async (kept) => {
  const block = calmWalkOf(SEED, S, 100);
  await using tree = await running(kept.args);
  await push(tree.port, [block]);
  const [fromTs, toTs] = [block.ts[40], block.ts[60]] as [number, number];
  const range = { ...ALL, fromTs, toTs, limit: 7 };
  const candles = await tree.port.data.candles(range);
  assert(candles.state === "ok");
  assertEquals([...candles.block.ts], [...block.ts.subarray(40, 47)]);
  const labels = await tree.port.data.labels(range);
  assert(labels.state === "ok");
  assertEquals([...labels.block.ts], [...block.ts.subarray(40, 47)]);
  const all = await tree.port.data.candles({ ...range, limit: 1_000 });
  assertEquals(all.state === "ok" && all.block.length, 20);
});

onEach("the seq of an answer is that of the last commit in it", async (kept) => {
  await using tree = await running(kept.args);
  // Five candles have no label yet.
  const { seq } = await push(tree.port, [calmWalkOf(SEED, S, 5)]);
  const candles = await tree.port.data.candles(ALL);
  assert(candles.state === "ok");
  assertEquals([candles.block.length, candles.seq, tree.port.log.seq()], [5, seq, seq]);
});

onEach("labels of other parameters are computed, and nothing of them is kept", async (kept) => {
  const block = walkOf(SEED, S, 300);
  await using tree = await running(kept.args);
  await push(tree.port, [block]);
  const params = { ...DEFAULT_PARAMS, horizon: 24, up: 0.5 };
  const range = { ...ALL, fromTs: -8.64e15, toTs: 8.64e15, limit: 10_000 };
  const found = await tree.port.data.compute({ ...range, params, priority: PRIORITY_MAX });
  assert(found.state === "ok");
  assertEquals(rowsIn(found.block), rowsIn(labelledRows(block, params)));
  const part = await tree.port.data.compute({
    ...range,
    fromTs: block.ts[200] as number,
    limit: 9,
    params,
    priority: PRIORITY_MAX,
  });
  assert(part.state === "ok");
  assertEquals(rowsIn(part.block), rowsIn(labelledRows(block, params)).slice(200, 209));
  assertEquals(await tree.port.data.seq(), 1);
});

onEach(
  "kinds are computed with the levels kept, and anew once a candle is corrected",
  async (kept) => {
    const block = calmWalkOf(SEED, S, 300);
    await using tree = await running(kept.args);
    await push(tree.port, [block]);
    const price = block.close[150] as number;
    const levels: Level[] = [
      { kind: "resistance", price: price * 1.001, fromTs: 0, toTs: 8e15 },
      { kind: "support", price: price * 0.999, fromTs: 0, toTs: 8e15 },
    ];
    await tree.port.data.putLevels("EUR_USD", levels);
    const text = "penetration,retouches,drawdown,ret_quantile:window=40";
    const range = { ...ALL, fromTs: -8.64e15, toTs: 8.64e15, limit: 10_000 };
    const request = { ...range, params: DEFAULT_PARAMS, kinds: text, priority: PRIORITY_MAX };
    const expected = (candles: CandleBlock) =>
      labelKinds(candles, DEFAULT_PARAMS, "", parseKinds(text), {
        kindLevels: new LevelSet(levels),
      });

    const all = await tree.port.data.compute(request);
    assert(all.state === "ok");
    assertEquals(rowsIn(all.block), rowsIn(labelledRows(block, DEFAULT_PARAMS)));
    assertEquals(all.kinds?.map((column) => [...column]), expected(block).kinds.map((c) => [...c]));

    // A part: what its window needs comes from before and after it.
    const fromTs = block.ts[200] as number;
    const part = await tree.port.data.compute({ ...request, fromTs, limit: 9 });
    assert(part.state === "ok");
    const cut = expected(block).kinds.map((column) => [...column.slice(200, 209)]);
    assertEquals(part.kinds?.map((column) => [...column]), cut);

    const corrected = rowsOf(block, 0);
    corrected.close[205] = corrected.low[205] = (corrected.low[205] as number) * 0.9;
    await push(tree.port, [rowsOf(corrected, 205, 206)]);
    const again = await tree.port.data.compute({ ...request, fromTs, limit: 9 });
    assert(again.state === "ok");
    const fresh = expected(corrected).kinds.map((column) => [...column.slice(200, 209)]);
    assertEquals(again.kinds?.map((column) => [...column]), fresh);
    assertNotEquals(fresh, cut);

    const rows = await tree.wick.pool.ask("compute", {
      ...{ series: S, fromTs, toTs: 8e15, params: {}, priority: PRIORITY_MAX, limit: 9 },
      kinds: "drawdown,flip",
    });
    assert(rows.state === "ok");
    assertEquals(rows.rows.map(({ drawdown }) => drawdown), fresh[2] as number[]);
    assertEquals(Object.keys(rows.rows[0] ?? {}).slice(-2), ["drawdown", "flip"]);
  },
);

onEach("a push that the door refuses is refused at once", async (kept) => {
  await using tree = await running(kept.args, {
    admission: { onCount: 1, offCount: 0, hardCount: 1 },
  });
  // The first makes the pool busy: from one under way on the rest is refused.
  const pushes = Array.from({ length: 30 }, (_, i) =>
    Promise.resolve(tree.port.data.ingest({
      blocks: [calmWalkOf(SEED, `S${i}:M1`, 30)],
      priority: 0,
      bulk: false,
    })));
  const outcomes = await Promise.all(pushes);
  const refused = outcomes.filter(({ state }) => state === "refused");
  assertGreater(refused.length, 0);
  for (const one of refused) {
    assert(one.state === "refused" && one.code === "overload" && one.retryAfterMs > 0);
  }
  const committed = outcomes.filter(({ state }) => state === "committed").length;
  assertEquals(refused.length + committed, 30);
  assertEquals((await tree.port.data.series()).length, committed);
});

// ---- stream ---------------------------------------------------------------------------------------

interface Line {
  readonly type: string;
  readonly seq: number;
  readonly row: number;
  readonly series: string;
  readonly ts: number;
  readonly revision: number;
  readonly removed: boolean;
}

/** Lines of the stream after a place, `count` of them at most, or until it waits for more. */
async function streamed(port: ServicePort, after: LabelPlace, count: number, throughSeq: number) {
  const ended = new AbortController();
  const options = { after, series: null, isEvents: false, heartbeatMs: 60_000, clock: systemClock };
  const lines: Line[] = [];
  // The rest of a commit that was cut is still to come.
  let seen = after.row === Infinity ? after.seq : after.seq - 1;
  const decoder = new TextDecoder();
  for await (const bytes of labelStream(port.log, options, ended.signal)) {
    for (const text of decoder.decode(bytes).trimEnd().split("\n")) {
      const line = JSON.parse(text) as Line;
      if (line.type !== "label") continue;
      lines.push(line);
      seen = line.seq;
      if (lines.length >= count) break;
    }
    if (lines.length >= count || seen >= throughSeq) break;
  }
  ended.abort();
  return lines;
}

onEach(
  "the stream gives every row once, in order, wherever it is cut and resumed",
  async (kept) => {
    const batches = randomStream(SEED, { series: 4, bars: 250, blockRowsMax: 8, changes: 0.2 });
    const half = Math.floor(batches.length / 2);
    const seen: Line[] = [];
    let place: LabelPlace = { seq: 0, row: Infinity };
    const lastRowSeq = async (port: ServicePort) => {
      const found = await port.log.after(0, Infinity);
      assert(found.state === "ok");
      return found.commits.at(-1)?.seq ?? 0;
    };
    // The second part after a restart: the place stays good.
    for (const part of [batches.slice(0, half), batches.slice(half)]) {
      await using tree = await running(kept.args);
      for (const batch of part) await push(tree.port, batch);
      const last = await lastRowSeq(tree.port);
      for (let cut = 1; place.seq < last || place.row !== Infinity; cut = cut * 3 % 101 + 1) {
        const lines = await streamed(tree.port, place, cut, last);
        seen.push(...lines);
        const end = lines.at(-1);
        if (end === undefined) break;
        place = { seq: end.seq, row: end.row };
        const commit = await tree.port.log.after(end.seq - 1, 1);
        assert(commit.state === "ok");
        const rows = commit.commits[0]?.labels.length ?? 0;
        if (end.row === rows - 1) place = { seq: end.seq, row: Infinity };
      }
    }
    const store = kept.open();
    const log = await store.labelsAfter(0, Infinity);
    const expected = log.flatMap(({ seq, runs, labels, revisions, removed }) =>
      runs.flatMap(({ series, from, to }) =>
        Array.from({ length: to - from }, (_, i) => from + i).map((row) => [
          seq,
          row,
          series,
          labels.ts[row],
          revisions[row],
          removed[row] === 1,
        ])
      )
    );
    await store.close();
    assertEquals(
      seen.map(({ seq, row, series, ts, revision, removed }) => [
        seq,
        row,
        series,
        ts,
        revision,
        removed,
      ]),
      expected,
    );
    assert(expected.some(([, , , , revision]) => (revision as number) > 0), "nothing was revised");
  },
);

onEach("a stream that waits is woken by the next commit", async (kept) => {
  const block = calmWalkOf(SEED, S, 120);
  await using tree = await running(kept.args);
  const { seq } = await push(tree.port, [rowsOf(block, 0, 60)]);
  const waiting = streamed(tree.port, { seq, row: Infinity }, 10, Infinity);
  const next = await push(tree.port, [rowsOf(block, 60)]);
  const lines = await waiting;
  assertEquals(
    lines.map((line) => [line.seq, line.row]),
    Array.from({ length: 10 }, (_, row) => [
      next.seq,
      row,
    ]),
  );
});

Deno.test("what retention gave up is gone, from the log and from history", () =>
  inFolder(async (path) => {
    const kinds: StoreArgs[] = [
      { kind: "memory", options: { logRowsMax: 20, versionsMax: 1 } },
      {
        kind: "sqlite",
        options: {
          path,
          retention: { logRows: 20 },
          bounds: { roundBytes: 1_000, directRows: 1_000 },
        },
      },
    ];
    for (const args of kinds) {
      await using tree = await running(args);
      const block = calmWalkOf(SEED, S, 300);
      for (let at = 0; at < 300; at += 10) await push(tree.port, [rowsOf(block, at, at + 10)]);
      const log = await tree.port.log.after(1, 10);
      assert(log.state === "gone" && log.oldestSeq > 1, `${args.kind} ${JSON.stringify(log)}`);
      const later = await tree.port.log.after(log.oldestSeq, 10);
      assertEquals(later.state, "ok");
      if (args.kind === "sqlite") {
        // History goes with its candles, not with the log.
        assertEquals(await storedRows(tree.port, 5), finalRows(rowsOf(block, 0, 50)));
        continue;
      }
      const labels = await tree.port.data.labels({ ...ALL, asOf: 1 });
      assert(labels.state === "gone" && labels.oldestSeq > 1);
      assertEquals((await tree.port.data.labels({ ...ALL, asOf: labels.oldestSeq })).state, "ok");
    }
  }));

// ---- what is kept ---------------------------------------------------------------------------------

onEach("instruments and levels are there after a restart", async (kept) => {
  const spec = {
    symbol: "ACME",
    assetClass: "equity" as const,
    sector: "tools",
    priceDigits: 3,
  };
  const levels = [
    { kind: "support" as const, price: 99.5, fromTs: 0, toTs: 1_000 },
    { kind: "resistance" as const, price: 101, fromTs: 10, toTs: 8.64e15 },
  ];
  let made: Instrument;
  {
    await using tree = await running(kept.args);
    made = await tree.port.data.putInstrument(spec);
    await tree.port.data.putLevels("ACME", levels);
    await assertRejects(async () =>
      void await tree.port.data.putInstrument({ symbol: "NOT A SYMBOL" })
    );
    assertEquals(await tree.port.data.instruments(), [made]);
  }
  await using tree = await running(kept.args);
  assertEquals(await tree.port.data.instruments(), [made]);
  const acme = await tree.port.data.instrument("ACME");
  assertEquals([acme.assetClass, acme.sector, acme.priceDigits], ["equity", "tools", 3]);
  assertEquals(await tree.port.data.levels("ACME"), levels);
  assertEquals(await tree.port.data.levels("OTHER"), []);
  await tree.port.data.putLevels("ACME", []);
  assertEquals(await tree.port.data.levels("ACME"), []);
});

onEach("a backup is a whole store as it was, or says why there is none", async (kept, path) => {
  const block = calmWalkOf(SEED, S, 200);
  await using tree = await running(kept.args);
  await push(tree.port, [rowsOf(block, 0, 150)]);
  const file = path === "" ? "/nowhere/copy.db" : path.replace("wick.db", "copy.db");
  const made = await tree.port.data.backup(file);
  if (path === "") {
    assert(made.state === "failed" && made.code === "unsupported", JSON.stringify(made));
    return;
  }
  assertEquals(made, { state: "ok", file, bytes: (await Deno.stat(file)).size });
  await push(tree.port, [rowsOf(block, 150)]);
  const again = await tree.port.data.backup(file);
  assert(again.state === "failed" && again.code === "exists");
  const copy = new SqliteStore({ path: file });
  await assertStoreHolds(copy, [[rowsOf(block, 0, 150)]], DEFAULT_PARAMS);
  copy.close();
});

Deno.test("dead letters are in the file, also those of the last moment", () =>
  inFolder(async (path) => {
    {
      await using tree = await running({ kind: "sqlite", options: { path } });
      const { system } = tree.wick;
      await system.stopAt(`/wick/${PATHS.pool}`);
      tree.wick.pool.tell("flush", {});
      const letters = await tree.port.letters.list({ afterId: 0, limit: 10, type: "flush" });
      assertEquals(letters.map(({ path }) => path), [`/wick/${PATHS.pool}`]);
    }
    const store = new SqliteStore({ path });
    // The monitor asked who was no longer there, too.
    const [letter, ...more] = store.letters({ type: "flush" }, 10);
    assertEquals(more, []);
    assertEquals([letter?.path, letter?.type, letter?.reason, letter?.payload], [
      `/wick/${PATHS.pool}`,
      "flush",
      "stopped",
      "{}",
    ]);
    store.close();
  }));

Deno.test("dead letters of before a restart are listed beside the new ones, and replayed", () =>
  inFolder(async (path) => {
    const args: StoreArgs = { kind: "sqlite", options: { path } };
    const query = { afterId: 0, limit: 10 };
    const said = { type: "status", path: `/wick/${PATHS.pool}` };
    {
      await using tree = await running(args);
      await tree.wick.system.stopAt(said.path);
      tree.wick.pool.tell("status", {});
      tree.wick.pool.tell("flush", {});
      const [status] = await tree.port.letters.list({ ...query, ...said });
      assertEquals([status?.reason, status?.replay], ["stopped", "as_sent"]);
    }
    await using tree = await running(args);
    const { letters } = tree.port;
    tree.wick.system.ref(LabelPool, "core/nobody").tell("status", {});
    const flushes = await letters.list({ ...query, type: "flush" });
    assertEquals(flushes.map(({ replay }) => replay), ["checked"]);
    const before = await letters.list({ ...query, ...said });
    const now = await letters.list({ ...query, path: "/wick/core/nobody" });
    assertEquals([before.at(-1)?.replay, now[0]?.replay], ["checked", "as_sent"]);
    assertGreater(now[0]?.id ?? 0, before.at(-1)?.id ?? Infinity);
    const ids = [...before, ...flushes, ...now].map(({ id }) => id);
    const replayed = await letters.replay(ids);
    assertEquals(replayed.map(({ state }) => state), [
      ...before.map(() => "accepted"),
      "failed",
      "refused",
    ]);
    const left = await letters.list(query);
    // The internal one stays; the one to nobody is a letter anew.
    assertEquals(left.filter(({ id }) => ids.includes(id)).map(({ type }) => type), ["flush"]);
    assertEquals(left.filter(({ path }) => path === "/wick/core/nobody").length, 1);
    assertEquals(await letters.drop(left.map(({ id }) => id)), left.length);
    assertEquals((await letters.counts()).kept, 0);
  }));

// ---- what watchers see ----------------------------------------------------------------------------

onEach("health and metrics say how every part is", async (kept) => {
  await using tree = await running(kept.args);
  assertEquals(tree.port.waitingFor(), []);
  const block = calmWalkOf(SEED, S, 200);
  await push(tree.port, [block]);
  const metric = (text: string, name: string) =>
    [...parseExposition(text).values].filter(([key]) => key.includes(`"${name}"`))
      .reduce((sum, [, value]) => sum + value, 0);
  // What is looked at now and then is there after the next look.
  let text = await tree.port.metrics();
  const reported = () =>
    metric(text, "wick_store_candles") > 0 && metric(text, "wick_ingest_commit_seconds_count") > 0;
  while (!reported()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    text = await tree.port.metrics();
  }
  assertEquals(metric(text, "wick_ingest_commit_seconds_count"), 1);
  assertEquals(metric(text, "wick_store_candles"), 200);
  const { types, helps, values } = parseExposition(text);
  assertGreater(values.size, 20);
  assertEquals([...types.keys()].toSorted(), [...helps.keys()].toSorted());
  const health = await tree.port.health();
  assertEquals(health.state, "ok", JSON.stringify(health.parts.filter((p) => p.state !== "ok")));
  const names = health.parts.map(({ name }) => name);
  for (const name of [PATHS.store, PATHS.pool]) assert(names.includes(name), String(names));
});

onEach("without figures parts say how they are, and nothing is measured", async (kept) => {
  await using tree = await running(kept.args, { monitor: { figures: false } });
  await push(tree.port, [calmWalkOf(SEED, S, 200)]);
  const partOf = async (name: string) =>
    (await tree.port.health()).parts.find((part) => part.name === name);
  while ((await partOf(PATHS.store) as { detail?: { seq?: number } })?.detail?.seq !== 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals((await partOf(PATHS.pool))?.state, "ok");
  const { values } = parseExposition(await tree.port.metrics());
  const names = [...values.keys()];
  for (const name of ["wick_store_", "wick_pool_", "wick_actor_", "wick_ingest_"]) {
    assert(!names.some((key) => key.includes(name)), `${name} in ${names}`);
  }
  const lag = names.find((key) => key.includes("wick_event_loop_lag_seconds_count"));
  assertEquals(values.get(lag ?? ""), 0);
});

onEach("watchers are told of labels and dead letters", async (kept) => {
  await using tree = await running(kept.args);
  const watcher = tree.port.events.subscribe(null);
  const { seq, labels } = await push(tree.port, [calmWalkOf(SEED, S, 100)]);
  tree.wick.system.ref(tree.wick.pool.protocol, "nobody").tell("flush", {});
  const found: Record<string, unknown> = {};
  while (found.labels === undefined || found.dead_letter === undefined) {
    const event = await watcher.next();
    assert(event !== null);
    found[event.type] = event.data;
  }
  watcher.close();
  assertEquals(found.labels, { seq, rows: labels });
  assertEquals(found.dead_letter, {
    path: "/wick/nobody",
    type: "flush",
    reason: "stopped",
    error: null,
  });
});

onEach("watchers are told of a restart, not of those that follow from it", async (kept) => {
  await using tree = await running(kept.args);
  const watcher = tree.port.events.subscribe(null);
  const ingest = "/wick/core/work/ingest";
  const below = () =>
    tree.port.actors.restarts({ path: ingest, below: true }).records
      .filter(({ path, cause }) => path.startsWith(`${ingest}/`) && cause === "parent");
  tree.wick.system.restart(ingest);
  while (below().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  tree.wick.system.ref(tree.wick.pool.protocol, "nobody").tell("flush", {});
  const told: unknown[] = [];
  for (let event = await watcher.next(); event !== null; event = await watcher.next()) {
    if (event.type === "dead_letter") break;
    if (event.type === "restart") told.push(event.data);
  }
  watcher.close();
  const shown = { event: "restarted", incarnation: 1, cause: "request", by: null, error: null };
  assertEquals(told, [{ id: 1, path: ingest, ...shown }]);
});

onEach("every part of the tree can be asked by its path", async (kept) => {
  await using tree = await running(kept.args);
  const names = tree.port.actors.protocols().map(({ name }) => name);
  assertEquals(names.toSorted(), [...new Set(names)].toSorted());
  const store = `/wick/${PATHS.store}`;
  assertEquals(await tree.port.actors.ask(store, "seq", {}, 5_000), 0);
  await assertRejects(async () => void await tree.port.actors.ask(store, "seq", { x: 1 }, 5_000));
  const known = new Set(names);
  const look = ({ path, mailbox, children }: ReturnType<typeof tree.port.actors.tree>) => {
    if (mailbox !== null) assert(known.has(mailbox.protocol), path);
    children.forEach(look);
  };
  look(tree.port.actors.tree());
});
