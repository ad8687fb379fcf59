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
import { plainText } from "./cache_schemas.ts";
import { time } from "./schemas.ts";

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
/** Longest that a refresh may work, ms: an hour. */
const TIMEOUT_MAX_MS = 3_600_000;

/** Id of an edge. */
export const edgeId = plainText(ID_CHARS_MAX).meta({ examples: ["EUR_USD"] });
/** Id of a candidate set. */
export const setId = plainText(ID_CHARS_MAX).meta({ examples: ["EUR_USD+USD_JPY"] });
/** Id of a run; it stands in paths. */
export const runId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
  .meta({ examples: ["baskets"], description: "1 to 64 letters, digits or . _ -" });

const plainValue = z.union([
  z.string().max(METADATA_CHARS_MAX),
  z.number(),
  z.boolean(),
  z.null(),
]);

/** A change of an edge. */
export const edgeChange = z.strictObject({
  edgeId,
  type: z.enum(CHANGE_TYPES).default("custom"),
  magnitude: z.number().min(0).max(MAGNITUDE_MAX).meta({
    description: "How much, in a unit that makes 1 a large change: a whole ATR of a price",
  }),
  value: z.number().optional().meta({ description: "Its value now, which runs score" }),
  at: time.optional().meta({ description: "When; default, and at the latest, now" }),
  metadata: z.record(plainText(METADATA_CHARS_MAX), plainValue)
    .refine((map) => Object.keys(map).length <= METADATA_NAMES_MAX, {
      message: `expected at most ${METADATA_NAMES_MAX} names`,
    }).optional(),
}).meta({ id: "EdgeChange" });

/** Changes of edges, in their order. */
export const edgeChanges = z.array(edgeChange).min(1).max(EDGE_CHANGES_MAX);

const rho = z.number().min(-1 - 1e-9).max(1 + 1e-9).nullable();

/** Correlations in place of those handed in before; null takes them back. */
export const correlationInput = z.union([
  z.strictObject({
    kind: z.literal("pairs"),
    pairs: z.array(z.strictObject({ a: edgeId, b: edgeId, correlation: rho })).max(PAIRS_MAX),
  }),
  z.strictObject({
    kind: z.literal("matrix"),
    edges: z.array(edgeId).max(MATRIX_EDGES_MAX),
    rows: z.array(z.array(rho).max(MATRIX_EDGES_MAX)).max(MATRIX_EDGES_MAX),
  }),
]).nullable().meta({ id: "CorrelationInput" });

/** The value of an edge. */
export const edgeValue = z.strictObject({ edgeId, value: z.number() }).meta({ id: "EdgeValue" });

const members = z.array(edgeId).min(1).max(SET_MEMBERS_MAX);

/** A candidate set. */
export const candidateSet = z.strictObject({ setId, members }).meta({ id: "CandidateSet" });

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

/** A scorer and its parameters. */
export const scorerChoice = z.strictObject({
  name: z.string().min(1).max(64).default("product"),
  params: z.json().optional(),
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
  partialTimeoutMs: z.number().min(1).max(TIMEOUT_MAX_MS).optional(),
  fullTimeoutMs: z.number().min(1).max(TIMEOUT_MAX_MS).optional(),
  auditEvery: z.int().min(0).max(1_000_000).optional(),
  ageMaxMs: z.number().min(1).optional(),
  failuresStale: z.int().min(1).max(1_000).optional(),
  unappliedMaxMs: z.number().min(1).optional(),
}).meta({ id: "RunSettings" });

/** A run that is to be made. */
export const runSpec = z.strictObject({
  runId,
  edges: z.array(edgeValue).min(1).max(RUN_EDGES_MAX),
  sets: z.array(candidateSet).max(RUN_SETS_MAX).optional(),
  generator: setGenerator.optional(),
  scorer: scorerChoice.default({ name: "product" }),
  options: runSettings.default({ mode: "auto", isLive: true, followsCorrelations: false }),
}).refine(({ sets, generator }) => (sets === undefined) !== (generator === undefined), {
  message: "expected sets or a generator, and not both",
}).meta({ id: "RunSpec" });

/** A change of a run's inputs, applied by its next refresh: first what goes, then what comes. */
export const runChange = z.strictObject({
  removeSets: z.array(setId).max(RUN_SETS_MAX).default([]),
  removeEdges: z.array(edgeId).max(RUN_EDGES_MAX).default([]),
  addEdges: z.array(edgeValue).max(RUN_EDGES_MAX).default([]),
  addSets: z.array(candidateSet).max(RUN_SETS_MAX).default([]),
  values: z.array(edgeValue).max(RUN_EDGES_MAX).default([]),
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

/** An edge's change after it was checked. */
export type CheckedEdgeChange = z.output<typeof edgeChange>;
/** A run's specification after it was checked. */
export type RunSpec = z.output<typeof runSpec>;
/** Settings of a run after they were checked. */
export type RunSettings = z.output<typeof runSettings>;
/** A generator after it was checked. */
export type SetGenerator = z.output<typeof setGenerator>;
/** A change of inputs after it was checked. */
export type RunChange = z.output<typeof runChange>;
/** See {@linkcode optimizationEdgeChange}. */
export type OptimizationEdgeChange = z.output<typeof optimizationEdgeChange>;
/** See {@linkcode optimizedRefresh}. */
export type OptimizedRefresh = z.output<typeof optimizedRefresh>;
