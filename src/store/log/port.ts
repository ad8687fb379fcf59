/**
 * The log that several nodes share, and who may write to it.
 *
 * Everything that changes a store is an entry of one ordered log; every node applies the entries in
 * their order to a copy of its own, so that all copies say the same at the same position. A commit
 * is one entry, appended by one call that checks the fencing tokens of the partitions it is about:
 * an owner that was replaced meanwhile is refused, however late it wakes. So leases only decide who
 * may try, and need not be trusted.
 *
 * Log, leases and tokens lie together, since that call looks at all of them. The candles that come
 * in lie in streams of their own (`src/store/partitions`).
 *
 * @module
 */

/** Place in the log: 0 before the first entry, one more with each. */
export type LogPosition = number;

/** What an entry does; its bytes are read by `entry_codec.ts`. */
export type EntryKind = "commit" | "put" | "drop" | "bury" | "unbury";

/** The right to write to a partition, as it was given. */
export interface Fence {
  /** 0 to 255. */
  readonly partition: number;
  /** Larger with each owner; the entry is refused unless it is the current one. */
  readonly token: number;
}

/** An entry to be appended. */
export interface NewEntry {
  /** The node's life that writes it: a session, never the same twice. */
  readonly writer: string;
  /**
   * Number of the entry among those of its writer, ascending from 1. An entry that is appended again,
   * since nobody knows whether it was, is there once.
   */
  readonly number: number;
  /** Partitions that it writes to; none for what belongs to no partition. */
  readonly fences: readonly Fence[];
  /** What it does. */
  readonly kind: EntryKind;
  /** How; at most {@linkcode LOG_BOUNDS}`.entryBytes`. */
  readonly bytes: Uint8Array;
  /** Where the writer's copy stood; another copy that was not like it there has gone astray. */
  readonly stand?: CopyStand;
}

/** The seq of a copy after an entry. */
export interface CopyStand {
  /** Where the log stands. */
  readonly position: LogPosition;
  /** What the store calls the last commit. */
  readonly seq: number;
}

/** An entry as it stands in the log. */
export interface LogEntry {
  /** Where it stands. */
  readonly position: LogPosition;
  /** Epoch ms of the log's own clock, never less than that of the entry before. */
  readonly atMs: number;
  /** Who wrote it. */
  readonly writer: string;
  /** Its number among those of the writer. */
  readonly number: number;
  /** What it does. */
  readonly kind: EntryKind;
  /** How. */
  readonly bytes: Uint8Array;
  /** As it was given; null when it was not. */
  readonly stand: CopyStand | null;
}

/** Which entry a copy applied last, and of which log. */
export interface LogMark {
  /** The log's id; made with it. */
  readonly log: string;
  /** Where it stands. */
  readonly position: LogPosition;
  /** Who wrote that entry, and which number; empty and 0 at position 0. */
  readonly writer: string;
  /** Its number among those of the writer. */
  readonly number: number;
}

/** The log as it was met. */
export interface LogStand {
  /** Its id. */
  readonly log: string;
  /** Its last entry. */
  readonly position: LogPosition;
  /** Entries before it were given up. */
  readonly firstPosition: LogPosition;
  /** What stands for them; null: nothing was given up. */
  readonly snapshot: Snapshot | null;
}

/** What came of an append. */
export type Appended =
  /** It is there, with everything before it. */
  | {
    readonly state: "appended";
    readonly position: LogPosition;
    readonly atMs: number;
  }
  /** It had been appended before by this writer: it comes, or came, by reading. */
  | { readonly state: "known" }
  /**
   * Somebody else owns these partitions by now; none when the writer itself was replaced by another
   * life of its node. Nothing was appended.
   */
  | { readonly state: "fenced"; readonly partitions: readonly number[] }
  /** The log has no room until a snapshot was made. Nothing was appended. */
  | { readonly state: "full"; readonly message: string };

/** A partition that is to be another node's. */
export interface Transfer extends Fence {
  /** Name of that node. */
  readonly to: string;
}

/** Partitions that were handed to a node, by another one. */
export interface Handed {
  /** Whose they are from now on. */
  readonly session: string;
  /** The partitions, with their new tokens. */
  readonly taken: Taken;
}

/** Told of changes in the group; null: something else than a hand-over, or more. */
export type GroupListener = (handed: Handed | null) => void;

/** Bounds of the log. */
export const LOG_BOUNDS = {
  /** Bytes of one entry: a commit of 65,536 rows with their labels is about 16 MB. */
  entryBytes: 64 * 1024 * 1024,
  /** Entries of one page of {@linkcode SharedLog.read}. */
  pageEntries: 256,
  /** Bytes of one page, about: a page holds at least one entry, and may exceed it by some. */
  pageBytes: 8 * 1024 * 1024,
  /** Entries that are appended at once. */
  underWay: 64,
  /** Bytes of the log since its last snapshot; then it is `full`. Redis holds them in memory. */
  bytes: 1024 * 1024 * 1024,
  /** Bytes of one piece of a snapshot: Redis holds up its other clients while it moves one. */
  snapshotPieceBytes: 4 * 1024 * 1024,
} as const;

/** A copy of everything up to a position, so that what lies before it can be given up. */
export interface Snapshot {
  /** The last entry that is in it. */
  readonly position: LogPosition;
  /** Epoch ms of the log's clock when it was put there. */
  readonly atMs: number;
  /** Its size. */
  readonly bytes: number;
  /** In how many pieces it lies. */
  readonly pieces: number;
  /** SHA-256 over all pieces, hex. */
  readonly sha256: string;
}

/** A node, as it says it is. */
export interface NodeInfo {
  /** Name; one node at a time has it. */
  readonly node: string;
  /** This life of it. */
  readonly session: string;
  /** Where it stands; empty when nobody said. */
  readonly region: string;
  /** Where its admin HTTP answers, as others would call it; null when it does not. */
  readonly url: string | null;
  /** Version of the program. */
  readonly version: string;
  /** Epoch ms of its start, by its own clock; shown only. */
  readonly startedMs: number;
  /** It takes no partitions, and gives those it has away: it is about to stop. */
  readonly isLeaving: boolean;
  /** Where its copy stands. */
  readonly applied: LogPosition;
}

/** A node that is alive: its lease has not run out. */
export interface LiveNode extends NodeInfo {
  /** Ms that its lease has left, by the log's clock. */
  readonly leftMs: number;
}

/** Who has a partition. */
export interface Ownership {
  /** 0 to 255. */
  readonly partition: number;
  /** Name of the owner. */
  readonly node: string;
  /** The life of the owner that has it. */
  readonly session: string;
  /** Larger than that of any owner before. */
  readonly token: number;
  /** Epoch ms of the log's clock since when. */
  readonly sinceMs: number;
}

/** A move of partitions, for people who look. */
export interface Move {
  /** When, epoch ms by the clock of the log. */
  readonly atMs: number;
  /** Which, 0 to 255. */
  readonly partitions: readonly number[];
  /** Null: nobody had them. */
  readonly from: string | null;
  /** Null: nobody has them. */
  readonly to: string | null;
  /** `handed`: given over by a living owner; `expired`: taken after its lease had run out. */
  readonly why: "free" | "handed" | "expired" | "released";
}

/** The group of nodes, as the log knows it. */
export interface GroupView {
  /** The log's clock, epoch ms. */
  readonly atMs: number;
  /** The log's last entry. */
  readonly position: LogPosition;
  /** Entries before it were given up; a copy that stands before it needs a snapshot. */
  readonly firstPosition: LogPosition;
  /** Bytes of the log, about. */
  readonly bytes: number;
  /** The last one; null when there is none. */
  readonly snapshot: Snapshot | null;
  /** By name. */
  readonly nodes: readonly LiveNode[];
  /** Partitions that have an owner, alive or not, by number. */
  readonly owners: readonly Ownership[];
  /** The last moves, newest first, at most {@linkcode GROUP_BOUNDS}`.moves`. */
  readonly moves: readonly Move[];
}

/** Bounds of a group. */
export const GROUP_BOUNDS = {
  /** Nodes: each looks at all others, ten times a second. */
  nodes: 64,
  /** Moves that are remembered. */
  moves: 64,
  /** Characters of a node's name, region or session. */
  nameChars: 64,
} as const;

/**
 * Time without a beat of anybody after which leases stand still, ms. Nodes beat ten times a second each:
 * when all are silent it is the server that was away, or its clock that jumped, and not they.
 */
export const GROUP_SILENCE_MS = 500;

/** What came of a beat. */
export type Beat =
  | { readonly state: "alive"; readonly view: GroupView }
  /** Another life of the same name is alive: this one must not go on. */
  | { readonly state: "name_taken"; readonly by: LiveNode }
  /** There are {@linkcode GROUP_BOUNDS}`.nodes` already. */
  | { readonly state: "full" };

/** What was taken; the copy must reach `position` before anything is decided on it. */
export interface Taken {
  /** What was taken, with the tokens. */
  readonly fences: readonly Fence[];
  /** What the copy must reach. */
  readonly position: LogPosition;
}

/**
 * See the module's text.
 *
 * - Calls fail with {@linkcode LogError} when the log cannot be reached; nobody knows then whether
 *   they were carried out. `append` and every call below may be repeated.
 * - Everything is timed by the log's own clock, never by that of a node.
 */
export interface SharedLog {
  /**
   * Meets the log, and makes it when there is none and none is expected. With a mark: it must be that
   * log, and the entry of the mark must be in it, unless it was given up. Said again by itself to
   * every server that is connected to later.
   *
   * @throws {LogError} code `foreign` when it is another log, or lost its end.
   */
  meet(mark: LogMark | null): Promise<LogStand>;
  /**
   * Appends an entry, in the order in which the calls were made. Durable as the log is. Waits until
   * it knows what came of it, over any number of connections.
   *
   * @throws {LogError} code `away`: here, nothing was appended. Code `closed`: nobody knows.
   */
  append(entry: NewEntry): Promise<Appended>;
  /** Entries after one position and before another, in order, at least one when there are any. */
  between(after: LogPosition, before: LogPosition): Promise<readonly LogEntry[]>;
  /**
   * Entries after a position, in order, at least one unless none came within `waitMs`. One call at
   * a time.
   *
   * @throws {LogError} code `gone` when they were given up.
   */
  read(after: LogPosition, waitMs: number, signal?: AbortSignal): Promise<readonly LogEntry[]>;

  /**
   * Says that a node is alive for `leaseMs` more, and how the group is. After a silence of
   * {@linkcode GROUP_SILENCE_MS} the leases of all go on where they stood when somebody was last heard
   * of; only another life of the same node need not wait for that.
   */
  beat(info: NodeInfo, leaseMs: number): Promise<Beat>;
  /** How the group is, without being a member. */
  view(): Promise<GroupView>;
  /** Ends a membership at once; what it still owned is free. */
  leave(session: string): Promise<void>;
  /** Takes those of the partitions that nobody alive owns. Each gets a new, larger token. */
  take(session: string, partitions: readonly number[]): Promise<Taken>;
  /** Gives partitions to living nodes at once, with a new token; those not owned are left out. */
  handOver(transfers: readonly Transfer[]): Promise<Taken>;
  /** Lets go of partitions, so that anybody may take them. */
  release(fences: readonly Fence[]): Promise<void>;
  /**
   * Calls `listener` soon after anything but entries changed in the group; a hint that may be lost, or
   * late. Where all that changed is that partitions were handed to a node, it says which.
   */
  onGroupChange(listener: GroupListener): () => void;

  /**
   * Puts a copy there, piece by piece, and only then says so. Ends with {@linkcode trim}, up to
   * `trimTo` when that is less. What the log begins with is put at position 0, before any entry.
   */
  putSnapshot(
    position: LogPosition,
    pieces: AsyncIterable<Uint8Array>,
    trimTo?: LogPosition,
  ): Promise<Snapshot>;
  /** The pieces of the last snapshot, checked against its hash; null when there is none. */
  snapshot(): Promise<{ about: Snapshot; pieces: AsyncIterable<Uint8Array> } | null>;
  /** Gives up entries up to a position, but none that is not in the snapshot. */
  trim(upTo: LogPosition): Promise<void>;

  /** Whether an entry under a token that is not its partition's is refused; false only to show why. */
  readonly checksTokens: boolean;
  /** Whether it can be reached, and what it ran into last. */
  readonly status: LogStatus;
  /** Lets go of connections; idempotent. */
  close(): Promise<void>;
}

/** How the way to the log is. */
export interface LogStatus {
  /** Which twin. */
  readonly backend: "memory" | "redis" | "redis_cluster";
  /** `away`: it cannot be reached. */
  readonly state: "ok" | "away";
  /** What it ran into last; null when nothing did. */
  readonly lastError: string | null;
}

/** What went wrong. */
export type LogErrorCode =
  /** It cannot be reached, or does not answer in time. */
  | "away"
  /** The entries asked for were given up. */
  | "gone"
  /** What lies there is not a log of this program, or not of this version, or damaged. */
  | "foreign"
  /** Closed by the caller. */
  | "closed";

/** The log could not do it. */
export class LogError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "LogError";

  /** An error of that code. */
  constructor(readonly code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
