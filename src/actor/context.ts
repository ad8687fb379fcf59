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

/** Every ref of the runtime can tell of its actor's end. */
export interface WatchableRef extends TellRef<Definition> {
  /** Calls `watcher` once when the actor has stopped for good, or does not exist. */
  watchStop(watcher: (path: string, reason: ExitReason) => void): Cancel;
}

interface Timer {
  cancel: Cancel;
  readonly entry: Entry;
  readonly payload: unknown;
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
  #watches: Cancel[] | null = null;
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
  get self(): Ref<Definition> {
    return this.#self ??= new LocalRef(
      this.#node.runtime,
      this.#node.path,
      this.#node.protocol,
      this.#node,
      this,
    );
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#node.runtime.log(level, this.#node.path, message, fields);
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
    if (timers.size >= TIMERS_MAX) {
      throw new RangeError(
        `Cannot set timer ${name} in ${this.path}: at most ${TIMERS_MAX} may be set`,
      );
    }
    const entry = this.#entryOf(type);
    const timer: Timer = { cancel: () => {}, entry, payload };
    const fire = () => {
      if (!this.live) return;
      if (everyMs !== undefined) timer.cancel = this.clock.setTimer(everyMs, fire);
      if (!this.#queued(timer)) this.#node.deliverSystem(entry, payload);
    };
    timer.cancel = this.clock.setTimer(delayMs, fire);
    timers.set(name, timer);
  }

  cancelTimer(name: string): void {
    const timer = this.#timers?.get(name);
    if (timer === undefined) return;
    this.#timers?.delete(name);
    timer.cancel();
    this.#node.dropSystem(timer.entry, timer.payload);
  }

  /** A timer holds at most one place: a tick that was not yet taken stands for the next one too. */
  #queued(timer: Timer): boolean {
    const system = this.#node.mailbox.system;
    if (system === null) return false;
    for (let at = system.head; at < system.tail; at++) {
      const slot = system.slotOf(at);
      if (system.entries[slot] === timer.entry && system.payloads[slot] === timer.payload) {
        return true;
      }
    }
    return false;
  }

  watch<T extends string>(ref: TellRef<Definition>, type: T): void {
    if (!this.live) return;
    const entry = this.#entryOf(type);
    const watches = this.#watches ??= [];
    if (watches.length >= WATCHES_MAX) {
      throw new RangeError(`Cannot watch ${ref.path}: at most ${WATCHES_MAX} may be watched`);
    }
    const notify = (path: string, reason: ExitReason) => {
      if (this.live) this.#node.deliverSystem(entry, { path, reason });
    };
    watches.push((ref as WatchableRef).watchStop(notify));
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
      for (const timer of this.#timers.values()) {
        timer.cancel();
        this.#node.dropSystem(timer.entry, timer.payload);
      }
      this.#timers = null;
    }
    if (this.#watches !== null) {
      for (const unwatch of this.#watches) unwatch();
      this.#watches = null;
    }
  }
}

/** Arguments with the refs among their own properties bound to an incarnation. */
export function bindArgs(args: unknown, context: IncarnationContext): unknown {
  if (typeof args !== "object" || args === null) return args;
  if (args instanceof LocalRef) return args.boundTo(context);
  if (Object.getPrototypeOf(args) !== Object.prototype) return args;
  let bound: Record<string, unknown> | null = null;
  for (const [key, value] of Object.entries(args)) {
    if (!(value instanceof LocalRef)) continue;
    bound ??= { ...args };
    bound[key] = value.boundTo(context);
  }
  return bound ?? args;
}
