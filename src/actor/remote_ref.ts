/**
 * Refs to actors of other nodes.
 *
 * @module
 */

import type { AskOptions, Ref, SendOptions, TellResult } from "./actor.ts";
import { PendingAsk } from "./ask.ts";
import type { Cancel } from "./clock.ts";
import type { IncarnationContext } from "./context.ts";
import { ActorFailed, ActorStopped } from "./errors.ts";
import type { ExitReason, Runtime } from "./node.ts";
import {
  type Definition,
  type Entry,
  LANE,
  NO_ENTRY,
  type Payload,
  type Protocol,
  type Reply,
} from "./protocol.ts";
import { ASK_TIMEOUT_MS } from "./ref.ts";
import type { Target } from "./remote_frame.ts";

/** Longest path of an actor elsewhere, characters. */
export const REMOTE_PATH_CHARS_MAX = 1_024;

/** An ask on its way to another node; once it is settled it is on no list. */
export class OutgoingAsk extends PendingAsk {
  /** Asks under way to the same node, by their ids, and its own; null = it is on no list. */
  underWay: Map<number, unknown> | null = null;
  id = 0;

  constructor(
    resolve: (reply: unknown) => void,
    reject: (error: Error) => void,
    path: string,
    readonly entry: Entry,
    readonly timeoutMs: number,
  ) {
    super(resolve, reject, path, entry.type);
  }

  override reply(value: unknown): void {
    this.underWay?.delete(this.id);
    super.reply(value);
  }

  override reject(error: Error): void {
    this.underWay?.delete(this.id);
    super.reject(error);
  }
}

/** Whoever carries messages to other nodes. */
export interface Carrier {
  /** Name of this node. */
  readonly node: string;
  /** Whether a node of that name lives, as far as is known. */
  knows(node: string): boolean;
  /** Takes a message for `node`, or accounts for why not. Never throws. */
  carry(
    node: string,
    target: Target,
    entry: Entry,
    payload: unknown,
    lane: number,
    ask: OutgoingAsk | null,
    cause: number,
  ): TellResult;
  /** As `carry`, when there is room. */
  offer(
    node: string,
    target: Target,
    entry: Entry,
    payload: unknown,
    lane: number,
    cause: number,
  ): Promise<TellResult>;
  /** Calls `watcher` once when the actor has stopped for good, or its node has. */
  watch(
    node: string,
    path: string,
    watcher: (path: string, reason: ExitReason) => void,
  ): Cancel;
}

/** The node and the path in it that a ref's path names; null when no such node is known. */
export function remotePlace(
  carrier: Carrier | null,
  path: string,
): { readonly node: string; readonly path: string } | null {
  // Names of nodes may have colons too, as host:port has.
  for (let at = path.indexOf(":"); at > 0; at = path.indexOf(":", at + 1)) {
    const node = path.slice(0, at);
    if (carrier?.knows(node) === true) return { node, path: path.slice(at + 1) };
  }
  return null;
}

/** What a ref needs of its system. */
export interface CarrierHost extends Runtime {
  /** Null while the system is no node. */
  carrier: Carrier | null;
  /** The ref of whatever lives at a path here. */
  ref<D extends Definition>(messages: Protocol<D>, path: string): Ref<D>;
}

/** A ref by node and path; the node's current life is looked up at every sending. */
export class RemoteRef<D extends Definition = Definition> implements Ref<D> {
  readonly #host: CarrierHost;
  readonly #context: IncarnationContext | null;
  readonly #targets = new Map<string, Target>();
  #local: Ref<D> | null = null;
  /** As `node-b:/wick/cache/0`. */
  readonly path: string;

  /** @throws {TypeError} for a path that is none. */
  constructor(
    host: CarrierHost,
    readonly node: string,
    readonly remotePath: string,
    readonly protocol: Protocol<D>,
    context: IncarnationContext | null = null,
  ) {
    if (remotePath === "" || remotePath.length > REMOTE_PATH_CHARS_MAX) {
      throw new TypeError(
        `Cannot refer to an actor of ${node}: expected a path of 1 to ` +
          `${REMOTE_PATH_CHARS_MAX} characters: current value has ${remotePath.length}`,
      );
    }
    this.#host = host;
    this.#context = context;
    this.path = `${node}:${remotePath}`;
  }

  /** The same ref for the use of one incarnation. */
  boundTo(context: IncarnationContext): RemoteRef<D> {
    return new RemoteRef(this.#host, this.node, this.remotePath, this.protocol, context);
  }

  tell<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): TellResult {
    if (this.#isInert) return "inert";
    const local = this.#here;
    if (local !== null) return local.tell(type, payload, options);
    const carrier = this.#host.carrier;
    const entry = this.#entry(type);
    const cause = this.#cause;
    if (carrier === null || entry === undefined) return this.#lost(type, payload, entry, cause);
    const lane = laneOf(entry, options);
    return carrier.carry(this.node, this.#target(type), entry, payload, lane, null, cause);
  }

  offer<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): Promise<TellResult> {
    if (this.#isInert) return Promise.resolve("inert");
    const local = this.#here;
    if (local !== null) return local.offer(type, payload, options);
    const carrier = this.#host.carrier;
    const entry = this.#entry(type);
    const cause = this.#cause;
    if (carrier === null || entry === undefined) {
      return Promise.resolve(this.#lost(type, payload, entry, cause));
    }
    const lane = laneOf(entry, options);
    return carrier.offer(this.node, this.#target(type), entry, payload, lane, cause);
  }

  ask<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: AskOptions,
  ): Promise<Reply<D, T>> {
    const local = this.#isInert ? null : this.#here;
    if (local !== null) return local.ask(type, payload, options);
    return new Promise<unknown>((resolve, reject) => {
      const context = this.#context;
      if (context !== null && !context.live) return reject(new ActorStopped(context.path, type));
      const carrier = this.#host.carrier;
      const entry = this.#entry(type);
      const cause = this.#cause;
      if (carrier === null || entry === undefined) {
        this.#lost(type, payload, entry, cause);
        return reject(
          entry === undefined
            ? new ActorFailed(this.path, type, new TypeError("its protocol has no such message"))
            : new ActorStopped(this.path, type),
        );
      }
      const timeoutMs = options?.timeoutMs ?? ASK_TIMEOUT_MS;
      const ask = new OutgoingAsk(resolve, reject, this.path, entry, timeoutMs);
      const { asks, scheduler } = this.#host;
      scheduler.wake();
      asks.add(ask, timeoutMs, scheduler.nowMs);
      const lane = laneOf(entry, options);
      carrier.carry(this.node, this.#target(type), entry, payload, lane, ask, cause);
    }) as Promise<Reply<D, T>>;
  }

  /** See `WatchableRef`. */
  watchStop(watcher: (path: string, reason: ExitReason) => void): Cancel {
    const { carrier } = this.#host;
    if (carrier !== null && carrier.node !== this.node) {
      return carrier.watch(this.node, this.remotePath, (_, reason) => watcher(this.path, reason));
    }
    const local = this.#here as { watchStop?: RemoteRef["watchStop"] } | null;
    if (local?.watchStop !== undefined) return local.watchStop(watcher);
    watcher(this.path, "crash");
    return () => {};
  }

  get #isInert(): boolean {
    return this.#context !== null && !this.#context.live;
  }

  /** The actor itself when its node is this one. */
  get #here(): Ref<D> | null {
    if (this.#local !== null) return this.#local;
    if (this.#host.carrier?.node !== this.node) return null;
    const local = this.#host.ref(this.protocol, this.remotePath);
    const context = this.#context;
    const bindable = local as Ref<D> & { boundTo(context: IncarnationContext): Ref<D> };
    return this.#local = context === null ? local : bindable.boundTo(context);
  }

  get #cause(): number {
    const own = this.#context === null ? 0 : this.#context.cause;
    if (own !== 0) return own;
    const running = this.#host.cause;
    return running !== 0 ? running : this.#host.nextCause();
  }

  #entry(type: string): Entry | undefined {
    return (this.protocol as Protocol).entries[type];
  }

  #target(type: string): Target {
    let target = this.#targets.get(type);
    if (target === undefined) {
      target = { path: this.remotePath, type, frame: 0, index: 0 };
      this.#targets.set(type, target);
    }
    return target;
  }

  #lost(type: string, payload: unknown, entry: Entry | undefined, cause: number): TellResult {
    const known = entry ?? { ...NO_ENTRY, type, protocol: this.protocol.name };
    const reason = entry === undefined ? "unhandled" : "stopped";
    this.#host.lost(this.path, known, payload, reason, cause);
    return reason;
  }
}

function laneOf(entry: Entry, options: SendOptions | undefined): number {
  return options?.priority === undefined ? entry.lane : LANE[options.priority];
}
