import { z } from "zod";
import {
  actor,
  ActorFailed,
  ActorStopped,
  ASK_TIMEOUT_MAX_MS,
  AskTimeout,
  type Deferred,
  protocol,
  VirtualClock,
} from "../../src/actor/mod.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { assertBalanced, Harness, Journal, settle, Work } from "./support.ts";

const Q = protocol("q", {
  sync: { payload: z.number(), reply: z.number() },
  async: { payload: z.number(), reply: z.number() },
  defer: { payload: z.number(), reply: z.number() },
  release: { payload: z.enum(["resolve", "reject"]) },
  never: { payload: z.null(), reply: z.number() },
  fail: { payload: z.unknown(), reply: z.number() },
  reject: { payload: z.unknown(), reply: z.number() },
});

function answerer(handled: string[] = []) {
  return actor(Q, (ctx) => {
    const waiting: { reply: Deferred<number>; n: number }[] = [];
    return {
      sync: (n) => (handled.push(`sync ${n}`), n + 1),
      async: async (n) => {
        await Promise.resolve();
        return n + 1;
      },
      defer: (n) => {
        const reply = ctx.defer<number>();
        waiting.push({ reply, n });
        return reply;
      },
      release: (how) => {
        for (const { reply, n } of waiting.splice(0)) {
          if (how === "resolve") reply.resolve(n + 1);
          else reply.reject(new Error("refused"));
        }
      },
      never: () => new Promise<number>(() => {}),
      fail: (error) => {
        throw error;
      },
      reject: (error) => Promise.reject(error),
    };
  });
}

function spawn(harness: Harness, handled: string[] = []) {
  return harness.system.spawn(answerer(handled), { name: "q", args: {}, shutdownMs: "brutal" });
}

Deno.test("ask() resolves to a synchronous reply", async () => {
  await using harness = new Harness();
  assertEquals(await spawn(harness).ask("sync", 1), 2);
});

Deno.test("ask() resolves to an asynchronous reply", async () => {
  await using harness = new Harness();
  assertEquals(await spawn(harness).ask("async", 1), 2);
});

Deno.test("ask() resolves to a deferred reply, and the actor goes on meanwhile", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const deferred = ref.ask("defer", 1);
  assertEquals(await ref.ask("sync", 5), 6);
  ref.tell("release", "resolve");
  assertEquals(await deferred, 2);
});

Deno.test("a deferred reply that is rejected rejects the ask and crashes nobody", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const deferred = ref.ask("defer", 1);
  ref.tell("release", "reject");
  const error = await assertRejects(() => deferred, ActorFailed, "refused");
  assertEquals([(error.cause as Error).message, harness.children()], ["refused", "q1"]);
});

Deno.test("a deferred reply fails with its cause when the actor crashes", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const deferred = ref.ask("defer", 1);
  ref.tell("fail", new Error("boom"));
  await assertRejects(() => deferred, ActorFailed, "boom");
});

Deno.test("a deferred reply fails when the actor stops", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const deferred = ref.ask("defer", 1);
  await settle();
  await Promise.all([
    assertRejects(() => deferred, ActorStopped),
    harness.system.stopAt("/wick/q"),
  ]);
});

Deno.test("a deferred reply after the ask timed out does nothing", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const deferred = ref.ask("defer", 1, { timeoutMs: 10 });
  const timedOut = assertRejects(() => deferred, AskTimeout);
  await harness.advance(10);
  await timedOut;
  ref.tell("release", "resolve");
  await settle();
  assertEquals(harness.children(), "q1");
});

Deno.test("ask() rejects with AskTimeout when the reply never comes", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const asked = assertRejects(() => ref.ask("never", null, { timeoutMs: 50 }), AskTimeout, "50 ms");
  await harness.advance(50);
  await asked;
});

Deno.test("ask() does not time out a moment early", async () => {
  await using harness = new Harness();
  let settled = false;
  const asked = spawn(harness).ask("never", null, { timeoutMs: 50 });
  asked.catch(() => {}).finally(() => settled = true);
  await harness.advance(49.999);
  assertEquals(settled, false);
});

Deno.test("ask() waits 5,000 ms by default", async () => {
  await using harness = new Harness();
  let settledAtMs = -1;
  void spawn(harness).ask("never", null).catch(() => settledAtMs = harness.clock.now());
  await harness.advance(10_000);
  assertEquals(settledAtMs, 5_000);
});

Deno.test("ask() made late in a long turn has its whole time", async () => {
  // The scheduler's time stands still while a handler runs; another ask of the same timeout is
  // under way, so its timer fires long before this one's time is up.
  await using harness = new Harness();
  const ref = spawn(harness);
  const first = assertRejects(() => ref.ask("never", null, { timeoutMs: 100 }), AskTimeout);
  harness.clock.advance(90);
  let settledAtMs = -1;
  const second = ref.ask("never", null, { timeoutMs: 100 });
  void second.catch(() => settledAtMs = harness.clock.now());
  await harness.advance(1_000);
  await first;
  assert(settledAtMs >= 190, `timed out at ${settledAtMs} ms`);
});

Deno.test("ask() times out even though every turn is long", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  let settledAtMs = -1;
  const asked = ref.ask("never", null, { timeoutMs: 100 });
  void asked.catch(() => settledAtMs = harness.clock.now());
  for (let i = 0; i < 100 && settledAtMs < 0; i++) {
    ref.tell("sync", i);
    harness.clock.advance(10);
    await settle();
  }
  assert(settledAtMs >= 100 && settledAtMs <= 120, `timed out at ${settledAtMs} ms`);
});

Deno.test("ask() rejects with ActorFailed and the cause when the handler throws", async () => {
  await using harness = new Harness();
  const boom = new Error("boom");
  const error = await assertRejects(() => spawn(harness).ask("fail", boom), ActorFailed, "boom");
  assertEquals(error.cause, boom);
});

Deno.test("ask() rejects with ActorFailed when the handler's promise rejects", async () => {
  await using harness = new Harness();
  await assertRejects(() => spawn(harness).ask("reject", new Error("later")), ActorFailed, "later");
});

for (const thrown of [undefined, null, 0, "text", { odd: 1 }, Object.create(null)]) {
  Deno.test(
    `ask() rejects with ActorFailed when the handler throws a ${typeof thrown} (${
      JSON.stringify(thrown) ?? "undefined"
    })`,
    async () => {
      await using harness = new Harness();
      const ref = spawn(harness);
      await assertRejects(() => ref.ask("fail", thrown), ActorFailed);
      await settle();
      assertEquals(harness.children(), "q2");
    },
  );
}

Deno.test("ask() to a stopped actor rejects with ActorStopped and leaves no timer", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  await harness.system.stopAt("/wick/q");
  await assertRejects(() => ref.ask("sync", 1), ActorStopped);
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

Deno.test("ask() to a path where nothing lives rejects with ActorStopped", async () => {
  await using harness = new Harness();
  await assertRejects(() => harness.system.ref(Q, "none").ask("sync", 1), ActorStopped);
  assertBalanced(harness.system);
});

Deno.test("ask() that is queued when its actor stops rejects with ActorStopped", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  ref.tell("never", null);
  const asked = ref.ask("sync", 1);
  await settle();
  await Promise.all([
    assertRejects(() => asked, ActorStopped),
    harness.system.stopAt("/wick/q"),
  ]);
});

Deno.test("ask() under way when its actor is killed rejects with ActorStopped", async () => {
  await using harness = new Harness();
  const asked = spawn(harness).ask("never", null);
  await settle();
  await Promise.all([assertRejects(() => asked, ActorStopped), harness.system.stop()]);
});

Deno.test("ask() queued behind a crash is replied to by the next incarnation", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.spawn(journal.actor, { name: "a", args: {} });
  ref.tell("crash", "boom");
  assertEquals(await ref.ask("who", null), 2);
});

Deno.test("ask() that timed out in the queue is dead-lettered as expired, not handled", async () => {
  const handled: string[] = [];
  const journal = new Journal();
  await using harness = new Harness();
  const gate = harness.system.spawn(journal.actor, { name: "gate", args: {} });
  const asked = assertRejects(() => gate.ask("wait", "x", { timeoutMs: 50 }), AskTimeout);
  const second = assertRejects(() => gate.ask("who", null, { timeoutMs: 50 }), AskTimeout);
  await harness.advance(50);
  await Promise.all([asked, second]);
  journal.gate("x").resolve();
  await settle();
  assertEquals([handled, harness.system.deadLetters.counts.expired], [[], 1]);
  assertBalanced(harness.system);
});

for (const timeoutMs of [0, -1, NaN, Infinity, ASK_TIMEOUT_MAX_MS + 1]) {
  Deno.test(`ask() with a timeout of ${timeoutMs} ms rejects`, async () => {
    await using harness = new Harness();
    await assertRejects(
      () => spawn(harness).ask("sync", 1, { timeoutMs }),
      RangeError,
      "timeoutMs",
    );
    assertBalanced(harness.system);
  });
}

Deno.test("ask() from an incarnation that is over rejects with ActorStopped", async () => {
  await using harness = new Harness();
  const target = spawn(harness);
  const Asker = protocol("asker", { go: { payload: z.null() } });
  let late: (() => Promise<number>) | null = null;
  const asker = actor(Asker, (_ctx, { to }: { to: typeof target }) => {
    late ??= () => to.ask("sync", 1);
    return { go: () => Promise.reject(new Error("boom")) };
  });
  harness.system.spawn(asker, { name: "asker", args: { to: target } }).tell("go", null);
  await settle();
  await assertRejects(late ?? (() => Promise.resolve()), ActorStopped);
});

/** Counts the timers that are set and not over. */
class CountingClock extends VirtualClock {
  set = 0;
  override setTimer(delayMs: number, fire: () => void) {
    this.set++;
    return super.setTimer(delayMs, fire);
  }
}

Deno.test("10,000 asks of one timeout cost one timer", async () => {
  const clock = new CountingClock();
  await using harness = new Harness({ clock });
  const ref = spawn(harness);
  await Promise.all(Array.from({ length: 5_000 }, (_, n) => ref.ask("sync", n)));
  await Promise.all(Array.from({ length: 5_000 }, (_, n) => ref.ask("async", n)));
  assertEquals(clock.set, 1);
});

Deno.test("asks of more timeouts than there are classes still settle", async () => {
  await using harness = new Harness();
  const ref = spawn(harness);
  const asks = Array.from({ length: 200 }, (_, i) => ref.ask("never", null, { timeoutMs: i + 1 }));
  const settled = Promise.allSettled(asks);
  await harness.advance(300);
  for (const result of await settled) {
    assert(result.status === "rejected");
    assertInstanceOf(result.reason, AskTimeout);
  }
});

Deno.test("every ask under way settles when the system stops", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.spawn(journal.actor, { name: "a", args: {}, shutdownMs: 10 });
  const asks = Promise.allSettled([
    ref.ask("wait", "never"),
    ref.ask("who", null),
    harness.system.ref(Work, "none").ask("who", null),
  ]);
  await settle();
  const stopped = harness.system.stop();
  await harness.advance(10);
  await stopped;
  assertEquals((await asks).map(({ status }) => status), ["rejected", "rejected", "rejected"]);
});
