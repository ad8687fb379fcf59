import { assertEquals } from "@std/assert";
import { Gate } from "../../src/warm/gate.ts";
import { Trials } from "../../src/warm/successors_trials.ts";

/** A gate that writes down what it is told. */
class Told extends Gate {
  readonly ends: [bucket: number, isTrue: boolean][] = [];
  open = 0;

  override opened(bucket: number): void {
    super.opened(bucket);
    this.open++;
  }

  override withdrawn(bucket: number): void {
    super.withdrawn(bucket);
    this.open--;
  }

  override decided(bucket: number, isTrue: boolean): void {
    super.decided(bucket, isTrue);
    this.ends.push([bucket, isTrue]);
  }
}

const made = () => {
  const gate = new Told();
  return { gate, trials: new Trials(1_000, gate) };
};

/** Accesses to a key that nobody has guessed, enough for every place to be looked at. */
const passTime = (trials: Trials, atMs: number) => {
  for (let access = 0; access < 4_096; access++) trials.accessed(99, atMs, true);
};

Deno.test("Trials: a guess comes true when its key is asked for in time", () => {
  const { gate, trials } = made();
  trials.guess(7, 3, 0, 100);
  trials.accessed(7, 100, true);
  assertEquals(gate.ends, [[3, true]]);
  trials.accessed(7, 100, true);
  assertEquals(gate.ends.length, 1);
});

Deno.test("Trials: a guess is wrong when its key is asked for too late", () => {
  const { gate, trials } = made();
  trials.guess(7, 3, 0, 100);
  trials.accessed(7, 101, true);
  assertEquals(gate.ends, [[3, false]]);
});

Deno.test("Trials: a guess is wrong when its time has passed", () => {
  const { gate, trials } = made();
  trials.guess(7, 3, 0, 100);
  passTime(trials, 100);
  assertEquals(gate.ends, []);
  passTime(trials, 101);
  assertEquals(gate.ends, [[3, false]]);
});

Deno.test("Trials: what was fetched and had left the cache was of no use", () => {
  const { gate, trials } = made();
  for (const isAbsent of [true, false]) {
    trials.guess(7, 3, 0, 100);
    trials.fetched(7);
    trials.accessed(7, 50, isAbsent);
  }
  assertEquals(gate.ends, [[3, false], [3, true]]);
});

Deno.test("Trials.fetched() is only about its own key, and only about this guess", () => {
  const { gate, trials } = made();
  trials.fetched(7);
  trials.guess(7, 3, 0, 100);
  trials.fetched(8);
  trials.accessed(7, 50, true);
  assertEquals(gate.ends, [[3, true]]);
});

Deno.test("Trials.guess() about the same key is followed when its chance is better", () => {
  const { gate, trials } = made();
  for (let at = 0; at < 20; at++) {
    gate.opened(4);
    gate.decided(4, true);
  }
  gate.ends.length = 0;
  trials.guess(7, 3, 0, 100);
  trials.guess(7, 4, 10, 110);
  trials.guess(7, 3, 20, 120);
  trials.accessed(7, 50, true);
  assertEquals(gate.ends, [[4, true]]);
  assertEquals(gate.open, 0);
});

Deno.test("Trials is bounded: what finds its place taken is not followed", () => {
  const { gate, trials } = made();
  const { bytes } = trials;
  for (let key = 0; key < 100_000; key++) trials.guess(key, 1, 0, 100);
  assertEquals(trials.bytes, bytes);
  assertEquals(gate.open <= 1_024, true);
  passTime(trials, 101);
  assertEquals(gate.open, 0);
});
