/**
 * What a node does about its partitions, as a state machine without I/O: it is told what the group
 * looks like and what became of what it asked for, and says what is to be done next.
 *
 * ## One call at a time
 * Of the calls that change or show the group (`beat`, `take`, `handOver`, `release`, `leave`) one is
 * under way at a time. So a view is never older than what was done before it, and beats cannot pile
 * up behind a slow one: one that is due meanwhile is the next call.
 *
 * ## A partition
 * ```
 * (none) ─take, or a view says it was handed over─> loading ─copy has caught up─> owned
 *   owned ─the target is another─> draining ─all of it is committed─> drained ─handOver─> (none)
 * ```
 * - A partition is `loading` until the node's copy has applied every entry up to the one at which it
 *   was taken: everything that its former owner committed.
 * - The store knows the fencing token before anybody reads, and forgets it last.
 * - One that should be another's while it is loading is `drained` at once. Should it stay after all, it
 *   is loading again until the copy has caught up.
 * - Some drain at a time, and more follow while those are handed over: the last of a hundred would
 *   stand still until all were drained.
 * - What a view says is not this node's any more is let go of at once, whatever its state: others
 *   have taken it, and its commits are refused.
 * - A call whose outcome nobody knows needs no care: the next view says what is.
 * - What a hint says was handed to this node is loaded at once. A view that is on its way at that time
 *   may not know of it, and takes nothing back; the one after that does.
 *
 * ## Who should have what
 * All nodes that are not leaving count, except those that own nothing and are still starting, or whose
 * copies lag so far behind that what they were given would lie idle. Where only such are left, all
 * count. Everybody sees the same view and decides the same (`assignment.ts`); each acts on its own
 * partitions and on those that nobody living has.
 *
 * @module
 */

import { PARTITIONS } from "../../market/partition.ts";
import type {
  Beat,
  Fence,
  GroupView,
  Handed,
  LiveNode,
  LogPosition,
  Ownership as Owned,
  Taken,
  Transfer,
} from "../log/port.ts";
import { assignPartitions, type PartitionPin } from "./assignment.ts";

/** How a machine is set up. */
export interface OwnershipOptions {
  /** Name of the node. */
  readonly node: string;
  /** This life of it. */
  readonly session: string;
  /** What the lease is, ms. */
  readonly leaseMs: number;
  /** Where partitions belong; the same on all nodes. */
  readonly pins?: readonly PartitionPin[];
  /** Time between beats, ms; default {@linkcode OWNERSHIP_DEFAULTS}. */
  readonly beatEveryMs?: number;
  /** Time that a partition may take to drain, ms; then it is given away as it is. */
  readonly drainMaxMs?: number;
  /** Time that leaving may take, ms; then the node leaves with what it still has. */
  readonly leaveMaxMs?: number;
}

/** What is left out of {@linkcode OwnershipOptions}. */
export const OWNERSHIP_DEFAULTS = {
  /** Twenty in a lease of 2 s: one that is lost, or late by a collection, costs nothing. */
  beatEveryMs: 100,
  /** A batch takes milliseconds; what takes longer is stuck, and whoever is next need not wait. */
  drainMaxMs: 2_000,
  /** As long as a service may take to stop, less what stopping takes beside. */
  leaveMaxMs: 5_000,
} as const;

/** Entries that a copy may lag behind and still be given its first partitions: about a second. */
export const JOIN_LAG_ENTRIES_MAX = 2_000;

/** What a node says of its copy until the rest of it has started. */
export const NOT_STARTED: LogPosition = -1;

/** Partitions that drain at a time: few enough that the first of them waits for a few others only. */
export const DRAINING_MAX = 16;

/** Between two beats, however much changes in the group, ms. */
const BEAT_GAP_MS = 5;

/** A node that leaves waits no longer for a group that is out of reach, ms. */
const LEAVE_AWAY_MS = 500;

/** Beyond a lease, in which a name must have become free. */
const NAME_GRACE_MS = 250;

/** A little after a lease has run out, so that the log agrees. */
const EXPIRED_AFTER_MS = 2;

/** A call into the group. Its answer is handed to {@linkcode Ownership.answered}. */
export type GroupCall =
  | { readonly call: "beat"; readonly isLeaving: boolean }
  | { readonly call: "take"; readonly partitions: readonly number[] }
  | { readonly call: "handOver"; readonly transfers: readonly Transfer[] }
  | { readonly call: "release"; readonly fences: readonly Fence[] }
  | { readonly call: "leave" };

/** What is to be done, in the order given. */
export type NodeAction =
  /** The only call under way. */
  | GroupCall
  /** The store is to write under these tokens and no others. */
  | { readonly do: "fences"; readonly tokens: ReadonlyMap<number, number> }
  /** Once the copy stands there, {@linkcode Ownership.caughtUp} is to be told. */
  | { readonly do: "catchUp"; readonly fences: readonly Fence[]; readonly position: LogPosition }
  /** The reader is to read these. */
  | { readonly do: "own"; readonly partitions: readonly number[] }
  /** The reader is to stop these; {@linkcode Ownership.drained} is to be told. */
  | { readonly do: "drain"; readonly partitions: readonly number[] }
  /** These are others' by now: the reader is to stop them, and nobody waits for it. */
  | { readonly do: "lose"; readonly partitions: readonly number[] }
  /** The node must not go on. */
  | { readonly do: "stop"; readonly why: StopReason }
  /** It has left the group; nothing follows. */
  | { readonly do: "left" };

/** Why a node must not go on. */
export type StopReason =
  | { readonly code: "name_taken"; readonly by: LiveNode }
  | { readonly code: "group_full" };

/** How a partition of this node is. */
export type HeldState = "loading" | "owned" | "draining" | "drained";

/** A partition of this node. */
export interface HeldPartition {
  readonly partition: number;
  readonly token: number;
  readonly state: HeldState;
  /** Since when it has been in that state, by the clock of this process. */
  readonly sinceMs: number;
}

/** How a node is. */
export type NodePhase = "joining" | "member" | "leaving" | "left" | "stopped";

interface Held {
  token: number;
  state: HeldState;
  sinceMs: number;
  /** The copy has applied all that its former owner committed. */
  isCaughtUp: boolean;
}

/** See the module's text. Times are of one monotonic clock, ms. */
export class Ownership {
  readonly #options: Required<Omit<OwnershipOptions, "pins">>;
  readonly #pins: readonly PartitionPin[];
  readonly #held = new Map<number, Held>();
  #phase: NodePhase = "joining";
  #view: GroupView | null = null;
  #targets: readonly (string | null)[] = [];
  #unheld: readonly PartitionPin[] = [];
  #call: GroupCall | null = null;
  #nextBeatMs = -Infinity;
  #lastBeatMs = -Infinity;
  #isHinted = false;
  /** Something turned out otherwise than the last view said: nothing is moved before the next. */
  #mustLook = false;
  /** Highest token of the last view. */
  #seenToken = 0;
  /** Tokens of what was handed to this node while a call was under way, by partition. */
  readonly #unseen = new Map<number, number>();
  /** What was free in the last view was asked for. */
  #hasTaken = false;
  #leavingSinceMs = Infinity;
  #nameTakenSinceMs: number | null = null;
  #nameFreeMs = 0;
  #awaySinceMs: number | null = null;
  #lastError: string | null = null;
  /** Whether a view has shown the group as it is since the node began to leave. */
  #isLeaveSeen = false;
  #out: NodeAction[] = [];

  /** A node that has not been heard of. */
  constructor({ pins = [], ...options }: OwnershipOptions) {
    this.#options = { ...OWNERSHIP_DEFAULTS, ...options };
    this.#pins = pins;
  }

  // ---- what happens -----------------------------------------------------------------------------------

  /** Time went by. To be called at {@linkcode nextMs} or earlier. */
  tick(nowMs: number): NodeAction[] {
    const stuck: number[] = [];
    for (const [partition, { state, sinceMs }] of this.#held) {
      const isStuck = state === "draining" && nowMs - sinceMs >= this.#options.drainMaxMs;
      if (isStuck) stuck.push(partition);
    }
    if (stuck.length > 0) this.#settle(stuck, nowMs);
    return this.#done(nowMs);
  }

  /** Something changed in the group, perhaps; or no more than that somebody was handed partitions. */
  hinted(handed: Handed | null, nowMs: number): NodeAction[] {
    if (handed === null) this.#isHinted = true;
    else if (handed.session === this.#options.session) this.#handed(handed.taken, nowMs);
    return this.#done(nowMs);
  }

  /** The call under way was answered. */
  answered(answer: Beat | Taken | void, nowMs: number): NodeAction[] {
    const call = this.#call;
    this.#call = null;
    if (call === null || this.#isOver) return this.#done(nowMs);
    this.#awaySinceMs = null;
    this.#lastError = null;
    switch (call.call) {
      case "beat":
        this.#beaten(answer as Beat, call.isLeaving, nowMs);
        break;
      case "take":
        this.#load((answer as Taken).fences, (answer as Taken).position, nowMs);
        break;
      case "handOver":
        this.#gone((answer as Taken).fences.map(({ partition }) => partition), call.transfers);
        break;
      case "release":
        this.#gone(call.fences.map(({ partition }) => partition), call.fences);
        break;
      case "leave":
        this.#left();
    }
    return this.#done(nowMs);
  }

  /** The call under way failed; nobody knows whether it was carried out. */
  failed(message: string, nowMs: number): NodeAction[] {
    const call = this.#call;
    this.#call = null;
    // Nobody waits for a lease to run out in order to stop.
    if (call?.call === "leave") this.#left();
    this.#awaySinceMs ??= nowMs;
    this.#lastError = message;
    this.#nextBeatMs = nowMs + this.#options.beatEveryMs;
    return this.#done(nowMs);
  }

  /** The copy stands where these were taken. */
  caughtUp(fences: readonly Fence[], nowMs: number): NodeAction[] {
    const ready: number[] = [];
    for (const { partition, token } of fences) {
      const held = this.#held.get(partition);
      if (held?.token !== token) continue;
      held.isCaughtUp = true;
      if (held.state !== "loading") continue;
      this.#enter(partition, "owned", nowMs);
      ready.push(partition);
    }
    if (ready.length > 0) this.#out.push({ do: "own", partitions: ready });
    return this.#done(nowMs);
  }

  /** Nothing of these partitions is under way any more. */
  drained(partitions: readonly number[], nowMs: number): NodeAction[] {
    this.#settle(partitions, nowMs);
    return this.#done(nowMs);
  }

  /** The node is to give away what it has, and leave. */
  leave(nowMs: number): NodeAction[] {
    if (this.#phase !== "joining" && this.#phase !== "member") return this.#done(nowMs);
    this.#phase = "leaving";
    this.#leavingSinceMs = nowMs;
    this.#isHinted = true;
    return this.#done(nowMs);
  }

  // ---- what is ----------------------------------------------------------------------------------------

  /** When {@linkcode tick} is to be called next. */
  get nextMs(): number {
    if (this.#isOver) return Infinity;
    const beatMs = this.#isHinted ? this.#lastBeatMs + BEAT_GAP_MS : Infinity;
    let nextMs = this.#call === null ? Math.min(this.#nextBeatMs, beatMs) : Infinity;
    for (const { state, sinceMs } of this.#held.values()) {
      if (state === "draining") nextMs = Math.min(nextMs, sinceMs + this.#options.drainMaxMs);
    }
    return nextMs;
  }

  /** How the node is. */
  get phase(): NodePhase {
    return this.#phase;
  }

  /** The group as it was last seen; null before the first time. */
  get view(): GroupView | null {
    return this.#view;
  }

  /** Since when the group cannot be reached, and why; null while it can. */
  get away(): { readonly sinceMs: number; readonly message: string } | null {
    if (this.#awaySinceMs === null) return null;
    return { sinceMs: this.#awaySinceMs, message: this.#lastError ?? "" };
  }

  /** Pins that no living node can hold. */
  get unheldPins(): readonly PartitionPin[] {
    return this.#unheld;
  }

  /** This node's partitions, by number. */
  get held(): readonly HeldPartition[] {
    return [...this.#held].map(([partition, held]) => ({ partition, ...held }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** Partitions that this node labels now. */
  get owned(): ReadonlySet<number> {
    const owned = new Set<number>();
    for (const [partition, { state }] of this.#held) if (state === "owned") owned.add(partition);
    return owned;
  }

  get #isOver(): boolean {
    return this.#phase === "left" || this.#phase === "stopped";
  }

  // ---- the group --------------------------------------------------------------------------------------

  #beaten(beat: Beat, wasLeaving: boolean, nowMs: number): void {
    this.#nextBeatMs = nowMs + this.#options.beatEveryMs;
    if (beat.state === "full") return this.#stop({ code: "group_full" });
    if (beat.state === "name_taken") return this.#nameTaken(beat.by, nowMs);
    this.#nameTakenSinceMs = null;
    if (this.#phase === "joining") this.#phase = "member";
    this.#isLeaveSeen = wasLeaving;
    this.#view = beat.view;
    this.#mustLook = false;
    this.#hasTaken = false;
    this.#reconcile(beat.view, nowMs);
    this.#decide(beat.view, nowMs);
    // Whoever's lease runs out before the next beat is looked at right then.
    for (const { session, leftMs } of beat.view.nodes) {
      if (session === this.#options.session) continue;
      this.#nextBeatMs = Math.min(this.#nextBeatMs, nowMs + leftMs + EXPIRED_AFTER_MS);
    }
  }

  /** A former life of this node may not have run out yet; one that beats is another. */
  #nameTaken(by: LiveNode, nowMs: number): void {
    if (this.#nameTakenSinceMs === null) {
      this.#nameTakenSinceMs = nowMs;
      this.#nameFreeMs = nowMs + by.leftMs + NAME_GRACE_MS;
    }
    const isNew = this.#phase === "joining" && this.#view === null;
    if (isNew && nowMs < this.#nameFreeMs) return;
    this.#stop({ code: "name_taken", by });
  }

  #left(): void {
    this.#phase = "left";
    this.#dropAll();
    this.#out.push({ do: "left" });
  }

  #stop(why: StopReason): void {
    this.#phase = "stopped";
    this.#dropAll();
    this.#out.push({ do: "stop", why });
  }

  #dropAll(): void {
    if (this.#held.size === 0) return;
    this.#out.push({ do: "lose", partitions: [...this.#held.keys()] });
    this.#held.clear();
    this.#sayFences();
  }

  /** Others gave these to this node. Tokens ascend: what the last view has seen is in it. */
  #handed({ fences, position }: Taken, nowMs: number): void {
    if (this.#view === null || this.#isOver) return;
    const fresh = fences.filter(({ token }) => token > this.#seenToken);
    if (this.#call !== null) {
      for (const { partition, token } of fresh) this.#unseen.set(partition, token);
    }
    const isKnown = ({ partition, token }: Fence) => this.#held.get(partition)?.token === token;
    this.#load(fresh.filter((fence) => !isKnown(fence)), position, nowMs);
  }

  /** Makes what this node believes to have what the view says it has. */
  #reconcile({ owners, position }: GroupView, nowMs: number): void {
    const mine = new Map<number, Owned>();
    this.#seenToken = 0;
    for (const owner of owners) {
      if (owner.session === this.#options.session) mine.set(owner.partition, owner);
      this.#seenToken = Math.max(this.#seenToken, owner.token);
    }
    const unseen = new Map(this.#unseen);
    this.#unseen.clear();
    const lost: number[] = [];
    for (const [partition, { token }] of this.#held) {
      if (mine.get(partition)?.token === token) continue;
      if (unseen.get(partition) === token && token > this.#seenToken) continue;
      lost.push(partition);
      this.#held.delete(partition);
    }
    if (lost.length > 0) {
      this.#out.push({ do: "lose", partitions: lost });
      this.#sayFences();
    }
    const given = [...mine.values()].filter(({ partition }) => !this.#held.has(partition));
    this.#load(given, position, nowMs);
  }

  /** Who should have what; and what of this node's goes elsewhere. */
  #decide(view: GroupView, nowMs: number): void {
    const { owners, unheld } = assignPartitions(
      candidatesOf(view),
      livingOwners(view),
      this.#pins,
    );
    this.#targets = owners;
    this.#unheld = unheld;
    const staying: number[] = [];
    for (const [partition, { state, isCaughtUp }] of this.#held) {
      const isElsewhere = this.#isElsewhere(partition);
      // It was about to go, to somebody who is gone: it stays.
      if (!isElsewhere && state === "drained") {
        this.#enter(partition, isCaughtUp ? "owned" : "loading", nowMs);
        if (isCaughtUp) staying.push(partition);
      }
      // Nothing is under way of what was never read.
      if (isElsewhere && state === "loading") this.#enter(partition, "drained", nowMs);
    }
    if (staying.length > 0) this.#out.push({ do: "own", partitions: staying });
    this.#drainMore(nowMs);
  }

  /** Begins to drain what should be others', as far as no more than some are at it. */
  #drainMore(nowMs: number): void {
    let draining = 0;
    const due: number[] = [];
    for (const [partition, { state }] of this.#held) {
      if (state === "draining") draining++;
      else if (state === "owned" && this.#isElsewhere(partition)) due.push(partition);
    }
    const going = due.slice(0, Math.max(0, DRAINING_MAX - draining));
    if (going.length === 0) return;
    for (const partition of going) this.#enter(partition, "draining", nowMs);
    this.#out.push({ do: "drain", partitions: going });
  }

  /** Whether a partition should be another's; one that leaves gives it to nobody if need be. */
  #isElsewhere(partition: number): boolean {
    if (this.#phase === "leaving") return this.#isLeaveSeen;
    const target = this.#targets[partition] ?? null;
    return target !== null && target !== this.#options.node;
  }

  // ---- partitions -------------------------------------------------------------------------------------

  #enter(partition: number, state: HeldState, nowMs: number): void {
    const held = this.#held.get(partition);
    if (held === undefined) return;
    held.state = state;
    held.sinceMs = nowMs;
  }

  /** Nothing of these is under way any more; one that is wanted here after all goes on, others follow. */
  #settle(partitions: readonly number[], nowMs: number): void {
    const staying: number[] = [];
    for (const partition of partitions) {
      if (this.#held.get(partition)?.state !== "draining") continue;
      const isElsewhere = this.#isElsewhere(partition);
      this.#enter(partition, isElsewhere ? "drained" : "owned", nowMs);
      if (!isElsewhere) staying.push(partition);
    }
    if (staying.length > 0) this.#out.push({ do: "own", partitions: staying });
    this.#drainMore(nowMs);
  }

  #load(fences: readonly Fence[], position: LogPosition, nowMs: number): void {
    if (fences.length === 0) return;
    for (const { partition, token } of fences) {
      const state = "loading";
      this.#held.set(partition, { token, state, sinceMs: nowMs, isCaughtUp: false });
    }
    this.#sayFences();
    const given = fences.map(({ partition, token }) => ({ partition, token }));
    this.#out.push({ do: "catchUp", fences: given, position });
  }

  /** These were given away: what was not is shown by the next view. */
  #gone(partitions: readonly number[], asked: readonly Fence[]): void {
    for (const { partition, token } of asked) {
      if (!partitions.includes(partition)) continue;
      if (this.#held.get(partition)?.token === token) this.#held.delete(partition);
    }
    this.#sayFences();
    // What was left out: somebody else has it, or the one it was for is gone.
    if (partitions.length < asked.length) this.#mustLook = this.#isHinted = true;
  }

  #sayFences(): void {
    const tokens = new Map<number, number>();
    for (const [partition, { token }] of this.#held) tokens.set(partition, token);
    this.#out.push({ do: "fences", tokens });
  }

  // ---- calls ------------------------------------------------------------------------------------------

  /** What is to be done, with the next call when none is under way. */
  #done(nowMs: number): NodeAction[] {
    if (this.#call === null && !this.#isOver) {
      const call = this.#nextCall(nowMs);
      if (call !== null) {
        this.#call = call;
        this.#out.push(call);
      }
    }
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #nextCall(nowMs: number): GroupCall | null {
    // While it cannot be reached nothing but the beat is tried: it shows how things are. A lease that
    // is nearly over comes first.
    const isCalm = nowMs < this.#nextBeatMs + this.#options.leaseMs / 4;
    if (this.#awaySinceMs === null && !this.#mustLook && isCalm) {
      const call = this.#move();
      if (call !== null) return call;
    }
    if (this.#isLeaveOver(nowMs)) return { call: "leave" };
    const isHinted = this.#isHinted && nowMs >= this.#lastBeatMs + BEAT_GAP_MS;
    if (!isHinted && nowMs < this.#nextBeatMs) return null;
    this.#isHinted = false;
    this.#lastBeatMs = nowMs;
    return { call: "beat", isLeaving: this.#phase === "leaving" };
  }

  /** Whether leaving takes too long, or nobody hears of it. */
  #isLeaveOver(nowMs: number): boolean {
    if (this.#phase !== "leaving") return false;
    const awayMs = this.#awaySinceMs === null ? 0 : nowMs - this.#awaySinceMs;
    return nowMs - this.#leavingSinceMs >= this.#options.leaveMaxMs || awayMs >= LEAVE_AWAY_MS;
  }

  /** Gives away what is drained, or takes what is free; null when there is neither. */
  #move(): GroupCall | null {
    if (this.#view === null) return null;
    const ready = [...this.#held].filter(([, { state }]) => state === "drained");
    if (ready.length > 0) return this.#giveAway(ready);
    if (this.#phase === "leaving") {
      return this.#isLeaveSeen && this.#held.size === 0 ? { call: "leave" } : null;
    }
    const free = this.#hasTaken ? [] : this.#takeable(this.#view);
    this.#hasTaken = true;
    return free.length === 0 ? null : { call: "take", partitions: free };
  }

  /** All that go to somebody; else those that nobody should have. */
  #giveAway(ready: readonly (readonly [number, Held])[]): GroupCall {
    const transfers: Transfer[] = [], fences: Fence[] = [];
    for (const [partition, { token }] of ready) {
      const to = this.#targets[partition] ?? null;
      if (to === null || to === this.#options.node) fences.push({ partition, token });
      else transfers.push({ partition, token, to });
    }
    return transfers.length > 0 ? { call: "handOver", transfers } : { call: "release", fences };
  }

  /** Partitions that should be this node's and that nobody living has. */
  #takeable(view: GroupView): number[] {
    const owners = livingOwners(view);
    const free: number[] = [];
    this.#targets.forEach((target, partition) => {
      if (target === this.#options.node && owners[partition] === null) free.push(partition);
    });
    return free.filter((partition) => !this.#held.has(partition));
  }
}

/** Name of each partition's owner; null where none is alive. */
function livingOwners({ nodes, owners }: GroupView): (string | null)[] {
  const alive = new Set(nodes.map(({ session }) => session));
  const names: (string | null)[] = new Array(PARTITIONS).fill(null);
  for (const { partition, node, session } of owners) {
    if (alive.has(session)) names[partition] = node;
  }
  return names;
}

/** Nodes that may have partitions. */
function candidatesOf(view: GroupView): readonly LiveNode[] {
  const staying = view.nodes.filter(({ isLeaving }) => !isLeaving);
  const owning = new Set(view.owners.map(({ session }) => session));
  const ready = staying.filter(({ session, applied }) =>
    owning.has(session) ||
    (applied !== NOT_STARTED && view.position - applied <= JOIN_LAG_ENTRIES_MAX)
  );
  return ready.length > 0 ? ready : staying;
}
