// What the cache knows of one key, as a list.

import { field, make, replace, text } from "../lib/dom.js";
import { bytes, count, duration, time } from "../lib/format.js";
import { button, problem, state } from "../lib/parts.js";
import { facts } from "./facts.js";

/** The form and its answer: `{ element, show(key) }`. */
export function keyExplainer(ctx) {
  const input = make("input", {
    type: "search",
    name: "key",
    placeholder: "price:AAPL",
    maxlength: "512",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });
  const list = facts();
  const answer = make("div", { class: "key-answer", "aria-live": "polite" });
  let asked = "";
  const explain = async (key) => {
    asked = key;
    try {
      const found = await ctx.ask(`/api/cache/keys/${encodeURIComponent(key)}`);
      if (asked !== key) return;
      list.set(keyFacts(found));
      if (answer.firstChild !== list.element) replace(answer, list.element);
    } catch (error) {
      if (asked === key) replace(answer, problem(error.message));
    }
  };
  const form = make(
    "form",
    { class: "toolbar", on: { submit } },
    field("Key", input),
    make("button", { "data-tone": "primary" }, "Explain"),
  );
  function submit(event) {
    event.preventDefault();
    const key = input.value.trim();
    ctx.setParams({ ...Object.fromEntries(ctx.params), key });
    return explain(key);
  }
  const again = button("Ask again", () => explain(asked), { hidden: true });
  form.append(again);
  return {
    element: make(
      "div",
      {},
      make("p", { class: "soft" }, "State, age, time left, and why a key is not there."),
      form,
      answer,
    ),
    show(key) {
      again.hidden = key === "";
      if (key === "" || key === asked) return;
      input.value = key;
      explain(key);
    },
  };
}

const TIERS = { l1: "first tier", l2: "second tier", upstream: "upstream" };

function keyFacts(found) {
  const isThere = found.tier !== null;
  const span = (ms) => ms === null ? null : duration(ms);
  const place = [
    TIERS[found.tier],
    `shard ${found.shard}`,
    found.segment && `segment ${found.segment}`,
  ];
  return [
    ["Key", make("code", {}, found.key)],
    ["State", stateOf(found)],
    ["Where", place.filter(Boolean).join(", ")],
    ["Age", span(found.ageMs)],
    ["Stale in", isThere ? span(found.softLeftMs) ?? "never" : null],
    ["Gone in", isThere ? span(found.hardLeftMs) ?? "never" : null],
    ["Size", found.weightBytes === null ? null : bytes(found.weightBytes)],
    ["Reads", found.reads === null ? null : count(found.reads)],
    ["Put in by", found.origin],
    ["As of", found.seq === null ? null : `commit ${count(found.seq)}`],
    ["Protected", found.isProtected ? "yes" : null],
    ["Load", found.isInflight ? "under way" : null],
    ["Tags", listed(found.tags)],
    ["Made of", listed(found.dependsOn.map(dependencyText))],
    ["Dependents", listed(found.dependents)],
  ];
}

const TONES = { fresh: "good", stale: "warn", failed: "bad", inflight: "busy" };

function stateOf({ state: word, lastRemoval }) {
  const badge = state(word, TONES[word] ?? "off");
  if (word === "fresh" || word === "stale") return badge;
  if (lastRemoval === null && word !== "absent") return badge;
  const why = lastRemoval === null
    ? "it was never there, or left too long ago"
    : `${lastRemoval.cause} ${duration(lastRemoval.agoMs)} ago`;
  return make("span", {}, badge, ` ${why}`);
}

function listed(parts) {
  return parts.length === 0 ? null : text(make("span", { class: "listed" }), parts.join(", "));
}

function dependencyText(one) {
  if (one.kind === "key") return one.key;
  if (one.kind === "levels") return `levels ${one.instrument}`;
  const from = one.from === null ? "" : ` from ${time(one.from)}`;
  const to = one.to === null ? "" : ` to ${time(one.to)}`;
  return `candles ${one.series}${from}${to}`;
}
