import { VirtualClock } from "../../src/actor/clock.ts";
import { openProvider, providersSchema } from "../../src/provider/config.ts";
import { ProviderError } from "../../src/provider/error.ts";
import { assertEquals, assertRejects } from "@std/assert";

const clock = new VirtualClock();
const keys = {
  env: (name: string) => name === "EODHD_KEY" ? "abc123def" : undefined,
  file: () => Promise.reject(new Error("none")),
};

Deno.test("providersSchema fills in what is left out", () => {
  const [simulated, http] = providersSchema.parse([
    { kind: "simulated", name: "sim" },
    { kind: "http", name: "eodhd", mapping: "eodhd", keyEnv: "EODHD_KEY" },
  ]);
  assertEquals([simulated?.kind, simulated?.timeoutMs], ["simulated", 10_000]);
  assertEquals([http?.kind, http?.timeoutMs], ["http", 10_000]);
});

Deno.test("providersSchema refuses what it does not know, and every bad value", () => {
  const http = { kind: "http", name: "a", mapping: "eodhd" };
  const bad = [
    { kind: "http", name: "a" },
    { ...http, key: "abc" },
    { ...http, name: "../a" },
    { ...http, mapping: "other" },
    { ...http, keyEnv: "A", keyFile: "b" },
    { ...http, keyEnv: "A B" },
    { ...http, bodyBytesMax: 1e12 },
    { ...http, timeoutMs: 0 },
    { ...http, symbols: { A: "a/b" } },
    { ...http, symbols: { A: "../b" } },
    { ...http, exchange: "US/../x" },
    { kind: "simulated", name: "a", transientRatio: 2 },
    { kind: "simulated", name: "a", seed: -1 },
    { kind: "simulated", name: "a", limits: [{ max: 0, windowMs: 1 }] },
  ];
  for (const one of bad) {
    assertEquals(providersSchema.safeParse([one]).success, false, JSON.stringify(one));
  }
  const twice = [{ kind: "simulated", name: "a" }, { kind: "simulated", name: "a" }];
  assertEquals(providersSchema.safeParse(twice).success, false);
});

Deno.test("openProvider() opens what a configuration says, with its key", async () => {
  const list = providersSchema.parse([
    { kind: "simulated", name: "sim", limits: [{ max: 5, windowMs: 1_000 }], payers: ["AAA"] },
    {
      kind: "http",
      name: "eodhd",
      mapping: "eodhd",
      keyEnv: "EODHD_KEY",
      limits: [{ counts: "calls", max: 750, windowMs: 60_000 }],
    },
  ]);
  const [simulated, http] = await Promise.all(
    list.map((config) => openProvider(config, { clock, keys })),
  );
  assertEquals(simulated?.capabilities.limits, [{ counts: "calls", max: 5, windowMs: 1_000 }]);
  assertEquals(http?.capabilities.limits, [{ counts: "calls", max: 750, windowMs: 60_000 }]);
  assertEquals(JSON.stringify(http?.detail()).includes("abc123def"), false);
});

Deno.test("openProvider() says where a key is missing", async () => {
  const open = (more: Record<string, string>) => {
    const [config] = providersSchema.parse([
      { kind: "http", name: "eodhd", mapping: "eodhd", ...more },
    ]);
    return openProvider(config as NonNullable<typeof config>, { clock, keys });
  };
  await assertRejects(() => open({}), ProviderError, "expected keyEnv or keyFile");
  await assertRejects(() => open({ keyEnv: "NONE" }), ProviderError, "variable NONE");
  await assertRejects(() => open({ keyFile: "./none" }), ProviderError, "file ./none");
  await assertRejects(
    () => open({ keyEnv: "EODHD_KEY", baseUrl: "https://evil.example" }),
    ProviderError,
    "expected a host of eodhd.com",
  );
});
