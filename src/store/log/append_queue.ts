/**
 * Appends on their way to Redis, several at once and in order, over any number of connections.
 *
 * ## Exactly once, in order
 * Entries wait in one queue until their outcome is known. They are sent one after the other without
 * waiting for answers; each says which of its writer's entries must be the last one before it. So when
 * one is not carried out (refused, or the server had no memory), those behind it are not either
 * (`gap`), and all are sent again in order once every answer is there. After a lost connection nobody
 * knows what was carried out: everything is sent again from the first on, and what is there already
 * is `known` by its number; so is a late packet of the old socket.
 *
 * ## What is certain
 * An entry that was under way when a connection was lost is never given up: only the log knows. One
 * that never left may be, and so may one whose every sending was answered with an error.
 *
 * @module
 */

import type { Cancel, Clock } from "../../actor/clock.ts";
import { errorText } from "../cache/tier_counts.ts";
import { type Appended, LOG_BOUNDS, LogError, type NewEntry } from "./port.ts";

/** How long an entry that was never sent waits for a connection, ms: a short break goes unnoticed. */
const GRACE_MS = 1_000;
/** Pause before entries are sent again to a server that refuses, ms. */
const REFUSED_MS = 50;
/** Bytes of entries under way. */
const UNDER_WAY_BYTES = 64 * 1024 * 1024;
/** Entries that wait: more than any group of actors has in hand. */
const WAITING_MAX = 4_096;
/** What a server says that has moved, forgotten the scripts, or is not ready: it is asked again. */
const PASSES = /^(NOSCRIPT|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN|LOADING|BUSY)\b/;

/** What the queue needs of the log. */
export interface AppendWay {
  readonly clock: Clock;
  /** The log was met over the connection that is there. */
  readonly isUsable: boolean;
  /** Sends one; the script's answer. */
  send(entry: NewEntry, previous: number): Promise<unknown[]>;
  /** Resolves once enough replicas have what was answered before; null when nobody asks for it. */
  readonly confirm: (() => Promise<void>) | null;
  /** A server refused; what it said may mean that the connection is to be met anew. */
  refused(error: unknown): void;
  /** The log lost its end. */
  foreign(error: LogError): void;
  /** There is another log than before, of that id, or none. */
  another(log: string): void;
}

interface Waiting {
  readonly entry: NewEntry;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: LogError) => void;
  /** What the log said; kept until replicas have it. */
  answer: Appended | null;
  /** It was under way when a connection was lost, so that it may be there. */
  isUnknown: boolean;
}

/** See the module's text. */
export class AppendQueue {
  readonly #way: AppendWay;
  readonly #queue: Waiting[] = [];
  /** Number of the last entry of a writer that is known to be there. */
  readonly #there = new Map<string, number>();
  /** The first of the queue that is not under way. */
  #next = 0;
  #underWay = 0;
  #bytes = 0;
  /** Everything is sent again once nothing is under way. */
  #isAgain = false;
  #isConfirming = false;
  #ended: LogError | null = null;
  #cancelGrace: Cancel | null = null;
  #cancelPause: Cancel | null = null;

  /** Empty. */
  constructor(way: AppendWay) {
    this.#way = way;
  }

  /** Entries whose outcome is not known. */
  get length(): number {
    return this.#queue.length;
  }

  /** As `SharedLog.append`. */
  append(entry: NewEntry): Promise<Appended> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    if (entry.bytes.length > LOG_BOUNDS.entryBytes) {
      const message = `Cannot append: expected at most ${LOG_BOUNDS.entryBytes} bytes: ` +
        `current value is ${entry.bytes.length}`;
      return Promise.resolve({ state: "full", message });
    }
    if (this.#queue.length >= WAITING_MAX) {
      return Promise.reject(away(`${WAITING_MAX} entries wait already`));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, resolve, reject, answer: null, isUnknown: false });
      if (this.#way.isUsable) this.#pump();
      else this.#giveGrace();
    });
  }

  /** The log was met over a new connection: everything is sent again. */
  resume(): void {
    this.#cancelGrace?.();
    this.#cancelGrace = null;
    this.#again();
  }

  /** The connection is lost. */
  lost(): void {
    if (this.#queue.length > 0) this.#giveGrace();
  }

  /** Fails everything that waits, and what comes. */
  end(error: LogError): void {
    this.#ended ??= error;
    this.#cancelGrace?.();
    this.#cancelPause?.();
    for (const { reject } of this.#queue.splice(0)) reject(this.#ended);
    this.#next = 0;
  }

  #pump(): void {
    if (this.#isAgain || !this.#way.isUsable || this.#cancelPause !== null) return;
    while (
      this.#next < this.#queue.length && this.#underWay < LOG_BOUNDS.underWay &&
      (this.#bytes < UNDER_WAY_BYTES || this.#underWay === 0)
    ) this.#send(this.#queue[this.#next] as Waiting, this.#next++);
  }

  #send(waiting: Waiting, at: number): void {
    const { entry } = waiting;
    this.#underWay++;
    this.#bytes += entry.bytes.length;
    const done = () => {
      this.#underWay--;
      this.#bytes -= entry.bytes.length;
    };
    this.#way.send(entry, this.#previous(entry.writer, at)).then((reply) => {
      done();
      this.#answered(waiting, reply);
    }, (error) => {
      done();
      this.#failed(waiting, error);
    }).then(() => {
      if (this.#isAgain) this.#again();
      else this.#pump();
    });
  }

  #previous(writer: string, at: number): number {
    for (let before = at - 1; before >= 0; before--) {
      const { entry } = this.#queue[before] as Waiting;
      if (entry.writer === writer) return entry.number;
    }
    return this.#there.get(writer) ?? -1;
  }

  #answered(waiting: Waiting, [state, ...rest]: readonly unknown[]): void {
    const { writer } = waiting.entry;
    switch (state) {
      case "appended":
        return this.#isThere(waiting, {
          state: "appended",
          position: Number(rest[0]),
          atMs: Number(rest[1]),
        });
      case "known":
        return this.#isThere(waiting, waiting.answer ?? { state: "known" });
      case "fenced":
        return this.#settle(waiting, { state: "fenced", partitions: rest.map(Number) });
      case "full":
        // A late packet may still find room where this one did not.
        if (waiting.isUnknown) return this.#wait();
        return this.#settle(waiting, { state: "full", message: fullText(Number(rest[0])) });
      case "gap": {
        const last = Number(rest[0]), there = this.#there.get(writer) ?? 0;
        if (last < there) return this.#way.foreign(lostEnd(writer, there, last));
        this.#there.set(writer, last);
        this.#isAgain = true;
        return;
      }
      default:
        return this.#way.another(String(rest[0] ?? state));
    }
  }

  #failed(waiting: Waiting, error: unknown): void {
    this.#isAgain = true;
    const isAnswer = error instanceof Error && error.name === "ReplyError";
    if (!isAnswer) {
      waiting.isUnknown = true;
      return this.#way.refused(error);
    }
    this.#wait();
    if (!PASSES.test(error.message) && !waiting.isUnknown) {
      this.#remove(waiting);
      waiting.reject(away(errorText(error)));
    }
    this.#way.refused(error);
  }

  #isThere(waiting: Waiting, answer: Appended): void {
    if (this.#way.confirm === null) {
      this.#there.set(waiting.entry.writer, waiting.entry.number);
      return this.#settle(waiting, answer);
    }
    waiting.answer = answer;
    void this.#confirm(this.#way.confirm);
  }

  /** One confirmation covers all that were answered before it was asked for. */
  async #confirm(confirm: () => Promise<void>): Promise<void> {
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    try {
      for (;;) {
        const answered = this.#queue.filter(({ answer }) => answer !== null);
        if (answered.length === 0) return;
        await confirm();
        for (const waiting of answered) {
          const { entry, answer } = waiting;
          if (answer === null || !this.#queue.includes(waiting)) continue;
          this.#there.set(entry.writer, Math.max(entry.number, this.#there.get(entry.writer) ?? 0));
          this.#settle(waiting, answer);
        }
      }
    } catch (error) {
      // The connection is lost: they are sent again, and then asked for again.
      this.#isAgain = true;
      this.#way.refused(error);
    } finally {
      this.#isConfirming = false;
    }
  }

  #settle(waiting: Waiting, appended: Appended): void {
    if (this.#remove(waiting)) waiting.resolve(appended);
  }

  #remove(waiting: Waiting): boolean {
    const at = this.#queue[0] === waiting ? 0 : this.#queue.indexOf(waiting);
    if (at < 0) return false;
    this.#queue.splice(at, 1);
    if (at < this.#next) this.#next--;
    return true;
  }

  /** Sends everything again, from the first on, once every answer is there. */
  #again(): void {
    this.#isAgain = true;
    if (this.#underWay > 0 || !this.#way.isUsable || this.#cancelPause !== null) return;
    this.#isAgain = false;
    this.#next = 0;
    this.#pump();
  }

  #wait(): void {
    this.#isAgain = true;
    this.#cancelPause ??= this.#way.clock.setTimer(REFUSED_MS, () => {
      this.#cancelPause = null;
      this.#again();
    });
  }

  #giveGrace(): void {
    this.#cancelGrace ??= this.#way.clock.setTimer(GRACE_MS, () => {
      this.#cancelGrace = null;
      if (this.#way.isUsable) return;
      const certain = this.#queue.filter(({ isUnknown, answer }) => !isUnknown && answer === null);
      for (const waiting of certain) {
        // What is under way is not known until its connection is lost.
        if (this.#queue.indexOf(waiting) < this.#next && this.#underWay > 0) continue;
        this.#remove(waiting);
        waiting.reject(away("no connection"));
      }
      if (this.#queue.length > 0) this.#giveGrace();
    });
  }
}

function away(reason: string): LogError {
  return new LogError("away", `Cannot append to the log: nothing was appended: ${reason}`);
}

function fullText(bytes: number): string {
  return `Cannot append to the log: it holds ${bytes} bytes since its last snapshot, more than it ` +
    "may: a node with a data directory makes snapshots";
}

function lostEnd(writer: string, there: number, last: number): LogError {
  return new LogError(
    "foreign",
    `Cannot append to the log: expected entry ${there} of ${writer} in it: current value is ` +
      `${last}: the log lost its end`,
  );
}
