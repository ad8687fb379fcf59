/**
 * A node under the harness: the tree of `wick serve --redis` with fences that can be switched off, and
 * snapshots as often as is wanted. Says its address on standard output; SIGTERM ends it.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { startWick } from "../../actors/tree.ts";

const { values } = parseArgs({
  options: {
    redis: { type: "string", default: "" },
    prefix: { type: "string", default: "wick" },
    name: { type: "string", default: "" },
    data: { type: "string", default: "" },
    lease: { type: "string", default: "2000" },
    fence: { type: "string", default: "checked" },
    snapshot: { type: "string", default: "0" },
  },
});
const { redis, prefix, name, data } = values;
const session = crypto.randomUUID();
const stopped = Promise.withResolvers<number>();
Deno.addSignalListener("SIGTERM", () => stopped.resolve(0));
Deno.mkdirSync(data, { recursive: true });
const wick = await startWick({
  store: {
    kind: "shared",
    ...{ redis, prefix, session },
    copy: { kind: "sqlite", options: { path: `${data}/wick.db`, durability: "normal" } },
    fence: values.fence === "off" ? "off" : "checked",
    snapshotBytes: Number(values.snapshot),
  },
  nodes: {
    ...{ node: name, session, leaseMs: Number(values.lease) },
    way: { kind: "redis", redis, prefix },
    onStopped: (error) => {
      console.error(error.message);
      stopped.resolve(75);
    },
  },
  workers: 1,
  monitor: {},
  admin: { about: { name: "wick", version: "under the node harness" }, options: { port: 0 } },
});
void wick.system.done.then(() => stopped.resolve(70));
const { url } = await wick.admin.ask("status", {});
console.log(JSON.stringify({ state: "ready", url }));
const code = await stopped.promise;
await wick.system.stop({ deadlineMs: 20_000 });
Deno.exit(code);
