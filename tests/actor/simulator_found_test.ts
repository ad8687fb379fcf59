/**
 * What chaos found in the runtime, each as the shortest history that shows it.
 */

import { assertEquals } from "@std/assert";
import { z } from "zod";
import {
  actor,
  child,
  type Context,
  protocol,
  Simulator,
  type SupervisorSpec,
} from "../../src/actor/mod.ts";

const Quiet = protocol("quiet", {
  gone: { payload: z.strictObject({ path: z.string(), reason: z.string() }) },
  nap: { payload: z.strictObject({ turns: z.number() }) },
});

/** How an incarnation of a child begins: at once unless named here. */
type Inits = Record<string, Record<number, "later" | "laterFails" | "fails">>;

/** A tree whose inits go as planned; `live` are the incarnations that are not over. */
class Stage {
  readonly contexts: Context<typeof Quiet.definition>[] = [];
  readonly told: string[] = [];
  readonly simulator: Simulator;
  readonly quiet = actor(Quiet, (ctx) => {
    this.contexts.push(ctx);
    const init = this.inits[ctx.name]?.[ctx.incarnation];
    const handlers = {
      gone: ({ path }: { path: string }) => void this.told.push(`${ctx.name} hears ${path}`),
      nap: async ({ turns }: { turns: number }) => {
        for (let i = 0; i < turns; i++) await null;
        this.told.push(`${ctx.name} woke`);
      },
    };
    if (init === "fails") throw new Error("init fails");
    if (init === undefined) return handlers;
    return new Promise<typeof handlers>((resolve, reject) => {
      const end = () => init === "later" ? resolve(handlers) : reject(new Error("init fails"));
      ctx.clock.setTimer(10, end);
    });
  });

  constructor(
    readonly inits: Inits,
    options: Pick<SupervisorSpec, "strategy">,
    children: Record<string, "permanent" | "temporary">,
  ) {
    this.simulator = new Simulator({
      seed: 1,
      system: {
        ...options,
        log: null,
        intensity: 20,
        children: Object.entries(children).map(([name, restart]) =>
          child(this.quiet, { name, restart, args: {} })
        ),
      },
    });
  }

  get live(): string[] {
    return this.contexts.filter((ctx) => ctx.live).map((ctx) => ctx.name).sort();
  }

  get system() {
    return this.simulator.system;
  }
}

Deno.test("System.restart() leaves a child alone whose spawn failed meanwhile", async () => {
  const stage = new Stage({ s: { 1: "laterFails" } }, {}, { a: "permanent" });
  stage.system.spawn(stage.quiet, { name: "s", args: {} });
  stage.system.restart("/wick/s");
  await stage.simulator.advance(100);
  assertEquals(stage.live, ["a"]);
  assertEquals(stage.system.nodeAt("/wick/s"), null);
});

Deno.test("System.restart() of a child whose start failed goes on with its group", async () => {
  const stage = new Stage({ a: { 2: "laterFails" } }, { strategy: "rest_for_one" }, {
    a: "permanent",
    b: "permanent",
  });
  stage.simulator.kill("/wick/a");
  await stage.simulator.run();
  stage.system.restart("/wick/a");
  await stage.simulator.advance(100);
  assertEquals(stage.live, ["a", "b"]);
});

Deno.test("System.stopAt() of a child whose start failed starts those that wait for it", async () => {
  const stage = new Stage({ a: { 2: "laterFails" } }, { strategy: "rest_for_one" }, {
    a: "permanent",
    b: "permanent",
    c: "permanent",
  });
  stage.simulator.kill("/wick/a");
  await stage.simulator.run();
  void stage.system.stopAt("/wick/a");
  await stage.simulator.advance(100);
  assertEquals(stage.live, ["b", "c"]);
});

Deno.test("System.spawn() starts a child once when a group restart is faster", async () => {
  const stage = new Stage({ b: { 2: "later" }, s: { 1: "fails" } }, { strategy: "rest_for_one" }, {
    a: "permanent",
    b: "permanent",
  });
  stage.simulator.kill("/wick/b");
  await stage.simulator.run();
  // While b starts, the exit of a waits, and behind it the spawn.
  stage.simulator.kill("/wick/a");
  stage.system.spawn(stage.quiet, { name: "s", args: {} });
  await stage.simulator.advance(100);
  assertEquals(stage.live, ["a", "b", "s"]);
});

Deno.test("System.restart() of a sibling that a failed group restart left out", async () => {
  const stage = new Stage({ a: { 2: "laterFails" } }, { strategy: "one_for_all" }, {
    a: "permanent",
    t: "temporary",
  });
  stage.simulator.kill("/wick/a");
  await stage.simulator.run();
  stage.system.restart("/wick/t");
  await stage.simulator.advance(100);
  // The next try of a leaves it out again.
  assertEquals(stage.live, ["a"]);
  await stage.system.stop();
  assertEquals(stage.live, []);
});

Deno.test("Context.watch() tells only the incarnation that watches", async () => {
  const stage = new Stage({}, {}, { w: "permanent", x: "temporary" });
  const watcher = stage.contexts[0] as Context<typeof Quiet.definition>;
  watcher.watch(stage.system.ref(Quiet, "x"), "gone");
  stage.simulator.kill("/wick/x", "normal");
  while (stage.system.nodeAt("/wick/x")?.state !== "stopped") stage.simulator.scheduler.step();
  stage.simulator.kill("/wick/w");
  await stage.simulator.run();
  assertEquals(stage.live, ["w"]);
  assertEquals(stage.told, []);
  const { sent, handled, queued, deadLettered, superseded } = stage.system.counts();
  assertEquals([sent, handled, queued, deadLettered, superseded], [1, 0, 0, 0, 1]);
});

Deno.test("Simulator.advance() waits for a promise however long its chain is", async () => {
  const stage = new Stage({}, {}, { a: "permanent" });
  stage.system.ref(Quiet, "a").tell("nap", { turns: 500 });
  await stage.simulator.advance(0);
  assertEquals(stage.told, ["a woke"]);
});
