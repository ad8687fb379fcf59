/**
 * `wick refresh`: clusters of edges and optimisation runs of a running service.
 *
 * @module
 */

import type { z } from "zod";
import * as shape from "../http/refresh_schemas.ts";
import type { RefreshReport } from "../refresh/run_types.ts";
import type { ChangesTaken } from "../refresh/service_types.ts";
import type { Command, CommandCall } from "./command.ts";
import { Exit, type ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { checkCall, OWN_OPTIONS, type Verb, VERBS, WAIT_DEFAULT_MS } from "./refresh_call.ts";
import { blockText, clustersText, edgeText, takenText } from "./refresh_edges_text.ts";
import { batchesOf, readChanges, readCorrelations, readRun } from "./refresh_files.ts";
import { statsText } from "./refresh_stats_text.ts";
import { explanationText, reportText, runsText, runText, scorersText } from "./refresh_text.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { type Asked, type ServiceClient, ServiceError } from "./service_client.ts";
import { countOf } from "./text.ts";

/** As many clusters as the service lists: there are no more edges either. */
const CLUSTERS_MAX = 10_000;
/** Longest wait for what may be large to arrive and to be taken, ms. */
const LARGE_MS = 60_000;

/** The command. */
export const REFRESH: Command = {
  name: "refresh",
  about: "see clusters and optimisation runs, and refresh them",
  details: [
    "Without an ACTION, or with stats, it gives an overview. runs lists the optimisation runs; " +
    "run shows the best set of one, why it is stale, its counters and durations; explain says " +
    "what a refresh would do; now refreshes it, with a rebuild if that fails; rebuild scores " +
    "every set anew. create makes a run out of a FILE of JSON, remove removes it.",
    "clusters lists the clusters of edges that move together, cluster shows the correlations " +
    "within one, edge says why an EDGE is in its cluster. change records a change of an EDGE, " +
    "changes those of a FILE: one as JSON a line, or an array. correlations takes a FILE of " +
    "JSON in place of what was handed in before. scorers lists what runs can be scored by.",
    'A run is {"runId": …, "edges": [{"edgeId": …, "value": …}], "sets": [{"setId": …, ' +
    '"members": […]}]}; in the place of sets {"generator": {"kind": "combinations", "size": 3}} ' +
    'makes them, and {"scorer": {"name": …, "params": …}} and "options" may follow. ' +
    'Correlations are {"kind": "pairs", "pairs": [{"a": …, "b": …, "correlation": …}]}, or ' +
    '{"kind": "matrix", "edges": […], "rows": [[…]]}. The service documents them under /docs.',
    "FILE may be - for standard input, which is read to its end.",
    "now and rebuild exit with 1 when the refresh failed or sets have no score, change and " +
    "changes when a change was refused.",
  ],
  operand: {
    called: "ACTION [ID|EDGE|FILE]",
    value: "text",
    countMin: 0,
    countMax: 2,
    verbs: VERBS,
  },
  options: {
    ...OWN_OPTIONS,
    json: { about: "as JSON" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick refresh", about: "" },
    { line: "wick refresh runs", about: "" },
    { line: "wick refresh run baskets --json | jq .publishedBest", about: "" },
    { line: "wick refresh explain baskets --set EUR_USD+USD_JPY+XAU_USD", about: "" },
    { line: "wick refresh now baskets --no-fallback", about: "" },
    { line: "wick refresh rebuild baskets", about: "" },
    { line: "wick refresh create run.json", about: "" },
    { line: "wick refresh remove pairs", about: "" },
    { line: "wick refresh clusters --min 5", about: "" },
    { line: "wick refresh cluster EUR_USD", about: "a cluster has the name of its lowest edge" },
    { line: "wick refresh edge EUR_USD", about: "" },
    { line: "wick refresh change EUR_USD --magnitude 1 --value 0.8", about: "" },
    { line: "wick refresh changes changes.ndjson", about: "" },
    {
      line: `echo '{"edgeId":"EUR_USD","magnitude":0.4}' | wick refresh changes -`,
      about: "",
    },
    { line: "wick refresh correlations correlations.json", about: "" },
    { line: "wick refresh correlations --forget", about: "those learned from candles count again" },
    { line: "wick refresh scorers", about: "" },
  ],
  run: (call, io) => {
    checkCall(call);
    return withService(call, io, (client) => runRefresh(call, io, client));
  },
};

// ---- actions ------------------------------------------------------------------------------------

async function runRefresh(call: CommandCall, io: CliIo, client: ServiceClient): Promise<ExitCode> {
  const { operands: [word = "stats", operand = ""], values } = call;
  const isJson = values.flag("json");
  const tell = <T>(found: T, text: (found: T, io: CliIo) => string): ExitCode => {
    io.out(isJson ? `${JSON.stringify(found)}\n` : text(found, io));
    return Exit.ok;
  };
  const done = (found: unknown, text: string): ExitCode => {
    if (isJson) io.out(`${JSON.stringify(found)}\n`);
    else io.err(`wick refresh: ${text}\n`);
    return Exit.ok;
  };
  const run = `/api/runs/${encodeURIComponent(operand)}`;
  switch (word as Verb) {
    case "stats":
      return tell(await client.ask("/api/refresh/stats", shape.refreshStats), statsText);
    case "runs":
      return tell((await client.ask("/api/runs", shape.runsReply)).runs, runsText);
    case "run":
      return tell(await client.ask(run, shape.run), runText);
    case "explain": {
      const query = { set: values.text("set") };
      return tell(
        await client.ask(`${run}/explain`, shape.runExplanation, { query }),
        explanationText,
      );
    }
    case "now":
    case "rebuild":
      return await refreshed(call, run, io, client);
    case "create": {
      const asked = posted(await readRun(operand, io));
      const made = await client.ask("/api/runs", shape.run, asked);
      const size = `${countOf(made.edges, "edge")} in ${countOf(made.sets, "set")}`;
      return done(made, `run ${made.runId} made over ${size}`);
    }
    case "remove":
      return done(
        await client.ask(run, shape.runRemoved, { method: "DELETE" }),
        `run ${operand} removed`,
      );
    case "clusters": {
      const query = { sizeMin: values.number("min"), limit: CLUSTERS_MAX };
      const found = await client.ask("/api/clusters", shape.clustersReply, { query });
      return tell(found.clusters, clustersText);
    }
    case "cluster": {
      const path = `/api/clusters/${encodeURIComponent(operand)}/correlations`;
      return tell(await client.ask(path, shape.servedBlock), blockText);
    }
    case "edge": {
      const path = `/api/edges/${encodeURIComponent(operand)}`;
      return tell(await client.ask(path, shape.edgeExplanation), edgeText);
    }
    case "change":
    case "changes": {
      const taken = word === "change"
        ? await client.ask("/api/edges/changes", shape.changesTaken, posted(changeOf(call)))
        : await sentChanges(operand, io, client);
      tell(taken, takenText);
      return taken.refused.length === 0 ? Exit.ok : Exit.failed;
    }
    case "correlations": {
      const asked: Asked = values.flag("forget")
        ? { method: "DELETE", timeoutMs: LARGE_MS }
        : { ...posted(await readCorrelations(operand, io)), method: "PUT" };
      const taken = await client.ask("/api/correlations", shape.correlationsTaken, asked);
      const size = `${countOf(taken.edges, "edge")} in ${countOf(taken.clusters, "cluster")}`;
      return done(taken, `${values.flag("forget") ? "taken back" : "taken"}: ${size}`);
    }
    case "scorers":
      return tell((await client.ask("/api/scorers", shape.scorersReply)).scorers, scorersText);
  }
}

function posted(json: unknown): Asked {
  return { method: "POST", json, timeoutMs: LARGE_MS };
}

/** Refreshes or rebuilds; the exit code says whether every set has its score. */
async function refreshed(
  { operands: [verb, id = ""], values }: CommandCall,
  run: string,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const fallback = values.flag("no-fallback") ? false : undefined;
  const report: RefreshReport = await client.ask(
    verb === "now" ? `${run}/refresh` : `${run}/rebuild`,
    shape.refreshReport,
    {
      method: "POST",
      query: { fallback },
      timeoutMs: values.number("wait-ms") ?? WAIT_DEFAULT_MS,
    },
  );
  io.out(values.flag("json") ? `${JSON.stringify(report)}\n` : reportText(id, report, io));
  return report.state === "succeeded" ? Exit.ok : Exit.failed;
}

/** The change that the options say. */
function changeOf({ operands: [, edgeId], values }: CommandCall) {
  const value = values.number("value");
  const type = values.text("type");
  return {
    edgeId,
    magnitude: values.number("magnitude"),
    ...(value === undefined ? {} : { value }),
    ...(type === undefined ? {} : { type }),
  };
}

/** Sends the changes of a file, in their order; what became of them all. */
async function sentChanges(path: string, io: CliIo, client: ServiceClient): Promise<ChangesTaken> {
  const batches = batchesOf(await readChanges(path, io));
  const impacted = new Map<string, ChangesTaken["impacted"][number]>();
  const refused: ChangesTaken["refused"][number][] = [];
  let recorded = 0;
  for (const { from, ndjson } of batches) {
    const asked = { method: "POST", ndjson, timeoutMs: LARGE_MS } as const;
    const taken: z.output<typeof shape.changesTaken> = await client
      .ask("/api/edges/changes", shape.changesTaken, asked)
      .catch((error) => {
        throw afterSome(error, recorded);
      });
    recorded += taken.recorded;
    for (const { index, reason } of taken.refused) refused.push({ index: from + index, reason });
    for (const cluster of taken.impacted) impacted.set(cluster.id, cluster);
  }
  return { recorded, refused, impacted: [...impacted.values()] };
}

/** Says how many went in before. */
function afterSome(error: unknown, recorded: number): unknown {
  if (!(error instanceof ServiceError) || recorded === 0) return error;
  return new ServiceError(
    `${error.message}; ${countOf(recorded, "change")} before it went in`,
    error.exitCode,
    { code: error.code, ...(error.status === null ? {} : { status: error.status }) },
  );
}
