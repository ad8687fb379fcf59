/**
 * How long partitions stood still when their owner changed, by the times of the commits in the log.
 * Only commits of candles count that were waiting by then; else one would measure the wait for candles.
 *
 * @module
 */

import { PARTITIONS } from "../../src/market/partition.ts";
import type { GroupView, Move } from "../../src/store/log/port.ts";

/**
 * A crash is timed only where the group was seen this long before it at most, ms: what a node had before
 * Redis went away may have been others' for long.
 */
const FRESH_MS = 100;

/** A node that crashed, or was stopped for longer than its lease. */
interface Crash {
  readonly node: string;
  readonly session: string;
  /** Epoch ms. */
  readonly atMs: number;
  /** Those that it had when it crashed. */
  readonly partitions: Set<number>;
  /** Another node took some of its partitions. */
  isTaken: boolean;
  /** Another node committed to one of them. */
  isServed: boolean;
}

/** A commit to a partition. */
export interface PartitionCommit {
  readonly partition: number;
  readonly session: string;
  /** Epoch ms of the log's clock. */
  readonly atMs: number;
  /** The last of its candles was appended then, epoch ms of the streams' clock. */
  readonly appendedMs: number;
}

/** See the module's text. */
export class OwnerTimes {
  /** Ms from a crash until another node had taken the first of its partitions. */
  readonly taken: number[] = [];
  /** Crashes of nodes that were back, with all that they had, and crashed again. */
  untaken = 0;
  /** Ms from a crash to the first commit by another node of candles that waited in its partitions. */
  readonly takeOvers: number[] = [];
  /** Ms from a hand-over to the first commit by the next owner of candles that waited. */
  readonly handOvers: number[] = [];
  /** Moves by why. */
  readonly moves: Record<Move["why"], number> = { free: 0, handed: 0, expired: 0, released: 0 };
  readonly #leaseMs: number;
  /** Who committed to a partition last. */
  readonly #last: (string | null)[] = Array.from({ length: PARTITIONS }, () => null);
  /** When a partition was handed over last; -1 when that was looked at. */
  readonly #handedMs = new Float64Array(PARTITIONS).fill(-1);
  #crashes: Crash[] = [];

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** A node is killed or stopped now. */
  crashed(view: GroupView | null, node: string, atMs: number): void {
    const session = view?.nodes.find((each) => each.node === node)?.session;
    if (view === null || session === undefined || atMs - view.atMs > FRESH_MS) return;
    const owned = view.owners.filter((owner) => owner.session === session);
    const partitions = new Set(owned.map(({ partition }) => partition));
    if (partitions.size === 0) return;
    this.#crashes = this.#crashes.filter((crash) => {
      const isBack = crash.node === node && !crash.isTaken;
      if (isBack) this.untaken++;
      return !isBack;
    });
    this.#crashes.push({ node, session, atMs, partitions, isTaken: false, isServed: false });
  }

  /** Redis is killed now: what is measured would say how long that takes. */
  disturbed(): void {
    this.#crashes = [];
    this.#handedMs.fill(-1);
  }

  /** A move of partitions. */
  moved({ atMs, partitions, why, from }: Move): void {
    this.moves[why] += partitions.length;
    for (const crash of this.#crashes) {
      if (crash.node !== from) continue;
      if (atMs < crash.atMs) {
        for (const partition of partitions) crash.partitions.delete(partition);
      } else if (why === "expired" && !crash.isTaken && crash.partitions.size > 0) {
        crash.isTaken = true;
        this.taken.push(atMs - crash.atMs);
      }
    }
    this.#crashes = this.#crashes.filter(({ partitions }) => partitions.size > 0);
    if (why !== "handed") return;
    for (const partition of partitions) this.#handedMs[partition] = atMs;
  }

  /** A commit of the log. */
  committed({ partition, session, atMs, appendedMs }: PartitionCommit): void {
    const last = this.#last[partition] ?? null;
    this.#last[partition] = session;
    for (const crash of this.#crashes) {
      if (crash.isServed || !crash.partitions.has(partition)) continue;
      if (session === crash.session || appendedMs > crash.atMs + this.#leaseMs) continue;
      crash.isServed = true;
      this.takeOvers.push(atMs - crash.atMs);
    }
    this.#crashes = this.#crashes.filter(({ isServed, isTaken }) => !isServed || !isTaken);
    const handedMs = this.#handedMs[partition] as number;
    if (last === session || handedMs < 0 || atMs < handedMs) return;
    this.#handedMs[partition] = -1;
    if (appendedMs <= handedMs) this.handOvers.push(atMs - handedMs);
  }
}
