/**
 * Keeps dead letters in the store, so that they are there after a restart, and shows, replays and
 * drops them. It listens to the system's dead letters and writes what came in batches; what cannot be
 * written is counted and left out, for the letters of a full disk must not fill the memory.
 *
 * @module
 */

import { actor, type Context, type Ref, type System } from "../src/actor/mod.ts";
import { KeptLetters, type LetterStore } from "../src/http/kept_letters.ts";
import type { LetterFilter, NewLetter } from "../src/store/port.ts";
import { Letters, type Store } from "./protocols.ts";

/** Whose letters are kept, and where. */
export interface LettersArgs {
  /** What is known of them: it outlives the actor's restarts. */
  readonly kept: KeptLetters;
  /** What `kept` asks. */
  readonly asked: AskedStore;
  readonly store: Ref<typeof Store.definition>;
  readonly system: System;
}

/** Between writes: a crash of the process costs the letters of so long. */
const WRITE_EVERY_MS = 1_000;
/** Stopping does not wait longer for the last write, nor does whoever looks. */
const ANSWER = { timeoutMs: 2_000 } as const;

/** The letters of a system, kept in a store: the arguments of {@linkcode letters}. */
export function lettersArgs(store: Ref<typeof Store.definition>, system: System): LettersArgs {
  const asked = new AskedStore(store);
  return { kept: new KeptLetters(asked, system), asked, store, system };
}

/** The store behind the letters. */
class AskedStore implements LetterStore {
  /** The ref of the incarnation that asks: one that is being ended does not wait for a store that is down. */
  store: Ref<typeof Store.definition>;

  constructor(store: Ref<typeof Store.definition>) {
    this.store = store;
  }

  buryLetters(letters: readonly NewLetter[]) {
    return this.store.ask("buryLetters", { letters }, ANSWER);
  }

  letters(filter: LetterFilter, limit: number) {
    return this.store.ask("letters", { filter: writable(filter), limit }, ANSWER);
  }

  dropLetters(filter: LetterFilter) {
    return this.store.ask("dropLetters", { filter: writable(filter) }, ANSWER);
  }

  async count() {
    return (await this.store.ask("info", {}, ANSWER)).letters;
  }
}

/** The same filter; the protocol's arrays can be written to. */
function writable<F extends { readonly ids?: readonly number[] }>({ ids, ...filter }: F) {
  return ids === undefined ? filter : { ...filter, ids: [...ids] };
}

/** See {@linkcode Letters}. */
export const letters = actor(Letters, (ctx, { kept, asked, store, system }: LettersArgs) => {
  asked.store = store;
  const write = async () => {
    const refused = await kept.write();
    if (refused !== null) ctx.log("warn", "dead letters could not be kept", { reason: refused });
  };
  // A letter about the keeping of letters would bring the next one.
  kept.catchUp(ctx.path);
  const unsubscribe = system.deadLetters.subscribe((letter) =>
    kept.take(letter, letter.path !== ctx.path)
  );
  ctx.onStop(() => {
    unsubscribe();
    return write();
  });
  ctx.timer("write", { delayMs: WRITE_EVERY_MS, everyMs: WRITE_EVERY_MS }, "write", {});
  return {
    write,
    status: () => kept.status,
    list: (query) => answering(ctx, () => kept.list(query)),
    get: ({ id }) => answering(ctx, () => kept.get(id)),
    replay: ({ ids }) => answering(ctx, () => kept.replay(ids)),
    plan: ({ ids }) => answering(ctx, () => kept.plan(ids)),
    drop: ({ ids }) => answering(ctx, () => kept.drop(ids)),
    counts: () => answering(ctx, () => kept.counts()),
  };
});

/** What cannot be answered fails its asker, not the keeping. */
function answering<T>(ctx: Context<typeof Letters.definition>, look: () => Promise<T>) {
  const reply = ctx.defer<T>();
  look().then((found) => reply.resolve(found), (error) => reply.reject(error));
  return reply;
}
