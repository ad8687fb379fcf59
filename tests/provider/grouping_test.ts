import { Grouping, type WantedKey } from "../../src/provider/grouping.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { seedOf } from "../actor/seed.ts";

const want = (symbol: string, more: Partial<WantedKey> = {}): WantedKey => ({
  kind: "quotes",
  endpoint: "quotes",
  group: "",
  fromMs: 0,
  toMs: 1_000,
  granularity: "D",
  symbol,
  priority: 5,
  lingerMs: 10,
  symbolsMax: 3,
  ...more,
});

Deno.test("Grouping lets a key linger for others, and no longer", () => {
  const grouping = new Grouping<string>();
  assertEquals(grouping.add(want("A"), "a", 0), "waiting");
  assertEquals(grouping.add(want("B"), "b", 6), "waiting");
  assertEquals([grouping.nextDueMs(), grouping.take(9, 10)], [10, []]);
  const [call] = grouping.take(10, 10);
  assertEquals(call?.symbols, ["A", "B"]);
  assertEquals(call?.sinceMs, 0);
  assertEquals([grouping.size, grouping.nextDueMs()], [0, Infinity]);
});

Deno.test("Grouping makes a full call at once, of at most what the endpoint takes", () => {
  const grouping = new Grouping<string>();
  for (const symbol of ["A", "B", "C", "D"]) grouping.add(want(symbol), symbol, 0);
  assertEquals(grouping.nextDueMs(), -Infinity);
  assertEquals(grouping.take(0, 10).map(({ symbols }) => symbols), [["A", "B", "C"]]);
  assertEquals(grouping.take(10, 10).map(({ symbols }) => symbols), [["D"]]);
});

Deno.test("Grouping asks once for a key that several want, at the highest priority", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A", { priority: 1, lingerMs: 500 }), "bulk", 0);
  grouping.add(want("B", { priority: 2, lingerMs: 500 }), "warm", 0);
  assertEquals(grouping.add(want("A", { priority: 9, lingerMs: 5 }), "user", 100), "joined");
  assertEquals(grouping.nextDueMs(), 105);
  const [call] = grouping.take(105, 1);
  assertEquals(call?.symbols, ["A", "B"]);
  assertEquals(call?.waiters, [["bulk", "user"], ["warm"]]);
  assertEquals(call?.priority, 9);
});

Deno.test("Grouping.raise() lets a key that lingers go sooner and first, and wakes nothing else", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A", { priority: 1, lingerMs: 8_000 }), "renewal", 0);
  grouping.add(want("B", { priority: 2, lingerMs: 8_000 }), "renewal", 0);
  assertEquals(grouping.raise(want("A", { priority: 7, lingerMs: 5 }), 100), true);
  assertEquals(grouping.nextDueMs(), 105);
  grouping.invariant();
  const [call] = grouping.take(105, 1);
  // The one that could have waited travels along, behind it.
  assertEquals([call?.symbols, call?.priority], [["A", "B"], 7]);
  assertEquals(call?.waiters, [["renewal"], ["renewal"]]);
  // On its way: raising it must not ask for it again.
  assertEquals(grouping.raise(want("A", { priority: 9, lingerMs: 5 }), 106), false);
  assertEquals(grouping.raise(want("C"), 106), false);
  assertEquals([grouping.size, grouping.nextDueMs()], [0, Infinity]);
  // A lower priority or a longer linger take nothing back.
  grouping.add(want("D", { priority: 5, lingerMs: 10 }), "user", 200);
  assertEquals(grouping.raise(want("D", { priority: 1, lingerMs: 500 }), 200), true);
  assertEquals(grouping.nextDueMs(), 210);
  assertEquals(grouping.take(210, 1)[0]?.priority, 5);
});

Deno.test("Grouping keeps apart what cannot share a call", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A"), "a", 0);
  grouping.add(want("B", { group: "XETRA" }), "b", 0);
  grouping.add(want("C", { toMs: 2_000 }), "c", 0);
  grouping.add(want("D", { granularity: "H1" }), "d", 0);
  grouping.add(want("E", { endpoint: "other" }), "e", 0);
  grouping.add(want("F", { kind: "news" }), "f", 0);
  assertEquals(grouping.take(10, 10).map(({ symbols }) => symbols.join()).sort(), [
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
  ]);
});

Deno.test("Grouping serves the lane of the best key first, then the older", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("OLD", { kind: "news", priority: 1 }), "old", 0);
  grouping.add(want("MID", { kind: "profiles", priority: 1 }), "mid", 1);
  grouping.add(want("TOP", { priority: 8 }), "top", 2);
  assertEquals(grouping.take(20, 10, 5).map(({ symbols }) => symbols.join()), ["TOP"]);
  assertEquals(grouping.take(20, 1).map(({ symbols }) => symbols.join()), ["OLD"]);
  assertEquals(grouping.take(20, 1).map(({ symbols }) => symbols.join()), ["MID"]);
});

Deno.test("Grouping fills a call with the best keys of its lane", () => {
  const grouping = new Grouping<string>();
  for (const symbol of ["A", "B", "C"]) grouping.add(want(symbol, { priority: 0 }), symbol, 0);
  grouping.add(want("D", { priority: 7 }), "D", 1);
  assertEquals(grouping.take(1, 1)[0]?.symbols, ["D", "A", "B"]);
});

Deno.test("Grouping refuses keys beyond its bound and takes them again when there is room", () => {
  const grouping = new Grouping<string>({ keysMax: 2 });
  grouping.add(want("A"), "a", 0);
  grouping.add(want("B"), "b", 0);
  assertEquals(grouping.add(want("C"), "c", 0), "full");
  assertEquals(grouping.add(want("A"), "c", 0), "joined");
  grouping.take(10, 1);
  assertEquals(grouping.add(want("C"), "c", 10), "waiting");
});

Deno.test("Grouping.remove() takes a waiter away, and the key with the last one", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A"), "a", 0);
  grouping.add(want("A"), "b", 0);
  assertEquals(grouping.remove(want("A"), "a"), true);
  assertEquals([grouping.size, grouping.remove(want("A"), "a")], [1, false]);
  assertEquals(grouping.remove(want("A"), "b"), true);
  assertEquals([grouping.size, grouping.nextDueMs()], [0, Infinity]);
  grouping.invariant();
});

Deno.test("Grouping.add() refuses a priority that is none", () => {
  const grouping = new Grouping<string>();
  for (const priority of [-1, 11, 0.5, NaN]) {
    assertThrows(() => grouping.add(want("A", { priority }), "a", 0), RangeError);
  }
});

Deno.test("Grouping gives every waiter exactly one answer, in time, over random work", () => {
  const random = seededRandom(seedOf("Grouping"));
  const below = (n: number) => Math.floor(random.next() * n);
  for (let round = 0; round < 20; round++) {
    const grouping = new Grouping<number>({ keysMax: 60 });
    // The slow twin: who waits for what, and until when at most.
    const open = new Map<number, { readonly key: WantedKey; readonly dueMs: number }>();
    for (let nowMs = 0, waiter = 0; nowMs < 2_000; nowMs++) {
      for (let i = below(4); i > 0; i--, waiter++) {
        const symbolsMax = 4;
        const key = want(`S${below(40)}`, {
          kind: below(2) === 0 ? "quotes" : "news",
          priority: below(11),
          lingerMs: below(30),
          symbolsMax,
        });
        if (grouping.add(key, waiter, nowMs) === "full") continue;
        open.set(waiter, { key, dueMs: nowMs + key.lingerMs });
      }
      if (below(10) === 0 && open.size > 0) {
        const [victim, { key }] = [...open][below(open.size)] as [number, { key: WantedKey }];
        assertEquals(grouping.remove(key, victim), true);
        open.delete(victim);
      }
      for (const call of grouping.take(nowMs, Infinity)) {
        assert(call.symbols.length <= 4 && new Set(call.symbols).size === call.symbols.length);
        call.symbols.forEach((symbol, i) => {
          for (const one of call.waiters[i] ?? []) {
            const { key } = open.get(one) ?? {};
            assertEquals([key?.symbol, key?.kind], [symbol, call.kind]);
            open.delete(one);
          }
        });
      }
      // Whoever should have been served by now was.
      assert([...open.values()].every(({ dueMs }) => dueMs > nowMs));
      if (nowMs % 100 === 0) grouping.invariant();
    }
  }
});
