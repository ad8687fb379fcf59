/**
 * Messages over HTTP: from the request to the actor's reply in hand, one after the other.
 *
 * @module
 */

import { DataFolder, ServiceProcess } from "./process.ts";

const WARM_REQUESTS = 500;

/** An actor, what it is asked, and whether that is its answer. */
export interface Asked {
  readonly path: string;
  readonly type: string;
  readonly isReply: (reply: unknown) => boolean;
}

/** One in the main isolate, and one in a thread. */
export const ASKED = {
  isolate: {
    path: "core/work/ingest/label_pool",
    type: "status",
    isReply: (reply) => typeof reply === "object" && reply !== null && "queuedBatches" in reply,
  },
  thread: { path: "core/store", type: "seq", isReply: (reply) => reply === 0 },
} as const satisfies Record<string, Asked>;

/** Round trips of asks on a fresh service, ms. */
export async function messageTimes(
  requests: number,
): Promise<Readonly<Record<keyof typeof ASKED, number[]>>> {
  using folder = new DataFolder();
  await using service = await ServiceProcess.start(folder);
  return {
    isolate: await times(service.url, ASKED.isolate, requests),
    thread: await times(service.url, ASKED.thread, requests),
  };
}

async function times(url: string, { path, type, isReply }: Asked, requests: number) {
  const target = `${url}/api/actors/${path}/messages`;
  const body = JSON.stringify({ type, payload: {}, mode: "ask" });
  const headers = { "content-type": "application/json" };
  const found: number[] = [];
  for (let request = -WARM_REQUESTS; request < requests; request++) {
    const startMs = performance.now();
    const answer = await fetch(target, { method: "POST", headers, body });
    const { state, reply } = await answer.json() as { state: string; reply: unknown };
    const tookMs = performance.now() - startMs;
    if (state !== "replied" || !isReply(reply)) {
      throw new Error(`Cannot trust this run: ${path} answered ${JSON.stringify(reply)}`);
    }
    if (request >= 0) found.push(tookMs);
  }
  return found;
}
