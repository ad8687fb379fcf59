/** A webhook that several nodes share: one delivers, in order, and nothing is left out. */

import { assert, assertEquals } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { child, createSystem, type System } from "../../src/actor/mod.ts";
import { LabelLog } from "../../src/http/label_log.ts";
import type { WebhookRequest } from "../../src/http/webhook/call.ts";
import { Store, Webhook } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import { webhook } from "../../actors/webhook.ts";
import { seedOf } from "../actor/seed.ts";
import { all, batch, candle, candles, labels, part } from "../store/support.ts";
import { CopyStore, MovingDuties, SharedEntries, SharedTime } from "./duty_rig.ts";

const SERIES = "A:M1";
const DUTY = "webhook/desk";

class Nodes implements AsyncDisposable {
  readonly time = new SharedTime();
  readonly log: SharedEntries;
  readonly duties: MovingDuties;
  readonly systems = new Map<string, System>();
  readonly copies = new Map<string, CopyStore>();
  /** Rows as the receiver took them, as `node ts`. */
  readonly rows: { readonly node: string; readonly ts: number }[] = [];
  takesMs = 20;
  #bars = 0;

  constructor(readonly random: Random) {
    this.log = new SharedEntries(this.time.clock, random, 30);
    this.duties = new MovingDuties(this.time.clock, "a");
    for (const name of ["a", "b", "c"]) this.#add(name);
  }

  #add(name: string): void {
    const { clock } = this.time;
    const copy = new CopyStore(this.log);
    const log = new LabelLog(
      (seq, limit) =>
        Promise.resolve({ state: "ok", commits: copy.memory.labelsAfter(seq, limit) }),
      copy.memory.seq,
    );
    copy.memory.commit = ((commit) => (batches) => {
      const result = commit(batches);
      if (result.state === "committed") log.committed(result.seq);
      return result;
    })(copy.memory.commit.bind(copy.memory));
    const shared = { node: name, duties: this.duties.of(name), news: copy.news };
    this.copies.set(name, copy);
    this.systems.set(
      name,
      createSystem({
        clock,
        random: this.random,
        inlineThreads: true,
        children: [
          child(store, { name: "store", args: { kind: "open", backend: copy.store } }),
          child(webhook, {
            name: "hook",
            args: ({ ask }) => ({
              store: ask(Store, "store"),
              log,
              spec: { name: "desk", url: "http://x.example/", secret: "s".repeat(24), after: 0 },
              bounds: { rowsMax: 5, everyMs: 0 },
              shared,
              call: (request) => this.#take(name, request),
            }),
          }),
        ],
      }),
    );
  }

  async #take(node: string, { body }: WebhookRequest) {
    await new Promise<void>((done) => void this.time.clock.setTimer(this.takesMs, done));
    const { labels } = JSON.parse(body) as { labels: { ts: number }[] };
    for (const { ts } of labels) this.rows.push({ node, ts });
    return { status: 200, retryAfter: null };
  }

  commit(rows: number): void {
    const base = this.#bars;
    this.#bars += rows;
    const times = Array.from({ length: rows }, (_, i) => 60_000 * (base + i));
    const block = labels(SERIES, "h", times.map((ts) => ({ ts, exit: 101, fwd: null })));
    const append = all(candles(SERIES, times.map((ts) => candle(ts))));
    const batches = [batch(part(SERIES, base, { append, labels: [all(block)] }))];
    this.log.append((memory) => memory.commit(batches), []);
  }

  hook(name: string) {
    return (this.systems.get(name) as System).ref(Webhook, "hook");
  }

  async status(name: string) {
    return await this.time.play(this.hook(name).ask("status", {}));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const system of this.systems.values()) await this.time.play(system.stop());
  }
}

const timesOf = (nodes: Nodes) => nodes.rows.map(({ ts }) => ts / 60_000);

Deno.test("webhook: only the node with its duty delivers, and the others say which", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("webhook nodes")));
  nodes.commit(12);
  await nodes.time.pass(2_000);
  assertEquals(timesOf(nodes), Array.from({ length: 12 }, (_, i) => i));
  assertEquals(new Set(nodes.rows.map(({ node }) => node)), new Set(["a"]));
  const [a, b] = [await nodes.status("a"), await nodes.status("b")];
  assertEquals([a.state, a.node, b.state, b.node], ["idle", "a", "standby", "a"]);
  assertEquals(b.after, a.after);
});

Deno.test("webhook: goes on where it was on another node, and repeats what was under way", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("webhook moves")));
  nodes.commit(40);
  await nodes.time.pass(200);
  nodes.duties.move(DUTY, "b");
  await nodes.time.pass(3_000);
  nodes.commit(3);
  await nodes.time.pass(1_000);
  const times = timesOf(nodes);
  assertEquals(new Set(times).size, 43);
  // The batch under way, and one whose place the other copy did not have yet.
  assert(times.length <= 43 + 2 * 5, `${times.length} rows`);
  assert(nodes.rows.some(({ node }) => node === "b"));
});

Deno.test("webhook: skips nothing while its duty moves and nodes hear of it late", async () => {
  const seed = seedOf("webhook late");
  for (let round = 0; round < 5; round++) {
    const random = seededRandom(seed + round);
    await using nodes = new Nodes(random);
    for (let move = 0; move < 40; move++) {
      nodes.commit(1 + Math.floor(random.next() * 20));
      await nodes.time.pass(random.next() * 800);
      const to = ["a", "b", "c"][Math.floor(random.next() * 3)] as string;
      nodes.duties.move(DUTY, to, random.next() < 0.5 ? 0 : random.next() * 2_000);
    }
    await nodes.time.pass(60_000);
    // In the order in which they are taken first.
    const first = [...new Set(timesOf(nodes))];
    assertEquals(first, first.map((_, i) => i), `round ${round}`);
    const after = await Promise.all(["a", "b", "c"].map((name) => nodes.status(name)));
    assertEquals(
      new Set(after.map((one) => Number.parseInt(one.after))).size,
      1,
      JSON.stringify(after),
    );
  }
});

Deno.test("webhook: pause, resume and seek on any node go for the one that delivers", async () => {
  await using nodes = new Nodes(seededRandom(seedOf("webhook orders")));
  nodes.commit(7);
  await nodes.time.pass(1_000);
  nodes.hook("c").tell("pause", {});
  await nodes.time.pass(500);
  nodes.commit(3);
  await nodes.time.pass(5_000);
  assertEquals(nodes.rows.length, 7);
  assertEquals((await nodes.status("a")).state, "paused");
  // A pause outlives the move.
  nodes.duties.move(DUTY, "b");
  await nodes.time.pass(2_000);
  assertEquals(nodes.rows.length, 7);
  nodes.hook("a").tell("resume", {});
  await nodes.time.pass(2_000);
  assertEquals(timesOf(nodes), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  nodes.rows.length = 0;
  assertEquals(await nodes.time.play(nodes.hook("c").ask("seek", { after: "0" })), { after: "0" });
  await nodes.time.pass(3_000);
  assertEquals(timesOf(nodes), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // Once, though the duty moves.
  nodes.duties.move(DUTY, "a");
  await nodes.time.pass(3_000);
  assertEquals(nodes.rows.length, 10);
});
