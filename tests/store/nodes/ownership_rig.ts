/** Nodes that are nothing but their ownership machines, on a group in memory and a virtual clock. */

import { assert, assertEquals } from "@std/assert";
import { type Random, seededRandom, VirtualClock } from "../../../src/actor/clock.ts";
import type { Beat, NodeInfo, Taken } from "../../../src/store/log/port.ts";
import type { PartitionPin } from "../../../src/store/nodes/assignment.ts";
import {
  type GroupCall,
  type NodeAction,
  Ownership,
  type StopReason,
} from "../../../src/store/nodes/ownership.ts";
import { FakeGroup } from "./fake_group.ts";

export const LEASE_MS = 2_000;

/** What the way between node and group does. */
export interface Trouble {
  /** Ms that a call, or an answer, takes at most. */
  latencyMs: number;
  /** Share of calls that are lost on their way there, and of answers. */
  lossRatio: number;
}

export class SimNode {
  readonly machine: Ownership;
  readonly info: NodeInfo;
  /** Partitions that its reader reads. */
  readonly reading = new Set<number>();
  tokens: ReadonlyMap<number, number> = new Map();
  applied = 0;
  isDead = false;
  stopped: StopReason | null = null;
  hasLeft = false;
  /** Its copy applies nothing by itself. */
  lags = false;
  /** What happens when it wakes; null while it is awake. */
  #asleep: (() => void)[] | null = null;
  #timer: () => void = () => {};
  #skewMs: number;
  readonly #rig: Rig;
  /** Where the copy must stand for what was taken under a token. */
  readonly #needed = new Map<number, number>();
  readonly #unwatch: () => void;

  constructor(rig: Rig, node: string, region: string, session: string, pins: PartitionPin[]) {
    this.#rig = rig;
    this.#skewMs = rig.random.next() * 1e6;
    this.info = {
      ...{ node, session, region, url: null, version: "0", startedMs: 0 },
      ...{ isLeaving: false, applied: 0 },
    };
    this.machine = new Ownership({ node, session, leaseMs: LEASE_MS, pins });
    this.#unwatch = rig.group.onGroupChange((handed) => {
      // Some are lost, and some come twice.
      for (let chance = rig.random.next(); chance >= 0.1; chance -= 0.8) {
        rig.later(() => this.#awake(() => this.#do(this.machine.hinted(handed, this.nowMs))));
      }
    });
    this.#do(this.machine.tick(this.nowMs));
  }

  get nowMs(): number {
    return this.#rig.clock.now() + this.#skewMs;
  }

  get isAwake(): boolean {
    return this.#asleep === null && !this.isDead && this.stopped === null && !this.hasLeft;
  }

  pause(): void {
    if (this.isAwake) this.#asleep = [];
  }

  wake(): void {
    const waiting = this.#asleep ?? [];
    this.#asleep = null;
    for (const run of waiting) run();
  }

  kill(): void {
    this.isDead = true;
    this.reading.clear();
    this.#timer();
    this.#unwatch();
  }

  leave(): void {
    this.#awake(() => this.#do(this.machine.leave(this.nowMs)));
  }

  /** Its clock goes ahead by so much; one that is monotonic never goes back. */
  jump(ms: number): void {
    this.#skewMs += ms;
    this.#arm();
  }

  /** A commit of each partition that it reads, as a reader would do. */
  commit(): void {
    if (!this.isAwake) return;
    for (const partition of this.reading) {
      const token = this.tokens.get(partition);
      assert(token !== undefined, `${this.info.node} reads ${partition} without a token`);
      if (this.#rig.random.next() < 0.2) this.#rig.group.append([{ partition, token }]);
    }
    if (!this.lags) this.applied = this.#rig.group.position;
  }

  #awake(run: () => void): void {
    if (this.isDead) return;
    if (this.#asleep !== null) this.#asleep.push(run);
    else run();
  }

  #do(actions: readonly NodeAction[]): void {
    for (const action of actions) {
      if ("call" in action) this.#call(action);
      else this.#local(action);
    }
    this.#arm();
  }

  #arm(): void {
    this.#timer();
    const leftMs = this.machine.nextMs - this.nowMs;
    if (leftMs === Infinity || this.isDead) return;
    this.#timer = this.#rig.clock.setTimer(
      Math.max(0, leftMs),
      () => this.#awake(() => this.#do(this.machine.tick(this.nowMs))),
    );
  }

  #local(action: Exclude<NodeAction, GroupCall>): void {
    const { machine } = this;
    switch (action.do) {
      case "fences":
        this.tokens = action.tokens;
        for (const partition of this.reading) {
          assert(this.tokens.has(partition), "a token was forgotten before the reader stopped");
        }
        return;
      case "catchUp":
        for (const { token } of action.fences) this.#needed.set(token, action.position);
        return this.#rig.later(() =>
          this.#awake(() => {
            this.applied = Math.max(this.applied, action.position);
            this.#do(machine.caughtUp(action.fences, this.nowMs));
          })
        );
      case "own":
        for (const partition of action.partitions) {
          assert(this.tokens.has(partition), "the reader was told before the store");
          const token = this.tokens.get(partition) as number;
          const needed = this.#needed.get(token) ?? Infinity;
          assert(this.applied >= needed, `${partition} is read before the copy has caught up`);
          this.#rig.reads(this, partition, token);
          this.reading.add(partition);
        }
        return;
      case "drain":
        return this.#rig.later(() =>
          this.#awake(() => {
            for (const partition of action.partitions) this.reading.delete(partition);
            this.#do(machine.drained(action.partitions, this.nowMs));
          })
        );
      case "lose":
        for (const partition of action.partitions) this.reading.delete(partition);
        return;
      case "stop":
        this.stopped = action.why;
        return;
      case "left":
        this.hasLeft = true;
        this.#unwatch();
    }
  }

  #call(call: GroupCall): void {
    const { random, trouble } = this.#rig;
    const isLost = random.next() < trouble.lossRatio;
    const isAnswerLost = random.next() < trouble.lossRatio;
    this.#rig.later(() => {
      const answer = isLost ? undefined : this.#carryOut(call);
      this.#rig.later(() =>
        this.#awake(() =>
          this.#do(
            isLost || isAnswerLost
              ? this.machine.failed("away", this.nowMs)
              : this.machine.answered(answer, this.nowMs),
          )
        )
      );
    });
  }

  #carryOut(call: GroupCall): Beat | Taken | void {
    const { group } = this.#rig;
    const { session } = this.info;
    switch (call.call) {
      case "beat": {
        const { isLeaving } = call;
        return group.beat({ ...this.info, isLeaving, applied: this.applied }, LEASE_MS);
      }
      case "take":
        return group.take(session, call.partitions);
      case "handOver":
        return group.handOver(call.transfers);
      case "release":
        return group.release(call.fences);
      case "leave":
        return group.leave(session);
    }
  }
}

export class Rig {
  readonly clock = new VirtualClock();
  readonly group = new FakeGroup(this.clock);
  readonly random: Random;
  readonly trouble: Trouble = { latencyMs: 10, lossRatio: 0 };
  readonly nodes: SimNode[] = [];
  readonly #pins: PartitionPin[];
  /** Who read under which token. */
  readonly #readers = new Map<string, SimNode>();
  /** Since when nobody alive has each partition; null = somebody has. */
  readonly #idleSince: (number | null)[] = new Array(256).fill(0);
  #made = 0;
  worstIdleMs = 0;

  constructor(seed: number, pins: PartitionPin[] = []) {
    this.random = seededRandom(seed);
    this.#pins = pins;
  }

  join(name = `n${this.#made}`, region = ""): SimNode {
    const node = new SimNode(this, name, region, `${name}:${this.#made++}`, this.#pins);
    this.nodes.push(node);
    return node;
  }

  get awake(): SimNode[] {
    return this.nodes.filter((node) => node.isAwake);
  }

  later(run: () => void): void {
    this.clock.setTimer(this.random.next() * this.trouble.latencyMs, run);
  }

  reads(node: SimNode, partition: number, token: number): void {
    const key = `${partition}/${token}`;
    const other = this.#readers.get(key);
    assert(other === undefined || other === node, `two nodes read ${key}`);
    this.#readers.set(key, node);
    const last = this.group.lastOf.get(partition) ?? 0;
    const isCurrent = this.group.view().owners.some((owner) =>
      owner.partition === partition && owner.token === token
    );
    assert(!isCurrent || node.applied >= last, `${key} is read before its last commit is known`);
  }

  /** Goes on, looking at every partition each 10 ms. */
  run(ms: number): void {
    for (let left = ms; left > 0; left -= 10) {
      this.clock.advance(10);
      for (const node of this.nodes) node.commit();
      this.#look();
    }
  }

  #look(): void {
    const nowMs = this.clock.now();
    const owners = new Map(this.group.view().owners.map((owner) => [owner.partition, owner]));
    const nodes = new Map(this.awake.map((node) => [node.info.session, node]));
    for (let p = 0; p < 256; p++) {
      const isOwned = nodes.has(owners.get(p)?.session ?? "");
      // While there is nobody who could have it, nobody need.
      if (isOwned || nodes.size === 0) this.#idleSince[p] = null;
      else {
        const since = this.#idleSince[p] ??= nowMs;
        this.worstIdleMs = Math.max(this.worstIdleMs, nowMs - since);
      }
    }
  }

  /** What must be when nothing has happened for a while. */
  assertSettled(note: string): void {
    const { owners } = this.group.view();
    const awake = this.awake;
    const shares = awake.map((node) =>
      owners.filter(({ session }) => session === node.info.session).length
    );
    if (this.#pins.length === 0) {
      assertEquals(shares.reduce((sum, share) => sum + share, 0), 256, note);
      assert(Math.max(...shares) - Math.min(...shares) <= 1, `${note}: shares ${shares}`);
    }
    for (const node of awake) {
      const own = owners.filter(({ session }) => session === node.info.session);
      assertEquals([...node.reading].sort((a, b) => a - b), own.map((o) => o.partition), note);
      for (const { partition, token } of own) assertEquals(node.tokens.get(partition), token);
    }
  }
}
