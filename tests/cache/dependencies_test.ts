import { assert, assertEquals, assertGreater } from "@std/assert";
import { DependencyIndex } from "../../src/cache/dependencies.ts";
import type { Dependency, TouchedRange } from "../../src/cache/types.ts";
import { seededRandom } from "../market/support.ts";

const candles = (series: string, fromTs: number, toTs: number): Dependency => ({
  kind: "candles",
  series,
  fromTs,
  toTs,
});
const onKey = (key: string): Dependency => ({ kind: "key", key });
const onLevels = (instrument: string): Dependency => ({ kind: "levels", instrument });
const touched = (series: string, fromTs: number, toTs: number): TouchedRange => ({
  series,
  fromTs,
  toTs,
});
const sorted = (keys: Iterable<string>) => [...keys].sort();

Deno.test("DependencyIndex.dependentsOf() finds entries by candles from <= t < to", () => {
  const index = new DependencyIndex();
  index.set("a", [candles("X:H1", 10, 20)]);
  index.set("b", [candles("X:H1", 20, 30)]);
  index.set("c", [candles("Y:H1", 10, 30)]);
  const of = (fromTs: number, toTs: number) =>
    sorted(index.dependentsOf(touched("X:H1", fromTs, toTs)));
  assertEquals(of(0, 10), []);
  assertEquals(of(0, 11), ["a"]);
  assertEquals(of(19, 20), ["a"]);
  assertEquals(of(19, 21), ["a", "b"]);
  assertEquals(of(30, 40), []);
  assertEquals(of(15, 15), []);
  assertEquals(sorted(index.dependentsOf(touched("Z:H1", 0, 40))), []);
});

Deno.test("DependencyIndex.dependentsOf() finds what new candles change by an open range", () => {
  const index = new DependencyIndex();
  index.set("live", [candles("X:H1", 10, Infinity)]);
  index.set("all", [candles("X:H1", -Infinity, Infinity)]);
  assertEquals(sorted(index.dependentsOf(touched("X:H1", 1e12, 1e12 + 1))), ["all", "live"]);
  assertEquals(sorted(index.dependentsOf(touched("X:H1", 0, 1))), ["all"]);
});

Deno.test("DependencyIndex.dependentsOf() finds levels and keys by name", () => {
  const index = new DependencyIndex();
  index.set("a", [onLevels("EUR_USD"), onKey("b")]);
  assertEquals(sorted(index.dependentsOf(onLevels("EUR_USD"))), ["a"]);
  assertEquals(sorted(index.dependentsOf(onLevels("EUR_US"))), []);
  assertEquals(sorted(index.dependentsOf(onKey("b"))), ["a"]);
  assertEquals(sorted(index.dependentsOf(onKey("a"))), []);
});

Deno.test("DependencyIndex.dependentsOf() follows entries made of entries", () => {
  const index = new DependencyIndex();
  index.set("label", [candles("X:H1", 0, 10)]);
  index.set("path", [onKey("label")]);
  index.set("report", [onKey("path"), candles("Y:H1", 0, 10)]);
  index.set("other", [onKey("nothing")]);
  assertEquals(sorted(index.dependentsOf(touched("X:H1", 5, 6))), ["label", "path", "report"]);
  assertEquals(sorted(index.dependentsOf(onKey("label"))), ["path", "report"]);
  assertEquals(sorted(index.dependentsOf(touched("Y:H1", 5, 6))), ["report"]);
  assertEquals(index.dependentsCount("label"), 1);
});

Deno.test("DependencyIndex.dependentsOf() ends in a circle of entries", () => {
  const index = new DependencyIndex();
  index.set("a", [onKey("c"), onKey("a")]);
  index.set("b", [onKey("a")]);
  index.set("c", [onKey("b"), candles("X:H1", 0, 1)]);
  assertEquals(sorted(index.dependentsOf(touched("X:H1", 0, 1))), ["a", "b", "c"]);
  assertEquals(sorted(index.dependentsOf(onKey("a"))), ["a", "b", "c"]);
  assertEquals(index.dependenciesOf("a"), [onKey("c")]);
});

Deno.test("DependencyIndex.dependentsOf() takes several changes, each entry once", () => {
  const index = new DependencyIndex();
  index.set("a", [candles("X:H1", 0, 10), candles("Y:H1", 0, 10)]);
  index.set("b", [onLevels("X")]);
  assertEquals(
    [...index.dependentsOf([touched("X:H1", 0, 1), touched("Y:H1", 0, 1), onLevels("X")])],
    ["a", "b"],
  );
  assertEquals(index.dependentsOf([]).size, 0);
});

Deno.test("DependencyIndex.dependentsOf() walks a chain of 100,000 entries", () => {
  const index = new DependencyIndex();
  for (let i = 0; i < 100_000; i++) index.set(`k${i + 1}`, [onKey(`k${i}`)]);
  assertEquals(index.dependentsOf(onKey("k0")).size, 100_000);
});

Deno.test("DependencyIndex.dependentsOfCandles() is all that candles may change", () => {
  const index = new DependencyIndex();
  index.set("a", [candles("X:H1", 0, 10)]);
  index.set("b", [onKey("a")]);
  index.set("c", [onLevels("X")]);
  assertEquals(sorted(index.dependentsOfCandles()), ["a", "b"]);
});

Deno.test("DependencyIndex.set() replaces what the entry was made of", () => {
  const index = new DependencyIndex();
  index.set("a", [candles("X:H1", 0, 10), onLevels("X"), onKey("b")]);
  index.set("a", [candles("X:H1", 20, 30)]);
  for (const change of [touched("X:H1", 0, 10), onLevels("X"), onKey("b")]) {
    assertEquals(index.dependentsOf(change).size, 0);
  }
  assertEquals(sorted(index.dependentsOf(touched("X:H1", 25, 26))), ["a"]);
  assertEquals(index.set("a", []), "set");
  assertEquals([index.size, index.links], [0, 0]);
  index.invariant();
});

Deno.test("DependencyIndex.remove() leaves those that depend on the entry", () => {
  const index = new DependencyIndex();
  index.set("a", [candles("X:H1", 0, 10)]);
  index.set("b", [onKey("a")]);
  index.remove("a");
  index.remove("a");
  index.remove("never");
  assertEquals(index.dependentsOf(touched("X:H1", 0, 10)).size, 0);
  assertEquals(sorted(index.dependentsOf(onKey("a"))), ["b"]);
  index.invariant();
});

Deno.test("DependencyIndex.set() joins ranges of a series that overlap or touch", () => {
  const index = new DependencyIndex();
  index.set("a", [
    candles("X:H1", 20, 30),
    candles("X:H1", 0, 10),
    candles("X:H1", 10, 15),
    candles("X:H1", 25, 28),
    candles("X:H1", 5, 5),
    onLevels("X"),
    onLevels("X"),
  ]);
  assertEquals(index.dependenciesOf("a"), [
    onLevels("X"),
    candles("X:H1", 0, 15),
    candles("X:H1", 20, 30),
  ]);
});

Deno.test("DependencyIndex.set() takes one range a series where there are too many", () => {
  const index = new DependencyIndex({ perKeyMax: 3 });
  const apart = [0, 10, 20, 30].map((t) => candles("X:H1", t, t + 1));
  assertEquals(index.set("a", [...apart, onKey("b")]), "set");
  assertEquals(index.dependenciesOf("a"), [onKey("b"), candles("X:H1", 0, 31)]);
});

Deno.test("DependencyIndex.set() takes a range that is no range for all of the series", () => {
  const index = new DependencyIndex();
  index.set("a", [candles("X:H1", NaN, 10)]);
  index.set("b", [candles("X:H1", 0, NaN)]);
  assertEquals(sorted(index.dependentsOf(touched("X:H1", 1e12, 1e12 + 1))), ["a", "b"]);
});

Deno.test("DependencyIndex.set() refuses what is more than the bounds allow", () => {
  const index = new DependencyIndex({ perKeyMax: 2, linksMax: 3 });
  index.set("a", [onKey("x")]);
  assertEquals(index.set("a", [onKey("x"), onKey("y"), onKey("z")]), "refused");
  assertEquals(index.dependentsOf(onKey("x")).size, 0, "an entry refused depends on nothing");
  assertEquals(index.set("a", [onKey("x"), onKey("y")]), "set");
  assertEquals(index.set("b", [onKey("x"), onKey("y")]), "refused");
  assertEquals(index.set("b", [onKey("x")]), "set");
  // What it has makes room for what it gets.
  assertEquals(index.set("a", [onKey("y"), onKey("z")]), "set");
  assertEquals(index.links, 3);
  index.invariant();
});

Deno.test("DependencyIndex takes any text for names", () => {
  const index = new DependencyIndex();
  for (const name of ["", "__proto__", "constructor", "\0", "\ud800", "a\nb", "x".repeat(1e6)]) {
    index.set(name, [onKey(`${name}!`), onLevels(name), candles(name, 0, 1)]);
    for (const change of [onKey(`${name}!`), onLevels(name), touched(name, 0, 1)]) {
      assertEquals([...index.dependentsOf(change)], [name]);
    }
  }
  index.clear();
  assertEquals([index.size, index.links], [0, 0]);
  index.invariant();
});

/** What the index should be: a map, looked through at every question. */
class SlowIndex {
  readonly made = new Map<string, readonly Dependency[]>();

  dependentsOf(changes: readonly (Dependency | TouchedRange)[]): string[] {
    const ended = new Set<string>();
    let isGrowing = true;
    while (isGrowing) {
      isGrowing = false;
      const all = [...changes, ...[...ended].map(onKey)];
      for (const [key, dependencies] of this.made) {
        if (ended.has(key)) continue;
        const isHit = dependencies.some((made) => all.some((change) => isChange(made, change)));
        if (!isHit) continue;
        ended.add(key);
        isGrowing = true;
      }
    }
    return sorted(ended);
  }
}

function isChange(made: Dependency, change: Dependency | TouchedRange): boolean {
  if (made.kind === "levels") {
    return "kind" in change && change.kind === "levels" && change.instrument === made.instrument;
  }
  if (made.kind === "key") {
    return "kind" in change && change.kind === "key" && change.key === made.key;
  }
  return !("kind" in change && change.kind !== "candles") && change.series === made.series &&
    made.fromTs < change.toTs && change.fromTs < made.toTs && made.fromTs < made.toTs &&
    change.fromTs < change.toTs;
}

Deno.test("DependencyIndex is what its slow twin is", () => {
  const random = seededRandom("dependencies");
  const upTo = (n: number) => Math.floor(random() * n);
  const index = new DependencyIndex();
  const twin = new SlowIndex();
  const key = () => `k${upTo(60)}`;
  const dependency = (): Dependency => {
    const kind = random();
    if (kind < 0.15) return onLevels(`I${upTo(4)}`);
    // Keys mostly upwards, so that not all is one circle.
    if (kind < 0.4) return onKey(random() < 0.9 ? `k${60 + upTo(20)}` : key());
    const from = upTo(200);
    return candles(`S${upTo(3)}`, from, random() < 0.1 ? Infinity : from + upTo(15));
  };
  let hits = 0;
  for (let step = 0; step < 6_000; step++) {
    const what = random();
    if (what < 0.5) {
      const [name, made] = [key(), Array.from({ length: upTo(5) }, dependency)];
      index.set(name, made);
      twin.made.set(name, made);
    } else if (what < 0.75) {
      const name = key();
      index.remove(name);
      twin.made.delete(name);
    } else {
      const changes = Array.from({ length: upTo(3) }, dependency);
      const expected = twin.dependentsOf(changes);
      hits += expected.length;
      assertEquals(sorted(index.dependentsOf(changes)), expected, JSON.stringify(changes));
    }
    if (step % 100 === 0) index.invariant();
  }
  assertGreater(hits, 2_000);
  for (const name of [...twin.made.keys()]) index.remove(name);
  index.invariant();
  assertEquals([index.size, index.links], [0, 0]);
});

Deno.test("DependencyIndex finds among thousands of ranges of a series what overlaps", () => {
  const random = seededRandom("dependencies ranges");
  const index = new DependencyIndex();
  const ranges = new Map<string, readonly [number, number]>();
  for (let step = 0; step < 20_000; step++) {
    const key = `k${Math.floor(random() * 5_000)}`;
    if (random() < 0.3) {
      index.remove(key);
      ranges.delete(key);
      continue;
    }
    // In order of time, as entries come, and some anywhere.
    const from = random() < 0.9 ? step : Math.floor(random() * 20_000);
    const range = [from, from + 1 + Math.floor(random() ** 4 * 2_000)] as const;
    index.set(key, [candles("X:M1", ...range)]);
    ranges.set(key, range);
  }
  index.invariant();
  for (let question = 0; question < 300; question++) {
    const from = Math.floor(random() * 22_000);
    const to = from + Math.floor(random() * 50);
    const expected = [...ranges].filter(([, [a, b]]) => a < to && from < b && from < to);
    assertEquals(
      sorted(index.dependentsOf(touched("X:M1", from, to))),
      sorted(expected.map(([key]) => key)),
    );
  }
});

Deno.test("DependencyIndex.dependentsOf() costs less than a microsecond where nothing is hit", () => {
  const index = new DependencyIndex();
  const series = Array.from({ length: 100 }, (_, i) => `S${i}:M1`);
  for (const name of series) {
    for (let i = 0; i < 1_000; i++) index.set(`${name}:${i}`, [candles(name, i, i + 500)]);
  }
  const ask = () => {
    const startMs = performance.now();
    let found = 0;
    for (let t = 0; t < 200; t++) {
      for (const name of series) {
        found += index.dependentsOf(touched(name, 2_000 + t, 2_001 + t)).size;
      }
    }
    assertEquals(found, 0);
    return (performance.now() - startMs) / 20_000 * 1_000;
  };
  const bestMicros = Math.min(...Array.from({ length: 10 }, ask));
  assert(bestMicros < 1, `${bestMicros.toFixed(2)} µs`);
});
