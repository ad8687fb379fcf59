/**
 * Errors as the admin HTTP answers them: problem documents of RFC 9457 with a stable code, what was
 * expected and what came. What a part of the service throws is turned into one by its kind; texts
 * of unknown errors stay inside.
 *
 * @module
 */

import type { z } from "zod";
import {
  ActorDown,
  ActorFailed,
  ActorStopped,
  AskTimeout,
  InvalidMessage,
  Overflow,
} from "../actor/errors.ts";
import { CacheError } from "../cache/error.ts";
import { MarketError } from "../market/error.ts";
import { RefreshError, type RefreshErrorCode } from "../refresh/error.ts";
import type { Problem } from "./schemas.ts";
import { ISSUES_MAX, shapeIssues } from "./shape_issues.ts";

/** What a problem has besides status, code and detail. */
export type ProblemParts = Partial<Omit<Problem, "type" | "title" | "status" | "code" | "detail">>;

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Who are you?",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  408: "Too slow",
  409: "Conflict",
  410: "Gone",
  413: "Too large",
  414: "Target too long",
  415: "Unknown content type",
  421: "Wrong host",
  422: "Wrong shape",
  429: "Too much at once",
  500: "Internal error",
  502: "The actor failed",
  503: "Not available now",
  504: "No reply in time",
};

/** A problem on its way to the client: throw it anywhere in a handler. */
export class HttpProblem extends Error {
  /** Status of the answer. */
  readonly status: number;
  /** Stable name of the kind of problem. */
  readonly code: string;
  /** What else the document says. */
  readonly parts: ProblemParts;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  /** `detail` is for people and must hold nothing internal. */
  constructor(
    status: number,
    code: string,
    detail: string,
    parts: ProblemParts = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.name = "HttpProblem";
    this.status = status;
    this.code = code;
    this.parts = parts;
    this.headers = headers;
  }

  /** The document. */
  toJSON(): Problem {
    return {
      type: `/problems/${this.code}`,
      title: TITLES[this.status] ?? "Error",
      status: this.status,
      detail: this.message,
      code: this.code,
      ...this.parts,
    };
  }
}

/** Headers that tell a client when to come again; whole seconds, at least one. */
export function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { "retry-after": String(Math.max(1, Math.ceil(ms / 1_000))) };
}

/** A refusal for now: 429 when the sender is too fast, 503 when the service cannot. */
export function refusedProblem(
  refused: { readonly code: string; readonly reason: string; readonly retryAfterMs: number },
  parts: ProblemParts = {},
): HttpProblem {
  const isLoad = ["overload", "room", "order"].includes(refused.code);
  const { retryAfterMs } = refused;
  return new HttpProblem(
    isLoad ? 429 : 503,
    refused.code,
    `Cannot take it now: ${refused.reason}`,
    {
      retryAfterMs,
      ...parts,
    },
    retryAfter(retryAfterMs),
  );
}

/** History that was given up. */
export function goneProblem(oldestSeq: number): HttpProblem {
  return new HttpProblem(
    410,
    "gone",
    `Cannot answer from before seq ${oldestSeq}: older history was given up`,
    { oldestSeq },
  );
}

/**
 * A value of the wrong shape, with every field that is wrong; `where` is the part it came in,
 * `value` what was checked.
 */
export function shapeProblem(where: string, error: z.ZodError, value: unknown): HttpProblem {
  const issues = shapeIssues(where, error, value);
  const first = issues[0];
  const detail = first === undefined
    ? `Cannot read the ${where}: wrong shape`
    : `Cannot read the ${where}: ${first.path}: ${first.message}`;
  return new HttpProblem(422, "shape", detail, { issues });
}

/** Codes of refreshing that do not speak of what was asked for. */
const BROKEN: ReadonlySet<RefreshErrorCode> = new Set(["busy", "invariant", "snapshot", "state"]);

/** Any error as a problem; one that is not known says only that something went wrong. */
export function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof InvalidMessage) {
    const issues = error.issues.slice(0, ISSUES_MAX).map(({ path, message }) => ({
      path: path === "" ? "payload" : `payload.${path}`,
      message,
    }));
    return new HttpProblem(422, "invalid_message", error.message, { issues });
  }
  const refused = error instanceof ActorFailed ? error.cause : error;
  if (refused instanceof RefreshError && !BROKEN.has(refused.code)) {
    return new HttpProblem(422, refused.code, refused.message);
  }
  if (error instanceof CacheError) return new HttpProblem(422, error.code, error.message);
  if (error instanceof MarketError) return new HttpProblem(422, error.code, error.message);
  if (error instanceof AskTimeout) return new HttpProblem(504, "ask_timeout", error.message);
  const isSoon = error instanceof ActorStopped || error instanceof ActorDown ||
    error instanceof Overflow;
  if (isSoon) return new HttpProblem(503, error.code, error.message, {}, retryAfter(1_000));
  if (error instanceof ActorFailed) {
    // What the handler threw is for the log and the tree, not for the network.
    return new HttpProblem(502, "actor_failed", "Cannot answer: the actor failed on this message");
  }
  return new HttpProblem(500, "internal", "Cannot answer: something inside went wrong");
}
