/**
 * Refs to actors of this system.
 *
 * @module
 */

import type { AskOptions, Ref, SendOptions, TellResult } from "./actor.ts";
import { type Asker, PendingAsk } from "./ask.ts";
import type { IncarnationContext } from "./context.ts";
import { ActorFailed, ActorStopped } from "./errors.ts";
import { MailboxNode } from "./mailbox_node.ts";
import { type ExitReason, isHeldUpBy, type Runtime } from "./node.ts";
import {
  type Definition,
  type Entry,
  LANE,
  NO_ENTRY,
  type Payload,
  type Protocol,
  type Reply,
} from "./protocol.ts";

/** Wait for a reply unless the asker says otherwise; OTP's own default. */
export const ASK_TIMEOUT_MS = 5_000;

/** A ref by path. Bound to an incarnation, it goes inert with it and carries its causation id. */
export class LocalRef<D extends Definition = Definition> implements Ref<D> {
  readonly #runtime: Runtime;
  #node: MailboxNode | null;
  readonly #context: IncarnationContext | null;

  constructor(
    runtime: Runtime,
    readonly path: string,
    readonly protocol: Protocol<D>,
    node: MailboxNode | null,
    context: IncarnationContext | null = null,
  ) {
    this.#runtime = runtime;
    this.#node = node;
    this.#context = context;
  }

  /** The same ref for the use of one incarnation. */
  boundTo(context: IncarnationContext): LocalRef<D> {
    return new LocalRef(this.#runtime, this.path, this.protocol, this.#node, context);
  }

  tell<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): TellResult {
    const context = this.#context;
    if (context !== null && !context.live) return "inert";
    const node = this.#target();
    const entry = this.#entryFor(node, type);
    const cause = this.#cause(context);
    if (node === null || entry === undefined) return this.#lost(type, payload, entry, cause);
    const lane = options?.priority === undefined ? entry.lane : LANE[options.priority];
    return node.deliver(entry, payload, lane, this.#traced(null, entry, payload), cause);
  }

  offer<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): Promise<TellResult> {
    const context = this.#context;
    if (context !== null && !context.live) return Promise.resolve("inert");
    const node = this.#target();
    const entry = this.#entryFor(node, type);
    const cause = this.#cause(context);
    if (node === null || entry === undefined) {
      return Promise.resolve(this.#lost(type, payload, entry, cause));
    }
    return node.offer(entry, payload, options, this.#traced(null, entry, payload), cause);
  }

  ask<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: AskOptions,
  ): Promise<Reply<D, T>> {
    return new Promise<unknown>((resolve, reject) => {
      const context = this.#context;
      if (context !== null && !context.live) {
        return reject(new ActorStopped(context.path, type));
      }
      const node = this.#target();
      const entry = this.#entryFor(node, type);
      const cause = this.#cause(context);
      if (node === null || entry === undefined) {
        this.#lost(type, payload, entry, cause);
        return reject(
          entry === undefined
            ? new ActorFailed(this.path, type, new TypeError("its protocol has no such message"))
            : new ActorStopped(this.path, type),
        );
      }
      const from = context === null ? "" : context.path;
      const runtime = this.#runtime;
      const pending = new PendingAsk(resolve, reject, this.path, type, from);
      // A stopped actor's refusal settles the ask at once: no deadline, hence no timer.
      if (node.accepting) {
        runtime.scheduler.wake();
        runtime.asks.add(pending, options?.timeoutMs ?? ASK_TIMEOUT_MS, runtime.scheduler.nowMs);
      }
      const lane = options?.priority === undefined ? entry.lane : LANE[options.priority];
      node.deliver(entry, payload, lane, this.#traced(pending, entry, payload), cause);
      if (isHeldUpBy(node, from)) pending.leave();
    }) as Promise<Reply<D, T>>;
  }

  /** See `WatchableRef`. */
  watchStop(watcher: (path: string, reason: ExitReason) => void): () => void {
    const node = this.#target();
    if (node !== null && node.state !== "stopped") return node.watch(watcher);
    watcher(this.path, node?.lastExit ?? "normal");
    return () => {};
  }

  #cause(context: IncarnationContext | null): number {
    const own = context === null ? 0 : context.cause;
    if (own !== 0) return own;
    const running = this.#runtime.cause;
    return running !== 0 ? running : this.#runtime.nextCause();
  }

  /** What the message carries in the place of its asker: more than that when it is traced. */
  #traced(ask: Asker | null, entry: Entry, payload: unknown): Asker | null {
    const { tracing } = this.#runtime;
    return tracing === null ? ask : tracing.sent(ask, this.path, entry, payload);
  }

  /** The node that lives at the path now: one that was removed may have been spawned anew. */
  #target(): MailboxNode | null {
    const node = this.#node;
    if (node !== null && node.accepting) return node;
    const found = this.#runtime.nodeAt(this.path);
    if (!(found instanceof MailboxNode)) return node;
    return this.#node = found;
  }

  /**
   * The entry of `type` in the protocol that the actor there really has: whoever made the ref may
   * have named another one, and an index means something else in each.
   */
  #entryFor(node: MailboxNode | null, type: string): Entry | undefined {
    const messages: Protocol = node === null || node.protocol === this.protocol as Protocol
      ? this.protocol
      : node.protocol;
    return messages.entries[type];
  }

  #lost(type: string, payload: unknown, entry: Entry | undefined, cause: number): TellResult {
    const known = entry ?? { ...NO_ENTRY, type, protocol: this.protocol.name };
    const reason = entry === undefined ? "unhandled" : "stopped";
    this.#runtime.lost(this.path, known, payload, reason, cause);
    return reason;
  }
}
