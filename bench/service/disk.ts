/**
 * What the disk takes to keep something, beside which figures of durable commits are to be read.
 *
 * @module
 */

const WRITES = 100;
const PAGE_BYTES = 4_096;

/** Times of appending a page to a file and syncing it, ms. */
export function fsyncTimes(folder: string): number[] {
  using file = Deno.openSync(`${folder}/sync`, { write: true, create: true });
  const page = new Uint8Array(PAGE_BYTES).fill(1);
  return Array.from({ length: WRITES }, () => {
    const startMs = performance.now();
    file.writeSync(page);
    file.syncDataSync();
    return performance.now() - startMs;
  });
}
