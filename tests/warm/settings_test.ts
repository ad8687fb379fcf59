import { assertEquals, assertThrows } from "@std/assert";
import { WarmError } from "../../src/warm/error.ts";
import {
  WARMING_DEFAULTS,
  type WarmingOverrides,
  warmingSettings,
} from "../../src/warm/settings.ts";

Deno.test("warmingSettings() are those of the specification unless told otherwise", () => {
  const settings = warmingSettings();
  assertEquals(settings, WARMING_DEFAULTS);
  const table = Object.fromEntries(
    Object.entries(settings.strategies).map(([name, { limit, floor }]) => [name, [limit, floor]]),
  );
  assertEquals(table, {
    popular: [100, 0.75],
    time_of_day: [100, 0.6],
    trending: [100, 0.65],
    predictive: [20, 0.55],
    pre_market: [200, 0.6],
    sector_rotation: [100, 0.6],
    event: [100, 0.6],
    renewal: [Infinity, 0.5],
  });
  assertEquals(
    [settings.callsPerMinute, settings.callsAtOnce, settings.memoryMaxBytes],
    [100, 10, 500_000_000],
  );
});

Deno.test("warmingSettings() takes a part of a strategy and leaves the rest", () => {
  const { strategies } = warmingSettings({ strategies: { popular: { floor: 0.9 } } });
  assertEquals(strategies.popular, { ...WARMING_DEFAULTS.strategies.popular, floor: 0.9 });
  assertEquals(strategies.trending, WARMING_DEFAULTS.strategies.trending);
});

Deno.test("warmingSettings() refuses what is out of bounds, and says what it expects", () => {
  const wrong: readonly (readonly [WarmingOverrides, string])[] = [
    [{ callsPerMinute: -1 }, "callsPerMinute"],
    [{ callsPerMinute: 1.5 }, "callsPerMinute"],
    [{ callsAtOnce: 0 }, "callsAtOnce"],
    [{ keysMax: 3 }, "keysMax"],
    [{ memoryMaxBytes: NaN }, "memoryMaxBytes"],
    [{ lingerRatio: 0.5 }, "lingerRatio"],
    [{ strategies: { popular: { floor: 1.1 } } }, "popular.floor"],
    [{ strategies: { popular: { limit: Infinity } } }, "popular.limit"],
    [{ strategies: { renewal: { schedule: { kind: "access" } } } }, "renewal.schedule"],
    [{ strategies: { popular: { schedule: { kind: "expiry" } } } }, "popular.schedule"],
    [
      {
        strategies: { trending: { schedule: { kind: "interval", everyMs: 5, adapts: true } } },
      },
      "trending.everyMs",
    ],
    [
      { strategies: { pre_market: { schedule: { kind: "trading_day", minute: 1_440 } } } },
      "pre_market.minute",
    ],
    [{ experiment: { name: "one", variants: [{ name: "a", strategies: {} }] } }, "variants"],
    [
      {
        experiment: {
          name: "twice",
          variants: [{ name: "a", strategies: {} }, { name: "a", strategies: {} }],
        },
      },
      "names that differ",
    ],
  ];
  for (const [overrides, said] of wrong) {
    assertThrows(() => warmingSettings(overrides), WarmError, said);
  }
});

Deno.test("warmingSettings() refuses a strategy that there is not", () => {
  const strategies = { telepathy: {} } as WarmingOverrides["strategies"];
  assertThrows(
    () => warmingSettings(strategies === undefined ? {} : { strategies }),
    WarmError,
    "telepathy",
  );
});
