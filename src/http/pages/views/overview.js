// The service at a glance: its score and what limits it, its components, what fires, and charts of
// the last minutes.

import { attribute, make, region, replace, text } from "../lib/dom.js";
import { ago, bytes, compact, count, duration, percent } from "../lib/format.js";
import { bar, emptyNote, figure, setState, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { figureCharts } from "./overview_charts.js";
import { tuningSection } from "./overview_tuning.js";

const PART_NAMES = {
  latency: "Latency",
  success: "Success",
  cache: "Cache",
  throughput: "Throughput",
};

const MEASURE_NAMES = {
  latencyP99: "Candle to label, p99",
  latencyMean: "Candle to label, mean",
  cacheHits: "Cache hits",
  throughput: "Throughput under demand",
  queueTime: "Wait for a label thread",
  queueUsed: "Fullest mailbox",
  memory: "Memory",
  cpu: "Processor",
};

const NOT_KNOWN = {
  unknown: "Nobody measures it yet, so it does not count",
  idle: "Nothing was asked of it, so it does not count",
};

const ALERTS_SHOWN = 6;

export default {
  id: "overview",
  title: "Overview",
  key: "o",
  topics: ["health", "figures", "alerts", "tuning"],
  mount(root, ctx) {
    const score = scorePanel();
    const components = componentsPanel();
    const alerts = alertsPanel(ctx);
    const figures = figuresRow();
    const charts = figureCharts(ctx);
    const measures = measuresPanel();
    const tuning = tuningSection(ctx);
    root.append(
      make("div", { class: "overview-top" }, score.element, components.element),
      alerts.element,
      figures.element,
      charts.element,
      make("div", { class: "overview-end" }, measures.element, tuning.element),
    );
    return {
      frame(topic, data) {
        if (topic === "alerts") alerts.show(data);
        else if (topic === "tuning") tuning.show(data);
        else if (topic === "figures") {
          charts.append(data);
          figures.showFigures(data);
        } else {
          score.show(data);
          components.show(data.score?.components ?? []);
          measures.show(data.score);
          figures.showHealth(data);
        }
      },
      params: (params) => charts.params(params),
      unmount: () => charts.destroy(),
    };
  },
};

// --- Score

function scorePanel() {
  const number = make("span", { class: "score-number" }, "–");
  const badge = state("unknown");
  const why = make("p", { class: "score-why" }, "Waiting for the first look");
  const unknown = make("p", { class: "score-unknown soft", hidden: true });
  const parts = Object.fromEntries(
    Object.keys(PART_NAMES).map((name) => [name, partRow(name)]),
  );
  const element = region(
    "Health",
    make(
      "div",
      { class: "score-head" },
      make("span", { class: "score-mark" }, number, make("span", { class: "soft" }, "of 100")),
      make("div", {}, badge, why),
    ),
    make("div", { class: "score-parts" }, ...Object.values(parts).map((part) => part.element)),
    unknown,
  );
  element.id = "health";
  return {
    element,
    show({ score, ready }) {
      if (score === null) return;
      text(number, score.score === null ? "–" : count(score.score));
      setState(badge, ready ? score.state : "starting");
      attribute(number, "data-tone", badge.dataset.tone);
      text(why, limitOf(score));
      for (const part of score.parts) parts[part.name]?.show(part);
      const names = score.unknown.map((name) => PART_NAMES[name] ?? name);
      unknown.hidden = names.length === 0;
      text(
        unknown,
        `Not known: ${names.join(", ")}. The score is made of what is known, ${
          percent(score.knownWeight)
        } of the weights.`,
      );
    },
  };
}

function limitOf({ score, limiting, uncapped, critical }) {
  if (score === null) return "Nothing is known yet.";
  if (limiting === null) return "Nothing limits it.";
  // The reason begins with what was measured, as the service calls it.
  const what = limiting.reason.replace(/^\w+/, (name) => MEASURE_NAMES[name] ?? name);
  const reason = `Limited by ${
    (PART_NAMES[limiting.name] ?? MEASURE_NAMES[limiting.name] ?? limiting.name).toLowerCase()
  }: ${what}.`;
  return critical.length > 0 && uncapped !== null && Math.round(uncapped) > score
    ? `${reason} Without what is critical it would be ${count(uncapped)}.`
    : reason;
}

function partRow(name) {
  const points = make("span", { class: "part-points" }, "–");
  const level = make("span", { class: "part-state" }, state("unknown"));
  const track = make("span", { class: "part-bar", "aria-hidden": "true" }, bar(0, 100, ""));
  const value = make("span", { class: "part-value soft" });
  const weight = make("span", { class: "soft" });
  const element = make(
    "div",
    { class: "part", "data-part": name },
    make("span", { class: "part-name" }, PART_NAMES[name], " ", weight),
    points,
    track,
    level,
    value,
  );
  return {
    element,
    show(part) {
      const isKnown = part.points !== null;
      text(points, isKnown ? count(part.points) : "–");
      text(weight, isKnown ? percentWhole(part.weight) : "");
      setState(level.firstChild, part.level ?? part.state);
      const fill = track.querySelector(".bar-fill");
      fill.style.width = `${part.points ?? 0}%`;
      attribute(track.firstChild, "data-tone", level.firstChild.dataset.tone);
      const worst = part.measures.find((one) => one.points === part.points) ?? part.measures[0];
      text(
        value,
        isKnown && worst !== undefined
          ? `${valueOf(worst, worst.value)}, target ${valueOf(worst, worst.target.good)}`
          : NOT_KNOWN[part.state] ?? "",
      );
    },
  };
}

const percentWhole = (ratio) => `${Math.round(ratio * 100)}\u00a0%`;

// --- Measures and targets

function measuresPanel() {
  const target = (name) => ({
    id: name,
    title: name[0].toUpperCase() + name.slice(1),
    number: true,
    cell: (row) => valueOf(row, row.target[name]),
  });
  const table = dataTable({
    caption: "Measures against their targets",
    key: (row) => `${row.measure} ${row.of ?? ""}`,
    empty: "Measures appear with the first look of the monitor.",
    columns: [
      { id: "measure", title: "Measure", cell: nameOf },
      { id: "now", title: "Now", number: true, cell: (row) => valueOf(row, row.value) },
      target("good"),
      target("warning"),
      target("critical"),
      {
        id: "points",
        title: "Points",
        number: true,
        cell: ({ points }) => points === null ? "–" : count(points),
      },
      { id: "state", title: "State", cell: (row) => state(row.level ?? row.state) },
    ],
  });
  return {
    element: region("Measures and targets", table.element),
    show(score) {
      if (score === null) return;
      table.update([...score.parts.flatMap(({ measures }) => measures), ...score.measures]);
    },
  };
}

function nameOf({ measure, of }) {
  if (measure === "success") return of === null ? "Success" : `Success of ${of}`;
  const name = MEASURE_NAMES[measure] ?? measure;
  return of === null ? name : `${name}: ${of}`;
}

/** A value of a measure in the unit of its target. */
function valueOf({ target: { unit } }, value) {
  if (value === null) return "–";
  if (unit === "seconds") return duration(value * 1_000);
  if (unit === "bytes") return bytes(value);
  if (unit === "ratio") return percent(value);
  return unit === "per_second" ? `${compact(value)}/s` : compact(value);
}

// --- Components, alerts, figures

function componentsPanel() {
  const list = make("ul", { class: "component-list" });
  const rows = new Map();
  const element = region("Components", list);
  element.id = "components";
  return {
    element,
    show(components) {
      for (const { name, state: word, reason, parts } of components) {
        let row = rows.get(name);
        if (row === undefined) {
          row = { badge: state(word), reason: make("span", { class: "component-why soft" }) };
          rows.set(name, row);
          list.append(
            make(
              "li",
              { "data-component": name },
              make("span", { class: "component-name" }, name),
              row.badge,
              row.reason,
            ),
          );
        }
        setState(row.badge, word);
        // Often the reason names them.
        const others = parts.filter((part) => !reason.includes(part));
        text(row.reason, reason === "" ? "" : `${reason} ${others.join(", ")}`.trim());
      }
    },
  };
}

function alertsPanel(ctx) {
  const list = make("ul", { class: "alert-list" });
  const more = make("p", {}, make("a", { href: "#/alerts" }, "All alerts"));
  const element = region("Active alerts", list, more);
  element.id = "active-alerts";
  replace(list, emptyItem("Waiting for the alerts"));
  let last = "";
  return {
    element,
    show({ active }) {
      const firing = active.filter((one) => one.state === "firing" && one.mutedBy === null);
      const pending = active.filter((one) => one.state === "pending").length;
      const muted = active.filter(({ mutedBy }) => mutedBy !== null).length;
      // Links keep the focus while nothing changes.
      const now = JSON.stringify(firing.map((one) => [one.id, one.summary, one.acknowledged]));
      if (now !== last) {
        last = now;
        replace(
          list,
          firing.length === 0
            ? emptyItem("Nothing fires.")
            : firing.slice(0, ALERTS_SHOWN).map((one) => alertItem(one)),
        );
      }
      for (const span of list.querySelectorAll("[data-since]")) {
        text(span, ago(Number(span.dataset.since), ctx.now()));
      }
      const hidden = Math.max(0, firing.length - ALERTS_SHOWN);
      const words = [
        hidden > 0 ? `${hidden} more` : null,
        pending > 0 ? `${pending} pending` : null,
        muted > 0 ? `${muted} muted` : null,
      ].filter((word) => word !== null);
      text(more.firstChild, words.length === 0 ? "All alerts" : `All alerts: ${words.join(", ")}`);
    },
  };
}

function emptyItem(string) {
  return make("li", { class: "alert-none" }, emptyNote(string));
}

function alertItem({ id, severity, summary, firedAt, startedAt, acknowledged }) {
  return make(
    "li",
    { "data-alert": id },
    state(severity),
    make("a", { href: `#/alerts?${new URLSearchParams({ id })}` }, summary),
    make(
      "span",
      { class: "soft alert-since" },
      make("span", { "data-since": firedAt ?? startedAt }),
      acknowledged === null ? null : `, acknowledged by ${acknowledged.by}`,
    ),
  );
}

function figuresRow() {
  const all = {
    labels: figure("Labels"),
    candles: figure("Candles"),
    hits: figure("Cache hits"),
    letters: figure("Dead letters"),
    seq: figure("Last commit"),
    memory: figure("Memory"),
    cpu: figure("Processor"),
    mailbox: figure("Longest mailbox"),
  };
  const element = make(
    "section",
    { class: "panel figures", id: "figures", "aria-label": "Figures" },
    ...Object.values(all).map((one) => one.element),
  );
  const last = (column) => column?.at(-1) ?? null;
  return {
    element,
    showHealth({ seq }) {
      all.seq.set(count(seq), "its seq");
    },
    showFigures(columns) {
      if (columns.at.length === 0) return;
      all.labels.set(`${compact(last(columns.labelsPerSecond))}/s`, "rows written");
      all.candles.set(`${compact(last(columns.candlesPerSecond))}/s`, "committed");
      all.hits.set(percent(last(columns.cacheHitRatio)), "of keys asked for");
      const letters = last(columns.deadLetters);
      all.letters.set(count(letters), "kept", letters > 0 ? "warn" : null);
      all.memory.set(bytes(last(columns.memoryBytes)), "of the process");
      all.cpu.set(percent(last(columns.cpuRatio)), "of all cores");
      all.mailbox.set(count(last(columns.mailboxDepth)), "messages");
    },
  };
}
