/**
 * What monitoring costs the label path: the same candles through two whole trees, one with monitoring
 * on and one with it off, which take turns every fraction of a second, so that whatever else the
 * machine does hits both alike. The ratio of a pair is that of the times of all its turns. Every pair
 * has trees of its own, and they are started in turns too: of two trees in a process the one that comes
 * first is some percent faster or slower for as long as they live.
 *
 * On is what the service does by itself, and some more: within five seconds of its own everything is
 * looked at, judged and checked by all alert rules once, as in the service, and the text of `/metrics` is
 * made once, which Prometheus has made every fifteen. Off has no monitor at all: nobody looks,
 * no score, no alerts, no probe of the event loop, and the label pool records no times and counts no
 * labels. What the runtime and the parts count for themselves, because they decide by it (depths of
 * mailboxes, restarts, expected delays), is on in both.
 *
 * The monitor is told when to look, and the event loop is probed, only in the turns of its own tree;
 * else the other one would pay for it.
 *
 * @module
 */

import process from "node:process";
import { startWick, type Wick } from "../../actors/tree.ts";
import { Monitor } from "../../actors/protocols.ts";
import { systemClock } from "../../src/actor/mod.ts";
import { metricsText } from "../../src/http/metrics.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { watchLoopLag } from "../../src/monitor/loop_lag.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { Market, SERIES_COUNT } from "../labels/market.ts";
import { STORE, WORKERS } from "../labels/pass.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";

const PAIRS = 20;
const QUICK_PAIRS = 2;
/** Pairs before, until all code is compiled. */
const WARM_PAIRS = 2;
/** Turns of each side in a pair: at some 130 ms each they are five seconds, with one look. */
const TURNS = 36;
/** Turns before, in which series get their labels and threads their code. */
const WARM_TURNS = 2;
/** Candles of a series in a batch, as a file in the order of time has them. */
const BATCH_BARS = 16;
/** Batches of a turn. */
const BATCHES = 8;
/** Batches under way, so that threads and store have something to do while another is read. */
const IN_FLIGHT = 3;
const TURN_CANDLES = BATCHES * BATCH_BARS * SERIES_COUNT;
/** It never looks by itself: a day. */
const NEVER_MS = 86_400_000;
const ANSWER = { timeoutMs: 60_000 } as const;

/** Adds the share of throughput that monitoring costs. */
export async function costFigures(
  figures: Figures,
  { quick, pairs = quick ? QUICK_PAIRS : PAIRS }: {
    readonly quick: boolean;
    readonly pairs?: number;
  },
): Promise<void> {
  const market = new Market();
  const load = Array.from({ length: WARM_TURNS + TURNS }, (_, turn) => batchesOf(market, turn));
  const costs: number[] = [], rates: number[] = [], times: number[] = [], looks: number[] = [];
  for (let pair = -WARM_PAIRS; pair < pairs; pair++) {
    const { on, off } = await taken(load, pair % 2 === 0);
    if (pair < 0) continue;
    costs.push(100 * (1 - off.tookMs / on.tookMs));
    rates.push(TURNS * TURN_CANDLES / on.tookMs * 1_000);
    times.push(100 * (on.cpuMs / off.cpuMs - 1));
    looks.push(on.tookMs);
  }
  figures.add(
    `monitoring on against off, throughput lost, ${pairs} pairs`,
    spreadOf(costs),
    { better: "lower", unit: " %", must: 2 },
  );
  figures.note(
    `${
      TURNS * TURN_CANDLES
    } candles of ${SERIES_COUNT} series a side and pair in ${TURNS} turns, ` +
      `${Math.round(spreadOf(rates).median / 1_000)} k/s with monitoring; processor time of all ` +
      `threads ${digits(spreadOf(times).median)} % more`,
  );
  figures.note(
    `on: a look at everything, all alert rules and the text of /metrics every ` +
      `${
        digits(spreadOf(looks).median / 1_000)
      } s (the service: every 5); off: no monitor, no loop ` +
      "probe, no times and counts of labels; what the runtime counts to decide by is on in both",
  );
}

/** One pair: two fresh trees, and what their turns took. */
async function taken(
  load: readonly CandleBlock[][][],
  isOnFirst: boolean,
): Promise<{ readonly on: Side; readonly off: Side }> {
  const first = await Side.start(isOnFirst), second = await Side.start(!isOnFirst);
  const [on, off] = isOnFirst ? [first, second] : [second, first];
  try {
    for (const [turn, batches] of load.entries()) {
      if (turn === WARM_TURNS) { for (const side of [on, off]) side.begin(); }
      const looks = turn === WARM_TURNS + TURNS / 2;
      const order = turn % 2 === 0 ? [first, second] : [second, first];
      for (const side of order) await side.turn(batches, looks);
    }
    await on.verify(load.length);
    await off.verify(load.length);
  } finally {
    await first.wick.system.stop();
    await second.wick.system.stop();
  }
  return { on, off };
}

/** Batches of all series for one turn, the same for both sides. */
function batchesOf(market: Market, turn: number): CandleBlock[][] {
  return Array.from({ length: BATCHES }, (_, i) => {
    const from = (turn * BATCHES + i) * BATCH_BARS;
    return Array.from(
      { length: SERIES_COUNT },
      (_, series) => market.block(series, from, from + BATCH_BARS),
    );
  });
}

/** A tree, and the time that its turns took. */
class Side {
  /** Of the turns of a pair. */
  tookMs = 0;
  /** Processor time of all threads in them. */
  cpuMs = 0;
  readonly #lag = new Histogram();

  private constructor(readonly wick: Wick, readonly isOn: boolean) {}

  static async start(isOn: boolean): Promise<Side> {
    const wick = await startWick({
      workers: WORKERS,
      store: { kind: "open", backend: new MemoryStore(STORE) },
      monitor: isOn ? { intervalMs: NEVER_MS, lagEveryMs: null } : null,
      system: { log: null },
    });
    return new Side(wick, isOn);
  }

  begin(): void {
    this.tookMs = 0;
    this.cpuMs = 0;
  }

  /** Sends the batches; with `looks` the monitor, if there is one, looks meanwhile. */
  async turn(batches: readonly CandleBlock[][], looks: boolean): Promise<void> {
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    const stopProbe = this.isOn
      ? watchLoopLag(systemClock, (lagMs) => this.#lag.record(lagMs / 1_000))
      : () => {};
    const looked = this.isOn && looks ? this.#look() : null;
    await send(this.wick, batches);
    await looked;
    stopProbe();
    this.tookMs += performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    this.cpuMs += (user + system) / 1_000;
  }

  /** A look, and what Prometheus would read. */
  async #look(): Promise<void> {
    const monitor = this.wick.system.ref(Monitor, "monitor");
    monitor.tell("tick", {});
    await metricsText(await monitor.ask("snapshot", {}, ANSWER));
  }

  /** That all was done: every candle committed, and what was done seen by the monitor. */
  async verify(turns: number): Promise<void> {
    const { candles } = await this.wick.pool.ask("status", {}, ANSWER);
    verify("candles committed", candles, turns * TURN_CANDLES);
    if (!this.isOn) return;
    const score = await this.wick.system.ref(Monitor, "monitor").ask("score", {}, ANSWER);
    const known = score?.parts.filter(({ state }) => state === "known").length ?? 0;
    if (known === 0) throw new Error("Cannot trust this run: the monitor has judged nothing");
  }
}

/** Sends batches in their order, some at a time. */
async function send(wick: Wick, batches: readonly CandleBlock[][]): Promise<void> {
  const underWay: Promise<void>[] = [];
  for (const blocks of batches) {
    const asked = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
    underWay.push(
      wick.pool.ask("ingest", asked, ANSWER).then((reply) => {
        if (reply.state !== "committed") throw new Error(`Cannot trust this run: ${reply.state}`);
      }),
    );
    if (underWay.length >= IN_FLIGHT) await underWay.shift();
  }
  await Promise.all(underWay);
}
