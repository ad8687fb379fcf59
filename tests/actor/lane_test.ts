import { z } from "zod";
import { seededRandom } from "../../src/actor/clock.ts";
import { Lane, type Message } from "../../src/actor/lane.ts";
import { protocol } from "../../src/actor/protocol.ts";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { seedOf } from "./seed.ts";

const { n: ENTRY } = protocol("n", { n: { payload: z.number() } }).entries;

function message(payload: number): Message {
  return { entry: ENTRY, payload, ask: null, cause: payload, atMs: payload, bytes: payload };
}

function push(lane: Lane, payload: number): number {
  return lane.push(ENTRY, payload, null, payload, payload, payload);
}

Deno.test("Lane.shift() gives messages in the order of push()", () => {
  const lane = new Lane();
  for (const n of [1, 2, 3]) push(lane, n);
  assertEquals([lane.shift()?.payload, lane.shift()?.payload, lane.shift()?.payload], [1, 2, 3]);
});

Deno.test("Lane.shift() and pop() give null when empty", () => {
  const lane = new Lane();
  assertEquals([lane.shift(), lane.pop()], [null, null]);
});

Deno.test("Lane.pop() gives the newest message", () => {
  const lane = new Lane();
  for (const n of [1, 2, 3]) push(lane, n);
  assertEquals(lane.pop()?.payload, 3);
});

Deno.test("Lane.unshift() puts a message before the oldest, also before the first ever", () => {
  const lane = new Lane();
  lane.unshift(message(2));
  lane.unshift(message(1));
  assertEquals([lane.shift()?.payload, lane.shift()?.payload], [1, 2]);
});

Deno.test("Lane.push() gives a position that stays valid while the lane grows", () => {
  const lane = new Lane();
  for (let n = 0; n < 10; n++) push(lane, n);
  const position = push(lane, 10);
  for (let n = 11; n < 100; n++) push(lane, n);
  assertEquals(lane.payloads[lane.slotOf(position)], 10);
});

Deno.test("Lane.take() takes a message out of the middle once", () => {
  const lane = new Lane();
  const positions = [1, 2, 3].map((n) => push(lane, n));
  assertEquals(lane.take(positions[1] as number)?.payload, 2);
  assertEquals(lane.take(positions[1] as number), null);
});

Deno.test("Lane.take() closes the gaps at the head", () => {
  const lane = new Lane();
  const positions = [1, 2, 3].map((n) => push(lane, n));
  lane.take(positions[1] as number);
  assertEquals(lane.size, 3);
  lane.take(positions[0] as number);
  assertEquals(lane.size, 1);
});

Deno.test("Lane.take() knows nothing of positions that are not queued", () => {
  const lane = new Lane();
  const position = push(lane, 1);
  assertEquals([lane.take(position - 1), lane.take(position + 1)], [null, null]);
});

Deno.test("a Lane keeps no payload of a message that has left", () => {
  const lane = new Lane();
  for (let n = 0; n < 8; n++) push(lane, n);
  lane.shift();
  lane.pop();
  lane.take(lane.head);
  assertEquals(lane.payloads.filter((payload) => payload !== undefined).length, 5);
});

Deno.test("a Lane agrees with an array over random operations", () => {
  const seed = seedOf("lane");
  const random = seededRandom(seed);
  const lane = new Lane();
  const twin: number[] = [];
  for (let n = 0; n < 20_000; n++) {
    const pick = random.next();
    if (pick < 0.45) twin.push(n), push(lane, n);
    else if (pick < 0.55) twin.unshift(n), lane.unshift(message(n));
    else if (pick < 0.9) assertStrictEquals(lane.shift()?.payload, twin.shift(), `seed ${seed}`);
    else assertStrictEquals(lane.pop()?.payload, twin.pop(), `seed ${seed}`);
    assertStrictEquals(lane.size, twin.length, `seed ${seed}`);
    if (lane.size > 0) assertStrictEquals(lane.payloads[lane.headSlot], twin[0], `seed ${seed}`);
  }
});
