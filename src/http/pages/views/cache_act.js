// What may be done to the cache: ending entries, and keeping keys from being evicted.

import { attribute, field, make, replace, text } from "../lib/dom.js";
import { button } from "../lib/parts.js";
import { attempt, countOf } from "./facts.js";

const TEXT_CHARS_MAX = 512;

/** By what entries are ended: how it is asked for, and what it means. */
const WAYS = {
  key: {
    label: "Key",
    example: "price:AAPL",
    body: (given) => ({ keys: [given] }),
    means: (given) => `the entry of ${given}`,
  },
  pattern: {
    label: "Pattern of keys",
    example: "price:*",
    body: (given) => ({ patterns: [given] }),
    means: (given) => `every entry whose key matches ${given}`,
  },
  tag: {
    label: "Tag",
    example: "earnings",
    body: (given) => ({ tags: [given] }),
    means: (given) => `every entry with the tag ${given}`,
  },
  all: {
    label: "Everything",
    example: "",
    body: () => ({ all: true }),
    means: () => "every entry of the cache, in every tier",
  },
};

/** `{ invalidation, protection: { element, set(patterns) } }`; `done` is told of what was done. */
export function cacheActions(ctx, done) {
  return { invalidation: invalidation(ctx, done), protection: protection(ctx, done) };
}

function invalidation(ctx, done) {
  const way = make(
    "select",
    { name: "by" },
    ...Object.entries(WAYS).map(([value, { label }]) => make("option", { value }, label)),
  );
  const given = textInput("which", WAYS.key.example);
  const label = field(WAYS.key.label, given);
  way.addEventListener("change", () => {
    const { label: name, example } = WAYS[way.value];
    label.hidden = way.value === "all";
    given.disabled = way.value === "all";
    text(label.firstChild, name);
    attribute(given, "placeholder", example);
  });
  return make(
    "form",
    {
      class: "toolbar",
      on: {
        submit: async (event) => {
          event.preventDefault();
          const { body, means } = WAYS[way.value];
          const which = given.value.trim();
          const isMeant = await ctx.confirm({
            title: "Invalidate entries",
            text: `This ends ${means(which)}, and what was made of them. ` +
              "They are loaded again when they are asked for.",
            action: "Invalidate",
          });
          if (!isMeant) return;
          await attempt(ctx, async () => {
            const { removed } = await ctx.ask("/api/cache/invalidate", {
              method: "POST",
              json: body(which),
            });
            ctx.notify(`${countOf(removed, "entry", "entries")} ended`);
            done();
          });
        },
      },
    },
    field("By", way),
    label,
    make("button", { "data-tone": "bad" }, "Invalidate"),
  );
}

function protection(ctx, done) {
  const given = textInput("pattern", "profile:*");
  const list = make("ul", { class: "patterns" });
  let shown = null;
  const set = (patterns) => {
    const now = patterns.join("\n");
    if (now === shown) return;
    shown = now;
    list.hidden = patterns.length === 0;
    replace(
      list,
      ...patterns.map((pattern) => make("li", {}, make("code", {}, pattern), undo(pattern))),
    );
  };
  const change = (verb, pattern, said) =>
    attempt(ctx, async () => {
      const { patterns } = await ctx.ask(`/api/cache/${verb}`, {
        method: "POST",
        json: { pattern },
      });
      set(patterns);
      ctx.notify(said);
      done();
      return true;
    });
  const undo = (pattern) =>
    button(
      "Unprotect",
      () => change("unprotect", pattern, `${pattern} is no longer protected`),
      { "aria-label": `Unprotect ${pattern}` },
    );
  const submit = async (event) => {
    event.preventDefault();
    const pattern = given.value.trim();
    if (await change("protect", pattern, `${pattern} is protected`) === true) given.value = "";
  };
  const form = make(
    "form",
    { class: "toolbar", on: { submit } },
    field("Pattern of keys", given),
    make("button", {}, "Protect"),
  );
  return { element: make("div", {}, list, form), set };
}

function textInput(name, placeholder) {
  return make("input", {
    type: "text",
    name,
    placeholder,
    maxlength: String(TEXT_CHARS_MAX),
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });
}
