/**
 * The event stream: what happens in the service, as server-sent events with ids to resume from.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import type { EventSubscription, ServiceEvent } from "./port.ts";
import { waitFor } from "./wait.ts";

/** How a stream is written. */
export interface EventStreamOptions {
  /** Only these types, and those that tell of missed events; null = all. */
  readonly types: ReadonlySet<string> | null;
  readonly heartbeatMs: number;
  readonly clock: Clock;
}

/** Time after which a browser comes back, ms. */
const RETRY_MS = 2_000;
/** What the hub says about the subscription itself always passes. */
const ABOUT_ITSELF = new Set(["missed", "dropped"]);

/** The chunks of a stream; ends with the subscription, or when `signal` says so. */
export async function* eventStream(
  subscription: EventSubscription,
  { types, heartbeatMs, clock }: EventStreamOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  try {
    yield encoder.encode(`retry: ${RETRY_MS}\n\n`);
    let next = subscription.next();
    while (true) {
      const waited = await waitFor(next, heartbeatMs, signal, clock);
      if (waited.state === "aborted") return;
      if (waited.state === "timeout") {
        yield encoder.encode(": still here\n\n");
        continue;
      }
      const event = waited.value;
      if (event === null) return;
      if (types === null || types.has(event.type) || ABOUT_ITSELF.has(event.type)) {
        yield encoder.encode(eventText(event));
      }
      next = subscription.next();
    }
  } finally {
    subscription.close();
  }
}

/** One event as text. JSON holds no line ends, so one `data` line is enough. */
export function eventText({ id, type, at, data }: ServiceEvent): string {
  const name = type.replace(/[^\w.-]/g, "_");
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify({ at, data })}\n\n`;
}
