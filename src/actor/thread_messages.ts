/**
 * What travels between an actor's node in the main isolate and the thread that runs it. One message
 * of a port carries everything of one microtask turn.
 *
 * @module
 */

import type { ExitReason, LogLevel } from "./node.ts";

/** An error as it crosses a thread border. */
export interface ThreadError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

/** A ref inside arguments, as it crosses. */
export interface EncodedRef {
  readonly $wickRef: string;
}

/** Main → thread. Messages have consecutive sequence numbers from `first`. */
export type ToThread =
  | {
    readonly kind: "init";
    readonly path: string;
    readonly name: string;
    readonly args: unknown;
    readonly heartbeat: SharedArrayBuffer;
    readonly causeBase: number;
  }
  | {
    readonly kind: "messages";
    readonly first: number;
    readonly entries: number[];
    readonly payloads: unknown[];
    readonly causes: number[];
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
}

/** Everything of one turn in the thread. */
export interface TurnReport {
  readonly kind: "turn";
  /** Sequence numbers handled, as pairs of first and last. */
  handled: number[];
  /** Sequence numbers that were replied to, their values, and their errors. */
  replySeqs: number[];
  replies: unknown[];
  errorSeqs: number[];
  errors: ThreadError[];
  /** Sequence numbers that were not handled because the actor stops: they go back. */
  returned: number[];
  outgoing: OutgoingMessage[];
  watches: { readonly id: number; readonly path: string }[];
  logs: { level: LogLevel; path: string; message: string; fields: unknown }[];
  /** Service time of the turn's messages, mean in ms; 0 when nothing was timed. */
  serviceMs: number;
}

/** Thread → main. */
export type FromThread =
  | { readonly kind: "hello" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: ThreadError }
  | { readonly kind: "exited"; readonly reason: ExitReason; readonly error: ThreadError | null }
  | TurnReport;

/** An error for the way over a border. */
export function encodeError(error: unknown): ThreadError {
  if (error instanceof Error) {
    return { name: error.name, message: error.message, stack: error.stack };
  }
  return { name: "Error", message: String(error), stack: undefined };
}

/** An error that came over a border. */
export function decodeError(error: ThreadError): Error {
  const made = new Error(error.message);
  made.name = error.name;
  if (error.stack !== undefined) made.stack = error.stack;
  return made;
}

/** An empty report. */
export function emptyTurn(): TurnReport {
  return {
    kind: "turn",
    handled: [],
    replySeqs: [],
    replies: [],
    errorSeqs: [],
    errors: [],
    returned: [],
    outgoing: [],
    watches: [],
    logs: [],
    serviceMs: 0,
  };
}
