/**
 * Ours for the speed figures: the tables as deployed.
 *
 * @module
 */

import { systemClock } from "../../src/actor/clock.ts";
import { CoarseClock } from "../../src/cache/coarse_clock.ts";
import { SHARDS_DEFAULT } from "../../src/cache/rendezvous.ts";
import { Deployed } from "./deployed.ts";
import { KIND, type Quote, type SpeedSide } from "./speed_side.ts";

/** See {@linkcode SpeedSide}. */
export class OurSide implements SpeedSide {
  readonly name = `${SHARDS_DEFAULT} shards`;
  readonly #clock = new CoarseClock(systemClock, 1);
  readonly #tables: Deployed<Quote>;

  constructor(entriesMax: number) {
    this.#tables = new Deployed<Quote>({ entriesMax, time: this.#clock });
  }

  get size(): number {
    return this.#tables.size;
  }

  fill(keys: readonly string[], values: readonly Quote[]): void {
    const cache = this.#tables;
    for (let i = 0; i < keys.length; i++) cache.set(keys[i] as string, values[i] as Quote);
    cache.expire();
  }

  hits(keys: readonly string[], order: Uint32Array): number {
    const cache = this.#tables;
    let sum = 0;
    for (let i = 0; i < order.length; i++) {
      const found = cache.get(keys[order[i] as number] as string);
      if (found === undefined) return NaN;
      sum += found.id;
    }
    return sum;
  }

  builtHits(symbols: readonly string[], order: Uint32Array): number {
    const cache = this.#tables;
    let sum = 0;
    for (let i = 0; i < order.length; i++) {
      const found = cache.get(`${KIND}:${symbols[order[i] as number]}`);
      if (found === undefined) return NaN;
      sum += found.id;
    }
    return sum;
  }

  mix(
    keys: readonly string[],
    setKeys: readonly string[],
    values: readonly Quote[],
    order: Uint32Array,
  ): number {
    const cache = this.#tables;
    let hits = 0;
    for (let i = 0; i < order.length; i++) {
      const at = order[i] as number;
      const found = cache.get(keys[at] as string);
      if (found === undefined) cache.set(setKeys[at] as string, values[at] as Quote);
      else if (found.id === at) hits++;
      else return NaN;
    }
    cache.expire();
    return hits;
  }

  close(): void {
    this.#clock.close();
  }
}
