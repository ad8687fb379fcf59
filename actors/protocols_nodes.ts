/**
 * Messages of the actors that several nodes need: how candles come in and go to their owner.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import { nodesReply } from "../src/http/node_schemas.ts";
import type { CommitResult } from "../src/store/port.ts";
import type { PartitionBacklog, PartitionPage, StreamPlace } from "../src/store/partitions/port.ts";
import { type Ingest, type IngestReply, rowsOf } from "./protocols.ts";

const nothing = z.strictObject({});

/** A candle's six numbers. */
const CANDLE_BYTES = 48;
/** An ingest, or a page, without its rows. */
const MESSAGE_BYTES = 512;

/** Whoever takes batches of candles: the label pool, or in a node the partition writer. */
export interface IngestRef {
  /** Asks it to take a batch. */
  ask(
    type: "ingest",
    batch: Ingest,
    options?: { readonly timeoutMs?: number },
  ): Promise<IngestReply>;
}

// ---- partition writer -----------------------------------------------------------------------------

/** What became of an append. */
export type AppendOutcome =
  | { readonly state: "appended" }
  | { readonly state: "full"; readonly partitions: readonly number[] }
  /** Nobody knows, or nothing was: it may come again. */
  | { readonly state: "away"; readonly message: string }
  /** It cannot be written whoever tries. */
  | { readonly state: "impossible"; readonly message: string };

/** Appends candles to the streams of their partitions, and commits where their source stands. */
export const PartitionWriter = protocol("partition_writer", {
  // As the label pool's; committed means that the candles are durable in the streams.
  ingest: {
    payload: z.custom<Ingest>(),
    reply: z.custom<IngestReply>(),
    internal: true,
    bytesOf: ({ blocks }: Ingest) => MESSAGE_BYTES + CANDLE_BYTES * rowsOf(blocks),
  },
  status: {
    about: "What is on its way to the streams, and what became of batches",
    payload: nothing,
    reply: z.strictObject({
      state: z.enum(["ok", "away"]),
      batches: z.number(),
      rows: z.number(),
      refused: z.number(),
      failed: z.number(),
      underWayBatches: z.number(),
      underWayBytes: z.number(),
      fullPartitions: z.array(z.number()),
      lastError: z.string().nullable(),
    }),
  },
  // What it tells itself: answers of the streams and of the store.
  appended: {
    payload: z.custom<
      { readonly life: number; readonly id: number; readonly outcome: AppendOutcome }
    >(),
    internal: true,
    priority: "high",
  },
  stored: {
    payload: z.custom<{ readonly life: number; readonly result: CommitResult }>(),
    internal: true,
    priority: "high",
  },
  // The store did not answer.
  lost: {
    payload: z.custom<{ readonly life: number; readonly message: string }>(),
    internal: true,
    priority: "high",
  },
});

// ---- partition reader -----------------------------------------------------------------------------

/** What a partition that is let go came to. */
export interface Drained {
  readonly partition: number;
  /** Everything that was on its way is committed; else a part was given up and comes again. */
  readonly isClean: boolean;
  /** Where its last commit stands, as far as known here. */
  readonly cursor: StreamPlace | null;
}

/** How far the labels of a partition are behind its stream. */
export interface PartitionLag extends PartitionBacklog {
  /** Batches that are with the label pool. */
  readonly underWay: number;
  /** Failures in a row: 0 while all goes well. */
  readonly failures: number;
  readonly lastError: string | null;
}

/** Reads the streams of the partitions that this node owns, and has their candles labelled. */
export const PartitionReader = protocol("partition_reader", {
  // The partitions are this node's, and its copy of the store has caught up; idempotent. The cursors
  // are where they stand, if that is known.
  own: {
    payload: z.custom<
      {
        readonly partitions: readonly number[];
        readonly cursors?: readonly (StreamPlace | null)[];
      }
    >(),
    internal: true,
    priority: "high",
  },
  // Replies when nothing of it is on its way any more, after some seconds in any case.
  drain: {
    payload: z.custom<{ readonly partition: number }>(),
    reply: z.custom<Drained>(),
    internal: true,
    priority: "high",
  },
  // Somebody else owns it: what is on its way will be refused.
  disown: {
    payload: z.custom<{ readonly partition: number }>(),
    internal: true,
    priority: "high",
  },
  status: {
    about: "What is read of this node's partitions, and how far it is behind",
    payload: nothing,
    reply: z.strictObject({
      state: z.enum(["ok", "away"]),
      partitions: z.number(),
      batches: z.number(),
      rows: z.number(),
      retries: z.number(),
      damaged: z.number(),
      underWayBatches: z.number(),
      underWayRows: z.number(),
      waitingEntries: z.number(),
      waitingBytes: z.number(),
      oldestMs: z.number().nullable(),
      lastError: z.string().nullable(),
    }),
  },
  // For the view of all nodes: those that are behind; see `PartitionLag`.
  lags: { payload: nothing, reply: z.custom<PartitionLag[]>(), internal: true, priority: "high" },
  // What it tells itself: answers of the streams, of the store and of the pool, and the time.
  cursor: {
    payload: z.custom<
      {
        readonly partition: number;
        readonly epoch: number;
        readonly cursor: string | null;
        /** Set when the store did not answer. */
        readonly error: string | null;
      }
    >(),
    internal: true,
    priority: "high",
  },
  // The same of many, `epochs` in the order of their cursors.
  cursors: {
    payload: z.custom<
      {
        readonly epochs: readonly { readonly partition: number; readonly epoch: number }[];
        readonly cursors: readonly (string | null)[];
      }
    >(),
    internal: true,
    priority: "high",
  },
  pages: {
    payload: z.custom<{
      readonly life: number;
      readonly pages: readonly PartitionPage[];
      readonly error: string | null;
    }>(),
    internal: true,
    bytesOf: ({ pages }: { pages: readonly PartitionPage[] }) =>
      pages.reduce((sum, { bytes }) => sum + bytes, MESSAGE_BYTES),
  },
  settled: {
    payload: z.custom<
      {
        readonly partition: number;
        readonly epoch: number;
        readonly id: number;
        readonly reply: IngestReply;
      }
    >(),
    internal: true,
    priority: "high",
  },
  go: { payload: z.custom<{ readonly partition: number }>(), internal: true },
  late: { payload: z.custom<{ readonly partition: number }>(), internal: true },
  read: { payload: nothing, internal: true },
  trim: { payload: nothing, internal: true },
  look: { payload: nothing, internal: true },
  looked: {
    payload: z.custom<{ readonly life: number; readonly backlog: readonly PartitionBacklog[] }>(),
    internal: true,
  },
});

// ---- node -----------------------------------------------------------------------------------------

/** Keeps this process in the group of nodes, and its partitions where they should be. */
export const NodeMember = protocol("node", {
  status: {
    about: "How this node is: its phase, partitions and way to the group",
    payload: nothing,
    reply: nodesReply.shape.self,
    priority: "high",
  },
  nodes: {
    about: "All nodes, who has which partition, how far behind, and what moved",
    payload: nothing,
    reply: nodesReply,
    priority: "high",
  },
  // Gives away all its partitions and leaves the group; replies when that is done.
  leave: { payload: nothing, reply: z.null(), internal: true, priority: "high" },
  // What it tells itself: something of it broke that should not.
  broke: { payload: z.custom<{ readonly message: string }>(), internal: true },
});

// ---- log follower ---------------------------------------------------------------------------------

/** Tells of every commit that this node's copy has applied, whoever made it. */
export const LogFollower = protocol("log_follower", {
  status: {
    about: "The last commit that was told of, and how many",
    payload: nothing,
    reply: z.strictObject({
      state: z.enum(["ok", "away"]),
      toldSeq: z.number(),
      commits: z.number(),
      gaps: z.number(),
      lastError: z.string().nullable(),
    }),
  },
  // A seq after which no commit was about a series.
  touchedSeq: {
    payload: z.custom<{ readonly series: string }>(),
    reply: z.custom<number>(),
    internal: true,
  },
  // What it tells itself: what was applied meanwhile.
  look: { payload: nothing, internal: true },
});
