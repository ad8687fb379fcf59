/**
 * The way to one life of another node and back: what waits, what is under way, what came in.
 *
 * What is under way is kept until the other side says what became of it. So a frame that the wire
 * lost is known by its number, and its messages are dead letters here; one that arrived is off the
 * books. Nothing is ever sent twice but replies and watches, which are told apart by their ids and
 * count once. A number that comes late, or again, is not taken: order and at-most-once hold whatever
 * the wire does.
 *
 * @module
 */

import type { Cancel, Clock } from "./clock.ts";
import type { Message } from "./lane.ts";
import { Mailbox } from "./mailbox.ts";
import type { FrameHead, FrameWriter, Stretch, Target } from "./remote_frame.ts";
import type { Peer, RemoteBounds, Wire } from "./remote_wire.ts";

/** A confirmation waits so long for a frame to go with, ms. */
const CONFIRM_DELAY_MS = 5;
/** Frames after which it goes at once. */
const CONFIRM_FRAMES = 64;
/** First wait for a confirmation until it is asked for, ms: a round trip takes about one. */
export const PROBE_MIN_MS = 200;
/** Longest, ms. */
export const PROBE_MAX_MS = 2_000;
/** Probes without an answer after which a peer that nobody knows is given up: about 12 s. */
const STRANGER_PROBES_MAX = 8;
/** A reply that was lost so often is given up: its asker's time is over. */
const RECORD_ATTEMPTS_MAX = 8;
/** Numbers that one side may have under way, at most, as far as the other side believes it. */
const NUMBERS_SPAN_MAX = 65_536;

/** A message as it waits for its way. */
export interface OutMessage {
  readonly target: Target;
  /** As it was sent, for its dead letter. */
  readonly payload: unknown;
  readonly encoded: Uint8Array;
  readonly lane: number;
  /** Id of an ask; 0 = a tell. */
  readonly id: number;
  readonly timeoutMs: number;
  readonly trace: string;
}

/** A record that may go twice, since its id tells. */
interface Repeatable {
  readonly bytes: Uint8Array;
  attempts: number;
}

/** A frame under way. */
interface Flight {
  readonly bytes: number;
  readonly messages: Message[];
  readonly records: Repeatable[];
}

/** What a link needs of the node it belongs to. */
export interface LinkHost {
  readonly self: Peer;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly bounds: RemoteBounds;
  readonly frames: FrameWriter;
  /** Bytes under way over all links; each adds and takes its own. */
  underWayBytes: number;
  /** Whether the peer is one of those that live. */
  isListed(link: Link): boolean;
  /** The link has something to send: call its `pump` in the next turn. */
  plan(link: Link): void;
  /** Something is under way no more. */
  roomMade(): void;
  /** The peer's side took these messages. */
  arrived(count: number): void;
  /** A message that ends here. */
  bury(link: Link, message: Message, why: Lost): void;
  /** Replies or watches that are given up. */
  gaveUp(records: number): void;
  /** Nobody answers, and nobody knows the peer: it is closed. */
  stranger(link: Link): void;
}

/** Why a message ended here: too late, lost on its way, or the peer is gone, before or after it left. */
export type Lost = "expired" | "lost" | "stopped" | "unknown";

/** See the module's text. */
export class Link {
  isOpen = true;
  readonly outbox: Mailbox;
  /** Frames from there that never came. */
  framesMissed = 0;
  /** Frames from there that came late or again. */
  framesLate = 0;
  readonly #host: LinkHost;
  #records: Repeatable[] = [];
  #recordBytes = 0;
  readonly #flights = new Map<number, Flight>();
  #flightBytes = 0;
  #flightMessages = 0;
  #next = 1;
  #probe: Cancel | null = null;
  #probeMs = PROBE_MIN_MS;
  #probes = 0;
  #seen = 0;
  readonly #missed: Stretch[] = [];
  /** What came in since the last confirmation. */
  #unconfirmedBytes = 0;
  #unconfirmedFrames = 0;
  #confirmNow = false;
  #confirm: Cancel | null = null;

  constructor(host: LinkHost, readonly peer: Peer) {
    this.#host = host;
    const { queuedMessages, queuedBytes } = host.bounds;
    this.outbox = new Mailbox({ bound: queuedMessages, boundBytes: queuedBytes });
  }

  /** Messages on their way and not confirmed. */
  get underWay(): number {
    return this.#flightMessages;
  }

  /** Bytes on their way and not confirmed. */
  get underWayBytes(): number {
    return this.#flightBytes;
  }

  // ---- going out --------------------------------------------------------------------------------

  /** Queues a reply or a watch; false when there is no room. */
  queueRecord(bytes: Uint8Array): boolean {
    const { queuedReplies, queuedReplyBytes } = this.#host.bounds;
    const isFull = this.#records.length >= queuedReplies ||
      this.#recordBytes + bytes.length > queuedReplyBytes;
    if (!this.isOpen || isFull) return false;
    this.#push({ bytes, attempts: 0 });
    return true;
  }

  #push(record: Repeatable): void {
    this.#records.push(record);
    this.#recordBytes += record.bytes.length;
    this.#host.plan(this);
  }

  /** Sends what there is room for, and confirms what is to be confirmed. */
  pump(): void {
    if (!this.isOpen) return;
    while (this.#hasWork && this.#hasRoom) if (!this.#sendFrame()) break;
    if (this.#confirmNow) this.#sendHead(false);
  }

  get #hasWork(): boolean {
    return this.outbox.size > 0 || this.#records.length > 0;
  }

  get #hasRoom(): boolean {
    const { wire, bounds, underWayBytes } = this.#host;
    return wire.isReady && this.#flights.size < bounds.underWayFrames &&
      this.#flightBytes < bounds.underWayBytes && underWayBytes < bounds.underWayBytesInAll;
  }

  /** False when all that waited had expired. */
  #sendFrame(): boolean {
    const { frames, bounds } = this.#host;
    frames.begin();
    // Neither may hold up the other.
    const recordBytes = this.outbox.size > 0 ? bounds.frameBytes / 2 : bounds.frameBytes;
    const records = this.#takeRecords(recordBytes);
    for (const { bytes } of records) frames.record(bytes);
    const messages = this.#takeMessages(bounds.frameBytes);
    if (frames.length === 0) return false;
    const number = this.#next++;
    const bytes = frames.finish(this.#head(number, false));
    const flight = { bytes: bytes.length, messages, records };
    this.#flights.set(number, flight);
    this.#account(flight, 1);
    this.#host.wire.send(this.peer.session, bytes);
    this.#armProbe();
    return true;
  }

  #takeRecords(bytesMax: number): Repeatable[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#records.length && bytes < bytesMax) {
      bytes += (this.#records[count++] as Repeatable).bytes.length;
    }
    this.#recordBytes -= bytes;
    return this.#records.splice(0, count);
  }

  #takeMessages(bytesMax: number): Message[] {
    const { frames } = this.#host;
    const messages: Message[] = [];
    while (frames.length < bytesMax) {
      const message = this.outbox.shift();
      if (message === null) break;
      if (message.ask?.settled === true) {
        this.#host.bury(this, message, "expired");
        continue;
      }
      const { target, lane, trace, id, timeoutMs, encoded } = message.payload as OutMessage;
      frames.message(target, lane, message.cause, trace, id, timeoutMs, encoded);
      messages.push(message);
    }
    return messages;
  }

  #account({ bytes, messages }: Flight, sign: 1 | -1): void {
    this.#flightBytes += sign * bytes;
    this.#flightMessages += sign * messages.length;
    this.#host.underWayBytes += sign * bytes;
  }

  /** The head of a frame, which confirms all that came in. */
  #head(number: number, wantsConfirmation: boolean): FrameHead {
    this.#confirmed();
    const [oldest = this.#next] = this.#flights.keys();
    const { self } = this.#host;
    return {
      fromNode: self.node,
      fromSession: self.session,
      toSession: this.peer.session,
      number,
      floor: number === 0 ? oldest : Math.min(oldest, number),
      highest: this.#next - 1,
      wantsConfirmation,
      seen: this.#seen,
      missed: this.#missed,
    };
  }

  /** A frame with nothing in it. Lost while the wire is away: the other side asks again. */
  #sendHead(wantsConfirmation: boolean): void {
    const { frames, wire } = this.#host;
    if (!wire.isReady) return;
    frames.begin();
    wire.send(this.peer.session, frames.finish(this.#head(0, wantsConfirmation)));
  }

  #armProbe(): void {
    if (this.#probe !== null || this.#flights.size === 0) return;
    const [oldest] = this.#flights.keys();
    this.#probe = this.#host.clock.setTimer(this.#probeMs, () => {
      this.#probe = null;
      const [now] = this.#flights.keys();
      if (now !== undefined && now === oldest) this.#unanswered();
      this.#armProbe();
    });
  }

  #unanswered(): void {
    this.#probeMs = Math.min(2 * this.#probeMs, PROBE_MAX_MS);
    this.#probes++;
    if (this.#probes > STRANGER_PROBES_MAX && !this.#host.isListed(this)) {
      this.#host.stranger(this);
    } else this.#sendHead(true);
  }

  /** The wire is there again: asks at once what became of what is under way. */
  reconnected(): void {
    if (!this.isOpen) return;
    if (this.#flights.size > 0) this.#sendHead(true);
    this.pump();
  }

  // ---- what the other side says of it -----------------------------------------------------------

  #settle(seen: number, missed: readonly Stretch[]): void {
    const before = this.#flights.size;
    for (const [number, flight] of this.#flights) {
      if (number > seen) break;
      this.#flights.delete(number);
      this.#account(flight, -1);
      if (missed.some(([first, last]) => number >= first && number <= last)) this.#lost(flight);
      else this.#host.arrived(flight.messages.length);
    }
    if (this.#flights.size === before) return;
    this.#probeMs = PROBE_MIN_MS;
    this.#probes = 0;
    this.#host.roomMade();
  }

  #lost({ messages, records }: Flight): void {
    for (const message of messages) this.#host.bury(this, message, "lost");
    for (const record of records) {
      if (++record.attempts >= RECORD_ATTEMPTS_MAX) this.#host.gaveUp(1);
      else this.#push(record);
    }
  }

  // ---- coming in --------------------------------------------------------------------------------

  /**
   * Takes the head of a frame of so many bytes: whether its records are to be read. Null when it is
   * none that a peer could have sent.
   */
  take(head: FrameHead, bytes: number): boolean | null {
    const { number, floor, highest, seen } = head;
    const isSound = number <= highest && floor >= 1 && floor <= highest + 1 &&
      highest - floor < NUMBERS_SPAN_MAX && seen < this.#next;
    if (!isSound) return null;
    this.#probes = 0;
    this.#settle(seen, head.missed);
    this.#forgetBelow(floor);
    if (head.wantsConfirmation) this.#confirmSoon(true);
    if (number === 0) {
      this.#missing(highest);
      return false;
    }
    if (number <= this.#seen) {
      this.framesLate++;
      this.#confirmSoon(false);
      return false;
    }
    this.#missing(number - 1);
    this.#seen = number;
    this.#unconfirmedBytes += bytes;
    this.#unconfirmedFrames++;
    const isMuch = this.#unconfirmedFrames >= CONFIRM_FRAMES ||
      this.#unconfirmedBytes >= this.#host.bounds.underWayBytes / 4;
    this.#confirmSoon(isMuch);
    return true;
  }

  /** The last frame taken could not be read: it counts as one that never came. */
  unreadable(): void {
    this.framesMissed++;
    this.#addMissed(this.#seen, this.#seen);
  }

  /** The sender knows what became of those, and they will not come. */
  #forgetBelow(floor: number): void {
    if (floor > this.#seen + 1) {
      this.framesMissed += floor - 1 - this.#seen;
      this.#seen = floor - 1;
    }
    const missed = this.#missed;
    while (missed.length > 0 && (missed[0] as Stretch)[1] < floor) missed.shift();
  }

  /** All up to `last` that have not come never will. */
  #missing(last: number): void {
    if (last <= this.#seen) return;
    this.framesMissed += last - this.#seen;
    this.#addMissed(this.#seen + 1, last);
    this.#seen = last;
    this.#confirmSoon(true);
  }

  #addMissed(first: number, last: number): void {
    const missed = this.#missed;
    const before = missed.at(-1);
    if (before !== undefined && before[1] === first - 1) {
      missed[missed.length - 1] = [before[0], last];
    } else missed.push([first, last]);
  }

  #confirmSoon(isUrgent: boolean): void {
    if (!this.isOpen) return;
    if (isUrgent) {
      this.#confirmNow = true;
      this.#host.plan(this);
    }
    if (this.#confirm !== null) return;
    this.#confirm = this.#host.clock.setTimer(CONFIRM_DELAY_MS, () => {
      this.#confirm = null;
      this.#sendHead(false);
    });
  }

  #confirmed(): void {
    this.#confirmNow = false;
    this.#unconfirmedBytes = 0;
    this.#unconfirmedFrames = 0;
    this.#confirm?.();
    this.#confirm = null;
  }

  // ---- the end ----------------------------------------------------------------------------------

  /** The peer is gone: what waits or is under way ends here. Idempotent; the numbers are kept. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#confirmed();
    this.#probe?.();
    this.#probe = null;
    this.#probes = 0;
    let records = this.#records.length;
    this.#records = [];
    this.#recordBytes = 0;
    for (const [number, flight] of this.#flights) {
      this.#flights.delete(number);
      this.#account(flight, -1);
      records += flight.records.length;
      for (const message of flight.messages) this.#host.bury(this, message, "unknown");
    }
    for (let message = this.outbox.shift(); message !== null; message = this.outbox.shift()) {
      this.#host.bury(this, message, "stopped");
    }
    if (records > 0) this.#host.gaveUp(records);
    this.#host.roomMade();
  }

  /** The peer is there again, in the same life. */
  reopen(): void {
    this.isOpen = true;
  }
}
