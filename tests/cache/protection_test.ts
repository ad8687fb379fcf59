import { assertEquals, assertThrows } from "@std/assert";
import { CacheError } from "../../src/cache/error.ts";
import { PROTECTED_PATTERNS_MAX, Protection } from "../../src/cache/protection.ts";

Deno.test("Protection.matches() tries exact keys and patterns", () => {
  const protection = new Protection();
  assertEquals(protection.isEmpty, true);
  protection.add("price:AAPL");
  protection.add("news:*");
  assertEquals(protection.matches("price:AAPL"), true);
  assertEquals(protection.matches("price:AAPL2"), false);
  assertEquals(protection.matches("news:MSFT"), true);
  assertEquals(protection.patterns, ["price:AAPL", "news:*"]);
});

Deno.test("Protection.remove() ends a pattern and no other", () => {
  const protection = new Protection();
  protection.add("price:*");
  protection.add("price:A*");
  assertEquals(protection.remove("price:*"), true);
  assertEquals(protection.remove("price:*"), false);
  assertEquals(protection.matches("price:A"), true);
  assertEquals(protection.matches("price:B"), false);
});

Deno.test("Protection.add() has room for so many patterns, and the same one twice is one", () => {
  const protection = new Protection();
  for (let i = 0; i < PROTECTED_PATTERNS_MAX; i++) {
    assertEquals(protection.add(`key:${i}*`), true);
  }
  assertEquals(protection.add("key:0*"), true);
  assertEquals(protection.add("one more"), false);
  assertEquals(protection.matches("one more"), false);
});

Deno.test("Protection.add() refuses what is no pattern, also when it is full", () => {
  const protection = new Protection();
  assertThrows(() => protection.add(""), CacheError);
  assertEquals(protection.isEmpty, true);
});
