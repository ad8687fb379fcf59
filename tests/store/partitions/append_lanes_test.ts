import { assert, assertEquals, assertRejects } from "@std/assert";
import { nextTurn, VirtualClock } from "../../../src/actor/clock.ts";
import { AppendLanes, type LaneAppend } from "../../../src/store/partitions/append_lanes.ts";
import { pageOf } from "../../../src/store/partitions/entries.ts";
import { LogError } from "../../../src/store/log/port.ts";
import { candles, seriesOf, textOf } from "./support.ts";

const [S] = seriesOf(3, 1) as [string];
const [U] = seriesOf(17, 1) as [string];
const AWAY = { away: new LogError("away", "it is away") };

/** Lanes whose appends are kept until the test says what became of them. */
class Rig {
  readonly clock = new VirtualClock();
  readonly sent: LaneAppend[] = [];
  readonly lanes = new AppendLanes(this.clock, 1_000, (appends) => this.sent.push(...appends));

  /** What is sent in this turn: partition, number and rows of each. */
  async turn(): Promise<[partition: number, number: number, rows: number][]> {
    await new Promise<void>((resolve) => void nextTurn(resolve));
    return this.sent.map(({ partition, number, entries }) => [
      partition,
      number,
      rowsIn(partition, entries).length,
    ]);
  }

  take(): LaneAppend {
    const append = this.sent.shift();
    assert(append !== undefined);
    return append;
  }
}

function rowsIn(partition: number, entries: readonly Uint8Array[]): string[] {
  return textOf(
    entries.flatMap((bytes) => pageOf(partition, null, [{ place: "1-1", bytes }]).blocks),
  );
}

Deno.test("calls of one turn go together, one append a partition", async () => {
  const rig = new Rig();
  const first = rig.lanes.append([candles(S, 0, 2), candles(U, 0, 1)]);
  const second = rig.lanes.append([candles(S, 2, 3)]);
  assertEquals(await rig.turn(), [[3, 1, 5], [17, 1, 1]]);
  const [three, seventeen] = [rig.take(), rig.take()];
  assertEquals(rowsIn(3, three.entries), textOf([candles(S, 0, 5)]));
  rig.lanes.settled(three, "appended");
  assertEquals(await second, { state: "appended" });
  rig.lanes.settled(seventeen, "appended");
  assertEquals(await first, { state: "appended" });
});

Deno.test("what comes while an append is on its way goes with the next one, of its partition alone", async () => {
  const rig = new Rig();
  void rig.lanes.append([candles(S, 0, 1)]);
  await rig.turn();
  const first = rig.take();
  for (let i = 1; i < 4; i++) void rig.lanes.append([candles(S, i, 1)]);
  void rig.lanes.append([candles(U, 0, 1)]);
  assertEquals(await rig.turn(), [[17, 1, 1]]);
  rig.take();
  rig.lanes.settled(first, "appended");
  assertEquals(await rig.turn(), [[3, 2, 3]]);
});

Deno.test("an append that found no room takes with it what waits behind it", async () => {
  const rig = new Rig();
  const first = rig.lanes.append([candles(S, 0, 1), candles(U, 0, 1)]);
  await rig.turn();
  const [three, seventeen] = [rig.take(), rig.take()];
  const second = rig.lanes.append([candles(S, 1, 1)]);
  rig.lanes.settled(three, "full");
  rig.lanes.settled(seventeen, "appended");
  assertEquals(await first, { state: "full", partitions: [3] });
  assertEquals(await second, { state: "full", partitions: [3] });
  assertEquals(await rig.turn(), []);
  void rig.lanes.append([candles(S, 0, 1)]);
  assertEquals(await rig.turn(), [[3, 2, 1]]);
});

Deno.test("an append whose outcome is not known comes again under its number, until it is given up", async () => {
  const rig = new Rig();
  const first = rig.lanes.append([candles(S, 0, 1)]);
  await rig.turn();
  const second = rig.lanes.append([candles(S, 1, 1)]);
  let tries = 0;
  const failed = assertRejects(() => first, LogError, "it is away");
  const behind = assertRejects(() => second, LogError, "it is away");
  while (rig.sent.length > 0) {
    tries++;
    const append = rig.take();
    assertEquals([append.number, rowsIn(3, append.entries)], [1, textOf([candles(S, 0, 1)])]);
    rig.lanes.settled(append, AWAY);
    rig.clock.advance(50);
  }
  assertEquals(tries, 20);
  await failed;
  await behind;
  void rig.lanes.append([candles(S, 0, 1)]);
  assertEquals(await rig.turn(), [[3, 2, 1]]);
});

Deno.test("an answer to what was given up does not count", async () => {
  const rig = new Rig();
  const first = rig.lanes.append([candles(S, 0, 1)]);
  await rig.turn();
  const old = rig.take();
  rig.clock.advance(2_000);
  const failed = assertRejects(() => first, LogError);
  rig.lanes.settled(old, AWAY);
  await failed;
  const second = rig.lanes.append([candles(S, 1, 1)]);
  await rig.turn();
  rig.lanes.settled(old, "full");
  rig.lanes.settled(rig.take(), "appended");
  assertEquals(await second, { state: "appended" });
});

Deno.test("what is encoded at a time is bounded, over all lanes and in each", async () => {
  const rig = new Rig();
  const rows = 20_000;
  for (let i = 0; i < 30; i++) {
    rig.lanes.append([candles(seriesOf(i, 1)[0] as string, 0, rows)]).catch(() => {});
  }
  rig.lanes.append([candles(seriesOf(0, 1)[0] as string, rows, rows)]).catch(() => {});
  const sent = await rig.turn();
  assertEquals(sent.length, 18);
  assertEquals(sent[0], [0, 1, rows]);
  rig.lanes.settled(rig.take(), "appended");
  rig.lanes.settled(rig.take(), "appended");
  const after = await rig.turn();
  assertEquals(after.length, 18);
  rig.lanes.close();
});

Deno.test("closing gives up all that is not answered", async () => {
  const rig = new Rig();
  const first = rig.lanes.append([candles(S, 0, 1)]);
  await rig.turn();
  const second = rig.lanes.append([candles(S, 1, 1)]);
  const closed = Promise.all([first, second].map((call) => assertRejects(() => call, LogError)));
  rig.lanes.close();
  assertEquals((await closed).map(({ code }) => code), ["closed", "closed"]);
  assertEquals(
    (await assertRejects(() => rig.lanes.append([candles(S, 2, 1)]), LogError)).code,
    "closed",
  );
});
