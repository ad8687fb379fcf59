import { assertEquals, assertNotEquals } from "@std/assert";
import type { SymbolFacts } from "../../src/batch/filter_rules.ts";
import {
  jobHash,
  type JobPlan,
  planJob,
  plannedItems,
  plannedRange,
} from "../../src/batch/job_plan.ts";
import { jobSettings, type JobSpec } from "../../src/batch/job_spec.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 2, 3, 8, 30);
const MIDNIGHT_MS = Date.UTC(2026, 2, 3);

const SPEC: JobSpec = {
  name: "night",
  symbols: ["A", "B", "C", "D"],
  kinds: ["profiles", "dividends", "prices"],
  provider: "simulated",
};

function plan(
  spec: Partial<JobSpec> = {},
  known: ReadonlyMap<string, SymbolFacts> = new Map(),
  groupOf?: (kind: string, symbol: string) => string,
): JobPlan {
  const settings = jobSettings({ ...SPEC, ...spec });
  return planJob(settings, "run-1", known, {
    batch: { endpoint: "eod_batch", symbolsMax: 3 },
    ...(groupOf === undefined ? {} : { groupOf }),
  }, NOW_MS);
}

Deno.test("planJob() numbers items kind by kind, prices first, whatever order the job names", () => {
  const { kinds, ...rest } = plan();
  assertEquals(kinds, [
    { kind: "prices", group: "", first: 0, symbols: SPEC.symbols },
    { kind: "dividends", group: "", first: 4, symbols: SPEC.symbols },
    { kind: "profiles", group: "", first: 8, symbols: SPEC.symbols },
  ]);
  assertEquals(plannedItems({ kinds, ...rest }), 12);
});

Deno.test("planJob() takes the last whole day in UTC unless the job says otherwise", () => {
  const { fromMs, toMs } = plan();
  assertEquals([fromMs, toMs], [MIDNIGHT_MS - DAY_MS, MIDNIGHT_MS]);
  const asked = plan({ from: 1_000, to: 2_000 });
  assertEquals([asked.fromMs, asked.toMs], [1_000, 2_000]);
  const until = plan({ to: MIDNIGHT_MS - DAY_MS });
  assertEquals([until.fromMs, until.toMs], [MIDNIGHT_MS - 2 * DAY_MS, MIDNIGHT_MS - DAY_MS]);
});

Deno.test("planJob() leaves out what is fresh, never pays, or is known, and says so", () => {
  const known = new Map<string, SymbolFacts>([
    ["A", { fetchedMs: { prices: NOW_MS - HOUR_MS, dividends: NOW_MS, profiles: NOW_MS } }],
    ["B", { dividends: { everPaid: false, checkedMs: NOW_MS - DAY_MS } }],
    ["C", { profileMs: NOW_MS - DAY_MS }],
  ]);
  const { kinds, savings } = plan({}, known);
  assertEquals(kinds.map(({ kind, first, symbols }) => [kind, first, symbols.join("")]), [
    ["prices", 0, "BCD"],
    ["dividends", 3, "CD"],
    ["profiles", 5, "BD"],
  ]);
  // 12 calls, 3 of them fresh and in no plan; 3 symbols share a call of prices.
  assertEquals([savings.plainCalls, savings.plannedCalls], [9, 5]);
  assertEquals(
    [...savings.saved, ...savings.apart].map(({ name, callsSaved }) => [name, callsSaved]),
    [["dividend_filter", 1], ["company_cache", 1], ["batch_end_of_day", 2], ["staleness", 3]],
  );
});

Deno.test("planJob() leaves out kinds without items", () => {
  const fresh = (symbol: string): [string, SymbolFacts] => [symbol, {
    fetchedMs: { prices: NOW_MS, dividends: NOW_MS },
  }];
  const { kinds } = plan({}, new Map(SPEC.symbols.map(fresh)));
  assertEquals(kinds, [{ kind: "profiles", group: "", first: 0, symbols: SPEC.symbols }]);
});

Deno.test("planJob() keeps symbols apart that may not share a call", () => {
  const groupOf = (kind: string, symbol: string) => kind === "prices" && symbol < "C" ? "X" : "Y";
  const { kinds } = plan({ kinds: ["prices", "profiles"] }, new Map(), groupOf);
  assertEquals(kinds, [
    { kind: "prices", group: "X", first: 0, symbols: ["A", "B"] },
    { kind: "prices", group: "Y", first: 2, symbols: ["C", "D"] },
    { kind: "profiles", group: "", first: 4, symbols: SPEC.symbols },
  ]);
});

Deno.test("planJob() keeps what filters would leave out when they are switched off", () => {
  const known = new Map<string, SymbolFacts>([["A", { fetchedMs: { prices: NOW_MS } }]]);
  const { kinds } = plan({ kinds: ["prices"], filters: { staleness: false } }, known);
  assertEquals(kinds, [{ kind: "prices", group: "", first: 0, symbols: SPEC.symbols }]);
});

Deno.test("jobHash() is of what is asked for, not of how", () => {
  const hash = (spec: Partial<JobSpec>) => jobHash(jobSettings({ ...SPEC, ...spec }));
  const same: Partial<JobSpec>[] = [
    { rate: "10/s" },
    { workers: 3 },
    { chunk: 7 },
    { profile: "conservative" },
    { kinds: ["prices", "dividends", "profiles"] },
    { name: "other" },
  ];
  for (const spec of same) assertEquals(hash(spec), hash({}), JSON.stringify(spec));
  const others: Partial<JobSpec>[] = [
    { symbols: ["A", "B", "C"] },
    { symbols: ["B", "A", "C", "D"] },
    { kinds: ["prices"] },
    { provider: "http" },
    { granularity: "H1" },
    { from: 1 },
    { to: 2 },
  ];
  const hashes = others.map(hash);
  for (const one of hashes) assertNotEquals(one, hash({}));
  assertEquals(new Set(hashes).size, others.length);
});

Deno.test("plannedRange() asks for five years of dividends, and for more where the job does", () => {
  const toMs = Date.UTC(2026, 0, 1);
  const day = { fromMs: toMs - DAY_MS, toMs };
  assertEquals(plannedRange(day, "prices"), day);
  assertEquals(plannedRange(day, "dividends"), { fromMs: Date.UTC(2021, 0, 1), toMs });
  assertEquals(plannedRange({ fromMs: 0, toMs }, "dividends"), { fromMs: 0, toMs });
});
