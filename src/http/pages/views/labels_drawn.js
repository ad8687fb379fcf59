// What is drawn of a series, as a table: every candle with its label or open event.

import { make } from "../lib/dom.js";
import { count, dateTime } from "../lib/format.js";
import { disclosure } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { openBadge, outcomeBadge, priceText } from "./label_words.js";

const CANDLE_COLUMNS = ["open", "high", "low", "close"];

/** The table, closed at first; `show(view)` changes it while it is open. */
export function drawnTable(onSelect) {
  const price = (id, title) => ({
    id,
    title,
    number: true,
    sort: (row) => row[id],
    cell: ({ texts }) => texts[id],
  });
  const table = dataTable({
    caption: "Candles, labels and open events as drawn, the latest first",
    key: ({ ts }) => String(ts),
    sortBy: "ts",
    descending: true,
    onSelect,
    columns: [
      { id: "ts", title: "Candle, UTC", sort: ({ ts }) => ts, cell: ({ texts }) => texts.ts },
      price("open", "Open"),
      price("high", "High"),
      price("low", "Low"),
      price("close", "Close"),
      { id: "label", title: "Label", sort: ({ outcome }) => outcome, cell: markOf },
      price("up", "Upper"),
      price("dn", "Lower"),
      {
        id: "bars",
        title: "Bars",
        number: true,
        sort: ({ bars }) => bars,
        cell: ({ texts }) => texts.bars,
      },
      price("exit", "Exit"),
    ],
  });
  const box = disclosure("Show as a table", make("div", { class: "labels-rows" }, table.element));
  let view = null;
  let rows = new Map();
  const update = () => {
    if (view === null || !box.open) return;
    const { candles: { ts } } = view;
    // Hundreds of rows stay as they are when one comes: their texts are not written again.
    rows = new Map(ts.map((one, at) => [one, rowOf(view, at, rows.get(one))]));
    table.update([...rows.values()]);
  };
  box.addEventListener("toggle", update);
  return {
    element: box,
    show(given) {
      if (given.series !== view?.series) rows = new Map();
      view = given;
      update();
    },
  };
}

/** The row of a candle; the one it had before when nothing about it changed. */
function rowOf({ candles, byAt, digits }, at, before) {
  const { label, event } = byAt.get(at) ?? {};
  const known = label ?? event;
  const row = {
    ts: candles.ts[at],
    open: candles.open[at],
    high: candles.high[at],
    low: candles.low[at],
    close: candles.close[at],
    outcome: label?.outcome ?? (event === undefined ? null : "open"),
    label: label?.label ?? null,
    up: known?.up ?? null,
    dn: known?.dn ?? null,
    bars: label?.bars ?? event?.barsElapsed ?? null,
    exit: label?.exit ?? null,
    digits,
  };
  if (before !== undefined && Object.keys(row).every((name) => row[name] === before[name])) {
    return before;
  }
  const texts = { ts: dateTime(row.ts), bars: barsText(row) };
  for (const name of [...CANDLE_COLUMNS, "up", "dn", "exit"]) {
    texts[name] = row[name] === null ? "–" : priceText(row[name], digits);
  }
  return { ...row, texts };
}

function barsText({ outcome, bars }) {
  if (outcome === null) return "–";
  return outcome === "open" ? `${bars} so far` : count(bars);
}

function markOf({ outcome, label }, previous) {
  if (outcome === null) return "–";
  return outcome === "open" ? openBadge(previous) : outcomeBadge(outcome, label, previous);
}
