/** `--node`: two whole trees, of which the one that is asked answers for the other. */

import { Admin } from "../../actors/protocols.ts";
import { systemClock, systemRandom } from "../../src/actor/mod.ts";
import { MemoryNet } from "../../src/store/nodes/memory_wire.ts";
import type { NodesWay } from "../../actors/tree_nodes.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NodesRig, until } from "../actors/nodes_rig.ts";
import { run } from "./support.ts";

Deno.test("tree, send and the routes of a node answer for another tree", async () => {
  await using rig = new NodesRig();
  const net = new MemoryNet(systemClock, systemRandom);
  const join = async (node: string) => {
    const ways = rig.ways();
    const session = `${node}:fabric`;
    const wire = () => net.wire(session);
    const way: NodesWay = { kind: "open", log: ways.log, streams: ways.streams, wire };
    const admin = { about: { name: "wick", version: node }, options: { port: 0 } };
    return await rig.join(node, { admin }, { way, session });
  };
  const a = await join("node-a");
  const b = await join("node-b");
  await until(() => Promise.resolve(a.wick.system.carrier?.knows("node-b") === true), 5_000);
  const { url } = await a.wick.system.ref(Admin, "admin").ask("status", {});

  const tree = await run(["tree", "--node", "node-b", "--url", url]);
  assertEquals(tree.code, 0, tree.err);
  assertMatch(tree.out, /node_gate +running/);
  const sent = await run(["send", "admin", "status", "--node", "node-b", "--url", url, "--json"]);
  assertEquals(sent.code, 0, sent.err);
  const { url: other } = await b.wick.system.ref(Admin, "admin").ask("status", {});
  assertEquals(JSON.parse(sent.out).reply.url, other);
  const status = await (await fetch(`${url}/api/nodes/node-b/status`)).json();
  assertEquals(status.version, "node-b");
  const gone = await run(["tree", "--node", "nobody", "--url", url]);
  assertEquals(gone.code, 1);
  assert(gone.err.includes("none of that name lives"), gone.err);
});
