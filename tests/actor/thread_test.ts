// Real threads and real time: what is waited for is an event, never a while.
import {
  ActorFailed,
  ActorStopped,
  AskTimeout,
  child,
  createSystem,
  type LogLevel,
  type Ref,
  type SpawnOptions,
  StartFailed,
  type System,
  type SystemOptions,
  type ThreadOptions,
  VirtualClock,
} from "../../src/actor/mod.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { MailboxNode } from "../../src/actor/mailbox_node.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { seedOf } from "./seed.ts";
import { assertBalanced, Journal, settle, turn, Work } from "./support.ts";
import { type ThreadArgs, Threaded, threaded, WIDE_FIELDS } from "./thread_actor.ts";

const ENTRY = new URL("./threads/threaded.ts", import.meta.url);

/** A system on the machine's clock whose events can be waited for. */
class Threads implements AsyncDisposable {
  readonly system: System;
  readonly lines: { level: LogLevel; path: string; message: string }[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(options: SystemOptions = {}) {
    this.system = createSystem({
      intensity: 3,
      log: (level, path, message) => {
        this.lines.push({ level, path, message });
        this.#wake();
      },
      lifecycle: () => queueMicrotask(() => this.#wake()),
      ...options,
    });
    this.system.deadLetters.subscribe(() => queueMicrotask(() => this.#wake()));
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }

  /** Resolves when `holds` after some event: a start, an end, a log line, a dead letter. */
  when(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const waiter = () => {
        if (!holds()) return;
        this.#waiters.delete(waiter);
        resolve();
      };
      this.#waiters.add(waiter);
      waiter();
    });
  }

  spawn(
    options: {
      readonly args?: ThreadArgs;
      readonly thread?: Partial<ThreadOptions>;
      readonly spawn?: Partial<SpawnOptions<ThreadArgs>>;
    } = {},
  ): Ref<typeof Threaded.definition> {
    return this.system.spawn(threaded, {
      name: "t",
      args: options.args ?? {},
      ...options.spawn,
      thread: { entry: ENTRY, ...options.thread },
    });
  }

  get node(): MailboxNode {
    const node = this.system.nodeAt("/wick/t");
    assert(node instanceof MailboxNode);
    return node;
  }

  /** Resolves when that incarnation runs. */
  running(incarnation: number): Promise<void> {
    return this.when(() => this.node.state === "running" && this.node.incarnation === incarnation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ deadlineMs: 0, drain: false });
  }
}

// ---- messages -------------------------------------------------------------------------------------

Deno.test("an actor in a thread replies to asks", async () => {
  await using threads = new Threads();
  assertEquals(await threads.spawn().ask("echo", { deep: [1, "two"] }), { deep: [1, "two"] });
});

Deno.test("an actor in a thread gets the messages of a sender in order", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  const sent = Array.from({ length: 5_000 }, (_, n) => `${n}`);
  for (const text of sent) ref.tell("note", text);
  assertEquals(await ref.ask("notes", null), sent);
  assertBalanced(threads.system);
});

Deno.test("an actor in a thread replies with undefined too", async () => {
  await using threads = new Threads();
  assertEquals(await threads.spawn().ask("echo", undefined, { timeoutMs: 2_000 }), undefined);
});

Deno.test("an actor in a thread may defer a reply and go on", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  const later = ref.ask("later", "text");
  assertEquals(await ref.ask("echo", 1), 1);
  ref.tell("release", null);
  assertEquals(await later, "text");
  assertBalanced(threads.system);
});

Deno.test("deferred replies do not take up credit", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 4 } });
  const later = Array.from({ length: 10 }, (_, n) => ref.ask("later", `${n}`));
  assertEquals(await ref.ask("echo", 1), 1);
  ref.tell("release", null);
  assertEquals((await Promise.all(later)).length, 10);
});

Deno.test("a deferred reply fails when its thread's actor crashes", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  const later = ref.ask("later", "text");
  await ref.ask("echo", 1);
  ref.tell("crash", "boom");
  await assertRejects(() => later, ActorFailed, "boom");
  assertBalanced(threads.system);
});

Deno.test("a stashed message stays under way and comes back in its order", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  for (const text of ["1", "2"]) ref.tell("stash", text);
  await ref.ask("echo", 1);
  assertEquals(threads.node.queued, 2);
  ref.tell("unstash", null);
  await ref.ask("echo", 1);
  assertEquals(await ref.ask("notes", null), ["1", "2"]);
  assertBalanced(threads.system);
});

Deno.test("a stashed message does not stop thousands after it", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  ref.tell("stash", "kept");
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 5_000; n++) ref.tell("tick", null);
    await ref.ask("echo", 1);
  }
  ref.tell("unstash", null);
  await ref.ask("echo", 1);
  assertEquals((await ref.ask("notes", null)).at(-1), "kept");
  assertEquals(threads.node.queued, 0);
  assertBalanced(threads.system);
});

Deno.test("an actor in a thread has timers", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  ref.tell("timer", null);
  while ((await ref.ask("notes", null)).length === 0);
  assertEquals(await ref.ask("notes", null), ["tick"]);
});

Deno.test("a reply that cannot be cloned rejects its ask and nothing else", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  const [bad, good] = await Promise.allSettled([ref.ask("function", null), ref.ask("echo", 1)]);
  assert(bad.status === "rejected" && good.status === "fulfilled");
  assertInstanceOf(bad.reason, ActorFailed);
  assertEquals([good.value, await ref.ask("who", null)], [1, 1]);
  assertBalanced(threads.system);
});

Deno.test("a payload that cannot be cloned dead-letters only its message", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  ref.tell("note", "before");
  const bad = ref.ask("echo", () => {});
  ref.tell("note", "after");
  await assertRejects(() => bad, ActorFailed);
  assertEquals(await ref.ask("notes", null), ["before", "after"]);
  assertEquals(threads.system.deadLetters.list().map(({ type, reason }) => [type, reason]), [
    ["echo", "unhandled"],
  ]);
  assertBalanced(threads.system);
});

Deno.test("an ask that expired in the queue is not moved over", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 1 } });
  void ref.ask("never", null, { timeoutMs: 20 }).catch(() => {});
  await assertRejects(() => ref.ask("echo", 1, { timeoutMs: 20 }), AskTimeout);
  const stopped = threads.system.stop({ deadlineMs: 50 });
  await stopped;
  assertEquals(threads.system.deadLetters.counts, {
    overflow: 0,
    stopped: 2,
    crashed: 0,
    unhandled: 0,
    expired: 0,
  });
  assertBalanced(threads.system);
});

// ---- columns, credit ------------------------------------------------------------------------------

Deno.test("columns are transferred to the thread and back: the sender has them no more", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  const sent = Float64Array.of(1, 2, 3);
  const asked = ref.ask("double", sent);
  assertEquals(Array.from(await asked), [2, 4, 6]);
  assertEquals(sent.length, 0);
});

Deno.test("a column that is not declared as one stays with the actor that replied with it", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  for (let n = 0; n < 2; n++) {
    assertEquals(Array.from(await ref.ask("own", null)), [1, 2, 3]);
  }
});

Deno.test("columns sent twice dead-letter only the second message", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  const column = Float64Array.of(1);
  assertEquals(Array.from(await ref.ask("double", column)), [2]);
  const again = await Promise.allSettled([ref.ask("double", column), ref.ask("echo", 1)]);
  assertEquals(again[1].status, "fulfilled");
  assertBalanced(threads.system);
});

Deno.test("credits bound the messages that are moved over", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 10 } });
  await threads.running(1);
  ref.tell("never", null);
  for (let n = 0; n < 100; n++) ref.tell("note", "x");
  await settle();
  assertEquals([threads.node.underWay, threads.node.mailbox.size], [10, 91]);
});

Deno.test("credits bound the bytes that are moved over", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditBytes: 100_000 } });
  await threads.running(1);
  ref.tell("never", null);
  for (let n = 0; n < 20; n++) ref.tell("double", new Float64Array(2_500));
  await settle();
  // 20,000 bytes each; the one that reaches the bound is the last.
  assertEquals([threads.node.underWay, threads.node.mailbox.size], [6, 15]);
});

Deno.test("credits are given back: everything is handled", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 3 } });
  for (let n = 0; n < 100; n++) ref.tell("note", `${n}`);
  assertEquals((await ref.ask("notes", null)).length, 100);
});

// ---- messages that are all numbers ----------------------------------------------------------------

/** Keeps the event loop alive. */
function heldAlive(): Disposable {
  const timer = setInterval(() => {}, 1_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function wide(n: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: WIDE_FIELDS }, (_, i) => [`f${i}`, n]));
}

Deno.test("messages of numbers and others reach a thread in the order of their sender", async () => {
  const seed = seedOf("thread numbers");
  const random = seededRandom(seed);
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  const sent: string[] = [];
  for (let n = 0; n < 6_000; n++) {
    const pick = random.next();
    if (pick < 0.9) ref.tell("count", { n });
    else if (pick < 0.95) ref.tell("note", `${n}`);
    else ref.tell("wide", wide(n));
    sent.push(`${n}`);
    if (pick < 0.01) await settle();
    if (pick < 0.002) await turn();
  }
  assertEquals(await ref.ask("notes", null), sent, `seed ${seed}`);
  assertEquals(threads.system.deadLetters.total, 0);
  assertBalanced(threads.system);
});

Deno.test("messages of numbers that no ring has room for reach a busy thread in order", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  ref.tell("spin", 100);
  await settle();
  const sent = Array.from({ length: 3_000 }, (_, n) => n);
  for (const n of sent) {
    ref.tell(n % 500 === 499 ? "count" : "wide", n % 500 === 499 ? { n } : wide(n));
  }
  assertEquals(await ref.ask("notes", null), sent.map(String));
  assertBalanced(threads.system);
});

Deno.test("asks of numbers are each replied to with their own number, however many", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  const asked = Array.from({ length: 7_000 }, (_, n) => n);
  const replies = await Promise.all(asked.map((n) => {
    if (n % 7 === 0) ref.tell("count", { n });
    return n % 11 === 0 ? ref.ask("echo", n + 1) : ref.ask("next", { n });
  }));
  assertEquals(replies, asked.map((n) => n + 1));
  assertBalanced(threads.system);
});

Deno.test("what is behind a throw at a message of numbers is handled by the next incarnation", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  const asks = [3, 2, 1, 0, 5, 4].map((n) => ref.ask("crashAt", { n }));
  const sent = Array.from({ length: 1_000 }, (_, n) => n);
  for (const n of sent) ref.tell("count", { n });
  const settled = await Promise.allSettled(asks);
  assertEquals(
    settled.map((one) => one.status === "fulfilled" ? one.value : (one.reason as Error).name),
    [3, 2, 1, "ActorFailed", 5, 4],
  );
  assertEquals(await ref.ask("notes", null), sent.map(String));
  assertEquals([threads.node.incarnation, threads.system.deadLetters.total], [2, 1]);
  assertBalanced(threads.system);
});

Deno.test("what was not sent yet when its thread dies is handled by the next incarnation", async () => {
  // With no timers but virtual ones, the end of a thread does not keep the event loop alive.
  using _alive = heldAlive();
  const clock = new VirtualClock();
  await using threads = new Threads({ clock });
  const ref = threads.spawn({ thread: { hangMs: 400 } });
  await threads.running(1);
  for (const n of [1, 2, 3]) ref.tell("count", { n });
  // All within one turn of the event loop: its heart had no time to beat.
  clock.advance(500);
  assertEquals([threads.node.alive, threads.node.mailbox.size], [false, 3]);
  assertEquals(await ref.ask("notes", null), ["1", "2", "3"]);
  assertEquals(threads.system.deadLetters.total, 0);
  assertBalanced(threads.system);
});

Deno.test("messages of numbers are queued once there is no credit", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 10 } });
  await threads.running(1);
  ref.tell("never", null);
  await settle();
  for (let n = 0; n < 100; n++) ref.tell("count", { n });
  await settle();
  assertEquals([threads.node.underWay, threads.node.mailbox.size], [10, 91]);
});

Deno.test("messages of numbers overflow a small mailbox of a thread", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ spawn: { mailbox: { bound: 4 } } });
  await threads.running(1);
  const results = Array.from({ length: 10 }, (_, n) => ref.tell("count", { n }));
  assertEquals(results.filter((result) => result === "overflow").length, 6);
  await settle();
  assertEquals(await ref.ask("notes", null), ["0", "1", "2", "3"]);
  assertBalanced(threads.system);
});

Deno.test("messages of numbers are conflated in the mailbox of a thread", async () => {
  await using threads = new Threads();
  const conflate = (type: string) => type === "count" ? type : null;
  const ref = threads.spawn({ spawn: { mailbox: { overflow: { conflate } } } });
  await threads.running(1);
  for (let n = 0; n < 10; n++) ref.tell("count", { n });
  assertEquals(await ref.ask("notes", null), ["9"]);
  assertEquals(threads.node.counts().superseded, 9);
  assertBalanced(threads.system);
});

Deno.test("an ask of numbers times out, and its late reply changes nothing", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  ref.tell("spin", 60);
  const late = ref.ask("next", { n: 1 }, { timeoutMs: 10 });
  await assertRejects(() => late, AskTimeout);
  assertEquals(await ref.ask("next", { n: 2 }), 3);
  assertBalanced(threads.system);
});

Deno.test("stop() drains messages of numbers that were told in the same turn", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  for (let n = 0; n < 300; n++) ref.tell("count", { n });
  await threads.system.stop();
  assertEquals([threads.system.deadLetters.total, threads.node.handled], [0, 300]);
});

Deno.test("stop() without draining dead-letters messages of numbers, each once", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  ref.tell("spin", 30);
  for (let n = 0; n < 300; n++) ref.tell("count", { n });
  await threads.system.stop({ drain: false });
  const { handled } = threads.node;
  assertEquals(handled + threads.system.deadLetters.total, 301);
  assertBalanced(threads.system);
});

// ---- refs in the arguments ------------------------------------------------------------------------

function withMain(threads: Threads, journal: Journal, args: ThreadArgs = {}) {
  const main = threads.system.spawn(journal.actor, { name: "main", args: {} });
  return { main, ref: threads.spawn({ args: { main, ...args } }) };
}

Deno.test("a ref in the arguments asks an actor in the main isolate", async () => {
  await using threads = new Threads();
  const { ref } = withMain(threads, new Journal());
  assertEquals(await ref.ask("askMain", null), 1);
});

Deno.test("a list of refs in the arguments works too", async () => {
  await using threads = new Threads();
  const main = threads.system.spawn(new Journal().actor, { name: "main", args: {} });
  const ref = threads.spawn({ args: { mains: [main] } });
  assertEquals(await ref.ask("askMain", null), 1);
});

Deno.test("a ref in the arguments tells an actor in the main isolate", async () => {
  const journal = new Journal();
  await using threads = new Threads();
  const { ref } = withMain(threads, journal);
  ref.tell("tellMain", "hello");
  await ref.ask("echo", 1);
  await settle();
  assertEquals(journal.take(), ["main starts 1", "main does hello"]);
});

for (
  const [how, expected] of [
    ["crash", /^ActorFailed: .*: x$/],
    ["timeout", /^AskTimeout: .*within 20 ms/],
    ["zero", /^RangeError: .*timeoutMs/],
    ["function", /^ActorFailed: /],
  ] as const
) {
  Deno.test(`an ask from a thread that ends in ${how} rejects there, and with its kind`, async () => {
    await using threads = new Threads();
    const { ref } = withMain(threads, new Journal());
    const text = await ref.ask("askMainBadly", how);
    assert(expected.test(text), text);
    assertEquals(await ref.ask("who", null), 1);
  });
}

Deno.test("an ask from a thread to an actor that is stopped rejects there", async () => {
  await using threads = new Threads();
  const { ref } = withMain(threads, new Journal());
  await threads.system.stopAt("/wick/main");
  const text = await ref.ask("askMainBadly", "plain");
  assert(text.startsWith("ActorStopped"), text);
});

Deno.test("a thread that a group restart ends does not wait for whom it is to make way", async () => {
  const journal = new Journal();
  const lines: string[] = [];
  await using system = createSystem({
    log: (_level, path, message) => void lines.push(`${path} ${message}`),
    children: [{
      name: "s",
      strategy: "rest_for_one",
      children: [
        child(journal.actor, { name: "main", args: {} }),
        child(threaded, {
          name: "threaded",
          args: (refs) => ({ main: refs.ask(Work, "s/main") }),
          thread: { entry: ENTRY },
        }),
      ],
    }],
  });
  await system.started;
  const main = system.ref(Work, "s/main"), ref = system.ref(Threaded, "s/threaded");
  const failed = main.ask("wait", "gate").catch((error: Error) => error.name);
  const asked = ref.ask("askMain", null).catch((error: Error) => error.name);
  while (system.counts().queued < 3) await turn();
  journal.gate("gate").reject(new Error("boom"));
  assertEquals(await failed, "ActorFailed");
  assertEquals(await asked, "ActorFailed");
  assertEquals(await ref.ask("askMain", null), 2);
  assertEquals(lines.filter((line) => line.includes("killed")), []);
});

Deno.test("a tell from a thread that cannot be cloned is dead-lettered", async () => {
  await using threads = new Threads();
  const { ref } = withMain(threads, new Journal());
  await ref.ask("askMainBadly", "function");
  assertEquals(await ref.ask("who", null), 1);
  assertBalanced(threads.system);
});

Deno.test("an actor in a thread can watch one in the main isolate", async () => {
  await using threads = new Threads();
  const { ref } = withMain(threads, new Journal());
  ref.tell("watch", null);
  await ref.ask("echo", 1);
  await threads.system.stopAt("/wick/main");
  while ((await ref.ask("notes", null)).length === 0);
  assertEquals(await ref.ask("notes", null), ["/wick/main shutdown"]);
});

Deno.test("a causation id goes into a thread and out of it again", async () => {
  const journal = new Journal();
  await using threads = new Threads();
  const main = threads.system.ref(Work, "none");
  const ref = threads.spawn({ args: { main } });
  ref.tell("echo", 0);
  ref.tell("tellMain", "x");
  await threads.when(() => threads.system.deadLetters.total > 0);
  const [dead] = threads.system.deadLetters.list();
  assertEquals([dead?.cause, journal.take()], [2, []]);
});

Deno.test("what an actor in a thread buries reaches the dead letters", async () => {
  await using threads = new Threads();
  threads.spawn().tell("bury", "odd");
  await threads.when(() => threads.system.deadLetters.total > 0);
  const [dead] = threads.system.deadLetters.list();
  assertEquals([dead?.path, dead?.type, dead?.payload, dead?.reason], [
    "/wick/t",
    "candle",
    { text: "odd" },
    "unhandled",
  ]);
  assertBalanced(threads.system);
});

Deno.test("what an actor in a thread told itself and never handled reaches the dead letters", async () => {
  await using threads = new Threads();
  threads.spawn().tell("tellSelf", "lost");
  await threads.running(2);
  const letters = threads.system.deadLetters.list().map(({ type, reason }) => `${type} ${reason}`);
  assertEquals(letters.sort(), ["note stopped", "tellSelf crashed"]);
  assertBalanced(threads.system);
});

// ---- ends -----------------------------------------------------------------------------------------

Deno.test("a throw in a thread dead-letters its message and rejects its ask with the cause", async () => {
  await using threads = new Threads();
  const error = await assertRejects(
    () => threads.spawn().ask("crash", "boom"),
    ActorFailed,
    "boom",
  );
  assertEquals([(error.cause as Error).name, (error.cause as Error).message], [
    "RangeError",
    "boom",
  ]);
  const [dead] = threads.system.deadLetters.list();
  assertEquals([dead?.type, dead?.reason, dead?.error], ["crash", "crashed", "boom"]);
  assertBalanced(threads.system);
});

Deno.test("what was behind a throw in a thread is handled by the next incarnation, in order", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  ref.tell("note", "lost with its incarnation");
  ref.tell("crash", "boom");
  const sent = Array.from({ length: 200 }, (_, n) => `${n}`);
  for (const text of sent) ref.tell("note", text);
  assertEquals(await ref.ask("notes", null), sent);
  assertEquals(threads.node.incarnation, 2);
  assertBalanced(threads.system);
});

Deno.test("messages told while a thread is being replaced keep their order", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 3 } });
  await threads.running(1);
  ref.tell("crash", "boom");
  const sent = Array.from({ length: 300 }, (_, n) => `${n}`);
  for (const text of sent) {
    ref.tell("note", text);
    if (Number(text) % 50 === 0) await settle();
  }
  assertEquals(await ref.ask("notes", null), sent);
});

Deno.test("what was urgent before a throw in a thread is urgent after it", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  ref.tell("crash", "boom", { priority: "urgent" });
  for (const text of ["1", "2"]) ref.tell("note", text, { priority: "urgent" });
  await settle();
  await threads.when(() => threads.node.incarnation === 2);
  ref.tell("note", "normal");
  for (const text of ["3"]) ref.tell("note", text, { priority: "urgent" });
  assertEquals(await ref.ask("notes", null), ["1", "2", "3", "normal"]);
});

Deno.test("a restart of a thread is logged once, and not as an end", async () => {
  await using threads = new Threads();
  threads.spawn().tell("crash", "boom");
  await threads.running(2);
  assertEquals(threads.lines.map(({ message }) => message), ["restarts after crash"]);
});

Deno.test("a thread that exits is restarted; what was moved over is dead-lettered", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  const asked = ref.ask("exit", 3);
  ref.tell("note", "moved over");
  await assertRejects(() => asked, ActorFailed, "exited with code 3");
  assertEquals(await ref.ask("who", null), 2);
  assertEquals(threads.system.deadLetters.counts.crashed, 2);
  assertBalanced(threads.system);
});

Deno.test("a thread that runs out of memory is restarted, and the main isolate lives", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { resourceLimits: { maxOldGenerationSizeMb: 24 } } });
  await assertRejects(() => ref.ask("hog", null, { timeoutMs: 60_000 }), ActorFailed);
  assertEquals(await ref.ask("who", null), 2);
  assertBalanced(threads.system);
});

Deno.test("a thread that hangs is restarted, its messages are dead-lettered, and it is a zombie", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { hangMs: 300 } });
  await threads.running(1);
  ref.tell("spin", 3_000);
  const asked = ref.ask("echo", 1);
  await assertRejects(() => asked, ActorFailed, "no sign of life for 300 ms");
  assertEquals(await ref.ask("who", null), 2);
  assertEquals(threads.system.deadLetters.counts.crashed, 2);
  // Its loop ends by itself, so that this process can end.
  await threads.when(() => threads.lines.some(({ message }) => message.includes("after all")));
  assert(threads.lines.some(({ message }) => message.includes("cannot be ended")));
  assertBalanced(threads.system);
});

Deno.test("a thread that ends by itself in order is dealt with by its restart type", async () => {
  await using threads = new Threads();
  threads.spawn({ spawn: { restart: "transient" } }).tell("leave", null);
  const reason = await new Promise((resolve) =>
    threads.system.watch("/wick/t", (_path, why) => resolve(why))
  );
  assertEquals([reason, threads.node.state], ["normal", "stopped"]);
});

Deno.test("too many ends of a thread make its supervisor give up", async () => {
  await using threads = new Threads({ intensity: 1 });
  const ref = threads.spawn();
  for (let n = 0; n < 2; n++) ref.tell("crash", "boom");
  await threads.system.done;
  assertEquals(threads.node.state, "stopped");
});

Deno.test("a thread whose first init fails makes its spawn fail: its messages are dead-lettered", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ args: { initFrom: 2 } });
  await assertRejects(() => ref.ask("who", null), ActorStopped);
  assert(threads.lines.some(({ message }) => message === "init failed"));
});

for (const asyncInit of [false, true]) {
  Deno.test(`a declared thread whose ${asyncInit ? "asynchronous" : "synchronous"} init fails, fails the start`, async () => {
    await using threads = new Threads({
      children: [{
        kind: "actor",
        name: "t",
        actor: threaded as never,
        args: { initFrom: 2, asyncInit },
        thread: { entry: ENTRY },
      }],
    });
    await assertRejects(() => threads.system.started, StartFailed, "init 1 fails");
  });
}

Deno.test("a thread whose init fails at a restart is tried again", async () => {
  await using threads = new Threads({ intensity: 3 });
  const flaky = threads.system.spawn(threaded, {
    name: "t",
    args: { initUntil: 2 },
    thread: { entry: ENTRY },
  });
  flaky.tell("crash", "boom");
  await threads.system.done;
  assertEquals(threads.node.incarnation, 4);
});

Deno.test("a thread whose entry cannot be loaded fails its start", async () => {
  await using threads = new Threads();
  const entry = new URL("./threads/broken.ts", import.meta.url);
  const ref = threads.spawn({ thread: { entry } });
  await assertRejects(() => ref.ask("who", null), ActorStopped);
});

Deno.test("arguments that cannot be cloned fail the start of a thread, and leave none behind", async () => {
  await using threads = new Threads();
  const spawn = () => threads.spawn({ args: { bad: () => {} } as never });
  await assertRejects(() => Promise.resolve().then(spawn), StartFailed);
});

Deno.test("a thread cannot be watched more closely than its heart beats", async () => {
  await using threads = new Threads();
  const spawn = () => threads.spawn({ thread: { hangMs: 100 } });
  await assertRejects(() => Promise.resolve().then(spawn), RangeError, "hangMs");
});

// ---- stop -----------------------------------------------------------------------------------------

Deno.test("stop() drains a thread", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  for (let n = 0; n < 5_000; n++) ref.tell("note", "x");
  const notes = ref.ask("notes", null);
  await threads.running(1);
  await threads.system.stop();
  assertEquals((await notes).length, 5_000);
  assertEquals(threads.system.deadLetters.total, 0);
});

Deno.test("stop() kills a thread that does not drain in time; its messages are dead-lettered", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ spawn: { shutdownMs: 30 } });
  await threads.running(1);
  ref.tell("never", null);
  ref.tell("note", "x");
  await threads.system.stop();
  assertEquals([threads.node.lastExit, threads.system.deadLetters.counts.stopped], ["killed", 2]);
  assertBalanced(threads.system);
});

Deno.test("stop() while a thread starts ends it", async () => {
  await using threads = new Threads();
  const asked = assertRejects(() => threads.spawn().ask("who", null), ActorStopped);
  await threads.system.stop();
  await asked;
  assertBalanced(threads.system);
});

Deno.test("stop() kills a thread whose clean-up does not end", async () => {
  await using threads = new Threads();
  threads.spawn({ args: { endless: true }, spawn: { shutdownMs: 30 } });
  await threads.running(1);
  await threads.system.stop();
  assertEquals(threads.node.lastExit, "killed");
});

Deno.test("restart() of a thread keeps what is queued, in order", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { creditMessages: 10 } });
  await threads.running(1);
  const sent = Array.from({ length: 100 }, (_, n) => `${n}`);
  ref.tell("spin", 20);
  threads.system.restart("/wick/t");
  for (const text of sent) ref.tell("note", text);
  assertEquals(await ref.ask("notes", null), sent);
  assertEquals(threads.node.incarnation, 2);
  assertBalanced(threads.system);
});

Deno.test("a reply to an earlier incarnation's ask does not reach the next", async () => {
  const journal = new Journal();
  await using threads = new Threads();
  const { main, ref } = withMain(threads, journal);
  const asked = threads.system.nodeAt("/wick/main");
  assert(asked instanceof MailboxNode);
  main.tell("wait", "gate");
  void ref.ask("askMain", null).catch(() => {});
  while (asked.sent < 2) await turn();
  // The first ask of either incarnation has the same id; only the old one gets a reply.
  threads.system.nodeAt("/wick/t")?.terminate({ drain: false, deadlineMs: 0 });
  threads.system.restart("/wick/t");
  await threads.running(2);
  const now = ref.ask("askMainBadly", "timeout");
  while (asked.sent < 3) await turn();
  journal.gate("gate").resolve();
  assert((await now).startsWith("AskTimeout"));
  assertBalanced(threads.system);
});

// ---- in reserve -----------------------------------------------------------------------------------

Deno.test("a prewarmed thread takes the place of one that ended, and stop() ends the reserve", async () => {
  await using threads = new Threads();
  const ref = threads.spawn({ thread: { prewarm: true } });
  await threads.running(1);
  for (const incarnation of [2, 3]) {
    ref.tell("crash", "boom");
    await threads.running(incarnation);
  }
  assertEquals(await ref.ask("who", null), 3);
});

Deno.test("replayDeadLetters() does not send columns that are gone", async () => {
  await using threads = new Threads();
  const ref = threads.spawn();
  await threads.running(1);
  ref.tell("exit", 1);
  ref.tell("double", Float64Array.of(1));
  await threads.running(2);
  assertEquals(threads.system.replayDeadLetters({ type: "double" }), { accepted: 0, refused: 1 });
  assertBalanced(threads.system);
});
