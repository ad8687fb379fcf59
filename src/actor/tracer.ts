/**
 * The port of tracing: what the runtime needs of whoever records spans. It knows no vendor; the one
 * over OpenTelemetry lies with the command, and tests have one of their own.
 *
 * @module
 */

/** Facts of a span: names, counts and times; never a price, a body, a token or an error's text. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span about to start. */
export interface SpanSpec {
  /** What is done, in few different words: `label_pool ingest`, `POST /api/candles`. */
  readonly name: string;
  /** What is known of it at its start. */
  readonly attributes: SpanAttributes;
  /** Epoch ms with a fraction. */
  readonly startMs: number;
}

/** A span that is recorded. */
export interface TraceSpan {
  /** Its place as a `traceparent` header, for others to go on below it; left out = nobody can. */
  readonly traceparent?: string;
  /** Adds facts, or replaces those of the same name. */
  set(attributes: SpanAttributes): void;
  /**
   * Ends it; ending is idempotent.
   *
   * @param error Kind of what it failed with, as `Overflow`; null = it went well.
   * @param endMs Epoch ms with a fraction.
   */
  end(error: string | null, endMs: number): void;
}

/** Records spans. Nothing of it may throw. */
export interface Tracer {
  /** Starts a span below `parent`, null = a new trace. Null when it is not recorded. */
  start(spec: SpanSpec, parent: TraceSpan | null): TraceSpan | null;
  /** The span that code outside of the actors runs in, an embedder's say; null when in none. */
  active(): TraceSpan | null;
  /**
   * Runs `work`, also across its awaits, in `span`, so that spans of others (of a `fetch`, say) lie
   * below it; null = in none.
   */
  run<T>(span: TraceSpan | null, work: () => T): T;
  /**
   * The caller's span as a `traceparent` header (W3C Trace Context) names it: `unsampled` when the
   * caller does not record it, null when the header is none.
   */
  remote(traceparent: string): TraceSpan | "unsampled" | null;
}
