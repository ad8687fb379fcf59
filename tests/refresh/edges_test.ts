import { assertEquals, assertThrows } from "@std/assert";
import { Edges } from "../../src/refresh/edges.ts";

Deno.test("Edges.moved lists an edge once, with its value at the last settlement", () => {
  const edges = new Edges(), a = edges.add("a", 1), b = edges.add("b", 2);
  edges.set(a, 3);
  edges.set(a, 4);
  assertEquals(edges.moved, [a]);
  assertEquals([edges.settledValueOf(a), edges.valueOf(a)], [1, 4]);
  assertEquals(edges.settledValueOf(b), 2);
  edges.settle();
  assertEquals(edges.moved, []);
  assertEquals(edges.settledValueOf(a), 4);
  edges.invariant();
});

Deno.test("Edges.set() of the same value is no change; 0 and -0 differ", () => {
  const edges = new Edges(), a = edges.add("a", 0), before = edges.revision;
  assertEquals(edges.set(a, 0), false);
  assertEquals(edges.revision, before);
  assertEquals(edges.set(a, -0), true);
  assertEquals([edges.revision, edges.revisionOf(a)], [before + 1, before + 1]);
});

Deno.test("Edges gives the handle of a removed edge again, which has not moved then", () => {
  const edges = new Edges(), a = edges.add("a", 1);
  edges.set(a, 2);
  edges.remove(a);
  assertEquals(edges.add("b", 9), a);
  assertEquals([edges.settledValueOf(a), edges.valueOf(a)], [9, 9]);
  assertEquals([edges.handleOf("a"), edges.idOf(a), edges.count], [undefined, "b", 1]);
  edges.invariant();
});

Deno.test("Edges keeps values through growth", () => {
  const edges = new Edges();
  for (let i = 0; i < 1_000; i++) edges.add(`e${i}`, i);
  assertEquals(edges.valueOf(edges.handleOf("e999") as number), 999);
  edges.invariant();
});

Deno.test("Edges refuses ids that are taken or empty, and values that are not finite", () => {
  const edges = new Edges(), a = edges.add("a", 1);
  assertThrows(() => edges.add("a", 1), Error, "an id that is free");
  assertThrows(() => edges.add("", 1), Error, "1 to 256 characters");
  assertThrows(() => edges.add("b", NaN), Error, "finite");
  assertThrows(() => edges.set(a, Infinity), Error, "Cannot set edge a");
  assertEquals(edges.count, 1);
});
