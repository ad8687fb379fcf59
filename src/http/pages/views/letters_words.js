// Dead letters in words: why they are there, and how they can be sent again.

import { make } from "../lib/dom.js";
import { state } from "../lib/parts.js";

const REASONS = {
  overflow: "its mailbox was full",
  stopped: "its actor was stopped, or nothing lived at its path",
  crashed: "its actor failed on it",
  unhandled: "its actor could not use it",
  expired: "its asker no longer waited for a reply",
};

const REPLAYS = {
  as_sent: "as it was sent: its payload is in memory",
  checked: "checked like a message from outside: it was read back from the store",
  never: "never: its payload could not be kept",
};

/** Why it is there, as a sentence goes on. */
export function reasonText(reason) {
  return REASONS[reason] ?? "whoever put it into the store says so";
}

/** How it can be sent again. */
export function replayText(replay) {
  return REPLAYS[replay] ?? replay;
}

/** A reason as a badge. */
export function reasonBadge(reason) {
  return state(reason, reason === "crashed" || reason === "overflow" ? "bad" : "warn");
}

/** A query of the letters from filters; empty ones are left out. */
export function queryOf(parts) {
  const given = Object.entries(parts).filter(([, value]) => (value ?? "") !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/** "1 letter", "3 letters". */
export function letters(n) {
  return n === 1 ? "1 letter" : `${n.toLocaleString("en")} letters`;
}

/** Lines of what a dry run named, with what it left out. */
export function problemList({ problems, refused }) {
  if (refused === 0) return null;
  const more = refused - problems.length;
  return make(
    "ul",
    { class: "letter-problems" },
    ...problems.map(({ id, detail }) => make("li", {}, make("strong", {}, `#${id}`), ` ${detail}`)),
    more > 0 ? make("li", {}, `and ${letters(more)} more`) : null,
  );
}
