import { availableParallelism } from "node:os";
import { z } from "zod";
import { actor, child, createSystem, protocol } from "../../src/actor/mod.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { assertBalanced, Harness, Journal, settle, Work } from "./support.ts";

function spawn(harness: Harness, journal: Journal, name = "a", shutdownMs = 5_000) {
  return harness.system.spawn(journal.actor, { name, args: {}, shutdownMs });
}

Deno.test("stop() drains what was accepted", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  for (let n = 0; n < 2_000; n++) ref.tell("do", "x");
  await harness.system.stop();
  assertEquals(harness.system.counts().handled, 2_000);
  assertEquals(harness.system.deadLetters.total, 0);
});

Deno.test("stop() drains an asynchronous actor", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  journal.gate("open").resolve();
  const asks = [1, 2, 3].map(() => ref.ask("wait", "open"));
  await harness.system.stop();
  assertEquals(await Promise.all(asks), ["open", "open", "open"]);
});

Deno.test("stop() lets a drained message still tell actors that were started earlier", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const sink = spawn(harness, journal, "sink");
  const Pass = protocol("pass", { go: { payload: z.string() } });
  const pass = actor(Pass, (_ctx, { to }: { to: typeof sink }) => ({
    go: (text) => void to.tell("do", text),
  }));
  harness.system.spawn(pass, { name: "pass", args: { to: sink } }).tell("go", "last");
  await harness.system.stop();
  assertEquals(journal.take().slice(-2), ["sink does last", "sink ends shutdown"]);
});

Deno.test("stop() refuses what arrives while it drains", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  ref.tell("wait", "gate");
  await settle();
  const stopped = harness.system.stop();
  assertEquals(ref.tell("do", "late"), "stopped");
  journal.gate("gate").resolve();
  await stopped;
  assertBalanced(harness.system);
});

Deno.test("stop() without a drain dead-letters what is queued", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  for (let n = 0; n < 3; n++) ref.tell("do", "x");
  await harness.system.stop({ drain: false });
  assertEquals(harness.system.deadLetters.counts.stopped, 3);
  assertBalanced(harness.system);
});

Deno.test("stop() is over by its deadline; what is not drained is dead-lettered", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const [first, second] = [spawn(harness, journal, "a"), spawn(harness, journal, "b")];
  for (const ref of [first, second]) {
    ref.tell("wait", "never");
    ref.tell("do", "x");
  }
  await settle();
  const stopped = harness.system.stop({ deadlineMs: 100 });
  await harness.advance(100);
  await stopped;
  assertEquals(harness.system.deadLetters.counts.stopped, 4);
  assertEquals(harness.clock.now(), 100);
  assertBalanced(harness.system);
});

Deno.test("stop() gives each child its own shutdown time within the deadline", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  for (const name of ["a", "b"]) spawn(harness, journal, name, 30).tell("wait", "never");
  await settle();
  let stoppedAtMs = -1;
  void harness.system.stop({ deadlineMs: 1_000 }).then(() => stoppedAtMs = harness.clock.now());
  await harness.advance(1_000);
  assertEquals(stoppedAtMs, 60);
});

Deno.test("stop() settles every ask under way", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal, "a", 10);
  const asks = ["wait", "do", "who"].map((type) => ref.ask(type as "wait", "never"));
  const settled = Promise.allSettled(asks);
  await settle();
  const stopped = harness.system.stop();
  await harness.advance(10);
  await stopped;
  for (const { status } of await settled) assertEquals(status, "rejected");
});

Deno.test("stop() is idempotent", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  spawn(harness, journal);
  await Promise.all([harness.system.stop(), harness.system.stop()]);
  await harness.system.stop();
  assertEquals(journal.take(), ["a starts 1", "a ends shutdown"]);
});

Deno.test("stop() leaves no timer behind, whatever was set", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const Timed = protocol("timed", { tick: { payload: z.null() } });
  const timed = actor(Timed, (ctx) => {
    ctx.timer("t", { delayMs: 10, everyMs: 10 }, "tick", null);
    return { tick: () => {} };
  });
  harness.system.spawn(timed, { name: "t", args: {} });
  await spawn(harness, journal).ask("who", null);
  await harness.system.stop();
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

Deno.test("an ask after stop() rejects and leaves no timer behind", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  await harness.system.stop();
  await assertRejects(() => ref.ask("who", null));
  assertEquals(harness.clock.nextTimerAt(), Infinity);
  assertBalanced(harness.system);
});

Deno.test("a system on the machine's clock leaves nothing behind", async () => {
  // The leak sanitizers look; there is nothing else to assert.
  const journal = new Journal();
  const system = createSystem({
    log: null,
    children: [child(journal.actor, { name: "a", args: {} })],
  });
  const ref = system.ref(Work, "a");
  assertEquals(await ref.ask("who", null), 1);
  await system.stop();
  await assertRejects(() => ref.ask("who", null));
});

Deno.test("`await using` stops the system", async () => {
  const journal = new Journal();
  {
    await using system = createSystem({ log: null });
    system.spawn(journal.actor, { name: "a", args: {} }).tell("do", "x");
  }
  assertEquals(journal.take(), ["a starts 1", "a does x", "a ends shutdown"]);
});

Deno.test("stop() resolves `done` with null", async () => {
  await using harness = new Harness();
  await harness.system.stop();
  assertEquals(await harness.system.done, null);
});

Deno.test("stop() after the root gave up resolves", async () => {
  const journal = new Journal();
  await using harness = new Harness({
    intensity: 0,
    children: [child(journal.actor, { name: "a", args: {} })],
  });
  harness.system.ref(Work, "a").tell("crash", "boom");
  assert(await harness.system.done !== null);
  await harness.system.stop();
  assertEquals(harness.children(), "a:stopped");
});

// ---- a stop from within ---------------------------------------------------------------------------

const Inside = protocol("inside", {
  stop: { payload: z.number() },
  crash: { payload: z.number() },
  other: { payload: z.null() },
});

function inside(harness: Harness, seen: string[]) {
  return actor(Inside, (ctx) => {
    ctx.onStop((reason) => void seen.push(reason));
    return {
      stop: (deadlineMs) => void harness.system.stop({ deadlineMs }),
      crash: (deadlineMs) => {
        void harness.system.stop({ deadlineMs });
        throw new Error("boom");
      },
      other: () => void seen.push("other"),
    };
  });
}

Deno.test("stop() from a handler drains what is behind that message", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(inside(harness, seen), { name: "i", args: {} });
  ref.tell("stop", 1_000);
  ref.tell("other", null);
  await settle();
  assertEquals([seen, harness.system.counts().handled], [["other", "shutdown"], 2]);
  assertBalanced(harness.system);
});

Deno.test("stop() without a drain from a handler counts that message as handled", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const Quit = protocol("quit", { quit: { payload: z.null() }, other: { payload: z.null() } });
  const quit = actor(Quit, () => ({
    quit: () => void harness.system.stop({ drain: false }),
    other: () => void seen.push("other"),
  }));
  const ref = harness.system.spawn(quit, { name: "q", args: {} });
  ref.tell("quit", null);
  ref.tell("other", null);
  await settle();
  const { handled, deadLettered } = harness.system.counts();
  assertEquals([seen, handled, deadLettered], [[], 1, 1]);
  assertEquals(harness.system.deadLetters.list()[0]?.reason, "stopped");
  assertBalanced(harness.system);
});

for (const type of ["stop", "crash"] as const) {
  Deno.test(`stop() without any time from a handler balances: ${type}`, async () => {
    const seen: string[] = [];
    await using harness = new Harness();
    const ref = harness.system.spawn(inside(harness, seen), { name: "i", args: {} });
    ref.tell(type, 0);
    ref.tell("other", null);
    await settle();
    assertEquals([seen, harness.children()], [["killed"], "i:stopped"]);
    assertEquals(harness.system.deadLetters.counts.stopped, 2);
    assertBalanced(harness.system);
  });
}

for (const deadlineMs of [0, 1_000]) {
  Deno.test(`stop() within ${deadlineMs} ms from a clean-up hook ends the system once`, async () => {
    const journal = new Journal();
    await using harness = new Harness();
    const ref = spawn(harness, journal);
    spawn(harness, journal, "b");
    journal.cleanUps.set("a", () => void harness.system.stop({ deadlineMs }));
    ref.tell("crash", "boom");
    await settle();
    await harness.system.stop();
    assertEquals(harness.children(), "a:stopped b:stopped");
    assertEquals(journal.take().filter((line) => line.startsWith("a ends")), ["a ends crash"]);
    assertBalanced(harness.system);
  });
}

Deno.test("stop() from a clean-up hook during a restart ends the restart", async () => {
  const journal = new Journal();
  await using harness = new Harness({ strategy: "one_for_all" });
  const ref = spawn(harness, journal);
  spawn(harness, journal, "b");
  journal.cleanUps.set("b", () => void harness.system.stop({ deadlineMs: 0 }));
  ref.tell("crash", "boom");
  await settle();
  await harness.system.stop();
  assertEquals(harness.children(), "a:stopped b:stopped");
});

Deno.test("as many zombies as cores end the system where it stands, and say so", async () => {
  const journal = new Journal();
  let gaveUp: unknown = null;
  await using harness = new Harness({ onGaveUp: (error) => gaveUp = error });
  spawn(harness, journal).tell("wait", "never");
  await settle();
  for (let n = 1; n < availableParallelism(); n++) harness.system.zombie("/wick/t");
  assertEquals([gaveUp, harness.children()], [null, "a1"]);
  harness.system.zombie("/wick/t");
  assertInstanceOf(gaveUp, Error);
  assertEquals([await harness.system.done, harness.children()], [gaveUp, "a:stopped"]);
  assertEquals(harness.clock.nextTimerAt(), Infinity);
  assertBalanced(harness.system);
});

Deno.test("a zombie that ended after all does not count", {
  ignore: availableParallelism() === 1,
}, async () => {
  let gaveUp: unknown = null;
  await using harness = new Harness({ onGaveUp: (error) => gaveUp = error });
  for (let n = 0; n < 2 * availableParallelism(); n++) {
    harness.system.zombie("/wick/t");
    harness.system.zombieEnded("/wick/t");
  }
  assertEquals(gaveUp, null);
});
