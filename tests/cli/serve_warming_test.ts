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
  assertEquals([callsPerMinute, callsAtOnce, memoryMaxBytes], [100, 10, 500 * 1_048_576]);
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
  for (const warmingSchedule of ["25", "0,6,", "noon", "* *", "0 0 31 2 *"]) {
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
    "Cannot set popular.freshFloor: expected null: current value is 0.9",
  );
  assertThrows(
    () => of({ warmingStrategies: { renewal: { everyMs: 60_000 } } }),
    UsageError,
    "expected expiry",
  );
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
