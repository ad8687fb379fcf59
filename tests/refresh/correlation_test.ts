import { assert, assertEquals, assertThrows } from "@std/assert";
import { RefreshError } from "../../src/refresh/error.ts";
import {
  type CorrelationInput,
  correlationsOf,
  MATRIX_EDGES_MAX,
} from "../../src/refresh/correlation.ts";

const all = (input: CorrelationInput) => {
  const correlations = correlationsOf(input);
  const { edges } = correlations;
  return edges.map((a) => edges.map((b) => correlations.of(a, b)));
};

const matrix = (rows: readonly (readonly (number | null)[])[]): CorrelationInput => ({
  kind: "matrix",
  edges: ["a", "b", "c"].slice(0, rows.length),
  rows,
});

Deno.test("correlationsOf() says the same of a matrix, a triangle and pairs", () => {
  const expected = [[1, 0.5, NaN], [0.5, 1, -0.25], [NaN, -0.25, 1]];
  assertEquals(all(matrix([[1, 0.5, null], [0.5, 1, -0.25], [null, -0.25, 1]])), expected);
  const values = Float64Array.of(0.5, NaN, -0.25);
  assertEquals(all({ kind: "triangle", edges: ["a", "b", "c"], values }), expected);
  const pairs = [
    { a: "a", b: "b", correlation: 0.5 },
    { a: "c", b: "b", correlation: -0.25 },
    { a: "a", b: "c", correlation: null },
    { a: "b", b: "a", correlation: 0.5 },
    { a: "a", b: "a", correlation: 1 },
  ];
  assertEquals(all({ kind: "pairs", pairs }), expected);
});

Deno.test("correlationsOf() keeps few pairs of many edges as a list that says the same", () => {
  const pairs = Array.from({ length: 500 }, (_, at) => ({
    a: `e${at}`,
    b: `e${at + 1}`,
    correlation: at % 2 === 0 ? 0.5 : 0.25,
  }));
  const correlations = correlationsOf({ kind: "pairs", pairs });
  assertEquals([correlations.bytes, correlations.known], [500 * 16, 500]);
  for (const { a, b, correlation } of pairs) {
    assertEquals([correlations.of(a, b), correlations.of(b, a)], [correlation, correlation]);
  }
  assertEquals(correlations.of("e0", "e2"), NaN);
  let above = 0;
  correlations.eachAbove(0.4, () => above++);
  assertEquals(above, 250);
  const again = correlationsOf(correlations.toInput());
  assertEquals(pairs.map(({ a, b }) => again.of(a, b)), pairs.map((one) => one.correlation));
  const without = correlations.without(new Set(["e1"]));
  assertEquals([without.known, without.edges.length], [498, 500]);
  assertEquals([without.of("e2", "e3"), without.of("e0", "e1")], [0.5, NaN]);
});

Deno.test("Correlations: a triangle of 1,000 edges takes 4 MB, and forgets an edge", () => {
  const edges = Array.from({ length: 1_000 }, (_, at) => `e${at}`);
  const values = Float64Array.from({ length: 499_500 }, (_, at) => at / 499_500);
  const correlations = correlationsOf({ kind: "triangle", edges, values });
  assertEquals(correlations.bytes, 3_996_000);
  const without = correlations.without(new Set(["e0", "e500"]));
  assertEquals(without.of("e999", "e501"), correlations.of("e999", "e501"));
  assertEquals([without.edges.length, without.known], [998, 497_503]);
  values[0] = 1;
  assertEquals(correlations.of("e1", "e0"), 0, "what was given is copied");
});

Deno.test("correlationsOf() takes what rounding makes of a matrix, the same both ways round", () => {
  const r = 0.1 + 0.2;
  const one = all(matrix([[1, r], [0.3, 1 - 1e-12]]));
  const other = all(matrix([[1, 0.3], [r, 1]]));
  assertEquals(one, other);
  assertEquals(all(matrix([[1, 1 + 1e-12], [1 + 1e-12, 1]]))[0], [1, 1]);
});

Deno.test("correlationsOf() refuses what is not a correlation matrix", () => {
  const pairs = (...pairs: { a: string; b: string; correlation: number | null }[]) => (
    { kind: "pairs", pairs } as const
  );
  const many = Array.from({ length: MATRIX_EDGES_MAX + 1 }, (_, at) => `e${at}`);
  const wrong: [CorrelationInput, string][] = [
    [matrix([[1, 0.5], [0.4, 1]]), "the same both ways for b and a"],
    [matrix([[1, 0.5], [null, 1]]), "both halves to know"],
    [matrix([[0.9, 0.5], [0.5, 1]]), "1 for a with itself"],
    [matrix([[1, 1.5], [1.5, 1]]), "from -1 to 1: current value is 1.5"],
    [matrix([[1, NaN], [NaN, 1]]), "from -1 to 1: current value is NaN"],
    [matrix([[1, 0.5], [0.5]]), "2 numbers in the row of b"],
    [{ kind: "matrix", edges: ["a", "a"], rows: [[1, 0], [0, 1]] }, "every edge once"],
    [{ kind: "triangle", edges: many, values: new Float64Array(0) }, "at most 2000 edges"],
    [{ kind: "triangle", edges: ["a", "b"], values: new Float64Array(2) }, "1 pairs of 2 edges"],
    [{ kind: "triangle", edges: ["a", "b"], values: Float64Array.of(Infinity) }, "from -1 to 1"],
    [pairs({ a: "a", b: "", correlation: 0 }), "ids of edges"],
    [pairs({ a: "a", b: "a", correlation: 0.5 }), "1 for a"],
    [
      pairs({ a: "a", b: "b", correlation: 0.5 }, { a: "b", b: "a", correlation: null }),
      "one correlation for b and a",
    ],
    [{ kind: "rows" } as unknown as CorrelationInput, "pairs, a matrix or a triangle"],
  ];
  for (const [input, expected] of wrong) {
    const error = assertThrows(() => correlationsOf(input), RefreshError, expected);
    assertEquals(error.code, "correlation");
    assert(error.message.startsWith("Cannot take correlations: expected "));
  }
});
