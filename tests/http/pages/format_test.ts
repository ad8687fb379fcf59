import { assertEquals } from "@std/assert";
import {
  ago,
  bytes,
  compact,
  count,
  dateTime,
  decimal,
  duration,
  percent,
  time,
} from "../../../src/http/pages/lib/format.js";

/** Figures as people would write them; the gap before a unit does not break. */
function check(write: (value: number) => string, cases: readonly (readonly [number, string])[]) {
  for (const [value, text] of cases) {
    assertEquals(write(value).replaceAll("\u00a0", " "), text, String(value));
  }
}

const SECOND = 1_000, MINUTE = 60_000, HOUR = 3_600_000, DAY = 86_400_000;

Deno.test("what is not known is a dash in every format", () => {
  for (const value of [null, undefined, NaN, Infinity]) {
    const texts = [
      count(value),
      decimal(value, 2),
      compact(value),
      duration(value),
      bytes(value),
      percent(value),
      time(value, 0),
      dateTime(value),
      ago(value, 0),
    ];
    assertEquals(texts, texts.map(() => "–"), String(value));
  }
});

Deno.test("count() separates thousands and has no digits after the point", () => {
  check(count, [[0, "0"], [999, "999"], [12_345, "12,345"], [1_234.6, "1,235"]]);
});

Deno.test("decimal() keeps its digits, and knows no minus zero", () => {
  check((value) => decimal(value, 1), [[0, "0.0"], [1_234.56, "1,234.6"], [-0.04, "0.0"]]);
  check((value) => decimal(value, 3), [[2, "2.000"], [-1.5, "-1.500"]]);
});

Deno.test("compact() changes its unit before a thousand would be written", () => {
  check(compact, [
    [0, "0"],
    [950, "950"],
    [0.5, "0.50"],
    [1_000, "1.00 k"],
    [12_345, "12.3 k"],
    [123_456, "123 k"],
    [999_499, "999 k"],
    [999_600, "1.00 M"],
    [4_560_000, "4.56 M"],
    [-2_500, "-2.50 k"],
    [7e15, "7,000 T"],
  ]);
});

Deno.test("duration() names the two largest units", () => {
  check(duration, [
    [0, "0 ms"],
    [0.25, "0.25 ms"],
    [12, "12 ms"],
    [999, "999 ms"],
    [999.6, "1.0 s"],
    [1_234, "1.2 s"],
    [9_960, "10 s"],
    [59_900, "60 s"],
    [MINUTE, "1 min"],
    [4 * MINUTE + 10 * SECOND, "4 min 10 s"],
    [HOUR, "1 h"],
    [3 * HOUR + 4 * MINUTE, "3 h 4 min"],
    [2 * DAY + 3 * HOUR, "2 d 3 h"],
    [-1_500, "−1.5 s"],
  ]);
});

Deno.test("duration() never writes sixty seconds beside minutes", () => {
  for (let ms = 59_000; ms < 2 * HOUR; ms += 499) {
    const text = duration(ms);
    assertEquals(/\b60\u00a0(s|min)\b/.test(text) && ms >= 60_000, false, `${ms}: ${text}`);
  }
});

Deno.test("bytes() counts in powers of ten, as settings and targets do", () => {
  check(bytes, [
    [0, "0 B"],
    [512, "512 B"],
    [999, "999 B"],
    [1_000, "1.00 kB"],
    [1_024, "1.02 kB"],
    [1_200_000, "1.20 MB"],
    [999_600, "1.00 MB"],
    [256e6, "256 MB"],
    [4e9, "4.00 GB"],
    [3e12, "3.00 TB"],
  ]);
});

Deno.test("percent() says 100 % and 0 % only where that is so", () => {
  check(percent, [
    [0, "0 %"],
    [1, "100 %"],
    [0.95, "95.0 %"],
    [0.9995, "99.95 %"],
    [0.999_99, ">99.99 %"],
    [0.000_2, "<0.1 %"],
    [1.25, "125.0 %"],
  ]);
});

Deno.test("time() shows the date unless it is today's in UTC", () => {
  const at = Date.UTC(2025, 10, 26, 14, 3, 9);
  assertEquals(time(at, at + HOUR), "14:03:09");
  assertEquals(time(at, at + 10 * HOUR), "2025-11-26 14:03:09");
  assertEquals(dateTime(at), "2025-11-26 14:03");
  assertEquals(time(9e15, at), "–");
});

Deno.test("ago() rounds down, and knows what is to come", () => {
  check((ms) => ago(1_000_000_000 - ms, 1_000_000_000), [
    [0, "now"],
    [999, "now"],
    [3_900, "3 s ago"],
    [119_000, "1 min ago"],
    [5 * HOUR, "5 h ago"],
    [50 * HOUR, "2 d ago"],
    [-5 * MINUTE, "in 5 min"],
  ]);
});
