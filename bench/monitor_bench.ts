/**
 * `deno bench -A bench/monitor_bench.ts`: what measuring costs, prom-client beside it. Each side's
 * counts are compared with what was recorded before it is timed.
 *
 * @module
 */

import { Counter as PromCounter, Histogram as PromHistogram } from "prom-client";
import { seededRandom } from "../src/actor/mod.ts";
import { metricsText } from "../src/http/metrics.ts";
import { WICK_METRICS } from "../src/monitor/catalogue.ts";
import { EventHub } from "../src/monitor/event_hub.ts";
import { Histogram } from "../src/monitor/histogram.ts";
import { EDGES_SECONDS } from "../src/monitor/metric_spec.ts";
import { Registry } from "../src/monitor/registry.ts";
import { WindowedHistogram } from "../src/monitor/windowed_histogram.ts";
import { verify } from "./support/workload.ts";

/** Numbers of one iteration: enough that reading the clock does not count. */
const NUMBERS = 1_024;
const random = seededRandom(1);
/** Seconds, log-uniform from 10 µs to 10 s. */
const numbers = Float64Array.from({ length: NUMBERS }, () => 1e-5 * 1e6 ** random.next());

// ---- recording ------------------------------------------------------------------------------------

const ours = new Histogram();
const windowed = new WindowedHistogram({ windowMs: 60_000 });
const theirs = new PromHistogram({
  name: "bare_seconds",
  help: "Without labels",
  buckets: [...EDGES_SECONDS],
  registers: [],
});
const labelled = new PromHistogram({
  name: "labelled_seconds",
  help: "With a label",
  labelNames: ["actor"],
  buckets: [...EDGES_SECONDS],
  registers: [],
});
const sides: Readonly<Record<string, () => void>> = {
  "Histogram.record": () => {
    for (let i = 0; i < NUMBERS; i++) ours.record(numbers[i] as number);
  },
  "WindowedHistogram.record": () => {
    for (let i = 0; i < NUMBERS; i++) windowed.record(numbers[i] as number, i);
  },
  "prom-client observe": () => {
    for (let i = 0; i < NUMBERS; i++) theirs.observe(numbers[i] as number);
  },
  "prom-client observe with a label": () => {
    for (let i = 0; i < NUMBERS; i++) labelled.observe({ actor: "a" }, numbers[i] as number);
  },
};
for (const run of Object.values(sides)) run();
verify("recorded", ours.count, NUMBERS);
verify("recorded in the window", windowed.at(NUMBERS).count, NUMBERS);
for (const prom of [theirs, labelled]) {
  const { values } = await prom.get();
  const count = values.find(({ metricName }) => metricName?.endsWith("_count") === true)?.value;
  verify("recorded by prom-client", count ?? 0, NUMBERS);
}
for (const [name, fn] of Object.entries(sides)) {
  const baseline = name === "Histogram.record";
  Deno.bench({ name, group: `record ${NUMBERS} numbers`, baseline, fn });
}

// ---- counting -------------------------------------------------------------------------------------

const registry = new Registry();
const rows = registry.register({
  name: "wick_rows_total",
  kind: "counter",
  help: "Rows",
  labels: ["feed"],
});
const held = rows.with({ feed: "a" });
const promRows = new PromCounter({
  name: "rows_total",
  help: "Rows",
  labelNames: ["feed"],
  registers: [],
});
const counting: Readonly<Record<string, () => void>> = {
  "Counter.add": () => {
    for (let i = 0; i < NUMBERS; i++) held.add();
  },
  "Family.with().add": () => {
    for (let i = 0; i < NUMBERS; i++) rows.with({ feed: "a" }).add();
  },
  "prom-client inc with a label": () => {
    for (let i = 0; i < NUMBERS; i++) promRows.inc({ feed: "a" });
  },
};
for (const run of Object.values(counting)) run();
verify("counted", held.value, 2 * NUMBERS);
verify("counted by prom-client", (await promRows.get()).values[0]?.value ?? 0, NUMBERS);
for (const [name, fn] of Object.entries(counting)) {
  Deno.bench({ name, group: `count ${NUMBERS} times`, baseline: name === "Counter.add", fn });
}

// ---- reading --------------------------------------------------------------------------------------

const SHARES = [0.5, 0.95, 0.99];
Deno.bench({
  name: "Histogram.percentile",
  group: "read",
  baseline: true,
  fn: () => void ours.percentile(0.99),
});
Deno.bench({
  name: "Histogram.percentiles of three",
  group: "read",
  fn: () => void ours.percentiles(SHARES),
});
Deno.bench({
  name: "Histogram.encode and decode",
  group: "read",
  fn: () => void Histogram.decode(ours.encode()),
});
const sum = new Histogram();
Deno.bench({ name: "Histogram.merge", group: "read", fn: () => sum.merge(ours) });

const service = new Registry();
for (const spec of WICK_METRICS) service.register(spec);
for (const { name, labels: [label] = [] } of WICK_METRICS) {
  for (let i = 0; i < (label === undefined ? 1 : 16); i++) {
    const series = service.family(name)?.with(label === undefined ? {} : { [label]: `part-${i}` });
    if (series instanceof Histogram) series.record(0.5);
    else series?.add(i);
  }
}
verify("text", Number((await metricsText(service.snapshot(0, 0))).includes("part-15")), 1);
Deno.bench({
  name: `snapshot of ${service.series} series`,
  fn: () => void service.snapshot(0, 0),
});
Deno.bench({
  name: `text of /metrics of ${service.series} series`,
  fn: async () => void await metricsText(service.snapshot(0, 0)),
});

// ---- events ---------------------------------------------------------------------------------------

const WATCHERS = 100;
const hub = new EventHub();
const watchers = Array.from({ length: WATCHERS }, () => hub.subscribe(null));
const publish = async () => {
  const waiting = watchers.map((watcher) => watcher.next());
  hub.publish("labels", { rows: 8 }, 0);
  return await Promise.all(waiting);
};
const got = (await publish()).filter((event) => event?.id === hub.lastId).length;
verify("watchers that got the event", got, WATCHERS);
Deno.bench({
  name: `an event to ${WATCHERS} watchers that wait`,
  fn: async () => void await publish(),
});
