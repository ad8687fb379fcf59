/**
 * The calls about the group of nodes over Redis; see `lua/group.lua`.
 *
 * @module
 */

import type { Redis } from "ioredis";
import { PARTITIONS } from "../../market/partition.ts";
import { movesOf, nodeOf, nodeText, ownersOf } from "./group_names.ts";
import type { LogKeys } from "./keys.ts";
import {
  type Beat,
  type Fence,
  type GroupView,
  type Handed,
  type LiveNode,
  LogError,
  type Move,
  type NodeInfo,
  type Ownership,
  type Taken,
  type Transfer,
} from "./port.ts";
import { aboutOf } from "./redis_snapshots.ts";
import { GROUP, runScript, type ScriptArgument } from "./scripts.ts";
import { foreignText } from "./memory_log.ts";

/** How {@linkcode RedisGroupCalls} are made. */
export interface GroupCallsOptions {
  readonly keys: LogKeys;
  /** The log's id, once it was met. */
  readonly logId: () => string;
  /** One trip to the server. */
  readonly call: <T>(run: (redis: Redis) => Promise<T>) => Promise<T>;
}

/** As in `SharedLog`. */
export class RedisGroupCalls {
  readonly #options: GroupCallsOptions;
  /** Keys of the script. */
  readonly keys: readonly string[];
  /** Owners and moves as they were last told; they come again only when they changed. */
  #known: { version: string; owners: readonly Ownership[]; moves: readonly Move[] } = {
    version: "",
    owners: [],
    moves: [],
  };

  /** Makes no call yet. */
  constructor(options: GroupCallsOptions) {
    this.#options = options;
    const { meta, entries, nodes, names, owners, tokens, moves, ended } = options.keys;
    this.keys = [meta, entries, nodes, names, owners, tokens, moves, ended];
  }

  /** Says that a node is alive. */
  async beat(info: NodeInfo, leaseMs: number): Promise<Beat> {
    const text = nodeText(info);
    const { version } = this.#known;
    const reply = await this.#run("beat", info.node, info.session, leaseMs, text, version);
    if (reply[0] === "full") return { state: "full" };
    if (reply[0] !== "name_taken") return { state: "alive", view: this.#viewOf(reply) };
    const by: LiveNode = nodeOf(String(reply[2]), Number(reply[1])) ?? { ...info, leftMs: 0 };
    return { state: "name_taken", by };
  }

  /** How the group is. */
  async view(): Promise<GroupView> {
    return this.#viewOf(await this.#run("view", this.#known.version));
  }

  /** Ends a membership. */
  async leave(session: string): Promise<void> {
    await this.#run("leave", session);
  }

  /** Takes partitions. */
  async take(session: string, partitions: readonly number[]): Promise<Taken> {
    return takenOf(await this.#run("take", session, ...partitions));
  }

  /** Gives partitions away. */
  async handOver(transfers: readonly Transfer[]): Promise<Taken> {
    const flat = transfers.flatMap(({ partition, token, to }) => [partition, token, to]);
    return takenOf(await this.#run("hand", ...flat));
  }

  /** Lets go of partitions. */
  async release(fences: readonly Fence[]): Promise<void> {
    await this.#run("release", ...flat(fences));
  }

  async #run(operation: string, ...args: readonly ScriptArgument[]): Promise<unknown[]> {
    const { keys, logId, call } = this.#options;
    const reply = await call((redis) =>
      runScript(redis, GROUP, this.keys, operation, logId(), keys.channel, ...args)
    );
    if (reply[0] !== "foreign") return reply;
    throw new LogError("foreign", foreignText(logId(), String(reply[1] ?? "")));
  }

  #viewOf(reply: readonly unknown[]): GroupView {
    const [, atMs, position, first, bytes, snapshot, version, nodes, owners, moves] = reply;
    if (Array.isArray(owners) && Array.isArray(moves)) {
      this.#known = { version: String(version), owners: ownersOf(owners), moves: movesOf(moves) };
    }
    return {
      atMs: Number(atMs),
      position: Number(position),
      firstPosition: Number(first),
      bytes: Number(bytes),
      snapshot: aboutOf(String(snapshot))?.about ?? null,
      nodes: nodesOf(nodes as readonly unknown[]),
      owners: this.#known.owners,
      moves: this.#known.moves,
    };
  }
}

function nodesOf(flat: readonly unknown[]): LiveNode[] {
  const nodes: LiveNode[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const node = nodeOf(String(flat[at + 1]), Number(flat[at]));
    if (node !== null) nodes.push(node);
  }
  return nodes.sort((a, b) => a.node < b.node ? -1 : 1);
}

function takenOf([, position, ...held]: readonly unknown[]): Taken {
  const fences: Fence[] = [];
  for (let at = 0; at + 1 < held.length; at += 2) {
    fences.push({ partition: Number(held[at]), token: Number(held[at + 1]) });
  }
  return { fences, position: Number(position) };
}

const HANDED = /^handed\|([^|]+)\|(\d{1,16})\|(\d{1,16}(?:,\d{1,16})*)$/;
/** Longest of them: all partitions with their tokens. */
const HANDED_CHARS_MAX = 8_192;

/** What a message of the group's channel says was handed over; null when it says something else. */
export function handedOf(message: string): Handed | null {
  const found = message.length > HANDED_CHARS_MAX ? null : HANDED.exec(message);
  if (found === null) return null;
  const [, session = "", position, pairs = ""] = found;
  const taken = takenOf(["taken", position, ...pairs.split(",")]);
  return taken.fences.every(({ partition }) => partition < PARTITIONS) ? { session, taken } : null;
}

function flat(fences: readonly Fence[]): number[] {
  return fences.flatMap(({ partition, token }) => [partition, token]);
}
