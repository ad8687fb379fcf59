// Small parts of views: badges, bars, figures, buttons, notes.

import { attribute, make, newId, text } from "./dom.js";
import { count } from "./format.js";

// A tone has a shape besides its colour, so that neither is needed to tell them apart.
const SHAPES = { good: "●", warn: "▲", bad: "■", off: "○", busy: "◆" };

const TONES = {
  good:
    "ok good fair up running resolved done finished completed hit published ready closed yes live taken",
  warn:
    "degraded warning ticket pending stale late paused throttled half_open full slow restarting",
  bad: "down critical firing page failed error stopped_by_failure open refused fatal dead",
  busy: "starting busy warming loading replaying stopping active queued",
};

const TONE_OF = new Map(
  Object.entries(TONES).flatMap(([tone, words]) => words.split(" ").map((word) => [word, tone])),
);

/** The tone of a word of state: good, warn, bad, busy, or off. */
export function toneOf(word) {
  return TONE_OF.get(word) ?? "off";
}

/** Elements that were made, to be copied: a table makes hundreds of them every second. */
const models = new Map();
const MODELS_MAX = 1_024;

function copyOf(key, build) {
  let model = models.get(key);
  if (model === undefined) {
    if (models.size >= MODELS_MAX) models.clear();
    models.set(key, model = build());
  }
  const copy = model.cloneNode(true);
  // Tables tell by it that nothing changed.
  copy.likeness = key;
  return copy;
}

/** A state: shape, word and colour. `tone` for words that are not known here. */
export function state(word, tone = toneOf(word)) {
  return copyOf(`state ${tone} ${word}`, () => {
    const element = make(
      "span",
      { class: "badge" },
      make("span", { class: "shape", "aria-hidden": "true" }),
      make("span", { class: "word" }),
    );
    return setState(element, word, tone);
  });
}

/** Changes a badge made by {@linkcode state}. */
export function setState(element, word, tone = toneOf(word)) {
  delete element.likeness;
  attribute(element, "data-state", word);
  attribute(element, "data-tone", tone);
  text(element.firstChild, SHAPES[tone] ?? SHAPES.off);
  text(element.lastChild, String(word).replaceAll("_", " "));
  return element;
}

const BAR_WARN = 0.7;
const BAR_BAD = 0.9;

/** How full something is: a bar beside its text ("12 / 1,024" unless one is given). */
export function bar(value, max, label = `${count(value)} / ${count(max)}`) {
  const share = max > 0 && Number.isFinite(value) ? Math.min(1, Math.max(0, value / max)) : 0;
  const tone = share >= BAR_BAD ? "bad" : share >= BAR_WARN ? "warn" : "good";
  const width = `${(share * 100).toFixed(1)}%`;
  return copyOf(`bar ${width} ${label}`, () => {
    const fill = make("span", { class: "bar-fill" });
    fill.style.width = width;
    return make(
      "span",
      { class: "bar", "data-tone": tone },
      make("span", { class: "bar-track", "aria-hidden": "true" }, fill),
      make("span", { class: "bar-text" }, label),
    );
  });
}

/** A figure under its label; `set(text, sub, tone)` changes it. */
export function figure(label) {
  const value = make("dd", { class: "figure-value" }, "–");
  const sub = make("dd", { class: "figure-sub" });
  const element = make(
    "dl",
    { class: "figure", "data-figure": label },
    make("dt", {}, label),
    value,
    sub,
  );
  return {
    element,
    set(string, subText = "", tone = null) {
      text(value, string);
      text(sub, subText);
      attribute(element, "data-tone", tone);
    },
  };
}

/** A button; `tone` is "primary" or "bad". It is disabled while its work lasts. */
export function button(label, onClick, { tone = null, ...attributes } = {}) {
  const element = make("button", { type: "button", "data-tone": tone, ...attributes }, label);
  element.addEventListener("click", async (event) => {
    if (element.getAttribute("aria-disabled") === "true") return;
    attribute(element, "aria-disabled", "true");
    try {
      await onClick(event);
    } finally {
      attribute(element, "aria-disabled", null);
    }
  });
  return element;
}

/** Something that opens and closes under its summary. */
export function disclosure(summary, ...children) {
  return make("details", { class: "disclosure" }, make("summary", {}, summary), ...children);
}

/**
 * Tabs: `{ element, panels, select(index), selected, onSelect }`; fill `panels[i]`, set `onSelect`
 * to hear of changes.
 */
export function tabs(...labels) {
  const list = make("div", { class: "tab-list", role: "tablist" });
  const result = { element: null, panels: [], selected: 0, onSelect: null, select };
  const heads = labels.flat().map((label, index) => {
    const id = newId("tab");
    const head = make("button", {
      type: "button",
      role: "tab",
      id,
      "aria-controls": `${id}-panel`,
      on: { click: () => select(index), keydown: (event) => move(event, index) },
    }, label);
    const panel = make("div", {
      role: "tabpanel",
      id: `${id}-panel`,
      "aria-labelledby": id,
      class: "tab-panel",
    });
    result.panels.push(panel);
    list.append(head);
    return head;
  });
  function select(index) {
    const isNew = result.selected !== index;
    result.selected = index;
    heads.forEach((head, at) => {
      attribute(head, "aria-selected", String(at === index));
      attribute(head, "tabindex", at === index ? "0" : "-1");
      result.panels[at].hidden = at !== index;
    });
    if (isNew) result.onSelect?.(index);
  }
  function move(event, index) {
    const last = heads.length - 1;
    const to = {
      ArrowRight: index === last ? 0 : index + 1,
      ArrowLeft: index === 0 ? last : index - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select(to);
    heads[to].focus();
  }
  select(0);
  result.element = make("div", { class: "tabs" }, list, ...result.panels);
  return result;
}

/** What went wrong, in place. */
export function problem(string) {
  return make("p", { class: "problem", role: "alert" }, string);
}

/** What stands where there is nothing yet: a sentence that says what would fill it. */
export function emptyNote(string) {
  return make("p", { class: "empty" }, string);
}
