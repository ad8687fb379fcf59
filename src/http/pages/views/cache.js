// The cache: what it answers, what it holds and lets go, another size, advice, and one key explained.

import { make, region, replace, text } from "../lib/dom.js";
import { bytes, count, decimal, duration, percent } from "../lib/format.js";
import { bar, disclosure, emptyNote, figure, problem, state, tabs } from "../lib/parts.js";
import { dataTable, numberColumn } from "../lib/table.js";
import { cacheActions } from "./cache_act.js";
import { missCurve } from "./cache_curve.js";
import { keyExplainer } from "./cache_key.js";
import { countOf, follow } from "./facts.js";
import { warming } from "./warming.js";

/** Types, curve and advice move slowly, and are no part of the topic. */
const REPORT_EVERY_MS = 2_000;

export default {
  id: "cache",
  title: "Cache and warming",
  key: "c",
  topics: ["cache", "warming"],
  mount(root, ctx) {
    const figures = figuresRow();
    const tables = typeTables();
    const tiers = tierTable();
    const curve = missCurve();
    const advice = adviceList();
    const explainer = keyExplainer(ctx);
    const acts = ctx.mayAct ? cacheActions(ctx, () => report.now()) : null;
    const protectedBy = make("p", { class: "soft" });
    const note = make("div", { class: "view-note" }, emptyNote("Asking the cache…"));
    const body = make(
      "div",
      { class: "view-body", hidden: true },
      figures.element,
      region("Tiers", tiers.element),
      region("By type", tables.element),
      make(
        "div",
        { class: "cache-columns" },
        region("Another size", curve.element),
        region("Recommendations", advice.element),
      ),
      region("Explain a key", explainer.element),
      make(
        "div",
        { class: "cache-columns" },
        region("Protected from eviction", protectedBy, acts?.protection.element),
        acts === null ? null : region("Invalidate", acts.invalidation),
      ),
    );
    const warm = warming(ctx);
    replace(root, note, body, warm.element);

    const show = (data) => {
      figures.set(data);
      tiers.update(data);
      text(protectedBy, protectedText(data.protection));
      acts?.protection.set(data.protection.patterns);
      body.hidden = false;
      replace(note);
    };
    const showReport = (data) => {
      show(data);
      tables.update(data);
      curve.set(data);
      advice.set(data.advice);
    };
    const report = follow(ctx, {
      path: () => "/api/cache/report",
      everyMs: REPORT_EVERY_MS,
      take: showReport,
      fail(error) {
        if (body.hidden) replace(note, noteOf(error));
      },
    });
    report.poke();
    explainer.show(ctx.params.get("key") ?? "");
    return {
      frame(topic, data) {
        if (topic === "warming") return warm.set(data);
        show(data);
        report.poke();
      },
      // Until there is something to show, the note says what is wrong.
      problem: (topic) => topic === "warming" ? warm.isEmpty() : body.hidden,
      params(params) {
        explainer.show(params.get("key") ?? "");
      },
      unmount() {
        report.close();
        curve.destroy();
        warm.destroy();
      },
    };
  },
};

function noteOf(error) {
  return error.code === "no_cache"
    ? emptyNote("This service has no cache. The setting cacheProvider names what fills one.")
    : problem(error.message);
}

function figuresRow() {
  const labels = ["Hit ratio", "Entries", "Memory", "Loads", "Upstream", "Protected", "Pollution"];
  const [hits, entries, memory, loads, upstream, kept, pollution] = labels.map(figure);
  const element = make(
    "div",
    { class: "figures" },
    ...[hits, entries, memory, loads, upstream, kept, pollution].map((one) => one.element),
  );
  return {
    element,
    set({ total, shards, upstream: calls, protection }) {
      const sum = (of) => shards.reduce((all, shard) => all + of(shard), 0);
      const bound = shards.some(({ weightMaxBytes }) => weightMaxBytes === null)
        ? null
        : sum(({ weightMaxBytes }) => weightMaxBytes);
      hits.set(
        percent(total.servedRatio),
        `${percent(total.freshRatio)} fresh, of ${countOf(total.requests, "request")}`,
      );
      entries.set(count(total.entries), `of ${count(sum(({ entriesMax }) => entriesMax))}`);
      memory.set(bytes(total.weightBytes), bound === null ? "no bound" : `of ${bytes(bound)}`);
      loads.set(
        count(sum(({ flights }) => flights)),
        `under way; ${countOf(total.loadFailures, "failure")} of ${count(total.loads.all)}`,
      );
      upstream.set(
        perHundred(calls.callsPer100),
        calls.callsPer100 === null
          ? "no calls counted yet"
          : `calls, ${perHundred(calls.keysPer100)} keys for 100 requests`,
      );
      kept.set(count(protection.entries), `of at most ${count(protection.entriesMax)}`);
      pollution.set(percent(total.pollutionRatio), "evicted unread, of what was put in");
    },
  };
}

function perHundred(n) {
  return decimal(n, 1);
}

function protectedText({ entries, entriesMax, patterns, refused }) {
  if (patterns.length === 0) return "No pattern protects keys from being evicted.";
  const missed = refused === 0 ? "" : `; ${countOf(refused, "insert")} found no room`;
  return `${countOf(entries, "entry", "entries")} of at most ${count(entriesMax)} by ` +
    `${patterns.join(", ")}${missed}.`;
}

// --- Tiers and shards

function tierTable() {
  const tiers = dataTable({
    caption: "Tiers of the cache",
    key: ({ name }) => name,
    columns: [
      { id: "tier", title: "Tier", cell: ({ name }) => name },
      { id: "state", title: "State", cell: ({ word }) => state(word) },
      { id: "entries", title: "Entries", number: true, cell: ({ entries }) => count(entries) },
      {
        id: "size",
        title: "Size",
        cell: ({ size, sizeMax }) =>
          sizeMax === null ? bytes(size) : bar(size, sizeMax, `${bytes(size)} / ${bytes(sizeMax)}`),
      },
      numberColumn("hits", "Hits", ({ hits }) => hits),
      numberColumn("misses", "Misses", ({ misses }) => misses),
      {
        id: "ratio",
        title: "Hit ratio",
        number: true,
        cell: ({ hits, misses }) => percent(hits + misses === 0 ? null : hits / (hits + misses)),
      },
      numberColumn("evicted", "Evicted", ({ evicted }) => evicted),
      { id: "note", title: "Note", cell: ({ note }) => note },
    ],
    empty: "No tier answers now",
  });
  const shards = dataTable({
    caption: "Shards of the first tier",
    key: ({ shard }) => String(shard),
    sortBy: "shard",
    columns: [
      { id: "shard", title: "Shard", sort: ({ shard }) => shard, cell: (row) => String(row.shard) },
      {
        id: "policy",
        title: "Policy",
        cell: ({ policy, choice }) => choice === null ? policy : `${policy}, ${choice}`,
      },
      {
        id: "entries",
        title: "Entries",
        sort: ({ entries }) => entries,
        cell: ({ entries, entriesMax }) => bar(entries, entriesMax),
      },
      {
        id: "flights",
        title: "Loads",
        sort: ({ flights }) => flights,
        cell: ({ flights, flightsMax }) => bar(flights, flightsMax),
      },
      numberColumn("requests", "Requests", ({ requests }) => requests),
      {
        id: "served",
        title: "Hit ratio",
        number: true,
        sort: ({ servedRatio }) => servedRatio,
        cell: ({ servedRatio }) => percent(servedRatio),
      },
    ],
    empty: "No shard answers now",
  });
  return {
    element: make("div", {}, tiers.element, disclosure("Shards", shards.element)),
    update(data) {
      tiers.update(tierRows(data));
      shards.update(data.shards);
    },
  };
}

function tierRows({ total, shards, tier }) {
  const bounds = shards.map(({ weightMaxBytes }) => weightMaxBytes);
  const first = {
    name: "In process",
    word: shards.length > 0 ? "up" : "down",
    entries: total.entries,
    size: total.weightBytes,
    sizeMax: bounds.includes(null) ? null : bounds.reduce((a, b) => a + b, 0),
    hits: total.freshHits + total.staleHits,
    misses: total.joined + total.misses + total.refused,
    evicted: total.removed.evicted,
    note: countOf(shards.length, "shard"),
  };
  if (tier === null) return [first];
  const troubles = [
    tier.dropped === 0 ? null : `${count(tier.dropped)} not written`,
    tier.failures === 0 ? null : countOf(tier.failures, "failure"),
    tier.state === "up" ? null : tier.lastError,
  ].filter((one) => one !== null);
  const second = {
    name: `Second (${tier.kind})`,
    word: tier.state,
    entries: tier.entries,
    size: tier.bytes,
    sizeMax: tier.bytesMax,
    hits: tier.hits,
    misses: tier.misses,
    evicted: tier.evicted,
    note: troubles.join(", "),
  };
  return [first, second];
}

// --- Types

const CAUSES = ["evicted", "expired", "invalidated", "replaced", "flushed"];

function typeTables() {
  const type = {
    id: "type",
    title: "Type",
    sort: ({ type }) => type,
    cell: (row) => row.type,
  };
  const column = (id, title, of, write = count) => ({
    id,
    title,
    number: true,
    sort: of,
    cell: (row) => write(of(row)),
  });
  const seconds = (value) => duration(value === null ? null : value * 1_000);
  const table = (caption, columns, sortBy, key = ({ type }) => type) =>
    dataTable({
      caption,
      key,
      columns: [type, ...columns],
      sortBy,
      descending: true,
      empty:
        "Nothing was asked for yet. Requests to the cache appear here by the kind of their key.",
    });
  const requests = table("Requests by type", [
    column("requests", "Requests", (one) => one.requests),
    column("hits", "Hits", (one) => one.freshHits + one.staleHits),
    column("misses", "Misses", (one) => one.misses),
    column("ratio", "Hit ratio", (one) => one.servedRatio, percent),
    column("fresh", "Fresh", (one) => one.freshRatio, percent),
    column("tier", "Second tier", (one) => one.secondTierHits),
    column("joined", "Joined", (one) => one.joined),
    column("loads", "Loads", (one) => one.loads.all),
    column("failed", "Failed", (one) => one.loadFailures),
    column("p50", "Wait p50", (one) => one.wait.p50Seconds, seconds),
    column("p99", "p99", (one) => one.wait.p99Seconds, seconds),
  ], "requests");
  const entries = table("Entries and why they left, by type", [
    column("entries", "Entries", (one) => one.entries),
    column("size", "Size", (one) => one.weightBytes, bytes),
    column("inserted", "Put in", (one) => one.inserted),
    ...CAUSES.map((cause) => column(cause, titled(cause), (one) => one.removed[cause])),
    column("pollution", "Pollution", (one) => one.pollutionRatio, percent),
  ], "entries");
  const origins = table(
    "Put in and never read, by type and origin",
    [
      { id: "origin", title: "By", sort: ({ origin }) => origin, cell: (row) => row.origin },
      column("inserted", "Put in", (one) => one.inserted),
      column("evicted", "Evicted unread", (one) => one.evictedUnread),
      column("expired", "Expired unread", (one) => one.expiredUnread),
      column("pollution", "Pollution", (one) => one.pollutionRatio, percent),
    ],
    "inserted",
    ({ type, origin }) => `${type} ${origin}`,
  );
  const left = table("Time left until entries are stale, by type", [
    column("stale", "Stale", (one) => one.ttlLeft.stale),
    ...SPANS.map((title, at) =>
      column(`span-${at}`, title, (one) => one.ttlLeft.spans[at]?.entries ?? null)
    ),
    column("never", "No end", (one) => one.ttlLeft.never),
  ], "stale");
  const box = tabs("Requests", "Entries and evictions", "Time left", "Who put them in");
  [requests, entries, left, origins].forEach((one, at) => box.panels[at].append(one.element));
  return {
    element: box.element,
    update({ types }) {
      requests.update(types);
      entries.update(types);
      left.update(types);
      origins.update(
        types.flatMap(({ type, origins }) => origins.map((one) => ({ type, ...one }))),
      );
    },
  };
}

/** As the spans of the report are. */
const SPANS = ["< 1 s", "< 10 s", "< 1 min", "< 10 min", "< 1 h", "< 1 d", "Longer"];

function titled(word) {
  return word[0].toUpperCase() + word.slice(1);
}

// --- Advice

function adviceList() {
  const list = make("ol", { class: "advice" });
  const none = emptyNote(
    "Nothing to change. Recommendations appear once enough requests say that another setting " +
      "would do better.",
  );
  let shown = null;
  return {
    element: make("div", {}, list, none),
    set(advice) {
      const now = JSON.stringify(advice);
      if (now === shown) return;
      shown = now;
      list.hidden = advice.length === 0;
      none.hidden = advice.length > 0;
      replace(
        list,
        ...advice.map(({ action, evidence, gain }) =>
          make(
            "li",
            {},
            make("strong", {}, sentence(action)),
            make("span", { class: "soft" }, ` ${sentence(`Since ${evidence}`)}`),
            ` ${sentence(`Gain: ${gain}`)}`,
          )
        ),
      );
    },
  };
}

function sentence(said) {
  const whole = titled(said);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
