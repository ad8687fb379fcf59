/**
 * What goes wrong with a provider: classes by which callers decide whether to try again, codes by
 * which they and people know what it was, and the one error of this folder.
 *
 * @module
 */

import type { FailureClass } from "../batch/retry.ts";
import { z } from "zod";
import { RETRY_AFTER_MS_MAX } from "./limits.ts";

/**
 * `transient`: the same call may succeed later. `permanent`: it will not, whatever the wait.
 * `limited`: it may after the wait that the provider asks for.
 */
export const FAILURE_CLASSES = [
  "transient",
  "permanent",
  "limited",
] as const satisfies readonly FailureClass[];

export type { FailureClass };

/** The class of each code. */
export const FAILURE_CLASS_OF = {
  /** No whole answer within the time of the call. */
  timeout: "transient",
  /** The connection could not be made, or broke off. */
  network: "transient",
  /** The provider says that it cannot answer at the moment: 408, 425 or 5xx. */
  unavailable: "transient",
  /** The circuit breaker lets no call through. */
  open: "transient",
  /** The answer is no JSON by its header, as a page of a proxy under maintenance. */
  content_type: "transient",
  /** The answer is no JSON, as one that was cut. */
  json: "transient",
  /** The key is missing, unknown, or not for this kind of data: 401 or 403. */
  auth: "permanent",
  /** The provider refuses the request: another 4xx. */
  refused: "permanent",
  /** The answer sends to another host, or in circles. */
  redirect: "permanent",
  /** The answer has more bytes or rows than are read. */
  too_large: "permanent",
  /** The answer is JSON, and not of the documented shape. */
  shape: "permanent",
  /** The provider fails on this symbol each time. */
  symbol: "permanent",
  /** Too many requests within the window of a limit: 429. */
  rate: "limited",
  /** The quota of the day is used up: 402. */
  quota: "limited",
} as const satisfies Readonly<Record<string, FailureClass>>;

/** Code of a failure; stable, so that callers may branch on it. */
export type FailureCode = keyof typeof FAILURE_CLASS_OF;

const CODES = Object.keys(FAILURE_CLASS_OF) as [FailureCode, ...FailureCode[]];

/** A failure as plain data. */
export interface ProviderFailure {
  /** What a caller may do about it. */
  readonly class: FailureClass;
  /** What it was. */
  readonly code: FailureCode;
  /** For people; never holds a key, nor anything that the provider wrote. */
  readonly message: string;
  /** Wait that the provider asks for, ms; null when it names none. */
  readonly retryAfterMs: number | null;
}

/** The schema of a {@linkcode ProviderFailure}. */
export const failureSchema: z.ZodType<ProviderFailure> = z.strictObject({
  class: z.enum(FAILURE_CLASSES),
  code: z.enum(CODES),
  message: z.string().max(1_000),
  retryAfterMs: z.number().min(0).max(RETRY_AFTER_MS_MAX).nullable(),
});

/** A failure of that code. */
export function failure(
  code: FailureCode,
  message: string,
  retryAfterMs: number | null = null,
): ProviderFailure {
  return { class: FAILURE_CLASS_OF[code], code, message, retryAfterMs };
}

/** Which promise to a provider was broken; stable, so that callers may branch on it. */
export type ProviderErrorCode =
  /** The provider is set up with values that cannot work. */
  | "options"
  /** The request is one that this provider can never answer, see its capabilities. */
  | "request"
  /** The key is not where the configuration says. */
  | "key";

/** A broken promise: `Cannot <verb> <thing>: <expected>: current value is <x>`. */
export class ProviderError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "ProviderError";
  /** Which promise was broken. */
  readonly code: ProviderErrorCode;

  /** An error of that code; `message` is for people. */
  constructor(code: ProviderErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
