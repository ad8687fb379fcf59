/** What was invalidated in a shared tier. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom, VirtualClock } from "../../../src/actor/clock.ts";
import { CacheError } from "../../../src/cache/error.ts";
import type { TierSelection } from "../../../src/cache/types.ts";
import {
  InvalidationLog,
  LOG_ITEMS_MAX,
  LOG_PATTERNS_MAX,
} from "../../../src/store/cache/invalidation_log.ts";
import { TIER_TTL_MAX_MS } from "../../../src/cache/shard_tier.ts";
import { SEED } from "./support.ts";

const log = () => new InvalidationLog(new VirtualClock());

Deno.test("InvalidationLog.covers() what was invalidated after the mark, and nothing else", () => {
  const it = log();
  it.add({ keys: ["a"] }, { order: 10 });
  it.add({ patterns: ["p:*"] }, { order: 20 });
  it.add({ tags: ["t"] }, { order: 30 });
  const covered = (mark: number) => [
    it.covers("a", [], mark),
    it.covers("p:1", [], mark),
    it.covers("b", ["x", "t"], mark),
    it.covers("b", ["x"], mark),
  ];
  assertEquals(covered(9), [true, true, true, false]);
  assertEquals(covered(10), [false, true, true, false]);
  assertEquals(covered(20), [false, false, true, false]);
  assertEquals(covered(30), [false, false, false, false]);
  assertEquals(it.mark, 30);
});

Deno.test("InvalidationLog: what is not deleted or not published covers whatever its mark", () => {
  const it = log();
  const one = it.add({ keys: ["a"] }, { deletion: true });
  assertEquals([it.covers("a", [], Infinity), it.undeleted()], [true, [one]]);
  assertEquals(it.isOutdated("a", [], 0), false, "it has no place in the order");
  it.deleted([one]);
  assertEquals([it.covers("a", [], 0), it.undeleted()], [false, []]);
  const two = it.add({ keys: ["a"] }, { publication: true });
  assert(it.covers("a", [], Infinity));
  it.published(two, 7);
  assertEquals([it.covers("a", [], 6), it.covers("a", [], 7), it.mark], [true, false, 7]);
  it.unpublished(two);
  assert(it.covers("a", [], 7));
});

Deno.test("InvalidationLog.mayBeUndone() makes every deletion due again", () => {
  const it = log();
  const one = it.add({ keys: ["a"] }, { deletion: true });
  it.deleted([one]);
  it.add({ keys: ["b"] }, { order: 5 });
  it.mayBeUndone();
  assertEquals(it.undeleted().map(({ matcher }) => [...matcher.keys]), [["a"], ["b"]]);
  assert(it.covers("a", [], Infinity) && it.covers("b", [], Infinity));
  it.deleted(it.undeleted());
  assertEquals([it.covers("a", [], 4), it.covers("b", [], 4)], [false, true]);
});

Deno.test("InvalidationLog forgets after a day, but nothing that is due", () => {
  const clock = new VirtualClock();
  const it = new InvalidationLog(clock);
  it.add({ keys: ["a"] }, { order: 1 });
  clock.advance(TIER_TTL_MAX_MS + 1);
  const due = it.add({ keys: ["b"] }, { deletion: true });
  assertEquals([it.size, it.covers("a", [], 0)], [1, false]);
  clock.advance(TIER_TTL_MAX_MS + 1);
  it.add({ keys: ["c"] }, { order: 2 });
  assertEquals([it.size, it.undeleted()], [2, [due]]);
});

Deno.test("InvalidationLog stays within its bounds and forgets on the safe side", () => {
  for (const kind of ["keys", "patterns"] as const) {
    const it = log();
    const count = 3 * (kind === "keys" ? LOG_ITEMS_MAX : LOG_PATTERNS_MAX);
    for (let i = 1; i <= count; i++) it.add({ [kind]: [`${kind}:${i}`] }, { order: i });
    assert(it.size <= LOG_ITEMS_MAX, `${it.size} items`);
    for (let i = 1; i <= count; i++) {
      assert(it.covers(`${kind}:${i}`, [], i - 1), `${i} is covered`);
    }
    assertEquals(it.covers("other", [], count - 1), false);
  }
});

Deno.test("InvalidationLog makes one deletion of everything from too many that are due", () => {
  const it = log();
  for (let i = 0; i < 2 * LOG_ITEMS_MAX; i++) it.add({ keys: [String(i)] }, { deletion: true });
  const due = it.undeleted();
  assert(due.length <= LOG_ITEMS_MAX);
  assert(due.some(({ matcher }) => matcher.matches("anything", [])));
  assert(it.covers("0", [], Infinity));
});

Deno.test("InvalidationLog.add() refuses a pattern that is none and stays as it is", () => {
  const it = log();
  assertThrows(() => it.add({ keys: ["a"], patterns: [""] }, { order: 1 }), CacheError);
  assertEquals([it.size, it.mark, it.covers("a", [], 0)], [0, 0, false]);
});

Deno.test("InvalidationLog answers as a list that is searched does", () => {
  const random = seededRandom(SEED);
  const below = (limit: number) => Math.floor(random.next() * limit);
  const it = log();
  const list: { order: number; selection: TierSelection }[] = [];
  for (let order = 1; order <= 300; order++) {
    const selection = [
      { keys: [`k${below(20)}`] },
      { tags: [`t${below(5)}`] },
      { patterns: [`k${below(3)}*`] },
    ][below(3)] as TierSelection;
    it.add(selection, { order });
    list.push({ order, selection });
    const key = `k${below(25)}`, tags = [`t${below(8)}`], mark = below(order + 1);
    const expected = list.some((one) =>
      one.order > mark && (
        one.selection.keys?.includes(key) || one.selection.tags?.includes(tags[0] ?? "") ||
        one.selection.patterns?.some((pattern) => key.startsWith(pattern.slice(0, -1)))
      )
    );
    assertEquals(it.covers(key, tags, mark), expected, `WICK_SEED=${SEED} order ${order}`);
  }
});
