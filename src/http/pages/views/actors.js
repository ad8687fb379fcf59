// The actors: the supervision tree, a table of all of them, and the detail of one.

import { field, make, replace, text } from "../lib/dom.js";
import { compact, count } from "../lib/format.js";
import { emptyNote, figure } from "../lib/parts.js";
import { detailPanel } from "./actors_detail.js";
import { actorTable } from "./actors_table.js";
import { treePanel } from "./actors_tree.js";
import { flattened, isRecent } from "./actors_words.js";

/** Marks of restarts end by themselves, whether or not news come. */
const MARK_EVERY_MS = 1_000;
const PARAMS = ["q", "sort", "desc", "path"];

export default {
  id: "actors",
  title: "Actors",
  key: "a",
  topics: ["actors"],
  mount(root, ctx) {
    const view = new ActorsView(root, ctx);
    return {
      frame: (_topic, tree) => view.update(tree),
      params: (params) => view.take(params),
      unmount: () => view.end(),
    };
  },
};

class ActorsView {
  #ctx;
  #entries = [];
  #params = {};
  #search = make("input", { type: "search", placeholder: "Path, state or error" });
  #status = make("span", { class: "visually-hidden", role: "status" });
  #figures = summary();
  #tree;
  #table;
  #detail = null;
  #aside = make("div", { class: "actors-aside", hidden: true });
  #body;
  #timer;

  constructor(root, ctx) {
    this.#ctx = ctx;
    const now = () => ctx.now();
    const onSelect = (path) => this.#select(path, { isAsked: true });
    this.#tree = treePanel({ onSelect, now });
    this.#table = actorTable({
      onSelect,
      now,
      onSort: (sort, isDescending) => this.#change({ sort, desc: isDescending ? "1" : "" }),
    });
    this.#search.addEventListener("input", () => {
      this.#change({ q: this.#search.value });
      this.#find();
    });
    this.#body = make(
      "div",
      { class: "actors-body", hidden: true },
      make("div", { class: "actors-main" }, this.#tree.element, this.#table.element),
      this.#aside,
    );
    root.append(
      this.#figures.element,
      make(
        "div",
        { class: "toolbar" },
        field("Search", this.#search),
        this.#status,
      ),
      make("div", { class: "actors-loading" }, emptyNote("Loading the tree…")),
      this.#body,
    );
    this.take(ctx.params);
    this.#timer = setInterval(() => this.#tree.mark(), MARK_EVERY_MS);
  }

  end() {
    clearInterval(this.#timer);
  }

  /** The place in the hash says what is searched, sorted and selected. */
  take(params) {
    this.#params = Object.fromEntries(PARAMS.map((name) => [name, params.get(name) ?? ""]));
    const { q, sort, desc, path } = this.#params;
    if (this.#search.value !== q) this.#search.value = q;
    this.#find();
    if (sort !== "") this.#table.setSort(sort, desc !== "");
    this.#select(path === "" ? null : path);
  }

  update(tree) {
    this.#entries = flattened(tree);
    if (this.#body.hidden) {
      this.#body.hidden = false;
      this.#body.previousElementSibling.remove();
    }
    this.#figures.update(this.#entries, this.#ctx.now());
    this.#tree.update(tree);
    this.#table.update(this.#entries);
    this.#showDetail();
  }

  #change(params) {
    this.#params = { ...this.#params, ...params };
    this.#ctx.setParams(this.#params);
  }

  #find() {
    this.#tree.setSearch(this.#search.value);
    this.#table.setSearch(this.#search.value);
    const { shown } = this.#table;
    if (this.#search.value !== "") text(this.#status, `${shown} actors found`);
  }

  #select(path, { isAsked = false } = {}) {
    if (isAsked) this.#change({ path: path ?? "" });
    this.#tree.select(path);
    this.#table.select(path);
    if (path !== (this.#detail?.path ?? null)) this.#open(path);
    if (isAsked && path !== null) this.#detail.heading.focus();
  }

  #open(path) {
    const before = document.activeElement;
    this.#detail = path === null ? null : {
      path,
      ...detailPanel(this.#ctx, path, {
        onSelect: (other) => this.#select(other, { isAsked: true }),
        onClose: () => this.#close(path),
      }),
    };
    replace(this.#aside, this.#detail?.element ?? null);
    this.#aside.hidden = path === null;
    this.#body.classList.toggle("has-detail", path !== null);
    if (this.#entries.length > 0) this.#showDetail();
    if (path === null && !before.isConnected) this.#search.focus();
  }

  /** Focus goes back to where the node is shown. */
  #close(path) {
    this.#select(null, { isAsked: true });
    const place = this.#body.querySelector(`[data-path="${CSS.escape(path)}"] .row-link`);
    (place ?? this.#search).focus();
  }

  #showDetail() {
    if (this.#detail === null) return;
    const entry = this.#entries.find(({ node }) => node.path === this.#detail.path) ?? null;
    this.#detail.update(entry);
  }
}

function namesOf(nodes) {
  const more = nodes.length > 2 ? ` and ${nodes.length - 2} more` : "";
  return nodes.slice(0, 2).map(({ name }) => name).join(", ") + more;
}

/** The tree in a few figures. */
function summary() {
  const parts = {
    actors: figure("Actors"),
    unsettled: figure("Not running"),
    recent: figure("Just restarted"),
    rate: figure("Messages a second"),
    waiting: figure("Waiting in mailboxes"),
    dead: figure("Messages not handled"),
  };
  const element = make(
    "div",
    { class: "figures" },
    ...Object.values(parts).map((part) => part.element),
  );
  return {
    element,
    update(entries, nowMs) {
      const nodes = entries.map(({ node }) => node);
      const actors = nodes.filter(({ mailbox }) => mailbox !== null);
      const sum = (value) => actors.reduce((total, { mailbox }) => total + value(mailbox), 0);
      const threads = nodes.filter(({ kind }) => kind === "thread").length;
      const unsettled = nodes.filter((node) => node.state !== "running");
      const recent = nodes.filter((node) => isRecent(node, nowMs));
      const supervisors = nodes.length - actors.length;
      parts.actors.set(count(actors.length), `${threads} in threads, ${supervisors} supervisors`);
      parts.unsettled.set(
        count(unsettled.length),
        unsettled.length === 0 ? "" : namesOf(unsettled),
        unsettled.length > 0 ? "warn" : null,
      );
      parts.recent.set(
        count(recent.length),
        recent.length === 0 ? "in the last 10 s" : namesOf(recent),
        recent.length > 0 ? "warn" : null,
      );
      parts.rate.set(compact(Math.round(sum((mailbox) => mailbox.ratePerSecond))));
      parts.waiting.set(compact(sum((mailbox) => mailbox.depth)));
      parts.dead.set(compact(sum((mailbox) => mailbox.deadLettered)), "since the start");
    },
  };
}
