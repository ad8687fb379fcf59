/**
 * Refs that ask in another way than the ref that they stand for.
 *
 * @module
 */

import type { AskOptions, Ref, SendOptions, TellResult } from "./actor.ts";
import type { IncarnationContext } from "./context.ts";
import type { Definition, Payload, Protocol, Reply } from "./protocol.ts";

/** How a {@linkcode wrappedRef} asks: through `ref`, whose types it must keep to. */
export type AskThrough<D extends Definition> = (
  ref: Ref<D>,
  type: keyof D & string,
  payload: unknown,
  options?: AskOptions,
) => Promise<unknown>;

/**
 * The same actor, asked in another way: under other names say, or with other messages. Arguments of
 * actors may hold it like any ref.
 */
export function wrappedRef<D extends Definition>(ref: Ref<D>, ask: AskThrough<D>): Ref<D> {
  return new WrappedRef(ref, ask);
}

/** A ref that can be bound to an incarnation; all of this library can. */
interface Bindable<D extends Definition> {
  boundTo(context: IncarnationContext): Ref<D>;
}

/** See {@linkcode wrappedRef}. Bound to an incarnation, what it stands for is bound too. */
export class WrappedRef<D extends Definition = Definition> implements Ref<D> {
  readonly path: string;
  readonly protocol: Protocol<D>;
  readonly #ref: Ref<D>;
  readonly #ask: AskThrough<D>;

  constructor(ref: Ref<D>, ask: AskThrough<D>) {
    this.path = ref.path;
    this.protocol = ref.protocol;
    this.#ref = ref;
    this.#ask = ask;
  }

  /** The same ref for the use of one incarnation. */
  boundTo(context: IncarnationContext): WrappedRef<D> {
    const bindable = this.#ref as Ref<D> & Partial<Bindable<D>>;
    return new WrappedRef(bindable.boundTo?.(context) ?? this.#ref, this.#ask);
  }

  tell<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): TellResult {
    return this.#ref.tell(type, payload, options);
  }

  offer<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: SendOptions,
  ): Promise<TellResult> {
    return this.#ref.offer(type, payload, options);
  }

  ask<T extends keyof D & string>(
    type: T,
    payload: Payload<D, T>,
    options?: AskOptions,
  ): Promise<Reply<D, T>> {
    return this.#ask(this.#ref, type, payload, options) as Promise<Reply<D, T>>;
  }
}
