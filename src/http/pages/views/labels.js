// The labels: how many of each kind come and what they came to, the latest, and one series with its
// barriers, hits and open events.

import { chart } from "../lib/chart.js";
import { make, region } from "../lib/dom.js";
import { ago, compact, count, dateTime, decimal, duration, percent } from "../lib/format.js";
import { figure } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { outcomeBadge, priceText, returnText } from "./label_words.js";
import { seriesPanel } from "./labels_series.js";

const HISTORY_MS = 300_000;
const KIND_TITLES = {
  barrier: "Barrier: what was touched first",
  horizon: "Horizon: where the price stood after it",
};
const KIND_NOUNS = { barrier: "Barriers", horizon: "Horizons" };
const OUTCOME_WORDS = {
  upper: "Upper barrier, label +1",
  lower: "Lower barrier, label −1",
  vertical: "Neither, vertical",
  up: "Above the entry",
  down: "Below the entry",
  flat: "At the entry",
};

// Outlives the view, so that coming back shows what was seen before.
const history = { at: [], barrier: [], horizon: [], last: null };

export default {
  id: "labels",
  title: "Labels",
  key: "l",
  topics: ["labels"],
  mount(root, ctx) {
    const figures = figuresRow();
    const outcomes = outcomesPanel();
    const rates = ratesPanel();
    const series = seriesPanel(ctx);
    const latest = latestPanel(ctx, (row) => series.show(row.series, row.ts));
    root.append(
      figures.element,
      make("div", { class: "labels-top" }, outcomes.element, rates.element),
      series.element,
      latest.element,
    );
    return {
      frame(_topic, data) {
        figures.show(data);
        outcomes.show(data);
        rates.show(data);
        latest.show(data);
        series.news(data);
      },
      params: (params) => series.params(params),
      unmount() {
        rates.destroy();
        series.destroy();
      },
    };
  },
};

// --- Figures

function figuresRow() {
  const all = {
    barrier: figure("Barriers decided"),
    horizon: figure("Horizons ended"),
    corrections: figure("Corrections"),
    barriers: figure("Barriers at"),
    horizonBars: figure("Horizon"),
    seq: figure("Last commit"),
  };
  const element = make(
    "section",
    { class: "panel figures", "aria-label": "Figures" },
    ...Object.values(all).map((one) => one.element),
  );
  return {
    element,
    show({ kinds, corrections, params, seq, forMs }) {
      for (const { kind, perSecond, total } of kinds) {
        all[kind].set(rate(perSecond), `${compact(total)} in ${duration(forMs)}`);
      }
      all.corrections.set(
        count(corrections.lastMinute),
        `last minute, ${compact(corrections.total)} in all`,
      );
      const unit = params.volatility === "atr" ? "ATR" : params.volatility;
      all.barriers.set(`+${params.up} / −${params.down}`, `times ${unit}, ties ${params.tie}`);
      all.horizonBars.set(`${count(params.horizon)} bars`, `vertical: ${params.vertical}`);
      all.seq.set(count(seq), "that is counted");
    },
  };
}

function rate(perSecond) {
  return `${perSecond < 10 ? decimal(perSecond, 1) : compact(perSecond)}/s`;
}

// --- Outcomes

function outcomesPanel() {
  const tables = new Map();
  const box = make("div", { class: "columns" });
  const table = (kind) => {
    const made = dataTable({
      caption: KIND_TITLES[kind] ?? kind,
      key: ({ outcome }) => outcome,
      empty: "Nothing is counted yet.",
      columns: [
        { id: "outcome", title: "Outcome", cell: ({ outcome }) => OUTCOME_WORDS[outcome] },
        { id: "share", title: "Share", className: "labels-share", cell: shareBar },
        { id: "total", title: "Total", number: true, cell: ({ total }) => count(total) },
        {
          id: "minute",
          title: "Last minute",
          number: true,
          cell: ({ lastMinute }) => count(lastMinute),
        },
      ],
    });
    box.append(make(
      "div",
      { class: "labels-outcomes" },
      make("h3", {}, KIND_TITLES[kind] ?? kind),
      made.element,
    ));
    tables.set(kind, made);
    return made;
  };
  return {
    element: region("What labels came to", box),
    show({ kinds }) {
      for (const { kind, outcomes, total } of kinds) {
        const shown = tables.get(kind) ?? table(kind);
        shown.update(outcomes.map((one) => ({ ...one, of: total })));
      }
    },
  };
}

function shareBar({ outcome, total, of }, previous) {
  const share = of > 0 ? total / of : 0;
  const element = previous ?? make(
    "span",
    { class: "bar", "data-outcome": outcome },
    make(
      "span",
      { class: "bar-track", "aria-hidden": "true" },
      make("span", { class: "bar-fill" }),
    ),
    make("span", { class: "bar-text" }),
  );
  element.querySelector(".bar-fill").style.width = `${(share * 100).toFixed(1)}%`;
  const words = of > 0 ? percent(share) : "–";
  const place = element.lastChild;
  if (place.textContent !== words) place.textContent = words;
  return element;
}

// --- Rates

function ratesPanel() {
  const lines = chart({
    title: "Labels a second, by kind",
    height: 230,
    format: (value) => value === null ? "–" : `${compact(value)}/s`,
    series: [
      { label: KIND_NOUNS.barrier, token: "c1" },
      { label: KIND_NOUNS.horizon, token: "c2" },
    ],
  });
  const draw = () => lines.set([history.at, history.barrier, history.horizon]);
  if (history.at.length > 0) draw();
  return {
    element: region("Rate", lines.element),
    show({ atMs, forMs, kinds }) {
      note(atMs, forMs, kinds);
      draw();
    },
    destroy: () => lines.destroy(),
  };
}

/** What came since the frame before, by the second. */
function note(atMs, forMs, kinds) {
  const totals = Object.fromEntries(kinds.map(({ kind, total }) => [kind, total]));
  const { last } = history;
  if (last !== null && atMs <= last.atMs) return;
  history.last = { atMs, forMs, totals };
  // The pool began anew: its counts did, too.
  if (last === null || forMs < last.forMs) return;
  const seconds = (atMs - last.atMs) / 1_000;
  history.at.push(atMs);
  for (const kind of ["barrier", "horizon"]) {
    history[kind].push(Math.max(0, totals[kind] - last.totals[kind]) / seconds);
  }
  while (history.at[0] < atMs - HISTORY_MS) {
    for (const column of [history.at, history.barrier, history.horizon]) column.shift();
  }
}

// --- Latest

function latestPanel(ctx, onSelect) {
  const table = dataTable({
    caption: "Latest final labels",
    key: ({ seq, series, ts, revision }) => `${seq} ${series} ${ts} ${revision}`,
    onSelect,
    empty: "No label is final yet: one is as soon as candles after it touch a barrier, or its " +
      "horizon ends.",
    columns: [
      { id: "series", title: "Series", cell: ({ series }) => series },
      { id: "ts", title: "Candle, UTC", cell: ({ ts }) => dateTime(ts) },
      {
        id: "outcome",
        title: "Outcome",
        cell: (row, previous) => outcomeBadge(row.outcome, row.label, previous),
      },
      { id: "ret", title: "Return", number: true, cell: ({ ret }) => returnText(ret) },
      { id: "bars", title: "Bars", number: true, cell: ({ bars }) => count(bars) },
      { id: "close", title: "Entry", number: true, cell: ({ close }) => priceText(close) },
      { id: "exit", title: "Exit", number: true, cell: ({ exit }) => priceText(exit) },
      { id: "up", title: "Upper", number: true, cell: ({ up }) => priceText(up) },
      { id: "dn", title: "Lower", number: true, cell: ({ dn }) => priceText(dn) },
      { id: "revision", title: "Revision", cell: revisionText },
      { id: "seq", title: "Seq", number: true, cell: ({ seq }) => count(seq) },
      { id: "at", title: "When", cell: ({ atMs }) => ago(atMs, ctx.now()) },
    ],
  });
  return {
    element: region("Latest labels", make("div", { class: "labels-rows" }, table.element)),
    show: ({ latest }) => table.update(latest),
  };
}

function revisionText({ revision, removed }) {
  if (removed) return "removed";
  return revision === 0 ? "first" : `corrected, ${revision}`;
}
