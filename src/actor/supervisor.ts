/**
 * Supervisors: OTP's strategies, restart types and intensity, as a state machine that never waits.
 *
 * Contract
 * - Children start in order and stop in reverse order. A child that fails its first init fails the
 *   start of its supervisor, which stops what it had started.
 * - Exits are dealt with one after the other, in the order in which they happened. While one restart
 *   is under way the next exit waits; one whose child that restart ended or started anew is void.
 * - `one_for_one` restarts the child; `rest_for_one` also those started after it; `one_for_all`
 *   all. Siblings are stopped in reverse order first. A temporary child stopped by a sibling's
 *   restart is not started again; a transient one that had ended normally is, as in OTP.
 * - A failed init at a restart counts as another crash of that child and is tried again, after what
 *   else is waiting.
 * - Restarts count per child (`intensityScope: "child"`) or over the supervisor. More than
 *   `intensity` within `periodMs`, the edge included, and it gives up: it stops its children and
 *   exits with `shutdown`, so a permanent supervisor is restarted by its own and a transient one not.
 * - A restart of a supervisor starts every child it declares, also temporary ones that had ended,
 *   and the others that it was given later, except temporary ones.
 * - The mailbox of every child outlives restarts, its own and its ancestors'.
 *
 * Source of the semantics: Erlang/OTP, `supervisor` (stdlib), checked against it schedule by
 * schedule in tests/actor/otp_test.ts.
 *
 * @module
 */

import type { Cancel } from "./clock.ts";
import { IntensityReached, LateError, StartFailed, textOf } from "./errors.ts";
import {
  type ExitReason,
  isHeldUpBy,
  Node,
  type ParentNode,
  type RestartType,
  type Runtime,
  Started,
  type Termination,
} from "./node.ts";
import type { RestartCause } from "./restarts.ts";
import type { Runnable } from "./scheduler.ts";

/** Which siblings a restart takes along. */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

/** Growing pause before a restart; without it a restart is immediate. */
export interface Backoff {
  /** First pause. */
  readonly minMs: number;
  /** Longest pause. */
  readonly maxMs: number;
  /** Growth per restart within the period; default 2. */
  readonly factor?: number;
  /** Share of the pause that is random, 0 to 1; default 0.2. */
  readonly jitter?: number;
}

/** How a supervisor supervises. */
export interface SupervisorOptions {
  readonly strategy: Strategy;
  /** Restarts allowed within the period. */
  readonly intensity: number;
  readonly periodMs: number;
  /** Whether restarts are counted per child or over all children. */
  readonly intensityScope: "child" | "supervisor";
  readonly backoff: Backoff | null;
  readonly restart: RestartType;
}

type Event =
  | { readonly kind: "exit"; readonly child: Node; readonly incarnation: number }
  | { readonly kind: "again"; readonly child: Node }
  | { readonly kind: "start"; readonly child: Node }
  | { readonly kind: "bounce"; readonly child: Node }
  | { readonly kind: "resume"; readonly child: Node; readonly done: (isRunning: boolean) => void }
  | { readonly kind: "stop"; readonly child: Node; readonly done: () => void };

/** What the procedure under way is for; it decides what follows its last step. */
type Purpose =
  | "start"
  | "undoStart"
  | "restart"
  | "giveUp"
  | "terminate"
  | "stopOne"
  | "resume";

/** Told by the root, which has no parent. */
export interface RootListener {
  started(failed: boolean, error: unknown): void;
  terminated(): void;
  gaveUp(error: unknown): void;
}

/** Children of one supervisor: enough for any tree, and a bound against a spawn in a loop. */
export const CHILDREN_MAX = 65_536;

const EXIT_TERMINATION: Termination = { drain: false, deadlineMs: Infinity };

/**
 * A supervisor in the tree.
 *
 * @internal
 */
export class SupervisorNode extends Node implements ParentNode, Runnable {
  scheduled = false;
  readonly children: Node[] = [];
  /** Times it gave up. */
  gaveUp = 0;
  /** Restarts it made, of any child. */
  restarts = 0;

  readonly #inbox: Event[] = [];
  #purpose: Purpose | null = null;
  /** The child that the procedure waits for. */
  #waitingFor: Node | null = null;
  #list: Node[] = [];
  #at = 0;
  /** True while the procedure stops children, false while it starts them. */
  #stopping = false;
  #termination: Termination = EXIT_TERMINATION;
  #toStart: Node[] = [];
  /** Temporary siblings that the restart under way stops for good. */
  readonly #leftOut: Node[] = [];
  #pause: Cancel | null = null;
  #pauses: Map<Node, Cancel> | null = null;
  /** The parent is inside `start` or `terminate` and reads the outcome itself. */
  #called = false;
  #stopTarget: Node | null = null;
  #stopDone: (() => void) | null = null;
  #resumeDone: ((isRunning: boolean) => void) | null = null;
  /** Restarts over the whole supervisor, oldest first. */
  readonly #window: number[] = [];

  constructor(
    runtime: Runtime,
    name: string,
    path: string,
    parent: ParentNode | null,
    readonly options: SupervisorOptions,
    readonly root: RootListener | null = null,
  ) {
    super(runtime, name, path, parent, options.restart);
  }

  /** Whether a procedure is under way; exits wait meanwhile. */
  /** See `ParentNode`. */
  get waitingFor(): Node | null {
    return this.#waitingFor;
  }

  get busy(): boolean {
    return this.#purpose !== null;
  }

  // ---- life, as its own parent sees it ----------------------------------------------------------

  start(): number {
    this.incarnation++;
    this.retired = false;
    this.exitQueued = false;
    this.state = "starting";
    this.#clearInbox();
    this.#window.length = 0;
    this.#leftOut.length = 0;
    for (const child of [...this.children]) {
      if (child.restart === "temporary" && !child.declared && child.incarnation > 0) {
        this.#remove(child, "shutdown", null);
      }
    }
    for (const child of this.children) {
      child.restartsMs.length = 0;
      child.startOwed = false;
      if (child.incarnation > 0) this.#noteRestart(child, "parent", this.path);
    }
    this.#called = true;
    this.#begin("start", [], [...this.children]);
    this.#called = false;
    if (this.#purpose !== null) return Started.pending;
    return (this.state as string) === "running" ? Started.ok : Started.failed;
  }

  terminate(how: Termination): boolean {
    if (this.state === "down" || this.state === "stopped") return true;
    this.#clearInbox();
    this.state = "stopping";
    this.#called = true;
    this.#beginTerminate(how, "terminate");
    this.#called = false;
    return this.#purpose === null;
  }

  /** Requests that this life will not see to are settled; exits and the like are void. */
  #clearInbox(): void {
    if (this.#inbox.length > 0) {
      for (const event of this.#inbox.splice(0)) {
        if (event.kind === "stop") event.done();
        else if (event.kind === "resume") event.done(false);
      }
    }
    this.#stopDone?.();
    this.#resumeDone?.(false);
    this.#stopDone = this.#resumeDone = null;
  }

  retire(reason: ExitReason, error: unknown): void {
    this.state = "stopped";
    this.retired = true;
    this.exitQueued = false;
    this.#clearInbox();
    for (let i = this.children.length - 1; i >= 0; i--) {
      const child = this.children[i] as Node;
      if (child.state !== "stopped") child.retire(reason, error);
    }
    this.tellWatchers(reason, error);
  }

  // ---- what children report -----------------------------------------------------------------------

  childStarted(child: Node, failed: boolean): void {
    if (this.#waitingFor !== child || this.#stopping) return;
    this.#waitingFor = null;
    if (failed) this.#startFailed(child);
    else {
      this.#up(child);
      this.#at++;
      this.#proceed();
    }
  }

  childTerminated(child: Node): void {
    if (this.#waitingFor !== child || !this.#stopping) return;
    this.#waitingFor = null;
    this.#at++;
    this.#proceed();
  }

  childExited(child: Node, reason: ExitReason, error: unknown): void {
    child.lastExit = reason;
    if (error !== null) child.lastError = error;
    child.exitQueued = true;
    // A procedure that waits for this child to end has its answer.
    if (this.#waitingFor === child && this.#stopping) {
      child.exitQueued = false;
      return this.childTerminated(child);
    }
    if (this.#waitingFor !== null) this.#failVainAsks();
    this.#post({ kind: "exit", child, incarnation: child.incarnation });
  }

  // ---- requests -------------------------------------------------------------------------------------

  /** Adds a child and starts it: at once when nothing else is under way, else in its turn. */
  add(child: Node): number {
    if (this.children.length >= CHILDREN_MAX) {
      throw new RangeError(
        `Cannot add ${child.path}: at most ${CHILDREN_MAX} children per supervisor`,
      );
    }
    this.children.push(child);
    if (this.state !== "running" || this.busy) {
      this.#post({ kind: "start", child });
      return Started.pending;
    }
    this.#begin("start", [], [child]);
    if ((child.state as string) === "stopped") return Started.failed;
    return this.busy ? Started.pending : Started.ok;
  }

  /** Restarts one child on request; it does not count against the intensity. */
  bounce(child: Node): void {
    this.#post({ kind: "bounce", child });
  }

  /** Drains and stops one child for good. */
  stopChild(child: Node, done: () => void): void {
    if (this.state === "stopped") return done();
    this.#post({ kind: "stop", child, done });
  }

  /**
   * Starts a child again that was stopped for good; one that was not is left alone. A start that
   * fails leaves it stopped, as OTP's `restart_child` does: it endangers nobody else.
   */
  resumeChild(child: Node, done: (isRunning: boolean) => void): void {
    if (this.state === "stopped") return done(false);
    this.#post({ kind: "resume", child, done });
  }

  // ---- events, one at a time ------------------------------------------------------------------------

  #post(event: Event): void {
    this.#inbox.push(event);
    if (!this.busy) this.runtime.scheduler.schedule(this);
  }

  get ready(): boolean {
    return !this.busy && this.#inbox.length > 0 && this.state === "running";
  }

  runSlice(messagesMax: number, _untilMs: number): number {
    let took = 0;
    while (took < messagesMax && this.ready) {
      took++;
      this.#handle(this.#inbox.shift() as Event);
    }
    return took;
  }

  #handle(event: Event): void {
    const child = event.child;
    switch (event.kind) {
      case "exit":
        if (!child.exitQueued || child.incarnation !== event.incarnation) return;
        child.exitQueued = false;
        return this.#exited(child);
      case "again":
        if (!child.startOwed) return;
        child.startOwed = false;
        return this.#restart(child);
      case "start":
        // A group restart may have started it meanwhile, and what came of that is queued then.
        if (child.alive || child.retired || child.exitQueued || child.startOwed) return;
        return this.#begin("start", [], [child]);
      case "bounce": {
        // Removed while the request waited.
        if (!this.children.includes(child)) return;
        // Its failed start holds up those that a group restart is to start after it.
        const holdsUp = child.startOwed;
        this.#forgetPlans(child);
        if (holdsUp) return this.#restartGroup(child, 0, "request");
        this.#noteRestart(child, "request", null);
        return this.#begin("restart", [child], [child]);
      }
      case "resume":
        // Removed while the request waited, or it runs, or its restart is to come.
        if (child.state !== "stopped" || !this.children.includes(child)) {
          return event.done(child.state !== "stopped");
        }
        this.#resumeDone = event.done;
        this.#noteRestart(child, "request", null);
        return this.#begin("resume", [], [child]);
      case "stop":
        this.#forgetPlans(child);
        if (child.state !== "stopped") this.#noteEnd(child, "request", null);
        this.#stopTarget = child;
        this.#stopDone = event.done;
        this.#termination = { drain: true, deadlineMs: Infinity };
        return this.#begin("stopOne", [child], []);
    }
  }

  #exited(child: Node): void {
    const reason = child.lastExit ?? "normal";
    const clean = reason === "normal" || reason === "shutdown";
    if (child.restart === "permanent" || (child.restart === "transient" && !clean)) {
      return this.#restart(child);
    }
    if (!clean) {
      this.runtime.log?.("error", child.path, `ended (${reason}) and is not restarted`, {
        restart: child.restart,
        error: textOf(child.lastError),
      });
    }
    // Actors made for one task end all the time.
    const cause = exitCause(child);
    if (cause === "failure" || child.declared || child.restart !== "temporary") {
      this.#noteEnd(child, cause, null);
    }
    this.#ended(child, reason, child.failure);
  }

  /** A child that its restart type leaves ended. A transient one comes back in a group restart. */
  #ended(child: Node, reason: ExitReason, error: unknown): void {
    if (child.restart === "temporary" && !child.declared) return this.#remove(child, reason, error);
    child.retire(reason, error);
    child.retired = child.restart === "temporary";
  }

  #remove(child: Node, reason: ExitReason, error: unknown): void {
    const at = this.children.indexOf(child);
    if (at >= 0) this.children.splice(at, 1);
    child.retire(reason, error);
    this.runtime.forget(child);
  }

  #restart(child: Node): void {
    const { strategy, intensity, periodMs, intensityScope } = this.options;
    const nowMs = this.runtime.clock.now();
    const window = intensityScope === "child" ? child.restartsMs : this.#window;
    while (window.length > 0 && (window[0] as number) < nowMs - periodMs) window.shift();
    window.push(nowMs);
    if (intensityScope === "supervisor") {
      child.restartsMs.push(nowMs);
      if (child.restartsMs.length > intensity + 1) child.restartsMs.shift();
    }
    const reason = child.lastExit ?? "crash";
    const cause = exitCause(child);
    if (window.length > intensity) {
      this.gaveUp++;
      this.#noteEnd(child, cause, null);
      this.#noteGivingUp(child);
      this.runtime.lifecycle?.(this, "gaveUp");
      this.runtime.log?.("error", this.path, "gives up", {
        child: child.path,
        reason,
        error: textOf(child.lastError),
      });
      const { failure } = child;
      this.failure = new LateError(() =>
        new IntensityReached(this.path, child.path, intensity, periodMs, madeOf(failure))
      );
      this.state = "stopping";
      return this.#beginTerminate(EXIT_TERMINATION, "giveUp");
    }
    this.restarts++;
    this.runtime.log?.("warn", child.path, `restarts after ${reason}`, {
      error: textOf(child.lastError),
      strategy,
      restartsInPeriod: window.length,
      intensity,
    });
    this.#restartGroup(child, this.#pauseMs(window.length), cause);
  }

  #restartGroup(child: Node, pauseMs: number, cause: RestartCause): void {
    const { strategy } = this.options;
    this.#noteRestart(child, cause, null);
    if (strategy === "one_for_one") {
      if (pauseMs > 0) return this.#restartLater(child, pauseMs);
      return this.#begin("restart", [], [child]);
    }
    const first = strategy === "one_for_all" ? 0 : this.children.indexOf(child);
    const group = this.children.slice(first);
    const stop = group.filter((member) => member !== child).reverse();
    for (const member of group) {
      if (member !== child && !member.retired) this.#noteSibling(member, child);
      // Absorbed: whatever exits and failed starts of theirs are waiting, this deals with them.
      member.exitQueued = false;
      member.startOwed = false;
      if (member !== child && member.restart === "temporary" && !member.retired) {
        member.retired = true;
        this.#leftOut.push(member);
      }
    }
    this.#begin("restart", stop, group.filter((member) => !member.retired), pauseMs);
  }

  #pauseMs(restarts: number): number {
    const backoff = this.options.backoff;
    if (backoff === null) return 0;
    const grown = backoff.minMs * (backoff.factor ?? 2) ** (restarts - 1);
    const jitter = backoff.jitter ?? 0.2;
    return Math.min(backoff.maxMs, grown) * (1 - jitter * this.runtime.random.next());
  }

  /** One child waits by itself; its siblings' exits are dealt with meanwhile. */
  #restartLater(child: Node, pauseMs: number): void {
    const pauses = this.#pauses ??= new Map();
    pauses.set(
      child,
      this.runtime.clock.setTimer(pauseMs, () => {
        pauses.delete(child);
        this.#post({ kind: "start", child });
      }),
    );
  }

  /** A restart or a stop on request makes void whatever restart of that child was to come. */
  #forgetPlans(child: Node): void {
    this.#pauses?.get(child)?.();
    this.#pauses?.delete(child);
    child.startOwed = false;
    child.exitQueued = false;
  }

  // ---- procedures: stop a list, then start a list ---------------------------------------------------

  #begin(purpose: Purpose, stop: Node[], start: Node[], pauseMs = 0): void {
    this.#purpose = purpose;
    this.#toStart = start;
    this.#list = stop;
    this.#at = 0;
    this.#stopping = true;
    if (purpose === "restart") this.#termination = EXIT_TERMINATION;
    if (pauseMs > 0) {
      this.#pause = this.runtime.clock.setTimer(pauseMs, () => {
        this.#pause = null;
        this.#proceed();
      });
    }
    this.#proceed();
  }

  #beginTerminate(how: Termination, purpose: Purpose): void {
    if (this.#pauses !== null) {
      for (const cancel of this.#pauses.values()) cancel();
      this.#pauses = null;
    }
    this.#pause?.();
    this.#pause = null;
    const waited = this.#waitingFor;
    this.#waitingFor = null;
    this.#termination = how;
    // A child that was being stopped keeps being stopped: its report is awaited like the others'.
    const stop = this.children.filter((child) => child.alive || child === waited).reverse();
    this.#begin(purpose, stop, []);
  }

  /** Takes steps until one has to be waited for or the procedure is over. */
  #proceed(): void {
    while (this.#waitingFor === null && this.#purpose !== null) {
      if (this.#stopping) {
        if (this.#at >= this.#list.length) {
          if (this.#pause !== null) return;
          this.#stopping = false;
          this.#list = this.#toStart;
          this.#at = 0;
          continue;
        }
        const child = this.#list[this.#at] as Node;
        this.#waitingFor = child;
        const isOver = child.terminate(this.#termination);
        this.#failVainAsks();
        if (!isOver) return;
        // What ran in there may have stopped the whole system: then this procedure is void.
        if (this.#waitingFor !== child || !this.#stopping) return;
        this.#waitingFor = null;
        child.exitQueued = false;
        this.#at++;
        continue;
      }
      if (this.#at >= this.#list.length) return this.#finished();
      const child = this.#list[this.#at] as Node;
      this.#waitingFor = child;
      const outcome = child.start();
      if (outcome === Started.pending) return;
      if (this.#waitingFor !== child || this.#stopping) return;
      this.#waitingFor = null;
      if (outcome === Started.failed) return this.#startFailed(child);
      this.#up(child);
      this.#at++;
    }
  }

  /** Somebody is down, and this one waits for another child: nobody there waits for an answer of it. */
  #failVainAsks(): void {
    const { runtime } = this;
    runtime.asks.failVain((path, from) => {
      const node = runtime.nodeAt(path);
      return node !== null && isHeldUpBy(node, from);
    });
  }

  #startFailed(child: Node): void {
    child.lastRestart?.settle("failed", this.runtime.clock.wallNow());
    const purpose = this.#purpose;
    if (purpose === "restart") {
      this.runtime.log?.("error", child.path, "init failed at restart", {
        error: textOf(child.lastError),
      });
      return this.#tryAgain(child);
    }
    if (purpose === "start" && this.state !== "starting") return this.#addedFailed(child);
    if (purpose === "resume") return this.#resumeFailed(child);
    const { failure } = child;
    this.failure = new LateError(() => {
      const cause = madeOf(failure);
      return cause instanceof StartFailed ? cause : new StartFailed(child.path, cause);
    });
    const started = this.#list.slice(0, this.#at).reverse();
    this.#termination = EXIT_TERMINATION;
    this.#begin("undoStart", started, []);
  }

  #tryAgain(child: Node): void {
    this.#settle();
    child.lastExit = "crash";
    child.startOwed = true;
    this.#post({ kind: "again", child });
  }

  /** A child added to a running supervisor, or one that waited out its backoff, did not start. */
  #addedFailed(child: Node): void {
    if (child.incarnation > 1) return this.#tryAgain(child);
    this.#settle();
    this.runtime.log?.("error", child.path, "init failed", { error: textOf(child.lastError) });
    if (child.state !== "stopped") this.#remove(child, "crash", child.lastError);
  }

  #resumeFailed(child: Node): void {
    this.runtime.log?.("error", child.path, "init failed", { error: textOf(child.lastError) });
    child.retire("crash", child.lastError);
    this.#settleResume(false);
  }

  #settleResume(isRunning: boolean): void {
    const done = this.#resumeDone;
    this.#resumeDone = null;
    this.#settle();
    done?.(isRunning);
  }

  #finished(): void {
    const purpose = this.#purpose;
    switch (purpose) {
      case "start":
      case "restart": {
        const first = this.state === "starting";
        this.state = "running";
        this.#settle();
        if (first) this.#reportStart(false);
        return;
      }
      case "undoStart":
        this.state = "down";
        this.#settle();
        return this.#reportStart(true);
      case "giveUp":
        return this.#finishGivingUp();
      case "terminate":
        this.state = "down";
        this.lastExit = "shutdown";
        this.runtime.lifecycle?.(this, "stopped");
        this.#settle();
        if (this.root !== null) this.root.terminated();
        else if (!this.#called) this.parent?.childTerminated(this);
        return;
      case "stopOne":
        return this.#finishStopOne();
      case "resume":
        return this.#settleResume(true);
    }
  }

  #finishGivingUp(): void {
    this.state = "down";
    this.lastExit = "shutdown";
    this.runtime.lifecycle?.(this, "exited");
    this.#clearInbox();
    this.#settle();
    if (this.root !== null) this.root.gaveUp(this.lastError);
    else this.parent?.childExited(this, "shutdown", null);
  }

  #finishStopOne(): void {
    const child = this.#stopTarget as Node;
    const done = this.#stopDone;
    this.#stopTarget = null;
    this.#stopDone = null;
    if (child.declared) child.retire("shutdown", null);
    else this.#remove(child, "shutdown", null);
    this.#settle();
    done?.();
    this.#startHeldUp();
  }

  /** A child whose start was owed is stopped for good: a group restart waited for it to start. */
  #startHeldUp(): void {
    if (this.busy || this.state !== "running" || this.options.strategy === "one_for_one") return;
    const heldUp = this.children.filter((member) =>
      member.state === "down" && member.incarnation > 0 && !member.retired &&
      !member.exitQueued && !member.startOwed
    );
    if (heldUp.length > 0) this.#begin("restart", [], heldUp);
  }

  #reportStart(failed: boolean): void {
    this.runtime.lifecycle?.(this, failed ? "failed" : "started");
    if (this.root !== null) this.root.started(failed, failed ? this.lastError : null);
    else if (!this.#called) this.parent?.childStarted(this, failed);
  }

  // ---- the history ----------------------------------------------------------------------------------

  #noteRestart(child: Node, cause: RestartCause, by: string | null): void {
    const { runtime, path, incarnation } = child;
    const at = runtime.clock.wallNow();
    // One that never came to its start was overtaken by this one.
    child.lastRestart?.settle("failed", at);
    const failure = cause === "failure" ? child.failure : null;
    const event = "restarted";
    child.lastRestart = runtime.restarts.note({ at, path, event, incarnation, cause, by, failure });
  }

  /** A sibling is taken along; one that had failed too is restarted on its own account. */
  #noteSibling(member: Node, failed: Node): void {
    if (member.incarnation === 0) return;
    if (member.restart === "temporary") return this.#noteEnd(member, "sibling", failed.path);
    const isOwn = member.exitQueued && exitCause(member) === "failure";
    if (isOwn) this.#noteRestart(member, "failure", null);
    else this.#noteRestart(member, "sibling", failed.path);
  }

  /** It is not started again, and what is below it ends with it. */
  #noteEnd(child: Node, cause: RestartCause, by: string | null): void {
    const { runtime, path, incarnation } = child;
    const at = runtime.clock.wallNow();
    child.lastRestart?.settle("failed", at);
    const failure = cause === "failure" ? child.failure : null;
    runtime.restarts.note({ at, path, event: "ended", incarnation, cause, by, failure });
    if (!(child instanceof SupervisorNode) || cause === "failure") return;
    for (const part of child.children) {
      if (part.state !== "stopped") this.#noteEnd(part, "parent", path);
    }
  }

  #noteGivingUp({ path: by, failure }: Node): void {
    const { runtime, path, incarnation } = this;
    const at = runtime.clock.wallNow();
    const what = { at, path, event: "gave_up", incarnation, cause: "failure", by } as const;
    runtime.restarts.note({ ...what, failure });
  }

  #up(child: Node): void {
    const { lastRestart } = child;
    if (lastRestart?.outcome === "under_way") {
      lastRestart.settle("up", this.runtime.clock.wallNow());
    }
  }

  /** The procedure is over; the next event can be taken. */
  #settle(): void {
    // However it went, those that a group restart left out are stopped by now.
    if (this.#leftOut.length > 0) {
      for (const child of this.#leftOut.splice(0)) this.#ended(child, "shutdown", null);
    }
    this.#purpose = null;
    this.#waitingFor = null;
    this.#list = [];
    this.#toStart = [];
    if (this.#inbox.length > 0 && this.state === "running") this.runtime.scheduler.schedule(this);
  }
}

/** Why a child ended; a supervisor that ends by itself gave up. */
function exitCause(child: Node): RestartCause {
  const reason = child.lastExit ?? "crash";
  const isClean = reason === "normal" || reason === "shutdown";
  return isClean && !(child instanceof SupervisorNode) ? "exit" : "failure";
}

function madeOf(failure: unknown): unknown {
  return failure instanceof LateError ? failure.make() : failure;
}
