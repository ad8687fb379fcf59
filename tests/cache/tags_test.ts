import { assertEquals } from "@std/assert";
import { areTags, TAG_BOUNDS, TagIndex } from "../../src/cache/tags.ts";
import { seededRandom } from "../market/support.ts";

const sorted = (keys: Iterable<string>) => [...keys].sort();

Deno.test("TagIndex.keysOf() is the entries with a tag", () => {
  const index = new TagIndex();
  index.set("a", ["x", "y", "x"]);
  index.set("b", ["y"]);
  assertEquals(["x", "y", "z"].map((tag) => sorted(index.keysOf(tag))), [["a"], ["a", "b"], []]);
  assertEquals(index.tagsOf("a"), ["x", "y"]);
  assertEquals([index.size, index.links], [2, 3]);
});

Deno.test("TagIndex.set() replaces the tags of an entry", () => {
  const index = new TagIndex();
  index.set("a", ["x", "y"]);
  index.set("a", ["z"]);
  assertEquals(["x", "y", "z"].map((tag) => sorted(index.keysOf(tag))), [[], [], ["a"]]);
  assertEquals(index.set("a", []), "set");
  assertEquals([index.size, index.links], [0, 0]);
});

Deno.test("TagIndex.keysOf() can be walked while its entries are removed", () => {
  const index = new TagIndex();
  for (let i = 0; i < 100; i++) index.set(`k${i}`, ["t"]);
  let removed = 0;
  for (const key of index.keysOf("t")) if (index.remove(key)) removed++;
  assertEquals([removed, index.size], [100, 0]);
  index.invariant();
});

Deno.test("TagIndex.set() refuses more tags than there is room for; then the entry has none", () => {
  const index = new TagIndex(3);
  index.set("a", ["x", "y"]);
  assertEquals(index.set("b", ["x", "y"]), "refused");
  assertEquals(index.set("a", ["x", "y", "z", "w"]), "refused");
  assertEquals(index.tagsOf("a"), []);
  assertEquals(index.set("b", ["x", "y", "z"]), "set");
  index.invariant();
});

Deno.test("areTags() bounds their number and their length", () => {
  const { tagCharsMax, tagsPerKeyMax } = TAG_BOUNDS;
  const many = Array.from({ length: tagsPerKeyMax }, (_, i) => `t${i}`);
  assertEquals(areTags(many), true);
  assertEquals(areTags([...many, "one more"]), false);
  assertEquals([areTags(["x".repeat(tagCharsMax)]), areTags(["x".repeat(tagCharsMax + 1)])], [
    true,
    false,
  ]);
  assertEquals([areTags([]), areTags([""])], [true, false]);
  assertEquals(new TagIndex().set("a", [""]), "refused");
  // The same tag twice is one.
  assertEquals(new TagIndex().set("a", [...many, ...many]), "set");
});

Deno.test("TagIndex is what its slow twin is", () => {
  const random = seededRandom("tags");
  const index = new TagIndex(60);
  const twin = new Map<string, readonly string[]>();
  for (let step = 0; step < 20_000; step++) {
    const key = ["__proto__", "a", "\0", "b\n", "\ud800"][Math.floor(random() * 5)] +
      String(Math.floor(random() * 8));
    const tags = "tuvwxyz".split("").filter(() => random() < 0.4);
    if (random() < 0.3) assertEquals(index.remove(key), twin.delete(key));
    else {
      twin.delete(key);
      const links = [...twin.values()].reduce((sum, { length }) => sum + length, 0);
      const expected = links + tags.length <= 60 ? "set" : "refused";
      assertEquals(index.set(key, tags), expected);
      if (expected === "set" && tags.length > 0) twin.set(key, tags);
    }
    if (step % 50 > 0) continue;
    index.invariant();
    for (const tag of "tuvwxyz") {
      const expected = [...twin].filter(([, has]) => has.includes(tag)).map(([name]) => name);
      assertEquals(sorted(index.keysOf(tag)), sorted(expected));
    }
  }
  index.clear();
  index.invariant();
});
