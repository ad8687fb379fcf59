/**
 * The words of `wick refresh`: its actions, what follows each, and the options of some of them.
 *
 * @module
 */

import { runId } from "../http/refresh_input.ts";
import { CHANGE_TYPES } from "../refresh/magnitude.ts";
import type { CommandCall, OptionSpec } from "./command.ts";
import { UsageError } from "./exit_code.ts";

/** Every action. */
export const VERBS = [
  ...["stats", "runs", "run", "explain", "now", "rebuild", "create", "remove"] as const,
  ...["clusters", "cluster", "edge", "change", "changes", "correlations", "scorers"] as const,
] as const;

/** One of them. */
export type Verb = (typeof VERBS)[number];

/** What follows an action. */
const OPERANDS: Readonly<Record<Verb, "ID" | "EDGE" | "FILE" | null>> = {
  stats: null,
  runs: null,
  run: "ID",
  explain: "ID",
  now: "ID",
  rebuild: "ID",
  create: "FILE",
  remove: "ID",
  clusters: null,
  cluster: "ID",
  edge: "EDGE",
  change: "EDGE",
  changes: "FILE",
  correlations: "FILE",
  scorers: null,
};

/** Actions whose ID is that of a run. */
const OF_RUNS: readonly Verb[] = ["run", "explain", "now", "rebuild", "remove"];

/** Longer than a partial attempt and its rebuild may take in a run that does not say otherwise. */
export const WAIT_DEFAULT_MS = 120_000;
/** Longer than any refresh may work: a partial one and its rebuild, ten minutes each. */
const WAIT_MAX_MS = 3_600_000;
/** As the service takes it; there are fewer edges. */
const SIZE_MIN_MAX = 1_000_000;

/** Whom an option is for, and what it may be. */
interface OwnBounds {
  readonly verbs: readonly Verb[];
  /** A whole number of at least 1, at most this. */
  readonly wholeMax?: number;
}

/** Options of some actions only. */
const OWN: Readonly<Record<string, OptionSpec & OwnBounds>> = {
  set: {
    value: "text",
    called: "SET",
    about: "explain: also how that set stands",
    verbs: ["explain"],
  },
  "no-fallback": { about: "now: report a failure, do not rebuild", verbs: ["now"] },
  "wait-ms": {
    value: "number",
    called: "N",
    about: "now, rebuild: longest wait for it to end",
    byDefault: String(WAIT_DEFAULT_MS),
    verbs: ["now", "rebuild"],
    wholeMax: WAIT_MAX_MS,
  },
  min: {
    value: "number",
    called: "N",
    about: "clusters: of at least so many edges",
    byDefault: "1",
    verbs: ["clusters"],
    wholeMax: SIZE_MIN_MAX,
  },
  magnitude: {
    value: "number",
    called: "M",
    about: "change: how much; 1 is a large one",
    verbs: ["change"],
  },
  value: {
    value: "number",
    called: "V",
    about: "change: the edge's value now, which runs score",
    verbs: ["change"],
  },
  type: {
    value: CHANGE_TYPES,
    about: "change: what changed",
    byDefault: "custom",
    verbs: ["change"],
  },
  forget: { about: "correlations: take back those handed in", verbs: ["correlations"] },
};

/** Those options, as the command line has them. */
export const OWN_OPTIONS: Readonly<Record<string, OptionSpec>> = Object.fromEntries(
  Object.entries(OWN).map((
    [name, { verbs: _verbs, wholeMax: _wholeMax, ...spec }],
  ) => [name, spec]),
);

/** What can be said to be wrong before anything is asked. @throws {UsageError} */
export function checkCall({ operands, values }: CommandCall): void {
  const [word = "stats", operand] = operands;
  const verb = word as Verb;
  for (const [name, { verbs, wholeMax }] of Object.entries(OWN)) {
    if (!values.has(name)) continue;
    if (!verbs.includes(verb)) {
      throw new UsageError(`Cannot use --${name} with ${verb}: it is for ${verbs.join(", ")}`);
    }
    if (wholeMax !== undefined) checkWhole(name, values.number(name) ?? 0, wholeMax);
  }
  const called = values.flag("forget") ? null : OPERANDS[verb];
  if (called === null && operand !== undefined) {
    const after = values.flag("forget") ? `${verb} --forget` : verb;
    throw new UsageError(`expected nothing after ${after}: current value is ${shown(operand)}`);
  }
  if (called !== null && operand === undefined) {
    throw new UsageError(`no ${called} given; see wick refresh --help`);
  }
  if (OF_RUNS.includes(verb) && !runId.safeParse(operand).success) {
    throw new UsageError(
      `Cannot use ID: expected 1 to 64 letters, digits or . _ -: current value is ${
        shown(operand ?? "")
      }`,
    );
  }
  if (verb === "change" && !values.has("magnitude")) {
    throw new UsageError("no --magnitude given; see wick refresh --help");
  }
}

/** @throws {UsageError} */
function checkWhole(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  throw new UsageError(
    `Cannot use --${name}: expected a whole number of 1 to ${max}: current value is ${value}`,
  );
}

function shown(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 64)}…` : word);
}
