/**
 * How a Firestore feed is set up: the collection, what its fields are called, and bounds.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GRANULARITIES } from "../market/granularity.ts";
import { SUBSCRIPTION_DEFAULT } from "../market/instrument.ts";
import { isSymbol } from "../market/series.ts";
import { FEED_BATCH_ROWS_DEFAULT, FeedError } from "./port.ts";

/** Where a document of the collection keeps what; `mid.o` is the field `o` of the map `mid`. */
export interface FirestoreFields {
  /** Text `INSTRUMENT:GRANULARITY`; null, the default: `instrument` and `granularity` say it. */
  readonly series: string | null;
  /** Symbol, as `EUR_USD`; a text. */
  readonly instrument: string;
  /** As `H1`; a text. */
  readonly granularity: string;
  /** Open time of the bar: a timestamp, epoch milliseconds, or ISO 8601 text with its zone. */
  readonly ts: string;
  /** First price; prices and volume are numbers or decimal texts. */
  readonly open: string;
  /** Highest price. */
  readonly high: string;
  /** Lowest price. */
  readonly low: string;
  /** Last price. */
  readonly close: string;
  /** Volume; null: documents have none, it counts as 0. */
  readonly volume: string | null;
  /** True once the bar is over; documents where it is anything else are not read. */
  readonly complete: string;
  /** True in a document whose candle is withdrawn; need not be there. */
  readonly deleted: string;
  /** When the document was written last: what the feed reads in the order of. */
  readonly updated: string;
}

/** Names of fields unless said otherwise. */
export const FIRESTORE_FIELDS_DEFAULT: FirestoreFields = {
  series: null,
  instrument: "instrument",
  granularity: "granularity",
  ts: "ts",
  open: "open",
  high: "high",
  low: "low",
  close: "close",
  volume: "volume",
  complete: "complete",
  deleted: "deleted",
  updated: "updatedAt",
};

/** How far `updated` may be from the time of the commit unless said otherwise, ms. */
export const FIRESTORE_SKEW_MS_DEFAULT = 10_000;

/** Most of that: a quarter, for collections that are read in the order of `ts`. */
export const FIRESTORE_SKEW_MS_MAX = 8_000_000_000;

/** How often a collection that is listened to is asked all the same, ms: 2,880 reads a day. */
export const FIRESTORE_LOOK_MS_DEFAULT = 30_000;

/** How long the server may take to answer, ms; the client library tries again meanwhile. */
export const FIRESTORE_ANSWER_MS_DEFAULT = 15_000;

/** Most documents of a query: some 2 MB at 1 kB each. */
export const FIRESTORE_PAGE_DOCUMENTS = 2_000;

/** Most documents that are listened to at a time: the client library holds some 2 MB of them. */
export const FIRESTORE_VIEW_DOCUMENTS = 1_000;

/** How a Firestore feed is set up. */
export interface FirestoreOptions {
  /** Name of the source; `firestore:COLLECTION` unless said otherwise. */
  readonly name?: string;
  /** The Google Cloud project. */
  readonly projectId: string;
  /** `(default)` unless said otherwise. */
  readonly databaseId?: string;
  /** Path of the collection, as `candles` or `markets/fx/candles`; of a group, its last word. */
  readonly collection: string;
  /** Reads all collections of that name, wherever they lie; false unless said otherwise. */
  readonly isGroup?: boolean;
  /** What fields are called. */
  readonly fields?: Partial<FirestoreFields>;
  /** What type `fields.updated` has: a Firestore timestamp, the default, or epoch milliseconds. */
  readonly orderAs?: "timestamp" | "millis";
  /** How far `fields.updated` may be from the time of the commit, ms. */
  readonly skewMs?: number;
  /** Instruments that are taken; empty: all. The default subscription unless said otherwise. */
  readonly symbols?: readonly string[];
  /** Granularities that are taken; empty: all. */
  readonly granularities?: readonly string[];
  /** Most documents of a batch. */
  readonly rowsMax?: number;
  /** Goes on with what is written later; true unless said otherwise. */
  readonly follow?: boolean;
  /** See {@linkcode FIRESTORE_LOOK_MS_DEFAULT}. */
  readonly lookMs?: number;
  /** See {@linkcode FIRESTORE_ANSWER_MS_DEFAULT}. */
  readonly answerMs?: number;
  /** Key file of a service account; null, the default: what the machine itself may do. */
  readonly credentialsFile?: string | null;
  /** `HOST:PORT` of an emulator, which is asked without TLS and without credentials. */
  readonly emulatorHost?: string | null;
  /** Most documents of a query; a test wants small ones. */
  readonly pageDocuments?: number;
  /** Most documents that are listened to; the client library holds them all. */
  readonly viewDocuments?: number;
}

/** Options with all their values. */
export interface FirestorePlan extends Required<Omit<FirestoreOptions, "fields">> {
  /** Names of the fields of a document. */
  readonly fields: FirestoreFields;
  /** 8 hex digits over what decides which rows the feed has; part of its cursors. */
  readonly key: string;
  /** Words of a filter that the server can apply; none where there are too many of them. */
  readonly serverFilter: {
    readonly symbols: readonly string[];
    readonly granularities: readonly string[];
  };
}

/** Firestore allows 30 disjunctions in a query (firebase.google.com/docs/firestore/query-data). */
const DISJUNCTIONS_MAX = 30;

/**
 * Options made whole.
 *
 * @throws {FeedError} code `options`.
 */
export function firestorePlan(options: FirestoreOptions): FirestorePlan {
  const fields = { ...FIRESTORE_FIELDS_DEFAULT, ...options.fields };
  const symbols = [...options.symbols ?? SUBSCRIPTION_DEFAULT.symbols];
  const granularities = [...options.granularities ?? SUBSCRIPTION_DEFAULT.granularities];
  const { projectId, collection } = options;
  const plan = {
    name: options.name ?? `firestore:${collection}`,
    projectId,
    databaseId: options.databaseId ?? "(default)",
    collection,
    isGroup: options.isGroup ?? false,
    fields,
    orderAs: options.orderAs ?? "timestamp",
    skewMs: options.skewMs ?? FIRESTORE_SKEW_MS_DEFAULT,
    symbols,
    granularities,
    rowsMax: options.rowsMax ?? FEED_BATCH_ROWS_DEFAULT,
    follow: options.follow ?? true,
    lookMs: options.lookMs ?? FIRESTORE_LOOK_MS_DEFAULT,
    answerMs: options.answerMs ?? FIRESTORE_ANSWER_MS_DEFAULT,
    credentialsFile: options.credentialsFile ?? null,
    emulatorHost: options.emulatorHost ?? null,
    pageDocuments: options.pageDocuments ?? FIRESTORE_PAGE_DOCUMENTS,
    viewDocuments: options.viewDocuments ?? FIRESTORE_VIEW_DOCUMENTS,
    serverFilter: serverFilterOf(fields, symbols, granularities),
  } as const;
  assertPlan(plan);
  return { ...plan, key: keyOf(plan) };
}

function serverFilterOf(
  fields: FirestoreFields,
  symbols: readonly string[],
  granularities: readonly string[],
): FirestorePlan["serverFilter"] {
  const none = { symbols: [], granularities: [] };
  if (fields.series !== null) return none;
  if (Math.max(1, symbols.length) * Math.max(1, granularities.length) <= DISJUNCTIONS_MAX) {
    return { symbols, granularities };
  }
  return granularities.length <= DISJUNCTIONS_MAX ? { symbols: [], granularities } : none;
}

function assertPlan(plan: Omit<FirestorePlan, "key">): void {
  const parts = plan.collection.split("/");
  const isPath = parts.length % 2 === 1 && parts.every((part) => part !== "" && part !== "..");
  const checks: readonly (readonly [boolean, string, unknown])[] = [
    [plan.projectId !== "", "a project: GCP_PROJECT_ID or gcpProjectId names it", plan.projectId],
    [
      isPath && (!plan.isGroup || parts.length === 1),
      plan.isGroup
        ? "the last word of a group's collections"
        : "the path of a collection, an odd number of words parted by /",
      plan.collection,
    ],
    [
      Object.values(plan.fields).every((path) =>
        path === null || /^[^.\s`[\]*~/]+(\.[^.\s`[\]*~/]+)*$/.test(path)
      ),
      "names of fields, maps and fields parted by points",
      JSON.stringify(plan.fields),
    ],
    [plan.symbols.every(isSymbol), "symbols as EUR_USD", plan.symbols.join(" ")],
    [
      plan.granularities.every((one) => (GRANULARITIES as readonly string[]).includes(one)),
      `granularities of ${GRANULARITIES.join(" ")}`,
      plan.granularities.join(" "),
    ],
    [
      plan.skewMs >= 0 && plan.skewMs <= FIRESTORE_SKEW_MS_MAX,
      `skewMs of 0 to ${FIRESTORE_SKEW_MS_MAX}`,
      plan.skewMs,
    ],
    [plan.lookMs >= 10, "lookMs of 10 or more", plan.lookMs],
    [plan.answerMs >= 10, "answerMs of 10 or more", plan.answerMs],
    [plan.viewDocuments >= 2, "views of 2 documents or more", plan.viewDocuments],
    [plan.pageDocuments >= 2, "pages of 2 documents or more", plan.pageDocuments],
  ];
  const wrong = checks.find(([isRight]) => !isRight);
  if (wrong === undefined) return;
  throw new FeedError(
    "options",
    `Cannot set up feed ${plan.name}: expected ${wrong[1]}: current value is "${wrong[2]}"`,
  );
}

function keyOf(plan: Omit<FirestorePlan, "key">): string {
  const { projectId, databaseId, collection, isGroup, fields, orderAs } = plan;
  const series = [[...plan.symbols].sort(), [...plan.granularities].sort()];
  const names = Object.entries(fields).sort(([a], [b]) => a < b ? -1 : 1);
  const text = JSON.stringify([projectId, databaseId, collection, isGroup, names, orderAs, series]);
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
