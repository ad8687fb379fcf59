/**
 * Which node should have which partition: rendezvous hashing with a bound on the load.
 *
 * ## How it works
 * Every node may have so many partitions, its share: the shares of any two differ by one at most.
 * What a node has within its share it keeps; of more it gives those that weigh least with it; what
 * nobody has goes to the node with which it weighs most among those that have room (D. G. Thaler and
 * C. V. Ravishankar, IEEE/ACM Transactions on Networking 6(1), 1998; the bound: V. Mirrokni, M.
 * Thorup, M. Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018).
 *
 * - all nodes that look at the same view decide the same, in whatever order the view lists them
 * - the largest share is at most 1.02 of the mean where 256 partitions can be divided so, else it is
 *   one partition more than the smallest
 * - a node that joins takes its share and nothing else moves; of one that leaves only what it had
 * - halfway through the moves the decision is still the same one: so nodes may move their own at
 *   their own pace
 *
 * Who has what now is an argument, since no function of the living nodes alone could keep the second
 * and the third promise: that takes a ranking of the nodes for each partition whose first places are
 * divided evenly in every subset of them, and so as many partitions as the least common multiple of
 * 1 to n.
 *
 * ## Pins
 * Partitions pinned to a region are shared by the nodes of that region as long as one lives, and by
 * all when none does. The others even out what that leaves, so with pins a join may move more than
 * its share.
 *
 * @module
 */

import { hashKey, mix } from "../../cache/hash.ts";
import { PARTITIONS } from "../../market/partition.ts";

/** A node that may have partitions. */
export interface AssignedNode {
  /** Name. */
  readonly node: string;
  /** Where it stands; empty when nobody said. */
  readonly region: string;
}

/** Partitions from ≤ p < to that belong in a region. */
export interface PartitionPin {
  /** First partition, 0 to 255. */
  readonly from: number;
  /** Partition after the last one. */
  readonly to: number;
  /** Where they belong. */
  readonly region: string;
}

/** Who should have what. */
export interface Assignment {
  /** Node of each of the 256 partitions; null when there are no nodes. */
  readonly owners: readonly (string | null)[];
  /** Pins whose region has no living node: their partitions are divided among all. */
  readonly unheld: readonly PartitionPin[];
}

/** Bounds of pins. */
export const PIN_BOUNDS = {
  /** One a partition would be as many. */
  pins: PARTITIONS,
} as const;

/** The same in every process and version. */
const NODE_SEED = 0;
/** The golden ratio's 32 bits, odd; the usual step between seeds. */
const GOLDEN = 0x9e3779b9;

/**
 * Who should have each partition. `owners` is who has it now, by partition; a name that is not among
 * the nodes counts as nobody. O(partitions · nodes).
 *
 * @throws {RangeError} for pins outside of the partitions, or that overlap.
 */
export function assignPartitions(
  nodes: readonly AssignedNode[],
  owners: readonly (string | null | undefined)[],
  pins: readonly PartitionPin[] = [],
): Assignment {
  assertPins(pins);
  const result: (string | null)[] = new Array(PARTITIONS).fill(null);
  if (nodes.length === 0) return { owners: result, unheld: [...pins] };
  const slots = slotsOf(nodes);
  const groups = new Map<string, number[]>();
  const isPinned = new Uint8Array(PARTITIONS);
  const unheld: PartitionPin[] = [];
  for (const pin of pins) {
    if (!slots.some(({ region }) => region === pin.region)) {
      unheld.push(pin);
      continue;
    }
    const group = groups.get(pin.region) ?? [];
    groups.set(pin.region, group);
    for (let p = pin.from; p < pin.to; p++) {
      isPinned[p] = 1;
      group.push(p);
    }
  }
  for (const [region, group] of [...groups].toSorted(byKey)) {
    const members = slots.filter((slot) => slot.region === region);
    share(members, group.length);
    place(members, group.toSorted((a, b) => a - b), owners, result);
  }
  const free = Array.from(isPinned.keys()).filter((p) => isPinned[p] === 0);
  share(slots, free.length);
  place(slots, free, owners, result);
  return { owners: result, unheld };
}

/**
 * Refuses pins outside of the partitions, or that overlap.
 *
 * @throws {RangeError} that says which.
 */
export function assertPins(pins: readonly PartitionPin[]): void {
  let end = 0;
  if (pins.length > PIN_BOUNDS.pins) {
    throw new RangeError(
      `Cannot pin partitions: expected at most ${PIN_BOUNDS.pins} pins: current value is ` +
        `${pins.length}`,
    );
  }
  for (const pin of pins.toSorted((a, b) => a.from - b.from)) {
    const { from, to } = pin;
    const isRange = Number.isInteger(from) && Number.isInteger(to) && from < to &&
      from >= 0 && to <= PARTITIONS;
    if (!isRange || from < end) {
      throw new RangeError(
        `Cannot pin partitions: expected ranges within 0 to ${
          PARTITIONS - 1
        } that do not overlap: ` +
          `current value is ${pinText(pin)}`,
      );
    }
    end = to;
  }
}

/** A pin as people write it: `0-63=eu`. */
export function pinText({ from, to, region }: PartitionPin): string {
  return `${from === to - 1 ? from : `${from}-${to - 1}`}=${region}`;
}

/**
 * Reads a pin as people write it.
 *
 * @throws {RangeError} for what is none.
 */
export function parsePin(text: string): PartitionPin {
  const found = /^(\d{1,3})(?:-(\d{1,3}))?=(\S{1,64})$/.exec(text.trim());
  if (found === null) {
    throw new RangeError(
      `Cannot pin partitions: expected FIRST-LAST=REGION, such as 0-63=eu: current value is ${text}`,
    );
  }
  const [, first = "", last = first, region = ""] = found;
  const pin = { from: Number(first), to: Number(last) + 1, region };
  assertPins([pin]);
  return pin;
}

interface Slot extends AssignedNode {
  readonly hash: number;
  /** Partitions that it has been given so far, and those it may have of the group at hand. */
  given: number;
  room: number;
}

/** In an order that depends on nothing but the names: the first get the larger shares. */
function slotsOf(nodes: readonly AssignedNode[]): Slot[] {
  return nodes
    .map(({ node, region }): Slot => ({
      node,
      region,
      hash: hashKey(node, NODE_SEED),
      given: 0,
      room: 0,
    }))
    .sort((a, b) => a.hash - b.hash || (a.node < b.node ? -1 : 1));
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Weight of a partition with a node; two nodes may weigh the same only when their hashes agree. */
function weight(hash: number, partition: number): number {
  return mix(hash ^ mix(Math.imul(partition + 1, GOLDEN)));
}

/** Divides `count` partitions so that what each has been given in all is as even as can be. */
function share(slots: readonly Slot[], count: number): void {
  const levelled = (level: number) =>
    slots.reduce((sum, { given }) => sum + Math.max(0, level - given), 0);
  let level = 0;
  while (levelled(level + 1) <= count) level++;
  let rest = count - levelled(level);
  for (const slot of slots) {
    slot.room = Math.max(0, level - slot.given);
    if (rest > 0 && slot.given <= level) {
      slot.room++;
      rest--;
    }
  }
}

/** Gives each of the partitions to one of the slots, which have room for exactly so many. */
function place(
  slots: readonly Slot[],
  partitions: readonly number[],
  owners: readonly (string | null | undefined)[],
  result: (string | null)[],
): void {
  const give = (slot: Slot, partition: number) => {
    result[partition] = slot.node;
    slot.room--;
    slot.given++;
  };
  const moving = new Set(partitions);
  for (const slot of slots) {
    const had = partitions.filter((p) => owners[p] === slot.node)
      .sort((a, b) => weight(slot.hash, b) - weight(slot.hash, a) || a - b);
    for (const partition of had.slice(0, slot.room)) {
      give(slot, partition);
      moving.delete(partition);
    }
  }
  for (const partition of moving) {
    let best: Slot | null = null, heaviest = -Infinity;
    for (const slot of slots) {
      if (slot.room === 0) continue;
      const found = weight(slot.hash, partition);
      if (found > heaviest) [best, heaviest] = [slot, found];
    }
    if (best !== null) give(best, partition);
  }
}
