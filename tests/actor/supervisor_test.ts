import { z } from "zod";
import {
  actor,
  child,
  type ChildSpec,
  createSystem,
  IntensityReached,
  protocol,
  type Ref,
  StartFailed,
  type SupervisorSpec,
  type TreeRefs,
  wrappedRef,
} from "../../src/actor/mod.ts";
import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { assertBalanced, Harness, Journal, settle, Work } from "./support.ts";

const QUIET = { log: null };

/** Children a, b and c of one journal, in a supervisor `s` below a root that allows 5 restarts. */
function abc(
  journal: Journal,
  options: Omit<SupervisorSpec, "name" | "children"> = {},
  parts: Readonly<Record<string, Partial<Parameters<typeof child>[1]>>> = {},
) {
  const children = ["a", "b", "c"].map((name): ChildSpec =>
    child(journal.actor, { name, args: {}, ...parts[name] })
  );
  return { intensity: 5, children: [{ name: "s", intensity: 5, ...options, children }] };
}

function crash(harness: Harness, journal: Journal, path: string): Promise<void> {
  harness.system.ref(journal.actor.protocol, path).tell("crash", "boom");
  return settle();
}

// ---- start and stop -------------------------------------------------------------------------------

Deno.test("a supervisor starts its children in order and stops them in reverse", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  assertEquals(journal.take(), ["a starts 1", "b starts 1", "c starts 1"]);
  await harness.system.stop();
  assertEquals(journal.take(), ["c ends shutdown", "b ends shutdown", "a ends shutdown"]);
});

Deno.test("a child starts only after the asynchronous init of the one before it", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { a: { args: { init: "gate" } } }));
  await settle();
  assertEquals(journal.take(), []);
  journal.gate("gate").resolve();
  await harness.system.started;
  assertEquals(journal.take(), ["a starts 1", "b starts 1", "c starts 1"]);
});

Deno.test("a child stops only after the asynchronous clean-up of the one after it", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  journal.cleanUps.set("c", () => journal.gate("gate").promise);
  journal.take();
  const stopped = harness.system.stop();
  await settle();
  assertEquals(journal.take(), ["c ends shutdown"]);
  journal.gate("gate").resolve();
  await stopped;
  assertEquals(journal.take(), ["b ends shutdown", "a ends shutdown"]);
});

Deno.test("a failed first init fails the start of everything above it", () => {
  const journal = new Journal();
  journal.failInit = (name) => name === "c";
  const error = assertThrows(() => createSystem({ ...abc(journal), ...QUIET }), StartFailed);
  assertStringIncludes(error.message, "/wick/s/c");
  assertStringIncludes(error.message, "init of c fails");
});

Deno.test("a failed first init stops what was started before it, in reverse", () => {
  const journal = new Journal();
  journal.failInit = (name) => name === "c";
  assertThrows(() => createSystem({ ...abc(journal), ...QUIET }), StartFailed);
  assertEquals(journal.take(), [
    "a starts 1",
    "b starts 1",
    "b ends shutdown",
    "a ends shutdown",
  ]);
});

Deno.test("an asynchronous first init that fails rejects `started`", async () => {
  const journal = new Journal();
  journal.failInit = (name) => name === "b";
  const tree = abc(journal, {}, { b: { args: { init: "gate" } } });
  await using harness = new Harness(tree);
  journal.gate("gate").resolve();
  await assertRejects(() => harness.system.started, StartFailed, "init of b fails");
});

Deno.test("an init that takes longer than its limit fails", async () => {
  const journal = new Journal();
  const tree = abc(journal, {}, { b: { args: { init: "never" }, initTimeoutMs: 100 } });
  await using harness = new Harness(tree);
  await harness.advance(100);
  await assertRejects(() => harness.system.started, StartFailed, "longer than 100 ms");
});

Deno.test("an init that comes back after it was given up is cleaned up", async () => {
  const journal = new Journal();
  const tree = abc(journal, {}, { b: { args: { init: "late" }, initTimeoutMs: 100 } });
  await using harness = new Harness(tree);
  await harness.advance(100);
  journal.take();
  journal.gate("late").resolve();
  await settle();
  assertEquals(journal.take(), ["b starts 1", "b ends killed"]);
});

Deno.test("an init that gives no handlers fails like one that throws", async () => {
  const empty = actor(Work, () => Promise.resolve(undefined as never));
  await using harness = new Harness({ children: [child(empty, { name: "e", args: {} })] });
  await assertRejects(() => harness.system.started, StartFailed);
});

Deno.test("`started` rejects when the system is stopped before it is up", async () => {
  const journal = new Journal();
  const tree = abc(journal, {}, { b: { args: { init: "never" } } });
  await using harness = new Harness(tree);
  await harness.system.stop();
  await assertRejects(() => harness.system.started);
});

Deno.test("a stop during an init leaves no timer behind", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { b: { args: { init: "never" } } }));
  await harness.system.stop();
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

Deno.test("a factory that throws leaves no timer behind", () => {
  const Tick = protocol("tick", { tick: { payload: z.null() } });
  const broken = actor(Tick, (ctx) => {
    ctx.timer("t", { delayMs: 10, everyMs: 10 }, "tick", null);
    throw new Error("after its timer");
  });
  const harness = new Harness();
  assertThrows(() => harness.system.spawn(broken, { name: "b", args: {} }), StartFailed);
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

// ---- restarts -------------------------------------------------------------------------------------

Deno.test("a restart is logged with its cause", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await crash(harness, journal, "s/b");
  const line = harness.lines.find(({ message }) => message.startsWith("restarts"));
  assertEquals([line?.path, line?.level, line?.fields.error], ["/wick/s/b", "warn", "boom"]);
});

Deno.test("rest_for_one stops the later siblings in reverse and starts them in order", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "rest_for_one" }));
  journal.take();
  await crash(harness, journal, "s/a");
  assertEquals(journal.take(), [
    "a ends crash",
    "c ends shutdown",
    "b ends shutdown",
    "a starts 2",
    "b starts 2",
    "c starts 2",
  ]);
});

/** Asks the actor before it: in a message, in one that comes later, and when it ends. */
const Asking = protocol("asking", { go: { payload: z.string() } });
const asking = actor(
  Asking,
  (ctx, { journal, a }: { readonly journal: Journal; readonly a: Ref<typeof Work.definition> }) => {
    const ask = async (when: string) => {
      journal.gate(when).resolve();
      const answer = await a.ask("wait", when).catch((error: Error) => error.name);
      journal.lines.push(`${ctx.name} ${when}: ${answer}`);
    };
    ctx.onStop(() => ask("at the end"));
    return {
      go: async (when) => {
        await ask(when);
        await ask(`after ${when}`);
      },
    };
  },
);

type Wrap = (ref: Ref<typeof Work.definition>) => Ref<typeof Work.definition>;

function asker(journal: Journal, wrap: Wrap = (ref) => ref): ChildSpec {
  const args = (refs: TreeRefs) => ({ journal, a: wrap(refs.ask(Work, "s/a")) });
  return child(asking, { name: "b", args });
}

const WRAPS: Readonly<Record<string, Wrap>> = {
  "asks": (ref) => ref,
  "asks through a wrapped ref": (ref) =>
    wrappedRef(ref, (through, type, payload) => through.ask(type, payload as never)),
};

for (const [how, wrap] of Object.entries(WRAPS)) {
  Deno.test(`what a group restart ends and ${how} does not wait for whom it is to make way`, async () => {
    await endsAtOnce(wrap);
  });
}

async function endsAtOnce(wrap: Wrap): Promise<void> {
  const journal = new Journal();
  const children = [child(journal.actor, { name: "a", args: {} }), asker(journal, wrap)];
  await using harness = new Harness({
    children: [{ name: "s", strategy: "rest_for_one", children }],
  });
  const a = harness.system.ref(Work, "s/a"), b = harness.system.ref(Asking, "s/b");
  const waited = a.ask("wait", "gate").catch((error: Error) => error.name);
  await settle();
  // Queued behind what crashes: the answer would come from a's next life, which waits for b's end.
  b.tell("go", "before");
  const other = a.ask("who", null);
  await settle();
  journal.take();
  journal.gate("gate").reject(new Error("boom"));
  await settle();
  assertEquals(await waited, "ActorFailed");
  assertEquals(journal.take(), [
    "a ends crash",
    "b before: ActorDown",
    "b after before: ActorDown",
    "b at the end: ActorDown",
    "a starts 2",
    // What it was asked is done all the same.
    "a waited for before",
    "a waited for after before",
    "a waited for at the end",
  ]);
  // Whoever is not ended waits as ever.
  assertEquals(await other, 2);
  assertEquals(harness.children("s"), "a2 b2");
  assertEquals(harness.lines.filter(({ message }) => message.startsWith("killed")), []);
  assertBalanced(harness.system);
}

/** Asks the actor before it in its init, once the journal's gate of its life opens. */
const early = actor(
  protocol("early", {}),
  async (
    { name, incarnation },
    { journal, a }: { readonly journal: Journal; readonly a: Ref<typeof Work.definition> },
  ) => {
    journal.lines.push(`${name} begins ${incarnation}`);
    await journal.gate(`${name}${incarnation}`).promise;
    journal.lines.push(`${name} has ${await a.ask("who", null)}`);
    return {};
  },
);

for (const isAskedBefore of [true, false]) {
  const when = isAskedBefore ? "before" : "after";
  Deno.test(`an init that asks ${when} a crash does not wait for who is restarted only after it`, async () => {
    const journal = new Journal();
    const args = (refs: TreeRefs) => ({ journal, a: refs.ask(Work, "s/a") });
    const children = [
      child(journal.actor, { name: "a", args: {} }),
      child(early, { name: "b", args }),
    ];
    await using harness = new Harness({
      children: [{ name: "s", strategy: "rest_for_one", intensity: 5, children }],
    });
    journal.gate("b1").resolve();
    await harness.system.started;
    await crash(harness, journal, "s/a");
    // a crashes again while b's second life is about to start.
    const a = harness.system.ref(Work, "s/a");
    const failed = a.ask("wait", "gate").catch((error: Error) => error.name);
    await settle();
    journal.take();
    if (isAskedBefore) journal.gate("b2").resolve();
    await settle();
    journal.gate("gate").reject(new Error("boom"));
    assertEquals(await failed, "ActorFailed");
    await settle();
    if (!isAskedBefore) journal.gate("b2").resolve();
    await settle();
    assertEquals(journal.take(), ["a ends crash", "a starts 3", "b begins 3"]);
    journal.gate("b3").resolve();
    await settle();
    assertEquals(journal.take(), ["b has 3"]);
    assertEquals(harness.children("s"), "a3 b3");
  });
}

Deno.test("what a group restart ends may ask who runs", async () => {
  const journal = new Journal();
  const children = [
    child(journal.actor, { name: "a", args: {} }),
    child(journal.actor, { name: "c", args: {} }),
    asker(journal),
  ];
  await using harness = new Harness({
    children: [{ name: "s", strategy: "rest_for_one", children }],
  });
  await settle();
  journal.take();
  await crash(harness, journal, "s/c");
  assertEquals(journal.take(), [
    "c ends crash",
    "a waited for at the end",
    "b at the end: at the end",
    "c starts 2",
  ]);
});

Deno.test("a crash while another restart is under way waits for its turn", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { a: { args: { init: "gate" } } }));
  journal.gate("gate").resolve();
  await harness.system.started;
  const gate = Promise.withResolvers<void>();
  journal.gate = () => gate;
  await crash(harness, journal, "s/a");
  await crash(harness, journal, "s/b");
  assertEquals(harness.children("s"), "a:starting b:down c1");
  gate.resolve();
  await settle();
  assertEquals(harness.children("s"), "a2 b2 c1");
});

Deno.test("a crash that a group restart under way deals with is not dealt with twice", async () => {
  const journal = new Journal();
  const tree = abc(journal, { strategy: "one_for_all" });
  await using harness = new Harness(tree);
  journal.cleanUps.set("c", () => journal.gate("gate").promise);
  await crash(harness, journal, "s/a");
  await crash(harness, journal, "s/b");
  journal.gate("gate").resolve();
  await settle();
  assertEquals(harness.children("s"), "a2 b2 c2");
});

Deno.test("a failed init at a restart counts as a crash and is tried again", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 3 }));
  journal.failInit = (name, incarnation) => name === "b" && incarnation < 4;
  await crash(harness, journal, "s/b");
  assertEquals([harness.children("s"), harness.children()], ["a1 b4 c1", "s1"]);
});

Deno.test("an init that keeps failing at a restart makes the supervisor give up", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 3 }));
  journal.failInit = (name, incarnation) => name === "b" && incarnation < 5;
  await crash(harness, journal, "s/b");
  assertEquals([harness.children("s"), harness.children()], ["a2 b5 c2", "s2"]);
});

Deno.test("a failed init in a group restart is tried again with the siblings after it", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  journal.failInit = (name, incarnation) => name === "b" && incarnation === 2;
  await crash(harness, journal, "s/c");
  assertEquals(harness.children("s"), "a3 b3 c2");
});

for (const intensityScope of ["child", "supervisor"] as const) {
  Deno.test(`intensity per ${intensityScope}: as many restarts as allowed are made`, async () => {
    const journal = new Journal();
    await using harness = new Harness(
      abc(journal, { intensityScope, intensity: 2, periodMs: 1_000 }),
    );
    for (let i = 0; i < 2; i++) await crash(harness, journal, "s/b");
    assertEquals([harness.children(), harness.children("s")], ["s1", "a1 b3 c1"]);
  });

  Deno.test(`intensity per ${intensityScope}: one restart more makes it give up`, async () => {
    const journal = new Journal();
    await using harness = new Harness(
      abc(journal, { intensityScope, intensity: 2, periodMs: 1_000 }),
    );
    for (let i = 0; i < 3; i++) await crash(harness, journal, "s/b");
    assertEquals([harness.children(), harness.children("s")], ["s2", "a2 b4 c2"]);
  });

  Deno.test(`intensity per ${intensityScope}: a restart exactly one period ago counts`, async () => {
    const journal = new Journal();
    await using harness = new Harness(
      abc(journal, { intensityScope, intensity: 1, periodMs: 1_000 }),
    );
    await crash(harness, journal, "s/b");
    await harness.advance(1_000);
    await crash(harness, journal, "s/b");
    assertEquals(harness.children(), "s2");
  });

  Deno.test(`intensity per ${intensityScope}: a restart longer ago does not count`, async () => {
    const journal = new Journal();
    await using harness = new Harness(
      abc(journal, { intensityScope, intensity: 1, periodMs: 1_000 }),
    );
    await crash(harness, journal, "s/b");
    await harness.advance(1_000.5);
    await crash(harness, journal, "s/b");
    assertEquals([harness.children(), harness.children("s")], ["s1", "a1 b3 c1"]);
  });
}

Deno.test("intensity per child: restarts of different children are not added up", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 1 }));
  for (const name of ["a", "b", "c"]) await crash(harness, journal, `s/${name}`);
  assertEquals([harness.children(), harness.children("s")], ["s1", "a2 b2 c2"]);
});

Deno.test("intensity per supervisor: restarts of different children are added up", async () => {
  const journal = new Journal();
  await using harness = new Harness(
    abc(journal, { intensity: 1, intensityScope: "supervisor" }),
  );
  for (const name of ["a", "b"]) await crash(harness, journal, `s/${name}`);
  assertEquals(harness.children(), "s2");
});

Deno.test("one restart in 5 s is allowed by default", async () => {
  const journal = new Journal();
  await using harness = new Harness({ children: [child(journal.actor, { name: "a", args: {} })] });
  await crash(harness, journal, "a");
  assertEquals(harness.children(), "a2");
  await crash(harness, journal, "a");
  assertInstanceOf(await harness.system.done, IntensityReached);
});

// ---- escalation -----------------------------------------------------------------------------------

Deno.test("a transient supervisor that gives up is not restarted: it ends with shutdown", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0, restart: "transient" }));
  await crash(harness, journal, "s/b");
  assertEquals(harness.children(), "s:stopped");
});

Deno.test("a supervisor that gives up stops its children in reverse", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0, restart: "transient" }));
  journal.take();
  await crash(harness, journal, "s/b");
  assertEquals(journal.take(), ["b ends crash", "c ends shutdown", "a ends shutdown"]);
});

Deno.test("the root's giving up settles `done` with the cause of the last restart", async () => {
  const journal = new Journal();
  await using harness = new Harness({ ...abc(journal, { intensity: 0 }), intensity: 0 });
  await crash(harness, journal, "s/b");
  const error = await harness.system.done;
  assertInstanceOf(error, IntensityReached);
  assertStringIncludes(error.message, "boom");
});

Deno.test("the root's giving up calls onGaveUp", async () => {
  const journal = new Journal();
  let seen: unknown = null;
  await using harness = new Harness({
    intensity: 0,
    children: [child(journal.actor, { name: "a", args: {} })],
    onGaveUp: (error) => seen = error,
  });
  await crash(harness, journal, "a");
  assertInstanceOf(seen, IntensityReached);
});

Deno.test("the restart of a supervisor starts temporary children that had ended", async () => {
  const journal = new Journal();
  await using harness = new Harness(
    abc(journal, { intensity: 0 }, { c: { restart: "temporary" } }),
  );
  await crash(harness, journal, "s/c");
  assertEquals(harness.children("s"), "a1 b1 c:stopped");
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b2 c2");
});

Deno.test("the restart of a supervisor empties its restart windows", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 1 }));
  for (let i = 0; i < 2; i++) await crash(harness, journal, "s/b");
  assertEquals(harness.children(), "s2");
  await crash(harness, journal, "s/b");
  assertEquals(harness.children(), "s2");
});

// ---- temporary siblings, dynamic children ---------------------------------------------------------

Deno.test("a temporary sibling stopped by a group restart is not started again", async () => {
  const journal = new Journal();
  await using harness = new Harness(
    abc(journal, { strategy: "one_for_all" }, { c: { restart: "temporary" } }),
  );
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b2 c:stopped");
});

Deno.test("a transient sibling that had ended is started again by a group restart", async () => {
  const journal = new Journal();
  await using harness = new Harness(
    abc(journal, { strategy: "one_for_all" }, { c: { restart: "transient" } }),
  );
  harness.system.ref(Work, "s/c").tell("leave", "normal");
  await settle();
  assertEquals(harness.children("s"), "a1 b1 c:stopped");
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b2 c2");
});

Deno.test("a spawned temporary actor that ends is removed, and its name is free", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const options = { name: "t", args: {}, restart: "temporary" } as const;
  harness.system.spawn(journal.actor, options).tell("leave", "normal");
  await settle();
  assertEquals(harness.children(), "");
  harness.system.spawn(journal.actor, options);
  assertEquals(harness.children(), "t1");
});

Deno.test("a spawned temporary actor stopped by a group restart is removed", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  harness.system.spawn(journal.actor, {
    name: "t",
    args: {},
    restart: "temporary",
    under: "/wick/s",
  });
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b2 c2");
  assertEquals(harness.system.nodeAt("/wick/s/t"), null);
});

Deno.test("a spawned permanent actor comes back when its supervisor is restarted", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0 }));
  harness.system.spawn(journal.actor, { name: "d", args: {}, under: "/wick/s" });
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b2 c2 d2");
});

Deno.test("a spawned temporary actor is gone when its supervisor is restarted", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0 }));
  harness.system.spawn(journal.actor, {
    name: "t",
    args: {},
    restart: "temporary",
    under: "/wick/s",
  });
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b2 c2");
});

Deno.test("spawn() during a restart starts the actor in its turn", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  journal.cleanUps.set("c", () => journal.gate("gate").promise);
  await crash(harness, journal, "s/a");
  const ref = harness.system.spawn(journal.actor, { name: "d", args: {}, under: "/wick/s" });
  ref.tell("do", "early");
  await settle();
  assertEquals(harness.node("s/d").state, "down");
  journal.take();
  journal.gate("gate").resolve();
  await settle();
  assertEquals(journal.take().slice(-2), ["d starts 1", "d does early"]);
});

Deno.test("spawn() throws when the init fails, and the name is free again", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  journal.failInit = (_name, incarnation) => incarnation === 1;
  const spawn = () => harness.system.spawn(journal.actor, { name: "a", args: {} });
  assertThrows(spawn, StartFailed, "init of a fails");
  journal.failInit = () => false;
  spawn();
  assertEquals(harness.children(), "a1");
});

Deno.test("spawn() under a stopped supervisor throws", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s");
  assertThrows(
    () => harness.system.spawn(journal.actor, { name: "d", args: {}, under: "/wick/s" }),
    StartFailed,
    "is stopped",
  );
});

Deno.test("spawn() refuses a name that is taken", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  assertThrows(
    () => harness.system.spawn(journal.actor, { name: "a", args: {} }),
    TypeError,
    "the name is taken",
  );
});

Deno.test("spawn() refuses a name with a slash", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  assertThrows(
    () => harness.system.spawn(journal.actor, { name: "a/b", args: {} }),
    TypeError,
    "expected a name",
  );
});

// ---- what does not stop ---------------------------------------------------------------------------

Deno.test("a child that never stops is killed after its shutdown time", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { b: { shutdownMs: 200 } }));
  harness.system.ref(Work, "s/b").tell("wait", "never");
  await settle();
  const stopped = harness.system.stop();
  await harness.advance(199);
  assertEquals(harness.node("s/b").state, "running");
  await harness.advance(1);
  await stopped;
  assertEquals(harness.node("s/b").lastExit, "killed");
});

Deno.test("a brutal shutdown does not wait for the message under way", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { b: { shutdownMs: "brutal" } }));
  const asked = harness.system.ref(Work, "s/b").ask("wait", "never");
  await settle();
  await Promise.all([assertRejects(() => asked), harness.system.stop()]);
  assertEquals(harness.node("s/b").lastExit, "killed");
});

Deno.test("a sibling that never stops delays a group restart by its shutdown time only", async () => {
  const journal = new Journal();
  await using harness = new Harness(
    abc(journal, { strategy: "one_for_all" }, { b: { shutdownMs: 200 } }),
  );
  harness.system.ref(Work, "s/b").tell("wait", "never");
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a:down b1 c:down");
  await harness.advance(200);
  assertEquals(harness.children("s"), "a2 b2 c2");
});

Deno.test("a clean-up after a crash that never ends delays the restart by its shutdown time", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { b: { shutdownMs: 200 } }));
  journal.cleanUps.set("b", () => new Promise(() => {}));
  await crash(harness, journal, "s/b");
  assertEquals(harness.children("s"), "a1 b:stopping c1");
  await harness.advance(200);
  assertEquals(harness.children("s"), "a1 b2 c1");
});

// ---- stop, restart on request, stopAt -------------------------------------------------------------

Deno.test("a stop during a restart ends it: what was restarting is not started", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  journal.cleanUps.set("c", () => journal.gate("gate").promise);
  await crash(harness, journal, "s/a");
  journal.take();
  const stopped = harness.system.stop();
  journal.gate("gate").resolve();
  await stopped;
  assertEquals(journal.take(), ["b ends shutdown"]);
});

Deno.test("a stop while a restarted child is starting ends that start", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, {}, { a: { args: { init: "gate" } } }));
  journal.gate("gate").resolve();
  await harness.system.started;
  const late = Promise.withResolvers<void>();
  journal.gate = () => late;
  await crash(harness, journal, "s/a");
  await harness.system.stop();
  assertEquals(harness.node("s/a").state, "stopped");
  late.resolve();
  await settle();
  assertEquals(journal.take().slice(-2), ["a starts 2", "a ends killed"]);
});

Deno.test("a factory that stops the system is not run on", async () => {
  const journal = new Journal();
  let harness: Harness | null = null;
  const stopper = actor(Work, (ctx) => {
    if (ctx.incarnation > 1) void harness?.system.stop();
    ctx.onStop((reason) => void journal.lines.push(reason));
    return journal.actor.create(ctx, {});
  });
  harness = new Harness({ children: [child(stopper, { name: "a", args: {} })] });
  await using _ = harness;
  harness.system.ref(Work, "a").tell("crash", "boom");
  await settle();
  assertEquals(harness.node("a").state, "stopped");
});

Deno.test("restart() restarts one actor and does not count", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0, strategy: "one_for_all" }));
  harness.system.restart("/wick/s/b");
  await settle();
  assertEquals([harness.children(), harness.children("s")], ["s1", "a1 b2 c1"]);
});

Deno.test("restart() restarts a supervisor with its children", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  harness.system.restart("/wick/s");
  await settle();
  assertEquals([harness.children(), harness.children("s")], ["s2", "a2 b2 c2"]);
});

Deno.test("restart() keeps what is queued", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  const b = harness.system.ref(Work, "s/b");
  b.tell("wait", "gate");
  await settle();
  b.tell("do", "later");
  harness.system.restart("/wick/s/b");
  journal.gate("gate").resolve();
  await settle();
  assertEquals(journal.take().slice(-3), ["b ends shutdown", "b starts 2", "b does later"]);
});

Deno.test("restart() of a child whose init keeps failing makes the next try void", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  // Requested first, so that it is dealt with while the failed start waits to be tried again.
  journal.failInit = (name, incarnation) => {
    if (name === "b" && incarnation === 2) harness.system.restart("/wick/s/b");
    return name === "b" && incarnation === 2;
  };
  await crash(harness, journal, "s/b");
  assertEquals(harness.children("s"), "a1 b3 c1");
  assertEquals(journal.take().filter((line) => line.startsWith("b starts")), [
    "b starts 1",
    "b starts 3",
  ]);
});

Deno.test("restart() brings back a child that was stopped on request", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s/b");
  harness.system.restart("/wick/s/b");
  await settle();
  assertEquals(harness.children("s"), "a1 b2 c1");
});

Deno.test("stopAt() drains an actor and stops it for good", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  const b = harness.system.ref(Work, "s/b");
  journal.take();
  for (const text of ["1", "2"]) b.tell("do", text);
  await harness.system.stopAt("/wick/s/b");
  assertEquals(journal.take(), ["b does 1", "b does 2", "b ends shutdown"]);
  assertEquals(harness.children("s"), "a1 b:stopped c1");
});

Deno.test("stopAt() leaves an actor out of group restarts", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  await harness.system.stopAt("/wick/s/b");
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a2 b:stopped c2");
});

Deno.test("stopAt() of a child that waits for another try starts it no more", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  let stopped: Promise<void> | null = null;
  journal.failInit = (name, incarnation) => {
    if (name === "b" && incarnation === 2) stopped = harness.system.stopAt("/wick/s/b");
    return name === "b" && incarnation === 2;
  };
  await crash(harness, journal, "s/b");
  await stopped;
  assertEquals(harness.children("s"), "a1 b:stopped c1");
});

Deno.test("stopAt() of a child whose supervisor is stopped resolves", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await harness.system.stopAt("/wick/s");
  await harness.system.stopAt("/wick/s/b");
  assertEquals(harness.node("s/b").state, "stopped");
});

Deno.test("stopAt() resolves when the system stops first", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { strategy: "one_for_all" }));
  journal.cleanUps.set("c", () => journal.gate("gate").promise);
  await crash(harness, journal, "s/a");
  const stoppedAt = harness.system.stopAt("/wick/s/b");
  journal.gate("gate").resolve();
  await harness.system.stop();
  await stoppedAt;
  assertEquals(harness.node("s/b").state, "stopped");
});

Deno.test("stopAt() of a spawned actor removes it", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  harness.system.spawn(journal.actor, { name: "d", args: {} });
  await harness.system.stopAt("/wick/d");
  assertEquals(harness.system.nodeAt("/wick/d"), null);
});

Deno.test("stopAt() and restart() refuse the root and what is not there", async () => {
  await using harness = new Harness();
  assertThrows(() => harness.system.restart("/wick/none"), TypeError, "nothing lives there");
  assertThrows(() => harness.system.restart("/wick"), TypeError, "it is the root");
});

// ---- backoff --------------------------------------------------------------------------------------

const BACKOFF = { minMs: 100, maxMs: 300, jitter: 0 };

Deno.test("a backoff grows by its factor up to its longest pause", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { backoff: BACKOFF }));
  for (const [restarts, pauseMs] of [[1, 100], [2, 200], [3, 300], [4, 300]] as const) {
    await crash(harness, journal, "s/b");
    await harness.advance(pauseMs - 1);
    assertEquals(harness.node("s/b").state, "down");
    await harness.advance(1);
    assertEquals(harness.children("s"), `a1 b${restarts + 1} c1`);
  }
});

Deno.test("jitter takes its share of the pause off by chance", async () => {
  const journal = new Journal();
  const random = { next: () => 0.5 };
  await using harness = new Harness({
    ...abc(journal, { backoff: { minMs: 100, maxMs: 100, jitter: 0.4 } }),
    random,
  });
  await crash(harness, journal, "s/b");
  await harness.advance(79);
  assertEquals(harness.node("s/b").state, "down");
  await harness.advance(1);
  assertEquals(harness.children("s"), "a1 b2 c1");
});

Deno.test("a child that waits out its backoff does not hold up its siblings' restarts", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { backoff: BACKOFF }));
  await crash(harness, journal, "s/a");
  await harness.advance(50);
  await crash(harness, journal, "s/b");
  await harness.advance(50);
  assertEquals(harness.children("s"), "a2 b:down c1");
  await harness.advance(50);
  assertEquals(harness.children("s"), "a2 b2 c1");
});

Deno.test("a backoff delays the start of a whole group, not its stop", async () => {
  const journal = new Journal();
  await using harness = new Harness(
    abc(journal, { backoff: BACKOFF, strategy: "one_for_all" }),
  );
  await crash(harness, journal, "s/a");
  assertEquals(harness.children("s"), "a:down b:down c:down");
  await harness.advance(100);
  assertEquals(harness.children("s"), "a2 b2 c2");
});

Deno.test("a stop ends a backoff and leaves no timer", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { backoff: BACKOFF }));
  await crash(harness, journal, "s/a");
  await harness.system.stop();
  assertEquals(harness.clock.nextTimerAt(), Infinity);
});

Deno.test("restart() ends a backoff", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { backoff: BACKOFF }));
  await crash(harness, journal, "s/a");
  harness.system.restart("/wick/s/a");
  await settle();
  assertEquals(harness.children("s"), "a2 b1 c1");
  await harness.advance(1_000);
  assertEquals(harness.children("s"), "a2 b1 c1");
});

Deno.test("an init that fails after a backoff is tried again after the next", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { backoff: BACKOFF }));
  journal.failInit = (_name, incarnation) => incarnation === 2;
  await crash(harness, journal, "s/a");
  await harness.advance(100);
  assertEquals(harness.node("s/a").state, "down");
  await harness.advance(200);
  assertEquals(harness.children("s"), "a3 b1 c1");
});

// ---- mailboxes over restarts ----------------------------------------------------------------------

Deno.test("a mailbox is kept over the restart of its actor, in order", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  const b = harness.system.ref(Work, "s/b");
  journal.take();
  b.tell("do", "1");
  b.tell("crash", "boom");
  b.tell("do", "2");
  b.tell("do", "3");
  await settle();
  assertEquals(journal.take(), [
    "b does 1",
    "b ends crash",
    "b starts 2",
    "b does 2",
    "b does 3",
  ]);
});

Deno.test("a mailbox is kept over the restart of its actor's supervisor", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal, { intensity: 0 }));
  const b = harness.system.ref(Work, "s/b");
  const c = harness.system.ref(Work, "s/c");
  c.tell("wait", "gate");
  await settle();
  c.tell("do", "kept");
  b.tell("crash", "boom");
  await settle();
  journal.take();
  journal.gate("gate").resolve();
  await settle();
  assertEquals(journal.take(), [
    "c waited for gate",
    "c ends shutdown",
    "a ends shutdown",
    "a starts 2",
    "b starts 2",
    "c starts 2",
    "c does kept",
  ]);
});

Deno.test("a message that crashes its actor is not given to the next incarnation", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  await crash(harness, journal, "s/b");
  assertEquals(harness.children("s"), "a1 b2 c1");
  const [letter] = harness.system.deadLetters.list();
  assertEquals(
    [letter?.path, letter?.type, letter?.reason, letter?.error],
    ["/wick/s/b", "crash", "crashed", "boom"],
  );
});

Deno.test("a ref stays valid over restarts", async () => {
  const journal = new Journal();
  await using harness = new Harness(abc(journal));
  const b = harness.system.ref(Work, "s/b");
  await crash(harness, journal, "s/b");
  assertEquals(await b.ask("who", null), 2);
});
