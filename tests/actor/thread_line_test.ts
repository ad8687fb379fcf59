import { seededRandom } from "../../src/actor/clock.ts";
import { HEAD_NUMBERS, NumberPost } from "../../src/actor/thread_codec.ts";
import { ThreadLine } from "../../src/actor/thread_line.ts";
import { RING_NUMBERS, ringBuffer } from "../../src/actor/thread_ring.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { seedOf } from "./seed.ts";
import { settle, turn } from "./support.ts";

/** Both ends of a line; what arrives at `there` is in `arrived`, a frame by its first number. */
class Ends implements Disposable {
  readonly arrived: unknown[] = [];
  readonly here: ThreadLine<unknown, unknown>;
  readonly there: ThreadLine<unknown, unknown>;
  readonly #numbers = new NumberPost();
  #expected = 0;
  #all: () => void = () => {};

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.here = new ThreadLine<unknown, unknown>(port1, () => {}, () => {});
    this.there = new ThreadLine<unknown, unknown>(
      port2,
      (message) => this.#arrive(message),
      (numbers, length) => this.#arrive([numbers[0], length - HEAD_NUMBERS]),
    );
    const toThere = ringBuffer(), toHere = ringBuffer();
    this.here.open(toHere, toThere);
    this.there.open(toThere, toHere);
  }

  #arrive(what: unknown): void {
    this.arrived.push(what);
    if (this.arrived.length === this.#expected) this.#all();
  }

  /** Sends a frame of `count` numbers. */
  frame(first: number, count: number): unknown {
    for (let i = 0; i < count; i++) this.#numbers.pushNumber(i);
    this.here.send(this.#numbers, first, 0);
    this.here.wake();
    return [first, count];
  }

  /** Resolves when so many arrived in all. */
  all(expected: number): Promise<void> {
    this.#expected = expected;
    return new Promise((resolve) => {
      this.#all = resolve;
      if (this.arrived.length >= expected) resolve();
    });
  }

  [Symbol.dispose](): void {
    for (const end of [this.here, this.there]) {
      end.close();
      end.port.close();
    }
  }
}

Deno.test("ThreadLine keeps random frames and posts in the order they were sent in", async () => {
  const seed = seedOf("line");
  const random = seededRandom(seed);
  using ends = new Ends();
  const sent: unknown[] = [];
  for (let n = 0; n < 3_000; n++) {
    const pick = random.next();
    if (pick < 0.2) {
      ends.here.post(`post ${n}`);
      sent.push(`post ${n}`);
    } else sent.push(ends.frame(n, 1 + Math.floor(random.next() ** 6 * RING_NUMBERS)));
    if (pick > 0.9) await settle();
    if (pick > 0.97) await turn();
  }
  await ends.all(sent.length);
  assertEquals(ends.arrived, sent, `seed ${seed}`);
});

Deno.test("ThreadLine sends what no ring has room for", async () => {
  using ends = new Ends();
  const sent = [ends.frame(1, 5), ends.frame(2, RING_NUMBERS + 1), ends.frame(3, 5)];
  await ends.all(3);
  assertEquals(ends.arrived, sent);
});

Deno.test("ThreadLine.post() that cannot be cloned throws and holds nothing up", async () => {
  using ends = new Ends();
  assertThrows(() => ends.here.post(() => {}), DOMException);
  const sent = [ends.frame(1, 5)];
  ends.here.post("post");
  await ends.all(2);
  assertEquals(ends.arrived, [...sent, "post"]);
});

Deno.test("ThreadLine without rings sends frames over the port", async () => {
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve } = Promise.withResolvers<number>();
  const here = new ThreadLine<unknown, unknown>(port1, () => {}, () => {});
  const there = new ThreadLine<unknown, unknown>(port2, () => {}, (numbers) => {
    resolve(numbers[0] as number);
  });
  const numbers = new NumberPost();
  numbers.pushNumber(1);
  here.send(numbers, 42, 0);
  assertEquals([await promise, numbers.count], [42, 0]);
  for (const end of [here, there]) {
    end.close();
    end.port.close();
  }
});

Deno.test("ThreadLine receives nothing after close()", async () => {
  using ends = new Ends();
  ends.frame(1, 5);
  await ends.all(1);
  ends.there.close();
  ends.frame(2, 5);
  ends.here.post("late");
  await turn();
  await turn();
  assertEquals(ends.arrived, [[1, 5]]);
});
