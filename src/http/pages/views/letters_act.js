// What may be done to dead letters: sending them again, after a look at what would come of it, and
// dropping them.

import { openDialog } from "../lib/dialogs.js";
import { make } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { letters, problemList, queryOf } from "./letters_words.js";

/** Letters that one request names: the bound of the service. */
const IDS_MAX = 200;
const NONE = { matched: 0, accepted: 0, refused: 0, problems: [], places: [] };

/**
 * Sends letters again: those of `ids`, or all that match `filter`. First it is shown what would be
 * sent where. True when something was done.
 */
export async function replayLetters(ctx, what) {
  try {
    const plan = await askAll(ctx, "POST", "/api/dead-letters/replay", what, true);
    if (!await planned(plan)) return false;
    const done = await askAll(ctx, "POST", "/api/dead-letters/replay", what, false);
    const left = done.refused > 0 ? `; ${letters(done.refused)} not taken` : "";
    const why = done.problems[0] === undefined ? "" : `: ${done.problems[0].detail}`;
    ctx.notify(`${letters(done.accepted)} sent again${left}${why}`, toneOf(done));
    return true;
  } catch (error) {
    ctx.notify(`Cannot send letters again: ${error.message}`, "bad");
    return false;
  }
}

/** Forgets letters, as {@linkcode replayLetters}. */
export async function dropLetters(ctx, what) {
  try {
    const { matched } = await askAll(ctx, "DELETE", "/api/dead-letters", what, true);
    if (matched === 0) {
      ctx.notify("No letter is meant: they are gone already", "bad");
      return true;
    }
    const isMeant = await ctx.confirm({
      title: `Drop ${letters(matched)}?`,
      text: "They are forgotten, here and in the store, and cannot be brought back.",
      action: `Drop ${letters(matched)}`,
    });
    if (!isMeant) return false;
    const done = await askAll(ctx, "DELETE", "/api/dead-letters", what, false);
    ctx.notify(`${letters(done.accepted)} dropped`);
    return true;
  } catch (error) {
    ctx.notify(`Cannot drop letters: ${error.message}`, "bad");
    return false;
  }
}

const toneOf = ({ refused }) => refused > 0 ? "bad" : "ok";

/** Numbers go out in requests that are as long as one may be; the answers are added up. */
async function askAll(ctx, method, url, { ids, filter }, dryRun) {
  const parts = ids === undefined ? [filter] : chunks(ids).map((some) => ({ ids: some.join(",") }));
  let sum = NONE;
  for (const part of parts) {
    sum = added(sum, await ctx.ask(`${url}?${queryOf({ ...part, dryRun })}`, { method }));
  }
  return sum;
}

function chunks(ids) {
  const found = [];
  for (let at = 0; at < ids.length; at += IDS_MAX) found.push(ids.slice(at, at + IDS_MAX));
  return found;
}

function added(sum, one) {
  const places = new Map(sum.places.map((place) => [placeKey(place), place]));
  for (const place of one.places) {
    const had = places.get(placeKey(place)) ?? { ...place, letters: 0, accepted: 0 };
    places.set(placeKey(place), {
      ...had,
      letters: had.letters + place.letters,
      accepted: had.accepted + place.accepted,
    });
  }
  return {
    matched: sum.matched + one.matched,
    accepted: sum.accepted + one.accepted,
    refused: sum.refused + one.refused,
    problems: [...sum.problems, ...one.problems],
    places: [...places.values()],
  };
}

const placeKey = ({ path, type }) => `${path} ${type}`;

/** Shows what would be sent where, and asks whether to go on. */
function planned(plan) {
  return new Promise((settle) => {
    let isMeant = false;
    const can = plan.accepted > 0;
    const stay = make("button", { type: "button", autofocus: true }, can ? "Cancel" : "Close");
    const go = can
      ? make("button", { type: "button", "data-tone": "primary" }, `Send ${letters(plan.accepted)}`)
      : null;
    const dialog = openDialog(
      "What would be sent",
      make(
        "div",
        { class: "letter-plan" },
        make("p", {}, summaryOf(plan)),
        plan.accepted > 0 ? placesTable(plan.places) : null,
        plan.refused > 0 ? make("h3", {}, "What could not be sent") : null,
        problemList(plan),
      ),
      make("div", { class: "actions" }, stay, go),
    );
    go?.addEventListener("click", () => {
      isMeant = true;
      dialog.close();
    });
    stay.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => settle(isMeant));
  });
}

function summaryOf({ matched, accepted, refused }) {
  if (matched === 0) return "No letter is meant: they are gone already.";
  if (accepted === 0) return `None of ${letters(matched)} could be sent now.`;
  const rest = refused > 0 ? ` ${letters(refused)} would stay where they are, or come back.` : "";
  return `${letters(accepted)} would be sent again, oldest first, and leave the list.${rest}`;
}

function placesTable(places) {
  const rows = places.filter(({ accepted }) => accepted > 0).map(({ path, type, accepted }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, type),
      make("td", {}, path),
      make("td", { class: "number" }, count(accepted)),
    )
  );
  return make(
    "div",
    { class: "wide", role: "region", "aria-label": "Where letters would go", tabindex: "0" },
    make(
      "table",
      { class: "data" },
      make("caption", { class: "visually-hidden" }, "Where letters would go"),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          make("th", { scope: "col" }, "Message"),
          make("th", { scope: "col" }, "To"),
          make("th", { scope: "col", class: "number" }, "Letters"),
        ),
      ),
      make("tbody", {}, ...rows),
    ),
  );
}
