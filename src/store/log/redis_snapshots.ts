/**
 * Snapshots in Redis: pieces under keys of their own, which end by themselves unless the snapshot is
 * said to be there, and which stay for a while after a later one has replaced it.
 *
 * @module
 */

import { createHash, randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { LogKeys } from "./keys.ts";
import { checkedPieces, foreignText, lostText } from "./memory_log.ts";
import { LOG_BOUNDS, LogError, type LogPosition, type Snapshot } from "./port.ts";
import { bufferOf, runScript, type ScriptArgument, UPKEEP } from "./scripts.ts";

/** Pieces of an upload that was broken off end after this, s; each piece of a slow one has it anew. */
const UPLOAD_S = 3_600;
/** Pieces of a replaced snapshot stay so long for those who read it, s. */
const REPLACED_S = 300;
/** Entries that are given up at once: some ms of the server's time. */
const TRIM_STEP = 512;

const snapshotText = z.strictObject({
  about: z.strictObject({
    position: z.int().min(0),
    atMs: z.number(),
    bytes: z.int().min(0),
    pieces: z.int().min(0),
    sha256: z.string().length(64),
  }),
  upload: z.string().min(1).max(64),
});

/** A snapshot with the name of its pieces. */
export type PlacedSnapshot = z.infer<typeof snapshotText>;

/** The snapshot of its text; null when there is none, or it is none. */
export function aboutOf(text: string): PlacedSnapshot | null {
  if (text === "") return null;
  try {
    return snapshotText.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** How {@linkcode RedisSnapshots} are made. */
export interface SnapshotsOptions {
  readonly keys: LogKeys;
  readonly logId: () => string;
  /** One trip to the server. */
  readonly call: <T>(run: (redis: Redis) => Promise<T>) => Promise<T>;
  /** The same for megabytes. */
  readonly bulk: <T>(run: (redis: Redis) => Promise<T>) => Promise<T>;
}

/** As in `SharedLog`. */
export class RedisSnapshots {
  readonly #options: SnapshotsOptions;

  /** Makes no call yet. */
  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** The snapshot of its text. */
  aboutOf(text: string): Snapshot | null {
    return aboutOf(text)?.about ?? null;
  }

  /** Puts a snapshot there and gives up what it makes room for. */
  async put(
    position: LogPosition,
    pieces: AsyncIterable<Uint8Array>,
    trimTo: LogPosition = Infinity,
  ): Promise<Snapshot> {
    const { keys, bulk } = this.#options;
    const upload = randomUUID();
    const hash = createHash("sha256");
    let bytes = 0, count = 0;
    for await (const piece of inBounds(pieces)) {
      hash.update(piece);
      const key = keys.piece(upload, count);
      await bulk((redis) => redis.set(key, bufferOf(piece), "EX", UPLOAD_S));
      bytes += piece.length;
      count++;
    }
    const sha256 = hash.digest("hex");
    const placed = { about: { position, atMs: 0, bytes, pieces: count, sha256 }, upload };
    for (let at = 0; at < count; at++) {
      const kept = await bulk((redis) => redis.persist(keys.piece(upload, at)));
      if (kept !== 1) throw pieceGone(position, at);
    }
    const about = await this.#announce(placed);
    await this.trim(Math.min(about.position, trimTo));
    return about;
  }

  async #announce(placed: PlacedSnapshot): Promise<Snapshot> {
    const { about, upload } = placed;
    const [state, first, second] = await this.#run(
      "snapshot",
      JSON.stringify(placed),
      about.position,
    );
    if (state === "put") {
      const before = aboutOf(String(second));
      if (before !== null && before.upload !== upload) await this.#drop(before);
      return { ...about, atMs: Number(first) };
    }
    await this.#drop(placed);
    if (state === "ahead") throw new LogError("foreign", lostText(about.position, Number(first)));
    const held = aboutOf(String(first));
    if (held !== null) return held.about;
    throw new LogError("foreign", "Cannot begin the log with a snapshot: it has entries");
  }

  async #drop({ about, upload }: PlacedSnapshot): Promise<void> {
    const { keys, bulk } = this.#options;
    for (let at = 0; at < about.pieces; at++) {
      await bulk((redis) => redis.expire(keys.piece(upload, at), REPLACED_S));
    }
  }

  /** The last snapshot. */
  async last(): Promise<{ about: Snapshot; pieces: AsyncIterable<Uint8Array> } | null> {
    const { keys, call } = this.#options;
    const text = await call((redis) => redis.hget(keys.meta, "snapshot"));
    if (text === null || text === "") return null;
    const placed = aboutOf(text);
    if (placed === null) {
      throw new LogError("foreign", "Cannot read the snapshot: what lies there is none");
    }
    return { about: placed.about, pieces: checkedPieces(placed.about, this.#pieces(placed)) };
  }

  async *#pieces({ about, upload }: PlacedSnapshot): AsyncIterable<Uint8Array> {
    const { keys, bulk } = this.#options;
    for (let at = 0; at < about.pieces; at++) {
      const piece = await bulk((redis) => redis.getBuffer(keys.piece(upload, at)));
      if (piece === null) throw pieceGone(about.position, at);
      yield piece;
    }
  }

  /** Gives up entries, some at a time. */
  async trim(upTo: LogPosition): Promise<void> {
    for (;;) {
      const [, first, to] = await this.#run("trim", upTo, TRIM_STEP);
      if (Number(first) >= Number(to)) return;
    }
  }

  async #run(operation: string, ...args: readonly ScriptArgument[]): Promise<unknown[]> {
    const { keys, logId, call } = this.#options;
    const reply = await call((redis) =>
      runScript(redis, UPKEEP, [keys.meta, keys.entries], operation, logId(), ...args)
    );
    if (reply[0] !== "foreign") return reply;
    throw new LogError("foreign", foreignText(logId(), String(reply[1] ?? "")));
  }
}

/** Pieces no larger than they may be. */
async function* inBounds(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const most = LOG_BOUNDS.snapshotPieceBytes;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += most) yield piece.subarray(at, at + most);
  }
}

function pieceGone(position: LogPosition, at: number): LogError {
  const message = `Cannot read the snapshot of position ${position}: expected its piece ${at}: ` +
    "current value is none: a later snapshot has replaced it";
  return new LogError("gone", message);
}
