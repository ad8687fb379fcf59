// The supervision tree as a nested list: kept by path and patched in place, so that focus, scroll
// and what is folded outlive an update.

import { attribute, make, region, text } from "../lib/dom.js";
import { ago, count } from "../lib/format.js";
import { setState, state } from "../lib/parts.js";
import { allowanceOf, isRecent } from "./actors_words.js";

// Folded supervisors, for as long as the page lives.
const folded = new Set();

/** The tree: `{ element, update(root), mark(), select(path), setSearch(text) }`. */
export function treePanel({ onSelect, now }) {
  const lines = new Map();
  const list = make("ul", { class: "tree" });
  const none = make("p", { class: "empty", hidden: true }, "Nothing matches the search");
  const head = make(
    "div",
    { class: "tree-row tree-head", "aria-hidden": "true" },
    ...["Name", "State", "Strategy, kind", "Restart", "Incarnation", "Restarts"]
      .map((title) => make("span", {}, title)),
  );
  const element = region("Supervision tree", make("div", { class: "tree-box" }, head, list, none));
  let words = [];
  let selected = null;

  const lineOf = (node) => {
    let line = lines.get(node.path);
    if (line === undefined) {
      lines.set(node.path, line = newLine(node, onSelect, fold));
      attribute(line.name, "aria-current", node.path === selected ? "true" : null);
    }
    return line;
  };
  const fold = (path) => {
    if (folded.has(path)) folded.delete(path);
    else folded.add(path);
    showFold(lines.get(path));
  };
  const showFold = (line) => {
    if (line.toggle === null) return;
    // A search shows what it finds.
    const isOpen = words.length > 0 || !folded.has(line.node.path);
    if (line.isOpen === isOpen) return;
    line.isOpen = isOpen;
    attribute(line.toggle, "aria-expanded", String(isOpen));
    line.below.hidden = !isOpen;
  };
  const showFinding = (line, isShown, isDim) => {
    showFold(line);
    if (line.isShown === isShown && line.isDim === isDim) return;
    Object.assign(line, { isShown, isDim });
    line.item.hidden = !isShown;
    attribute(line.row, "data-dim", isDim);
  };
  const place = (parent, wanted) => {
    wanted.forEach((item, at) => {
      if (parent.children[at] !== item) parent.insertBefore(item, parent.children[at] ?? null);
    });
    while (parent.children.length > wanted.length) parent.lastElementChild.remove();
  };
  const update = (node, parent, seen) => {
    seen.add(node.path);
    const line = lineOf(node);
    line.node = node;
    patch(line, node, parent);
    const isHit = words.every((word) => node.path.toLowerCase().includes(word));
    const below = node.children.map((part) => update(part, node, seen));
    const items = below.map((one) => one.item);
    if (line.below !== null && items.some((item, at) => item !== line.items[at])) {
      place(line.below, items);
    } else if (items.length < line.items.length) place(line.below, items);
    line.items = items;
    const isShown = isHit || below.some((one) => one.isShown);
    showFinding(line, isShown, words.length > 0 && !isHit);
    return { item: line.item, isShown };
  };
  let root = null;
  const result = {
    element,
    update(given) {
      root = given;
      const seen = new Set();
      const { item, isShown } = update(root, null, seen);
      place(list, [item]);
      none.hidden = isShown;
      for (const path of lines.keys()) if (!seen.has(path)) lines.delete(path);
      result.mark();
    },
    /** Time has passed: marks of restarts come and go. */
    mark() {
      const nowMs = now();
      for (const line of lines.values()) {
        const { node, row, note } = line;
        const words = isRecent(node, nowMs) ? ago(node.restartedAt, nowMs) : "";
        const isUnsettled = node.state !== "running" && node.state !== "stopped";
        const mark = isUnsettled ? "unsettled" : words === "" ? null : "recent";
        if (line.mark === mark && line.words === words) continue;
        Object.assign(line, { mark, words });
        attribute(row, "data-mark", mark);
        note.hidden = words === "";
        text(note.lastChild, words);
      }
    },
    select(path) {
      selected = path;
      for (const { node, name } of lines.values()) {
        attribute(name, "aria-current", node.path === path ? "true" : null);
      }
    },
    setSearch(given) {
      words = given.toLowerCase().split(/\s+/).filter((word) => word !== "");
      if (root !== null) result.update(root);
    },
  };
  return result;
}

function newLine(node, onSelect, fold) {
  const isSupervisor = node.supervisor !== null;
  const toggle = isSupervisor
    ? make("button", {
      type: "button",
      class: "tree-toggle",
      "aria-label": `Children of ${node.name}`,
      on: { click: () => fold(node.path) },
    })
    : null;
  const name = make("button", {
    type: "button",
    class: "row-link",
    on: { click: () => onSelect(node.path) },
  }, node.name);
  const badge = state(node.state);
  const note = make(
    "span",
    { class: "tree-note", hidden: true },
    make("span", { "aria-hidden": "true" }, "▲ "),
    make("span", { class: "tree-note-word" }, "restarted "),
    make("span"),
  );
  const cells = Object.fromEntries(
    ["how", "type", "incarnation", "allowance"].map((id) => [
      id,
      make("span", { class: `tree-${id}` }),
    ]),
  );
  const row = make(
    "div",
    { class: "tree-row" },
    make("span", { class: "tree-name" }, toggle, name),
    make("span", { class: "tree-state" }, badge, note),
    cells.how,
    cells.type,
    make(
      "span",
      { class: "tree-number" },
      make("span", { class: "tree-label" }, "incarnation "),
      cells.incarnation,
    ),
    make(
      "span",
      { class: "tree-number" },
      make("span", { class: "tree-label" }, "restarts "),
      cells.allowance,
    ),
  );
  const below = isSupervisor ? make("ul") : null;
  const item = make("li", { "data-path": node.path }, row, below);
  return {
    item,
    row,
    name,
    toggle,
    badge,
    note,
    cells,
    below,
    node,
    items: [],
    words: "",
    key: "",
  };
}

function patch(line, node, parent) {
  const { badge, cells, row } = line;
  const allowance = allowanceOf(node, parent) || "–";
  const key = `${node.state} ${node.incarnation} ${allowance}`;
  if (line.key === key) return;
  line.key = key;
  setState(badge, node.state);
  text(cells.how, node.supervisor === null ? node.kind : node.supervisor.strategy);
  text(cells.type, node.restart);
  text(cells.incarnation, count(node.incarnation));
  text(cells.allowance, allowance);
  const isAtLimit = parent !== null && node.restartsInPeriod >= parent.supervisor.intensity &&
    node.restartsInPeriod > 0;
  attribute(row, "data-limit", isAtLimit);
}
