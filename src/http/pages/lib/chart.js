// Charts over time: uPlot with the page's colours, a legend of our own, and the figures as text.

import uPlot from "../uplot.js";
import { make, newId, text } from "./dom.js";
import { compact, time } from "./format.js";

export { uPlot };

const LINE_PX = 1.5;
const DASH_PX = [4, 4];
const HEIGHT_PX = 160;
const AXIS_PX = 56;
const LABEL_PX = 14;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Of what stands beside the axes. */
export const FONT = "11px system-ui, sans-serif";
// What is within this of the highest threshold shows it; a threshold far above would flatten lines.
const THRESHOLD_SHOWN = 0.4;

/**
 * A chart: `set([xs, ...ys])` with xs in epoch ms draws it again, null is a gap; `destroy()` ends
 * it. `unit` follows figures; `format(value)` writes them instead. `range`: [least, most] of the
 * scale. `thresholds`: `[{ value, token, label }]`, dashed lines.
 */
export function chart(options) {
  const { title, series, height = HEIGHT_PX, thresholds = [] } = options;
  const write = options.format ?? withUnit(options.unit ?? "");
  const plot = make("div", { class: "chart-plot", "aria-hidden": "true" });
  plot.style.height = `${height}px`;
  const id = newId("chart");
  const keys = series.map(({ label, token }) => legendEntry(label, token));
  const summary = make("p", { class: "visually-hidden" }, "No figures yet");
  const when = make("span", { class: "chart-when" });
  const element = make(
    "figure",
    { class: "chart", "aria-labelledby": id },
    make("figcaption", {}, make("span", { id, class: "chart-title" }, title), when),
    make("ul", { class: "legend" }, ...keys.map(({ item }) => item)),
    plot,
    summary,
  );
  let data = [[], ...series.map(() => [])];
  let drawn = null;
  const ofCursor = (index) => {
    const [xs, ...columns] = data;
    const isShown = index !== null && index !== undefined && index < xs.length;
    text(when, isShown ? time(xs[index]) : "");
    columns.forEach((ys, at) => {
      text(keys[at].value, write(isShown ? ys[index] ?? null : lastOf(ys)));
    });
  };
  const draw = (width) => {
    const setup = { ...options, write, thresholds, width, height, onCursor: ofCursor };
    drawn = new uPlot(plotOptions(setup), data, plot);
  };
  const sized = new ResizeObserver(() => {
    const width = Math.floor(plot.clientWidth);
    if (width === 0) return;
    if (drawn === null) draw(width);
    else if (drawn.width !== width) drawn.setSize({ width, height });
  });
  sized.observe(plot);
  const unwatch = onColours(() => drawn?.redraw(false));
  return {
    element,
    set(columns) {
      data = columns;
      drawn?.setData(columns);
      if (drawn?.cursor.idx === null || drawn === null) ofCursor(null);
      text(
        summary,
        columns.slice(1).map((ys, at) => inWords(series[at].label, ys, write)).join(""),
      );
    },
    destroy() {
      sized.disconnect();
      unwatch();
      drawn?.destroy();
      drawn = null;
    },
  };
}

function legendEntry(label, token) {
  const value = make("span", { class: "legend-value" }, "–");
  const mark = make("span", { class: "legend-mark", "data-colour": token, "aria-hidden": "true" });
  return { value, item: make("li", {}, mark, label, " ", value) };
}

function plotOptions(setup) {
  const { series, thresholds, write, width, height, onCursor } = setup;
  const grid = { stroke: () => colour("line"), width: 1 };
  const axis = { stroke: () => colour("soft"), font: FONT, grid, ticks: { ...grid, size: 4 } };
  return {
    width,
    height,
    ms: 1,
    tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
    // Half of a label of the time axis stands right of its tick.
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: setup.time !== false },
      y: { range: (_, least, most) => setup.range ?? rangeOf(least, most, thresholds, setup) },
    },
    axes: [
      { ...axis, size: 28, values: setup.time === false ? undefined : clockTicks, space: 70 },
      { ...axis, size: AXIS_PX, values: (_, ticks) => ticks.map(write), space: 30 },
    ],
    series: [{}, ...series.map(lineOf)],
    hooks: {
      draw: [(plot) => drawThresholds(plot, thresholds)],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
    },
  };
}

function lineOf({ label, token, dash, fill }) {
  return {
    label,
    stroke: () => colour(token),
    width: LINE_PX,
    dash: dash === true ? DASH_PX : undefined,
    fill: fill === true ? () => `color-mix(in srgb, ${colour(token)} 18%, transparent)` : undefined,
    points: { show: false },
  };
}

/** From zero, unless the chart says otherwise, to a little above the highest. */
function rangeOf(least, most, thresholds, { zero = true }) {
  if (least === null || most === null) return [0, 1];
  const near = thresholds.map(({ value }) => value).filter((one) => most >= one * THRESHOLD_SHOWN);
  const top = Math.max(most, ...near);
  const low = zero ? Math.min(0, least) : least;
  const room = (top - low) * 0.08 || Math.abs(top) * 0.1 || 1;
  return [zero && low === 0 ? 0 : low - room, top + room];
}

function clockTicks(_plot, ticks, _axis, _space, stepMs) {
  return ticks.map((ms) => {
    const iso = new Date(ms).toISOString();
    if (stepMs >= DAY_MS) return iso.slice(5, 10);
    return stepMs < MINUTE_MS ? iso.slice(11, 19) : iso.slice(11, 16);
  });
}

function drawThresholds(plot, thresholds) {
  const { min, max } = plot.scales.y;
  if (!Number.isFinite(min) || !Number.isFinite(max)) return;
  const seen = thresholds.filter(({ value }) => value >= min && value <= max);
  const labelled = [];
  for (const one of seen.toSorted((a, b) => b.value - a.value)) {
    const y = Math.round(plot.valToPos(one.value, "y", true)) + 0.5;
    // Labels that would lie over each other say nothing: the upper one stays.
    const isFree = labelled.every((other) => Math.abs(other - y) >= LABEL_PX * uPlot.pxRatio);
    if (isFree) labelled.push(y);
    drawThreshold(plot, one, y, isFree);
  }
}

function drawThreshold({ ctx, bbox }, { token = "warn", label = "" }, y, isLabelled) {
  ctx.save();
  ctx.strokeStyle = colour(token);
  ctx.fillStyle = colour(token);
  ctx.lineWidth = uPlot.pxRatio;
  ctx.setLineDash(DASH_PX.map((px) => px * uPlot.pxRatio));
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${11 * uPlot.pxRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  if (isLabelled) ctx.fillText(label, bbox.left + 4, y - 2);
  ctx.restore();
}

function withUnit(unit) {
  return (value) => {
    const figure = compact(value);
    return value === null || unit === "" ? figure : `${figure}\u00a0${unit}`;
  };
}

function lastOf(ys) {
  for (let at = ys.length - 1; at >= 0; at -= 1) if (ys[at] !== null) return ys[at] ?? null;
  return null;
}

function inWords(label, ys, write) {
  const known = ys.filter((value) => value !== null && value !== undefined);
  if (known.length === 0) return `${label}: no figures yet. `;
  const least = known.reduce((a, b) => Math.min(a, b));
  const most = known.reduce((a, b) => Math.max(a, b));
  return `${label}: last ${write(lastOf(ys))}, least ${write(least)}, most ${write(most)}. `;
}

// A variable may hold light-dark(), which only a property of an element resolves.
let probe = null;
const resolved = new Map();

/** The colour of a variable of the style sheet ("c1", "good", "line", …) as it is now. */
export function colour(token) {
  if (probe === null) {
    probe = make("span", { class: "visually-hidden", "aria-hidden": "true" });
    document.body.append(probe);
    onColours(() => {});
  }
  let found = resolved.get(token);
  if (found === undefined) {
    probe.style.color = `var(--${token})`;
    found = getComputedStyle(probe).color;
    resolved.set(token, found);
  }
  return found;
}

const watchers = new Set();
let isWatching = false;

/** Calls back when the scheme changed, for what is drawn on a canvas; gives a way to stop. */
export function onColours(callback) {
  watchers.add(callback);
  if (!isWatching) {
    isWatching = true;
    const changed = () => {
      resolved.clear();
      for (const one of watchers) one();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
    new MutationObserver(changed)
      .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }
  return () => watchers.delete(callback);
}
