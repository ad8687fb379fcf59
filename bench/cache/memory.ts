/**
 * What a million entries take beside their keys and values, in a process of its own:
 * `deno run -A --v8-flags=--expose-gc bench/cache/memory.ts ours|lru-cache ENTRIES`. Prints a line of
 * JSON.
 *
 * @module
 */

import { LruCacheSide } from "../rivals/lru_cache.ts";
import { OurSide } from "./our_side.ts";
import { flatKeys, quotes, type SpeedSide } from "./speed_side.ts";

/** Bytes an entry. */
export interface MemoryReport {
  /** Heap and what hangs outside of it, after filling it once. */
  readonly filled: number;
  /** The same after as many new keys again, each of which evicts one. */
  readonly churned: number;
  /** Resident memory by which the process grew until it was filled, for comparison. */
  readonly resident: number;
  /** Bytes of an instance without entries. */
  readonly emptyBytes: number;
}

function bytesInUse(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot measure memory: expected --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

function measure(make: (entriesMax: number) => SpeedSide, entries: number): MemoryReport {
  // Code is compiled and its data kept by a small instance first.
  const small = make(1_000);
  small.fill(flatKeys(20_000), quotes(20_000));
  small.close();
  const keys = flatKeys(entries), others = flatKeys(entries, entries);
  const values = quotes(entries);
  const beforeBytes = bytesInUse();
  const beforeRss = Deno.memoryUsage().rss;
  const side = make(entries);
  const emptyBytes = bytesInUse() - beforeBytes;
  side.fill(keys, values);
  const filled = (bytesInUse() - beforeBytes) / side.size;
  const resident = (Deno.memoryUsage().rss - beforeRss) / side.size;
  side.fill(others, values);
  const churned = (bytesInUse() - beforeBytes) / side.size;
  if (side.size < 0.99 * entries || side.size > entries) {
    throw new Error(`Cannot trust ${side.name}: expected ${entries} entries: found ${side.size}`);
  }
  side.close();
  // Until here all of it was in use: nothing was collected early.
  if (keys.length + others.length !== 2 * values.length) throw new Error("Cannot trust the keys");
  return { filled, churned, resident, emptyBytes };
}

if (import.meta.main) {
  const [name, entries] = Deno.args;
  const make = name === "lru-cache"
    ? (entriesMax: number) => new LruCacheSide(entriesMax)
    : (entriesMax: number) => new OurSide(entriesMax);
  console.log(JSON.stringify(measure(make, Number(entries))));
}
