import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Credit, type CreditListener } from "../../src/warm/credit.ts";
import type { StoredEntry, StrategyName } from "../../src/warm/types.ts";
import { seedOf } from "../actor/seed.ts";

const START_MS = 1_772_000_000_000;
const TTL_MS = 60_000;

/** Notes what is told, in short. */
class Notes implements CreditListener {
  readonly told: string[] = [];
  warmed = (_: number, by: StrategyName) => void this.told.push(`warmed ${by}`);
  used = (_: number, by: StrategyName) => void this.told.push(`used ${by}`);
  wasted = (_: number, by: StrategyName) => void this.told.push(`wasted ${by}`);
  judged = (by: StrategyName, isUsed: boolean) => void this.told.push(`judged ${by} ${isUsed}`);
  amended = (by: StrategyName) => void this.told.push(`amended ${by}`);
  matured = (_: StrategyName, chance: number, _said: number, isUsed: boolean) =>
    void this.told.push(`matured ${chance} ${isUsed}`);

  take(): string[] {
    return this.told.splice(0);
  }
}

function creditOf(slots = 8): { credit: Credit; notes: Notes } {
  const notes = new Notes();
  return { credit: new Credit({ slots, startMs: START_MS, listener: notes }), notes };
}

const entry = (afterMs: number, strategy: StrategyName | null, ttlMs = TTL_MS): StoredEntry => ({
  key: "price:A",
  atMs: START_MS + afterMs,
  softAtMs: START_MS + afterMs + ttlMs,
  hardAtMs: START_MS + afterMs + 2 * ttlMs,
  weightBytes: 100,
  strategy,
});

Deno.test("Credit gives the first access to the strategy that asked, and no other", () => {
  const { credit, notes } = creditOf();
  credit.asked(3, "price:A", {
    strategy: "popular",
    chance: 0.8,
    saidChance: 0.8,
    isServedChance: false,
  });
  assertEquals(credit.stored(3, entry(0, "popular")), 3);
  for (const afterMs of [1_000, 2_000]) credit.accessed(3, "fresh", START_MS + afterMs);
  assertEquals(notes.take(), ["warmed popular", "used popular", "judged popular true"]);
  credit.pass(3, START_MS + TTL_MS);
  credit.accessed(3, "stale", START_MS + TTL_MS + 1);
  credit.pass(3, START_MS + 2 * TTL_MS);
  assertEquals(notes.take(), ["matured 0.8 true"]);
  assertEquals([credit.bytes, credit.entries], [0, 0]);
});

Deno.test("Credit calls an entry wasted that ends without an access", () => {
  const { credit, notes } = creditOf();
  credit.asked(0, "price:A", {
    strategy: "trending",
    chance: 0.6,
    saidChance: 0.6,
    isServedChance: false,
  });
  credit.stored(0, entry(0, "trending"));
  assertEquals(credit.nextMs(0, START_MS), START_MS + TTL_MS);
  credit.pass(0, START_MS + TTL_MS);
  assertEquals(notes.take(), ["warmed trending", "matured 0.6 false"]);
  assertEquals(credit.nextMs(0, START_MS + TTL_MS), START_MS + 2 * TTL_MS);
  credit.pass(0, START_MS + 2 * TTL_MS);
  assertEquals(notes.take(), ["judged trending false", "wasted trending"]);
  assertEquals(credit.nextMs(0, START_MS + 2 * TTL_MS), Infinity);
});

Deno.test("Credit counts a use past the TTL for precision and not for the chance", () => {
  const { credit, notes } = creditOf();
  credit.asked(0, "price:A", {
    strategy: "popular",
    chance: 0.9,
    saidChance: 0.9,
    isServedChance: false,
  });
  credit.stored(0, entry(0, "popular"));
  notes.take();
  // Heard of before the timer at the end of the TTL was.
  credit.accessed(0, "stale", START_MS + TTL_MS + 10);
  credit.pass(0, START_MS + TTL_MS + 250);
  assertEquals(notes.take(), ["matured 0.9 false", "used popular", "judged popular true"]);
});

Deno.test("Credit waits with a chance of being served until it is not served any more", () => {
  const { credit, notes } = creditOf();
  for (const slot of [0, 1]) {
    credit.asked(slot, "price:A", {
      strategy: "renewal",
      chance: 0.6,
      saidChance: 0.6,
      isServedChance: true,
    });
    credit.stored(slot, entry(0, "renewal"));
    credit.pass(slot, START_MS + TTL_MS);
  }
  notes.take();
  credit.accessed(0, "stale", START_MS + TTL_MS + 10);
  for (const slot of [0, 1]) credit.pass(slot, START_MS + 2 * TTL_MS);
  assertEquals(notes.take(), [
    "used renewal",
    "judged renewal true",
    "matured 0.6 true",
    "matured 0.6 false",
    "judged renewal false",
    "wasted renewal",
  ]);
});

Deno.test("Credit calls an entry wasted that was gone when it was asked for", () => {
  const { credit, notes } = creditOf();
  credit.stored(0, entry(0, "popular"));
  credit.accessed(0, "waited", START_MS + 30_000);
  assertEquals(notes.take(), ["warmed popular", "judged popular false", "wasted popular"]);
  assertEquals([credit.bytes, credit.isServed(0, START_MS + 30_000)], [0, false]);
  credit.accessed(0, "fresh", START_MS + 31_000);
  assertEquals(notes.take(), []);
});

Deno.test("Credit does not take a wait for the load itself as the loss of what it brought", () => {
  const { credit, notes } = creditOf();
  credit.stored(0, entry(1_000, "popular"));
  credit.accessed(0, "waited", START_MS + 900);
  credit.accessed(0, "waited", START_MS + 1_000);
  credit.accessed(0, "fresh", START_MS + 1_100);
  assertEquals(notes.take().at(-2), "used popular");
});

Deno.test("Credit ends an entry that is replaced, and its chance only at its end", () => {
  const { credit, notes } = creditOf();
  credit.asked(0, "price:A", {
    strategy: "renewal",
    chance: 0.5,
    saidChance: 0.5,
    isServedChance: false,
  });
  credit.stored(0, entry(0, "renewal"));
  credit.stored(0, entry(10_000, null));
  assertEquals(notes.take(), ["warmed renewal", "judged renewal false", "wasted renewal"]);
  credit.asked(0, "price:A", {
    strategy: "renewal",
    chance: 0.5,
    saidChance: 0.5,
    isServedChance: false,
  });
  credit.stored(0, entry(20_000, "renewal"));
  credit.stored(0, entry(80_000, "renewal"));
  assertEquals(notes.take().slice(1), [
    "matured 0.5 false",
    "judged renewal false",
    "wasted renewal",
    "warmed renewal",
  ]);
});

Deno.test("Credit says nothing of accesses made elsewhere and of entries that nobody warmed", () => {
  const { credit, notes } = creditOf();
  credit.stored(0, entry(0, null));
  credit.accessed(0, "fresh", START_MS + 1);
  credit.stored(1, entry(0, "popular"));
  notes.take();
  credit.accessed(1, "elsewhere", START_MS + 2);
  assertEquals(notes.take(), []);
  assert(credit.isFresh(0, START_MS + 1) && !credit.isWarmed(0) && credit.isWarmed(1));
});

Deno.test("Credit judges a guess of what is read next after a quarter of an hour", () => {
  const { credit, notes } = creditOf();
  const dayMs = 86_400_000;
  credit.stored(0, entry(0, "predictive", 7 * dayMs));
  const judgeMs = credit.nextMs(0, START_MS);
  assertEquals(judgeMs, START_MS + 900_000);
  credit.pass(0, judgeMs);
  credit.accessed(0, "fresh", START_MS + dayMs);
  assertEquals(notes.take(), [
    "warmed predictive",
    "judged predictive false",
    "used predictive",
    "amended predictive",
  ]);
  assertEquals(credit.nextMs(0, START_MS + dayMs), START_MS + 7 * dayMs);
});

Deno.test("Credit follows a warmed entry whose key loses its slot and gets another one", () => {
  const { credit, notes } = creditOf();
  credit.stored(2, entry(0, "popular"));
  const id = credit.replaced(2, () => "price:A", START_MS + 1);
  assert(id >= 8);
  assertEquals([credit.extraOf("price:A"), credit.extraKey(id)], [id, "price:A"]);
  assertEquals([credit.bytes, credit.isWarmed(2)], [100, false]);
  assertEquals(credit.tracked(5, "price:A"), id);
  credit.accessed(5, "fresh", START_MS + 2);
  assertEquals(notes.take(), ["warmed popular", "used popular", "judged popular true"]);
  assertEquals(credit.extraOf("price:A"), -1);
});

Deno.test("Credit ends a warmed entry without a slot, and uses its id again", () => {
  const { credit, notes } = creditOf();
  credit.asked(-1, "price:A", {
    strategy: "event",
    chance: 0.9,
    saidChance: 0.9,
    isServedChance: false,
  });
  // The call's first key was wanted by another strategy.
  const id = credit.stored(-1, entry(0, "renewal"));
  credit.pass(id, START_MS + 2 * TTL_MS);
  assertEquals(notes.take(), [
    "warmed event",
    "matured 0.9 false",
    "judged event false",
    "wasted event",
  ]);
  assertEquals(credit.extraOf("price:A"), -1);
  assertEquals(credit.stored(-1, { ...entry(200_000, "event"), key: "price:B" }), id);
  assertEquals(credit.stored(-1, { ...entry(0, null), key: "price:C" }), -1);
});

Deno.test("Credit counts the bytes of what is there as a map of entries does", () => {
  const seed = seedOf("credit_test");
  const random = seededRandom(seed);
  const { credit } = creditOf(20);
  const twin = new Map<number, { hardMs: number; bytes: number }>();
  let nowMs = START_MS;
  for (let step = 0; step < 5_000; step++) {
    nowMs += 1 + Math.floor(random.next() * 5_000);
    for (const [slot, { hardMs }] of twin) {
      credit.pass(slot, nowMs);
      if (hardMs <= nowMs) twin.delete(slot);
    }
    const slot = Math.floor(random.next() * 20);
    const what = random.next();
    if (what < 0.5) {
      const strategy = random.next() < 0.7 ? "popular" : null;
      const weightBytes = Math.floor(random.next() * 1_000);
      const stored = { ...entry(nowMs - START_MS, strategy), weightBytes };
      credit.stored(slot, stored);
      // Ends are kept in tenths of a second, and later rather than earlier.
      const hardMs = START_MS + Math.ceil((stored.hardAtMs - START_MS) / 100) * 100;
      if (strategy === null) twin.delete(slot);
      else twin.set(slot, { hardMs, bytes: weightBytes });
    } else if (what < 0.6) {
      nowMs += 200;
      credit.accessed(slot, "waited", nowMs);
      twin.delete(slot);
    } else credit.accessed(slot, "fresh", nowMs);
    const bytes = [...twin.values()].reduce((sum, one) => sum + one.bytes, 0);
    assertEquals([credit.bytes, credit.entries], [bytes, twin.size], `seed ${seed}, ${step}`);
  }
});

Deno.test("Credit forgets keys without a slot whose entries others have replaced", () => {
  const { credit, notes } = creditOf(4);
  for (let key = 0; key < 20_000; key++) {
    const of = (strategy: StrategyName | null) => ({ ...entry(0, strategy), key: `price:${key}` });
    const id = credit.stored(-1, of("popular"));
    assert(id >= 4, `key ${key}`);
    assertEquals(credit.stored(-1, of(null)), id);
    credit.pass(id, START_MS + 2 * TTL_MS + 100);
    assertEquals(credit.extraOf(`price:${key}`), -1);
    notes.take();
  }
  assertEquals([credit.unwatched, credit.entries, credit.bytes], [0, 0, 0]);
});

Deno.test("Credit.gone() ends what the cache has lost, as wasted unless it was used", () => {
  const { credit, notes } = creditOf();
  credit.stored(1, entry(0, "popular"));
  credit.gone(1, START_MS + 1_000);
  assertEquals(notes.take(), ["warmed popular", "judged popular false", "wasted popular"]);
  const id = credit.stored(-1, { ...entry(0, "popular"), key: "price:B" });
  credit.gone(id, START_MS + 1_000);
  assertEquals([credit.extraOf("price:B"), credit.bytes, credit.entries], [-1, 0, 0]);
});
