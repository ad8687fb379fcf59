import { Grouping, type OpenCall, type WantedKey } from "../../src/provider/grouping.ts";
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

// ---- bulk -----------------------------------------------------------------------------------------

const IDLE = () => true;

Deno.test("Grouping lets bulk linger while the provider is busy, and hardly while it is idle", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A", { isBulk: true, lingerMs: 60_000 }), "a", 0);
  assertEquals([grouping.bulk, grouping.nextDueMs(), grouping.nextDueMs(IDLE)], [1, 60_000, 100]);
  assertEquals(grouping.open(59_999, 10).length, 0);
  assertEquals(grouping.open(99, 10, IDLE).length, 0);
  const [call] = grouping.open(100, 10, IDLE);
  assert(call !== undefined);
  assertEquals(grouping.seal(call).symbols, ["A"]);
  assertEquals([grouping.size, grouping.bulk], [0, 0]);
  // Nobody said that it is idle: at the end of its linger it goes all the same.
  grouping.add(want("B", { isBulk: true, lingerMs: 60_000 }), "b", 0);
  assertEquals(grouping.take(60_000, 10).map(({ symbols }) => symbols.join()), ["B"]);
});

Deno.test("Grouping is not full by bulk while the provider is busy", () => {
  const grouping = new Grouping<string>();
  for (const symbol of ["A", "B", "C", "D"]) {
    grouping.add(want(symbol, { isBulk: true, lingerMs: 60_000, priority: 1 }), symbol, 0);
  }
  assertEquals([grouping.nextDueMs(), grouping.nextDueMs(IDLE)], [60_000, -Infinity]);
  // A key that somebody waits for takes as much bulk along as fits.
  grouping.add(want("X"), "x", 50);
  assertEquals(grouping.take(60, 10).map(({ symbols }) => symbols), [["X", "A", "B"]]);
  assertEquals([grouping.size, grouping.bulk], [2, 2]);
  grouping.invariant();
});

Deno.test("Grouping takes a key for bulk no more once somebody wants it sooner", () => {
  const grouping = new Grouping<string>();
  const bulk = { isBulk: true, lingerMs: 60_000, priority: 1 };
  grouping.add(want("A", bulk), "a", 0);
  grouping.add(want("B", bulk), "b", 0);
  grouping.raise(want("A", { priority: 1, lingerMs: 5 }), 10);
  grouping.add(want("B", { priority: 1, lingerMs: 8_000 }), "c", 10);
  grouping.invariant();
  // B's renewal is due at 8,010 at the latest, and as bulk at 100 where there is nothing to do.
  assertEquals([grouping.nextDueMs(), grouping.bulk], [15, 1]);
  assertEquals(grouping.take(15, 1)[0]?.symbols, ["A", "B"]);
  assertEquals(grouping.bulk, 0);
});

Deno.test("Grouping says for each kind whether bulk may go", () => {
  const grouping = new Grouping<string>();
  const bulk = { isBulk: true, lingerMs: 60_000 };
  grouping.add(want("A", { ...bulk, kind: "quotes" }), "a", 0);
  grouping.add(want("B", { ...bulk, kind: "profiles" }), "b", 0);
  const calls = grouping.open(1_000, 10, (kind) => kind === "quotes");
  assertEquals(calls.map((call) => grouping.seal(call).symbols), [["A"]]);
  assertEquals(grouping.bulk, 1);
});

// ---- open calls -----------------------------------------------------------------------------------

Deno.test("Grouping lets keys of an open call be joined, and others travel with it", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A"), "a", 0);
  const [open] = grouping.open(10, 10);
  assert(open !== undefined);
  assertEquals([grouping.size, open.size, open.priority, open.first], [1, 1, 5, "a"]);
  assertEquals(grouping.open(10, 10).length, 0);
  assertEquals(grouping.add(want("A"), "b", 20), "joined");
  assertEquals(grouping.add(want("B", { lingerMs: 500, priority: 1 }), "c", 20), "waiting");
  const call = grouping.seal(open);
  assertEquals([call.symbols, call.waiters], [["A", "B"], [["a", "b"], ["c"]]]);
  assertEquals([call.priority, call.sinceMs, grouping.size], [5, 0, 0]);
  assertThrows(() => grouping.seal(open), Error, "one that is open");
});

Deno.test("Grouping.seal() takes no more symbols than it is told to", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A"), "a", 0);
  const [open] = grouping.open(10, 10);
  assert(open !== undefined);
  grouping.add(want("B"), "b", 12);
  assertEquals(grouping.seal(open, 1).symbols, ["A"]);
  assertEquals([grouping.size, grouping.nextDueMs()], [1, 22]);
});

Deno.test("Grouping takes what is due into an open call that has room", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A"), "a", 0);
  const [open] = grouping.open(10, 10);
  grouping.add(want("B", { priority: 2 }), "b", 10);
  assertEquals([grouping.open(20, 10), open?.size, open?.first], [[], 2, "a"]);
  grouping.add(want("C"), "c", 30);
  grouping.add(want("D"), "d", 31);
  // It is full with C: D begins another.
  const [next] = grouping.open(50, 10);
  assertEquals([open?.size, next?.size, next?.first], [3, 1, "d"]);
  grouping.invariant();
  // No more than was paid for: the last in goes with the next.
  assert(open !== undefined && next !== undefined);
  assertEquals(grouping.seal(open, 2).symbols, ["A", "B"]);
  assertEquals(grouping.seal(next).symbols, ["D", "C"]);
});

Deno.test("Grouping dissolves an open call with room for a key of higher priority that is due", () => {
  let dissolved = 0;
  const grouping = new Grouping<string>({ onDissolved: () => dissolved++ });
  grouping.add(want("A", { priority: 1 }), "a", 0);
  grouping.open(10, 10);
  grouping.add(want("B", { priority: 5 }), "b", 20);
  assertEquals([grouping.open(25, 10).length, dissolved], [0, 0]);
  const [call] = grouping.open(30, 10);
  assert(call !== undefined);
  assertEquals([dissolved, call.priority, grouping.seal(call).symbols], [1, 5, ["B", "A"]]);
});

Deno.test("Grouping dissolves an open call when one of its keys is wanted more than it", () => {
  const dissolved: number[] = [];
  const grouping = new Grouping<string>({
    onDissolved: ({ priority }) => dissolved.push(priority),
  });
  for (const symbol of ["A", "B", "C"]) grouping.add(want(symbol, { priority: 1 }), symbol, 0);
  const [open] = grouping.open(10, 10);
  assert(open !== undefined);
  assertEquals(grouping.raise(want("B", { priority: 1, lingerMs: 5 }), 20), true);
  assertEquals(dissolved, []);
  assertEquals(grouping.raise(want("B", { priority: 7, lingerMs: 5 }), 20), true);
  assertEquals(dissolved, [1]);
  grouping.invariant();
  assertThrows(() => grouping.seal(open), Error, "one that is open");
  // All are overdue, so that the new call goes at once, with the raised key at its head.
  const [again] = grouping.open(20, 10);
  assert(again !== undefined);
  assertEquals([again.priority, grouping.seal(again).symbols], [7, ["B", "A", "C"]]);
  assertEquals(grouping.size, 0);
});

Deno.test("Grouping.remove() takes keys out of open calls", () => {
  const grouping = new Grouping<string>();
  grouping.add(want("A"), "a", 0);
  grouping.add(want("B"), "b", 0);
  const [open] = grouping.open(10, 10);
  assert(open !== undefined);
  assertEquals(grouping.remove(want("A"), "a"), true);
  grouping.invariant();
  assertEquals(grouping.remove(want("B"), "b"), true);
  assertEquals([open.size, open.first, grouping.size], [0, null, 0]);
  grouping.add(want("C"), "c", 10);
  assertEquals(grouping.seal(open).symbols, []);
  assertEquals(grouping.take(20, 1)[0]?.symbols, ["C"]);
});

Deno.test("Grouping gives every waiter one answer though calls are open, over random work", () => {
  const random = seededRandom(seedOf("Grouping open"));
  const below = (n: number) => Math.floor(random.next() * n);
  for (let round = 0; round < 20; round++) {
    const open: OpenCall<number>[] = [];
    const grouping = new Grouping<number>({
      onDissolved: (call) => open.splice(open.indexOf(call), 1),
    });
    const waiting = new Map<number, WantedKey>();
    for (let nowMs = 0, waiter = 0; nowMs < 1_000; nowMs++) {
      for (let i = below(4); i > 0; i--, waiter++) {
        const key = want(`S${below(30)}`, {
          kind: below(2) === 0 ? "quotes" : "news",
          priority: below(11),
          lingerMs: below(60),
          symbolsMax: 4,
          isBulk: below(2) === 0,
        });
        assert(grouping.add(key, waiter, nowMs) !== "full");
        waiting.set(waiter, key);
      }
      if (below(5) === 0) grouping.raise(want(`S${below(30)}`, { priority: below(11) }), nowMs);
      if (below(10) === 0 && waiting.size > 0) {
        const [victim, key] = [...waiting][below(waiting.size)] as [number, WantedKey];
        assertEquals(grouping.remove(key, victim), true);
        waiting.delete(victim);
      }
      const isIdle = below(3) === 0;
      open.push(...grouping.open(nowMs, below(4), () => isIdle));
      while (open.length > 0 && below(2) === 0) {
        const [call] = open.splice(below(open.length), 1);
        const sealed = grouping.seal(call as OpenCall<number>);
        assert(
          sealed.symbols.length <= 4 && new Set(sealed.symbols).size === sealed.symbols.length,
        );
        sealed.waiters.forEach((waiters, i) => {
          for (const one of waiters) {
            assertEquals(waiting.get(one)?.symbol, sealed.symbols[i]);
            assertEquals(waiting.get(one)?.kind, sealed.kind);
            waiting.delete(one);
          }
        });
      }
      if (nowMs % 50 === 0) grouping.invariant();
    }
    const names = new Set([...waiting.values()].map(({ kind, symbol }) => `${kind} ${symbol}`));
    assertEquals(grouping.size, names.size);
  }
});
