/**
 * Spans of an actor in a thread. The thread has no recorder: it reports what begins and ends, and the
 * main isolate records that with the one tracer that there is, also one that an embedder made.
 *
 * @module
 */

import type { SpanNews } from "./thread_messages.ts";
import type { SpanSpec, Tracer, TraceSpan } from "./tracer.ts";
import type { TracedMessage, Tracing, Trail } from "./tracing.ts";

/** Takes news of spans, in their order. */
export type SpanReport = (news: SpanNews) => void;

/** A span in the thread, by its id. */
export class ReportedSpan implements TraceSpan {
  constructor(readonly id: number, readonly report: SpanReport) {}

  set(attributes: Readonly<Record<string, string | number | boolean>>): void {
    this.report({ is: "facts", id: this.id, attributes });
  }

  end(error: string | null, endMs: number): void {
    this.report({ is: "end", id: this.id, error, endMs });
  }
}

/** The thread's side: ids count down from -1, so that none is a message's sequence number. */
export class ReportingTracer implements Tracer {
  #lastId = 0;
  constructor(readonly report: SpanReport) {}

  start(spec: SpanSpec, parent: TraceSpan | null): TraceSpan | null {
    // Traces begin in the main isolate.
    if (!(parent instanceof ReportedSpan)) return null;
    const id = --this.#lastId;
    this.report({ is: "start", id, parent: parent.id, ...spec });
    return new ReportedSpan(id, this.report);
  }

  active(): null {
    return null;
  }

  run<T>(_span: TraceSpan | null, work: () => T): T {
    return work();
  }

  remote(): null {
    return null;
  }
}

/** Spans of one thread that are remembered, as parents of others; the oldest are forgotten. */
const SPANS_KEPT_MAX = 1_024;

/** The main isolate's side: the spans of one incarnation of a thread. */
export class ForeignSpans {
  readonly #tracing: Tracing;
  readonly #trails = new Map<number, Trail>();
  readonly #open = new Set<number>();

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
  }

  /** Records it. `messageAt` finds a message that was moved over by its sequence number. */
  take(news: SpanNews, messageAt: (seq: number) => TracedMessage | null): void {
    if (news.is === "start") return this.#start(news, messageAt);
    const span = this.#trails.get(news.id)?.span;
    if (news.is === "facts") return span?.set(news.attributes);
    this.#open.delete(news.id);
    span?.end(news.error, news.endMs);
  }

  #start(
    { id, parent, ...spec }: Extract<SpanNews, { is: "start" }>,
    messageAt: (seq: number) => TracedMessage | null,
  ): void {
    const message = parent < 0 ? null : messageAt(parent);
    message?.handledElsewhere();
    const above = message?.parent ?? this.#trails.get(parent);
    if (above === undefined) return;
    const attributes = { ...spec.attributes, ...message?.factsAt(spec.startMs) };
    const trail = this.#tracing.start({ ...spec, attributes }, above);
    if (trail === null) return;
    this.#forgetOldest();
    this.#trails.set(id, trail);
    this.#open.add(id);
  }

  /** Where to go on with what the thread sent in its span `id`; null when that is not recorded. */
  trailAt(id: number): Trail | null {
    return this.#trails.get(id) ?? null;
  }

  #forgetOldest(): void {
    if (this.#trails.size < SPANS_KEPT_MAX) return;
    const oldest = this.#trails.keys().next().value as number;
    this.#endOpen(oldest, "forgotten");
    this.#trails.delete(oldest);
  }

  #endOpen(id: number, outcome: string): void {
    if (!this.#open.delete(id)) return;
    const span = this.#trails.get(id)?.span;
    span?.set({ "wick.outcome": outcome });
    span?.end(outcome, this.#tracing.now());
  }

  /** The thread is gone, and what it had not ended with it. */
  close(outcome: "crashed" | "stopped"): void {
    for (const id of [...this.#open]) this.#endOpen(id, outcome);
    this.#trails.clear();
  }
}
