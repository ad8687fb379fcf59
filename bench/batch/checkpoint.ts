/**
 * What a checkpoint costs: a job of 200,000 items in chunks of 100, eight of them under way, and a
 * record after each chunk.
 *
 * Measured per item: the state of the report, the intervals, and the encoded record with its
 * checksum, as in a run with three endpoints whose times fill some 200 buckets each. Not measured:
 * the write itself, which travels with the results in a transaction that is there anyway.
 *
 * @module
 */

import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { ChunkPlan } from "../../src/batch/chunk_plan.ts";
import type { Chunk } from "../../src/batch/chunk_plan.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/batch/job_checkpoint.ts";
import { RunRecorder } from "../../src/batch/report.ts";
import { type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { latencyMs } from "./provider.ts";

const CHUNK = 100;
const UNDER_WAY = 8;

/** How much to measure. */
export interface CheckpointEffort {
  readonly rounds: number;
  readonly items: number;
}

/** Must show 3, second half: less than 2 µs an item at chunk 100. */
export function checkpointFigures(figures: Figures, effort: CheckpointEffort): void {
  const rounds: number[] = [];
  let length = 0;
  costOf(effort.items, 1);
  for (let round = 0; round < effort.rounds; round++) {
    const cost = costOf(effort.items, round + 2);
    rounds.push(cost.perItemUs);
    length = cost.length;
  }
  figures.add("checkpoint at chunk 100, cost an item", spreadOf(rounds), {
    better: "lower",
    unit: " µs",
    must: 2,
  });
  figures.note(
    `snapshot of the report, intervals, JSON and checksum after each of ${effort.items / CHUNK} ` +
      `chunks; the last record has ${length} characters; the write is not in it`,
  );
}

function costOf(items: number, seed: number): { perItemUs: number; length: number } {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const recorder = new RunRecorder({ clock, runId: "bench", job: "bench" });
  const phase = recorder.phase("items");
  const plan = new ChunkPlan({ items });
  const out: Chunk[] = [];
  let spentMs = 0, serial = 0, text = "";
  while (plan.left > 0) {
    for (
      let next = plan.next(CHUNK, 0);
      next.state === "chunk";
      next = plan.next(CHUNK, 0)
    ) if (out.push(next.chunk) === UNDER_WAY) break;
    const [chunk] = out.splice(Math.floor(random.next() * out.length), 1);
    if (chunk === undefined) break;
    const endpoint = `endpoint_${chunk.from % 3}`;
    recorder.call({ endpoint, ok: true, tookMs: latencyMs(random), waitedMs: 5, phase: "items" });
    phase.items({ ok: CHUNK });
    plan.settle(chunk);
    const beganMs = performance.now();
    text = encodeCheckpoint({
      job: "bench",
      plan: "0123456789abcdef",
      serial: serial++,
      savedMs: 1_700_000_000_000,
      items,
      done: plan.settled.toText(),
      report: recorder.snapshot(),
    });
    spentMs += performance.now() - beganMs;
  }
  const decoded = decodeCheckpoint(text);
  verify("records", serial, items / CHUNK);
  verify("last record is whole", Number(decoded.ok && decoded.checkpoint.done === `0-${items}`), 1);
  return { perItemUs: spentMs / items * 1_000, length: text.length };
}
