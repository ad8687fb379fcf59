import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { type BlockJob, BlockSchedule } from "../../src/refresh/block_schedule.ts";
import { type Cluster, Clusters } from "../../src/refresh/clusters.ts";

const SEED = Number(Deno.env.get("SEED") ?? 5);

function cluster(id: string, size = 5): Cluster {
  return { id, members: [id, ...Array.from({ length: size - 1 }, (_, at) => `${id}~${at}`)] };
}

const ids = (jobs: readonly BlockJob[]) => jobs.map(({ clusterId }) => clusterId);

Deno.test("BlockSchedule.want() takes clusters of five and more, and no smaller ones", () => {
  const schedule = new BlockSchedule();
  assertEquals(schedule.want(cluster("a", 4), 0), "small");
  assertEquals(schedule.want(cluster("b", 5), 0), "queued");
  const [job] = schedule.next(0);
  assertEquals(job, { jobId: 1, clusterId: "b", members: cluster("b").members, startedAt: 0 });
});

Deno.test("BlockSchedule.next() begins three at once, others in the order they came", () => {
  const schedule = new BlockSchedule();
  for (const id of ["e", "d", "c", "b", "a"]) schedule.want(cluster(id), 0);
  const first = schedule.next(0);
  assertEquals(ids(first), ["e", "d", "c"]);
  assertEquals(schedule.next(1), []);
  assert(schedule.finish(first[1] as BlockJob, true, 10));
  assertEquals(ids(schedule.next(2)), ["b"]);
  assertEquals(schedule.status().waiting, ["a"]);
  assertEquals(ids(schedule.status().running), ["e", "c", "b"]);
});

Deno.test("BlockSchedule keeps 300 s between starts of a cluster, also when one failed", () => {
  for (const isWarmed of [true, false]) {
    const schedule = new BlockSchedule();
    schedule.want(cluster("a"), 1_000);
    const [job] = schedule.next(1_000);
    schedule.finish(job as BlockJob, isWarmed, 5);
    assertEquals(schedule.want(cluster("a"), 300_999), "recent");
    assertEquals(schedule.next(300_999), []);
    assertEquals(schedule.want(cluster("a"), 301_000), "queued");
    assertEquals(ids(schedule.next(301_000)), ["a"]);
  }
});

Deno.test("BlockSchedule never warms a cluster twice at once, however long it takes", () => {
  const schedule = new BlockSchedule();
  schedule.want(cluster("a"), 0);
  assertEquals(schedule.want(cluster("a"), 0), "waiting");
  const [job] = schedule.next(0);
  assertEquals(schedule.want(cluster("a"), 1e9), "running");
  assertEquals(schedule.next(1e9), []);
  assert(schedule.finish(job as BlockJob, true, 1e9));
  assertEquals(schedule.finish(job as BlockJob, true, 1e9), false, "a job ends once");
  assertEquals(schedule.want(cluster("a"), 1e9), "queued");
});

Deno.test("BlockSchedule: run_1 has nothing to do with run_10", () => {
  const schedule = new BlockSchedule();
  schedule.want(cluster("run_10"), 0);
  schedule.next(0);
  assertEquals(schedule.want(cluster("run_1"), 0), "queued");
  assertEquals(ids(schedule.next(0)), ["run_1"]);
});

Deno.test("BlockSchedule.regroup() warms what waits as it is now, or not at all", () => {
  const schedule = new BlockSchedule();
  for (const id of ["a", "b", "c"]) schedule.want(cluster(id), 0);
  schedule.regroup(new Clusters([cluster("a", 7), cluster("c", 2)]));
  const jobs = schedule.next(0);
  assertEquals([ids(jobs), jobs[0]?.members.length], [["a"], 7]);
});

Deno.test("BlockSchedule.status() keeps hits and times", () => {
  const schedule = new BlockSchedule();
  assertEquals([schedule.status().hitRatio, schedule.status().warmMs], [null, null]);
  for (const isHit of [true, true, true, false]) schedule.read(isHit);
  schedule.want(cluster("a"), 0);
  schedule.finish(schedule.next(0)[0] as BlockJob, true, 40);
  const { hitRatio, warmMs, totals } = schedule.status();
  assertEquals([hitRatio, warmMs?.max, totals.warmed, totals.failed], [0.75, 40, 1, 0]);
});

Deno.test("BlockSchedule.restore() keeps starts apart over a restart", () => {
  const schedule = new BlockSchedule();
  schedule.want(cluster("a"), 0);
  schedule.next(0);
  const other = new BlockSchedule();
  other.restore(structuredClone(schedule.snapshot()));
  assertEquals(other.want(cluster("a"), 299_999), "recent");
  assertEquals(other.want(cluster("a"), 300_000), "queued");
  assertEquals(other.next(300_000)[0]?.jobId, 2);
  for (const wrong of [null, { version: 2 }, { ...schedule.snapshot(), startedAt: [[1, 2]] }]) {
    const error = assertThrows(() => other.restore(wrong), RefreshError);
    assertEquals(error.code, "snapshot");
  }
});

Deno.test("BlockSchedule: a clock that is set back delays a block, and not for ever", () => {
  const schedule = new BlockSchedule();
  schedule.want(cluster("a"), 1e12);
  schedule.finish(schedule.next(1e12)[0] as BlockJob, true, 1);
  assertEquals(schedule.want(cluster("a"), 1_000), "recent");
  assertEquals(schedule.want(cluster("a"), 301_000), "queued");
});

Deno.test("BlockSchedule keeps its bounds over random wishes and ends", () => {
  console.log(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const schedule = new BlockSchedule();
  const running = new Map<string, BlockJob>();
  const lastStart = new Map<string, number>();
  let started = 0;
  for (let nowMs = 0; nowMs < 40_000_000; nowMs += Math.floor(random.next() * 20_000)) {
    const id = `run_${Math.floor(random.next() * 30)}`;
    schedule.want(cluster(id, 3 + Math.floor(random.next() * 5)), nowMs);
    for (const job of schedule.next(nowMs)) {
      assert(!running.has(job.clusterId) && job.members.length >= 5);
      assert(nowMs - (lastStart.get(job.clusterId) ?? -Infinity) >= 300_000);
      lastStart.set(job.clusterId, nowMs);
      running.set(job.clusterId, job);
      started++;
    }
    assert(running.size <= 3);
    for (const job of running.values()) {
      if (random.next() > 0.3) continue;
      running.delete(job.clusterId);
      assert(schedule.finish(job, random.next() < 0.9, 1));
    }
  }
  assert(started > 100, `${started} started`);
});
