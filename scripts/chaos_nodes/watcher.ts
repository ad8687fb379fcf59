/**
 * Reads the log as it is written, beside all nodes: what the commits hold before any copy has judged
 * them, who wrote them, and how the group is meanwhile.
 *
 * @module
 */

import { pause, systemClock, systemRandom } from "../../src/actor/clock.ts";
import { partitionOf } from "../../src/market/partition.ts";
import { unpackChange } from "../../src/store/log/entry_codec.ts";
import { type GroupView, type LogEntry, LogError } from "../../src/store/log/port.ts";
import { RedisLog } from "../../src/store/log/redis_log.ts";
import { isEmpty } from "../../src/store/commit_rules.ts";
import { placeParts } from "../../src/store/partitions/place.ts";
import type { CommitBatch } from "../../src/store/port.ts";
import { OwnerHistory } from "./owners.ts";
import { SeriesRows } from "./rows.ts";
import { OwnerTimes } from "./times.ts";

/** Between two looks at the group, ms: it remembers its last moves only. */
const LOOK_MS = 20;
/** Pause after a call that failed, ms. */
const FAILED_MS = 50;
const READ_MS = 1_000;

/** See the module's text. */
export class Watcher {
  /** What the commits of the log hold, in their order. */
  readonly rows = new SeriesRows();
  readonly times: OwnerTimes;
  readonly owners = new OwnerHistory();
  /** How the group was when it was last seen. */
  view: GroupView | null = null;
  /** Commits that hold rows. */
  commits = 0;
  /** Entries were given up before they were read here; then `rows` is not whole. */
  missed = 0;
  /** Redis cannot be reached. */
  isAway = true;
  lastCommitMs = 0;
  readonly #commitsOf = new Map<string, number>();
  readonly #log: RedisLog;
  readonly #ending = new AbortController();
  #position = 0;
  #loops: readonly Promise<void>[] = [];

  constructor(redis: string, prefix: string, leaseMs: number) {
    this.times = new OwnerTimes(leaseMs);
    const ways = { clock: systemClock, random: systemRandom };
    this.#log = new RedisLog({ redis, prefix, ...ways, isMaking: false });
  }

  /** Begins to read. */
  start(): void {
    this.#loops = [this.#follow(), this.#look()];
    // Whoever waits for the end is told.
    for (const loop of this.#loops) loop.catch(() => {});
  }

  /** Last entry that was read. */
  get position(): number {
    return this.#position;
  }

  /** Session of a node; empty when it is not known. */
  sessionOf(name: string): string {
    return this.view?.nodes.find(({ node }) => node === name)?.session ?? "";
  }

  /** Commits of a session. */
  commitsOf(session: string): number {
    return this.#commitsOf.get(session) ?? 0;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#log.close();
    await Promise.all(this.#loops);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        const entries = await this.#log.read(this.#position, READ_MS, signal);
        for (const entry of entries) this.#take(entry);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof LogError)) throw error;
        if (error.code === "gone") await this.#skip();
        else if (error.code !== "away") throw error;
        await pause(systemClock, FAILED_MS);
      }
    }
  }

  async #skip(): Promise<void> {
    const { firstPosition } = await this.#log.view();
    this.missed += firstPosition - 1 - this.#position;
    this.#position = firstPosition - 1;
  }

  #take({ kind, bytes, position, writer, atMs }: LogEntry): void {
    this.#position = position;
    if (kind !== "commit") return;
    const change = unpackChange(kind, bytes);
    if (change.kind !== "commit") return;
    const session = writer.slice(0, writer.lastIndexOf("/"));
    for (const batch of change.batches) this.#takeBatch(batch, session, atMs);
  }

  #takeBatch({ series, cursor }: CommitBatch, session: string, atMs: number): void {
    if (series.length === 0) return;
    const appendedMs = placeParts(cursor ?? "")?.atMs ?? Infinity;
    this.commits++;
    this.#commitsOf.set(session, this.commitsOf(session) + 1);
    this.lastCommitMs = systemClock.wallNow();
    const partitions = new Set<number>();
    for (const part of series) {
      const tellsAnew = part.replace !== null || part.relabelled !== null;
      for (const rows of part.labels) this.rows.written(part.series, rows, tellsAnew);
      if (!isEmpty(part)) partitions.add(partitionOf(part.series));
    }
    for (const partition of partitions) {
      this.times.committed({ partition, session, atMs, appendedMs });
      this.owners.wrote(partition, session, atMs);
    }
  }

  async #look(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const view = await this.#log.view().catch(() => null);
      this.isAway = view === null;
      if (view !== null) {
        this.view = view;
        for (const move of this.owners.saw(view)) this.times.moved(move);
      }
      await pause(systemClock, LOOK_MS);
    }
  }
}
