/**
 * This process as a member of the group of nodes. What is to be done is decided by `Ownership`
 * (`src/store/nodes/ownership.ts`); this shell carries it out: calls into the group, tokens to the
 * store, partitions to the reader, duties to whoever asks.
 *
 * - It starts once the node is a member; a name that another node has fails the start.
 * - When the system stops it gives away all it has and leaves, as when it is told to. Restarted, it
 *   takes up what the group says is still its own.
 * - Answers come back here directly and not as messages, since the last of them come while it stops.
 *
 * @module
 */

import {
  actor,
  type Cancel,
  type Context,
  type Ref,
  type TellRef,
  textOf,
} from "../src/actor/mod.ts";
import type { NodesView } from "../src/http/node_schemas.ts";
import type {
  Beat,
  Fence,
  LogPosition,
  NodeInfo,
  SharedLog,
  Taken,
} from "../src/store/log/port.ts";
import { type PartitionPin, pinText } from "../src/store/nodes/assignment.ts";
import type { NodeDuties } from "../src/store/nodes/duties.ts";
import { NodeError } from "../src/store/nodes/node_error.ts";
import type { PeerList } from "../src/store/nodes/peers.ts";
import { nodesView } from "../src/store/nodes/nodes_view.ts";
import {
  type GroupCall,
  type NodeAction,
  NOT_STARTED,
  Ownership,
  OWNERSHIP_DEFAULTS,
  type StopReason,
} from "../src/store/nodes/ownership.ts";
import type { PartitionStreams, StreamPlace } from "../src/store/partitions/port.ts";
import type { LabelPool } from "./protocols.ts";
import { NodeMember, type PartitionReader } from "./protocols_nodes.ts";

/** The part of a log that knows about the group. */
export type NodeGroup = Pick<
  SharedLog,
  "beat" | "take" | "handOver" | "release" | "leave" | "onGroupChange" | "status" | "close"
>;

/** What the store does for a node. */
export interface NodeStore {
  /** Writes under these tokens, and no others, from when it resolves. */
  setFences(tokens: ReadonlyMap<number, number>): Promise<void>;
  /** Resolves once the copy has applied everything up to there, to where the partitions stand. */
  caughtUp(
    position: LogPosition,
    partitions: readonly number[],
  ): Promise<readonly (StreamPlace | null)[]>;
  /** Where the copy stands. */
  applied(): Promise<number>;
}

/** How a node is set up. */
export interface NodeArgs {
  /** Name, session and so on; `applied` and `isLeaving` are filled in. */
  readonly info: Omit<NodeInfo, "isLeaving" | "applied" | "url">;
  /** Where its admin HTTP answers, as far as it is known by now. */
  readonly url: () => string | null;
  readonly leaseMs: number;
  readonly pins?: readonly PartitionPin[];
  /** Opens a way to the group; closed when the actor ends. */
  readonly group: () => NodeGroup | Promise<NodeGroup>;
  readonly store: NodeStore;
  readonly reader: Ref<typeof PartitionReader.definition>;
  /** What the reader reads, of an earlier life of this actor too. */
  readonly owned?: ReadonlySet<number>;
  /** Forgets series whose partitions come anew. */
  readonly pool: TellRef<typeof LabelPool.definition>;
  /** What waits in the partitions, for people who look. */
  readonly streams: Pick<PartitionStreams, "backlog">;
  readonly duties: NodeDuties;
  /** Who lives, for whoever sends to other nodes. */
  readonly peers?: PeerList;
  /** Resolves once the tree has started: until then others keep what they have. */
  readonly started: Promise<void>;
  /** Run then, until it is over or the actor ends: others keep what they have until it is, too. */
  readonly rehearse?: (signal: AbortSignal) => Promise<void>;
  /** Whether it ends now for good, and is not only restarted. */
  readonly isStopping: () => boolean;
  /** The node must not go on: another one has its name, say. */
  readonly onStopped: (error: Error) => void;
}

/** A partition that drains is answered for by its reader long before. */
const DRAIN_ANSWER_MS = 2 * OWNERSHIP_DEFAULTS.drainMaxMs;
/** A group that is out of reach for so long keeps no node from starting, ms. */
const JOIN_WITHOUT_MS = 2_000;
/** Between two questions whether a copy that did not answer has caught up. */
const CATCH_UP_AGAIN_MS = 100;
/** What waits is looked at for people no more often than that. */
const BACKLOG_EVERY_MS = 500;
/** Longest wait for it, ms: whoever looks waits for a second. */
const BACKLOG_WAIT_MS = 300;

const NO_CURSORS: ReadonlyMap<number, StreamPlace | null> = new Map();

/** See the module's text. */
export const node = actor(NodeMember, async (ctx, args: NodeArgs) => {
  const group = await args.group();
  const member = new Member(ctx, args, group);
  ctx.onStop(async () => {
    if (args.isStopping()) await member.leave();
    await member.end();
    await group.close();
  });
  await member.join();
  return {
    status: () => member.self(),
    nodes: () => {
      const reply = ctx.defer<NodesView>();
      member.nodes().then((view) => reply.resolve(view), (error) => reply.reject(error));
      return reply;
    },
    leave: () => {
      const reply = ctx.defer<null>();
      member.leave().then(() => reply.resolve(null), (error) => reply.reject(error));
      return reply;
    },
    broke: ({ message }) => {
      throw new Error(message);
    },
  };
});

class Member {
  readonly #ctx: Context<typeof NodeMember.definition>;
  readonly #args: NodeArgs;
  readonly #group: NodeGroup;
  readonly #machine: Ownership;
  readonly #unwatch: () => void;
  #timer: Cancel = () => {};
  #applied: LogPosition = NOT_STARTED;
  /** Partitions that have drained in this turn of the loop. */
  readonly #drained: number[] = [];
  #cancelDrained: Cancel = () => {};
  #isStarted = false;
  /** Ends the rehearsal: with the actor, or when there is work already. */
  readonly #rehearsing = new AbortController();
  /** Null before the tree has started: one that does not come to it is no reason to wait. */
  #rehearsal: Promise<void> | null = null;
  #isOver = false;
  /** Told when the node is a member, or must not be. */
  readonly #joined = Promise.withResolvers<void>();
  readonly #left = Promise.withResolvers<void>();
  #backlog: { readonly atMs: number; readonly found: ReturnType<Member["lookAt"]> } | null = null;
  #wasAway = false;
  /** Where partitions stand that the store has just caught up with. */
  #cursors: ReadonlyMap<number, StreamPlace | null> = NO_CURSORS;

  constructor(ctx: Context<typeof NodeMember.definition>, args: NodeArgs, group: NodeGroup) {
    this.#ctx = ctx;
    this.#args = args;
    this.#group = group;
    const { info: { node, session }, leaseMs, pins = [] } = args;
    this.#machine = new Ownership({ node, session, leaseMs, pins });
    this.#unwatch = group.onGroupChange((handed) =>
      this.#step((machine, nowMs) => machine.hinted(handed, nowMs))
    );
    this.#joined.promise.catch(() => {});
    args.started.then(() => void (this.#rehearsal = this.#rehearse()), () => {});
  }

  async #rehearse(): Promise<void> {
    const { rehearse } = this.#args;
    try {
      if (!this.#rehearsing.signal.aborted) await rehearse?.(this.#rehearsing.signal);
    } catch (error) {
      this.#ctx.log("info", "starts without a rehearsal", { reason: textOf(error) });
    }
    this.#isStarted = true;
  }

  /** Resolves once the node is a member. */
  async join(): Promise<void> {
    // What an earlier life had may be others' by now; what is not comes again.
    for (const partition of this.#args.owned ?? []) this.#args.reader.tell("disown", { partition });
    this.#step((machine, nowMs) => machine.tick(nowMs));
    await this.#joined.promise;
  }

  /** Gives everything away and leaves the group; idempotent. */
  async leave(): Promise<void> {
    this.#joined.reject(new Error("stopped before it had joined"));
    this.#step((machine, nowMs) => machine.leave(nowMs));
    if (this.#machine.phase === "leaving") await this.#left.promise;
  }

  /** Does nothing from here on; resolves when nothing of it runs any more. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#rehearsing.abort();
    this.#timer();
    this.#cancelDrained();
    this.#unwatch();
    this.#args.duties.set(new Set());
    await this.#rehearsal;
  }

  // ---- the machine ------------------------------------------------------------------------------------

  /** Tells the machine of something, and does what it says. */
  #step(tell: (machine: Ownership, nowMs: number) => readonly NodeAction[]): void {
    if (this.#isOver) return;
    try {
      for (const action of tell(this.#machine, this.#ctx.clock.now())) this.#do(action);
      this.#noteAway();
      this.#args.duties.set(this.#machine.owned);
      this.#args.peers?.set(this.#machine.view?.nodes ?? []);
    } catch (error) {
      this.#ctx.self.tell("broke", { message: textOf(error) });
      return;
    }
    if (this.#machine.phase === "member") this.#joined.resolve();
    this.#arm();
  }

  #arm(): void {
    this.#timer();
    const { nextMs } = this.#machine;
    if (nextMs === Infinity) return;
    const { clock } = this.#ctx;
    this.#timer = clock.setTimer(
      Math.max(0, nextMs - clock.now()),
      () => this.#step((machine, nowMs) => machine.tick(nowMs)),
    );
  }

  #noteAway(): void {
    const { away } = this.#machine;
    // Reads go on without the group, and so does what was taken before.
    const awayMs = away === null ? 0 : this.#ctx.clock.now() - away.sinceMs;
    if (awayMs >= JOIN_WITHOUT_MS) this.#joined.resolve();
    if (away !== null && !this.#wasAway) {
      this.#ctx.log("warn", "the group is out of reach; labels what it has", {
        reason: away.message,
      });
    }
    if (away === null && this.#wasAway) this.#ctx.log("info", "the group is in reach again");
    this.#wasAway = away !== null;
  }

  #do(action: NodeAction): void {
    if ("call" in action) return void this.#call(action);
    const { reader } = this.#args;
    switch (action.do) {
      case "fences":
        return this.#setFences(action.tokens);
      case "catchUp":
        return this.#catchUp(action.fences, action.position);
      case "own":
        return this.#own(action.partitions);
      case "drain":
        return this.#drain(action.partitions);
      case "lose":
        for (const partition of action.partitions) reader.tell("disown", { partition });
        this.#ctx.log("warn", "lost partitions to others", { count: action.partitions.length });
        return;
      case "stop":
        return this.#stopped(action.why);
      case "left":
        this.#left.resolve();
    }
  }

  #setFences(tokens: ReadonlyMap<number, number>): void {
    this.#args.store.setFences(tokens).catch((error) => {
      // The store was lost, and with it this actor is about to be restarted.
      if (!this.#isOver) this.#ctx.self.tell("broke", { message: textOf(error) });
    });
  }

  /** The store takes what it is told in its order: the tokens are there by now. */
  #catchUp(fences: readonly Fence[], position: LogPosition): void {
    if (this.#isOver) return;
    this.#args.store.caughtUp(position, fences.map(({ partition }) => partition)).then(
      (cursors) => {
        this.#cursors = new Map(
          fences.map(({ partition }, at) => [partition, cursors[at] ?? null]),
        );
        this.#step((machine, nowMs) => machine.caughtUp(fences, nowMs));
        this.#cursors = NO_CURSORS;
      },
      () => {
        const again = () => this.#catchUp(fences, position);
        this.#ctx.clock.setTimer(CATCH_UP_AGAIN_MS, again);
      },
    );
  }

  #own(partitions: readonly number[]): void {
    const { reader, pool } = this.#args;
    // Nobody else could have had them: what waits is better practice.
    this.#rehearsing.abort();
    // What it knew of their series may be of a time before another node had them.
    pool.tell("forget", { partitions });
    // Nobody has moved the cursors of those that have just come.
    const cursors = partitions.flatMap((partition) => {
      const cursor = this.#cursors.get(partition);
      return cursor === undefined ? [] : [cursor];
    });
    const areKnown = cursors.length === partitions.length;
    reader.tell("own", { partitions, ...(areKnown ? { cursors } : {}) });
    this.#ctx.log("info", "owns partitions", { count: partitions.length });
  }

  #drain(partitions: readonly number[]): void {
    const { reader } = this.#args;
    for (const partition of partitions) {
      reader.ask("drain", { partition }, { timeoutMs: DRAIN_ANSWER_MS }).catch(() => null).then(
        () => this.#isDrained(partition),
      );
    }
    // What it owns no more needs no duties from here on, and the others learn what waits.
    this.#ctx.log("info", "gives partitions away", { count: partitions.length });
  }

  /** Those that come to it at once are given away at once, and not the first of them before. */
  #isDrained(partition: number): void {
    if (this.#isOver || this.#drained.push(partition) > 1) return;
    this.#cancelDrained = this.#ctx.clock.setTimer(0, () => {
      const drained = this.#drained.splice(0);
      this.#step((machine, nowMs) => machine.drained(drained, nowMs));
    });
  }

  #stopped(why: StopReason): void {
    const { node } = this.#args.info;
    const error = new NodeError(
      why.code,
      why.code === "name_taken"
        ? `Cannot go on as node ${node}: expected a nodeName that no other node has: current value ` +
          `is that of a node at ${why.by.url ?? "an unknown place"}`
        : `Cannot join as node ${node}: expected room in the group: current value is full`,
    );
    this.#ctx.log("error", error.message);
    this.#joined.reject(error);
    this.#left.resolve();
    this.#args.onStopped(error);
  }

  // ---- the group --------------------------------------------------------------------------------------

  async #call(call: GroupCall): Promise<void> {
    let answer: Beat | Taken | void;
    try {
      answer = await this.#carryOut(call);
    } catch (error) {
      const message = textOf(error);
      return this.#step((machine, nowMs) => machine.failed(message, nowMs));
    }
    this.#step((machine, nowMs) => machine.answered(answer, nowMs));
  }

  async #carryOut(call: GroupCall): Promise<Beat | Taken | void> {
    const { info, leaseMs } = this.#args;
    switch (call.call) {
      case "beat": {
        this.#lookApplied();
        const { isLeaving } = call;
        const said = { ...info, url: this.#args.url(), isLeaving, applied: this.#applied };
        return await this.#group.beat(said, leaseMs);
      }
      case "take":
        return await this.#group.take(info.session, call.partitions);
      case "handOver":
        return await this.#group.handOver(call.transfers);
      case "release":
        return await this.#group.release(call.fences);
      case "leave":
        return await this.#group.leave(info.session);
    }
  }

  /** For the next beat: none waits for a store that is busy. */
  #lookApplied(): void {
    if (!this.#isStarted) return;
    this.#args.store.applied().then((applied) => this.#applied = applied, () => {});
  }

  // ---- for people -------------------------------------------------------------------------------------

  self(): NodesView["self"] {
    const { info: { node, region } } = this.#args;
    const { phase, away, owned, held, unheldPins } = this.#machine;
    return {
      node,
      region,
      phase,
      awayMs: away === null ? null : this.#ctx.clock.now() - away.sinceMs,
      lastError: away?.message ?? null,
      owned: owned.size,
      moving: held.length - owned.size,
      unheldPins: unheldPins.map(pinText),
    };
  }

  async nodes(): Promise<NodesView> {
    const { view, held } = this.#machine;
    const { status } = this.#group;
    const nowMs = this.#ctx.clock.now();
    if (this.#backlog === null || nowMs - this.#backlog.atMs >= BACKLOG_EVERY_MS) {
      this.#backlog = { atMs: nowMs, found: this.lookAt() };
    }
    const backlog = await this.#backlog.found;
    return nodesView({ self: this.self(), view, held, backlog, status, applied: this.#applied });
  }

  /** What waits everywhere; null when nobody can say, or not soon: people look most then. */
  async lookAt() {
    const all = Array.from({ length: 256 }, (_, partition) => partition);
    const late = Promise.withResolvers<null>();
    const cancel = this.#ctx.clock.setTimer(BACKLOG_WAIT_MS, () => late.resolve(null));
    const backlog = this.#args.streams.backlog(all).catch(() => null);
    return await Promise.race([backlog, late.promise]).finally(cancel);
  }
}
