import { assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { WarmError } from "../../src/warm/error.ts";
import { readWarmingBytes, warmingBytes } from "../../src/warm/snapshot_bytes.ts";
import type { WarmingSnapshot } from "../../src/warm/warming_types.ts";
import { seedOf } from "../actor/seed.ts";

const SNAPSHOT: WarmingSnapshot = {
  version: 1,
  atMs: 1_772_000_000_000,
  parts: {
    empty: new Uint8Array(0),
    odd: new Uint8Array([1, 2, 3]),
    deep: { floats: [new Float64Array([0.1, -0, Infinity])], text: "ü €", nothing: null },
    words: new Int32Array([-1, 2 ** 31 - 1]),
    small: new Uint16Array([65_535]),
  },
};

Deno.test("readWarmingBytes() reads what warmingBytes() wrote, at any offset of a buffer", () => {
  const bytes = warmingBytes(SNAPSHOT);
  assertEquals(readWarmingBytes(bytes), SNAPSHOT);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assertEquals(readWarmingBytes(shifted.subarray(3)), SNAPSHOT);
});

Deno.test("readWarmingBytes() finds every changed byte", () => {
  const seed = seedOf("snapshot_bytes_test");
  const random = seededRandom(seed);
  const bytes = warmingBytes(SNAPSHOT);
  for (let at = 0; at < bytes.length; at++) {
    const garbled = bytes.slice();
    garbled[at] = (garbled[at] as number) ^ (1 + Math.floor(random.next() * 255));
    assertThrows(() => readWarmingBytes(garbled), WarmError, "Cannot read", `byte ${at}`);
  }
});

Deno.test("readWarmingBytes() refuses what is cut short or no snapshot at all", () => {
  const bytes = warmingBytes(SNAPSHOT);
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => readWarmingBytes(bytes.subarray(0, length)), WarmError);
  }
  assertThrows(() => readWarmingBytes(new Uint8Array(64)), WarmError, "warming wrote");
});
