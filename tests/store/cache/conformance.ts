/**
 * What every second tier promises (`SecondTier` of `src/cache/types.ts`), as tests that each backend
 * runs.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { CacheError } from "../../../src/cache/error.ts";
import type { SecondTier } from "../../../src/cache/types.ts";
import { VALUE_BYTES_MAX } from "../../../src/store/cache/value_frame.ts";
import { entry, KEYS, Operator, read, SEED, SlowTier } from "./support.ts";

/** A tier under test. */
export interface OpenTier extends AsyncDisposable {
  readonly tier: SecondTier;
  /** Resolves when nothing waits to be written. */
  settled(): Promise<void>;
}

/** A backend. */
export interface Backend {
  readonly name: string;
  /** Opens an empty tier. */
  open(): Promise<OpenTier>;
  readonly ignore?: boolean;
  /** An invalidation by tag may also end an entry whose key had the tag before. */
  readonly remembersTags?: boolean;
}

type Run = (tier: SecondTier, settled: () => Promise<void>) => Promise<void>;
type Test = (what: string, run: Run) => void;

/** Registers the tests of one backend. */
export function tierConformance(backend: Backend): void {
  const { name, open, ignore = false } = backend;
  const test: Test = (what, run) =>
    Deno.test(`${name}: ${what}`, { ignore }, async () => {
      await using opened = await open();
      await run(opened.tier, () => opened.settled());
    });
  testEntries(test);
  testBounds(test);
  testInvalidation(test);
  testTags(test, backend);
  testRandom(test, backend);
}

function testEntries(test: Test): void {
  test("getMany() answers in the order of the keys, null for what is not there", async (tier) => {
    tier.setMany([entry("a", "1"), entry("b", "2")]);
    assertEquals(await read(tier, "b", "none", "a", "b"), ["2", null, "1", "2"]);
    assertEquals(await read(tier), []);
  });

  test("an entry comes back as it was, waiting and written", async (tier, settled) => {
    const nowMs = Date.now();
    const given = entry("label:EUR_USD", "x".repeat(10_000), {
      loadedAtMs: nowMs - 5.5,
      softAtMs: nowMs + 1_000,
      hardAtMs: nowMs + 60_000,
      seq: 2 ** 40,
      tags: ["one", "two"],
      dependsOn: [
        { kind: "candles", series: "EUR_USD:H1", fromTs: -Infinity, toTs: Infinity },
        { kind: "candles", series: "EUR_USD:D", fromTs: 1, toTs: 2 },
        { kind: "levels", instrument: "EUR_USD" },
        { kind: "key", key: "price:EUR_USD" },
      ],
      mark: tier.mark(),
    });
    for (const when of ["waiting", "written"]) {
      if (when === "waiting") tier.setMany([given]);
      else await settled();
      const [found] = await tier.getMany(["label:EUR_USD"]);
      assert(found !== null && found !== undefined, when);
      assertEquals({ ...found, bytes: [...found.bytes], mark: 0 }, {
        ...given,
        bytes: [...given.bytes],
        mark: 0,
      });
    }
  });

  test("every plain key is its own", async (tier, settled) => {
    tier.setMany(KEYS.map((key, i) => entry(key, String(i))));
    assertEquals(await read(tier, ...KEYS), KEYS.map((_, i) => String(i)));
    await settled();
    assertEquals(await read(tier, ...KEYS), KEYS.map((_, i) => String(i)));
    for (const [i, key] of KEYS.entries()) assertEquals(await read(tier, key), [String(i)]);
  });

  test("a later entry takes the place of an earlier one", async (tier, settled) => {
    tier.setMany([entry("a", "1"), entry("a", "2")]);
    assertEquals(await read(tier, "a"), ["2"]);
    await settled();
    tier.setMany([entry("a", "3")]);
    assertEquals(await read(tier, "a"), ["3"]);
    await settled();
    assertEquals(await read(tier, "a"), ["3"]);
  });

  test("many keys are one call", async (tier, settled) => {
    const keys = Array.from({ length: 2_500 }, (_, i) => `k:${i}`);
    tier.setMany(keys.map((key) => entry(key, key)));
    await settled();
    assertEquals(await read(tier, ...keys), keys);
  });
}

function testBounds(test: Test): void {
  test("an entry past its hard end is not there", async (tier, settled) => {
    const nowMs = Date.now();
    tier.setMany([entry("a", "1", { hardAtMs: nowMs - 1 }), entry("b", "2")]);
    assertEquals(await read(tier, "a", "b"), [null, "2"]);
    await settled();
    tier.setMany([entry("b", "3", { hardAtMs: nowMs - 1 })]);
    assertEquals(await read(tier, "a", "b"), [null, null]);
    await settled();
    assertEquals(await read(tier, "a", "b"), [null, null]);
  });

  test("ends that never come are a day away", async (tier, settled) => {
    tier.setMany([entry("a", "1", { softAtMs: Infinity, hardAtMs: Infinity })]);
    await settled();
    const [found] = await tier.getMany(["a"]);
    assertEquals([found?.softAtMs, found?.hardAtMs], [Infinity, Infinity]);
  });

  test(
    "keys and values that no tier keeps are left out, and the old goes",
    async (tier, settled) => {
      const bad = ["nul\0", "half \ud800", "y".repeat(1_025), ""];
      tier.setMany([entry("big", "small"), ...bad.map((key) => entry(key, "1"))]);
      await settled();
      tier.setMany([entry("big", "", { bytes: new Uint8Array(VALUE_BYTES_MAX + 1) })]);
      assertEquals(await read(tier, "big", "half \ufffd", ...bad), Array(6).fill(null));
      await settled();
      assertEquals(await read(tier, "big"), [null]);
      assertEquals(tier.status().dropped, 5);
    },
  );

  test("status() counts", async (tier, settled) => {
    tier.setMany([entry("a", "1"), entry("b", "2")]);
    await settled();
    await read(tier, "a", "none", "b");
    const { hits, misses, written, failures, state, waiting } = tier.status();
    assertEquals({ hits, misses, written, failures, state, waiting }, {
      hits: 2,
      misses: 1,
      written: 2,
      failures: 0,
      state: "up",
      waiting: 0,
    });
  });
}

function testInvalidation(test: Test): void {
  const entries = () => [
    entry("price:AAPL", "1", { tags: ["us"] }),
    entry("price:EURUSD", "2"),
    entry("news:AAPL", "3", { tags: ["us", "tech"] }),
  ];
  const keys = ["price:AAPL", "price:EURUSD", "news:AAPL"];
  const cases = [
    { by: "key", selection: { keys: ["price:AAPL", "none"] }, left: [null, "2", "3"] },
    { by: "pattern", selection: { patterns: ["price:*"] }, left: [null, null, "3"] },
    {
      by: "pattern without a star",
      selection: { patterns: ["price:EURUSD"] },
      left: ["1", null, "3"],
    },
    { by: "tag", selection: { tags: ["us"] }, left: [null, "2", null] },
    { by: "nothing", selection: {}, left: ["1", "2", "3"] },
  ];
  for (const { by, selection, left } of cases) {
    for (const when of ["waiting", "written"]) {
      test(`invalidate() by ${by} forgets what is ${when}`, async (tier, settled) => {
        tier.setMany(entries());
        if (when === "written") await settled();
        await tier.invalidate(selection);
        assertEquals(await read(tier, ...keys), left);
        await settled();
        assertEquals(await read(tier, ...keys), left);
      });
    }
  }

  test("what comes after an invalidation stays", async (tier, settled) => {
    tier.setMany(entries());
    const ending = tier.invalidate({ patterns: ["*"], tags: ["us"] });
    tier.setMany([entry("price:AAPL", "new", { tags: ["us"] })]);
    assertEquals(await read(tier, "price:AAPL", "news:AAPL"), ["new", null]);
    await ending;
    await settled();
    const [found, gone] = await read(tier, "price:AAPL", "news:AAPL");
    // A shared tier may lose it to a deletion that was under way, but nothing old comes back.
    assert(found === "new" || found === null);
    assertEquals(gone, null);
  });

  test("a pattern that is none is refused and changes nothing", async (tier, settled) => {
    tier.setMany(entries());
    await settled();
    const bad = { keys: ["price:AAPL"], patterns: [""] };
    await assertRejects(() => tier.invalidate(bad), CacheError);
    assertEquals(await read(tier, "price:AAPL"), ["1"]);
  });
}

function testTags(test: Test, { remembersTags = false }: Backend): void {
  test("an entry goes with the tags that it has", async (tier, settled) => {
    tier.setMany([entry("a", "1", { tags: ["old"] }), entry("b", "1", { tags: ["old"] })]);
    await settled();
    tier.setMany([entry("a", "2", { tags: ["new"] })]);
    await settled();
    await tier.invalidate({ tags: ["old"] });
    assertEquals(await read(tier, "a", "b"), [remembersTags ? null : "2", null]);
    tier.setMany([entry("a", "3", { tags: ["new"] })]);
    await settled();
    await tier.invalidate({ tags: ["new"] });
    assertEquals(await read(tier, "a"), [null]);
  });

  test("a tag of many entries", async (tier, settled) => {
    const keys = Array.from({ length: 1_500 }, (_, i) => `k:${i}`);
    tier.setMany([entry("other", "1"), ...keys.map((key) => entry(key, key, { tags: ["t"] }))]);
    await settled();
    await tier.invalidate({ tags: ["t"] });
    assertEquals(await read(tier, ...keys), keys.map(() => null));
    assertEquals(await read(tier, "other"), ["1"]);
  });
}

function testRandom(test: Test, { remembersTags = false }: Backend): void {
  test("random calls answer as a slow twin does", async (tier, settled) => {
    const operator = new Operator(SEED, remembersTags);
    const twin = new SlowTier();
    let found = 0;
    for (let step = 0; step < 400; step++) {
      const what = operator.below(10);
      if (what < 6) {
        const entries = operator.entries();
        tier.setMany(entries);
        twin.setMany(entries);
      } else if (what < 8) {
        const selection = operator.selection();
        await tier.invalidate(selection);
        twin.invalidate(selection);
      } else if (what === 8) await settled();
      const keys = Array.from({ length: 1 + operator.below(6) }, () => operator.key);
      const expected = twin.getMany(keys);
      assertEquals(await read(tier, ...keys), expected, `step ${step}, WICK_SEED=${SEED}`);
      found += expected.filter((text) => text !== null).length;
    }
    assertGreater(found, 100);
  });
}
