/**
 * An actor that runs in this isolate. It handles one message at a time; a handler that returns a
 * promise makes it wait, a deferred reply does not. Synchronous handlers cost no promise at all.
 *
 * @module
 */

import { type ActorDefinition, type Deferred, STASHED } from "./actor.ts";
import type { Asker } from "./ask.ts";
import { bindArgs, IncarnationContext } from "./context.ts";
import { ActorFailed, ActorStopped } from "./errors.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { MailboxOptions } from "./mailbox.ts";
import {
  type ExitReason,
  type ParentNode,
  type RestartType,
  type Runtime,
  Started,
  type Termination,
} from "./node.ts";
import type { Cancel } from "./clock.ts";
import { bytesOfValue } from "./bytes.ts";
import { type Entry, LANE, NO_ENTRY } from "./protocol.ts";
import { TracedMessage } from "./tracing.ts";

/** How one child actor is run. */
export interface ActorOptions {
  readonly restart: RestartType;
  /** Time to drain and clean up; `brutal` = none, Infinity = no limit of its own. */
  readonly shutdownMs: number | "brutal";
  /** Longest init. */
  readonly initTimeoutMs: number;
  readonly mailbox: MailboxOptions | undefined;
}

type Handler = (payload: unknown) => unknown;

/** Slower handlers than this are timed each; faster ones one in {@linkcode SAMPLE_EVERY}. */
const SLOW_HANDLER_MS = 0.01;
const SAMPLE_EVERY = 64;
/** Deferred replies outstanding per actor: each holds an asker's promise. */
export const DEFERRED_MAX = 65_536;

/** Actor on this isolate's event loop. */
export class ActorNode extends MailboxNode {
  #handlers: (Handler | undefined)[] = [];
  #context: IncarnationContext | null = null;
  #deferred: DeferredReplies | null = null;
  /** A handler's promise is under way; the message's columns are kept for its end. */
  #waiting = false;
  #entry: Entry | null = null;
  #payload: unknown = undefined;
  #ask: Asker | null = null;
  #bytes = 0;
  /** Lane of the message under way; -1 = the system lane. */
  #lane = 0;
  #currentCause = 0;
  #sentAtMs = 0;
  #draining = false;
  #stopAfter: "normal" | "shutdown" | null = null;
  /** The parent asked for the end and waits for it. */
  #terminating = false;
  /** Ends an init, a shutdown or a clean-up that takes too long. */
  #limitTimer: Cancel | null = null;
  #untilSample = 1;

  constructor(
    runtime: Runtime,
    name: string,
    path: string,
    parent: ParentNode,
    readonly definition: ActorDefinition,
    readonly args: unknown,
    readonly options: ActorOptions,
  ) {
    super(runtime, name, path, parent, options.restart, definition.protocol, options.mailbox);
  }

  /** Causation id of the message under way, also across awaits; 0 outside of one. */
  get currentCause(): number {
    return this.#currentCause;
  }

  /** How long the message under way was queued, ms. */
  get waitedMs(): number {
    return this.#entry === null ? 0 : Math.max(0, this.runtime.scheduler.nowMs - this.#sentAtMs);
  }

  /** See `Context.bury`. */
  buryForeign(type: string, payload: unknown, error: Error): void {
    const entry: Entry = { ...NO_ENTRY, type, protocol: this.protocol.name };
    // It was no message: the account of those is not touched.
    const bytes = bytesOfValue(payload);
    const cause = this.#currentCause;
    this.runtime.deadLetter(
      this.path,
      entry,
      payload,
      "unhandled",
      cause,
      bytes,
      error.cause ?? error,
    );
  }

  get underWay(): number {
    return this.#entry === null ? 0 : 1;
  }

  get ready(): boolean {
    return this.state === "running" && !this.#waiting &&
      (this.#stopAfter !== null || this.#hasMail());
  }

  #hasMail(): boolean {
    const system = this.mailbox.system;
    return this.mailbox.size > 0 || (system !== null && system.size > 0);
  }

  protected arrived(): void {
    if (!this.scheduled && this.state === "running" && !this.#waiting) {
      this.runtime.scheduler.schedule(this);
    }
  }

  // ---- life -----------------------------------------------------------------------------------

  start(): number {
    this.incarnation++;
    this.retired = false;
    this.exitQueued = false;
    this.accepting = true;
    this.#draining = false;
    this.#terminating = false;
    this.#stopAfter = null;
    this.#untilSample = 1;
    this.state = "starting";
    const context = new IncarnationContext(this, this.runtime.incarnationBase + this.incarnation);
    this.#context = context;
    const outerCause = this.runtime.cause;
    try {
      this.runtime.faults?.beforeInit(this.path, this.incarnation);
      const create = () => this.definition.create(context, bindArgs(this.args, context));
      const { tracing } = this.runtime;
      // What caused the start is not what the actor does from now on.
      const made = tracing === null ? create() : tracing.follow(null, create);
      // The factory may have stopped the system that it runs in.
      if (this.#context !== context) return this.#initCameLate(made, context);
      if (isThenable(made)) {
        this.#awaitInit(made, context);
        return Started.pending;
      }
      this.#running(made);
      return Started.ok;
    } catch (error) {
      if (this.#context !== context) return this.#initCameLate(null, context);
      return this.#initFailed(context, error);
    } finally {
      this.runtime.cause = outerCause;
    }
  }

  #running(handlers: object): void {
    this.#handlers = this.protocol.byIndex.map((entry) =>
      (handlers as Record<string, Handler>)[entry.type]
    );
    this.state = "running";
    this.runtime.lifecycle?.(this, "started");
    // What the last incarnation left of the mailbox may have room for who waits.
    if (this.offersWaiting) this.admitOffers();
    if (this.ready) this.runtime.scheduler.schedule(this);
  }

  /** This incarnation was given up during its init: what that opened must still be closed. */
  #initCameLate(made: unknown, context: IncarnationContext): number {
    const close = () => void context.cleanUp("killed");
    if (isThenable(made)) Promise.resolve(made).then(close, close);
    else close();
    return Started.failed;
  }

  #awaitInit(made: PromiseLike<object>, context: IncarnationContext): void {
    const limitMs = this.options.initTimeoutMs;
    const failed = (error: unknown) => {
      if (this.#context !== context) return void context.cleanUp("killed");
      this.#initFailed(context, error);
      this.parent?.childStarted(this, true);
    };
    this.#limitTimer = this.runtime.clock.setTimer(limitMs, () => {
      failed(new Error(`init took longer than ${limitMs} ms`));
    });
    Promise.resolve(made).then((handlers) => {
      // Given up meanwhile: what this init opened must still be closed.
      if (this.#context !== context) return void context.cleanUp("killed");
      this.#cancelLimit();
      try {
        this.#running(handlers);
      } catch (error) {
        return failed(error);
      }
      this.parent?.childStarted(this, false);
    }, failed);
  }

  #cancelLimit(): void {
    this.#limitTimer?.();
    this.#limitTimer = null;
  }

  #initFailed(context: IncarnationContext, error: unknown): number {
    this.lastError = error;
    void context.cleanUp("crash");
    this.#close("crash", error);
    return Started.failed;
  }

  terminate(how: Termination): boolean {
    if (this.state === "down" || this.state === "stopped") return true;
    this.#terminating = true;
    const nowMs = this.runtime.clock.now();
    const { shutdownMs } = this.options;
    const ownMs = shutdownMs === "brutal" ? 0 : shutdownMs;
    const leftMs = Math.min(ownMs, how.deadlineMs - nowMs);
    if (this.state === "starting" || leftMs <= 0) {
      this.#kill();
      return true;
    }
    if (how.drain) {
      this.accepting = false;
      this.#draining = true;
    }
    if (this.state === "running") {
      // A message under way may be that of the very handler that asked for the stop.
      const idle = this.#entry === null && !(how.drain && this.#hasMail());
      if (idle && this.#endRun("shutdown", null)) return true;
      // A clean-up hook may have asked for a stop without delay.
      if (!this.alive) return true;
      if (!idle && !how.drain) this.#stopAfter = "shutdown";
    }
    this.#cancelLimit();
    if (leftMs !== Infinity) {
      this.#limitTimer = this.runtime.clock.setTimer(leftMs, () => {
        this.#limitTimer = null;
        if (!this.alive) return;
        const underWay = this.#entry?.type ?? null;
        const fields = { leftMs, underWay };
        this.runtime.log?.("warn", this.path, "killed: it did not stop in time", fields);
        this.#kill();
        this.parent?.childTerminated(this);
      });
    }
    return false;
  }

  /** Ends the incarnation at once; a message under way is dead-lettered. */
  #kill(): void {
    const context = this.#context;
    if (this.#entry !== null) this.#buryCurrent("stopped", null);
    const late = this.state === "starting";
    this.#close("killed", null);
    // A starting one cleans up when its init comes back, see #awaitInit.
    if (!late) void context?.cleanUp("killed");
  }

  /**
   * Ends a running incarnation in order: clean-up hooks first. True when it is over already; else
   * it reports to the parent when the hooks are done.
   */
  #endRun(reason: ExitReason, error: unknown): boolean {
    const context = this.#context as IncarnationContext;
    this.state = "stopping";
    const hooks = context.cleanUp(reason);
    if (this.#context !== context) return false;
    if (hooks === null) {
      this.#close(reason, error);
      return true;
    }
    hooks.then(() => {
      if (this.#context !== context || this.state !== "stopping") return;
      this.#close(reason, error);
      this.#report(reason, error);
    });
    if (!this.#terminating) this.#limitCleanUp(context);
    return false;
  }

  /** Clean-up after a crash or an own stop has the shutdown time too. */
  #limitCleanUp(context: IncarnationContext): void {
    const { shutdownMs } = this.options;
    if (shutdownMs === Infinity) return;
    this.#limitTimer = this.runtime.clock.setTimer(shutdownMs === "brutal" ? 0 : shutdownMs, () => {
      this.#limitTimer = null;
      if (this.#context !== context || this.state !== "stopping") return;
      this.runtime.log?.("warn", this.path, "killed: its clean-up did not end in time");
      this.#close("killed", null);
      this.#report("killed", new Error("clean-up did not end in time"));
    });
  }

  /** Tells the parent that the incarnation is over. */
  #report(reason: ExitReason, error: unknown): void {
    if (this.#terminating) this.parent?.childTerminated(this);
    else this.parent?.childExited(this, reason, error);
  }

  /** The very end of an incarnation: nothing of it acts any more. */
  #close(reason: ExitReason, error: unknown): void {
    this.#cancelLimit();
    this.#context?.end();
    this.#context = null;
    this.#handlers = [];
    this.#waiting = false;
    this.#currentCause = 0;
    const failed = this.state === "starting";
    this.state = "down";
    this.lastExit = reason;
    if (error !== null) this.lastError = error;
    this.runtime.lifecycle?.(this, this.#terminating ? "stopped" : failed ? "failed" : "exited");
    this.unstashAll();
    const deferred = this.#deferred;
    if (deferred !== null) {
      this.#deferred = null;
      deferred.abandonAll(this.path, reason, error);
    }
  }

  // ---- work -----------------------------------------------------------------------------------

  runSlice(messagesMax: number, untilMs: number): number {
    if (this.state !== "running" || this.#waiting) return 0;
    if (this.#stopAfter !== null) {
      this.#stopNow();
      return 0;
    }
    const runtime = this.runtime;
    const { tracing } = runtime;
    const mailbox = this.mailbox;
    const context = this.#context;
    let took = 0;
    while (took < messagesMax) {
      const system = mailbox.system;
      let ring = system;
      let lane = -1;
      if (system === null || system.size === 0) {
        lane = mailbox.nextLane();
        if (lane < 0) break;
        ring = mailbox.lane(lane);
      }
      const from = ring as NonNullable<typeof ring>;
      const slot = from.headSlot;
      const entry = from.entries[slot] as Entry;
      const payload = from.payloads[slot];
      const ask = from.asks[slot] as Asker | null;
      const cause = from.causes[slot] as number;
      const bytes = from.sizes[slot] as number;
      this.#sentAtMs = from.ats[slot] as number;
      this.#lane = lane;
      if (lane < 0) from.dropHead();
      else mailbox.taken(lane, from);
      took++;
      if (ask !== null && ask.expired) {
        this.bury(entry, payload, ask, cause, bytes, "expired");
        continue;
      }
      this.#entry = entry;
      this.#payload = payload;
      this.#ask = ask;
      this.#bytes = bytes;
      this.#currentCause = runtime.cause = cause;
      const sampled = --this.#untilSample <= 0;
      const startMs = sampled ? runtime.clock.now() : 0;
      let result: unknown;
      let thenable = false;
      try {
        const handler = this.#handlers[entry.index];
        if (handler === undefined) {
          this.#buryCurrent("unhandled", new TypeError("it has no handler for this message"));
          continue;
        }
        if (runtime.faults !== null) runtime.faults.beforeHandle(this.path, entry.type);
        result = tracing === null
          ? handler(payload)
          : tracing.handle(ask, context?.incarnation ?? 0, cause, handler, payload);
        thenable = isThenable(result);
      } catch (error) {
        runtime.cause = 0;
        if (this.#context === context) this.#crash(error);
        return took;
      }
      runtime.cause = 0;
      // The handler may have stopped the system without delay: its message is buried already.
      if (this.#context !== context) return took;
      if (thenable) {
        this.#await(result, sampled ? startMs : runtime.scheduler.nowMs);
        return took;
      }
      this.#finish(result);
      if (sampled) {
        const nowMs = runtime.clock.now();
        runtime.scheduler.sawTime(nowMs);
        this.#sample(nowMs - startMs);
        if (nowMs >= untilMs) messagesMax = took;
      } else if (lane === LANE.low) {
        // Long work in slices comes in this lane: it must not hide behind quick messages.
        const nowMs = runtime.clock.now();
        runtime.scheduler.sawTime(nowMs);
        if (nowMs >= untilMs) messagesMax = took;
      }
      if (this.#stopAfter !== null) {
        this.#stopNow();
        return took;
      }
    }
    if (this.offersWaiting) this.admitOffers();
    if (this.#draining && !this.#hasMail()) this.#stopNow();
    return took;
  }

  #sample(ms: number): void {
    const every = ms > SLOW_HANDLER_MS ? 1 : SAMPLE_EVERY;
    this.service.record(ms * every, every);
    this.#untilSample = every;
  }

  /** A handler came back without a promise, or its promise did. */
  #finish(result: unknown): void {
    const ask = this.#ask;
    const entry = this.#entry as Entry;
    this.#entry = null;
    this.#ask = null;
    if (result === STASHED) {
      this.#putAside(entry, ask);
      this.#payload = undefined;
      this.#currentCause = 0;
      return;
    }
    this.#payload = undefined;
    this.#currentCause = 0;
    this.handled++;
    if (ask === null) return;
    if (result instanceof DeferredReply) ask.replyComesLater();
    else ask.reply(result);
  }

  #putAside(entry: Entry, ask: Asker | null): void {
    const cause = this.#currentCause;
    const payload = this.#payload;
    const bytes = this.#bytes;
    if (ask instanceof TracedMessage) ask.stashed();
    if (this.stash.length >= this.mailbox.bound) {
      this.bury(entry, payload, ask, cause, bytes, "overflow");
      return;
    }
    const message = { entry, payload, ask, cause, atMs: this.#sentAtMs, bytes };
    this.stash.push({ message, lane: this.#lane < 0 ? entry.lane : this.#lane });
  }

  #await(promise: unknown, startMs: number): void {
    this.#waiting = true;
    const context = this.#context;
    // What only looks like a promise might settle twice, or throw from its `then`.
    Promise.resolve(promise).then((result) => {
      if (this.#context !== context) return;
      this.#waiting = false;
      this.#finish(result);
      this.#sample(Math.max(0, this.runtime.clock.now() - startMs));
      this.#goOn();
    }, (error) => {
      if (this.#context !== context) return;
      this.#waiting = false;
      this.#crash(error);
    });
  }

  /** After an asynchronous message. */
  #goOn(): void {
    if (this.#stopAfter !== null || (this.#draining && !this.#hasMail())) this.#stopNow();
    else if (this.#hasMail()) this.runtime.scheduler.schedule(this);
    if (this.offersWaiting) this.admitOffers();
  }

  #stopNow(): void {
    const reason = this.#terminating ? "shutdown" : this.#stopAfter ?? "shutdown";
    if (this.#endRun(reason, null)) this.#report(reason, null);
  }

  #crash(error: unknown): void {
    this.lastError = error;
    this.#buryCurrent("crashed", error);
    if (this.#endRun("crash", error)) this.#report("crash", error);
  }

  #buryCurrent(reason: "crashed" | "stopped" | "unhandled", error: unknown): void {
    const entry = this.#entry as Entry;
    const payload = this.#payload;
    const ask = this.#ask;
    this.#entry = null;
    this.#payload = undefined;
    this.#ask = null;
    const failure = reason === "stopped" ? null : new ActorFailed(this.path, entry.type, error);
    const cause = this.#currentCause;
    this.#currentCause = 0;
    this.bury(entry, payload, ask, cause, this.#bytes, reason, failure);
  }

  // ---- for the context ------------------------------------------------------------------------

  /** See `Context.defer`. */
  deferCurrent(): Deferred<unknown> {
    const outstanding = this.#deferred ??= new DeferredReplies();
    if (outstanding.size >= DEFERRED_MAX) {
      throw new RangeError(
        `Cannot defer another reply in ${this.path}: at most ${DEFERRED_MAX} may be outstanding`,
      );
    }
    return outstanding.add(new DeferredReply(this.#ask, this.path, outstanding));
  }

  /** The simulator's hand: ends a running incarnation from outside of any message. */
  inject(reason: "normal" | "shutdown" | "crash", error: unknown = null): void {
    if (this.state !== "running" || this.#waiting) return;
    if (this.#endRun(reason, error)) this.#report(reason, error);
  }

  /** See `Context.unstash`. */
  unstash(): void {
    this.unstashAll();
  }

  /** See `Context.stop`. */
  stopAfterCurrent(reason: "normal" | "shutdown"): void {
    this.#stopAfter = reason;
    if (this.#entry === null && this.state === "running") this.runtime.scheduler.schedule(this);
  }

  /** Whether the system lane holds the message with this causation id. O(system lane). */
  holdsSystem(cause: number): boolean {
    const system = this.mailbox.system;
    if (system === null) return false;
    for (let at = system.head; at < system.tail; at++) {
      if (system.causes[system.slotOf(at)] === cause) return true;
    }
    return false;
  }

  /** Takes the queued message of a cancelled timer out; counts it as superseded. */
  dropSystem(cause: number): void {
    const system = this.mailbox.system;
    if (system === null || !this.holdsSystem(cause)) return;
    const keep = [];
    for (let m = system.shift(); m !== null; m = system.shift()) {
      if (m.cause === cause) this.superseded++;
      else keep.push(m);
    }
    for (const m of keep) system.push(m.entry, m.payload, m.ask, m.cause, m.atMs, m.bytes);
  }

  /** Takes out what the timers and watches of an incarnation left; counts it as superseded. */
  clearSystem(): void {
    const system = this.mailbox.system;
    if (system === null) return;
    while (system.shift() !== null) this.superseded++;
  }
}

/**
 * Deferred replies outstanding. A list through the replies themselves, and no Set: its table is made
 * anew all the time, and tables that reached the old generation keep what came after them alive.
 */
class DeferredReplies {
  size = 0;
  #head: DeferredReply | null = null;

  add(reply: DeferredReply): DeferredReply {
    reply.next = this.#head;
    if (this.#head !== null) this.#head.previous = reply;
    this.#head = reply;
    this.size++;
    return reply;
  }

  remove(reply: DeferredReply): void {
    if (reply.previous === null) this.#head = reply.next;
    else reply.previous.next = reply.next;
    if (reply.next !== null) reply.next.previous = reply.previous;
    reply.previous = reply.next = null;
    this.size--;
  }

  /** The incarnation ended with these replies outstanding, the oldest first. */
  abandonAll(path: string, reason: ExitReason, error: unknown): void {
    const all: DeferredReply[] = [];
    for (let reply = this.#head; reply !== null; reply = reply.next) all.push(reply);
    this.#head = null;
    this.size = 0;
    for (const reply of all.reverse()) reply.abandon(path, reason, error);
  }
}

class DeferredReply implements Deferred<unknown> {
  settled = false;
  previous: DeferredReply | null = null;
  next: DeferredReply | null = null;
  constructor(
    readonly ask: Asker | null,
    readonly path: string,
    readonly outstanding: DeferredReplies,
  ) {}

  resolve(reply: unknown): void {
    if (!this.#settle()) return;
    this.ask?.reply(reply);
  }

  reject(error: unknown): void {
    if (!this.#settle()) return;
    this.ask?.reject(new ActorFailed(this.path, this.ask.type, error));
  }

  /** Settles it without its actor. */
  abandon(path: string, reason: ExitReason, error: unknown): void {
    this.settled = true;
    this.previous = this.next = null;
    const ask = this.ask;
    if (ask === null) return;
    ask.reject(
      reason === "crash"
        ? new ActorFailed(path, ask.type, error)
        : new ActorStopped(path, ask.type),
    );
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.outstanding.remove(this);
    return true;
  }
}

function isThenable<T>(value: T): value is T & PromiseLike<never> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
