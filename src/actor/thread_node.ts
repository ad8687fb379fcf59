/**
 * An actor that runs in a thread, as the main isolate sees it. The mailbox, its bounds and its
 * account stay here; messages move over in batches, within credits counted in messages and bytes
 * (columns lie outside the V8 heap limit, so bytes are what must be bounded).
 *
 * - A message that is all numbers and finds nothing queued passes the mailbox by, while there is
 *   credit: it goes into a frame that is sent when it is full, or else at the end of the turn.
 *   Everything else is queued, and travels as one post per turn.
 * - Each incarnation is a new thread with a new heartbeat buffer: a looping thread may still write
 *   into its old one.
 * - An actor that throws in its thread is a crash like any other: the message that caused it is
 *   dead-lettered, what had moved over unhandled comes back into the mailbox (columns that were
 *   transferred are gone, so those messages are dead-lettered), and the supervisor decides.
 * - A thread that dies, or whose heart stops, takes what was moved over with it: nobody can know how
 *   much of it was handled, so all of it is dead-lettered and nothing is sent twice.
 *
 * @module
 */

import { type Asker, PendingAsk } from "./ask.ts";
import { transferablesOf } from "./bytes.ts";
import type { Cancel } from "./clock.ts";
import { ActorFailed, ActorStopped } from "./errors.ts";
import type { TellResult } from "./actor.ts";
import { Lane, type Message } from "./lane.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { MailboxOptions } from "./mailbox.ts";
import {
  type ExitReason,
  isHeldUpBy,
  type LogLevel,
  type ParentNode,
  type RestartType,
  type Runtime,
  Started,
  type Termination,
} from "./node.ts";
import { type Definition, type Entry, NO_ENTRY, type Protocol } from "./protocol.ts";
import { LocalRef } from "./ref.ts";
import { endThread, Spares, type Thread, type ThreadOptions } from "./thread_host.ts";
import {
  FRAME_MESSAGES_MAX,
  HEAD_NUMBERS,
  NumberPost,
  packMessages,
  SERVICE_AT,
} from "./thread_codec.ts";
import { ThreadLine } from "./thread_line.ts";
import { ringBuffer } from "./thread_ring.ts";
import { ForeignSpans } from "./thread_spans.ts";
import { TracedMessage } from "./tracing.ts";
import {
  type CompactReport,
  decodeError,
  emptyTurn,
  encodeError,
  type FromThread,
  GONE,
  type OutgoingMessage,
  type ThreadError,
  type ToThread,
  type TurnReport,
} from "./thread_messages.ts";

interface Options {
  readonly restart: RestartType;
  readonly shutdownMs: number | "brutal";
  readonly initTimeoutMs: number;
  readonly mailbox: MailboxOptions | undefined;
  readonly thread: ThreadOptions;
}

/** Messages of one post that are not all numbers. */
interface Batch {
  readonly first: number;
  readonly entries: Entry[];
  readonly payloads: unknown[];
  readonly causes: number[];
  /** Sequence numbers of those that are traced; null = none is. */
  traced: number[] | null;
  transfer: Set<ArrayBuffer> | null;
}

const newBatch = (first: number): Batch => ({
  first,
  entries: [],
  payloads: [],
  causes: [],
  traced: null,
  transfer: null,
});

type Replies = Extract<ToThread, { kind: "replies" }>;

const HANG_MS = 10_000;
const CREDIT_MESSAGES = 4_096;
const CREDIT_BYTES = 32 * 1024 * 1024;
/** Shortest time after which a thread may count as hung: two of its heartbeats. */
const HANG_MIN_MS = 200;
/** Places of finished messages that stay between unfinished ones before those are set aside. */
const GAPS_MAX = 4_096;
/** Messages of one slice: small enough that the thread works while the next one is made. */
const POST_MESSAGES_MAX = FRAME_MESSAGES_MAX;
/** Smallest mailbox that may be passed by; a smaller one is there to hold back. */
const PASS_BOUND_MIN = FRAME_MESSAGES_MAX;
const PASS_BOUND_BYTES_MIN = 1024 * 1024;
const CAUSES_PER_THREAD = 2 ** 36;
let threadsMade = 0;

/** Actor in a thread. */
export class ThreadNode extends MailboxNode {
  readonly #options: Options;
  /** Messages moved over and not accounted for. */
  underWay = 0;
  #thread: Thread | null = null;
  #line: ThreadLine<FromThread, ToThread> | null = null;
  #detach: Cancel = () => {};
  /** Messages that were moved over; their absolute position is their sequence number. */
  #moved = new Lane();
  #movedBytes = 0;
  /** Whether messages may pass the mailbox by: not where they could be conflated. */
  readonly #mayPass: boolean;
  /** The frame that is being made: of the newest moved messages. */
  readonly #numbers = new NumberPost();
  /** Moved messages that stay under way while thousands after them do not: stashed ones, say. */
  readonly #aside = new Map<number, Message>();
  /** Lanes of moved messages whose sender named one. */
  readonly #lanes = new Map<number, number>();
  /** Asks whose message was handled and whose reply is to come. */
  readonly #deferred = new Map<number, Asker>();
  #replies: Replies | null = null;
  #heartbeat = new Int32Array(new SharedArrayBuffer(4));
  #heartbeatTimer: Cancel | null = null;
  #limitTimer: Cancel | null = null;
  #draining = false;
  #terminating = false;
  #stopSent = false;
  #watches: Cancel[] = [];
  /** Spans of the thread; null when nobody records them. */
  #spans: ForeignSpans | null = null;

  constructor(
    runtime: Runtime,
    name: string,
    path: string,
    parent: ParentNode,
    messages: Protocol<Definition>,
    readonly args: unknown,
    options: Options,
  ) {
    super(runtime, name, path, parent, options.restart, messages, options.mailbox);
    this.#options = options;
    const { bound, boundBytes, overflow } = this.mailbox;
    this.#mayPass = typeof overflow !== "object" && bound >= PASS_BOUND_MIN &&
      boundBytes >= PASS_BOUND_BYTES_MIN;
    const hangMs = options.thread.hangMs ?? HANG_MS;
    if (!(hangMs >= HANG_MIN_MS)) {
      throw new RangeError(
        `Cannot run ${path} in a thread: hangMs must be at least ${HANG_MIN_MS}: ` +
          `current value is ${hangMs}`,
      );
    }
  }

  get ready(): boolean {
    return this.state === "running" && !this.#stopSent &&
      (this.#numbers.count > 0 || this.mailbox.size > 0 && this.#credit());
  }

  #credit(): boolean {
    const { creditMessages, creditBytes } = this.#options.thread;
    return this.underWay < (creditMessages ?? CREDIT_MESSAGES) &&
      this.#movedBytes < (creditBytes ?? CREDIT_BYTES);
  }

  /** As in every node; what finds nothing queued and has credit passes the mailbox by. */
  override deliver(
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: Asker | null,
    cause: number,
  ): TellResult {
    if (
      !this.#mayPass || this.mailbox.size > 0 || this.state !== "running" || !this.accepting ||
      this.#stopSent || lane !== entry.lane || this.runtime.faults !== null || !this.#credit() ||
      this.#isTraced(ask)
    ) return super.deliver(entry, payload, lane, ask, cause);
    const numbers = this.#numbers;
    if (!numbers.pushMessage(entry, payload, cause)) {
      return super.deliver(entry, payload, lane, ask, cause);
    }
    this.sent++;
    const { scheduler } = this.runtime;
    scheduler.wake();
    const bytes = entry.bytesOf(payload);
    this.#moved.push(entry, payload, ask, cause, scheduler.nowMs, bytes);
    this.#movedBytes += bytes;
    this.underWay++;
    if (numbers.count === FRAME_MESSAGES_MAX) {
      this.#sendNumbers();
      this.#line?.wake();
    } else if (!this.scheduled) scheduler.schedule(this);
    return "accepted";
  }

  /** Traced messages are told apart, and so travel as posts: a frame has no place for that. */
  #isTraced(ask: Asker | null): boolean {
    return this.runtime.tracing !== null && ask instanceof TracedMessage;
  }

  /** Sends the newest moved messages, which are all numbers. */
  #sendNumbers(): void {
    const numbers = this.#numbers;
    this.#line?.send(numbers, this.#moved.tail - numbers.count, 0);
  }

  protected arrived(): void {
    if (!this.scheduled && this.state === "running") this.runtime.scheduler.schedule(this);
  }

  // ---- life -----------------------------------------------------------------------------------

  start(): number {
    this.incarnation++;
    this.retired =
      this.exitQueued =
      this.#draining =
      this.#terminating =
      this.#stopSent =
        false;
    this.accepting = true;
    this.state = "starting";
    this.#moved = new Lane();
    this.#movedBytes = this.underWay = 0;
    this.#lanes.clear();
    const limitMs = this.#options.initTimeoutMs;
    try {
      this.#attach((this.runtime.spares as Spares).take(this.#options.thread));
    } catch (error) {
      // Arguments that cannot be cloned; the thread itself, if there is one, is of no use.
      this.#close("crash", error);
      return Started.failed;
    }
    this.#limitTimer = this.runtime.clock.setTimer(limitMs, () => {
      this.#limitTimer = null;
      this.#initFailed(new Error(`init took longer than ${limitMs} ms`));
    });
    return Started.pending;
  }

  #attach(thread: Thread): void {
    const { worker, port } = this.#thread = thread;
    const line = this.#line = new ThreadLine<FromThread, ToThread>(
      port,
      (message) => this.#received(message),
      (numbers, length) => {
        this.#finishReplied(numbers, length);
        this.#goOn(numbers[SERVICE_AT] as number);
      },
    );
    this.#heartbeat = new Int32Array(new SharedArrayBuffer(4));
    const onError = (error: unknown) => this.#died(error);
    const onExit = (code: number) => this.#died(new Error(`the thread exited with code ${code}`));
    worker.on("error", onError);
    worker.on("exit", onExit);
    this.#detach = () => {
      line.close();
      worker.off("error", onError);
      worker.off("exit", onExit);
    };
    const { tracing } = this.runtime;
    this.#spans = tracing === null ? null : new ForeignSpans(tracing);
    const toThread = ringBuffer(), fromThread = ringBuffer();
    line.post({
      kind: "init",
      path: this.path,
      name: this.name,
      incarnation: this.incarnation,
      args: encodeArgs(this.args),
      heartbeat: this.#heartbeat.buffer as SharedArrayBuffer,
      causeBase: ++threadsMade * CAUSES_PER_THREAD,
      isTraced: tracing !== null,
      toThread,
      fromThread,
    });
    line.open(fromThread, toThread);
  }

  #received(message: FromThread): void {
    switch (message.kind) {
      case "hello":
        return;
      case "ready":
        if (this.state !== "starting") return;
        this.#cancelLimit();
        this.state = "running";
        this.runtime.lifecycle?.(this, "started");
        this.#watchHeart();
        // One that was stopped on purpose, and is needed again, says nothing about the next.
        if (
          this.#options.thread.prewarm === true && this.incarnation > 1 &&
          this.lastExit !== "shutdown"
        ) {
          (this.runtime.spares as Spares).prewarm(this.#options.thread);
        }
        this.runtime.scheduler.schedule(this);
        return this.parent?.childStarted(this, false);
      case "failed":
        if (this.state === "starting") this.#initFailed(decodeError(message.error));
        return;
      case "turn":
        return this.#turn({ ...emptyTurn(), ...message.report });
      case "broken":
        return this.#died(decodeError(message.error));
      case "exited":
        return this.#exited(
          message.reason,
          message.error === null ? null : decodeError(message.error),
        );
    }
  }

  #initFailed(error: unknown): void {
    this.lastError = error;
    this.#close("crash", error);
    this.parent?.childStarted(this, true);
  }

  /** The actor in the thread ended in order, or by a crash that the thread survived. */
  #exited(reason: ExitReason, error: unknown): void {
    if (!this.alive) return;
    this.#takeBack();
    this.#close(reason, error);
    if (this.#terminating) this.parent?.childTerminated(this);
    else this.parent?.childExited(this, reason, error);
  }

  /** The thread is gone, or has to be. */
  #died(error: unknown): void {
    if (!this.alive) return;
    if (this.state === "starting") return this.#initFailed(error);
    this.#takeBackUnsent();
    this.#buryMoved(this.#terminating ? "stopped" : "crashed", error);
    this.#close("crash", error);
    if (this.#terminating) this.parent?.childTerminated(this);
    else this.parent?.childExited(this, "crash", error);
  }

  terminate(how: Termination): boolean {
    if (this.state === "down" || this.state === "stopped") return true;
    this.#terminating = true;
    const { shutdownMs } = this.#options;
    const leftMs = Math.min(
      shutdownMs === "brutal" ? 0 : shutdownMs,
      how.deadlineMs - this.runtime.clock.now(),
    );
    if (this.state === "starting" || leftMs <= 0) {
      this.#kill();
      return true;
    }
    if (how.drain) {
      this.accepting = false;
      this.#draining = true;
    }
    this.#cancelLimit();
    if (leftMs !== Infinity) {
      this.#limitTimer = this.runtime.clock.setTimer(leftMs, () => {
        this.#limitTimer = null;
        if (!this.alive) return;
        this.runtime.log?.("warn", this.path, "killed: it did not stop in time", { leftMs });
        this.#kill();
        this.parent?.childTerminated(this);
      });
    }
    this.#stopWhenDrained();
    return false;
  }

  #stopWhenDrained(): void {
    if (!this.#terminating || this.#stopSent || this.state !== "running") return;
    if (this.#draining && (this.mailbox.size > 0 || this.underWay > 0)) {
      if (this.ready) this.runtime.scheduler.schedule(this);
      return;
    }
    this.#stopSent = true;
    this.#line?.post({ kind: "stop" });
  }

  #kill(): void {
    this.#buryMoved("stopped", null);
    this.#close("killed", null);
  }

  #cancelLimit(): void {
    this.#limitTimer?.();
    this.#limitTimer = null;
  }

  #close(reason: ExitReason, error: unknown): void {
    this.#cancelLimit();
    this.#heartbeatTimer?.();
    this.#heartbeatTimer = null;
    for (const unwatch of this.#watches.splice(0)) unwatch();
    const thread = this.#thread;
    this.#thread = this.#line = null;
    this.#numbers.clear();
    this.#replies = null;
    this.#detach();
    const failed = this.state === "starting";
    this.state = "down";
    this.runtime.lifecycle?.(this, this.#terminating ? "stopped" : failed ? "failed" : "exited");
    this.lastExit = reason;
    if (error !== null) this.lastError = error;
    for (const ask of this.#deferred.values()) {
      ask.reject(
        reason === "crash"
          ? new ActorFailed(this.path, ask.type, error)
          : new ActorStopped(this.path, ask.type),
      );
    }
    this.#deferred.clear();
    this.#spans?.close(reason === "crash" ? "crashed" : "stopped");
    this.#spans = null;
    if (thread !== null) endThread(thread, this.path, this.runtime);
  }

  #watchHeart(): void {
    const hangMs = this.#options.thread.hangMs ?? HANG_MS;
    let beats = Atomics.load(this.#heartbeat, 0);
    let silentMs = 0;
    const stepMs = hangMs / 4;
    const look = () => {
      const now = Atomics.load(this.#heartbeat, 0);
      silentMs = now === beats ? silentMs + stepMs : 0;
      beats = now;
      if (silentMs >= hangMs) {
        this.#heartbeatTimer = null;
        return this.#died(new Error(`the thread gave no sign of life for ${hangMs} ms`));
      }
      this.#heartbeatTimer = this.runtime.clock.setTimer(stepMs, look);
    };
    this.#heartbeatTimer = this.runtime.clock.setTimer(stepMs, look);
  }

  /** For chaos tests: the thread dies, just now and without a word. */
  kill(): void {
    void this.#thread?.worker.terminate();
  }

  // ---- work -----------------------------------------------------------------------------------

  runSlice(_messagesMax: number, _untilMs: number): number {
    if (this.state !== "running" || this.#stopSent) return 0;
    const numbers = this.#numbers;
    let took = numbers.count;
    if (took > 0) this.#sendNumbers();
    let batch: Batch | null = null;
    while (this.mailbox.size > 0 && took < POST_MESSAGES_MAX && this.#credit()) {
      const lane = this.mailbox.nextLane();
      const ring = this.mailbox.lane(lane);
      const slot = ring.headSlot;
      const entry = ring.entries[slot] as Entry;
      const payload = ring.payloads[slot];
      const ask = ring.asks[slot] as Asker | null;
      const cause = ring.causes[slot] as number;
      const bytes = ring.sizes[slot] as number;
      this.mailbox.taken(lane, ring);
      took++;
      if (ask !== null && ask.expired) {
        this.bury(entry, payload, ask, cause, bytes, "expired");
        continue;
      }
      // Transferred columns are gone from here: keeping the payload would keep empty arrays.
      const kept = entry.columns ? GONE : payload;
      const seq = this.#moved.push(entry, kept, ask, cause, ring.ats[slot] as number, bytes);
      if (lane !== entry.lane) this.#lanes.set(seq, lane);
      this.#movedBytes += bytes;
      this.underWay++;
      const isTraced = this.#isTraced(ask);
      if (batch === null) {
        if (!isTraced && numbers.pushMessage(entry, payload, cause)) {
          if (numbers.count === FRAME_MESSAGES_MAX) this.#sendNumbers();
          continue;
        }
        if (numbers.count > 0) this.#line?.send(numbers, seq - numbers.count, 0);
        batch = newBatch(seq);
      }
      if (entry.columns) transferablesOf(payload, batch.transfer ??= new Set());
      batch.entries.push(entry);
      batch.payloads.push(payload);
      batch.causes.push(cause);
      if (isTraced) (batch.traced ??= []).push(seq);
    }
    if (numbers.count > 0) this.#sendNumbers();
    if (batch === null) this.#line?.wake();
    else this.#postMessages(batch);
    if (this.#gaps > GAPS_MAX) this.#setAside();
    if (this.offersWaiting) this.admitOffers();
    this.#stopWhenDrained();
    return took;
  }

  /** A payload that cannot be cloned crashes nobody: its message is dead-lettered. */
  #postMessages({ first, entries, payloads, causes, traced, transfer }: Batch): void {
    try {
      const packed = packMessages(entries, payloads, causes);
      this.#line?.post(
        { kind: "messages", first, packed, ...(traced === null ? {} : { traced }) },
        transfer === null ? undefined : [...transfer],
      );
    } catch (error) {
      if (entries.length > 1) {
        for (let i = 0; i < entries.length; i++) {
          const one = newBatch(first + i);
          one.entries.push(entries[i] as Entry);
          one.payloads.push(payloads[i]);
          one.causes.push(causes[i] as number);
          if (traced?.includes(first + i) === true) one.traced = [first + i];
          if (entries[i]?.columns) one.transfer = transferablesOf(payloads[i]);
          this.#postMessages(one);
        }
        return;
      }
      const message = this.#take(first);
      if (message === null) return;
      const failure = new ActorFailed(this.path, message.entry.type, error);
      const { entry, ask, cause, bytes } = message;
      this.bury(entry, payloads[0], ask, cause, bytes, "unhandled", failure);
    }
  }

  get #gaps(): number {
    return this.#moved.size + this.#aside.size - this.underWay;
  }

  /** Keeps a few that are stuck from making the ring grow without end. */
  #setAside(): void {
    const moved = this.#moved;
    while (this.#gaps > GAPS_MAX / 2 && moved.size > 0) {
      const seq = moved.head;
      const message = moved.take(seq);
      if (message !== null) this.#aside.set(seq, message);
    }
  }

  #turn(report: TurnReport & CompactReport): void {
    for (const log of report.logs) this.#log(log);
    for (const news of report.spans) this.#spans?.take(news, (seq) => this.#tracedAt(seq));
    if (report.numbers !== undefined) {
      this.#finishReplied(report.numbers, report.numbers.length);
    }
    report.numberSeqs?.forEach((seq, i) => this.#askOf(seq)?.reply(report.numberReplies?.[i]));
    report.replySeqs.forEach((seq, i) => this.#askOf(seq)?.reply(report.replies[i]));
    report.refusedSeqs.forEach((seq, i) => {
      const ask = this.#askOf(seq);
      ask?.reject(
        new ActorFailed(this.path, ask.type, decodeError(report.refusals[i] as ThreadError)),
      );
    });
    for (const seq of report.deferred) this.#finishDeferred(seq);
    const { handled } = report;
    for (let i = 0; i < handled.length; i += 2) {
      const last = handled[i + 1] as number;
      for (let seq = handled[i] as number; seq <= last; seq++) this.#finishHandled(seq);
    }
    report.errorSeqs.forEach((seq, i) => {
      const message = this.#take(seq);
      if (message !== null) {
        this.#buryMessage(message, "crashed", decodeError(report.errors[i] as ThreadError));
      }
    });
    for (const { path, type, payload, reason, cause } of report.lost) {
      this.runtime.lost(path, this.#entryOf(type), payload, reason, cause);
    }
    for (const message of report.outgoing) this.#forward(message);
    for (const watch of report.watches) this.#watchFor(watch.id, watch.path);
    this.#goOn(report.serviceMs);
  }

  /** After a turn of the thread: what it handled makes room for more. */
  #goOn(serviceMs: number): void {
    if (serviceMs > 0) this.service.record(serviceMs, 1);
    if (this.ready) this.runtime.scheduler.schedule(this);
    this.#stopWhenDrained();
  }

  #entryOf(type: string): Entry {
    return this.protocol.entries[type] ?? { ...NO_ENTRY, type, protocol: this.protocol.name };
  }

  #log(log: { level: LogLevel; path: string; message: string; fields: unknown }): void {
    this.runtime.log?.(log.level, log.path, log.message, log.fields as Record<string, unknown>);
  }

  /** Takes a moved message off the books; null when it was taken before. */
  #take(seq: number): Message | null {
    const message = this.#moved.take(seq) ?? this.#aside.get(seq) ?? null;
    if (message === null) return null;
    this.#aside.delete(seq);
    this.#lanes.delete(seq);
    this.#movedBytes -= message.bytes;
    this.underWay--;
    return message;
  }

  /** The ask behind a sequence number, whether its message is under way or was handled. */
  #askOf(seq: number): Asker | null {
    const deferred = this.#deferred.get(seq);
    if (deferred !== undefined) {
      this.#deferred.delete(seq);
      return deferred;
    }
    const moved = this.#moved;
    if (seq < moved.head) return this.#aside.get(seq)?.ask ?? null;
    return moved.asks[moved.slotOf(seq)] ?? null;
  }

  #tracedAt(seq: number): TracedMessage | null {
    const moved = this.#moved;
    const message = seq < moved.head ? this.#aside.get(seq)?.ask : moved.asks[moved.slotOf(seq)];
    return message instanceof TracedMessage ? message : null;
  }

  /** A stretch of messages, each handled and replied to with a number: the usual turn, kept short. */
  #finishReplied(numbers: Float64Array, length: number): void {
    const moved = this.#moved;
    let seq = numbers[0] as number;
    for (let i = HEAD_NUMBERS; i < length; i++, seq++) {
      const slot = moved.headSlot;
      if (seq !== moved.head || moved.entries[slot] === null || this.#lanes.size > 0) {
        this.#askOf(seq)?.reply(numbers[i]);
        this.#finishHandled(seq);
        continue;
      }
      const ask = moved.asks[slot];
      this.#movedBytes -= moved.sizes[slot] as number;
      this.underWay--;
      this.handled++;
      moved.entries[slot] = null;
      moved.dropHead();
      ask?.reply(numbers[i]);
    }
    moved.closeHead();
  }

  #finishHandled(seq: number): void {
    const message = this.#take(seq);
    if (message === null) return;
    this.handled++;
    message.ask?.reply(undefined);
  }

  #finishDeferred(seq: number): void {
    const message = this.#take(seq);
    if (message === null) return;
    this.handled++;
    if (message.ask !== null && !message.ask.settled) this.#deferred.set(seq, message.ask);
  }

  #buryMessage(message: Message, reason: "crashed" | "stopped", error: unknown): void {
    const { entry, payload, ask, cause, bytes } = message;
    const failure = reason === "stopped" ? null : new ActorFailed(this.path, entry.type, error);
    this.bury(entry, payload, ask, cause, bytes, reason, failure);
  }

  /** A moved message that the thread did not handle goes back in front of the mailbox. */
  #giveBack(seq: number): void {
    const lane = this.#lanes.get(seq);
    const message = this.#take(seq);
    if (message === null) return;
    if (message.payload !== GONE) {
      return this.mailbox.unshift(message, lane ?? message.entry.lane);
    }
    const why = "the thread ended before it handled this message, whose columns were moved to it";
    this.#buryMessage(message, this.#terminating ? "stopped" : "crashed", new Error(why));
  }

  /** All moved messages that are not accounted for, the newest first. */
  #unfinished(): number[] {
    const seqs: number[] = [];
    for (let seq = this.#moved.tail - 1; seq >= this.#moved.head; seq--) seqs.push(seq);
    return seqs.concat([...this.#aside.keys()].reverse());
  }

  #takeBack(): void {
    for (const seq of this.#unfinished()) this.#giveBack(seq);
  }

  /** What was never sent did not die with the thread. */
  #takeBackUnsent(): void {
    const { tail } = this.#moved;
    const unsent = this.#numbers.count;
    for (let seq = tail - 1; seq >= tail - unsent; seq--) this.#giveBack(seq);
    this.#numbers.clear();
  }

  #buryMoved(reason: "crashed" | "stopped", error: unknown): void {
    for (const seq of this.#unfinished().reverse()) {
      const message = this.#take(seq);
      if (message !== null) this.#buryMessage(message, reason, error);
    }
  }

  // ---- what the thread sends elsewhere ------------------------------------------------------------

  #forward(message: OutgoingMessage): void {
    const { runtime } = this;
    const { id, path, type, payload, lane, cause } = message;
    const node = runtime.nodeAt(path);
    const entry = node instanceof MailboxNode ? node.protocol.entries[type] : undefined;
    const ask = id === 0 ? null : this.#askBack(message);
    if (!(node instanceof MailboxNode)) {
      runtime.lost(path, { ...NO_ENTRY, type }, payload, "stopped", cause);
      return ask?.reject(new ActorStopped(path, type));
    }
    if (entry === undefined) {
      runtime.lost(path, { ...NO_ENTRY, type }, payload, "unhandled", cause);
      const why = new TypeError("its protocol has no such message");
      return ask?.reject(new ActorFailed(path, type, why));
    }
    if (ask !== null && node.accepting) {
      runtime.scheduler.wake();
      try {
        runtime.asks.add(ask, message.timeoutMs, runtime.scheduler.nowMs);
      } catch (error) {
        return ask.reject(error as Error);
      }
    }
    const { tracing } = runtime;
    const trail = this.#spans?.trailAt(message.span) ?? null;
    const carried = tracing === null || trail === null
      ? ask
      : tracing.tracedBelow(trail, ask, path, entry, payload);
    node.deliver(entry, payload, lane < 0 ? entry.lane : lane, carried, cause);
    if (ask !== null && isHeldUpBy(node, this.path)) ask.leave();
  }

  /** An ask whose reply goes to the thread, as long as the incarnation that asked is there. */
  #askBack({ id, path, type }: OutgoingMessage): PendingAsk {
    const thread = this.#thread;
    const reply = (value: unknown, error: Error | null) => {
      if (this.#thread !== thread) return;
      const replies = this.#replies ??= this.#newReplies();
      replies.ids.push(id);
      replies.values.push(value);
      replies.errors.push(error === null ? null : encodeError(error));
    };
    return new PendingAsk(
      (value) => reply(value, null),
      (error) => reply(undefined, error),
      path,
      type,
      this.path,
    );
  }

  /** All replies of a turn travel as one post. */
  #newReplies(): Replies {
    queueMicrotask(() => {
      const replies = this.#replies;
      this.#replies = null;
      if (replies !== null) this.#postReplies(replies);
    });
    return { kind: "replies", ids: [], values: [], errors: [] };
  }

  /** A reply that cannot be cloned fails its ask and nothing else. */
  #postReplies(replies: Replies): void {
    try {
      this.#line?.post(replies);
    } catch (error) {
      const { kind, ids, values, errors } = replies;
      ids.forEach((id, i) => {
        const failed = errors[i] ?? (ids.length > 1 ? null : encodeError(error));
        const value = failed === null ? values[i] : undefined;
        this.#postReplies({ kind, ids: [id], values: [value], errors: [failed] });
      });
    }
  }

  #watchFor(id: number, path: string): void {
    const node = this.runtime.nodeAt(path);
    const tell = (at: string, reason: ExitReason) =>
      this.#line?.post({ kind: "gone", id, path: at, reason });
    if (node === null || node.state === "stopped") tell(path, node?.lastExit ?? "normal");
    else this.#watches.push(node.watch(tell));
  }
}

/** Arguments with refs, and lists of refs, replaced by their paths. */
function encodeArgs(args: unknown): unknown {
  if (args instanceof LocalRef) return encodeRef(args);
  if (typeof args !== "object" || args === null) return args;
  if (Object.getPrototypeOf(args) !== Object.prototype) return args;
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => {
      const list = Array.isArray(value) && value[0] instanceof LocalRef;
      return [key, list ? value.map(encodeRef) : encodeRef(value)];
    }),
  );
}

function encodeRef(value: unknown): unknown {
  return value instanceof LocalRef ? { $wickRef: value.path } : value;
}
