// One dead letter: what it said, to whom, why it was not handled.

import { make, newId, replace } from "../lib/dom.js";
import { ago, bytes, count, time } from "../lib/format.js";
import { button, emptyNote, problem } from "../lib/parts.js";
import { facts } from "./facts.js";
import { reasonBadge, reasonText, replayText } from "./letters_words.js";

/** The letter `id`: `{ element, heading, update(isKept) }`; its payload is asked for once. */
export function letterPanel(ctx, id, { onClose, onReplay, onDrop }) {
  const titleId = newId("letter");
  const heading = make("h2", { id: titleId, tabindex: "-1" }, `Letter #${id}`);
  const place = make("div", {}, emptyNote("Loading…"));
  const gone = make("div");
  const acts = make("div", { class: "toolbar detail-acts" });
  const close = make("button", {
    type: "button",
    class: "detail-close",
    "aria-label": "Close the letter",
    on: { click: onClose },
  }, "×");
  const element = make(
    "section",
    { class: "panel detail", "aria-labelledby": titleId },
    make("div", { class: "detail-head" }, heading, close),
    gone,
    acts,
    place,
  );
  const load = async () => {
    try {
      const letter = await ctx.ask(`/api/dead-letters/${id}`);
      replace(place, contentOf(letter, ctx.now()));
      if (!ctx.mayAct) return;
      replace(
        acts,
        letter.replay === "never" ? null : button("Replay", onReplay),
        button("Drop", onDrop, { tone: "bad" }),
      );
    } catch (error) {
      replace(place, problem(error.message));
    }
  };
  load();
  return {
    element,
    heading,
    /** What was replayed or dropped, here or elsewhere, is still shown, but nothing can be done. */
    left() {
      replace(gone, problem("It has left the list"));
      replace(acts);
    },
  };
}

function contentOf({ at, path, type, reason, error, cause, bytes: size, replay, payload }, nowMs) {
  const list = facts();
  list.set([
    ["Message", type],
    ["To", make("a", { href: `#/actors?path=${encodeURIComponent(path)}` }, path)],
    ["Died", `${time(at, nowMs)} UTC, ${ago(at, nowMs)}`],
    ["Reason", make("span", {}, reasonBadge(reason), ` ${reasonText(reason)}`)],
    ["Cause", cause === null ? "of an earlier run" : `message ${count(cause)} of this run`],
    ["Size", size === null ? null : bytes(size)],
    ["Replay", replayText(replay)],
  ]);
  return [
    list.element,
    error === null ? null : [
      make("h3", {}, "Error"),
      make("pre", { class: "error-text", tabindex: "0", "aria-label": "Error" }, error),
    ],
    make("h3", {}, "Payload"),
    make("pre", { tabindex: "0", "aria-label": "Payload" }, JSON.stringify(payload, null, 2)),
  ];
}
