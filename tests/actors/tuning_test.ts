/**
 * Tuning in the running tree: those who have knobs, over restarts, and the monitor that turns them.
 * Times are short, since threads and providers run on the real clock.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { CacheShard } from "../../actors/protocols_cache.ts";
import { Monitor } from "../../actors/protocols.ts";
import { PATHS, startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import { CACHE_PATHS, shardName } from "../../actors/tree_cache.ts";
import type { TuningSpec } from "../../actors/tree_tuning.ts";
import { pause, seededRandom, systemClock } from "../../src/actor/mod.ts";
import { tuningReply } from "../../src/http/tuning_schemas.ts";
import { CandleBuilder } from "../../src/market/block.ts";
import { LINGER_MAX_MS } from "../../src/provider/batch_status.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { WARMING_BOUNDS } from "../../src/warm/settings.ts";
import type { TuningEvent } from "../../src/monitor/tuning_view.ts";

const KB = 1_024;
const M1_MS = 60_000;

/** Everything some hundred times as fast as in real life. */
const FAST: TuningSpec = {
  stepMs: 50,
  windows: { quickMs: 200, slowMs: 300 },
  times: {
    trialMs: {
      label_workers: 400,
      cache_capacity: 400,
      warming_budget: 400,
      batch_linger: 400,
    },
    pauseMs: 100,
    restMs: 500,
    restMaxMs: 1_000,
  },
  scaling: { smoothMs: 200, upAfterMs: 150, downAfterMs: 300, pauseMs: 100, safety: 3 },
};

interface Rig extends AsyncDisposable {
  readonly wick: Wick;
  readonly events: TuningEvent[];
  /** Memory that the process seems to have. */
  rssBytes: number;
  readonly view: () => Promise<ReturnType<typeof tuningReply.parse>>;
  readonly value: (knob: string) => Promise<number | null>;
  readonly restart: (path: string) => Promise<void>;
}

async function rigOf(tuning: TuningSpec = FAST, more: Partial<WickOptions> = {}): Promise<Rig> {
  const events: TuningEvent[] = [];
  const cpu = { cpuUserSeconds: 0, cpuSystemSeconds: 0 };
  const heap = { heapUsedBytes: 0, heapTotalBytes: 0, externalBytes: 0 };
  const wick = await startWick({
    workers: 2,
    providers: [{
      name: "upstream",
      begin: "free",
      open: () =>
        simulatedProvider(systemClock, { medianMs: 1, p99Ms: 2, transientRatio: 0, limits: [] }),
    }],
    cache: { provider: "upstream", shards: 2, entriesMax: 800, bytesMax: 800 * KB },
    warming: { settings: { strategies: { predictive: { isEnabled: false } } } },
    monitor: {
      intervalMs: 50,
      lagEveryMs: null,
      tuning,
      process: () => ({ rssBytes: rig.rssBytes, ...heap, ...cpu }),
      // So long may batches wait here: how slow this machine is decides nothing.
      targets: { queueTime: { good: 60, warning: 90, critical: 100 } },
    },
    onTuning: (event) => void events.push(event),
    system: { log: null },
    ...more,
  });
  const view = async () =>
    tuningReply.parse(await wick.system.ref(Monitor, "monitor").ask("tuning", {}));
  const rig: Rig = {
    wick,
    events,
    rssBytes: 0.5e9,
    view,
    value: async (knob) => (await view()).knobs.find((one) => one.knob === knob)?.value ?? null,
    restart: async (path) => {
      const before = wick.system.nodeAt(`${wick.system.root.path}/${path}`)?.incarnation ?? 0;
      wick.system.restart(`${wick.system.root.path}/${path}`);
      await until(() => {
        const node = wick.system.nodeAt(`${wick.system.root.path}/${path}`);
        return node?.state === "running" && node.incarnation > before;
      });
    },
    [Symbol.asyncDispose]: () => wick.system.stop(),
  };
  return rig;
}

/** Waits for what comes by messages and timers of other actors. */
async function until(isSo: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!await isSo()) {
    assert(performance.now() < endMs, `it did not come about within ${withinMs} ms`);
    await pause(systemClock, 20);
  }
}

const shardOf = ({ wick }: Rig, index = 0) =>
  wick.system.ref(CacheShard, `${CACHE_PATHS.cache}/${shardName(index)}`);

Deno.test("a shard becomes smaller by and by, larger at once, and stays so over a restart", async () => {
  await using rig = await rigOf({ isOn: false }, {
    cache: { provider: "upstream", shards: 1, entriesMax: 20_000, bytesMax: 20_000 * KB },
  });
  const shard = shardOf(rig);
  const router = rig.wick.cache;
  assert(router !== null);
  for (let i = 0; i < 20_000; i++) router.setMany([{ key: `note:${i}`, value: i }]);
  assertEquals((await shard.ask("status", {})).entries, 20_000);
  const bounds = { entriesMax: 500, weightMaxBytes: 500 * KB };
  assertEquals(await shard.ask("resize", bounds), { state: "set" });
  // Not all at once, so that reads come in between.
  const begun = await shard.ask("status", {});
  assert(begun.entries > 500, `${begun.entries}`);
  await until(async () => (await shard.ask("status", {})).entries === 500);
  assertEquals((await shard.ask("status", {})).entriesMax, 500);
  const larger = { entriesMax: 700, weightMaxBytes: 700 * KB };
  assertEquals(await shard.ask("resize", larger), { state: "set" });
  for (let i = 0; i < 300; i++) router.setMany([{ key: `more:${i}`, value: i }]);
  assertEquals((await shard.ask("status", {})).entries, 700);
  await rig.restart(`${CACHE_PATHS.cache}/${shardName(0)}`);
  const { entriesMax, weightMaxBytes, entries } = await shard.ask("status", {});
  assertEquals({ entriesMax, weightMaxBytes, entries }, { ...larger, entries: 0 });
});

Deno.test("a shard refuses a size that cannot be, and stays as it was", async () => {
  await using rig = await rigOf({ isOn: false });
  const shard = shardOf(rig);
  for (const [entriesMax, weightMaxBytes] of [[0, 1], [1, 0], [1.5, 1], [2 ** 31, 1], [1, NaN]]) {
    const bounds = { entriesMax: entriesMax as number, weightMaxBytes: weightMaxBytes as number };
    const answer = await shard.ask("resize", bounds);
    assert(answer.state === "refused");
    assertMatch(answer.reason, /^Cannot resize the shard: expected 1 to \d+ entries/);
  }
  assertEquals((await shard.ask("status", {})).entriesMax, 400);
});

Deno.test("a provider takes another linger within its bounds, also over a restart", async () => {
  await using rig = await rigOf({ isOn: false });
  const provider = rig.wick.provider("upstream");
  for (const lingerMs of [-1, 0.5, LINGER_MAX_MS + 1, NaN]) {
    const answer = await provider.ask("setLinger", { lingerMs });
    assert(answer.state === "refused");
    assertMatch(answer.reason, /^Cannot set the linger: expected 0 to 1000 ms: current value is/);
  }
  assertEquals((await provider.ask("status", {})).batch.lingerMs, 5);
  assertEquals(await provider.ask("setLinger", { lingerMs: 17 }), { state: "set" });
  assertEquals((await provider.ask("status", {})).batch.lingerMs, 17);
  await rig.restart(`${PATHS.providers}/upstream`);
  assertEquals((await provider.ask("status", {})).batch.lingerMs, 17);
});

Deno.test("the warmer takes another budget within its bounds, also over a restart", async () => {
  await using rig = await rigOf({ isOn: false });
  const { warmer } = rig.wick;
  assert(warmer !== null);
  for (const callsPerMinute of [-1, 0.5, WARMING_BOUNDS.callsPerMinuteMax + 1]) {
    const answer = await warmer.ask("setBudget", { callsPerMinute });
    assert(answer.state === "refused");
    assertMatch(answer.reason, /^Cannot set callsPerMinute: expected a whole number of 0 to/);
  }
  const budget = async () => (await warmer.ask("stats", {})).budget.callsPerMinute;
  assertEquals(await budget(), 100);
  assertEquals(await warmer.ask("setBudget", { callsPerMinute: 33 }), { state: "set" });
  assertEquals(await budget(), 33);
  await rig.restart(PATHS.warmer);
  assertEquals(await budget(), 33);
});

Deno.test("the monitor knows what all knobs are set to, and between which values", async () => {
  await using rig = await rigOf();
  await until(async () => (await rig.view()).knobs.every(({ value }) => value !== null));
  const knobs = (await rig.view()).knobs.map(({ knob, unit, value, min, max, isOn }) =>
    [knob, unit, value, min, max, isOn] as const
  );
  assertEquals(knobs.map(([knob, unit, , min, max, isOn]) => [knob, unit, min, max, isOn]), [
    ["label_workers", "threads", 1, 2, true],
    ["cache_capacity", "bytes", 200 * KB, 800 * KB, true],
    ["warming_budget", "calls_per_minute", 25, 100, true],
    ["batch_linger", "ms", 0, 20, true],
  ]);
  assertEquals(knobs.slice(1).map(([, , value]) => value), [800 * KB, 100, 5]);
});

Deno.test("no knob of the workers goes beyond the threads that there are", async () => {
  await using rig = await rigOf({ isOn: false, knobs: { label_workers: { min: 4, max: 8 } } });
  await until(async () => await rig.value("label_workers") === 2);
  const [knob] = (await rig.view()).knobs;
  assertEquals([knob?.knob, knob?.min, knob?.max], ["label_workers", 2, 2]);
});

Deno.test("label workers follow the load: one is taken back when idle, and added under load", async () => {
  await using rig = await rigOf();
  const workers = async () => (await rig.wick.pool.ask("status", {})).workers;
  const changes = (outcome: string) =>
    rig.events.filter(({ entry }) => entry.outcome === outcome)
      .map(({ entry: { knob, from, to } }) => `${knob} ${from} ${to}`);
  await until(async () => await workers() === 1);
  assertEquals(changes("trial"), ["label_workers 2 1"]);

  const load = new Load(rig.wick);
  load.start();
  await until(async () => await workers() === 2);
  await until(() => changes("kept").includes("label_workers 1 2"));
  const [added] = rig.events.filter(({ entry }) => entry.to === 2);
  assert((added?.entry.evidence["busyRatio"] ?? 0) > 0.01);
  const candles = await load.stop();

  await until(async () => await workers() === 1);
  const { labels, candles: committed } = await rig.wick.pool.ask("status", {});
  assertEquals(committed, candles);
  assert(labels > 0);
});

Deno.test("memory pressure takes cache back, and it comes again when entries are missed", async () => {
  // To the half only: each step is a trial of its own.
  await using rig = await rigOf({ ...FAST, knobs: { cache_capacity: { min: 400 * KB } } });
  const router = rig.wick.cache;
  assert(router !== null);
  const capacity = () => rig.value("cache_capacity");
  await until(async () => await capacity() === 800 * KB);
  rig.rssBytes = 1.7e9;
  await until(async () => await capacity() === 400 * KB);
  const status = await shardOf(rig).ask("status", {});
  // Half of a half, entries as well as bytes.
  assertEquals([status.entriesMax, status.weightMaxBytes], [200, 200 * KB]);

  // What was changed outlives the monitor, and so does what is known of it.
  const { log } = await rig.view();
  await rig.restart("monitor");
  await until(async () => (await rig.view()).log.length > 0);
  assertEquals((await rig.view()).log.at(-1)?.evidence, log.at(-1)?.evidence);
  await until(async () => await capacity() === 400 * KB);

  rig.rssBytes = 0.5e9;
  const random = seededRandom(5);
  let isOver = false;
  const read = async () => {
    while (!isOver) {
      const keys = Array.from({ length: 50 }, () => `price:S${Math.floor(900 * random.next())}`);
      await router.getMany(keys);
      await pause(systemClock, 1);
    }
  };
  const reading = read();
  try {
    await until(async () => await capacity() === 800 * KB, 40_000);
  } finally {
    isOver = true;
    await reading;
  }
});

Deno.test("with tuning off nothing is changed, whatever happens", async () => {
  await using rig = await rigOf({ ...FAST, isOn: false });
  rig.rssBytes = 1.7e9;
  const load = new Load(rig.wick);
  load.start();
  await pause(systemClock, 1_500);
  await load.stop();
  await pause(systemClock, 1_000);
  const { isOn, knobs, log } = await rig.view();
  assertEquals([isOn, log, rig.events], [false, [], []]);
  assertEquals(knobs.map(({ value, isOn }) => [value, isOn]), [
    [2, false],
    [800 * KB, false],
    [100, false],
    [5, false],
  ]);
});

Deno.test("what tuning did is shown over HTTP, told as events, measured, and kept over a restart", async () => {
  const folder = await Deno.makeTempDir();
  const options: Partial<WickOptions> = {
    store: { kind: "sqlite", options: { path: `${folder}/wick.db` } },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
  };
  const only: TuningSpec = {
    ...FAST,
    knobs: { label_workers: { isOn: false }, cache_capacity: { min: 500 * KB } },
  };
  try {
    const rig = await rigOf(only, options);
    const { url } = await rig.wick.admin.ask("status", {});
    const stream = await fetch(`${url}/api/events?types=tuning`);
    rig.rssBytes = 1.7e9;
    const shown = async () => tuningReply.parse(await (await fetch(`${url}/api/tuning`)).json());
    await until(async () => (await shown()).log.length > 0);
    const { knobs, log: [first] } = await shown();
    assertEquals(knobs.map(({ isOn, min }) => [isOn, min]).slice(0, 2), [
      [false, 1],
      [true, 500 * KB],
    ]);
    assertEquals([first?.knob, first?.reason], ["cache_capacity", "memory is short"]);
    assertMatch(await firstEvent(stream), /"knob":"cache_capacity".*"outcome":"trial"/);
    await until(async () => (await shown()).log[0]?.outcome === "kept");
    const metrics = async () => await (await fetch(`${url}/metrics`)).text();
    await until(async () =>
      /wick_tuning_changes_total\{knob="cache_capacity",outcome="kept"\} 1/.test(await metrics())
    );
    assertMatch(await metrics(), /wick_tuning_value\{knob="batch_linger"\} 5\n/);
    const { log } = await shown();
    await rig[Symbol.asyncDispose]();

    await using again = await rigOf({ ...only, isOn: false }, options);
    await until(async () => (await again.view()).log.length >= log.length);
    assertEquals((await again.view()).log.at(-1), log.at(-1));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The first event's data; ends the stream. */
async function firstEvent(stream: Response): Promise<string> {
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!/\ndata: .*"knob".*\n\n/.test(text)) {
    const { value, done } = await reader?.read() ?? { value: "", done: true };
    assert(!done, text);
    text += value;
  }
  await reader?.cancel();
  return text;
}

/** Batches of candles, as fast as they are committed. */
class Load {
  readonly #wick: Wick;
  readonly #senders: Promise<number>[] = [];
  #isOver = false;

  constructor(wick: Wick) {
    this.#wick = wick;
  }

  start(): void {
    for (let sender = 0; sender < 4; sender++) this.#senders.push(this.#send(`S${sender}:M1`));
  }

  /** Candles that were committed. */
  async stop(): Promise<number> {
    this.#isOver = true;
    const counts = await Promise.all(this.#senders);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #send(series: string): Promise<number> {
    const random = seededRandom(series.length);
    let [sent, ts, close] = [0, Date.UTC(2024, 0, 1), 100];
    while (!this.#isOver) {
      const rows = new CandleBuilder(series, 4_096);
      for (let row = 0; row < 4_096; row++, ts += M1_MS) {
        const open = close;
        close = Math.max(20, open + random.next() - 0.5);
        const [high, low] = [Math.max(open, close) + 0.2, Math.min(open, close) - 0.2];
        rows.push(ts, open, high, low, close, 1);
      }
      const blocks = [rows.finish()];
      const batch = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
      const { state } = await this.#wick.pool.ask("ingest", batch, { timeoutMs: 30_000 });
      assertEquals(state, "committed");
      sent += 4_096;
    }
    return sent;
  }
}
