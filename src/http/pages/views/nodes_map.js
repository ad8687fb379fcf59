// The partitions: a map of who has which, what waits in them, and all of them as a table.

import { attribute, field, make, replace, text } from "../lib/dom.js";
import { bytes, count, duration, time } from "../lib/format.js";
import { disclosure } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { BEHIND_MS, ownersText } from "./nodes_words.js";

const COLUMNS = 16;
const PARTITIONS = 256;
/** Partitions that are listed as waiting: those that are furthest behind. */
const WAITING_SHOWN = 12;
const HINT = "Point at a partition to read it here.";

/** What a node does with a partition that moves. */
const MOVING = { loading: "being taken", draining: "being given away", drained: "given away" };

/** The map: `{ element, update(view) }`. */
export function partitionMap(marks, now) {
  const cells = Array.from({ length: PARTITIONS }, (_, at) =>
    make("span", {
      class: "cell",
      "data-partition": at,
    }));
  const heading = (words) => make("span", { class: "cell-head" }, words);
  const grid = make("div", { class: "partition-map", role: "img" }, heading(""));
  for (let column = 0; column < COLUMNS; column++) grid.append(heading(`+${column}`));
  for (let at = 0; at < PARTITIONS; at += COLUMNS) {
    grid.append(heading(String(at)), ...cells.slice(at, at + COLUMNS));
  }
  const summary = make("p", { class: "map-summary" });
  const legend = make("ul", { class: "map-legend" });
  const readout = make("p", { class: "soft map-readout", "aria-hidden": "true" }, HINT);
  let view = null;
  let pointed = null;
  const read = () => {
    const one = pointed === null ? undefined : view?.partitions[pointed];
    text(readout, one === undefined ? HINT : partitionText(one, now()));
  };
  grid.addEventListener("pointermove", ({ target }) => {
    pointed = target.dataset?.partition === undefined ? null : Number(target.dataset.partition);
    read();
  });
  grid.addEventListener("pointerleave", () => {
    pointed = null;
    read();
  });
  return {
    element: make("div", { class: "map-box" }, summary, grid, legend, readout),
    update(given) {
      view = given;
      const said = ownersText(view);
      text(summary, said);
      attribute(grid, "aria-label", `Map of the partitions by owner. ${said}`);
      for (const one of view.partitions) showCell(cells[one.partition], one, marks);
      showLegend(legend, view, marks);
      read();
    },
  };
}

function showCell(cell, { node, state, waitingMs }, marks) {
  const mark = node === null ? null : marks.of(node);
  text(cell, mark?.letter ?? "■");
  attribute(cell, "data-tint", mark?.tint ?? "none");
  attribute(cell, "data-moving", state !== null && state !== "owned");
  attribute(cell, "data-behind", (waitingMs ?? 0) >= BEHIND_MS);
}

function showLegend(legend, { nodes }, marks) {
  const key = nodes.map(({ node }) => node).join();
  if (legend.dataset.key === key) return;
  legend.dataset.key = key;
  const sample = (attributes, letter) =>
    make("span", { class: "cell", "aria-hidden": "true", ...attributes }, letter);
  replace(
    legend,
    ...nodes.map(({ node }) => make("li", {}, markChip(marks.of(node)), ` ${node}`)),
    make("li", {}, sample({ "data-tint": "none" }, "■"), " no owner"),
    make("li", {}, sample({ "data-moving": true }, ""), " moving here, or away"),
    make("li", {}, sample({ "data-behind": true }, ""), ` waits for over ${BEHIND_MS / 1_000} s`),
  );
}

/** The mark of a node: its letter on its tint. */
export function markChip({ letter, tint }) {
  return make("span", { class: "cell", "data-tint": tint, "aria-hidden": "true" }, letter);
}

function partitionText(one, nowMs) {
  const { partition, node, sinceMs, state } = one;
  const owner = node === null ? "no owner" : `${node} since ${time(sinceMs, nowMs)}`;
  const moving = MOVING[state] === undefined ? "" : `, ${MOVING[state]}`;
  return `Partition ${partition}: ${owner}${moving}; ${waitingText(one)}`;
}

function waitingText({ waitingEntries, waitingBytes, waitingMs }) {
  if (waitingEntries === null) return "what waits is not known";
  if (waitingEntries === 0) return "nothing waits";
  const oldest = waitingMs === null ? "" : `, the oldest for ${duration(waitingMs)}`;
  return `${count(waitingEntries)} waiting, ${bytes(waitingBytes)}${oldest}`;
}

/** What waits, worst first: `{ element, update(view) }`. */
export function waitingTable() {
  const table = dataTable({
    caption: "Partitions with something that waits, the furthest behind first",
    key: ({ partition }) => String(partition),
    columns: columnsOf().filter(({ id }) => id !== "since" && id !== "state"),
    sortBy: "oldest",
    descending: true,
    empty: "Nothing waits: every candle that came in is labelled",
  });
  const note = make("p", { class: "soft" });
  const unknown = make(
    "p",
    { class: "empty", hidden: true },
    "What waits is not known: the streams do not answer",
  );
  return {
    element: make("div", { class: "low" }, note, unknown, table.element),
    update({ partitions }) {
      const isKnown = partitions.some(({ waitingEntries }) => waitingEntries !== null);
      const waiting = partitions.filter(({ waitingEntries }) => (waitingEntries ?? 0) > 0)
        .sort((a, b) => (b.waitingMs ?? 0) - (a.waitingMs ?? 0));
      unknown.hidden = isKnown;
      table.element.hidden = !isKnown;
      note.hidden = waiting.length === 0;
      const entries = waiting.reduce((sum, one) => sum + one.waitingEntries, 0);
      const size = waiting.reduce((sum, one) => sum + (one.waitingBytes ?? 0), 0);
      const rest = waiting.length > WAITING_SHOWN ? `; the worst ${WAITING_SHOWN} of them:` : ":";
      text(
        note,
        `${count(entries)} entries, ${bytes(size)}, in ${count(waiting.length)} of ` +
          `${count(partitions.length)}${rest}`,
      );
      table.update(waiting.slice(0, WAITING_SHOWN));
    },
  };
}

/** All partitions, under a heading that opens: `{ element, update(view) }`. */
export function allPartitions(now) {
  const table = dataTable({
    caption: "All partitions",
    key: ({ partition }) => String(partition),
    columns: columnsOf(now),
    sortBy: "partition",
    empty: "None is known before this node has joined the group",
    search: ({ partition, node, state }) => `${partition} ${node ?? "nobody"} ${state ?? ""}`,
  });
  const search = make("input", {
    type: "search",
    placeholder: "Number or owner",
    on: { input: () => table.setSearch(search.value) },
  });
  const element = disclosure(
    "All partitions as a table",
    make("div", { class: "toolbar" }, field("Search", search)),
    table.element,
  );
  let view = null;
  // Nobody sees 256 rows that are folded.
  const show = () => {
    if (element.open && view !== null) table.update(view.partitions);
  };
  element.addEventListener("toggle", show);
  return {
    element,
    update(given) {
      view = given;
      show();
    },
  };
}

function columnsOf(now = () => 0) {
  return [
    {
      id: "partition",
      title: "Partition",
      sort: ({ partition }) => partition,
      cell: ({ partition }) => String(partition),
    },
    {
      id: "owner",
      title: "Owner",
      className: "nowrap",
      sort: ({ node }) => node,
      cell: ({ node }) => node ?? "■ nobody",
    },
    {
      id: "since",
      title: "Since",
      className: "nowrap",
      sort: ({ sinceMs }) => sinceMs,
      cell: ({ sinceMs }) => time(sinceMs, now()),
    },
    {
      id: "state",
      title: "Here",
      className: "nowrap",
      sort: ({ state }) => state,
      cell: ({ state }) => MOVING[state] ?? state ?? "–",
    },
    {
      id: "waiting",
      title: "Waiting",
      number: true,
      sort: ({ waitingEntries }) => waitingEntries,
      cell: ({ waitingEntries }) => count(waitingEntries),
    },
    {
      id: "bytes",
      title: "Bytes",
      number: true,
      sort: ({ waitingBytes }) => waitingBytes,
      cell: ({ waitingBytes }) => bytes(waitingBytes),
    },
    {
      id: "oldest",
      title: "Oldest",
      number: true,
      sort: ({ waitingMs }) => waitingMs,
      cell: ({ waitingMs }) => duration(waitingMs),
    },
  ];
}
