/** Jobs for holes: their names, and the bound of those that wait. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { holeJob, HoleQueue, HOLES_WAITING_MAX } from "../../src/batch/hole_jobs.ts";
import { jobProblems, jobSettings } from "../../src/batch/job_spec.ts";
import { MarketError } from "../../src/market/error.ts";
import { SYMBOL_LENGTH_MAX } from "../../src/market/series.ts";

const holesFrom = (count: number, first = 0) =>
  Array.from({ length: count }, (_, i) => ({ fromTs: first + i, toTs: first + i + 1 }));

const NEVER = () => false;

Deno.test("holeJob() asks for the prices of one symbol in the hole, whatever was fetched", () => {
  const job = holeJob("EUR_USD:H1", { fromTs: 3_600_000, toTs: 7_200_000 }, "upstream");
  assertEquals(job.name, "holes-EUR_USD-H1-3600000");
  const { symbols, kinds, provider, granularity, from, to, filtersOff, workers } = jobSettings(job);
  assertEquals([symbols, kinds, provider], [["EUR_USD"], ["prices"], "upstream"]);
  assertEquals([granularity, from, to], ["H1", 3_600_000, 7_200_000]);
  assertEquals([filtersOff.length, workers], [4, 30]);
});

Deno.test("holeJob() makes a name of every symbol and time", () => {
  const symbols = ["^GSPC", "EURUSD=X", "A+B", "brk.b", "X".repeat(SYMBOL_LENGTH_MAX)];
  for (const symbol of symbols) {
    for (const fromTs of [-2_208_988_800_000, 0, 8_640_000_000_000_000 - 1]) {
      assertEquals(jobProblems(holeJob(`${symbol}:M15`, { fromTs, toTs: fromTs + 1 }, "p")), []);
    }
  }
});

Deno.test("holeJob() refuses what is no series", () => {
  assertThrows(() => holeJob("EUR_USD", { fromTs: 0, toTs: 1 }, "p"), MarketError);
});

Deno.test("HoleQueue gives jobs in the order of the holes, each once", () => {
  const queue = new HoleQueue("p");
  queue.add("A:M1", holesFrom(2), NEVER);
  queue.add("B:M1", holesFrom(1), NEVER);
  queue.add("A:M1", holesFrom(2), NEVER);
  assertEquals(queue.size, 3);
  const names = [queue.take(), queue.take(), queue.take()].map((job) => job?.name);
  assertEquals(names, ["holes-A-M1-0", "holes-A-M1-1", "holes-B-M1-0"]);
  assertEquals([queue.take(), queue.size], [null, 0]);
});

Deno.test("HoleQueue leaves out what was tried, and counts only what it has no room for", () => {
  const queue = new HoleQueue("p");
  assertEquals(queue.add("A:M1", holesFrom(2), (name) => name.endsWith("-0")), 0);
  assertEquals([queue.size, queue.leftOut], [1, 0]);
  assertEquals(queue.add("B:M1", holesFrom(HOLES_WAITING_MAX), NEVER), 1);
  assertEquals(queue.add("C:M1", holesFrom(5), NEVER), 5);
  // Those that wait are no new ones.
  assertEquals(queue.add("B:M1", holesFrom(3), NEVER), 0);
  assertEquals([queue.size, queue.leftOut], [HOLES_WAITING_MAX, 6]);
  assert(queue.take() !== null);
  assertEquals(queue.add("C:M1", holesFrom(5), NEVER), 4);
});
