// One job in detail: its phases, the limit it works under, what failed and why, and its report.

import { make, replace, text } from "../lib/dom.js";
import { count, dateTime, decimal, duration, percent, time } from "../lib/format.js";
import { emptyNote, problem } from "../lib/parts.js";
import { dataTable, numberColumn } from "../lib/table.js";
import { etaText } from "./backfill_words.js";
import { countOf, facts, follow, progressBar } from "./facts.js";
import { limitFacts } from "./providers.js";

const REPORT_EVERY_MS = 3_000;
/** Letters of items that were given up, of all jobs, that are looked through. */
const LETTERS_MAX = 200;

/** The detail: `{ element, set(job, providerStatus), destroy() }`. */
export function jobDetail(ctx) {
  const title = make("h3");
  const about = facts();
  const limit = facts();
  const phases = phaseTable();
  const failures = failureList();
  const report = reportPart();
  const element = make(
    "div",
    { class: "job-detail", hidden: true },
    title,
    make(
      "div",
      { class: "columns" },
      make("div", {}, make("h4", {}, "Run"), about.element),
      make("div", {}, make("h4", {}, "Limit of its provider"), limit.element),
    ),
    phases.element,
    make("h4", {}, "Items given up"),
    failures.element,
    report.element,
  );
  let job = null;
  const follower = follow(ctx, {
    path: () =>
      job === null || job.runId === null
        ? null
        : `/api/jobs/${encodeURIComponent(job.name)}/report`,
    everyMs: REPORT_EVERY_MS,
    take: (found) => {
      report.set(found);
      if (job.progress === null) phases.update(phasesOfReport(found));
    },
    fail: (error) => report.fail(error),
  });
  const letters = follow(ctx, {
    path: () =>
      job === null || job.failed === 0
        ? null
        : `/api/dead-letters?reason=item_failed&limit=${LETTERS_MAX}`,
    everyMs: REPORT_EVERY_MS,
    take: (found) => failures.set(job, found.letters),
    fail: (error) => failures.fail(error),
  });
  let seen = "";
  return {
    element,
    set(given, provider) {
      const isOther = given?.name !== job?.name;
      job = given;
      element.hidden = job === null;
      if (job === null) return;
      text(title, `Job ${job.name}`);
      about.set(jobFacts(job));
      limit.set(provider === null ? [["Limit", "not known now"]] : limitFacts(provider));
      if (isOther) {
        report.clear(job);
        phases.update([]);
        failures.clear(job);
      }
      if (job.progress !== null) phases.update(job.progress.phases.map(phaseOfProgress));
      const now = `${job.name} ${job.runId} ${job.state} ${job.settled} ${job.failed}`;
      if (now === seen) return;
      seen = now;
      if (isOther) follower.now();
      else follower.poke();
      if (job.failed === 0) failures.clear(job);
      else letters.poke();
    },
    destroy() {
      follower.close();
      letters.close();
    },
  };
}

function jobFacts({ progress, ...job }) {
  return [
    ["Error", job.lastError],
    ["Run", job.runId ?? "none yet"],
    [
      "Fetches",
      `${job.kinds.join(", ")} of ${countOf(job.symbols, "symbol")} from ${job.provider}`,
    ],
    [
      "Items",
      `${count(job.settled)} of ${count(job.items)} settled, ${count(job.failed)} of them given up`,
    ],
    ["Rate", progress === null ? null : `${decimal(progress.perSecond, 1)} items a second`],
    ["Time left", progress === null ? null : etaText(progress.eta)],
    ["Began", job.startedMs === null ? "never" : dateTime(job.startedMs)],
    ["Ended", job.endedMs === null ? null : dateTime(job.endedMs)],
    ["Next run", job.nextMs === null ? null : dateTime(job.nextMs)],
    ["Missed runs", job.missed === 0 ? null : count(job.missed)],
  ];
}

// --- Phases

function phaseOfProgress({ name, done, total, ok, failed, share, perSecond, eta }) {
  return {
    name,
    share,
    label: `${count(done)} / ${count(total)}`,
    ok,
    failed,
    perSecond,
    left: etaText(eta),
  };
}

function phasesOfReport({ phases }) {
  return Object.entries(phases).map(([name, phase]) => ({
    name,
    share: 1,
    label: count(phase.processed),
    ok: phase.ok,
    failed: phase.failed,
    perSecond: phase.throughput_per_second,
    left: `took ${duration(phase.duration_seconds * 1_000)}`,
  }));
}

function phaseTable() {
  const number = (id, title, write) => numberColumn(id, title, undefined, write);
  return dataTable({
    caption: "Phases of the job",
    key: ({ name }) => name,
    columns: [
      { id: "name", title: "Phase", sort: ({ name }) => name, cell: ({ name }) => name },
      {
        id: "share",
        title: "Items",
        sort: ({ share }) => share,
        cell: ({ share, label }) => progressBar(share, label),
      },
      number("ok", "Ok"),
      number("failed", "Failed"),
      number("perSecond", "Items/s", (value) => decimal(value, 1)),
      { id: "left", title: "Time", className: "nowrap", cell: ({ left }) => left },
    ],
    empty: "No phase has begun yet",
  });
}

// --- What failed

/** Letters say `SYMBOL, kind, N tries: why`. */
const LETTER = /^(.*?), ([^,]*), (\d+) tries: ([\s\S]*)$/;

function failureList() {
  const table = dataTable({
    caption: "Why items were given up",
    key: ({ why }) => why,
    sortBy: "items",
    descending: true,
    columns: [
      { id: "why", title: "Why", className: "words", cell: ({ why }) => why },
      {
        id: "items",
        title: "Items",
        number: true,
        sort: ({ items }) => items,
        cell: ({ items }) => count(items),
      },
      { id: "which", title: "Which", className: "words", cell: ({ which }) => which },
      { id: "last", title: "Last", className: "nowrap", cell: ({ lastMs }) => time(lastMs) },
    ],
    empty: "Every item succeeded so far",
  });
  const more = make("p", { class: "soft", hidden: true });
  const trouble = make("div");
  return {
    element: make("div", {}, trouble, table.element, more),
    clear({ failed }) {
      table.update([]);
      more.hidden = true;
      table.element.hidden = failed > 0;
      replace(trouble);
    },
    fail(error) {
      replace(trouble, problem(error.message));
    },
    set({ name, failed }, letters) {
      const own = letters.filter((one) => jobOf(one)?.startsWith(`${name}-`) === true);
      table.element.hidden = own.length === 0;
      table.update(reasonsOf(own));
      replace(trouble);
      const link = make("a", { href: "#/letters?reason=item_failed" }, "Dead letters");
      more.hidden = false;
      replace(
        more,
        own.length < failed ? `${count(own.length)} of ${count(failed)} are shown. ` : "",
        "Each item that was given up is a letter that can be sent again: see ",
        link,
        ".",
      );
    },
  };
}

function jobOf({ payload }) {
  const name = payload?.job?.name;
  return typeof name === "string" ? name : null;
}

/** How many items failed of the same cause, and the first of them. */
function reasonsOf(letters) {
  const found = new Map();
  for (const { error, at } of letters) {
    const [, symbol = "?", kind = "", , said = error ?? "not said"] = LETTER.exec(error ?? "") ??
      [];
    // What is different of each item would make every cause its own.
    const why = said.replaceAll(symbol, "…");
    const one = found.get(why) ?? { why, items: 0, names: [], lastMs: 0 };
    one.items += 1;
    if (one.names.length < 8) one.names.push(`${symbol} ${kind}`);
    one.lastMs = Math.max(one.lastMs, at);
    found.set(why, one);
  }
  return [...found.values()].map((one) => ({
    ...one,
    which: one.names.join(", ") + (one.items > one.names.length ? ", …" : ""),
  }));
}

// --- The report

function reportPart() {
  const sum = facts();
  const calls = dataTable({
    caption: "Calls of the run by endpoint",
    key: ({ name }) => name,
    sortBy: "calls",
    descending: true,
    columns: [
      { id: "name", title: "Endpoint", sort: ({ name }) => name, cell: ({ name }) => name },
      ...[
        ["calls", "Calls", (one) => one.count, count],
        ["failed", "Failed", (one) => one.failed, count],
        ["ok", "Ok", (one) => one.success_rate, percent],
        ["mean", "Mean", (one) => one.mean_ms, duration],
        ["p95", "p95", (one) => one.p95_ms, duration],
      ].map(([id, title, of, write]) => ({
        id,
        title,
        number: true,
        sort: of,
        cell: (row) => write(of(row)),
      })),
    ],
    empty: "No call was made",
  });
  const saved = dataTable({
    caption: "Calls that were not needed",
    key: ({ name }) => name,
    columns: [
      { id: "name", title: "Saved by", cell: ({ name }) => name.replaceAll("_", " ") },
      { id: "items", title: "Items", number: true, cell: (one) => count(one.items_skipped) },
      { id: "calls", title: "Calls", number: true, cell: (one) => count(one.calls_saved) },
      { id: "time", title: "Time", number: true, cell: (one) => duration(one.ms_saved) },
      { id: "evidence", title: "Evidence", className: "words", cell: ({ evidence }) => evidence },
    ],
    empty: "Nothing was saved",
  });
  const body = make(
    "div",
    { hidden: true },
    sum.element,
    make("h4", {}, "Calls"),
    calls.element,
    make("h4", {}, "Saved"),
    saved.element,
  );
  const note = make("div");
  const title = make("h3", {}, "Report of the run");
  return {
    element: make("div", { class: "job-report" }, title, note, body),
    clear({ runId }) {
      body.hidden = true;
      replace(note, emptyNote(runId === null ? "It has not run yet." : "Asking for the report…"));
    },
    fail(error) {
      body.hidden = true;
      replace(
        note,
        error.code === "no_report" ? emptyNote("It has not run yet.") : problem(error.message),
      );
    },
    set(report) {
      body.hidden = false;
      replace(note);
      text(title, `Report of run ${report.run_summary.run_id}`);
      sum.set(summaryFacts(report));
      calls.update(rowsOf(report.api_metrics.by_endpoint));
      const { by_optimization: by, apart } = report.optimizations;
      saved.update([...rowsOf(by), ...rowsOf(apart)].filter((one) => one.items_skipped > 0));
    },
  };
}

function rowsOf(record) {
  return Object.entries(record).map(([name, one]) => ({ name, ...one }));
}

function summaryFacts({ run_summary: sum, api_metrics: api, limiter, retries, ...report }) {
  const causes = Object.entries(retries.by_cause).map(([cause, n]) => `${count(n)} ${cause}`);
  const { plain_calls: plain, planned_calls: planned } = report.optimizations;
  return [
    [
      "Run",
      `${sum.state} ${sum.state === "running" ? "for" : "in"} ${
        duration(sum.total_duration_minutes * 60_000)
      }` +
      (sum.resumed === 0 ? "" : `, resumed ${countOf(sum.resumed, "time")}`),
    ],
    [
      "Items",
      `${count(sum.items_processed)} processed: ${count(sum.items_ok)} ok, ` +
      `${count(sum.items_failed)} failed (${percent(sum.success_rate)} ok), ` +
      `${count(sum.items_skipped)} skipped`,
    ],
    [
      "Limited by",
      sum.limiting_phase === null
        ? null
        : sum.limiting_phase + (sum.limited_by === null ? "" : `, by the ${sum.limited_by}`),
    ],
    [
      "Calls",
      `${count(api.total_calls)}, ${count(api.failed_calls)} failed (${
        percent(api.success_rate)
      } ok)`,
    ],
    [
      "Plan",
      plain === null || planned === null
        ? null
        : `${count(plain)} calls without filters, ${count(planned)} with`,
    ],
    [
      "Limit",
      limiter.calls_max === null || limiter.window_ms === null
        ? "none"
        : `${count(limiter.calls_max)} calls in ${duration(limiter.window_ms)}, ` +
          `used ${percent(limiter.use)}` +
          (limiter.use > 1 ? ", with what had gathered before the run" : ""),
    ],
    ["Waited for it", `${duration(limiter.waited_ms)}, all workers together`],
    [
      "Retries",
      retries.total === 0
        ? "none"
        : `${count(retries.total)} (${causes.join(", ")}), pauses ${duration(retries.waited_ms)}`,
    ],
  ];
}
