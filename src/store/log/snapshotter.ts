/**
 * Making snapshots of a copy: a backup beside it, put into the log in pieces, whenever the log holds
 * more than it should.
 *
 * @module
 */

import { rmSync } from "node:fs";
import type { Clock } from "../../actor/clock.ts";
import { partitionOf } from "../../market/partition.ts";
import type { Store } from "../port.ts";
import { markIn, piecesOf } from "./copy.ts";
import {
  type GroupView,
  LOG_BOUNDS,
  LogError,
  type LogPosition,
  type SharedLog,
  type Snapshot,
} from "./port.ts";

/** Share of the log's bound from which entries are given up that a living node still has to read. */
const PRESSING_SHARE = 0.5;

/** Whoever owns this partition makes the snapshots. */
export const SNAPSHOT_PARTITION = partitionOf("log snapshots");

/** Pause between two looks at the log's size, ms. */
const LOOK_MS = 2_000;
/** Pause after a snapshot that could not be made, ms: each try copies the whole file. */
const FAILED_MS = 30_000;

/** What a {@linkcode SnapshotWatch} watches. */
export interface WatchedStore {
  /** Whether this node writes to a partition. */
  owns(partition: number): boolean;
  /** As in `ReplicatedStore`. */
  snapshot(bytesMax: number): Promise<Snapshot | null>;
}

/** Makes a snapshot whenever it is this node's turn and the log is large. */
export class SnapshotWatch {
  readonly #options: { store: WatchedStore; clock: Clock; bytesMax: number };
  #cancel: () => void = () => {};
  #making: Promise<void> = Promise.resolve();
  #isClosed = false;
  #lastError: string | null = null;

  /** Begins to look. */
  constructor(options: { store: WatchedStore; clock: Clock; bytesMax: number }) {
    this.#options = options;
    this.#lookAfter(LOOK_MS);
  }

  /** Why the last one could not be made; null when it could. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** Ends looking, after what is being made. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#making;
  }

  #lookAfter(ms: number): void {
    if (this.#isClosed) return;
    this.#cancel = this.#options.clock.setTimer(ms, () => this.#making = this.#look());
  }

  async #look(): Promise<void> {
    const { store, bytesMax } = this.#options;
    try {
      if (store.owns(SNAPSHOT_PARTITION)) await store.snapshot(bytesMax);
      this.#lastError = null;
      this.#lookAfter(LOOK_MS);
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
      const isAway = error instanceof LogError && error.code === "away";
      this.#lookAfter(isAway ? LOOK_MS : FAILED_MS);
    }
  }
}

/** What a snapshot is made of. */
export interface SnapshotSource {
  readonly log: SharedLog;
  readonly store: Store;
  /** The copy's file; the backup is made beside it. */
  readonly path: string;
  /** The group, as it was just before. */
  readonly view: GroupView;
}

/**
 * Makes one. The position is that of the backup, which was made while entries were applied.
 *
 * @throws {LogError | StoreError} When it could not be made; what was begun is removed.
 */
export async function takeSnapshot(
  { log, store, path, view }: SnapshotSource,
): Promise<Snapshot> {
  return await backupFile(store, path, async (file) => {
    const mark = markIn(file);
    if (mark === null) {
      throw new LogError("foreign", "Cannot make a snapshot: the copy has no place");
    }
    return await log.putSnapshot(mark.position, piecesOf(file), keptFrom(view));
  });
}

/** Up to where entries may be given up: what living nodes still have to read stays, within bounds. */
function keptFrom({ nodes, bytes }: GroupView): LogPosition {
  if (bytes > LOG_BOUNDS.bytes * PRESSING_SHARE) return Infinity;
  return Math.min(Infinity, ...nodes.map(({ applied }) => applied));
}

/** Gives a backup of a store to `use`, and removes it. */
export async function backupFile<T>(
  store: Store,
  path: string,
  use: (file: string) => Promise<T>,
): Promise<T> {
  const file = `${path}.snapshot`;
  rmSync(file, { force: true });
  try {
    await store.backup(file);
    return await use(file);
  } finally {
    rmSync(file, { force: true });
    for (const part of ["-wal", "-shm"]) rmSync(file + part, { force: true });
  }
}
