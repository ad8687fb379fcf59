// The dashboard: header, navigation, the live stream, the keyboard, and the view that is shown.

import { ask, keepToken, tokenKept } from "./lib/ask.js";
import { confirmed, notify, openDialog } from "./lib/dialogs.js";
import { attribute, make, replace, text } from "./lib/dom.js";
import { count, time } from "./lib/format.js";
import { keysAreOn, listenToKeys, switchKeys } from "./lib/keys.js";
import { ABOUT_ITSELF, LiveStream } from "./lib/live.js";
import { emptyNote, problem, setState, state } from "./lib/parts.js";
import { setTheme, showTheme, themeKept } from "./lib/theme.js";

/** The views in the order of the navigation; `count` names the figure shown beside the title. */
const VIEWS = [
  { id: "overview", title: "Overview", key: "o" },
  { id: "actors", title: "Actors", key: "a" },
  { id: "nodes", title: "Nodes", key: "n" },
  { id: "labels", title: "Labels", key: "l" },
  { id: "cache", title: "Cache and warming", key: "c" },
  { id: "refresh", title: "Refresh", key: "r" },
  { id: "backfill", title: "Backfill", key: "b" },
  { id: "letters", title: "Dead letters", key: "d", count: "deadLettersKept", tone: "warn" },
  { id: "alerts", title: "Alerts", key: "e", count: "alertsFiring", tone: "bad" },
  { id: "log", title: "Log", key: "t" },
];
/** What the header shows, whatever the view. */
const OWN_TOPICS = ["health", "counts"];

const $ = (id) => document.getElementById(id);

let shown = null;
let mayAct = false;
let visits = 0;

const live = new LiveStream({ frame: onFrame, problem: onProblem, state: onState });

// --- Views

function placeOf(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { id: path, params: new URLSearchParams(query) };
}

async function navigate({ isFirst = false } = {}) {
  const { id, params } = placeOf(location.hash);
  const known = VIEWS.find((view) => view.id === id);
  if (known === undefined) {
    history.replaceState(null, "", "#/overview");
    return navigate({ isFirst });
  }
  if (shown?.id === id && shown.handle?.params !== undefined) {
    shown.ctx.params = params;
    shown.handle.params(params);
    return;
  }
  visits += 1;
  const visit = visits;
  leave();
  text($("view-title"), known.title);
  document.title = `${known.title} · Wick`;
  for (const link of $("views").querySelectorAll("a")) {
    attribute(link, "aria-current", link.dataset.view === id ? "page" : null);
  }
  $("views").querySelector("[aria-current]")?.scrollIntoView({
    block: "nearest",
    inline: "center",
  });
  if (!isFirst) {
    $("view-title").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  if (!$("token").hidden) return;
  replace($("view"), emptyNote("Loading…"));
  try {
    const { default: view } = await import(`./views/${id}.js`);
    if (visit === visits) mount(view, params);
  } catch (error) {
    if (visit === visits) {
      replace($("view"), problem(`Cannot show ${known.title}: ${error.message}`));
    }
    throw error;
  }
}

function mount(view, params) {
  const root = make("div", { class: `view view-${view.id}`, "data-view": view.id });
  const ctx = {
    ask,
    get mayAct() {
      return mayAct;
    },
    params,
    setParams(given) {
      const kept = Object.entries(given).filter(([, value]) => (value ?? "") !== "");
      ctx.params = new URLSearchParams(kept);
      const query = ctx.params.toString();
      history.replaceState(null, "", `#/${view.id}${query === "" ? "" : `?${query}`}`);
    },
    notify,
    confirm: confirmed,
    now: () => live.now(),
  };
  replace($("view"), root);
  shown = { id: view.id, view, ctx, handle: null, troubles: new Map() };
  shown.handle = view.mount(root, ctx);
  live.watch([...OWN_TOPICS, ...view.topics ?? []]);
}

function leave() {
  const before = shown;
  shown = null;
  try {
    before?.handle?.unmount?.();
  } finally {
    replace($("trouble"));
  }
}

// --- The stream

function onFrame(topic, data, at) {
  if (topic === "health") showHealth(data);
  if (topic === "counts") showCounts(data);
  if (shown === null || !(shown.view.topics ?? []).includes(topic)) return;
  try {
    shown.handle?.frame?.(topic, data, at);
    setTrouble(topic, null);
  } catch (error) {
    setTrouble(topic, error.message);
    // The stream goes on.
    reportError(error);
  }
}

function onProblem(topic, detail) {
  // A view that has nothing to show yet says by itself what is wrong.
  const isSaid = shown?.handle?.problem?.(topic, detail) === true;
  if (shown !== null && !isSaid) setTrouble(topic, detail);
}

function setTrouble(topic, detail) {
  const { troubles } = shown;
  if ((troubles.get(topic) ?? null) === detail) return;
  if (detail === null) troubles.delete(topic);
  else troubles.set(topic, detail);
  replace(
    $("trouble"),
    [...troubles].map(([one, why]) => make("p", {}, `Cannot show ${one}: ${why}`)),
  );
}

function onState(word, sinceMs) {
  if (word === "live" && shown !== null) setTrouble(ABOUT_ITSELF, null);
  document.body.dataset.live = word;
  const words = {
    connecting: "connecting",
    away: "no answer, trying again",
    live: "live",
    paused: "paused",
    locked: "token needed",
    stale: `stale since ${time(sinceMs)}`,
  };
  const tone = { live: "good", paused: "warn", stale: "bad", locked: "bad", away: "bad" }[word] ??
    "busy";
  if ($("live-state").firstChild === null) $("live-state").append(state(word, tone));
  setState($("live-state").firstChild, words[word], tone);
}

function showHealth({ version, state: word, ready, score }) {
  text($("version"), version);
  const level = score?.score === null || score === null ? null : score;
  const overall = !ready ? "starting" : level === null ? word : level.state;
  if ($("overall").firstChild === null) {
    $("overall").append(make("strong", { class: "score" }), state(overall));
  }
  text($("overall").firstChild, level === null ? "" : String(Math.round(level.score)));
  setState($("overall").lastChild, overall);
}

function showCounts(counts) {
  for (const { id, count: name, tone } of VIEWS) {
    if (name === undefined) continue;
    const badge = $("views").querySelector(`[data-view=${id}] .nav-count`);
    const n = counts[name] ?? 0;
    badge.hidden = n === 0;
    text(badge, count(n));
    attribute(badge, "data-tone", tone);
  }
}

// --- Token

async function findAccess() {
  try {
    const access = await ask("/api/access");
    $("token").hidden = true;
    if (access.act !== mayAct) {
      mayAct = access.act;
      if (shown !== null) remount();
    }
  } catch (error) {
    if (error.status !== 401) notify(`Cannot ask what is allowed: ${error.message}`, "bad");
  }
  const hasToken = tokenKept() !== null;
  $("forget").hidden = !hasToken;
  // A link cannot send a token.
  for (const link of document.querySelectorAll("#menu [data-open]")) link.hidden = hasToken;
}

function remount() {
  const { view, ctx: { params } } = shown;
  leave();
  mount(view, params);
}

async function useToken(token) {
  keepToken(token);
  await findAccess();
  live.retry();
}

/** Nothing is shown to whom nothing would be answered. */
function lock() {
  $("token").hidden = false;
  mayAct = false;
  visits += 1;
  leave();
  replace($("view"));
  replace($("overall"));
  text($("version"), "");
  onState("locked", null);
}

function setUpToken() {
  document.addEventListener("wick-token", lock);
  $("token").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form).get("token").trim();
    form.reset();
    await useToken(given);
    if (!$("token").hidden) return notify("The service refused this token", "bad");
    navigate();
  });
  $("forget").addEventListener("click", async () => {
    $("menu").hidePopover();
    await useToken(null);
    notify("Token forgotten");
  });
}

// --- Header, navigation, keyboard

function setUpHeader() {
  $("pause").addEventListener("click", () => {
    live.setPaused(!live.isPaused);
    const word = live.isPaused ? "Resume" : "Pause";
    attribute($("pause"), "aria-label", word);
    text($("pause-word"), word);
    text($("pause-mark"), live.isPaused ? "▶" : "❚❚");
  });
  for (const input of document.querySelectorAll("#theme input")) {
    input.checked = input.value === themeKept();
    input.addEventListener("change", () => setTheme(input.value));
  }
  $("keys-on").checked = keysAreOn();
  $("keys-on").addEventListener("change", () => switchKeys($("keys-on").checked));
  $("help").addEventListener("click", () => {
    $("menu").hidePopover();
    showHelp();
  });
  // The hash names the view, so the link must not change it.
  $("skip").addEventListener("click", (event) => {
    event.preventDefault();
    $("view-title").focus();
  });
}

function setUpNavigation() {
  replace(
    $("views"),
    VIEWS.map(({ id, title, key }) =>
      make(
        "li",
        {},
        make(
          "a",
          { href: `#/${id}`, "data-view": id, "aria-keyshortcuts": `g ${key}` },
          make("span", { class: "nav-title" }, title),
          make("span", { class: "nav-count", hidden: true }),
          make("kbd", { "aria-hidden": "true" }, `g ${key}`),
        ),
      )
    ),
  );
  globalThis.addEventListener("hashchange", () => navigate());
}

function showHelp() {
  const row = (keys, does) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, ...keys.map((key) => make("kbd", {}, key))),
      make("td", {}, does),
    );
  const close = make("button", { type: "button", autofocus: true }, "Close");
  const dialog = openDialog(
    "Keys",
    make(
      "table",
      { class: "keys" },
      make("caption", { class: "visually-hidden" }, "Keys and what they do"),
      make(
        "tbody",
        {},
        row(["/"], "Search in the view"),
        ...VIEWS.map(({ key, title }) => row(["g", key], title)),
        row(["p"], "Pause, resume"),
        row(["?"], "This help"),
        row(["Esc"], "Close a dialog"),
      ),
    ),
    make("div", { class: "actions" }, close),
  );
  close.addEventListener("click", () => dialog.close());
}

function setUpKeys() {
  listenToKeys({
    go: Object.fromEntries(VIEWS.map(({ id, key }) => [key, () => {
      location.hash = `#/${id}`;
    }])),
    keys: {
      "?": showHelp,
      "/": () => $("view").querySelector("input[type=search]")?.focus(),
      p: () => $("pause").click(),
    },
  });
}

showTheme();
setUpToken();
setUpHeader();
setUpNavigation();
setUpKeys();
onState("connecting", null);
await findAccess();
await navigate({ isFirst: true });
