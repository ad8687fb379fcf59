/**
 * Several systems in one process, connected by wires in memory, under one virtual clock.
 *
 * @module
 */
import { z } from "zod";
import {
  actor,
  createSystem,
  protocol,
  seededRandom,
  type System,
  type SystemOptions,
  VirtualClock,
} from "../../src/actor/mod.ts";
import { Fabric } from "../../src/actor/remote.ts";
import type { RemoteBounds } from "../../src/actor/remote_wire.ts";
import { MemoryNet, type MemoryWire } from "../../src/store/nodes/memory_wire.ts";
import { PeerList } from "../../src/store/nodes/peers.ts";
import { assertEquals } from "@std/assert";
import { settle } from "./support.ts";

/** What the actors of these tests understand. */
export const Echo = protocol("echo", {
  note: { payload: z.strictObject({ from: z.string(), number: z.number() }) },
  urgent: { payload: z.strictObject({ number: z.number() }), priority: "urgent" },
  say: { payload: z.strictObject({ text: z.string() }), reply: z.string() },
  columns: {
    payload: z.strictObject({ times: z.instanceof(Float64Array), kinds: z.instanceof(Uint8Array) }),
    reply: z.strictObject({ times: z.instanceof(Float64Array), kinds: z.instanceof(Uint8Array) }),
    columns: true,
  },
  crash: { payload: z.strictObject({ text: z.string() }), reply: z.null() },
  never: { payload: z.null(), reply: z.null() },
  wait: { payload: z.null(), reply: z.null() },
  anything: { payload: z.unknown(), reply: z.unknown() },
  secret: { payload: z.strictObject({ n: z.number() }), reply: z.number(), internal: true },
  cause: { payload: z.null(), reply: z.number() },
});

/** Writes down what it handles. */
export interface EchoJournal {
  readonly noted: { from: string; number: number }[];
  readonly urgent: number[];
  readonly order: (number | string)[];
  open: (() => void)[];
}

/** An actor that answers, and writes down what it is told. */
export function echo(journal: EchoJournal) {
  return actor(Echo, (ctx) => ({
    note(payload) {
      journal.noted.push(payload);
      journal.order.push(payload.number);
    },
    urgent({ number }) {
      journal.urgent.push(number);
      journal.order.push(`u${number}`);
    },
    say: ({ text }) => text.toUpperCase(),
    columns: (payload) => payload,
    crash({ text }): null {
      throw new RangeError(text);
    },
    never: () => ctx.defer<null>(),
    wait: () => new Promise<null>((resolve) => journal.open.push(() => resolve(null))),
    anything: (payload) => payload,
    secret: ({ n }) => n + 1,
    cause: () => ctx.cause,
  }));
}

/** One node of {@linkcode Nodes}. */
export interface TestNode {
  readonly name: string;
  readonly session: string;
  readonly system: System;
  readonly fabric: Fabric;
  readonly wire: MemoryWire;
  readonly peers: PeerList;
  readonly journal: EchoJournal;
}

/** How a node is made. */
export interface TestNodeOptions {
  readonly bounds?: Partial<RemoteBounds>;
  readonly allow?: readonly string[];
  readonly mailbox?: NonNullable<Parameters<System["spawn"]>[1]["mailbox"]>;
  readonly session?: string;
  readonly system?: SystemOptions;
}

/** See the module's text. */
export class Nodes implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly net: MemoryNet;
  readonly all: TestNode[] = [];
  #sessions = 0;

  constructor(readonly seed = 1) {
    this.net = new MemoryNet(this.clock, seededRandom(seed));
  }

  /** Adds a node with an `echo` actor, and tells all others. */
  add(name: string, options: TestNodeOptions = {}): TestNode {
    const session = options.session ?? `${name}-${++this.#sessions}`;
    const system = createSystem({
      clock: this.clock,
      random: seededRandom(this.seed),
      log: null,
      intensity: 1_000_000,
      ...options.system,
    });
    const peers = new PeerList();
    const wire = this.net.wire(session);
    const self = { node: name, session };
    const { bounds = {}, allow = [] } = options;
    const fabric = new Fabric({ system, self, wire, peers, bounds, allow });
    const journal: EchoJournal = { noted: [], urgent: [], order: [], open: [] };
    const { mailbox } = options;
    system.spawn(echo(journal), {
      name: "echo",
      args: {},
      ...(mailbox === undefined ? {} : { mailbox }),
    });
    const node = { name, session, system, fabric, wire, peers, journal };
    this.all.push(node);
    this.tell();
    return node;
  }

  /** Tells every node which ones live. */
  tell(): void {
    const lives = this.all.map(({ name, session }) => ({ node: name, session }));
    for (const { peers } of this.all) peers.set(lives);
  }

  /** A node ends without a word; the others are told after the lease. */
  kill(node: TestNode): void {
    node.wire.cut();
    this.all.splice(this.all.indexOf(node), 1);
  }

  /** Lets `ms` pass, and everything run that falls due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await settle();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      await settle();
    }
    this.clock.advance(untilMs - this.clock.now());
    await settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { fabric, system } of this.all) {
      await fabric.close();
      await system.stop({ deadlineMs: 0, drain: false });
    }
  }
}

/** Asserts that everything a node ever sent to others is accounted for. */
export function assertFabricBalanced({ fabric }: TestNode): void {
  const { sent, queued, underWay, arrived, deadLettered } = fabric.counts();
  assertEquals(sent, queued + underWay + arrived + deadLettered);
}
