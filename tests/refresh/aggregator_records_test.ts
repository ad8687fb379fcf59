/** Saving an aggregator: what comes back, after crashes between writes as well. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/mod.ts";
import { Aggregator } from "../../src/refresh/aggregator.ts";
import {
  AggregatorRecords,
  correlationParts,
  CORRELATIONS_KIND,
  correlationsOfParts,
  type RecordPorts,
} from "../../src/refresh/aggregator_records.ts";
import { type CorrelationInput, correlationsOf, pairsOf } from "../../src/refresh/correlation.ts";
import { correlationBytes, readCorrelationBytes } from "../../src/refresh/correlation_bytes.ts";
import { RefreshError } from "../../src/refresh/error.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`aggregator records tests: WICK_SEED=${SEED}`);

function triangle(edges: number): Extract<CorrelationInput, { readonly kind: "triangle" }> {
  const random = seededRandom(SEED);
  return {
    kind: "triangle",
    edges: Array.from({ length: edges }, (_, i) => `Kante „${i}“`),
    values: Float64Array.from(
      { length: pairsOf(edges) },
      () => random.next() < 0.1 ? NaN : 2 * random.next() - 1,
    ),
  };
}

/** Records in memory; the write of that number fails, and those after it. */
function memory(failFrom = Infinity) {
  const kept = new Map<string, string>();
  let writes = 0;
  const write = (change: () => void) => {
    if (++writes >= failFrom) return Promise.reject(new Error("the disk is full"));
    change();
    return Promise.resolve();
  };
  const ports: RecordPorts = {
    record: (kind, key) => Promise.resolve(kept.get(`${kind}/${key}`) ?? null),
    records: (kind) =>
      Promise.resolve(
        [...kept].filter(([path]) => path.startsWith(`${kind}/`))
          .map(([path, json]) => ({ key: path.slice(kind.length + 1), json })),
      ),
    put: (kind, key, json) => write(() => void kept.set(`${kind}/${key}`, json)),
    drop: (kind, key) => write(() => void kept.delete(`${kind}/${key}`)),
  };
  return {
    kept,
    ports,
    parts: () => [...kept.keys()].filter((key) => key.startsWith(CORRELATIONS_KIND)),
  };
}

let names = 0;
const nameOf = () => `name${names++}`;

const pairs = (correlation: number | null): CorrelationInput => ({
  kind: "pairs",
  pairs: [{ a: "A", b: "B", correlation }, { a: "C", b: "A", correlation: -0.1 + 0.3 }],
});

Deno.test("correlationBytes() bring a triangle and pairs back, to the bit", () => {
  for (const edges of [0, 1, 2, 3, 40]) {
    const input = triangle(edges);
    assertEquals(readCorrelationBytes(correlationBytes(input)), input);
  }
  const given = correlationsOf(pairs(0)).toInput();
  const back = correlationsOf(readCorrelationBytes(correlationBytes(given)));
  assertEquals([back.of("A", "B"), back.of("A", "C")], [0, -0.1 + 0.3]);
  assertEquals(back.of("B", "C"), NaN);
});

Deno.test("readCorrelationBytes() refuses what it did not write", () => {
  const bytes = correlationBytes(triangle(5));
  for (
    const wrong of [
      new Uint8Array(),
      bytes.subarray(0, -8),
      bytes.subarray(4),
      bytes.subarray(0, 30),
    ]
  ) {
    assertThrows(() => readCorrelationBytes(wrong), RefreshError);
  }
});

Deno.test("correlationParts() cut what is too large for one record", () => {
  const input = triangle(30);
  const parts = correlationParts("x", input, 1_000);
  assert(parts.length > 3);
  const keys = parts.map(({ key }) => key);
  const stored = new Map(parts.map(({ key, json }) => [key, json]));
  assertEquals(correlationsOfParts(keys, stored), input);
  stored.delete(keys[1] ?? "");
  assertThrows(() => correlationsOfParts(keys, stored), RefreshError);
  assertEquals(correlationsOfParts([], stored), null);
});

Deno.test("AggregatorRecords bring edges, correlations and counts back", async () => {
  const { ports, parts } = memory();
  const aggregator = new Aggregator();
  aggregator.setCorrelations(pairs(0.9));
  aggregator.addEdges(["Z"]);
  aggregator.recordEdgeChange({ edgeId: "Z", type: "custom", magnitude: 2, at: 5 });
  const records = new AggregatorRecords(ports, nameOf);
  records.givenChanged();
  await records.save(aggregator);
  const again = new AggregatorRecords(ports, nameOf);
  const back = await again.restore({});
  assertEquals(back?.snapshot(), aggregator.snapshot());
  assertEquals(parts().length, 1);
  // Nothing new was handed in: the same record stays.
  const before = parts();
  again.changed();
  await again.save(back ?? aggregator);
  assertEquals(parts(), before);
});

Deno.test("AggregatorRecords drop correlations that are out of force", async () => {
  const { ports, parts } = memory();
  const records = new AggregatorRecords(ports, nameOf);
  const aggregator = new Aggregator();
  for (const correlation of [0.5, 0.6]) {
    aggregator.setCorrelations(pairs(correlation));
    records.givenChanged();
    await records.save(aggregator);
  }
  assertEquals(parts().length, 1);
  aggregator.setCorrelations(null);
  records.givenChanged();
  await records.save(aggregator);
  assertEquals(parts(), []);
  assertEquals((await new AggregatorRecords(ports, nameOf).restore({}))?.given, null);
});

for (const failFrom of [1, 2, 3, 4, 5]) {
  Deno.test(`AggregatorRecords are whole after a crash at write ${failFrom}`, async () => {
    const { kept, ports } = memory();
    const records = new AggregatorRecords(ports, nameOf);
    const aggregator = new Aggregator();
    aggregator.setCorrelations(pairs(0.5));
    records.givenChanged();
    await records.save(aggregator);
    const dying = memory(failFrom);
    for (const [path, json] of kept) dying.kept.set(path, json);
    const second = new AggregatorRecords(dying.ports, nameOf);
    await second.restore({});
    aggregator.setCorrelations(pairs(0.7));
    second.givenChanged();
    const isSaved = await second.save(aggregator).then(() => true, () => false);
    assertEquals(second.isDue, !isSaved);
    // After it, on a disk that has room again.
    const alive = memory();
    for (const [path, json] of dying.kept) alive.kept.set(path, json);
    const back = await new AggregatorRecords(alive.ports, nameOf).restore({});
    assertEquals(back?.given?.of("A", "B"), isSaved ? 0.7 : 0.5);
    assertEquals(alive.parts().length, 1);
  });
}

Deno.test("AggregatorRecords.save() that failed saves correlations the next time", async () => {
  let isFull = true;
  const { ports } = memory();
  const full: RecordPorts = {
    ...ports,
    put: (kind, key, json) =>
      isFull ? Promise.reject(new Error("full")) : ports.put(kind, key, json),
  };
  const records = new AggregatorRecords(full, nameOf);
  const aggregator = new Aggregator();
  aggregator.setCorrelations(pairs(0.5));
  records.givenChanged();
  await assertRejects(() => records.save(aggregator));
  isFull = false;
  await records.save(aggregator);
  assertEquals((await new AggregatorRecords(ports, nameOf).restore({}))?.given?.of("A", "B"), 0.5);
});

Deno.test("AggregatorRecords.restore() refuses what is no record of it, and is null without one", async () => {
  const { ports, kept } = memory();
  assertEquals(await new AggregatorRecords(ports, nameOf).restore({}), null);
  for (const json of ["null", "{}", "[]", '{"snapshot":{},"correlations":[]}', "no JSON"]) {
    kept.set("refresh/aggregator", json);
    await assertRejects(() => new AggregatorRecords(ports, nameOf).restore({}));
  }
});
