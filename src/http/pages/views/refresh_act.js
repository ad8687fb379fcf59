// Recording a change of an edge by hand.

import { field, make, newId, replace } from "../lib/dom.js";
import { attempt, countOf, facts, words } from "./facts.js";

const TYPES = ["custom", "price_move", "odds_change", "status_change", "prop_update", "label"];
/** Edges that are offered. */
const EDGES_MAX = 200;

/** The form: `{ element, runs(ids), edges(ids) }`. */
export function recordForm(ctx) {
  const listId = newId("edges");
  const edgeList = make("datalist", { id: listId });
  const edge = make("input", {
    type: "text",
    name: "edgeId",
    list: listId,
    maxlength: "256",
    autocomplete: "off",
    required: true,
  });
  const type = make(
    "select",
    { name: "type" },
    ...TYPES.map((one) => make("option", { value: one }, words(one))),
  );
  const magnitude = numberInput("magnitude", { min: "0", required: true, value: "1" });
  const value = numberInput("value", {});
  const run = make("select", { name: "runId" }, make("option", { value: "" }, "every run"));
  const list = facts();
  const result = make(
    "div",
    { class: "notice", "aria-live": "polite", hidden: true },
    list.element,
  );
  let runIds = "";
  let edgeIds = "";
  const submit = async (event) => {
    event.preventDefault();
    const change = {
      edgeId: edge.value.trim(),
      type: type.value,
      magnitude: magnitude.valueAsNumber,
      ...value.value === "" ? {} : { value: value.valueAsNumber },
      ...run.value === "" ? {} : { runId: run.value },
    };
    await attempt(ctx, async () => {
      const taken = await ctx.ask("/api/optimization/edge-changes", {
        method: "POST",
        json: change,
      });
      list.set(takenFacts(change, taken));
      result.hidden = false;
      ctx.notify(`Change of ${change.edgeId} recorded`);
    });
  };
  const form = make(
    "form",
    { class: "toolbar", on: { submit } },
    field("Edge", edge),
    field("Type", type),
    field("Magnitude (1 = large)", magnitude),
    field("Value now (optional)", value),
    field("Run", run),
    make("button", { "data-tone": "primary" }, "Record"),
    edgeList,
  );
  return {
    element: make("div", {}, form, result),
    runs(ids) {
      const now = ids.join("\n");
      if (now === runIds) return;
      runIds = now;
      const chosen = run.value;
      replace(
        run,
        make("option", { value: "" }, "every run"),
        ...ids.map((id) => make("option", { value: id }, id)),
      );
      run.value = ids.includes(chosen) ? chosen : "";
    },
    edges(ids) {
      const some = ids.slice(0, EDGES_MAX);
      const now = some.join("\n");
      if (now === edgeIds) return;
      edgeIds = now;
      replace(edgeList, ...some.map((value) => make("option", { value })));
    },
  };
}

function numberInput(name, attributes) {
  return make("input", { type: "number", name, step: "any", ...attributes });
}

function takenFacts(change, taken) {
  return [
    [
      "Change",
      `${taken.class} of ${change.edgeId}` +
      (taken.isDeferred
        ? `, kept back in mode ${taken.mode}`
        : `, let through in mode ${taken.mode}`),
    ],
    ["Runs with the edge", taken.runs.length === 0 ? "none" : taken.runs.join(", ")],
    [
      "Clusters fired",
      taken.impacted.length === 0
        ? "none"
        : taken.impacted.map(({ id, members }) => `${id} (${countOf(members.length, "edge")})`)
          .join(", "),
    ],
  ];
}
