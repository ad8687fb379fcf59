/**
 * How asks fail on the way between nodes: the kind of the failure, and of what caused it its name,
 * text and code. No stack travels: it names files of another machine.
 *
 * @module
 */

import {
  ActorError,
  ActorFailed,
  ActorStopped,
  AskTimeout,
  InvalidMessage,
  Overflow,
  textOf,
} from "./errors.ts";
import { FAILURE, type WireFailure } from "./remote_frame.ts";

const NO_TEXT = { name: "", text: "", code: "" };

/** A failure of `type` at `path`, as it travels. */
export function encodeFailure(error: unknown, path: string, type: string): WireFailure {
  if (error instanceof AskTimeout) return { kind: FAILURE.timeout, ...NO_TEXT };
  if (error instanceof ActorStopped) return { kind: FAILURE.stopped, ...NO_TEXT };
  if (error instanceof Overflow) {
    const before = `Cannot deliver "${type}" to ${path}: `;
    const { message } = error;
    const text = message.startsWith(before) ? message.slice(before.length) : message;
    return { kind: FAILURE.overflow, ...NO_TEXT, text };
  }
  const cause = error instanceof ActorFailed ? error.cause : error;
  const name = cause instanceof Error ? cause.name : "Error";
  return { kind: FAILURE.failed, name, text: textOf(cause), code: codeOf(cause) };
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  return typeof code === "string" ? code : "";
}

/** The error of an ask of `type` at `path`, which was to be answered within `timeoutMs`. */
export function decodeFailure(
  failure: WireFailure,
  path: string,
  type: string,
  timeoutMs: number,
): Error {
  switch (failure.kind) {
    case FAILURE.timeout:
      return new AskTimeout(path, type, timeoutMs);
    case FAILURE.stopped:
      return new ActorStopped(path, type);
    case FAILURE.overflow:
      return new Overflow(path, type, failure.text);
    default:
      return new ActorFailed(path, type, causeOf(failure));
  }
}

function causeOf({ name, text, code }: WireFailure): Error {
  const cause = code === "invalid_message"
    ? new InvalidMessage(text)
    : code === ""
    ? new Error(text)
    : new ActorError(code, text);
  if (name !== "") cause.name = name;
  return cause;
}
