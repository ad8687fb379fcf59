/**
 * Shapes of what warming is told: which strategy to run, accesses made elsewhere, sectors, dates.
 *
 * @module
 */

import { z } from "zod";
import { isSymbol } from "../market/series.ts";
import { SECTOR_CHARS_MAX, SECTORS_MAX } from "../warm/sectors.ts";
import { STRATEGY_NAMES, type StrategyName } from "../warm/types.ts";
import { USER_CHARS_MAX } from "../warm/users.ts";
import { cacheKey, plainText, UNFIT, UNFIT_TEXT } from "./cache_schemas.ts";
import { symbol, time } from "./schemas.ts";

/** Most accesses of one request: some ten milliseconds of the event loop to check. */
export const WARM_ACCESSES_MAX = 10_000;
/** Most symbols with a sector of their own: more than any exchange lists. */
export const WARM_SECTORS_MAX = 20_000;
/** Most dates: four earnings a year of 5,000 symbols. */
export const WARM_EVENTS_MAX = 20_000;
/** Longest kind of an event, in characters. */
export const WARM_EVENT_KIND_CHARS_MAX = 32;
/** Longest name of a strategy that is looked up: what is longer is none. */
const STRATEGY_CHARS_MAX = 64;
/** Wrong sectors named in one answer. */
const SECTOR_ISSUES_MAX = 20;
/** Characters of a wrong symbol that an answer shows. */
const SYMBOL_CHARS_SHOWN = 64;

/** Stands for every strategy that is enabled. */
export const WARM_RUN_ALL = "all" as const;

/** The strategy that a word means, in any case and with hyphens or underscores; null for none. */
export function warmingStrategyOf(word: string): StrategyName | typeof WARM_RUN_ALL | null {
  const name = word.toLowerCase().replaceAll("-", "_");
  return ([WARM_RUN_ALL, ...STRATEGY_NAMES] as const).find((one) => one === name) ?? null;
}

/** Which strategy to run; its name is looked up by the route, which answers with those there are. */
export const warmingRun = z.strictObject({
  strategy: z.string().max(STRATEGY_CHARS_MAX).default(WARM_RUN_ALL).meta({
    description: `${WARM_RUN_ALL}, ${STRATEGY_NAMES.join(", ")}; hyphens stand for underscores`,
    examples: ["popular", "time-of-day"],
  }),
}).meta({ id: "WarmingRun" });

/** An access that the cache of this service did not see. */
export const warmingAccess = z.strictObject({
  key: cacheKey,
  at: time.optional().meta({
    description: "When: epoch ms or an ISO time; default, and at the latest, now. One before the " +
      "last access counts as that",
  }),
  user: plainText(USER_CHARS_MAX).nullable().optional().meta({
    description: "Who; accesses of one user follow each other",
  }),
  sector: plainText(SECTOR_CHARS_MAX).nullable().optional().meta({
    description: "Sector of the key's symbol, where no instrument or PUT /warming/sectors says it",
  }),
}).meta({ id: "WarmingAccess" });

/** Accesses, in their order. */
export const warmingAccesses = z.array(warmingAccess).min(1).max(WARM_ACCESSES_MAX);

/**
 * Sectors by symbol. Checked by hand: zod would look at every entry of a map before it counts them,
 * and pass over `__proto__`.
 */
export const warmingSectors = z.custom<Readonly<Record<string, string>>>()
  .superRefine((map: unknown, ctx) => {
    for (const { path, message } of sectorIssues(map)) {
      ctx.addIssue({ code: "custom", path, message });
    }
  })
  .meta({
    type: "object",
    additionalProperties: { type: "string", minLength: 1, maxLength: SECTOR_CHARS_MAX },
    maxProperties: WARM_SECTORS_MAX,
    description: "Sector by symbol; replaces what was put before",
    examples: [{ AAPL: "technology" }],
  });

/** The first things wrong with a map of sectors. O(entries). */
function sectorIssues(map: unknown): { path: string[]; message: string }[] {
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    return [{ path: [], message: "expected an object of symbols and their sectors" }];
  }
  const entries = Object.entries(map);
  if (entries.length > WARM_SECTORS_MAX) {
    return [{ path: [], message: `expected at most ${WARM_SECTORS_MAX} symbols` }];
  }
  if (new Set(Object.values(map)).size > SECTORS_MAX) {
    return [{ path: [], message: `expected at most ${SECTORS_MAX} different sectors` }];
  }
  const issues: { path: string[]; message: string }[] = [];
  for (const [name, sector] of entries) {
    if (issues.length === SECTOR_ISSUES_MAX) break;
    const message = sectorProblem(name, sector);
    if (message !== null) issues.push({ path: [name.slice(0, SYMBOL_CHARS_SHOWN)], message });
  }
  return issues;
}

function sectorProblem(name: string, sector: unknown): string | null {
  if (!isSymbol(name)) return "expected a symbol of 1 to 32 letters, digits or . _ - ^ = +";
  const isFit = typeof sector === "string" && sector.length > 0 &&
    sector.length <= SECTOR_CHARS_MAX;
  if (!isFit) return `expected a sector of 1 to ${SECTOR_CHARS_MAX} characters`;
  return UNFIT.test(sector) ? UNFIT_TEXT : null;
}

/** A date on which keys are wanted more. */
export const warmingEvent = z.strictObject({
  symbol: symbol.nullable().meta({ description: "Null: every symbol of the calendar" }),
  kind: plainText(WARM_EVENT_KIND_CHARS_MAX).meta({ examples: ["earnings"] }),
  date: z.iso.date().refine(isOfMarkets, "expected a year from 1970 to 2199").meta({
    description: "The civil date in New York",
    examples: ["2026-03-03"],
  }),
  when: z.enum(["before_open", "after_close"]).nullable().default(null).meta({
    description: "Null: nobody said",
  }),
}).meta({ id: "WarmingEvent" });

function isOfMarkets(date: string): boolean {
  return date >= "1970" && date < "2200";
}

/** Dates; they replace those put before. */
export const warmingCalendar = z.array(warmingEvent).max(WARM_EVENTS_MAX);
