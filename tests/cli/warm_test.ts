/** `wick warm` against a service whose warming says what it is told to. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { completionScript, SHELLS } from "../../src/cli/completion_scripts.ts";
import { commandHelp } from "../../src/cli/help.ts";
import { palette } from "../../src/cli/text.ts";
import { WARM } from "../../src/cli/warm.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import { ACT, READ, type Served, served } from "../http/support.ts";
import {
  type MemoryWarming,
  NOW_MS,
  patternsOf,
  reportOf,
  settingsWithout,
  statsOf,
  statusOf,
} from "../http/warming_service.ts";
import { envOf, linesOf, type Ran, run } from "./support.ts";

/** A test over a service and its warming. */
function test(
  name: string,
  body: (
    warm: (...words: string[]) => Promise<Ran>,
    warming: MemoryWarming,
    to: Served,
  ) => Promise<void>,
) {
  Deno.test(`wick warm ${name}`, async () => {
    await using to = await served();
    const call = (...words: string[]) => run(["warm", ...words, "--url", to.url]);
    await body(call, to.service.warming as MemoryWarming, to);
  });
}

test("stats print a line for each strategy, and what it all cost", async (warm, warming) => {
  warming.figures = statsOf({
    popular: {
      warmed: 1_200,
      used: 1_000,
      wasted: 100,
      precision: 0.912,
      keys: 1_250,
      calls: 40,
      lift: 0.0345,
    },
    predictive: { warmed: 9, wasted: 8, precision: 0.12, isThrottled: true },
    event: { isEnabled: false },
  }, {
    accesses: 2_000,
    hits: 1_800,
    fresh: 1_500,
    accessesLost: 12,
    budget: {
      ...statsOf().budget,
      callsUsed: 12,
      callsRunning: 2,
      memoryBytes: 12_300_000,
      entries: 3_010,
    },
    reliability: [
      { from: 0.9, to: 1, count: 420, predicted: 0.951, used: 0.944 },
      { from: 0, to: 0.1, count: 0, predicted: 0, used: 0 },
    ],
  });
  const { code, out, err } = await warm("stats");
  assertEquals([code, err], [0, ""]);
  const lines = linesOf(out);
  assertEquals(
    lines[0],
    "1,209 entries warmed since 2026-03-03 14:00: 1,000 used, 108 not",
  );
  assertEquals(lines[1], "1,250 keys fetched for them in 40 calls");
  assertEquals(lines[2], "2,000 accesses: 90.0 % answered without a wait, 75.0 % fresh");
  assertEquals(lines[3], "12 accesses more came too fast to be noted");
  assertEquals(lines[4], "Budget: 12 of 100 calls in the last minute, 2 of 10 under way,");
  assertEquals(lines[5], "        12.3 MB of 500 MB in 3,010 entries");
  assertMatch(lines[6] ?? "", /^strategy +warmed +used +wasted +precision +keys +calls +lift$/);
  assertMatch(out, /^popular +1,200 +1,000 +100 +91\.2 % +1,250 +40 +3\.5 %$/m);
  assertMatch(out, /^predictive +9 +0 +8 +12\.0 % +0 +0 +0\.0 % +throttled$/m);
  assertMatch(out, /^event +0 .* – .* off$/m);
  assertMatch(out, /^time-of-day +0 /m);
  assertMatch(out, /^ *90–100 % +420 +95\.1 % +94\.4 %$/m);
  assert(!/0–10 %/.test(out));
  assertEquals(JSON.parse((await warm("stats", "--json")).out), warming.figures);
});

test("stats print an experiment with its significance", async (warm, warming) => {
  const variant = {
    warmed: 500,
    used: 450,
    wasted: 50,
    precision: 0.9,
    keys: 510,
    accesses: 9_000,
    hits: 7_200,
    hitRatio: 0.8,
  };
  const test = { difference: 0.021, z: 3, pValue: 0.0027, isSignificant: true };
  const down = { difference: -0.004, z: -0.4, pValue: 0.689, isSignificant: false };
  warming.figures = statsOf({}, {
    experiment: {
      name: "floors\u001b[2J",
      variants: [
        { ...variant, name: "as is", precisionTest: null, hitTest: null },
        { ...variant, name: "low", precisionTest: down, hitTest: test },
      ],
    },
  });
  const { out } = await warm("stats");
  assertMatch(out, /^Experiment floors\\u001b\[2J$/m);
  assertMatch(out, /^as is +500 +90\.0 % +80\.0 % +510$/m);
  assertMatch(
    out,
    /^low +500 +90\.0 % +-0\.4 points, p 0\.689 +80\.0 % +\+2\.1 points, p 0\.003 \* +510$/m,
  );
});

test("stats say that statistics are not saved, and why", async (warm, warming) => {
  warming.figures = statsOf({}, { saveError: "disk\nfull" });
  assertMatch((await warm("stats")).out, /^Statistics are not saved: disk\\u000afull$/m);
});

test(
  "status prints when each strategy runs next and what its last run came to",
  async (warm, warming) => {
    warming.doing = statusOf({
      running: ["trending"],
      cycleCount: 7,
      nextRuns: {
        popular: NOW_MS + 1_200_000,
        time_of_day: NOW_MS - 1,
        sector_rotation: null,
        predictive: null,
        renewal: null,
      },
      lastResults: { popular: reportOf({ atMs: NOW_MS - 600_000 }) },
      throttled: [{
        strategy: "predictive",
        precision: 0.12,
        floor: 0.55,
        sinceMs: NOW_MS - 3_600_000,
        probeAtMs: NOW_MS + 5_000,
      }],
      paused: "down",
      waitingKeys: 1,
      loadingKeys: 50,
      trackedKeys: 812,
      settings: settingsWithout("event"),
    });
    const { code, out, err } = await warm("status");
    assertEquals([code, err], [0, ""]);
    const lines = linesOf(out);
    assertEquals(lines[0], "7 runs; 1 key waiting, 50 being loaded");
    assertEquals(lines[1], "Accesses are counted of 812 of at most 20,000 keys");
    assertEquals(lines[2], "Nothing is loaded now: the provider fails or is limiting");
    assertMatch(lines[3] ?? "", /^strategy +state +next +last +to load +there +unlikely$/);
    assertMatch(out, /^popular +on +in 20 min 00 s +10 min ago +50 +20 +30$/m);
    assertMatch(out, /^time-of-day +on +now$/m);
    assertMatch(out, /^trending +running +never$/m);
    assertMatch(out, /^predictive +throttled +with each read$/m);
    assertMatch(out, /^event +off$/m);
    assertMatch(out, /^renewal +on +as entries end$/m);
    assertMatch(
      out,
      /^predictive is throttled since 2026-03-03 14:00: 12\.0 % used, expected 55\.0 %; tried again in 5\.0 s$/m,
    );
    const json = JSON.parse((await warm("status", "--json")).out);
    assertEquals([json.strategies.renewal.limit, json.cycleCount], [null, 7]);
  },
);

test("status and run fit into 80 columns, whatever there is to say", async (_, warming, to) => {
  const lastResults = Object.fromEntries(
    STRATEGY_NAMES.map((name) => [
      name,
      reportOf({ strategy: name, atMs: NOW_MS - 59 * 60_000, proposed: 900, wanted: 200 }),
    ]),
  );
  warming.doing = statusOf({
    lastResults,
    nextRuns: Object.fromEntries(STRATEGY_NAMES.map((name) => [name, NOW_MS + 99 * 3_600_000])),
    throttled: STRATEGY_NAMES.map((strategy) => ({
      strategy,
      precision: 0.12,
      floor: 0.55,
      sinceMs: NOW_MS - 1_234,
      probeAtMs: NOW_MS + 5_000,
    })),
  });
  for (const name of STRATEGY_NAMES) warming.refusals.set(name, "down");
  const narrow = { isTerminal: { stdout: true, stderr: true }, columns: () => 80 };
  for (const words of [["status"], ["stats"], ["run", "all"]]) {
    const { out } = await run(["warm", ...words, "--url", to.url], {}, narrow);
    assert(!out.includes("…"), out);
  }
  const { out } = await run(["warm", "status", "--url", to.url]);
  const wide = linesOf(out).filter((line) => line.length > 80);
  assertEquals(wide.filter((line) => !line.includes("is throttled since")), []);
  assertMatch(out, /^renewal is throttled since 2026-03-03 14:59: /m);
});

test("status says when runs were in one unit, and that no date is known", async (warm, warming) => {
  const at = (ms: number) => reportOf({ atMs: NOW_MS - ms });
  warming.doing = statusOf({
    nextRuns: { event: null, popular: null },
    lastResults: {
      popular: at(-5),
      time_of_day: at(59_999),
      trending: at(60_000),
      predictive: at(23 * 3_600_000),
      event: at(49 * 3_600_000),
    },
  });
  const { out } = await warm("status");
  assertMatch(out, /^popular +on +never +0 s ago /m);
  assertMatch(out, /^time-of-day .* 59 s ago /m);
  assertMatch(out, /^trending .* 1 min ago /m);
  assertMatch(out, /^predictive .* 23 h ago /m);
  assertMatch(out, /^event +on +no date known +2 d ago /m);
});

test(
  "patterns print keys, trends and hours, and no control character of a key",
  async (warm, warming) => {
    const keys = Array.from({ length: 12 }, (_, i) => `price:S${i}`);
    const byHour = Array.from(
      { length: 24 },
      (_, hour) => hour === 9 ? 0.5 : hour === 10 ? 0.25 : 0,
    );
    warming.asked = patternsOf({
      totalAccesses: 1_234,
      uniqueKeys: 96.6,
      top10: [
        { key: "price:AAPL", accesses: 91.5, chance: 0.97 },
        { key: "news:A:\u202eb", accesses: 3, chance: null },
      ],
      trending: keys.map((key) => ({ key, accesses: 12, chance: 0.5, ratio: 6.24 })),
      byHour,
    });
    const { code, out } = await warm("patterns");
    assertEquals(code, 0);
    assertMatch(out, /^1,234 accesses to about 97 keys\n\nmost asked for +a day +chance\n/);
    assertMatch(out, /^price:AAPL +91\.5 +97\.0 %$/m);
    assertMatch(out, /^news:A:\\u202eb +3\.0 +–$/m);
    assertMatch(out, /^price:S9 +12\.0 +50\.0 % +6\.2×$/m);
    assert(!out.includes("price:S10"));
    assertMatch(out, /^ {2}09 {2}50\.0 % {2}█{40}$/m);
    assertMatch(out, /^ {2}10 {2}25\.0 % {2}█{20}$/m);
    assertMatch(out, /^ {2}11 {3}0\.0 %$/m);
    assertEquals(JSON.parse((await warm("patterns", "--json")).out).trending.length, 12);
  },
);

test("patterns of a service that has seen nothing are one line", async (warm) => {
  assertEquals((await warm("patterns")).out, "0 accesses to about 0 keys\n");
});

test("run runs a strategy by either spelling, or all", async (warm, warming) => {
  const ran = await warm("run", "time-of-day");
  assertEquals([ran.code, ran.err], [0, ""]);
  assertMatch(ran.out, /^strategy +proposed +to load +there +unlikely +state\n/);
  assertMatch(ran.out, /^time-of-day +100 +50 +20 +30 +started$/m);
  assertEquals((await warm("run", "pre_market")).code, 0);
  warming.refusals.set("popular", "running");
  const all = await warm("run", "all");
  assertEquals([all.code, linesOf(all.out).length], [0, 1 + STRATEGY_NAMES.length]);
  assertMatch(all.out, /^popular +refused: still running$/m);
  assertEquals(warming.runs, ["time_of_day", "pre_market", "all"]);
  const [first] = JSON.parse((await warm("run", "trending", "--json")).out);
  assertEquals([first.state, first.report.wanted], ["started", 50]);
});

test(
  "run exits with 1 when nothing could run, with 75 when it may later",
  async (warm, warming) => {
    for (const name of STRATEGY_NAMES) warming.refusals.set(name, "down");
    const all = await warm("run", "all");
    assertEquals(all.code, 75);
    assertMatch(all.out, /^renewal +provider fails or limits$/m);
    const down = await warm("run", "popular");
    assertEquals([down.code, down.out], [75, ""]);
    assertMatch(
      down.err,
      /^wick warm: Cannot run popular: the provider fails .*\(503\); try again/,
    );
    warming.refusals.set("popular", "running");
    const running = await warm("run", "popular");
    assertEquals(running.code, 1);
    assertMatch(running.err, /its last cycle is still under way \(409\)/);
    for (const name of STRATEGY_NAMES) warming.refusals.set(name, "running");
    assertEquals((await warm("run", "all")).code, 1);
  },
);

test("says what is wrong with its words before it asks", async (warm, warming) => {
  const cases: [string[], RegExp][] = [
    [[], /no ACTION \[STRATEGY\] given/],
    [["stat"], /expected run, .* current value is "stat"; did you mean stats\?/],
    [["stats", "popular"], /expected nothing after stats: current value is "popular"/],
    [["status", "x"], /expected nothing after status/],
    [["run"], /no STRATEGY given; see wick warm --help/],
    [["run", "poplar"], /expected all, popular, .* is "poplar"; did you mean popular\?/],
    [["run", "__proto__"], /expected all, popular, time-of-day, .*renewal: current value/],
    [["run", ""], /expected ACTION \[STRATEGY\]: current value is ""/],
    [["run", "popular", "trending"], /at most 2|too many|expected/],
    [["stats", "--all"], /--all/],
  ];
  for (const [words, message] of cases) {
    const { code, out, err } = await warm(...words);
    assertEquals([code, out], [2, ""], `${words}: ${err}`);
    assertMatch(err, message);
  }
  assertEquals(warming.runs, []);
});

test("exits with 1 where nothing is warmed", async (warm, _warming, to) => {
  to.service.warming = null;
  for (const words of [["stats"], ["status"], ["patterns"], ["run", "all"]]) {
    const { code, err } = await warm(...words);
    assertEquals(code, 1);
    assertMatch(err, /Cannot ask warming: this service has none: .*\(404\)/);
  }
});

Deno.test("wick warm runs nothing with the token to read", async () => {
  await using to = await served({ tokens: { act: ACT, read: READ } });
  const warm = (token: string, ...words: string[]) =>
    run(["warm", ...words, "--url", to.url], {}, envOf({ WICK_TOKEN: token }));
  for (const verb of ["stats", "status", "patterns"]) {
    assertEquals((await warm(READ, verb)).code, 0, verb);
  }
  const { code, err } = await warm(READ, "run", "all");
  assertEquals(code, 1);
  assertMatch(err, /\(403\)/);
  assertEquals(to.service.warming?.runs, []);
  assertEquals((await warm(ACT, "run", "all")).code, 0);
});

Deno.test("wick warm has help with an example for each action, and completions", () => {
  const help = commandHelp(WARM, { columns: 100, paint: palette(false) });
  assertMatch(help, /^Usage: wick warm \[OPTION…\] run\|status\|stats\|patterns/);
  const verbs = WARM.operand?.verbs ?? [];
  for (const verb of verbs) {
    assert(WARM.examples.some(({ line }) => line.startsWith(`wick warm ${verb}`)), verb);
  }
  assertMatch(help, /time-of-day/);
  assert(help.split("\n").every((line) => line.length <= 100));
  for (const shell of SHELLS) {
    const script = completionScript(shell, [WARM]);
    for (const verb of verbs) assert(script.includes(verb), verb);
  }
});
