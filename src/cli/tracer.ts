/**
 * Where the command, and whoever embeds a tree, gets a tracer from.
 *
 * @module
 */

import type { Tracer, TracingOptions } from "../actor/mod.ts";

/**
 * A tracer over OpenTelemetry's API, and so over whatever provider this process has registered; Deno
 * registers its own with `OTEL_DENO=true`. The API is loaded by the first call, and not before.
 *
 * @param version Of the program, as the scope of the spans says it.
 *
 * @example
 * ```ts ignore
 * import { openTelemetryTracer, startWick } from "../../mod.ts";
 * const tracer = await openTelemetryTracer("1.0.0");
 * await using wick = await startWick({ system: { tracing: { tracer, ratio: 0.1 } } });
 * ```
 */
export async function openTelemetryTracer(version: string): Promise<Tracer> {
  const { otelTracer } = await import("./otel_tracer.ts");
  return otelTracer(version);
}

/** Whether Deno records and exports spans in this process. */
export function isTraced(variable: (name: string) => string | undefined): boolean {
  const is = (name: string, word: string) => variable(name)?.toLowerCase() === word;
  return is("OTEL_DENO", "true") && !is("OTEL_DENO_TRACING", "false") &&
    !is("OTEL_SDK_DISABLED", "true");
}

/** Options of a tree for the command: a tracer where Deno would export its spans, else none. */
export async function tracingOf(
  variable: (name: string) => string | undefined,
  version: string,
  ratio: number,
): Promise<{ readonly tracing?: TracingOptions }> {
  if (!isTraced(variable)) return {};
  return { tracing: { tracer: await openTelemetryTracer(version), ratio } };
}
