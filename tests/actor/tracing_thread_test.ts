// Real threads: what is waited for is a reply or an event, never a while.
import {
  createSystem,
  type Ref,
  type SpawnOptions,
  type System,
  systemClock,
  systemRandom,
} from "../../src/actor/mod.ts";
import { ForeignSpans } from "../../src/actor/thread_spans.ts";
import { Tracing } from "../../src/actor/tracing.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RecordingTracer } from "./recording_tracer.ts";
import { assertBalanced, Journal } from "./support.ts";
import { type ThreadArgs, Threaded, threaded } from "./thread_actor.ts";

const ENTRY = new URL("./threads/threaded.ts", import.meta.url);

function tracedSystem(ratio = 1): { tracer: RecordingTracer; system: System } {
  const tracer = new RecordingTracer();
  const system = createSystem({ intensity: 3, log: null, tracing: { tracer, ratio } });
  return { tracer, system };
}

function spawn(system: System, args: ThreadArgs = {}): Ref<typeof Threaded.definition> {
  const options: SpawnOptions<ThreadArgs> = { name: "t", args, thread: { entry: ENTRY } };
  return system.spawn(threaded, options);
}

Deno.test("Tracing follows a message into a thread and what that sends back", async () => {
  const { tracer, system } = tracedSystem();
  await using _ = system;
  const journal = new Journal();
  const main = system.spawn(journal.actor, { name: "main", args: {} });
  const t = spawn(system, { main });
  assertEquals(await t.ask("askMain", null), 1);
  assertEquals(tracer.ways, ["threaded askMain", "threaded askMain > work who"]);
  const [above, below] = tracer.spans;
  assert(above !== undefined && below !== undefined);
  assertEquals([above.error, below.error], [null, null]);
  assertEquals(above.attributes["wick.path"], "/wick/t");
  assertEquals(above.attributes["wick.outcome"], "handled");
  assert((above.attributes["wick.queue_ms"] as number) > 0, "the way to the thread counts");
  // Clocks of two threads; what is asked of another lies within the one that asks.
  const clockErrorMs = 0.5;
  assert(below.spec.startMs >= above.spec.startMs - clockErrorMs);
  assert((below.endMs ?? Infinity) <= (above.endMs ?? 0) + clockErrorMs);
  assertBalanced(system);
});

Deno.test("Tracing follows what an actor in a thread tells itself", async () => {
  const { tracer, system } = tracedSystem();
  await using _ = system;
  const t = spawn(system);
  t.tell("tellSelf", "x");
  while (tracer.spans.filter(({ endMs }) => endMs !== null).length < 2) await t.ask("who", null);
  const own = tracer.ways.filter((way) => way.startsWith("threaded tellSelf"));
  assertEquals(own, ["threaded tellSelf", "threaded tellSelf > threaded note"]);
});

Deno.test("Tracing of messages that are all numbers is the same", async () => {
  const { tracer, system } = tracedSystem();
  await using _ = system;
  const t = spawn(system);
  const replies = await Promise.all([1, 2, 3].map((n) => t.ask("next", { n })));
  assertEquals(replies, [2, 3, 4]);
  assertEquals(tracer.ways, ["threaded next", "threaded next", "threaded next"]);
  assertEquals(tracer.spans.map(({ error }) => error), [null, null, null]);
});

Deno.test("Tracing leaves messages alone that are not drawn", async () => {
  const { tracer, system } = tracedSystem(0);
  await using _ = system;
  const journal = new Journal();
  const main = system.spawn(journal.actor, { name: "main", args: {} });
  const t = spawn(system, { main });
  assertEquals(await t.ask("askMain", null), 1);
  assertEquals(await t.ask("next", { n: 1 }), 2);
  assertEquals(tracer.ways, []);
});

Deno.test("Tracing tells a crash in a thread once", async () => {
  const { tracer, system } = tracedSystem();
  await using _ = system;
  const t = spawn(system);
  await assertRejects(() => t.ask("crash", "a secret"));
  const { error, attributes } = tracer.only("threaded crash");
  assertEquals([error, attributes["wick.outcome"]], ["RangeError", "crashed"]);
  assert(!JSON.stringify(tracer.spans).includes("a secret"));
});

Deno.test("Tracing ends the spans of a thread that is gone", async () => {
  const { tracer, system } = tracedSystem();
  await using _ = system;
  const t = spawn(system);
  await t.ask("who", null);
  const pending = t.ask("later", "x").catch(() => "given up");
  await t.ask("who", null);
  await t.ask("exit", 0).catch(() => {});
  assertEquals(await pending, "given up");
  assertEquals(tracer.spans.filter(({ error }) => error === "open"), []);
  assertEquals(tracer.only("threaded later").error, "crashed");
});

Deno.test("ForeignSpans remembers so many spans and ends the oldest", () => {
  const tracer = new RecordingTracer();
  const tracing = new Tracing({ tracer, ratio: 1 }, systemClock, systemRandom);
  const spans = new ForeignSpans(tracing);
  const above = tracing.below(tracer.start({ name: "above", attributes: {}, startMs: 0 }, null));
  const budget = { ...above.budget, spansLeft: Infinity };
  const message = {
    parent: { span: above.span, budget },
    handledElsewhere() {},
    factsAt: () => ({}),
  };
  for (let i = 1; i <= 1_025; i++) {
    const news = { is: "start", id: -i, parent: i, name: "s", attributes: {}, startMs: 0 } as const;
    spans.take(news, () => message as never);
  }
  assertEquals(spans.trailAt(-1), null);
  assert(spans.trailAt(-2) !== null);
  assertEquals(tracer.spans[1]?.error, "forgotten");
  spans.close("stopped");
  assertEquals(tracer.spans.slice(1).filter(({ error }) => error === "open"), []);
});
