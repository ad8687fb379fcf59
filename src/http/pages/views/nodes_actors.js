// One node, chosen among all: how its parts are, and its actors as they are over there.

import { make, newId, replace, text } from "../lib/dom.js";
import { emptyNote, problem, setState, state } from "../lib/parts.js";
import { detailPanel } from "./actors_detail.js";
import { treePanel } from "./actors_tree.js";
import { flattened } from "./actors_words.js";
import { follow } from "./facts.js";

/** Every question goes to the other node and back. */
const EVERY_MS = 2_000;

/** The panel of a node: `{ element, heading, poke(isAlive), select(path), close() }`. */
export function nodePanel(ctx, node, { onSelect, onClose }) {
  const base = `/api/nodes/${encodeURIComponent(node)}`;
  const there = ctxOf(ctx, base);
  const id = newId("node");
  const heading = make("h2", { id, tabindex: "-1" }, `Actors of ${node}`);
  const badge = state("asking", "busy");
  const about = make("span", { class: "soft" });
  const trouble = make("div");
  const waiting = emptyNote("Asking the node…");
  const tree = treePanel({ onSelect: (path) => onSelect(path), now: () => ctx.now() });
  const aside = make("div", { class: "actors-aside", hidden: true });
  const body = make(
    "div",
    { class: "actors-body", hidden: true },
    make("div", { class: "actors-main" }, tree.element),
    aside,
  );
  const close = make("button", {
    type: "button",
    class: "detail-close",
    "aria-label": `Close the actors of ${node}`,
    on: { click: onClose },
  }, "×");
  const element = make(
    "section",
    { class: "panel node-panel view-actors", "aria-labelledby": id },
    make("div", { class: "detail-head" }, heading, close),
    make("p", { class: "detail-state" }, badge, about),
    trouble,
    waiting,
    body,
  );
  let detail = null;
  let entries = [];

  const fail = (error) => {
    setState(badge, "no answer", "bad");
    // What was there can still be read.
    text(about, entries.length === 0 ? "" : "what is shown is of before");
    const said = `Cannot ask ${node}: ${error.message}`;
    if (trouble.textContent !== said) replace(trouble, problem(said));
    waiting.hidden = true;
  };
  const actors = follow(ctx, {
    path: () => `${base}/actors`,
    everyMs: EVERY_MS,
    take(root) {
      entries = flattened(root);
      waiting.hidden = true;
      body.hidden = false;
      replace(trouble);
      tree.update(root);
      showDetail();
    },
    fail,
  });
  const health = follow(ctx, {
    path: () => `${base}/health`,
    everyMs: EVERY_MS,
    take({ state: word, score, parts, version }) {
      const bad = parts.filter((part) => part.state !== "ok").map(({ name }) => name);
      const points = score?.score ?? null;
      // As the header says it of this one.
      setState(badge, points === null ? word : score.state);
      text(
        about,
        [
          `version ${version}`,
          points === null ? null : `score ${Math.round(points)}`,
          bad.length === 0 ? "every part answers" : `not well: ${bad.join(", ")}`,
        ].filter((part) => part !== null).join(" · "),
      );
    },
    fail: () => {},
  });
  const showDetail = () => {
    if (detail === null || entries.length === 0) return;
    detail.update(entries.find((entry) => entry.node.path === detail.path) ?? null);
  };
  /** Nobody answers for one that is not among the living. */
  const poke = (isAlive) => {
    if (!isAlive) return fail(new Error("it is not among the living nodes"));
    actors.poke();
    health.poke();
  };
  poke(true);
  return {
    element,
    heading,
    poke,
    /** Opens the detail of one of its actors; null closes it. */
    select(path, { isAsked = false } = {}) {
      tree.select(path);
      if (path !== (detail?.path ?? null)) {
        detail = path === null ? null : {
          path,
          ...detailPanel(there, path, {
            onSelect,
            onClose: () => onSelect(null),
            hasPast: false,
          }),
        };
        replace(aside, detail?.element ?? null);
        aside.hidden = path === null;
        body.classList.toggle("has-detail", path !== null);
      }
      showDetail();
      if (isAsked) (detail?.heading ?? heading).focus();
    },
    close() {
      actors.close();
      health.close();
    },
  };
}

/** What the views of actors ask, asked of the other node. */
function ctxOf(ctx, base) {
  return {
    ...ctx,
    get mayAct() {
      return ctx.mayAct;
    },
    ask: (path, options) => ctx.ask(path.replace(/^\/api(?=\/actors\/)/, base), options),
  };
}
