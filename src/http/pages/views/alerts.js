// Alerts: what fires, what is about to, what is muted by its cause, and what was.

import { attribute, field, make, newId, region, replace, text } from "../lib/dom.js";
import { ago, compact, dateTime, duration, time } from "../lib/format.js";
import { button, emptyNote, problem, setState, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { sinksSection } from "./alerts_sinks.js";

const GROUPS = { none: "nothing", rule: "rule", actor: "actor", severity: "severity" };
const SEVERITIES = ["page", "ticket", "info"];
const TYPES = ["performance", "resource", "system_health", "business"];
const NAME_KEY = "wick-name";
const NAME_CHARS_MAX = 200;

export default {
  id: "alerts",
  title: "Alerts",
  key: "e",
  topics: ["alerts"],
  mount(root, ctx) {
    const sections = {
      firing: cardSection("Firing", "Nothing fires.", ctx),
      pending: cardSection("Pending", "Nothing is about to fire.", ctx),
      muted: cardSection("Muted by a cause", "", ctx),
    };
    const past = pastSection();
    const sinks = sinksSection(ctx);
    let data = null;
    let wantedId = null;
    const show = () => {
      if (data === null) return;
      const wanted = filters.matches;
      const active = data.active.filter(wanted);
      const shownIn = {
        firing: active.filter((one) => one.state === "firing" && one.mutedBy === null),
        pending: active.filter((one) => one.state === "pending" && one.mutedBy === null),
        muted: active.filter(({ mutedBy }) => mutedBy !== null),
      };
      for (const [name, alerts] of Object.entries(shownIn)) {
        sections[name].show(alerts, data.active, filters.group(), filters.isSet());
      }
      sections.muted.element.hidden = shownIn.muted.length === 0;
      past.show(data.past.filter(wanted), filters.isSet());
      if (wantedId !== null && goTo(root, wantedId)) wantedId = null;
    };
    const filters = filterBar(ctx, show);
    wantedId = ctx.params.get("id");
    root.append(
      filters.element,
      ...Object.values(sections).map(({ element }) => element),
      past.element,
      sinks.element,
    );
    for (const one of Object.values(sections)) one.wait();
    return {
      frame(_topic, fresh) {
        data = fresh;
        show();
      },
      params(params) {
        filters.read(params);
        wantedId = params.get("id");
        show();
      },
      unmount: () => sinks.destroy(),
    };
  },
};

/** Brings an alert into view, wherever it is listed now. */
function goTo(root, id) {
  const found = root.querySelector(`[data-alert="${CSS.escape(id)}"]`);
  if (found === null) return false;
  found.setAttribute("tabindex", "-1");
  found.focus();
  return true;
}

// --- Filters

function filterBar(ctx, onChange) {
  const search = make("input", { type: "search", placeholder: "Text, rule, actor or label" });
  const severity = choiceOf({ "": "all", ...sameOf(SEVERITIES) });
  const type = choiceOf({ "": "all", ...sameOf(TYPES) });
  const group = choiceOf(GROUPS);
  const inputs = { q: search, severity, type, group };
  const element = make(
    "div",
    { class: "toolbar", role: "search", "aria-label": "Filter alerts" },
    field("Search", search),
    field("Severity", severity),
    field("Type", type),
    field("Group by", group),
  );
  const read = (params) => {
    for (const [name, input] of Object.entries(inputs)) {
      input.value = params.get(name) ?? (name === "group" ? "none" : "");
    }
  };
  read(ctx.params);
  element.addEventListener("input", () => {
    const values = Object.entries(inputs).map(([name, { value }]) => [name, value]);
    ctx.setParams({
      ...Object.fromEntries(values),
      group: group.value === "none" ? null : group.value,
    });
    onChange();
  });
  return {
    element,
    read,
    group: () => group.value,
    isSet: () => search.value !== "" || severity.value !== "" || type.value !== "",
    matches(alert) {
      if (severity.value !== "" && alert.severity !== severity.value) return false;
      if (type.value !== "" && alert.type !== type.value) return false;
      const words = search.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
      const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
      const where = [alert.rule, alert.actor, alert.summary, ...labels].join(" ").toLowerCase();
      return words.every((word) => where.includes(word));
    },
  };
}

function sameOf(words) {
  return Object.fromEntries(words.map((word) => [word, word.replaceAll("_", " ")]));
}

function choiceOf(options) {
  return make(
    "select",
    {},
    ...Object.entries(options).map(([value, label]) => make("option", { value }, label)),
  );
}

// --- Active alerts

function cardSection(title, none, ctx) {
  const list = make("div", { class: "alert-cards" });
  const note = emptyNote("Waiting for the alerts");
  const element = region(title, list, note);
  const heading = element.querySelector("h2");
  element.dataset.section = title.toLowerCase().split(" ")[0];
  const cards = new Map();
  const headings = new Map();
  const headingOf = (name, n) => {
    let found = headings.get(name);
    if (found === undefined) headings.set(name, found = make("h3", { class: "alert-group" }));
    return text(found, `${name === "" ? "the service" : name} (${n})`);
  };
  return {
    element,
    wait() {
      note.hidden = false;
    },
    show(alerts, all, groupBy, isFiltered) {
      text(heading, alerts.length === 0 ? title : `${title} (${alerts.length})`);
      note.hidden = alerts.length > 0;
      text(note, isFiltered ? "Nothing matches the filter." : none);
      const groups = groupBy === "none"
        ? [[null, alerts]]
        : [...Map.groupBy(alerts, (one) => one[groupBy])];
      const wanted = groups.flatMap(([name, members]) => [
        ...name === null ? [] : [headingOf(name, members.length)],
        ...members.map((alert) => {
          let card = cards.get(alert.id);
          if (card === undefined) cards.set(alert.id, card = alertCard(ctx));
          card.show(alert, all);
          return card.element;
        }),
      ]);
      arrange(list, wanted);
      const kept = new Set(alerts.map(({ id }) => id));
      for (const id of cards.keys()) if (!kept.has(id)) cards.delete(id);
    },
  };
}

/** Puts these nodes in this order, and moves none that is in its place: a form keeps its focus. */
function arrange(list, wanted) {
  const keep = new Set(wanted);
  for (const child of [...list.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((node, at) => {
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
  });
}

function alertCard(ctx) {
  const badge = state("info");
  const summary = make("h3", { class: "alert-summary" });
  const since = make("span", { class: "alert-since soft" });
  const facts = make("dl", { class: "alert-facts" });
  const runbook = make("p", { class: "alert-runbook" });
  const care = make("div", { class: "alert-care" });
  const element = make(
    "article",
    { class: "alert" },
    make("div", { class: "alert-head" }, badge, summary, since),
    facts,
    make("div", { class: "alert-foot" }, runbook, care),
  );
  let shownCare = null;
  let shownFacts = "";
  const card = {
    element,
    show(alert, all) {
      attribute(element, "data-alert", alert.id);
      attribute(element, "data-severity", alert.severity);
      setState(badge, alert.severity);
      text(summary, alert.summary);
      const startMs = alert.firedAt ?? alert.startedAt;
      text(since, `${alert.state} since ${time(startMs, ctx.now())}, ${ago(startMs, ctx.now())}`);
      text(runbook, alert.runbook === "" ? "" : `What to do: ${alert.runbook}`);
      runbook.hidden = alert.runbook === "";
      const cause = all.find(({ id }) => id === alert.mutedBy);
      const now = JSON.stringify([
        alert.value,
        alert.labels,
        alert.firedAt,
        alert.notified,
        cause?.summary,
      ]);
      if (now !== shownFacts) replace(facts, factsOf(alert, cause, ctx));
      shownFacts = now;
      const careNow = JSON.stringify([alert.acknowledged, alert.state, ctx.mayAct]);
      if (careNow !== shownCare) {
        replace(care, alert.acknowledged === null ? actOf(alert, card, ctx) : careOf(alert, ctx));
      }
      shownCare = careNow;
    },
    acknowledged(alert) {
      shownCare = JSON.stringify([alert.acknowledged, alert.state, ctx.mayAct]);
      replace(care, careOf(alert, ctx));
      element.setAttribute("tabindex", "-1");
      element.focus();
    },
  };
  return card;
}

function factsOf(alert, cause, ctx) {
  const { rule, type, actor, labels, value, startedAt, firedAt, notified, mutedBy } = alert;
  const pairs = [
    ["Rule", make("code", {}, rule)],
    ["Type", type.replaceAll("_", " ")],
    ["Actor", actor === "" ? "the service" : actorLink(actor)],
    ...Object.entries(labels).map(([name, label]) => [name, make("code", {}, label)]),
    ["Value", compact(value)],
    ["Began", time(startedAt, ctx.now())],
    ...firedAt === null || firedAt === startedAt ? [] : [["Fired", time(firedAt, ctx.now())]],
    ["Told", notified ? "yes" : "no"],
  ];
  if (mutedBy !== null) {
    const href = `#/alerts?${new URLSearchParams({ id: mutedBy })}`;
    pairs.push(["Muted by", make("a", { href }, cause?.summary ?? mutedBy)]);
  }
  return pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function actorLink(actor) {
  return make("a", { href: `#/actors?${new URLSearchParams({ q: actor })}`, class: "path" }, actor);
}

function careOf({ acknowledged: { by, at, note } }, ctx) {
  return make(
    "p",
    { class: "alert-acknowledged" },
    state("acknowledged", "good"),
    ` by ${by} at ${time(at, ctx.now())}`,
    note === "" ? null : `: ${note}`,
  );
}

/** The way to acknowledge; nothing where that is not possible. */
function actOf(alert, card, ctx) {
  if (!ctx.mayAct || alert.state !== "firing") return null;
  const open = make("button", { type: "button", "aria-expanded": "false" }, "Acknowledge");
  const box = make("div", {}, open);
  open.addEventListener("click", () =>
    replace(
      box,
      ackForm(alert, card, ctx, () => {
        replace(box, open);
        open.focus();
      }),
    ));
  return box;
}

function ackForm(alert, card, ctx, onCancel) {
  const id = newId("ack");
  const by = make("input", {
    name: "by",
    required: true,
    maxlength: NAME_CHARS_MAX,
    autocomplete: "username",
    value: localStorage.getItem(NAME_KEY),
  });
  const note = make("input", { name: "note", maxlength: NAME_CHARS_MAX, size: "36" });
  const trouble = make("div", { class: "form-trouble" });
  const form = make(
    "form",
    { class: "toolbar ack", "aria-labelledby": id },
    make("span", { id, class: "visually-hidden" }, `Acknowledge: ${alert.summary}`),
    field("Your name", by),
    field("Note, for the others", note),
    make("button", { "data-tone": "primary" }, "Acknowledge"),
    button("Cancel", onCancel),
    trouble,
  );
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") onCancel();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    localStorage.setItem(NAME_KEY, by.value.trim());
    try {
      const path = `/api/alerts/${encodeURIComponent(alert.id)}/ack`;
      const json = { by: by.value.trim(), note: note.value.trim() };
      const done = await ctx.ask(path, { method: "POST", json });
      card.acknowledged(done.alert);
      ctx.notify(done.state === "known" ? "Somebody had acknowledged it" : "Acknowledged");
    } catch (error) {
      replace(trouble, problem(error.message));
    }
  });
  queueMicrotask(() => (by.value === "" ? by : note).focus());
  return form;
}

// --- Past alerts

function pastSection() {
  const lasted = ({ firedAt, startedAt, resolvedAt }) => resolvedAt - (firedAt ?? startedAt);
  const table = dataTable({
    caption: "Past alerts",
    key: ({ id, resolvedAt }) => `${id} ${resolvedAt}`,
    sortBy: "ended",
    descending: true,
    empty: "No alert has ended yet. Those that end are kept here.",
    columns: [
      { id: "summary", title: "Alert", className: "alert-text", cell: ({ summary }) => summary },
      {
        id: "severity",
        title: "Severity",
        sort: ({ severity }) => SEVERITIES.indexOf(severity),
        cell: ({ severity }) => state(severity),
      },
      { id: "rule", title: "Rule", sort: ({ rule }) => rule, cell: ({ rule }) => rule },
      {
        id: "actor",
        title: "Actor",
        className: "path",
        sort: ({ actor }) => actor,
        cell: ({ actor }) => actor === "" ? "the service" : actor,
      },
      {
        id: "ended",
        title: "Ended",
        number: true,
        sort: ({ resolvedAt }) => resolvedAt,
        cell: ({ resolvedAt }) => dateTime(resolvedAt),
      },
      {
        id: "lasted",
        title: "Lasted",
        number: true,
        sort: lasted,
        cell: (alert) => duration(lasted(alert)),
      },
      {
        id: "by",
        title: "Acknowledged",
        cell: ({ acknowledged }) => acknowledged === null ? "–" : `by ${acknowledged.by}`,
      },
    ],
  });
  const element = region("Past", table.element);
  element.dataset.section = "past";
  const heading = element.querySelector("h2");
  return {
    element,
    show(alerts, isFiltered) {
      text(heading, alerts.length === 0 ? "Past" : `Past (${alerts.length})`);
      table.update(alerts);
      if (isFiltered && alerts.length === 0) {
        text(table.element.querySelector(".empty"), "Nothing matches the filter.");
      }
    },
  };
}
