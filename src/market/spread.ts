/**
 * Which worker has which partition while workers come and go.
 *
 * ## How it works
 * The owners for n workers are those for n - 1 with the new one's share taken from all others. So
 * they depend on nothing but the number, and
 *
 * - the shares of any two workers differ by at most one partition, where hashing each partition to
 *   its heaviest worker (rendezvous) leaves some with half as much again as others: 256 are few
 * - one worker more takes 1/n of the partitions, which is the least that makes shares even, and no
 *   other partition moves; one fewer gives exactly those back
 *
 * What an old worker gives is spread over what it has, so that names which differ in their last
 * letter only, and lie in neighbouring partitions, do not all move together.
 *
 * @module
 */

import { PARTITIONS } from "./partition.ts";

/** Owner of each partition for 1, 2, … workers, as far as it was asked for: 512 bytes each. */
const made: Uint16Array[] = [];

/**
 * Worker of each of the 256 partitions, 0 to `workers` - 1. O(partitions · workers) the first time.
 * The result is shared and not to be written to.
 *
 * @throws {RangeError} unless there is at least one worker, and at most one a partition.
 */
export function partitionOwners(workers: number): Readonly<Uint16Array> {
  if (!Number.isInteger(workers) || workers < 1 || workers > PARTITIONS) {
    throw new RangeError(
      `Cannot divide partitions: expected 1 to ${PARTITIONS} workers: current value is ${workers}`,
    );
  }
  while (made.length < workers) made.push(withOneMore(made.at(-1) ?? null, made.length));
  return made[workers - 1] as Uint16Array;
}

/** The owners when worker `added` joins those before it. */
function withOneMore(before: Uint16Array | null, added: number): Uint16Array {
  const owners = before === null ? new Uint16Array(PARTITIONS) : before.slice();
  if (before === null) return owners;
  const workers = added + 1;
  const share = Math.floor(PARTITIONS / workers);
  let larger = PARTITIONS % workers;
  const had = Array.from({ length: added }, (): number[] => []);
  before.forEach((owner, partition) => had[owner]?.push(partition));
  // Those that had most keep the shares that are one larger. The sort is stable.
  for (const partitions of had.toSorted((a, b) => b.length - a.length)) {
    const kept = larger-- > 0 ? share + 1 : share;
    const given = partitions.length - kept;
    for (let i = 0; i < given; i++) {
      const at = Math.floor((i + 0.5) * partitions.length / given);
      owners[partitions[at] as number] = added;
    }
  }
  return owners;
}
