/**
 * The body of a push as NDJSON bytes: NDJSON as it comes, a JSON array or object line by line, gzip
 * unpacked, all within bounds.
 *
 * @module
 */

import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Clock } from "../actor/clock.ts";
import { bodyChunks, expectType, gathered, NDJSON_TYPES, parseJson } from "./body.ts";
import type { NodeBindings } from "./facts.ts";
import { PUSH_JSON_BYTES_MAX, REQUEST_TIMEOUT_MS, TEXT_ROWS } from "./limits.ts";
import type { AdminLimits } from "./options.ts";
import { HttpProblem } from "./problem.ts";

const TYPES = [...NDJSON_TYPES, "application/json"];

/** Bounds of a push. */
export type PushLimits = Pick<
  AdminLimits,
  "pushIdleMs" | "pushBytesMax" | "pushUnpackedBytesMax"
>;

/** @throws {HttpProblem} as `bodyChunks`; 415 for another type or encoding; 400 `gzip`, `json`. */
export async function* pushBytes(
  request: Request,
  bindings: NodeBindings | undefined,
  limits: PushLimits,
  clock: Clock,
): AsyncGenerator<Uint8Array, void> {
  const type = expectType(request, TYPES);
  const bounds = {
    bytesMax: limits.pushBytesMax,
    idleMs: limits.pushIdleMs,
    totalMs: REQUEST_TIMEOUT_MS,
  };
  const chunks = bodyChunks(request, bindings, bounds, clock);
  const bytes = isGzip(request) ? unpacked(chunks, limits.pushUnpackedBytesMax) : chunks;
  if (NDJSON_TYPES.includes(type)) return yield* bytes;
  yield* linesOf(parseJson(await gathered(bounded(bytes, PUSH_JSON_BYTES_MAX))));
}

function isGzip(request: Request): boolean {
  const encoding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding === "identity" || encoding === "gzip") return encoding === "gzip";
  throw new HttpProblem(415, "content_encoding", "Cannot read the body: another encoding", {
    expected: "gzip or identity",
    found: encoding.slice(0, 100),
  });
}

async function* unpacked(
  chunks: AsyncGenerator<Uint8Array, void>,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void> {
  const packed = Readable.from(chunks, { objectMode: false });
  const gunzip = createGunzip();
  // pipe() passes no errors on; ours must come out of the far end.
  packed.on("error", (error) => gunzip.destroy(error));
  packed.pipe(gunzip);
  try {
    yield* bounded(gunzip, bytesMax);
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(400, "gzip", "Cannot unpack the body: expected whole gzip data");
  } finally {
    packed.destroy();
    gunzip.destroy();
  }
}

async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new HttpProblem(413, "too_large", "Cannot read the body: it is too large", {
        expected: `at most ${bytesMax} bytes`,
        found: "more",
      }, { connection: "close" });
    }
    yield chunk;
  }
}

/** Each value of an array, or the one value, as a line: its line number is its place from 1. */
function* linesOf(value: unknown): Generator<Uint8Array, void> {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  const encoder = new TextEncoder();
  for (let from = 0; from < values.length; from += TEXT_ROWS) {
    const part = values.slice(from, from + TEXT_ROWS);
    yield encoder.encode(part.map((one) => JSON.stringify(one) + "\n").join(""));
  }
}
