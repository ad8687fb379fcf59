// Refreshing: what was re-scored and why, each run with its best set, and clusters of edges.

import { field, make, region, replace } from "../lib/dom.js";
import { count, decimal, duration, percent, time } from "../lib/format.js";
import { emptyNote, figure, problem, setState, state } from "../lib/parts.js";
import { dataTable, numberColumn } from "../lib/table.js";
import { countOf, facts, follow, score, words } from "./facts.js";
import { edgeExplainer } from "./refresh_edges.js";
import { recordForm } from "./refresh_act.js";
import { runDetail, staleText } from "./refresh_run.js";

const CLUSTERS_EVERY_MS = 4_000;
/** Largest clusters that are listed. */
const CLUSTERS_MAX = 100;
/** Members of a cluster in its line. */
const MEMBERS_SHOWN = 6;

export default {
  id: "refresh",
  title: "Refresh",
  key: "r",
  topics: ["refresh", "runs"],
  mount(root, ctx) {
    const note = make("div", {}, emptyNote("Asking for runs…"));
    const figures = figuresRow();
    const gate = facts();
    const blocks = facts();
    const detail = runDetail(ctx);
    const runs = runTable(ctx, (run) => choose({ run: run.runId }));
    const explainer = edgeExplainer(ctx, (edge) => choose({ edge }));
    const clusters = clusterTable((cluster) => choose({ edge: cluster.id }));
    const search = make("input", {
      type: "search",
      placeholder: "Edge",
      "aria-label": "Search clusters by edge",
      on: { input: () => clusters.setSearch(search.value) },
    });
    const record = ctx.mayAct ? recordForm(ctx) : null;
    const body = make(
      "div",
      { hidden: true },
      figures.element,
      region("Runs", runs.element, detail.element),
      region(
        "Clusters",
        make("div", { class: "toolbar" }, field("Search", search)),
        make("div", { class: "low" }, clusters.element),
      ),
      region("Explain an edge", explainer.element),
      record === null ? null : region("Record a change of an edge", record.element),
      region(
        "Changes and correlations",
        make(
          "div",
          { class: "columns" },
          make("div", {}, make("h3", {}, "Changes of edges"), gate.element),
          make("div", {}, make("h3", {}, "Correlations"), blocks.element),
        ),
      ),
    );
    replace(root, note, body);

    const choose = (given) => {
      ctx.setParams({ ...Object.fromEntries(ctx.params), ...given });
      showParams(ctx.params);
    };
    const showParams = (params) => {
      const run = params.get("run");
      runs.select(run);
      detail.show(run);
      explainer.show(params.get("edge") ?? "");
    };
    const follower = follow(ctx, {
      path: () => `/api/clusters?limit=${CLUSTERS_MAX}`,
      everyMs: CLUSTERS_EVERY_MS,
      take: (data) => {
        clusters.update(data.clusters.map(clusterRow));
        record?.edges(data.clusters.flatMap(({ members }) => members));
      },
      fail: () => clusters.update([]),
    });
    const showRuns = ({ runs: all }) => {
      runs.update(all);
      record?.runs(all.map(({ runId }) => runId));
      const isNew = ctx.params.get("run") === null && all.length > 0;
      if (isNew) detail.show(all[0].runId);
      runs.select(detail.shown());
      detail.set(all.find(({ runId }) => runId === detail.shown()) ?? null);
    };
    const showStats = (stats) => {
      figures.set(stats);
      gate.set(gateFacts(stats, ctx.now()));
      blocks.set(blockFacts(stats.aggregator));
      body.hidden = false;
      replace(note);
      follower.poke();
    };
    const first = async () => {
      try {
        const [stats, all] = await Promise.all([
          ctx.ask("/api/refresh/stats"),
          ctx.ask("/api/runs"),
        ]);
        if (!root.isConnected || !body.hidden) return;
        showStats(stats);
        showRuns(all);
      } catch (error) {
        if (body.hidden) replace(note, noteOf(error));
      }
    };
    first();
    showParams(ctx.params);
    return {
      frame(topic, data) {
        if (topic === "runs") showRuns(data);
        else showStats(data);
      },
      // Until there is something to show, the note says what is wrong.
      problem: () => body.hidden,
      params: showParams,
      unmount() {
        follower.close();
        detail.destroy();
      },
    };
  },
};

function noteOf(error) {
  return error.code === "no_refresh"
    ? emptyNote("This service refreshes nothing: the setting refreshEnabled is off.")
    : problem(error.message);
}

// --- Figures over all

function figuresRow() {
  const labels = ["Runs", "Partial", "Full", "Fallbacks", "Failed", "Changes", "Clusters"];
  const all = labels.map(figure);
  const [runs, partial, full, fallbacks, failed, changes, clusters] = all;
  return {
    element: make("div", { class: "figures" }, ...all.map((one) => one.element)),
    set(stats) {
      const { gate, aggregator } = stats;
      const tone = (n) => n === 0 ? null : "warn";
      runs.set(
        count(stats.runs),
        stats.staleRuns === 0 ? "none stale" : `${count(stats.staleRuns)} stale`,
        tone(stats.staleRuns),
      );
      partial.set(
        count(stats.partial),
        stats.partialRatio === null
          ? "refreshes"
          : `${percent(stats.partialRatio)} of those wanted`,
      );
      full.set(count(stats.full), "refreshes by a rebuild");
      fallbacks.set(count(stats.fallbacks), "from partial to full", tone(stats.fallbacks));
      failed.set(
        count(stats.failed),
        `${countOf(stats.auditMismatches, "audit")} did not match`,
        stats.failed + stats.auditMismatches === 0 ? null : "bad",
      );
      changes.set(
        `${decimal(gate.changesPerS, 1)}/s`,
        `of edges, in mode ${gate.mode}`,
        gate.mode === "normal" ? null : "warn",
      );
      clusters.set(
        count(aggregator?.clusters ?? null),
        aggregator === null
          ? "the aggregator does not answer"
          : `of ${countOf(aggregator.edges, "edge")}, the largest of ${count(aggregator.largest)}`,
      );
    },
  };
}

function gateFacts({ gate, busyRatio, aggregator, providers }) {
  const down = providers.filter(({ breaker }) => breaker !== "closed");
  return [
    ["Let through at once", `${count(gate.passed)} of ${count(gate.offered)}`],
    ["Kept back now", `${count(gate.kept)}; ${count(gate.conflated)} replaced by a later one`],
    ["Let through later", `${count(gate.released)} of ${count(gate.deferred)}`],
    [
      "Mode",
      `${gate.mode} since ${time(gate.sinceMs)}, changed ${countOf(gate.modeChanges, "time")}`,
    ],
    ...aggregator === null ? [] : [
      [
        "Sizes",
        `${count(aggregator.totals.minor)} minor, ${count(aggregator.totals.moderate)} moderate, ` +
        `${count(aggregator.totals.major)} major; ${count(aggregator.totals.refused)} refused`,
      ],
      ["Waiting", `${countOf(aggregator.pending, "edge")} for the next tick`],
      [
        "Clusters fired",
        `${countOf(aggregator.totals.fired, "time")} in ${
          countOf(aggregator.totals.ticks, "tick")
        }` +
        (aggregator.firedRatio === null ? "" : ` (${percent(aggregator.firedRatio)})`),
      ],
    ],
    ["Busy", `${percent(busyRatio)} of the last seconds`],
    [
      "Providers",
      down.length === 0
        ? providers.length === 0 ? null : `${count(providers.length)} up`
        : down.map(({ name, breaker }) => `${name}: ${words(breaker ?? "no answer")}`).join(", "),
    ],
  ];
}

function blockFacts(aggregator) {
  if (aggregator === null) return [["State", "the aggregator does not answer"]];
  const { blocks, stream } = aggregator;
  return [
    ["Pairs known", count(aggregator.knownPairs)],
    [
      "Learned from",
      stream === null
        ? "nothing: they are handed in"
        : `${countOf(stream.bars, "bar time")} of ${countOf(stream.edges, "edge")}, ` +
          `${count(stream.late)} late`,
    ],
    [
      "Follows",
      aggregator.seq === null
        ? "no candles"
        : `${countOf(aggregator.instruments, "instrument")} up to commit ${count(aggregator.seq)}` +
          (aggregator.isCaughtUp ? "" : ", with more to come"),
    ],
    ["Clusters made anew", countOf(aggregator.totals.regrouped, "time")],
    [
      "Blocks in the cache",
      `${count(blocks.totals.warmed)} warmed, ${count(blocks.totals.failed)} failed; ` +
      `${count(blocks.running.length)} under way, ${count(blocks.waiting.length)} waiting`,
    ],
    [
      "Reads of blocks",
      blocks.hitRatio === null ? "none yet" : `${percent(blocks.hitRatio)} found theirs`,
    ],
    [
      "Time of a block",
      blocks.warmMs === null
        ? null
        : `${duration(blocks.warmMs.p50)} p50, ${duration(blocks.warmMs.p99)} p99`,
    ],
  ];
}

// --- Runs

/** A word for how a run is, and its tone. */
export function stateOfRun({ isRefreshing, isStale }) {
  if (isRefreshing) return ["refreshing", "busy"];
  return isStale ? ["stale", "warn"] : ["fresh", "good"];
}

function runTable(ctx, onSelect) {
  const gain = ({ liveBest, publishedBest }) =>
    liveBest === null || publishedBest === null ? null : liveBest.score - publishedBest.score;
  return dataTable({
    caption: "Optimisation runs",
    key: ({ runId }) => runId,
    onSelect,
    search: ({ runId }) => runId,
    sortBy: "run",
    columns: [
      { id: "run", title: "Run", sort: ({ runId }) => runId, cell: ({ runId }) => runId },
      {
        id: "state",
        title: "State",
        sort: ({ isStale }) => Number(isStale),
        cell: (run, previous) => {
          const [word, tone] = stateOfRun(run);
          return previous === null ? state(word, tone) : setState(previous, word, tone);
        },
      },
      {
        id: "best",
        title: "Published",
        className: "set",
        cell: ({ publishedBest }) => publishedBest?.setId ?? "nothing yet",
      },
      numberColumn("score", "Score", ({ publishedBest }) => publishedBest?.score ?? null, score),
      {
        id: "gain",
        title: "Δ score of ε",
        number: true,
        className: "nowrap",
        sort: gain,
        cell: (run) => `${signed(gain(run))} of ${score(run.epsilon)}`,
      },
      numberColumn("sets", "Sets", ({ sets }) => sets),
      numberColumn("changed", "Changed", ({ edgesChangedSince }) => edgesChangedSince),
      {
        id: "refreshes",
        title: "Partial, full",
        number: true,
        className: "nowrap",
        sort: ({ counters }) => counters.partial + counters.full,
        cell: ({ counters }) => `${count(counters.partial)}, ${count(counters.full)}`,
      },
      {
        id: "refreshed",
        title: "Refreshed",
        className: "nowrap",
        sort: ({ lastRefreshAtMs }) => lastRefreshAtMs,
        cell: ({ lastRefreshAtMs }) =>
          lastRefreshAtMs === null ? "never" : time(lastRefreshAtMs, ctx.now()),
      },
      {
        id: "why",
        title: "Stale because",
        className: "words",
        cell: ({ staleReasons }) => staleReasons.map(staleText).join("; "),
      },
    ],
    empty: "No run yet. One is made by POST /api/runs, or by the setting refreshBaskets.",
  });
}

/** A difference with its sign. */
export function signed(value) {
  return value === null ? "–" : `${value > 0 ? "+" : ""}${score(value).replace("-", "−")}`;
}

// --- Clusters

function clusterRow(cluster) {
  const others = cluster.members.slice(0, MEMBERS_SHOWN);
  const rest = cluster.members.length - others.length;
  return {
    ...cluster,
    size: cluster.members.length,
    shown: others.join(", ") + (rest === 0 ? "" : ` and ${count(rest)} more`),
    word: cluster.isFired ? "fired" : cluster.at === null ? "at rest" : "armed",
  };
}

const CLUSTER_TONES = { fired: "warn", armed: "good", "at rest": "off" };

function clusterTable(onSelect) {
  return dataTable({
    caption: `The largest clusters, at most ${CLUSTERS_MAX}`,
    key: ({ id }) => id,
    onSelect,
    search: ({ members }) => members.join(" "),
    sortBy: "size",
    descending: true,
    columns: [
      { id: "id", title: "Cluster", sort: ({ id }) => id, cell: ({ id }) => id },
      {
        id: "size",
        title: "Edges",
        number: true,
        sort: ({ size }) => size,
        cell: ({ size }) => count(size),
      },
      {
        id: "impact",
        title: "Impact",
        number: true,
        sort: ({ impact }) => impact,
        cell: ({ impact }) => decimal(impact, 3),
      },
      {
        id: "state",
        title: "State",
        sort: ({ word }) => word,
        cell: ({ word }, previous) =>
          previous === null
            ? state(word, CLUSTER_TONES[word])
            : setState(previous, word, CLUSTER_TONES[word]),
      },
      {
        id: "at",
        title: "Last change",
        className: "nowrap",
        sort: ({ at }) => at,
        cell: ({ at }) => time(at),
      },
      { id: "members", title: "Members", className: "words", cell: ({ shown }) => shown },
    ],
    empty: "No edge yet. Edges come with candles, with runs, or by POST /api/edges.",
  });
}
