/**
 * A node with a mailbox: admission, accounting and dead letters, the same for actors here and in
 * threads. The account of every path always balances:
 *
 *     sent = handled + queued + deadLettered + superseded
 *
 * where `queued` counts the mailbox, the stash and the message under way.
 *
 * @module
 */

import type { SendOptions, TellResult } from "./actor.ts";
import type { Asker } from "./ask.ts";
import { ActorStopped, Overflow } from "./errors.ts";
import type { DeadReason } from "./dead_letters.ts";
import { Lane, type Message } from "./lane.ts";
import { Admission, Mailbox, type MailboxOptions } from "./mailbox.ts";
import { type ExitReason, Node, type ParentNode, type RestartType, type Runtime } from "./node.ts";
import { type Definition, type Entry, LANE, type Protocol } from "./protocol.ts";
import type { Runnable } from "./scheduler.ts";
import { ServiceTime } from "./service_time.ts";
import { TracedMessage } from "./tracing.ts";

/** The account of one path. */
export interface MailboxCounts {
  readonly sent: number;
  readonly handled: number;
  readonly queued: number;
  readonly deadLettered: number;
  readonly superseded: number;
}

/** A message put aside, with the lane that it came from. */
interface Stashed {
  readonly message: Message;
  readonly lane: number;
}

interface Offer {
  readonly entry: Entry;
  readonly payload: unknown;
  readonly lane: number;
  readonly ask: Asker | null;
  readonly cause: number;
  readonly settle: (result: TellResult) => void;
}

/** Senders that wait for room in one mailbox; more are refused, for waiting costs memory too. */
const OFFERS_MAX = 1_024;

/** Queue and account of one path. */
export abstract class MailboxNode extends Node implements Runnable {
  readonly mailbox: Mailbox;
  scheduled = false;
  sent = 0;
  handled = 0;
  deadLettered = 0;
  superseded = 0;
  /** False while it drains and after it stopped: what arrives is dead-lettered as stopped. */
  accepting = true;
  protected readonly stash: Stashed[] = [];
  #offers: Offer[] = [];
  #service: ServiceTime | null = null;

  constructor(
    runtime: Runtime,
    name: string,
    path: string,
    parent: ParentNode | null,
    restart: RestartType,
    readonly protocol: Protocol<Definition>,
    mailbox: MailboxOptions | undefined,
  ) {
    super(runtime, name, path, parent, restart);
    this.mailbox = new Mailbox(mailbox);
  }

  abstract runSlice(messagesMax: number, untilMs: number): number;
  abstract get ready(): boolean;
  /** Messages taken from the mailbox and not yet accounted for. */
  abstract get underWay(): number;
  /** Called after a message was put in. */
  protected abstract arrived(): void;

  get service(): ServiceTime {
    return this.#service ??= new ServiceTime();
  }

  /** Mean of recent service times in ms; 0 before the first. */
  get recentServiceMs(): number {
    return this.#service === null ? 0 : this.#service.recentMs;
  }

  counts(): MailboxCounts {
    return {
      sent: this.sent,
      handled: this.handled,
      queued: this.queued,
      deadLettered: this.deadLettered,
      superseded: this.superseded,
    };
  }

  get queued(): number {
    const system = this.mailbox.system;
    return this.mailbox.size + this.stash.length + this.underWay +
      (system === null ? 0 : system.size);
  }

  /** Messages × recent service time, ms: how long a message arriving now would wait. */
  expectedWaitMs(): number {
    return this.mailbox.size * this.recentServiceMs;
  }

  /** See `Context.oldestWaitMs`. */
  oldestWaitMs(): number {
    const atMs = this.mailbox.oldestAtMs();
    if (atMs === Infinity) return 0;
    this.runtime.scheduler.wake();
    return Math.max(0, this.runtime.scheduler.nowMs - atMs);
  }

  /** Takes a message in, or accounts for why not. Never throws. */
  deliver(
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: Asker | null,
    cause: number,
  ): TellResult {
    this.sent++;
    const runtime = this.runtime;
    if (!this.accepting) {
      return this.#refused(entry, payload, ask, cause, "stopped");
    }
    if (runtime.faults !== null) {
      const fate = runtime.faults.onTheWay(this.path, entry.type);
      if (fate < 0) return this.#refused(entry, payload, ask, cause, "unhandled");
      if (fate > 0) return this.#delayed(fate, entry, payload, lane, ask, cause);
    }
    return this.#admit(entry, payload, lane, ask, cause);
  }

  /** The simulator holds a message up; it counts as sent when it arrives. */
  #delayed(
    delayMs: number,
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: Asker | null,
    cause: number,
  ): TellResult {
    this.sent--;
    this.runtime.clock.setTimer(delayMs, () => {
      this.sent++;
      if (this.accepting) this.#admit(entry, payload, lane, ask, cause);
      else this.#refused(entry, payload, ask, cause, "stopped");
    });
    return "accepted";
  }

  #admit(
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: Asker | null,
    cause: number,
  ): TellResult {
    const runtime = this.runtime;
    runtime.scheduler.wake();
    const bytes = entry.bytesOf(payload);
    const nowMs = runtime.scheduler.nowMs;
    const admission = this.mailbox.push(lane, entry, payload, ask, cause, nowMs, bytes);
    if (admission !== Admission.accepted) {
      if (admission === Admission.refused) {
        return this.#refused(entry, payload, ask, cause, "overflow");
      }
      this.#displaced(admission);
    }
    this.arrived();
    return "accepted";
  }

  /**
   * Puts a timer's or a watch's message into the system lane, which refuses nothing. Returns its
   * causation id, which no other message of that lane has.
   */
  deliverSystem(entry: Entry, payload: unknown): number {
    const runtime = this.runtime;
    const cause = runtime.nextCause();
    this.sent++;
    runtime.scheduler.wake();
    const system = this.mailbox.system ??= new Lane();
    system.push(entry, payload, null, cause, runtime.scheduler.nowMs, 0);
    this.arrived();
    return cause;
  }

  /** As `deliver`, but waits for room where the policy is `suspend`. */
  offer(
    entry: Entry,
    payload: unknown,
    options: SendOptions | undefined,
    ask: Asker | null,
    cause: number,
  ): Promise<TellResult> {
    const lane = options?.priority === undefined ? entry.lane : LANE[options.priority];
    const waits = this.mailbox.overflow === "suspend" && this.accepting &&
      (this.#offers.length > 0 || !this.mailbox.hasRoom(entry.bytesOf(payload))) &&
      // What can never fit must be refused now, or it would wait for ever.
      entry.bytesOf(payload) <= this.mailbox.boundBytes && this.#offers.length < OFFERS_MAX;
    if (!waits) return Promise.resolve(this.deliver(entry, payload, lane, ask, cause));
    return new Promise<TellResult>((settle) => {
      this.#offers.push({ entry, payload, lane, ask, cause, settle });
    });
  }

  /** Lets waiting senders in while there is room. */
  protected admitOffers(): void {
    while (this.#offers.length > 0) {
      const offer = this.#offers[0] as Offer;
      if (!this.mailbox.hasRoom(offer.entry.bytesOf(offer.payload))) return;
      this.#offers.shift();
      this.#settleOffer(offer);
    }
  }

  #settleOffer({ entry, payload, lane, ask, cause, settle }: Offer): void {
    settle(this.deliver(entry, payload, lane, ask, cause));
  }

  protected get offersWaiting(): boolean {
    return this.#offers.length > 0;
  }

  #refused(
    entry: Entry,
    payload: unknown,
    ask: Asker | null,
    cause: number,
    reason: "stopped" | "overflow" | "unhandled",
  ): TellResult {
    this.bury(entry, payload, ask, cause, entry.bytesOf(payload), reason);
    return reason;
  }

  #displaced(admission: number): void {
    const old = this.mailbox.displaced as Message;
    this.mailbox.displaced = null;
    if (admission === Admission.superseded) {
      this.superseded++;
      if (old.ask instanceof TracedMessage) old.ask.lost("superseded", old.cause, null);
      old.ask?.reject(new Overflow(this.path, old.entry.type, "a newer message took its place"));
      return;
    }
    this.bury(old.entry, old.payload, old.ask, old.cause, old.bytes, "overflow");
  }

  /** Dead-letters a message of this path and settles its ask. */
  protected bury(
    entry: Entry,
    payload: unknown,
    ask: Asker | null,
    cause: number,
    bytes: number,
    reason: DeadReason,
    error: Error | null = null,
  ): void {
    this.deadLettered++;
    if (ask instanceof TracedMessage) ask.lost(reason, cause, error);
    this.runtime.deadLetter(this.path, entry, payload, reason, cause, bytes, error?.cause ?? error);
    if (ask === null || ask.settled) return;
    if (error !== null) ask.reject(error);
    else if (reason === "overflow") {
      ask.reject(new Overflow(this.path, entry.type, "the mailbox is full"));
    } else ask.reject(new ActorStopped(this.path, entry.type));
  }

  retire(reason: ExitReason, error: unknown): void {
    this.state = "stopped";
    this.retired = true;
    this.accepting = false;
    this.exitQueued = false;
    this.unstashAll();
    for (let m = this.mailbox.shift(); m !== null; m = this.mailbox.shift()) {
      this.bury(m.entry, m.payload, m.ask, m.cause, m.bytes, "stopped");
    }
    const system = this.mailbox.system;
    for (let m = system?.shift() ?? null; m !== null; m = system?.shift() ?? null) {
      this.bury(m.entry, m.payload, m.ask, m.cause, m.bytes, "stopped");
    }
    for (const offer of this.#offers.splice(0)) this.#settleOffer(offer);
    this.tellWatchers(reason, error);
  }

  /** Puts stashed messages back in front, the earliest first. */
  protected unstashAll(): void {
    for (let m = this.stash.pop(); m !== undefined; m = this.stash.pop()) {
      this.mailbox.unshift(m.message, m.lane);
    }
  }
}
