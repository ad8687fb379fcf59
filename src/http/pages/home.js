// The service at a glance: health and tree every few seconds, labels as their events come.

import { ask, make, onToken } from "./api.js";

const REFRESH_MS = 2_000;
const AGAIN_MS = 3_000;
const $ = (id) => document.getElementById(id);
const count = (value) => value.toLocaleString("en");

// Rows of the last intervals, newest last.
const INTERVAL_MS = 500;
const INTERVALS = 10;

let labels = 0;
const recent = [0];
let after = null;

async function refresh() {
  try {
    const [health, tree, letters] = await Promise.all([
      ask("/api/health").then((answer) => answer.json()),
      ask("/api/actors").then((answer) => answer.json()),
      ask("/api/dead-letters?limit=1").then((answer) => answer.json()),
    ]);
    showHealth(health);
    $("tree").replaceChildren(...rowsOf(tree, 0));
    $("letters").textContent = count(letters.kept);
    trouble(null);
  } catch (error) {
    trouble(error.message);
  }
  setTimeout(refresh, REFRESH_MS);
}

function showHealth({ version, state, ready, seq, parts }) {
  $("state").textContent = `${version} · ${ready ? state : "starting"}`;
  $("state").className = `state ${state}`;
  $("seq").textContent = seq === null ? "–" : count(seq);
  $("parts").replaceChildren(...parts.map((part) =>
    make(
      "tr",
      {},
      make("td", { class: "path" }, part.name),
      make("td", { class: part.state }, part.state),
      make("td", { class: "soft detail" }, detailOf(part.detail)),
    )
  ));
}

// What every actor has stands in the tree below, unless it is not as it should be.
const USUAL = { state: "running", incarnation: 1, restartsInPeriod: 0 };
const OF_TREE = ["depth", "bound"];

function detailOf(detail) {
  return Object.entries(detail ?? {})
    .filter(([key, value]) => value !== USUAL[key] && !OF_TREE.includes(key))
    .map(([key, value]) => `${key} ${typeof value === "number" ? count(value) : textOf(value)}`)
    .join(" · ");
}

function textOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function rowsOf(node, depth) {
  const box = node.mailbox;
  const number = (text) => make("td", { class: "number" }, text);
  const name = make("td", { class: "path" }, "\u00a0\u00a0".repeat(depth) + node.name);
  const isWell = node.state === "running";
  const row = make(
    "tr",
    {},
    name,
    make("td", { class: isWell ? "ok" : "degraded" }, node.state),
    number(box === null ? "" : `${count(box.depth)}/${count(box.bound)}`),
    number(box === null ? "" : count(box.handled)),
    number(box === null ? "" : count(Math.round(box.ratePerSecond))),
    number(box === null ? "" : box.serviceMs.p99.toFixed(2)),
    number(count(node.incarnation)),
    make("td", { class: "soft detail" }, node.lastError ?? ""),
  );
  return [row, ...node.children.flatMap((child) => rowsOf(child, depth + 1))];
}

function trouble(text) {
  $("trouble").hidden = text === null;
  $("trouble").textContent = text ?? "";
}

// EventSource cannot send a token, so the stream is read by fetch.
async function watch() {
  try {
    const query = after === null ? "" : `&after=${after}`;
    const answer = await ask(`/api/events?types=labels${query}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      blocks.forEach(take);
    }
  } catch {
    // The refresh says what is wrong.
  }
  setTimeout(watch, AGAIN_MS);
}

function take(block) {
  const fields = Object.fromEntries(
    block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]),
  );
  if (fields.id !== undefined) after = Number(fields.id);
  if (fields.event !== "labels") return;
  const { data } = JSON.parse(fields.data);
  labels += data.rows;
  recent[recent.length - 1] += data.rows;
  $("seq").textContent = count(data.seq);
}

function showRate() {
  const rows = recent.reduce((sum, one) => sum + one, 0);
  $("labels").textContent = count(labels);
  $("rate").textContent = count(Math.round(rows / (recent.length * INTERVAL_MS / 1_000)));
  recent.push(0);
  if (recent.length > INTERVALS) recent.shift();
}

onToken(() => location.reload());
setInterval(showRate, INTERVAL_MS);
refresh();
watch();
