/**
 * Makes a run: its engine over edges, its scorer, and the state machine over both. Sets are added
 * afterwards, in slices, by whoever makes it.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";
import { SetEngine } from "./evaluate.ts";
import { OptimisationRun } from "./run.ts";
import type { RunInput } from "./run_input.ts";
import type { RunOptions } from "./run_types.ts";
import type { Scorer, ScorerRegistry } from "./scorer.ts";

/** What a run consists of. */
export interface MadeRun {
  /** The structures. */
  readonly engine: SetEngine;
  /** The state machine. */
  readonly run: OptimisationRun;
  /** What scores its sets. */
  readonly scorer: Scorer;
}

/** What runs are made with. */
export interface RunMaking {
  /** Scorers by name. */
  readonly scorers: ScorerRegistry;
  /** What holds for runs that do not say otherwise. */
  readonly defaults: { readonly minChangedEdges?: number; readonly epsilon?: number };
  /** Monotonic milliseconds. */
  readonly stopwatchMs: () => number;
}

/**
 * A run without sets. O(edges): some 20 ms for 100,000 of them in one go, since scorers are made
 * over edges that are there.
 *
 * @throws {RefreshError} for whatever is wrong; what a scorer of one's own throws, as it is.
 */
export function makeRun(
  { runId, edges, scorer: choice, options }: Omit<RunInput, "sets" | "generator">,
  { scorers, defaults, stopwatchMs }: RunMaking,
  nowMs: number,
): MadeRun {
  let scorer: Scorer | null = null;
  const engine = new SetEngine({
    mode: options.mode,
    edges,
    scorer: (names) => scorer = usable(scorers.create(choice.name, choice.params, names)),
  });
  if (scorer === null) throw new TypeError("Cannot make a run: expected an engine with a scorer");
  const run = new OptimisationRun(runId, engine, optionsOf(options, defaults, stopwatchMs), nowMs);
  return { engine, run, scorer };
}

/** A scorer of one's own may come from code without types. */
function usable(scorer: Scorer): Scorer {
  const given: unknown = scorer;
  const isOne = typeof given === "object" && given !== null && "score" in given &&
    typeof given.score === "function";
  if (isOne) return scorer;
  throw new RefreshError(
    "scorer",
    `Cannot make a scorer: expected an object with a function score: current value is ${
      shown(typeof given)
    }`,
  );
}

function optionsOf(
  settings: RunInput["options"],
  defaults: RunMaking["defaults"],
  stopwatchMs: () => number,
): RunOptions {
  const { mode: _mode, isLive: _isLive, followsCorrelations: _follows, ...rest } = settings;
  const given = Object.entries({ ...defaults, ...withoutUndefined(rest) });
  return { ...Object.fromEntries(given) as Omit<RunOptions, "stopwatchMs">, stopwatchMs };
}

const withoutUndefined = (settings: object) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
