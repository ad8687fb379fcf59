/** `wick cache` against a service with a real cache. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { commandHelp } from "../../src/cli/help.ts";
import { CACHE } from "../../src/cli/cache.ts";
import { completionScript, SHELLS } from "../../src/cli/completion_scripts.ts";
import { palette } from "../../src/cli/text.ts";
import type { MemoryCache } from "../http/cache_service.ts";
import { ACT, READ, type Served, served } from "../http/support.ts";
import { envOf, linesOf, type Ran, run } from "./support.ts";

/** A test over a service and its cache. */
function test(
  name: string,
  body: (
    cache: (...words: string[]) => Promise<Ran>,
    memory: MemoryCache,
    to: Served,
  ) => Promise<void>,
) {
  Deno.test(`wick cache ${name}`, async () => {
    await using to = await served();
    const call = (...words: string[]) => run(["cache", ...words, "--url", to.url]);
    await body(call, to.service.cache as MemoryCache, to);
  });
}

test(
  "get prints values in order, and exits with 1 when one is not there",
  async (cache, memory) => {
    memory.upstream.set("price:A", { state: "ok", value: { last: 1.5 } });
    const well = await cache("get", "price:A");
    assertEquals([well.code, well.err], [0, ""]);
    const lines = linesOf(well.out);
    assertMatch(lines[0] ?? "", /^key +state +tier +age +value$/);
    assertMatch(lines[1] ?? "", /^price:A +loaded +upstream +0 ms +\{"last":1\.5\}$/);
    memory.upstream.set("price:C", {
      state: "failed",
      failure: { code: "timeout", message: "no answer\nat all", retryAfterMs: null },
    });
    const some = await cache("get", "price:C", "price:A", "price:B");
    assertEquals(some.code, 1);
    const [, failed, there, missing] = linesOf(some.out);
    assertMatch(failed ?? "", /^price:C +failed +timeout: no answer/);
    assertMatch(there ?? "", /^price:A +fresh +l1 /);
    assertMatch(missing ?? "", /^price:B +missing$/);
  },
);

test(
  "get --explain says what was known before, and why it was not there",
  async (cache, memory) => {
    memory.upstream.set("price:A", { state: "ok", value: 1 });
    await cache("get", "price:A");
    await cache("invalidate", "price:A");
    memory.clock.advance(3_000);
    const { out } = await cache("get", "price:A", "--explain");
    assertMatch(linesOf(out)[1] ?? "", /^price:A +loaded .* absent \(invalidated 3\.0 s ago\) +1$/);
  },
);

test("get prints no control character of a value or a failure", async (cache, memory) => {
  const value = "a\u009b31m\u001b[0m\u202eb";
  memory.upstream.set("price:A", { state: "ok", value });
  memory.upstream.set("price:B", {
    state: "failed",
    failure: { code: "http", message: "no\u001b[2J\u009b2J", retryAfterMs: null },
  });
  const { out } = await cache("get", "price:A", "price:B");
  const [, there, failed] = linesOf(out);
  assertMatch(there ?? "", / "a\\u009b31m\\u001b\[0m\\u202eb"$/);
  assertEquals(JSON.parse(/".*"$/.exec(there ?? "")?.[0] ?? ""), value);
  assertMatch(failed ?? "", / http: no\\u001b\[2J\\u009b2J$/);
});

test("get on a narrow terminal cuts keys, not what became of them", async (_, memory, to) => {
  const key = `news:A:${"x".repeat(60)}`;
  memory.upstream.set(key, { state: "ok", value: 1 });
  const terminal = { isTerminal: { stdout: true, stderr: true }, columns: () => 60 };
  const { out } = await run(["cache", "get", key, "--url", to.url], {}, terminal);
  assertMatch(linesOf(out)[1] ?? "", /^news:A:x{16}… {2}loaded +upstream +0 ms +1$/);
  // A list of one thing a line is asked for to be read whole.
  const explained = await run(["cache", "explain", key, "--url", to.url], {}, terminal);
  assertEquals(linesOf(explained.out)[0], `key        ${key}`);
});

test("get --json, --priority and --wait-ms reach the service", async (cache, memory) => {
  memory.upstream.set("price:A", { state: "ok", value: [1] });
  const words = ["get", "price:A", "--json", "--priority", "9", "--wait-ms", "250"];
  const [found] = JSON.parse((await cache(...words)).out);
  assertEquals([found.key, found.state, found.value], ["price:A", "loaded", [1]]);
  assertEquals(memory.asks, [{ keys: ["price:A"], priority: 9, timeoutMs: 250, user: null }]);
});

test(
  "get --user says who reads; other actions and impossible names refuse it",
  async (cache, memory) => {
    memory.upstream.set("price:A", { state: "ok", value: 1 });
    assertEquals((await cache("get", "price:A", "--user", "desk 7")).code, 0);
    assertEquals(memory.asks.map(({ user }) => user), ["desk 7"]);
    const elsewhere = await cache("explain", "price:A", "--user", "desk 7");
    assertEquals([elsewhere.code, elsewhere.out], [2, ""]);
    assertMatch(elsewhere.err, /Cannot use --user with explain: it is for get/);
    const long = await cache("get", "price:A", "--user", "x".repeat(129));
    assertEquals([long.code, long.out], [1, ""]);
    assertMatch(long.err, /json\.user/);
    assertEquals(memory.asks.length, 1);
  },
);

test("set keeps a value with its TTL and tags; explain shows them", async (cache) => {
  const set = await cache("set", "price:A", '{"last":2}', "--ttl", "90", "--tags", "desk, night");
  assertEquals([set.code, set.out, set.err], [0, "", "wick cache: kept\n"]);
  const { code, out } = await cache("explain", "price:A");
  assertEquals(code, 0);
  assertMatch(out, /^key +price:A\nstate +fresh\nwhere +l1, shard \d, /);
  assertMatch(out, /^stale in +1 min 30 s$/m);
  assertMatch(out, /^gone in +3 min 00 s$/m);
  assertMatch(out, /^put in by +set$/m);
  assertMatch(out, /^tags +desk, night$/m);
  assert(!/^(protected|load|made of|dependents|as of)/m.test(out));
  const json = JSON.parse((await cache("explain", "price:A", "--json")).out);
  assertEquals([json.state, json.softLeftMs, json.tags], ["fresh", 90_000, ["desk", "night"]]);
});

test("explain shows what an entry is made of, and why one is gone", async (cache, memory) => {
  memory.set([{
    key: "label:EUR_USD:H1",
    value: 1,
    ttlMs: null,
    tags: [],
    dependsOn: [
      { kind: "candles", series: "EUR_USD:H1", fromTs: Date.UTC(2024, 0, 2), toTs: Infinity },
      { kind: "levels", instrument: "EUR_USD" },
    ],
  }]);
  const { out } = await cache("explain", "label:EUR_USD:H1");
  const made = /^made of +(.*)$/m.exec(out)?.[1]?.split(", ").sort();
  assertEquals(made, ["candles EUR_USD:H1 from 2024-01-02 00:00", "levels EUR_USD"]);
  await cache("invalidate", "--series", "EUR_USD:H1", "--from", "2024-01-03");
  memory.clock.advance(120_000);
  const gone = await cache("explain", "label:EUR_USD:H1");
  assertMatch(gone.out, /^state +absent \(invalidated 2 min 00 s ago\)$/m);
  assertMatch(gone.out, /^where +shard \d$/m);
  assert(!/never/.test(gone.out));
});

test("explain takes a key with slashes, percents and blanks", async (cache) => {
  for (const key of ["news:A:2024/01", "news:A:../..", "news:A:100%2F", "news:A:a b?c#d"]) {
    const { code, out, err } = await cache("explain", key, "--json");
    assertEquals(code, 0, err);
    assertEquals(JSON.parse(out).key, key);
  }
});

test(
  "invalidate takes keys, patterns, tags and what entries are made of",
  async (cache, memory) => {
    const put = async (key: string, ...more: string[]) =>
      assertEquals((await cache("set", key, "1", ...more)).code, 0);
    await put("price:A");
    await put("price:B");
    await put("news:A", "--tags", "desk");
    await put("news:B");
    await put("news:C:*");
    await put("news:C:x");
    const ended = await cache("invalidate", "price:*", "news:B", "--tags", "desk");
    assertEquals([ended.code, ended.err], [0, "wick cache: 4 entries ended\n"]);
    // A star that is a star.
    assertEquals((await cache("invalidate", "news:C:\\*")).err, "wick cache: 1 entry ended\n");
    assertEquals(memory.keys, ["news:C:x"]);
    memory.selections.length = 0;
    const words = ["--series", "EUR_USD:H1", "--to", "2024-01-02", "--levels", "EUR_USD"];
    await cache("invalidate", ...words, "--made-of", "price:A");
    assertEquals(memory.selections[0]?.dependencies, [
      { kind: "candles", series: "EUR_USD:H1", fromTs: -Infinity, toTs: Date.UTC(2024, 0, 2) },
      { kind: "levels", instrument: "EUR_USD" },
      { kind: "key", key: "price:A" },
    ]);
    assertEquals(JSON.parse((await cache("invalidate", "--all", "--json")).out), { removed: 1 });
    assertEquals(memory.keys, []);
  },
);

test("protect and unprotect say what is protected now", async (cache) => {
  await cache("set", "price:AAPL", "1");
  const protect = await cache("protect", "price:AAPL*");
  assertEquals([protect.code, protect.err], [
    0,
    "wick cache: 1 pattern, 1 entry of at most 4,000 protected\n",
  ]);
  assertMatch((await cache("explain", "price:AAPL")).out, /^protected +yes$/m);
  const json = JSON.parse((await cache("protect", "news:*", "--json")).out);
  assertEquals(json.patterns, ["news:*", "price:AAPL*"]);
  const taken = await cache("unprotect", "price:AAPL*");
  assertMatch(taken.err, /^wick cache: 1 pattern, 0 entries of /);
  const again = await cache("unprotect", "price:AAPL*");
  assertEquals(again.code, 1);
  assertMatch(again.err, /it does not protect anything \(404\)/);
});

test("stats and report say what was asked and served", async (cache, memory) => {
  memory.upstream.set("price:A", { state: "ok", value: 1 });
  for (let i = 0; i < 4; i++) await cache("get", "price:A");
  const stats = await cache("stats");
  assertEquals(stats.code, 0);
  assertMatch(
    stats.out,
    /^4 requests: 75\.0 % served at once \(75\.0 % fresh\), 1 miss, 25\.0 keys/,
  );
  assertMatch(stats.out, /^Shards\n +shard +policy +chosen /m);
  assert(!/By type/.test(stats.out));
  const report = await cache("report");
  assertMatch(report.out, /^ {2}price +4 +75\.0 % +75\.0 % +0 +1 +1 +0 +25\.0 /m);
  const json = JSON.parse((await cache("report", "--json")).out);
  assertEquals([json.total.requests, json.types[0].type, json.advice], [4, "price", []]);
  assertEquals(JSON.parse((await cache("stats", "--json")).out).total, json.total);
});

test(
  "says what is wrong with its words before it asks, and what the service refuses",
  async (cache, memory) => {
    const cases: [string[], number, RegExp][] = [
      [[], 2, /no ACTION \[KEY…\] given/],
      [["gt", "price:A"], 2, /expected stats, .* current value is "gt"; did you mean get\?/],
      [["get"], 2, /no KEY given/],
      [["stats", "price:A"], 2, /expected nothing after stats: current value is "price:A"/],
      [["report", "x"], 2, /expected nothing after report/],
      [["set", "price:A"], 2, /expected a KEY and its JSON/],
      [["set", "price:A", "1", "2"], 2, /expected a KEY and its JSON/],
      [["set", "price:A", "{"], 2, /Cannot use JSON: expected a JSON value/],
      [["set", "price:A", "1", "--ttl", "soon"], 2, /Cannot use --ttl: expected a number/],
      [["explain"], 2, /no KEY given/],
      [["explain", "a:b", "c:d"], 2, /expected one KEY: current value is "c:d" too/],
      [["protect"], 2, /no PATTERN given/],
      [["invalidate"], 2, /wick cache invalidate --all means every entry/],
      [["invalidate", "--all", "price:A"], 2, /--all stands alone/],
      [["invalidate", "--from", "2024-01-01"], 2, /expected --series with it/],
      [["invalidate", "--series", "EUR_USD:H1", "--from", "then"], 2, /Cannot use --from/],
      [
        ["invalidate", "--series", "EUR_USD:H1", "--from", "2024-01-02", "--to", "2024-01-02"],
        2,
        /Cannot use --to: expected a time after that of --from/,
      ],
      [["get", "price:A", "--all"], 2, /Cannot use --all with get: it is for invalidate/],
      [
        ["invalidate", "price:A", "--ttl", "1"],
        2,
        /Cannot use --ttl with invalidate: it is for set/,
      ],
      [["get", "AAPL"], 1, /as price:AAPL: current value is "AAPL" \(422\)/],
      [["explain", "AAPL"], 1, /^[^;]*expected kind:SYMBOL[^;]*$/],
      [["set", "label:EUR_USD:H1", "1"], 1, /expected another kind than label, /],
      [["get", "price:A", "--priority", "11"], 1, /priority.*\(422\)/],
      [["set", "price:A", "1", "--ttl", "-1"], 2, /--ttl/],
      [["set", "price:A", "1", "--ttl=-1"], 1, /ttlMs.*\(422\)/],
      [["protect", "a*".repeat(40)], 1, /at most 32 stars/],
    ];
    for (const [words, code, message] of cases) {
      const ran = await cache(...words);
      assertEquals([ran.code, ran.out], [code, ""], `${words}: ${ran.err}`);
      assertMatch(ran.err, message);
    }
    assertEquals([memory.asks, memory.keys, memory.selections], [[], [], []]);
  },
);

test(
  "exits with 75 while a shard restarts, with 1 where there is no cache",
  async (cache, memory, to) => {
    memory.detach();
    const later = await cache("explain", "price:A");
    assertEquals(later.code, 75);
    assertMatch(later.err, /its shard restarts \(503\); try again in 1000 ms/);
    const unkept = await cache("set", "price:A", "1");
    assertEquals([unkept.code, unkept.err], [
      1,
      "wick cache: not kept: it is too heavy, or its shard restarts\n",
    ]);
    to.service.cache = null;
    const none = await cache("stats");
    assertEquals(none.code, 1);
    assertMatch(none.err, /this service has none \(404\)/);
    memory.close();
  },
);

Deno.test("wick cache changes nothing with the token to read", async () => {
  await using to = await served({ tokens: { act: ACT, read: READ } });
  const cache = (token: string, ...words: string[]) =>
    run(["cache", ...words, "--url", to.url], {}, envOf({ WICK_TOKEN: token }));
  assertEquals((await cache(READ, "stats")).code, 0);
  for (const words of [["invalidate", "--all"], ["set", "price:A", "1"], ["protect", "*"]]) {
    const { code, err } = await cache(READ, ...words);
    assertEquals(code, 1);
    assertMatch(err, /\(403\)/);
  }
  assertEquals((await cache(ACT, "invalidate", "--all")).code, 0);
});

Deno.test("wick cache has help with an example for each action, and completions", () => {
  const help = commandHelp(CACHE, { columns: 100, paint: palette(false) });
  assertMatch(
    help,
    /^Usage: wick cache \[OPTION…\] stats\|report\|get\|set\|explain\|invalidate\|/,
  );
  const verbs = CACHE.operand?.verbs ?? [];
  for (const verb of verbs.filter((verb) => verb !== "unprotect")) {
    assert(CACHE.examples.some(({ line }) => line.startsWith(`wick cache ${verb}`)), verb);
  }
  assert(help.split("\n").every((line) => line.length <= 100));
  for (const shell of SHELLS) {
    const script = completionScript(shell, [CACHE]);
    for (const word of [...verbs, "made-of", "wait-ms"]) assert(script.includes(word), word);
  }
});
