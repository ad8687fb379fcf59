import { seededRandom } from "../../src/actor/clock.ts";
import { POSTS_AT } from "../../src/actor/thread_codec.ts";
import { RING_NUMBERS, ringBuffer, RingReader, RingWriter } from "../../src/actor/thread_ring.ts";
import { assert, assertEquals } from "@std/assert";
import { seedOf } from "./seed.ts";

/** Both ends of a ring. */
function ring(): { writer: RingWriter; reader: RingReader } {
  const buffer = ringBuffer();
  return { writer: new RingWriter(buffer), reader: new RingReader(buffer) };
}

/** A frame whose first number is `first`, after `posts` posts. */
function frameOf(first: number, length: number, posts = 0): Float64Array {
  const frame = Float64Array.from({ length }, (_, i) => first + i);
  frame[POSTS_AT] = posts;
  return frame;
}

function readAll(reader: RingReader, posts = 0): Float64Array[] {
  const frames: Float64Array[] = [];
  for (let length = reader.read(posts); length > 0; length = reader.read(posts)) {
    frames.push(reader.frame.slice(0, length));
  }
  return frames;
}

Deno.test("RingReader.read() returns random frames as a queue would, over many turns of the ring", () => {
  const seed = seedOf("ring");
  const random = seededRandom(seed);
  const { writer, reader } = ring();
  const queue: Float64Array[] = [];
  let held = 0, refused = 0;
  for (let step = 0; step < 5_000; step++) {
    if (random.next() < 0.55) {
      const frame = frameOf(step, 3 + Math.floor(random.next() ** 4 * 4_000));
      const fits = held + frame.length + 1 <= RING_NUMBERS;
      assertEquals(writer.write(frame, frame.length), fits, `seed ${seed}, step ${step}`);
      if (!fits) refused++;
      else {
        queue.push(frame);
        held += frame.length + 1;
      }
    } else {
      const expected = queue.shift();
      const length = reader.read(0);
      assertEquals(reader.frame.slice(0, length), expected ?? new Float64Array(0), `seed ${seed}`);
      if (expected !== undefined) held -= expected.length + 1;
    }
  }
  assert(refused > 0);
  assertEquals(readAll(reader), queue);
});

Deno.test("RingWriter.write() refuses a frame that no ring could hold", () => {
  const { writer } = ring();
  assertEquals(writer.write(new Float64Array(RING_NUMBERS), RING_NUMBERS), false);
});

Deno.test("RingWriter.write() writes so many numbers of the frame and no more", () => {
  const { writer, reader } = ring();
  writer.write(frameOf(1, 10), 4);
  assertEquals(readAll(reader), [frameOf(1, 4)]);
});

Deno.test("RingReader.read() holds a frame back until the posts before it were received", () => {
  const { writer, reader } = ring();
  for (const [first, posts] of [[10, 0], [20, 2], [30, 2], [40, 3]] as const) {
    writer.write(frameOf(first, 4, posts), 4);
  }
  const firsts = (posts: number) => readAll(reader, posts).map(([first]) => first);
  assertEquals([firsts(0), firsts(1), firsts(2), firsts(3)], [[10], [], [20, 30], [40]]);
});

Deno.test("RingWriter.mustWake() says so once for each sleep of the reader", () => {
  const { writer, reader } = ring();
  assertEquals([writer.mustWake(), writer.mustWake()], [true, false]);
  assertEquals(reader.sleep(0), true);
  assertEquals([writer.mustWake(), writer.mustWake()], [true, false]);
});

Deno.test("RingReader.sleep() does not sleep on a frame that may be read", () => {
  const { writer, reader } = ring();
  writer.mustWake();
  writer.write(frameOf(1, 4), 4);
  assertEquals([reader.sleep(0), writer.mustWake()], [false, false]);
});

Deno.test("RingReader.sleep() sleeps on a frame that waits for a post", () => {
  const { writer, reader } = ring();
  writer.mustWake();
  writer.write(frameOf(1, 4, 1), 4);
  assertEquals(reader.sleep(0), true);
});
