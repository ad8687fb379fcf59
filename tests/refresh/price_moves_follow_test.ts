/** Keeping up with commits: nothing is missed whatever fails, and correlations are learned. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/mod.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { CorrelationStream } from "../../src/refresh/correlation_stream.ts";
import type { PriceMove } from "../../src/refresh/price_moves.ts";
import { type FollowTask, PriceFollower } from "../../src/refresh/price_moves_follow.ts";
import {
  BarReplay,
  replayBars,
  timesPerTurn,
  turnEnd,
} from "../../src/refresh/price_moves_replay.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { touchedSeries } from "../../src/store/touched_series.ts";
import { batchOf, candlesOf, T0, walks } from "./price_rig.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`price follower tests: WICK_SEED=${SEED}`);

/** A follower over a memory store, whose time passes when it is told to. */
class Rig {
  store = new MemoryStore();
  readonly counts = new Map<string, number>();
  readonly moves: PriceMove[] = [];
  readonly failures: unknown[] = [];
  readonly reads: string[] = [];
  stream = new CorrelationStream();
  adopted = 0;
  /** What a read fails with; null = it does not. */
  fail: (read: string) => Error | null = () => null;
  nowMs = 0;
  readonly follower: PriceFollower;
  readonly #tasks = new Map<FollowTask, number>();

  constructor(hasStream = true) {
    const read = <T>(name: string, found: () => T): Promise<T> =>
      Promise.resolve().then(() => {
        this.reads.push(name);
        const error = this.fail(name);
        if (error !== null) throw error;
        return found();
      });
    this.follower = new PriceFollower({
      reads: {
        touched: (seq, limit) =>
          read("touched", () => touchedSeries(this.store.touched(seq, limit))),
        series: () => read("series", () => this.store.series()),
        info: () => read("info", () => this.store.info()),
        tails: (series, bars) => read("tails", () => this.store.tails(series, bars)),
      },
      stream: hasStream ? {} : null,
      moved: (moves) => void this.moves.push(...moves),
      pushBars: (bars) => this.stream.push(bars),
      forgetBars: (edgeId) => this.stream.removeEdge(edgeId),
      adopt: (stream) => {
        this.stream = stream;
        this.adopted++;
      },
      later: (task, delayMs) => void this.#tasks.set(task, this.nowMs + delayMs),
      nowMs: () => this.nowMs,
      isLive: () => true,
      failed: (error) => void this.failures.push(error),
    });
  }

  commit(blocks: readonly CandleBlock[], isHeard = true): void {
    const result = this.store.commit([batchOf(blocks, this.counts)]);
    assert(result.state === "committed");
    if (isHeard) this.follower.committed(result.seq);
  }

  /** Lets time pass, a task after the other. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [task, atMs] = [...this.#tasks].sort(([, a], [, b]) => a - b)[0] ?? [];
      if (task === undefined || atMs === undefined || atMs > untilMs) break;
      this.#tasks.delete(task);
      this.nowMs = Math.max(this.nowMs, atMs);
      if (task === "look") await this.follower.look();
      else this.follower.work();
      // What `work` waits for.
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
    this.nowMs = untilMs;
  }

  async begin(): Promise<void> {
    await this.follower.look();
    await this.pass(1_000);
    assert(this.follower.isCaughtUp);
  }
}

Deno.test("PriceFollower gives every stored instrument a value at the first look", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 40);
  for (const [name, walk] of closes) rig.commit([candlesOf(`${name}:M1`, walk)], false);
  await rig.begin();
  assertEquals(rig.moves.map(({ edgeId, magnitude }) => [edgeId, magnitude]), [["A", 0], ["B", 0]]);
  assertEquals([rig.follower.seq, rig.follower.instruments], [2, 2]);
});

Deno.test("PriceFollower sees each commit once, however many come between two looks", async () => {
  const rig = new Rig();
  const walk = walks(seededRandom(SEED), [["A"]], 60).get("A") ?? [];
  rig.commit([candlesOf("A:M1", walk.slice(0, 40))], false);
  await rig.begin();
  rig.moves.length = 0;
  const looks = rig.reads.filter((read) => read === "touched").length;
  for (let bar = 40; bar < 60; bar++) rig.commit([candlesOf("A:M1", [walk[bar] as number], bar)]);
  assert(!rig.follower.isCaughtUp);
  await rig.pass(1_000);
  assertEquals(rig.moves.map(({ close }) => close), [walk[59]]);
  assertEquals(rig.reads.filter((read) => read === "touched").length, looks + 1);
  assertEquals([rig.follower.seq, rig.follower.isCaughtUp], [21, true]);
  assertEquals(rig.adopted, 1);
});

Deno.test("PriceFollower looks at most every 100 ms", async () => {
  const rig = new Rig(false);
  rig.commit([candlesOf("A:M1", [1, 2, 3])], false);
  await rig.begin();
  const before = rig.reads.filter((read) => read === "touched").length;
  for (let bar = 3; bar < 103; bar++) {
    rig.commit([candlesOf("A:M1", [bar], bar)]);
    await rig.pass(10);
  }
  const looks = rig.reads.filter((read) => read === "touched").length - before;
  assert(looks >= 9 && looks <= 11, `${looks} looks in a second`);
});

Deno.test("PriceFollower pages through more ranges than one page holds", async () => {
  const rig = new Rig(false);
  rig.commit([candlesOf("A:M1", [1])], false);
  await rig.begin();
  for (let bar = 1; bar <= 2_500; bar++) {
    rig.commit([candlesOf("A:M1", [1 + bar % 2], bar)]);
  }
  rig.commit([candlesOf("B:M1", [7])]);
  await rig.pass(1_000);
  assertEquals(rig.moves.at(-1)?.edgeId, "B");
  assertEquals(rig.follower.seq, rig.store.seq);
});

Deno.test("PriceFollower looks at all series when the store forgot what was touched", async () => {
  const rig = new Rig(false);
  rig.store = new MemoryStore({ logRowsMax: 40 });
  rig.commit([candlesOf("A:M1", [1])], false);
  await rig.begin();
  rig.commit([candlesOf("B:M1", [5])], false);
  for (let bar = 1; bar < 200; bar++) rig.commit([candlesOf("A:M1", [bar], bar)], bar === 199);
  assert(rig.store.info().oldestSeq > 1);
  await rig.pass(1_000);
  assertEquals(new Set(rig.moves.map(({ edgeId }) => edgeId)), new Set(["A", "B"]));
  assertEquals([rig.follower.seq, rig.follower.isCaughtUp], [201, true]);
  assertEquals(rig.failures, []);
});

Deno.test("PriceFollower looks at all series of a store that went back", async () => {
  const rig = new Rig(false);
  rig.commit([candlesOf("A:M1", [1])], false);
  rig.commit([candlesOf("A:M1", [2], 1)], false);
  await rig.begin();
  rig.store = new MemoryStore();
  rig.counts.clear();
  rig.commit([candlesOf("C:M1", [3])]);
  await rig.pass(1_000);
  assertEquals(rig.moves.at(-1)?.edgeId, "C");
  assertEquals([rig.follower.seq, rig.follower.isCaughtUp], [1, true]);
});

for (const what of ["touched", "tails", "info", "series"]) {
  Deno.test(`PriceFollower tries again after a pause that grows when ${what} fails`, async () => {
    const rig = new Rig();
    rig.commit([candlesOf("A:M1", [1, 2])], false);
    const isFirstLook = what === "info" || what === "series";
    if (!isFirstLook) await rig.begin();
    rig.fail = (read) => read === what ? new Error("it restarts") : null;
    rig.commit([candlesOf("A:M1", [3], 2), candlesOf("B:M1", [4])]);
    await rig.pass(5_000);
    assertEquals(rig.failures.length, 1);
    // 0.2, 0.4, 0.8, 1.6 and 3.2 s: the sixth is after 6.2 s.
    const tries = rig.reads.filter((read) => read === what).length;
    assert(tries <= 8, `${tries} reads`);
    assert(!rig.follower.isCaughtUp);
    rig.fail = () => null;
    await rig.pass(30_000);
    assertEquals(rig.moves.some(({ edgeId }) => edgeId === "B"), true);
    assert(rig.follower.isCaughtUp);
  });
}

Deno.test("PriceFollower learns correlations from the store, as a stream of all bars would", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"], ["C"]], 400);
  for (const [name, walk] of closes) rig.commit([candlesOf(`${name}:M1`, walk)], false);
  await rig.begin();
  const slow = new CorrelationStream();
  for (let bar = 0; bar < 400; bar++) {
    for (const [edgeId, walk] of closes) {
      slow.push([{ edgeId, ts: T0 + 60_000 * (bar + 1), close: walk[bar] as number }]);
    }
  }
  for (const [a, b] of [["A", "B"], ["A", "C"], ["B", "C"]] as const) {
    assertAlmostEquals(rig.stream.correlation(a, b), slow.correlation(a, b), 1e-12);
  }
  assert(rig.stream.correlation("A", "B") > 0.8);
});

Deno.test("PriceFollower feeds live bars, and they count once", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 300);
  for (const [name, walk] of closes) {
    rig.commit([candlesOf(`${name}:M1`, walk.slice(0, 260))], false);
  }
  await rig.begin();
  for (let bar = 260; bar < 300; bar++) {
    rig.commit(
      [...closes].map(([name, walk]) => candlesOf(`${name}:M1`, [walk[bar] as number], bar)),
    );
    await rig.pass(500);
  }
  // The last two wait for others.
  assertEquals([rig.stream.bars, rig.stream.late, rig.adopted], [298, 0, 1]);
});

Deno.test("PriceFollower takes bars that came while it learned from the store", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 410);
  for (const [name, walk] of closes) {
    rig.commit([candlesOf(`${name}:M1`, walk.slice(0, 400))], false);
  }
  await rig.follower.look();
  // It has read what is stored, and learned a few turns of it.
  for (let turn = 0; turn < 4; turn++) {
    rig.follower.work();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
  assertEquals(rig.adopted, 0);
  rig.commit([...closes].map(([name, walk]) => candlesOf(`${name}:M1`, walk.slice(400), 400)));
  rig.nowMs += 200;
  await rig.follower.look();
  assertEquals(rig.adopted, 0);
  await rig.pass(1_000);
  assertEquals([rig.adopted, rig.stream.bars, rig.stream.late], [1, 408, 0]);
});

Deno.test("PriceFollower learns anew when one series came after the other", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 300);
  await rig.begin();
  for (const [name, walk] of closes) {
    for (let bar = 0; bar < 300; bar += 20) {
      rig.commit([candlesOf(`${name}:M1`, walk.slice(bar, bar + 20), bar)]);
      await rig.pass(150);
    }
  }
  assert(Number.isNaN(rig.stream.correlation("A", "B")));
  // There was nothing at the beginning: it only waits for a pause.
  await rig.pass(3_000);
  assertEquals(rig.adopted, 2);
  assert(rig.stream.correlation("A", "B") > 0.8);
  assert(rig.follower.isCaughtUp);
});

Deno.test("PriceFollower rests between two times of learning anew", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 2_000);
  for (const [name, walk] of closes) {
    rig.commit([candlesOf(`${name}:M1`, walk.slice(0, 300))], false);
  }
  await rig.begin();
  // A feed that brings 200 bars of each series in turn.
  for (let bar = 300; bar < 1_900; bar += 200) {
    for (const [name, walk] of closes) {
      rig.commit([candlesOf(`${name}:M1`, walk.slice(bar, bar + 200), bar)]);
      await rig.pass(1_000);
    }
    await rig.pass(2_000);
  }
  // Every 4 s there is something to learn and a pause to do so; it takes 5 s of rest.
  assert(rig.adopted >= 3 && rig.adopted <= 6, `${rig.adopted} times in 32 s`);
  await rig.pass(10_000);
  assert(rig.stream.correlation("A", "B") > 0.8);
  assert(rig.follower.isCaughtUp);
});

Deno.test("PriceFollower begins an instrument anew that is followed on another series", async () => {
  const rig = new Rig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 300);
  for (const [name, walk] of closes) rig.commit([candlesOf(`${name}:M5`, walk)], false);
  await rig.begin();
  assert(rig.stream.correlation("A", "B") > 0.8);
  // From now on in minutes: they are finer, and not behind.
  const walk = closes.get("A") ?? [];
  rig.commit([candlesOf("A:M1", walk.slice(0, 3), 1_498)]);
  await rig.pass(1_000);
  assert(Number.isNaN(rig.stream.correlation("A", "B")));
  assert(rig.stream.has("A"));
});

Deno.test("PriceFollower without a stream only looks", async () => {
  const rig = new Rig(false);
  rig.commit([candlesOf("A:M1", [1, 2, 3])], false);
  await rig.begin();
  assertEquals([rig.adopted, rig.stream.bars], [0, 0]);
});

Deno.test("BarReplay takes no more edges than its stream has room for", () => {
  const replay = new BarReplay({ edgesMax: 2 });
  assertEquals(["A", "B", "C"].map((edge) => replay.add(edge, [])), [true, true, false]);
  assertEquals(replay.turn(), false);
});

Deno.test("BarReplay.forget() leaves an edge out of what is learned", () => {
  const replay = new BarReplay();
  for (const edgeId of ["A", "B"]) replay.add(edgeId, [{ edgeId, ts: 1, close: 1 }]);
  replay.forget("A");
  while (replay.turn());
  assertEquals(replay.stream.edgeIds(), ["B"]);
});

Deno.test("replayBars() are twice the memory, and as many as make a correlation known", () => {
  assertEquals(replayBars(), 501);
  assertEquals(replayBars({ memoryBars: 20, returnsMin: 300 }), 301);
  assertEquals(replayBars({ memoryBars: Infinity }), 2_000);
});

Deno.test("a turn is some bar times for few edges, and one for many", () => {
  assertEquals([1, 3, 100, 1_000, 2_000].map(timesPerTurn), [64, 64, 20, 1, 1]);
  const bars = [1, 1, 2, 3, 3, 3, 4].map((ts) => ({ edgeId: "A", ts, close: 1 }));
  assertEquals([turnEnd(bars, 0, 1), turnEnd(bars, 0, 3), turnEnd(bars, 3, 1)], [2, 6, 6]);
  assertEquals([turnEnd(bars, 0, 9), turnEnd(bars, 7, 1)], [7, 7]);
});
