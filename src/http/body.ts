/**
 * Bodies of requests, read within bounds of bytes and time whoever sends them.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import type { NodeBindings } from "./facts.ts";
import { guardDepth } from "./guards/json_depth.ts";
import { BODY_BYTES_PER_MS_MIN, BODY_TIMEOUT_MS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";

/** Bounds of one body. */
export interface BodyBounds {
  /** Most bytes. */
  readonly bytesMax: number;
  /** Longest wait for a chunk, ms. */
  readonly idleMs: number;
  /** Longest time for all of them, ms. */
  readonly totalMs: number;
}

/**
 * The chunks of a body as they come; each is the reader's only until the next one.
 *
 * @throws {HttpProblem} 413 `too_large`, 408 `too_slow`, 400 `cut_short`.
 */
export async function* bodyChunks(
  request: Request,
  bindings: NodeBindings | undefined,
  bounds: BodyBounds,
  clock: Clock,
): AsyncGenerator<Uint8Array, void> {
  const length = Number(request.headers.get("content-length") ?? 0);
  if (length > bounds.bytesMax) throw tooLarge(bounds.bytesMax);
  const chunks = rawChunks(request, bindings);
  const endMs = clock.now() + bounds.totalMs;
  let bytes = 0;
  try {
    while (true) {
      const waitMs = Math.min(bounds.idleMs, endMs - clock.now());
      const { done, value } = await within(chunks.next(), waitMs, clock);
      if (done === true) return;
      bytes += value.length;
      if (bytes > bounds.bytesMax) throw tooLarge(bounds.bytesMax);
      yield value;
    }
  } finally {
    // A source that waits for bytes answers when they come or the connection ends.
    chunks.return?.(undefined).catch(() => {});
  }
}

/** Media types of NDJSON. */
export const NDJSON_TYPES: readonly string[] = [
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
];

/**
 * How a JSON body may come: as `application/json` only; as whatever it is said to be, and as nothing
 * for `{}`, which is what `curl -d` and `curl -X POST` send; or, a list, a value a line as NDJSON too.
 */
export type JsonForm = "json" | "any_type" | "lines";

/**
 * A body as JSON.
 *
 * @throws {HttpProblem} 413, 408, 415, or 400 `json` and `json_depth`.
 */
export async function jsonBody(
  request: Request,
  bindings: NodeBindings | undefined,
  bytesMax: number,
  clock: Clock,
  form: JsonForm = "json",
): Promise<unknown> {
  const type = form === "any_type"
    ? null
    : expectType(request, ["application/json", ...(form === "lines" ? NDJSON_TYPES : [])]);
  if ((request.headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new HttpProblem(415, "content_encoding", "Cannot read the body: expected no encoding");
  }
  const totalMs = Math.max(BODY_TIMEOUT_MS, bytesMax / BODY_BYTES_PER_MS_MIN);
  const bounds = { bytesMax, idleMs: BODY_TIMEOUT_MS, totalMs };
  const bytes = await gathered(bodyChunks(request, bindings, bounds, clock));
  if (type === null && bytes.length === 0) return {};
  return type !== null && NDJSON_TYPES.includes(type) ? parseLines(bytes) : parseJson(bytes);
}

/** All chunks as one. O(bytes). */
export async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    parts.push(chunk.slice());
    bytes += chunk.length;
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Bytes as JSON. @throws {HttpProblem} 400 `json` or `json_depth`. */
export function parseJson(bytes: Uint8Array): unknown {
  return jsonOf(guardedText(bytes));
}

/** A value of each line that is not empty. */
function parseLines(bytes: Uint8Array): unknown[] {
  const values: unknown[] = [];
  for (const [at, line] of guardedText(bytes).split("\n").entries()) {
    if (line.trim() !== "") values.push(jsonOf(line, `line ${at + 1}`));
  }
  return values;
}

function guardedText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpProblem(400, "json", "Cannot read the body: expected UTF-8");
  }
  guardDepth(text);
  return text;
}

function jsonOf(text: string, where = "the body"): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpProblem(400, "json", `Cannot read ${where}: expected JSON`, {
      expected: "JSON",
      found: text.length === 0 ? "nothing" : "another format",
    });
  }
}

/** The media type of a body, in small letters, without parameters; null when none is said. */
export function contentType(request: Request): string | null {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  return type === undefined || type === "" ? null : type;
}

/** @throws {HttpProblem} 415 `content_type` unless the body is said to be one of `types`. */
export function expectType(request: Request, types: readonly string[]): string {
  const type = contentType(request);
  if (type !== null && types.includes(type)) return type;
  throw new HttpProblem(415, "content_type", "Cannot read the body: another content type", {
    expected: types.join(", "),
    found: (type ?? "none").slice(0, 100),
  });
}

function rawChunks(
  request: Request,
  bindings: NodeBindings | undefined,
): AsyncIterator<Uint8Array, unknown> {
  const incoming = bindings?.incoming;
  // The stream must outlive its reader: destroying it would end the connection before the answer.
  if (incoming !== undefined) return incoming.iterator({ destroyOnReturn: false });
  return request.body?.[Symbol.asyncIterator]() ?? nothing();
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}

async function within<T>(promise: Promise<T>, waitMs: number, clock: Clock): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.setTimer(Math.max(0, waitMs), () => {
      const detail = "Cannot read the body: expected it to go on";
      reject(new HttpProblem(408, "too_slow", detail, {}, { connection: "close" }));
    });
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(400, "cut_short", "Cannot read the body: it was cut short");
  } finally {
    cancel();
    promise.catch(() => {});
  }
}

function tooLarge(bytesMax: number): HttpProblem {
  return new HttpProblem(
    413,
    "too_large",
    `Cannot read the body: expected at most ${bytesMax} bytes`,
    {
      expected: `at most ${bytesMax} bytes`,
      found: "more",
    },
    { connection: "close" },
  );
}
