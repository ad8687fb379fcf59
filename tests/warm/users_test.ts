import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { FAVOURITES_MAX, USER_CHARS_MAX, UserPatterns, USERS_MAX } from "../../src/warm/users.ts";
import { seedOf } from "../actor/seed.ts";
import { zipfRanks } from "./zipf.ts";

function record(users: UserPatterns, user: string, ...slots: readonly number[]): void {
  for (const slot of slots) users.record(user, slot);
}

Deno.test("UserPatterns.favourites() ranks what each user asks for", () => {
  const users = new UserPatterns(100);
  record(users, "ann", 1, 2, 2, 3, 2, 3);
  record(users, "bob", 7);
  assertEquals(users.favourites("ann"), [
    { slot: 2, count: 3 },
    { slot: 3, count: 2 },
    { slot: 1, count: 1 },
  ]);
  assertEquals(users.favourites("ann", 1), [{ slot: 2, count: 3 }]);
  assertEquals(users.favourites("nobody"), []);
});

Deno.test("UserPatterns: what a user asks for more often than a 16th of the time is there", () => {
  const random = seededRandom(seedOf("users_test"));
  const draw = zipfRanks(200, 1.1, random);
  const users = new UserPatterns(200);
  const exact = new Map<number, number>();
  const total = 5_000;
  for (let i = 0; i < total; i++) {
    const slot = draw();
    exact.set(slot, (exact.get(slot) ?? 0) + 1);
    users.record("ann", slot);
  }
  const found = new Map(users.favourites("ann").map(({ slot, count }) => [slot, count]));
  for (const [slot, count] of exact) {
    if (count > total / FAVOURITES_MAX) assert((found.get(slot) ?? 0) >= count);
  }
});

Deno.test("UserPatterns.forget() takes a slot's old key from every user", () => {
  const users = new UserPatterns(10);
  record(users, "ann", 1, 1, 2);
  users.forget(1);
  assertEquals(users.favourites("ann"), [{ slot: 2, count: 1 }]);
  record(users, "ann", 1);
  assertEquals(users.favourites("ann"), [{ slot: 1, count: 1 }, { slot: 2, count: 1 }]);
});

Deno.test("UserPatterns keeps a bounded number of users, those who come often", () => {
  const users = new UserPatterns(10, 8);
  for (let round = 0; round < 200; round++) {
    record(users, "ann", 1);
    record(users, `stranger${round}`, 2);
  }
  assertEquals(users.size, 8);
  assertEquals(users.favourites("ann"), [{ slot: 1, count: 200 }]);
});

Deno.test("UserPatterns does not keep names that are too long", () => {
  const users = new UserPatterns(10);
  record(users, "x".repeat(USER_CHARS_MAX + 1), 1);
  assertEquals(users.size, 0);
  record(users, "__proto__", 1);
  assertEquals(users.favourites("__proto__"), [{ slot: 1, count: 1 }]);
});

Deno.test("UserPatterns.halve() halves, and users of whom nothing is left go", () => {
  const users = new UserPatterns(10, 2);
  record(users, "ann", 1, 1, 1, 1, 2);
  record(users, "bob", 3);
  users.halve();
  assertEquals([users.size, users.favourites("ann")], [1, [{ slot: 1, count: 2 }]]);
  for (const user of ["carl", "dora", "emma"]) record(users, user, 4);
  assertEquals(users.size, 2);
});

Deno.test("UserPatterns.restore() has the users of a snapshot, slots moved", () => {
  const users = new UserPatterns(10);
  record(users, "ann", 1, 1, 2);
  record(users, "bob", 3);
  const restored = new UserPatterns(4, 1);
  restored.restore(users.snapshot(), Int32Array.of(-1, 2, 1, -1));
  assertEquals(restored.favourites("ann"), [{ slot: 2, count: 2 }, { slot: 1, count: 1 }]);
  assertEquals(restored.size, 1);
});

Deno.test("UserPatterns() refuses numbers of users that are out of range", () => {
  for (const usersMax of [0, 0.5, NaN, USERS_MAX + 1]) {
    assertThrows(() => new UserPatterns(10, usersMax), RangeError, "Cannot keep patterns");
  }
});
