/**
 * What travels between an actor's node in the main isolate and the thread that runs it. One message
 * of a port carries everything of one microtask turn.
 *
 * @module
 */

import type { DeadReason } from "./dead_letters.ts";
import {
  ActorDown,
  ActorError,
  ActorFailed,
  ActorStopped,
  AskTimeout,
  Overflow,
  textOf,
} from "./errors.ts";
import type { PackedMessages } from "./thread_codec.ts";
import type { ExitReason, LogLevel } from "./node.ts";
import type { SpanAttributes } from "./tracer.ts";

/** An error as it crosses a thread border. */
export interface ThreadError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of errors of the runtime, which keep their kind. */
  readonly code: string | undefined;
  /** What it was caused by; of that the cause is left out. */
  readonly cause: ThreadError | undefined;
}

/** Stands for a payload whose columns were transferred: it cannot be sent again. */
export const GONE = Object.freeze({ transferred: true });

/** A ref inside arguments, as it crosses. */
export interface EncodedRef {
  readonly $wickRef: string;
}

/**
 * Posts main → thread. Messages have consecutive sequence numbers from `first`; those that are all
 * numbers are frames and no posts.
 */
export type ToThread =
  | {
    readonly kind: "init";
    readonly path: string;
    readonly name: string;
    readonly incarnation: number;
    readonly args: unknown;
    readonly heartbeat: SharedArrayBuffer;
    readonly causeBase: number;
    /** Whether spans are recorded: then it reports its own. */
    readonly isTraced: boolean;
    /** Rings for messages to the thread and for what it reports. */
    readonly toThread: SharedArrayBuffer;
    readonly fromThread: SharedArrayBuffer;
  }
  | {
    readonly kind: "messages";
    readonly first: number;
    readonly packed: PackedMessages;
    /** Sequence numbers of those that are traced. */
    readonly traced?: readonly number[];
  }
  | { readonly kind: "stop" }
  | {
    readonly kind: "replies";
    readonly ids: number[];
    readonly values: unknown[];
    readonly errors: (ThreadError | null)[];
  }
  | {
    readonly kind: "gone";
    readonly id: number;
    readonly path: string;
    readonly reason: ExitReason;
  };

/** A message that an actor in a thread sends to an actor elsewhere. */
export interface OutgoingMessage {
  /** Id of an ask; 0 for a tell. */
  readonly id: number;
  readonly path: string;
  readonly type: string;
  readonly payload: unknown;
  readonly lane: number;
  readonly timeoutMs: number;
  readonly cause: number;
  /** Id of the thread's span that it belongs to; 0 = it is not traced. */
  readonly span: number;
}

/**
 * What became of a span in the thread, whose ids are negative there. A message from the main isolate
 * is named by its sequence number, as a parent. Times are epoch ms.
 */
export type SpanNews =
  | {
    readonly is: "start";
    readonly id: number;
    readonly parent: number;
    readonly name: string;
    readonly attributes: SpanAttributes;
    readonly startMs: number;
  }
  | { readonly is: "facts"; readonly id: number; readonly attributes: SpanAttributes }
  | {
    readonly is: "end";
    readonly id: number;
    readonly error: string | null;
    readonly endMs: number;
  };

/** A dead letter of the thread that no message from the main isolate stands behind. */
export interface LostMessage {
  readonly path: string;
  readonly type: string;
  readonly payload: unknown;
  readonly reason: DeadReason;
  readonly cause: number;
}

/** Everything of one turn in the thread. */
export interface TurnReport {
  /** Sequence numbers handled, as pairs of first and last. */
  handled: number[];
  /** Sequence numbers handled whose reply comes later. */
  deferred: number[];
  /** Sequence numbers that were replied to, and the replies. */
  replySeqs: number[];
  replies: unknown[];
  /** Sequence numbers that were handled and cannot be replied to, and why. */
  refusedSeqs: number[];
  refusals: ThreadError[];
  /** Sequence numbers that were not handled because the handler threw, and what. */
  errorSeqs: number[];
  errors: ThreadError[];
  lost: LostMessage[];
  spans: SpanNews[];
  outgoing: OutgoingMessage[];
  watches: { readonly id: number; readonly path: string }[];
  logs: { level: LogLevel; path: string; message: string; fields: unknown }[];
  /** Service time of the turn's messages, mean in ms; 0 when nothing was timed. */
  serviceMs: number;
}

/**
 * Posts thread → main. A frame from there is the usual turn: messages were handled, from the first
 * number on, and replied to with those after the head.
 */
export type FromThread =
  | { readonly kind: "hello" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: ThreadError }
  /** The thread can go on no more, and does not know what it has handled. */
  | { readonly kind: "broken"; readonly error: ThreadError }
  | { readonly kind: "exited"; readonly reason: ExitReason; readonly error: ThreadError | null }
  | { readonly kind: "turn"; readonly report: CompactReport };

/** An error for the way over a border. */
export function encodeError(error: unknown, withCause = true): ThreadError {
  if (!(error instanceof Error)) {
    const message = textOf(error);
    return { name: "Error", message, stack: undefined, code: undefined, cause: undefined };
  }
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    code: error instanceof ActorError ? error.code : undefined,
    cause: withCause && cause !== undefined ? encodeError(cause, false) : undefined,
  };
}

const KINDS: Readonly<Record<string, object>> = {
  ActorDown: ActorDown.prototype,
  ActorFailed: ActorFailed.prototype,
  ActorStopped: ActorStopped.prototype,
  AskTimeout: AskTimeout.prototype,
  Overflow: Overflow.prototype,
};

/** An error that came over a border; one of the runtime keeps its kind. */
export function decodeError(error: ThreadError): Error {
  const options = error.cause === undefined ? {} : { cause: decodeError(error.cause) };
  const made = error.code === undefined
    ? new Error(error.message, options)
    : new ActorError(error.code, error.message, options);
  made.name = error.name;
  if (error.stack !== undefined) made.stack = error.stack;
  const kind = error.code === undefined ? undefined : KINDS[error.name];
  return kind === undefined ? made : Object.setPrototypeOf(made, kind);
}

/** An empty report. */
export function emptyTurn(): TurnReport {
  return {
    handled: [],
    deferred: [],
    replySeqs: [],
    replies: [],
    refusedSeqs: [],
    refusals: [],
    errorSeqs: [],
    errors: [],
    lost: [],
    spans: [],
    outgoing: [],
    watches: [],
    logs: [],
    serviceMs: 0,
  };
}

/** A report as it travels: what is empty is left out, and numbers replied with are packed. */
export type CompactReport =
  & Partial<TurnReport>
  & {
    /** A frame as of the usual turn: a stretch of messages handled and replied to with numbers. */
    readonly numbers?: Float64Array;
    /** Other replies that are all numbers, to the messages of `numberSeqs`. */
    readonly numberReplies?: Float64Array;
    readonly numberSeqs?: Float64Array;
  };

/** A report made small for the way, with its stretch of numbers if it has one. O(what it holds). */
export function compactReport(turn: TurnReport, numbers: Float64Array | null): CompactReport {
  const compact: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(turn)) {
    if (Array.isArray(value) ? value.length > 0 : value !== 0) compact[name] = value;
  }
  if (numbers !== null) compact.numbers = numbers;
  if (turn.replies.length > 0 && turn.replies.every((reply) => typeof reply === "number")) {
    compact.numberReplies = new Float64Array(turn.replies as number[]);
    compact.numberSeqs = new Float64Array(turn.replySeqs);
    delete compact.replySeqs;
    delete compact.replies;
  }
  return compact;
}
