// The tail of the log: lines as they are written, filtered here.

import { field, make, region, replace, text } from "../lib/dom.js";
import { count, time } from "../lib/format.js";
import { button, emptyNote, problem, state } from "../lib/parts.js";

/** Lines kept and shown: as many as the service keeps. */
const LINES_MAX = 2_000;
const LEVELS = ["debug", "info", "warn", "error"];
const TONES = { debug: "off", info: "busy", warn: "warn", error: "bad" };
const LEVEL_DEFAULT = "debug";
/** Digits of a fraction that are shown. */
const DIGITS = 6;
/** So near to the end counts as the end. */
const END_PX = 24;

export default {
  id: "log",
  title: "Log",
  key: "t",
  topics: ["log"],
  mount(root, ctx) {
    const list = make("ol", {
      class: "log-lines",
      tabindex: "0",
      "aria-label": "Lines of the log",
    });
    const note = emptyNote("Loading…");
    const trouble = make("div");
    const status = make("p", { class: "log-status soft" });
    let lines = [];
    let held = [];
    let lastId = 0;
    let missed = 0;
    let isFollowing = true;
    let isOver = false;
    let isCleared = false;

    const filters = filterBar(ctx, () => redraw());
    const follow = make("button", { type: "button", id: "follow" }, "Pause");
    const show = () => {
      note.hidden = list.children.length > 0;
      text(
        note,
        lines.length === 0
          ? "No lines yet. They appear as actors write to the log."
          : "No line matches the filter.",
      );
      text(
        follow,
        isFollowing ? "Pause" : held.length === 0 ? "Follow" : `Follow: ${count(held.length)} new`,
      );
      const lost = missed === 0 ? "" : `, ${count(missed)} were gone before they could be shown`;
      text(status, `${count(list.children.length)} of ${count(lines.length)} lines${lost}`);
    };
    const toEnd = () => {
      list.scrollTop = list.scrollHeight;
    };
    const redraw = () => {
      replace(list, lines.filter(filters.matches).map((line) => lineOf(line, ctx)));
      show();
      toEnd();
    };
    const append = (fresh) => {
      lines = [...lines, ...fresh].slice(-LINES_MAX);
      list.append(...fresh.filter(filters.matches).map((line) => lineOf(line, ctx)));
      while (list.children.length > LINES_MAX) list.firstElementChild.remove();
      toEnd();
    };
    const take = (given) => {
      const fresh = given.filter(({ id }) => id > lastId);
      if (fresh.length === 0) return;
      lastId = fresh.at(-1).id;
      if (isFollowing) append(fresh);
      else held = [...held, ...fresh].slice(-LINES_MAX);
      show();
    };
    const setFollowing = (is) => {
      isFollowing = is;
      if (is) {
        append(held);
        held = [];
      }
      show();
    };
    /** Asks for all that is kept: at first, and when the stream has left out lines. */
    const load = async () => {
      try {
        const page = await ctx.ask(`/api/log?limit=${LINES_MAX}`);
        if (isOver) return;
        replace(trouble);
        const [first] = [...lines, ...held];
        const before = page.lines.filter(({ id }) => id < (first?.id ?? 0));
        if (before.length > 0 && !isCleared) {
          lines = [...before, ...lines].slice(-LINES_MAX);
          redraw();
        }
        take(page.lines);
        show();
      } catch (error) {
        if (!isOver) replace(trouble, problem(`Cannot show the log: ${error.message}`));
      }
    };
    follow.addEventListener("click", () => setFollowing(!isFollowing));
    list.addEventListener("scroll", () => {
      const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < END_PX;
      if (!isAtEnd && isFollowing && list.matches(":hover, :focus")) setFollowing(false);
    });
    filters.element.append(
      follow,
      button("Clear", () => {
        lines = [];
        held = [];
        isCleared = true;
        redraw();
      }),
      button("Copy", async () => {
        const shown = lines.filter(filters.matches).map(textOf).join("\n");
        ctx.notify(await copied(shown) ? "Copied" : "The browser did not allow copying", "ok");
      }),
    );
    const panel = region("Lines", filters.element, trouble, note, list, status);
    panel.firstElementChild.className = "visually-hidden";
    root.append(panel);
    load();
    return {
      frame(_topic, data) {
        missed += data.missed;
        const [first] = data.lines;
        // A stream that begins again sends the last lines only.
        if (lastId > 0 && first !== undefined && first.id > lastId + 1) load();
        else take(data.lines);
      },
      params(params) {
        filters.read(params);
        redraw();
      },
      unmount() {
        isOver = true;
      },
    };
  },
};

function filterBar(ctx, onChange) {
  const level = make(
    "select",
    {},
    ...LEVELS.map((word) => make("option", { value: word }, levelText(word))),
  );
  const path = make("input", { size: "22", placeholder: "core/store", spellcheck: "false" });
  const search = make("input", { type: "search", placeholder: "Message or field" });
  const element = make(
    "div",
    { class: "toolbar", role: "search", "aria-label": "Filter lines" },
    field("Level", level),
    field("Actor, and all below it", path),
    field("Search", search),
  );
  const read = (params) => {
    const given = params.get("level");
    level.value = LEVELS.includes(given) ? given : LEVEL_DEFAULT;
    path.value = params.get("path") ?? "";
    search.value = params.get("q") ?? "";
  };
  read(ctx.params);
  element.addEventListener("input", () => {
    const word = level.value === LEVEL_DEFAULT ? null : level.value;
    ctx.setParams({ level: word, path: path.value, q: search.value });
    onChange();
  });
  return {
    element,
    read,
    matches(line) {
      if (LEVELS.indexOf(line.level) < LEVELS.indexOf(level.value)) return false;
      const wantedPath = trimmed(path.value);
      if (wantedPath !== "" && !isBelow(trimmed(line.path), wantedPath)) return false;
      const words = search.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
      if (words.length === 0) return true;
      const where = `${line.message} ${fieldsOf(line.fields)}`.toLowerCase();
      return words.every((word) => where.includes(word));
    },
  };
}

/** Which lines a level lets through; those below what the service keeps are nowhere. */
function levelText(word) {
  if (word === LEVEL_DEFAULT) return "all";
  return word === "error" ? word : `${word} and worse`;
}

const trimmed = (path) => path.trim().replace(/^\/+|\/+$/g, "");

/** Whether a path is `wanted` or below it; the root's name may be left out. */
function isBelow(path, wanted) {
  const covers = (one) => one === wanted || one.startsWith(`${wanted}/`);
  return covers(path) || covers(path.slice(path.indexOf("/") + 1));
}

function lineOf({ id, at, level, path, message, fields }, ctx) {
  const more = fieldsOf(fields);
  return make(
    "li",
    { "data-level": level, "data-id": id },
    make("time", { datetime: new Date(at).toISOString() }, time(at, ctx.now())),
    state(level, TONES[level]),
    // A long path is broken between its parts.
    make(
      "span",
      { class: "log-path soft" },
      path.replace(/^\/[^/]+\//, "").split(/(?<=\/)/).map((part) => [part, make("wbr")]),
    ),
    make(
      "span",
      { class: "log-message" },
      message,
      more === "" ? null : make("span", { class: "log-fields soft" }, ` ${more}`),
    ),
  );
}

function fieldsOf(fields) {
  if (fields === null || fields === undefined) return "";
  if (typeof fields !== "object" || Array.isArray(fields)) return JSON.stringify(fields, rounded);
  return Object.entries(fields)
    .map(([name, value]) =>
      `${name}=${typeof value === "string" ? value : JSON.stringify(value, rounded)}`
    )
    .join(" ");
}

/** Of a fraction the digits that people read. */
function rounded(_name, value) {
  const isFraction = typeof value === "number" && !Number.isInteger(value);
  return isFraction ? Number(value.toPrecision(DIGITS)) : value;
}

function textOf({ at, level, path, message, fields }) {
  const more = fieldsOf(fields);
  const head = `${new Date(at).toISOString()} ${level.padEnd(5)} ${path} ${message}`;
  return more === "" ? head : `${head} ${more}`;
}

/** Puts a text on the clipboard; without the clipboard's interface by a selection. */
async function copied(string) {
  try {
    await navigator.clipboard.writeText(string);
    return true;
  } catch {
    const box = make("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    box.value = string;
    const before = document.activeElement;
    document.body.append(box);
    box.select();
    const isDone = document.execCommand("copy");
    box.remove();
    before?.focus();
    return isDone;
  }
}
