/** parseKinds(): what can be asked for, and how it is refused. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { COLUMNS } from "../../../src/label/format.ts";
import {
  KIND_NAMES,
  KINDS,
  KINDS_CHARS_MAX,
  parseKinds,
} from "../../../src/label/kinds/registry.ts";

const refusal = (text: string) => assertThrows(() => parseKinds(text), RangeError).message;

Deno.test("parseKinds() reads names and parameters, in the order given, defaults left out", () => {
  const text = " meta:ret=horizon:side=-1 , ret_quantile:window=100,breakout:margin=0.5,retouches";
  assertEquals(parseKinds(text).map((kind) => kind.text), [
    "meta:side=-1:ret=horizon",
    "ret_quantile",
    "breakout:margin=0.5",
    "retouches",
  ]);
  const [quantile] = parseKinds("ret_quantile:window=7");
  assertEquals([quantile?.name, quantile?.pastBars], ["ret_quantile", 7]);
});

Deno.test("parseKinds() says which kinds need levels", () => {
  const needs = (text: string) => parseKinds(text)[0]?.needsLevels;
  assertEquals(["flip", "retouches", "meta:side=breakout"].map(needs), [true, true, true]);
  assertEquals(["drawdown", "retouches:of=close", "meta"].map(needs), [false, false, false]);
});

Deno.test("parseKinds() of its own text is the same request", () => {
  for (const { name, params } of KINDS) {
    for (const { name: param, byDefault } of params) {
      assertEquals(parseKinds(`${name}:${param}=${byDefault}`)[0]?.text, name);
    }
    assertEquals(parseKinds(name)[0]?.text, name);
  }
  const all = parseKinds(KIND_NAMES.join(","));
  assertEquals(all.map(({ name }) => name), [...KIND_NAMES]);
});

Deno.test("parseKinds() refuses what is unknown with the nearest there is", () => {
  assert(refusal("retouchs").endsWith("current value is retouchs; did you mean retouches?"));
  assert(refusal("drawdown,").endsWith("current value is empty"));
  assert(refusal("drawdown:window=3").includes("expected no parameters"));
  assert(refusal("ret_quantile:windw=3").endsWith("did you mean window?"));
});

Deno.test("parseKinds() refuses values out of range, repetition and length", () => {
  for (const window of ["0", "1.5", "10001", "-3", "x", ""]) {
    assert(refusal(`ret_quantile:window=${window}`).includes("from 1 to 10000"), window);
  }
  for (const margin of ["-1", "1001", "1e2", "", "NaN"]) {
    assert(refusal(`breakout:margin=${margin}`).includes("ATR from 0"), margin);
  }
  assert(refusal("meta:side=2").includes("1, -1, given or one of the columns"));
  assert(refusal("meta:side=1:side=1").includes("side once"));
  assert(refusal("flip,flip").includes("flip twice"));
  assert(refusal("x".repeat(KINDS_CHARS_MAX + 1)).includes("at most 1024 characters"));
});

Deno.test("kinds are not called as a fixed column", () => {
  const fixed = new Set<string>(COLUMNS);
  assertEquals(KIND_NAMES.filter((name) => fixed.has(name)), []);
});
