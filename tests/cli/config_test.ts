/** Which value of a setting wins, what is refused, and what `wick config` shows of it. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { OptionValues } from "../../src/cli/command.ts";
import { resolveConfig } from "../../src/cli/config.ts";
import { configSchema } from "../../src/cli/config_schema.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { OLDER_ENVIRONMENT, OLDER_FILE_KEYS } from "../../src/cli/older_names.ts";
import { PROFILE_VALUES } from "../../src/cli/profiles.ts";
import {
  CONFIG_DEFAULTS,
  environmentName,
  SETTING_NAMES,
  SETTINGS,
} from "../../src/cli/settings.ts";
import { serviceUrl } from "../../src/cli/service_call.ts";
import { envOf, fakeIo, inFolder, run, wick } from "./support.ts";

/** The world with these variables and files. */
function world(
  variables: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, unknown>> = {},
) {
  return fakeIo({
    ...envOf(variables),
    readText(path) {
      const content = files[path];
      if (content === undefined) return Promise.reject(new Deno.errors.NotFound(path));
      return Promise.resolve(typeof content === "string" ? content : JSON.stringify(content));
    },
  });
}

function options(given: Readonly<Record<string, string | number | true>> = {}): OptionValues {
  return new OptionValues(new Map(Object.entries(given)));
}

Deno.test("resolveConfig() takes option over environment over file over profile over default", async () => {
  const file = { drainMs: 1, profile: "conservative", port: 1, workers: 1 };
  const variables = { WICK_PORT: "2", WICK_WORKERS: "2" };
  const { config, origins, path } = await resolveConfig(
    options({ workers: 3 }),
    world(variables, { "wick.json": file }),
  );
  const { workers, port, drainMs, logFileCount, queueSize } = config;
  assertEquals([workers, port, drainMs, logFileCount, queueSize], [3, 2, 1, 10, 10_000]);
  const { workers: a, port: b, drainMs: c, logFileCount: d, queueSize: e } = origins;
  assertEquals([a, b, c, d, e], [
    "option --workers",
    "environment WICK_PORT",
    "file wick.json",
    "profile conservative",
    "default",
  ]);
  assertEquals(path, "wick.json");
});

Deno.test("resolveConfig() reads every setting from the environment", async () => {
  const texts: Record<string, string> = {
    ...Object.fromEntries(
      SETTING_NAMES.map((name) => {
        const value = CONFIG_DEFAULTS[name];
        return [
          environmentName(name),
          SETTINGS[name].text === "json" ? JSON.stringify(value) : String(value),
        ];
      }),
    ),
    WICK_PROFILE: "latency",
    WICK_WORKERS: "4",
    WICK_ALLOWED_HOSTS: "a.example, b.example",
    WICK_TOKEN_FILE: "t",
    WICK_TOKEN: "token-0123456789abc",
    WICK_READ_TOKEN_FILE: "r",
    WICK_READ_TOKEN: "read-0123456789abcd",
    WICK_FEEDS: '[{"kind":"synthetic","name":"s","seed":9}]',
    WICK_RETAIN_CANDLES: "5",
    WICK_RETAIN_LOG_ROWS: "6",
    WICK_LOG_FILE: "wick.log",
    WICK_TUNING_WORKERS_MIN: "1",
    WICK_TUNING_WORKERS_MAX: "4",
    WICK_TUNING_CACHE_BYTES_MIN: "1000000",
    WICK_TUNING_CACHE_BYTES_MAX: "2000000",
    WICK_TUNING_WARMING_RATE_MIN: "5",
    WICK_TUNING_WARMING_RATE_MAX: "50",
    WICK_REDIS_URL: "redis://localhost",
    WICK_NODE_REGION: "eu",
    WICK_NODE_URL: "http://10.0.0.1:8003",
    WICK_NODE_PINS: "0-63=eu, 64=us",
    WICK_CACHE_PROVIDER: "upstream",
    WICK_CACHE_PROTECT: "price:AAPL*, news:*",
    WICK_REFRESH_SCORERS: "a.ts, b.ts",
    WICK_GCP_PROJECT_ID: "p",
    WICK_GOOGLE_CREDENTIALS_FILE: "g.json",
    WICK_FIRESTORE_EMULATOR_HOST: "localhost:8080",
  };
  const { config, origins } = await resolveConfig(options(), world(texts));
  for (const name of SETTING_NAMES) {
    assertEquals(origins[name], `environment ${environmentName(name)}`, name);
  }
  assertEquals(config.allowedHosts, ["a.example", "b.example"]);
  assertEquals(config.refreshScorers, ["a.ts", "b.ts"]);
  assertEquals(config.feeds[0]?.kind === "synthetic" && config.feeds[0].seed, 9);
});

Deno.test("resolveConfig() understands the older systems' names, weaker than its own", async () => {
  const of = async (variables: Record<string, string>) =>
    (await resolveConfig(options(), world(variables))).config;
  assertEquals((await of({ INCREMENTAL_ENGINE_WORKERS: "12" })).workers, 8);
  assertEquals((await of({ INCREMENTAL_ENGINE_WORKERS: "12", WICK_WORKERS: "9" })).workers, 9);
  const queue = await of({ INCREMENTAL_ENGINE_QUEUE_SIZE: "500" });
  assertEquals([queue.queueSize, queue.admission], [500, "count"]);
  const open = await of({
    INCREMENTAL_ENGINE_QUEUE_SIZE: "500",
    INCREMENTAL_ENGINE_ENABLE_BACKPRESSURE: "false",
  });
  assertEquals([open.queueSize, open.admission], [500, "off"]);
  assertEquals((await of({ INCREMENTAL_ENGINE_ENABLE_BACKPRESSURE: "true" })).admission, "delay");
  const spans = await of({
    CACHE_MEMORY_TTL: "60",
    MONITORING_INTERVAL: "1.5",
    ALERT_COOLDOWN_MINUTES: "2",
    CACHE_TTL_PRICE: "3",
  });
  assertEquals(
    [spans.cacheTtlMs, spans.monitorIntervalMs, spans.alertCooldownMs, spans.cacheTtlPriceMs],
    [60_000, 1_500, 120_000, 3_000],
  );
  for (
    const [first, second, expected] of [
      ["true", "true", true],
      ["false", "true", false],
      ["true", "false", false],
      ["false", "false", false],
    ] as const
  ) {
    const both = { CACHE_WARMING_ENABLED: first, WARMING_ENABLED: second };
    assertEquals((await of(both)).warmingEnabled, expected, `${first} ${second}`);
  }
  const file = { threshold_cluster: 0.5, cluster_size_threshold: 7 };
  const { config } = await resolveConfig(options(), world({}, { "wick.json": file }));
  assertEquals([config.refreshClusterThreshold, config.refreshBlockMembersMin], [0.5, 7]);
});

Deno.test("the older systems' defaults mean Wick's defaults", async () => {
  // As their documentation gives them; what has no default there is left out.
  const texts = Object.entries(OLDER_ENVIRONMENT)
    .filter(([, { byDefault }]) => !/none|cores/.test(byDefault))
    .map(([name, { byDefault }]) => [name, byDefault] as const);
  assert(texts.length > 15);
  for (const [name, text] of texts) {
    const { config } = await resolveConfig(options(), world({ [name]: text }));
    for (const setting of OLDER_ENVIRONMENT[name]?.sets ?? []) {
      // Its very use asks for the count mode.
      if (setting === "admission" && name.endsWith("QUEUE_SIZE")) continue;
      assertEquals(config[setting], CONFIG_DEFAULTS[setting], `${name} ${setting}`);
    }
  }
  for (const setting of Object.values(OLDER_FILE_KEYS)) assert(setting in CONFIG_DEFAULTS);
});

Deno.test("resolveConfig() refuses what it cannot use, and says where it comes from", async () => {
  const cases: [Record<string, string>, Record<string, unknown>, RegExp][] = [
    [{}, { prot: 1 }, /^wick\.json: unknown key "prot"; did you mean port\?$/],
    [{}, { zzz: 1 }, /unknown key "zzz"; see wick config/],
    [{}, { port: "8003" }, /Cannot use port: expected number: current value is "8003" \(file/],
    [{ WICK_PORT: "x" }, {}, /Cannot use port: .*current value is "x" \(environment WICK_PORT\)/],
    [{ WICK_PORT: "70000" }, {}, /Cannot use port: .*65535: current value is 70000/],
    [{ WICK_MONITOR_ENABLED: "maybe" }, {}, /Cannot use monitorEnabled: expected boolean/],
    [{ WICK_FEEDS: "{" }, {}, /Cannot use WICK_FEEDS: expected JSON/],
    [
      { WICK_FEEDS: '[{"kind":"firestore","name":"f","collection":"candles"}]' },
      {},
      /Cannot set up feed f: expected a project: GCP_PROJECT_ID or gcpProjectId names it/,
    ],
    [
      { GCP_PROJECT_ID: "p" },
      { feeds: [{ kind: "firestore", name: "f", collection: "candles/x" }] },
      /Cannot set up feed f: expected the path of a collection.*"candles\/x"/,
    ],
    [{ REDIS_URL: "http://x" }, {}, /Cannot use redisUrl: .*redis or rediss.*hidden/],
    [{}, { feeds: [{ kind: "file", name: "a" }] }, /Cannot use feeds at 0\.path: expected string/],
    [
      {},
      { feeds: [{ kind: "file", name: "A/", path: "x" }] },
      /feeds at 0\.name: expected 1 to 64/,
    ],
    [{}, { refreshBaskets: 1 }, /Cannot use refreshBaskets: expected 0, or 2 to 8: .* 1 \(file/],
    [{}, { refreshBaskets: 9 }, /Cannot use refreshBaskets: .*current value is 9/],
    [{}, { refreshImpactThreshold: 0 }, /Cannot use refreshImpactThreshold: .*>0/],
    [{ WICK_REFRESH_LINKAGE: "double" }, {}, /refreshLinkage: .*"single"\|"average"\|"complete"/],
    [{}, { refreshMemoryBars: 9 }, /Cannot use refreshMemoryBars: .*10: current value is 9/],
    [{}, { refreshScorers: "a.ts" }, /Cannot use refreshScorers: expected array/],
    [{}, { profile: "speed" }, /Cannot use profile: .*throughput/],
    [{}, { admissionOnMs: 10 }, /expected them to ascend: current value is 20, 10, 80/],
    [
      {},
      { token: "abc" },
      /Cannot use token in wick\.json: expected tokenFile, or the environment/,
    ],
    [
      {},
      { redisUrl: "redis://:pw@x" },
      /Cannot use redisUrl in wick\.json: expected redisUrlFile, or the env/,
    ],
  ];
  for (const [variables, file, message] of cases) {
    const files = Object.keys(file).length === 0 ? {} : { "wick.json": file };
    const error = await assertRejects(
      () => resolveConfig(options(), world(variables, files)),
      UsageError,
    );
    assertMatch(error.message, message);
  }
  const twice = [{ kind: "synthetic", name: "a" }, { kind: "synthetic", name: "a" }];
  const error = await assertRejects(
    () => resolveConfig(options(), world({}, { "wick.json": { feeds: twice } })),
    UsageError,
  );
  assertMatch(error.message, /expected different names: a comes twice/);
  for (const [text, message] of [["[]", /a JSON object/], ["{", /expected JSON/]] as const) {
    const broken = () => resolveConfig(options(), world({}, { "wick.json": text }));
    assertMatch((await assertRejects(broken, UsageError)).message, message);
  }
  const missing = () => resolveConfig(options({ config: "no.json" }), world());
  assertMatch(
    (await assertRejects(missing, UsageError)).message,
    /no\.json: there is no such file/,
  );
});

Deno.test("a key called __proto__ in a configuration file is an unknown key", async () => {
  const text = '{"__proto__":{"port":1},"constructor":{}}';
  const load = () => resolveConfig(options(), world({}, { "wick.json": text }));
  assertMatch((await assertRejects(load, UsageError)).message, /unknown key "__proto__"/);
});

Deno.test("tokens come from the environment or a named file, without the line end", async () => {
  const files = { "a.txt": "file-token-0123456789\n", "bad.txt": "two words" };
  const one = await resolveConfig(options(), world({ WICK_TOKEN_FILE: "a.txt" }, files));
  assertEquals(one.config.token, "file-token-0123456789");
  assertEquals(one.origins.token, "environment WICK_TOKEN_FILE, through tokenFile");
  const both = { WICK_TOKEN_FILE: "a.txt", WICK_TOKEN: "env-token-0123456789" };
  const two = await resolveConfig(options(), world(both, files));
  assertEquals(two.config.token, "env-token-0123456789");
  const bad = () => resolveConfig(options(), world({ WICK_TOKEN_FILE: "bad.txt" }, files));
  const error = await assertRejects(bad, UsageError);
  assertMatch(error.message, /Cannot read the secret in bad\.txt: expected one line/);
  assert(!error.message.includes("two words"));
});

Deno.test("--feed makes a feed of a file or of synthetic candles", async () => {
  const feedOf = async (word: string) =>
    (await resolveConfig(options({ feed: word }), world())).config.feeds[0];
  assertEquals((await feedOf("synthetic"))?.kind, "synthetic");
  const file = await feedOf("data/EURUSD H1.csv.gz");
  assertEquals([file?.kind, file?.name], ["file", "eurusd-h1"]);
  assertEquals((await feedOf("_.csv"))?.name, "file");
});

Deno.test("--scorer may be given several times, and wins over wick.json as a whole", async () => {
  const files = { "wick.json": { refreshScorers: ["c.ts"], refreshTickMs: 20 } };
  const scorers = new OptionValues(new Map([["scorer", ["a.ts", "b.ts"]]]));
  const { config, origins } = await resolveConfig(scorers, world({}, files));
  assertEquals(config.refreshScorers, ["a.ts", "b.ts"]);
  assertEquals([origins.refreshScorers, origins.refreshTickMs], [
    "option --scorer",
    "file wick.json",
  ]);
  const { config: { refreshScorers } } = await resolveConfig(options(), world({}, files));
  assertEquals(refreshScorers, ["c.ts"]);
});

Deno.test("wick config shows every part of a list that is given by a repeated option", async () => {
  const { code, out } = await run(["config", "--scorer", "a.ts", "--scorer=b.ts"]);
  assertEquals(code, 0);
  assertMatch(out, /^refreshScorers +\["a\.ts","b\.ts"\] +option --scorer$/m);
  const { code: no, err } = await run(["config", "--scorer", ""]);
  assertEquals(no, 2);
  assertMatch(err, /Cannot use --scorer: expected a value: current value is ""/);
});

Deno.test("serviceUrl() follows url, else where serve would listen", async () => {
  const urlOf = async (variables: Record<string, string>) =>
    serviceUrl(await resolveConfig(options(), world(variables)));
  assertEquals(await urlOf({}), "http://127.0.0.1:8003");
  assertEquals(await urlOf({ WICK_PORT: "9000" }), "http://127.0.0.1:9000");
  assertEquals(await urlOf({ WICK_HOST: "0.0.0.0" }), "http://127.0.0.1:8003");
  assertEquals(await urlOf({ WICK_HOST: "::1" }), "http://[::1]:8003");
  assertEquals(await urlOf({ WICK_URL: "https://x.example", WICK_PORT: "1" }), "https://x.example");
});

Deno.test("every profile is a valid configuration that differs from the defaults", () => {
  for (const [name, { values }] of Object.entries(PROFILE_VALUES)) {
    const config = configSchema.parse({ ...CONFIG_DEFAULTS, ...values });
    const { admissionOffMs, admissionOnMs, admissionHardMs } = config;
    assert(admissionOffMs < admissionOnMs && admissionOnMs <= admissionHardMs, name);
    const changed = SETTING_NAMES.filter((key) => config[key] !== CONFIG_DEFAULTS[key]);
    assert(changed.length >= 3, name);
  }
});

Deno.test("wick config shows values and origins, and hides secrets", async () => {
  const io = {
    ...envOf({
      WICK_TOKEN: "token-0123456789abc",
      REDIS_URL: "redis://user:pw@localhost",
      CACHE_MEMORY_SIZE: "10",
      WARMING_POPULAR_LIMIT: "7",
      WICK_GCP_PROJECT_ID: "p7",
      WICK_PROT: "1",
    }),
  };
  const { code, out, err } = await run(["config", "--port", "9000"], {}, io);
  assertEquals(code, 0);
  assertMatch(out, /^port +9000 +option --port$/m);
  assertMatch(out, /^token +\[hidden\] +environment WICK_TOKEN$/m);
  assertMatch(out, /^redisUrl +\[hidden\] +environment REDIS_URL$/m);
  assertMatch(out, /^cacheEntriesMax +10 +environment CACHE_MEMORY_SIZE$/m);
  assertMatch(out, /^warmingPopularLimit +7 +environment WARMING_POPULAR_LIMIT$/m);
  assertMatch(
    out,
    /^gcpProjectId +p7 +environment WICK_GCP_PROJECT_ID$/m,
  );
  assertMatch(out, /^durability +full +default$/m);
  assertEquals(err, "wick config: environment WICK_PROT is no setting; did you mean WICK_PORT?\n");
  const json = await run(["config", "--port", "9000", "--json"], {}, io);
  const shown = JSON.parse(json.out);
  assertEquals(Object.keys(shown), [...SETTING_NAMES]);
  assertEquals(shown.port, { value: 9000, origin: "option --port" });
  assertEquals(shown.token, { value: "[hidden]", origin: "environment WICK_TOKEN" });
  for (const text of [out, json.out]) {
    assert(!text.includes("token-0123456789abc") && !text.includes("pw@"));
  }
});

Deno.test("wick config --names lists every name there is", async () => {
  const { code, out } = await run(["config", "--names"]);
  assertEquals(code, 0);
  for (const name of SETTING_NAMES) assert(out.includes(environmentName(name)), name);
  for (const name of [...Object.keys(OLDER_ENVIRONMENT), ...Object.keys(OLDER_FILE_KEYS)]) {
    assert(out.includes(name), name);
  }
  for (const name of Object.keys(PROFILE_VALUES)) assert(out.includes(name));
  const json = JSON.parse((await run(["config", "--names", "--json"])).out);
  assertEquals(json.older.REDIS_URL.sets, ["redisUrl"]);
});

Deno.test("no option takes a secret", async () => {
  for (const words of [["config"], ["serve"], ["tail"]]) {
    const { code, err } = await run([...words, "--token", "abc"]);
    assertEquals(code, 2);
    assertMatch(err, /unknown option "--token"/);
  }
});

Deno.test("wick config as a process reads wick.json of its folder", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "wick.json"), '{"port": 8100, "$schema": "x"}');
    const { code, out } = await wick(["config", "--json"], { cwd: folder });
    assertEquals(code, 0);
    assertEquals(JSON.parse(out).port, { value: 8100, origin: "file wick.json" });
    await Deno.writeTextFile(join(folder, "wick.json"), `"${"x".repeat(1_000_001)}"`);
    const large = await wick(["config"], { cwd: folder });
    assertEquals(large.code, 2);
    assertMatch(large.err, /Cannot read wick\.json: expected at most 1000000 bytes/);
  });
});

Deno.test("wick config shows settings that are objects as JSON, and empty ones as none", async () => {
  const given = envOf({ WICK_WARMING_STRATEGIES: '{"time-of-day":{"limit":3}}' });
  const { code, out } = await run(["config"], {}, given);
  assertEquals(code, 0);
  assertMatch(out, /^warmingStrategies +\{"time_of_day":\{"limit":3\}\} +environment/m);
  assertMatch(out, /^cacheTtl +none +default$/m);
  assert(!out.includes("[object"));
});
