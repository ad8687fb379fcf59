import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ChanceShapes, shapeOf, SHAPES_MAX } from "../../src/warm/chance_shapes.ts";

Deno.test("shapeOf() parts a key into its symbol and the rest", () => {
  assertEquals(shapeOf("price:AAPL"), { symbol: "AAPL", shape: "price" });
  assertEquals(shapeOf("label:EUR_USD:H1:ab"), { symbol: "EUR_USD", shape: "label:…:H1:ab" });
  assertEquals(shapeOf("plain"), { symbol: "plain", shape: "" });
});

Deno.test("ChanceShapes.share() is the share of a group's accesses", () => {
  const shapes = new ChanceShapes(2);
  const price = shapes.add("price");
  const news = shapes.add("news");
  for (let access = 0; access < 3_000; access++) {
    shapes.accessed(0, access % 3 === 0 ? news : price, access);
  }
  shapes.accessed(1, news, 0);
  assertAlmostEquals(shapes.share(0, price), 2 / 3, 1e-3);
  assertAlmostEquals(shapes.share(0, news), 1 / 3, 1e-3);
  // One access of the other group, and one shared by two shapes.
  assertAlmostEquals(shapes.share(1, news), 1.5 / 2, 1e-9);
});

Deno.test("ChanceShapes.share() of a shape that nobody asks for any more fades", () => {
  const shapes = new ChanceShapes(1);
  const [old, now] = [shapes.add("old"), shapes.add("now")];
  for (let access = 0; access < 1_000; access++) shapes.accessed(0, old, access);
  for (let day = 1; day <= 140; day++) {
    for (let access = 0; access < 100; access++) shapes.accessed(0, now, day * 86_400_000);
  }
  assertAlmostEquals(shapes.share(0, old), 0, 0.01);
});

Deno.test("ChanceShapes.companions() are the usual kinds, likeliest first, without parameters", () => {
  const shapes = new ChanceShapes(1);
  const numbers = ["news", "price", "rare", "label:…:H1"].map((name) => shapes.add(name));
  const [news = 0, price = 0, rare = 0, label = 0] = numbers;
  for (let access = 0; access < 1_000; access++) {
    const shape = access < 5 ? rare : access < 100 ? news : access < 200 ? label : price;
    shapes.accessed(0, shape, access);
  }
  shapes.accessed(0, price, 120_000);
  assertEquals(shapes.companions(0, "X"), ["price:X", "news:X"]);
});

Deno.test("ChanceShapes.add() counts further shapes as one", () => {
  const shapes = new ChanceShapes(1);
  for (let shape = 1; shape < SHAPES_MAX; shape++) assertEquals(shapes.add(`s${shape}`), shape);
  assertEquals(shapes.add("one too many"), 0);
  assertEquals(shapes.add("s5"), 5);
});

Deno.test("ChanceShapes.restore() keeps shares whatever the numbers", () => {
  const shapes = new ChanceShapes(1);
  const [price, news] = [shapes.add("price"), shapes.add("news")];
  for (let access = 0; access < 100; access++) {
    shapes.accessed(0, access < 80 ? price : news, access);
  }
  const again = new ChanceShapes(1);
  again.add("news");
  again.restore(shapes.names, shapes.snapshot(), 100);
  assertAlmostEquals(again.share(0, again.numberOf("price")), shapes.share(0, price), 1e-9);
});
