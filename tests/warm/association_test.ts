import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Association, ASSOCIATION_SLOTS_MAX, SUCCESSORS_MAX } from "../../src/warm/association.ts";
import { seedOf } from "../actor/seed.ts";

/** A row as the head of the file describes it, in plain numbers. */
interface TwinRow {
  accesses: number;
  readonly places: ({ readonly key: object; weight: number } | null)[];
}

/** The same without a bit: keys are objects, weights are accesses. */
class Twin {
  readonly keys: object[] = [];
  readonly #rows = new Map<object, TwinRow>();
  readonly #windows = new Map<string | null, object[]>();

  constructor(slots: number) {
    for (let slot = 0; slot < slots; slot++) this.forget(slot);
  }

  forget(slot: number): void {
    const key = { slot };
    this.#rows.delete(this.keys[slot] as object);
    this.keys[slot] = key;
    this.#rows.set(key, { accesses: 0, places: Array(SUCCESSORS_MAX).fill(null) });
  }

  accessed(client: string | null, slot: number, isNeeded: boolean): void {
    const key = this.keys[slot] as object;
    const window = this.#windows.get(client) ?? [];
    if (window.at(-1) === key) return;
    for (const before of window.slice(-8).reverse()) {
      if (before === key) break;
      const row = this.#rows.get(before);
      if (row !== undefined) this.#follows(row, key, isNeeded);
    }
    this.#windows.set(client, [...window, key].slice(-8));
    const row = this.#rows.get(key) as TwinRow;
    row.accesses++;
    if (row.accesses < 32) return;
    row.accesses /= 2;
    row.places.forEach((place, at) => {
      if (place === null) return;
      place.weight = Math.floor(place.weight * 2) / 4;
      if (place.weight === 0) row.places[at] = null;
    });
  }

  successors(slot: number): [slot: number, confidence: number][] {
    const row = this.#rows.get(this.keys[slot] as object) as TwinRow;
    return row.places.flatMap((place) => {
      if (place === null || place.weight < 1) return [];
      const next = this.keys.indexOf(place.key);
      const confidence = Math.min(1, place.weight / Math.max(1, row.accesses - 1));
      return next < 0 ? [] : [[next, confidence]];
    });
  }

  #follows({ places }: TwinRow, key: object, isNeeded: boolean): void {
    const known = places.find((place) => place?.key === key);
    if (known) {
      known.weight = Math.min(63.75, known.weight + 1);
      return;
    }
    if (!isNeeded) return;
    const weights = places.map((place) => place?.weight ?? 0);
    const lowest = weights.indexOf(Math.min(...weights));
    const place = places[lowest];
    if (place) place.weight -= 0.25;
    else places[lowest] = { key, weight: 1 };
    if (place?.weight === 0) places[lowest] = null;
  }
}

function successorsOf(association: Association, slot: number): [number, number][] {
  const slots = new Uint32Array(SUCCESSORS_MAX);
  const confidences = new Float64Array(SUCCESSORS_MAX);
  const count = association.successors(slot, slots, confidences);
  return Array.from({ length: count }, (_, at) => [
    slots[at] as number,
    confidences[at] as number,
  ]);
}

/** Eight keys that take no place, so that what came before is out of the window. */
function passBy(association: Association): void {
  for (let slot = 0; slot < 8; slot++) association.accessed("ann", slot + 20, false);
}

/** Requests of one client, each of them needed. */
function read(association: Association, slots: readonly number[], client = "ann"): void {
  for (const slot of slots) association.accessed(client, slot, true);
}

const oneOf = (random: Random, count: number) => Math.floor(random.next() * count);

Deno.test("Association agrees with a slow twin over random accesses", () => {
  const random = seededRandom(seedOf("association_test"));
  const slots = 24;
  const association = new Association(slots, 3);
  const twin = new Twin(slots);
  let forgotten = 0;
  for (let step = 0; step < 20_000; step++) {
    const client = [null, "ann", "bob", "cy"][oneOf(random, 4)] as string | null;
    // Runs of neighbours, so that there is something to learn; fewer than 16 keys for each slot.
    const start = oneOf(random, slots);
    for (let at = start; at < Math.min(slots, start + 4); at++) {
      const isNeeded = random.next() < 0.7;
      association.accessed(client, at, isNeeded);
      twin.accessed(client, at, isNeeded);
    }
    if (step % 100 === 50 && forgotten++ < 15) {
      for (let slot = 0; slot < slots; slot += 5) {
        association.forget(slot);
        twin.forget(slot);
      }
    }
    const slot = oneOf(random, slots);
    assertEquals(successorsOf(association, slot), twin.successors(slot));
  }
  association.invariant();
});

Deno.test("Association.successors() says which share of the accesses each followed", () => {
  const association = new Association(30, 1);
  // 1 is followed by 2 always, and by 3 or 4 in turn.
  for (let round = 0; round < 6; round++) {
    read(association, [1, 2, round % 2 === 0 ? 3 : 4]);
    passBy(association);
  }
  association.accessed("ann", 1, true);
  const confidences = new Map(successorsOf(association, 1));
  assertEquals(confidences.get(2), 1);
  assertEquals(confidences.get(3), 3 / 6);
  assertEquals(confidences.get(4), 3 / 6);
});

Deno.test("Association.accessed() keeps clients apart", () => {
  const association = new Association(10, 2);
  for (let round = 0; round < 3; round++) {
    association.accessed("ann", 1, true);
    association.accessed("bob", 5, true);
    association.accessed("ann", 2, true);
    association.accessed("bob", 6, true);
  }
  const keys = (slot: number) => successorsOf(association, slot).map(([next]) => next);
  assertEquals(keys(1), [2]);
  assertEquals(keys(5), [6]);
});

Deno.test("Association.accessed() gives no place to a key that was in the cache", () => {
  const association = new Association(10, 1);
  association.accessed("ann", 1, true);
  association.accessed("ann", 2, false);
  assertEquals(successorsOf(association, 1), []);
  // A place that it has counts on.
  read(association, [1, 2]);
  association.accessed("ann", 1, true);
  association.accessed("ann", 2, false);
  association.accessed("ann", 1, true);
  assertEquals(successorsOf(association, 1), [[2, 2 / 3]]);
});

Deno.test("Association.accessed() takes no notice of a key asked for again at once", () => {
  const association = new Association(4, 1);
  assert(association.accessed("ann", 1, true));
  assert(!association.accessed("ann", 1, true));
  assertEquals(association.accessesOf(1), 1);
});

Deno.test("Association keeps what follows often when many others follow once", () => {
  const association = new Association(2_000, 1);
  let other = 10;
  for (let round = 0; round < 200; round++) {
    read(association, [1, 2, other++, other++, other++, other++, other++, other++]);
  }
  association.accessed("ann", 1, true);
  const confidence = new Map(successorsOf(association, 1)).get(2) ?? 0;
  assert(confidence > 0.9, `${confidence}`);
});

Deno.test("Association forgets what has changed", () => {
  const association = new Association(30, 1);
  const repeat = (slots: readonly number[]) => {
    for (let round = 0; round < 200; round++) {
      read(association, slots);
      passBy(association);
    }
  };
  repeat([1, 2, 3, 4, 5]);
  repeat([1, 12, 13, 14, 15]);
  association.accessed("ann", 1, true);
  const found = new Map(successorsOf(association, 1));
  assertEquals([...found.keys()].sort(), [12, 13, 14, 15]);
  for (const confidence of found.values()) assert(confidence > 0.8, `${confidence}`);
});

Deno.test("Association.forget() ends what pointed to the old key, and what it pointed to", () => {
  const association = new Association(10, 1);
  for (let round = 0; round < 5; round++) read(association, [1, 2, 3]);
  association.forget(2);
  assertEquals(successorsOf(association, 2), []);
  assertEquals(successorsOf(association, 1).map(([next]) => next), [3]);
  // The window still has the old key: what comes next follows the new one no more.
  association.accessed("ann", 7, true);
  assertEquals(successorsOf(association, 2), []);
});

Deno.test("Association.restore() goes on from a snapshot", () => {
  const association = new Association(10, 1);
  for (let round = 0; round < 5; round++) read(association, [1, 2, 3]);
  const other = new Association(10, 1);
  assert(other.restore(structuredClone(association.snapshot())));
  for (let slot = 0; slot < 10; slot++) {
    assertEquals(successorsOf(other, slot), successorsOf(association, slot));
  }
});

Deno.test("Association.restore() takes no snapshot of another size, nor unknown slots", () => {
  const association = new Association(10, 1);
  assert(!association.restore(new Association(9, 1).snapshot()));
  assert(!association.restore("rows"));
  assert(association.restore(association.snapshot().fill(0xffffffff)));
  for (let slot = 0; slot < 10; slot++) assertEquals(successorsOf(association, slot), []);
});

Deno.test("Association takes 20 bytes a key", () => {
  assertEquals(new Association(2_000, 5).bytes - new Association(1_000, 5).bytes, 20_000);
});

Deno.test("Association refuses numbers of slots that it cannot tell apart", () => {
  for (const slots of [0, 1.5, NaN, ASSOCIATION_SLOTS_MAX + 1]) {
    assertThrows(() => new Association(slots, 1), RangeError, "Cannot track keys");
  }
});
