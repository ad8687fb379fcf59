/**
 * The same work on libraries of signals: a signal per edge, a computed per set, and computed maxima
 * of 64, as our blocks are: without them each refresh would look at all sets.
 *
 * @module
 */

import * as preact from "@preact/signals-core";
import {
  computed as alienComputed,
  endBatch,
  signal as alienSignal,
  startBatch,
} from "alien-signals";
import type { Best, World } from "../refresh/world.ts";
import type { Scorer } from "../../src/refresh/scorer.ts";

/** What the two libraries have in common. */
interface Signals {
  readonly name: string;
  signal(value: number): { get(): number; set(value: number): void };
  computed<T>(compute: () => T): () => T;
  batch(change: () => void): void;
}

const alien: Signals = {
  name: "alien-signals",
  signal: (value) => {
    const one = alienSignal(value);
    return { get: () => one(), set: (next) => one(next) };
  },
  computed: (compute) => alienComputed(compute),
  batch: (change) => {
    startBatch();
    change();
    endBatch();
  },
};

const preactSignals: Signals = {
  name: "@preact/signals-core",
  signal: (value) => {
    const one = preact.signal(value);
    return { get: () => one.value, set: (next) => void (one.value = next) };
  },
  computed: (compute) => {
    const one = preact.computed(compute);
    return () => one.value;
  },
  batch: (change) => preact.batch(change),
};

/** The libraries that are measured. */
export const SIGNAL_LIBRARIES: readonly Signals[] = [alien, preactSignals];

const FAN = 64;

/** All sets of a world as computed values. */
export class SignalRefresh {
  readonly name: string;
  /** Scores computed since the beginning. */
  evaluated = 0;
  readonly #library: Signals;
  readonly #edges: { get(): number; set(value: number): void }[];
  readonly #best: () => Best | null;

  constructor(library: Signals, world: World, scorer: Scorer) {
    this.name = library.name;
    this.#library = library;
    const values = Float64Array.from(world.values), { members, size } = world;
    const edges = this.#edges = Array.from(values, (value) => library.signal(value));
    let level = world.setIds.map((setId, set): () => Best | null => {
      const from = set * size, to = from + size;
      const score = library.computed(() => {
        for (let i = from; i < to; i++) {
          const edge = members[i] as number;
          values[edge] = (edges[edge] as { get(): number }).get();
        }
        this.evaluated++;
        return scorer.score(values, members, from, to);
      });
      return () => ({ setId, score: score() });
    });
    while (level.length > 1) {
      const parts = Array.from(
        { length: Math.ceil(level.length / FAN) },
        (_, i) => level.slice(i * FAN, (i + 1) * FAN),
      );
      level = parts.map((part) => library.computed(() => ahead(part)));
    }
    this.#best = level[0] ?? (() => null);
  }

  /** Takes moves, by handle, and returns the best set. */
  refresh(handles: readonly number[], values: readonly number[]): Best | null {
    this.#library.batch(() => {
      for (let i = 0; i < handles.length; i++) {
        this.#edges[handles[i] as number]?.set(values[i] as number);
      }
    });
    return this.#best();
  }
}

function ahead(part: readonly (() => Best | null)[]): Best | null {
  let best: Best | null = null;
  for (const read of part) {
    const one = read();
    if (one === null) continue;
    const isAhead = best === null || one.score > best.score ||
      (one.score === best.score && one.setId < best.setId);
    if (isAhead) best = one;
  }
  return best;
}
