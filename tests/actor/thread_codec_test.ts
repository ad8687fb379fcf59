import { z } from "zod";
import { seededRandom } from "../../src/actor/clock.ts";
import { protocol } from "../../src/actor/mod.ts";
import {
  NumberPost,
  packMessages,
  unpackMessages,
  unpackNumbers,
} from "../../src/actor/thread_codec.ts";
import { assertEquals } from "@std/assert";
import { seedOf } from "./seed.ts";

const Mixed = protocol("mixed", {
  tick: { payload: z.strictObject({ bid: z.number(), ask: z.number() }) },
  text: { payload: z.string() },
  empty: { payload: z.strictObject({}) },
});
type Name = keyof typeof Mixed.entries;

/** What comes out of the other side, as `[type, payload, cause]`. */
function roundTrip(messages: readonly (readonly [Name, unknown, number])[]): unknown[] {
  const packed = packMessages(
    messages.map(([name]) => Mixed.entries[name]),
    messages.map(([, payload]) => payload),
    messages.map(([, , cause]) => cause),
  );
  const seen: unknown[] = [];
  unpackMessages(Mixed, structuredClone(packed), (index, entry, payload, cause) => {
    assertEquals(index, seen.length);
    seen.push([entry.type, payload, cause]);
  });
  return seen;
}

for (const [bid, ask] of [[1.5, -2.5], [NaN, Infinity], [-0, 1e-320], [2 ** 53, -Infinity]]) {
  Deno.test(`packMessages() keeps the numbers ${bid} and ${ask} as they are`, () => {
    const [[, payload]] = roundTrip([["tick", { bid, ask }, 7]]) as [[string, object]];
    assertEquals(Object.values(payload).map((n) => Object.is(n, bid) || Object.is(n, ask)), [
      true,
      true,
    ]);
  });
}

Deno.test("packMessages() clones objects of numbers into no values but numbers", () => {
  const packed = packMessages([Mixed.entries.tick], [{ bid: 1, ask: 2 }], [1]);
  assertEquals([Array.from(packed.numbers), packed.cloned], [[1, 2], []]);
});

for (
  const [what, payload] of [
    ["a field more", { bid: 1, ask: 2, extra: 3 }],
    ["a field less", { bid: 1 }],
    ["a text for a number", { bid: 1, ask: "2" }],
    ["another field", { bid: 1, offer: 2 }],
    ["nothing", null],
    ["a number", 1],
  ] as const
) {
  Deno.test(`packMessages() sends what its schema does not describe as it is: ${what}`, () => {
    const next = ["tick", { bid: 8, ask: 9 }, 2] as const;
    assertEquals(roundTrip([["tick", payload, 1], next]), [["tick", payload, 1], [...next]]);
  });
}

Deno.test("packMessages() and unpackMessages() keep random messages and their order", () => {
  const seed = seedOf("codec");
  const random = seededRandom(seed);
  const messages = Array.from({ length: 2_000 }, (_, n) => {
    const pick = random.next();
    if (pick < 0.5) return ["tick", { bid: random.next(), ask: n }, n] as const;
    return pick < 0.8 ? ["text", `${n}`, n] as const : ["empty", {}, n] as const;
  });
  assertEquals(roundTrip(messages), messages.map((message) => [...message]), `seed ${seed}`);
});

/** What comes out of a frame of these messages, as `[seq, type, payload, cause]`. */
function framed(messages: readonly (readonly [Name, unknown, number])[], first: number): unknown[] {
  const post = new NumberPost();
  for (const [name, payload, cause] of messages) {
    assertEquals(post.pushMessage(Mixed.entries[name], payload, cause), true);
  }
  const seen: unknown[] = [];
  const frame = structuredClone(post.sealed(first, 0, 0));
  unpackNumbers(Mixed, frame, post.length, (seq, entry, payload, cause) => {
    seen.push([seq, entry.type, payload, cause]);
  });
  return seen;
}

Deno.test("unpackNumbers() gives back random messages that are all numbers, in order", () => {
  const seed = seedOf("numbers");
  const random = seededRandom(seed);
  const messages = Array.from({ length: 3_000 }, (_, n) => (
    random.next() < 0.7
      ? ["tick", { bid: random.next(), ask: -n }, 2 ** 36 + n] as const
      : ["empty", {}, n] as const
  ));
  assertEquals(
    framed(messages, 7),
    messages.map(([type, payload, cause], i) => [7 + i, type, payload, cause]),
    `seed ${seed}`,
  );
});

for (
  const [name, payload] of [
    ["tick", { bid: 1, ask: 2, extra: 3 }],
    ["tick", { bid: 1 }],
    ["tick", { bid: 1, ask: "2" }],
    ["tick", { bid: 1, offer: 2 }],
    ["tick", null],
    ["tick", 1],
    ["text", "1"],
  ] as const
) {
  Deno.test(`NumberPost.pushMessage() refuses ${JSON.stringify(payload)} and keeps the rest`, () => {
    const post = new NumberPost();
    post.pushMessage(Mixed.entries.tick, { bid: 1, ask: 2 }, 3);
    assertEquals(post.pushMessage(Mixed.entries[name], payload, 4), false);
    const before = post.sealed(0, 0, 0).slice(0, post.length);
    assertEquals([post.count, before.length], [1, 3 + 4]);
  });
}
