/**
 * Spans as OpenTelemetry has them. Deno exports what this API records when `OTEL_DENO=true`; where
 * to, and how, say the `OTEL_*` variables that OpenTelemetry defines.
 *
 * Loaded only when it is wanted: see `tracer.ts`.
 *
 * @module
 */

import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type { SpanAttributes, SpanSpec, Tracer, TraceSpan } from "../actor/mod.ts";

/** Longest text of a name or an attribute, characters: a path of an actor has less. */
export const SPAN_TEXT_CHARS_MAX = 256;
/** Attributes of one call; the runtime gives a dozen. */
export const SPAN_ATTRIBUTES_MAX = 32;

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZEROS = /^0+$/;

class OtelSpan implements TraceSpan {
  #isOver = false;
  constructor(readonly span: Span) {}

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  }

  set(attributes: SpanAttributes): void {
    if (!this.#isOver) this.span.setAttributes(bounded(attributes));
  }

  end(error: string | null, endMs: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error !== null) {
      this.span.setAttribute("error.type", clipped(error));
      this.span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.span.end(endMs);
  }
}

/** A tracer over the provider that is registered; scope `wick`, with the program's version. */
export function otelTracer(version: string): Tracer {
  const tracer = trace.getTracer("wick", version);
  return {
    start({ name, attributes, startMs }: SpanSpec, parent: TraceSpan | null) {
      const options = { startTime: startMs, attributes: bounded(attributes) };
      const span = tracer.startSpan(clipped(name), options, placeOf(parent));
      return span.isRecording() ? new OtelSpan(span) : null;
    },
    active() {
      const span = trace.getActiveSpan();
      return span === undefined || !span.isRecording() ? null : new OtelSpan(span);
    },
    run: (span, work) => context.with(placeOf(span), work),
    remote: remoteSpan,
  };
}

function placeOf(span: TraceSpan | null) {
  return span instanceof OtelSpan ? trace.setSpan(ROOT_CONTEXT, span.span) : ROOT_CONTEXT;
}

function remoteSpan(traceparent: string): TraceSpan | "unsampled" | null {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === "" || ZEROS.test(traceId) || ZEROS.test(spanId)) return null;
  const traceFlags = parseInt(flags, 16) & TraceFlags.SAMPLED;
  if (traceFlags === TraceFlags.NONE) return "unsampled";
  return new OtelSpan(trace.wrapSpanContext({ traceId, spanId, traceFlags, isRemote: true }));
}

function bounded(attributes: SpanAttributes): Attributes {
  const found: Attributes = {};
  for (const [name, value] of Object.entries(attributes).slice(0, SPAN_ATTRIBUTES_MAX)) {
    found[clipped(name)] = typeof value === "string" ? clipped(value) : value;
  }
  return found;
}

function clipped(text: string): string {
  return text.length <= SPAN_TEXT_CHARS_MAX ? text : text.slice(0, SPAN_TEXT_CHARS_MAX);
}
