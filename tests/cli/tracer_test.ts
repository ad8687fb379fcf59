import { isTraced, openTelemetryTracer, tracingOf } from "../../src/cli/tracer.ts";
import { ROOT } from "../../scripts/support/root.ts";
import { assert, assertEquals } from "@std/assert";

const variables = (given: Readonly<Record<string, string>>) => (name: string) => given[name];

Deno.test("isTraced() says when Deno exports spans", () => {
  assertEquals(isTraced(variables({})), false);
  assertEquals(isTraced(variables({ OTEL_DENO: "true" })), true);
  assertEquals(isTraced(variables({ OTEL_DENO: "TRUE" })), true);
  assertEquals(isTraced(variables({ OTEL_DENO: "1" })), false, "Deno knows true and false only");
  assertEquals(isTraced(variables({ OTEL_DENO: "true", OTEL_DENO_TRACING: "false" })), false);
  assertEquals(isTraced(variables({ OTEL_DENO: "true", OTEL_SDK_DISABLED: "true" })), false);
});

Deno.test("tracingOf() gives a tracer only where it is recorded", async () => {
  assertEquals(await tracingOf(variables({}), "1", 0.5), {});
  const { tracing } = await tracingOf(variables({ OTEL_DENO: "true" }), "1", 0.5);
  assertEquals(tracing?.ratio, 0.5);
});

Deno.test("openTelemetryTracer() records nothing where no provider is registered", async () => {
  const tracer = await openTelemetryTracer("1");
  assertEquals(tracer.start({ name: "x", attributes: {}, startMs: 0 }, null), null);
  assertEquals(tracer.active(), null);
  assertEquals(tracer.run(null, () => 7), 7);
});

Deno.test("openTelemetryTracer() reads traceparent as W3C Trace Context has it", async () => {
  const tracer = await openTelemetryTracer("1");
  const trace = "0af7651916cd43dd8448eb211c80319c", span = "b7ad6b7169203331";
  const kind = (header: string) => {
    const found = tracer.remote(header);
    return typeof found === "object" && found !== null ? "span" : found;
  };
  assertEquals(kind(`00-${trace}-${span}-01`), "span");
  assertEquals(kind(`00-${trace}-${span}-03`), "span");
  assertEquals(kind(`00-${trace}-${span}-00`), "unsampled");
  assertEquals(kind(`00-${trace}-${span}-02`), "unsampled");
  assertEquals(kind(`00-${"0".repeat(32)}-${span}-01`), null);
  assertEquals(kind(`00-${trace}-${"0".repeat(16)}-01`), null);
  assertEquals(kind(`00-${trace.toUpperCase()}-${span}-01`), null);
  assertEquals(kind(`ff-${trace}-${span}-01`), null);
  assertEquals(kind(`00-${trace}-${span}-01-more`), null);
  assertEquals(kind(""), null);
});

Deno.test("the API of OpenTelemetry is loaded only by the tracer, and that only when asked for", async () => {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `${ROOT}mod.ts`],
    cwd: ROOT,
    stdout: "piped",
  }).output();
  assert(success);
  interface Info {
    readonly modules: readonly {
      readonly specifier: string;
      readonly dependencies?: readonly { readonly specifier: string; readonly isDynamic?: true }[];
    }[];
  }
  const { modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  const importers = (name: string) =>
    modules.flatMap(({ specifier, dependencies = [] }) =>
      dependencies.filter((one) => one.specifier.endsWith(name)).map(({ isDynamic = false }) => ({
        file: specifier.replace(`file://${ROOT}`, ""),
        isDynamic,
      }))
    );
  const tracer = { file: "src/cli/otel_tracer.ts", isDynamic: false };
  assertEquals(importers("@opentelemetry/api"), [tracer]);
  assertEquals(importers("otel_tracer.ts"), [{ file: "src/cli/tracer.ts", isDynamic: true }]);
});
