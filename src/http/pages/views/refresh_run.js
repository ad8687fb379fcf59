// One run in detail: its best sets over time, why it is stale, what a refresh would do, what it did.

import { chart } from "../lib/chart.js";
import { make, replace, text } from "../lib/dom.js";
import { count, dateTime, duration, time } from "../lib/format.js";
import { button, disclosure, problem } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { attempt, countOf, facts, follow, score, words } from "./facts.js";

const EXPLAIN_EVERY_MS = 3_000;
/** Last events that are shown. */
const EVENTS_SHOWN = 30;

/** Why a run is stale, as a clause. */
export function staleText(one) {
  switch (one.reason) {
    case "never_refreshed":
      return "no refresh has succeeded yet";
    case "revision_gap":
      return `${countOf(one.changes, "change")} since the last refresh`;
    case "unapplied_change":
      return `the oldest change waits for ${duration(one.ageMs)}`;
    case "age":
      return `the last refresh was ${duration(one.ageMs)} ago`;
    case "failures":
      return `${countOf(one.failures, "refresh", "refreshes")} in a row failed`;
    case "structure_changed":
      return `${countOf(one.changes, "change")} of edges, sets or what the scorer keeps`;
    case "sets_failed":
      return `${countOf(one.sets, "set")} without a score: the scorer throws on them`;
    default:
      return words(one.reason);
  }
}

/** The detail: `{ element, show(runId), shown(), set(run), destroy() }`. */
export function runDetail(ctx) {
  const title = make("h3", { tabindex: "-1" });
  const scores = chart({
    title: "Best score over time",
    series: [{ label: "Best score", token: "c1" }],
    format: score,
    time: true,
    zero: false,
  });
  const best = facts();
  const work = facts();
  const durations = durationTable();
  const events = eventTable();
  const trouble = make("div");
  const acts = ctx.mayAct ? actions(ctx, () => runId, () => follower.now()) : null;
  const element = make(
    "div",
    { class: "run-detail", hidden: true },
    make("div", { class: "detail-head" }, title, acts?.element),
    trouble,
    acts?.result,
    make(
      "div",
      { class: "columns" },
      make("div", {}, best.element),
      make("div", {}, scores.element, work.element),
    ),
    disclosure("Durations", durations.element),
    disclosure("What happened last", make("div", { class: "low" }, events.element)),
  );
  let runId = null;
  let explained = null;
  let last = null;
  const follower = follow(ctx, {
    path: () => runId === null ? null : `/api/runs/${encodeURIComponent(runId)}/explain`,
    everyMs: EXPLAIN_EVERY_MS,
    take(found) {
      explained = found;
      replace(trouble);
      set(found.run);
    },
    fail(error) {
      element.hidden = false;
      replace(trouble, problem(error.message));
    },
  });
  const set = (run) => {
    element.hidden = run === null;
    if (run === null) return;
    text(title, `Run ${run.runId}`);
    best.set(bestFacts(run, explained, ctx.now()));
    work.set(workFacts(run));
    durations.update(durationRows(run));
    const { history } = run;
    const mark = `${history.length} ${history.at(-1)?.revision} ${run.runId}`;
    if (mark !== last) {
      last = mark;
      scores.set([history.map(({ atMs }) => atMs), history.map((one) => one.score)]);
    }
    if (explained !== null) events.update(eventRows(explained.events));
  };
  return {
    element,
    shown: () => runId,
    show(wanted) {
      if (wanted === null || wanted === runId) return;
      runId = wanted;
      explained = null;
      text(title, `Run ${wanted}`);
      replace(trouble);
      acts?.forget();
      events.update([]);
      follower.now();
    },
    set(run) {
      if (run === null) {
        element.hidden = true;
        return;
      }
      set(run);
      follower.poke();
    },
    destroy() {
      follower.close();
      scores.destroy();
    },
  };
}

function setAndScore(best) {
  return `${best.setId}, ${score(best.score)}`;
}

function bestFacts(run, explained, nowMs) {
  const { liveBest, publishedBest, bestEver } = run;
  const gain = liveBest === null || publishedBest === null
    ? null
    : Math.abs(liveBest.score - publishedBest.score);
  return [
    [
      "Stale because",
      run.staleReasons.length === 0 ? null : run.staleReasons.map(staleText).join("; "),
    ],
    ["Published", publishedBest === null ? "nothing yet" : setAndScore(publishedBest)],
    ["Since", publishedBest === null ? null : time(publishedBest.atMs)],
    ["Now", publishedBest === null ? null : markText(publishedBest)],
    ["Best now", liveBest === null ? "not known" : setAndScore(liveBest)],
    [
      "Δ score",
      gain === null ? null : `${score(gain)}; from ${score(run.epsilon)} (ε) on it is published`,
    ],
    ["Best ever", bestEver === null ? null : `${setAndScore(bestEver)}, ${time(bestEver.atMs)}`],
    [
      "Members",
      explained === null || explained.published.length === 0
        ? null
        : explained.published.map(({ edgeId, value }) => `${edgeId} ${score(value)}`).join(", "),
    ],
    [
      "Scorer",
      explained === null ? null : `${explained.scorer.name}: ${explained.scorer.description}`,
    ],
    ["Next refresh", explained === null ? null : nextText(explained.next)],
    [
      "Waiting",
      explained === null ? null : `${countOf(explained.waitingEdges, "changed edge")}, ` +
        `${countOf(explained.dirtySets, "set")} to be looked at`,
    ],
    [
      "Refreshed",
      `${run.lastRefreshAtMs === null ? "never" : time(run.lastRefreshAtMs, nowMs)}; ` +
      `${countOf(run.edgesChangedSince, "edge")} changed since`,
    ],
    ["Made", dateTime(run.createdAtMs)],
  ];
}

function nextText({ kind, partialMs, fullMs, mustRebuild }) {
  const known = (ms) => ms === null ? "not known" : duration(ms);
  const why = mustRebuild === null ? kind : `full: ${mustRebuild}`;
  return `${why}; partial would take ${known(partialMs)}, a rebuild ${known(fullMs)}`;
}

function markText({ mark, currentScore, score: published }) {
  const now = currentScore === null ? "has no score" : `scores ${score(currentScore)}`;
  switch (mark) {
    case "own_edges_moved":
      return `its edges moved: it ${now}`;
    case "rescored":
      return `scored anew: it ${now}`;
    case "removed":
      return "it was removed";
    case "unscored":
      return "the scorer throws on it";
    default:
      return currentScore === null || currentScore === published ? null : `it ${now}`;
  }
}

function workFacts({ edges, sets, failedSets, counters, fallbacksBy, audits, ...run }) {
  const fell = Object.entries(fallbacksBy).filter(([, n]) => n > 0)
    .map(([reason, n]) => `${count(n)} ${words(reason)}`).join(", ");
  return [
    [
      "Over",
      `${countOf(edges, "edge")} in ${countOf(sets, "set")}` +
      (failedSets === 0 ? "" : `, ${count(failedSets)} without a score`),
    ],
    [
      "Refreshes",
      `${count(counters.refreshes)}: ${count(counters.partial)} partial of ` +
      `${count(counters.partialWanted)} wanted, ${count(counters.full)} full`,
    ],
    [
      "Went wrong",
      `${countOf(counters.fallbacks, "fallback")}${fell === "" ? "" : ` (${fell})`}, ` +
      `${count(counters.failed)} failed, ${count(counters.incomplete)} incomplete`,
    ],
    [
      "Sets scored",
      `${count(counters.evaluated)}: ${count(counters.changed)} changed, ` +
      `${count(counters.unchanged)} did not; ${count(counters.skipped)} skipped by their bound`,
    ],
    [
      "Held back",
      counters.held === 0 ? null : `${count(counters.held)}: too few edges had changed`,
    ],
    [
      "Published anew",
      `${countOf(counters.publications, "time")}` +
      (run.fallsHeld === 0 ? "" : `; ${countOf(run.fallsHeld, "fall")} held back`),
    ],
    [
      "Audits",
      audits.every === 0
        ? "none"
        : `${count(audits.audits)}, one in ${count(audits.every)} refreshes; ` +
          `${count(audits.mismatches)} did not match, ${count(audits.cutOff)} cut off`,
    ],
  ];
}

function durationRows({ partialMs, fullMs, partialCost, fullMsPerSet }) {
  const perSet = (ms) => `${score(Number((1_000 * ms).toPrecision(3)))} µs a set`;
  return [
    {
      name: "Partial",
      ...partialMs,
      cost: partialCost === null
        ? ""
        : `${duration(partialCost.baseMs)} + ${perSet(partialCost.msPerSet)}`,
    },
    { name: "Full", ...fullMs, cost: fullMsPerSet === null ? "" : perSet(fullMsPerSet) },
  ];
}

function durationTable() {
  const span = (id, title) => ({
    id,
    title,
    number: true,
    cell: (row) => duration(row.count === 0 ? null : row[id]),
  });
  return dataTable({
    caption: "Durations of refreshes",
    key: ({ name }) => name,
    columns: [
      { id: "name", title: "Refresh", cell: ({ name }) => name },
      { id: "count", title: "Times", number: true, cell: (row) => count(row.count) },
      span("meanMs", "Mean"),
      span("p50Ms", "p50"),
      span("p99Ms", "p99"),
      span("maxMs", "Most"),
      { id: "cost", title: "Expected", cell: ({ cost }) => cost },
    ],
  });
}

// --- Events

function eventTable() {
  return dataTable({
    caption: "Last events of the run",
    key: ({ id }) => id,
    columns: [
      { id: "at", title: "At", className: "nowrap", cell: ({ atMs }) => time(atMs) },
      { id: "type", title: "Event", cell: ({ type }) => words(type) },
      { id: "what", title: "What", className: "words", cell: ({ what }) => what },
    ],
    empty: "Nothing has happened yet",
  });
}

function eventRows(events) {
  const seen = new Map();
  return events.slice(-EVENTS_SHOWN).map(({ atMs, event }) => {
    const what = eventText(event);
    const base = `${atMs} ${event.type} ${what}`;
    const times = (seen.get(base) ?? 0) + 1;
    seen.set(base, times);
    return { id: `${base} ${times}`, atMs, type: event.type, what };
  }).reverse();
}

function eventText(event) {
  switch (event.type) {
    case "published": {
      const { best, cause, isFall } = event.publication;
      return `${setAndScore(best)}, ${words(cause)}${isFall ? ", lower" : ""}`;
    }
    case "withdrawn":
      return `${setAndScore(event.before)}: there is no set any more`;
    case "marked":
      return `${event.setId}: ${words(event.mark)}, scores ${score(event.currentScore)}`;
    case "best_ever":
      return setAndScore(event.best);
    case "set_failed":
      return `${event.setId}: ${event.error}`;
    case "fallback":
      return `${event.fault.reason}: ${event.fault.detail}`;
    case "failed":
      return `${count(event.failuresInRow)} in a row: ${event.fault.reason}: ${event.fault.detail}`;
    case "rejected":
      return `${event.change}: ${event.detail}`;
    case "audit_failed":
      return `at revision ${count(event.revision)}: ${event.detail}`;
    case "audit_overdue":
      return `${countOf(event.cutOff, "audit")} in a row cut off`;
    case "stale":
      return event.reasons.map(staleText).join("; ");
    default:
      return "";
  }
}

// --- Refreshing now

const WHY = {
  partial_cheaper: "that is expected to be cheaper",
  full_cheaper: "that is expected to be cheaper",
  trial: "to learn what a rebuild costs",
  first: "nothing was evaluated before",
  asked: "as it was asked for",
  untrusted: "the one before failed",
  audit: "an audit did not match",
};

function actions(ctx, runOf, done) {
  const list = facts();
  const result = make(
    "div",
    { class: "notice", "aria-live": "polite", hidden: true },
    list.element,
  );
  const ask = (verb) => () =>
    attempt(ctx, async () => {
      const runId = runOf();
      const report = await ctx.ask(`/api/runs/${encodeURIComponent(runId)}/${verb}`, {
        method: "POST",
      });
      if (runId === runOf()) {
        list.set(reportFacts(report));
        result.hidden = false;
      }
      ctx.notify(
        `Run ${runId}: ${report.kind} refresh ${report.state}`,
        report.state === "failed" ? "bad" : "ok",
      );
      done();
    });
  return {
    element: make(
      "div",
      { class: "detail-acts" },
      button("Refresh now", ask("refresh"), { tone: "primary" }),
      button("Rebuild", ask("rebuild")),
    ),
    result,
    forget() {
      result.hidden = true;
    },
  };
}

function reportFacts(report) {
  const { fault, fallback, best, publication } = report;
  return [
    ["Refresh", `${report.state}: ${report.kind}, ${WHY[report.why] ?? words(report.why)}`],
    ["Fault", fault === null ? null : `${fault.reason}: ${fault.detail}`],
    ["Fallback", fallback === null ? null : `rebuilt after: ${words(fallback)}`],
    ["Best", best === null ? "not known" : setAndScore(best)],
    [
      "Published",
      publication === null
        ? "as before"
        : `${setAndScore(publication.best)} (${words(publication.cause)})`,
    ],
    [
      "Sets",
      `${count(report.setsAffected)} affected, ${count(report.evaluated)} scored, ` +
      `${count(report.skipped)} skipped, ${count(report.changed)} changed`,
    ],
    ["Took", duration(report.busyMs)],
  ];
}
