/**
 * Asks that wait for their reply. Deadlines sit in one list per timeout: within a list they are in
 * order by themselves, so an ask costs two pointer writes and never a timer of its own; one clock
 * timer per list watches its head.
 *
 * @module
 */

import type { Cancel, Clock } from "./clock.ts";
import { ActorDown, AskTimeout } from "./errors.ts";
import type { Scheduler } from "./scheduler.ts";

/** Whoever is to hear what became of a message. Settles exactly once. */
export interface Asker {
  readonly settled: boolean;
  /** Settled, and the message is not to be handled any more. */
  readonly expired: boolean;
  /** Path and message type that were asked. */
  readonly path: string;
  readonly type: string;
  /** Its message was handled and the reply deferred; for askers that keep an account. */
  replyComesLater(): void;
  /** Delivers the reply, unless settled already. */
  reply(value: unknown): void;
  /** Fails the ask, unless settled already. */
  reject(error: Error): void;
}

/** When asks fall due that were made at the same coarse time. A number of each would be an object. */
interface Due {
  atMs: number;
  /** It was corrected for a lag of the coarse time, which concerns an ask once. */
  corrected: boolean;
}

/** One ask under way. Settles exactly once. */
export class PendingAsk implements Asker {
  settled = false;
  /** The message is to be handled although its asker does not wait. */
  #isLeft = false;
  due: Due | null = null;
  list: DeadlineList | null = null;
  previous: PendingAsk | null = null;
  next: PendingAsk | null = null;

  constructor(
    readonly resolve: (reply: unknown) => void,
    readonly rejectWith: (error: Error) => void,
    readonly path: string,
    readonly type: string,
    /** Path of the actor that asks; empty = somebody outside of all, or on another node. */
    readonly from = "",
  ) {}

  get expired(): boolean {
    return this.settled && !this.#isLeft;
  }

  replyComesLater(): void {}

  /** Fails the ask, and leaves its message in the mailbox of an actor that is down. */
  leave(): void {
    this.#isLeft = true;
    this.reject(new ActorDown(this.path, this.type));
  }

  reply(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.list?.remove(this);
    this.resolve(value);
  }

  reject(error: Error): void {
    if (this.settled) return;
    this.settled = true;
    this.list?.remove(this);
    this.rejectWith(error);
  }
}

/** Asks with the same timeout, in the order of their deadlines. */
class DeadlineList {
  #head: PendingAsk | null = null;
  #tail: PendingAsk | null = null;
  #due: Due = { atMs: -Infinity, corrected: false };
  #cancel: Cancel | null = null;

  constructor(
    readonly timeoutMs: number,
    readonly clock: Clock,
    readonly scheduler: Scheduler,
  ) {}

  add(ask: PendingAsk, deadlineMs: number): void {
    let due = this.#due;
    if (due.atMs !== deadlineMs || due.corrected) {
      due = this.#due = { atMs: deadlineMs, corrected: false };
    }
    ask.due = due;
    ask.list = this;
    ask.previous = this.#tail;
    if (this.#tail === null) this.#head = ask;
    else this.#tail.next = ask;
    this.#tail = ask;
    if (this.#cancel === null) this.#arm(this.timeoutMs);
  }

  remove(ask: PendingAsk): void {
    if (ask.previous === null) this.#head = ask.next;
    else ask.previous.next = ask.next;
    if (ask.next === null) this.#tail = ask.previous;
    else ask.next.previous = ask.previous;
    ask.list = ask.previous = ask.next = null;
  }

  /** Fails every ask of the list. */
  clear(errorOf: (ask: PendingAsk) => Error): void {
    this.#cancel?.();
    this.#cancel = null;
    for (let ask = this.#head; ask !== null; ask = this.#head) ask.reject(errorOf(ask));
  }

  /** See {@linkcode AskDeadlines.failVain}. */
  failVain(isVain: (path: string, from: string) => boolean): void {
    let ask = this.#head;
    while (ask !== null) {
      const { next, from, path } = ask as PendingAsk;
      if (from !== "" && isVain(path, from)) ask.leave();
      ask = next;
    }
  }

  get empty(): boolean {
    return this.#head === null;
  }

  /** See {@linkcode AskDeadlines.lagged}. The asks concerned are the newest. */
  lagged(beforeMs: number, nowMs: number): void {
    let done: Due | null = null;
    for (let ask = this.#tail; ask !== null; ask = ask.previous) {
      const due = ask.due as Due;
      if (due === done) continue;
      if (due.corrected || due.atMs < beforeMs + this.timeoutMs) return;
      due.corrected = true;
      due.atMs = nowMs + this.timeoutMs;
      done = due;
    }
  }

  #atMs(ask: PendingAsk): number {
    return (ask.due as Due).atMs;
  }

  #arm(delayMs: number): void {
    this.#cancel = this.clock.setTimer(delayMs, () => {
      this.#cancel = null;
      const nowMs = this.clock.now();
      this.scheduler.sawTime(nowMs);
      for (let ask = this.#head; ask !== null && this.#atMs(ask) <= nowMs; ask = this.#head) {
        ask.reject(new AskTimeout(ask.path, ask.type, this.timeoutMs));
      }
      // At least 1 ms, so that a coarse deadline cannot make this timer spin.
      if (this.#head !== null) this.#arm(Math.max(1, this.#atMs(this.#head) - nowMs));
    });
  }
}

/** Distinct timeouts kept apart; beyond it a timeout is rounded up to a power of two. */
const TIMEOUT_CLASSES_MAX = 64;
/** Longest wait for a reply: a day. Whoever waits longer should be told instead. */
export const ASK_TIMEOUT_MAX_MS = 86_400_000;

/**
 * Every ask under way in one system.
 *
 * @internal
 */
export class AskDeadlines {
  readonly #lists = new Map<number, DeadlineList>();
  #last: DeadlineList | null = null;

  constructor(readonly clock: Clock, readonly scheduler: Scheduler) {}

  /** Registers an ask; `nowMs` may be coarse. O(1). */
  add(ask: PendingAsk, timeoutMs: number, nowMs: number): void {
    let list = this.#last;
    if (list === null || list.timeoutMs !== timeoutMs) list = this.#last = this.#listOf(timeoutMs);
    list.add(ask, nowMs + list.timeoutMs);
  }

  /**
   * The coarse time stood still at `beforeMs` until `nowMs`, because something ran for long. Asks
   * stamped with it may be that much younger than it says: they get the difference, since an ask
   * must never time out early. O(asks stamped with it).
   */
  lagged(beforeMs: number, nowMs: number): void {
    for (const list of this.#lists.values()) list.lagged(beforeMs, nowMs);
  }

  /**
   * Fails those where whom is asked is started only after whoever asks has ended, or has started: each
   * would wait for the other. O(asks).
   */
  failVain(isVain: (path: string, from: string) => boolean): void {
    for (const list of this.#lists.values()) list.failVain(isVain);
  }

  /** Whether no ask is under way. O(classes). */
  get idle(): boolean {
    for (const list of this.#lists.values()) if (!list.empty) return false;
    return true;
  }

  /** Fails all of them and drops the timers. */
  clear(errorOf: (ask: PendingAsk) => Error): void {
    for (const list of this.#lists.values()) list.clear(errorOf);
    this.#lists.clear();
    this.#last = null;
  }

  #listOf(timeoutMs: number): DeadlineList {
    if (!(timeoutMs > 0 && timeoutMs <= ASK_TIMEOUT_MAX_MS)) {
      throw new RangeError(
        `Cannot ask: timeoutMs must be above 0 and at most ${ASK_TIMEOUT_MAX_MS}: ` +
          `current value is ${timeoutMs}`,
      );
    }
    const known = this.#lists.get(timeoutMs);
    if (known !== undefined) return known;
    const classMs = this.#lists.size < TIMEOUT_CLASSES_MAX
      ? timeoutMs
      : 2 ** Math.ceil(Math.log2(timeoutMs));
    const list = this.#lists.get(classMs) ?? new DeadlineList(classMs, this.clock, this.scheduler);
    this.#lists.set(classMs, list);
    return list;
  }
}
