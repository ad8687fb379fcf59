// Upstream providers: breaker, calls and errors, limits with who uses them, grouping into calls.

import { make, text } from "../lib/dom.js";
import { count, decimal, duration, percent } from "../lib/format.js";
import { setState, state } from "../lib/parts.js";
import { dataTable, numberColumn } from "../lib/table.js";
import { countOf, facts, progressBar } from "./facts.js";

/** The part of the view: `{ element, set(providers), show(name) }`. */
export function providerPart(_ctx, onSelect) {
  const table = providerTable(onSelect);
  const detail = providerDetail();
  let all = [];
  let wanted = null;
  const show = () => {
    const name = wanted ?? all[0]?.name ?? null;
    table.select(name);
    detail.set(all.find((one) => one.name === name) ?? null);
  };
  return {
    element: make("div", {}, table.element, detail.element),
    set(providers) {
      all = providers;
      table.update(providers);
      show();
    },
    show(name) {
      wanted = name;
      show();
    },
  };
}

/** Share of a limit from which on it is marked. */
const LIMIT_WARN = 0.9;

const BREAKER_TONES = { closed: "good", half_open: "warn", open: "bad" };

/** Sums over the endpoints of a provider. */
function sumsOf(status) {
  const sums = { calls: 0, failed: 0, keys: 0 };
  for (const { calls, failed, keys } of status?.endpoints ?? []) {
    sums.calls += calls;
    sums.failed += failed;
    sums.keys += keys;
  }
  return sums;
}

/** The limit that is used most; null where there is none. */
function tightest(status) {
  const limits = status?.limiter?.limits ?? [];
  return limits.reduce((a, b) => a === null || b.usedRatio > a.usedRatio ? b : a, null);
}

function providerTable(onSelect) {
  const word = ({ status }) => status?.breaker ?? "no answer";
  return dataTable({
    caption: "Providers and their limits",
    key: ({ name }) => name,
    onSelect,
    sortBy: "name",
    columns: [
      { id: "name", title: "Provider", sort: ({ name }) => name, cell: ({ name }) => name },
      {
        id: "breaker",
        title: "Breaker",
        sort: word,
        cell: (row, previous) => {
          const tone = BREAKER_TONES[word(row)] ?? "bad";
          return previous === null ? state(word(row), tone) : setState(previous, word(row), tone);
        },
      },
      numberColumn("calls", "Calls", ({ status }) => sumsOf(status).calls),
      numberColumn("failed", "Failed", ({ status }) => sumsOf(status).failed),
      numberColumn("keys", "Keys a call", ({ status }) => {
        const { calls, keys } = sumsOf(status);
        return calls === 0 ? null : keys / calls;
      }, (value) => decimal(value, 1)),
      numberColumn("underway", "Under way", ({ status }) => status?.limiter?.inFlight ?? null),
      numberColumn("waiting", "Waiting", ({ status }) => status?.waitingKeys ?? null),
      {
        id: "limit",
        title: "Limit in use",
        sort: ({ status }) => tightest(status)?.usedRatio ?? null,
        cell: ({ status }) => limitBar(tightest(status)),
      },
      numberColumn("limited", "Refused", ({ status }) => status?.limiter?.limited ?? null),
    ],
    empty: "No provider is set. The setting providers names them.",
  });
}

function limitBar(limit) {
  if (limit === null) return "no limit";
  const of = `${count(limit.used)} / ${count(limit.requests)}`;
  // Working at the limit is what a limiter is for.
  const tone = limit.usedRatio >= LIMIT_WARN ? "warn" : "good";
  return progressBar(limit.usedRatio, `${of} in ${windowText(limit.windowMs)}`, tone);
}

/** Windows are a little longer than they are called, to be safe. */
function windowText(ms) {
  return duration(Math.round(ms / 1_000) * 1_000 || ms).replace(/\.0(?=\u00a0s)/, "");
}

/** A limiter in facts, as jobs show it too. */
export function limitFacts({ limiter }) {
  if (limiter === null) return [["Limit", "none"]];
  const { limits, waiting, inFlight } = limiter;
  return [
    ...limits.map((limit) => [
      limit.key === null ? limit.name : `${limit.name}, ${limit.key}`,
      limitBar(limit),
    ]),
    ["Tokens free", count(limits.length === 0 ? null : Math.min(...limits.map(freeOf)))],
    ["Next one free", nextFree(limits)],
    ["Waiting", `${countOf(waiting, "request")}, ${count(inFlight)} under way`],
    [
      "Waited so far",
      `${duration(limiter.waitedMs)} by ${countOf(limiter.granted, "request")}, at most ` +
      duration(limiter.waitedMaxMs),
    ],
    ["Paused", limiter.pausedForMs > 0 ? `for ${duration(limiter.pausedForMs)} more` : null],
    ["Refused by the provider", limiter.limited === 0 ? null : countOf(limiter.limited, "time")],
    ["Kept in reserve", limiter.reserveLeft === null ? null : count(limiter.reserveLeft)],
  ];
}

function freeOf({ requests, used }) {
  return Math.max(0, requests - used);
}

function nextFree(limits) {
  const waits = limits.map(({ freeInMs }) => freeInMs).filter((one) => one !== null && one > 0);
  return waits.length === 0 ? null : `in ${duration(Math.max(...waits))}`;
}

// --- One provider

function providerDetail() {
  const title = make("h3");
  const limit = facts();
  const grouping = facts();
  const own = facts();
  const endpoints = numbersTable("Calls by endpoint", "endpoint", "Endpoint", [
    ["calls", "Calls", count],
    ["failed", "Failed", count],
    ["keys", "Keys", count],
    ["meanMs", "Mean", duration],
  ], "No call was made yet");
  const users = numbersTable("Who uses the limit", "user", "User", [
    ["granted", "Granted", count],
    ["waiting", "Waiting", count],
    ["waitedMs", "Waited", duration],
    ["refused", "Refused", count],
  ], "Nobody has asked yet");
  const element = make(
    "div",
    { class: "provider-detail", hidden: true },
    title,
    make(
      "div",
      { class: "columns" },
      make("div", {}, make("h4", {}, "Limiter"), limit.element),
      make("div", {}, make("h4", {}, "Grouping into calls"), grouping.element),
    ),
    make(
      "div",
      { class: "columns" },
      make("div", {}, make("h4", {}, "Endpoints"), endpoints.element),
      make("div", {}, make("h4", {}, "Users"), users.element),
    ),
    make("h4", {}, "Of its own"),
    own.element,
  );
  return {
    element,
    set(provider) {
      const status = provider?.status ?? null;
      element.hidden = status === null;
      if (status === null) return;
      text(title, `Provider ${status.name}`);
      limit.set(limitFacts(status));
      grouping.set(groupingFacts(status));
      own.set([
        ["Last error", status.lastError],
        ["Failures in a row", count(status.failures)],
        ["Permits given out", count(status.permits)],
        ...Object.entries(status.detail).map(([name, value]) => [
          wordsOf(name),
          typeof value === "number" ? count(value) : value === null ? null : String(value),
        ]),
      ]);
      endpoints.update(status.endpoints);
      users.update(status.limiter?.users ?? []);
    },
  };
}

/** A name of the provider's own, as words: "underWay" is "Under way". */
function wordsOf(name) {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function numbersTable(caption, id, title, numbers, empty) {
  return dataTable({
    caption,
    key: (row) => row[id],
    sortBy: numbers[0][0],
    descending: true,
    columns: [
      { id, title, sort: (row) => row[id], cell: (row) => row[id] },
      ...numbers.map(([of, name, write]) => ({
        id: of,
        title: name,
        number: true,
        sort: (row) => row[of],
        cell: (row) => write(row[of]),
      })),
    ],
    empty,
  });
}

function groupingFacts({ batch }) {
  return [
    [
      "Grouped",
      batch.calls === 0
        ? "no call yet"
        : `${countOf(batch.keys, "key")} in ${countOf(batch.calls, "call")}: ` +
          `${decimal(batch.keys / batch.calls, 1)} a call`,
    ],
    ["Wished for while waiting", count(batch.coalesced)],
    ["Made again", countOf(batch.retried, "call")],
    [
      "Halved",
      `${countOf(batch.bisected, "call")} into ${countOf(batch.halves, "half", "halves")}`,
    ],
    ["Suspects", `${countOf(batch.suspects, "key")} travel alone`],
    ["Given up before sent", countOf(batch.expired, "key")],
    ["Bulk waiting", countOf(batch.bulkWaiting, "key")],
    ["Load", `${percent(batch.loadRatio)}${batch.isLowLoad ? ", low" : ""}`],
  ];
}
