/**
 * The service under the harness: the whole tree with its admin HTTP on a durable store, and a file
 * that is followed. Says its addresses on standard output; ends itself when its plan says so.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Service } from "../../actors/service.ts";
import type { StoreArgs } from "../../actors/store.ts";
import { PATHS, wickRefs, wickTree } from "../../actors/tree.ts";
import { systemClock } from "../../src/actor/clock.ts";
import { type ChildSpec, createSystem } from "../../src/actor/mod.ts";
import { fileSource } from "../../src/feed/file_source.ts";
import { LogRing } from "../../src/http/log_ring.ts";
import { Door } from "../../src/label/admission.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { startFront } from "./front.ts";
import { FILE_BATCH_ROWS } from "./inputs.ts";
import { type Flaw, FLAWS, JournalStore } from "./journal.ts";
import { die } from "./phase_killer.ts";
import { planOfProcess, Probe } from "./probe.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: "" },
    file: { type: "string", default: "" },
    store: { type: "string", default: "sqlite" },
    flaw: { type: "string" },
  },
});
const plan = planOfProcess();
const probe = new Probe(plan);
const about = { name: "wick", version: "under the kill harness" };

/** Where in a commit of the journal the kill comes. */
const KILL_STEPS = ["begun", "half_written", "written", "synced"] as const;

function journal(flaw: Flaw | null): JournalStore {
  let commits = 0;
  return new JournalStore(`${values.data}/journal`, flaw, (step) => {
    if (plan?.phase !== "during_commit") return;
    if (step === "begun") commits++;
    if (commits >= plan.nth && step === KILL_STEPS[plan.nth % KILL_STEPS.length]) {
      die("during_commit");
    }
  });
}

function storeArgs(): StoreArgs {
  if (values.store === "sqlite") {
    return { kind: "sqlite", options: { path: `${values.data}/wick.db` } };
  }
  const flaw = FLAWS.find((known) => known === values.flaw) ?? null;
  return { kind: "open", backend: journal(flaw) };
}

/** The same tree, with the store's thread begun by an entry of the harness. */
function withProbedStore(spec: ChildSpec): ChildSpec {
  if (spec.kind !== "actor") {
    return { ...spec, children: (spec.children ?? []).map(withProbedStore) };
  }
  if (spec.name !== "store" || spec.thread === undefined) return spec;
  const entry = new URL("./store_thread.ts", import.meta.url);
  return { ...spec, thread: { ...spec.thread, entry } };
}

function source() {
  const options = { name: "file", follow: true, pollMs: 5, rowsMax: FILE_BATCH_ROWS };
  return probe.source(fileSource(systemClock, { path: values.file, ...options }));
}

async function start() {
  const store = storeArgs();
  const door = new Door();
  const service = new Service({
    about,
    lines: new LogRing({ wallNow: () => systemClock.wallNow() }),
    params: DEFAULT_PARAMS,
    door,
    packed: store.kind === "sqlite",
    startedAt: systemClock.wallNow(),
    paths: PATHS,
  });
  const tree = wickTree({
    store,
    door,
    service,
    monitor: {},
    admin: { about, options: { port: 0 } },
    feeds: [{ name: "file", source }],
    system: { faults: probe.hooks() },
  });
  const children = (tree.children ?? []).map(withProbedStore);
  const system = createSystem({ ...tree, children });
  await system.started;
  await service.begin();
  return wickRefs(system, door);
}

probe.watchResponses();
const wick = await start();
const ALL = { fromTs: -Infinity, toTs: Infinity, limit: Infinity };
const front = await startFront({
  store: {
    series: () => wick.store.ask("series", {}),
    candles: (series) => wick.store.ask("candleBlock", { series, ...ALL }),
    labels: (series, paramHash) => wick.store.ask("labelBlock", { series, paramHash, ...ALL }),
    cursors: () => wick.store.ask("cursors", {}),
  },
  paramHash: paramHash(DEFAULT_PARAMS),
  feedStatus: () => wick.feed("file").ask("status", {}),
});
const { url } = await wick.admin.ask("status", {});
console.log(JSON.stringify({ admin: url, front }));
