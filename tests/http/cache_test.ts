/** Routes about the cache: what reaches it, what comes back, and what is refused before. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { z } from "zod";
import { CACHE_KEY_CHARS_MAX } from "../../src/cache/key.ts";
import { protectionOf } from "../../src/cache/report.ts";
import type { AdminApp } from "../../src/http/api.ts";
import type { Dependency } from "../../src/cache/types.ts";
import { createApp } from "../../src/http/app.ts";
import * as cacheShape from "../../src/http/cache_schemas.ts";
import { CACHE_ANSWER_CHARS_MAX, CACHE_BYTES_MAX } from "../../src/http/limits.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import { problem } from "../../src/http/schemas.ts";
import { USER_CHARS_MAX } from "../../src/warm/users.ts";
import type { MemoryCache } from "./cache_service.ts";
import { MemoryService } from "./service.ts";
import { ACT, raw, READ, served } from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** Keys of the right form that a path, a pattern or an object could take for something else. */
const PLAIN_KEYS = [
  "price:AAPL",
  "price:BRK.B",
  "news:AAPL:2024/01/02",
  "news:AAPL:/",
  "news:AAPL:a//b",
  "news:AAPL:../../healthz",
  "news:AAPL:100%",
  "news:AAPL:100%2F",
  "news:AAPL:a%252Fb",
  "news:AAPL:a?b=c",
  "news:AAPL:a#b",
  "news:AAPL:a b+c",
  "news:AAPL:...",
  "news:AAPL:a\\b",
  "news:AAPL:ключ é😀",
  "news:AAPL:{key}",
  "news:AAPL:*",
  "constructor:toString:__proto__",
];

/** A test over a cache and its routes. */
function test(
  name: string,
  run: (app: AdminApp, cache: MemoryCache, service: MemoryService) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(`cache routes: ${name}`, async () => {
    await using service = new MemoryService();
    await run(createApp(service, options), service.cache as MemoryCache, service);
  });
}

function post(app: AdminApp, path: string, body: unknown, method = "POST") {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return app.request(`/api/cache/${path}`, { method, headers: JSON_TYPE, body: text });
}

async function read<S extends z.ZodType>(answer: Response, schema: S): Promise<z.output<S>> {
  const text = await answer.text();
  assertEquals(answer.status, 200, text);
  return schema.parse(JSON.parse(text));
}

async function refused(answer: Response, status: number, code: string) {
  const text = await answer.text();
  assertEquals(answer.status, status, text);
  const found = problem.strict().parse(JSON.parse(text));
  assertEquals(found.code, code, text);
  return found;
}

/** The paths of what is wrong with a body. */
async function issuesOf(answer: Response): Promise<string[]> {
  return (await refused(answer, 422, "shape")).issues?.map(({ path }) => path) ?? [];
}

// ---- get ----------------------------------------------------------------------------------------

test("get answers in the order of the keys, whatever became of each", async (app, cache) => {
  cache.upstream.set("price:A", { state: "ok", value: { last: 1.5 } });
  cache.upstream.set("price:C", {
    state: "failed",
    failure: { code: "timeout", message: "no answer", retryAfterMs: 500 },
  });
  const keys = ["price:C", "price:A", "price:B", "price:A"];
  const { found } = await read(await post(app, "get", { keys }), cacheShape.cacheFound);
  assertEquals(found, [
    {
      key: "price:C",
      state: "failed",
      tier: null,
      ageMs: null,
      failure: { code: "timeout", message: "no answer", retryAfterMs: 500 },
    },
    {
      key: "price:A",
      state: "loaded",
      tier: "upstream",
      ageMs: 0,
      failure: null,
      value: { last: 1.5 },
    },
    { key: "price:B", state: "missing", tier: null, ageMs: null, failure: null },
    // It joined the load of the same key.
    found[1],
  ]);
  assertEquals(cache.loads, ["price:C", "price:A", "price:B"]);
  assertEquals(cache.asks, [{ keys, priority: 5, timeoutMs: 10_000, user: null }]);
});

test("get passes priority and wait on", async (app, cache) => {
  await read(
    await post(app, "get", { keys: ["price:A"], priority: 9, timeoutMs: 250 }),
    cacheShape.cacheFound,
  );
  assertEquals(cache.asks, [{ keys: ["price:A"], priority: 9, timeoutMs: 250, user: null }]);
});

test("get and prices pass on who reads; null is as if nothing were said", async (app, cache) => {
  const longest = "é".repeat(USER_CHARS_MAX);
  for (const user of ["desk 7", longest, "__proto__", null]) {
    await read(await post(app, "get", { keys: ["price:A"], user }), cacheShape.cacheFound);
    await read(await post(app, "prices", { symbols: ["A"], user }), cacheShape.pricesFound);
    const asked = cache.asks.splice(0).map((ask) => [ask.keys, ask.user]);
    assertEquals(asked, [[["price:A"], user], [["price:A"], user]]);
  }
});

test(
  "get and prices refuse names of readers as POST /warming/accesses does",
  async (app, cache) => {
    const long = "x".repeat(USER_CHARS_MAX + 1);
    for (const user of ["", long, "a\u0000b", "a\u001b[31m", "a\u0085", "\ud800", 7, ["u"], {}]) {
      for (const [path, body] of [["get", { keys: ["a:b"] }], ["prices", { symbols: ["A"] }]]) {
        const found = await issuesOf(await post(app, path as string, { ...body as object, user }));
        assertEquals([...new Set(found)], ["json.user"], JSON.stringify([path, user]));
      }
      const told = await app.request("/api/warming/accesses", {
        method: "POST",
        headers: JSON_TYPE,
        body: JSON.stringify([{ key: "price:A", user }]),
      });
      assertEquals([...new Set(await issuesOf(told))], ["json.0.user"]);
    }
    assertEquals(cache.asks, []);
  },
);

test("get explains what was known before, not what the get made of it", async (app, cache) => {
  cache.upstream.set("price:A", { state: "ok", value: 1 });
  const body = { keys: ["price:A"], explain: true };
  const first = await read(await post(app, "get", body), cacheShape.cacheFound);
  assertEquals([first.found[0]?.state, first.found[0]?.before?.state], ["loaded", "absent"]);
  const second = await read(await post(app, "get", body), cacheShape.cacheFound);
  assertEquals([second.found[0]?.state, second.found[0]?.before?.state], ["fresh", "fresh"]);
  await cache.invalidate({ keys: ["price:A"] });
  cache.clock.advance(12);
  const gone = await read(await post(app, "get", body), cacheShape.cacheFound);
  assertEquals([gone.found[0]?.state, gone.found[0]?.before?.lastRemoval], [
    "loaded",
    { cause: "invalidated", agoMs: 12 },
  ]);
  cache.detach();
  const third = await read(await post(app, "get", body), cacheShape.cacheFound);
  assertEquals(third.found[0]?.before, null);
});

test(
  "get writes columns as lists, and null, false and 0 as the values they are",
  async (app, cache) => {
    const values: Record<string, unknown> = {
      "x:columns": { ts: Float64Array.of(1, 2.5), n: Uint8Array.of(7), none: [] },
      "x:null": null,
      "x:false": false,
      "x:zero": 0,
      "x:empty": "",
    };
    for (const [key, value] of Object.entries(values)) {
      cache.upstream.set(key, { state: "ok", value });
    }
    const keys = Object.keys(values);
    const { found } = await read(await post(app, "get", { keys }), cacheShape.cacheFound);
    assertEquals(found.map(({ value }) => value), [
      { ts: [1, 2.5], n: [7], none: [] },
      null,
      false,
      0,
      "",
    ]);
  },
);

test(
  "get refuses an answer that would be too long, and says how many keys fit",
  async (app, cache) => {
    const value = "x".repeat(CACHE_ANSWER_CHARS_MAX / 4);
    const keys = Array.from({ length: 6 }, (_, i) => `x:${i}`);
    for (const key of keys) {
      cache.upstream.set(key, { state: "ok", value });
    }
    const found = await refused(await post(app, "get", { keys }), 422, "answer_too_large");
    assertMatch(found.detail, /ask for at most 3$/);
    assertEquals((await post(app, "get", { keys: keys.slice(0, 3) })).status, 200);
  },
);

test(
  "get takes 1,000 keys and not one more, none of them empty or too long",
  async (app, cache) => {
    const keys = (count: number) => Array.from({ length: count }, (_, i) => `price:S${i}`);
    const most = await read(await post(app, "get", { keys: keys(1_000) }), cacheShape.cacheFound);
    assertEquals(most.found.length, 1_000);
    const long = `x:A:${"y".repeat(CACHE_KEY_CHARS_MAX - 4)}`;
    assertEquals((await post(app, "get", { keys: [long] })).status, 200);
    cache.asks.length = 0;
    const wrong: [unknown, string][] = [
      [{ keys: keys(1_001) }, "json.keys"],
      [{ keys: [] }, "json.keys"],
      [{}, "json.keys"],
      [{ keys: "price:A" }, "json.keys"],
      [{ keys: [""] }, "json.keys.0"],
      [{ keys: ["a:b", 7] }, "json.keys.1"],
      [{ keys: [`${long}y`] }, "json.keys.0"],
      [{ keys: ["a:b"], priority: 11 }, "json.priority"],
      [{ keys: ["a:b"], timeoutMs: 0 }, "json.timeoutMs"],
      [{ keys: ["a:b"], timeoutMs: cacheShape.CACHE_WAIT_MAX_MS + 1 }, "json.timeoutMs"],
      [{ keys: ["a:b"], explain: "yes" }, "json.explain"],
      [{ keys: ["a:b"], more: 1 }, "json"],
      [[], "json"],
      ['{"__proto__":{"keys":["a:b"]}}', "json.keys"],
    ];
    for (const [body, path] of wrong) {
      assert((await issuesOf(await post(app, "get", body))).includes(path), path);
    }
    assertEquals(cache.asks, []);
  },
);

test(
  "keys of no form, or that would be seen or stored like others, are refused",
  async (app, cache) => {
    const odd = [
      ...[
        "price",
        "price:",
        ":A",
        "__proto__",
        "constructor",
        "Price:A",
        "a b:A",
        "a:A B",
        "a/b:A",
      ],
      ...["*", "price:*", "../..", "a:../b", `${"k".repeat(33)}:A`, `a:${"A".repeat(33)}`],
      ...["a:b:\ud800", "a:b:\udc00c", "a:b:\u0000", "a:b:\nc", "a:b:\u001b[31m", "a:b:\u007f"],
      ...["a:b:\u0085", "a:b:\u2028"],
    ];
    for (const key of odd) {
      assertEquals(await issuesOf(await post(app, "get", { keys: [key] })), ["json.keys.0"], key);
      const set = { entries: [{ key, value: 1 }] };
      assertEquals(await issuesOf(await post(app, "set", set)), ["json.entries.0.key"]);
      assertEquals(await issuesOf(await post(app, "invalidate", { keys: [key] })), ["json.keys.0"]);
      const dependsOn = [{ kind: "key", key }];
      const made = { entries: [{ key: "a:b", value: 1, dependsOn }] };
      const path = "json.entries.0.dependsOn.0.key";
      assertEquals(await issuesOf(await post(app, "set", made)), [path]);
    }
    assertEquals([cache.asks, cache.keys, cache.selections], [[], [], []]);
  },
);

test(
  "keys of the right form are themselves, whatever their parameters hold",
  async (app, cache) => {
    const entries = PLAIN_KEYS.map((key, i) => ({ key, value: i }));
    const kept = await read(await post(app, "set", { entries }), cacheShape.cacheKept);
    assertEquals(kept.kept, PLAIN_KEYS.length);
    const { found } = await read(
      await post(app, "get", { keys: PLAIN_KEYS }),
      cacheShape.cacheFound,
    );
    assertEquals(
      found.map(({ key, value }) => [key, value]),
      PLAIN_KEYS.map((key, i) => [key, i]),
    );
    assertEquals(cache.keys, PLAIN_KEYS.toSorted());
  },
);

// ---- set ----------------------------------------------------------------------------------------

test("set hands entries on with TTL, tags and what they are made of", async (app, cache) => {
  const entries = [
    {
      key: "spread:EUR_USD",
      value: [1, null],
      ttlMs: 5_000,
      tags: ["desk"],
      dependsOn: [
        { kind: "candles", series: "EUR_USD:H1", from: 10, to: 20 },
        { kind: "candles", series: "EUR_USD:M5" },
        { kind: "levels", instrument: "EUR_USD" },
        { kind: "key", key: "price:EUR_USD" },
      ],
    },
    { key: "price:A", value: null },
  ];
  const kept = await read(await post(app, "set", { entries }), cacheShape.cacheKept);
  assertEquals(kept, { kept: 2, of: 2 });
  const spread = cache.explain("spread:EUR_USD");
  assertEquals([spread?.softLeftMs, spread?.origin, spread?.tags], [5_000, "set", ["desk"]]);
  assertEquals(
    new Set(spread?.dependsOn),
    new Set<Dependency>([
      { kind: "candles", series: "EUR_USD:H1", fromTs: 10, toTs: 20 },
      { kind: "candles", series: "EUR_USD:M5", fromTs: -Infinity, toTs: Infinity },
      { kind: "levels", instrument: "EUR_USD" },
      { kind: "key", key: "price:EUR_USD" },
    ]),
  );
  const price = cache.explain("price:A");
  assertEquals([price?.state, price?.softLeftMs, price?.dependsOn], ["fresh", 60_000, []]);
});

test("set says how many were kept", async (app, cache) => {
  cache.detach();
  const set = { entries: [{ key: "a:b", value: 1 }] };
  assertEquals(await read(await post(app, "set", set), cacheShape.cacheKept), { kept: 0, of: 1 });
});

test(
  "set refuses entries of the wrong shape, and keeps none of their neighbours",
  async (app, cache) => {
    const good = { key: "a:b", value: 1 };
    const wrong: [unknown, string][] = [
      [{ entries: [] }, "json.entries"],
      [{ entries: [good, { key: "a:c" }] }, "json.entries.1.value"],
      [{ entries: [good, { value: 1 }] }, "json.entries.1.key"],
      // A value put in must not pass for one that was computed.
      [{ entries: [good, { key: "label:EUR_USD:H1?horizon=2", value: 1 }] }, "json.entries.1.key"],
      [{ entries: [{ key: "levels:EUR_USD", value: [] }] }, "json.entries.0.key"],
      [{ entries: [{ key: "correlation:EUR_USD:H1", value: 1 }] }, "json.entries.0.key"],
      [{ entries: [good, { ...good, ttlMs: 0 }] }, "json.entries.1.ttlMs"],
      [{ entries: [{ ...good, ttlMs: cacheShape.CACHE_TTL_MAX_MS + 1 }] }, "json.entries.0.ttlMs"],
      [{ entries: [{ ...good, ttlMs: "1h" }] }, "json.entries.0.ttlMs"],
      [{ entries: [{ ...good, tags: [""] }] }, "json.entries.0.tags.0"],
      [
        { entries: [{ ...good, tags: Array(cacheShape.CACHE_LINKS_MAX + 1).fill("t") }] },
        "json.entries.0.tags",
      ],
      [
        { entries: [{ ...good, dependsOn: [{ kind: "moon" }] }] },
        "json.entries.0.dependsOn.0.kind",
      ],
      [
        { entries: [{ ...good, dependsOn: [{ kind: "candles", series: "EUR_USD" }] }] },
        "json.entries.0.dependsOn.0.series",
      ],
      [{ entries: [{ ...good, extra: 1 }] }, "json.entries.0"],
      [{ entries: Array(cacheShape.CACHE_KEYS_MAX + 1).fill(good) }, "json.entries"],
    ];
    for (const [body, path] of wrong) {
      assert((await issuesOf(await post(app, "set", body))).includes(path), path);
    }
    assertEquals(cache.keys.length, 0);
  },
);

test("a body is taken up to its bound, and not read beyond", async (app) => {
  const bodyOf = (chars: number) =>
    JSON.stringify({ entries: [{ key: "a:b", value: 1 }] }).padEnd(chars, " ");
  assertEquals((await post(app, "set", bodyOf(CACHE_BYTES_MAX))).status, 200);
  await refused(await post(app, "set", bodyOf(CACHE_BYTES_MAX + 1)), 413, "too_large");
  await refused(await post(app, "get", " ".repeat(CACHE_BYTES_MAX + 1)), 413, "too_large");
  const deep = `{"entries":[{"key":"a:b","value":${"[".repeat(40)}${"]".repeat(40)}}]}`;
  await refused(await post(app, "set", deep), 400, "json_depth");
});

test("a value is taken up to its weight, whatever it is made of", async (app, cache) => {
  const most = cacheShape.CACHE_VALUE_BYTES_MAX;
  const set = (value: unknown) => post(app, "set", { entries: [{ key: "a:b", value }] });
  const values: [fits: unknown, tooHeavy: unknown][] = [
    [Array(most / 16 - 4).fill(1), Array(most / 16).fill(1)],
    ["x".repeat(most / 2 - 8), "x".repeat(most / 2)],
    [Array(most / 100).fill([]), Array(most / 50).fill([])],
  ];
  for (const [fits, tooHeavy] of values) {
    assertEquals((await set(fits)).status, 200);
    assertEquals(await issuesOf(await set(tooHeavy)), ["json.entries.0.value"]);
  }
  assertEquals(cache.keys, ["a:b"]);
});

// ---- prices -------------------------------------------------------------------------------------

test("prices are read and put in by symbol", async (app, cache) => {
  const prices = [{ symbol: "AAPL", value: { last: 190 } }, { symbol: "EUR_USD", value: 1.1 }];
  const put = await post(app, "prices", { prices }, "PUT");
  assertEquals(await read(put, cacheShape.cacheKept), { kept: 2, of: 2 });
  assertEquals(cache.keys, ["price:AAPL", "price:EUR_USD"]);
  const symbols = ["EUR_USD", "MSFT"];
  const found = await read(await post(app, "prices", { symbols }), cacheShape.pricesFound);
  assertEquals(found.prices.map(({ symbol, state, value }) => [symbol, state, value]), [
    ["EUR_USD", "fresh", 1.1],
    ["MSFT", "missing", undefined],
  ]);
  assertEquals(cache.asks[0]?.keys, ["price:EUR_USD", "price:MSFT"]);
});

test("a symbol that is none does not become part of a key", async (app, cache) => {
  for (const symbol of ["A:B", "A B", "", "../x", "*", "A\n"]) {
    assertEquals(await issuesOf(await post(app, "prices", { symbols: [symbol] })), [
      "json.symbols.0",
    ]);
    const prices = [{ symbol, value: 1 }];
    const path = "json.prices.0.symbol";
    assertEquals(await issuesOf(await post(app, "prices", { prices }, "PUT")), [path]);
  }
  assertEquals([cache.asks, cache.keys.length], [[], 0]);
});

// ---- explain ------------------------------------------------------------------------------------

const explained = (app: AdminApp, key: string) =>
  app.request(`/api/cache/keys/${encodeURIComponent(key)}`);

test("a key is explained without being asked for; endless times are null", async (app, cache) => {
  cache.set([
    {
      key: "price:A",
      value: 1,
      ttlMs: Infinity,
      tags: ["desk"],
      dependsOn: [
        { kind: "candles", series: "EUR_USD:H1", fromTs: 10, toTs: Infinity },
      ],
    },
    {
      key: "path:A",
      value: 1,
      ttlMs: 60_000,
      tags: [],
      dependsOn: [
        { kind: "key", key: "price:A" },
      ],
    },
  ]);
  const found = await read(await explained(app, "price:A"), cacheShape.cacheExplanation);
  assertEquals([found.state, found.tier, found.softLeftMs, found.hardLeftMs], [
    "fresh",
    "l1",
    null,
    null,
  ]);
  assertEquals(found.dependsOn, [{ kind: "candles", series: "EUR_USD:H1", from: 10, to: null }]);
  assertEquals([found.tags, found.origin], [["desk"], "set"]);
  const path = await read(await explained(app, "path:A"), cacheShape.cacheExplanation);
  assertEquals([path.softLeftMs, path.hardLeftMs], [60_000, 120_000]);
  assertEquals(path.dependsOn, [{ kind: "key", key: "price:A" }]);
  const none = await read(await explained(app, "price:B"), cacheShape.cacheExplanation);
  assertEquals([none.state, none.ageMs, none.lastRemoval], ["absent", null, null]);
  assertEquals([cache.asks, cache.loads], [[], []]);
});

test("a key with slashes, dots, percents and letters of any kind is explained as itself", async (app) => {
  for (const key of PLAIN_KEYS) {
    const found = await read(await explained(app, key), cacheShape.cacheExplanation);
    assertEquals(found.key, key);
  }
});

test("what is no key is refused in a path too, by the guard or by its form", async (app, cache) => {
  for (const segment of ["%2e%2e", "%2E", ".%2e"]) {
    const answer = await app.request(`/api/cache/keys/${segment}`);
    // A URL parser takes it for a dot segment before the app sees it.
    assertEquals([400, 404].includes(answer.status), true, segment);
    await answer.body?.cancel();
  }
  for (const segment of ["%", "%2", "%zz", "%ff", "%c3", "%ed%a0%80", "a%fe"]) {
    await refused(await app.request(`/api/cache/keys/${segment}`), 400, "path");
  }
  for (
    const segment of [
      "%00",
      "a:b:%0d%0ac",
      "a:b:%1b%5b31m",
      "a:b:%7f",
      "a:b:%c2%85",
      "report",
      "a%2Fb",
    ]
  ) {
    assertEquals(await issuesOf(await app.request(`/api/cache/keys/${segment}`)), ["path.key"]);
  }
  await refused(await app.request(`/api/cache/keys/a:b:${"x".repeat(1_021)}`), 422, "shape");
  await refused(await app.request("/api/cache/keys/"), 400, "path");
  await refused(await app.request("/api/cache/keys/a/b"), 404, "no_route");
  assertEquals(cache.asks, []);
});

test("a shard that restarts cannot explain its keys for now", async (app, cache) => {
  cache.detach();
  const answer = await explained(app, "price:A");
  assertEquals(answer.headers.get("retry-after"), "1");
  await refused(answer, 503, "restarting");
});

Deno.test("cache routes over a socket: no key reaches another route, and none passes a guard", async () => {
  await using to = await served({ tokens: { read: READ, act: ACT } });
  const get = (path: string, more = `Authorization: Bearer ${READ}\r\n`) =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const cases: [string, number][] = [
    ["/api/cache/keys/price%3AAAPL", 200],
    ["/api/cache/keys/a:b:%2F", 200],
    ["/api/cache/keys/a:b:%2fb%2F..%2F..", 200],
    ["/api/cache/keys/a:b:%2f%2e%2e%2f%2e%2e%2fhealthz", 200],
    ["/api/cache/keys/%2e%2e%2f%2e%2e%2fhealthz", 422],
    ["/api/cache/keys/%2e%2e", 400],
    ["/api/cache/keys/.%2E", 400],
    ["/api/cache/keys/..", 400],
    ["/api/cache/keys/../report", 400],
    ["/api/cache/keys/a/../b", 400],
    ["/api/cache/keys/a%2Fb/c%2Fd", 400],
    ["/api/cache/keys%2Fa", 400],
    ["/api/cache%2Fkeys/a", 400],
    ["/api/cache/keysx/a%2Fb", 400],
    ["/x/api/cache/keys/a%2Fb", 400],
    ["/API/cache/keys/a%2Fb", 400],
    ["/api/cache/keys/a\\b", 400],
    ["/api/cache/keys/%", 400],
    ["/api/cache/keys/%ff", 400],
    ["/api/cache/keys/%00", 422],
    ["http://localhost/api/cache/keys/a:b:%2Fb", 200],
    ["http://evil.example/api/cache/keys/a:b:%2Fb", 400],
    [`/api/cache/keys/a:b:${"%2F".repeat(1_020)}`, 200],
    [`/api/cache/keys/${"%2F".repeat(3_000)}`, 414],
  ];
  for (const [path, status] of cases) {
    const answer = await raw(to.port, [get(path)]);
    assertEquals(answer.status, status, `${path.slice(0, 60)}: ${answer.text}`);
    assertEquals(
      (await raw(to.port, [get(path, "")])).status,
      status < 400 || status === 422 ? 401 : status,
    );
  }
  const { text } = await raw(to.port, [get("/api/cache/keys/a:b:%2f%2e%2e%2fhealthz")]);
  assertMatch(text, /"key":"a:b:\/\.\.\/healthz"/);
});

// ---- invalidate ---------------------------------------------------------------------------------

test(
  "invalidate ends entries by key, pattern, tag and dependency, each adding its own",
  async (app, cache) => {
    const entry = (key: string, tags: string[] = [], series?: string) => ({
      key,
      value: 1,
      tags,
      ...(series === undefined ? {} : { dependsOn: [{ kind: "candles", series }] }),
    });
    const entries = [
      entry("price:A"),
      entry("price:B"),
      entry("news:A", ["desk"]),
      entry("news:B"),
      entry("spread:X", [], "EUR_USD:H1"),
      entry("spread:Y", [], "EUR_USD:M5"),
    ];
    await read(await post(app, "set", { entries }), cacheShape.cacheKept);
    const selection = {
      keys: ["news:B"],
      patterns: ["price:*"],
      tags: ["desk"],
      dependencies: [{ kind: "candles", series: "EUR_USD:H1", from: 0, to: 5 }],
    };
    const ended = await read(await post(app, "invalidate", selection), cacheShape.cacheEnded);
    assertEquals([ended, cache.keys], [{ removed: 5 }, ["spread:Y"]]);
    assertEquals(cache.selections[0]?.dependencies, [
      { kind: "candles", series: "EUR_USD:H1", fromTs: 0, toTs: 5 },
    ]);
  },
);

test(
  "invalidating nothing in particular is refused: all must be said, and stand alone",
  async (app, cache) => {
    cache.set([{ key: "price:A", value: 1, ttlMs: null, tags: [], dependsOn: [] }]);
    const wrong: unknown[] = [
      {},
      { keys: [] },
      { keys: [], patterns: [], tags: [], dependencies: [] },
      { all: false },
      { all: "true" },
      { all: true, keys: ["price:A"] },
      { all: true, patterns: ["*"] },
    ];
    for (const body of wrong) await issuesOf(await post(app, "invalidate", body));
    assertEquals([cache.selections, cache.keys.length], [[], 1]);
    const ended = await read(await post(app, "invalidate", { all: true }), cacheShape.cacheEnded);
    assertEquals([ended.removed, cache.keys.length], [1, 0]);
  },
);

test("invalidate refuses patterns and lists beyond their bounds", async (app, cache) => {
  const most = cacheShape.CACHE_PATTERNS_MAX;
  const wrong: [unknown, string][] = [
    [{ patterns: [""] }, "json.patterns.0"],
    [{ patterns: ["x".repeat(1_025)] }, "json.patterns.0"],
    [{ patterns: ["a*".repeat(33)] }, "json.patterns.0"],
    [{ patterns: Array(most + 1).fill("a*") }, "json.patterns"],
    [{ tags: Array(most + 1).fill("a") }, "json.tags"],
    [{ tags: ["x".repeat(129)] }, "json.tags.0"],
    [
      { dependencies: Array(most + 1).fill({ kind: "levels", instrument: "A" }) },
      "json.dependencies",
    ],
    [{ dependencies: [{ kind: "levels", instrument: "A B" }] }, "json.dependencies.0.instrument"],
    [{ keys: Array(1_001).fill("a:b") }, "json.keys"],
    [{ key: "a:b" }, "json"],
  ];
  for (const [body, path] of wrong) {
    assert((await issuesOf(await post(app, "invalidate", body))).includes(path), path);
  }
  assertEquals(cache.selections, []);
});

// ---- protect ------------------------------------------------------------------------------------

test("patterns protect until they are taken back", async (app, cache) => {
  const pattern = "price:AAPL*";
  const made = await read(await post(app, "protect", { pattern }), cacheShape.cacheProtection);
  assertEquals(made, { entries: 0, entriesMax: 4_000, patterns: [pattern], refused: 0 });
  const prices = [{ symbol: "AAPL", value: 1 }, { symbol: "MSFT", value: 2 }];
  assertEquals((await post(app, "prices", { prices }, "PUT")).status, 200);
  for (const { symbol } of prices) {
    const answer = await explained(app, `price:${symbol}`);
    const { isProtected } = await read(answer, cacheShape.cacheExplanation);
    assertEquals(isProtected, symbol === "AAPL");
  }
  const taken = await read(await post(app, "unprotect", { pattern }), cacheShape.cacheProtection);
  assertEquals(taken.patterns, []);
  await refused(await post(app, "unprotect", { pattern }), 404, "no_pattern");
  assertEquals(protectionOf(cache.stats().shards).patterns, []);
});

test("patterns of the wrong shape, and too many, are refused", async (app, cache) => {
  for (const pattern of ["", 7, null, "a*".repeat(40), "x".repeat(2_000)]) {
    assertEquals(await issuesOf(await post(app, "protect", { pattern })), ["json.pattern"]);
  }
  for (let i = 0; i < 1_000; i++) {
    const answer = await post(app, "protect", { pattern: `p${i}:*` });
    const text = await answer.text();
    if (answer.status === 200) continue;
    assertEquals([answer.status, JSON.parse(text).code], [422, "protection"]);
    assertEquals(protectionOf(cache.stats().shards).patterns.length, i);
    return;
  }
  throw new Error("1,000 patterns were taken");
});

// ---- report -------------------------------------------------------------------------------------

test("stats and report say what was asked, and agree", async (app, cache) => {
  cache.upstream.set("price:A", { state: "ok", value: 1 });
  for (let i = 0; i < 4; i++) await (await post(app, "get", { keys: ["price:A"] })).body?.cancel();
  const stats = await read(await app.request("/api/cache/stats"), cacheShape.cacheStats);
  const report = await read(await app.request("/api/cache/report"), cacheShape.cacheReport);
  assertEquals([stats.total.requests, stats.total.servedRatio, stats.total.keysPer100], [
    4,
    0.75,
    25,
  ]);
  assertEquals([stats.upstream.callsPer100, stats.tier?.kind], [25, "memory"]);
  const { types, curve, advice, ...same } = report;
  assertEquals(same, stats);
  assertEquals([types.map(({ type }) => type), curve, advice], [["price"], [], []]);
});

// ---- who may, and where there is none -------------------------------------------------------------

test(
  "the token to read reads through the cache, and changes nothing in it",
  async (app, cache) => {
    const ask = async (method: string, path: string, body: unknown, token: string) => {
      const headers = { authorization: `Bearer ${token}`, ...JSON_TYPE };
      const init = { method, headers, body: body === null ? null : JSON.stringify(body) };
      const answer = await app.request(`/api/cache/${path}`, init);
      await answer.body?.cancel();
      return answer.status;
    };
    const reading: [string, string, unknown][] = [
      ["GET", "stats", null],
      ["GET", "report", null],
      ["GET", "keys/price:A", null],
      ["POST", "get", { keys: ["price:A"] }],
      ["POST", "prices", { symbols: ["A"] }],
    ];
    for (const [method, path, body] of reading) {
      assertEquals(await ask(method, path, body, READ), 200, path);
    }
    const acting: [string, string, unknown][] = [
      ["POST", "set", { entries: [{ key: "a:b", value: 1 }] }],
      ["PUT", "prices", { prices: [{ symbol: "A", value: 1 }] }],
      ["POST", "invalidate", { all: true }],
      ["POST", "protect", { pattern: "*" }],
      ["POST", "unprotect", { pattern: "*" }],
    ];
    for (const [method, path, body] of acting) {
      assertEquals(await ask(method, path, body, READ), 403, path);
    }
    assertEquals([cache.keys, cache.selections], [[], []]);
    assertEquals(protectionOf(cache.stats().shards).patterns, []);
    for (const [method, path, body] of acting) {
      assertEquals(await ask(method, path, body, ACT), 200, path);
    }
  },
  { tokens: { read: READ, act: ACT } },
);

test("another site cannot act, nor read through the cache", async (app, cache) => {
  for (const path of ["get", "set", "invalidate", "protect"]) {
    const headers = { ...JSON_TYPE, origin: "https://evil.example" };
    const body = JSON.stringify({ keys: ["a:b"], pattern: "*", all: true });
    const answer = await app.request(`/api/cache/${path}`, { method: "POST", headers, body });
    await refused(answer, 403, "origin");
  }
  assertEquals(cache.asks, []);
});

test("without a cache every route says so", async (app, _cache, service) => {
  service.cache = null;
  const bodies: [string, unknown, string?][] = [
    ["get", { keys: ["a:b"] }],
    ["set", { entries: [{ key: "a:b", value: 1 }] }],
    ["prices", { symbols: ["A"] }],
    ["prices", { prices: [{ symbol: "A", value: 1 }] }, "PUT"],
    ["invalidate", { all: true }],
    ["protect", { pattern: "*" }],
    ["unprotect", { pattern: "*" }],
  ];
  for (const [path, body, method] of bodies) {
    await refused(await post(app, path, body, method), 404, "no_cache");
  }
  for (const path of ["stats", "report", "keys/a:b"]) {
    await refused(await app.request(`/api/cache/${path}`), 404, "no_cache");
  }
});
