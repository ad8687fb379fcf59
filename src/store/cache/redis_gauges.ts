/**
 * What the server says of itself: how full it is.
 *
 * @module
 */

import type { Redis } from "ioredis";

/** How old the figures may be, ms. */
const AGE_MAX_MS = 5_000;

/** Asks now and then, when somebody wants to know; the answer is there the next time. */
export class RedisGauges {
  #askedAtMs = -Infinity;
  #entries = 0;
  #bytes = 0;
  #bytesMax = 0;

  /** Keys of the server, whoever put them there. */
  get entries(): number {
    return this.#entries;
  }

  /** Its memory, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Its `maxmemory`, bytes; 0 for none. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Whether they are too old; then they count as new from now on. */
  isDue(nowMs: number): boolean {
    if (nowMs - this.#askedAtMs < AGE_MAX_MS) return false;
    this.#askedAtMs = nowMs;
    return true;
  }

  /** What is known is of another connection. */
  outdated(): void {
    this.#askedAtMs = -Infinity;
  }

  /** Asks; one trip. */
  async ask(redis: Redis): Promise<void> {
    const [info, entries] = await Promise.all([redis.info("memory"), redis.dbsize()]);
    this.#entries = entries;
    this.#bytes = Number(infoField(info, "used_memory") ?? 0);
    this.#bytesMax = Number(infoField(info, "maxmemory") ?? 0);
  }
}

/** A field of the server's INFO. */
export function infoField(info: string, name: string): string | null {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? null;
}
