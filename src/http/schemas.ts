/**
 * Shapes of what the admin HTTP takes and gives, as zod schemas. `api.ts` says which route uses
 * which; OpenAPI, the checks at the edge and the typed client all come from them.
 *
 * @module
 */

import { z } from "zod";
import { DEAD_REASONS } from "../actor/dead_letters.ts";
import { ASK_TIMEOUT_MAX_MS } from "../actor/ask.ts";
import {
  RESTART_CAUSES,
  RESTART_EVENTS,
  RESTART_OUTCOMES,
  RESTARTS_KEPT,
} from "../actor/restarts.ts";
import { type KindName, KINDS, KINDS_CHARS_MAX, parseKinds } from "../label/kinds/registry.ts";
import { LEVELS_MAX } from "../label/levels.ts";
import { HORIZON_MAX, VOLATILITIES } from "../label/params.ts";
import { TS_MS_MAX } from "../market/candle.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import { ASSET_CLASSES, CALENDAR_NAMES } from "../market/instrument.ts";
import { isSeries, isSymbol } from "../market/series.ts";
import { healthScore } from "./health_schemas.ts";
import { webhookStatus } from "./webhook/status.ts";

/** Most rows of one page of candles or labels: 10,000 labels are some 5 MB of JSON. */
export const PAGE_ROWS_MAX = 10_000;
/** Rows of a page unless asked for otherwise. */
export const PAGE_ROWS_DEFAULT = 1_000;
/** Most dead letters of one page, or of one replay or drop. */
export const LETTERS_MAX = 1_000;
/** Letters that a replay or drop names one by one: their numbers fit into a request target. */
export const LETTER_IDS_MAX = 200;
/** Places that an answer to a dry run names; all letters are counted. */
export const LETTER_PLACES_MAX = 100;
/** Letters that an answer to a replay names one by one; all are counted. */
export const LETTER_PROBLEMS_MAX = 20;
/** Refused lines that an answer to a push names one by one; all are counted. */
export const REFUSALS_SHOWN_MAX = 100;
/** Longest text of a field that names a thing. */
const NAME_CHARS_MAX = 256;

/** `INSTRUMENT:GRANULARITY`. */
export const series = z.string().max(64)
  .refine(isSeries, "expected INSTRUMENT:GRANULARITY, as EUR_USD:H1")
  .meta({ description: "INSTRUMENT:GRANULARITY", examples: ["EUR_USD:H1"] });

/** What can name an instrument. */
export const symbol = z.string().max(64)
  .refine(isSymbol, "expected 1 to 32 letters, digits or . _ - ^ = +")
  .meta({ examples: ["EUR_USD"] });

/** A point in time: epoch milliseconds, or an ISO date or time in UTC; read as milliseconds. */
export const time = z.union([
  z.int().min(-TS_MS_MAX).max(TS_MS_MAX),
  z.iso.datetime(),
  z.iso.date(),
], "expected epoch milliseconds, or an ISO date or time in UTC").transform((value) =>
  typeof value === "number" ? value : Date.parse(value)
);

/** A commit's number. */
export const seq = z.int().min(0).meta({ description: "Number of a commit" });

const limit = z.int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS_DEFAULT);
const priority = z.int().min(0).max(10).default(5)
  .meta({ description: "10 is refused last" });
const cursor = z.string().regex(/^-?\d{1,16}$/, "expected the `next` of the page before")
  .optional().meta({ description: "`next` of the page before" });

/** Query of a page of candles. */
export const candlesQuery = z.strictObject({
  series,
  from: time.optional(),
  to: time.optional(),
  limit,
  cursor,
  asOf: seq.optional().meta({ description: "As it was known after this commit" }),
});

/** Further kinds of labels, as text. */
export const kinds = z.string().max(KINDS_CHARS_MAX).superRefine((text, ctx) => {
  try {
    parseKinds(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    ctx.addIssue({ code: "custom", message: error.message });
  }
}).meta({
  description: "Further kinds by commas, parameters by colons: " +
    KINDS.map(({ name, params }) =>
      name + params.map((param) => `:${param.name}=${param.byDefault}`).join("")
    ).join(", "),
  examples: ["drawdown,ret_quantile:window=250"],
});

/** Query of a page of labels; kinds, and parameters other than the stored ones, are computed. */
export const labelsQuery = z.strictObject({
  ...candlesQuery.shape,
  horizon: z.int().min(1).max(HORIZON_MAX).optional(),
  up: z.number().positive().optional(),
  down: z.number().positive().optional(),
  tie: z.enum(["lower", "upper"]).optional(),
  vertical: z.enum(["zero", "sign"]).optional(),
  maxGapMs: z.int().positive().optional(),
  volatility: z.enum(VOLATILITIES).optional(),
  kinds: kinds.optional(),
  priority,
});

const price = z.number();
const maybe = z.number().nullable();
const flag = z.int().min(0).max(1);
const half = z.enum(["warmup", "novol", "pending", "final", "broken"]);

/** One candle. */
export const candleRow = z.strictObject({
  ts: z.number(),
  open: price,
  high: price,
  low: price,
  close: price,
  volume: price,
}).meta({ id: "Candle" });

const labelColumns = {
  ts: z.number(),
  close: maybe,
  atr: maybe,
  rv: maybe,
  up: maybe,
  dn: maybe,
  adj: flag,
  tb_status: half,
  label: z.int().min(-1).max(1).nullable(),
  hit: z.enum(["", "upper", "lower", "vertical"]).nullable(),
  bars: z.int().nullable(),
  gap: flag,
  amb: flag,
  exit: maybe,
  tb_ret: maybe,
  fh_status: half,
  fwd_ret: maybe,
  vsr: maybe,
  zret: maybe,
  mfe: maybe,
  t_mfe: z.int().nullable(),
  mae: maybe,
  t_mae: z.int().nullable(),
  pf: maybe,
};

/** The columns of kinds; each is there when it was asked for. */
const kindColumns = Object.fromEntries(
  KINDS.map(({ name, about, unit }) => [
    name,
    maybe.optional().meta({ description: unit === "" ? about : `${about}; ${unit}` }),
  ]),
) as Record<KindName, z.ZodOptional<typeof maybe>>;

/** One label; `seq` and `revision` are left out of computed ones. */
export const labelRow = z.strictObject({
  seq: seq.optional(),
  revision: z.int().min(0).optional(),
  ...labelColumns,
  ...kindColumns,
}).meta({ id: "Label" });

const nextPage = z.string().nullable().meta({ description: "`cursor` of the next page, or null" });

/** A page of candles. */
export const candlesReply = z.strictObject({
  series,
  seq,
  next: nextPage,
  rows: z.array(candleRow),
}).meta({ id: "Candles" });

/** A page of labels. */
export const labelsReply = z.strictObject({
  series,
  paramHash: z.string(),
  source: z.enum(["stored", "computed"]),
  kinds: z.array(z.string()).optional().meta({
    description: "Those asked for, in the order of their columns; no part of the parameter hash",
  }),
  seq: seq.nullable().meta({ description: "Null when computed" }),
  tookMs: z.number().meta({ description: "Time the labelling took; 0 when stored" }),
  cacheHit: z.boolean(),
  next: nextPage,
  rows: z.array(labelRow),
}).meta({ id: "Labels" });

/** Where a stream of labels begins: after a commit, or after row `row` of commit `seq`. */
export const streamCursor = z.string().regex(/^\d{1,16}(-\d{1,10})?$/, "expected SEQ or SEQ-ROW");

/** Query of the label stream. */
export const streamQuery = z.strictObject({
  after: streamCursor.optional().meta({
    description: "SEQ or SEQ-ROW of what was seen last; default: only what comes",
  }),
  series: z.string().max(4_096).optional().meta({ description: "Only these, by commas" }),
});

/** One line of the label stream. */
export const streamLine = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("label"),
    seq,
    row: z.int().min(0).meta({ description: "Place within the commit; resume after SEQ-ROW" }),
    at: z.number().meta({ description: "Epoch ms of the commit" }),
    series,
    paramHash: z.string(),
    revision: z.int().min(0),
    removed: z.boolean().meta({ description: "The row has ceased to be" }),
    ...labelColumns,
  }),
  z.strictObject({
    type: z.literal("heartbeat"),
    seq: seq.meta({ description: "Everything up to this commit has been sent" }),
  }),
  z.strictObject({
    type: z.literal("end"),
    seq,
    code: z.enum(["shutdown", "gone", "failed"]),
    oldestSeq: seq.optional(),
  }),
]).meta({ id: "StreamLine" });

/** Query of a push of candles. */
export const pushQuery = z.strictObject({
  series: series.optional().meta({ description: "Series of candles that do not name one" }),
  priority,
  bulk: z.boolean().default(false).meta({
    description: "Wait for room instead of being refused; for files and backfills",
  }),
});

const committed = z.strictObject({
  state: z.enum(["committed", "queued"]).meta({
    description:
      "queued: several nodes share the work, and the candles are durable in the stream " +
      "of their partition, whose owner labels and commits them; nothing else is known of them yet",
  }),
  seq: seq.meta({ description: "Last commit that this push was part of" }),
  candles: z.int().meta({ description: "Candles added" }),
  corrected: z.int().meta({ description: "Candles replaced or taken out" }),
  labels: z.int().meta({ description: "Label rows that are new or were completed" }),
  revised: z.int().meta({ description: "Label rows that changed" }),
});

/** What became of a push; every accepted candle is durable. */
export const pushReply = z.strictObject({
  accepted: z.int().meta({ description: "Lines that are candles, all of them durable" }),
  refused: z.int().meta({ description: "Lines that are none" }),
  refusals: z.array(z.strictObject({
    line: z.int().min(1),
    reason: z.string(),
    message: z.string(),
    excerpt: z.string(),
  })).max(REFUSALS_SHOWN_MAX),
  commit: committed.nullable().meta({ description: "Null when nothing was accepted" }),
}).meta({ id: "Pushed" });

/** Series that hold candles. */
export const seriesReply = z.strictObject({
  seq,
  series: z.array(z.strictObject({ series, count: z.int(), lastTs: z.number() })),
}).meta({ id: "SeriesList" });

const instrumentParts = {
  assetClass: z.enum(ASSET_CLASSES),
  calendar: z.enum(CALENDAR_NAMES),
  sector: z.string().max(NAME_CHARS_MAX).nullable(),
  granularities: z.array(z.enum(GRANULARITIES)).min(1).max(GRANULARITIES.length),
  barOffsetMs: z.int(),
  priceDigits: z.int().min(0).max(15),
};

/** An instrument as it is registered; what is left out is the default of its class. */
export const instrumentSpec = z.strictObject(instrumentParts).partial()
  .meta({ id: "InstrumentSpec" });

/** An instrument. */
export const instrument = z.strictObject({
  symbol,
  ...instrumentParts,
  source: z.enum(["registered", "default"]),
}).meta({ id: "Instrument" });

/** A support or resistance level, as in a levels file. */
export const level = z.strictObject({
  kind: z.enum(["support", "resistance"]),
  price: z.number().positive(),
  from_ts: z.int().min(-TS_MS_MAX).max(TS_MS_MAX),
  to_ts: z.int().min(-TS_MS_MAX).max(TS_MS_MAX),
}).meta({ id: "Level" });

/** Levels of an instrument. */
export const levels = z.array(level).max(LEVELS_MAX);

/** Levels of an instrument, with its name. */
export const levelsReply = z.strictObject({ symbol, levels }).meta({ id: "Levels" });

const state = z.string();

/** A node of the tree; see `TreeNode`. */
export const treeNode = z.object({
  name: z.string(),
  path: z.string(),
  kind: z.enum(["actor", "thread", "supervisor"]),
  state,
  incarnation: z.int(),
  restart: z.enum(["permanent", "transient", "temporary"]),
  restartsInPeriod: z.int(),
  restartedAt: z.number().nullable().meta({ description: "Epoch ms; null = never" }),
  lastError: z.string().nullable(),
  supervisor: z.strictObject({
    strategy: z.string(),
    intensity: z.number(),
    periodMs: z.number(),
    intensityScope: z.enum(["child", "supervisor"]),
    restarts: z.int(),
    gaveUp: z.int(),
  }).nullable(),
  mailbox: z.object({
    protocol: z.string(),
    depth: z.int(),
    bound: z.int(),
    bytes: z.number(),
    sent: z.int(),
    handled: z.int(),
    deadLettered: z.int(),
    superseded: z.int(),
    ratePerSecond: z.number(),
    serviceMs: z.strictObject({ p50: z.number(), p95: z.number(), p99: z.number() }),
    oldestMs: z.number(),
    expectedWaitMs: z.number(),
  }).nullable(),
  get children() {
    return z.array(treeNode);
  },
}).meta({ id: "TreeNode" });

/** A message that can be sent from outside, with the JSON Schemas of its payload and reply. */
const describedMessage = z.strictObject({
  type: z.string(),
  about: z.string(),
  payload: z.unknown(),
  reply: z.unknown(),
});

/** One node with what it can be sent; `messages` is empty for a supervisor. */
export const actorReply = z.strictObject({
  node: treeNode,
  messages: z.array(describedMessage),
}).meta({ id: "Actor" });

/** Query of the history of restarts. */
export const restartsQuery = z.strictObject({
  path: z.string().min(1).max(1_024).optional().meta({
    description: "Only of this absolute path, as /wick/core/store",
  }),
  below: z.boolean().default(false).meta({ description: "With what is below the path" }),
  limit: z.int().min(1).max(RESTARTS_KEPT).default(100),
});

/** One line of the history of restarts; see `RestartRecord`. */
const restartRecord = z.strictObject({
  id: z.int(),
  at: z.number(),
  path: z.string(),
  event: z.enum(RESTART_EVENTS).meta({
    description: "ended: not started again; gave_up: a supervisor that saw too many restarts",
  }),
  incarnation: z.int().meta({ description: "The one that ended" }),
  cause: z.enum(RESTART_CAUSES).meta({
    description: "failure, exit: its own; sibling: taken along by the strategy; parent: with its " +
      "supervisor; request: somebody asked for it",
  }),
  by: z.string().nullable().meta({
    description: "Path of the sibling, the supervisor, or the child that made it give up",
  }),
  error: z.string().nullable(),
  outcome: z.enum(RESTART_OUTCOMES).nullable().meta({ description: "Null for what is no restart" }),
  tookMs: z.number().nullable().meta({ description: "Until it ran again, or failed to" }),
}).meta({ id: "Restart" });

/** The history of restarts, the latest first. */
export const restartsReply = z.strictObject({
  restarts: z.array(restartRecord),
  total: z.int().meta({ description: "Lines ever, of the whole tree" }),
  kept: z.int().meta({ description: "Lines of the whole tree that are kept" }),
}).meta({ id: "Restarts" });

/** A message as it is posted. */
export const sendBody = z.strictObject({
  type: z.string().min(1).max(128),
  payload: z.unknown().default({}),
  mode: z.enum(["tell", "ask"]).optional().meta({
    description: "Default: ask when the message has a reply",
  }),
  timeoutMs: z.int().min(1).max(Math.min(ASK_TIMEOUT_MAX_MS, 60_000)).default(5_000),
}).meta({ id: "Send" });

/** What became of a message. */
export const sendReply = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("accepted") }),
  z.strictObject({ state: z.literal("replied"), reply: z.unknown() }),
]).meta({ id: "Sent" });

/** What was done to a node. */
export const nodeDone = z.strictObject({
  path: z.string(),
  done: z.enum(["restarted", "stopped"]),
}).meta({ id: "NodeDone" });

const reason = z.string().min(1).max(64).meta({
  description: `${DEAD_REASONS.join(", ")}, or the word of whoever put it into the store`,
});

const letterFilter = {
  path: z.string().max(1_024).optional().meta({ description: "Exactly this absolute path" }),
  type: z.string().max(128).optional(),
  reason: reason.optional(),
};

const lettersLimit = z.int().min(1).max(LETTERS_MAX).default(100);

/** Query of a page of dead letters. */
export const lettersQuery = z.strictObject({
  ...letterFilter,
  latestFirst: z.boolean().default(false).meta({ description: "By descending id" }),
  cursor: z.string().regex(/^\d{1,16}$/, "expected the `next` of the page before").optional(),
  limit: lettersLimit,
});

/** Which dead letters to replay or drop. */
export const lettersAction = z.strictObject({
  ...letterFilter,
  ids: z.string().max(17 * LETTER_IDS_MAX)
    .regex(/^\d{1,16}(,\d{1,16})*$/, "expected numbers of letters by commas").optional()
    .meta({ description: `Exactly these, by commas, at most ${LETTER_IDS_MAX}; no other filter` }),
  dryRun: z.boolean().default(false).meta({ description: "Only say what would come of it" }),
  limit: z.int().min(1).max(LETTERS_MAX).default(LETTERS_MAX),
}).superRefine(({ ids, path, type, reason }, ctx) => {
  if (ids === undefined) return;
  if (ids.split(",").length > LETTER_IDS_MAX) {
    const message = `expected at most ${LETTER_IDS_MAX} numbers`;
    ctx.addIssue({ code: "custom", path: ["ids"], message });
  }
  if (path !== undefined || type !== undefined || reason !== undefined) {
    ctx.addIssue({ code: "custom", path: ["ids"], message: "expected no other filter beside it" });
  }
});

/** A message that was not handled; `payload` is cut where it is long. */
export const deadLetter = z.strictObject({
  id: z.int(),
  at: z.number(),
  path: z.string(),
  type: z.string(),
  reason,
  error: z.string().nullable(),
  cause: z.int().nullable().meta({ description: "Null for a letter of an earlier run" }),
  bytes: z.number().nullable().meta({ description: "Null for a letter of an earlier run" }),
  replay: z.enum(["as_sent", "checked", "never"]).meta({
    description:
      "as_sent: the payload is in memory; checked: read back from the store, sent as a " +
      "message from outside; never: its payload could not be kept",
  }),
  payload: z.unknown(),
}).meta({ id: "DeadLetter" });

/** A page of dead letters. */
export const lettersReply = z.strictObject({
  letters: z.array(deadLetter),
  next: nextPage,
  counts: z.record(z.string(), z.int()).meta({ description: "Letters ever, by reason" }),
  kept: z.int(),
  evicted: z.int(),
}).meta({ id: "DeadLetters" });

/** What a replay or drop came to. */
export const lettersDone = z.strictObject({
  matched: z.int(),
  accepted: z.int().meta({ description: "Sent again and taken, or dropped; or would be" }),
  refused: z.int().meta({
    description: "Not taken: dead letters anew, or named in problems; or would be",
  }),
  problems: z.array(z.strictObject({ id: z.int(), code: z.string(), detail: z.string() }))
    .max(LETTER_PROBLEMS_MAX).meta({
      description:
        "Letters that could not be sent again and stay where they are, the first of them",
    }),
  places: z.array(z.strictObject({
    path: z.string(),
    type: z.string(),
    letters: z.int(),
    accepted: z.int().meta({ description: "Nothing is in their way now" }),
  })).max(LETTER_PLACES_MAX).meta({
    description: "Of a dry run: where letters would go, the most letters first; else empty",
  }),
  dryRun: z.boolean(),
}).meta({ id: "LettersDone" });

const partState = z.enum(["ok", "degraded", "down"]);

/** How the service is. */
export const healthReply = z.strictObject({
  name: z.string(),
  version: z.string(),
  state: partState,
  ready: z.boolean(),
  seq: seq.nullable(),
  parts: z.array(z.strictObject({ name: z.string(), state: partState, detail: z.unknown() })),
  score: healthScore.nullable().meta({ description: "Null before it was judged first" }),
}).meta({ id: "Health" });

/** That the process lives. */
export const aliveReply = z.strictObject({ status: z.literal("ok") }).meta({ id: "Alive" });

/** Whether it can serve; 503 with the parts it waits for when it cannot. */
export const readyReply = z.strictObject({
  ready: z.boolean(),
  waitingFor: z.array(z.string()),
}).meta({ id: "Ready" });

/** Query of the event stream; the header `Last-Event-ID` means the same and counts first. */
export const eventsQuery = z.strictObject({
  after: z.int().min(0).optional().meta({ description: "Id of the event seen last" }),
  types: z.string().max(512).optional().meta({ description: "Only these, by commas" }),
});

/** What labels are delivered to. */
export const webhooksReply = z.strictObject({
  webhooks: z.array(z.strictObject({
    name: z.string(),
    url: z.string(),
    status: webhookStatus.nullable().meta({ description: "Null when it does not answer now" }),
  })),
}).meta({ id: "Webhooks" });

/** Where a copy of the store is to go. */
export const backupBody = z.strictObject({
  file: z.string().min(1).max(1_024).meta({ description: "A file that is not there yet" }),
}).meta({ id: "Backup" });

/** A copy that was made. */
export const backupReply = z.strictObject({ file: z.string(), bytes: z.number() })
  .meta({ id: "BackedUp" });

/** One thing wrong with a request. */
const issue = z.strictObject({
  path: z.string().meta({ description: "Where, dotted; empty = the whole" }),
  message: z.string(),
});

/** An error (RFC 9457). */
export const problem = z.object({
  type: z.string().meta({ description: "`/problems/CODE`, or about:blank" }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().meta({ description: "Stable; branch on it" }),
  expected: z.string().optional(),
  found: z.string().optional(),
  issues: z.array(issue).optional(),
  retryAfterMs: z.number().optional(),
  oldestSeq: seq.optional(),
  pushed: z.object({ accepted: z.int(), throughLine: z.int(), commit: committed.nullable() })
    .optional().meta({ description: "What of a push is committed although it failed" }),
}).meta({ id: "Problem" });

/** An error as the admin HTTP answers it. */
export type Problem = z.output<typeof problem>;
