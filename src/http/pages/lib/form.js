// A form made from a JSON Schema. What it does not know is asked for as JSON.

import { attribute, make, newId, replace, text } from "./dom.js";
import { hintOf, optionName, readJson, readNumber, readText, resolve, shapeOf } from "./schema.js";

/** Schemas may refer to themselves: deeper than this, JSON is asked for. */
const DEPTH_MAX = 6;

/** Values that are not as the schema says: `fields` holds their paths and what is wrong. */
export class FormProblem extends Error {
  name = "FormProblem";

  constructor(fields) {
    super(fields.map(({ path, message }) => `${path || "value"}: ${message}`).join("; "));
    this.fields = fields;
  }
}

/** A form: `element`, and `value()`, which throws a {@linkcode FormProblem} and shows it. */
export function schemaForm(schema, initial) {
  const editor = editorOf(schema, { root: schema, path: "", depth: 0 }, initial);
  return {
    element: make("div", { class: "schema-form" }, editor.element),
    value() {
      const problems = [];
      const value = editor.read(problems);
      if (problems.length === 0) return value ?? {};
      problems[0].focus?.();
      throw new FormProblem(problems.map(({ path, message }) => ({ path, message })));
    },
  };
}

// Editors: `{ element, read(problems) }`; read gives undefined for what is left out.

function editorOf(given, at, initial) {
  const shape = at.depth > DEPTH_MAX ? { kind: "json", schema: {} } : shapeOf(given, at.root);
  const start = initial === undefined ? shape.schema.default : initial;
  const build = EDITORS[shape.kind] ?? jsonEditor;
  return shape.nullable === true
    ? optionalEditor("set", null, (value) => build(shape, at, value), start)
    : build(shape, at, start);
}

const EDITORS = {
  const: ({ schema }) => ({
    element: make("code", {}, JSON.stringify(schema.const)),
    read: () => schema.const,
  }),
  null: () => ({ element: make("code", {}, "null"), read: () => null }),
  boolean: booleanEditor,
  choice: choiceEditor,
  text: (shape, at, start) => inputEditor(shape, at, start, readText, { type: "text" }),
  number: (shape, at, start) =>
    inputEditor(shape, at, start, readNumber, { type: "text", inputmode: "decimal" }),
  list: listEditor,
  object: objectEditor,
  union: unionEditor,
};

function inputEditor({ schema }, at, start, read, attributes) {
  const input = make("input", { ...attributes, autocomplete: "off", value: start ?? null });
  return checked(input, schema, at, () => read(input.value, schema));
}

function jsonEditor({ schema }, at, start) {
  const input = make("textarea", { rows: "4", spellcheck: "false", placeholder: "JSON" });
  if (start !== undefined) input.value = JSON.stringify(start, null, 2);
  return checked(input, schema, at, () => readJson(input.value));
}

function choiceEditor({ schema }, at, start) {
  const options = schema.enum.map((value, index) =>
    make("option", { value: String(index), selected: value === start }, String(value))
  );
  const select = make("select", {}, ...options);
  return checked(select, schema, at, () => ({ value: schema.enum[Number(select.value)] }));
}

function booleanEditor(_shape, at, start) {
  const input = make("input", {
    type: "checkbox",
    checked: start === true,
    "aria-label": at.label,
  });
  return { element: input, read: () => input.checked };
}

/** An input with its hint and its error. */
function checked(input, schema, { path, label }, read) {
  const id = newId("form");
  const hint = hintOf(schema);
  const error = make("span", { class: "field-error", id: `${id}-error`, hidden: true });
  attribute(input, "aria-label", label ?? "value");
  attribute(input, "aria-describedby", hint === "" ? `${id}-error` : `${id}-hint ${id}-error`);
  const note = hint === "" ? null : make("span", { class: "field-hint", id: `${id}-hint` }, hint);
  return {
    element: make("span", { class: "form-input" }, input, note, error),
    read(problems) {
      const { value, message } = read();
      attribute(input, "aria-invalid", message === undefined ? null : "true");
      error.hidden = message === undefined;
      text(error, message ?? "");
      if (message !== undefined) problems.push({ path, message, focus: () => input.focus() });
      return value;
    },
  };
}

/** A value that may be left out; `absent` is what it is then. */
function optionalEditor(word, absent, build, start) {
  const isSet = start !== undefined && start !== null;
  const box = make("span", { class: "form-optional" });
  const check = make("input", { type: "checkbox", checked: isSet, on: { change: show } });
  const inner = make("span", { class: "form-inner" });
  let editor = null;
  function show() {
    if (check.checked) editor ??= build(start ?? undefined);
    replace(inner, check.checked ? editor.element : null);
  }
  box.append(make("label", { class: "form-check" }, check, word), inner);
  show();
  return { element: box, read: (problems) => check.checked ? editor.read(problems) : absent };
}

function objectEditor({ schema }, at, start) {
  const required = new Set(schema.required ?? []);
  const editors = Object.entries(schema.properties).map(([name, property]) => {
    const path = at.path === "" ? name : `${at.path}.${name}`;
    const below = { ...at, path, label: name, depth: at.depth + 1 };
    const initial = start?.[name];
    const isOptional = !required.has(name) && resolve(property, at.root)?.default === undefined;
    const editor = isOptional
      ? optionalEditor("set", undefined, (value) => editorOf(property, below, value), initial)
      : editorOf(property, below, initial);
    return { name, editor };
  });
  const rows = editors.map(({ name, editor }) =>
    make(
      "div",
      { class: "form-row" },
      make("span", { class: "field-label" }, name),
      editor.element,
    )
  );
  const legend = at.label === undefined
    ? null
    : make("legend", { class: "visually-hidden" }, at.label);
  return {
    element: rows.length === 0
      ? make("p", { class: "soft" }, "No fields")
      : make("fieldset", { class: "form-object" }, legend, ...rows),
    read(problems) {
      const entries = editors.map(({ name, editor }) => [name, editor.read(problems)]);
      return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    },
  };
}

function listEditor({ schema }, at, start) {
  const max = schema.maxItems ?? 1_000;
  const items = [];
  const list = make("div", { class: "form-list" });
  const add = (initial) => {
    if (items.length >= max) return;
    const place = {
      ...at,
      path: `${at.path}[${items.length}]`,
      label: `${at.label ?? "item"} item`,
    };
    const editor = editorOf(schema.items, { ...place, depth: at.depth + 1 }, initial);
    const drop = make("button", { type: "button", "aria-label": "Remove this item" }, "Remove");
    const row = make("div", { class: "form-item" }, editor.element, drop);
    const item = { editor };
    drop.addEventListener("click", () => {
      items.splice(items.indexOf(item), 1);
      row.remove();
    });
    items.push(item);
    list.append(row);
  };
  const least = schema.minItems ?? 0;
  const initial = Array.isArray(start) ? start : Array.from({ length: least });
  initial.forEach((value) => add(value));
  const more = make("button", { type: "button", on: { click: () => add() } }, "Add an item");
  return {
    element: make("div", { class: "form-list-box" }, list, more),
    read(problems) {
      if (items.length < least) {
        problems.push({
          path: at.path,
          message: `at least ${least} items`,
          focus: () => more.focus(),
        });
      }
      return items.map(({ editor }) => editor.read(problems));
    },
  };
}

function unionEditor({ options }, at, start) {
  const select = make("select", { "aria-label": `Kind of ${at.label ?? "value"}` });
  options.forEach((option, index) =>
    select.append(make("option", { value: String(index) }, optionName(option, index, at.root)))
  );
  const inner = make("div", { class: "form-inner" });
  let editor = null;
  const show = () => {
    editor = editorOf(options[Number(select.value)], { ...at, depth: at.depth + 1 }, start);
    replace(inner, editor.element);
  };
  select.addEventListener("change", show);
  show();
  return {
    element: make("div", { class: "form-union" }, select, inner),
    read: (problems) => editor.read(problems),
  };
}
