/**
 * The group of nodes in memory: the twin of `lua/group.lua`.
 *
 * @module
 */

import { nodeText } from "./group_names.ts";
import {
  type Beat,
  type Fence,
  GROUP_BOUNDS,
  GROUP_SILENCE_MS,
  type GroupListener,
  type GroupView,
  type Handed,
  type LogPosition,
  type Move,
  type NodeInfo,
  type Ownership,
  type Transfer,
} from "./port.ts";

interface Member {
  readonly info: NodeInfo;
  readonly untilMs: number;
}

/** See `SharedLog`, whose calls these are. */
export class MemoryGroup {
  readonly #nowMs: () => number;
  readonly #nodes = new Map<string, Member>();
  readonly #names = new Map<string, NodeInfo>();
  readonly #owners = new Map<number, Ownership>();
  readonly #ended = new Set<string>();
  readonly #listeners = new Set<GroupListener>();
  #moves: Move[] = [];
  #token = 0;
  /** When somebody beat last. */
  #heardMs = -Infinity;
  /** By how much leases stood still since, ms: see `GROUP_SILENCE_MS`. */
  #silentMs = 0;

  /** Nobody in it. `nowMs`: the log's clock, epoch ms. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether a session was replaced by another life of its node. */
  hasEnded(session: string): boolean {
    return this.#ended.has(session);
  }

  /** The partitions of fences that are not the current ones. */
  lost(fences: readonly Fence[]): number[] {
    return fences.filter(({ partition, token }) => this.#owners.get(partition)?.token !== token)
      .map(({ partition }) => partition);
  }

  /** Null when it is alive. */
  beat(info: NodeInfo, leaseMs: number): Beat | null {
    nodeText(info);
    const nowMs = this.#look();
    const { node, session } = info;
    let held = this.#nodes.get(node);
    if (held !== undefined && held.info.session !== session) {
      if (held.untilMs > nowMs) {
        return { state: "name_taken", by: { ...held.info, leftMs: held.untilMs - nowMs } };
      }
      // It is alive because of a silence only, and its next life is here.
      this.#nodes.delete(node);
      held = undefined;
    }
    const last = this.#names.get(node);
    if (this.#ended.has(session)) {
      return { state: "name_taken", by: { ...(last ?? info), leftMs: 0 } };
    }
    if (held === undefined) {
      if (this.#nodes.size >= GROUP_BOUNDS.nodes) return { state: "full" };
      if (last !== undefined && last.session !== session) this.#ended.add(last.session);
    }
    if (last?.session !== session) this.#names.set(node, info);
    if (this.#silentMs !== 0) {
      for (const [name, member] of this.#nodes) {
        this.#nodes.set(name, { info: member.info, untilMs: this.#endOf(member) });
      }
    }
    this.#heardMs = nowMs;
    this.#silentMs = 0;
    this.#nodes.set(node, { info, untilMs: nowMs + leaseMs });
    if (held === undefined) this.#changed();
    return null;
  }

  /** What the group makes of a view. */
  view(): Pick<GroupView, "atMs" | "nodes" | "owners" | "moves"> {
    const atMs = this.#look();
    const nodes = [...this.#nodes.values()]
      .map((member) => ({ ...member.info, leftMs: this.#endOf(member) - atMs }))
      .sort((a, b) => a.node < b.node ? -1 : 1);
    const owners = [...this.#owners.values()].sort((a, b) => a.partition - b.partition);
    return { atMs, nodes, owners, moves: [...this.#moves] };
  }

  /** Ends a membership. */
  leave(session: string): void {
    this.#look();
    for (const [node, { info }] of this.#nodes) {
      if (info.session !== session) continue;
      this.#nodes.delete(node);
      this.#changed();
    }
    const held = [...this.#owners.values()].filter((owner) => owner.session === session);
    this.release(held);
  }

  /** Takes what nobody alive has. */
  take(session: string, partitions: readonly number[]): Fence[] {
    const sinceMs = this.#look();
    const member = this.#alive(session);
    if (member === undefined) return [];
    const { node } = member.info;
    const token = this.#token + 1;
    const moves = new Moves(sinceMs);
    const fences: Fence[] = [];
    for (const partition of partitions) {
      const held = this.#owners.get(partition);
      if (held?.session === session) fences.push({ partition, token: held.token });
      else if (held === undefined || this.#alive(held.session) === undefined) {
        this.#token = token;
        this.#owners.set(partition, { partition, node, session, token, sinceMs });
        const why = held === undefined ? "free" : "expired";
        moves.add(partition, held?.node ?? null, node, why);
        fences.push({ partition, token });
      }
    }
    this.#note(moves);
    return fences;
  }

  /** Gives partitions to living nodes, which are told that they were taken at that position. */
  handOver(transfers: readonly Transfer[], position: LogPosition): Fence[] {
    const sinceMs = this.#look();
    const token = this.#token + 1;
    const moves = new Moves(sinceMs);
    const given: Fence[] = [];
    const handed = new Map<string, Fence[]>();
    for (const { partition, to, ...fence } of transfers) {
      const held = this.#owners.get(partition);
      const session = this.#nodes.get(to)?.info.session;
      if (session === undefined || held?.token !== fence.token) continue;
      this.#token = token;
      this.#owners.set(partition, { partition, node: to, session, token, sinceMs });
      moves.add(partition, held.node, to, "handed");
      given.push({ partition, token });
      handed.set(session, [...handed.get(session) ?? [], { partition, token }]);
    }
    this.#note(
      moves,
      Array.from(handed, ([session, fences]) => ({
        session,
        taken: { fences, position },
      })),
    );
    return given;
  }

  /** Lets go. */
  release(fences: readonly Fence[]): void {
    const moves = new Moves(this.#look());
    for (const { partition, token } of fences) {
      const held = this.#owners.get(partition);
      if (held?.token !== token) continue;
      this.#owners.delete(partition);
      moves.add(partition, held.node, null, "released");
    }
    this.#note(moves);
  }

  /** Calls `listener` after each change; ends with what it returns. */
  onChange(listener: GroupListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #alive(session: string): Member | undefined {
    return [...this.#nodes.values()].find(({ info }) => info.session === session);
  }

  /** When a lease ends. One that had ended before the silence is over. */
  #endOf({ untilMs }: Member): number {
    return untilMs > this.#heardMs ? untilMs + this.#silentMs : untilMs;
  }

  /** Forgets whose lease ran out; says the time. */
  #look(): number {
    const nowMs = this.#nowMs();
    const apartMs = nowMs - this.#heardMs;
    this.#silentMs = Math.abs(apartMs) > GROUP_SILENCE_MS ? apartMs : 0;
    for (const [node, member] of this.#nodes) {
      if (this.#endOf(member) > nowMs) continue;
      this.#nodes.delete(node);
      this.#changed();
    }
    return nowMs;
  }

  #note(moves: Moves, handed: readonly (Handed | null)[] = [null]): void {
    if (moves.list.length === 0) return;
    this.#moves = [...moves.list, ...this.#moves].slice(0, GROUP_BOUNDS.moves);
    for (const one of handed) this.#changed(one);
  }

  #changed(handed: Handed | null = null): void {
    for (const listener of [...this.#listeners]) queueMicrotask(() => listener(handed));
  }
}

/** Moves of one call, those of one kind together. */
class Moves {
  readonly list: (Move & { readonly partitions: number[] })[] = [];

  constructor(readonly atMs: number) {}

  add(partition: number, from: string | null, to: string | null, why: Move["why"]): void {
    const isOne = (move: Move) => move.from === from && move.to === to && move.why === why;
    const known = this.list.find(isOne);
    if (known !== undefined) known.partitions.push(partition);
    else this.list.push({ atMs: this.atMs, partitions: [partition], from, to, why });
  }
}
