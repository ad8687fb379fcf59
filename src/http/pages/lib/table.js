// A table of rows that change: kept by key and patched in place, sorted and searched here, so that
// focus, selection and scroll outlive an update.

import { attribute, make, text } from "./dom.js";
import { count } from "./format.js";
import { emptyNote } from "./parts.js";

/** A column of numbers: what `of` finds in a row, as `write` tells it. */
export function numberColumn(id, title, of = (row) => row[id], write = count) {
  return { id, title, number: true, sort: of, cell: (row) => write(of(row)) };
}

/**
 * A table.
 *
 * - `columns`: `{ id, title, number?, sort?, cell, className? }`; `sort(row)` gives what to sort
 *   by (nulls last), without it the column is not sorted. `cell(row, previous)` gives a text or a
 *   node; `previous` is the node given last time for this row, to be changed and given again.
 *   A new node that equals the one there is dropped, so its listeners should find the row by key.
 * - `key(row)`: what makes a row the same in the next update.
 * - `onSelect(row)`: called by a click on the row or the button in its first cell.
 * - `search(row)`: the text that `setSearch` looks in; all its words must occur.
 */
export function dataTable(options) {
  const { caption, columns, key, empty = "None yet", onSelect = null, search = null } = options;
  const body = make("tbody");
  const heads = columns.map((column) => headOf(column, () => sortBy(column)));
  const table = make(
    "table",
    { class: onSelect === null ? "data" : "data selectable" },
    make("caption", { class: "visually-hidden" }, caption),
    make("thead", {}, make("tr", {}, ...heads)),
    body,
  );
  const box = make("div", {
    class: "wide",
    role: "region",
    "aria-label": `Table: ${caption}`,
    tabindex: "0",
  });
  box.append(table);
  const note = emptyNote(empty);
  const element = make("div", { class: "data-table" }, box, note);

  let all = [];
  let words = [];
  let selected = null;
  let sort = {
    column: columns.find(({ id }) => id === options.sortBy) ?? null,
    descending: options.descending === true,
  };
  const lines = new Map();

  const matches = (row) => {
    if (words.length === 0 || search === null) return true;
    const found = search(row).toLowerCase();
    return words.every((word) => found.includes(word));
  };
  const show = () => {
    const rows = sorted(all.filter(matches), sort);
    place(body, rows.map((row) => lineOf(row)), lines);
    // Nothing of it takes room or the focus then.
    box.hidden = rows.length === 0;
    note.hidden = rows.length > 0;
    text(note, all.length > 0 ? "Nothing matches the search" : empty);
    result.shown = rows.length;
  };
  const lineOf = (row) => {
    const id = key(row);
    let line = lines.get(id);
    if (line === undefined) lines.set(id, line = newLine(id, columns, onSelect));
    patch(line, row, columns);
    attribute(line.element, "aria-current", id === selected ? "true" : null);
    return line;
  };
  const mark = () =>
    columns.forEach((column, at) => {
      const isSorted = column === sort.column;
      const word = sort.descending ? "descending" : "ascending";
      attribute(
        heads[at],
        "aria-sort",
        isSorted ? word : column.sort === undefined ? null : "none",
      );
    });
  const sortBy = (column) => {
    const isSame = column === sort.column;
    sort = { column, descending: isSame ? !sort.descending : column.number === true };
    mark();
    show();
    options.onSort?.(column.id, sort.descending);
  };
  const result = {
    element,
    /** Rows shown now. */
    shown: 0,
    /** Shows these rows; those with a key that was there are patched. */
    update(rows) {
      all = rows;
      show();
    },
    /** Shows only rows that hold all words of `text`. */
    setSearch(text) {
      words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
      show();
    },
    /** Sorts by a column. */
    setSort(id, descending) {
      const column = columns.find((one) => one.id === id && one.sort !== undefined);
      if (column === undefined) return;
      sort = { column, descending };
      mark();
      show();
    },
    /** Marks the row of this key; null = none. */
    select(id) {
      selected = id;
      for (const [one, line] of lines) {
        attribute(line.element, "aria-current", one === id ? "true" : null);
      }
    },
  };
  mark();
  show();
  return result;
}

function headOf({ title, number, sort, className }, onSort) {
  const classes = [number === true ? "number" : null, className].filter(Boolean).join(" ");
  const label = sort === undefined
    ? title
    : make("button", { type: "button", class: "sort", on: { click: onSort } }, title);
  return make("th", { scope: "col", class: classes || null }, label);
}

function sorted(rows, { column, descending }) {
  if (column?.sort === undefined) return rows;
  const sign = descending ? -1 : 1;
  return rows
    .map((row) => ({ row, value: column.sort(row) }))
    .sort((a, b) => compare(a.value, b.value, sign))
    .map(({ row }) => row);
}

function compare(a, b, sign) {
  const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);
  if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b));
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0);
}

function newLine(id, columns, onSelect) {
  const line = { element: make("tr", { "data-key": id }), cells: [], last: [], row: null };
  const select = () => onSelect(line.row);
  columns.forEach(({ number, className }, at) => {
    const classes = [number === true ? "number" : null, className].filter(Boolean).join(" ");
    const cell = at === 0
      ? make("th", { scope: "row", class: classes || null })
      : make("td", { class: classes || null });
    line.element.append(cell);
    if (at > 0 || onSelect === null) line.cells.push(cell);
    else {
      const link = make("button", { type: "button", class: "row-link", on: { click: select } });
      cell.append(link);
      line.cells.push(link);
    }
  });
  if (onSelect !== null) {
    line.element.addEventListener("click", (event) => {
      const isText = String(getSelection()) !== "";
      if (!isText && event.target.closest("button, a, input, select, summary") === null) select();
    });
  }
  return line;
}

function patch(line, row, columns) {
  line.row = row;
  columns.forEach(({ cell }, at) => {
    const last = line.last[at];
    const made = cell(row, last instanceof Node ? last : null) ?? "";
    if (made === last) return;
    const place = line.cells[at];
    if (!(made instanceof Node)) {
      line.last[at] = made;
      place.textContent = made;
    } else if (!(last instanceof Node) || !isSame(last, made)) {
      line.last[at] = made;
      const had = place.contains(document.activeElement) && document.activeElement !== place;
      place.replaceChildren(made);
      if (had) place.querySelector("button, a, input, select, summary")?.focus();
    }
  });
}

function isSame(last, made) {
  const isKnown = last.likeness !== undefined && made.likeness !== undefined;
  return isKnown ? last.likeness === made.likeness : last.isEqualNode(made);
}

/** Puts lines in this order with few moves, and drops the others. */
function place(body, wanted, lines) {
  const keep = new Set(wanted);
  for (const [id, line] of lines) {
    if (keep.has(line)) continue;
    line.element.remove();
    lines.delete(id);
  }
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  let next = body.firstElementChild;
  for (const { element } of wanted) {
    if (element !== next && next?.nextElementSibling === element) {
      // A row that fell: it is put in its place when that comes.
      body.append(next);
      next = element;
    }
    if (element === next) next = next.nextElementSibling;
    else body.insertBefore(element, next);
  }
  if (focused !== null && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true });
  }
}
