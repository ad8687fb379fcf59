/**
 * How an actor is written: a protocol and a factory that makes the handlers of one incarnation.
 *
 * @module
 */

import type { Clock, Random } from "./clock.ts";
import type { ExitReason, LogLevel } from "./node.ts";
import type { Definition, Payload, Protocol, Reply } from "./protocol.ts";
import type { Priority } from "./protocol.ts";
import type { Trail } from "./tracing.ts";

/** Type of {@linkcode STASHED}. A `unique symbol` would be widened in `() => ctx.stash()`. */
export interface Stashed {
  /** Marks the type; there is one value of it. */
  readonly stashed: true;
}

/** A handler's word that the message was put aside with `ctx.stash()`. */
export const STASHED: Stashed = Object.freeze({ stashed: true });

/** A reply that is given later, while the actor goes on with other messages. */
export interface Deferred<R> {
  /** True once it was settled, by its owner or by the end of the incarnation. */
  readonly settled: boolean;
  /** Replies; no-op when settled or when the asker gave up. */
  resolve(reply: R): void;
  /** Fails the ask with `ActorFailed`. */
  reject(error: unknown): void;
}

/** What a handler may return for message `T`. */
export type HandlerResult<D extends Definition, T extends keyof D> = [Reply<D, T>] extends [never]
  ? void | typeof STASHED | Promise<void | typeof STASHED>
  :
    | Reply<D, T>
    | Deferred<Reply<D, T>>
    | typeof STASHED
    | Promise<Reply<D, T> | typeof STASHED>;

/** One handler per message of the protocol; a missing one is a compile error. */
export type Handlers<D extends Definition> = {
  readonly [T in keyof D]: (payload: Payload<D, T>) => HandlerResult<D, T>;
};

/**
 * What became of a tell: taken in, or not taken because the mailbox is full, the actor is stopped,
 * or nothing handles it. Everything but `accepted` is in the dead letters; `inert` came from the
 * context of an incarnation that is over and was never sent.
 */
export type TellResult = "accepted" | "overflow" | "stopped" | "unhandled" | "inert";

/** Options of a tell. */
export interface SendOptions {
  /** Lane of this message; default is the one its protocol names. */
  readonly priority?: Priority;
}

/** Options of an ask. */
export interface AskOptions extends SendOptions {
  /** Longest wait for the reply; default 5,000 ms. */
  readonly timeoutMs?: number;
}

/** A ref that can only tell. */
export interface TellRef<D extends Definition = Definition> {
  /** Absolute path of the actor, as `/wick/core/store`; it need not live now. */
  readonly path: string;
  /** What it can be sent, as the holder of the ref declared it. */
  readonly protocol: Protocol<D>;
  /** Sends and goes on. Never throws, never blocks. */
  tell<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): TellResult;
  /**
   * Sends when there is room: towards a mailbox with overflow `suspend` it waits for its turn,
   * elsewhere it is a tell. Resolves to what became of the message; never rejects.
   */
  offer<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): Promise<TellResult>;
}

/**
 * The name of an actor: stays valid over restarts, costs nothing to keep, may be handed on in
 * arguments and between threads.
 */
export interface Ref<D extends Definition = Definition> extends TellRef<D> {
  /**
   * Sends and waits for the reply.
   *
   * @throws {AskTimeout | ActorStopped | ActorDown | Overflow | ActorFailed} by rejecting; always settles.
   */
  ask<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: AskOptions,
  ): Promise<Reply<D, T>>;
}

/** What an incarnation can do besides handling. Inert once the incarnation is over. */
export interface Context<D extends Definition = Definition> {
  /** Absolute path of this actor; the same in every incarnation. */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  /** 1 for the first. */
  readonly incarnation: number;
  /** False once this incarnation is over. */
  readonly live: boolean;
  /** Itself. */
  readonly self: Ref<D>;
  /** Time of the system; virtual in a simulation. */
  readonly clock: Clock;
  /** Chance of the system; seeded in a simulation. */
  readonly random: Random;
  /** Causation id of the message under way; 0 outside of one. */
  readonly cause: number;
  /** How long the message under way waited in the mailbox, ms, to within a turn; 0 outside of one. */
  readonly waitedMs: number;
  /** Coarse monotonic ms: exact at the start of a turn of the event loop, then within a slice. */
  readonly turnMs: number;
  /** How long the oldest message in the mailbox has waited so far, ms, to within a turn; 0 = none. */
  readonly oldestWaitMs: number;
  /** Messages in the mailbox. */
  readonly depth: number;
  /** Where the message under way is in a trace, for {@linkcode Context.follow}; null = in none. */
  readonly trail: Trail | null;
  /**
   * Runs `work`, with all that it awaits, for a message of earlier: what it sends is traced as a part
   * of that, or not, as that is. For whoever gathers messages and works on them together.
   */
  follow<T>(trail: Trail | null, work: () => T): T;
  /**
   * Runs `work`, with all that it awaits, as the beginning of something: what it sends may begin a
   * trace. For loops that would else go on in the trace of their first round.
   */
  anew<T>(work: () => T): T;
  /**
   * Records something that came in and cannot be used as a dead letter of this actor: a candle that
   * breaks the rules, say. It counts as a message sent here.
   */
  bury(type: string, payload: unknown, error: Error): void;
  /** Writes a line with this actor's path to the system's log. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** In the handler of an ask: the reply comes later; return the result to the runtime. */
  defer<R>(): Deferred<R>;
  /** In a handler: puts this message aside, in front of the others at the next `unstash`. */
  stash(): typeof STASHED;
  /** Puts all stashed messages back in front of the mailbox, in their order. */
  unstash(): void;
  /**
   * Sends `type` to itself after `delayMs`, and then every `everyMs` if given. A timer named like an
   * earlier one replaces it; it holds at most one place in the mailbox, ahead of other messages.
   */
  timer<T extends keyof D & string>(
    name: string,
    options: { readonly delayMs: number; readonly everyMs?: number },
    type: T,
    payload: Payload<D, T>,
  ): void;
  /** Ends a timer, also when its message is queued already. */
  cancelTimer(name: string): void;
  /** Sends `type` with `{ path, reason }` to itself when `ref` stops for good. */
  watch<T extends keyof D & string>(ref: TellRef<Definition>, type: T): void;
  /** Runs at the end of this incarnation, however it ends; last registered first. */
  onStop(run: (reason: ExitReason) => void | Promise<void>): void;
  /** Ends this actor after the current message; its restart type decides what follows. */
  stop(reason?: "normal" | "shutdown"): void;
}

/** An actor that can be spawned: its protocol and its factory. */
export interface ActorDefinition<D extends Definition = Definition, A = unknown> {
  /** The messages it handles. */
  readonly protocol: Protocol<D>;
  /** Makes the handlers of one incarnation. What it throws, or rejects with, fails the init. */
  create(ctx: Context<D>, args: A): Handlers<D> | Promise<Handlers<D>>;
}

/**
 * Declares an actor. The factory runs once per incarnation, so state in its scope is new after each
 * restart.
 *
 * @example
 * ```ts
 * import { z } from "zod";
 * import { actor, protocol } from "./mod.ts";
 * const Counter = protocol("counter", {
 *   add: { payload: z.strictObject({ by: z.number() }) },
 *   total: { payload: z.strictObject({}), reply: z.number() },
 * });
 * const counter = actor(Counter, (_ctx, options: { start: number }) => {
 *   let total = options.start;
 *   return { add: ({ by }) => { total += by; }, total: () => total };
 * });
 * ```
 */
export function actor<D extends Definition, A = Record<string, never>>(
  messages: Protocol<D>,
  create: (ctx: Context<D>, args: A) => Handlers<D> | Promise<Handlers<D>>,
): ActorDefinition<D, A> {
  return { protocol: messages, create };
}
