// Actors and their restarts in words: what the tree, the table and the detail say alike.

import { count, duration } from "../lib/format.js";

/** So long after a restart a node is marked. */
export const RECENT_MS = 10_000;

/** Every node with its supervisor, parents before children. */
export function flattened(root) {
  const found = [];
  const walk = (node, parent, level) => {
    found.push({ node, parent, level });
    for (const part of node.children) walk(part, node, level + 1);
  };
  walk(root, null, 0);
  return found;
}

/** A path without the name of the root, which all have: "core/store"; the root as it is. */
export function shortPath(path) {
  const at = path.indexOf("/", 1);
  return at < 0 ? path : path.slice(at + 1);
}

/** A path as a part of a URL. */
export function urlOf(path) {
  return path.split("/").filter((part) => part !== "").map(encodeURIComponent).join("/");
}

/** Restarts within the period against those that are allowed: "2 of 5 in 1 min"; "" for the root. */
export function allowanceOf(node, parent) {
  if (parent === null) return "";
  const { intensity, periodMs, intensityScope } = parent.supervisor;
  const counted = intensityScope === "child" ? [node] : parent.children;
  const made = counted.reduce((sum, one) => sum + one.restartsInPeriod, 0);
  return `${count(made)} of ${count(intensity)} in ${periodText(periodMs)}`;
}

/** A period as it was set: "5 s", "5 min". */
export function periodText(ms) {
  return ms < 60_000 && ms % 1_000 === 0 ? `${ms / 1_000}\u00a0s` : duration(ms);
}

/** Whether a node was restarted within the last seconds. */
export function isRecent({ state, restartedAt }, nowMs) {
  return restartedAt !== null && state !== "stopped" && nowMs - restartedAt < RECENT_MS;
}

/** Restarts and starts that failed so far. */
export function restartsOf({ incarnation }) {
  return Math.max(0, incarnation - 1);
}

/** What happened, as a badge says it: word and tone. */
export function eventWords({ event, outcome }) {
  if (event === "gave_up") return { word: "gave up", tone: "bad" };
  if (event === "ended") return { word: "ended", tone: "off" };
  if (outcome === "failed") return { word: "restart failed", tone: "bad" };
  if (outcome === "under_way") return { word: "restarting", tone: "busy" };
  return { word: "restarted", tone: "warn" };
}

/** On whose account, as the rest of a sentence; `by` is named by the caller after it. */
export function causeWords({ event, cause, by }) {
  if (event === "gave_up") return "after too many restarts of";
  if (cause === "failure") return "because it failed";
  if (cause === "exit") return "because it ended by itself";
  if (cause === "request") return "because somebody asked for it";
  if (cause === "sibling") return by === null ? "with a sibling" : "by the strategy, with";
  return event === "ended" ? "because of the end of" : "because of a restart of";
}

/** A span of handling or waiting; where nothing was handled or waits: a dash says it more plainly than zero. */
export function spanOf(ms) {
  if (!(ms > 0)) return "–";
  return ms < 0.01 ? "<0.01\u00a0ms" : duration(ms);
}
