/**
 * The ledger of a chaos run: what is known of every message and of every incarnation from outside,
 * and the invariants that must hold whatever happens.
 *
 * - a message ends handled, dead-lettered or superseded, once; it is begun at most once, and once
 *   more for each time that it was stashed
 * - messages of one sender to one receiver in one lane are begun in the order of their sending
 * - only the latest incarnation of a path handles, one message at a time; the context of an earlier
 *   one is inert
 * - a mailbox is given up only when its actor has stopped for good
 * - a timer's message comes only to the incarnation that set it, not early, not after its cancel;
 *   a watch's at most once
 * - an ask settles, and within its timeout
 * - the clean-up hook of an incarnation runs once
 *
 * @module
 */

import type { Context } from "../../src/actor/mod.ts";

/** One message, as seen from outside. */
export interface Mail {
  readonly id: number;
  /** Sender, receiver, kind and lane (and key, where the receiver conflates): what is ordered. */
  readonly stream: string;
  readonly to: string;
  /** False for what its sender's context refused. */
  sent: boolean;
  begun: number;
  stashes: number;
  finished: boolean;
  dead: string | null;
}

/** One incarnation, as seen from outside. */
export interface Life {
  readonly path: string;
  readonly ctx: Context;
  /** Id of the message under way; 0 = none. */
  busy: number;
  stashed: number;
  readonly timers: Map<string, { readonly stamp: number; dueMs: number; everyMs: number }>;
  readonly watched: Set<string>;
  hooks: number;
}

/** Books of one run. */
export class Ledger {
  /** The first broken invariant. */
  violation: string | null = null;
  readonly mails: Mail[] = [];
  readonly lives: Life[] = [];
  /** Messages of the system lane that were handled. */
  systemHandled = 0;
  asksOpen = 0;
  /** The message that is being sent right now. */
  onTheWay: Mail | null = null;
  readonly #latest = new Map<string, Life>();
  readonly #lastBegun = new Map<string, number>();
  readonly #record: (line: string) => void;

  constructor(record: (line: string) => void) {
    this.#record = record;
  }

  /** Adds a line to the history. */
  note(line: string): void {
    this.#record(line);
  }

  /** Records that an invariant is broken. */
  violate(what: string): void {
    this.#record(`VIOLATION ${what}`);
    this.violation ??= what;
  }

  // ---- incarnations ---------------------------------------------------------------------------------

  born(path: string, ctx: Context): Life {
    const before = this.#latest.get(path);
    if (before !== undefined) {
      if (before.ctx.live) this.violate(`${path}: two incarnations live at once`);
      if (before.ctx.incarnation >= ctx.incarnation) {
        this.violate(`${path}: incarnation ${ctx.incarnation} after ${before.ctx.incarnation}`);
      }
    }
    const life: Life = {
      path,
      ctx,
      busy: 0,
      stashed: 0,
      timers: new Map(),
      watched: new Set(),
      hooks: 0,
    };
    this.#latest.set(path, life);
    this.lives.push(life);
    this.note(`  ${path} is born as ${ctx.incarnation}`);
    return life;
  }

  latest(path: string): Life | undefined {
    return this.#latest.get(path);
  }

  // ---- messages -------------------------------------------------------------------------------------

  open(to: string, stream: string): Mail {
    const mail: Mail = {
      id: this.mails.length + 1,
      stream,
      to,
      sent: false,
      begun: 0,
      stashes: 0,
      finished: false,
      dead: null,
    };
    this.mails.push(mail);
    return mail;
  }

  /** What its sender was told; null where the sender is told later (asks and offers). */
  sent(mail: Mail, result: string | null, live: boolean): void {
    mail.sent = result !== "inert" && live;
    this.note(`  ${mail.stream} #${mail.id}: ${result ?? "sent"}`);
    if ((result === "inert") === live && result !== null) {
      this.violate(`#${mail.id}: "${result}" from a context that is ${live ? "live" : "over"}`);
    }
    if (!live && mail.dead !== null) this.violate(`#${mail.id}: an inert context sent it`);
    if (result === null || result === "inert") return;
    if ((result === "accepted") !== (mail.dead === null)) {
      this.violate(`#${mail.id}: "${result}", and its dead letter says ${mail.dead}`);
    }
  }

  begin(life: Life, id: number): Mail {
    const mail = this.mails[id - 1] as Mail;
    this.note(`  ${life.path} begins #${id}`);
    this.#mayHandle(life, `#${id}`);
    life.busy = id;
    if (mail.to !== life.path) this.violate(`#${id} to ${mail.to} came to ${life.path}`);
    if (!mail.sent && this.onTheWay !== mail) this.violate(`#${id} was handled and never sent`);
    if (mail.dead !== null) this.violate(`#${id} was handled after its dead letter`);
    if (mail.finished || ++mail.begun > 1 + mail.stashes) {
      this.violate(`#${id} was handled more than once`);
    }
    if (mail.stashes === 0) {
      const last = this.#lastBegun.get(mail.stream) ?? 0;
      if (last > id) this.violate(`${mail.stream}: #${id} came after #${last}`);
      this.#lastBegun.set(mail.stream, id);
    }
    return mail;
  }

  #mayHandle(life: Life, what: string): void {
    if (!life.ctx.live) this.violate(`${life.path}: ${what} came to an incarnation that is over`);
    if (this.#latest.get(life.path) !== life) {
      this.violate(`${life.path}: ${what} came to an old one`);
    }
    if (life.busy !== 0) {
      this.violate(`${life.path}: ${what} came while #${life.busy} is under way`);
    }
  }

  /** Its handler came back, if the incarnation is not over meanwhile. */
  finish(life: Life, mail: Mail): void {
    if (!life.ctx.live) return;
    life.busy = 0;
    mail.finished = true;
  }

  stash(life: Life, mail: Mail): void {
    life.busy = 0;
    life.stashed++;
    mail.stashes++;
  }

  /** A dead letter; `gone` = its actor has stopped for good, or takes nothing in any more. */
  buried(id: number, reason: string, gone: boolean): void {
    const mail = this.mails[id - 1] as Mail;
    this.note(`  #${id} is dead: ${reason}`);
    if (mail.dead !== null) this.violate(`#${id} has two dead letters: ${mail.dead}, ${reason}`);
    mail.dead = reason;
    // Its handler may be done and its promise not yet heard.
    const underWay = mail.begun > mail.stashes;
    if (reason === "stopped" && !gone && !underWay) {
      this.violate(`#${id}: dead-lettered as stopped, and ${mail.to} is not`);
    }
  }

  // ---- the system lane ------------------------------------------------------------------------------

  tick(life: Life, name: string, stamp: number, nowMs: number): void {
    this.note(`  ${life.path} ticks ${name}`);
    this.#mayHandle(life, `timer ${name}`);
    this.systemHandled++;
    const timer = life.timers.get(name);
    if (timer === undefined || timer.stamp !== stamp) {
      return this.violate(`${life.path}: timer ${name} ticked after it was cancelled`);
    }
    if (nowMs < timer.dueMs) this.violate(`${life.path}: timer ${name} was early`);
    if (timer.everyMs > 0) timer.dueMs += timer.everyMs;
    else life.timers.delete(name);
  }

  gone(life: Life, path: string): void {
    this.note(`  ${life.path} hears that ${path} is gone`);
    this.#mayHandle(life, `the end of ${path}`);
    this.systemHandled++;
    if (!life.watched.delete(path)) {
      this.violate(`${life.path}: told of the end of ${path}, which it does not watch`);
    }
  }

  // ---- the end --------------------------------------------------------------------------------------

  /** After the stop: every message ended once. `superseded` per path; `conflating` paths may have some. */
  close(handled: number, superseded: ReadonlyMap<string, number>): void {
    const missing = new Map<string, number>();
    let finished = this.systemHandled;
    for (const mail of this.mails) {
      if (!mail.sent) {
        if (mail.begun > 0 || mail.dead !== null) this.violate(`#${mail.id} was never sent`);
        continue;
      }
      if (mail.finished && mail.dead === null) finished++;
      else if (mail.dead === null) missing.set(mail.to, (missing.get(mail.to) ?? 0) + 1);
    }
    for (const [path, count] of missing) {
      const allowed = superseded.get(path) ?? 0;
      if (count > allowed) {
        this.violate(`${path}: ${count} messages vanished, ${allowed} superseded`);
      }
    }
    if (finished !== handled) this.violate(`${finished} were handled, the system says ${handled}`);
    if (this.asksOpen !== 0) this.violate(`${this.asksOpen} asks never settled`);
    for (const { path, ctx, hooks } of this.lives) {
      if (hooks !== 1) this.violate(`${path} (${ctx.incarnation}) was cleaned up ${hooks} times`);
      if (ctx.live) this.violate(`${path} (${ctx.incarnation}) is live after the stop`);
    }
  }
}
