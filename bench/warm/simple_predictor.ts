/**
 * The rival: the simple predictor of the README of the workloads. At expiry an entry is refreshed when
 * 1 − exp(−rate · TTL) ≥ floor, with the rate of its key as an average over 30 min that decays
 * exponentially. At floor 0 it warms everything.
 *
 * @module
 */

import type { Access, StoredEntry } from "../../src/warm/types.ts";
import type { WarmAsk, WarmingPorts } from "../../src/warm/warming.ts";
import type { RigOptions, Warmer } from "./rig.ts";

const HALF_HOUR_MS = 30 * 60_000;
const ASK: WarmAsk = { origin: "warm:renewal", priority: 3, timeoutMs: 30_000 };

interface Known {
  /** Accesses a ms, as of `atMs`. */
  rate: number;
  atMs: number;
  softAtMs: number;
}

/** The rig with it. */
export function withSimplePredictor(rig: RigOptions, floor: number): RigOptions {
  return { ...rig, warmer: (ports) => new SimplePredictor(ports, floor) };
}

/** See the head of this file. */
export class SimplePredictor implements Warmer {
  readonly #ports: WarmingPorts;
  readonly #floor: number;
  readonly #known = new Map<string, Known>();
  /** Keys by the second in which they expire. */
  readonly #ends = new Map<number, string[]>();
  #doneS = 0;

  /** Refreshes through those ports. */
  constructor(ports: WarmingPorts, floor: number) {
    this.#ports = ports;
    this.#floor = floor;
  }

  accessed({ key, atMs }: Access): void {
    const known = this.#of(key, atMs);
    known.rate = known.rate * Math.exp(-(atMs - known.atMs) / HALF_HOUR_MS) + 1 / HALF_HOUR_MS;
    known.atMs = atMs;
  }

  stored({ key, atMs, softAtMs }: StoredEntry): void {
    this.#of(key, atMs).softAtMs = softAtMs;
    const second = Math.max(this.#doneS + 1, Math.ceil(softAtMs / 1_000));
    const ends = this.#ends.get(second);
    if (ends === undefined) this.#ends.set(second, [key]);
    else ends.push(key);
  }

  tick(nowMs: number): void {
    const nowS = Math.floor(nowMs / 1_000);
    if (this.#doneS === 0) this.#doneS = nowS - 1;
    for (; this.#doneS < nowS; this.#doneS++) {
      const ending = this.#ends.get(this.#doneS + 1);
      if (ending === undefined) continue;
      this.#ends.delete(this.#doneS + 1);
      for (const key of ending) this.#end(key, nowMs);
    }
  }

  #end(key: string, nowMs: number): void {
    const known = this.#known.get(key);
    if (known === undefined || known.softAtMs > nowMs) return;
    const rate = known.rate * Math.exp(-(nowMs - known.atMs) / HALF_HOUR_MS);
    const { freshMs } = this.#ports.ttlMs(key, nowMs);
    if (1 - Math.exp(-rate * freshMs) < this.#floor) return;
    void this.#ports.load([key], ASK);
  }

  #of(key: string, atMs: number): Known {
    let known = this.#known.get(key);
    if (known === undefined) {
      known = { rate: 0, atMs, softAtMs: 0 };
      this.#known.set(key, known);
    }
    return known;
  }
}
