import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { pause, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { Progress, type ProgressSnapshot } from "../../src/batch/progress.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { LimiterGate, LimitRefused } from "../../src/batch/limiter_gate.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import { RetryPolicy } from "../../src/batch/retry.ts";
import { runBatch } from "../../src/batch/run_batch.ts";
import { BatchDeadlineError } from "../../src/batch/run_batch_call.ts";
import {
  type BatchPermit,
  type BatchSave,
  type DeadItem,
  ItemFailure,
} from "../../src/batch/run_batch_types.ts";
import { seedOf } from "../actor/seed.ts";
import { MemoryCheckpoint, numbers, plainRetry, play } from "./run_batch_rig.ts";

// ---- all items ----------------------------------------------------------------------------------

Deno.test("runBatch() gives every item to process once, in chunks", async () => {
  const clock = new VirtualClock();
  const seen: number[][] = [];
  const result = await play(
    clock,
    runBatch({
      items: numbers(10),
      chunk: 4,
      clock,
      process: async (chunk) => {
        seen.push([...chunk]);
        await pause(clock, 5);
      },
    }),
  );
  assertEquals(seen, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
  assertEquals([result.state, result.ok, result.failed, result.left], ["done", 10, 0, 0]);
});

Deno.test("runBatch() of no items is done at once", async () => {
  const process = () => Promise.reject(new Error("not called"));
  const { state, report } = await runBatch({ items: [], process });
  assertStrictEquals(state, "done");
  assertStrictEquals(report.api_metrics.total_calls, 0);
});

Deno.test("runBatch() has as many chunks under way as it may, and no more", async () => {
  const clock = new VirtualClock();
  let open = 0, most = 0;
  await play(
    clock,
    runBatch({
      items: numbers(50),
      concurrency: 7,
      clock,
      process: async () => {
        most = Math.max(most, ++open);
        await pause(clock, 10);
        open--;
      },
    }),
  );
  assertStrictEquals(most, 7);
  // 50 items of 10 ms, 7 at a time: 8 rounds.
  assertStrictEquals(clock.now(), 80);
});

Deno.test("runBatch() refuses options out of their bounds", async () => {
  const process = () => Promise.resolve();
  for (const wrong of [{ concurrency: 0 }, { concurrency: 501 }, { chunk: 0 }, { saveEvery: 0 }]) {
    await assertRejects(() => runBatch({ items: [1], process, ...wrong }), RangeError);
  }
});

// ---- failures -----------------------------------------------------------------------------------

Deno.test("runBatch() tries a failed chunk again, then in halves down to its poison", async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const dead: DeadItem<number>[] = [];
  const result = await play(
    clock,
    runBatch({
      items: numbers(8),
      chunk: 8,
      clock,
      retry: plainRetry(2),
      onDeadLetter: (item) => dead.push(item),
      process: (chunk) => {
        seen.push(`${chunk[0]}-${chunk.at(-1)}`);
        return chunk.includes(5) ? Promise.reject(new Error("down")) : Promise.resolve();
      },
    }),
  );
  // As it is once more; halves; the half with 5 in halves; 5 alone as often as the policy says.
  assertEquals(seen, ["0-7", "0-7", "0-3", "4-7", "4-5", "6-7", "4-4", "5-5", "5-5"]);
  assertEquals([result.ok, result.failed, result.state], [7, 1, "done"]);
  assertEquals(dead.map(({ index, item, attempts }) => [index, item, attempts]), [[5, 5, 2]]);
  assertStrictEquals((dead[0]?.cause as Error).message, "down");
  assertEquals(result.dead, dead);
});

Deno.test("runBatch() halves a chunk at once that trying again does not help", async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  await play(
    clock,
    runBatch({
      items: numbers(4),
      chunk: 4,
      clock,
      retry: plainRetry(),
      process: (chunk) => {
        seen.push(chunk.join());
        return chunk.includes(0) ? Promise.reject(new Error("permanent")) : Promise.resolve();
      },
    }),
  );
  // The smallest first: the search for one bad item ends before anything else begins.
  assertEquals(seen, ["0,1,2,3", "0,1", "0", "1", "2,3"]);
  assertStrictEquals(clock.now(), 0);
});

Deno.test("runBatch() gives an item all its tries alone, whatever failed before", async () => {
  const clock = new VirtualClock();
  let alone = 0;
  const { ok } = await play(
    clock,
    runBatch({
      items: numbers(64),
      chunk: 64,
      clock,
      retry: plainRetry(3),
      process: (chunk) => {
        if (!chunk.includes(17)) return Promise.resolve();
        if (chunk.length === 1 && ++alone === 3) return Promise.resolve();
        return Promise.reject(new Error("down"));
      },
    }),
  );
  assertEquals([ok, alone], [64, 3]);
});

Deno.test("runBatch() keeps results beside items that failed, each with its item", async () => {
  const clock = new VirtualClock();
  const checkpoint = new MemoryCheckpoint<string, string>();
  const results = new Map<number, string>();
  const save = checkpoint.save.bind(checkpoint);
  checkpoint.save = (one) => {
    for (const { index, value } of one.results) results.set(index, value);
    return save(one);
  };
  const calls: string[] = [];
  const result = await play(
    clock,
    runBatch({
      items: ["a", "b", "c", "d", "e"],
      chunk: 5,
      clock,
      checkpoint,
      retry: plainRetry(),
      process: (chunk) => {
        calls.push(chunk.join(""));
        const isFirst = calls.length === 1;
        return Promise.resolve(chunk.map((item) => {
          if (item === "b" && isFirst) return new ItemFailure(new Error("down"));
          return item === "d" ? new ItemFailure(new Error("permanent")) : item.toUpperCase();
        }));
      },
    }),
  );
  assertEquals(calls, ["abcde", "b"]);
  assertEquals([...results].sort(), [[0, "A"], [1, "B"], [2, "C"], [4, "E"]]);
  assertEquals(checkpoint.dead, [3]);
  assertEquals([result.ok, result.failed], [4, 1]);
});

Deno.test("runBatch() takes results of another number for a failure of the chunk", async () => {
  const clock = new VirtualClock();
  const { ok, dead } = await play(
    clock,
    runBatch({
      items: numbers(4),
      chunk: 2,
      clock,
      retry: plainRetry(1),
      process: (chunk) => Promise.resolve(chunk.includes(1) ? [0, 0, 0] : chunk),
    }),
  );
  assertStrictEquals(ok, 3);
  assertEquals(dead.map(({ index }) => index), [1]);
});

Deno.test("runBatch() counts no try for a refusal by the rate limit", async () => {
  const clock = new VirtualClock();
  let refusals = 0;
  const { ok, report } = await play(
    clock,
    runBatch({
      items: [0],
      clock,
      retry: plainRetry(2),
      process: () => ++refusals <= 20 ? Promise.reject(new Error("limited")) : Promise.resolve(),
    }),
  );
  assertStrictEquals(ok, 1);
  assertEquals(report.retries, { total: 20, by_cause: { limited: 20 }, waited_ms: 2_000 });
});

Deno.test("runBatch() gives up whole, and not in halves, what the limit refuses for good", async () => {
  const clock = new VirtualClock();
  let calls = 0;
  const { failed, state, dead } = await play(
    clock,
    runBatch({
      items: numbers(4),
      chunk: 4,
      clock,
      retry: plainRetry(2, 3),
      process: () => {
        calls++;
        return Promise.reject(new Error("limited"));
      },
    }),
  );
  assertEquals([failed, state, calls], [4, "done", 3]);
  assertEquals(dead.map(({ index }) => index), [0, 1, 2, 3]);
});

Deno.test("runBatch() waits for as long as the provider asks before it tries again", async () => {
  const clock = new VirtualClock();
  const sentMs: number[] = [];
  await play(
    clock,
    runBatch({
      items: [0],
      clock,
      random: { next: () => 0 },
      retry: { budget: null, classify: () => ({ failure: "limited", retryAfterMs: 7_000 }) },
      process: () => {
        sentMs.push(clock.now());
        return sentMs.length === 1 ? Promise.reject(new Error("429")) : Promise.resolve();
      },
    }),
  );
  assertEquals(sentMs, [0, 7_000]);
});

Deno.test("runBatch() tells failures by the status of their answers", async () => {
  const statuses = [200, 400, 401, 404, 408, 422, 429, 500, 503];
  const clock = new VirtualClock();
  const tries = new Map<number, number>();
  await play(
    clock,
    runBatch({
      items: statuses,
      clock,
      retry: { policy: new RetryPolicy({ attemptsMax: 2, refusalsMax: 3 }) },
      process: ([status = 0]) => {
        tries.set(status, (tries.get(status) ?? 0) + 1);
        if (status === 200) return Promise.resolve();
        return Promise.reject(Object.assign(new Error("bad"), { status }));
      },
    }),
  );
  assertEquals(Object.fromEntries(tries), {
    200: 1,
    400: 1,
    401: 1,
    404: 1,
    408: 2,
    422: 1,
    429: 3,
    500: 2,
    503: 2,
  });
});

Deno.test("runBatch() in a full outage makes a tenth more calls than first tries", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  clock.setTimer(60_000, () => controller.abort());
  const seen = new Set<number>();
  let calls = 0;
  await play(
    clock,
    runBatch({
      items: numbers(100_000),
      concurrency: 4,
      clock,
      random: seededRandom(seedOf("runBatch() outage")),
      signal: controller.signal,
      process: async (chunk) => {
        calls++;
        for (const item of chunk) seen.add(item);
        await pause(clock, 100);
        throw new Error("down");
      },
    }),
  );
  // First tries stop when too many items are set aside; then one retry a second.
  assert(seen.size >= 200, `${seen.size} first tries`);
  assert(
    calls - seen.size <= 0.1 * seen.size + 10 + 60,
    `${calls} calls, ${seen.size} first tries`,
  );
});

Deno.test("runBatch() ends a call at its deadline and drops its late answer", async () => {
  const clock = new VirtualClock();
  const reasons: unknown[] = [];
  let calls = 0;
  const checkpoint = new MemoryCheckpoint<string, string>();
  const values: unknown[] = [];
  const result = await play(
    clock,
    runBatch({
      items: ["a"],
      clock,
      deadlineMs: 1_000,
      checkpoint: {
        load: () => checkpoint.load(),
        save: (save: BatchSave<string, string>) => {
          values.push(...save.results.map(({ value }) => value));
          return checkpoint.save(save);
        },
      },
      retry: plainRetry(),
      process: async (_chunk, { signal }) => {
        if (++calls > 1) return ["second"];
        await pause(clock, 1_050);
        reasons.push(signal.reason);
        return ["late"];
      },
    }),
  );
  assertEquals([result.ok, calls, values], [1, 2, ["second"]]);
  assert(reasons[0] instanceof BatchDeadlineError);
});

// ---- chunks ----------------------------------------------------------------------------------------

Deno.test("runBatch() tells the chunker what came of each chunk, but no refusal by the limit", async () => {
  const clock = new VirtualClock();
  const outcomes: unknown[] = [];
  const waiting: (number | undefined)[] = [];
  let calls = 0;
  await play(
    clock,
    runBatch({
      items: numbers(6),
      clock,
      retry: plainRetry(),
      chunk: {
        next: (left) => {
          waiting.push(left);
          return 4;
        },
        record: (outcome) => outcomes.push(outcome),
      },
      process: async (_chunk, call) => {
        const id = calls++;
        await pause(clock, 10);
        if (id === 0) throw new Error("limited");
        if (id === 1) throw new Error("down");
        call.responded();
        // Work on a chunk is part of what its size costs.
        await pause(clock, 5);
      },
    }),
  );
  // Refused: items 0 to 3, which is not told. Down: 4 and 5, which come again after them.
  assertEquals(outcomes, [
    { items: 2, ok: false, tookMs: 10 },
    { items: 4, ok: true, tookMs: 15 },
    { items: 2, ok: true, tookMs: 15 },
  ]);
  assertEquals(waiting[0], 6);
});

Deno.test("runBatch() with automatic chunks finds large ones where a call costs much", async () => {
  const clock = new VirtualClock();
  const sizes: number[] = [];
  const { ok } = await play(
    clock,
    runBatch({
      items: numbers(50_000),
      chunk: "auto",
      clock,
      process: async (chunk) => {
        sizes.push(chunk.length);
        await pause(clock, 1_000 + chunk.length);
      },
    }),
  );
  assertStrictEquals(ok, 50_000);
  assert(Math.abs((sizes[0] ?? 0) - 100) < 10, `${sizes[0]}`);
  assertStrictEquals(Math.max(...sizes), 500);
});

// ---- limiter ------------------------------------------------------------------------------------

Deno.test("runBatch() makes one call a permit, and ends each permit once", async () => {
  const clock = new VirtualClock();
  const ends: string[] = [];
  let given = 0, calls = 0;
  const result = await play(
    clock,
    runBatch({
      items: numbers(6),
      clock,
      deadlineMs: 100,
      retry: plainRetry(),
      limiter: {
        acquire: async () => {
          const id = given++;
          await pause(clock, 50);
          const permit: BatchPermit = {
            release: (_headers, status) => ends.push(`${id} ${status ?? "ok"}`),
            lost: () => ends.push(`${id} lost`),
          };
          return permit;
        },
      },
      process: async (_chunk, call) => {
        const id = calls++;
        if (id === 1) throw Object.assign(new Error("down"), { status: 503 });
        if (id === 4) throw new Error("connection reset");
        if (id === 2) await pause(clock, 500);
        if (id === 3) call.responded();
        await pause(clock, 10);
      },
    }),
  );
  assertStrictEquals(result.ok, 6);
  assertEquals(ends, [
    "0 ok",
    "1 503",
    "2 lost",
    "3 ok",
    "4 lost",
    "5 ok",
    "6 ok",
    "7 ok",
    "8 ok",
  ]);
  assertStrictEquals(result.report.api_metrics.total_calls, 9);
  assertStrictEquals(result.report.api_metrics.failed_calls, 3);
  // Nine waits of 50 ms.
  assertStrictEquals(result.report.limiter.waited_ms, 450);
});

Deno.test("runBatch() times a call until its answer, not until the work after it", async () => {
  const clock = new VirtualClock();
  const { report } = await play(
    clock,
    runBatch({
      items: [0],
      clock,
      endpoint: "eod",
      deadlineMs: 1_000,
      process: async (_chunk, call) => {
        await pause(clock, 150);
        call.responded();
        // Longer than the deadline, which is that of the answer.
        await pause(clock, 2_000);
      },
    }),
  );
  const { eod } = report.api_metrics.by_endpoint;
  assertEquals([eod?.count, eod?.failed, eod?.mean_ms], [1, 0, 150]);
});

Deno.test("runBatch() breaks when the limiter does, and marks no item as done", async () => {
  const clock = new VirtualClock();
  const checkpoint = new MemoryCheckpoint<number, void>();
  const batch = runBatch({
    items: numbers(3),
    concurrency: 3,
    clock,
    checkpoint,
    limiter: { acquire: () => Promise.reject(new Error("closed")) },
    process: () => Promise.resolve(),
  });
  await assertRejects(() => play(clock, batch), Error, "closed");
  assertStrictEquals(checkpoint.state, null);
});

Deno.test("runBatch() passes the headers of good and bad answers on to the limiter", async () => {
  const clock = new VirtualClock();
  const heard: unknown[] = [];
  const headers = { get: () => "7" };
  let calls = 0;
  await play(
    clock,
    runBatch({
      items: [0],
      clock,
      retry: plainRetry(),
      limiter: {
        acquire: () =>
          Promise.resolve({
            release: (from, status) => heard.push([from === headers, status]),
            lost: () => heard.push("lost"),
          }),
      },
      process: (_chunk, call) => {
        if (calls++ === 0) {
          return Promise.reject(Object.assign(new Error("limited"), { status: 429, headers }));
        }
        call.responded(headers);
        return Promise.resolve();
      },
    }),
  );
  assertEquals(heard, [[true, 429], [true, undefined]]);
});

Deno.test("runBatch() comes back later when too many wait at the limit", async () => {
  const clock = new VirtualClock();
  let asked = 0;
  const { ok } = await play(
    clock,
    runBatch({
      items: numbers(2),
      clock,
      limiter: {
        acquire: () => {
          if (asked++ > 0) return Promise.resolve({ release: () => {}, lost: () => {} });
          return Promise.reject(
            new LimitRefused({
              state: "refused",
              code: "waiters",
              reason: "full",
              retryAfterMs: 500,
            }),
          );
        },
      },
      process: () => Promise.resolve(),
    }),
  );
  assertEquals([ok, asked, clock.now()], [2, 3, 500]);
});

Deno.test("runBatch() behind a LimiterGate never has a window over its limit", async () => {
  const clock = new VirtualClock();
  const limits = [{
    name: "s",
    rate: { requests: 5, windowMs: 1_000 },
    begin: "free" as const,
  }];
  const gate = new LimiterGate(new Limiter({ limits, driftRatio: 0 }, clock.now()), clock);
  const random = seededRandom(seedOf("runBatch() LimiterGate"));
  const sentMs: number[] = [];
  const { ok } = await play(
    clock,
    runBatch({
      items: numbers(40),
      concurrency: 8,
      clock,
      limiter: gate,
      process: async () => {
        sentMs.push(clock.now());
        await pause(clock, random.next() * 50);
      },
    }),
  );
  await gate.close();
  assertStrictEquals(ok, 40);
  for (let i = 5; i < sentMs.length; i++) {
    assert((sentMs[i] ?? 0) - (sentMs[i - 5] ?? 0) >= 1_000, `${i}`);
  }
  // Eight rounds of five: seven windows, each with a latency, between the first and the last.
  assert(clock.now() < 7 * 1_050 + 50 + 1, `${clock.now()}`);
});

// ---- stopping and going on ----------------------------------------------------------------------

Deno.test("runBatch() that is stopped saves what is under way and leaves the rest", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const checkpoint = new MemoryCheckpoint<number, void>();
  clock.setTimer(25, () => controller.abort());
  const result = await play(
    clock,
    runBatch({
      items: numbers(10),
      concurrency: 2,
      clock,
      checkpoint,
      signal: controller.signal,
      process: () => pause(clock, 10),
    }),
  );
  // Two at a time, 10 ms each: at 25 ms the third pair is under way.
  assertEquals([result.state, result.ok, result.left], ["stopped", 6, 4]);
  assertStrictEquals(checkpoint.state?.done, "0-6");
  assertStrictEquals(result.report.run_summary.state, "paused");
});

Deno.test("runBatch() that is stopped waits for no limiter and no pause", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  clock.setTimer(25, () => controller.abort());
  const result = await play(
    clock,
    runBatch({
      items: numbers(10),
      concurrency: 4,
      clock,
      signal: controller.signal,
      limiter: {
        acquire: ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      },
      process: () => Promise.resolve(),
    }),
  );
  assertEquals([result.state, result.left, clock.now()], ["stopped", 10, 25]);
});

Deno.test("runBatch() stopped before it begins does nothing", async () => {
  const signal = AbortSignal.abort();
  const process = () => Promise.reject(new Error("not called"));
  const { state, left } = await runBatch({ items: [1, 2], process, signal });
  assertEquals([state, left], ["stopped", 2]);
});

Deno.test("runBatch() killed at 94 % does the rest only", async () => {
  const items = numbers(1_000);
  const checkpoint = new MemoryCheckpoint<number, void>();
  const clock = new VirtualClock();
  const seen = new Map<number, number>();
  const options = {
    items,
    chunk: 10,
    clock,
    checkpoint,
    saveEvery: 10,
    process: (chunk: readonly number[]) => {
      for (const item of chunk) seen.set(item, (seen.get(item) ?? 0) + 1);
      return pause(clock, 1);
    },
  };
  checkpoint.before = () => {
    if (checkpoint.kept.size >= 940) throw new Error("killed");
  };
  await assertRejects(() => play(clock, runBatch(options)), Error, "killed");
  assertStrictEquals(checkpoint.kept.size, 940);
  checkpoint.before = () => {};
  seen.clear();
  const { ok, state } = await play(clock, runBatch(options));
  assertEquals([ok, state], [60, "done"]);
  assertEquals([...seen.keys()], numbers(1_000).slice(940));
  assertEquals([...checkpoint.kept.values()].every((times) => times === 1), true);
});

Deno.test("runBatch() goes on with its report: calls, items and time of both parts", async () => {
  const checkpoint = new MemoryCheckpoint<number, void>();
  const part = async (kill: boolean) => {
    const clock = new VirtualClock();
    const recorder = new RunRecorder({ clock, runId: `part-${kill}`, job: "night" });
    const controller = new AbortController();
    if (kill) clock.setTimer(4_001, () => controller.abort());
    const progress: ProgressSnapshot[] = [];
    const result = await play(
      clock,
      runBatch({
        items: numbers(10),
        clock,
        checkpoint,
        phase: "prices",
        report: recorder,
        signal: controller.signal,
        onProgress: (snapshot) => progress.push(snapshot),
        process: () => pause(clock, 1_000),
      }),
    );
    return { result, first: progress[0] };
  };
  await part(true);
  const { result, first } = await part(false);
  const { run_summary, api_metrics, phases } = result.report;
  assertStrictEquals(run_summary.run_id, "part-true");
  assertEquals([run_summary.items_ok, api_metrics.total_calls], [10, 10]);
  assertStrictEquals(phases.prices?.duration_seconds, 10);
  assertStrictEquals(run_summary.resumed, 1);
  assertEquals([first?.done, first?.total], [6, 10]);
});

Deno.test("runBatch() breaks when a save fails; the next run does what was not saved", async () => {
  const clock = new VirtualClock();
  const checkpoint = new MemoryCheckpoint<number, void>();
  checkpoint.before = async () => {
    await pause(clock, 3);
    if (checkpoint.saves === 2) throw new Error("disk full");
  };
  const options = {
    items: numbers(100),
    concurrency: 3,
    saveEvery: 10,
    clock,
    checkpoint,
    process: () => pause(clock, 1),
  };
  await assertRejects(() => play(clock, runBatch(options)), Error, "disk full");
  const saved = checkpoint.kept.size;
  assert(saved > 0 && saved < 100);
  checkpoint.before = () => {};
  const { ok } = await play(clock, runBatch(options));
  assertStrictEquals(ok, 100 - saved);
  assertEquals([...checkpoint.kept.values()].every((times) => times === 1), true);
});

Deno.test("runBatch() lets workers wait for a store that is slower than they are", async () => {
  const clock = new VirtualClock();
  const checkpoint = new MemoryCheckpoint<number, void>();
  let processed = 0, ahead = 0;
  checkpoint.before = async () => {
    await pause(clock, 1_000);
    ahead = Math.max(ahead, processed - checkpoint.kept.size);
  };
  await play(
    clock,
    runBatch({
      items: numbers(2_000),
      concurrency: 5,
      saveEvery: 10,
      clock,
      checkpoint,
      process: async () => {
        await pause(clock, 1);
        processed++;
      },
    }),
  );
  // What the save holds, twenty times what it waits for, and the chunks of the workers.
  assert(ahead <= 200 + 200 + 10, `${ahead} items unsaved`);
  assertStrictEquals(checkpoint.kept.size, 2_000);
});

Deno.test("runBatch() refuses a checkpoint of more items than there are", async () => {
  const checkpoint = new MemoryCheckpoint<number, void>();
  checkpoint.state = { done: "0-5", report: null };
  await assertRejects(
    () => runBatch({ items: [1, 2], checkpoint, process: () => Promise.resolve() }),
    RangeError,
  );
});

// ---- phases -------------------------------------------------------------------------------------

Deno.test("two batches share a report and a progress as phases at the same time", async () => {
  const clock = new VirtualClock();
  const report = new RunRecorder({ clock, runId: "r", job: "night" });
  const progress = new Progress(0);
  const part = (phase: string, count: number, ms: number) =>
    runBatch({
      items: numbers(count),
      clock,
      phase,
      report,
      progress,
      process: () => pause(clock, ms),
    });
  await play(clock, Promise.all([part("prices", 3, 1_000), part("profiles", 10, 100)]));
  const { phases, run_summary, api_metrics } = report.report("done");
  assertStrictEquals(phases.prices?.duration_seconds, 3);
  assertStrictEquals(phases.profiles?.duration_seconds, 1);
  assertStrictEquals(run_summary.limiting_phase, "prices");
  assertStrictEquals(api_metrics.by_endpoint.profiles?.count, 10);
  assertEquals(progress.snapshot(clock.now()).done, 13);
});

// ---- chance -------------------------------------------------------------------------------------

Deno.test("runBatch() keeps each effect exactly once over kills and failures", async () => {
  const random = seededRandom(seedOf("runBatch() chance"));
  for (let round = 0; round < 25; round++) {
    const clock = new VirtualClock();
    const count = Math.floor(random.next() * 400);
    const poison = new Set(numbers(count).filter(() => random.next() < 0.02));
    const checkpoint = new MemoryCheckpoint<number, number>();
    let kills = Math.floor(random.next() * 6);
    checkpoint.before = async () => {
      await pause(clock, random.next() * 20);
      if (kills > 0 && random.next() < 0.2) {
        kills--;
        throw new Error("killed");
      }
    };
    const run = () => {
      const controller = new AbortController();
      if (kills > 0 && random.next() < 0.5) {
        kills--;
        clock.setTimer(random.next() * 300, () => controller.abort());
      }
      return runBatch({
        items: numbers(count),
        chunk: { next: () => 1 + Math.floor(random.next() * 40), record: () => {} },
        concurrency: 1 + Math.floor(random.next() * 8),
        saveEvery: 1 + Math.floor(random.next() * 50),
        retry: plainRetry(6),
        deadlineMs: 200,
        clock,
        checkpoint,
        signal: controller.signal,
        process: async (chunk) => {
          await pause(clock, random.next() * 60);
          if (random.next() < 0.05) throw new Error(random.next() < 0.5 ? "limited" : "down");
          if (random.next() < 0.02) await pause(clock, 1_000);
          if (random.next() < 0.5) {
            return chunk.map((item) =>
              poison.has(item) ? new ItemFailure(new Error("permanent")) : item
            );
          }
          if (chunk.some((item) => poison.has(item))) throw new Error("permanent");
          return chunk;
        },
      });
    };
    let state = "";
    while (state !== "done") {
      try {
        state = (await play(clock, run())).state;
      } catch (error) {
        assertStrictEquals((error as Error).message, "killed");
      }
    }
    const settled = [...checkpoint.kept.keys(), ...checkpoint.dead].sort((a, b) => a - b);
    assertEquals(settled, numbers(count));
    assert([...checkpoint.kept.values()].every((times) => times === 1));
    assertEquals([...poison].filter((item) => !checkpoint.dead.includes(item)), []);
  }
});
