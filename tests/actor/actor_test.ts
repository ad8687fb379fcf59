import { z } from "zod";
import {
  actor,
  type Context,
  type ExitReason,
  protocol,
  type Ref,
  type SpawnOptions,
} from "../../src/actor/mod.ts";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { assertBalanced, Harness, Journal, settle, Work } from "./support.ts";

function spawn(
  harness: Harness,
  journal: Journal,
  options: Partial<SpawnOptions<Record<string, never>>> = {},
) {
  return harness.system.spawn(journal.actor, { name: "a", args: {}, ...options });
}

// ---- one message at a time ------------------------------------------------------------------------

Deno.test("messages of one sender arrive in order", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  journal.take();
  const sent = Array.from({ length: 500 }, (_, n) => `${n}`);
  for (const text of sent) ref.tell("do", text);
  await settle();
  assertEquals(journal.take(), sent.map((text) => `a does ${text}`));
});

Deno.test("a message waits until the promise of the one before it has settled", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  journal.take();
  ref.tell("wait", "gate");
  ref.tell("do", "after");
  await settle();
  assertEquals(journal.take(), []);
  journal.gate("gate").resolve();
  await settle();
  assertEquals(journal.take(), ["a waited for gate", "a does after"]);
});

Deno.test("tell() never runs the handler before it returns", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  journal.take();
  assertEquals(ref.tell("do", "x"), "accepted");
  assertEquals(journal.take(), []);
});

Deno.test("a handler's object that only looks like a promise is waited for once", async () => {
  await using harness = new Harness();
  const Odd = protocol("odd", { twice: { payload: z.null() }, thrower: { payload: z.null() } });
  const odd = actor(Odd, () => ({
    twice: () => ({ then: (done: () => void) => (done(), done()) }) as never,
    thrower: () =>
      ({
        then: () => {
          throw new Error("boom");
        },
      }) as never,
  }));
  const ref = harness.system.spawn(odd, { name: "odd", args: {} });
  ref.tell("twice", null);
  ref.tell("thrower", null);
  await settle();
  assertEquals([harness.system.counts().handled, harness.children()], [1, "odd2"]);
  assertBalanced(harness.system);
});

// ---- tell never throws ----------------------------------------------------------------------------

const Any = protocol("any", { any: { payload: z.unknown() } });
const anyActor = actor(Any, () => ({ any: () => {} }));

Deno.test("tell() does not throw for a payload whose getter throws", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(anyActor, { name: "a", args: {} });
  const payload = {
    get bad(): number {
      throw new Error("read");
    },
  };
  assertEquals(ref.tell("any", payload), "accepted");
});

Deno.test("tell() does not throw for a payload that is a revoked proxy", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(anyActor, { name: "a", args: {} });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assertEquals(ref.tell("any", proxy), "accepted");
});

Deno.test("tell() does not throw for a payload with cycles", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(anyActor, { name: "a", args: {} });
  const payload: Record<string, unknown> = {};
  payload.self = payload;
  assertEquals(ref.tell("any", payload), "accepted");
});

for (const type of ["none", "constructor", "__proto__", "toString"]) {
  Deno.test(`tell() of a message called "${type}" is dead-lettered as unhandled`, async () => {
    await using harness = new Harness();
    const ref = harness.system.spawn(anyActor, { name: "a", args: {} });
    assertEquals(ref.tell(type as "any", 1), "unhandled");
    assertEquals(harness.system.deadLetters.list()[0]?.type, type);
    assertBalanced(harness.system);
  });
}

Deno.test("a slow receiver never crashes its sender", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const slow = spawn(harness, journal, { mailbox: { bound: 1 } });
  const Sender = protocol("sender", { go: { payload: z.null(), reply: z.array(z.string()) } });
  const sender = actor(Sender, (_ctx, { to }: { to: typeof slow }) => ({
    go: () => ["wait", "do", "do"].map((type) => to.tell(type as "do", "never")),
  }));
  const ref = harness.system.spawn(sender, { name: "sender", args: { to: slow } });
  assertEquals(await ref.ask("go", null), ["accepted", "overflow", "overflow"]);
  assertEquals(harness.children(), "a1 sender1");
});

// ---- stash ----------------------------------------------------------------------------------------

const Gated = protocol("gated", {
  item: { payload: z.number(), reply: z.number() },
  open: { payload: z.null() },
  crash: { payload: z.null() },
});

/** Stashes items until it is opened. */
function gated(seen: number[], openFrom = Infinity) {
  return actor(Gated, (ctx) => {
    let open = ctx.incarnation >= openFrom;
    return {
      item: (n) => {
        if (!open) return ctx.stash();
        seen.push(n);
        return n;
      },
      open: () => {
        open = true;
        ctx.unstash();
      },
      crash: () => {
        throw new Error("boom");
      },
    };
  });
}

Deno.test("stashed messages come back in their order, before what arrived since", async () => {
  const seen: number[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(gated(seen), { name: "g", args: {} });
  for (const n of [1, 2]) ref.tell("item", n);
  ref.tell("open", null);
  ref.tell("item", 3);
  await settle();
  assertEquals(seen, [1, 2, 3]);
  assertBalanced(harness.system);
});

Deno.test("stashed messages count as queued, not as handled", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(gated([]), { name: "g", args: {} });
  for (const n of [1, 2]) ref.tell("item", n);
  await settle();
  const { handled, queued } = harness.system.counts();
  assertEquals([handled, queued], [0, 2]);
});

Deno.test("the stash is kept over a restart", async () => {
  const seen: number[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(gated(seen, 2), { name: "g", args: {} });
  for (const n of [1, 2]) ref.tell("item", n);
  ref.tell("crash", null);
  ref.tell("item", 3);
  await settle();
  assertEquals(seen, [1, 2, 3]);
  assertBalanced(harness.system);
});

Deno.test("an ask that was stashed is replied to after unstash", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(gated([]), { name: "g", args: {} });
  const asked = ref.ask("item", 7);
  await settle();
  ref.tell("open", null);
  assertEquals(await asked, 7);
});

Deno.test("a stashed message returns to the lane that its sender named", async () => {
  const seen: number[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(gated(seen, 2), { name: "g", args: {} });
  ref.tell("item", 1, { priority: "urgent" });
  ref.tell("crash", null, { priority: "urgent" });
  ref.tell("item", 2, { priority: "urgent" });
  await settle();
  assertEquals(seen, [1, 2]);
});

Deno.test("stash beyond the bound of the mailbox is dead-lettered as overflow", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(gated([]), { name: "g", args: {}, mailbox: { bound: 2 } });
  for (const n of [1, 2, 3]) {
    ref.tell("item", n);
    await settle();
  }
  assertEquals(harness.system.deadLetters.list().map(({ payload, reason }) => [payload, reason]), [
    [3, "overflow"],
  ]);
  assertBalanced(harness.system);
});

Deno.test("stashed messages are dead-lettered when the actor stops", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(gated([]), { name: "g", args: {} });
  ref.tell("item", 1);
  await settle();
  await harness.system.stopAt("/wick/g");
  assertEquals(harness.system.deadLetters.counts.stopped, 1);
  assertBalanced(harness.system);
});

Deno.test("stash() outside of a handler does nothing", async () => {
  await using harness = new Harness();
  let context: Context<typeof Gated.definition> | null = null;
  const seen: number[] = [];
  const plain = actor(Gated, (ctx) => {
    context = ctx;
    return { item: (n) => (seen.push(n), n), open: () => {}, crash: () => {} };
  });
  const ref = harness.system.spawn(plain, { name: "g", args: {} });
  (context as Context | null)?.stash();
  ref.tell("item", 1);
  await settle();
  assertEquals(seen, [1]);
});

// ---- timers ---------------------------------------------------------------------------------------

const Clocked = protocol("clocked", {
  tick: { payload: z.string() },
  other: { payload: z.string() },
  set: {
    payload: z.strictObject({
      name: z.string(),
      delayMs: z.number(),
      everyMs: z.number().optional(),
    }),
  },
  cancel: { payload: z.string() },
  block: { payload: z.null() },
  crash: { payload: z.null() },
});

function clocked(seen: string[], gate: Promise<void> = Promise.resolve()) {
  return actor(Clocked, (ctx) => ({
    tick: (name) => void seen.push(name),
    other: (text) => void seen.push(text),
    set: ({ name, delayMs, everyMs }) =>
      ctx.timer(name, { delayMs, ...(everyMs === undefined ? {} : { everyMs }) }, "tick", name),
    cancel: (name) => ctx.cancelTimer(name),
    block: () => gate,
    crash: () => {
      throw new Error("boom");
    },
  }));
}

Deno.test("a timer sends its message once after its delay", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10 });
  await harness.advance(9);
  assertEquals(seen, []);
  await harness.advance(100);
  assertEquals(seen, ["t"]);
});

Deno.test("a repeating timer sends its message again and again", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10, everyMs: 5 });
  await harness.advance(24);
  assertEquals(seen, ["t", "t", "t"]);
});

Deno.test("a repeating timer holds at most one place while its actor is busy", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen, gate.promise), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10, everyMs: 10 });
  ref.tell("block", null);
  await harness.advance(95);
  assertEquals(harness.system.counts().queued, 2);
  gate.resolve();
  await settle();
  assertEquals(seen, ["t"]);
  assertBalanced(harness.system);
});

Deno.test("a timer's message goes before what is queued", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen, gate.promise), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10 });
  ref.tell("block", null);
  ref.tell("other", "queued");
  await harness.advance(10);
  gate.resolve();
  await settle();
  assertEquals(seen, ["t", "queued"]);
});

Deno.test("a timer's message is taken in by a full mailbox", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen, gate.promise), {
    name: "c",
    args: {},
    mailbox: { bound: 2 },
  });
  ref.tell("set", { name: "t", delayMs: 10 });
  ref.tell("block", null);
  await settle();
  for (const text of ["1", "2", "3"]) ref.tell("other", text);
  await harness.advance(10);
  gate.resolve();
  await settle();
  assertEquals(seen, ["t", "1", "2"]);
});

Deno.test("two timers with the same message hold a place each", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using harness = new Harness();
  const Same = protocol("same", { tick: { payload: z.null() }, block: { payload: z.null() } });
  const same = actor(Same, (ctx) => {
    ctx.timer("a", { delayMs: 10 }, "tick", null);
    ctx.timer("b", { delayMs: 20 }, "tick", null);
    return { tick: () => void seen.push("tick"), block: () => gate.promise };
  });
  harness.system.spawn(same, { name: "s", args: {} }).tell("block", null);
  await harness.advance(30);
  gate.resolve();
  await settle();
  assertEquals(seen, ["tick", "tick"]);
});

Deno.test("a timer that is set again under its name replaces the earlier one", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10 });
  ref.tell("set", { name: "t", delayMs: 30 });
  await harness.advance(20);
  assertEquals(seen, []);
  await harness.advance(10);
  assertEquals(seen, ["t"]);
});

Deno.test("cancelTimer() ends that timer and no other", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen), { name: "c", args: {} });
  for (const name of ["t", "u"]) ref.tell("set", { name, delayMs: 10 });
  ref.tell("cancel", "t");
  await harness.advance(100);
  assertEquals(seen, ["u"]);
});

Deno.test("a timer that is cancelled while its message is queued counts as superseded", async () => {
  await using harness = new Harness();
  const gate = Promise.withResolvers<void>();
  const seen: string[] = [];
  const One = protocol("one", { tick: { payload: z.null() }, block: { payload: z.null() } });
  const one = actor(One, (ctx) => ({
    tick: () => void seen.push("tick"),
    block: async () => {
      ctx.timer("t", { delayMs: 10 }, "tick", null);
      await gate.promise;
      ctx.cancelTimer("t");
    },
  }));
  harness.system.spawn(one, { name: "one", args: {} }).tell("block", null);
  await harness.advance(10);
  gate.resolve();
  await settle();
  assertEquals([seen, harness.system.counts().superseded], [[], 1]);
  assertBalanced(harness.system);
});

Deno.test("a timer of an old incarnation sends nothing to the next", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10, everyMs: 10 });
  ref.tell("crash", null);
  await harness.advance(100);
  assertEquals([seen, harness.children()], [[], "c2"]);
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

Deno.test("a timer's message that is queued when its incarnation ends is not handled", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen, gate.promise), { name: "c", args: {} });
  ref.tell("set", { name: "t", delayMs: 10 });
  ref.tell("block", null);
  await harness.advance(10);
  gate.reject(new Error("boom"));
  await settle();
  assertEquals([seen, harness.children()], [[], "c2"]);
  assertBalanced(harness.system);
});

Deno.test("timers that have fired make room for others", async () => {
  const seen: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked(seen), { name: "c", args: {} });
  for (let n = 0; n < 4_200; n++) {
    ref.tell("set", { name: `t${n}`, delayMs: 1 });
    if (n % 1_000 === 999) await harness.advance(1);
  }
  await harness.advance(1);
  assertEquals([seen.length, harness.children()], [4_200, "c1"]);
});

Deno.test("timers are bounded: one too many crashes its actor, not the process", async () => {
  await using harness = new Harness();
  const ref = harness.system.spawn(clocked([]), { name: "c", args: {} });
  for (let n = 0; n < 4_097; n++) ref.tell("set", { name: `t${n}`, delayMs: 1_000 });
  await settle();
  await settle();
  assertEquals([harness.children(), harness.system.deadLetters.counts.crashed], ["c2", 1]);
});

for (const [delayMs, everyMs] of [[-1, undefined], [NaN, undefined], [1, 0], [1, -1]] as const) {
  Deno.test(`timer() refuses a delay of ${delayMs} ms, repeated every ${everyMs} ms`, async () => {
    await using harness = new Harness();
    const bad = actor(Clocked, (ctx) => {
      const every = everyMs === undefined ? {} : { everyMs };
      ctx.timer("t", { delayMs, ...every }, "tick", "t");
      throw new Error("not reached");
    });
    const spawnBad = () => harness.system.spawn(bad, { name: "bad", args: {} });
    assertThrows(spawnBad, Error, "Cannot set timer t");
  });
}

// ---- an incarnation that is over ------------------------------------------------------------------

const Over = protocol("over", {
  crash: { payload: z.null() },
  poke: { payload: z.null(), reply: z.null() },
  fired: { payload: z.null() },
});

/** Crashes; gives out the contexts of all incarnations and what their handlers saw. */
async function over(harness: Harness) {
  const contexts: Context<typeof Over.definition>[] = [];
  const seen: string[] = [];
  const victim = actor(Over, (ctx) => {
    contexts.push(ctx);
    return {
      crash: () => {
        throw new Error("boom");
      },
      poke: () => (seen.push(`poke ${ctx.incarnation}`), null),
      fired: () => void seen.push(`fired ${ctx.incarnation}`),
    };
  });
  const ref = harness.system.spawn(victim, { name: "v", args: {} });
  ref.tell("crash", null);
  await settle();
  const [old] = contexts;
  assert(old !== undefined && contexts.length === 2);
  return { old, seen };
}

Deno.test("the context of an incarnation that is over is not live", async () => {
  await using harness = new Harness();
  const { old } = await over(harness);
  assertEquals([old.live, old.cause, old.waitedMs], [false, 0, 0]);
});

Deno.test("the context of an incarnation that is over tells nothing", async () => {
  await using harness = new Harness();
  const { old, seen } = await over(harness);
  const { sent } = harness.system.counts();
  assertEquals(old.self.tell("poke", null), "inert");
  assertEquals(await old.self.offer("poke", null), "inert");
  await settle();
  assertEquals([seen, harness.system.counts().sent], [[], sent]);
});

Deno.test("the context of an incarnation that is over asks nothing", async () => {
  await using harness = new Harness();
  const { old, seen } = await over(harness);
  await assertRejects(() => old.self.ask("poke", null), "is stopped");
  assertEquals(seen, []);
});

Deno.test("the context of an incarnation that is over sets no timer", async () => {
  await using harness = new Harness();
  const { old } = await over(harness);
  old.timer("t", { delayMs: 1 }, "fired", null);
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

Deno.test("the context of an incarnation that is over stops nobody", async () => {
  await using harness = new Harness();
  const { old } = await over(harness);
  old.stop();
  old.unstash();
  await settle();
  assertEquals(harness.children(), "v2");
});

Deno.test("the context of an incarnation that is over watches nobody", async () => {
  await using harness = new Harness();
  const { old, seen } = await over(harness);
  old.watch(harness.system.ref(Over, "none"), "fired");
  await settle();
  assertEquals(seen, []);
});

Deno.test("the context of an incarnation that is over buries nothing and defers nothing", async () => {
  await using harness = new Harness();
  const { old } = await over(harness);
  const { total } = harness.system.deadLetters;
  old.bury("odd", 1, new Error("odd"));
  assertEquals(harness.system.deadLetters.total, total);
  assertThrows(() => old.defer(), Error, "the incarnation is over");
});

Deno.test("a handler of an incarnation that was killed has no effect when it comes back", async () => {
  const journal = new Journal();
  await using harness = new Harness({ strategy: "one_for_all" });
  const ref = spawn(harness, journal, { shutdownMs: 10 });
  const other = harness.system.spawn(journal.actor, { name: "b", args: {} });
  const asked = assertRejects(() => ref.ask("wait", "late"));
  await settle();
  other.tell("crash", "boom");
  await harness.advance(10);
  await asked;
  const { handled } = harness.system.counts();
  journal.gate("late").resolve();
  await settle();
  assertEquals([harness.system.counts().handled, harness.children()], [handled, "a2 b2"]);
  assertBalanced(harness.system);
});

// ---- onStop ---------------------------------------------------------------------------------------

const Hooked = protocol("hooked", {
  stop: { payload: z.enum(["normal", "shutdown"]) },
  crash: { payload: z.null() },
});

function hooked(onStart: (ctx: Context<typeof Hooked.definition>) => void) {
  return actor(Hooked, (ctx) => {
    if (ctx.incarnation === 1) onStart(ctx);
    return {
      stop: (reason) => ctx.stop(reason),
      crash: () => {
        throw new Error("boom");
      },
    };
  });
}

Deno.test("onStop() hooks run last registered first, each after the one before", async () => {
  const ran: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(
    hooked((ctx) => {
      ctx.onStop(() => void ran.push("first"));
      ctx.onStop(async () => {
        await Promise.resolve();
        ran.push("second");
      });
      ctx.onStop(() => void ran.push("third"));
    }),
    { name: "h", args: {} },
  );
  ref.tell("stop", "normal");
  await settle();
  assertEquals(ran, ["third", "second", "first"]);
});

Deno.test("an onStop() hook that fails is logged, and the others still run", async () => {
  const ran: string[] = [];
  await using harness = new Harness();
  const ref = harness.system.spawn(
    hooked((ctx) => {
      ctx.onStop(() => void ran.push("first"));
      ctx.onStop(() => Promise.reject(new Error("asynchronous")));
      ctx.onStop(() => {
        throw new Error("synchronous");
      });
    }),
    { name: "h", args: {} },
  );
  ref.tell("crash", null);
  await settle();
  assertEquals(ran, ["first"]);
  const failures = harness.lines.filter(({ message }) => message.includes("hook failed"));
  assertEquals(failures.map(({ fields }) => fields.error), ["synchronous", "asynchronous"]);
  assertEquals(harness.children(), "h2");
});

for (
  const [how, expected, end] of [
    ["normal", "normal", (ref: Ref<typeof Hooked.definition>) => ref.tell("stop", "normal")],
    ["shutdown", "shutdown", (ref: Ref<typeof Hooked.definition>) => ref.tell("stop", "shutdown")],
    ["crash", "crash", (ref: Ref<typeof Hooked.definition>) => ref.tell("crash", null)],
  ] as const
) {
  Deno.test(`onStop() hooks are told the reason ${how}`, async () => {
    const reasons: ExitReason[] = [];
    await using harness = new Harness();
    const ref = harness.system.spawn(
      hooked((ctx) => ctx.onStop((reason) => void reasons.push(reason))),
      { name: "h", args: {} },
    );
    end(ref);
    await settle();
    assertEquals(reasons, [expected]);
  });
}

Deno.test("a restart waits for an asynchronous clean-up", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  journal.cleanUps.set("a", () => journal.gate("gate").promise);
  ref.tell("crash", "boom");
  await settle();
  assertEquals(harness.children(), "a:stopping");
  journal.gate("gate").resolve();
  await settle();
  assertEquals(harness.children(), "a2");
});

Deno.test("a stop during the clean-up after a crash waits for it and restarts nothing", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  journal.cleanUps.set("a", () => journal.gate("gate").promise);
  ref.tell("crash", "boom");
  await settle();
  const stopped = harness.system.stop();
  await settle();
  assertEquals(harness.children(), "a:stopping");
  journal.gate("gate").resolve();
  await stopped;
  assertEquals(journal.take(), ["a starts 1", "a ends crash"]);
});

// ---- stop -----------------------------------------------------------------------------------------

Deno.test("ctx.stop() ends the actor after the current message, before the next", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal, { restart: "temporary" });
  ref.tell("leave", "normal");
  ref.tell("do", "never");
  await settle();
  assertEquals(journal.take(), ["a starts 1", "a ends normal"]);
  assertEquals(harness.system.deadLetters.counts.stopped, 1);
});

Deno.test("ctx.stop() of a permanent actor restarts it, with its mailbox", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = spawn(harness, journal);
  ref.tell("leave", "normal");
  ref.tell("do", "kept");
  await settle();
  assertEquals(journal.take(), ["a starts 1", "a ends normal", "a starts 2", "a does kept"]);
});

Deno.test("ctx.stop() in a factory ends the actor before its first message", async () => {
  await using harness = new Harness();
  const brief = actor(Work, (ctx) => {
    ctx.stop();
    return new Journal().actor.create(ctx, {});
  });
  harness.system.spawn(brief, { name: "b", args: {}, restart: "transient" }).tell("do", "never");
  await settle();
  assertEquals([harness.children(), harness.system.counts().handled], ["b:stopped", 0]);
});

// ---- watch ----------------------------------------------------------------------------------------

const Watcher = protocol("watcher", {
  gone: { payload: z.strictObject({ path: z.string(), reason: z.string() }) },
  block: { payload: z.null() },
});

function watcher(gone: string[], gate: Promise<void> = Promise.resolve()) {
  return actor(Watcher, (ctx, { of }: { of: Ref<typeof Work.definition> }) => {
    ctx.watch(of, "gone");
    return {
      gone: ({ path, reason }) => void gone.push(`${path} ${reason}`),
      block: () => gate,
    };
  });
}

Deno.test("watch() tells when an actor has stopped for good, and why", async () => {
  const journal = new Journal();
  const gone: string[] = [];
  await using harness = new Harness();
  const of = spawn(harness, journal, { restart: "transient" });
  harness.system.spawn(watcher(gone), { name: "w", args: { of } });
  of.tell("leave", "normal");
  await settle();
  assertEquals(gone, ["/wick/a normal"]);
});

Deno.test("watch() does not tell of restarts", async () => {
  const journal = new Journal();
  const gone: string[] = [];
  await using harness = new Harness();
  const of = spawn(harness, journal);
  harness.system.spawn(watcher(gone), { name: "w", args: { of } });
  of.tell("crash", "boom");
  await settle();
  assertEquals([gone, harness.children()], [[], "a2 w1"]);
});

Deno.test("watch() of an actor that is not there tells at once", async () => {
  const gone: string[] = [];
  await using harness = new Harness();
  const of = harness.system.ref(Work, "none");
  harness.system.spawn(watcher(gone), { name: "w", args: { of } });
  await settle();
  assertEquals(gone, ["/wick/none normal"]);
});

Deno.test("the notice of an end is taken in by a full mailbox", async () => {
  const journal = new Journal();
  const gone: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using harness = new Harness();
  const of = spawn(harness, journal);
  const w = harness.system.spawn(watcher(gone, gate.promise), {
    name: "w",
    args: { of },
    mailbox: { bound: 1 },
  });
  for (let i = 0; i < 3; i++) {
    w.tell("block", null);
    await settle();
  }
  await harness.system.stopAt("/wick/a");
  gate.resolve();
  await settle();
  assertEquals(gone, ["/wick/a shutdown"]);
});

Deno.test("an actor may watch any number of others over time", async () => {
  const gone: string[] = [];
  const Many = protocol("many", {
    watch: { payload: z.string() },
    gone: { payload: z.strictObject({ path: z.string(), reason: z.string() }) },
  });
  await using harness = new Harness();
  const many = actor(Many, (ctx) => ({
    watch: (path) => ctx.watch(harness.system.ref(Work, path), "gone"),
    gone: ({ path }) => void gone.push(path),
  }));
  const ref = harness.system.spawn(many, { name: "m", args: {}, mailbox: { bound: 100_000 } });
  for (let n = 0; n < 66_000; n++) ref.tell("watch", `none${n}`);
  await settle();
  while (gone.length < 66_000 && harness.children() === "m1") await settle();
  assertEquals([gone.length, harness.children()], [66_000, "m1"]);
});

Deno.test("system.watch() calls back once when a supervisor has stopped for good", async () => {
  await using harness = new Harness({ children: [{ name: "s" }] });
  const seen: string[] = [];
  harness.system.watch("/wick/s", (path, reason) => seen.push(`${path} ${reason}`));
  await harness.system.stopAt("/wick/s");
  await harness.system.stop();
  assertEquals(seen, ["/wick/s shutdown"]);
});

// ---- causation ------------------------------------------------------------------------------------

const Traced = protocol("traced", { go: { payload: z.number() } });

/** A chain of actors; each notes the causation id of what it got before it tells the next. */
function chain(
  harness: Harness,
  length: number,
  pause: boolean,
): { head: Ref<typeof Traced.definition>; causes: number[] } {
  const causes: number[] = [];
  const link = actor(Traced, (ctx, { next }: { next?: Ref<typeof Traced.definition> }) => ({
    go: async (n) => {
      causes.push(ctx.cause);
      if (pause) await Promise.resolve();
      next?.tell("go", n + 1);
    },
  }));
  let next: Ref<typeof Traced.definition> | undefined;
  for (let i = length; i > 0; i--) {
    const args: { next?: Ref<typeof Traced.definition> } = next === undefined ? {} : { next };
    next = harness.system.spawn(link, { name: `l${i}`, args });
  }
  assert(next !== undefined);
  return { head: next, causes };
}

for (const pause of [false, true]) {
  Deno.test(`a causation id goes along through actors${pause ? " and across awaits" : ""}`, async () => {
    await using harness = new Harness();
    const { head, causes } = chain(harness, 4, pause);
    head.tell("go", 0);
    await settle();
    assertEquals([causes.length, new Set(causes).size], [4, 1]);
    assertNotEquals(causes[0], 0);
  });
}

Deno.test("messages that nothing caused have causation ids of their own", async () => {
  await using harness = new Harness();
  const { head, causes } = chain(harness, 1, false);
  for (let n = 0; n < 3; n++) head.tell("go", n);
  await settle();
  assertEquals(new Set(causes).size, 3);
});

Deno.test("outside of a message there is no causation id", async () => {
  await using harness = new Harness();
  let context: Context<typeof Traced.definition> | null = null;
  const one = actor(Traced, (ctx) => {
    context = ctx;
    return { go: () => {} };
  });
  harness.system.spawn(one, { name: "one", args: {} }).tell("go", 1);
  await settle();
  assertEquals((context as Context | null)?.cause, 0);
});

Deno.test("what an offer waited for does not change its causation id", async () => {
  await using harness = new Harness();
  const gate = Promise.withResolvers<void>();
  const causes: number[] = [];
  const slow = actor(Traced, (ctx) => ({
    go: async () => {
      causes.push(ctx.cause);
      await gate.promise;
    },
  }));
  const to = harness.system.spawn(slow, {
    name: "slow",
    args: {},
    mailbox: { bound: 1, overflow: "suspend" },
  });
  const sender = actor(Traced, (ctx, args: { to: typeof to }) => ({
    go: (n) => {
      if (n === 0) causes.push(ctx.cause);
      for (let i = 0; i < 3; i++) void args.to.offer("go", i);
    },
  }));
  harness.system.spawn(sender, { name: "sender", args: { to } }).tell("go", 0);
  await settle();
  gate.resolve();
  await settle();
  assertEquals([causes.length, new Set(causes).size], [4, 1]);
});

// ---- the rest of the context ----------------------------------------------------------------------

Deno.test("ctx.bury() makes a dead letter that counts as no message of the actor's", async () => {
  await using harness = new Harness();
  const strict = actor(Traced, (ctx) => ({
    go: (n) => ctx.bury("candle", { n }, new Error("high below low")),
  }));
  harness.system.spawn(strict, { name: "s", args: {} }).tell("go", 7);
  await settle();
  const [dead] = harness.system.deadLetters.list();
  assertEquals([dead?.path, dead?.type, dead?.payload, dead?.error], [
    "/wick/s",
    "candle",
    { n: 7 },
    "high below low",
  ]);
  const { sent, handled, deadLettered } = harness.system.counts();
  assertEquals([sent, handled, deadLettered], [1, 1, 0]);
  assertBalanced(harness.system, 1);
});

Deno.test("ctx.waitedMs is how long the message was queued", async () => {
  await using harness = new Harness();
  const waited: number[] = [];
  const gate = Promise.withResolvers<void>();
  const patient = actor(Traced, (ctx) => ({
    go: (n) => {
      waited.push(ctx.waitedMs);
      return n === 0 ? gate.promise : undefined;
    },
  }));
  const ref = harness.system.spawn(patient, { name: "p", args: {} });
  ref.tell("go", 0);
  ref.tell("go", 1);
  await harness.advance(30);
  gate.resolve();
  await settle();
  assertEquals(waited, [0, 30]);
});

Deno.test("refs among the arguments, and in lists of them, go inert with their incarnation", async () => {
  await using harness = new Harness();
  const to = harness.system.spawn(anyActor, { name: "to", args: {} });
  const given: { one: typeof to; many: (typeof to)[] }[] = [];
  const holder = actor(Hooked, (ctx, args: { one: typeof to; many: (typeof to)[] }) => {
    given.push(args);
    return hooked(() => {}).create(ctx, {}) as never;
  });
  const args = { one: to, many: [to, to] };
  harness.system.spawn(holder, { name: "h", args }).tell("crash", null);
  await settle();
  const [old, now] = given;
  assertEquals([old?.one.tell("any", 1), old?.many[1]?.tell("any", 1)], ["inert", "inert"]);
  assertEquals([now?.one.tell("any", 1), now?.many[1]?.tell("any", 1)], ["accepted", "accepted"]);
});
