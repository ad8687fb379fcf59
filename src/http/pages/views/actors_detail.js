// One node of the tree: its figures, its past, what it can be sent, and what may be done to it.

import { make, newId, replace, text } from "../lib/dom.js";
import { bytes, count, decimal, time } from "../lib/format.js";
import { bar, button, emptyNote, problem, setState, state } from "../lib/parts.js";
import { restartTimeline } from "./actors_restarts.js";
import { messagesPanel } from "./actors_send.js";
import { allowanceOf, periodText, restartsOf, shortPath, spanOf, urlOf } from "./actors_words.js";
import { facts } from "./facts.js";

/**
 * The detail of the node at `path`: `{ element, heading, update(entry) }`; null = it is gone.
 * `hasPast`: whether its restarts can be asked for, which are kept where it runs.
 */
export function detailPanel(ctx, path, { onSelect, onClose, hasPast = true }) {
  const id = newId("detail");
  const heading = make("h2", { id, tabindex: "-1" }, shortPath(path));
  const badge = state("unknown");
  const about = make("span", { class: "soft" });
  const figures = facts();
  const error = make("pre", { class: "error-text", hidden: true, tabindex: "0" });
  const gone = make("div");
  const timeline = hasPast ? restartTimeline(ctx, path, onSelect) : null;
  const messages = make("div", {}, emptyNote("Loading…"));
  const messagesPart = make("div", {}, make("h3", {}, "Messages"), messages);
  const acts = make("div", { class: "toolbar detail-acts" });
  const close = make("button", {
    type: "button",
    class: "detail-close",
    "aria-label": "Close the detail",
    on: { click: onClose },
  }, "×");
  const element = make(
    "section",
    { class: "panel detail", "aria-labelledby": id },
    make("div", { class: "detail-head" }, heading, close),
    make("p", { class: "detail-state" }, badge, about),
    gone,
    acts,
    make("h3", {}, "Figures"),
    figures.element,
    error,
    timeline === null ? null : make("h3", {}, "Restarts"),
    timeline?.element,
    messagesPart,
  );
  let entry = null;
  let wasAsked = false;

  const askMessages = async () => {
    wasAsked = true;
    try {
      const { messages: found } = await ctx.ask(`/api/actors/${urlOf(path)}`);
      replace(messages, messagesPanel(ctx, path, found));
    } catch (refused) {
      replace(messages, problem(`Cannot show its messages: ${refused.message}`));
    }
  };
  const showActs = () => {
    if (!ctx.mayAct || entry.parent === null || acts.childElementCount > 0) return;
    replace(
      acts,
      button("Restart", () => restart(ctx, entry.node)),
      button("Stop", () => stop(ctx, entry.node), { tone: "bad" }),
    );
  };
  return {
    element,
    heading,
    update(found) {
      if (found === null) {
        replace(gone, problem("Nothing lives at this path any more"));
        replace(acts);
        setState(badge, "gone", "off");
        return;
      }
      entry = found;
      replace(gone);
      const { node, parent } = found;
      setState(badge, node.state);
      text(about, aboutOf(node));
      figures.set(figuresOf(node, parent, ctx.now()));
      error.hidden = node.lastError === null;
      text(error, node.lastError ?? "");
      error.setAttribute("aria-label", "Last error");
      messagesPart.hidden = node.mailbox === null;
      if (node.mailbox !== null && !wasAsked) askMessages();
      showActs();
      timeline?.update(node);
    },
  };
}

function aboutOf({ kind, restart, supervisor, mailbox }) {
  const words = { actor: "actor", thread: "actor in a thread", supervisor: "supervisor" };
  const parts = [words[kind] ?? kind, restart];
  if (supervisor !== null) parts.push(supervisor.strategy);
  if (mailbox !== null) parts.push(`protocol ${mailbox.protocol}`);
  return parts.join(" · ");
}

function figuresOf(node, parent, nowMs) {
  const { incarnation, restartedAt, supervisor, mailbox, children } = node;
  const own = [
    ["Incarnation", count(incarnation)],
    ["Restarts", count(restartsOf(node))],
    ["Within the period", allowanceOf(node, parent) || null],
    ["Last restarted", restartedAt === null ? "never" : time(restartedAt, nowMs)],
  ];
  if (supervisor !== null) {
    const { strategy, intensity, periodMs, intensityScope, restarts, gaveUp } = supervisor;
    const each = intensityScope === "child" ? "of each child" : "of all children together";
    return [
      ...own,
      ["Strategy", strategy],
      ["Gives up after", `${count(intensity)} restarts in ${periodText(periodMs)} ${each}`],
      ["Restarts it made", count(restarts)],
      ["Gave up", count(gaveUp)],
      ["Children", count(children.length)],
    ];
  }
  const { depth, bound, serviceMs, sent, handled, deadLettered, superseded } = mailbox;
  return [
    ...own,
    ["Mailbox", bar(depth, bound)],
    ["Waiting", bytes(mailbox.bytes)],
    ["Oldest message", spanOf(mailbox.oldestMs)],
    ["Expected wait", spanOf(mailbox.expectedWaitMs)],
    ["Rate", `${decimal(mailbox.ratePerSecond, 1)} /s`],
    ["Handling, p50", spanOf(serviceMs.p50)],
    ["Handling, p95", spanOf(serviceMs.p95)],
    ["Handling, p99", spanOf(serviceMs.p99)],
    ["Sent to it", count(sent)],
    ["Handled", count(handled)],
    ["Dead letters", count(deadLettered)],
    ["Superseded", count(superseded)],
  ];
}

async function restart(ctx, node) {
  const isMeant = await ctx.confirm({
    title: `Restart ${node.name}?`,
    text: node.supervisor === null
      ? `${node.path} ends and starts anew. What waits in its mailbox is kept; the restart does ` +
        "not count against the intensity."
      : `${node.path} stops ${below(node)}, and starts all of it anew. Mailboxes are kept.`,
    action: "Restart",
  });
  if (isMeant) await act(ctx, node, "restart", "Restarted");
}

async function stop(ctx, node) {
  const isMeant = await ctx.confirm({
    title: `Stop ${node.name} for good?`,
    text: `${node.path} handles what waits in its mailbox, and stops` +
      `${
        node.supervisor === null ? "" : ` with ${below(node)}`
      }. It stays stopped until it or its ` +
      "supervisor is restarted; messages to it become dead letters.",
    action: "Stop",
  });
  if (isMeant) await act(ctx, node, "stop", "Stopped");
}

function below({ children }) {
  const countAll = (nodes) => nodes.reduce((sum, one) => sum + 1 + countAll(one.children), 0);
  const nodes = countAll(children);
  return nodes === 1 ? "the node below it" : `the ${count(nodes)} nodes below it`;
}

async function act(ctx, { path }, verb, done) {
  try {
    await ctx.ask(`/api/actors/${urlOf(path)}/${verb}`, { method: "POST" });
    ctx.notify(`${done} ${path}`);
  } catch (error) {
    ctx.notify(`Cannot ${verb} ${path}: ${error.message}`, "bad");
  }
}
