/** A collector of spans: OTLP over HTTP as JSON, kept in memory. */

/** Spans that may gather; a test makes some hundreds. */
const SPANS_MAX = 100_000;

/** A span as it was exported. */
export interface CollectedSpan {
  readonly scope: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Whether its status is an error. */
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface OtlpSpan extends Pick<CollectedSpan, "traceId" | "spanId" | "parentSpanId" | "name"> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number };
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly OtlpSpan[];
    }[];
  }[];
}

/** Listens on a free port of this machine. */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  /** Everything it was sent, as text. */
  readonly bodies: string[] = [];
  readonly #waiters = new Set<() => void>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => this.#take(request),
  );

  /** What a process needs in its environment to export here, soon. */
  get environment(): Readonly<Record<string, string>> {
    return {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
  }

  async #take(request: Request): Promise<Response> {
    const body = await request.text();
    this.bodies.push(body);
    if (new URL(request.url).pathname === "/v1/traces") this.#keep(JSON.parse(body));
    for (const wake of this.#waiters) wake();
    return Response.json({});
  }

  #keep({ resourceSpans }: OtlpTraces): void {
    for (const { scope, spans } of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans)) {
      for (const span of spans) {
        if (this.spans.length >= SPANS_MAX) throw new RangeError("more spans than a test makes");
        const { traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano } = span;
        this.spans.push({
          scope: scope.name,
          ...{ traceId, spanId, parentSpanId, name },
          startNs: BigInt(startTimeUnixNano),
          endNs: BigInt(endTimeUnixNano),
          isError: span.status.code === 2,
          attributes: Object.fromEntries(
            span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
          ),
        });
      }
    }
  }

  /** Resolves once it holds, which is looked at with every export. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
      this.#waiters.delete(resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
