import { z } from "zod";
import {
  actor,
  child,
  DEAD_REASONS,
  type DeadLetter,
  DeadLetters,
  protocol,
} from "../../src/actor/mod.ts";
import { assertEquals, assertNotEquals } from "@std/assert";
import { assertBalanced, Harness, Journal, settle, Work } from "./support.ts";

function letter(part: Partial<DeadLetter> = {}): Omit<DeadLetter, "id" | "error"> {
  const at = 1_700_000_000_000;
  return { at, path: "/p", type: "t", payload: 1, reason: "stopped", cause: 1, bytes: 10, ...part };
}

Deno.test("DeadLetters counts by reason", () => {
  const dead = new DeadLetters();
  DEAD_REASONS.forEach((reason, i) => {
    for (let n = 0; n <= i; n++) dead.add(letter({ reason }));
  });
  assertEquals(DEAD_REASONS.map((reason) => dead.counts[reason]), [1, 2, 3, 4, 5]);
  assertEquals(dead.total, 15);
});

Deno.test("DeadLetters beyond its number gives up the oldest bodies and no counts", () => {
  const dead = new DeadLetters({ keepMax: 3 });
  for (let payload = 1; payload <= 5; payload++) dead.add(letter({ payload }));
  assertEquals(dead.list().map(({ payload }) => payload), [3, 4, 5]);
  assertEquals([dead.total, dead.evicted, dead.size], [5, 2, 3]);
});

Deno.test("DeadLetters beyond its bytes gives up the oldest bodies and no counts", () => {
  const dead = new DeadLetters({ keepBytesMax: 100 });
  for (let payload = 1; payload <= 5; payload++) dead.add(letter({ payload, bytes: 40 }));
  assertEquals(dead.list().map(({ payload }) => payload), [4, 5]);
  assertEquals([dead.total, dead.evicted, dead.bytes], [5, 3, 80]);
});

Deno.test("DeadLetters does not keep a body that is larger than all it may keep", () => {
  const dead = new DeadLetters({ keepBytesMax: 100 });
  dead.add(letter({ payload: "small" }));
  dead.add(letter({ payload: "huge", bytes: 101 }));
  assertEquals(dead.list().map(({ payload }) => payload), ["small"]);
  assertEquals([dead.total, dead.evicted], [2, 1]);
});

for (
  const [what, filter, found] of [
    ["path", { path: "/b" }, [2, 4]],
    ["type", { type: "u" }, [3, 4]],
    ["reason", { reason: "crashed" }, [4]],
    ["all of them", { path: "/b", type: "t" }, [2]],
    ["nothing", {}, [1, 2, 3, 4]],
  ] as const
) {
  Deno.test(`DeadLetters.list() filters by ${what}`, () => {
    const dead = new DeadLetters();
    dead.add(letter({ payload: 1, path: "/a" }));
    dead.add(letter({ payload: 2, path: "/b" }));
    dead.add(letter({ payload: 3, type: "u", path: "/a" }));
    dead.add(letter({ payload: 4, type: "u", path: "/b", reason: "crashed" }));
    assertEquals(dead.list(filter).map(({ payload }) => payload), [...found]);
  });
}

Deno.test("DeadLetters.list() gives at most as many as asked for", () => {
  const dead = new DeadLetters();
  for (let payload = 1; payload <= 5; payload++) dead.add(letter({ payload }));
  assertEquals(dead.list({}, 2).map(({ payload }) => payload), [1, 2]);
});

Deno.test("DeadLetters.take() takes bodies out and leaves the counts", () => {
  const dead = new DeadLetters();
  dead.add(letter());
  assertEquals(dead.take().length, 1);
  assertEquals([dead.size, dead.bytes, dead.total, dead.evicted], [0, 0, 1, 0]);
});

Deno.test("DeadLetters.drop() forgets one body by its id, once", () => {
  const dead = new DeadLetters();
  dead.add(letter());
  const id = dead.list()[0]?.id ?? -1;
  assertEquals([dead.get(id)?.payload, dead.drop(id), dead.drop(id), dead.get(id)], [
    1,
    true,
    false,
    null,
  ]);
});

Deno.test("DeadLetters.subscribe() tells of every letter, also of those not kept", () => {
  const dead = new DeadLetters({ keepMax: 0 });
  const seen: unknown[] = [];
  dead.subscribe(({ payload }) => seen.push(payload));
  dead.add(letter({ payload: "a" }));
  assertEquals(seen, ["a"]);
});

Deno.test("DeadLetters.subscribe() ends with what it returned", () => {
  const dead = new DeadLetters();
  let seen = 0;
  const end = dead.subscribe(() => seen++);
  dead.add(letter());
  end();
  dead.add(letter());
  assertEquals(seen, 1);
});

// ---- in a system ----------------------------------------------------------------------------------

Deno.test("a tell to a stopped actor says so and is dead-lettered as stopped", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.spawn(journal.actor, { name: "a", args: {} });
  await harness.system.stopAt("/wick/a");
  assertEquals(ref.tell("do", "late"), "stopped");
  const [dead] = harness.system.deadLetters.list();
  assertEquals([dead?.path, dead?.type, dead?.payload, dead?.reason], [
    "/wick/a",
    "do",
    "late",
    "stopped",
  ]);
  assertBalanced(harness.system);
});

Deno.test("a tell to a path where nothing lives is dead-lettered as stopped", async () => {
  await using harness = new Harness();
  assertEquals(harness.system.ref(Work, "none").tell("do", "x"), "stopped");
  assertEquals(harness.system.deadLetters.counts.stopped, 1);
  assertBalanced(harness.system);
});

Deno.test("a tell after the system has stopped is dead-lettered", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.spawn(journal.actor, { name: "a", args: {} });
  await harness.system.stop();
  assertEquals(ref.tell("do", "late"), "stopped");
  assertBalanced(harness.system);
});

Deno.test("a tell that its actor's protocol does not have is dead-lettered as unhandled", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  const Other = protocol("other", { other: { payload: z.null() } });
  assertEquals(harness.system.ref(Other, "a").tell("other", null), "unhandled");
  await settle();
  assertEquals([harness.system.deadLetters.counts.unhandled, journal.take()], [1, ["a starts 1"]]);
  assertBalanced(harness.system);
});

Deno.test("a message without a handler is dead-lettered as unhandled, and crashes nobody", async () => {
  await using harness = new Harness();
  const empty = actor(Work, () => ({}) as never);
  harness.system.spawn(empty, { name: "a", args: {} }).tell("do", "x");
  await settle();
  assertEquals([harness.system.deadLetters.counts.unhandled, harness.children()], [1, "a1"]);
  assertBalanced(harness.system);
});

Deno.test("a dead letter carries the causation id of its message and the time", async () => {
  await using harness = new Harness();
  harness.clock.advance(5);
  for (let i = 0; i < 2; i++) harness.system.ref(Work, "none").tell("do", "x");
  const [first, second] = harness.system.deadLetters.list();
  assertEquals(first?.at, 1_700_000_000_005);
  assertNotEquals(first?.cause, second?.cause);
});

Deno.test("replayDeadLetters() sends letters again and takes them off the list", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.ref(Work, "a");
  for (const text of ["1", "2"]) ref.tell("do", text);
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  journal.take();
  assertEquals(harness.system.replayDeadLetters(), { accepted: 2, refused: 0 });
  await settle();
  assertEquals([journal.take(), harness.system.deadLetters.size], [["a does 1", "a does 2"], 0]);
  assertBalanced(harness.system);
});

Deno.test("replayDeadLetters() keeps what is refused again as a new letter", async () => {
  await using harness = new Harness();
  harness.system.ref(Work, "none").tell("do", "1");
  assertEquals(harness.system.replayDeadLetters(), { accepted: 0, refused: 1 });
  const { deadLetters } = harness.system;
  assertEquals([deadLetters.size, deadLetters.total, deadLetters.list()[0]?.id], [1, 2, 2]);
  assertBalanced(harness.system);
});

Deno.test("replayDeadLetters() replays what its filter finds, up to its limit", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.ref(Work, "a");
  for (const text of ["1", "2", "3"]) ref.tell("do", text);
  ref.tell("leave", "normal");
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  journal.take();
  harness.system.replayDeadLetters({ type: "do" }, 2);
  await settle();
  assertEquals(journal.take(), ["a does 1", "a does 2"]);
});

Deno.test("a letter of a type like `constructor` cannot be replayed into a handler", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.ref(Work, "a");
  ref.tell("constructor" as "do", "x");
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  assertEquals(harness.system.replayDeadLetters(), { accepted: 0, refused: 1 });
});

Deno.test("replayProblem() says what is in the way of a letter, and sends nothing", async () => {
  const journal = new Journal();
  await using harness = new Harness({
    children: [child(journal.actor, { name: "a", args: {}, mailbox: { bound: 1 } })],
  });
  const { system } = harness;
  const code = (path: string, type: string, payload: unknown, how: "as_sent" | "checked") =>
    system.replayProblem(path, type, payload, how)?.code ?? null;
  journal.take();
  assertEquals(code("/wick/a", "do", "this", "as_sent"), null);
  assertEquals(code("/wick/a", "do", 7, "as_sent"), null);
  assertEquals(code("/wick/a", "do", 7, "checked"), "invalid_message");
  assertEquals(code("/wick/a", "constructor", "this", "as_sent"), "invalid_message");
  assertEquals(code("/wick/nobody", "do", "this", "as_sent"), "actor_stopped");
  assertEquals(code("/wick", "do", "this", "checked"), "actor_stopped");
  const ref = system.ref(Work, "a");
  ref.tell("do", "one");
  assertEquals(code("/wick/a", "do", "two", "as_sent"), "overflow");
  await settle();
  assertEquals(code("/wick/a", "do", "two", "as_sent"), null);
  assertEquals(journal.take(), ["a does one"]);
  await system.stopAt("/wick/a");
  assertEquals(code("/wick/a", "do", "this", "as_sent"), "actor_stopped");
});
