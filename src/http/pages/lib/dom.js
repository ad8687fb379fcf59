// Elements: making them, and changing only what changed. Texts from data are always texts, never
// markup.

/**
 * An element. Attributes that are null, undefined or false are left out, true is an empty one;
 * `on` holds listeners. Children are nodes, texts, or arrays of them; null and false are left out.
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) {
        element.addEventListener(type, listener);
      }
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...nodes(children));
  return element;
}

/** Sets the text of a node, unless it is that already. */
export function text(node, string) {
  const wanted = String(string ?? "");
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

/** Sets an attribute, or takes it away for null and false, unless it is so already. */
export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else {
    const wanted = value === true ? "" : String(value);
    if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
  }
  return node;
}

/** Puts these children in the place of what was there. */
export function replace(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** An input with its label above it. */
export function field(label, input) {
  return make("label", { class: "field" }, make("span", { class: "field-label" }, label), input);
}

/** A part of a view under a heading. */
export function region(title, ...children) {
  const id = newId("region");
  return make(
    "section",
    { class: "panel", "aria-labelledby": id },
    make("h2", { id }, title),
    ...children,
  );
}

let ids = 0;

/** An id that no other element has. */
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

function nodes(children) {
  return children.flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => child instanceof Node ? child : String(child));
}
