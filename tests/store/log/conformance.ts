/** What every log promises (`src/store/log/port.ts`), as tests that each backend runs. */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import {
  type Fence,
  GROUP_SILENCE_MS,
  type Handed,
  LogError,
  type SharedLog,
} from "../../../src/store/log/port.ts";
import { entry, node, text, textOf, toNode } from "./support.ts";

/** A log of a test's own: handles for as many nodes as it wants. */
export interface LogRig {
  /** Another node's way to the same log. */
  open(): SharedLog;
  /** Lets `ms` of the log's clock pass. */
  pass(ms: number): Promise<void>;
}

/** Makes an empty log with room for `bytesMax`. */
export type NewLog = (bytesMax?: number) => Promise<LogRig>;

/** Registers the tests of one backend. */
export function logConformance(name: string, make: NewLog, options: { ignore?: boolean } = {}) {
  const test: Test = (what, run, bytesMax) =>
    Deno.test({
      name: `${name}: ${what}`,
      ...options,
      fn: async () => {
        const rig = await make(bytesMax);
        const logs: SharedLog[] = [];
        const open = () => {
          const log = rig.open();
          logs.push(log);
          return log;
        };
        try {
          const log = open();
          await log.meet(null);
          await run(log, { ...rig, open });
        } finally {
          for (const log of logs) await log.close();
        }
      },
    });
  testEntries(test);
  testGroup(test);
  testHandOver(test);
  testSnapshots(test);
}

type Test = (
  what: string,
  run: (log: SharedLog, rig: LogRig) => Promise<void>,
  bytesMax?: number,
) => void;

async function all(log: SharedLog, after = 0): Promise<string[]> {
  const found: string[] = [];
  for (let at = after;;) {
    const page = await log.between(at, Infinity);
    if (page.length === 0) return found;
    for (const { position, writer, number } of page) {
      assertEquals(position, ++at);
      found.push(`${writer}${number}`);
    }
  }
}

function testEntries(test: Test): void {
  test("append() numbers entries from 1 and read() gives them as they were", async (log) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const stand = { position: 0, seq: 7 };
    const first = await log.append({ ...entry("a", 1, { kind: "commit", bytes }), stand });
    const second = await log.append(entry("a", 2));
    assert(first.state === "appended" && second.state === "appended");
    assertEquals([first.position, second.position], [1, 2]);
    assertGreater(first.atMs, 1_600_000_000_000);
    const [one, two, ...more] = await log.read(0, 100);
    assertEquals(more, []);
    assertEquals({ ...one, bytes: [...one?.bytes ?? []] }, {
      ...{ position: 1, atMs: first.atMs, writer: "a", number: 1, kind: "commit" },
      ...{ bytes: [...bytes], stand },
    });
    assertEquals([two?.position, two?.stand, textOf(two?.bytes ?? text(""))], [2, null, "a2"]);
  });

  test("append() keeps the order of calls that do not wait for each other", async (log) => {
    const numbers = Array.from({ length: 300 }, (_, i) => i + 1);
    const found = await Promise.all(numbers.map((number) => log.append(entry("a", number))));
    assertEquals(found.map((each) => each.state === "appended" && each.position), numbers);
    assertEquals(await all(log), numbers.map((number) => `a${number}`));
  });

  test("append() of a number that is there is known", async (log, rig) => {
    await log.append(entry("a", 1));
    await log.append(entry("a", 2));
    assertEquals(await log.append(entry("a", 2)), { state: "known" });
    const other = rig.open();
    await other.meet(null);
    assertEquals(await other.append(entry("a", 1)), { state: "known" });
    assertEquals(await all(log), ["a1", "a2"]);
  });

  test("append() of two writers gives one order", async (log, rig) => {
    const other = rig.open();
    await other.meet(null);
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => [
        log.append(entry("a", i + 1)),
        other.append(entry("b", i + 1)),
      ]).flat(),
    );
    const found = await all(log);
    assertEquals(found.length, 100);
    assertEquals(await all(other), found);
    for (const writer of ["a", "b"]) {
      const own = found.filter((name) => name.startsWith(writer));
      assertEquals(own, own.map((_, i) => `${writer}${i + 1}`));
    }
  });

  test("atMs never goes back", async (log) => {
    for (let number = 1; number <= 20; number++) await log.append(entry("a", number));
    const at = (await log.between(0, Infinity)).map(({ atMs }) => atMs);
    assertEquals(at, at.toSorted((a, b) => a - b));
  });

  test("append() refuses what has no room, and nothing is there", async (log) => {
    const bytes = new Uint8Array(400);
    assertEquals((await log.append(entry("a", 1, { bytes }))).state, "appended");
    assertEquals((await log.append(entry("a", 2, { bytes }))).state, "appended");
    const [full, small] = await Promise.all([
      log.append(entry("a", 3, { bytes })),
      log.append(entry("a", 4, { bytes: new Uint8Array(10) })),
    ]);
    assertEquals([full.state, small.state], ["full", "appended"]);
    assertEquals(await all(log), ["a1", "a2", "a4"]);
  }, 1_000);

  test("read() waits for an entry of another node", async (log, rig) => {
    const other = rig.open();
    await other.meet(null);
    const read = log.read(0, 60_000);
    await rig.pass(50);
    await other.append(entry("b", 1));
    assertEquals((await read).map(({ writer }) => writer), ["b"]);
  });

  test("read() gives nothing after its wait, or when it is aborted", async (log, rig) => {
    const read = log.read(0, 20);
    await rig.pass(30);
    assertEquals(await read, []);
    const controller = new AbortController();
    const aborted = log.read(0, 60_000, controller.signal).catch(() => []);
    await rig.pass(30);
    controller.abort();
    assertEquals(await aborted, []);
  });

  test("between() gives what lies between", async (log) => {
    await Promise.all([1, 2, 3, 4, 5].map((number) => log.append(entry("a", number))));
    const found = await log.between(1, 4);
    assertEquals(found.map(({ position }) => position), [2, 3]);
    assertEquals(await log.between(5, Infinity), []);
    assertEquals(await log.between(2, 3), []);
  });

  test("meet() refuses another log, and a place that the log never reached", async (log) => {
    const { log: id } = await log.meet(null);
    await log.append(entry("a", 1));
    const right = { log: id, position: 1, writer: "a", number: 1 };
    assertEquals((await log.meet(right)).position, 1);
    await assertRejects(() => log.meet({ ...right, log: "another" }), LogError, "another");
  });

  test("meet() refuses a log whose entry is another one", async (log, rig) => {
    const { log: id } = await log.meet(null);
    await log.append(entry("a", 1));
    const wrong = { log: id, position: 1, writer: "b", number: 1 };
    await assertRejects(() => rig.open().meet(wrong), LogError, "lost its end");
    const ahead = { log: id, position: 2, writer: "a", number: 2 };
    await assertRejects(() => rig.open().meet(ahead), LogError, "lost its end");
    assertEquals(await all(log), ["a1"]);
  });
}

function testGroup(test: Test): void {
  test("take() gives free partitions a token, and append() checks it", async (log) => {
    await log.beat(node("n1", "s1"), 60_000);
    const { fences, position } = await log.take("s1", [3, 200]);
    assertEquals([fences.map(({ partition }) => partition), position], [[3, 200], 0]);
    assertEquals((await log.append(entry("s1", 1, { fences }))).state, "appended");
    const stale = fences.map(({ partition, token }) => ({ partition, token: token - 1 }));
    assertEquals(await log.append(entry("s1", 2, { fences: stale })), {
      state: "fenced",
      partitions: [3, 200],
    });
    const never = [{ partition: 9, token: 1 }];
    assertEquals(await log.append(entry("s1", 3, { fences: [...fences, ...never] })), {
      state: "fenced",
      partitions: [9],
    });
    assertEquals(await all(log), ["s11"]);
  });

  test("take() leaves a living owner's, and gives one's own again as they are", async (log) => {
    await log.beat(node("n1", "s1"), 60_000);
    await log.beat(node("n2", "s2"), 60_000);
    const first = await log.take("s1", [1, 2]);
    assertEquals((await log.take("s2", [1, 2, 3])).fences.map(({ partition }) => partition), [3]);
    assertEquals((await log.take("s1", [1, 2])).fences, first.fences);
    assertEquals((await log.take("nobody", [7])).fences, []);
  });

  test(
    "take() takes what an owner had whose lease ran out, with a larger token",
    async (log, rig) => {
      await log.beat(node("n1", "s1"), 100);
      await log.beat(node("n2", "s2"), 60_000);
      const [old] = (await log.take("s1", [1])).fences;
      await log.append(entry("s1", 1, { fences: old === undefined ? [] : [old] }));
      await rig.pass(150);
      const { fences: [now], position } = await log.take("s2", [1]);
      assert(old !== undefined && now !== undefined);
      assertGreater(now.token, old.token);
      assertEquals(position, 1);
      const late = await log.append(entry("s1", 2, { fences: [old] }));
      assertEquals(late, { state: "fenced", partitions: [1] });
      const { moves, nodes } = await log.view();
      assertEquals(moves.map(({ from, to, why }) => [from, to, why]), [
        ["n1", "n2", "expired"],
        [null, "n1", "free"],
      ]);
      assertEquals(nodes.map(({ node }) => node), ["n2"]);
    },
  );

  test("handOver() gives to several nodes in one call, and leaves out who is gone", async (log) => {
    for (const name of ["n1", "n2", "n3"]) await log.beat(node(name, `s-${name}`), 60_000);
    const { fences } = await log.take("s-n1", [1, 2, 3, 4]);
    const names = ["n2", "n3", "n4", "n2"];
    const transfers = fences.map((fence, at) => ({ ...fence, to: names[at] as string }));
    const given = await log.handOver(transfers);
    assertEquals(given.fences.map(({ partition }) => partition), [1, 2, 4]);
    const { owners, moves } = await log.view();
    assertEquals(owners.map(({ partition, node }) => [partition, node]), [
      [1, "n2"],
      [2, "n3"],
      [3, "n1"],
      [4, "n2"],
    ]);
    const handed = moves.filter(({ why }) => why === "handed");
    assertEquals(
      handed.map(({ partitions, from, to }) => `${partitions}: ${from} to ${to}`).sort(),
      ["1,4: n1 to n2", "2: n1 to n3"],
    );
  });

  test("handOver() gives to a living node at once", async (log) => {
    await log.beat(node("n1", "s1"), 60_000);
    await log.beat(node("n2", "s2"), 60_000);
    const { fences } = await log.take("s1", [1, 2]);
    const given = await log.handOver(toNode(fences, "n2"));
    assertEquals(given.fences.map(({ partition }) => partition), [1, 2]);
    assertEquals((await log.append(entry("s1", 1, { fences }))).state, "fenced");
    assertEquals((await log.append(entry("s2", 1, { fences: given.fences }))).state, "appended");
    assertEquals((await log.handOver(toNode(fences, "n2"))).fences, []);
    assertEquals((await log.handOver(toNode(given.fences, "n3"))).fences, []);
    const { owners } = await log.view();
    assertEquals(owners.map(({ partition, session, node }) => [partition, session, node]), [
      [1, "s2", "n2"],
      [2, "s2", "n2"],
    ]);
  });

  test("release() and leave() free what was owned", async (log) => {
    await log.beat(node("n1", "s1"), 60_000);
    await log.beat(node("n2", "s2"), 60_000);
    const { fences } = await log.take("s1", [1, 2, 3]);
    await log.release(fences.slice(0, 1));
    assertEquals((await log.append(entry("s1", 1, { fences }))).state, "fenced");
    assertEquals((await log.take("s2", [1, 2, 3])).fences.length, 1);
    await log.leave("s1");
    assertEquals((await log.take("s2", [1, 2, 3])).fences.length, 3);
    assertEquals((await log.view()).nodes.map(({ node }) => node), ["n2"]);
  });

  test("beat() refuses a name that another life has", async (log, rig) => {
    const first = await log.beat(node("n1", "s1"), 100);
    assertEquals(first.state, "alive");
    const second = await log.beat(node("n1", "s2"), 60_000);
    assert(second.state === "name_taken");
    assertEquals([second.by.session, second.by.leftMs <= 100], ["s1", true]);
    await rig.pass(150);
    assertEquals((await log.beat(node("n1", "s2"), 60_000)).state, "alive");
    assertEquals((await log.beat(node("n1", "s1"), 60_000)).state, "name_taken");
  });

  const leaseMs = GROUP_SILENCE_MS + 100;
  /** Two nodes, the first of which has a partition, are not heard for longer than their leases. */
  const fallSilent: Parameters<Test>[1] = async (log, rig) => {
    await log.beat(node("n1", "s1"), leaseMs);
    await log.beat(node("n2", "s2"), leaseMs);
    await log.take("s1", [1]);
    await rig.pass(2 * leaseMs);
  };

  test("leases stand still while nobody is heard", async (log, rig) => {
    await fallSilent(log, rig);
    const { nodes } = await log.view();
    assertEquals(nodes.map(({ node }) => node), ["n1", "n2"]);
    assert(nodes.every(({ leftMs }) => leftMs > 0 && leftMs <= leaseMs));
    assertEquals((await log.take("s2", [1])).fences, []);
    await log.beat(node("n2", "s2"), leaseMs);
    assertEquals((await log.view()).nodes.length, 2);
    // From that beat on they go on. A machine that stops for long makes another silence.
    for (let beats = 0; beats < 20 && (await log.view()).nodes.length > 1; beats++) {
      await rig.pass(GROUP_SILENCE_MS / 2);
      await log.beat(node("n2", "s2"), leaseMs);
    }
    assertEquals((await log.view()).nodes.map(({ node }) => node), ["n2"]);
    assertEquals((await log.take("s2", [1])).fences.length, 1);
  });

  test("a silence lets nobody live on that was gone before", async (log, rig) => {
    await log.beat(node("n1", "s1"), 100);
    await rig.pass(150);
    await log.beat(node("n2", "s2"), 60_000);
    await rig.pass(GROUP_SILENCE_MS + 100);
    await log.beat(node("n2", "s2"), 60_000);
    assertEquals((await log.view()).nodes.map(({ node }) => node), ["n2"]);
  });

  test("the next life of a node waits for no lease that a silence held up", async (log, rig) => {
    await fallSilent(log, rig);
    assertEquals((await log.beat(node("n1", "s3"), leaseMs)).state, "alive");
    assertEquals((await log.take("s3", [1])).fences.length, 1);
    assertEquals((await log.beat(node("n1", "s1"), leaseMs)).state, "name_taken");
    assertEquals((await log.view()).nodes.map(({ session }) => session), ["s3", "s2"]);
  });

  test("append() refuses the session that was replaced", async (log, rig) => {
    await log.beat(node("n1", "s1"), 100);
    assertEquals((await log.append(entry("s1/x", 1))).state, "appended");
    await rig.pass(150);
    assertEquals((await log.append(entry("s1/x", 2))).state, "appended");
    await log.beat(node("n1", "s2"), 60_000);
    assertEquals(await log.append(entry("s1/x", 3)), { state: "fenced", partitions: [] });
    assertEquals((await log.append(entry("s2/x", 1))).state, "appended");
  });

  test("beat() tells of the group, and of its own node", async (log) => {
    await log.beat(node("n2", "s2", { region: "eu", url: "http://b" }), 60_000);
    await log.take("s2", [5]);
    await log.append(entry("s2", 1));
    const beat = await log.beat(node("n1", "s1", { isLeaving: true, applied: 1 }), 60_000);
    assert(beat.state === "alive");
    const { nodes, owners, position, firstPosition, bytes, snapshot } = beat.view;
    assertEquals(nodes.map(({ leftMs: _, ...info }) => info), [
      node("n1", "s1", { isLeaving: true, applied: 1 }),
      node("n2", "s2", { region: "eu", url: "http://b" }),
    ]);
    assertEquals(owners.map(({ partition, node }) => [partition, node]), [[5, "n2"]]);
    assertEquals({ position, firstPosition, bytes, snapshot }, {
      ...{ position: 1, firstPosition: 1, bytes: 3, snapshot: null },
    });
  });

  test("beat() refuses names that are none", async (log) => {
    for (const name of ["", "a|b", "a b", "x".repeat(65), 'a"b']) {
      await assertRejects(() => log.beat(node(name, "s"), 1_000), TypeError);
      await assertRejects(() => log.beat(node("n", name), 1_000), TypeError);
    }
  });

  test("beat() has room for 64 nodes", async (log) => {
    for (let i = 0; i < 64; i++) {
      assertEquals((await log.beat(node(`n${i}`, `s${i}`), 60_000)).state, "alive");
    }
    assertEquals((await log.beat(node("n64", "s64"), 60_000)).state, "full");
    assertEquals((await log.beat(node("n0", "s0"), 60_000)).state, "alive");
  });

  test("onGroupChange() tells of changes by others", async (log, rig) => {
    let told = 0;
    let tell = () => {};
    const end = log.onGroupChange(() => {
      told++;
      tell();
    });
    const other = rig.open();
    await other.meet(null);
    await rig.pass(50);
    const changed = new Promise<void>((resolve) => tell = resolve);
    await other.beat(node("n1", "s1"), 60_000);
    await changed;
    assertGreater(told, 0);
    end();
  });
}

function testHandOver(test: Test): void {
  test("onGroupChange() tells whose partitions are that were handed over", async (log, rig) => {
    const told: (Handed | null)[] = [];
    const end = log.onGroupChange((handed) => void told.push(handed));
    const other = rig.open();
    await other.meet(null);
    // Until it hears anything: a hint may be lost.
    while (told.length === 0) {
      await other.beat(node("n0", "s0"), 60_000);
      await other.leave("s0");
      await rig.pass(10);
    }
    await other.beat(node("n1", "s1"), 60_000);
    await other.beat(node("n2", "s2"), 60_000);
    await other.beat(node("n3", "s3"), 60_000);
    await log.append(entry("a", 1));
    const { fences } = await other.take("s1", [3, 17, 200, 255]);
    const [, seventeen, ...both] = fences;
    const [second, third] = [toNode(both, "n2"), toNode([seventeen as Fence], "n3")];
    const { fences: given, position } = await other.handOver([...second, ...third]);
    assertEquals(given.map(({ partition }) => partition), [200, 255, 17]);
    assertEquals(position, 1);
    // Nothing is left of it to be handed over, and nothing to be told.
    assertEquals((await other.handOver(toNode(fences.slice(1), "n1"))).fences, []);
    await other.release(fences.slice(0, 1));
    const isAllTold = () => told.at(-1) === null && told.some((handed) => handed !== null);
    while (!isAllTold()) await rig.pass(10);
    const handed = told.filter((handed) => handed !== null);
    assertEquals(handed.toSorted((a, b) => a.session < b.session ? -1 : 1), [
      { session: "s2", taken: { fences: given.slice(0, 2), position } },
      { session: "s3", taken: { fences: given.slice(2), position } },
    ]);
    end();
  });
}

function testSnapshots(test: Test): void {
  async function* pieces(...parts: string[]) {
    for (const part of parts) yield await text(part);
  }

  test("snapshot() gives what putSnapshot() was given", async (log) => {
    assertEquals(await log.snapshot(), null);
    for (const number of [1, 2, 3, 4]) await log.append(entry("a", number));
    const about = await log.putSnapshot(3, pieces("one", "two"));
    assertEquals([about.position, about.bytes, about.pieces], [3, 6, 2]);
    const found = await log.snapshot();
    assertEquals(found?.about, about);
    assertEquals((await log.view()).snapshot, about);
    const held: string[] = [];
    for await (const piece of found?.pieces ?? []) held.push(textOf(piece));
    assertEquals(held, ["one", "two"]);
  });

  test("putSnapshot() gives up what lies before it, but not its last entry", async (log, rig) => {
    const { log: id } = await log.meet(null);
    for (let number = 1; number <= 1_500; number++) void log.append(entry("a", number));
    await log.append(entry("a", 1_501));
    const { bytes } = await log.view();
    await log.putSnapshot(1_400, pieces("x"));
    const view = await log.view();
    assertEquals([view.firstPosition, view.position], [1_400, 1_501]);
    assertEquals(view.bytes, 102 * 5);
    assertGreater(bytes, view.bytes);
    const error = await assertRejects(() => log.between(10, Infinity), LogError);
    assertEquals((error as LogError).code, "gone");
    assertEquals((await all(log, 1_400)).length, 101);
    const mark = { log: id, position: 1_400, writer: "a", number: 1_400 };
    assertEquals((await rig.open().meet(mark)).firstPosition, 1_400);
    await assertRejects(() => rig.open().meet({ ...mark, writer: "b" }), LogError);
  });

  test("trim() gives up nothing that is in no snapshot", async (log) => {
    for (const number of [1, 2, 3]) await log.append(entry("a", number));
    await log.trim(3);
    assertEquals((await log.view()).firstPosition, 1);
  });

  test("putSnapshot() leaves a later one", async (log) => {
    for (const number of [1, 2, 3]) await log.append(entry("a", number));
    await log.putSnapshot(3, pieces("later"));
    assertEquals((await log.putSnapshot(2, pieces("earlier"))).position, 3);
    for await (const piece of (await log.snapshot())?.pieces ?? []) {
      assertEquals(textOf(piece), "later");
    }
    await assertRejects(() => log.putSnapshot(9, pieces("ahead")), LogError);
  });

  test("putSnapshot() makes room", async (log) => {
    const bytes = new Uint8Array(400);
    for (const number of [1, 2]) await log.append(entry("a", number, { bytes }));
    assertEquals((await log.append(entry("a", 3, { bytes }))).state, "full");
    await log.putSnapshot(2, pieces("x"));
    assertEquals((await log.append(entry("a", 3, { bytes }))).state, "appended");
  }, 1_000);
}
