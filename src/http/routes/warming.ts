/**
 * Routes about warming: what it did and does, runs by hand, and what it is told from outside.
 *
 * @module
 */

import type { z } from "zod";
import type { RunRefusal, RunReport, RunResult, WarmingStatus } from "../../warm/warming_types.ts";
import { STRATEGY_NAMES, type StrategyName } from "../../warm/types.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import type { WarmingPort } from "../port.ts";
import { HttpProblem, retryAfter } from "../problem.ts";
import { type UnderBases, underBases } from "../warming_api.ts";
import { WARM_RUN_ALL, warmingStrategyOf } from "../warming_input.ts";
import type { warmingResult, warmingStatus } from "../warming_schemas.ts";

type Base = "/api/warming";
type Names = "stats" | "status" | "patterns" | "run" | "accesses" | "sectors" | "calendar";
type Own = { readonly [N in Names]: Handlers[`${Base}/${N}`] };

/** After which time a run that was refused is worth another try, ms. */
const AGAIN_MS = 5_000;

/** See the module's text. */
export function warmingRoutes({ port, clock }: Surroundings): UnderBases<Own> {
  const warming = (): WarmingPort => {
    if (port.warming !== null) return port.warming;
    const detail = "Cannot ask warming: this service has none: it needs a cache with a provider";
    throw new HttpProblem(404, "no_warming", detail);
  };
  return underBases<Own>({
    stats: {
      get: async () => {
        const { atMs, savedAtMs, ...stats } = await warming().stats();
        return {
          ...stats,
          atMs: Math.round(atMs),
          savedAtMs: savedAtMs === null ? null : Math.round(savedAtMs),
        };
      },
    },
    status: { get: async () => plainStatus(await warming().status()) },
    patterns: {
      get: async () => {
        const { atMs, ...patterns } = await warming().patterns();
        return { ...patterns, atMs: Math.round(atMs) };
      },
    },
    run: { post: async ({ json }) => await ran(warming(), json.strategy) },
    accesses: {
      post: async ({ json }) => {
        // Clocks of others may be ahead; what lies before us would be decayed the wrong way.
        const nowMs = clock.wallNow();
        const taken = await warming().accesses(json.map(({ key, at, user, sector }) => ({
          key,
          at: Math.min(at ?? nowMs, nowMs),
          user: user ?? null,
          sector: sector ?? null,
        })));
        return { taken, of: json.length };
      },
    },
    sectors: {
      put: async ({ json }) => {
        await warming().sectors(json);
        const sectors = Object.values(json);
        return { symbols: sectors.length, sectors: new Set(sectors).size };
      },
    },
    calendar: {
      put: async ({ json }) => {
        await warming().calendar(json);
        return { events: json.length };
      },
    },
  });
}

/** One strategy, or all that are enabled; of one alone that cannot run the answer is a problem. */
async function ran(warming: WarmingPort, word: string) {
  const name = warmingStrategyOf(word);
  if (name === null) {
    const names = [WARM_RUN_ALL, ...STRATEGY_NAMES].join(", ");
    const detail = `Cannot run the strategy: expected one of ${names}`;
    throw new HttpProblem(400, "unknown_strategy", detail, { expected: names, found: word });
  }
  const results = await warming.run(name);
  const [first] = results;
  if (name !== WARM_RUN_ALL && first?.state === "refused") throw refusal(name, first.reason);
  return { results: results.map(plainResult) };
}

function refusal(name: StrategyName, reason: RunRefusal): HttpProblem {
  const cannot = `Cannot run ${name}`;
  switch (reason) {
    case "running":
      return new HttpProblem(409, "running", `${cannot}: its last cycle is still under way`);
    case "stopped":
      return new HttpProblem(503, "stopped", `${cannot}: warming stops`, {}, retryAfter(AGAIN_MS));
    case "down": {
      const detail = `${cannot}: the provider fails or is limiting`;
      return new HttpProblem(503, "provider_down", detail, {}, retryAfter(AGAIN_MS));
    }
  }
}

function plainResult(result: RunResult): z.input<typeof warmingResult> {
  return result.state === "started"
    ? { state: "started", strategy: result.report.strategy, report: plainReport(result.report) }
    : result;
}

/** The clock's fractions of a millisecond say nothing outside. */
function plainReport(report: RunReport): RunReport {
  return { ...report, atMs: Math.round(report.atMs) };
}

/** Without the settings that are no strategy's; JSON has no infinity. */
function plainStatus({ settings, ...status }: WarmingStatus): z.input<typeof warmingStatus> {
  const strategies = Object.fromEntries(STRATEGY_NAMES.map((name) => {
    const { isEnabled, schedule, limit, floor } = settings.strategies[name];
    return [name, { isEnabled, schedule, limit: Number.isFinite(limit) ? limit : null, floor }];
  })) as z.input<typeof warmingStatus>["strategies"];
  return {
    ...status,
    atMs: Math.round(status.atMs),
    lastResults: Object.fromEntries(
      Object.entries(status.lastResults).map(([name, report]) => [name, plainReport(report)]),
    ),
    running: [...status.running],
    throttled: [...status.throttled],
    strategies,
  };
}
