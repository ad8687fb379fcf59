// Dead letters: every message that was not handled, why, and what may be done about it.

import { field, make, replace, text } from "../lib/dom.js";
import { bytes, compact, count, time } from "../lib/format.js";
import { button, emptyNote, figure, problem } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { shortPath } from "./actors_words.js";
import { dropLetters, replayLetters } from "./letters_act.js";
import { letterPanel } from "./letters_detail.js";
import { letters, queryOf, reasonBadge } from "./letters_words.js";

/** Letters of one page. */
const PAGE = 200;
/** Letters held at once: older ones are found by the filter. */
const HELD_MAX = 2_000;
const FILTERS = ["path", "type", "reason"];

export default {
  id: "letters",
  title: "Dead letters",
  key: "d",
  topics: ["letters"],
  mount(root, ctx) {
    const view = new LettersView(root, ctx);
    return {
      frame: (_topic, page) => view.take(page),
      params: (params) => view.read(params),
      unmount: () => view.end(),
    };
  },
};

class LettersView {
  #ctx;
  #params = {};
  /** The latest page of the stream, and of the filter where there is one. */
  #latest = null;
  #shown = [];
  #next = null;
  /** Pages that were asked for beyond the first. */
  #older = [];
  #selected = new Set();
  #marks = "";
  #isAsking = false;
  #isEnded = false;
  #detail = null;
  #counts = countsRow();
  #filters;
  #search = make("input", { type: "search", placeholder: "Actor, message, reason or error" });
  #trouble = make("div");
  #loading = emptyNote("Loading the letters…");
  #acts;
  #table;
  #more;
  #aside = make("div", { class: "actors-aside", hidden: true });
  #body;

  constructor(root, ctx) {
    this.#ctx = ctx;
    this.#filters = filterFields((name, value) => this.#filter({ [name]: value }));
    this.#search.addEventListener("input", () => {
      this.#change({ q: this.#search.value });
      this.#find();
    });
    this.#acts = ctx.mayAct ? actsBar(this.#actions()) : null;
    this.#table = this.#newTable();
    this.#more = button("Show older letters", () => this.#showOlder());
    this.#more.hidden = true;
    this.#table.element.hidden = true;
    this.#body = make(
      "div",
      { class: "actors-body" },
      make(
        "section",
        { class: "panel actors-main", "aria-label": "Letters" },
        this.#acts?.element ?? null,
        this.#loading,
        this.#table.element,
        make("div", { class: "letters-more" }, this.#more),
      ),
      this.#aside,
    );
    root.append(
      this.#counts.element,
      make(
        "div",
        { class: "toolbar" },
        field("Search", this.#search),
        this.#filters.element,
      ),
      this.#trouble,
      this.#body,
    );
    this.read(ctx.params);
  }

  end() {
    this.#isEnded = true;
  }

  read(params) {
    const before = this.#filterKey();
    const names = [...FILTERS, "q", "id", "sort", "desc"];
    this.#params = Object.fromEntries(names.map((name) => [name, params.get(name) ?? ""]));
    const { q, id, sort, desc } = this.#params;
    if (this.#search.value !== q) this.#search.value = q;
    this.#filters.set(this.#params);
    if (sort !== "") this.#table.setSort(sort, desc !== "");
    this.#find();
    if (this.#filterKey() !== before) this.#reload();
    this.#open(/^\d{1,16}$/.test(id) ? Number(id) : null);
  }

  /** A frame of the stream: the latest letters, whatever the filter. */
  take(page) {
    this.#latest = page;
    this.#counts.update(page);
    this.#filters.offer(page.letters);
    const marks = `${page.kept} ${page.letters[0]?.id ?? 0}`;
    if (this.#filterKey() === "") this.#show(page);
    else if (marks !== this.#marks) this.#ask();
    this.#marks = marks;
  }

  #filterKey() {
    return queryOf(Object.fromEntries(FILTERS.map((name) => [name, this.#params[name]])));
  }

  #filter(part) {
    this.#change(part);
    this.#reload();
  }

  #change(part) {
    this.#params = { ...this.#params, ...part };
    this.#ctx.setParams(this.#params);
  }

  /** Another filter, or letters that left: what was known is not what is there. */
  #reload() {
    this.#older = [];
    this.#selected.clear();
    if (this.#filterKey() === "" && this.#latest !== null) this.#show(this.#latest);
    this.#ask();
  }

  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const key = this.#filterKey();
    try {
      const page = await this.#page({});
      if (this.#isEnded) return;
      if (key === "") this.#latest = page;
      if (key === this.#filterKey()) this.#show(page);
      replace(this.#trouble);
    } catch (error) {
      replace(this.#trouble, problem(`Cannot show the letters: ${error.message}`));
    } finally {
      this.#isAsking = false;
      if (!this.#isEnded && key !== this.#filterKey()) this.#ask();
    }
  }

  #page(part) {
    const query = queryOf({
      ...Object.fromEntries(FILTERS.map((name) => [name, this.#params[name]])),
      ...part,
      limit: PAGE,
      latestFirst: true,
    });
    return this.#ctx.ask(`/api/dead-letters?${query}`);
  }

  #show(page) {
    const oldest = page.letters.at(-1)?.id ?? Infinity;
    // A page that moved on leaves a gap to the older ones; what fell out of it is kept.
    const fallen = this.#older.length === 0 ? [] : this.#shown.filter(({ id }) => id < oldest);
    this.#shown = [...page.letters, ...fallen].slice(0, HELD_MAX);
    if (this.#older.length === 0) this.#next = page.next;
    this.#render();
  }

  async #showOlder() {
    try {
      const page = await this.#page({ cursor: this.#next });
      this.#older = [...this.#older, ...page.letters];
      const known = new Set(this.#shown.map(({ id }) => id));
      this.#shown = [...this.#shown, ...page.letters.filter(({ id }) => !known.has(id))]
        .slice(0, HELD_MAX);
      this.#next = this.#shown.length >= HELD_MAX ? null : page.next;
      this.#render();
    } catch (error) {
      this.#ctx.notify(`Cannot show older letters: ${error.message}`, "bad");
    }
  }

  #render() {
    const kept = new Set(this.#shown.map(({ id }) => id));
    for (const id of this.#selected) if (!kept.has(id)) this.#selected.delete(id);
    this.#table.update(this.#shown);
    this.#table.element.hidden = false;
    this.#loading.hidden = true;
    this.#more.hidden = this.#next === null;
    this.#showActs();
  }

  #find() {
    this.#table.setSearch(this.#search.value);
    this.#showActs();
  }

  #showActs() {
    this.#acts?.update({
      selected: this.#selected.size,
      shown: this.#table.shown,
      isSearched: this.#search.value !== "",
      isFiltered: this.#filterKey() !== "",
    });
  }

  // --- Acting

  #actions() {
    const meant = () => ({ ids: [...this.#selected].sort((a, b) => a - b) });
    const all = () => ({
      filter: Object.fromEntries(FILTERS.map((name) => [name, this.#params[name]])),
    });
    return {
      replay: () => this.#act(replayLetters, meant()),
      drop: () => this.#act(dropLetters, meant()),
      replayAll: () => this.#act(replayLetters, all()),
      dropAll: () => this.#act(dropLetters, all()),
      selectShown: (isSelected) => {
        for (const { id } of this.#visible()) {
          if (isSelected) this.#selected.add(id);
          else this.#selected.delete(id);
        }
        this.#table.update(this.#shown);
        this.#showActs();
      },
    };
  }

  async #act(act, what) {
    if (!await act(this.#ctx, what)) return;
    if (what.ids?.includes(this.#detail?.id)) this.#detail.left();
    this.#reload();
  }

  #visible() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    return this.#shown.filter((letter) => {
      const found = searchText(letter).toLowerCase();
      return words.every((word) => found.includes(word));
    });
  }

  // --- The table and the detail

  #newTable() {
    const column = (id, title, value) => ({ id, title, sort: value, cell: value });
    const select = {
      id: "select",
      title: "Selected",
      cell: ({ id }, last) => {
        const box = last ?? this.#newCheck(id);
        box.firstElementChild.checked = this.#selected.has(id);
        return box;
      },
    };
    return dataTable({
      caption: "Dead letters, the latest first",
      key: ({ id }) => String(id),
      columns: [
        { id: "id", title: "Letter", sort: ({ id }) => id, cell: ({ id }) => `#${id}` },
        ...this.#ctx.mayAct ? [select] : [],
        {
          id: "at",
          title: "Died",
          className: "nowrap",
          sort: ({ at }) => at,
          cell: ({ at }) => time(at, this.#ctx.now()),
        },
        {
          id: "reason",
          title: "Reason",
          sort: ({ reason }) => reason,
          cell: ({ reason }) => reasonBadge(reason),
        },
        {
          id: "path",
          title: "Actor",
          sort: ({ path }) => path,
          cell: ({ path }) => shortPath(path),
        },
        column("type", "Message", ({ type }) => type),
        {
          id: "error",
          title: "Error",
          sort: ({ error }) => error,
          cell: ({ error }, last) => {
            const cell = last ?? make("span", { class: "error-cell" });
            return text(cell, error === null ? "–" : error.split("\n")[0]);
          },
        },
        {
          id: "bytes",
          title: "Size",
          number: true,
          sort: (letter) => letter.bytes,
          cell: (letter) => bytes(letter.bytes),
        },
      ],
      sortBy: "id",
      descending: true,
      empty: "No dead letter: messages that no actor handled show here, with the reason",
      search: searchText,
      onSelect: ({ id }) => this.#open(id, { isAsked: true }),
      onSort: (sort, isDescending) => this.#change({ sort, desc: isDescending ? "1" : "" }),
    });
  }

  #newCheck(id) {
    const input = make("input", { type: "checkbox", "aria-label": `Select letter ${id}` });
    input.addEventListener("change", () => {
      if (input.checked) this.#selected.add(id);
      else this.#selected.delete(id);
      this.#showActs();
    });
    return make("label", { class: "letter-check" }, input);
  }

  #open(id, { isAsked = false } = {}) {
    if (isAsked) this.#change({ id: id === null ? "" : String(id) });
    this.#table.select(id === null ? null : String(id));
    if (id !== (this.#detail?.id ?? null)) {
      this.#detail = id === null ? null : {
        id,
        ...letterPanel(this.#ctx, id, {
          onClose: () => this.#close(id),
          onReplay: () => this.#act(replayLetters, { ids: [id] }),
          onDrop: () => this.#act(dropLetters, { ids: [id] }),
        }),
      };
      replace(this.#aside, this.#detail?.element ?? null);
      this.#aside.hidden = id === null;
      this.#body.classList.toggle("has-detail", id !== null);
    }
    if (isAsked && id !== null) this.#detail.heading.focus();
  }

  #close(id) {
    this.#open(null, { isAsked: true });
    const place = this.#body.querySelector(`tr[data-key="${id}"] .row-link`);
    (place ?? this.#search).focus();
  }
}

function searchText({ id, path, type, reason, error }) {
  return `#${id} ${path} ${type} ${reason} ${error ?? ""}`;
}

const titleOf = (reason) => (reason[0].toUpperCase() + reason.slice(1)).replaceAll("_", " ");

/** Letters ever, by reason, and how many can be looked at. */
function countsRow() {
  const kept = figure("Kept");
  const element = make("div", { class: "figures" }, kept.element);
  const reasons = new Map();
  return {
    element,
    update({ counts, kept: n, evicted }) {
      const given = evicted > 0 ? `${count(evicted)} given up for room` : "can be looked at";
      kept.set(compact(n), given);
      for (const [reason, total] of Object.entries(counts)) {
        let part = reasons.get(reason);
        if (part === undefined) {
          reasons.set(reason, part = figure(titleOf(reason)));
          element.append(part.element);
        }
        part.set(compact(total), "since the start", total > 0 ? "warn" : null);
      }
    },
  };
}

/** Filters that the service applies: by actor, message and reason. */
function filterFields(onChange) {
  const titles = { path: "Actor", type: "Message", reason: "Reason" };
  const selects = Object.fromEntries(FILTERS.map((name) => {
    const select = make("select", {}, make("option", { value: "" }, "all"));
    select.addEventListener("change", () => onChange(name, select.value));
    return [name, select];
  }));
  const offer = (select, value) => {
    const values = [...select.options].map((option) => option.value);
    if (values.includes(value)) return;
    const at = values.findIndex((one) => one !== "" && one > value);
    const option = make("option", { value }, value);
    select.insertBefore(option, at < 0 ? null : select.options[at]);
  };
  return {
    element: make(
      "div",
      { class: "letter-filters" },
      ...FILTERS.map((name) => field(titles[name], selects[name])),
    ),
    /** What stands in letters can be chosen. */
    offer(found) {
      for (const letter of found) for (const name of FILTERS) offer(selects[name], letter[name]);
    },
    set(params) {
      for (const name of FILTERS) {
        if (params[name] !== "") offer(selects[name], params[name]);
        if (selects[name].value !== params[name]) selects[name].value = params[name];
      }
    },
  };
}

/** Buttons over the table. */
function actsBar(actions) {
  const check = make("input", {
    type: "checkbox",
    on: { change: () => actions.selectShown(check.checked) },
  });
  const label = make("span", {}, "Select all shown");
  const replay = button("Replay selected…", actions.replay);
  const drop = button("Drop selected…", actions.drop, { tone: "bad" });
  const replayAll = button("Replay all…", actions.replayAll);
  const dropAll = button("Drop all…", actions.dropAll, { tone: "bad" });
  return {
    element: make(
      "div",
      { class: "toolbar letters-acts" },
      make("label", { class: "letters-all" }, check, label),
      replay,
      drop,
      make("span", { class: "letters-gap" }),
      replayAll,
      dropAll,
    ),
    update({ selected, shown, isSearched, isFiltered }) {
      text(label, selected === 0 ? `Select all ${letters(shown)} shown` : `${selected} selected`);
      check.checked = selected > 0 && selected >= shown;
      check.indeterminate = selected > 0 && selected < shown;
      check.disabled = shown === 0;
      for (const one of [replay, drop]) one.hidden = selected === 0;
      // The search is made here, and the service knows nothing of it.
      for (const one of [replayAll, dropAll]) one.hidden = shown === 0 || isSearched;
      text(replayAll, isFiltered ? "Replay all that match…" : "Replay all…");
      text(dropAll, isFiltered ? "Drop all that match…" : "Drop all…");
    },
  };
}
