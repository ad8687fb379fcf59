/**
 * What warming keeps in memory after a million distinct keys, in a process of its own:
 * `deno run -A --v8-flags=--expose-gc bench/warm/memory.ts KEYS`. Prints a line of JSON.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { Warming, type WarmingPorts } from "../../src/warm/warming.ts";

/** Bytes, and what is said of them. */
export interface MemoryReport {
  /** Heap and what hangs outside of it, after a small beginning. */
  readonly emptyBytes: number;
  /** The same after all keys. */
  readonly fullBytes: number;
  /** Bytes of the snapshot's plain form while it is held. */
  readonly snapshotBytes: number;
  readonly trackedKeys: number;
  readonly keysMax: number;
  readonly uniqueKeys: number;
  readonly accesses: number;
}

const START_MS = Date.UTC(2026, 2, 2, 14, 30);
/** Of a key asked for at random; most are asked for once or twice. */
const ACCESSES_PER_KEY = 2;
const USERS = 1_000;
/** Between two accesses, ms: 500 a second, the peak of some hundred times the day's users. */
const STEP_MS = 2;
const TICK_MS = 1_000;

async function bytesInUse(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot measure memory: expected --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) {
    gc();
    // What loads and buffers of others held goes in a turn of its own.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Feeds so many distinct keys to one, skewed towards the first, each at least once. */
function feed(warming: Warming, clock: { nowMs: number }, keys: number): number {
  const random = seededRandom(1);
  const accesses = keys * ACCESSES_PER_KEY;
  for (let i = 0; i < accesses; i++) {
    clock.nowMs += STEP_MS;
    const atMs = clock.nowMs;
    const at = i % 2 === 0 ? i / 2 : Math.floor(keys * random.next() ** 4);
    const key = `price:S${at}`;
    const user = String(Math.floor(USERS * random.next()));
    warming.accessed({ key, atMs, answer: "waited", user });
    warming.stored({
      key,
      atMs,
      softAtMs: atMs + 300_000,
      hardAtMs: atMs + 600_000,
      weightBytes: 200,
      strategy: null,
    });
    if (atMs % TICK_MS === 0) warming.tick(atMs);
  }
  return accesses;
}

function portsOf(clock: { nowMs: number }): WarmingPorts {
  return {
    nowMs: () => clock.nowMs,
    load: (keys) => Promise.resolve(keys.map(() => "failed" as const)),
    freshLeftMs: () => 0,
    ttlMs: () => ({ freshMs: 300_000, servedMs: 600_000 }),
    keysPerCall: () => 50,
    callsLeft: () => null,
    isDown: () => false,
    marketOf: () => ({ calendar: "nyse", sector: "technology" }),
    events: () => [],
  };
}

function newWarming(clock: { nowMs: number }): Warming {
  return new Warming({ ports: portsOf(clock), random: seededRandom(1), nowMs: clock.nowMs });
}

async function measure(keys: number): Promise<MemoryReport> {
  // Code is compiled and its data kept by another first.
  const small = { nowMs: START_MS };
  feed(newWarming(small), small, 20_000);
  const clock = { nowMs: START_MS };
  const beforeBytes = await bytesInUse();
  const warming = newWarming(clock);
  const emptyBytes = await bytesInUse() - beforeBytes;
  const accesses = feed(warming, clock, keys);
  const fullBytes = await bytesInUse() - beforeBytes;
  const held = warming.snapshot(clock.nowMs);
  const snapshotBytes = await bytesInUse() - beforeBytes - fullBytes;
  const { trackedKeys, keysMax } = warming.status(clock.nowMs);
  const { uniqueKeys } = warming.patterns(clock.nowMs);
  if (held.version !== 1) throw new Error("Cannot trust the snapshot");
  return { emptyBytes, fullBytes, snapshotBytes, trackedKeys, keysMax, uniqueKeys, accesses };
}

if (import.meta.main) console.log(JSON.stringify(await measure(Number(Deno.args[0]))));
