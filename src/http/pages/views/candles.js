// Candles with their labels on uPlot: barriers over the life of their events, hits, and events that
// are open yet. One candle has a cursor, moved by pointer or keys, and is told in words.

import { colour, FONT, onColours, uPlot } from "../lib/chart.js";
import { attribute, make } from "../lib/dom.js";

const HEIGHT_PX = 380;
const HEIGHT_NARROW_PX = 280;
const NARROW_PX = 520;
const AXIS_PX = 64;
const AXIS_NARROW_PX = 54;
const DAY_MS = 86_400_000;
const PAGE_BARS = 10;
/** Barriers of all labels are drawn where a candle has so much room; else that of the cursor. */
const BARRIERS_FROM_PX = 7;
/** Of the range of prices, for barriers above and below it. */
const BARRIER_ROOM = 0.12;
/** Of the width at most, for candles to come. */
const FUTURE_SHARE = 0.25;

/** Outcomes with their shape and colour. */
export const OUTCOME_MARKS = {
  upper: { shape: "▲", token: "good" },
  lower: { shape: "▼", token: "bad" },
  vertical: { shape: "◆", token: "c3" },
};

/**
 * A chart of candles: `set(view)` draws, `move(index)` moves the cursor, `destroy()` ends it.
 * `onCursor(index)` is told where the cursor is; `describe(index)` says what is there.
 *
 * A view is `{ candles: {ts, open, high, low, close}, dayBars, labels, open }`: labels are
 * `{ at, exitAt, up, dn, exit, outcome }` and open events
 * `{ at, lastAt, close, up, dn, barsLeft }`, by indices of candles.
 */
export function candleChart({ label, onCursor, describe }) {
  const plot = make("div", { class: "candles-plot" });
  const element = make("div", {
    class: "candles",
    role: "slider",
    tabindex: "0",
    "aria-label": label,
    "aria-orientation": "horizontal",
    "aria-valuemin": "1",
    "aria-valuemax": "1",
    "aria-valuenow": "1",
  }, plot);
  const state = { view: null, at: 0 };
  let drawn = null;
  let asked = 0;
  // Of the box as it was observed: asking for it would lay out the page at every update.
  let width = 0;

  const redraw = () => {
    if (asked !== 0) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      drawn?.redraw(false, false);
    });
  };
  const move = (index) => {
    const length = state.view?.candles.ts.length ?? 0;
    if (length === 0) return;
    const at = Math.max(0, Math.min(length - 1, index));
    const isNew = at !== state.at;
    state.at = at;
    attribute(element, "aria-valuemax", length);
    attribute(element, "aria-valuenow", at + 1);
    attribute(element, "aria-valuetext", describe(at));
    onCursor(at);
    if (isNew) redraw();
  };
  const draw = () => {
    const height = width < NARROW_PX ? HEIGHT_NARROW_PX : HEIGHT_PX;
    drawn?.destroy();
    const data = dataOf(state.view);
    drawn = new uPlot(optionsOf(width, height, state), data, plot);
    const point = (event) => {
      if (event.pointerType === "mouse" || event.type === "pointerdown") {
        move(Math.round(drawn.posToVal(event.offsetX, "x")));
      }
    };
    drawn.over.addEventListener("pointermove", point);
    drawn.over.addEventListener("pointerdown", point);
  };
  const sized = new ResizeObserver(() => {
    width = Math.floor(plot.clientWidth);
    if (width > 0 && state.view !== null && drawn?.width !== width) draw();
  });
  sized.observe(plot);
  const unwatch = onColours(redraw);

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const last = (state.view?.candles.ts.length ?? 1) - 1;
    const to = {
      ArrowLeft: state.at - 1,
      ArrowDown: state.at - 1,
      ArrowRight: state.at + 1,
      ArrowUp: state.at + 1,
      PageDown: state.at - PAGE_BARS,
      PageUp: state.at + PAGE_BARS,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });

  return {
    element,
    get at() {
      return state.at;
    },
    set(view, at) {
      state.view = view;
      state.at = at;
      if (drawn !== null) drawn.setData(dataOf(view));
      else if (width > 0) draw();
      move(at);
    },
    move,
    destroy() {
      cancelAnimationFrame(asked);
      sized.disconnect();
      unwatch();
      drawn?.destroy();
      drawn = null;
    },
  };
}

/** uPlot is given the closes, and draws nothing of them: candles are drawn by the hook. */
function dataOf({ candles }) {
  return [candles.ts.map((_, index) => index), candles.close];
}

function optionsOf(width, height, state) {
  const grid = { stroke: () => colour("line"), width: 1 };
  const axis = { stroke: () => colour("soft"), font: FONT, grid, ticks: { ...grid, size: 4 } };
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: () => xRange(state.view) },
      y: { range: () => yRange(state.view) },
    },
    axes: [
      {
        ...axis,
        size: 40,
        space: 84,
        incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200],
        values: (_, ticks) => timeTicks(ticks, state.view),
      },
      {
        ...axis,
        size: width < NARROW_PX ? AXIS_NARROW_PX : AXIS_PX,
        space: 34,
        values: (_, ticks) => priceTicks(ticks),
      },
    ],
    series: [{}, { show: true, width: 0, points: { show: false }, paths: () => null }],
    hooks: { draw: [(plot) => paint(plot, state)] },
  };
}

/** Candles that are to come on the right: what is open reaches there. */
function futureBars({ candles, open }) {
  const left = open.reduce((most, { barsLeft }) => Math.max(most, barsLeft), 0);
  return Math.min(left, Math.ceil(candles.ts.length * FUTURE_SHARE));
}

function xRange(view) {
  const { length } = view.candles.ts;
  return [-1, Math.max(1, length) + futureBars(view)];
}

function yRange({ candles, labels, open }) {
  let least = Infinity;
  let most = -Infinity;
  const see = (low, high) => {
    least = Math.min(least, low);
    most = Math.max(most, high);
  };
  candles.low.forEach((low, at) => see(low, candles.high[at]));
  for (const { dn, up } of open) see(dn, up);
  for (const { exit } of labels) see(exit, exit);
  if (least > most) return [0, 1];
  // A barrier of a violent candle may lie far away: prices keep most of the height.
  const far = (most - least) * BARRIER_ROOM;
  const [bottom, top] = [least - far, most + far];
  for (const { dn, up } of labels) see(Math.max(dn, bottom), Math.min(up, top));
  const room = (most - least) * 0.05 || Math.abs(most) * 0.01 || 1;
  return [least - room, most + room];
}

function timeTicks(ticks, { candles: { ts }, dayBars }) {
  let before = "";
  return ticks.map((index) => {
    const ms = ts[index];
    if (ms === undefined) return "";
    const iso = new Date(ms).toISOString();
    const date = iso.slice(0, 10);
    if (dayBars) return date;
    const isNew = date !== before;
    before = date;
    return isNew ? `${iso.slice(11, 16)}\n${date}` : iso.slice(11, 16);
  });
}

function priceTicks(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  const digits = Math.max(0, Math.min(8, Math.ceil(-Math.log10(step) - 1e-9)));
  return ticks.map((price) => price.toFixed(digits));
}

/** One day or more between candles: their hours say nothing. */
export function isDaily(ts) {
  return ts.length > 1 && ts[1] - ts[0] >= DAY_MS;
}

// --- Drawing

function paint(plot, state) {
  const { view } = state;
  if (view === null || view.candles.ts.length === 0) return;
  const { ctx, bbox } = plot;
  const px = uPlot.pxRatio;
  const pen = {
    ctx,
    px,
    bbox,
    x: (index) => plot.valToPos(index, "x", true),
    y: (price) => plot.valToPos(price, "y", true),
    slot: plot.valToPos(1, "x", true) - plot.valToPos(0, "x", true),
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  paintFuture(pen, view);
  paintCursor(pen, state.at);
  if (pen.slot / px >= BARRIERS_FROM_PX) {
    for (const label of view.labels) paintBarriers(pen, label, 0.45, px);
  }
  for (const event of view.open) paintOpen(pen, event);
  paintCandles(pen, view.candles);
  for (const label of view.labels) paintHit(pen, label);
  paintAtCursor(pen, state);
  ctx.restore();
}

function paintFuture({ ctx, x, slot, bbox }, { candles }) {
  const left = x(candles.ts.length - 1) + slot / 2;
  ctx.fillStyle = colour("well");
  ctx.fillRect(left, bbox.top, bbox.left + bbox.width - left, bbox.height);
}

function paintCursor({ ctx, px, x, slot, bbox }, at) {
  const width = Math.max(slot, 3 * px);
  ctx.globalAlpha = 0.18;
  ctx.fillStyle = colour("link");
  ctx.fillRect(x(at) - width / 2, bbox.top, width, bbox.height);
  ctx.globalAlpha = 1;
}

/** Rising candles are hollow, falling ones are filled: colour is not needed to tell them. */
function paintCandles({ ctx, px, x, y, slot }, { open, high, low, close }) {
  const body = Math.max(px, Math.floor(slot * 0.64));
  const isThin = body < 4 * px;
  const good = colour("good"), bad = colour("bad"), panel = colour("panel");
  ctx.lineWidth = px;
  for (let at = 0; at < close.length; at += 1) {
    const isUp = close[at] >= open[at];
    const middle = Math.round(x(at));
    const top = Math.round(y(Math.max(open[at], close[at])));
    const height = Math.max(px, Math.round(y(Math.min(open[at], close[at]))) - top);
    ctx.strokeStyle = ctx.fillStyle = isUp ? good : bad;
    const wick = px;
    ctx.fillRect(middle - wick / 2, y(high[at]), wick, Math.max(wick, y(low[at]) - y(high[at])));
    const left = Math.round(middle - body / 2);
    ctx.fillRect(left, top, body, height);
    if (isUp && !isThin && height > 2 * px) {
      ctx.fillStyle = panel;
      ctx.fillRect(left + px, top + px, body - 2 * px, height - 2 * px);
    }
  }
}

function paintBarriers({ ctx, x, y }, { at, exitAt, up, dn }, alpha, width) {
  ctx.globalAlpha = alpha;
  ctx.lineWidth = width;
  ctx.setLineDash([]);
  for (const [price, token] of [[up, "good"], [dn, "bad"]]) {
    ctx.strokeStyle = colour(token);
    ctx.beginPath();
    ctx.moveTo(x(at), y(price));
    ctx.lineTo(x(exitAt), y(price));
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
}

/** Open at the right: where they end is not known. */
function paintOpen({ ctx, px, x, y }, { at, close, up, dn, barsLeft, lastAt }) {
  const end = x(lastAt + barsLeft);
  ctx.lineWidth = 1.25 * px;
  for (const [price, token] of [[up, "good"], [dn, "bad"]]) {
    ctx.strokeStyle = colour(token);
    ctx.setLineDash([4 * px, 3 * px]);
    ctx.beginPath();
    ctx.moveTo(x(at), y(price));
    ctx.lineTo(end, y(price));
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.strokeStyle = colour("busy");
  ctx.fillStyle = colour("panel");
  ctx.lineWidth = 1.5 * px;
  ctx.beginPath();
  ctx.arc(x(at), y(close), 3 * px, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
}

function paintHit({ ctx, px, x, y, slot }, { exitAt, exit, outcome }) {
  const size = Math.max(2.5 * px, Math.min(5 * px, slot * 0.45));
  shapePath(ctx, outcome, x(exitAt), y(exit), size);
  ctx.fillStyle = colour(OUTCOME_MARKS[outcome]?.token ?? "soft");
  ctx.fill();
  ctx.strokeStyle = colour("panel");
  ctx.lineWidth = px * 0.75;
  ctx.stroke();
}

function shapePath(ctx, outcome, x, y, size) {
  ctx.beginPath();
  if (outcome === "upper" || outcome === "lower") {
    const sign = outcome === "upper" ? -1 : 1;
    ctx.moveTo(x, y + sign * size);
    ctx.lineTo(x + size, y - sign * size * 0.8);
    ctx.lineTo(x - size, y - sign * size * 0.8);
  } else {
    // Most are of this kind: a smaller mark leaves the candles to be seen.
    const half = size * 0.8;
    ctx.moveTo(x, y - half);
    ctx.lineTo(x + half, y);
    ctx.lineTo(x, y + half);
    ctx.lineTo(x - half, y);
  }
  ctx.closePath();
}

/** The event of the candle at the cursor: from its close to its exit, with both barriers. */
function paintAtCursor(pen, { view, at }) {
  const { ctx, px, x, y } = pen;
  const label = view.labels.find((one) => one.at === at);
  if (label === undefined) return;
  paintBarriers(pen, label, 1, 2 * px);
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = 1.5 * px;
  ctx.beginPath();
  ctx.moveTo(x(at), y(view.candles.close[at]));
  ctx.lineTo(x(label.exitAt), y(label.exit));
  ctx.stroke();
  paintHit(pen, label);
}
