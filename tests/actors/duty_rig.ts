/**
 * Several nodes in one virtual time: each has a copy of one log, which it applies some time after the
 * others, and duties that move, of which it hears some time later.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Clock, nextTurn, type Random, VirtualClock } from "../../src/actor/clock.ts";
import type { Duties } from "../../src/store/nodes/duties.ts";
import type { ChangedRecord } from "../../src/store/nodes/followed_store.ts";
import { RecordNews } from "../../src/store/nodes/record_news.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch, Store } from "../../src/store/port.ts";

type Entry = (store: MemoryStore) => unknown;

/** The log: entries in one order, which each copy applies by itself. */
export class SharedEntries {
  readonly copies: CopyStore[] = [];
  readonly #entries: { readonly run: Entry; readonly changed: readonly ChangedRecord[] }[] = [];

  constructor(readonly clock: Clock, readonly random: Random, readonly lagMaxMs: number) {}

  get length(): number {
    return this.#entries.length;
  }

  /** Appends; every copy has it some time later. */
  append(run: Entry, changed: readonly ChangedRecord[]): number {
    this.#entries.push({ run, changed });
    for (const copy of this.copies) copy.later();
    return this.#entries.length;
  }

  at(position: number) {
    return this.#entries[position];
  }
}

/** A node's copy. Writes resolve once they are in it. */
export class CopyStore {
  readonly memory: MemoryStore;
  readonly news = new RecordNews();
  readonly store: Store;
  /** The node is gone: nothing of it gets into the log any more. */
  isGone = false;
  /** Nothing can be written: the log is away. */
  isAway = false;
  #applied = 0;
  #dueMs = 0;
  readonly #waiting: { readonly position: number; readonly done: (result: unknown) => void }[] = [];

  constructor(readonly log: SharedEntries) {
    this.memory = new MemoryStore({ clock: log.clock });
    log.copies.push(this);
    this.later();
    const write =
      (changedOf: (...args: never[]) => readonly ChangedRecord[], name: keyof MemoryStore) =>
      (...args: never[]) => {
        if (this.isGone || this.isAway) {
          const message = this.isGone ? "the process is gone" : "the log is away";
          return { state: "refused", code: "broken", message };
        }
        const run: Entry = (store) => (store[name] as (...all: never[]) => unknown)(...args);
        const position = log.append(run, changedOf(...args));
        return new Promise((done) => this.#waiting.push({ position, done }));
      };
    const one = (kind: string, key: string) => [{ kind, key }];
    const writes: Record<string, unknown> = {
      commit: write(
        (batches: readonly CommitBatch[]) => batches.flatMap(({ records = [] }) => records),
        "commit",
      ),
      putRecord: write(one, "putRecord"),
      dropRecord: write(one, "dropRecord"),
      buryLetters: write(() => [], "buryLetters"),
    };
    this.store = new Proxy(this.memory, {
      get: (memory, name) => {
        const found = writes[String(name)] ?? Reflect.get(memory, name);
        return typeof found === "function" ? found.bind(memory) : found;
      },
    });
  }

  /** Applies what is there some time from now, in order. */
  later(): void {
    const { clock, random, lagMaxMs } = this.log;
    this.#dueMs = Math.max(this.#dueMs, clock.now() + random.next() * lagMaxMs);
    const upTo = this.log.length;
    clock.setTimer(this.#dueMs - clock.now(), () => this.#apply(upTo));
  }

  #apply(upTo: number): void {
    while (this.#applied < upTo) {
      const entry = this.log.at(this.#applied++);
      assert(entry !== undefined);
      const result = entry.run(this.memory);
      while (this.#waiting[0]?.position === this.#applied) this.#waiting.shift()?.done(result);
      if (entry.changed.length > 0 && !this.isGone) this.news.tell(entry.changed);
    }
  }
}

/** Who has which duty: one node at a time, though nodes hear of it later. */
export class MovingDuties {
  readonly #owners = new Map<string, string | null>();
  readonly #nodes = new Map<string, NodeView>();

  constructor(readonly clock: Clock, public first: string | null) {}

  of(node: string): Duties {
    const view = new NodeView((name) => this.owner(name) === node);
    this.#nodes.set(node, view);
    return view;
  }

  owner(name: string): string | null {
    const owner = this.#owners.get(name);
    return owner === undefined ? this.first : owner;
  }

  /** Gives a duty to a node; the old one hears of it after `lateMs`, the new one at once. */
  move(name: string, to: string | null, lateMs = 0): void {
    const from = this.owner(name);
    this.#owners.set(name, to);
    for (const [node, view] of this.#nodes) {
      if (node === from && lateMs > 0) {
        view.believes(name, true);
        this.clock.setTimer(lateMs, () => view.believes(name, null));
      } else view.tell();
    }
  }

  /** Gives whatever was not moved by name to a node. */
  moveAll(to: string | null): void {
    this.first = to;
    for (const view of this.#nodes.values()) view.tell();
  }
}

class NodeView implements Duties {
  readonly #beliefs = new Map<string, boolean>();
  readonly #listeners = new Set<() => void>();

  constructor(readonly truth: (name: string) => boolean) {}

  owns(name: string): boolean {
    return this.#beliefs.get(name) ?? this.truth(name);
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  believes(name: string, what: boolean | null): void {
    if (what === null) this.#beliefs.delete(name);
    else this.#beliefs.set(name, what);
    this.tell();
  }

  tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Virtual time with everything that hangs on it. */
export class SharedTime {
  readonly clock: VirtualClock;

  constructor(wallMs = Date.UTC(2026, 2, 3, 8)) {
    this.clock = new VirtualClock(0, wallMs);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await this.settle();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      await this.settle();
    }
    this.clock.advance(Math.max(0, untilMs - this.clock.now()));
    await this.settle();
  }

  async play<T>(promise: Promise<T>, limitMs = 48 * 3_600_000): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    await this.until(() => isOver, limitMs);
    return await promise;
  }

  async until(holds: () => boolean, limitMs = 48 * 3_600_000): Promise<void> {
    const untilMs = this.clock.now() + limitMs;
    await this.settle();
    while (!holds()) {
      assert(this.clock.fireNext() && this.clock.now() <= untilMs, "it does not come");
      await this.settle();
    }
  }
}
