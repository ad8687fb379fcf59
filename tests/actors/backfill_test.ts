/** Jobs: each item's effect once, whatever fails, is paused, killed or begun again. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
  assertMatch,
} from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { decodeCheckpoint } from "../../src/batch/job_checkpoint.ts";
import type { JobSpec } from "../../src/batch/job_spec.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitResult, Refused } from "../../src/store/port.ts";
import { dumpLines } from "../../scripts/chaos_kill/dump.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { Backfill } from "../../actors/protocols_batch.ts";
import { jobOf, okOf, Rig, SEED, symbolsOf } from "./backfill_rig.ts";

const DAY_MS = 86_400_000;
const TO_MS = Date.UTC(2026, 2, 3);
/** One symbol a call but for prices, as providers without batch endpoints. */
const PLAIN = { symbolsMax: { dividends: 1, profiles: 1 } };
const LIMIT = { max: 100, windowMs: 10_000 };
const PROVIDER = "/wick/core/providers/simulated";
const BACKFILL = "/wick/core/work/backfill";
const POOL = "/wick/core/work/ingest/label_pool";
/** Sixty days of bars: labels come of them. */
const DAYS = { from: TO_MS - 60 * DAY_MS, to: TO_MS };

/** All that is held, as text: candles, labels, records of data. */
async function heldBy(store: MemoryStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of dumpLines(store, paramHash(DEFAULT_PARAMS))) {
    if (!line.startsWith("cursor")) lines.push(line);
  }
  for (const kind of ["dividends", "profiles"]) {
    for (const { key, json } of store.records(`data:${kind}`)) {
      lines.push(`${kind} ${key} ${JSON.stringify(JSON.parse(json).value)}`);
    }
  }
  return lines;
}

/** What a job holds that nothing disturbed. */
async function expectedOf(job: JobSpec): Promise<string[]> {
  await using rig = await Rig.start({ provider: { transientRatio: 0 } });
  await rig.run(job);
  return await heldBy(rig.memory);
}

/** Until so many items of a job are committed. */
function untilSettled(rig: Rig, count: number): Promise<void> {
  return rig.until(() => rig.committed.size >= count);
}

// ---- messages -------------------------------------------------------------------------------------

Deno.test("backfill: a job runs to its end and is shown, with its report", async () => {
  await using rig = await Rig.start({ provider: PLAIN });
  const begun = await rig.begin(jobOf("night", 200, DAYS));
  assertEquals([begun.state, begun.items, begun.symbols], ["running", 600, 200]);
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled, done.failed, done.progress], ["done", 600, 0, null]);
  assertEquals(rig.times(), { 1: 600 });
  assertEquals(await rig.job("night"), done);
  assertEquals(await rig.play(rig.backfill.ask("jobs", {})), [done]);
  const report = await rig.report("night");
  assertEquals([report.run_summary.state, report.run_summary.items_ok], ["done", 600]);
  assertEquals(rig.reports.map(({ run_summary }) => run_summary.run_id), [done.runId ?? ""]);
  const kept = await rig.play(rig.backfill.ask("reports", { limit: 20 }));
  assertEquals(kept, [report]);
  // Nothing of the run is left but what it fetched, the job and its report.
  assertEquals([rig.memory.records("job_plan"), rig.memory.records("checkpoint")], [[], []]);
});

Deno.test("backfill: every message about a job that is not there says so", async () => {
  await using rig = await Rig.start();
  for (const type of ["job", "pause", "resume", "cancel", "ended"] as const) {
    const reply = await rig.play(rig.backfill.ask(type, { name: "none" }));
    assertEquals(reply, { state: "unknown", reason: "Cannot find job none: there is none" }, type);
  }
  assertEquals(await rig.play(rig.backfill.ask("report", { name: "none" })), null);
  assertEquals(await rig.play(rig.backfill.ask("jobs", {})), []);
  assertEquals(await rig.play(rig.backfill.ask("reports", { limit: 1 })), []);
});

Deno.test("backfill: a job that cannot run is refused with every reason", async () => {
  await using rig = await Rig.start();
  const refusal = async (more: Partial<JobSpec>) => {
    const job = jobOf("night", 3, more);
    const reply = await rig.play(rig.backfill.ask("start", { job, mode: "resume" }));
    assert(reply.state === "refused");
    return reply.reason;
  };
  assertMatch(await refusal({ name: "a/b", workers: 0 }), /name: expected .*; workers: expected/);
  assertMatch(await refusal({ provider: "none" }), /expected a provider of simulated/);
  assertMatch(
    await refusal({ schedule: { cron: "61 * * * *", timeZone: "Europe/Berlin" } }),
    /schedule: expected a cron pattern/,
  );
  assertMatch(
    await refusal({ schedule: { cron: "0 2 * * *", timeZone: "Mars/Base" } }),
    /schedule: expected a cron pattern/,
  );
  assertEquals(await rig.play(rig.backfill.ask("jobs", {})), []);
});

Deno.test("backfill: events tell of each state and of progress", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  await rig.run(jobOf("night", 400));
  const states = rig.events.map(({ state }) => state);
  assertEquals([states[0], states.at(-1)], ["running", "done"]);
  assertGreater(states.length, 20);
  const settled = rig.events.map(({ progress }) => progress?.share ?? null)
    .filter((share) => share !== null);
  assertEquals(settled, settled.toSorted((a, b) => a - b));
});

// ---- limits and failures --------------------------------------------------------------------------

Deno.test("backfill: a job keeps to the limit over crashes, restarts and kills of the process", async () => {
  await using rig = await Rig.start({
    provider: { ...PLAIN, limits: [LIMIT], transitMsMax: 50, transientRatio: 0.02 },
  });
  await rig.begin(jobOf("night", 300));
  const events = [
    () => rig.kill(),
    () => rig.crash(PROVIDER),
    () => rig.restart(),
    () => rig.crash(BACKFILL),
    () => rig.crash(POOL),
    () => rig.kill(),
  ];
  for (const event of events) {
    await rig.pass(9_000);
    await event();
  }
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled, done.failed], ["done", 900, 0]);
  assertEquals(rig.times(), { 1: 900 });
  assertEquals(rig.upstream.stats().limited, 0);
  assertLessOrEqual(rig.upstream.stats().windowPeak, LIMIT.max);
});

for (const kind of ["refuse", "hang"] as const) {
  Deno.test(`backfill: an outage (${kind}) costs little and gives nothing up`, async () => {
    const outages = [{ fromMs: 20_000, toMs: 20_000 + 3_600_000, kind }];
    const limits = [{ max: 750, windowMs: 60_000 }];
    await using rig = await Rig.start({ provider: { ...PLAIN, limits, outages } });
    const done = await rig.run(jobOf("night", 1_000));
    assertEquals([done.state, done.settled, done.failed], ["done", 3_000, 0]);
    assertEquals(rig.times(), { 1: 3_000 });
    const { calls, failed } = rig.upstream.stats();
    assertLessOrEqual(failed, 0.1 * (calls - failed));
    // It goes on within the longest pause of the breaker.
    assertLess(rig.clock.now(), 3_600_000 + 20_000 + 60_000 + 180_000);
    const { api_metrics } = await rig.report("night");
    assertEquals([api_metrics.total_calls, api_metrics.failed_calls], [calls, failed]);
  });
}

Deno.test("backfill: one worker and one item outlast an outage of half an hour", async () => {
  const outages = [{ fromMs: 0, toMs: 1_800_000, kind: "refuse" as const }];
  await using rig = await Rig.start({ provider: { ...PLAIN, outages } });
  const done = await rig.run(jobOf("night", 1, { kinds: ["profiles"], workers: 1 }));
  assertEquals([done.state, done.failed], ["done", 0]);
});

Deno.test("backfill: the report counts what the provider counts", async () => {
  await using rig = await Rig.start({
    provider: { ...PLAIN, transientRatio: 0.05, keyTransientRatio: 0.01 },
  });
  const done = await rig.run(jobOf("night", 500));
  assertEquals([done.settled, done.failed], [1_500, 0]);
  const { api_metrics } = await rig.report("night");
  const { calls, failed, byEndpoint } = rig.upstream.stats();
  assertEquals([api_metrics.total_calls, api_metrics.failed_calls], [calls, failed]);
  for (const [name, counts] of Object.entries(byEndpoint)) {
    const { count, failed } = api_metrics.by_endpoint[name] ?? {};
    assertEquals([count, failed], [counts.calls, counts.failed], name);
  }
});

Deno.test("backfill: a poison item is found in its batch, buried, and replayed as a job", async () => {
  await using rig = await Rig.start({
    provider: { poison: { S77: "permanent" }, poisonFailsCall: true },
  });
  const done = await rig.run(jobOf("night", 200, { kinds: ["prices", "profiles"] }));
  assertEquals([done.state, done.settled, done.failed], ["done", 400, 2]);
  assertEquals(rig.times(), { 1: 398 });
  const letters = rig.memory.letters({ reason: "item_failed" }, 10);
  assertEquals(letters.length, 2);
  for (const { path, type, error, payload } of letters) {
    assertEquals([path, type], [BACKFILL, "start"]);
    assertMatch(error ?? "", /S77, (prices|profiles), 1 tries: .*422/);
    // A letter is replayed as what comes from outside is sent.
    const start = Backfill.definition.start.payload.parse(JSON.parse(payload ?? ""));
    assertEquals([start.job.symbols, start.mode], [["S77"], "restart"]);
    const again = okOf(await rig.play(rig.backfill.ask("start", start)));
    assertEquals([again.items, again.symbols], [1, 1]);
    assertEquals((await rig.ended(again.name)).failed, 1);
  }
  const names = (await rig.play(rig.backfill.ask("jobs", {}))).map(({ name }) => name);
  assertEquals(names, ["night", "night-prices-S77", "night-profiles-S77"]);
});

Deno.test("backfill: an item that fails each time is given up after five tries", async () => {
  await using rig = await Rig.start({
    provider: { ...PLAIN, poison: { S7: "transient" }, poisonFailsCall: true },
  });
  await rig.begin(jobOf("night", 300, { kinds: ["profiles"], rate: "600/min" }));
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled, done.failed], ["done", 300, 1]);
  assertEquals(rig.calls.filter(({ symbols }) => symbols.includes("S7")).length, 5);
});

Deno.test("backfill: symbols that are not known are done, and not asked for again", async () => {
  await using rig = await Rig.start({ provider: { unknown: ["S3"] } });
  const job = jobOf("night", 10, { filters: {} });
  assertEquals((await rig.run(job)).failed, 0);
  const before = rig.calls.length;
  assertEquals((await rig.run(job)).items, 0);
  assertEquals(rig.calls.length, before);
});

Deno.test("backfill: a rate below the provider's is kept", async () => {
  await using rig = await Rig.start({
    provider: { ...PLAIN, limits: [{ max: 750, windowMs: 60_000 }] },
  });
  await rig.run(jobOf("night", 100, { rate: "60/min", kinds: ["profiles", "dividends"] }));
  const times = rig.calls.map(({ atMs }) => atMs);
  assertEquals(times.length, 200);
  for (let i = 60; i < times.length; i++) {
    assertGreaterOrEqual((times[i] ?? 0) - (times[i - 60] ?? 0), 60_000);
  }
});

Deno.test("backfill: two jobs share the limit fairly", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  const of = (prefix: string): Partial<JobSpec> => ({
    kinds: ["profiles"],
    symbols: symbolsOf(2_000, prefix),
  });
  await rig.begin(jobOf("a", 0, of("A")));
  await rig.begin(jobOf("b", 0, of("B")));
  await rig.pass(100_000);
  const counts = ["A", "B"].map((prefix) =>
    rig.calls.filter(({ symbols }) => symbols[0]?.startsWith(prefix)).length
  );
  const total = (counts[0] ?? 0) + (counts[1] ?? 0);
  assertGreater(total, 900);
  // But for the first window, which the first to come may take alone.
  assertLessOrEqual(Math.abs((counts[0] ?? 0) - (counts[1] ?? 0)), LIMIT.max + 0.05 * total);
  assertEquals(rig.upstream.stats().limited, 0);
});

// ---- what fails within ----------------------------------------------------------------------------

const WORKERS = ["live", "worker-0"].map((name) => `/wick/core/work/ingest/workers/${name}`);

for (const path of [BACKFILL, PROVIDER, POOL, ...WORKERS]) {
  Deno.test(`backfill: each effect is there once over crashes of ${path}`, async () => {
    const job = jobOf("night", 150, DAYS);
    // Slow enough for some of the crashes to come in the middle of calls and commits.
    const limits = [{ max: 40, windowMs: 3_000 }];
    await using rig = await Rig.start({ provider: { ...PLAIN, limits } });
    await rig.begin(job);
    const random = seededRandom(SEED + path.length);
    for (let crash = 0; crash < 4; crash++) {
      // Intensity allows few of them in five seconds.
      await rig.pass(2_600 + 900 * random.next());
      if (crash % 2 === 0) await rig.until(() => rig.calls.at(-1)?.ended === "lost");
      rig.crash(path);
      assertLess((await rig.job("night")).settled, 450);
    }
    assertGreater(rig.system.nodeAt(path)?.incarnation ?? 0, 3);
    const done = await rig.ended("night");
    assertEquals([done.state, done.settled, done.failed], ["done", 450, 0]);
    assertEquals(rig.times(), { 1: 450 });
    assertEquals(await heldBy(rig.memory), await expectedOf(job));
  });
}

Deno.test("backfill: crashes on its own messages, and on those of the pool, lose and repeat nothing", async () => {
  const job = jobOf("night", 150, DAYS);
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  const random = seededRandom(SEED);
  let crashes = 0, notBeforeMs = 500;
  rig.beforeHandle = (path, type) => {
    const isMeant = path === POOL || path === BACKFILL || path === PROVIDER;
    if (!isMeant || type === "start" || rig.clock.now() < notBeforeMs) return;
    if (random.next() > 0.2) return;
    // Intensity allows one of each in five seconds.
    notBeforeMs = rig.clock.now() + 5_500;
    crashes++;
    throw new Error(`crashed on ${type}`);
  };
  await rig.begin(job);
  const done = await rig.play((async () => {
    for (;;) {
      // Whoever waits is told of a crash, and asks again.
      const reply = await rig.backfill.ask("ended", { name: "night" }, { timeoutMs: DAY_MS })
        .catch(() => null);
      if (reply?.state === "ok" && reply.job.state === "done") return reply.job;
      await new Promise<void>((resolve) => rig.clock.setTimer(100, resolve));
    }
  })());
  assertEquals([done.settled, done.failed], [450, 0]);
  assertGreater(crashes, 1);
  assertEquals(rig.times(), { 1: 450 });
  assertEquals(await heldBy(rig.memory), await expectedOf(job));
});

Deno.test("backfill: a store without room is waited for, and nothing is lost or given up", async () => {
  await using rig = await Rig.start({ provider: PLAIN });
  const full: Refused = { state: "refused", code: "disk_full", message: "no room" };
  await rig.begin(jobOf("night", 300, DAYS));
  await untilSettled(rig, 100);
  rig.store.refuse = () => full;
  rig.store.refuseRecords = () => full;
  await rig.pass(300_000);
  const waiting = await rig.job("night");
  assertEquals([waiting.state, waiting.lastError], ["running", "no room"]);
  const called = rig.calls.length;
  await rig.pass(300_000);
  // What waits to be kept is bounded: no more is fetched.
  assertEquals(rig.calls.length, called);
  rig.store.refuse = () => null;
  rig.store.refuseRecords = () => null;
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled, done.failed, done.lastError], ["done", 900, 0, null]);
  assertEquals(rig.times(), { 1: 900 });
});

Deno.test("backfill: a commit whose answer is lost is not made again", async () => {
  await using rig = await Rig.start({ provider: PLAIN });
  let lost = 0;
  // Committed, and the pool told that it was not.
  const { store } = rig;
  const commit = store.commit.bind(store);
  store.commit = async (batches): Promise<CommitResult> => {
    const result = await commit(batches);
    const isOwn = batches.some(({ feed }) => feed === "job/night");
    if (!isOwn || lost >= 3 || result.state === "refused") return result;
    lost++;
    return { state: "refused", code: "broken", message: "the answer is lost" };
  };
  const done = await rig.run(jobOf("night", 200, DAYS));
  assertEquals([done.settled, lost], [600, 3]);
  assert(!rig.logged.some((line) => line.includes("begins again")), rig.logged.join());
  assertEquals(rig.times(), { 1: 600 });
});

Deno.test("backfill: a commit of a former incarnation that comes late makes the run begin where it is", async () => {
  await using rig = await Rig.start({ provider: PLAIN });
  await rig.begin(jobOf("night", 300));
  await untilSettled(rig, 100);
  let held = 0;
  rig.onTheWay = (path, type) => {
    if (held > 0 || !path.endsWith("/core/store") || !type.startsWith("commit")) return 0;
    held++;
    return 9_000;
  };
  await rig.until(() => held > 0);
  rig.crash(BACKFILL);
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled], ["done", 900]);
  assertEquals(rig.times(), { 1: 900 });
  assert(rig.logged.some((line) => line.includes("begins again")), rig.logged.join());
});

for (
  const [path, type, every] of [
    [PROVIDER, "permit", 3],
    [PROVIDER, "call", 3],
    [POOL, "ingest", 3],
    [POOL, "committed", 3],
    [POOL, "labelled", 1],
    [BACKFILL, "over", 1],
  ] as const
) {
  Deno.test(`backfill: a crash of ${path} on ${type} loses and repeats nothing`, async () => {
    const limits = [{ max: 40, windowMs: 3_000 }];
    await using rig = await Rig.start({ provider: { ...PLAIN, limits } });
    let crashes = 0, seen = 0, notBeforeMs = 0;
    rig.beforeHandle = (at, what) => {
      if (at !== path || what !== type || rig.clock.now() < notBeforeMs || crashes === 3) return;
      // Not the first of a burst.
      if (++seen % every !== 0) return;
      // Intensity allows one in five seconds.
      notBeforeMs = rig.clock.now() + 5_500;
      crashes++;
      throw new Error(`crashed on ${type}`);
    };
    await rig.begin(jobOf("night", 120, DAYS));
    for (;;) {
      // Whoever waits is told of a crash, and asks again.
      const reply = await rig.play(
        rig.backfill.ask("ended", { name: "night" }, { timeoutMs: DAY_MS }).catch(() => null),
      );
      await rig.pass(100);
      if (reply?.state !== "ok") continue;
      assertEquals([reply.job.state, reply.job.settled, reply.job.failed], ["done", 360, 0]);
      break;
    }
    assertGreater(crashes, 0);
    assertEquals(rig.times(), { 1: 360 });
  });
}

// ---- from where it was ----------------------------------------------------------------------------

Deno.test("backfill: a job that is killed goes on by itself with exactly what was not committed", async () => {
  const job = jobOf("night", 200, DAYS);
  const random = seededRandom(SEED + 7);
  await using rig = await Rig.start({
    provider: { ...PLAIN, transientRatio: 0.02, limits: [LIMIT] },
  });
  await rig.begin(job);
  for (let kill = 0; kill < 12; kill++) {
    await rig.pass(6_000 * random.next());
    await rig.kill();
    const committed = new Set(rig.committed.keys());
    const before = rig.calls.length;
    await rig.pass(500);
    const asked = rig.calls.slice(before).flatMap(({ endpoint, symbols }) =>
      symbols.map((symbol) => `fetched:${endpoint.replace("_day", "")} ${symbol}`)
    );
    assertEquals(asked.filter((item) => committed.has(item)), []);
  }
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled, done.failed], ["done", 600, 0]);
  assertEquals(rig.times(), { 1: 600 });
  assertEquals(await heldBy(rig.memory), await expectedOf(job));
  assertEquals(rig.upstream.stats().limited, 0);
});

Deno.test("backfill: an orderly stop keeps what calls under way bring", async () => {
  await using rig = await Rig.start({ provider: PLAIN });
  await rig.begin(jobOf("night", 500));
  await rig.pass(300);
  await rig.restart();
  const answered = rig.calls.filter(({ ended }) => ended === "answered")
    .flatMap(({ symbols }) => symbols).length;
  const { settled, state } = await rig.job("night");
  assertEquals([state, settled], ["running", answered]);
  assertEquals((await rig.ended("night")).settled, 1_500);
  // No item was fetched twice.
  assertEquals(rig.upstream.stats().keys, 1_500);
});

Deno.test("backfill: what ended, paused or was cancelled stays so over a kill", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  await rig.run(jobOf("done", 5));
  for (const name of ["paused", "cancelled"]) {
    await rig.begin(jobOf(name, 300, { symbols: symbolsOf(300, name) }));
  }
  await rig.pass(15_000);
  await rig.play(rig.backfill.ask("pause", { name: "paused" }));
  await rig.play(rig.backfill.ask("cancel", { name: "cancelled" }));
  const states = async () =>
    (await rig.play(rig.backfill.ask("jobs", {}))).map(({ name, state }) => `${name} ${state}`);
  for (const name of ["paused", "cancelled"]) await rig.ended(name);
  const before = await states();
  assertEquals(before, ["cancelled cancelled", "done done", "paused paused"]);
  await rig.kill();
  const calls = rig.calls.length;
  await rig.pass(120_000);
  assertEquals([await states(), rig.calls.length], [before, calls]);
  await rig.play(rig.backfill.ask("resume", { name: "paused" }));
  assertEquals((await rig.ended("paused")).settled, 900);
});

Deno.test("backfill: a damaged checkpoint is found out, and the one before it is used", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  await rig.begin(jobOf("night", 200));
  await rig.pass(25_000);
  await rig.kill();
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  await rig.ended("night");
  const checkpoints = rig.memory.records("checkpoint").map(({ key, json }) => {
    const decoded = decodeCheckpoint(json);
    assert(decoded.ok);
    return { key, json, serial: decoded.checkpoint.serial };
  }).sort((a, b) => a.serial - b.serial);
  const [older, newest] = checkpoints;
  assert(older !== undefined && newest !== undefined);
  rig.memory.putRecord("checkpoint", newest.key, newest.json.replace('"done":"0-', '"done":"1-'));
  await rig.restart();
  await rig.play(rig.backfill.ask("resume", { name: "night" }));
  const done = await rig.ended("night");
  assertEquals([done.state, done.settled, done.failed], ["done", 600, 0]);
  assert(rig.logged.some((line) => line.includes("a checkpoint is not used")), rig.logged.join());
  // What the last commit brought is fetched again, and no more; nothing is missing.
  const times = rig.times();
  assertEquals((times[1] ?? 0) + (times[2] ?? 0), 600);
  assertGreater(times[2] ?? 0, 0);
  assertLess(times[2] ?? 0, 200);
});

Deno.test("backfill: when both checkpoints are damaged the run begins anew, and ends", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  await rig.begin(jobOf("night", 200));
  await rig.pass(25_000);
  await rig.kill();
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  await rig.ended("night");
  for (const { key, json } of rig.memory.records("checkpoint")) {
    rig.memory.putRecord("checkpoint", key, json.slice(0, -30));
  }
  await rig.play(rig.backfill.ask("resume", { name: "night" }));
  assertEquals((await rig.ended("night")).settled, 600);
  assertEquals(rig.memory.records("data:profiles").length, 200);
});

Deno.test("backfill: resume goes on, restart begins anew, and another plan is refused", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  const job = jobOf("night", 200);
  const first = await rig.begin(job);
  await rig.pass(25_000);
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  const { settled } = await rig.ended("night");
  assertGreater(settled, 0);
  const other = { ...job, symbols: job.symbols.slice(1) };
  const reply = await rig.play(rig.backfill.ask("start", { job: other, mode: "resume" }));
  assert(reply.state === "refused");
  assertMatch(reply.reason, /mode restart/);
  // Its rate and its workers are no part of the plan.
  const resumed = await rig.begin({ ...job, workers: 5, rate: "300/min" });
  assertEquals([resumed.runId, resumed.settled], [first.runId, settled]);
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  await rig.ended("night");
  const restarted = await rig.begin(other, "restart");
  assertEquals([restarted.settled, restarted.items], [0, 597]);
  assert(restarted.runId !== first.runId);
  assertEquals((await rig.ended("night")).settled, 597);
});

Deno.test("backfill: a job that ended is run again from its beginning", async () => {
  await using rig = await Rig.start();
  const first = await rig.run(jobOf("night", 20));
  await rig.pass(1_000);
  const second = await rig.run(jobOf("night", 20));
  assert(first.runId !== second.runId);
  assertEquals(rig.times(), { 2: 60 });
  const reports = await rig.play(rig.backfill.ask("reports", { job: "night", limit: 20 }));
  assertEquals(reports.map(({ run_summary }) => run_summary.run_id), [first.runId, second.runId]);
  const last = await rig.play(rig.backfill.ask("reports", { limit: 1 }));
  assertEquals(last.map(({ run_summary }) => run_summary.run_id), [second.runId]);
});

// ---- pause, resume, cancel ------------------------------------------------------------------------

Deno.test("backfill: pause, resume and cancel in every state", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, medianMs: 500, p99Ms: 900 } });
  const say = async (type: "pause" | "resume" | "cancel") => {
    const reply = await rig.play(rig.backfill.ask(type, { name: "night" }));
    return reply.state === "ok" ? reply.job.state : reply.state;
  };
  await rig.begin(jobOf("night", 500));
  const again = await rig.play(
    rig.backfill.ask("start", { job: jobOf("night", 500), mode: "restart" }),
  );
  assertEquals(again.state, "refused");
  assertEquals(await say("resume"), "refused");
  await rig.pass(1_000);
  assertEquals(await say("pause"), "pausing");
  assertEquals([await say("pause"), await say("resume")], ["refused", "refused"]);
  assertEquals((await rig.ended("night")).state, "paused");
  assertEquals(await say("pause"), "refused");
  assertEquals(await say("resume"), "running");
  await rig.pass(1_000);
  assertEquals(await say("pause"), "pausing");
  assertEquals(await say("cancel"), "cancelling");
  assertEquals([await say("pause"), await say("resume"), await say("cancel")], [
    "refused",
    "refused",
    "refused",
  ]);
  assertEquals((await rig.ended("night")).state, "cancelled");
  assertEquals([await say("pause"), await say("resume"), await say("cancel")], [
    "refused",
    "refused",
    "refused",
  ]);
  assertEquals([rig.memory.records("job_plan"), rig.memory.records("checkpoint")], [[], []]);
  // A cancelled job begins anew; a paused one is cancelled on the spot.
  const begun = await rig.begin(jobOf("night", 500));
  assertEquals(begun.settled, 0);
  await rig.pass(1_000);
  await say("pause");
  await rig.ended("night");
  assertEquals(await say("cancel"), "cancelled");
  assertEquals(rig.memory.records("checkpoint"), []);
});

Deno.test("backfill: a pause waits for nobody's limit, and gives permits back", async () => {
  await using rig = await Rig.start({
    provider: { ...PLAIN, limits: [{ max: 10, windowMs: 3_600_000 }] },
  });
  await rig.begin(jobOf("night", 100, { kinds: ["profiles"] }));
  await rig.pass(10_000);
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  const paused = await rig.ended("night");
  assertLess(rig.clock.now(), 20_000);
  assertEquals([paused.state, paused.settled], ["paused", 10]);
  const { permits } = await rig.play(rig.provider.ask("status", {}));
  assertEquals(permits, 0);
});

// ---- filters --------------------------------------------------------------------------------------

Deno.test("backfill: what is fresh is not fetched again, nor known profiles, nor who never pays", async () => {
  const payers = ["S0", "S1", "S2"];
  await using rig = await Rig.start({ provider: { ...PLAIN, payers } });
  const job = jobOf("night", 20, { filters: {} });
  assertEquals((await rig.run(job)).items, 60);
  await rig.pass(1_000);
  assertEquals((await rig.run(job)).items, 0);
  await rig.pass(DAY_MS);
  const next = await rig.run(job);
  // A day later: the prices of all, dividends of those that pay, and no profile.
  assertEquals(next.items, 20 + payers.length);
  const { optimizations } = await rig.report("night");
  assertEquals(optimizations.by_optimization["dividend_filter"]?.calls_saved, 17);
  assertEquals(optimizations.by_optimization["company_cache"]?.calls_saved, 20);
});

// ---- schedules ------------------------------------------------------------------------------------

/** Times at which a job ran, as its provider saw it. */
async function runsOf(rig: Rig, days: number): Promise<string[]> {
  const seen = new Set<string>();
  const untilMs = rig.clock.wallNow() + days * DAY_MS;
  while (rig.clock.wallNow() < untilMs) {
    await rig.pass(3_600_000 / 4);
    const job = await rig.job("night");
    if (job.startedMs !== null) seen.add(new Date(job.startedMs).toISOString());
  }
  return [...seen];
}

Deno.test("backfill: a job runs at its time in its zone, over both changes of the clock", async () => {
  // New York: UTC-5 until 2026-03-08, UTC-4 from then on, UTC-5 from 2026-11-01 on.
  const schedule = { cron: "30 18 * * *", timeZone: "America/New_York" };
  const job = jobOf("night", 2, { schedule, kinds: ["profiles"] });
  await using spring = await Rig.start({ wallMs: Date.UTC(2026, 2, 7) });
  const waiting = await spring.begin(job);
  assertEquals([waiting.state, waiting.nextMs], ["pending", Date.UTC(2026, 2, 7, 23, 30)]);
  assertEquals(await runsOf(spring, 3), [
    "2026-03-07T23:30:00.000Z",
    "2026-03-08T22:30:00.000Z",
    "2026-03-09T22:30:00.000Z",
  ]);
  await using autumn = await Rig.start({ wallMs: Date.UTC(2026, 9, 31) });
  await autumn.begin(job);
  assertEquals(await runsOf(autumn, 3), [
    "2026-10-31T22:30:00.000Z",
    "2026-11-01T23:30:00.000Z",
    "2026-11-02T23:30:00.000Z",
  ]);
  assertEquals((await autumn.job("night")).missed, 0);
});

Deno.test("backfill: a time that the clock skips, or has twice, is run once", async () => {
  // Berlin skips 02:00-03:00 on 2026-03-29 and has it twice on 2026-10-25.
  const schedule = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
  const job = jobOf("night", 2, { schedule, kinds: ["profiles"] });
  for (const wallMs of [Date.UTC(2026, 2, 28, 12), Date.UTC(2026, 9, 24, 12)]) {
    await using rig = await Rig.start({ wallMs });
    await rig.begin(job);
    assertEquals((await runsOf(rig, 1)).length, 1);
  }
});

Deno.test("backfill: a run that still goes on when the next is due is not run twice, but counted", async () => {
  await using rig = await Rig.start({
    provider: { ...PLAIN, limits: [{ max: 100, windowMs: 3_600_000 }] },
  });
  const schedule = { cron: "0 * * * *", timeZone: "UTC" };
  await rig.begin(jobOf("night", 250, { schedule, kinds: ["profiles"] }));
  await rig.pass(3 * 3_600_000 + 60_000);
  const job = await rig.job("night");
  // From nine to eleven and some minutes it is busy with the first.
  assertEquals([job.missed, rig.reports.length], [2, 1]);
  assertEquals(rig.times(), { 1: 250 });
  assert(rig.logged.some((line) => line.includes("the last one still runs")));
});

Deno.test("backfill: runs that were due while nothing ran are counted, one that is late is run", async () => {
  await using rig = await Rig.start();
  const schedule = { cron: "0 * * * *", timeZone: "UTC" };
  await rig.begin(jobOf("night", 2, { schedule, kinds: ["profiles"] }));
  await rig.play(rig.system.stop());
  await rig.clock.advance(5.5 * 3_600_000);
  await rig.restart();
  const job = await rig.job("night");
  assertEquals([job.missed, job.startedMs], [5, null]);
  assertEquals(job.nextMs, Date.UTC(2026, 2, 3, 14));
  // Counted once.
  await rig.kill();
  assertEquals((await rig.job("night")).missed, 5);
  await rig.play(rig.system.stop());
  rig.clock.advance(Date.UTC(2026, 2, 3, 14, 0, 20) - rig.clock.wallNow());
  await rig.restart();
  await rig.pass(1_000);
  const late = await rig.job("night");
  assertEquals([late.missed, late.state], [5, "done"]);
});

Deno.test("backfill: a schedule leaves a paused job alone and goes on with a failed one", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  const schedule = { cron: "0 * * * *", timeZone: "UTC" };
  const job = jobOf("night", 300, { schedule });
  await rig.begin(job);
  await rig.pass(3_600_000 + 10_000);
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  await rig.ended("night");
  await rig.pass(2 * 3_600_000);
  const paused = await rig.job("night");
  assertEquals([paused.state, paused.missed], ["paused", 2]);
});

// ---- bounds ---------------------------------------------------------------------------------------

Deno.test("backfill: checkpoints nobody goes on with are cleared away after a week", async () => {
  await using rig = await Rig.start({ provider: { ...PLAIN, limits: [LIMIT] } });
  await rig.begin(jobOf("night", 100));
  await rig.pass(5_000);
  await rig.play(rig.backfill.ask("pause", { name: "night" }));
  await rig.ended("night");
  const [left] = rig.memory.records("checkpoint");
  assert(left !== undefined);
  rig.memory.putRecord("checkpoint", "gone/a", left.json);
  await rig.pass(8 * DAY_MS);
  const keys = rig.memory.records("checkpoint").map(({ key }) => key);
  assert(!keys.includes("gone/a"), keys.join());
  // The paused job's are kept: it can go on.
  assertGreater(keys.length, 0);
  await rig.play(rig.backfill.ask("resume", { name: "night" }));
  assertEquals((await rig.ended("night")).settled, 300);
});
