/**
 * Lines of a stream of bytes.
 *
 * @module
 */

import { orAborted } from "../../src/feed/gate.ts";

/** For streams that are read to their end. */
const NEVER = new AbortController().signal;

/**
 * Calls `take` for each whole line. What broke off in the middle of one is not passed. Rejects with
 * what the stream fails with, or with the reason of `signal`.
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
  signal: AbortSignal = NEVER,
): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await orAborted(reader.read(), signal);
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
