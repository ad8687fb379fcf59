/**
 * How several processes with one second tier keep their shards coherent: each publishes what it
 * invalidates, and reads what the others published, from a position that it keeps.
 *
 * @module
 */

import { z } from "zod";
import {
  type Dependency,
  EVERY_ENTRY,
  type Selection,
  type TierSelection,
  type TouchedRange,
} from "../../cache/types.ts";

/** Longest message, characters; a longer one is published as "everything". */
export const MESSAGE_CHARS_MAX: number = 256 * 1024;

/** What is published. */
export type InvalidationMessage =
  /** Entries that end. */
  | { readonly kind: "selection"; readonly selection: Selection }
  /** A commit touched candles. */
  | { readonly kind: "touched"; readonly seq: number; readonly ranges: readonly TouchedRange[] };

/** Who reads. Its methods must not throw. */
export interface InvalidationSubscriber {
  /** Another process published this; messages of one process come in their order. */
  onInvalidation(message: InvalidationMessage): void;
  /**
   * Messages may be missing: what is in the shards is to be flushed. Called once at the beginning,
   * since nobody knows what was published before.
   */
  onGap(reason: string): void;
}

/** How a stream is. */
export interface StreamStatus {
  /** `down`: nothing arrives, so that other processes' invalidations are not known yet. */
  readonly state: "up" | "down";
  /** Messages that wait to be published. */
  readonly waiting: number;
  readonly published: number;
  readonly received: number;
  readonly gaps: number;
  /** Own messages that the server had lost and that were published again. */
  readonly repeated: number;
  readonly lastError: string | null;
}

/** The port. Nothing of it throws or rejects. */
export interface InvalidationStream {
  /** Tells all other processes, now or as soon as that is possible. Own messages never come back. */
  publish(message: InvalidationMessage): void;
  /** Begins to read; what is returned ends it. At most one subscriber at a time. */
  subscribe(subscriber: InvalidationSubscriber): () => void;
  /** How it is. */
  status(): StreamStatus;
  /** Ends connections and timers; idempotent. What waits to be published is given up. */
  close(): Promise<void>;
}

/** Everything: what is said when what exactly is too much to say. */
export const EVERYTHING: InvalidationMessage = {
  kind: "selection",
  selection: EVERY_ENTRY,
};

/** What of a message concerns the second tier; null for commits, whose seqs are compared there. */
export function tierPartOf(message: InvalidationMessage): TierSelection | null {
  if (message.kind === "touched") return null;
  const { keys = [], patterns = [], tags = [] } = message.selection;
  return keys.length + patterns.length + tags.length === 0 ? null : { keys, patterns, tags };
}

/** A message as text. JSON has no Infinity: null stands for it, open to the side it is on. */
export function encodeMessage(message: InvalidationMessage): string {
  const text = JSON.stringify(message);
  return text.length <= MESSAGE_CHARS_MAX ? text : JSON.stringify(EVERYTHING);
}

/** The message of a text, or null when it is none. */
export function decodeMessage(text: string): InvalidationMessage | null {
  if (text.length > MESSAGE_CHARS_MAX) return null;
  try {
    return Message.safeParse(JSON.parse(text)).data as InvalidationMessage | undefined ?? null;
  } catch {
    return null;
  }
}

const Texts = z.array(z.string()).optional();
const FromTs = z.number().nullable().transform((ts) => ts ?? -Infinity);
const ToTs = z.number().nullable().transform((ts) => ts ?? Infinity);
const Range = z.strictObject({ series: z.string(), fromTs: FromTs, toTs: ToTs });

const DependencySchema: z.ZodType<Dependency> = z.discriminatedUnion("kind", [
  Range.extend({ kind: z.literal("candles") }),
  z.strictObject({ kind: z.literal("levels"), instrument: z.string() }),
  z.strictObject({ kind: z.literal("key"), key: z.string() }),
]);

const Message = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("selection"),
    selection: z.strictObject({
      keys: Texts,
      patterns: Texts,
      tags: Texts,
      dependencies: z.array(DependencySchema).optional(),
    }),
  }),
  z.strictObject({ kind: z.literal("touched"), seq: z.number(), ranges: z.array(Range) }),
]);
