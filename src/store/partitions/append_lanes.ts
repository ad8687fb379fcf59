/**
 * What waits to be appended, a lane for each partition. A lane has one append on its way at a time;
 * what comes meanwhile goes together with the next (J. Nagle, RFC 896): the busier, the larger the
 * entries. So one partition's candles never overtake each other, and a slow server holds up only its
 * own.
 *
 * An append whose outcome is not known is sent again under its number until its time is over. Then it
 * is given up, with everything behind it; should it be carried out all the same, its number is below
 * that of what came later, and the streams refuse it.
 *
 * @module
 */

import { type Cancel, type Clock, nextTurn } from "../../actor/clock.ts";
import type { CandleBlock } from "../../market/block.ts";
import { LogError } from "../log/port.ts";
import { byPartition, entriesOf } from "./entries.ts";
import { checkSeries } from "./entry_codec.ts";
import type { AppendResult } from "./port.ts";

/** Bytes of columns that one append of a lane takes at most, unless its first call has more. */
const LANE_BYTES_MAX = 1024 * 1024;
/** Bytes that are encoded and not answered; the rest waits as the callers' blocks. */
const UNDER_WAY_BYTES_MAX = 16 * 1024 * 1024;
/** Between two tries of an append, ms. */
const TRY_AGAIN_MS = 50;
/** Six numbers. */
const ROW_BYTES = 48;

/** An append of one partition on its way. */
export interface LaneAppend {
  readonly partition: number;
  /** Ascending within the lane; the same when it is sent again. */
  readonly number: number;
  readonly entries: readonly Uint8Array<ArrayBuffer>[];
}

/** What an append came to. */
export type LaneOutcome =
  | "appended"
  | "full"
  /** Nobody knows, or not now: it may be tried again. */
  | { readonly away: Error };

/** How lanes reach the streams. Outcomes come in the order of the appends; it never fails. */
export type SendAppends = (appends: readonly LaneAppend[]) => void;

interface Call {
  left: number;
  readonly full: number[];
  error: Error | null;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: Error) => void;
}

interface Item {
  readonly call: Call;
  readonly blocks: readonly CandleBlock[];
  readonly bytes: number;
}

interface Sent extends LaneAppend {
  readonly items: readonly Item[];
  readonly bytes: number;
  /** When it is given up, ms of the clock. */
  readonly untilMs: number;
}

class Lane {
  number = 0;
  waiting: Item[] = [];
  sent: Sent | null = null;
  /** It is on its way, and not waiting for another try. */
  isUnderWay = false;
  constructor(readonly partition: number) {}
}

/** See the module's text. */
export class AppendLanes {
  readonly #clock: Clock;
  readonly #send: SendAppends;
  readonly #patienceMs: number;
  readonly #lanes = new Map<number, Lane>();
  /** Lanes that have something to send. */
  readonly #ready = new Set<Lane>();
  #underWayBytes = 0;
  #cancelFlush: Cancel | null = null;
  #cancelRetry: Cancel | null = null;
  #isClosed = false;

  /** `patienceMs`: how long an append is tried. */
  constructor(clock: Clock, patienceMs: number, send: SendAppends) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#send = send;
  }

  /** Appends blocks; see `PartitionStreams.append`. */
  append(blocks: readonly CandleBlock[]): Promise<AppendResult> {
    if (this.#isClosed) return Promise.reject(closedError());
    try {
      for (const { series } of blocks) checkSeries(series);
    } catch (error) {
      return Promise.reject(error);
    }
    const parts = byPartition(blocks);
    if (parts.size === 0) return Promise.resolve({ state: "appended" });
    return new Promise((resolve, reject) => {
      const call: Call = { left: parts.size, full: [], error: null, resolve, reject };
      for (const [partition, own] of parts) {
        const lane = this.#lane(partition);
        const bytes = ROW_BYTES * own.reduce((sum, { length }) => sum + length, 0);
        lane.waiting.push({ call, blocks: own, bytes });
        if (lane.sent === null) this.#ready.add(lane);
      }
      this.#askFlush();
    });
  }

  /** What became of one that was sent. */
  settled({ partition, number }: LaneAppend, outcome: LaneOutcome): void {
    const lane = this.#lane(partition);
    const { sent } = lane;
    if (sent === null || sent.number !== number) return;
    lane.isUnderWay = false;
    if (outcome === "appended") {
      this.#end(lane);
      for (const { call } of sent.items) settle(call);
      if (lane.waiting.length > 0) this.#ready.add(lane);
      this.#askFlush();
    } else if (outcome === "full") {
      this.#end(lane);
      // What waits behind it must not overtake it.
      for (const { call } of [...sent.items, ...lane.waiting.splice(0)]) {
        call.full.push(partition);
        settle(call);
      }
    } else if (this.#isClosed || this.#clock.now() + TRY_AGAIN_MS >= sent.untilMs) {
      this.#giveUp(lane, outcome.away);
    } else {
      this.#cancelRetry ??= this.#clock.setTimer(TRY_AGAIN_MS, () => this.#retry());
    }
  }

  /** Gives up everything; what is on its way may still be carried out. */
  close(): void {
    this.#isClosed = true;
    this.#cancelFlush?.();
    this.#cancelRetry?.();
    for (const lane of this.#lanes.values()) this.#giveUp(lane, closedError());
  }

  #lane(partition: number): Lane {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) this.#lanes.set(partition, lane = new Lane(partition));
    return lane;
  }

  #askFlush(): void {
    if (this.#ready.size === 0 || this.#underWayBytes >= UNDER_WAY_BYTES_MAX) return;
    this.#cancelFlush ??= nextTurn(() => {
      this.#cancelFlush = null;
      this.#flush();
    });
  }

  #flush(): void {
    const appends: Sent[] = [];
    for (const lane of this.#ready) {
      if (this.#underWayBytes >= UNDER_WAY_BYTES_MAX) break;
      this.#ready.delete(lane);
      const sent = this.#take(lane);
      this.#underWayBytes += sent.bytes;
      appends.push(sent);
    }
    if (appends.length > 0) this.#send(appends);
  }

  #take(lane: Lane): Sent {
    let count = 0, bytes = 0;
    for (const item of lane.waiting) {
      if (count > 0 && bytes + item.bytes > LANE_BYTES_MAX) break;
      bytes += item.bytes;
      count++;
    }
    const items = lane.waiting.splice(0, count);
    const entries = entriesOf(items.flatMap(({ blocks }) => blocks));
    const untilMs = this.#clock.now() + this.#patienceMs;
    lane.isUnderWay = true;
    return lane.sent = {
      partition: lane.partition,
      number: ++lane.number,
      entries,
      items,
      bytes,
      untilMs,
    };
  }

  #retry(): void {
    this.#cancelRetry = null;
    const again: Sent[] = [];
    for (const lane of this.#lanes.values()) {
      if (lane.sent === null || lane.isUnderWay) continue;
      lane.isUnderWay = true;
      again.push(lane.sent);
    }
    if (again.length > 0) this.#send(again);
  }

  #end(lane: Lane): void {
    this.#underWayBytes -= lane.sent?.bytes ?? 0;
    lane.sent = null;
    lane.isUnderWay = false;
  }

  #giveUp(lane: Lane, error: Error): void {
    const items = [...lane.sent?.items ?? [], ...lane.waiting.splice(0)];
    this.#end(lane);
    this.#ready.delete(lane);
    for (const { call } of items) {
      call.error ??= error;
      settle(call);
    }
    this.#askFlush();
  }
}

/** One part less of a call is open. */
function settle(call: Call): void {
  if (--call.left > 0) return;
  if (call.error !== null) call.reject(call.error);
  else if (call.full.length > 0) call.resolve({ state: "full", partitions: call.full });
  else call.resolve({ state: "appended" });
}

function closedError(): LogError {
  return new LogError("closed", "Cannot reach streams: they are closed");
}
