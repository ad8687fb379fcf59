// The description of the service as a page: every route with its parameters, bodies and answers,
// every shape once, linked.

import { ask, keepToken } from "./lib/ask.js";
import { make } from "./lib/dom.js";

const $ = (id) => document.getElementById(id);

async function show() {
  try {
    const api = await ask("/openapi.json");
    $("about").prepend(`${api.info.title} ${api.info.version}. `);
    $("routes").replaceChildren(...api.tags.flatMap((tag) => groupOf(api, tag.name)));
    $("shapes").replaceChildren(...Object.entries(api.components.schemas).map(shapeOf));
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  } catch (error) {
    $("trouble").hidden = false;
    $("trouble").textContent = error.message;
  }
}

function groupOf(api, tag) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  ).filter(({ operation }) => operation.tags.includes(tag));
  return [make("h2", { id: tag }, tag), ...operations.map(routeOf)];
}

function routeOf({ path, method, operation }) {
  const parts = [
    make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), code(path), " "),
  ];
  parts[0].append(make("span", { class: "soft" }, operation.summary));
  if (operation.description !== undefined) parts.push(...textsOf(operation.description));
  const parameters = operation.parameters ?? [];
  if (parameters.length > 0) parts.push(tableOf(parameters));
  const body = operation.requestBody;
  if (body !== undefined) parts.push(make("h3", {}, "Body"), ...contentOf(body.content));
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (answer.content === undefined) continue;
    parts.push(make("h3", {}, `Answer ${status}`), ...contentOf(answer.content));
  }
  return make("details", {}, ...parts);
}

// Lines that begin with a name in backticks are a list of them.
function textsOf(description) {
  const items = [...description.matchAll(/^- `([^`]+)` (.*)$/gm)];
  if (items.length === 0) return [make("p", {}, description)];
  return [make("ul", {}, ...items.map(([, name, text]) => make("li", {}, code(name), ` ${text}`)))];
}

function tableOf(parameters) {
  const rows = parameters.map((one) =>
    make(
      "tr",
      {},
      make("td", {}, code(one.name)),
      make("td", { class: "soft" }, one.required ? `${one.in}, required` : one.in),
      make("td", {}, briefOf(one.schema)),
      make("td", {}, one.description ?? ""),
    )
  );
  return make("table", { class: "parameters" }, make("tbody", {}, ...rows));
}

// Beyond it a bound is that of the number format.
const BOUND_SHOWN_MAX = 1e15;

/** What a parameter may be, in a few words. */
function briefOf(
  { type, format, enum: words, anyOf, minimum, maximum, exclusiveMinimum, ...more },
) {
  if (anyOf !== undefined) return anyOf.map(briefOf).join(" or ");
  const parts = [words === undefined ? format ?? type : words.join(" | ")];
  const isShown = (bound) => bound !== undefined && Math.abs(bound) < BOUND_SHOWN_MAX;
  if (isShown(minimum)) parts.push(`at least ${minimum}`);
  if (isShown(exclusiveMinimum)) parts.push(`above ${exclusiveMinimum}`);
  if (isShown(maximum)) parts.push(`at most ${maximum}`);
  if (more.maxLength !== undefined) parts.push(`at most ${more.maxLength} characters`);
  if (more.pattern !== undefined && format === undefined) parts.push(more.pattern);
  if (more.default !== undefined) parts.push(`default ${more.default}`);
  return parts.join(", ");
}

function contentOf(content) {
  return Object.entries(content).map(([type, { schema }]) =>
    make("div", {}, make("span", { class: "soft" }, `${type} `), schemaOf(schema))
  );
}

/** A schema: a link to a named shape, or its text with links to those it holds. */
function schemaOf(schema) {
  if (schema.$ref !== undefined) return link(schema.$ref);
  const text = JSON.stringify(schema, null, 2);
  const pre = make("pre", {});
  let at = 0;
  for (const found of text.matchAll(/"\$ref": "(#\/components\/schemas\/[^"]+)"/g)) {
    pre.append(text.slice(at, found.index), link(found[1]));
    at = found.index + found[0].length;
  }
  pre.append(text.slice(at));
  return pre;
}

function link(ref) {
  const name = ref.split("/").at(-1);
  return make("a", { href: `#${name}` }, code(name));
}

function shapeOf([name, schema]) {
  const summary = make("summary", { id: name }, code(name));
  return make("details", {}, summary, schemaOf(schema));
}

function code(text) {
  return make("code", {}, text);
}

document.addEventListener("wick-token", () => {
  $("token").hidden = false;
});
$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(new FormData(event.target).get("token").trim());
  location.reload();
});
globalThis.addEventListener("hashchange", () => {
  const shape = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (shape?.parentElement.tagName === "DETAILS") shape.parentElement.open = true;
});
show();
