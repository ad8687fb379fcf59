// One series of the labels view: which one, how far back, its chart, and what is drawn as a table.

import { make, region, replace, text } from "../lib/dom.js";
import { count, dateTime, decimal } from "../lib/format.js";
import { emptyNote, problem } from "../lib/parts.js";
import { candleChart, isDaily, OUTCOME_MARKS } from "./candles.js";
import { priceDigits, priceText, returnText, signed } from "./label_words.js";
import { drawnTable } from "./labels_drawn.js";
import { barsOf, RANGE_DEFAULT, rangeButtons, RANGES, seriesPicker } from "./labels_picker.js";

/** See the first line. `show(series, ts)` shows a candle, `news(overview)` is called every second. */
export function seriesPanel(ctx) {
  const shown = {
    series: ctx.params.get("series") ?? "",
    bars: barsOf(ctx.params),
    view: null,
    seq: null,
    /** Asked for and not there yet. */
    isAsking: false,
    /** The candle to go to, once it is there; null = the last. */
    wantedTs: null,
    followsEnd: true,
  };
  const picker = seriesPicker(ctx, (series) => show(series));
  const ranges = rangeButtons(shown.bars, (bars) => {
    shown.bars = bars;
    keepParams();
    load(true);
  });
  const told = toldPanel();
  const figure = candleChart({
    label: "Candle at the cursor",
    describe: (at) => wordsAt(shown.view, at),
    onCursor(at) {
      shown.followsEnd = at === shown.view.candles.ts.length - 1;
      told.show(shown.view, at);
    },
  });
  const legend = make("ul", { class: "legend candles-legend" });
  const table = drawnTable((row) => {
    figure.move(shown.view.candles.ts.indexOf(row.ts));
    figure.element.scrollIntoView({ block: "nearest" });
  });
  const status = make("div", {}, emptyNote("Looking for series…"));
  const body = make(
    "div",
    {},
    legend,
    figure.element,
    told.element,
    make(
      "p",
      { class: "soft labels-hint" },
      "Point at a candle, or use ← → on the chart; Page Up and Page Down move by ten, Home and " +
        "End to the ends. Where candles are too narrow for all barriers, those of the cursor's " +
        "label and of open events are drawn.",
    ),
    table.element,
  );
  body.hidden = true;
  const element = region(
    "One series",
    make("div", { class: "toolbar" }, picker.element, ranges.element),
    status,
    body,
  );

  const keepParams = () =>
    ctx.setParams({
      series: shown.series,
      bars: shown.bars === RANGE_DEFAULT ? "" : String(shown.bars),
    });

  const show = (series, ts = null) => {
    const isNew = series !== shown.series || shown.view === null;
    shown.series = series;
    shown.wantedTs = ts;
    picker.set(series);
    if (ts !== null) element.scrollIntoView({ block: "start" });
    if (isNew) {
      keepParams();
      load(true);
    } else place();
  };

  /** Puts the cursor where it is wanted, as far as that is drawn. */
  const place = () => {
    const { view, wantedTs } = shown;
    const at = wantedTs === null ? -1 : view.candles.ts.indexOf(wantedTs);
    if (wantedTs !== null && at < 0) {
      const next = RANGES.find((bars) => bars > shown.bars);
      if (next !== undefined && view.candles.ts.length === shown.bars) {
        shown.bars = next;
        ranges.set(next);
        load(true);
        return;
      }
    }
    shown.wantedTs = null;
    if (at >= 0) figure.move(at);
  };

  const draw = (answer) => {
    const before = shown.view;
    const cursorTs = before === null || before.series !== answer.series || shown.followsEnd
      ? null
      : before.candles.ts[figure.at];
    const view = viewOf(answer);
    shown.view = view;
    shown.seq = answer.seq;
    const { length } = view.candles.ts;
    body.hidden = length === 0;
    replace(
      status,
      length === 0
        ? emptyNote(`${answer.series} has no candles: push some, or start a feed that brings them.`)
        : null,
    );
    if (length === 0) return;
    showLegend(legend, view);
    const kept = cursorTs === null ? -1 : view.candles.ts.indexOf(cursorTs);
    figure.set(view, kept >= 0 ? kept : length - 1);
    table.show(view);
    place();
  };

  const load = async (isWhole) => {
    const { series, bars } = shown;
    if (series === "" || (shown.isAsking && !isWhole)) return;
    shown.isAsking = true;
    const query = new URLSearchParams({ bars: String(bars) });
    if (!isWhole && shown.seq !== null) query.set("after", String(shown.seq));
    try {
      const path = `/api/series/${encodeURIComponent(series)}/chart?${query}`;
      const answer = await ctx.ask(path);
      // Somebody may have chosen another meanwhile.
      if (series !== shown.series || bars !== shown.bars || element.isConnected === false) return;
      if (answer.state === "ok") draw(answer);
      else if (!body.hidden) replace(status);
    } catch (error) {
      if (series === shown.series) {
        // What is drawn may be of another one.
        if (isWhole) body.hidden = true;
        replace(status, problem(`Cannot show ${series}: ${error.message}`));
      }
    } finally {
      shown.isAsking = false;
    }
  };

  const begin = async () => {
    try {
      const list = await picker.load();
      if (shown.series === "") {
        // The longest: the latest may have its first candle now.
        const first = list.reduce((a, b) => a === null || b.count > a.count ? b : a, null);
        if (first === null) {
          replace(
            status,
            emptyNote("No series has candles yet: push some to /api/candles, or start a feed."),
          );
          return;
        }
        shown.series = first.series;
      }
      picker.set(shown.series);
      await load(true);
    } catch (error) {
      replace(status, problem(`Cannot list the series: ${error.message}`));
    }
  };
  void begin();

  return {
    element,
    show,
    news() {
      if (shown.series === "") void begin();
      else void load(false);
    },
    params(params) {
      const bars = barsOf(params);
      const series = params.get("series") ?? shown.series;
      if (bars === shown.bars && series === shown.series) return;
      shown.bars = bars;
      shown.series = series;
      ranges.set(bars);
      picker.set(series);
      void load(true);
    },
    destroy: () => figure.destroy(),
  };
}

// --- What is drawn

/** An answer of the chart's route by indices of candles. */
function viewOf({ series, candles, labels, open, params }) {
  const lastAt = candles.ts.length - 1;
  const atOf = new Map(candles.ts.map((ts, at) => [ts, at]));
  const decided = labels.ts.map((ts, row) => {
    const at = atOf.get(ts) ?? -1;
    return {
      at,
      ts,
      exitAt: Math.min(lastAt, at + labels.bars[row]),
      up: labels.up[row],
      dn: labels.dn[row],
      label: labels.label[row],
      outcome: labels.hit[row],
      bars: labels.bars[row],
      exit: labels.exit[row],
      ret: labels.ret[row],
      isWhole: labels.horizon[row],
      revision: labels.revision[row],
    };
  }).filter(({ at }) => at >= 0);
  const pending = (open ?? []).map((event) => ({ ...event, at: atOf.get(event.ts) ?? -1, lastAt }))
    .filter(({ at }) => at >= 0);
  const byAt = new Map();
  for (const label of decided) byAt.set(label.at, { label });
  for (const event of pending) byAt.set(event.at, { event });
  return {
    series,
    candles,
    labels: decided,
    open: pending,
    isOpenKnown: open !== null,
    byAt,
    horizon: params.horizon,
    digits: priceDigits(candles.close[lastAt] ?? 1),
    dayBars: isDaily(candles.ts),
  };
}

function showLegend(element, { labels, open, isOpenKnown }) {
  const counted = Object.entries(OUTCOME_MARKS).map(([outcome, { shape, token }]) => ({
    shape,
    token,
    words: `${outcome} hit`,
    n: labels.filter((one) => one.outcome === outcome).length,
  }));
  const items = [
    ...counted,
    { shape: "○", token: "busy", words: isOpenKnown ? "open event" : "open events: not known" },
  ];
  if (isOpenKnown) items.at(-1).n = open.length;
  replace(
    element,
    ...items.map(({ shape, token, words, n }) =>
      make(
        "li",
        {},
        make("span", { class: "candles-mark", "data-colour": token, "aria-hidden": "true" }, shape),
        words,
        n === undefined ? null : make("span", { class: "legend-value" }, count(n)),
      )
    ),
    make(
      "li",
      {},
      make("span", { "aria-hidden": "true" }, "▯▮"),
      "candle up, down",
    ),
  );
}

function toldPanel() {
  const candle = make("dd");
  const label = make("dd");
  const element = make(
    "dl",
    { class: "candles-told" },
    make("dt", {}, "Candle"),
    candle,
    make("dt", {}, "Label"),
    label,
  );
  return {
    element,
    show(view, at) {
      text(candle, candleWords(view, at));
      text(label, labelWords(view, at));
    },
  };
}

function wordsAt(view, at) {
  return view === null ? "" : `${candleWords(view, at)}. ${labelWords(view, at)}`;
}

function candleWords({ candles, digits }, at) {
  const price = (column) => priceText(column[at], digits);
  return `${dateTime(candles.ts[at])}: open ${price(candles.open)}, high ${price(candles.high)}, ` +
    `low ${price(candles.low)}, close ${price(candles.close)}, volume ${
      decimal(candles.volume[at], Number.isInteger(candles.volume[at]) ? 0 : 2)
    }`;
}

function labelWords({ byAt, digits, horizon, isOpenKnown }, at) {
  const { label, event } = byAt.get(at) ?? {};
  if (event !== undefined) {
    return `open, ${bars(event.barsElapsed)} of ${horizon} passed, ${event.barsLeft} left; ` +
      `upper ${priceText(event.up, digits)}, lower ${priceText(event.dn, digits)}`;
  }
  if (label === undefined) {
    return isOpenKnown
      ? "none: warming up, no volatility, or a break came first"
      : "none, or not decided yet";
  }
  const corrected = label.revision > 0 ? `, corrected (revision ${label.revision})` : "";
  const rest = label.isWhole ? "" : ", its horizon goes on";
  return `${signed(label.label)}, ${label.outcome} after ${bars(label.bars)} at ${
    priceText(label.exit, digits)
  }, return ${returnText(label.ret)}; upper ${priceText(label.up, digits)}, lower ${
    priceText(label.dn, digits)
  }${rest}${corrected}`;
}

function bars(n) {
  return `${count(n)} ${n === 1 ? "bar" : "bars"}`;
}
