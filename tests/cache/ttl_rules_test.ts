import { assertEquals, assertThrows } from "@std/assert";
import { CacheError } from "../../src/cache/error.ts";
import { KEY_KINDS } from "../../src/cache/key.ts";
import { TTL_BOUNDS, TTL_DEFAULTS, ttlOptions, ttlRuleOf } from "../../src/cache/ttl_rules.ts";

Deno.test("ttlOptions() without settings are the defaults, with a rule for every kind", () => {
  assertEquals(ttlOptions(), TTL_DEFAULTS);
  assertEquals(Object.keys(TTL_DEFAULTS.rules).sort(), [...KEY_KINDS, "other"].sort());
});

Deno.test("ttlOptions() changes what is set and nothing else", () => {
  const options = ttlOptions({ hardRatio: 3, rules: { price: { cryptoMs: 30_000 } } });
  assertEquals(options.hardRatio, 3);
  assertEquals(options.jitterRatio, TTL_DEFAULTS.jitterRatio);
  assertEquals(options.rules.price, { ...TTL_DEFAULTS.rules.price, cryptoMs: 30_000 });
  assertEquals(options.rules.news, TTL_DEFAULTS.rules.news);
});

Deno.test("ttlOptions() takes what a rule of a new kind leaves out from other", () => {
  const { rules } = ttlOptions({ rules: { weather: { openMs: 1_000 } } });
  assertEquals(ttlRuleOf(rules, "weather"), { ...TTL_DEFAULTS.rules.other, openMs: 1_000 });
  assertEquals(ttlRuleOf(rules, "tide"), TTL_DEFAULTS.rules.other);
});

Deno.test("ttlRuleOf() takes no property of all objects for a rule", () => {
  for (const kind of ["__proto__", "constructor", "toString", ""]) {
    assertEquals(ttlRuleOf(TTL_DEFAULTS.rules, kind), TTL_DEFAULTS.rules.other);
  }
  const set = ttlOptions({ rules: JSON.parse('{"__proto__": {"openMs": 1000}}') });
  assertEquals(ttlRuleOf(set.rules, "__proto__").openMs, 1_000);
  assertEquals(ttlRuleOf(set.rules, "constructor"), TTL_DEFAULTS.rules.other);
});

Deno.test("ttlOptions() refuses what is out of bounds", () => {
  const many = Object.fromEntries(
    Array.from({ length: TTL_BOUNDS.rulesMax }, (_, i) => [`k${i}`, {}]),
  );
  for (
    const [settings, text] of [
      [{ hardRatio: 0.9 }, "Cannot set hardRatio: expected 1 to 100: current value is 0.9"],
      [{ hardRatio: NaN }, "Cannot set hardRatio"],
      [{ jitterRatio: 0.6 }, "Cannot set jitterRatio: expected 0 to 0.5"],
      [{ staleIfErrorMs: -1 }, "Cannot set staleIfErrorMs"],
      [{ pauseTtlMaxMs: Infinity }, "Cannot set pauseTtlMaxMs"],
      [{ rules: { price: { openMs: 0 } } }, 'Cannot set openMs of "price": expected 100 to'],
      [{ rules: { x: { closedMs: Infinity } } }, 'Cannot set closedMs of "x"'],
      [{ rules: many }, "Cannot set number of TTL rules: expected 11 to 64: current value is 75"],
    ] as const
  ) assertThrows(() => ttlOptions(settings), CacheError, text);
});
