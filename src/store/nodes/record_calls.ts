/**
 * Calls from node to node by way of records, which all nodes see in the same order: whoever has the
 * duty that a call is about carries it out, now or once somebody has it.
 *
 * - Whoever carries a call out takes it first, and whoever asks withdraws it when there is no
 *   answer in time; both move one cursor, so that one of the two comes first, and a call that was
 *   withdrawn is not carried out.
 * - A call is carried out at least once; after a hand-over in between perhaps twice.
 * - A record of its own for each call and each answer; both are gone when it is over.
 *
 * @module
 */

import type { Cancel, Clock, Random } from "../../actor/clock.ts";
import type { BatchRecord, StoredRecord } from "../port.ts";
import type { ChangedRecord } from "./followed_store.ts";

/** Bounds of calls by way of records. */
export const RECORD_CALL_BOUNDS = {
  /**
   * A node that has no answer by then withdraws the call, ms: a crashed owner is replaced in 3 s.
   */
  answerMs: 15_000,
  /** One that was taken by then is waited for so much longer, ms; after that nobody knows. */
  takenMs: 30_000,
  /** Tries to move the cursor that all move. */
  tries: 32,
  /**
   * A call of a node that is gone is dropped after so long by the wall clock, ms, and not carried
   * out: who asked was told long ago that it was not. Clocks of nodes may differ by less.
   */
  oldMs: 60_000,
  /** Calls of one node that wait at a time; each may hold the symbols of a job. */
  waiting: 64,
} as const;

/** Records, as an actor asks its store for them. */
export interface CallRecords {
  /** Writes all of them or none; rejects when they are not written. */
  write(records: readonly BatchRecord[]): Promise<void>;
  /** The cursor of a feed. */
  cursor(feed: string): Promise<string | null>;
  /** As `write`, and moves the cursor of a feed; false, with nothing done, when it stands elsewhere. */
  writeAfter(
    move: { readonly feed: string; readonly after: string | null; readonly cursor: string },
    records: readonly BatchRecord[],
  ): Promise<boolean>;
  get(kind: string, key: string): Promise<string | null>;
  list(kind: string): Promise<readonly StoredRecord[]>;
}

/** How {@linkcode RecordCalls} are made. */
export interface RecordCallsOptions {
  /** Kind of the calls; that of the answers is `KIND_answer`. */
  readonly kind: string;
  /** Name of this node. */
  readonly node: string;
  readonly records: CallRecords;
  readonly clock: Clock;
  readonly random: Random;
}

/** A call that waits for whoever has its duty. */
export interface WaitingCall {
  readonly key: string;
  /** What it is about. */
  readonly about: string;
  /** Node that asks. */
  readonly from: string;
  readonly payload: unknown;
}

interface KeptCall extends Omit<WaitingCall, "key"> {
  readonly atMs: number;
  /** Node that carries it out. */
  readonly taken?: string;
}

interface KeptAnswer {
  readonly atMs: number;
  readonly value: unknown;
}

/** Waits for news, and not for ever. */
class Wait {
  end: Cancel = () => {};
  readonly #clock: Clock;
  isLate = false;
  #hasNews = false;
  #wake: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.longer(RECORD_CALL_BOUNDS.answerMs);
  }

  longer(ms: number): void {
    this.isLate = false;
    this.end = this.#clock.setTimer(ms, () => {
      this.isLate = true;
      this.#wake?.();
    });
  }

  /** There may be an answer. */
  look(): void {
    this.#hasNews = true;
    this.#wake?.();
  }

  /** Whether there was news in time. */
  async next(): Promise<boolean> {
    if (!this.#hasNews && !this.isLate) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    this.#wake = null;
    const hadNews = this.#hasNews;
    this.#hasNews = false;
    return hadNews;
  }
}

/** See the module's text. */
export class RecordCalls {
  readonly #options: RecordCallsOptions;
  readonly #answers: string;
  readonly #asking = new Map<string, Wait>();
  #count = 0;

  /** Nothing is asked or read yet. */
  constructor(options: RecordCallsOptions) {
    this.#options = options;
    this.#answers = `${options.kind}_answer`;
  }

  /** The answer to a call; null when nobody gave one in time, or too many wait. */
  async ask(about: string, payload: unknown): Promise<{ readonly value: unknown } | null> {
    const { kind, node, records, clock, random } = this.#options;
    if (this.#asking.size >= RECORD_CALL_BOUNDS.waiting) return null;
    const chance = Math.floor(random.next() * 2 ** 40).toString(36);
    const key = `${node}/${chance}.${++this.#count}`;
    const call: KeptCall = { about, from: node, payload, atMs: clock.wallNow() };
    const wait = new Wait(clock);
    this.#asking.set(key, wait);
    try {
      await records.write([{ kind, key, json: JSON.stringify(call) }]);
      let json = await this.#answered(key, wait);
      if (json === null && await this.#withdrawn(key) === "taken") {
        wait.longer(RECORD_CALL_BOUNDS.takenMs);
        json = await this.#answered(key, wait);
      }
      json ??= await records.get(this.#answers, key);
      if (json === null) return null;
      await records.write([{ kind, key, json: null }, { kind: this.#answers, key, json: null }]);
      return { value: (JSON.parse(json) as KeptAnswer).value };
    } finally {
      wait.end();
      this.#asking.delete(key);
    }
  }

  /** The answer's JSON; null when there is none in time. */
  async #answered(key: string, wait: Wait): Promise<string | null> {
    const { records } = this.#options;
    let json = await records.get(this.#answers, key);
    while (json === null && await wait.next()) json = await records.get(this.#answers, key);
    return json;
  }

  /** Withdraws a call, unless somebody has taken it or it was answered. */
  #withdrawn(key: string): Promise<"withdrawn" | "taken" | "gone"> {
    return this.#moved<"withdrawn" | "taken">(
      key,
      ({ taken }) =>
        taken === undefined
          ? { done: "withdrawn", json: null }
          : { done: "taken", json: undefined },
    );
  }

  /** Takes a call to carry it out; false when it was withdrawn or answered. */
  async take({ key }: WaitingCall): Promise<boolean> {
    const { node } = this.#options;
    const done = await this.#moved(key, (call) => ({
      done: "taken",
      json: JSON.stringify({ ...call, taken: node }),
    }));
    return done === "taken";
  }

  /** Changes a call that is there; `json` undefined = leaves it. */
  async #moved<T extends string>(
    key: string,
    change: (call: KeptCall) => { readonly done: T; readonly json: string | null | undefined },
  ): Promise<T | "gone"> {
    const { kind, node, records, random } = this.#options;
    for (let tries = 0; tries < RECORD_CALL_BOUNDS.tries; tries++) {
      // First: what changes afterwards moves it.
      const after = await records.cursor(kind);
      const known = await records.get(kind, key);
      if (known === null) return "gone";
      const { done, json } = change(JSON.parse(known) as KeptCall);
      if (json === undefined) return done;
      const count = Number.parseInt(after ?? "0", 10) + 1;
      const cursor = `${count}-${node}-${Math.floor(random.next() * 2 ** 32).toString(36)}`;
      if (await records.writeAfter({ feed: kind, after, cursor }, [{ kind, key, json }])) {
        return done;
      }
    }
    throw new Error(`Cannot take call ${key}: expected fewer nodes that do so at once`);
  }

  /** Takes news; whether there may be calls to carry out among it. */
  heard(changed: readonly ChangedRecord[] | null): boolean {
    if (changed === null) {
      for (const wait of this.#asking.values()) wait.look();
      return true;
    }
    let isCall = false;
    for (const { kind, key } of changed) {
      if (kind === this.#answers) this.#asking.get(key)?.look();
      isCall ||= kind === this.#options.kind;
    }
    return isCall;
  }

  /** Calls that wait, in the order of their keys; those of nodes that are long gone are dropped. */
  async waiting(): Promise<WaitingCall[]> {
    const { kind, records, clock } = this.#options;
    const found: WaitingCall[] = [];
    const old: BatchRecord[] = [];
    const isOld = (atMs: number) => clock.wallNow() - atMs > RECORD_CALL_BOUNDS.oldMs;
    for (const { key, json } of await records.list(kind)) {
      const { about, from, payload, atMs } = JSON.parse(json) as KeptCall;
      if (isOld(atMs)) old.push({ kind, key, json: null });
      else found.push({ key, about, from, payload });
    }
    for (const { key, json } of await records.list(this.#answers)) {
      const { atMs } = JSON.parse(json) as KeptAnswer;
      if (isOld(atMs)) old.push({ kind: this.#answers, key, json: null });
    }
    if (old.length > 0) await records.write(old);
    return found;
  }

  /** Answers a call, which is over then. */
  async answer({ key }: WaitingCall, value: unknown): Promise<void> {
    const { kind, records, clock } = this.#options;
    const answer: KeptAnswer = { atMs: clock.wallNow(), value };
    // Withdrawn meanwhile: nobody would take the answer away.
    if (await records.get(kind, key) === null) return;
    await records.write([
      { kind, key, json: null },
      { kind: this.#answers, key, json: JSON.stringify(answer) },
    ]);
  }
}
