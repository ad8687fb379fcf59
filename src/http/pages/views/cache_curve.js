// The miss-ratio curve: what share of requests would miss with another size, as a drawing and in
// sentences.

import { make, replace, text } from "../lib/dom.js";
import { compact, count, percent } from "../lib/format.js";
import { emptyNote } from "../lib/parts.js";

const HEIGHT_PX = 190;
const LEFT_PX = 46;
const RIGHT_PX = 22;
const TOP_PX = 22;
const BOTTOM_PX = 38;
const LINES = 4;
const SVG = "http://www.w3.org/2000/svg";

/** The curve: `{ element, set(report), destroy() }`. */
export function missCurve() {
  const plot = make("div", { class: "curve-plot" });
  const said = make("ul", { class: "curve-said" });
  const few = make("p", { class: "soft" });
  const none = emptyNote(
    "The curve appears when the cache was asked for enough keys to tell what another size would do.",
  );
  const drawn = make("div", { hidden: true }, plot, said, few);
  let last = null;
  let shown = "";
  const draw = () => {
    const width = Math.floor(plot.clientWidth);
    if (last === null || width === 0) return;
    const now = JSON.stringify([width, last]);
    if (now === shown) return;
    shown = now;
    replace(plot, drawing(last, width));
  };
  const sized = new ResizeObserver(draw);
  sized.observe(plot);
  return {
    element: make("div", { class: "curve" }, drawn, none),
    set({ curve, shards }) {
      const isThere = curve.length > 1;
      drawn.hidden = !isThere;
      none.hidden = isThere;
      if (!isThere) return;
      const entriesMax = shards.reduce((sum, one) => sum + one.entriesMax, 0);
      last = {
        entriesMax,
        points: curve.map(({ sizeRatio, hitRatio }) => ({ sizeRatio, missRatio: 1 - hitRatio })),
      };
      const others = curve.filter(({ sizeRatio }) => sizeRatio !== 1);
      setLines(said, others.map((one) => `${one.text[0].toUpperCase()}${one.text.slice(1)}`));
      const sampled = Math.min(...curve.map((one) => one.sampled));
      text(few, `Estimated from ${count(sampled)} sampled requests; points are of requests.`);
      draw();
    },
    destroy() {
      sized.disconnect();
    },
  };
}

function setLines(list, lines) {
  if (list.children.length !== lines.length) {
    replace(
      list,
      ...lines.map((one) => make("li", {}, one)),
    );
  } else lines.forEach((one, at) => text(list.children[at], one));
}

function drawing({ points, entriesMax }, width) {
  const bottom = HEIGHT_PX - BOTTOM_PX;
  const steps = points.map(({ sizeRatio }) => Math.log2(sizeRatio));
  const [first, end] = [Math.min(...steps), Math.max(...steps)];
  const most = niceMost(Math.max(...points.map(({ missRatio }) => missRatio)));
  const x = (sizeRatio) =>
    LEFT_PX + (width - LEFT_PX - RIGHT_PX) * (Math.log2(sizeRatio) - first) / (end - first || 1);
  const y = (missRatio) => bottom - (bottom - TOP_PX) * missRatio / most;
  const lines = Array.from({ length: LINES + 1 }, (_, at) => most * at / LINES);
  const path = points.map(({ sizeRatio, missRatio }, at) =>
    `${at === 0 ? "M" : "L"}${x(sizeRatio).toFixed(1)} ${y(missRatio).toFixed(1)}`
  ).join("");
  const label = points.map(({ sizeRatio, missRatio }) =>
    `${percent(missRatio)} with ${sizeRatio}× the memory${sizeRatio === 1 ? ", as now" : ""}`
  ).join("; ");
  return svg(
    "svg",
    {
      class: "curve-svg",
      role: "img",
      "aria-label": `Share of requests that miss, by size: ${label}`,
      width,
      height: HEIGHT_PX,
      viewBox: `0 0 ${width} ${HEIGHT_PX}`,
    },
    ...lines.map((value) =>
      svg("line", { class: "grid", x1: LEFT_PX, x2: width - RIGHT_PX, y1: y(value), y2: y(value) })
    ),
    ...lines.map((value) =>
      words("axis end", LEFT_PX - 6, y(value) + 4, `${Math.round(100 * value)} %`)
    ),
    svg("line", { class: "now", x1: x(1), x2: x(1), y1: TOP_PX - 4, y2: bottom }),
    words("now-text middle", x(1), TOP_PX - 9, "now"),
    svg("path", { class: "line", d: path }),
    ...points.flatMap(({ sizeRatio, missRatio }, at) => {
      const isNow = sizeRatio === 1;
      const side = at === 0 ? "start" : at === points.length - 1 ? "end" : "middle";
      return [
        svg("circle", {
          class: isNow ? "point present" : "point",
          cx: x(sizeRatio),
          cy: y(missRatio),
          r: isNow ? 5 : 3.5,
        }),
        words(`axis ${side}`, x(sizeRatio), bottom + 15, `${sizeRatio}×`),
        words(`axis soft ${side}`, x(sizeRatio), bottom + 29, compact(entriesMax * sizeRatio)),
        words(
          `value ${isNow ? "start" : side}`,
          x(sizeRatio) + (isNow ? 8 : 0),
          y(missRatio) - 9,
          percent(missRatio),
        ),
      ];
    }),
  );
}

/** A round share at or above the highest: 0.2, 0.4, 0.6, 0.8 or 1. */
function niceMost(highest) {
  return Math.min(1, Math.max(0.2, Math.ceil(highest * 1.1 / 0.2) * 0.2));
}

function words(classes, x, y, string) {
  return svg("text", { class: classes, x, y }, string);
}

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
