/**
 * The mailbox of one actor: four priority lanes and a system lane, bounded in messages and bytes.
 *
 * - The system lane (timers, watches) is served first and never dropped; it is bounded by what the
 *   actor itself set up, since a timer and a watch hold at most one place each.
 * - The priority lanes are chosen by weight 8:4:2:1, so the lowest still moves.
 * - What happens at the bound is a named policy; nothing leaves the mailbox without its caller
 *   being told, so that every message stays accounted for.
 * - It belongs to a path: it outlives the incarnations of its actor.
 *
 * @module
 */

import { Lane, type Message } from "./lane.ts";
import type { Entry } from "./protocol.ts";
import type { Asker } from "./ask.ts";

/**
 * What a full mailbox does.
 *
 * - `reject`: refuses the arriving message.
 * - `dropOldest`: gives up the oldest message of the least important lane that is no more important
 *   than the arriving message's; refuses the arriving one if all queued are more important.
 * - `dropNewest`: gives up the newest message of a lane less important than the arriving one's, and
 *   otherwise refuses the arriving message.
 * - `suspend`: as `reject` for `tell`; `offer` waits for room.
 * - `conflate`: a newer message with the same key takes the place of the queued one; a new key that
 *   finds the mailbox full is refused.
 */
export type Overflow =
  | "reject"
  | "dropOldest"
  | "dropNewest"
  | "suspend"
  | { readonly conflate: ConflateKey };

/** Key under which a newer message replaces a queued one; null = never replaced. */
export type ConflateKey = (type: string, payload: unknown) => string | number | null;

/** Bounds of a mailbox. */
export interface MailboxOptions {
  /** Messages queued at most; default {@linkcode MAILBOX_BOUND}. */
  readonly bound?: number;
  /** Accounted bytes queued at most; default {@linkcode MAILBOX_BYTES_MAX}. */
  readonly boundBytes?: number;
  /** Default `reject`. */
  readonly overflow?: Overflow;
}

/** Messages: about 5 ms of work at 0.6 µs each, little enough to drain, enough to ride a burst. */
export const MAILBOX_BOUND = 8_192;
/** Bytes: 64 MiB keeps a thousand mailboxes of blocks from filling a server unnoticed. */
export const MAILBOX_BYTES_MAX = 64 * 1024 * 1024;

/** What became of an arriving message. */
export const Admission = { accepted: 0, refused: 1, displaced: 2, superseded: 3 } as const;

const LANES = 4;
const WEIGHTS = [8, 4, 2, 1] as const;

/** Priority lanes and system lane of one path. */
export class Mailbox {
  readonly bound: number;
  readonly boundBytes: number;
  readonly overflow: Overflow;
  /** Messages in the four lanes. */
  size = 0;
  /** Accounted bytes in the four lanes. */
  bytes = 0;
  /** The message that made room or was replaced in the last `push`, for the caller to settle. */
  displaced: Message | null = null;
  system: Lane | null = null;

  readonly #lanes: (Lane | null)[] = [null, null, null, null];
  /** Bit i is set while lane i holds a message. */
  #occupied = 0;
  readonly #credits = [8, 4, 2, 1];
  readonly #conflate: ConflateKey | null;
  readonly #places: Map<string | number, { lane: number; position: number }> | null;

  constructor(options: MailboxOptions = {}) {
    this.bound = options.bound ?? MAILBOX_BOUND;
    this.boundBytes = options.boundBytes ?? MAILBOX_BYTES_MAX;
    this.overflow = options.overflow ?? "reject";
    if (!(Number.isInteger(this.bound) && this.bound >= 1)) {
      throw new RangeError(
        `Cannot make a mailbox: bound must be an integer of at least 1: ` +
          `current value is ${this.bound}`,
      );
    }
    if (!(this.boundBytes >= 1)) {
      throw new RangeError(
        `Cannot make a mailbox: boundBytes must be at least 1: ` +
          `current value is ${this.boundBytes}`,
      );
    }
    const conflate = typeof this.overflow === "object" ? this.overflow.conflate : null;
    this.#conflate = conflate;
    this.#places = conflate === null ? null : new Map();
  }

  /**
   * Takes a message in or not; returns an {@linkcode Admission}. After `displaced` (another message
   * gave way) and `superseded` (it took the place of one with its key) that other message is in
   * `this.displaced`. O(1).
   */
  push(
    lane: number,
    entry: Entry,
    payload: unknown,
    ask: Asker | null,
    cause: number,
    atMs: number,
    bytes: number,
  ): number {
    if (this.#conflate !== null) {
      return this.#pushConflated(lane, entry, payload, ask, cause, atMs, bytes);
    }
    let admission: number = Admission.accepted;
    if (this.size >= this.bound || this.bytes + bytes > this.boundBytes) {
      if (!this.#makeRoom(lane, bytes)) return Admission.refused;
      admission = Admission.displaced;
    }
    this.#append(lane, entry, payload, ask, cause, atMs, bytes);
    return admission;
  }

  #append(
    lane: number,
    entry: Entry,
    payload: unknown,
    ask: Asker | null,
    cause: number,
    atMs: number,
    bytes: number,
  ): number {
    const ring = this.#lanes[lane] ?? (this.#lanes[lane] = new Lane());
    this.#occupied |= 1 << lane;
    this.size++;
    this.bytes += bytes;
    return ring.push(entry, payload, ask, cause, atMs, bytes);
  }

  /** One message out at most: a byte bound that one removal cannot satisfy refuses instead. */
  #makeRoom(lane: number, bytes: number): boolean {
    if (this.overflow !== "dropOldest" && this.overflow !== "dropNewest") return false;
    const oldest = this.overflow === "dropOldest";
    for (let at = LANES - 1; at >= (oldest ? lane : lane + 1); at--) {
      const ring = this.#lanes[at];
      if (ring === null || ring === undefined || ring.size === 0) continue;
      const slot = oldest ? ring.headSlot : ring.slotOf(ring.tail - 1);
      if (this.bytes - (ring.sizes[slot] as number) + bytes > this.boundBytes) return false;
      this.displaced = oldest ? ring.shift() : ring.pop();
      this.#left(at, ring, (this.displaced as Message).bytes);
      return true;
    }
    return false;
  }

  #pushConflated(
    lane: number,
    entry: Entry,
    payload: unknown,
    ask: Asker | null,
    cause: number,
    atMs: number,
    bytes: number,
  ): number {
    const places = this.#places as Map<string | number, { lane: number; position: number }>;
    const key = this.#keyOf(entry, payload);
    const place = key === null ? undefined : places.get(key);
    const ring = place === undefined ? null : this.#lanes[place.lane] as Lane;
    if (place !== undefined && ring !== null && place.position >= ring.head) {
      const slot = ring.slotOf(place.position);
      const before = ring.sizes[slot] as number;
      if (this.bytes - before + bytes > this.boundBytes) return Admission.refused;
      this.displaced = {
        entry: ring.entries[slot] as Entry,
        payload: ring.payloads[slot],
        ask: ring.asks[slot] as Asker | null,
        cause: ring.causes[slot] as number,
        atMs: ring.ats[slot] as number,
        bytes: before,
      };
      ring.entries[slot] = entry;
      ring.payloads[slot] = payload;
      ring.asks[slot] = ask;
      ring.causes[slot] = cause;
      ring.sizes[slot] = bytes;
      this.bytes += bytes - before;
      return Admission.superseded;
    }
    if (this.size >= this.bound || this.bytes + bytes > this.boundBytes) return Admission.refused;
    const position = this.#append(lane, entry, payload, ask, cause, atMs, bytes);
    if (key !== null) places.set(key, { lane, position });
    return Admission.accepted;
  }

  /**
   * The lane to serve next, by weight; -1 when all are empty. The caller reads the lane's head slot
   * and then calls {@linkcode taken}.
   */
  nextLane(): number {
    const occupied = this.#occupied;
    if (occupied === 0) return -1;
    if ((occupied & (occupied - 1)) === 0) return 31 - Math.clz32(occupied);
    for (let round = 0; round < 2; round++) {
      for (let lane = 0; lane < LANES; lane++) {
        if ((occupied & (1 << lane)) === 0 || (this.#credits[lane] as number) === 0) continue;
        this.#credits[lane] = (this.#credits[lane] as number) - 1;
        return lane;
      }
      for (let lane = 0; lane < LANES; lane++) this.#credits[lane] = WEIGHTS[lane] as number;
    }
    return 31 - Math.clz32(occupied & -occupied);
  }

  /** The ring of a lane that {@linkcode nextLane} named. */
  lane(lane: number): Lane {
    return this.#lanes[lane] as Lane;
  }

  /** Removes the head of `lane`, whose columns the caller has read. */
  taken(lane: number, ring: Lane): void {
    const slot = ring.headSlot;
    const bytes = ring.sizes[slot] as number;
    if (this.#places !== null) {
      this.#forget(ring.entries[slot] as Entry, ring.payloads[slot], lane, ring.head);
    }
    ring.dropHead();
    this.#left(lane, ring, bytes);
  }

  /** A key function that throws must not throw into the sender: such a message has no key. */
  #keyOf(entry: Entry, payload: unknown): string | number | null {
    try {
      return (this.#conflate as ConflateKey)(entry.type, payload);
    } catch {
      return null;
    }
  }

  #forget(entry: Entry, payload: unknown, lane: number, position: number): void {
    const places = this.#places as Map<string | number, { lane: number; position: number }>;
    const key = this.#keyOf(entry, payload);
    if (key === null) return;
    const place = places.get(key);
    if (place !== undefined && place.lane === lane && place.position === position) {
      places.delete(key);
    }
  }

  #left(lane: number, ring: Lane, bytes: number): void {
    this.size--;
    this.bytes -= bytes;
    if (ring.size === 0) this.#occupied &= ~(1 << lane);
  }

  /** Takes the next message by weight as an object; null when empty. */
  shift(): Message | null {
    const lane = this.nextLane();
    if (lane < 0) return null;
    const ring = this.lane(lane);
    const slot = ring.headSlot;
    const message: Message = {
      entry: ring.entries[slot] as Entry,
      payload: ring.payloads[slot],
      ask: ring.asks[slot] as Asker | null,
      cause: ring.causes[slot] as number,
      atMs: ring.ats[slot] as number,
      bytes: ring.sizes[slot] as number,
    };
    this.taken(lane, ring);
    return message;
  }

  /** Puts a message back in front of a lane, over the bound if need be: it was admitted once. */
  unshift(message: Message, lane: number): void {
    const ring = this.#lanes[lane] ?? (this.#lanes[lane] = new Lane());
    ring.unshift(message);
    this.#occupied |= 1 << lane;
    this.size++;
    this.bytes += message.bytes;
  }

  /** Whether another message of `bytes` fits without any policy. */
  hasRoom(bytes: number): boolean {
    return this.size < this.bound && this.bytes + bytes <= this.boundBytes;
  }

  /** Coarse ms when the oldest queued message was sent; Infinity when empty. O(1). */
  oldestAtMs(): number {
    let oldest = Infinity;
    for (const ring of this.#lanes) {
      if (ring !== null && ring.size > 0) {
        oldest = Math.min(oldest, ring.ats[ring.headSlot] as number);
      }
    }
    return oldest;
  }
}
