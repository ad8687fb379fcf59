/** From the configuration to the warming of the service. */

import { assertEquals, assertThrows } from "@std/assert";
import { isCron } from "../../actors/warmer.ts";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { warmingOf } from "../../src/cli/serve_warming.ts";
import { warmingSettings } from "../../src/warm/settings.ts";

const of = (settings: Record<string, unknown>, provider: string | null = "simulated") =>
  warmingOf(configSchema.parse(settings), { provider }, isCron);

Deno.test("warmingOf() without settings is as the specification has it", () => {
  const spec = of({});
  const { callsPerMinute, callsAtOnce, memoryMaxBytes, strategies } = warmingSettings(
    spec?.settings,
  );
  assertEquals([callsPerMinute, callsAtOnce, memoryMaxBytes], [100, 10, 500_000_000]);
  assertEquals([strategies.popular.limit, strategies.popular.floor], [100, 0.75]);
  assertEquals([spec?.keysPerCallMax, spec?.cycleCron], [50, "0 0,6,12,18 * * *"]);
});

Deno.test("warmingOf() is null where it is off, or nobody could be asked", () => {
  assertEquals(of({ warmingEnabled: false }), null);
  assertEquals(of({}, null), null);
});

Deno.test("warmingOf() takes hours, a pattern of cron, or never", () => {
  assertEquals(of({ warmingSchedule: "7,19" })?.cycleCron, "0 7,19 * * *");
  assertEquals(of({ warmingSchedule: "30 8 * * 1-5" })?.cycleCron, "30 8 * * 1-5");
  assertEquals(of({ warmingSchedule: "never" })?.cycleCron, null);
  for (const warmingSchedule of ["25", "0,6,", "noon", "* *", "0 0 31 2 *", "* * * * * *"]) {
    const error = assertThrows(() => of({ warmingSchedule }), UsageError);
    assertEquals(
      error.message,
      "Cannot schedule warming: expected hours as 0,6,12,18, cron, or never: current value is " +
        warmingSchedule,
    );
  }
});

Deno.test("warmingOf() sets strategies one by one, the popular limit by either name", () => {
  const { strategies } = warmingSettings(
    of({
      warmingPopularLimit: 7,
      warmingStrategies: {
        popular: { floor: 0.9, cron: "0 7 * * *", timeZone: "Europe/Berlin" },
        renewal: { floor: 0.2, freshFloor: 0.9 },
        trending: { enabled: false },
        time_of_day: { limit: 3, everyMs: 60_000 },
      },
    })?.settings,
  );
  assertEquals(strategies.popular, {
    isEnabled: true,
    limit: 7,
    floor: 0.9,
    freshFloor: null,
    schedule: { kind: "cron", pattern: "0 7 * * *", timeZone: "Europe/Berlin" },
  });
  assertEquals([strategies.renewal.floor, strategies.renewal.freshFloor], [0.2, 0.9]);
  assertEquals(strategies.trending.isEnabled, false);
  assertEquals(strategies.time_of_day.limit, 3);
  assertEquals(strategies.time_of_day.schedule, {
    kind: "interval",
    everyMs: 60_000,
    adapts: true,
  });
});

Deno.test("warmingOf() says which settings do not go together", () => {
  const both = { popular: { everyMs: 60_000, cron: "0 7 * * *" } };
  assertThrows(() => of({ warmingStrategies: both }), UsageError, "expected everyMs or cron");
  const place = { popular: { cron: "0 7 * * *", timeZone: "Atlantis/Capital" } };
  assertThrows(() => of({ warmingStrategies: place }), UsageError, "Atlantis/Capital");
  assertThrows(
    () => of({ warmingStrategies: { popular: { freshFloor: 0.9 } } }),
    UsageError,
    "Cannot set popular.freshFloor: expected null, as only renewal has one: current value is 0.9",
  );
  assertThrows(
    () => of({ warmingStrategies: { renewal: { everyMs: 60_000 } } }),
    UsageError,
    "expected expiry",
  );
});

Deno.test("warmingOf() takes names of strategies as people write them, each once", () => {
  const named = { "time-of-day": { limit: 3 }, pre_market: { limit: 4 } };
  const { strategies } = warmingSettings(of({ warmingStrategies: named })?.settings);
  assertEquals([strategies.time_of_day.limit, strategies.pre_market.limit], [3, 4]);
  for (
    const wrong of [
      { bogus: {} },
      { "time-of-day": {}, time_of_day: {} },
      JSON.parse('{"__proto__":{}}'),
    ]
  ) {
    const { error } = configSchema.safeParse({ warmingStrategies: wrong });
    assertEquals(error?.issues.map(({ path, message }) => [path, message]), [[
      ["warmingStrategies"],
      "expected each once of popular, time-of-day, trending, predictive, pre-market, " +
      "sector-rotation, event, renewal",
    ]], JSON.stringify(wrong));
  }
  for (const wrong of [null, [], 5, "popular", { popular: null }, { popular: { limit: 0 } }]) {
    assertEquals(configSchema.safeParse({ warmingStrategies: wrong }).success, false);
  }
});

Deno.test("warmingOf() says of a strategy's times what is expected of these", () => {
  const pattern = { popular: { cron: "7,19" } };
  const error = assertThrows(() => of({ warmingStrategies: pattern }), UsageError);
  assertEquals(
    error.message,
    "Cannot schedule popular: expected a cron pattern and a time zone: current value is 7,19 in " +
      "America/New_York",
  );
  for (const given of [{}, { everyMs: 60_000 }]) {
    const strategies = { popular: { timeZone: "Europe/Berlin", ...given } };
    assertThrows(
      () => of({ warmingStrategies: strategies }),
      UsageError,
      "Cannot schedule popular: expected cron with timeZone: current value is Europe/Berlin alone",
    );
  }
});

Deno.test("a rate of less than a call a minute is refused, and parts of bytes are none", () => {
  assertEquals(configSchema.safeParse({ warmingRatePerMinute: 0.4 }).success, false);
  const { memoryMaxBytes } = warmingSettings(of({ warmingMemoryMb: 0.1234567 })?.settings);
  assertEquals(memoryMaxBytes, 123_457);
});

Deno.test("warmingOf() hands an experiment on", () => {
  const variants = [{ name: "as it is" }, {
    name: "bold",
    strategies: { renewal: { floor: 0.2 }, trending: { enabled: false } },
  }];
  const { experiment } = warmingSettings(
    of({ warmingExperiment: { name: "floors", variants } })?.settings,
  );
  assertEquals(experiment, {
    name: "floors",
    variants: [{ name: "as it is", strategies: {} }, {
      name: "bold",
      strategies: { renewal: { floor: 0.2 }, trending: { isEnabled: false } },
    }],
  });
});
