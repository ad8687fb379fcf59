// Who is told of alerts beside the log and the events, and how each is doing.

import { make, region, replace } from "../lib/dom.js";
import { ago, count, time } from "../lib/format.js";
import { button, problem, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";

const EVERY_MS = 10_000;
const TONES = { idle: "good", delivering: "busy", waiting: "warn", away: "bad" };

/** The section: `{ element, destroy() }`. */
export function sinksSection(ctx) {
  const trouble = make("div");
  const results = make("div", { role: "status" });
  const table = sinksTable(ctx);
  const test = !ctx.mayAct ? null : make(
    "div",
    { class: "toolbar" },
    button("Send a test alert", async () => {
      const isMeant = await ctx.confirm({
        title: "Send a test alert?",
        text: "It goes to the log, the events and every receiver, and says that nothing is wrong.",
        action: "Send it",
      });
      if (isMeant) await send();
    }),
  );
  let isOver = false;
  const ask = async () => {
    if (document.hidden) return;
    try {
      const { sinks } = await ctx.ask("/api/alerts/sinks");
      if (isOver) return;
      replace(trouble);
      table.update(sinks.map(rowOf));
    } catch (error) {
      if (!isOver) replace(trouble, problem(`Cannot show who is told: ${error.message}`));
    }
  };
  const send = async () => {
    try {
      const { sinks } = await ctx.ask("/api/alerts/test", { method: "POST" });
      if (!isOver) replace(results, resultList(sinks));
    } catch (error) {
      ctx.notify(error.message, "bad");
    }
    await ask();
  };
  const timer = setInterval(ask, EVERY_MS);
  ask();
  const element = region("Who is told", test, results, trouble, table.element);
  element.dataset.section = "sinks";
  return {
    element,
    destroy() {
      isOver = true;
      clearInterval(timer);
    },
  };
}

/** Of one that does not answer only its settings are known. */
function rowOf({ name, kind, url, status }) {
  return { name, kind, url, state: "away", waiting: null, lastError: null, ...status };
}

function sinksTable(ctx) {
  return dataTable({
    caption: "Receivers of alerts",
    key: ({ name }) => name,
    empty: "Only the log and the event stream. A webhook or an Alertmanager in the " +
      "configuration is told as well.",
    columns: [
      { id: "name", title: "Name", cell: ({ name }) => name },
      { id: "kind", title: "Kind", cell: ({ kind }) => kind },
      { id: "url", title: "Address", className: "path", cell: ({ url }) => url },
      { id: "state", title: "State", cell: ({ state: word }) => state(word, TONES[word]) },
      { id: "alerts", title: "To tell", number: true, cell: ({ alerts }) => count(alerts) },
      { id: "taken", title: "Taken", number: true, cell: ({ taken }) => count(taken) },
      { id: "failed", title: "Failed", number: true, cell: ({ failed }) => count(failed) },
      {
        id: "last",
        title: "Last taken",
        cell: ({ lastTakenTs = null }) => lastTakenTs === null ? "–" : ago(lastTakenTs, ctx.now()),
      },
      {
        id: "error",
        title: "Last error",
        className: "sink-error",
        cell: ({ lastError, lastErrorTs, waiting }) => {
          if (waiting !== null) {
            return `${waiting.reason}; next try at ${time(waiting.nextTryTs, ctx.now())}`;
          }
          return lastError === null ? "–" : `${lastError} (${ago(lastErrorTs, ctx.now())})`;
        },
      },
    ],
  });
}

function resultList(sinks) {
  return make(
    "ul",
    { class: "test-results" },
    ...sinks.map(({ name, state: word, code }) =>
      make("li", {}, state(word), ` ${name}${code === null ? "" : `: ${code}`}`)
    ),
  );
}
