// The keyboard of the page: single keys, and `g` followed by one. Never while somebody writes.

/** The second key must come within this. */
const SECOND_MS = 1_500;
const OFF_KEY = "wick-keys-off";

/** Whether single keys do something: who dictates can switch them off. */
export function keysAreOn() {
  return localStorage.getItem(OFF_KEY) === null;
}

/** Switches single keys on or off, in this browser. */
export function switchKeys(isOn) {
  if (isOn) localStorage.removeItem(OFF_KEY);
  else localStorage.setItem(OFF_KEY, "1");
}

/**
 * Listens for keys. `go` maps the second key after `g` to an action, `keys` single ones.
 */
export function listenToKeys({ go, keys }) {
  let awaitedUntilMs = 0;
  document.addEventListener("keydown", (event) => {
    if (!keysAreOn() || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (isWriting(event.target) || document.querySelector("dialog[open]") !== null) return;
    const isSecond = Date.now() < awaitedUntilMs;
    awaitedUntilMs = 0;
    const action = isSecond ? go[event.key] : keys[event.key];
    if (action !== undefined) {
      event.preventDefault();
      action();
    } else if (event.key === "g" && !isSecond) {
      awaitedUntilMs = Date.now() + SECOND_MS;
    }
  });
}

function isWriting(target) {
  return target instanceof Element &&
    target.closest(
        "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]",
      ) !==
      null;
}
