import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { CacheError } from "../../src/cache/error.ts";
import {
  CACHE_KEY_CHARS_MAX,
  cacheKeyProblem,
  canonicalParams,
  formatCacheKey,
  isKeyKind,
  KEY_PARAMS_MAX,
  kindOfKey,
  parseCacheKey,
  symbolOfKey,
} from "../../src/cache/key.ts";

Deno.test("parseCacheKey() gives kind, symbol and what follows", () => {
  assertEquals(parseCacheKey("price:AAPL"), { kind: "price", symbol: "AAPL", params: null });
  assertEquals(parseCacheKey("label:EUR_USD:H1:0f"), {
    kind: "label",
    symbol: "EUR_USD",
    params: "H1:0f",
  });
  assertEquals(parseCacheKey("my_kind2:^GSPC:"), {
    kind: "my_kind2",
    symbol: "^GSPC",
    params: "",
  });
  assertEquals(parseCacheKey("news:BRK.B:größe/ü ?*{}").params, "größe/ü ?*{}");
});

for (
  const [attack, key, expected] of [
    ["no colon", "price", "expected kind:SYMBOL"],
    ["nothing", "", "expected kind:SYMBOL"],
    ["no kind", ":AAPL", "expected a kind"],
    ["a capital kind", "Price:AAPL", "expected a kind"],
    ["a prototype's name for a kind", "__proto__:AAPL", "expected a kind"],
    ["a long kind", `${"k".repeat(33)}:AAPL`, "expected a kind"],
    ["no symbol", "price:", "expected a symbol"],
    ["a blank in the symbol", "price:A B", "expected a symbol"],
    ["a path for a symbol", "price:../x", "expected a symbol"],
    ["a long symbol", `price:${"A".repeat(33)}`, "expected a symbol"],
    ["a line break", "price:AAPL:a\nb", "expected text without control characters"],
    ["a NUL", "price:AAPL:\0", "expected text without control characters"],
    ["an escape sequence", "price:AAPL:\u001b[2J", "expected text without control characters"],
    ["a line separator", "price:AAPL:\u2028", "expected text without control characters"],
    ["half a surrogate pair", "price:AAPL:\ud800", "expected text without halves"],
    ["one character too many", `price:AAPL:${"x".repeat(CACHE_KEY_CHARS_MAX - 10)}`, "at most"],
    ["a megabyte", "x".repeat(1_000_000), 'current value is "1000000 characters"'],
  ] as const
) {
  Deno.test(`parseCacheKey() refuses ${attack}`, () => {
    const error = assertThrows(() => parseCacheKey(key), CacheError, expected);
    assertInstanceOf(error, CacheError);
    assertEquals(error.code, "key");
    assertEquals(error.message.length < 250, true);
  });
}

Deno.test("cacheKeyProblem() has nothing against the longest key", () => {
  const key = `price:AAPL:${"x".repeat(CACHE_KEY_CHARS_MAX - 11)}`;
  assertEquals([key.length, cacheKeyProblem(key)], [CACHE_KEY_CHARS_MAX, null]);
});

Deno.test("kindOfKey() and symbolOfKey() take any text", () => {
  const parts = (key: string) => [kindOfKey(key), symbolOfKey(key)];
  assertEquals(parts("price:AAPL:x:y"), ["price", "AAPL"]);
  assertEquals(parts("price:AAPL"), ["price", "AAPL"]);
  assertEquals(parts("price"), ["price", ""]);
  assertEquals(parts("::"), ["", ""]);
  assertEquals(parts(""), ["", ""]);
});

Deno.test("isKeyKind() knows the ten kinds and no property of objects", () => {
  assertEquals(["price", "correlation", "other", "constructor", "Price"].map(isKeyKind), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("formatCacheKey() is read back by parseCacheKey()", () => {
  assertEquals(formatCacheKey("price", "AAPL"), "price:AAPL");
  assertEquals(formatCacheKey("price", "AAPL", {}), "price:AAPL");
  assertEquals(formatCacheKey("label", "EUR_USD", "H1:0f"), "label:EUR_USD:H1:0f");
  const key = formatCacheKey("label", "EUR_USD", { tie: "first", horizon: 12, x: undefined });
  assertEquals(key, "label:EUR_USD:horizon=12,tie=first");
  assertEquals(parseCacheKey(key).params, "horizon=12,tie=first");
});

Deno.test("formatCacheKey() refuses parts that would move others", () => {
  for (const [kind, symbol] of [["price:AAPL", "X"], ["price", "AAPL:x"], ["", "X"], ["p", ""]]) {
    assertThrows(() => formatCacheKey(String(kind), String(symbol)), CacheError, "Cannot format");
  }
});

Deno.test("canonicalParams() is one text whatever the order, and another for other values", () => {
  assertEquals(canonicalParams({ b: 1, a: true }), canonicalParams({ a: true, b: 1 }));
  assertEquals(canonicalParams({ B: 1, a: 2, Z: 3 }), "B=1,Z=3,a=2");
  assertEquals(canonicalParams({ a: -0, b: 1e21, c: 0.1 }), "a=0,b=1e%2B21,c=0.1");
  // A value that looks like another parameter stays a value.
  assertEquals(canonicalParams({ a: "1,b=2" }), "a=1%2Cb%3D2");
  assertEquals(canonicalParams({ a: "x:y%\n" }), "a=x%3Ay%25%0A");
  assertEquals(canonicalParams({}), "");
});

Deno.test("canonicalParams() refuses what has no one text", () => {
  const many = Object.fromEntries(
    Array.from({ length: KEY_PARAMS_MAX + 1 }, (_, i) => [`p${i}`, i]),
  );
  for (
    const params of [{ a: NaN }, { a: Infinity }, { "a=b": 1 }, { "": 1 }, { a: "\ud800" }, many]
  ) {
    assertThrows(() => canonicalParams(params), CacheError, "Cannot format cache key");
  }
});
