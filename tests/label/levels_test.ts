/** Levels: the sweep against a scan of all levels, and what a levels file may hold. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Level,
  LEVELS_MAX,
  LevelSet,
  LevelSweep,
  parseLevels,
} from "../../src/label/levels.ts";
import { Chance, hasShared, listShared, readShared, SEED } from "./support.ts";

function randomLevels(chance: Chance, count: number): Level[] {
  return Array.from({ length: count }, () => {
    const fromTs = chance.int(0, 1000);
    return {
      kind: chance.pick(["support", "resistance"]),
      price: chance.int(1, 200),
      fromTs,
      toTs: fromTs + chance.pick([0, 1, chance.int(0, 50), chance.int(0, 1000)]),
    };
  });
}

function active(levels: readonly Level[], ts: number, kind: Level["kind"]): number[] {
  return levels.filter((level) => level.kind === kind && level.fromTs <= ts && ts < level.toTs)
    .map((level) => level.price);
}

Deno.test("LevelSweep finds what a scan of all levels finds", () => {
  const chance = new Chance(SEED + 5);
  for (let round = 0; round < 30; round++) {
    const levels = randomLevels(chance, chance.pick([0, 1, 20, 300, 3000]));
    const sweep = new LevelSweep(new LevelSet(levels));
    for (let run = 0; run < 2; run++) {
      for (let ts = -5; ts < 2100; ts += chance.pick([0, 1, 1, 5, 300])) {
        sweep.advance(ts);
        const above = active(levels, ts, "resistance");
        const below = active(levels, ts, "support");
        assertEquals(sweep.active, above.length + below.length, `active at ${ts}`);
        for (let probe = 0; probe < 3; probe++) {
          const price = chance.int(0, 202) + chance.pick([0, 0.5]);
          const lowest = Math.min(...above.filter((q) => q > price));
          const highest = Math.max(...below.filter((q) => q < price));
          assertEquals(sweep.above(price), lowest, `above ${price} at ${ts}`);
          assertEquals(sweep.below(price), highest, `below ${price} at ${ts}`);
        }
      }
      sweep.reset();
    }
  }
});

Deno.test("LevelSweep forgets levels that ended during one long step", () => {
  const levels = randomLevels(new Chance(SEED + 6), 3000);
  const after = 5000;
  const late: Level = { kind: "support", price: 7, fromTs: after, toTs: after + 10 };
  const sweep = new LevelSweep(new LevelSet([...levels, late]));
  for (
    const [ts, count] of [[after - 1, 0], [after, 1], [after + 9, 1], [after + 10, 0]] as const
  ) {
    sweep.advance(ts);
    assertEquals([sweep.active, sweep.below(8)], [count, count === 1 ? 7 : -Infinity]);
  }
  const ended = new LevelSweep(new LevelSet(levels));
  for (const ts of [after, after + 1]) {
    ended.advance(ts);
    assertEquals(ended.active, 0);
  }
});

Deno.test("parseLevels() reads the published files", () => {
  if (!hasShared("published levels")) return;
  const files = listShared("reference/expected").filter((file) => file.endsWith("levels.json.gz"));
  assert(files.length > 0);
  for (const file of files) {
    const data: unknown = JSON.parse(readShared(`reference/expected/${file}`));
    const levels = parseLevels(data);
    assertEquals(levels.length, (data as unknown[]).length);
    assertEquals(levels.every((level) => level.fromTs < level.toTs), true);
  }
});

const GOOD = { kind: "support", price: 1.5, from_ts: 10, to_ts: 20 };

Deno.test("parseLevels() takes from_ts and to_ts and ignores other fields", () => {
  const expected = [{ kind: "support", price: 1.5, fromTs: 10, toTs: 20 }];
  assertEquals(parseLevels([{ ...GOOD, note: "weekly low" }]), expected);
});

const REFUSED: readonly [string, unknown, string][] = [
  ["no list", { levels: [] }, "expected a list of levels"],
  ["nothing", undefined, "current value is undefined"],
  ["a null entry", [null], "level 0: expected an object"],
  ["a number", [GOOD, 5], "level 1: expected an object"],
  ["another kind", [{ ...GOOD, kind: "pivot" }], 'current value is "pivot"'],
  ["no kind", [{ price: 1 }], "kind"],
  [
    "a price in text",
    [{ ...GOOD, price: "1.5" }],
    'price, a finite number: current value is "1.5"',
  ],
  ["no price", [{ ...GOOD, price: null }], "price, a finite number"],
  ["fromTs", [{ ...GOOD, from_ts: undefined, fromTs: 10 }], "from_ts, epoch milliseconds"],
  ["a date", [{ ...GOOD, to_ts: "2024-01-01" }], "to_ts, epoch milliseconds"],
  ["an end before the start", [{ ...GOOD, to_ts: 9 }], "to_ts at or after from_ts 10"],
];

for (const [what, data, message] of REFUSED) {
  Deno.test(`parseLevels() refuses ${what}`, () => {
    assertStringIncludes(assertThrows(() => parseLevels(data), TypeError).message, message);
  });
}

Deno.test("LevelSet refuses more levels than its bound", () => {
  const level: Level = { kind: "support", price: 1, fromTs: 0, toTs: 1 };
  const levels = new Array<Level>(LEVELS_MAX + 1).fill(level);
  assertThrows(() => new LevelSet(levels), RangeError, "at most 100000");
});
