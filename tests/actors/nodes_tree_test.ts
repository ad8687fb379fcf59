/** Trees that share the work: their labels are those of one tree, whoever comes and goes. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { PartitionWriter } from "../../actors/protocols_nodes.ts";
import { ArraySource, randomStream } from "./support.ts";
import { LEASE_MS, NodesRig, until } from "./nodes_rig.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`nodes_tree_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const SHAPE = { series: 40, bars: 120, blockRowsMax: 20, changes: 0.1 } as const;

function feedOf(name: string, batches: ReturnType<typeof randomStream>) {
  return { feeds: [{ name, source: () => new ArraySource(name, batches) }] };
}

Deno.test("three trees on one log hold the labels of one tree, each in its own copy", async () => {
  await using rig = new NodesRig();
  const batches = randomStream(SEED, SHAPE);
  await rig.join("a", feedOf("feed", batches));
  await rig.join("b");
  await rig.join("c");
  await rig.settled(batches);
  // The labels are complete no matter who owns what; the shares come to this by and by.
  await until(async () => {
    const shares = await Promise.all(["a", "b", "c"].map((name) => rig.ownersOf(name)));
    return shares.toSorted().join() === "85,85,86";
  });
});

Deno.test("a tree that joins in the middle takes its share, and nothing is lost or doubled", async () => {
  await using rig = new NodesRig();
  const batches = randomStream(SEED + 1, SHAPE);
  const a = await rig.join("a", feedOf("feed", batches));
  await until(() => a.store.seq > 5);
  await rig.join("b");
  await rig.settled(batches);
  await until(async () => await rig.ownersOf("b") === 128);
});

Deno.test("a tree that leaves hands everything over at once while candles come", async () => {
  await using rig = new NodesRig();
  const batches = randomStream(SEED + 2, SHAPE);
  const a = await rig.join("a", feedOf("feed", batches));
  const b = await rig.join("b");
  await until(async () => await rig.ownersOf("b") === 128 && b.store.seq > 5);
  const leaving = b.stop();
  // From the word to the moment when the other one reads them all.
  const tookMs = await until(async () => await a.owned() === 256);
  console.log(`handed over in ${tookMs.toFixed(1)} ms`);
  // 50 ms of a machine that has nothing else to do; `node_test.ts` has them on a virtual clock.
  assertLessOrEqual(tookMs, 250);
  await leaving;
  await rig.settled(batches);
  const { nodes, moves } = await rig.view();
  assertEquals(nodes.map(({ node }) => node), ["a"]);
  assert(moves.every(({ why }) => why !== "expired"));
  assertEquals(await a.owned(), 256);
});

Deno.test("a tree that is killed is taken over within lease + 250 ms, and nothing is lost", async () => {
  await using rig = new NodesRig();
  const batches = randomStream(SEED + 3, SHAPE);
  const a = await rig.join("a", feedOf("feed", batches));
  const b = await rig.join("b");
  const c = await rig.join("c");
  await until(async () => await rig.ownersOf("c") === 85 && c.store.seq > 5);
  await b.kill();
  const tookMs = await until(async () => await a.owned() + await c.owned() === 256);
  console.log(`taken over in ${tookMs.toFixed(1)} ms with a lease of ${LEASE_MS}`);
  assertLessOrEqual(tookMs, LEASE_MS + 250);
  await rig.settled(batches);
});

Deno.test("sinks of every tree hear of the labels of all, commit by commit, in one order", async () => {
  await using rig = new NodesRig();
  const batches = randomStream(SEED + 4, SHAPE);
  const heard: string[][] = [];
  const listening = () => {
    const own: string[] = [];
    heard.push(own);
    return {
      onLabels: ({ seq, labels, runs }: Parameters<NonNullable<Listener>>[0]) => {
        own.push(`${seq} ${labels.length} ${runs.map(({ series }) => series).join()}`);
      },
    };
  };
  await rig.join("a", listening());
  await rig.join("b", listening());
  // Later than both: a tree hears of what is committed from its start on.
  await rig.join("c", feedOf("feed", batches));
  await rig.settled(batches);
  await until(() => heard[0]?.length === heard[1]?.length);
  assertEquals(heard[0], heard[1]);
  const commits = await rig.nodes[0]?.store.labelsAfter(0, Infinity) ?? [];
  assertEquals(heard[0]?.map((line) => Number(line.split(" ")[0])), commits.map(({ seq }) => seq));
});
type Listener = import("../../actors/tree.ts").WickOptions["onLabels"];

Deno.test("the label log of a tree that owns nothing says what the others committed", async () => {
  await using rig = new NodesRig();
  const batches = randomStream(SEED + 5, SHAPE);
  const a = await rig.join("a", { ...feedOf("feed", batches) });
  // Everything is pinned to where the other one stands.
  await rig.settled(batches);
  const pins = [{ from: 0, to: 256, region: "eu" }];
  await a.stop();
  await rig.join("b", {}, { region: "eu", pins });
  const c = await rig.join("c", {}, { region: "us", pins });
  await until(async () => await rig.ownersOf("b") === 256);
  const more = randomStream(SEED + 6, { ...SHAPE, series: 60 });
  for (const blocks of more) {
    const reply = await c.wick.system.ref(
      PartitionWriter,
      "core/work/ingest/partition_writer",
    ).ask("ingest", {
      ...{ feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true },
    });
    assertEquals(reply.state, "committed");
  }
  await rig.settled([...batches, ...more]);
  assertEquals(await c.owned(), 0);
  const { log } = c.wick;
  await until(() => log?.seq() === c.store.seq);
  const found = await log?.after(0, Infinity);
  assert(found?.state === "ok");
  assertEquals(
    found.commits.map(({ seq }) => seq),
    c.store.labelsAfter(0, Infinity).map((one) => one.seq),
  );
});
