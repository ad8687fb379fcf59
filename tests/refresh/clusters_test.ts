import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { Clusters, clusterSettings, clustersOf } from "../../src/refresh/clusters.ts";
import { correlationsOf } from "../../src/refresh/correlation.ts";
import type { Linkage } from "../../src/refresh/linkage.ts";

const SEED = Number(Deno.env.get("SEED") ?? 20_261);

interface Pair {
  readonly a: string;
  readonly b: string;
  readonly correlation: number | null;
}

const pair = (a: string, b: string, correlation: number | null): Pair => ({ a, b, correlation });

function grouped(
  edges: readonly string[],
  pairs: readonly Pair[],
  linkage: Linkage = "single",
): readonly (readonly string[])[] {
  const clusters = clustersOf(
    edges,
    correlationsOf({ kind: "pairs", pairs }),
    clusterSettings({ linkage }),
  );
  clusters.invariant();
  return clusters.all.map(({ members }) => members);
}

/**
 * The slow twin: sets of names, compared pair by pair from the definition of each linkage. Ties go to
 * the group with the lowest member, then to the one whose partner's lowest member is the lowest.
 */
function slowGroups(
  edges: readonly string[],
  pairs: readonly Pair[],
  linkage: Linkage,
  threshold = 0.4,
): readonly (readonly string[])[] {
  const known = new Map<string, number>();
  for (const { a, b, correlation } of pairs) {
    if (correlation === null) continue;
    known.set(`${a}|${b}`, Math.abs(correlation));
    known.set(`${b}|${a}`, Math.abs(correlation));
  }
  let groups = [...edges].sort().map((edge) => [edge]);
  for (;;) {
    let best: { x: string[]; y: string[]; likeness: number } | null = null;
    for (const [at, x] of groups.entries()) {
      for (const y of groups.slice(at + 1)) {
        const all = x.flatMap((a) => y.map((b) => known.get(`${a}|${b}`)));
        const said = all.filter((one) => one !== undefined);
        if (said.length === 0) continue;
        if (linkage === "complete" && said.length < all.length) continue;
        const likeness = linkage === "single"
          ? Math.max(...said)
          : linkage === "complete"
          ? Math.min(...said)
          : said.reduce((sum, one) => sum + one, 0) / said.length;
        if (likeness > threshold && likeness > (best?.likeness ?? -1)) best = { x, y, likeness };
      }
    }
    if (best === null) return groups;
    const { x, y } = best;
    const merged = [...x, ...y].sort();
    groups = [...groups.filter((group) => group !== x && group !== y), merged]
      .sort((a, b) => (a[0] as string) < (b[0] as string) ? -1 : 1);
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const all = [...items];
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(random.next() * (at + 1));
    [all[at], all[other]] = [all[other] as T, all[at] as T];
  }
  return all;
}

/** Multiples of 1/64, so that sums are exact, ties are common, and 0.4 lies between two of them. */
function randomPairs(edges: readonly string[], random: Random): Pair[] {
  const density = random.next();
  const spread = 0.2 + random.next();
  return edges.flatMap((a, at) =>
    edges.slice(at + 1).filter(() => random.next() < density).map((b) => {
      const size = Math.floor(Math.min(1, random.next() * spread) * 64) / 64;
      const correlation = random.next() < 0.1 ? null : random.next() < 0.5 ? size : -size;
      return random.next() < 0.5 ? pair(a, b, correlation) : pair(b, a, correlation);
    })
  );
}

for (const linkage of ["single", "average", "complete"] as const) {
  Deno.test(`clustersOf() with ${linkage} linkage equals a slow twin, in any order`, () => {
    console.log(`seed ${SEED}`);
    const random = seededRandom(SEED);
    for (let round = 0; round < 150; round++) {
      const count = 1 + Math.floor(random.next() * 18);
      const edges = Array.from({ length: count }, () => `e${Math.floor(random.next() * 1e6)}`)
        .filter((edge, at, all) => all.indexOf(edge) === at);
      const pairs = randomPairs(edges, random);
      const expected = slowGroups(edges, pairs, linkage);
      for (let order = 0; order < 4; order++) {
        const actual = grouped(shuffled(edges, random), shuffled(pairs, random), linkage);
        assertEquals(actual, expected, `round ${round}`);
      }
    }
  });
}

Deno.test("clustersOf() connects only what is above the threshold, by its size", () => {
  const edges = ["a", "b", "c", "d", "e"];
  const pairs = [pair("a", "b", 0.4), pair("b", "c", -0.5), pair("d", "e", 0.4 + 1e-12)];
  assertEquals(grouped(edges, pairs), [["a"], ["b", "c"], ["d", "e"]]);
});

Deno.test("clustersOf() does so with a triangle too", () => {
  const values = Float64Array.of(0.4, -0.5, -0.4);
  const triangle = correlationsOf({ kind: "triangle", edges: ["a", "b", "c"], values });
  const clusters = clustersOf(["a", "b", "c"], triangle);
  assertEquals(clusters.all.map(({ members }) => members), [["a", "c"], ["b"]]);
});

Deno.test("clustersOf() chains with single linkage, and not with complete linkage", () => {
  const pairs = [pair("a", "b", 0.9), pair("b", "c", 0.5), pair("a", "c", 0)];
  const edges = ["c", "b", "a"];
  assertEquals(grouped(edges, pairs, "single"), [["a", "b", "c"]]);
  assertEquals(grouped(edges, pairs, "complete"), [["a", "b"], ["c"]]);
  assertEquals(grouped(edges, pairs, "average"), [["a", "b"], ["c"]]);
});

Deno.test("clustersOf() takes an unknown correlation as unknown, and not as 0", () => {
  const pairs = [pair("a", "b", 0.9), pair("b", "c", 0.5)];
  // As 0 the mean of a and b with c would be 0.25; what is known of it is 0.5.
  assertEquals(grouped(["a", "b", "c"], pairs, "average"), [["a", "b", "c"]]);
  assertEquals(grouped(["a", "b", "c"], [...pairs, pair("a", "c", 0)], "average"), [
    ["a", "b"],
    ["c"],
  ]);
  assertEquals(grouped(["a", "b", "c"], pairs, "complete"), [["a", "b"], ["c"]]);
});

Deno.test("clustersOf() keeps run_1 apart from run_10, and names by code units", () => {
  const pairs = [pair("run_10", "run_2", 0.8)];
  const clusters = clustersOf(
    ["run_2", "run_1", "run_10"],
    correlationsOf({ kind: "pairs", pairs }),
  );
  assertEquals(clusters.all.map(({ id }) => id), ["run_1", "run_10"]);
  assertEquals(clusters.of("run_2")?.id, "run_10");
  assertEquals(clusters.of("run_"), undefined);
});

Deno.test("clustersOf() leaves out edges that only correlations name", () => {
  const pairs = [pair("a", "b", 0.9), pair("b", "c", 0.9)];
  assertEquals(grouped(["c", "a"], pairs), [["a"], ["c"]]);
});

Deno.test("Clusters.invariant() finds a cluster that is not named after its lowest member", () => {
  const wrong = new Clusters([{ id: "b", members: ["a", "b"] }]);
  assertEquals(assertThrows(() => wrong.invariant(), RefreshError).code, "invariant");
  new Clusters([{ id: "a", members: ["a", "b"] }]).invariant();
});

Deno.test("clusterSettings() refuses what is out of bounds", () => {
  assertEquals(clusterSettings().threshold, 0.4);
  for (
    const wrong of [
      { threshold: NaN },
      { threshold: 1.1 },
      { linkage: "median" as Linkage },
      { linkage: "average" as const, edgesMax: 2_001 },
    ]
  ) {
    const error = assertThrows(() => clusterSettings(wrong), RefreshError, "Cannot set");
    assertEquals(error.code, "options");
  }
  assert(clusterSettings({ linkage: "average" }).edgesMax <= 2_000);
});
