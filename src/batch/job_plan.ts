/**
 * What a run of a job has to do: the items that its filters left, kind by kind, each with its place.
 * It is kept for as long as the run lasts, so that a resumed run has the same items at the same places
 * whatever was learned meanwhile.
 *
 * @module
 */

import { type FilterSettings, planCalls } from "./filter.ts";
import { DATA_KINDS, type DataKind } from "./filter_kinds.ts";
import type { SymbolFacts } from "./filter_rules.ts";
import { planHash } from "./job_checkpoint.ts";
import type { JobSettings } from "./job_spec.ts";
import type { PlanSavings } from "./report_savings.ts";

/** Symbols of one kind that may share calls. Item `first + i` is of `symbols[i]`. */
export interface PlannedKind {
  readonly kind: DataKind;
  /** What tells them from others of the kind, with which they may not; empty without others. */
  readonly group: string;
  readonly first: number;
  readonly symbols: readonly string[];
}

/** What a run has to do. */
export interface JobPlan {
  /** Name of the run. */
  readonly runId: string;
  /** Hash of what the job asks for, see {@linkcode jobHash}. */
  readonly job: string;
  /** Prices of this time, epoch ms; to is not included. */
  readonly fromMs: number;
  readonly toMs: number;
  /** In the order in which they are fetched; those without items are left out. */
  readonly kinds: readonly PlannedKind[];
  /** What the filters left out. */
  readonly savings: PlanSavings;
}

const DAY_MS = 86_400_000;

/**
 * Hash of what a job asks for, its rate and workers apart: a run can only be resumed by a job that
 * asks for the same. O(symbols).
 */
export function jobHash(settings: JobSettings): string {
  const { symbols, kinds, provider, granularity, from, to } = settings;
  const wanted = DATA_KINDS.filter((kind) => kinds.includes(kind));
  const head = [provider, granularity, String(from), String(to), wanted.join(",")];
  return planHash([...head, ...symbols]);
}

/** What of a provider a plan hangs on. */
export interface PlanLimits {
  /** Batch calls of prices; null where there are none. */
  readonly batch: NonNullable<FilterSettings["batch"]> | null;
  /** Symbols of one group may share a call of a kind; default: all may. */
  readonly groupOf?: (kind: DataKind, symbol: string) => string;
}

/** Plans a run that begins at `nowMs` (epoch). O(symbols × kinds). */
export function planJob(
  settings: JobSettings,
  runId: string,
  known: ReadonlyMap<string, SymbolFacts>,
  { batch, groupOf = () => "" }: PlanLimits,
  nowMs: number,
): JobPlan {
  const toMs = settings.to ?? Math.floor(nowMs / DAY_MS) * DAY_MS;
  const fromMs = settings.from ?? toMs - DAY_MS;
  const { calls, savings } = planCalls(settings.symbols, known, {
    kinds: settings.kinds,
    off: settings.filtersOff,
    msPerCall: settings.rate.windowMs / settings.rate.requests,
    batch,
  }, nowMs);
  const kinds: PlannedKind[] = [];
  let first = 0;
  for (const kind of DATA_KINDS) {
    const symbols = calls.filter((call) => call.kind === kind).flatMap((call) => call.symbols);
    const groups = Map.groupBy(symbols, (symbol) => groupOf(kind, symbol));
    for (const [group, members] of groups) {
      kinds.push({ kind, group: groups.size === 1 ? "" : group, first, symbols: members });
      first += members.length;
    }
  }
  return { runId, job: jobHash(settings), fromMs, toMs, kinds, savings };
}

/** Days of five years: what tells a symbol that pays dividends from one that does not. */
const DIVIDEND_DAYS = 1_826;

/**
 * The time that is asked for of a kind, epoch ms; `toMs` is not included. Dividends are asked for over
 * five years at least: that a symbol paid none yesterday says nothing about tomorrow.
 */
export function plannedRange(
  { fromMs, toMs }: Pick<JobPlan, "fromMs" | "toMs">,
  kind: DataKind,
): { readonly fromMs: number; readonly toMs: number } {
  return kind === "dividends"
    ? { fromMs: Math.min(fromMs, toMs - DIVIDEND_DAYS * DAY_MS), toMs }
    : { fromMs, toMs };
}

/** Items of a plan. */
export function plannedItems({ kinds }: JobPlan): number {
  return kinds.reduce((sum, { symbols }) => sum + symbols.length, 0);
}
