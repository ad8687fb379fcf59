import {
  ActorFailed,
  ActorStopped,
  AskTimeout,
  createSystem,
  Overflow,
  type Ref,
  seededRandom,
} from "../../src/actor/mod.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { seedOf } from "./seed.ts";
import { assertBalanced, settle } from "./support.ts";
import { RecordingTracer } from "./recording_tracer.ts";
import { assertFabricBalanced, Echo, Nodes, type TestNode } from "./remote_support.ts";

type EchoRef = Ref<typeof Echo.definition>;

function refTo(from: TestNode, node = "b", path = "echo"): EchoRef {
  return from.system.remote(Echo, node, path);
}

/** What an ask failed with, as soon as it did. */
function failureOf(ask: Promise<unknown>): { error: unknown } {
  const held = { error: undefined as unknown };
  ask.catch((error) => held.error = error);
  return held;
}

function letters(node: TestNode) {
  return node.system.deadLetters.list().map(({ path, type, reason, error }) => ({
    path,
    type,
    reason,
    error,
  }));
}

Deno.test("System.remote() tells and asks an actor of another node", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  assertEquals(refTo(a).tell("note", { from: "a", number: 7 }), "accepted");
  assertEquals(await refTo(a).ask("say", { text: "hello" }), "HELLO");
  assertEquals(b.journal.noted, [{ from: "a", number: 7 }]);
  await nodes.advance(100);
  const { sent, arrived } = a.fabric.counts();
  assertEquals({ sent, arrived }, { sent: 2, arrived: 2 });
  assertFabricBalanced(a);
  assertEquals(b.fabric.counts().received, 2);
  assertBalanced(b.system);
});

Deno.test("System.remote() with an absolute path, and with the name of its own node", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  assertEquals(await refTo(a, "b", "/wick/echo").ask("say", { text: "x" }), "X");
  assertEquals(await refTo(a, "a", "echo").ask("say", { text: "y" }), "Y");
  assertEquals(a.fabric.counts().sent, 1);
});

Deno.test("all messages of one turn travel as one frame", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  for (let number = 0; number < 100; number++) refTo(a).tell("note", { from: "a", number });
  await settle();
  assertEquals(nodes.net.counts.sent, 1);
  await nodes.advance(1_000);
  assertEquals(nodes.net.counts.sent, 2, "and one that confirms it");
});

Deno.test("columns arrive as they were, and the sender keeps its own", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  const times = new Float64Array([1, NaN, -0, 2 ** 60]);
  const kinds = new Uint8Array([1, 2, 3]);
  const reply = await refTo(a).ask("columns", { times, kinds });
  assertEquals(reply, { times, kinds });
  assertEquals(times.length, 4);
});

Deno.test("a causation id travels with its message", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a", { system: { causeBase: 4_000_000_000_000 } });
  nodes.add("b");
  assertEquals(await refTo(a).ask("cause", null), 4_000_000_000_001);
});

Deno.test("a trace goes on in the other node, and only one that is recorded", async () => {
  await using nodes = new Nodes();
  const [mine, theirs] = [new RecordingTracer(), new RecordingTracer()];
  const a = nodes.add("a", { system: { tracing: { tracer: mine, ratio: 0 } } });
  nodes.add("b", { system: { tracing: { tracer: theirs, ratio: 0 } } });
  await refTo(a).ask("say", { text: "untraced" });
  assertEquals(theirs.ways, []);
  const request = { name: "GET /", when: "always", traceparent: null } as const;
  await a.system.tracing?.request({ ...request, statusOf: () => 500 }, async () => {
    await refTo(a).ask("say", { text: "traced" });
    return { status: 200 };
  });
  assertEquals(mine.ways, ["GET /"]);
  assertEquals(theirs.ways, ["remote > echo say"]);
});

Deno.test("messages of one sender arrive in order, urgent ones first when they wait", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a", { bounds: { frameBytes: 64, underWayFrames: 1 } });
  const b = nodes.add("b");
  for (let number = 0; number < 50; number++) refTo(a).tell("note", { from: "a", number });
  refTo(a).tell("urgent", { number: 50 });
  await nodes.advance(1_000);
  assertEquals(b.journal.noted.map(({ number }) => number), [...Array(50).keys()]);
  assert(b.journal.order.indexOf("u50") < 25, `it came at ${b.journal.order.indexOf("u50")}`);
});

// ---- asks settle ----------------------------------------------------------------------------------

Deno.test("an ask to a node that nobody knows fails with ActorStopped at once", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  await assertRejects(() => refTo(a, "nobody").ask("say", { text: "x" }), ActorStopped);
  assertEquals(refTo(a, "nobody").tell("note", { from: "a", number: 1 }), "stopped");
  assertEquals(letters(a).map(({ path, reason }) => `${path} ${reason}`), [
    "nobody:echo stopped",
    "nobody:echo stopped",
  ]);
  assertFabricBalanced(a);
  assertBalanced(a.system);
});

Deno.test("an ask to a path where nobody lives fails with ActorStopped at once", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const held = failureOf(refTo(a, "b", "nobody").ask("say", { text: "x" }));
  await settle();
  assertInstanceOf(held.error, ActorStopped);
  assertEquals(nodes.clock.now(), 0, "no time passed");
  assertEquals(letters(b).map(({ path, reason }) => `${path} ${reason}`), [
    "/wick/nobody stopped",
  ]);
  assertBalanced(b.system);
});

Deno.test("a system that is no node sends to a stopped actor", async () => {
  await using system = createSystem({ log: null });
  const ref = system.remote(Echo, "b", "echo");
  assertEquals(ref.tell("note", { from: "a", number: 1 }), "stopped");
  await assertRejects(() => ref.ask("say", { text: "x" }), ActorStopped);
  assertBalanced(system);
});

Deno.test("an ask whose handler throws fails with ActorFailed, which tells the cause", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  const error = await refTo(a).ask("crash", { text: "too far" }).catch((error) => error);
  assertInstanceOf(error, ActorFailed);
  assertEquals((error.cause as Error).message, "too far");
  assertEquals((error.cause as Error).name, "RangeError");
  assertEquals(error.message, 'Cannot get a reply of "crash" from b:echo: too far');
});

Deno.test("an ask that nobody answers fails with AskTimeout, and is not handled later", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const first = failureOf(refTo(a).ask("wait", null, { timeoutMs: 50 }));
  const second = failureOf(refTo(a).ask("say", { text: "x" }, { timeoutMs: 50 }));
  await nodes.advance(60);
  assertInstanceOf(first.error, AskTimeout);
  assertInstanceOf(second.error, AskTimeout);
  for (const open of b.journal.open) open();
  await settle();
  assertEquals(letters(b).map(({ type, reason }) => `${type} ${reason}`), ["say expired"]);
  assertBalanced(b.system);
});

Deno.test("an ask to a full mailbox fails with Overflow", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b", { mailbox: { bound: 1 } });
  void refTo(a).ask("wait", null).catch(() => {});
  await settle();
  const asks = [1, 2].map(() => failureOf(refTo(a).ask("say", { text: "x" })));
  await settle();
  assertInstanceOf(asks[1]?.error, Overflow);
  assertEquals(
    (asks[1]?.error as Error).message,
    'Cannot deliver "say" to b:echo: the mailbox is full',
  );
});

Deno.test("conflation of the receiver's mailbox holds", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b", { mailbox: { overflow: { conflate: (type) => type } } });
  void refTo(a).ask("wait", null).catch(() => {});
  await settle();
  for (let number = 0; number < 9; number++) refTo(a).tell("note", { from: "a", number });
  await settle();
  for (const open of b.journal.open) open();
  await settle();
  assertEquals(b.journal.noted, [{ from: "a", number: 8 }]);
  assertEquals(b.system.counts().superseded, 8);
});

Deno.test("an ask to an actor that stops for good fails with ActorStopped", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const held = failureOf(refTo(a).ask("never", null));
  await settle();
  await b.system.stopAt("/wick/echo");
  await settle();
  assertInstanceOf(held.error, ActorStopped);
});

Deno.test("asks to a node that dies fail with ActorStopped when its lease is over", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const handled = failureOf(refTo(a).ask("never", null));
  await nodes.advance(10);
  nodes.kill(b);
  const underWay = failureOf(refTo(a).ask("say", { text: "x" }));
  refTo(a).tell("note", { from: "a", number: 1 });
  await nodes.advance(1_900);
  assertEquals([handled.error, underWay.error], [undefined, undefined]);
  nodes.tell();
  await settle();
  assertInstanceOf(handled.error, ActorStopped);
  assertInstanceOf(underWay.error, ActorStopped);
  assertEquals(letters(a).map(({ type, reason, error }) => `${type} ${reason}: ${error}`), [
    "say stopped: b is gone, and nobody knows whether this arrived",
    "note stopped: b is gone, and nobody knows whether this arrived",
  ]);
  assertFabricBalanced(a);
  await b.fabric.close();
  await b.system.stop();
});

Deno.test("a ref goes on to the next life of its node", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const ref = refTo(a);
  await ref.ask("say", { text: "x" });
  nodes.kill(b);
  nodes.add("b");
  assertEquals(await ref.ask("say", { text: "y" }), "Y");
  await b.fabric.close();
  await b.system.stop();
});

Deno.test("a node that was held for dead and comes back in the same life goes on", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  refTo(a).tell("note", { from: "a", number: 1 });
  await settle();
  a.peers.set([{ node: "a", session: a.session }]);
  assertEquals(refTo(a).tell("note", { from: "a", number: 2 }), "stopped");
  nodes.tell();
  refTo(a).tell("note", { from: "a", number: 3 });
  assertEquals(await refTo(a).ask("say", { text: "x" }), "X");
  assertEquals(b.journal.noted.map(({ number }) => number), [1, 3]);
  assertEquals(letters(a).map(({ error }) => error), [
    "b is gone, and nobody knows whether this arrived",
    'Cannot deliver "note" to b:echo: the actor is stopped',
  ]);
});

Deno.test("a dead letter of a message to another node can be sent again", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  b.wire.deafen();
  refTo(a).tell("note", { from: "a", number: 1 });
  await settle();
  b.wire.mend();
  await nodes.advance(1_000);
  const [letter] = a.system.deadLetters.list();
  assertEquals(a.system.replayProblem("b:echo", "note", letter?.payload, "as_sent"), null);
  assertEquals(a.system.replayDeadLetters(), { accepted: 1, refused: 0 });
  await nodes.advance(100);
  assertEquals(b.journal.noted, [{ from: "a", number: 1 }]);
  assertFabricBalanced(a);
});

// ---- nothing vanishes, nothing comes twice --------------------------------------------------------

Deno.test("what the wire loses is a dead letter of the sender, and its ask fails", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  b.wire.deafen();
  refTo(a).tell("note", { from: "a", number: 1 });
  const held = failureOf(refTo(a).ask("say", { text: "x" }));
  await settle();
  b.wire.mend();
  await nodes.advance(1_000);
  assertInstanceOf(held.error, ActorFailed);
  assertEquals((held.error.cause as Error).message, "it was lost on its way to b");
  assertEquals(letters(a).map(({ path, type, reason }) => `${path} ${type} ${reason}`), [
    "b:echo note unhandled",
    "b:echo say unhandled",
  ]);
  assertEquals(b.fabric.counts().framesMissed, 1);
  assertEquals(b.journal.noted, []);
  assertFabricBalanced(a);
});

Deno.test("a reply that the wire loses is sent again, and its message is handled once", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const reply = refTo(a).ask("wait", null);
  await settle();
  a.wire.deafen();
  for (const open of b.journal.open) open();
  await settle();
  a.wire.mend();
  await nodes.advance(1_000);
  assertEquals(await reply, null);
  assertEquals(b.journal.open.length, 1);
});

Deno.test("a frame that comes twice counts once", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  nodes.net.faults = { double: 1 };
  for (let number = 0; number < 20; number++) {
    refTo(a).tell("note", { from: "a", number });
    await settle();
  }
  await nodes.advance(1_000);
  assertEquals(b.journal.noted.map(({ number }) => number), [...Array(20).keys()]);
  assert(b.fabric.counts().framesLate >= 20);
});

Deno.test("while the wire is away messages wait up to the bound, and then overflow", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a", { bounds: { queuedMessages: 3 } });
  const b = nodes.add("b");
  a.wire.cut();
  const results = [0, 1, 2, 3].map((number) => refTo(a).tell("note", { from: "a", number }));
  assertEquals(results, ["accepted", "accepted", "accepted", "overflow"]);
  const held = failureOf(refTo(a).ask("say", { text: "x" }));
  await settle();
  assertInstanceOf(held.error, Overflow);
  assertEquals(a.fabric.counts().queued, 3);
  a.wire.mend();
  await nodes.advance(100);
  assertEquals(b.journal.noted.length, 3);
  assertFabricBalanced(a);
});

Deno.test("an ask whose time is over while it waits for the wire never leaves", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  a.wire.cut();
  const held = failureOf(refTo(a).ask("say", { text: "x" }, { timeoutMs: 50 }));
  await nodes.advance(60);
  assertInstanceOf(held.error, AskTimeout);
  a.wire.mend();
  await nodes.advance(100);
  assertEquals(letters(a).map(({ type, reason }) => `${type} ${reason}`), ["say expired"]);
  assertEquals(b.fabric.counts().received, 0);
});

Deno.test("offer() waits for room on the way", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a", { bounds: { queuedMessages: 1 } });
  const b = nodes.add("b");
  a.wire.cut();
  refTo(a).tell("note", { from: "a", number: 0 });
  const results: string[] = [];
  const offers = [1, 2].map((number) =>
    refTo(a).offer("note", { from: "a", number }).then((result) => results.push(result))
  );
  await settle();
  assertEquals(results, []);
  a.wire.mend();
  await nodes.advance(100);
  await Promise.all(offers);
  assertEquals(results, ["accepted", "accepted"]);
  assertEquals(b.journal.noted.map(({ number }) => number), [0, 1, 2]);
});

Deno.test("bytes under way to a peer that confirms nothing are bounded", async () => {
  await using nodes = new Nodes();
  const bounds = { underWayBytes: 10_000, frameBytes: 1_000, queuedBytes: 20_000 };
  const a = nodes.add("a", { bounds });
  const b = nodes.add("b");
  b.wire.deafen();
  const text = "x".repeat(400);
  for (let i = 0; i < 200; i++) refTo(a).tell("note", { from: text, number: i });
  await nodes.advance(50);
  const [link] = a.fabric.links();
  assert(link !== undefined && link.underWayBytes <= 11_500, `${link?.underWayBytes}`);
  assert(a.fabric.counts().deadLettered > 100);
  assertFabricBalanced(a);
});

Deno.test("a message or reply that is too large is refused and says by how much", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a", { bounds: { messageBytes: 1_000 } });
  nodes.add("b", { bounds: { messageBytes: 500 } });
  const text = "x".repeat(2_000);
  const error = await refTo(a).ask("say", { text }).catch((error) => error);
  assertInstanceOf(error, Overflow);
  assertEquals(
    error.message,
    'Cannot deliver "say" to b:echo: it has 2010 bytes, and at most 1000 go to another node at a time',
  );
  const reply = await refTo(a).ask("say", { text: "y".repeat(600) }).catch((error) => error);
  assertInstanceOf(reply, Overflow);
  assertEquals(letters(a).map(({ reason }) => reason), ["overflow"]);
});

// ---- nothing that comes in is believed ------------------------------------------------------------

Deno.test("a payload that cannot travel is refused where it is sent", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  assertEquals(refTo(a).tell("anything", () => 1), "unhandled");
  await assertRejects(() => refTo(a).ask("anything", { deep: Symbol("x") }), ActorFailed);
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  assertEquals(refTo(a).tell("anything", loop), "unhandled");
  assertEquals(letters(a).length, 3);
});

Deno.test("a payload of a wrong shape is a dead letter of the receiver", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const wrong = { from: "a", number: "seven" } as unknown as { from: string; number: number };
  refTo(a).tell("note", wrong);
  const error = await refTo(a).ask("say", { text: 1 as unknown as string }).catch((e) => e);
  assertInstanceOf(error, ActorFailed);
  assertEquals((error.cause as { code?: string }).code, "invalid_message");
  assertEquals(b.journal.noted, []);
  assertEquals(letters(b).map(({ type, reason }) => `${type} ${reason}`), [
    "note unhandled",
    "say unhandled",
  ]);
  assertBalanced(b.system);
});

Deno.test("an internal message comes only where it is allowed by name", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  nodes.add("c", { allow: ["echo.secret"] });
  await assertRejects(() => refTo(a).ask("secret", { n: 1 }), ActorFailed);
  assertEquals(await refTo(a, "c").ask("secret", { n: 1 }), 2);
});

Deno.test("bytes that are no frame are counted, and nothing else happens", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  for (const bytes of [[], [0], [0x57, 1], [0x57, 1, 255, 255, 255], Array(100).fill(0x57)]) {
    a.wire.send(b.session, new Uint8Array(bytes));
  }
  await settle();
  assertEquals(b.fabric.counts().malformed, 5);
  assertEquals(await refTo(a).ask("say", { text: "x" }), "X");
});

Deno.test("frames with bytes changed at random are survived, and all is accounted for", async () => {
  await using nodes = new Nodes();
  const random = seededRandom(seedOf("remote_frames"));
  const a = nodes.add("a");
  const b = nodes.add("b");
  const carry = nodes.net.carry.bind(nodes.net);
  nodes.net.carry = (session, bytes) => {
    const copy = bytes.slice();
    if (random.next() < 0.3) {
      const cut = Math.floor(copy.length * random.next());
      copy[cut] = Math.floor(256 * random.next());
      // A number that was forged may be any: only the records are spoiled here.
      if (cut < 40) return;
    }
    carry(session, copy);
  };
  for (let number = 0; number < 2_000; number++) {
    refTo(a).tell("note", { from: "a", number });
    if (number % 3 === 0) await settle();
  }
  await nodes.advance(5_000);
  const numbers = b.journal.noted.filter(({ from }) => from === "a").map(({ number }) => number);
  assert(numbers.length > 500, `${numbers.length}`);
  assertFabricBalanced(a);
  assertBalanced(a.system);
  assertBalanced(b.system);
});

// ---- watching -------------------------------------------------------------------------------------

Deno.test("watchStop() tells when an actor of another node stops, and when its node dies", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  const b = nodes.add("b");
  const c = nodes.add("c");
  const seen: string[] = [];
  const watch = (node: string, path: string) => {
    const ref = refTo(a, node, path) as unknown as {
      watchStop(watcher: (path: string, reason: string) => void): () => void;
    };
    return ref.watchStop((path, reason) => seen.push(`${path} ${reason}`));
  };
  watch("b", "echo");
  watch("b", "nobody");
  watch("c", "echo");
  watch("b", "echo")();
  await settle();
  assertEquals(seen, ["b:nobody normal"]);
  await b.system.stopAt("/wick/echo");
  await settle();
  assertEquals(seen.slice(1), ["b:echo shutdown"]);
  nodes.kill(c);
  nodes.tell();
  assertEquals(seen.slice(2), ["c:echo crash"]);
  await c.fabric.close();
  await c.system.stop();
});

Deno.test("Fabric.close() ends what waits, and the system is no node any more", async () => {
  await using nodes = new Nodes();
  const a = nodes.add("a");
  nodes.add("b");
  a.wire.cut();
  const held = failureOf(refTo(a).ask("say", { text: "x" }));
  await a.fabric.close();
  await settle();
  assertInstanceOf(held.error, ActorStopped);
  assertEquals(letters(a).map(({ reason }) => reason), ["stopped"]);
  assertEquals(refTo(a).tell("note", { from: "a", number: 1 }), "stopped");
  assertFabricBalanced(a);
});
