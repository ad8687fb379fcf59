import { z } from "zod";
import { actor, child, protocol, type TreeNode } from "../../src/actor/mod.ts";
import { ServiceTime } from "../../src/actor/service_time.ts";
import { assert, assertEquals } from "@std/assert";
import { Harness, Journal, settle, Work } from "./support.ts";

function tree(journal: Journal) {
  return {
    children: [
      child(journal.actor, { name: "a", args: {}, mailbox: { bound: 100 } }),
      {
        name: "s",
        strategy: "one_for_all" as const,
        intensity: 3,
        periodMs: 1_000,
        children: [child(journal.actor, { name: "b", args: {}, restart: "transient" as const })],
      },
    ],
  };
}

function at(harness: Harness, path: string): TreeNode {
  const find = (node: TreeNode): TreeNode | undefined =>
    node.path === path ? node : node.children.map(find).find((found) => found !== undefined);
  const found = find(harness.system.tree());
  assert(found !== undefined);
  return found;
}

Deno.test("tree() is plain data", async () => {
  await using harness = new Harness(tree(new Journal()));
  assertEquals(structuredClone(harness.system.tree()), harness.system.tree());
});

Deno.test("tree() names every node with its path, kind, state and incarnation", async () => {
  await using harness = new Harness(tree(new Journal()));
  const flat = (node: TreeNode): unknown[] => [
    [node.path, node.name, node.kind, node.state, node.incarnation, node.restart],
    ...node.children.flatMap(flat),
  ];
  assertEquals(flat(harness.system.tree()), [
    ["/wick", "wick", "supervisor", "running", 1, "permanent"],
    ["/wick/a", "a", "actor", "running", 1, "permanent"],
    ["/wick/s", "s", "supervisor", "running", 1, "permanent"],
    ["/wick/s/b", "b", "actor", "running", 1, "transient"],
  ]);
});

Deno.test("tree() tells how a supervisor supervises", async () => {
  const journal = new Journal();
  await using harness = new Harness(tree(journal));
  harness.system.ref(Work, "s/b").tell("crash", "boom");
  await settle();
  assertEquals(at(harness, "/wick/s").supervisor, {
    strategy: "one_for_all",
    intensity: 3,
    periodMs: 1_000,
    intensityScope: "child",
    restarts: 1,
    gaveUp: 0,
  });
});

Deno.test("tree() counts the restarts within the period only", async () => {
  const journal = new Journal();
  await using harness = new Harness(tree(journal));
  harness.system.ref(Work, "s/b").tell("crash", "boom");
  await settle();
  assertEquals(at(harness, "/wick/s/b").restartsInPeriod, 1);
  await harness.advance(1_001);
  assertEquals(at(harness, "/wick/s/b").restartsInPeriod, 0);
});

Deno.test("tree() gives the last error of a node", async () => {
  const journal = new Journal();
  await using harness = new Harness(tree(journal));
  assertEquals(at(harness, "/wick/s/b").lastError, null);
  harness.system.ref(Work, "s/b").tell("crash", "boom");
  await settle();
  assertEquals(at(harness, "/wick/s/b").lastError, "boom");
});

Deno.test("tree() gives a mailbox's depth, bound, account and age", async () => {
  const journal = new Journal();
  await using harness = new Harness(tree(journal));
  const a = harness.system.ref(Work, "a");
  a.tell("do", "done");
  a.tell("wait", "gate");
  a.tell("do", "queued");
  await settle();
  await harness.advance(40);
  const { mailbox } = at(harness, "/wick/a");
  assert(mailbox !== null);
  const { protocol, depth, bound, sent, handled, deadLettered, superseded, oldestMs } = mailbox;
  assertEquals(
    { protocol, depth, bound, sent, handled, deadLettered, superseded, oldestMs },
    {
      protocol: "work",
      depth: 2,
      bound: 100,
      sent: 3,
      handled: 1,
      deadLettered: 0,
      superseded: 0,
      oldestMs: 40,
    },
  );
});

Deno.test("tree() gives the rate between two looks", async () => {
  const journal = new Journal();
  await using harness = new Harness(tree(journal));
  const a = harness.system.ref(Work, "a");
  assertEquals(at(harness, "/wick/a").mailbox?.ratePerSecond, 0);
  for (let n = 0; n < 30; n++) a.tell("do", "x");
  await harness.advance(2_000);
  assertEquals(at(harness, "/wick/a").mailbox?.ratePerSecond, 15);
});

Deno.test("tree() gives service times, and the wait that they make expected", async () => {
  const Slow = protocol("slow", { work: { payload: z.null() } });
  await using harness = new Harness();
  const gates = [1, 2, 3].map(() => Promise.withResolvers<void>());
  let at_ = 0;
  const slow = actor(Slow, () => ({ work: () => gates[at_++]?.promise }));
  const ref = harness.system.spawn(slow, { name: "slow", args: {} });
  for (let n = 0; n < 3; n++) ref.tell("work", null);
  await harness.advance(100);
  gates[0]?.resolve();
  await settle();
  const { mailbox } = at(harness, "/wick/slow");
  assert(mailbox !== null);
  // One message is queued and each took 100 ms; percentiles are at most 19 % above.
  assertEquals(mailbox.expectedWaitMs, 100);
  assert(mailbox.serviceMs.p50 >= 100 && mailbox.serviceMs.p50 <= 119);
});

Deno.test("service times of fast handlers are those of one message", async () => {
  const Fast = protocol("fast", { work: { payload: z.null() } });
  await using harness = new Harness();
  const fast = actor(Fast, () => ({ work: () => harness.clock.advance(0.005) }));
  const ref = harness.system.spawn(fast, { name: "fast", args: {} });
  for (let n = 0; n < 1_000; n++) ref.tell("work", null);
  await settle();
  const p50 = at(harness, "/wick/fast").mailbox?.serviceMs.p50 ?? 0;
  assert(p50 >= 0.005 && p50 <= 0.005 * 1.19, `${p50}`);
});

Deno.test("service times of slow handlers are those of one message", async () => {
  const Slow = protocol("slow", { work: { payload: z.null() } });
  await using harness = new Harness();
  const slow = actor(Slow, () => ({ work: () => harness.clock.advance(2) }));
  const ref = harness.system.spawn(slow, { name: "slow", args: {} });
  for (let n = 0; n < 100; n++) ref.tell("work", null);
  await settle();
  const p99 = at(harness, "/wick/slow").mailbox?.serviceMs.p99 ?? 0;
  assert(p99 >= 2 && p99 <= 2 * 1.19, `${p99}`);
});

Deno.test("ServiceTime.percentileMs() is at most 19 % above the true one", () => {
  const service = new ServiceTime();
  for (let ms = 1; ms <= 1_000; ms++) service.record(ms, 1);
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const [found, truth] = [service.percentileMs(share), share * 1_000];
    assert(found >= truth && found <= truth * 1.19, `${share}: ${found}`);
  }
});

Deno.test("ServiceTime.percentileMs() is 0 before anything was recorded", () => {
  assertEquals(new ServiceTime().percentileMs(0.5), 0);
});

Deno.test("ServiceTime takes times of 0 and of hours", () => {
  const service = new ServiceTime();
  service.record(0, 1);
  service.record(3_600_000, 1);
  assert(service.percentileMs(0.5) <= 0.0002);
  assert(service.percentileMs(1) > 80_000);
});
