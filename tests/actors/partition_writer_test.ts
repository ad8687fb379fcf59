/** The partition writer: what it takes, refuses and commits, and that nothing of a feed changes places. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { partitionOf } from "../../src/market/partition.ts";
import type { StreamPlace } from "../../src/store/partitions/port.ts";
import type { IngestReply } from "../../actors/protocols.ts";
import { candles, seriesOf, textOf } from "../store/partitions/support.ts";
import { PartitionRig } from "./partition_rig.ts";

const [S, T] = seriesOf(3, 2) as [string, string];
const [U] = seriesOf(17, 1) as [string];
const FULL_BYTES = 20_000;

/** The candles that lie in a partition, as text. */
async function lying(rig: PartitionRig, partition: number): Promise<string[]> {
  const places = new Map<number, StreamPlace | null>([[partition, null]]);
  const blocks = [];
  while (true) {
    const [page] = await rig.streams.read(places, 0);
    if (page === undefined) return textOf(blocks);
    places.set(partition, page.place);
    blocks.push(...page.blocks);
  }
}

const codeOf = (reply: IngestReply) =>
  reply.state === "committed" ? reply.state : `${reply.state} ${reply.code}`;

Deno.test("a batch is in the streams of its partitions before its cursor is committed", async () => {
  await using rig = new PartitionRig();
  rig.backend.hold();
  const asked = rig.ingest([candles(S, 0, 3), candles(U, 0, 2)], { feed: "f", cursor: "1" });
  await rig.simulator.run();
  assertEquals(await lying(rig, 3), textOf([candles(S, 0, 3)]));
  assertEquals(await lying(rig, 17), textOf([candles(U, 0, 2)]));
  assertEquals(rig.backend.cursor("f"), null);
  rig.backend.release();
  const reply = await rig.answer(asked);
  assertEquals(rig.backend.cursor("f"), "1");
  assertEquals(reply, {
    state: "committed",
    seq: 1,
    candles: 5,
    corrected: 0,
    labels: 0,
    revised: 0,
  });
  assertEquals(rig.backend.calls.map((call) => call.type === "commit" && call.batches), [[
    { feed: "f", after: null, cursor: "1", series: [] },
  ]]);
});

Deno.test("a batch of nobody is committed once it lies there, without the store", async () => {
  await using rig = new PartitionRig();
  const { seq, candles: rows } = await rig.commit([candles(S, 0, 3)]);
  assertEquals([seq, rows, rig.backend.calls], [0, 3, []]);
});

Deno.test("records and letters are committed, whoever sends them", async () => {
  await using rig = new PartitionRig();
  const letter = { atMs: 1, path: "p", type: "t", reason: "r", error: null, payload: null };
  await rig.commit([candles(S, 0, 1)], {
    records: [{ kind: "k", key: "a", json: "1" }],
    letters: [letter],
  });
  assertEquals(rig.backend.record("k", "a"), "1");
  assertEquals(rig.backend.letters({}, 10), [{ id: 1, ...letter }]);
});

Deno.test("a cursor may move without candles", async () => {
  await using rig = new PartitionRig();
  await rig.commit([], { feed: "f", cursor: "1" });
  await rig.commit([], { feed: "f", after: "1", cursor: "2" });
  assertEquals(rig.backend.cursor("f"), "2");
});

Deno.test("batches that queue for the store are committed together, in the order of each feed", async () => {
  await using rig = new PartitionRig();
  rig.backend.hold();
  const asked = [
    rig.ingest([candles(S, 0, 1)], { feed: "f", cursor: "1" }),
    rig.ingest([candles(S, 1, 1)], { feed: "f", after: "1", cursor: "2" }),
    rig.ingest([candles(U, 0, 1)], { feed: "g", cursor: "1" }),
    rig.ingest([candles(S, 2, 1)], { feed: "f", after: "2", cursor: "3" }),
  ];
  await rig.simulator.run();
  rig.backend.release();
  const replies = await rig.answer(Promise.all(asked));
  assertEquals(new Set(replies.map(codeOf)), new Set(["committed"]));
  assertEquals([rig.backend.cursor("f"), rig.backend.cursor("g")], ["3", "1"]);
  assertEquals(rig.backend.seq, 2);
  assertEquals(await lying(rig, 3), textOf([candles(S, 0, 3)]));
});

Deno.test("a full partition refuses what is for it, and what follows in its feed, until there is room", async () => {
  await using rig = new PartitionRig({ waitingBytes: FULL_BYTES });
  await rig.commit([candles(S, 0, 350)], { feed: "f", cursor: "1" });
  const asked = [
    rig.ingest([candles(S, 350, 100)], { feed: "f", after: "1", cursor: "2" }),
    rig.ingest([candles(U, 0, 1)], { feed: "f", after: "2", cursor: "3" }),
    rig.ingest([candles(U, 1, 1)], { feed: "g", cursor: "1" }),
  ];
  const [first, second, other] = await rig.answer(Promise.all(asked)) as [
    IngestReply,
    IngestReply,
    IngestReply,
  ];
  assertEquals([first, second, other].map(codeOf), [
    "refused room",
    "refused order",
    "committed",
  ]);
  assert(first.state === "refused");
  assertEquals(first.reason, "too much waits to be labelled in partition 3");
  assertGreater(first.retryAfterMs, 0);
  // Refused without another try, and named.
  assertEquals(await rig.code([candles(T, 0, 1)]), "room");
  const status = await rig.answer(rig.writer.ask("status", {}));
  assertEquals([status.fullPartitions, status.refused, status.underWayBytes], [[3], 3, 0]);
  rig.own([3]);
  await rig.simulator.advance(1_000);
  await rig.commit([candles(S, 350, 100)], { feed: "f", after: "1", cursor: "2" });
  await rig.commit([candles(U, 0, 1)], { feed: "f", after: "2", cursor: "3" });
  assertEquals(rig.backend.cursor("f"), "3");
});

Deno.test("streams that are away refuse at once, and take again when they are back", async () => {
  await using rig = new PartitionRig();
  rig.memory.isAway = true;
  const reply = await rig.answer(rig.ingest([candles(S, 0, 1)], { feed: "f", cursor: "1" }));
  assert(reply.state === "refused" && reply.code === "room", JSON.stringify(reply));
  assertGreater(reply.retryAfterMs, 100);
  const { state, underWayBatches, lastError } = await rig.answer(rig.writer.ask("status", {}));
  assertEquals([state, underWayBatches, lastError?.includes("away")], ["away", 0, true]);
  rig.memory.isAway = false;
  await rig.commit([candles(S, 0, 1)], { feed: "f", cursor: "1" });
  const back = await rig.answer(rig.writer.ask("status", {}));
  assertEquals([back.state, back.lastError], ["ok", null]);
});

Deno.test("a batch that does not follow is refused for a while, and then up to the store", async () => {
  await using rig = new PartitionRig();
  await rig.commit([], { feed: "f", cursor: "1" });
  assertEquals(await rig.code([], { feed: "f", after: "2", cursor: "3" }), "order");
  // Another node has gone on with the feed.
  rig.backend.memory.commit([{ feed: "f", after: "1", cursor: "2", series: [] }]);
  await rig.simulator.advance(2_000);
  await rig.commit([], { feed: "f", after: "2", cursor: "3" });
  await rig.simulator.advance(2_000);
  assertEquals(await rig.code([], { feed: "f", after: "2", cursor: "4" }), "stale");
});

Deno.test("a batch that the store refuses fails alone, with what follows in its feed", async () => {
  await using rig = new PartitionRig();
  rig.backend.hold();
  const asked = [
    rig.ingest([], { feed: "a", cursor: "1" }),
    rig.ingest([], { feed: "f", after: "8", cursor: "9" }),
    rig.ingest([], { feed: "f", after: "9", cursor: "10" }),
    rig.ingest([], { feed: "g", cursor: "1" }),
  ];
  await rig.simulator.run();
  rig.backend.release();
  const replies = await rig.answer(Promise.all(asked));
  assertEquals(replies.map(codeOf), ["committed", "failed stale", "failed stale", "committed"]);
  assertEquals(rig.backend.cursor("f"), null);
  await rig.commit([], { feed: "f", cursor: "1" });
});

Deno.test("candles that no entry can hold fail, and others go on", async () => {
  await using rig = new PartitionRig();
  assertEquals(await rig.code([candles("X".repeat(2_000), 0, 1)]), "encoding");
  await rig.commit([candles(S, 0, 1)]);
});

Deno.test("a crash between append and commit loses nothing: the feed goes on from its old cursor", async () => {
  await using rig = new PartitionRig();
  await rig.commit([candles(S, 0, 1)], { feed: "f", cursor: "1" });
  rig.backend.hold();
  const lost = rig.ingest([candles(S, 1, 1)], { feed: "f", after: "1", cursor: "2" });
  await rig.simulator.run();
  rig.backend.refuse = () => ({ state: "refused", code: "broken", message: "it was lost" });
  rig.simulator.kill("/wick/writer");
  await rig.simulator.advance(5_000);
  await lost.catch(() => {});
  rig.backend.release();
  await rig.simulator.run();
  rig.backend.refuse = () => null;
  assertEquals(rig.backend.cursor("f"), "1");
  await rig.commit([candles(S, 1, 1)], { feed: "f", after: "1", cursor: "2" });
  rig.own([3]);
  await rig.simulator.advance(1_000);
  const stored = rig.backend.candles(S, -Infinity, Infinity, 100);
  assertEquals(textOf([stored]), textOf([candles(S, 0, 2)]));
});

Deno.test("what is under way is bounded, and one large batch may go alone", async () => {
  await using rig = new PartitionRig();
  rig.backend.hold();
  const large = candles(S, 0, 400_000);
  const asked = [
    rig.ingest([large], { feed: "f", cursor: "1" }),
    rig.ingest([large], { feed: "g", cursor: "1" }),
  ];
  await rig.simulator.run();
  rig.backend.release();
  const [first, second] = await rig.answer(Promise.all(asked));
  assertEquals([first, second].map((reply) => codeOf(reply as IngestReply)), [
    "committed",
    "refused room",
  ]);
  assertEquals(partitionOf(S), 3);
});

Deno.test("what is not bulk is refused when the streams are slow, the least important first", async () => {
  await using rig = new PartitionRig();
  rig.backend.hold();
  void rig.ingest([candles(S, 0, 1)], { feed: "f", cursor: "1" });
  await rig.simulator.advance(70);
  assertEquals(await rig.code([candles(U, 0, 1)], { bulk: false, priority: 1 }), "overload");
  await rig.commit([candles(U, 0, 1)], { bulk: false, priority: 10 });
  await rig.commit([candles(U, 1, 1)], { bulk: true });
});
