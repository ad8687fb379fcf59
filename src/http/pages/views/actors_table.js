// All actors as one table: what waits in their mailboxes, how long, and how often they failed.

import { attribute, make, region, text } from "../lib/dom.js";
import { count, decimal } from "../lib/format.js";
import { bar, setState, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { isRecent, restartsOf, shortPath, spanOf } from "./actors_words.js";

/** The table: `{ element, update(entries), setSearch, setSort, select }`. */
export function actorTable({ onSelect, onSort, now }) {
  const table = dataTable({
    caption: "Table of all actors",
    key: ({ node }) => node.path,
    columns: columnsOf(now),
    sortBy: "path",
    empty: "The tree has no actor: those that are started show here",
    search: ({ node }) => `${node.path} ${node.state} ${node.lastError ?? ""}`,
    onSelect: ({ node }) => onSelect(node.path),
    onSort,
  });
  return {
    ...table,
    element: region("All actors", table.element),
    update: (entries) => table.update(entries.filter(({ node }) => node.mailbox !== null)),
  };
}

function columnsOf(now) {
  const number = (id, title, value, words) => ({
    id,
    title,
    number: true,
    sort: ({ node }) => value(node),
    cell: ({ node }) => words(value(node), node),
  });
  return [
    {
      id: "path",
      title: "Actor",
      sort: ({ node }) => node.path,
      cell: ({ node }, last) => last ?? pathCell(node.path),
    },
    {
      id: "state",
      title: "State",
      sort: ({ node }) => node.state,
      cell: ({ node }, last) =>
        last?.dataset.state === node.state ? last : setState(last ?? state(node.state), node.state),
    },
    {
      id: "depth",
      title: "Mailbox",
      className: "mailbox-cell",
      sort: ({ node }) => node.mailbox.depth / node.mailbox.bound,
      cell: ({ node: { mailbox } }, last) => mailboxBar(mailbox, last),
    },
    number("rate", "Rate, /s", ({ mailbox }) => mailbox.ratePerSecond, (n) => decimal(n, 1)),
    number("p50", "p50", ({ mailbox }) => mailbox.serviceMs.p50, spanOf),
    number("p99", "p99", ({ mailbox }) => mailbox.serviceMs.p99, spanOf),
    number("oldest", "Oldest", ({ mailbox }) => mailbox.oldestMs, spanOf),
    number("dead", "Dead", ({ mailbox }) => mailbox.deadLettered, (n) => count(n)),
    {
      id: "restarts",
      title: "Restarts",
      number: true,
      sort: ({ node }) => restartsOf(node),
      cell: ({ node }, last) => restartsCell(node, now(), last),
    },
    {
      id: "error",
      title: "Last error",
      className: "error-column",
      sort: ({ node }) => node.lastError,
      cell: ({ node }, last) => errorCell(node.lastError, last),
    },
  ];
}

/** A path that may be broken between its parts. */
function pathCell(path) {
  const parts = shortPath(path).split(/(?<=\/)/).map((part) => [part, make("wbr")]);
  return make("span", {}, ...parts);
}

function mailboxBar({ depth, bound }, last) {
  const label = `${count(depth)} / ${count(bound)}`;
  if (last?.lastChild.textContent === label) return last;
  const made = bar(depth, bound, label);
  if (last === null || last.dataset.tone !== made.dataset.tone) return made;
  // The same element goes on: hundreds of rows may change each second.
  last.firstChild.firstChild.style.width = made.firstChild.firstChild.style.width;
  last.lastChild.textContent = label;
  return last;
}

function restartsCell(node, nowMs, last) {
  const restarts = count(restartsOf(node));
  if (last === null && !isRecent(node, nowMs)) return restarts;
  const cell = last ?? make("span");
  attribute(cell, "class", isRecent(node, nowMs) ? "recent-count" : null);
  return text(cell, isRecent(node, nowMs) ? `▲ ${restarts}` : restarts);
}

function errorCell(error, last) {
  if (error === null) return "–";
  const cell = last ?? make("span", { class: "error-cell" });
  attribute(cell, "title", error);
  return text(cell, error.split("\n")[0]);
}
