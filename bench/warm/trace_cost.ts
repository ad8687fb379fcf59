/**
 * What it costs to learn what follows what, and to ask: time of an access, bytes of a tracked key.
 *
 * @module
 */

import { Successors } from "../../src/warm/successors.ts";
import type { Trace } from "../cache/trace_files.ts";
import { type Figures, spreadOf } from "../support/figures.ts";

const ROUNDS = 5;
/** More than the bounded parts have places. */
const KEYS = 20_000;
/** Any: what a key that is not there is said to last, ms. */
const LIFE_MS = 300_000;
/** A key that was asked for within so many requests is said to be there. */
const HELD_REQUESTS = 2_048;

/** Adds the figures of one trace, every request by one client. */
export function traceCost(figures: Figures, { ids, keys, name }: Trace, chanceMin: number): void {
  const times: number[] = [];
  let proposed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const lastAt = new Float64Array(keys.length).fill(-Infinity);
    const successors = new Successors({
      slotsMax: keys.length,
      lifeMs: (slot, atMs) => atMs - (lastAt[slot] as number) > HELD_REQUESTS ? LIFE_MS : 0,
    });
    const startMs = performance.now();
    for (let at = 0; at < ids.length; at++) {
      const slot = ids[at] as number;
      successors.accessed("trace", slot, at, at - (lastAt[slot] as number) > HELD_REQUESTS);
      lastAt[slot] = at;
      proposed += successors.propose(slot, at, chanceMin, 20);
    }
    times.push(1_000 * (performance.now() - startMs) / ids.length);
  }
  if (proposed === 0) throw new Error(`Cannot trust the times of ${name}: nothing was proposed`);
  figures.add(`${name}: learning and proposing, an access`, spreadOf(times), {
    unit: " µs",
    must: 2,
    aim: 1,
    better: "lower",
  });
  const [few, many] = [bytesOf(KEYS), bytesOf(2 * KEYS)];
  figures.add("bytes of a tracked key", spreadOf([(many - few) / KEYS]), {
    unit: "",
    must: 24,
    better: "lower",
  });
  figures.note(`and ${Math.round((2 * few - many) / 1024)} KB, whatever the number of keys`);
}

function bytesOf(slotsMax: number): number {
  return new Successors({ slotsMax, lifeMs: () => 0 }).bytes;
}
