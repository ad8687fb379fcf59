import { assert, assertEquals, assertInstanceOf, assertLess, assertThrows } from "@std/assert";
import { CacheError } from "../../src/cache/error.ts";
import {
  compileKeyPattern,
  exactKeyPattern,
  KEY_PATTERN_CHARS_MAX,
  KEY_PATTERN_STARS_MAX,
} from "../../src/cache/key_pattern.ts";
import { seededRandom } from "../market/support.ts";

const matches = (pattern: string, key: string) => compileKeyPattern(pattern).matches(key);

Deno.test("compileKeyPattern() without a star matches one key", () => {
  assertEquals(matches("price:AAPL", "price:AAPL"), true);
  for (const key of ["price:AAP", "price:AAPL ", " price:AAPL", "price:aapl", ""]) {
    assertEquals(matches("price:AAPL", key), false, key);
  }
});

Deno.test("compileKeyPattern() takes a star for any run, also for none", () => {
  assertEquals(
    ["price:AAPL", "price:", "price:AAPL:x", "prices:AAPL", "price"].map((key) =>
      matches("price:*", key)
    ),
    [true, true, true, false, false],
  );
  assertEquals(["news:AAPL", ":AAPL", "news:AAPLX"].map((k) => matches("*:AAPL", k)), [
    true,
    true,
    false,
  ]);
  assertEquals(["", "x", "a\nb\0c"].map((key) => matches("*", key)), [true, true, true]);
});

Deno.test("compileKeyPattern() needs the pieces in order and apart", () => {
  assertEquals(["aXbYc", "abc", "acb", "ab", "abbc"].map((key) => matches("a*b*c", key)), [
    true,
    true,
    false,
    false,
    true,
  ]);
  // The beginning and the end may not share characters.
  assertEquals(["aba", "ababa", "abaaba"].map((key) => matches("aba*aba", key)), [
    false,
    false,
    true,
  ]);
  assertEquals(["aba", "abba", "abXba"].map((key) => matches("a*b*ba", key)), [false, true, true]);
});

Deno.test("compileKeyPattern() reads \\* as a star and \\\\ as a backslash", () => {
  assertEquals(["a*", "ab", "a\\*"].map((key) => matches("a\\*", key)), [true, false, false]);
  assertEquals(["a\\", "a\\b", "a*"].map((key) => matches("a\\\\*", key)), [true, true, false]);
  assertEquals(["a\\b", "ab"].map((key) => matches("a\\b", key)), [true, false]);
  assertEquals(matches("a\\", "a\\"), true);
});

Deno.test("compileKeyPattern() takes the signs of other languages as they are", () => {
  for (const text of ["a?c", "[ab]", "(a|b)+", "^$", ".", "a%_b", "{a,b}", "\ud800x\udc00"]) {
    assertEquals(matches(text, text), true, text);
    assertEquals(matches(text, "abc"), false, text);
  }
});

Deno.test("compileKeyPattern() takes stars in a row for one", () => {
  const pattern = compileKeyPattern("a***b**");
  assertEquals(pattern.pieces, ["a", "b", ""]);
  assertEquals(["ab", "aXbY", "ba"].map(pattern.matches), [true, true, false]);
});

Deno.test("compileKeyPattern() says prefix and pieces without escapes", () => {
  const { pattern, prefix, isExact, pieces } = compileKeyPattern("a\\*b*c*");
  assertEquals({ pattern, prefix, isExact, pieces }, {
    pattern: "a\\*b*c*",
    prefix: "a*b",
    isExact: false,
    pieces: ["a*b", "c", ""],
  });
  assertEquals(compileKeyPattern("x").isExact, true);
});

Deno.test("exactKeyPattern() makes a pattern of one key, whatever it holds", () => {
  for (const key of ["a", "a*b", "a\\", "a\\*b\\\\*", "***", "\\\\\\", "\n\0{}", "\ud800"]) {
    const pattern = compileKeyPattern(exactKeyPattern(key));
    assertEquals([pattern.isExact, pattern.prefix], [true, key]);
    assert(pattern.matches(key));
  }
});

Deno.test("compileKeyPattern() refuses what is empty, too long or has too many stars", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["", `expected 1 to ${KEY_PATTERN_CHARS_MAX} characters: current value is ""`],
    ["x".repeat(KEY_PATTERN_CHARS_MAX + 1), `current value is "${KEY_PATTERN_CHARS_MAX + 1} char`],
    ["a*".repeat(KEY_PATTERN_STARS_MAX + 1), `expected at most ${KEY_PATTERN_STARS_MAX} stars`],
  ];
  for (const [pattern, text] of refused) {
    const error = assertThrows(() => compileKeyPattern(pattern), CacheError, text);
    assertInstanceOf(error, CacheError);
    assertEquals(error.code, "key_pattern");
  }
  compileKeyPattern("x".repeat(KEY_PATTERN_CHARS_MAX));
  compileKeyPattern("a*".repeat(KEY_PATTERN_STARS_MAX));
  compileKeyPattern("*".repeat(KEY_PATTERN_CHARS_MAX));
});

/** Whether the pieces match the text, by trying every place. */
function matchesSlowly(pattern: string, key: string): boolean {
  if (pattern === "") return key === "";
  if (pattern[0] === "*") {
    return matchesSlowly(pattern.slice(1), key) ||
      (key !== "" && matchesSlowly(pattern, key.slice(1)));
  }
  const isEscape = pattern[0] === "\\" && (pattern[1] === "*" || pattern[1] === "\\");
  const char = isEscape ? pattern[1] : pattern[0];
  return key[0] === char && matchesSlowly(pattern.slice(isEscape ? 2 : 1), key.slice(1));
}

Deno.test("compileKeyPattern() matches what its slow twin matches", () => {
  const random = seededRandom("key_pattern");
  const text = (chars: string, lengthMax: number) => {
    let made = "";
    const length = Math.floor(random() * (lengthMax + 1));
    while (made.length < length) made += chars[Math.floor(random() * chars.length)];
    return made;
  };
  let matched = 0;
  for (let run = 0; run < 40_000; run++) {
    // Few characters, so that pieces overlap and repeat.
    const pattern = text("aab**\\", 8) || "a";
    const key = text("aab*\\", 12);
    const expected = matchesSlowly(pattern, key);
    if (expected) matched++;
    assertEquals(matches(pattern, key), expected, JSON.stringify([pattern, key]));
  }
  assert(matched > 2_000, `${matched} matched`);
});

Deno.test("compileKeyPattern() finds long pieces as indexOf() does", () => {
  const random = seededRandom("key_pattern long");
  for (let run = 0; run < 3_000; run++) {
    const bits = (n: number) =>
      Array.from({ length: n }, () => random() < 0.8 ? "a" : "b").join("");
    const piece = bits(17 + Math.floor(random() * 8));
    const key = bits(200) + (random() < 0.5 ? piece : "") + bits(60);
    assertEquals(matches(`*${piece}*`, key), key.includes(piece), `${piece} in ${key}`);
  }
});

for (
  const [attack, pattern, key] of [
    ["stars between equal letters", "a*".repeat(31) + "b", "a".repeat(1_000_000)],
    [
      "a long piece that nearly occurs everywhere",
      `*${"a".repeat(KEY_PATTERN_CHARS_MAX - 3)}b*`,
      "a".repeat(1_000_000),
    ],
    [
      "a long piece that fails at its first letter",
      `*b${"a".repeat(KEY_PATTERN_CHARS_MAX - 3)}*`,
      "a".repeat(1_000_000),
    ],
    ["many pieces that nearly occur", `${"*aaaaaab".repeat(31)}*`, "aaaaaa".repeat(166_666)],
    ["periods", `*${"ab".repeat(500)}c*`, "ab".repeat(500_000)],
  ] as const
) {
  Deno.test(`compileKeyPattern() takes linear time for ${attack}`, () => {
    const pattern_ = compileKeyPattern(pattern);
    const timeOf = (text: string) => {
      const startMs = performance.now();
      assertEquals(pattern_.matches(text), false);
      return performance.now() - startMs;
    };
    timeOf(key.slice(0, 100_000));
    // A product of both lengths would be 10^9 steps, more than half a second.
    const bestMs = Math.min(...Array.from({ length: 5 }, () => timeOf(key)));
    assertLess(bestMs, 250);
  });
}
