/**
 * Tracing of messages: what becomes a span, and below which other one.
 *
 * - A message that was sent while another one was handled, or by what that one awaits, belongs to
 *   it. What is sent from outside of all actors begins a trace, when it is drawn; whether it was is
 *   then settled for everything that follows. Timers and inits begin none; a loop of an actor, that
 *   of a feed say, does where it says so (`Context.anew`).
 * - A traced message has a {@linkcode TracedMessage} in the place of its asker. So it stays with the
 *   message on every way (queued, stashed, moved to a thread), and whatever becomes of the message
 *   tells it. Messages that are not traced carry nothing, and without a tracer no code of this file
 *   runs.
 * - A span lasts from the start of the handler to its end, or to that of the reply it deferred. One
 *   that never got to a handler has a span without length that says why.
 * - A trace is bounded in spans and in time, so that an actor which goes on for ever by sending to
 *   itself does not make a trace for ever.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Asker } from "./ask.ts";
import type { Clock, Random } from "./clock.ts";
import { ActorError, ActorFailed } from "./errors.ts";
import type { Entry } from "./protocol.ts";
import type { SpanAttributes, SpanSpec, Tracer, TraceSpan } from "./tracer.ts";

/** How a system is traced. */
export interface TracingOptions {
  /** Records the spans. */
  readonly tracer: Tracer;
  /** Share of messages from outside that begin a trace, 0 to 1; default 0.01. */
  readonly ratio?: number;
  /** Counts of what a message holds, as `{ candles: 5 }`; null = nothing to count. */
  readonly countsOf?: (entry: Entry, payload: unknown) => Readonly<Record<string, number>> | null;
}

/** Share of messages from outside that begin a trace, unless set. */
export const TRACE_RATIO = 0.01;
/** Spans of one trace: a candle's way has about ten, and viewers draw some hundreds well. */
export const TRACE_SPANS_MAX = 500;
/** After so long nothing more is added to a trace, ms: a commit that waits for a disk is over. */
export const TRACE_MS_MAX = 300_000;
/** Spins while looking for the tick of the wall clock; some ms, and the end on a virtual clock. */
const TICK_LOOKS_MAX = 20_000;

/** What all spans of one trace share. */
interface Budget {
  spansLeft: number;
  readonly untilMs: number;
}

/** A place in a trace, to go on from. */
export class Trail {
  /** @internal */
  constructor(
    /** @internal */
    readonly span: TraceSpan,
    /** @internal */
    readonly budget: Budget,
  ) {}
}

/** Where code runs that is not traced, or whose next message is to be. */
const UNTRACED = Symbol("untraced");
const ALWAYS = Symbol("always");
type Place = Trail | typeof UNTRACED | typeof ALWAYS | undefined;

/** How a request from outside is traced. */
export interface TracedRequest {
  /** As `POST /api/candles`. */
  readonly name: string;
  /** `drawn`: by the ratio; `always`; `never`: unless the caller's own span is recorded. */
  readonly when: "drawn" | "always" | "never";
  /** Header of that name; null = there is none. */
  readonly traceparent: string | null;
  /** Status of the answer that an error leads to. */
  readonly statusOf: (error: unknown) => number;
}

/** Tracing of one system. */
export class Tracing {
  /** Share of the traces that could begin of those that do. */
  readonly ratio: number;
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #countsOf: TracingOptions["countsOf"];
  readonly #place = new AsyncLocalStorage<Place>();
  readonly #offsetMs: number;

  /**
   * With no trace begun.
   *
   * @throws {RangeError} for a ratio outside of 0 to 1.
   */
  constructor(options: TracingOptions, clock: Clock, random: Random) {
    const { tracer, ratio = TRACE_RATIO, countsOf } = options;
    if (!(ratio >= 0 && ratio <= 1)) {
      throw new RangeError(`Cannot trace: ratio must be from 0 to 1: current value is ${ratio}`);
    }
    this.#tracer = tracer;
    this.ratio = ratio;
    this.#clock = clock;
    this.#random = random;
    this.#countsOf = countsOf;
    this.#offsetMs = wallOffsetMs(clock);
  }

  /** Epoch ms with a fraction: the spans of two threads are to be comparable. */
  now(): number {
    return this.#offsetMs + this.#clock.now();
  }

  /** Where the code that runs now is in a trace; null when it is in none. */
  get trail(): Trail | null {
    const place = this.#place.getStore();
    return place instanceof Trail ? place : null;
  }

  /** Runs `work`, with all it awaits, as part of a trace; null = of none. */
  follow<T>(trail: Trail | null, work: () => T): T {
    return this.#in(trail ?? UNTRACED, work);
  }

  /** Runs `work`, with all it awaits, as if from outside: what it sends may begin a trace. */
  anew<T>(work: () => T): T {
    return this.#in(undefined, work);
  }

  /** As `work`, whose messages are traced whatever the ratio, unless that is settled already. */
  always<T>(work: () => T): T {
    return this.#place.getStore() === undefined ? this.#in(ALWAYS, work) : work();
  }

  #in<T>(place: Place, work: () => T): T {
    const span = place instanceof Trail ? place.span : null;
    return this.#place.run(place, () => this.#tracer.run(span, work));
  }

  #drawn(): boolean {
    return this.ratio >= 1 || (this.ratio > 0 && this.#random.next() < this.ratio);
  }

  #budget(): Budget {
    return { spansLeft: TRACE_SPANS_MAX, untilMs: this.#clock.now() + TRACE_MS_MAX };
  }

  /**
   * A span below a place, or the first of a trace; null when it is not recorded.
   *
   * @internal
   */
  start(spec: SpanSpec, parent: Parent): Trail | null {
    const { budget } = parent;
    if (budget.spansLeft <= 0 || this.#clock.now() > budget.untilMs) return null;
    const span = this.#tracer.start(spec, parent.span);
    if (span === null) return null;
    budget.spansLeft--;
    return new Trail(span, budget);
  }

  /** Where a trace goes on that another node sent a message in; null when none is recorded there. */
  fromWire(traceparent: string): Trail | null {
    const span = this.#tracer.remote(traceparent);
    return span === null || span === "unsampled" ? null : this.below(span);
  }

  /** A trace that goes on below a span of elsewhere. */
  below(span: TraceSpan): Trail {
    return new Trail(span, this.#budget());
  }

  /**
   * What a message that is sent now carries as its asker.
   *
   * @internal
   */
  sent(asker: Asker | null, path: string, entry: Entry, payload: unknown): Asker | null {
    const place = this.#place.getStore();
    if (place === UNTRACED) return asker;
    if (place instanceof Trail) return this.tracedBelow(place, asker, path, entry, payload);
    const outer = this.#tracer.active();
    if (outer === null && place !== ALWAYS && !this.#drawn()) return asker;
    const parent = { span: outer, budget: this.#budget() };
    return this.tracedBelow(parent, asker, path, entry, payload);
  }

  /**
   * As {@linkcode Tracing.sent}, for a message that is known to belong somewhere.
   *
   * @internal
   */
  tracedBelow(
    parent: Parent,
    asker: Asker | null,
    path: string,
    entry: Entry,
    payload: unknown,
  ): Asker | null {
    if (parent.budget.spansLeft <= 0) return asker;
    const counts = this.#countsOf?.(entry, payload) ?? {};
    return new TracedMessage(this, asker, parent, path, entry, counts);
  }

  /**
   * Calls a handler with its message, in the place where that belongs.
   *
   * @internal
   */
  handle(
    ask: Asker | null,
    incarnation: number,
    cause: number,
    handler: (payload: unknown) => unknown,
    payload: unknown,
  ): unknown {
    const trail = ask instanceof TracedMessage ? ask.begin(incarnation, cause) : null;
    if (trail !== null) return this.#in(trail, () => handler(payload));
    if (this.#place.getStore() === UNTRACED) return handler(payload);
    return this.#in(UNTRACED, () => handler(payload));
  }

  /** Answers a request, in a span of its own when it is traced. */
  async request<R extends { readonly status: number }>(
    request: TracedRequest,
    answer: () => Promise<R>,
  ): Promise<R> {
    const parent = this.#caller(request);
    const { name } = request;
    const spec = { name, attributes: {}, startMs: this.now() };
    const trail = parent === null ? null : this.start(spec, parent);
    if (trail === null) return await this.#in(UNTRACED, answer);
    try {
      const response = await this.#in(trail, answer);
      this.#answered(trail, response.status);
      return response;
    } catch (error) {
      this.#answered(trail, request.statusOf(error));
      throw error;
    }
  }

  #caller({ when, traceparent }: TracedRequest): Parent | null {
    const remote = traceparent === null ? null : this.#tracer.remote(traceparent);
    if (remote === "unsampled") return null;
    const isTraced = remote !== null || when === "always" || (when === "drawn" && this.#drawn());
    return isTraced ? { span: remote, budget: this.#budget() } : null;
  }

  #answered({ span }: Trail, status: number): void {
    span.set({ "http.response.status_code": status });
    span.end(status >= 500 ? String(status) : null, this.now());
  }
}

/** Where a span lies: below another one, or first in a trace. */
interface Parent {
  readonly span: TraceSpan | null;
  readonly budget: Budget;
}

/** A message that is traced, in the place of its asker, if it has one. */
export class TracedMessage implements Asker {
  #trail: Trail | null = null;
  #isOver = false;
  /** Others report how it is handled. */
  #isElsewhere = false;
  /** Epoch ms of the sending. */
  readonly #sentMs: number;

  /** @internal */
  constructor(
    readonly tracing: Tracing,
    readonly asker: Asker | null,
    readonly parent: Parent,
    readonly path: string,
    readonly entry: Entry,
    /** What the message holds. */
    readonly counts: Readonly<Record<string, number>>,
  ) {
    this.#sentMs = tracing.now();
  }

  get settled(): boolean {
    return this.asker === null ? this.#isOver : this.asker.settled;
  }

  get expired(): boolean {
    return this.asker === null ? this.#isOver : this.asker.expired;
  }

  get type(): string {
    return this.entry.type;
  }

  /** A handler takes it; null when there is no span of it. */
  begin(incarnation: number, cause: number): Trail | null {
    const startMs = this.tracing.now();
    const attributes = {
      ...this.#facts(cause),
      "wick.incarnation": incarnation,
      ...this.factsAt(startMs),
    };
    return this.#trail = this.tracing.start({ name: this.#name, attributes, startMs }, this.parent);
  }

  get #name(): string {
    return `${this.entry.protocol} ${this.entry.type}`;
  }

  #facts(cause: number): SpanAttributes {
    const { path, entry } = this;
    return {
      "wick.path": path,
      "wick.protocol": entry.protocol,
      "wick.message": entry.type,
      "wick.cause": cause,
    };
  }

  /** What the message holds, and how long it has been on its way at an epoch ms. */
  factsAt(atMs: number): SpanAttributes {
    const facts: Record<string, number> = { "wick.queue_ms": Math.max(0, atMs - this.#sentMs) };
    for (const [name, count] of Object.entries(this.counts)) facts[`wick.${name}`] = count;
    return facts;
  }

  /** Its span is that of a thread, which says what becomes of it. */
  handledElsewhere(): void {
    this.#isElsewhere = true;
  }

  /** It was put aside: the handler takes it once more. */
  stashed(): void {
    this.#end("stashed", null);
  }

  /** It ends without having been handled to its end. Tells no asker. */
  lost(reason: string, cause: number, error: unknown): void {
    this.#isOver = true;
    if (this.#isElsewhere) return;
    // It came to no handler: a span without length tells of it.
    const startMs = this.tracing.now();
    const attributes = { ...this.#facts(cause), ...this.factsAt(startMs) };
    this.#trail ??= this.tracing.start({ name: this.#name, attributes, startMs }, this.parent);
    const isFailure = reason !== "superseded";
    this.#end(reason, !isFailure ? null : error === null ? reason : kindOf(error));
  }

  replyComesLater(): void {
    this.#trail?.span.set({ "wick.deferred": true });
    this.asker?.replyComesLater();
  }

  reply(value: unknown): void {
    this.#isOver = true;
    this.#end("handled", null);
    this.asker?.reply(value);
  }

  reject(error: Error): void {
    this.#isOver = true;
    this.#end("failed", kindOf(error));
    this.asker?.reject(error);
  }

  #end(outcome: string, error: string | null): void {
    const span = this.#trail?.span;
    if (span === undefined) return;
    this.#trail = null;
    span.set({ "wick.outcome": outcome });
    span.end(error, this.tracing.now());
  }
}

/** The kind of an error and not its text, which may quote what came in. */
function kindOf(error: unknown): string {
  if (error instanceof ActorFailed && error.cause instanceof Error) return kindOf(error.cause);
  if (error instanceof ActorError) return error.code;
  return error instanceof Error ? error.name : "Error";
}

/**
 * Epoch ms − monotonic ms, to within some µs: taken where the wall clock, which has whole ms, ticks.
 */
function wallOffsetMs(clock: Clock): number {
  const first = clock.wallNow();
  let now = first;
  for (let looks = 0; now === first && looks < TICK_LOOKS_MAX; looks++) now = clock.wallNow();
  return now - clock.now();
}
