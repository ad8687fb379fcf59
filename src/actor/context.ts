/**
 * The context of one incarnation. When the incarnation is over it is inert: its timers are gone, its
 * watches are gone, and refs bound to it send nothing.
 *
 * @module
 */

import type { Context, Deferred, Ref, STASHED, TellRef } from "./actor.ts";
import { STASHED as stashed } from "./actor.ts";
import type { ActorNode } from "./actor_node.ts";
import type { Cancel, Clock, Random } from "./clock.ts";
import { textOf } from "./errors.ts";
import type { ExitReason, LogLevel } from "./node.ts";
import type { Definition, Entry, Payload } from "./protocol.ts";
import { LocalRef } from "./ref.ts";
import { RemoteRef } from "./remote_ref.ts";
import type { Trail } from "./tracing.ts";
import { WrappedRef } from "./wrapped_ref.ts";

/** Every ref of the runtime can tell of its actor's end. */
export interface WatchableRef extends TellRef<Definition> {
  /** Calls `watcher` once when the actor has stopped for good, or does not exist. */
  watchStop(watcher: (path: string, reason: ExitReason) => void): Cancel;
}

interface Timer {
  cancel: Cancel;
  /** The clock has it; false for one that fired and does not repeat. */
  armed: boolean;
  /** Causation id of its last message, by which that is found in the system lane; 0 = none yet. */
  cause: number;
}

/** Timers one incarnation may have set at a time; each may hold a place in the system lane. */
const TIMERS_MAX = 4_096;
/** Actors one incarnation may watch; each may hold a place in the system lane. */
const WATCHES_MAX = 65_536;

/** See {@linkcode Context}. */
export class IncarnationContext implements Context<Definition> {
  live = true;
  readonly #node: ActorNode;
  #self: Ref<Definition> | null = null;
  #timers: Map<string, Timer> | null = null;
  #watches: Set<Cancel> | null = null;
  #hooks: ((reason: ExitReason) => void | Promise<void>)[] | null = null;

  constructor(node: ActorNode, readonly incarnation: number) {
    this.#node = node;
  }

  get path(): string {
    return this.#node.path;
  }
  get name(): string {
    return this.#node.name;
  }
  get clock(): Clock {
    return this.#node.runtime.clock;
  }
  get random(): Random {
    return this.#node.runtime.random;
  }
  get cause(): number {
    return this.live ? this.#node.currentCause : 0;
  }
  get waitedMs(): number {
    return this.live ? this.#node.waitedMs : 0;
  }
  get trail(): Trail | null {
    const { tracing } = this.#node.runtime;
    return tracing === null ? null : tracing.trail;
  }
  get depth(): number {
    return this.live ? this.#node.mailbox.size : 0;
  }
  get turnMs(): number {
    const { scheduler } = this.#node.runtime;
    scheduler.wake();
    return scheduler.nowMs;
  }
  get oldestWaitMs(): number {
    return this.live ? this.#node.oldestWaitMs() : 0;
  }
  get self(): Ref<Definition> {
    return this.#self ??= new LocalRef(
      this.#node.runtime,
      this.#node.path,
      this.#node.protocol,
      this.#node,
      this,
    );
  }

  follow<T>(trail: Trail | null, work: () => T): T {
    const { tracing } = this.#node.runtime;
    return tracing === null ? work() : tracing.follow(trail, work);
  }

  anew<T>(work: () => T): T {
    const { tracing } = this.#node.runtime;
    return tracing === null ? work() : tracing.anew(work);
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#node.runtime.log?.(level, this.#node.path, message, fields);
  }

  bury(type: string, payload: unknown, error: Error): void {
    if (this.live) this.#node.buryForeign(type, payload, error);
  }

  defer<R>(): Deferred<R> {
    if (!this.live) {
      throw new Error(`Cannot defer a reply in ${this.path}: the incarnation is over`);
    }
    return this.#node.deferCurrent() as Deferred<R>;
  }

  stash(): typeof STASHED {
    return stashed;
  }

  unstash(): void {
    if (this.live) this.#node.unstash();
  }

  stop(reason: "normal" | "shutdown" = "normal"): void {
    if (this.live) this.#node.stopAfterCurrent(reason);
  }

  onStop(run: (reason: ExitReason) => void | Promise<void>): void {
    (this.#hooks ??= []).push(run);
  }

  timer<T extends string>(
    name: string,
    options: { readonly delayMs: number; readonly everyMs?: number },
    type: T,
    payload: Payload<Definition, T>,
  ): void {
    if (!this.live) return;
    const { delayMs, everyMs } = options;
    if (!(delayMs >= 0) || (everyMs !== undefined && !(everyMs > 0))) {
      throw new RangeError(
        `Cannot set timer ${name} in ${this.path}: delayMs must be at least 0 and everyMs above ` +
          `0: current values are ${delayMs} and ${everyMs}`,
      );
    }
    this.cancelTimer(name);
    const timers = this.#timers ??= new Map();
    if (timers.size >= TIMERS_MAX) this.#forgetFired(timers);
    if (timers.size >= TIMERS_MAX) {
      throw new RangeError(
        `Cannot set timer ${name} in ${this.path}: at most ${TIMERS_MAX} may be set`,
      );
    }
    const entry = this.#entryOf(type);
    const timer: Timer = {
      cancel: () => {},
      armed: true,
      cause: 0,
    };
    const fire = () => {
      if (!this.live) return;
      if (everyMs === undefined) timer.armed = false;
      else timer.cancel = this.clock.setTimer(everyMs, fire);
      // A tick that was not yet taken stands for this one too.
      if (!this.#node.holdsSystem(timer.cause)) {
        timer.cause = this.#node.deliverSystem(entry, payload);
      }
    };
    timer.cancel = this.clock.setTimer(delayMs, fire);
    timers.set(name, timer);
  }

  cancelTimer(name: string): void {
    const timer = this.#timers?.get(name);
    if (timer === undefined) return;
    this.#timers?.delete(name);
    timer.cancel();
    this.#node.dropSystem(timer.cause);
  }

  /** Makes room for new names: timers that are over and whose message was taken. */
  #forgetFired(timers: Map<string, Timer>): void {
    for (const [name, timer] of timers) {
      if (!timer.armed && !this.#node.holdsSystem(timer.cause)) timers.delete(name);
    }
  }

  watch<T extends string>(ref: TellRef<Definition>, type: T): void {
    if (!this.live) return;
    const entry = this.#entryOf(type);
    const watches = this.#watches ??= new Set();
    if (watches.size >= WATCHES_MAX) {
      throw new RangeError(`Cannot watch ${ref.path}: at most ${WATCHES_MAX} may be watched`);
    }
    let over = false;
    let unwatch: Cancel | null = null;
    const notify = (path: string, reason: ExitReason) => {
      over = true;
      if (unwatch !== null) watches.delete(unwatch);
      if (this.live) this.#node.deliverSystem(entry, { path, reason });
    };
    unwatch = (ref as WatchableRef).watchStop(notify);
    if (!over) watches.add(unwatch);
  }

  #entryOf(type: string): Entry {
    const entry = this.#node.protocol.entries[type];
    if (entry === undefined) {
      throw new TypeError(
        `Cannot send "${type}" to ${this.path}: its protocol has no such message`,
      );
    }
    return entry;
  }

  /**
   * Runs the hooks, last registered first; null when all were synchronous. A hook that fails is
   * logged and the others still run.
   */
  cleanUp(reason: ExitReason): Promise<void> | null {
    const hooks = this.#hooks;
    this.#hooks = null;
    if (hooks === null) return null;
    return this.#runHooks(hooks.reverse(), reason);
  }

  #runHooks(
    hooks: ((reason: ExitReason) => void | Promise<void>)[],
    reason: ExitReason,
  ): Promise<void> | null {
    for (let i = 0; i < hooks.length; i++) {
      try {
        const result = (hooks[i] as (reason: ExitReason) => void | Promise<void>)(reason);
        if (result instanceof Promise) {
          const rest = hooks.slice(i + 1);
          return result.catch((error) => this.#hookFailed(error))
            .then(() => this.#runHooks(rest, reason) ?? undefined);
        }
      } catch (error) {
        this.#hookFailed(error);
      }
    }
    return null;
  }

  #hookFailed(error: unknown): void {
    this.log("error", "a clean-up hook failed", { error: textOf(error) });
  }

  /** Makes it inert. */
  end(): void {
    this.live = false;
    if (this.#timers !== null) {
      for (const timer of this.#timers.values()) timer.cancel();
      this.#timers = null;
    }
    if (this.#watches !== null) {
      for (const unwatch of this.#watches) unwatch();
      this.#watches = null;
    }
    this.#node.clearSystem();
  }
}

/** Arguments with the refs and lists of refs among their own properties bound to an incarnation. */
export function bindArgs(args: unknown, context: IncarnationContext): unknown {
  if (typeof args !== "object" || args === null) return args;
  if (isRef(args)) return args.boundTo(context);
  if (Object.getPrototypeOf(args) !== Object.prototype) return args;
  let bound: Record<string, unknown> | null = null;
  for (const [key, value] of Object.entries(args)) {
    const list = Array.isArray(value) && isRef(value[0]);
    if (!list && !isRef(value)) continue;
    bound ??= { ...args };
    bound[key] = list
      ? value.map((ref) => isRef(ref) ? ref.boundTo(context) : ref)
      : (value as LocalRef).boundTo(context);
  }
  return bound ?? args;
}

function isRef(value: unknown): value is LocalRef | RemoteRef | WrappedRef {
  return value instanceof LocalRef || value instanceof RemoteRef || value instanceof WrappedRef;
}
