/**
 * What every provider promises (`src/provider/port.ts`), as tests that each of them runs.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertRejects } from "@std/assert";
import { candleReason } from "../../src/market/candle.ts";
import { failureSchema, ProviderError } from "../../src/provider/error.ts";
import type { DataProvider, ProviderAnswer, ProviderRequest } from "../../src/provider/port.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";
import type { UpstreamStats } from "../../src/provider/simulated_upstream.ts";
import { PROVIDER_KINDS, type ProviderKind, VALUE_SCHEMAS } from "../../src/provider/values.ts";
import { CALM, ONE_DAY, requestOf, WEDNESDAY_MS } from "./support.ts";

/** A provider with a far end that can be told what to do. */
export interface ProviderRig extends AsyncDisposable {
  readonly provider: DataProvider;
  /** Waits for a promise while the provider's time runs. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  /** What the far end counted. */
  readonly stats: () => UpstreamStats;
}

/** A provider to be tested. */
export interface ProviderCase {
  readonly name: string;
  /** A new one; its far end is as told and has no chance failures unless told. */
  readonly create: (options?: SimulatedOptions) => Promise<ProviderRig>;
  /** Its key, which no text may hold; null for none. */
  readonly secret: string | null;
}

/** Kinds that some endpoint gives for several symbols at once. */
const BATCHED = ["prices", "quotes"] as const;

const SYMBOLS = ["AAA", "BBB", "CCC", "DDD"];

function answered<K extends ProviderKind>(answer: ProviderAnswer<K>) {
  assert(answer.state === "answered", JSON.stringify(answer));
  return answer.results;
}

function failed(answer: ProviderAnswer) {
  assert(answer.state === "failed", JSON.stringify(answer));
  failureSchema.parse(answer.failure);
  return answer.failure;
}

/** Registers the tests of one provider. */
export function testProvider(of: ProviderCase): void {
  testValues(of);
  testBatches(of);
  testFailures(of);
  testEnding(of);
  testRequests(of);
}

function testValues({ name, create }: ProviderCase): void {
  for (const kind of PROVIDER_KINDS) {
    Deno.test(`${name}: fetch() answers ${kind} by their schema, always the same`, async () => {
      await using rig = await create();
      const ask = () => rig.settle(rig.provider.fetch(requestOf(kind, ["AAA"])));
      const [first] = answered(await ask());
      assert(first?.state === "ok", JSON.stringify(first));
      VALUE_SCHEMAS[kind].parse(first.value);
      assertEquals(answered(await ask()), [first]);
    });
  }

  Deno.test(`${name}: fetch() answers candles by rule R2, in order, in time`, async () => {
    await using rig = await create();
    const request = requestOf("prices", ["AAA"]);
    const [result] = answered(await rig.settle(rig.provider.fetch(request)));
    assert(result?.state === "ok");
    const { candles } = result.value;
    assertEquals(candles.series, "AAA:D");
    assertGreater(candles.length, 15);
    let beforeMs = request.fromMs - 1;
    for (let i = 0; i < candles.length; i++) {
      const [ts, open, high, low, close, volume] = [
        candles.ts,
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
      ].map((column) => column[i] as number) as [number, number, number, number, number, number];
      assertGreater(ts, beforeMs);
      beforeMs = ts;
      assertEquals(candleReason(ts, open, high, low, close, volume), 0);
    }
    assertLessOrEqual(beforeMs, request.toMs - 1);
  });

  Deno.test(`${name}: fetch() of a part of the time is the part of the whole`, async () => {
    await using rig = await create();
    const ask = async (more: Partial<ProviderRequest<"prices">>) => {
      const request = requestOf("prices", ["AAA"], more);
      const [result] = answered(await rig.settle(rig.provider.fetch(request)));
      assert(result?.state === "ok");
      return Array.from(result.value.candles.ts, (ts, i) => [ts, result.value.candles.close[i]]);
    };
    const { fromMs, toMs } = requestOf("prices", ["AAA"]);
    const later = await ask({ fromMs: WEDNESDAY_MS - 5 * 86_400_000 });
    const earlier = await ask({ toMs: WEDNESDAY_MS - 5 * 86_400_000 });
    assertEquals([...earlier, ...later], await ask({ fromMs, toMs }));
  });

  Deno.test(`${name}: fetch() answers nothing for a symbol that is not known`, async () => {
    await using rig = await create({ unknown: ["ZZZ"] });
    for (const kind of PROVIDER_KINDS) {
      const results = answered(await rig.settle(rig.provider.fetch(requestOf(kind, ["ZZZ"]))));
      assertEquals(results, [{ state: "missing" }], kind);
    }
  });

  Deno.test(`${name}: fetch() hands values over: the next answer does not share them`, async () => {
    await using rig = await create();
    const ask = async () => {
      const request = requestOf("prices", ["AAA"]);
      const [result] = answered(await rig.settle(rig.provider.fetch(request)));
      assert(result?.state === "ok");
      return result.value.candles;
    };
    const before = (await ask()).close.slice();
    (await ask()).close.fill(0);
    assertEquals((await ask()).close, before);
  });
}

function testBatches({ name, create }: ProviderCase): void {
  for (const kind of BATCHED) {
    Deno.test(`${name}: fetch() of several ${kind} equals fetching each`, async () => {
      await using rig = await create({ unknown: ["BBB"] });
      const ask = async (symbols: readonly string[]) =>
        answered(await rig.settle(rig.provider.fetch(requestOf(kind, symbols, ONE_DAY))));
      const together = await ask(SYMBOLS);
      assertEquals(together.map(({ state }) => state), ["ok", "missing", "ok", "ok"]);
      const apart = [];
      for (const symbol of SYMBOLS) apart.push(...await ask([symbol]));
      assertEquals(together, apart);
      assertEquals(await ask(SYMBOLS.toReversed()), together.toReversed());
      assertEquals(rig.stats().calls, 2 + SYMBOLS.length);
      assertEquals(rig.stats().keys, 3 * SYMBOLS.length);
    });
  }

  Deno.test(`${name}: one bad symbol does not fail the others of its call`, async () => {
    await using rig = await create({ poison: { CCC: "permanent" } });
    const request = requestOf("prices", SYMBOLS, ONE_DAY);
    const results = answered(await rig.settle(rig.provider.fetch(request)));
    assertEquals(results.map(({ state }) => state), ["ok", "ok", "error", "ok"]);
    const [, , bad] = results;
    assert(bad?.state === "error");
    assertEquals(failureSchema.parse(bad.failure).class, "permanent");
  });

  Deno.test(`${name}: fetch() tells the facts, and the far end counts the same`, async () => {
    await using rig = await create();
    const request = requestOf("prices", SYMBOLS, ONE_DAY);
    const { facts } = await rig.settle(rig.provider.fetch(request));
    const endpoint = rig.provider.capabilities.endpoints.find((one) => one.name === facts.endpoint);
    assert(endpoint !== undefined);
    assertEquals(facts.keys, SYMBOLS.length);
    assertEquals(facts.cost, endpoint.costPerCall + SYMBOLS.length * endpoint.costPerKey);
    assertEquals(facts.status, 200);
    assertGreater(facts.tookMs, 0);
    const { calls, keys, cost, byEndpoint } = rig.stats();
    assertEquals([calls, keys, cost], [1, facts.keys, facts.cost]);
    assertEquals(Object.keys(byEndpoint), [facts.endpoint]);
  });
}

function testFailures({ name, create, secret }: ProviderCase): void {
  Deno.test(`${name}: a call beyond the limit is told the wait, and raw headers`, async () => {
    await using rig = await create({ limits: [{ max: 2, windowMs: 60_000 }] });
    const ask = () => rig.settle(rig.provider.fetch(requestOf("quotes", ["AAA"])));
    const first = await ask();
    assertEquals(first.facts.limitHeaders["x-ratelimit-limit"], "2");
    answered(await ask());
    const refused = await ask();
    const { class: kind, code, retryAfterMs } = failed(refused);
    assertEquals([kind, code, refused.facts.status], ["limited", "rate", 429]);
    assertGreater(retryAfterMs ?? 0, 50_000);
    assertLessOrEqual(retryAfterMs ?? 0, 60_000);
    assertEquals(refused.facts.limitHeaders["retry-after"], "60");
    assertEquals(rig.stats().limited, 1);
  });

  Deno.test(`${name}: a call that fails by chance is transient`, async () => {
    await using rig = await create({ transientRatio: 1 });
    const answer = await rig.settle(rig.provider.fetch(requestOf("quotes", ["AAA"])));
    assertEquals([failed(answer).class, answer.facts.status], ["transient", 503]);
    assertEquals(rig.stats().failed, 1);
  });

  Deno.test(`${name}: a call beyond its deadline is transient, and ends in time`, async () => {
    await using rig = await create({ medianMs: 2_000, p99Ms: 2_000 });
    const request = requestOf("quotes", ["AAA"], { timeoutMs: 50 });
    const answer = await rig.settle(rig.provider.fetch(request));
    assertEquals([failed(answer).code, failed(answer).class], ["timeout", "transient"]);
    assertEquals(answer.facts.status, null);
    assertGreater(answer.facts.tookMs, 45);
    assertLessOrEqual(answer.facts.tookMs, 1_000);
  });

  Deno.test(`${name}: no text of a failure or a detail holds the key`, async () => {
    const texts: string[] = [];
    for (
      const options of [
        { transientRatio: 1 },
        { limits: [{ max: 1, windowMs: 60_000 }] },
        { medianMs: 2_000, p99Ms: 2_000, timeoutMs: 50 },
        { poison: { AAA: "permanent" } },
      ] satisfies SimulatedOptions[]
    ) {
      await using rig = await create(options);
      for (let i = 0; i < 2; i++) {
        const request = requestOf("prices", ["AAA"], { timeoutMs: 50, ...ONE_DAY });
        texts.push(JSON.stringify(await rig.settle(rig.provider.fetch(request))));
      }
      texts.push(JSON.stringify(rig.provider.detail()), JSON.stringify(rig.provider.capabilities));
      const bad = requestOf("prices", []);
      texts.push(String(await rig.provider.fetch(bad).catch((error) => error.stack)));
    }
    if (secret !== null) assertEquals(texts.filter((text) => text.includes(secret)), []);
    const failures = texts.filter((text) => /"failed"|"error"/.test(text));
    assertGreater(failures.length, 4);
  });
}

function testEnding({ name, create }: ProviderCase): void {
  Deno.test(`${name}: fetch() with an aborted signal rejects and calls nobody`, async () => {
    await using rig = await create();
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(
      () => rig.provider.fetch(requestOf("quotes", ["AAA"], { signal })),
      Error,
      "enough",
    );
    assertEquals(rig.stats().calls, 0);
  });

  Deno.test(`${name}: fetch() rejects when its signal aborts, others go on`, async () => {
    await using rig = await create({ medianMs: 100, p99Ms: 100 });
    const controller = new AbortController();
    const { signal } = controller;
    const ended = rig.provider.fetch(requestOf("quotes", ["AAA"], { signal }));
    const other = rig.provider.fetch(requestOf("quotes", ["BBB"]));
    // Observed at once, so that a rejection is never unhandled.
    const rejected = assertRejects(() => ended, Error, "enough");
    controller.abort(new Error("enough"));
    await rejected;
    assertEquals(answered(await rig.settle(other))[0]?.state, "ok");
  });

  Deno.test(`${name}: close() ends calls under way, and is idempotent`, async () => {
    await using rig = await create({ medianMs: 2_000, p99Ms: 2_000 });
    const call = rig.provider.fetch(requestOf("quotes", ["AAA"]));
    const rejected = assertRejects(() => call, Error, "closed");
    await rig.provider.close();
    await rejected;
    await rig.provider.close();
    assertEquals(rig.provider.detail()["underWay"], 0);
  });
}

function testRequests({ name, create }: ProviderCase): void {
  Deno.test(`${name}: fetch() refuses what no endpoint takes, and calls nobody`, async () => {
    await using rig = await create();
    const most = Math.max(...rig.provider.capabilities.endpoints.map((one) => one.symbolsMax));
    const many = Array.from({ length: most + 1 }, (_, i) => `S${i}`);
    const requests: ProviderRequest[] = [
      requestOf("prices", []),
      requestOf("prices", ["AAA", "AAA"]),
      requestOf("prices", ["../etc/passwd"]),
      requestOf("prices", ["AAA?api_token=x"]),
      requestOf("prices", ["AAA"], { fromMs: 1, toMs: 1 }),
      requestOf("prices", ["AAA"], { fromMs: NaN }),
      requestOf("prices", ["AAA"], { endpoint: "elsewhere" }),
      requestOf("prices", ["AAA"], { timeoutMs: 0 }),
      requestOf("prices", many, ONE_DAY),
      requestOf("quotes", many),
      { ...requestOf("prices", ["AAA"]), kind: "__proto__" as ProviderKind },
    ];
    for (const request of requests) {
      const error = await assertRejects(() => rig.provider.fetch(request), ProviderError);
      assertEquals(error.code, "request", error.message);
    }
    assertEquals(rig.stats().calls, 0);
  });

  Deno.test(`${name}: capabilities name every kind, with bounds and a limit`, async () => {
    await using rig = await create();
    const { endpoints, limits } = rig.provider.capabilities;
    assertEquals(new Set(endpoints.map(({ kind }) => kind)), new Set(PROVIDER_KINDS));
    assertEquals(new Set(endpoints.map((one) => one.name)).size, endpoints.length);
    assert(endpoints.every(({ symbolsMax }) => symbolsMax >= 1));
    assert(limits.every(({ max, windowMs }) => max >= 1 && windowMs > 0) && limits.length > 0);
    assertEquals(CALM.aborted, false);
  });
}
