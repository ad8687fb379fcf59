import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { CostModel } from "../../src/refresh/cost_model.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { seedOf } from "../actor/seed.ts";

const SETS = 1_000;

Deno.test("CostModel.predict() wants a partial refresh before anything is known", () => {
  assertEquals(new CostModel().predict(SETS, SETS), {
    kind: "partial",
    partialMs: null,
    fullMs: null,
  });
});

Deno.test("CostModel.predict() takes a part of the sets for a part of the time until it is measured", () => {
  const model = new CostModel();
  model.record("full", SETS, 200);
  assertEquals(model.predict(250, SETS), { kind: "partial", partialMs: 50, fullMs: 200 });
  assertEquals(model.predict(SETS, SETS).kind, "partial");
});

Deno.test("CostModel learns what a partial refresh costs, and prefers the cheaper from the crossing on", () => {
  const random = seededRandom(seedOf("cost_model_test"));
  const model = new CostModel();
  model.record("full", SETS, 200);
  // 2 ms of each, 0.4 ms per dirty set: as dear as a rebuild of 200 ms at 495 sets.
  for (let at = 0; at < 400; at++) {
    const dirty = Math.floor(random.next() * SETS);
    model.record("partial", dirty, (2 + 0.4 * dirty) * (0.95 + 0.1 * random.next()));
  }
  const line = model.partial;
  assert(line !== null);
  assertAlmostEquals(line.msPerSet, 0.4, 0.03);
  assertEquals(model.predict(430, SETS).kind, "partial");
  assertEquals(model.predict(570, SETS).kind, "full");
});

Deno.test("CostModel.choose() tries a partial refresh again after many verdicts against it", () => {
  const model = new CostModel();
  model.record("full", SETS, 200);
  for (let at = 0; at < 8; at++) model.record("full", SETS, 200);
  for (let at = 0; at < 60; at++) model.record("partial", 100 + 10 * at, 400);
  assertEquals(model.choose(700, SETS).kind, "full");
  let verdicts = 1;
  while (verdicts < 1_000 && model.choose(700, SETS).kind === "full") verdicts++;
  assert(verdicts > 10 && verdicts < 1_000, `${verdicts} verdicts`);
});

Deno.test("CostModel.choose() tries rebuilds where a partial refresh saves little, and forgets a cold one", () => {
  const model = new CostModel();
  model.record("full", SETS, 1_000);
  assertEquals(model.choose(400, SETS).isTrial, false);
  let trials = 0;
  while (model.choose(SETS, SETS).isTrial) {
    model.record("full", SETS, 200);
    trials++;
  }
  assertEquals(trials, 7);
  // The cold one has 0.8^7 of the weight of the last: 5 % of all.
  assertAlmostEquals(model.fullMsPerSet ?? 0, 0.24, 0.005);
  const kinds = Array.from({ length: 63 }, () => model.choose(SETS, SETS).kind);
  assertEquals(kinds.filter((kind) => kind === "full").length, 1);
});

Deno.test("CostModel cuts a sample that is far off", () => {
  const model = new CostModel();
  for (let at = 0; at < 50; at++) model.record("full", SETS, 200);
  model.record("full", SETS, 20_000);
  // It counts 800 ms: of five decayed samples of 200 ms one counts four times.
  assertAlmostEquals(model.fullMsPerSet ?? 0, 0.32, 0.001);
  assertEquals(model.predict(100, SETS).fullMs, 1_000 * (model.fullMsPerSet ?? 0));
});

Deno.test("CostModel ignores impossible figures", () => {
  const model = new CostModel();
  for (const ms of [NaN, -1, Infinity]) model.record("full", SETS, ms);
  model.record("full", 0, 5);
  assertEquals(model.fullMsPerSet, null);
});

Deno.test("CostModel.partial is flat where more sets took less time, and has no negative base", () => {
  const falling = new CostModel();
  falling.record("partial", 10, 30);
  falling.record("partial", 20, 10);
  assertEquals(falling.partial?.msPerSet, 0);
  const steep = new CostModel();
  steep.record("partial", 10, 1);
  steep.record("partial", 20, 10);
  assertEquals(steep.partial?.baseMs, 0);
});

Deno.test("CostModel.restore() predicts as before, and refuses what is no snapshot", () => {
  const model = new CostModel();
  model.record("full", SETS, 200);
  model.record("partial", 100, 30);
  const copy = new CostModel();
  copy.restore(structuredClone(model.snapshot()));
  assertEquals(copy.predict(300, SETS), model.predict(300, SETS));
  const wrong = { partial: [1, 2, 3, 4, -5], full: [0, 0, 0, 0, 0] };
  assertEquals(assertThrows(() => copy.restore(wrong), RefreshError).code, "snapshot");
});
