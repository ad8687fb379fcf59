/**
 * Memory of access statistics, with what is known of rates and successors, after many different keys, in a process of its own: `deno run -A
 * --v8-flags=--expose-gc bench/warm/record_memory.ts DISTINCT`. Prints a line of JSON.
 *
 * @module
 */

import { serialize } from "node:v8";
import { ChanceOfUse } from "../../src/warm/chance.ts";
import { KEYS_DEFAULT } from "../../src/warm/statistics.ts";
import { Successors } from "../../src/warm/successors.ts";
import { flatKeys } from "../cache/speed_side.ts";
import { recorder, START_MS } from "./record_rig.ts";

/** Bytes. */
export interface RecordMemory {
  readonly tracked: number;
  /** Heap and array buffers. */
  readonly bytes: number;
  /** As the parts count their arrays. */
  readonly arrayBytes: number;
  /** Of that: counts, hours, keys. */
  readonly statisticsBytes: number;
  readonly snapshotBytes: number;
  readonly uniqueKeys: number;
}

/** Keys made at a time: they must not count as memory of what is measured. */
const PORTION = 50_000;

function bytesInUse(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot measure memory: expected --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** All that is kept of accesses, by slot. */
function known(keysMax = KEYS_DEFAULT) {
  const chance = new ChanceOfUse({ keysMax, marketOf: () => null });
  const successors = new Successors({ slotsMax: keysMax, lifeMs: () => 0 });
  const { statistics } = recorder([], {
    keysMax,
    onTracked: (slot, key, atMs) => chance.tracked(slot, key, atMs),
    onReplaced: (slot) => {
      chance.forget(slot);
      successors.forget(slot);
    },
  });
  return { statistics, chance, successors };
}

/** Each key `times` times, a portion after the other. */
function fill(made: ReturnType<typeof known>, distinct: number, times: number): void {
  const { statistics, chance, successors } = made;
  let atMs = START_MS;
  for (let from = 0; from < distinct; from += PORTION) {
    const keys = flatKeys(Math.min(PORTION, distinct - from), from);
    for (let time = 0; time < times; time++) {
      for (const key of keys) {
        const slot = statistics.record({ key, atMs: atMs++, answer: "waited", user: null });
        if (slot < 0) continue;
        chance.accessed(slot, atMs);
        successors.accessed(null, slot, atMs, false);
      }
    }
  }
}

if (import.meta.main) {
  const distinct = Number(Deno.args[0]);
  // Code is compiled and its data kept before it is measured.
  const small = known(1_000);
  fill(small, 200_000, 2);
  small.statistics.snapshot(START_MS);
  const beforeBytes = bytesInUse();
  const made = known();
  fill(made, distinct, 2);
  const bytes = bytesInUse() - beforeBytes;
  const { statistics, chance, successors } = made;
  const report: RecordMemory = {
    tracked: statistics.size,
    bytes,
    arrayBytes: statistics.bytes + chance.bytes + successors.bytes,
    statisticsBytes: statistics.bytes,
    snapshotBytes: serialize(statistics.snapshot(START_MS)).length,
    uniqueKeys: statistics.uniqueKeys,
  };
  console.log(JSON.stringify(report));
}
