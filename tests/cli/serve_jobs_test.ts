/** Which provider fills holes, and what is said when there is none of that name. */

import { assertEquals, assertThrows } from "@std/assert";
import { OptionValues } from "../../src/cli/command.ts";
import { resolveConfig } from "../../src/cli/config.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { batchOf, holeFillerOf, providersOf } from "../../src/cli/serve_jobs.ts";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import { envOf, fakeIo } from "./support.ts";

const PROVIDERS = providersOf(CONFIG_DEFAULTS, fakeIo({}));

Deno.test("holeFillerOf() is nobody unless a provider is named", () => {
  assertEquals(holeFillerOf(CONFIG_DEFAULTS, PROVIDERS), {});
  const fillHolesFrom = "simulated";
  assertEquals(holeFillerOf({ fillHolesFrom }, PROVIDERS), { fillHolesFrom });
});

Deno.test("holeFillerOf() refuses a provider that is not there", () => {
  assertThrows(
    () => holeFillerOf({ fillHolesFrom: "eodhd" }, PROVIDERS),
    UsageError,
    "Cannot fill holes: expected fillHolesFrom as one of simulated: current value is eodhd",
  );
});

Deno.test("fillHolesFrom comes from an option or the environment", async () => {
  const io = fakeIo({
    ...envOf({ WICK_FILL_HOLES_FROM: "a" }),
    readText: (path) => Promise.reject(new Deno.errors.NotFound(path)),
  });
  const { config } = await resolveConfig(new OptionValues(new Map()), io);
  assertEquals(config.fillHolesFrom, "a");
  const given = new OptionValues(new Map([["fill-holes-from", "b"]]));
  assertEquals((await resolveConfig(given, io)).config.fillHolesFrom, "b");
});

Deno.test("batchOf() reads how keys are grouped, for every provider", () => {
  const byDefault = batchOf(CONFIG_DEFAULTS);
  assertEquals(byDefault, {
    isEnabled: true,
    keysMax: 50,
    bulkLingerMaxMs: 60_000,
    lingerMs: 5,
    lowLoadHours: [0, 1, 2, 3, 4, 5, 6],
  });
  assertEquals(PROVIDERS.map(({ batch }) => batch), PROVIDERS.map(() => byDefault));
  const set = batchOf({
    ...CONFIG_DEFAULTS,
    cacheBatchEnabled: false,
    cacheBatchSize: 20,
    cacheBatchIntervalMs: 5_000,
    lowLoadHours: "22-1",
  });
  assertEquals(set, {
    isEnabled: false,
    keysMax: 20,
    bulkLingerMaxMs: 5_000,
    lingerMs: 5,
    lowLoadHours: [22, 23, 0, 1],
  });
});

Deno.test("batchOf() refuses hours that are none", () => {
  const config = { ...CONFIG_DEFAULTS, lowLoadHours: "25" };
  assertThrows(() => batchOf(config), UsageError, "hours of 0 to 23");
});
