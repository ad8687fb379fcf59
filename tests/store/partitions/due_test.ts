import { assertEquals } from "@std/assert";
import { Due } from "../../../src/store/partitions/due.ts";
import { comparePlaces, placeOf, placeParts } from "../../../src/store/partitions/place.ts";
import { PARTITION_BOUNDS } from "../../../src/store/partitions/port.ts";

const EVERY_MS = 500;

Deno.test("Due.take() has all partitions at first, and again when it is time", () => {
  const due = new Due(EVERY_MS);
  const places = new Map<number, string | null>([[1, null], [2, "5-5"]]);
  assertEquals(due.take(places, 0), [1, 2]);
  assertEquals(due.take(places, 499), []);
  assertEquals(due.take(places, 500), [1, 2]);
  due.hintAll();
  assertEquals(due.take(places, 501), [1, 2]);
});

Deno.test("Due.take() has those that were heard of, had more, came anew or went back", () => {
  const due = new Due(EVERY_MS);
  const places = new Map<number, string | null>([[1, null], [2, null], [3, null]]);
  due.take(places, 0);
  due.hint(2);
  due.hint(7);
  due.hint(NaN);
  due.hint(-1);
  due.hint(256);
  assertEquals(due.take(places, 1), [2]);
  due.read(2, "1-1", true);
  places.set(2, "1-1");
  assertEquals(due.take(places, 2), [2]);
  due.read(2, "2-2", false);
  places.set(2, "2-2");
  assertEquals(due.take(places, 3), []);
  places.set(2, "1-1");
  places.set(9, null);
  assertEquals(due.take(places, 4), [2, 9]);
  // It was heard of before it was asked for.
  places.set(7, null);
  assertEquals(due.take(places, 5), [7]);
});

Deno.test("Due.take() has a bounded number, in turn", () => {
  const due = new Due(EVERY_MS);
  const places = new Map(Array.from({ length: 256 }, (_, i) => [i, null]));
  const seen: number[] = [];
  for (let round = 0; round < 4; round++) {
    const taken = due.take(places, round);
    assertEquals(taken.length, PARTITION_BOUNDS.roundPartitions);
    // Busy ones come after the others.
    for (const partition of taken) due.hint(partition);
    seen.push(...taken);
  }
  assertEquals(new Set(seen).size, 256);
});

Deno.test("placeParts() takes places apart, and nothing else", () => {
  assertEquals(placeParts("1700000000000-42"), { atMs: 1_700_000_000_000, endBytes: 42 });
  assertEquals(placeOf({ atMs: 5, endBytes: 7 }), "5-7");
  for (
    const text of ["", "5", "5-", "-5", "5-7-9", "a-1", "1e3-4", "12345678901234567-1", " 5-7"]
  ) {
    assertEquals(placeParts(text), null, text);
  }
});

Deno.test("comparePlaces() goes by time, then by bytes", () => {
  const sorted = ["1-9", "2-1", "2-10", "10-2"];
  const parts = sorted.toReversed().map((place) => placeParts(place)).filter((at) => at !== null);
  assertEquals(parts.sort(comparePlaces).map(placeOf), sorted);
});
