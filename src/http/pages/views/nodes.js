// The nodes that share the work: who lives, who has which partition, what waits, and what moved.

import { attribute, make, region, replace, text } from "../lib/dom.js";
import { ago, bytes, count, DASH, duration, time } from "../lib/format.js";
import { emptyNote, figure, setState, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { countOf, facts } from "./facts.js";
import { nodePanel } from "./nodes_actors.js";
import { allPartitions, markChip, partitionMap, waitingTable } from "./nodes_map.js";
import {
  goneNodes,
  Marks,
  mergedMoves,
  MOVE_WHY,
  nodeState,
  ranges,
  shortened,
  troublesOf,
} from "./nodes_words.js";

/** Moves that are listed, unless all are asked for. */
const MOVES_SHOWN = 8;

export default {
  id: "nodes",
  title: "Nodes",
  key: "n",
  topics: ["nodes"],
  mount(root, ctx) {
    const view = new NodesView(root, ctx);
    return {
      frame: (_topic, data) => view.update(data),
      params: (params) => view.take(params),
      unmount: () => view.end(),
    };
  },
};

class NodesView {
  #ctx;
  #note = make("div", {}, emptyNote("Asking for the nodes…"));
  #alone;
  #group;
  #panel = null;
  #panelBox = make("div");
  #choose = (params) => this.#change(params);

  constructor(root, ctx) {
    this.#ctx = ctx;
    this.#alone = aloneSection(ctx);
    this.#group = groupSections(ctx, this.#panelBox, (node) => this.#choose({ node, path: "" }));
    replace(root, this.#note, this.#alone.element, this.#group.element);
    this.take(ctx.params);
  }

  update(view) {
    const isAlone = view.mode === "alone";
    this.#note.hidden = true;
    this.#alone.element.hidden = !isAlone;
    this.#group.element.hidden = isAlone;
    if (isAlone) this.#alone.update(view);
    else this.#group.update(view);
    this.#panel?.poke(isAlone || view.nodes.some(({ node }) => node === this.#panel.node));
  }

  /** The place in the hash says which node and which of its actors is chosen. */
  take(params) {
    this.#show(params.get("node") || null, params.get("path") || null);
  }

  end() {
    this.#panel?.close();
  }

  #change(params) {
    this.#ctx.setParams({ ...Object.fromEntries(this.#ctx.params), ...params });
    const { node, path } = Object.fromEntries(this.#ctx.params);
    this.#show(node ?? null, path ?? null, true);
  }

  #show(node, path, isAsked = false) {
    const isNew = node !== (this.#panel?.node ?? null);
    if (isNew) {
      this.#panel?.close();
      this.#panel = node === null ? null : {
        node,
        ...nodePanel(this.#ctx, node, {
          onSelect: (chosen) => this.#choose({ path: chosen ?? "" }),
          onClose: () => this.#close(node),
        }),
      };
      replace(this.#panelBox, this.#panel?.element ?? null);
      this.#group.select(node);
    }
    this.#panel?.select(path, { isAsked: isAsked && !isNew });
    if (isAsked && isNew) this.#panel?.heading.focus();
  }

  /** Focus goes back to where the node is listed. */
  #close(node) {
    this.#choose({ node: "", path: "" });
    this.#group.focus(node);
  }
}

// --- One process

function aloneSection(ctx) {
  const known = facts();
  const element = region(
    "One process",
    make(
      "p",
      { class: "alone" },
      "This process does all the work by itself. Started with ",
      make("code", {}, "--redis URL"),
      " on several machines, the same program shares the series among them, and another node " +
        "takes over within seconds when one dies.",
    ),
    known.element,
  );
  element.hidden = true;
  return {
    element,
    update({ nodes: [one] }) {
      known.set([
        ["Name", one.node],
        ["Version", one.version],
        ["Since", `${time(one.startedMs, ctx.now())}, ${ago(one.startedMs, ctx.now())}`],
        ["Partitions", `${count(one.partitions)}, all there are`],
      ]);
    },
  };
}

// --- Several

function groupSections(ctx, panelBox, onSelect) {
  const marks = new Marks();
  const now = () => ctx.now();
  const troubles = make("div", { role: "status" });
  const figures = figuresRow();
  const table = nodeTable(ctx, marks, onSelect);
  const map = partitionMap(marks, now);
  const waiting = waitingTable();
  const all = allPartitions(now);
  const moves = movesSection(ctx);
  const log = facts();
  const element = make(
    "div",
    { hidden: true },
    troubles,
    figures.element,
    region("All nodes", table.element),
    panelBox,
    region(
      "Partitions",
      make(
        "div",
        { class: "partition-columns" },
        map.element,
        make("div", { class: "waiting" }, make("h3", {}, "What waits"), waiting.element),
      ),
      all.element,
    ),
    moves.element,
    region("The log that all copies follow", log.element),
  );
  return {
    element,
    select: (node) => table.select(node),
    focus(node) {
      table.element.querySelector(`[data-key="${CSS.escape(node)}"] .row-link`)?.focus();
    },
    update(view) {
      const gone = goneNodes(view);
      marks.know([...view.nodes, ...gone].map(({ node }) => node));
      showTroubles(troubles, troublesOf(view, roughSpan));
      figures.update(view, gone);
      table.update(rowsOf(view, gone));
      map.update(view);
      waiting.update(view);
      all.update(view);
      moves.update(view);
      log.set(logFacts(view, ctx.now()));
    },
  };
}

/** A span that is read aloud whenever it changes, so that changes seldom. */
function roughSpan(ms) {
  return ms < 10_000 ? "some seconds" : duration(10_000 * Math.floor(ms / 10_000));
}

function showTroubles(box, found) {
  const key = found.map(({ text: said }) => said).join("\n");
  if (box.dataset.said === key) return;
  box.dataset.said = key;
  const words = { bad: "■ ", warn: "▲ " };
  replace(
    box,
    found.map(({ tone, text: said }) =>
      make("p", { class: "node-trouble", "data-tone": tone }, words[tone], said)
    ),
  );
}

function figuresRow() {
  const parts = {
    nodes: figure("Nodes"),
    owned: figure("Partitions owned"),
    waiting: figure("Entries waiting"),
    oldest: figure("Oldest of them"),
    log: figure("Log position"),
    behind: figure("Copy here behind"),
  };
  const element = make(
    "div",
    { class: "figures" },
    ...Object.values(parts).map((part) => part.element),
  );
  return {
    element,
    update({ nodes, partitions, self, log }, gone) {
      const lost = gone.filter(({ isLost }) => isLost).length;
      const idle = partitions.filter(({ node }) => node === null).length;
      const known = partitions.filter(({ waitingEntries }) => waitingEntries !== null);
      const waiting = known.reduce((sum, one) => sum + one.waitingEntries, 0);
      const oldest = Math.max(0, ...known.map(({ waitingMs }) => waitingMs ?? 0));
      const behind = known.filter(({ waitingEntries }) => waitingEntries > 0).length;
      parts.nodes.set(
        count(nodes.length),
        lost === 0 ? "live" : `live, ${lost} lost`,
        lost === 0 ? null : "warn",
      );
      parts.owned.set(
        `${count(partitions.length - idle)} / ${count(partitions.length)}`,
        self.moving === 0 ? `${count(self.owned)} here` : `${count(self.moving)} moving here`,
        idle > 0 ? "bad" : null,
      );
      parts.waiting.set(
        known.length === 0 ? DASH : count(waiting),
        known.length === 0 ? "not known" : `in ${countOf(behind, "partition")}`,
      );
      parts.oldest.set(waiting === 0 ? DASH : duration(oldest), "since it came in");
      parts.log.set(count(log?.position), log === null ? "" : bytes(log.bytes));
      parts.behind.set(count(log?.lagEntries), "entries to apply");
    },
  };
}

function rowsOf({ nodes, self }, gone) {
  const leaseMs = Math.max(0, ...nodes.map(({ leftMs }) => leftMs ?? 0));
  const live = nodes.map((one) => ({ ...one, ...nodeState(one, self, leaseMs), rank: 0 }));
  const lost = gone.map(({ node, atMs, isLost }) => ({
    ...{ node, startedMs: null, goneMs: atMs, isSelf: false, region: "", url: null, version: DASH },
    ...{ partitions: 0, leftMs: null, lagEntries: null, rank: 1 },
    ...(isLost ? { word: "lost", tone: "bad" } : { word: "left", tone: "off" }),
  }));
  return [...live, ...lost];
}

function nodeTable(ctx, marks, onSelect) {
  const number = (id, title, of, write) => ({
    id,
    title,
    number: true,
    sort: of,
    cell: (row) => write(of(row)),
  });
  return dataTable({
    caption: "All nodes",
    key: ({ node }) => node,
    onSelect: ({ node }) => onSelect(node),
    sortBy: "node",
    empty: "None is known before this node has joined the group",
    columns: [
      {
        id: "node",
        title: "Node",
        sort: ({ rank, node }) => `${rank} ${node}`,
        cell: ({ node, isSelf }, last) => last ?? nameCell(node, isSelf, marks),
      },
      {
        id: "state",
        title: "State",
        sort: ({ word }) => word,
        cell: ({ word, tone }, last) =>
          last?.dataset.state === word ? last : setState(last ?? state(word, tone), word, tone),
      },
      {
        id: "region",
        title: "Region",
        sort: (row) => row.region,
        cell: (row) => row.region || DASH,
      },
      number("partitions", "Partitions", ({ partitions }) => partitions, count),
      number("lease", "Lease left", ({ leftMs }) => leftMs, duration),
      number("behind", "Copy behind", ({ lagEntries }) => lagEntries, count),
      { id: "version", title: "Version", sort: (row) => row.version, cell: (row) => row.version },
      {
        id: "since",
        title: "Since",
        className: "nowrap",
        sort: ({ startedMs }) => startedMs,
        cell: ({ startedMs, goneMs }) =>
          startedMs === null
            ? `until ${time(goneMs, ctx.now())}`
            : `${time(startedMs, ctx.now())}, ${ago(startedMs, ctx.now())}`,
      },
      {
        id: "url",
        title: "Its dashboard",
        className: "nowrap",
        cell: ({ url }, last) => linkTo(url, last),
      },
    ],
  });
}

function nameCell(node, isSelf, marks) {
  const own = isSelf ? make("span", { class: "own" }, " this node") : null;
  return make("span", { class: "node-name" }, markChip(marks.of(node)), ` ${node}`, own);
}

function linkTo(url, last) {
  if (url === null || !/^https?:\/\//.test(url)) return DASH;
  if (last?.getAttribute?.("href") === url) return last;
  return make("a", { href: url, rel: "noreferrer noopener" }, url.replace(/^https?:\/\//, ""));
}

function movesSection(ctx) {
  const table = dataTable({
    caption: "Moves of partitions, the latest first",
    key: ({ atMs, partitions, to }) => `${atMs} ${partitions[0]} ${to}`,
    empty: "Nothing moved yet: partitions move when nodes come, leave or die",
    columns: [
      {
        id: "at",
        title: "When",
        className: "nowrap",
        cell: ({ atMs }) => `${time(atMs, ctx.now())}, ${ago(atMs, ctx.now())}`,
      },
      {
        id: "why",
        title: "Why",
        cell: ({ why }) => state(MOVE_WHY[why]?.word ?? why, MOVE_WHY[why]?.tone),
      },
      { id: "from", title: "From", className: "nowrap", cell: ({ from }) => from ?? "nobody" },
      { id: "to", title: "To", className: "nowrap", cell: ({ to }) => to ?? "nobody" },
      {
        id: "count",
        title: "Partitions",
        number: true,
        cell: (row) => count(row.partitions.length),
      },
      {
        id: "which",
        title: "Which",
        className: "which",
        cell: ({ partitions }, last) => {
          const list = ranges(partitions);
          return last?.title === list ? last : make("span", { title: list }, shortened(list));
        },
      },
    ],
  });
  let moves = [];
  let isAll = false;
  const more = make("button", {
    type: "button",
    "aria-expanded": "false",
    on: {
      click: () => {
        isAll = !isAll;
        attribute(more, "aria-expanded", String(isAll));
        show();
      },
    },
  });
  const actions = make("div", { class: "actions" }, more);
  const show = () => {
    table.update(isAll ? moves : moves.slice(0, MOVES_SHOWN));
    actions.hidden = moves.length <= MOVES_SHOWN;
    text(more, isAll ? `Show the last ${MOVES_SHOWN}` : `Show all ${count(moves.length)}`);
  };
  return {
    element: region("Moves", table.element, actions),
    update(view) {
      moves = mergedMoves(view.moves);
      show();
    },
  };
}

const BACKENDS = {
  memory: "memory of this process",
  redis: "Redis",
  redis_cluster: "Redis Cluster",
};

function logFacts({ log }, nowMs) {
  if (log === null) return [];
  const { backend, state: word, position, firstPosition, snapshot, lagEntries } = log;
  const way = word === "ok" ? state("in reach", "good") : state("out of reach", "bad");
  return [
    ["Where", make("span", {}, `${BACKENDS[backend] ?? backend} `, way)],
    [
      "Entries kept",
      position === 0 ? "none yet" : `${count(firstPosition)} to ${count(position)}`,
    ],
    ["Size", bytes(log.bytes)],
    [
      "Last snapshot",
      snapshot === null
        ? "none yet: one is made when the log has grown enough"
        : `up to entry ${count(snapshot.position)}, ${bytes(snapshot.bytes)}, ` +
          ago(snapshot.atMs, nowMs),
    ],
    [
      "Copy here",
      lagEntries === 0
        ? "has applied all of it"
        : `${countOf(lagEntries, "entry", "entries")} behind`,
    ],
  ];
}
