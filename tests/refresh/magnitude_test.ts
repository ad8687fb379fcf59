import { assertEquals, assertThrows } from "@std/assert";
import { RefreshError } from "../../src/refresh/error.ts";
import { PendingChanges } from "../../src/refresh/aggregator_pending.ts";
import {
  CHANGE_TYPES,
  type EdgeChange,
  MAGNITUDE_MAX,
  magnitudeClass,
  magnitudeSettings,
  METADATA_NAMES_MAX,
  refusalOf,
} from "../../src/refresh/magnitude.ts";

const change = (given: Partial<Record<keyof EdgeChange, unknown>> = {}) =>
  ({ edgeId: "a", type: "price_move", magnitude: 0.5, at: 0, ...given }) as EdgeChange;

Deno.test("magnitudeClass() goes by the bounds of the type, which belong to the upper class", () => {
  const settings = magnitudeSettings({ odds_change: { moderateFrom: 0.05, majorFrom: 0.2 } });
  const classes = (type: EdgeChange["type"], ...all: number[]) =>
    all.map((magnitude) => magnitudeClass(settings, type, magnitude));
  assertEquals(classes("odds_change", 0, 0.049, 0.05, 0.19, 0.2), [
    ...["minor", "minor", "moderate", "moderate", "major"] as const,
  ]);
  assertEquals(classes("price_move", 0.29, 0.3, 0.99, 1), [
    ...["minor", "moderate", "moderate", "major"] as const,
  ]);
});

Deno.test("magnitudeSettings() refuses bounds that do not ascend, and other types", () => {
  for (
    const wrong of [
      { label: { moderateFrom: 0.5, majorFrom: 0.4 } },
      { label: { moderateFrom: NaN, majorFrom: 1 } },
      { label: { moderateFrom: -1, majorFrom: 1 } },
      { weather: { moderateFrom: 0.1, majorFrom: 1 } } as Record<
        string,
        { moderateFrom: number; majorFrom: number }
      >,
    ]
  ) {
    const error = assertThrows(() => magnitudeSettings(wrong), RefreshError);
    assertEquals(error.code, "options");
  }
});

Deno.test("refusalOf() says what is wrong with a change", () => {
  for (const type of CHANGE_TYPES) assertEquals(refusalOf(change({ type })), null);
  assertEquals(refusalOf(change({ value: -3, metadata: { a: "x", b: 1, c: null } })), null);
  const many = Object.fromEntries(
    Array.from({ length: METADATA_NAMES_MAX + 1 }, (_, at) => [`n${at}`, at]),
  );
  const wrong: [Partial<Record<keyof EdgeChange, unknown>>, string][] = [
    [{ edgeId: "" }, "edge_id"],
    [{ edgeId: "x".repeat(257) }, "edge_id"],
    [{ edgeId: 7 }, "edge_id"],
    [{ type: "weather" }, "type"],
    [{ magnitude: NaN }, "magnitude"],
    [{ magnitude: -0.1 }, "magnitude"],
    [{ magnitude: MAGNITUDE_MAX + 1 }, "magnitude"],
    [{ magnitude: "1" }, "magnitude"],
    [{ value: Infinity }, "value"],
    [{ at: NaN }, "at"],
    [{ at: -1 }, "at"],
    [{ metadata: many }, "metadata"],
    [{ metadata: { a: {} } }, "metadata"],
    [{ metadata: { a: "x".repeat(257) } }, "metadata"],
    [{ metadata: [] }, "metadata"],
  ];
  for (const [given, reason] of wrong) assertEquals(refusalOf(change(given)), reason);
});

Deno.test("PendingChanges folds changes of an edge, the same in any order", () => {
  const changes = [
    change({ magnitude: 2, at: 1, value: 10 }),
    change({ magnitude: 0.1, at: 3, value: 12, type: "label" }),
    change({ magnitude: 0.1, at: 3, value: 11, type: "label" }),
    change({ magnitude: 0.4, at: 2, value: 13 }),
    change({ edgeId: "b", at: 0 }),
  ];
  const expected = [
    { ...change({ edgeId: "b" }), class: "moderate", count: 1 },
    { ...change({ magnitude: 2, at: 3, value: 12, type: "label" }), class: "major", count: 4 },
  ];
  for (let turn = 0; turn < changes.length; turn++) {
    const pending = new PendingChanges(magnitudeSettings());
    for (const one of [...changes.slice(turn), ...changes.slice(0, turn)]) pending.add(one);
    assertEquals(pending.take() as unknown[], expected);
    assertEquals(pending.size, 0);
  }
});

Deno.test("PendingChanges keeps the last value behind a change without one, in any order", () => {
  const changes = [
    change({ magnitude: 0.2, at: 1, value: 10 }),
    change({ magnitude: 0.2, at: 3, value: 12 }),
    change({ magnitude: 0.9, at: 4, type: "custom" }),
    change({ magnitude: 0.2, at: 2, value: 11 }),
  ];
  for (let turn = 0; turn < changes.length; turn++) {
    const pending = new PendingChanges(magnitudeSettings());
    for (const one of [...changes.slice(turn), ...changes.slice(0, turn)]) pending.add(one);
    const [folded] = pending.take();
    assertEquals([folded?.value, folded?.at, folded?.type], [12, 4, "custom"]);
  }
});
