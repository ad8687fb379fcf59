/** A store for tests that look at what the actors ask of it, and hold its commits up. */

import type { CandleBlock } from "../../src/market/block.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type {
  BuryResult,
  CommitBatch,
  CommitResult,
  Letter,
  LetterFilter,
  LoggedCommit,
  NewLetter,
  Refused,
  Store,
  StoredLabels,
  Tail,
  Touched,
  Window,
  WriteResult,
} from "../../src/store/port.ts";

/** What a {@linkcode SpyStore} was asked for. */
export type StoreCall =
  | { readonly type: "tails"; readonly series: readonly string[]; readonly bars: number }
  | { readonly type: "window"; readonly series: string; readonly candles: number }
  | { readonly type: "commit"; readonly batches: readonly CommitBatch[] };

/**
 * A memory store that remembers what it was asked for, and whose commits can be held up. The store
 * behind it is handed in, so that it outlives a tree.
 */
export class SpyStore implements Store {
  readonly calls: StoreCall[] = [];
  /** Told of every commit that was made. */
  onCommit: (seq: number) => void = () => {};
  /** Decides what becomes of a commit instead of the store; null leaves it to the store. */
  refuse: () => CommitResult | null = () => null;
  /** Decides what becomes of letters instead of the store; null leaves it to the store. */
  refuseLetters: () => Refused | null = () => null;
  /** As `refuseLetters`, of records. */
  refuseRecords: () => Refused | null = () => null;
  #gate: PromiseWithResolvers<void> | null = null;
  constructor(readonly memory: MemoryStore = new MemoryStore()) {}

  get seq(): number {
    return this.memory.seq;
  }
  /** Holds commits up until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }
  release(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }
  async commit(batches: readonly CommitBatch[]): Promise<CommitResult> {
    this.calls.push({ type: "commit", batches });
    await this.#gate?.promise;
    const refused = this.refuse();
    if (refused !== null) return refused;
    const result = this.memory.commit(batches);
    if (result.state === "committed") this.onCommit(result.seq);
    return result;
  }
  tails(series: readonly string[], bars: number): Tail[] {
    this.calls.push({ type: "tails", series, bars });
    return this.memory.tails(series, bars);
  }
  window(series: string, fromTs: number, toTs: number, around: number): Window {
    const window = this.memory.window(series, fromTs, toTs, around);
    this.calls.push({ type: "window", series, candles: window.candles.length });
    return window;
  }
  cursor(feed: string): string | null {
    return this.memory.cursor(feed);
  }
  cursors() {
    return this.memory.cursors();
  }
  series() {
    return this.memory.series();
  }
  candles(...range: Parameters<MemoryStore["candles"]>): CandleBlock {
    return this.memory.candles(...range);
  }
  labels(...range: Parameters<MemoryStore["labels"]>): StoredLabels {
    return this.memory.labels(...range);
  }
  labelsAfter(seq: number, limit: number): LoggedCommit[] {
    return this.memory.labelsAfter(seq, limit);
  }
  touched(seq: number, limit: number): Touched[] {
    return this.memory.touched(seq, limit);
  }
  putRecord(kind: string, key: string, json: string): WriteResult {
    return this.refuseRecords() ?? this.memory.putRecord(kind, key, json);
  }
  dropRecord(kind: string, key: string): WriteResult {
    return this.memory.dropRecord(kind, key);
  }
  record(kind: string, key: string): string | null {
    return this.memory.record(kind, key);
  }
  records(kind: string) {
    return this.memory.records(kind);
  }
  buryLetters(letters: readonly NewLetter[]): BuryResult {
    return this.refuseLetters() ?? this.memory.buryLetters(letters);
  }
  letters(filter: LetterFilter, limit: number): Letter[] {
    return this.memory.letters(filter, limit);
  }
  dropLetters(filter: LetterFilter) {
    return this.memory.dropLetters(filter);
  }
  info() {
    return this.memory.info();
  }
  backup(path: string): Promise<number> {
    return this.memory.backup(path);
  }
  close(): void {}
}
