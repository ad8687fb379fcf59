// Charts of the overview: the history when the page comes, then a point with every frame.

import { chart } from "../lib/chart.js";
import { make, region, replace } from "../lib/dom.js";
import { compact, duration, percent } from "../lib/format.js";
import { problem } from "../lib/parts.js";

const MINUTE_MS = 60_000;
const SPANS = [10, 30, 60];
const SPAN_DEFAULT = 10;
const HISTORY_MS = 60 * MINUTE_MS;
/** Without a point for so long, what is missing is asked for. */
const HOLE_MS = 8_000;
/** Points kept: an hour at one a second, and room. */
const POINTS_MAX = 4_000;

const perSecond = (value) => value === null ? "–" : `${compact(value)}/s`;

const CHARTS = [
  {
    title: "Candle to label, p99",
    format: duration,
    series: [
      { label: "all", token: "c1", of: "totalP99Ms", fill: true },
      { label: "queue", token: "c2", of: "queueP99Ms" },
      { label: "compute", token: "c3", of: "computeP99Ms" },
      { label: "store", token: "c4", of: "storeP99Ms" },
    ],
    target: "totalP99Ms",
  },
  {
    title: "Candle to label, median",
    format: duration,
    series: [
      { label: "all", token: "c1", of: "totalP50Ms", fill: true },
      { label: "queue", token: "c2", of: "queueP50Ms" },
      { label: "compute", token: "c3", of: "computeP50Ms" },
      { label: "store", token: "c4", of: "storeP50Ms" },
    ],
  },
  {
    title: "Labels and candles",
    format: perSecond,
    series: [
      { label: "labels", token: "c1", of: "labelsPerSecond", fill: true },
      { label: "candles", token: "c2", of: "candlesPerSecond" },
    ],
  },
  {
    title: "Cache hits",
    format: percent,
    range: [0, 1.02],
    series: [
      { label: "all tiers", token: "c1", of: "cacheHitRatio", fill: true },
      { label: "first tier", token: "c3", of: "l1HitRatio" },
    ],
    target: "cacheHitRatio",
  },
  {
    title: "Event loop lag, p99",
    format: duration,
    series: [{ label: "lag", token: "c1", of: "loopLagP99Ms", fill: true }],
  },
  {
    title: "Health score",
    format: (value) => value === null ? "–" : String(Math.round(value)),
    range: [0, 102],
    series: [{ label: "score", token: "c1", of: "score", fill: true }],
  },
];
const NAMES = [...new Set(CHARTS.flatMap(({ series }) => series.map(({ of }) => of)))];

/** The charts: `{ element, append(columns), params(params), destroy() }`. */
export function figureCharts(ctx) {
  const board = make("div", { class: "chart-grid" });
  const trouble = make("div");
  const choice = spanChoice(ctx, () => draw());
  const element = region("Last minutes", choice.element, trouble, board);
  element.id = "charts";
  let history = { at: [], ...Object.fromEntries(NAMES.map((name) => [name, []])) };
  let drawn = null;
  let isAsking = false;
  let isOver = false;

  const build = (targets) => {
    drawn = CHARTS.map((spec) => ({ spec, chart: chart(withTarget(spec, targets)) }));
    replace(board, drawn.map((one) => one.chart.element));
  };
  const draw = () => {
    if (drawn === null) return;
    const last = history.at.at(-1) ?? 0;
    const from = history.at.findIndex((at) => at >= last - choice.minutes() * MINUTE_MS);
    const cut = (column) => from <= 0 ? column : column.slice(from);
    const xs = cut(history.at);
    for (const { spec, chart: one } of drawn) {
      one.set([xs, ...spec.series.map(({ of }) => cut(history[of]))]);
    }
  };
  const take = (columns) => {
    const last = history.at.at(-1) ?? 0;
    const fresh = columns.at.findIndex((at) => at > last);
    if (fresh < 0) return;
    const join = (name) =>
      [...history[name], ...(columns[name] ?? columns.at.map(() => null)).slice(fresh)]
        .slice(-POINTS_MAX);
    history = Object.fromEntries(["at", ...NAMES].map((name) => [name, join(name)]));
    draw();
  };
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      const sinceMs = history.at.at(-1) ?? Math.floor(ctx.now() - HISTORY_MS);
      const columns = await ctx.ask(`/api/figures?sinceMs=${sinceMs}`);
      if (isOver) return;
      if (drawn === null) build(columns.targets ?? {});
      replace(trouble);
      take(columns);
    } catch (error) {
      if (!isOver) replace(trouble, problem(`Cannot show the history: ${error.message}`));
    } finally {
      isAsking = false;
    }
  };
  ask();
  return {
    element,
    append(columns) {
      const [at] = columns.at;
      if (at === undefined || isAsking) return;
      const last = history.at.at(-1);
      if (drawn === null || last === undefined || at - last > HOLE_MS) ask();
      else take(columns);
    },
    params: (params) => choice.params(params),
    destroy() {
      isOver = true;
      for (const one of drawn ?? []) one.chart.destroy();
    },
  };
}

function withTarget(spec, targets) {
  const target = targets[spec.target];
  if (target === undefined) return spec;
  const { good, critical } = target;
  return {
    ...spec,
    thresholds: [
      { value: good, token: "good", label: `target ${spec.format(good)}` },
      { value: critical, token: "bad", label: `critical ${spec.format(critical)}` },
    ],
  };
}

/** How many minutes are shown: three radio buttons. */
function spanChoice(ctx, onChange) {
  const of = (params) => {
    const given = Number(params.get("minutes"));
    return SPANS.includes(given) ? given : SPAN_DEFAULT;
  };
  let minutes = of(ctx.params);
  const inputs = SPANS.map((span) =>
    make("input", { type: "radio", name: "span", value: String(span), checked: span === minutes })
  );
  const element = make(
    "fieldset",
    { class: "segments" },
    make("legend", { class: "visually-hidden" }, "Time shown"),
    ...inputs.map((input) => make("label", {}, input, `${input.value} min`)),
  );
  element.addEventListener("change", () => {
    minutes = Number(inputs.find(({ checked }) => checked).value);
    ctx.setParams({
      ...Object.fromEntries(ctx.params),
      minutes: minutes === SPAN_DEFAULT ? null : minutes,
    });
    onChange();
  });
  return {
    element,
    minutes: () => minutes,
    params(params) {
      minutes = of(params);
      for (const input of inputs) input.checked = Number(input.value) === minutes;
      onChange();
    },
  };
}
