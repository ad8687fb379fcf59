import { z } from "zod";
import { actor, child, protocol, type Ref, type TellRef } from "../../src/actor/mod.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { assertBalanced, Harness, Journal, settle, Work } from "./support.ts";

Deno.test("a ref by path is valid before its actor exists", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.ref(Work, "a");
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  assertEquals(await ref.ask("who", null), 1);
});

Deno.test("a ref finds the actor that was spawned anew under its name", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  const ref = harness.system.spawn(journal.actor, { name: "a", args: {} });
  await harness.system.stopAt("/wick/a");
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  assertEquals(ref.tell("do", "x"), "accepted");
  await settle();
  assertBalanced(harness.system);
});

Deno.test("a ref with a relative path starts at the root", async () => {
  await using harness = new Harness({ name: "tree" });
  assertEquals(harness.system.ref(Work, "s/a").path, "/tree/s/a");
});

Deno.test("a ref made for another protocol reaches the message of the same name", async () => {
  const journal = new Journal();
  await using harness = new Harness();
  harness.system.spawn(journal.actor, { name: "a", args: {} });
  // `who` is the first message here and the last of the actor's own protocol.
  const Other = protocol("other", { who: { payload: z.null(), reply: z.number() } });
  assertEquals(await harness.system.ref(Other, "a").ask("who", null), 1);
});

Deno.test("a ref to a supervisor's path delivers nothing", async () => {
  await using harness = new Harness({ children: [{ name: "s" }] });
  assertEquals(harness.system.ref(Work, "s").tell("do", "x"), "stopped");
  assertBalanced(harness.system);
});

Deno.test("declared children are given refs to those declared before them", async () => {
  const journal = new Journal();
  const Pass = protocol("pass", { go: { payload: z.null(), reply: z.number() } });
  const pass = actor(Pass, (_ctx, { to }: { to: Ref<typeof Work.definition> }) => ({
    go: () => to.ask("who", null),
  }));
  await using harness = new Harness({
    children: [
      child(journal.actor, { name: "a", args: {} }),
      child(pass, { name: "p", args: (refs) => ({ to: refs.ask(Work, "a") }) }),
    ],
  });
  assertEquals(await harness.system.ref(Pass, "p").ask("go", null), 1);
});

Deno.test("a declared child cannot be given a ref to ask one declared after it", () => {
  const journal = new Journal();
  const make = () =>
    new Harness({
      children: [
        child(journal.actor, { name: "a", args: (refs) => (refs.ask(Work, "b"), {}) }),
        child(journal.actor, { name: "b", args: {} }),
      ],
    });
  assertThrows(make, TypeError, "expected an actor declared before it");
});

Deno.test("refs.tell() reaches a child declared later", async () => {
  const journal = new Journal();
  const Pass = protocol("pass", { go: { payload: z.null() } });
  const pass = actor(Pass, (_ctx, { to }: { to: TellRef<typeof Work.definition> }) => ({
    go: () => void to.tell("do", "x"),
  }));
  await using harness = new Harness({
    children: [
      child(pass, { name: "p", args: (refs) => ({ to: refs.tell(Work, "a") }) }),
      child(journal.actor, { name: "a", args: {} }),
    ],
  });
  harness.system.ref(Pass, "p").tell("go", null);
  await settle();
  assertEquals(journal.take(), ["a starts 1", "a does x"]);
});

// ---- types ----------------------------------------------------------------------------------------

const Typed = protocol("typed", {
  add: { payload: z.strictObject({ by: z.number() }) },
  total: { payload: z.strictObject({}), reply: z.number() },
});

/** Never called: whether it compiles is the test. */
export function typesAreChecked(ref: Ref<typeof Typed.definition>): void {
  // @ts-expect-error: the handler of `total` is missing
  actor(Typed, () => ({ add: () => {} }));
  // @ts-expect-error: `total` replies with a number
  actor(Typed, () => ({ add: () => {}, total: () => "1" }));
  // @ts-expect-error: `total` replies with a promise of a number
  actor(Typed, () => ({ add: () => {}, total: () => Promise.resolve("1") }));
  // @ts-expect-error: `add` has no reply
  actor(Typed, () => ({ add: () => 1, total: () => 1 }));
  // @ts-expect-error: `by` is a number
  actor(Typed, () => ({ add: ({ by }: { by: string }) => void by, total: () => 1 }));
  // @ts-expect-error: there is no such message
  ref.tell("subtract", { by: 1 });
  // @ts-expect-error: `by` is a number
  ref.tell("add", { by: "1" });
  // @ts-expect-error: `by` is missing
  ref.tell("add", {});
  // @ts-expect-error: the reply is a number
  ref.ask("total", {}) satisfies Promise<string>;
  // @ts-expect-error: a ref that can only tell does not ask
  (ref as TellRef<typeof Typed.definition>).ask("total", {});
  // @ts-expect-error: there is no such priority
  ref.tell("add", { by: 1 }, { priority: "highest" });
  const counter = actor(Typed, (_ctx, { start }: { start: number }) => ({
    add: () => {},
    total: () => start,
  }));
  // @ts-expect-error: `start` is a number
  child(counter, { name: "c", args: { start: "1" } });
  // @ts-expect-error: `start` is missing
  child(counter, { name: "c", args: {} });
}

Deno.test("a handler that is missing, a payload or a reply that is wrong do not compile", () => {
  // `deno test` checks the types of this file: an unused @ts-expect-error would fail it.
  assertEquals(typeof typesAreChecked, "function");
});
