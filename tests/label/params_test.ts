/** Label parameters: defaults, ranges, hash. */

import { createHash } from "node:crypto";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  DEFAULT_PARAMS,
  historyBars,
  HORIZON_MAX,
  type LabelParams,
  labelParams,
  paramHash,
} from "../../src/label/params.ts";

Deno.test("labelParams() fills in the defaults of the specification", () => {
  assertEquals(labelParams(), DEFAULT_PARAMS);
  assertEquals(labelParams({ horizon: 24 }), { ...DEFAULT_PARAMS, horizon: 24 });
  assertEquals(DEFAULT_PARAMS, {
    horizon: 6,
    up: 2,
    down: 2,
    tie: "lower",
    vertical: "zero",
    maxGapMs: 864_000_000,
    volatility: "atr",
  });
});

Deno.test("labelParams() accepts the ends of every range", () => {
  assertEquals(labelParams({ horizon: 1 }).horizon, 1);
  assertEquals(labelParams({ horizon: HORIZON_MAX }).horizon, 10_000);
  assertEquals(labelParams({ maxGapMs: 1 }).maxGapMs, 1);
});

const REFUSED: readonly [string, unknown, string][] = [
  ["horizon", 0, "whole number from 1 to 10000: current value is 0"],
  ["horizon", 10_001, "current value is 10001"],
  ["horizon", 2.5, "current value is 2.5"],
  ["horizon", NaN, "current value is NaN"],
  ["horizon", "6", "current value is 6"],
  ["up", 0, "above 0, in units of volatility: current value is 0"],
  ["up", -1, "current value is -1"],
  ["down", Infinity, "current value is Infinity"],
  ["down", NaN, "current value is NaN"],
  ["tie", "middle", "expected lower, upper: current value is middle"],
  ["vertical", "", "expected zero, sign"],
  ["maxGapMs", 0, "current value is 0"],
  ["maxGapMs", Infinity, "current value is Infinity"],
  ["volatility", "wilder", "expected atr, parkinson"],
  ["horizn", 6, "current value is horizn"],
  ["__proto__x", 6, "current value is __proto__x"],
];

for (const [name, value, message] of REFUSED) {
  Deno.test(`labelParams() refuses ${name} = ${JSON.stringify(value)} (${value})`, () => {
    // Values come from text and JSON: types promise nothing there.
    const given = { [name]: value } as Partial<LabelParams>;
    assertStringIncludes(assertThrows(() => labelParams(given), RangeError).message, message);
  });
}

Deno.test("paramHash() is SHA-256 over JSON with sorted keys, first 16 hex digits", () => {
  const json = '{"down":2,"horizon":6,"maxGapMs":864000000,"tie":"lower","up":2,' +
    '"vertical":"zero","volatility":"atr"}';
  const expected = createHash("sha256").update(json).digest("hex").slice(0, 16);
  assertEquals(paramHash(DEFAULT_PARAMS), expected);
});

Deno.test("paramHash() ignores key order and defaults left out", () => {
  const { horizon, ...rest } = DEFAULT_PARAMS;
  assertEquals(paramHash({ ...rest, horizon }), paramHash({}));
  assertEquals(paramHash({ up: 3, horizon: 12 }), paramHash({ horizon: 12, up: 3 }));
});

Deno.test("paramHash() tells every parameter and every input apart", () => {
  const others: Partial<LabelParams>[] = [
    { horizon: 12 },
    { up: 2.5 },
    { down: 2.5 },
    { tie: "upper" },
    { vertical: "sign" },
    { maxGapMs: 1 },
    { volatility: "ewma" },
  ];
  const hashes = [{}, ...others].map((params) => paramHash(params));
  hashes.push(paramHash({}, { levels: "a" }), paramHash({}, { levels: "b" }));
  assertEquals(new Set(hashes).size, hashes.length);
  assertEquals(hashes.every((hash) => /^[0-9a-f]{16}$/.test(hash)), true);
});

Deno.test("historyBars() is H + 21, and endless with ewma", () => {
  assertEquals(historyBars(labelParams({ horizon: 24 })), 45);
  assertEquals(historyBars(labelParams({ volatility: "ewma" })), Infinity);
});
