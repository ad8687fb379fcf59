/** A tracer that keeps what it is told. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { SpanAttributes, SpanSpec, Tracer, TraceSpan } from "../../src/actor/mod.ts";

/** A span as it was recorded. */
export class RecordedSpan implements TraceSpan {
  attributes: SpanAttributes;
  /** `open` until it ends; then what it failed with, null = nothing. */
  error: string | null = "open";
  endMs: number | null = null;

  constructor(readonly spec: SpanSpec, readonly parent: RecordedSpan | null) {
    this.attributes = spec.attributes;
  }

  set(attributes: SpanAttributes): void {
    this.attributes = { ...this.attributes, ...attributes };
  }

  end(error: string | null, endMs: number): void {
    if (this.endMs !== null) return;
    this.error = error;
    this.endMs = endMs;
  }

  /** As {@linkcode RecordingTracer.remote} knows it. */
  get traceparent(): string {
    return "sampled";
  }

  /** Names from the first span of the trace down to this one. */
  get way(): string {
    return this.parent === null ? this.spec.name : `${this.parent.way} > ${this.spec.name}`;
  }
}

/** See the module's text. */
export class RecordingTracer implements Tracer {
  readonly spans: RecordedSpan[] = [];
  readonly #place = new AsyncLocalStorage<TraceSpan | null>();
  /** What code outside of the actors runs in. */
  outer: RecordedSpan | null = null;

  start(spec: SpanSpec, parent: TraceSpan | null): TraceSpan {
    const span = new RecordedSpan(spec, parent instanceof RecordedSpan ? parent : null);
    this.spans.push(span);
    return span;
  }

  active(): TraceSpan | null {
    return this.outer;
  }

  /** The span that the code runs in. */
  get current(): TraceSpan | null | undefined {
    return this.#place.getStore();
  }

  run<T>(span: TraceSpan | null, work: () => T): T {
    return this.#place.run(span, work);
  }

  remote(traceparent: string): TraceSpan | "unsampled" | null {
    if (traceparent === "unsampled") return "unsampled";
    if (traceparent !== "sampled") return null;
    return new RecordedSpan({ name: "remote", attributes: {}, startMs: 0 }, null);
  }

  /** The way of each span, in the order of their starts. */
  get ways(): string[] {
    return this.spans.map(({ way }) => way);
  }

  /** The only span of that name. */
  only(name: string): RecordedSpan {
    const found = this.spans.filter(({ spec }) => spec.name === name);
    if (found.length !== 1) throw new Error(`${found.length} spans are called ${name}`);
    return found[0] as RecordedSpan;
  }
}
