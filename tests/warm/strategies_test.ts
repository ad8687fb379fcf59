import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { symbolOfKey } from "../../src/cache/key.ts";
import { isCycleStrategy, STRATEGIES } from "../../src/warm/strategies.ts";
import type { RankedKey, RankedSector, StrategyView } from "../../src/warm/strategy_view.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import type { Candidate, KeyMarket, MarketEvent } from "../../src/warm/types.ts";

/** Tuesday 2026-03-03, 8:30 in New York. */
const NOW_MS = Date.UTC(2026, 2, 3, 13, 30);
const HOUR_MS = 3_600_000;

/** A key's figures, made by hand. */
interface Figures {
  readonly rank?: number;
  readonly trend?: number;
  /** Accesses that are usual in an hour, by its begin. */
  readonly usual?: Readonly<Record<number, number>>;
  readonly chance?: number;
  readonly ttlMs?: number;
  readonly market?: KeyMarket;
  /** It is in the cache already. */
  readonly isPresent?: boolean;
  /** It is not tracked: only its chance is known, by its symbol and its kind. */
  readonly isUntracked?: boolean;
}

const hourOf = (atMs: number) => Math.floor(atMs / HOUR_MS) * HOUR_MS;

/** Statistics made by hand. */
function viewOf(
  keys: Readonly<Record<string, Figures>>,
  more: {
    readonly sectors?: readonly RankedSector[];
    readonly events?: readonly MarketEvent[];
  } = {},
): StrategyView {
  const entries = Object.entries(keys);
  const names = entries.map(([key]) => key);
  const of = (slot: number) => entries[slot]?.[1] ?? {};
  const top = (by: (figures: Figures) => number, limit: number): readonly RankedKey[] =>
    tracked()
      .filter(({ slot }) => by(of(slot)) > 0)
      .sort((a, b) => by(of(b.slot)) - by(of(a.slot)))
      .slice(0, limit);
  const tracked = () =>
    names.map((key, slot) => ({ key, slot })).filter(({ slot }) => !of(slot).isUntracked);
  const usualAt = ({ usual = {} }: Figures, atMs: number) => usual[hourOf(atMs)] ?? 0;
  return {
    popular: (limit) => top(({ rank = 0 }) => rank, limit),
    trending: (limit) => top(({ trend = 0 }) => trend, limit),
    inHour: (atMs, limit) => top((figures) => usualAt(figures, atMs), limit),
    hotSectors: () => more.sectors ?? [],
    ofSector: (sector, limit) =>
      top(({ market, rank = 0 }) => market?.sector === sector ? rank : 0, limit),
    tracked,
    usual: (slot, fromMs, toMs) => usualAt(of(slot), fromMs) * (toMs - fromMs) / HOUR_MS,
    chance: (slot) => of(slot).chance ?? 0,
    chanceOfKey: (key) => keys[key]?.isUntracked ? keys[key]?.chance ?? 0 : 0,
    slotOf: (key) => tracked().find((found) => found.key === key)?.slot ?? -1,
    isPresent: ({ key }) => keys[key]?.isPresent ?? false,
    companions: (key) => names.filter((name) => symbolOfKey(name) === symbolOfKey(key)),
    ttlMs: (key) => {
      const freshMs = keys[key]?.ttlMs ?? HOUR_MS;
      return { freshMs, servedMs: 2 * freshMs };
    },
    marketOf: (key) => keys[key]?.market ?? null,
    events: () => more.events ?? [],
  };
}

const keysOf = (candidates: readonly Candidate[]) => candidates.map(({ key }) => key);
const nyse = (sector: string | null = null): KeyMarket => ({ calendar: "nyse", sector });

Deno.test("popular takes the keys asked for most, best chance first", () => {
  const view = viewOf({
    "price:A": { rank: 9, chance: 0.5 },
    "price:B": { rank: 8, chance: 0.9 },
    "price:C": { rank: 1, chance: 0.4 },
  });
  const found = STRATEGIES.popular(view, NOW_MS, 2);
  assertEquals(found, [
    { key: "price:B", chance: 0.9 },
    { key: "price:A", chance: 0.5 },
  ]);
});

Deno.test("popular leaves out what is there", () => {
  const view = viewOf({
    "price:A": { rank: 9, chance: 0.9, isPresent: true },
    "price:B": { rank: 8, chance: 0.8 },
  });
  assertEquals(keysOf(STRATEGIES.popular(view, NOW_MS, 1)), ["price:B"]);
});

Deno.test("popular takes other kinds of data of the symbols, which nobody asked for yet", () => {
  const view = viewOf({
    "price:A": { rank: 9, chance: 0.9, isPresent: true },
    "profile:B": { rank: 1, chance: 0.2 },
    "profile:A": { isUntracked: true, chance: 0.95 },
    "price:B": { isUntracked: true, chance: 0.1 },
  });
  assertEquals(keysOf(STRATEGIES.popular(view, NOW_MS, 3)), ["profile:A", "profile:B", "price:B"]);
});

Deno.test("trending takes the keys that rose most", () => {
  const view = viewOf({
    "price:A": { rank: 9, chance: 0.9 },
    "price:B": { rank: 1, trend: 5, chance: 0.6 },
    "price:C": { rank: 1, trend: 2, chance: 0.8 },
  });
  assertEquals(keysOf(STRATEGIES.trending(view, NOW_MS, 10)), ["price:C", "price:B"]);
});

Deno.test("time_of_day sees what is usual in the coming hour though nobody asks yet", () => {
  const coming = hourOf(NOW_MS + HOUR_MS / 2);
  const view = viewOf({
    "price:A": { usual: { [coming]: 3 }, chance: 0.01 },
    "price:B": { usual: { [coming - HOUR_MS]: 50 }, chance: 0.02 },
    "price:C": { usual: { [coming]: 0.1 }, chance: 0.7 },
  });
  const found = STRATEGIES.time_of_day(view, coming, 10);
  assertEquals(keysOf(found), ["price:A", "price:C"]);
  // Three accesses an hour, a TTL of an hour: 1 − e⁻³.
  assertAlmostEquals(found[0]?.chance ?? 0, 0.950213, 1e-6);
  assertAlmostEquals(found[1]?.chance ?? 0, 0.7, 1e-12);
});

Deno.test("pre_market takes what the NYSE asks for in its first half hour, and nothing else", () => {
  const open = Date.UTC(2026, 2, 3, 14);
  const view = viewOf({
    "news:A": { usual: { [open]: 2 }, chance: 0.8, market: nyse() },
    "news:B": { usual: { [open + HOUR_MS]: 4 }, chance: 0.9, market: nyse() },
    "news:C": { usual: { [open + 3 * HOUR_MS]: 9 }, chance: 0.9, market: nyse() },
    "price:BTC_USD": {
      usual: { [open]: 9 },
      chance: 0.99,
      market: { calendar: "always", sector: null },
    },
  });
  // Open at 14:30 UTC: the half hour lies in the hours of 14:00 and 15:00.
  assertEquals(keysOf(STRATEGIES.pre_market(view, NOW_MS, 10)), ["news:B", "news:A"]);
});

Deno.test("sector_rotation takes keys of hot sectors, at a raised chance", () => {
  const view = viewOf({
    "price:T": { rank: 5, chance: 0.5, market: nyse("tech") },
    "price:E": { rank: 9, chance: 0.9, market: nyse("energy") },
    "price:U": { rank: 9, chance: 0.9, market: nyse("utilities") },
  }, { sectors: [{ sector: "tech", ratio: 4 }, { sector: "energy", ratio: 1.4 }] });
  const found = STRATEGIES.sector_rotation(view, NOW_MS, 10);
  assertEquals(keysOf(found), ["price:T"]);
  assertAlmostEquals(found[0]?.chance ?? 0, 1 - 0.5 ** 1.5, 1e-12);
});

Deno.test("sector_rotation follows three sectors at most", () => {
  const keys = Object.fromEntries(
    ["a", "b", "c", "d"].map((sector) => [`price:${sector}`, {
      rank: 1,
      chance: 0.5,
      market: nyse(sector),
    }]),
  );
  const sectors = ["a", "b", "c", "d"].map((sector) => ({ sector, ratio: 3 }));
  assertEquals(STRATEGIES.sector_rotation(viewOf(keys, { sectors }), NOW_MS, 10).length, 3);
});

Deno.test("event takes keys of the day's symbols, and in the evening of the next day's", () => {
  const keys = {
    "price:TODAY": { chance: 0.4 },
    "news:TODAY": { chance: 0.5 },
    "price:NEXT": { chance: 0.6 },
    "price:LATER": { chance: 0.7 },
  };
  const on = (symbol: string, date: string): MarketEvent => ({
    symbol,
    kind: "earnings",
    date,
    when: "after_close",
  });
  const events = [
    on("TODAY", "2026-03-03"),
    on("NEXT", "2026-03-04"),
    on("LATER", "2026-03-05"),
    on("BEFORE", "2026-03-02"),
    on("PRICE", "nonsense"),
  ];
  const view = viewOf(keys, { events });
  const morning = STRATEGIES.event(view, NOW_MS, 10);
  assertEquals(keysOf(morning), ["news:TODAY", "price:TODAY"]);
  assertAlmostEquals(morning[0]?.chance ?? 0, 0.75, 1e-12);
  const evening = STRATEGIES.event(view, Date.UTC(2026, 2, 3, 23), 10);
  assertEquals(keysOf(evening), ["price:NEXT", "news:TODAY", "price:TODAY"]);
  assertEquals(STRATEGIES.event(view, Date.UTC(2026, 2, 10), 10), []);
});

Deno.test("event takes a date without a symbol for all that is traded in New York", () => {
  const events: MarketEvent[] = [{ symbol: null, kind: "rates", date: "2026-03-03", when: null }];
  const view = viewOf({
    "price:A": { chance: 0.4, market: nyse() },
    "price:BTC_USD": { chance: 0.9, market: { calendar: "always", sector: null } },
  }, { events });
  assertEquals(keysOf(STRATEGIES.event(view, NOW_MS, 10)), ["price:A"]);
});

Deno.test("every strategy keeps to its limit and says chances from 0 to 1, also of nothing", () => {
  const keys = Object.fromEntries(
    Array.from({ length: 50 }, (_, i) => [`price:K${i}`, {
      rank: i,
      trend: i,
      chance: i / 49,
      usual: { [hourOf(NOW_MS + HOUR_MS)]: i, [hourOf(NOW_MS + HOUR_MS / 2)]: i },
      market: nyse("tech"),
    }]),
  );
  const events: MarketEvent[] = [{ symbol: null, kind: "rates", date: "2026-03-03", when: null }];
  const full = viewOf(keys, { sectors: [{ sector: "tech", ratio: 2 }], events });
  for (const name of STRATEGY_NAMES.filter(isCycleStrategy)) {
    const found = STRATEGIES[name](full, NOW_MS, 7);
    assertEquals([name, found.length, new Set(keysOf(found)).size], [name, 7, 7]);
    assert(found.every(({ chance }) => chance >= 0 && chance <= 1));
    assert(found.every(({ chance }, at) => at === 0 || chance <= (found[at - 1]?.chance ?? 0)));
    assertEquals(STRATEGIES[name](viewOf({}), NOW_MS, 7), []);
  }
});
