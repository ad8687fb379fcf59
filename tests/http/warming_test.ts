/** Routes about warming: what reaches it, what comes back, and what is refused before. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { z } from "zod";
import { VirtualClock } from "../../src/actor/clock.ts";
import { CACHE_KEY_CHARS_MAX } from "../../src/cache/key.ts";
import type { AdminApp } from "../../src/http/api.ts";
import { createApp } from "../../src/http/app.ts";
import { wickClient } from "../../src/http/client.ts";
import { WARM_ACCESSES_BYTES_MAX, WARM_SECTORS_BYTES_MAX } from "../../src/http/limits.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import { problem } from "../../src/http/schemas.ts";
import * as input from "../../src/http/warming_input.ts";
import * as shape from "../../src/http/warming_schemas.ts";
import { SECTOR_CHARS_MAX, SECTORS_MAX } from "../../src/warm/sectors.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import { USER_CHARS_MAX } from "../../src/warm/users.ts";
import { MemoryService } from "./service.ts";
import { ACT, raw, READ, served } from "./support.ts";
import {
  type MemoryWarming,
  NOW_MS,
  patternsOf,
  reportOf,
  settingsWithout,
  statsOf,
  statusOf,
} from "./warming_service.ts";

const JSON_TYPE = { "content-type": "application/json" };
const NDJSON_TYPE = { "content-type": "application/x-ndjson" };
const BASES = ["/api/warming", "/warming"];

/** A test over warming and its routes, at {@linkcode NOW_MS}. */
function test(
  name: string,
  run: (app: AdminApp, warming: MemoryWarming, service: MemoryService) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(`warming routes: ${name}`, async () => {
    await using service = new MemoryService();
    const clock = new VirtualClock(0, NOW_MS);
    const app = createApp(service, { clock, ...options });
    await run(app, service.warming as MemoryWarming, service);
  });
}

function send(
  app: AdminApp,
  path: string,
  body: unknown,
  { method = "POST", headers = JSON_TYPE as Record<string, string>, base = "/api/warming" } = {},
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return app.request(`${base}/${path}`, { method, headers, body: text });
}

const put = (app: AdminApp, path: string, body: unknown) =>
  send(app, path, body, { method: "PUT" });

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

// ---- what it says ---------------------------------------------------------------------------------

test("stats say by strategy what was warmed, used and spent", async (app, warming) => {
  warming.figures = statsOf(
    {
      popular: { warmed: 40, used: 30, wasted: 5, precision: 0.86, keys: 40, calls: 2, lift: 0.1 },
    },
    { accesses: 300, hits: 250, accessesLost: 7 },
  );
  for (const base of BASES) {
    const stats = await read(await app.request(`${base}/stats`), shape.warmingStats);
    assertEquals(stats, warming.figures);
    assertEquals(Object.keys(stats.byStrategy).sort(), [...STRATEGY_NAMES].sort());
    assertEquals([stats.totalWarmed, stats.byStrategy.popular.precision], [40, 0.86]);
  }
});

test("status says what runs, when next, and the floors; no limit is null", async (app, warming) => {
  warming.doing = statusOf({
    running: ["popular"],
    cycleCount: 12,
    nextRuns: { popular: NOW_MS + 60_000, predictive: null },
    lastResults: { trending: reportOf({ strategy: "trending", by: "schedule" }) },
    throttled: [{
      strategy: "predictive",
      precision: 0.12,
      floor: 0.55,
      sinceMs: NOW_MS - 1,
      probeAtMs: NOW_MS + 1,
    }],
    paused: "calls",
    settings: settingsWithout("event"),
  });
  for (const base of BASES) {
    const status = await read(await app.request(`${base}/status`), shape.warmingStatus);
    const { settings: _settings, ...told } = warming.doing;
    const { strategies, ...same } = status;
    assertEquals(same, told as unknown as typeof same);
    assertEquals([strategies.renewal.limit, strategies.pre_market.limit], [null, 200]);
    assertEquals([strategies.event.isEnabled, strategies.popular.floor], [false, 0.75]);
  }
});

test("times are whole milliseconds, whatever the clock has", async (app, warming) => {
  const atMs = NOW_MS + 0.4321;
  warming.figures = { ...statsOf(), atMs, savedAtMs: atMs };
  warming.doing = statusOf({ atMs, lastResults: { popular: reportOf({ atMs }) } });
  warming.asked = { ...patternsOf(), atMs };
  for (const base of BASES) {
    const stats = await read(await app.request(`${base}/stats`), shape.warmingStats);
    assertEquals([stats.atMs, stats.savedAtMs], [NOW_MS, NOW_MS]);
    const status = await read(await app.request(`${base}/status`), shape.warmingStatus);
    assertEquals([status.atMs, status.lastResults.popular?.atMs], [NOW_MS, NOW_MS]);
    const patterns = await read(await app.request(`${base}/patterns`), shape.warmingPatterns);
    assertEquals(patterns.atMs, NOW_MS);
  }
});

test("patterns say what is asked for most and more than before", async (app, warming) => {
  warming.asked = patternsOf({
    totalAccesses: 1_000,
    uniqueKeys: 97.3,
    top10: [{ key: "price:AAPL", accesses: 91.5, chance: 0.97 }],
    trending: [{ key: "price:NVDA", accesses: 12, chance: null, ratio: 6.2 }],
  });
  for (const base of BASES) {
    const patterns = await read(await app.request(`${base}/patterns`), shape.warmingPatterns);
    assertEquals(patterns, warming.asked);
    assertEquals(patterns.byHour.length, 24);
  }
});

// ---- run ------------------------------------------------------------------------------------------

test("run runs a strategy, also by its name with hyphens", async (app, warming) => {
  for (const name of STRATEGY_NAMES) {
    for (const word of [name, name.replaceAll("_", "-"), name.toUpperCase()]) {
      const { results } = await read(
        await send(app, "run", { strategy: word }),
        shape.warmingRan,
      );
      assertEquals(results, [{
        state: "started",
        strategy: name,
        report: reportOf({ strategy: name }),
      }]);
    }
  }
  assertEquals(warming.runs.length, 3 * STRATEGY_NAMES.length);
  assertEquals(warming.runs.slice(-3), ["renewal", "renewal", "renewal"]);
});

test("run of all answers for each that is enabled, whatever came of it", async (app, warming) => {
  warming.doing = statusOf({ settings: settingsWithout("event", "renewal") });
  warming.refusals.set("popular", "running");
  const { results } = await read(await send(app, "run", { strategy: "all" }), shape.warmingRan);
  assertEquals(results.length, STRATEGY_NAMES.length - 2);
  assertEquals(results[0], { state: "refused", strategy: "popular", reason: "running" });
  assertEquals(results.slice(1).every(({ state }) => state === "started"), true);
  assertEquals(warming.runs, ["all"]);
});

test("run of a strategy that there is not is refused with the names", async (app, warming) => {
  for (const strategy of ["", "popularity", "time of day", "__proto__", "constructor", "*"]) {
    const found = await refused(await send(app, "run", { strategy }), 400, "unknown_strategy");
    assertEquals(found.expected, ["all", ...STRATEGY_NAMES].join(", "));
    assertEquals(found.found, strategy);
    assertMatch(found.detail, /expected one of all, popular, time_of_day, .*renewal$/);
  }
  const wrong: [unknown, string][] = [
    [{ strategy: "x".repeat(65) }, "json.strategy"],
    [{ strategy: 7 }, "json.strategy"],
    [{ strategy: ["popular"] }, "json.strategy"],
    [{ strategy: "popular", limit: 1e9 }, "json"],
    [["popular"], "json"],
    ["7", "json"],
  ];
  for (const [body, path] of wrong) {
    assertEquals(await issuesOf(await send(app, "run", body)), [path]);
  }
  assertEquals(warming.runs, []);
});

test("run of one that cannot run now says why, and when to try again", async (app, warming) => {
  const cases = [
    ["running", 409, "running", null],
    ["down", 503, "provider_down", "5"],
    ["stopped", 503, "stopped", "5"],
  ] as const;
  for (const [reason, status, code, again] of cases) {
    warming.refusals.set("popular", reason);
    const answer = await send(app, "run", { strategy: "popular" });
    assertEquals(answer.headers.get("retry-after"), again);
    await refused(answer, status, code);
  }
});

Deno.test("warming routes over a socket: the older curl lines work as curl sends them", async () => {
  await using to = await served();
  const warming = to.service.warming as MemoryWarming;
  const head = (method: string, path: string) =>
    `${method} /warming/${path} HTTP/1.1\r\nHost: localhost:8003\r\n` +
    "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";
  const post = (type: string, body: string) =>
    `${head("POST", "run")}${type === "" ? "" : `Content-Type: ${type}\r\n`}` +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  const form = "application/x-www-form-urlencoded";
  const lines: string[] = [
    ...["stats", "status", "patterns"].map((path) => `${head("GET", path)}\r\n`),
    post("application/json", '{"strategy": "popular"}'),
    // curl -d without a header, and curl -X POST without a body.
    post(form, '{"strategy": "time-of-day"}'),
    post(form, '{"strategy":"pre-market"}'),
    post("", ""),
    `${head("POST", "run")}\r\n`,
  ];
  for (const line of lines) {
    const { status, text } = await raw(to.port, [line]);
    assertEquals(status, 200, text);
  }
  assertEquals(warming.runs, ["popular", "time_of_day", "pre_market", "all", "all"]);
});

test("run takes nothing but JSON, whatever it is said to be", async (app, warming) => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  for (const body of ["strategy=popular", "popular", "{'strategy':'popular'}", " "]) {
    await refused(await send(app, "run", body, { headers }), 400, "json");
  }
  const deep = `{"strategy":${"[".repeat(40)}${"]".repeat(40)}}`;
  await refused(await send(app, "run", deep, { headers }), 400, "json_depth");
  assertEquals(warming.runs, []);
});

// ---- accesses -------------------------------------------------------------------------------------

test("accesses are taken in their order, with user and time", async (app, warming) => {
  const list = [
    { key: "price:AAPL", at: NOW_MS - 5, user: "u1", sector: "technology" },
    { key: "news:AAPL", at: "2026-03-03T14:59:59Z", user: null },
    { key: "price:MSFT" },
  ];
  const expected = [
    { key: "price:AAPL", at: NOW_MS - 5, user: "u1", sector: "technology" },
    { key: "news:AAPL", at: NOW_MS - 1_000, user: null, sector: null },
    { key: "price:MSFT", at: NOW_MS, user: null, sector: null },
  ];
  const ndjson = list.map((one) => JSON.stringify(one)).join("\r\n") + "\n\n";
  for (const base of BASES) {
    const asJson = await send(app, "accesses", list, { base });
    assertEquals(await read(asJson, shape.warmingTaken), { taken: 3, of: 3 });
    const asLines = await send(app, "accesses", ndjson, { base, headers: NDJSON_TYPE });
    assertEquals(await read(asLines, shape.warmingTaken), { taken: 3, of: 3 });
  }
  assertEquals(warming.told, Array.from({ length: 4 }, () => expected));
});

test(
  "accesses of a clock that is ahead are of now, older ones as they are",
  async (app, warming) => {
    const at = [NOW_MS + 1, 8.64e15, NOW_MS - 7 * 86_400_000, 0, -1, "2026-03-04", "1969-12-31"];
    const list = at.map((one) => ({ key: "price:A", at: one }));
    await read(await send(app, "accesses", list), shape.warmingTaken);
    assertEquals(warming.told[0]?.map((one) => one.at), [
      NOW_MS,
      NOW_MS,
      NOW_MS - 7 * 86_400_000,
      0,
      -1,
      NOW_MS,
      -86_400_000,
    ]);
  },
);

test("accesses say how many there was no room for", async (app, warming) => {
  warming.room = 2;
  const list = Array.from({ length: 5 }, (_, i) => ({ key: `price:S${i}` }));
  const taken = await read(await send(app, "accesses", list), shape.warmingTaken);
  assertEquals(taken, { taken: 2, of: 5 });
});

test(
  "a body of a million accesses is refused, by its size or by its count",
  async (app, warming) => {
    const row = '{"key":"price:A"}';
    const million = `[${`${row},`.repeat(999_999)}${row}]`;
    assert(million.length > WARM_ACCESSES_BYTES_MAX);
    await refused(await send(app, "accesses", million), 413, "too_large");
    const lines = `${row}\n`.repeat(1_000_000);
    const asLines = await send(app, "accesses", lines, { headers: NDJSON_TYPE });
    await refused(asLines, 413, "too_large");
    // As many as fit into the bytes, of the smallest there are: none of them is looked at.
    const most = Math.floor(WARM_ACCESSES_BYTES_MAX / 2) - 2;
    const fromMs = performance.now();
    const numbers = await send(app, "accesses", `[${"1,".repeat(most)}1]`);
    assertEquals(await issuesOf(numbers), ["json"]);
    const tooMany = `${row}\n`.repeat(input.WARM_ACCESSES_MAX + 1);
    const counted = await send(app, "accesses", tooMany, { headers: NDJSON_TYPE });
    assertEquals(await issuesOf(counted), ["json"]);
    const ones = await send(app, "accesses", "1\n".repeat(most), { headers: NDJSON_TYPE });
    assertEquals(await issuesOf(ones), ["json"]);
    assert(performance.now() - fromMs < 5_000, "it took too long");
    assertEquals(warming.told, []);
    const enough = `${row}\n`.repeat(input.WARM_ACCESSES_MAX);
    const fits = await send(app, "accesses", enough, { headers: NDJSON_TYPE });
    assertEquals((await read(fits, shape.warmingTaken)).taken, input.WARM_ACCESSES_MAX);
  },
);

test("one wrong access refuses all of its body, and says where it stands", async (app, warming) => {
  const good = { key: "price:A" };
  const long = `x:A:${"y".repeat(CACHE_KEY_CHARS_MAX - 4)}`;
  const wrong: [unknown, string][] = [
    [[], "json"],
    [good, "json"],
    [{ accesses: [good] }, "json"],
    [[good, null], "json.1"],
    [[good, {}], "json.1.key"],
    [[good, { key: 7 }], "json.1.key"],
    [[{ key: "" }], "json.0.key"],
    [[{ key: "AAPL" }], "json.0.key"],
    [[{ key: `${long}y` }], "json.0.key"],
    [[{ key: "__proto__" }], "json.0.key"],
    [[{ key: "price:__proto__" }], "json.0.key"],
    [[{ key: "price:../../x" }], "json.0.key"],
    [[{ key: "a:b:\u0000" }], "json.0.key"],
    [[{ key: "a:b:\ud800" }], "json.0.key"],
    [[{ key: "a:b:\u001b[2J" }], "json.0.key"],
    [[{ ...good, at: "yesterday" }], "json.0.at"],
    [[{ ...good, at: "2026-02-30" }], "json.0.at"],
    [[{ ...good, at: 1.5 }], "json.0.at"],
    [[{ ...good, at: 1e300 }], "json.0.at"],
    [[{ ...good, at: null }], "json.0.at"],
    [[{ ...good, user: "" }], "json.0.user"],
    [[{ ...good, user: "u".repeat(USER_CHARS_MAX + 1) }], "json.0.user"],
    [[{ ...good, user: "a\nb" }], "json.0.user"],
    [[{ ...good, user: { toString: 1 } }], "json.0.user"],
    [[{ ...good, answer: "fresh" }], "json.0"],
    ['[{"key":"price:A","__proto__":{"user":"x"}}]', "json.0"],
  ];
  for (const [body, path] of wrong) {
    const found = new Set(await issuesOf(await send(app, "accesses", body)));
    assertEquals(found, new Set([path]), JSON.stringify(body));
  }
  const cut = await send(app, "accesses", '{"key":"price:A"}\n{"key":\n', { headers: NDJSON_TYPE });
  assertMatch((await refused(cut, 400, "json")).detail, /Cannot read line 2: expected JSON/);
  assertEquals(warming.told, []);
  assertEquals((await send(app, "accesses", [{ key: long }])).status, 200);
});

test(
  "keys and users that an object could take for its own are like others",
  async (app, warming) => {
    const keys = ["constructor:toString:__proto__", "made:hasOwnProperty", "label:EUR_USD:H1?x=1"];
    const list = keys.map((key) => ({ key, user: "__proto__" }));
    await read(await send(app, "accesses", list), shape.warmingTaken);
    assertEquals(warming.told[0]?.map(({ key, user }) => [key, user]), [
      ...keys.map((key) => [key, "__proto__"]),
    ]);
    assertEquals(Object.keys(Object.prototype), []);
  },
);

test("accesses come as JSON or NDJSON and as nothing else", async (app, warming) => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "text/csv"]) {
    const headers = { "content-type": type };
    await refused(await send(app, "accesses", "[]", { headers }), 415, "content_type");
  }
  const headers = { ...NDJSON_TYPE, "content-encoding": "gzip" };
  await refused(await send(app, "accesses", "x", { headers }), 415, "content_encoding");
  assertEquals(warming.told, []);
});

// ---- sectors --------------------------------------------------------------------------------------

test("sectors replace those put before", async (app, warming) => {
  for (const base of BASES) {
    const sectors = { AAPL: "technology", MSFT: "technology", "BRK.B": "financials" };
    const answer = await send(app, "sectors", sectors, { method: "PUT", base });
    assertEquals(await read(answer, shape.warmingSectorsKept), { symbols: 3, sectors: 2 });
    assertEquals(warming.sectorsPut, sectors);
  }
  assertEquals(await read(await put(app, "sectors", {}), shape.warmingSectorsKept), {
    symbols: 0,
    sectors: 0,
  });
  assertEquals(warming.sectorsPut, {});
});

test(
  "a map of sectors that is too large is refused before it is looked through",
  async (app, warming) => {
    const mapOf = (count: number, value: unknown) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`S${i}`, value]));
    const most = await put(app, "sectors", mapOf(input.WARM_SECTORS_MAX, "s"));
    assertEquals((await read(most, shape.warmingSectorsKept)).symbols, input.WARM_SECTORS_MAX);
    warming.sectorsPut = null;
    const more = mapOf(input.WARM_SECTORS_MAX + 1, "s");
    assertEquals(await issuesOf(await put(app, "sectors", more)), ["json"]);
    // As many as fit into the bytes, each of them wrong.
    const fromMs = performance.now();
    assertEquals(await issuesOf(await put(app, "sectors", mapOf(170_000, 1))), ["json"]);
    assert(performance.now() - fromMs < 3_000, "it took too long");
    const wrong = await issuesOf(await put(app, "sectors", mapOf(input.WARM_SECTORS_MAX, 1)));
    assertEquals(wrong.length, 20);
    const many = Object.fromEntries(
      Array.from({ length: SECTORS_MAX + 1 }, (_, i) => [`S${i}`, `sector ${i}`]),
    );
    assertEquals(await issuesOf(await put(app, "sectors", many)), ["json"]);
    const wide = JSON.stringify({ A: "x".repeat(WARM_SECTORS_BYTES_MAX) });
    await refused(await put(app, "sectors", wide), 413, "too_large");
    assertEquals(warming.sectorsPut, null);
  },
);

test(
  "sectors of no symbols, and names that an object has itself, are refused",
  async (app, warming) => {
    const wrong: [string, string][] = [
      ['{"__proto__":"x"}', "json.__proto__"],
      ['{"AAPL":"tech","__proto__":{"polluted":"x"}}', "json.__proto__"],
      ['{"":"x"}', "json."],
      ['{"A B":"x"}', "json.A B"],
      ['{"a/b":"x"}', "json.a/b"],
      ['{"price:A":"x"}', "json.price:A"],
      [JSON.stringify({ ["A".repeat(33)]: "x" }), `json.${"A".repeat(33)}`],
      [JSON.stringify({ ["A".repeat(90)]: "x" }), `json.${"A".repeat(64)}`],
      ['{"AAPL":""}', "json.AAPL"],
      ['{"AAPL":null}', "json.AAPL"],
      ['{"AAPL":7}', "json.AAPL"],
      ['{"AAPL":["tech"]}', "json.AAPL"],
      ['{"AAPL":"a\\u0000b"}', "json.AAPL"],
      ['{"AAPL":"\\ud800"}', "json.AAPL"],
      [JSON.stringify({ AAPL: "x".repeat(SECTOR_CHARS_MAX + 1) }), "json.AAPL"],
      ['["AAPL"]', "json"],
      ["null", "json"],
      ['"AAPL"', "json"],
    ];
    for (const [body, path] of wrong) {
      assertEquals(await issuesOf(await put(app, "sectors", body)), [path], body);
    }
    assertEquals(warming.sectorsPut, null);
    // A symbol may be called like this; it is then an entry of its own.
    await read(await put(app, "sectors", '{"constructor":"builders"}'), shape.warmingSectorsKept);
    assertEquals(Object.entries(warming.sectorsPut ?? {}), [["constructor", "builders"]]);
    assertEquals(Object.getPrototypeOf(warming.sectorsPut), Object.prototype);
  },
);

// ---- calendar -------------------------------------------------------------------------------------

test("a calendar replaces the one put before; no symbol means all", async (app, warming) => {
  const events = [
    { symbol: "AAPL", kind: "earnings", date: "2026-03-03", when: "after_close" },
    { symbol: null, kind: "rate decision", date: "2024-02-29" },
  ];
  for (const base of BASES) {
    const answer = await send(app, "calendar", events, { method: "PUT", base });
    assertEquals(await read(answer, shape.warmingCalendarKept), { events: 2 });
    assertEquals(warming.events, [
      { symbol: "AAPL", kind: "earnings", date: "2026-03-03", when: "after_close" },
      { symbol: null, kind: "rate decision", date: "2024-02-29", when: null },
    ]);
  }
  assertEquals(await read(await put(app, "calendar", []), shape.warmingCalendarKept), {
    events: 0,
  });
});

test(
  "dates that are none, and calendars beyond their bounds, are refused",
  async (app, warming) => {
    const good = { symbol: "AAPL", kind: "earnings", date: "2026-03-03", when: null };
    const dates = [
      ...["2026-02-30", "2023-02-29", "2026-13-01", "2026-00-10", "2026-3-3", "20260303"],
      ...["2026-03-03T10:00:00Z", "03/03/2026", "tomorrow", "", "9999-12-31", "0000-01-01"],
      ...[
        "1969-12-31",
        "2200-01-01",
        "-2026-03-03",
        "+02026-03-03",
        "2026-03-03\n",
        20260303,
        null,
      ],
    ];
    for (const date of dates) {
      const answer = await put(app, "calendar", [good, { ...good, date }]);
      assertEquals(new Set(await issuesOf(answer)), new Set(["json.1.date"]), String(date));
    }
    const wrong: [unknown, string][] = [
      [[{ ...good, symbol: "A B" }], "json.0.symbol"],
      [[{ ...good, symbol: "__proto__" }], "json.0.symbol"],
      [[{ kind: "earnings", date: "2026-03-03" }], "json.0.symbol"],
      [[{ ...good, kind: "" }], "json.0.kind"],
      [[{ ...good, kind: "k".repeat(input.WARM_EVENT_KIND_CHARS_MAX + 1) }], "json.0.kind"],
      [[{ ...good, kind: "a\tb" }], "json.0.kind"],
      [[{ ...good, when: "noon" }], "json.0.when"],
      [[{ ...good, more: 1 }], "json.0"],
      [good, "json"],
      [Array(input.WARM_EVENTS_MAX + 1).fill(0), "json"],
    ];
    for (const [body, path] of wrong) {
      assertEquals(await issuesOf(await put(app, "calendar", body)), [path]);
    }
    assertEquals(warming.events, null);
    const most = await put(app, "calendar", Array(input.WARM_EVENTS_MAX).fill(good));
    assertEquals((await read(most, shape.warmingCalendarKept)).events, input.WARM_EVENTS_MAX);
  },
);

// ---- who may, and where there is none -------------------------------------------------------------

const ACTING: [string, string, unknown][] = [
  ["POST", "run", { strategy: "popular" }],
  ["POST", "accesses", [{ key: "price:A" }]],
  ["PUT", "sectors", { AAPL: "technology" }],
  ["PUT", "calendar", []],
];

function untouched({ runs, told, sectorsPut, events }: MemoryWarming) {
  assertEquals([runs, told, sectorsPut, events], [[], [], null, null]);
}

test(
  "the token to read sees what warming does, and neither runs nor tells it anything",
  async (app, warming) => {
    const ask = async (method: string, path: string, body: unknown, token: string | null) => {
      const headers = token === null
        ? JSON_TYPE
        : { authorization: `Bearer ${token}`, ...JSON_TYPE };
      const init = { method, headers, body: body === null ? null : JSON.stringify(body) };
      const answer = await app.request(path, init);
      await answer.body?.cancel();
      return answer.status;
    };
    for (const base of BASES) {
      for (const name of ["stats", "status", "patterns"]) {
        assertEquals(await ask("GET", `${base}/${name}`, null, READ), 200, name);
        assertEquals(await ask("GET", `${base}/${name}`, null, null), 401, name);
      }
      for (const [method, name, body] of ACTING) {
        assertEquals(await ask(method, `${base}/${name}`, body, READ), 403, name);
        assertEquals(await ask(method, `${base}/${name}`, body, null), 401, name);
      }
    }
    untouched(warming);
    for (const [method, name, body] of ACTING) {
      assertEquals(await ask(method, `/warming/${name}`, body, ACT), 200, name);
    }
  },
  { tokens: { read: READ, act: ACT } },
);

test("another site cannot run it, whatever type its form says", async (app, warming) => {
  for (const base of BASES) {
    for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
      const headers = { "content-type": type, origin: "https://evil.example" };
      await refused(await send(app, "run", "{}", { base, headers }), 403, "origin");
      const fetched = { "content-type": type, "sec-fetch-site": "cross-site" };
      await refused(await send(app, "run", "{}", { base, headers: fetched }), 403, "origin");
    }
  }
  untouched(warming);
});

test("other methods, paths and queries are refused", async (app, warming) => {
  await refused(await app.request("/warming/run"), 405, "method");
  await refused(await put(app, "run", {}), 405, "method");
  await refused(await app.request("/warming"), 404, "no_route");
  await refused(await app.request("/warming/"), 400, "path");
  await refused(await app.request("/warming/run/popular"), 404, "no_route");
  await refused(await app.request("/warming/stats?all=1"), 422, "shape");
  await refused(await send(app, "run?strategy=popular", {}), 422, "shape");
  untouched(warming);
});

test("without warming every route says so", async (app, _warming, service) => {
  service.warming = null;
  for (const base of BASES) {
    for (const name of ["stats", "status", "patterns"]) {
      await refused(await app.request(`${base}/${name}`), 404, "no_warming");
    }
    for (const [method, name, body] of ACTING) {
      await refused(await send(app, name, body, { method, base }), 404, "no_warming");
    }
  }
});

Deno.test("the typed client knows the routes of warming, under both of their paths", async () => {
  await using to = await served({ tokens: { act: ACT } });
  const client = wickClient(to.url, { token: ACT });
  const stats = await (await client.api.warming.stats.$get()).json();
  assertEquals(stats.byStrategy.popular.warmed, 0);
  const ran = await client.warming.run.$post({ json: { strategy: "trending" } });
  assertEquals((await ran.json()).results[0]?.strategy, "trending");
  const taken = await client.api.warming.accesses.$post({ json: [{ key: "price:A", user: "u" }] });
  assertEquals(await taken.json(), { taken: 1, of: 1 });
  const kept = await client.api.warming.sectors.$put({ json: { AAPL: "technology" } });
  assertEquals((await kept.json()).symbols, 1);
});
