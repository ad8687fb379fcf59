// What an actor can be sent: its protocol's messages, each with a form made from its schema.

import { attribute, field, make, replace, text } from "../lib/dom.js";
import { duration } from "../lib/format.js";
import { FormProblem, schemaForm } from "../lib/form.js";
import { button, disclosure, emptyNote, problem, state } from "../lib/parts.js";
import { urlOf } from "./actors_words.js";

const DEADLINE_MS = 5_000;
/** The longest deadline that the service takes. */
const DEADLINE_MAX_MS = 60_000;
/** Characters of a reply that are shown: a page of candles is longer than anybody reads. */
const REPLY_CHARS_MAX = 50_000;

/** The messages of the actor at `path`, and where it may act a way to send them. */
export function messagesPanel(ctx, path, messages) {
  if (messages.length === 0) {
    return emptyNote("Its protocol has no message that comes from outside");
  }
  const select = make(
    "select",
    {},
    ...messages.map(({ type, reply }, index) =>
      make("option", { value: String(index) }, reply === null ? type : `${type} → reply`)
    ),
  );
  const about = make("p", { class: "message-about" });
  const schemas = disclosure("Schemas", make("div"));
  const sender = ctx.mayAct ? senderOf(ctx, path) : null;
  const show = () => {
    const message = messages[Number(select.value)];
    text(about, message.about === "" ? "The protocol says nothing about it" : message.about);
    replace(schemas.lastElementChild, schemaTexts(message));
    sender?.choose(message);
  };
  select.addEventListener("change", show);
  show();
  return make("div", {}, field("Message", select), about, sender?.element ?? null, schemas);
}

function schemaTexts({ payload, reply }) {
  const shown = (title, schema) => [
    make("h4", {}, title),
    make(
      "pre",
      { tabindex: "0", "aria-label": `Schema of the ${title.toLowerCase()}` },
      json(schema),
    ),
  ];
  return [...shown("Payload", payload), ...reply === null ? [] : shown("Reply", reply)];
}

function senderOf(ctx, path) {
  const place = make("div", { class: "message-form" });
  const outcome = make("div", { class: "outcome", "aria-live": "polite" });
  const ask = make("input", { type: "radio", name: "mode", value: "ask" });
  const tell = make("input", { type: "radio", name: "mode", value: "tell" });
  const deadline = make("input", {
    type: "number",
    min: "1",
    max: String(DEADLINE_MAX_MS),
    value: String(DEADLINE_MS),
  });
  const deadlineField = field("Deadline, ms", deadline);
  const showMode = () => {
    deadlineField.hidden = !ask.checked;
  };
  ask.addEventListener("change", showMode);
  tell.addEventListener("change", showMode);
  let message = null;
  let form = null;

  const send = async () => {
    let payload;
    try {
      payload = form.value();
    } catch (error) {
      if (!(error instanceof FormProblem)) throw error;
      replace(outcome, problem(`Not sent: ${error.message}`));
      return;
    }
    const mode = ask.checked ? "ask" : "tell";
    const startMs = performance.now();
    replace(outcome, state("sending", "busy"));
    try {
      const url = `/api/actors/${urlOf(path)}/messages`;
      const limit = mode === "ask" ? { timeoutMs: deadlineOf(deadline) } : {};
      const json = { type: message.type, payload, mode, ...limit };
      const answer = await ctx.ask(url, { method: "POST", json });
      replace(outcome, answerOf(answer, performance.now() - startMs));
    } catch (error) {
      replace(outcome, refusalOf(error));
    }
  };
  const element = make(
    "form",
    {
      class: "message-send",
      on: {
        submit: (event) => {
          event.preventDefault();
          go.click();
        },
      },
    },
    place,
    make(
      "div",
      { class: "toolbar" },
      make(
        "fieldset",
        { class: "choice message-mode" },
        make("legend", {}, "Send as"),
        make("label", {}, tell, "tell"),
        make("label", {}, ask, "ask"),
      ),
      deadlineField,
    ),
  );
  const go = button("Send", send, { tone: "primary" });
  element.lastElementChild.append(go);
  element.append(outcome);
  return {
    element,
    choose(chosen) {
      message = chosen;
      form = schemaForm(chosen.payload);
      replace(place, form.element);
      replace(outcome);
      const canAsk = chosen.reply !== null;
      ask.checked = canAsk;
      tell.checked = !canAsk;
      attribute(ask, "disabled", !canAsk);
      attribute(ask.parentElement, "title", canAsk ? null : "It has no reply");
      showMode();
    },
  };
}

function deadlineOf(input) {
  const ms = Math.round(Number(input.value));
  return Number.isFinite(ms) ? Math.min(DEADLINE_MAX_MS, Math.max(1, ms)) : DEADLINE_MS;
}

function answerOf(answer, tookMs) {
  if (answer.state !== "replied") {
    return make("p", {}, state("accepted", "good"), " It is in the mailbox");
  }
  return [
    make("p", {}, state("replied", "good"), ` within ${duration(tookMs)}`),
    make("pre", { tabindex: "0", "aria-label": "Reply" }, json(answer.reply)),
  ];
}

/** What was refused, and what was expected. */
function refusalOf(error) {
  const code = error.code === undefined || error.code === null ? "" : ` (${error.code})`;
  const issues = (error.issues ?? []).map(({ path, message }) =>
    make("li", {}, make("code", {}, path), `: ${message}`)
  );
  const note = problem(`Not taken${code}: ${error.message}`);
  if (issues.length > 0) note.append(make("ul", {}, ...issues));
  return note;
}

function json(value) {
  const found = JSON.stringify(value, null, 2) ?? "null";
  return found.length > REPLY_CHARS_MAX ? `${found.slice(0, REPLY_CHARS_MAX)}\n…` : found;
}
