import { parseRetryAfter } from "../../src/provider/retry_after.ts";
import { assertEquals } from "@std/assert";

/** The date of the example in RFC 9110, 5.6.7: 1994-11-06T08:49:37Z. */
const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const DATE_MS = 784_111_777_000;

Deno.test("parseRetryAfter() reads seconds and dates, within a day", () => {
  const cases: [text: string | null, wallNowMs: number, expected: number | null][] = [
    ["120", 0, 120_000],
    [" 0 ", 0, 0],
    ["1.5", 0, 1_500],
    ["99999999", 0, 86_400_000],
    [DATE, DATE_MS - 5_000, 5_000],
    [DATE, DATE_MS + 5_000, 0],
    [DATE, 0, 86_400_000],
  ];
  for (const [text, wallNowMs, expected] of cases) {
    assertEquals(parseRetryAfter(text, wallNowMs), expected, String(text));
  }
});

Deno.test("parseRetryAfter() takes nothing else for a wait", () => {
  const texts = [null, "", "-1", "1e3", "soon", "0x10", "1994-11-06", "Infinity", "1,2"];
  for (const text of [...texts, "9".repeat(100_000)]) assertEquals(parseRetryAfter(text, 0), null);
});
