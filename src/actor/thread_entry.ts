/**
 * The thread's side of an actor in a thread: a system of its own with this one actor, fed by the
 * port. Its messages carry a sequence number in the place of an asker, so that the ordinary actor
 * node reports each of them without knowing about threads.
 *
 * @module
 */

import { getHeapStatistics } from "node:v8";
import { workerData } from "node:worker_threads";
import type { ActorDefinition, AskOptions, Ref, SendOptions, TellResult } from "./actor.ts";
import type { Asker } from "./ask.ts";
import { transferablesOf } from "./bytes.ts";
import type { ActorNode } from "./actor_node.ts";
import type { DeadLetter } from "./dead_letters.ts";
import { ActorFailed, ActorStopped } from "./errors.ts";
import type { ExitReason } from "./node.ts";
import {
  type Definition,
  type Entry,
  LANE,
  type Payload,
  type Protocol,
  type Reply,
} from "./protocol.ts";
import { ASK_TIMEOUT_MS } from "./ref.ts";
import { createSystem, type System } from "./system.ts";
import { FRAME_MESSAGES_MAX, NumberPost, unpackMessages, unpackNumbers } from "./thread_codec.ts";
import { ThreadLine } from "./thread_line.ts";
import { ReportedSpan, ReportingTracer, type SpanReport } from "./thread_spans.ts";
import {
  compactReport,
  decodeError,
  emptyTurn,
  type EncodedRef,
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
  const port = (workerData as { readonly port?: MessagePort } | null)?.port;
  if (port === undefined) throw new Error("Cannot serve an actor: this is not a thread of Wick");
  new ThreadSide(definition as unknown as ActorDefinition, port);
}

/** Takes the place of an asker: handled, replied and failed messages report their sequence number. */
class SequencedMessage implements Asker {
  settled = false;
  /** It was handled and its reply is to come. */
  #deferred = false;
  constructor(readonly side: ThreadSide, readonly seq: number, readonly entry: Entry) {}
  get expired(): boolean {
    return this.settled;
  }
  get path(): string {
    return this.side.path;
  }
  get type(): string {
    return this.entry.type;
  }
  replyComesLater(): void {
    if (this.settled) return;
    this.#deferred = true;
    this.side.turn.deferred.push(this.seq);
  }
  reply(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    if (!this.#deferred) {
      if (typeof value === "number" && this.side.repliedInTurn(this.seq, value)) return;
      this.side.handled(this.seq);
    }
    if (value !== undefined || this.#deferred) this.side.replied(this.seq, value, this.entry);
  }
  reject(error: Error): void {
    this.side.letter = null;
    if (this.settled) return;
    this.settled = true;
    // The actor ends: the node over there takes back what it has no word of, and abandons the rest.
    if (error instanceof ActorStopped) return;
    const cause = encodeError(error instanceof ActorFailed ? error.cause : error);
    const turn = this.side.turn;
    (this.#deferred ? turn.refusedSeqs : turn.errorSeqs).push(this.seq);
    (this.#deferred ? turn.refusals : turn.errors).push(cause);
  }
}

class ThreadSide {
  #system: System | null = null;
  #node: ActorNode | null = null;
  /** The last dead letter, until it is known whether a sequenced message stands behind it. */
  letter: DeadLetter | null = null;
  #turn: TurnReport | null = null;
  /** The turn's stretch of messages handled and replied to with numbers, and where it began. */
  readonly #numbers = new NumberPost();
  #numbersFrom = 0;
  #flushPlanned = false;
  readonly #flushTurn = () => this.#flush();
  #transfer: Set<ArrayBuffer> | null = null;
  #askId = 0;
  /** Kept from being collected: it closes with this isolate, and the other side hears of that. */
  readonly lifeline: unknown = (workerData as { readonly lifeline?: unknown }).lifeline;
  readonly #asks = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (e: Error) => void }
  >();
  readonly #gone = new Map<number, (path: string, reason: ExitReason) => void>();
  #stopping = false;
  readonly #reportSpan: SpanReport = (news) => void this.turn.spans.push(news);

  readonly #line: ThreadLine<ToThread, FromThread>;

  constructor(readonly definition: ActorDefinition, port: MessagePort) {
    this.#line = new ThreadLine<ToThread, FromThread>(
      port,
      (message) => this.#received(message),
      (numbers, length) => this.#deliverNumbers(numbers, length),
    );
    this.#line.post({ kind: "hello" });
  }

  get path(): string {
    return this.#node?.path ?? "";
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
    this.#beat(new Int32Array(message.heartbeat));
    this.#line.open(message.toThread, message.fromThread);
    const at = message.path.lastIndexOf("/");
    const system = this.#system = createSystem({
      name: message.path.slice(1, at),
      causeBase: message.causeBase,
      incarnationBase: message.incarnation - 1,
      ...(message.isTraced
        ? { tracing: { tracer: new ReportingTracer(this.#reportSpan), ratio: 0 } }
        : {}),
      // The bodies stay with the node in the main isolate, which also counts.
      deadLetters: { keepMax: 0 },
      log: (level, path, text, fields) => {
        // The supervisor over there decides and logs about ends; this one only hosts.
        if (path !== message.path || this.#node?.state === "down") return;
        this.turn.logs.push({ level, path, message: text, fields });
      },
    });
    system.deadLetters.subscribe((letter) => {
      this.#reportLetter();
      this.letter = letter;
      void this.turn;
    });
    try {
      system.spawn(this.definition as ActorDefinition, {
        name: message.name,
        restart: "temporary",
        args: this.#decodeArgs(message.args) as never,
        mailbox: { bound: 2 ** 30, boundBytes: Infinity },
        initTimeoutMs: 2_147_483_647,
      });
      const node = this.#node = system.nodeAt(message.path) as ActorNode;
      system.watch(message.path, (_path, reason, error) => {
        this.#flush();
        if (this.#stopping) return;
        if (!this.#ready) {
          return this.#line.post({ kind: "failed", error: encodeError(error) });
        }
        this.#exit(reason, error);
      });
      while (node.state === "starting") await pause();
      if ((node.state as string) !== "running") return;
      this.#ready = true;
      this.#line.post({ kind: "ready" });
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      this.#line.post({ kind: "failed", error: encodeError(cause) });
    }
  }
  #ready = false;

  /**
   * V8 ends what runs out of memory in a microtask without a word, raises the limit a little, and
   * the thread lives on with half of its work undone: the raised limit is how one can tell.
   */
  #beat(heartbeat: Int32Array): void {
    const limitBytes = getHeapStatistics().heap_size_limit;
    setInterval(() => {
      if (getHeapStatistics().heap_size_limit > limitBytes) {
        const error = encodeError(new Error("the thread ran out of memory"));
        return this.#line.post({ kind: "broken", error });
      }
      Atomics.add(heartbeat, 0, 1);
    }, HEARTBEAT_MS);
  }

  #exit(reason: ExitReason, error: unknown): void {
    const encoded = error === null ? null : encodeError(error);
    this.#line.post({ kind: "exited", reason, error: encoded });
  }

  #deliver({ first, packed, traced }: Extract<ToThread, { kind: "messages" }>): void {
    const node = this.#node as ActorNode;
    const isTraced = traced === undefined ? null : new Set(traced);
    unpackMessages(node.protocol, packed, (i, entry, payload, cause) => {
      const message = new SequencedMessage(this, first + i, entry);
      const carried = isTraced?.has(first + i) === true ? this.#traced(message, payload) : message;
      node.deliver(entry, payload, LANE.normal, carried, cause);
    });
  }

  #traced(message: SequencedMessage, payload: unknown): Asker {
    const { path, seq, entry } = message;
    const tracing = this.#system?.tracing ?? null;
    if (tracing === null) return message;
    const above = tracing.below(new ReportedSpan(seq, this.#reportSpan));
    return tracing.tracedBelow(above, message, path, entry, payload) ?? message;
  }

  #deliverNumbers(numbers: Float64Array, length: number): void {
    const node = this.#node as ActorNode;
    unpackNumbers(node.protocol, numbers, length, (seq, entry, payload, cause) => {
      const message = new SequencedMessage(this, seq, entry);
      node.deliver(entry, payload, LANE.normal, message, cause);
    });
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
      this.#planFlush();
    }
    return this.#turn;
  }

  #planFlush(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    queueMicrotask(this.#flushTurn);
  }

  /** A message that the actor sent itself, or buried, has no other way into the dead letters. */
  #reportLetter(): void {
    const letter = this.letter;
    this.letter = null;
    if (letter === null) return;
    const { path, type, payload, reason, cause } = letter;
    this.turn.lost.push({ path, type, payload, reason, cause });
  }

  #flush(): void {
    this.#flushPlanned = false;
    this.#reportLetter();
    const turn = this.#turn;
    const numbers = this.#numbers;
    const serviceMs = this.#node?.service.recentMs ?? 0;
    if (turn === null) {
      if (numbers.count > 0) this.#sendNumbers(serviceMs);
      return;
    }
    const transfer = this.#transfer;
    this.#turn = null;
    this.#transfer = null;
    turn.serviceMs = serviceMs;
    let replies: Float64Array | null = null;
    if (numbers.count > 0) {
      replies = numbers.sealed(this.#numbersFrom, 0, 0).slice(0, numbers.length);
      numbers.clear();
    }
    try {
      const report = compactReport(turn, replies);
      this.#line.post({ kind: "turn", report }, transfer === null ? undefined : [...transfer]);
    } catch {
      const report = compactReport(this.#onlyCloneable(turn), replies);
      this.#line.post({ kind: "turn", report });
    }
  }

  /** Reports a message as handled and replied to; false when it does not follow the one before. */
  repliedInTurn(seq: number, value: number): boolean {
    const numbers = this.#numbers;
    if (numbers.count === 0) {
      this.#numbersFrom = seq;
      this.#planFlush();
    } else if (seq !== this.#numbersFrom + numbers.count) return false;
    numbers.pushNumber(value);
    if (numbers.count === FRAME_MESSAGES_MAX && this.#turn === null) {
      this.#sendNumbers(this.#node?.service.recentMs ?? 0);
    }
    return true;
  }

  #sendNumbers(serviceMs: number): void {
    this.#line.send(this.#numbers, this.#numbersFrom, serviceMs);
    this.#line.wake();
  }

  handled(seq: number): void {
    const handled = this.turn.handled;
    if (handled.length > 0 && handled[handled.length - 1] === seq - 1) {
      handled[handled.length - 1] = seq;
    } else handled.push(seq, seq);
  }

  replied(seq: number, value: unknown, entry: Entry): void {
    const turn = this.turn;
    turn.replySeqs.push(seq);
    turn.replies.push(value);
    // Only what is declared as columns is given away: an actor may still use what it replied with.
    if (entry.columns) this.#transfer = transferablesOf(value, this.#transfer ?? new Set());
  }

  /** A report without what cannot be cloned: that fails by itself, the rest is kept. */
  #onlyCloneable(turn: TurnReport): TurnReport {
    const kept: TurnReport = { ...turn, replySeqs: [], replies: [], outgoing: [] };
    turn.replies.forEach((value, i) => {
      const seq = turn.replySeqs[i] as number;
      const error = cloningFails(value);
      if (error === null) {
        kept.replySeqs.push(seq);
        kept.replies.push(value);
      } else {
        kept.refusedSeqs.push(seq);
        kept.refusals.push(encodeError(error));
      }
    });
    for (const message of turn.outgoing) {
      const { id, path, type, cause } = message;
      const error = cloningFails(message.payload);
      if (error === null) {
        kept.outgoing.push(message);
      } else if (id > 0) {
        this.#asks.get(id)?.reject(new ActorFailed(path, type, error));
        this.#asks.delete(id);
      } else kept.lost.push({ path, type, payload: undefined, reason: "unhandled", cause });
    }
    kept.lost = kept.lost.map((letter) =>
      cloningFails(letter.payload) === null ? letter : { ...letter, payload: undefined }
    );
    kept.logs = turn.logs.map((line) =>
      cloningFails(line.fields) === null ? line : { ...line, fields: undefined }
    );
    return kept;
  }

  // ---- refs to actors elsewhere -------------------------------------------------------------------

  #decodeArgs(args: unknown): unknown {
    if (typeof args !== "object" || args === null) return args;
    if (isEncodedRef(args)) return this.#decodeRef(args);
    if (Object.getPrototypeOf(args) !== Object.prototype) return args;
    return Object.fromEntries(
      Object.entries(args).map(([key, value]) => {
        const list = Array.isArray(value) && isEncodedRef(value[0]);
        return [key, list ? value.map((one) => this.#decodeRef(one)) : this.#decodeRef(value)];
      }),
    );
  }

  #decodeRef(value: unknown): unknown {
    return isEncodedRef(value) ? new ThreadRef(this, value.$wickRef) : value;
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
    const running = this.#node?.currentCause ?? 0;
    this.turn.outgoing.push({
      id,
      path,
      type,
      payload,
      lane: options?.priority === undefined ? -1 : LANE[options.priority],
      timeoutMs: options?.timeoutMs ?? ASK_TIMEOUT_MS,
      cause: running !== 0 ? running : this.#system?.nextCause() ?? 0,
      span: this.#spanId(),
    });
  }

  #spanId(): number {
    const span = this.#system?.tracing?.trail?.span;
    return span instanceof ReportedSpan ? span.id : 0;
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
      else waiter?.reject(decodeError(error));
    }
  }
}

function cloningFails(value: unknown): Error | null {
  try {
    structuredClone(value);
    return null;
  } catch (error) {
    return error as Error;
  }
}

function isEncodedRef(value: unknown): value is EncodedRef {
  return typeof value === "object" && value !== null && "$wickRef" in value;
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
