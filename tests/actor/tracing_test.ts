import { z } from "zod";
import {
  actor,
  type Deferred,
  protocol,
  type Random,
  type Ref,
  type SystemOptions,
  TRACE_SPANS_MAX,
  type TracingOptions,
  type Trail,
} from "../../src/actor/mod.ts";
import { Tracing } from "../../src/actor/tracing.ts";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RecordedSpan, RecordingTracer } from "./recording_tracer.ts";
import { assertBalanced, Harness, settle } from "./support.ts";

const Node = protocol("node", {
  pass: { payload: z.string() },
  later: { payload: z.null(), reply: z.null() },
  crash: { payload: z.string() },
  reply: { payload: z.null(), reply: z.string() },
  release: { payload: z.null() },
  stash: { payload: z.null() },
  loop: { payload: z.number() },
  anew: { payload: z.null() },
  follow: { payload: z.null() },
  timer: { payload: z.null() },
});

interface Args {
  readonly next?: Ref<typeof Node.definition>;
}

/** Does what the tests need; `release` ends what waits. */
const node = actor(Node, (ctx, { next }: Args) => {
  let waiting: Deferred<string> | null = null;
  let isStashed = false;
  const kept: (Trail | null)[] = [];
  return {
    pass: (text) => {
      kept.push(ctx.trail);
      next?.tell("pass", text);
    },
    later: async () => {
      await Promise.resolve();
      next?.tell("pass", "after an await");
      return null;
    },
    crash: (text) => {
      throw new TypeError(text);
    },
    reply: () => waiting = ctx.defer<string>(),
    release: () => {
      waiting?.resolve("here");
      ctx.unstash();
    },
    stash: () => {
      if (isStashed) return;
      isStashed = true;
      return ctx.stash();
    },
    loop: (left) => {
      if (left > 0) ctx.self.tell("loop", left - 1);
    },
    anew: () => ctx.anew(() => void next?.tell("pass", "anew")),
    follow: () => ctx.follow(kept[0] ?? null, () => void next?.tell("pass", "for an earlier one")),
    timer: () => ctx.timer("t", { delayMs: 5 }, "pass", "by a timer"),
  };
});

function traced(options: Partial<TracingOptions> = {}, more: SystemOptions = {}) {
  const tracer = new RecordingTracer();
  const harness = new Harness({
    intensity: 9,
    tracing: { tracer, ratio: 1, ...options },
    ...more,
  });
  const b = harness.system.spawn(node, { name: "b", args: {} });
  const a = harness.system.spawn(node, { name: "a", args: { next: b } });
  return { tracer, harness, a, b };
}

/** Draws these numbers, then 1. */
function drawing(...numbers: number[]): Random {
  return { next: () => numbers.shift() ?? 0.999 };
}

Deno.test("Tracing makes what a handler sends a child of its span", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  a.tell("pass", "x");
  await settle();
  assertEquals(tracer.ways, ["node pass", "node pass > node pass"]);
  assertEquals(tracer.spans.map(({ error }) => error), [null, null]);
  const [first, second] = tracer.spans;
  assertEquals(first?.attributes, {
    "wick.path": "/wick/a",
    "wick.protocol": "node",
    "wick.message": "pass",
    "wick.cause": 1,
    "wick.incarnation": 1,
    "wick.queue_ms": 0,
    "wick.outcome": "handled",
  });
  assertEquals(second?.attributes["wick.cause"], 1);
  assertBalanced(harness.system);
});

Deno.test("Tracing follows a handler over its awaits", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  await a.ask("later", null);
  await settle();
  assertEquals(tracer.ways, ["node later", "node later > node pass"]);
});

Deno.test("Tracing draws messages from outside and settles it for what follows", async () => {
  const { tracer, harness, a } = traced({ ratio: 0.5 }, { random: drawing(0.7, 0.2, 0.9) });
  await using _ = harness;
  a.tell("pass", "not drawn, and with it what it sends");
  await settle();
  assertEquals(tracer.ways, []);
  a.tell("pass", "drawn");
  await settle();
  assertEquals(tracer.ways, ["node pass", "node pass > node pass"]);
  a.tell("pass", "not drawn");
  await settle();
  assertEquals(tracer.spans.length, 2);
});

Deno.test("Tracing draws as often as its ratio says", async () => {
  const { tracer, harness, b } = traced({ ratio: 0.1 }, { random: seededRandom(7) });
  await using _ = harness;
  const twin = seededRandom(7);
  let expected = 0;
  for (let i = 0; i < 2_000; i++) {
    if (twin.next() < 0.1) expected++;
    b.tell("pass", "x");
  }
  await settle();
  assertEquals(tracer.spans.length, expected);
});

Deno.test("Tracing traces an operator's message whatever the ratio", async () => {
  const { tracer, harness } = traced({ ratio: 0 });
  await using _ = harness;
  harness.system.tellFromOutside("/wick/a", "pass", "x");
  await harness.system.askFromOutside("/wick/a", "later", null);
  await settle();
  assertEquals(tracer.ways, [
    "node pass",
    "node later",
    "node pass > node pass",
    "node later > node pass",
  ]);
});

Deno.test("Tracing names the kind of a crash and not its text", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  a.tell("crash", "a secret");
  await settle();
  a.tell("pass", "x");
  await settle();
  const { error, attributes } = tracer.only("node crash");
  assertEquals([error, attributes["wick.outcome"]], ["TypeError", "crashed"]);
  assert(!JSON.stringify(tracer.spans).includes("a secret"));
  assertEquals(tracer.spans[1]?.attributes["wick.incarnation"], 2);
});

Deno.test("Tracing tells of what came to no handler", async () => {
  const { tracer, harness } = traced();
  await using _ = harness;
  const full = harness.system.spawn(node, { name: "full", args: {}, mailbox: { bound: 1 } });
  full.tell("pass", "taken");
  full.tell("release", null);
  const { error, attributes, spec, endMs } = tracer.only("node release");
  assertEquals([error, attributes["wick.outcome"]], ["overflow", "overflow"]);
  assertEquals(endMs, spec.startMs);
});

Deno.test("Tracing tells an ask that expired unread", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  const asked = a.ask("later", null, { timeoutMs: 5 });
  harness.clock.advance(10);
  await assertRejects(() => asked);
  await settle();
  assertEquals(tracer.only("node later").attributes["wick.outcome"], "expired");
});

Deno.test("Tracing does not count a superseded message as an error", async () => {
  const { tracer, harness } = traced();
  await using _ = harness;
  const newest = harness.system.spawn(node, {
    name: "newest",
    args: {},
    mailbox: { overflow: { conflate: () => "one" } },
  });
  newest.tell("release", null);
  newest.tell("pass", "x");
  const { error, attributes } = tracer.only("node release");
  assertEquals([error, attributes["wick.outcome"]], [null, "superseded"]);
});

Deno.test("Tracing lasts until a deferred reply", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  const reply = a.ask("reply", null);
  await settle();
  const span = tracer.only("node reply");
  assertEquals([span.error, span.attributes["wick.deferred"]], ["open", true]);
  await harness.advance(7);
  a.tell("release", null);
  assertEquals(await reply, "here");
  assertEquals([span.error, (span.endMs ?? 0) - span.spec.startMs], [null, 7]);
});

Deno.test("Tracing gives a stashed message a span for each time it is taken", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  a.tell("stash", null);
  a.tell("release", null);
  await settle();
  const outcomes = tracer.spans.filter(({ spec }) => spec.name === "node stash")
    .map(({ attributes }) => attributes["wick.outcome"]);
  assertEquals(outcomes, ["stashed", "handled"]);
  assertBalanced(harness.system);
});

Deno.test("Tracing begins nothing at a timer", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  a.tell("timer", null);
  await harness.advance(10);
  assertEquals(tracer.ways, ["node timer"]);
});

Deno.test("Context.anew() begins a trace of its own", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  a.tell("anew", null);
  await settle();
  assertEquals(tracer.ways, ["node anew", "node pass"]);
});

Deno.test("Context.follow() goes on in the trace of an earlier message, or in none", async () => {
  const { tracer, harness, a } = traced({ ratio: 0.5 }, { random: drawing(0.1, 0.9, 0.9) });
  await using _ = harness;
  a.tell("pass", "kept, and drawn");
  await settle();
  a.tell("follow", null);
  await settle();
  assertEquals(tracer.ways, ["node pass", "node pass > node pass", "node pass > node pass"]);
  const other = traced({ ratio: 0.5 }, { random: drawing(0.9, 0.1) });
  await using __ = other.harness;
  other.a.tell("pass", "kept, and not drawn");
  await settle();
  other.a.tell("follow", null);
  await settle();
  assertEquals(other.tracer.ways, ["node follow"]);
});

Deno.test("Tracing bounds the spans of a trace", async () => {
  const { tracer, harness, a } = traced();
  await using _ = harness;
  a.tell("loop", 3 * TRACE_SPANS_MAX);
  await settle();
  assertEquals(harness.system.counts().handled, 3 * TRACE_SPANS_MAX + 1);
  assertEquals(tracer.spans.length, TRACE_SPANS_MAX);
});

Deno.test("Tracing lies below the span of an embedder, whatever the ratio", async () => {
  const { tracer, harness, a } = traced({ ratio: 0 });
  await using _ = harness;
  tracer.outer = new RecordedSpan({ name: "embedder", attributes: {}, startMs: 0 }, null);
  a.tell("pass", "x");
  tracer.outer = null;
  await settle();
  assertEquals(tracer.ways, [
    "embedder > node pass",
    "embedder > node pass > node pass",
  ]);
});

Deno.test("Tracing adds counts of what a message holds", async () => {
  const countsOf: TracingOptions["countsOf"] = (_entry, payload) => ({
    characters: String(payload).length,
  });
  const { tracer, harness, b } = traced({ countsOf });
  await using _ = harness;
  b.tell("pass", "seven c");
  await settle();
  assertEquals(tracer.only("node pass").attributes["wick.characters"], 7);
});

Deno.test("Tracing.request() begins a trace, is drawn, or follows its caller", async () => {
  const tracer = new RecordingTracer();
  const tracing = new Tracing({ tracer, ratio: 0.5 }, new VirtualClock(), drawing(0.9, 0.1));
  const request = async (when: "drawn" | "always" | "never", traceparent: string | null) => {
    const from = tracer.spans.length;
    const statusOf = () => 503;
    await tracing.request({ name: "r", when, traceparent, statusOf }, async () => {
      await Promise.resolve();
      return { status: tracing.trail === null ? 200 : 201 };
    });
    return tracer.spans.slice(from).map((span) =>
      `${span.way} ${span.attributes["http.response.status_code"]}`
    );
  };
  assertEquals(await request("always", null), ["r 201"]);
  assertEquals(await request("drawn", null), []);
  assertEquals(await request("drawn", "nonsense"), ["r 201"]);
  assertEquals(await request("never", null), []);
  assertEquals(await request("never", "sampled"), ["remote > r 201"]);
  assertEquals(await request("always", "unsampled"), []);
  const failing = { name: "f", when: "always", traceparent: null, statusOf: () => 503 } as const;
  await assertRejects(() => tracing.request(failing, () => Promise.reject(new Error("no"))));
  assertEquals(tracer.only("f").error, "503");
});

Deno.test("Tracing refuses a ratio that is none", () => {
  const tracer = new RecordingTracer();
  assertThrows(
    () => new Tracing({ tracer, ratio: 2 }, new VirtualClock(), seededRandom(1)),
    RangeError,
    "from 0 to 1: current value is 2",
  );
});

Deno.test("Without a tracer no message is in a trace", async () => {
  await using harness = new Harness();
  const b = harness.system.spawn(node, { name: "b", args: {} });
  const a = harness.system.spawn(node, { name: "a", args: { next: b } });
  for (const type of ["pass", "pass"] as const) a.tell(type, "x");
  a.tell("follow", null);
  a.tell("anew", null);
  await settle();
  assertEquals(harness.system.tracing, null);
  assertEquals(harness.system.counts().handled, 8);
});
