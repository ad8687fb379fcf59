import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { type BestSet, PublishedBest } from "../../src/refresh/published.ts";
import { BestEver } from "../../src/refresh/published_ever.ts";
import { seedOf } from "../actor/seed.ts";

const best = (setId: string, score: number): BestSet => ({
  setId,
  score,
  members: [setId],
  revision: 0,
  atMs: 0,
});

const shown = ({ value }: PublishedBest) => value === null ? null : [value.setId, value.score];

Deno.test("PublishedBest.offer() publishes the first, then what is ε away from the last published", () => {
  const published = new PublishedBest({ epsilon: 0.5 });
  assertEquals(published.offer(best("a", 1), "right")?.cause, "first");
  assertEquals(published.offer(best("b", 1.25), "right"), null);
  assertEquals(published.offer(best("b", 1.5), "right")?.cause, "moved");
  assertEquals(shown(published), ["b", 1.5]);
});

Deno.test("PublishedBest.offer() publishes each other score with ε = 0, and none that is the same", () => {
  const published = new PublishedBest({ epsilon: 0 });
  published.offer(best("a", 1), "right");
  assertEquals(published.offer(best("b", 1), "right"), null);
  assert(published.offer(best("b", 1 + Number.EPSILON), "right") !== null);
});

Deno.test("PublishedBest.offer() lets slow drift of either sign go no further than ε", () => {
  const random = seededRandom(seedOf("published_test"));
  const published = new PublishedBest({ epsilon: 0.01 });
  let score = 1;
  for (let at = 0; at < 10_000; at++) {
    score += (random.next() - 0.5) * 0.004;
    published.offer(best("a", score), "right");
    assert(Math.abs((published.value?.score ?? 0) - score) < 0.01);
  }
});

Deno.test("PublishedBest.offer() leaves a set that fell while another holds its score", () => {
  const published = new PublishedBest({ epsilon: 0.01 });
  published.offer(best("a", 1), "right");
  published.mark("own_edges_moved", 0.5);
  assertEquals(published.offer(best("b", 1.001), "right")?.cause, "moved");
});

Deno.test("PublishedBest.offer() never falls after a failure, but rises", () => {
  const published = new PublishedBest();
  published.offer(best("a", 1), "right");
  published.mark("own_edges_moved", 0.5);
  assertEquals(published.offer(best("b", 0.9), "failed"), null);
  assertEquals([published.held, shown(published)], [1, ["a", 1]]);
  assertEquals(published.offer(best("b", 2), "failed")?.isFall, false);
});

Deno.test("PublishedBest.offer() falls with monotonic only when the published set itself did", () => {
  const published = new PublishedBest({ monotonic: true });
  published.offer(best("a", 1), "right");
  assertEquals(published.offer(best("b", 0.5), "right"), null);
  published.mark("own_edges_moved", 1.5);
  assertEquals(published.offer(best("b", 0.5), "right"), null);
  published.mark("own_edges_moved", 0.4);
  assertEquals(published.offer(best("b", 0.5), "right")?.cause, "own_edges_fell");
  published.mark("removed", null);
  assertEquals(published.offer(best("c", 0.3), "right")?.cause, "removed");
  published.mark("rescored", 0.1);
  assertEquals(published.offer(best("c", 0.1), "correction")?.cause, "corrected");
});

Deno.test("PublishedBest.offer() moves from a removed set of the same score", () => {
  const published = new PublishedBest();
  published.offer(best("a", 1), "right");
  published.mark("removed", null);
  const publication = published.offer(best("b", 1), "right");
  assertEquals([publication?.cause, publication?.isFall], ["removed", false]);
});

Deno.test("BestEver keeps the earlier of equal records, and goes back to what was proved", () => {
  const ever = new BestEver();
  assertEquals([ever.offer(best("a", 1)), ever.offer(best("b", 1))], [true, false]);
  ever.prove();
  ever.offer(best("c", 9));
  ever.doubt();
  assertEquals(ever.value?.setId, "a");
});
