/** The follower on a store that answers by hand; who it tells takes notes. */

import { assertEquals } from "@std/assert";
import { type FollowerCell, logFollower } from "../../actors/log_follower.ts";
import { CommitSink, LabelPool, LabelSink, Store } from "../../actors/protocols.ts";
import { LogFollower } from "../../actors/protocols_nodes.ts";
import {
  actor,
  type Context,
  createSystem,
  type Deferred,
  type Definition,
  nextTurn,
  type Protocol,
  VirtualClock,
} from "../../src/actor/mod.ts";
import { packLogged } from "../../src/store/commit_codec.ts";
import type { TouchedNews } from "../../src/store/nodes/followed_store.ts";
import type { LoggedCommit, Touched } from "../../src/store/port.ts";
import { LabelBuilder } from "../../src/label/rows.ts";

type Handlers = Readonly<Record<string, (payload: never) => unknown>>;

/** An actor that handles some messages of a protocol. */
function partOf<D extends Definition>(
  messages: Protocol<D>,
  handlers: (ctx: Context<D>) => Handlers,
) {
  return actor(messages, (ctx) => {
    const unused = () => {
      throw new Error("not asked");
    };
    const all = Object.keys(messages.definition).map((type) => [type, unused]);
    return { ...Object.fromEntries(all), ...handlers(ctx) } as never;
  });
}

class Rig {
  readonly clock = new VirtualClock();
  readonly notes: string[] = [];
  readonly cell: FollowerCell;
  readonly asked: { seq: number; changes: number }[] = [];
  seq = 5;
  labels: LoggedCommit[] = [];
  #reply: Deferred<TouchedNews> | null = null;
  readonly system = createSystem({ name: "t", clock: this.clock, log: null });

  constructor(cell: FollowerCell = { toldSeq: null, toldChanges: 0 }) {
    this.cell = cell;
    const note = (text: string) => void this.notes.push(text);
    const { system } = this;
    const store = system.spawn(
      partOf(Store, (ctx) => ({
        seq: () => this.seq,
        appliedAfter: (asked: { seq: number; changes: number }) => {
          this.asked.push({ seq: asked.seq, changes: asked.changes });
          return this.#reply = ctx.defer();
        },
        labelsAfterPacked: ({ seq }: { seq: number }) =>
          packLogged(this.labels.filter((one) => one.seq > seq)),
      })),
      { name: "store", args: undefined },
    );
    const pool = system.spawn(
      partOf(LabelPool, () => ({ applied: ({ seq }: { seq: number }) => note(`pool ${seq}`) })),
      { name: "pool", args: undefined },
    );
    const sink = system.spawn(
      partOf(LabelSink, () => ({ labels: ({ seq }: LoggedCommit) => note(`labels ${seq}`) })),
      { name: "sink", args: undefined },
    );
    const commitSink = system.spawn(
      partOf(CommitSink, () => ({
        committed: ({ seq, rows }: { seq: number; rows: number }) => note(`commit ${seq} ${rows}`),
      })),
      { name: "commit_sink", args: undefined },
    );
    system.spawn(logFollower, {
      name: "follower",
      args: {
        ...{ store, pool, cell: this.cell, sinks: [sink], commitSinks: [commitSink] },
        cache: {
          seq: null,
          missed: (seq) => (note(`missed ${seq}`), 0),
          caughtUp: (from, to, commits) => {
            note(`cache ${from} to ${to}: ${commits.map(({ seq }) => seq).join()}`);
            return 0;
          },
        },
        onRecords: (changed) => note(`records ${changed?.map(({ key }) => key).join() ?? "?"}`),
      },
    });
  }

  async turns(): Promise<void> {
    for (let i = 0; i < 40; i++) {
      this.clock.advance(1);
      await new Promise<void>((done) => nextTurn(done));
    }
  }

  /** The store has applied up to a seq. */
  async news(seq: number, more: Partial<TouchedNews> = {}): Promise<string[]> {
    await this.turns();
    const [touched, records] = [[], []];
    this.#reply?.resolve({
      ...{ seq, atMs: 1, rows: seq, changes: 0, records, touched },
      ...more,
    });
    await this.turns();
    return this.notes.splice(0);
  }

  get follower() {
    return this.system.ref(LogFollower, "follower");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reply?.resolve({ ...{ seq: 0, atMs: 0, rows: 0, changes: 0 }, records: [], touched: [] });
    const stopping = this.system.stop();
    await this.turns();
    await stopping;
  }
}

function touched(seq: number, series: string): Touched {
  return { seq, series, fromTs: 0, toTs: 1 };
}

function logged(seq: number): LoggedCommit {
  const labels = new LabelBuilder(1).take("", "h");
  return {
    ...{ seq, atMs: 1, labels, runs: [], revisions: new Uint32Array(0) },
    removed: new Uint8Array(0),
  };
}

Deno.test("log follower tells the cache, then the pool, then the sinks, in the order of seqs", async () => {
  await using rig = new Rig();
  await rig.turns();
  // What was there before is no news, and nobody knows how old entries of the cache are.
  assertEquals(rig.notes.splice(0), ["missed 5"]);
  rig.labels = [logged(6), logged(8)];
  const told = await rig.news(8, { touched: [touched(6, "A:M1"), touched(8, "B:M1")], rows: 3 });
  assertEquals(told, ["cache 5 to 8: 6,8", "pool 8", "labels 6", "labels 8", "commit 8 3"]);
  assertEquals(await rig.news(9), ["cache 8 to 9: ", "pool 9", "commit 9 9"]);
  assertEquals(rig.asked.map(({ seq }) => seq), [5, 8, 9]);
});

Deno.test("log follower tells of no commit that is newer than the news it has", async () => {
  await using rig = new Rig();
  rig.labels = [logged(6), logged(7)];
  assertEquals((await rig.news(6)).filter((note) => note.startsWith("labels")), ["labels 6"]);
  assertEquals((await rig.news(7)).filter((note) => note.startsWith("labels")), ["labels 7"]);
});

Deno.test("log follower goes on where an earlier life of it was", async () => {
  await using rig = new Rig({ toldSeq: 3, toldChanges: 0 });
  await rig.turns();
  assertEquals([rig.notes, rig.asked.map(({ seq }) => seq)], [[], [3]]);
  assertEquals(await rig.news(5), ["cache 3 to 5: ", "pool 5", "commit 5 5"]);
});

Deno.test("log follower that was overtaken by retention says that nobody knows what was touched", async () => {
  await using rig = new Rig();
  await rig.turns();
  rig.notes.length = 0;
  assertEquals(await rig.news(9, { touched: null }), ["missed 9", "pool 9", "commit 9 9"]);
  const asked = rig.follower.ask("status", {});
  await rig.turns();
  assertEquals((await asked).gaps, 1);
});

Deno.test("log follower whose copy knows less than it was told begins again from there", async () => {
  await using rig = new Rig();
  await rig.news(9);
  assertEquals(await rig.news(6), ["cache 9 to 6: ", "pool 6", "commit 6 6"]);
  assertEquals(rig.asked.at(-1)?.seq, 6);
});

Deno.test("log follower tells of records that others wrote", async () => {
  await using rig = new Rig();
  const records = (key: string) => [{ kind: "levels", key }];
  await rig.news(5, { changes: 0, records: [] });
  assertEquals(await rig.news(5, { changes: 1, records: records("EUR") }), ["records EUR"]);
  assertEquals(await rig.news(5, { changes: 900, records: null }), ["records ?"]);
  assertEquals(rig.asked.at(-1), { seq: 5, changes: 900 });
});

Deno.test("log follower answers with the last commit of a series", async () => {
  await using rig = new Rig();
  await rig.news(9, { touched: [touched(6, "A:M1"), touched(8, "B:M1")] });
  const ask = async (series: string) => {
    const asked = rig.follower.ask("touchedSeq", { series });
    await rig.turns();
    return await asked;
  };
  assertEquals([await ask("A:M1"), await ask("B:M1"), await ask("C:M1")], [6, 8, 5]);
});
