/**
 * `deno task bench:runtime`: the figures of the actor runtime, each against its rival in the same
 * run, each with every message verified as handled. Exits with 1 when a must is short.
 *
 * @module
 */

import { nactAsk, nactPingPong, nactTell } from "./rivals/nact.ts";
import { piscinaSettings, piscinaThread } from "./rivals/piscina.ts";
import { tinypoolSettings, tinypoolThread } from "./rivals/tinypool.ts";
import { wickAsk, wickPingPong, wickTell, wickThread } from "./rivals/wick.ts";
import { xstateCallback, xstateSender, xstateTransition } from "./rivals/xstate.ts";
import { type Bar, benchOptions, digits, Figures, spreadOf } from "./support/figures.ts";
import { controlBehind, HANDLER_MS, probeBesideBusy, type Waits } from "./support/latency.ts";
import {
  compare,
  type Comparison,
  type Contender,
  FULL,
  QUICK,
  type Sweep,
  sweep,
} from "./support/rounds.ts";
import { BURST } from "./support/workload.ts";

const IN_FLIGHT = 512;
const QUEUED = 20_000;
/** Queue of the saturated actor beside the idle one; what counts is that it is never empty. */
const BUSY_QUEUED = 1_000;

const times = (must: number, aim: number): Bar => ({ better: "higher", unit: "×", must, aim });
const ms = (must: number, aim: number): Bar => ({ better: "lower", unit: " ms", must, aim });

const measurements: Readonly<Record<string, () => Promise<void>>> = {
  tell: async () => {
    await against("tell throughput against nact 7.6", wickTell(), nactTell(), times(15, 30));
    figures.note(`bursts of ${BURST} tells, as many as a mailbox takes by default; none rejected`);
  },
  ask: async () => {
    await against("ask round trip against nact 7.6", wickAsk(), nactAsk(), times(4, 10));
    const machines = await sweep([xstateCallback, xstateSender], sweepMs);
    noteSweep(machines);
    if (machines.best === null) {
      throw new Error("Cannot compare with xstate: no way of asking works");
    }
    const name = "ask round trip against an xstate 5 machine";
    await against(name, wickAsk(), machines.best, times(2, 8));
    const reducer = await compareAndClose(wickAsk(), xstateTransition());
    figures.note(`for information: ${digits(reducer.ratio.median)}× ${xstateTransition().name}`);
  },
  "ping-pong": () =>
    against("ping-pong against nact 7.6", wickPingPong(), nactPingPong(), times(10, 50)),
  thread: async () => {
    const piscina = await sweep(
      piscinaSettings(IN_FLIGHT).map((setting) => () => piscinaThread(setting, IN_FLIGHT)),
      sweepMs,
    );
    await againstPool("piscina 5", piscina);
    const tinypool = await sweep(
      tinypoolSettings(IN_FLIGHT).map((setting) => () => tinypoolThread(setting, IN_FLIGHT)),
      sweepMs,
    );
    await againstPool("tinypool 2", tinypool);
  },
  probe: async () => {
    const idle = await probeBesideBusy(probes, 0);
    await latency(
      "p99 of a probe beside a saturated actor",
      () => probeBesideBusy(probes, BUSY_QUEUED),
      (waits) => waits.dueP99Ms,
      ms(10, 3),
    );
    figures.note(
      `counted from when the probe was due; with nothing else to do ${digits(idle.dueP99Ms)} ms`,
    );
  },
  control: async () => {
    await latency(
      `p99 of a control message behind ${QUEUED.toLocaleString("en")} queued`,
      () => controlBehind(probes, QUEUED),
      (waits) => waits.sentP99Ms,
      ms(5, 0.5),
    );
    figures.note(
      `counted from sending; in the queue's own order it would be ` +
        `${QUEUED * HANDLER_MS} ms; mailbox bound 32,768, none rejected`,
    );
  },
};

const { only, quick } = benchOptions(
  "Figures of the actor runtime: deno task bench:runtime [--only NAME] [--quick]",
  Object.keys(measurements),
);
const effort = quick ? QUICK : FULL;
const sweepMs = quick ? 60 : 600;
const probes = quick ? 60 : 400;
const latencyRounds = quick ? 3 : 7;
const figures = new Figures();
if (quick) figures.note("--quick: shows that the bench works; not figures to quote");
else {
  figures.note(
    `medians with [min–max]: of ${effort.rounds} interleaved rounds (ratios of neighbours)`,
  );
  figures.note(`for throughput and asks, of ${latencyRounds} rounds for p99`);
}
figures.note(
  "Wick with all features on: bounded mailboxes, byte accounting, service times, dead letters",
);

for (const [name, measure] of Object.entries(measurements)) {
  if (only.length === 0 || only.includes(name)) await measure();
}
figures.note("elsewhere: deno task simulate --schedules 1000000 (supervisor, simulated)");
figures.note("elsewhere: deno task otp --schedules 100000 (supervisor, against Erlang/OTP)");
// A rival's thread that hangs must not keep the bench alive.
Deno.exit(figures.finish());

async function compareAndClose(ours: Contender, rival: Contender): Promise<Comparison> {
  try {
    return await compare(ours, rival, effort);
  } finally {
    await ours.close();
    await rival.close();
  }
}

async function against(name: string, ours: Contender, rival: Contender, bar: Bar): Promise<void> {
  const result = await compareAndClose(ours, rival);
  figures.add(name, result.ratio, bar);
  figures.note(`${ours.name} ${rate(result.ours)}, ${rival.name} ${rate(result.rival)}`);
}

function rate({ median }: { readonly median: number }): string {
  const each = 1e6 / median;
  return `${digits(median / 1_000)} k/s (${digits(each)} µs)`;
}

async function againstPool(rival: string, settings: Sweep): Promise<void> {
  noteSweep(settings);
  if (settings.best === null) {
    figures.note(`${rival} works with no setting under Deno: there is nothing to compare with`);
    return;
  }
  const name = `ask to a thread, ${IN_FLIGHT} in flight, against ${rival}`;
  await against(name, await wickThread(IN_FLIGHT), settings.best, times(30, 100));
}

/** The fastest three settings, and those that fail. */
function noteSweep({ tried, failed }: Sweep): void {
  const best = tried.slice(0, 3).map((one) => `${one.name}: ${digits(one.perSecond / 1_000)} k/s`);
  figures.note(`settings tried ${tried.length + failed.length}, best: ${best.join(" | ")}`);
  for (const one of failed) figures.note(`fails under Deno: ${one.name}: ${one.why}`);
}

async function latency(
  name: string,
  round: () => Promise<Waits>,
  what: (waits: Waits) => number,
  bar: Bar,
): Promise<void> {
  await round();
  const rounds: Waits[] = [];
  while (rounds.length < latencyRounds) rounds.push(await round());
  figures.add(name, spreadOf(rounds.map(what)), bar);
  const sent = spreadOf(rounds.map((waits) => waits.sentP99Ms)).median;
  const due = spreadOf(rounds.map((waits) => waits.dueP99Ms)).median;
  const share = spreadOf(rounds.map((waits) => waits.busyShare)).median;
  figures.note(
    `p99 from sending ${digits(sent)} ms, from when it was due ${digits(due)} ms; ` +
      `${probes} probes a round; handlers of ${HANDLER_MS * 1_000} µs took ${
        digits(share * 100)
      } %`,
  );
}
