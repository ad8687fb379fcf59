/**
 * Shapes of what refreshing is told: changes of edges, correlations, runs and what changes of them.
 * The protocols of the actors and the routes take the same ones.
 *
 * @module
 */

import { z } from "zod";
import {
  CHANGE_TYPES,
  MAGNITUDE_MAX,
  METADATA_CHARS_MAX,
  METADATA_NAMES_MAX,
} from "../refresh/magnitude.ts";
import { plainText, UNFIT, UNFIT_TEXT } from "./cache_schemas.ts";
import { longList } from "./long_list.ts";
import { time } from "./schemas.ts";
import { shapeIssues } from "./shape_issues.ts";

/** Longest id of an edge or a set, in characters: as `src/refresh` has it. */
const ID_CHARS_MAX = 256;
/** Most changes of one request: some ten milliseconds of the event loop to check. */
export const EDGE_CHANGES_MAX = 10_000;
/** Most edges of a run that is handed in; more can be added later. */
export const RUN_EDGES_MAX = 100_000;
/** Most sets of a run that are handed in one by one; a generator makes as many. */
export const RUN_SETS_MAX = 1_000_000;
/** Most members of a set. */
export const SET_MEMBERS_MAX = 64;
/** Most edges of a matrix of correlations: its rows take 16 MB as doubles. */
const MATRIX_EDGES_MAX = 2_000;
/** Most pairs of correlations. */
const PAIRS_MAX = 1_000_000;
/** Characters of a wrong name that an answer shows. */
const NAME_CHARS_SHOWN = 64;
/** Longest that a refresh may work, ms: whoever asks for one waits as long. */
export const REFRESH_TIMEOUT_MAX_MS = 600_000;

/** Id of an edge. */
export const edgeId = plainText(ID_CHARS_MAX)
  .meta({ examples: ["EUR_USD", "GBP_USD", "nfl/kc@buf: over 47.5"] });
/** Id of a candidate set. */
export const setId = plainText(ID_CHARS_MAX).meta({ examples: ["EUR_USD+GBP_USD"] });
/** Id of a run; it stands in paths. */
export const runId = z.string().regex(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  "expected 1 to 64 letters, digits or . _ -, a letter or a digit first",
).meta({ examples: ["baskets"], description: "1 to 64 letters, digits or . _ -" });

/** What is told with a change, by name. */
type Metadata = Readonly<Record<string, string | number | boolean | null>>;

/**
 * Checked by hand: zod would look at every entry of a map before it counts them, and pass over
 * `__proto__`.
 */
const metadata = z.custom<Metadata>().superRefine((map: unknown, ctx) => {
  for (const { path, message } of metadataIssues(map)) {
    ctx.addIssue({ code: "custom", path, message });
  }
}).meta({
  type: "object",
  additionalProperties: {
    anyOf: [
      { type: "string", maxLength: METADATA_CHARS_MAX },
      { type: "number" },
      { type: "boolean" },
      { type: "null" },
    ],
  },
  maxProperties: METADATA_NAMES_MAX,
  description: "Texts, numbers, true, false or null by name: kept with the change",
  examples: [{ desk: "fx" }],
});

/** What is wrong with metadata. O(names), once they are few. */
function metadataIssues(map: unknown): { path: string[]; message: string }[] {
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    return [{ path: [], message: "expected an object of names and values" }];
  }
  const entries = Object.entries(map);
  if (entries.length > METADATA_NAMES_MAX) {
    return [{ path: [], message: `expected at most ${METADATA_NAMES_MAX} names` }];
  }
  return entries.flatMap(([name, value]) => {
    const message = metadataProblem(name, value);
    return message === null ? [] : [{ path: [name.slice(0, NAME_CHARS_SHOWN)], message }];
  });
}

function metadataProblem(name: string, value: unknown): string | null {
  if (name === "" || name.length > METADATA_CHARS_MAX || name === "__proto__") {
    return `expected a name of 1 to ${METADATA_CHARS_MAX} characters`;
  }
  if (UNFIT.test(name)) return UNFIT_TEXT;
  const isPlain = value === null || typeof value === "boolean" || Number.isFinite(value) ||
    (typeof value === "string" && value.length <= METADATA_CHARS_MAX);
  return isPlain
    ? null
    : `expected a text of at most ${METADATA_CHARS_MAX} characters, a number, true, false or null`;
}

/** A change of an edge. */
export const edgeChange = z.strictObject({
  edgeId,
  type: z.enum(CHANGE_TYPES).default("custom"),
  magnitude: z.number().min(0).max(MAGNITUDE_MAX).meta({
    description: "How much, in a unit that makes 1 a large change: a whole ATR of a price",
  }),
  value: z.number().optional().meta({ description: "Its value now, which runs score" }),
  at: time.optional().meta({ description: "When; default, and at the latest, now" }),
  metadata: metadata.optional(),
}).meta({ id: "EdgeChange" });

/** Changes of edges, in their order. */
export const edgeChanges = z.array(edgeChange).min(1).max(EDGE_CHANGES_MAX);

/** One change, or many in their order. */
export const edgeChangesPost = z.union(
  [edgeChange, edgeChanges],
  "expected a change of an edge, or an array of them",
);

/** Edges by id. */
export const edgeIds = longList(edgeId, { min: 1, max: RUN_EDGES_MAX });
/** Edges to be added or removed. */
export const edgesGiven = z.strictObject({ edges: edgeIds }).meta({ id: "EdgesGiven" });

/** What a correlation may be beyond 1, as those that were rounded are. */
const RHO_MAX = 1 + 1e-9;
const RHO_TEXT = "expected a correlation of -1 to 1";
const rho = z.number().min(-RHO_MAX, RHO_TEXT).max(RHO_MAX, RHO_TEXT).nullable();
const isRho = (value: unknown) =>
  value === null || (typeof value === "number" && Math.abs(value) <= RHO_MAX);

/** Correlations in place of those handed in before. */
export const correlationsPut = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pairs").meta({ description: "Pairs of edges; all others are unknown" }),
    pairs: longList(z.strictObject({ a: edgeId, b: edgeId, correlation: rho }), { max: PAIRS_MAX }),
  }),
  z.strictObject({
    kind: z.literal("matrix").meta({ description: "Every pair twice, and 1 in the diagonal" }),
    edges: longList(edgeId, { max: MATRIX_EDGES_MAX }),
    rows: longList(longList(rho, { max: MATRIX_EDGES_MAX, isRight: isRho }), {
      max: MATRIX_EDGES_MAX,
    }),
  }),
]).meta({ id: "CorrelationInput" });

/** Correlations in place of those handed in before; null takes them back. */
export const correlationInput = correlationsPut.nullable();

/** The value of an edge. */
export const edgeValue = z.strictObject({
  edgeId,
  value: z.number().meta({ description: "Its value now, which runs score" }),
});

const members = longList(edgeId, { min: 1, max: SET_MEMBERS_MAX });

/** A candidate set. */
export const candidateSet = z.strictObject({ setId, members });

/** What makes the sets of a run. */
export const setGenerator = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("combinations").meta({
      description: "Every combination of so many edges, in the order of their ids, up to setsMax",
    }),
    size: z.int().min(1).max(SET_MEMBERS_MAX),
    setsMax: z.int().min(1).max(RUN_SETS_MAX).default(100_000),
  }),
  z.strictObject({
    kind: z.literal("random").meta({
      description: "So many different combinations at random, the same ones for the same seed",
    }),
    size: z.int().min(1).max(SET_MEMBERS_MAX),
    sets: z.int().min(1).max(RUN_SETS_MAX),
    seed: z.int().min(0).max(2 ** 32 - 1).default(0),
  }),
]).meta({ id: "SetGenerator" });

/** Any JSON: scorers check what they take, and returns of all edges are a million numbers. */
const params = z.custom<z.core.util.JSONType>((value) => value !== undefined).meta({
  description: "Parameters of the scorer, as that documents them",
});

/** A scorer and its parameters. */
export const scorerChoice = z.strictObject({
  name: z.string().min(1).max(64).default("product"),
  params: params.optional(),
}).meta({ id: "ScorerChoice" });

/** How a run is refreshed; what is left out is as by default. */
export const runSettings = z.strictObject({
  mode: z.enum(["auto", "eager", "lazy"]).default("auto"),
  isLive: z.boolean().default(true).meta({
    description: "Whether changes of edges refresh it; else only whoever asks does",
  }),
  followsCorrelations: z.boolean().default(false).meta({
    description:
      "Whether its scorer gets the correlations that the aggregator knows, as they change",
  }),
  minChangedEdges: z.int().min(1).max(1_000_000).optional(),
  epsilon: z.number().min(0).max(1e6).optional(),
  monotonic: z.boolean().optional(),
  partialTimeoutMs: z.number().min(1).max(REFRESH_TIMEOUT_MAX_MS).optional(),
  fullTimeoutMs: z.number().min(1).max(REFRESH_TIMEOUT_MAX_MS).optional(),
  auditEvery: z.int().min(0).max(1_000_000).optional(),
  ageMaxMs: z.number().min(1).optional(),
  failuresStale: z.int().min(1).max(1_000).optional(),
  unappliedMaxMs: z.number().min(1).optional(),
}).meta({ id: "RunSettings" });

/** A run that is to be made. */
export const runSpec = z.strictObject({
  runId,
  edges: longList(edgeValue, { min: 1, max: RUN_EDGES_MAX }),
  sets: longList(candidateSet, { max: RUN_SETS_MAX }).optional(),
  generator: setGenerator.optional(),
  scorer: scorerChoice.default({ name: "product" }),
  options: runSettings.default({ mode: "auto", isLive: true, followsCorrelations: false }),
}).refine(({ sets, generator }) => (sets === undefined) !== (generator === undefined), {
  message: "expected sets or a generator, and not both",
}).meta({ id: "RunSpec" });

/** A change of a run's inputs, applied by its next refresh: first what goes, then what comes. */
export const runChange = z.strictObject({
  removeSets: longList(setId, { max: RUN_SETS_MAX }).default([]),
  removeEdges: longList(edgeId, { max: RUN_EDGES_MAX }).default([]),
  addEdges: longList(edgeValue, { max: RUN_EDGES_MAX }).default([]),
  addSets: longList(candidateSet, { max: RUN_SETS_MAX }).default([]),
  values: longList(edgeValue, { max: RUN_EDGES_MAX }).default([]),
}).meta({ id: "RunChange" });

/** One change for the one call that does all: clusters, the gate of the mode, and runs. */
export const optimizationEdgeChange = edgeChange.extend({
  runId: runId.optional().meta({ description: "Of this run alone; default: every one" }),
}).meta({ id: "OptimizationEdgeChange" });

/** One refresh, with all that keeps it safe. */
export const optimizedRefresh = z.strictObject({
  runId,
  kind: z.enum(["cheapest", "full"]).default("cheapest"),
  changes: edgeChanges.optional().meta({ description: "Recorded first; they are not held back" }),
}).meta({ id: "OptimizedRefresh" });

/** Correlations after they were checked; null takes back those handed in before. */
export type GivenCorrelations = z.output<typeof correlationInput>;
/** An edge's change after it was checked. */
export type CheckedEdgeChange = z.output<typeof edgeChange>;
/** A run's specification after it was checked. */
export type RunSpec = z.output<typeof runSpec>;
/** A run's specification as it is given: what is left out is as by default. */
export type GivenRunSpec = z.input<typeof runSpec>;
/** Settings of a run after they were checked. */
export type RunSettings = z.output<typeof runSettings>;
/** A generator after it was checked. */
export type SetGenerator = z.output<typeof setGenerator>;
/** A change of inputs after it was checked. */
export type RunChange = z.output<typeof runChange>;
/** See {@linkcode optimizationEdgeChange}. */
export type OptimizationEdgeChange = z.output<typeof optimizationEdgeChange>;
/** A change as it is given: what is left out is as by default. */
export type GivenOptimizationEdgeChange = z.input<typeof optimizationEdgeChange>;
/** See {@linkcode optimizedRefresh}. */
export type OptimizedRefresh = z.output<typeof optimizedRefresh>;
/** A refresh as it is given: what is left out is as by default. */
export type GivenOptimizedRefresh = z.input<typeof optimizedRefresh>;

/**
 * A specification of a run as it came, whole.
 *
 * @throws {TypeError} for what is none, with everything that is wrong.
 */
export function checkedRunSpec(given: GivenRunSpec): RunSpec {
  return checked(runSpec, given, "create a run", "run");
}

/**
 * A change as it came, whole.
 *
 * @throws {TypeError} for what is none, with everything that is wrong.
 */
export function checkedEdgeChange(given: GivenOptimizationEdgeChange): OptimizationEdgeChange {
  return checked(optimizationEdgeChange, given, "record a change", "change");
}

/**
 * What a refresh is told, whole.
 *
 * @throws {TypeError} for what is none, with everything that is wrong.
 */
export function checkedRefresh(given: GivenOptimizedRefresh): OptimizedRefresh {
  return checked(optimizedRefresh, given, "refresh a run", "refresh");
}

function checked<S extends z.ZodType>(
  schema: S,
  given: unknown,
  what: string,
  where: string,
): z.output<S> {
  const { data, error } = schema.safeParse(given);
  if (error === undefined) return data;
  const issues = shapeIssues(where, error, given).map(({ path, message }) => `${path}: ${message}`);
  throw new TypeError(`Cannot ${what}: ${issues.join("; ")}`, { cause: error });
}
