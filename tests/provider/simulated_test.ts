import { VirtualClock } from "../../src/actor/clock.ts";
import { GRANULARITIES, granularityMs } from "../../src/market/granularity.ts";
import { ProviderError } from "../../src/provider/error.ts";
import type { ProviderAnswer } from "../../src/provider/port.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { type SimulatedOptions, simulatedPlan } from "../../src/provider/simulated_options.ts";
import { SimulatedUpstream } from "../../src/provider/simulated_upstream.ts";
import { SimulatedValues } from "../../src/provider/simulated_values.ts";
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DAY_MS, driven, ONE_DAY, requestOf, WEDNESDAY_MS } from "./support.ts";

const NO_LIMITS = { limits: [], transientRatio: 0 } as const;

function rigged(options: SimulatedOptions) {
  const clock = new VirtualClock(0, WEDNESDAY_MS);
  const provider = simulatedProvider(clock, options);
  const quote = (symbol: string) => driven(clock, provider.fetch(requestOf("quotes", [symbol])));
  return { clock, provider, quote };
}

function states(answer: ProviderAnswer): string {
  return answer.state === "failed"
    ? answer.failure.code
    : answer.results.map((r) => r.state).join();
}

Deno.test("the latency is lognormal with the median and p99 told, and adds up by key", () => {
  const upstream = new SimulatedUpstream(simulatedPlan({ ...NO_LIMITS, perKeyMs: 2 }), 0);
  const [endpoint] = simulatedPlan().endpoints;
  assert(endpoint !== undefined);
  const draw = (keys: number) =>
    Array.from({ length: 200_000 }, () => {
      const arrival = upstream.arrive(upstream.next(), endpoint, keys, 0);
      return arrival.state === "answered" ? arrival.afterMs : NaN;
    }).sort((a, b) => a - b);
  const single = draw(1);
  // Four standard errors of the quantiles of that many draws are 1 % and 2.4 %.
  assertAlmostEquals(single[100_000] ?? 0, 150, 1.5);
  assertAlmostEquals(single[198_000] ?? 0, 800, 20);
  assertAlmostEquals((draw(50)[100_000] ?? 0) - 98, 150, 1.5);
});

Deno.test("failures come by the ratio told, the same again with the same seed", async () => {
  const run = async (seed: number) => {
    const { quote } = rigged({ limits: [], transientRatio: 0.05, seed });
    const codes = [];
    for (let i = 0; i < 2_000; i++) codes.push(states(await quote("AAA")));
    return codes;
  };
  const first = await run(1);
  const share = first.filter((code) => code === "unavailable").length / first.length;
  assertAlmostEquals(share, 0.05, 0.02);
  assertEquals(await run(1), first);
  assert((await run(2)).join() !== first.join());
});

Deno.test("single keys of a call fail by their own ratio", async () => {
  const { clock, provider } = rigged({ ...NO_LIMITS, keyTransientRatio: 0.2 });
  const symbols = Array.from({ length: 500 }, (_, i) => `S${i}`);
  const answer = await driven(clock, provider.fetch(requestOf("prices", symbols, ONE_DAY)));
  assert(answer.state === "answered");
  const bad = answer.results.filter((result) => result.state === "error");
  assertAlmostEquals(bad.length / symbols.length, 0.2, 0.08);
  assert(bad.every((result) => result.failure.class === "transient"));
});

Deno.test("the limit is strict: no window holds more, whatever the spacing", async () => {
  const { clock, provider } = rigged({
    limits: [{ max: 10, windowMs: 1_000 }],
    transientRatio: 0,
    transitMsMax: 50,
  });
  const calls: Promise<ProviderAnswer>[] = [];
  for (let i = 0; i < 500; i++) {
    calls.push(provider.fetch(requestOf("quotes", ["AAA"])));
    clock.advance((i * 37) % 130);
    await Promise.resolve();
  }
  const answers = await driven(clock, Promise.all(calls));
  const limited = answers.filter((answer) => states(answer) === "rate").length;
  const { windowPeak, calls: arrived, answered } = provider.stats();
  assertEquals([arrived, limited, windowPeak], [500, 500 - answered, 10]);
  assert(limited > 50);
});

Deno.test("whoever waits as told is let in", async () => {
  const { clock, quote } = rigged({ limits: [{ max: 3, windowMs: 60_000 }], transientRatio: 0 });
  for (let i = 0; i < 3; i++) assertEquals(states(await quote("AAA")), "ok");
  const refused = await quote("AAA");
  assert(refused.state === "failed");
  clock.advance((refused.failure.retryAfterMs ?? 0) - 20);
  assertEquals(states(await quote("AAA")), "ok");
});

Deno.test("in an outage it refuses or hangs, and then goes on", async () => {
  const { clock, provider, quote } = rigged({
    ...NO_LIMITS,
    timeoutMs: 1_000,
    outages: [
      { fromMs: 10_000, toMs: 20_000, kind: "refuse" },
      { fromMs: 30_000, toMs: 40_000, kind: "hang" },
    ],
  });
  assertEquals(states(await quote("AAA")), "ok");
  clock.advance(10_000);
  assertEquals(states(await quote("AAA")), "unavailable");
  clock.advance(20_000);
  assertEquals(states(await quote("AAA")), "timeout");
  clock.advance(10_000);
  assertEquals(states(await quote("AAA")), "ok");
  const { calls, answered, failed } = provider.stats();
  assertEquals([calls, answered, failed], [4, 2, 2]);
});

Deno.test("a poison symbol fails alone, or its whole call if told so", async () => {
  const poison = { BBB: "permanent", CCC: "transient" } as const;
  const alone = rigged({ ...NO_LIMITS, poison });
  const symbols = ["AAA", "BBB", "CCC"];
  const ask = ({ clock, provider }: typeof alone, symbols: readonly string[]) =>
    driven(clock, provider.fetch(requestOf("prices", symbols, ONE_DAY)));
  assertEquals(states(await ask(alone, symbols)), "ok,error,error");
  const whole = rigged({ ...NO_LIMITS, poison, poisonFailsCall: true });
  assertEquals(states(await ask(whole, symbols)), "refused");
  assertEquals(states(await ask(whole, ["AAA", "CCC"])), "unavailable");
  assertEquals(states(await ask(whole, ["AAA"])), "ok");
  assertEquals(whole.provider.stats().failed, 2);
});

Deno.test("what was aborted on its way, or timed out, counts at the far end", async () => {
  const { clock, provider } = rigged({ ...NO_LIMITS, transitMsMax: 100 });
  const controller = new AbortController();
  const call = provider.fetch(requestOf("quotes", ["AAA"], { signal: controller.signal }));
  const rejected = assertRejects(() => call, Error);
  controller.abort(new Error("enough"));
  await rejected;
  assertEquals(provider.stats().calls, 1);
  clock.advance(10_000);
  assertEquals(provider.stats().calls, 1);
  assertEquals(clock.nextTimerAt(), Infinity);
});

Deno.test("the same bar has the same price whenever and with whatever it is asked", () => {
  const whole = new SimulatedValues(simulatedPlan());
  const parts = new SimulatedValues(simulatedPlan());
  // In the session of New York too.
  const midMs = WEDNESDAY_MS + DAY_MS * 3 / 4;
  for (const granularity of GRANULARITIES) {
    const bars = 40 * granularityMs(granularity);
    const query = {
      kind: "prices",
      fromMs: midMs - bars,
      toMs: midMs + bars,
      granularity,
    } as const;
    for (const symbol of ["AAA", "EUR_USD", "BTC_USD"]) {
      const result = whole.result(symbol, query);
      // The later half first, and another symbol between.
      const later = parts.result(symbol, { ...query, fromMs: midMs });
      parts.result("OTHER", query);
      const earlier = parts.result(symbol, { ...query, toMs: midMs });
      assert(result.state === "ok", `${symbol} ${granularity}`);
      const rows = [earlier, later].flatMap((part) =>
        part.state === "ok" ? Array.from(part.value.candles.close) : []
      );
      assertEquals(rows, Array.from(result.value.candles.close));
    }
  }
});

Deno.test("bars of all lengths agree on open and close", () => {
  const values = new SimulatedValues(simulatedPlan());
  const ask = (granularity: "H1" | "D" | "M5") => {
    const query = { kind: "prices", ...ONE_DAY, granularity } as const;
    const result = values.result("EUR_USD", query);
    assert(result.state === "ok");
    const { open, close, length } = result.value.candles;
    return [length, open[0], close[length - 1]];
  };
  const [, open, close] = ask("D");
  assertEquals(ask("H1"), [24, open, close]);
  assertEquals(ask("M5"), [288, open, close]);
});

Deno.test("dividends of a time are those of a longer time within it", () => {
  const values = new SimulatedValues(simulatedPlan({ payers: ["AAA"] }));
  const ask = (fromMs: number, toMs: number, symbol = "AAA") => {
    const result = values.result(symbol, { kind: "dividends", fromMs, toMs, granularity: "D" });
    assert(result.state === "ok");
    return result.value;
  };
  const all = ask(WEDNESDAY_MS - 3_650 * DAY_MS, WEDNESDAY_MS);
  assertEquals(all.length, 40);
  const fromMs = WEDNESDAY_MS - 500 * DAY_MS;
  assertEquals(ask(fromMs, WEDNESDAY_MS), all.filter(({ exMs }) => exMs >= fromMs));
  assertEquals(ask(0, WEDNESDAY_MS, "BBB"), []);
});

Deno.test("more bars than an answer may hold are an error of their symbol", () => {
  const query = { kind: "prices", fromMs: 0, toMs: WEDNESDAY_MS, granularity: "M1" } as const;
  const result = new SimulatedValues(simulatedPlan()).result("AAA", query);
  assert(result.state === "error");
  assertEquals(result.failure.code, "too_large");
});

Deno.test("simulatedPlan() refuses what cannot work", () => {
  const bad: SimulatedOptions[] = [
    { seed: -1 },
    { seed: 1.5 },
    { medianMs: 0 },
    { medianMs: 100, p99Ms: 50 },
    { transientRatio: 1.1 },
    { transientRatio: NaN },
    { limits: [{ max: 0, windowMs: 1 }] },
    { symbolsMax: { prices: 0 } },
    { symbolsMax: { elsewhere: 5 } },
    { outages: [{ fromMs: 5, toMs: 5, kind: "hang" }] },
    { timeoutMs: 0 },
  ];
  for (const options of bad) {
    const error = assertThrows(() => simulatedPlan(options), ProviderError);
    assertEquals(error.code, "options", JSON.stringify(options));
  }
});
