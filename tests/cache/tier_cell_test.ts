/** The cell of the second tier while its actor comes and goes. */

import { assertEquals } from "@std/assert";
import { TierCell } from "../../src/cache/tier_cell.ts";
import type { SecondTier, TierEntry, TierSelection } from "../../src/cache/types.ts";

/** A tier that remembers what was asked of it. */
class SpyTier implements SecondTier {
  readonly calls: string[] = [];
  getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]> {
    this.calls.push(`get ${keys}`);
    return Promise.resolve(keys.map(() => null));
  }
  setMany(entries: readonly TierEntry[]): void {
    this.calls.push(`set ${entries.map(({ key }) => key)}`);
  }
  invalidate(selection: TierSelection): Promise<void> {
    this.calls.push(`invalidate ${JSON.stringify(selection)}`);
    return Promise.resolve();
  }
  mark(): number {
    return 7;
  }
  status() {
    return { ...new TierCell("sqlite").status(), state: "up", entries: 3 } as const;
  }
}

const ENTRY: TierEntry = {
  key: "a",
  bytes: new Uint8Array(),
  loadedAtMs: 0,
  softAtMs: 1,
  hardAtMs: 2,
  seq: null,
  dependsOn: [],
  tags: [],
};

Deno.test("TierCell without a tier has nothing, takes nothing, and says that it is down", async () => {
  const cell = new TierCell("sqlite");
  assertEquals(await cell.getMany(["a", "b"]), [null, null]);
  cell.setMany([ENTRY]);
  assertEquals(cell.mark(), 0);
  assertEquals([cell.status().kind, cell.status().state], ["sqlite", "down"]);
});

Deno.test("TierCell tells a tier that comes what was to be forgotten, before it is read", async () => {
  const cell = new TierCell("sqlite");
  await cell.invalidate({ keys: ["a"] });
  await cell.invalidate({ patterns: ["b*"] });
  const tier = new SpyTier();
  const leave = cell.attach(tier);
  await cell.getMany(["a"]);
  cell.setMany([ENTRY]);
  assertEquals(tier.calls, [
    'invalidate {"keys":["a"]}',
    'invalidate {"patterns":["b*"]}',
    "get a",
    "set a",
  ]);
  assertEquals(cell.mark(), 7);
  leave();
  assertEquals([cell.status().state, cell.status().entries], ["down", 3]);
  await cell.invalidate({ keys: ["c"] });
  const next = new SpyTier();
  cell.attach(next);
  // A tier that has gone long ago takes nothing away.
  leave();
  await cell.getMany(["d"]);
  assertEquals(next.calls, ['invalidate {"keys":["c"]}', "get d"]);
});

Deno.test("TierCell remembers everything instead of too much", async () => {
  const cell = new TierCell("redis");
  for (let i = 0; i < 10_001; i++) await cell.invalidate({ keys: [`k${i}`] });
  const tier = new SpyTier();
  cell.attach(tier);
  assertEquals(tier.calls, ['invalidate {"patterns":["*"]}']);
});
