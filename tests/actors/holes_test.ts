/** Holes of feeds: filled by a provider as if they had never been, once, and in bounds. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLessOrEqual,
  assertMatch,
  assertThrows,
} from "@std/assert";
import { HOLE_JOBS_RUNNING_MAX, HOLES_WAITING_MAX } from "../../src/batch/hole_jobs.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { simulatedPlan } from "../../src/provider/simulated_options.ts";
import { SimulatedValues } from "../../src/provider/simulated_values.ts";
import type { Refused } from "../../src/store/port.ts";
import { HOLES_TOLD_MAX } from "../../actors/protocols_batch.ts";
import { wickTree } from "../../actors/tree.ts";
import { jobOf, Rig, type RigOptions, SEED, START_MS } from "./backfill_rig.ts";
import { ArraySource, assertStoreHolds, rowsOf } from "./support.ts";

const BARS = 400;
const MINUTE_MS = 60_000;
const FROM_MS = START_MS - BARS * MINUTE_MS;
const S = "BTC_USD:M1";
const BACKFILL = "/wick/core/work/backfill";
/** Bars that the source leaves out, from ≤ i < to. */
const HOLES = [[100, 110], [200, 201], [330, 350]] as const;
const NAMES = HOLES.map(([from]) => nameOf(from));

function nameOf(bar: number): string {
  return `holes-BTC_USD-M1-${FROM_MS + bar * MINUTE_MS}`;
}

/** The series as the provider knows it. */
function wholeOf(symbol = "BTC_USD"): CandleBlock {
  const result = new SimulatedValues(simulatedPlan({ seed: SEED })).result(symbol, {
    kind: "prices",
    fromMs: FROM_MS,
    toMs: START_MS,
    granularity: "M1",
  });
  assert(result.state === "ok" && "candles" in result.value);
  const { candles } = result.value;
  assertEquals(candles.length, BARS);
  return candles;
}

const WHOLE = wholeOf();

/** The stretches between the holes, each a batch. */
function brokenBatches(): CandleBlock[][] {
  const edges = [0, ...HOLES.flat(), BARS];
  return edges.flatMap((from, i) => i % 2 === 0 ? [[rowsOf(WHOLE, from, edges[i + 1])]] : []);
}

function start(options: RigOptions = {}): Promise<Rig> {
  const source = () => new ArraySource("feed", brokenBatches());
  return Rig.start({ fillsHoles: true, feeds: [{ name: "feed", source }], ...options });
}

/** The jobs, each as name and state. */
async function jobsOf(rig: Rig): Promise<string[]> {
  return (await rig.play(rig.backfill.ask("jobs", {}))).map(({ name, state }) =>
    `${name} ${state}`
  );
}

/** Holes of a minute every two minutes, as a feed tells of them. */
function tellHoles(rig: Rig, symbol: string, count: number): void {
  for (let told = 0; told < count; told += HOLES_TOLD_MAX) {
    const holes = Array.from({ length: Math.min(HOLES_TOLD_MAX, count - told) }, (_, i) => {
      const fromTs = FROM_MS - 2 * MINUTE_MS * (told + i + 1);
      return { fromTs, toTs: fromTs + MINUTE_MS };
    });
    rig.backfill.tell("holes", { series: `${symbol}:M1`, holes });
  }
}

Deno.test("holes of a feed are filled, and labels are those of an unbroken series", async () => {
  await using rig = await start();
  await rig.pass(60_000);
  assertEquals(await jobsOf(rig), NAMES.map((name) => `${name} done`));
  await assertStoreHolds(rig.memory, [[WHOLE]], DEFAULT_PARAMS);
  const { revisions } = rig.memory.labels(
    S,
    paramHash(DEFAULT_PARAMS),
    -Infinity,
    Infinity,
    Infinity,
  );
  assert([...revisions].some((revision) => revision > 0));
  const opened = rig.said.filter((line) => line.includes("a job was opened for a hole"));
  assertEquals(opened.length, HOLES.length);
  const { holes } = await rig.play(rig.wick.feed("feed").ask("status", {}));
  assertEquals([holes.count, holes.missingBars], [3, 31]);
});

Deno.test("without a provider that fills holes, they stay and nobody is told", async () => {
  const told: string[] = [];
  const rig = await start({ fillsHoles: false });
  await using _ = rig;
  rig.beforeHandle = (_path, type) => void told.push(type);
  await rig.pass(60_000);
  assertEquals([await jobsOf(rig), told.includes("holes"), rig.calls], [[], false, []]);
  await assertStoreHolds(rig.memory, brokenBatches(), DEFAULT_PARAMS);
});

Deno.test("a hole is told of only when the candles around it are committed", async () => {
  const gate = Promise.withResolvers<void>();
  class GatedSource extends ArraySource {
    override async open(cursor: string | null): Promise<void> {
      await gate.promise;
      await super.open(cursor);
    }
  }
  const source = () => new GatedSource("feed", brokenBatches());
  await using rig = await start({ feeds: [{ name: "feed", source }] });
  let told = 0;
  rig.beforeHandle = (path, type) => {
    if (path === BACKFILL && type === "holes") told++;
  };
  const full: Refused = { state: "refused", code: "disk_full", message: "no room" };
  rig.store.refuse = () => full;
  gate.resolve();
  await rig.pass(60_000);
  assertEquals([told, await jobsOf(rig)], [0, []]);
  rig.store.refuse = () => null;
  await rig.pass(60_000);
  assertEquals(told, HOLES.length);
  await assertStoreHolds(rig.memory, [[WHOLE]], DEFAULT_PARAMS);
});

Deno.test("a hole is filled over kills of the process, and by a provider that was out", async () => {
  const outages = [{ fromMs: 0, toMs: 120_000, kind: "refuse" as const }];
  await using rig = await start({ provider: { outages } });
  await rig.pass(5_000);
  assertEquals((await jobsOf(rig)).length, HOLE_JOBS_RUNNING_MAX);
  await rig.kill();
  await rig.pass(600_000);
  // What waited in memory when the process was killed stays a hole; what had a job does not.
  assertEquals(await jobsOf(rig), NAMES.slice(0, 2).map((name) => `${name} done`));
  const [, , last] = HOLES;
  const filled = [rowsOf(WHOLE, 0, last[0]), rowsOf(WHOLE, last[1])];
  await assertStoreHolds(rig.memory, [filled], DEFAULT_PARAMS);
});

Deno.test("a commit that failed is made again, and a hole is filled once", async () => {
  await using rig = await start();
  const full: Refused = { state: "refused", code: "disk_full", message: "no room" };
  await rig.until(() => rig.calls.length > 0);
  rig.store.refuse = () => full;
  await rig.pass(30_000);
  rig.store.refuse = () => null;
  await rig.pass(60_000);
  assertEquals(await jobsOf(rig), NAMES.map((name) => `${name} done`));
  assertEquals(rig.calls.length, HOLES.length);
  await assertStoreHolds(rig.memory, [[WHOLE]], DEFAULT_PARAMS);
});

Deno.test("jobs for holes leave neither cursors, reports nor a date that filters go by", async () => {
  await using rig = await start();
  await rig.pass(60_000);
  assertEquals(rig.memory.cursors().map(({ feed }) => feed), ["feed"]);
  for (const kind of ["fetched:prices", "job_report", "job_plan", "checkpoint"]) {
    assertEquals(rig.memory.records(kind), [], kind);
  }
  assertEquals(rig.reports, []);
  const report = await rig.report(NAMES[0] ?? "");
  assertEquals(report.run_summary.items_ok, 1);
});

Deno.test("a hole is tried once, whoever tells of it, also after a crash and a restart", async () => {
  await using rig = await start({ provider: { unknown: ["BTC_USD"] } });
  await rig.pass(60_000);
  // What the provider does not have stays a hole.
  await assertStoreHolds(rig.memory, brokenBatches(), DEFAULT_PARAMS);
  const before = await jobsOf(rig);
  assertEquals(before, NAMES.map((name) => `${name} done`));
  const tellAgain = async () => {
    const fromTs = FROM_MS + HOLES[0][0] * MINUTE_MS;
    rig.backfill.tell("holes", { series: S, holes: [{ fromTs, toTs: fromTs + MINUTE_MS }] });
    await rig.pass(10_000);
  };
  await tellAgain();
  rig.crash(BACKFILL);
  await rig.pass(10_000);
  await tellAgain();
  await rig.restart();
  await tellAgain();
  assertEquals([await jobsOf(rig), rig.calls.length], [before, HOLES.length]);
});

Deno.test("bars that the provider does not have are not tried, which is said once", async () => {
  await using rig = await start({ granularities: ["D"] });
  await rig.pass(60_000);
  assertEquals([await jobsOf(rig), rig.calls], [[], []]);
  const said = rig.logged.filter((line) => line.includes("such holes cannot be filled"));
  assertEquals(said.length, 1);
  assertMatch(said[0] ?? "", /"granularity":"M1".*expected a granularity of D/);
  await assertStoreHolds(rig.memory, brokenBatches(), DEFAULT_PARAMS);
});

Deno.test("of many holes few are under way, so many wait, and the others stay", async () => {
  await using rig = await Rig.start({ fillsHoles: true });
  const beyond = 50;
  const running = new Set<string>();
  let most = 0, read = 0;
  const look = () => {
    for (; read < rig.events.length; read++) {
      const { name, state } = rig.events[read] ?? { name: "", state: "" };
      if (state === "running") running.add(name);
      else running.delete(name);
      most = Math.max(most, running.size);
    }
  };
  tellHoles(rig, "BTC_USD", HOLES_WAITING_MAX + beyond);
  await rig.pass(1_000);
  look();
  const left = rig.logged.filter((line) => line.includes("too many holes wait"));
  assertGreater(left.length, 0);
  await rig.pass(3_600_000);
  look();
  assertEquals(most, HOLE_JOBS_RUNNING_MAX);
  const jobs = await jobsOf(rig);
  assert(jobs.every((job) => job.endsWith(" done")));
  const inAll = Number(/"inAll":(\d+)/.exec(left.at(-1) ?? "")?.[1]);
  // None was under way before all were told of, or at most as many as may be.
  assertGreater(inAll, beyond - 1 - HOLE_JOBS_RUNNING_MAX);
  assertEquals(rig.calls.length, HOLES_WAITING_MAX + beyond - inAll);
  assertLessOrEqual(jobs.length, 1_000);
});

Deno.test("of a batch with more holes than one message holds, the first are told of", async () => {
  const rows = new CandleBuilder(S, 2 * HOLES_TOLD_MAX);
  const count = HOLES_TOLD_MAX + 6;
  for (let i = 0; i <= count; i++) rows.push(FROM_MS + 2 * i * MINUTE_MS, 1, 2, 1, 2, 0);
  const batches = [[rows.finish()]];
  const source = () => new ArraySource("feed", batches);
  await using rig = await start({ feeds: [{ name: "feed", source }] });
  await rig.pass(600_000);
  assertEquals(rig.calls.length, HOLES_TOLD_MAX);
  const said = rig.logged.filter((line) =>
    line.includes("more holes in one batch than are filled")
  );
  assertEquals(said.length, 1);
  assertMatch(said[0] ?? "", /"leftOut":6,"inAll":6/);
});

Deno.test("jobs for holes are forgotten first, and push out no job of a user", async () => {
  await using rig = await Rig.start({ fillsHoles: true });
  await rig.run(jobOf("night", 2));
  tellHoles(rig, "BTC_USD", 990);
  await rig.pass(3_600_000);
  tellHoles(rig, "ETH_USD", 40);
  await rig.pass(3_600_000);
  const before = await jobsOf(rig);
  assertEquals([before.length, before.includes("night done")], [1_000, true]);
  assertEquals(before.filter((job) => job.startsWith("holes-ETH_USD")).length, 40);
  // Room for another job of a user comes from one of a hole, too.
  await rig.run(jobOf("noon", 2));
  const after = await jobsOf(rig);
  assertEquals(after.filter((job) => !job.startsWith("holes-")), ["night done", "noon done"]);
  assertEquals(after.length, 1_000);
  // The first hole's job is forgotten, so that it is tried again.
  const calls = rig.calls.length;
  tellHoles(rig, "BTC_USD", 1);
  await rig.pass(60_000);
  assertEquals(rig.calls.length, calls + 1);
});

Deno.test("wickTree() refuses a provider for holes that is not among its providers", () => {
  assertThrows(
    () => wickTree({ fillHolesFrom: "upstream" }),
    TypeError,
    "Cannot start the tree: expected fillHolesFrom as one of no providers: " +
      "current value is upstream",
  );
});
