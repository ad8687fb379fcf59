/** Instruments and levels as records. */

import { assertEquals, assertRejects } from "@std/assert";
import { LEVELS_MAX } from "../../src/label/levels.ts";
import { InstrumentRegistry } from "../../src/market/instrument.ts";
import { StoreError } from "../../src/store/error.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { instruments, levels, putInstrument, putLevels } from "../../src/store/records.ts";

Deno.test("putInstrument() and instruments() keep what the registry says", async () => {
  const store = new MemoryStore();
  const registry = new InstrumentRegistry([{ symbol: "EUR_USD" }, {
    symbol: "AAPL",
    sector: "tech",
    granularities: ["D"],
  }]);
  for (const one of registry.list()) {
    assertEquals(await putInstrument(store, one), { state: "written" });
  }
  const byKey = registry.list().toSorted((a, b) => a.symbol < b.symbol ? -1 : 1);
  assertEquals(await instruments(store), byKey);
});

Deno.test("putLevels() replaces the levels of one instrument", async () => {
  const store = new MemoryStore();
  const level = { kind: "support", price: 1.25, fromTs: 1, toTs: 5 } as const;
  assertEquals(await levels(store, "EUR_USD"), []);
  await putLevels(store, "EUR_USD", [level, { ...level, kind: "resistance", price: 0.1 + 0.2 }]);
  await putLevels(store, "GBP_USD", [level]);
  assertEquals((await levels(store, "EUR_USD")).map(({ price }) => price), [1.25, 0.1 + 0.2]);
  await putLevels(store, "EUR_USD", []);
  assertEquals([await levels(store, "EUR_USD"), await levels(store, "GBP_USD")], [[], [level]]);
});

Deno.test("putLevels() refuses more than a set may hold", async () => {
  const store = new MemoryStore();
  const level = { kind: "support", price: 1, fromTs: 1, toTs: 5 } as const;
  const result = await putLevels(store, "A", new Array(LEVELS_MAX + 1).fill(level));
  assertEquals(result.state === "refused" && result.code, "full");
  assertEquals((await putLevels(store, "A", new Array(LEVELS_MAX).fill(level))).state, "written");
  assertEquals((await levels(store, "A")).length, LEVELS_MAX);
});

Deno.test("levels() and instruments() refuse records that are something else", async () => {
  const store = new MemoryStore();
  for (const json of ["{}", '[{"kind":"support"}]', '[{"kind":"x","price":1}]', "7"]) {
    store.putRecord("levels", "A", json);
    const error = await assertRejects(() => levels(store, "A"), StoreError);
    assertEquals(error.code, "damaged");
    store.putRecord("instrument", "A", json);
    await assertRejects(() => instruments(store), StoreError);
  }
});
