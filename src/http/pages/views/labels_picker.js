// Which series is shown, and how far back.

import { field, make, newId, replace, text } from "../lib/dom.js";
import { count } from "../lib/format.js";

/** Candles that may be shown. */
export const RANGES = [100, 250, 500];
/** Candles that are shown at first. */
export const RANGE_DEFAULT = 100;
/** A list of series that is older is asked for again when somebody looks at it. */
const LIST_MS = 10_000;

/** The candles that a view's parameters ask for. */
export function barsOf(params) {
  const bars = Number(params.get("bars"));
  return RANGES.includes(bars) ? bars : RANGE_DEFAULT;
}

/** A field to search a series in; `onPick(series)` is told of the one that is picked. */
export function seriesPicker(ctx, onPick) {
  const id = newId("series");
  const options = make("datalist", { id });
  const input = make("input", {
    type: "search",
    list: id,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "EUR_USD:H1",
    "data-search": true,
  });
  const note = make("span", { class: "soft labels-found", role: "status" });
  let list = [];
  let loadedMs = -Infinity;
  let picked = "";
  const load = async () => {
    const { series } = await ctx.ask("/api/series");
    loadedMs = ctx.now();
    list = series;
    replace(options, ...series.map((one) => make("option", { value: one.series })));
    return list;
  };
  const choose = () => {
    const wanted = input.value.trim().toUpperCase();
    if (wanted === "" || wanted === picked) return;
    const exact = list.find(({ series }) => series.toUpperCase() === wanted);
    const near = list.filter(({ series }) => series.toUpperCase().includes(wanted));
    const found = exact ?? (near.length === 1 ? near[0] : undefined);
    if (found !== undefined) {
      text(note, "");
      input.value = found.series;
      onPick(found.series);
      return;
    }
    text(
      note,
      near.length === 0 ? "No series has this in its name" : `${count(near.length)} series match`,
    );
  };
  input.addEventListener("focus", () => {
    input.select();
    if (ctx.now() - loadedMs > LIST_MS) load().catch((error) => text(note, error.message));
  });
  input.addEventListener("change", choose);
  input.addEventListener("input", (event) => {
    // An option that was picked comes at once, as no typing.
    if (event.inputType === "insertReplacementText" || event.inputType === undefined) choose();
  });
  input.addEventListener("blur", () => {
    if (picked !== "") input.value = picked;
    text(note, "");
  });
  return {
    element: make("div", { class: "labels-picker" }, field("Series", input), options, note),
    load,
    set(series) {
      picked = series;
      if (document.activeElement !== input || input.value === "") input.value = series;
      else if (input.value.trim().toUpperCase() !== series) input.value = series;
    },
  };
}

/** How many candles are shown; `onChange(bars)` is told. */
export function rangeButtons(bars, onChange) {
  const name = newId("bars");
  const inputs = RANGES.map((one) =>
    make("input", {
      type: "radio",
      name,
      value: String(one),
      checked: one === bars,
      on: { change: () => onChange(one) },
    })
  );
  const element = make(
    "fieldset",
    { class: "labels-range" },
    make("legend", { class: "field-label" }, "Last candles"),
    ...inputs.map((input, at) => make("label", {}, input, make("span", {}, String(RANGES[at])))),
  );
  return {
    element,
    set(wanted) {
      inputs.forEach((input, at) => input.checked = RANGES[at] === wanted);
    },
  };
}
