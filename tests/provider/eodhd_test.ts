/**
 * The mapping against answers as EODHD's own OpenAPI description shows them, word by word.
 *
 * @module
 */

import { systemClock } from "../../src/actor/clock.ts";
import { eodhdMapping } from "../../src/provider/eodhd.ts";
import { httpProvider } from "../../src/provider/http.ts";
import type { ProviderRequest } from "../../src/provider/port.ts";
import type { ProviderKind } from "../../src/provider/values.ts";
import { assert, assertEquals } from "@std/assert";
import { DAY_MS, requestOf } from "./support.ts";

/** Asks a provider whose far end answers with `body`; the result and the URL that was called. */
async function asked<K extends ProviderKind>(request: ProviderRequest<K>, body: unknown) {
  const urls: string[] = [];
  await using provider = httpProvider(systemClock, {
    name: "eodhd",
    mapping: eodhdMapping(),
    key: "demo",
    fetch: (url) => {
      urls.push(url.href);
      return Promise.resolve(Response.json(body));
    },
  });
  const answer = await provider.fetch(request);
  return { answer, url: urls.join() };
}

async function resultsOf<K extends ProviderKind>(request: ProviderRequest<K>, body: unknown) {
  const { answer, url } = await asked(request, body);
  assert(answer.state === "answered", JSON.stringify(answer));
  return { results: answer.results, url };
}

const JAN_2024 = { fromMs: Date.UTC(2024, 0, 1), toMs: Date.UTC(2025, 0, 1) };

const NOV_5 = { fromMs: Date.UTC(2024, 10, 5), toMs: Date.UTC(2024, 10, 6) };

const AAPL_ROWS = [
  {
    date: "2024-01-02",
    open: 187.15,
    high: 188.44,
    low: 183.89,
    close: 185.64,
    adjusted_close: 185.64,
    volume: 82488300,
  },
  {
    date: "2024-01-03",
    open: 184.22,
    high: 185.88,
    low: 183.43,
    close: 184.25,
    adjusted_close: 184.25,
    volume: 58414400,
  },
];

Deno.test("eodhd: end-of-day prices", async () => {
  const { results: [result], url } = await resultsOf(
    requestOf("prices", ["AAPL"], JAN_2024),
    AAPL_ROWS,
  );
  assertEquals(
    url,
    "https://eodhd.com/api/eod/AAPL.US?from=2024-01-01&to=2024-12-31&period=d&order=a&fmt=json" +
      "&api_token=demo",
  );
  assert(result?.state === "ok");
  const { candles, rejected } = result.value;
  assertEquals([candles.series, rejected], ["AAPL:D", 0]);
  assertEquals(Array.from(candles.ts), [Date.UTC(2024, 0, 2), Date.UTC(2024, 0, 3)]);
  assertEquals(Array.from(candles.open), [187.15, 184.22]);
  assertEquals(Array.from(candles.high), [188.44, 185.88]);
  assertEquals(Array.from(candles.low), [183.89, 183.43]);
  assertEquals(Array.from(candles.close), [185.64, 184.25]);
  assertEquals(Array.from(candles.volume), [82488300, 58414400]);
});

Deno.test("eodhd: weeks are by their Monday", async () => {
  const request = requestOf("prices", ["AAPL"], { ...JAN_2024, granularity: "W" });
  const { results: [result], url } = await resultsOf(request, AAPL_ROWS.slice(1));
  assert(url.includes("period=w"));
  assert(result?.state === "ok");
  assertEquals(Array.from(result.value.candles.ts), [Date.UTC(2024, 0, 1)]);
});

Deno.test("eodhd: intraday prices", async () => {
  const request = requestOf("prices", ["AAPL"], {
    fromMs: 1_704_067_200_000,
    toMs: 1_704_153_601_000,
    granularity: "M5",
  });
  const { results: [result], url } = await resultsOf(request, [{
    timestamp: 1_704_067_500,
    gmtoffset: 0,
    datetime: "2024-01-01 00:05:00",
    open: 1,
    high: 2,
    low: 0.5,
    close: 1.5,
    volume: null,
  }, {
    timestamp: 1_704_067_800,
    gmtoffset: 0,
    datetime: "2024-01-01 00:10:00",
    open: 1,
    high: 2,
    low: 0.5,
    close: 1.5,
    volume: 7,
  }]);
  assert(url.includes("/intraday/AAPL.US?interval=5m&from=1704067200&to=1704153600&fmt=json"));
  assert(result?.state === "ok");
  // A volume that is not known makes no candle.
  assertEquals([result.value.candles.length, result.value.rejected], [1, 1]);
});

Deno.test("eodhd: bulk prices of one day and exchange", async () => {
  const row = {
    code: "MSFT",
    exchange_short_name: "US",
    date: "2024-11-05",
    open: 408.33,
    high: 414.9,
    low: 408.08,
    close: 411.46,
    adjusted_close: 411.46,
    volume: 17429735,
  };
  const request = requestOf("prices", ["MSFT", "NONE", "BAD", "HIGH"], NOV_5);
  const body = [row, { code: "BAD", date: "yesterday" }, { ...row, code: "HIGH", high: 1 }, null, {
    ...row,
    code: "OTHER",
  }];
  const { results, url } = await resultsOf(request, body);
  assert(url.includes(
    "/eod-bulk-last-day/US?symbols=MSFT,NONE,BAD,HIGH&date=2024-11-05&fmt=json",
  ));
  assertEquals(results.map(({ state }) => state), ["ok", "missing", "error", "ok"]);
  const [first, , bad, high] = results;
  assert(first?.state === "ok" && bad?.state === "error" && high?.state === "ok");
  assertEquals([first.value.candles.ts[0], first.value.candles.close[0]], [NOV_5.fromMs, 411.46]);
  assertEquals(bad.failure.code, "shape");
  assertEquals([high.value.candles.length, high.value.rejected], [0, 1]);
});

Deno.test("eodhd: bulk calls are by exchange, whose symbols do not mix", async () => {
  const mapping = eodhdMapping();
  await using provider = httpProvider(systemClock, { name: "eodhd", mapping, key: null });
  const bulk = provider.capabilities.endpoints.find(({ name }) => name === "eod_bulk");
  assert(bulk !== undefined);
  const groups = ["AAPL", "BMW.XETRA", "EUR_USD"].map((symbol) => provider.groupOf(bulk, symbol));
  assertEquals(groups, ["US", "XETRA", "FOREX"]);
});

Deno.test("eodhd: a quote, and several", async () => {
  const aapl = {
    code: "AAPL.US",
    timestamp: 1729888080,
    gmtoffset: 0,
    open: 229.74,
    high: 233.22,
    low: 229.57,
    close: 231.41,
    volume: 37931706,
    previousClose: 230.57,
    change: 0.84,
    change_p: 0.3643,
  };
  const eur = {
    code: "EURUSD.FOREX",
    timestamp: 1729891800,
    gmtoffset: 0,
    open: 0.9232,
    high: 0.9263,
    low: 0.9223,
    close: 0.9257,
    volume: 0,
    previousClose: 0.9262,
    change: -0.0005,
    change_p: -0.054,
  };
  const none = { code: "VTI.US", timestamp: "NA", open: "NA", close: "NA", volume: "NA" };
  const expected = {
    atMs: 1729888080_000,
    price: 231.41,
    open: 229.74,
    high: 233.22,
    low: 229.57,
    previousClose: 230.57,
    volume: 37931706,
  };
  const single = await resultsOf(requestOf("quotes", ["AAPL"]), aapl);
  assertEquals(single.results, [{ state: "ok", value: expected }]);
  assertEquals(
    single.url,
    "https://eodhd.com/api/real-time/AAPL.US?fmt=json&api_token=demo",
  );
  const several = await resultsOf(
    requestOf("quotes", ["AAPL", "VTI", "EUR_USD"]),
    [eur, none, aapl],
  );
  assert(several.url.includes("/real-time/AAPL.US?s=VTI.US,EURUSD.FOREX&fmt=json"));
  assertEquals(several.results.map(({ state }) => state), ["ok", "missing", "ok"]);
  assertEquals(several.results[0], { state: "ok", value: expected });
});

Deno.test("eodhd: dividends", async () => {
  const request = requestOf("dividends", ["AAPL"], { fromMs: 0, toMs: Date.UTC(2025, 2, 1) });
  const { results, url } = await resultsOf(request, [{
    date: "2025-02-10",
    declarationDate: "2025-01-30",
    recordDate: "2025-02-10",
    paymentDate: "2025-02-13",
    period: "Quarterly",
    value: 0.25,
    unadjustedValue: 0.25,
    currency: "USD",
  }, { date: "1990-02-16", value: 0.00098, unadjustedValue: 0.11, currency: "USD" }]);
  assert(url.includes("/div/AAPL.US?from=1970-01-01&to=2025-02-28&fmt=json"));
  const older = { declaredMs: null, recordMs: null, paidMs: null, period: null, currency: "USD" };
  assertEquals(results, [{
    state: "ok",
    value: [
      { exMs: Date.UTC(1990, 1, 16), value: 0.00098, unadjusted: 0.11, ...older },
      {
        exMs: Date.UTC(2025, 1, 10),
        value: 0.25,
        unadjusted: 0.25,
        currency: "USD",
        declaredMs: Date.UTC(2025, 0, 30),
        recordMs: Date.UTC(2025, 1, 10),
        paidMs: Date.UTC(2025, 1, 13),
        period: "Quarterly",
      },
    ],
  }]);
});

Deno.test("eodhd: a profile, as the section itself and in an object", async () => {
  const section = {
    Code: "AAPL",
    Type: "Common Stock",
    Name: "Apple Inc",
    Exchange: "NASDAQ",
    CurrencyCode: "USD",
    CountryName: "USA",
    ISIN: "US0378331005",
    Sector: "Technology",
    Industry: "Consumer Electronics",
    FullTimeEmployees: 164000,
    Officers: { 0: { Name: "someone" } },
  };
  const expected = {
    name: "Apple Inc",
    type: "Common Stock",
    exchange: "NASDAQ",
    country: "USA",
    currency: "USD",
    sector: "Technology",
    industry: "Consumer Electronics",
    isin: "US0378331005",
    employees: 164000,
  };
  for (const body of [section, { General: section }]) {
    const { results } = await resultsOf(requestOf("profiles", ["AAPL"]), body);
    assertEquals(results, [{ state: "ok", value: expected }]);
  }
  const { results } = await resultsOf(requestOf("profiles", ["AAPL"]), {});
  assertEquals(results, [{ state: "missing" }]);
});

Deno.test("eodhd: fundamentals, with figures as numbers, texts or none", async () => {
  const { results } = await resultsOf(requestOf("fundamentals", ["AAPL"]), {
    Highlights: {
      MarketCapitalization: 3_500_000_000_000,
      EBITDA: "134660997120",
      PERatio: null,
      DividendYield: 0.0044,
      MostRecentQuarter: "2024-09-30",
      EarningsShare: "NA",
    },
    Technicals: { Beta: 1.24, "52WeekHigh": 237.49 },
  });
  assertEquals(results, [{
    state: "ok",
    value: {
      marketCap: 3_500_000_000_000,
      peRatio: null,
      earningsPerShare: null,
      bookValuePerShare: null,
      dividendYieldRatio: 0.0044,
      profitMarginRatio: null,
      revenue: null,
      ebitda: 134_660_997_120,
      sharesOutstanding: null,
      beta: 1.24,
      asOfMs: Date.UTC(2024, 8, 30),
    },
  }]);
});

Deno.test("eodhd: news, newest first", async () => {
  const dayMs = Date.UTC(2024, 5, 5);
  const request = requestOf("news", ["AAPL"], { fromMs: dayMs, toMs: dayMs + DAY_MS });
  const { results: [result], url } = await resultsOf(request, [
    {
      date: "2024-06-05T20:33:57+00:00",
      title: "The 2030's Millionaire Club: 3 Hyper-Growth Stocks to Buy Now",
      content: "Hyper-growth stocks offer excitement...".padEnd(5_000, "."),
      link: "javascript:alert(1)",
      symbols: ["AAPL.US", "NVDA.US", "PLTR.US"],
      tags: null,
      sentiment: { polarity: 1, neg: 0.018, neu: 0.781, pos: 0.202 },
    },
    {
      date: "2024-06-05T22:35:00+02:00",
      title: "Usher and Apple CEO Tim Cook had a meeting...",
      content: "Usher has some suggestions for Apple CEO Tim Cook...",
      link: "https://finance.yahoo.com/news/usher-apple-ceo-tim-cook-203500033.html",
      symbols: ["AAPL.US"],
      tags: ["APPLE"],
      sentiment: null,
    },
  ]);
  assert(url.includes("/news?s=AAPL.US&from=2024-06-05&to=2024-06-05&limit=1000&offset=0"));
  assert(result?.state === "ok");
  const [first, second] = result.value;
  assertEquals(first, {
    atMs: Date.parse("2024-06-05T20:35:00Z"),
    title: "Usher and Apple CEO Tim Cook had a meeting...",
    extract: "Usher has some suggestions for Apple CEO Tim Cook...",
    url: "https://finance.yahoo.com/news/usher-apple-ceo-tim-cook-203500033.html",
    symbols: ["AAPL.US"],
    tags: ["APPLE"],
    sentiment: null,
  });
  assertEquals([second?.url, second?.extract.length, second?.sentiment], [null, 1_000, 1]);
});

Deno.test("eodhd: what is not of the documented shape is told by its place only", async () => {
  const secret = "what the provider wrote";
  const bodies: [ProviderKind, unknown][] = [
    ["prices", { error: secret }],
    ["prices", [{ date: secret }]],
    ["prices", [{ ...AAPL_ROWS[0], close: secret }]],
    ["quotes", secret],
    ["dividends", [{ date: "2024-01-01", value: -1, currency: secret }]],
    ["profiles", [secret]],
    ["fundamentals", { General: secret }],
    ["news", [{ date: secret }]],
    ["news", null],
  ];
  for (const [kind, body] of bodies) {
    const { answer } = await asked(requestOf(kind, ["AAPL"]), body);
    assert(answer.state === "failed", kind);
    assertEquals([answer.failure.class, answer.failure.code], ["permanent", "shape"]);
    assertEquals(answer.failure.message.includes(secret), false);
  }
});

Deno.test("eodhd: costs are as documented", () => {
  const { endpoints } = eodhdMapping();
  const costs = Object.fromEntries(
    endpoints.map(({ name, costPerCall, costPerKey }) => [name, costPerCall + 10 * costPerKey]),
  );
  assertEquals(costs, {
    eod: 1,
    eod_bulk: 110,
    intraday_1m: 5,
    intraday_5m: 5,
    intraday_1h: 5,
    real_time: 10,
    div: 1,
    fundamentals_general: 10,
    fundamentals: 10,
    news: 5,
  });
});
