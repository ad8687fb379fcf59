/** The monitor's figures: a point a look, more looks while somebody watches, and nothing else moved. */

import { assert, assertEquals } from "@std/assert";
import { child } from "../../src/actor/mod.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import type { Finding } from "../../src/monitor/finding.ts";
import { WATCHED_FOR_MS } from "../../src/monitor/figures_desk.ts";
import { valueIn } from "../../src/monitor/snapshot.ts";
import { monitor } from "../../actors/monitor.ts";
import { Monitor, Store } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import { Harness, settle } from "../actor/support.ts";

const SECOND_MS = 1_000, INTERVAL_MS = 5_000, WALL_MS = 1_700_000_000_000;

/** A monitor every five seconds over a pool that commits a thousand candles a second. */
class Rig extends Harness {
  looks = 0;
  /** Time that a look takes. */
  lookMs = 0;
  /** Gauges are found only at these looks. */
  hasGauge = () => true;

  constructor() {
    super({
      children: [
        child(monitor, {
          name: "monitor",
          args: ({ system }) => ({
            collectors: [{ name: "pool", collect: () => this.find() }],
            intervalMs: INTERVAL_MS,
            lagEveryMs: null,
            cores: 2,
            alerts: { rules: wickRules({ cores: 2 }), store: system.ref(Store, "kept") },
          }),
        }),
        child(store, { name: "kept", args: { kind: "memory" } }),
      ],
    });
  }

  find(): Finding | Promise<Finding> {
    this.looks++;
    const found = (): Finding => ({
      samples: [
        { name: "wick_pool_candles_total", total: Math.round(this.clock.now()) },
        ...this.hasGauge() ? [{ name: "wick_pool_queued_rows", value: 1 }] : [],
      ],
      parts: [{ name: "pool", state: "ok", detail: {} }],
    });
    if (this.lookMs === 0) return found();
    return new Promise((resolve) => this.clock.setTimer(this.lookMs, () => resolve(found())));
  }

  get monitor() {
    return this.system.ref(Monitor, "monitor");
  }

  async figures(sinceMs = 0) {
    const asked = this.monitor.ask("figures", { sinceMs, limit: 10_000 });
    await settle();
    return await asked;
  }

  async snapshot() {
    const asked = this.monitor.ask("snapshot", {});
    await settle();
    return await asked;
  }

  /** Seconds that somebody watches. */
  async watch(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.monitor.tell("watched", {});
      await this.advance(SECOND_MS);
    }
  }
}

const secondsOf = (at: readonly number[]) => at.map((ms) => Math.round((ms - WALL_MS) / 1_000));

Deno.test("monitor makes a point at each look, with rates since the look before", async () => {
  await using rig = new Rig();
  await rig.advance(3 * INTERVAL_MS);
  const { at, candlesPerSecond, targets } = await rig.figures();
  assertEquals(secondsOf(at), [0, 5, 10, 15]);
  assertEquals(candlesPerSecond, [null, 1_000, 1_000, 1_000]);
  assertEquals(targets.totalP99Ms, { better: "lower", good: 50, warning: 80, critical: 100 });
  assertEquals((await rig.figures(at[2])).at, at.slice(3));
});

Deno.test("monitor looks each second while somebody watches, and falls back by itself", async () => {
  await using rig = new Rig();
  await rig.advance(2 * INTERVAL_MS + 2 * SECOND_MS);
  await rig.watch(10);
  const watched = await rig.figures();
  assertEquals(secondsOf(watched.at), [0, 5, 10, ...Array.from({ length: 11 }, (_, i) => 12 + i)]);
  assert(watched.candlesPerSecond.slice(1).every((rate) => rate === 1_000));
  await rig.advance(4 * INTERVAL_MS);
  const after = secondsOf((await rig.figures()).at).filter((second) => second > 22);
  const forSeconds = Math.floor(WATCHED_FOR_MS / SECOND_MS) - 1;
  assertEquals(after.filter((second) => second % 5 !== 0).length <= forSeconds, true, `${after}`);
  assertEquals(after.slice(-3), [30, 35, 40]);
  // Nothing goes on beside the interval.
  const { looks } = rig;
  await rig.advance(4 * INTERVAL_MS);
  assertEquals(rig.looks - looks, 4);
});

Deno.test("monitor's score, rules, and gauges that end do not notice that somebody watches", async () => {
  await using alone = new Rig();
  await using watched = new Rig();
  const until = async (rig: Rig, isWatched: boolean) => {
    rig.hasGauge = () => rig.clock.now() <= 60_000;
    const lines: string[] = [];
    for (let second = 0; second < 90; second++) {
      if (isWatched) rig.monitor.tell("watched", {});
      await rig.advance(SECOND_MS);
      if (rig.clock.now() % INTERVAL_MS !== 0) continue;
      const snapshot = await rig.snapshot();
      const asked = rig.monitor.ask("score", {});
      await settle();
      const score = await asked;
      const measures = score?.measures.map(({ measure, state, value }) =>
        `${measure} ${state} ${value?.toPrecision(6)}`
      );
      lines.push(JSON.stringify([
        rig.clock.now(),
        score?.score,
        measures,
        valueIn(snapshot, "wick_pool_queued_rows"),
        valueIn(snapshot, "wick_health_score"),
      ]));
    }
    return lines;
  };
  assertEquals(await until(watched, true), await until(alone, false));
  assert(watched.looks > 80 && alone.looks < 20, `${watched.looks} and ${alone.looks}`);
  const told = ({ lines }: Rig) => lines.map(({ level, message }) => `${level} ${message}`);
  assertEquals(told(watched), told(alone));
});

Deno.test("monitor does not judge a slow look before its time for somebody who watches", async () => {
  await using rig = new Rig();
  await rig.advance(INTERVAL_MS);
  rig.lookMs = 1_500;
  await rig.watch(20);
  const { candlesPerSecond } = await rig.figures();
  assert(candlesPerSecond.slice(1).every((rate) => rate === 1_000), `${candlesPerSecond}`);
});
