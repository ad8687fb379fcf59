// Dialogs and passing messages.

import { attribute, make, newId } from "./dom.js";

const TOAST_MS = 6_000;
const TOASTS_MAX = 4;

/** Opens a dialog; it is taken away when closed, and focus returns to where it was. */
export function openDialog(title, ...children) {
  const id = newId("dialog");
  const before = document.activeElement;
  const dialog = make(
    "dialog",
    { "aria-labelledby": id },
    make("h2", { id }, title),
    ...children,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  // A click beside it closes it, as Escape does.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks whether to go on. */
export function confirmed({ title, text, action }) {
  return new Promise((settle) => {
    let isMeant = false;
    const go = make("button", { type: "button", "data-tone": "bad" }, action);
    const stay = make("button", { type: "button", autofocus: true }, "Cancel");
    const dialog = openDialog(
      title,
      make("p", {}, text),
      make("div", { class: "actions" }, stay, go),
    );
    attribute(dialog, "role", "alertdialog");
    go.addEventListener("click", () => {
      isMeant = true;
      dialog.close();
    });
    stay.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => settle(isMeant));
  });
}

/** Says something in passing; what went wrong stays until it is closed. */
export function notify(string, tone = "ok") {
  const toasts = document.querySelector("#toasts");
  const close = make("button", { type: "button", "aria-label": "Close" }, "×");
  const toast = make(
    "div",
    { class: "toast", "data-tone": tone === "bad" ? "bad" : "good" },
    make("span", { class: "shape", "aria-hidden": "true" }, tone === "bad" ? "■" : "●"),
    make("span", { class: "toast-text" }, string),
    close,
  );
  close.addEventListener("click", () => toast.remove());
  toasts.append(toast);
  while (toasts.children.length > TOASTS_MAX) toasts.firstElementChild.remove();
  if (tone !== "bad") setTimeout(() => toast.remove(), TOAST_MS);
}
