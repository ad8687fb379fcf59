/** Which provider fills holes, and what is said when there is none of that name. */

import { assertEquals, assertThrows } from "@std/assert";
import { OptionValues } from "../../src/cli/command.ts";
import { resolveConfig } from "../../src/cli/config.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { holeFillerOf, providersOf } from "../../src/cli/serve_jobs.ts";
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
