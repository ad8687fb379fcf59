/**
 * Answers, each with the security headers.
 *
 * @module
 */

import { SECURITY_HEADERS } from "./guards/security_headers.ts";
import type { HttpProblem } from "./problem.ts";

/** What an answer's body may be. */
export type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;

/** An answer of a content type. */
export function respond(
  body: Body,
  contentType: string,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: { ...SECURITY_HEADERS, "content-type": contentType, ...headers },
  });
}

/** An answer as JSON. */
export function respondJson(value: unknown, status = 200): Response {
  return respond(JSON.stringify(value), "application/json", status);
}

/** A problem document. */
export function respondProblem(problem: HttpProblem): Response {
  const body = JSON.stringify(problem);
  return respond(body, "application/problem+json", problem.status, problem.headers);
}
