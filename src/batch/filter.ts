/**
 * Filters: from symbols and what is known about them to the calls that are really needed.
 *
 * A plain run makes one call for each kind and symbol. The filters go over these calls in a fixed
 * order, each taking only what the ones before left open (`filter_ledger.ts`):
 *
 * 1. `staleness`: what is fresh. No run would fetch it, so it counts apart.
 * 2. `dividend_filter`: dividends of symbols that never paid.
 * 3. `company_cache`: profiles that are known.
 * 4. `batch_end_of_day`: prices of many symbols in one call; the first symbol of each batch stands
 *    for the call that is made.
 *
 * @module
 */

import { DATA_KINDS, type DataKind } from "./filter_kinds.ts";
import { CallLedger, LEDGER_CALLS_MAX } from "./filter_ledger.ts";
import {
  FILTER_TIMES,
  type FilterTimes,
  isFresh,
  isProfileKnown,
  neverPays,
  type SymbolFacts,
} from "./filter_rules.ts";
import type { PlanSavings, Saving } from "./report_savings.ts";

/** The filters, in the order in which they run. */
export const FILTER_NAMES = [
  "staleness",
  "dividend_filter",
  "company_cache",
  "batch_end_of_day",
] as const;

/** See {@linkcode FILTER_NAMES}. */
export type FilterName = (typeof FILTER_NAMES)[number];

/**
 * Symbols of one batch call at most. 650 symbols of up to 11 characters and their commas are 7,800
 * bytes: with the rest of the line they fit the 8,190 bytes that Apache (LimitRequestLine) and the
 * 8 kB that nginx (large_client_header_buffers) allow for a request line by default.
 */
export const BATCH_SYMBOLS_MAX = 650;

/** Endpoints by kind unless a provider says otherwise. */
export const ENDPOINTS: Readonly<Record<DataKind, string>> = {
  prices: "eod",
  quotes: "quote",
  dividends: "dividends",
  profiles: "profile",
  fundamentals: "fundamentals",
  news: "news",
};

/** Endpoint of batch end-of-day calls unless a provider says otherwise. */
export const BATCH_ENDPOINT = "eod_batch";

/** How to plan. */
export interface FilterSettings {
  /** What to fetch of each symbol. */
  readonly kinds: readonly DataKind[];
  /** Filters that are switched off; default none. */
  readonly off?: readonly FilterName[];
  /** How long what is known holds; default {@linkcode FILTER_TIMES}. */
  readonly times?: FilterTimes;
  /** Endpoint of each kind; default {@linkcode ENDPOINTS}. */
  readonly endpoints?: Readonly<Partial<Record<DataKind, string>>>;
  /**
   * Batch end-of-day calls; null where the provider has none; default {@linkcode BATCH_ENDPOINT}.
   */
  readonly batch?: { readonly endpoint: string; readonly symbolsMax: number } | null;
  /** What a call costs at the limit, ms, to say what a saved one saves: 80 at 750/min. */
  readonly msPerCall: number;
}

/** One call to make. */
export interface PlannedCall {
  /** What it fetches. */
  readonly kind: DataKind;
  /** Which endpoint it goes to. */
  readonly endpoint: string;
  /** Of which symbols: one, or several in a batch. */
  readonly symbols: readonly string[];
}

/** A symbol and kind that need no call. */
export interface SkippedCall {
  /** What is not fetched. */
  readonly kind: DataKind;
  /** Of which symbol. */
  readonly symbol: string;
  /** Which filter says so. */
  readonly by: FilterName;
}

/** What to do, and what was saved. */
export interface CallPlan {
  /** Calls by kind, in the order of the symbols. */
  readonly calls: readonly PlannedCall[];
  /** What needs no call. Symbols of a batch are not skipped: they are fetched with others. */
  readonly skipped: readonly SkippedCall[];
  /** For the report: plain = planned + saved. */
  readonly savings: PlanSavings;
  /** Symbols that were named more than once and are planned once. */
  readonly duplicates: number;
}

/**
 * Plans the calls of one run: pure, the same for the same arguments. O(symbols × kinds).
 *
 * @throws {RangeError} when there are more than {@linkcode LEDGER_CALLS_MAX} symbols times kinds,
 * or a batch of less than one symbol is asked for.
 *
 * @example
 * ```ts
 * import { planCalls } from "./filter.ts";
 *
 * const nowMs = 1_700_000_000_000;
 * const facts = new Map([["NOPE", { dividends: { everPaid: false, checkedMs: nowMs } }]]);
 * const plan = planCalls(["PAYS", "NOPE"], facts, {
 *   kinds: ["prices", "dividends"],
 *   msPerCall: 80,
 * }, nowMs);
 * console.log(plan.calls.map(({ endpoint, symbols }) => `${endpoint} ${symbols}`));
 * // ["eod_batch PAYS,NOPE", "dividends PAYS"]
 * ```
 */
export function planCalls(
  symbols: readonly string[],
  known: ReadonlyMap<string, SymbolFacts>,
  settings: FilterSettings,
  nowMs: number,
): CallPlan {
  const unique = [...new Set(symbols)];
  const kinds = DATA_KINDS.filter((kind) => settings.kinds.includes(kind));
  const plain = unique.length * kinds.length;
  if (plain > LEDGER_CALLS_MAX) {
    throw new RangeError(
      `Cannot plan a run: expected at most ${LEDGER_CALLS_MAX} symbols times kinds: ` +
        `current value is ${unique.length} symbols of ${kinds.length} kinds`,
    );
  }
  const work: Work = {
    symbols: unique,
    kinds,
    isOn: (filter) => !(settings.off ?? []).includes(filter),
    ledger: new CallLedger(plain, FILTER_NAMES),
    times: settings.times ?? FILTER_TIMES,
    endpoints: { ...ENDPOINTS, ...settings.endpoints },
    batch: settings.batch === undefined
      ? { endpoint: BATCH_ENDPOINT, symbolsMax: BATCH_SYMBOLS_MAX }
      : settings.batch,
    msPerCall: settings.msPerCall,
  };
  const skipped = skip(work, known, nowMs);
  const calls = kinds.flatMap((kind, row) => callsOf(work, kind, row));
  return {
    calls,
    skipped,
    savings: savingsOf(work, calls),
    duplicates: symbols.length - unique.length,
  };
}

/** What the steps of one plan share. Call `row · symbols + column` is of a kind and a symbol. */
interface Work {
  readonly symbols: readonly string[];
  readonly kinds: readonly DataKind[];
  readonly isOn: (filter: FilterName) => boolean;
  readonly ledger: CallLedger;
  readonly times: FilterTimes;
  readonly endpoints: Readonly<Record<DataKind, string>>;
  readonly batch: { readonly endpoint: string; readonly symbolsMax: number } | null;
  readonly msPerCall: number;
}

/** Filters that look at one symbol: the first that fits takes the call. */
function skip(
  work: Work,
  known: ReadonlyMap<string, SymbolFacts>,
  nowMs: number,
): SkippedCall[] {
  const { symbols, kinds, isOn, ledger, times } = work;
  const skipped: SkippedCall[] = [];
  kinds.forEach((kind, row) =>
    symbols.forEach((symbol, column) => {
      const facts = known.get(symbol);
      const by = facts === undefined ? null : skippedBy(facts, kind, isOn, times, nowMs);
      if (by === null || !ledger.save(row * symbols.length + column, by)) return;
      skipped.push({ kind, symbol, by });
    })
  );
  return skipped;
}

function skippedBy(
  facts: SymbolFacts,
  kind: DataKind,
  isOn: (filter: FilterName) => boolean,
  times: FilterTimes,
  nowMs: number,
): FilterName | null {
  if (isOn("staleness") && isFresh(facts, kind, times, nowMs)) return "staleness";
  if (kind === "dividends" && isOn("dividend_filter") && neverPays(facts, times, nowMs)) {
    return "dividend_filter";
  }
  if (kind === "profiles" && isOn("company_cache") && isProfileKnown(facts, times, nowMs)) {
    return "company_cache";
  }
  return null;
}

/** Calls of one kind: one a symbol, or batches, whose symbols after the first are saved. */
function callsOf(work: Work, kind: DataKind, row: number): PlannedCall[] {
  const { symbols, ledger, batch } = work;
  const first = row * symbols.length;
  const open = symbols.map((_, column) => column).filter((column) => ledger.isOpen(first + column));
  const symbolAt = (column: number) => symbols[column] ?? "";
  if (kind !== "prices" || batch === null || !work.isOn("batch_end_of_day")) {
    const endpoint = work.endpoints[kind];
    return open.map((column) => ({ kind, endpoint, symbols: [symbolAt(column)] }));
  }
  assertBatch(batch.symbolsMax);
  const calls: PlannedCall[] = [];
  for (let at = 0; at < open.length; at += batch.symbolsMax) {
    const columns = open.slice(at, at + batch.symbolsMax);
    for (const column of columns.slice(1)) ledger.save(first + column, "batch_end_of_day");
    calls.push({ kind, endpoint: batch.endpoint, symbols: columns.map(symbolAt) });
  }
  return calls;
}

function savingsOf(work: Work, calls: readonly PlannedCall[]): PlanSavings {
  const { symbols, kinds, ledger, isOn } = work;
  const fresh = ledger.savedCount("staleness");
  const fetched = calls.reduce((sum, call) => sum + call.symbols.length, 0);
  const saving = (name: FilterName): Saving => {
    const callsSaved = ledger.savedCount(name);
    return {
      name,
      // A batch leaves nothing out.
      itemsSkipped: name === "batch_end_of_day" ? 0 : callsSaved,
      callsSaved,
      msSaved: callsSaved * work.msPerCall,
      evidence: `${callsSaved} calls at ${work.msPerCall} ms each at the limit; ${
        name === "batch_end_of_day" ? batchEvidence(calls) : EVIDENCE[name]
      }`,
    };
  };
  const saved = FILTER_NAMES.filter((name) => name !== "staleness" && isOn(name)).map(saving);
  const savings: PlanSavings = {
    plainCalls: symbols.length * kinds.length - fresh,
    plannedCalls: calls.length,
    saved,
    apart: isOn("staleness") ? [saving("staleness")] : [],
  };
  assertPlan(savings, ledger.open, fetched);
  return savings;
}

const EVIDENCE = {
  staleness: "fetched within the time that data of the kind is fresh",
  dividend_filter: "symbols that never paid when last looked up",
  company_cache: "symbols whose profile is stored",
} as const;

function batchEvidence(calls: readonly PlannedCall[]): string {
  const batches = calls.filter(({ kind }) => kind === "prices");
  const symbols = batches.reduce((sum, { symbols }) => sum + symbols.length, 0);
  return `${symbols} symbols in ${batches.length} batches`;
}

/** The calls listed are the ones the ledger left open, and each symbol left is in one of them. */
function assertPlan(savings: PlanSavings, open: number, fetched: number): void {
  const { plainCalls, plannedCalls, saved } = savings;
  const batched = saved.find(({ name }) => name === "batch_end_of_day")?.callsSaved ?? 0;
  if (plannedCalls === open && fetched === open + batched && plannedCalls <= plainCalls) return;
  throw new Error(
    `Cannot plan a run: expected ${open} calls for ${open + batched} symbols: ` +
      `current value is ${plannedCalls} calls for ${fetched}`,
  );
}

function assertBatch(symbolsMax: number): void {
  if (Number.isInteger(symbolsMax) && symbolsMax >= 1) return;
  throw new RangeError(
    `Cannot plan batch calls: expected at least 1 symbol in each: current value is ${symbolsMax}`,
  );
}
