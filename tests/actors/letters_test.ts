/** Keeping dead letters: what is written, what is left out, and what a crash or a stop costs. */

import { assert, assertEquals } from "@std/assert";
import { actor, child, protocol, Simulator } from "../../src/actor/mod.ts";
import { LETTER_BOUNDS } from "../../src/store/port.ts";
import { letters, lettersArgs } from "../../actors/letters.ts";
import { Letters, Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import { SpyStore } from "./spy_store.ts";
import { z } from "zod";

const Target = protocol("target", {
  take: { payload: z.custom<unknown>() },
});
/** Throws whatever comes. */
const target = actor(Target, () => ({
  take: () => {
    throw new Error("it cannot be taken");
  },
}));

/** A store and who keeps letters in it. */
class Rig {
  readonly logged: string[] = [];
  readonly simulator: Simulator;
  /** Whether what writes crashes. */
  isBroken = false;
  constructor(readonly backend: SpyStore = new SpyStore()) {
    this.simulator = new Simulator({
      seed: 1,
      system: {
        intensity: 10_000,
        log: (_level, path, message) => {
          if (path === "/wick/letters") this.logged.push(message);
        },
        children: [
          child(store, { name: "store", args: { kind: "open", backend } }),
          child(letters, {
            name: "letters",
            args: ({ ask, system }) => lettersArgs(ask(Store, "store"), system),
          }),
          child(target, { name: "target", args: {} }),
        ],
      },
      faults: {
        beforeInit() {},
        beforeHandle: (path, type) => {
          if (this.isBroken && path === "/wick/letters" && type === "write") {
            throw new Error("it cannot write");
          }
        },
        onTheWay: () => 0,
      },
    });
  }

  /** A message that nobody is there for. */
  lose(payload: unknown): void {
    this.simulator.system.ref(Target, "nobody").tell("take", payload);
  }

  get held() {
    return this.backend.letters({}, Infinity);
  }

  async status() {
    const asked = this.simulator.system.ref(Letters, "letters").ask("status", {});
    await this.simulator.run();
    return await asked;
  }

  async stop(): Promise<void> {
    const stopped = this.simulator.system.stop();
    await this.simulator.advance(10_000);
    await stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

Deno.test("letters are written once a second, with what was sent and why it was not handled", async () => {
  await using rig = new Rig();
  await rig.simulator.advance(100);
  rig.lose({ a: 1, times: Float64Array.of(1, 2.5), deep: { list: [null, "x"] } });
  rig.simulator.system.ref(Target, "target").tell("take", "text");
  await rig.simulator.advance(800);
  assertEquals(rig.held, []);
  assertEquals(await rig.status(), { written: 0, left: 0, waiting: 2 });
  await rig.simulator.advance(200);
  const [lost, crashed, ...more] = rig.held.map(({ id: _id, atMs: _at, ...letter }) => letter);
  assertEquals(lost, {
    path: "/wick/nobody",
    type: "take",
    reason: "stopped",
    error: null,
    payload: '{"a":1,"times":[1,2.5],"deep":{"list":[null,"x"]}}',
  });
  assertEquals([crashed?.path, crashed?.reason], ["/wick/target", "crashed"]);
  assert(crashed?.error?.includes("it cannot be taken"));
  assertEquals(crashed?.payload, '"text"');
  assertEquals(more, []);
  assertEquals(await rig.status(), { written: 2, left: 0, waiting: 0 });
  const { at } = rig.simulator.system.deadLetters.list({})[0] ?? { at: NaN };
  assertEquals(rig.held[0]?.atMs, at);
});

Deno.test("a letter whose payload JSON cannot hold, or that is too long, is kept without it", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  const ring: Record<string, unknown> = {};
  ring.self = ring;
  const { payloadChars } = LETTER_BOUNDS;
  const payloads = [
    ring,
    { count: 10n },
    undefined,
    () => {},
    new DataView(new ArrayBuffer(8)),
    "x".repeat(payloadChars - 1),
    new Float64Array(payloadChars),
    "x".repeat(payloadChars - 2),
  ];
  for (const payload of payloads) rig.lose(payload);
  await rig.simulator.advance(1_000);
  assertEquals(rig.held.map(({ payload }) => payload), [
    ...Array(7).fill(null),
    JSON.stringify(payloads[7]),
  ]);
});

Deno.test("a flood of letters is kept up to a thousand a write, and the rest is counted", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  for (let i = 0; i < 1_250; i++) rig.lose(i);
  assertEquals(await rig.status(), { written: 0, left: 250, waiting: 1_000 });
  await rig.simulator.advance(1_000);
  assertEquals(await rig.status(), { written: 1_000, left: 250, waiting: 0 });
  assertEquals(rig.held.map(({ payload }) => Number(payload)), [...Array(1_000).keys()]);
  rig.lose("later");
  await rig.simulator.advance(1_000);
  assertEquals(rig.held.at(-1)?.payload, '"later"');
});

Deno.test("letters that the store refuses are counted and said, and the next ones are tried", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  rig.backend.refuseLetters = () => ({ state: "refused", code: "disk_full", message: "no room" });
  rig.lose(1);
  rig.lose(2);
  await rig.simulator.advance(1_000);
  assertEquals(await rig.status(), { written: 0, left: 2, waiting: 0 });
  assertEquals(rig.logged, ["dead letters could not be kept"]);
  rig.backend.refuseLetters = () => null;
  rig.lose(3);
  await rig.simulator.advance(1_000);
  assertEquals(rig.held.map(({ payload }) => payload), ["3"]);
  assertEquals(await rig.status(), { written: 1, left: 2, waiting: 0 });
});

Deno.test("letters to whoever keeps letters are not kept: one would bring the next", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  rig.isBroken = true;
  for (let i = 0; i < 5; i++) await rig.simulator.advance(1_000);
  rig.isBroken = false;
  await rig.simulator.advance(5_000);
  const { deadLetters } = rig.simulator.system;
  assertEquals(deadLetters.list({ path: "/wick/letters" }).length, 5);
  assertEquals(rig.held, []);
});

Deno.test("after a crash of whoever keeps letters each one is kept once", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  rig.lose("before");
  rig.simulator.kill("/wick/letters");
  await rig.simulator.run();
  rig.lose("after");
  await rig.simulator.advance(1_000);
  assertEquals(rig.held.map(({ payload }) => payload), ['"before"', '"after"']);
});

Deno.test("letters that wait at the stop are written before the store ends", async () => {
  const rig = new Rig();
  await rig.simulator.run();
  rig.lose("last");
  await rig.stop();
  assertEquals(rig.held.map(({ payload }) => payload), ['"last"']);
});
