/**
 * Ways in which an HTTP server can be slow, broken or hostile, for tests of whoever calls it.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";

/** One way; a body that is due otherwise is called the true one. */
export type Misbehaviour =
  /** The headers come late, then the true body. */
  | { readonly kind: "slow_headers"; readonly ms: number }
  /** Half of the true body, a pause, then the rest. */
  | { readonly kind: "slow_body"; readonly ms: number }
  /** The connection breaks in the middle of the true body. */
  | { readonly kind: "truncated" }
  /** The connection breaks before any answer. */
  | { readonly kind: "reset" }
  /** Another body, sent as JSON. */
  | { readonly kind: "body"; readonly text: string }
  /** So many bytes of JSON, with or without saying so in a header. */
  | { readonly kind: "huge"; readonly bytes: number; readonly isTold: boolean }
  /** So many bytes of JSON, packed to a thousandth of it. */
  | { readonly kind: "bomb"; readonly bytes: number }
  /** Sends elsewhere. */
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  /** The true body as another type. */
  | { readonly kind: "type"; readonly type: string }
  /** Another status with headers, and a body that repeats the request's URL. */
  | {
    readonly kind: "status";
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
  };

const CHUNK = new Uint8Array(64 * 1024).fill(0x20);

/** Answers a request in that way; `text` is the true body, `wait` passes time. */
export async function misbehave(
  way: Misbehaviour,
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  const json = { "content-type": "application/json" };
  switch (way.kind) {
    case "slow_headers":
      await wait(way.ms);
      response.writeHead(200, json).end(text);
      return;
    case "slow_body":
      response.writeHead(200, json);
      response.write(text.slice(0, text.length / 2));
      await wait(way.ms);
      response.end(text.slice(text.length / 2));
      return;
    case "truncated":
      response.writeHead(200, { ...json, "content-length": String(text.length + 10) });
      // Destroyed at once, not even the headers would leave.
      response.write(text, () => response.destroy());
      return;
    case "reset":
      request.socket.destroy();
      return;
    case "body":
      response.writeHead(200, json).end(way.text);
      return;
    case "huge":
      response.writeHead(
        200,
        way.isTold ? { ...json, "content-length": String(way.bytes) } : json,
      );
      await spaces(response, way.bytes);
      return;
    case "bomb":
      response.writeHead(200, { ...json, "content-encoding": "gzip" });
      response.end(gzipSync(new Uint8Array(way.bytes).fill(0x20)));
      return;
    case "redirect":
      response.writeHead(way.status, { location: way.location }).end();
      return;
    case "type":
      response.writeHead(200, { "content-type": way.type }).end(text);
      return;
    case "status":
      response.writeHead(way.status, { ...json, ...way.headers });
      response.end(JSON.stringify({ error: `not for ${request.url}` }));
      return;
  }
}

/** Blanks, which JSON allows anywhere, until that many were sent or nobody reads. */
async function spaces(response: ServerResponse, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes && !response.destroyed; sent += CHUNK.length) {
    const isTaken = response.write(CHUNK.subarray(0, Math.min(CHUNK.length, bytes - sent)));
    if (isTaken) continue;
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once("drain", resolve).once("close", resolve);
    await promise;
    response.off("drain", resolve).off("close", resolve);
  }
  response.end();
}
