import { Grammar } from "../../scripts/fuzz/grammar.ts";
import { fuzz } from "../../scripts/fuzz/run.ts";
import { memoryTarget } from "../../scripts/fuzz/target.ts";
import { seededRandom } from "../../src/actor/mod.ts";
import type { PushedBatch } from "../../src/http/port.ts";
import * as shape from "../../src/http/schemas.ts";
import { z } from "zod";
import type { MemoryService } from "./service.ts";
import { assert, assertEquals } from "@std/assert";

const SEED = Number(Deno.env.get("WICK_SEED") ?? 1);

Deno.test("fuzzed bodies get no 5xx and no silence, and the store equals the model", async () => {
  await using target = await memoryTarget();
  const report = await fuzz(target, 1_500, SEED);
  assertEquals(report.failures, [], `seed ${SEED}`);
  assertEquals(report.requests, 1_500);
  assert(report.valid >= 0.3 * report.requests, `${report.valid} valid`);
  assert(report.candles > 200, `${report.candles} candles`);
});

/** Failures of a run against a service with a bug. */
async function failuresWith(spoil: (service: MemoryService) => void): Promise<string> {
  await using target = await memoryTarget(spoil);
  return (await fuzz(target, 400, SEED)).failures.join("\n");
}

Deno.test("the fuzzer finds a batch that is acknowledged and lost", async () => {
  const failures = await failuresWith((service) => {
    const { ingest } = service.data;
    let count = 0;
    const lossy = (batch: PushedBatch) =>
      ++count === 5
        ? {
          state: "committed" as const,
          seq: 1,
          candles: 1,
          corrected: 0,
          labels: 0,
          revised: 0,
        }
        : ingest(batch);
    Object.assign(service.data, { ingest: lossy });
  });
  assert(/candles differ|series: expected/.test(failures), failures);
});

Deno.test("the fuzzer finds an error inside", async () => {
  const failures = await failuresWith((service) => {
    Object.assign(service.data, {
      putLevels: (_symbol: string, levels: readonly unknown[]) => {
        if (levels.length > 3) throw new Error("planted");
      },
    });
  });
  assert(failures.includes("a status of 5xx"), failures);
});

Deno.test("the fuzzer finds valid bodies that are refused", async () => {
  const failures = await failuresWith((service) => {
    Object.assign(service.data, {
      ingest: () => ({ state: "refused", code: "room", reason: "planted", retryAfterMs: 1 }),
    });
  });
  assert(failures.includes("expected 200: got 429"), failures);
});

Deno.test("Grammar.of() makes only values that the schema takes", () => {
  const schemas = { level: shape.level, instrument: shape.instrumentSpec, send: shape.sendBody };
  for (const [name, schema] of Object.entries(schemas)) {
    const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
    const { $defs = {} } = json;
    const moved = JSON.parse(
      JSON.stringify({ json, $defs }).replaceAll("#/$defs/", "#/components/schemas/"),
    );
    const grammar = new Grammar(seededRandom(SEED), moved.$defs);
    for (let i = 0; i < 500; i++) {
      const value = grammar.of(moved.json);
      const parsed = schema.safeParse(JSON.parse(JSON.stringify(value)));
      assert(parsed.success, `${name}: ${JSON.stringify(value)} ${parsed.error}`);
    }
  }
});
