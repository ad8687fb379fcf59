/** What is written beside commits on one node, and kept in memory on the others. */

import { assertEquals } from "@std/assert";
import { ownRecords } from "../../actors/tree_nodes.ts";
import { NodesRig, until } from "./nodes_rig.ts";

const ADMIN = { about: { name: "wick", version: "0" }, options: { port: 0 } };

Deno.test("an instrument that one node is told of is known to all", async () => {
  await using rig = new NodesRig();
  const options = { admin: ADMIN, monitor: { figures: false, lagEveryMs: null } };
  const a = await rig.join("a", options);
  const b = await rig.join("b", options);
  const urlOf = async ({ wick }: typeof a) => (await wick.admin.ask("status", {})).url;
  const [toA, toB] = [await urlOf(a), await urlOf(b)];
  const before = await fetch(`${toB}/api/instruments/DEMO_X`);
  assertEquals((await before.json()).source, "default");
  const put = await fetch(`${toA}/api/instruments/DEMO_X`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ assetClass: "crypto", sector: "tests" }),
  });
  assertEquals([put.status, (await put.json()).source], [200, "registered"]);
  await until(async () => {
    const answer = await fetch(`${toB}/api/instruments/DEMO_X`);
    const { source, sector } = await answer.json();
    return source === "registered" && sector === "tests";
  });
});

Deno.test("what a node keeps about itself is under kinds of its own", () => {
  const asked: unknown[] = [];
  const store = {
    ask: (type: string, payload: unknown) => {
      asked.push([type, payload]);
      return Promise.resolve(null);
    },
  } as unknown as Parameters<typeof ownRecords>[0];
  const own = ownRecords(store, { spec: { node: "a" } } as Parameters<typeof ownRecords>[1]);
  own.ask("putRecord", { kind: "warming", key: "k", json: "1" });
  own.ask("records", { kind: "warming" });
  own.ask("cursor", { feed: "f" });
  assertEquals(asked, [
    ["putRecord", { kind: "warming@a", key: "k", json: "1" }],
    ["records", { kind: "warming@a" }],
    ["cursor", { feed: "f" }],
  ]);
  assertEquals(ownRecords(store, null), store);
});
