// The past of an actor: what was restarted, ended or gave up, on whose account, with what error.

import { make, replace, text } from "../lib/dom.js";
import { duration, time } from "../lib/format.js";
import { problem, state } from "../lib/parts.js";
import { causeWords, eventWords, shortPath } from "./actors_words.js";

/** Lines asked for: what is kept of one path, and as much of a subtree. */
const LIMIT = 32;

/** The timeline of one node: `{ element, update(node) }`; it is asked for when the node changed. */
export function restartTimeline(ctx, path, onSelect) {
  const list = make("ol", { class: "timeline" });
  const note = make("p", { class: "soft" }, "Loading…");
  const trouble = make("div");
  const element = make("div", {}, trouble, note, list);
  let asked = null;
  let isAsking = false;
  let isUnsettled = false;

  const show = ({ restarts }, isSupervisor) => {
    isUnsettled = restarts.some(({ outcome }) => outcome === "under_way");
    const reach = isSupervisor ? "Neither it nor what is below it" : "It";
    text(note, restarts.length > 0 ? "" : `${reach} was ${isSupervisor ? "" : "never "}restarted`);
    note.hidden = restarts.length > 0;
    const lines = restarts.map((record) => lineOf(record, path, ctx.now(), onSelect));
    const isSame = lines.length === list.children.length &&
      lines.every((line, at) => line.isEqualNode(list.children[at]));
    if (!isSame) replace(list, lines);
  };
  return {
    element,
    async update(node) {
      const key = signatureOf(node);
      if (isAsking || (key === asked && !isUnsettled)) return;
      isAsking = true;
      const isSupervisor = node.supervisor !== null;
      const below = isSupervisor ? "&below=true" : "";
      try {
        const query = `path=${encodeURIComponent(path)}&limit=${LIMIT}${below}`;
        show(await ctx.ask(`/api/restarts?${query}`), isSupervisor);
        asked = key;
        replace(trouble);
      } catch (error) {
        replace(trouble, problem(`Cannot show the restarts: ${error.message}`));
      } finally {
        isAsking = false;
      }
    },
  };
}

/** Changes when anything of the node or below it was restarted, ended or gave up. */
function signatureOf({ state: word, incarnation, restartedAt, supervisor, children }) {
  const own = `${word[0]}${incarnation}.${restartedAt ?? 0}.${supervisor?.gaveUp ?? ""}`;
  return children.length === 0 ? own : `${own}(${children.map(signatureOf).join()})`;
}

function lineOf(record, path, nowMs, onSelect) {
  const { word, tone } = eventWords(record);
  const { incarnation, event, outcome, tookMs, error, by } = record;
  const facts = [`incarnation ${incarnation}${event === "restarted" ? " ended" : ""}`];
  if (outcome === "up") facts.push(`up after ${duration(tookMs)}`);
  return make(
    "li",
    { class: "timeline-line" },
    make("time", { datetime: new Date(record.at).toISOString() }, time(record.at, nowMs)),
    make(
      "div",
      {},
      make(
        "p",
        {},
        state(word, tone),
        " ",
        record.path === path ? null : [pathLink(record.path, onSelect), " "],
        causeWords(record),
        by === null ? null : [" ", pathLink(by, onSelect)],
      ),
      make("p", { class: "soft" }, facts.join(" · ")),
      error === null ? null : make("pre", { class: "error-text" }, error),
    ),
  );
}

function pathLink(path, onSelect) {
  const link = make("a", { href: `#/actors?path=${encodeURIComponent(path)}` }, shortPath(path));
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onSelect(path);
  });
  return link;
}
