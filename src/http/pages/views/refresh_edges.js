// Why an edge is in its cluster: its highest correlations, and what waits of it.

import { field, make, replace } from "../lib/dom.js";
import { count, decimal, time } from "../lib/format.js";
import { button, problem, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { countOf, facts, score, words } from "./facts.js";

/** Members of a cluster that are named. */
const MEMBERS_SHOWN = 30;

const SOURCES = { given: "handed in", streamed: "learned from candles", none: "not known" };

/** The form and its answer: `{ element, show(edge) }`; `choose(edge)` when another is wanted. */
export function edgeExplainer(ctx, choose) {
  const input = make("input", {
    type: "text",
    name: "edge",
    placeholder: "EUR_USD",
    maxlength: "256",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });
  const list = facts();
  const links = linkTable((link) => choose(link.edgeId));
  const answer = make("div", { "aria-live": "polite" });
  const found = make(
    "div",
    {},
    list.element,
    make("h3", {}, "Highest correlations"),
    links.element,
  );
  let asked = "";
  const explain = async (edge) => {
    asked = edge;
    try {
      const about = await ctx.ask(`/api/edges/${encodeURIComponent(edge)}`);
      if (asked !== edge) return;
      list.set(edgeFacts(about));
      links.update(about.links);
      if (answer.firstChild !== found) replace(answer, found);
    } catch (error) {
      if (asked === edge) replace(answer, problem(error.message));
    }
  };
  const again = button("Ask again", () => explain(asked), { hidden: true });
  const submit = (event) => {
    event.preventDefault();
    const edge = input.value.trim();
    if (edge === asked) explain(edge);
    else choose(edge);
  };
  const form = make(
    "form",
    { class: "toolbar", on: { submit } },
    field("Edge", input),
    make("button", { "data-tone": "primary" }, "Explain"),
    again,
  );
  return {
    element: make(
      "div",
      {},
      make("p", { class: "soft" }, "Choose a cluster above, or name an edge."),
      form,
      answer,
    ),
    show(edge) {
      again.hidden = edge === "";
      if (edge === "" || edge === asked) return;
      input.value = edge;
      explain(edge);
    },
  };
}

function edgeFacts({ edgeId, cluster, threshold, source, known, unknown, pending }) {
  const others = cluster.members.filter((one) => one !== edgeId);
  const rest = others.length - MEMBERS_SHOWN;
  const shown = others.slice(0, MEMBERS_SHOWN).join(", ") +
    (rest > 0 ? ` and ${count(rest)} more` : "");
  return [
    ["Edge", edgeId],
    ["Cluster", `${cluster.id}, with ${countOf(others.length, "other edge")}`],
    ["Others", others.length === 0 ? null : shown],
    [
      "Impact",
      `${decimal(cluster.impact, 3)}, ${cluster.isFired ? "fired" : "armed"}` +
      (cluster.at === null ? "" : `, last changed ${time(cluster.at)}`),
    ],
    [
      "Correlations",
      `${SOURCES[source] ?? source}: with ${countOf(known, "edge")} known, with ${
        count(unknown)
      } not`,
    ],
    ["Connected", `above ${score(threshold)}, of either sign`],
    [
      "Waiting",
      pending === null
        ? "nothing"
        : `${countOf(pending.count, "change")}, ${pending.class}: ${words(pending.type)} of ` +
          score(pending.magnitude),
    ],
  ];
}

function linkTable(onSelect) {
  return dataTable({
    caption: "Highest correlations of the edge",
    key: ({ edgeId }) => edgeId,
    onSelect,
    sortBy: "size",
    descending: true,
    columns: [
      {
        id: "edge",
        title: "Other edge",
        sort: ({ edgeId }) => edgeId,
        cell: ({ edgeId }) => edgeId,
      },
      {
        id: "size",
        title: "Correlation",
        number: true,
        sort: ({ correlation }) => Math.abs(correlation),
        cell: ({ correlation }) => decimal(correlation, 4).replace("-", "−"),
      },
      {
        id: "connects",
        title: "Connects",
        cell: ({ connects }) => connects ? state("connects", "good") : "",
      },
    ],
    empty: "No correlation of it is known yet: they are learned from candles, or handed in.",
  });
}
