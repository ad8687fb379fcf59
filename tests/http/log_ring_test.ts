/** The ring of the log's last lines: bounds, filters, going on, and no secrets. */

import {
  LOG_CHARS_MAX,
  LOG_LINES_MAX,
  type LogQuery,
  LogRing,
  type LogRingOptions,
} from "../../src/http/log_ring.ts";
import { assert, assertEquals, assertLess } from "@std/assert";

const ALL: LogQuery = { afterId: null, limit: 1_000, level: "debug", path: "", text: "" };

function ringOf(options: Partial<LogRingOptions> = {}) {
  let at = 1_000;
  return new LogRing({ wallNow: () => ++at, admits: () => true, ...options });
}

const ids = (ring: LogRing, query: Partial<LogQuery> = {}) =>
  ring.list({ ...ALL, ...query }).lines.map(({ id }) => id);

Deno.test("LogRing gives lines as they were logged, the newest ones in order", () => {
  const ring = ringOf();
  ring.sink("info", "/wick/core/store", "opened", { path: "wick.db", rows: 3 });
  ring.sink("error", "/wick/core", "gave up");
  assertEquals(ring.list(ALL), {
    lines: [
      {
        id: 1,
        at: 1_001,
        level: "info",
        path: "/wick/core/store",
        message: "opened",
        fields: { path: "wick.db", rows: 3 },
      },
      { id: 2, at: 1_002, level: "error", path: "/wick/core", message: "gave up", fields: null },
    ],
    lastId: 2,
    missed: 0,
  });
  assertEquals(ids(ring, { limit: 1 }), [2]);
});

Deno.test("LogRing keeps info and worse unless it is told otherwise", () => {
  const ring = new LogRing({ wallNow: () => 0 });
  for (const level of ["debug", "info", "warn", "error"] as const) ring.sink(level, "/wick", "x");
  assertEquals(ring.list(ALL).lines.map(({ level }) => level), ["info", "warn", "error"]);
});

Deno.test("LogRing finds lines by level, actor and text", () => {
  const ring = ringOf();
  ring.sink("debug", "/wick/core/store", "Opened FILE");
  ring.sink("warn", "/wick/core/store2", "slow", { reason: "a full Disk" });
  ring.sink("error", "/wick/core", "crashed");
  assertEquals(ids(ring, { level: "warn" }), [2, 3]);
  assertEquals(ids(ring, { path: "core/store" }), [1]);
  assertEquals(ids(ring, { path: "/wick/core/" }), [1, 2, 3]);
  assertEquals(ids(ring, { path: "core" }), [1, 2, 3]);
  assertEquals(ids(ring, { path: "cor" }), []);
  assertEquals(ids(ring, { text: "file" }), [1]);
  assertEquals(ids(ring, { text: "full DISK" }), [2]);
  assertEquals(ids(ring, { text: "level" }), []);
});

Deno.test("LogRing goes on after an id, and says how far it looked", () => {
  const ring = ringOf();
  for (let i = 0; i < 10; i++) ring.sink(i % 2 ? "warn" : "info", "/wick/a", `line ${i}`);
  const query = { ...ALL, level: "warn", limit: 2 } as const;
  const first = ring.list({ ...query, afterId: 3 });
  assertEquals([first.lines.map(({ id }) => id), first.lastId], [[4, 6], 6]);
  const second = ring.list({ ...query, afterId: first.lastId });
  assertEquals([second.lines.map(({ id }) => id), second.lastId], [[8, 10], 10]);
  assertEquals(ring.list({ ...query, afterId: 10 }), { lines: [], lastId: 10, missed: 0 });
  // Of another process, whose clock was ahead: all that is kept is news.
  assertEquals(ring.list({ ...query, afterId: 99, limit: 99 }).lines.length, 5);
});

Deno.test("LogRing stays within its lines and characters, and says what is missed", () => {
  const ring = ringOf();
  for (let i = 0; i < LOG_LINES_MAX + 50; i++) ring.sink("info", "/wick/a", "short");
  assertEquals([ring.size, ring.list({ ...ALL, afterId: 10 }).missed], [LOG_LINES_MAX, 40]);
  const chars = ring.chars;
  ring.sink("info", "/wick/a", "short");
  assertEquals(ring.chars, chars);
  const long = { text: "x".repeat(5_000) };
  for (let i = 0; i < LOG_LINES_MAX; i++) ring.sink("info", "/wick/a", "long", long);
  assert(ring.chars <= LOG_CHARS_MAX);
  assertLess(ring.size, 250);
  const kept = JSON.stringify(ring.list({ ...ALL, limit: LOG_LINES_MAX }).lines).length;
  assert(kept <= LOG_CHARS_MAX * 1.01, `${kept}`);
});

Deno.test("LogRing takes whatever is logged, bounded", () => {
  const ring = ringOf();
  const round: Record<string, unknown> = { big: 10n, at: new Date(0), list: Array(99).fill(1) };
  round.self = round;
  ring.sink("info", "/wick/a".repeat(200), "m".repeat(100_000), round);
  ring.sink("info", "/wick/a", "two\nlines", { error: new Error("boom") });
  ring.sink("info", "/wick/a", "huge", {
    ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, "y".repeat(1_000)])),
  });
  const [first, second, third] = ring.list(ALL).lines;
  assertLess(JSON.stringify(first).length, 12_000);
  assertEquals(second?.message, "two\nlines");
  assert(JSON.stringify(second?.fields).includes("Error: boom"));
  assert(JSON.stringify(third?.fields).includes("leftOut"));
});

Deno.test("LogRing holds no secrets: neither known ones, nor what looks like one", () => {
  const ring = ringOf({ secrets: ["known-secret-1"] });
  const bearer = "Bearer abcdefghijkl";
  ring.sink("warn", "/wick/a", `got known-secret-1 and redis://u:pass-word@h and ${bearer}`, {
    token: "in-a-field",
    deep: { authorization: bearer, text: "known-secret-1" },
    error: new Error("known-secret-1"),
  });
  const text = JSON.stringify(ring.list(ALL));
  for (const secret of ["known-secret-1", "pass-word", "abcdefghijkl", "in-a-field"]) {
    assert(!text.includes(secret), `${secret} in ${text}`);
  }
});

Deno.test("LogRing.tee() gives lines to the ring and to the other sink as they are", () => {
  const ring = ringOf({ secrets: ["known-secret-1"] });
  const told: unknown[] = [];
  const sink = ring.tee((...line) => told.push(line));
  sink("warn", "/wick/a", "known-secret-1", { n: 1 });
  assertEquals(told, [["warn", "/wick/a", "known-secret-1", { n: 1 }]]);
  ring.tee(null)("warn", "/wick/a", "two");
  assertEquals(ids(ring), [1, 2]);
});

Deno.test("LogRing shows no part of a secret that lies across the end of what is shown", () => {
  const secret = "known-secret-1";
  const ring = ringOf({ secrets: [secret] });
  const before = (chars: number) => "x".repeat(chars - 8) + secret;
  const cause = new Error(before(1_024 - "Error: ".length));
  ring.sink("warn", "/wick/a", before(2_000), {
    error: new Error(before(2_048 - "Error: ".length), { cause }),
  });
  ring.sink("warn", "/wick/a", "long", { text: before(8_192) });
  const text = JSON.stringify(ring.list(ALL));
  assert(!text.includes("known"), text.replaceAll(/x+/g, "x…"));
});
