/** Snapshots: what they hold, when they are due, and that no clock frees a slot early. */

import { assert, assertEquals } from "@std/assert";
import { type LimiterOptions, reserveFor } from "../../src/batch/limit_options.ts";
import type { Claim } from "../../src/batch/limit_queue.ts";
import { coarseRuns, type LimiterSnapshot } from "../../src/batch/limit_snapshot.ts";
import { Limiter } from "../../src/batch/limiter.ts";

const WALL_MS = 1_772_539_200_000;
const OPTIONS: LimiterOptions = {
  limits: [{ name: "one", rate: { requests: 10, windowMs: 1_000 }, begin: "free" }],
  driftRatio: 0,
  strayMs: 100,
  reserve: 4,
};

/** Takes so many and returns what was granted. */
function take(limiter: Limiter, count: number, nowMs: number, key = ""): Claim[] {
  for (let i = 0; i < count; i++) limiter.claim({ key }, nowMs);
  const claims: Claim[] = [];
  for (let claim; (claim = limiter.grantNext(nowMs)) !== null;) claims.push(claim);
  return claims;
}

/** Takes a snapshot, through JSON, and has it on disk at once. */
function saved(limiter: Limiter, nowMs: number, wallMs = WALL_MS): LimiterSnapshot {
  const snapshot = limiter.snapshot(nowMs, wallMs);
  limiter.snapshotWritten(snapshot.id);
  return JSON.parse(JSON.stringify(snapshot));
}

/** A limiter with 3 releases at 0, 3 at 500, one under way, and its snapshot at 600. */
function used(): LimiterSnapshot {
  const limiter = new Limiter(OPTIONS, 0);
  saved(limiter, 0);
  for (const claim of take(limiter, 3, 0)) limiter.release(claim, 0);
  saved(limiter, 500);
  for (const claim of take(limiter, 3, 500)) limiter.release(claim, 500);
  saved(limiter, 500);
  take(limiter, 1, 600);
  return saved(limiter, 600);
}

/** Slots free at these times after a restart at 0. */
function freeAfter(limiter: Limiter, times: readonly number[]): number[] {
  return times.map((ms) => 10 - (limiter.status(ms).limits[0]?.used ?? NaN));
}

Deno.test("Limiter grants nothing before a snapshot is on disk, then its reserve", () => {
  const limiter = new Limiter(OPTIONS, 0);
  assertEquals(take(limiter, 10, 0).length, 0);
  assertEquals(limiter.wakeMs(0), Infinity);
  assertEquals(limiter.snapshotDue(0), true);
  const first = limiter.snapshot(0, WALL_MS);
  assertEquals(limiter.snapshotDue(0), false);
  assertEquals(take(limiter, 0, 0).length, 0);
  limiter.snapshotWritten(first.id);
  assertEquals(limiter.wakeMs(0), 0);
  assertEquals(take(limiter, 0, 0).length, 4);
  assertEquals(limiter.snapshotDue(0), true);
});

Deno.test("Limiter.snapshotDue() when half is used, after a pause, and after a while", () => {
  const limiter = new Limiter(OPTIONS, 0);
  saved(limiter, 0);
  take(limiter, 1, 0);
  assertEquals(limiter.snapshotDue(0), false);
  assertEquals(limiter.snapshotDue(5_000), true);
  take(limiter, 1, 0);
  assertEquals(limiter.snapshotDue(0), true);
  saved(limiter, 0);
  assertEquals(limiter.snapshotDue(60_000), false);
  limiter.pause(10, 60_000);
  assertEquals(limiter.snapshotDue(60_000), true);
});

Deno.test("Limiter counts what is granted while a snapshot is written against both", () => {
  const limiter = new Limiter(OPTIONS, 0);
  saved(limiter, 0);
  take(limiter, 2, 0);
  const second = limiter.snapshot(0, WALL_MS);
  assertEquals(take(limiter, 8, 0).length, 2);
  limiter.snapshotWritten(second.id);
  // The second reserved 4, of which 2 went while it was written.
  assertEquals(take(limiter, 0, 0).length, 2);
});

Deno.test("Limiter trusts the disk for the least of what may be on it after a failed write", () => {
  const limiter = new Limiter(OPTIONS, 0);
  saved(limiter, 0);
  take(limiter, 3, 0);
  const second = limiter.snapshot(0, WALL_MS);
  limiter.snapshotFailed(second.id);
  assertEquals(limiter.snapshotDue(0), true);
  limiter.snapshotWritten(second.id);
  assertEquals(take(limiter, 9, 0).length, 1);
  const third = limiter.snapshot(0, WALL_MS);
  limiter.snapshotWritten(third.id);
  assertEquals(take(limiter, 0, 0).length, 3);
});

Deno.test("Limiter.restore() counts releases by their age, the rest as used at the restart", () => {
  const limiter = new Limiter(OPTIONS, 0);
  // 201 ms later by the wall, of which one is allowed for rounding: the snapshot's 600 was at -200.
  assertEquals(limiter.restore(used(), 0, WALL_MS + 201), { state: "restored", elapsedMs: 200 });
  // Released at -800 and -300; 1 under way and 4 reserved until 100 + 1,000.
  assertEquals(freeAfter(limiter, [0, 199, 200, 699, 700, 1_099, 1_100]), [
    -1,
    -1,
    2,
    2,
    5,
    5,
    10,
  ]);
});

Deno.test("Limiter.restore() frees later, never earlier, when the wall clock was set back", () => {
  const limiter = new Limiter(OPTIONS, 0);
  assertEquals(limiter.restore(used(), 0, WALL_MS - 3_600_000), {
    state: "restored",
    elapsedMs: 0,
  });
  assertEquals(freeAfter(limiter, [399, 400, 899, 900, 1_100]), [-1, 2, 2, 5, 10]);
});

Deno.test("Limiter.restore() can be told how long ago the snapshot was at most", () => {
  const limiter = new Limiter(OPTIONS, 0);
  const result = limiter.restore(used(), 0, WALL_MS + 3_600_000, 50);
  assertEquals(result, { state: "restored", elapsedMs: 50 });
});

Deno.test("Limiter.restore() of the last snapshot reserves nothing", () => {
  const limiter = new Limiter(OPTIONS, 0);
  saved(limiter, 0);
  for (const claim of take(limiter, 2, 0)) limiter.release(claim, 0);
  const last = limiter.snapshot(0, WALL_MS, true);
  limiter.snapshotWritten(last.id);
  const claim = limiter.claim({}, 0);
  assertEquals(claim.state === "refused" && claim.code, "closed");
  assertEquals(limiter.grantNext(0), null);
  const next = new Limiter(OPTIONS, 0);
  next.restore(last, 0, WALL_MS);
  assertEquals(freeAfter(next, [0, 1_000]), [8, 10]);
});

Deno.test("Limiter.restore() keeps pauses, keys, and what unknown keys may have used", () => {
  const options: LimiterOptions = {
    ...OPTIONS,
    limits: [
      { name: "own", rate: { requests: 10, windowMs: 1_000 }, begin: "free", scope: "key" },
    ],
  };
  const limiter = new Limiter(options, 0);
  saved(limiter, 0);
  take(limiter, 3, 0, "a");
  limiter.pause(900, 0, "a");
  const next = new Limiter(options, 0);
  next.restore(saved(limiter, 0), 0, WALL_MS + 101);
  saved(next, 0);
  next.claim({ key: "a" }, 0);
  next.claim({ key: "b", cost: 7 }, 0);
  const { limits, pausedForMs } = next.status(0);
  assertEquals(pausedForMs, 800);
  // "a": 3 under way and 4 reserved; "b" may have had the 4.
  assertEquals(limits.map(({ key, used }) => [key, used]), [["a", 7], ["b", 4]]);
  // Killed again: "b" is known now, "c" may have had both reserves, so all of it.
  const third = new Limiter(options, 0);
  third.restore(saved(next, 0), 0, WALL_MS);
  third.claim({ key: "c" }, 0);
  assertEquals(third.status(0).limits.map(({ key, used }) => [key, used]), [
    ["a", 7 + 7],
    ["b", 4 + 7],
    ["c", 10],
  ]);
});

Deno.test("Limiter.restore() begins limits that the snapshot does not know as told", () => {
  const saying = used();
  const options: LimiterOptions = {
    ...OPTIONS,
    limits: [
      ...OPTIONS.limits,
      { name: "full", rate: { requests: 7, windowMs: 500 } },
      { name: "free", rate: { requests: 7, windowMs: 500 }, begin: "free" },
    ],
  };
  const limiter = new Limiter(options, 0);
  assertEquals(limiter.restore(saying, 0, WALL_MS).state, "restored");
  const uses = limiter.status(0).limits.map(({ name, used }) => [name, used]);
  assertEquals(uses, [["one", 11], ["full", 7], ["free", 0]]);
});

Deno.test("Limiter.restore() fills a window that has become longer", () => {
  const limiter = new Limiter({
    ...OPTIONS,
    limits: [{ name: "one", rate: { requests: 20, windowMs: 5_000 } }],
  }, 0);
  limiter.restore(used(), 0, WALL_MS + 1);
  assertEquals(limiter.status(0).limits[0]?.used, 20);
  // What the old window forgot may have been used just before its memory begins.
  assertEquals(20 - (limiter.status(4_000).limits[0]?.used ?? NaN), 9);
});

for (
  const [name, change] of [
    ["nothing", () => null],
    ["text", () => "{}"],
    ["another version", (good: LimiterSnapshot) => ({ ...good, version: 2 })],
    ["a time that is none", (good: LimiterSnapshot) => ({ ...good, wallMs: "now" })],
    ["a negative reserve", (good: LimiterSnapshot) => ({ ...good, reserved: -1 })],
    ["no lanes", (good: LimiterSnapshot) => ({ ...good, lanes: undefined })],
    ["ages out of order", (good: LimiterSnapshot) => ({
      ...good,
      lanes: good.lanes.map((lane) => ({
        ...lane,
        rings: lane.rings.map((ring) => ({ ...ring, ages: [1, 2], counts: [1, 1] })),
      })),
    })],
    ["counts without ages", (good: LimiterSnapshot) => ({
      ...good,
      lanes: good.lanes.map((lane) => ({
        ...lane,
        rings: lane.rings.map((ring) => ({ ...ring, counts: [] })),
      })),
    })],
  ] as const
) {
  Deno.test(`Limiter.restore() rejects ${name} and stays as if full`, () => {
    const limiter = new Limiter({
      ...OPTIONS,
      limits: [{ name: "one", rate: { requests: 10, windowMs: 1_000 } }],
    }, 0);
    assertEquals(limiter.restore(change(used()), 0, WALL_MS).state, "rejected");
    assertEquals(limiter.status(0).limits[0]?.used, 10);
  });
}

Deno.test("Limiter.restore() is refused once the limiter is in use", () => {
  const limiter = new Limiter(OPTIONS, 0);
  limiter.claim({}, 0);
  assertEquals(limiter.restore(used(), 0, WALL_MS).state, "rejected");
});

Deno.test("coarseRuns() rounds ages down and keeps the count", () => {
  const runs = Array.from({ length: 1_000 }, (_, i) => ({ atMs: i * 9.7, count: 1 + i % 3 }));
  const { ages, counts } = coarseRuns(runs, 10_000, 20, 9_999.5);
  assert(ages.length <= 22, `${ages.length} runs`);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  assertEquals(sum(counts), sum(runs.map(({ count }) => count)));
  // For every age, no more is older in the coarse runs than in the exact ones.
  for (const age of [0, 100, 1_000, 5_000, 9_000]) {
    const exact = sum(runs.filter(({ atMs }) => 9_999.5 - atMs >= age).map(({ count }) => count));
    assert(sum(counts.filter((_, i) => (ages[i] as number) >= age)) <= exact);
  }
});

Deno.test("reserveFor() is a second at the highest rate, from 8 to 1,000", () => {
  const of = (requests: number, windowMs: number) =>
    reserveFor([{ name: "one", rate: { requests, windowMs } }]);
  assertEquals([of(750, 60_000), of(10, 1_000), of(100_000, 86_400_000), of(5_000, 1_000)], [
    13,
    10,
    8,
    1_000,
  ]);
});
