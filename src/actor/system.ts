/**
 * A system: the tree, its clock, its scheduler, its dead letters. Everything that can be asked of a
 * running tree is asked here.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import type { ActorDefinition, Ref, SendOptions, TellRef, TellResult } from "./actor.ts";
import { ActorNode } from "./actor_node.ts";
import { AskDeadlines } from "./ask.ts";
import { type Clock, type Random, systemClock, systemRandom } from "./clock.ts";
import { type DeadLetterFilter, DeadLetters, type DeadReason } from "./dead_letters.ts";
import type { DeadLetterOptions } from "./dead_letters.ts";
import {
  ActorError,
  ActorStopped,
  InvalidMessage,
  Overflow,
  StartFailed,
  textOf,
} from "./errors.ts";
import { MailboxNode } from "./mailbox_node.ts";
import type { MailboxOptions } from "./mailbox.ts";
import type {
  ExitReason,
  FaultHooks,
  LifecycleListener,
  LogSink,
  Node,
  RestartType,
  Runtime,
} from "./node.ts";
import { Started } from "./node.ts";
import { type Definition, type Entry, NO_ENTRY, parseMessage, type Protocol } from "./protocol.ts";
import { LocalRef } from "./ref.ts";
import { type Carrier, remotePlace, RemoteRef } from "./remote_ref.ts";
import { RestartHistory } from "./restarts.ts";
import { type Scheduler, TurnScheduler } from "./scheduler.ts";
import { type Backoff, type Strategy, SupervisorNode } from "./supervisor.ts";
import { GONE } from "./thread_messages.ts";
import { Spares, type ThreadOptions } from "./thread_host.ts";
import { ThreadNode } from "./thread_node.ts";
import { Tracing, type TracingOptions } from "./tracing.ts";
import { describeTree, type TreeNode } from "./tree.ts";

/** What every kind of child specification has. */
export interface ChildBase {
  /** Unique among its siblings; letters, digits, `_`, `-`, `.`, `:`. */
  readonly name: string;
  /** Default `permanent`. */
  readonly restart?: RestartType;
}

/** How an actor is run as a child. */
export interface SpawnOptions<A = unknown> extends ChildBase {
  /** Given to the factory; refs among its own properties are bound to each incarnation. */
  readonly args: A;
  /** Bounds of its mailbox and what happens there; default 8,192 messages, 64 MiB, `reject`. */
  readonly mailbox?: MailboxOptions;
  /** Time to drain and clean up, ms; default 5,000. `brutal` = none, Infinity = no own limit. */
  readonly shutdownMs?: number | "brutal";
  /** Longest init, ms; default 30,000. */
  readonly initTimeoutMs?: number;
  /** Runs it in a thread of its own. */
  readonly thread?: ThreadOptions;
}

/** Refs for the arguments of a declared child, by path below the root. */
export interface TreeRefs {
  /**
   * A ref that can ask.
   *
   * @throws {TypeError} unless the path is declared before this child: asks go only towards
   * children that are started earlier, so they cannot form a cycle.
   */
  ask<D extends Definition>(messages: Protocol<D>, path: string): Ref<D>;
  /** A ref that can only tell; to any path. */
  tell<D extends Definition>(messages: Protocol<D>, path: string): TellRef<D>;
  /**
   * The system itself, for the monitor and the admin: they look at everything, and never wait in a
   * handler for what they ask.
   */
  readonly system: System;
}

/** As {@linkcode SpawnOptions}, with arguments that are made from refs into the tree. */
export interface DeclaredOptions<A> extends Omit<SpawnOptions<A>, "args"> {
  /** The arguments, or what makes them; called once, when the child is added to the tree. */
  readonly args: A | ((refs: TreeRefs) => A);
}

/** An actor as a declared child; made by {@linkcode child}. */
export interface ActorSpec extends SpawnOptions {
  /** Tells it from a supervisor. */
  readonly kind: "actor";
  /** What runs here; its type was checked against `args` by {@linkcode child}. */
  readonly actor: ActorDefinition;
}

/** A supervisor as a declared child. */
export interface SupervisorSpec extends ChildBase {
  /** May be left out: a child that is no actor is a supervisor. */
  readonly kind?: "supervisor";
  /** Default `one_for_one`. */
  readonly strategy?: Strategy;
  /** Restarts allowed within the period; default 1. */
  readonly intensity?: number;
  /** Default 5,000. */
  readonly periodMs?: number;
  /** Default `child`. */
  readonly intensityScope?: "child" | "supervisor";
  /** Pause before a restart; default: none. */
  readonly backoff?: Backoff;
  /** In the order of their start; stopped in reverse. */
  readonly children?: readonly ChildSpec[];
}

/** A declared child. */
export type ChildSpec = ActorSpec | SupervisorSpec;

/** Declares an actor as a child, with its arguments checked against its factory. */
export function child<D extends Definition, A>(
  definition: ActorDefinition<D, A>,
  options: DeclaredOptions<A>,
): ActorSpec {
  return { ...options, kind: "actor", actor: definition as unknown as ActorDefinition };
}

/** Options of a system. */
export interface SystemOptions extends Omit<SupervisorSpec, "kind" | "restart" | "name"> {
  /** Name of the root; default `wick`. */
  readonly name?: string;
  /** Default {@linkcode systemClock}. */
  readonly clock?: Clock;
  /** Default {@linkcode systemRandom}. */
  readonly random?: Random;
  /** Who runs next; default: first in, first out, in slices that let the event loop breathe. */
  readonly scheduler?: Scheduler;
  /** Bounds of the kept dead letters; default 10,000 letters and 16 MiB. */
  readonly deadLetters?: DeadLetterOptions;
  /** Default: warnings and errors as readable lines on standard error. Null = none. */
  readonly log?: LogSink | null;
  /** First causation id; threads count from ids of their own. */
  readonly causeBase?: number;
  /** Incarnations that were counted elsewhere, before; only for threads. */
  readonly incarnationBase?: number;
  /** Told of every start and end in the tree. */
  readonly lifecycle?: LifecycleListener;
  /** Records what messages led to what; default: nothing is recorded, and nothing is spent on it. */
  readonly tracing?: TracingOptions;
  /** Only for the simulator. */
  readonly faults?: FaultHooks;
  /** Threads run in this isolate instead; for the simulator. */
  readonly inlineThreads?: boolean;
  /** Called when the root gives up; default leaves it to whoever awaits {@linkcode System.done}. */
  readonly onGaveUp?: (error: unknown) => void;
}

const NAME = /^[\w.:-]{1,128}$/;
/** Time that a stop of the whole system may take. */
export const STOP_DEADLINE_MS = 30_000;

/** The account over all paths of a system. */
export interface SystemCounts {
  /** Messages sent to any path, also to one where nobody ever lived. */
  readonly sent: number;
  /** Messages that a handler took to its end. */
  readonly handled: number;
  /** Messages in mailboxes, stashed, in a handler or on their way through a thread. */
  readonly queued: number;
  /** Messages in the dead letters, kept or not. */
  readonly deadLettered: number;
  /** Messages that a newer one with the same key replaced. */
  readonly superseded: number;
}

/** A running tree. Use {@linkcode createSystem}. */
export class System implements Runtime, AsyncDisposable {
  /** Where all of its time comes from. */
  readonly clock: Clock;
  /** Where all of its chance comes from. */
  readonly random: Random;
  /** Who runs next. */
  readonly scheduler: Scheduler;
  /**
   * Asks that wait for their reply.
   *
   * @internal
   */
  readonly asks: AskDeadlines;
  /** Every message that ended without being handled. */
  readonly deadLetters: DeadLetters;
  /** What was restarted, ended for good or gave up, and why. */
  readonly restarts: RestartHistory = new RestartHistory();
  readonly log: LogSink | null;
  readonly incarnationBase: number;
  readonly lifecycle: LifecycleListener | null;
  readonly faults: FaultHooks | null;
  readonly tracing: Tracing | null;
  /**
   * Whether actors with `thread` run in this isolate.
   *
   * @internal
   */
  readonly inlineThreads: boolean;
  /**
   * The topmost supervisor.
   *
   * @internal
   */
  readonly root: SupervisorNode;
  readonly #rootPath: string;
  /** Causation id of what runs right now. */
  cause = 0;
  /**
   * What carries messages to other nodes; null while this is no node.
   *
   * @internal
   */
  carrier: Carrier | null = null;
  #causes: number;
  readonly spares = new Spares();
  readonly #atStop = new Set<Promise<unknown>>();
  #zombies = 0;
  #onGaveUp: ((error: unknown) => void) | undefined;
  readonly #nodes = new Map<string, Node>();
  /** Accounts of nodes that were removed, and of messages to paths that never were. */
  readonly #past = { sent: 0, handled: 0, deadLettered: 0, superseded: 0 };
  #stopping: Promise<void> | null = null;
  /** Set before what is told to stop first. */
  #isStopping = false;
  #terminated: (() => void) | null = null;
  #settleDone!: (error: unknown) => void;
  /** Resolves when the system has stopped: with null, or with the error on which its root gave up. */
  readonly done: Promise<unknown>;
  /** Resolves once the declared tree is up; rejects with {@linkcode StartFailed}. */
  readonly started: Promise<void>;
  #startError: unknown = null;
  #isUp = false;
  readonly #notStarted: (error: unknown) => void;

  /**
   * Makes the tree and begins its start. Use {@linkcode createSystem}, which throws what the start
   * fails with.
   */
  constructor(options: SystemOptions) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.scheduler = options.scheduler ?? new TurnScheduler(this.clock);
    this.asks = new AskDeadlines(this.clock, this.scheduler);
    if (this.scheduler instanceof TurnScheduler) {
      this.scheduler.onLag = (beforeMs, nowMs) => this.asks.lagged(beforeMs, nowMs);
    }
    this.deadLetters = new DeadLetters(options.deadLetters);
    this.log = options.log === undefined ? stderrLog : options.log;
    this.lifecycle = options.lifecycle ?? null;
    this.faults = options.faults ?? null;
    this.tracing = options.tracing === undefined
      ? null
      : new Tracing(options.tracing, this.clock, this.random);
    this.#causes = options.causeBase ?? 0;
    this.incarnationBase = options.incarnationBase ?? 0;
    this.#onGaveUp = options.onGaveUp;
    this.inlineThreads = options.inlineThreads ?? false;
    this.done = new Promise((resolve) => this.#settleDone = resolve);
    const name = options.name ?? "wick";
    this.#rootPath = `/${name}`;
    const started = Promise.withResolvers<void>();
    this.started = started.promise;
    this.started.catch(() => {});
    this.#notStarted = started.reject;
    this.root = this.#supervisor({ ...options, name }, null, `/${name}`, {
      started: (failed, error) => {
        this.#isUp = !failed;
        if (!failed) return started.resolve();
        this.#startError = error;
        this.#close(error);
      },
      terminated: () => this.#terminated?.(),
      gaveUp: (error) => {
        this.log?.("error", this.root.path, "the root gave up", { error: textOf(error) });
        this.#close(error);
        this.#onGaveUp?.(error);
      },
    });
    this.root.start();
  }

  /** Throws what a synchronous start failed with. */
  throwIfNotStarted(): void {
    if (this.#startError !== null) throw this.#startError;
  }

  /**
   * A causation id that was not given out before.
   *
   * @internal
   */
  nextCause(): number {
    return ++this.#causes;
  }

  forget(node: Node): void {
    if (this.#nodes.get(node.path) !== node) return;
    this.#nodes.delete(node.path);
    if (node instanceof SupervisorNode) { for (const part of node.children) this.forget(part); }
    if (!(node instanceof MailboxNode)) return;
    this.#past.sent += node.sent;
    this.#past.handled += node.handled;
    this.#past.deadLettered += node.deadLettered;
    this.#past.superseded += node.superseded;
  }

  awaitAtStop(over: Promise<unknown>): void {
    this.#atStop.add(over);
    over.finally(() => this.#atStop.delete(over));
  }

  zombie(path: string): void {
    this.#zombies++;
    this.log?.("error", path, "its thread cannot be ended and burns on", {
      zombies: this.#zombies,
    });
    if (this.#zombies < availableParallelism()) return;
    const error = new Error(`Cannot go on: ${this.#zombies} threads burn on, as many as cores`);
    // Nothing is left to drain with: everything ends where it stands.
    this.root.terminate({ drain: false, deadlineMs: -Infinity });
    this.#close(error);
    this.#onGaveUp?.(error);
  }

  zombieEnded(path: string): void {
    this.#zombies--;
    this.log?.("warn", path, "its thread has ended after all", { zombies: this.#zombies });
  }

  /**
   * The node at an absolute path, or null. O(1).
   *
   * @internal
   */
  nodeAt(path: string): Node | null {
    return this.#nodes.get(path) ?? null;
  }

  // ---- refs and messages --------------------------------------------------------------------------

  /** The ref of whatever lives, or will live, at a path. Relative paths start at the root. */
  ref<D extends Definition>(messages: Protocol<D>, path: string): Ref<D> {
    const full = path.startsWith("/") ? path : `${this.#rootPath}/${path}`;
    const node = this.nodeAt(full);
    return new LocalRef(this, full, messages, node instanceof MailboxNode ? node : null);
  }

  /**
   * The ref of whatever lives, or will live, at a path of another node, or of this one by its name.
   * It sends to the life of that node that is known then; while there is none, and while this system
   * is no node, it sends to a stopped actor. Relative paths start at the root of the other tree.
   *
   * @throws {TypeError} for a path that is empty or too long.
   */
  remote<D extends Definition>(messages: Protocol<D>, node: string, path: string): Ref<D> {
    return new RemoteRef(this, node, path, messages);
  }

  /**
   * Starts an actor under the root, or under the supervisor at `options.under`.
   *
   * @throws {StartFailed} when its init fails synchronously, or its supervisor is stopped; an
   * asynchronous failure is logged and its messages are dead-lettered.
   */
  spawn<D extends Definition, A>(
    definition: ActorDefinition<D, A>,
    options: SpawnOptions<A> & { readonly under?: string },
  ): Ref<D> {
    const parent = options.under === undefined ? this.root : this.nodeAt(options.under);
    if (!(parent instanceof SupervisorNode)) {
      throw new TypeError(
        `Cannot spawn ${options.name}: expected the path of a supervisor: ` +
          `current value is ${options.under}`,
      );
    }
    if (parent.state === "stopped") {
      const why = new Error(`${parent.path} is stopped`);
      throw new StartFailed(`${parent.path}/${options.name}`, why);
    }
    const node = this.#actor(child(definition, options), parent);
    if (parent.add(node) === Started.failed) throw new StartFailed(node.path, node.lastError);
    return new LocalRef(this, node.path, definition.protocol, node as MailboxNode);
  }

  /**
   * Sends a message that came from outside: checked against the protocol of the actor at `path`.
   *
   * @throws {InvalidMessage} for an unknown type, an internal one, or a wrong shape.
   * @throws {ActorStopped} when no actor lives there.
   */
  tellFromOutside(path: string, type: string, payload: unknown, options?: SendOptions): TellResult {
    const { node, ref, entry, value } = this.#outside(path, type, payload);
    if (node === null) throw new ActorStopped(path, type);
    const tell = () => ref.tell(entry.type, value, options);
    return this.tracing === null ? tell() : this.tracing.always(tell);
  }

  /** As {@linkcode tellFromOutside}, with the reply. */
  async askFromOutside(
    path: string,
    type: string,
    payload: unknown,
    options?: SendOptions & { readonly timeoutMs?: number },
  ): Promise<unknown> {
    const { ref, entry, value } = this.#outside(path, type, payload);
    if (entry.reply === null) {
      throw new InvalidMessage(`Cannot ask "${type}": it has no reply: tell it instead`);
    }
    const ask = () => ref.ask(entry.type, value, options);
    return await (this.tracing === null ? ask() : this.tracing.always(ask));
  }

  #outside(path: string, type: string, payload: unknown) {
    const node = this.nodeAt(path);
    if (!(node instanceof MailboxNode)) throw new ActorStopped(path, type);
    const { entry, payload: value } = parseMessage(node.protocol, type, payload);
    const ref = new LocalRef(this, path, node.protocol, node);
    return { node, ref, entry, value };
  }

  // ---- dead letters ---------------------------------------------------------------------------------

  /**
   * Records a message that will not be handled, and accounts for it where nobody ever lived.
   *
   * @internal
   */
  deadLetter(
    path: string,
    entry: Entry,
    payload: unknown,
    reason: DeadReason,
    cause: number,
    bytes: number,
    error: unknown = null,
  ): void {
    if (!this.#nodes.has(path)) {
      this.#past.sent++;
      this.#past.deadLettered++;
    }
    this.#record(path, entry, payload, reason, cause, bytes, error);
  }

  lost(
    path: string,
    entry: Entry,
    payload: unknown,
    reason: DeadReason,
    cause: number,
    error: unknown = null,
  ): void {
    this.#past.sent++;
    this.#past.deadLettered++;
    this.#record(path, entry, payload, reason, cause, entry.bytesOf(payload), error);
  }

  #record(
    path: string,
    entry: Entry,
    payload: unknown,
    reason: DeadReason,
    cause: number,
    bytes: number,
    error: unknown,
  ): void {
    const at = this.clock.wallNow();
    this.deadLetters.add({ at, path, type: entry.type, payload, reason, cause, bytes }, error);
  }

  /**
   * Sends kept dead letters to their paths again and takes them off the list. A letter that is
   * refused again comes back as a new one, as does one whose columns are gone.
   */
  replayDeadLetters(
    filter: DeadLetterFilter = {},
    limit = 1_000,
  ): { accepted: number; refused: number } {
    let accepted = 0, refused = 0;
    for (const letter of this.deadLetters.take(filter, limit)) {
      if (this.replayDeadLetter(letter.path, letter.type, letter.payload)) accepted++;
      else refused++;
    }
    return { accepted, refused };
  }

  /** Sends a payload to a path again; false when it was refused, and is a dead letter anew. */
  replayDeadLetter(path: string, type: string, payload: unknown): boolean {
    const node = this.nodeAt(path);
    const entry = node instanceof MailboxNode ? node.protocol.entries[type] : undefined;
    const remote = node === null ? remotePlace(this.carrier, path) : null;
    if (remote !== null) return this.#replayElsewhere(remote, type, payload);
    if (!(node instanceof MailboxNode) || entry === undefined || payload === GONE) {
      const reason = node instanceof MailboxNode ? "unhandled" : "stopped";
      this.lost(path, { ...NO_ENTRY, type }, payload, reason, this.nextCause());
      return false;
    }
    return node.deliver(entry, payload, entry.lane, null, this.nextCause()) === "accepted";
  }

  /** The other node knows the actor's protocol, and checks. */
  #replayElsewhere(to: { node: string; path: string }, type: string, payload: unknown): boolean {
    const target = { path: to.path, type, frame: 0, index: 0 };
    const entry = { ...NO_ENTRY, type };
    const { node } = to;
    const cause = this.nextCause();
    const result = this.carrier?.carry(node, target, entry, payload, entry.lane, null, cause);
    return result === "accepted";
  }

  /**
   * What would keep a payload from being sent to a path again now: `as_sent` by
   * {@linkcode System.replayDeadLetter}, `checked` by {@linkcode System.tellFromOutside}. Null =
   * nothing. Sends nothing.
   */
  replayProblem(
    path: string,
    type: string,
    payload: unknown,
    how: "as_sent" | "checked",
  ): ActorError | null {
    const node = this.nodeAt(path);
    const isRemote = how === "as_sent" && node === null && remotePlace(this.carrier, path) !== null;
    if (isRemote) return null;
    if (!(node instanceof MailboxNode) || !node.accepting) return new ActorStopped(path, type);
    const { name, entries } = node.protocol;
    if (how === "checked") {
      try {
        parseMessage(node.protocol, type, payload);
      } catch (error) {
        if (error instanceof ActorError) return error;
        throw error;
      }
    }
    const entry = entries[type];
    if (entry === undefined) {
      return new InvalidMessage(`Cannot send "${type}" to a ${name}: it has no such message`);
    }
    if (payload === GONE) {
      const why = "its columns had moved to a thread";
      return new InvalidMessage(`Cannot send "${type}" to ${path} again: ${why}`);
    }
    const { mailbox } = node;
    if (mailbox.overflow !== "reject" || mailbox.hasRoom(entry.bytesOf(payload))) return null;
    return new Overflow(path, type, "its mailbox is full now");
  }

  // ---- the tree ---------------------------------------------------------------------------------------

  /** The tree as plain data. O(nodes). */
  tree(): TreeNode {
    return describeTree(this.root, this.clock.now());
  }

  /** The account over all paths, living and past: sent = handled + queued + dead + superseded. */
  counts(): SystemCounts {
    const sum = { ...this.#past, queued: 0 };
    for (const node of this.#nodes.values()) {
      if (!(node instanceof MailboxNode)) continue;
      sum.sent += node.sent;
      sum.handled += node.handled;
      sum.queued += node.queued;
      sum.deadLettered += node.deadLettered;
      sum.superseded += node.superseded;
    }
    return sum;
  }

  /** Restarts the actor or supervisor at a path on request; not counted against the intensity. */
  restart(path: string): void {
    const { node, parent } = this.#withParent(path, "restart");
    parent.bounce(node);
  }

  /** Drains and stops the actor or supervisor at a path for good. */
  stopAt(path: string): Promise<void> {
    const { node, parent } = this.#withParent(path, "stop");
    return new Promise((resolve) => parent.stopChild(node, resolve));
  }

  /**
   * Starts the declared actor or supervisor at a path again that {@linkcode stopAt} stopped; one that
   * is not stopped is left alone. False when its start failed, which leaves it stopped, or when its
   * supervisor ends first.
   */
  startAt(path: string): Promise<boolean> {
    const { node, parent } = this.#withParent(path, "start");
    return new Promise((resolve) => parent.resumeChild(node, resolve));
  }

  #withParent(path: string, verb: string): { node: Node; parent: SupervisorNode } {
    const node = this.nodeAt(path);
    if (node === null || !(node.parent instanceof SupervisorNode)) {
      const found = node === null ? "nothing lives there" : "it is the root";
      throw new TypeError(`Cannot ${verb} ${path}: expected a child of a supervisor: ${found}`);
    }
    return { node, parent: node.parent };
  }

  /** Calls `watcher` once when the node at `path` has stopped for good; returns what ends that. */
  watch(
    path: string,
    watcher: (path: string, reason: ExitReason, error: unknown) => void,
  ): () => void {
    const node = this.nodeAt(path);
    if (node === null || node.state === "stopped") {
      watcher(path, node?.lastExit ?? "normal", node?.lastError ?? null);
      return () => {};
    }
    return node.watch(watcher);
  }

  // ---- the end ----------------------------------------------------------------------------------------

  /** Whether it is about to stop for good, so that what ends now is not started again. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /**
   * Stops the tree in reverse start order. What was accepted is drained within each child's
   * shutdown time and all within `deadlineMs`; the rest is dead-lettered. Idempotent.
   */
  stop(options: { readonly deadlineMs?: number; readonly drain?: boolean } = {}): Promise<void> {
    this.#isStopping = true;
    return this.#stopping ??= this.#stop(options);
  }

  async #stop(options: { readonly deadlineMs?: number; readonly drain?: boolean }): Promise<void> {
    if (this.root.state !== "stopped") {
      const terminated = new Promise<void>((resolve) => this.#terminated = resolve);
      const deadlineMs = this.clock.now() + (options.deadlineMs ?? STOP_DEADLINE_MS);
      if (!this.root.terminate({ drain: options.drain ?? true, deadlineMs })) await terminated;
      this.#close(null);
    }
    await this.spares.end();
    await Promise.all(this.#atStop);
  }

  #close(error: unknown): void {
    if (this.root.state === "stopped") return;
    if (!this.#isUp) this.#notStarted(error ?? new ActorStopped(this.root.path, "start"));
    this.root.retire(error === null ? "shutdown" : "crash", error);
    this.asks.clear((ask) => new ActorStopped(ask.path, ask.type));
    this.scheduler.dispose();
    this.#settleDone(error);
  }

  /** Stops it with the defaults of {@linkcode System.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // ---- making nodes -----------------------------------------------------------------------------------

  #register(node: Node): void {
    const before = this.#nodes.get(node.path);
    if (before !== undefined) {
      throw new TypeError(`Cannot add ${node.path}: the name is taken`);
    }
    this.#nodes.set(node.path, node);
  }

  #pathOf(parent: SupervisorNode, name: string): string {
    if (!NAME.test(name)) {
      throw new TypeError(
        `Cannot add a child to ${parent.path}: expected a name of letters, digits and _ . : -, ` +
          `at most 128: current value is ${JSON.stringify(name)}`,
      );
    }
    return `${parent.path}/${name}`;
  }

  #actor(spec: ActorSpec, parent: SupervisorNode): MailboxNode {
    const path = this.#pathOf(parent, spec.name);
    const options = {
      restart: spec.restart ?? "permanent",
      shutdownMs: spec.shutdownMs ?? 5_000,
      initTimeoutMs: spec.initTimeoutMs ?? 30_000,
      mailbox: spec.mailbox,
    };
    const threaded = spec.thread !== undefined && !this.inlineThreads;
    const node = threaded
      ? new ThreadNode(this, spec.name, path, parent, spec.actor.protocol, argsOf(spec, this), {
        ...options,
        thread: spec.thread as ThreadOptions,
      })
      : new ActorNode(this, spec.name, path, parent, spec.actor, argsOf(spec, this), options);
    this.#register(node);
    return node;
  }

  #supervisor(
    spec: SupervisorSpec,
    parent: SupervisorNode | null,
    path: string,
    root: ConstructorParameters<typeof SupervisorNode>[5] = null,
  ): SupervisorNode {
    const options = {
      strategy: spec.strategy ?? "one_for_one",
      intensity: spec.intensity ?? 1,
      periodMs: spec.periodMs ?? 5_000,
      intensityScope: spec.intensityScope ?? "child",
      backoff: spec.backoff ?? null,
      restart: spec.restart ?? "permanent",
    } as const;
    const node = new SupervisorNode(this, spec.name, path, parent, options, root);
    this.#register(node);
    for (const part of spec.children ?? []) {
      const made = part.kind === "actor"
        ? this.#actor(part, node)
        : this.#supervisor(part, node, this.#pathOf(node, part.name));
      made.declared = true;
      node.children.push(made);
    }
    return node;
  }
}

function argsOf(spec: ActorSpec, system: System): unknown {
  if (typeof spec.args !== "function") return spec.args;
  const refs: TreeRefs = {
    ask(messages, path) {
      const ref = system.ref(messages, path);
      if (system.nodeAt(ref.path) instanceof MailboxNode) return ref;
      throw new TypeError(
        `Cannot let ${spec.name} ask ${ref.path}: expected an actor declared before it`,
      );
    },
    tell: (messages, path) => system.ref(messages, path),
    system,
  };
  return spec.args(refs);
}

/**
 * Warnings and errors as one line each: where a log goes unless it is told otherwise.
 *
 * @internal
 */
export const stderrLog: LogSink = (level, path, message, fields) => {
  if (level === "debug" || level === "info") return;
  const tail = fields === undefined ? "" : ` ${JSON.stringify(fields)}`;
  console.error(`${level} ${path} ${message}${tail}`);
};

/**
 * Starts a system with its declared tree. Children whose init is asynchronous may still be starting;
 * await `system.started`.
 *
 * @throws {StartFailed} when a first init fails synchronously.
 *
 * @example
 * ```ts
 * import { createSystem } from "./mod.ts";
 * await using system = createSystem({ name: "demo" });
 * console.log(system.tree().state);
 * ```
 */
export function createSystem(options: SystemOptions = {}): System {
  const system = new System(options);
  system.throwIfNotStarted();
  return system;
}
