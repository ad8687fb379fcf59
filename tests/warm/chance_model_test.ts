import { assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { ChanceModel, FEATURE_COUNT, FEATURES } from "../../src/warm/chance_model.ts";
import { seedOf } from "../actor/seed.ts";

const USUAL = FEATURES.indexOf("usual");
const MINUTES = FEATURES.indexOf("minutes");

Deno.test("ChanceModel.mean() is the product of the factors before anything is learned", () => {
  const features = Float32Array.of(1, Math.log(4), Math.log(0.5), 0, Math.log(3), 0, 0, 7);
  assertAlmostEquals(new ChanceModel().mean(features, 0), 6, 1e-5);
});

Deno.test("ChanceModel.learn() finds weights by which windows were made", () => {
  const seed = seedOf("chance_model_test");
  const random = seededRandom(seed);
  const model = new ChanceModel();
  for (let sample = 0; sample < 200_000; sample++) {
    const features = new Float32Array(FEATURE_COUNT);
    features[0] = 1;
    features[USUAL] = 3 * random.next() - 2;
    features[MINUTES] = 2 * random.next() - 1;
    // The truth: usual counts whole, minutes by 0.4, and all of it is 20 % more.
    const mean = 1.2 * Math.exp((features[USUAL] as number) + 0.4 * (features[MINUTES] as number));
    model.learn(features, 0, random.next() < 1 - Math.exp(-mean));
  }
  assertAlmostEquals(model.weights[0] as number, Math.log(1.2), 0.05, `seed ${seed}`);
  assertAlmostEquals(model.weights[USUAL] as number, 1, 0.08, `seed ${seed}`);
  assertAlmostEquals(model.weights[MINUTES] as number, 0.4, 0.08, `seed ${seed}`);
});

Deno.test("ChanceModel.learn() is moved little by one window, however unlikely", () => {
  const model = new ChanceModel();
  const features = Float32Array.of(1, 15, 0, 0, 0, 0, 0, 0);
  model.learn(features, 0, false);
  assertAlmostEquals(model.weights[0] as number, 0, 0.1);
  assertAlmostEquals(model.weights[USUAL] as number, 1, 0.1);
});

Deno.test("ChanceModel goes on from a snapshot", () => {
  const model = new ChanceModel();
  const features = Float32Array.of(1, 0.5, 0.1, 0, 0.2, 0, 0, 0.3);
  for (let sample = 0; sample < 50; sample++) model.learn(features, 0, sample % 3 === 0);
  const again = new ChanceModel();
  again.restore(model.snapshot());
  model.learn(features, 0, true);
  again.learn(features, 0, true);
  assertEquals(again.snapshot(), model.snapshot());
});
