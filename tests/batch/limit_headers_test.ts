/** Headers about limits: the examples of the RFCs, what providers send, and nonsense. */

import { assertEquals } from "@std/assert";
import {
  type LimitNotice,
  parseHttpDate,
  parseLimitHeaders,
} from "../../src/batch/limit_headers.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { seedOf } from "../actor/seed.ts";

/** Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110, section 5.6.7. */
const RFC_MS = 784_111_777_000;
/** 2026-03-03T12:00:00Z. */
const NOW_MS = 1_772_539_200_000;
const NONE: LimitNotice = { retryAfterMs: null, limit: null, remaining: null, resetMs: null };

const read = (headers: Record<string, string>, wallMs = NOW_MS) =>
  parseLimitHeaders(new Headers(headers), wallMs);

for (
  const text of [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
  ]
) {
  Deno.test(`parseHttpDate() reads ${text}`, () => {
    assertEquals(parseHttpDate(text, NOW_MS), RFC_MS);
  });
}

for (
  const text of [
    "",
    "06 Nov 1994",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 EST",
  ]
) {
  Deno.test(`parseHttpDate() does not read ${JSON.stringify(text)}`, () => {
    assertEquals(parseHttpDate(text, NOW_MS), null);
  });
}

for (
  const [name, headers, expected] of [
    ["seconds", { "retry-after": "120" }, { retryAfterMs: 120_000 }],
    ["no time at all", { "retry-after": "0" }, { retryAfterMs: 0 }],
    ["a date", { "retry-after": "Tue, 03 Mar 2026 12:01:30 GMT" }, { retryAfterMs: 90_000 }],
    ["a date that has passed", { "retry-after": "Tue, 03 Mar 2026 11:00:00 GMT" }, {
      retryAfterMs: 0,
    }],
    ["a date by the server's own clock", {
      "date": "Tue, 03 Mar 2026 13:00:00 GMT",
      "retry-after": "Tue, 03 Mar 2026 13:00:10 GMT",
    }, { retryAfterMs: 10_000 }],
    ["milliseconds first", { "retry-after-ms": "250", "retry-after": "1" }, { retryAfterMs: 250 }],
    ["X-RateLimit with seconds", {
      "X-RateLimit-Limit": "750",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": "17",
    }, { limit: 750, remaining: 0, resetMs: 17_000 }],
    ["epoch seconds", { "x-ratelimit-reset": "1772539230" }, { resetMs: 30_000 }],
    ["epoch milliseconds", { "x-ratelimit-reset": "1772539230500" }, { resetMs: 30_500 }],
    ["an ISO date", { "x-ratelimit-reset": "2026-03-03T12:00:05Z" }, { resetMs: 5_000 }],
    ["fractions of a second", { "x-ratelimit-reset": "0.25" }, { resetMs: 250 }],
    ["a list with policies", { "ratelimit-limit": "100, 100;w=60" }, { limit: 100 }],
    ["the draft of one header", { "ratelimit": "limit=100, remaining=50, reset=30" }, {
      limit: 100,
      remaining: 50,
      resetMs: 30_000,
    }],
    ["the least of the draft's policies", { "ratelimit": `"a";r=50;t=30, "b";r=4;t=9` }, {
      remaining: 4,
      resetMs: 9_000,
    }],
    ["nothing", {}, {}],
    ["nonsense", {
      "retry-after": "soon",
      "x-ratelimit-limit": "-5",
      "x-ratelimit-remaining": "NaN",
      "x-ratelimit-reset": "1e9",
    }, {}],
    ["a limit of 0", { "x-ratelimit-limit": "0" }, {}],
    ["years from now", { "retry-after": "999999999" }, {}],
  ] as const
) {
  Deno.test(`parseLimitHeaders() reads ${name}`, () => {
    assertEquals(read(headers), { ...NONE, ...expected });
  });
}

Deno.test("parseLimitHeaders() gives null or a count within bounds, whatever the bytes", () => {
  const random = seededRandom(seedOf("limit headers"));
  const letters = '0123456789;=,.rt" :-GMTSunNov\t';
  for (let round = 0; round < 5_000; round++) {
    const length = Math.floor(random.next() * 40);
    const value = Array.from(
      { length },
      () => letters.charAt(Math.floor(random.next() * letters.length)),
    ).join("");
    const notice = parseLimitHeaders({ get: () => value }, NOW_MS);
    for (const found of Object.values(notice)) {
      assertEquals(found === null || (Number.isFinite(found) && found >= 0), true, value);
    }
  }
});
