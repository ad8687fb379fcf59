/**
 * The memory twin of the log: one object that several nodes of one process reach, each through a
 * handle of its own. For tests and the simulator; time is handed in.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../actor/clock.ts";
import { MemoryGroup } from "./memory_group.ts";
import {
  type Appended,
  type Beat,
  type Fence,
  type GroupListener,
  type GroupView,
  LOG_BOUNDS,
  type LogEntry,
  LogError,
  type LogMark,
  type LogPosition,
  type LogStand,
  type LogStatus,
  type NewEntry,
  type NodeInfo,
  type SharedLog,
  type Snapshot,
  type Taken,
  type Transfer,
} from "./port.ts";

/** How a {@linkcode MemoryLogServer} is made. */
export interface MemoryLogOptions {
  readonly clock: Clock;
  /** Default `LOG_BOUNDS.bytes`. */
  readonly bytesMax?: number;
  /** `off`: tokens are not checked, for tests that have to fail then. Default `checked`. */
  readonly fence?: "checked" | "off";
  /** Default `memory-log`. */
  readonly id?: string;
}

/** What all handles reach. */
export class MemoryLogServer {
  /** Nobody reaches it: calls fail, and appends under way are withheld. */
  isAway = false;
  /** Appends are carried out, but nobody is told until it is false again. */
  isSilent = false;
  readonly #options: MemoryLogOptions;
  readonly #entries: LogEntry[] = [];
  readonly #writers = new Map<string, number>();
  readonly #wakers = new Set<() => void>();
  readonly #group: MemoryGroup;
  #position = 0;
  #first = 1;
  #bytes = 0;
  #snapshot: { about: Snapshot; pieces: readonly Uint8Array[] } | null = null;

  /** Empty. */
  constructor(options: MemoryLogOptions) {
    this.#options = options;
    this.#group = new MemoryGroup(() => options.clock.wallNow());
  }

  /** Its id. */
  get id(): string {
    return this.#options.id ?? "memory-log";
  }

  /** Its clock, for handles. */
  get clock(): Clock {
    return this.#options.clock;
  }

  /** Who is alive, and owns what. */
  get group(): MemoryGroup {
    return this.#group;
  }

  /** As `SharedLog.meet`. */
  meet(mark: LogMark | null): LogStand {
    if (mark !== null && mark.log !== this.id) {
      throw new LogError("foreign", foreignText(mark.log, this.id));
    }
    const { position = 0, writer = "", number = 0 } = mark ?? {};
    const entry = this.#at(position);
    const isLost = position > this.#position || (position >= this.#first && position > 0 &&
      (entry?.writer !== writer || entry.number !== number));
    if (isLost) throw new LogError("foreign", lostText(position, this.#position));
    return {
      log: this.id,
      position: this.#position,
      firstPosition: this.#first,
      snapshot: this.#snapshot?.about ?? null,
    };
  }

  /** As `SharedLog.checksTokens`. */
  get checksTokens(): boolean {
    return this.#options.fence !== "off";
  }

  /** As `SharedLog.append`. */
  append(entry: NewEntry): Appended {
    const { writer, number, fences, kind, bytes, stand } = entry;
    if ((this.#writers.get(writer) ?? 0) >= number) return { state: "known" };
    if (this.#group.hasEnded(sessionOf(writer))) return { state: "fenced", partitions: [] };
    const lost = this.checksTokens ? this.#group.lost(fences) : [];
    if (lost.length > 0) return { state: "fenced", partitions: lost };
    const { bytesMax = LOG_BOUNDS.bytes } = this.#options;
    if (this.#bytes + bytes.length > bytesMax) return fullLog(this.#bytes + bytes.length, bytesMax);
    const position = ++this.#position;
    const atMs = Math.max(this.#entries.at(-1)?.atMs ?? 0, this.clock.wallNow());
    const held = bytes.slice();
    this.#entries.push({ position, atMs, writer, number, kind, bytes: held, stand: stand ?? null });
    this.#bytes += bytes.length;
    this.#writers.set(writer, number);
    for (const wake of [...this.#wakers]) wake();
    return { state: "appended", position, atMs };
  }

  /** Entries after a position and before another; null when there are none. */
  between(after: LogPosition, before: LogPosition): readonly LogEntry[] {
    if (after + 1 < this.#first) throw new LogError("gone", goneText(after, this.#first));
    const from = after + 1 - this.#first;
    const page: LogEntry[] = [];
    let bytes = 0;
    for (let at = from; page.length < LOG_BOUNDS.pageEntries; at++) {
      const entry = this.#entries[at];
      if (entry === undefined || entry.position >= before || bytes >= LOG_BOUNDS.pageBytes) break;
      page.push(entry);
      bytes += entry.bytes.length;
    }
    return page;
  }

  /** Calls `wake` at each entry; ends with what it returns. */
  onEntry(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => void this.#wakers.delete(wake);
  }

  /** As `SharedLog.view`. */
  view(): GroupView {
    return {
      ...this.#group.view(),
      position: this.#position,
      firstPosition: this.#first,
      bytes: this.#bytes,
      snapshot: this.#snapshot?.about ?? null,
    };
  }

  /** The last entry's position. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Puts a snapshot there unless a later one is. */
  putSnapshot(position: LogPosition, pieces: readonly Uint8Array[]): Snapshot {
    if (position > this.#position) {
      throw new LogError("foreign", lostText(position, this.#position));
    }
    const held = this.#snapshot?.about ?? null;
    const isLate = position === 0 ? held !== null : held !== null && held.position > position;
    if (isLate && held !== null) return held;
    if (position === 0 && this.#position > 0) {
      throw new LogError("foreign", "Cannot begin the log with a snapshot: it has entries");
    }
    const hash = createHash("sha256");
    let bytes = 0;
    for (const piece of pieces) {
      hash.update(piece);
      bytes += piece.length;
    }
    const about = {
      position,
      atMs: this.clock.wallNow(),
      bytes,
      pieces: pieces.length,
      sha256: hash.digest("hex"),
    };
    this.#snapshot = { about, pieces: pieces.map((piece) => piece.slice()) };
    return about;
  }

  /** The last snapshot. */
  get snapshot(): { about: Snapshot; pieces: readonly Uint8Array[] } | null {
    return this.#snapshot;
  }

  /** As `SharedLog.trim`. */
  trim(upTo: LogPosition): void {
    const to = Math.min(upTo, this.#snapshot?.about.position ?? -1);
    while (this.#first < to) {
      this.#bytes -= this.#entries.shift()?.bytes.length ?? 0;
      this.#first++;
    }
  }

  #at(position: LogPosition): LogEntry | undefined {
    return this.#entries[position - this.#first];
  }
}

/** One node's way to a {@linkcode MemoryLogServer}. */
export class MemoryLog implements SharedLog {
  readonly #server: MemoryLogServer;
  readonly #ends = new Set<() => void>();
  #isClosed = false;

  /** A handle; a log of its own unless a server is given. */
  constructor(server: MemoryLogServer | MemoryLogOptions) {
    this.#server = server instanceof MemoryLogServer ? server : new MemoryLogServer(server);
  }

  /** What it reaches. */
  get server(): MemoryLogServer {
    return this.#server;
  }

  get checksTokens(): boolean {
    return this.#server.checksTokens;
  }

  get status(): LogStatus {
    const { isAway } = this.#server;
    return { backend: "memory", state: isAway ? "away" : "ok", lastError: null };
  }

  async meet(mark: LogMark | null): Promise<LogStand> {
    return await this.#reach().meet(mark);
  }

  async append(entry: NewEntry): Promise<Appended> {
    const done = this.#reach().append(entry);
    await this.#until(() => !this.#server.isSilent);
    return done;
  }

  async between(after: LogPosition, before: LogPosition): Promise<readonly LogEntry[]> {
    return await this.#reach().between(after, before);
  }

  async read(
    after: LogPosition,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly LogEntry[]> {
    const found = this.#reach().between(after, Infinity);
    if (found.length > 0 || waitMs <= 0) return found;
    await this.#entry(waitMs, signal);
    return this.#reach().between(after, Infinity);
  }

  async beat(info: NodeInfo, leaseMs: number): Promise<Beat> {
    const beat = await this.#reach().group.beat(info, leaseMs);
    return beat ?? { state: "alive", view: this.#server.view() };
  }

  async view(): Promise<GroupView> {
    return await this.#reach().view();
  }

  async leave(session: string): Promise<void> {
    await this.#reach().group.leave(session);
  }

  async take(session: string, partitions: readonly number[]): Promise<Taken> {
    const fences = await this.#reach().group.take(session, partitions);
    return { fences, position: this.#server.position };
  }

  async handOver(transfers: readonly Transfer[]): Promise<Taken> {
    const { position } = this.#server;
    const fences = await this.#reach().group.handOver(transfers, position);
    return { fences, position };
  }

  async release(fences: readonly Fence[]): Promise<void> {
    await this.#reach().group.release(fences);
  }

  onGroupChange(listener: GroupListener): () => void {
    const end = this.#server.group.onChange(listener);
    this.#ends.add(end);
    return end;
  }

  async putSnapshot(
    position: LogPosition,
    pieces: AsyncIterable<Uint8Array>,
    trimTo: LogPosition = Infinity,
  ): Promise<Snapshot> {
    const held: Uint8Array[] = [];
    for await (const piece of pieces) held.push(piece.slice());
    const about = this.#reach().putSnapshot(position, held);
    this.#server.trim(Math.min(about.position, trimTo));
    return about;
  }

  async snapshot(): Promise<{ about: Snapshot; pieces: AsyncIterable<Uint8Array> } | null> {
    const found = await this.#reach().snapshot;
    if (found === null) return null;
    const { about, pieces } = found;
    return { about, pieces: checkedPieces(about, given(pieces)) };
  }

  async trim(upTo: LogPosition): Promise<void> {
    await this.#reach().trim(upTo);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#ends) end();
    this.#ends.clear();
    return Promise.resolve();
  }

  #reach(): MemoryLogServer {
    if (this.#isClosed) throw new LogError("closed", "Cannot reach the log: it was closed");
    if (!this.#server.isAway) return this.#server;
    throw new LogError("away", "Cannot reach the log: it is away");
  }

  /** Resolves at the next entry, after `waitMs`, when aborted, or when closed. */
  #entry(waitMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        forget();
        this.#ends.delete(end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#server.clock.setTimer(waitMs, end);
      const forget = this.#server.onEntry(end);
      this.#ends.add(end);
      signal?.addEventListener("abort", end);
    });
  }

  /** Looks every ms of the clock. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#isClosed) throw new LogError("closed", "Cannot append: the log was closed");
      await new Promise<void>((resolve) => void this.#server.clock.setTimer(1, resolve));
    }
  }
}

async function* given(pieces: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const piece of pieces) yield await piece;
}

/**
 * The same pieces; fails after the last one when they are not those of the snapshot.
 *
 * @throws {LogError} code `foreign`.
 */
export async function* checkedPieces(
  about: Snapshot,
  pieces: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    bytes += piece.length;
    yield piece;
  }
  if (bytes === about.bytes && hash.digest("hex") === about.sha256) return;
  throw new LogError(
    "foreign",
    `Cannot read the snapshot of position ${about.position}: expected ${about.bytes} bytes with ` +
      `the hash that was put there: current value is ${bytes} other bytes`,
  );
}

/** The session of a writer: what stands before its first slash. */
export function sessionOf(writer: string): string {
  const at = writer.indexOf("/");
  return at < 0 ? writer : writer.slice(0, at);
}

/** A log without room. */
export function fullLog(bytes: number, bytesMax: number): Appended {
  const message = `Cannot append to the log: expected at most ${bytesMax} bytes since its last ` +
    `snapshot: current value is ${bytes}: a node with a data directory makes snapshots`;
  return { state: "full", message };
}

/** What is said of a log that is another one. */
export function foreignText(expected: string, found: string): string {
  return `Cannot use the log: expected the log ${expected}: current value is ` +
    `${found === "" ? "none: it was emptied" : found}: nothing was changed in it`;
}

/** What is said of a log that lacks entries which it had. */
export function lostText(position: LogPosition, last: LogPosition): string {
  return `Cannot use the log: expected the entry at position ${position} as it was applied here: ` +
    `current value is another, or none (the last one is ${last}): the log lost its end, and this ` +
    "copy has what it lost";
}

/** What is said of entries that were given up. */
export function goneText(after: LogPosition, first: LogPosition): string {
  return `Cannot read the log after position ${after}: expected at least ${
    first - 1
  }, since what ` +
    `is older was given up: current value is ${after}`;
}
