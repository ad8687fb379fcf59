/**
 * The night of `workloads/sync1` against counts taken from its table with a loop of their own, and
 * plans small enough to be made by hand.
 *
 * @module
 */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  BATCH_SYMBOLS_MAX,
  type CallPlan,
  FILTER_NAMES,
  type FilterSettings,
  planCalls,
} from "../../src/batch/filter.ts";
import { DATA_KINDS, parseKinds } from "../../src/batch/filter_kinds.ts";
import { CallLedger } from "../../src/batch/filter_ledger.ts";
import { FILTER_TIMES, type SymbolFacts } from "../../src/batch/filter_rules.ts";
import { seedOf } from "../actor/seed.ts";

const NOW_MS = Date.UTC(2026, 2, 3, 3);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SYNC1 = new URL("../../../shared/data/workloads/sync1.csv.gz", import.meta.url);

const SETTINGS: FilterSettings = { kinds: ["prices", "dividends", "profiles"], msPerCall: 80 };

function plan(
  facts: Readonly<Record<string, SymbolFacts>>,
  settings: Partial<FilterSettings> = {},
): CallPlan {
  const known = new Map(Object.entries(facts));
  return planCalls([...known.keys()], known, { ...SETTINGS, ...settings }, NOW_MS);
}

const shown = ({ calls }: CallPlan) => calls.map((call) => `${call.endpoint} ${call.symbols}`);

const saved = ({ savings }: CallPlan) =>
  Object.fromEntries(
    [...savings.saved, ...savings.apart].map(({ name, callsSaved }) => [name, callsSaved]),
  );

interface SyncRow {
  readonly symbol: string;
  readonly isFresh: boolean;
  readonly pays: boolean;
  readonly isProfileKnown: boolean;
}

function sync1(): SyncRow[] | null {
  let packed: Uint8Array;
  try {
    packed = Deno.readFileSync(SYNC1);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log("skipped: sync1 is not there (../shared is absent)");
    return null;
  }
  const lines = new TextDecoder().decode(gunzipSync(packed)).trim().split("\n").slice(1);
  return lines.map((line) => {
    const [symbol = "", fresh, pays, known] = line.split(",");
    return { symbol, isFresh: fresh === "1", pays: pays === "1", isProfileKnown: known === "1" };
  });
}

function factsOf({ isFresh, pays, isProfileKnown }: SyncRow): SymbolFacts {
  const hourAgo = NOW_MS - HOUR_MS, weekAgo = NOW_MS - 7 * DAY_MS;
  return {
    fetchedMs: isFresh
      ? { prices: hourAgo, dividends: hourAgo, profiles: hourAgo }
      : { prices: NOW_MS - DAY_MS },
    dividends: { everPaid: pays, checkedMs: weekAgo },
    ...(isProfileKnown ? { profileMs: weekAgo } : {}),
  };
}

Deno.test("planCalls() makes the night of sync1 exactly 30 + 9,026 + 2,304 calls", () => {
  const rows = sync1();
  if (rows === null) return;
  const known = new Map(rows.map((row) => [row.symbol, factsOf(row)]));
  const night = planCalls(rows.map(({ symbol }) => symbol), known, SETTINGS, NOW_MS);
  const counts: Record<string, number> = {};
  for (const { endpoint } of night.calls) counts[endpoint] = (counts[endpoint] ?? 0) + 1;
  assertEquals(counts, { eod_batch: 30, dividends: 9_026, profile: 2_304 });
  assertStrictEquals(night.calls.length, 11_360);
  assertEquals(saved(night), {
    batch_end_of_day: 19_175,
    dividend_filter: 10_179,
    company_cache: 16_901,
    staleness: 3 * 2_135,
  });
  assertStrictEquals(night.savings.plainCalls, 57_615);
  assertStrictEquals(night.savings.plannedCalls, 11_360);
});

Deno.test("planCalls() fetches of sync1 what its table says, symbol by symbol", () => {
  const rows = sync1();
  if (rows === null) return;
  const known = new Map(rows.map((row) => [row.symbol, factsOf(row)]));
  const night = planCalls(rows.map(({ symbol }) => symbol), known, SETTINGS, NOW_MS);
  const fetched = (kind: string) =>
    night.calls.filter((call) => call.kind === kind).flatMap(({ symbols }) => symbols);
  const wanted = (test: (row: SyncRow) => boolean) =>
    rows.filter((row) => !row.isFresh && test(row)).map(({ symbol }) => symbol);
  assertEquals(fetched("prices"), wanted(() => true));
  assertEquals(fetched("dividends"), wanted(({ pays }) => pays));
  assertEquals(fetched("profiles"), wanted(({ isProfileKnown }) => !isProfileKnown));
});

Deno.test("planCalls() makes every call of symbols of which nothing is known", () => {
  const plain = plan({ A: {}, B: {} });
  assertEquals(shown(plain), [
    "eod_batch A,B",
    "dividends A",
    "dividends B",
    "profile A",
    "profile B",
  ]);
  assertEquals(plain.skipped, []);
  const unheardOf = planCalls(["A", "B"], new Map(), SETTINGS, NOW_MS);
  assertEquals(shown(unheardOf), shown(plain));
});

Deno.test("planCalls() leaves out by staleness only kinds that are fresh", () => {
  const fresh = plan({ A: { fetchedMs: { prices: NOW_MS - 11 * HOUR_MS } } });
  assertEquals(shown(fresh), ["dividends A", "profile A"]);
  assertEquals(fresh.skipped, [{ kind: "prices", symbol: "A", by: "staleness" }]);
  const stale = plan({ A: { fetchedMs: { prices: NOW_MS - 12 * HOUR_MS } } });
  assertEquals(shown(stale), ["eod_batch A", "dividends A", "profile A"]);
});

Deno.test("planCalls() believes no time that is ahead of the clock", () => {
  const ahead = plan({
    A: {
      fetchedMs: { prices: NOW_MS + 1 },
      dividends: { everPaid: false, checkedMs: NOW_MS + 1 },
      profileMs: NOW_MS + 1,
    },
  });
  assertEquals(shown(ahead), ["eod_batch A", "dividends A", "profile A"]);
});

Deno.test("planCalls() asks again for dividends when the last look is 30 days old", () => {
  const looked = (daysAgo: number) =>
    shown(plan({ A: { dividends: { everPaid: false, checkedMs: NOW_MS - daysAgo * DAY_MS } } }, {
      kinds: ["dividends"],
    }));
  assertEquals(looked(29), []);
  assertEquals(looked(30), ["dividends A"]);
});

Deno.test("planCalls() asks for dividends of a symbol that paid, however fresh the look", () => {
  const pays = plan({ A: { dividends: { everPaid: true, checkedMs: NOW_MS } } }, {
    kinds: ["dividends"],
  });
  assertEquals(shown(pays), ["dividends A"]);
});

Deno.test("planCalls() asks again for a profile that is 90 days old", () => {
  const stored = (daysAgo: number) =>
    shown(plan({ A: { profileMs: NOW_MS - daysAgo * DAY_MS } }, { kinds: ["profiles"] }));
  assertEquals(stored(89), []);
  assertEquals(stored(90), ["profile A"]);
});

Deno.test("planCalls() cuts prices into batches and counts all but their firsts", () => {
  const five = plan({ A: {}, B: {}, C: {}, D: {}, E: {} }, {
    kinds: ["prices"],
    batch: { endpoint: "bulk", symbolsMax: 2 },
  });
  assertEquals(shown(five), ["bulk A,B", "bulk C,D", "bulk E"]);
  assertEquals(saved(five).batch_end_of_day, 2);
  assertStrictEquals(five.savings.plainCalls, 5);
});

Deno.test("planCalls() makes one price call a symbol where there is no batch endpoint", () => {
  assertEquals(shown(plan({ A: {}, B: {} }, { kinds: ["prices"], batch: null })), [
    "eod A",
    "eod B",
  ]);
  const off = plan({ A: {}, B: {} }, { kinds: ["prices"], off: ["batch_end_of_day"] });
  assertEquals(shown(off), ["eod A", "eod B"]);
  assertEquals(Object.hasOwn(saved(off), "batch_end_of_day"), false);
});

Deno.test("planCalls() gives a call that two filters could save to the first of them alone", () => {
  const facts: SymbolFacts = {
    fetchedMs: { prices: NOW_MS, dividends: NOW_MS, profiles: NOW_MS },
    dividends: { everPaid: false, checkedMs: NOW_MS },
    profileMs: NOW_MS,
  };
  assertEquals(saved(plan({ A: facts })), {
    staleness: 3,
    dividend_filter: 0,
    company_cache: 0,
    batch_end_of_day: 0,
  });
  assertEquals(saved(plan({ A: facts }, { off: ["staleness"] })), {
    dividend_filter: 1,
    company_cache: 1,
    batch_end_of_day: 0,
  });
});

Deno.test("planCalls() plans a symbol that is named twice once, and says so", () => {
  const twice = planCalls(["A", "B", "A"], new Map(), { ...SETTINGS, kinds: ["news"] }, NOW_MS);
  assertEquals(shown(twice), ["news A", "news B"]);
  assertStrictEquals(twice.duplicates, 1);
});

Deno.test("planCalls() plans nothing for no symbols", () => {
  const nothing = plan({});
  assertEquals(nothing.calls, []);
  assertStrictEquals(nothing.savings.plainCalls, 0);
});

Deno.test("planCalls() refuses batches of no symbol, and more calls than a ledger", () => {
  assertThrows(() => plan({ A: {} }, { batch: { endpoint: "bulk", symbolsMax: 0 } }), RangeError);
  const many = Array.from({ length: 100_001 }, (_, i) => `S${i}`);
  assertThrows(
    () => planCalls(many, new Map(), { ...SETTINGS, kinds: DATA_KINDS }, NOW_MS),
    RangeError,
    "600000",
  );
});

Deno.test("a batch of the bound fits a request line of 8,190 bytes beside a long path", () => {
  const symbols = Array.from({ length: BATCH_SYMBOLS_MAX }, () => "BRK.B-12345".slice(0, 11));
  const line = `GET /api/v3/historical/eod/bulk?apikey=${
    "k".repeat(64)
  }&symbols=${symbols} HTTP/1.1`;
  assertStrictEquals(line.length <= 8_190, true);
});

Deno.test("planCalls() has each kind and symbol in exactly one place, whatever is known", () => {
  const random = seededRandom(seedOf("planCalls() places"));
  const chance = (share: number) => random.next() < share;
  const ago = () => NOW_MS - Math.floor(random.next() * 120 * DAY_MS);
  for (let round = 0; round < 50; round++) {
    const symbols = Array.from({ length: Math.floor(random.next() * 60) }, (_, i) => `S${i}`);
    const known = new Map<string, SymbolFacts>();
    for (const symbol of symbols.filter(() => chance(0.8))) {
      known.set(symbol, {
        ...(chance(0.5) ? { fetchedMs: { prices: ago(), news: NOW_MS, profiles: NOW_MS } } : {}),
        ...(chance(0.5) ? { dividends: { everPaid: chance(0.5), checkedMs: ago() } } : {}),
        ...(chance(0.5) ? { profileMs: ago() } : {}),
      });
    }
    const kinds = DATA_KINDS.filter(() => chance(0.6));
    const off = FILTER_NAMES.filter(() => chance(0.3));
    const symbolsMax = 1 + Math.floor(random.next() * 9);
    const batch = { endpoint: "bulk", symbolsMax };
    const made = planCalls(symbols, known, { kinds, off, batch, msPerCall: 80 }, NOW_MS);
    const places = [
      ...made.calls.flatMap(({ kind, symbols }) => symbols.map((symbol) => `${kind}:${symbol}`)),
      ...made.skipped.map(({ kind, symbol }) => `${kind}:${symbol}`),
    ].sort();
    assertEquals(places, kinds.flatMap((kind) => symbols.map((s) => `${kind}:${s}`)).sort());
    const total = Object.values(saved(made)).reduce((sum, calls) => sum + calls, made.calls.length);
    assertStrictEquals(total, symbols.length * kinds.length);
    assertEquals(made.skipped.filter(({ by }) => off.includes(by)), []);
  }
});

Deno.test("FILTER_TIMES keep what was fetched the night before from being fresh", () => {
  for (const kind of DATA_KINDS) assertStrictEquals(FILTER_TIMES.freshMs[kind] < DAY_MS, true);
});

Deno.test("CallLedger gives a call to the first filter that asks and counts it once", () => {
  const ledger = new CallLedger(3, ["x", "y"]);
  assertStrictEquals(ledger.save(1, "x"), true);
  assertStrictEquals(ledger.save(1, "y"), false);
  assertStrictEquals(ledger.save(1, "x"), false);
  assertEquals([ledger.open, ledger.savedCount("x"), ledger.savedCount("y")], [2, 1, 0]);
  assertEquals([ledger.savedBy(0), ledger.savedBy(1)], [null, "x"]);
});

Deno.test("CallLedger refuses a filter that it does not know, and calls beyond its end", () => {
  const ledger = new CallLedger(1, ["x"]);
  assertThrows(() => ledger.save(0, "z"), RangeError);
  assertStrictEquals(ledger.save(1, "x"), false);
  assertStrictEquals(ledger.open, 1);
  assertThrows(() => new CallLedger(600_001, []), RangeError);
  assertThrows(() => new CallLedger(1, ["x", "x"]), RangeError);
});

Deno.test("parseKinds() takes names and aliases, each once and in order", () => {
  assertEquals(parseKinds("companies, Prices,dividends"), ["prices", "dividends", "profiles"]);
  assertEquals(parseKinds("profile,company,companies"), ["profiles"]);
  assertThrows(() => parseKinds("prices,options"), RangeError, "current value is options");
  assertThrows(() => parseKinds(" , "), RangeError);
  assertThrows(() => parseKinds("constructor"), RangeError);
});
