/** Entries as bytes. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { crc32, deflateRawSync } from "node:zlib";
import {
  COMPRESS_BYTES_MIN,
  decodeFrame,
  encodeFrame,
  FRAME_OVERHEAD_BYTES,
  frameDecoder,
  NOTES_BYTES_MAX,
  VALUE_BYTES_MAX,
} from "../../../src/store/cache/value_frame.ts";
import { entry } from "./support.ts";

const text = (length: number) => "price ".repeat(length / 6 + 1).slice(0, length);

function frameOf(value: string, given: Parameters<typeof entry>[2] = {}): Uint8Array {
  const frame = encodeFrame(entry("a", value, given), 5);
  assert(frame !== null);
  return frame;
}

/** Makes the checksum right, as whoever writes frames on purpose can. */
function sealed(frame: Uint8Array): Uint8Array {
  const crcAt = frame.length - 4;
  new DataView(frame.buffer).setUint32(crcAt, crc32(frame.subarray(0, crcAt)), true);
  return frame;
}

Deno.test("encodeFrame() lays an entry out as the table says", () => {
  const frame = frameOf("ABC", {
    loadedAtMs: 1,
    softAtMs: 2,
    hardAtMs: Infinity,
    seq: 9,
    tags: ["t"],
  });
  const view = new DataView(frame.buffer);
  const notes = '[[],["t"]]';
  assertEquals(new TextDecoder().decode(frame.subarray(0, 4)), "WCVF");
  assertEquals([frame[4], frame[5]], [2, 2]);
  assertEquals([view.getUint32(8, true), view.getUint32(12, true)], [notes.length, 3]);
  const numbers = [16, 24, 32, 40, 48].map((at) => view.getFloat64(at, true));
  assertEquals(numbers, [1, 2, Infinity, 9, 5]);
  assertEquals(new TextDecoder().decode(frame.subarray(56, -4)), `${notes}ABC`);
  assertEquals(view.getUint32(frame.length - 4, true), crc32(frame.subarray(0, -4)));
});

Deno.test("frames of every size come back", () => {
  for (const length of [0, 1, 2_047, COMPRESS_BYTES_MIN, 100_000, VALUE_BYTES_MAX]) {
    const found = decodeFrame("a", frameOf(text(length), { seq: 0 }));
    assert(found !== null);
    assertEquals(new TextDecoder().decode(found.bytes) === text(length), true, `${length} bytes`);
    assertEquals([found.key, found.seq, found.mark], ["a", 0, 5]);
  }
});

Deno.test("encodeFrame() compresses large values that shrink, and no others", () => {
  assertEquals(frameOf(text(COMPRESS_BYTES_MIN - 1)).length, FRAME_OVERHEAD_BYTES + 2_047);
  assertLess(frameOf(text(COMPRESS_BYTES_MIN)).length, 300);
  const noise = crypto.getRandomValues(new Uint8Array(10_000));
  const frame = encodeFrame({ ...entry("a", ""), bytes: noise }, 0);
  assertEquals(frame?.length, FRAME_OVERHEAD_BYTES + 10_000);
});

Deno.test("encodeFrame() refuses what is larger than a tier keeps", () => {
  const bytes = new Uint8Array(VALUE_BYTES_MAX + 1);
  assertEquals(encodeFrame({ ...entry("a", ""), bytes }, 0), null);
  assertEquals(encodeFrame(entry("a", "", { tags: ["x".repeat(NOTES_BYTES_MAX)] }), 0), null);
});

Deno.test("decodeFrame() refuses frames that inflate beyond what they say, or say too much", () => {
  const bomb = deflateRawSync(new Uint8Array(200_000_000));
  assertLess(bomb.length, 250_000);
  const frame = new Uint8Array(FRAME_OVERHEAD_BYTES + bomb.length);
  frame.set(frameOf(text(5_000)).subarray(0, 56));
  frame.set(bomb, 56);
  const view = new DataView(frame.buffer);
  const startMs = performance.now();
  for (const valueBytes of [0, 5_000, VALUE_BYTES_MAX, VALUE_BYTES_MAX + 1, 200_000_000]) {
    view.setUint32(12, valueBytes, true);
    assertEquals(decodeFrame("a", sealed(frame)), null);
  }
  assertLess(performance.now() - startMs, 1_000);
});

Deno.test("decodeFrame() refuses every frame with a changed or missing byte", () => {
  for (const frame of [frameOf("ABC", { tags: ["t"] }), frameOf(text(3_000))]) {
    for (let at = 0; at < frame.length; at++) {
      const changed = frame.slice();
      changed[at] = (changed[at] as number) ^ 1;
      assertEquals(decodeFrame("a", changed), null, `changed at ${at}`);
      assertEquals(decodeFrame("a", frame.subarray(0, at)), null);
    }
  }
});

Deno.test("decodeFrame() refuses lengths that lie, with a checksum that is right", () => {
  for (const [at, value] of [[8, 1], [8, 0xffff_ffff], [12, 4], [12, 2]] as const) {
    const frame = frameOf("ABC");
    new DataView(frame.buffer).setUint32(at, value, true);
    assertEquals(decodeFrame("a", sealed(frame)), null, `${value} at ${at}`);
  }
});

Deno.test("frameDecoder() decodes frames that share a buffer, and those that do not", () => {
  const frames = ["", "ABC", text(3_000)].map((value) => frameOf(value, { tags: ["t"] }));
  const lengths = frames.map(({ length }) => length);
  const reply = new Uint8Array(3 + lengths.reduce((a, b) => a + b));
  let at = 3;
  const parts = frames.map((frame) => {
    reply.set(frame, at);
    return reply.subarray(at, at += frame.length);
  });
  const decode = frameDecoder();
  for (const frame of [...parts, ...frames, ...parts]) {
    assertEquals(decode("a", frame), decodeFrame("a", frame.slice()));
    assert(decode("a", frame) !== null);
  }
  reply[4] = 0;
  assertEquals(parts.map((frame) => decode("a", frame) === null), [true, false, false]);
});
