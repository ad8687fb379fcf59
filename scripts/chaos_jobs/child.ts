/**
 * The process under the harness: the tree on a durable store, with one provider and one job, which it
 * begins or goes on with. Ends when the job has ended, or itself when its plan says so.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { wickRefs, wickTree } from "../../actors/tree.ts";
import { pause, systemClock } from "../../src/actor/clock.ts";
import { type ChildSpec, createSystem } from "../../src/actor/mod.ts";
import { httpProvider } from "../../src/provider/http.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { die } from "../chaos_kill/phase_killer.ts";
import { jobOf, LIMIT, serverMapping, upstreamOf } from "./inputs.ts";
import { JobProbe } from "./job_probe.ts";
import { killOfProcess } from "./phases.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    items: { type: "string", default: "5000" },
    server: { type: "string" },
    /** Dies once this share of the items is settled. */
    share: { type: "string" },
  },
});
const probe = new JobProbe(killOfProcess());
const database = `${values.data}/wick.db`;
const seed = Number(values.seed);
const job = jobOf(Number(values.items));
const calls = Deno.openSync(`${values.data}/calls`, { create: true, append: true });

/** Written before the call is made, and there whatever happens to the process afterwards. */
function noteCall(symbols: readonly string[], kind: string): void {
  calls.writeSync(new TextEncoder().encode(`${kind} ${symbols.join(" ")}\n`));
}

function upstream() {
  const { server } = values;
  const inner = server === undefined
    ? simulatedProvider(systemClock, { ...upstreamOf(seed), limits: [LIMIT] })
    : httpProvider(systemClock, serverMapping(server));
  return probe.provider(inner, noteCall);
}

/** The simulated provider begins anew with each process, so its limits do. */
function forgetLimits(): void {
  if (values.server !== undefined) return;
  using db = new DatabaseSync(database);
  db.exec("DELETE FROM records WHERE kind = 'limiter'");
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

forgetLimits();
const tree = wickTree({
  store: { kind: "sqlite", options: { path: database } },
  workers: 1,
  providers: [{ name: "upstream", begin: "free", open: upstream }],
  system: { faults: probe.hooks() },
});
const children = (tree.children ?? []).map(withProbedStore);
const system = createSystem({ ...tree, children });
await system.started;
const { backfill } = wickRefs(system);
const { name } = job;
const known = await backfill.ask("job", { name });
if (known.state === "unknown") await backfill.ask("start", { job, mode: "resume" });
if (values.share !== undefined) void dieAt(Number(values.share));
const ended = await backfill.ask("ended", { name }, { timeoutMs: 600_000 });
console.log(JSON.stringify(ended.state === "ok" ? ended.job : ended));
await system.stop();
calls.close();

async function dieAt(share: number): Promise<never> {
  for (;;) {
    const look = await backfill.ask("job", { name });
    if (look.state === "ok" && look.job.items > 0) {
      if (look.job.settled >= share * look.job.items) die("share");
    }
    await pause(systemClock, 1);
  }
}
