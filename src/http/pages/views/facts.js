// What views about data share: lists of facts, progress, numbers in words, and asking now and then.

import { make, text } from "../lib/dom.js";
import { count, DASH } from "../lib/format.js";

/** Digits of a score that are shown. */
const DIGITS = 6;

/** A list of facts: `{ element, set(rows) }`, rows `[name, text or node]`; null leaves one out. */
export function facts() {
  const element = make("dl", { class: "facts" });
  const lines = new Map();
  const lineOf = (name) => {
    let line = lines.get(name);
    if (line === undefined) {
      const value = make("dd");
      line = { element: make("div", {}, make("dt", {}, name), value), value };
      lines.set(name, line);
    }
    return line;
  };
  return {
    element,
    set(rows) {
      const known = rows.filter(([, value]) => value !== null && value !== undefined);
      const wanted = known.map(([name, value]) => {
        const line = lineOf(name);
        setValue(line.value, value);
        return line.element;
      });
      for (const [name, line] of lines) {
        if (!wanted.includes(line.element)) lines.delete(name);
      }
      const isSame = wanted.length === element.children.length &&
        wanted.every((one, at) => one === element.children[at]);
      if (!isSame) element.replaceChildren(...wanted);
    },
  };
}

function setValue(place, value) {
  if (!(value instanceof Node)) return void text(place, value);
  const [only] = place.childNodes;
  if (place.childNodes.length === 1 && (only === value || only.isEqualNode(value))) return;
  place.replaceChildren(value);
}

/** How far something is: a bar beside its text. */
export function progressBar(share, label, tone = "good") {
  const fill = make("span", { class: "bar-fill" });
  fill.style.width = `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`;
  return make(
    "span",
    { class: "bar", "data-tone": tone },
    make("span", { class: "bar-track", "aria-hidden": "true" }, fill),
    make("span", { class: "bar-text" }, label),
  );
}

/** "1 edge", "12 edges". */
export function countOf(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A score with six digits that count. */
export function score(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(DIGITS))) : DASH;
}

/** A name of the service as people write it. */
export function words(name) {
  return String(name).replaceAll("_", " ");
}

/** Does something, and says it when that failed; null then. */
export async function attempt(ctx, action) {
  try {
    return await action();
  } catch (error) {
    ctx.notify(error.message, "bad");
    return null;
  }
}

/**
 * Asks for something when it is poked, at most every `everyMs`, the last time after the last poke.
 * `path()` says where; null = nothing now. `take(data)` and `fail(error)` get what came.
 */
export function follow(ctx, { path, everyMs, take, fail }) {
  let lastMs = -Infinity;
  let timer = null;
  let isUnderWay = false;
  let isWanted = false;
  let isClosed = false;
  const poke = () => {
    if (isClosed || timer !== null) return;
    if (isUnderWay) {
      isWanted = true;
      return;
    }
    timer = setTimeout(run, Math.max(0, lastMs + everyMs - performance.now()));
  };
  const run = async () => {
    timer = null;
    const at = path();
    if (at === null) return;
    isUnderWay = true;
    lastMs = performance.now();
    try {
      const data = await ctx.ask(at);
      // Meanwhile something else may be wanted.
      if (!isClosed && at === path()) take(data);
    } catch (error) {
      if (!isClosed && at === path()) fail(error);
    } finally {
      isUnderWay = false;
      if (isWanted) {
        isWanted = false;
        poke();
      }
    }
  };
  return {
    poke,
    /** Asks at once, whenever it was asked last. */
    now() {
      lastMs = -Infinity;
      clearTimeout(timer);
      timer = null;
      poke();
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
