/**
 * Work that is done a few at a time.
 *
 * @module
 */

/** Does each, at most `lanes` at a time, begun in their order. Rejects with the first that rejects. */
export async function inLanes<T>(
  lanes: number,
  all: Iterable<T>,
  work: (one: T) => Promise<void>,
): Promise<void> {
  // One iterator for all: what a lane takes, no other does.
  const left = Iterator.from(all);
  const lane = async () => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
