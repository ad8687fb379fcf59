/**
 * Messages between the actors of several nodes: what {@linkcode System.remote} sends goes through
 * here.
 *
 * - `tell` never throws and never blocks; it says `accepted` when the message waits for its way.
 * - An ask settles with its reply, `AskTimeout`, `ActorStopped` (the actor, its path, its node or
 *   this life of it is gone), `Overflow` (no room here, on the way, or there), or `ActorFailed`.
 * - At most once, in order per sender, receiver and lane. What was sent is at the other side, or a
 *   dead letter: of this system when it did not get there, of the other one when it was not handled.
 *   What was under way when a node died is a dead letter that says so: nobody knows whether it
 *   arrived.
 * - Nothing that comes in is believed: a message must fit the protocol of its receiver, and internal
 *   ones come only where they are allowed by name.
 * - Everything that waits is bounded ({@linkcode RemoteBounds}).
 *
 * The account: sent = queued + under way + arrived + dead-lettered. What arrived is in the account
 * of the other system.
 *
 * @module
 */

import type { TellResult } from "./actor.ts";
import { MESSAGE_OVERHEAD_BYTES } from "./bytes.ts";
import { type Cancel, type Clock, nextTurn } from "./clock.ts";
import type { DeadReason } from "./dead_letters.ts";
import { ActorFailed, ActorStopped, Overflow } from "./errors.ts";
import type { Message } from "./lane.ts";
import { Admission } from "./mailbox.ts";
import type { ExitReason } from "./node.ts";
import type { Entry } from "./protocol.ts";
import {
  type FrameRecord,
  FrameWriter,
  type IncomingFrame,
  readFrame,
  type Target,
  unwatchRecord,
  watchRecord,
} from "./remote_frame.ts";
import { encodedValue, Inbox, tooLarge } from "./remote_inbox.ts";
import type { Link, LinkHost, Lost, OutMessage } from "./remote_link.ts";
import { PeerLink } from "./remote_peer.ts";
import type { Carrier, OutgoingAsk } from "./remote_ref.ts";
import {
  assertPeerName,
  type Peer,
  type Peers,
  REMOTE_BOUNDS,
  type RemoteBounds,
  type Wire,
} from "./remote_wire.ts";
import type { System } from "./system.ts";

/** Senders that wait for room on the way to one peer; more are refused. */
const OFFERS_MAX = 1_024;

/** How a system becomes a node. */
export interface FabricOptions {
  /** Whose actors send and are sent to. */
  readonly system: System;
  /** This life of this node. */
  readonly self: Peer;
  /** What carries the frames; the fabric closes it. */
  readonly wire: Wire;
  /** Which nodes live. */
  readonly peers: Peers;
  /** Internal messages that may come from other nodes, as `node_gate.call`; default: none. */
  readonly allow?: readonly string[];
  /** Default {@linkcode REMOTE_BOUNDS}. */
  readonly bounds?: Partial<RemoteBounds>;
}

/** What went between this node and all others. */
export interface FabricCounts {
  /** Messages that were to go to other nodes. */
  readonly sent: number;
  /** Of these, those that wait for their way. */
  readonly queued: number;
  /** Of these, those on their way that were not confirmed. */
  readonly underWay: number;
  /** Of these, those that the other side took. */
  readonly arrived: number;
  /** Of these, those that are dead letters here. */
  readonly deadLettered: number;
  /** Messages from other nodes that were given to a mailbox here, or to the dead letters. */
  readonly received: number;
  /** Of these, those that no mailbox was asked to take: nobody there, refused, or of a wrong shape. */
  readonly refused: number;
  /** Frames from other nodes that never came. */
  readonly framesMissed: number;
  /** Frames from other nodes that came late or again, and were not taken. */
  readonly framesLate: number;
  /** What came in and was no frame for this life. */
  readonly malformed: number;
  /** Replies and watches that were given up. */
  readonly repliesLost: number;
}

/** The way to one other life of a node, as it is now. */
export interface LinkStatus extends Peer {
  /** False: that life has ended. */
  readonly isOpen: boolean;
  /** Messages that wait for their way. */
  readonly queued: number;
  /** Messages on their way and not confirmed. */
  readonly underWay: number;
  /** Bytes of frames on their way and not confirmed. */
  readonly underWayBytes: number;
  /** Asks of this node that wait for their reply. */
  readonly asks: number;
  /** Frames from there that never came. */
  readonly framesMissed: number;
  /** Frames from there that came late or again, and were not taken. */
  readonly framesLate: number;
}

/** See the module's text. Ends with its wire when disposed of. */
export class Fabric implements Carrier, LinkHost, AsyncDisposable {
  /** This life of this node. */
  readonly self: Peer;
  /** What carries the frames. */
  readonly wire: Wire;
  /** What is bounded, and by how much. */
  readonly bounds: RemoteBounds;
  /** The clock of its system. */
  readonly clock: Clock;
  /** @internal */
  readonly frames: FrameWriter = new FrameWriter();
  /** Bytes under way over all links. */
  underWayBytes = 0;
  readonly #system: System;
  readonly #peers: Peers;
  readonly #links = new Map<string, PeerLink>();
  /** Sessions by the names of their nodes, of those that live. */
  #listed = new Map<string, string>();
  readonly #planned = new Set<Link>();
  #turn: Cancel | null = null;
  #isClosed = false;
  readonly #unwatch: Cancel;
  readonly #inbox: Inbox;
  #nextId = 1;
  #sent = 0;
  #arrived = 0;
  #deadLettered = 0;
  #malformed = 0;
  #framesMissed = 0;
  #framesLate = 0;

  /**
   * Makes a system a node. A system is one node at a time.
   *
   * @throws {TypeError} when it is one already, or a name is none.
   */
  constructor({ system, self, wire, peers, allow = [], bounds }: FabricOptions) {
    assertPeerName("a node's name", self.node);
    assertPeerName("a session", self.session);
    if (system.carrier !== null) {
      throw new TypeError(`Cannot make it a node: it is ${system.carrier.node} already`);
    }
    this.#system = system;
    this.self = self;
    this.wire = wire;
    this.clock = system.clock;
    this.#peers = peers;
    this.bounds = { ...REMOTE_BOUNDS, ...bounds };
    this.#inbox = new Inbox(system, allow, this.bounds.messageBytes);
    system.carrier = this;
    this.#unwatch = peers.watch(() => this.#look());
    this.#look();
    wire.listen({
      message: (bytes) => this.#incoming(bytes),
      ready: () => {
        for (const link of this.#links.values()) link.reconnected();
      },
    });
  }

  /** Name of this node. */
  get node(): string {
    return this.self.node;
  }

  // ---- peers ------------------------------------------------------------------------------------

  /** Whether a node of that name lives, as far as is known. */
  knows(node: string): boolean {
    return node === this.self.node || this.#listed.has(node);
  }

  /** Closes the links to lives that ended. */
  #look(): void {
    if (this.#isClosed) return;
    const before = this.#listed;
    this.#listed = new Map(this.#peers.nodes().map(({ node, session }) => [node, session]));
    for (const [node, session] of before) {
      if (this.#listed.get(node) === session) continue;
      const link = this.#links.get(session);
      if (link?.isOpen === true) this.#end(link);
    }
  }

  /** @internal */
  isListed({ peer }: Link): boolean {
    return this.#listed.get(peer.node) === peer.session;
  }

  /** The open link to a node that lives; null when none of that name does. */
  #linkTo(node: string): PeerLink | null {
    const session = this.#listed.get(node);
    return session === undefined || this.#isClosed ? null : this.#linkOf({ node, session });
  }

  #linkOf(peer: Peer): PeerLink | null {
    const known = this.#links.get(peer.session);
    if (known !== undefined) {
      if (!known.isOpen) known.reopen();
      return known;
    }
    if (this.#links.size >= this.bounds.peers && !this.#forgetOne()) return null;
    const link = new PeerLink(this, peer);
    this.#links.set(peer.session, link);
    return link;
  }

  /** The life that ended first gives way. */
  #forgetOne(): boolean {
    for (const [session, link] of this.#links) {
      if (link.isOpen) continue;
      this.#framesMissed += link.framesMissed;
      this.#framesLate += link.framesLate;
      return this.#links.delete(session);
    }
    return false;
  }

  /** @internal */
  stranger(link: Link): void {
    this.#end(link as PeerLink);
  }

  #end(link: PeerLink): void {
    link.close();
    this.#planned.delete(link);
    for (const ask of [...link.asks.values()]) ask.reject(new ActorStopped(ask.path, ask.type));
    const watches = [...link.watches.values()];
    link.watches.clear();
    for (const watcher of watches) watcher("crash");
    for (const cancel of link.watched.values()) cancel();
    link.watched.clear();
    for (const { settle } of link.offers.splice(0)) settle();
  }

  // ---- going out --------------------------------------------------------------------------------

  /** @internal */
  carry(
    node: string,
    target: Target,
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: OutgoingAsk | null,
    cause: number,
  ): TellResult {
    this.#sent++;
    const link = this.#linkTo(node);
    const refused = link === null
      ? STOPPED
      : this.#queue(link, target, entry, payload, lane, ask, cause);
    if (refused === null) return "accepted";
    const path = `${node}:${target.path}`;
    const error = refused.errorOf(path, entry.type);
    this.#deadLetter(path, entry, payload, refused.reason, cause, error);
    ask?.reject(error);
    return refused.reason;
  }

  /** Queues a message; what is in its way, or null. */
  #queue(
    link: PeerLink,
    target: Target,
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: OutgoingAsk | null,
    cause: number,
  ): Refused | null {
    const encoded = encodedValue(payload);
    if (encoded instanceof Error) {
      const errorOf = (path: string, type: string) => new ActorFailed(path, type, encoded);
      return { reason: "unhandled", errorOf };
    }
    const { messageBytes, asks } = this.bounds;
    if (encoded.length > messageBytes) return overflow(tooLarge(encoded.length, messageBytes));
    if (ask !== null && link.asks.size >= asks) {
      return overflow(`${asks} asks wait for ${link.peer.node} already`);
    }
    const message: OutMessage = {
      target,
      payload,
      encoded,
      lane,
      id: ask === null ? 0 : this.#nextId++,
      timeoutMs: ask === null ? 0 : ask.timeoutMs,
      trace: this.#system.tracing?.trail?.span.traceparent ?? "",
    };
    const bytes = encoded.length + MESSAGE_OVERHEAD_BYTES;
    const { scheduler } = this.#system;
    scheduler.wake();
    const { nowMs } = scheduler;
    const admission = link.outbox.push(lane, entry, message, ask, cause, nowMs, bytes);
    if (admission === Admission.refused) {
      return overflow(`too much waits for its way to ${link.peer.node}`);
    }
    if (ask !== null) {
      ask.id = message.id;
      ask.underWay = link.asks;
      link.asks.set(message.id, ask);
    }
    this.plan(link);
    return null;
  }

  /** @internal */
  offer(
    node: string,
    target: Target,
    entry: Entry,
    payload: unknown,
    lane: number,
    cause: number,
  ): Promise<TellResult> {
    const carry = () => this.carry(node, target, entry, payload, lane, null, cause);
    const link = this.#linkTo(node);
    const bytes = entry.bytesOf(payload);
    const waits = link !== null && bytes <= this.bounds.messageBytes &&
      link.offers.length < OFFERS_MAX &&
      (link.offers.length > 0 || !link.outbox.hasRoom(bytes));
    if (!waits) return Promise.resolve(carry());
    return new Promise((resolve) => {
      const hasRoom = () => link.outbox.hasRoom(bytes);
      link.offers.push({ hasRoom, settle: () => resolve(carry()) });
    });
  }

  /** @internal */
  watch(
    node: string,
    path: string,
    watcher: (path: string, reason: ExitReason) => void,
  ): Cancel {
    const link = this.#linkTo(node);
    const id = this.#nextId++;
    if (link === null || !link.queueRecord(watchRecord(id, path))) {
      watcher(path, "crash");
      return () => {};
    }
    link.watches.set(id, (reason) => watcher(path, reason));
    return () => {
      if (link.watches.delete(id)) link.queueRecord(unwatchRecord(id));
    };
  }

  /** @internal */
  plan(link: Link): void {
    this.#planned.add(link);
    if (this.#turn === null && !this.#isClosed) this.#turn = nextTurn(() => this.#pump());
  }

  #pump(): void {
    this.#turn = null;
    const links = [...this.#planned] as PeerLink[];
    this.#planned.clear();
    for (const link of links) {
      link.pump();
      while (link.offers[0]?.hasRoom() === true) link.offers.shift()?.settle();
    }
  }

  /** @internal */
  roomMade(): void {
    for (const link of this.#links.values()) {
      if (link.isOpen && (link.outbox.size > 0 || link.offers.length > 0)) this.plan(link);
    }
  }

  /** @internal */
  arrived(count: number): void {
    this.#arrived += count;
  }

  /** @internal */
  gaveUp(records: number): void {
    this.#inbox.repliesLost += records;
  }

  /** @internal */
  bury(link: Link, { entry, payload, ask, cause }: Message, why: Lost): void {
    const { target, payload: sent } = payload as OutMessage;
    const { node } = link.peer;
    const path = `${node}:${target.path}`;
    const { type } = entry;
    const failure = why === "lost"
      ? new ActorFailed(path, type, new Error(`it was lost on its way to ${node}`))
      : new ActorStopped(path, type);
    const note = why === "unknown"
      ? new Error(`${node} is gone, and nobody knows whether this arrived`)
      : failure;
    this.#deadLetter(path, entry, sent, REASONS[why], cause, note);
    ask?.reject(failure);
  }

  #deadLetter(
    path: string,
    entry: Entry,
    payload: unknown,
    reason: DeadReason,
    cause: number,
    error: Error,
  ): void {
    this.#deadLettered++;
    const shown = error instanceof ActorFailed && error.cause instanceof Error
      ? error.cause
      : error;
    this.#system.lost(path, entry, payload, reason, cause, shown);
  }

  // ---- coming in --------------------------------------------------------------------------------

  #incoming(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const frame = this.#readFrame(bytes);
    const link = frame === null ? null : this.#linkOfFrame(frame);
    const isNew = frame === null || link === null ? null : link.take(frame.head, bytes.length);
    if (isNew === null) this.#malformed++;
    if (frame === null || link === null || isNew !== true) return;
    let records: FrameRecord[];
    try {
      records = frame.records();
    } catch {
      this.#malformed++;
      return link.unreadable();
    }
    for (const record of records) this.#inbox.take(link, record);
  }

  #readFrame(bytes: Uint8Array): IncomingFrame | null {
    try {
      const frame = readFrame(bytes);
      return frame.head.toSession === this.self.session ? frame : null;
    } catch {
      return null;
    }
  }

  /** A peer may be heard before the list of nodes tells of it. */
  #linkOfFrame({ head: { fromNode, fromSession } }: IncomingFrame): PeerLink | null {
    const known = this.#links.get(fromSession);
    if (known !== undefined) return known.peer.node === fromNode ? this.#linkOf(known.peer) : null;
    return this.#linkOf({ node: fromNode, session: fromSession });
  }

  // ---- what one can see, and the end ------------------------------------------------------------

  /** See {@linkcode FabricCounts}. O(peers). */
  counts(): FabricCounts {
    let queued = 0, underWay = 0;
    let framesMissed = this.#framesMissed, framesLate = this.#framesLate;
    for (const link of this.#links.values()) {
      queued += link.outbox.size;
      underWay += link.underWay;
      framesMissed += link.framesMissed;
      framesLate += link.framesLate;
    }
    return {
      sent: this.#sent,
      queued,
      underWay,
      arrived: this.#arrived,
      deadLettered: this.#deadLettered,
      received: this.#inbox.received,
      refused: this.#inbox.refused,
      framesMissed,
      framesLate,
      malformed: this.#malformed,
      repliesLost: this.#inbox.repliesLost,
    };
  }

  /** The ways to others, those that ended with them. O(peers). */
  links(): LinkStatus[] {
    return [...this.#links.values()].map((link) => ({
      ...link.peer,
      isOpen: link.isOpen,
      queued: link.outbox.size,
      underWay: link.underWay,
      underWayBytes: link.underWayBytes,
      asks: link.asks.size,
      framesMissed: link.framesMissed,
      framesLate: link.framesLate,
    }));
  }

  /**
   * Waits until all that was sent is confirmed, at most `withinMs`; false when some is not. For a
   * node that is about to stop.
   */
  drain(withinMs: number): Promise<boolean> {
    const isDone = () => {
      const { queued, underWay } = this.counts();
      return queued + underWay === 0;
    };
    const untilMs = this.clock.now() + withinMs;
    return new Promise((resolve) => {
      const look = () => {
        if (isDone() || this.#isClosed || this.clock.now() >= untilMs) resolve(isDone());
        else this.clock.setTimer(DRAIN_LOOK_MS, look);
      };
      look();
    });
  }

  /** Ends all links, and the wire: the system is no node any more. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      for (const link of this.#links.values()) if (link.isOpen) this.#end(link);
      this.#isClosed = true;
      this.#unwatch();
      this.#turn?.();
      this.#turn = null;
      if (this.#system.carrier === this) this.#system.carrier = null;
    }
    await this.wire.close();
  }

  /** As {@linkcode Fabric.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Between two looks whether all is confirmed, ms. */
const DRAIN_LOOK_MS = 5;

const REASONS: Readonly<Record<Lost, DeadReason>> = {
  expired: "expired",
  // As a message that the simulator loses on its way.
  lost: "unhandled",
  stopped: "stopped",
  unknown: "stopped",
};

/** Why a message was not queued. */
interface Refused {
  readonly reason: "stopped" | "overflow" | "unhandled";
  readonly errorOf: (path: string, type: string) => Error;
}

const STOPPED: Refused = {
  reason: "stopped",
  errorOf: (path, type) => new ActorStopped(path, type),
};

function overflow(why: string): Refused {
  return { reason: "overflow", errorOf: (path, type) => new Overflow(path, type, why) };
}
