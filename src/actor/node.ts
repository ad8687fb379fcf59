/**
 * What every member of the tree has in common, be it an actor here, an actor in a thread, or a
 * supervisor; and what they need of the system they live in.
 *
 * @module
 */

import type { AskDeadlines } from "./ask.ts";
import type { Clock, Random } from "./clock.ts";
import type { DeadLetters, DeadReason } from "./dead_letters.ts";
import { LateError } from "./errors.ts";
import type { Entry } from "./protocol.ts";
import type { NotedRestart, RestartHistory } from "./restarts.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Tracing } from "./tracing.ts";

/** When a child is restarted: always, only after a crash, never. OTP's words and meanings. */
export type RestartType = "permanent" | "transient" | "temporary";

/** How a child ended; `killed` = it did not stop within its shutdown time. */
export type ExitReason = "normal" | "shutdown" | "crash" | "killed";

/**
 * Life of a node.
 *
 * `down`: no incarnation, its supervisor has yet to decide · `starting`: its init is under way ·
 * `running` · `stopping`: it drains or cleans up · `stopped`: for good, unless a restart of its
 * supervisor brings it back.
 */
export type NodeState = "down" | "starting" | "running" | "stopping" | "stopped";

/** Outcome of asking a node to start. */
export const Started = { ok: 0, pending: 1, failed: 2 } as const;

/** How a termination is meant. */
export interface Termination {
  /** For good: queued work is drained first. Otherwise the mailbox is kept for the next one. */
  readonly drain: boolean;
  /** Monotonic ms by which everything must be over; Infinity = each child's own shutdown time. */
  readonly deadlineMs: number;
}

/** Severity of a log line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Takes one structured log line; must not throw. */
export type LogSink = (
  level: LogLevel,
  path: string,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** A node's supervisor, as its children see it. */
export interface ParentNode {
  readonly path: string;
  readonly parent: ParentNode | null;
  readonly alive: boolean;
  /** The child whose end, or whose start, it waits for before it does anything else. */
  readonly waitingFor: Node | null;
  childStarted(child: Node, failed: boolean): void;
  childTerminated(child: Node): void;
  childExited(child: Node, reason: ExitReason, error: unknown): void;
}

/**
 * Whether a node is down and is not started before something has ended or started that `path` is part
 * of: who lives there must not wait for an answer of it.
 */
export function isHeldUpBy(node: Node, path: string): boolean {
  if (node.alive) return false;
  for (let at: Node | ParentNode = node; at.parent !== null; at = at.parent) {
    const waitedFor: Node | null = at.parent.waitingFor;
    if (at.alive || waitedFor === null || waitedFor === at) continue;
    if (path === waitedFor.path || path.startsWith(`${waitedFor.path}/`)) return true;
  }
  return false;
}

/**
 * The system, as its nodes see it.
 *
 * @internal
 */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly asks: AskDeadlines;
  readonly deadLetters: DeadLetters;
  /** What was restarted, and why. */
  readonly restarts: RestartHistory;
  /** Null when nobody listens: then call sites need not even make the line. */
  readonly log: LogSink | null;
  /** Incarnations of its actors that came before it. */
  readonly incarnationBase: number;
  /** Causation id of what runs right now; 0 when nothing does. */
  cause: number;
  nextCause(): number;
  deadLetter(
    path: string,
    entry: Entry,
    payload: unknown,
    reason: DeadReason,
    cause: number,
    bytes: number,
    error?: unknown,
  ): void;
  /** Accounts for a message that reached no mailbox, and dead-letters it. */
  lost(
    path: string,
    entry: Entry,
    payload: unknown,
    reason: DeadReason,
    cause: number,
    error?: unknown,
  ): void;
  nodeAt(path: string): Node | null;
  /** A node was removed from the tree: its account is kept, its name is free. */
  forget(node: Node): void;
  /** Started threads in reserve. */
  readonly spares: ThreadSpares;
  /** A thread that was ended and is not gone. */
  zombie(path: string): void;
  /** A zombie that ended after all. */
  zombieEnded(path: string): void;
  /** Something that must be over before the system counts as stopped; it must not reject. */
  awaitAtStop(over: Promise<unknown>): void;
  /** Told of every start and end in the tree; null when nobody listens. */
  readonly lifecycle: LifecycleListener | null;
  /** Fault hook of the simulator: may make a start fail. Null in production. */
  readonly faults: FaultHooks | null;
  /** Makes spans of messages; null when nobody records them. */
  readonly tracing: Tracing | null;
}

/** Where the simulator reaches in. */
export interface FaultHooks {
  /** Called before a factory runs; throws to make the init fail. */
  beforeInit(path: string, incarnation: number): void;
  /** Called before a handler runs; throws to crash the actor on this message. */
  beforeHandle(path: string, type: string): void;
  /**
   * What happens to a message on its way to `path`: 0 = it arrives, a positive number = it arrives
   * so many ms later, -1 = it is lost (dead-lettered as `unhandled`).
   */
  onTheWay(path: string, type: string): number;
}

/**
 * What happened to a node: it runs, it could not be started, its supervisor stopped it, it ended by
 * itself, or (a supervisor) it gave up.
 */
export type LifeEvent = "started" | "failed" | "stopped" | "exited" | "gaveUp";

/** Told synchronously; must not throw and must not touch the tree. */
export type LifecycleListener = (node: Node, event: LifeEvent) => void;

/** Reserve threads of one system. */
export interface ThreadSpares {
  /** Ends them all. */
  end(): Promise<void>;
}

/** Someone who wants to know when a node stops for good. */
export type Watcher = (path: string, reason: ExitReason, error: unknown) => void;

/**
 * A member of the tree.
 *
 * @internal Users read the tree as {@linkcode TreeNode}.
 */
export abstract class Node {
  state: NodeState = "down";
  /** Successful and failed starts so far. */
  incarnation = 0;
  /** What it failed with last, or the {@linkcode LateError} of it. */
  failure: unknown = null;
  lastExit: ExitReason | null = null;
  /** Set from an exit until its supervisor has dealt with it. */
  exitQueued = false;
  /** Its start failed at a restart and is to be tried again; a group restart makes that void. */
  startOwed = false;
  /** A temporary child that has ended, or one stopped on request: group restarts leave it out. */
  retired = false;
  /** Named in its supervisor's specification, so a restart of the supervisor brings it back. */
  declared = false;
  /** Monotonic ms of recent restarts, oldest first; its supervisor's bookkeeping. */
  restartsMs: number[] = [];
  /** Its latest restart; null = there was none. */
  lastRestart: NotedRestart | null = null;
  #watchers: Set<Watcher> | null = null;

  constructor(
    readonly runtime: Runtime,
    readonly name: string,
    readonly path: string,
    readonly parent: ParentNode | null,
    readonly restart: RestartType,
  ) {}

  /** Begins a new incarnation; after `pending` it reports to its parent. */
  abstract start(): number;
  /** Ends the incarnation; true when it is over already, else it reports to its parent. */
  abstract terminate(how: Termination): boolean;
  /** It will not come back: gives up its queue and tells its watchers. */
  abstract retire(reason: ExitReason, error: unknown): void;

  /** What it failed with last; null = nothing so far. */
  get lastError(): unknown {
    if (this.failure instanceof LateError) this.failure = this.failure.make();
    return this.failure;
  }
  set lastError(error: unknown) {
    this.failure = error;
  }

  /** Whether an incarnation exists or is being made or ended. */
  get alive(): boolean {
    return this.state === "starting" || this.state === "running" || this.state === "stopping";
  }

  watch(watcher: Watcher): () => void {
    this.#watchers ??= new Set();
    this.#watchers.add(watcher);
    return () => this.#watchers?.delete(watcher);
  }

  protected tellWatchers(reason: ExitReason, error: unknown): void {
    const watchers = this.#watchers;
    if (watchers === null) return;
    this.#watchers = null;
    const made = error instanceof LateError ? error.make() : error;
    for (const watcher of watchers) watcher(this.path, reason, made);
  }
}
