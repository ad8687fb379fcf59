// What the monitor changes by itself: its knobs, and what it changed last.

import { make, region, replace, text } from "../lib/dom.js";
import { bytes, count, duration, time } from "../lib/format.js";
import { emptyNote, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";

const NAMES = {
  label_workers: "Label threads",
  cache_capacity: "Cache capacity",
  warming_budget: "Warming budget",
  batch_linger: "Batch linger",
};
const ENTRIES_SHOWN = 5;
const TONES = { trial: "busy", kept: "good", undone: "warn", unjudged: "off" };

/** The section: `{ element, show(tuning) }`. */
export function tuningSection(ctx) {
  const table = dataTable({
    caption: "Knobs",
    key: ({ knob }) => knob,
    empty: "This service has nothing that the monitor may change.",
    columns: [
      { id: "knob", title: "Knob", cell: ({ knob }) => NAMES[knob] ?? knob },
      { id: "now", title: "Now", number: true, cell: (row) => valueOf(row, row.value) },
      { id: "least", title: "Least", number: true, cell: (row) => valueOf(row, row.min) },
      { id: "most", title: "Most", number: true, cell: (row) => valueOf(row, row.max) },
      { id: "state", title: "State", cell: (row) => stateOf(row) },
    ],
  });
  const off = emptyNote("Tuning is switched off: nothing is changed by itself.");
  off.hidden = true;
  const list = make("ol", { class: "tuning-log" }, make("li", {}, emptyNote("Loading…")));
  const element = region(
    "Tuning",
    off,
    table.element,
    make("h3", {}, "Last changes"),
    list,
  );
  element.id = "tuning";
  let last = "";
  return {
    element,
    show({ isOn, knobs, log }) {
      off.hidden = isOn;
      const units = new Map(knobs.map((row) => [row.knob, row]));
      table.update(knobs);
      const now = JSON.stringify([log[0], log.length]);
      if (now === last) return;
      last = now;
      replace(
        list,
        log.length === 0
          ? make("li", {}, emptyNote("Nothing was changed yet."))
          : log.slice(0, ENTRIES_SHOWN).map((entry) => entryOf(entry, units.get(entry.knob), ctx)),
      );
    },
  };
}

function stateOf({ isOn, trial, resting }) {
  if (!isOn) return state("off", "off");
  if (trial !== null) return state("trial", "busy");
  if (resting.length === 0) return state("watched", "good");
  const badge = state("resting", "off");
  const ways = resting.map(({ direction, failures }) => `${direction}, ${failures} in vain`);
  text(badge.lastChild, `resting: ${ways.join("; ")}`);
  delete badge.likeness;
  return badge;
}

function entryOf({ at, knob, from, to, reason, outcome, judged }, row, ctx) {
  const unit = row ?? { unit: "" };
  return make(
    "li",
    {},
    make("span", { class: "tuning-at" }, time(at, ctx.now())),
    state(outcome, TONES[outcome]),
    make(
      "span",
      {},
      `${NAMES[knob] ?? knob} from ${valueOf(unit, from)} to ${valueOf(unit, to)}: ${reason}`,
      judged === "" ? null : make("span", { class: "soft" }, ` ${judged}`),
    ),
  );
}

function valueOf({ unit }, value) {
  if (value === null) return "–";
  if (unit === "bytes") return bytes(value);
  if (unit === "ms") return duration(value);
  return unit === "calls_per_minute" ? `${count(value)} calls/min` : count(value);
}
