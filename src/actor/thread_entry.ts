/**
 * The thread's side of an actor in a thread: a system of its own with this one actor, fed by the
 * port. Its messages carry a sequence number in the place of an asker, so that the ordinary actor
 * node reports each of them without knowing about threads.
 *
 * @module
 */

import { parentPort } from "node:worker_threads";
import type { ActorDefinition, AskOptions, Ref, SendOptions, TellResult } from "./actor.ts";
import { PendingAsk } from "./ask.ts";
import { transferablesOf } from "./bytes.ts";
import { ActorError, ActorFailed, ActorStopped, AskTimeout } from "./errors.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { ExitReason } from "./node.ts";
import { type Definition, LANE, type Payload, type Protocol, type Reply } from "./protocol.ts";
import { ASK_TIMEOUT_MS } from "./ref.ts";
import { createSystem, type System } from "./system.ts";
import {
  decodeError,
  emptyTurn,
  encodeError,
  type FromThread,
  type ThreadError,
  type ToThread,
  type TurnReport,
} from "./thread_messages.ts";

/** A quarter of the shortest sensible hang limit. */
const HEARTBEAT_MS = 100;

/** Serves `definition` in this thread. The entry module's only statement. */
export function serveThread<D extends Definition, A>(definition: ActorDefinition<D, A>): void {
  if (parentPort === null) throw new Error("Cannot serve an actor: this is not a thread");
  new ThreadSide(definition as unknown as ActorDefinition, parentPort);
}

interface Port {
  postMessage(message: FromThread, transfer?: ArrayBuffer[]): void;
  on(event: "message", listener: (message: ToThread) => void): unknown;
}

/** Takes the place of an asker: handled, replied and failed messages report their sequence number. */
class SequencedMessage extends PendingAsk {
  constructor(readonly side: ThreadSide, readonly seq: number, path: string, type: string) {
    super(NOTHING, NOTHING, path, type);
  }
  override reply(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.side.replied(this.seq, value);
  }
  override reject(error: Error): void {
    if (this.settled) return;
    this.settled = true;
    // One that waits for a deferred reply was handled: giving it back would handle it twice.
    if (error instanceof ActorStopped && !this.deferred) this.side.returned(this.seq);
    else this.side.failed(this.seq, error);
  }
}
const NOTHING = () => {};

class ThreadSide {
  #system: System | null = null;
  #node: MailboxNode | null = null;
  #turn: TurnReport | null = null;
  #transfer: Set<ArrayBuffer> | null = null;
  #askId = 0;
  readonly #asks = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (e: Error) => void }
  >();
  readonly #gone = new Map<number, (path: string, reason: ExitReason) => void>();
  #stopping = false;

  constructor(readonly definition: ActorDefinition, readonly port: Port) {
    port.on("message", (message) => this.#received(message));
    port.postMessage({ kind: "hello" });
  }

  #received(message: ToThread): void {
    switch (message.kind) {
      case "init":
        return void this.#init(message);
      case "messages":
        return this.#deliver(message);
      case "stop":
        return void this.#stop();
      case "replies":
        return this.#replies(message.ids, message.values, message.errors);
      case "gone": {
        this.#gone.get(message.id)?.(message.path, message.reason);
        this.#gone.delete(message.id);
      }
    }
  }

  async #init(message: Extract<ToThread, { kind: "init" }>): Promise<void> {
    const heartbeat = new Int32Array(message.heartbeat);
    setInterval(() => Atomics.add(heartbeat, 0, 1), HEARTBEAT_MS);
    const at = message.path.lastIndexOf("/");
    const system = this.#system = createSystem({
      name: message.path.slice(1, at),
      causeBase: message.causeBase,
      // The bodies stay with the node in the main isolate, which also counts.
      deadLetters: { keepMax: 0 },
      log: (level, path, text, fields) => {
        // The supervisor over there decides and logs; this one only hosts.
        if (path !== message.path) return;
        this.turn.logs.push({ level, path, message: text, fields });
      },
    });
    try {
      system.spawn(this.definition as ActorDefinition, {
        name: message.name,
        restart: "temporary",
        args: this.#decodeArgs(message.args) as never,
        mailbox: { bound: 2 ** 30, boundBytes: Infinity },
        initTimeoutMs: 2_147_483_647,
      });
      const node = this.#node = system.nodeAt(message.path) as MailboxNode;
      system.watch(message.path, (_path, reason, error) => {
        this.#flush();
        if (this.#stopping) return;
        if (!this.#ready) {
          return this.port.postMessage({ kind: "failed", error: encodeError(error) });
        }
        this.#exit(reason, error);
      });
      while (node.state === "starting") await pause();
      if ((node.state as string) !== "running") return;
      this.#ready = true;
      this.port.postMessage({ kind: "ready" });
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      this.port.postMessage({ kind: "failed", error: encodeError(cause) });
    }
  }
  #ready = false;

  #exit(reason: ExitReason, error: unknown): void {
    const encoded = error === null ? null : encodeError(error);
    this.port.postMessage({ kind: "exited", reason, error: encoded });
  }

  #deliver(message: Extract<ToThread, { kind: "messages" }>): void {
    const node = this.#node as MailboxNode;
    const { first, entries, payloads, causes } = message;
    for (let i = 0; i < entries.length; i++) {
      const entry = node.protocol.byIndex[entries[i] as number];
      if (entry === undefined) continue;
      const seq = new SequencedMessage(this, first + i, node.path, entry.type);
      node.deliver(entry, payloads[i], LANE.normal, seq, causes[i] as number);
    }
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    const system = this.#system as System;
    // The node over there drains before it sends this, and kills the thread when time is up.
    await system.stop({ drain: false, deadlineMs: Infinity });
    this.#flush();
    this.#exit("shutdown", null);
  }

  // ---- reporting, one post per turn ---------------------------------------------------------------

  get turn(): TurnReport {
    if (this.#turn === null) {
      this.#turn = emptyTurn();
      queueMicrotask(() => this.#flush());
    }
    return this.#turn;
  }

  #flush(): void {
    const turn = this.#turn;
    if (turn === null) return;
    const transfer = this.#transfer;
    this.#turn = null;
    this.#transfer = null;
    const service = this.#node?.service.recentMs ?? 0;
    turn.serviceMs = service;
    try {
      this.port.postMessage(turn, transfer === null ? [] : [...transfer]);
    } catch {
      this.port.postMessage(onlyCloneable(turn));
    }
  }

  #handled(seq: number): void {
    const handled = this.turn.handled;
    if (handled.length > 0 && handled[handled.length - 1] === seq - 1) {
      handled[handled.length - 1] = seq;
    } else handled.push(seq, seq);
  }

  replied(seq: number, value: unknown): void {
    const turn = this.turn;
    this.#handled(seq);
    if (value === undefined) return;
    turn.replySeqs.push(seq);
    turn.replies.push(value);
    if (typeof value === "object" && value !== null) {
      const buffers = transferablesOf(value);
      if (buffers.size === 0) return;
      const transfer = this.#transfer ??= new Set();
      for (const buffer of buffers) transfer.add(buffer);
    }
  }

  returned(seq: number): void {
    this.turn.returned.push(seq);
  }

  failed(seq: number, error: Error): void {
    const cause = error instanceof ActorFailed ? error.cause : error;
    this.turn.errorSeqs.push(seq);
    this.turn.errors.push(encodeError(cause));
  }

  // ---- refs to actors elsewhere -------------------------------------------------------------------

  #decodeArgs(args: unknown): unknown {
    if (typeof args !== "object" || args === null) return args;
    if ("$wickRef" in args) return new ThreadRef(this, args.$wickRef as string);
    if (Object.getPrototypeOf(args) !== Object.prototype) return args;
    return Object.fromEntries(
      Object.entries(args).map(([key, value]) => {
        const isRef = typeof value === "object" && value !== null && "$wickRef" in value;
        return [key, isRef ? new ThreadRef(this, value.$wickRef as string) : value];
      }),
    );
  }

  send(
    path: string,
    type: string,
    payload: unknown,
    options: AskOptions | undefined,
    waiter: { resolve: (value: unknown) => void; reject: (e: Error) => void } | null,
  ): void {
    const id = waiter === null ? 0 : ++this.#askId;
    if (waiter !== null) this.#asks.set(id, waiter);
    const running = this.#system?.cause ?? 0;
    this.turn.outgoing.push({
      id,
      path,
      type,
      payload,
      lane: options?.priority === undefined ? -1 : LANE[options.priority],
      timeoutMs: options?.timeoutMs ?? ASK_TIMEOUT_MS,
      cause: running !== 0 ? running : this.#system?.nextCause() ?? 0,
    });
  }

  watch(path: string, watcher: (path: string, reason: ExitReason) => void): () => void {
    const id = ++this.#askId;
    this.#gone.set(id, watcher);
    this.turn.watches.push({ id, path });
    return () => this.#gone.delete(id);
  }

  #replies(ids: number[], values: unknown[], errors: (ThreadError | null)[]): void {
    for (let i = 0; i < ids.length; i++) {
      const waiter = this.#asks.get(ids[i] as number);
      this.#asks.delete(ids[i] as number);
      const error = errors[i];
      if (error === null || error === undefined) waiter?.resolve(values[i]);
      else waiter?.reject(errorOfKind(error as ThreadError & { code?: string }));
    }
  }
}

/** An error of the runtime keeps its kind across the border, as far as callers tell kinds apart. */
function errorOfKind(error: ThreadError & { readonly code?: string }): Error {
  const kinds: Record<string, object> = {
    AskTimeout: AskTimeout.prototype,
    ActorStopped: ActorStopped.prototype,
    ActorFailed: ActorFailed.prototype,
  };
  const decoded = decodeError(error);
  if (error.code === undefined) return decoded;
  const made = new ActorError(error.code, error.message);
  made.name = error.name;
  const kind = kinds[error.name];
  return kind === undefined ? made : Object.setPrototypeOf(made, kind);
}

/** A report whose replies cannot be cloned: those become errors, the rest is kept. */
function onlyCloneable(turn: TurnReport): TurnReport {
  const kept = { ...turn, replySeqs: [] as number[], replies: [] as unknown[] };
  turn.replies.forEach((value, i) => {
    const seq = turn.replySeqs[i] as number;
    try {
      structuredClone(value);
      kept.replySeqs.push(seq);
      kept.replies.push(value);
    } catch (error) {
      kept.errorSeqs.push(seq);
      kept.errors.push(encodeError(error));
    }
  });
  return kept;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** A ref in a thread to an actor outside of it. */
class ThreadRef implements Ref<Definition> {
  readonly protocol: Protocol<Definition>;
  constructor(readonly side: ThreadSide, readonly path: string) {
    this.protocol = { name: path, definition: {}, entries: {}, byIndex: [] };
  }
  tell<T extends string>(
    type: T,
    payload: Payload<Definition, T>,
    options?: SendOptions,
  ): TellResult {
    this.side.send(this.path, type, payload, options, null);
    return "accepted";
  }
  offer<T extends string>(type: T, payload: Payload<Definition, T>, options?: SendOptions) {
    return Promise.resolve(this.tell(type, payload, options));
  }
  ask<T extends string>(type: T, payload: Payload<Definition, T>, options?: AskOptions) {
    return new Promise<unknown>((resolve, reject) => {
      this.side.send(this.path, type, payload, options, { resolve, reject });
    }) as Promise<Reply<Definition, T>>;
  }
  /** See `Context.watch`. */
  watchStop(watcher: (path: string, reason: ExitReason) => void): () => void {
    return this.side.watch(this.path, watcher);
  }
}
