// Warming: what each strategy brought, what it may spend, when it runs, and running it now.

import { make, region, replace } from "../lib/dom.js";
import { ago, bytes, count, dateTime, duration, percent } from "../lib/format.js";
import { bar, button, disclosure, emptyNote, problem, setState, state } from "../lib/parts.js";
import { dataTable, numberColumn } from "../lib/table.js";
import { attempt, countOf, facts, follow } from "./facts.js";

/** Asked for until the first frame. */
const FIRST_EVERY_MS = 2_000;

/** Why nothing is loaded. */
const PAUSES = {
  disabled: "it is switched off",
  stopped: "the service stops",
  down: "the provider fails or is limiting",
  failing: "loads failed",
  calls: "the calls of this minute are used",
  memory: "its memory is full",
};

const REFUSALS = {
  running: "its last cycle is still under way",
  stopped: "the service stops",
  down: "the provider fails or is limiting",
};

/** The part of the view: `{ element, set({ stats, status }), destroy() }`. */
export function warming(ctx) {
  const note = make("div", {}, emptyNote("Asking warming…"));
  const said = make("div", { class: "warming-said" });
  const done = facts();
  const budget = facts();
  const table = strategyTable(ctx);
  const reliability = reliabilityTable();
  const all = ctx.mayAct ? button("Run all now", () => run(ctx, "all"), { tone: "primary" }) : null;
  const body = make(
    "div",
    { hidden: true },
    make("div", { class: "columns" }, done.element, budget.element),
    said,
    table.element,
    all === null ? null : make("div", { class: "actions" }, all),
    disclosure("How well chances were guessed", reliability.element),
  );
  const set = ({ stats, status }) => {
    done.set(doneFacts(stats, status));
    budget.set(budgetFacts(stats, status));
    replaceLines(said, saidOf(stats, status, ctx.now()));
    const now = status.atMs;
    table.update(
      Object.keys(stats.byStrategy).map((name) => rowOf(name, stats, status, now)),
    );
    reliability.update(stats.reliability.filter((one) => one.count > 0));
    body.hidden = false;
    replace(note);
  };
  const first = follow(ctx, {
    path: () => "/api/warming/stats",
    everyMs: FIRST_EVERY_MS,
    take: async (stats) => {
      const status = await ctx.ask("/api/warming/status").catch(() => null);
      if (body.hidden && status !== null) set({ stats, status });
    },
    fail(error) {
      if (body.hidden) replace(note, noteOf(error));
    },
  });
  first.poke();
  return {
    element: region("Warming", note, body),
    set,
    /** Whether there is nothing to show yet: then the note says why. */
    isEmpty: () => body.hidden,
    destroy() {
      first.close();
    },
  };
}

function noteOf(error) {
  return error.code === "no_warming"
    ? emptyNote("Nothing is warmed: warming needs a cache with a provider.")
    : problem(error.message);
}

function replaceLines(box, lines) {
  const now = lines.join("\n");
  if (box.dataset.said === now) return;
  box.dataset.said = now;
  replace(box, ...lines.map((line) => make("p", { class: "notice" }, line)));
}

function doneFacts(stats, status) {
  const { accesses, hits } = stats;
  const share = (part) => percent(accesses === 0 ? null : part / accesses);
  return [
    [
      "Warmed",
      `${countOf(stats.totalWarmed, "entry", "entries")} since ${dateTime(stats.sinceMs)}: ` +
      `${count(stats.totalUsed)} used, ${count(stats.totalWasted)} not`,
    ],
    ["Cost", `${countOf(stats.totalKeys, "key")} in ${countOf(stats.totalCalls, "call")}`],
    [
      "Accesses",
      accesses === 0
        ? "none yet"
        : `${count(accesses)}: ${share(hits)} without a wait, ${share(stats.fresh)} fresh`,
    ],
    ["Runs", count(status.cycleCount)],
  ];
}

function budgetFacts({ budget }, status) {
  return [
    [
      "Calls of this minute",
      bar(
        budget.callsUsed,
        budget.callsPerMinute,
        `${count(budget.callsUsed)} / ${count(budget.callsPerMinute)}`,
      ),
    ],
    ["Calls under way", bar(budget.callsRunning, budget.callsAtOnce)],
    [
      "Memory",
      bar(
        budget.memoryBytes,
        budget.memoryMaxBytes,
        `${bytes(budget.memoryBytes)} / ${bytes(budget.memoryMaxBytes)}`,
      ),
    ],
    [
      "Keys",
      `${count(status.waitingKeys)} waiting, ${count(status.loadingKeys)} being loaded; ` +
      `${count(status.trackedKeys)} of at most ${count(status.keysMax)} counted`,
    ],
  ];
}

function saidOf(stats, status, nowMs) {
  const paused = status.paused === null
    ? []
    : [`Nothing is loaded now: ${PAUSES[status.paused] ?? status.paused}.`];
  const throttled = status.throttled.map((one) =>
    `${wordOf(one.strategy)} is throttled: ${percent(one.precision)} used, expected ` +
    `${percent(one.floor)}; tried again ${ago(one.probeAtMs, nowMs)}.`
  );
  const lost = stats.accessesLost === 0
    ? []
    : [`${count(stats.accessesLost)} accesses more came too fast to be noted.`];
  const unsaved = stats.saveError === null ? [] : [`Statistics are not saved: ${stats.saveError}`];
  return [...paused, ...throttled, ...lost, ...unsaved];
}

// --- Strategies

function rowOf(name, stats, status, nowMs) {
  const last = status.lastResults[name] ?? null;
  return {
    name,
    ...stats.byStrategy[name],
    word: wordOfState(name, status),
    nextMs: status.nextRuns[name] ?? null,
    next: nextText(name, status, nowMs),
    lastMs: last === null ? null : last.atMs,
    last: last === null ? "never" : `${ago(last.atMs, nowMs)}: ${resultText(last)}`,
  };
}

function wordOfState(name, { running, strategies, throttled }) {
  if (running.includes(name)) return "running";
  if (!strategies[name].isEnabled) return "off";
  return throttled.some(({ strategy }) => strategy === name) ? "throttled" : "on";
}

const TONES = { running: "busy", on: "good", throttled: "warn", off: "off" };

function nextText(name, { strategies, nextRuns }, nowMs) {
  const { isEnabled, schedule } = strategies[name];
  if (!isEnabled) return "";
  if (schedule.kind === "access") return "with each read";
  if (schedule.kind === "expiry") return "as entries end";
  const nextMs = nextRuns[name] ?? null;
  if (nextMs !== null) return nextMs <= nowMs ? "now" : `in ${duration(nextMs - nowMs)}`;
  return schedule.kind === "event" ? "no date known" : "never";
}

function resultText({ proposed, wanted, present, belowFloor }) {
  if (proposed === 0) return "no key proposed";
  const rest = [
    present === 0 ? null : `${count(present)} there`,
    belowFloor === 0 ? null : `${count(belowFloor)} unlikely`,
  ].filter((one) => one !== null);
  const why = rest.length === 0 ? "" : ` (${rest.join(", ")})`;
  return `${count(wanted)} of ${countOf(proposed, "key")} to load${why}`;
}

function strategyTable(ctx) {
  const number = (id, title, write) => numberColumn(id, title, undefined, write);
  const act = {
    id: "run",
    title: "Run",
    cell: ({ name }, previous) =>
      previous ??
        button("Run now", () => run(ctx, name), { "aria-label": `Run now: ${wordOf(name)}` }),
  };
  return dataTable({
    caption: "Strategies of warming",
    key: ({ name }) => name,
    columns: [
      { id: "name", title: "Strategy", sort: ({ name }) => name, cell: ({ name }) => wordOf(name) },
      {
        id: "word",
        title: "State",
        sort: ({ word }) => word,
        cell: ({ word }, previous) =>
          previous === null ? state(word, TONES[word]) : setState(previous, word, TONES[word]),
      },
      ...ctx.mayAct ? [act] : [],
      number("warmed", "Warmed"),
      number("used", "Used"),
      number("precision", "Precision", percent),
      number("calls", "Calls"),
      number("lift", "Lift", percent),
      {
        id: "next",
        title: "Next run",
        sort: ({ nextMs }) => nextMs,
        cell: ({ next }) => next,
        className: "nowrap",
      },
      {
        id: "last",
        title: "Last run",
        sort: ({ lastMs }) => lastMs,
        className: "words",
        cell: ({ last }) => last,
      },
    ],
    empty: "No strategy is known",
  });
}

function run(ctx, name) {
  return attempt(ctx, async () => {
    const { results } = await ctx.ask("/api/warming/run", {
      method: "POST",
      json: { strategy: name },
    });
    if (name !== "all") return ctx.notify(results.map(ranText).join("; "));
    const started = results.filter((one) => one.state === "started");
    const keys = started.reduce((sum, { report }) => sum + report.wanted, 0);
    const refused = results.filter((one) => one.state !== "started").map(ranText);
    const said = `${countOf(started.length, "strategy", "strategies")} ran: ` +
      `${countOf(keys, "key")} to load`;
    ctx.notify([said, ...refused].join("; "));
  });
}

function ranText(result) {
  const word = wordOf(result.strategy);
  if (result.state === "started") return `${word}: ${count(result.report.wanted)} keys to load`;
  return `${word} did not run: ${REFUSALS[result.reason] ?? result.reason}`;
}

function reliabilityTable() {
  const span = ({ from, to }) => `${Math.round(100 * from)} to ${Math.round(100 * to)} %`;
  return dataTable({
    caption: "Chances at which entries were warmed, and what was used",
    key: span,
    sortBy: "chance",
    columns: [
      { id: "chance", title: "Chance", sort: ({ from }) => from, cell: span },
      { id: "count", title: "Entries", number: true, cell: (one) => count(one.count) },
      { id: "predicted", title: "Expected", number: true, cell: (one) => percent(one.predicted) },
      { id: "used", title: "Used", number: true, cell: (one) => percent(one.used) },
    ],
    empty: "No warmed entry has come to its end yet",
  });
}

/** A strategy as people write it. */
function wordOf(name) {
  return name.replaceAll("_", "-");
}
