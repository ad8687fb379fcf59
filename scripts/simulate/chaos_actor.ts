/**
 * The actor of a chaos run: it does at random whatever an actor may do, and tells the ledger.
 *
 * @module
 */

import { z } from "zod";
import {
  actor,
  type ActorDefinition,
  ActorError,
  type Clock,
  type Context,
  type Priority,
  type Protocol,
  protocol,
  type Ref,
} from "../../src/actor/mod.ts";
import type { Ledger, Life, Mail } from "./chaos_ledger.ts";
import type { Prng } from "./prng.ts";

const MAIL = z.strictObject({ id: z.number(), hops: z.number(), key: z.number() });

const MESSAGES = {
  work: { payload: MAIL },
  offered: { payload: MAIL },
  query: { payload: MAIL, reply: z.number() },
  tick: { payload: z.strictObject({ name: z.string(), stamp: z.number() }) },
  gone: { payload: z.strictObject({ path: z.string(), reason: z.string() }) },
};

/** What travels in a message that the ledger knows. */
export type MailPayload = z.output<typeof MAIL>;

/** Messages of the chaos actor. */
export const Chaos: Protocol<typeof MESSAGES> = protocol("chaos", MESSAGES);
/** A ref to one. */
export type ChaosRef = Ref<typeof MESSAGES>;

const PRIORITIES = ["urgent", "high", "normal", "low"] as const;
/** How far one message may set off others. */
export const HOPS_MAX = 3;
/** Keys of conflation; the key -1 is never replaced. */
const KEYS = 3;
const STASH_MAX = 6;
/** Deadlines are looked at no oftener than once a millisecond. */
const ASK_LATE_MAX_MS = 1;
const ASK_ERRORS = new Set([
  "ask_timeout",
  "actor_stopped",
  "actor_down",
  "overflow",
  "actor_failed",
]);

/** What the actors share with the run that they are in. */
export interface ChaosWorld {
  readonly dice: Prng;
  readonly ledger: Ledger;
  /** No more mischief: messages are handled at once, inits succeed. */
  calm: boolean;
  /** The clock of the system, known from the first incarnation on. */
  clock: Clock | null;
  /** Whether a path's mailbox conflates. */
  conflates(path: string): boolean;
}

/** Virtual ms since the start. */
export function nowMsOf(world: ChaosWorld): number {
  return world.clock?.now() ?? 0;
}

function sleep(world: ChaosWorld, ms: number): Promise<void> {
  return new Promise((resolve) => world.clock?.setTimer(ms, resolve));
}

/** Sends messages that the ledger knows, for one sender. */
export class Sender {
  readonly #world: ChaosWorld;
  readonly #name: string;
  readonly #live: () => boolean;

  constructor(world: ChaosWorld, name: string, live: () => boolean) {
    this.#world = world;
    this.#name = name;
    this.#live = live;
  }

  #open(ref: ChaosRef, kind: string, priority: Priority, hops: number) {
    const { dice, ledger } = this.#world;
    const key = dice.below(KEYS + 1) - 1;
    // Replaced in place: the order is that of the messages with one key only.
    const keyed = this.#world.conflates(ref.path) ? ` ${key}` : "";
    const mail = ledger.open(ref.path, `${this.#name} ${kind} ${ref.path} ${priority}${keyed}`);
    return { mail, payload: { id: mail.id, hops, key } };
  }

  tell(ref: ChaosRef, hops = 0): void {
    const { dice, ledger } = this.#world;
    const priority = PRIORITIES[dice.below(4)] as Priority;
    const { mail, payload } = this.#open(ref, "tells", priority, hops);
    ledger.onTheWay = mail;
    const result = ref.tell("work", payload, { priority });
    ledger.onTheWay = null;
    ledger.sent(mail, result, this.#live());
  }

  /** Resolves when it is settled; checks with what, and when. */
  async ask(ref: ChaosRef, timeoutMs: number, hops = 0): Promise<number | null> {
    const { dice, ledger } = this.#world;
    const priority = PRIORITIES[dice.below(4)] as Priority;
    const { mail, payload } = this.#open(ref, "asks", priority, hops);
    const untilMs = nowMsOf(this.#world) + timeoutMs;
    const live = this.#live();
    ledger.asksOpen++;
    ledger.onTheWay = mail;
    const reply = ref.ask("query", payload, { priority, timeoutMs });
    ledger.onTheWay = null;
    ledger.sent(mail, null, live);
    try {
      return await reply;
    } catch (error) {
      if (error instanceof ActorError && ASK_ERRORS.has(error.code)) return null;
      ledger.violate(`ask #${mail.id} failed with ${error}`);
      return null;
    } finally {
      ledger.asksOpen--;
      ledger.note(`  ask #${mail.id} is settled`);
      if (nowMsOf(this.#world) > untilMs + ASK_LATE_MAX_MS) {
        ledger.violate(`ask #${mail.id} was settled ${nowMsOf(this.#world) - untilMs} ms late`);
      }
    }
  }

  async offer(ref: ChaosRef): Promise<void> {
    const { ledger } = this.#world;
    const { mail, payload } = this.#open(ref, "offers", "normal", 0);
    const live = this.#live();
    // It may be let in and handled before the offer resolves.
    mail.sent = live;
    const result = await ref.offer("offered", payload);
    ledger.sent(mail, mail.begun > 0 || mail.dead !== null ? null : result, live);
  }
}

/** Arguments of the chaos actor: refs to all, itself included. */
export interface ChaosArgs {
  readonly peers: ChaosRef[];
}

/** The actor of one run. */
export function chaosActor(world: ChaosWorld): ActorDefinition<typeof MESSAGES, ChaosArgs> {
  return actor(Chaos, (ctx, args: ChaosArgs) => {
    world.clock = ctx.clock;
    const mischief = new Mischief(world, ctx as Context as Context<typeof MESSAGES>, args.peers);
    const handlers = {
      work: (payload: MailPayload) => mischief.work(payload),
      offered: (payload: MailPayload) => mischief.work(payload),
      query: (payload: MailPayload) => mischief.query(payload),
      tick: ({ name, stamp }: { name: string; stamp: number }) => mischief.tick(name, stamp),
      gone: ({ path }: { path: string }) => world.ledger.gone(mischief.life, path),
    };
    if (world.calm || !world.dice.percent(25)) return handlers;
    const ms = world.dice.between(1, 80);
    const fails = ctx.incarnation > 1 && world.dice.percent(15);
    return sleep(world, ms).then(() => {
      if (fails) throw new Error("init rejects");
      return handlers;
    });
  });
}

/** One incarnation's handlers. */
class Mischief {
  readonly life: Life;
  readonly #world: ChaosWorld;
  readonly #ctx: Context<typeof MESSAGES>;
  readonly #peers: readonly ChaosRef[];
  readonly #sender: Sender;
  #stamps = 0;

  constructor(world: ChaosWorld, ctx: Context<typeof MESSAGES>, peers: readonly ChaosRef[]) {
    this.#world = world;
    this.#ctx = ctx;
    this.#peers = peers;
    this.life = world.ledger.born(ctx.path, ctx as Context as Context);
    this.#sender = new Sender(world, ctx.path, () => ctx.live);
    const ms = world.dice.percent(25) ? world.dice.between(1, 60) : 0;
    const fails = world.dice.percent(5);
    ctx.onStop(async () => {
      this.life.hooks++;
      if (fails) throw new Error("hook fails");
      if (ms > 0) await sleep(world, ms);
    });
    if (ms === 0) ctx.onStop(() => {});
  }

  work(payload: MailPayload) {
    const mail = this.#world.ledger.begin(this.life, payload.id);
    return this.#act(mail, payload.hops);
  }

  query(payload: MailPayload) {
    const { dice, ledger, calm } = this.#world;
    const mail = ledger.begin(this.life, payload.id);
    const { incarnation } = this.#ctx;
    if (!calm && dice.percent(20)) {
      const reply = this.#ctx.defer<number>();
      const ms = dice.between(0, 120);
      const fails = dice.percent(20);
      void sleep(this.#world, ms).then(() =>
        fails ? reply.reject(new Error("no")) : reply.resolve(incarnation)
      );
      ledger.finish(this.life, mail);
      return reply;
    }
    const result = this.#act(mail, payload.hops);
    return result instanceof Promise
      ? result.then((late) => late ?? incarnation)
      : result ?? incarnation;
  }

  tick(name: string, stamp: number): void {
    this.#world.ledger.tick(this.life, name, stamp, nowMsOf(this.#world));
    if (this.#world.calm) this.#cancelTimers();
    else if (this.#world.dice.percent(30)) this.#unstash();
  }

  /** Whatever comes to mind while a message is under way. */
  #act(mail: Mail, hops: number) {
    const { dice, ledger, calm } = this.#world;
    if (calm) {
      this.#unstash();
      return void ledger.finish(this.life, mail);
    }
    const what = dice.below(100);
    if (what < 3) throw new Error("handler throws");
    if (what < 7 && this.life.stashed < STASH_MAX) {
      ledger.stash(this.life, mail);
      return this.#ctx.stash();
    }
    if (what < 23) return this.#actLater(mail, hops);
    if (what < 29) this.#ctx.stop(dice.percent(50) ? "normal" : "shutdown");
    else if (what < 45) this.#send(hops);
    else this.#actAside(what);
    return void ledger.finish(this.life, mail);
  }

  #actAside(what: number): void {
    if (what < 52) this.#unstash();
    else if (what < 60) this.#setTimer();
    else if (what < 62) this.#cancelTimers();
    else if (what < 65) this.#watch();
    else if (what < 69) void this.#sender.offer(this.#peer());
    else if (what < 74) void this.#sender.ask(this.#peer(), 10 * this.#world.dice.between(1, 20));
  }

  async #actLater(mail: Mail, hops: number): Promise<void> {
    const { dice, ledger } = this.#world;
    if (dice.percent(30)) {
      await this.#sender.ask(this.#peer(), 10 * dice.between(1, 20), Math.max(0, hops - 1));
    } else await sleep(this.#world, dice.between(0, 60));
    if (dice.percent(40)) this.#send(hops);
    if (dice.percent(8)) this.#ctx.stop();
    if (dice.percent(15)) throw new Error("handler rejects");
    ledger.finish(this.life, mail);
  }

  #send(hops: number): void {
    if (hops <= 0) return;
    const count = this.#world.dice.between(1, 2);
    for (let i = 0; i < count; i++) this.#sender.tell(this.#peer(), hops - 1);
  }

  #peer(): ChaosRef {
    return this.#peers[this.#world.dice.below(this.#peers.length)] as ChaosRef;
  }

  #unstash(): void {
    if (this.#ctx.live) this.life.stashed = 0;
    this.#ctx.unstash();
  }

  #setTimer(): void {
    const { dice } = this.#world;
    const name = `t${dice.below(3)}`;
    const delayMs = dice.below(80);
    const everyMs = dice.percent(40) ? dice.between(20, 90) : 0;
    const stamp = ++this.#stamps;
    this.life.timers.set(name, { stamp, dueMs: nowMsOf(this.#world) + delayMs, everyMs });
    const repeat = everyMs > 0 ? { delayMs, everyMs } : { delayMs };
    this.#ctx.timer(name, repeat, "tick", { name, stamp });
  }

  #cancelTimers(): void {
    for (const name of this.life.timers.keys()) this.#ctx.cancelTimer(name);
    this.life.timers.clear();
  }

  #watch(): void {
    const peer = this.#peer();
    if (peer.path === this.#ctx.path || this.life.watched.has(peer.path)) return;
    this.life.watched.add(peer.path);
    this.#ctx.watch(peer as Ref, "gone");
  }
}
