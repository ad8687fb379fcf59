/** `System.startAt`: a child that was stopped on request is started again, as OTP's `restart_child`. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { child, type SupervisorSpec } from "../../src/actor/mod.ts";
import { Harness, Journal, settle, Work } from "./support.ts";

/** Children a, b and c of one journal, in a supervisor `s`. */
function abc(journal: Journal, options: Omit<SupervisorSpec, "name" | "children"> = {}) {
  const children = ["a", "b", "c"].map((name) => child(journal.actor, { name, args: {} }));
  return { intensity: 5, children: [{ name: "s", intensity: 5, ...options, children }] };
}

Deno.test("startAt() starts what stopAt() stopped, and it takes messages then", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s/b");
  assert(await harness.system.startAt("/wick/s/b"));
  assertEquals(harness.children("s"), "a1 b2 c1");
  journal.take();
  assertEquals(harness.system.ref(Work, "s/b").tell("do", "1"), "accepted");
  await settle();
  assertEquals(journal.take(), ["b does 1"]);
});

Deno.test("startAt() leaves one alone that runs, or whose restart is to come", async () => {
  const journal = new Journal();
  const backoff = { minMs: 100, maxMs: 100, jitter: 0 };
  await using harness = new Harness(abc(journal, { backoff }));
  assert(await harness.system.startAt("/wick/s/b"));
  assertEquals(harness.children("s"), "a1 b1 c1");
  harness.system.ref(journal.actor.protocol, "s/b").tell("crash", "boom");
  await settle();
  assert(await harness.system.startAt("/wick/s/b"));
  assertEquals(harness.node("s/b").state, "down");
});

Deno.test("startAt() of one that is being stopped starts it after that", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  journal.cleanUps.set("b", () => journal.gate("gate").promise);
  const stopped = harness.system.stopAt("/wick/s/b");
  const started = harness.system.startAt("/wick/s/b");
  await settle();
  assertEquals(harness.node("s/b").state, "stopping");
  journal.gate("gate").resolve();
  await stopped;
  assert(await started);
  assertEquals(harness.children("s"), "a1 b2 c1");
});

Deno.test("startAt() whose init fails leaves it stopped and its siblings alone", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all", intensity: 0 }));
  await harness.system.stopAt("/wick/s/b");
  journal.failInit = (name) => name === "b";
  assertEquals(await harness.system.startAt("/wick/s/b"), false);
  assertEquals(harness.children("s"), "a1 b:stopped c1");
  journal.failInit = () => false;
  assert(await harness.system.startAt("/wick/s/b"));
  assertEquals(harness.children("s"), "a1 b3 c1");
});

Deno.test("startAt() says false when its supervisor, or the system, ends first", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s/b");
  journal.cleanUps.set("c", () => journal.gate("gate").promise);
  harness.system.restart("/wick/s/c");
  await settle();
  const started = harness.system.startAt("/wick/s/b");
  const stopped = harness.system.stop();
  journal.gate("gate").resolve();
  assertEquals(await started, false);
  await stopped;
  assertEquals(await harness.system.startAt("/wick/s/b"), false);
});

Deno.test("a crash of a child that startAt() started restarts it as before", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s/b");
  await harness.system.startAt("/wick/s/b");
  harness.system.ref(journal.actor.protocol, "s/b").tell("crash", "boom");
  await settle();
  assertEquals(harness.children("s"), "a1 b3 c1");
});

Deno.test("startAt() refuses the root and what is not there", async () => {
  await using harness = new Harness();
  assertThrows(() => harness.system.startAt("/wick/none"), TypeError, "nothing lives there");
  assertThrows(() => harness.system.startAt("/wick"), TypeError, "it is the root");
});
