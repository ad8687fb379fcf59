/**
 * An actor that runs in a thread, as the main isolate sees it. The mailbox, its bounds and its
 * account stay here; messages move over in batches, one post per turn, within credits counted in
 * messages and bytes (columns lie outside the V8 heap limit, so bytes are what must be bounded).
 *
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

import { Worker } from "node:worker_threads";
import type { PendingAsk } from "./ask.ts";
import { PendingAsk as Ask } from "./ask.ts";
import { transferablesOf } from "./bytes.ts";
import type { Cancel } from "./clock.ts";
import { ActorFailed, ActorStopped, textOf } from "./errors.ts";
import { Lane } from "./lane.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { MailboxOptions } from "./mailbox.ts";
import {
  type ExitReason,
  type LogLevel,
  type ParentNode,
  type RestartType,
  type Runtime,
  Started,
  type Termination,
  type ThreadSpares,
} from "./node.ts";
import type { Definition, Entry, Protocol } from "./protocol.ts";
import { LocalRef } from "./ref.ts";
import {
  decodeError,
  encodeError,
  type FromThread,
  type OutgoingMessage,
  type ToThread,
  type TurnReport,
} from "./thread_messages.ts";

/** How a thread is run. */
export interface ThreadOptions {
  /** Module that calls `serveThread` with the same actor. */
  readonly entry: URL;
  /** V8 limits of the thread, MB. */
  readonly resourceLimits?: { readonly maxOldGenerationSizeMb?: number };
  /** Silence after which the thread counts as hung; default 10,000 ms. */
  readonly hangMs?: number;
  /** Messages that may be moved over and unhandled; default 4,096. */
  readonly creditMessages?: number;
  /** Bytes that may be moved over and unhandled; default 32 MiB. */
  readonly creditBytes?: number;
  /** Keeps one started thread in reserve, so that a restart does not wait for one (11 MB). */
  readonly prewarm?: boolean;
}

interface Options {
  readonly restart: RestartType;
  readonly shutdownMs: number | "brutal";
  readonly initTimeoutMs: number;
  readonly mailbox: MailboxOptions | undefined;
  readonly thread: ThreadOptions;
}

const HANG_MS = 10_000;
const CREDIT_MESSAGES = 4_096;
const CREDIT_BYTES = 32 * 1024 * 1024;
/** How long an ended thread may take to be gone before it counts as a zombie. */
const ZOMBIE_AFTER_MS = 2_000;
const CAUSES_PER_THREAD = 2 ** 36;
let threadsMade = 0;

/** Actor in a thread. */
export class ThreadNode extends MailboxNode {
  readonly #options: Options;
  #worker: Worker | null = null;
  #detach: Cancel = () => {};
  /** Messages that were moved over; their absolute position is their sequence number. */
  #moved = new Lane();
  #movedBytes = 0;
  #heartbeat = new Int32Array(new SharedArrayBuffer(4));
  #heartbeatTimer: Cancel | null = null;
  #limitTimer: Cancel | null = null;
  #draining = false;
  #terminating = false;
  #stopSent = false;
  #watches: Cancel[] = [];

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
  }

  get underWay(): number {
    let count = 0;
    for (let at = this.#moved.head; at < this.#moved.tail; at++) {
      if (this.#moved.entries[this.#moved.slotOf(at)] !== null) count++;
    }
    return count;
  }

  get ready(): boolean {
    return this.state === "running" && !this.#stopSent && this.mailbox.size > 0 && this.#credit();
  }

  #credit(): boolean {
    const { creditMessages, creditBytes } = this.#options.thread;
    return this.#moved.size < (creditMessages ?? CREDIT_MESSAGES) &&
      this.#movedBytes < (creditBytes ?? CREDIT_BYTES);
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
    this.#movedBytes = 0;
    const limitMs = this.#options.initTimeoutMs;
    try {
      this.#attach((this.runtime.spares as Spares).take(this.#options.thread));
    } catch (error) {
      this.lastError = error;
      this.state = "down";
      return Started.failed;
    }
    this.#limitTimer = this.runtime.clock.setTimer(limitMs, () => {
      this.#limitTimer = null;
      this.#initFailed(new Error(`init took longer than ${limitMs} ms`));
    });
    return Started.pending;
  }

  #attach(worker: Worker): void {
    this.#worker = worker;
    this.#heartbeat = new Int32Array(new SharedArrayBuffer(4));
    const onMessage = (message: FromThread) => this.#received(message);
    const onError = (error: unknown) => this.#died(error);
    const onExit = (code: number) => this.#died(new Error(`the thread exited with code ${code}`));
    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.on("exit", onExit);
    this.#detach = () => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      worker.off("exit", onExit);
    };
    this.#post({
      kind: "init",
      path: this.path,
      name: this.name,
      args: encodeArgs(this.args),
      heartbeat: this.#heartbeat.buffer as SharedArrayBuffer,
      causeBase: ++threadsMade * CAUSES_PER_THREAD,
    });
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
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
        if (this.#options.thread.prewarm === true) {
          (this.runtime.spares as Spares).prewarm(this.#options.thread);
        }
        this.runtime.scheduler.schedule(this);
        return this.parent?.childStarted(this, false);
      case "failed":
        if (this.state === "starting") this.#initFailed(decodeError(message.error));
        return;
      case "turn":
        return this.#turn(message);
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
        this.runtime.log("warn", this.path, "killed: it did not stop in time", { leftMs });
        this.#kill();
        this.parent?.childTerminated(this);
      });
    }
    this.#stopWhenDrained();
    return false;
  }

  #stopWhenDrained(): void {
    if (!this.#terminating || this.#stopSent || this.state !== "running") return;
    if (this.#draining && (this.mailbox.size > 0 || this.#moved.size > 0)) {
      if (this.ready) this.runtime.scheduler.schedule(this);
      return;
    }
    this.#stopSent = true;
    this.#post({ kind: "stop" });
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
    const worker = this.#worker;
    this.#worker = null;
    this.#detach();
    const failed = this.state === "starting";
    this.state = "down";
    this.runtime.lifecycle?.(this, this.#terminating ? "stopped" : failed ? "failed" : "exited");
    this.lastExit = reason;
    if (error !== null) this.lastError = error;
    if (worker !== null) endThread(worker, this.path, this.runtime);
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

  // ---- work -----------------------------------------------------------------------------------

  runSlice(_messagesMax: number, _untilMs: number): number {
    if (this.state !== "running" || this.#stopSent) return 0;
    const entries: number[] = [], payloads: unknown[] = [], causes: number[] = [];
    let transfer: Set<ArrayBuffer> | null = null;
    const first = this.#moved.tail;
    let took = 0;
    while (this.mailbox.size > 0 && this.#credit()) {
      const lane = this.mailbox.nextLane();
      const ring = this.mailbox.lane(lane);
      const slot = ring.headSlot;
      const entry = ring.entries[slot] as Entry;
      const payload = ring.payloads[slot];
      const ask = ring.asks[slot] as PendingAsk | null;
      const cause = ring.causes[slot] as number;
      const bytes = ring.sizes[slot] as number;
      this.mailbox.taken(lane, ring);
      took++;
      if (ask !== null && ask.settled) {
        this.bury(entry, payload, ask, cause, bytes, "expired");
        continue;
      }
      // Transferred columns are gone from here: keeping the payload would keep empty arrays.
      const kept = entry.columns ? GONE : payload;
      this.#moved.push(entry, kept, ask, cause, this.runtime.scheduler.nowMs, bytes);
      this.#movedBytes += bytes;
      if (entry.columns) transfer = transferablesOf(payload, transfer ?? new Set());
      entries.push(entry.index);
      payloads.push(payload);
      causes.push(cause);
    }
    if (entries.length > 0) {
      this.#postMessages(first, entries, payloads, causes, transfer);
    }
    if (this.offersWaiting) this.admitOffers();
    return took;
  }

  /** A payload that cannot be cloned crashes nobody: its message is dead-lettered. */
  #postMessages(
    first: number,
    entries: number[],
    payloads: unknown[],
    causes: number[],
    transfer: Set<ArrayBuffer> | null,
  ): void {
    try {
      const buffers = transfer === null ? [] : [...transfer];
      this.#post({ kind: "messages", first, entries, payloads, causes }, buffers);
    } catch (error) {
      if (entries.length > 1) {
        for (let i = 0; i < entries.length; i++) {
          const one = transfer === null ? null : transferablesOf(payloads[i]);
          this.#postMessages(
            first + i,
            [entries[i] as number],
            [payloads[i]],
            [causes[i] as number],
            one,
          );
        }
        return;
      }
      this.#finish(first, "unhandled", error);
      this.#forgetFinished();
    }
  }

  #turn(report: TurnReport): void {
    for (const log of report.logs) this.#log(log);
    const { replySeqs, replies, errorSeqs, errors, handled } = report;
    const moved = this.#moved;
    for (let i = 0; i < replySeqs.length; i++) {
      moved.asks[moved.slotOf(replySeqs[i] as number)]?.reply(replies[i]);
    }
    for (let i = 0; i < handled.length; i += 2) {
      const last = handled[i + 1] as number;
      for (let seq = handled[i] as number; seq <= last; seq++) this.#finish(seq, null, null);
    }
    for (let i = 0; i < errorSeqs.length; i++) {
      const error = decodeError(errors[i] as NonNullable<typeof errors[number]>);
      this.#finish(errorSeqs[i] as number, "crashed", error);
    }
    for (const seq of report.returned.reverse()) this.#giveBack(seq);
    this.#forgetFinished();
    if (report.serviceMs > 0) this.service.record(report.serviceMs, 1);
    for (const message of report.outgoing) this.#forward(message);
    for (const watch of report.watches) this.#watchFor(watch.id, watch.path);
    if (this.ready) this.runtime.scheduler.schedule(this);
    this.#stopWhenDrained();
  }

  #log(log: { level: LogLevel; path: string; message: string; fields: unknown }): void {
    this.runtime.log(log.level, log.path, log.message, log.fields as Record<string, unknown>);
  }

  /** One moved message is accounted for: handled, or dead-lettered with a reason. */
  #finish(seq: number, reason: "crashed" | "stopped" | "unhandled" | null, error: unknown): void {
    const moved = this.#moved;
    const slot = moved.slotOf(seq);
    const entry = moved.entries[slot] as Entry | null;
    if (entry === null || seq < moved.head) return;
    const ask = moved.asks[slot] as PendingAsk | null;
    const bytes = moved.sizes[slot] as number;
    moved.entries[slot] = null;
    this.#movedBytes -= bytes;
    if (reason === null) {
      this.handled++;
      return;
    }
    const failure = error === null ? null : new ActorFailed(this.path, entry.type, error);
    const cause = moved.causes[slot] as number;
    this.bury(entry, moved.payloads[slot], ask, cause, bytes, reason, failure);
  }

  #forgetFinished(): void {
    const moved = this.#moved;
    while (moved.size > 0 && moved.entries[moved.headSlot] === null) moved.dropHead();
  }

  /** A moved message that the thread did not handle goes back in front of the mailbox. */
  #giveBack(seq: number): void {
    const moved = this.#moved;
    const slot = moved.slotOf(seq);
    const entry = moved.entries[slot] as Entry | null;
    if (entry === null || seq < moved.head) return;
    if (moved.payloads[slot] === GONE) {
      return this.#finish(
        seq,
        this.#terminating ? "stopped" : "crashed",
        new Error(
          "the thread ended before it handled this message, whose columns had been moved to it",
        ),
      );
    }
    moved.entries[slot] = null;
    this.#movedBytes -= moved.sizes[slot] as number;
    this.mailbox.unshift({
      entry,
      payload: moved.payloads[slot],
      ask: moved.asks[slot] as PendingAsk | null,
      cause: moved.causes[slot] as number,
      atMs: moved.ats[slot] as number,
      bytes: moved.sizes[slot] as number,
    });
  }

  #takeBack(): void {
    for (let seq = this.#moved.tail - 1; seq >= this.#moved.head; seq--) this.#giveBack(seq);
    this.#forgetFinished();
  }

  #buryMoved(reason: "crashed" | "stopped", error: unknown): void {
    for (let seq = this.#moved.head; seq < this.#moved.tail; seq++) {
      this.#finish(seq, reason, reason === "crashed" ? error : null);
    }
    this.#forgetFinished();
  }

  // ---- what the thread sends elsewhere ------------------------------------------------------------

  #forward(message: OutgoingMessage): void {
    const node = this.runtime.nodeAt(message.path);
    const { id, type, payload, lane, cause, timeoutMs } = message;
    const entry = node instanceof MailboxNode ? node.protocol.entries[type] : undefined;
    if (!(node instanceof MailboxNode) || entry === undefined) {
      const messages = this.protocol as Protocol<Definition>;
      new LocalRef(this.runtime, message.path, { ...messages, entries: {} }, null).tell(
        type,
        payload,
      );
      if (id > 0) this.#replyTo(id, undefined, new ActorStopped(message.path, type));
      return;
    }
    const target = lane < 0 ? entry.lane : lane;
    if (id === 0) return void node.deliver(entry, payload, target, null, cause);
    const ask = new Ask(
      (value) => this.#replyTo(id, value, null),
      (error) => this.#replyTo(id, undefined, error),
      message.path,
      type,
    );
    this.runtime.asks.add(ask, timeoutMs, this.runtime.scheduler.nowMs);
    node.deliver(entry, payload, target, ask, cause);
  }

  #replyTo(id: number, value: unknown, error: Error | null): void {
    const encoded = error === null
      ? null
      : { ...encodeError(error), code: (error as { code?: string }).code };
    this.#post({ kind: "replies", ids: [id], values: [value], errors: [encoded] });
  }

  #watchFor(id: number, path: string): void {
    const node = this.runtime.nodeAt(path);
    const tell = (at: string, reason: ExitReason) =>
      this.#post({ kind: "gone", id, path: at, reason });
    if (node === null || node.state === "stopped") tell(path, node?.lastExit ?? "normal");
    else this.#watches.push(node.watch(tell));
  }
}

/** Stands for a payload whose columns were transferred. */
const GONE = Object.freeze({ transferred: true });

/** Arguments with refs replaced by their paths. */
function encodeArgs(args: unknown): unknown {
  if (args instanceof LocalRef) return { $wickRef: args.path };
  if (typeof args !== "object" || args === null) return args;
  if (Object.getPrototypeOf(args) !== Object.prototype) return args;
  return Object.fromEntries(
    Object.entries(args).map((
      [key, value],
    ) => [key, value instanceof LocalRef ? { $wickRef: value.path } : value]),
  );
}

// ---- threads ------------------------------------------------------------------------------------

function makeThread(options: ThreadOptions): Worker {
  return new Worker(options.entry, {
    ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
  });
}

function spareKey(options: ThreadOptions): string {
  return `${options.entry.href} ${JSON.stringify(options.resourceLimits ?? {})}`;
}

/** Started threads in reserve, one per entry module and limits. */
export class Spares implements ThreadSpares {
  readonly #workers = new Map<string, Worker>();

  /** A thread for `options`: the reserve one if there is one. */
  take(options: ThreadOptions): Worker {
    const key = spareKey(options);
    const spare = this.#workers.get(key);
    if (spare === undefined) return makeThread(options);
    this.#workers.delete(key);
    spare.removeAllListeners();
    spare.ref();
    return spare;
  }

  /** Makes sure that one is in reserve. */
  prewarm(options: ThreadOptions): void {
    const key = spareKey(options);
    if (this.#workers.has(key)) return;
    const worker = makeThread(options);
    worker.unref();
    worker.on("error", () => this.#workers.delete(key));
    worker.on("exit", () => this.#workers.delete(key));
    this.#workers.set(key, worker);
  }

  async end(): Promise<void> {
    const workers = [...this.#workers.values()];
    this.#workers.clear();
    for (const worker of workers) worker.removeAllListeners();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/**
 * Ends a thread. One in a synchronous loop cannot be ended: it burns on as a zombie, which is
 * reported, since it takes a core.
 */
function endThread(worker: Worker, path: string, runtime: Runtime): void {
  const cancel = runtime.clock.setTimer(ZOMBIE_AFTER_MS, () => runtime.zombie(path));
  worker.on("error", () => {});
  const ended = worker.terminate().then(cancel, (error: unknown) => {
    cancel();
    runtime.log("error", path, "its thread could not be ended", { error: textOf(error) });
  });
  runtime.awaitAtStop(ended);
}
