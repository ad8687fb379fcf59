/**
 * Where a Firestore feed stands, as a text of at most 130 characters.
 *
 * `1:KEY:BASE`: every document as it was at BASE was delivered. `1:KEY:BASE:UP:ORDER:TS:HASH`: a pass
 * is under way that delivers what was written after BASE and up to UP, in the order of
 * (ORDER, TS, HASH), and is done up to there. BASE and UP are times of the server's commits, ORDER is
 * what the document says of its update: all in epoch microseconds, which is how fine Firestore's
 * timestamps are. TS is the time of the candle, `-` for a refused document; HASH is of its path.
 * KEY is of the options.
 *
 * @module
 */

/** Place in the order in which documents are read. */
export interface FirestorePosition {
  /** When the document says that it was written last, epoch µs. */
  readonly orderUs: number;
  /** Open time of its candle, epoch ms; -Infinity where it has none that is valid. */
  readonly ts: number;
  /** 16 hex digits over its path. */
  readonly hash: string;
}

/** What a cursor says. */
export interface FirestoreStand {
  readonly baseUs: number;
  readonly pass: { readonly upToUs: number; readonly position: FirestorePosition } | null;
}

/** Earliest time that documents are read from, epoch µs: the year 1684, near 2^53 µs before 1970. */
export const FIRESTORE_ORDER_US_MIN = -9_000_000_000_000_000;

/** Nothing was read. */
export const FIRESTORE_START: FirestoreStand = { baseUs: 0, pass: null };

/** Before every document. */
export const FIRESTORE_FIRST: FirestorePosition = {
  orderUs: FIRESTORE_ORDER_US_MIN,
  ts: -Infinity,
  hash: "-",
};

/** Below 0 when `a` comes before `b`. */
export function comparePositions(a: FirestorePosition, b: FirestorePosition): number {
  if (a.orderUs !== b.orderUs) return a.orderUs - b.orderUs;
  if (a.ts !== b.ts) return a.ts < b.ts ? -1 : 1;
  return a.hash === b.hash ? 0 : a.hash < b.hash ? -1 : 1;
}

/** The text of a stand. */
export function firestoreCursor(key: string, { baseUs, pass }: FirestoreStand): string {
  if (pass === null) return `1:${key}:${baseUs}`;
  const { orderUs, ts, hash } = pass.position;
  const time = Number.isFinite(ts) ? ts : "-";
  return `1:${key}:${baseUs}:${pass.upToUs}:${orderUs}:${time}:${hash}`;
}

const CURSOR =
  /^1:([0-9a-f]{8}):(\d{1,16})(?::(\d{1,16}):(-?\d{1,16}):(-|-?\d{1,16}):(-|[0-9a-f]{16}))?$/;

/** What a text says, or what is wrong with it. */
export function parseFirestoreCursor(key: string, text: string): FirestoreStand | string {
  const found = CURSOR.exec(text);
  if (found === null) return "expected 1:KEY:BASE or 1:KEY:BASE:UP:ORDER:TS:HASH";
  if (found[1] !== key) {
    return "expected the project, collection, fields and series of that cursor (a feed of another " +
      "name begins anew, and what comes again does no harm)";
  }
  const baseUs = Number(found[2]);
  if (found[3] === undefined) return { baseUs, pass: null };
  const ts = found[5] === "-" ? -Infinity : Number(found[5]);
  const position = { orderUs: Number(found[4]), ts, hash: found[6] as string };
  return { baseUs, pass: { upToUs: Number(found[3]), position } };
}
