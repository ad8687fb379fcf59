// Random operations over wires that lose, double, hold up and turn around, with nodes that die and
// come back. Whatever happens: nothing twice, in order, and every message has exactly one end.
import { type Random, type Ref, seededRandom } from "../../src/actor/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { seedOf } from "./seed.ts";
import { assertBalanced, settle } from "./support.ts";
import { assertFabricBalanced, type Echo, Echo as messages, Nodes } from "./remote_support.ts";
import type { TestNode } from "./remote_support.ts";

/** Longest that an ask of this test waits, ms. */
const ASK_MS = 400;

/** What became of one numbered message: how often it was handled, and how often it is a letter. */
interface Fate {
  handled: number;
  letters: number;
  /** A letter says that nobody knows whether it arrived. */
  isUnknown: boolean;
}

class History {
  readonly nodes: Nodes;
  readonly random: Random;
  readonly fates = new Map<string, Fate>();
  readonly everyNode: TestNode[] = [];
  asked = 0;
  settled = 0;
  #number = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.nodes = new Nodes(seed ^ 0x5eed);
    for (const name of ["a", "b", "c"]) this.add(name);
  }

  add(name: string): void {
    const bounds = {
      frameBytes: 200,
      underWayBytes: 2_000,
      queuedMessages: 60,
      underWayFrames: 16,
    };
    const node = this.nodes.add(name, { bounds, mailbox: { bound: 40 } });
    this.everyNode.push(node);
    node.system.deadLetters.subscribe(({ payload, error }) => {
      const fate = this.fates.get(keyOf(payload));
      if (fate === undefined) return;
      fate.letters++;
      fate.isUnknown ||= error?.includes("nobody knows") ?? false;
    });
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(from.length * this.random.next())] as T;
  }

  step(): void {
    const chance = this.random.next();
    const node = this.pick(this.nodes.all);
    if (chance < 0.6) this.send(node);
    else if (chance < 0.75) this.ask(node);
    else if (chance < 0.80) this.nodes.net.faults = this.faults();
    else if (chance < 0.84) node.wire.cut();
    else if (chance < 0.86) node.wire.deafen();
    else if (chance < 0.92) node.wire.mend();
    else if (chance < 0.94) this.replace(node);
    else if (chance < 0.96) this.forget(node);
    else if (chance < 0.98) node.system.restart("/wick/echo");
    else for (const open of node.journal.open.splice(0)) open();
  }

  faults() {
    if (this.random.next() < 0.4) return {};
    const part = () => this.random.next() < 0.5 ? 0 : 0.3 * this.random.next();
    return { lose: part(), double: part(), turnAround: part(), delayMs: 5 * this.random.next() };
  }

  ref(from: TestNode): Ref<typeof Echo.definition> {
    const others = ["a", "b", "c", "gone"].filter((name) => name !== from.name);
    return from.system.remote(messages, this.pick(others), "echo");
  }

  send(from: TestNode): void {
    for (let left = 1 + Math.floor(8 * this.random.next()); left > 0; left--) {
      const payload = { from: from.session, number: ++this.#number };
      this.fates.set(keyOf(payload), { handled: 0, letters: 0, isUnknown: false });
      this.ref(from).tell("note", payload);
    }
  }

  ask(from: TestNode): void {
    this.asked++;
    const type = this.pick(["say", "wait", "never"] as const);
    const payload = type === "say" ? { text: "x" } : null;
    const ended = () => void this.settled++;
    this.ref(from).ask(type, payload as never, { timeoutMs: ASK_MS }).then(ended, ended);
  }

  /** A node dies; after a while the others know, and it comes back. */
  replace(node: TestNode): void {
    this.nodes.kill(node);
    void node.fabric.close();
    this.nodes.tell();
    this.add(node.name);
  }

  /** One node holds another for dead, or no longer. */
  forget({ peers }: TestNode): void {
    const lives = this.nodes.all.map(({ name, session }) => ({ node: name, session }));
    peers.set(this.random.next() < 0.5 ? lives : lives.filter(() => this.random.next() < 0.5));
  }

  /** All faults end, and everything on its way arrives. */
  async end(): Promise<void> {
    this.nodes.net.faults = {};
    for (const node of this.nodes.all) node.wire.mend();
    this.nodes.tell();
    for (let i = 0; i < 20; i++) {
      for (const node of this.everyNode) for (const open of node.journal.open.splice(0)) open();
      await this.nodes.advance(ASK_MS / 2);
    }
    await settle();
  }
}

function keyOf(payload: unknown): string {
  const { from, number } = (payload ?? {}) as { from?: string; number?: number };
  return `${from} ${number}`;
}

function check({ everyNode, fates, asked, settled }: History): void {
  assertEquals(settled, asked, "every ask settles");
  for (const node of everyNode) {
    assertFabricBalanced(node);
    const { queued, underWay } = node.fabric.counts();
    assertEquals({ queued, underWay }, { queued: 0, underWay: 0 });
    assertBalanced(node.system);
    const last = new Map<string, number>();
    for (const note of node.journal.noted) {
      const before = last.get(note.from) ?? 0;
      assert(note.number > before, `${note.number} of ${note.from} came after ${before}`);
      last.set(note.from, note.number);
      const fate = fates.get(keyOf(note));
      assert(fate !== undefined);
      fate.handled++;
    }
  }
  for (const [key, { handled, letters, isUnknown }] of fates) {
    assert(handled <= 1, `${key} was handled ${handled} times`);
    const ends = handled + letters;
    assert(ends === 1 || (isUnknown && ends === 2), `${key} ended ${ends} times`);
  }
}

Deno.test("random operations: nothing twice, in order, and every message has one end", async () => {
  const seed = seedOf("remote_random");
  for (let round = 0; round < 40; round++) {
    const history = new History(seed + round);
    try {
      for (let step = 0; step < 250; step++) {
        history.step();
        if (history.random.next() < 0.5) await history.nodes.advance(10 * history.random.next());
      }
      await history.end();
      check(history);
    } catch (error) {
      throw new Error(`seed ${seed + round}`, { cause: error });
    } finally {
      for (const { fabric, system } of history.everyNode) {
        await fabric.close();
        await system.stop({ deadlineMs: 0, drain: false });
      }
    }
  }
});
