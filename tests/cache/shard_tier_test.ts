/** A shard and the second tier behind it. */

import { assert, assertEquals } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { tierSelection } from "../../src/cache/shard.ts";
import { leftOf, SteadyWall, TIER_SKEW_MAX_MS } from "../../src/cache/shard_tier.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type { Dependency, TierEntry } from "../../src/cache/types.ts";
import { ASK, bench, failed, testTier, turns, valueOf } from "./shard_support.ts";

const KEY = "price:AAPL";
const CANDLES: Dependency = { kind: "candles", series: "EUR_USD:H1", fromTs: 0, toTs: 100 };

/** Two shards, one after the other, before one tier: the second has lost what the first held. */
function pair(options: Parameters<typeof bench>[0] = {}) {
  const { tier, guarded } = testTier();
  const first = bench({ ...options, secondTier: guarded });
  const second = bench({ ...options, secondTier: guarded, clock: first.clock });
  return { tier, guarded, first, second, clock: first.clock };
}

Deno.test("CacheShard reads the second tier before it loads, and keeps what it finds for what is left", async () => {
  const { first, second, clock } = pair();
  await first.fill(KEY, { close: 1 });
  clock.advance(20_000);
  const found = await second.shard.get(KEY, ASK);
  assertEquals(found, { state: "loaded", value: { close: 1 }, tier: "l2", ageMs: 20_000 });
  assertEquals(second.calls.length, 0);
  const { ageMs, softLeftMs, hardLeftMs, origin } = second.shard.explain(KEY);
  assertEquals([ageMs, softLeftMs, hardLeftMs, origin], [20_000, 40_000, 100_000, "promoted"]);
  assertEquals(second.shard.status().types[0]?.secondTierHits, 1);
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard renews ahead what was promoted late in its TTL", async () => {
  const { first, second, clock } = pair();
  await first.fill(KEY, 1);
  clock.advance(47_999);
  await second.shard.get(KEY, ASK);
  second.shard.peek(KEY);
  assertEquals(second.calls.length, 0);
  clock.advance(1);
  assertEquals(second.shard.peek(KEY), 1);
  assertEquals(second.calls.length, 1);
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard serves what is stale in the second tier and renews it behind", async () => {
  const { first, second, clock } = pair();
  await first.fill(KEY, 1);
  clock.advance(70_000);
  const found = await second.shard.get(KEY, ASK);
  assertEquals(found, { state: "stale", value: 1, tier: "l2", ageMs: 70_000 });
  assertEquals(second.calls.length, 1);
  await second.bring(2);
  assertEquals(second.shard.peek(KEY), 2);
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard.getMany() reads the second tier once for all", async () => {
  const { tier, first, second } = pair();
  for (let i = 0; i < 50; i++) await first.fill(`price:${i}`, i);
  tier.reads.length = 0;
  const keys = Array.from({ length: 60 }, (_, i) => `price:${i}`);
  const found = second.shard.getMany(keys, ASK);
  await turns();
  assertEquals(tier.reads.length, 1);
  assertEquals(second.calls.length, 10);
  for (let i = 50; i < 60; i++) await second.bring(i);
  assertEquals((await found).map(valueOf), keys.map((_, i) => i));
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard goes on upstream when the second tier hangs, and counts it", async () => {
  const { tier, second, clock } = pair({ secondTierTimeoutMs: 200 });
  tier.isHanging = true;
  const found = second.shard.get(KEY, ASK);
  clock.advance(200);
  await turns();
  await second.bring(1);
  assertEquals(valueOf(await found), 1);
  assertEquals(second.shard.status().secondTierFailures, 1);
  second.shard.close();
});

Deno.test("CacheShard takes an entry that cannot be read for none", async () => {
  const { tier, first, second } = pair();
  await first.fill(KEY, 1);
  const entry = tier.entries.get(KEY) as TierEntry;
  tier.entries.set(KEY, { ...entry, bytes: new Uint8Array([1, 2, 3]) });
  const found = second.shard.get(KEY, ASK);
  await turns();
  await second.bring(2);
  assertEquals(valueOf(await found), 2);
  assertEquals(second.shard.status().secondTierFailures, 1);
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard uses no entry whose candles were touched since, also by a commit nobody told of", async () => {
  const touched = new TouchedIndex();
  const { first, second } = pair({ isTouched: (one, seq) => touched.isTouched(one, seq) });
  await first.fill(KEY, "old", { dependsOn: [CANDLES], seq: 5 });
  touched.add(6, [{ series: "EUR_USD:H1", fromTs: 50, toTs: 51 }]);
  const found = second.shard.get(KEY, ASK);
  await turns();
  await second.bring("new", { dependsOn: [CANDLES], seq: 6 });
  assertEquals(valueOf(await found), "new");
  assertEquals(second.shard.status().secondTierOutdated, 1);
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard writes to the second tier only what can be compared later", async () => {
  const { tier, first } = pair({ isTouched: () => false });
  await first.fill("a", 1);
  await first.fill("b", 1, { dependsOn: [CANDLES], seq: 1 });
  await first.fill("c", 1, { dependsOn: [CANDLES] });
  await first.fill("d", 1, { dependsOn: [CANDLES, { kind: "levels", instrument: "I" }], seq: 1 });
  await first.fill("e", 1, { dependsOn: [{ kind: "key", key: "a" }] });
  assertEquals([...tier.entries.keys()], ["a", "b"]);
  assertEquals(tier.entries.get("b")?.tags, ["candles:EUR_USD:H1"]);
  const { tier: blind, first: other } = pair();
  await other.fill("b", 1, { dependsOn: [CANDLES], seq: 1 });
  assertEquals(blind.entries.size, 0);
  for (const { shard } of [first, other]) shard.close();
});

Deno.test("CacheShard never reads what an invalidation under way is about", async () => {
  for (const selection of [{ keys: [KEY] }, { patterns: ["price:*"] }, { tags: ["t"] }]) {
    const { tier, guarded, first, second } = pair();
    await first.fill(KEY, "old", { tags: ["t"] });
    tier.isManual = true;
    // It begins before the invalidation is done, and ends before it too.
    const gone = second.shard.invalidate(selection);
    const invalidation = guarded.invalidate(tierSelection(selection, gone));
    const found = second.shard.get(KEY, ASK);
    const [invalidating, reading] = tier.waiting.splice(0);
    reading?.();
    await turns();
    assertEquals(second.calls.length, 1);
    await second.bring("new", { tags: ["t"] });
    assertEquals(valueOf(await found), "new");
    invalidating?.();
    await invalidation;
    for (const { shard } of [first, second]) shard.close();
  }
});

Deno.test("CacheShard invalidates the key in the second tier when the source says it is missing", async () => {
  const { tier, first, clock } = pair();
  await first.fill(KEY, 1);
  clock.advance(60_000);
  first.shard.peek(KEY);
  await first.answer({ state: "missing" });
  assertEquals(tier.entries.size, 0);
  first.shard.close();
});

Deno.test("CacheShard forgets a missing key in a second tier that did not say whether it has it", async () => {
  const { tier, first, second, clock } = pair();
  await first.fill(KEY, 1);
  tier.isHanging = true;
  const found = second.shard.get(KEY, ASK);
  await turns();
  clock.advance(500);
  await turns();
  tier.isHanging = false;
  await second.answer({ state: "missing" });
  assertEquals(await found, { state: "missing" });
  assertEquals(tier.entries.size, 0);
  for (const { shard } of [first, second]) shard.close();
});

Deno.test("CacheShard.set() leaves nothing older of the key in the second tier", async () => {
  const levels = { kind: "levels", instrument: "I" } as const;
  const never = { softTtlMs: 0, hardTtlMs: 0, staleIfErrorMs: 0 };
  for (const options of [{ dependsOn: [levels] }, { dependsOn: [CANDLES] }, { ttl: never }]) {
    const { tier, first } = pair({ isTouched: () => false });
    await first.fill(KEY, "old");
    await first.fill("other", 1);
    first.shard.set(KEY, "new", options);
    assertEquals([...tier.entries.keys()], ["other"]);
    first.shard.close();
  }
});

Deno.test("CacheShard.setMany() writes the second tier in one call", () => {
  const { tier, first } = pair();
  first.shard.setMany([{ key: "a", value: 1 }, { key: "b", value: { ts: new Float64Array(2) } }]);
  assertEquals([...tier.entries.keys()], ["a", "b"]);
  first.shard.close();
});

Deno.test("CacheShard serves stale from its own table before it asks anybody when loads fail", async () => {
  const { first, clock } = pair();
  await first.fill(KEY, 1);
  clock.advance(130_000);
  const found = first.shard.get(KEY, ASK);
  await turns();
  await first.answer(failed());
  assertEquals((await found).state, "stale");
  first.shard.close();
});

Deno.test("SteadyWall follows jumps forward, never goes back, and never falls behind the clock", () => {
  const clock = new VirtualClock(0, 1_000_000);
  let jumpMs = 0;
  const wall = new SteadyWall({ now: () => clock.now(), wallNow: () => clock.wallNow() + jumpMs });
  assertEquals(wall.now(), 1_000_000);
  jumpMs = 5_000;
  assertEquals(wall.now(), 1_005_000);
  jumpMs = -50_000;
  clock.advance(1_000);
  assertEquals(wall.now(), 1_006_000);
});

Deno.test("CacheShard never serves from the second tier past the hard TTL when the wall clock goes back", async () => {
  const { tier, guarded } = testTier();
  const clock = new VirtualClock(1_000);
  let jumpMs = 0;
  const jumping = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow() + jumpMs,
    setTimer: (delayMs: number, fire: () => void) => clock.setTimer(delayMs, fire),
  };
  const { shard, fill, calls, bring } = bench({ clock: jumping, secondTier: guarded });
  await fill(KEY, "old");
  shard.flush();
  jumpMs = -3_600_000;
  clock.advance(120_000);
  const found = shard.get(KEY, ASK);
  await turns();
  assertEquals(calls.length, 2);
  await bring("new");
  assertEquals(valueOf(await found), "new");
  assert(tier.entries.has(KEY));
  shard.close();
});

Deno.test("leftOf() gives nothing of what is past its end or comes from the future", () => {
  const entry = { loadedAtMs: 100_000, softAtMs: 160_000, hardAtMs: 220_000 } as TierEntry;
  assertEquals(leftOf(entry, 110_000), { ageMs: 10_000, softLeftMs: 50_000, hardLeftMs: 110_000 });
  assertEquals(leftOf(entry, 170_000), { ageMs: 70_000, softLeftMs: 0, hardLeftMs: 50_000 });
  assertEquals(leftOf(entry, 220_000), null);
  assertEquals(leftOf(entry, 100_000 - TIER_SKEW_MAX_MS), {
    ageMs: 0,
    softLeftMs: 60_000,
    hardLeftMs: 120_000,
  });
  assertEquals(leftOf(entry, 100_000 - TIER_SKEW_MAX_MS - 1), null);
  assertEquals(leftOf({ ...entry, hardAtMs: NaN }, 110_000), null);
});

Deno.test("shards with one wall serve nothing past its TTL, whatever the wall did before a restart", async () => {
  const { guarded } = testTier();
  const machine = new VirtualClock(1_000);
  let jumpMs = 3_600_000;
  const clock = {
    now: () => machine.now(),
    wallNow: () => machine.wallNow() + jumpMs,
    setTimer: (delayMs: number, fire: () => void) => machine.setTimer(delayMs, fire),
  };
  const wall = new SteadyWall(clock);
  const first = bench({ clock, wall, secondTier: guarded });
  await first.fill(KEY, "old");
  first.shard.close();
  jumpMs = 0;
  machine.advance(3_600_000 - 4_000);
  const second = bench({ clock, wall, secondTier: guarded });
  const found = second.shard.get(KEY, ASK);
  await turns();
  await second.bring("new");
  assertEquals(valueOf(await found), "new");
  second.shard.close();
});

Deno.test("CacheShard does not remember a refusal for want of room: who asks next may be let in", async () => {
  const one = bench();
  const refused = one.shard.get(KEY, { ...ASK, priority: 1 });
  await turns();
  await one.answer(failed("overload", 1_000));
  assertEquals((await refused).state, "failed");
  const asked = one.shard.get(KEY, { ...ASK, priority: 10 });
  await turns();
  await one.bring(1);
  assertEquals((await asked).state, "loaded");
  one.shard.close();
});
