import { z } from "zod";
import {
  actor,
  ActorStopped,
  describeProtocol,
  InvalidMessage,
  protocol,
} from "../../src/actor/mod.ts";
import { parseMessage } from "../../src/actor/protocol.ts";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Harness } from "./support.ts";

const Orders = protocol("orders", {
  place: {
    payload: z.strictObject({ symbol: z.string(), line: z.strictObject({ lots: z.number() }) }),
    reply: z.number(),
    about: "Places an order.",
  },
  cancel: { payload: z.strictObject({ id: z.number() }) },
  commit: { payload: z.custom<Uint8Array>(), internal: true },
});

function refused(type: string, payload: unknown): InvalidMessage {
  return assertThrows(() => parseMessage(Orders, type, payload), InvalidMessage);
}

Deno.test("parseMessage() gives the entry and the parsed payload", () => {
  const { entry, payload } = parseMessage(Orders, "cancel", { id: 7 });
  assertEquals([entry, payload], [Orders.entries.cancel, { id: 7 }]);
});

Deno.test("parseMessage() names the field that is wrong, with its whole path", () => {
  const error = refused("place", { symbol: "A", line: { lots: "many" } });
  assertStringIncludes(error.message, "line.lots");
  assertEquals(error.issues.map(({ path }) => path), ["line.lots"]);
});

Deno.test("parseMessage() refuses a field that is not declared", () => {
  assertStringIncludes(refused("cancel", { id: 1, extra: 2 }).message, "extra");
});

Deno.test("parseMessage() names every wrong field", () => {
  const { issues } = refused("place", { symbol: 1, line: {} });
  assertEquals(issues.map(({ path }) => path), ["symbol", "line.lots"]);
});

Deno.test("parseMessage() refuses an internal message as if there were none", () => {
  assertStringIncludes(refused("commit", new Uint8Array()).message, "one of place, cancel");
});

for (const type of ["", "Place", "constructor", "__proto__", "toString", "hasOwnProperty"]) {
  Deno.test(`parseMessage() refuses the type ${JSON.stringify(type)}`, () => {
    assertStringIncludes(refused(type, {}).message, "expected one of place, cancel");
  });
}

Deno.test("parseMessage() does not pollute prototypes", () => {
  const payload = JSON.parse('{"id":1,"__proto__":{"polluted":true}}');
  refused("cancel", payload);
  assertEquals(({} as { polluted?: boolean }).polluted, undefined);
});

Deno.test("protocol() takes a message named like a property of every object", () => {
  const Odd = protocol("odd", { constructor: { payload: z.null() } });
  assertEquals(parseMessage(Odd, "constructor", null).entry.type, "constructor");
});

Deno.test("protocol() refuses more messages than an index can name", () => {
  const many = Object.fromEntries(
    Array.from({ length: 1_025 }, (_, i) => [`m${i}`, { payload: z.null() }]),
  );
  assertThrows(() => protocol("many", many), RangeError, "current value is 1025");
});

Deno.test("describeProtocol() leaves internal messages out", () => {
  assertEquals(describeProtocol(Orders).messages.map(({ type }) => type), ["place", "cancel"]);
});

Deno.test("describeProtocol() gives JSON Schemas of payload and reply", () => {
  const [place, cancel] = describeProtocol(Orders).messages;
  assertEquals(place?.about, "Places an order.");
  assertEquals((place?.reply as { type?: string }).type, "number");
  assertEquals(cancel?.reply, null);
  const { properties, required, additionalProperties } = cancel?.payload as Record<string, unknown>;
  assertEquals({ properties, required, additionalProperties }, {
    properties: { id: { type: "number" } },
    required: ["id"],
    additionalProperties: false,
  });
});

// ---- from outside ---------------------------------------------------------------------------------

function orders(harness: Harness): void {
  const book = actor(Orders, () => {
    let placed = 0;
    return { place: () => ++placed, cancel: () => {}, commit: () => {} };
  });
  harness.system.spawn(book, { name: "book", args: {} });
}

Deno.test("askFromOutside() replies to a valid message", async () => {
  await using harness = new Harness();
  orders(harness);
  const payload = { symbol: "A", line: { lots: 1 } };
  assertEquals(await harness.system.askFromOutside("/wick/book", "place", payload), 1);
});

Deno.test("askFromOutside() refuses a message that has no reply", async () => {
  await using harness = new Harness();
  orders(harness);
  const ask = () => harness.system.askFromOutside("/wick/book", "cancel", { id: 1 });
  await assertRejects(ask, InvalidMessage, "it has no reply");
});

Deno.test("tellFromOutside() refuses an invalid message, and nothing is sent", async () => {
  await using harness = new Harness();
  orders(harness);
  const tell = () => harness.system.tellFromOutside("/wick/book", "cancel", { id: "x" });
  assertThrows(tell, InvalidMessage, "id");
  assertEquals(harness.system.counts().sent, 0);
});

Deno.test("tellFromOutside() refuses internal messages", async () => {
  await using harness = new Harness();
  orders(harness);
  const tell = () => harness.system.tellFromOutside("/wick/book", "commit", new Uint8Array());
  assertThrows(tell, InvalidMessage);
});

Deno.test("tellFromOutside() says when no actor lives there", async () => {
  await using harness = new Harness();
  const tell = () => harness.system.tellFromOutside("/wick/none", "cancel", { id: 1 });
  assertThrows(tell, ActorStopped);
});

Deno.test("tellFromOutside() does not take a supervisor for an actor", async () => {
  await using harness = new Harness();
  assertThrows(() => harness.system.tellFromOutside("/wick", "cancel", { id: 1 }), ActorStopped);
});
