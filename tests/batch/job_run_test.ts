/** One run of a job over ports: what it asks for, what it commits, and where it goes on. */

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertRejects } from "@std/assert";
import { pause, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { DataKind } from "../../src/batch/filter_kinds.ts";
import { IntervalSet } from "../../src/batch/interval_set.ts";
import { type Checkpoint, decodeCheckpoint } from "../../src/batch/job_checkpoint.ts";
import { type JobPlan, planJob } from "../../src/batch/job_plan.ts";
import {
  CHECKPOINT_RECORDS,
  type JobAnswer,
  type JobCall,
  type JobCommit,
  type JobFailure,
  JobRun,
  type JobSource,
  type JobValue,
} from "../../src/batch/job_run.ts";
import { jobSettings, type JobSpec } from "../../src/batch/job_spec.ts";
import { CandleBuilder } from "../../src/market/block.ts";
import { seedOf } from "../actor/seed.ts";
import { play } from "./run_batch_rig.ts";

const SEED = seedOf("job_run");
const SYMBOLS_MAX: Partial<Record<DataKind, number>> = { prices: 50, dividends: 1, profiles: 10 };

function symbols(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `S${i}`);
}

const SPEC: JobSpec = {
  name: "night",
  symbols: symbols(300),
  kinds: ["prices", "dividends", "profiles"],
  provider: "simulated",
  chunk: 25,
  workers: 12,
};

const failureOf = (failure: JobFailure["class"], code = "unavailable"): JobFailure => ({
  class: failure,
  code,
  message: `it is ${failure}`,
  retryAfterMs: null,
});

/** A provider and a store behind the ports. */
class Ports implements JobSource {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(SEED);
  readonly calls: JobCall[] = [];
  readonly commits: JobCommit[] = [];
  /** Permits that are out. */
  readonly out = new Set<number>();
  peak = 0;
  #permits = 0;
  /** What a call comes to instead of the values. */
  answer: (call: JobCall) => JobAnswer | null = () => null;
  rowsOf: (symbol: string) => number = () => 1;
  /** What a commit throws; null for none. */
  refuse: () => Error | null = () => null;

  endpoint(kind: DataKind) {
    return { name: `get_${kind}`, symbolsMax: SYMBOLS_MAX[kind] ?? 1 };
  }
  permit(_kind: DataKind, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    this.out.add(++this.#permits);
    return Promise.resolve(this.#permits);
  }
  giveBack(permit: number): void {
    assert(this.out.delete(permit), "a permit is given back twice");
  }
  async call(permit: number, call: JobCall): Promise<JobAnswer> {
    assert(this.out.delete(permit), "a call without a permit");
    this.calls.push(call);
    this.peak = Math.max(this.peak, call.symbols.length);
    await pause(this.clock, 10 + 100 * this.random.next());
    const own = this.answer(call);
    if (own !== null) return own;
    return { state: "answered", results: call.symbols.map((symbol) => this.value(call, symbol)) };
  }
  value({ kind }: JobCall, symbol: string): JobValue {
    const records = [{ kind: `data:${kind}`, key: symbol, json: `"${symbol}"` }];
    if (kind !== "prices") return { candles: null, records };
    const rows = this.rowsOf(symbol);
    const block = new CandleBuilder(`${symbol}:D`, rows);
    for (let i = 0; i < rows; i++) block.push(i * 86_400_000, 1, 1, 1, 1, 1);
    return { candles: block.finish(), records };
  }
  commit = async (commit: JobCommit) => {
    await pause(this.clock, 5);
    const error = this.refuse();
    if (error !== null) throw error;
    this.commits.push(commit);
  };

  /** The last checkpoint that was committed. */
  get checkpoint(): Checkpoint | null {
    for (const { records } of [...this.commits].reverse()) {
      const record = records.find(({ kind }) => kind === CHECKPOINT_RECORDS);
      const decoded = decodeCheckpoint(record?.json ?? "");
      assert(decoded.ok);
      return decoded.checkpoint;
    }
    return null;
  }

  /** How often each value was committed. */
  get committed(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { records } of this.commits) {
      for (const { kind, key } of records) {
        if (kind === CHECKPOINT_RECORDS) continue;
        counts.set(`${kind} ${key}`, (counts.get(`${kind} ${key}`) ?? 0) + 1);
      }
    }
    return counts;
  }
}

function planOf(spec: JobSpec): JobPlan {
  return planJob(jobSettings(spec), "run-1", new Map(), { batch: null }, 86_400_000 * 20_000);
}

function runOf(ports: Ports, spec: JobSpec = SPEC, checkpoint: Checkpoint | null = null): JobRun {
  return new JobRun({
    settings: jobSettings(spec),
    plan: planOf(spec),
    checkpoint,
    source: ports,
    commit: ports.commit,
    clock: ports.clock,
    random: ports.random,
  });
}

function assertEachOnce(ports: Ports, count: number): void {
  const { committed } = ports;
  assertEquals(committed.size, count);
  assert([...committed.values()].every((times) => times === 1), "something is committed twice");
}

Deno.test("JobRun commits each item once, with a checkpoint that says so", async () => {
  const ports = new Ports();
  const run = runOf(ports);
  assertEquals(await play(ports.clock, run.run()), "done");
  assertEachOnce(ports, 900);
  assertEquals([run.settled, run.failed, ports.out.size], [900, 0, 0]);
  assertEquals(ports.checkpoint?.done, "0-900");
  const serials = ports.commits.map(({ records }) => {
    const decoded = decodeCheckpoint(records.at(-1)?.json ?? "");
    return decoded.ok ? decoded.checkpoint.serial : null;
  });
  assertEquals(serials, serials.map((_, i) => i + 1));
  assertEquals(ports.commits.map(({ records }) => records.at(-1)?.key), [
    ...serials.map((serial) => `night/${(serial ?? 0) % 2 === 0 ? "a" : "b"}`),
  ]);
});

Deno.test("JobRun sends no more symbols than an endpoint takes, nor than the chunk says", async () => {
  const ports = new Ports();
  await play(ports.clock, runOf(ports).run());
  const most = (kind: DataKind) =>
    Math.max(...ports.calls.filter((call) => call.kind === kind).map((c) => c.symbols.length));
  assertEquals([most("prices"), most("dividends"), most("profiles")], [25, 1, 10]);
});

Deno.test("JobRun goes on with exactly the items that were not committed", async () => {
  const random = seededRandom(SEED + 1);
  const first = new Ports();
  await play(first.clock, runOf(first).run());
  for (let kill = 0; kill < 20; kill++) {
    const at = Math.floor(random.next() * first.commits.length);
    const ports = new Ports();
    ports.commits.push(...first.commits.slice(0, at));
    const before = ports.committed;
    const run = runOf(ports, SPEC, ports.checkpoint);
    assertEquals(run.settled, before.size);
    assertEquals(await play(ports.clock, run.run()), "done");
    assertEachOnce(ports, 900);
    const asked = ports.calls.flatMap(({ kind, symbols }) =>
      symbols.map((s) => `data:${kind} ${s}`)
    );
    assertEquals(asked.filter((item) => before.has(item)), []);
    assertEquals(asked.length, 900 - before.size);
    const { run_summary, phases } = run.report("done");
    assertEquals([run_summary.items_ok, run_summary.items_failed], [900, 0]);
    assertEquals(Object.values(phases).map(({ processed }) => processed), [300, 300, 300]);
  }
});

Deno.test("JobRun.stop() keeps what is under way, and the rest is done later", async () => {
  const ports = new Ports();
  const run = runOf(ports);
  const ended = run.run();
  ports.clock.setTimer(150, () => run.stop());
  assertEquals(await play(ports.clock, ended), "stopped");
  const { settled } = run;
  assertGreater(settled, 0);
  assertEquals([ports.out.size, IntervalSet.parse(ports.checkpoint?.done ?? "").size], [
    0,
    settled,
  ]);
  const rest = runOf(ports, SPEC, ports.checkpoint);
  assertEquals(await play(ports.clock, rest.run()), "done");
  assertEachOnce(ports, 900);
  assertEquals(rest.report("done").api_metrics.total_calls, ports.calls.length);
  assertEquals(rest.report("done").run_summary.resumed, 1);
});

Deno.test("JobRun tries what fails again, and gives up what fails for good, with its cause", async () => {
  const ports = new Ports();
  const random = seededRandom(SEED + 2);
  ports.answer = ({ symbols }) => {
    const failed = (failure: JobFailure) =>
      ({ state: "failed", failure, isDown: false, isUnsent: false }) as const;
    if (symbols.includes("S7")) return failed(failureOf("permanent", "refused"));
    return random.next() < 0.02 ? failed(failureOf("transient")) : null;
  };
  const run = runOf(ports);
  assertEquals(await play(ports.clock, run.run()), "done");
  const dead = ports.commits.flatMap(({ dead }) => dead);
  assertEquals(dead.map(({ kind, symbol, error }) => `${kind} ${symbol} ${error}`).sort(), [
    "dividends S7 it is permanent",
    "prices S7 it is permanent",
    "profiles S7 it is permanent",
  ]);
  assertEachOnce(ports, 897);
  assertEquals([run.settled, run.failed], [900, 3]);
  const resumed = runOf(ports, SPEC, ports.checkpoint);
  assertEquals([resumed.settled, resumed.failed], [900, 3]);
});

Deno.test("JobRun gives up an item alone that its call told apart", async () => {
  const ports = new Ports();
  ports.answer = (call) => ({
    state: "answered",
    results: call.symbols.map((symbol) =>
      symbol === "S3" ? failureOf("permanent", "symbol") : ports.value(call, symbol)
    ),
  });
  await play(ports.clock, runOf(ports).run());
  assertEquals(ports.commits.flatMap(({ dead }) => dead.map(({ symbol }) => symbol)), [
    "S3",
    "S3",
    "S3",
  ]);
  // Nobody's call was made again for it.
  assertEquals(ports.calls.length, 300 / 25 + 300 + 300 / 10);
});

Deno.test("JobRun counts no try while the provider is down, and no call that was not sent", async () => {
  const ports = new Ports();
  let sent = 0, unsent = 0;
  ports.answer = () => {
    const failure = failureOf("transient", "open");
    if (ports.clock.now() > 600_000) return null;
    // Longer than five tries last.
    const isUnsent = sent % 3 === 0 && unsent < 40;
    if (isUnsent) unsent++;
    else sent++;
    return { state: "failed", failure, isDown: !isUnsent, isUnsent };
  };
  const run = runOf(ports, { ...SPEC, symbols: symbols(30), workers: 3 });
  assertEquals(await play(ports.clock, run.run()), "done");
  assertEquals(ports.commits.flatMap(({ dead }) => dead), []);
  assertEachOnce(ports, 90);
  assertGreater(unsent, 0);
  assertEquals(run.report("done").api_metrics.total_calls, ports.calls.length - unsent);
});

Deno.test("JobRun ends when the key is refused, gives nothing up for it, and can go on", async () => {
  const ports = new Ports();
  const run = runOf(ports);
  const failed = { failure: failureOf("permanent", "auth"), isDown: false, isUnsent: false };
  ports.answer = () => ports.calls.length > 100 ? { state: "failed", ...failed } : null;
  await assertRejects(() => play(ports.clock, run.run()), Error, "it is permanent");
  assertEquals(ports.commits.flatMap(({ dead }) => dead), []);
  // No more than was under way.
  assertLessOrEqual(ports.calls.length, 100 + 2 * 14);
  ports.answer = () => null;
  assertEquals(await play(ports.clock, runOf(ports, SPEC, ports.checkpoint).run()), "done");
  assertEachOnce(ports, 900);
});

Deno.test("JobRun ends with what a commit rejected with, and settles nothing that is not kept", async () => {
  const ports = new Ports();
  const run = runOf(ports);
  ports.refuse = () => ports.commits.length >= 3 ? new Error("the store is gone") : null;
  await assertRejects(() => play(ports.clock, run.run()), Error, "the store is gone");
  assertEquals([ports.commits.length, run.settled], [3, ports.committed.size]);
  ports.refuse = () => null;
  await play(ports.clock, runOf(ports, SPEC, ports.checkpoint).run());
  assertEachOnce(ports, 900);
});

Deno.test("JobRun bounds what it commits at once, in candles and items, and what it asks for", async () => {
  const ports = new Ports();
  ports.rowsOf = () => 5_000;
  const spec: JobSpec = {
    ...SPEC,
    kinds: ["prices"],
    symbols: symbols(200),
    from: 0,
    to: 5_000 * 86_400_000,
  };
  await play(ports.clock, runOf(ports, spec).run());
  assertEachOnce(ports, 200);
  // 65,536 candles are 13 symbols.
  assertLessOrEqual(ports.peak, 13);
  for (const { blocks } of ports.commits) {
    assertLessOrEqual(blocks.reduce((sum, { length }) => sum + length, 0), 65_536);
  }
  // A store that is slow: far more has come than goes into one commit.
  const slow = new Ports();
  slow.commit = async (commit) => {
    await pause(slow.clock, 60_000);
    slow.commits.push(commit);
  };
  const many = { ...SPEC, kinds: ["profiles"] as const, symbols: symbols(20_000), workers: 500 };
  await play(slow.clock, runOf(slow, many).run());
  assertEachOnce(slow, 20_000);
  for (const { records } of slow.commits) assertLessOrEqual(records.length, 4_001);
});

Deno.test("JobRun makes no call for symbols of two groups", async () => {
  const ports = new Ports();
  const groupOf = (_kind: DataKind, symbol: string) => symbol.endsWith("7") ? "X" : "Y";
  const run = new JobRun({
    settings: jobSettings(SPEC),
    plan: planJob(jobSettings(SPEC), "run-1", new Map(), { batch: null, groupOf }, 86_400_000),
    checkpoint: null,
    source: ports,
    commit: ports.commit,
    clock: ports.clock,
    random: ports.random,
  });
  assertEquals(await play(ports.clock, run.run()), "done");
  assertEachOnce(ports, 900);
  for (const { kind, symbols } of ports.calls) {
    assertEquals(new Set(symbols.map((symbol) => groupOf(kind, symbol))).size, 1);
  }
  const { phases } = run.report("done");
  assertEquals(phases["prices X"]?.processed, 30);
  assertEquals(phases["prices Y"]?.processed, 270);
});

Deno.test("JobRun reports what it did", async () => {
  const ports = new Ports();
  const run = runOf(ports);
  await play(ports.clock, run.run());
  const { run_summary, api_metrics, phases } = run.report("done");
  assertEquals([run_summary.items_ok, run_summary.items_failed, run_summary.run_id], [
    900,
    0,
    "run-1",
  ]);
  assertEquals(Object.keys(phases).sort(), ["dividends", "prices", "profiles"]);
  assertEquals(
    Object.entries(api_metrics.by_endpoint).map(([name, { count }]) => [name, count]).sort(),
    [["get_dividends", 300], ["get_prices", 12], ["get_profiles", 30]],
  );
  assertEquals(run.progress()?.share, 1);
});
