import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { PartHealth, PartState } from "../../src/monitor/finding.ts";
import { componentsOf } from "../../src/monitor/health_components.ts";
import type { HealthInputs, MeasureReading } from "../../src/monitor/health_inputs.ts";
import { HEALTH_METRICS, healthSamples } from "../../src/monitor/health_metrics.ts";
import { HEALTH_WEIGHTS, healthScore } from "../../src/monitor/health_score.ts";
import { figure } from "../../src/monitor/limiting.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples } from "../../src/monitor/samples.ts";
import { type OwnTarget, TARGETS_DEFAULT } from "../../src/monitor/targets.ts";

const known = (value: number): MeasureReading => ({ state: "known", value });
const IDLE: MeasureReading = { state: "idle", value: null };
const UNKNOWN: MeasureReading = { state: "unknown", value: null };

/** All is good, and as much is wished for as is done. */
function inputsOf(given: Partial<HealthInputs> = {}): HealthInputs {
  return {
    at: 5,
    windowMs: 60_000,
    latencyP99: known(0.02),
    latencyMean: known(0.01),
    queueTime: known(0.02),
    throughput: known(2_000),
    refused: 0,
    work: [{ work: "candles", good: 10_000, bad: 0 }],
    cacheHits: known(0.99),
    memory: known(5e8),
    cpu: known(0.2),
    queueUsed: known(0.1),
    fullest: "core/store",
    own: {},
    ...given,
  };
}

const part = (name: string, state: PartState = "ok", detail = {}): PartHealth => ({
  name,
  state,
  detail,
});

const PARTS: readonly PartHealth[] = [
  part("core/store", "ok", { store: "ok" }),
  part("core/cache"),
  part("core/cache/shard-0"),
  part("core/cache/shard-1"),
  part("core/providers/eod"),
  part("core/work/ingest/workers/worker-0"),
  part("core/work/ingest/workers/worker-1"),
  part("core/work/ingest/label_pool"),
  part("core/work/ingest/feeds/a"),
  part("core/work/ingest/feeds/b"),
];

/** The parts, some of them otherwise. */
const withParts = (...changed: readonly PartHealth[]) => [
  ...PARTS.filter(({ name }) => changed.every((one) => one.name !== name)),
  ...changed,
];

Deno.test("the weights of the parts add up to 1", () => {
  assertAlmostEquals(Object.values(HEALTH_WEIGHTS).reduce((a, b) => a + b), 1, 1e-12);
});

Deno.test("healthScore() is 100 when all is good, and nothing limits it", () => {
  const { score, state, limiting, critical, unknown, knownWeight } = healthScore(
    inputsOf(),
    PARTS,
  );
  assertEquals([score, state, limiting, critical, unknown], [100, "good", null, [], []]);
  assertAlmostEquals(knownWeight, 1, 1e-12);
});

Deno.test("healthScore() weighs the points of the parts", () => {
  // 65 ms: 87.5; 99.9 %: 100; 92.5 %: 87.5; 900/s: 87.5. Sum 35 + 30 + 17.5 + 8.75 = 91.25.
  const inputs = inputsOf({
    latencyP99: known(0.065),
    work: [{ work: "candles", good: 999, bad: 1 }],
    cacheHits: known(0.925),
    throughput: known(900),
  });
  const found = healthScore(inputs, PARTS);
  assertAlmostEquals(found.uncapped ?? NaN, 91.25, 1e-9);
  assertEquals([found.score, found.state], [91, "fair"]);
  // Latency loses 5 points of the sum, the cache 2.5.
  assertEquals(found.limiting?.name, "latency");
  assertAlmostEquals(found.limiting?.lostPoints ?? NaN, 5, 1e-9);
  assertEquals(found.limiting?.reason, "latencyP99 is 65 ms: it should be at most 50 ms");
});

Deno.test("healthScore() takes the worse of p99 and mean, and of all kinds of work", () => {
  const inputs = inputsOf({
    latencyMean: known(0.04),
    work: [
      { work: "candles", good: 1_000, bad: 0 },
      { work: "messages", good: 990, bad: 10 },
      { work: "cache", good: 0, bad: 0 },
    ],
  });
  const { parts, limiting } = healthScore(inputs, PARTS);
  assertEquals(parts.slice(0, 2).map(({ points }) => Math.round(points ?? -1)), [75, 75]);
  assertEquals(parts[1]?.measures.map(({ state }) => state), ["known", "known", "idle"]);
  assertEquals(limiting?.name, "latency");
});

Deno.test("healthScore() is at most 59 when a part is critical", () => {
  // 0.4 · 100 + 0.3 · 100 + 0.2 · 50 + 0.1 · 100 = 90.
  const found = healthScore(inputsOf({ cacheHits: known(0.8) }), PARTS);
  assertAlmostEquals(found.uncapped ?? NaN, 90, 1e-9);
  assertEquals([found.score, found.state, found.critical], [59, "critical", ["cache"]]);
  assertEquals(found.limiting?.kind, "part");
  assertAlmostEquals(found.limiting?.lostPoints ?? NaN, 31, 1e-9);
});

Deno.test("healthScore() below the cap is what it is", () => {
  // Latency 0, success 25 (92.55 % is half way from 95 to 90.1), cache and throughput 100.
  const inputs = inputsOf({
    latencyP99: known(1),
    work: [{ work: "candles", good: 92_550, bad: 7_450 }],
  });
  const found = healthScore(inputs, PARTS);
  assertAlmostEquals(found.uncapped ?? NaN, 0.3 * 25 + 20 + 10, 1e-9);
  assertEquals([found.score, found.critical], [37, ["latency", "success"]]);
  assertEquals(found.limiting?.name, "latency");
});

Deno.test("healthScore() counts throughput only while more is wished for than is done", () => {
  const slow = { throughput: known(100) };
  const score = (given: Partial<HealthInputs>) => {
    const { score, parts } = healthScore(inputsOf({ ...slow, ...given }), PARTS);
    return [score, parts[3]?.state];
  };
  assertEquals(score({ queueTime: known(0.01) }), [100, "idle"]);
  assertEquals(score({ queueTime: known(0.011) }), [59, "known"]);
  assertEquals(score({ queueTime: known(0), refused: 1 }), [59, "known"]);
  assertEquals(score({ queueTime: UNKNOWN, refused: null }), [100, "unknown"]);
  assertEquals(score({ throughput: UNKNOWN }), [100, "unknown"]);
});

Deno.test("healthScore() shares the weight of what is unknown among the rest, and says so", () => {
  // Success 75 of weight 0.3, cache 100 of 0.2: 85 of 100.
  const inputs = inputsOf({
    latencyP99: UNKNOWN,
    latencyMean: UNKNOWN,
    work: [{ work: "candles", good: 990, bad: 10 }],
    queueTime: known(0),
    cpu: UNKNOWN,
  });
  const found = healthScore(inputs, PARTS);
  assertAlmostEquals(found.uncapped ?? NaN, 85, 1e-9);
  assertEquals(found.unknown, ["latency", "cpu"]);
  assertAlmostEquals(found.knownWeight, 0.5, 1e-12);
  const weights = found.parts.map(({ weight }) => weight);
  [0, 0.6, 0.4, 0].forEach((weight, i) => assertAlmostEquals(weights[i] ?? NaN, weight, 1e-12));
});

Deno.test("healthScore() of one measure of two goes by that one", () => {
  const found = healthScore(inputsOf({ latencyP99: IDLE, latencyMean: known(0.04) }), PARTS);
  assertEquals([found.parts[0]?.state, found.parts[0]?.points], ["known", 75]);
});

Deno.test("healthScore() of nothing is unknown, not 0 and not 100", () => {
  const inputs = inputsOf({
    latencyP99: UNKNOWN,
    latencyMean: UNKNOWN,
    queueTime: UNKNOWN,
    throughput: UNKNOWN,
    refused: null,
    work: [],
    cacheHits: IDLE,
    memory: UNKNOWN,
    cpu: UNKNOWN,
    queueUsed: UNKNOWN,
  });
  const found = healthScore(inputs, []);
  assertEquals([found.score, found.state, found.limiting], [null, "unknown", null]);
  assertEquals(found.unknown, [
    ...["store", "pool", "latency", "success", "throughput"],
    ...["queueTime", "queueUsed", "memory", "cpu"],
  ]);
  assertEquals(found.knownWeight, 0);
  assertEquals(healthSamples(found).map(({ name }) => name), ["wick_health_known_ratio"]);
});

Deno.test("healthScore() does not call one failure of a few critical, nor ten of ten well", () => {
  const levels = [[2, 1], [0, 10], [0, 0]].map(([good = 0, bad = 0]) =>
    healthScore(inputsOf({ work: [{ work: "candles", good, bad }] }), PARTS).parts[1]?.level
  );
  assertEquals(levels, ["warning", "critical", null]);
});

Deno.test("healthScore() is capped by memory, processor, queues and own targets", () => {
  const own: OwnTarget = {
    ...TARGETS_DEFAULT.cacheHits,
    measure: "mine",
    metric: "wick_my_ratio",
    read: "value",
  };
  const cases: [Partial<HealthInputs>, string][] = [
    [{ memory: known(1.8e9) }, "memory is 1.8 GB: it should be at most 1.2 GB"],
    [{ cpu: known(0.85) }, "cpu is 85 %: it should be at most 50 %"],
    [{ queueUsed: known(0.95) }, "queueUsed of core/store is 95 %: it should be at most 50 %"],
    [{ own: { mine: known(0.1) } }, "mine is 10 %: it should be at least 95 %"],
  ];
  for (const [given, reason] of cases) {
    const found = healthScore(inputsOf(given), PARTS, { own: [own] });
    assertEquals([found.score, found.limiting?.kind, found.limiting?.reason], [
      ...[59, "measure", reason],
    ]);
  }
  assertEquals(healthScore(inputsOf(), PARTS, { own: [own] }).unknown, ["mine"]);
});

Deno.test("healthScore() is capped by a component that is down, which comes first", () => {
  const store = part("core/store", "down", { store: "full", lastError: "no space" });
  const found = healthScore(inputsOf({ latencyP99: known(9) }), withParts(store));
  assertEquals(found.critical, ["store", "disk", "latency"]);
  assertEquals([found.limiting?.kind, found.limiting?.name], ["component", "store"]);
  assertEquals(found.limiting?.reason, "core/store is down: no space");
  const degraded = healthScore(inputsOf(), withParts(part("core/store", "degraded")));
  assertEquals([degraded.score, degraded.critical], [100, []]);
});

const statesOf = (parts: readonly PartHealth[]) =>
  Object.fromEntries(componentsOf(parts).map(({ name, state }) => [name, state]));

Deno.test("componentsOf() names all components in order, absent ones too", () => {
  assertEquals(Object.entries(statesOf(PARTS)), [
    ["store", "ok"],
    ["feeds", "ok"],
    ["pool", "ok"],
    ["cache", "ok"],
    ["redis", "absent"],
    ["providers", "ok"],
    ["disk", "ok"],
  ]);
  assertEquals(statesOf([]), {
    store: "unknown",
    feeds: "absent",
    pool: "unknown",
    cache: "absent",
    redis: "absent",
    providers: "absent",
    disk: "absent",
  });
});

Deno.test("componentsOf() is down when all members are, degraded when some are", () => {
  const a = part("core/work/ingest/feeds/a", "down", { lastError: "refused" });
  const b = part("core/work/ingest/feeds/b", "down");
  assertEquals(statesOf(withParts(a))["feeds"], "degraded");
  assertEquals(statesOf(withParts(a, b))["feeds"], "down");
  const worker = part("core/work/ingest/workers/worker-1", "down");
  assertEquals(statesOf(withParts(worker))["pool"], "degraded");
  assertEquals(statesOf(withParts(part("core/work/ingest/label_pool", "down")))["pool"], "down");
  const [, feeds] = componentsOf(withParts(part("core/work/ingest/feeds/b", "degraded"), a));
  assertEquals(feeds?.parts, ["core/work/ingest/feeds/a", "core/work/ingest/feeds/b"]);
  assertEquals(
    feeds?.reason,
    "core/work/ingest/feeds/a is down: refused, 2 of 2 parts are not ok",
  );
});

Deno.test("componentsOf() takes all below a supervisor that is down along", () => {
  const states = statesOf([part("core", "down")]);
  for (const name of ["store", "feeds", "pool", "cache", "providers"]) {
    assertEquals(states[name], "down", name);
  }
  assertEquals(statesOf(withParts(part("core/work/ingest", "down")))["cache"], "ok");
  assertEquals(statesOf(withParts(part("core/work/ingest", "down")))["feeds"], "down");
  // A path that only begins with the same letters is another part.
  assertEquals(statesOf(withParts(part("core/sto", "down")))["store"], "ok");
});

Deno.test("componentsOf() knows Redis by the cache's tier and the disk by the store's state", () => {
  const cache = (tier: string, state: PartState = "ok") => part("core/cache", state, { tier });
  assertEquals(statesOf(withParts(cache("redis up")))["redis"], "ok");
  assertEquals(statesOf(withParts(cache("memory down")))["redis"], "absent");
  const down = statesOf(withParts(cache("redis down", "degraded")));
  assertEquals([down["redis"], down["cache"]], ["down", "degraded"]);
  const store = (store: string) => part("core/store", "down", { store });
  assertEquals(statesOf(withParts(store("full")))["disk"], "down");
  assertEquals(statesOf(withParts(store("read_only")))["disk"], "down");
});

Deno.test("healthSamples() are taken by a registry with HEALTH_METRICS", () => {
  const registry = new Registry();
  for (const spec of HEALTH_METRICS) registry.register(spec);
  const samples = healthSamples(healthScore(inputsOf(), PARTS));
  assertEquals(applySamples(registry, samples, 0), []);
  assert(samples.some(({ name }) => name === "wick_health_score"));
  assertEquals(
    new Set(samples.map(({ name }) => name)),
    new Set(HEALTH_METRICS.map(({ name }) => name)),
  );
});

Deno.test("figure() says a value with its unit", () => {
  assertEquals(
    [
      ...[figure(0.0651, "seconds"), figure(2.5, "seconds"), figure(1.25e9, "bytes")],
      ...[figure(8e6, "bytes"), figure(0.999, "ratio"), figure(812.34, "per_second")],
      figure(3, "count"),
    ],
    ["65.1 ms", "2.5 s", "1.25 GB", "8 MB", "99.9 %", "812.3/s", "3"],
  );
});
