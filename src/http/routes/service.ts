/**
 * Routes about the service as a whole: alive, ready, health, metrics, events, backup.
 *
 * @module
 */

import { eventStream } from "../event_stream.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { HttpProblem } from "../problem.ts";
import { respond, respondJson } from "../respond.ts";
import type { ServicePort } from "../port.ts";
import type { healthReply } from "../schemas.ts";
import type { z } from "zod";

/** The text format of Prometheus. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Paths = "/healthz" | "/readyz" | "/metrics" | "/api/health" | "/api/events" | "/api/backup";

/** See the module's text. */
export function serviceRoutes(
  { port, streams, limits, clock }: Surroundings,
): Pick<Handlers, Paths> {
  return {
    "/healthz": { get: () => ({ status: "ok" }) },
    "/readyz": {
      get: () => {
        const waitingFor = [...port.waitingFor()];
        const ready = waitingFor.length === 0;
        return respondJson({ ready, waitingFor }, ready ? 200 : 503);
      },
    },
    "/metrics": { get: async () => respond(await port.metrics(), METRICS_TYPE) },
    "/api/health": {
      get: () => healthOf(port),
    },
    "/api/events": {
      get: ({ query }, { request }) => {
        const types = query.types === undefined ? null : new Set(query.types.split(","));
        const after = lastEventId(request) ?? query.after ?? null;
        const options = { types, heartbeatMs: limits.heartbeatMs, clock };
        const body = streams.open((signal) =>
          eventStream(port.events.subscribe(after), options, signal)
        );
        return respond(body, "text/event-stream", 200, { "x-accel-buffering": "no" });
      },
    },
    "/api/backup": {
      post: async ({ json }) => {
        const made = await port.data.backup(json.file);
        if (made.state === "ok") return { file: made.file, bytes: made.bytes };
        throw new HttpProblem(409, made.code, made.message);
      },
    },
  };
}

/** How every part of a service is, as its health route answers. */
export async function healthOf(port: ServicePort): Promise<z.input<typeof healthReply>> {
  const ready = port.waitingFor().length === 0;
  const [health, seq] = await Promise.all([port.health(), ready ? port.data.seq() : null]);
  const { state, parts, score } = health;
  return { ...port.about, ready, seq, state, parts: [...parts], score };
}

/** What a client that comes back saw last; null when it says nothing, or nothing of ours. */
function lastEventId(request: Request): number | null {
  const text = request.headers.get("last-event-id") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
