/** Keys of computed labels: all that decides them, in one spelling. */

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { labelKeyOf, labelsOfKey } from "../../src/label/label_key.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";

const WANTED = {
  series: "EUR_USD:H1",
  fromTs: 0,
  toTs: 3_600_000,
  limit: 100,
  params: DEFAULT_PARAMS,
};

Deno.test("labelsOfKey() gives back what labelKeyOf() was given, with defaults filled in", () => {
  for (
    const wanted of [
      WANTED,
      { ...WANTED, fromTs: -Infinity, toTs: Infinity },
      { ...WANTED, kinds: "breakout,ret_sign" },
    ]
  ) assertEquals(labelsOfKey(labelKeyOf(wanted)), wanted);
  const short = { ...WANTED, params: { horizon: 12 } };
  assertEquals(labelsOfKey(labelKeyOf(short)).params, { ...DEFAULT_PARAMS, horizon: 12 });
});

Deno.test("labelKeyOf() differs wherever the labels may, and only there", () => {
  const key = labelKeyOf(WANTED);
  const others = [
    { ...WANTED, series: "EUR_USD:H4" },
    { ...WANTED, fromTs: 1 },
    { ...WANTED, toTs: 1 },
    { ...WANTED, limit: 99 },
    { ...WANTED, kinds: "breakout" },
    ...Object.entries(
      {
        horizon: DEFAULT_PARAMS.horizon + 1,
        up: DEFAULT_PARAMS.up + 0.5,
        down: DEFAULT_PARAMS.down + 0.5,
        tie: DEFAULT_PARAMS.tie === "lower" ? "upper" : "lower",
        vertical: DEFAULT_PARAMS.vertical === "zero" ? "sign" : "zero",
        maxGapMs: DEFAULT_PARAMS.maxGapMs + 1,
        volatility: "parkinson",
      } as const,
    ).map(([name, value]) => ({
      ...WANTED,
      params: { ...DEFAULT_PARAMS, [name]: value },
    })),
  ];
  const keys = new Set([key, ...others.map(labelKeyOf)]);
  assertEquals(keys.size, others.length + 1);
  assertEquals(labelKeyOf({ ...WANTED, params: {} }), key);
  assertEquals(labelKeyOf({ ...WANTED, params: { horizon: undefined } }), key);
  assertNotEquals(
    labelKeyOf({ ...WANTED, kinds: "breakout" }),
    labelKeyOf({ ...WANTED, kinds: "ret_sign" }),
  );
});

Deno.test("labelsOfKey() says the spelling of a key that leaves things out", () => {
  const whole = labelKeyOf({ ...WANTED, fromTs: -Infinity, toTs: Infinity, limit: 10_001 });
  assertThrows(() => labelsOfKey("label:EUR_USD:H1"), RangeError, `the spelling ${whole}`);
});

Deno.test("labelsOfKey() refuses other keys, and other spellings of the same", () => {
  const key = labelKeyOf(WANTED);
  for (
    const wrong of [
      "",
      "label",
      "label:EUR_USD",
      "price:EUR_USD:H1",
      "label:EUR_USD:H1",
      key.replace("limit=100", "limit=1e2"),
      key.replace("limit=100", "limit=0"),
      key.replace("limit=100", "limit=10002"),
      key.replace("from=0", "from="),
      key.replace("horizon=", "horizon=x"),
      `${key}&more=1`,
      `${key}&kinds=nonsense`,
      key.replace("EUR_USD:H1", "EUR_USD:H2"),
    ]
  ) assertThrows(() => labelsOfKey(wrong), RangeError, "Cannot");
});
