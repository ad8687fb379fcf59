/**
 * Lines of what a program prints.
 *
 * @module
 */

import { createInterface, type Interface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream as NodeStream } from "node:stream/web";

/** Lines of a stream, as it comes. */
export function linesOf(stream: ReadableStream<Uint8Array>): Interface {
  // The same thing under two types: that of the platform, and that of Node's typings.
  return createInterface(Readable.fromWeb(stream as unknown as NodeStream));
}
